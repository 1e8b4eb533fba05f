//! The scenarios, driven through their world: what is there at the start, and what edits lead to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::lab::clock::LabClock;
use crate::lab::kubernetes::resources::{
    ALL, DAEMONSETS, DEPLOYMENTS, ENDPOINTS, EVENTS, HORIZONTALPODAUTOSCALERS, NODES, PODS, REPLICASETS, STATEFULSETS,
};
use crate::lab::prometheus::rules::{AlertState, RuleEngine};
use crate::lab::telemetry::Telemetry;
use crate::lab::world::object::{condition, int, is_true, items, label, name, revision, text};
use crate::lab::world::pods::{is_ready, restarts};

fn origin() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-03-14T14:32:07Z").unwrap().to_utc()
}

/// A world and a hand on its time.
struct Stage {
    world: World,
    rules: RuleEngine,
    now: DateTime<Utc>,
    /// When the rules were last evaluated.
    evaluated: DateTime<Utc>,
}

impl Stage {
    fn new(scenario: ScenarioName) -> Self {
        Self::by(scenario, origin(), LabClock::frozen(origin()))
    }

    fn by(scenario: ScenarioName, origin: DateTime<Utc>, clock: LabClock) -> Self {
        let telemetry = Telemetry::new(clock.clone());
        let mut world = World::new(7, clock, telemetry.clone());
        set_up(&mut world, scenario, origin);
        let rules = RuleEngine::new(telemetry, scenario.rules(), None, "http://prometheus.example.com").unwrap();
        Self { world, rules, now: origin, evaluated: origin - TimeDelta::seconds(150) }
    }

    fn pass(&mut self, seconds: i64) {
        let until = self.now + TimeDelta::seconds(seconds);
        self.world.live_through(self.now, until);
        self.now = until;
        self.world.time().pin(Some(until));
    }

    /// The firing alerts, each with what it is about. The clock must have reached the present.
    fn firing(&mut self) -> Vec<String> {
        while self.evaluated < self.now {
            self.evaluated = (self.evaluated + TimeDelta::seconds(10)).min(self.now);
            self.rules.evaluate(self.evaluated.timestamp_millis());
        }
        let mut firing: Vec<String> = Vec::new();
        self.rules.visit(|_, statuses| {
            for alert in statuses.iter().flat_map(|status| status.alerts.values()) {
                let subject = ["deployment", "rollout", "statefulset", "node", "container", "service"]
                    .iter()
                    .map(|label| alert.labels.get(label))
                    .find(|value| !value.is_empty());
                if alert.state == AlertState::Firing {
                    let name = alert.labels.get("alertname");
                    firing.push(subject.map_or(name.to_owned(), |subject| format!("{name} {subject}")));
                }
            }
        });
        firing.sort();
        firing.dedup();
        firing
    }

    fn pods(&self, app: &str) -> Vec<Arc<Value>> {
        let mut pods = self.world.store().list(&PODS, None).0;
        pods.retain(|pod| label(pod, "app") == app);
        pods
    }

    fn deployment(&self, name: &str) -> Arc<Value> {
        self.world.store().get(&DEPLOYMENTS, "shop", name).unwrap()
    }

    fn edit(&self, name: &str, change: impl FnOnce(&mut Value)) {
        self.world.store().modify(&DEPLOYMENTS, "shop", name, change).unwrap();
    }

    fn set_of_revision(&self, number: u64) -> Arc<Value> {
        let sets = self.world.store().list(&REPLICASETS, Some("shop")).0;
        sets.into_iter().find(|set| name(set).starts_with("payment-") && revision(set) == number).unwrap()
    }

    fn failing(&self) -> f64 {
        self.world.traffic().troubles().at("payment", self.now)
    }
}

mod batch;
mod healing;

/// Everything in the store, as one text.
fn picture(world: &World) -> String {
    let mut all = String::new();
    for resource in ALL {
        for object in world.store().list(resource, None).0 {
            all.push_str(&object.to_string());
            all.push('\n');
        }
    }
    all
}

#[test]
fn the_bad_deploy_starts_in_the_middle_of_its_trouble() {
    let mut stage = Stage::new(ScenarioName::BadDeploy);
    let payment = stage.deployment("payment");
    assert_eq!(
        (revision(&payment), int(&payment, "/status/readyReplicas"), int(&payment, "/status/updatedReplicas")),
        (42, 3, 3)
    );
    assert_eq!(condition(&payment, "Progressing").unwrap()["reason"], "ProgressDeadlineExceeded");
    let (bad, good): (Vec<_>, Vec<_>) =
        stage.pods("payment").into_iter().partition(|pod| text(pod, "/spec/containers/0/image").ends_with(":2.4.0"));
    assert_eq!((bad.len(), good.len()), (3, 3));
    for pod in &bad {
        assert_eq!(restarts(pod), 5);
        assert_eq!(text(pod, "/status/containerStatuses/0/state/waiting/reason"), "CrashLoopBackOff");
        assert_eq!(int(pod, "/status/containerStatuses/0/lastState/terminated/exitCode"), 1);
    }
    assert!(good.iter().all(|pod| is_ready(pod) && restarts(pod) == 0));
    assert!((stage.failing() - 0.172).abs() < 0.001);
    let everything = stage.world.store().list(&PODS, None).0.len();
    assert!((50..=65).contains(&everything), "{everything} pods");
    // The clocks of containers run on: a minute later the sixth restart comes.
    stage.pass(80);
    assert!(stage.pods("payment").iter().filter(|pod| restarts(pod) == 6).count() == 3);
}

#[test]
fn rolling_back_heals_within_seconds() {
    let mut stage = Stage::new(ScenarioName::BadDeploy);
    let old = stage.set_of_revision(41)["spec"]["template"].clone();
    stage.edit("payment", |payment| {
        payment["spec"]["template"] = old;
        payment["spec"]["template"]["metadata"]["labels"].as_object_mut().unwrap().remove("pod-template-hash");
    });
    stage.pass(1);
    assert!(stage.failing() < 1e-9, "the traffic leaves the broken pods at once");
    stage.pass(14);
    let payment = stage.deployment("payment");
    assert_eq!((revision(&payment), int(&payment, "/status/availableReplicas")), (43, 6));
    assert_eq!(condition(&payment, "Progressing").unwrap()["reason"], "NewReplicaSetAvailable");
    assert_eq!(stage.pods("payment").len(), 6);
    assert_eq!(revision(&stage.set_of_revision(43)), 43);
    assert!(stage.set_of_revision(43)["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "41");
}

#[test]
fn calm_is_calm_and_its_revisions_have_a_past() {
    let stage = Stage::new(ScenarioName::Calm);
    for pod in stage.world.store().list(&PODS, None).0 {
        assert!(is_ready(&pod) || text(&pod, "/status/phase") == "Succeeded", "{}", name(&pod));
    }
    assert!(stage.failing() < 1e-9);
    for deployment in stage.world.store().list(&DEPLOYMENTS, None).0 {
        assert!(is_true(&deployment, "Available") && is_true(&deployment, "Progressing"), "{}", name(&deployment));
    }
    let sets = stage.world.store().list(&REPLICASETS, Some("shop")).0;
    let mut images: Vec<_> = sets
        .iter()
        .filter(|set| name(set).starts_with("payment-"))
        .map(|set| text(set, "/spec/template/spec/containers/0/image"))
        .collect();
    images.sort_unstable();
    images.dedup();
    assert_eq!(images.len(), 6);
    let recent = origin() - TimeDelta::minutes(5);
    let events = stage.world.store().list(&EVENTS, None).0;
    assert!(
        !events
            .iter()
            .any(|event| text(event, "/type") == "Warning"
                && text(event, "/lastTimestamp") > recent.to_rfc3339().as_str())
    );
}

#[test]
fn the_same_start_makes_the_same_world() {
    let (one, two) = (Stage::new(ScenarioName::BadDeploy), Stage::new(ScenarioName::BadDeploy));
    assert!(picture(&one.world) == picture(&two.world));
}

#[test]
fn edits_lead_to_what_they_would_lead_to_in_a_cluster() {
    let mut stage = Stage::new(ScenarioName::Calm);
    // An image that nobody can pull: the rollout stops, the old pods serve on.
    stage.edit("payment", |payment| {
        payment["spec"]["template"]["spec"]["containers"][0]["image"] =
            json!("registry.example.com/shop/payment:9.9.9");
    });
    stage.pass(9);
    let stuck: Vec<_> = stage.pods("payment").into_iter().filter(|pod| !is_ready(pod)).collect();
    assert_eq!(stuck.len(), 3);
    assert!(
        stuck.iter().all(|pod| text(pod, "/status/containerStatuses/0/state/waiting/reason") == "ImagePullBackOff")
    );
    // Scaling in the middle of it shares the change out and loses nobody who serves.
    stage.edit("payment", |payment| payment["spec"]["replicas"] = json!(8));
    stage.pass(20);
    assert!(int(&stage.deployment("payment"), "/status/readyReplicas") >= 4);
    // A paused Deployment keeps its pods whatever its template says; resumed, it rolls.
    stage.edit("user", |user| {
        user["spec"]["paused"] = json!(true);
        user["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example.com/shop/user:3.4.1");
    });
    stage.pass(30);
    let user = stage.deployment("user");
    assert_eq!(
        (int(&user, "/status/updatedReplicas"), int(&user, "/status/readyReplicas"), revision(&user)),
        (0, 5, 23)
    );
    stage.edit("user", |user| user["spec"]["paused"] = json!(false));
    stage.pass(60);
    let user = stage.deployment("user");
    assert_eq!((int(&user, "/status/updatedReplicas"), int(&user, "/status/replicas"), revision(&user)), (5, 5, 24));
    // A deleted pod is replaced, and not on a cordoned node.
    stage.world.store().modify(&NODES, "", "worker-a1", |node| node["spec"]["unschedulable"] = json!(true)).unwrap();
    let victim = stage.pods("auth").into_iter().find(|pod| text(pod, "/spec/nodeName") == "worker-a1").unwrap();
    stage.world.store().mark_deleted(&PODS, "shop", name(&victim), 30).unwrap();
    stage.pass(20);
    let auth = stage.pods("auth");
    assert_eq!(auth.len(), 4);
    assert!(auth.iter().all(|pod| is_ready(pod) && text(pod, "/spec/nodeName") != "worker-a1"));
    // What asks for more than there is stays pending, and says why.
    stage.edit("inventory", |inventory| inventory["spec"]["replicas"] = json!(400));
    stage.pass(5);
    let pending = stage
        .pods("inventory")
        .into_iter()
        .find(|pod| text(pod, "/status/phase") == "Pending" && text(pod, "/spec/nodeName").is_empty());
    assert!(
        condition(&pending.unwrap(), "PodScheduled").unwrap()["message"].as_str().unwrap().contains("Insufficient cpu")
    );
    // The autoscaler holds its target within its bounds.
    stage.edit("frontend", |frontend| frontend["spec"]["replicas"] = json!(30));
    stage.pass(2);
    let hpa = stage.world.store().get(&HORIZONTALPODAUTOSCALERS, "shop", "frontend").unwrap();
    assert_eq!(int(&stage.deployment("frontend"), "/spec/replicas"), int(&hpa, "/spec/maxReplicas"));
}

#[test]
fn sets_roll_in_their_own_ways() {
    let mut stage = Stage::new(ScenarioName::Calm);
    let store = stage.world.store().clone();
    // Ordered: the last pod first; a broken one holds the rest, even after the template is mended.
    let image = |tag: &str| json!(format!("docker.io/library/mysql:{tag}"));
    let set_image = |tag: &str| {
        let image = image(tag);
        store
            .modify(&STATEFULSETS, "shop", "mysql", |set| {
                set["spec"]["template"]["spec"]["containers"][0]["image"] = image;
            })
            .unwrap();
    };
    set_image("0.0.0");
    stage.pass(30);
    let images = |stage: &Stage| -> Vec<String> {
        stage
            .pods("mysql")
            .iter()
            .map(|pod| text(pod, "/spec/containers/0/image").rsplit(':').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(images(&stage), ["8.4.3", "8.4.3", "0.0.0"]);
    set_image("8.4.2");
    stage.pass(60);
    assert_eq!(images(&stage), ["8.4.3", "8.4.3", "0.0.0"], "the known trap of ordered sets");
    store.mark_deleted(&PODS, "shop", "mysql-2", 60).unwrap();
    stage.pass(90);
    assert_eq!(images(&stage), ["8.4.2", "8.4.2", "8.4.2"]);
    // Daemons: node by node, never more than one away.
    store
        .modify(&DAEMONSETS, "platform", "node-agent", |set| {
            set["spec"]["template"]["spec"]["containers"][0]["image"] =
                json!("registry.example.com/platform/node-agent:7.54.1");
        })
        .unwrap();
    for _ in 0..60 {
        stage.pass(1);
        let ready = stage.pods("node-agent").iter().filter(|pod| is_ready(pod)).count();
        assert!(ready >= 5, "{ready} of 6 agents");
    }
    let agent = store.get(&DAEMONSETS, "platform", "node-agent").unwrap();
    assert_eq!((int(&agent, "/status/updatedNumberScheduled"), int(&agent, "/status/numberReady")), (6, 6));
}

#[test]
fn services_lead_to_their_pods() {
    let stage = Stage::new(ScenarioName::BadDeploy);
    let count = |service: &str, field: &str| {
        let endpoints = stage.world.store().get(&ENDPOINTS, "shop", service).unwrap();
        items(&endpoints, &format!("/subsets/0/{field}")).len()
    };
    assert_eq!((count("auth", "addresses"), count("auth", "notReadyAddresses")), (4, 0));
    assert_eq!(count("payment", "addresses"), 6, "the mesh sees broken pods too");
}
