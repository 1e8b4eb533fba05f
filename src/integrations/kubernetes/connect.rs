//! The way in: from a kubeconfig and a context's name to a [`Connection`] that hands out feeds, reads, the mutator and
//! logs of one cluster.

use std::path::PathBuf;
use std::sync::Arc;

use super::access::{Asked, ClusterAccess};
use super::feeds::ResourceFeed;
use super::kubeconfig;
use super::link::Way;
use super::namespaces::NamespacesFeed;
use super::transport::Transport;
use super::way::{Entry, FromFile, InCluster, entry, in_cluster, server_of};
use crate::actions::approval::Mutator;
use crate::domain::Text;
use crate::domain::cluster::{NamespaceScope, Resource};
use crate::integrations::logs::KubernetesLogs;
use crate::ports::Now;
use crate::ports::cluster::{Cluster, ClusterError, Permission};
use crate::ports::feed::{Fault, FaultKind, Feed, LogSource};

/// Name of the context inside a pod, where there is no kubeconfig.
const IN_CLUSTER: &str = "in-cluster";

/// What to connect to.
#[derive(Clone)]
pub struct ConnectOptions {
    /// `--kubeconfig`; else `KUBECONFIG` (a list is merged), else `~/.kube/config`, else the pod's service account.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`; else the kubeconfig's current one.
    pub context: Option<String>,
    /// The namespace to fall back to where a cluster-wide read is forbidden; else the context's.
    pub namespace: Option<String>,
    /// The clock: rows need the time to tell a start from a failure.
    pub now: Now,
}

/// One cluster as one user. Cheap to clone.
#[derive(Clone)]
pub struct Connection {
    pub(super) transport: Transport,
    context: Text,
    cluster: Text,
    user: Text,
    namespace: Text,
    own_namespace: Option<Text>,
    trust: Text,
    proxy: Option<Text>,
    now: Now,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("context", &self.context)
            .field("server", self.transport.server())
            .finish_non_exhaustive()
    }
}

/// Reads the kubeconfig. It runs no credential plugin and sends nothing to the cluster yet: credentials are had with the
/// first request, and whether they and the cluster are there shows in the feeds' health, which tries again by itself.
pub async fn connect(options: ConnectOptions) -> Result<Connection, Fault> {
    // Both kube and reqwest take the process-wide provider; a second installation is refused, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (entry, way): (Entry, Box<dyn Way>) = match kubeconfig::load(options.kubeconfig.as_ref()) {
        Ok(file) => {
            let entry = entry(file, options.context.as_deref()).await?;
            let way = FromFile {
                path: options.kubeconfig,
                context: entry.names[0].clone(),
                server: server_of(&entry.config),
                now: options.now.clone(),
            };
            (entry, Box::new(way))
        }
        Err(missing) if missing.kind == FaultKind::NotConfigured && options.kubeconfig.is_none() => {
            if std::env::var_os("KUBERNETES_SERVICE_HOST").is_none() {
                return Err(missing);
            }
            let config = in_cluster()?;
            let server = server_of(&config);
            let entry = Entry {
                names: [IN_CLUSTER.into(), IN_CLUSTER.into(), "service account".into()],
                namespace: Some(config.default_namespace.as_str().into()),
                trust: "the service account's ca.crt".into(),
                proxy: None,
                config,
            };
            (entry, Box::new(InCluster { server }))
        }
        Err(fault) => return Err(fault),
    };
    let Entry { config, names: [context, cluster, user], namespace: own_namespace, trust, proxy } = entry;
    let namespace = options.namespace.filter(|name| !name.is_empty()).unwrap_or(config.default_namespace.clone());
    Ok(Connection {
        transport: Transport::through(way, server_of(&config)),
        context,
        cluster,
        user,
        namespace: namespace.into(),
        own_namespace,
        trust,
        proxy,
        now: options.now,
    })
}

impl Connection {
    #[cfg(test)]
    pub(in crate::integrations) fn for_test(transport: Transport) -> Self {
        let name: Text = "test".into();
        Self {
            transport,
            context: name.clone(),
            cluster: name.clone(),
            user: name.clone(),
            namespace: name,
            own_namespace: None,
            trust: "nothing".into(),
            proxy: None,
            now: Arc::new(super::mock::now),
        }
    }

    /// Name of the kubeconfig context (`in-cluster` inside a pod).
    pub fn context_name(&self) -> &Text {
        &self.context
    }

    /// Name of the cluster entry.
    pub fn cluster_name(&self) -> &Text {
        &self.cluster
    }

    /// Name of the user entry; who the server says we are tells [`Cluster::identity`].
    pub fn user(&self) -> &Text {
        &self.user
    }

    /// The namespace asked for, else the context's, else `default`.
    pub fn namespace(&self) -> &Text {
        &self.namespace
    }

    /// The namespace that the kubeconfig's context names (inside a pod: the pod's); `None` when it names none.
    pub fn own_namespace(&self) -> Option<Text> {
        self.own_namespace.clone()
    }

    /// The same connection, falling back to another namespace where a cluster-wide read is forbidden.
    #[must_use]
    pub fn with_namespace(mut self, namespace: &str) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// May we? For `doctor`: asks for one verb on a resource, in a namespace or in all.
    pub async fn may(&self, verb: &str, resource: Resource, scope: &NamespaceScope) -> Result<Permission, Fault> {
        let namespace = match scope {
            // Nodes belong to no namespace.
            NamespaceScope::One(name) if resource.is_namespaced() => Some(&**name),
            _ => None,
        };
        let asked = Asked {
            namespace,
            verb,
            group: resource.group(),
            resource: resource.plural(),
            subresource: None,
            name: None,
        };
        let access = ClusterAccess::new(self.transport.clone(), self.user.clone());
        access.may(&asked).await.map_err(|error| match error {
            ClusterError::Fault(fault) => fault,
            other => Fault::new(FaultKind::Server, other.to_string()),
        })
    }

    /// The API server's URL.
    pub fn server_url(&self) -> &Text {
        self.transport.server()
    }

    /// Are there credentials? Runs the plugin if there is one and it has not run yet; sends nothing.
    pub async fn credentials(&self) -> Result<(), Fault> {
        self.transport.credentials().await
    }

    /// Which certificates the connection trusts, for people: a file, a field of the kubeconfig, the machine's store.
    pub fn trust(&self) -> &Text {
        &self.trust
    }

    /// The proxy before the API server, without credentials.
    pub fn proxy(&self) -> Option<&Text> {
        self.proxy.as_ref()
    }

    /// One feed per resource, in the order in which they matter to the first screen, and the names of namespaces.
    pub fn feeds(&self, scope: &NamespaceScope) -> Vec<Box<dyn Feed>> {
        let namespaces = NamespacesFeed::new(self.transport.clone(), self.namespace.clone());
        let last: Box<dyn Feed> = Box::new(namespaces);
        Resource::ALL
            .into_iter()
            .map(|resource| -> Box<dyn Feed> {
                Box::new(ResourceFeed::new(
                    self.transport.clone(),
                    resource,
                    scope.clone(),
                    self.namespace.clone(),
                    self.now.clone(),
                ))
            })
            .chain([last])
            .collect()
    }

    /// The clock.
    pub fn clock(&self) -> Now {
        self.now.clone()
    }

    /// Fresh reads for plans and verification.
    pub fn cluster(&self) -> Arc<dyn Cluster> {
        Arc::new(ClusterAccess::new(self.transport.clone(), self.user.clone()))
    }

    /// The one that alters. It takes only what the door approved.
    pub fn mutator(&self) -> Arc<dyn Mutator> {
        Arc::new(ClusterAccess::new(self.transport.clone(), self.user.clone()))
    }

    /// Follows container logs.
    pub fn logs(&self) -> Arc<dyn LogSource> {
        Arc::new(KubernetesLogs::new(self.transport.clone(), self.now.clone()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use futures::StreamExt;

    fn options(dir: &tempfile::TempDir, server: &str, user: &str) -> ConnectOptions {
        let path = dir.path().join("config");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: lab\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n\
             contexts: [{{name: lab, context: {{cluster: c, user: u, namespace: shop}}}}]\nusers: [{{name: u, user: {user}}}]\n"
        );
        std::fs::write(&path, text).unwrap();
        ConnectOptions {
            kubeconfig: Some(path),
            context: None,
            namespace: None,
            now: Arc::new(super::super::mock::now),
        }
    }

    #[tokio::test]
    async fn a_kubeconfig_leads_to_a_server_with_its_token() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(async |headers: http::HeaderMap| {
            let token = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
            format!(r#"{{"gitVersion": "{token}"}}"#)
        });
        let serving = axum::serve(listener, router).into_future();
        let dir = tempfile::tempdir().unwrap();
        let asking = async {
            let connection = connect(options(&dir, &server, "{token: s3cret}")).await.unwrap();
            assert_eq!((&**connection.context_name(), &**connection.namespace()), ("lab", "shop"));
            assert_eq!(&**connection.server_url(), server);
            assert_eq!(connection.feeds(&NamespaceScope::All).len(), Resource::ALL.len() + 1);
            connection.server_version().await.unwrap().0
        };
        tokio::select! {
            _ = serving => panic!("the server ended"),
            version = asking => assert_eq!(&*version, "Bearer s3cret"),
        }
    }

    /// A server that takes one token, which changes after every `lives` requests.
    fn fickle(lives: usize) -> (axum::Router, Arc<std::sync::atomic::AtomicUsize>) {
        let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = asked.clone();
        let router = axum::Router::new().fallback(async move |headers: http::HeaderMap| {
            let token = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
            let number = count.load(std::sync::atomic::Ordering::SeqCst);
            if token != format!("Bearer t{}", number / lives) {
                return (http::StatusCode::UNAUTHORIZED, r#"{"kind": "Status", "message": "Unauthorized"}"#.to_owned());
            }
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            (http::StatusCode::OK, format!(r#"{{"gitVersion": "v{number}"}}"#))
        });
        (router, asked)
    }

    #[tokio::test]
    async fn a_token_that_was_refused_is_renewed_by_its_plugin_and_by_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let (token, runs) = (dir.path().join("token"), dir.path().join("runs"));
        // Without expirationTimestamp nothing but the refusal tells that it is over.
        let exec = format!(
            "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, interactiveMode: Never, args: ['-c', \
             'echo run >> {}; printf \'\'{{\"apiVersion\": \"client.authentication.k8s.io/v1\", \
             \"kind\": \"ExecCredential\", \"status\": {{\"token\": \"%s\"}}}}\'\' $(cat {})']}}}}",
            runs.display(),
            token.display()
        );
        let file = format!("{{tokenFile: '{}'}}", token.display());
        for user in [exec, file] {
            let _ = std::fs::remove_file(&runs);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let server = format!("http://{}", listener.local_addr().unwrap());
            let (router, asked) = fickle(2);
            let serving = axum::serve(listener, router).into_future();
            let asking = async {
                std::fs::write(&token, "t0").unwrap();
                let connection = connect(options(&dir, &server, &user)).await.unwrap();
                assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 0, "connecting asks nothing");
                for number in 0..2 {
                    assert_eq!(&*connection.server_version().await.unwrap().0, format!("v{number}"));
                }
                std::fs::write(&token, "t1").unwrap();
                let both = tokio::join!(connection.server_version(), connection.server_version());
                let mut both = [both.0.unwrap().0, both.1.unwrap().0];
                both.sort();
                assert_eq!(both.each_ref().map(|version| &**version), ["v2", "v3"]);
            };
            tokio::select! {
                _ = serving => panic!("the server ended"),
                () = asking => {}
            }
        }
    }

    #[tokio::test]
    async fn a_failing_plugin_is_a_fault_of_the_source_which_tries_again() {
        let dir = tempfile::tempdir().unwrap();
        let exec = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, interactiveMode: IfAvailable, \
                    args: ['-c', 'echo s3cret; echo session expired >&2; exit 3']}}";
        let connection = connect(options(&dir, "http://127.0.0.1:1", exec)).await.unwrap();
        let fault = connection.feeds(&NamespaceScope::All).remove(0).open().next().await.unwrap().unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unauthorized);
        assert!(fault.message.contains("session expired") && !fault.message.contains("s3cret"), "{}", fault.message);
    }

    #[tokio::test]
    async fn nobody_listening_is_an_unreachable_source() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let dir = tempfile::tempdir().unwrap();
        let connection = connect(options(&dir, &server, "{}")).await.unwrap();
        let feed = connection.feeds(&NamespaceScope::All).remove(0);
        let fault = feed.open().next().await.unwrap().unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unreachable);
        assert!(fault.message.contains(&server) && fault.hint.is_some(), "{fault:?}");
        // What was never sent is not "unknown" to a mutation either.
        let failure = connection.transport.get("/version").await.unwrap_err();
        assert!(
            matches!(&failure, super::super::transport::Failure::Transport(error) if super::super::fault::never_sent(error)),
            "{failure:?}"
        );
    }
}
