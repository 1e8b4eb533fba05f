//! One run of one runbook: a pure state machine. Inputs come with the time; effects go to whoever drives it, in order:
//! a [`RunEffect::Record`] has to be on disk before the effect after it is looked at.
//!
//! Everything that must survive a crash is altered in one place, by applying a [`Record`]; live inputs make records and
//! apply them the same way, so [`Run::replay`] stands where the run stood. A write that began and of which no end is
//! recorded is [`Phase::Unknown`] after that: it is not done again unless a person says so.

mod answers;
mod apply;
mod ends;
mod exchange;
mod feed;
pub mod judge;
mod onward;
pub mod record;
pub mod resolve;
pub mod work;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use self::exchange::{Begin, Phase, RunEffect, RunError, RunInput, Visit};
use self::record::{Event, Place, Record, RunEnd};
use self::work::Work;
use super::Runbook;
use super::parameter::{self, SECRET, Values};
use super::step::{Step, StepKind};
use crate::domain::time::Instant;

/// How deep runbooks may call runbooks.
pub const DEEPEST: usize = 8;
/// How many steps a run may begin: a loop of gotos ends there.
const MOST_TICKETS: u64 = 1_000;

/// One run.
#[derive(Clone, Debug)]
pub struct Run {
    book: Arc<Runbook>,
    id: String,
    who: String,
    began: Instant,
    unattended: bool,
    stack: Vec<String>,
    values: Values,
    captures: Values,
    /// Parameters and captures that are never recorded.
    secrets: BTreeSet<String>,
    /// Those of them that were lost with the process.
    missing: BTreeSet<String>,
    place: Place,
    /// Where it goes on after the verification at which it stands.
    then: Option<Place>,
    /// The step that is being verified.
    verifying: Option<Place>,
    phase: Phase,
    visits: Vec<Visit>,
    walked: Vec<Place>,
    notes: Vec<(Instant, String, Place, String)>,
    ticket: u64,
    /// When a wait is over.
    deadline: Option<Instant>,
}

impl Run {
    /// Begins a run; the first effect is its record.
    pub fn begin(book: Arc<Runbook>, begin: Begin) -> Result<(Self, Vec<RunEffect>), RunError> {
        if begin.stack.contains(&book.id) {
            let chain = begin.stack.join(" → ");
            return Err(RunError::Loop(format!("{chain} → {}: a runbook cannot run inside of itself", book.id)));
        }
        if begin.stack.len() >= DEEPEST {
            return Err(RunError::Loop(format!("runbooks are nested more than {DEEPEST} deep")));
        }
        let unknown = super::lint::unknown(&book);
        if !unknown.is_empty() {
            return Err(RunError::Templates(unknown));
        }
        let (values, problems) = parameter::settle(&book.parameters, begin.values);
        if !problems.is_empty() {
            return Err(RunError::Parameters(problems));
        }
        let secrets: Vec<String> =
            book.parameters.iter().filter(|known| known.secret).map(|known| known.name.clone()).collect();
        let recorded = parameter::hidden(values.clone(), &secrets);
        let event = Event::Began {
            runbook: book.id.clone(),
            title: book.title.clone(),
            place: book.origin.place.clone(),
            digest: book.digest.clone(),
            values: recorded,
            secrets,
            stack: begin.stack,
            unattended: begin.unattended,
        };
        let record = Record { run: begin.id, at: begin.now, who: begin.who, event };
        let mut run = Self::empty(book, &record);
        run.apply(&record);
        run.values = values;
        run.missing.clear();
        let mut effects = vec![RunEffect::Record(record)];
        effects.extend(run.arrive(begin.now));
        Ok((run, effects))
    }

    /// Stands where the records end. [`Run::resume`] goes on from there.
    pub fn replay(book: Arc<Runbook>, records: &[Record]) -> Result<Self, RunError> {
        let first = records.first().ok_or_else(|| RunError::Records("there is no record of this run".into()))?;
        let Event::Began { runbook, digest, .. } = &first.event else {
            return Err(RunError::Records("the first record does not begin a run".into()));
        };
        if *runbook != book.id || *digest != book.digest {
            let why = format!("the run began with another version of {runbook}; it keeps that version");
            return Err(RunError::Records(why));
        }
        let mut run = Self::empty(book, first);
        for record in records.iter().filter(|record| record.run == first.run) {
            run.apply(record);
        }
        Ok(run)
    }

    /// Takes a replayed run up.
    pub fn resume(&mut self, who: &str, now: Instant) -> Vec<RunEffect> {
        who.clone_into(&mut self.who);
        let mut effects = Vec::new();
        if matches!(self.phase, Phase::Ended(_)) {
            return effects;
        }
        self.write(&mut effects, now, Event::Resumed);
        effects.extend(self.arrive(now));
        effects
    }

    fn empty(book: Arc<Runbook>, first: &Record) -> Self {
        Self {
            id: first.run.clone(),
            who: first.who.clone(),
            began: first.at,
            unattended: false,
            stack: Vec::new(),
            values: Values::new(),
            captures: Values::new(),
            secrets: BTreeSet::new(),
            missing: BTreeSet::new(),
            place: 0,
            then: None,
            verifying: None,
            phase: Phase::Ready,
            visits: vec![Visit::default(); book.steps.len()],
            walked: Vec::new(),
            notes: Vec::new(),
            ticket: 0,
            deadline: None,
            book,
        }
    }

    /// The runbook, in the version with which the run began.
    pub fn book(&self) -> &Arc<Runbook> {
        &self.book
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The last ticket that was given: of the work under way, or of which nobody knows how it ended.
    pub const fn ticket(&self) -> u64 {
        self.ticket
    }

    /// When it began.
    pub const fn began(&self) -> Instant {
        self.began
    }

    /// Who runs it now.
    pub fn who(&self) -> &str {
        &self.who
    }

    /// The number of the step at which it stands; the number of steps at the end.
    pub const fn place(&self) -> Place {
        self.place
    }

    /// The step at which it stands.
    pub fn step(&self) -> Option<&Step> {
        self.book.steps.get(self.place)
    }

    /// Where it stands.
    pub const fn phase(&self) -> &Phase {
        &self.phase
    }

    /// What came of each step, in their order.
    pub fn visits(&self) -> &[Visit] {
        &self.visits
    }

    /// Remarks: when, by whom, at which step, what.
    pub fn notes(&self) -> &[(Instant, String, Place, String)] {
        &self.notes
    }

    /// Parameters and captures; of secrets only that they are.
    pub fn values(&self) -> Values {
        let mut values = self.values.clone();
        values.extend(self.captures.clone());
        parameter::hidden(values, &self.secrets)
    }

    /// Secrets that were lost with the process and are needed again ([`RunInput::Secret`]).
    pub fn missing_secrets(&self) -> Vec<String> {
        self.missing.iter().cloned().collect()
    }

    /// Is it over?
    pub const fn end(&self) -> Option<&RunEnd> {
        match &self.phase {
            Phase::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// The text without any secret in it.
    pub fn masked(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let all = self.values.iter().chain(&self.captures);
        let mut found: Vec<String> = all
            .filter(|(name, _)| self.secrets.contains(*name) && !self.missing.contains(*name))
            .map(|(_, value)| value.to_string())
            .filter(|secret| !secret.is_empty() && secret != SECRET)
            .collect();
        // The longest first: one may be a part of another.
        found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in found {
            text = text.replace(&secret, SECRET);
        }
        text
    }

    /// What the step at which it stands is going to do, with every value in its place; `None` where it does nothing by
    /// itself. The error says which value is missing.
    pub fn preview(&self) -> Option<Result<Work, String>> {
        let step = self.step()?;
        if step.kind.asks() || matches!(step.kind, StepKind::Note | StepKind::Branch(_)) {
            return None;
        }
        Some(self.resolve(step))
    }

    /// May the driver start the step at which it stands without being asked? Only what changes nothing, and asks nothing.
    pub fn may_start_by_itself(&self) -> bool {
        self.phase == Phase::Ready
            && self.step().is_some_and(|step| {
                let still = matches!(step.kind, StepKind::Note | StepKind::Branch(_));
                let reads = !step.kind.writes() && !step.kind.asks() && !matches!(step.kind, StepKind::Runbook(_));
                !step.confirm && (still || reads)
            })
    }
}
