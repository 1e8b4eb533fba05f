//! Extensions of the API that a healthy cluster may do without: Argo Rollouts, metrics. Where the server does not have
//! one, its feed is well and has no rows; it appears within half a minute after it is installed, and goes when it is
//! removed.
//!
//! Discovery is asked and not the resource itself: without the right to read a resource the server answers 403, whether
//! it has it or not.

use std::time::Duration;

use futures::StreamExt;
use serde::Deserialize;

use super::fault::fault;
use super::lean::List;
use super::paths::{collection, version};
use super::rows::Table;
use super::transport::{Failure, Transport};
use crate::domain::cluster::{NamespaceScope, Resource};
use crate::integrations::poll::{self, Poll, every};
use crate::ports::feed::{Delta, Fault, FaultKind, Update, UpdateStream};
use crate::ports::{Future, Now};

/// How often an extension that is not there is looked for. Shorter than a watch's patience: each look is a sign of life.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// How often metrics are read: the metrics server itself measures every 15 s.
const MEASURE: Duration = Duration::from_secs(20);
/// The longest healthy silence of metrics.
pub const PATIENCE_SECONDS: u64 = 70;

/// `APIResourceList`, only names.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Served {
    resources: Vec<Named>,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    name: String,
}

enum Stage {
    /// Ask at once.
    Ask,
    /// It was not there: ask after a while.
    Later,
    /// It is there.
    Open(UpdateStream),
}

/// The stream that `open` makes while the server has the resource; no rows while it has not.
pub fn where_served<T: Table>(
    transport: Transport,
    resource: Resource,
    open: impl Fn() -> UpdateStream + Send + 'static,
) -> UpdateStream {
    let start = (transport, open, Stage::Ask);
    futures::stream::unfold(start, move |(transport, open, mut stage)| async move {
        loop {
            match stage {
                Stage::Open(mut stream) => match stream.next().await {
                    // The definition was deleted: what it defined is gone with it.
                    Some(Err(gone)) if gone.kind == FaultKind::NotServed => stage = Stage::Ask,
                    // The server behind an aggregated API is away.
                    Some(Err(away)) if resource.is_measured() && away.kind == FaultKind::Server => {
                        let none = T::update(Delta { reset: true, ..Delta::default() });
                        return Some((Ok(none), (transport, open, Stage::Later)));
                    }
                    Some(item) => return Some((item, (transport, open, Stage::Open(stream)))),
                    None => stage = Stage::Ask,
                },
                Stage::Ask => match is_served(&transport, resource).await {
                    Ok(true) => stage = Stage::Open(open()),
                    Ok(false) => {
                        let none = T::update(Delta { reset: true, ..Delta::default() });
                        return Some((Ok(none), (transport, open, Stage::Later)));
                    }
                    Err(fault) => return Some((Err(fault), (transport, open, Stage::Ask))),
                },
                Stage::Later => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                    match is_served(&transport, resource).await {
                        Ok(true) => stage = Stage::Open(open()),
                        Ok(false) => return Some((Ok(Update::Alive), (transport, open, Stage::Later))),
                        Err(fault) => return Some((Err(fault), (transport, open, Stage::Later))),
                    }
                }
            }
        }
    })
    .boxed()
}

/// Does the server have it? Where discovery itself is forbidden, the resource is tried.
async fn is_served(transport: &Transport, resource: Resource) -> Result<bool, Fault> {
    match transport.get_json::<Served>(&version(resource)).await {
        Ok(served) => Ok(served.resources.iter().any(|served| served.name == resource.plural())),
        Err(Failure::Status(status)) => match status.code {
            404 => Ok(false),
            // An aggregated API whose server is away, which metrics often is: as good as none.
            503 if resource.is_measured() => Ok(false),
            403 => Ok(true),
            _ => {
                let what = format!("find {}", resource.word());
                Err(fault(&Failure::Status(status), &what, transport.server()))
            }
        },
        Err(failure) => Err(fault(&failure, &format!("find {}", resource.word()), transport.server())),
    }
}

struct Listing<T> {
    transport: Transport,
    resource: Resource,
    /// The first that may be read counts.
    scopes: Vec<NamespaceScope>,
    table: T,
    now: Now,
}

impl<T: Table> Listing<T> {
    async fn list(&mut self) -> Result<List<T::Object>, Failure> {
        let mut first = None;
        for scope in &self.scopes {
            match self.transport.get_json(&collection(self.resource, scope)).await {
                Err(Failure::Status(refused)) if refused.code == 403 => {
                    first.get_or_insert(Failure::Status(refused));
                }
                answer => return answer,
            }
        }
        Err(first.unwrap_or_else(|| Failure::Malformed("nothing was asked for".to_owned())))
    }
}

impl<T: Table> Poll for Listing<T> {
    fn poll(&mut self) -> Future<'_, Result<Vec<Update>, Fault>> {
        Box::pin(async move {
            match self.list().await {
                Ok(list) => {
                    let now = (self.now)();
                    let upserts = list.items.into_iter().filter_map(|object| self.table.row(object, now)).collect();
                    Ok(vec![T::update(Delta { reset: true, upserts, removes: Vec::new() })])
                }
                Err(failure) => {
                    Err(fault(&failure, &format!("list {}", self.resource.word()), self.transport.server()))
                }
            }
        })
    }
}

/// A resource that cannot be watched, listed every few seconds.
pub fn polled<T: Table + Default>(
    transport: Transport,
    resource: Resource,
    scopes: Vec<NamespaceScope>,
    now: Now,
) -> UpdateStream {
    debug_assert!(poll::patience(MEASURE) <= PATIENCE_SECONDS);
    every(MEASURE, Listing { transport, resource, scopes, table: T::default(), now })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::super::feeds::ResourceFeed;
    use super::super::mock::{Asked, Log, endless, list, now, ok, refuse, server};
    use super::*;
    use crate::domain::target::WorkloadKind;
    use crate::ports::feed::Feed;
    use axum::response::Response;
    use serde_json::json;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU8, Ordering};

    fn open(
        resource: Resource,
        script: impl Fn(usize, &Asked) -> Response + Clone + Send + Sync + 'static,
    ) -> (UpdateStream, Log) {
        let (transport, log) = server(script);
        let feed = ResourceFeed::new(transport, resource, NamespaceScope::All, "shop".into(), Arc::new(now));
        (feed.open(), log)
    }

    fn rollouts(update: Update) -> (bool, usize) {
        match update {
            Update::Workloads(WorkloadKind::Rollout, delta) => (delta.reset, delta.upserts.len()),
            other => panic!("not rollouts: {other:?}"),
        }
    }

    /// 0: nothing of Argo. 1: other definitions of the same group. 2: Rollouts.
    fn argo(stage: &Arc<AtomicU8>) -> impl Fn(usize, &Asked) -> Response + Clone + Send + Sync + 'static {
        let stage = stage.clone();
        move |_, asked| {
            let stage = stage.load(Ordering::Relaxed);
            let rollout = json!({"metadata": {"name": "payment", "namespace": "shop"}});
            match (asked.path.as_str(), stage) {
                ("/apis/argoproj.io/v1alpha1", 1) => ok(&json!({"resources": [{"name": "applications"}]})),
                ("/apis/argoproj.io/v1alpha1", 2) => {
                    ok(&json!({"resources": [{"name": "rollouts"}, {"name": "rollouts/status"}]}))
                }
                ("/apis/argoproj.io/v1alpha1/rollouts", 2) if asked.is_watch() => endless(String::new()),
                ("/apis/argoproj.io/v1alpha1/rollouts", 2) => ok(&list("7", "", &[rollout])),
                _ => refuse(404, "NotFound", "the server could not find the requested resource"),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_extension_that_is_not_there_is_no_fault_and_appears_when_it_is_installed() {
        let stage = Arc::new(AtomicU8::new(0));
        let (mut stream, log) = open(Resource::Rollouts, argo(&stage));
        assert_eq!(rollouts(stream.next().await.unwrap().unwrap()), (true, 0));
        assert_eq!(stream.next().await.unwrap().unwrap(), Update::Alive);
        stage.store(1, Ordering::Relaxed);
        assert_eq!(stream.next().await.unwrap().unwrap(), Update::Alive);
        assert!(log.paths().iter().all(|path| path == "/apis/argoproj.io/v1alpha1"), "the resource is not asked for");
        stage.store(2, Ordering::Relaxed);
        assert_eq!(rollouts(stream.next().await.unwrap().unwrap()), (true, 1));
        assert_eq!(stream.next().await.unwrap().unwrap(), Update::Alive);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_removed_takes_its_rows_along() {
        let stage = Arc::new(AtomicU8::new(2));
        let script = argo(&stage);
        let (mut stream, _) = open(Resource::Rollouts, move |number, asked| {
            if asked.is_watch() {
                // The server ends watches of a definition that is deleted.
                refuse(404, "NotFound", "the server could not find the requested resource")
            } else {
                script(number, asked)
            }
        });
        assert_eq!(rollouts(stream.next().await.unwrap().unwrap()), (true, 1));
        stage.store(0, Ordering::Relaxed);
        assert_eq!(rollouts(stream.next().await.unwrap().unwrap()), (true, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_there_and_may_not_be_read_is_said() {
        let (mut stream, _) = open(Resource::Rollouts, |_, asked| match asked.path.as_str() {
            "/apis/argoproj.io/v1alpha1" => ok(&json!({"resources": [{"name": "rollouts"}]})),
            _ => refuse(403, "Forbidden", "rollouts.argoproj.io is forbidden"),
        });
        assert_eq!(stream.next().await.unwrap().unwrap_err().kind, FaultKind::Forbidden);
    }

    #[tokio::test(start_paused = true)]
    async fn metrics_are_read_again_and_again() {
        let (mut stream, log) = open(Resource::NodeMetrics, |_, asked| match asked.path.as_str() {
            "/apis/metrics.k8s.io/v1beta1" => ok(&json!({"resources": [{"name": "nodes"}, {"name": "pods"}]})),
            _ => ok(&list(
                "",
                "",
                &[json!({"metadata": {"name": "node-1"}, "timestamp": "2026-01-01T00:00:00Z",
                "window": "15s", "usage": {"cpu": "1250340123n", "memory": "2048Ki"}})],
            )),
        });
        for _ in 0..2 {
            let Update::NodeUsage(delta) = stream.next().await.unwrap().unwrap() else { panic!("not metrics") };
            assert!(delta.reset);
            assert_eq!((delta.upserts[0].cpu, delta.upserts[0].memory), (1251, 2_097_152));
        }
        assert_eq!(log.paths().last().unwrap(), "/apis/metrics.k8s.io/v1beta1/nodes");
    }

    #[tokio::test(start_paused = true)]
    async fn pods_are_measured_where_that_is_allowed_and_forgotten_when_nobody_measures() {
        let served = |asked: &Asked| asked.path == "/apis/metrics.k8s.io/v1beta1";
        let (mut stream, log) = open(Resource::PodMetrics, move |number, asked| match asked.path.as_str() {
            _ if number >= 5 => {
                refuse(503, "ServiceUnavailable", "the server is currently unable to handle the request")
            }
            _ if served(asked) => ok(&json!({"resources": [{"name": "nodes"}, {"name": "pods"}]})),
            "/apis/metrics.k8s.io/v1beta1/pods" => refuse(403, "Forbidden", "pods.metrics.k8s.io is forbidden"),
            _ => ok(&list(
                "",
                "",
                &[json!({"metadata": {"name": "web-1", "namespace": "shop"}, "containers": [
                    {"name": "app", "usage": {"cpu": "100200300n", "memory": "65536Ki"}},
                    {"name": "proxy", "usage": {"cpu": "1m", "memory": "1Mi"}}]})],
            )),
        });
        for _ in 0..2 {
            let Update::PodUsage(delta) = stream.next().await.unwrap().unwrap() else { panic!("not metrics") };
            assert_eq!(delta.upserts[0].words(), ["102m", "65Mi"], "the sum, as kubectl top rounds it");
        }
        assert_eq!(log.paths().last().unwrap(), "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods");
        // The metrics server went away, which is no fault of the cluster's.
        let Update::PodUsage(delta) = stream.next().await.unwrap().unwrap() else { panic!("not metrics") };
        assert!(delta.reset && delta.upserts.is_empty());
        assert_eq!(stream.next().await.unwrap().unwrap(), Update::Alive);
    }
}
