//! Rules of a context: what is refused before anything is sent, how much one action may touch, and how hard a
//! confirmation has to be.
//!
//! Rules come from the configuration as plain values ([`Rules`]); here they are enforced, in words. Break-glass overrides
//! every one of them except read-only: it needs a reason of its own, the name typed, and it is recorded.

#[cfg(test)]
mod tests;

use serde::Serialize;

use super::ActionRequest;
use super::outcome::Refusal;
use super::plan::Plan;
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
    /// Which namespaces, as a glob. What belongs to no namespace (a node, a silence) is matched by `*` only.
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
                check_flag(&target.name)?
            } else {
                check_name(&target.name)?
            }
            action.admit()?;
        }
        if let Some(rules) = self.rules_for(request).find(|rules| rules.read_only.is_some()) {
            let why = rules.read_only.as_deref().unwrap_or_default();
            return Err(Refusal::ReadOnly { why: rules.said(why) });
        }
        let mut broken = Vec::new();
        for rules in self.rules_for(request) {
            if let Some(why) = &rules.deny {
                broken.push(rules.said(format!("{} is denied here: {why}", request.action.word())));
            }
            if let Some(freeze) = rules.freezes.iter().find(|freeze| (freeze.from..freeze.until).contains(&now)) {
                let until = freeze.until.format("%b %-d %H:%M UTC");
                broken.push(rules.said(format!("frozen until {until}: {}", freeze.why)));
            }
            if rules.require_incident && request.incident.is_none() {
                broken.push(rules.said("an open incident is required"));
            }
            let reason = request.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty());
            if rules.require_reason && !reason {
                broken.push(rules.said("a reason is required"));
            }
        }
        judge(request, broken).map(|overridden| Admitted { overridden })
    }

    /// Does a rule want a reason said, and an incident? To be asked before the door is.
    pub fn wants(&self, request: &ActionRequest) -> (bool, bool) {
        self.rules_for(request).fold((false, false), |(reason, incident), rules| {
            (reason || rules.require_reason, incident || rules.require_incident)
        })
    }

    /// Refuses a plan that touches more than it may, and says how it has to be confirmed.
    pub fn limit(&self, request: &ActionRequest, plan: &mut Plan) -> Result<Vec<String>, Refusal> {
        let mut broken = Vec::new();
        let objects = plan.steps.len().max(plan.targets.len());
        for rules in self.rules_for(request) {
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
        let wanted = self.rules_for(request).filter_map(|rules| rules.confirm).last().unwrap_or(self.confirm);
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
