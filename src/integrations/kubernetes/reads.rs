//! Fresh reads for plans: facts, permissions, the rollout as it is now, and who we are.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::access::{Asked, ClusterAccess};
use super::lean::List;
use super::paths::{escape, kind, with_query, workload};
use super::rows::{progressive, rollout};
use super::transport::Failure;
use crate::domain::mutation::Mutation;
use crate::domain::rollout::RolloutStatus;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::domain::text::clean;
use crate::ports::Future;
use crate::ports::cluster::{Cluster, ClusterError, DryRun, Permission, RollbackFacts};

impl Cluster for ClusterAccess {
    fn rollback_facts<'a>(&'a self, target: &'a WorkloadRef) -> Future<'a, Result<RollbackFacts, ClusterError>> {
        Box::pin(self.facts(target))
    }

    fn permission<'a>(&'a self, mutation: &'a Mutation) -> Future<'a, Result<Permission, ClusterError>> {
        Box::pin(self.review(mutation))
    }

    fn dry_run<'a>(&'a self, mutation: &'a Mutation) -> Future<'a, Result<DryRun, ClusterError>> {
        Box::pin(async move {
            let answer = self.patch(mutation, true).await?;
            let object = answer.json().map_err(|failure| self.error(&failure, "read the dry run's answer"))?;
            Ok(DryRun { object, warnings: answer.warnings })
        })
    }

    fn rollout<'a>(&'a self, target: &'a WorkloadRef) -> Future<'a, Result<RolloutStatus, ClusterError>> {
        Box::pin(self.rollout_now(target))
    }

    fn identity(&self) -> Future<'_, Result<String, ClusterError>> {
        Box::pin(self.who())
    }
}

/// What a list of whole objects needs to be walked.
type Objects = List<Value>;

impl ClusterAccess {
    async fn read<T: DeserializeOwned>(&self, target: &WorkloadRef) -> Result<T, ClusterError> {
        let what = format!("{target} in namespace {}", target.namespace);
        self.transport.get_json(&workload(target)).await.map_err(|failure| self.error(&failure, &what))
    }

    async fn list(&self, path: &str, selector: Option<&str>) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let mut token = String::new();
        loop {
            let mut query = vec![("limit", "500")];
            query.extend(selector.map(|selector| ("labelSelector", selector)));
            if !token.is_empty() {
                query.push(("continue", &token));
            }
            let page: Objects = self.transport.get_json(&with_query(path, &query)).await?;
            items.extend(page.items);
            token = page.metadata.next;
            if token.is_empty() {
                return Ok(items);
            }
        }
    }

    async fn facts(&self, target: &WorkloadRef) -> Result<RollbackFacts, ClusterError> {
        let revisions = match target.kind {
            WorkloadKind::Deployment => "replicasets",
            WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => "controllerrevisions",
            WorkloadKind::Rollout | WorkloadKind::ReplicaSet | WorkloadKind::CronJob | WorkloadKind::Job => {
                return Err(ClusterError::Rejected(format!("a {} has no revisions", target.kind.kind())));
            }
        };
        let object: Value = self.read(target).await?;
        let namespace = escape(&target.namespace);
        let path = format!("/apis/apps/v1/namespaces/{namespace}/{revisions}");
        let what = format!("list {revisions} in namespace {}", target.namespace);
        let selector = selector(&object["spec"]["selector"]);
        let mut revisions = self.list(&path, Some(&selector)).await.map_err(|failure| self.error(&failure, &what))?;
        let uid = object["metadata"]["uid"].clone();
        revisions.retain(|revision| {
            revision["metadata"]["ownerReferences"]
                .as_array()
                .is_some_and(|owners| owners.iter().any(|owner| owner["controller"] == true && owner["uid"] == uid))
        });
        let path = format!("/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers");
        let autoscalers = match self.list(&path, None).await {
            Ok(items) => Some(items),
            Err(Failure::Status(status)) if matches!(status.code, 403 | 404) => None,
            Err(failure) => return Err(self.error(&failure, "list horizontalpodautoscalers")),
        };
        Ok(RollbackFacts { workload: object, revisions, autoscalers })
    }

    async fn review(&self, mutation: &Mutation) -> Result<Permission, ClusterError> {
        let target = &mutation.target;
        let (group, _, plural) = kind(target.kind);
        let what = format!("patch {plural}.{group} in namespace {}", target.namespace);
        let asked = Asked {
            namespace: Some(&target.namespace),
            verb: "patch",
            group,
            resource: plural,
            name: Some(&target.name),
        };
        let permission = self.may(&asked).await?;
        Ok(Permission { what, ..permission })
    }

    async fn rollout_now(&self, target: &WorkloadRef) -> Result<RolloutStatus, ClusterError> {
        match target.kind {
            WorkloadKind::Deployment => Ok(rollout::deployment(&self.read(target).await?)),
            WorkloadKind::StatefulSet => Ok(rollout::stateful_set(&self.read(target).await?)),
            WorkloadKind::DaemonSet => Ok(rollout::daemon_set(&self.read(target).await?)),
            WorkloadKind::ReplicaSet => Ok(rollout::replica_set(&self.read(target).await?)),
            WorkloadKind::Rollout => Ok(progressive::status(&self.read(target).await?)),
            WorkloadKind::CronJob | WorkloadKind::Job => {
                Err(ClusterError::Rejected(format!("a {} has no rollout", target.kind.kind())))
            }
        }
    }

    async fn who(&self) -> Result<String, ClusterError> {
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let answer: Result<Value, _> =
            self.transport.post_json("/apis/authentication.k8s.io/v1/selfsubjectreviews", &review).await;
        match answer {
            Ok(answer) => {
                let name = answer["status"]["userInfo"]["username"].as_str().filter(|name| !name.is_empty());
                Ok(name.map_or_else(|| self.user.to_string(), |name| clean(name).into_owned()))
            }
            // Not served before 1.28, and some platforms forbid it.
            Err(Failure::Status(status)) if matches!(status.code, 403 | 404) => Ok(self.user.to_string()),
            Err(failure) => Err(self.error(&failure, "ask who we are")),
        }
    }
}

/// A `LabelSelector` as the query parameter writes it.
pub fn selector(selector: &Value) -> String {
    let mut parts = Vec::new();
    if let Some(labels) = selector["matchLabels"].as_object() {
        parts.extend(labels.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())));
    }
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = expression["key"].as_str().unwrap_or_default();
        let values: Vec<_> = expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let values = values.join(",");
        match expression["operator"].as_str() {
            Some("In") => parts.push(format!("{key} in ({values})")),
            Some("NotIn") => parts.push(format!("{key} notin ({values})")),
            Some("Exists") => parts.push(key.to_owned()),
            Some("DoesNotExist") => parts.push(format!("!{key}")),
            _ => {}
        }
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_written_as_the_query_wants_them() {
        let value = json!({"matchLabels": {"app": "payment"}, "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "canary", "operator": "DoesNotExist"}]});
        assert_eq!(selector(&value), "app=payment,tier in (a,b),!canary");
    }
}
