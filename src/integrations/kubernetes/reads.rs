//! Fresh reads for plans: facts, permissions, the rollout as it is now, and who we are.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::{Asked, ClusterAccess};
use super::lean::List;
use super::lean::argo_rollout::LeanRollout;
use super::lean::daemon_set::LeanDaemonSet;
use super::lean::deployment::LeanDeployment;
use super::lean::replica_set::LeanReplicaSet;
use super::lean::stateful_set::LeanStatefulSet;
use super::mutate::verb;
use super::paths::{collection_of, escape, object, with_query};
use super::rows::{progressive, rollout};
use super::transport::Failure;
use crate::domain::mutation::{Change, Mutation, Subresource};
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::domain::rollout::RolloutStatus;
use crate::domain::text::clean;
use crate::ports::Future;
use crate::ports::cluster::{Cluster, ClusterError, DryRun, Facts, Look, Needs, Part, Permission, Seen};

/// Owners are looked up no higher than this; two levels are the most that the built-in controllers make.
const DEEPEST: usize = 4;
/// So many owners are read at the same time.
const AT_ONCE: usize = 8;
/// The kinds that own others.
const OWNERS: [ObjectKind; 7] = [
    ObjectKind::ReplicaSet,
    ObjectKind::Deployment,
    ObjectKind::StatefulSet,
    ObjectKind::DaemonSet,
    ObjectKind::Job,
    ObjectKind::CronJob,
    ObjectKind::Rollout,
];

impl Cluster for ClusterAccess {
    fn facts<'a>(&'a self, needs: &'a Needs) -> Future<'a, Result<Facts, ClusterError>> {
        Box::pin(self.gather(needs))
    }

    fn permission<'a>(&'a self, mutation: &'a Mutation) -> Future<'a, Result<Permission, ClusterError>> {
        Box::pin(self.review(mutation))
    }

    fn dry_run<'a>(&'a self, mutation: &'a Mutation) -> Future<'a, Result<DryRun, ClusterError>> {
        Box::pin(async move {
            let answer = self.send(mutation, true).await?;
            let object = answer.json().map_err(|failure| self.error(&failure, "read the dry run's answer"))?;
            Ok(DryRun { object, warnings: answer.warnings })
        })
    }

    fn look<'a>(&'a self, look: &'a Look) -> Future<'a, Seen> {
        Box::pin(async move {
            let object = self.object(&look.object).await;
            let rollout = object.as_ref().ok().and_then(|object| rollout_of(look.object.kind, object));
            let pods = match &object {
                Ok(object) if look.pods => Some(self.pods(&look.object, object).await),
                _ => None,
            };
            Seen { object, rollout, pods, signals: None }
        })
    }

    fn identity(&self) -> Future<'_, Result<String, ClusterError>> {
        Box::pin(self.who())
    }
}

/// The rollout that an object tells of.
fn rollout_of(kind: ObjectKind, object: &Value) -> Option<RolloutStatus> {
    match kind {
        ObjectKind::Deployment => Some(rollout::deployment(&LeanDeployment::deserialize(object).ok()?)),
        ObjectKind::StatefulSet => Some(rollout::stateful_set(&LeanStatefulSet::deserialize(object).ok()?)),
        ObjectKind::DaemonSet => Some(rollout::daemon_set(&LeanDaemonSet::deserialize(object).ok()?)),
        ObjectKind::ReplicaSet => Some(rollout::replica_set(&LeanReplicaSet::deserialize(object).ok()?)),
        ObjectKind::Rollout => Some(progressive::status(&LeanRollout::deserialize(object).ok()?)),
        _ => None,
    }
}

/// What a list of whole objects needs to be walked.
type Objects = List<Value>;

impl ClusterAccess {
    /// One object, whole.
    async fn object(&self, target: &ObjectRef) -> Result<Value, ClusterError> {
        let what = format!("{target}{}", target.place());
        let path = object(target, None).ok_or_else(|| ClusterError::NotFound(what.clone()))?;
        self.transport.get_json(&path).await.map_err(|failure| self.error(&failure, &what))
    }

    async fn list(&self, path: &str, selector: Option<&str>) -> Result<Vec<Value>, Failure> {
        let query: Vec<_> = selector.map(|selector| ("labelSelector", selector)).into_iter().collect();
        self.listed(path, &query).await
    }

    async fn listed(&self, path: &str, narrowed: &[(&str, &str)]) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let mut token = String::new();
        loop {
            let mut query = vec![("limit", "500")];
            query.extend(narrowed);
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

    async fn gather(&self, needs: &Needs) -> Result<Facts, ClusterError> {
        let target = &needs.target;
        // What an action creates has no name yet.
        let object = if target.name.is_empty() { Value::Null } else { self.object(target).await? };
        let mut facts = Facts::default();
        for part in &needs.parts {
            match part {
                Part::Revisions => facts.revisions = Some(self.revisions(target, &object).await?),
                Part::Pods => facts.pods = may_be_hidden(self.pods(target, &object).await)?,
                Part::Autoscalers => {
                    let namespace = target.namespace.as_deref();
                    facts.autoscalers = self.collection(ObjectKind::HorizontalPodAutoscaler, namespace).await?;
                }
                Part::Budgets => {
                    facts.budgets = self.named_collection("/apis/policy/v1", "poddisruptionbudgets", target).await?;
                }
                Part::Quotas => facts.quotas = self.named_collection("/api/v1", "resourcequotas", target).await?,
                Part::Template => {
                    let template = self.template_of(target, &object).await;
                    facts.template = may_be_hidden(template)?.and_then(|mut found| found.pop());
                }
                Part::Owners => {
                    let of = match &facts.pods {
                        // Of a node, those of its pods.
                        Some(pods) if target.kind == ObjectKind::Node => pods.as_slice(),
                        _ => std::slice::from_ref(&object),
                    };
                    facts.owners = may_be_hidden(self.owners(of).await)?;
                }
                // The cluster knows none.
                Part::Alerts => {}
            }
        }
        facts.object = object;
        Ok(facts)
    }

    async fn revisions(&self, target: &ObjectRef, object: &Value) -> Result<Vec<Value>, ClusterError> {
        let revisions = match target.kind {
            ObjectKind::Deployment | ObjectKind::Rollout => "replicasets",
            ObjectKind::StatefulSet | ObjectKind::DaemonSet => "controllerrevisions",
            kind => return Err(ClusterError::Rejected(format!("a {} has no revisions", kind.kind()))),
        };
        let namespace = target.namespace.as_deref().unwrap_or_default();
        let path = format!("/apis/apps/v1/namespaces/{}/{revisions}", escape(namespace));
        let what = format!("list {revisions} in namespace {namespace}");
        let selector = selector(&object["spec"]["selector"]);
        let mut revisions = self.list(&path, Some(&selector)).await.map_err(|failure| self.error(&failure, &what))?;
        revisions.retain(|revision| is_controlled_by(revision, &object["metadata"]["uid"]));
        Ok(revisions)
    }

    /// The pods of a workload by its selector, of a node, or those that share a pod's controller (the pod included).
    async fn pods(&self, target: &ObjectRef, object: &Value) -> Result<Vec<Value>, ClusterError> {
        let path = collection_of(ObjectKind::Pod, target.namespace.as_deref()).unwrap_or_default();
        let failed = |failure| self.error(&failure, &format!("list pods{}", target.place()));
        match target.kind {
            ObjectKind::Node => {
                let on_node = format!("spec.nodeName={}", target.name);
                self.listed(&path, &[("fieldSelector", &on_node)]).await.map_err(failed)
            }
            ObjectKind::Pod => {
                let controller = controller(object).map(|owner| owner["uid"].clone());
                let Some(uid) = controller else { return Ok(vec![object.clone()]) };
                let mut pods = self.list(&path, None).await.map_err(failed)?;
                pods.retain(|pod| is_controlled_by(pod, &uid));
                Ok(pods)
            }
            _ => {
                let selector = selector(&object["spec"]["selector"]);
                // No selector is no pods, not all of them.
                if selector.is_empty() {
                    return Ok(Vec::new());
                }
                self.list(&path, Some(&selector)).await.map_err(failed)
            }
        }
    }

    /// The Deployment that a Rollout names as its template's, if it does.
    async fn template_of(&self, target: &ObjectRef, object: &Value) -> Result<Vec<Value>, ClusterError> {
        let reference = &object["spec"]["workloadRef"];
        let (kind, name) = (&reference["kind"], reference["name"].as_str().unwrap_or_default());
        if target.kind != ObjectKind::Rollout || kind != ObjectKind::Deployment.kind() || name.is_empty() {
            return Ok(Vec::new());
        }
        let named = ObjectRef { kind: ObjectKind::Deployment, namespace: target.namespace.clone(), name: name.into() };
        Ok(vec![self.object(&named).await?])
    }

    /// The controllers above objects, level by level and each once, as far as their kinds are known.
    async fn owners(&self, objects: &[Value]) -> Result<Vec<Value>, ClusterError> {
        let mut owners: Vec<Value> = Vec::new();
        let mut known = BTreeSet::new();
        let mut below = objects.to_vec();
        for _ in 0..DEEPEST {
            let wanted: Vec<ObjectRef> =
                below.iter().filter_map(owner).filter(|owner| known.insert(owner.clone())).collect();
            below.clear();
            for some in wanted.chunks(AT_ONCE) {
                for read in join_all(some.iter().map(|owner| self.object(owner))).await {
                    match read {
                        Ok(owner) => below.push(owner),
                        Err(ClusterError::NotFound(_)) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            if below.is_empty() {
                break;
            }
            owners.extend(below.iter().cloned());
        }
        Ok(owners)
    }

    async fn collection(&self, kind: ObjectKind, namespace: Option<&str>) -> Result<Option<Vec<Value>>, ClusterError> {
        let path = collection_of(kind, namespace).unwrap_or_default();
        self.unless_hidden(&path, kind.word()).await
    }

    /// A collection of a kind that no action acts on.
    async fn named_collection(
        &self,
        root: &str,
        plural: &str,
        target: &ObjectRef,
    ) -> Result<Option<Vec<Value>>, ClusterError> {
        let path = match &target.namespace {
            Some(namespace) => format!("{root}/namespaces/{}/{plural}", escape(namespace)),
            None => format!("{root}/{plural}"),
        };
        self.unless_hidden(&path, plural).await
    }

    async fn unless_hidden(&self, path: &str, what: &str) -> Result<Option<Vec<Value>>, ClusterError> {
        may_be_hidden(self.list(path, None).await.map_err(|failure| self.error(&failure, &format!("list {what}"))))
    }

    async fn review(&self, mutation: &Mutation) -> Result<Permission, ClusterError> {
        let target = &mutation.target;
        let Some(api) = target.kind.api() else {
            return Err(ClusterError::Rejected(format!("{target} is nothing of the cluster")));
        };
        let subresource = match mutation.change {
            Change::Evict { .. } => Some(Subresource::Eviction),
            _ => mutation.subresource,
        };
        let verb = verb(&mutation.change);
        // A creation is asked for without a name: RBAC cannot know it.
        let name = (verb != "create" || subresource.is_some()).then_some(&*target.name);
        let asked = Asked {
            namespace: target.namespace.as_deref(),
            verb,
            group: api.group,
            resource: api.plural,
            subresource: subresource.map(Subresource::word),
            name,
        };
        self.may(&asked).await
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

/// What may not be read, or is not served, is not there to plan with; any other failure is one.
fn may_be_hidden(read: Result<Vec<Value>, ClusterError>) -> Result<Option<Vec<Value>>, ClusterError> {
    match read {
        Ok(items) => Ok(Some(items)),
        Err(ClusterError::Forbidden(_) | ClusterError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The owner that controls an object, where its kind is known.
fn owner(object: &Value) -> Option<ObjectRef> {
    let reference = controller(object)?;
    let (kind, version) = (reference["kind"].as_str()?, reference["apiVersion"].as_str()?);
    let kind = OWNERS.into_iter().find(|known| known.kind() == kind && known.api_version() == version)?;
    let namespace = object["metadata"]["namespace"].as_str().map(Into::into);
    Some(ObjectRef { kind, namespace, name: reference["name"].as_str()?.into() })
}

/// The owner that controls an object.
fn controller(object: &Value) -> Option<&Value> {
    object["metadata"]["ownerReferences"].as_array()?.iter().find(|owner| owner["controller"] == true)
}

fn is_controlled_by(object: &Value, uid: &Value) -> bool {
    controller(object).is_some_and(|owner| owner["uid"] == *uid)
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
