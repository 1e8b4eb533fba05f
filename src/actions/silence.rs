//! Silencing alerts: what a new silence hides, for how long and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::compare::MOST_CHANGES;
use super::expectation::{Expectation, Field};
use super::guardrail::is_recordable;
use super::kind::{Action, ActionKind, Ground};
use super::manifest::{raw, text};
use super::outcome::Refusal;
use super::plan::{FieldChange, Plan, Undo, Warning, WarningKind};
use super::silence_change::ExpireSilence;
use super::step::Step;
use crate::domain::alert::Labels;
use crate::domain::mutation::{Change, Matcher, Mutation, Silence};
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::domain::silence::Matching;
use crate::domain::text::clean;
use crate::domain::time::{Instant, span_fine};
use crate::ports::cluster::{Facts, Part};

/// So long an alert is quiet that somebody has taken on: 15 minutes.
pub const ACKNOWLEDGED: u32 = 15 * 60;
/// A silence of more than a year is a rule, and belongs into Alertmanager's configuration.
const LONGEST: u32 = 366 * 86_400;
/// More matchers than any alert has labels.
const MOST_MATCHERS: usize = 64;
/// So many alerts are named in a warning.
const NAMED: usize = 5;

/// When a silence ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// So many seconds later.
    For(u32),
    /// At this instant.
    At(Instant),
}

impl Until {
    /// Reads a duration (`30m`, `2h`, `1day 12h`). The error is a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let span = humantime::parse_duration(text.trim())
            .map_err(|error| format!("`{}` is no duration ({error}): write 30m, 2h or 1d", clean(text)))?;
        // More than that is over the limit in any case, and is refused as such.
        Ok(Self::For(u32::try_from(span.as_secs()).unwrap_or(u32::MAX)))
    }
}

/// Keep alerts quiet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceAlerts {
    /// Which: every one has to match.
    pub matchers: Vec<Matcher>,
    /// Until when, from now.
    pub until: Until,
    /// Why; Alertmanager shows it to everybody.
    pub comment: String,
    /// The labels of the alert that it is meant for, when it was made from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<BTreeMap<String, String>>,
}

impl SilenceAlerts {
    /// Exactly this alert, by all of its labels.
    pub fn of_alert(labels: &Labels, seconds: u32, comment: impl Into<String>) -> Self {
        let chosen: BTreeMap<String, String> =
            labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Self {
            matchers: chosen.iter().map(|(name, value)| Matcher::is(name, value)).collect(),
            until: Until::For(seconds),
            comment: comment.into(),
            chosen: Some(chosen),
        }
    }

    /// "I am on it": this alert, for 15 minutes.
    pub fn acknowledge(labels: &Labels, comment: impl Into<String>) -> Self {
        Self::of_alert(labels, ACKNOWLEDGED, comment)
    }

    /// The alert's name where it is a name, for confirmations and records.
    fn name(&self) -> &str {
        self.matchers
            .iter()
            .find(|matcher| matcher.name == "alertname" && matcher.equal && !matcher.regex)
            .map(|matcher| matcher.value.as_str())
            .filter(|name| !name.is_empty() && name.len() < 200 && name.chars().all(|c| c.is_ascii_graphic()))
            .unwrap_or("alerts")
    }
}

/// Refuses a duration that makes no sense.
pub(super) fn check_span(until: Until) -> Result<(), Refusal> {
    match until {
        Until::For(0) => Err(Refusal::BadInput("a silence of 0 seconds hides nothing".into())),
        Until::For(seconds) if seconds > LONGEST => Err(Refusal::BadInput(format!(
            "{} is over the limit of a year: change Alertmanager's configuration instead",
            span_fine(seconds.into())
        ))),
        Until::For(_) | Until::At(_) => Ok(()),
    }
}

/// The silence is there, and all that it accepts has fallen silent. Alertmanager takes a moment.
pub(super) fn silent(key: String) -> Expectation {
    Expectation::Object {
        object: ObjectRef::global(ObjectKind::Silence, key),
        fields: vec![
            Field::new("/state", "silence active", &json!("active")),
            Field::new("/hears", "the alerts silent", &Value::Null),
        ],
        patient: true,
    }
}

/// Whole seconds: Alertmanager keeps milliseconds, and a read-back has to be equal.
pub(super) fn whole_seconds(at: Instant) -> Instant {
    chrono::DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at)
}

pub(super) fn clock(at: Instant) -> String {
    at.format("%b %-d %H:%M UTC").to_string()
}

/// An alert as Alertmanager knows it.
pub(super) struct Heard<'a> {
    /// `HighErrorRate`.
    pub name: String,
    /// Does nobody suppress it yet?
    pub audible: bool,
    alert: &'a Value,
}

/// The alerts that matchers accept, in Alertmanager's order.
pub(super) fn matched<'a>(facts: &'a Facts, matchers: &[Matcher]) -> Result<Vec<Heard<'a>>, Refusal> {
    let alerts = facts.alerts.as_ref().ok_or_else(|| Refusal::Malformed("Alertmanager told no alerts".into()))?;
    let matching = Matching::new(matchers).map_err(Refusal::BadInput)?;
    let accepted = alerts.iter().filter(|alert| matching.accepts(|name| raw(alert, &["labels", name])));
    Ok(accepted
        .map(|alert| Heard {
            name: text(alert, &["labels", "alertname"]).unwrap_or_else(|| "(no name)".into()),
            audible: raw(alert, &["state"]) != Some("suppressed"),
            alert,
        })
        .collect())
}

impl Heard<'_> {
    fn has_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        let own = self.alert.get("labels").and_then(Value::as_object);
        own.is_some_and(|own| {
            own.len() == labels.len()
                && labels.iter().all(|(name, value)| raw(self.alert, &["labels", name]) == Some(value))
        })
    }

    /// `HighErrorRate{service="payment"}`, with what tells it apart.
    pub fn words(&self) -> String {
        let own = self.alert.get("labels").and_then(Value::as_object);
        let labels: Vec<String> = own
            .into_iter()
            .flatten()
            .filter(|(name, _)| *name != "alertname")
            .map(|(name, value)| format!("{}={}", clean(name), clean(value.as_str().unwrap_or_default())))
            .collect();
        format!("{}{{{}}}", self.name, labels.join(","))
    }
}

/// `A, B and 3 more`.
pub(super) fn named(alerts: &[&Heard<'_>]) -> String {
    let mut names: Vec<String> = alerts.iter().take(NAMED).map(|alert| alert.words()).collect();
    if alerts.len() > NAMED {
        names.push(format!("{} more", alerts.len() - NAMED));
    }
    names.join(", ")
}

/// One line for each alert, from one state to another.
pub(super) fn changes(alerts: &[Heard<'_>], before: &str, after: &str) -> Vec<FieldChange> {
    let line = |alert: &Heard<'_>| FieldChange {
        path: alert.words(),
        before: Some(if alert.audible { before.into() } else { "silent already".into() }),
        after: Some(after.into()),
    };
    alerts.iter().take(MOST_CHANGES).map(line).collect()
}

impl Action for SilenceAlerts {
    fn word(&self) -> &'static str {
        "silence"
    }

    fn verb(&self) -> &'static str {
        "silence"
    }

    fn target(&self) -> ObjectRef {
        ObjectRef::global(ObjectKind::Silence, self.name())
    }

    fn title(&self) -> String {
        format!("Silence {}", self.name())
    }

    fn needs(&self) -> &'static [Part] {
        &[Part::Alerts]
    }

    fn admit(&self) -> Result<(), Refusal> {
        let bad = |why: String| Err(Refusal::BadInput(why));
        if self.matchers.is_empty() || self.matchers.len() > MOST_MATCHERS {
            return bad(format!("a silence has 1 to {MOST_MATCHERS} matchers, not {}", self.matchers.len()));
        }
        let unfit = |matcher: &&Matcher| {
            matcher.name.is_empty() || !is_recordable(&matcher.name) || !is_recordable(&matcher.value)
        };
        if self.matchers.iter().any(|matcher| unfit(&matcher)) {
            return bad("a matcher is without a name, too long, or holds a control character".into());
        }
        if Matching::new(&self.matchers).map_err(Refusal::BadInput)?.accepts_all() {
            return bad("at least one matcher must ask for something: these accept every alert".into());
        }
        if self.comment.trim().is_empty() {
            return bad("a comment is required: it tells the others why it is quiet".into());
        }
        if !is_recordable(&self.comment) {
            return bad("the comment is too long, or holds a control character".into());
        }
        check_span(self.until)
    }

    fn plan(&self, facts: &Facts, ground: &Ground<'_>) -> Result<Plan, Refusal> {
        let starts = whole_seconds(ground.now);
        let ends = match self.until {
            Until::For(seconds) => starts + chrono::TimeDelta::seconds(seconds.into()),
            Until::At(ends) => whole_seconds(ends),
        };
        if ends <= starts {
            return Err(Refusal::not_here(format!("nothing to do: it would have ended {}", clock(ends))));
        }
        let written: Vec<String> = self.matchers.iter().map(ToString::to_string).collect();
        let alerts = matched(facts, &self.matchers)?;
        if alerts.is_empty() && !ground.undoes {
            let why = format!("no alert matches {}: nothing would be silenced", clean(&written.join(", ")));
            return Err(Refusal::not_here(why));
        }
        let silence = Silence {
            matchers: self.matchers.clone(),
            starts,
            ends,
            author: ground.identity.unwrap_or(ground.user).to_owned(),
            comment: self.comment.clone(),
            annotations: BTreeMap::new(),
        };
        let key = silence.key();
        let mutation = Mutation::new(ObjectRef::global(ObjectKind::Silence, ""), Change::Silence(silence));
        let mut plan = Plan::begin(self);
        plan.title = format!("{} for {}", self.title(), span_fine((ends - starts).num_seconds()));
        plan.steps = vec![Step::new(format!("silence {}", clean(&written.join(", "))), mutation)];
        plan.changes = changes(&alerts, "heard", &format!("silent until {}", clock(ends)));
        plan.warnings = self.warnings(&alerts);
        let places = alerts.iter().filter_map(|alert| text(alert.alert, &["labels", "namespace"]));
        plan.blast.namespaces = places.map(Into::into).collect();
        plan.blast.moves = match alerts.len() {
            1 => "no pod moves; 1 alert falls silent".into(),
            count => format!("no pod moves; {count} alerts fall silent"),
        };
        plan.undo = Undo::by("expire the silence", ActionKind::ExpireSilence(ExpireSilence { id: key.clone() }));
        plan.expect(silent(key));
        plan.done = format!("{} is silent until {}", self.name(), clock(ends));
        Ok(plan)
    }
}

impl SilenceAlerts {
    fn warnings(&self, alerts: &[Heard<'_>]) -> Vec<Warning> {
        let warn = |text: String| Warning::new(WarningKind::Hides, text);
        let mut warnings = Vec::new();
        let (own, more): (Vec<&Heard<'_>>, Vec<&Heard<'_>>) = match &self.chosen {
            Some(chosen) => alerts.iter().partition(|alert| alert.has_labels(chosen)),
            None => (alerts.iter().take(1).collect(), alerts.iter().skip(1).collect()),
        };
        if !more.is_empty() {
            let all: Vec<&Heard<'_>> = alerts.iter().collect();
            warnings.push(warn(match &self.chosen {
                Some(_) => format!("it hides {} more than the chosen alert: {}", more.len(), named(&more)),
                None => format!("it hides {} alerts: {}", all.len(), named(&all)),
            }));
        }
        if self.chosen.is_some() && own.is_empty() {
            warnings.push(warn("the chosen alert is not among those that match".into()));
        }
        if !alerts.is_empty() && alerts.iter().all(|alert| !alert.audible) {
            warnings.push(warn("all of them are silent already".into()));
        }
        if alerts.is_empty() {
            warnings.push(warn("no alert matches it now".into()));
        }
        warnings
    }
}
