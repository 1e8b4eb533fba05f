//! One run of one runbook: a pure state machine. Inputs come with the time; effects go to whoever drives it, in order:
//! a [`RunEffect::Record`] has to be on disk before the effect after it is looked at.
//!
//! Everything that must survive a crash is altered in one place, by applying a [`Record`]; live inputs make records and
//! apply them the same way, so [`Run::replay`] stands where the run stood. A write that began and of which no end is
//! recorded is [`Phase::Unknown`] after that: it is not done again unless a person says so.

mod answers;
mod feed;
pub mod judge;
pub mod record;
pub mod resolve;
pub mod work;

use std::collections::BTreeSet;
use std::sync::Arc;

use self::record::{Event, Place, Record, RunEnd, Verdict};
use self::work::{Outcome, Output, Question, Work};
use super::Runbook;
use super::parameter::{self, Problem, SECRET, Value, Values};
use super::step::{Step, StepKind};
use crate::domain::time::Instant;

/// How deep runbooks may call runbooks.
pub const DEEPEST: usize = 8;
/// How many steps a run may begin: a loop of gotos ends there.
const MOST_TICKETS: u64 = 1_000;

/// What can happen to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum RunInput {
    /// Do the step at which it stands.
    Start,
    /// Pass over it.
    Skip {
        /// Why.
        reason: String,
    },
    /// To the step before, as it was walked.
    Back,
    /// To this step.
    Jump(Place),
    /// Again, after a failure or when nobody knows how it ended.
    Retry,
    /// A person looked: the step whose end is unknown was done.
    MarkDone {
        /// What was seen.
        detail: String,
    },
    /// Give the run up.
    Abort {
        /// Why.
        reason: String,
    },
    /// A remark.
    Note(String),
    /// What was typed as an answer.
    Answer(String),
    /// Which option, counted from 0.
    Choose(usize),
    /// Yes; or "done" for a manual step.
    Approve,
    /// No.
    Decline {
        /// Why.
        reason: String,
    },
    /// A secret that was asked again after a replay.
    Secret {
        /// The parameter.
        name: String,
        /// Its value.
        value: String,
    },
    /// Work has ended. An answer whose ticket is not open is dropped.
    Done {
        /// Of which [`RunEffect::Perform`].
        ticket: u64,
        /// How.
        outcome: Outcome,
    },
    /// Time has passed.
    Tick,
}

/// What is to be done about it.
#[allow(clippy::large_enum_variant)] // one at a time, moved once
#[derive(Clone, Debug, PartialEq)]
pub enum RunEffect {
    /// Write this down, before anything that follows.
    Record(Record),
    /// Do this and say how it ended.
    Perform {
        /// For the answer.
        ticket: u64,
        /// Number of the step.
        step: Place,
        /// What.
        work: Box<Work>,
        /// Seconds after which it has failed; `None`: it takes its own time.
        patience: Option<u64>,
    },
    /// Stop what is under way (kill the process, drop the request); its answer is not wanted any more.
    Cancel {
        /// Which.
        ticket: u64,
    },
    /// The input makes no sense here; why, for the footer.
    Say(String),
    /// The run is over.
    Finished(RunEnd),
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// At a step, nothing of it has begun.
    Ready,
    /// A person is asked.
    Asking(Question),
    /// Work is under way.
    Running {
        /// Which.
        ticket: u64,
        /// What, as it was resolved.
        work: Box<Work>,
    },
    /// The step failed, and nothing follows by itself.
    Halted {
        /// Why.
        why: String,
        /// The step that takes it back, if there is one.
        rollback: Option<Place>,
    },
    /// A write began and nobody knows how it ended: look at the audit log, then mark it done, retry or skip.
    Unknown {
        /// What was being done.
        work: Vec<String>,
        /// When it began.
        since: Instant,
    },
    /// Over.
    Ended(RunEnd),
}

/// What came of a step so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Visit {
    /// When it last began.
    pub began: Option<Instant>,
    /// When it last ended.
    pub ended: Option<Instant>,
    /// How.
    pub verdict: Option<Verdict>,
    /// In one line.
    pub detail: String,
    /// What it gave.
    pub output: Output,
    /// Who began it, or ended it.
    pub who: String,
    /// Attempts of the last visit.
    pub attempt: u32,
    /// How often it ended.
    pub times: u32,
    /// Id in the audit log.
    pub audit: Option<String>,
    /// What was done, in words.
    pub work: Vec<String>,
}

/// How a run begins.
#[derive(Clone, Debug)]
pub struct Begin {
    /// Its id, unique on this machine.
    pub id: String,
    /// Who runs it.
    pub who: String,
    /// When.
    pub now: Instant,
    /// Values of parameters.
    pub values: Values,
    /// Nobody is there to answer: what needs a person fails.
    pub unattended: bool,
    /// The ids of the runbooks around it, outermost first.
    pub stack: Vec<String>,
}

/// Why a run does not begin, or cannot be taken up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// Parameters are missing or wrong.
    #[error("{}", .0.iter().map(|problem| problem.why.as_str()).collect::<Vec<_>>().join("; "))]
    Parameters(Vec<Problem>),
    /// Templates name what nothing gives.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Templates(Vec<super::diagnostic::Diagnostic>),
    /// It would run inside of itself, or too deep.
    #[error("{0}")]
    Loop(String),
    /// The records are of another runbook, another version of it, or of none.
    #[error("{0}")]
    Records(String),
}

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
        let mut recorded = values.clone();
        for name in &secrets {
            if let Some(value) = recorded.get_mut(name) {
                *value = Value::Text(SECRET.to_owned());
            }
        }
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

    /// The one place where what survives is altered.
    fn apply(&mut self, record: &Record) {
        let at = record.at;
        match &record.event {
            Event::Began { values, secrets, stack, unattended, .. } => {
                self.values = values.clone();
                self.secrets = secrets.iter().cloned().collect();
                self.missing = secrets.iter().filter(|name| values.contains_key(*name)).cloned().collect();
                self.stack.clone_from(stack);
                self.unattended = *unattended;
            }
            Event::Resumed => {}
            Event::StepBegan { step, ticket, attempt, writes, work, .. } => {
                self.ticket = *ticket;
                if let Some(visit) = self.visits.get_mut(*step) {
                    visit.began = Some(at);
                    visit.ended = None;
                    visit.verdict = None;
                    visit.attempt = *attempt;
                    visit.who.clone_from(&record.who);
                    visit.work.clone_from(work);
                }
                // Live, `perform` says what is under way; from records only, nobody knows how a write ended.
                self.phase = if *writes { Phase::Unknown { work: work.clone(), since: at } } else { Phase::Ready };
            }
            Event::StepEnded { step, verdict, detail, output, capture, audit, next, then, .. } => {
                if let Some(visit) = self.visits.get_mut(*step) {
                    visit.began = visit.began.or(Some(at));
                    visit.ended = Some(at);
                    visit.verdict = Some(*verdict);
                    visit.detail.clone_from(detail);
                    visit.output.clone_from(output);
                    visit.audit.clone_from(audit);
                    visit.who.clone_from(&record.who);
                    visit.times += 1;
                }
                if let Some((name, value)) = capture {
                    if matches!(value, Value::Text(text) if text == SECRET) {
                        self.secrets.insert(name.clone());
                        self.missing.insert(name.clone());
                    }
                    self.captures.insert(name.clone(), value.clone());
                }
                if let Some(next) = next {
                    let verifying = then.map(|_| *step);
                    self.go(*next);
                    self.then = *then;
                    self.verifying = verifying;
                } else {
                    let owner = self.verifying.unwrap_or(*step);
                    let rollback = self.book.steps.get(owner).and_then(|step| step.rollback.as_deref());
                    let rollback = rollback.and_then(|name| self.book.step(name));
                    self.phase = Phase::Halted { why: detail.clone(), rollback };
                }
            }
            Event::Skipped { step, reason, next, .. } => {
                if let Some(visit) = self.visits.get_mut(*step) {
                    visit.ended = Some(at);
                    visit.verdict = Some(Verdict::Skipped);
                    visit.detail.clone_from(reason);
                    visit.who.clone_from(&record.who);
                    visit.times += 1;
                }
                self.go(*next);
            }
            Event::Noted { step, text } => self.notes.push((at, record.who.clone(), *step, text.clone())),
            Event::Jumped { to, .. } => self.go(*to),
            Event::Finished(end) => self.phase = Phase::Ended(end.clone()),
        }
    }

    fn go(&mut self, to: Place) {
        self.walked.push(self.place);
        self.place = to.min(self.book.steps.len());
        self.then = None;
        self.verifying = None;
        self.deadline = None;
        self.phase = Phase::Ready;
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
        for name in &self.secrets {
            if let Some(value) = values.get_mut(name) {
                *value = Value::Text(SECRET.to_owned());
            }
        }
        values
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
