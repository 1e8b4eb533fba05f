//! Word in the cluster of what was done: an Event on the object, for people who look there and not in our audit log.
//!
//! Best effort, after the outcome is on disk: it may be forbidden, and whatever comes of it changes nothing.

use serde_json::{Value, json};

use super::ActionRequest;
use super::guardrail::GuardContext;
use super::manifest::raw;
use super::outcome::{End, Outcome};
use crate::domain::mutation::{Change, Mutation};
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::domain::text::clean;
use crate::domain::time::Instant;

/// The API's limit of an Event's message, in bytes.
const LONGEST: usize = 1024;

/// The Event on one target; `None` for what is not in the cluster. `object` is the target as it was read.
pub fn event(
    request: &ActionRequest,
    guard: &GuardContext,
    target: &ObjectRef,
    object: &Value,
    outcome: &Outcome,
    now: Instant,
) -> Option<Mutation> {
    target.kind.api()?;
    // Events of what has no namespace live in `default`, as kubelet's do.
    let namespace = target.namespace.clone().unwrap_or_else(|| "default".into());
    let at = now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let mut message = format!("{} by {}", outcome.detail, guard.user);
    for why in [&request.reason, &request.incident].into_iter().flatten() {
        message.extend([": ", why]);
    }
    let event = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": format!("{}.opsdeck-", target.name), "namespace": &*namespace},
        "involvedObject": {
            "apiVersion": target.kind.api_version(), "kind": target.kind.kind(), "name": &*target.name,
            "namespace": target.namespace.as_deref().unwrap_or_default(), "uid": raw(object, &["metadata", "uid"]),
        },
        "type": if outcome.end == End::Done { "Normal" } else { "Warning" },
        "reason": reason(request.action.word()),
        "action": request.action.word(),
        "message": cut(&clean(&message)),
        "source": {"component": "opsdeck"},
        "reportingComponent": "opsdeck",
        "reportingInstance": guard.user,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    });
    let new = ObjectRef::new(ObjectKind::Event, namespace, "");
    Some(Mutation::new(new, Change::Create(event)))
}

/// `set-image` as `SetImage`, the form of every reason.
fn reason(word: &str) -> String {
    word.split('-')
        .map(|part| {
            let mut part = part.to_owned();
            if let Some(first) = part.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            part
        })
        .collect()
}

fn cut(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}
