//! The embedded lab for `--demo`: started in this process when something first wants to connect (the first frame does not
//! wait for it), reached only over loopback HTTP, with a kubeconfig and a configuration in a directory that goes when the
//! program ends.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::clock::Clock;
use crate::config::{Config, LoadOptions};
use crate::domain::time::Instant;
use crate::lab::clock::LabClock;
use crate::lab::scenario::ScenarioName;
use crate::lab::{self, Lab, LabOptions, Ports};
use crate::ports::feed::{Fault, FaultKind};

/// What the user asked of the lab.
#[derive(Clone, Copy, Debug)]
pub struct DemoOptions {
    /// What goes wrong.
    pub scenario: ScenarioName,
    /// Stand still at this instant.
    pub frozen_at: Option<Instant>,
    /// How fast its time runs.
    pub speed: f64,
}

impl DemoOptions {
    /// The lab's clock and one in step with it. The lab's time begins here, not when the lab is started.
    fn clocks(&self) -> (LabClock, Clock) {
        let origin = self.frozen_at.unwrap_or_else(|| Clock::System.now());
        let speed = if self.frozen_at.is_some() { 0.0 } else { self.speed };
        (LabClock::new(origin, speed), Clock::shifted(origin, speed))
    }
}

/// A lab that starts when it is first needed. Dropping it ends it.
#[derive(Debug)]
pub struct Demo {
    scenario: ScenarioName,
    lab_clock: LabClock,
    clock: Clock,
    load: LoadOptions,
    running: OnceCell<Running>,
}

/// The running lab, its files, and the configuration that they make.
#[derive(Debug)]
struct Running {
    _lab: Lab,
    directory: TempDir,
    config: Config,
}

impl Demo {
    /// Sets the clocks going. `load` says how its configuration is loaded: the lab's own file takes the place of the
    /// user's, so that no real source is asked, unless another was named explicitly.
    pub fn new(options: DemoOptions, load: LoadOptions) -> Self {
        let (lab_clock, clock) = options.clocks();
        Self { scenario: options.scenario, lab_clock, clock, load, running: OnceCell::new() }
    }

    /// A clock in step with the lab's.
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// The lab's kubeconfig and configuration; starts the lab on free ports of the loopback interface if it does not run
    /// yet.
    pub async fn ground(&self) -> Result<(PathBuf, &Config), Fault> {
        let running = self.running.get_or_try_init(|| self.start()).await?;
        Ok((kubeconfig(running.directory.path()), &running.config))
    }

    async fn start(&self) -> Result<Running, Fault> {
        let lab = start(self.scenario, self.lab_clock.clone(), Ports::default()).await?;
        let failed = |why: String| Fault::new(FaultKind::Server, format!("cannot write the lab's files: {why}"));
        let directory =
            tempfile::Builder::new().prefix("opsdeck-demo").tempdir().map_err(|error| failed(error.to_string()))?;
        lab.write_dir(directory.path()).map_err(|error| failed(error.to_string()))?;
        let own = directory.path().join("opsdeck.toml");
        let load = LoadOptions { explicit_file: self.load.explicit_file.clone().or(Some(own)), ..self.load.clone() };
        let config = crate::config::load(&load).map_err(|error| failed(error.to_string()))?.config;
        Ok(Running { _lab: lab, directory, config })
    }
}

fn kubeconfig(directory: &Path) -> PathBuf {
    directory.join("kubeconfig")
}

/// Starts a lab that runs until it is dropped, at once.
pub async fn serve(options: DemoOptions, ports: Ports) -> Result<Lab, Fault> {
    start(options.scenario, options.clocks().0, ports).await
}

async fn start(scenario: ScenarioName, clock: LabClock, ports: Ports) -> Result<Lab, Fault> {
    lab::start(LabOptions { scenario, clock, ports })
        .await
        .map_err(|error| Fault::new(FaultKind::Server, format!("the lab does not start: {error}")))
}
