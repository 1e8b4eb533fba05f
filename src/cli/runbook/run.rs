//! `opsdeck runbook run`.

use std::process::ExitCode;

use clap::Args;

use super::face::{Face, secret};
use super::walk::Walker;
use super::{Ground, ground, parameter};
use crate::cli::output::{Failure, error_line, line};
use crate::cli::{Global, start};
use crate::domain::alert::Alert;
use crate::domain::incident::IncidentId;
use crate::domain::target::WorkloadRef;
use crate::domain::text::clean_lines;
use crate::ports::cluster::Look;
use crate::runbook::Runbook;
use crate::runbook::facts::Facts;
use crate::runbook::parameter::{Values, prefill};
use crate::runbook::run::record::RunEnd;
use crate::runbook::run::{Begin, Run, RunInput};
use crate::runtime::runbooks::keep::take;
use crate::runtime::runbooks::library::Library;
use crate::runtime::runbooks::perform::Tools;
use crate::runtime::wiring::Connected;

pub const HELP: &str = "Examples:
  opsdeck runbook run high-error-rate --alert HighErrorRate
  opsdeck runbook run ./new.md --param workload=shop/deployment/payment --dry-run
  opsdeck runbook run drill --non-interactive --yes --json
  opsdeck runbook run --resume 20260314-143207-high-error-rate

Exit codes: 0 done, 2 bad arguments, 3 aborted, 5 a step failed, 6 left open (--resume takes it up)";

/// Arguments of `runbook run`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct RunArgs {
    /// The runbook: its id, or a file
    #[arg(value_name = "RUNBOOK", required_unless_present = "resume")]
    name: Option<String>,
    /// A parameter; may be given several times
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// Fill parameters in from this alert, which has to be there
    #[arg(long, value_name = "ALERT")]
    alert: Option<String>,
    /// Take a run up where it stands
    #[arg(long, value_name = "RUN", conflicts_with_all = ["name", "parameters", "alert", "dry_run"])]
    resume: Option<String>,
    /// The incident that steps write into [default: the open one]
    #[arg(long, value_name = "ID")]
    incident: Option<IncidentId>,
    /// Nobody answers: what needs a person fails
    #[arg(long)]
    non_interactive: bool,
    /// Show what each step would do, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Approve every plan, whatever confirmation the guardrails ask for; declare without being asked
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Print the records of the run as JSON lines
    #[arg(long)]
    json: bool,
}

pub fn run(global: &Global, args: &RunArgs) -> Result<ExitCode, Failure> {
    let Ground { settings, places, store } = ground(global)?;
    start::block_on(async {
        let library = Library::load(&places);
        let start = start::start(global).await?;
        // A run that is taken up says itself where it belongs.
        let taken = args
            .resume
            .as_deref()
            .map(|id| take(&store, id))
            .transpose()
            .map_err(|why| Failure::usage(why).hint("opsdeck runbook list --open"))?;
        let context = start.context.clone().or_else(|| taken.as_ref().map(|taken| taken.ground.context.clone()));
        let connected = start.launch.connect(context, start.namespace.clone(), 1).await.map_err(start::unusable)?;
        start.settle(&connected).await;
        let walker = Walker {
            start: &start,
            launch: &start.launch,
            tools: Tools::of(&connected, start.launch.clock, &settings),
            connected: &connected,
            store,
            library: &library,
            face: Face { json: args.json, unattended: args.non_interactive, yes: args.yes },
            who: start.launch.user.clone(),
            incident: args.incident.clone(),
        };
        let on = if let Some(taken) = taken {
            walker.resume(taken)?
        } else {
            let name = args.name.as_deref().unwrap_or_default();
            let entry = library.named(name).map_err(|why| Failure::usage(why).hint("opsdeck runbook list"))?;
            if let Some(wrong) = entry.diagnostics.iter().find(|one| one.is_error()) {
                let place = &entry.book.origin.place;
                return Err(Failure::usage(format!("{place}:{wrong}")).hint(format!("opsdeck runbook lint {name}")));
            }
            let values = values(&entry.book, args, &connected, &start.launch.config).await?;
            if args.dry_run {
                return dry_run(&entry.book, values, start.launch.clock.now());
            }
            walker.begin(entry.book, &values, args.alert.clone())?
        };
        let id = on.kept.id().to_owned();
        if !args.json {
            error_line(&format!("run {id}"));
        }
        Ok(ExitCode::from(match Box::pin(walker.walk(on)).await? {
            Some(RunEnd::Done { failed: 0 }) => 0,
            Some(RunEnd::Aborted { .. }) => 3,
            Some(_) => 5,
            None => {
                error_line(&format!("the run stays open: opsdeck runbook run --resume {id}"));
                6
            }
        }))
    })
}

/// What the alert, the arguments and the person give.
async fn values(
    book: &Runbook,
    args: &RunArgs,
    connected: &Connected,
    config: &crate::config::Config,
) -> Result<Values, Failure> {
    let facts = match &args.alert {
        Some(name) => alert(name, connected, config).await?,
        None => Facts::default(),
    };
    let (mut values, problems) = prefill(&book.parameters, &facts);
    for problem in problems {
        error_line(&format!("not taken from the alert: {}", problem.why));
    }
    let given = args.parameters.iter().cloned().collect();
    values.extend(book.read_values(&given).map_err(Failure::usage)?);
    for parameter in &book.parameters {
        let is_missing = parameter.required && !values.contains_key(&parameter.name);
        if is_missing && !args.non_interactive && !args.dry_run {
            let typed = secret_or_line(&parameter.name, parameter.secret);
            let text = typed.ok_or_else(|| Failure::usage(format!("{} has no value", parameter.name)))?;
            values.insert(parameter.name.clone(), parameter.read(&text).map_err(Failure::usage)?);
        }
    }
    Ok(values)
}

fn secret_or_line(name: &str, is_secret: bool) -> Option<String> {
    if is_secret { secret(name) } else { super::face::line_of(name) }
}

/// What a firing alert says, and the workload behind it.
async fn alert(name: &str, connected: &Connected, config: &crate::config::Config) -> Result<Facts, Failure> {
    let severity = crate::integrations::alerts::severity_by(config.severity.clone());
    let mut found: Vec<Alert> = Vec::new();
    if let Some(prometheus) = &connected.clients.prometheus {
        found.extend(prometheus.alerts(&severity).await.unwrap_or_default());
    }
    if found.iter().all(|alert| *alert.name != *name)
        && let Some(alertmanager) = &connected.clients.alertmanager
    {
        found.extend(alertmanager.alerts(&severity).await?.alerts);
    }
    let alert = found.into_iter().find(|alert| *alert.name == *name);
    let alert =
        alert.ok_or_else(|| Failure::usage(format!("no alert `{name}` is there now")).hint("opsdeck status"))?;
    let workload = behind(&alert, connected).await;
    Ok(Facts::of(&alert, workload.as_ref()))
}

/// The first workload of those that an alert may speak of that is there.
async fn behind(alert: &Alert, connected: &Connected) -> Option<WorkloadRef> {
    use crate::domain::alert::Subject;
    use crate::domain::target::WorkloadKind;
    let namespace = alert.label("namespace")?;
    let kinds = [WorkloadKind::Rollout, WorkloadKind::Deployment, WorkloadKind::StatefulSet, WorkloadKind::DaemonSet];
    for subject in alert.subjects() {
        let tried: Vec<WorkloadRef> = match subject {
            Subject::Workload(kind, name) => vec![WorkloadRef::new(kind, namespace.clone(), name)],
            Subject::Name(name) => {
                kinds.into_iter().map(|kind| WorkloadRef::new(kind, namespace.clone(), name.clone())).collect()
            }
            Subject::Pod(_) => Vec::new(),
        };
        for workload in tried {
            let look = Look { object: (&workload).into(), pods: false, signals: None };
            if connected.services.cluster.look(&look).await.object.is_ok() {
                return Some(workload);
            }
        }
    }
    None
}

/// Every step with what it would do; nothing is written down, nothing is done.
fn dry_run(
    book: &std::sync::Arc<Runbook>,
    values: Values,
    now: crate::domain::time::Instant,
) -> Result<ExitCode, Failure> {
    let begin = Begin { id: "dry-run".into(), who: String::new(), now, values, unattended: false, stack: Vec::new() };
    let (mut run, _) = Run::begin(book.clone(), begin).map_err(|error| Failure::usage(error.to_string()))?;
    for place in 0..book.steps.len() {
        let _ = run.feed(RunInput::Jump(place), now);
        let Some(step) = book.steps.get(place) else { break };
        let say = |text: &str| line(&clean_lines(text));
        let careful = if step.kind.writes() { ", changes something" } else { "" };
        say(&format!("{}/{}  {}  [{}{careful}]", place + 1, book.steps.len(), run.told(&step.title), step.kind.word()));
        match run.preview() {
            None => {}
            Some(Ok(work)) => work.describe().iter().for_each(|text| say(&format!("  > {}", run.masked(text)))),
            // What an earlier step captures is not known before it has run.
            Some(Err(why)) => say(&format!("  ? {why}")),
        }
    }
    Ok(ExitCode::SUCCESS)
}
