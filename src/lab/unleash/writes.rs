//! What the API changes. Every change is an event, and the world goes by it.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::access::{
    CREATE_FEATURE, CREATE_FEATURE_STRATEGY, DELETE_FEATURE, DELETE_FEATURE_STRATEGY, UPDATE_FEATURE,
    UPDATE_FEATURE_ENVIRONMENT, UPDATE_FEATURE_STRATEGY,
};
use super::events::{Change, Event};
use super::flag::{Flag, KINDS, Strategy};
use super::http::{Asker, Refusal};
use super::{Held, PROJECTS, Unleash};

/// Longest name of a flag.
const LONGEST_NAME: usize = 100;

/// Who changes something, when.
type By = (i64, &'static str, DateTime<Utc>);
type Place = Path<(String, String, String)>;
type StrategyPlace = Path<(String, String, String, String)>;

impl Held {
    /// Records what happened to a flag.
    fn record(&mut self, name: &str, change: Change, (id, who, at): By) {
        let number = self.events.last().map_or(1, |event| event.id + 1);
        if let Some(flag) = self.flags.get(name) {
            self.events.push(Event::new(number, flag, change, (id, who), at));
        }
    }

    /// A flag that can be changed in an environment. What is archived cannot.
    fn changeable(&self, project: &str, name: &str, environment: &str) -> Result<&'static str, Refusal> {
        let flag = self.known(project, name)?;
        if flag.archived_at.is_some() {
            let why = "Cannot perform this operation on archived features";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "ArchivedFeatureError", why));
        }
        let none = || Refusal::not_found(&format!("Could not find environment {environment} for feature: {name}"));
        flag.setting(environment).map(|setting| setting.environment).ok_or_else(none)
    }

    /// Puts a strategy at the end of those in an environment.
    fn add(&mut self, name: &str, environment: &'static str, mut strategy: Strategy, by: By) -> Value {
        let setting = self.flags.get_mut(name).and_then(|flag| flag.setting_mut(environment));
        if let Some(setting) = setting {
            strategy.sort_order = setting.strategies.len();
            setting.strategies.push(strategy.clone());
        }
        let data = strategy.json();
        self.record(name, Change { data: data.clone(), ..Change::within("feature-strategy-add", environment) }, by);
        data
    }

    /// Switches a flag. Nothing happens, and nothing is recorded, when it is so already.
    pub(super) fn switch(&mut self, name: &str, environment: &'static str, on: bool, by: By) {
        let Some(setting) = self.flags.get(name).and_then(|flag| flag.setting(environment)) else { return };
        if setting.enabled == on {
            return;
        }
        if on && setting.strategies.is_empty() {
            let strategy = Strategy::rollout(self.id(), name, 100);
            self.add(name, environment, strategy, by);
        }
        if let Some(setting) = self.flags.get_mut(name).and_then(|flag| flag.setting_mut(environment)) {
            setting.enabled = on;
            setting.switched.push((by.2, on));
        }
        let kind = if on { "feature-environment-enabled" } else { "feature-environment-disabled" };
        self.record(name, Change::within(kind, environment), by);
    }

    /// Adds a flag.
    pub(super) fn create(&mut self, flag: Flag, by: By) -> Value {
        let (name, data) = (flag.name.clone(), flag.created_json());
        self.flags.insert(name.clone(), flag);
        self.record(&name, Change { data: data.clone(), ..Change::new("feature-created") }, by);
        data
    }

    /// Archives a flag; again is nothing.
    pub(super) fn archive(&mut self, name: &str, by: By) {
        if let Some(flag) = self.flags.get_mut(name).filter(|flag| flag.archived_at.is_none()) {
            flag.archived_at = Some(by.2);
            self.record(name, Change::new("feature-archived"), by);
        }
    }

    /// Marks a flag as stale, or no longer.
    pub(super) fn mark(&mut self, name: &str, stale: bool, by: By) {
        if let Some(flag) = self.flags.get_mut(name).filter(|flag| flag.stale != stale) {
            flag.stale = stale;
            self.record(name, Change::new(if stale { "feature-stale-on" } else { "feature-stale-off" }), by);
        }
    }

    /// Changes a strategy by what `change` makes of it.
    fn change(
        &mut self,
        (name, environment): (&str, &'static str),
        id: &str,
        change: impl FnOnce(Value) -> Result<Value, Refusal>,
        by: By,
    ) -> Result<Value, Refusal> {
        let missing = || Refusal::not_found(&format!("Could not find strategy with id={id}"));
        let setting = self.flags.get_mut(name).and_then(|flag| flag.setting_mut(environment)).ok_or_else(missing)?;
        let strategy = setting.strategies.iter_mut().find(|strategy| strategy.id == id).ok_or_else(missing)?;
        let before = strategy.json();
        let mut wanted: Strategy = serde_json::from_value(change(before.clone())?)
            .map_err(|error| Refusal::bad_data(&error.to_string(), Some("/body")))?;
        (wanted.id, wanted.sort_order) = (strategy.id.clone(), strategy.sort_order);
        *strategy = wanted;
        let data = strategy.json();
        let event = Change { data: data.clone(), before, ..Change::within("feature-strategy-update", environment) };
        self.record(name, event, by);
        Ok(data)
    }
}

impl Unleash {
    /// Changes what is held, and tells the world.
    fn change<T>(&self, change: impl FnOnce(&mut Held) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let mut held = self.lock();
        let done = change(&mut held);
        self.tell(&held);
        done
    }

    fn by(&self, (id, name): (i64, &'static str)) -> By {
        (id, name, self.now())
    }
}

fn body(bytes: &Bytes) -> Result<Value, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| Refusal::bad_data(&error.to_string(), None))
}

fn names(body: &Value) -> Vec<String> {
    body["features"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) async fn on(asker: Asker, State(server): State<Unleash>, place: Place) -> Result<StatusCode, Refusal> {
    switch(&asker, &server, &place, true)
}

pub(super) async fn off(asker: Asker, State(server): State<Unleash>, place: Place) -> Result<StatusCode, Refusal> {
    switch(&asker, &server, &place, false)
}

fn switch(asker: &Asker, server: &Unleash, place: &Place, on: bool) -> Result<StatusCode, Refusal> {
    let (project, name, environment) = &place.0;
    let by = server.by(asker.must(server, UPDATE_FEATURE_ENVIRONMENT, project, Some(environment))?);
    server.change(|held| {
        let environment = held.changeable(project, name, environment)?;
        held.switch(name, environment, on, by);
        Ok(StatusCode::OK)
    })
}

pub(super) async fn create(
    asker: Asker,
    State(server): State<Unleash>,
    Path(project): Path<String>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let by = server.by(asker.must(&server, CREATE_FEATURE, &project, None)?);
    let wanted = body(&bytes)?;
    let Some(name) = wanted["name"].as_str() else {
        let why = "The `/body/name` property is required. It was not present on the data you sent.";
        return Err(Refusal::bad_data(why, Some("/body/name")).with_id(&server));
    };
    let kind = wanted["type"].as_str().unwrap_or("release");
    if !KINDS.contains(&kind) {
        let known: Vec<String> = KINDS.iter().map(|kind| format!("\"{kind}\"")).collect();
        let why = format!(
            "The `type` property must be equal to one of the allowed values: {}. You provided \"{kind}\", which is not valid. Please use one of the allowed values instead..",
            known.join(", ")
        );
        return Err(Refusal::bad_data(&why, Some("type")).with_id(&server));
    }
    if name.chars().count() > LONGEST_NAME {
        let why = format!(
            "\"name\" length must be less than or equal to {LONGEST_NAME} characters long. You provided \"{name}\"."
        );
        return Err(Refusal::bad_data(&why, None));
    }
    let friendly = !name.is_empty()
        && !matches!(name, "." | "..")
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.~".contains(c));
    if !friendly {
        return Err(Refusal::bad_data(&format!("\"name\" must be URL friendly. You provided \"{name}\"."), None));
    }
    if !PROJECTS.iter().any(|(known, ..)| *known == project) {
        return Err(Refusal::not_found(&format!("Project with id {project} does not exist")));
    }
    let mut flag = Flag::new(name, kind, &project, by.2, (by.0, by.1));
    flag.description = wanted["description"].as_str().map(str::to_owned);
    flag.impression_data = wanted["impressionData"].as_bool().unwrap_or(false);
    server.change(|held| {
        if held.flags.contains_key(name) {
            let why = "A flag with that name already exists";
            return Err(Refusal::new(StatusCode::CONFLICT, "NameExistsError", why));
        }
        Ok((StatusCode::CREATED, Json(held.create(flag, by))))
    })
}

pub(super) async fn archive(
    asker: Asker,
    State(server): State<Unleash>,
    Path((project, name)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    let by = server.by(asker.must(&server, DELETE_FEATURE, &project, None)?);
    server.change(|held| {
        held.known(&project, &name)?;
        held.archive(&name, by);
        Ok(StatusCode::ACCEPTED)
    })
}

pub(super) async fn revive(
    asker: Asker,
    State(server): State<Unleash>,
    Path(project): Path<String>,
    bytes: Bytes,
) -> Result<StatusCode, Refusal> {
    let by = server.by(asker.must(&server, UPDATE_FEATURE, &project, None)?);
    let wanted = body(&bytes)?;
    server.change(|held| {
        for name in names(&wanted) {
            if let Some(flag) = held.flags.get_mut(&name).filter(|flag| flag.archived_at.is_some()) {
                flag.archived_at = None;
                held.record(&name, Change::new("feature-revived"), by);
            }
        }
        Ok(StatusCode::OK)
    })
}

pub(super) async fn stale(
    asker: Asker,
    State(server): State<Unleash>,
    Path(project): Path<String>,
    bytes: Bytes,
) -> Result<StatusCode, Refusal> {
    let by = server.by(asker.must(&server, UPDATE_FEATURE, &project, None)?);
    let wanted = body(&bytes)?;
    server.change(|held| {
        for name in names(&wanted) {
            held.mark(&name, wanted["stale"].as_bool().unwrap_or(false), by);
        }
        Ok(StatusCode::ACCEPTED)
    })
}

pub(super) async fn tag(
    asker: Asker,
    State(server): State<Unleash>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let project = server.lock().flags.get(&name).map(|flag| flag.project.clone()).unwrap_or_default();
    let by = server.by(asker.must(&server, UPDATE_FEATURE, &project, None)?);
    let wanted = body(&bytes)?;
    let text = |field: &str| wanted[field].as_str().unwrap_or_default().to_owned();
    let tag = (text("type"), text("value"));
    server.change(|held| {
        held.find(&project, &name)?;
        let answer = json!({"type": tag.0, "value": tag.1});
        if let Some(flag) = held.flags.get_mut(&name).filter(|flag| !flag.tags.contains(&tag)) {
            flag.tags.push(tag);
            held.record(&name, Change { data: answer.clone(), ..Change::new("feature-tagged") }, by);
        }
        Ok((StatusCode::CREATED, Json(answer)))
    })
}

pub(super) async fn add_strategy(
    asker: Asker,
    State(server): State<Unleash>,
    Path((project, name, environment)): Place,
    bytes: Bytes,
) -> Result<Json<Value>, Refusal> {
    let by = server.by(asker.must(&server, CREATE_FEATURE_STRATEGY, &project, Some(&environment))?);
    let wanted = body(&bytes)?;
    if !wanted["name"].is_string() {
        let why = "The `/body/name` property is required. It was not present on the data you sent.";
        return Err(Refusal::bad_data(why, Some("/body/name")).with_id(&server));
    }
    let mut strategy: Strategy =
        serde_json::from_value(wanted).map_err(|error| Refusal::bad_data(&error.to_string(), Some("/body")))?;
    server.change(|held| {
        let environment = held.changeable(&project, &name, &environment)?;
        strategy.id = held.id();
        Ok(Json(held.add(&name, environment, strategy, by)))
    })
}

pub(super) async fn put_strategy(
    asker: Asker,
    State(server): State<Unleash>,
    Path((project, name, environment, id)): StrategyPlace,
    bytes: Bytes,
) -> Result<Json<Value>, Refusal> {
    let by = server.by(asker.must(&server, UPDATE_FEATURE_STRATEGY, &project, Some(&environment))?);
    let wanted = body(&bytes)?;
    server.change(|held| {
        let environment = held.changeable(&project, &name, &environment)?;
        // Fields that are not given stay.
        let merge = |mut before: Value| {
            for (field, value) in wanted.as_object().into_iter().flatten() {
                before[field] = value.clone();
            }
            Ok(before)
        };
        held.change((&name, environment), &id, merge, by).map(Json)
    })
}

pub(super) async fn patch_strategy(
    asker: Asker,
    State(server): State<Unleash>,
    Path((project, name, environment, id)): StrategyPlace,
    bytes: Bytes,
) -> Result<Json<Value>, Refusal> {
    let by = server.by(asker.must(&server, UPDATE_FEATURE_STRATEGY, &project, Some(&environment))?);
    let bad = |why: String| Refusal::bad_data(&why, Some("/body"));
    let patch: json_patch::Patch = serde_json::from_value(body(&bytes)?).map_err(|error| bad(error.to_string()))?;
    server.change(|held| {
        let environment = held.changeable(&project, &name, &environment)?;
        let apply = |mut before: Value| {
            json_patch::patch(&mut before, &patch).map_err(|error| bad(error.to_string()))?;
            Ok(before)
        };
        held.change((&name, environment), &id, apply, by).map(Json)
    })
}

pub(super) async fn remove_strategy(
    asker: Asker,
    State(server): State<Unleash>,
    Path((project, name, environment, id)): StrategyPlace,
) -> Result<StatusCode, Refusal> {
    let by = server.by(asker.must(&server, DELETE_FEATURE_STRATEGY, &project, Some(&environment))?);
    server.change(|held| {
        let environment = held.changeable(&project, &name, &environment)?;
        let missing = || Refusal::not_found(&format!("Could not find strategy with id={id}"));
        let setting = held.flags.get_mut(&name).and_then(|flag| flag.setting_mut(environment)).ok_or_else(missing)?;
        let index = setting.strategies.iter().position(|strategy| strategy.id == id).ok_or_else(missing)?;
        let before = setting.strategies.remove(index).json();
        held.record(&name, Change { before, ..Change::within("feature-strategy-remove", environment) }, by);
        Ok(StatusCode::OK)
    })
}
