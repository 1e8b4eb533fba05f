//! The journal that responders share: entries of incidents in ConfigMaps of one namespace, through the API server only.
//!
//! An object belongs to one incident and one writer, and only gains keys: the stamp of an entry, and the entry as JSON.
//! So nobody writes where somebody else does, adding the same entry again changes nothing, and what consoles have is
//! united by stamp. `wire` says what lies where, `read` takes objects apart, `append` adds, `follow` watches.
//! Nothing is ever deleted here; `kubectl delete configmap -l opsdeck.dev/incident=ID` does that.
//!
//! Who may patch these objects may also alter them by hand: RBAC knows neither labels nor keys
//! (`deploy/incidents-append-only.yaml` forbids it otherwise). An entry that was broken so is named and left out, and put
//! right when its writer, started again, adds what it has.

mod append;
mod check;
mod follow;
mod read;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use self::append::Segments;
use self::read::Reader;
use self::wire::Object;
use super::access::ClusterAccess;
use super::connect::Connection;
use super::fault::{fault, is_admission};
use super::lean::List;
use super::paths::{Shelf, collection, with_query};
use super::transport::{Failure, Transport};
use super::watch_event::is_expired;
use crate::domain::Text;
use crate::domain::cluster::NamespaceScope;
use crate::domain::incident::IncidentId;
use crate::domain::incident::entry::Entry;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{ServiceCheck, SharedJournal, SharedStream};
use crate::ports::{Future, Now};

const CONFIG_MAPS: Shelf = Shelf { group: "", version: "v1", plural: "configmaps", namespaced: true };
/// Objects per page: they are larger than rows are made of.
const PAGE: &str = "50";
/// A list whose place expired between two pages is begun again this often.
const LISTS: u32 = 3;

/// The shared journal of one cluster, as one user.
pub struct ClusterJournal {
    transport: Transport,
    user: Text,
    namespace: Text,
    now: Now,
    /// What is known of the objects that are written to: incident and writer.
    known: Mutex<HashMap<(IncidentId, Text), Segments>>,
}

impl Connection {
    /// The journal that responders share in `namespace`; nothing is sent.
    pub fn incidents(&self, namespace: &str) -> Arc<ClusterJournal> {
        Arc::new(ClusterJournal {
            transport: self.transport.clone(),
            user: self.user().clone(),
            namespace: namespace.into(),
            now: self.clock(),
            known: Mutex::default(),
        })
    }
}

impl ClusterJournal {
    fn access(&self) -> ClusterAccess {
        ClusterAccess::new(self.transport.clone(), self.user.clone())
    }

    fn scope(&self) -> NamespaceScope {
        NamespaceScope::One(self.namespace.clone())
    }

    fn collection(&self) -> String {
        collection(CONFIG_MAPS, &self.scope())
    }

    /// A failure, with what to do about it here.
    fn fault(&self, failure: &Failure, verb: &str) -> Fault {
        let what = format!("{verb} shared incidents in namespace {}", self.namespace);
        let said = fault(failure, &what, self.transport.server());
        match failure {
            // The server's own words about a quota or a policy are better.
            Failure::Status(status) if is_admission(status) => Fault { hint: None, ..said },
            _ => hinted(said, &self.namespace, verb != "read"),
        }
    }

    /// All objects that a label selector finds.
    async fn objects(&self, selector: &str) -> Result<Vec<Object>, Failure> {
        let mut lists = 1;
        'list: loop {
            let (mut items, mut token) = (Vec::new(), String::new());
            loop {
                let mut query = vec![("limit", PAGE), ("labelSelector", selector)];
                if !token.is_empty() {
                    query.push(("continue", &token));
                }
                let page: List<Object> = match self.transport.get_json(&with_query(&self.collection(), &query)).await {
                    Err(Failure::Status(status)) if !token.is_empty() && is_expired(&status) && lists < LISTS => {
                        lists += 1;
                        continue 'list;
                    }
                    page => page?,
                };
                items.extend(page.items);
                token = page.metadata.next;
                if token.is_empty() {
                    return Ok(items);
                }
            }
        }
    }

    /// All entries that a label selector finds, each once and in order.
    async fn entries(&self, selector: &str) -> Result<BTreeMap<IncidentId, Vec<Entry>>, Fault> {
        let objects = self.objects(selector).await.map_err(|failure| self.fault(&failure, "read"))?;
        let mut reader = Reader::new(self.namespace.clone());
        let mut all: BTreeMap<IncidentId, Vec<Entry>> = BTreeMap::new();
        for object in objects {
            let found = reader.read(object);
            for fault in found.faults {
                tracing::warn!(%fault, "left out of the shared journal");
            }
            if let Some(id) = found.incident {
                all.entry(id).or_default().extend(found.entries);
            }
        }
        for entries in all.values_mut() {
            entries.sort_by(|one, other| one.stamp.cmp(&other.stamp));
            entries.dedup_by(|one, other| one.stamp == other.stamp);
        }
        Ok(all)
    }
}

/// What to do about a fault of the shared journal.
fn hinted(fault: Fault, namespace: &str, writing: bool) -> Fault {
    match fault.kind {
        FaultKind::Forbidden => {
            let role = if writing { "opsdeck-incidents-writer" } else { "opsdeck-incidents-reader" };
            fault.hint(format!("ask for role {role} in namespace {namespace} (deploy/incidents-rbac.yaml)"))
        }
        FaultKind::NotServed => Fault::new(FaultKind::NotServed, missing(namespace)).hint(make(namespace)),
        _ => fault,
    }
}

fn missing(namespace: &str) -> String {
    format!("incidents are not shared: namespace {namespace} does not exist")
}

fn make(namespace: &str) -> String {
    format!("make it: kubectl create namespace {namespace}")
}

impl SharedJournal for ClusterJournal {
    fn watch(&self) -> SharedStream {
        follow::open(self)
    }

    fn list(&self) -> Future<'_, Result<Vec<(IncidentId, usize)>, Fault>> {
        Box::pin(async {
            let all = self.entries(&wire::every()).await?;
            Ok(all.into_iter().map(|(id, entries)| (id, entries.len())).collect())
        })
    }

    fn read<'a>(&'a self, id: &'a IncidentId) -> Future<'a, Result<Vec<Entry>, Fault>> {
        Box::pin(async move { Ok(self.entries(&wire::of_incident(id)).await?.remove(id).unwrap_or_default()) })
    }

    fn check(&self) -> Future<'_, Vec<ServiceCheck>> {
        Box::pin(check::run(self))
    }

    fn place(&self) -> Text {
        format!("ConfigMaps of namespace {}", self.namespace).into()
    }
}
