//! What can be wrong with a container: by its release, by its configuration, or by its node.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::behaviour::{self, Behaviour, Ending, PullError};
use super::naming;
use super::object::{condition, instant, items, text, uid};

/// A kind of trouble that a container is in; its log tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plight {
    /// Its pricing table lacks a key: most requests fail, and then the process gives up.
    Pricing,
    /// It does not know the keys that older sessions are signed with: some requests fail.
    Keys,
    /// Its data cannot be upgraded in one step: it ends as soon as it has looked at them.
    Upgrade,
    /// The disk of its node takes no writes: it serves for a while and ends.
    Disk,
}

/// The condition of a node whose disk takes no writes.
pub const READ_ONLY: &str = "ReadonlyFilesystem";

/// Since when a node's disk takes no writes.
pub fn read_only_since(node: &Value) -> Option<DateTime<Utc>> {
    let condition = condition(node, READ_ONLY).filter(|condition| condition["status"] == "True")?;
    instant(condition, "/lastTransitionTime")
}

/// How a container behaves on the node that its pod is on.
pub fn of_container(pod: &Value, container: &Value, node: Option<&Value>) -> Result<Behaviour, PullError> {
    let behaviour = behaviour::of_container(pod, container)?;
    let Some(since) = node.and_then(read_only_since) else { return Ok(behaviour) };
    let main = items(pod, "/spec/containers").first().is_some_and(|first| first["name"] == container["name"]);
    let owner = items(pod, "/metadata/ownerReferences").first().map(|owner| text(owner, "/kind")).unwrap_or_default();
    // What only passes traffic on or watches the node writes nothing.
    if !main || owner == "DaemonSet" || behaviour.ending.is_some() {
        return Ok(behaviour);
    }
    let started = items(pod, "/status/containerStatuses")
        .iter()
        .find(|status| status["name"] == container["name"])
        .and_then(|status| instant(status, "/state/running/startedAt"));
    // It fails at its first write after the disk did.
    let grace = TimeDelta::seconds(18 + (naming::digest(&[uid(pod), "disk"]) % 20).cast_signed());
    let before = started.map_or(TimeDelta::zero(), |started| (since - started).max(TimeDelta::zero()));
    let after = (before + grace).to_std().unwrap_or_default();
    Ok(Behaviour {
        ending: Some(Ending { after, code: 1, reason: "Error" }),
        fails: 0.1,
        plight: Some(Plight::Disk),
        ..behaviour
    })
}
