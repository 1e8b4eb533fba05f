//! The timeline by itself: what the world shows, as entries. Each question is answered against what the incident has
//! already, so that asking twice, or from two consoles that see each other's entries, records a thing once. What two
//! consoles noticed before they saw each other is folded into one row.

use chrono::TimeDelta;

use super::fold::Incident;
use super::plan;
use super::template::flat;
use super::{Noticed, SELF};
use crate::domain::Text;
use crate::domain::alert::{Alert, AlertState, Subject};
use crate::domain::audit;
use crate::domain::incident::delivery::What;
use crate::domain::incident::entry::{Deed, Impact, Moment};
use crate::domain::slo::{SloReading, WINDOWS};
use crate::domain::target::WorkloadRef;
use crate::domain::time::Instant;

/// Impact is recorded this often while the incident goes on, in minutes.
pub const IMPACT_EVERY: i64 = 5;
/// Rollouts before the first sign that are still recorded, in minutes.
pub const ROLLOUTS_BEFORE: i64 = 60;

fn noticed(at: Instant, deed: Deed) -> Noticed {
    Noticed { at, by: SELF.into(), deed }
}

/// What an alert is about, from its labels alone, so that every console says the same.
pub fn subject(alert: &Alert) -> String {
    let named = alert.subjects().into_iter().next().map(|subject| match subject {
        Subject::Workload(_, name) | Subject::Pod(name) | Subject::Name(name) => name.to_string(),
    });
    named.unwrap_or_default()
}

/// Is the alert about this incident: about its workload or service, or named when it was declared and about no other
/// workload?
pub fn concerns(incident: &Incident, alert: &Alert) -> bool {
    let declared = incident.declared();
    let named = || incident.alert_names().any(|name| *name == *alert.name);
    let service = ["service", "sloth_service"].iter().find_map(|label| alert.label(label));
    let same_service = service.is_some_and(|service| **service == *declared.service);
    let mut workloads = incident.workloads().peekable();
    if workloads.peek().is_none() {
        return named() || same_service;
    }
    workloads.any(|workload| {
        let same_namespace = alert.label("namespace").is_none_or(|label| *label == workload.namespace);
        let by_name = || named() && !names_another(alert, workload, &declared.service);
        alert.concerns(workload) || (same_namespace && (same_service || by_name()))
    })
}

/// Do the labels of an alert that does not concern this workload say which one it is about? `job` does not count: it is
/// what was scraped.
fn names_another(alert: &Alert, workload: &WorkloadRef, service: &str) -> bool {
    const NAMES: [&str; 7] =
        ["workload", "service", "app", "app_kubernetes_io_name", "sloth_service", "container", "component"];
    let names = NAMES.iter().filter_map(|label| alert.label(label));
    let other = |name: &Text| *name != workload.name && **name != *service;
    let of_kind = |subject: &Subject| matches!(subject, Subject::Workload(..) | Subject::Pod(_));
    alert.subjects().iter().any(of_kind) || names.into_iter().any(other)
}

/// Alerts that began or cleared. `alerts` is all that the source knows, at a moment when it was live: what is not in it
/// has cleared. A silenced alert still fires.
pub fn alerts<'a>(incident: &Incident, alerts: impl IntoIterator<Item = &'a Alert>, now: Instant) -> Vec<Noticed> {
    if !incident.is_open() {
        return Vec::new();
    }
    let mut firing: std::collections::BTreeMap<(&str, String), Instant> = std::collections::BTreeMap::new();
    let fires = |alert: &&Alert| alert.state != AlertState::Pending && concerns(incident, alert);
    for alert in alerts.into_iter().filter(fires) {
        let since = firing.entry((&alert.name, subject(alert))).or_insert(alert.since);
        *since = (*since).min(alert.since);
    }
    let mut found = Vec::new();
    for ((alert, subject), since) in &firing {
        let known = incident.alert(alert, subject);
        if known.is_some_and(|known| known.firing) {
            continue;
        }
        // An alert that fires again may be told with the time of an earlier firing; and a clock that is behind must not
        // put it before its clearing, where it would not count.
        let at = known.map_or((*since).min(now), |known| {
            let at = if *since > known.since { *since } else { now };
            at.min(now).max(known.since + TimeDelta::milliseconds(1))
        });
        let deed = Deed::Alert { alert: (*alert).to_owned(), subject: subject.clone(), firing: true };
        found.push(noticed(at, deed));
    }
    let cleared = incident
        .alerts()
        .filter(|(alert, subject, known)| known.firing && !firing.contains_key(&(*alert, (*subject).to_owned())));
    found.extend(cleared.map(|(alert, subject, known)| {
        let deed = Deed::Alert { alert: alert.to_owned(), subject: subject.to_owned(), firing: false };
        noticed(now.max(known.since + TimeDelta::milliseconds(1)), deed)
    }));
    found
}

/// A rollout of the incident's workload: during it, or shortly before.
pub fn rollout(
    incident: &Incident,
    workload: &WorkloadRef,
    revision: u64,
    change: &str,
    at: Instant,
) -> Option<Noticed> {
    let is_its = incident.workloads().any(|its| its == workload);
    let from = incident.time(Moment::Detected)? - TimeDelta::minutes(ROLLOUTS_BEFORE);
    let is_new = incident.is_open() && at >= from && !incident.has_rollout(workload, revision);
    (is_its && is_new).then(|| {
        let deed = Deed::Rollout { workload: workload.clone(), change: change.to_owned(), revision };
        noticed(at, deed)
    })
}

/// Does an action belong to this incident: by its own word, or because it was done to the incident's workload since the
/// first sign?
pub fn is_ours(incident: &Incident, entry: &audit::Entry) -> bool {
    let declared = incident.declared();
    if let Some(named) = &entry.incident {
        return named == incident.id().as_str();
    }
    let since = incident.time(Moment::Detected).is_some_and(|from| entry.at.is_some_and(|at| at >= from));
    let same = |workload: &WorkloadRef| {
        let target = workload.to_string();
        entry.namespace == *workload.namespace && (entry.target == target || entry.more.contains(&target))
    };
    since && entry.context == declared.context && incident.workloads().any(same)
}

/// What an action was to change, from its record: revisions or fields, as far as it tells.
fn changed(entry: &audit::Entry) -> String {
    let Some(intent) = entry.intent() else { return String::new() };
    let number = |key: &str| intent.get(key)?.get("revision")?.as_u64();
    if let (Some(from), Some(to)) = (number("from"), number("to")) {
        return format!("revision {from} → {to}");
    }
    let changes = intent.get("changes").and_then(serde_json::Value::as_array);
    let words = changes.into_iter().flatten().filter_map(|change| {
        let of = |key: &str| change.get(key).and_then(serde_json::Value::as_str);
        Some(match (of("path")?, of("before"), of("after")) {
            (path, Some(before), Some(after)) => format!("{path} {before} → {after}"),
            (path, ..) => path.to_owned(),
        })
    });
    words.take(3).collect::<Vec<_>>().join(", ")
}

/// An action of ours: its beginning, and its end once there is one. Attempts without effect (dry runs) are none. Once the
/// incident is resolved only what began before that is its, and once it was merged only what it has the beginning of.
pub fn action(incident: &Incident, entry: &audit::Entry) -> Vec<Noticed> {
    let dry = entry.intent().and_then(|intent| intent.get("dry_run")).is_some_and(|dry| *dry == true);
    let (Some(at), false) = (entry.at, dry) else { return Vec::new() };
    let seen = incident.action(&entry.id);
    let in_time = incident.is_open()
        || seen.begun
        || (incident.merged_into().is_none() && incident.time(Moment::Resolved).is_some_and(|over| at <= over));
    if !in_time || !is_ours(incident, entry) {
        return Vec::new();
    }
    let deed = |end: Option<String>, detail: Option<String>| Deed::Action {
        id: entry.id.clone(),
        action: entry.action.clone(),
        target: entry.targets(),
        what: changed(entry),
        end,
        detail,
    };
    let by: Text = if entry.user.is_empty() { SELF.into() } else { entry.user.as_str().into() };
    let mut found = Vec::new();
    if !seen.begun {
        found.push(Noticed { at, by: by.clone(), deed: deed(None, None) });
    }
    if let Some(end) = entry.end.as_ref().filter(|_| !seen.ended) {
        let took = TimeDelta::milliseconds(i64::try_from(end.duration_ms.unwrap_or(0)).unwrap_or(0));
        found.push(Noticed { at: at + took, by, deed: deed(Some(end.word.clone()), end.detail.clone()) });
    }
    found
}

/// The change events of an action that was done, one for each paging service; they page nobody.
pub fn change_events(incident: &Incident, entry: &audit::Entry, services: &[Text]) -> Vec<Deed> {
    let done = entry.end.as_ref().is_some_and(|end| end.word == "done" || end.word == "unverified");
    if !done || !is_ours(incident, entry) {
        return Vec::new();
    }
    let events = services.iter().map(|service| {
        let key = format!("change:{service}:{}", entry.id);
        let summary = format!("{} of {}: {}", entry.action, entry.targets(), entry.end_word());
        let what = changed(entry);
        let details = [("incident", incident.id().to_string()), ("by", entry.user.clone()), ("what", what)];
        let details = details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        (key.clone(), plan::planned(key, service, What::Change { summary, source: entry.place(), details }, Vec::new()))
    });
    events.filter(|(key, _)| incident.parcels().get(key).is_none()).map(|(_, deed)| deed).collect()
}

/// A step of a runbook that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepEnded {
    /// The run's id.
    pub run: String,
    /// The runbook's id.
    pub runbook: String,
    /// The step's title.
    pub step: String,
    /// In words (`passed`, `failed: 0.172`).
    pub result: String,
    /// When.
    pub at: Instant,
    /// Who walks through it.
    pub by: Text,
}

/// A step of a runbook.
pub fn step(incident: &Incident, ended: &StepEnded) -> Option<Noticed> {
    let known = incident.has_step(&ended.run, &ended.step, &ended.result);
    (incident.is_open() && !known).then(|| Noticed {
        at: ended.at,
        by: ended.by.clone(),
        deed: Deed::Runbook {
            run: ended.run.clone(),
            runbook: ended.runbook.clone(),
            step: flat(&ended.step),
            result: ended.result.clone(),
        },
    })
}

/// Was it resolved just now? Then what it cost is still to be read once more ([`impacts`]).
pub fn is_ending(incident: &Incident, now: Instant) -> bool {
    let over = incident.time(Moment::Resolved).filter(|_| incident.merged_into().is_none());
    over.is_some_and(|over| now >= over && now - over <= TimeDelta::minutes(IMPACT_EVERY))
}

/// What the incident cost so far, every [`IMPACT_EVERY`] minutes, and once when it is resolved. `last` says that this is its
/// end, whenever the one before was.
pub fn impacts<'a>(
    incident: &Incident,
    readings: impl IntoIterator<Item = &'a SloReading>,
    now: Instant,
    last: bool,
) -> Vec<Noticed> {
    let declared = incident.declared();
    let names = [Some(declared.service.as_str()), declared.workload.as_ref().map(|workload| &*workload.name)];
    let namespace = declared.workload.as_ref().map(|workload| &workload.namespace);
    let is_its = |reading: &&SloReading| {
        let objective = &reading.objective;
        let same = objective.namespace.is_none() || namespace.is_none() || objective.namespace.as_ref() == namespace;
        same && names.contains(&Some(&*objective.service))
    };
    let over = incident.time(Moment::Resolved);
    if !last && !incident.is_open() && !is_ending(incident, now) {
        return Vec::new();
    }
    let found = readings.into_iter().filter(is_its).filter_map(|reading| {
        let before = incident.impacts().find(|(_, impact)| impact.slo == *reading.objective.name);
        let due = before.is_none_or(|(at, _)| match over {
            Some(over) => at < over,
            None => now - at >= TimeDelta::minutes(IMPACT_EVERY),
        });
        let impact = impact(reading, incident.time(Moment::Detected)?, before, now)?;
        let is_new = before.is_none_or(|(_, known)| *known != impact);
        ((due || last) && is_new).then(|| noticed(now, Deed::Impact(impact)))
    });
    if declared.workload.is_none() && declared.service.is_empty() { Vec::new() } else { found.collect() }
}

/// What was spent since `detected`, from one reading and the impact before it.
///
/// The part of the budget that a window spent is burn · window ÷ period (Google SRE Workbook, chapter 5). Up to six hours
/// the shortest window that holds the whole incident is taken; after that what the window nearest to the time since the
/// impact before says is added to it. Events are known of the last hour; of a longer incident those since the impact
/// before are added: all at the hour's pace, and of them as many bad ones as the burn of that window stands for. All of it
/// is an estimate: what was bad in a window before its time is counted with it, and what came in bursts is not seen.
pub fn impact(
    reading: &SloReading,
    detected: Instant,
    before: Option<(Instant, &Impact)>,
    now: Instant,
) -> Option<Impact> {
    let elapsed = u64::try_from((now - detected).num_seconds()).ok()?;
    let spent_in = |seconds: u64| {
        let at = WINDOWS.iter().position(|(_, window)| *window >= seconds).unwrap_or(WINDOWS.len() - 1);
        let window = WINDOWS[at].1;
        reading.burn[at].map(|burn| (burn, window))
    };
    let period = reading.objective.period as f64;
    let since = before.and_then(|(at, _)| u64::try_from((now - at).num_seconds()).ok()).unwrap_or(elapsed);
    let windows = WINDOWS.iter().zip(reading.burn).min_by_key(|((_, window), _)| window.abs_diff(since));
    let nearest = windows.and_then(|(_, burn)| burn);
    let longest = WINDOWS[WINDOWS.len() - 1].1;
    let spent = if elapsed <= longest {
        spent_in(elapsed).map(|(burn, window)| burn * window as f64 / period)
    } else {
        let known = before.and_then(|(_, impact)| impact.spent).unwrap_or(0.0);
        nearest.map(|burn| known + burn * since as f64 / period)
    };
    let hour = 3_600.0;
    let events = reading.events.map(|(bad, total)| {
        let (bad, total) = (bad.max(0.0), total.max(0.0));
        if elapsed <= 3_600 {
            return (bad, total * elapsed as f64 / hour);
        }
        let more = total * since as f64 / hour;
        let allowed = 1.0 - reading.objective.target;
        let share = nearest.map_or_else(|| if total > 0.0 { bad / total } else { 0.0 }, |burn| burn * allowed);
        let of = |known: fn(&Impact) -> Option<f64>| before.and_then(|(_, impact)| known(impact)).unwrap_or(0.0);
        (of(|impact| impact.bad) + more * share.clamp(0.0, 1.0), of(|impact| impact.total) + more)
    });
    if spent.is_none() && reading.remaining.is_none() && events.is_none() {
        return None;
    }
    Some(Impact {
        slo: reading.objective.name.to_string(),
        spent,
        left: reading.remaining,
        bad: events.map(|(bad, _)| bad.round()),
        total: events.map(|(bad, total)| total.max(bad).round()),
    })
}
