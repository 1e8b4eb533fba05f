//! What a record alters: the one place where what survives a crash is altered, live and at a replay.

use super::record::{Event, Place, Record, Verdict};
use super::{Phase, Run, SECRET};
use crate::runbook::parameter::Value;

impl Run {
    /// Takes a record in.
    pub(super) fn apply(&mut self, record: &Record) {
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
}
