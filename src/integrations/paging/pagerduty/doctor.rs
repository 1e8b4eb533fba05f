//! What `doctor` asks of PagerDuty: token, who writes, what is looked at, the key of the Events API, limits, clock.

use super::PagerDuty;
use super::wire::Abilities;
use crate::integrations::outgoing::{check, line, rate_and_clock};
use crate::ports::feed::FaultKind;
use crate::ports::incident::{ServiceCheck, ServiceFinding};

/// What the plan has to hold for asking people to join.
const RESPONDERS: &str = "coordinated_responding";

impl PagerDuty {
    /// All checks; where the token is not accepted only that.
    pub(super) async fn checks(&self) -> Vec<ServiceCheck> {
        let (abilities, answer) = match self.rest.token::<Abilities>("/abilities", &[]).await {
            Ok(read) => read,
            Err(checks) => return checks,
        };
        let mut checks = vec![check("token", ServiceFinding::Well("accepted; whether it may write shows then".into()))];
        checks.push(match self.writer().await {
            Ok(user) => {
                let name = line(&user.name);
                check("from", ServiceFinding::Well(format!("writes as {name}")))
            }
            Err(fault) if self.source.paging.from.is_none() && fault.kind == FaultKind::NotConfigured => {
                check("from", ServiceFinding::Loss(fault.message, fault.hint.unwrap_or_default()))
            }
            Err(fault) => check("from", ServiceFinding::Failed(fault)),
        });
        checks.push(match self.scope().await {
            Ok(scope) if scope.names.is_empty() => check("services", ServiceFinding::Well("all".into())),
            Ok(scope) => check("services", ServiceFinding::Well(scope.names.join(", "))),
            Err(fault) => check("services", ServiceFinding::Failed(fault)),
        });
        if !abilities.abilities.iter().any(|ability| ability == RESPONDERS) {
            let loss = "this account's plan has no responder requests: nobody can be asked to join from here";
            let hint = "escalate the page, or invite people to the channel".to_owned();
            checks.push(check("responders", ServiceFinding::Loss(loss.into(), hint)));
        }
        checks.push(match self.events.key().await {
            Some(Ok(_)) => {
                let said = format!("the routing key can be read; events go to {}", self.events.road.origin());
                check("events", ServiceFinding::Well(said))
            }
            Some(Err(fault)) => check("events", ServiceFinding::Failed(fault)),
            // The token is well all the same.
            None => {
                let loss = "no routing key: our changes are not recorded, and nobody can be paged from here".to_owned();
                check("events", ServiceFinding::Loss(loss, "set paging.routing-key for that".to_owned()))
            }
        });
        checks.extend(rate_and_clock(&answer, "minute"));
        checks
    }
}
