//! Following logs, against the in-memory server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use axum::response::Response;
use futures::StreamExt;
use serde_json::json;

use super::KubernetesLogs;
use crate::domain::log::{LogBatch, LogLevel};
use crate::domain::target::{PodRef, WorkloadKind, WorkloadRef};
use crate::integrations::kubernetes::mock::{
    Asked, Log, endless, ends_after, events, list, now, ok, pod, refuse, server,
};
use crate::ports::feed::{FaultKind, LogSource, LogTarget, Update, UpdateStream};

fn follow(
    target: LogTarget,
    script: impl Fn(usize, &Asked) -> Response + Clone + Send + Sync + 'static,
) -> (UpdateStream, Log) {
    let (transport, log) = server(script);
    (KubernetesLogs::new(transport, std::sync::Arc::new(now)).follow(target, None).open(), log)
}

fn payment() -> LogTarget {
    LogTarget::Workload(WorkloadRef::new(WorkloadKind::Deployment, "shop", "payment"))
}

fn one_pod() -> LogTarget {
    LogTarget::Pod(PodRef { namespace: "shop".into(), name: "a".into() })
}

fn is_log(asked: &Asked) -> bool {
    asked.path.ends_with("/log")
}

/// Answers everything that is not a log: the workload, and the pods given.
fn cluster(asked: &Asked, pods: &[serde_json::Value]) -> Response {
    if asked.path.ends_with("/deployments/payment") {
        ok(&json!({"spec": {"selector": {"matchLabels": {"app": "payment"}}}}))
    } else if asked.is_watch() {
        endless(String::new())
    } else {
        ok(&list("7", "", pods))
    }
}

/// Batches until one satisfies.
async fn until(stream: &mut UpdateStream, enough: impl Fn(&LogBatch) -> bool) -> LogBatch {
    for _ in 0..200 {
        if let Update::Logs(batch) = stream.next().await.unwrap().unwrap()
            && enough(&batch)
        {
            return batch;
        }
    }
    panic!("never came");
}

fn texts(batch: &LogBatch) -> Vec<&str> {
    batch.lines.iter().map(|line| &*line.text).collect()
}

#[tokio::test(start_paused = true)]
async fn all_pods_of_a_workload_are_followed_and_new_ones_join() {
    let (mut stream, log) = follow(payment(), |_, asked| {
        if is_log(asked) {
            let name = asked.path.split('/').nth_back(1).unwrap();
            return endless(format!("2026-01-01T00:00:00.5Z ERROR from {name}\n"));
        }
        if asked.is_watch() {
            let mut foreign = pod("foreign", "9", true);
            foreign["metadata"]["ownerReferences"][0]["name"] = json!("other-7d9c");
            return endless(events(&[("ADDED", pod("b", "8", true)), ("ADDED", foreign)]));
        }
        cluster(asked, &[pod("a", "1", true)])
    });
    let batch = until(&mut stream, |batch| batch.lines.len() == 2).await;
    assert_eq!(batch.streams, 2);
    let mut seen = texts(&batch);
    seen.sort_unstable();
    assert_eq!(seen, ["ERROR from a", "ERROR from b"]);
    assert_eq!(batch.lines[0].level, LogLevel::Error);
    assert!(log.all().iter().any(|asked| asked.parameter("labelSelector") == "app=payment"));
    assert!(!log.paths().iter().any(|path| path.contains("foreign")), "another owner's pod");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ended_is_opened_again_and_nothing_is_shown_twice() {
    let (mut stream, log) = follow(one_pod(), |_, asked| {
        if !is_log(asked) {
            return cluster(asked, &[pod("a", "1", true)]);
        }
        match asked.parameter("sinceTime") {
            "" => ends_after("2026-01-01T00:00:01.1Z one\n2026-01-01T00:00:01.2Z two\n".to_owned(), 5),
            _ => endless(
                "2026-01-01T00:00:01.1Z one\n2026-01-01T00:00:01.2Z two\n2026-01-01T00:00:01.2Z twin\n\
                 2026-01-01T00:00:09Z three\n"
                    .to_owned(),
            ),
        }
    });
    let first = until(&mut stream, |batch| !batch.lines.is_empty()).await;
    assert_eq!(texts(&first), ["one", "two"]);
    let second = until(&mut stream, |batch| !batch.lines.is_empty()).await;
    assert_eq!(texts(&second), ["twin", "three"]);
    let reopened = log.all().into_iter().rfind(is_log).unwrap();
    assert_eq!(reopened.parameter("sinceTime"), "2026-01-01T00:00:01Z");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_counted_and_the_newest_stays() {
    let (mut stream, _) = follow(one_pod(), |_, asked| {
        if !is_log(asked) {
            return cluster(asked, &[pod("a", "1", true)]);
        }
        let lines: Vec<_> = (0..20_500).map(|n| format!("2026-01-01T00:00:00.{n:09}Z line {n}\n")).collect();
        endless(lines.concat())
    });
    let batch = until(&mut stream, |batch| !batch.lines.is_empty()).await;
    assert_eq!((batch.lines.len(), batch.lost), (20_000, 500));
    assert_eq!(&*batch.lines.last().unwrap().text, "line 20499");
}

#[tokio::test(start_paused = true)]
async fn a_restarted_container_that_says_nothing_shows_its_previous_life() {
    let (mut stream, _) = follow(one_pod(), |_, asked| {
        if !is_log(asked) {
            let mut looping = pod("a", "1", false);
            looping["status"]["containerStatuses"][0]["restartCount"] = json!(3);
            return cluster(asked, &[looping]);
        }
        match asked.parameter("previous") {
            "true" => Response::new("2026-01-01T00:00:00Z panic: missing key\n".into()),
            _ => endless(String::new()),
        }
    });
    let batch = until(&mut stream, |batch| !batch.lines.is_empty()).await;
    assert_eq!(texts(&batch), ["panic: missing key"]);
    assert_eq!(batch.streams, 1);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_cannot_start_is_named_until_it_does() {
    let (mut stream, _) = follow(one_pod(), |number, asked| {
        if !is_log(asked) {
            return cluster(asked, &[pod("a", "1", false)]);
        }
        if number < 5 {
            return refuse(400, "BadRequest", "container \"app\" in pod \"a\" is waiting to start: ImagePullBackOff");
        }
        endless("2026-01-01T00:00:00Z up\n".to_owned())
    });
    let failing = until(&mut stream, |batch| !batch.failed.is_empty()).await;
    assert_eq!(&*failing.failed[0].0, "a/app");
    assert!(failing.failed[0].1.contains("ImagePullBackOff"));
    let up = until(&mut stream, |batch| !batch.lines.is_empty()).await;
    assert!(up.failed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn at_most_fifty_streams_are_open_and_the_rest_is_said() {
    let (mut stream, log) = follow(payment(), |_, asked| {
        if is_log(asked) {
            return endless(String::new());
        }
        let pods: Vec<_> = (0..60).map(|n| pod(&format!("p{n}"), "1", true)).collect();
        cluster(asked, &pods)
    });
    let batch = until(&mut stream, |batch| batch.streams == 50).await;
    assert_eq!(&*batch.failed[0].0, "10 more containers");
    assert_eq!(log.all().iter().filter(|asked| is_log(asked)).count(), 50);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_target_is_alive_and_a_missing_one_a_fault() {
    let (mut stream, _) =
        follow(
            one_pod(),
            |_, asked| {
                if is_log(asked) { endless(String::new()) } else { cluster(asked, &[pod("a", "1", true)]) }
            },
        );
    let begin = tokio::time::Instant::now();
    while stream.next().await.unwrap().unwrap() != Update::Alive {}
    assert!(begin.elapsed().as_secs() <= super::follow::PATIENCE_SECONDS);
    let (mut missing, _) = follow(payment(), |_, _| refuse(404, "NotFound", "deployments.apps \"payment\" not found"));
    let fault = missing.next().await.unwrap().unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotServed);
    assert!(fault.message.contains("payment"), "{}", fault.message);
}
