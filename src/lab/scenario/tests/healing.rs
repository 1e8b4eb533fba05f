//! What goes wrong in each scenario, and that the cure it is made for cures it.

use std::time::Duration;

use super::*;
use crate::lab::kubernetes::resources::ROLLOUTS;
use crate::lab::world::traffic::switches::PRICING;

/// A world by a clock that runs: the time of the runtime is held, and goes on as the stage does.
fn stage(scenario: ScenarioName, origin: DateTime<Utc>) -> Stage {
    Stage::by(scenario, origin, LabClock::new(origin, 1.0))
}

/// Lets some seconds pass for the world and the clock alike.
async fn pass(stage: &mut Stage, seconds: u32) {
    stage.pass(seconds.into());
    tokio::time::advance(Duration::from_secs(seconds.into())).await;
}

#[tokio::test(start_paused = true)]
async fn a_higher_maximum_ends_the_spike_at_any_hour() {
    for hour in ["2026-03-14T14:32:07Z", "2026-03-15T03:40:11Z"] {
        let mut stage = stage(ScenarioName::TrafficSpike, hour.parse().unwrap());
        let hpa = |stage: &Stage| stage.world.store().get(&HORIZONTALPODAUTOSCALERS, "shop", "frontend").unwrap();
        assert_eq!(condition(&hpa(&stage), "ScalingLimited").unwrap()["reason"], "TooManyReplicas");
        assert_eq!(int(&hpa(&stage), "/status/currentReplicas"), 8);
        let firing = stage.firing();
        for alert in ["HighErrorRate frontend", "KubeHpaMaxedOut frontend", "ErrorBudgetBurn frontend"] {
            assert!(firing.contains(&alert.to_owned()), "{alert} at {hour}: {firing:?}");
        }
        let store = stage.world.store().clone();
        store
            .modify(&HORIZONTALPODAUTOSCALERS, "shop", "frontend", |hpa| hpa["spec"]["maxReplicas"] = json!(14))
            .unwrap();
        pass(&mut stage, 45).await;
        let frontend = stage.deployment("frontend");
        let replicas = int(&frontend, "/spec/replicas");
        assert!((11..14).contains(&replicas), "{replicas} at {hour}");
        assert_eq!(int(&frontend, "/status/readyReplicas"), replicas);
        assert!(stage.world.traffic().troubles().at("frontend", stage.now) < 1e-9);
        pass(&mut stage, 25).await;
        // Budgets take their windows to recover.
        let firing = stage.firing();
        assert!(firing.iter().all(|alert| alert.starts_with("ErrorBudget") || alert == "Watchdog"), "{firing:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_stuck_update_needs_its_broken_pod_deleted() {
    let mut stage = stage(ScenarioName::StuckStatefulset, origin());
    let broken = |stage: &Stage| -> Vec<String> {
        let pods = stage.pods("mysql");
        pods.iter().filter(|pod| !is_ready(pod)).map(|pod| name(pod).to_owned()).collect()
    };
    assert_eq!(broken(&stage), ["mysql-2"]);
    let alerts = ["KubeStatefulSetUpdateStuck mysql", "PodCrashLooping mysql", "Watchdog"];
    assert_eq!(stage.firing(), alerts);
    let store = stage.world.store().clone();
    store
        .modify(&STATEFULSETS, "shop", "mysql", |set| {
            set["spec"]["template"]["spec"]["containers"][0]["image"] = json!(shop::mysql_image("8.4.3"));
        })
        .unwrap();
    pass(&mut stage, 120).await;
    assert_eq!((broken(&stage), stage.firing()), (vec!["mysql-2".to_owned()], alerts.map(str::to_owned).to_vec()));
    store.mark_deleted(&PODS, "shop", "mysql-2", 60).unwrap();
    pass(&mut stage, 50).await;
    assert!(broken(&stage).is_empty());
    assert_eq!(stage.firing(), ["Watchdog"]);
    let set = store.get(&STATEFULSETS, "shop", "mysql").unwrap();
    assert_eq!(
        (int(&set, "/status/updatedReplicas"), &set["status"]["currentRevision"]),
        (3, &set["status"]["updateRevision"])
    );
}

/// A Rollout and what people do to it.
struct Canary(Stage);

impl Canary {
    fn rollout(&self) -> Arc<Value> {
        self.0.world.store().get(&ROLLOUTS, "shop", "auth").unwrap()
    }

    /// Phase, step, and pods of the current and of other revisions.
    fn standing(&self) -> (String, i64, i64, i64) {
        let (rollout, pods) = (self.rollout(), self.0.pods("auth"));
        let status = |field: &str| int(&rollout, &format!("/status/{field}"));
        let current = text(&rollout, "/status/currentPodHash");
        let updated = pods.iter().filter(|pod| label(pod, "rollouts-pod-template-hash") == current).count();
        let count = |pods: usize| i64::try_from(pods).unwrap();
        let (updated, all) = (count(updated), count(pods.len()));
        assert_eq!(updated, status("updatedReplicas"));
        (text(&rollout, "/status/phase").to_owned(), status("currentStepIndex"), updated, all - updated)
    }

    async fn patch(&mut self, patch: &Value, seconds: u32) {
        let change = |rollout: &mut Value| json_patch::merge(rollout, patch);
        self.0.world.store().modify(&ROLLOUTS, "shop", "auth", change).unwrap();
        pass(&mut self.0, seconds).await;
    }
}

#[tokio::test(start_paused = true)]
async fn aborting_the_canary_heals_and_every_other_command_does_what_it_should() {
    let mut canary = Canary(stage(ScenarioName::BadCanary, origin()));
    let at = |phase: &str, step, updated, others| (phase.to_owned(), step, updated, others);
    assert_eq!(canary.standing(), at("Paused", 1, 1, 3));
    assert_eq!(canary.0.firing(), ["HighErrorRate auth", "Watchdog"]);
    // Abort: the stable revision is whole again, and says why it is not well.
    canary.patch(&json!({"status": {"abort": true}}), 15).await;
    assert_eq!(canary.standing(), at("Degraded", 0, 0, 4));
    assert!(
        text(&canary.rollout(), "/status/message").starts_with("RolloutAborted: Rollout aborted update to revision 9")
    );
    assert!(canary.rollout()["status"]["abortedAt"].is_string());
    assert!(canary.0.world.traffic().troubles().at("auth", canary.0.now) < 1e-9);
    pass(&mut canary.0, 30).await;
    assert_eq!(canary.0.firing(), ["Watchdog"]);
    // Retry, promote one pause, pause and resume by hand, promote fully.
    canary.patch(&json!({"status": {"abort": false}}), 20).await;
    assert_eq!(canary.standing(), at("Paused", 1, 1, 3));
    canary.patch(&json!({"status": {"pauseConditions": null}}), 20).await;
    assert_eq!(canary.standing(), at("Paused", 3, 2, 2));
    canary.patch(&json!({"spec": {"paused": true}}), 400).await;
    assert_eq!(text(&canary.rollout(), "/status/message"), "manually paused");
    canary.patch(&json!({"spec": {"paused": false}}), 20).await;
    assert_eq!(canary.standing(), at("Paused", 5, 3, 1), "the five minutes of the pause had passed");
    canary.patch(&json!({"status": {"promoteFull": true}}), 30).await;
    assert_eq!(canary.standing(), at("Healthy", 6, 4, 0));
    assert_eq!(canary.rollout()["status"]["stableRS"], canary.rollout()["status"]["currentPodHash"]);
    // Undo: the template of revision 8 is a new revision, and a canary again.
    canary
        .0
        .world
        .store()
        .modify(&ROLLOUTS, "shop", "auth", |auth| auth["spec"]["template"] = shop::auth_template("1.9.0", &[]))
        .unwrap();
    pass(&mut canary.0, 20).await;
    assert_eq!(canary.standing(), at("Paused", 1, 1, 3));
    assert_eq!(canary.rollout()["metadata"]["annotations"]["rollout.argoproj.io/revision"], "10");
    // A restart replaces every pod, never more than one away.
    canary.patch(&json!({"spec": {"restartAt": (canary.0.now + TimeDelta::seconds(1)).to_rfc3339()}}), 2).await;
    for _ in 0..60 {
        pass(&mut canary.0, 1).await;
        assert!(int(&canary.rollout(), "/status/availableReplicas") >= 3);
    }
    assert_eq!(canary.rollout()["status"]["restartedAt"], canary.rollout()["spec"]["restartAt"]);
}

#[tokio::test(start_paused = true)]
async fn draining_the_node_heals() {
    let mut stage = stage(ScenarioName::BadNode, origin());
    let store = stage.world.store().clone();
    let hurt = |stage: &Stage| -> usize {
        let pods = stage.world.store().list(&PODS, None).0;
        pods.iter().filter(|pod| text(pod, "/status/phase") == "Running" && restarts(pod) > 0).count()
    };
    assert!(hurt(&stage) >= 5, "{} pods restarted", hurt(&stage));
    let firing = stage.firing();
    assert!(firing.contains(&"NodeFilesystemReadOnly worker-b2".to_owned()), "{firing:?}");
    assert!(firing.iter().filter(|alert| alert.starts_with("PodCrashLooping")).count() >= 2, "{firing:?}");
    // What a replacement of a pod alone leads to: the node still takes it.
    store.modify(&NODES, "", "worker-b2", |node| node["spec"]["unschedulable"] = json!(true)).unwrap();
    for pod in store.list(&PODS, None).0 {
        let daemon = items(&pod, "/metadata/ownerReferences").first().is_some_and(|owner| owner["kind"] == "DaemonSet");
        if text(&pod, "/spec/nodeName") == "worker-b2" && !daemon {
            store.mark_deleted(&PODS, text(&pod, "/metadata/namespace"), name(&pod), 30).unwrap();
        }
    }
    pass(&mut stage, 60).await;
    assert_eq!(hurt(&stage), 0);
    assert!(store.list(&PODS, None).0.iter().all(|pod| is_ready(pod) || text(pod, "/status/phase") == "Succeeded"));
    assert_eq!(stage.firing(), ["Watchdog"]);
}

#[tokio::test(start_paused = true)]
async fn switching_the_flag_off_heals_and_no_release_is_to_blame() {
    let mut stage = stage(ScenarioName::BadFlag, origin());
    let ill = ["ErrorBudgetBurn payment", "HighErrorRate payment", "HighLatency payment", "Watchdog"];
    assert_eq!(stage.firing(), ill);
    // Every pod is well, and nothing was rolled out for days.
    assert!(stage.pods("payment").iter().all(|pod| is_ready(pod) && restarts(pod) == 0));
    let recent = origin() - TimeDelta::days(1);
    for set in stage.world.store().list(&REPLICASETS, Some("shop")).0 {
        let made: DateTime<Utc> = text(&set, "/metadata/creationTimestamp").parse().unwrap();
        assert!(made < recent, "{} is of {made}", name(&set));
    }
    let switches = stage.world.traffic().switches().clone();
    assert_eq!(switches.changes(PRICING), [(origin() - TimeDelta::minutes(7), 1.0)]);
    // A new pod is no better off, so restarting heals nothing.
    let victim = stage.pods("payment").remove(0);
    stage.world.store().mark_deleted(&PODS, "shop", name(&victim), 1).unwrap();
    pass(&mut stage, 40).await;
    assert!(stage.failing() > 0.2);
    switches.set(PRICING, stage.now, 0.0);
    pass(&mut stage, 25).await;
    assert!(stage.failing() < 1e-9, "the programs know within seconds");
    pass(&mut stage, 45).await;
    let firing = stage.firing();
    assert!(firing.iter().all(|alert| alert.starts_with("ErrorBudget") || alert == "Watchdog"), "{firing:?}");
}
