//! What is known of an alert when a runbook is chosen and its parameters are filled in.

use std::collections::BTreeMap;

use crate::domain::alert::{Alert, Severity};
use crate::domain::target::WorkloadRef;

/// An alert (or a workload without one), as far as runbooks care.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Name of the alert.
    pub alert: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its severity, as its label says, else as mapped.
    pub severity: Option<String>,
    /// The workload behind it.
    pub workload: Option<WorkloadRef>,
    /// The SLO that it is about.
    pub slo: Option<String>,
    /// Places (paths or URLs) that its `runbook_url` leads to, after the configured prefixes.
    pub places: Vec<String>,
}

impl Facts {
    /// What an alert says, and the workload that was found for it.
    pub fn of(alert: &Alert, workload: Option<&WorkloadRef>) -> Self {
        let own = |labels: &crate::domain::alert::Labels| {
            labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
        };
        let severity = alert.label("severity").map_or_else(
            || {
                match alert.severity {
                    Severity::Critical => "critical",
                    Severity::Warning => "warning",
                    Severity::Info => "info",
                }
                .to_owned()
            },
            ToString::to_string,
        );
        let slo = ["slo", "sloth_slo"].iter().find_map(|label| alert.label(label)).map(ToString::to_string);
        Self {
            alert: Some(alert.name.to_string()),
            labels: own(&alert.labels),
            annotations: own(&alert.annotations),
            severity: Some(severity),
            workload: workload.cloned(),
            slo,
            places: alert.runbook_url().map(str::to_owned).into_iter().collect(),
        }
    }

    /// A workload without an alert.
    pub fn of_workload(workload: &WorkloadRef) -> Self {
        Self { workload: Some(workload.clone()), ..Self::default() }
    }
}
