//! Services of incidents (chats, paging services, status pages): what each says of itself.

use futures::future::join_all;

use super::PATIENCE;
use super::check::Check;
use crate::ports::Future;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{Service, ServiceCheck, ServiceFinding, SharedJournal};
use crate::runtime::clock::Clock;

/// Every one of them, all at once; none configured is a choice, and no check.
pub(super) async fn checks<'a>(services: impl Iterator<Item = &'a dyn Service>) -> Vec<Check> {
    join_all(services.map(of)).await.into_iter().flatten().collect()
}

/// The journal that responders share, likewise.
pub(super) async fn shared(journal: &dyn SharedJournal) -> Vec<Check> {
    asked("Kubernetes", "shared incidents", &journal.place(), journal.check()).await
}

async fn of(service: &dyn Service) -> Vec<Check> {
    asked(service.product(), service.name(), service.origin(), service.check()).await
}

async fn asked(product: &'static str, source: &str, origin: &str, check: Future<'_, Vec<ServiceCheck>>) -> Vec<Check> {
    let Ok(found) = tokio::time::timeout(PATIENCE, check).await else {
        let fault = Fault::new(FaultKind::Timeout, format!("no answer within {} s", PATIENCE.as_secs()));
        return vec![Check::failed(product, format!("{source}: reach"), fault)];
    };
    let check = |one: ServiceCheck| {
        let name = format!("{source}: {}", one.name);
        match one.result {
            ServiceFinding::Well(detail) => Check::ok(product, name, detail),
            ServiceFinding::Loss(detail, hint) => Check::warning(product, name, detail, &hint),
            ServiceFinding::Failed(fault) => Check::fault(product, name, fault),
            ServiceFinding::Clock(there) => Check::clock(product, origin, Clock::System.now(), there),
        }
    };
    found.into_iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::check::Verdict;
    use super::*;

    /// One that answers, or does not.
    struct Pager(bool);

    impl Service for Pager {
        fn name(&self) -> &'static str {
            "pd"
        }
        fn product(&self) -> &'static str {
            "PagerDuty"
        }
        fn origin(&self) -> &'static str {
            "https://pd"
        }
        fn check(&self) -> Future<'_, Vec<ServiceCheck>> {
            if !self.0 {
                return Box::pin(std::future::pending());
            }
            let check = |name: &str, result| ServiceCheck { name: name.to_owned(), result };
            let refused = Fault::new(FaultKind::Unauthorized, "revoked").hint("make another");
            Box::pin(std::future::ready(vec![
                check("services", ServiceFinding::Well("all".into())),
                check("plan", ServiceFinding::Loss("less".into(), "pay".into())),
                check("token", ServiceFinding::Failed(refused)),
                check("clock", ServiceFinding::Clock(Clock::System.now())),
            ]))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn every_finding_is_a_check_and_silence_is_a_failure() {
        let (answers, hangs) = (Pager(true), Pager(false));
        let found = checks([&answers as &dyn Service, &hangs].into_iter()).await;
        let seen: Vec<_> = found.iter().map(|check| (check.name.as_str(), check.verdict)).collect();
        let expected = [
            ("pd: services", Verdict::Ok),
            ("pd: plan", Verdict::Warning),
            ("pd: token", Verdict::Failed),
            ("clock", Verdict::Ok),
            ("pd: reach", Verdict::Failed),
        ];
        assert_eq!(seen, expected);
        assert_eq!(found[2].hint.as_deref(), Some("make another"));
    }
}
