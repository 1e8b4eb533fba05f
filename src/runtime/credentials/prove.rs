//! Asking a service whether it accepts the secrets that it is configured with: what `doctor` asks, for one service alone
//! and without a cluster. Nothing is altered by it.

use std::time::Duration;

use super::look_at;
use crate::config::credentials::Service;
use crate::config::secret::{SecretSource, Secrets as _};
use crate::config::{Alertmanager, Prometheus};
use crate::integrations::alertmanager::AlertmanagerClient;
use crate::integrations::chat;
use crate::integrations::flags;
use crate::integrations::http::{self, HttpSettings, Product};
use crate::integrations::prometheus::PrometheusClient;
use crate::integrations::{paging, status_page};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::flags::FlagFinding;
use crate::ports::incident::{self, ServiceFinding};

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(15);

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It was accepted; by whom.
    Valid(String),
    /// It was not.
    Refused(Fault),
    /// Nobody knows: no answer, or one that says nothing about the secret.
    Unknown(Fault),
}

impl Proof {
    fn of(result: Result<String, Fault>) -> Self {
        match result {
            Ok(whom) => Self::Valid(whom),
            Err(fault) if fault.kind == FaultKind::Unauthorized => Self::Refused(fault),
            Err(fault) => Self::Unknown(fault),
        }
    }
}

/// Asks the service with the secrets as they are configured. Where one of them is missing there is nothing to ask.
pub async fn prove(service: &Service) -> Proof {
    let secrets: Vec<(String, SecretSource)> = service.secrets();
    for (setting, at) in secrets {
        if let Err(fault) = look_at(&at, &setting).await {
            return Proof::Unknown(fault);
        }
    }
    tokio::time::timeout(PATIENCE, ask(service)).await.unwrap_or_else(|_| {
        Proof::Unknown(Fault::new(FaultKind::Timeout, format!("no answer within {} s", PATIENCE.as_secs())))
    })
}

/// One line for each kind of service.
async fn ask(service: &Service) -> Proof {
    match service {
        Service::Prometheus(settings) => prometheus(settings).await,
        Service::Alertmanager(settings) => alertmanager(settings).await,
        Service::Flags(settings) => match flags::provider(settings, None) {
            Some(provider) => {
                let findings = provider.check().await.into_iter().filter_map(|check| match check.result {
                    FlagFinding::Failed(fault) => Some(Err(fault)),
                    FlagFinding::Well(_) => Some(Ok(())),
                    FlagFinding::Loss(..) | FlagFinding::Clock(_) => None,
                });
                of_checks(findings, format!("{} at {}", provider.product(), provider.origin()))
            }
            None => Proof::Unknown(Fault::new(FaultKind::NotConfigured, "flags in the cluster take no secret")),
        },
        Service::Chat(settings) => of_service(&*chat::provider(settings)).await,
        Service::Paging(settings) => of_service(&*paging::provider(settings)).await,
        Service::StatusPage(settings) => of_service(&*status_page::provider(settings)).await,
    }
}

/// A service of incidents: what `doctor` asks of it.
pub async fn of_service(service: &dyn incident::Service) -> Proof {
    let findings = service.check().await.into_iter().filter_map(|check| match check.result {
        ServiceFinding::Failed(fault) => Some(Err(fault)),
        ServiceFinding::Well(_) => Some(Ok(())),
        ServiceFinding::Loss(..) | ServiceFinding::Clock(_) => None,
    });
    of_checks(findings, format!("{} at {}", service.product(), service.origin()))
}

async fn prometheus(settings: &Prometheus) -> Proof {
    let url = settings.url.clone().unwrap_or_default();
    let road = http::connect(&HttpSettings::new(Product::Prometheus, url, settings.http.clone()));
    let client = PrometheusClient::new(road);
    let answer = match client.buildinfo().await {
        // Products that only speak its query API.
        Err(fault) if fault.kind == FaultKind::NotServed => client.now().await.map(drop),
        answer => answer.map(drop),
    };
    Proof::of(answer.map(|()| format!("Prometheus at {}", client.origin())))
}

/// The first replica that answers speaks for all: they have one configuration.
async fn alertmanager(settings: &Alertmanager) -> Proof {
    let to = |url: &String| http::connect(&HttpSettings::new(Product::Alertmanager, url, settings.http.clone()));
    let client = AlertmanagerClient::new(settings.urls.iter().map(to).collect());
    let mut proof = Proof::Unknown(Fault::new(FaultKind::NotConfigured, "alertmanager.urls is empty"));
    for (origin, status) in client.status().await {
        proof = Proof::of(status.map(|_| format!("Alertmanager at {origin}")));
        if !matches!(proof, Proof::Unknown(_)) {
            break;
        }
    }
    proof
}

/// A refusal counts whatever else went well; of other faults the first. Where nothing went well nothing was proven.
fn of_checks(findings: impl Iterator<Item = Result<(), Fault>>, whom: String) -> Proof {
    let (mut other, mut well) = (None, false);
    for finding in findings {
        match finding {
            Err(fault) if fault.kind == FaultKind::Unauthorized => return Proof::Refused(fault),
            Err(fault) => other = other.or(Some(fault)),
            Ok(()) => well = true,
        }
    }
    match other {
        None if well => Proof::Valid(whom),
        None => {
            Proof::Unknown(Fault::new(FaultKind::NotServed, format!("{whom} has nothing that could be asked with it")))
        }
        Some(fault) => Proof::Unknown(fault),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::ports::Future;
    use crate::ports::incident::ServiceCheck;

    struct Chat(FaultKind);

    impl incident::Service for Chat {
        fn name(&self) -> &'static str {
            "ops"
        }
        fn product(&self) -> &'static str {
            "Slack"
        }
        fn origin(&self) -> &'static str {
            "https://slack.com"
        }
        fn check(&self) -> Future<'_, Vec<ServiceCheck>> {
            let check = |name: &str, result| ServiceCheck { name: name.to_owned(), result };
            let loss = check("scope", ServiceFinding::Loss("may not pin".into(), "add pins:write".into()));
            let failed = check("token", ServiceFinding::Failed(Fault::new(self.0, "no")));
            let well = check("token", ServiceFinding::Well("ops".into()));
            Box::pin(std::future::ready(match self.0 {
                FaultKind::NotServed => vec![loss, well],
                FaultKind::NotConfigured => vec![loss],
                _ => vec![loss, well, failed],
            }))
        }
    }

    #[tokio::test]
    async fn a_service_of_incidents_proves_by_its_own_checks() {
        assert!(matches!(of_service(&Chat(FaultKind::Unauthorized)).await, Proof::Refused(_)));
        assert!(matches!(of_service(&Chat(FaultKind::Unreachable)).await, Proof::Unknown(_)));
        let lossy = of_service(&Chat(FaultKind::NotServed)).await;
        assert_eq!(lossy, Proof::Valid("Slack at https://slack.com".into()), "a missing scope is no wrong token");
        assert!(matches!(of_service(&Chat(FaultKind::NotConfigured)).await, Proof::Unknown(_)), "nobody was asked");
    }

    #[test]
    fn a_refusal_is_told_from_a_service_that_is_not_there() {
        let failed = |kind| Err(Fault::new(kind, "no"));
        let of = |findings: Vec<Result<(), Fault>>| of_checks(findings.into_iter(), "Unleash".into());
        assert_eq!(of(vec![Ok(())]), Proof::Valid("Unleash".into()));
        assert!(matches!(of(vec![]), Proof::Unknown(_)));
        assert!(matches!(of(vec![failed(FaultKind::Forbidden), failed(FaultKind::Unauthorized)]), Proof::Refused(_)));
        assert!(matches!(of(vec![Ok(()), failed(FaultKind::Unreachable)]), Proof::Unknown(_)));
    }
}
