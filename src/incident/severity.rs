//! How bad an incident is, by the rules of the configuration; and whether it has become worse.

use crate::config::context::matches;
use crate::config::incidents::SeverityRule;
use crate::domain::alert::{self, Alert, AlertState};
use crate::domain::incident::Severity;
use crate::domain::target::WorkloadRef;

/// What a rule looks at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signs<'a> {
    /// The alerts of the incident; only those that fire count.
    pub alerts: &'a [&'a Alert],
    /// The fastest burn over five minutes, as a multiple of what the SLO allows.
    pub burn: Option<f64>,
    /// Is the context production?
    pub production: bool,
    /// The workload.
    pub workload: Option<&'a WorkloadRef>,
}

impl Signs<'_> {
    fn firing(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().copied().filter(|alert| alert.state != AlertState::Pending)
    }
}

const fn word(severity: alert::Severity) -> &'static str {
    match severity {
        alert::Severity::Critical => "critical",
        alert::Severity::Warning => "warning",
        alert::Severity::Info => "info",
    }
}

/// Why a rule fits, in words; `None` when it does not.
fn fits(rule: &SeverityRule, signs: Signs<'_>) -> Option<String> {
    let mut why = Vec::new();
    if rule.alerts.is_some() || rule.alert_severity.is_some() {
        // One alert has to meet both.
        let named = |alert: &Alert| {
            rule.alerts.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| matches(pattern, &alert.name)))
        };
        let as_bad = |alert: &Alert| {
            rule.alert_severity.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(word(alert.severity)))
        };
        let alert = signs.firing().find(|alert| named(alert) && as_bad(alert))?;
        why.extend(rule.alerts.as_ref().map(|_| format!("alert {} fires", alert.name)));
        why.extend(rule.alert_severity.as_ref().map(|_| format!("{} is {}", alert.name, word(alert.severity))));
    }
    if let Some(least) = rule.burn {
        let burn = signs.burn.filter(|burn| *burn >= least)?;
        why.push(format!("the budget burns {burn:.1} times as fast as it may (at least {least})"));
    }
    if let Some(wanted) = rule.production {
        if wanted != signs.production {
            return None;
        }
        why.push(if wanted { "it is production" } else { "it is not production" }.to_owned());
    }
    if let Some(patterns) = &rule.workloads {
        let workload = signs.workload?;
        let full = format!("{}/{}", workload.namespace, workload.name);
        let pattern = patterns.iter().find(|pattern| matches(pattern, &full) || matches(pattern, &workload.name))?;
        why.push(format!("{full} is one of `{pattern}`"));
    }
    Some(if why.is_empty() { "no other rule fits".to_owned() } else { why.join(", ") })
}

/// The severity of the first rule that fits, and why; SEV3 when none does.
pub fn propose(rules: &[SeverityRule], signs: Signs<'_>) -> (Severity, String) {
    let found = rules.iter().find_map(|rule| Some((rule.severity, fits(rule, signs)?)));
    found.unwrap_or_else(|| (Severity::Sev3, "no rule fits".to_owned()))
}

/// A worse severity than the incident's, and why, when the rules would propose that now.
pub fn to_review(now: Severity, rules: &[SeverityRule], signs: Signs<'_>) -> Option<(Severity, String)> {
    Some(propose(rules, signs)).filter(|(proposed, _)| *proposed < now)
}
