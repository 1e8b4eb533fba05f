//! Alerts: what fires, how bad, since when, and which workload stands behind it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Text;
use super::target::{WorkloadKind, WorkloadRef};
use super::time::Instant;

/// Severity in our own three steps; the configuration maps `severity` labels to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Wake someone.
    Critical,
    /// Look at it soon.
    Warning,
    /// Good to know; also everything that says nothing.
    Info,
}

/// What an alert is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertState {
    /// Firing and heard.
    Firing,
    /// The condition holds, its `for` is not over (Prometheus only).
    Pending,
    /// Firing, but silenced or inhibited in Alertmanager.
    Suppressed,
}

/// Labels or annotations, in name order.
pub type Labels = BTreeMap<Text, Text>;

/// One alert. Its identity is its label set; Prometheus and Alertmanager see the same one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alert {
    /// Identity: Alertmanager's fingerprint, or the label set written out.
    pub key: Text,
    /// Label `alertname`.
    pub name: Text,
    /// Mapped severity.
    pub severity: Severity,
    /// State.
    pub state: AlertState,
    /// Why it is suppressed, in words (`silenced by …`, `inhibited`).
    pub suppressed_by: Option<Text>,
    /// Ids of the silences that keep it quiet.
    pub silences: Vec<Text>,
    /// All labels.
    pub labels: Labels,
    /// All annotations.
    pub annotations: Labels,
    /// Active since.
    pub since: Instant,
    /// The expression's value when last evaluated (Prometheus only).
    pub value: Option<f64>,
}

impl Alert {
    /// A label's value.
    pub fn label(&self, name: &str) -> Option<&Text> {
        self.labels.get(name)
    }

    /// What to tell a person: `summary`, `message` or `description`, else the name.
    pub fn summary(&self) -> &str {
        ["summary", "message", "description"]
            .iter()
            .find_map(|key| self.annotations.get(*key))
            .map_or(&*self.name, |text| text)
    }

    /// `runbook_url`, or the older `runbook`.
    pub fn runbook_url(&self) -> Option<&str> {
        ["runbook_url", "runbook"].iter().find_map(|key| self.annotations.get(*key)).map(|text| &**text)
    }

    /// Is it about an error budget? Such alerts clear only when their windows have passed, long after a cure.
    pub fn is_burn_alert(&self) -> bool {
        ["slo", "sloth_slo", "long", "long_window"].iter().any(|label| self.labels.contains_key(*label))
    }

    /// The names that labels give to what it is about, most telling first: an explicit workload with its kind, then
    /// names that may be a workload's (`service`, `app`, `job`…).
    pub fn subjects(&self) -> Vec<Subject> {
        const KINDS: [(&str, WorkloadKind); 8] = [
            ("deployment", WorkloadKind::Deployment),
            ("statefulset", WorkloadKind::StatefulSet),
            ("daemonset", WorkloadKind::DaemonSet),
            ("replicaset", WorkloadKind::ReplicaSet),
            ("job_name", WorkloadKind::Job),
            ("cronjob", WorkloadKind::CronJob),
            ("rollout", WorkloadKind::Rollout),
            // Before Argo's, some rules called a Deployment's change so.
            ("rollout", WorkloadKind::Deployment),
        ];
        const NAMES: [&str; 8] =
            ["workload", "service", "app", "app_kubernetes_io_name", "sloth_service", "container", "job", "component"];
        let mut found: Vec<Subject> = KINDS
            .iter()
            .filter_map(|(label, kind)| Some(Subject::Workload(*kind, self.label(label)?.clone())))
            .collect();
        found.extend(self.label("pod").map(|name| Subject::Pod(name.clone())));
        found.extend(NAMES.iter().filter_map(|label| Some(Subject::Name(self.label(label)?.clone()))));
        found
    }

    /// Does it speak of this workload? Namespaces must agree where the alert names one.
    pub fn concerns(&self, workload: &WorkloadRef) -> bool {
        if self.label("namespace").is_some_and(|namespace| *namespace != workload.namespace) {
            return false;
        }
        self.subjects().iter().any(|subject| match subject {
            Subject::Workload(kind, name) => *kind == workload.kind && *name == workload.name,
            Subject::Pod(name) => {
                // A pod's name is its owner's, one dash, and what generated names append.
                name.strip_prefix(&*workload.name)
                    .is_some_and(|rest| rest.starts_with('-') && rest.split('-').count() <= 3)
            }
            Subject::Name(name) => *name == workload.name,
        })
    }
}

/// What an alert's labels say that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A workload, by kind and name.
    Workload(WorkloadKind, Text),
    /// A pod.
    Pod(Text),
    /// A name that may be a workload's or a service's.
    Name(Text),
}
