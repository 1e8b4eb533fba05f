//! A PagerDuty that answers as its OpenAPI documents say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use serde_json::{Value, json};

use crate::integrations::outgoing::server::{Request, Server};

/// One account.
#[derive(Default)]
pub struct Account {
    pub incidents: Vec<Value>,
    pub notes: Vec<(String, String)>,
    /// Times that something was done to a page, by word.
    pub done: Vec<String>,
    /// Alerts of events, by `dedup_key`.
    pub events: Vec<Value>,
    pub changes: Vec<Value>,
    /// The error that every write gets.
    pub refusal: Option<(u16, Value)>,
    /// Somebody resolves a page between the look and the write.
    pub race: bool,
    /// What was paged was resolved at once.
    pub paged_is_over: bool,
    /// On call at level 3 as well.
    pub also_third: Option<usize>,
    pub people_on_call: usize,
    pub abilities: Vec<&'static str>,
}

/// `ada@shop.example` is on call at level 1, `bob@shop.example` at 2, `eve@shop.example` at 3; the page is Ada's.
pub fn account() -> Account {
    Account {
        incidents: vec![page("PT4KHLK", "triggered", "PADA001")],
        people_on_call: 3,
        abilities: vec!["teams", "coordinated_responding"],
        ..Account::default()
    }
}

/// A page that one user has.
pub fn page(id: &str, status: &str, user: &str) -> Value {
    json!({
        "id": id, "type": "incident", "title": "HighErrorRate on payment", "summary": "[#1234] HighErrorRate on payment",
        "status": status, "created_at": "2026-11-21T15:31:42+01:00", "html_url": format!("https://shop.pagerduty.com/incidents/{id}"),
        "service": {"id": "PIJ90N7", "type": "service_reference", "summary": "Payment"},
        "escalation_policy": {"id": "PPOL001", "type": "escalation_policy_reference", "summary": "Checkout"},
        "teams": [{"id": "PTEAM01", "type": "team_reference", "summary": "Shop"}],
        "assignments": [{"at": "2026-11-21T14:31:42Z", "assignee": {"id": user, "type": "user_reference", "summary": "Ada"}}],
        "acknowledgements": [], "incidents_responders": [], "responder_requests": [], "resolve_reason": null,
        "last_status_change_at": "2026-11-21T14:31:42Z", "last_status_change_by": {"id": "PIJ90N7", "summary": "Payment"},
    })
}

pub fn server(account: Account) -> Arc<Server<Account>> {
    Server::new(account, answer)
}

fn user(number: usize) -> Value {
    let (id, name) = [("PADA001", "Ada"), ("PBOB001", "Bob"), ("PEVE001", "Eve"), ("PEVE002", "Eve")][number];
    let mail = if number == 3 { "eve2@shop.example".into() } else { format!("{}@shop.example", name.to_lowercase()) };
    json!({"id": id, "type": "user", "name": name, "email": mail, "summary": name})
}

fn gone() -> (u16, Value) {
    (404, json!({"error": {"message": "Not Found", "code": 2100}}))
}

fn slice(all: &[Value], name: &str, request: &Request) -> (u16, Value) {
    let (limit, offset) = (request.number("limit", 25), request.number("offset", 0));
    assert!(limit <= 100 && offset + limit <= 10_000, "{request:?}");
    let some: Vec<Value> = all.iter().skip(offset).take(limit).cloned().collect();
    let more = offset + some.len() < all.len();
    (200, json!({name: some, "limit": limit, "offset": offset, "more": more, "total": null}))
}

fn answer(account: &mut Account, request: &Request) -> (u16, Value) {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let writes = request.method != "GET";
    if writes && let Some(refusal) = &account.refusal {
        return refusal.clone();
    }
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["abilities"]) => (200, json!({"abilities": account.abilities})),
        ("GET", ["users", "me"]) => (400, json!({"error": {"message": "no user", "code": 2001, "errors": []}})),
        ("GET", ["users"]) => {
            let wanted = request.value("query").unwrap().to_lowercase();
            let found = |user: &Value| user.to_string().to_lowercase().contains(&wanted);
            slice(&(0..4).map(user).filter(found).collect::<Vec<_>>(), "users", request)
        }
        ("GET", ["users", id]) => {
            (0..4).map(user).find(|user| user["id"] == *id).map_or_else(gone, |user| (200, json!({"user": user})))
        }
        ("GET", ["escalation_policies"]) => {
            slice(&[json!({"id": "PPOL001", "name": "Checkout"})], "escalation_policies", request)
        }
        ("GET", ["escalation_policies", "PPOL001"]) => {
            (200, json!({"escalation_policy": {"id": "PPOL001", "name": "Checkout"}}))
        }
        ("GET", ["services", "PIJ90N7"]) => (
            200,
            json!({"service": {"id": "PIJ90N7", "name": "Payment", "escalation_policy": {"id": "PPOL001", "summary": "Checkout"}}}),
        ),
        ("GET", ["teams", "PTEAM01"]) => (200, json!({"team": {"id": "PTEAM01", "name": "Shop"}})),
        ("GET", ["oncalls"]) => {
            let entry = |number: usize| {
                json!({"user": user(number.min(3)), "schedule": if number == 0 { json!({"id": "PS1", "summary": "Primary"}) } else { Value::Null },
                    "escalation_policy": {"id": "PPOL001", "summary": "Checkout"}, "escalation_level": number + 1,
                    "start": null, "end": if number == 0 { json!("2026-11-22T09:00:00+01:00") } else { Value::Null }})
            };
            let mut all: Vec<Value> = (0..account.people_on_call).map(entry).collect();
            all.extend(account.also_third.map(|number| {
                let mut again = entry(number);
                again["escalation_level"] = json!(3);
                again
            }));
            slice(&all, "oncalls", request)
        }
        ("GET", ["incidents"]) => incidents(account, request),
        ("GET", ["change_events"]) => slice(&account.changes.clone(), "change_events", request),
        ("POST", ["v2", "enqueue"]) => enqueue(account, request),
        ("POST", ["v2", "change", "enqueue"]) => {
            let payload = &request.body["payload"];
            account
                .changes
                .push(json!({"id": null, "summary": payload["summary"], "custom_details": payload["custom_details"]}));
            (202, json!({"status": "success", "message": "Change event processed"}))
        }
        (_, ["incidents", id, rest @ ..]) => of_page(account, request, id, rest),
        _ => gone(),
    }
}

/// Now, in this world.
const MONTH_AGO: &str = "2026-10-21";

fn incidents(account: &Account, request: &Request) -> (u16, Value) {
    let all = request.value("date_range") == Some("all");
    if let Some(key) = request.value("incident_key") {
        let known = account.events.iter().any(|event| event["dedup_key"] == key);
        let state = if account.paged_is_over { "resolved" } else { "triggered" };
        let found = if known { vec![page("PNEW001", state, "PADA001")] } else { Vec::new() };
        return slice(&found, "incidents", request);
    }
    let (statuses, services) = (request.values("statuses[]"), request.values("service_ids[]"));
    let has = |list: &[&str], value: &Value| list.is_empty() || list.contains(&value.as_str().unwrap());
    let young = |page: &Value| all || page["created_at"].as_str().unwrap() >= MONTH_AGO;
    let fits = |page: &&Value| young(page) && has(&statuses, &page["status"]) && has(&services, &page["service"]["id"]);
    slice(&account.incidents.iter().filter(fits).cloned().collect::<Vec<_>>(), "incidents", request)
}

fn enqueue(account: &mut Account, request: &Request) -> (u16, Value) {
    let event = &request.body;
    let payload = &event["payload"];
    let severities = ["critical", "warning", "error", "info"];
    let fine = payload["summary"].as_str().is_some_and(|text| !text.is_empty() && text.chars().count() <= 1024)
        && payload["source"].as_str().is_some_and(|text| !text.is_empty())
        && severities.contains(&payload["severity"].as_str().unwrap_or_default())
        && event["dedup_key"].as_str().unwrap_or_default().len() <= 255;
    if !fine || event["routing_key"] != "R0UT1NGK3Y" {
        // As the real one does, it repeats what it was given.
        let said = format!("'{}' is not a routing key", event["routing_key"].as_str().unwrap_or_default());
        return (400, json!({"status": "invalid event", "message": "Event object is invalid", "errors": [said]}));
    }
    if account.paged_is_over || !account.events.iter().any(|known| known["dedup_key"] == event["dedup_key"]) {
        account.events.push(event.clone());
    }
    (202, json!({"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}))
}

fn of_page(account: &mut Account, request: &Request, id: &str, rest: &[&str]) -> (u16, Value) {
    let Some(at) = account.incidents.iter().position(|page| page["id"] == id) else { return gone() };
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let answer = (200, json!({"incident": account.incidents[at]}));
            if account.race {
                account.incidents[at]["status"] = json!("resolved");
                account.incidents[at]["last_status_change_by"] = json!({"id": "PBOB001", "summary": "Bob"});
            }
            answer
        }
        ("PUT", []) => put(account, at, &request.body["incident"]),
        ("GET", ["alerts"]) => {
            let firing =
                "Labels:\n - alertname = HighErrorRate\n - namespace = shop\nAnnotations:\n - summary = much\n";
            let alerts = [
                json!({"summary": "[FIRING:1] HighErrorRate", "status": "triggered", "body": {"details": {"firing": firing}}}),
                json!({"summary": "Disk \u{1b}[31mfull", "status": "triggered", "body": null}),
            ];
            slice(&alerts, "alerts", request)
        }
        ("GET", ["log_entries"]) => {
            let entries: Vec<Value> = account.done.iter().filter(|word| word.starts_with("level")).map(|_| {
                json!({"type": "escalate_log_entry", "created_at": "2026-11-21T14:35:00Z", "agent": {"id": "PADA001", "summary": "Ada"}})
            }).filter(|entry: &Value| request.value("since").is_none_or(|since| entry["created_at"].as_str().unwrap() >= since)).collect();
            slice(&entries, "log_entries", request)
        }
        ("GET", ["notes"]) => {
            let notes: Vec<Value> = account.notes.iter().filter(|(page, _)| page == id).map(|(_, text)| {
                json!({"id": "PWL7QXS", "content": text, "created_at": "2026-11-21T14:34:00Z", "user": {"id": "PADA001"}})
            }).collect();
            (200, json!({"notes": notes}))
        }
        ("POST", ["notes"]) => {
            let text = request.body["note"]["content"].as_str().unwrap().to_owned();
            assert!(text.chars().count() <= 25_000);
            account.notes.push((id.to_owned(), text.clone()));
            (200, json!({"note": {"id": "PWL7QXS", "content": text, "created_at": "2026-11-21T14:34:00Z"}}))
        }
        ("POST", ["responder_requests"]) => {
            assert_eq!(request.body["requester_id"], "PADA001");
            for target in request.body["responder_request_targets"].as_array().unwrap() {
                let target = &target["responder_request_target"];
                account.done.push(format!(
                    "asked {} {}",
                    target["type"].as_str().unwrap(),
                    target["id"].as_str().unwrap()
                ));
                let known = json!({"responder_request_target": {"id": target["id"], "type": "user"}});
                let requests = account.incidents[at]["responder_requests"].as_array_mut().unwrap();
                requests.push(json!({"responder_request_targets": [known]}));
            }
            (200, json!({"responder_request": {"incident": {"id": id}, "message": request.body["message"]}}))
        }
        _ => gone(),
    }
}

fn put(account: &mut Account, at: usize, wanted: &Value) -> (u16, Value) {
    assert!(["incident", "incident_reference"].contains(&wanted["type"].as_str().unwrap()));
    let page = &mut account.incidents[at];
    if page["status"] == "resolved" {
        let errors = ["Incident Already Resolved"];
        return (400, json!({"error": {"message": "Invalid Input Provided", "code": 2001, "errors": errors}}));
    }
    if let Some(level) = wanted["escalation_level"].as_u64() {
        account.done.push(format!("level {level}"));
        let user = user(level as usize - 1);
        page["assignments"] = json!([{"at": "2026-11-21T14:35:00Z", "assignee": user}]);
        page["status"] = json!("triggered");
    }
    if let Some(status) = wanted["status"].as_str() {
        account.done.push(status.to_owned());
        page["status"] = json!(status);
        let by = json!({"id": "PADA001", "summary": "Ada"});
        page["last_status_change_by"] = by.clone();
        page["last_status_change_at"] = json!("2026-11-21T14:33:00Z");
        page["acknowledgements"] = json!([{"at": "2026-11-21T14:33:00Z", "acknowledger": by}]);
    }
    (200, json!({"incident": page}))
}
