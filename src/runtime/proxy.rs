//! Prometheus and Alertmanager through the API server's service proxy: nothing to configure, no port-forward, the
//! kubeconfig's credentials. The Service is looked for when the first request is made, and again after a failure.

use std::time::Duration;

use tokio::sync::Mutex;

use crate::integrations::http::{HttpAnswer, Pairs, Product, Transport, Write};
use crate::integrations::kubernetes::ServiceFound;
use crate::integrations::kubernetes::connect::Connection;
use crate::ports::Future;
use crate::ports::cluster::ClusterError;
use crate::ports::feed::{Fault, FaultKind};

/// Namespaces that are looked into where Services may not be listed cluster-wide.
const NAMESPACES: [&str; 4] = ["monitoring", "prometheus", "observability", "kube-prometheus-stack"];

/// How a product's Service is usually named, and its port.
const fn well_known(product: Product) -> (&'static [&'static str], u16) {
    match product {
        Product::Prometheus => (
            &[
                "prometheus-operated",
                "prometheus-k8s",
                "kube-prometheus-stack-prometheus",
                "prometheus-server",
                "prometheus",
            ],
            9090,
        ),
        Product::Alertmanager => (
            &[
                "alertmanager-operated",
                "alertmanager-main",
                "kube-prometheus-stack-alertmanager",
                "prometheus-alertmanager",
                "alertmanager",
            ],
            9093,
        ),
        // They hold tokens of their own and are named in the configuration.
        _ => (&[], 0),
    }
}

/// A road through the API server to a Service that is found by its well-known name.
pub struct ServiceProxy {
    connection: Connection,
    product: Product,
    origin: String,
    timeout: Duration,
    found: Mutex<Option<ServiceFound>>,
}

impl ServiceProxy {
    /// A road to `product`, on which an answer is waited for so long; nothing is sent yet.
    pub fn new(connection: Connection, product: Product, timeout: Duration) -> Self {
        let origin = format!("{} in the cluster, through {}", product.name(), connection.server_url());
        Self { connection, product, origin, timeout, found: Mutex::new(None) }
    }

    async fn service(&self) -> Result<ServiceFound, Fault> {
        let mut found = self.found.lock().await;
        if let Some(service) = &*found {
            return Ok(service.clone());
        }
        let (names, port) = well_known(self.product);
        let services = self.connection.find_services(names, port, &NAMESPACES).await?;
        let Some(service) = services.into_iter().next() else {
            let name = self.product.name();
            return Err(Fault::new(FaultKind::NotConfigured, format!("no {name} found in the cluster"))
                .hint(format!("set {} in the configuration", self.product.url_setting())));
        };
        *found = Some(service.clone());
        Ok(service)
    }

    fn late(&self) -> Fault {
        let (name, limit) = (self.product.name(), humantime::format_duration(self.timeout));
        Fault::new(FaultKind::Timeout, format!("{name} in the cluster did not answer within {limit}")).hint(format!(
            "it may be overloaded, or the API server cannot reach it; {}.timeout is the limit",
            self.product.section()
        ))
    }

    async fn send(&self, path: &str, pairs: Pairs<'_>) -> Result<HttpAnswer, Fault> {
        let service = self.service().await?;
        let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let full = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        let answer = tokio::time::timeout(self.timeout, self.connection.proxy_get(&service, &full)).await;
        match answer.unwrap_or_else(|_| Err(self.late())) {
            Ok(answer) => {
                Ok(HttpAnswer { status: answer.status, date: answer.date, body: answer.body, ..HttpAnswer::default() })
            }
            Err(fault) => {
                // It may have moved: look again next time.
                self.found.lock().await.take();
                Err(fault)
            }
        }
    }
}

impl ServiceProxy {
    async fn write_once(&self, write: Write<'_>) -> Result<HttpAnswer, ClusterError> {
        let service = self.service().await?;
        let answer = tokio::time::timeout(self.timeout, self.connection.proxy_write(&service, write)).await;
        let answer = answer.unwrap_or_else(|_| Err(ClusterError::Unknown(self.late().message)))?;
        Ok(HttpAnswer { status: answer.status, date: answer.date, body: answer.body, ..HttpAnswer::default() })
    }
}

impl Transport for ServiceProxy {
    fn product(&self) -> Product {
        self.product
    }

    fn origin(&self) -> &str {
        &self.origin
    }

    fn get<'a>(&'a self, path: &'a str, query: Pairs<'a>) -> Future<'a, Result<HttpAnswer, Fault>> {
        Box::pin(self.send(path, query))
    }

    /// As GET: the right to POST through the proxy (`create services/proxy`) is rarely given to readers, and our queries
    /// fit into a URL.
    fn post_form<'a>(&'a self, path: &'a str, form: Pairs<'a>) -> Future<'a, Result<HttpAnswer, Fault>> {
        Box::pin(self.send(path, form))
    }

    fn write<'a>(&'a self, write: Write<'a>) -> Future<'a, Result<HttpAnswer, ClusterError>> {
        Box::pin(self.write_once(write))
    }
}
