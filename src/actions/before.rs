//! What the objects of a plan were when it was made: identity and versions, for the intent. A crash between intent and
//! outcome is settled with it.

use serde_json::{Map, Value, json};

use super::ActionRequest;
use super::expectation::Expectation;
use super::manifest::raw;
use super::plan::Plan;
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::ports::cluster::Facts;

/// What is kept of each: enough to tell it from a namesake and from a changed one, and nothing that may be a secret.
const KEPT: [&str; 3] = ["uid", "generation", "resourceVersion"];

/// One entry for each of the plan's expectations, in their order; `null` for what was not read.
pub fn of(plan: &Plan, request: &ActionRequest, facts: &[Option<Facts>]) -> Vec<Value> {
    let one = |part: usize, expectation: &Expectation| {
        // A target that was left out of a bulk shifts those after it.
        let target = plan.targets.get(part)?;
        let mut read = request.actions().zip(facts);
        let (_, facts) = read.find(|(action, _)| action.target() == *target)?;
        let object = find(facts.as_ref()?, target, &expectation.object())?;
        if target.kind == ObjectKind::Flag {
            // It has no metadata; its version stands for all that a change would touch.
            return object.get("version").map(|version| json!({"version": version}));
        }
        let metadata = object.get("metadata")?;
        let kept: Map<_, _> =
            KEPT.iter().filter_map(|key| Some(((*key).to_owned(), metadata.get(*key)?.clone()))).collect();
        (!kept.is_empty()).then_some(Value::Object(kept))
    };
    plan.expect.iter().map(|(part, expectation)| one(*part, expectation).unwrap_or_default()).collect()
}

/// An object among what was read for a target.
fn find<'a>(facts: &'a Facts, target: &ObjectRef, wanted: &ObjectRef) -> Option<&'a Value> {
    if wanted == target {
        return Some(&facts.object);
    }
    let list = match wanted.kind {
        ObjectKind::Pod => &facts.pods,
        ObjectKind::HorizontalPodAutoscaler => &facts.autoscalers,
        _ => &facts.owners,
    };
    list.iter().flatten().find(|object| {
        raw(object, &["metadata", "name"]) == Some(&*wanted.name)
            && raw(object, &["metadata", "namespace"]) == wanted.namespace.as_deref()
            && raw(object, &["kind"]).is_none_or(|kind| kind == wanted.kind.kind())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::rehearsal::{facts, payment, plan};
    use crate::actions::scale::{Replicas, Scale};
    use crate::actions::{ActionKind, Origin};

    #[test]
    fn versions_stand_beside_what_they_are_of_and_nothing_else() -> Result<(), crate::actions::outcome::Refusal> {
        let action = ActionKind::Scale(Scale { target: payment(), replicas: Replicas::To(6) });
        let mut planned = plan(&action, &facts())?;
        let pod = ObjectRef::new(ObjectKind::Pod, "shop", "payment-1");
        planned.expect(Expectation::Gone { object: pod.clone(), uid: None });
        planned.expect(Expectation::Exists { object: ObjectRef { name: "payment-2".into(), ..pod } });
        let mut read = facts();
        read.pods =
            Some(vec![json!({"metadata": {"name": "payment-1", "namespace": "shop", "uid": "p1", "labels": {}}})]);
        let request = ActionRequest::new(action, Origin::Key);
        let of_scale = json!({"uid": "u1", "generation": 7, "resourceVersion": "100"});
        assert_eq!(of(&planned, &request, &[Some(read)]), [of_scale, json!({"uid": "p1"}), Value::Null]);
        assert_eq!(of(&planned, &request, &[None]), [Value::Null, Value::Null, Value::Null]);
        Ok(())
    }
}
