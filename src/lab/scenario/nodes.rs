//! The nodes of the lab's cluster: six workers in three zones.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::lab::kubernetes::resources::NODES;
use crate::lab::world::World;
use crate::lab::world::naming::hex;
use crate::lab::world::object::stamp;

/// Names, zones, addresses and how many days ago each was made.
const WORKERS: [(&str, &str, &str, i64); 6] = [
    ("worker-a1", "eu-west-1a", "10.0.1.21", 131),
    ("worker-a2", "eu-west-1a", "10.0.1.34", 131),
    ("worker-b1", "eu-west-1b", "10.0.2.17", 131),
    ("worker-b2", "eu-west-1b", "10.0.2.58", 88),
    ("worker-c1", "eu-west-1c", "10.0.3.11", 131),
    ("worker-c2", "eu-west-1c", "10.0.3.42", 88),
];

/// Makes the nodes.
pub(super) fn raise(world: &mut World, origin: DateTime<Utc>) {
    for (index, (name, zone, address, days)) in (0..).zip(WORKERS) {
        let born = origin - TimeDelta::days(days) - TimeDelta::minutes(index * 4);
        // Names are distinct, so nothing can be in the way.
        let _ = world.store().create(&NODES, node(index, name, zone, address, born, origin));
    }
}

fn node(index: i64, name: &str, zone: &str, address: &str, born: DateTime<Utc>, origin: DateTime<Utc>) -> Value {
    let heartbeat = stamp(origin - TimeDelta::seconds(37 + 41 * index));
    let since = stamp(born + TimeDelta::seconds(48));
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": heartbeat, "lastTransitionTime": since,
        })
    };
    json!({
        "metadata": {
            "name": name,
            "creationTimestamp": stamp(born),
            "labels": {
                "beta.kubernetes.io/arch": "amd64",
                "beta.kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "node-role.kubernetes.io/worker": "",
                "node.kubernetes.io/instance-type": "m6i.xlarge",
                "topology.kubernetes.io/region": "eu-west-1",
                "topology.kubernetes.io/zone": zone,
            },
            "annotations": {"node.alpha.kubernetes.io/ttl": "0", "volumes.kubernetes.io/controller-managed-attach-detach": "true"},
        },
        "spec": {"podCIDR": format!("10.244.{}.0/24", index + 1), "podCIDRs": [format!("10.244.{}.0/24", index + 1)]},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "allocatable": {"cpu": "3920m", "ephemeral-storage": "95551679124", "hugepages-2Mi": "0", "memory": "15076940Ki", "pods": "110"},
            "capacity": {"cpu": "4", "ephemeral-storage": "104845292Ki", "hugepages-2Mi": "0", "memory": "16093772Ki", "pods": "110"},
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": uuid(&[name, "boot"]),
                "containerRuntimeVersion": "containerd://1.7.24",
                "kernelVersion": "6.1.119-129.201",
                "kubeProxyVersion": "v1.31.4",
                "kubeletVersion": "v1.31.4",
                "machineID": hex(&[name, "machine"], 32),
                "operatingSystem": "linux",
                "osImage": "Ubuntu 24.04.1 LTS",
                "systemUUID": uuid(&[name, "system"]),
            },
        },
    })
}

fn uuid(parts: &[&str]) -> String {
    let digits = hex(parts, 32);
    format!("{}-{}-4{}-a{}-{}", &digits[..8], &digits[8..12], &digits[13..16], &digits[17..20], &digits[20..])
}
