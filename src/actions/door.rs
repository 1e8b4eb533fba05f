//! The door: a pure state machine for one action at a time.
//!
//! Inputs come with the time; effects go to the runtime, each with a ticket. An answer whose ticket is not open is
//! dropped, so nothing that comes late or twice can move an action. The pass for what a plan sends is issued in one place,
//! `send_next`, which is reached only with a confirmation and after the journal said that the intent is on disk. (Word of
//! it in the cluster, an Event, has a pass of its own after the outcome.)

mod execution;
mod preflight;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod several;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(in crate::actions) mod walk;

use std::sync::atomic::{AtomicU64, Ordering};

use self::execution::Failed;
use super::exchange::{Answer, DoorEffect, DoorInput, Ticket, Work};
use super::guardrail::{ConfirmLevel, GuardContext};
use super::outcome::{End, Outcome, Refusal, Stage, StepEnd};
use super::plan::Plan;
use super::verification::{Check, Verification};
use super::{ActionRequest, record};
use crate::domain::rollout::RolloutStatus;
use crate::domain::text::clean;
use crate::domain::time::Instant;
use crate::ports::cluster::{ClusterError, Facts};

/// Tells the doors of this process apart, for tickets only.
static DOORS: AtomicU64 = AtomicU64::new(1);

/// Which answer an open ticket waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    Gathered,
    Permission,
    DryRun,
    Recorded,
    Executed,
    Observed,
    Waited,
    Announced,
}

impl Awaits {
    const fn of(work: &Work) -> Self {
        match work {
            Work::Gather(_) => Self::Gathered,
            Work::CheckPermission(_) => Self::Permission,
            Work::DryRun(_) => Self::DryRun,
            Work::Record(_) => Self::Recorded,
            Work::Execute(_) => Self::Executed,
            Work::Observe(_) => Self::Observed,
            Work::Wait(_) => Self::Waited,
            Work::Announce(_) => Self::Announced,
        }
    }

    const fn fits(self, answer: &Answer) -> bool {
        matches!(
            (self, answer),
            (Self::Gathered, Answer::Gathered(_))
                | (Self::Permission, Answer::Permission(_))
                | (Self::DryRun, Answer::DryRun(_))
                | (Self::Recorded, Answer::Recorded(_))
                | (Self::Executed, Answer::Executed(_))
                | (Self::Observed, Answer::Observed(_))
                | (Self::Waited, Answer::Waited)
                | (Self::Announced, Answer::Announced(_))
        )
    }
}

/// One action on its way.
#[derive(Debug)]
pub struct Door {
    id: u64,
    steps: u32,
    /// Work that is under way, with the index of the target or step that it is for.
    open: Vec<(Ticket, Awaits, usize)>,
    request: ActionRequest,
    guard: GuardContext,
    stage: Stage,
    /// Per action of the request, as they come in.
    facts: Vec<Option<Facts>>,
    /// Guardrails that break-glass overrides, in words.
    overridden: Vec<String>,
    plan: Option<Plan>,
    typed: String,
    full_diff: bool,
    notice: Option<String>,
    /// Id of the intent and when it was made: there from the confirmation on.
    intent: Option<(String, Instant)>,
    verification: Option<Verification>,
    /// The first step that failed, when others went on.
    failed: Option<Failed>,
    /// Blocked steps are sent again until then.
    patience: Option<Instant>,
    /// No answer came to the execution: it may or may not have happened.
    unsure: Option<String>,
    outcome: Option<Outcome>,
    /// A guardrail refused it that break-glass overrides.
    overridable: bool,
}

/// What the screen shows of a door.
#[derive(Clone, Copy, Debug)]
pub struct DoorView<'a> {
    /// Where it stands.
    pub stage: Stage,
    /// What was asked for.
    pub request: &'a ActionRequest,
    /// The rules it stands under.
    pub guard: &'a GuardContext,
    /// The plan, as soon as there is one.
    pub plan: Option<&'a Plan>,
    /// What was typed into the confirmation field.
    pub typed: &'a str,
    /// The full diff is shown.
    pub full_diff: bool,
    /// A remark on the last input (`type payment to confirm`).
    pub notice: Option<&'a str>,
    /// A `Confirm` would go ahead now.
    pub can_confirm: bool,
    /// The checks of the verification; empty before it.
    pub checks: &'a [Check],
    /// The rollout as last observed by the verification.
    pub rollout: Option<&'a RolloutStatus>,
    /// Id of the intent in the audit log, from the confirmation on.
    pub id: Option<&'a str>,
    /// A guardrail refused it, and break-glass would override that.
    pub overridable: bool,
    /// When the intent was made.
    pub since: Option<Instant>,
    /// When verification gives up.
    pub deadline: Option<Instant>,
    /// How it ended.
    pub outcome: Option<&'a Outcome>,
}

impl DoorView<'_> {
    /// Is there something to take back: was it sent, and does the plan say how?
    pub fn can_undo(&self) -> bool {
        let sent = |outcome: &Outcome| matches!(outcome.end, End::Done | End::Failed | End::Unverified);
        self.id.is_some()
            && self.stage == Stage::Ended
            && self.outcome.is_some_and(sent)
            && self.plan.is_some_and(|plan| !plan.undo.actions.is_empty())
    }
}

type Effects = Vec<DoorEffect>;

impl Door {
    /// Opens the door for a wish. What the guardrails forbid goes no further than the audit log.
    pub fn request(request: ActionRequest, guard: &GuardContext, now: Instant) -> (Self, Vec<DoorEffect>) {
        let mut door = Self {
            id: DOORS.fetch_add(1, Ordering::Relaxed),
            steps: 0,
            open: Vec::new(),
            request,
            guard: guard.clone(),
            stage: Stage::Preflight,
            facts: Vec::new(),
            overridden: Vec::new(),
            plan: None,
            typed: String::new(),
            full_diff: false,
            notice: None,
            intent: None,
            verification: None,
            failed: None,
            patience: None,
            unsure: None,
            outcome: None,
            overridable: false,
        };
        let effects = door.admit(now);
        (door, effects)
    }

    fn admit(&mut self, now: Instant) -> Effects {
        match self.guard.admit(&self.request, now) {
            Ok(admitted) => {
                self.overridden = admitted.overridden;
                self.gather()
            }
            Err(refusal) => self.refuse(&refusal, now),
        }
    }

    /// What the screen shows.
    pub fn view(&self) -> DoorView<'_> {
        DoorView {
            stage: self.stage,
            request: &self.request,
            guard: &self.guard,
            plan: self.plan.as_ref(),
            typed: &self.typed,
            full_diff: self.full_diff,
            notice: self.notice.as_deref(),
            can_confirm: self.confirmable().is_ok(),
            checks: self.verification.as_ref().map_or(&[], Verification::checks),
            rollout: self.verification.as_ref().and_then(Verification::rollout),
            id: self.intent.as_ref().map(|(id, _)| &**id),
            overridable: self.overridable && self.stage == Stage::Ended,
            since: self.intent.as_ref().map(|(_, at)| *at),
            deadline: self.verification.as_ref().map(|verification| verification.deadline),
            outcome: self.outcome.as_ref(),
        }
    }

    /// Takes one input.
    pub fn handle(&mut self, input: DoorInput, now: Instant) -> Vec<DoorEffect> {
        let effects = match input {
            DoorInput::Answer(ticket, answer) => return self.answer(ticket, answer, now),
            DoorInput::Type(text) => {
                if self.stage.can_cancel() {
                    self.typed = text;
                    self.notice = None;
                }
                Effects::new()
            }
            DoorInput::ToggleDiff => {
                self.full_diff = !self.full_diff;
                Effects::new()
            }
            DoorInput::SelectRevision(revision) => self.select(revision, now),
            DoorInput::Confirm => self.confirm(now),
            DoorInput::Cancel if self.stage.can_cancel() => {
                self.end(End::Cancelled, "cancelled; nothing was sent".into(), None);
                Effects::new()
            }
            DoorInput::Replan => self.replan(now),
            DoorInput::StopVerifying if self.waits() => self.stop_waiting(now),
            DoorInput::StopVerifying if self.stage == Stage::Verifying => {
                let missing = self.verification.as_ref().map(Verification::missing).unwrap_or_default();
                self.conclude(End::Unverified, format!("verification was stopped: {missing}"), None, now)
            }
            DoorInput::Cancel | DoorInput::StopVerifying | DoorInput::Tick => Effects::new(),
        };
        if effects.is_empty() { self.give_up_if_late(now) } else { effects }
    }

    fn effect(&mut self, work: Work, index: usize) -> DoorEffect {
        self.steps += 1;
        let ticket = Ticket { door: self.id, step: self.steps };
        self.open.push((ticket, Awaits::of(&work), index));
        DoorEffect { ticket, work }
    }

    /// Reads what every action of the request needs, afresh.
    fn gather(&mut self) -> Effects {
        self.facts = vec![None; self.request.len()];
        let needs: Vec<_> = self.request.actions().map(super::ActionKind::needs).collect();
        needs.into_iter().enumerate().map(|(index, needs)| self.effect(Work::Gather(needs), index)).collect()
    }

    /// Does a step wait for a budget, with nothing sent meanwhile?
    fn waits(&self) -> bool {
        self.stage == Stage::Executing && self.open.iter().any(|(_, awaits, _)| *awaits == Awaits::Waited)
    }

    fn observe(&mut self) -> Effects {
        let looks = self.verification.as_ref().map(Verification::looks).unwrap_or_default();
        vec![self.effect(Work::Observe(looks), 0)]
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer, now: Instant) -> Effects {
        let Some(at) = self.open.iter().position(|(open, awaits, _)| *open == ticket && awaits.fits(&answer)) else {
            return Effects::new();
        };
        let (_, _, index) = self.open.swap_remove(at);
        match (self.stage, answer) {
            (Stage::Preflight, Answer::Gathered(facts)) => self.gathered(index, facts, now),
            (Stage::Preflight, Answer::Permission(permission)) => self.permitted(index, permission, now),
            (Stage::Preflight, Answer::DryRun(dry_run)) => self.dry_ran(index, dry_run, now),
            (Stage::RecordingIntent, Answer::Recorded(written)) => self.intent_recorded(written, now),
            (Stage::Executing, Answer::Executed(receipt)) => self.executed(index, receipt, now),
            (Stage::Executing, Answer::Waited) => self.waited(now),
            (Stage::Verifying, Answer::Observed(seen)) => {
                if let Some(verification) = &mut self.verification {
                    verification.observe(seen, now);
                }
                self.next_proof(now)
            }
            (Stage::RecordingOutcome, Answer::Recorded(written)) => {
                if let (Err(error), Some(outcome)) = (written, &mut self.outcome) {
                    outcome.unrecorded = Some(error.to_string());
                }
                self.stage = Stage::Ended;
                self.announce(now)
            }
            _ => Effects::new(),
        }
    }

    fn select(&mut self, revision: u64, now: Instant) -> Effects {
        let Some(chosen) = self.request.action.with_revision(revision) else { return Effects::new() };
        if !self.stage.can_cancel() || self.plan.is_none() {
            return Effects::new();
        }
        let before = std::mem::replace(&mut self.request.action, chosen);
        match self.make_plan(now) {
            Ok(plan) => {
                self.notice = None;
                self.typed.clear();
                self.ask_server(plan, now)
            }
            Err(refusal) => {
                // The plan on screen stands.
                self.request.action = before;
                self.notice = Some(refusal.to_string());
                Effects::new()
            }
        }
    }

    /// Would a confirmation go through, and if not, why?
    fn confirmable(&self) -> Result<(), String> {
        let plan = match self.stage {
            Stage::Review => self.plan.as_ref().ok_or("there is no plan yet")?,
            Stage::Preflight => return Err("still asking the server".into()),
            _ => return Err(String::new()),
        };
        if self.request.dry_run {
            return Err("this is a dry run: it only plans".into());
        }
        let word = plan.confirm_word();
        // Spaces are forgiven, nothing else: a name with characters around it that nobody sees was not typed.
        let typed = self.typed.trim_matches(' ');
        if plan.needed_confirmation() != ConfirmLevel::Name || typed == word {
            return Ok(());
        }
        Err(match typed.chars().find(|c| !c.is_ascii_graphic() && *c != ' ') {
            Some(odd) => format!("type {word} to confirm: U+{:04X} is no letter of it", u32::from(odd)),
            None => format!("type {word} to confirm"),
        })
    }

    fn confirm(&mut self, now: Instant) -> Effects {
        if let Err(why) = self.confirmable() {
            if !why.is_empty() {
                self.notice = Some(why);
            }
            return Effects::new();
        }
        let Some(plan) = &self.plan else { return Effects::new() };
        let id = record::id(&self.guard, plan, now);
        let intent = record::intent(
            &id,
            &self.request,
            &self.guard,
            plan,
            super::before::of(plan, &self.request, &self.facts),
            now,
        );
        self.intent = Some((id, now));
        self.notice = None;
        self.stage = Stage::RecordingIntent;
        self.open.clear();
        vec![self.effect(Work::Record(intent), 0)]
    }

    /// Nothing was sent, and nothing was intended. That it was tried is worth a record, except of a dry run.
    fn refuse(&mut self, refusal: &Refusal, now: Instant) -> Effects {
        self.end(End::Refused, refusal.to_string(), refusal.hint());
        self.overridable = matches!(refusal, Refusal::Guardrail(_));
        if let Some(outcome) = &mut self.outcome {
            outcome.offer = refusal.offer();
        }
        let Some(outcome) = self.outcome.as_ref().filter(|_| !self.request.dry_run) else { return Effects::new() };
        let record = record::refusal(&self.request, &self.guard, outcome, now);
        self.stage = Stage::RecordingOutcome;
        vec![self.effect(Work::Record(record), 0)]
    }

    /// Ends without a trace on disk: nothing was intended yet.
    fn end(&mut self, end: End, detail: String, hint: Option<String>) {
        self.open.clear();
        let (checks, steps) = (Vec::new(), Vec::new());
        let offer = None;
        self.outcome = Some(Outcome { end, detail, hint, offer, checks, steps, duration_ms: 0, unrecorded: None });
        self.stage = Stage::Ended;
    }

    /// Ends after an intent: the outcome goes to disk first.
    fn conclude(&mut self, end: End, detail: String, hint: Option<String>, now: Instant) -> Effects {
        let Some((id, since)) = self.intent.clone() else { return Effects::new() };
        let checks = self.verification.as_ref().map(|verification| verification.checks().to_vec()).unwrap_or_default();
        let duration_ms = u64::try_from((now - since).num_milliseconds()).unwrap_or(0);
        let steps = self.plan.as_ref().filter(|plan| plan.steps.len() > 1).map(|plan| {
            plan.steps.iter().map(|step| StepEnd { step: step.title.clone(), state: step.state.clone() }).collect()
        });
        let steps = steps.unwrap_or_default();
        let next = self.plan.as_ref().filter(|_| end == End::Done).and_then(|plan| plan.next.clone());
        let (words, offer) = next.unzip();
        let hint = hint.or(words);
        let outcome = Outcome { end, detail, hint, offer, checks, steps, duration_ms, unrecorded: None };
        let written = record::outcome(&id, &self.request, &self.guard, &outcome, now);
        self.outcome = Some(outcome);
        self.open.clear();
        self.stage = Stage::RecordingOutcome;
        vec![self.effect(Work::Record(written), 0)]
    }

    fn replan(&mut self, now: Instant) -> Effects {
        let conflict = self.outcome.as_ref().is_some_and(|outcome| outcome.end == End::Conflict);
        let offer = self.outcome.as_ref().and_then(|outcome| outcome.offer.clone());
        if self.stage != Stage::Ended || !(conflict || offer.is_some()) {
            return Effects::new();
        }
        if let Some(action) = offer {
            self.request.action = action;
            self.request.more.clear();
            self.plan = None;
        }
        // "The previous one" may mean another revision by now: what was chosen stays chosen.
        let chosen = self.plan.take().and_then(|plan| plan.revisions).map(|revisions| revisions.to.revision);
        if let Some(action) = chosen.and_then(|revision| self.request.action.with_revision(revision)) {
            self.request.action = action;
        }
        self.stage = Stage::Preflight;
        self.open.clear();
        self.typed.clear();
        self.notice = None;
        self.intent = None;
        self.verification = None;
        self.failed = None;
        self.patience = None;
        self.unsure = None;
        self.outcome = None;
        self.overridable = false;
        // The rules are asked again too: a freeze may have begun.
        self.admit(now)
    }
}

const REPLAN: &str = "plan again from fresh data";

/// `ClusterError::NotFound` holds the name; its text is the sentence.
fn not_found(what: &str) -> String {
    clean(&ClusterError::NotFound(what.to_owned()).to_string()).into_owned()
}
