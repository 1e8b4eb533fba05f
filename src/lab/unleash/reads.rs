//! What the API tells.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::flag::{Flag, KINDS};
use super::http::{Asker, Refusal, tagged};
use super::query::{Params, page};
use super::{ENVIRONMENTS, Held, PROJECTS, Unleash, time};

/// Most rows of a page of flags, and of events.
const MOST_FLAGS: usize = 100;
const MOST_EVENTS: usize = 1000;
/// How long ago the projects were made.
const PROJECTS_MADE: TimeDelta = TimeDelta::days(400);

type Given = Query<Vec<(String, String)>>;
type Answer = Result<Response, Refusal>;

impl Held {
    /// A flag that is not archived, or the words by which the real server says that there is none.
    pub(super) fn find(&self, project: &str, name: &str) -> Result<&Flag, Refusal> {
        let flag = self.known(project, name)?;
        if flag.archived_at.is_some() {
            return Err(Refusal::not_found(&format!("Could not find feature flag with name {name}")));
        }
        Ok(flag)
    }

    /// A flag, archived or not.
    pub(super) fn known(&self, project: &str, name: &str) -> Result<&Flag, Refusal> {
        let none = format!("There's no feature named \"{name}\" in project \"{project}\"");
        match self.flags.get(name) {
            None => Err(Refusal::not_found(&format!("{none}."))),
            Some(flag) if flag.project != project => Err(Refusal::not_found(&format!(
                "{none}, but there's a feature with that name in project \"{}\"",
                flag.project
            ))),
            Some(flag) => Ok(flag),
        }
    }

    fn living(&self) -> impl Iterator<Item = &Flag> {
        self.flags.values().filter(|flag| flag.archived_at.is_none())
    }
}

pub(super) async fn user(asker: Asker, State(server): State<Unleash>) -> Json<Value> {
    Json(asker.0.json(server.now()))
}

/// Of the real server's long answer, what says which server it is.
pub(super) async fn configuration(_: Asker, State(server): State<Unleash>) -> Json<Value> {
    Json(json!({
        "environment": "Open Source", "flags": {}, "version": "7.5.1", "emailEnabled": false,
        "unleashUrl": *server.url, "baseUriPath": "", "authenticationType": "open-source",
        "frontendApiOrigins": ["*"], "versionInfo": {"current": {"oss": "7.5.1", "enterprise": ""}, "latest": {}, "isLatest": true},
    }))
}

pub(super) async fn projects(_: Asker, State(server): State<Unleash>) -> Json<Value> {
    let (held, now, made) = (server.lock(), server.now(), time(server.clock.origin() - PROJECTS_MADE));
    let project = |(id, name, description): (&str, &str, &str)| {
        let flags = held.living().filter(|flag| flag.project == id);
        json!({
            "name": name, "id": id, "description": description, "health": 100, "technicalDebt": 0, "favorite": false,
            "featureCount": flags.count(), "memberCount": 0, "createdAt": made, "archivedAt": null, "mode": "open",
            "lastReportedFlagUsage": time(now), "lastUpdatedAt": time(now), "owners": [{"ownerType": "system"}],
        })
    };
    Json(json!({"version": 1, "projects": PROJECTS.map(project)}))
}

fn environment_json(name: &str, order: u32) -> Value {
    json!({
        "name": name, "type": name, "sortOrder": order, "enabled": true, "protected": false, "requiredApprovals": null,
    })
}

fn on_in(flags: impl Iterator<Item = impl std::borrow::Borrow<Flag>>, environment: &str) -> usize {
    flags.filter(|flag| flag.borrow().setting(environment).is_some_and(|setting| setting.enabled)).count()
}

pub(super) async fn environments(_: Asker, State(server): State<Unleash>) -> Json<Value> {
    let held = server.lock();
    let environments = ENVIRONMENTS.map(|(name, order)| {
        let mut environment = environment_json(name, order);
        environment["projectCount"] = json!(PROJECTS.len());
        environment["apiTokenCount"] = json!(1);
        environment["enabledToggleCount"] = json!(on_in(held.living(), name));
        environment
    });
    Json(json!({"version": 1, "environments": environments}))
}

pub(super) async fn project_environments(
    _: Asker,
    State(server): State<Unleash>,
    Path(project): Path<String>,
) -> Json<Value> {
    let held = server.lock();
    let environments = ENVIRONMENTS.map(|(name, order)| {
        let mut environment = environment_json(name, order);
        let flags = held.living().filter(|flag| flag.project == project);
        environment["projectApiTokenCount"] = json!(1);
        environment["projectEnabledToggleCount"] = json!(on_in(flags, name));
        environment["visible"] = json!(true);
        environment
    });
    Json(json!({"version": 1, "environments": environments}))
}

pub(super) async fn kinds(_: Asker) -> Json<Value> {
    let kind = |id: &str| {
        let lifetime = match id {
            "release" | "experiment" => Some(40),
            "operational" => Some(7),
            _ => None,
        };
        json!({"id": id, "name": id, "description": "", "lifetimeDays": lifetime})
    };
    Json(json!({"version": 1, "types": KINDS.map(kind)}))
}

pub(super) async fn search(_: Asker, State(server): State<Unleash>, Query(given): Given) -> Answer {
    let (params, now) = (Params(&given), server.now());
    let held = server.lock();
    let answer = params.flags(held.flags.values()).map(|found| {
        let rows = page(&found, params.page(MOST_FLAGS), |flag| flag.row(now));
        json!({"features": rows, "total": found.len()})
    });
    // A refusal's identifier is given under the same lock.
    drop(held);
    answer.map(|answer| tagged(&answer)).map_err(|refusal| refusal.with_id(&server))
}

pub(super) async fn flags(_: Asker, State(server): State<Unleash>, Path(project): Path<String>) -> Response {
    let (held, now) = (server.lock(), server.now());
    let rows: Vec<Value> = held.living().filter(|flag| flag.project == project).map(|flag| flag.row(now)).collect();
    tagged(&json!({"version": 2, "features": rows}))
}

pub(super) async fn flag(
    _: Asker,
    State(server): State<Unleash>,
    Path((project, name)): Path<(String, String)>,
    Query(given): Given,
) -> Answer {
    let mut answer = server.lock().find(&project, &name)?.json(server.now());
    // Environments have had no variants of their own since strategies have them.
    if Params(&given).get("variantEnvironments") == Some("true") {
        for environment in answer["environments"].as_array_mut().into_iter().flatten() {
            environment["variants"] = json!([]);
        }
    }
    Ok(tagged(&answer))
}

pub(super) async fn environment(
    _: Asker,
    State(server): State<Unleash>,
    Path((project, name, environment)): Path<(String, String, String)>,
) -> Answer {
    let held = server.lock();
    let flag = held.known(&project, &name)?;
    let setting = flag
        .setting(&environment)
        .ok_or_else(|| Refusal::not_found(&format!("Could not find {name} in {environment}")))?;
    Ok(tagged(&flag.environment_json(setting)))
}

pub(super) async fn tags(_: Asker, State(server): State<Unleash>, Path(name): Path<String>) -> Answer {
    let held = server.lock();
    let tags = held.flags.get(&name).map_or_else(|| json!([]), |flag| flag.tags_json(true));
    Ok(tagged(&json!({"version": 1, "tags": tags})))
}

/// The hour is the one that is not over.
fn hour(now: DateTime<Utc>) -> DateTime<Utc> {
    now - TimeDelta::seconds(now.timestamp().rem_euclid(3600))
        - TimeDelta::nanoseconds(now.timestamp_subsec_nanos().into())
}

pub(super) async fn metrics(_: Asker, State(server): State<Unleash>, Path(name): Path<String>) -> Response {
    let (held, now) = (server.lock(), server.now());
    let flag = held.flags.get(&name);
    let usage: Vec<Value> = flag
        .iter()
        .flat_map(|flag| flag.settings.iter().map(|setting| (setting.environment, flag.evaluations(setting, now))))
        .filter(|(_, (yes, no))| yes + no > 0)
        .map(|(environment, (yes, no))| {
            json!({"environment": environment, "timestamp": time(hour(now)), "yes": yes, "no": no})
        })
        .collect();
    let applications = flag.map(|flag| flag.applications.clone()).unwrap_or_default();
    tagged(&json!({
        "version": 1, "maturity": "stable", "featureName": name, "lastHourUsage": usage,
        "seenApplications": applications,
    }))
}

pub(super) async fn search_events(_: Asker, State(server): State<Unleash>, Query(given): Given) -> Answer {
    let params = Params(&given);
    let (flag, project, kind) = (params.accepts("feature")?, params.accepts("project")?, params.accepts("type")?);
    let (environment, by) = (params.accepts("environment")?, params.accepts("createdBy")?);
    let held = server.lock();
    let found: Vec<_> = held
        .events
        .iter()
        .rev()
        .filter(|event| flag(&event.flag) && project(&event.project) && kind(event.kind))
        .filter(|event| environment(event.environment.unwrap_or_default()) && by(&event.by.0.to_string()))
        .collect();
    let rows = page(&found, params.page(MOST_EVENTS), |event| event.told(&server.url));
    Ok(tagged(&json!({"events": rows, "total": found.len()})))
}

pub(super) async fn events(_: Asker, State(server): State<Unleash>, Path(name): Path<String>) -> Response {
    let held = server.lock();
    let events: Vec<Value> =
        held.events.iter().rev().filter(|event| event.flag == name).map(super::events::Event::json).collect();
    tagged(&json!({"version": 1, "toggleName": name, "totalEvents": events.len(), "events": events}))
}
