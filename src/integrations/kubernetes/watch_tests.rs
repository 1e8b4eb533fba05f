//! List, watch, relist, refusals and silence, against the in-memory server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use futures::StreamExt;
use serde_json::json;

use super::mock::{Asked, bookmark, endless, ends_after, events, list, now, ok, pod, refuse, server};
use super::rows::Pods;
use super::watch::{PAGE, Query, watch};
use crate::domain::cluster::{NamespaceScope, Resource};
use crate::domain::pod::{PodHealth, PodRow};
use crate::domain::target::PodRef;
use crate::ports::feed::{Delta, Fault, FaultKind, Update, UpdateStream};

fn query(scope: NamespaceScope) -> Query {
    Query { resource: Resource::Pods.into(), scope, fallback: Some("shop".into()), selector: None, page: PAGE }
}

fn pods(
    script: impl Fn(usize, &Asked) -> axum::response::Response + Clone + Send + Sync + 'static,
) -> (UpdateStream, super::mock::Log) {
    let (transport, log) = server(script);
    (watch(transport, Pods::default(), query(NamespaceScope::All), std::sync::Arc::new(now)), log)
}

async fn delta(stream: &mut UpdateStream) -> Delta<PodRow, PodRef> {
    match stream.next().await.unwrap().unwrap() {
        Update::Pods(delta) => delta,
        other => panic!("not pods: {other:?}"),
    }
}

async fn alive(stream: &mut UpdateStream) {
    assert_eq!(stream.next().await.unwrap().unwrap(), Update::Alive);
}

fn names(rows: &[PodRow]) -> Vec<&str> {
    rows.iter().map(|row| &*row.id.name).collect()
}

#[tokio::test(start_paused = true)]
async fn pages_are_handed_on_as_they_arrive() {
    let (mut stream, log) = pods(|_, asked| match asked.parameter("continue") {
        "" => ok(&list("7", "more", &[pod("a", "1", true)])),
        _ => ok(&list("7", "", &[pod("b", "2", true)])),
    });
    let first = delta(&mut stream).await;
    assert!(first.reset);
    assert_eq!(names(&first.upserts), ["a"]);
    assert_eq!(log.all().len(), 1, "the second page is not asked for before the first is handed on");
    let second = delta(&mut stream).await;
    assert!(!second.reset);
    assert_eq!(names(&second.upserts), ["b"]);
    assert_eq!(log.all()[1].parameter("limit"), "500");
}

#[tokio::test(start_paused = true)]
async fn events_that_come_together_are_one_delta_and_the_next_watch_begins_behind_them() {
    let (mut stream, log) = pods(|number, asked| match (asked.is_watch(), number) {
        (false, _) => ok(&list("7", "", &[])),
        (true, 1) => {
            let lines = [
                ("ADDED", pod("a", "8", false)),
                ("ADDED", pod("b", "9", true)),
                ("MODIFIED", pod("a", "10", true)),
                ("DELETED", pod("b", "11", true)),
                bookmark("12"),
            ];
            ends_after(events(&lines), 29)
        }
        _ => endless(String::new()),
    });
    assert!(delta(&mut stream).await.reset);
    alive(&mut stream).await;
    let together = delta(&mut stream).await;
    assert_eq!(names(&together.upserts), ["a"]);
    assert_eq!(together.upserts[0].health, PodHealth::Ready);
    assert_eq!(together.removes.iter().map(|key| &*key.name).collect::<Vec<_>>(), ["b"]);
    alive(&mut stream).await;
    let asked = log.all();
    assert_eq!(asked[1].parameter("resourceVersion"), "7");
    assert_eq!(asked[1].parameter("timeoutSeconds"), "25");
    assert_eq!(asked[2].parameter("resourceVersion"), "12");
}

#[tokio::test(start_paused = true)]
async fn an_expired_place_means_listing_again_with_a_reset() {
    let gone = json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"});
    let (mut stream, _) = pods(move |number, asked| match (asked.is_watch(), number) {
        (false, 0) => ok(&list("7", "", &[pod("a", "1", true)])),
        (true, 1) => endless(events(&[("ERROR", gone.clone())])),
        (false, _) => ok(&list("99", "", &[pod("b", "98", true)])),
        // Refused at once, as servers do when they know it before.
        (true, _) => refuse(410, "Expired", "too old resource version"),
    });
    delta(&mut stream).await;
    alive(&mut stream).await;
    for _ in 0..2 {
        let again = delta(&mut stream).await;
        assert!(again.reset);
        assert_eq!(names(&again.upserts), ["b"]);
    }
}

#[tokio::test(start_paused = true)]
async fn forbidden_everywhere_means_one_namespace_until_it_is_allowed() {
    let granted = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let grant = granted.clone();
    let (mut stream, log) = pods(move |_, asked| {
        let all = asked.path == "/api/v1/pods";
        match (all, asked.is_watch()) {
            (true, _) if !granted.load(std::sync::atomic::Ordering::Relaxed) => {
                refuse(403, "Forbidden", "pods is forbidden: User \"u\" cannot list resource \"pods\"")
            }
            (_, false) => ok(&list("7", "", &[pod("a", "1", true)])),
            (_, true) => ends_after(String::new(), 30),
        }
    });
    assert!(delta(&mut stream).await.reset);
    let Update::Limited(fault) = stream.next().await.unwrap().unwrap() else { panic!("not limited") };
    assert_eq!(fault.kind, FaultKind::Forbidden);
    assert_eq!(fault.message, "only namespace shop: listing pods in all namespaces is forbidden");
    alive(&mut stream).await;
    assert_eq!(log.paths().last().unwrap(), "/api/v1/namespaces/shop/pods");
    grant.store(true, std::sync::atomic::Ordering::Relaxed);
    loop {
        match stream.next().await.unwrap().unwrap() {
            Update::Alive => assert!(log.all().len() < 40, "never asked again"),
            Update::Pods(delta) => break assert!(delta.reset),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(log.paths().last().unwrap(), "/api/v1/pods");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_an_item_and_the_place_is_kept() {
    let (mut stream, log) = pods(|number, asked| match (number, asked.is_watch()) {
        (0, _) => refuse(401, "Unauthorized", "Unauthorized"),
        (2, _) => refuse(429, "TooManyRequests", "slow down"),
        (_, false) => ok(&list("7", "", &[])),
        (_, true) => endless(String::new()),
    });
    let fault: Fault = stream.next().await.unwrap().unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unauthorized);
    assert!(delta(&mut stream).await.reset);
    assert_eq!(stream.next().await.unwrap().unwrap_err().kind, FaultKind::Server);
    alive(&mut stream).await;
    let asked = log.all();
    assert!(asked[2].is_watch() && asked[3].is_watch(), "no new list after a refused watch");
    assert_eq!(asked[3].parameter("resourceVersion"), "7");
}

#[tokio::test(start_paused = true)]
async fn after_what_may_have_been_a_restart_everything_is_listed_again_and_replaced_at_once() {
    let (mut stream, _) = pods(|number, asked| match (number, asked.is_watch()) {
        (0, _) => ok(&list("900", "", &[pod("ghost", "1", true), pod("a", "2", true)])),
        (1, _) => ends_after(String::new(), 25),
        // The server is back, and its store is not the one that it was: it would accept a watch from 900.
        (2, _) => refuse(503, "ServiceUnavailable", "apiserver is shutting down"),
        (_, true) => endless(String::new()),
        (_, false) if asked.parameter("continue").is_empty() => ok(&list("30", "more", &[pod("a", "29", true)])),
        (_, false) => ok(&list("30", "", &[pod("b", "30", true)])),
    });
    delta(&mut stream).await;
    alive(&mut stream).await;
    assert_eq!(stream.next().await.unwrap().unwrap_err().kind, FaultKind::Server);
    let again = delta(&mut stream).await;
    assert!(again.reset);
    assert_eq!(names(&again.upserts), ["a", "b"], "both pages together");
    alive(&mut stream).await;
}

#[tokio::test(start_paused = true)]
async fn versions_that_go_backwards_mean_another_store() {
    let (mut stream, log) = pods(|number, asked| match (number, asked.is_watch()) {
        (0, _) => ok(&list("900", "", &[pod("ghost", "1", true)])),
        (1, _) => endless(events(&[("ADDED", pod("a", "31", true))])),
        (_, true) => endless(String::new()),
        (_, false) => ok(&list("31", "", &[pod("a", "31", true)])),
    });
    delta(&mut stream).await;
    alive(&mut stream).await;
    delta(&mut stream).await;
    let again = delta(&mut stream).await;
    assert!(again.reset && !log.all()[2].is_watch());
    assert_eq!(names(&again.upserts), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_replaced_behind_a_silent_watch_is_found_out() {
    // The server drops every event up to the version that it was asked for: nothing ever comes.
    let (mut stream, log) = pods(|number, asked| match (number, asked.is_watch()) {
        (0, _) => ok(&list("900", "", &[pod("ghost", "1", true)])),
        (_, true) => ends_after(String::new(), 25),
        (_, false) => ok(&list("31", "", &[])),
    });
    delta(&mut stream).await;
    let began = tokio::time::Instant::now();
    let again = loop {
        if let Update::Pods(delta) = stream.next().await.unwrap().unwrap() {
            break delta;
        }
    };
    assert!(again.reset && again.upserts.is_empty());
    assert!(began.elapsed().as_secs() <= 5 * 60, "{:?}", began.elapsed());
    assert_eq!(log.all().iter().filter(|asked| asked.parameter("limit") == "1").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_is_noticed_within_half_a_minute() {
    let (mut stream, log) = pods(|number, asked| match (number, asked.is_watch()) {
        (0 | 2, false) => ok(&list("7", "", &[])),
        (_, true) => endless(String::new()),
        (_, false) => unreachable!(),
    });
    delta(&mut stream).await;
    alive(&mut stream).await;
    let began = tokio::time::Instant::now();
    let fault = stream.next().await.unwrap().unwrap_err();
    assert_eq!(fault.kind, FaultKind::Timeout);
    assert!(began.elapsed().as_secs() <= 30, "{:?}", began.elapsed());
    assert!(delta(&mut stream).await.reset);
    assert_eq!(log.all().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_its_roles_yet_does_not_narrow_the_view() {
    let (mut stream, log) = pods(|number, asked| match (number, asked.is_watch()) {
        (0, _) => {
            refuse(403, "Forbidden", "pods is forbidden: RBAC: clusterrole.rbac.authorization.k8s.io \"x\" not found")
        }
        (_, false) => ok(&list("7", "", &[])),
        (_, true) => endless(String::new()),
    });
    assert_eq!(stream.next().await.unwrap().unwrap_err().kind, FaultKind::Forbidden);
    assert!(delta(&mut stream).await.reset);
    assert_eq!(log.paths(), ["/api/v1/pods", "/api/v1/pods"]);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_does_not_exist_is_said_so_until_it_does() {
    let (transport, _) = server(|number, asked| match (asked.path.as_str(), asked.is_watch()) {
        ("/api/v1/namespaces/shpo", _) if number < 5 => refuse(404, "NotFound", "namespaces \"shpo\" not found"),
        ("/api/v1/namespaces/shpo", _) => ok(&json!({})),
        (_, false) => ok(&list("7", "", &[])),
        (_, true) => ends_after(String::new(), 25),
    });
    let scope = NamespaceScope::One("shpo".into());
    let mut stream = watch(transport, Pods::default(), query(scope), std::sync::Arc::new(now));
    let mut said = Vec::new();
    for _ in 0..10 {
        match stream.next().await.unwrap().unwrap() {
            Update::Limited(fault) => said.push(fault.message),
            Update::Pods(delta) if delta.reset => said.push("list".to_owned()),
            _ => {}
        }
    }
    assert_eq!(said[..3], ["list", "namespace shpo does not exist", "list"]);
    assert_eq!(said.last().unwrap(), "list", "and in the end nothing is said: {said:?}");
}

#[tokio::test(start_paused = true)]
async fn watches_that_end_at_once_are_a_failure_and_no_tight_loop() {
    let (mut stream, log) =
        pods(|_, asked| if asked.is_watch() { ends_after(String::new(), 0) } else { ok(&list("7", "", &[])) });
    delta(&mut stream).await;
    for _ in 0..3 {
        alive(&mut stream).await;
    }
    let fault = stream.next().await.unwrap().unwrap_err();
    assert!(fault.message.contains("ends every watch at once"), "{}", fault.message);
    assert_eq!(log.all().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_never_gets_ready_is_told_without_an_event() {
    let (mut stream, _) = pods(|_, asked| {
        if asked.is_watch() { ends_after(String::new(), 25) } else { ok(&list("7", "", &[pod("a", "1", false)])) }
    });
    let first = delta(&mut stream).await;
    assert_eq!(first.upserts[0].health, PodHealth::Starting);
    let later = loop {
        if let Update::Pods(delta) = stream.next().await.unwrap().unwrap() {
            break delta;
        }
    };
    assert_eq!(later.upserts[0].health, PodHealth::NotReady);
    assert!(!later.reset);
}

#[tokio::test(start_paused = true)]
async fn a_login_page_is_called_what_it_is() {
    let (mut stream, _) = pods(|_, _| axum::response::Response::new("<html>Sign in</html>".into()));
    let fault = stream.next().await.unwrap().unwrap_err();
    assert_eq!(fault.kind, FaultKind::Malformed);
    assert!(fault.message.contains("web page"), "{}", fault.message);
}
