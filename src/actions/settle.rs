//! After a crash between intent and outcome: did it happen? Judged by the intent's own words and the object as it is now.
//!
//! Pure. Who reads the log and the cluster, and writes the answer down, is the runtime's affair:
//! [`expectations`] says what to look at, [`settle`] judges what was seen, [`record`] is the outcome to append.
//!
//! Evidence, strongest first: the object says what the intent wanted; nobody has written to it since; this program has,
//! and somebody else after it. Anything else cannot be told, and is said to be so.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::expectation::{Expectation, Field};
use super::manifest::{at, created, items, raw, text};
use super::outcome::End;
use crate::domain::mutation::{FIELD_MANAGER, Silence};
use crate::domain::object::ObjectKind;
use crate::domain::text::clean;
use crate::domain::time::Instant;

/// What became of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was sent, and it took effect.
    Happened,
    /// It was not: the object is as it was.
    DidNotHappen,
    /// Some of it was.
    InPart,
    /// The object does not tell.
    CannotTell,
}

/// A verdict and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub why: String,
}

impl Settlement {
    fn new(verdict: Verdict, why: impl Into<String>) -> Self {
        Self { verdict, why: why.into() }
    }
}

/// What was seen of an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    /// It is there: the API's own JSON, `metadata.managedFields` included where the server sends them.
    There(Value),
    /// There is none.
    Gone,
    /// It could not be read, and why.
    Unseen(String),
}

/// What an intent wanted to be true; look at the object of each, in this order.
pub fn expectations(intent: &Value) -> Vec<Expectation> {
    let wanted = items(intent, &["expect"]).iter();
    wanted.filter_map(|expected| Expectation::deserialize(expected).ok()).collect()
}

/// Judges an intent by what was seen, one sight for each of its [`expectations`].
///
/// A list `before` in the intent makes it surer: `{"uid", "generation", "resourceVersion"}` of each object as the plan
/// read it, in the order of `expect`.
pub fn settle(intent: &Value, seen: &[Sight]) -> Settlement {
    let expected = expectations(intent);
    if expected.is_empty() || expected.len() != items(intent, &["expect"]).len() {
        return Settlement::new(Verdict::CannotTell, "the intent does not say what had to come true");
    }
    if expected.len() != seen.len() {
        return Settlement::new(Verdict::CannotTell, "not everything that the intent is about was looked at");
    }
    let begun = raw(intent, &["at"]).and_then(instant);
    let before = items(intent, &["before"]);
    let each: Vec<(String, Settlement)> = expected
        .iter()
        .zip(seen)
        .enumerate()
        // A rollout alone is no sign of what was sent: it stands beside one that is.
        .filter(|(_, (expectation, _))| {
            !matches!(expectation, Expectation::Rollout { fields, .. } if fields.is_empty()) || expected.len() == 1
        })
        .map(|(index, (expectation, sight))| {
            let trace = Trace { begun, before: before.get(index).unwrap_or(&Value::Null) };
            (expectation.object().to_string(), trace.one(expectation, sight))
        })
        .collect();
    together(each)
}

/// One verdict of several.
fn together(mut each: Vec<(String, Settlement)>) -> Settlement {
    if each.len() == 1
        && let Some((object, Settlement { verdict, why })) = each.pop()
    {
        return Settlement::new(verdict, format!("{} {why}", clean(&object)));
    }
    let of = |wanted| each.iter().filter(|(_, settlement)| settlement.verdict == wanted).count();
    let (done, not) = (of(Verdict::Happened), of(Verdict::DidNotHappen));
    let verdict = match (done, not) {
        (done, _) if done == each.len() => Verdict::Happened,
        (_, not) if not == each.len() => Verdict::DidNotHappen,
        (0, _) => Verdict::CannotTell,
        _ => Verdict::InPart,
    };
    let sentences: Vec<String> =
        each.iter().map(|(object, settlement)| format!("{} {}", clean(object), settlement.why)).collect();
    Settlement::new(verdict, format!("{done} of {} happened: {}", each.len(), sentences.join("; ")))
}

fn instant(text: &str) -> Option<Instant> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc())
}

fn clock(at: Instant) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// What the intent knows of one object's past.
struct Trace<'a> {
    begun: Option<Instant>,
    before: &'a Value,
}

impl Trace<'_> {
    fn one(&self, expectation: &Expectation, sight: &Sight) -> Settlement {
        let object = match sight {
            Sight::Unseen(why) => {
                return Settlement::new(Verdict::CannotTell, format!("could not be read: {}", clean(why)));
            }
            Sight::There(object) => Some(object),
            Sight::Gone => None,
        };
        let wanted = expectation.object();
        if let (ObjectKind::Silence, Expectation::Object { fields, .. }) = (wanted.kind, expectation) {
            return silence(&wanted.name, fields, object);
        }
        if let (ObjectKind::Flag, Expectation::Object { fields, .. }, Some(object)) = (wanted.kind, expectation, object)
        {
            return self.flag(fields, object);
        }
        match (expectation, object) {
            (Expectation::Gone { .. }, None) => Settlement::new(Verdict::Happened, "is gone, as it was meant to be"),
            (Expectation::Gone { uid, .. }, Some(object)) => self.gone(uid.as_deref(), object),
            // A job that was created may have been cleared away by now.
            (Expectation::Exists { .. }, None) => {
                Settlement::new(Verdict::CannotTell, "is not there: it was not created, or it has been removed since")
            }
            (Expectation::Exists { .. }, Some(object)) => self.exists(object),
            (Expectation::Rollout { .. } | Expectation::Stable { .. } | Expectation::Object { .. }, None) => {
                Settlement::new(Verdict::CannotTell, "does not exist any more, so it tells nothing")
            }
            (Expectation::Rollout { fields, .. } | Expectation::Stable { fields, .. }, Some(object)) => {
                self.fields(fields, false, object)
            }
            (Expectation::Object { fields, patient, .. }, Some(object)) => self.fields(fields, *patient, object),
        }
    }

    /// A flag says what it is set to; who set it, and when, only its product's history tells.
    fn flag(&self, fields: &[Field], object: &Value) -> Settlement {
        let version = at(self.before, &["version"]);
        if fields.iter().all(|field| field.holds(object)) {
            Settlement::new(Verdict::Happened, "says what was wanted")
        } else if version.is_some() && version == at(object, &["version"]) {
            Settlement::new(Verdict::DidNotHappen, "is as it was when it was planned")
        } else {
            Settlement::new(Verdict::CannotTell, "was changed since, to something else than what was wanted")
        }
    }

    /// Times in objects are whole seconds.
    fn since_begun(&self, at: Instant) -> bool {
        self.begun.is_some_and(|begun| at.timestamp() >= begun.timestamp())
    }

    fn gone(&self, uid: Option<&str>, object: &Value) -> Settlement {
        let is_another = match uid {
            Some(uid) => raw(object, &["metadata", "uid"]) != Some(uid),
            None => created(object).is_some_and(|at| self.since_begun(at)),
        };
        if is_another {
            return Settlement::new(Verdict::Happened, "is gone; another one has its name now");
        }
        match text(object, &["metadata", "deletionTimestamp"]) {
            Some(until) => Settlement::new(Verdict::Happened, format!("is being deleted (until {until})")),
            // A deletion cannot be taken back: it would be on its way.
            None => Settlement::new(Verdict::DidNotHappen, "is still there, and nobody has asked to delete it"),
        }
    }

    fn exists(&self, object: &Value) -> Settlement {
        match (created(object), self.begun) {
            (Some(at), Some(begun)) if !self.since_begun(at) => Settlement::new(
                Verdict::DidNotHappen,
                format!("was created {}, before the intent of {}", clock(at), clock(begun)),
            ),
            (Some(at), Some(_)) => Settlement::new(Verdict::Happened, format!("was created {}", clock(at))),
            _ => Settlement::new(Verdict::CannotTell, "is there, but not since when"),
        }
    }

    fn fields(&self, fields: &[Field], patient: bool, object: &Value) -> Settlement {
        let before = |key: &str| at(self.before, &[key]);
        let now = |key: &str| at(object, &["metadata", key]);
        let made_anew = before("uid").is_some_and(|uid| now("uid") != Some(uid))
            || (before("uid").is_none() && created(object).is_some_and(|at| self.since_begun(at)));
        if made_anew {
            return Settlement::new(Verdict::CannotTell, "was deleted and made anew since, so it tells nothing");
        }
        let words = |holds: bool| {
            let chosen = fields.iter().filter(|field| field.holds(object) == holds);
            chosen.map(|field| clean(&field.words).into_owned()).collect::<Vec<_>>().join(", ")
        };
        if !fields.is_empty() && fields.iter().all(|field| field.holds(object)) {
            return Settlement::new(Verdict::Happened, format!("says what was wanted: {}", words(true)));
        }
        let same = |key: &str| before(key).is_some_and(|before| now(key) == Some(before));
        if same("resourceVersion") {
            return Settlement::new(Verdict::DidNotHappen, "has not changed in any way since it was planned");
        }
        // The generation moves with every change of the spec, and with nothing else.
        let of_spec = !patient && fields.iter().all(|field| field.path.starts_with("/spec"));
        if of_spec && same("generation") {
            return Settlement::new(Verdict::DidNotHappen, "has the spec that it had when it was planned");
        }
        self.by_writers(&words(false), object)
    }

    /// What `managedFields` says of who wrote when. Controllers that only report (`status`) do not count.
    fn by_writers(&self, missing: &str, object: &Value) -> Settlement {
        let Some(begun) = self.begun else {
            return Settlement::new(
                Verdict::CannotTell,
                "does not say what was wanted, and the intent not when it was",
            );
        };
        let mut writes: Vec<(Instant, String)> = items(object, &["metadata", "managedFields"])
            .iter()
            .filter(|entry| raw(entry, &["subresource"]) != Some("status"))
            .filter_map(|entry| Some((raw(entry, &["time"]).and_then(instant)?, text(entry, &["manager"])?)))
            .collect();
        writes.sort();
        if writes.is_empty() {
            let why = format!("does not say what was wanted ({missing}), and not who wrote to it when");
            return Settlement::new(Verdict::CannotTell, why);
        }
        writes.retain(|(at, _)| self.since_begun(*at));
        let own = writes.iter().rev().find(|(_, manager)| manager == FIELD_MANAGER);
        match (own, writes.last()) {
            (_, None) => Settlement::new(
                Verdict::DidNotHappen,
                format!(
                    "does not say what was wanted ({missing}), and nobody has written to it since {}",
                    clock(begun)
                ),
            ),
            (Some((at, _)), Some((last, other))) => Settlement::new(
                Verdict::Happened,
                if other == FIELD_MANAGER {
                    format!("was written to by {FIELD_MANAGER} {}, though it does not say {missing}", clock(*at))
                } else {
                    format!(
                        "was written to by {FIELD_MANAGER} {}, and changed again by {other} {}",
                        clock(*at),
                        clock(*last)
                    )
                },
            ),
            (None, Some((at, other))) => Settlement::new(
                Verdict::CannotTell,
                format!("does not say what was wanted ({missing}), but {other} has written to it {}", clock(*at)),
            ),
        }
    }
}

/// Alertmanager keeps a silence for days after its end, so one that it does not know was never made.
fn silence(name: &str, fields: &[Field], object: Option<&Value>) -> Settlement {
    match object {
        None if Silence::is_key(name) => {
            Settlement::new(Verdict::DidNotHappen, "is not there: Alertmanager knows no such silence")
        }
        Some(_) if Silence::is_key(name) => Settlement::new(Verdict::Happened, "is there: Alertmanager knows it"),
        None => Settlement::new(Verdict::CannotTell, "does not exist any more, so it tells nothing"),
        Some(object) if fields.iter().all(|field| field.holds(object)) => {
            Settlement::new(Verdict::Happened, "says what was wanted")
        }
        Some(_) => Settlement::new(Verdict::DidNotHappen, "is as it was"),
    }
}

/// The outcome to append for an intent that was settled, by whoever found it. What happened is not verified; what did not
/// happen has failed.
pub fn record(intent: &Value, settlement: &Settlement, user: &str, now: Instant) -> Value {
    let (end, words) = match settlement.verdict {
        Verdict::Happened => (End::Unverified, "a crash cut it off, but it happened"),
        Verdict::DidNotHappen => (End::Failed, "a crash cut it off before it happened"),
        Verdict::InPart => (End::Unverified, "a crash cut it off in the middle"),
        Verdict::CannotTell => (End::Unverified, "a crash cut it off, and whether it happened cannot be told"),
    };
    let mut record = json!({
        "kind": "outcome",
        "at": now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "end": end,
        "detail": format!("{words}: {}", settlement.why),
        "settled": settlement.verdict,
        "settled_by": user,
    });
    for key in ["v", "id", "user", "context", "namespace", "action", "target", "incident"] {
        if let Some(value) = intent.get(key) {
            record[key] = value.clone();
        }
    }
    record
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const AT: &str = "2026-03-04T14:30:00.500Z";

    fn scaled(object: &Value) -> Settlement {
        settle(&intent(&json!({})), &[Sight::There(object.clone())])
    }

    fn field(path: &str, words: &str, value: &Value) -> Value {
        serde_json::to_value(Field::new(path, words, value)).unwrap()
    }

    /// A scale to six replicas.
    fn intent(before: &Value) -> Value {
        json!({
            "kind": "intent", "v": 1, "id": "a1", "at": AT, "user": "alice", "context": "prod-eu", "namespace": "shop",
            "action": "scale", "target": "deployment/payment", "before": [before],
            "expect": [{
                "expect": "object", "object": {"kind": "Deployment", "namespace": "shop", "name": "payment"},
                "fields": [field("/spec/replicas", "6 replicas", &json!(6))], "patient": false,
            }],
        })
    }

    fn deployment(replicas: u32, writers: &[(&str, &str, &str)]) -> Value {
        let managed: Vec<Value> = writers
            .iter()
            .map(|(manager, time, subresource)| json!({"manager": manager, "time": time, "subresource": subresource}))
            .collect();
        json!({
            "metadata": {"uid": "u1", "generation": 8, "resourceVersion": "900", "managedFields": managed,
                "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"replicas": replicas},
        })
    }

    #[test]
    fn the_object_tells_what_became_of_a_change_of_fields() {
        type Writers<'a> = &'a [(&'a str, &'a str, &'a str)];
        use Verdict::{CannotTell, DidNotHappen, Happened};
        let (early, late, later) = ("2026-03-04T14:29:59Z", "2026-03-04T14:30:00Z", "2026-03-04T14:31:00Z");
        let cases: [(&str, u32, Writers<'_>, Verdict, &str); 7] = [
            ("there", 6, &[("kubectl", early, "")], Happened, "says what was wanted: 6 replicas"),
            (
                "untouched",
                3,
                &[("kubectl", early, ""), ("kube-controller-manager", later, "status")],
                DidNotHappen,
                "nobody has written",
            ),
            (
                "overwritten",
                3,
                &[("opsdeck", late, "scale"), ("argocd", later, "")],
                Happened,
                "changed again by argocd",
            ),
            ("mutated", 3, &[("opsdeck", late, "scale")], Happened, "though it does not say 6 replicas"),
            ("an earlier write of ours", 3, &[("opsdeck", early, "")], DidNotHappen, "nobody has written"),
            ("another's", 4, &[("argocd", later, "")], CannotTell, "argocd has written to it"),
            ("no managers", 3, &[], CannotTell, "not who wrote to it when"),
        ];
        for (name, replicas, writers, verdict, why) in cases {
            let found = scaled(&deployment(replicas, writers));
            assert_eq!(found.verdict, verdict, "{name}: {}", found.why);
            assert!(found.why.starts_with("deployment/payment ") && found.why.contains(why), "{name}: {}", found.why);
        }
    }

    #[test]
    fn what_the_object_was_before_makes_it_surer() {
        let touched = deployment(3, &[("argocd", "2026-03-04T14:31:00Z", "")]);
        let judge = |before: Value| settle(&intent(&before), &[Sight::There(touched.clone())]).verdict;
        assert_eq!(judge(json!({"uid": "u1", "resourceVersion": "900"})), Verdict::DidNotHappen);
        assert_eq!(judge(json!({"uid": "u1", "generation": 8, "resourceVersion": "899"})), Verdict::DidNotHappen);
        assert_eq!(judge(json!({"uid": "u1", "generation": 7, "resourceVersion": "899"})), Verdict::CannotTell);
        assert_eq!(judge(json!({"uid": "u0"})), Verdict::CannotTell);
        let mut anew = deployment(6, &[]);
        anew["metadata"]["creationTimestamp"] = json!("2026-03-04T14:33:00Z");
        assert_eq!(scaled(&anew).verdict, Verdict::CannotTell, "a new one that says the same proves nothing");
    }

    #[test]
    fn what_was_to_go_and_what_was_to_come() {
        use Verdict::{CannotTell, DidNotHappen, Happened};
        let with = |expect: Value| json!({"kind": "intent", "at": AT, "expect": [expect]});
        let pod = json!({"kind": "Pod", "namespace": "shop", "name": "p"});
        let gone = |uid: Value| with(json!({"expect": "gone", "object": pod, "uid": uid}));
        let there = |uid: &str, more: Value| {
            let mut metadata = json!({"uid": uid, "creationTimestamp": "2026-03-01T00:00:00Z"});
            metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            Sight::There(json!({"metadata": metadata}))
        };
        let exists = with(json!({"expect": "exists", "object": {"kind": "Job", "namespace": "shop", "name": "j"}}));
        let cases = [
            (gone(json!("u1")), Sight::Gone, Happened),
            (gone(json!("u1")), there("u2", json!({})), Happened),
            (gone(json!("u1")), there("u1", json!({"deletionTimestamp": "2026-03-04T14:30:30Z"})), Happened),
            (gone(json!("u1")), there("u1", json!({})), DidNotHappen),
            (gone(Value::Null), there("u1", json!({})), DidNotHappen),
            (gone(Value::Null), there("u1", json!({"creationTimestamp": "2026-03-04T14:30:05Z"})), Happened),
            (gone(json!("u1")), Sight::Unseen("forbidden".into()), CannotTell),
            (exists.clone(), Sight::Gone, CannotTell),
            (exists.clone(), there("u1", json!({"creationTimestamp": "2026-03-04T14:30:00Z"})), Happened),
            (exists, there("u1", json!({})), DidNotHappen),
            (with(json!({"expect": "what the future wants"})), Sight::Gone, CannotTell),
            (json!({"kind": "intent", "at": AT}), Sight::Gone, CannotTell),
        ];
        for (intent, sight, verdict) in cases {
            let found = settle(&intent, std::slice::from_ref(&sight));
            assert_eq!(found.verdict, verdict, "{sight:?}: {}", found.why);
        }
    }

    #[test]
    fn of_several_targets_each_is_told_and_the_record_ends_the_intent() {
        let mut bulk = intent(&json!({}));
        let one = bulk["expect"][0].clone();
        bulk["expect"] = json!([one, one]);
        let (done, not) =
            (Sight::There(deployment(6, &[])), Sight::There(deployment(3, &[("x", "2026-01-01T00:00:00Z", "")])));
        let of = |seen: [&Sight; 2]| settle(&bulk, &seen.map(Clone::clone));
        assert_eq!(of([&done, &done]).verdict, Verdict::Happened);
        assert_eq!(of([&not, &not]).verdict, Verdict::DidNotHappen);
        assert_eq!(of([&not, &Sight::Gone]).verdict, Verdict::CannotTell);
        let part = of([&done, &not]);
        assert_eq!(part.verdict, Verdict::InPart);
        assert!(part.why.starts_with("1 of 2 happened: "), "{}", part.why);
        assert_eq!(settle(&bulk, &[done]).verdict, Verdict::CannotTell, "not all was looked at");

        let written = record(&bulk, &part, "bob", instant(AT).unwrap());
        assert!(crate::domain::audit::open_intents([bulk.clone(), written.clone()]).is_empty());
        let entry = crate::domain::audit::entries([bulk, written]).pop().unwrap();
        assert_eq!((entry.user.as_str(), entry.end_word()), ("alice", "unverified"));
        assert!(entry.end.unwrap().settled);
    }
}
