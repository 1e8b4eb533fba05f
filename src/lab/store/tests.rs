//! Writing, watching, and the past.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;

use super::*;
use crate::lab::kubernetes::resources::{DEPLOYMENTS, PODS};

fn store() -> Store {
    let at = DateTime::parse_from_rfc3339("2026-01-02T03:04:05Z").unwrap().to_utc();
    Store::new(7, move || at)
}

fn deployment(replicas: u32) -> Value {
    json!({"metadata": {"name": "pay", "namespace": "shop"}, "spec": {"replicas": replicas}})
}

#[test]
fn a_spec_change_bumps_the_generation_and_a_status_change_does_not() {
    let store = store();
    let made = store.create(&DEPLOYMENTS, deployment(1)).unwrap();
    assert_eq!(made["metadata"]["creationTimestamp"], "2026-01-02T03:04:05Z");
    let mut status = (*made).clone();
    status["status"] = json!({"replicas": 1});
    status["spec"]["replicas"] = json!(9);
    let after = store.update_status(&DEPLOYMENTS, status).unwrap();
    assert_eq!((&after["metadata"]["generation"], &after["spec"]["replicas"]), (&json!(1), &json!(1)));
    let after = store.update(&DEPLOYMENTS, deployment(2)).unwrap();
    assert_eq!((&after["metadata"]["generation"], &after["status"]["replicas"]), (&json!(2), &json!(1)));
}

#[test]
fn a_stale_write_is_a_conflict_and_an_empty_one_is_nothing() {
    let store = store();
    let first = store.create(&DEPLOYMENTS, deployment(1)).unwrap();
    store.update(&DEPLOYMENTS, deployment(2)).unwrap();
    assert!(matches!(store.update(&DEPLOYMENTS, (*first).clone()), Err(StoreError::Conflict { .. })));
    let version = store.version();
    store.update(&DEPLOYMENTS, deployment(2)).unwrap();
    assert_eq!(store.version(), version);
}

#[tokio::test]
async fn a_watch_resumes_where_it_left_and_expires_when_too_old() {
    let store = store();
    let start = store.version();
    store.create(&DEPLOYMENTS, deployment(1)).unwrap();
    store.create(&PODS, json!({"metadata": {"generateName": "x-", "namespace": "shop"}})).unwrap();
    store.delete(&DEPLOYMENTS, "shop", "pay").unwrap();
    let seen: Vec<_> =
        store.watch(&DEPLOYMENTS, Some(start)).unwrap().next().await.unwrap().into_iter().map(|e| e.change).collect();
    assert_eq!(seen, [Change::Added, Change::Deleted]);
    store.create(&DEPLOYMENTS, deployment(0)).unwrap();
    for replicas in 1..=u32::try_from(HISTORY).unwrap() {
        store.update(&DEPLOYMENTS, deployment(replicas)).unwrap();
    }
    assert!(store.watch(&DEPLOYMENTS, Some(start)).is_err());
}

#[test]
fn going_objects_wait_for_their_finalizers() {
    let store = store();
    let mut held = deployment(1);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    store.create(&DEPLOYMENTS, held).unwrap();
    store.mark_deleted(&DEPLOYMENTS, "shop", "pay", 0).unwrap();
    assert!(store.get(&DEPLOYMENTS, "shop", "pay").is_some());
    store.modify(&DEPLOYMENTS, "shop", "pay", |o| o["metadata"]["finalizers"] = json!([])).unwrap();
    assert!(store.get(&DEPLOYMENTS, "shop", "pay").is_none());
}

#[test]
fn the_past_can_be_listed_and_a_rehearsal_leaves_no_trace() {
    let store = store();
    store.create(&DEPLOYMENTS, deployment(1)).unwrap();
    let past = store.version();
    store.update(&DEPLOYMENTS, deployment(2)).unwrap();
    store.delete(&DEPLOYMENTS, "shop", "pay").unwrap();
    let listed = store.list_at(&DEPLOYMENTS, Some("shop"), past).unwrap();
    assert_eq!(listed.iter().map(|o| o["spec"]["replicas"].clone()).collect::<Vec<_>>(), [json!(1)]);
    let version = store.version();
    let rehearsed = store.dry_run().create(&DEPLOYMENTS, deployment(5)).unwrap();
    assert_eq!(rehearsed["spec"]["revisionHistoryLimit"], 10);
    assert_eq!((store.version(), store.list(&DEPLOYMENTS, None).0.len()), (version, 0));
}

#[test]
fn the_same_seed_makes_the_same_names() {
    let (a, b) = (store(), store());
    assert_eq!(a.generate_uid(), b.generate_uid());
    assert_eq!(a.generate_suffix(5), b.generate_suffix(5));
    assert_ne!(a.generate_suffix(5), b.generate_uid());
}
