//! Silences that are there: another end for one, or its end now.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::expectation::{Expectation, Field};
use super::kind::{Action, ActionKind, Ground};
use super::manifest::raw;
use super::outcome::Refusal;
use super::plan::{FieldChange, Plan, Undo, Warning, WarningKind};
use super::silence::{SilenceAlerts, Until, changes, check_span, clock, matched, silent, whole_seconds};
use super::step::Step;
use crate::domain::mutation::{Change, Mutation, Silence};
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::domain::text::clean;
use crate::ports::cluster::{Facts, Part};

/// Another end. One that has ended already begins anew, under another id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendSilence {
    /// Its id, or its key ([`Silence::key`]).
    pub id: String,
    /// Until when: so much later than it would end, or than now.
    pub until: Until,
}

/// Its end now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpireSilence {
    /// Its id, or its key ([`Silence::key`]).
    pub id: String,
}

/// A silence as it was read.
struct Known {
    id: String,
    has_ended: bool,
    silence: Silence,
}

fn known(facts: &Facts, target: &ObjectRef) -> Result<Known, Refusal> {
    let object = &facts.object;
    if object.is_null() {
        return Err(Refusal::NotFound(format!("{target} does not exist")));
    }
    let silence = object.get("silence").and_then(|silence| Silence::deserialize(silence).ok());
    let id = raw(object, &["id"]).filter(|id| !id.is_empty());
    match (silence, id) {
        (Some(silence), Some(id)) => {
            Ok(Known { id: id.to_owned(), has_ended: raw(object, &["state"]) == Some("expired"), silence })
        }
        _ => Err(Refusal::Malformed(format!("{target} cannot be read"))),
    }
}

fn matchers(silence: &Silence) -> String {
    let written: Vec<String> = silence.matchers.iter().map(ToString::to_string).collect();
    clean(&written.join(", ")).into_owned()
}

impl Action for ExtendSilence {
    fn word(&self) -> &'static str {
        "extend-silence"
    }

    fn verb(&self) -> &'static str {
        "extend"
    }

    fn target(&self) -> ObjectRef {
        ObjectRef::global(ObjectKind::Silence, self.id.as_str())
    }

    fn needs(&self) -> &'static [Part] {
        &[Part::Alerts]
    }

    fn admit(&self) -> Result<(), Refusal> {
        check_span(self.until)
    }

    fn plan(&self, facts: &Facts, ground: &Ground<'_>) -> Result<Plan, Refusal> {
        let target = self.target();
        let Known { id, has_ended, silence } = known(facts, &target)?;
        let now = whole_seconds(ground.now);
        let ends = match self.until {
            Until::For(seconds) => whole_seconds(silence.ends.max(now)) + chrono::TimeDelta::seconds(seconds.into()),
            Until::At(ends) => ends,
        };
        if ends <= now {
            return Err(Refusal::NotHere {
                why: format!("{target} would have ended {}", clock(ends)),
                instead: Some("expire it".into()),
                offer: Some(Box::new(ActionKind::ExpireSilence(ExpireSilence { id }))),
            });
        }
        if ends == silence.ends && !has_ended {
            return Err(Refusal::not_here(format!("nothing to do: {target} ends {} already", clock(ends))));
        }
        let alerts = matched(facts, &silence.matchers)?;
        let changed = Silence { ends, starts: if has_ended { now } else { silence.starts }, ..silence.clone() };
        let key = changed.key();
        let mut plan = Plan::begin(self);
        let mutation = Mutation::new(ObjectRef::global(ObjectKind::Silence, id.as_str()), Change::Silence(changed));
        plan.steps = vec![Step::new(format!("silence {} until {}", matchers(&silence), clock(ends)), mutation)];
        plan.changes =
            vec![FieldChange { path: "ends".into(), before: Some(clock(silence.ends)), after: Some(clock(ends)) }];
        if ends < silence.ends {
            plan.warnings.push(Warning::new(WarningKind::Hides, "it ends earlier than it would"));
        }
        plan.blast.moves = format!("no pod moves; {} alerts match it now", alerts.len());
        // One that had ended has another id from now on: it is known by its key.
        let id = if has_ended { key.clone() } else { id };
        plan.undo = if has_ended {
            Undo::by("expire it again", ActionKind::ExpireSilence(ExpireSilence { id }))
        } else {
            let back = Self { id, until: Until::At(silence.ends) };
            Undo::by(format!("let it end {} again", clock(silence.ends)), ActionKind::ExtendSilence(back))
        };
        plan.expect(silent(key));
        plan.done = format!("the silence lasts until {}", clock(ends));
        Ok(plan)
    }
}

impl Action for ExpireSilence {
    fn word(&self) -> &'static str {
        "expire-silence"
    }

    fn verb(&self) -> &'static str {
        "expire"
    }

    fn target(&self) -> ObjectRef {
        ObjectRef::global(ObjectKind::Silence, self.id.as_str())
    }

    fn needs(&self) -> &'static [Part] {
        &[Part::Alerts]
    }

    fn plan(&self, facts: &Facts, _: &Ground<'_>) -> Result<Plan, Refusal> {
        let target = self.target();
        let Known { id, has_ended, silence } = known(facts, &target)?;
        if has_ended {
            return Err(Refusal::not_here(format!("nothing to do: {target} has ended already")));
        }
        let alerts = matched(facts, &silence.matchers)?;
        let object = ObjectRef::global(ObjectKind::Silence, id.as_str());
        let mut plan = Plan::begin(self);
        plan.steps = vec![Step::new(
            format!("expire the silence {}", matchers(&silence)),
            Mutation::new(object.clone(), Change::ExpireSilence),
        )];
        plan.changes =
            vec![FieldChange { path: "ends".into(), before: Some(clock(silence.ends)), after: Some("now".into()) }];
        plan.changes.extend(changes(&alerts, "heard", "heard again"));
        plan.blast.moves = format!("no pod moves; {} alerts are heard again", alerts.len());
        let again = SilenceAlerts {
            matchers: silence.matchers.clone(),
            until: Until::At(silence.ends),
            comment: silence.comment.clone(),
            chosen: None,
        };
        plan.undo = Undo::by(format!("silence them again until {}", clock(silence.ends)), ActionKind::Silence(again));
        plan.expect(Expectation::Object {
            object,
            fields: vec![Field::new("/state", "silence expired", &json!("expired"))],
            patient: true,
        });
        plan.done = "the silence has ended".into();
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::actions::examples::all;
    use crate::actions::rehearsal::plan;
    use crate::domain::mutation::Matcher;

    fn new(matchers: &[&str], until: Until, comment: &str) -> ActionKind {
        let matchers = matchers.iter().map(|text| Matcher::parse(text).unwrap()).collect();
        ActionKind::Silence(SilenceAlerts { matchers, until, comment: comment.into(), chosen: None })
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_anything_is_sent() {
        let facts = all().iter().find(|example| example.action.word() == "silence").unwrap().facts.clone();
        let known = all().iter().find(|example| example.action.word() == "expire-silence").unwrap().facts.clone();
        let (hour, long) = (Until::For(3600), "x".repeat(1 << 20));
        let ended = Until::At(chrono::DateTime::from_timestamp(1, 0).unwrap());
        let of = |id: &str, until| ActionKind::ExtendSilence(ExtendSilence { id: id.into(), until });
        let cases = [
            (new(&[], hour, "why"), &facts, "1 to 64 matchers, not 0"),
            (new(&["a=~.*"], hour, "why"), &facts, "accept every alert"),
            (new(&["a=~("], hour, "why"), &facts, "no regular expression"),
            (new(&["service=nobody"], hour, "why"), &facts, "no alert matches service=\"nobody\""),
            (new(&["service=payment"], hour, "  "), &facts, "a comment is required"),
            (new(&["service=payment"], hour, &long), &facts, "the comment is too long"),
            (new(&["service=payment"], hour, "a\u{1b}[2J"), &facts, "control character"),
            (new(&["service=payment"], Until::For(0), "why"), &facts, "hides nothing"),
            (new(&["service=payment"], Until::For(u32::MAX), "why"), &facts, "limit of a year"),
            (new(&["service=payment"], ended, "why"), &facts, "it would have ended"),
            (of("x", hour), &facts, "does not exist"),
            (of("x", ended), &known, "would have ended"),
            (ActionKind::ExpireSilence(ExpireSilence { id: "x".into() }), &facts, "does not exist"),
        ];
        for (action, facts, words) in cases {
            let refusal = plan(&action, facts).unwrap_err().to_string();
            assert!(refusal.contains(words), "{action:?}: {refusal}");
        }
    }

    #[test]
    fn what_it_hides_beside_the_chosen_alert_is_told() {
        let example = all().into_iter().find(|example| example.action.word() == "silence").unwrap();
        let exact = plan(&example.action, &example.facts).unwrap();
        assert_eq!((exact.changes.len(), exact.warnings.len()), (1, 0), "{:?}", exact.warnings);
        let ActionKind::Silence(mut wider) = example.action else { panic!() };
        wider.matchers.retain(|matcher| matcher.name == "alertname");
        let wide = plan(&ActionKind::Silence(wider.clone()), &example.facts).unwrap();
        assert_eq!(wide.warnings[0].text, "it hides 1 more than the chosen alert: HighErrorRate{service=auth}");
        wider.matchers = vec![Matcher::is("service", "auth")];
        let other = plan(&ActionKind::Silence(wider), &example.facts).unwrap();
        assert!(other.warnings.iter().any(|warning| warning.text.contains("chosen alert is not among")));
    }
}
