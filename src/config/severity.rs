//! Which `severity` label means what.

use std::collections::BTreeMap;

use super::settings::SeverityLists;
use crate::domain::alert::{Labels, Severity};

/// Maps labels to our three steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeverityMap {
    values: BTreeMap<String, Severity>,
}

impl SeverityMap {
    /// Makes the map; letter case does not matter.
    pub fn new(lists: &SeverityLists) -> Self {
        let steps =
            [(&lists.info, Severity::Info), (&lists.warning, Severity::Warning), (&lists.critical, Severity::Critical)];
        let values = steps
            .into_iter()
            .flat_map(|(list, severity)| list.iter().map(move |value| (value.to_ascii_lowercase(), severity)))
            .collect();
        Self { values }
    }

    /// The severity of an alert: its `severity` label, else Sloth's `sloth_severity`. Anything else is info.
    pub fn severity_of(&self, labels: &Labels) -> Severity {
        ["severity", "sloth_severity"]
            .iter()
            .find_map(|name| labels.get(*name))
            .and_then(|value| self.values.get(&value.to_ascii_lowercase()))
            .copied()
            .unwrap_or(Severity::Info)
    }
}
