//! The door's first half: fresh facts, a plan, and what the server says to it before anyone is asked.

use super::{Door, Effects, REPLAN, not_found};
use crate::actions::OnFailure;
use crate::actions::exchange::Work;
use crate::actions::guardrail::ConfirmLevel;
use crate::actions::kind::Ground;
use crate::actions::outcome::{End, Refusal, Stage};
use crate::actions::plan::{Plan, Warning, WarningKind};
use crate::actions::step::{Step, Verdict};
use crate::domain::text::clean;
use crate::domain::time::Instant;
use crate::ports::cluster::{ClusterError, DryRun, Facts, Permission};

impl Door {
    pub(super) fn gathered(&mut self, index: usize, facts: Result<Facts, ClusterError>, now: Instant) -> Effects {
        match facts {
            Ok(facts) => {
                if let Some(place) = self.facts.get_mut(index) {
                    *place = Some(facts);
                }
                if self.facts.iter().any(Option::is_none) {
                    return Effects::new();
                }
                match self.make_plan(now) {
                    Ok(plan) => self.ask_server(plan, now),
                    Err(refusal) => self.refuse(&refusal, now),
                }
            }
            Err(error) => self.preflight_failed("the cluster could not be read", error, now),
        }
    }

    /// One plan over all actions, within the limits.
    pub(super) fn make_plan(&mut self, now: Instant) -> Result<Plan, Refusal> {
        let ground = Ground {
            now,
            user: &self.guard.user,
            identity: self.guard.identity.as_deref(),
            reason: self.request.reason.as_deref(),
            undoes: self.request.undo_of.is_some(),
        };
        let several = self.request.len() > 1;
        let (mut plans, mut left_out) = (Vec::new(), Vec::new());
        for (action, facts) in self.request.actions().zip(&self.facts) {
            let facts = facts.as_ref().ok_or_else(|| Refusal::Malformed("nothing was read".into()))?;
            match action.plan(facts, &ground) {
                Ok(plan) => plans.push(plan),
                Err(refusal) if several && self.request.on_failure == OnFailure::GoOn => {
                    let text = format!("{} is left out: {refusal}", action.target());
                    left_out.push(Warning::new(WarningKind::LeftOut, text));
                }
                Err(refusal) => return Err(refusal),
            }
        }
        let mut plan = Plan::join(plans).ok_or_else(|| {
            let all: Vec<String> = left_out.iter().map(|warning| warning.text.clone()).collect();
            Refusal::not_here(all.join("; "))
        })?;
        plan.warnings.append(&mut left_out);
        let mut overridden = self.guard.limit(&self.request, &mut plan)?;
        overridden.splice(0..0, self.overridden.iter().cloned());
        let broken = |text: &String| Warning::new(WarningKind::BreakGlass, format!("guardrail overridden: {text}"));
        plan.warnings.extend(overridden.iter().map(broken));
        Ok(plan)
    }

    /// Asks permission for every step, and a dry run of each that is allowed: who may not do it sends nothing that looks
    /// like it, not even a rehearsal. Answers to earlier questions are void from here on.
    pub(super) fn ask_server(&mut self, plan: Plan, now: Instant) -> Effects {
        self.stage = Stage::Preflight;
        self.open.clear();
        let asked: Vec<_> = plan
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| step.permission == Verdict::Asking)
            .map(|(index, step)| (index, step.mutation.clone()))
            .collect();
        self.plan = Some(plan);
        let mut effects = Effects::new();
        for (index, mutation) in asked {
            effects.push(self.effect(Work::CheckPermission(mutation), index));
        }
        if effects.is_empty() { self.review_when_checked(now) } else { effects }
    }

    pub(super) fn permitted(
        &mut self,
        index: usize,
        permission: Result<Permission, ClusterError>,
        now: Instant,
    ) -> Effects {
        match permission {
            Ok(permission) if !permission.allowed => {
                let mut text = clean(&permission.what).into_owned();
                if let Some(reason) = permission.reason.filter(|reason| !reason.is_empty()) {
                    text = format!("{text} ({})", clean(&reason));
                }
                return self.refuse(&Refusal::Forbidden(text), now);
            }
            Ok(permission) => self.with_step(index, |step, _| {
                step.permission = Verdict::Yes(clean(&permission.what).into_owned());
            }),
            // The dry run asks for the same right, so not being able to ask twice is no reason to refuse.
            Err(error) => self.with_step(index, |step, warnings| {
                let text = clean(&error.to_string()).into_owned();
                warn(warnings, WarningKind::Unchecked, format!("whether it is allowed could not be asked: {text}"));
                step.permission = Verdict::Unknown(text);
            }),
        }
        self.rehearse(index, now)
    }

    fn rehearse(&mut self, index: usize, now: Instant) -> Effects {
        let step = self.plan.as_ref().and_then(|plan| plan.steps.get(index));
        match step.filter(|step| step.dry_run == Verdict::Asking).map(|step| step.mutation.clone()) {
            Some(mutation) => vec![self.effect(Work::DryRun(mutation), index)],
            // A product that knows permissions and no dry run.
            None => self.review_when_checked(now),
        }
    }

    pub(super) fn dry_ran(&mut self, index: usize, dry_run: Result<DryRun, ClusterError>, now: Instant) -> Effects {
        match dry_run {
            Ok(answer) => self.with_step(index, |step, warnings| take_dry_run(step, warnings, &answer)),
            // A webhook with side effects makes every dry run fail; that must not block a way back at night.
            Err(ClusterError::Rejected(why)) if why.contains("does not support dry run") => {
                self.with_step(index, |step, warnings| {
                    let why = clean(&why).into_owned();
                    let text = format!("no dry run, an admission webhook does not support it: {why}");
                    warn(warnings, WarningKind::Unchecked, text);
                    step.dry_run = Verdict::Unknown(why);
                });
            }
            // A budget that forbids an eviction now may allow it in a minute.
            Err(ClusterError::Blocked(why)) => self.with_step(index, |step, warnings| {
                let text = format!("{}: {}; it waits until it may", step.title, clean(&why));
                warn(warnings, WarningKind::Budget, text);
                step.dry_run = Verdict::Yes("allowed, but not yet".into());
            }),
            // What it takes away went away by itself.
            Err(ClusterError::NotFound(_)) if self.removes(index) && self.is_bulk() => {
                self.with_step(index, |step, _| step.dry_run = Verdict::Yes("gone already".into()));
            }
            Err(error) => return self.preflight_failed("the dry run failed", error, now),
        }
        self.review_when_checked(now)
    }

    fn removes(&self, index: usize) -> bool {
        self.plan.as_ref().and_then(|plan| plan.steps.get(index)).is_some_and(|step| step.mutation.change.removes())
    }

    fn is_bulk(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.steps.len() > 1)
    }

    fn with_step(&mut self, index: usize, change: impl FnOnce(&mut Step, &mut Vec<Warning>)) {
        if let Some(plan) = &mut self.plan
            && let Some(step) = plan.steps.get_mut(index)
        {
            change(step, &mut plan.warnings);
        }
    }

    pub(super) fn preflight_failed(&mut self, what: &str, error: ClusterError, now: Instant) -> Effects {
        match error {
            ClusterError::NotFound(why) => self.refuse(&Refusal::NotFound(not_found(&why)), now),
            ClusterError::Forbidden(why) => self.refuse(&Refusal::Forbidden(clean(&why).into_owned()), now),
            ClusterError::Rejected(why) => self.refuse(&Refusal::Rejected(clean(&why).into_owned()), now),
            ClusterError::Conflict(why) => {
                self.end(End::Conflict, format!("changed while it was planned: {}", clean(&why)), Some(REPLAN.into()));
                Effects::new()
            }
            ClusterError::Unknown(why) | ClusterError::Blocked(why) => {
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

/// The same warning for many steps is one warning.
fn warn(warnings: &mut Vec<Warning>, kind: WarningKind, text: String) {
    let warning = Warning::new(kind, text);
    if !warnings.contains(&warning) {
        warnings.push(warning);
    }
}

/// Takes the server's answer to a dry run into the plan.
fn take_dry_run(step: &mut Step, warnings: &mut Vec<Warning>, answer: &DryRun) {
    step.dry_run = Verdict::Yes("accepted by the server".into());
    for warning in &answer.warnings {
        warn(warnings, WarningKind::Server, format!("server: {}", clean(warning)));
    }
    for field in step.leaves.iter().filter(|field| !field.holds(&answer.object)) {
        let text =
            format!("the server would alter it (an admission webhook): {} will not be exactly as sent", field.words);
        warn(warnings, WarningKind::Server, text);
    }
}
