//! `opsdeck auth logout`: takes a secret away from where the configuration keeps it, and says what remains.

use std::process::ExitCode;

use super::choose;
use crate::cli::output::{Failure, line};
use crate::cli::{Global, start};
use crate::config::SecretSource;
use crate::integrations::secret::{self, Removed};
use crate::runtime::credentials::ledger::Ledger;

/// Runs it.
pub(super) async fn run(global: &Global, source: &str) -> Result<ExitCode, Failure> {
    let start = start::start(global).await?;
    let all = start.launch.configuration().await?.credentials();
    let credential = choose(all.clone(), Some(source))?;
    let at = &credential.at;
    let out_of_reach = |what: String, hint: String| {
        Err(Failure::usage(format!("the secret of {} is in {what}, which opsdeck cannot take away", credential.source))
            .hint(hint))
    };
    match at {
        SecretSource::Env(name) => {
            return out_of_reach(
                format!("{at} of your shell or service"),
                format!("unset {name} {name}_FILE, and take it out of what sets it"),
            );
        }
        SecretSource::Command(words) => {
            let program = words.first().map_or("the command", String::as_str);
            return out_of_reach(format!("what {at} prints"), format!("remove it where `{program}` takes it from"));
        }
        SecretSource::Keyring(_) | SecretSource::Keyutils(_) | SecretSource::File(_) => {}
    }
    match secret::remove(at, &credential.setting).await? {
        Removed::Gone => line(&format!("the secret of {} is gone from {at}", credential.source)),
        Removed::Nothing => line(&format!("there was no secret of {} in {at}", credential.source)),
    }
    if let Err(error) = Ledger::new(&start::dirs(global)).forget(&credential) {
        line(&format!("  when it was last proven valid is still written down: {error}"));
    }
    for other in all.iter().filter(|one| one.at == *at && one.setting != credential.setting) {
        line(&format!("  {} took it from there too", other.setting));
    }
    line(&format!(
        "  what stays: the configuration still names the place ({}); the service still accepts it",
        credential.setting
    ));
    line("  → revoke it there, if it was seen by others");
    Ok(ExitCode::SUCCESS)
}
