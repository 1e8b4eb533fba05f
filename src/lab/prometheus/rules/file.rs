//! Rule files in Prometheus' own format, parsed and checked.

use std::collections::BTreeMap;

use promql_parser::parser::Expr;
use serde::Deserialize;

use crate::lab::prometheus::promql;

/// The rules of a lab whose services are Deployments.
pub const LAB_RULES: &[&str] = &[include_str!("availability.rules.yml"), include_str!("lab.rules.yml")];
/// The rules of a lab where some services are Argo Rollouts.
pub const ROLLOUT_RULES: &[&str] = &[include_str!("availability-rollouts.rules.yml"), include_str!("lab.rules.yml")];

/// Why a rule file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// Not YAML, or not a rule file.
    #[error("rule file: {0}")]
    Syntax(String),
    /// An expression does not parse.
    #[error("rule {rule:?}: {why}")]
    Expression {
        /// The rule's name.
        rule: String,
        /// What the parser says.
        why: String,
    },
    /// A duration does not parse.
    #[error("rule {rule:?}: not a valid duration: {text:?}")]
    Duration {
        /// The rule's or group's name.
        rule: String,
        /// The text that is no duration.
        text: String,
    },
    /// Neither or both of `alert` and `record`.
    #[error("group {0:?}: a rule must have either `alert` or `record`")]
    Nameless(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    groups: Vec<GroupText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupText {
    name: String,
    interval: Option<String>,
    #[serde(default)]
    rules: Vec<RuleText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    alert: Option<String>,
    record: Option<String>,
    expr: String,
    #[serde(rename = "for")]
    hold: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// Rules evaluated together.
#[derive(Debug)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its evaluation interval as declared, milliseconds.
    pub interval_ms: i64,
    /// Its rules in order.
    pub rules: Vec<Rule>,
}

/// One alerting or recording rule.
#[derive(Debug)]
pub struct Rule {
    /// Alert name or recorded metric.
    pub name: String,
    /// Whether it alerts; otherwise it records.
    pub alerts: bool,
    /// The expression's text, trimmed.
    pub query: String,
    /// The expression.
    pub expr: Expr,
    /// How long a condition must hold before an alert fires, milliseconds.
    pub hold_ms: i64,
    /// Labels to add; templates for alerts.
    pub labels: BTreeMap<String, String>,
    /// Annotation templates.
    pub annotations: BTreeMap<String, String>,
}

/// Parses a rule file.
pub fn parse(yaml: &str) -> Result<Vec<Group>, RuleError> {
    let file: FileText = serde_saphyr::from_str(yaml).map_err(|why| RuleError::Syntax(why.to_string()))?;
    file.groups.into_iter().map(group).collect()
}

fn group(text: GroupText) -> Result<Group, RuleError> {
    let interval_ms = duration(&text.name, text.interval.as_deref().unwrap_or("1m"))?;
    let rules = text.rules.into_iter().map(|r| rule(&text.name, r)).collect::<Result<_, _>>()?;
    Ok(Group { name: text.name, interval_ms, rules })
}

fn rule(group: &str, text: RuleText) -> Result<Rule, RuleError> {
    let (name, alerts) = match (text.alert, text.record) {
        (Some(name), None) => (name, true),
        (None, Some(name)) => (name, false),
        _ => return Err(RuleError::Nameless(group.to_owned())),
    };
    let query = text.expr.trim().to_owned();
    let expr =
        promql::parse(&query).map_err(|why| RuleError::Expression { rule: name.clone(), why: why.to_string() })?;
    let hold_ms = text.hold.map_or(Ok(0), |hold| duration(&name, &hold))?;
    Ok(Rule { name, alerts, query, expr, hold_ms, labels: text.labels, annotations: text.annotations })
}

fn duration(rule: &str, text: &str) -> Result<i64, RuleError> {
    let wrong = || RuleError::Duration { rule: rule.to_owned(), text: text.to_owned() };
    let parsed = promql_parser::util::parse_duration(text).map_err(|_| wrong())?;
    i64::try_from(parsed.as_millis()).map_err(|_| wrong())
}
