//! Switching a feature flag, or changing what users get of it, in one environment.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::expectation::{Expectation, Field};
use super::kind::{Action, ActionKind, Ground};
use super::outcome::Refusal;
use super::plan::{FieldChange, Plan, Undo, Warning, WarningKind};
use super::step::{Step, Verdict};
use crate::domain::flag::{FlagApproval, FlagChange, FlagFacts, FlagKnob, FlagRef, FlagWrite};
use crate::domain::mutation::{Change, Mutation};
use crate::domain::object::ObjectRef;
use crate::domain::target::WorkloadRef;
use crate::ports::cluster::{Facts, Part};

/// Names of variants are short; what is longer is a mistake.
const LONGEST_VARIANT: usize = 200;

/// Another state of one flag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetFlag {
    /// Which, and in which environment.
    pub flag: FlagRef,
    /// To what.
    pub set: FlagChange,
    /// The workload that has to get well by it: its alerts and its budget are then part of the proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<WorkloadRef>,
}

impl SetFlag {
    /// The same flag in another state, about the same workload.
    fn to(&self, set: FlagChange) -> ActionKind {
        ActionKind::Flag(Self { set, ..self.clone() })
    }

    /// `on`, `to 25 %`: what it is set to.
    fn wish(&self) -> String {
        match &self.set {
            FlagChange::Enabled(true) => "on".into(),
            FlagChange::Enabled(false) => "off".into(),
            FlagChange::Variant(name) => format!("to variant {name}"),
            FlagChange::Percentage(percent) => format!("to {percent} % of users"),
        }
    }

    /// The flag as it was read.
    fn known(&self, facts: &Facts) -> Result<FlagFacts, Refusal> {
        if facts.object.is_null() {
            return Err(Refusal::NotFound(format!("flag {} does not exist", self.flag)));
        }
        FlagFacts::deserialize(&facts.object)
            .map_err(|_| Refusal::Malformed(format!("flag {} cannot be read", self.flag)))
    }

    /// What is set now, and what it would be; the same two as far as users notice.
    fn values(&self, flag: &FlagFacts) -> Result<(FlagChange, Values), Refusal> {
        let lacks = |what: &str| Refusal::not_here(format!("flag {} has no {what} to set here", self.flag));
        if !flag.takes.contains(&self.set.knob()) {
            return Err(match self.set.knob() {
                FlagKnob::Enabled => lacks("switch"),
                FlagKnob::Variant => lacks("default variant"),
                FlagKnob::Percentage => lacks("single roll-out by percentage"),
            });
        }
        let state = |enabled: bool| if enabled { "on" } else { "off" }.to_owned();
        let share = |percent: u8| if percent == 100 { "everybody".into() } else { format!("{percent} % of users") };
        Ok(match &self.set {
            FlagChange::Enabled(enabled) => {
                let users = if *enabled { &flag.when_on } else { &flag.when_off };
                let values = Values {
                    what: "state",
                    from: state(flag.enabled),
                    to: state(*enabled),
                    users: users.clone(),
                    pointer: "/enabled",
                };
                (FlagChange::Enabled(flag.enabled), values)
            }
            FlagChange::Percentage(percent) => {
                let now = flag.percentage.ok_or_else(|| lacks("single roll-out by percentage"))?;
                let users = if flag.enabled { share(*percent) } else { flag.when_off.clone() };
                let values =
                    Values { what: "roll-out", from: share(now), to: share(*percent), users, pointer: "/percentage" };
                (FlagChange::Percentage(now), values)
            }
            FlagChange::Variant(name) => {
                let now = flag.variant.clone().ok_or_else(|| lacks("default variant"))?;
                if !flag.variants.is_empty() && !flag.variants.contains(name) {
                    let known = flag.variants.join(", ");
                    let why = format!("flag {} has no variant `{name}`; there are: {known}", self.flag);
                    return Err(Refusal::BadInput(why));
                }
                let users = if flag.enabled { format!("variant {name}") } else { flag.when_off.clone() };
                let values =
                    Values { what: "default variant", from: now.clone(), to: name.clone(), users, pointer: "/variant" };
                (FlagChange::Variant(now), values)
            }
        })
    }
}

/// A change in words, and where the proof of it is read.
struct Values {
    what: &'static str,
    from: String,
    to: String,
    /// What users get afterwards.
    users: String,
    pointer: &'static str,
}

impl Action for SetFlag {
    fn word(&self) -> &'static str {
        "flag"
    }

    fn verb(&self) -> &'static str {
        match self.set {
            FlagChange::Enabled(true) => "turn on",
            FlagChange::Enabled(false) => "turn off",
            FlagChange::Variant(_) | FlagChange::Percentage(_) => "set",
        }
    }

    fn target(&self) -> ObjectRef {
        self.flag.object()
    }

    fn title(&self) -> String {
        let flag = &self.flag;
        match &self.set {
            FlagChange::Enabled(true) => format!("Turn on flag {flag}"),
            FlagChange::Enabled(false) => format!("Turn off flag {flag}"),
            _ => format!("Set flag {flag} {}", self.wish()),
        }
    }

    fn needs(&self) -> &'static [Part] {
        &[]
    }

    fn admit(&self) -> Result<(), Refusal> {
        let bad = |why: String| Err(Refusal::BadInput(why));
        if self.flag.key.is_empty() {
            return bad("a flag has a name".into());
        }
        match &self.set {
            FlagChange::Percentage(percent) if *percent > 100 => bad(format!("{percent} % is more than everybody")),
            FlagChange::Variant(name) if name.is_empty() || name.len() > LONGEST_VARIANT => {
                bad("a variant has a name of at most 200 letters".into())
            }
            _ => Ok(()),
        }
    }

    fn plan(&self, facts: &Facts, ground: &Ground<'_>) -> Result<Plan, Refusal> {
        let flag = self.known(facts)?;
        if flag.archived {
            return Err(Refusal::not_here(format!("flag {} is archived: nobody gets it, whatever it says", self.flag)));
        }
        let (before, values) = self.values(&flag)?;
        if before == self.set {
            return Err(Refusal::not_here(format!(
                "nothing to do: flag {} is {} already",
                self.flag,
                if values.what == "state" { values.to } else { format!("at {}", values.to) }
            )));
        }
        let as_request = flag.approval.as_ref().map(|approval| self.as_request(approval)).transpose()?.is_some();
        let write = FlagWrite {
            set: self.set.clone(),
            version: flag.version.clone(),
            as_request,
            comment: ground.reason.map(str::to_owned),
        };
        let mut plan = Plan::begin(self);
        let doing = format!("set flag {} {}", self.flag, self.wish());
        let title = if as_request { format!("request: {doing}") } else { doing };
        let mut step = Step::new(title, Mutation::new(self.target(), Change::Flag(write)));
        if as_request {
            step.permission = Verdict::Yes("not asked: the request itself shows it".into());
        }
        if as_request || !flag.rehearses {
            step.dry_run = Verdict::Yes("none: the product has no dry run".into());
        }
        plan.steps = vec![step];
        let change = |path: &str, before: &str, after: &str| FieldChange {
            path: path.into(),
            before: Some(before.into()),
            after: Some(after.into()),
        };
        plan.changes = vec![
            change(&format!("{}{}", values.what, self.flag.place()), &values.from, &values.to),
            change("users who get it", flag.serves(), &values.users),
        ];
        plan.blast.moves = match flag.strategies.len() {
            0 => "no pod moves".into(),
            1 => format!("no pod moves; its strategy stays as it is: {}", flag.strategies.join("")),
            count => format!("no pod moves; its {count} strategies stay as they are"),
        };
        if values.pointer == "/percentage" {
            plan.blast.moves = "no pod moves; nothing else of its strategy changes".into();
        }
        if let Some(workload) = &self.about {
            plan.blast.workloads = 1;
            plan.blast.namespaces.insert(workload.namespace.clone());
        }
        plan.warnings = warnings(&flag, as_request);
        plan.undo = if as_request {
            Undo::never("withdraw the request where it was filed")
        } else {
            let word = if values.what == "state" { values.from.clone() } else { format!("to {}", values.from) };
            Undo::by(format!("set it {word} again"), self.to(before))
        };
        self.expect(&mut plan, &values, as_request);
        plan.done = if as_request {
            format!("the change of flag {} is requested; nothing changes until it is approved and applied", self.flag)
        } else {
            format!("flag {} is {}; who gets it: {}", self.flag, values.to, values.users)
        };
        Ok(plan)
    }
}

impl SetFlag {
    /// The product wants an approval: a request for it is filed, unless there is one, or it cannot be.
    fn as_request(&self, approval: &FlagApproval) -> Result<(), Refusal> {
        match (&approval.open, approval.wants == Some(self.set.clone()), approval.files) {
            (Some(open), true, _) => {
                Err(Refusal::not_here(format!("{}; a request for this is open already: {open}", approval.why)))
            }
            (_, _, false) => Err(Refusal::not_here(format!("{}; ask for it in the product itself", approval.why))),
            _ => Ok(()),
        }
    }

    fn expect(&self, plan: &mut Plan, values: &Values, as_request: bool) {
        let object = self.target();
        if as_request {
            let wanted = Field::new("/approval/wants", "request filed", &json!(self.set));
            plan.expect(Expectation::Object { object, fields: vec![wanted], patient: true });
            return;
        }
        let value = match &self.set {
            FlagChange::Enabled(enabled) => json!(enabled),
            FlagChange::Variant(name) => json!(name),
            FlagChange::Percentage(percent) => json!(percent),
        };
        let words = if values.what == "state" {
            format!("flag {}", values.to)
        } else {
            format!("{} {}", values.what, values.to)
        };
        let fields = vec![Field::new(values.pointer, words, &value)];
        plan.expect(Expectation::Object { object, fields, patient: false });
        if let Some(workload) = &self.about {
            plan.expect(Expectation::Rollout { workload: workload.clone(), fields: Vec::new(), signals: true });
        }
    }
}

fn warnings(flag: &FlagFacts, as_request: bool) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let Some(approval) = flag.approval.as_ref().filter(|_| as_request) {
        let open = approval.open.as_ref().map_or_else(String::new, |open| format!(" (open now: {open})"));
        let text = format!("{}: this files the request, it switches nothing{open}", approval.why);
        warnings.push(Warning::new(WarningKind::Approval, text));
    }
    warnings.extend(flag.warnings.iter().map(|text| Warning::new(WarningKind::Product, text.clone())));
    if flag.stale {
        warnings.push(Warning::new(WarningKind::Product, "its owners call it stale: code may no longer ask for it"));
    }
    warnings
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::actions::examples::flag_facts;
    use crate::actions::rehearsal::{payment, plan};
    use crate::domain::flag::FlagApproval;

    fn wish(set: FlagChange) -> SetFlag {
        SetFlag { flag: FlagRef::new("unleash", "default", "production", "new-pricing"), set, about: None }
    }

    fn planned(set: FlagChange, change: impl FnOnce(&mut FlagFacts)) -> Result<Plan, Refusal> {
        let mut flag = flag_facts();
        change(&mut flag);
        let facts = Facts { object: serde_json::to_value(flag).unwrap(), ..Facts::default() };
        plan(&ActionKind::Flag(wish(set)), &facts)
    }

    #[test]
    fn the_plan_says_where_and_what_users_get_and_leaves_strategies_alone() {
        let plan = planned(FlagChange::Enabled(false), |_| ()).unwrap();
        assert_eq!(plan.title, "Turn off flag new-pricing in PRODUCTION");
        assert_eq!(plan.confirm_word(), "new-pricing");
        let lines: Vec<_> = plan
            .changes
            .iter()
            .map(|c| (c.path.as_str(), c.before.as_deref().unwrap(), c.after.as_deref().unwrap()))
            .collect();
        let wanted = [("state in PRODUCTION", "on", "off"), ("users who get it", "25 % of users", "nobody")];
        assert_eq!(lines, wanted);
        assert!(plan.blast.moves.contains("stays as it is"), "{}", plan.blast.moves);
        assert_eq!(plan.undo.words, "set it on again");
        assert_eq!(plan.undo.actions, [ActionKind::Flag(wish(FlagChange::Enabled(true)))]);
        let Change::Flag(write) = &plan.steps[0].mutation.change else { panic!() };
        assert_eq!((write.version.as_str(), write.as_request), ("v1", false));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_there_is() {
        type Spoil = fn(&mut FlagFacts);
        let cases: [(FlagChange, Spoil, &str); 9] = [
            (FlagChange::Enabled(true), |_| (), "is on already"),
            (FlagChange::Enabled(false), |flag| flag.archived = true, "is archived"),
            (FlagChange::Enabled(false), |flag| flag.takes.clear(), "has no switch"),
            (FlagChange::Percentage(101), |_| (), "more than everybody"),
            (FlagChange::Percentage(25), |_| (), "at 25 % of users already"),
            (FlagChange::Percentage(5), |flag| flag.percentage = None, "no single roll-out"),
            (FlagChange::Variant("c".into()), |_| (), "there are: a, b"),
            (FlagChange::Enabled(false), |flag| flag.approval = Some(approval(false, None)), "in the product itself"),
            (
                FlagChange::Enabled(false),
                |flag| flag.approval = Some(approval(true, Some(FlagChange::Enabled(false)))),
                "open already: #7",
            ),
        ];
        for (set, change, words) in cases {
            let refusal = planned(set.clone(), change).unwrap_err().to_string();
            assert!(refusal.contains(words), "{set:?}: {refusal}");
        }
        let gone = plan(&ActionKind::Flag(wish(FlagChange::Enabled(false))), &Facts::default()).unwrap_err();
        assert!(gone.to_string().contains("does not exist"), "{gone}");
    }

    fn approval(files: bool, wants: Option<FlagChange>) -> FlagApproval {
        FlagApproval {
            why: "changes in PRODUCTION need 2 approvals".into(),
            files,
            open: wants.as_ref().map(|_| "#7, in review".into()),
            wants,
        }
    }

    #[test]
    fn where_an_approval_is_needed_the_request_is_filed_and_nothing_is_switched() {
        let plan = planned(FlagChange::Enabled(false), |flag| flag.approval = Some(approval(true, None))).unwrap();
        let Change::Flag(write) = &plan.steps[0].mutation.change else { panic!() };
        assert!(write.as_request && plan.undo.actions.is_empty());
        assert!(plan.warnings[0].text.contains("switches nothing"), "{:?}", plan.warnings);
        assert!(plan.done.contains("requested"), "{}", plan.done);
        let Expectation::Object { fields, .. } = &plan.expect[0].1 else { panic!() };
        assert!(fields[0].holds(&json!({"enabled": true, "approval": {"wants": {"enabled": false}}})));
        assert!(!fields[0].holds(&json!({"enabled": false})));
    }

    #[test]
    fn with_a_workload_its_alerts_and_its_budget_are_part_of_the_proof() {
        let facts = Facts { object: serde_json::to_value(flag_facts()).unwrap(), ..Facts::default() };
        let action = SetFlag { about: Some(payment()), ..wish(FlagChange::Percentage(5)) };
        let plan = plan(&ActionKind::Flag(action), &facts).unwrap();
        let looks: Vec<_> = plan.expect.iter().map(|(_, expectation)| expectation.look()).collect();
        assert_eq!((looks.len(), looks[0].signals.is_some(), &looks[1].signals), (2, false, &Some(payment())));
    }
}
