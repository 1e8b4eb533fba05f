//! Sources of feature flags: what each provider says of itself.

use super::PATIENCE;
use super::check::Check;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::flags::FlagFinding;
use crate::runtime::clock::Clock;
use crate::runtime::wiring::Connected;

/// Every source of this context; none configured is a choice, and no check.
pub(super) async fn checks(connected: &Connected) -> Vec<Check> {
    let mut checks = Vec::new();
    for provider in connected.clients.flags.sources() {
        let product = provider.product();
        let Ok(found) = tokio::time::timeout(PATIENCE, provider.check()).await else {
            let fault = Fault::new(FaultKind::Timeout, format!("no answer within {} s", PATIENCE.as_secs()));
            checks.push(Check::failed(product, format!("{}: reach", provider.source()), fault));
            continue;
        };
        for one in found {
            let name = format!("{}: {}", provider.source(), one.name);
            checks.push(match one.result {
                FlagFinding::Well(detail) => Check::ok(product, name, detail),
                FlagFinding::Loss(detail, hint) => Check::warning(product, name, detail, &hint),
                FlagFinding::Failed(fault) => Check::fault(product, name, fault),
                FlagFinding::Clock(there) => Check::clock(product, provider.origin(), Clock::System.now(), there),
            });
        }
    }
    checks
}
