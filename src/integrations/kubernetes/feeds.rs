//! One feed per resource.

use super::rows::{
    ControllerRevisions, CronJobs, DaemonSets, Deployments, Events, Hpas, Jobs, NodeMetrics, Nodes, PodMetrics, Pods,
    ReplicaSets, Rollouts, StatefulSets, Table,
};
use super::served::{self, polled, where_served};
use super::transport::Transport;
use super::watch::{PAGE, PATIENCE_SECONDS, Query, watch};
use crate::domain::Text;
use crate::domain::cluster::{NamespaceScope, Resource};
use crate::ports::Now;
use crate::ports::feed::{Feed, SourceId, UpdateStream};

/// A watched resource.
pub struct ResourceFeed {
    transport: Transport,
    resource: Resource,
    scope: NamespaceScope,
    fallback: Text,
    now: Now,
}

impl ResourceFeed {
    /// Makes the feed. `fallback` is the namespace to be content with where the whole cluster is forbidden.
    pub fn new(transport: Transport, resource: Resource, scope: NamespaceScope, fallback: Text, now: Now) -> Self {
        Self { transport, resource, scope, fallback, now }
    }

    /// Watches an extension: nothing is wrong where the cluster does not have it.
    fn watch_served<T: Table + Default>(&self) -> UpdateStream {
        let ResourceFeed { transport, resource, scope, fallback, now } = self;
        let inner = Self::new(transport.clone(), *resource, scope.clone(), fallback.clone(), now.clone());
        where_served::<T>(transport.clone(), *resource, move || inner.watch::<T>())
    }

    /// Reads what the metrics API measured, which cannot be watched.
    fn measure<T: Table + Default>(&self) -> UpdateStream {
        let (transport, resource, now) = (self.transport.clone(), self.resource, self.now.clone());
        let mut scopes = vec![NamespaceScope::All];
        if resource.is_namespaced() {
            // Where the whole cluster is forbidden, a namespace of it may be allowed.
            scopes = vec![self.scope.clone(), NamespaceScope::One(self.fallback.clone())];
        }
        where_served::<T>(self.transport.clone(), resource, move || {
            polled::<T>(transport.clone(), resource, scopes.clone(), now.clone())
        })
    }

    fn watch<T: Table + Default>(&self) -> UpdateStream {
        let namespaced = self.resource.is_namespaced();
        let query = Query {
            resource: self.resource.into(),
            // Nodes belong to no namespace, whatever the scope.
            scope: if namespaced { self.scope.clone() } else { NamespaceScope::All },
            fallback: namespaced.then(|| self.fallback.clone()),
            selector: None,
            page: PAGE,
        };
        watch(self.transport.clone(), T::default(), query, self.now.clone())
    }
}

impl Feed for ResourceFeed {
    fn id(&self) -> SourceId {
        SourceId::Kubernetes(self.resource)
    }

    fn open(&self) -> UpdateStream {
        match self.resource {
            Resource::Pods => self.watch::<Pods>(),
            Resource::Deployments => self.watch::<Deployments>(),
            Resource::ReplicaSets => self.watch::<ReplicaSets>(),
            Resource::StatefulSets => self.watch::<StatefulSets>(),
            Resource::DaemonSets => self.watch::<DaemonSets>(),
            Resource::ControllerRevisions => self.watch::<ControllerRevisions>(),
            Resource::Nodes => self.watch::<Nodes>(),
            Resource::Events => self.watch::<Events>(),
            Resource::Hpas => self.watch::<Hpas>(),
            Resource::Rollouts => self.watch_served::<Rollouts>(),
            Resource::CronJobs => self.watch::<CronJobs>(),
            Resource::Jobs => self.watch::<Jobs>(),
            Resource::NodeMetrics => self.measure::<NodeMetrics>(),
            Resource::PodMetrics => self.measure::<PodMetrics>(),
        }
    }

    fn patience(&self) -> u64 {
        if self.resource.is_measured() { served::PATIENCE_SECONDS } else { PATIENCE_SECONDS }
    }
}
