//! Rules of a context: what is refused before anything is sent, how much one action may touch, and how hard a
//! confirmation has to be.
//!
//! Rules come from the configuration as plain values ([`Rules`]); here they are enforced, in words. Break-glass overrides
//! every one of them except read-only: it needs a reason of its own, the name typed, and it is recorded.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::Serialize;

use super::ActionRequest;
use super::outcome::Refusal;
use super::plan::Plan;
use super::step::Step;
use crate::config::context::matches;
use crate::domain::Text;
use crate::domain::object::ObjectKind;
use crate::domain::time::Instant;

/// How a person confirms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfirmLevel {
    /// Not at all, as long as the plan carries no warning; with one it is [`ConfirmLevel::Yes`].
    None,
    /// Say yes.
    Yes,
    /// Type the workload's name.
    Name,
}

/// What the door has to know about where it stands. Made by the runtime from the configuration, the arguments and the
/// session; the door keeps a copy, so that a context switch cannot change the rules of an action under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardContext {
    /// Kubeconfig context.
    pub context: String,
    /// Namespace of the session, when it has one (the action's own namespace is its target's).
    pub namespace: Option<String>,
    /// Who we are to the API server, when known.
    pub identity: Option<String>,
    /// Nothing may be altered, and why (`--read-only`, `contexts."prod-*".read-only in …/config.toml`).
    pub read_only: Option<String>,
    /// Marked as production.
    pub production: bool,
    /// Confirmation that the context asks for.
    pub confirm: ConfirmLevel,
    /// Rules of its namespaces and actions, in the order of the configuration. All that match hold; of several
    /// confirmations the last one does.
    pub rules: Vec<Rules>,
    /// How long verification waits for proof, in seconds.
    pub verification_timeout: u32,
    /// Operating system user, for the audit log.
    pub user: String,
    /// `SSH_CLIENT`'s address, for the audit log.
    pub ssh_client: Option<String>,
}

/// Rules for some namespaces and some actions of a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Which namespaces, as a glob. What belongs to no namespace (a node, a silence) is matched by `*`, and, as soon as
    /// it is planned, by the namespaces in which it does something: those of the pods that a drain evicts, of the alerts
    /// that a silence hides.
    pub namespaces: String,
    /// Which actions, as globs over their words (`rollback`, `*`); none is all.
    pub actions: Vec<String>,
    /// Where it is written (`guardrails[2] in …/config.toml`), for words.
    pub source: String,
    /// Nothing may be altered, and why. Break-glass does not help.
    pub read_only: Option<String>,
    /// Not allowed, and why.
    pub deny: Option<String>,
    /// How it has to be confirmed, instead of what the context says.
    pub confirm: Option<ConfirmLevel>,
    /// One action touches at most so many objects (targets of a bulk, pods of a drain).
    pub max_objects: Option<u32>,
    /// One action touches at most this share of the pods of the workloads concerned, in percent. A rollout within its
    /// own bounds (a rollback, a restart) replaces pods gradually and is not bounded by it; deletions, evictions and
    /// scaling down are.
    pub max_share_percent: Option<u32>,
    /// A reason has to be given.
    pub require_reason: bool,
    /// It has to belong to an incident.
    pub require_incident: bool,
    /// Nothing may be altered now: a freeze window, and why.
    pub freezes: Vec<Freeze>,
}

impl Default for Rules {
    /// For every namespace and action, and without effect.
    fn default() -> Self {
        Self {
            namespaces: "*".into(),
            actions: Vec::new(),
            source: String::new(),
            read_only: None,
            deny: None,
            confirm: None,
            max_objects: None,
            max_share_percent: None,
            require_reason: false,
            require_incident: false,
            freezes: Vec::new(),
        }
    }
}

/// A time in which nothing may be altered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// From.
    pub from: Instant,
    /// Until, exclusive.
    pub until: Instant,
    /// Why.
    pub why: String,
}

/// Longest reason, in bytes: it is for reading.
const LONGEST_REASON: usize = 4096;
/// Longest name of an object that any API has.
const LONGEST_NAME: usize = 253;
/// Longest name of a flag, in bytes, with its source, project and environment.
const LONGEST_FLAG: usize = 2048;

impl Rules {
    fn covers(&self, action: &str, namespace: Option<&Text>) -> bool {
        let here = namespace.map_or(self.namespaces == "*", |name| matches(&self.namespaces, name));
        here && (self.actions.is_empty() || self.actions.iter().any(|pattern| matches(pattern, action)))
    }

    /// What it says against a request at an instant, limits aside.
    fn forbids(&self, request: &ActionRequest, now: Instant) -> Vec<String> {
        let mut broken = Vec::new();
        if let Some(why) = &self.deny {
            broken.push(self.said(format!("{} is denied here: {why}", request.action.word())));
        }
        if let Some(freeze) = self.freezes.iter().find(|freeze| (freeze.from..freeze.until).contains(&now)) {
            let until = freeze.until.format("%b %-d %H:%M UTC");
            broken.push(self.said(format!("frozen until {until}: {}", freeze.why)));
        }
        if self.require_incident && request.incident.is_none() {
            broken.push(self.said("an open incident is required"));
        }
        let reason = request.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty());
        if self.require_reason && !reason {
            broken.push(self.said("a reason is required"));
        }
        broken
    }

    fn said(&self, what: impl std::fmt::Display) -> String {
        if self.source.is_empty() { what.to_string() } else { format!("{what} ({})", self.source) }
    }
}

/// What the guardrails say to a request that they let through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admitted {
    /// The rules that break-glass overrides, in words.
    pub overridden: Vec<String>,
}

impl GuardContext {
    /// The rules that hold for a request.
    fn rules_for<'a>(&'a self, request: &'a ActionRequest) -> impl Iterator<Item = &'a Rules> {
        self.rules.iter().filter(|rules| {
            request.actions().any(|action| rules.covers(action.word(), action.target().namespace.as_ref()))
        })
    }

    /// Refuses what this context forbids, and what makes no sense. Asked before anything is sent, a dry run included.
    pub fn admit(&self, request: &ActionRequest, now: Instant) -> Result<Admitted, Refusal> {
        if let Some(why) = &self.read_only {
            return Err(Refusal::ReadOnly { why: why.clone() });
        }
        let texts =
            [("reason", &request.reason), ("incident", &request.incident), ("break-glass", &request.break_glass)];
        for (what, text) in texts {
            check_text(what, text.as_deref())?;
        }
        if request.break_glass.as_ref().is_some_and(|why| why.trim().is_empty()) {
            return Err(Refusal::BadInput("break-glass needs a reason".into()));
        }
        for action in request.actions() {
            let target = action.target();
            if target.kind == ObjectKind::Flag {
                check_flag(&target.name)?;
            } else {
                check_name(&target.name)?;
            }
            action.admit()?;
        }
        if let Some(rules) = self.rules_for(request).find(|rules| rules.read_only.is_some()) {
            let why = rules.read_only.as_deref().unwrap_or_default();
            return Err(Refusal::ReadOnly { why: rules.said(why) });
        }
        let broken = self.rules_for(request).flat_map(|rules| rules.forbids(request, now)).collect();
        judge(request, broken).map(|overridden| Admitted { overridden })
    }

    /// Does a rule want a reason said, and an incident? To be asked before the door is.
    pub fn wants(&self, request: &ActionRequest) -> (bool, bool) {
        self.rules_for(request).fold((false, false), |(reason, incident), rules| {
            (reason || rules.require_reason, incident || rules.require_incident)
        })
    }

    /// The rules that hold for a plan, and whether they held for its request already.
    fn rules_over<'a>(&'a self, request: &'a ActionRequest, plan: &Plan) -> Vec<(&'a Rules, bool)> {
        let places = places(plan);
        let word = request.action.word();
        let holds = |rules: &&'a Rules| {
            let asked = self.rules_for(request).any(|of| std::ptr::eq(of, *rules));
            let there = places.iter().any(|place| rules.covers(word, Some(place)));
            (asked || there).then_some((*rules, asked))
        };
        self.rules.iter().filter_map(|rules| holds(&rules)).collect()
    }

    /// Refuses a plan that touches what it may not, or more than it may, and says how it has to be confirmed.
    pub fn limit(&self, request: &ActionRequest, plan: &mut Plan, now: Instant) -> Result<Vec<String>, Refusal> {
        let mut broken = Vec::new();
        let held = self.rules_over(request, plan);
        for (rules, asked) in &held {
            if !asked {
                if let Some(why) = &rules.read_only {
                    return Err(Refusal::ReadOnly { why: rules.said(why) });
                }
                broken.extend(rules.forbids(request, now));
            }
            // Of what is in no namespace itself, only what happens in those of the rule counts.
            let inside = |step: &&Step| rules.covers(request.action.word(), step.mutation.target.namespace.as_ref());
            let objects = if *asked {
                plan.steps.len().max(plan.targets.len())
            } else {
                plan.steps.iter().filter(inside).count()
            };
            if let Some(most) = rules.max_objects.filter(|most| objects > *most as usize) {
                broken
                    .push(rules.said(format!("it touches {objects} objects, and at most {most} are allowed at once")));
            }
            let share = plan.blast.share_percent().filter(|_| plan.blast.at_once);
            if let (Some(most), Some(share)) = (rules.max_share_percent, share)
                && share > most
            {
                let (pods, of) = (plan.blast.pods, plan.blast.of.unwrap_or(0));
                let what =
                    format!("it takes {pods} of {of} pods ({share} %), and at most {most} % are allowed at once");
                broken.push(rules.said(what));
            }
        }
        let overridden = judge(request, broken)?;
        let wanted = held.iter().filter_map(|(rules, _)| rules.confirm).next_back().unwrap_or(self.confirm);
        plan.confirm = plan.confirm.max(wanted);
        if request.break_glass.is_some() {
            plan.confirm = ConfirmLevel::Name;
        }
        Ok(overridden)
    }

    /// Are actions offered at all (keys in the footer, commands in the palette)?
    pub const fn offers_actions(&self) -> bool {
        self.read_only.is_none()
    }
}

/// The namespaces in which a plan does something.
fn places(plan: &Plan) -> BTreeSet<Text> {
    let steps = plan.steps.iter().filter_map(|step| step.mutation.target.namespace.clone());
    steps.chain(plan.blast.namespaces.iter().cloned()).collect()
}

fn judge(request: &ActionRequest, broken: Vec<String>) -> Result<Vec<String>, Refusal> {
    if broken.is_empty() || request.break_glass.is_some() {
        Ok(broken)
    } else {
        Err(Refusal::Guardrail(broken.join("; ")))
    }
}

/// May this text stand in the audit log?
pub fn is_recordable(text: &str) -> bool {
    check_text("text", Some(text)).is_ok()
}

fn check_text(what: &str, text: Option<&str>) -> Result<(), Refusal> {
    let Some(text) = text else { return Ok(()) };
    if text.len() > LONGEST_REASON {
        let size = text.len();
        return Err(Refusal::BadInput(format!("the {what} is {size} bytes long; at most {LONGEST_REASON} are taken")));
    }
    if let Some(bad) = text.chars().find(|c| *c != ' ' && crate::domain::text::clean(&c.to_string()) != c.to_string()) {
        let code = u32::from(bad);
        return Err(Refusal::BadInput(format!("the {what} holds a control character (U+{code:04X})")));
    }
    Ok(())
}

/// Flags are called whatever their owners like, in whatever script; what a terminal would obey is written out before.
fn check_flag(name: &str) -> Result<(), Refusal> {
    if name.len() > LONGEST_FLAG {
        return Err(Refusal::BadInput(format!("a name of {} bytes is no flag's: at most {LONGEST_FLAG}", name.len())));
    }
    check_text("name of the flag", Some(name))
}

/// Names of the API are ASCII. One that is not comes from a paste, and only looks like what it names.
fn check_name(name: &str) -> Result<(), Refusal> {
    if name.len() > LONGEST_NAME {
        return Err(Refusal::BadInput(format!("a name of {} bytes names nothing: at most {LONGEST_NAME}", name.len())));
    }
    match name.chars().find(|c| !c.is_ascii_graphic()) {
        Some(bad) => {
            let code = u32::from(bad);
            Err(Refusal::BadInput(format!(
                "the name `{}` holds a character that no name has (U+{code:04X})",
                crate::domain::text::clean(name)
            )))
        }
        None => Ok(()),
    }
}
