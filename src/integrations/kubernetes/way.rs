//! From a kubeconfig (or a pod's service account) to a client with fresh credentials, again and again.

use std::path::PathBuf;
use std::time::Duration;

use kube::config::{Config, ExecInteractiveMode, KubeConfigOptions, Kubeconfig};

use super::fault::{auth_fault, fault, short};
use super::link::{Fresh, Way};
use super::transport::Failure;
use super::{kubeconfig, plugin, proxy};
use crate::domain::Text;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::{Future, Now};

/// A connection that is not there within this time is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that is silent for this long while an answer is awaited is dead. Longer than a watch lives
/// ([`super::watch::WATCH_SECONDS`]), shorter than a minute.
const READ_TIMEOUT: Duration = Duration::from_secs(45);

/// What a kubeconfig says of one context.
pub(super) struct Entry {
    /// For kube.
    pub config: Config,
    /// Names of context, cluster and user.
    pub names: [Text; 3],
    /// The context's namespace.
    pub namespace: Option<Text>,
    /// Which certificates it trusts, for messages.
    pub trust: Text,
    /// The proxy's address without credentials.
    pub proxy: Option<Text>,
}

/// Reads a context of a loaded kubeconfig. Runs and sends nothing.
pub(super) async fn entry(file: Kubeconfig, wanted: Option<&str>) -> Result<Entry, Fault> {
    let chosen = kubeconfig::choose(&file, wanted)?;
    let cluster = file.clusters.iter().find(|named| named.name == *chosen.cluster);
    let cluster = cluster.and_then(|named| named.cluster.as_ref());
    let explicit_proxy = cluster.and_then(|cluster| cluster.proxy_url.clone());
    let trust = match cluster {
        Some(cluster) if cluster.certificate_authority_data.is_some() => {
            format!("certificate-authority-data of cluster {} in the kubeconfig", chosen.cluster)
        }
        Some(cluster) if cluster.certificate_authority.is_some() => {
            cluster.certificate_authority.clone().unwrap_or_default()
        }
        _ => "this machine's certificate store (the kubeconfig names no certificate-authority)".to_owned(),
    };
    let select = KubeConfigOptions { context: Some(chosen.name.to_string()), ..KubeConfigOptions::default() };
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
    let proxy = config.proxy_url.as_ref().map(|uri| {
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().map_or_else(String::new, |port| format!(":{port}"));
        Text::from(format!("{}://{host}{port}", uri.scheme_str().unwrap_or("http")))
    });
    Ok(Entry {
        config,
        names: [chosen.name, chosen.cluster, chosen.user],
        namespace: chosen.namespace,
        trust: short(&trust).into(),
        proxy,
    })
}

/// A context of a kubeconfig file. The file is read again for each client: a login may have rewritten it.
pub(super) struct FromFile {
    /// `--kubeconfig`.
    pub path: Option<PathBuf>,
    /// The context.
    pub context: Text,
    /// The server that it named when the console connected: plans were made for that one.
    pub server: Text,
    /// The clock, for the end of credentials.
    pub now: Now,
}

impl Way for FromFile {
    fn client(&self) -> Future<'_, Result<Fresh, Fault>> {
        Box::pin(async {
            let entry = entry(kubeconfig::load(self.path.as_ref())?, Some(&self.context)).await?;
            if server_of(&entry.config) != self.server {
                return Err(Fault::new(
                    FaultKind::NotConfigured,
                    short(&format!("context {} names another server now than {}", self.context, self.server)),
                )
                .hint("ask all sources again (refresh) to look at the new one"));
            }
            let mut config = entry.config;
            kubeconfig::refuse_missing_files(&config.auth_info)?;
            let mut until = None;
            if let Some(exec) = config.auth_info.exec.take() {
                let credential = plugin::run(&exec, plugin::LIMIT).await?;
                until = credential.until;
                credential.put_into(&mut config.auth_info)?;
            }
            let client = client(config, &self.server).await?;
            Ok(Fresh { client, lasts: until.map(|until| (until - (self.now)()).to_std().unwrap_or_default()) })
        })
    }
}

/// The service account of the pod that this runs in.
pub(super) struct InCluster {
    /// The server, for messages.
    pub server: Text,
}

impl Way for InCluster {
    fn client(&self) -> Future<'_, Result<Fresh, Fault>> {
        Box::pin(async { Ok(Fresh { client: client(in_cluster()?, &self.server).await?, lasts: None }) })
    }
}

/// The configuration of this pod's service account.
pub(super) fn in_cluster() -> Result<Config, Fault> {
    Config::incluster().map_err(|error| {
        Fault::new(FaultKind::NotConfigured, short(&format!("cannot use this pod's service account: {error}")))
    })
}

/// The server's address as it is shown.
pub(super) fn server_of(config: &Config) -> Text {
    config.cluster_url.to_string().trim_end_matches('/').into()
}

async fn client(mut config: Config, server: &str) -> Result<kube::Client, Fault> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    config.reset_reader_on_write = true;
    config.default_retry = false;
    // An old auth-provider's command blocks its thread for as long as it likes.
    let made = tokio::task::spawn_blocking(move || kube::Client::try_from(config));
    let made = tokio::time::timeout(plugin::LIMIT, made).await.map_err(|_| {
        Fault::new(FaultKind::Unauthorized, "the auth-provider of this user entry did not answer")
            .hint("use an `exec` credential plugin instead")
    })?;
    made.map_err(|error| Fault::new(FaultKind::Unauthorized, short(&format!("credentials: {error}"))))?.map_err(
        |error| match error {
            kube::Error::Auth(error) => auth_fault(&error),
            other => fault(&Failure::Transport(other), "prepare the connection", server),
        },
    )
}
