//! What the front matter says beside parameters: for whom it is, what it is written for, whom to call.

use std::collections::BTreeMap;

use regex::Regex;

use super::diagnostic::Spot;
use crate::domain::incident::Role;

/// Front matter.
#[derive(Clone, Debug, Default)]
pub struct Meta {
    /// One line on what it is for.
    pub description: Option<String>,
    /// Who keeps it.
    pub owner: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The severity that it is written for.
    pub severity: Option<String>,
    /// The alerts that it is written for: any of them.
    pub matches: Vec<MatchRule>,
    /// What an incident that is declared from it looks like.
    pub incident: Option<Incident>,
    /// Whom to call.
    pub escalation: Vec<Contact>,
}

/// One entry of `match`: every field of it has to agree.
#[derive(Clone, Debug, Default)]
pub struct MatchRule {
    /// Glob on the alert's name.
    pub alert: Option<String>,
    /// Labels, each an anchored regular expression.
    pub labels: Vec<(String, Regex)>,
    /// Glob on `NAMESPACE/NAME` of the workload.
    pub workload: Option<String>,
    /// Glob on the name of the SLO.
    pub slo: Option<String>,
}

/// `incident`: templates and lists, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incident {
    /// Name of the channel (template).
    pub channel: Option<String>,
    /// Its topic (template).
    pub topic: Option<String>,
    /// Severity.
    pub severity: Option<String>,
    /// Who has which role from the start.
    pub roles: BTreeMap<Role, String>,
    /// Whom to invite.
    pub invite: Vec<String>,
    /// The first message (template).
    pub first_message: Option<String>,
    /// Seconds between updates.
    pub update_every: Option<u64>,
    /// The component of the status page.
    pub component: Option<String>,
    /// Where each template stands, for diagnostics.
    pub spots: Vec<(String, Spot)>,
}

/// Whom to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Who.
    pub who: String,
    /// How they are reached.
    pub how: Option<String>,
    /// When it is time.
    pub when: Option<String>,
}
