//! The shared journal of incidents on the lab's API server.

use std::sync::Arc;

use chrono::{DateTime, Duration};
use futures::stream::StreamExt;
use opsdeck::domain::incident::entry::{Deed, Entry, Stamp};
use opsdeck::incident::clearance::{MayShare, SharedWriter as _};
use opsdeck::integrations::kubernetes::connect::{ConnectOptions, connect};
use opsdeck::integrations::kubernetes::incidents::ClusterJournal;
use opsdeck::ports::feed::FaultKind;
use opsdeck::ports::incident::{SharedJournal as _, SharedUpdate};
use reqwest::Method;
use serde_json::json;

use crate::cluster::{Cluster, answer};

/// The shared journal as a person sees it whose requests go by `prefix`.
async fn journal(cluster: &Cluster, home: &std::path::Path, prefix: &str) -> Arc<ClusterJournal> {
    let path = home.join(format!("kubeconfig{}", prefix.replace('/', "-")));
    let text = format!(
        "current-context: lab\nclusters: [{{name: c, cluster: {{server: '{}{prefix}'}}}}]\n\
         contexts: [{{name: lab, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{}}}}]\n",
        cluster.url
    );
    std::fs::write(&path, text).unwrap();
    let now = Arc::new(|| DateTime::UNIX_EPOCH);
    let options = ConnectOptions { kubeconfig: Some(path), context: None, namespace: None, now };
    connect(options).await.unwrap().incidents("shop")
}

#[tokio::test]
async fn responders_share_an_incident() {
    let cluster = Cluster::admin().await;
    let home = tempfile::tempdir().unwrap();
    let writer = journal(&cluster, home.path(), "").await;
    let other = journal(&cluster, home.path(), "/as/edit").await;
    let viewer = journal(&cluster, home.path(), "/as/look").await;
    let (id, pass) = ("20261121-1432-payment".parse().unwrap(), MayShare::unless(false).unwrap());
    let start = DateTime::parse_from_rfc3339("2026-11-21T14:32:00Z").unwrap().to_utc();
    let note = |number: i64, writer: &str, text: &str| {
        let at = start + Duration::milliseconds(number);
        let stamp = Stamp::next(at, &writer.into(), None);
        Entry { stamp, at, by: "oncall".into(), deed: Deed::Note { text: text.to_owned() } }
    };
    writer.append(pass, &id, &[note(1, "w1", "a")]).await.unwrap();
    let mut stream = viewer.watch();
    let mut seen = Vec::new();
    let mut updates = Vec::new();
    let long = note(3, "w2", &"long ".repeat(60_000));
    other.append(pass, &id, &[note(2, "w2", "b"), long.clone()]).await.unwrap();
    while seen.len() < 4 {
        match stream.next().await.unwrap().unwrap() {
            SharedUpdate::Entries(of, entries) => {
                assert_eq!(of, id);
                seen.extend(entries);
            }
            SharedUpdate::Live => writer.append(pass, &id, &[note(4, "w1", "c")]).await.unwrap(),
            SharedUpdate::Limited(fault) => updates.push(fault.message),
        }
    }
    seen.sort_by(|one, other| one.stamp.cmp(&other.stamp));
    assert_eq!(seen, [note(1, "w1", "a"), note(2, "w2", "b"), long, note(4, "w1", "c")]);
    assert!(updates.iter().all(|said| said.contains("may not write shared incidents")), "{updates:?}");
    let fault = viewer.append(pass, &id, &[note(5, "w3", "d")]).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Forbidden);
    assert_eq!(viewer.read(&id).await.unwrap(), seen);
    // What a ConfigMap cannot hold is refused.
    let maps = "/api/v1/namespaces/shop/configmaps";
    let map = |key: &str, size: usize| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {key: "x".repeat(size)}});
    for (body, why) in [
        (map("a b", 1), "a valid config key must consist of"),
        (map("k", (1 << 20) + 1), "Too long: may not be more than 1048576 bytes"),
    ] {
        let (code, status) = answer(cluster.request(Method::POST, maps).body(body.to_string())).await;
        assert!(code == 422 && status["message"].as_str().unwrap().contains(why), "{status}");
    }
}
