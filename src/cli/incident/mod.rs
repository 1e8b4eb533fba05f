//! `opsdeck incident`: incidents declared, told, ended, looked back at, without the screen. What is written is the same
//! entries as in the console, and what waits to be sent is sent by whoever runs next.

mod change;
pub(super) mod declare;
pub(super) mod desk;
mod list;
mod paper;
mod publish;
mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Global;
use super::output::Failure;
use crate::domain::incident::entry::Moment;
use crate::domain::incident::{IncidentId, Role, Severity, Status};

/// What all that change something say after their options.
macro_rules! examples {
    ($examples:literal) => {
        concat!(
            "Examples:\n",
            $examples,
            "\n\nExit codes: 0 done, 2 bad arguments, 3 refused, read-only or not confirmed, 5 failed, 6 written down, and something is still waiting to be sent"
        )
    };
}
pub(crate) use examples;

/// Which incident.
#[derive(Clone, Debug, Default, Args)]
pub struct Which {
    /// The incident: its id, or `last` [default: the open one]
    #[arg(long, short = 'i', value_name = "ID")]
    incident: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What can be done with incidents.
#[derive(Debug, Subcommand)]
pub enum IncidentCommand {
    /// List incidents with their four times, and medians by service and severity
    List(list::ListArgs),
    /// Show an incident: status, roles, channel, what waits to be sent, timeline
    Show(show::ShowArgs),
    /// Declare an incident: shows all that will be sent and to whom, then opens channel, invites, posts, acknowledges
    #[command(after_help = declare::HELP)]
    Declare(Box<declare::DeclareArgs>),
    /// Write something down
    #[command(after_help = examples!("  opsdeck incident note \"restarted the cache by hand\"\n  dmesg | tail -3 | opsdeck incident note -"))]
    Note {
        /// The text; `-` reads standard input
        #[arg(value_name = "TEXT")]
        text: String,
        #[command(flatten)]
        which: Which,
    },
    /// Tell everyone how it stands; without a text it is composed from the facts, and shown first
    #[command(after_help = examples!("  opsdeck incident update\n  opsdeck incident update --draft\n  opsdeck incident update \"Errors are down to 2 %; we watch it\" --next 30"))]
    Update(change::UpdateArgs),
    /// Set the status: triage, mitigating, monitoring, resolved
    #[command(after_help = examples!("  opsdeck incident status monitoring --reason \"rollback is out\"\n  opsdeck incident status resolved"))]
    Status {
        /// The new one
        #[arg(value_name = "STATUS")]
        to: Status,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        which: Which,
    },
    /// Set the severity: SEV1 to SEV4
    #[command(after_help = examples!("  opsdeck incident severity SEV1 --reason \"checkout is down\""))]
    Severity {
        /// The new one
        #[arg(value_name = "SEV")]
        to: Severity,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        which: Which,
    },
    /// Give a role to somebody, or to `nobody`: commander, communications, operations, scribe
    #[command(after_help = examples!("  opsdeck incident role communications bob\n  opsdeck incident role scribe nobody"))]
    Role {
        /// Which
        #[arg(value_name = "ROLE")]
        role: Role,
        /// Who
        #[arg(value_name = "WHO")]
        who: String,
        #[command(flatten)]
        which: Which,
    },
    /// Set one of the four times by hand: detected, acknowledged, mitigated, resolved
    #[command(after_help = examples!("  opsdeck incident time detected 2026-11-21T14:26:00Z"))]
    Time {
        /// Which
        #[arg(value_name = "TIME")]
        which_time: Moment,
        /// When, as RFC 3339 has it (`2026-11-21T14:26:00Z`)
        #[arg(value_name = "WHEN")]
        at: chrono::DateTime<chrono::Utc>,
        #[command(flatten)]
        which: Which,
    },
    /// Write down what is left to do afterwards; with --done, that it is done
    #[command(after_help = examples!("  opsdeck incident task \"alert on the pricing table\" --owner payments-lead\n  opsdeck incident task --done 20261121T143207123Z-0000-w7f3"))]
    Task(change::TaskArgs),
    /// Send the page of an incident to the next level, or ask people to join
    #[command(after_help = examples!("  opsdeck incident escalate\n  opsdeck incident escalate --ask PUSER1 --ask PUSER2 --message \"payments are down\" --yes"))]
    Escalate(change::EscalateArgs),
    /// Try what could not be sent again, now; without a key all of it
    #[command(after_help = examples!("  opsdeck incident retry\n  opsdeck incident retry invite:alice"))]
    Retry {
        /// The delivery, as `show` names it
        #[arg(value_name = "KEY")]
        key: Option<String>,
        #[command(flatten)]
        which: Which,
    },
    /// Leave something unsent
    #[command(after_help = examples!("  opsdeck incident drop invite:alice --reason \"she is here already\""))]
    Drop {
        /// The delivery, as `show` names it
        #[arg(value_name = "KEY")]
        key: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        which: Which,
    },
    /// Send what another console had planned and not sent, when nobody is at it any more
    #[command(after_help = examples!("  opsdeck incident take-over\n  opsdeck incident take-over 20261121-1432-payment-x7k2 --console w7f3a2c1 --yes"))]
    TakeOver(change::TakeOverArgs),
    /// Hand the command over: posts a summary
    #[command(after_help = examples!("  opsdeck incident hand-over bob --yes"))]
    HandOver(change::HandOverArgs),
    /// Write a redacted bundle of an incident, for another person to open
    #[command(after_help = examples!("  opsdeck incident export\n  opsdeck incident export last --out payments.incident.json"))]
    Export(paper::ExportArgs),
    /// Open a bundle that another person exported, and look at it
    Open(paper::OpenArgs),
    /// Say that an incident is the same as another, where it goes on
    #[command(after_help = examples!("  opsdeck incident merge 20261121-1440-cart-b2m9 --into 20261121-1432-payment-x7k2"))]
    Merge {
        /// The duplicate
        #[arg(value_name = "ID")]
        from: IncidentId,
        /// The one that goes on
        #[arg(long, value_name = "ID")]
        into: IncidentId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Open a resolved incident again
    #[command(after_help = examples!("  opsdeck incident reopen last --reason \"it is back\""))]
    Reopen {
        /// Which: its id, or `last`
        #[arg(value_name = "ID", default_value = "last")]
        id: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the draft of the post-mortem, or make it anew: what people wrote in it stays
    #[command(after_help = examples!("  opsdeck incident post-mortem last\n  opsdeck incident post-mortem last --out docs/payments.md"))]
    PostMortem(paper::PostMortemArgs),
    /// Publish on the status page, where everyone can read it; needs --public, also with --yes
    #[command(after_help = publish::HELP)]
    Publish(publish::PublishArgs),
    /// Which actions were done how often, by alert
    Toil(list::ToilArgs),
    /// Send what waits, and share what the cluster lacks
    #[command(after_help = examples!("  opsdeck incident sync\n  opsdeck incident sync --incident last"))]
    Sync {
        #[command(flatten)]
        which: Which,
    },
}

/// Runs it.
pub fn run(global: &Global, command: &IncidentCommand) -> Result<ExitCode, Failure> {
    use crate::incident::command::Command;
    use IncidentCommand as Is;
    match command {
        Is::List(args) => list::run(global, args),
        Is::Toil(args) => list::toil(global, args),
        Is::Show(args) => show::run(global, args),
        Is::Declare(args) => declare::run(global, args),
        Is::Note { text, which } => change::perform(global, which, Command::Note(change::text(text)?)),
        Is::Update(args) => change::update(global, args),
        Is::Status { to, reason, which } => {
            change::perform(global, which, Command::Status { to: *to, reason: reason.clone() })
        }
        Is::Severity { to, reason, which } => {
            change::perform(global, which, Command::Severity { to: *to, reason: reason.clone() })
        }
        Is::Role { role, who, which } => {
            let who = (who != "nobody").then(|| who.clone());
            change::perform(global, which, Command::Role { role: *role, who })
        }
        Is::Time { which_time, at, which } => {
            change::perform(global, which, Command::Time { which: *which_time, to: *at })
        }
        Is::Task(args) => change::task(global, args),
        Is::Escalate(args) => change::escalate(global, args),
        Is::Retry { key, which } => change::retry(global, which, key.as_deref()),
        Is::Drop { key, reason, which } => {
            change::perform(global, which, Command::Drop { key: key.as_str().into(), reason: reason.clone() })
        }
        Is::TakeOver(args) => change::take_over(global, args),
        Is::HandOver(args) => change::hand_over(global, args),
        Is::Export(args) => paper::export(global, args),
        Is::Open(args) => paper::open(args),
        Is::Merge { from, into, json } => change::merge(global, from, into, *json),
        Is::Reopen { id, reason, json } => change::reopen(global, id, reason.as_ref(), *json),
        Is::PostMortem(args) => paper::post_mortem(global, args),
        Is::Publish(args) => publish::run(global, args),
        Is::Sync { which } => change::retry(global, which, None),
    }
}
