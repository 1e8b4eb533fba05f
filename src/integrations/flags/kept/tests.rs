//! Flags in objects over an API server in memory: what is read, what a change would send, what comes of watching.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::Duration;

use axum::response::Response;
use futures::StreamExt;
use serde_json::{Value, json};

use crate::config::settings::{FlagProduct, KeptFlags};
use crate::config::{FlagSource, Http};
use crate::domain::flag::{FlagChange, FlagRef, FlagWrite};
use crate::domain::mutation::{Change, Mutation};
use crate::integrations::flags::{Provider, provider};
use crate::integrations::kubernetes::connect::Connection;
use crate::integrations::kubernetes::mock::{Asked, Log, endless, events, list, ok, refuse, server};
use crate::ports::cluster::ClusterError;
use crate::ports::feed::{FaultKind, Update};
use crate::ports::flags::FlagFinding;

fn settings(product: FlagProduct, kept: KeptFlags) -> FlagSource {
    FlagSource {
        name: "cluster".into(),
        provider: product,
        url: None,
        projects: None,
        environments: vec!["production".into()],
        workloads: BTreeMap::from([("new-*".to_owned(), vec!["shop/payment".to_owned()])]),
        interval: Duration::from_secs(15),
        kept,
        http: Http {
            timeout: Duration::from_secs(10),
            headers: BTreeMap::new(),
            token: None,
            basic: None,
            ca_file: None,
            insecure_skip_tls_verify: false,
            proxy_url: None,
        },
    }
}

fn over(
    settings: &FlagSource,
    script: impl Fn(usize, &Asked) -> Response + Clone + Send + Sync + 'static,
) -> (std::sync::Arc<dyn Provider>, Log) {
    let (transport, log) = server(script);
    (provider(settings, Some(&Connection::for_test(transport))).unwrap(), log)
}

fn feature_flag(version: &str, state: &str) -> Value {
    json!({"apiVersion": "core.openfeature.dev/v1beta1", "kind": "FeatureFlag",
        "metadata": {"name": "checkout", "namespace": "shop", "uid": "u-1", "resourceVersion": version,
            "labels": {"argocd.argoproj.io/instance": "shop"},
            "managedFields": [
                {"manager": "argocd-controller", "time": "2026-01-01T08:00:00Z", "fieldsV1": {"f:metadata": {"f:labels": {}}}},
                {"manager": "vera\u{1b}[2J", "time": "2026-01-01T09:00:00Z", "fieldsV1": {"f:spec": {"f:flagSpec": {"f:flags": {
                    "f:new-pricing": {"f:state": {}}}}}}},
                {"manager": "kim", "time": "2026-01-01T10:00:00Z", "fieldsV1": {"f:spec": {"f:flagSpec": {"f:flags": {
                    "f:banner": {}}}}}}]},
        "spec": {"flagSpec": {"flags": {
            "new-pricing": {"state": state, "variants": {"on": true, "off": false}, "defaultVariant": "on"},
            "banner": {"state": "ENABLED", "variants": {"a": "1"}, "defaultVariant": "a"}}}}})
}

fn operator() -> FlagSource {
    settings(FlagProduct::FeatureFlag, KeptFlags::default())
}

fn pricing() -> FlagRef {
    FlagRef::new("cluster", "shop/checkout", "production", "new-pricing")
}

fn mutation(flag: &FlagRef, version: &str, set: FlagChange) -> Mutation {
    let write = FlagWrite { set, version: version.into(), as_request: false, comment: None };
    Mutation::new(flag.object(), Change::Flag(write))
}

#[tokio::test]
async fn a_flag_is_read_with_who_wrote_it_and_who_puts_it_back() {
    let (flags, log) = over(&operator(), |_, asked| match asked.path.as_str() {
        "/apis/core.openfeature.dev/v1beta1/featureflags" => ok(&list("5", "", &[feature_flag("5", "ENABLED")])),
        _ => ok(&feature_flag("5", "ENABLED")),
    });
    let found = flags.list().await.unwrap();
    assert!(found.limited.is_none());
    let [banner, row] = &found.rows[..] else { panic!("{:?}", found.rows) };
    assert_eq!((&*banner.id.key, &*banner.changed.as_ref().unwrap().by), ("banner", "kim"));
    assert_eq!(row.id, pricing());
    assert_eq!((row.enabled, &*row.serves, &*row.workloads[0]), (true, "variant on (true)", "shop/payment"));
    // Cleaned, and of the manager that owns this flag.
    assert_eq!(&*row.changed.as_ref().unwrap().by, "vera");
    let facts = flags.facts(&pricing()).await.unwrap();
    assert!(facts.rehearses && facts.warnings[0].contains("Argo CD"), "{:?}", facts.warnings);
    assert_eq!(
        log.all().last().unwrap().path,
        "/apis/core.openfeature.dev/v1beta1/namespaces/shop/featureflags/checkout"
    );
    let elsewhere = FlagRef::new("cluster", "shop/checkout", "staging", "new-pricing");
    assert!(matches!(flags.facts(&elsewhere).await, Err(ClusterError::NotFound(why)) if why.contains("production")));
    for project in ["shop", "../x", "shop/..", ""] {
        let odd = FlagRef::new("cluster", project, "production", "new-pricing");
        assert!(matches!(flags.facts(&odd).await, Err(ClusterError::NotFound(_))), "{project}");
    }
    let history = flags.detail(&pricing()).await.unwrap().history;
    assert_eq!(history.len(), 1, "{history:?}");
}

#[tokio::test]
async fn a_rehearsal_tests_what_was_read_and_touches_one_value() {
    let (flags, log) = over(&operator(), |_, asked| match asked.method.as_str() {
        "PATCH" => ok(&feature_flag("5", "DISABLED")),
        _ => ok(&feature_flag("5", "ENABLED")),
    });
    let version = flags.facts(&pricing()).await.unwrap().version;
    let off = mutation(&pricing(), &version, FlagChange::Enabled(false));
    let dry = flags.dry_run(&off).await.unwrap();
    assert_eq!(dry.object["enabled"], false);
    let sent = log.all().pop().unwrap();
    assert_eq!((sent.parameter("dryRun"), sent.parameter("fieldManager")), ("All", "opsdeck"));
    let path = "/spec/flagSpec/flags/new-pricing/state";
    let wanted = json!([{"op": "test", "path": "/metadata/resourceVersion", "value": "5"},
        {"op": "test", "path": path, "value": "ENABLED"}, {"op": "replace", "path": path, "value": "DISABLED"}]);
    assert_eq!(serde_json::from_str::<Value>(&sent.body).unwrap(), wanted);
    // Planned on something else: nothing is sent.
    let count = log.all().len();
    let stale = flags.dry_run(&mutation(&pricing(), "other", FlagChange::Enabled(false))).await.unwrap_err();
    assert!(matches!(&stale, ClusterError::Conflict(why) if why.contains("it is on now")), "{stale:?}");
    assert!(log.all()[count..].iter().all(|asked| asked.method == "GET"));
    let share = flags.dry_run(&mutation(&pricing(), &version, FlagChange::Percentage(5))).await.unwrap_err();
    assert!(matches!(share, ClusterError::Rejected(_)));
}

#[tokio::test]
async fn who_writes_in_the_same_moment_is_a_conflict_and_what_is_gone_too() {
    let (flags, _) = over(&operator(), |_, asked| match asked.method.as_str() {
        "PATCH" => refuse(422, "Invalid", "the server rejected our request due to an error in our request"),
        _ => ok(&feature_flag("5", "ENABLED")),
    });
    let version = flags.facts(&pricing()).await.unwrap().version;
    let off = mutation(&pricing(), &version, FlagChange::Enabled(false));
    assert!(matches!(flags.dry_run(&off).await, Err(ClusterError::Conflict(_))));
    let (gone, _) = over(&operator(), |_, _| refuse(404, "NotFound", "not found"));
    assert!(matches!(gone.dry_run(&off).await, Err(ClusterError::Conflict(why)) if why.contains("deleted")));
}

#[tokio::test]
async fn the_version_is_of_the_flag_and_not_of_its_object() {
    let mut object = feature_flag("5", "ENABLED");
    let read = async |object: &Value| {
        let object = object.clone();
        let (flags, _) = over(&operator(), move |_, _| ok(&object));
        flags.facts(&pricing()).await.unwrap().version
    };
    let first = read(&object).await;
    object["metadata"]["resourceVersion"] = json!("6");
    object["spec"]["flagSpec"]["flags"]["banner"]["state"] = json!("DISABLED");
    assert_eq!(read(&object).await, first, "another flag changed");
    object["spec"]["flagSpec"]["flags"]["new-pricing"]["targeting"] = json!({"if": [true, "on"]});
    assert_ne!(read(&object).await, first);
    let mut again = feature_flag("5", "ENABLED");
    again["metadata"]["uid"] = json!("u-2");
    assert_ne!(read(&again).await, first, "deleted and made anew");
}

#[tokio::test(start_paused = true)]
async fn flags_are_watched_and_each_change_is_told_with_its_flag() {
    let mut after = feature_flag("6", "DISABLED");
    after["metadata"]["managedFields"][1]["time"] = json!("2026-01-01T11:00:00Z");
    let change = events(&[("MODIFIED", after)]);
    let (flags, log) = over(&operator(), move |_, asked| {
        if asked.is_watch() { endless(change.clone()) } else { ok(&list("5", "", &[feature_flag("5", "ENABLED")])) }
    });
    let mut stream = flags.watch().unwrap();
    let Update::Flags(rows) = stream.next().await.unwrap().unwrap() else { panic!() };
    assert_eq!(rows.len(), 2);
    assert_eq!(stream.next().await.unwrap().unwrap(), Update::Alive);
    let Update::Flags(rows) = stream.next().await.unwrap().unwrap() else { panic!() };
    let pricing = rows.iter().find(|row| row.id == pricing()).unwrap();
    let event = pricing.changed.as_ref().unwrap();
    assert_eq!((pricing.enabled, &*event.what, &*event.by), (false, "switched off", "vera"));
    let banner = rows.iter().find(|row| &*row.id.key == "banner").unwrap();
    assert!(banner.changed.as_ref().unwrap().what.contains("the object"), "it did not change");
    assert_eq!(log.all().iter().filter(|asked| asked.is_watch()).count(), 1);
}

const FILE: &str = "# team shop\nfeatures:\n  new-pricing: yes   # since monday\n  mode: 'blue'\n";

fn config_map(text: &str) -> Value {
    json!({"metadata": {"name": "features", "namespace": "shop", "uid": "u", "resourceVersion": "9"},
        "data": {"app.yaml": text, "other/x": "1"}})
}

fn plain() -> KeptFlags {
    KeptFlags {
        namespaces: Some(vec!["shop".into()]),
        object: Some("features".into()),
        key: Some("*.yaml".into()),
        path: vec!["features".into()],
        ..KeptFlags::default()
    }
}

#[tokio::test]
async fn a_value_in_a_config_map_is_changed_in_its_text() {
    let (flags, log) = over(&settings(FlagProduct::ConfigMap, plain()), |_, asked| {
        if asked.path.ends_with("/configmaps") {
            ok(&list("9", "", &[config_map(FILE)]))
        } else {
            ok(&config_map(FILE))
        }
    });
    let rows = flags.list().await.unwrap().rows;
    assert_eq!(log.all()[0].parameter("fieldSelector"), "metadata.name=features");
    let ids: Vec<_> = rows.iter().map(|row| (&*row.id.project, &*row.id.key, &*row.serves)).collect();
    assert_eq!(
        ids,
        [("shop/features/app.yaml", "mode", "`blue`"), ("shop/features/app.yaml", "new-pricing", "everybody")]
    );
    for (row, set, from, to) in [
        (&rows[1], FlagChange::Enabled(false), "yes ", "no "),
        (&rows[0], FlagChange::Variant("it's red".into()), "'blue'", "'it''s red'"),
    ] {
        let version = flags.facts(&row.id).await.unwrap().version;
        flags.dry_run(&mutation(&row.id, &version, set)).await.unwrap();
        let sent: Value = serde_json::from_str(&log.all().pop().unwrap().body).unwrap();
        assert_eq!(sent[1], json!({"op": "test", "path": "/data/app.yaml", "value": FILE}));
        assert_eq!(sent[2], json!({"op": "replace", "path": "/data/app.yaml", "value": FILE.replacen(from, to, 1)}));
        assert_eq!(sent.as_array().unwrap().len(), 3);
    }
}

#[tokio::test]
async fn keys_of_a_config_map_are_flags_themselves() {
    let kept = KeptFlags { selector: Some("flags=true".into()), ..KeptFlags::default() };
    let (flags, log) = over(&settings(FlagProduct::ConfigMap, kept), |_, asked| {
        let object = json!({"metadata": {"name": "env", "namespace": "shop", "uid": "u", "resourceVersion": "9"},
            "data": {"NEW_PRICING": "TRUE\n", "LIMIT": "5", "nginx.conf": "a\nb\n"}});
        if asked.path.ends_with("/configmaps") { ok(&list("9", "", &[object])) } else { ok(&object) }
    });
    let rows = flags.list().await.unwrap().rows;
    assert_eq!(rows.iter().map(|row| &*row.id.key).collect::<Vec<_>>(), ["LIMIT", "NEW_PRICING"]);
    assert_eq!(log.all()[0].parameter("labelSelector"), "flags=true");
    let version = flags.facts(&rows[1].id).await.unwrap().version;
    flags.dry_run(&mutation(&rows[1].id, &version, FlagChange::Enabled(false))).await.unwrap();
    let sent: Value = serde_json::from_str(&log.all().pop().unwrap().body).unwrap();
    assert_eq!(sent[2], json!({"op": "replace", "path": "/data/NEW_PRICING", "value": "FALSE\n"}));
}

#[tokio::test]
async fn what_cannot_be_read_or_found_is_said_beside_what_can() {
    let source = settings(FlagProduct::ConfigMap, plain());
    let said = async |source: &FlagSource, items: Vec<Value>| {
        let (flags, _) = over(source, move |_, _| ok(&list("9", "", &items)));
        flags.list().await.unwrap().limited.unwrap()
    };
    let fault = said(&source, vec![config_map("features: [\n")]).await;
    assert_eq!(fault.kind, FaultKind::Malformed);
    assert!(fault.message.contains("ConfigMap shop/features, app.yaml: line "), "{}", fault.message);
    assert!(said(&source, vec![config_map("a: 1\n")]).await.message.contains("it has no `features`"));
    let fault = said(&source, Vec::new()).await;
    assert!(fault.kind == FaultKind::NotConfigured && fault.message.contains("called `features` in shop"), "{fault}");
    // An immutable one is shown and takes nothing.
    let mut fixed = config_map(FILE);
    fixed["immutable"] = json!(true);
    let (flags, _) = over(&source, move |_, _| ok(&fixed));
    let id = FlagRef::new("cluster", "shop/features/app.yaml", "production", "new-pricing");
    let facts = flags.facts(&id).await.unwrap();
    assert!(facts.takes.is_empty() && facts.warnings[0].contains("immutable"));
    // The operator is not installed.
    let (flags, _) =
        over(&operator(), |_, _| refuse(404, "NotFound", "the server could not find the requested resource"));
    assert!(flags.list().await.unwrap_err().message.contains("OpenFeature operator is not installed"));
}

#[tokio::test]
async fn where_the_cluster_is_forbidden_the_own_namespace_is_read_and_doctor_says_what_is_missing() {
    let (flags, _) = over(&operator(), |_, asked| match asked.path.as_str() {
        "/apis/core.openfeature.dev/v1beta1/featureflags" => refuse(403, "Forbidden", "no"),
        "/apis/core.openfeature.dev/v1beta1/namespaces/test/featureflags" => {
            ok(&list("5", "", &[feature_flag("5", "ENABLED")]))
        }
        _ => ok(&json!({"status": {"allowed": false}})),
    });
    let found = flags.list().await.unwrap();
    assert_eq!(found.rows.len(), 2);
    assert!(found.limited.unwrap().message.starts_with("only namespace test"));
    let checks = flags.check().await;
    assert!(
        matches!(&checks[1].result, FlagFinding::Loss(what, _) if what.contains("patch featureflags.core.openfeature.dev"))
    );
    let off = mutation(&pricing(), "v", FlagChange::Enabled(false));
    let permission = flags.permission(&off).await.unwrap();
    assert!(!permission.allowed && permission.what.contains("in namespace shop"), "{}", permission.what);
}
