//! Statuspage against a page that answers as documented.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::config::incidents::StatusPage as Settings;
use crate::config::secret::SecretSource;
use crate::domain::incident::delivery::Again;
use crate::integrations::http::script::plain;
use crate::integrations::outgoing::server::{Request, Server, Trouble, aimed, survives};

/// The page.
#[derive(Default)]
struct Board {
    incidents: Vec<Value>,
    components: Vec<Value>,
    /// Texts of updates, as customers read them.
    updates: Vec<String>,
    refusal: Option<(u16, Value)>,
}

fn board() -> Board {
    let component = |id: &str, name: &str, group: bool| json!({"id": id, "name": name, "status": "operational", "group": group, "group_id": null, "description": null});
    let components = vec![
        component("grp00000", "Shop", true),
        component("cmp00001", "Checkout", false),
        component("cmp00002", "Sear\u{1b}[1mch", false),
    ];
    let other = json!({"id": "older001", "name": "Older", "status": "resolved", "metadata": {}, "shortlink": null});
    Board { components, incidents: vec![other], ..Board::default() }
}

fn answer(board: &mut Board, request: &Request) -> (u16, Value) {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let gone = || (404, json!({"error": "not found"}));
    let ["v1", "pages", "kctbh9vrtdwd", rest @ ..] = path.as_slice() else { return gone() };
    if request.method != "GET"
        && let Some(refusal) = &board.refusal
    {
        return refusal.clone();
    }
    match (request.method.as_str(), rest) {
        ("GET", []) => (200, json!({"name": "Shop", "domain": null, "subdomain": "shop"})),
        ("GET", ["components"]) => {
            let (page, size) = (request.number("page", 1), request.number("per_page", 100));
            let some: Vec<_> = board.components.iter().skip((page - 1) * size).take(size).collect();
            (200, json!(some))
        }
        ("GET", ["incidents"]) => {
            let (page, limit) = (request.number("page", 1), request.number("limit", 100));
            let some: Vec<_> = board.incidents.iter().rev().skip((page - 1) * limit).take(limit).collect();
            (200, json!(some))
        }
        ("GET", ["incidents", id]) => {
            board.incidents.iter().find(|one| one["id"] == *id).map_or_else(gone, |one| (200, one.clone()))
        }
        ("POST", ["incidents"]) => {
            let wanted = &request.body["incident"];
            board.updates.push(wanted["body"].as_str().unwrap().to_owned());
            let mut made = wanted.clone();
            made["id"] = json!(format!("new{:05}", board.incidents.len()));
            made["shortlink"] = json!("https://stspg.io/new");
            made["updated_at"] = json!("2026-11-21T14:40:00.000Z");
            board.incidents.push(made.clone());
            (201, made)
        }
        ("PATCH", ["incidents", id]) => {
            let Some(at) = board.incidents.iter().position(|one| one["id"] == *id) else { return gone() };
            board.updates.push(request.body["incident"]["body"].as_str().unwrap().to_owned());
            for (name, value) in request.body["incident"].as_object().unwrap() {
                board.incidents[at][name] = value.clone();
            }
            (200, board.incidents[at].clone())
        }
        _ => gone(),
    }
}

fn server() -> Arc<Server<Board>> {
    Server::new(board(), answer)
}

fn source() -> StatusPageSource {
    let text = r#"{"name": "public", "provider": "statuspage", "page": "kctbh9vrtdwd", "components": {"Checkout": ["payment"]}}"#;
    let page: Settings = serde_json::from_str(text).unwrap();
    let mut http = plain();
    http.token = Some(SecretSource::Command(vec!["echo".into(), "k3y".into()]));
    StatusPageSource { page, http }
}

fn statuspage(server: &Arc<Server<Board>>) -> Statuspage {
    Statuspage::over(server.road(Product::Statuspage), &source())
}

fn publish(status: &str, component: Option<(&str, &str)>) -> What {
    let components = component.into_iter().map(|(name, state)| (name.to_owned(), state.to_owned())).collect();
    What::Publish {
        title: "Payments fail".into(),
        status: status.into(),
        body: "We look\u{1b}[2J into it.".into(),
        components,
    }
}

fn outage(status: &str) -> What {
    publish(status, Some(("Checkout", "major_outage")))
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_customers_read_it_once() {
    let effects = |board: &mut Board| board.updates.len();
    let clear = |doubt| aimed("publish", outage("investigating"), None, doubt);
    survives(server, statuspage, clear, effects).await;
    // The next update of what was published.
    let clear = |doubt| aimed("update:1", outage("identified"), Some("older001"), doubt);
    survives(server, statuspage, clear, effects).await;
}

#[tokio::test]
async fn an_incident_is_made_and_then_updated() {
    let server = server();
    let page = statuspage(&server);
    let made = page.deliver(&aimed("publish", outage("investigating"), None, false)).await.unwrap();
    assert_eq!((made.id.as_deref(), made.link.as_deref()), (Some("new00001"), Some("https://stspg.io/new")));
    let there = server.state(|board| board.incidents[1].clone());
    assert_eq!(there["body"], "We look into it.");
    assert_eq!(there["component_ids"], json!(["cmp00001"]));
    assert_eq!(there["components"], json!({"cmp00001": "major_outage"}));
    server.state(|board| board.incidents[1]["metadata"]["tool"] = json!("theirs"));
    for (key, status) in [("update:1", "identified"), ("update:2", "resolved")] {
        let receipt = page.deliver(&aimed(key, publish(status, None), Some("new00001"), false)).await.unwrap();
        assert_eq!(receipt.remarks, Vec::<String>::new());
    }
    let there = server.state(|board| board.incidents[1].clone());
    assert_eq!(there["metadata"]["tool"], "theirs", "what other tools keep there stays");
    assert_eq!(there["deliver_notifications"], true);
    let reopened =
        page.deliver(&aimed("update:3", publish("monitoring", None), Some("new00001"), false)).await.unwrap();
    assert_eq!(reopened.remarks, ["Payments fail was resolved on the page, and is open again"]);
    // Any of its deliveries is known again.
    for key in ["publish", "update:1", "update:2", "update:3"] {
        let again = page.deliver(&aimed(key, publish("monitoring", None), Some("new00001"), true)).await.unwrap();
        assert_eq!(again.remarks, ["it was there already, last changed at 14:40 UTC on 2026-11-21"], "{key}");
    }
    assert_eq!(server.state(|board| board.updates.len()), 4);
}

#[tokio::test]
async fn a_look_that_does_not_see_all_is_a_persons_to_judge() {
    let server = server();
    server.state(|board| {
        let one = |n: usize| json!({"id": format!("o{n}"), "name": "x", "metadata": {}, "created_at": "2026-11-21T14:00:00Z"});
        board.incidents.extend((0..1_200).map(one));
    });
    let page = statuspage(&server);
    let clear = || aimed("publish", outage("investigating"), None, true);
    assert_eq!(page.deliver(&clear()).await.unwrap_err().again, Again::Ask);
    assert_eq!(server.state(|board| board.updates.len()), 0);
    let first = "2026-11-21T15:00:00Z".parse().ok();
    page.deliver(&clear().forged_past(first, false)).await.unwrap();
    assert_eq!(server.state(|board| board.updates.len()), 1, "all that is listed is older than the first attempt");
}

#[tokio::test]
async fn names_states_and_lengths_that_do_not_fit_are_said() {
    let server = server();
    let page = statuspage(&server);
    let refusal = async |what: What, channel: Option<&str>| {
        let error = page.deliver(&aimed("x", what, channel, false)).await.unwrap_err();
        assert_eq!(error.again, Again::Ask, "{error:?}");
        error.fault
    };
    let fault = refusal(publish("identified", Some(("Chekout", "major_outage"))), None).await;
    assert_eq!(fault.message, "the status page has no component `Chekout`; did you mean `Checkout`?");
    assert_eq!(fault.hint.as_deref(), Some("correct status-page.components; there are: Checkout, Search"));
    assert!(
        refusal(publish("identified", Some(("Checkout", "down"))), None).await.hint.unwrap().contains("major_outage")
    );
    assert!(refusal(publish("broken", None), None).await.hint.unwrap().contains("investigating"));
    assert!(refusal(publish("identified", None), Some("gone")).await.message.contains("not on the status page"));
    assert_eq!(refusal(What::Archive, None).await.kind, FaultKind::NotServed);
    assert_eq!(server.state(|board| board.updates.len()), 0);
    let components = [("checkout".to_owned(), "operational".to_owned())].into();
    let what =
        What::Publish { title: "t".repeat(300), status: "resolved".into(), body: "b".repeat(30_000), components };
    let receipt = page.deliver(&aimed("x", what, None, false)).await.unwrap();
    assert_eq!(receipt.remarks.len(), 2, "{receipt:?}");
    let length = |name: &str| server.state(|board| board.incidents[1][name].as_str().unwrap().chars().count());
    assert_eq!((length("name"), length("body")), (255, 25_000));
}

#[tokio::test(start_paused = true)]
async fn documented_errors_say_what_to_do() {
    let cases = [
        (401, json!({"error": "Could not authenticate"}), FaultKind::Unauthorized, "status-page.token", Again::Ask),
        (403, json!({"error": "Forbidden"}), FaultKind::Forbidden, "incident manager", Again::Ask),
        (404, json!({"error": "not found"}), FaultKind::NotServed, "status-page.page", Again::Ask),
        (422, json!({"error": ["Name can't be\u{1b}[31m blank"]}), FaultKind::Server, "", Again::Ask),
        (420, json!({"error": "Enhance your calm"}), FaultKind::Server, "", Again::In(30)),
    ];
    for (status, body, kind, hint, again) in cases {
        let server = server();
        server.state(|board| board.refusal = Some((status, body.clone())));
        let clear = aimed("x", publish("identified", None), None, false);
        let error = statuspage(&server).deliver(&clear).await.unwrap_err();
        assert_eq!((error.fault.kind, error.again), (kind, again), "{body}");
        assert!(error.fault.hint.clone().unwrap_or_default().contains(hint), "{error:?}");
        assert!(!error.fault.message.contains('\u{1b}'), "{error:?}");
    }
}

#[tokio::test]
async fn components_are_listed_whole_and_doctor_checks_their_names() {
    let server = server();
    server.state(|board| {
        let more =
            (0..250).map(|n| json!({"id": format!("more{n:04}"), "name": format!("c{n}"), "status": "operational"}));
        board.components.extend(more);
    });
    let components = statuspage(&server).components().await.unwrap();
    assert_eq!(components.len(), 252);
    assert_eq!(components[1], ("Search".to_owned(), "operational".to_owned()));
    let names = |checks: &[ServiceCheck]| checks.iter().map(|check| check.name.clone()).collect::<Vec<_>>();
    let checks = statuspage(&server).check().await;
    assert_eq!(names(&checks), ["token", "page", "components", "rate", "clock"]);
    assert!(!checks.iter().any(|check| matches!(check.result, ServiceFinding::Failed(_))), "{checks:?}");
    let mut source = source();
    source.page.components.insert("Serach".into(), vec!["search".into()]);
    let checks = Statuspage::over(server.road(Product::Statuspage), &source).check().await;
    assert!(
        matches!(&checks[2].result, ServiceFinding::Failed(fault) if fault.message.contains("did you mean `Search`"))
    );
    server.trouble(0, Trouble::LoginPage);
    let checks = statuspage(&server).check().await;
    assert!(
        matches!(&checks[..], [ServiceCheck { result: ServiceFinding::Failed(fault), .. }] if fault.kind == FaultKind::Malformed)
    );
}

#[tokio::test]
async fn on_the_wire_the_key_is_where_it_belongs() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/pages/kctbh9vrtdwd/incidents"))
        .and(header("authorization", "OAuth k3y"))
        .and(header("content-type", "application/json"))
        .respond_with(ResponseTemplate::new(429).insert_header("retry-after", "9"))
        .expect(1)
        .mount(&server)
        .await;
    let mut source = source();
    source.page.url = Some(server.uri());
    let clear = aimed("x", publish("identified", None), None, false);
    let error = Statuspage::new(&source).deliver(&clear).await.unwrap_err();
    assert_eq!(error.again, Again::In(9));
    assert!(!format!("{error:?}").contains("k3y"));
}
