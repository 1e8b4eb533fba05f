//! Which pods a log target means, as they come and go.

use futures::stream::{self, BoxStream, StreamExt};
use serde_json::Value;

use crate::domain::Text;
use crate::domain::cluster::{NamespaceScope, Resource};
use crate::domain::pod::PodRow;
use crate::domain::target::{PodRef, WorkloadRef};
use crate::integrations::kubernetes::fault::fault;
use crate::integrations::kubernetes::paths::{pod, workload};
use crate::integrations::kubernetes::reads::selector;
use crate::integrations::kubernetes::rows::{Pods, Table};
use crate::integrations::kubernetes::transport::{Failure, Transport};
use crate::integrations::kubernetes::watch::{PAGE, Query, watch};
use crate::ports::Now;
use crate::ports::feed::{Fault, LogTarget, Update};

/// Requests for single pods under way at once.
const TOGETHER: usize = 8;

/// Pods as they appear; errors are items, and polling again tries again.
pub type PodStream = BoxStream<'static, Result<Vec<PodRow>, Fault>>;

/// Finds the pods of a target.
pub fn discover(transport: Transport, target: LogTarget, now: Now) -> PodStream {
    match target {
        LogTarget::Workload(workload) => of_workload(transport, workload, now),
        LogTarget::Pod(pod) => {
            let selector = ("fieldSelector", format!("metadata.name={}", pod.name));
            watched(transport, pod.namespace, selector, None, now)
        }
        LogTarget::Pods(pods) => listed(transport, &pods, now),
    }
}

/// Reads the workload's selector first, then watches.
fn of_workload(transport: Transport, target: WorkloadRef, now: Now) -> PodStream {
    stream::unfold(None, move |watching: Option<PodStream>| {
        let (transport, target, now) = (transport.clone(), target.clone(), now.clone());
        async move {
            if let Some(mut watching) = watching {
                let item = watching.next().await?;
                return Some((item, Some(watching)));
            }
            match transport.get_json::<Value>(&workload(&target)).await {
                Ok(object) => {
                    let selector = ("labelSelector", selector(&object["spec"]["selector"]));
                    let namespace = target.namespace.clone();
                    Some((Ok(Vec::new()), Some(watched(transport, namespace, selector, Some(target), now))))
                }
                Err(failure) => {
                    let what = format!("get {target} in namespace {}", target.namespace);
                    Some((Err(fault(&failure, &what, transport.server())), None))
                }
            }
        }
    })
    .boxed()
}

/// Watches by selector. A selector may match pods of others too; only the owner's own are taken.
fn watched(
    transport: Transport,
    namespace: Text,
    selector: (&'static str, String),
    owner: Option<WorkloadRef>,
    now: Now,
) -> PodStream {
    let query = Query {
        resource: Resource::Pods.into(),
        scope: NamespaceScope::One(namespace),
        fallback: None,
        selector: Some(selector),
        page: PAGE,
    };
    watch(transport, Pods::default(), query, now)
        .map(move |item| {
            item.map(|update| match update {
                Update::Pods(delta) => {
                    delta.upserts.into_iter().filter(|row| owner.is_none() || row.owner == owner).collect()
                }
                _ => Vec::new(),
            })
        })
        .boxed()
}

/// Reads each pod once; those that are gone are left out.
fn listed(transport: Transport, pods: &[PodRef], now: Now) -> PodStream {
    let pods = pods.to_vec();
    stream::iter(pods)
        .map(move |id| {
            let (transport, now) = (transport.clone(), now.clone());
            async move {
                match transport.get_json(&pod(&id.namespace, &id.name)).await {
                    Ok(object) => Ok(Pods::default().row(object, now()).into_iter().collect()),
                    Err(Failure::Status(status)) if status.code == 404 => Ok(Vec::new()),
                    Err(failure) => Err(fault(
                        &failure,
                        &format!("get pod {} in namespace {}", id.name, id.namespace),
                        transport.server(),
                    )),
                }
            }
        })
        .buffered(TOGETHER)
        .boxed()
}
