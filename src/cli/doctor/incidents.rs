//! What incidents speak to: chats, paging services, status pages, and the journal that responders share.

use futures::future::join_all;

use super::PATIENCE;
use super::check::Check;
use crate::ports::Future;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{ServiceCheck, ServiceFinding};
use crate::runtime::clock::Clock;
use crate::runtime::wiring::Connected;

/// Every service of this context; none configured is a choice, and no check.
pub(super) async fn checks(connected: &Connected) -> Vec<Check> {
    let services = &connected.incidents.services;
    let asked =
        services.all().map(|service| asked(service.product(), service.name(), service.origin(), service.check()));
    let mut checks: Vec<Check> = join_all(asked).await.into_iter().flatten().collect();
    if let Some(shared) = &services.shared {
        let place = shared.journal.place();
        checks.extend(asked_of_the_cluster(&place, shared.journal.check()).await);
    }
    checks
}

async fn asked_of_the_cluster(place: &str, check: Future<'_, Vec<ServiceCheck>>) -> Vec<Check> {
    asked("Kubernetes", "shared incidents", place, check).await
}

async fn asked(product: &'static str, name: &str, origin: &str, check: Future<'_, Vec<ServiceCheck>>) -> Vec<Check> {
    let Ok(found) = tokio::time::timeout(PATIENCE, check).await else {
        let fault = Fault::new(FaultKind::Timeout, format!("no answer within {} s", PATIENCE.as_secs()));
        return vec![Check::failed(product, format!("{name}: reach"), fault)];
    };
    let one = |ServiceCheck { name: what, result }| {
        let title = format!("{name}: {what}");
        match result {
            ServiceFinding::Well(detail) => Check::ok(product, title, detail),
            ServiceFinding::Loss(detail, hint) => Check::warning(product, title, detail, &hint),
            ServiceFinding::Failed(fault) => Check::fault(product, title, fault),
            ServiceFinding::Clock(there) => Check::clock(product, origin, Clock::System.now(), there),
        }
    };
    found.into_iter().map(one).collect()
}
