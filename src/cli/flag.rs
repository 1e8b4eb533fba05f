//! `opsdeck flag`: what is switched on where, and switching it, without the screen.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::drive::{Manner, drive, namespace, workload};
use super::output::{Failure, error_line, json, line};
use super::{Global, start};
use crate::actions::ActionKind;
use crate::actions::flag::SetFlag;
use crate::domain::flag::{FlagChange, FlagDetail, FlagRow, written};
use crate::domain::time::{Instant, age};
use crate::integrations::flags::Provider;
use crate::runtime::wiring::Connected;
use crate::state::filter::Filter;
use crate::state::table::Row as _;

/// Flags: read and switched.
#[derive(Debug, Subcommand)]
pub enum FlagCommand {
    /// List the flags of this context, the newest change first
    List(ListArgs),
    /// Show one flag: strategies in words, environments, history
    Show(ShowArgs),
    /// Turn flags on: plan, confirm, execute, read back, record
    #[command(after_help = SWITCH)]
    On(SwitchArgs),
    /// Turn flags off: plan, confirm, execute, read back, record
    #[command(after_help = SWITCH)]
    Off(SwitchArgs),
    /// Set whom a flag reaches: the share of its roll-out, or its default variant
    #[command(after_help = SET)]
    Set(SetArgs),
}

const SWITCH: &str = "Examples:
  opsdeck flag off new-pricing --dry-run
  opsdeck flag off new-pricing --workload deployment/payment --reason 'p99 since 14:22'
  opsdeck flag on new-pricing --provider unleash --project default --env production --yes

Exit codes: 0 done and verified, 2 bad arguments, 3 refused or not confirmed, 4 conflict, 5 failed, 6 unverified";

const SET: &str = "Examples:
  opsdeck flag set new-pricing --percent 5
  opsdeck flag set checkout-page --variant control --yes

Exit codes: 0 done and verified, 2 bad arguments, 3 refused or not confirmed, 4 conflict, 5 failed, 6 unverified";

/// Which flags are meant where several have one name.
#[derive(Clone, Debug, Default, Args)]
pub struct Where {
    /// Who keeps them: a source, by its name in the configuration
    #[arg(long = "provider", visible_alias = "source", value_name = "NAME")]
    source: Option<String>,
    /// Project
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// Environment, one of those that belong to this context
    #[arg(long, value_name = "ENVIRONMENT")]
    env: Option<String>,
}

/// Arguments of `flag list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those that match; ! in front turns it round
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
    #[command(flatten)]
    place: Where,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `flag show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The flag
    #[arg(value_name = "FLAG")]
    flag: String,
    #[command(flatten)]
    place: Where,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `flag on` and `flag off`.
#[derive(Debug, Args)]
pub struct SwitchArgs {
    /// The flags; several are one plan
    #[arg(value_name = "FLAG", required = true)]
    flags: Vec<String>,
    #[command(flatten)]
    place: Where,
    /// What has to get well by it: its alerts and its budget are then part of the proof
    #[arg(long, value_name = "WORKLOAD")]
    workload: Option<String>,
    #[command(flatten)]
    manner: Manner,
}

/// Arguments of `flag set`.
#[derive(Debug, Args)]
pub struct SetArgs {
    #[command(flatten)]
    switch: SwitchArgs,
    /// The share of users that its roll-out reaches
    #[arg(long, value_name = "0-100", required_unless_present = "variant", conflicts_with = "variant")]
    percent: Option<u8>,
    /// The variant that is served where no rule says otherwise
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
}

/// Runs it.
pub fn run(global: &Global, command: &FlagCommand) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let start = start::start(global).await?;
        let connected =
            start.launch.connect(start.context.clone(), start.namespace.clone(), 1).await.map_err(start::unusable)?;
        let now = start.launch.clock.now();
        let (args, set) = match command {
            FlagCommand::List(args) => return list(&connected, args, now).await,
            FlagCommand::Show(args) => return show(&connected, args, now).await,
            FlagCommand::On(args) => (args, FlagChange::Enabled(true)),
            FlagCommand::Off(args) => (args, FlagChange::Enabled(false)),
            FlagCommand::Set(SetArgs { switch, percent: Some(percent), .. }) => {
                (switch, FlagChange::Percentage(*percent))
            }
            FlagCommand::Set(SetArgs { switch, variant, .. }) => {
                (switch, FlagChange::Variant(written(variant.as_deref().unwrap_or_default())))
            }
        };
        start.settle(&connected).await;
        let here = namespace(&connected);
        let about = args.workload.as_deref().map(|text| workload(text, &here)).transpose()?;
        let rows = rows(&connected, &args.place).await?;
        let mut actions = Vec::new();
        for name in &args.flags {
            let flag = one(&rows, name)?.id.clone();
            actions.push(ActionKind::Flag(SetFlag { flag, set: set.clone(), about: about.clone() }));
        }
        drive(&start.launch, &connected, args.manner.request(actions)?, &args.manner).await
    })
}

/// The sources that are meant; a failure that names those there are.
fn sources<'a>(at: &'a Connected, place: &Where) -> Result<Vec<&'a std::sync::Arc<dyn Provider>>, Failure> {
    let all = at.clients.flags.sources();
    if all.is_empty() {
        let message = format!("no source of flags has an environment for context {}", at.info.name);
        return Err(Failure::usage(message).hint("name one: [[flags]] in the configuration"));
    }
    let Some(wanted) = &place.source else { return Ok(all.iter().collect()) };
    let found: Vec<_> = all.iter().filter(|source| source.source() == wanted).collect();
    if found.is_empty() {
        let known: Vec<&str> = all.iter().map(|source| source.source()).collect();
        return Err(Failure::usage(format!("there is no source of flags `{wanted}`; there are: {}", known.join(", "))));
    }
    Ok(found)
}

/// The flags that are meant, the newest change first.
async fn rows(at: &Connected, place: &Where) -> Result<Vec<FlagRow>, Failure> {
    let mut rows = Vec::new();
    for source in sources(at, place)? {
        let list = source.list().await?;
        if let Some(lacks) = list.limited {
            error_line(&format!("{}: {lacks}", source.source()));
        }
        rows.extend(list.rows);
    }
    let among = |wanted: &Option<String>, what: &str, of: fn(&FlagRow) -> &str| -> Result<(), Failure> {
        let Some(wanted) = wanted.as_deref().map(written) else { return Ok(()) };
        let known: std::collections::BTreeSet<&str> = rows.iter().map(of).collect();
        if known.contains(wanted.as_str()) || rows.is_empty() {
            return Ok(());
        }
        let known: Vec<&str> = known.into_iter().collect();
        Err(Failure::usage(format!("no flag of this context is in {what} `{wanted}`; there are: {}", known.join(", "))))
    };
    among(&place.project, "project", |row| &row.id.project)?;
    among(&place.env, "environment", |row| &row.id.environment)?;
    let is = |wanted: &Option<String>, text: &str| wanted.as_deref().is_none_or(|wanted| written(wanted) == text);
    rows.retain(|row| is(&place.project, &row.id.project) && is(&place.env, &row.id.environment));
    rows.sort_by(|one, other| (one.rank(), &one.id).cmp(&(other.rank(), &other.id)));
    Ok(rows)
}

/// The one flag of a name.
fn one<'a>(rows: &'a [FlagRow], name: &str) -> Result<&'a FlagRow, Failure> {
    let wanted = written(name);
    let found: Vec<&FlagRow> = rows.iter().filter(|row| *row.id.key == *wanted).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let near = rows
                .iter()
                .map(|row| (strsim::jaro_winkler(&row.id.key, &wanted), &row.id.key))
                .filter(|(likeness, _)| *likeness > 0.8)
                .max_by(|one, other| one.0.total_cmp(&other.0));
            let failure = Failure::usage(format!("there is no flag `{wanted}` here"));
            Err(match near {
                Some((_, near)) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("opsdeck flag list"),
            })
        }
        several => {
            let places: Vec<String> = several
                .iter()
                .map(|row| {
                    format!("--provider {} --project {} --env {}", row.id.source, row.id.project, row.id.environment)
                })
                .collect();
            Err(Failure::usage(format!("several flags are called `{wanted}`")).hint(places.join("\n        ")))
        }
    }
}

async fn list(at: &Connected, args: &ListArgs, now: Instant) -> Result<ExitCode, Failure> {
    let mut rows = rows(at, &args.place).await?;
    if let Some(filter) = args.filter.as_deref().and_then(Filter::parse) {
        rows.retain(|row| filter.accepts(&row.haystack()));
    }
    if args.json {
        json(&rows)?;
        return Ok(ExitCode::SUCCESS);
    }
    let width = |of: &dyn Fn(&FlagRow) -> &str| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
    let (keys, environments, serves) =
        (width(&|row| &row.id.key), width(&|row| &row.id.environment), width(&|row| &row.serves));
    for row in &rows {
        let state = if row.enabled { "on" } else { "off" };
        let changed =
            row.changed.as_ref().map_or_else(String::new, |event| format!("{} {}", age(event.at, now), event.by));
        let stale = if row.stale { "  stale" } else { "" };
        let text = format!(
            "{:keys$}  {:environments$}  {state:3}  {:serves$}  {changed}{stale}",
            row.id.key, row.id.environment, row.serves
        );
        line(text.trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(at: &Connected, args: &ShowArgs, now: Instant) -> Result<ExitCode, Failure> {
    let rows = rows(at, &args.place).await?;
    let row = one(&rows, &args.flag)?;
    let detail = at.services.flags.detail(&row.id).await.map_err(|error| Failure::failed(error.to_string()))?;
    if args.json {
        json(&serde_json::json!({ "flag": row, "detail": detail }))?;
    } else {
        print(row, &detail, now);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(row: &FlagRow, detail: &FlagDetail, now: Instant) {
    let say = |label: &str, text: &str| line(format!("{label:<12} {text}").trim_end());
    let facts = &detail.facts;
    say("flag", &row.id.to_string());
    say("kept in", &format!("{}, project {}", row.id.source, row.id.project));
    say(
        "state",
        if facts.archived {
            "archived"
        } else if facts.enabled {
            "on"
        } else {
            "off"
        },
    );
    say("users", facts.serves());
    for (label, text) in [("what", facts.description.as_deref()), ("kind", Some(facts.kind.word()))] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            say(label, text);
        }
    }
    if facts.stale {
        say("stale", "its owners call it stale");
    }
    if let Some(approval) = &facts.approval {
        let open = approval.open.as_ref().map_or_else(String::new, |open| format!("; open: {open}"));
        say("approval", &format!("{}{open}", approval.why));
    }
    for warning in &facts.warnings {
        say("careful", warning);
    }
    for strategy in &facts.strategies {
        say("strategy", strategy);
    }
    if !facts.variants.is_empty() {
        say("variants", &facts.variants.join(", "));
    }
    if !facts.workloads.is_empty() {
        say("workloads", &facts.workloads.join(", "));
    }
    for (name, enabled) in &detail.environments {
        say(name, if *enabled { "on" } else { "off" });
    }
    for event in &detail.history {
        say(&format!("{} ago", age(event.at, now)), &format!("{}: {}", event.by, event.what));
    }
    for gap in &detail.gaps {
        say("not read", gap);
    }
}
