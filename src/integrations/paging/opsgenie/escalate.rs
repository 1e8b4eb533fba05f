//! Sending an alert on, and asking people to join it.

use serde_json::json;

use super::Opsgenie;
use super::deliver::{NOTE, alert_path, is_so};
use super::requests::Twice;
use super::wire::{Alert, Data, Escalation, Reference, User};
use crate::domain::incident::delivery::Receipt;
use crate::incident::clearance::Cleared;
use crate::integrations::flags::segment;
use crate::integrations::outgoing::{line, lines, marked, refused, those};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::DeliveryError;

/// Is it one of these?
type Fits<'a> = Box<dyn Fn(&Escalation) -> bool + 'a>;

impl Opsgenie {
    /// Escalates along the alert's escalation policy, which has to be the only one that it may mean.
    pub(super) async fn escalate(
        &self,
        cleared: &Cleared,
        id: &str,
        level: Option<u32>,
    ) -> Result<Receipt, DeliveryError> {
        let alert = self.alert(cleared, id).await?;
        if let Some(remark) = is_so(&alert, "close") {
            return Ok(self.receipt(&alert, vec![remark]));
        }
        if let Some(remark) = self.left(cleared, id).await? {
            return Ok(self.receipt(&alert, vec![remark]));
        }
        let unseen = |fault| self.road.unseen(cleared, fault);
        let escalation = self.escalation_of(&alert).await.map_err(unseen)?.map_err(refused)?;
        let mut remarks = vec![format!("along {}", line(&escalation.name))];
        if level.is_some() {
            remarks.push("Opsgenie goes through a policy's rules by itself: a level cannot be chosen".to_owned());
        }
        let note = marked("escalated by opsdeck", &cleared.mark(), NOTE, "the note", &mut remarks);
        let fields = json!({"escalation": {"id": escalation.id}, "note": note});
        self.request(cleared, &format!("{}/escalate", alert_path(id)?), fields, Twice::More).await?;
        Ok(self.receipt(&alert, remarks))
    }

    /// The policy that an alert is sent along: the one among its responders, the configured one, or its team's only one.
    async fn escalation_of(&self, alert: &Alert) -> Result<Result<Escalation, Fault>, Fault> {
        let known: Data<Vec<Escalation>> = self.road.fetch("/v2/escalations", &[]).await?;
        let mut known = known.data;
        let own =
            |kind: &str| alert.responders.iter().filter(|one| one.kind == kind).map(|one| one.id.clone()).collect();
        let responders: Vec<String> = own("escalation");
        let configured = self.source.paging.services.clone().unwrap_or_default();
        let teams: Vec<String> = alert.teams.iter().map(|team| team.id.clone()).chain(own("team")).collect::<Vec<_>>();
        let ways: [Fits<'_>; 4] = [
            Box::new(|one| responders.contains(&one.id)),
            Box::new(|one| configured.contains(&one.id)),
            Box::new(|one| teams.contains(&one.owner_team.id)),
            Box::new(|_| true),
        ];
        for fits in ways {
            let found: Vec<usize> = (0..known.len()).filter(|at| fits(&known[*at])).collect();
            match found.as_slice() {
                [] => {}
                [one] => return Ok(Ok(known.swap_remove(*one))),
                _ => break,
            }
        }
        let names: Vec<String> = known.iter().map(|one| format!("{} ({})", line(&one.name), line(&one.id))).collect();
        let message = format!("which escalation policy of Opsgenie is meant is not clear; {}", those(&names));
        Ok(Err(Fault::new(FaultKind::NotConfigured, message).hint("name its id in paging.services")))
    }

    /// Asks those who are not asked yet, one request each.
    pub(super) async fn add_responders(
        &self,
        cleared: &Cleared,
        id: &str,
        who: &[String],
        message: &str,
    ) -> Result<Receipt, DeliveryError> {
        let alert = self.alert(cleared, id).await?;
        let (mut asked, mut remarks) = (Vec::new(), Vec::new());
        let path = format!("{}/responders", alert_path(id)?);
        // All are looked up before the first is asked: what cannot be looked up is tried again without anyone asked.
        let mut targets: Vec<Reference> = Vec::new();
        for name in who {
            let found = self.responder(name).await.map_err(|fault| self.road.unseen(cleared, fault))?;
            match found {
                None => remarks.push(format!("{} is neither a user nor a team of Opsgenie", line(name))),
                Some(target) if alert.responders.iter().any(|known| known.id == target.id) => {
                    remarks.push(format!("{} is asked already", target.name));
                }
                Some(target) if targets.iter().any(|known| known.id == target.id) => {}
                Some(target) => targets.push(target),
            }
        }
        if targets.is_empty() && !who.is_empty() && !remarks.iter().any(|one| one.ends_with("is asked already")) {
            let hint = "write user names (e-mail addresses), or names or ids of teams";
            return Err(refused(Fault::new(FaultKind::NotServed, remarks.join("; ")).hint(hint)));
        }
        for target in targets {
            let note = marked(&lines(message), &cleared.mark(), NOTE, "the message", &mut remarks);
            let fields = json!({"responder": {"type": target.kind, "id": target.id}, "note": note});
            self.request(cleared, &path, fields, Twice::More).await?;
            asked.push(target.name);
        }
        if !asked.is_empty() {
            remarks.insert(0, format!("asked: {}", asked.join(", ")));
        }
        Ok(self.receipt(&alert, remarks))
    }

    /// Whom a name means.
    async fn responder(&self, wanted: &str) -> Result<Option<Reference>, Fault> {
        if matches!(wanted, "" | "." | "..") {
            return Ok(None);
        }
        if let Some(Data { data: user }) =
            self.road.find::<Data<User>>(&format!("/v2/users/{}", segment(wanted)), &[]).await?
        {
            let name = if user.full_name.is_empty() { &user.username } else { &user.full_name };
            return Ok(Some(Reference { name: line(name), id: user.id, kind: "user".into(), ..Reference::default() }));
        }
        for by in ["name", "id"] {
            let answer = self.road.ask(&format!("/v2/teams/{}", segment(wanted)), &[("identifierType", by)]).await?;
            // An id that is no UUID is refused and not looked for.
            if !matches!(answer.status, 404 | 422) {
                let team = self.road.parsed::<Data<Reference>>(&answer)?.data;
                return Ok(Some(Reference { name: line(&team.name), kind: "team".into(), ..team }));
            }
        }
        Ok(None)
    }
}
