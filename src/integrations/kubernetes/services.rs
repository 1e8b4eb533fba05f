//! Services of the cluster through the API server's proxy (how Prometheus and Alertmanager are found without any
//! configuration), and the server's version for `doctor`.

use serde::Deserialize;

use super::connect::Connection;
use super::fault::{fault, never_sent};
use super::lean::{List, Meta};
use super::paths::{escape, with_query};
use super::transport::{Answer, Failure, request};
use crate::domain::Text;
use crate::domain::text::clean;
use crate::domain::time::Instant;
use crate::integrations::http::Write;
use crate::ports::cluster::ClusterError;
use crate::ports::feed::{Fault, FaultKind};

/// A Service that may be the one looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceFound {
    /// Namespace.
    pub namespace: Text,
    /// Name.
    pub name: Text,
    /// Port number.
    pub port: u16,
    /// Does its port's name say HTTPS?
    pub https: bool,
}

/// What a proxied request was answered, whatever its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyAnswer {
    /// HTTP status of the service behind the proxy.
    pub status: u16,
    /// Its clock, from the `Date` header, which the API server hands on.
    pub date: Option<Instant>,
    /// Body.
    pub body: Vec<u8>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LeanService {
    metadata: Meta,
    spec: LeanServiceSpec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LeanServiceSpec {
    ports: Vec<LeanPort>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LeanPort {
    name: String,
    port: u16,
}

impl Connection {
    /// The server's version (`v1.33.2`) and its clock.
    pub async fn server_version(&self) -> Result<(Text, Option<Instant>), Fault> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            git_version: String,
        }
        let failed = |failure| self.fault(&failure, "read the version");
        let answer = self.transport.get("/version").await.map_err(failed)?;
        let version: Version = answer.json().map_err(failed)?;
        Ok((clean(&version.git_version).into(), answer.date))
    }

    /// The names of the API server's own checks that fail (`etcd`); none when it is ready.
    pub async fn failing_checks(&self) -> Result<Vec<Text>, Fault> {
        let failed = |failure| self.fault(&failure, "read readiness");
        let request = request("GET", "/readyz?verbose", None, Vec::new()).map_err(failed)?;
        let (code, answer) = self.transport.ask(request).await.map_err(failed)?;
        if code.is_success() || !code.is_server_error() {
            // Where it may not be asked, it is not known to be unwell.
            return Ok(Vec::new());
        }
        let text = String::from_utf8_lossy(&answer.body);
        let failing: Vec<Text> = text
            .lines()
            .filter_map(|line| line.strip_prefix("[-]"))
            .map(|line| clean(line.split_whitespace().next().unwrap_or_default()).into())
            .collect();
        Ok(if failing.is_empty() { vec!["readyz".into()] } else { failing })
    }

    /// How many seconds ago, by the server's clock, a controller of the control plane renewed its lease. `None` where
    /// there is no such lease or it may not be read (as in clusters that somebody else runs).
    pub async fn lease_age(&self, controller: &str) -> Option<i64> {
        #[derive(Deserialize)]
        struct Lease {
            spec: LeaseSpec,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct LeaseSpec {
            renew_time: Instant,
        }
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/{}", escape(controller));
        let answer = self.transport.get(&path).await.ok()?;
        let lease: Lease = answer.json().ok()?;
        Some((answer.date? - lease.spec.renew_time).num_seconds())
    }

    /// Is there such a namespace? `None` where that may not be asked.
    pub async fn has_namespace(&self, name: &str) -> Option<bool> {
        match self.transport.get(&super::paths::namespace(name)).await {
            Ok(_) => Some(true),
            Err(Failure::Status(status)) if status.code == 404 => Some(false),
            Err(_) => None,
        }
    }

    /// Services named (or ending in `-name`) as `names` say, best first: exact names before endings, in the order of
    /// `names`. `port` is the port that such a service usually has. Where Services may not be listed cluster-wide, it
    /// looks into `namespaces` and those that may not be read are skipped.
    pub async fn find_services(
        &self,
        names: &[&str],
        port: u16,
        namespaces: &[&str],
    ) -> Result<Vec<ServiceFound>, Fault> {
        let mut found = Vec::new();
        match self.services_in("/api/v1/services", names, port, &mut found).await {
            Ok(()) => {}
            Err(Failure::Status(status)) if status.code == 403 => {
                for namespace in namespaces {
                    let path = format!("/api/v1/namespaces/{}/services", escape(namespace));
                    match self.services_in(&path, names, port, &mut found).await {
                        Ok(()) => {}
                        Err(Failure::Status(status)) if matches!(status.code, 403 | 404) => {}
                        Err(failure) => return Err(self.fault(&failure, "list services")),
                    }
                }
            }
            Err(failure) => return Err(self.fault(&failure, "list services")),
        }
        found.sort();
        Ok(found.into_iter().map(|(_, service)| service.0).collect())
    }

    async fn services_in(
        &self,
        path: &str,
        names: &[&str],
        port: u16,
        found: &mut Vec<(usize, Ranked)>,
    ) -> Result<(), Failure> {
        let mut token = String::new();
        loop {
            let mut query = vec![("limit", "500")];
            if !token.is_empty() {
                query.push(("continue", &token));
            }
            let list: List<LeanService> = self.transport.get_json(&with_query(path, &query)).await?;
            found.extend(list.items.into_iter().filter_map(|service| {
                let rank = rank(&service.metadata.name, names)?;
                Some((rank, Ranked(pick_port(&service, port)?)))
            }));
            token = list.metadata.next;
            if token.is_empty() {
                return Ok(());
            }
        }
    }

    /// GET of `path` (with its query) at a Service, through the API server. Needs the right `get services/proxy`.
    /// Answers of the service come back whatever their code; refusals of the API server itself are faults.
    pub async fn proxy_get(&self, service: &ServiceFound, path: &str) -> Result<ProxyAnswer, Fault> {
        let what = format!("get {}/{} through the API server", service.namespace, service.name);
        let asked = self.proxied("GET", service, path, None, Vec::new()).await;
        self.proxy_answer(service, "get", asked.map_err(|failure| self.fault(&failure, &what))?)
    }

    /// A write at a Service, through the API server, sent once. Needs the right `create services/proxy` (`delete` for a
    /// DELETE).
    pub async fn proxy_write(&self, service: &ServiceFound, write: Write<'_>) -> Result<ProxyAnswer, ClusterError> {
        let what = format!("write to {}/{} through the API server", service.namespace, service.name);
        let content = (!write.body.is_empty()).then_some("application/json");
        let asked = self.proxied(write.method, service, write.path, content, write.body.to_vec()).await;
        let answer = asked.map_err(|failure| {
            let fault = self.fault(&failure, &what);
            match failure {
                Failure::Transport(error) if never_sent(&error) => fault.into(),
                Failure::Status(_) | Failure::Credentials(_) => fault.into(),
                _ => ClusterError::Unknown(fault.message),
            }
        })?;
        let verb = if write.method == "DELETE" { "delete" } else { "create" };
        Ok(self.proxy_answer(service, verb, answer)?)
    }

    async fn proxied(
        &self,
        method: &str,
        service: &ServiceFound,
        path: &str,
        content: Option<&'static str>,
        body: Vec<u8>,
    ) -> Result<(http::StatusCode, Answer), Failure> {
        let scheme = if service.https { "https:" } else { "" };
        let full = format!(
            "/api/v1/namespaces/{}/services/{scheme}{}:{}/proxy/{}",
            escape(&service.namespace),
            escape(&service.name),
            service.port,
            path.trim_start_matches('/')
        );
        self.transport.ask(request(method, &full, content, body)?).await
    }

    fn proxy_answer(
        &self,
        service: &ServiceFound,
        verb: &str,
        (code, answer): (http::StatusCode, Answer),
    ) -> Result<ProxyAnswer, Fault> {
        let what = format!("{verb} {}/{} through the API server", service.namespace, service.name);
        // The API server's own words are a Status; nothing behind the proxy speaks so.
        if !code.is_success()
            && let Ok(own) = serde_json::from_slice::<OwnStatus>(&answer.body)
            && own.kind == "Status"
        {
            let status = super::transport::Status { code: code.as_u16(), message: own.message, ..Default::default() };
            let mut fault = self.fault(&Failure::Status(status), &what);
            if code.as_u16() == 403 {
                fault.hint = Some(format!(
                    "needs `{verb} services/proxy` in namespace {}, or configure the address directly",
                    service.namespace
                ));
            } else if code.as_u16() == 503 {
                fault.kind = FaultKind::Unreachable;
                fault.hint = Some("the Service has no ready endpoints, or they do not answer".to_owned());
            }
            return Err(fault);
        }
        Ok(ProxyAnswer { status: code.as_u16(), date: answer.date, body: answer.body.to_vec() })
    }

    fn fault(&self, failure: &Failure, what: &str) -> Fault {
        fault(failure, what, self.server_url())
    }
}

#[derive(Deserialize)]
struct OwnStatus {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    message: String,
}

/// Orders equal ranks by namespace and name, so that discovery is stable.
#[derive(PartialEq, Eq)]
struct Ranked(ServiceFound);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (&self.0.namespace, &self.0.name).cmp(&(&other.0.namespace, &other.0.name))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Exact names in their order, then endings in their order.
fn rank(name: &str, names: &[&str]) -> Option<usize> {
    names.iter().position(|wanted| name == *wanted).or_else(|| {
        let ending = names.iter().position(|wanted| name.strip_suffix(wanted).is_some_and(|rest| rest.ends_with('-')));
        ending.map(|index| names.len() + index)
    })
}

/// The usual port, else the one whose name says web, else the first.
fn pick_port(service: &LeanService, usual: u16) -> Option<ServiceFound> {
    let ports = &service.spec.ports;
    let port = ports
        .iter()
        .find(|port| port.port == usual)
        .or_else(|| ports.iter().find(|port| matches!(port.name.as_str(), "web" | "http-web" | "http" | "https")))
        .or_else(|| ports.first())?;
    Some(ServiceFound {
        namespace: clean(&service.metadata.namespace).into(),
        name: clean(&service.metadata.name).into(),
        port: port.port,
        https: port.name.contains("https") || port.port == 443,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::mock::{list, ok, refuse, server};
    use super::*;
    use axum::response::Response;
    use serde_json::{Value, json};

    fn service(namespace: &str, name: &str, ports: &Value) -> Value {
        json!({"metadata": {"namespace": namespace, "name": name}, "spec": {"ports": ports}})
    }

    #[test]
    fn exact_names_come_before_endings() {
        let names = ["prometheus-operated", "prometheus"];
        assert_eq!(rank("prometheus", &names), Some(1));
        assert_eq!(rank("kube-prometheus-stack-prometheus", &names), Some(3));
        assert_eq!(rank("prometheus-node-exporter", &names), None);
        assert_eq!(rank("myprometheus", &names), None);
    }

    #[tokio::test]
    async fn services_are_found_also_where_only_some_namespaces_may_be_read() {
        let (transport, _) = server(|_, asked| match asked.path.as_str() {
            "/api/v1/namespaces/monitoring/services" => {
                let ports = json!([{"name": "reload", "port": 8080}, {"name": "http-web", "port": 9999}]);
                let first = service("monitoring", "k-prometheus", &ports);
                ok(&list("1", "", &[first, service("monitoring", "prometheus", &json!([{"port": 9090}]))]))
            }
            _ => refuse(403, "Forbidden", "no"),
        });
        let connection = Connection::for_test(transport);
        let found = connection.find_services(&["prometheus"], 9090, &["secret", "monitoring"]).await.unwrap();
        let found: Vec<_> = found.iter().map(|found| (&*found.name, found.port)).collect();
        assert_eq!(found, [("prometheus", 9090), ("k-prometheus", 9999)]);
    }

    #[tokio::test]
    async fn answers_of_the_service_and_refusals_of_the_server_are_told_apart() {
        let (transport, log) = server(|number, _| match number {
            0 => Response::builder().status(400).body("{\"status\":\"error\"}".into()).unwrap(),
            _ => refuse(403, "Forbidden", "services \"prometheus\" is forbidden"),
        });
        let connection = Connection::for_test(transport);
        let at = ServiceFound { namespace: "m".into(), name: "p".into(), port: 9090, https: true };
        let answer = connection.proxy_get(&at, "/api/v1/query?query=up").await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (400, br#"{"status":"error"}"#.as_slice()));
        let asked = &log.all()[0];
        assert_eq!(asked.path, "/api/v1/namespaces/m/services/https:p:9090/proxy/api/v1/query");
        assert_eq!(asked.parameter("query"), "up");
        let fault = connection.proxy_get(&at, "/").await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Forbidden);
        assert!(fault.hint.unwrap().contains("services/proxy"));
    }
}
