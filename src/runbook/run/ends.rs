//! How a step ends: what came of it is judged by what follows from that, masked, cut, and written down.

use super::record::{Event, Place, RunEnd, Verdict};
use super::work::{Outcome, Output, Question};
use super::{Phase, Run, RunEffect, SECRET};
use crate::actions::outcome::End;
use crate::domain::time::Instant;
use crate::runbook::parameter::Value;
use crate::runbook::step::{OnFailure, Target};

/// How much of an output is recorded, in bytes.
const MOST_TEXT: usize = 16 * 1024;

type Effects = Vec<RunEffect>;

impl Run {
    pub(super) fn done(&mut self, effects: &mut Effects, now: Instant, ticket: u64, outcome: Outcome) {
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
    pub(super) fn skip(&mut self, effects: &mut Effects, now: Instant, reason: String) {
        let Some(step) = self.current() else { return };
        let (reason, next) = (self.masked(&reason), self.after(self.place));
        self.write(effects, now, Event::Skipped { step: self.place, name: step.name, reason, next });
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
pub(super) fn by_hand(why: &str, lines: &[String]) -> String {
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
