//! `opsdeck rollback`: the door without the screen.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;

use super::output::{Failure, error_line, json, line};
use super::{Global, start};
use crate::actions::door::Door;
use crate::actions::exchange::{DoorInput, Work};
use crate::actions::guardrail::ConfirmLevel;
use crate::actions::outcome::Stage;
use crate::actions::{ActionRequest, Origin, present};
use crate::domain::cluster::NamespaceScope;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::runtime::clock::Clock;
use crate::runtime::executor::answer;
use crate::runtime::wiring::{Connected, Launch};

/// Options of `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// What to roll back: `deployment/payment`, or just `payment` for a Deployment
    #[arg(value_name = "WORKLOAD")]
    workload: String,
    /// Revision to go back to [default: the one before the current]
    #[arg(long, value_name = "N")]
    to_revision: Option<u64>,
    /// Print the plan, with the server's dry run, and stop
    #[arg(long)]
    dry_run: bool,
    /// Approve the plan, where the guardrails allow it without the screen
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Why; goes to the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print plan and outcome as JSON
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(global: &Global, args: &RollbackArgs) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let start = start::start(global).await?;
        let connected =
            start.launch.connect(start.context.clone(), start.namespace.clone(), 1).await.map_err(start::unusable)?;
        start.settle(&connected).await;
        let target = target(&args.workload, &connected)?;
        let mut request = ActionRequest::rollback(target, args.to_revision, Origin::Headless);
        request.reason.clone_from(&args.reason);
        request.dry_run = args.dry_run;
        drive(&start.launch, &connected, request, args).await
    })
}

/// Reads `kind/name` or a Deployment's name; the namespace is the session's, or the kubeconfig's own.
fn target(text: &str, connected: &Connected) -> Result<WorkloadRef, Failure> {
    let (kind, name) = match text.split_once('/') {
        None => (WorkloadKind::Deployment, text),
        Some((kind, name)) => {
            let known = WorkloadKind::ALL.map(WorkloadKind::word).join(", ");
            let kind = WorkloadKind::parse(kind).ok_or_else(|| {
                Failure::usage(format!("`{kind}` is no kind of workload")).hint(format!("kinds: {known}"))
            })?;
            (kind, name)
        }
    };
    if name.is_empty() || name.contains('/') {
        return Err(Failure::usage(format!("`{text}` names no workload")).hint("write it as `deployment/payment`"));
    }
    let namespace = match &connected.info.namespace {
        NamespaceScope::One(namespace) => namespace.clone(),
        NamespaceScope::All => connected.clients.kubernetes.namespace().clone(),
    };
    Ok(WorkloadRef::new(kind, namespace, name))
}

/// Drives the door to its end: the same machine as in the console, with arguments in place of keys.
async fn drive(
    launch: &Launch,
    connected: &Connected,
    request: ActionRequest,
    args: &RollbackArgs,
) -> Result<ExitCode, Failure> {
    let clock = launch.clock;
    let mut guard = connected.guard.clone();
    guard.identity = connected.services.cluster.identity().await.ok();
    let (mut door, mut effects) = Door::request(request, &guard, clock.now());
    let (mut shown, mut told) = (false, String::new());
    loop {
        while let Some(effect) = effects.pop() {
            let observing = matches!(effect.work, Work::Observe(_));
            let answer = answer(effect.work, &connected.services, launch.journal.clone()).await;
            effects.extend(door.handle(DoorInput::Answer(effect.ticket, answer), clock.now()));
            effects.extend(door.handle(DoorInput::Tick, clock.now()));
            if observing && !args.json {
                progress(&door, &mut told);
            }
        }
        let stage = door.view().stage;
        if stage == Stage::Ended {
            return finish(&door, args);
        }
        if stage != Stage::Review {
            return Err(Failure::failed("the action stands still; nothing more was sent"));
        }
        if !shown && !args.json {
            print_plan(&door, clock);
        }
        shown = true;
        let input = if args.dry_run {
            if args.json {
                json(&door.view().plan)?;
            }
            return Ok(ExitCode::SUCCESS);
        } else {
            confirmation(&door, args)
        };
        effects = input.into_iter().flat_map(|input| door.handle(input, clock.now())).collect();
    }
}

/// `--yes` says what a person would type; without it a person at a terminal is asked, and nobody is a no.
fn confirmation(door: &Door, args: &RollbackArgs) -> Vec<DoorInput> {
    let view = door.view();
    let (level, name) =
        view.plan.map_or((ConfirmLevel::Name, String::new()), |plan| (plan.needed_confirmation(), plan.confirm_word()));
    if args.yes {
        return vec![DoorInput::Type(name), DoorInput::Confirm];
    }
    if !std::io::stdin().is_terminal() {
        error_line("not confirmed: add --yes to approve this plan");
        return vec![DoorInput::Cancel];
    }
    let question = match level {
        ConfirmLevel::Name => format!("type the name ({name}) to confirm: "),
        ConfirmLevel::Yes | ConfirmLevel::None => "type yes to confirm: ".to_owned(),
    };
    let _ = write!(std::io::stderr(), "{question}");
    let mut typed = String::new();
    let read = std::io::stdin().read_line(&mut typed);
    let typed = typed.trim().to_owned();
    let agreed = if level == ConfirmLevel::Name { typed == name } else { matches!(typed.as_str(), "y" | "yes") };
    if read.is_ok() && agreed { vec![DoorInput::Type(typed), DoorInput::Confirm] } else { vec![DoorInput::Cancel] }
}

fn print_plan(door: &Door, clock: Clock) {
    if let Some(plan) = door.view().plan {
        for text in present::plan(plan, clock.now(), true) {
            line(&text);
        }
    }
}

/// One line of where the verification stands, to standard error, whenever it says something new.
fn progress(door: &Door, told: &mut String) {
    let checks: Vec<String> = door.view().checks.iter().map(present::check).collect();
    let now = checks.join("   ");
    if now != *told {
        error_line(&now);
        *told = now;
    }
}

fn finish(door: &Door, args: &RollbackArgs) -> Result<ExitCode, Failure> {
    let view = door.view();
    let Some(outcome) = view.outcome else { return Err(Failure::failed("the action ended without an outcome")) };
    if args.json {
        json(&serde_json::json!({ "plan": view.plan, "outcome": outcome }))?;
    } else {
        for text in present::outcome(outcome) {
            if outcome.end.exit_code() == 0 { line(&text) } else { error_line(&text) }
        }
    }
    Ok(ExitCode::from(outcome.end.exit_code()))
}
