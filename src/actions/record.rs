//! Audit records: an intent before anything is sent, an outcome after. Built here, written by the journal.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::compare::MOST_CHANGES;
use super::guardrail::{GuardContext, is_recordable};
use super::outcome::Outcome;
use super::plan::{FieldChange, Plan, Revision};
use super::{ActionRequest, compare};
use crate::domain::mutation::Mutation;
use crate::domain::text::clean;
use crate::domain::time::Instant;

/// Version of the record's form.
const VERSION: u32 = 1;

/// An id that joins an intent with its outcome: 16 hex digits over who, where, what and when.
pub fn id(guard: &GuardContext, plan: &Plan, now: Instant) -> String {
    let parts = [&*guard.user, &guard.context, &plan.digest, &now.to_rfc3339()].join("\0");
    short(parts.as_bytes())
}

fn short(bytes: &[u8]) -> String {
    let mut id = sha256_hex(bytes);
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

/// sha256 of what is sent, hex: object keys in order, so that it does not depend on how the JSON came.
pub fn digest(mutations: &[&Mutation]) -> String {
    let canonical =
        serde_json::to_value(mutations).map(|value| compare::sorted(&value).to_string()).unwrap_or_default();
    sha256_hex(canonical.as_bytes())
}

/// What is meant to be done.
///
/// `undo` and `expect` are data ([`super::ActionKind`], [`super::expectation::Expectation`]): an action can be taken back
/// from the audit log, and what a crash left open can be settled, with nothing else at hand.
/// `before` ([`super::before::of`]) makes the latter surer.
pub fn intent(
    id: &str,
    request: &ActionRequest,
    guard: &GuardContext,
    plan: &Plan,
    before: Vec<Value>,
    now: Instant,
) -> Value {
    let mut record = head("intent", id, request, guard, now);
    if let Some(revisions) = &plan.revisions {
        record["from"] = revision(&revisions.from);
        record["to"] = revision(&revisions.to);
    }
    record["changes"] = json!(plan.changes.iter().take(MOST_CHANGES).map(change).collect::<Vec<_>>());
    record["diff_digest"] = json!(plan.digest);
    record["pods"] = json!(plan.blast.pods);
    record["steps"] = json!(plan.steps.iter().map(|step| &step.title).collect::<Vec<_>>());
    record["dry_run_result"] = json!(plan.dry_run());
    record["permission"] = json!(plan.permission());
    record["dry_run"] = json!(request.dry_run);
    record["production"] = json!(guard.production);
    record["confirmation"] = json!(plan.needed_confirmation());
    record["warnings"] = json!(plan.warnings.iter().map(|warning| &warning.text).collect::<Vec<_>>());
    record["undo"] = json!(plan.undo);
    record["expect"] = json!(plan.expect.iter().map(|(_, expectation)| expectation).collect::<Vec<_>>());
    record["before"] = Value::Array(before);
    record
}

/// A change, with its values only where they cannot be secrets: images and counts, not variables and arguments.
fn change(change: &FieldChange) -> Value {
    let field = change.path.rsplit(": ").next().unwrap_or_default();
    let spoken = ["command", "args", "env", "envFrom", "annotations", "labels"];
    if field.contains(' ') || spoken.contains(&field) {
        return json!({"path": change.path});
    }
    json!(change)
}

/// What came of it.
pub fn outcome(id: &str, request: &ActionRequest, guard: &GuardContext, outcome: &Outcome, now: Instant) -> Value {
    let mut record = head("outcome", id, request, guard, now);
    record["end"] = json!(outcome.end);
    record["detail"] = json!(outcome.detail);
    record["checks"] = json!(outcome.checks);
    if !outcome.steps.is_empty() {
        record["steps"] = json!(outcome.steps);
    }
    record["duration_ms"] = json!(outcome.duration_ms);
    record
}

/// What was not let through. Nothing was sent, and there is no intent.
pub fn refusal(request: &ActionRequest, guard: &GuardContext, outcome: &Outcome, now: Instant) -> Value {
    let seed = [&*guard.user, &guard.context, request.action.word(), &now.to_rfc3339()].join("\0");
    let mut record = head("refusal", &short(seed.as_bytes()), request, guard, now);
    record["end"] = json!(outcome.end);
    record["detail"] = json!(outcome.detail);
    record
}

/// What both have: who, where, what, when.
fn head(kind: &str, id: &str, request: &ActionRequest, guard: &GuardContext, now: Instant) -> Value {
    let target = request.action.target();
    let mut record = json!({
        "v": VERSION,
        "kind": kind,
        "id": id,
        "at": now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "user": guard.user,
        "ssh_client": guard.ssh_client,
        "context": guard.context,
        "identity": guard.identity,
        "namespace": target.namespace.as_deref().unwrap_or_default(),
        "action": request.action.word(),
        "target": clean(&target.to_string()),
        "origin": request.origin,
        // What was refused for its length or its characters is not written either.
        "reason": request.reason.as_deref().filter(|text| is_recordable(text)),
        "incident": request.incident.as_deref().filter(|text| is_recordable(text)),
    });
    if !request.more.is_empty() {
        let targets: Vec<_> =
            request.actions().map(|action| clean(&action.target().to_string()).into_owned()).collect();
        record["targets"] = json!(targets);
        record["on_failure"] = json!(request.on_failure);
    }
    if let Some(from) = &request.runbook {
        record["runbook"] = json!({"id": clean(&from.id), "step": clean(&from.step)});
    }
    if let Some(why) = request.break_glass.as_deref().filter(|text| is_recordable(text)) {
        record["break_glass"] = json!(why);
    }
    if let Some(undone) = &request.undo_of {
        record["undo_of"] = json!(undone);
    }
    if let Some(step) = &request.step {
        record["step"] = json!(step);
    }
    record
}

fn revision(revision: &Revision) -> Value {
    json!({"revision": revision.revision, "name": revision.name, "images": revision.images})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::door::walk::{guard, payment};
    use crate::actions::guardrail::ConfirmLevel;
    use crate::actions::{Origin, RunbookStep};

    #[test]
    fn the_step_of_a_runbook_that_asked_is_named() {
        let mut request = ActionRequest::rollback(payment(), None, Origin::Runbook);
        request.runbook = Some(RunbookStep { id: "high-error-rate".into(), step: "roll-\u{1b}[31mback".into() });
        let record = head("intent", "a", &request, &guard(ConfirmLevel::Yes), Instant::UNIX_EPOCH);
        assert_eq!((&record["origin"], &record["runbook"]["id"]), (&json!("runbook"), &json!("high-error-rate")));
        assert!(!record["runbook"]["step"].as_str().is_some_and(|step| step.contains('\u{1b}')));
        request.runbook = None;
        assert!(head("intent", "a", &request, &guard(ConfirmLevel::Yes), Instant::UNIX_EPOCH).get("runbook").is_none());
    }

    #[test]
    fn values_that_may_be_secrets_stay_out_of_the_log() {
        let of = |path: &str| {
            change(&FieldChange { path: path.into(), before: Some("a".into()), after: Some("b".into()) })["after"]
                .clone()
        };
        for path in ["image", "app: image", "replicas", "payment: app: image", "maxReplicas"] {
            assert_eq!(of(path), "b", "{path}");
        }
        for path in ["env TOKEN", "app: env TOKEN", "args", "app: command", "annotations x/y", "container app"] {
            assert_eq!(of(path), Value::Null, "{path}");
        }
    }
}
