//! Did it work? Proof collected after an execution, under a timeout.
//!
//! Each check waits until it comes true; one that cannot be made (no Prometheus) is *not checked*, which does not stop
//! the action from being done but is said. All have to hold for [`SETTLE_SECONDS`], because a pod without a readiness
//! probe counts as available for the instant before it crashes.

use std::collections::BTreeSet;

use serde::Serialize;

use super::delivery;
use super::expectation::{Expectation, Field};
use super::manifest::raw;
use crate::domain::rollout::{RolloutPhase, RolloutStatus};
use crate::domain::text::clean;
use crate::domain::time::Instant;
use crate::ports::cluster::{ClusterError, Look, Seen, Signals};
use crate::ports::feed::Fault;

/// So long everything has to hold before it counts as proof.
pub const SETTLE_SECONDS: i64 = 5;

/// A burn below this fraction of the worst seen since the execution counts as falling.
const FALLING: f64 = 0.9;

/// What is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckId {
    /// The rollout is complete.
    Rollout,
    /// All pods are ready.
    Ready,
    /// No alert fires for the workload, apart from burn alerts.
    Alerts,
    /// The five-minute burn is below 1 or falling.
    Burn,
    /// The object says what was sent: nothing else put another value there.
    Object,
    /// The object is gone.
    Gone,
    /// The object is there.
    Exists,
}

/// How a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckState {
    /// Not true yet.
    Waiting,
    /// True.
    Passed,
    /// Cannot be made.
    NotChecked,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which.
    pub id: CheckId,
    /// How it stands.
    pub state: CheckState,
    /// In words, with the numbers: `rollout 6/6`, `HighErrorRate still firing`, `burn ×171 → ×0.4`.
    pub text: String,
}

/// Everything that verification knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// When it began.
    pub since: Instant,
    /// When it gives up.
    pub deadline: Instant,
    proofs: Vec<Proof>,
    /// The checks of all proofs, as they are shown.
    checks: Vec<Check>,
    held_since: Option<Instant>,
}

/// What is known about one expectation.
#[derive(Clone, Debug, PartialEq)]
struct Proof {
    expectation: Expectation,
    /// Stands before each check where there are several proofs.
    name: String,
    checks: Vec<Check>,
    worst_burn: Option<f64>,
    rollout: Option<RolloutStatus>,
    fired: BTreeSet<String>,
    seen_burning: bool,
    /// The object was read, and says something else than what was sent.
    contradicted: bool,
}

impl Proof {
    fn new(expectation: Expectation, name: String) -> Self {
        let waiting = |id, text: &str| Check { id, state: CheckState::Waiting, text: text.into() };
        let mut checks = Vec::new();
        match &expectation {
            Expectation::Rollout { signals, fields, .. } | Expectation::Stable { signals, fields, .. } => {
                checks.push(waiting(CheckId::Rollout, "rollout not seen yet"));
                checks.push(waiting(CheckId::Ready, "pods not seen yet"));
                if *signals {
                    checks.push(waiting(CheckId::Alerts, "alerts not read yet"));
                    checks.push(waiting(CheckId::Burn, "burn not read yet"));
                }
                if !fields.is_empty() {
                    checks.push(waiting(CheckId::Object, "not read back yet"));
                }
            }
            Expectation::Object { .. } => checks.push(waiting(CheckId::Object, "not read back yet")),
            Expectation::Gone { object, .. } => checks.push(waiting(CheckId::Gone, &format!("{object} still there"))),
            Expectation::Exists { object } => checks.push(waiting(CheckId::Exists, &format!("{object} not seen yet"))),
        }
        Self {
            expectation,
            name,
            checks,
            worst_burn: None,
            rollout: None,
            fired: BTreeSet::new(),
            seen_burning: false,
            contradicted: false,
        }
    }

    fn observe(&mut self, seen: Seen) {
        let Seen { object, rollout, signals, .. } = seen;
        match self.expectation.clone() {
            Expectation::Rollout { fields, .. } | Expectation::Stable { fields, .. } => {
                let stable = matches!(self.expectation, Expectation::Stable { .. });
                match (&object, rollout) {
                    (Err(error), _) => self.unread(error),
                    (Ok(object), status) if stable => self.observe_stable(object, status),
                    (Ok(_), None) => self.set(CheckId::Rollout, CheckState::Waiting, "it has no rollout"),
                    (Ok(_), Some(status)) => self.observe_rollout(status),
                }
                match signals {
                    Some(Ok(signals)) => {
                        self.observe_alerts(&signals);
                        self.observe_burn(&signals);
                    }
                    Some(Err(fault)) => self.signals_failed(&fault),
                    None => {}
                }
                self.observe_fields(&fields, object.as_ref(), false);
            }
            Expectation::Object { fields, patient, .. } => self.observe_fields(&fields, object.as_ref(), patient),
            Expectation::Gone { object: target, uid } => match object {
                Err(ClusterError::NotFound(_)) => {
                    self.set(CheckId::Gone, CheckState::Passed, format!("{target} is gone"));
                }
                Err(error) => self.set(CheckId::Gone, CheckState::Waiting, unreadable(&error)),
                Ok(object) if uid.as_deref().is_some_and(|uid| raw(&object, &["metadata", "uid"]) != Some(uid)) => {
                    self.set(CheckId::Gone, CheckState::Passed, format!("{target} was replaced by a new one"));
                }
                Ok(object) => {
                    let going = raw(&object, &["metadata", "deletionTimestamp"]).is_some();
                    let words = if going { "is terminating" } else { "still there" };
                    self.set(CheckId::Gone, CheckState::Waiting, format!("{target} {words}"));
                }
            },
            Expectation::Exists { object: target } => match object {
                Ok(_) => self.set(CheckId::Exists, CheckState::Passed, format!("{target} exists")),
                Err(ClusterError::NotFound(_)) => {
                    self.set(CheckId::Exists, CheckState::Waiting, format!("{target} is not there"));
                }
                Err(error) => self.set(CheckId::Exists, CheckState::Waiting, unreadable(&error)),
            },
        }
    }

    fn set(&mut self, id: CheckId, state: CheckState, text: impl Into<String>) {
        if let Some(check) = self.checks.iter_mut().find(|check| check.id == id) {
            check.state = state;
            check.text = text.into();
        }
    }

    /// Can nothing disprove it any more? That very object never comes back.
    fn is_final(&self) -> bool {
        matches!(&self.expectation, Expectation::Gone { uid: Some(_), .. })
            && self.state(CheckId::Gone) == Some(CheckState::Passed)
    }

    fn state(&self, id: CheckId) -> Option<CheckState> {
        self.checks.iter().find(|check| check.id == id).map(|check| check.state)
    }

    /// Is there a sign that the action happened at all?
    fn shows_effect(&self) -> bool {
        let sign = |check: &&Check| matches!(check.id, CheckId::Object | CheckId::Gone | CheckId::Exists);
        self.checks.iter().filter(sign).all(|check| check.state == CheckState::Passed)
    }

    /// Does everything hold but, perhaps, what the object says?
    fn holds(&self) -> bool {
        let patient = matches!(self.expectation, Expectation::Object { patient: true, .. });
        self.checks.iter().all(|check| check.state != CheckState::Waiting || (check.id == CheckId::Object && !patient))
    }

    fn observe_fields(&mut self, fields: &[Field], object: Result<&serde_json::Value, &ClusterError>, patient: bool) {
        self.contradicted = false;
        let said = |fields: &[&Field]| fields.iter().map(|field| field.words.as_str()).collect::<Vec<_>>().join(", ");
        match object {
            Err(error) => self.set(CheckId::Object, CheckState::Waiting, unreadable(error)),
            Ok(object) => {
                let missing: Vec<&Field> = fields.iter().filter(|field| !field.holds(object)).collect();
                if missing.is_empty() {
                    let all: Vec<&Field> = fields.iter().collect();
                    self.set(CheckId::Object, CheckState::Passed, format!("{} as sent", said(&all)));
                } else if patient {
                    self.set(CheckId::Object, CheckState::Waiting, format!("{} not seen yet", said(&missing)));
                } else {
                    self.contradicted = true;
                    let text = format!("{} not as sent: something else changed it", said(&missing));
                    self.set(CheckId::Object, CheckState::Waiting, text);
                }
            }
        }
    }

    fn unread(&mut self, error: &ClusterError) {
        // A failed read proves nothing, either way: what was proven has to be proven again.
        let error = clean(&error.to_string()).into_owned();
        self.set(CheckId::Rollout, CheckState::Waiting, format!("rollout cannot be read: {error}"));
        self.set(CheckId::Ready, CheckState::Waiting, "pods cannot be read");
    }

    fn observe_rollout(&mut self, status: RolloutStatus) {
        let count = format!("rollout {}/{}", status.updated.min(status.desired), status.desired);
        match &status.phase {
            RolloutPhase::Complete => self.set(CheckId::Rollout, CheckState::Passed, count),
            RolloutPhase::Unobserved => {
                self.set(CheckId::Rollout, CheckState::Waiting, "the controller has not seen the change yet");
            }
            RolloutPhase::Progressing { waiting_for } => {
                self.set(CheckId::Rollout, CheckState::Waiting, format!("{count}, waiting for {waiting_for}"));
            }
            RolloutPhase::Paused => self.set(CheckId::Rollout, CheckState::Waiting, format!("{count}, paused")),
            RolloutPhase::Stuck { why } => {
                self.set(CheckId::Rollout, CheckState::Waiting, format!("{count}, stuck: {why}"));
            }
            RolloutPhase::Degraded { why } => {
                self.set(CheckId::Rollout, CheckState::Waiting, format!("{count}, degraded: {why}"));
            }
            RolloutPhase::Held { why } => {
                self.set(CheckId::Rollout, CheckState::Waiting, format!("{count}, held: {why}"));
            }
        }
        let ready = status.ready >= status.desired && !matches!(status.phase, RolloutPhase::Unobserved);
        let state = if ready { CheckState::Passed } else { CheckState::Waiting };
        self.set(CheckId::Ready, state, format!("ready {}/{}", status.ready, status.desired));
        self.rollout = Some(status);
    }

    /// Of what was aborted, the stable revision counts; the controller calls it degraded all the same.
    fn observe_stable(&mut self, object: &serde_json::Value, status: Option<RolloutStatus>) {
        let (whole, text) = delivery::stable_serves(object);
        let state = if whole { CheckState::Passed } else { CheckState::Waiting };
        self.set(CheckId::Rollout, state, text);
        if let Some(status) = status {
            let state = if status.ready >= status.desired { CheckState::Passed } else { CheckState::Waiting };
            self.set(CheckId::Ready, state, format!("ready {}/{}", status.ready, status.desired));
            self.rollout = Some(status);
        }
    }

    fn observe_alerts(&mut self, signals: &Signals) {
        match &signals.firing {
            Some(firing) if firing.is_empty() => {
                let text = if self.fired.is_empty() {
                    "no alert fires".to_owned()
                } else {
                    format!("{} cleared", self.fired.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
                };
                self.set(CheckId::Alerts, CheckState::Passed, text);
            }
            Some(firing) => {
                self.fired.extend(firing.iter().cloned());
                self.set(CheckId::Alerts, CheckState::Waiting, format!("{} still firing", firing.join(", ")));
            }
            // A source that told of an alert and fell silent has not told that it cleared.
            None if !self.fired.is_empty() => {
                self.set(CheckId::Alerts, CheckState::Waiting, "alerts fired, and now cannot be read");
            }
            None => self.set(CheckId::Alerts, CheckState::NotChecked, "alerts not checked: no source tells of them"),
        }
    }

    fn observe_burn(&mut self, signals: &Signals) {
        let Some(burn) = signals.burn.filter(|burn| burn.is_finite()) else {
            if self.seen_burning {
                self.set(CheckId::Burn, CheckState::Waiting, "the budget was burning, and now cannot be read");
            } else {
                self.set(CheckId::Burn, CheckState::NotChecked, "burn not checked: no SLO tells of it");
            }
            return;
        };
        let worst = self.worst_burn.map_or(burn, |worst| worst.max(burn));
        self.worst_burn = Some(worst);
        let calm = burn < 1.0;
        self.seen_burning = !calm;
        let mut text = if worst > burn {
            format!("burn {} → {}", times(worst), times(burn))
        } else {
            format!("burn {}", times(burn))
        };
        if let Some(alerts) = signals.burn_alerts.as_ref().filter(|alerts| !alerts.is_empty()) {
            text.extend([" (", &*alerts.join(", "), " clears when its windows have passed)"]);
        }
        let passed = calm || burn < worst * FALLING;
        self.set(CheckId::Burn, if passed { CheckState::Passed } else { CheckState::Waiting }, text);
    }

    fn signals_failed(&mut self, fault: &Fault) {
        if !self.fired.is_empty() && self.state(CheckId::Alerts) != Some(CheckState::Passed) {
            self.set(CheckId::Alerts, CheckState::Waiting, format!("alerts fired, and now cannot be read: {fault}"));
        } else {
            self.set(CheckId::Alerts, CheckState::NotChecked, format!("alerts not checked: {fault}"));
        }
        if self.seen_burning {
            self.set(
                CheckId::Burn,
                CheckState::Waiting,
                format!("the budget was burning, and now cannot be read: {fault}"),
            );
        } else {
            self.set(CheckId::Burn, CheckState::NotChecked, format!("burn not checked: {fault}"));
        }
    }
}

fn unreadable(error: &ClusterError) -> String {
    format!("cannot be read back: {}", clean(&error.to_string()))
}

impl Verification {
    /// Begins at `now` and gives up after `timeout` seconds.
    pub fn new(expected: impl IntoIterator<Item = Expectation>, now: Instant, timeout: u32) -> Self {
        let expected: Vec<Expectation> = expected.into_iter().collect();
        let several = expected.iter().any(|other| Some(other.object()) != expected.first().map(Expectation::object));
        let proofs = expected
            .into_iter()
            .map(|expectation| {
                let name = if several { format!("{}: ", expectation.object().name) } else { String::new() };
                Proof::new(expectation, name)
            })
            .collect();
        let deadline = now + chrono::TimeDelta::seconds(i64::from(timeout));
        let mut verification = Self { since: now, deadline, proofs, checks: Vec::new(), held_since: None };
        verification.gather_checks();
        verification
    }

    /// The checks, in the order in which they are shown.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The rollout when last read: the first one that there is.
    pub fn rollout(&self) -> Option<&RolloutStatus> {
        self.proofs.iter().find_map(|proof| proof.rollout.as_ref())
    }

    /// What to look at. What is gone stays gone: it is not looked at again.
    pub fn looks(&self) -> Vec<Look> {
        self.proofs.iter().filter(|proof| !proof.is_final()).map(|proof| proof.expectation.look()).collect()
    }

    /// Takes what there was to see, in the order of [`Verification::looks`].
    pub fn observe(&mut self, seen: Vec<Seen>, now: Instant) {
        for (proof, seen) in self.proofs.iter_mut().filter(|proof| !proof.is_final()).zip(seen) {
            proof.observe(seen);
        }
        let holds = self.proofs.iter().all(Proof::holds);
        self.held_since = if holds { self.held_since.or(Some(now)) } else { None };
        self.gather_checks();
    }

    fn gather_checks(&mut self) {
        self.checks.clear();
        for proof in &self.proofs {
            let named = |check: &Check| Check { text: format!("{}{}", proof.name, check.text), ..check.clone() };
            self.checks.extend(proof.checks.iter().map(named));
        }
    }

    /// Did everything but what the objects say hold long enough?
    pub fn has_settled(&self, now: Instant) -> bool {
        self.held_since.is_some_and(|since| (now - since).num_seconds() >= SETTLE_SECONDS)
    }

    /// Is there a sign that all of it happened?
    pub fn shows_effect(&self) -> bool {
        self.proofs.iter().all(Proof::shows_effect)
    }

    /// Did everything that could be checked come true, and for long enough?
    pub fn is_proven(&self, now: Instant) -> bool {
        self.has_settled(now) && self.checks.iter().all(|check| check.state != CheckState::Waiting)
    }

    /// Does an object say something else than what was sent, although everything else has settled?
    pub fn is_contradicted(&self, now: Instant) -> bool {
        self.has_settled(now) && self.proofs.iter().any(|proof| proof.contradicted)
    }

    /// Is the time over?
    pub fn is_over(&self, now: Instant) -> bool {
        now >= self.deadline
    }

    /// What did not come true, in words; says so too when all held, but not for long enough.
    pub fn missing(&self) -> String {
        let named: Vec<&str> = self
            .checks
            .iter()
            .filter(|check| check.state == CheckState::Waiting)
            .map(|check| check.text.as_str())
            .collect();
        if named.is_empty() {
            return "everything came true, but too late to be sure that it lasts".into();
        }
        named.join("; ")
    }

    /// What could not be checked, in words; `None` when all was.
    pub fn not_checked(&self) -> Option<String> {
        let named: Vec<&str> = self
            .checks
            .iter()
            .filter(|check| check.state == CheckState::NotChecked)
            .map(|check| check.text.as_str())
            .collect();
        (!named.is_empty()).then(|| named.join("; "))
    }
}

/// `×171`, `×0.4`.
fn times(burn: f64) -> String {
    if burn >= 10.0 { format!("×{burn:.0}") } else { format!("×{burn:.1}") }
}
