//! `opsdeck incident declare`: from what fires to an incident, with everything that will be sent shown before.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::change::text;
use super::desk::{Desk, Voice, confirm};
use super::examples;
use super::publish::{no_page, not_public};
use crate::cli::output::{Failure, error_line, json as print_json};
use crate::cli::start::{self, Start};
use crate::cli::{Global, drive};
use crate::domain::Text;
use crate::domain::incident::Severity;
use crate::domain::target::WorkloadRef;
use crate::domain::text::clean_lines;
use crate::incident::declare::{Facts, Field, Proposal, RunbookFacts};
use crate::runtime::headless::Headless;
use crate::runtime::incidents::prepare;
use crate::runtime::incidents::writers::random;
use crate::state::incident::book_facts;

pub const HELP: &str = examples!(
    "  opsdeck incident declare --alert HighErrorRate
  opsdeck incident declare --alert HighErrorRate --dry-run
  opsdeck incident declare --title \"Checkout is slow\" --severity SEV2 --workload payment --invite bob --yes
  opsdeck incident declare --alert HighErrorRate --role scribe=bob --topic \"Checkout fails\"
  opsdeck incident declare --alert HighErrorRate --publish customers --public
  opsdeck incident declare --title \"Trying things\" --no-channel --no-page --yes"
);

/// How long the sources get to say how things stand, in seconds.
const WAIT: u64 = 10;

/// Arguments of `incident declare`.
#[derive(Debug, Default, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct DeclareArgs {
    /// One line [default: what the worst alert says]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// SEV1 to SEV4 [default: by the rules of the configuration]
    #[arg(long, value_name = "SEV")]
    severity: Option<Severity>,
    /// The service, as people call it [default: the alert's, else the workload]
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// The workload behind it, NAME or KIND/NAME [default: the alert's]
    #[arg(long, value_name = "WORKLOAD")]
    workload: Option<String>,
    /// The alert that it is about [default: the worst that fires]
    #[arg(long, value_name = "ALERT")]
    alert: Option<String>,
    /// Only who is invited sees the channel
    #[arg(long)]
    private: bool,
    /// The channel's name
    #[arg(long, value_name = "NAME", conflicts_with = "no_channel")]
    channel: Option<String>,
    /// Who has a role (commander, communications, operations, scribe); may be given several times
    #[arg(long, value_name = "ROLE=WHO")]
    role: Vec<String>,
    /// The channel's topic [default: by the template of the runbook or the configuration]
    #[arg(long, value_name = "TEXT", conflicts_with = "no_channel")]
    topic: Option<String>,
    /// The first message; `-` reads standard input [default: what is known, by the template]
    #[arg(long, value_name = "TEXT", conflicts_with = "no_channel")]
    message: Option<String>,
    /// Invite somebody too; may be given several times
    #[arg(long, value_name = "WHO")]
    invite: Vec<String>,
    /// Open no channel and post nothing
    #[arg(long)]
    no_channel: bool,
    /// Acknowledge no page
    #[arg(long)]
    no_page: bool,
    /// Tell customers, too, on the status page of this name; needs --public
    #[arg(long, value_name = "PAGE")]
    publish: Option<String>,
    /// What they are told; `-` reads standard input [default: that it is being looked into]
    #[arg(long, value_name = "TEXT", requires = "publish")]
    publish_text: Option<String>,
    /// Yes, everyone is to read that
    #[arg(long, requires = "publish")]
    public: bool,
    /// How long to wait for the sources, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = WAIT)]
    wait: u64,
    /// Print all that would be sent and to whom, and stop
    #[arg(long)]
    dry_run: bool,
    /// Declare without being asked
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl DeclareArgs {
    /// As a step of a runbook declares: with this title, else that of the worst alert or of the runbook.
    pub fn of_step(title: &str, book: &RunbookFacts, facts: &Facts, yes: bool) -> Self {
        let title = Some(title.trim()).filter(|title| !title.is_empty());
        let nothing = facts.firing().is_empty() && facts.workload.is_none();
        let title = title.or_else(|| nothing.then_some(&*book.title)).map(str::to_owned);
        Self { title, yes, ..Self::default() }
    }
}

pub fn run(global: &Global, args: &DeclareArgs) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let start = start::start(global).await?;
        let facts = look(&start, args).await?;
        let desk = Desk::at(&start, start.context.clone(), args.json).await?;
        let places = start.launch.runbooks.places.clone();
        let settings = start.launch.config.settings.runbooks.clone();
        let book = prepare::runbook(places, settings, book_facts(&facts)).await;
        declare(desk, Facts { runbook: book, ..facts }, args, Voice::of(args.json)).await
    })
}

/// Shows what is proposed and all that would be sent, asks, declares it and sends.
pub async fn declare(mut desk: Desk, mut facts: Facts, args: &DeclareArgs, voice: Voice) -> Result<ExitCode, Failure> {
    if let Some(why) = desk.ground.read_only.clone().filter(|_| !args.dry_run) {
        return Err(Failure::refused(format!("read-only ({why}): nothing is written or sent")));
    }
    desk.forget();
    facts.user = desk.launch.person().to_string();
    facts.context.clone_from(&desk.ground.context);
    facts.production = desk.production;
    facts.demo = desk.launch.is_demo();
    for remark in prepare::services(&mut facts, &desk.ground).await {
        error_line(&clean_lines(&remark));
    }
    let now = desk.launch.clock.now();
    let mut proposal = Proposal::new(facts, &desk.ground.config, now, random() as u32);
    set(&mut proposal, args)?;
    let public = make_public(&mut proposal, args)?;
    let findings = proposal.check();
    if let Some(blocked) = findings.iter().find(|finding| finding.blocks) {
        return Err(Failure::usage(format!("{}: {}", blocked.field.word(), blocked.text))
            .hint("--title says what is wrong, in one line"));
    }
    show(&proposal, args, voice)?;
    for finding in &findings {
        error_line(&clean_lines(&format!("careful: {}: {}", finding.field.word(), finding.text)));
    }
    if args.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    if public.is_some() && !args.public {
        return Err(not_public("not declared"));
    }
    confirm("declare it and send all of this?", args.yes)?;
    if let Some(page) = public
        && confirm(&format!("publish on {page}, for everyone?"), args.yes).is_err()
    {
        proposal.publish(None);
        error_line("it is declared; nothing is published");
    }
    let (id, deeds) = proposal.declare();
    desk.office.begin(&id, deeds).await?;
    voice.say(&format!("incident {id}"));
    desk.finish(&id).await
}

/// Adds what is published to what is sent, when that is asked for; gives the status page.
fn make_public(proposal: &mut Proposal, args: &DeclareArgs) -> Result<Option<Text>, Failure> {
    let Some(wanted) = &args.publish else { return Ok(None) };
    let page = proposal.status_draft().ok_or_else(no_page)?.page;
    if *page != **wanted {
        return Err(
            Failure::usage(format!("there is no status page `{wanted}` here")).hint(format!("--publish {page}"))
        );
    }
    if let Some(said) = &args.publish_text {
        let said = text(said)?;
        proposal.set(Field::StatusPage, &said).map_err(|why| Failure::usage(format!("status page: {why}")))?;
    }
    let draft = proposal.status_draft();
    proposal.publish(draft);
    if proposal.public().is_none() {
        return Err(Failure::usage("there is no text to publish"));
    }
    Ok(Some(page))
}

/// What the sources say now; a source that says nothing in time hinders nothing.
async fn look(start: &Start, args: &DeclareArgs) -> Result<Facts, Failure> {
    let headless = world_of(start, start.context.clone(), Duration::from_secs(args.wait)).await;
    let world = headless.app.world();
    let workload = match &args.workload {
        None => None,
        Some(text) => Some(workload(&headless, text)?),
    };
    let facts = match (crate::state::incident::facts(world, args.alert.as_deref(), workload.as_ref()), &args.alert) {
        (Some(facts), _) => facts,
        (None, Some(alert)) => {
            return Err(Failure::usage(format!("no alert `{alert}` is there now")).hint("opsdeck status"));
        }
        (None, None) => Facts::default(),
    };
    if facts.alerts.is_empty() && facts.workload.is_none() && args.title.is_none() {
        return Err(Failure::usage("nothing fires: say what is wrong with --title").hint("opsdeck status"));
    }
    Ok(facts)
}

/// The same for a step of a runbook: of what is gone meanwhile nothing is known.
pub async fn look_again(start: &Start, context: &str, alert: Option<&str>, workload: Option<&WorkloadRef>) -> Facts {
    let headless = world_of(start, Some(context.to_owned()), Duration::from_secs(WAIT)).await;
    let world = headless.app.world();
    let facts = crate::state::incident::facts;
    let known = alert.and_then(|name| facts(world, Some(name), None)).or_else(|| facts(world, None, Some(workload?)));
    known.unwrap_or_else(|| Facts { workload: workload.cloned(), ..Facts::default() })
}

async fn world_of(start: &Start, context: Option<String>, wait: Duration) -> Headless {
    let mut headless = Headless::start(start.launch.clone(), start.app(), context, start.namespace.clone(), (120, 40));
    headless.settle(wait).await;
    headless
}

fn workload(headless: &Headless, text: &str) -> Result<WorkloadRef, Failure> {
    use crate::domain::cluster::NamespaceScope;
    let namespace = match &headless.app.context().namespace {
        NamespaceScope::One(namespace) => Some(namespace.clone()),
        NamespaceScope::All => None,
    };
    match headless.app.world().find_workload(namespace.as_deref(), text) {
        Some(found) => Ok(found),
        // It may be gone, or the cluster may not answer: an incident is about it all the same.
        None => match namespace {
            Some(namespace) => drive::workload(text, &namespace),
            None => Err(Failure::usage(format!("no workload `{text}` is known")).hint("--namespace says where it is")),
        },
    }
}

fn set(proposal: &mut Proposal, args: &DeclareArgs) -> Result<(), Failure> {
    let mut put = |field: Field, text: &str| {
        proposal.set(field, text).map_err(|why| Failure::usage(format!("{}: {why}", field.word())))
    };
    if let Some(title) = &args.title {
        put(Field::Title, title)?;
    }
    if let Some(severity) = args.severity {
        put(Field::Severity, severity.word())?;
    }
    if let Some(service) = &args.service {
        put(Field::Service, service)?;
    }
    if args.private {
        put(Field::Visibility, "private")?;
    }
    if let Some(channel) = &args.channel {
        put(Field::Channel, channel)?;
    }
    if let Some(topic) = &args.topic {
        put(Field::Topic, topic)?;
    }
    if let Some(message) = &args.message {
        put(Field::FirstMessage, &text(message)?)?;
    }
    if args.no_channel {
        put(Field::Channel, "")?;
        // A chat without channels takes messages at once.
        put(Field::FirstMessage, "")?;
    }
    if !args.role.is_empty() {
        let all = [proposal.get(Field::Roles), args.role.join(", ")].join(", ");
        proposal.set(Field::Roles, &all).map_err(|why| Failure::usage(format!("roles: {why}")))?;
    }
    if !args.invite.is_empty() {
        let all = [proposal.get(Field::Invite), args.invite.join(", ")].join(", ");
        proposal.set(Field::Invite, &all).map_err(|why| Failure::usage(format!("invite: {why}")))?;
    }
    if args.no_page {
        let pages: Vec<String> = proposal.pages().iter().map(|page| page.id.clone()).collect();
        for page in pages {
            proposal.choose_page(&page, false);
        }
    }
    Ok(())
}

/// The preview.
fn show(proposal: &Proposal, args: &DeclareArgs, voice: Voice) -> Result<(), Failure> {
    let lines = proposal.preview();
    // Who is asked sees what about; standard output stays JSON.
    let asked = voice == Voice::Json && !args.dry_run && !args.yes;
    let voice = if asked { Voice::Aside } else { voice };
    if voice == Voice::Json {
        if args.dry_run {
            let sends: Vec<_> = lines
                .iter()
                .map(|one| {
                    json!({"key": one.key, "service": one.service, "what": one.what, "to": one.to, "text": one.text, "public": one.public})
                })
                .collect();
            print_json(&json!({"incident": proposal.declared(), "why": proposal.why(), "sends": sends}))?;
        }
        return Ok(());
    }
    let say = |text: &str| voice.say(text);
    say(&format!("{} {}: {}", proposal.severity(), proposal.get(Field::Service), proposal.get(Field::Title)));
    say(&format!("  severity because {}; {}", proposal.why(), proposal.get(Field::Roles)));
    if lines.is_empty() {
        say("  nothing is sent: it is kept here");
    }
    for one in &lines {
        let public = if one.public { "  PUBLIC" } else { "" };
        say(&format!("  {}: {} → {}{public}", one.service, one.what, one.to));
        for text in one.text.iter().flat_map(|text| text.lines()) {
            say(&format!("    │ {text}"));
        }
    }
    Ok(())
}
