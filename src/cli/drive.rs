//! The door without the screen: what all actions share on the command line, and the one driver of every subcommand.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::output::{Failure, error_line, json, line};
use crate::actions::door::Door;
use crate::actions::exchange::DoorInput;
use crate::actions::guardrail::ConfirmLevel;
use crate::actions::outcome::Stage;
use crate::actions::step::StepState;
use crate::actions::{ActionKind, ActionRequest, OnFailure, Origin, present};
use crate::domain::Text;
use crate::domain::cluster::NamespaceScope;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::runtime::clock::Clock;
use crate::runtime::executor::answer;
use crate::runtime::incidents::office::Office;
use crate::runtime::wiring::{Connected, Launch};

/// What an action tells its incident gets this long; the rest waits in the outbox.
const TELLING: Duration = Duration::from_secs(10);
/// The shared journal gets this long to say what others wrote.
const SHARED: Duration = Duration::from_secs(5);

/// What every action takes beside its own arguments.
#[derive(Clone, Debug, Default, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Manner {
    /// Print the plan, with the server's dry run, and stop
    #[arg(long)]
    dry_run: bool,
    /// Approve the plan, whatever confirmation the guardrails ask for
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Why; goes to the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The incident that it belongs to; goes to the audit log
    #[arg(long, value_name = "ID")]
    incident: Option<String>,
    /// Override the guardrails, and why; recorded as such. Never overrides read-only
    #[arg(long, value_name = "REASON")]
    break_glass: Option<String>,
    /// With several targets: go on with the rest when one of them fails
    #[arg(long)]
    go_on: bool,
    /// Print plan and outcome as JSON
    #[arg(long)]
    json: bool,
}

impl Manner {
    /// The request that asks for these actions in this manner.
    pub fn request(&self, actions: Vec<ActionKind>) -> Result<ActionRequest, Failure> {
        let request = ActionRequest::bulk(actions, Origin::Headless).ok_or_else(|| Failure::usage("no target"))?;
        Ok(self.apply(request))
    }

    /// The manner of a step of a runbook.
    pub fn of_step(yes: bool) -> Self {
        Self { yes, ..Self::default() }
    }

    /// The same for a request that is there already.
    pub fn apply(&self, request: ActionRequest) -> ActionRequest {
        ActionRequest {
            reason: self.reason.clone(),
            incident: self.incident.clone(),
            break_glass: self.break_glass.clone(),
            on_failure: if self.go_on { OnFailure::GoOn } else { request.on_failure },
            dry_run: self.dry_run,
            ..request
        }
    }
}

/// The namespace that names on the command line are of: the session's, or the kubeconfig's own.
pub fn namespace(connected: &Connected) -> Text {
    match &connected.info.namespace {
        NamespaceScope::One(namespace) => namespace.clone(),
        NamespaceScope::All => connected.clients.kubernetes.namespace().clone(),
    }
}

/// Reads `kind/name`, or the name of a Deployment.
pub fn workload(text: &str, namespace: &Text) -> Result<WorkloadRef, Failure> {
    workload_or(WorkloadKind::Deployment, text, namespace)
}

/// Reads the name of a workload of one kind, with or without the kind in front.
pub fn workload_of(kind: WorkloadKind, text: &str, namespace: &Text) -> Result<WorkloadRef, Failure> {
    let workload = workload_or(kind, text, namespace)?;
    if workload.kind == kind {
        return Ok(workload);
    }
    Err(Failure::usage(format!("`{text}` is no {}", kind.word())).hint(format!("write it as `{}/NAME`", kind.word())))
}

/// Reads `kind/name`, or the name alone where the kind is known.
fn workload_or(kind: WorkloadKind, text: &str, namespace: &Text) -> Result<WorkloadRef, Failure> {
    let (kind, name) = match text.split_once('/') {
        None => (kind, text),
        Some((kind, name)) => {
            let known = WorkloadKind::ALL.map(WorkloadKind::word).join(", ");
            let kind = WorkloadKind::parse(kind).ok_or_else(|| {
                Failure::usage(format!("`{kind}` is no kind of workload")).hint(format!("kinds: {known}"))
            })?;
            (kind, name)
        }
    };
    Ok(WorkloadRef::new(kind, namespace.clone(), whole(name, text)?))
}

/// Reads the name of an object of one kind, with or without one of the kind's `words` in front (`pod/payment-1`).
pub fn named<'a>(text: &'a str, words: &[&str]) -> Result<&'a str, Failure> {
    let name = match text.split_once('/') {
        Some((word, name)) if words.contains(&&*word.to_ascii_lowercase()) => name,
        Some(_) => return Err(Failure::usage(format!("`{text}` is no {}", words.first().unwrap_or(&"object")))),
        None => text,
    };
    whole(name, text)
}

fn whole<'a>(name: &'a str, text: &str) -> Result<&'a str, Failure> {
    if name.is_empty() || name.contains('/') {
        return Err(Failure::usage(format!("`{text}` names nothing")).hint("write it as `deployment/payment`"));
    }
    Ok(name)
}

/// Drives the door to its end: the same machine as in the console, with arguments in place of keys.
pub async fn drive(
    launch: &Launch,
    connected: &Connected,
    request: ActionRequest,
    manner: &Manner,
) -> Result<ExitCode, Failure> {
    match through(launch, connected, request, manner).await? {
        Some(door) => finish(&door, manner),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// The same, for who says themselves how it ended. `None`: the plan was all that was wanted.
pub async fn through(
    launch: &Launch,
    connected: &Connected,
    request: ActionRequest,
    manner: &Manner,
) -> Result<Option<Door>, Failure> {
    let clock = launch.clock;
    let mut request = request;
    if request.incident.is_none() {
        request.incident = open_incident(launch, connected).await;
    }
    let mut guard = connected.guard.clone();
    guard.identity = connected.services.cluster.identity().await.ok();
    let (mut door, mut effects) = Door::request(request, &guard, clock.now());
    let (mut shown, mut told) = (false, Told::default());
    loop {
        while let Some(effect) = effects.pop() {
            let answer = answer(effect.work, &connected.services, launch.journal.clone()).await;
            effects.extend(door.handle(DoorInput::Answer(effect.ticket, answer), clock.now()));
            effects.extend(door.handle(DoorInput::Tick, clock.now()));
            if !manner.json {
                progress(&door, &mut told);
            }
        }
        let stage = door.view().stage;
        if stage == Stage::Ended {
            tell_incident(launch, connected).await;
            return Ok(Some(door));
        }
        if stage != Stage::Review {
            return Err(Failure::failed("the action stands still; nothing more was sent"));
        }
        if !shown && !manner.json {
            print_plan(&door, clock);
        }
        shown = true;
        if manner.dry_run {
            if manner.json {
                json(&door.view().plan)?;
            }
            return Ok(None);
        }
        let inputs = confirmation(&door, manner);
        effects = inputs.into_iter().flat_map(|input| door.handle(input, clock.now())).collect();
    }
}

/// The newest incident that is open in this context, also one that only others have told of yet: what is done now belongs
/// to it.
async fn open_incident(launch: &Launch, connected: &Connected) -> Option<String> {
    let (mut office, _news) = Office::new(launch.incidents.store.clone(), launch.clock, launch.person());
    office.adopt(connected.incidents.clone());
    if !office.catch_up(SHARED).await {
        error_line(&format!("incidents that others share are not known: {}", silence(&office)));
    }
    let (store, context) = (launch.incidents.store.clone(), connected.info.name.clone());
    let open = tokio::task::spawn_blocking(move || store.newest_open(&context));
    open.await.ok().flatten().map(String::from)
}

/// What was done goes into the timeline of the incident that it belongs to.
async fn tell_incident(launch: &Launch, connected: &Connected) {
    let (mut office, _news) = Office::new(launch.incidents.store.clone(), launch.clock, launch.person());
    office.adopt(connected.incidents.clone());
    if office.look().await.is_ok() && !office.ids().is_empty() {
        // What is uploaded is what the cluster lacks: that has to be known.
        office.catch_up(SHARED).await;
        office.take_in_actions(launch.journal.clone()).await;
        office.settle(TELLING).await;
        if office.is_shared() == Some(false) {
            error_line(&format!("the incident has it, and only here: {}", silence(&office)));
            error_line("  hint: `opsdeck incident sync` shares it once the cluster answers");
        }
        office.close(Duration::from_secs(1)).await;
    }
}

/// Why something is not shared.
fn silence(office: &Office) -> String {
    office.sharing_fault().map_or_else(|| "the cluster has not answered in time".to_owned(), ToString::to_string)
}

/// `--yes` says what a person would type; without it a person at a terminal is asked, and nobody is a no.
fn confirmation(door: &Door, manner: &Manner) -> Vec<DoorInput> {
    let view = door.view();
    let (level, name) =
        view.plan.map_or((ConfirmLevel::Name, String::new()), |plan| (plan.needed_confirmation(), plan.confirm_word()));
    if manner.yes {
        return vec![DoorInput::Type(name), DoorInput::Confirm];
    }
    if !std::io::stdin().is_terminal() {
        error_line("not confirmed: add --yes to approve this plan");
        return vec![DoorInput::Cancel];
    }
    let question = match level {
        ConfirmLevel::Name => format!("type {name} to confirm: "),
        ConfirmLevel::Yes | ConfirmLevel::None => "type yes to confirm: ".to_owned(),
    };
    let _ = write!(std::io::stderr(), "{question}");
    let mut typed = String::new();
    let read = std::io::stdin().read_line(&mut typed);
    // Only what ends a line is taken off: a name with anything else around it was not typed.
    let typed = typed.trim_matches([' ', '\n', '\r']).to_owned();
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

/// What was told of the way already.
#[derive(Default)]
struct Told {
    steps: Vec<StepState>,
    checks: String,
}

/// Each of several steps as it goes on, and a line of where the verification stands, to standard error, whenever there is
/// something new to say.
fn progress(door: &Door, told: &mut Told) {
    let view = door.view();
    let steps = view.plan.filter(|plan| plan.steps.len() > 1).map(|plan| plan.steps.as_slice()).unwrap_or_default();
    told.steps.resize(steps.len(), StepState::Waiting);
    for (step, before) in steps.iter().zip(&mut told.steps) {
        // What waits or is being sent has come to nothing yet; a budget that goes on saying no is told once.
        let news = !matches!(step.state, StepState::Waiting | StepState::Sending) && step.state != *before;
        if news {
            error_line(&format!("{}: {}", step.title, step.state.words()));
            before.clone_from(&step.state);
        }
    }
    let checks: Vec<String> = view.checks.iter().map(present::check).collect();
    let now = checks.join("   ");
    if now != told.checks {
        error_line(&now);
        told.checks = now;
    }
}

fn finish(door: &Door, manner: &Manner) -> Result<ExitCode, Failure> {
    let view = door.view();
    let Some(outcome) = view.outcome else { return Err(Failure::failed("the action ended without an outcome")) };
    if manner.json {
        json(&serde_json::json!({ "plan": view.plan, "outcome": outcome, "id": view.id }))?;
    } else {
        for text in present::outcome(outcome) {
            if outcome.end.exit_code() == 0 { line(&text) } else { error_line(&text) }
        }
        if let Some(id) = view.id.filter(|_| view.can_undo()) {
            error_line(&format!("to undo it: opsdeck audit undo {id}"));
        }
    }
    Ok(ExitCode::from(outcome.end.exit_code()))
}
