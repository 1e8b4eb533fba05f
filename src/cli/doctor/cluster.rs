//! Checks of the cluster: the way there, who we are, what we may, and whether the control plane does its work.

use std::time::Duration;

use futures::future::join_all;

use super::check::Check;
use super::{PATIENCE, bounded};
use crate::domain::cluster::{NamespaceScope, Resource};
use crate::integrations::kubernetes::connect::Connection;
use crate::ports::feed::{Fault, FaultKind};
use crate::runtime::clock::Clock;
use crate::runtime::wiring::Connected;

const SOURCE: &str = "Kubernetes";
/// A TCP connection to a proxy, and the resolution of a name, take no longer.
const SHORT: Duration = Duration::from_secs(5);
/// A controller renews its lease every two seconds; without it, another may take over after fifteen.
const LEASE: i64 = 20;

/// All of them, and whether the cluster answers; only the first that fails of those that the others rest on.
pub(super) async fn checks(connected: &Connected) -> (Vec<Check>, bool) {
    let connection = &connected.clients.kubernetes;
    let context = connection.context_name();
    let mut checks = vec![Check::ok(SOURCE, "kubeconfig", format!("context {context}"))];
    if let Err(check) = way(connection).await {
        checks.push(check);
        return (checks, false);
    }
    // Under its own limit, which is that of a plugin.
    if let Err(fault) = connection.credentials().await {
        checks.push(Check::failed(SOURCE, "credentials", fault));
        return (checks, false);
    }
    let here = || Clock::System.now();
    let server = connection.server_url();
    match bounded(connection.server_version()).await {
        Err(fault) if fault.kind == FaultKind::Unauthorized => {
            checks.push(Check::failed(SOURCE, "authenticated", refused(&fault, connection)));
            return (checks, false);
        }
        Err(fault) => {
            let kind = fault.kind;
            let check = Check::failed(SOURCE, "reachable", fault);
            checks.push(check.with_certificate(kind, server, connection.trust(), here()).await);
            return (checks, false);
        }
        Ok((version, date)) => {
            checks.push(Check::ok(SOURCE, "reachable", format!("{server} ({version})")));
            checks.extend(date.map(|date| Check::clock(SOURCE, "the API server", here(), date)));
        }
    }
    let (ready, controllers, who, namespace, rights) = tokio::join!(
        ready(connection),
        controllers(connection),
        who(connected),
        namespace(connected),
        rights(connected)
    );
    checks.push(ready);
    checks.extend(controllers);
    checks.push(who);
    checks.extend(namespace);
    checks.extend(rights);
    (checks, true)
}

fn refused(fault: &Fault, connection: &Connection) -> Fault {
    let user = connection.user();
    let message = format!("the server refuses the credentials of user {user} ({})", fault.message);
    Fault::new(FaultKind::Unauthorized, message).hint(format!(
        "401: the token or certificate of user {user} in the kubeconfig is wrong or expired; log in again"
    ))
}

/// Proxy and name: what stands before the server.
async fn way(connection: &Connection) -> Result<(), Check> {
    let url = |text: &str| text.parse::<http::Uri>().ok();
    let place = |uri: &http::Uri, default: u16| {
        Some((uri.host()?.trim_matches(['[', ']']).to_owned(), uri.port_u16().unwrap_or(default)))
    };
    let (what, target) = match connection.proxy() {
        Some(proxy) => ("proxy", url(proxy).and_then(|uri| place(&uri, 80))),
        None => ("name", url(connection.server_url()).and_then(|uri| place(&uri, 443))),
    };
    let Some((host, port)) = target else { return Ok(()) };
    let late = || std::io::Error::new(std::io::ErrorKind::TimedOut, format!("no answer within {} s", SHORT.as_secs()));
    let resolved = tokio::time::timeout(SHORT, tokio::net::lookup_host((host.as_str(), port))).await;
    let addresses: Vec<_> = match resolved.unwrap_or_else(|_| Err(late())) {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            let fault = Fault::new(FaultKind::Unreachable, format!("DNS: the name {host} does not resolve: {error}"));
            let hint = if what == "proxy" {
                "check proxy-url in the kubeconfig, HTTPS_PROXY, and DNS"
            } else {
                "check the server of this context in the kubeconfig, DNS and VPN"
            };
            return Err(Check::failed(SOURCE, "reachable", fault.hint(hint)));
        }
    };
    if what != "proxy" {
        return Ok(());
    }
    let connected = tokio::time::timeout(SHORT, tokio::net::TcpStream::connect(addresses.as_slice())).await;
    match connected.unwrap_or_else(|_| Err(late())) {
        Ok(_) => Ok(()),
        Err(error) => {
            let proxy = connection.proxy().map_or("", |proxy| &**proxy);
            let fault = Fault::new(FaultKind::Unreachable, format!("the proxy {proxy} cannot be reached: {error}"));
            Err(Check::failed(
                SOURCE,
                "reachable",
                fault.hint("start the proxy, or correct proxy-url in the kubeconfig or HTTPS_PROXY and NO_PROXY"),
            ))
        }
    }
}

async fn ready(connection: &Connection) -> Check {
    match bounded(connection.failing_checks()).await {
        Ok(failing) if failing.is_empty() => Check::ok(SOURCE, "ready", "the API server's own checks pass"),
        Ok(failing) => {
            let names = failing.join(", ");
            let fault = Fault::new(FaultKind::Server, format!("the API server says that it is not ready: {names}"));
            let hint = if failing.iter().any(|name| name.contains("etcd")) {
                "its store (etcd) is down or slow: nothing can be read or changed until it is back"
            } else {
                "if it has just started, wait; else look at its log"
            };
            Check::failed(SOURCE, "ready", fault.hint(hint))
        }
        Err(fault) => Check::failed(SOURCE, "ready", fault),
    }
}

/// The controllers that rollouts need, where they can be seen.
async fn controllers(connection: &Connection) -> Vec<Check> {
    let names = ["kube-controller-manager", "kube-scheduler"];
    let ages = join_all(names.map(|name| tokio::time::timeout(PATIENCE, connection.lease_age(name)))).await;
    let seen = names.into_iter().zip(ages).filter_map(|(name, age)| Some((name, age.ok()??)));
    seen.map(|(name, age)| {
        if age <= LEASE {
            return Check::ok(SOURCE, name, "runs: it renews its lease");
        }
        let does = if name.ends_with("scheduler") { "new pods are not placed" } else { "rollouts do not progress" };
        let fault = Fault::new(FaultKind::Server, format!("{name} has not renewed its lease for {age} s: it is down"));
        Check::failed(SOURCE, name, fault.hint(format!("{does} until it runs again")))
    })
    .collect()
}

async fn who(connected: &Connected) -> Check {
    let asked = tokio::time::timeout(PATIENCE, connected.services.cluster.identity()).await;
    match asked {
        Ok(Ok(name)) => Check::ok(SOURCE, "authenticated", format!("as {name}")),
        Ok(Err(error)) => {
            Check::failed(SOURCE, "authenticated", Fault::new(FaultKind::Unauthorized, error.to_string()))
        }
        Err(_) => Check::failed(SOURCE, "authenticated", Fault::new(FaultKind::Timeout, "no answer")),
    }
}

async fn namespace(connected: &Connected) -> Option<Check> {
    let NamespaceScope::One(name) = &connected.info.namespace else { return None };
    let there = tokio::time::timeout(PATIENCE, connected.clients.kubernetes.has_namespace(name)).await.ok()??;
    Some(if there {
        Check::ok(SOURCE, "namespace", format!("{name} exists"))
    } else {
        let fault = Fault::new(FaultKind::NotServed, format!("namespace {name} does not exist"));
        Check::failed(SOURCE, "namespace", fault.hint("correct --namespace, or the namespace of the context"))
    })
}

async fn rights(connected: &Connected) -> Vec<Check> {
    let connection = &connected.clients.kubernetes;
    let scope = &connected.info.namespace;
    let own = NamespaceScope::One(connection.namespace().clone());
    let lists = join_all(
        Resource::ALL.map(|resource| async move { (resource, bounded(connection.may("list", resource, scope)).await) }),
    );
    let (lists, rollback) = tokio::join!(lists, bounded(connection.may("patch", Resource::Deployments, scope)));
    let mut checks = Vec::new();
    for (resource, allowed) in lists {
        let name = format!("list {}", resource.plural());
        checks.push(match allowed {
            Ok(permission) if permission.allowed => Check::ok(SOURCE, name, "allowed"),
            Ok(permission) => {
                let narrower = *scope == NamespaceScope::All && resource != Resource::Nodes;
                let instead = match narrower.then(|| connection.may("list", resource, &own)) {
                    Some(asked) => bounded(asked).await.is_ok_and(|permission| permission.allowed),
                    None => false,
                };
                let more = if instead {
                    format!("; only namespace {} is shown", connection.namespace())
                } else {
                    String::new()
                };
                Check::warning(
                    SOURCE,
                    name,
                    format!("not allowed: {}{more}", permission.what),
                    if instead {
                        "ask for a ClusterRole with get, list and watch to see more"
                    } else {
                        "its rows are shown as forbidden; ask for a role with get, list and watch"
                    },
                )
            }
            Err(fault) => Check::failed(SOURCE, name, fault),
        });
    }
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
        Err(fault) => Check::failed(SOURCE, "roll back deployments", fault),
    });
    checks
}
