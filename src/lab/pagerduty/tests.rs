//! The API by HTTP, as a client sees it, and what the lab's alerts make of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chrono::{TimeDelta, TimeZone};
use serde_json::{Value, json};

use super::*;
use crate::lab::alertmanager::PostedAlert;
use crate::lab::alertmanager::routing::LAB_CONFIG;
use crate::lab::served::Served;

fn origin() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 14, 32, 7).unwrap()
}

type Client = Served<PagerDuty>;

impl Client {
    async fn new() -> Self {
        let clock = LabClock::frozen(origin());
        let alerts = Alertmanager::new(clock.clone(), LAB_CONFIG).unwrap();
        Self::start(|url| PagerDuty::new(clock, alerts, url), serve).await
    }

    /// In the name of `oncall`.
    async fn own(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let token = format!("Token token={USER_TOKEN}");
        self.ask(&[("Authorization", token.as_str())], method, path, body).await
    }

    async fn get(&self, path: &str) -> Value {
        let (status, told) = self.own("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {told}");
        told
    }

    async fn event(&self, event: Value) -> (u16, Value) {
        self.ask(&[], "POST", "/v2/enqueue", Some(&event)).await
    }

    /// Makes an alert fire since some seconds, or end now.
    fn alert(&self, name: &str, severity: &str, since: i64, ends: bool) {
        let labels = [("alertname", name), ("namespace", "shop"), ("service", "payment"), ("severity", severity)];
        let alert = PostedAlert {
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            annotations: [("summary".to_owned(), "payment fails 17 % of its requests".to_owned())].into(),
            starts_at: Some(origin() - TimeDelta::seconds(since)),
            ends_at: ends.then(origin),
            generator_url: String::new(),
        };
        assert_eq!(self.server.alerts.post(vec![alert], origin()), Vec::<String>::new());
    }

    /// Incidents of one status, by title.
    async fn incidents(&self, status: &str) -> Vec<Value> {
        let told = self.get(&format!("/incidents?statuses%5B%5D={status}")).await;
        told["incidents"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn what_fires_pages_and_its_end_resolves_it() {
    let client = Client::new().await;
    client.alert("HighErrorRate", "critical", 60, false);
    client.alert("HighLatency", "warning", 60, false);
    client.alert("TooYoung", "critical", 5, false);
    let open = client.incidents("triggered").await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(open[0]["title"], "HighErrorRate: payment fails 17 % of its requests");
    assert_eq!((&open[0]["service"]["summary"], &open[0]["urgency"]), (&json!("payment"), &json!("high")));
    assert_eq!(open[0]["created_at"], "2026-11-21T14:31:17Z", "its start and the group's wait");
    assert_eq!(open[0]["assignments"][0]["assignee"]["summary"], "oncall");
    let id = open[0]["id"].as_str().unwrap();
    let alerts = client.get(&format!("/incidents/{id}/alerts")).await["alerts"].clone();
    assert_eq!(alerts[0]["body"]["details"]["alertname"], "HighErrorRate");
    assert_eq!(alerts[0]["alert_key"], open[0]["incident_key"]);

    client.alert("HighErrorRate", "critical", 60, true);
    let over = client.get(&format!("/incidents/{id}")).await["incident"].clone();
    assert_eq!((&over["status"], &over["resolved_at"]), (&json!("resolved"), &json!("2026-11-21T14:32:07Z")));
    assert_eq!(over["last_status_change_by"]["summary"], "payment", "nobody did it");
    // One that was resolved by hand stays so, as long as the same alert fires.
    client.alert("HighErrorRate", "critical", 30, false);
    let again = client.incidents("triggered").await;
    assert_eq!(again.len(), 1);
    let path = format!("/incidents/{}", again[0]["id"].as_str().unwrap());
    let wanted = json!({"incident": {"type": "incident_reference", "status": "resolved"}});
    assert_eq!(client.own("PUT", &path, Some(&wanted)).await.0, 200);
    assert_eq!(client.incidents("triggered").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_page_is_acknowledged_noted_escalated_and_snoozed() {
    let client = Client::new().await;
    client.alert("HighErrorRate", "critical", 60, false);
    let id = client.incidents("triggered").await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/incidents/{id}");
    let change = |fields: Value| {
        let mut wanted = fields;
        wanted["type"] = json!("incident_reference");
        wanted["id"] = json!(id);
        json!({"incident": wanted})
    };
    let (_, told) = client.own("PUT", &path, Some(&change(json!({"status": "acknowledged"})))).await;
    assert_eq!(told["incident"]["acknowledgements"][0]["acknowledger"]["summary"], "oncall");
    let (status, told) =
        client.own("POST", &format!("{path}/notes"), Some(&json!({"note": {"content": "rolled back"}}))).await;
    assert_eq!((status, &told["note"]["content"]), (200, &json!("rolled back")));
    assert_eq!(client.get(&format!("{path}/notes")).await["notes"][0]["user"]["summary"], "oncall");

    let (_, told) = client.own("PUT", &path, Some(&change(json!({"escalation_level": 2})))).await;
    assert_eq!(told["incident"]["assignments"][0]["assignee"]["summary"], "payments-lead");
    assert_eq!((&told["incident"]["status"], &told["incident"]["acknowledgements"]), (&json!("triggered"), &json!([])));
    let (status, told) = client.own("PUT", &path, Some(&change(json!({"escalation_level": 9})))).await;
    assert_eq!((status, &told["error"]["code"]), (400, &json!(2001)), "{told}");

    let targets = json!([{"responder_request_target": {"id": "PLABSRE", "type": "user_reference"}}]);
    let request = json!({"requester_id": "PLABONC", "message": "please help", "responder_request_targets": targets});
    assert_eq!(client.own("POST", &format!("{path}/responder_requests"), Some(&request)).await.0, 200);
    let (status, told) = client.own("POST", &format!("{path}/snooze"), Some(&json!({"duration": 600}))).await;
    assert_eq!((status, &told["incident"]["status"]), (201, &json!("acknowledged")));
    assert_eq!(told["incident"]["incidents_responders"][0]["user"]["summary"], "sre-lead");
    let clock = LabClock::frozen(origin() + TimeDelta::seconds(600));
    drop(PagerDuty { clock, ..client.server.clone() }.lock());
    let log = client.get(&format!("{path}/log_entries?limit=2")).await;
    let kinds: Vec<&str> =
        log["log_entries"].as_array().unwrap().iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert_eq!((kinds, &log["more"]), (vec!["unacknowledge_log_entry", "snooze_log_entry"], &json!(true)));

    // Several at once: all of them or none.
    let one = |id: &str, status: &str| json!({"id": id, "type": "incident_reference", "status": status});
    let bad = json!({"incidents": [one(&id, "resolved"), one("QNOTHERE", "resolved")]});
    assert_eq!(client.own("PUT", "/incidents", Some(&bad)).await.0, 404);
    assert_eq!(client.get(&path).await["incident"]["status"], "triggered");
    let good = json!({"incidents": [one(&id, "resolved")]});
    assert_eq!(client.own("PUT", "/incidents", Some(&good)).await.1["incidents"][0]["status"], "resolved");
    let (status, told) = client.own("PUT", &path, Some(&change(json!({"status": "acknowledged"})))).await;
    assert_eq!((status, &told["error"]["errors"][0]), (400, &json!("Incident Already Resolved")));
}

#[tokio::test]
async fn tokens_and_in_whose_name() {
    let client = Client::new().await;
    let account = format!("Token token={ACCOUNT_TOKEN}");
    let note = json!({"note": {"content": "x"}});
    let write = async |headers: &[(&str, &str)]| {
        let (status, told) = client.ask(headers, "POST", "/incidents/1/notes", Some(&note)).await;
        (status, told["error"]["code"].as_u64().unwrap_or_default())
    };
    assert_eq!(client.ask(&[], "GET", "/incidents", None).await.0, 401);
    assert_eq!(write(&[("Authorization", "Token token=other")]).await, (401, 2006));
    assert_eq!(write(&[("Authorization", &format!("Token token={READ_TOKEN}"))]).await, (403, 2010));
    let own = [("Authorization", account.as_str())];
    assert_eq!(write(&own).await, (400, 2016));
    assert_eq!(write(&[own[0], ("From", "nobody")]).await, (400, 1028));
    assert_eq!(write(&[own[0], ("From", "nobody@shop.example")]).await, (400, 1008));
    assert_eq!(write(&[own[0], ("From", "support@shop.example")]).await, (200, 0));
    assert_eq!(client.ask(&own, "GET", "/users/me", None).await.0, 400);
    assert_eq!(client.get("/users/me").await["user"]["email"], "oncall@shop.example");
    assert_eq!(client.own("GET", "/nothing", None).await.1["error"]["code"], 2100);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let client = Client::new().await;
    for number in 0..3 {
        let payload = json!({"summary": format!("event {number}"), "source": "test", "severity": "critical"});
        let event = json!({"routing_key": routing_key("auth"), "event_action": "trigger", "payload": payload});
        assert_eq!(client.event(event).await.0, 202);
    }
    let page = client.get("/incidents?service_ids%5B%5D=PLABSV3&limit=2&total=true").await;
    assert_eq!(
        (page["incidents"].as_array().unwrap().len(), &page["more"], &page["total"]),
        (2, &json!(true), &json!(3))
    );
    let rest = client.get("/incidents?service_ids%5B%5D=PLABSV3&limit=2&offset=2").await;
    assert_eq!(
        (&rest["incidents"][0]["title"], &rest["more"], &rest["total"]),
        (&json!("event 2"), &json!(false), &Value::Null)
    );
    assert_eq!(client.own("GET", "/incidents?limit=101", None).await.0, 400);
    let on_call = client.get("/oncalls?escalation_policy_ids%5B%5D=PLABSHP").await;
    let levels: Vec<(&Value, &Value)> = on_call["oncalls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["escalation_level"], &one["user"]["summary"]))
        .collect();
    assert_eq!(
        levels,
        [(&json!(1), &json!("oncall")), (&json!(2), &json!("payments-lead")), (&json!(3), &json!("sre-lead"))]
    );
    let services = client.get("/services").await;
    assert_eq!(
        (&services["services"][2]["name"], &services["services"][2]["status"]),
        (&json!("auth"), &json!("critical"))
    );
}

#[tokio::test]
async fn events_begin_join_and_end_incidents_and_changes_page_nobody() {
    let client = Client::new().await;
    let event = |action: &str, key: &str| {
        let payload = json!({"summary": "disk full", "source": "worker-b2", "severity": "warning"});
        json!({"routing_key": routing_key("platform"), "event_action": action, "dedup_key": key, "payload": payload})
    };
    for _ in 0..2 {
        let (status, told) = client.event(event("trigger", "disk")).await;
        assert_eq!((status, &told["dedup_key"]), (202, &json!("disk")));
    }
    let found = async |status: &str| {
        let told = client.get(&format!("/incidents?incident_key=disk&statuses%5B%5D={status}")).await;
        told["incidents"].as_array().unwrap().len()
    };
    assert_eq!(found("triggered").await, 1, "the second joins the first");
    client.event(event("acknowledge", "disk")).await;
    assert_eq!(found("acknowledged").await, 1);
    client.event(event("resolve", "disk")).await;
    assert_eq!(client.event(event("resolve", "disk")).await.0, 202, "of what is over nothing is said");
    client.event(event("trigger", "disk")).await;
    assert_eq!((found("resolved").await, found("triggered").await), (1, 1), "a new one");

    let mut bad = event("trigger", "x");
    bad["payload"]["severity"] = json!("page");
    let (status, told) = client.event(bad).await;
    assert_eq!((status, &told["status"]), (400, &json!("invalid event")), "{told}");
    let short = json!({"routing_key": "short", "event_action": "trigger"});
    assert_eq!(client.event(short).await.0, 400);

    let before = client.get("/incidents").await["incidents"].as_array().unwrap().len();
    let payload =
        json!({"summary": "rollout undone: shop/payment", "source": "opsdeck", "custom_details": {"mark": "x7k2"}});
    let change = json!({"routing_key": routing_key("payment"), "payload": payload});
    assert_eq!(client.ask(&[], "POST", "/v2/change/enqueue", Some(&change)).await.0, 202);
    let changes = client.get("/change_events").await["change_events"].clone();
    assert_eq!(
        (&changes[0]["custom_details"]["mark"], &changes[0]["services"][0]["summary"]),
        (&json!("x7k2"), &json!("payment"))
    );
    assert_eq!(client.get("/incidents").await["incidents"].as_array().unwrap().len(), before);
}

#[tokio::test]
async fn too_many_calls_are_told_when_to_come_back() {
    let client = Client::new().await;
    client.server.lock().pace = Bucket::new(1, 0.1);
    assert_eq!(client.own("GET", "/abilities", None).await.0, 200);
    let request = client
        .http
        .get(format!("{}/abilities", client.url))
        .header("Authorization", format!("Token token={USER_TOKEN}"));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 429);
    let wait: u64 = answer.headers()["ratelimit-reset"].to_str().unwrap().parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    assert_eq!(answer.json::<Value>().await.unwrap()["error"]["code"], 2020);
}
