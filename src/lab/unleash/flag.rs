//! A flag: its environments, its strategies, and how each is written as JSON.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::access::Caller;
use super::{ENVIRONMENTS, PRODUCTION, time};

/// Kinds of flags.
pub(super) const KINDS: [&str; 5] = ["experiment", "kill-switch", "release", "operational", "permission"];

/// A flag.
#[derive(Debug, Clone)]
pub(super) struct Flag {
    pub name: String,
    pub kind: String,
    pub description: Option<String>,
    pub project: String,
    pub stale: bool,
    pub impression_data: bool,
    pub created_at: DateTime<Utc>,
    /// Number and name.
    pub created_by: (i64, String),
    pub archived_at: Option<DateTime<Utc>>,
    /// Type and value.
    pub tags: Vec<(String, String)>,
    /// One for each environment, in their order.
    pub settings: Vec<Setting>,
    /// How often an hour programs ask for it in production, and which do.
    pub asked: u64,
    pub applications: Vec<String>,
}

/// A flag in one environment.
#[derive(Debug, Clone, Default)]
pub(super) struct Setting {
    pub environment: &'static str,
    pub enabled: bool,
    /// Moments at which it was switched, and to what; ascending.
    pub switched: Vec<(DateTime<Utc>, bool)>,
    pub strategies: Vec<Strategy>,
}

/// Who gets it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Strategy {
    pub id: String,
    pub name: String,
    pub title: Option<String>,
    pub disabled: bool,
    pub parameters: Map<String, Value>,
    pub constraints: Vec<Value>,
    pub variants: Vec<Value>,
    pub segments: Vec<Value>,
    pub sort_order: usize,
}

impl Default for Strategy {
    fn default() -> Self {
        Self {
            id: String::new(),
            name: "flexibleRollout".to_owned(),
            title: None,
            disabled: false,
            parameters: Map::new(),
            constraints: Vec::new(),
            variants: Vec::new(),
            segments: Vec::new(),
            sort_order: 0,
        }
    }
}

impl Strategy {
    /// For this percentage of everybody.
    pub(super) fn rollout(id: String, flag: &str, percentage: u32) -> Self {
        let mut parameters = Map::new();
        for (name, value) in [("groupId", flag), ("rollout", &percentage.to_string()), ("stickiness", "default")] {
            parameters.insert(name.to_owned(), json!(value));
        }
        Self { id, parameters, ..Self::default() }
    }

    /// The share of the users that it lets through, constraints aside.
    fn share(&self) -> f64 {
        match self
            .parameters
            .get("rollout")
            .map(|rollout| rollout.as_str().map_or_else(|| rollout.as_f64(), |text| text.parse().ok()))
        {
            Some(percentage) => percentage.unwrap_or(0.0).clamp(0.0, 100.0) / 100.0,
            None if self.name == "userWithId" => 0.0,
            None => 1.0,
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "title": self.title, "disabled": self.disabled,
            "constraints": self.constraints, "parameters": self.parameters, "variants": self.variants,
            "sortOrder": self.sort_order, "segments": self.segments,
        })
    }
}

impl Setting {
    /// The share of the users that have the flag on.
    fn share(&self) -> f64 {
        if !self.enabled {
            return 0.0;
        }
        self.strategies.iter().filter(|strategy| !strategy.disabled).map(Strategy::share).fold(0.0, f64::max)
    }

    /// For which share of the last hour it was on.
    fn on_lately(&self, now: DateTime<Utc>) -> f64 {
        let hour = TimeDelta::hours(1);
        let mut since = now - hour;
        let (mut on, mut total) = (false, TimeDelta::zero());
        for (at, to) in &self.switched {
            let at = (*at).max(now - hour);
            if on {
                total += at - since;
            }
            (since, on) = (at, *to);
        }
        if on {
            total += now - since;
        }
        (total.as_seconds_f64() / hour.as_seconds_f64()).clamp(0.0, 1.0)
    }
}

impl Flag {
    /// A flag that is off everywhere.
    pub(super) fn new(name: &str, kind: &str, project: &str, created_at: DateTime<Utc>, by: (i64, &str)) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            description: None,
            project: project.to_owned(),
            stale: false,
            impression_data: false,
            created_at,
            created_by: (by.0, by.1.to_owned()),
            archived_at: None,
            tags: Vec::new(),
            settings: ENVIRONMENTS
                .iter()
                .map(|(environment, _)| Setting { environment, ..Setting::default() })
                .collect(),
            asked: 0,
            applications: Vec::new(),
        }
    }

    pub(super) fn setting(&self, environment: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.environment == environment)
    }

    pub(super) fn setting_mut(&mut self, environment: &str) -> Option<&mut Setting> {
        self.settings.iter_mut().find(|setting| setting.environment == environment)
    }

    /// The share of the users that have it on in an environment.
    pub(super) fn share(&self, environment: &str) -> f64 {
        if self.archived_at.is_some() {
            return 0.0;
        }
        self.setting(environment).map_or(0.0, Setting::share)
    }

    /// How often programs got a yes and a no in the last hour.
    pub(super) fn evaluations(&self, setting: &Setting, now: DateTime<Utc>) -> (u64, u64) {
        // Developers ask a thousand times less.
        let asked = if setting.environment == PRODUCTION { self.asked } else { self.asked / 1000 };
        let share = setting.strategies.iter().filter(|s| !s.disabled).map(Strategy::share).fold(0.0, f64::max);
        let yes = ((asked as f64 * share * setting.on_lately(now)).round() as u64).min(asked);
        (yes, asked - yes)
    }

    fn seen(&self, setting: &Setting, now: DateTime<Utc>) -> Option<String> {
        let (yes, no) = self.evaluations(setting, now);
        (yes + no > 0).then(|| time(now - TimeDelta::seconds(now.timestamp().rem_euclid(60))))
    }

    fn last_seen(&self, now: DateTime<Utc>) -> Option<String> {
        self.settings.iter().filter_map(|setting| self.seen(setting, now)).max()
    }

    fn lifecycle(&self, now: DateTime<Utc>) -> Value {
        let live = self.share(PRODUCTION) > 0.0 && self.last_seen(now).is_some();
        let stage = match (live, self.stale, self.last_seen(now).is_some()) {
            (true, true, _) => "completed",
            (true, false, _) => "live",
            (false, _, true) => "pre-live",
            (false, _, false) => "initial",
        };
        json!({"stage": stage, "enteredStageAt": time(self.created_at)})
    }

    /// What making it answers.
    pub(super) fn created_json(&self) -> Value {
        json!({
            "name": self.name, "description": self.description, "type": self.kind, "project": self.project,
            "stale": self.stale, "createdAt": time(self.created_at), "lastSeenAt": null,
            "impressionData": self.impression_data, "archived": self.archived_at.is_some(),
        })
    }

    /// The whole of it.
    pub(super) fn json(&self, now: DateTime<Utc>) -> Value {
        let environments: Vec<Value> = self
            .settings
            .iter()
            .map(|setting| {
                let (yes, no) = self.evaluations(setting, now);
                json!({
                    "name": setting.environment, "type": setting.environment, "sortOrder": order(setting.environment),
                    "enabled": setting.enabled, "lastSeenAt": self.seen(setting, now), "yes": yes, "no": no,
                    "strategies": setting.strategies.iter().map(Strategy::json).collect::<Vec<_>>(),
                })
            })
            .collect();
        let by = Caller::brief(self.created_by.0, &self.created_by.1);
        json!({
            "environments": environments, "name": self.name, "favorite": false,
            "impressionData": self.impression_data, "description": self.description, "project": self.project,
            "stale": self.stale, "createdAt": time(self.created_at), "createdBy": by, "type": self.kind,
            "lastSeenAt": self.last_seen(now), "variants": [], "archived": false, "dependencies": [],
            "children": [], "lifecycle": self.lifecycle(now), "links": [], "collaborators": {"users": [by]},
        })
    }

    /// One environment of it; an archived flag too.
    pub(super) fn environment_json(&self, setting: &Setting) -> Value {
        let strategies: Vec<Value> = setting
            .strategies
            .iter()
            .map(|strategy| {
                let mut strategy = strategy.json();
                if let Some(strategy) = strategy.as_object_mut() {
                    strategy.remove("segments");
                    strategy.insert("featureName".to_owned(), json!(self.name));
                }
                strategy
            })
            .collect();
        json!({
            "name": self.name, "environment": setting.environment, "enabled": setting.enabled,
            "strategies": strategies,
        })
    }

    /// A row of a search. Variants of strategies do not count there.
    pub(super) fn row(&self, now: DateTime<Utc>) -> Value {
        let environments: Vec<Value> = self
            .settings
            .iter()
            .map(|setting| {
                let (yes, no) = self.evaluations(setting, now);
                json!({
                    "name": setting.environment, "enabled": setting.enabled, "type": setting.environment,
                    "sortOrder": order(setting.environment), "variantCount": 0,
                    "lastSeenAt": self.seen(setting, now), "hasStrategies": !setting.strategies.is_empty(),
                    "hasEnabledStrategies": setting.strategies.iter().any(|strategy| !strategy.disabled),
                    "yes": yes, "no": no, "changeRequestIds": [],
                })
            })
            .collect();
        let mut row = json!({
            "type": self.kind, "description": self.description, "project": self.project, "favorite": false,
            "name": self.name, "createdAt": time(self.created_at), "stale": self.stale,
            "archivedAt": self.archived_at.map(time), "impressionData": self.impression_data,
            "lastSeenAt": self.last_seen(now), "dependencyType": null, "environments": environments,
            "segments": [], "createdBy": Caller::brief(self.created_by.0, &self.created_by.1),
            "lifecycle": self.lifecycle(now),
        });
        if !self.tags.is_empty() {
            row["tags"] = self.tags_json(true);
        }
        row
    }

    /// Its tags; events leave out the colour.
    pub(super) fn tags_json(&self, coloured: bool) -> Value {
        self.tags
            .iter()
            .map(|(kind, value)| {
                if coloured {
                    json!({"type": kind, "value": value, "color": "#FFFFFF"})
                } else {
                    json!({"type": kind, "value": value})
                }
            })
            .collect()
    }
}

fn order(environment: &str) -> u32 {
    ENVIRONMENTS.iter().find(|(name, _)| *name == environment).map_or(0, |(_, order)| *order)
}
