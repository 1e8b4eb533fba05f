//! The door's second half: send it once, then collect proof.

use super::{Door, Effects, REPLAN};
use crate::actions::Facts;
use crate::actions::approval::{Approved, Receipt};
use crate::actions::exchange::Work;
use crate::actions::outcome::{End, Refusal, Stage};
use crate::actions::rollback;
use crate::actions::verification::Verification;
use crate::domain::text::clean;
use crate::domain::time::Instant;
use crate::ports::cluster::ClusterError;
use crate::ports::journal::JournalError;

impl Door {
    pub(super) fn intent_recorded(&mut self, written: Result<(), JournalError>) -> Effects {
        if let Err(error) = written {
            self.intent = None;
            return self.refuse(&Refusal::Unrecordable(error));
        }
        let Some(mutation) = self.plan.as_ref().map(|plan| plan.mutation.clone()) else { return Effects::new() };
        self.stage = Stage::Executing;
        vec![self.effect(Work::Execute(Approved::issue(mutation)))]
    }

    pub(super) fn executed(&mut self, receipt: Result<Receipt, ClusterError>, now: Instant) -> Effects {
        match receipt {
            Ok(receipt) => {
                self.begin_verifying(now);
                self.notice = receipt.warnings.first().map(|warning| clean(warning).into_owned());
                vec![self.observe()]
            }
            Err(ClusterError::Unknown(why)) => {
                // Never sent again: look whether it happened.
                self.begin_verifying(now);
                self.unsure = Some(clean(&why).into_owned());
                vec![self.gather()]
            }
            Err(ClusterError::Conflict(why)) => {
                let detail = format!("changed since the plan; nothing was altered: {}", clean(&why));
                self.conclude(End::Conflict, detail, Some(REPLAN.into()), now)
            }
            Err(ClusterError::Fault(fault)) => {
                let detail = format!("not sent: {}", clean(&fault.message));
                self.conclude(End::Failed, detail, fault.hint, now)
            }
            Err(error) => {
                let detail = format!("the server refused it: {}", clean(&error.to_string()));
                self.conclude(End::Failed, detail, None, now)
            }
        }
    }

    pub(super) fn begin_verifying(&mut self, now: Instant) {
        self.stage = Stage::Verifying;
        self.verification = Some(Verification::new(now, self.guard.verification_timeout));
    }

    pub(super) fn next_proof(&mut self, now: Instant) -> Effects {
        let ready = self.verification.as_ref().is_some_and(|verification| verification.has_settled(now));
        if ready || self.unsure.is_some() {
            return vec![self.gather()];
        }
        let late = self.give_up_if_late(now);
        if self.stage == Stage::Verifying { vec![self.observe()] } else { late }
    }

    pub(super) fn read_back(&mut self, facts: Result<Facts, ClusterError>, now: Instant) -> Effects {
        let (Some(plan), Some(verification)) = (&self.plan, &mut self.verification) else { return Effects::new() };
        let same = match facts {
            Ok(Facts::Rollback(facts)) => Ok(rollback::has_template_of(&facts.workload, &plan.mutation)),
            Err(error) => Err(clean(&error.to_string()).into_owned()),
        };
        verification.template_read(same.clone());
        let proven = verification.is_proven();
        let gaps = verification.not_checked();
        match (same, self.unsure.is_some()) {
            (Ok(true), true) => self.unsure = None,
            (Ok(true), false) if proven => {
                let detail = match gaps {
                    Some(gaps) => format!("{}; {gaps}", plan.done()),
                    None => plan.done(),
                };
                return self.conclude(End::Done, detail, None, now);
            }
            (Ok(false), false) => {
                let detail = verification.missing();
                let hint =
                    plan.managed_by.as_ref().map(|manager| format!("{manager} may have put it back; pause it first"));
                return self.conclude(End::Unverified, detail, hint, now);
            }
            _ => {}
        }
        let late = self.give_up_if_late(now);
        if self.stage == Stage::Verifying { vec![self.observe()] } else { late }
    }

    pub(super) fn give_up_if_late(&mut self, now: Instant) -> Effects {
        let Some(verification) = self.verification.as_ref().filter(|verification| verification.is_over(now)) else {
            return Effects::new();
        };
        if self.stage != Stage::Verifying {
            return Effects::new();
        }
        let missing = verification.missing();
        let waited = crate::domain::time::span(i64::from(self.guard.verification_timeout));
        let detail = match &self.unsure {
            Some(why) => format!("no answer came after sending ({why}), and after {waited} there is no sign of it"),
            None => format!("after {waited}: {missing}"),
        };
        self.conclude(End::Unverified, detail, None, now)
    }
}
