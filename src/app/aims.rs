//! From an object and a filled-in form to an action, where that takes more than the object's name; and the objects of
//! which an alert's row speaks.
//!
//! A silence that is yet to be made is a silence without a name ([`new_silence`]).

use std::collections::BTreeMap;

use crate::actions::ActionKind;
use crate::actions::flag::SetFlag;
use crate::actions::scale::{Replicas, Scale};
use crate::actions::scale_bounds::ScaleBounds;
use crate::actions::set_image::SetImage;
use crate::actions::silence::{SilenceAlerts, Until};
use crate::actions::silence_change::ExtendSilence;
use crate::domain::Text;
use crate::domain::flag::{FlagChange, FlagRef};
use crate::domain::mutation::Matcher;
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::state::form::{Field, Form, Topic, served};
use crate::state::rows::AlertRow;

/// The silence of an alert that has none yet.
pub(super) fn new_silence() -> ObjectRef {
    ObjectRef::global(ObjectKind::Silence, "")
}

/// What an alert's row speaks of beside its workload: the silences that keep it quiet, and one more that could.
pub(super) fn silences_of(row: &AlertRow) -> Vec<ObjectRef> {
    let mut silences = Vec::new();
    for id in row.all.iter().flat_map(|alert| &alert.silences) {
        let silence = ObjectRef::global(ObjectKind::Silence, id.clone());
        if !silences.contains(&silence) {
            silences.push(silence);
        }
    }
    silences.push(new_silence());
    silences
}

/// The id of a silence that is there.
pub(super) fn known_silence(object: &ObjectRef) -> Option<String> {
    (object.kind == ObjectKind::Silence && !object.name.is_empty()).then(|| object.name.to_string())
}

/// The name of a node.
pub(super) fn node(object: &ObjectRef) -> Option<Text> {
    (object.kind == ObjectKind::Node).then(|| object.name.clone())
}

/// Another number of pods; of an autoscaler, other bounds, of which only those that were altered are sent.
pub(super) fn scale(object: &ObjectRef, form: Option<&Form>) -> Option<ActionKind> {
    if object.kind == ObjectKind::HorizontalPodAutoscaler {
        let altered = |topic| form?.field(topic).filter(|field: &&Field| field.is_altered())?.text()?.parse().ok();
        let (min, max) = (altered(Topic::Minimum), altered(Topic::Maximum));
        let (namespace, hpa) = (object.namespace.clone()?, object.name.clone());
        return Some(ActionKind::ScaleBounds(ScaleBounds { namespace, hpa, min, max }));
    }
    let replicas = match form {
        Some(form) => Replicas::parse(form.text(Topic::Replicas)?)?,
        None => Replicas::To(1),
    };
    object.workload().map(|target| ActionKind::Scale(Scale { target, replicas }))
}

pub(super) fn set_image(object: &ObjectRef, form: Option<&Form>) -> Option<ActionKind> {
    let (container, image) = match form {
        Some(form) => (form.text(Topic::Container).unwrap_or_default(), form.text(Topic::Image)?),
        None => ("", "image"),
    };
    let (container, image) = (container.to_owned(), image.to_owned());
    let target = object.workload().filter(|target| target.kind.rolls_out())?;
    Some(ActionKind::SetImage(SetImage { target, container, image }))
}

/// Another share of users, or another variant, of a flag.
pub(super) fn set_flag(object: &ObjectRef, form: Option<&Form>) -> Option<ActionKind> {
    let set = match form {
        Some(form) => served(form.text(Topic::Serves)?).ok()?,
        None => FlagChange::Percentage(100),
    };
    FlagRef::of_object(object).map(|flag| ActionKind::Flag(SetFlag { flag, set, about: None }))
}

pub(super) fn silence(object: &ObjectRef, form: Option<&Form>) -> Option<ActionKind> {
    if *object != new_silence() {
        return None;
    }
    let (matchers, until, comment, chosen) = match form {
        Some(form) => (
            form.texts(Topic::Matcher).filter_map(|text| Matcher::parse(text).ok()).collect(),
            Until::parse(form.text(Topic::Span)?).ok()?,
            form.text(Topic::Comment)?.to_owned(),
            form.alert.clone(),
        ),
        None => (vec![Matcher::is("alertname", "x")], Until::For(60), "x".to_owned(), None),
    };
    Some(ActionKind::Silence(SilenceAlerts { matchers, until, comment, chosen }))
}

pub(super) fn extend(object: &ObjectRef, form: Option<&Form>) -> Option<ActionKind> {
    let until = match form {
        Some(form) => Until::parse(form.text(Topic::Span)?).ok()?,
        None => Until::For(60),
    };
    known_silence(object).map(|id| ActionKind::ExtendSilence(ExtendSilence { id, until }))
}

/// The matchers that are offered for a row: every label of its one alert; of several, what they have in common.
pub(super) fn matchers(row: &AlertRow) -> Vec<Matcher> {
    let shared = row
        .alert
        .labels
        .iter()
        .filter(|(name, value)| row.all.iter().all(|alert| alert.labels.get(*name) == Some(value)));
    shared.map(|(name, value)| Matcher::is(&**name, &**value)).collect()
}

/// The labels of a row's one alert; none where it stands for several.
pub(super) fn only_alert(row: &AlertRow) -> Option<BTreeMap<String, String>> {
    let labels = || row.alert.labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    (row.all.len() == 1).then(labels)
}
