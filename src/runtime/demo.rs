//! The embedded lab for `--demo`: started in this process, reached only over loopback HTTP, with a kubeconfig and a
//! configuration in a directory that goes when the program ends.

use tempfile::TempDir;

use super::clock::Clock;
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

/// A running lab and its files. Dropping it ends both.
#[derive(Debug)]
pub struct Demo {
    lab: Lab,
    directory: TempDir,
    clock: Clock,
}

impl Demo {
    /// Starts the lab on free ports of the loopback interface.
    pub async fn start(options: DemoOptions) -> Result<Self, Fault> {
        let (lab, clock) = serve(options, Ports::default()).await?;
        let unwritable =
            |error: std::io::Error| Fault::new(FaultKind::Server, format!("cannot write the lab's files: {error}"));
        let directory = tempfile::Builder::new().prefix("opsdeck-demo").tempdir().map_err(unwritable)?;
        lab.write_dir(directory.path()).map_err(|error| Fault::new(FaultKind::Server, error.to_string()))?;
        Ok(Self { lab, directory, clock })
    }

    /// The lab's kubeconfig.
    pub fn kubeconfig(&self) -> std::path::PathBuf {
        self.directory.path().join("kubeconfig")
    }

    /// The configuration that fits the lab.
    pub fn config(&self) -> std::path::PathBuf {
        self.directory.path().join("opsdeck.toml")
    }

    /// A clock in step with the lab's.
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// The servers.
    pub const fn lab(&self) -> &Lab {
        &self.lab
    }
}

/// Starts a lab, and a clock that goes with it.
pub async fn serve(options: DemoOptions, ports: Ports) -> Result<(Lab, Clock), Fault> {
    let origin = options.frozen_at.unwrap_or_else(|| Clock::System.now());
    let speed = if options.frozen_at.is_some() { 0.0 } else { options.speed };
    let lab_clock = LabClock::new(origin, speed);
    let clock = Clock::shifted(origin, speed);
    let lab = lab::start(LabOptions { scenario: options.scenario, clock: lab_clock, ports })
        .await
        .map_err(|error| Fault::new(FaultKind::Server, format!("the lab does not start: {error}")))?;
    Ok((lab, clock))
}
