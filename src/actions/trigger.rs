//! Running a CronJob's Job now.
//!
//! Source: kubectl `create job NAME --from=cronjob/NAME` (`pkg/cmd/create/create_job.go`): labels, annotations and spec
//! of the `jobTemplate`, the annotation `cronjob.kubernetes.io/instantiate: manual`, and the CronJob as its controller
//! by `uid`, so that the Job goes with it and counts in its history. The name is made here: the CronJob's, and the time.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::expectation::Expectation;
use super::kind::{Action, Ground};
use super::manifest::{at, items, object, raw, text};
use super::outcome::Refusal;
use super::ownership;
use super::plan::{FieldChange, Plan, Undo, Warning, WarningKind};
use super::step::Step;
use super::suspend::{admit, is_suspended};
use crate::domain::mutation::{Change, Mutation};
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::domain::target::WorkloadRef;
use crate::domain::time::Instant;
use crate::ports::cluster::{Facts, Part};

/// A Job's name is a label of its pods, which bounds it.
const LONGEST_NAME: usize = 63;

/// Run a CronJob's Job now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// The CronJob.
    pub target: WorkloadRef,
}

/// `nightly-manual-260921-141320`: tells when, and two within a second would be a slip of the finger, which the server
/// refuses.
fn job_name(cron_job: &str, now: Instant) -> String {
    let end = format!("-manual-{}", now.format("%y%m%d-%H%M%S"));
    let room = LONGEST_NAME.saturating_sub(end.len());
    let cut: String = cron_job.chars().take(room).collect();
    format!("{}{end}", cut.trim_end_matches(['-', '.']))
}

impl Action for Trigger {
    fn word(&self) -> &'static str {
        "trigger"
    }

    fn verb(&self) -> &'static str {
        "trigger"
    }

    fn target(&self) -> ObjectRef {
        (&self.target).into()
    }

    fn needs(&self) -> &'static [Part] {
        &[]
    }

    fn admit(&self) -> Result<(), Refusal> {
        admit(&self.target, "triggered")
    }

    fn plan(&self, facts: &Facts, ground: &Ground<'_>) -> Result<Plan, Refusal> {
        let (target, cron_job) = (&self.target, &facts.object);
        let malformed = |what: &str| Refusal::Malformed(format!("{target} has no {what}"));
        let template = at(cron_job, &["spec", "jobTemplate"]).ok_or_else(|| malformed("spec.jobTemplate"))?;
        let spec = at(template, &["spec"]).filter(|spec| spec.is_object());
        let spec = spec.ok_or_else(|| malformed("spec.jobTemplate.spec"))?;
        let uid = raw(cron_job, &["metadata", "uid"]).ok_or_else(|| malformed("uid"))?;
        let name = job_name(&target.name, ground.now);
        let job = ObjectRef::new(ObjectKind::Job, target.namespace.clone(), name.clone());
        let mut annotations = object(template, &["metadata", "annotations"]).cloned().unwrap_or_default();
        annotations.insert("cronjob.kubernetes.io/instantiate".into(), json!("manual"));
        let mut body = json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": name, "namespace": &*target.namespace, "annotations": annotations,
                "ownerReferences": [{
                    "apiVersion": "batch/v1", "kind": "CronJob", "name": &*target.name, "uid": uid, "controller": true,
                }],
            },
            "spec": spec,
        });
        if let Some(labels) = at(template, &["metadata", "labels"]).filter(|labels| labels.is_object()) {
            body["metadata"]["labels"] = labels.clone();
        }
        let mut plan = Plan::begin(self);
        plan.steps = vec![Step::new(format!("create {job}"), Mutation::new(job.clone(), Change::Create(body)))];
        let images = super::manifest::images(at(spec, &["template"]).unwrap_or(&Value::Null)).join(", ");
        plan.changes = vec![FieldChange { path: job.to_string(), before: None, after: Some(format!("runs {images}")) }];
        let pods = super::manifest::count(spec, &["parallelism"]).unwrap_or(1);
        plan.blast.pods = u32::try_from(pods).unwrap_or(u32::MAX);
        plan.blast.workloads = 1;
        plan.blast.moves = format!("{job} starts, with {pods} {} at a time", if pods == 1 { "pod" } else { "pods" });
        plan.managed_by = ownership::manager(cron_job).map(|manager| manager.name);
        plan.warnings = warnings(cron_job);
        let namespace = &target.namespace;
        plan.undo = Undo::never(format!(
            "what it does cannot be taken back; `kubectl delete {job} -n {namespace}` ends it while it runs"
        ));
        plan.expect(Expectation::Exists { object: job.clone() });
        plan.done = format!("{job} is created; how it goes is its own affair");
        Ok(plan)
    }
}

fn warnings(cron_job: &Value) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let running: Vec<String> =
        items(cron_job, &["status", "active"]).iter().filter_map(|job| text(job, &["name"])).collect();
    if !running.is_empty() {
        let policy = text(cron_job, &["spec", "concurrencyPolicy"]).unwrap_or_else(|| "Allow".into());
        let text = format!(
            "{} runs already; this one runs beside it, whatever concurrencyPolicy says ({policy})",
            running.join(", ")
        );
        warnings.push(Warning::new(WarningKind::InProgress, text));
    }
    if is_suspended(cron_job) {
        let text = "it is suspended: somebody did not want it to run; this Job runs all the same";
        warnings.push(Warning::new(WarningKind::Held, text));
    }
    if at(cron_job, &["spec", "jobTemplate", "spec", "suspend"]).and_then(Value::as_bool) == Some(true) {
        let text = "its Jobs are made suspended: nothing runs before somebody resumes the Job";
        warnings.push(Warning::new(WarningKind::Held, text));
    }
    warnings
}
