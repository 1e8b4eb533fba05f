//! One feed per resource.

use super::rows::{
    ControllerRevisions, DaemonSets, Deployments, Events, Hpas, Nodes, Pods, ReplicaSets, StatefulSets, Table,
};
use super::transport::Transport;
use super::watch::{PATIENCE_SECONDS, Query, watch};
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

    fn watch<T: Table + Default>(&self) -> UpdateStream {
        let namespaced = self.resource != Resource::Nodes;
        let query = Query {
            resource: self.resource,
            // Nodes belong to no namespace, whatever the scope.
            scope: if namespaced { self.scope.clone() } else { NamespaceScope::All },
            fallback: namespaced.then(|| self.fallback.clone()),
            selector: None,
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
        }
    }

    fn patience(&self) -> u64 {
        PATIENCE_SECONDS
    }
}
