//! The way in: from a kubeconfig and a context's name to a [`Connection`] that hands out feeds, reads, the mutator and
//! logs of one cluster.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kube::config::{Config, ExecInteractiveMode, KubeConfigOptions};

use super::access::{Asked, ClusterAccess};
use super::fault::{auth_fault, fault, short};
use super::feeds::ResourceFeed;
use super::transport::{Failure, Transport};
use super::{kubeconfig, proxy};
use crate::actions::approval::Mutator;
use crate::domain::Text;
use crate::domain::cluster::{NamespaceScope, Resource};
use crate::domain::time::Instant;
use crate::integrations::logs::KubernetesLogs;
use crate::ports::Now;
use crate::ports::cluster::{Cluster, ClusterError, Permission};
use crate::ports::feed::{Fault, FaultKind, Feed, LogSource};

/// A connection that is not there within this time is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that is silent for this long while an answer is awaited is dead. Longer than a watch lives
/// ([`super::watch::WATCH_SECONDS`]), shorter than a minute.
const READ_TIMEOUT: Duration = Duration::from_secs(45);
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

/// Loads the kubeconfig, obtains credentials (this may run a credential plugin) and makes a client. It sends nothing to
/// the cluster yet: whether it answers shows in the feeds' health.
pub async fn connect(options: ConnectOptions) -> Result<Connection, Fault> {
    // Both kube and reqwest take the process-wide provider; a second installation is refused, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (mut config, context, cluster, user, own_namespace) = match kubeconfig::load(options.kubeconfig.as_ref()) {
        Ok(file) => from_file(file, options.context.as_deref()).await?,
        Err(missing) if missing.kind == FaultKind::NotConfigured && options.kubeconfig.is_none() => {
            if std::env::var_os("KUBERNETES_SERVICE_HOST").is_none() {
                return Err(missing);
            }
            let config = Config::incluster().map_err(|error| {
                Fault::new(FaultKind::NotConfigured, short(&format!("cannot use this pod's service account: {error}")))
            })?;
            let namespace = config.default_namespace.as_str().into();
            (config, IN_CLUSTER.into(), IN_CLUSTER.into(), "service account".into(), Some(namespace))
        }
        Err(fault) => return Err(fault),
    };
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    config.reset_reader_on_write = true;
    config.default_retry = false;
    let namespace = options.namespace.filter(|name| !name.is_empty()).unwrap_or(config.default_namespace.clone());
    let server: Text = config.cluster_url.to_string().trim_end_matches('/').into();
    // A credential plugin blocks its thread for as long as it likes (a browser login, a token from far away).
    let client = tokio::task::spawn_blocking(move || kube::Client::try_from(config))
        .await
        .map_err(|error| Fault::new(FaultKind::Unauthorized, short(&format!("credentials: {error}"))))?
        .map_err(|error| match error {
            kube::Error::Auth(error) => auth_fault(&error),
            other => fault(&Failure::Transport(other), "prepare the connection", &server),
        })?;
    Ok(Connection {
        transport: Transport::new(client, server),
        context,
        cluster,
        user,
        namespace: namespace.into(),
        own_namespace,
        now: options.now,
    })
}

/// What a kubeconfig says: the configuration, then the names of context, cluster and user, and the context's namespace.
type FromFile = (Config, Text, Text, Text, Option<Text>);

async fn from_file(file: kube::config::Kubeconfig, wanted: Option<&str>) -> Result<FromFile, Fault> {
    let entry = kubeconfig::choose(&file, wanted)?;
    let explicit_proxy = file
        .clusters
        .iter()
        .find(|named| named.name == *entry.cluster)
        .and_then(|named| named.cluster.as_ref()?.proxy_url.clone());
    let select = KubeConfigOptions { context: Some(entry.name.to_string()), ..KubeConfigOptions::default() };
    let mut config =
        Config::from_custom_kubeconfig(file, &select).await.map_err(|error| kubeconfig::describe(&error))?;
    kubeconfig::refuse_removed_provider(&config.auth_info)?;
    if let Some(exec) = &mut config.auth_info.exec {
        // The console owns the terminal: a plugin that asks questions on it would garble the screen and hang.
        if exec.interactive_mode == Some(ExecInteractiveMode::Always) {
            return Err(Fault::new(FaultKind::Unauthorized, "the credential plugin of this context needs a terminal")
                .hint("log in with it in another terminal, or set `interactiveMode: IfAvailable`"));
        }
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    config.proxy_url =
        proxy::proxy_for(&config.cluster_url, explicit_proxy.as_deref(), &|name| std::env::var(name).ok())
            .map_err(|why| Fault::new(FaultKind::NotConfigured, why).hint("check proxy-url and HTTPS_PROXY"))?;
    Ok((config, entry.name, entry.cluster, entry.user, entry.namespace))
}

impl Connection {
    #[cfg(test)]
    pub(super) fn for_test(transport: Transport) -> Self {
        let name: Text = "test".into();
        Self {
            transport,
            context: name.clone(),
            cluster: name.clone(),
            user: name.clone(),
            namespace: name,
            own_namespace: None,
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
            NamespaceScope::One(name) if resource != Resource::Nodes => Some(&**name),
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

    /// When the client certificate that a credential plugin gave expires: connect again before. Tokens renew themselves.
    pub fn credentials_until(&self) -> Option<Instant> {
        self.transport.valid_until()
    }

    /// One feed per resource, in the order in which they matter to the first screen.
    pub fn feeds(&self, scope: &NamespaceScope) -> Vec<Box<dyn Feed>> {
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
            .collect()
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
            assert_eq!(connection.feeds(&NamespaceScope::All).len(), Resource::ALL.len());
            connection.server_version().await.unwrap()
        };
        tokio::select! {
            _ = serving => panic!("the server ended"),
            version = asking => assert_eq!(&*version, "Bearer s3cret"),
        }
    }

    #[tokio::test]
    async fn a_failing_plugin_is_quoted_without_what_it_printed() {
        let dir = tempfile::tempdir().unwrap();
        let exec = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, interactiveMode: IfAvailable, \
                    args: ['-c', 'echo s3cret; echo session expired >&2; exit 3']}}";
        let fault = connect(options(&dir, "http://127.0.0.1:1", exec)).await.unwrap_err();
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
        assert!(matches!(&failure, Failure::Transport(error) if super::super::fault::never_sent(error)), "{failure:?}");
    }
}
