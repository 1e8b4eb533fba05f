//! Guardrails as they are written, and what they say together of one action at one instant.
//!
//! Strictest wins: every rule that matches applies, whatever its order and its layer. So a rule can be read by itself,
//! and none can be undone by another that somebody overlooked. What would lift a rule is refused when it is loaded.
//! Whether an action keeps to the rules is for the door to decide; here nothing is counted.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use super::context::{Confirm, ContextSettings, matches};
use super::freeze::Freeze;
use crate::domain::time::Instant;

/// A rule over actions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct Guardrail {
    /// What refusals call it. Default: its file and line.
    pub name: Option<String>,
    /// Kubeconfig contexts that it holds in: names or globs. Default: all.
    #[schemars(extend("x-check" = "pattern"))]
    pub contexts: Option<Vec<String>>,
    /// Namespaces that it holds in: names or globs. Default: all, and objects that are in none (nodes); a rule that
    /// names namespaces says nothing of those.
    #[schemars(extend("x-check" = "pattern"))]
    pub namespaces: Option<Vec<String>>,
    /// Actions that it speaks of. Default: all.
    pub actions: Option<Vec<ActionName>>,
    /// Refuse every action.
    pub read_only: Option<bool>,
    /// Refuse these actions.
    pub deny: Option<bool>,
    /// How an action is confirmed at least. It replaces the default (`name` in production, `yes` elsewhere), not what
    /// `[contexts]` says.
    pub confirm: Option<Confirm>,
    /// How many objects one action may alter.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_objects: Option<u32>,
    /// How many percent of a workload's replicas one action may take away or replace at once.
    #[schemars(range(min = 1, max = 100))]
    pub max_percent: Option<u32>,
    /// Ask why, and refuse without an answer.
    pub require_reason: Option<bool>,
    /// Refuse while no incident is open.
    pub require_incident: Option<bool>,
    /// Periods in which these actions are refused.
    pub freeze: Option<Vec<Freeze>>,
    /// What a refusal says beside the rule.
    pub why: Option<String>,
}

/// Makes the enum, its words and their list from one list, so that none can be forgotten.
macro_rules! actions {
    ($($variant:ident $word:literal $doc:literal,)*) => {
        /// The actions that rules can speak of, by the word that the audit log and the subcommands use.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
        pub enum ActionName {
            $(#[doc = $doc] #[serde(rename = $word)] $variant,)*
        }

        impl ActionName {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its word.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }
    };
}

actions! {
    Rollback "rollback" "Back to an earlier revision.",
    Abort "abort" "Abort an Argo Rollout.",
    Promote "promote" "Promote an Argo Rollout, by a step or fully.",
    Retry "retry" "Retry an aborted Argo Rollout.",
    Scale "scale" "Another number of replicas.",
    Autoscale "autoscale" "Other bounds of a HorizontalPodAutoscaler.",
    Restart "restart" "Replace all pods of a workload.",
    Pause "pause" "Pause a rollout.",
    Resume "resume" "Resume a rollout.",
    SetImage "set-image" "Another image.",
    DeletePod "delete-pod" "Delete a pod.",
    EvictPod "evict-pod" "Evict a pod.",
    Cordon "cordon" "Keep new pods away from a node.",
    Uncordon "uncordon" "Let pods onto a node again.",
    Drain "drain" "Move all pods away from a node.",
    Suspend "suspend" "Suspend or resume a CronJob.",
    Trigger "trigger" "Run a CronJob's Job now.",
    Silence "silence" "Silence an alert, extend or expire a silence.",
    Flag "flag" "Switch a feature flag, or change whom it reaches.",
}

/// The rule that says something, for refusals and for the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: String,
    /// Why there is such a rule.
    pub why: Option<String>,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if self.place != self.name {
            write!(f, " ({})", self.place)?;
        }
        self.why.as_ref().map_or(Ok(()), |why| write!(f, ": {why}"))
    }
}

/// A limit, and the rule that sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit<T> {
    /// The limit.
    pub value: T,
    /// The rule.
    pub rule: Rule,
}

/// A freeze that holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// When it ends, as far as that can be told.
    pub until: Option<Instant>,
    /// What the period is for.
    pub why: String,
    /// The rule.
    pub rule: Rule,
}

/// What all rules together say of one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Nothing may be altered.
    pub read_only: Option<Rule>,
    /// This action is refused.
    pub deny: Option<Rule>,
    /// It is refused for now.
    pub frozen: Option<Frozen>,
    /// How it is confirmed, at least.
    pub confirm: Confirm,
    /// The rule that asks for that; `None` when it is the default or what `[contexts]` says.
    pub confirm_rule: Option<Rule>,
    /// At most so many objects.
    pub max_objects: Option<Limit<u32>>,
    /// At most so many percent of the replicas.
    pub max_percent: Option<Limit<u32>>,
    /// A reason has to be given.
    pub require_reason: Option<Rule>,
    /// An incident has to be open.
    pub require_incident: Option<Rule>,
}

impl Rules {
    /// What they say, a sentence each, refusals first.
    pub fn sentences(&self) -> Vec<String> {
        let mut said = Vec::new();
        said.extend(self.read_only.as_ref().map(|rule| format!("refused, read-only: {rule}")));
        said.extend(self.deny.as_ref().map(|rule| format!("refused: {rule}")));
        said.extend(self.frozen.as_ref().map(|Frozen { until, why, rule }| {
            let until = until.map(|until| format!(" until {}", until.format("%Y-%m-%d %H:%MZ"))).unwrap_or_default();
            format!("refused, frozen{until} for {why}: {rule}")
        }));
        let by = self.confirm_rule.as_ref().map(|rule| format!(": {rule}")).unwrap_or_default();
        said.push(match self.confirm {
            Confirm::None => format!("not confirmed, where the plan warns of nothing{by}"),
            Confirm::Yes => format!("confirmed with one key{by}"),
            Confirm::Name => format!("confirmed by typing the name{by}"),
        });
        let limit = |limit: &Limit<u32>, of: &str| format!("at most {}{of}: {}", limit.value, limit.rule);
        said.extend(self.max_objects.as_ref().map(|most| limit(most, " objects")));
        said.extend(self.max_percent.as_ref().map(|most| limit(most, " % of the replicas")));
        said.extend(self.require_reason.as_ref().map(|rule| format!("a reason is required: {rule}")));
        said.extend(self.require_incident.as_ref().map(|rule| format!("an open incident is required: {rule}")));
        said
    }

    /// The stricter of both in everything: for an action on several objects.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (confirm, confirm_rule) = if other.confirm > self.confirm {
            (other.confirm, other.confirm_rule)
        } else {
            (self.confirm, self.confirm_rule)
        };
        Self {
            read_only: self.read_only.or(other.read_only),
            deny: self.deny.or(other.deny),
            frozen: longer(self.frozen, other.frozen),
            confirm,
            confirm_rule,
            max_objects: lower(self.max_objects, other.max_objects),
            max_percent: lower(self.max_percent, other.max_percent),
            require_reason: self.require_reason.or(other.require_reason),
            require_incident: self.require_incident.or(other.require_incident),
        }
    }
}

fn lower(a: Option<Limit<u32>>, b: Option<Limit<u32>>) -> Option<Limit<u32>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.value < a.value { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// The one that ends later; no end is later than any.
fn longer(a: Option<Frozen>, b: Option<Frozen>) -> Option<Frozen> {
    match (a, b) {
        (Some(a), Some(b)) => {
            let later = a.until.is_some_and(|a| b.until.is_none_or(|b| b > a));
            Some(if later { b } else { a })
        }
        (a, b) => a.or(b),
    }
}

fn any(patterns: Option<&Vec<String>>, name: Option<&str>) -> bool {
    patterns.is_none_or(|patterns| name.is_some_and(|name| patterns.iter().any(|pattern| matches(pattern, name))))
}

impl Guardrail {
    /// Does it hold in this context, for some namespace or action?
    pub(super) fn is_in(&self, context: &str) -> bool {
        any(self.contexts.as_ref(), Some(context))
    }

    fn speaks_of(&self, context: &str, namespace: Option<&str>, action: &str) -> bool {
        self.is_in(context)
            && any(self.namespaces.as_ref(), namespace)
            && self.actions.as_ref().is_none_or(|actions| actions.iter().any(|name| name.word() == action))
    }
}

/// What holds for an action, of the context's settings and of all rules (each with its place).
pub(super) fn resolve<'a>(
    context: &ContextSettings,
    rules: impl Iterator<Item = (&'a Guardrail, &'a str)>,
    namespace: Option<&str>,
    action: &str,
    now: Instant,
) -> Rules {
    let of_context = || {
        let place = format!("[contexts] of {}", context.name);
        Rule { name: place.clone(), place, why: None }
    };
    let mut found = Rules {
        read_only: context.read_only.then(of_context),
        deny: None,
        frozen: None,
        confirm: Confirm::None,
        confirm_rule: None,
        max_objects: None,
        max_percent: None,
        require_reason: None,
        require_incident: None,
    };
    let mut confirm: Option<(Confirm, Option<Rule>)> = context.confirm_is_said.then_some((context.confirm, None));
    for (guardrail, place) in rules.filter(|(rule, _)| rule.speaks_of(&context.name, namespace, action)) {
        let rule = Rule {
            name: guardrail.name.clone().unwrap_or_else(|| place.to_owned()),
            place: place.to_owned(),
            why: guardrail.why.clone(),
        };
        let says = |flag: Option<bool>| (flag == Some(true)).then(|| rule.clone());
        let limit = |value: Option<u32>| value.map(|value| Limit { value, rule: rule.clone() });
        if let Some(asked) = guardrail.confirm
            && confirm.as_ref().is_none_or(|(known, _)| asked > *known)
        {
            confirm = Some((asked, Some(rule.clone())));
        }
        let frozen = guardrail.freeze.iter().flatten().filter(|freeze| freeze.holds(now)).map(|freeze| Frozen {
            until: freeze.until(now),
            why: freeze.why.clone(),
            rule: rule.clone(),
        });
        found = found.and(Rules {
            read_only: says(guardrail.read_only),
            deny: says(guardrail.deny),
            frozen: frozen.fold(None, |known, next| longer(known, Some(next))),
            confirm: Confirm::None,
            confirm_rule: None,
            max_objects: limit(guardrail.max_objects),
            max_percent: limit(guardrail.max_percent),
            require_reason: says(guardrail.require_reason),
            require_incident: says(guardrail.require_incident),
        });
    }
    (found.confirm, found.confirm_rule) = confirm.unwrap_or((context.confirm, None));
    found
}
