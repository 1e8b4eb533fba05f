//! An Alertmanager: it holds alerts, routes and groups them, mutes them by silences and inhibition, and speaks the
//! HTTP API v2. It notifies nobody.

pub mod alerts;
mod http;
pub mod matchers;
pub mod routing;
pub mod silences;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

pub use self::alerts::PostedAlert;
use self::alerts::{Alert, fingerprint};
pub use self::http::serve;
use self::matchers::Matcher;
use self::routing::{Config, ConfigError};
use self::silences::Silences;
use crate::lab::clock::LabClock;

/// How long a resolved alert is kept for merging with a late post.
const RESOLVED_RETENTION: TimeDelta = TimeDelta::minutes(30);

/// What is served: an Alertmanager handle.
pub type AlertmanagerState = Alertmanager;

/// One Alertmanager. Cheap to clone; all clones share their state.
#[derive(Clone)]
pub struct Alertmanager {
    clock: LabClock,
    config: Arc<Config>,
    held: Arc<Mutex<Held>>,
}

/// What changes.
#[derive(Default)]
struct Held {
    alerts: BTreeMap<String, Alert>,
    silences: Silences,
}

/// An alert with all that can be said of it now.
#[derive(Debug, Clone)]
pub struct AlertView {
    /// Hash of its labels.
    pub fingerprint: String,
    /// The alert.
    pub alert: Alert,
    /// Silences that mute it.
    pub silenced_by: Vec<String>,
    /// Fingerprint of the alert that inhibits it.
    pub inhibited_by: Vec<String>,
    /// Receivers it is routed to, with the labels its group has there.
    pub groups: Vec<(String, BTreeMap<String, String>)>,
}

/// Which alerts are wanted.
#[derive(Debug)]
pub struct AlertFilter {
    /// Those that nothing mutes.
    pub active: bool,
    /// Those that are silenced.
    pub silenced: bool,
    /// Those that are inhibited.
    pub inhibited: bool,
    /// Label matchers, all of which must accept.
    pub matchers: Vec<Matcher>,
    /// Pattern that one of the receivers must match as a whole.
    pub receiver: Option<regex::Regex>,
}

impl Alertmanager {
    /// An Alertmanager with a configuration in its own file format (see [`routing::LAB_CONFIG`]).
    pub fn new(clock: LabClock, config_yaml: &str) -> Result<Self, ConfigError> {
        Ok(Self { clock, config: Arc::new(Config::parse(config_yaml)?), held: Arc::default() })
    }

    /// Takes alerts posted at `at`; the errors of those that were refused.
    pub fn post(&self, posted: Vec<PostedAlert>, at: DateTime<Utc>) -> Vec<String> {
        let mut held = self.lock();
        let mut refused = Vec::new();
        for alert in posted {
            match Alert::accept(alert, at) {
                Ok(alert) => {
                    let key = fingerprint(&alert.labels);
                    let merged = match held.alerts.remove(&key) {
                        Some(known) => known.merge(alert, at),
                        None => alert,
                    };
                    held.alerts.insert(key, merged);
                }
                Err(why) => refused.push(why),
            }
        }
        held.alerts.retain(|_, alert| alert.ends_at + RESOLVED_RETENTION > at);
        refused
    }

    /// The alerts that fire now, ascending by fingerprint.
    pub fn alerts(&self, filter: &AlertFilter) -> Vec<AlertView> {
        let now = self.clock.now();
        let held = self.lock();
        let firing: Vec<(&String, &Alert)> = held.alerts.iter().filter(|(_, a)| !a.resolved(now)).collect();
        let view = |(key, alert): &(&String, &Alert)| {
            let source = firing.iter().find(|(_, source)| {
                self.config.inhibit_rules.iter().any(|rule| rule.mutes(&source.labels, &alert.labels))
            });
            let routes = self.config.route.of(&alert.labels).into_iter().map(|route| {
                let group = alert.labels.iter().filter(|(name, _)| route.group_by.contains(name));
                (route.receiver.clone(), group.map(|(n, v)| (n.clone(), v.clone())).collect())
            });
            AlertView {
                fingerprint: (*key).clone(),
                alert: (*alert).clone(),
                silenced_by: held.silences.silencing(&alert.labels, now).into_iter().map(str::to_owned).collect(),
                inhibited_by: source.map(|(key, _)| (*key).clone()).into_iter().collect(),
                groups: routes.collect(),
            }
        };
        firing.iter().map(view).filter(|v| filter.accepts(v)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Every change leaves whole alerts and silences behind, so a poisoned lock is still sound.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AlertFilter {
    fn accepts(&self, view: &AlertView) -> bool {
        let (silenced, inhibited) = (!view.silenced_by.is_empty(), !view.inhibited_by.is_empty());
        (self.active || silenced || inhibited)
            && (self.silenced || !silenced)
            && (self.inhibited || !inhibited)
            && matchers::all_match(&self.matchers, &view.alert.labels)
            && self.receiver.as_ref().is_none_or(|r| view.groups.iter().any(|(name, _)| r.is_match(name)))
    }
}
