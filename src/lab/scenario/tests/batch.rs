//! What people bring along: Jobs, schedules, quotas, and workloads that declare how they fail.

use super::*;
use crate::lab::kubernetes::resources::{CRONJOBS, JOBS, PODDISRUPTIONBUDGETS, RESOURCEQUOTAS, Resource};
use crate::lab::world::naming::template_hash;

fn container(image: &str, command: &str) -> Value {
    json!({"metadata": {"labels": {"app": "mine"}}, "spec": {"restartPolicy": "Never", "containers": [
        {"name": "main", "image": image, "command": ["sh", "-c", command]},
    ]}})
}

fn make(stage: &Stage, resource: &Resource, object: Value) -> Arc<Value> {
    stage.world.store().create(resource, object).unwrap()
}

fn job(stage: &Stage, name: &str) -> Arc<Value> {
    stage.world.store().get(&JOBS, "shop", name).unwrap()
}

fn reasons(stage: &Stage, about: &str) -> Vec<String> {
    let events = stage.world.store().list(&EVENTS, Some("shop")).0;
    events
        .iter()
        .filter(|event| text(event, "/involvedObject/name") == about)
        .map(|event| text(event, "/reason").to_owned())
        .collect()
}

#[test]
fn jobs_complete_fail_for_good_and_stop_when_suspended() {
    let mut stage = Stage::new(ScenarioName::Calm);
    let cron = stage.world.store().get(&CRONJOBS, "shop", "db-backup").unwrap();
    let by_hand = json!({
        "metadata": {"name": "by-hand", "namespace": "shop", "ownerReferences": [crate::lab::world::object::controlled_by(&cron)]},
        "spec": cron["spec"]["jobTemplate"]["spec"],
    });
    make(&stage, &JOBS, by_hand);
    let failing = json!({"metadata": {"name": "failing", "namespace": "shop"}, "spec": {"backoffLimit": 1, "template": container("busybox", "exit 3")}});
    make(&stage, &JOBS, failing);
    let long = json!({"metadata": {"name": "long", "namespace": "shop"}, "spec": {"template": container("busybox", "sleep 600")}});
    make(&stage, &JOBS, long);
    stage.pass(10);
    assert_eq!((int(&job(&stage, "by-hand"), "/status/active"), int(&job(&stage, "long"), "/status/active")), (1, 1));
    let store = stage.world.store().clone();
    store.modify(&JOBS, "shop", "long", |job| job["spec"]["suspend"] = json!(true)).unwrap();
    stage.pass(60);
    let done = job(&stage, "by-hand");
    assert!(is_true(&done, "Complete") && done["status"]["completionTime"].is_string());
    assert_eq!(int(&done, "/status/succeeded"), 1);
    let failed = job(&stage, "failing");
    assert_eq!(condition(&failed, "Failed").unwrap()["reason"], "BackoffLimitExceeded");
    assert_eq!(int(&failed, "/status/failed"), 2);
    let suspended = job(&stage, "long");
    assert!(is_true(&suspended, "Suspended") && suspended["status"]["active"].is_null());
    assert!(reasons(&stage, "by-hand").contains(&"Completed".to_owned()));
}

#[test]
fn a_schedule_starts_jobs_as_its_policy_lets_it() {
    let mut stage = Stage::new(ScenarioName::Calm);
    let cron = |name: &str, policy: &str, seconds: u32| {
        json!({"metadata": {"name": name, "namespace": "shop"}, "spec": {
            "schedule": "* * * * *", "concurrencyPolicy": policy, "successfulJobsHistoryLimit": 1,
            "jobTemplate": {"spec": {"template": container("busybox", &format!("sleep {seconds}"))}},
        }})
    };
    make(&stage, &CRONJOBS, cron("quick", "Allow", 5));
    make(&stage, &CRONJOBS, cron("slow", "Forbid", 150));
    make(&stage, &CRONJOBS, cron("asleep", "Allow", 5));
    let store = stage.world.store().clone();
    store.modify(&CRONJOBS, "shop", "asleep", |cron| cron["spec"]["suspend"] = json!(true)).unwrap();
    stage.pass(3 * 60);
    let jobs =
        |prefix: &str| store.list(&JOBS, Some("shop")).0.iter().filter(|job| name(job).starts_with(prefix)).count();
    // Of three that ended only the last one is kept.
    assert_eq!((jobs("quick-"), jobs("slow-"), jobs("asleep-")), (1, 1, 0));
    let slow = store.get(&CRONJOBS, "shop", "slow").unwrap();
    assert_eq!(items(&slow, "/status/active").len(), 1);
    assert!(reasons(&stage, "slow").contains(&"JobAlreadyActive".to_owned()));
    assert!(store.get(&CRONJOBS, "shop", "quick").unwrap()["status"]["lastSuccessfulTime"].is_string());
}

#[test]
fn a_quota_holds_a_workload_up_until_it_is_raised() {
    let mut stage = Stage::new(ScenarioName::Calm);
    let pods = stage.world.store().list(&PODS, Some("shop")).0;
    let running = pods.iter().filter(|pod| text(pod, "/status/phase") == "Running").count();
    let quota = |pods: usize| json!({"metadata": {"name": "pods", "namespace": "shop"}, "spec": {"hard": {"pods": pods.to_string()}}});
    make(&stage, &RESOURCEQUOTAS, quota(running + 1));
    stage.edit("user", |user| user["spec"]["replicas"] = json!(8));
    stage.pass(30);
    let user = stage.deployment("user");
    assert_eq!(int(&user, "/status/replicas"), 6);
    let failure = condition(&user, "ReplicaFailure").unwrap();
    assert!(text(failure, "/message").contains("exceeded quota: pods, requested: pods=1, used: pods="), "{failure}");
    let set = format!("user-{}", template_hash(&user["spec"]["template"], 0));
    assert!(reasons(&stage, &set).contains(&"FailedCreate".to_owned()));
    let store = stage.world.store().clone();
    store.modify(&RESOURCEQUOTAS, "shop", "pods", |old| old["spec"] = quota(running + 9)["spec"].clone()).unwrap();
    stage.pass(30);
    let user = stage.deployment("user");
    assert_eq!((int(&user, "/status/readyReplicas"), condition(&user, "ReplicaFailure")), (8, None));
    let counted = store.get(&RESOURCEQUOTAS, "shop", "pods").unwrap();
    assert_eq!(counted["status"]["used"]["pods"], (running + 3).to_string());
}

#[test]
fn pods_fail_as_they_declare() {
    let mut stage = Stage::new(ScenarioName::Calm);
    for behaviour in ["crash-loop", "never-ready", "image-missing", "healthy"] {
        let mut template = json!({"metadata": {"labels": {"app": behaviour}}, "spec": {"containers": [{"name": "main", "image": "any/where:1"}]}});
        template["metadata"]["annotations"]["opsdeck.dev/behaviour"] = json!(behaviour);
        let spec = json!({"replicas": 1, "selector": {"matchLabels": {"app": behaviour}}, "template": template});
        make(&stage, &DEPLOYMENTS, json!({"metadata": {"name": behaviour, "namespace": "shop"}, "spec": spec}));
    }
    stage.pass(40);
    let pod = |app: &str| stage.pods(app).pop().unwrap();
    assert!(restarts(&pod("crash-loop")) >= 2 && !is_ready(&pod("crash-loop")));
    assert_eq!(text(&pod("crash-loop"), "/status/containerStatuses/0/state/waiting/reason"), "CrashLoopBackOff");
    assert_eq!(restarts(&pod("never-ready")), 0);
    assert!(pod("never-ready")["status"]["containerStatuses"][0]["state"]["running"].is_object());
    assert!(!is_ready(&pod("never-ready")) && is_ready(&pod("healthy")));
    assert_eq!(text(&pod("image-missing"), "/status/containerStatuses/0/state/waiting/reason"), "ImagePullBackOff");
}

#[test]
fn a_budget_forgets_the_disruptions_that_came_to_pass() {
    let mut stage = Stage::new(ScenarioName::Calm);
    let store = stage.world.store().clone();
    let victim = name(&stage.pods("payment")[0]).to_owned();
    store
        .modify(&PODDISRUPTIONBUDGETS, "shop", "payment", |budget| {
            budget["status"]["disruptionsAllowed"] = json!(2);
            budget["status"]["disruptedPods"][&victim] = json!("2026-03-14T14:32:07Z");
        })
        .unwrap();
    store.mark_deleted(&PODS, "shop", &victim, 30).unwrap();
    stage.pass(20);
    let budget = store.get(&PODDISRUPTIONBUDGETS, "shop", "payment").unwrap();
    assert_eq!((int(&budget, "/status/disruptionsAllowed"), budget["status"].get("disruptedPods")), (3, None));
}
