//! What is undone is as it was: each action that can be taken back, by its subcommand, and then by `audit undo`; and what
//! an admission policy refuses, refused at the dry run.

use serde_json::{Value, json};

use crate::backend::{Backend, Place, deployment, until};
use crate::stack::Stack;
use crate::support::json_lines;
use crate::{Body, Case};

pub const CASES: &[Case] = &[
    Case::new("what_is_undone_is_as_it_was", Body::Kubernetes(undone)),
    Case::new("a_policy_refuses_at_the_dry_run", Body::Stack(policy)),
];

/// An action, the object that it changes, and where that shows.
struct Undoable {
    action: &'static [&'static str],
    object: &'static str,
    /// JSON pointer to what differs while it is done.
    shows: &'static str,
}

const ALL: &[Undoable] = &[
    Undoable { action: &["scale", "web", "--replicas", "4"], object: "deployment web", shows: "/spec/replicas" },
    Undoable { action: &["scale", "statefulset/db", "--by", "1"], object: "statefulset db", shows: "/spec/replicas" },
    Undoable { action: &["autoscale", "auto", "--max", "9"], object: "hpa auto", shows: "/spec/maxReplicas" },
    Undoable { action: &["pause", "web"], object: "deployment web", shows: "/spec/paused" },
    Undoable { action: &["set-image", "web", "app=busybox:1.37"], object: "deployment web", shows: IMAGE },
    Undoable { action: &["rollback", "web"], object: "deployment web", shows: IMAGE },
    Undoable { action: &["rollback", "statefulset/db"], object: "statefulset db", shows: IMAGE },
    Undoable { action: &["suspend", "nightly"], object: "cronjob nightly", shows: "/spec/suspend" },
];

const IMAGE: &str = "/spec/template/spec/containers/0/image";

fn stateful(image: &str) -> String {
    let text = deployment("db", image, 2).replace("kind: Deployment", "kind: StatefulSet");
    text.replacen("spec:\n", "spec:\n  serviceName: db\n", 1)
}

fn undone(backend: &Backend) {
    let place = backend.place("undone");
    for image in ["busybox:1.35", "busybox:1.36"] {
        place.apply(&deployment("web", image, 2));
        place.apply(&stateful(image));
        place.kubectl("rollout status deployment/web --timeout=120s");
        place.kubectl("rollout status statefulset/db --timeout=120s");
    }
    place.apply(&deployment("auto", "busybox:1.36", 2));
    place.apply(
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: auto}\nspec:\n  \
         scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: auto}\n  minReplicas: 2\n  maxReplicas: 4\n  \
         metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]\n",
    );
    place.apply(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly}\nspec:\n  schedule: '0 3 1 1 *'\n  jobTemplate:\n    \
         spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: 'busybox:1.36', command: [sleep, '5']}]}}}\n",
    );
    for undoable in ALL {
        let object = || wanted(place.get(undoable.object));
        let before = object();
        let id = done(&place, undoable.action);
        let meanwhile = object();
        let shows = (before.pointer(undoable.shows), meanwhile.pointer(undoable.shows));
        assert_ne!(shows.0, shows.1, "{:?} changes nothing", undoable.action);
        done(&place, &["audit", "undo", &id]);
        assert_eq!(object(), before, "undo of {:?}", undoable.action);
    }
    let verified = place.opsdeck(&["audit", "verify"]);
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
}

/// Runs an action, which has to be done and verified; its id in the audit log.
fn done(place: &Place, action: &[&str]) -> String {
    let mut arguments = action.to_vec();
    arguments.extend(["--yes", "--json"]);
    let output = place.opsdeck(&arguments);
    assert_eq!(output.status.code(), Some(0), "{action:?}: {output:?}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["outcome"]["end"], "done", "{said:#}");
    said["id"].as_str().unwrap().to_owned()
}

/// What somebody wants of an object: without what servers and controllers write, and who wrote last.
fn wanted(mut object: Value) -> Value {
    object["status"] = Value::Null;
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata
        .retain(|key, _| ["name", "namespace", "uid", "labels", "annotations", "ownerReferences"].contains(&&**key));
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        // Revisions are counted on, there and back; the cause of the change is the undoing itself.
        annotations
            .retain(|key, _| !["deployment.kubernetes.io/revision", "kubernetes.io/change-cause"].contains(&&**key));
    }
    // Absent and false are the same to the API.
    for key in ["paused", "suspend"] {
        if object["spec"][key] == json!(false) {
            object["spec"].as_object_mut().unwrap().remove(key);
        }
    }
    object
}

fn policy(stack: &Stack) {
    let place = Place::on(stack, "policy");
    place.apply(&deployment("web", "busybox:1.36", 2));
    place.kubectl("rollout status deployment/web --timeout=120s");
    place.apply(&format!(
        "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {{name: {0}}}\nspec:\n  \
         failurePolicy: Fail\n  matchConstraints: {{resourceRules: [{{apiGroups: [apps], apiVersions: [v1], operations: \
         [UPDATE], resources: [deployments/scale]}}]}}\n  validations: [{{expression: 'object.spec.replicas <= 5', message: \
         'five is enough'}}]\n---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\n\
         metadata: {{name: {0}}}\nspec:\n  policyName: {0}\n  validationActions: [Deny]\n  matchResources: {{namespaceSelector: \
         {{matchLabels: {{kubernetes.io/metadata.name: {0}}}}}}}\n",
        place.namespace
    ));
    // The API server takes a moment to obey.
    until("the policy holds", || {
        let output = place.opsdeck(&["scale", "web", "--replicas", "9", "--dry-run"]);
        output.status.code() == Some(3) && String::from_utf8_lossy(&output.stderr).contains("five is enough")
    });
    let before = place.get("deployment web");
    let output = place.opsdeck(&["scale", "web", "--replicas", "9", "--yes"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(place.get("deployment web")["metadata"]["generation"], before["metadata"]["generation"]);
    let records = json_lines(&place.audit_log());
    assert!(records.iter().all(|record| record["kind"] != "intent"), "nothing was meant to be sent: {records:#?}");
    let refused = records.last().unwrap();
    assert!(refused["detail"].as_str().unwrap().contains("five is enough"), "{refused:#}");
    done(&place, &["scale", "web", "--replicas", "5"]);
    for kind in ["validatingadmissionpolicybinding", "validatingadmissionpolicy"] {
        place.kubectl(&format!("delete {kind} {}", place.namespace));
    }
}
