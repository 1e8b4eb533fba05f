//! Tests of incidents, one file for each part, and what they share: a clock, a writer, an incident.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bundle;
mod command;
mod declare;
mod fold;
mod night;
mod outbox;
mod post_mortem;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;

use super::declare::{ChatFacts, Facts};
use super::{Incident, Noticed};
use crate::config::incidents::{Incidents, SeverityRule, Share};
use crate::domain::Text;
use crate::domain::alert::{self, Alert, AlertState};
use crate::domain::incident::entry::{Declared, Deed, Entry, Stamp};
use crate::domain::incident::{IncidentId, Severity, Visibility};
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::domain::time::Instant;
use crate::ports::incident::ChatLimits;

/// 14:00:00 of the night, and so many seconds.
pub(super) fn at(seconds: i64) -> Instant {
    "2026-11-21T14:00:00Z".parse::<Instant>().unwrap() + TimeDelta::seconds(seconds)
}

pub(super) fn payment() -> WorkloadRef {
    WorkloadRef::new(WorkloadKind::Deployment, "shop", "payment")
}

pub(super) fn config() -> Incidents {
    let rule = |severity, burn, alert_severity: Option<&str>, production| SeverityRule {
        severity,
        alerts: None,
        alert_severity: alert_severity.map(str::to_owned),
        burn,
        production,
        workloads: None,
    };
    Incidents {
        directory: None,
        post_mortems: None,
        share: Share::No,
        namespace: "opsdeck".into(),
        update_every: std::time::Duration::from_secs(3_600),
        channel: "inc-{{ date }}-{{ time }}-{{ service }}".into(),
        topic: "{{ severity }} {{ title }} | commander {{ commander }}".into(),
        first_message: None,
        visibility: Visibility::Public,
        invite: vec!["alice".into(), "bob@example.com".into()],
        roles: BTreeMap::new(),
        links: BTreeMap::from([("Dashboard".to_owned(), "https://grafana.example/{{ service }}".to_owned())]),
        rule: vec![
            rule(Severity::Sev1, Some(50.0), None, Some(true)),
            rule(Severity::Sev2, None, Some("critical"), None),
            rule(Severity::Sev3, None, None, None),
        ],
        marker: "pushpin".into(),
    }
}

pub(super) fn alert(name: &str, severity: alert::Severity, since: Instant) -> Alert {
    let labels = [("alertname", name), ("namespace", "shop"), ("service", "payment")];
    Alert {
        key: name.into(),
        name: name.into(),
        severity,
        state: AlertState::Firing,
        suppressed_by: None,
        silences: Vec::new(),
        labels: labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
        annotations: [("summary".into(), "payment answers with 5xx".into())].into(),
        since,
        value: None,
    }
}

pub(super) fn chat(has_channels: bool) -> ChatFacts {
    ChatFacts {
        name: "chat".into(),
        product: "Slack",
        limits: ChatLimits { name: 80, topic: 60, message: 4_000 },
        has_channels,
        namer: Arc::new(|wanted| {
            let name = wanted.to_lowercase();
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if name.chars().any(fits) {
                Ok(name.chars().map(|c| if fits(c) { c } else { '-' }).take(80).collect())
            } else {
                Err(format!("`{wanted}` has no letter in it"))
            }
        }),
    }
}

pub(super) fn facts() -> Facts {
    Facts {
        context: "prod-eu".into(),
        production: true,
        user: "alice@bastion".into(),
        workload: Some(payment()),
        alerts: vec![alert("HighErrorRate", alert::Severity::Critical, at(-120))],
        chat: Some(chat(true)),
        ..Facts::default()
    }
}

pub(super) fn declared() -> Declared {
    Declared {
        id: IncidentId::made_of("20261121-1400-payment-test"),
        title: "payment answers with 5xx".into(),
        severity: Severity::Sev2,
        service: "payment".into(),
        workload: Some(payment()),
        context: "prod-eu".into(),
        visibility: Visibility::Public,
        detected: None,
        alerts: vec!["HighErrorRate".into()],
        burn: None,
        suspect: None,
        runbook: None,
        proposed: None,
        update_every: 3_600,
        update_fixed: false,
        demo: false,
    }
}

/// One console that writes entries.
#[derive(Clone)]
pub(super) struct Pen {
    pub(super) writer: Text,
    pub(super) by: Text,
    last: Option<Stamp>,
}

impl Pen {
    pub(super) fn new(writer: &str, by: &str) -> Self {
        Self { writer: writer.into(), by: by.into(), last: None }
    }

    /// The stamp of the next entry.
    pub(super) fn stamp(&self, now: Instant) -> Stamp {
        Stamp::next(now, &self.writer, self.last.as_ref())
    }

    pub(super) fn entry(&mut self, now: Instant, deed: Deed) -> Entry {
        let stamp = self.stamp(now);
        self.last = Some(stamp.clone());
        Entry { stamp, at: now, by: self.by.clone(), deed }
    }

    pub(super) fn noticed(&mut self, now: Instant, noticed: Noticed) -> Entry {
        Entry { at: noticed.at, by: noticed.by, ..self.entry(now, noticed.deed) }
    }
}

/// An incident that was declared at 14:00:00 by alice.
pub(super) fn begun() -> (Incident, Pen) {
    let mut pen = Pen::new("w1", "alice");
    let entry = pen.entry(at(0), Deed::Declared(Box::new(declared())));
    (Incident::of([entry]).unwrap(), pen)
}
