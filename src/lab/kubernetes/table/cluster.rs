//! The rows of the cluster itself: nodes, namespaces, events, configuration, storage, usage.

use serde_json::{Value, json};

use super::super::age::since;
use super::{AGE, Layout, NAME, age, array, name, or, text};

pub const NODES: Layout = Layout {
    columns: &[
        NAME,
        ("Status", "string", 0),
        ("Roles", "string", 0),
        AGE,
        ("Version", "string", 0),
        ("Internal-IP", "string", 1),
        ("External-IP", "string", 1),
        ("OS-Image", "string", 1),
        ("Kernel-Version", "string", 1),
        ("Container-Runtime", "string", 1),
    ],
    cells: |o, now| {
        let ready = array(&o["status"]["conditions"]).iter().find(|c| c["type"] == "Ready");
        let mut status =
            ready.map_or("Unknown", |c| if c["status"] == "True" { "Ready" } else { "NotReady" }).to_owned();
        if o["spec"]["unschedulable"] == true {
            status.push_str(",SchedulingDisabled");
        }
        let mut roles: Vec<&str> = o["metadata"]["labels"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| {
                key.strip_prefix("node-role.kubernetes.io/")
                    .or_else(|| (key == "kubernetes.io/role").then(|| text(value)))
            })
            .filter(|role| !role.is_empty())
            .collect();
        roles.sort_unstable();
        let address = |kind: &str| {
            array(&o["status"]["addresses"])
                .iter()
                .find(|a| a["type"] == kind)
                .map_or("<none>", |a| text(&a["address"]))
        };
        let info = &o["status"]["nodeInfo"];
        vec![
            name(o),
            json!(status),
            json!(or(&roles.join(","), "<none>")),
            age(o, now),
            info["kubeletVersion"].clone(),
            json!(address("InternalIP")),
            json!(address("ExternalIP")),
            json!(or(text(&info["osImage"]), "<unknown>")),
            json!(or(text(&info["kernelVersion"]), "<unknown>")),
            json!(or(text(&info["containerRuntimeVersion"]), "<unknown>")),
        ]
    },
};

pub const NAMESPACES: Layout = Layout {
    columns: &[NAME, ("Status", "string", 0), AGE],
    cells: |o, now| vec![name(o), o["status"]["phase"].clone(), age(o, now)],
};

pub const EVENTS: Layout = Layout {
    columns: &[
        ("Last Seen", "string", 0),
        ("Type", "string", 0),
        ("Reason", "string", 0),
        ("Object", "string", 0),
        ("Subobject", "string", 1),
        ("Source", "string", 1),
        ("Message", "string", 0),
        ("First Seen", "string", 1),
        ("Count", "string", 1),
        ("Name", "string", 1),
    ],
    cells: |o, now| {
        let seen = |field: &str| if o[field].is_null() { since(&o["eventTime"], now) } else { since(&o[field], now) };
        let object = &o["involvedObject"];
        let (component, host) =
            (or(text(&o["source"]["component"]), text(&o["reportingComponent"])), text(&o["source"]["host"]));
        let source = if host.is_empty() { component.to_owned() } else { format!("{component}, {host}") };
        let last = if o["series"]["lastObservedTime"].is_null() {
            seen("lastTimestamp")
        } else {
            since(&o["series"]["lastObservedTime"], now)
        };
        vec![
            json!(last),
            o["type"].clone(),
            o["reason"].clone(),
            json!(format!("{}/{}", text(&object["kind"]).to_lowercase(), text(&object["name"]))),
            json!(text(&object["fieldPath"])),
            json!(source),
            json!(text(&o["message"]).trim()),
            json!(seen("firstTimestamp")),
            json!(o["series"]["count"].as_i64().unwrap_or_else(|| o["count"].as_i64().unwrap_or(1))),
            name(o),
        ]
    },
};

fn size(value: &Value) -> usize {
    value.as_object().map_or(0, serde_json::Map::len)
}

pub const CONFIGMAPS: Layout = Layout {
    columns: &[NAME, ("Data", "string", 0), AGE],
    cells: |o, now| vec![name(o), json!(size(&o["data"]) + size(&o["binaryData"])), age(o, now)],
};

pub const SECRETS: Layout = Layout {
    columns: &[NAME, ("Type", "string", 0), ("Data", "string", 0), AGE],
    cells: |o, now| vec![name(o), o["type"].clone(), json!(size(&o["data"])), age(o, now)],
};

pub const ACCOUNTS: Layout = Layout {
    columns: &[NAME, ("Secrets", "string", 0), AGE],
    cells: |o, now| vec![name(o), json!(array(&o["secrets"]).len()), age(o, now)],
};

pub const LEASES: Layout = Layout {
    columns: &[NAME, ("Holder", "string", 0), AGE],
    cells: |o, now| vec![name(o), json!(text(&o["spec"]["holderIdentity"])), age(o, now)],
};

pub const CLAIMS: Layout = Layout {
    columns: &[
        NAME,
        ("Status", "string", 0),
        ("Volume", "string", 0),
        ("Capacity", "string", 0),
        ("Access Modes", "string", 0),
        ("StorageClass", "string", 0),
        ("VolumeAttributesClass", "string", 0),
        AGE,
        ("VolumeMode", "string", 1),
    ],
    cells: |o, now| {
        let (spec, status) = (&o["spec"], &o["status"]);
        let bound = !text(&spec["volumeName"]).is_empty();
        let modes: Vec<&str> = array(&status["accessModes"])
            .iter()
            .map(|mode| match text(mode) {
                "ReadWriteOnce" => "RWO",
                "ReadOnlyMany" => "ROX",
                "ReadWriteMany" => "RWX",
                "ReadWriteOncePod" => "RWOP",
                other => other,
            })
            .collect();
        let phase = if o["metadata"]["deletionTimestamp"].is_null() { text(&status["phase"]) } else { "Terminating" };
        vec![
            name(o),
            json!(or(phase, "Pending")),
            json!(text(&spec["volumeName"])),
            json!(if bound { text(&status["capacity"]["storage"]) } else { "" }),
            json!(if bound { modes.join(",") } else { String::new() }),
            json!(text(&spec["storageClassName"])),
            json!("<unset>"),
            age(o, now),
            json!(or(text(&spec["volumeMode"]), "<unset>")),
        ]
    },
};

pub const CLASSES: Layout = Layout {
    columns: &[
        NAME,
        ("Provisioner", "string", 0),
        ("ReclaimPolicy", "string", 0),
        ("VolumeBindingMode", "string", 0),
        ("AllowVolumeExpansion", "string", 0),
        AGE,
    ],
    cells: |o, now| {
        let default = o["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true";
        let shown = if default {
            format!("{} (default)", text(&o["metadata"]["name"]))
        } else {
            text(&o["metadata"]["name"]).to_owned()
        };
        vec![
            json!(shown),
            o["provisioner"].clone(),
            json!(or(text(&o["reclaimPolicy"]), "Delete")),
            json!(or(text(&o["volumeBindingMode"]), "Immediate")),
            json!(o["allowVolumeExpansion"] == true),
            age(o, now),
        ]
    },
};

pub const METRICS: Layout = Layout {
    columns: &[NAME, ("cpu", "", 0), ("memory", "", 0), ("Window", "string", 0)],
    cells: |o, _| {
        let used = |field: &str| {
            let sum: i64 = array(&o["containers"])
                .iter()
                .map(|c| text(&c["usage"][field]).trim_end_matches(char::is_alphabetic).parse().unwrap_or(0))
                .sum();
            let unit = if field == "cpu" { "n" } else { "Ki" };
            if o["usage"].is_null() { json!(format!("{sum}{unit}")) } else { o["usage"][field].clone() }
        };
        vec![name(o), used("cpu"), used("memory"), o["window"].clone()]
    },
};
