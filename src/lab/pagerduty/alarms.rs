//! What the lab's Alertmanager pages: its notifications to the receiver of the on-call pager, one incident a group.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::Held;
use super::incident::Trigger;
use super::people::Service;
use crate::lab::alertmanager::alerts::fingerprint;
use crate::lab::alertmanager::{AlertFilter, AlertView, Alertmanager};

/// Time of the lab between two looks at the alerts.
pub(super) const LOOK: Duration = Duration::from_secs(5);
/// The receiver that pages, of `lab.alertmanager.yml`.
const RECEIVER: &str = "on-call-pager";
/// Its `group_wait`.
const GROUP_WAIT: TimeDelta = TimeDelta::seconds(10);

/// Takes the alerts that fire at `now`: new groups page, and the incidents of those that are gone are resolved. What is
/// silenced or inhibited pages nobody, but does not end what has paged before.
pub(super) fn take(held: &mut Held, alerts: &Alertmanager, now: DateTime<Utc>) {
    let everything =
        AlertFilter { active: true, silenced: true, inhibited: true, matchers: Vec::new(), receiver: None };
    let mut groups: BTreeMap<String, (BTreeMap<String, String>, Vec<AlertView>)> = BTreeMap::new();
    for view in alerts.alerts(&everything) {
        for (receiver, labels) in &view.groups {
            if receiver == RECEIVER {
                let group = groups.entry(fingerprint(labels)).or_insert_with(|| (labels.clone(), Vec::new()));
                group.1.push(view.clone());
            }
        }
    }
    let firing: BTreeSet<&String> = groups.keys().collect();
    let gone: Vec<String> = held.paged.iter().filter(|key| !firing.contains(key)).cloned().collect();
    for key in gone {
        held.paged.remove(&key);
        if let Some(incident) = held.open(&key) {
            incident.resolve(None, now);
        }
    }
    // In the order in which they began, so that their numbers are the same each time.
    let mut begun: Vec<_> = groups
        .into_iter()
        .filter(|(key, _)| !held.paged.contains(key))
        .filter_map(|(key, (labels, views))| {
            let heard = views.iter().filter(|view| view.silenced_by.is_empty() && view.inhibited_by.is_empty());
            let at = heard.map(|view| view.alert.starts_at).min()? + GROUP_WAIT;
            (at <= now).then_some((at, key, labels, views))
        })
        .collect();
    begun.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    for (at, key, labels, views) in begun {
        held.paged.insert(key.clone());
        held.trigger(trigger(key, &labels, &views), at);
    }
    for incident in &mut held.incidents {
        incident.wake(now);
    }
}

/// What Alertmanager's PagerDuty receiver sends: a description, and details of what fires.
fn trigger(key: String, labels: &BTreeMap<String, String>, views: &[AlertView]) -> Trigger {
    let common = |name: &str| views.iter().find_map(|view| view.alert.labels.get(name)).map(String::as_str);
    let name = labels.get("alertname").map_or("Alert", String::as_str);
    let summary = views.iter().find_map(|view| view.alert.annotations.get("summary"));
    let title = summary.map_or_else(|| name.to_owned(), |summary| format!("{name}: {summary}"));
    let firing: Vec<String> = views
        .iter()
        .map(|view| {
            let labels: Vec<String> =
                view.alert.labels.iter().map(|(name, value)| format!(" - {name} = {value}")).collect();
            format!("Labels:\n{}\nSource: {}\n", labels.join("\n"), view.alert.generator_url)
        })
        .collect();
    let mut details = json!({
        "firing": firing.join("\n"), "resolved": "", "num_firing": views.len().to_string(), "num_resolved": "0",
        "fingerprints": views.iter().map(|view| view.fingerprint.clone()).collect::<Vec<_>>(),
    });
    for (name, value) in labels {
        details[name] = json!(value);
    }
    let runbook = views.iter().find_map(|view| view.alert.annotations.get("runbook_url"));
    let contexts: Vec<Value> =
        runbook.iter().map(|link| json!({"type": "link", "href": link, "text": "Runbook"})).collect();
    let service = ["service", "deployment", "rollout", "statefulset"].into_iter().find_map(common);
    Trigger {
        key,
        title,
        severity: common("severity").unwrap_or("critical").to_owned(),
        service: Service::for_name(service),
        details,
        contexts: json!(contexts),
    }
}
