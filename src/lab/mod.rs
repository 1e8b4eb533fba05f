//! The embedded world: loopback HTTP servers that speak the protocols of Kubernetes, Prometheus,
//! Alertmanager, Unleash, Slack and PagerDuty, and the scenarios that play in it. It knows nothing of the rest of the crate.
//!
//! [`start`] makes a world, lets it live through the minutes before now, and serves it until the
//! [`Lab`] is dropped. It listens on 127.0.0.1 only.

pub mod alertmanager;
mod bucket;
pub mod clock;
mod files;
pub mod kubernetes;
pub mod pagerduty;
pub mod prometheus;
pub mod scenario;
#[cfg(test)]
mod served;
pub mod slack;
pub mod store;
pub mod telemetry;
#[cfg(test)]
mod tests;
pub mod unleash;
pub mod world;

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::TimeDelta;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use self::alertmanager::Alertmanager;
use self::alertmanager::routing::{ConfigError, LAB_CONFIG};
use self::clock::LabClock;
use self::kubernetes::{ApiState, Backend, Identity};
use self::pagerduty::PagerDuty;
use self::prometheus::PrometheusState;
use self::prometheus::rules::RuleEngine;
use self::prometheus::rules::file::RuleError;
pub use self::scenario::ScenarioName;
use self::slack::Slack;
use self::store::Store;
use self::telemetry::Telemetry;
use self::unleash::Unleash;
use self::world::World;
use self::world::logs::Journal;
use self::world::usage::Meter;

/// What all identifiers of the lab are made from.
const SEED: u64 = 0x0b5d_ec4b;
/// How far back the rules are evaluated at the start, so that alerts are as old as their causes.
const REPLAY: TimeDelta = TimeDelta::minutes(10);
/// The user of the lab who may do everything.
const USER: &str = "oncall";

/// The ports to listen on; 0 lets the system choose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ports {
    /// The Kubernetes API.
    pub kubernetes: u16,
    /// Prometheus.
    pub prometheus: u16,
    /// Alertmanager.
    pub alertmanager: u16,
    /// Unleash.
    pub unleash: u16,
    /// Slack.
    pub slack: u16,
    /// PagerDuty.
    pub pagerduty: u16,
}

/// What kind of lab to start.
#[derive(Debug, Clone)]
pub struct LabOptions {
    /// What happens in it.
    pub scenario: ScenarioName,
    /// When it happens, and how fast.
    pub clock: LabClock,
    /// Where it listens.
    pub ports: Ports,
}

impl LabOptions {
    /// A scenario by a clock, on ports of the system's choice.
    pub fn new(scenario: ScenarioName, clock: LabClock) -> Self {
        Self { scenario, clock, ports: Ports::default() }
    }
}

/// Why the lab could not start, or its files could not be written.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A port cannot be listened on.
    #[error("cannot listen on {address} for the lab's {server}")]
    Listen {
        /// Which server.
        server: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// The shipped alerting rules do not load.
    #[error("the lab's alerting rules do not load")]
    Rules(#[from] RuleError),
    /// The shipped Alertmanager configuration does not load.
    #[error("the lab's Alertmanager configuration does not load")]
    Routing(#[from] ConfigError),
    /// A file of the lab cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which file or directory.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
}

/// A running lab. Dropping it stops everything.
#[derive(Debug)]
pub struct Lab {
    /// Where the Kubernetes API is reached.
    pub kubernetes_url: String,
    /// Where Prometheus is reached.
    pub prometheus_url: String,
    /// Where Alertmanager is reached.
    pub alertmanager_url: String,
    /// Where Unleash is reached.
    pub unleash_url: String,
    /// Where Slack is reached: the base of `/api/…`.
    pub slack_url: String,
    /// Where PagerDuty is reached, both of its APIs.
    pub pagerduty_url: String,
    scenario: ScenarioName,
    store: Store,
    tasks: JoinSet<()>,
}

impl Lab {
    /// The scenario that plays.
    pub fn scenario(&self) -> ScenarioName {
        self.scenario
    }

    /// A kubeconfig (YAML) whose contexts lead here: `lab`, the current one, as somebody who may do
    /// everything; `lab-viewer`, who may only look; `lab-shop-editor`, who may do everything in `shop`.
    pub fn kubeconfig(&self) -> String {
        files::kubeconfig(&self.kubernetes_url, USER)
    }

    /// An opsdeck configuration (TOML) for this lab, whose other files are in `directory`.
    pub fn configuration(&self, directory: &Path) -> String {
        let servers = files::Servers {
            prometheus: &self.prometheus_url,
            alertmanager: &self.alertmanager_url,
            unleash: &self.unleash_url,
            slack: &self.slack_url,
            pagerduty: &self.pagerduty_url,
        };
        files::configuration(&servers, directory)
    }

    /// Writes `kubeconfig`, `opsdeck.toml` and the tokens of the servers into a directory, which is made if need be.
    pub fn write_dir(&self, directory: &Path) -> Result<(), LabError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |cause| LabError::Write { path, cause }
        };
        std::fs::create_dir_all(directory).map_err(failed(directory))?;
        // The configuration names files in it by whole paths.
        let directory = std::fs::canonicalize(directory).map_err(failed(directory))?;
        for (name, token) in files::secrets() {
            let path = directory.join(name);
            write_secret(&path, &token).map_err(failed(&path))?;
        }
        for (name, text) in [("kubeconfig", self.kubeconfig()), ("opsdeck.toml", self.configuration(&directory))] {
            let path = directory.join(name);
            std::fs::write(&path, text).map_err(failed(&path))?;
        }
        Ok(())
    }

    /// The objects of the lab, for its own tests.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Waits for ever, or until a server of the lab ends, which none does by itself.
    pub async fn ended(&mut self) {
        self.tasks.join_next().await;
    }
}

/// Starts a lab: makes the world of its scenario and serves it on loopback.
pub async fn start(options: LabOptions) -> Result<Lab, LabError> {
    let LabOptions { scenario, clock, ports } = options;
    let (kubernetes, kubernetes_url) = listen("Kubernetes API", ports.kubernetes).await?;
    let (prometheus, prometheus_url) = listen("Prometheus", ports.prometheus).await?;
    let (alertmanager, alertmanager_url) = listen("Alertmanager", ports.alertmanager).await?;
    let (flags, unleash_url) = listen("Unleash", ports.unleash).await?;
    let (chat, slack_url) = listen("Slack", ports.slack).await?;
    let (pager, pagerduty_url) = listen("PagerDuty", ports.pagerduty).await?;

    let telemetry = Telemetry::new(clock.clone());
    let mut world = World::new(SEED, clock.clone(), telemetry.clone());
    scenario::set_up(&mut world, scenario, clock.now());
    let store = world.store().clone();
    let troubles = world.traffic().troubles().clone();
    let switches = world.traffic().switches().clone();
    let journal = Journal::new(store.clone(), world.time().clone(), clock.clone(), troubles, switches.clone());
    let state = ApiState {
        store: store.clone(),
        logs: Arc::new(journal),
        usage: Arc::new(Meter::new(store.clone(), world.time().clone(), world.traffic().demand().clone())),
        identity: Identity::admin(USER),
        others: vec![
            (files::VIEWER.token.to_owned(), Identity::viewer(files::VIEWER.user)),
            (files::EDITOR.token.to_owned(), Identity::editor(files::EDITOR.user, "shop")),
        ],
        backends: [("prometheus", &prometheus_url), ("alertmanager", &alertmanager_url)]
            .map(|(service, url)| Backend {
                namespace: "platform".to_owned(),
                service: service.to_owned(),
                url: url.clone(),
            })
            .to_vec(),
    };
    let alerts = Alertmanager::new(clock.clone(), LAB_CONFIG)?;
    let rules = RuleEngine::new(telemetry.clone(), scenario.rules(), Some(alerts.clone()), &prometheus_url)?;
    rules.replay(REPLAY);
    let unleash = Unleash::new(clock.clone(), switches, &unleash_url);
    let slack = Slack::new(clock.clone(), scenario, &slack_url);
    // After the replay: what fires already has paged already.
    let pagerduty = PagerDuty::new(clock, alerts.clone(), &pagerduty_url);
    let metrics = PrometheusState {
        telemetry,
        rules: rules.clone(),
        external_url: prometheus_url.clone(),
        alertmanager_url: Some(alertmanager_url.clone()),
    };

    let mut tasks = JoinSet::new();
    // A server ends only with its listener, when the whole lab goes; there is nobody to tell.
    tasks.spawn(async move { kubernetes::serve(kubernetes, state).await.unwrap_or_default() });
    tasks.spawn(async move { prometheus::serve(prometheus, metrics).await.unwrap_or_default() });
    tasks.spawn(async move { alertmanager::serve(alertmanager, alerts).await.unwrap_or_default() });
    tasks.spawn(async move { unleash::serve(flags, unleash).await.unwrap_or_default() });
    tasks.spawn(async move { slack::serve(chat, slack).await.unwrap_or_default() });
    tasks.spawn(pagerduty.clone().run());
    tasks.spawn(async move { pagerduty::serve(pager, pagerduty).await.unwrap_or_default() });
    tasks.spawn(world.run());
    tasks.spawn(rules.run());
    Ok(Lab {
        kubernetes_url,
        prometheus_url,
        alertmanager_url,
        unleash_url,
        slack_url,
        pagerduty_url,
        scenario,
        store,
        tasks,
    })
}

/// Writes a file that only its owner may read, anew.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

async fn listen(server: &'static str, port: u16) -> Result<(TcpListener, String), LabError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let failed = |cause| LabError::Listen { server, address, cause };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let url = format!("http://{}", listener.local_addr().map_err(failed)?);
    Ok((listener, url))
}
