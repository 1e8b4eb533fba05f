//! CronJobs: suspended, run again, and run now.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::actions::expectation::Expectation;
use crate::actions::suspend::Suspend;
use crate::actions::trigger::Trigger;
use crate::domain::object::ObjectKind;

fn target(name: &str) -> WorkloadRef {
    WorkloadRef::new(WorkloadKind::CronJob, "shop", name)
}

fn cron_job(suspended: bool) -> Value {
    json!({"metadata": {"name": "nightly", "uid": "c1", "generation": 2, "resourceVersion": "300"},
        "spec": {"schedule": "0 3 * * *", "suspend": suspended, "concurrencyPolicy": "Forbid", "jobTemplate": {
            "metadata": {"labels": {"app": "nightly"}, "annotations": {"a": "b"}},
            "spec": {"backoffLimit": 1, "template": {"spec": {"containers": [{"name": "c", "image": "job:1"}]}}}}},
        "status": {"active": [{"name": "nightly-1"}]}})
}

fn of(object: Value) -> Facts {
    Facts { object, ..Facts::default() }
}

/// One of each kind here, with what is read for it.
pub fn examples() -> Vec<(ActionKind, Facts)> {
    vec![
        (ActionKind::Suspend(Suspend { target: target("nightly"), suspended: true }), of(cron_job(false))),
        (ActionKind::Trigger(Trigger { target: target("nightly") }), of(cron_job(false))),
    ]
}

#[test]
fn suspending_is_undone_field_by_field_and_says_what_it_does_not_stop() {
    for suspended in [true, false] {
        let facts = of(cron_job(!suspended));
        let action = ActionKind::Suspend(Suspend { target: target("nightly"), suspended });
        let there = plan(&action, &facts).unwrap();
        let after = apply(&there, &facts.object).unwrap();
        assert_eq!(after["spec"]["suspend"], suspended);
        assert!(there.steps[0].leaves[0].holds(&after) && !there.steps[0].leaves[0].holds(&facts.object));
        let words = if suspended { "1 Job runs now" } else { "was missed" };
        assert!(there.warnings[0].text.contains(words), "{:?}", there.warnings);
        let back = plan(&there.undo.actions[0], &of(after.clone())).unwrap();
        assert_eq!(apply(&back, &after).unwrap()["spec"], facts.object["spec"]);
        let mut edited = facts.object.clone();
        edited["metadata"]["generation"] = json!(3);
        assert!(apply(&there, &edited).is_err(), "a change in between is a conflict");
        assert!(plan(&action, &of(after)).unwrap_err().to_string().contains("nothing to do"));
    }
    let other = ActionKind::Suspend(Suspend { target: payment(), suspended: true });
    assert!(plan(&other, &facts()).unwrap_err().to_string().contains("only CronJobs"));
}

#[test]
fn a_triggered_job_is_kubectls() {
    let planned = plan(&ActionKind::Trigger(Trigger { target: target("nightly") }), &of(cron_job(true))).unwrap();
    let Change::Create(job) = &planned.steps[0].mutation.change else { panic!("{planned:?}") };
    let name = "nightly-manual-260921-141320";
    assert_eq!(
        job,
        &json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": name, "namespace": "shop", "labels": {"app": "nightly"},
                "annotations": {"a": "b", "cronjob.kubernetes.io/instantiate": "manual"},
                "ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "c1",
                    "controller": true}]},
            "spec": cron_job(true)["spec"]["jobTemplate"]["spec"]})
    );
    assert_eq!(planned.steps[0].target().name.as_ref(), name);
    assert_eq!(planned.steps[0].target().kind, ObjectKind::Job);
    let [(_, Expectation::Exists { object })] = &planned.expect[..] else { panic!("{:?}", planned.expect) };
    assert_eq!(object, planned.steps[0].target());
    assert!(planned.undo.actions.is_empty() && planned.undo.words.contains("kubectl delete job/nightly-manual"));
    let texts: Vec<_> = planned.warnings.iter().map(|warning| warning.text.as_str()).collect();
    assert!(texts[0].contains("nightly-1 runs already") && texts[1].contains("is suspended"), "{texts:?}");
}

#[test]
fn names_of_jobs_fit_and_bad_shapes_are_refused() {
    for name in ["x", &"n".repeat(52), &format!("{}-{}", "n".repeat(40), "m".repeat(11))] {
        let planned = plan(&ActionKind::Trigger(Trigger { target: target(name) }), &of(cron_job(false))).unwrap();
        let job = planned.steps[0].target().name.to_string();
        assert!(job.len() <= 63 && !job.contains("--"), "{job}");
    }
    let trigger = ActionKind::Trigger(Trigger { target: target("nightly") });
    for bad in [json!({}), json!({"metadata": {"uid": "c"}, "spec": {"jobTemplate": {"spec": 3}}}), json!(null)] {
        assert!(matches!(plan(&trigger, &of(bad)), Err(Refusal::Malformed(_))));
    }
}
