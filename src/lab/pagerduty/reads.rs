//! What the REST API tells.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::http::{Asker, Refusal};
use super::incident::{Incident, Status};
use super::lists::Params;
use super::people::{POLICIES, Policy, SERVICES, Service, USERS, User};
use super::{Held, PagerDuty, time};

type Answer = Result<Json<Value>, Refusal>;

impl Held {
    /// An incident by its id or number.
    pub(super) fn find(&mut self, id: &str) -> Result<&mut Incident, Refusal> {
        let found = self.incidents.iter_mut().find(|incident| incident.id == id || incident.number.to_string() == id);
        found.ok_or_else(Refusal::not_found)
    }
}

pub(super) async fn abilities(_: Asker) -> Json<Value> {
    Json(
        json!({"abilities": ["teams", "read_only_users", "service_support_hours", "urgencies", "coordinated_responding"]}),
    )
}

pub(super) async fn me(asker: Asker, State(server): State<PagerDuty>) -> Answer {
    let why = "The request must be made with a user-level API token";
    let user = asker.0.user.ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, 2000, why))?;
    Ok(Json(json!({"user": user.json(&server.url)})))
}

pub(super) async fn users(_: Asker, State(server): State<PagerDuty>, params: Params) -> Answer {
    let query = params.get("query").unwrap_or_default().to_lowercase();
    let found = USERS.iter().filter(|user| user.name.contains(&query) || user.email.contains(&query));
    let rows: Vec<Value> = found.map(|user| user.json(&server.url)).collect();
    params.page("users", &rows).map(Json)
}

pub(super) async fn user(_: Asker, State(server): State<PagerDuty>, Path(id): Path<String>) -> Answer {
    let user = User::of(&id).ok_or_else(Refusal::not_found)?;
    Ok(Json(json!({"user": user.json(&server.url)})))
}

pub(super) async fn policy(_: Asker, State(server): State<PagerDuty>, Path(id): Path<String>) -> Answer {
    let policy = Policy::of(&id).ok_or_else(Refusal::not_found)?;
    Ok(Json(json!({"escalation_policy": policy.json(&server.url)})))
}

/// The account has no teams.
pub(super) async fn teams(_: Asker, params: Params) -> Answer {
    params.page("teams", &[]).map(Json)
}

/// How bad it is with a service: as its worst incident.
fn status(held: &Held, service: &Service) -> &'static str {
    let of_it = held.incidents.iter().filter(|incident| incident.service == service);
    match of_it.map(|incident| incident.status).min() {
        Some(Status::Triggered) => "critical",
        Some(Status::Acknowledged) => "warning",
        _ => "active",
    }
}

pub(super) async fn service(_: Asker, State(server): State<PagerDuty>, Path(id): Path<String>) -> Answer {
    let service = SERVICES.iter().find(|service| service.id == id).ok_or_else(Refusal::not_found)?;
    Ok(Json(json!({"service": service.json(&server.url, status(&server.lock(), service))})))
}

pub(super) async fn services(_: Asker, State(server): State<PagerDuty>, params: Params) -> Answer {
    let held = server.lock();
    let query = params.get("query").unwrap_or_default().to_lowercase();
    let found = SERVICES.iter().filter(|service| service.name.contains(&query));
    let rows: Vec<Value> = found.map(|service| service.json(&server.url, status(&held, service))).collect();
    params.page("services", &rows).map(Json)
}

pub(super) async fn policies(_: Asker, State(server): State<PagerDuty>, params: Params) -> Answer {
    let rows: Vec<Value> = POLICIES.iter().map(|policy| policy.json(&server.url)).collect();
    params.page("escalation_policies", &rows).map(Json)
}

pub(super) async fn on_calls(_: Asker, State(server): State<PagerDuty>, params: Params) -> Answer {
    // A shift is a week; who is always called has no shift.
    let monday = server.clock.origin() - TimeDelta::days(3);
    let mut rows = Vec::new();
    for policy in POLICIES.iter().filter(|policy| params.accepts("escalation_policy_ids", policy.id)) {
        for (level, user) in policy.levels().filter(|(_, user)| params.accepts("user_ids", user.id)) {
            let shift = level == 1;
            rows.push(json!({
                "escalation_policy": policy.reference(&server.url), "escalation_level": level,
                "schedule": policy.schedule(&server.url, level), "user": user.reference(&server.url),
                "start": shift.then(|| time(monday)), "end": shift.then(|| time(monday + TimeDelta::days(7))),
            }));
        }
    }
    params.page("oncalls", &rows).map(Json)
}

pub(super) async fn changes(_: Asker, State(server): State<PagerDuty>, params: Params) -> Answer {
    let rows: Vec<Value> = server.lock().changes.iter().rev().cloned().collect();
    params.page("change_events", &rows).map(Json)
}

pub(super) async fn incidents(_: Asker, State(server): State<PagerDuty>, params: Params) -> Answer {
    let held = server.lock();
    let mut found: Vec<&Incident> = held
        .incidents
        .iter()
        .filter(|incident| params.accepts("statuses", incident.status.name()))
        .filter(|incident| params.accepts("service_ids", incident.service.id))
        .filter(|incident| params.accepts("urgencies", incident.urgency))
        .filter(|incident| params.get("incident_key").is_none_or(|key| key == incident.key))
        .filter(|incident| {
            !params.0.iter().any(|(name, _)| name == "user_ids[]")
                || incident.assigned.iter().any(|(_, user)| params.accepts("user_ids", user.id))
        })
        .collect();
    if params.get("sort_by") == Some("created_at:desc") {
        found.reverse();
    }
    let rows: Vec<Value> = found.iter().map(|incident| incident.json(&server.url)).collect();
    params.page("incidents", &rows).map(Json)
}

pub(super) async fn incident(_: Asker, State(server): State<PagerDuty>, Path(id): Path<String>) -> Answer {
    Ok(Json(json!({"incident": server.lock().find(&id)?.json(&server.url)})))
}

pub(super) async fn alerts(
    _: Asker,
    State(server): State<PagerDuty>,
    Path(id): Path<String>,
    params: Params,
) -> Answer {
    let mut held = server.lock();
    let incident = held.find(&id)?;
    let rows: Vec<Value> = incident.alerts.iter().map(|alert| incident.alert_json(alert, &server.url)).collect();
    params.page("alerts", &rows).map(Json)
}

/// What happened to it, newest first.
pub(super) async fn log(_: Asker, State(server): State<PagerDuty>, Path(id): Path<String>, params: Params) -> Answer {
    let mut held = server.lock();
    let incident = held.find(&id)?;
    let entries = (0..incident.log.len()).rev().filter_map(|place| incident.entry_json(place, &server.url));
    params.page("log_entries", &entries.collect::<Vec<_>>()).map(Json)
}

pub(super) async fn notes(_: Asker, State(server): State<PagerDuty>, Path(id): Path<String>) -> Answer {
    let mut held = server.lock();
    let incident = held.find(&id)?;
    let notes: Vec<Value> = incident.notes.iter().map(|note| Incident::note_json(note, &server.url)).collect();
    Ok(Json(json!({"notes": notes})))
}
