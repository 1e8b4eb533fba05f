//! Sends mutations: once, and says honestly what is known about them afterwards.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::access::ClusterAccess;
use super::fault::{fault, is_admission, never_sent, short};
use super::paths::{with_query, workload};
use super::transport::{Answer, Failure, Status, request};
use crate::actions::approval::{Approved, Mutator, Receipt};
use crate::domain::mutation::{Change, Mutation};
use crate::ports::Future;
use crate::ports::cluster::ClusterError;
use crate::ports::feed::{Fault, FaultKind};

/// Who wrote, in `managedFields`.
const FIELD_MANAGER: &str = "opsdeck";
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
            let answer = self.patch(approved.get(), false).await?;
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

impl ClusterAccess {
    /// One PATCH; with `dry`, the server goes all the way but writes nothing.
    pub(super) async fn patch(&self, mutation: &Mutation, dry: bool) -> Result<Answer, ClusterError> {
        let Change::JsonPatch(patch) = &mutation.change;
        let what = format!("patch {}", mutation.target);
        let mut query = vec![("fieldManager", FIELD_MANAGER)];
        if dry {
            query.push(("dryRun", "All"));
        }
        let request = request(
            "PATCH",
            &with_query(&workload(&mutation.target), &query),
            Some("application/json-patch+json"),
            patch.to_string().into_bytes(),
        )
        .map_err(|failure| self.error(&failure, &what))?;
        match tokio::time::timeout(LONGEST, self.transport.send(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(failure)) => Err(self.judge(&failure, patch, &what, dry)),
            Err(_) if dry => Err(Fault::new(FaultKind::Timeout, format!("{what}: no answer to the dry run")).into()),
            Err(_) => Err(ClusterError::Unknown(format!("{what}: no answer within {} s", LONGEST.as_secs()))),
        }
    }

    /// What a failed PATCH says about the object. A dry run changes nothing, so nothing about it is unknown.
    fn judge(&self, failure: &Failure, patch: &Value, what: &str, dry: bool) -> ClusterError {
        let server = self.transport.server();
        match failure {
            Failure::Status(status) if is_failed_test(status, patch) => ClusterError::Conflict(
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
fn is_failed_test(status: &Status, patch: &Value) -> bool {
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
