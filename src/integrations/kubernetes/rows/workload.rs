//! Rollouts, Deployments, StatefulSets, DaemonSets, CronJobs and Jobs as rows: one table for all kinds that roll out. What differs between them is
//! [`Rolling`]; who else writes an object and why it was changed is read alike.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::{Table, progressive, rollout};
use crate::domain::Text;
use crate::domain::rollout::RolloutStatus;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::domain::time::Instant;
use crate::domain::workload::{Detail, Ordinals, WorkloadRow};
use crate::integrations::kubernetes::intern::Interner;
use crate::integrations::kubernetes::lean::argo_rollout::LeanRollout;
use crate::integrations::kubernetes::lean::daemon_set::LeanDaemonSet;
use crate::integrations::kubernetes::lean::deployment::LeanDeployment;
use crate::integrations::kubernetes::lean::job::{LeanCronJob, LeanJob};
use crate::integrations::kubernetes::lean::stateful_set::LeanStatefulSet;
use crate::integrations::kubernetes::lean::{Meta, Template};
use crate::ports::feed::{Delta, Update};

/// A workload that rolls out, as far as its row needs it.
pub trait Rolling: DeserializeOwned + Send + 'static {
    /// Which kind it is.
    const KIND: WorkloadKind;
    /// Its metadata.
    fn meta(&self) -> &Meta;
    /// Its pod template.
    fn template(&self) -> &Template;
    /// Where its rollout stands.
    fn rollout(&self) -> RolloutStatus;
    /// Its revision's number, where the object itself says it. That of StatefulSets and DaemonSets stands only in their
    /// ControllerRevisions.
    fn revision(&self) -> Option<u64> {
        None
    }
    /// What only its kind knows.
    fn detail(&self, pool: &mut Interner) -> Option<Detail> {
        let _ = pool;
        None
    }
}

impl Rolling for LeanRollout {
    const KIND: WorkloadKind = WorkloadKind::Rollout;

    fn meta(&self) -> &Meta {
        &self.metadata
    }
    fn template(&self) -> &Template {
        &self.spec.template
    }
    fn rollout(&self) -> RolloutStatus {
        progressive::status(self)
    }
    fn revision(&self) -> Option<u64> {
        self.metadata.annotations.get(ARGO_REVISION).and_then(|n| n.parse().ok())
    }
    fn detail(&self, pool: &mut Interner) -> Option<Detail> {
        Some(Detail::Progressive(progressive::progressive(pool, self)))
    }
}

impl Rolling for LeanDeployment {
    const KIND: WorkloadKind = WorkloadKind::Deployment;

    fn meta(&self) -> &Meta {
        &self.metadata
    }
    fn template(&self) -> &Template {
        &self.spec.template
    }
    fn rollout(&self) -> RolloutStatus {
        rollout::deployment(self)
    }
    fn revision(&self) -> Option<u64> {
        self.metadata.annotations.get("deployment.kubernetes.io/revision").and_then(|n| n.parse().ok())
    }
}

impl Rolling for LeanStatefulSet {
    const KIND: WorkloadKind = WorkloadKind::StatefulSet;

    fn meta(&self) -> &Meta {
        &self.metadata
    }
    fn template(&self) -> &Template {
        &self.spec.template
    }
    fn rollout(&self) -> RolloutStatus {
        rollout::stateful_set(self)
    }
    fn detail(&self, pool: &mut Interner) -> Option<Detail> {
        Some(Detail::Ordinals(Ordinals {
            ordered: self.spec.pod_management_policy != "Parallel" && self.spec.update_strategy.rolls(),
            update_revision: pool.text(&self.status.update_revision),
            current_revision: pool.text(&self.status.current_revision),
        }))
    }
}

impl Rolling for LeanDaemonSet {
    const KIND: WorkloadKind = WorkloadKind::DaemonSet;

    fn meta(&self) -> &Meta {
        &self.metadata
    }
    fn template(&self) -> &Template {
        &self.spec.template
    }
    fn rollout(&self) -> RolloutStatus {
        rollout::daemon_set(self)
    }
}

/// The table of one kind.
pub struct Workloads<Object> {
    pool: Interner,
    kind: PhantomData<fn() -> Object>,
}

/// Deployments.
pub type Deployments = Workloads<LeanDeployment>;
/// StatefulSets.
pub type StatefulSets = Workloads<LeanStatefulSet>;
/// DaemonSets.
pub type DaemonSets = Workloads<LeanDaemonSet>;
/// Argo Rollouts.
pub type Rollouts = Workloads<LeanRollout>;
/// CronJobs.
pub type CronJobs = Workloads<LeanCronJob>;
/// Jobs.
pub type Jobs = Workloads<LeanJob>;

impl<Object> Default for Workloads<Object> {
    fn default() -> Self {
        Self { pool: Interner::default(), kind: PhantomData }
    }
}

impl<Object: Rolling> Table for Workloads<Object> {
    type Object = Object;
    type Row = WorkloadRow;
    type Key = WorkloadRef;

    fn key(&mut self, object: &Object) -> WorkloadRef {
        let meta = object.meta();
        WorkloadRef { namespace: self.pool.text(&meta.namespace), kind: Object::KIND, name: self.pool.text(&meta.name) }
    }

    fn row(&mut self, object: Object, _now: Instant) -> Option<WorkloadRow> {
        Some(WorkloadRow {
            id: self.key(&object),
            rollout: object.rollout(),
            revision: object.revision(),
            images: images(&mut self.pool, object.template()),
            change_cause: change_cause(&mut self.pool, object.meta()),
            managed_by: managed_by(&mut self.pool, object.meta()),
            flags: self.pool.non_empty(object.meta().annotations.get(FLAGS).map(String::as_str)),
            created: object.meta().created(),
            detail: object.detail(&mut self.pool).map(Box::new),
        })
    }

    fn update(delta: Delta<WorkloadRow, WorkloadRef>) -> Update {
        Update::Workloads(Object::KIND, delta)
    }
}

/// Annotation with the revision's number, of a Rollout and of its ReplicaSets.
pub const ARGO_REVISION: &str = "rollout.argoproj.io/revision";

/// Globs of the feature flags that are about the workload.
const FLAGS: &str = "opsdeck.dev/flags";

/// Annotation that says why a revision was rolled out.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// Images of a template, containers in order.
pub fn images(pool: &mut Interner, template: &Template) -> Arc<[Text]> {
    template.spec.containers.iter().map(|container| pool.text(&container.image)).collect()
}

/// The change cause.
pub fn change_cause(pool: &mut Interner, meta: &Meta) -> Option<Text> {
    pool.non_empty(meta.annotations.get(CHANGE_CAUSE).map(String::as_str))
}

/// What else writes this object: a change by hand may be put back by it.
pub fn managed_by(pool: &mut Interner, meta: &Meta) -> Option<Text> {
    let manager = |name: &str| meta.managed_fields.iter().any(|entry| entry.manager.starts_with(name));
    let label = |name: &str| meta.labels.get(name).map_or("", String::as_str);
    let word = if meta.annotations.contains_key("argocd.argoproj.io/tracking-id")
        || meta.labels.contains_key("argocd.argoproj.io/instance")
        || manager("argocd")
    {
        "argocd"
    } else if meta.labels.contains_key("kustomize.toolkit.fluxcd.io/name")
        || meta.labels.contains_key("helm.toolkit.fluxcd.io/name")
        || manager("kustomize-controller")
        || manager("helm-controller")
    {
        "flux"
    } else if label("app.kubernetes.io/managed-by") == "Helm"
        || meta.annotations.contains_key("meta.helm.sh/release-name")
    {
        "helm"
    } else {
        return pool.non_empty(Some(label("app.kubernetes.io/managed-by")));
    };
    Some(pool.text(word))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_one_that_would_put_it_back_is_named_first() {
        let of = |meta: serde_json::Value| {
            managed_by(&mut Interner::default(), &serde_json::from_value(meta).unwrap()).map(|word| word.to_string())
        };
        let helm = serde_json::json!({"app.kubernetes.io/managed-by": "Helm"});
        assert_eq!(of(serde_json::json!({"labels": helm})).as_deref(), Some("helm"));
        let argo = serde_json::json!({"labels": helm, "annotations": {"argocd.argoproj.io/tracking-id": "x"}});
        assert_eq!(of(argo).as_deref(), Some("argocd"));
        let flux = serde_json::json!({"managedFields": [{"manager": "kustomize-controller"}]});
        assert_eq!(of(flux).as_deref(), Some("flux"));
        assert_eq!(of(serde_json::json!({})), None);
    }
}
