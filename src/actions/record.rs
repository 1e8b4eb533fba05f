//! Audit records: an intent before anything is sent, an outcome after. Built here, written by the journal.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::ActionRequest;
use super::guardrail::GuardContext;
use super::outcome::Outcome;
use super::plan::{Plan, Revision};
use crate::domain::time::Instant;

/// Version of the record's form.
const VERSION: u32 = 1;

/// An id that joins an intent with its outcome: 16 hex digits over who, where, what and when.
pub fn id(guard: &GuardContext, plan: &Plan, now: Instant) -> String {
    let parts = [&*guard.user, &guard.context, &plan.digest, &now.to_rfc3339()].join("\0");
    let mut id = sha256_hex(parts.as_bytes());
    id.truncate(16);
    id
}

/// sha256 in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    Sha256::digest(bytes)
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .collect()
}

/// What is meant to be done.
pub fn intent(id: &str, request: &ActionRequest, guard: &GuardContext, plan: &Plan, now: Instant) -> Value {
    let mut record = head("intent", id, request, guard, now);
    record["from"] = revision(&plan.from);
    record["to"] = revision(&plan.to);
    record["diff_digest"] = json!(plan.digest);
    record["reason"] = json!(request.reason);
    record["dry_run"] = json!(request.dry_run);
    record["origin"] = json!(request.origin);
    record["production"] = json!(guard.production);
    record["confirmation"] = json!(plan.needed_confirmation());
    record["warnings"] = json!(plan.warnings.iter().map(|warning| &warning.text).collect::<Vec<_>>());
    record
}

/// What came of it.
pub fn outcome(id: &str, request: &ActionRequest, guard: &GuardContext, outcome: &Outcome, now: Instant) -> Value {
    let mut record = head("outcome", id, request, guard, now);
    record["end"] = json!(outcome.end);
    record["detail"] = json!(outcome.detail);
    record["checks"] = json!(outcome.checks);
    record["duration_ms"] = json!(outcome.duration_ms);
    record
}

/// What both have: who, where, what, when.
fn head(kind: &str, id: &str, request: &ActionRequest, guard: &GuardContext, now: Instant) -> Value {
    let target = request.action.target();
    json!({
        "v": VERSION,
        "kind": kind,
        "id": id,
        "at": now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "user": guard.user,
        "ssh_client": guard.ssh_client,
        "context": guard.context,
        "identity": guard.identity,
        "namespace": &*target.namespace,
        "action": request.action.word(),
        "target": target.to_string(),
    })
}

fn revision(revision: &Revision) -> Value {
    json!({"revision": revision.revision, "name": revision.name, "images": revision.images})
}
