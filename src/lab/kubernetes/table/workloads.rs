//! The rows of what runs pods, and of what governs it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::super::age::{human, instant, since};
use super::{AGE, Column, Layout, NAME, age, array, containers, int, name, or, pairs, selector, text};

const CONTAINERS: Column = ("Containers", "string", 1);
const IMAGES: Column = ("Images", "string", 1);
const SELECTOR: Column = ("Selector", "string", 1);

pub const DEPLOYMENTS: Layout = Layout {
    columns: &[
        NAME,
        ("Ready", "string", 0),
        ("Up-to-date", "integer", 0),
        ("Available", "integer", 0),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ],
    cells: |o, now| {
        let (status, [names, images]) = (&o["status"], containers(&o["spec"]["template"]["spec"]));
        vec![
            name(o),
            json!(format!("{}/{}", int(&status["readyReplicas"]), int(&o["spec"]["replicas"]))),
            json!(int(&status["updatedReplicas"])),
            json!(int(&status["availableReplicas"])),
            age(o, now),
            names,
            images,
            selector(&o["spec"]["selector"]),
        ]
    },
};

pub const REPLICASETS: Layout = Layout {
    columns: &[
        NAME,
        ("Desired", "integer", 0),
        ("Current", "integer", 0),
        ("Ready", "integer", 0),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ],
    cells: |o, now| {
        let (status, [names, images]) = (&o["status"], containers(&o["spec"]["template"]["spec"]));
        vec![
            name(o),
            json!(int(&o["spec"]["replicas"])),
            json!(int(&status["replicas"])),
            json!(int(&status["readyReplicas"])),
            age(o, now),
            names,
            images,
            selector(&o["spec"]["selector"]),
        ]
    },
};

pub const ROLLOUTS: Layout = Layout {
    columns: &[
        NAME,
        ("Desired", "integer", 0),
        ("Current", "integer", 0),
        ("Up-to-date", "integer", 0),
        ("Available", "integer", 0),
        AGE,
    ],
    cells: |o, now| {
        let status = &o["status"];
        vec![
            name(o),
            json!(int(&o["spec"]["replicas"])),
            json!(int(&status["replicas"])),
            json!(int(&status["updatedReplicas"])),
            json!(int(&status["availableReplicas"])),
            age(o, now),
        ]
    },
};

pub const STATEFULSETS: Layout = Layout {
    columns: &[NAME, ("Ready", "string", 0), AGE, CONTAINERS, IMAGES],
    cells: |o, now| {
        let [names, images] = containers(&o["spec"]["template"]["spec"]);
        let ready = format!("{}/{}", int(&o["status"]["readyReplicas"]), int(&o["spec"]["replicas"]));
        vec![name(o), json!(ready), age(o, now), names, images]
    },
};

pub const DAEMONSETS: Layout = Layout {
    columns: &[
        NAME,
        ("Desired", "integer", 0),
        ("Current", "integer", 0),
        ("Ready", "integer", 0),
        ("Up-to-date", "integer", 0),
        ("Available", "integer", 0),
        ("Node Selector", "string", 0),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ],
    cells: |o, now| {
        let [names, images] = containers(&o["spec"]["template"]["spec"]);
        let mut cells = vec![name(o)];
        for field in [
            "desiredNumberScheduled",
            "currentNumberScheduled",
            "numberReady",
            "updatedNumberScheduled",
            "numberAvailable",
        ] {
            cells.push(json!(int(&o["status"][field])));
        }
        cells.extend([
            pairs(&o["spec"]["template"]["spec"]["nodeSelector"]),
            age(o, now),
            names,
            images,
            selector(&o["spec"]["selector"]),
        ]);
        cells
    },
};

pub const REVISIONS: Layout = Layout {
    columns: &[NAME, ("Controller", "string", 0), ("Revision", "integer", 0), AGE],
    cells: |o, now| {
        let controller = array(&o["metadata"]["ownerReferences"]).iter().find(|owner| owner["controller"] == true);
        let controller = controller.map_or_else(
            || "<none>".to_owned(),
            |owner| {
                let group =
                    text(&owner["apiVersion"]).split_once('/').map_or(String::new(), |(group, _)| format!(".{group}"));
                format!("{}{group}/{}", text(&owner["kind"]).to_lowercase(), text(&owner["name"]))
            },
        );
        vec![name(o), json!(controller), json!(int(&o["revision"])), age(o, now)]
    },
};

pub const JOBS: Layout = Layout {
    columns: &[
        NAME,
        ("Status", "string", 0),
        ("Completions", "string", 0),
        ("Duration", "string", 0),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ],
    cells: |o, now| {
        let (status, [names, images]) = (&o["status"], containers(&o["spec"]["template"]["spec"]));
        let condition =
            |kind: &str| array(&status["conditions"]).iter().any(|c| c["type"] == kind && c["status"] == "True");
        let word = [
            ("Complete", "Complete"),
            ("Failed", "Failed"),
            ("Suspended", "Suspended"),
            ("FailureTarget", "FailureTarget"),
        ]
        .into_iter()
        .find(|(kind, _)| condition(kind))
        .map_or(if o["metadata"]["deletionTimestamp"].is_null() { "Running" } else { "Terminating" }, |(_, word)| word);
        let completions = format!("{}/{}", int(&status["succeeded"]), o["spec"]["completions"].as_i64().unwrap_or(1));
        vec![
            name(o),
            json!(word),
            json!(completions),
            json!(duration(status, now)),
            age(o, now),
            names,
            images,
            selector(&o["spec"]["selector"]),
        ]
    },
};

fn duration(status: &Value, now: DateTime<Utc>) -> String {
    instant(&status["startTime"]).map_or_else(String::new, |start| {
        let end = instant(&status["completionTime"]).unwrap_or(now);
        human((end - start).num_seconds())
    })
}

pub const CRONJOBS: Layout = Layout {
    columns: &[
        NAME,
        ("Schedule", "string", 0),
        ("Timezone", "string", 0),
        ("Suspend", "boolean", 0),
        ("Active", "integer", 0),
        ("Last Schedule", "string", 0),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ],
    cells: |o, now| {
        let spec = &o["spec"];
        let [names, images] = containers(&spec["jobTemplate"]["spec"]["template"]["spec"]);
        let last = if o["status"]["lastScheduleTime"].is_null() {
            "<none>".to_owned()
        } else {
            since(&o["status"]["lastScheduleTime"], now)
        };
        let suspended = if spec["suspend"] == true { "True" } else { "False" };
        vec![
            name(o),
            spec["schedule"].clone(),
            json!(or(text(&spec["timeZone"]), "<none>")),
            json!(suspended),
            json!(array(&o["status"]["active"]).len()),
            json!(last),
            age(o, now),
            names,
            images,
            json!("<none>"),
        ]
    },
};

pub const AUTOSCALERS: Layout = Layout {
    columns: &[
        NAME,
        ("Reference", "string", 0),
        ("Targets", "string", 0),
        ("MinPods", "string", 0),
        ("MaxPods", "string", 0),
        ("Replicas", "string", 0),
        AGE,
    ],
    cells: |o, now| {
        let spec = &o["spec"];
        let reference = format!("{}/{}", text(&spec["scaleTargetRef"]["kind"]), text(&spec["scaleTargetRef"]["name"]));
        let least = spec["minReplicas"].as_i64().map_or_else(|| "<unset>".to_owned(), |least| least.to_string());
        vec![
            name(o),
            json!(reference),
            json!(targets(o)),
            json!(least),
            json!(int(&spec["maxReplicas"])),
            json!(int(&o["status"]["currentReplicas"])),
            age(o, now),
        ]
    },
};

fn targets(autoscaler: &Value) -> String {
    let metrics = array(&autoscaler["spec"]["metrics"]);
    let shown: Vec<String> = metrics
        .iter()
        .take(2)
        .enumerate()
        .map(|(index, metric)| {
            // `Resource`, `Pods`, …: what is measured is under the same word in lower case.
            let kind = text(&metric["type"]);
            let part =
                format!("{}{}", kind.get(..1).unwrap_or_default().to_lowercase(), kind.get(1..).unwrap_or_default());
            let target = &metric[&part]["target"];
            let current = &autoscaler["status"]["currentMetrics"][index][&part]["current"];
            let label = if kind == "Resource" { format!("{}: ", text(&metric[&part]["name"])) } else { String::new() };
            if let Some(percent) = target["averageUtilization"].as_i64() {
                let now =
                    current["averageUtilization"].as_i64().map_or_else(|| "<unknown>".to_owned(), |p| format!("{p}%"));
                return format!("{label}{now}/{percent}%");
            }
            let (field, suffix) =
                if target["averageValue"].is_null() { ("value", "") } else { ("averageValue", " (avg)") };
            format!("{label}{}/{}{suffix}", or(text(&current[field]), "<unknown>"), text(&target[field]))
        })
        .collect();
    match metrics.len() {
        0 => "<none>".to_owned(),
        1 | 2 => shown.join(", "),
        more => format!("{} + {} more...", shown.join(", "), more - 2),
    }
}

pub const QUOTAS: Layout = Layout {
    columns: &[NAME, ("Request", "string", 0), ("Limit", "string", 0), AGE],
    cells: |o, now| {
        let pairs = |limits: bool| {
            let hard = o["status"]["hard"].as_object().into_iter().flatten();
            let pairs: Vec<String> = hard
                .filter(|(resource, _)| resource.starts_with("limits.") == limits)
                .map(|(resource, hard)| format!("{resource}: {}/{}", text(&o["status"]["used"][resource]), text(hard)))
                .collect();
            json!(pairs.join(", "))
        };
        vec![name(o), pairs(false), pairs(true), age(o, now)]
    },
};

pub const BUDGETS: Layout = Layout {
    columns: &[
        NAME,
        ("Min Available", "string", 0),
        ("Max Unavailable", "string", 0),
        ("Allowed Disruptions", "integer", 0),
        AGE,
    ],
    cells: |o, now| {
        let bound = |field: &str| match &o["spec"][field] {
            Value::Null => json!("N/A"),
            Value::String(percent) => json!(percent),
            number => json!(number.to_string()),
        };
        vec![
            name(o),
            bound("minAvailable"),
            bound("maxUnavailable"),
            json!(int(&o["status"]["disruptionsAllowed"])),
            age(o, now),
        ]
    },
};
