//! Arguments of what is done to silences.

use clap::{Args, Subcommand};

use super::super::drive::{Manner, named};
use super::super::output::Failure;
use super::{Here, examples};
use crate::actions::ActionKind;
use crate::actions::silence::{ACKNOWLEDGED, SilenceAlerts, Until};
use crate::actions::silence_change::{ExpireSilence, ExtendSilence};
use crate::domain::mutation::Matcher;
use crate::domain::time::Instant;

const ADD: &str = examples!(
    "  opsdeck silence add alertname=HighErrorRate service=payment --for 2h --comment 'rolling back'
  opsdeck silence add 'service=~\"pay.*\"' 'severity!=critical' --until 2026-03-04T18:00:00Z --comment 'INC-12'

The plan lists the alerts that it hides; where it would hide none, it is refused."
);

const ACK: &str = examples!("  opsdeck silence ack alertname=HighErrorRate service=payment --comment 'on it'");

const EXTEND: &str = examples!(
    "  opsdeck silence extend 01234567-89ab-4cde-8f01-23456789abcd --for 1h
  opsdeck silence extend 01234567-89ab-4cde-8f01-23456789abcd --until 2026-03-04T18:00:00Z

`opsdeck status --json` gives the ids of the silences of each alert."
);

const EXPIRE: &str = examples!("  opsdeck silence expire 01234567-89ab-4cde-8f01-23456789abcd --reason 'resolved'");

/// What to do with silences.
#[derive(Debug, Subcommand)]
pub enum SilenceCommand {
    /// Keep alerts quiet
    #[command(after_help = ADD)]
    Add(AddArgs),
    /// Acknowledge: keep alerts quiet for 15 minutes, because somebody is on it
    #[command(after_help = ACK)]
    Ack(AckArgs),
    /// Another end for a silence; one that has ended begins anew
    #[command(after_help = EXTEND)]
    Extend(ExtendArgs),
    /// End silences now
    #[command(after_help = EXPIRE)]
    Expire(ExpireArgs),
}

/// Which alerts, and why.
#[derive(Debug, Args)]
pub struct Which {
    /// `NAME=VALUE`, `NAME!=VALUE`, `NAME=~REGEX` or `NAME!~REGEX`; an alert is hidden when all match
    #[arg(value_name = "MATCHER", required = true)]
    matchers: Vec<String>,
    /// Why it is quiet; Alertmanager shows it to everybody
    #[arg(long, value_name = "TEXT")]
    comment: String,
    #[command(flatten)]
    manner: Manner,
}

/// How long.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Term {
    /// So long: `30m`, `2h`, `1day 12h`
    #[arg(long = "for", value_name = "DURATION")]
    span: Option<String>,
    /// Until this instant
    #[arg(long, value_name = "RFC3339")]
    until: Option<Instant>,
}

/// Arguments of `silence add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    term: Term,
}

/// Arguments of `silence ack`.
#[derive(Debug, Args)]
pub struct AckArgs {
    #[command(flatten)]
    which: Which,
}

/// Arguments of `silence extend`.
#[derive(Debug, Args)]
pub struct ExtendArgs {
    /// Its id, with or without `silence/`
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    term: Term,
    #[command(flatten)]
    manner: Manner,
}

/// Arguments of `silence expire`.
#[derive(Debug, Args)]
pub struct ExpireArgs {
    /// Its id, with or without `silence/`
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    manner: Manner,
}

impl Term {
    fn until(&self, now: Instant) -> Result<Until, Failure> {
        match (&self.span, self.until) {
            (Some(text), _) => Until::parse(text).map_err(Failure::usage),
            (None, Some(at)) if at <= now => {
                Err(Failure::usage(format!("{at} is over: a silence ends later than now")))
            }
            (None, Some(at)) => Ok(Until::At(at)),
            (None, None) => Err(Failure::usage("say how long: --for 2h, or --until an instant")),
        }
    }
}

impl Which {
    fn silence(&self, until: Until) -> Result<Vec<ActionKind>, Failure> {
        let matchers: Result<Vec<Matcher>, String> = self.matchers.iter().map(|text| Matcher::parse(text)).collect();
        let (matchers, comment) = (matchers.map_err(Failure::usage)?, self.comment.clone());
        Ok(vec![ActionKind::Silence(SilenceAlerts { matchers, until, comment, chosen: None })])
    }
}

fn ids(texts: &[String]) -> impl Iterator<Item = Result<String, Failure>> {
    texts.iter().map(|text| named(text, &["silence", "silences"]).map(str::to_owned))
}

impl SilenceCommand {
    pub const fn manner(&self) -> &Manner {
        match self {
            Self::Add(args) => &args.which.manner,
            Self::Ack(args) => &args.which.manner,
            Self::Extend(args) => &args.manner,
            Self::Expire(args) => &args.manner,
        }
    }

    pub fn actions(&self, at: Here<'_>) -> Result<Vec<ActionKind>, Failure> {
        match self {
            Self::Add(args) => args.which.silence(args.term.until(at.now)?),
            Self::Ack(args) => args.which.silence(Until::For(ACKNOWLEDGED)),
            Self::Extend(args) => {
                let until = args.term.until(at.now)?;
                ids(&args.ids).map(|id| Ok(ActionKind::ExtendSilence(ExtendSilence { id: id?, until }))).collect()
            }
            Self::Expire(args) => {
                ids(&args.ids).map(|id| Ok(ActionKind::ExpireSilence(ExpireSilence { id: id? }))).collect()
            }
        }
    }
}
