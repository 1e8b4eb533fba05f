//! Raising workloads with a past: the revisions they had, and the controllers' own doing for the
//! one they have.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::lab::kubernetes::resources::{CONTROLLERREVISIONS, DEPLOYMENTS, REPLICASETS, ROLLOUTS, Resource};
use crate::lab::world::deployment::replica_set;
use crate::lab::world::history::revision_of;
use crate::lab::world::object::{CHANGE_CAUSE, REVISION, annotate, int_or, stamp};
use crate::lab::world::rollout;
use crate::lab::world::{Scope, World};

/// How long the controllers get to bring a workload up.
const RISE: TimeDelta = TimeDelta::seconds(100);

/// One revision of a workload.
#[derive(Debug, Clone)]
pub(super) struct Release {
    /// Its number.
    pub number: u64,
    /// How long before the start it went out.
    pub ago: TimeDelta,
    /// Why, as `kubernetes.io/change-cause` says it; empty for none.
    pub cause: String,
    /// The pod template.
    pub template: Value,
}

/// A workload and its past.
#[derive(Debug, Clone)]
pub(super) struct Blueprint {
    /// The whole object but for its template.
    pub object: Value,
    /// How long before the start it was made.
    pub born: TimeDelta,
    /// Its revisions, oldest first; the last one runs.
    pub releases: Vec<Release>,
    /// Whether it was made by `kubectl apply`, which leaves its annotation.
    pub applied: bool,
}

impl Blueprint {
    /// When its current revision went out.
    pub(super) fn current_ago(&self) -> TimeDelta {
        self.releases.last().map_or(self.born, |release| release.ago)
    }

    fn as_of(&self, release: &Release, origin: DateTime<Utc>) -> Value {
        let mut object = self.object.clone();
        object["metadata"]["creationTimestamp"] = json!(stamp(origin - self.born));
        object["metadata"]["generation"] = json!(release.number + 4);
        object["spec"]["template"] = release.template.clone();
        if !release.cause.is_empty() {
            annotate(&mut object, CHANGE_CAUSE, &release.cause);
        }
        if self.applied {
            let mut applied = object.clone();
            for own in ["creationTimestamp", "generation"] {
                if let Some(metadata) = applied["metadata"].as_object_mut() {
                    metadata.remove(own);
                }
            }
            applied["spec"]["template"]["metadata"]["creationTimestamp"] = Value::Null;
            annotate(&mut object, "kubectl.kubernetes.io/last-applied-configuration", &format!("{applied}\n"));
        }
        object
    }
}

/// Makes a Deployment as it was when its current revision went out, with the ReplicaSets of those
/// before, and lets the controllers bring it up.
pub(super) fn raise_deployment(world: &mut World, origin: DateTime<Utc>, blueprint: &Blueprint) {
    let Some((current, past)) = blueprint.releases.split_last() else { return };
    let at = origin - current.ago;
    world.time().pin(Some(at));
    let Ok(deployment) = world.store().create(&DEPLOYMENTS, blueprint.as_of(current, origin)) else { return };
    for release in past {
        let mut owner = (*deployment).clone();
        annotate(&mut owner, CHANGE_CAUSE, &release.cause);
        let most = int_or(&owner, "/spec/replicas", 1) + 1;
        let mut set = replica_set(&owner, &release.template, 0, 0, most, release.number);
        set["metadata"]["creationTimestamp"] = json!(stamp(origin - release.ago));
        set["metadata"]["generation"] = json!(4);
        set["status"] = json!({"observedGeneration": 4, "replicas": 0});
        annotate(&mut set, REVISION, &release.number.to_string());
        // Two revisions of one template would be one set; blueprints have none.
        let _ = world.store().create(&REPLICASETS, set);
    }
    world.settle(at, at + RISE, Scope::Workloads);
}

/// Makes what is a Deployment elsewhere as an Argo Rollout with a canary of three steps, likewise.
pub(super) fn raise_rollout(world: &mut World, origin: DateTime<Utc>, blueprint: &Blueprint) {
    let mut blueprint = blueprint.clone();
    let object = &mut blueprint.object;
    object["apiVersion"] = json!(ROLLOUTS.api_version());
    object["kind"] = json!(ROLLOUTS.kind);
    object["spec"]["strategy"] = json!({"canary": {
        "maxSurge": 1,
        "maxUnavailable": 0,
        "steps": [
            {"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": "5m"}},
            {"setWeight": 75}, {"pause": {"duration": "5m"}},
        ],
    }});
    let Some((current, past)) = blueprint.releases.split_last() else { return };
    let at = origin - current.ago;
    world.time().pin(Some(at));
    let Ok(rollout) = world.store().create(&ROLLOUTS, blueprint.as_of(current, origin)) else { return };
    for release in past {
        let mut owner = (*rollout).clone();
        annotate(&mut owner, CHANGE_CAUSE, &release.cause);
        let mut set = rollout::replica_set(&owner, &release.template, 0, 0, release.number);
        set["metadata"]["creationTimestamp"] = json!(stamp(origin - release.ago));
        set["metadata"]["generation"] = json!(4);
        set["status"] = json!({"observedGeneration": 4, "replicas": 0});
        // Two revisions of one template would be one set; blueprints have none.
        let _ = world.store().create(&REPLICASETS, set);
    }
    world.settle(at, at + RISE, Scope::Workloads);
}

/// Makes a StatefulSet or DaemonSet likewise, with the ControllerRevisions of the past.
pub(super) fn raise_set(world: &mut World, origin: DateTime<Utc>, resource: &Resource, blueprint: &Blueprint) {
    let Some((current, past)) = blueprint.releases.split_last() else { return };
    let at = origin - current.ago;
    world.time().pin(Some(at));
    let Ok(set) = world.store().create(resource, blueprint.as_of(current, origin)) else { return };
    for release in past {
        let mut owner = (*set).clone();
        annotate(&mut owner, CHANGE_CAUSE, &release.cause);
        let mut revision = revision_of(&owner, &release.template, i64::try_from(release.number).unwrap_or(0));
        revision["metadata"]["creationTimestamp"] = json!(stamp(origin - release.ago));
        let _ = world.store().create(&CONTROLLERREVISIONS, revision);
    }
    world.settle(at, at + RISE, Scope::Workloads);
}

/// A container with the fields that every one of ours has.
pub(super) fn container(name: &str, image: &str, cpu: &str, memory: (&str, &str)) -> Value {
    json!({
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": {"cpu": cpu, "memory": memory.0}, "limits": {"memory": memory.1}},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    })
}

/// A port of a container.
pub(super) fn with_port(mut container: Value, name: &str, port: u16) -> Value {
    container["ports"] = json!([{"name": name, "containerPort": port, "protocol": "TCP"}]);
    container
}

/// HTTP probes on a named port.
pub(super) fn with_probes(mut container: Value, port: &str, live: &str, ready: &str) -> Value {
    let probe = |path: &str, period: u32, failures: u32| {
        json!({
            "httpGet": {"path": path, "port": port, "scheme": "HTTP"},
            "periodSeconds": period, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": failures,
        })
    };
    container["readinessProbe"] = probe(ready, 2, 3);
    container["livenessProbe"] = probe(live, 10, 3);
    container
}

/// A pod template.
pub(super) fn template(labels: &Value, annotations: &Value, containers: &[Value]) -> Value {
    let mut template = json!({
        "metadata": {"labels": labels},
        "spec": {
            "containers": containers,
            "dnsPolicy": "ClusterFirst",
            "restartPolicy": "Always",
            "schedulerName": "default-scheduler",
            "securityContext": {},
            "terminationGracePeriodSeconds": 30,
        },
    });
    if annotations.is_object() {
        template["metadata"]["annotations"] = annotations.clone();
    }
    template
}

/// A Deployment without its template.
pub(super) fn deployment(namespace: &str, name: &str, replicas: u32, rolling: (&str, &str)) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name, "app.kubernetes.io/part-of": namespace}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": quantity(rolling.0), "maxUnavailable": quantity(rolling.1)}},
            "progressDeadlineSeconds": 600,
            "revisionHistoryLimit": 10,
        },
    })
}

fn quantity(written: &str) -> Value {
    written.parse::<i64>().map_or_else(|_| json!(written), |number| json!(number))
}

/// A Service in front of the pods of an app.
pub(super) fn service(namespace: &str, name: &str, address: &str, ports: &[(&str, u16, &str)]) -> Value {
    let ports: Vec<_> = ports
        .iter()
        .map(|(port_name, port, target)| json!({"name": port_name, "port": port, "protocol": "TCP", "targetPort": target}))
        .collect();
    json!({
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": address,
            "clusterIPs": [address],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": ports,
            "selector": {"app": name},
            "sessionAffinity": "None",
        },
        "status": {"loadBalancer": {}},
    })
}
