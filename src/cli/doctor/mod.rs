//! `opsdeck doctor`: each source checked for real, the culprit named, and what to do about each failure.

mod check;
mod cluster;
mod flags;
mod monitoring;
mod services;

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use self::check::{Check, Verdict, blame_clock};
use super::output::{Failure, json, line};
use super::{Global, start};
use crate::ports::feed::{Fault, FaultKind};

/// No check waits longer than this.
const PATIENCE: Duration = Duration::from_secs(15);

/// Options of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print the checks as JSON
    #[arg(long)]
    json: bool,
}

/// Runs it: exit code 0 when nothing failed, 1 otherwise (2 when the configuration is wrong, as everywhere).
pub fn run(global: &Global, args: &DoctorArgs) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let start = start::start(global).await?;
        let mut checks = vec![Check::ok("opsdeck", "configuration", "read and valid")];
        match start.launch.connect(start.context.clone(), start.namespace.clone(), 1).await {
            Err(fault) => checks.push(Check::failed("Kubernetes", "kubeconfig", fault)),
            Ok(connected) => {
                let (kubernetes, reachable) = Box::pin(cluster::checks(&connected)).await;
                checks.extend(kubernetes);
                let (prometheus, alertmanager, flags, services) = tokio::join!(
                    monitoring::prometheus(&start.launch, &connected, reachable),
                    monitoring::alertmanager(&connected, reachable),
                    flags::checks(&connected),
                    services::checks(connected.incidents.services.all())
                );
                checks.extend(prometheus);
                checks.extend(alertmanager);
                checks.extend(flags);
                checks.extend(services);
                if let Some(shared) = &connected.incidents.services.shared {
                    checks.extend(services::shared(&*shared.journal).await);
                }
            }
        }
        blame_clock(&mut checks);
        report(&checks, args)
    })
}

fn report(checks: &[Check], args: &DoctorArgs) -> Result<ExitCode, Failure> {
    if args.json {
        json(&checks)?;
    } else {
        for check in checks {
            let mark = match check.verdict {
                Verdict::Ok => "✓",
                Verdict::Warning => "!",
                Verdict::Failed => "✗",
            };
            line(&format!("{mark} {:<13} {:<26} {}", check.source, check.name, check.detail));
            if let Some(hint) = &check.hint {
                line(&format!("  {:<13} {:<26} → {hint}", "", ""));
            }
        }
    }
    let failed = checks.iter().any(|check| check.verdict == Verdict::Failed);
    Ok(ExitCode::from(u8::from(failed)))
}

/// A check that does not answer is a failure, not a wait.
async fn bounded<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        Err(Fault::new(FaultKind::Timeout, format!("no answer within {} s", PATIENCE.as_secs()))
            .hint("check network, proxy and firewall between here and the server"))
    })
}
