//! The bounds of a HorizontalPodAutoscaler: what can be changed where an autoscaler owns the number of pods.
//!
//! The patch insists on the bounds that the plan saw, not on a resourceVersion: an autoscaler's status is written every
//! fifteen seconds.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::expectation::{Expectation, Field};
use super::kind::{Action, ActionKind, Ground};
use super::manifest::{count, raw, text};
use super::outcome::Refusal;
use super::plan::{FieldChange, Plan, Undo, Warning, WarningKind};
use super::scale::check_number;
use super::step::Step;
use super::{capacity, compare, ownership};
use crate::domain::Text;
use crate::domain::mutation::{Change, Mutation};
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::ports::cluster::{Facts, Part};

/// Other bounds for an autoscaler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleBounds {
    /// Namespace.
    pub namespace: Text,
    /// Name of the HorizontalPodAutoscaler.
    pub hpa: Text,
    /// At least so many; `None` leaves it.
    #[serde(default)]
    pub min: Option<i64>,
    /// At most so many; `None` leaves it.
    #[serde(default)]
    pub max: Option<i64>,
}

/// The bounds of an autoscaler; the minimum is 1 where none is set.
pub fn bounds(hpa: &Value) -> (u32, u32) {
    let bound = |key| count(hpa, &["spec", key]).and_then(|bound| u32::try_from(bound).ok());
    (bound("minReplicas").unwrap_or(1), bound("maxReplicas").unwrap_or(0))
}

impl Action for ScaleBounds {
    fn word(&self) -> &'static str {
        "scale-bounds"
    }

    fn verb(&self) -> &'static str {
        "set bounds"
    }

    fn target(&self) -> ObjectRef {
        ObjectRef::new(ObjectKind::HorizontalPodAutoscaler, self.namespace.clone(), self.hpa.clone())
    }

    fn title(&self) -> String {
        format!("Set the bounds of {}", self.target())
    }

    fn needs(&self) -> &'static [Part] {
        &[Part::Quotas]
    }

    fn admit(&self) -> Result<(), Refusal> {
        for (bound, what) in [(self.min, "a minimum of"), (self.max, "a maximum of")] {
            bound.map(|bound| check_number(bound, what)).transpose()?;
        }
        if self.min.is_none() && self.max.is_none() {
            return Err(Refusal::BadInput("give a minimum, a maximum, or both".into()));
        }
        if self.max == Some(0) {
            return Err(Refusal::BadInput("a maximum of 0 is below the least that an HPA takes (1)".into()));
        }
        Ok(())
    }

    fn plan(&self, facts: &Facts, _: &Ground<'_>) -> Result<Plan, Refusal> {
        let target = self.target();
        let hpa = &facts.object;
        let (min, max) = bounds(hpa);
        let wanted_min = self.min.map(|bound| check_number(bound, "a minimum of")).transpose()?.unwrap_or(min);
        let wanted_max = self.max.map(|bound| check_number(bound, "a maximum of")).transpose()?.unwrap_or(max);
        if wanted_min == 0 && min != 0 {
            return Err(Refusal::BadInput(
                "a minimum of 0 takes the feature gate HPAScaleToZero; scale the workload to 0 instead".into(),
            ));
        }
        if wanted_min > wanted_max {
            return Err(Refusal::BadInput(format!("the minimum {wanted_min} is above the maximum {wanted_max}")));
        }
        if (min, max) == (wanted_min, wanted_max) {
            return Err(Refusal::not_here(format!("nothing to do: the bounds of {target} are {min}–{max} already")));
        }
        let uid = raw(hpa, &["metadata", "uid"]).ok_or_else(|| Refusal::Malformed(format!("{target} has no uid")))?;
        let mut operations = vec![
            json!({"op": "test", "path": "/metadata/uid", "value": uid}),
            json!({"op": "test", "path": "/spec/maxReplicas", "value": max}),
        ];
        if count(hpa, &["spec", "minReplicas"]).is_some() {
            operations.push(json!({"op": "test", "path": "/spec/minReplicas", "value": min}));
        }
        operations.push(json!({"op": "add", "path": "/spec/maxReplicas", "value": wanted_max}));
        operations.push(json!({"op": "add", "path": "/spec/minReplicas", "value": wanted_min}));
        let sent = vec![
            Field::new("/spec/minReplicas", format!("minimum {wanted_min}"), &json!(wanted_min)),
            Field::new("/spec/maxReplicas", format!("maximum {wanted_max}"), &json!(wanted_max)),
        ];
        let mutation = Mutation::new(target.clone(), Change::JsonPatch(Value::Array(operations)));
        let mut plan = Plan::begin(self);
        plan.steps = vec![Step::new(format!("patch {target}"), mutation).leaving(sent.clone())];
        let change = |path: &str, before: u32, after: u32| {
            (before != after).then(|| FieldChange {
                path: path.into(),
                before: Some(before.to_string()),
                after: Some(after.to_string()),
            })
        };
        plan.changes.extend(change("minReplicas", min, wanted_min));
        plan.changes.extend(change("maxReplicas", max, wanted_max));
        let side = |min: u32, max: u32| json!({"spec": {"minReplicas": min, "maxReplicas": max}});
        plan.diff = compare::unified_diff(&side(min, max), &side(wanted_min, wanted_max), "current", "planned");
        let current = u32::try_from(count(hpa, &["status", "currentReplicas"]).unwrap_or(0)).unwrap_or(u32::MAX);
        plan.blast.workloads = 1;
        plan.blast.pods = current.abs_diff(current.clamp(wanted_min, wanted_max));
        plan.blast.of = Some(current.max(wanted_min));
        plan.blast.at_once = current > wanted_max;
        plan.blast.moves = moves(current, (min, max), (wanted_min, wanted_max));
        plan.managed_by = ownership::manager(hpa).map(|manager| manager.name);
        plan.warnings = ownership::warnings_but_autoscalers(hpa);
        if wanted_max > max {
            plan.warnings.extend(capacity::warnings(facts, wanted_max - max));
        }
        if current > wanted_max {
            let text =
                format!("{} pods end: {current} run, and {wanted_max} are the most from then on", current - wanted_max);
            plan.warnings.push(Warning::new(WarningKind::Destructive, text));
        }
        let back = Self { min: Some(min.into()), max: Some(max.into()), ..self.clone() };
        plan.undo = Undo::by(format!("set them back to {min}–{max}"), ActionKind::ScaleBounds(back));
        plan.expect(Expectation::Object { object: target.clone(), fields: sent, patient: false });
        if let Some(workload) = self.scaled(hpa) {
            let signals = wanted_max > max || wanted_min > min;
            plan.expect(Expectation::Rollout { workload, fields: Vec::new(), signals });
        }
        plan.done = format!("{target} scales between {wanted_min} and {wanted_max}");
        Ok(plan)
    }
}

impl ScaleBounds {
    /// What it scales, when that is a workload that we know.
    fn scaled(&self, hpa: &Value) -> Option<WorkloadRef> {
        let kind = raw(hpa, &["spec", "scaleTargetRef", "kind"])?;
        let kind = WorkloadKind::ALL.into_iter().find(|known| known.kind() == kind)?;
        Some(WorkloadRef::new(kind, self.namespace.clone(), text(hpa, &["spec", "scaleTargetRef", "name"])?))
    }
}

fn moves(current: u32, before: (u32, u32), after: (u32, u32)) -> String {
    let at_most = before.1 > 0 && current >= before.1;
    if current < after.0 {
        format!("{current} pods run; at least {} soon", after.0)
    } else if current > after.1 {
        format!("{current} pods run; at most {} soon", after.1)
    } else if at_most && after.1 > before.1 {
        format!("{current} pods run, as many as it may; it decides on up to {} more", after.1 - before.1)
    } else {
        format!("{current} pods run, and may stay")
    }
}
