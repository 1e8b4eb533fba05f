//! A run walked without the screen: records on disk before their effects, changes through the door, runbooks within
//! runbooks as runs of their own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::face::Face;
use crate::cli::drive::{Manner, through};
use crate::cli::output::Failure;
use crate::cli::start::Start;
use crate::domain::incident::IncidentId;
use crate::domain::time::Instant;
use crate::runbook::Runbook;
use crate::runbook::action::Act;
use crate::runbook::parameter::Values;
use crate::runbook::run::record::{Event, Record, RunEnd};
use crate::runbook::run::work::{Outcome, Question, Work};
use crate::runbook::run::{Begin, Phase, Run, RunEffect, RunInput};
use crate::runtime::runbooks::deed::{self, Fate};
use crate::runtime::runbooks::keep::{self, Ground, Kept, Taken};
use crate::runtime::runbooks::library::Library;
use crate::runtime::runbooks::perform::{Tools, perform};
use crate::runtime::runbooks::store::RunStore;
use crate::runtime::wiring::{Connected, Launch};

/// What a walk needs.
pub struct Walker<'a> {
    pub start: &'a Start,
    pub launch: &'a Launch,
    pub connected: &'a Connected,
    pub tools: Tools,
    pub store: RunStore,
    pub library: &'a Library,
    pub face: Face,
    pub who: String,
    /// The incident that steps are about; else the open one.
    pub incident: Option<IncidentId>,
}

/// A run with its log and what it still has to do.
pub struct OnTheWay {
    pub run: Run,
    pub kept: Kept,
    pub ground: Ground,
    pub effects: Vec<RunEffect>,
    /// When it came to the step at which it was cut off.
    pub cut: Option<Instant>,
}

impl Walker<'_> {
    /// Begins a run.
    pub fn begin(&self, book: Arc<Runbook>, values: &Values, alert: Option<String>) -> Result<OnTheWay, Failure> {
        let now = self.launch.clock.now();
        let ground = Ground::new(&self.connected.info.name, alert, &book.origin);
        let begin = |id: String| Begin {
            id,
            who: self.who.clone(),
            now,
            values: values.clone(),
            unattended: self.face.unattended,
            stack: Vec::new(),
        };
        // What cannot begin leaves nothing on disk.
        Run::begin(book.clone(), begin(String::new())).map_err(|error| Failure::usage(error.to_string()))?;
        let kept = keep::begin(&self.store, &book, &ground, now).map_err(Failure::failed)?;
        let (run, effects) =
            Run::begin(book, begin(kept.id().to_owned())).map_err(|error| Failure::usage(error.to_string()))?;
        Ok(OnTheWay { run, kept, ground, effects, cut: None })
    }

    /// Takes a run up again.
    pub fn resume(&self, taken: Taken) -> Result<OnTheWay, Failure> {
        let Taken { kept, ground, book, records, edited } = taken;
        if ground.context != self.connected.info.name {
            let message = format!("this run belongs to context {}, not {}", ground.context, self.connected.info.name);
            return Err(Failure::usage(message).hint(format!("--context {}", ground.context)));
        }
        if edited {
            Face::remark(&format!("careful: {} was edited; the run keeps the version it began with", ground.place));
        }
        let mut run = Run::replay(book, &records).map_err(|error| Failure::failed(error.to_string()))?;
        let effects = run.resume(&self.who, self.launch.clock.now());
        let onward = |record: &&Record| !matches!(record.event, Event::Resumed | Event::Noted { .. });
        let cut = records.iter().rev().find(onward).map(|record| record.at);
        Ok(OnTheWay { run, kept, ground, effects, cut })
    }

    /// Walks it to its end; `None` when it is left open.
    pub async fn walk(&self, on: OnTheWay) -> Result<Option<RunEnd>, Failure> {
        let OnTheWay { mut run, kept, ground, effects, mut cut } = on;
        let mut queue: VecDeque<RunEffect> = effects.into();
        let mut shown = None;
        let mut looked_up = false;
        loop {
            while let Some(effect) = queue.pop_front() {
                match effect {
                    RunEffect::Record(record) => {
                        // Not on disk: nothing that follows may happen.
                        kept.append(&record).await.map_err(|error| {
                            Failure::failed(format!("cannot write the run's log: {}", error.why))
                                .hint("the run stays open")
                        })?;
                        self.face.recorded(&run, &record)?;
                        // It has left the step at which it was cut off.
                        if !matches!(record.event, Event::Resumed | Event::Noted { .. }) {
                            cut = None;
                        }
                    }
                    RunEffect::Perform { ticket, work, patience, .. } => {
                        self.face.begins(&run, &work);
                        let outcome = self.perform(&run, &ground, ticket, *work, patience).await?;
                        let now = self.launch.clock.now();
                        queue.extend(run.feed(RunInput::Done { ticket, outcome }, now));
                    }
                    RunEffect::Say(text) => Face::remark(&text),
                    // Everything is done one after the other here: nothing is under way.
                    RunEffect::Cancel { .. } | RunEffect::Finished(_) => {}
                }
            }
            if let Some(end) = run.end() {
                return Ok(Some(end.clone()));
            }
            if let Some(input) = self.secrets(&run)? {
                queue.extend(run.feed(input, self.launch.clock.now()));
                continue;
            }
            if matches!(run.phase(), Phase::Unknown { .. })
                && !std::mem::replace(&mut looked_up, true)
                && let Some(input) = self.look_up(&run)?
            {
                queue.extend(run.feed(input, self.launch.clock.now()));
                continue;
            }
            let standing = (run.place(), run.visits().get(run.place()).map_or(0, |visit| visit.times));
            if shown != Some(standing) {
                self.face.arrived(&run);
                shown = Some(standing);
            }
            let Some(mut input) = self.face.next(&run) else { return Ok(None) };
            if let (Phase::Asking(Question::Incident(word, text)), RunInput::Approve) = (run.phase(), &input) {
                match Box::pin(self.tell_incident(&run, &ground, (*word, text), cut)).await {
                    Ok(()) => {}
                    // Nobody says how it goes on.
                    Err(why) if self.face.unattended || self.face.yes => {
                        input = RunInput::Decline { reason: why.to_string() }
                    }
                    Err(why) => {
                        Face::remark(&format!("not done: {why}"));
                        continue;
                    }
                }
            }
            queue.extend(run.feed(input, self.launch.clock.now()));
        }
    }

    /// Secrets that are not written down are asked again.
    fn secrets(&self, run: &Run) -> Result<Option<RunInput>, Failure> {
        let Some(name) = run.missing_secrets().into_iter().next() else { return Ok(None) };
        let value = if self.face.unattended { None } else { super::face::secret(&name) };
        let value = value.ok_or_else(|| {
            Failure::usage(format!("{name} is secret and was not written down")).hint("resume the run at a terminal")
        })?;
        Ok(Some(RunInput::Secret { name, value }))
    }

    /// What the audit log knows of an action that was cut off.
    fn look_up(&self, run: &Run) -> Result<Option<RunInput>, Failure> {
        if run.step().is_none_or(|step| step.kind.word() != "action") {
            return Ok(None);
        }
        let mark = deed::mark(run.id(), run.ticket());
        let fate = deed::fate(&*self.launch.journal, &mark).map_err(|error| Failure::failed(error.to_string()))?;
        Ok(match fate {
            Fate::NeverHappened(why) => {
                Face::remark(&format!("after a crash: it was not done: {why}"));
                Some(RunInput::Retry)
            }
            Fate::Happened(detail) => {
                Face::remark(&format!("after a crash: it was done: {detail}"));
                Some(RunInput::MarkDone { detail })
            }
            Fate::CannotTell(why) => {
                Face::remark(&format!("after a crash: {why}"));
                None
            }
        })
    }

    async fn perform(
        &self,
        run: &Run,
        ground: &Ground,
        ticket: u64,
        work: Work,
        patience: Option<u64>,
    ) -> Result<Outcome, Failure> {
        match work {
            Work::Act(act) => self.act(&act, deed::mark(run.id(), ticket)).await,
            Work::Runbook { id, with, run, stack } => Box::pin(self.within(id, with, run, stack, ground)).await,
            work => Ok(perform(&work, patience, &run.book().origin, &self.tools).await),
        }
    }

    async fn act(&self, act: &Act, mark: String) -> Result<Outcome, Failure> {
        let request = match deed::request(act, mark, &self.tools).await {
            Ok(request) => request,
            Err(why) => return Ok(Outcome::failed(why)),
        };
        let manner = Manner::of_step(self.face.yes);
        let Some(door) = through(self.launch, self.connected, request, &manner).await? else {
            return Ok(Outcome::failed("it was only planned"));
        };
        let view = door.view();
        let Some(outcome) = view.outcome else { return Ok(Outcome::failed("the action ended without an outcome")) };
        Ok(Outcome::Acted { end: outcome.end, detail: outcome.detail.clone(), id: view.id.map(str::to_owned) })
    }

    /// A runbook within this one, as a run of its own.
    async fn within(
        &self,
        id: String,
        with: BTreeMap<String, String>,
        run: String,
        stack: Vec<String>,
        ground: &Ground,
    ) -> Result<Outcome, Failure> {
        let Some(entry) = self.library.get(&id) else {
            return Ok(Outcome::failed(format!("there is no runbook `{id}`")));
        };
        let book = entry.book.clone();
        let ground = Ground::new(&ground.context, ground.alert.clone(), &book.origin);
        let kept = match keep::begin_within(&self.store, &run, &book, &ground) {
            Err(why) => return Ok(Outcome::failed(why)),
            Ok(Err(taken)) => {
                let on = self.resume(taken)?;
                return Ok(of(Box::pin(self.walk(on)).await?));
            }
            Ok(Ok(kept)) => kept,
        };
        let values = match book.read_values(&with) {
            Ok(values) => values,
            Err(why) => return Ok(Outcome::failed(why)),
        };
        let begin = Begin {
            id: run,
            who: self.who.clone(),
            now: self.launch.clock.now(),
            values,
            unattended: self.face.unattended,
            stack,
        };
        match Run::begin(book, begin) {
            Ok((run, effects)) => {
                Ok(of(Box::pin(self.walk(OnTheWay { run, kept, ground, effects, cut: None })).await?))
            }
            Err(error) => Ok(Outcome::failed(error.to_string())),
        }
    }
}

/// What the end of a runbook within another is to it.
fn of(end: Option<RunEnd>) -> Outcome {
    match end {
        Some(end) => Outcome::of_run_within(&end),
        None => Outcome::failed("it was left open"),
    }
}
