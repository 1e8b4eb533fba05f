//! Opsgenie against an account that answers as documented: later, and not always well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::requests::WINDOW;
use super::*;
use crate::config::incidents::Paging as Settings;
use crate::config::secret::SecretSource;
use crate::domain::incident::delivery::{Again, What};
use crate::integrations::flags::segment;
use crate::integrations::http::script::plain;
use crate::integrations::outgoing::server::{Request, Server, Trouble, cleared, survives};
use crate::ports::feed::FaultKind;
use crate::ports::incident::ServiceFinding;

const ALERT: &str = "70413a06-38d6-4c85-92b8-5ebc900d42e2";

/// One account.
#[derive(Default)]
struct Account {
    alerts: Vec<Value>,
    notes: Vec<Value>,
    /// What was carried out, by word.
    done: Vec<String>,
    /// Requests that were taken: what came of them, and how often it will be said that they wait.
    requests: Vec<Value>,
    waits: usize,
    refusal: Option<(u16, Value)>,
    /// It takes requests and does not carry them out.
    fails: bool,
    /// Requests that it took and carries out later, by number.
    queue: Vec<(usize, Request)>,
    /// Does it carry them out later?
    slow: bool,
}

impl Account {
    /// Carries out what waits.
    fn catch_up(&mut self) {
        for (number, request) in std::mem::take(&mut self.queue) {
            self.requests[number] = carry_out(self, &request);
        }
    }
}

fn alert(id: &str) -> Value {
    json!({
        "id": id, "tinyId": "1791", "alias": id, "message": "HighErrorRate \u{1b}[31mon payment", "status": "open",
        "acknowledged": false, "createdAt": "2026-11-21T14:31:42.211Z", "updatedAt": "2026-11-21T14:33:00Z",
        "source": "alertmanager", "owner": "", "entity": null, "report": null,
        "responders": [{"type": "team", "id": "team-1"}], "teams": [{"id": "team-1"}],
        "integration": {"id": "int-1", "name": "Prometheus", "type": "Prometheus"},
    })
}

fn account() -> Account {
    Account { alerts: vec![alert(ALERT)], waits: 1, ..Account::default() }
}

fn server(account: Account) -> Arc<Server<Account>> {
    Server::new(account, answer)
}

fn source() -> PagingSource {
    let paging: Settings = serde_json::from_str(r#"{"name": "og", "provider": "opsgenie"}"#).unwrap();
    let mut http = plain();
    http.token = Some(SecretSource::Command(vec!["echo".into(), "g3n1e".into()]));
    PagingSource { paging, http }
}

fn opsgenie(server: &Arc<Server<Account>>) -> Opsgenie {
    Opsgenie::over(server.road(Product::Opsgenie), &source())
}

fn gone() -> (u16, Value) {
    (404, json!({"message": "Alert with id [x] does not exist.", "took": 0.01, "requestId": "r"}))
}

fn listed(all: Vec<Value>, offset: usize, limit: usize) -> (u16, Value) {
    assert!(limit <= 100, "{limit}");
    let next = (offset + limit < all.len())
        .then(|| format!("https://api.opsgenie.com/x?limit={limit}&offset={}", offset + limit));
    let some: Vec<Value> = all.into_iter().skip(offset).take(limit).collect();
    (200, json!({"data": some, "paging": {"next": next, "first": "x"}, "took": 0.1, "requestId": "r"}))
}

fn answer(account: &mut Account, request: &Request) -> (u16, Value) {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let entity = |value: Value| (200, json!({"data": value, "took": 0.1, "requestId": "r"}));
    if request.method != "GET"
        && let Some(refusal) = &account.refusal
    {
        return refusal.clone();
    }
    let (limit, offset) = (request.number("limit", 20), request.number("offset", 0));
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["v2", "alerts", "requests", id]) => {
            if account.waits > 0 {
                account.waits -= 1;
                return (
                    404,
                    json!({"message": "Request not found. It might not be processed, yet.", "requestId": "r"}),
                );
            }
            let at: usize = id.trim_start_matches("request-").parse().unwrap();
            match &account.requests[at] {
                Value::Null => (404, json!({"message": "Request not found. It might not be processed, yet."})),
                outcome => entity(outcome.clone()),
            }
        }
        ("GET", ["v2", "alerts"]) => {
            assert!(offset + limit <= 20_000);
            listed(account.alerts.iter().filter(|one| one["status"] == "open").cloned().collect(), offset, limit)
        }
        ("GET", ["v2", "schedules", "on-calls"]) => {
            assert_eq!(request.value("flat"), Some("true"));
            entity(
                json!([{"_parent": {"id": "s-2", "name": "Shop", "enabled": true}, "onCallRecipients": ["ada@shop.example"]},
                {"_parent": {"id": "s-1", "name": "Data", "enabled": true}, "onCallRecipients": ["bob@shop.example", "eve@shop.example"]}]),
            )
        }
        ("GET", ["v2", "escalations"]) => entity(json!([
            {"id": "esc-1", "name": "Checkout", "ownerTeam": {"id": "team-1", "name": "Shop"}},
            {"id": "esc-2", "name": "Data", "ownerTeam": {"id": "team-2"}},
        ])),
        ("GET", ["v2", "users", "bob@shop.example" | "u-2"]) => {
            entity(json!({"id": "u-2", "username": "bob@shop.example", "fullName": "Bob"}))
        }
        ("GET", ["v2", "teams", "Data"]) if request.value("identifierType") == Some("name") => {
            entity(json!({"id": "team-2", "name": "Data"}))
        }
        ("GET", ["v2", "alerts", id]) => {
            let found = account.alerts.iter().find(|one| one["id"] == *id).cloned();
            found.map_or_else(gone, |mut one| {
                one["details"] = json!({"alertname": "HighErrorRate"});
                entity(one)
            })
        }
        ("GET", ["v2", "alerts", _, "notes"]) => listed(account.notes.iter().rev().cloned().collect(), offset, limit),
        ("POST", ["v2", "alerts", rest @ ..]) => take(account, request, rest),
        _ => gone(),
    }
}

/// Takes a request, and carries it out at once or later; it says so later.
fn take(account: &mut Account, request: &Request, rest: &[&str]) -> (u16, Value) {
    let body = &request.body;
    assert_eq!(body["source"], "opsdeck");
    let number = account.requests.len();
    match rest {
        [] => {
            let (message, alias) = (body["message"].as_str().unwrap(), body["alias"].as_str().unwrap());
            if message.chars().count() > 130 || alias.chars().count() > 512 {
                return (
                    422,
                    json!({"message": "Request body is not processable.", "errors": {"message": "too long"}}),
                );
            }
        }
        [_, _] => assert!(body["note"].as_str().unwrap().chars().count() <= 25_000),
        _ => return gone(),
    }
    account.requests.push(Value::Null);
    if account.slow {
        account.queue.push((number, request.clone()));
    } else {
        account.requests[number] = carry_out(account, request);
    }
    (202, json!({"result": "Request will be processed", "took": 0.1, "requestId": format!("request-{number}")}))
}

fn carry_out(account: &mut Account, request: &Request) -> Value {
    let outcome = |success: bool, status: &str, alert: &str| json!({"success": success, "isSuccess": success, "action": "x", "status": status, "alertId": alert});
    if account.fails {
        return outcome(false, "Alert does not exist", "");
    }
    let body = &request.body;
    let segments = request.segments();
    let [_, _, id, verb] = segments.as_slice() else {
        let alias = body["alias"].as_str().unwrap();
        if let Some(known) = account.alerts.iter().find(|one| one["alias"] == alias) {
            return outcome(true, "Created alert", known["id"].as_str().unwrap());
        }
        let mut made = alert(alias);
        made["id"] = json!("new-1");
        account.done.push(format!("create {}", body["priority"].as_str().unwrap()));
        account.alerts.push(made);
        return outcome(true, "Created alert", "new-1");
    };
    let Some(one) = account.alerts.iter_mut().find(|one| one["id"] == *id) else {
        return outcome(false, "Alert does not exist", "");
    };
    match verb.as_str() {
        "acknowledge" if one["acknowledged"] == true => return outcome(false, "Alert is already acknowledged", id),
        "close" if one["status"] == "closed" => return outcome(false, "Alert is already closed", id),
        "acknowledge" => one["acknowledged"] = json!(true),
        "close" => one["status"] = json!("closed"),
        "responders" => one["responders"].as_array_mut().unwrap().push(body["responder"].clone()),
        "escalate" => assert_eq!(body["escalation"]["id"], "esc-1"),
        "notes" => {}
        other => panic!("{other}"),
    }
    account
        .notes
        .push(json!({"note": body["note"], "owner": "opsdeck", "createdAt": "2026-11-21T14:34:00Z", "offset": "1"}));
    account.done.push(verb.clone());
    outcome(true, "done", id)
}

fn deliveries() -> Vec<What> {
    let page = || ALERT.to_owned();
    vec![
        What::Acknowledge { page: page() },
        What::ResolvePage { page: page() },
        What::Escalate { page: page(), level: None },
        What::AddResponders { page: page(), who: vec!["bob@shop.example".into()], message: "please look".into() },
        What::PageNote { page: page(), text: "rolled back".into() },
        What::Page { summary: "payment fails".into(), source: "shop/payment".into(), severity: "critical".into() },
    ]
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_everything_arrives_once() {
    for what in deliveries() {
        let clear = |doubt| cleared("step", what.clone(), doubt);
        survives(|| server(account()), opsgenie, clear, |account| account.done.len()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_says_what_came_of_it() {
    let server = server(account());
    let opsgenie = opsgenie(&server);
    let send = async |what: What| opsgenie.deliver(&cleared("step", what, false)).await.unwrap();
    let done = send(deliveries().remove(0)).await;
    assert_eq!((done.id.as_deref(), done.name.as_deref()), (Some(ALERT), Some("HighErrorRate on payment")));
    assert_eq!(done.link.unwrap(), format!("https://app.opsgenie.com/alert/detail/{ALERT}/details"));
    server.state(|account| account.alerts[0]["report"] = json!({"acknowledgedBy": "ada@shop.example"}));
    let again = send(deliveries().remove(0)).await;
    assert_eq!(
        again.remarks,
        ["it was acknowledged already by ada@shop.example (last changed at 14:33 UTC on 2026-11-21)"]
    );
    let sent_on = send(What::Escalate { page: ALERT.into(), level: Some(2) }).await;
    assert_eq!(sent_on.remarks[0], "along Checkout");
    assert!(sent_on.remarks[1].contains("cannot be chosen"), "{sent_on:?}");
    let who = ["bob@shop.example", "Data", "u-2", "nobody"].map(str::to_owned).to_vec();
    let asked = send(What::AddResponders { page: ALERT.into(), who, message: "x".into() }).await;
    assert_eq!(asked.remarks, ["asked: Bob, Data", "nobody is neither a user nor a team of Opsgenie"]);
    let summary = "s".repeat(200);
    let paged = send(What::Page { summary, source: "shop/payment".into(), severity: "loud".into() }).await;
    assert_eq!(paged.id.as_deref(), Some("new-1"));
    assert!(paged.remarks[0].contains("sent as P3") && paged.remarks[1].contains("from 200 to 130"), "{paged:?}");
    let text = "é".repeat(30_000);
    let noted = send(What::PageNote { page: ALERT.into(), text }).await;
    assert!(noted.remarks[0].starts_with("the note was shortened from 30000"), "{noted:?}");
    assert!(server.state(|account| account.notes.pop().unwrap()["note"].as_str().unwrap().ends_with("/step]")));
    let expected = ["acknowledge", "escalate", "responders", "responders", "create P3", "notes"];
    assert_eq!(server.state(|account| account.done.clone()), expected);
    send(What::ResolvePage { page: ALERT.into() }).await;
    let late = send(What::Acknowledge { page: ALERT.into() }).await;
    assert!(late.remarks[0].starts_with("it was closed already"), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_and_not_carried_out_is_told_apart_from_what_is_not_known() {
    let what = || cleared("step", deliveries().remove(0), false);
    let failing = server(Account { fails: true, ..account() });
    let error = opsgenie(&failing).deliver(&what()).await.unwrap_err();
    assert_eq!(error.again, Again::Ask);
    assert!(error.fault.message.ends_with("did not carry it out: Alert does not exist"), "{error}");
    let slow = server(Account { waits: 1_000, ..account() });
    let error = opsgenie(&slow).deliver(&what()).await.unwrap_err();
    assert_eq!(error.again, Again::Doubtful);
    assert!(error.fault.message.contains("has not carried it out yet"), "{error}");
    let looks = slow.asked().iter().filter(|request| request.path.contains("/requests/")).count();
    assert_eq!(looks, 6);
}

#[tokio::test(start_paused = true)]
async fn what_is_carried_out_late_is_not_sent_again() {
    for what in deliveries() {
        let clear = |doubt| cleared("step", what.clone(), doubt);
        let is_state = matches!(what, What::Acknowledge { .. } | What::ResolvePage { .. } | What::Page { .. });
        // The console remembers the request's id; or its answer was lost; or it is another console, after a crash.
        for (lost, again) in [(false, false), (true, false), (true, true), (false, true)] {
            let place = format!("{what:?}, lost: {lost}, another console: {again}");
            let server = server(Account { slow: true, waits: 0, ..account() });
            let console = opsgenie;
            let mut opsgenie = console(&server);
            if lost {
                let looks = requests_before(&what).await;
                server.trouble(looks, Trouble::Lost);
            }
            let error = opsgenie.deliver(&clear(false)).await.unwrap_err();
            assert_eq!(error.again, Again::Doubtful, "{place}: {error}");
            if again {
                opsgenie = console(&server);
            }
            for wait in [2, 4, 8, 16] {
                tokio::time::advance(std::time::Duration::from_secs(wait)).await;
                let early = opsgenie.deliver(&clear(true)).await.unwrap_err();
                assert_eq!(early.again, Again::Doubtful, "{place}: {early}");
                // What would be the same as once is sent again where nothing is known of it, so that nobody waits for it.
                let most = if is_state && (lost || again) { 2 } else { 1 };
                assert!(server.state(|account| account.queue.len()) <= most, "{place}: it was sent again");
            }
            server.state(Account::catch_up);
            let end = opsgenie.deliver(&clear(true)).await;
            assert!(end.is_ok(), "{place}: {end:?}");
            assert_eq!(server.state(|account| account.done.len()), 1, "{place}");
        }
    }
}

/// How many requests come before the one that alters something.
async fn requests_before(what: &What) -> usize {
    let server = server(account());
    opsgenie(&server).deliver(&cleared("step", what.clone(), false)).await.unwrap();
    server.asked().iter().position(|request| request.method == "POST").unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_never_arrived_is_sent_again_in_the_end() {
    let server = server(account());
    let opsgenie = opsgenie(&server);
    let note = |doubt| cleared("step", deliveries().remove(4), doubt);
    server.trouble(1, Trouble::Status(502));
    assert_eq!(opsgenie.deliver(&note(false)).await.unwrap_err().again, Again::Doubtful);
    let early = opsgenie.deliver(&note(true)).await.unwrap_err();
    assert!(early.fault.hint.unwrap().contains("only after 120 s"));
    tokio::time::advance(WINDOW).await;
    opsgenie.deliver(&note(true)).await.unwrap();
    assert_eq!(server.state(|account| account.done.clone()), ["notes"]);
}

#[tokio::test(start_paused = true)]
async fn a_mark_is_found_among_many_notes() {
    let server = server(account());
    let note = What::PageNote { page: ALERT.into(), text: "rolled back".into() };
    opsgenie(&server).deliver(&cleared("note:1", note.clone(), false)).await.unwrap();
    let other = |n: usize| json!({"note": format!("other {n}"), "createdAt": "2026-11-21T14:35:00Z"});
    server.state(|account| account.notes.extend((0..250).map(other)));
    let receipt = opsgenie(&server).deliver(&cleared("note:1", note.clone(), true)).await.unwrap();
    assert_eq!(receipt.remarks, ["it was there already, since 14:34 UTC on 2026-11-21"]);
    // Another delivery with the same words is another note; one of another console may be waiting, and is given time.
    let opsgenie = opsgenie(&server);
    let early = opsgenie.deliver(&cleared("note:11", note.clone(), true)).await.unwrap_err();
    assert_eq!(early.again, Again::Doubtful, "{early}");
    tokio::time::advance(WINDOW).await;
    opsgenie.deliver(&cleared("note:11", note, true)).await.unwrap();
    assert_eq!(server.state(|account| account.done.len()), 2);
}

#[tokio::test]
async fn documented_errors_say_what_to_do() {
    let problem = |message: &str| json!({"message": message, "took": 0.0, "requestId": "r"});
    let cases = [
        (401, problem("Key format is not valid!"), FaultKind::Unauthorized, "api.eu.opsgenie.com"),
        (402, problem("Payment required"), FaultKind::Forbidden, "plan"),
        (403, problem("You are not authorized"), FaultKind::Forbidden, "needs the rights"),
        (404, problem("No handler found"), FaultKind::NotServed, "deleted"),
        (422, json!({"message": "not \u{1b}[1mprocessable", "errors": {"message": "too long"}}), FaultKind::Server, ""),
    ];
    for (status, body, kind, hint) in cases {
        let server = server(Account { refusal: Some((status, body.clone())), ..account() });
        let error = opsgenie(&server).deliver(&cleared("step", deliveries().remove(0), false)).await.unwrap_err();
        assert_eq!((error.fault.kind, error.again), (kind, Again::Ask), "{body}: {error:?}");
        assert!(error.fault.hint.clone().unwrap_or_default().contains(hint), "{error:?}");
        assert!(!error.fault.message.contains('\u{1b}'), "{error:?}");
    }
    let server = server(account());
    for what in [
        What::Acknowledge { page: "gone".into() },
        What::Acknowledge { page: "requests".into() },
        What::Change { summary: "x".into(), source: "y".into(), details: std::collections::BTreeMap::new() },
        What::Archive,
    ] {
        let error = opsgenie(&server).deliver(&cleared("step", what.clone(), true)).await.unwrap_err();
        assert_eq!(error.again, Again::Ask, "{what:?}");
    }
    // Two policies fit: a person says which.
    server.state(|account| account.alerts[0]["teams"] = json!([{"id": "team-1"}, {"id": "team-2"}]));
    let error = opsgenie(&server).deliver(&cleared("step", deliveries().remove(2), false)).await.unwrap_err();
    assert!(error.fault.message.contains("Checkout (esc-1), Data (esc-2)"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn in_doubt_a_look_that_fails_keeps_the_doubt_and_sends_nothing() {
    for what in deliveries().into_iter().filter(|what| !matches!(what, What::Page { .. })) {
        for trouble in [Trouble::Status(401), Trouble::Status(500), Trouble::Limited(9), Trouble::LoginPage] {
            let server = server(account());
            server.trouble(0, trouble);
            let error = opsgenie(&server).deliver(&cleared("step", what.clone(), true)).await.unwrap_err();
            assert_eq!(error.again, Again::Doubtful, "{what:?}: {trouble:?}");
            assert!(server.state(|account| account.done.is_empty()), "{what:?}: {trouble:?}");
        }
    }
}

#[tokio::test]
async fn alerts_and_people_are_listed_whole() {
    let server = server(account());
    server.state(|account| account.alerts.extend((0..250).map(|n| alert(&format!("a{n:05}")))));
    let pages = opsgenie(&server).pages().await.unwrap();
    assert_eq!(pages.len(), 251);
    let first = &pages[0];
    assert_eq!((first.title.as_str(), first.status.as_str()), ("HighErrorRate on payment", "triggered"));
    assert_eq!((first.service.as_str(), first.alerts[0].as_str()), ("alertmanager", "HighErrorRate"));
    let people = opsgenie(&server).on_call().await.unwrap();
    let rows: Vec<_> = people.iter().map(|row| (row.of.as_str(), row.who.as_str())).collect();
    assert_eq!(rows, [("Data", "bob@shop.example"), ("Data", "eve@shop.example"), ("Shop", "ada@shop.example")]);
    let mut source = source();
    source.paging.services = Some(vec!["s-2".into(), "team-9".into()]);
    let some = Opsgenie::over(server.road(Product::Opsgenie), &source);
    assert_eq!(some.on_call().await.unwrap().len(), 1);
    assert_eq!(some.pages().await.unwrap().len(), 0);
    let names = |checks: &[ServiceCheck]| checks.iter().map(|check| check.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&some.check().await), ["token", "on call", "rate", "clock", "end of service"]);
    server.trouble(1, Trouble::Status(403));
    let checks = some.check().await;
    assert!(matches!(checks[1].result, ServiceFinding::Loss(..)), "{checks:?}");
}

#[tokio::test]
async fn on_the_wire_the_key_is_where_it_belongs() {
    let server = MockServer::start().await;
    let ours =
        |verb: &str, of: &str| Mock::given(method(verb)).and(path(of)).and(header("authorization", "GenieKey g3n1e"));
    let alert_path = format!("/v2/alerts/{}", segment(ALERT));
    let found = ResponseTemplate::new(200).set_body_json(json!({"data": alert(ALERT)}));
    ours("GET", &alert_path).respond_with(found).expect(1).mount(&server).await;
    let limited = ResponseTemplate::new(429).insert_header("x-ratelimit-period-in-sec", "60");
    ours("POST", &format!("{alert_path}/acknowledge")).respond_with(limited).expect(1).mount(&server).await;
    let mut source = source();
    source.paging.url = Some(server.uri());
    let opsgenie = Opsgenie::new(&source);
    let error = opsgenie.deliver(&cleared("step", deliveries().remove(0), false)).await.unwrap_err();
    assert_eq!(error.again, Again::In(60));
    assert!(!format!("{error:?}").contains("g3n1e"));
}
