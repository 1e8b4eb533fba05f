//! The world behind the lab's servers: controllers, scheduler and kubelets over the store, and
//! what pods log, use and serve.
//!
//! One loop turns all of them every half second of lab time, but only when something changed or
//! is due, so that an idle lab costs next to nothing.

pub mod behaviour;
pub mod container;
pub mod cronjob;
pub mod daemonset;
pub mod declared;
pub mod deployment;
pub mod disruption;
pub mod endpoints;
pub mod events;
pub mod history;
pub mod hpa;
pub mod job;
pub mod kubelet;
pub mod logs;
pub mod naming;
pub mod node;
pub mod object;
pub mod plight;
pub mod pods;
pub mod quota;
pub mod replicaset;
pub mod rollout;
pub mod schedule;
pub mod scheduler;
pub mod statefulset;
pub mod traffic;
pub mod turn;
pub mod usage;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use self::endpoints::Endpoints;
use self::events::Recorder;
use self::kubelet::Kubelet;
use self::traffic::Traffic;
use self::turn::Turn;
use crate::lab::clock::LabClock;
use crate::lab::store::Store;
use crate::lab::telemetry::Telemetry;

/// Lab time between two looks at the world.
const TICK: Duration = Duration::from_millis(500);
/// Most rounds of the controllers in one turn; they settle in three or four.
const ROUNDS: usize = 12;

/// The time of the world: the clock's, or a moment of the past while history is being made.
#[derive(Debug, Clone)]
pub struct WorldTime {
    clock: LabClock,
    pinned: Arc<Mutex<Option<DateTime<Utc>>>>,
}

impl WorldTime {
    /// The time of `clock`.
    pub fn new(clock: LabClock) -> Self {
        Self { clock, pinned: Arc::default() }
    }

    /// Now.
    pub fn now(&self) -> DateTime<Utc> {
        let pinned = *self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        pinned.unwrap_or_else(|| self.clock.now())
    }

    /// Holds time at a moment, or lets it follow the clock again.
    pub fn pin(&self, at: Option<DateTime<Utc>>) {
        *self.pinned.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

/// Which controllers take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those that make pods and run them: enough for the distant past.
    Workloads,
    /// All of them.
    Everything,
}

/// A running world.
#[derive(Debug)]
pub struct World {
    store: Store,
    time: WorldTime,
    recorder: Arc<Recorder>,
    kubelet: Kubelet,
    endpoints: Endpoints,
    traffic: Traffic,
    seen: Option<u64>,
    wake: Option<DateTime<Utc>>,
    swept: Option<DateTime<Utc>>,
}

impl World {
    /// An empty world that lives by `clock` and measures into `telemetry`. `seed` decides its
    /// identifiers.
    pub fn new(seed: u64, clock: LabClock, telemetry: Telemetry) -> Self {
        let time = WorldTime::new(clock);
        let of_store = time.clone();
        Self {
            store: Store::new(seed, move || of_store.now()),
            time,
            recorder: Arc::default(),
            kubelet: Kubelet::default(),
            endpoints: Endpoints::default(),
            traffic: Traffic::new(telemetry),
            seen: None,
            wake: None,
            swept: None,
        }
    }

    /// The objects.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The events.
    pub fn events(&self) -> &Recorder {
        &self.recorder
    }

    /// The time, which can be held while history is made.
    pub fn time(&self) -> &WorldTime {
        &self.time
    }

    /// The traffic and what it suffers from.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Lets the world move on to `now`, if anything changed or is due.
    pub fn step(&mut self, now: DateTime<Utc>) {
        let due = self.wake.is_some_and(|wake| wake <= now);
        let changed = self.seen != Some(self.store.version());
        if changed || due {
            self.turn(now, Scope::Everything);
        }
        self.traffic.measure(&self.store, now, changed || due);
        if self.swept.is_none_or(|swept| now - swept >= TimeDelta::minutes(1)) {
            self.recorder.expire(&self.store, now);
            self.swept = Some(now);
        }
    }

    fn turn(&mut self, now: DateTime<Utc>, scope: Scope) {
        for _ in 0..ROUNDS {
            let before = self.store.version();
            let turn = Turn::new(&self.store, &self.recorder, self.traffic.demand(), now);
            deployment::run(&turn);
            rollout::run(&turn);
            statefulset::run(&turn);
            daemonset::run(&turn);
            replicaset::run(&turn);
            scheduler::run(&turn);
            self.kubelet.run(&turn);
            if scope == Scope::Everything {
                cronjob::run(&turn);
                job::run(&turn);
                self.endpoints.run(&turn);
                hpa::run(&turn);
                disruption::run(&turn);
                quota::run(&turn);
                node::run(&turn);
            }
            self.wake = turn.wake();
            self.seen = Some(before);
            if self.store.version() == before {
                break;
            }
        }
    }

    /// Lets the controllers in scope work from `from` on, jumping from one thing that is due to the
    /// next, until nothing more is due before `until`. Nothing is measured. Time stays pinned.
    pub fn settle(&mut self, from: DateTime<Utc>, until: DateTime<Utc>, scope: Scope) {
        let mut now = from;
        while now <= until {
            self.time.pin(Some(now));
            self.turn(now, scope);
            let Some(next) = self.wake else { break };
            now = next.max(now + TimeDelta::milliseconds(500));
        }
    }

    /// Lives through the past up to `until` in no time at all, a tick at a time, with time pinned
    /// to each of them; then lets time follow the clock.
    pub fn live_through(&mut self, from: DateTime<Utc>, until: DateTime<Utc>) {
        let tick = TimeDelta::from_std(TICK).unwrap_or_else(|_| TimeDelta::seconds(1));
        let mut now = from;
        while now < until {
            self.time.pin(Some(now));
            self.step(now);
            now += tick;
        }
        self.time.pin(Some(until));
        self.step(until);
        self.time.pin(None);
    }

    /// Runs the world by its clock, for ever. With a frozen clock nothing ever happens.
    pub async fn run(mut self) {
        let clock = self.time.clock.clone();
        loop {
            clock.sleep(TICK).await;
            self.step(clock.now());
        }
    }
}
