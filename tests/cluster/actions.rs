//! Pods, nodes, CronJobs and Argo Rollouts through the door: what it says, and what the cluster makes of it.

use std::path::Path;
use std::sync::Arc;

use opsdeck::actions::abort::{Abort, Retry};
use opsdeck::actions::cordon::Uncordon;
use opsdeck::actions::delete_pod::DeletePod;
use opsdeck::actions::door::Door;
use opsdeck::actions::drain::Drain;
use opsdeck::actions::evict_pod::EvictPod;
use opsdeck::actions::exchange::DoorInput;
use opsdeck::actions::outcome::{End, Outcome, Stage};
use opsdeck::actions::promote::Promote;
use opsdeck::actions::rollback::Rollback;
use opsdeck::actions::suspend::Suspend;
use opsdeck::actions::trigger::Trigger;
use opsdeck::actions::{ActionKind, ActionRequest, Origin};
use opsdeck::config::{Dirs, LoadOptions};
use opsdeck::domain::cluster::NamespaceScope;
use opsdeck::domain::target::{PodRef, WorkloadKind, WorkloadRef};
use opsdeck::runtime::clock::Clock;
use opsdeck::runtime::executor::answer;
use opsdeck::runtime::journal::FileJournal;
use opsdeck::runtime::wiring::{Launch, Place as Where};
use serde_json::{Value, json};

use crate::backend::{Backend, Place, deployment, until};
use crate::{Body, Case};

pub const CASES: &[Case] = &[
    Case::new("pods_go_and_come_back", Body::Kubernetes(pods)),
    Case::new("a_node_is_drained", Body::Kubernetes(drain)),
    Case::new("a_cron_job_rests_and_runs_now_as_by_kubectl", Body::Kubernetes(cron_job)),
    Case::new("a_canary_is_aborted_rolled_back_and_promoted", Body::Kubernetes(canary)),
];

/// What came of an action, and what its plan warned of.
struct Ended {
    outcome: Outcome,
    warnings: String,
}

/// Takes an action through the door to its end, agreeing to everything.
fn act(backend: &Backend, place: &Place, action: ActionKind) -> Ended {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let home = place.home.path();
        let options = LoadOptions {
            explicit_file: None,
            dirs: Dirs { system: None, config: None, state: Some(home.to_owned()) },
            env: [].into(),
            overrides: vec![],
        };
        let launch = Launch {
            config: opsdeck::config::load(&options).unwrap().config,
            place: Where::Kubeconfig(Some(backend.kubeconfig.clone())),
            read_only: None,
            clock: Clock::System,
            journal: Arc::new(FileJournal::new(Path::new(home).join("audit.jsonl"))),
            runbooks: opsdeck::runtime::runbooks::RunbookHome::default(),
            incidents: opsdeck::runtime::incidents::IncidentHome::default(),
            user: "test".into(),
            ssh_client: None,
        };
        let scope = NamespaceScope::One(place.namespace.as_str().into());
        let connected = launch.connect(None, Some(scope), 1).await.unwrap();
        let request = ActionRequest::new(action, Origin::Headless);
        let (mut door, mut effects) = Door::request(request, &connected.guard, launch.clock.now());
        loop {
            while let Some(effect) = effects.pop() {
                let said = answer(effect.work, &connected.services, launch.journal.clone()).await;
                effects.extend(door.handle(DoorInput::Answer(effect.ticket, said), launch.clock.now()));
                effects.extend(door.handle(DoorInput::Tick, launch.clock.now()));
            }
            let view = door.view();
            if view.stage == Stage::Ended {
                let warnings =
                    view.plan.into_iter().flat_map(|plan| &plan.warnings).map(|warning| warning.text.clone());
                let warnings = warnings.collect::<Vec<_>>().join("\n");
                return Ended { outcome: view.outcome.unwrap().clone(), warnings };
            }
            assert_eq!(view.stage, Stage::Review);
            let name = view.plan.unwrap().confirm_word();
            effects = door.handle(DoorInput::Type(name), launch.clock.now());
            effects.extend(door.handle(DoorInput::Confirm, launch.clock.now()));
        }
    })
}

/// The same, which has to work.
fn done(backend: &Backend, place: &Place, action: ActionKind) -> Ended {
    let ended = act(backend, place, action);
    assert_eq!(ended.outcome.end, End::Done, "{:?}", ended.outcome);
    ended
}

fn workload(kind: WorkloadKind, place: &Place, name: &str) -> WorkloadRef {
    WorkloadRef::new(kind, place.namespace.as_str(), name)
}

/// Names of the pods of an app.
fn names(place: &Place, app: &str) -> Vec<String> {
    let pods = place.get(&format!("pods -l app={app}"));
    let pods = pods["items"].as_array().unwrap().iter();
    pods.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

fn pods(backend: &Backend) {
    let place = backend.place("pods");
    place.apply(&deployment("web", "busybox:1.36", 3));
    place.kubectl("rollout status deployment/web --timeout=120s");
    let first =
        || PodRef { namespace: place.namespace.as_str().into(), name: names(&place, "web").remove(0).as_str().into() };
    for force in [false, true] {
        let pod = first();
        done(backend, &place, ActionKind::DeletePod(DeletePod { pod: pod.clone(), force }));
        assert!(!names(&place, "web").contains(&pod.name.to_string()), "it is gone");
        assert_eq!(place.get("deployment web")["status"]["readyReplicas"], 3, "and the Deployment whole again");
    }
    // A budget that allows one eviction, and then none: it is named, and holds the eviction back.
    let budget = |min: u32| {
        format!(
            "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: tight}}\n\
             spec: {{minAvailable: {min}, selector: {{matchLabels: {{app: web}}}}}}\n"
        )
    };
    place.apply(&budget(2));
    until("the budget is counted", || place.get("pdb tight")["status"]["disruptionsAllowed"] == 1);
    let pod = first();
    done(backend, &place, ActionKind::EvictPod(EvictPod { pod: pod.clone() }));
    assert!(!names(&place, "web").contains(&pod.name.to_string()));
    // A pod that nothing brings back.
    place.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: bare, labels: {app: bare}}\nspec: {containers: [{name: c, image: 'busybox:1.36', \
         command: [sh, -c, 'sleep 1000000']}]}\n",
    );
    let bare = PodRef { namespace: place.namespace.as_str().into(), name: "bare".into() };
    let ended = done(backend, &place, ActionKind::DeletePod(DeletePod { pod: bare.clone(), force: false }));
    assert!(ended.warnings.contains("NOTHING brings it back"), "{}", ended.warnings);
    let gone = act(backend, &place, ActionKind::DeletePod(DeletePod { pod: bare, force: false }));
    assert_eq!(gone.outcome.end, End::Refused, "{:?}", gone.outcome);
}

fn drain(backend: &Backend) {
    let place = backend.place("drain");
    let nodes = place.get("nodes");
    let node = nodes["items"].as_array().unwrap().iter().find(|node| node["metadata"]["name"] == "worker-b1");
    let Some(node) = node else { return };
    // The real nodes are shared with other cases: there it is a pool of its own, for those who tolerate it. Its second
    // node joins when the first has all pods, so that there is somebody to move.
    let shared = node["metadata"]["annotations"].get("metrics.k8s.io/resource-metrics-path").is_some();
    let pool = place.namespace.clone();
    let join = |name: &str| {
        place.apply(&format!(
            "apiVersion: v1\nkind: Node\nmetadata:\n  name: {name}\n  labels: {{kubernetes.io/hostname: {name}, pool: {pool}}}\n\
             spec: {{taints: [{{key: opsdeck, effect: NoSchedule}}]}}\n"
        ));
        until("the node is ready", || {
            let node = place.get(&format!("node {name}"));
            let ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
            node["status"]["conditions"].as_array().is_some_and(|conditions| conditions.iter().any(ready))
        });
    };
    let names = ["a", "b"].map(|name| format!("{pool}-{name}"));
    let name = if shared { names[0].as_str() } else { "worker-b1" };
    let tolerates =
        format!("      tolerations: [{{key: opsdeck, operator: Exists}}]\n      nodeSelector: {{pool: {pool}}}\n");
    let web = deployment("web", "busybox:1.36", 2);
    let web = if shared { web + &tolerates } else { web };
    if shared {
        join(&names[0]);
    }
    place.apply(&web);
    place.kubectl("rollout status deployment/web --timeout=120s");
    if shared {
        join(&names[1]);
    }
    let on_node = || {
        let pods = place.get("pods -l app=web");
        pods["items"].as_array().unwrap().iter().filter(|pod| pod["spec"]["nodeName"] == name).count()
    };
    assert!(!shared || on_node() == 2, "somebody to move");
    let drain = ActionKind::Drain(Drain { node: name.into(), force: true });
    let ended = done(backend, &place, drain.clone());
    assert_eq!(on_node(), 0, "{:?}", ended.outcome);
    assert_eq!(place.get("deployment web")["status"]["readyReplicas"], 2);
    assert_eq!(place.get(&format!("node {name}"))["spec"]["unschedulable"], true);
    let again = act(backend, &place, drain);
    assert!(again.outcome.detail.contains("nothing to do"), "{:?}", again.outcome);
    done(backend, &place, ActionKind::Uncordon(Uncordon { node: name.into() }));
    assert_eq!(place.get(&format!("node {name}"))["spec"].get("unschedulable"), None);
    if shared {
        place.kubectl(&format!("delete node {} --wait=false", names.join(" ")));
    }
}

fn cron_job(backend: &Backend) {
    let place = backend.place("cron");
    place.apply(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly}\nspec:\n  schedule: '0 3 1 1 *'\n  jobTemplate:\n    \
         metadata: {labels: {team: a}, annotations: {note: b}}\n    spec:\n      template:\n        spec:\n          \
         restartPolicy: Never\n          containers: [{name: c, image: 'busybox:1.36', command: [sh, -c, 'sleep 5']}]\n",
    );
    let target = workload(WorkloadKind::CronJob, &place, "nightly");
    let suspend = |suspended| ActionKind::Suspend(Suspend { target: target.clone(), suspended });
    let before = place.get("cronjob nightly")["spec"].clone();
    done(backend, &place, suspend(true));
    assert_eq!(place.get("cronjob nightly")["spec"]["suspend"], true);
    done(backend, &place, suspend(false));
    assert_eq!(place.get("cronjob nightly")["spec"], before, "undone field by field");

    done(backend, &place, ActionKind::Trigger(Trigger { target: target.clone() }));
    place.kubectl("create job by-kubectl --from=cronjob/nightly");
    let jobs = place.get("jobs");
    let comparable: Vec<Value> = jobs["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| {
            let (meta, mut spec) = (&job["metadata"], job["spec"].clone());
            // The server's own, which carry the Job's uid.
            spec.as_object_mut().unwrap().remove("selector");
            spec["template"]["metadata"] = Value::Null;
            json!({"labels": meta["labels"], "annotations": meta["annotations"], "owners": meta["ownerReferences"], "spec": spec})
        })
        .collect();
    let [one, other] = &comparable[..] else { panic!("{jobs:#}") };
    assert_eq!(one, other);
}

fn rollout(image: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {{name: auth}}\nspec:\n  replicas: 4\n  \
         strategy: {{canary: {{steps: [{{setWeight: 25}}, {{pause: {{}}}}, {{setWeight: 50}}, {{pause: {{}}}}]}}}}\n  \
         selector: {{matchLabels: {{app: auth}}}}\n  template:\n    metadata: {{labels: {{app: auth}}}}\n    spec:\n      \
         containers: [{{name: app, image: '{image}', command: [sh, -c, 'sleep 1000000']}}]\n"
    )
}

fn canary(backend: &Backend) {
    let place = backend.place("canary");
    if !place.kubectl("api-resources --api-group=argoproj.io -o name").contains("rollouts") {
        return;
    }
    let auth = || place.get("rollouts.argoproj.io auth");
    let phase = |wanted: &str, step: u64| {
        until(&format!("the Rollout is {wanted} at step {step}"), || {
            let rollout = auth();
            // The controller writes the generation that it has seen as a string.
            let seen = rollout["status"]["observedGeneration"].as_str()
                == Some(&rollout["metadata"]["generation"].to_string());
            seen && rollout["status"]["phase"] == wanted && rollout["status"]["currentStepIndex"] == step
        });
    };
    place.apply(&rollout("busybox:1.35"));
    phase("Healthy", 4);
    place.apply(&rollout("busybox:1.36"));
    phase("Paused", 1);

    let target = || workload(WorkloadKind::Rollout, &place, "auth");
    let ended = done(backend, &place, ActionKind::Abort(Abort { target: target() }));
    assert!(ended.warnings.contains("still names busybox:1.36"), "{}", ended.warnings);
    let stable = auth();
    assert_eq!((&stable["status"]["abort"], &stable["status"]["phase"]), (&json!(true), &json!("Degraded")));
    let back = ActionKind::Rollback(Rollback { target: target(), to: None });
    assert_eq!(ended.outcome.offer, Some(back.clone()), "what is left to do");

    done(backend, &place, ActionKind::Retry(Retry { target: target() }));
    phase("Paused", 1);
    done(backend, &place, ActionKind::Promote(Promote { target: target(), full: false }));
    phase("Paused", 3);
    // Back to the stable revision skips the steps.
    done(backend, &place, back.clone());
    phase("Healthy", 4);
    assert_eq!(auth()["spec"]["template"]["spec"]["containers"][0]["image"], "busybox:1.35");

    place.apply(&rollout("busybox:1.37"));
    phase("Paused", 1);
    done(backend, &place, ActionKind::Promote(Promote { target: target(), full: true }));
    phase("Healthy", 4);
    assert_eq!(auth()["status"]["stableRS"], auth()["status"]["currentPodHash"]);
    let nothing = act(backend, &place, ActionKind::Abort(Abort { target: target() }));
    assert_eq!((nothing.outcome.end, nothing.outcome.offer), (End::Refused, Some(back)));
}
