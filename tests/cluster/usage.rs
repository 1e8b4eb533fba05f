//! CPU and memory on screen are what `kubectl top` prints; a cluster that measures nothing is well all the same.

use std::collections::BTreeMap;
use std::path::Path;

use crate::backend::{Place, deployment, until};
use crate::stack::process::Ports;
use crate::stack::{Parts, Stack, kubectl};
use crate::support::{Console, home, opsdeck};
use crate::{Body, Case};

/// Wide enough for all columns.
const SIZE: (u16, u16) = (220, 60);

pub const CASES: &[Case] = &[
    Case::new("cpu_and_memory_are_what_kubectl_top_prints", Body::Stack(use_of_pods)),
    Case::new("without_metrics_there_are_no_columns_and_no_fault", Body::Own(unmeasured)),
];

/// `name → (cpu, memory)`.
type Used = BTreeMap<String, (String, String)>;

/// `250m` and `96Mi`, where they stand in a line.
fn used(words: &[&str]) -> Option<(String, String)> {
    let number = |word: &str, unit: &str| word.strip_suffix(unit).is_some_and(|digits| digits.parse::<u64>().is_ok());
    let pair = words.windows(2).find(|pair| number(pair[0], "m") && number(pair[1], "Mi"))?;
    Some((pair[0].to_owned(), pair[1].to_owned()))
}

/// What is used by everything whose name begins so, in a table of kubectl's or ours.
fn table(text: &str, prefix: &str) -> Used {
    text.lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let name = words.iter().find(|word| word.starts_with(prefix))?;
            Some(((*name).to_owned(), used(&words)?))
        })
        .collect()
}

/// What kubectl prints, if it has anything to say.
fn said(kubeconfig: &Path, arguments: &[&str]) -> String {
    String::from_utf8_lossy(&kubectl(kubeconfig, arguments).unwrap().stdout).into_owned()
}

fn zoom(console: &mut Console, keys: &str) {
    console.wait_for("Alerts");
    console.send(keys);
    console.send("z");
    console.wait_until("one pane", |screen| !screen.contains("Rollouts ─"));
}

fn use_of_pods(stack: &Stack) {
    let place = Place::of(stack, "viewer", "use");
    let uses = |name: &str, cpu: &str, memory: &str| {
        let text = deployment(name, "busybox:1.36", 2);
        let annotations = format!("annotations: {{opsdeck.dev/cpu: '{cpu}', opsdeck.dev/memory: '{memory}'}}");
        place.apply(&text.replace("annotations: {}", &annotations));
    };
    uses("small", "15m", "20Mi");
    uses("large", "1250m", "3Gi");
    // It fails until the first measurement.
    let top = || table(&said(&stack.kubeconfig("admin"), &["top", "pods", "--no-headers", "-n", &place.namespace]), "");
    until("kubectl top has all pods", || top().len() == 4);
    let mut console = place.console(&[], SIZE);
    zoom(&mut console, "4");
    // Measured anew every few seconds: what is the same before and after has to be on screen.
    console.wait_until("what kubectl top says", |screen| {
        let before = top();
        let shown: Used = table(screen, "small-").into_iter().chain(table(screen, "large-")).collect();
        before.len() == 4 && shown == before && top() == before
    });
    println!("{:?}", top());
    // The details say the same.
    console.send("d");
    console.wait_until("the details", |screen| {
        screen.lines().any(|line| line.contains("uses ") && line.contains("m of CPU") && line.contains("Mi of memory"))
    });
}

fn unmeasured(binaries: &Path) {
    let stack = Stack::start(binaries, Parts { metrics: true, ..Parts::CLUSTER }, Ports::free()).unwrap();
    let (admin, home) = (stack.kubeconfig("admin"), home());
    let run = |arguments: &[&str]| {
        let output = kubectl(&admin, arguments).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let manifest = home.path().join("web.yaml");
    std::fs::write(&manifest, deployment("web", "busybox:1.36", 2)).unwrap();
    run(&["apply", "-n", "shop", "-f", manifest.to_str().unwrap()]);
    let arguments = ["--kubeconfig", admin.to_str().unwrap(), "-n", "shop"];
    let mut console = Console::start(home.path(), &arguments, SIZE);
    zoom(&mut console, "4");
    console.wait_until("both pods with what they use", |screen| table(screen, "web-").len() == 2);
    // The metrics server goes away, then even the API that it served.
    for gone in [
        &["delete", "service", "metrics-server", "-n", "kube-system"][..],
        &["delete", "apiservice", "v1beta1.metrics.k8s.io"],
    ] {
        run(gone);
        console.wait_until("no numbers, and no complaint", |screen| {
            table(screen, "web-").is_empty()
                && screen.matches("web-").count() >= 2
                && screen.contains("● k8s")
                && !screen.contains("metrics")
        });
        let status = opsdeck(home.path()).args(arguments).args(["status", "--json"]).output().unwrap();
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        let source =
            |name: &str| status["sources"].as_array().unwrap().iter().find(|source| source["name"] == *name).cloned();
        assert_eq!(source("pod metrics").unwrap()["health"], "live", "{status:#}");
    }
}
