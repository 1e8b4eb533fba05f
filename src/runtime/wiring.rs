//! From the configuration and a context's name to everything that the console needs there: feeds, fresh reads, the
//! mutator, signals, logs. A provider is wired here, by its line, and nowhere else.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::clock::Clock;
use super::demo::Demo;
use super::guardrails;
use super::incidents::office::Ground;
use super::incidents::services::{IncidentServices, Shared};
use super::proxy::ServiceProxy;
use crate::actions::approval::{Approved, Mutator, Receipt};
use crate::actions::guardrail::GuardContext;
use crate::config::incidents::Share;
use crate::config::{Config, ContextSettings, Http};
use crate::domain::Text;
use crate::domain::cluster::NamespaceScope;
use crate::domain::mutation::Mutation;
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::domain::slo::Objective;
use crate::incident::clearance::{MayShare, SharedWriter};
use crate::integrations::alertmanager::{AlertmanagerClient, AlertmanagerFeed};
use crate::integrations::alerts::{SeverityOf, severity_by};
use crate::integrations::flags::{Flags, FlagsFeed};
use crate::integrations::http::{self, HttpSettings, Product, Transport};
use crate::integrations::kubernetes::connect::{ConnectOptions, Connection, connect};
use crate::integrations::prometheus::{PrometheusAlertsFeed, PrometheusClient};
use crate::integrations::signals::MonitoringSignals;
use crate::integrations::slo::SloFeed;
use crate::integrations::status_page;
use crate::integrations::{chat, paging};
use crate::ports::cluster::{
    Cluster, ClusterError, DryRun, Facts, Look, Needs, Permission, Seen, SignalSource, Silences,
};
use crate::ports::feed::{Fault, Feed, LogSource};
use crate::ports::journal::AuditLog;
use crate::state::context::{ContextEntry, ContextInfo};

/// What a start of opsdeck was given, the same for every context that it then looks at.
pub struct Launch {
    /// The configuration, all layers merged: how the console looks and behaves.
    pub config: Config,
    /// Where the clusters are.
    pub place: Place,
    /// Why nothing may be changed, when the arguments say so (`--read-only`).
    pub read_only: Option<String>,
    /// The clock.
    pub clock: Clock,
    /// The audit log.
    pub journal: Arc<dyn AuditLog>,
    /// Runbooks.
    pub runbooks: super::runbooks::RunbookHome,
    /// Where incidents are kept.
    pub incidents: super::incidents::IncidentHome,
    /// Operating system user.
    pub user: String,
    /// Address of the ssh client, when there is one.
    pub ssh_client: Option<String>,
}

/// Where the clusters are, and which configuration describes their sources.
#[derive(Debug)]
pub enum Place {
    /// In a kubeconfig (`--kubeconfig`, else the usual places); the launch's configuration describes them.
    Kubeconfig(Option<PathBuf>),
    /// In the embedded lab, which brings both.
    Lab(Box<Demo>),
}

impl std::fmt::Debug for Launch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Launch").field("place", &self.place).finish_non_exhaustive()
    }
}

/// What actions and logs need of a context.
#[derive(Clone)]
pub struct Services {
    /// Fresh reads.
    pub cluster: Arc<dyn Cluster>,
    /// Alters; takes only what the door approved.
    pub mutator: Arc<dyn Mutator>,
    /// Fresh reads of silences.
    pub silences: Arc<dyn Silences>,
    /// Alters silences; takes only what the door approved.
    pub silencer: Arc<dyn Mutator>,
    /// Feature flags: fresh reads, and writes with what the door approved.
    pub flags: Flags,
    /// Alerts and burn for verification.
    pub signals: Arc<dyn SignalSource>,
    /// Log streams.
    pub logs: Arc<dyn LogSource>,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Services")
    }
}

impl Services {
    /// Reads what a plan needs, where the object is: silences are in Alertmanager, everything else in the cluster.
    pub async fn facts(&self, needs: &Needs) -> Result<Facts, ClusterError> {
        match needs.target.kind {
            ObjectKind::Silence => self.silences.facts(needs).await,
            ObjectKind::Flag => {
                let object = self.flag(&needs.target).await?;
                Ok(Facts { object, ..Facts::default() })
            }
            _ => self.cluster.facts(needs).await,
        }
    }

    /// What there is to see of an object now, without signals.
    pub async fn look(&self, look: &Look) -> Seen {
        match look.object.kind {
            ObjectKind::Silence => {
                let object = self.silences.look(&look.object).await;
                Seen { object, rollout: None, pods: None, signals: None }
            }
            ObjectKind::Flag => {
                Seen { object: self.flag(&look.object).await, rollout: None, pods: None, signals: None }
            }
            _ => self.cluster.look(look).await,
        }
    }

    async fn flag(&self, object: &ObjectRef) -> Result<Value, ClusterError> {
        let facts = self.flags.facts(object).await?;
        serde_json::to_value(facts).map_err(|error| ClusterError::Rejected(error.to_string()))
    }

    /// May it be sent? Asked of whom it would be sent to.
    pub async fn permission(&self, mutation: &Mutation) -> Result<Permission, ClusterError> {
        if mutation.is_for_flags() {
            self.flags.permission(mutation).await
        } else {
            self.cluster.permission(mutation).await
        }
    }

    /// What would come of it, as whom it would be sent to says.
    pub async fn dry_run(&self, mutation: &Mutation) -> Result<DryRun, ClusterError> {
        if mutation.is_for_flags() { self.flags.dry_run(mutation).await } else { self.cluster.dry_run(mutation).await }
    }

    /// Sends what the door approved to whom it is for.
    pub async fn execute(&self, approved: Approved<Mutation>) -> Result<Receipt, ClusterError> {
        if approved.get().is_for_flags() {
            return self.flags.execute(approved).await;
        }
        let mutator = if approved.get().is_for_alertmanager() { &self.silencer } else { &self.mutator };
        mutator.execute(approved).await
    }
}

/// A connected context.
pub struct Connected {
    /// What the app shows of it.
    pub info: ContextInfo,
    /// Its guardrails.
    pub guard: GuardContext,
    /// Its feeds, not opened yet.
    pub feeds: Vec<Box<dyn Feed>>,
    /// What actions need.
    pub services: Services,
    /// The clients themselves, for `doctor`.
    pub clients: Clients,
    /// What incidents need: their settings, and whom they speak to.
    pub incidents: Ground,
    /// The objectives that are declared for it.
    pub objectives: Vec<Arc<Objective>>,
}

/// The clients of a context.
pub struct Clients {
    /// Kubernetes.
    pub kubernetes: Connection,
    /// Prometheus, configured or found in the cluster.
    pub prometheus: Option<PrometheusClient>,
    /// Alertmanager, likewise.
    pub alertmanager: Option<AlertmanagerClient>,
    /// Sources of feature flags.
    pub flags: Flags,
    /// How Prometheus is reached.
    pub prometheus_road: Road,
    /// How Alertmanager is reached.
    pub alertmanager_road: Road,
}

/// The way to a product, for `doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Road {
    /// Through the API server's service proxy: as good as the API server.
    Cluster,
    /// At a configured address.
    Direct {
        /// Which certificates are trusted, in words.
        trust: String,
    },
}

impl Road {
    fn of(configured: bool, section: &str, http: &Http) -> Self {
        if !configured {
            return Self::Cluster;
        }
        let trust = match &http.ca_file {
            Some(file) => format!("{section}.ca-file = {} beside this machine's certificate store", file.display()),
            None => format!("this machine's certificate store ({section}.ca-file is not set)"),
        };
        Self::Direct { trust }
    }
}

impl Launch {
    /// Who is named in what a person writes into an incident: `oncall@bastion`. On the lab it is always that one, so that
    /// pictures and recordings of it name nobody.
    pub fn person(&self) -> Text {
        if self.is_demo() {
            return Text::from("oncall@bastion");
        }
        match whoami::hostname() {
            Ok(host) if !host.is_empty() => format!("{}@{host}", self.user).into(),
            _ => self.user.as_str().into(),
        }
    }

    /// Is it the embedded lab?
    pub const fn is_demo(&self) -> bool {
        matches!(self.place, Place::Lab(_))
    }

    /// The kubeconfig, and the configuration that describes its contexts.
    async fn ground(&self) -> Result<(Option<PathBuf>, &Config), Fault> {
        match &self.place {
            Place::Kubeconfig(path) => Ok((path.clone(), &self.config)),
            Place::Lab(demo) => demo.ground().await.map(|(path, config)| (Some(path), config)),
        }
    }

    /// The configuration that describes the sources: the lab brings its own.
    pub async fn configuration(&self) -> Result<&Config, Fault> {
        Ok(self.ground().await?.1)
    }

    /// Connects to a context (`None`: the kubeconfig's current one).
    pub async fn connect(
        &self,
        context: Option<String>,
        namespace: Option<NamespaceScope>,
        epoch: u64,
    ) -> Result<Connected, Fault> {
        let (kubeconfig, config) = self.ground().await?;
        let clock = self.clock;
        let mut options = ConnectOptions {
            kubeconfig,
            context,
            namespace: match &namespace {
                Some(NamespaceScope::One(name)) => Some(name.to_string()),
                _ => None,
            },
            now: Arc::new(move || clock.now()),
        };
        let mut connection = connect(options.clone()).await?;
        let settings = config.context(connection.context_name());
        let scope = match namespace {
            Some(scope) => scope,
            // The kubeconfig's own namespace is a choice only where it names one; otherwise the configuration says, and
            // on-call people who say nothing see everything.
            None => match &settings.namespace {
                Some(name) if name == "*" => NamespaceScope::All,
                Some(name) => {
                    options.namespace = Some(name.clone());
                    connection = connection.with_namespace(name);
                    NamespaceScope::One(name.as_str().into())
                }
                None => connection.own_namespace().map_or(NamespaceScope::All, NamespaceScope::One),
            },
        };
        let mut guard = self.guard(&settings, Some(&scope));
        guard.rules = guardrails::rules(config, &settings, clock.now());
        let clients = clients(&connection, &settings);
        let services = services(config, &connection, &clients);
        let feeds = feeds(config, &connection, &settings, &scope, &clients);
        let info = ContextInfo {
            epoch,
            name: connection.context_name().to_string(),
            label: settings.label.clone(),
            production: settings.production,
            colour: settings.colour.clone(),
            demo: self.is_demo(),
            identity: None,
            namespace: scope,
        };
        let incidents = incident_ground(config, &settings, Some(&connection), guard.read_only.clone());
        let objectives = config.objectives.clone();
        Ok(Connected { info, guard, feeds, services, clients, incidents, objectives })
    }

    /// What the incidents of a context need where its cluster cannot be reached: they go on without it.
    pub async fn incident_ground(&self, context: &str) -> Result<Ground, Fault> {
        let (_, config) = self.ground().await?;
        let settings = config.context(context);
        let guard = self.guard(&settings, None);
        Ok(incident_ground(config, &settings, None, guard.read_only))
    }

    /// The guardrails of a context.
    pub fn guard(&self, settings: &ContextSettings, scope: Option<&NamespaceScope>) -> GuardContext {
        let configured =
            settings.read_only.then(|| format!("the configuration makes context {} read-only", settings.name));
        GuardContext {
            context: settings.name.clone(),
            namespace: match scope {
                None | Some(NamespaceScope::All) => None,
                Some(NamespaceScope::One(name)) => Some(name.to_string()),
            },
            identity: None,
            read_only: self.read_only.clone().or(configured),
            production: settings.production,
            confirm: guardrails::level(settings.confirm),
            // They need the configuration of the place, which is known once it is connected.
            rules: Vec::new(),
            verification_timeout: self.config.settings.verification.timeout.as_secs() as u32,
            user: self.user.clone(),
            ssh_client: self.ssh_client.clone(),
        }
    }

    /// The context that the kubeconfig is set to.
    pub async fn current_context(&self) -> Option<String> {
        let (kubeconfig, _) = self.ground().await.ok()?;
        let entries = crate::integrations::kubernetes::contexts(kubeconfig.as_ref()).ok()?;
        entries.into_iter().find(|entry| entry.current).map(|entry| entry.name.to_string())
    }

    /// The contexts of the kubeconfig, with what the configuration says of them.
    pub async fn contexts(&self) -> Result<Vec<ContextEntry>, Fault> {
        let (kubeconfig, config) = self.ground().await?;
        let entries = crate::integrations::kubernetes::contexts(kubeconfig.as_ref())?;
        Ok(entries
            .into_iter()
            .map(|entry| {
                let settings = config.context(&entry.name);
                ContextEntry {
                    label: (settings.label != *entry.name).then_some(settings.label),
                    name: entry.name.to_string(),
                    production: settings.production,
                    read_only: settings.read_only || self.read_only.is_some(),
                }
            })
            .collect())
    }
}

fn services(config: &Config, connection: &Connection, clients: &Clients) -> Services {
    // Without any it answers that none is configured.
    let alertmanager = clients.alertmanager.clone().unwrap_or_else(|| AlertmanagerClient::new(Vec::new()));
    Services {
        cluster: connection.cluster(),
        mutator: connection.mutator(),
        silences: Arc::new(alertmanager.clone()),
        silencer: Arc::new(alertmanager),
        flags: clients.flags.clone(),
        signals: Arc::new(MonitoringSignals::new(
            clients.prometheus.clone(),
            clients.alertmanager.clone(),
            config.objectives.clone(),
            severity(config),
        )),
        logs: connection.logs(),
    }
}

/// What the incidents of a context need. A product is wired by its own registry; nothing is sent.
fn incident_ground(
    config: &Config,
    settings: &ContextSettings,
    connection: Option<&Connection>,
    read_only: Option<String>,
) -> Ground {
    let mut services = IncidentServices::default();
    for source in &settings.services.chats {
        let provider = chat::provider(source);
        services.chat(provider.clone(), provider);
    }
    for source in &settings.services.pagings {
        let provider = paging::provider(source);
        services.paging(provider.clone(), provider);
    }
    for source in &settings.services.status_pages {
        let provider = status_page::provider(source);
        services.status_page(provider.clone(), provider, source.page.components.clone());
    }
    let incidents = &config.settings.incidents;
    if incidents.share == Share::Cluster
        && let Some(connection) = connection
    {
        let journal = connection.incidents(&incidents.namespace);
        let pass = MayShare::unless(read_only.is_some());
        let writer = pass.map(|pass| (journal.clone() as Arc<dyn SharedWriter>, pass));
        services.shared = Some(Shared { journal, writer });
    }
    Ground { context: settings.name.clone(), config: incidents.clone(), services, read_only }
}

fn feeds(
    config: &Config,
    connection: &Connection,
    settings: &ContextSettings,
    scope: &NamespaceScope,
    clients: &Clients,
) -> Vec<Box<dyn Feed>> {
    let mut feeds = connection.feeds(scope);
    if let Some(client) = &clients.alertmanager {
        let every = settings.alertmanager.interval;
        feeds.push(Box::new(AlertmanagerFeed::new(client.clone(), every, severity(config))));
    }
    if let Some(client) = &clients.prometheus {
        let every = settings.prometheus.interval;
        feeds.push(Box::new(PrometheusAlertsFeed::new(client.clone(), every, severity(config))));
        feeds.push(Box::new(SloFeed::new(client.clone(), every, config.objectives.clone())));
    }
    for (source, settings) in clients.flags.sources().iter().zip(&settings.flags) {
        feeds.push(Box::new(FlagsFeed::new(source.clone(), settings.interval)));
    }
    feeds
}

fn severity(config: &Config) -> SeverityOf {
    severity_by(config.severity.clone())
}

/// Clients for Prometheus and Alertmanager: at the configured addresses, else through the API server's proxy.
fn clients(connection: &Connection, settings: &ContextSettings) -> Clients {
    let proxied = |product, http: &Http| -> Arc<dyn Transport> {
        Arc::new(ServiceProxy::new(connection.clone(), product, http.timeout))
    };
    let prometheus = match &settings.prometheus.url {
        Some(url) => {
            Some(http::connect(&HttpSettings::new(Product::Prometheus, url, settings.prometheus.http.clone())))
        }
        None => settings.prometheus.discover.then(|| proxied(Product::Prometheus, &settings.prometheus.http)),
    };
    let alertmanager: Vec<_> = match settings.alertmanager.urls.as_slice() {
        [] => {
            let found = || proxied(Product::Alertmanager, &settings.alertmanager.http);
            settings.alertmanager.discover.then(found).into_iter().collect()
        }
        urls => urls
            .iter()
            .map(|url| {
                http::connect(&HttpSettings::new(Product::Alertmanager, url, settings.alertmanager.http.clone()))
            })
            .collect(),
    };
    Clients {
        kubernetes: connection.clone(),
        flags: Flags::new(&settings.flags, connection),
        prometheus_road: Road::of(settings.prometheus.url.is_some(), "prometheus", &settings.prometheus.http),
        alertmanager_road: Road::of(
            !settings.alertmanager.urls.is_empty(),
            "alertmanager",
            &settings.alertmanager.http,
        ),
        prometheus: prometheus.map(PrometheusClient::new),
        alertmanager: (!alertmanager.is_empty()).then(|| AlertmanagerClient::new(alertmanager)),
    }
}
