//! The Events API v2: alerts and changes that programs send, by a routing key instead of a token.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::incident::{Status, Trigger};
use super::people::{Service, reference};
use super::{PagerDuty, time};

/// Longest summary, in characters.
const LONGEST_SUMMARY: usize = 1024;
/// Longest key of an alert.
const LONGEST_KEY: usize = 255;

/// What an event lacks.
struct Invalid(String);

impl IntoResponse for Invalid {
    fn into_response(self) -> Response {
        let told = json!({"status": "invalid event", "message": "Event object is invalid", "errors": [self.0]});
        (StatusCode::BAD_REQUEST, Json(told)).into_response()
    }
}

fn invalid(why: &str) -> Invalid {
    Invalid(why.to_owned())
}

fn text<'a>(of: &'a Value, name: &str) -> Result<&'a str, Invalid> {
    let given = of[name].as_str().filter(|text| !text.is_empty());
    given.ok_or_else(|| Invalid(format!("'{name}' is missing or blank")))
}

/// The event and the service whose key it carries.
fn event(body: &[u8]) -> Result<(Value, &'static Service), Invalid> {
    let given: Value = serde_json::from_slice(body).map_err(|_| invalid("JSON could not be parsed"))?;
    let key = text(&given, "routing_key")?;
    if key.len() != 32 {
        return Err(invalid("Length of 'routing_key' is incorrect (should be 32 characters)"));
    }
    let service = Service::of_key(key).ok_or_else(|| invalid("'routing_key' is not known"))?;
    Ok((given, service))
}

pub(super) async fn enqueue(State(server): State<PagerDuty>, body: Bytes) -> Response {
    taken(&server, &body).unwrap_or_else(IntoResponse::into_response)
}

fn taken(server: &PagerDuty, body: &[u8]) -> Result<Response, Invalid> {
    let (given, service) = event(body)?;
    let action = text(&given, "event_action")?;
    let now = server.now();
    let mut held = server.lock();
    let key = match given["dedup_key"].as_str().filter(|key| !key.is_empty()) {
        Some(key) if key.chars().count() > LONGEST_KEY => return Err(invalid("'dedup_key' is too long")),
        Some(key) => key.to_owned(),
        None if action == "trigger" => held.id().to_lowercase(),
        None => return Err(invalid("'dedup_key' is missing or blank")),
    };
    match action {
        "trigger" => {
            let payload = &given["payload"];
            let summary = text(payload, "summary")?;
            if summary.chars().count() > LONGEST_SUMMARY {
                return Err(invalid("'payload.summary' is too long (maximum is 1024 characters)"));
            }
            text(payload, "source")?;
            let severity = text(payload, "severity")?;
            if !["critical", "error", "warning", "info"].contains(&severity) {
                return Err(invalid(
                    "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')",
                ));
            }
            let trigger = Trigger {
                key: key.clone(),
                title: summary.to_owned(),
                severity: severity.to_owned(),
                service,
                details: json!({"source": payload["source"], "custom_details": payload["custom_details"]}),
                contexts: given.get("links").cloned().unwrap_or_else(|| json!([])),
            };
            held.trigger(trigger, now);
        }
        // Of what is not open, nothing is said: it may have been resolved meanwhile.
        "acknowledge" | "resolve" => {
            if let Some(open) = held.open(&key) {
                match (action, open.status) {
                    ("resolve", _) => open.resolve(None, now),
                    (_, Status::Triggered) => open.acknowledge(None, now),
                    _ => {}
                }
            }
        }
        _ => return Err(invalid("'event_action' is invalid (must be one of: 'trigger', 'acknowledge', 'resolve')")),
    }
    let told = json!({"status": "success", "message": "Event processed", "dedup_key": key});
    Ok((StatusCode::ACCEPTED, Json(told)).into_response())
}

pub(super) async fn change(State(server): State<PagerDuty>, body: Bytes) -> Response {
    recorded(&server, &body).unwrap_or_else(IntoResponse::into_response)
}

fn recorded(server: &PagerDuty, body: &[u8]) -> Result<Response, Invalid> {
    let (given, service) = event(body)?;
    let payload = &given["payload"];
    let summary = text(payload, "summary")?;
    if summary.chars().count() > LONGEST_SUMMARY {
        return Err(invalid("'payload.summary' is too long (maximum is 1024 characters)"));
    }
    let url = &server.url;
    let at = payload["timestamp"].as_str().map_or_else(|| time(server.now()), str::to_owned);
    let mut held = server.lock();
    let id = held.id();
    let mut told = reference(url, "change_event", "change_events", &id, summary);
    for (name, value) in [
        ("type", json!("change_event")),
        ("timestamp", json!(at)),
        ("source", payload["source"].clone()),
        ("services", json!([service.reference(url)])),
        ("custom_details", payload.get("custom_details").cloned().unwrap_or_else(|| json!({}))),
        ("links", given.get("links").cloned().unwrap_or_else(|| json!([]))),
    ] {
        told[name] = value;
    }
    held.changes.push(told);
    let told = json!({"status": "success", "message": "Change event processed"});
    Ok((StatusCode::ACCEPTED, Json(told)).into_response())
}
