//! ControllerRevisions: how StatefulSets and DaemonSets remember the templates they had.

use std::sync::Arc;

use serde_json::{Value, json};

use super::naming::{same_template, template_hash, without_hash};
use super::object::{controlled_by, field, int, int_or, name, namespace};
use super::turn::Turn;
use crate::lab::kubernetes::resources::CONTROLLERREVISIONS;

/// The label by which a pod says which revision it was made from.
pub const REVISION_HASH: &str = "controller-revision-hash";

/// The revision of an owner's template: its name, and `number` in the order of revisions.
pub fn revision_of(owner: &Value, template: &Value, number: i64) -> Value {
    let hash = template_hash(template, 0);
    let mut template = without_hash(template);
    template["$patch"] = json!("replace");
    let mut labels = template["metadata"]["labels"].clone();
    if !labels.is_object() {
        labels = json!({});
    }
    labels[REVISION_HASH] = json!(hash);
    let mut revision = json!({
        "metadata": {
            "name": format!("{}-{hash}", name(owner)),
            "namespace": namespace(owner),
            "labels": labels,
            "ownerReferences": [controlled_by(owner)],
        },
        "data": {"spec": {"template": template}},
        "revision": number,
    });
    if let Some(annotations) = field(owner, "/metadata/annotations").and_then(Value::as_object) {
        let kept: serde_json::Map<_, _> = annotations
            .iter()
            .filter(|(key, _)| *key != "kubectl.kubernetes.io/last-applied-configuration")
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        revision["metadata"]["annotations"] = Value::Object(kept);
    }
    revision
}

/// Finds or makes the revision of the owner's template, so that it is the newest one, and forgets
/// those beyond `revisionHistoryLimit` that `in_use` does not name. Gives the current revision.
pub fn sync(turn: &Turn<'_>, owner: &Value, in_use: &dyn Fn(&str) -> bool) -> Option<Arc<Value>> {
    let mut revisions = turn.controlled(&CONTROLLERREVISIONS, owner);
    revisions.sort_by_key(|revision| int(revision, "/revision"));
    let newest = revisions.last().map_or(0, |revision| int(revision, "/revision"));
    let template = &owner["spec"]["template"];
    let known = revisions.iter().position(|revision| same_template(&revision["data"]["spec"]["template"], template));
    let current = match known {
        Some(index) if int(&revisions[index], "/revision") == newest => revisions[index].clone(),
        // A template that was there before becomes the newest again.
        Some(index) => turn.modify(&CONTROLLERREVISIONS, &revisions[index], |r| r["revision"] = json!(newest + 1))?,
        None => turn.store.create(&CONTROLLERREVISIONS, revision_of(owner, template, newest + 1)).ok()?,
    };
    let limit = usize::try_from(int_or(owner, "/spec/revisionHistoryLimit", 10)).unwrap_or(usize::MAX);
    let idle: Vec<_> = revisions.iter().filter(|r| name(r) != name(&current) && !in_use(name(r))).collect();
    for old in idle.iter().take(idle.len().saturating_sub(limit)) {
        // Somebody else may have removed it.
        let _ = turn.store.delete(&CONTROLLERREVISIONS, namespace(old), name(old));
    }
    Some(current)
}

/// The template that a revision holds.
pub fn template(revision: &Value) -> Value {
    let mut template = revision["data"]["spec"]["template"].clone();
    if let Some(template) = template.as_object_mut() {
        template.remove("$patch");
    }
    template
}
