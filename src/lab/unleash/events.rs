//! What happened to flags, and by whom.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::flag::Flag;
use super::time;
use crate::lab::world::naming::digest;

/// Something that happened.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub id: u64,
    /// Its type, as the API names it.
    pub kind: &'static str,
    /// Number and name of who did it.
    pub by: (i64, String),
    pub at: DateTime<Utc>,
    pub flag: String,
    pub project: String,
    pub environment: Option<&'static str>,
    /// What was there after and before it.
    pub data: Value,
    pub before: Value,
    pub tags: Value,
}

/// What an event is about.
pub(super) struct Change {
    pub kind: &'static str,
    pub environment: Option<&'static str>,
    pub data: Value,
    pub before: Value,
}

impl Change {
    /// A change of the whole flag.
    pub(super) fn new(kind: &'static str) -> Self {
        Self { kind, environment: None, data: Value::Null, before: Value::Null }
    }

    /// A change in one environment.
    pub(super) fn within(kind: &'static str, environment: &'static str) -> Self {
        Self { environment: Some(environment), ..Self::new(kind) }
    }
}

impl Event {
    /// A change of `flag` that `by` made at `at`.
    pub(super) fn new(id: u64, flag: &Flag, change: Change, by: (i64, &str), at: DateTime<Utc>) -> Self {
        Self {
            id,
            kind: change.kind,
            by: (by.0, by.1.to_owned()),
            at,
            flag: flag.name.clone(),
            project: flag.project.clone(),
            environment: change.environment,
            data: change.data,
            before: change.before,
            tags: flag.tags_json(false),
        }
    }

    /// As a flag's own list has it.
    pub(super) fn json(&self) -> Value {
        // What one request did has one moment.
        let group = digest(&[&self.flag, &self.at.timestamp_millis().to_string()]);
        json!({
            "id": self.id, "type": self.kind, "createdBy": self.by.1, "createdAt": time(self.at),
            "createdByUserId": self.by.0, "data": self.data, "preData": self.before, "tags": self.tags,
            "featureName": self.flag, "project": self.project, "environment": self.environment,
            "groupType": "transaction", "groupId": format!("01{group:024X}"),
        })
    }

    /// As a search has it: with words for people.
    pub(super) fn told(&self, url: &str) -> Value {
        let mut event = self.json();
        event["label"] = json!(self.label());
        event["summary"] = json!(self.summary(url));
        event
    }

    fn label(&self) -> &'static str {
        match self.kind {
            "feature-created" => "Flag created",
            "feature-archived" => "Flag archived",
            "feature-revived" => "Flag revived",
            "feature-stale-on" => "Flag marked as stale",
            "feature-stale-off" => "Flag unmarked as stale",
            "feature-environment-enabled" => "Flag enabled",
            "feature-environment-disabled" => "Flag disabled",
            "feature-strategy-add" => "Flag strategy added",
            "feature-strategy-update" => "Flag strategy updated",
            "feature-strategy-remove" => "Flag strategy removed",
            _ => "Flag tagged",
        }
    }

    fn summary(&self, url: &str) -> String {
        let who = format!("**{}**", self.by.1);
        let flag = format!("**[{0}]({url}/projects/{1}/features/{0})**", self.flag, self.project);
        let project = format!("project **[{0}]({url}/projects/{0})**", self.project);
        let environment = self.environment.unwrap_or_default();
        let strategy = |of: &Value| {
            let title = of["title"].as_str().filter(|title| !title.is_empty());
            title.or_else(|| of["name"].as_str()).unwrap_or_default().to_owned()
        };
        match self.kind {
            "feature-environment-enabled" => {
                format!("{who} enabled {flag} for the **{environment}** environment in {project}")
            }
            "feature-environment-disabled" => {
                format!("{who} disabled {flag} for the **{environment}** environment in {project}")
            }
            "feature-strategy-add" => format!(
                "{who} added strategy **{}** to {flag} for the **{environment}** environment in {project}",
                strategy(&self.data)
            ),
            "feature-strategy-remove" => format!(
                "{who} removed strategy **{}** from {flag} for the **{environment}** environment in {project}",
                strategy(&self.before)
            ),
            "feature-strategy-update" => {
                let rollout = |of: &Value| of["parameters"]["rollout"].as_str().unwrap_or_default().to_owned();
                let (from, to) = (rollout(&self.before), rollout(&self.data));
                let moved = if from == to { String::new() } else { format!(" rollout from {from}% to {to}%") };
                format!(
                    "{who} updated {flag} in {project} by updating strategy **{}** in **{environment}**{moved}",
                    strategy(&self.data)
                )
            }
            "feature-created" => format!("{who} created {flag} in {project}"),
            "feature-archived" => format!("{who} archived {flag} in {project}"),
            "feature-revived" => format!("{who} revived {flag} in {project}"),
            "feature-stale-on" => format!("{who} marked {flag} as stale in {project}"),
            "feature-stale-off" => format!("{who} removed the stale marking on {flag} in {project}"),
            _ => format!("{who} tagged {flag} in {project}"),
        }
    }
}
