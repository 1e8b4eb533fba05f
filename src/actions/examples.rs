//! One example of every kind of action, and a small world that takes what it sends: what the tests of the door walk over,
//! so that a new kind is covered as soon as it is there. A kind without an example fails `every_kind_has_an_example`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::ActionKind;
use super::door::walk;
use super::flag::SetFlag;
use super::pause::{Pause, Resume};
use super::rehearsal;
use super::restart::Restart;
use super::rollback::Rollback;
use super::scale::{Replicas, Scale};
use super::scale_bounds::ScaleBounds;
use super::set_image::SetImage;
use super::silence::{SilenceAlerts, Until};
use super::silence_change::{ExpireSilence, ExtendSilence};
use crate::domain::flag::{FlagChange, FlagFacts, FlagKnob, FlagRef, FlagWrite};
use crate::domain::mutation::{Change, Matcher, Mutation, Silence};
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::domain::rollout::{RolloutPhase, RolloutStatus};
use crate::ports::cluster::{ClusterError, Facts, Look, Seen};

/// An action that can be done, and what is read for it.
#[derive(Clone, Debug)]
pub struct Example {
    pub action: ActionKind,
    pub facts: Facts,
}

const SILENCE: &str = "01234567-89ab-4cde-8f01-23456789abcd";

fn silence_facts(state: &str) -> Facts {
    let now = walk::start();
    let silence = Silence {
        matchers: vec![Matcher::is("alertname", "HighErrorRate")],
        starts: now - chrono::TimeDelta::minutes(5),
        ends: now + chrono::TimeDelta::minutes(10),
        author: "bob".into(),
        comment: "deploying".into(),
        annotations: BTreeMap::new(),
    };
    let alert = |name: &str, service: &str, state: &str| json!({"fingerprint": service, "state": state, "labels": {"alertname": name, "service": service}});
    Facts {
        object: if state.is_empty() {
            Value::Null
        } else {
            json!({"id": SILENCE, "state": state, "silence": silence, "hears": []})
        },
        alerts: Some(vec![
            alert("HighErrorRate", "payment", "active"),
            alert("HighErrorRate", "auth", "active"),
            alert("Slow", "payment", "suppressed"),
        ]),
        ..Facts::default()
    }
}

/// A flag that is on for a quarter of the users.
pub fn flag_facts() -> FlagFacts {
    FlagFacts {
        enabled: true,
        variant: Some("a".into()),
        percentage: Some(25),
        when_on: "25 % of users".into(),
        when_off: "nobody".into(),
        strategies: vec!["25 % of users".into()],
        variants: vec!["a".into(), "b".into()],
        takes: vec![FlagKnob::Enabled, FlagKnob::Variant, FlagKnob::Percentage],
        version: "v1".into(),
        ..FlagFacts::default()
    }
}

fn flags() -> Vec<Example> {
    let flag = FlagRef::new("unleash", "default", "production", "team/new pricing");
    let set = |set| {
        let object = serde_json::to_value(flag_facts()).unwrap();
        let action = ActionKind::Flag(SetFlag { flag: flag.clone(), set, about: None });
        Example { action, facts: Facts { object, ..Facts::default() } }
    };
    vec![set(FlagChange::Enabled(false)), set(FlagChange::Percentage(5)), set(FlagChange::Variant("b".into()))]
}

pub fn all() -> Vec<Example> {
    let target = rehearsal::payment;
    let example = |action, facts| Example { action, facts };
    let mut paused = rehearsal::facts();
    paused.object["spec"]["paused"] = json!(true);
    let bounds = ScaleBounds { namespace: "shop".into(), hpa: "payment".into(), min: None, max: Some(9) };
    let labels = [("alertname", "HighErrorRate"), ("service", "payment")];
    let labels = labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    let image = SetImage { target: target(), container: "app".into(), image: "payment:3".into() };
    let elsewhere = [rehearsal::pods::examples(), rehearsal::cron_jobs::examples(), rehearsal::deliveries::examples()];
    let mut all = vec![
        example(ActionKind::Rollback(Rollback { target: target(), to: None }), walk::facts()),
        example(ActionKind::Scale(Scale { target: target(), replicas: Replicas::To(6) }), rehearsal::facts()),
        example(ActionKind::ScaleBounds(bounds), Facts { object: rehearsal::hpa(2, 5, 5), ..rehearsal::facts() }),
        example(ActionKind::Restart(Restart { target: target() }), rehearsal::facts()),
        example(ActionKind::Pause(Pause { target: target() }), rehearsal::facts()),
        example(ActionKind::Resume(Resume { target: target() }), paused),
        example(ActionKind::SetImage(image), rehearsal::facts()),
        example(ActionKind::Silence(SilenceAlerts::acknowledge(&labels, "on it")), silence_facts("")),
        example(
            ActionKind::ExtendSilence(ExtendSilence { id: SILENCE.into(), until: Until::For(3600) }),
            silence_facts("active"),
        ),
        example(ActionKind::ExpireSilence(ExpireSilence { id: SILENCE.into() }), silence_facts("active")),
    ];
    all.extend(flags());
    all.extend(elsewhere.into_iter().flatten().map(|(action, facts)| example(action, facts)));
    all
}

/// Its word in records, as serde writes it.
fn tag(action: &ActionKind) -> String {
    serde_json::to_value(action).unwrap()["action"].as_str().unwrap().to_owned()
}

#[test]
fn every_kind_has_an_example() {
    // serde knows all variants, and names them when it is given another.
    let error = serde_json::from_value::<ActionKind>(json!({"action": "-"})).unwrap_err().to_string();
    let known: BTreeSet<String> = error.split('`').skip(3).step_by(2).map(str::to_owned).collect();
    assert!(known.contains("rollback") && known.len() > 5, "{error}");
    let shown: BTreeSet<String> = all().iter().map(|example| tag(&example.action)).collect();
    assert_eq!(shown, known, "add an example of the new kind to actions/examples.rs");
}

/// A world in memory: objects, and what mutations make of them.
#[derive(Clone, Debug, Default)]
pub struct World {
    objects: BTreeMap<ObjectRef, Value>,
    version: u64,
}

impl World {
    /// What is there before an example's action.
    pub fn before(example: &Example) -> Self {
        let mut world = Self { version: 1000, ..Self::default() };
        if !example.facts.object.is_null() {
            world.objects.insert(example.action.target(), example.facts.object.clone());
        }
        for pod in example.facts.pods.iter().flatten() {
            let of = |key: &str| pod["metadata"][key].as_str().unwrap_or_default().to_owned();
            world.objects.insert(ObjectRef::new(ObjectKind::Pod, of("namespace"), of("name")), pod.clone());
        }
        world
    }

    pub fn object(&self, target: &ObjectRef) -> Option<&Value> {
        self.objects.get(target)
    }

    /// Facts for an action in this world.
    pub fn facts(&self, target: &ObjectRef, others: &Facts) -> Facts {
        Facts { object: self.object(target).cloned().unwrap_or_default(), ..others.clone() }
    }

    /// Carries out a mutation, with its preconditions.
    pub fn send(&mut self, mutation: &Mutation) -> Result<Value, ClusterError> {
        let target = mutation.target.clone();
        let missing = || ClusterError::NotFound(target.to_string());
        self.version += 1;
        match &mutation.change {
            Change::JsonPatch(patch) => {
                let object = self.objects.get_mut(&target).ok_or_else(missing)?;
                let patch: json_patch::Patch = serde_json::from_value(patch.clone()).unwrap();
                json_patch::patch(object, &patch).map_err(|error| ClusterError::Conflict(error.to_string()))?;
            }
            Change::MergePatch(patch) | Change::StrategicPatch(patch) => {
                json_patch::merge(self.objects.get_mut(&target).ok_or_else(missing)?, patch);
            }
            Change::Delete { .. } | Change::Evict { .. } => {
                return self.objects.remove(&target).ok_or_else(missing);
            }
            Change::Create(object) => {
                let name = object["metadata"]["name"].as_str().unwrap_or(&target.name).to_owned();
                let mut object = object.clone();
                object["metadata"]["creationTimestamp"] = json!(walk::start() + chrono::TimeDelta::minutes(1));
                self.objects.insert(ObjectRef { name: name.into(), ..target }, object.clone());
                return Ok(object);
            }
            Change::Silence(silence) => {
                let id = if target.name.is_empty() { SILENCE } else { &*target.name };
                let object = json!({"id": id, "state": "active", "silence": silence, "hears": []});
                for name in [id.to_owned(), silence.key()] {
                    self.objects.insert(ObjectRef::global(ObjectKind::Silence, name), object.clone());
                }
                return Ok(object);
            }
            Change::ExpireSilence => {
                // By whatever name it is known.
                for object in self.objects.values_mut().filter(|object| object["id"] == *target.name) {
                    object["state"] = json!("expired");
                }
                return Ok(Value::Null);
            }
            Change::Flag(write) => return self.flag(&target, write),
        }
        let object = self.objects.get_mut(&target).ok_or_else(missing)?;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        if let Some(generation) = object["metadata"]["generation"].as_u64() {
            object["metadata"]["generation"] = json!(generation + 1);
        }
        Ok(object.clone())
    }

    /// A provider of flags: it compares versions, and a request for an approval changes no flag.
    fn flag(&mut self, target: &ObjectRef, write: &FlagWrite) -> Result<Value, ClusterError> {
        let object = self.objects.get_mut(target).ok_or_else(|| ClusterError::NotFound(target.to_string()))?;
        if object["version"] != json!(write.version) {
            return Err(ClusterError::Conflict("it was changed".into()));
        }
        match &write.set {
            wanted if write.as_request => object["approval"]["wants"] = json!(wanted),
            FlagChange::Enabled(enabled) => object["enabled"] = json!(enabled),
            FlagChange::Variant(variant) => object["variant"] = json!(variant),
            FlagChange::Percentage(percent) => object["percentage"] = json!(percent),
        }
        object["version"] = json!(format!("{} {} {}", object["enabled"], object["variant"], object["percentage"]));
        Ok(object.clone())
    }

    /// What verification sees: everything that rolls has rolled, and nothing fires.
    pub fn seen(&self, look: &Look) -> Seen {
        let mut object = self.object(&look.object).cloned();
        // The controller takes the canary of what was aborted away.
        if let Some(rollout) = object.as_mut().filter(|object| object["status"]["abort"] == true) {
            rollout["status"]["updatedReplicas"] = json!(0);
        }
        let is_workload = look.object.kind.workload().is_some();
        // What an autoscaler scales was not read, and is there all the same; a Job is what a trigger makes.
        let is_there = is_workload && look.object.kind != ObjectKind::Job;
        let object = object.or_else(|| is_there.then(|| json!({})));
        let rollout = RolloutStatus {
            desired: 6,
            total: 6,
            updated: 6,
            ready: 6,
            available: 6,
            phase: RolloutPhase::Complete,
            since: None,
        };
        Seen {
            object: object.ok_or_else(|| ClusterError::NotFound(look.object.to_string())),
            rollout: is_workload.then_some(rollout),
            pods: look.pods.then(|| Ok(Vec::new())),
            signals: look.signals.as_ref().map(|_| walk::healthy()),
        }
    }
}

/// Without what every write moves.
pub fn settled_fields(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for key in ["generation", "resourceVersion", "managedFields"] {
            metadata.remove(key);
        }
    }
    // A flag's version is of its state, and the first one is made up.
    if let Some(object) = object.as_object_mut().filter(|object| object.contains_key("takes")) {
        object.remove("version");
    }
    // A silence made again is by whoever made it again, from then on, under another id.
    if let Some(object) = object.as_object_mut().filter(|object| object.contains_key("silence")) {
        object.remove("id");
        if let Some(silence) = object.get_mut("silence").and_then(Value::as_object_mut) {
            silence.remove("author");
            silence.remove("starts");
        }
    }
    object
}

#[test]
fn undo_restores_what_was_there_field_by_field() {
    let mut undone = BTreeSet::new();
    for example in all() {
        let word = tag(&example.action);
        let mut world = World::before(&example);
        let target = example.action.target();
        let plan = rehearsal::plan(&example.action, &example.facts).unwrap_or_else(|why| panic!("{word}: {why}"));
        assert!(!plan.undo.words.is_empty(), "{word} does not say how it is undone");
        let before = world.object(&target).cloned();
        for step in &plan.steps {
            world.send(&step.mutation).unwrap_or_else(|why| panic!("{word}: {why}"));
        }
        let mut last = target.clone();
        for back in &plan.undo.actions {
            // It comes from a record: it has to survive the way there.
            let back: ActionKind = serde_json::from_value(serde_json::to_value(back).unwrap()).unwrap();
            let facts = world.facts(&back.target(), &example.facts);
            let undo = rehearsal::plan_of(&back, &facts, true).unwrap_or_else(|why| panic!("undo of {word}: {why}"));
            for step in &undo.steps {
                world.send(&step.mutation).unwrap_or_else(|why| panic!("undo of {word}: {why}"));
            }
            // What is made anew is found where its plan expects it.
            last = if back.target().kind == ObjectKind::Silence { undo.expect[0].1.object() } else { back.target() };
            undone.insert(word.clone());
        }
        // What was promoted can only be given up: that leads to a third state, not back.
        if plan.undo.actions.iter().all(|back| matches!(back, ActionKind::Abort(_))) {
            continue;
        }
        match before {
            Some(before) => {
                let after = world.object(&last).unwrap_or_else(|| panic!("{word}: {last} is gone"));
                assert_eq!(settled_fields(after), settled_fields(&before), "undo of {word}");
            }
            // What was made has to be over.
            None => assert!(
                world.object(&last).is_none_or(|object| object["state"] == "expired"),
                "undo of {word} leaves {last}"
            ),
        }
    }
    for word in ["rollback", "scale", "scale-bounds", "pause", "resume", "set-image", "silence", "expire-silence"] {
        assert!(undone.contains(word), "{word} was not undone");
    }
}
