//! [`ClusterAccess`]: the one object behind the ports for reads and mutations.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::fault::cluster_error;
use super::transport::{Failure, Transport};
use crate::domain::Text;
use crate::domain::text::clean;
use crate::ports::cluster::{ClusterError, Permission};

/// Reads for plans (in `reads`) and the mutator (in `mutate`).
pub struct ClusterAccess {
    pub(super) transport: Transport,
    /// User entry of the kubeconfig, for servers that do not say who we are.
    pub(super) user: Text,
}

impl ClusterAccess {
    /// Wraps the transport.
    pub fn new(transport: Transport, user: Text) -> Self {
        Self { transport, user }
    }

    /// Asks the server whether we may (SelfSubjectAccessReview). The answer is never kept.
    pub(super) async fn may(&self, asked: &Asked<'_>) -> Result<Permission, ClusterError> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Review {
            status: ReviewStatus,
        }
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        struct ReviewStatus {
            allowed: bool,
            reason: String,
            evaluation_error: String,
        }
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked},
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let answer: Review = self
            .transport
            .post_json(path, &review)
            .await
            .map_err(|failure| self.error(&failure, "ask what we are allowed to do"))?;
        let reason = [answer.status.reason, answer.status.evaluation_error].into_iter().find(|text| !text.is_empty());
        let place =
            asked.namespace.map_or_else(|| "in all namespaces".to_owned(), |name| format!("in namespace {name}"));
        Ok(Permission {
            allowed: answer.status.allowed,
            what: format!("{} {} {place}", asked.verb, asked.full_name()),
            reason: reason.map(|reason| clean(&reason).into_owned()),
        })
    }

    pub(super) fn error(&self, failure: &Failure, what: &str) -> ClusterError {
        cluster_error(failure, what, self.transport.server())
    }
}

/// What an access review asks for: the fields of `resourceAttributes`.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Asked<'a> {
    /// Namespace; `None` is all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<&'a str>,
    /// Verb.
    pub verb: &'a str,
    /// API group, empty for core.
    pub group: &'a str,
    /// Plural name.
    pub resource: &'a str,
    /// Part of it with a path of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<&'a str>,
    /// One object; `None` is any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
}

impl Asked<'_> {
    /// `deployments.apps`, `pods/eviction`.
    fn full_name(&self) -> String {
        let mut name = self.resource.to_owned();
        if !self.group.is_empty() {
            name.extend([".", self.group]);
        }
        if let Some(subresource) = self.subresource {
            name.extend(["/", subresource]);
        }
        name
    }
}
