//! An incident, its alerts and its notes.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::http::Refusal;
use super::people::{Service, User, reference};
use super::{Held, time};
use crate::lab::world::naming::digest;

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    Triggered,
    Acknowledged,
    Resolved,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Triggered => "triggered",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// An alert of an incident.
#[derive(Debug, Clone)]
pub(super) struct Alert {
    pub id: String,
    pub summary: String,
    pub severity: String,
    pub created: DateTime<Utc>,
    pub resolved: bool,
    /// What the one who sent it said of it.
    pub details: Value,
    /// Links and images.
    pub contexts: Value,
}

/// A note of an incident.
#[derive(Debug, Clone)]
pub(super) struct Note {
    pub id: String,
    pub by: &'static User,
    pub content: String,
    pub at: DateTime<Utc>,
}

/// An incident.
#[derive(Debug, Clone)]
pub(super) struct Incident {
    pub id: String,
    pub number: u64,
    pub title: String,
    /// By what events find it.
    pub key: String,
    pub service: &'static Service,
    pub status: Status,
    pub urgency: &'static str,
    pub created: DateTime<Utc>,
    pub changed: DateTime<Utc>,
    /// Who changed it last; its service, if nobody did.
    pub changed_by: Option<&'static User>,
    pub level: usize,
    pub assigned: Vec<(DateTime<Utc>, &'static User)>,
    pub acknowledged: Vec<(DateTime<Utc>, &'static User)>,
    pub snoozed_until: Option<DateTime<Utc>>,
    pub alerts: Vec<Alert>,
    pub notes: Vec<Note>,
    pub requests: Vec<Value>,
    /// Who was asked to help.
    pub asked: Vec<&'static User>,
    /// What happened to it, oldest first: when, the word for it, and who did it.
    pub log: Vec<(DateTime<Utc>, &'static str, Option<&'static User>)>,
}

/// What an incident begins with.
pub(super) struct Trigger {
    pub key: String,
    pub title: String,
    pub severity: String,
    pub service: &'static Service,
    pub details: Value,
    pub contexts: Value,
}

impl Held {
    /// An identifier in the style of the newer ones: `Q` and 13 letters or digits.
    pub(super) fn id(&mut self) -> String {
        self.given += 1;
        let mut rest = digest(&["pagerduty", &self.given.to_string()]);
        let mut id = String::from("Q");
        for _ in 0..13 {
            id.push(char::from(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(rest % 36) as usize]));
            rest = (rest / 36) ^ (rest << 32);
        }
        id
    }

    /// Begins an incident, or joins the open one with the same key.
    pub(super) fn trigger(&mut self, trigger: Trigger, at: DateTime<Utc>) {
        let Trigger { key, title, severity, service, details, contexts } = trigger;
        let id = self.id();
        let alert = Alert { id, summary: title.clone(), severity, created: at, resolved: false, details, contexts };
        if let Some(open) = self.open(&key) {
            match open.alerts.iter_mut().find(|known| !known.resolved) {
                Some(known) => known.details = alert.details,
                None => open.alerts.push(alert),
            }
            return;
        }
        let urgency = if ["critical", "error"].contains(&alert.severity.as_str()) { "high" } else { "low" };
        let incident = Incident {
            id: self.id(),
            number: self.incidents.len() as u64 + 1,
            title,
            key,
            service,
            status: Status::Triggered,
            urgency,
            created: at,
            changed: at,
            changed_by: None,
            level: 1,
            assigned: service.policy().at(1).map(|user| (at, user)).into_iter().collect(),
            acknowledged: Vec::new(),
            snoozed_until: None,
            alerts: vec![alert],
            notes: Vec::new(),
            requests: Vec::new(),
            asked: Vec::new(),
            log: vec![(at, "trigger", None)],
        };
        self.incidents.push(incident);
    }

    /// The incident with this key that is not resolved.
    pub(super) fn open(&mut self, key: &str) -> Option<&mut Incident> {
        self.incidents.iter_mut().find(|incident| incident.key == key && incident.status != Status::Resolved)
    }

    /// What was before the lab opened: one incident that is over.
    pub(super) fn remember(&mut self, now: DateTime<Utc>) {
        let then = now - TimeDelta::days(49);
        let trigger = Trigger {
            key: "past".to_owned(),
            title: "HighLatency: frontend takes 4.1 s for one request in a hundred".to_owned(),
            severity: "critical".to_owned(),
            service: Service::for_name(Some("frontend")),
            details: json!({"alertname": "HighLatency", "namespace": "shop", "service": "frontend"}),
            contexts: json!([]),
        };
        // Before those of the scenario, which are there already.
        let later = std::mem::take(&mut self.incidents);
        self.trigger(trigger, then);
        if let Some(past) = self.incidents.first_mut() {
            past.acknowledge(User::named("oncall"), then + TimeDelta::minutes(3));
            past.resolve(User::named("oncall"), then + TimeDelta::minutes(41));
        }
        self.incidents.extend(later.into_iter().map(|incident| Incident { number: incident.number + 1, ..incident }));
    }
}

impl Incident {
    fn change(&mut self, status: Status, what: &'static str, by: Option<&'static User>, at: DateTime<Utc>) {
        self.log.push((at, what, by));
        self.status = status;
        self.changed = at;
        self.changed_by = by;
        self.snoozed_until = None;
    }

    /// Somebody looks after it.
    pub(super) fn acknowledge(&mut self, by: Option<&'static User>, at: DateTime<Utc>) {
        self.change(Status::Acknowledged, "acknowledge", by, at);
        if let Some(user) = by {
            self.acknowledged.retain(|(_, known)| *known != user);
            self.acknowledged.push((at, user));
        }
    }

    /// It is over, and so are its alerts.
    pub(super) fn resolve(&mut self, by: Option<&'static User>, at: DateTime<Utc>) {
        self.change(Status::Resolved, "resolve", by, at);
        self.assigned.clear();
        self.acknowledged.clear();
        for alert in &mut self.alerts {
            alert.resolved = true;
        }
    }

    /// It calls again, for some reason: nobody looks after it any more.
    pub(super) fn call_again(&mut self, why: &'static str, by: Option<&'static User>, at: DateTime<Utc>) {
        self.change(Status::Triggered, why, by, at);
        self.acknowledged.clear();
    }

    /// Gives it to who is called at a level.
    pub(super) fn escalate(
        &mut self,
        level: usize,
        by: Option<&'static User>,
        at: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let user = self.service.policy().at(level).ok_or_else(|| Refusal::invalid("Escalation Level Not Found"))?;
        self.level = level;
        self.assigned = vec![(at, user)];
        self.call_again("escalate", by, at);
        Ok(())
    }

    /// Nobody is called for a while.
    pub(super) fn snooze(&mut self, until: DateTime<Utc>, by: Option<&'static User>, at: DateTime<Utc>) {
        self.acknowledge(by, at);
        self.log.push((at, "snooze", by));
        self.snoozed_until = Some(until);
    }

    /// The time of a snooze is over.
    pub(super) fn wake(&mut self, now: DateTime<Utc>) {
        if let Some(until) = self.snoozed_until.filter(|until| *until <= now) {
            self.call_again("unacknowledge", None, until);
        }
    }

    pub(super) fn reference(&self, url: &str) -> Value {
        reference(url, "incident", "incidents", &self.id, &format!("[#{}] {}", self.number, self.title))
    }

    pub(super) fn json(&self, url: &str) -> Value {
        let times = |list: &[(DateTime<Utc>, &'static User)], who: &str| -> Vec<Value> {
            list.iter().map(|(at, user)| json!({"at": time(*at), who: user.reference(url)})).collect()
        };
        let open = self.alerts.iter().filter(|alert| !alert.resolved).count();
        let pending: Vec<Value> =
            self.snoozed_until.iter().map(|until| json!({"type": "unacknowledge", "at": time(*until)})).collect();
        let mut told = self.reference(url);
        for (name, value) in [
            ("type", json!("incident")),
            ("incident_number", json!(self.number)),
            ("title", json!(self.title)),
            ("description", json!(self.title)),
            ("created_at", json!(time(self.created))),
            ("updated_at", json!(time(self.changed))),
            ("status", json!(self.status.name())),
            ("incident_key", json!(self.key)),
            ("service", self.service.reference(url)),
            ("assignments", json!(times(&self.assigned, "assignee"))),
            ("assigned_via", json!("escalation_policy")),
            ("acknowledgements", json!(times(&self.acknowledged, "acknowledger"))),
            ("last_status_change_at", json!(time(self.changed))),
            (
                "last_status_change_by",
                self.changed_by.map_or_else(|| self.service.reference(url), |user| user.reference(url)),
            ),
            ("escalation_policy", self.service.policy().reference(url)),
            ("urgency", json!(self.urgency)),
            (
                "alert_counts",
                json!({"all": self.alerts.len(), "triggered": open, "resolved": self.alerts.len() - open}),
            ),
            ("pending_actions", json!(pending)),
            ("is_mergeable", json!(self.status != Status::Resolved)),
            ("resolved_at", if self.status == Status::Resolved { json!(time(self.changed)) } else { Value::Null }),
            ("teams", json!([])),
            ("impacted_services", json!([self.service.reference(url)])),
            ("responder_requests", json!(self.requests)),
            (
                "incidents_responders",
                self.asked.iter().map(|user| json!({"state": "pending", "user": user.reference(url)})).collect(),
            ),
            ("priority", Value::Null),
            ("resolve_reason", Value::Null),
            ("incident_type", json!({"name": "incident_default"})),
        ] {
            told[name] = value;
        }
        told
    }

    pub(super) fn alert_json(&self, alert: &Alert, url: &str) -> Value {
        let mut told = reference(url, "alert", "alerts", &alert.id, &alert.summary);
        for (name, value) in [
            ("type", json!("alert")),
            ("self", json!(format!("{url}/incidents/{}/alerts/{}", self.id, alert.id))),
            ("created_at", json!(time(alert.created))),
            ("status", json!(if alert.resolved { "resolved" } else { "triggered" })),
            ("alert_key", json!(self.key)),
            ("severity", json!(alert.severity)),
            ("suppressed", json!(false)),
            ("service", self.service.reference(url)),
            ("incident", self.reference(url)),
            (
                "body",
                json!({
                    "type": "alert_body", "contexts": alert.contexts, "details": alert.details,
                    "cef_details": {"details": alert.details, "severity": alert.severity, "dedup_key": self.key},
                }),
            ),
        ] {
            told[name] = value;
        }
        told
    }

    /// An entry of the log.
    pub(super) fn entry_json(&self, place: usize, url: &str) -> Option<Value> {
        let (at, what, by) = self.log.get(place)?;
        let id = format!("R{}{place:03}", &self.id[1..]);
        let mut told = reference(url, &format!("{what}_log_entry"), "log_entries", &id, what);
        for (name, value) in [
            ("type", json!(format!("{what}_log_entry"))),
            ("created_at", json!(time(*at))),
            ("agent", by.map_or_else(|| self.service.reference(url), |user| user.reference(url))),
            ("channel", json!({"type": if by.is_some() { "api" } else { "integration" }})),
            ("incident", self.reference(url)),
            ("service", self.service.reference(url)),
        ] {
            told[name] = value;
        }
        Some(told)
    }

    pub(super) fn note_json(note: &Note, url: &str) -> Value {
        json!({
            "id": note.id, "user": note.by.reference(url), "content": note.content, "created_at": time(note.at),
            "channel": {"summary": "The PagerDuty website or APIs", "type": "web"},
        })
    }
}
