//! The door's second half: send each step once, then collect proof.

use chrono::TimeDelta;

use super::{Door, Effects, REPLAN};
use crate::actions::approval::{Approved, Receipt};
use crate::actions::exchange::Work;
use crate::actions::outcome::{End, Refusal, Stage};
use crate::actions::step::StepState;
use crate::actions::verification::Verification;
use crate::actions::{OnFailure, announcement};
use crate::domain::text::clean;
use crate::domain::time::{Instant, span};
use crate::ports::cluster::ClusterError;
use crate::ports::journal::JournalError;

/// So long a step waits that a budget forbids for now, before it is sent again (as `kubectl drain` does).
const AGAIN_AFTER: u32 = 5;

/// A bulk leaves word on so many of its targets.
const MOST_EVENTS: usize = 20;

/// A step that was not done, as an end of the whole.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    end: End,
    detail: String,
    hint: Option<String>,
}

impl Door {
    pub(super) fn intent_recorded(&mut self, written: Result<(), JournalError>, now: Instant) -> Effects {
        if let Err(error) = written {
            self.intent = None;
            let refusal = Refusal::Unrecordable(error);
            // A log that cannot be written takes no refusal either.
            self.end(End::Refused, refusal.to_string(), refusal.hint());
            return Effects::new();
        }
        self.stage = Stage::Executing;
        self.patience = Some(now + TimeDelta::seconds(i64::from(self.guard.verification_timeout)));
        self.send_next(now)
    }

    /// What was blocked is sent again, as long as patience lasts.
    pub(super) fn waited(&mut self, now: Instant) -> Effects {
        if self.patience.is_some_and(|until| now < until) {
            for step in self.plan.iter_mut().flat_map(|plan| &mut plan.steps) {
                if matches!(step.state, StepState::Blocked(_)) {
                    step.state = StepState::Waiting;
                }
            }
        }
        self.send_next(now)
    }

    /// Sends the next step that was not sent yet; then waits for what is blocked; then begins to verify. This is the one
    /// place that issues a pass for what a plan sends.
    pub(super) fn send_next(&mut self, now: Instant) -> Effects {
        let Some(plan) = &mut self.plan else { return Effects::new() };
        let waiting = plan.steps.iter().position(|step| step.state == StepState::Waiting);
        if let Some((index, step)) = waiting.and_then(|index| Some((index, plan.steps.get_mut(index)?))) {
            step.state = StepState::Sending;
            let approved = Approved::issue(step.mutation.clone());
            return vec![self.effect(Work::Execute(approved), index)];
        }
        let blocked: Vec<_> =
            plan.steps.iter_mut().filter(|step| matches!(step.state, StepState::Blocked(_))).collect();
        if blocked.is_empty() {
            return self.all_sent(now);
        }
        if self.patience.is_some_and(|until| now < until) {
            return vec![self.effect(Work::Wait(AGAIN_AFTER), 0)];
        }
        let waited = span(i64::from(self.guard.verification_timeout));
        for step in blocked {
            let why = match std::mem::replace(&mut step.state, StepState::Skipped) {
                StepState::Blocked(why) => why,
                _ => String::new(),
            };
            self.failed.get_or_insert_with(|| Failed {
                end: End::Failed,
                detail: format!("{} was not allowed within {waited}: {why}", step.title),
                hint: None,
            });
            step.state = StepState::Failed(why);
        }
        self.all_sent(now)
    }

    pub(super) fn executed(&mut self, index: usize, receipt: Result<Receipt, ClusterError>, now: Instant) -> Effects {
        let Some(step) = self.plan.as_mut().and_then(|plan| plan.steps.get_mut(index)) else { return Effects::new() };
        match receipt {
            Ok(receipt) => {
                step.state = StepState::Done;
                self.notice = receipt.warnings.first().map(|warning| clean(warning).into_owned());
            }
            Err(ClusterError::NotFound(_)) if step.mutation.change.removes() => step.state = StepState::Needless,
            Err(ClusterError::Unknown(why)) => {
                // Never sent again: look whether it happened.
                let why = clean(&why).into_owned();
                step.state = StepState::Unknown(why.clone());
                let title = step.title.clone();
                self.unsure = Some(why);
                if self.request.on_failure == OnFailure::Stop && self.skip_the_rest() > 0 {
                    let detail = format!("no answer came to {title}, so the rest was not sent");
                    self.failed.get_or_insert(Failed { end: End::Failed, detail, hint: None });
                }
            }
            // The server did not do it, and may do it later: this, and only this, is sent again.
            Err(ClusterError::Blocked(why)) => {
                step.state = StepState::Blocked(clean(&why).into_owned());
            }
            Err(error) => {
                let failed = Failed::of(error);
                step.state = StepState::Failed(failed.detail.clone());
                self.failed.get_or_insert(failed);
                if self.request.on_failure == OnFailure::Stop {
                    self.skip_the_rest();
                }
            }
        }
        self.send_next(now)
    }

    /// Nobody waits any longer for the budgets: what they hold back is not sent.
    pub(super) fn stop_waiting(&mut self, now: Instant) -> Effects {
        self.open.clear();
        self.skip_the_rest();
        let (detail, hint) = ("stopped while a budget held the rest back".to_owned(), None);
        self.failed.get_or_insert(Failed { end: End::Failed, detail, hint });
        self.all_sent(now)
    }

    /// How many steps that leaves unsent.
    fn skip_the_rest(&mut self) -> usize {
        let mut skipped = 0;
        for step in self.plan.iter_mut().flat_map(|plan| &mut plan.steps) {
            if matches!(step.state, StepState::Waiting | StepState::Blocked(_)) {
                step.state = StepState::Skipped;
                skipped += 1;
            }
        }
        skipped
    }

    /// Every step has its answer: what took effect is verified, unless a failure says that it stops here.
    fn all_sent(&mut self, now: Instant) -> Effects {
        let Some(plan) = &self.plan else { return Effects::new() };
        let took_effect = plan.steps.iter().filter(|step| step.state.took_effect()).count();
        let stops = self.request.on_failure == OnFailure::Stop && self.unsure.is_none();
        if let Some(failed) = self.failed.clone().filter(|_| took_effect == 0 || stops) {
            let (end, detail) = match took_effect {
                0 => (failed.end, failed.detail),
                // A conflict says that nothing was altered, which is not so here.
                done => {
                    (End::Failed, format!("{}; {done} of {} steps were done before", failed.detail, plan.steps.len()))
                }
            };
            return self.conclude(end, detail, failed.hint, now);
        }
        // Of a target whose step failed there is nothing to expect.
        let whole =
            |part: usize| plan.steps.iter().filter(|step| step.part == part).all(|step| step.state.took_effect());
        let expected: Vec<_> =
            plan.expect.iter().filter(|(part, _)| whole(*part)).map(|(_, expectation)| expectation.clone()).collect();
        self.stage = Stage::Verifying;
        self.verification = Some(Verification::new(expected, now, self.guard.verification_timeout));
        self.observe()
    }

    pub(super) fn next_proof(&mut self, now: Instant) -> Effects {
        let (Some(plan), Some(verification)) = (&self.plan, &self.verification) else { return Effects::new() };
        if self.unsure.is_some() && verification.shows_effect() {
            self.unsure = None;
        }
        if self.unsure.is_none() && verification.is_proven(now) {
            let detail = match verification.not_checked() {
                Some(gaps) => format!("{}; {gaps}", plan.done),
                None => plan.done.clone(),
            };
            return match self.failed.clone() {
                None => self.conclude(End::Done, detail, None, now),
                Some(failed) => {
                    let total = plan.steps.len();
                    let done = plan.steps.iter().filter(|step| step.state.took_effect()).count();
                    let detail = format!("{done} of {total} steps done and verified; {}", failed.detail);
                    self.conclude(End::Failed, detail, failed.hint, now)
                }
            };
        }
        if self.unsure.is_none() && verification.is_contradicted(now) {
            let detail = verification.missing();
            let hint =
                plan.managed_by.as_ref().map(|manager| format!("{manager} may have put it back; pause it first"));
            return self.conclude(End::Unverified, detail, hint, now);
        }
        let late = self.give_up_if_late(now);
        if self.stage == Stage::Verifying { self.observe() } else { late }
    }

    /// Leaves word on every target that something was done to.
    pub(super) fn announce(&mut self, now: Instant) -> Effects {
        let (Some(plan), Some(outcome), Some(_)) = (&self.plan, &self.outcome, &self.intent) else {
            return Effects::new();
        };
        let touched = |part: usize| plan.steps.iter().any(|step| step.part == part && step.state.took_effect());
        let events: Vec<_> = plan
            .targets
            .iter()
            .enumerate()
            .filter(|(part, _)| touched(*part))
            .filter_map(|(_, target)| {
                // A target that was left out of a bulk shifts those after it.
                let mut read = self.request.actions().zip(&self.facts);
                let (_, facts) = read.find(|(action, _)| action.target() == *target)?;
                let object = facts.as_ref().map(|facts| &facts.object)?;
                announcement::event(&self.request, &self.guard, target, object, outcome, now)
            })
            .take(MOST_EVENTS)
            .collect();
        events.into_iter().map(|event| self.effect(Work::Announce(Approved::issue(event)), 0)).collect()
    }

    pub(super) fn give_up_if_late(&mut self, now: Instant) -> Effects {
        let Some(verification) = self.verification.as_ref().filter(|verification| verification.is_over(now)) else {
            return Effects::new();
        };
        if self.stage != Stage::Verifying {
            return Effects::new();
        }
        let missing = verification.missing();
        let waited = span(i64::from(self.guard.verification_timeout));
        let detail = match &self.unsure {
            Some(why) => format!("no answer came after sending ({why}), and after {waited} there is no sign of it"),
            None => format!("after {waited}: {missing}"),
        };
        match self.failed.clone() {
            Some(failed) => self.conclude(End::Failed, format!("{}; {detail}", failed.detail), failed.hint, now),
            None => self.conclude(End::Unverified, detail, None, now),
        }
    }
}

impl Failed {
    fn of(error: ClusterError) -> Self {
        match error {
            ClusterError::Conflict(why) => Self {
                end: End::Conflict,
                detail: format!("changed since the plan; nothing was altered: {}", clean(&why)),
                hint: Some(REPLAN.into()),
            },
            ClusterError::Fault(fault) => {
                Self { end: End::Failed, detail: format!("not sent: {}", clean(&fault.message)), hint: fault.hint }
            }
            error => Self {
                end: End::Failed,
                detail: format!("the server refused it: {}", clean(&error.to_string())),
                hint: None,
            },
        }
    }
}
