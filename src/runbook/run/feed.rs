//! What each input does to a run: the rules of walking.

use chrono::Duration;

use super::ends::by_hand;
use super::record::{Event, Record, RunEnd, Verdict};
use super::work::{Outcome, Output, Question, Work};
use super::{MOST_TICKETS, Phase, Run, RunEffect, RunInput};
use crate::domain::time::Instant;
use crate::runbook::splice;
use crate::runbook::step::{Step, StepKind};

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
        // What is said of the incident is written already: the driver does it, and says by what rules.
        if self.unattended && !matches!(question, Question::Incident(..)) {
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
}
