//! Sends mutations: once, and says honestly what is known about them afterwards.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::access::ClusterAccess;
use super::fault::{fault, is_admission, never_sent, short};
use super::paths::{collection_of, object, with_query};
use super::transport::{Answer, Failure, Status, request};
use crate::actions::approval::{Approved, Mutator, Receipt};
use crate::domain::mutation::{Change, FIELD_MANAGER, Mutation, Preconditions, Subresource};
use crate::domain::object::ObjectKind;
use crate::ports::Future;
use crate::ports::cluster::ClusterError;
use crate::ports::feed::{Fault, FaultKind};

/// The API server itself gives up a request after 60 s.
const LONGEST: Duration = Duration::from_secs(65);

/// What an execution reads of the object afterwards.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Changed {
    metadata: ChangedMeta,
}
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ChangedMeta {
    resource_version: String,
    generation: i64,
}

impl Mutator for ClusterAccess {
    fn execute(&self, approved: Approved<Mutation>) -> Future<'_, Result<Receipt, ClusterError>> {
        Box::pin(async move {
            let answer = self.send(approved.get(), false).await?;
            // What was removed answers with a `Status`, which has neither version nor generation.
            let changed: Changed = answer
                .json()
                .map_err(|_| ClusterError::Unknown("the server accepted, but its answer was unreadable".to_owned()))?;
            Ok(Receipt {
                resource_version: changed.metadata.resource_version,
                generation: changed.metadata.generation,
                warnings: answer.warnings,
            })
        })
    }
}

/// A mutation as an HTTP request.
struct Sent {
    method: &'static str,
    path: String,
    content_type: &'static str,
    body: Value,
}

impl Sent {
    /// `None` for what does not go to the API server.
    fn of(mutation: &Mutation, dry: bool) -> Option<Self> {
        let target = &mutation.target;
        let path = object(target, mutation.subresource)?;
        let mut sent = Self { method: "PATCH", path, content_type: "application/json", body: Value::Null };
        match &mutation.change {
            Change::JsonPatch(patch) => (sent.content_type, sent.body) = ("application/json-patch+json", patch.clone()),
            Change::MergePatch(patch) => {
                (sent.content_type, sent.body) = ("application/merge-patch+json", patch.clone());
            }
            Change::StrategicPatch(patch) => {
                (sent.content_type, sent.body) = ("application/strategic-merge-patch+json", patch.clone());
            }
            Change::Delete { grace_seconds, preconditions } => {
                sent.method = "DELETE";
                sent.body = delete_options(*grace_seconds, preconditions, dry);
            }
            Change::Evict { grace_seconds, preconditions } => {
                sent.method = "POST";
                sent.path = object(target, Some(Subresource::Eviction))?;
                sent.body = json!({
                    "apiVersion": "policy/v1", "kind": "Eviction",
                    "metadata": {"name": &*target.name, "namespace": target.namespace.as_deref()},
                    "deleteOptions": delete_options(*grace_seconds, preconditions, dry),
                });
            }
            Change::Create(object) => {
                sent.method = "POST";
                sent.path = collection_of(target.kind, target.namespace.as_deref())?;
                sent.body = object.clone();
            }
            Change::Silence(_) | Change::ExpireSilence | Change::Flag(_) => return None,
        }
        let mut query = vec![];
        if !mutation.change.removes() {
            query.push(("fieldManager", FIELD_MANAGER));
        }
        if dry {
            query.push(("dryRun", "All"));
        }
        sent.path = with_query(&sent.path, &query);
        Some(sent)
    }
}

fn delete_options(grace_seconds: Option<u32>, preconditions: &Preconditions, dry: bool) -> Value {
    let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
    if let Some(grace) = grace_seconds {
        options["gracePeriodSeconds"] = json!(grace);
    }
    if let Some(uid) = &preconditions.uid {
        options["preconditions"]["uid"] = json!(uid);
    }
    if let Some(version) = &preconditions.resource_version {
        options["preconditions"]["resourceVersion"] = json!(version);
    }
    if dry {
        options["dryRun"] = json!(["All"]);
    }
    options
}

/// The verb in access reviews, and in words.
pub(super) const fn verb(change: &Change) -> &'static str {
    match change {
        Change::JsonPatch(_) | Change::MergePatch(_) | Change::StrategicPatch(_) | Change::Flag(_) => "patch",
        Change::Delete { .. } | Change::ExpireSilence => "delete",
        Change::Evict { .. } | Change::Create(_) | Change::Silence(_) => "create",
    }
}

impl ClusterAccess {
    /// One request; with `dry`, the server goes all the way but writes nothing.
    ///
    /// Custom resources may be served without a `status` of their own (Argo Rollouts before 1.0): a 404 altered nothing,
    /// so that their status is then sent to the object itself, as `kubectl argo rollouts` does.
    pub(super) async fn send(&self, mutation: &Mutation, dry: bool) -> Result<Answer, ClusterError> {
        match self.send_once(mutation, dry).await {
            Err(ClusterError::NotFound(_))
                if mutation.subresource == Some(Subresource::Status) && mutation.target.kind == ObjectKind::Rollout =>
            {
                self.send_once(&Mutation { subresource: None, ..mutation.clone() }, dry).await
            }
            answer => answer,
        }
    }

    async fn send_once(&self, mutation: &Mutation, dry: bool) -> Result<Answer, ClusterError> {
        let word = if matches!(mutation.change, Change::Evict { .. }) { "evict" } else { verb(&mutation.change) };
        let what = format!("{word} {}", mutation.target);
        let Some(sent) = Sent::of(mutation, dry) else {
            return Err(ClusterError::Rejected(format!("{what}: that is nothing of the cluster")));
        };
        let body = sent.body.to_string().into_bytes();
        let request = request(sent.method, &sent.path, Some(sent.content_type), body)
            .map_err(|failure| self.error(&failure, &what))?;
        match tokio::time::timeout(LONGEST, self.transport.send(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(failure)) => Err(self.judge(&failure, mutation, &what, dry)),
            Err(_) if dry => Err(Fault::new(FaultKind::Timeout, format!("{what}: no answer to the dry run")).into()),
            Err(_) => Err(ClusterError::Unknown(format!("{what}: no answer within {} s", LONGEST.as_secs()))),
        }
    }

    /// What a failed request says about the object. A dry run changes nothing, so nothing about it is unknown.
    fn judge(&self, failure: &Failure, mutation: &Mutation, what: &str, dry: bool) -> ClusterError {
        let server = self.transport.server();
        match failure {
            // A budget, or its controller that is not done counting, holds the eviction back for now.
            Failure::Status(status) if status.code == 429 && matches!(mutation.change, Change::Evict { .. }) => {
                let causes =
                    status.details.iter().flat_map(|details| &details.causes).map(|cause| cause.message.as_str());
                let words: Vec<&str> = std::iter::once(status.message.as_str()).chain(causes).collect();
                ClusterError::Blocked(short(&words.join(" ")))
            }
            Failure::Status(status) if is_failed_test(status, &mutation.change) => ClusterError::Conflict(
                "the object changed since it was read; read it again and look at the new plan".to_owned(),
            ),
            Failure::Status(status) if status.code >= 500 && is_admission(status) => {
                ClusterError::Rejected(short(&status.message))
            }
            // A gateway's 502, and 500 and 504 of the server, may follow a write. 503 and 429 come before one.
            Failure::Status(status) if !dry && matches!(status.code, 500 | 502 | 504) => {
                ClusterError::Unknown(short(&format!("{what}: {}", status.message)))
            }
            Failure::Transport(error) if !dry && !never_sent(error) => {
                ClusterError::Unknown(fault(failure, what, server).message)
            }
            Failure::Malformed(why) if !dry => ClusterError::Unknown(short(&format!("{what}: the server sent {why}"))),
            other => self.error(other, what),
        }
    }
}

/// The API server answers a failed `test` of a JSON Patch with 422 and the patch library's words, or with none.
fn is_failed_test(status: &Status, change: &Change) -> bool {
    let Change::JsonPatch(patch) = change else { return false };
    let has_test =
        patch.as_array().is_some_and(|operations| operations.iter().any(|operation| operation["op"] == "test"));
    let causes = status.details.iter().flat_map(|details| &details.causes).map(|cause| cause.message.as_str());
    has_test
        && matches!(status.code, 409 | 422)
        && std::iter::once(status.message.as_str()).chain(causes).any(|text| {
            text.contains("testing value")
                || text.contains("test failed")
                || text.contains("testing path")
                || text.trim_end_matches('.') == "the server rejected our request due to an error in our request"
        })
}
