//! Signals for verification: does anything still fire for a workload, and how fast does it burn?

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;

use super::alertmanager::AlertmanagerClient;
use super::alerts::SeverityOf;
use super::prometheus::PrometheusClient;
use super::slo;
use crate::domain::alert::{Alert, AlertState};
use crate::domain::slo::{Objective, WINDOWS};
use crate::domain::target::WorkloadRef;
use crate::ports::Future;
use crate::ports::cluster::{SignalSource, Signals};
use crate::ports::feed::Fault;

/// Fresh reads of alerts (from Prometheus, which knows first that one has cleared; else from Alertmanager) and of the
/// burn of the workload's objectives.
pub struct MonitoringSignals {
    prometheus: Option<PrometheusClient>,
    alertmanager: Option<AlertmanagerClient>,
    objectives: Vec<Arc<Objective>>,
    severity: SeverityOf,
}

impl MonitoringSignals {
    /// Signals from what there is; with neither source, all of them are unknown.
    pub fn new(
        prometheus: Option<PrometheusClient>,
        alertmanager: Option<AlertmanagerClient>,
        objectives: Vec<Arc<Objective>>,
        severity: SeverityOf,
    ) -> Self {
        Self { prometheus, alertmanager, objectives, severity }
    }

    async fn alerts(&self) -> Result<Option<Vec<Alert>>, Fault> {
        let from_prometheus = match &self.prometheus {
            Some(client) => Some(client.alerts(&self.severity).await),
            None => None,
        };
        match (from_prometheus, &self.alertmanager) {
            (Some(Ok(alerts)), _) => Ok(Some(alerts)),
            (failed, Some(client)) => match (client.alerts(&self.severity).await, failed) {
                (Ok(view), _) => Ok(Some(view.alerts)),
                // Prometheus' fault is the one to mend first.
                (Err(_), Some(Err(fault))) | (Err(fault), _) => Err(fault),
            },
            (Some(Err(fault)), None) => Err(fault),
            (None, None) => Ok(None),
        }
    }

    /// The fastest burn over the shortest window. An objective that cannot be read leaves the others; without any the
    /// burn is unknown, which verification tells as not checked.
    async fn burn(&self, target: &WorkloadRef) -> Option<f64> {
        let client = self.prometheus.as_ref()?;
        let concerned = self.objectives.iter().filter(|objective| concerns(objective, target));
        let declared = join_all(concerned.map(|objective| slo::burn_now(client, objective, WINDOWS[0].0)));
        let (declared, recorded) = futures::join!(declared, slo::recorded_burn(client, &target.name));
        declared.into_iter().chain([recorded]).filter_map(|burn| burn.ok().flatten()).reduce(f64::max)
    }
}

/// An objective concerns the workload that has its service's name.
fn concerns(objective: &Objective, target: &WorkloadRef) -> bool {
    objective.service == target.name
        && objective.namespace.as_ref().is_none_or(|namespace| *namespace == target.namespace)
}

impl SignalSource for MonitoringSignals {
    fn signals<'a>(&'a self, target: &'a WorkloadRef) -> Future<'a, Result<Signals, Fault>> {
        Box::pin(async move {
            let (alerts, burn) = futures::join!(self.alerts(), self.burn(target));
            let Some(alerts) = alerts? else { return Ok(Signals { burn, ..Signals::default() }) };
            // Silenced ones count: a silence hides an alert, it cures nothing.
            let (burning, firing): (Vec<&Alert>, Vec<&Alert>) = alerts
                .iter()
                .filter(|alert| alert.state != AlertState::Pending && alert.concerns(target))
                .partition(|alert| alert.is_burn_alert());
            let names = |alerts: &[&Alert]| {
                let names: BTreeSet<String> = alerts.iter().map(|alert| alert.name.to_string()).collect();
                names.into_iter().collect()
            };
            Ok(Signals { firing: Some(names(&firing)), burn_alerts: Some(names(&burning)), burn })
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;
    use crate::domain::alert::Severity;
    use crate::domain::target::WorkloadKind;
    use crate::integrations::http::script::{Script, json as answer, pair};
    use crate::integrations::http::{Product, Transport};
    use crate::ports::feed::FaultKind;

    fn severity() -> SeverityOf {
        Arc::new(|_| Severity::Info)
    }

    fn payment() -> WorkloadRef {
        WorkloadRef::new(WorkloadKind::Deployment, "shop", "payment")
    }

    fn objective(service: &str, metric: &str) -> Arc<Objective> {
        Arc::new(Objective {
            name: metric.into(),
            service: service.into(),
            namespace: None,
            target: 0.99,
            period: 60,
            errors: format!("{metric}[$window]").into(),
            total: "all[$window]".into(),
        })
    }

    fn down() -> Arc<dyn Transport> {
        Script::new(Product::Prometheus, |_| Err(Fault::new(FaultKind::Timeout, "slow")))
    }

    fn replica() -> Arc<dyn Transport> {
        Script::new(Product::Alertmanager, |_| {
            answer(&json!([{"fingerprint": "1", "labels": {"alertname": "A", "service": "payment"}, "startsAt":
                "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z", "status": {"state": "active"}}]))
        })
    }

    #[tokio::test]
    async fn what_fires_for_the_workload_is_named_and_burn_alerts_apart() {
        let prometheus = Script::new(Product::Prometheus, |asked| {
            if asked.0.ends_with("/alerts") {
                let alert = |name: &str, state: &str, service: &str, slo: &str| {
                    let mut labels = json!({"alertname": name, "service": service, "namespace": "shop"});
                    if !slo.is_empty() {
                        labels["slo"] = json!(slo);
                    }
                    json!({"labels": labels, "annotations": {}, "state": state, "activeAt": "2026-01-01T00:00:00Z",
                        "value": "1"})
                };
                return answer(&json!({"status": "success", "data": {"alerts": [
                    alert("Errors", "firing", "payment", ""), alert("Errors", "firing", "payment", ""),
                    alert("Other", "firing", "auth", ""), alert("Soon", "pending", "payment", ""),
                    alert("Burn", "firing", "payment", "x")]}}));
            }
            let value = if pair(asked, "query").contains("slow") { "0.02" } else { "0.05" };
            answer(&json!({"status": "success", "data": {"resultType": "vector",
                "result": [{"metric": {}, "value": [1, value]}]}}))
        });
        let objectives = vec![objective("payment", "slow"), objective("payment", "bad"), objective("auth", "x")];
        let source = MonitoringSignals::new(Some(PrometheusClient::new(prometheus)), None, objectives, severity());
        let signals = source.signals(&payment()).await.unwrap();
        assert_eq!(signals.firing, Some(vec!["Errors".to_owned()]));
        assert_eq!(signals.burn_alerts, Some(vec!["Burn".to_owned()]));
        assert!((signals.burn.unwrap() - 5.0).abs() < 1e-9);
    }

    #[tokio::test]
    async fn alertmanager_stands_in_and_nothing_means_not_checked() {
        let prometheus = || Some(PrometheusClient::new(down()));
        let alertmanager = || Some(AlertmanagerClient::new(vec![replica()]));
        let signals = |prometheus, alertmanager| async {
            MonitoringSignals::new(prometheus, alertmanager, vec![objective("payment", "x")], severity())
                .signals(&payment())
                .await
        };
        for prometheus in [prometheus(), None] {
            let read = signals(prometheus, alertmanager()).await.unwrap();
            assert_eq!((read.firing, read.burn), (Some(vec!["A".to_owned()]), None));
        }
        assert_eq!(signals(None, None).await, Ok(Signals::default()));
        assert_eq!(signals(prometheus(), None).await.unwrap_err().kind, FaultKind::Timeout);
    }
}
