//! One line of a watch, and what the server's answers say about our place in its history.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::transport::{Failure, Status, parse};

/// A line: the type of the event and its object, not read yet.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK`, `ERROR`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// The object.
    #[serde(borrow)]
    pub object: &'a RawValue,
}

#[derive(Deserialize)]
struct Versioned {
    metadata: Version,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    resource_version: String,
}

/// Reads a line, or says what came instead.
pub(super) fn frame(line: &[u8]) -> Result<Frame<'_>, Failure> {
    serde_json::from_slice(line).map_err(|_| {
        let unknown = || Failure::Malformed("a watch event of an unknown form".to_owned());
        parse::<serde_json::Value>(line).err().unwrap_or_else(unknown)
    })
}

/// The version that the object of a line has.
pub(super) fn version_of(line: &[u8]) -> Option<String> {
    let frame: Frame<'_> = serde_json::from_slice(line).ok()?;
    let object: Versioned = serde_json::from_str(frame.object.get()).ok()?;
    Some(object.metadata.resource_version).filter(|version| !version.is_empty())
}

/// Does the server no longer know our place (or, restored from a backup, not know it yet)?
pub(super) fn is_expired(status: &Status) -> bool {
    status.code == 410
        || matches!(status.reason.as_str(), "Expired" | "Gone")
        || status.message.contains("Too large resource version")
}

/// Is the store at an older version than we have seen of it? Versions of one store are comparable numbers (documented
/// since Kubernetes 1.35); text that is no number proves nothing.
pub(super) fn went_back(ours: &str, theirs: &str) -> bool {
    matches!((ours.parse::<u64>(), theirs.parse::<u64>()), (Ok(ours), Ok(theirs)) if theirs < ours)
}

/// A server that has just started knows the users before it knows the roles, and refuses everything for a moment.
pub(super) fn is_not_ready(status: &Status) -> bool {
    status.message.contains("RBAC:") && status.message.contains("not found")
}

/// Is the failure certainly that of a server which has been there all the time? Everything else may have been a restart,
/// and the store may have been replaced meanwhile.
pub(super) fn keeps_place(failure: &Failure) -> bool {
    match failure {
        Failure::Status(status) => matches!(status.code, 401 | 403 | 429),
        Failure::Credentials(_) => true,
        Failure::Transport(_) | Failure::Malformed(_) => false,
    }
}
