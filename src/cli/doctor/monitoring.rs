//! Checks of Prometheus and Alertmanager: reachable, in step, rules and queries that work, replicas that know each other.

use super::check::Check;
use super::{PATIENCE, bounded};
use crate::integrations::prometheus::PrometheusClient;
use crate::integrations::slo;
use crate::ports::feed::{Fault, FaultKind};
use crate::runtime::clock::Clock;
use crate::runtime::wiring::{Connected, Launch, Road};

/// Not asked, because the road to it is closed.
fn unreached(source: &'static str) -> Vec<Check> {
    vec![Check::warning(
        source,
        "reachable",
        "not checked: it is reached through the API server, which does not answer as it should",
        "mend the cluster's connection first, or configure its address",
    )]
}

async fn failure(source: &'static str, name: String, fault: Fault, url: &str, road: &Road) -> Check {
    let kind = fault.kind;
    let check = Check::fault(source, name, fault);
    match road {
        Road::Cluster => check,
        Road::Direct { trust } => check.with_certificate(kind, url, trust, Clock::System.now()).await,
    }
}

/// Prometheus.
pub(super) async fn prometheus(launch: &Launch, connected: &Connected, cluster: bool) -> Vec<Check> {
    const SOURCE: &str = "Prometheus";
    let Some(client) = &connected.clients.prometheus else {
        return vec![Check::warning(SOURCE, "configured", "no address, and discovery is off", "set prometheus.url")];
    };
    let road = &connected.clients.prometheus_road;
    if *road == Road::Cluster && !cluster {
        return unreached(SOURCE);
    }
    let mut checks = Vec::new();
    match bounded(client.buildinfo()).await {
        Ok(info) => checks.push(Check::ok(SOURCE, "reachable", format!("{} ({})", client.origin(), info.version))),
        Err(fault) => {
            return vec![failure(SOURCE, format!("reach {}", client.origin()), fault, client.origin(), road).await];
        }
    }
    checks.push(match bounded(client.now()).await {
        Ok(there) => Check::clock(SOURCE, client.origin(), launch.clock.now(), there),
        Err(fault) => Check::failed(SOURCE, "clock", fault),
    });
    checks.push(rules(client).await);
    let recorded = bounded(slo::recorded(client)).await;
    match (&recorded, connected.objectives.is_empty()) {
        (Ok(0), true) => checks.push(Check::warning(
            SOURCE,
            "objectives",
            "none declared, and no recording rules of Sloth",
            "declare [[slo]] in the configuration, or load SLO recording rules, to see burn",
        )),
        (Ok(0), false) => {}
        (Ok(count), _) => checks.push(Check::ok(SOURCE, "objectives", format!("{count} recorded by rules"))),
        (Err(fault), _) => checks.push(Check::failed(SOURCE, "objectives", fault.clone())),
    }
    for objective in &connected.objectives {
        let name = format!("slo {}", objective.name);
        checks.push(match bounded(slo::burn_now(client, objective, "1h")).await {
            Ok(Some(_)) => Check::ok(SOURCE, name, "its queries are answered"),
            Ok(None) => Check::ok(SOURCE, name, "its queries are answered; there was no traffic in the last hour"),
            Err(fault) => Check::failed(SOURCE, name, fault),
        });
    }
    checks
}

async fn rules(client: &PrometheusClient) -> Check {
    const SOURCE: &str = "Prometheus";
    match bounded(client.rules()).await {
        // Products that only speak its query API have none.
        Err(fault) if fault.kind == FaultKind::NotServed => Check::ok(SOURCE, "rules", "not served there"),
        Err(fault) => Check::failed(SOURCE, "rules", fault),
        Ok(rules) => {
            let mut failing = rules.iter().filter_map(|rule| Some((rule, rule.error.as_ref()?)));
            match failing.next() {
                None => Check::ok(SOURCE, "rules", format!("{} loaded, none fails", rules.len())),
                Some((rule, error)) => Check::warning(
                    SOURCE,
                    "rules",
                    format!("{} and {} more fail: {error}", rule.name, failing.count()),
                    "alerts of these rules do not fire; correct the rule",
                ),
            }
        }
    }
}

/// Alertmanager, each replica.
pub(super) async fn alertmanager(connected: &Connected, cluster: bool) -> Vec<Check> {
    const SOURCE: &str = "Alertmanager";
    let Some(client) = &connected.clients.alertmanager else {
        return vec![Check::warning(SOURCE, "configured", "no address, and discovery is off", "set alertmanager.urls")];
    };
    let road = &connected.clients.alertmanager_road;
    if *road == Road::Cluster && !cluster {
        return unreached(SOURCE);
    }
    let Ok(replicas) = tokio::time::timeout(PATIENCE, client.status()).await else {
        return vec![Check::failed(SOURCE, "reachable", Fault::new(FaultKind::Timeout, "no answer"))];
    };
    let count = replicas.len();
    let mut checks = Vec::new();
    for (origin, status) in replicas {
        match status {
            Err(fault) => checks.push(failure(SOURCE, format!("reach {origin}"), fault, &origin, road).await),
            Ok(status) => {
                checks.push(if count > 1 && status.peers > 0 && status.peers < count {
                    Check::warning(
                        SOURCE,
                        "reachable",
                        format!("{origin} ({}) knows {} of {count} replicas", status.version, status.peers),
                        "a replica that knows no other notifies on its own: check the cluster port between them",
                    )
                } else {
                    Check::ok(SOURCE, "reachable", format!("{origin} ({})", status.version))
                });
                let here = Clock::System.now();
                checks.extend(status.date.map(|date| Check::clock(SOURCE, &origin, here, date)));
            }
        }
    }
    checks
}
