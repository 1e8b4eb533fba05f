//! `opsdeck lab`: the embedded world for other programs.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::output::{Failure, line};
use super::{Global, start};
use crate::lab::Ports;
use crate::lab::scenario::{SCENARIOS, ScenarioName};
use crate::runtime::demo::{DemoOptions, serve};

/// What to do with the lab.
#[derive(Debug, Subcommand)]
pub enum LabCommand {
    /// Serve the lab until interrupted, and write a kubeconfig and an opsdeck configuration for it
    Serve(ServeArgs),
    /// List the scenarios
    Scenarios,
}

/// Options of `lab serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Directory for `kubeconfig` and `opsdeck.toml`
    #[arg(long, value_name = "DIR", default_value = "opsdeck-lab")]
    dir: PathBuf,
    /// Scenario [default: bad-deploy]
    #[arg(long)]
    scenario: Option<ScenarioName>,
    /// Port of the Kubernetes API on 127.0.0.1 (0: any free one)
    #[arg(long, default_value_t = 0)]
    kubernetes_port: u16,
    /// Port of Prometheus on 127.0.0.1
    #[arg(long, default_value_t = 0)]
    prometheus_port: u16,
    /// Port of Alertmanager on 127.0.0.1
    #[arg(long, default_value_t = 0)]
    alertmanager_port: u16,
    /// Port of Unleash on 127.0.0.1
    #[arg(long, default_value_t = 0)]
    unleash_port: u16,
    /// Port of Slack on 127.0.0.1
    #[arg(long, default_value_t = 0)]
    slack_port: u16,
    /// Port of PagerDuty on 127.0.0.1
    #[arg(long, default_value_t = 0)]
    pagerduty_port: u16,
}

/// Runs it.
pub fn run(global: &Global, command: &LabCommand) -> Result<ExitCode, Failure> {
    match command {
        LabCommand::Scenarios => {
            for scenario in &SCENARIOS {
                line(&format!("{:<12} {}", scenario.slug, scenario.summary));
            }
            Ok(ExitCode::SUCCESS)
        }
        LabCommand::Serve(args) => start::block_on(serve_until_signal(global, args)),
    }
}

async fn serve_until_signal(global: &Global, args: &ServeArgs) -> Result<ExitCode, Failure> {
    let scenario = args.scenario.or(global.demo).unwrap_or(SCENARIOS[0].name);
    let options = DemoOptions { scenario, frozen_at: global.demo_at, speed: global.demo_speed.unwrap_or(1.0) };
    let ports = Ports {
        kubernetes: args.kubernetes_port,
        prometheus: args.prometheus_port,
        alertmanager: args.alertmanager_port,
        unleash: args.unleash_port,
        slack: args.slack_port,
        pagerduty: args.pagerduty_port,
    };
    let lab = serve(options, ports).await?;
    lab.write_dir(&args.dir).map_err(|error| Failure::failed(error.to_string()))?;
    let dir = std::fs::canonicalize(&args.dir).unwrap_or_else(|_| args.dir.clone());
    let dir = dir.display();
    line(&format!("scenario      {}", scenario.slug()));
    line(&format!("Kubernetes    {}", lab.kubernetes_url));
    line(&format!("Prometheus    {}", lab.prometheus_url));
    line(&format!("Alertmanager  {}", lab.alertmanager_url));
    line(&format!("Unleash       {}", lab.unleash_url));
    line(&format!("Slack         {}", lab.slack_url));
    line(&format!("PagerDuty     {}", lab.pagerduty_url));
    line(&format!("try           opsdeck --kubeconfig {dir}/kubeconfig --config {dir}/opsdeck.toml"));
    line(&format!("or            export KUBECONFIG={dir}/kubeconfig"));
    start::interrupted().await;
    Ok(ExitCode::SUCCESS)
}
