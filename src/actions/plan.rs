//! A plan: what an action would do, what stands against it, and how to undo it. Plain values for screen, text and JSON.

use std::collections::BTreeSet;

use serde::Serialize;

use super::expectation::Expectation;
use super::guardrail::ConfirmLevel;
use super::kind::{Action, ActionKind};
use super::record;
use super::step::{Step, Verdict};
use crate::domain::Text;
use crate::domain::flag::FlagRef;
use crate::domain::object::ObjectRef;
use crate::domain::time::Instant;

/// What an action would do. All text is cleaned; the mutations hold the API's own bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// `Roll back deployment/payment`.
    pub title: String,
    /// `roll back`: what a confirmation does.
    pub verb: String,
    /// What it acts on; several in a bulk. Never empty.
    pub targets: Vec<ObjectRef>,
    /// From which revision to which, for actions that know revisions.
    pub revisions: Option<Revisions>,
    /// What changes, field by field; bounded by [`super::compare::MOST_CHANGES`] per target.
    pub changes: Vec<FieldChange>,
    /// The same as a unified diff, where there is an object to compare.
    pub diff: String,
    /// Whom it touches.
    pub blast: Blast,
    /// What else writes this object (`Argo CD app shop`).
    pub managed_by: Option<String>,
    /// What would be sent, in order, each once.
    pub steps: Vec<Step>,
    /// What to be careful about.
    pub warnings: Vec<Warning>,
    /// How to undo it.
    pub undo: Undo,
    /// What is worth doing after it, in words, and as an action that planning again takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<(String, ActionKind)>,
    /// How it has to be confirmed.
    pub confirm: ConfirmLevel,
    /// sha256 over all mutations, hex. The audit log carries it; two plans with one digest do the same.
    pub digest: String,
    /// What has to come true, with the index of the target that it is about.
    pub expect: Vec<(usize, Expectation)>,
    /// What is true once it is done: `deployment/payment is back on the template of revision 41`.
    pub done: String,
}

/// From one revision to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Revisions {
    /// What runs now.
    pub from: Revision,
    /// What would run.
    pub to: Revision,
    /// Every revision that there is, newest first, for the chooser.
    pub all: Vec<Revision>,
}

/// Whom an action touches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Blast {
    /// Pods that are replaced, ended or added.
    pub pods: u32,
    /// Of how many pods of the workloads concerned; `None` where no share makes sense (a silence, a node).
    pub of: Option<u32>,
    /// Workloads concerned.
    pub workloads: u32,
    /// Namespaces concerned, in order.
    pub namespaces: BTreeSet<Text>,
    /// The pods go all at once, without a rollout's bounds: deletions, evictions, scaling down. Only then a guardrail
    /// bounds their share.
    pub at_once: bool,
    /// How pods move, in words: `6 pods, at most 1 unavailable and 2 extra`.
    pub moves: String,
}

impl Blast {
    /// `pods` of `of`, in percent, rounded up, so that a limit is never passed by rounding.
    pub fn share_percent(&self) -> Option<u32> {
        let of = self.of.filter(|of| *of > 0)?;
        Some(u32::try_from((u64::from(self.pods) * 100).div_ceil(u64::from(of))).unwrap_or(u32::MAX))
    }

    /// `100 % of deployment/payment in namespace shop`, or what there is to say.
    pub fn reach(&self) -> String {
        let mut parts = Vec::new();
        if let (Some(share), Some(of)) = (self.share_percent(), self.of) {
            parts.push(format!("{} of {of} pods ({share} %)", self.pods));
        }
        if self.workloads > 1 {
            parts.push(format!("{} workloads", self.workloads));
        }
        let namespaces: Vec<&str> = self.namespaces.iter().map(|name| &**name).collect();
        match namespaces.as_slice() {
            [] => {}
            [one] => parts.push(format!("namespace {one}")),
            several => parts.push(format!("namespaces {}", several.join(", "))),
        }
        parts.join(", ")
    }
}

/// How an action is taken back.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Undo {
    /// In words; says so when it cannot be.
    pub words: String,
    /// The actions that take it back, to be planned when asked for; none when it cannot be taken back.
    pub actions: Vec<ActionKind>,
}

impl Undo {
    /// Taken back by one action.
    pub fn by(words: impl Into<String>, action: ActionKind) -> Self {
        Self { words: words.into(), actions: vec![action] }
    }

    /// Cannot be taken back, and why.
    pub fn never(words: impl Into<String>) -> Self {
        Self { words: words.into(), actions: Vec::new() }
    }
}

/// One revision of a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Revision {
    /// Its number; 0 when the cluster does not say (the current template has no ReplicaSet yet).
    pub revision: u64,
    /// Name of its ReplicaSet, empty when there is none.
    pub name: String,
    /// Images, containers in order.
    pub images: Vec<String>,
    /// Annotation `kubernetes.io/change-cause`.
    pub change_cause: Option<String>,
    /// When it was first rolled out.
    pub created: Option<Instant>,
    /// Pods that it has now.
    pub pods: u32,
    /// Its template is the current one.
    pub current: bool,
}

/// One field that changes, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// `image`, `env PRICING_TABLE`, `resources limits.memory`; with several containers `sidecar: image`.
    pub path: String,
    /// Now; `None` when absent.
    pub before: Option<String>,
    /// After the action; `None` when absent.
    pub after: Option<String>,
}

/// Something to be careful about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What kind.
    pub kind: WarningKind,
    /// In words.
    pub text: String,
}

/// Kinds of warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarningKind {
    /// Something else keeps writing this object and may put the old state back.
    Managed,
    /// `kubectl apply` was used: a later apply of the same files reverts this.
    LastApplied,
    /// An autoscaler owns the number of pods, or autoscalers may not be read.
    Autoscaler,
    /// A rollout is going on.
    InProgress,
    /// The controller has not seen the newest template.
    Unobserved,
    /// All pods stop at once.
    Recreate,
    /// The server said so to the dry run.
    Server,
    /// A question could not be asked.
    Unchecked,
    /// A PodDisruptionBudget stands in the way, or would be used up.
    Budget,
    /// A ResourceQuota, or room on the nodes, may stop new pods.
    Capacity,
    /// It takes something away that does not come back by itself.
    Destructive,
    /// A target of the bulk is left out.
    LeftOut,
    /// A guardrail is overridden.
    BreakGlass,
    /// The product demands an approval first.
    Approval,
    /// The product that keeps it has something to say of it.
    Product,
    /// A silence hides more, or less, than it is meant for.
    Hides,
    /// It does not roll by itself: `OnDelete`, a `partition`, paused.
    Held,
}

impl Warning {
    /// Makes a warning.
    pub fn new(kind: WarningKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

impl Plan {
    /// An empty plan of an action: its file fills in the rest.
    pub fn begin(action: &dyn Action) -> Self {
        let target = action.target();
        Self {
            title: action.title(),
            verb: action.verb().to_owned(),
            revisions: None,
            changes: Vec::new(),
            diff: String::new(),
            blast: Blast { namespaces: target.namespace.iter().cloned().collect(), ..Blast::default() },
            managed_by: None,
            steps: Vec::new(),
            warnings: Vec::new(),
            undo: Undo::default(),
            next: None,
            confirm: ConfirmLevel::None,
            digest: String::new(),
            expect: Vec::new(),
            done: format!("{} is done", action.title()),
            targets: vec![target],
        }
    }

    /// Adds what has to come true.
    pub fn expect(&mut self, expectation: Expectation) {
        self.expect.push((0, expectation));
    }

    /// Joins the plans of a bulk into one; `None` of none.
    pub fn join(plans: Vec<Self>) -> Option<Self> {
        let several = plans.len() > 1;
        let mut plans = plans.into_iter();
        let mut joined = plans.next()?;
        if several {
            joined.name_parts();
        }
        for mut plan in plans {
            plan.name_parts();
            let part = joined.targets.len();
            joined.targets.append(&mut plan.targets);
            joined.revisions = None;
            joined.changes.append(&mut plan.changes);
            joined.diff.push_str(&plan.diff);
            joined.blast.pods = joined.blast.pods.saturating_add(plan.blast.pods);
            joined.blast.of = joined.blast.of.zip(plan.blast.of).map(|(one, other)| one.saturating_add(other));
            joined.blast.workloads += plan.blast.workloads;
            joined.blast.at_once |= plan.blast.at_once;
            joined.blast.namespaces.append(&mut plan.blast.namespaces);
            if joined.managed_by != plan.managed_by {
                joined.managed_by = joined.managed_by.or(plan.managed_by);
            }
            joined.steps.extend(plan.steps.into_iter().map(|step| Step { part, ..step }));
            joined.warnings.append(&mut plan.warnings);
            // Taken back in the opposite order.
            plan.undo.actions.append(&mut joined.undo.actions);
            joined.undo.actions = plan.undo.actions;
            joined.confirm = joined.confirm.max(plan.confirm);
            joined.expect.extend(plan.expect.into_iter().map(|(_, expectation)| (part, expectation)));
        }
        if several {
            let mut verb = joined.verb.clone();
            if let Some(first) = verb.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            joined.next = None;
            joined.title = format!("{verb} {}", joined.named());
            joined.done = format!("done for {}", joined.named());
            joined.blast.moves = format!("{} pods in all", joined.blast.pods);
            let reversible = joined.undo.actions.len();
            joined.undo.words = match reversible {
                0 => "cannot be undone".into(),
                _ if reversible < joined.targets.len() => format!("{reversible} of {}", joined.named()),
                _ => "each of them, in the opposite order".into(),
            };
        }
        joined.seal();
        Some(joined)
    }

    /// In a bulk every line says whom it is about.
    fn name_parts(&mut self) {
        let Some(name) = self.targets.first().map(|target| target.name.to_string()) else { return };
        for change in &mut self.changes {
            change.path = format!("{name}: {}", change.path);
        }
        for warning in &mut self.warnings {
            warning.text = format!("{name}: {}", warning.text);
        }
    }

    /// Computes the digest, after the last change to the steps.
    pub fn seal(&mut self) {
        let mutations: Vec<_> = self.steps.iter().map(|step| &step.mutation).collect();
        self.digest = record::digest(&mutations);
    }

    /// `deployment/payment`, or `3 pods`.
    pub fn named(&self) -> String {
        match self.targets.as_slice() {
            [] => "nothing".into(),
            [one] => one.to_string(),
            [first, rest @ ..] => {
                let word = if rest.iter().all(|target| target.kind == first.kind) {
                    format!("{}s", first.kind.word())
                } else {
                    "objects".into()
                };
                format!("{} {word}", self.targets.len())
            }
        }
    }

    /// What has to be typed where a confirmation asks for the name: the name, or `3 pods`.
    pub fn confirm_word(&self) -> String {
        match self.targets.as_slice() {
            // A flag is known by its own name; where it is stands in the title.
            [one] => FlagRef::of_object(one).map_or_else(|| one.name.to_string(), |flag| flag.key.to_string()),
            _ => self.named(),
        }
    }

    /// Is the plan complete: did the server answer every question?
    pub fn is_checked(&self) -> bool {
        self.steps.iter().all(|step| step.permission != Verdict::Asking && step.dry_run != Verdict::Asking)
    }

    /// What the server said about our right to all of it.
    pub fn permission(&self) -> Verdict {
        sum(self.steps.iter().map(|step| &step.permission))
    }

    /// What the server said to the dry runs.
    pub fn dry_run(&self) -> Verdict {
        sum(self.steps.iter().map(|step| &step.dry_run))
    }

    /// The confirmation that it takes, with what it warns of: nothing that warns goes through unseen.
    pub fn needed_confirmation(&self) -> ConfirmLevel {
        if self.warnings.is_empty() { self.confirm } else { self.confirm.max(ConfirmLevel::Yes) }
    }
}

/// One verdict over all steps: the worst, in the words of each once.
fn sum<'a>(verdicts: impl Iterator<Item = &'a Verdict>) -> Verdict {
    let (mut asking, mut yes, mut unknown) = (false, Vec::new(), Vec::new());
    for verdict in verdicts {
        match verdict {
            Verdict::Asking => asking = true,
            Verdict::Yes(text) if !yes.contains(&text.as_str()) => yes.push(text.as_str()),
            Verdict::Unknown(text) if !unknown.contains(&text.as_str()) => unknown.push(text.as_str()),
            Verdict::Yes(_) | Verdict::Unknown(_) => {}
        }
    }
    if asking {
        Verdict::Asking
    } else if unknown.is_empty() {
        Verdict::Yes(yes.join(", "))
    } else {
        Verdict::Unknown(unknown.join("; "))
    }
}
