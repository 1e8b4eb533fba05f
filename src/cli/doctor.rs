//! `opsdeck doctor`: each source checked for real, and what to do about each failure.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::output::{Failure, json, line};
use super::{Global, start};
use crate::domain::cluster::Resource;
use crate::domain::time::Instant;
use crate::ports::feed::{Fault, FaultKind};
use crate::runtime::wiring::{Connected, Launch};

/// No check waits longer than this.
const PATIENCE: Duration = Duration::from_secs(15);
/// Clocks further apart than this make ages and alert times misleading.
const SKEW_SECONDS: i64 = 5;

/// Options of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print the checks as JSON
    #[arg(long)]
    json: bool,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    /// Well.
    Ok,
    /// Works, with a loss that is named; or not configured.
    Warning,
    /// Does not work.
    Failed,
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    source: &'static str,
    name: String,
    verdict: Verdict,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Check {
    fn ok(source: &'static str, name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { source, name: name.into(), verdict: Verdict::Ok, detail: detail.into(), hint: None }
    }

    fn warning(source: &'static str, name: impl Into<String>, detail: impl Into<String>, hint: &str) -> Self {
        Self {
            source,
            name: name.into(),
            verdict: Verdict::Warning,
            detail: detail.into(),
            hint: Some(hint.to_owned()),
        }
    }

    fn fault(source: &'static str, name: impl Into<String>, fault: Fault) -> Self {
        let verdict = if fault.kind == FaultKind::NotConfigured { Verdict::Warning } else { Verdict::Failed };
        Self { source, name: name.into(), verdict, detail: fault.message, hint: fault.hint }
    }
}

/// Runs it: exit code 0 when nothing failed, 5 otherwise.
pub fn run(global: &Global, args: &DoctorArgs) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let start = start::start(global).await?;
        let mut checks = vec![Check::ok("opsdeck", "configuration", "read and valid")];
        match start.launch.connect(start.context.clone(), start.namespace.clone(), 1).await {
            Err(fault) => checks.push(Check::fault("Kubernetes", "kubeconfig", fault)),
            Ok(connected) => {
                let (kubernetes, prometheus, alertmanager) = tokio::join!(
                    kubernetes(&connected),
                    prometheus(&start.launch, &connected),
                    alertmanager(&connected)
                );
                checks.extend(kubernetes);
                checks.extend(prometheus);
                checks.extend(alertmanager);
            }
        }
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
    Ok(if failed { ExitCode::from(5) } else { ExitCode::SUCCESS })
}

/// A check that does not answer is a failure, not a wait.
async fn bounded<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        Err(Fault::new(FaultKind::Timeout, format!("no answer within {} s", PATIENCE.as_secs()))
            .hint("check network, proxy and firewall between here and the server"))
    })
}

async fn kubernetes(connected: &Connected) -> Vec<Check> {
    const SOURCE: &str = "Kubernetes";
    let connection = &connected.clients.kubernetes;
    let version = match bounded(connection.server_version()).await {
        Ok(version) => version,
        Err(fault) => return vec![Check::fault(SOURCE, format!("reach {}", connection.server_url()), fault)],
    };
    let mut checks = vec![Check::ok(SOURCE, "reachable", format!("{} ({version})", connection.server_url()))];
    checks.push(match tokio::time::timeout(PATIENCE, connected.services.cluster.identity()).await {
        Ok(Ok(name)) => Check::ok(SOURCE, "authenticated", format!("as {name}")),
        Ok(Err(error)) => Check::fault(SOURCE, "authenticated", Fault::new(FaultKind::Unauthorized, error.to_string())),
        Err(_) => Check::fault(SOURCE, "authenticated", Fault::new(FaultKind::Timeout, "no answer")),
    });
    // Extensions that the cluster may not have are not complained about.
    for resource in Resource::ALL.into_iter().filter(|resource| !resource.is_optional()) {
        let allowed = bounded(connection.may("list", resource, &connected.info.namespace)).await;
        checks.push(match allowed {
            Ok(permission) if permission.allowed => Check::ok(SOURCE, format!("list {}", resource.plural()), "allowed"),
            Ok(permission) => Check::warning(
                SOURCE,
                format!("list {}", resource.plural()),
                format!("not allowed: {}", permission.what),
                "its rows are shown as forbidden; ask for a role with get, list and watch",
            ),
            Err(fault) => Check::fault(SOURCE, format!("list {}", resource.plural()), fault),
        });
    }
    let rollback = bounded(connection.may("patch", Resource::Deployments, &connected.info.namespace)).await;
    checks.push(match rollback {
        Ok(permission) if permission.allowed && connected.guard.read_only.is_none() => {
            Check::ok(SOURCE, "roll back deployments", "allowed")
        }
        Ok(permission) if permission.allowed => {
            Check::ok(SOURCE, "roll back deployments", "allowed by the cluster, but this context is read-only")
        }
        Ok(permission) => Check::warning(
            SOURCE,
            "roll back deployments",
            format!("not allowed: {}", permission.what),
            "the console works for looking; ask for `patch deployments` to roll back",
        ),
        Err(fault) => Check::fault(SOURCE, "roll back deployments", fault),
    });
    checks
}

async fn prometheus(launch: &Launch, connected: &Connected) -> Vec<Check> {
    const SOURCE: &str = "Prometheus";
    let Some(client) = &connected.clients.prometheus else {
        return vec![Check::warning(SOURCE, "configured", "no address, and discovery is off", "set prometheus.url")];
    };
    let mut checks = Vec::new();
    match bounded(client.buildinfo()).await {
        Ok(info) => checks.push(Check::ok(SOURCE, "reachable", format!("{} ({})", client.origin(), info.version))),
        Err(fault) => return vec![Check::fault(SOURCE, format!("reach {}", client.origin()), fault)],
    }
    checks.push(match bounded(client.now()).await {
        Ok(there) => skew(SOURCE, launch.clock.now(), there),
        Err(fault) => Check::fault(SOURCE, "clock", fault),
    });
    if connected.objectives.is_empty() {
        checks.push(Check::warning(
            SOURCE,
            "objectives",
            "none declared",
            "declare [[slo]] in the configuration to see burn",
        ));
    }
    for objective in &connected.objectives {
        let query = objective.total.replace("$window", "1h").replace("{{.window}}", "1h");
        checks.push(match bounded(client.query(&query, None)).await {
            Ok(_) => Check::ok(SOURCE, format!("slo {}", objective.name), "its queries are answered"),
            Err(fault) => Check::fault(SOURCE, format!("slo {}", objective.name), fault),
        });
    }
    checks
}

fn skew(source: &'static str, here: Instant, there: Instant) -> Check {
    let seconds = (there - here).num_seconds();
    if seconds.abs() <= SKEW_SECONDS {
        return Check::ok(source, "clock", "in step with ours");
    }
    let word = if seconds > 0 { "ahead of" } else { "behind" };
    Check::warning(
        source,
        "clock",
        format!("{} s {word} ours", seconds.abs()),
        "ages on screen are off by as much; check NTP on both machines",
    )
}

async fn alertmanager(connected: &Connected) -> Vec<Check> {
    const SOURCE: &str = "Alertmanager";
    let Some(client) = &connected.clients.alertmanager else {
        return vec![Check::warning(SOURCE, "configured", "no address, and discovery is off", "set alertmanager.urls")];
    };
    match tokio::time::timeout(PATIENCE, client.status()).await {
        Err(_) => vec![Check::fault(SOURCE, "reachable", Fault::new(FaultKind::Timeout, "no answer"))],
        Ok(replicas) => replicas
            .into_iter()
            .map(|(origin, status)| match status {
                Ok(status) => Check::ok(SOURCE, "reachable", format!("{origin} ({})", status.version)),
                Err(fault) => Check::fault(SOURCE, format!("reach {origin}"), fault),
            })
            .collect(),
    }
}
