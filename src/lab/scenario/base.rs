//! The world that every scenario starts from: a shop that has run for months.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::blueprint::{Blueprint, raise_deployment, raise_rollout, raise_set};
use super::{nodes, platform, shop};
use crate::lab::kubernetes::resources::{
    CONFIGMAPS, CRONJOBS, DAEMONSETS, HORIZONTALPODAUTOSCALERS, INGRESSES, JOBS, NAMESPACES, NODES,
    PODDISRUPTIONBUDGETS, PODS, Resource, SECRETS, SERVICEACCOUNTS, SERVICES, STATEFULSETS, STORAGECLASSES,
};
use crate::lab::world::naming::hex;
use crate::lab::world::object::{items, name, namespace, stamp, text};
use crate::lab::world::{Scope, World};

/// How long ago the cluster was made.
const BORN: TimeDelta = TimeDelta::days(214);
/// How long ago a node was drained for its kernel: what ran there is younger than its revision.
const DRAINED: TimeDelta = TimeDelta::minutes(3 * 24 * 60 - 410);

/// What is raised when; the oldest comes first.
enum Raise {
    Deployment(Blueprint),
    Rollout(Blueprint),
    Set(&'static Resource, Blueprint),
    Drain(&'static str),
    Backup(i64),
}

/// Makes the base world as it was some minutes before `origin`.
/// `rollouts` names the Deployments of the shop that are Argo Rollouts.
pub(super) fn raise(world: &mut World, origin: DateTime<Utc>, rollouts: &[&str]) {
    world.time().pin(Some(origin - BORN));
    fixtures(world, origin);
    nodes::raise(world, origin);
    let mut script: Vec<(TimeDelta, Raise)> = Vec::new();
    for blueprint in shop::deployments().into_iter().chain(platform::deployments()) {
        let raise = if rollouts.contains(&name(&blueprint.object)) { Raise::Rollout } else { Raise::Deployment };
        script.push((blueprint.current_ago(), raise(blueprint)));
    }
    for blueprint in platform::daemonsets() {
        script.push((blueprint.current_ago(), Raise::Set(&DAEMONSETS, blueprint)));
    }
    let mysql = shop::mysql();
    script.push((mysql.current_ago(), Raise::Set(&STATEFULSETS, mysql)));
    script.push((DRAINED, Raise::Drain("worker-c1")));
    script.extend((1..=3).map(|nights| (backup_ago(origin, nights), Raise::Backup(nights))));
    script.sort_by_key(|(ago, _)| std::cmp::Reverse(*ago));
    for (ago, raise) in script {
        match raise {
            Raise::Deployment(blueprint) => raise_deployment(world, origin, &blueprint),
            Raise::Rollout(blueprint) => raise_rollout(world, origin, &blueprint),
            Raise::Set(resource, blueprint) => raise_set(world, origin, resource, &blueprint),
            Raise::Drain(node) => drain(world, origin - ago, node),
            Raise::Backup(nights) => backup(world, origin - ago, nights),
        }
    }
    // Let what follows the time of day, such as the autoscaler, come to rest before the start.
    for minutes in [130, 100, 70] {
        let at = origin - TimeDelta::minutes(minutes);
        world.settle(at, at + TimeDelta::minutes(6), Scope::Everything);
    }
    // Two weeks ago the provider of payments was slow for 40 minutes; the budget remembers.
    let incident = origin - TimeDelta::days(14) - TimeDelta::minutes(95);
    world.traffic().troubles().set("payment", incident, 0.151);
    world.traffic().troubles().set("payment", incident + TimeDelta::minutes(41), 0.0);
}

/// Everything that no controller makes.
fn fixtures(world: &World, origin: DateTime<Utc>) {
    let born = stamp(origin - BORN);
    let store = world.store();
    let make = |resource: &Resource, mut object: Value| {
        if object["metadata"]["creationTimestamp"].is_null() {
            object["metadata"]["creationTimestamp"] = json!(born);
        }
        // Names are distinct, so nothing can be in the way.
        let _ = store.create(resource, object);
    };
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIBdzCCAR2gAwIBAgIBADAKBggqhkjOPQQDAjAjMSEwHwYDVQQDDBhsYWItY2E=\n-----END CERTIFICATE-----\n";
    for space in ["default", "kube-node-lease", "kube-public", "kube-system", "platform", "shop"] {
        make(
            &NAMESPACES,
            json!({
                "metadata": {"name": space, "labels": {"kubernetes.io/metadata.name": space}},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            }),
        );
        make(&SERVICEACCOUNTS, json!({"metadata": {"name": "default", "namespace": space}}));
        make(
            &CONFIGMAPS,
            json!({"metadata": {"name": "kube-root-ca.crt", "namespace": space}, "data": {"ca.crt": certificate}}),
        );
    }
    make(
        &CONFIGMAPS,
        json!({
            "metadata": {"name": "payment-config", "namespace": "shop", "creationTimestamp": stamp(origin - TimeDelta::days(33))},
            "data": {"PROVIDER_URL": "https://api.provider.example.com/v2", "RETRY_LIMIT": "3", "CURRENCY": "EUR"},
        }),
    );
    for (secret, days) in [("mysql-root", 212), ("mysql-app", 190), ("payment-provider", 121)] {
        make(
            &SECRETS,
            json!({
                "metadata": {"name": secret, "namespace": "shop", "creationTimestamp": stamp(origin - TimeDelta::days(days))},
                "type": "Opaque",
                "data": {"password": "bGFiLW9ubHk="},
            }),
        );
    }
    make(
        &SERVICES,
        json!({
            "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"component": "apiserver", "provider": "kubernetes"}},
            "spec": {
                "type": "ClusterIP", "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"],
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
            },
            "status": {"loadBalancer": {}},
        }),
    );
    for service in shop::services().into_iter().chain(platform::services()) {
        make(&SERVICES, service);
    }
    make(&HORIZONTALPODAUTOSCALERS, {
        let mut autoscaler = shop::autoscaler();
        autoscaler["metadata"]["creationTimestamp"] = json!(stamp(origin - TimeDelta::days(120)));
        autoscaler
    });
    for (app, least) in [("frontend", "75%"), ("payment", "50%"), ("mysql", "2")] {
        let least = least.parse::<i64>().map_or_else(|_| json!(least), |number| json!(number));
        make(
            &PODDISRUPTIONBUDGETS,
            json!({
                "metadata": {"name": app, "namespace": "shop"},
                "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": app}}},
                "status": {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0, "observedGeneration": 1},
            }),
        );
    }
    make(
        &INGRESSES,
        json!({
            "metadata": {"name": "shop", "namespace": "shop"},
            "spec": {
                "ingressClassName": "nginx",
                "rules": [{"host": "shop.example.com", "http": {"paths": [{
                    "path": "/", "pathType": "Prefix",
                    "backend": {"service": {"name": "frontend", "port": {"name": "http"}}},
                }]}}],
            },
            "status": {"loadBalancer": {"ingress": [{"hostname": "shop-ingress.eu-west-1.example.com"}]}},
        }),
    );
    make(
        &STORAGECLASSES,
        json!({
            "metadata": {"name": "gp3", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "ebs.csi.aws.com",
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "WaitForFirstConsumer",
            "allowVolumeExpansion": true,
        }),
    );
    make(
        &CRONJOBS,
        json!({
            "metadata": {"name": "db-backup", "namespace": "shop", "creationTimestamp": stamp(origin - TimeDelta::days(150))},
            "spec": {
                "schedule": "15 2 * * *",
                "concurrencyPolicy": "Forbid",
                "suspend": false,
                "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 1,
                "jobTemplate": {"spec": {"template": backup_template()}},
            },
            "status": {
                "lastScheduleTime": stamp(origin - backup_ago(origin, 1)),
                "lastSuccessfulTime": stamp(origin - backup_ago(origin, 1) + TimeDelta::seconds(214)),
            },
        }),
    );
}

/// Drains a node as `kubectl drain` does, and gives it back.
fn drain(world: &mut World, at: DateTime<Utc>, node: &str) {
    world.time().pin(Some(at));
    let cordon = |world: &World, cordoned: bool| {
        // The base made this node.
        let _ = world.store().modify(&NODES, "", node, |node| {
            if let Some(spec) = node["spec"].as_object_mut() {
                spec.remove("unschedulable");
                if cordoned {
                    spec.insert("unschedulable".to_owned(), json!(true));
                }
            }
        });
    };
    cordon(world, true);
    for pod in world.store().list(&PODS, None).0 {
        let kind =
            items(&pod, "/metadata/ownerReferences").first().map(|owner| text(owner, "/kind")).unwrap_or_default();
        if text(&pod, "/spec/nodeName") == node && kind == "ReplicaSet" {
            // Every pod here is on a node and running, so it is marked and its kubelet ends it.
            let _ = world.store().mark_deleted(&PODS, namespace(&pod), name(&pod), 30);
        }
    }
    world.settle(at, at + TimeDelta::seconds(90), Scope::Workloads);
    world.time().pin(Some(at + TimeDelta::minutes(11)));
    cordon(world, false);
}

/// How long before the start the backup of some nights ago began.
fn backup_ago(origin: DateTime<Utc>, nights: i64) -> TimeDelta {
    let night = origin.date_naive().and_hms_opt(2, 15, 0).map_or(origin, |night| night.and_utc());
    // The script must stay in the past even when the lab starts just after midnight.
    let last = if origin - night > TimeDelta::minutes(30) { night } else { night - TimeDelta::days(1) };
    origin - last + TimeDelta::days(nights - 1)
}

fn backup_template() -> Value {
    json!({
        "metadata": {"labels": {"app": "db-backup"}},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{
                "name": "db-backup",
                "image": "registry.example.com/shop/db-backup:1.2.0",
                "args": ["--all-databases", "--to=s3://shop-backups/mysql"],
                "resources": {"requests": {"cpu": "200m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            }],
        },
    })
}

/// A finished backup: its Job, and its pod, which has completed.
fn backup(world: &mut World, at: DateTime<Utc>, nights: i64) {
    use crate::lab::world::{object::controlled_by, pods};
    world.time().pin(Some(at));
    let Some(owner) = world.store().get(&CRONJOBS, "shop", "db-backup") else { return };
    let job_name = format!("db-backup-{}", at.timestamp() / 60);
    let done = at + TimeDelta::seconds(211 - 3 * nights);
    let labels = json!({"app": "db-backup", "batch.kubernetes.io/job-name": job_name, "job-name": job_name});
    let mut template = backup_template();
    template["metadata"]["labels"] = labels.clone();
    let made = world.store().create(&JOBS, json!({
        "metadata": {"name": job_name, "namespace": "shop", "labels": labels, "ownerReferences": [controlled_by(&owner)]},
        "spec": {"backoffLimit": 6, "completions": 1, "parallelism": 1, "suspend": false, "completionMode": "NonIndexed",
            "selector": {"matchLabels": {"batch.kubernetes.io/job-name": job_name}}, "template": template},
        "status": {
            "startTime": stamp(at), "completionTime": stamp(done), "succeeded": 1, "ready": 0, "terminating": 0,
            "conditions": [{"type": "Complete", "status": "True", "reason": "CompletionsReached", "message": "Reached expected number of succeeded pods",
                "lastProbeTime": stamp(done), "lastTransitionTime": stamp(done)}],
        },
    }));
    let Ok(job) = made else { return };
    let suffix = crate::lab::world::naming::suffix(crate::lab::world::naming::digest(&[&job_name]));
    let mut pod = pods::from_template(&job, &template, &format!("{job_name}-{suffix}"), Some(&format!("{job_name}-")));
    let (node, host) = if nights % 2 == 0 { ("worker-b1", "10.0.2.17") } else { ("worker-a2", "10.0.1.34") };
    let address = format!("10.244.{}.{}", if nights % 2 == 0 { 3 } else { 2 }, 252 + nights % 2);
    pod["spec"]["nodeName"] = json!(node);
    let condition = |kind: &str, status: &str, at: DateTime<Utc>| json!({"type": kind, "status": status, "reason": "PodCompleted", "lastProbeTime": null, "lastTransitionTime": stamp(at)});
    let id = format!("containerd://{}", hex(&[&job_name], 64));
    pod["status"] = json!({
        "phase": "Succeeded", "qosClass": "Burstable", "startTime": stamp(at),
        "hostIP": host, "hostIPs": [{"ip": host}], "podIP": address, "podIPs": [{"ip": address}],
        "conditions": [
            condition("PodReadyToStartContainers", "False", done), condition("Initialized", "True", at),
            condition("Ready", "False", done), condition("ContainersReady", "False", done),
            {"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": stamp(at)},
        ],
        "containerStatuses": [{
            "name": "db-backup", "image": "registry.example.com/shop/db-backup:1.2.0",
            "imageID": format!("registry.example.com/shop/db-backup@sha256:{}", hex(&["registry.example.com/shop/db-backup:1.2.0"], 64)),
            "containerID": id, "ready": false, "started": false, "restartCount": 0, "lastState": {},
            "state": {"terminated": {"containerID": id, "exitCode": 0, "reason": "Completed", "startedAt": stamp(at + TimeDelta::seconds(2)), "finishedAt": stamp(done)}},
        }],
    });
    // Its name is made of the minute, so it is free.
    let _ = world.store().create(&PODS, pod);
}
