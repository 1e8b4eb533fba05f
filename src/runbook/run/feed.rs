//! What each input does to a run: the rules of walking.

use chrono::Duration;

use super::record::{Event, Place, Record, RunEnd, Verdict};
use super::work::{Outcome, Output, Question, Work};
use super::{MOST_TICKETS, Phase, Run, RunEffect, RunInput, SECRET};
use crate::actions::outcome::End;
use crate::domain::time::Instant;
use crate::runbook::parameter::Value;
use crate::runbook::splice;
use crate::runbook::step::{OnFailure, Step, StepKind, Target};

/// How much of an output is recorded, in bytes.
const MOST_TEXT: usize = 16 * 1024;

type Effects = Vec<RunEffect>;

impl Run {
    /// Takes an input.
    pub fn feed(&mut self, input: RunInput, now: Instant) -> Effects {
        let mut effects = Effects::new();
        if matches!(self.phase, Phase::Ended(_)) {
            if !matches!(input, RunInput::Tick | RunInput::Done { .. }) {
                effects.push(RunEffect::Say("the run is over".into()));
            }
            return effects;
        }
        if self.is_running()
            && !matches!(input, RunInput::Done { .. } | RunInput::Tick | RunInput::Abort { .. } | RunInput::Note(_))
        {
            return vec![RunEffect::Say("the step is under way: wait for it, or abort the run".into())];
        }
        match input {
            RunInput::Start => self.start(&mut effects, now),
            RunInput::Retry => match self.phase {
                Phase::Halted { .. } | Phase::Unknown { .. } => {
                    self.phase = Phase::Ready;
                    self.start(&mut effects, now);
                }
                _ => effects.push(RunEffect::Say("nothing has failed here: start it".into())),
            },
            RunInput::Skip { reason } if reason.trim().is_empty() => {
                effects.push(RunEffect::Say("say why it is skipped".into()));
            }
            RunInput::Skip { reason } => self.skip(&mut effects, now, reason),
            RunInput::Back => match self.walked.last().copied() {
                // Back is a way like any other: it is recorded as a jump.
                Some(to) => self.jump(&mut effects, now, to),
                None => effects.push(RunEffect::Say("this is where the run began".into())),
            },
            RunInput::Jump(to) if to >= self.book.steps.len() => {
                effects.push(RunEffect::Say(format!("there is no step {}", to + 1)));
            }
            RunInput::Jump(to) => self.jump(&mut effects, now, to),
            RunInput::MarkDone { detail } => match self.phase {
                Phase::Unknown { .. } => {
                    let detail = format!("marked as done: {detail}");
                    self.passed(&mut effects, now, detail, Output::default(), None);
                }
                _ => effects.push(RunEffect::Say("it is known how this step stands".into())),
            },
            RunInput::Abort { reason } => {
                if let Phase::Running { ticket, .. } = self.phase {
                    effects.push(RunEffect::Cancel { ticket });
                }
                self.finish(&mut effects, now, RunEnd::Aborted { reason });
            }
            RunInput::Note(text) => {
                let text = self.masked(&text);
                self.write(&mut effects, now, Event::Noted { step: self.place, text });
            }
            RunInput::Answer(text) => self.answer(&mut effects, now, &text),
            RunInput::Choose(option) => self.choose(&mut effects, now, option),
            RunInput::Approve => self.approve(&mut effects, now),
            RunInput::Decline { reason } => self.decline(&mut effects, now, &reason),
            RunInput::Secret { name, value } => self.secret(&mut effects, &name, &value),
            RunInput::Done { ticket, outcome } => self.done(&mut effects, now, ticket, outcome),
            RunInput::Tick => self.tick(&mut effects, now),
        }
        effects
    }

    fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    /// Writes something down: applied here as it will be applied at a replay.
    pub(super) fn write(&mut self, effects: &mut Effects, now: Instant, event: Event) {
        let record = Record { run: self.id.clone(), at: now, who: self.who.clone(), event };
        self.apply(&record);
        effects.push(RunEffect::Record(record));
    }

    fn finish(&mut self, effects: &mut Effects, now: Instant, end: RunEnd) {
        self.write(effects, now, Event::Finished(end.clone()));
        effects.push(RunEffect::Finished(end));
    }

    /// At a new place: passes over what is only there for a failure, and ends at the end.
    pub(super) fn arrive(&mut self, now: Instant) -> Effects {
        let mut effects = Effects::new();
        if self.phase == Phase::Ready && self.place >= self.book.steps.len() {
            let failed = self.visits.iter().filter(|visit| visit.verdict == Some(Verdict::Failed)).count();
            self.finish(&mut effects, now, RunEnd::Done { failed });
        }
        effects
    }

    /// The place after a step, in the order of the document. Steps that only take others back are not in that order.
    fn following(&self, step: Place) -> Place {
        let only_back = |place: Place| {
            let name = self.book.steps.get(place).map(|step| step.name.as_str());
            name.is_some_and(|name| self.book.steps.iter().any(|step| step.rollback.as_deref() == Some(name)))
        };
        let mut next = step + 1;
        while only_back(next) {
            next += 1;
        }
        next
    }

    pub(super) fn place_of(&self, target: &Target) -> Place {
        match target {
            Target::End => self.book.steps.len(),
            Target::Step(name) => self.book.step(name).unwrap_or(self.book.steps.len()),
        }
    }

    /// Where a step leads when it went well, or was passed over.
    fn after(&self, place: Place) -> Place {
        if let Some(then) = self.then {
            return then;
        }
        match self.book.steps.get(place).and_then(|step| step.next.as_ref()) {
            Some(target) => self.place_of(target),
            None => self.following(place),
        }
    }

    pub(super) fn current(&self) -> Option<Step> {
        self.step().cloned()
    }

    fn start(&mut self, effects: &mut Effects, now: Instant) {
        if !self.missing.is_empty() {
            let names: Vec<&str> = self.missing.iter().map(String::as_str).collect();
            let why = format!("{} is secret and was not written down: say it again", names.join(", "));
            effects.push(RunEffect::Say(why));
            return;
        }
        match self.phase {
            Phase::Unknown { .. } => {
                let why = "nobody knows how this step ended: look at the audit log, then retry, mark as done or skip";
                effects.push(RunEffect::Say(why.into()));
                return;
            }
            Phase::Asking(_) => {
                effects.push(RunEffect::Say("answer the question first".into()));
                return;
            }
            _ => self.phase = Phase::Ready,
        }
        let Some(step) = self.current() else {
            effects.extend(self.arrive(now));
            return;
        };
        if self.ticket >= MOST_TICKETS {
            let why = format!("more than {MOST_TICKETS} steps were begun: it goes round in circles");
            let end = RunEnd::Failed { step: step.name, why };
            self.finish(effects, now, end);
            return;
        }
        if let Some(when) = &step.when {
            match splice::holds(&when.text, &self.context()) {
                Ok(true) => {}
                Ok(false) => {
                    let next = self.after(self.place);
                    let reason = format!("its condition is false: {}", when.text);
                    self.write(effects, now, Event::Skipped { step: self.place, name: step.name, reason, next });
                    effects.extend(self.arrive(now));
                    return;
                }
                Err(why) => return self.failed(effects, now, format!("when: {why}"), Output::default(), None),
            }
        }
        match &step.kind {
            StepKind::Note => self.passed(effects, now, String::new(), Output::default(), None),
            StepKind::Branch(branch) => {
                let context = self.context();
                for (condition, target) in &branch.cases {
                    match splice::holds(&condition.text, &context) {
                        Ok(false) => {}
                        Ok(true) => {
                            let to = self.place_of(target);
                            return self.ended(
                                effects,
                                now,
                                Verdict::Passed,
                                condition.text.clone(),
                                Output::default(),
                                None,
                                Some(to),
                            );
                        }
                        Err(why) => return self.failed(effects, now, why, Output::default(), None),
                    }
                }
                let to = branch.otherwise.as_ref().map_or_else(|| self.after(self.place), |to| self.place_of(to));
                self.ended(effects, now, Verdict::Passed, "otherwise".into(), Output::default(), None, Some(to));
            }
            _ if step.kind.asks() => self.ask(effects, now, &step),
            _ => self.prepare(effects, now, &step),
        }
    }

    fn ask(&mut self, effects: &mut Effects, now: Instant, step: &Step) {
        let question = match self.question(step) {
            Ok(question) => question,
            Err(why) => return self.failed(effects, now, why, Output::default(), None),
        };
        if self.unattended {
            let default = match &question {
                Question::Input { default: Some(default), .. } => Some(default.clone()),
                _ => None,
            };
            self.phase = Phase::Asking(question);
            match default {
                Some(default) => self.answer(effects, now, &default),
                None => {
                    self.failed(effects, now, "it needs a person, and nobody is here".into(), Output::default(), None);
                }
            }
            return;
        }
        self.phase = Phase::Asking(question);
    }

    /// Work that is resolved and, where it has to be, agreed to.
    fn prepare(&mut self, effects: &mut Effects, now: Instant, step: &Step) {
        let work = match self.resolve(step) {
            Ok(work) => work,
            // What is only there to copy is copied by somebody.
            Err(why) if !self.unattended && step.kind.is_only_to_copy() => {
                let script = match &step.kind {
                    StepKind::Command(command) => command.script.trim_end().to_owned(),
                    _ => String::new(),
                };
                self.phase = Phase::Asking(Question::Manual(by_hand(&why, &[script])));
                return;
            }
            Err(why) => return self.failed(effects, now, why, Output::default(), None),
        };
        let asks = step.confirm || matches!(&step.kind, StepKind::Http(http) if http.writes());
        if asks && self.unattended {
            return self.failed(effects, now, "it needs a yes, and nobody is here".into(), Output::default(), None);
        }
        if asks {
            self.phase = Phase::Asking(Question::Confirm(Box::new(work)));
            return;
        }
        self.perform(effects, now, work, 1);
    }

    pub(super) fn perform(&mut self, effects: &mut Effects, now: Instant, work: Work, attempt: u32) {
        let Some(step) = self.current() else { return };
        let ticket = self.ticket + 1;
        let lines = work.describe().iter().map(|line| self.masked(line)).collect();
        let writes = step.kind.writes();
        let event =
            Event::StepBegan { step: self.place, name: step.name.clone(), ticket, attempt, writes, work: lines };
        self.write(effects, now, event);
        self.deadline = match &work {
            Work::Wait { seconds } => now.checked_add_signed(Duration::seconds(i64::try_from(*seconds).unwrap_or(0))),
            _ => None,
        };
        self.phase = Phase::Running { ticket, work: Box::new(work.clone()) };
        effects.push(RunEffect::Perform { ticket, step: self.place, work: Box::new(work), patience: step.patience() });
    }

    fn tick(&mut self, effects: &mut Effects, now: Instant) {
        let over = self.deadline.is_some_and(|deadline| now >= deadline);
        if let (true, Phase::Running { ticket, .. }) = (over, &self.phase) {
            let ticket = *ticket;
            self.done(effects, now, ticket, Outcome::passed("waited"));
        }
    }

    fn done(&mut self, effects: &mut Effects, now: Instant, ticket: u64, outcome: Outcome) {
        let (Phase::Running { ticket: open, work }, Some(step)) = (self.phase.clone(), self.current()) else { return };
        if open != ticket {
            return;
        }
        match outcome {
            Outcome::Passed { detail, output } => self.passed(effects, now, detail, output, None),
            Outcome::Failed { detail, output } => {
                let attempt = self.visits.get(self.place).map_or(1, |visit| visit.attempt);
                if !step.kind.writes() && attempt < step.attempts {
                    self.perform(effects, now, *work, attempt + 1);
                } else {
                    self.failed(effects, now, detail, output, None);
                }
            }
            Outcome::Acted { end: End::Done, detail, id } => self.passed(effects, now, detail, Output::default(), id),
            Outcome::Acted { end, detail, id } => {
                let detail = format!("{}: {detail}", end.word());
                self.failed(effects, now, detail, Output::default(), id);
            }
            // What would have changed something and was not done (a script that nobody trusts) is passed over by nobody:
            // a person says how it goes on, and where there is none the run has failed.
            Outcome::Skipped { reason } if self.unattended => {
                self.failed(effects, now, format!("not done: {reason}"), Output::default(), None);
            }
            Outcome::Skipped { reason } if step.kind.writes() => {
                let by_hand = by_hand(&reason, &work.describe());
                self.phase = Phase::Asking(Question::Manual(self.masked(&by_hand)));
            }
            Outcome::Skipped { reason } => self.skip(effects, now, reason),
        }
    }

    #[allow(clippy::needless_pass_by_value)] // it is made for this
    fn skip(&mut self, effects: &mut Effects, now: Instant, reason: String) {
        let Some(step) = self.current() else { return };
        let (reason, next) = (self.masked(&reason), self.after(self.place));
        self.write(effects, now, Event::Skipped { step: self.place, name: step.name, reason, next });
        effects.extend(self.arrive(now));
    }

    fn jump(&mut self, effects: &mut Effects, now: Instant, to: Place) {
        self.write(effects, now, Event::Jumped { from: self.place, to });
        effects.extend(self.arrive(now));
    }

    pub(super) fn passed(
        &mut self,
        effects: &mut Effects,
        now: Instant,
        detail: String,
        output: Output,
        audit: Option<String>,
    ) {
        self.ended(effects, now, Verdict::Passed, detail, output, audit, None);
    }

    pub(super) fn failed(
        &mut self,
        effects: &mut Effects,
        now: Instant,
        detail: String,
        output: Output,
        audit: Option<String>,
    ) {
        self.ended(effects, now, Verdict::Failed, detail, output, audit, None);
    }

    /// The end of the step at which it stands; `to` is where it said that it leads.
    #[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)] // a record has many fields
    pub(super) fn ended(
        &mut self,
        effects: &mut Effects,
        now: Instant,
        verdict: Verdict,
        detail: String,
        mut output: Output,
        audit: Option<String>,
        to: Option<Place>,
    ) {
        let Some(step) = self.current() else { return };
        let live = step.capture.clone().zip(output.value.clone()).filter(|_| verdict == Verdict::Passed);
        // A verification that fails is a failure of what it verifies.
        let judged = self.verifying.and_then(|place| self.book.steps.get(place)).unwrap_or(&step);
        let (next, then) = match (verdict, &judged.on_failure) {
            (Verdict::Failed, OnFailure::Abort) => (None, None),
            (Verdict::Failed, OnFailure::Goto(name)) => (Some(self.place_of(&Target::Step(name.clone()))), None),
            (Verdict::Failed, OnFailure::Continue) => (Some(self.after(self.place)), None),
            _ => {
                let onward = to.unwrap_or_else(|| self.after(self.place));
                match step.verify.as_deref().and_then(|name| self.book.step(name)) {
                    Some(check) if check == onward => {
                        let beyond = self.book.steps.get(check).and_then(|step| step.next.as_ref());
                        let beyond = beyond.map_or_else(|| self.following(check), |to| self.place_of(to));
                        (Some(check), Some(beyond))
                    }
                    Some(check) => (Some(check), Some(onward)),
                    None => (Some(onward), None),
                }
            }
        };
        // A sample's number, text of a command: what is kept may be secret, and what is shown may repeat it.
        let hidden = step.capture.as_ref().is_some_and(|name| self.secrets.contains(name));
        if hidden {
            output.value = output.value.map(|_| Value::Text(SECRET.to_owned()));
        }
        output.text = bounded(self.masked(&output.text));
        if let Some(Value::Text(text)) = &output.value {
            // A part of a secret that was cut out of a value would be another value at a replay: none of it is kept.
            let masked = self.masked(text);
            output.value = Some(Value::Text(if masked == *text { bounded(masked) } else { SECRET.to_owned() }));
        }
        let capture = step.capture.clone().zip(output.value.clone()).filter(|_| live.is_some());
        let detail = self.masked(&detail);
        let (place, name) = (self.place, step.name);
        self.write(
            effects,
            now,
            Event::StepEnded {
                step: place,
                name: name.clone(),
                verdict,
                detail: detail.clone(),
                output,
                capture,
                audit,
                next,
                then,
            },
        );
        // What a record may not hold is still known to this process.
        if let Some((name, value)) = live {
            self.missing.remove(&name);
            self.captures.insert(name, value);
        }
        if next.is_none() && self.unattended {
            self.finish(effects, now, RunEnd::Failed { step: name, why: detail });
            return;
        }
        effects.extend(self.arrive(now));
    }
}

/// What a person is asked to do in the place of a step that is not done here.
fn by_hand(why: &str, lines: &[String]) -> String {
    format!("{why}\n\nDo it by hand and say so, or pass over it:\n{}", lines.join("\n"))
}

/// Cut to what is recorded.
fn bounded(text: String) -> String {
    if text.len() <= MOST_TEXT {
        return text;
    }
    let mut end = MOST_TEXT;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}\n… {} bytes more", &text[..end], text.len() - end)
}
