//! The traffic of the shop, what it suffers from, and what of the world is measured.
//!
//! How many requests fail follows from the pods behind a service; the share is kept as a line of
//! time, so that logs, the metrics of the past and the metrics of now tell the same story.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::naming;
use super::object::{instant, items, label, name, namespace, text};
use super::plight;
use super::pods::{is_active, is_ready};
use crate::lab::kubernetes::resources::{NODES, PODS};
use crate::lab::store::Store;
use crate::lab::telemetry::{Labels, Telemetry};

pub mod demand;
mod exporter;
pub mod switches;

use demand::Demand;
use switches::{Harm, Switches};

/// Lab time between two changes of the rates.
const RATE_STEP: i64 = 15;
/// How long a pod of a broken release fails most of what it gets; after that its callers have
/// learnt to avoid it, mostly.
const FIRST_SHOCK: i64 = 90;
/// How much more of its requests a broken pod fails at first than later on.
const SHOCK: f64 = 0.62 / 0.344;
/// The share of its capacity up to which a service answers as fast as ever, and how much of its
/// traffic becomes slow per share of capacity beyond it.
const EASE: f64 = 0.85;
const SLOWED: f64 = 0.5;
/// Upper bounds of the latency buckets, seconds, and the share of requests at or below each when
/// all is well.
const BUCKETS: [(&str, f64); 9] = [
    ("0.05", 0.412),
    ("0.1", 0.731),
    ("0.25", 0.9931),
    ("0.3", 0.9984),
    ("0.5", 0.9993),
    ("1", 0.9997),
    ("2.5", 0.9999),
    ("5", 1.0),
    ("+Inf", 1.0),
];

/// A service that requests go to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Served {
    /// Its namespace.
    pub namespace: &'static str,
    /// Its name, and the `app` label of its pods.
    pub name: &'static str,
    /// Requests per second at noon on an ordinary day.
    pub per_second: f64,
    /// Pods that this traffic is meant for.
    pub pods: usize,
    /// Share of requests that fail on any day.
    pub noise: f64,
    /// How much demand its pods can take, as a multiple of what they are meant for; beyond it
    /// requests are turned away. Services without one are never asked for more than they can do.
    pub capacity: Option<f64>,
    /// A service that it calls, and the share of its own requests that fail when all calls do.
    pub calls: Option<(&'static str, f64)>,
}

const fn served(
    name: &'static str,
    per_second: f64,
    pods: usize,
    noise: f64,
    capacity: Option<f64>,
    calls: Option<(&'static str, f64)>,
) -> Served {
    Served { namespace: "shop", name, per_second, pods, noise, capacity, calls }
}

/// All services with traffic. Callers come after what they call.
pub static SERVED: [Served; 5] = [
    served("payment", 142.0, 6, 0.000_19, None, None),
    served("inventory", 268.0, 5, 0.000_08, None, None),
    served("user", 181.0, 5, 0.000_1, None, None),
    served("auth", 212.0, 4, 0.000_05, None, None),
    served("frontend", 641.0, 6, 0.000_12, Some(1.75), Some(("payment", 0.031))),
];

/// From each moment on, this share fails.
type Line = Vec<(DateTime<Utc>, f64)>;

/// Which share of a service's requests fails, over time.
#[derive(Debug, Clone, Default)]
pub struct Troubles {
    lines: Arc<Mutex<BTreeMap<String, Line>>>,
}

impl Troubles {
    /// The share of failing requests of a service at a moment, without everyday noise.
    pub fn at(&self, service: &str, at: DateTime<Utc>) -> f64 {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.get(service).map_or(0.0, |line| {
            let index = line.partition_point(|(from, _)| *from <= at);
            index.checked_sub(1).map_or(0.0, |index| line[index].1)
        })
    }

    /// From `at` on, this share fails. Moments must not go backwards.
    pub fn set(&self, service: &str, at: DateTime<Utc>, share: f64) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.entry(service.to_owned()).or_default();
        if line.last().is_none_or(|(_, last)| last.to_bits() != share.to_bits()) {
            line.push((at, share));
        }
    }

    /// The moments at which the share of a service changed.
    fn moments(&self, service: &str) -> Vec<DateTime<Utc>> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.get(service).map_or_else(Vec::new, |line| line.iter().map(|(at, _)| *at).collect())
    }
}

/// Measures the world into the telemetry.
#[derive(Debug)]
pub struct Traffic {
    telemetry: Recording,
    troubles: Troubles,
    demand: Demand,
    switches: Switches,
    step: Option<i64>,
    exporter: exporter::Exporter,
}

/// The telemetry, which has nothing to print.
struct Recording(Telemetry);

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Telemetry")
    }
}

impl Traffic {
    /// Traffic that is measured into `telemetry`.
    pub fn new(telemetry: Telemetry) -> Self {
        Self {
            telemetry: Recording(telemetry),
            troubles: Troubles::default(),
            demand: Demand::default(),
            switches: Switches::default(),
            step: None,
            exporter: exporter::Exporter::default(),
        }
    }

    /// The share of failing requests, over time.
    pub fn troubles(&self) -> &Troubles {
        &self.troubles
    }

    /// What is asked of the services, over time.
    pub fn demand(&self) -> &Demand {
        &self.demand
    }

    /// The feature flags that the services go by.
    pub fn switches(&self) -> &Switches {
        &self.switches
    }

    /// Writes what is to be measured at `now`. `changed` says that objects may have changed.
    pub fn measure(&mut self, store: &Store, now: DateTime<Utc>, changed: bool) {
        let step = now.timestamp().div_euclid(RATE_STEP);
        let stepped = self.step != Some(step);
        if !changed && !stepped {
            return;
        }
        self.step = Some(step);
        let pods = store.list(&PODS, None).0;
        let nodes = store.list(&NODES, None).0;
        for service in &SERVED {
            let behind = Behind::of(service, &pods, &nodes, now);
            let strain = behind.strain(service, self.demand.at(service.name, now));
            let harm = self.switches.harm(service.name, now);
            let share = behind.failing(service, strain, &self.troubles, now) + harm.fails;
            self.troubles.set(service.name, now, share.min(1.0));
            self.write_rates(service, strain, harm, now);
        }
        self.exporter.export(&self.telemetry.0, &self.demand, store, &pods, now);
    }

    fn write_rates(&self, service: &Served, strain: f64, harm: Harm, now: DateTime<Utc>) {
        let moment = DateTime::from_timestamp(now.timestamp().div_euclid(RATE_STEP) * RATE_STEP, 0).unwrap_or(now);
        let flow = Flow {
            demand: self.demand.at(service.name, moment),
            failing: self.troubles.at(service.name, now),
            strain,
            slow: harm.slow,
        };
        for (labels, rate) in rates(service, moment, flow) {
            self.telemetry.0.set_rate(&labels, rate, now);
        }
    }

    /// Writes the thirty days before `until`: hourly at first, finer towards the end, and at every
    /// moment at which the share of failing requests changed.
    pub fn write_past(&self, until: DateTime<Utc>) {
        for service in &SERVED {
            let mut moments: Vec<DateTime<Utc>> = Vec::new();
            let spans = [(30 * 24 * 60, 24 * 60, 60), (24 * 60, 120, 5), (120, 0, 1)];
            for (from, to, every) in spans {
                let mut minute = from;
                while minute > to {
                    moments.push(until - TimeDelta::minutes(minute));
                    minute -= every;
                }
            }
            moments.extend(self.troubles.moments(service.name).into_iter().filter(|at| *at < until));
            moments.sort_unstable();
            moments.dedup();
            let mut past: BTreeMap<Labels, Vec<(DateTime<Utc>, f64)>> = BTreeMap::new();
            for at in moments {
                let flow = Flow {
                    demand: self.demand.at(service.name, at),
                    failing: self.troubles.at(service.name, at),
                    strain: 0.0,
                    slow: 0.0,
                };
                for (labels, rate) in rates(service, at, flow) {
                    past.entry(labels).or_default().push((at, rate));
                }
            }
            for (labels, points) in past {
                self.telemetry.0.history_rates(&labels, &points);
            }
        }
    }
}

/// The pods behind a service.
#[derive(Debug, Clone, Copy, Default)]
struct Behind {
    serving: usize,
    broken: usize,
    /// Broken ones that look well: they answer the probes.
    unnoticed: usize,
    /// What the broken ones fail, in pods' shares of the traffic.
    lost: f64,
}

impl Behind {
    fn of(service: &Served, pods: &[Arc<Value>], nodes: &[Arc<Value>], now: DateTime<Utc>) -> Self {
        let mut behind = Self::default();
        for pod in pods
            .iter()
            .filter(|pod| namespace(pod) == service.namespace && label(pod, "app") == service.name && is_active(pod))
        {
            let node = nodes.iter().find(|node| name(node) == text(pod, "/spec/nodeName"));
            let on_bad_disk = node.is_some_and(|node| plight::read_only_since(node).is_some());
            let fails = items(pod, "/spec/containers")
                .iter()
                .filter_map(|container| plight::of_container(pod, container, node.map(|node| &**node)).ok())
                .map(|behaviour| behaviour.fails)
                .fold(0.0, f64::max);
            // The mesh sends requests to whatever has an address; only what its node stops is out.
            if fails > 0.0 && !text(pod, "/status/podIP").is_empty() && (!on_bad_disk || is_ready(pod)) {
                behind.broken += 1;
                behind.unnoticed += usize::from(is_ready(pod));
                let age = instant(pod, "/status/startTime").map_or(0, |at| (now - at).num_seconds());
                behind.lost += if age < FIRST_SHOCK { (fails * SHOCK).min(1.0) } else { fails };
            } else if is_ready(pod) {
                behind.serving += 1;
            }
        }
        behind
    }

    /// The demand as a share of what the pods can take; 0 where nobody counts.
    fn strain(&self, service: &Served, demand: f64) -> f64 {
        let pods = (self.serving + self.broken).max(1) as f64;
        service.capacity.map_or(0.0, |capacity| demand * service.pods as f64 / pods / capacity)
    }

    /// Which share of the requests fails.
    fn failing(&self, service: &Served, strain: f64, troubles: &Troubles, now: DateTime<Utc>) -> f64 {
        let turned_away = if strain > 1.0 { 1.0 - 1.0 / strain } else { 0.0 };
        let own =
            if self.serving + self.unnoticed == 0 { 1.0 } else { self.lost / (self.serving + self.broken) as f64 };
        let through = service.calls.map_or(0.0, |(callee, share)| troubles.at(callee, now) * share);
        (own + through + turned_away).min(1.0)
    }
}

/// What flows through a service: demand, the share of it that fails, the strain of the pods, and the share that is slow
/// for another reason.
#[derive(Debug, Clone, Copy)]
struct Flow {
    demand: f64,
    failing: f64,
    strain: f64,
    slow: f64,
}

/// The rates of every series of a service's requests.
fn rates(service: &Served, at: DateTime<Utc>, flow: Flow) -> Vec<(Labels, f64)> {
    let Flow { demand, failing, strain, slow } = flow;
    let total = service.per_second * demand;
    let unrest = 1.0 + 0.4 * naming::wobble(naming::digest(&[service.name, "noise"]), at.timestamp() as f64 / 300.0);
    let errors = (failing + service.noise * unrest).min(1.0);
    let refused = 0.0042 * (1.0 - errors);
    let created = 0.061 * (1.0 - errors);
    let codes = [
        ("200", 1.0 - errors - refused - created),
        ("201", created),
        ("404", refused),
        ("500", errors * 0.93),
        ("503", errors * 0.07),
    ];
    let base = [("namespace", service.namespace), ("service", service.name)];
    let mut rates = Vec::with_capacity(16);
    for (code, share) in codes {
        let [namespace, name] = base;
        rates.push((Labels::new("http_requests_total", &[namespace, name, ("code", code)]), total * share));
    }
    // Retries make some requests slow while something fails.
    let slow = slow + failing * 0.045 + 0.0006 * unrest + SLOWED * (strain - EASE).max(0.0);
    for (bound, share) in BUCKETS {
        let [namespace, name] = base;
        let within = if share < 1.0 { (share - slow).max(0.0) } else { 1.0 };
        rates.push((
            Labels::new("http_request_duration_seconds_bucket", &[namespace, name, ("le", bound)]),
            total * within,
        ));
    }
    rates.push((Labels::new("http_request_duration_seconds_count", &base), total));
    rates.push((Labels::new("http_request_duration_seconds_sum", &base), total * (0.091 + slow)));
    rates
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_share_of_failures_holds_until_it_changes() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let troubles = Troubles::default();
        troubles.set("payment", at(100), 0.3);
        troubles.set("payment", at(110), 0.3);
        troubles.set("payment", at(120), 0.0);
        assert_eq!(
            (troubles.at("payment", at(99)), troubles.at("payment", at(119)), troubles.at("payment", at(500))),
            (0.0, 0.3, 0.0)
        );
        assert_eq!(troubles.moments("payment").len(), 2);
    }

    #[test]
    fn the_rates_of_codes_and_buckets_add_up() {
        let at = DateTime::from_timestamp(1_773_489_600, 0).unwrap();
        let demand = demand::ordinary("payment", at);
        let all = rates(&SERVED[0], at, Flow { demand, failing: 0.172, strain: 0.0, slow: 0.0 });
        let total = 142.0 * demand;
        let of = |name: &str| all.iter().filter(|(labels, _)| labels.name() == name).map(|(_, rate)| rate).sum::<f64>();
        assert!((of("http_requests_total") - total).abs() < 1e-6);
        assert!((of("http_request_duration_seconds_count") - total).abs() < 1e-6);
        let errors: f64 =
            all.iter().filter(|(labels, _)| labels.get("code").starts_with('5')).map(|(_, rate)| rate).sum();
        assert!((errors / total - 0.172).abs() < 0.001);
    }
}
