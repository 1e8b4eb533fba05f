//! The API against what a real Unleash answered to the same requests, and the lab's own flags.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chrono::{TimeDelta, TimeZone};
use serde_json::{Value, json};

use super::access::CLIENT_TOKEN;
use super::*;
use crate::lab::served::Served;
use crate::lab::world::traffic::switches::PRICING;

fn origin() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 15, 20, 5).unwrap()
}

type Client = Served<Unleash>;

impl Client {
    async fn new(make: impl FnOnce(&str) -> Unleash) -> Self {
        Self::start(make, serve).await
    }

    /// With a token, or without one.
    async fn by(&self, token: Option<&str>, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let header = token.map(|token| ("Authorization", token));
        self.ask(header.as_slice(), method, path, body).await
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.by(Some(OWNER_TOKEN), "GET", path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn post(&self, path: &str, body: Option<&Value>) -> Value {
        let (status, body) = self.by(Some(OWNER_TOKEN), "POST", path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {body}");
        body
    }
}

const FEATURES: &str = "/api/admin/projects/default/features";

/// Where an answer is not made like the real one. What one of them left out (`null`, an empty list) may be anything.
fn unlike(ours: &Value, theirs: &Value, path: &str) -> Vec<String> {
    match (ours, theirs) {
        // What a strategy is told is the caller's own.
        (Value::Object(_), Value::Object(_)) if path.ends_with(".parameters") => Vec::new(),
        (Value::Object(ours), Value::Object(theirs)) => {
            let names = ours.keys().chain(theirs.keys().filter(|name| !ours.contains_key(*name)));
            names
                .flat_map(|name| match (ours.get(name), theirs.get(name)) {
                    (Some(ours), Some(theirs)) => unlike(ours, theirs, &format!("{path}.{name}")),
                    // How far the life of a flag is followed, and whether a person has a name, is chance.
                    _ if ["lifecycle", "email"].contains(&name.as_str()) || path == ".user" => Vec::new(),
                    (Some(_), None) => vec![format!("{path}.{name}: only the lab has it")],
                    _ => vec![format!("{path}.{name}: only the real server has it")],
                })
                .collect()
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            let pairs = ours.iter().zip(theirs).enumerate();
            pairs.flat_map(|(index, (ours, theirs))| unlike(ours, theirs, &format!("{path}[{index}]"))).collect()
        }
        (Value::Null, _)
        | (_, Value::Null)
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::String(_), Value::String(_)) => Vec::new(),
        _ => vec![format!("{path}: {ours} and {theirs}")],
    }
}

fn recorded(name: &str) -> Value {
    let path = format!("{}/tests/data/unleash/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Everything recorded, in the order in which it was.
const RECORDED: [&str; 46] = [
    "health",
    "user_admin_token",
    "user_personal",
    "user_viewer",
    "user_none",
    "user_unknown_token",
    "user_client_token",
    "projects",
    "environments",
    "project_environments",
    "search",
    "search_page",
    "search_unknown_project",
    "search_bad_query",
    "feature",
    "feature_variants",
    "feature_unknown",
    "feature_other_project",
    "feature_environment",
    "feature_environment_unknown",
    "feature_tags",
    "metrics",
    "off",
    "on",
    "on_viewer",
    "on_client_token",
    "on_unknown",
    "on_unknown_environment_personal",
    "on_unknown_environment_admin_token",
    "strategy_update",
    "strategy_update_viewer",
    "strategy_patch",
    "strategy_unknown",
    "events",
    "events_project",
    "archive_viewer",
    "archive",
    "archived_feature",
    "archived_environment",
    "archived_on",
    "archived_search",
    "create",
    "create_exists",
    "create_bad_name",
    "create_viewer",
    "unknown_path",
];

#[tokio::test]
async fn every_recorded_answer_is_given_again() {
    let clock = LabClock::frozen(origin());
    let server = |url: &str| Unleash::empty(clock.clone(), url);
    let mut held = None;
    let client = Client::new(|url| {
        let server = server(url);
        held = Some(server.clone());
        server
    })
    .await;
    // The flags that the real server had.
    for (name, kind) in [
        ("new-pricing", "release"),
        ("checkout.kill", "kill-switch"),
        ("perm~x_y", "permission"),
        ("old-banner", "experiment"),
    ] {
        client.post(FEATURES, Some(&json!({"name": name, "type": kind}))).await;
    }
    let tag = json!({"type": "simple", "value": "payment"});
    client.post("/api/admin/features/new-pricing/tags", Some(&tag)).await;
    let feature = recorded("feature");
    let strategies = feature["body"]["environments"][1]["strategies"].as_array().unwrap();
    for strategy in strategies {
        client.post(&format!("{FEATURES}/new-pricing/environments/production/strategies"), Some(strategy)).await;
    }
    let _ = client.post(&format!("{FEATURES}/new-pricing/environments/production/on"), None).await;
    let _ = client.post(&format!("{FEATURES}/old-banner/environments/production/on"), None).await;
    let stale = json!({"stale": true, "features": ["old-banner"]});
    client.post("/api/admin/projects/default/stale", Some(&stale)).await;
    {
        // Time stands still here; there it did not.
        let held = held.unwrap();
        let mut held = held.lock();
        for (name, seconds) in [("new-pricing", 90), ("checkout.kill", 80), ("perm~x_y", 60), ("old-banner", 1)] {
            held.flags.get_mut(name).unwrap().created_at = origin() - TimeDelta::seconds(seconds);
        }
        let flag = held.flags.get_mut("new-pricing").unwrap();
        (flag.asked, flag.applications) = (1001, vec!["payment".to_owned()]);
    }
    let own = client.get(&format!("{FEATURES}/new-pricing")).await;
    let ids = strategies.iter().zip(own["environments"][1]["strategies"].as_array().unwrap());
    let ids: Vec<(&str, &str)> = ids.map(|(a, b)| (a["id"].as_str().unwrap(), b["id"].as_str().unwrap())).collect();
    for name in RECORDED {
        let real = recorded(name);
        let text = |field: &str| real[field].as_str().unwrap();
        let token = match real["token"].as_str() {
            None => None,
            Some("admin API token") => Some(ADMIN_TOKEN),
            Some("personal token of an Admin") => Some(OWNER_TOKEN),
            Some("personal token of a Viewer") => Some(VIEWER_TOKEN),
            Some("client API token") => Some(CLIENT_TOKEN),
            Some(_) => Some("user:nope"),
        };
        let path = ids.iter().fold(text("path").to_owned(), |path, (real, own)| path.replace(real, own));
        let sent = real.get("sent");
        let (status, body) = client.by(token, text("method"), &path, sent).await;
        assert_eq!(json!(status), real["status"], "{name}: {body}");
        if status >= 400 {
            for field in ["name", "message", "details", "permissions", "path"] {
                assert_eq!(body[field], real["body"][field], "{name}: {field}");
            }
        }
        assert_eq!(unlike(&body, &real["body"], ""), Vec::<String>::new(), "{name}");
    }
    // The trap of the limit that is too high, and a page that is asked for in order.
    let many = |limit: u32| format!("/api/admin/search/features?project=IS:default&limit={limit}");
    for number in 0..120 {
        client.post(FEATURES, Some(&json!({"name": format!("flag-{number:03}")}))).await;
    }
    for (limit, rows) in [(100, 100), (101, 50), (0, 50)] {
        assert_eq!(client.get(&many(limit)).await["features"].as_array().unwrap().len(), rows, "limit {limit}");
    }
}

#[tokio::test]
async fn the_flags_of_the_lab_have_a_past_and_the_world_goes_by_them() {
    let switches = Switches::default();
    let switched = origin() - TimeDelta::minutes(7);
    switches.set(PRICING, switched, 1.0);
    let client = Client::new(|url| Unleash::new(LabClock::frozen(origin()), switches.clone(), url)).await;
    let all = client.get("/api/admin/search/features?limit=100").await;
    let rows = all["features"].as_array().unwrap();
    assert_eq!(rows.len(), 14, "a dozen in one project, two in the other, and an archived one is not there");
    let row = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
    let production = |name: &str| &row(name)["environments"][1];
    assert_eq!(
        (production(PRICING)["enabled"].as_bool(), production("gift-cards")["yes"].as_u64()),
        (Some(true), Some(0))
    );
    // Seven minutes of an hour.
    assert_eq!(production(PRICING)["yes"], json!(10_267));
    assert_eq!(row("legacy-tax-rounding")["stale"], json!(true));
    // The newest change is the suspect.
    let newest = &client.get("/api/admin/search/events?limit=1").await["events"][0];
    assert_eq!(
        (newest["type"].as_str(), newest["featureName"].as_str(), newest["createdAt"].as_str()),
        (Some("feature-environment-enabled"), Some(PRICING), Some("2026-11-21T15:13:05.000Z"))
    );
    assert!(newest["summary"].as_str().unwrap().starts_with("**pricing-team** enabled **[new-pricing]"));
    // A strategy for half of the users is half of the harm, and off is none.
    let place = format!("{FEATURES}/{PRICING}/environments/production");
    let id = client.get(&place).await["strategies"][0]["id"].as_str().unwrap().to_owned();
    let half = json!([{"op": "replace", "path": "/parameters/rollout", "value": "50"}]);
    let later = origin() + TimeDelta::seconds(10);
    let (status, _) = client.by(Some(EDITOR_TOKEN), "PATCH", &format!("{place}/strategies/{id}"), Some(&half)).await;
    assert_eq!(status, 200);
    assert!((switches.known_at(PRICING, later) - 0.5).abs() < 1e-9);
    let _ = client.post(&format!("{place}/off"), None).await;
    assert!(switches.known_at(PRICING, later) < 1e-9);
    // An Editor's rights end at the project.
    let tracing = "/api/admin/projects/platform/features/verbose-tracing/environments/production/on";
    assert_eq!(client.by(Some(EDITOR_TOKEN), "POST", tracing, None).await.0, 403);
    assert_eq!(client.by(Some(OWNER_TOKEN), "POST", tracing, None).await.0, 200);
}
