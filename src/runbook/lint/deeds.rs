//! Actions that the door lets through for no value of any parameter.

use std::collections::BTreeSet;

use super::super::Runbook;
use super::super::act::{act, templates};
use super::super::action::{Act, Deed, Kubectl};
use super::super::diagnostic::Diagnostic;
use super::super::parameter::{Type, Value, Values};
use super::super::run::resolve::context;
use super::super::splice::{self, Piece};
use super::super::step::StepKind;
use crate::actions::ActionKind;
use crate::actions::outcome::Refusal;
use crate::actions::scale_bounds::ScaleBounds;
use crate::domain::target::{WorkloadKind, WorkloadRef};

/// Combinations of values that are tried.
const MOST: usize = 100;

pub(super) fn check(book: &Runbook, found: &mut Vec<Diagnostic>) {
    for step in &book.steps {
        let (StepKind::Action(deed) | StepKind::Kubectl(Kubectl::Act(deed))) = &step.kind else { continue };
        // Why it is done does not make it possible.
        let mut deed = deed.clone();
        deed.arguments.retain(|argument| argument.name != "reason");
        let Some(all) = values(book, &deed) else { continue };
        // What is no action at all is told where it is read, or when the value is known.
        let acts = all.iter().filter_map(|values| act(&deed, &context(values)).ok());
        let refused: Vec<Option<Refusal>> = acts.map(|act| refusal(&act)).collect();
        if let (Some(Some(why)), true) = (refused.first(), refused.iter().all(Option::is_some)) {
            found.push(Diagnostic::error(deed.spot, format!("this is never let through: {why}")));
        }
    }
}

/// Every value that the templates of a body can have; `None` where that is without end.
fn values(book: &Runbook, deed: &Deed) -> Option<Vec<Values>> {
    let mut names = BTreeSet::new();
    for template in templates(deed) {
        for piece in splice::pieces(&template.text).ok()? {
            if let Piece::Expression(expression, _) = piece {
                names.extend(splice::variables(expression).ok()?);
            }
        }
    }
    let mut all = vec![Values::new()];
    for name in names {
        let parameter = book.parameter(&name)?;
        let can_be: Vec<Value> = if parameter.kind == Type::Workload {
            WorkloadKind::ALL.map(|kind| Value::Workload(WorkloadRef::new(kind, "namespace", "name"))).into()
        } else {
            parameter.allowed.iter().filter_map(|text| parameter.read(text).ok()).collect()
        };
        if can_be.is_empty() || can_be.len() * all.len() > MOST {
            return None;
        }
        let with = |values: &Values, value: &Value| {
            let mut values = values.clone();
            values.insert(name.clone(), value.clone());
            values
        };
        all = all.iter().flat_map(|values| can_be.iter().map(move |value| with(values, value))).collect();
    }
    Some(all)
}

/// What the door would say before it looks at anything.
fn refusal(act: &Act) -> Option<Refusal> {
    match act {
        Act::Request(request) => request.action.admit().err(),
        Act::Bounds { workload, min, max, .. } => {
            let (namespace, hpa) = (workload.namespace.clone(), workload.name.clone());
            ActionKind::ScaleBounds(ScaleBounds { namespace, hpa, min: *min, max: *max }).admit().err()
        }
        // Which flag it is only the world knows; what it is set to was read already.
        Act::Flag { .. } => None,
    }
}
