//! The door's first half: fresh facts, a plan, and what the server says to it before anyone is asked.

use super::{Door, Effects, REPLAN, not_found};
use crate::actions::exchange::Work;
use crate::actions::guardrail::ConfirmLevel;
use crate::actions::outcome::{End, Refusal, Stage};
use crate::actions::plan::{Plan, Verdict, Warning, WarningKind};
use crate::actions::{ActionKind, Facts, rollback};
use crate::domain::text::clean;
use crate::domain::time::Instant;
use crate::ports::cluster::{ClusterError, DryRun, Permission};

impl Door {
    pub(super) fn gathered(&mut self, facts: Result<Facts, ClusterError>) -> Effects {
        match facts {
            Ok(facts) => {
                self.facts = Some(facts);
                match self.make_plan() {
                    Ok(plan) => self.ask_server(plan),
                    Err(refusal) => self.refuse(&refusal),
                }
            }
            Err(error) => self.preflight_failed("the cluster could not be read", error),
        }
    }

    pub(super) fn make_plan(&self) -> Result<Plan, Refusal> {
        let ActionKind::Rollback { target, to } = &self.request.action;
        match &self.facts {
            Some(Facts::Rollback(facts)) => rollback::plan(target, *to, facts, self.guard.confirm),
            None => Err(Refusal::Malformed("nothing was read".into())),
        }
    }

    /// Asks permission and a dry run. Answers to earlier questions are void from here on.
    pub(super) fn ask_server(&mut self, plan: Plan) -> Effects {
        let mutation = plan.mutation.clone();
        self.plan = Some(plan);
        self.stage = Stage::Preflight;
        self.open.clear();
        vec![self.effect(Work::CheckPermission(mutation.clone())), self.effect(Work::DryRun(mutation))]
    }

    pub(super) fn permitted(&mut self, permission: Result<Permission, ClusterError>, now: Instant) -> Effects {
        match permission {
            Ok(permission) if !permission.allowed => {
                let mut text = clean(&permission.what).into_owned();
                if let Some(reason) = permission.reason.filter(|reason| !reason.is_empty()) {
                    text = format!("{text} ({})", clean(&reason));
                }
                return self.refuse(&Refusal::Forbidden(text));
            }
            Ok(permission) => self.with_plan(|plan| {
                plan.permission = Verdict::Yes(clean(&permission.what).into_owned());
            }),
            // The dry run asks for the same right, so not being able to ask twice is no reason to refuse.
            Err(error) => self.with_plan(|plan| {
                let text = clean(&error.to_string()).into_owned();
                plan.warnings.push(Warning::new(
                    WarningKind::Unchecked,
                    format!("whether it is allowed could not be asked: {text}"),
                ));
                plan.permission = Verdict::Unknown(text);
            }),
        }
        self.review_when_checked(now)
    }

    pub(super) fn dry_ran(&mut self, dry_run: Result<DryRun, ClusterError>, now: Instant) -> Effects {
        match dry_run {
            Ok(answer) => self.with_plan(|plan| rollback::take_dry_run(plan, &answer)),
            // A webhook with side effects makes every dry run fail; that must not block a way back at night.
            Err(ClusterError::Rejected(why)) if why.contains("does not support dry run") => self.with_plan(|plan| {
                let why = clean(&why).into_owned();
                plan.warnings.push(Warning::new(
                    WarningKind::Unchecked,
                    format!("no dry run, an admission webhook does not support it: {why}"),
                ));
                plan.dry_run = Verdict::Unknown(why);
            }),
            Err(error) => return self.preflight_failed("the dry run failed", error),
        }
        self.review_when_checked(now)
    }

    pub(super) fn with_plan(&mut self, change: impl FnOnce(&mut Plan)) {
        if let Some(plan) = &mut self.plan {
            change(plan);
        }
    }

    pub(super) fn preflight_failed(&mut self, what: &str, error: ClusterError) -> Effects {
        match error {
            ClusterError::NotFound(why) => self.refuse(&Refusal::NotFound(not_found(&why))),
            ClusterError::Forbidden(why) => self.refuse(&Refusal::Forbidden(clean(&why).into_owned())),
            ClusterError::Rejected(why) => self.refuse(&Refusal::Rejected(clean(&why).into_owned())),
            ClusterError::Conflict(why) => {
                self.end(End::Conflict, format!("changed while it was planned: {}", clean(&why)), Some(REPLAN.into()));
                Effects::new()
            }
            ClusterError::Unknown(why) => {
                self.end(End::Failed, format!("{what}; nothing was altered: {}", clean(&why)), None);
                Effects::new()
            }
            ClusterError::Fault(fault) => {
                let detail = format!("{what}; nothing was altered: {}", clean(&fault.message));
                self.end(End::Failed, detail, fault.hint);
                Effects::new()
            }
        }
    }

    pub(super) fn review_when_checked(&mut self, now: Instant) -> Effects {
        let Some(plan) = self.plan.as_ref().filter(|plan| plan.is_checked()) else { return Effects::new() };
        let unattended = plan.needed_confirmation() == ConfirmLevel::None;
        self.stage = Stage::Review;
        if unattended && !self.request.dry_run { self.confirm(now) } else { Effects::new() }
    }
}
