//! Did it work? Proof collected after an execution, under a timeout.
//!
//! Each check waits until it comes true; one that cannot be made (no Prometheus) is *not checked*, which does not stop
//! the action from being done but is said. All have to hold for [`SETTLE_SECONDS`], because a pod without a readiness
//! probe counts as available for the instant before it crashes.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::domain::rollout::{RolloutPhase, RolloutStatus};
use crate::domain::time::Instant;
use crate::ports::cluster::{ClusterError, Signals};
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
    /// The workload still has the template that was sent: nothing else put another one there.
    Template,
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
    checks: [Check; 5],
    worst_burn: Option<f64>,
    held_since: Option<Instant>,
    rollout: Option<RolloutStatus>,
    fired: BTreeSet<String>,
    seen_burning: bool,
}

const ROLLOUT: usize = 0;
const READY: usize = 1;
const ALERTS: usize = 2;
const BURN: usize = 3;
const TEMPLATE: usize = 4;

impl Verification {
    /// Begins at `now` and gives up after `timeout` seconds.
    pub fn new(now: Instant, timeout: u32) -> Self {
        let waiting = |id, text: &str| Check { id, state: CheckState::Waiting, text: text.into() };
        Self {
            since: now,
            deadline: now + chrono::TimeDelta::seconds(i64::from(timeout)),
            checks: [
                waiting(CheckId::Rollout, "rollout not seen yet"),
                waiting(CheckId::Ready, "pods not seen yet"),
                waiting(CheckId::Alerts, "alerts not read yet"),
                waiting(CheckId::Burn, "burn not read yet"),
                waiting(CheckId::Template, "template read back at the end"),
            ],
            worst_burn: None,
            held_since: None,
            rollout: None,
            fired: BTreeSet::new(),
            seen_burning: false,
        }
    }

    /// The checks, in the order in which they are shown.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The rollout when last read.
    pub const fn rollout(&self) -> Option<&RolloutStatus> {
        self.rollout.as_ref()
    }

    /// Takes one observation.
    pub fn observe(
        &mut self,
        rollout: Result<RolloutStatus, ClusterError>,
        signals: Result<Signals, Fault>,
        now: Instant,
    ) {
        self.observe_rollout(rollout);
        match signals {
            Ok(signals) => {
                self.observe_alerts(&signals);
                self.observe_burn(&signals);
            }
            Err(fault) => self.signals_failed(&fault),
        }
        let holds = self.checks[..TEMPLATE].iter().all(|check| check.state != CheckState::Waiting);
        self.held_since = if holds { self.held_since.or(Some(now)) } else { None };
    }

    fn set(&mut self, index: usize, state: CheckState, text: impl Into<String>) {
        self.checks[index].state = state;
        self.checks[index].text = text.into();
    }

    fn observe_rollout(&mut self, rollout: Result<RolloutStatus, ClusterError>) {
        let status = match rollout {
            Ok(status) => status,
            Err(error) => {
                // A failed read proves nothing, either way: what was proven has to be proven again.
                self.set(ROLLOUT, CheckState::Waiting, format!("rollout cannot be read: {error}"));
                self.set(READY, CheckState::Waiting, "pods cannot be read");
                return;
            }
        };
        let count = format!("rollout {}/{}", status.updated.min(status.desired), status.desired);
        match &status.phase {
            RolloutPhase::Complete => self.set(ROLLOUT, CheckState::Passed, count),
            RolloutPhase::Unobserved => {
                self.set(ROLLOUT, CheckState::Waiting, "the controller has not seen the change yet");
            }
            RolloutPhase::Progressing { waiting_for } => {
                self.set(ROLLOUT, CheckState::Waiting, format!("{count}, waiting for {waiting_for}"));
            }
            RolloutPhase::Paused => self.set(ROLLOUT, CheckState::Waiting, format!("{count}, paused")),
            RolloutPhase::Stuck { why } => self.set(ROLLOUT, CheckState::Waiting, format!("{count}, stuck: {why}")),
            RolloutPhase::Degraded { why } => {
                self.set(ROLLOUT, CheckState::Waiting, format!("{count}, degraded: {why}"));
            }
            RolloutPhase::Held { why } => self.set(ROLLOUT, CheckState::Waiting, format!("{count}, held: {why}")),
        }
        let ready = status.ready >= status.desired && !matches!(status.phase, RolloutPhase::Unobserved);
        let state = if ready { CheckState::Passed } else { CheckState::Waiting };
        self.set(READY, state, format!("ready {}/{}", status.ready, status.desired));
        self.rollout = Some(status);
    }

    fn observe_alerts(&mut self, signals: &Signals) {
        match &signals.firing {
            Some(firing) if firing.is_empty() => {
                let text = if self.fired.is_empty() {
                    "no alert fires".to_owned()
                } else {
                    format!("{} cleared", self.fired.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
                };
                self.set(ALERTS, CheckState::Passed, text);
            }
            Some(firing) => {
                self.fired.extend(firing.iter().cloned());
                self.set(ALERTS, CheckState::Waiting, format!("{} still firing", firing.join(", ")));
            }
            // A source that told of an alert and fell silent has not told that it cleared.
            None if !self.fired.is_empty() => {
                self.set(ALERTS, CheckState::Waiting, "alerts fired, and now cannot be read");
            }
            None => self.set(ALERTS, CheckState::NotChecked, "alerts not checked: no source tells of them"),
        }
    }

    fn observe_burn(&mut self, signals: &Signals) {
        let Some(burn) = signals.burn.filter(|burn| burn.is_finite()) else {
            if self.seen_burning {
                self.set(BURN, CheckState::Waiting, "the budget was burning, and now cannot be read");
            } else {
                self.set(BURN, CheckState::NotChecked, "burn not checked: no SLO tells of it");
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
        self.set(BURN, if passed { CheckState::Passed } else { CheckState::Waiting }, text);
    }

    fn signals_failed(&mut self, fault: &Fault) {
        if !self.fired.is_empty() && self.checks[ALERTS].state != CheckState::Passed {
            self.set(ALERTS, CheckState::Waiting, format!("alerts fired, and now cannot be read: {fault}"));
        } else {
            self.set(ALERTS, CheckState::NotChecked, format!("alerts not checked: {fault}"));
        }
        if self.seen_burning {
            self.set(BURN, CheckState::Waiting, format!("the budget was burning, and now cannot be read: {fault}"));
        } else {
            self.set(BURN, CheckState::NotChecked, format!("burn not checked: {fault}"));
        }
    }

    /// Everything but the template held long enough: read the template back.
    pub fn has_settled(&self, now: Instant) -> bool {
        self.held_since.is_some_and(|since| (now - since).num_seconds() >= SETTLE_SECONDS)
    }

    /// What the read-back said: does the workload have the template that was sent?
    pub fn template_read(&mut self, same: Result<bool, String>) {
        match same {
            Ok(true) => self.set(TEMPLATE, CheckState::Passed, "template as sent"),
            Ok(false) => self.set(
                TEMPLATE,
                CheckState::Waiting,
                "the pod template is not the one that was sent: something else changed it",
            ),
            Err(why) => self.set(TEMPLATE, CheckState::Waiting, format!("the template could not be read back: {why}")),
        }
    }

    /// Did everything that could be checked come true?
    pub fn is_proven(&self) -> bool {
        self.checks.iter().all(|check| check.state != CheckState::Waiting)
    }

    /// Is the time over?
    pub fn is_over(&self, now: Instant) -> bool {
        now >= self.deadline
    }

    /// What did not come true, in words; says so too when all held, but not for long enough.
    pub fn missing(&self) -> String {
        let waiting = |check: &&Check| check.state == CheckState::Waiting;
        let named: Vec<&str> =
            self.checks[..TEMPLATE].iter().filter(waiting).map(|check| check.text.as_str()).collect();
        if !named.is_empty() {
            return named.join("; ");
        }
        if self.held_since.is_some() && self.checks[TEMPLATE].text.starts_with("template read back") {
            return "everything came true, but too late to be sure that it lasts".into();
        }
        self.checks[TEMPLATE].text.clone()
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
