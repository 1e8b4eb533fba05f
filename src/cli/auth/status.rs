//! `opsdeck auth status`: where each secret lives, whether it is there, and when it was last proven valid.

use std::process::ExitCode;

use crate::cli::output::{Failure, json, line};
use crate::cli::{Global, start};
use crate::runtime::credentials::ledger::Ledger;
use crate::runtime::credentials::{Standing, look};

/// Runs it: exit code 0 when all is well, 1 when something is missing or was refused.
pub(super) async fn run(global: &Global, as_json: bool) -> Result<ExitCode, Failure> {
    let start = start::start(global).await?;
    let credentials = start.launch.configuration().await?.credentials();
    let found = look(&credentials, &Ledger::new(&start::dirs(global)).entries()).await;
    if as_json {
        json(&found)?;
    } else if found.is_empty() {
        line("the configuration names no secret");
    } else {
        for one in &found {
            print(one, &found);
        }
    }
    Ok(ExitCode::from(u8::from(found.iter().any(Standing::is_bad))))
}

fn print(one: &Standing, all: &[Standing]) {
    let width = |of: fn(&Standing) -> &str| all.iter().map(|one| of(one).chars().count()).max().unwrap_or_default();
    let (first, second) = (width(|one| &one.source), width(|one| &one.setting));
    let mark = if one.is_bad() {
        "✗"
    } else if one.proven.is_none() {
        "!"
    } else {
        "✓"
    };
    line(&format!("{mark} {:first$}  {:second$}  {}: {}", one.source, one.setting, one.place, state(one)));
    if let Some(next) = &one.next {
        line(&format!("  {:first$}  {:second$}  → {next}", "", ""));
    }
}

fn state(one: &Standing) -> String {
    if let Some(why) = &one.why {
        // The setting stands in the line already.
        let why = why.strip_prefix(&format!("{}: ", one.setting)).unwrap_or(why);
        return format!("not usable: {why}");
    }
    let proven = one.proven.as_ref().map_or_else(
        || "not proven yet".to_owned(),
        |proven| format!("proven valid {} by {}", proven.at.format("%Y-%m-%d %H:%M UTC"), proven.by),
    );
    match &one.refused {
        Some(refused) => {
            format!("there, but refused {}: {}; {proven}", refused.at.format("%Y-%m-%d %H:%M UTC"), refused.why)
        }
        None => format!("there; {proven}"),
    }
}
