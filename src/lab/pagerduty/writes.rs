//! What the REST API changes.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::http::{Refusal, Writer};
use super::incident::{Incident, Note, Status};
use super::people::{Policy, User};
use super::{Held, PagerDuty, time};

type Answer = Result<Json<Value>, Refusal>;

/// The object under a name of the body.
fn object(body: &[u8], name: &str) -> Result<Value, Refusal> {
    let given: Value = serde_json::from_slice(body).map_err(|_| Refusal::invalid("params must be a Hash"))?;
    given.get(name).cloned().ok_or_else(|| Refusal::invalid(&format!("{name} is required")))
}

/// Makes one change of an incident; nothing is changed when something of it is refused.
fn change(held: &mut Held, id: &str, wanted: &Value, by: &'static User, server: &PagerDuty) -> Result<Value, Refusal> {
    let now = server.now();
    let incident = held.find(id)?;
    if !["incident", "incident_reference"].contains(&wanted["type"].as_str().unwrap_or_default()) {
        return Err(Refusal::invalid("Incident type is invalid"));
    }
    if incident.status == Status::Resolved {
        return Err(Refusal::invalid("Incident Already Resolved"));
    }
    let mut changed = incident.clone();
    if let Some(title) = wanted["title"].as_str() {
        title.clone_into(&mut changed.title);
    }
    match wanted.get("escalation_level").map(Value::as_u64) {
        None => {}
        Some(Some(level)) => changed.escalate(usize::try_from(level).unwrap_or(usize::MAX), Some(by), now)?,
        Some(None) => return Err(Refusal::invalid("Escalation Level must be a number")),
    }
    if let Some(assignments) = wanted["assignments"].as_array() {
        let user =
            |assignment: &Value| assignment["assignee"]["id"].as_str().and_then(User::of).map(|user| (now, user));
        let users: Option<Vec<_>> = assignments.iter().map(user).collect();
        changed.assigned =
            users.filter(|users| !users.is_empty()).ok_or_else(|| Refusal::invalid("Assignee Not Found"))?;
        changed.call_again("assign", Some(by), now);
    }
    match wanted.get("status").map(Value::as_str) {
        None => {}
        Some(Some("acknowledged")) => changed.acknowledge(Some(by), now),
        Some(Some("resolved")) => {
            changed.resolve(Some(by), now);
            if let Some(text) = wanted["resolution"].as_str() {
                let id = format!("{}R", changed.id);
                changed.log.push((now, "annotate", Some(by)));
                changed.notes.push(Note { id, by, content: format!("Resolution Note: {text}"), at: now });
            }
        }
        Some(_) => return Err(Refusal::invalid("Status must be one of: acknowledged, resolved")),
    }
    let told = changed.json(&server.url);
    *incident = changed;
    Ok(told)
}

pub(super) async fn update(by: Writer, State(server): State<PagerDuty>, Path(id): Path<String>, body: Bytes) -> Answer {
    let wanted = object(&body, "incident")?;
    Ok(Json(json!({"incident": change(&mut server.lock(), &id, &wanted, by.0, &server)?})))
}

pub(super) async fn manage(by: Writer, State(server): State<PagerDuty>, body: Bytes) -> Answer {
    let wanted = object(&body, "incidents")?;
    let wanted = wanted.as_array().ok_or_else(|| Refusal::invalid("Incidents must be an array"))?;
    let mut held = server.lock();
    let before = held.incidents.clone();
    let changes =
        wanted.iter().map(|one| change(&mut held, one["id"].as_str().unwrap_or_default(), one, by.0, &server));
    let changed: Result<Vec<Value>, Refusal> = changes.collect();
    if changed.is_err() {
        // All of them or none.
        held.incidents = before;
    }
    Ok(Json(json!({"incidents": changed?, "offset": 0, "limit": 100, "more": false, "total": null})))
}

pub(super) async fn note(by: Writer, State(server): State<PagerDuty>, Path(id): Path<String>, body: Bytes) -> Answer {
    let wanted = object(&body, "note")?;
    let content = wanted["content"].as_str().filter(|text| !text.trim().is_empty());
    let content = content.ok_or_else(|| Refusal::invalid("Content can't be blank"))?.to_owned();
    let mut held = server.lock();
    let note = Note { id: held.id(), by: by.0, content, at: server.now() };
    let told = Incident::note_json(&note, &server.url);
    let incident = held.find(&id)?;
    incident.log.push((note.at, "annotate", Some(by.0)));
    incident.notes.push(note);
    Ok(Json(json!({"note": told})))
}

pub(super) async fn request(
    by: Writer,
    State(server): State<PagerDuty>,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let given: Value = serde_json::from_slice(&body).map_err(|_| Refusal::invalid("params must be a Hash"))?;
    let requester = given["requester_id"].as_str().and_then(User::of);
    let requester = requester.ok_or_else(|| Refusal::invalid("Requester Not Found"))?;
    let message = given["message"].as_str().ok_or_else(|| Refusal::invalid("Message is required"))?;
    let targets = given["responder_request_targets"].as_array().filter(|targets| !targets.is_empty());
    let targets = targets.ok_or_else(|| Refusal::invalid("Responder Request Targets can't be blank"))?;
    let now = server.now();
    let (mut told, mut asked) = (Vec::new(), Vec::new());
    for target in targets {
        let target = &target["responder_request_target"];
        let id = target["id"].as_str().unwrap_or_default();
        let (reference, users) = match target["type"].as_str() {
            Some("user_reference" | "user") => {
                let user = User::of(id).ok_or_else(|| Refusal::invalid("User Not Found"))?;
                (user.reference(&server.url), vec![user])
            }
            Some("escalation_policy_reference" | "escalation_policy") => {
                let policy = Policy::of(id).ok_or_else(|| Refusal::invalid("Escalation Policy Not Found"))?;
                (policy.reference(&server.url), policy.at(1).into_iter().collect())
            }
            _ => return Err(Refusal::invalid("Target type is invalid")),
        };
        let responders: Vec<Value> = users
            .iter()
            .map(|user| {
                json!({
                    "state": "pending", "user": user.reference(&server.url), "updated_at": time(now), "message": message,
                    "requester": requester.reference(&server.url), "requested_at": time(now),
                })
            })
            .collect();
        asked.extend(users);
        let mut target = reference;
        target["incidents_responders"] = json!(responders);
        told.push(json!({"responder_request_target": target}));
    }
    let mut held = server.lock();
    let incident = held.find(&id)?;
    if incident.status == Status::Resolved {
        return Err(Refusal::invalid("Incident Already Resolved"));
    }
    let request = json!({
        "incident": incident.reference(&server.url), "requester": by.0.reference(&server.url), "requested_at": time(now),
        "message": message, "responder_request_targets": told,
    });
    incident.requests.push(request.clone());
    incident.log.push((now, "responder_request", Some(by.0)));
    for user in asked {
        if !incident.asked.contains(&user) {
            incident.asked.push(user);
        }
    }
    Ok(Json(json!({"responder_request": request})))
}

pub(super) async fn snooze(
    by: Writer,
    State(server): State<PagerDuty>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let given: Value = serde_json::from_slice(&body).map_err(|_| Refusal::invalid("params must be a Hash"))?;
    let seconds = given["duration"].as_i64().filter(|seconds| (1..=604_800).contains(seconds));
    let seconds = seconds.ok_or_else(|| Refusal::invalid("Duration must be between 1 and 604800"))?;
    let now = server.now();
    let mut held = server.lock();
    let incident = held.find(&id)?;
    if incident.status == Status::Resolved {
        return Err(Refusal::invalid("Incident Already Resolved"));
    }
    incident.snooze(now + TimeDelta::seconds(seconds), Some(by.0), now);
    Ok((StatusCode::CREATED, Json(json!({"incident": incident.json(&server.url)}))).into_response())
}
