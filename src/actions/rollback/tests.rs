//! Parity with `kubectl rollout undo`, what is said about a plan, and bad shapes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;
use crate::actions::plan::WarningKind;

fn payment() -> WorkloadRef {
    WorkloadRef::new(WorkloadKind::Deployment, "shop", "payment")
}

fn template(image: &str, env: &Value) -> Value {
    json!({"metadata": {"labels": {"app": "payment"}, "creationTimestamp": null},
        "spec": {"containers": [{"name": "payment", "image": image, "env": env, "resources": {}}]}})
}

fn replica_set(revision: u64, template: &Value) -> Value {
    let mut template = template.clone();
    template["metadata"]["labels"]["pod-template-hash"] = json!("abc");
    json!({"metadata": {"name": format!("payment-{revision}"), "creationTimestamp": "2026-01-02T03:04:05Z", "annotations": {
            "deployment.kubernetes.io/revision": revision.to_string(),
            "deployment.kubernetes.io/desired-replicas": "9",
            "kubernetes.io/change-cause": format!("cause {revision}"),
            "kubectl.kubernetes.io/last-applied-configuration": "old"}},
        "status": {"replicas": 3}, "spec": {"template": template}})
}

fn facts() -> Facts {
    let (old, new) = (template("p:1", &json!([{"name": "A", "value": "1"}])), template("p:2", &json!([])));
    Facts {
        object: json!({"metadata": {"name": "payment", "uid": "u1", "generation": 4, "resourceVersion": "77", "annotations": {
                "deployment.kubernetes.io/revision": "10", "note": "goes", "kubernetes.io/change-cause": "cause 10",
                "kubectl.kubernetes.io/last-applied-configuration": "new"}},
            "spec": {"replicas": 6, "template": new, "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}},
            "status": {"observedGeneration": 4, "replicas": 6, "updatedReplicas": 3, "availableReplicas": 3}}),
        // Both have pods, and revisions are numbers: 10 is after 9.
        revisions: Some(vec![
            replica_set(9, &old),
            replica_set(10, &new),
            replica_set(2, &template("p:0", &json!([]))),
        ]),
        autoscalers: Some(vec![]),
        ..Facts::default()
    }
}

fn planned(facts: &Facts, to: Option<u64>) -> Plan {
    try_plan(facts, to).unwrap()
}

fn ground() -> Ground<'static> {
    let now = chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    Ground { now, user: "alice", identity: None, reason: Some("5xx"), undoes: false }
}

fn try_plan(facts: &Facts, to: Option<u64>) -> Result<Plan, Refusal> {
    let mut plan = plan(&Rollback { target: payment(), to }, facts, &ground())?;
    plan.seal();
    Ok(plan)
}

fn has_template(object: &Value, plan: &Plan) -> bool {
    plan.steps[0].leaves[0].holds(object)
}

fn from_to(plan: &Plan) -> (u64, u64) {
    let revisions = plan.revisions.as_ref().unwrap();
    (revisions.from.revision, revisions.to.revision)
}

fn operations(plan: &Plan) -> &Vec<Value> {
    let Change::JsonPatch(operations) = &plan.steps[0].mutation.change else { panic!() };
    operations.as_array().unwrap()
}

#[test]
fn the_patch_is_kubectls_with_a_precondition() {
    let facts = facts();
    let plan = planned(&facts, None);
    let annotations = json!({
        "deployment.kubernetes.io/revision": "10",
        "kubectl.kubernetes.io/last-applied-configuration": "new",
        "kubernetes.io/change-cause": "cause 9 (rolled back to by alice: 5xx)",
    });
    assert_eq!(
        operations(&plan),
        &vec![
            json!({"op": "test", "path": "/metadata/uid", "value": "u1"}),
            json!({"op": "test", "path": "/metadata/generation", "value": 4}),
            json!({"op": "test", "path": "/metadata/annotations", "value": facts.object["metadata"]["annotations"]}),
            json!({"op": "replace", "path": "/spec/template", "value": template("p:1", &json!([{"name": "A", "value": "1"}]))}),
            json!({"op": "replace", "path": "/metadata/annotations", "value": annotations}),
        ]
    );
    // It applies, a crash loop's new resourceVersion does not stop it, and a new spec does.
    let patch: json_patch::Patch = serde_json::from_value(Value::Array(operations(&plan).clone())).unwrap();
    let mut object = facts.object.clone();
    object["metadata"]["resourceVersion"] = json!("78");
    json_patch::patch(&mut object, &patch).unwrap();
    assert!(has_template(&object, &plan));
    object["metadata"]["generation"] = json!(5);
    assert!(json_patch::patch(&mut object, &patch).is_err());
}

#[test]
fn without_annotations_or_generation_the_patch_still_applies() {
    let mut facts = facts();
    facts.object["metadata"] = json!({"name": "payment", "resourceVersion": "77"});
    let plan = planned(&facts, None);
    let patch: json_patch::Patch = serde_json::from_value(Value::Array(operations(&plan).clone())).unwrap();
    json_patch::patch(&mut facts.object.clone(), &patch).unwrap();
    assert_eq!(operations(&plan)[0]["path"], "/metadata/resourceVersion");
}

#[test]
fn previous_is_the_second_highest_unless_the_newest_has_no_revision_yet() {
    let mut facts = facts();
    assert_eq!(from_to(&planned(&facts, None)), (10, 9));
    assert_eq!(from_to(&planned(&facts, Some(0))).1, 9);
    assert_eq!(from_to(&planned(&facts, Some(2))).1, 2);
    facts.object["spec"]["template"] = template("p:3", &json!([]));
    assert_eq!(from_to(&planned(&facts, None)).1, 9, "observed: as kubectl");
    facts.object["metadata"]["generation"] = json!(5);
    let plan = planned(&facts, None);
    assert_eq!(from_to(&plan), (0, 10));
    assert!(plan.warnings.iter().any(|warning| warning.kind == WarningKind::Unobserved));
}

#[test]
fn a_cause_says_once_who_went_back_and_an_undo_restores_it() {
    let said = |own: Option<&str>| cause(own, &ground());
    assert_eq!(said(None), "rolled back to by alice: 5xx");
    assert_eq!(said(Some(&said(None))), "rolled back to by alice: 5xx");
    assert_eq!(said(Some("canary")), "canary (rolled back to by alice: 5xx)");
    assert_eq!(said(Some(&said(Some("canary")))), "canary (rolled back to by alice: 5xx)");
    let facts = facts();
    let undo = Ground { undoes: true, ..ground() };
    let annotations = annotations(&facts.object, &facts.revisions.as_ref().unwrap()[0], &undo);
    assert_eq!(annotations[CHANGE_CAUSE], "cause 9");
}

/// A StatefulSet or DaemonSet at revision 3, with an older one.
fn set(kind: WorkloadKind, extra: &Value) -> (Rollback, Facts) {
    let recorded = |revision: u64, image: &str| {
        let mut template = template(image, &json!([]));
        template["$patch"] = json!("replace");
        json!({"metadata": {"name": format!("db-{revision}")}, "revision": revision, "data": {"spec": {"template": template}}})
    };
    let mut spec = json!({"replicas": 3, "template": template("p:2", &json!([]))});
    spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let object = json!({"metadata": {"name": "db", "uid": "s1", "generation": 2}, "spec": spec,
        "status": {"observedGeneration": 2, "updateRevision": "db-3", "desiredNumberScheduled": 5}});
    let revisions = Some(vec![recorded(1, "p:1"), recorded(3, "p:2")]);
    let facts = Facts { object, revisions, autoscalers: Some(vec![]), ..Facts::default() };
    (Rollback { target: WorkloadRef::new(kind, "shop", "db"), to: None }, facts)
}

#[test]
fn sets_go_back_by_their_controller_revisions() {
    for kind in [WorkloadKind::StatefulSet, WorkloadKind::DaemonSet] {
        let (action, facts) = set(kind, &json!({}));
        let planned = plan(&action, &facts, &ground()).unwrap();
        assert_eq!(from_to(&planned), (3, 1));
        assert_eq!(
            operations(&planned)[2..],
            [json!({"op": "replace", "path": "/spec/template", "value": template("p:1", &json!([]))})],
            "the template without the strategic directive, and nothing else"
        );
        assert!(matches!(planned.expect[..], [(0, Expectation::Rollout { .. })]));
    }
}

#[test]
fn a_broken_pod_that_an_ordered_set_waits_for_is_deleted_too() {
    let pod = |name: &str, uid: &str, hash: &str, ready: &str| {
        json!({"metadata": {"name": name, "uid": uid, "labels": {"controller-revision-hash": hash},
                "ownerReferences": [{"uid": "s1", "controller": true}]},
            "status": {"conditions": [{"type": "Ready", "status": ready}]}})
    };
    let pods = vec![
        pod("db-0", "p0", "db-1", "True"),
        pod("db-1", "p1", "db-1", "False"),
        pod("db-2", "p2", "db-3", "False"),
        json!({"metadata": {"name": "stranger", "uid": "x", "labels": {"controller-revision-hash": "db-3"}}}),
    ];
    for (extra, expected) in [
        (json!({}), vec!["patch statefulset/db", "delete pod/db-2"]),
        (json!({"podManagementPolicy": "Parallel"}), vec!["patch statefulset/db"]),
        (json!({"updateStrategy": {"type": "OnDelete"}}), vec!["patch statefulset/db"]),
    ] {
        let (action, mut facts) = set(WorkloadKind::StatefulSet, &extra);
        facts.pods = Some(pods.clone());
        let planned = plan(&action, &facts, &ground()).unwrap();
        let titles: Vec<_> = planned.steps.iter().map(|step| step.title.as_str()).collect();
        assert_eq!(titles, expected, "{extra}");
        if let Some(step) = planned.steps.get(1) {
            let Change::Delete { grace_seconds: None, preconditions } = &step.mutation.change else { panic!() };
            assert_eq!(preconditions.uid.as_deref(), Some("p2"), "that very pod, not its successor");
        }
    }
}

#[test]
fn templates_are_equal_where_only_hash_and_emptiness_differ() {
    let one = json!({"metadata": {"labels": {"a": "b", "pod-template-hash": "x"}}, "spec": {"containers": [], "nodeSelector": {}}});
    let other = json!({"metadata": {"labels": {"a": "b"}, "creationTimestamp": null}, "spec": {}});
    assert!(same_template(&one, &other));
    let volume = |source: Value| json!({"spec": {"volumes": [source]}});
    assert!(!same_template(&volume(json!({"name": "v", "emptyDir": {}})), &volume(json!({"name": "v"}))));
}

#[test]
fn the_plan_says_what_moves_and_what_to_be_careful_about() {
    let mut facts = facts();
    facts.autoscalers = Some(vec![json!({"metadata": {"name": "h"}, "spec": {"minReplicas": 2, "maxReplicas": 8,
        "scaleTargetRef": {"kind": "Deployment", "name": "payment"}}})]);
    facts.object["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] =
        json!("shop:apps/Deployment:shop/payment");
    let plan = planned(&facts, None);
    assert_eq!(plan.blast.moves, "6 pods, at most 0 unavailable and 2 extra");
    assert_eq!(plan.managed_by.as_deref(), Some("Argo CD app shop"));
    let kinds: Vec<_> = plan.warnings.iter().map(|warning| warning.kind).collect();
    assert_eq!(
        kinds,
        [WarningKind::Managed, WarningKind::LastApplied, WarningKind::Autoscaler, WarningKind::InProgress]
    );
    assert!(plan.warnings[2].text.contains("HPA h owns the number of pods (2–8)"));
    let to = &plan.revisions.as_ref().unwrap().to;
    let old = (to.images.clone(), to.change_cause.clone(), to.pods, to.created.is_some());
    assert_eq!(old, (vec!["p:1".into()], Some("cause 9".into()), 3, true));
}

#[test]
fn managers_are_recognised() {
    let cases = [
        (json!({"labels": {"argocd.argoproj.io/instance": "a"}}), "Argo CD app a"),
        (
            json!({"labels": {"app.kubernetes.io/instance": "a"}, "managedFields": [{"manager": "argocd-controller"}]}),
            "Argo CD app a",
        ),
        (json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "k"}}), "Flux Kustomization k"),
        (
            json!({"labels": {"helm.toolkit.fluxcd.io/name": "r", "app.kubernetes.io/managed-by": "Helm"}}),
            "Flux HelmRelease r",
        ),
        (json!({"annotations": {"meta.helm.sh/release-name": "r"}}), "Helm release r"),
    ];
    for (metadata, name) in cases {
        let found = ownership::manager(&json!({"metadata": metadata})).map(|manager| manager.name);
        assert_eq!(found.as_deref(), Some(name));
    }
    assert!(ownership::manager(&facts().object).is_none());
}

#[test]
fn bounds_are_rounded_as_the_controller_rounds_them() {
    let cases = [
        (json!({}), 6, (1, 2)),
        (json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "10%"}}), 6, (1, 0)),
        (json!({"rollingUpdate": {"maxSurge": "50%", "maxUnavailable": "50%"}}), 5, (2, 3)),
        (json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 9}}), 4, (4, 1)),
        (json!({"type": "Recreate"}), 4, (4, 0)),
    ];
    for (strategy, replicas, expected) in cases {
        let moves = workload::moves(
            WorkloadKind::Deployment,
            &json!({"spec": {"replicas": replicas, "strategy": strategy.clone()}}),
        );
        assert_eq!((moves.max_unavailable, moves.max_surge), expected, "{strategy}");
    }
}

#[test]
fn changes_are_said_in_words() {
    let container = |extra: Value| {
        let mut container = json!({"name": "payment", "image": "p:2"});
        container.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        container
    };
    let spec = |containers: Value| json!({"spec": {"containers": containers}});
    let before = spec(json!([container(json!({
        "image": "p:1\u{1b}[31m", "env": [{"name": "V", "value": "2"}, {"name": "GONE", "value": ""}],
        "resources": {"limits": {"memory": "1Gi"}}, "args": ["-a", "-b"]
    }))]));
    let after = spec(json!([container(json!({
        "env": [{"name": "V", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        "resources": {"limits": {"memory": "512Mi"}}, "args": ["-a"],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 80}}
    }))]));
    let said: Vec<String> = compare::changes(&before, &after)
        .into_iter()
        .map(|change| {
            format!("{}: {} > {}", change.path, change.before.unwrap_or("-".into()), change.after.unwrap_or("-".into()))
        })
        .collect();
    assert_eq!(
        said,
        [
            "image: p:1 > p:2",
            "env V: 2 > from secretKeyRef.key=k, secretKeyRef.name=s",
            "env GONE: (empty) > -",
            "args: [-a -b] > [-a]",
            "resources limits.memory: 1Gi > 512Mi",
            "readinessProbe: - > httpGet.path=/healthz, httpGet.port=80",
        ]
    );
    let two = spec(json!([container(json!({})), {"name": "proxy", "image": "x:1"}]));
    let one = spec(json!([container(json!({"image": "p:3"}))]));
    let paths: Vec<String> = compare::changes(&two, &one).into_iter().map(|change| change.path).collect();
    assert_eq!(paths, ["payment: image", "container proxy"]);
    let labels = |value| json!({"metadata": {"annotations": {"a.b/c": value}}, "spec": {"serviceAccountName": value}});
    let paths: Vec<String> =
        compare::changes(&labels("1"), &labels("2")).into_iter().map(|change| change.path).collect();
    assert_eq!(paths, ["pod serviceAccountName", "annotations a.b/c"]);
}

#[test]
fn a_digest_names_what_is_sent() {
    let facts = facts();
    assert_eq!(planned(&facts, None).digest, planned(&facts, Some(9)).digest);
    assert_ne!(planned(&facts, None).digest, planned(&facts, Some(2)).digest);
}

/// JSON of any shape, with the keys that the plan looks at, so that it gets far.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "metadata",
        "spec",
        "template",
        "containers",
        "env",
        "name",
        "image",
        "annotations",
        "labels",
        "status",
        "value",
        "deployment.kubernetes.io/revision",
        "generation",
        "replicas",
        "strategy",
        "rollingUpdate",
        "maxSurge",
        "valueFrom",
        "conditions",
        "type",
        "managedFields",
        "pod-template-hash",
        "uid",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[0-9]{1,25}%?".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_shape_makes_it_panic_and_no_equal_template_is_sent(
        a in any_json(), b in any_json(), c in any_json(), shape in 0_u8..3, to in prop::option::of(0_u64..12),
    ) {
        let mut facts = facts();
        facts.autoscalers = Some(vec![c.clone()]);
        match shape {
            0 => facts = Facts { object: a, revisions: Some(vec![b, c]), ..Facts::default() },
            1 => {
                facts.object["spec"]["template"]["spec"] = a;
                facts.revisions.as_mut().unwrap()[0]["spec"]["template"]["spec"] = b;
            }
            _ => {
                facts.object["metadata"] = a;
                facts.revisions.as_mut().unwrap()[0]["spec"]["template"]["metadata"] = b.clone();
                facts.object["status"] = b;
            }
        }
        if let Ok(plan) = try_plan(&facts, to) {
            prop_assert!(!has_template(&facts.object, &plan));
            prop_assert!(!plan.changes.is_empty());
            prop_assert!(!plan.diff.is_empty());
            for change in &plan.changes {
                for text in [Some(&change.path), change.before.as_ref(), change.after.as_ref()].into_iter().flatten() {
                    prop_assert_eq!(&*clean(text), text.as_str());
                }
            }
        }
    }
}
