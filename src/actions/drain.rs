//! Draining a node: it is cordoned, and its pods are evicted one by one.
//!
//! Source: kubectl `pkg/drain` (`filters.go`): pods of DaemonSets and static pods stay, pods that nothing would bring
//! back are refused unless forced, ended pods may go. Different: pods with an emptyDir are warned of, not refused; what
//! a budget holds back is sent again by the door until its patience ends.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cordon::{self, Uncordon, is_cordoned, not_ready};
use super::evict_pod::too_many_budgets;
use super::expectation::Expectation;
use super::guardrail::ConfirmLevel;
use super::kind::{Action, ActionKind, Ground};
use super::manifest::{name, raw, text};
use super::outcome::Refusal;
use super::ownership;
use super::plan::{Blast, FieldChange, Plan, Undo, Warning, WarningKind};
use super::pod::{self, Comeback};
use super::step::Step;
use crate::domain::Text;
use crate::domain::mutation::{Change, Mutation};
use crate::domain::object::ObjectRef;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::ports::cluster::{Facts, Part};

/// So many names stand in one warning.
const MOST_NAMES: usize = 5;

/// Move all pods away from a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// The node.
    pub node: Text,
    /// Also those that nothing brings back.
    #[serde(default)]
    pub force: bool,
}

/// Why a pod stays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stays {
    Daemon,
    Static,
}

/// The pods of a node by what becomes of them.
#[derive(Default)]
struct Sorted<'a> {
    evicted: Vec<&'a Value>,
    going: Vec<&'a Value>,
    unmanaged: Vec<&'a Value>,
    staying: BTreeMap<Stays, Vec<String>>,
}

fn sort<'a>(pods: &'a [Value], owners: Option<&[Value]>) -> Sorted<'a> {
    let mut sorted = Sorted::default();
    for found in pods {
        let daemon = pod::controller(found).is_some_and(|owner| raw(owner, &["kind"]) == Some("DaemonSet"));
        if pod::is_static(found) {
            sorted.staying.entry(Stays::Static).or_default().push(name(found));
        } else if daemon && !pod::has_ended(found) {
            sorted.staying.entry(Stays::Daemon).or_default().push(name(found));
        } else if pod::is_going(found) {
            sorted.going.push(found);
        } else {
            if pod::comeback(found, owners) == Comeback::Nothing {
                sorted.unmanaged.push(found);
            }
            sorted.evicted.push(found);
        }
    }
    sorted
}

/// `a, b, c and 4 more`.
fn names(all: &[String]) -> String {
    let shown = all.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(MOST_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn places(pods: &[&Value]) -> Vec<String> {
    pods.iter().map(|found| text(found, &["metadata", "namespace"]).unwrap_or_default() + "/" + &name(found)).collect()
}

impl Action for Drain {
    fn word(&self) -> &'static str {
        "drain"
    }

    fn verb(&self) -> &'static str {
        "drain"
    }

    fn target(&self) -> ObjectRef {
        cordon::node(&self.node)
    }

    fn needs(&self) -> &'static [Part] {
        &[Part::Pods, Part::Owners, Part::Budgets]
    }

    fn plan(&self, facts: &Facts, _: &Ground<'_>) -> Result<Plan, Refusal> {
        let target = self.target();
        let Some(pods) = facts.pods.as_deref() else {
            return Err(Refusal::Forbidden(format!("list pods of {target}: without them nothing can be moved")));
        };
        let owners = facts.owners.as_deref();
        let sorted = sort(pods, owners);
        if !sorted.unmanaged.is_empty() && !self.force {
            return Err(Refusal::NotHere {
                why: format!("nothing would bring back {}: no controller owns them", names(&places(&sorted.unmanaged))),
                instead: Some("drain by force, which loses them".into()),
                offer: Some(Box::new(ActionKind::Drain(Self { force: true, ..self.clone() }))),
            });
        }
        let budgets = facts.budgets.as_deref();
        if let Some(why) =
            sorted.evicted.iter().find_map(|found| too_many_budgets(found, &pod::budgets(found, budgets)))
        {
            return Err(Refusal::not_here(why));
        }
        let cordoned = is_cordoned(&facts.object);
        if cordoned && sorted.evicted.is_empty() && sorted.going.is_empty() {
            return Err(Refusal::not_here(format!("nothing to do: {target} is cordoned, and no pod is left to move")));
        }
        let mut plan = Plan::begin(self);
        if !cordoned {
            plan.steps.push(cordon::step(&target, &facts.object, true)?);
            cordon::show(&mut plan, true);
            plan.expect(Expectation::Object {
                object: target.clone(),
                fields: vec![cordon::field(true)],
                patient: false,
            });
        }
        for found in &sorted.evicted {
            let object = pod::reference(found);
            let change = Change::Evict { grace_seconds: None, preconditions: pod::preconditions(found)? };
            let title = format!("evict {object}{}", object.place());
            plan.steps.push(Step::new(title, Mutation::new(object.clone(), change)));
            let after = pod::comeback(found, owners).words(found);
            plan.changes.push(FieldChange {
                path: object.to_string(),
                before: Some(if pod::is_ready(found) { "ready" } else { "not ready" }.into()),
                after: Some(after),
            });
        }
        for found in sorted.evicted.iter().chain(&sorted.going) {
            let uid = raw(found, &["metadata", "uid"]).map(str::to_owned);
            plan.expect(Expectation::Gone { object: pod::reference(found), uid });
        }
        let workloads = workloads(&sorted, owners);
        for (workload, (object, gone)) in &workloads {
            if let Some(whole) = pod::whole_again(workload, object, gone) {
                plan.expect(whole);
            }
        }
        plan.blast = blast(&sorted, &workloads);
        plan.managed_by = ownership::manager(&facts.object).map(|manager| manager.name);
        plan.warnings = warnings(self, facts, &sorted, &workloads);
        plan.confirm = if self.force && !sorted.unmanaged.is_empty() { ConfirmLevel::Name } else { ConfirmLevel::Yes };
        plan.undo = if cordoned {
            Undo::never("nothing to undo: it was cordoned before, and pods do not come back by themselves")
        } else {
            let back = ActionKind::Uncordon(Uncordon { node: self.node.clone() });
            Undo::by("uncordon it; pods that have moved stay where they are", back)
        };
        plan.done = format!("{target} is drained");
        Ok(plan)
    }
}

/// The workloads that lose pods, each with its object and those pods.
type Losing<'a> = BTreeMap<WorkloadRef, (&'a Value, Vec<&'a Value>)>;

fn workloads<'a>(sorted: &Sorted<'a>, owners: Option<&'a [Value]>) -> Losing<'a> {
    let mut losing = Losing::new();
    for found in sorted.evicted.iter().filter(|found| !pod::has_ended(found)) {
        if let Some((workload, object)) = pod::workload_of(found, owners) {
            losing.entry(workload).or_insert((object, Vec::new())).1.push(found);
        }
    }
    losing
}

fn blast(sorted: &Sorted<'_>, workloads: &Losing<'_>) -> Blast {
    let running = sorted.evicted.iter().filter(|found| !pod::has_ended(found)).count();
    let named: usize = workloads.values().map(|(_, gone)| gone.len()).sum();
    let wanted: u64 = workloads.values().map(|(object, _)| pod::wanted(object)).sum();
    let of = wanted.saturating_add(u64::try_from(running.saturating_sub(named)).unwrap_or(0));
    let noun = if running == 1 { "pod moves" } else { "pods move" };
    Blast {
        pods: u32::try_from(running).unwrap_or(u32::MAX),
        of: u32::try_from(of).ok().filter(|of| *of > 0),
        workloads: u32::try_from(workloads.len()).unwrap_or(u32::MAX),
        namespaces: sorted.evicted.iter().filter_map(|found| pod::reference(found).namespace).collect(),
        at_once: true,
        moves: format!("{running} {noun}, one after the other, as far as budgets allow"),
    }
}

fn warnings(action: &Drain, facts: &Facts, sorted: &Sorted<'_>, workloads: &Losing<'_>) -> Vec<Warning> {
    let mut warnings = ownership::warnings_but_autoscalers(&facts.object);
    for (why, left) in &sorted.staying {
        let (what, because) = match why {
            Stays::Daemon => ("DaemonSet", "they belong on every node"),
            Stays::Static => ("static", "the node's kubelet makes them from files"),
        };
        let noun = if left.len() == 1 { "pod stays" } else { "pods stay" };
        let text = format!("{} {what} {noun} ({}): {because}", left.len(), names(left));
        warnings.push(Warning::new(WarningKind::LeftOut, text));
    }
    if action.force && !sorted.unmanaged.is_empty() {
        let text = format!("NOTHING brings back {}: no controller owns them", names(&places(&sorted.unmanaged)));
        warnings.push(Warning::new(WarningKind::Destructive, text));
    }
    let scratch: Vec<&Value> =
        sorted.evicted.iter().copied().filter(|found| pod::scratch_warning(found).is_some()).collect();
    if !scratch.is_empty() {
        let text = format!("what {} keep in emptyDir volumes is lost", names(&places(&scratch)));
        warnings.push(Warning::new(WarningKind::Destructive, text));
    }
    for (workload, (object, gone)) in workloads {
        let all = workload.kind != WorkloadKind::Job && pod::wanted(object) == u64::try_from(gone.len()).unwrap_or(0);
        if all {
            let all = if gone.len() == 1 { "its only pod".to_owned() } else { format!("all {} pods", gone.len()) };
            let text = format!("{workload}{} has {all} here", ObjectRef::from(workload).place());
            warnings.push(Warning::new(WarningKind::Recreate, text));
        }
    }
    warnings.extend(budgets(facts, sorted));
    if let Some(why) = not_ready(&facts.object) {
        let text = format!("the node is not ready ({why}): evicted pods stay until it answers or they go by force");
        warnings.push(Warning::new(WarningKind::Held, text));
    }
    if facts.owners.is_none() {
        let text = "owners of the pods may not be read: whether they will replace them is not sure";
        warnings.push(Warning::new(WarningKind::Unchecked, text));
    }
    warnings
}

fn budgets(facts: &Facts, sorted: &Sorted<'_>) -> Vec<Warning> {
    let Some(budgets) = facts.budgets.as_deref() else {
        let text = "PodDisruptionBudgets may not be read: some may hold evictions back";
        return vec![Warning::new(WarningKind::Unchecked, text)];
    };
    budgets
        .iter()
        .filter_map(|budget| {
            let asked = sorted.evicted.iter().filter(|found| {
                pod::counts(budget, found) && !pod::budgets(found, Some(std::slice::from_ref(budget))).is_empty()
            });
            let (asked, allowed) = (u64::try_from(asked.count()).unwrap_or(0), pod::allowed(budget));
            (asked > allowed).then(|| {
                let text = format!(
                    "PodDisruptionBudget {} allows {allowed} of the {asked} evictions now: the rest wait for it",
                    name(budget)
                );
                Warning::new(WarningKind::Budget, text)
            })
        })
        .collect()
}
