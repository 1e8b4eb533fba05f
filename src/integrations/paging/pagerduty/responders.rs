//! Asking people to join: names, addresses and ids into what PagerDuty takes, without asking anyone twice.

use serde_json::{Value, json};

use super::PagerDuty;
use super::deliver::{page_path, receipt};
use super::wire::{Incident, Policies, Policy, PolicyBody, Reference, User, UserBody, Users};
use crate::domain::incident::delivery::Receipt;
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::integrations::outgoing::{body, judged, line, lines, refused, shortened};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::DeliveryError;

/// The longest message to responders, in characters. The API reference (`POST /incidents/{id}/responder_requests`) names no
/// limit: this is the one of an event's summary, which reaches people in the same ways.
const MESSAGE: usize = 1_024;

/// Somebody who can be asked.
struct Target {
    id: String,
    name: String,
    /// `user_reference` or `escalation_policy_reference`: PagerDuty takes no teams.
    kind: &'static str,
}

impl PagerDuty {
    /// Asks those who are not asked yet.
    pub(super) async fn add_responders(
        &self,
        cleared: &Cleared,
        id: &str,
        who: &[String],
        message: &str,
    ) -> Result<Receipt, DeliveryError> {
        let page = self.page(cleared, id).await?;
        let unseen = |fault| self.rest.unseen(cleared, fault);
        let requester = self.writer().await.map_err(unseen)?;
        let (mut targets, mut remarks): (Vec<Target>, Vec<String>) = (Vec::new(), Vec::new());
        for name in who {
            match self.target(name).await.map_err(unseen)? {
                Ok(target) if is_asked(&page, &target) => remarks.push(format!("{} is asked already", target.name)),
                Ok(target) if targets.iter().any(|known| known.id == target.id) => {}
                Ok(target) => targets.push(target),
                Err(why) => remarks.push(why),
            }
        }
        if targets.is_empty() {
            if who.is_empty() || remarks.iter().any(|remark| remark.ends_with("is asked already")) {
                return Ok(receipt(&page, remarks));
            }
            let hint = "write e-mail addresses or ids of users, or names or ids of escalation policies";
            return Err(refused(Fault::new(FaultKind::NotServed, remarks.join("; ")).hint(hint)));
        }
        let message = shortened(&lines(message), MESSAGE, "the message", &mut remarks);
        let wanted: Vec<Value> = targets
            .iter()
            .map(|target| json!({"responder_request_target": {"id": target.id, "type": target.kind}}))
            .collect();
        let request = json!({"requester_id": requester.id, "message": message, "responder_request_targets": wanted});
        let path = format!("{}/responder_requests", page_path(id)?);
        let answer = self.rest.send(cleared, "POST", &path, &request).await?;
        if body::<Value>(&answer).is_none_or(|answer| answer.get("responder_request").is_none()) {
            return Err(judged(&answer, self.rest.fault(&answer)));
        }
        let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        remarks.insert(0, format!("asked: {}", names.join(", ")));
        Ok(receipt(&page, remarks))
    }

    /// Whom a name, an address or an id means; in words when nobody or several.
    async fn target(&self, wanted: &str) -> Result<Result<Target, String>, Fault> {
        let shown = line(wanted);
        if let Some(target) = self.by_id(wanted).await? {
            return Ok(Ok(target));
        }
        let query = [("query", wanted), ("limit", "100")];
        let users: Users = self.rest.fetch("/users", &query).await?;
        let is = |text: &str| text.eq_ignore_ascii_case(wanted);
        let found: Vec<&User> = users.users.iter().filter(|user| is(&user.email) || is(&user.name)).collect();
        match found.as_slice() {
            [user] => return Ok(Ok(of_user(user))),
            [] => {}
            several => {
                let them: Vec<String> = several.iter().map(|user| line(&user.email)).collect();
                return Ok(Err(format!("{shown} may be any of {}: nobody was asked", them.join(", "))));
            }
        }
        if wanted.contains('@') {
            return Ok(Err(format!("there is no user {shown} in PagerDuty")));
        }
        let policies: Policies = self.rest.fetch("/escalation_policies", &query).await?;
        let policy = policies.escalation_policies.into_iter().find(|policy| is(&policy.name));
        Ok(policy.map_or_else(
            || Err(format!("{shown} is neither a user nor an escalation policy of PagerDuty")),
            |policy| Ok(of_policy(policy)),
        ))
    }

    async fn by_id(&self, wanted: &str) -> Result<Option<Target>, Fault> {
        // Ids of PagerDuty: `PXPGF42`, `Q1Q8LP1JQ4V4WC`.
        let id = wanted.len() >= 6 && wanted.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        if !id {
            return Ok(None);
        }
        if let Some(known) = self.rest.find::<UserBody>(&format!("/users/{}", segment(wanted)), &[]).await? {
            return Ok(Some(of_user(&known.user)));
        }
        let path = format!("/escalation_policies/{}", segment(wanted));
        Ok(self.rest.find::<PolicyBody>(&path, &[]).await?.map(|known| of_policy(known.escalation_policy)))
    }
}

fn of_user(user: &User) -> Target {
    Target { id: user.id.clone(), name: line(&user.name), kind: "user_reference" }
}

fn of_policy(policy: Policy) -> Target {
    Target { name: line(&policy.name), id: policy.id, kind: "escalation_policy_reference" }
}

fn is_asked(page: &Incident, target: &Target) -> bool {
    let is = |one: &Reference| one.id == target.id;
    let targets = page.responder_requests.iter().flat_map(|request| &request.responder_request_targets);
    page.incidents_responders.iter().any(|one| is(&one.user))
        || targets.into_iter().any(|one| is(&one.responder_request_target))
}
