//! Alerts that are open, who is on call, and what `doctor` asks.

use futures::StreamExt as _;

use super::Opsgenie;
use super::requests::ALERTS;
use super::wire::{Alert, Data, Listed, OnCalls};
use crate::integrations::flags::segment;
use crate::integrations::outgoing::{check, instant, line, rate_and_clock};
use crate::ports::feed::Fault;
use crate::ports::incident::{OnCall, Page, ServiceCheck, ServiceFinding};

/// The most that one answer holds.
const LIMIT: usize = 100;
/// The API lists no more than this, by any offset.
const FARTHEST: usize = 20_000;
/// Details are read for so many of the newest alerts: one request each.
const WITH_DETAILS: usize = 25;

impl Opsgenie {
    /// All alerts that are open, the newest first.
    pub(super) async fn open_pages(&self) -> Result<Vec<Page>, Fault> {
        let mut found: Vec<Alert> = Vec::new();
        let mut offset = 0;
        while offset + LIMIT <= FARTHEST {
            let (from, limit) = (offset.to_string(), LIMIT.to_string());
            let query = [
                ("query", "status:open"),
                ("sort", "createdAt"),
                ("order", "desc"),
                ("limit", limit.as_str()),
                ("offset", from.as_str()),
            ];
            let read: Listed<Alert> = self.road.fetch(ALERTS, &query).await?;
            let more = read.paging.next.is_some() && !read.data.is_empty();
            for alert in read.data {
                // One that came meanwhile shifts those before it into the next answer.
                if self.is_looked_at(&alert) && !found.iter().any(|known| known.id == alert.id) {
                    found.push(alert);
                }
            }
            if !more {
                break;
            }
            offset += LIMIT;
        }
        let newest: Vec<String> = found.iter().take(WITH_DETAILS).map(|alert| alert.id.clone()).collect();
        let names = futures::stream::iter(newest).map(|id| async move { self.alertname(&id).await });
        let mut names = names.buffered(4).collect::<Vec<_>>().await.into_iter();
        let pages = found.iter().filter_map(|alert| self.shown(alert, names.next().flatten()));
        Ok(pages.collect())
    }

    /// Is it of a configured team, escalation or integration?
    fn is_looked_at(&self, alert: &Alert) -> bool {
        let Some(wanted) = &self.source.paging.services else { return true };
        let of = alert.responders.iter().chain(&alert.teams).chain([&alert.integration]);
        of.into_iter().any(|one| wanted.contains(&one.id))
    }

    /// The label that Alertmanager sends along among its details; a help, without which the alert is shown all the same.
    async fn alertname(&self, id: &str) -> Option<String> {
        let path = format!("/v2/alerts/{}", segment(id));
        let read: Data<Alert> = self.road.fetch(&path, &[("identifierType", "id")]).await.ok()?;
        read.data.details.get("alertname").map(|name| line(name))
    }

    fn shown(&self, alert: &Alert, alertname: Option<String>) -> Option<Page> {
        let service = [&alert.entity, &alert.source, &alert.integration.name].into_iter().find(|text| !text.is_empty());
        let named = |one: &super::wire::Reference| {
            [&one.username, &one.name].into_iter().find(|text| !text.is_empty()).map(|text| line(text))
        };
        let owner = Some(line(&alert.owner)).filter(|owner| !owner.is_empty());
        let id = line(&alert.id);
        Some(Page {
            title: line(&alert.message),
            service: service.map(|text| line(text)).unwrap_or_default(),
            status: match (alert.status.as_str(), alert.acknowledged) {
                ("closed", _) => "resolved".to_owned(),
                (_, true) => "acknowledged".to_owned(),
                (_, false) => "triggered".to_owned(),
            },
            alerts: vec![alertname.unwrap_or_else(|| line(&alert.message))],
            assigned: owner.map_or_else(|| alert.responders.iter().filter_map(named).collect(), |owner| vec![owner]),
            since: instant(&alert.created_at)?,
            link: Some(self.link(&id)),
            id,
        })
    }

    /// Everyone who is on call, by schedule.
    pub(super) async fn all_on_call(&self) -> Result<Vec<OnCall>, Fault> {
        let read: Data<Vec<OnCalls>> = self.road.fetch("/v2/schedules/on-calls", &[("flat", "true")]).await?;
        let wanted = self.source.paging.services.as_ref();
        let mut rows = Vec::new();
        for schedule in read.data {
            // Where only alerts' teams are configured, no schedule is: all are shown then.
            let of = line(&schedule.parent.name);
            rows.extend(schedule.on_call_recipients.iter().map(|who| {
                (schedule.parent.id.clone(), OnCall { who: line(who), of: of.clone(), level: 1, until: None })
            }));
        }
        let chosen = |id: &String| wanted.is_some_and(|wanted| wanted.contains(id));
        if rows.iter().any(|(id, _)| chosen(id)) {
            rows.retain(|(id, _)| chosen(id));
        }
        let mut rows: Vec<OnCall> = rows.into_iter().map(|(_, row)| row).collect();
        rows.sort_by(|one, other| (&one.of, &one.who).cmp(&(&other.of, &other.who)));
        Ok(rows)
    }

    /// All checks; where the key is not accepted only that.
    pub(super) async fn checks(&self) -> Vec<ServiceCheck> {
        let (_, answer) = match self.road.token::<Listed<Alert>>(ALERTS, &[("limit", "1")]).await {
            Ok(read) => read,
            Err(checks) => return checks,
        };
        let mut checks = vec![check("token", ServiceFinding::Well("accepted; it may read alerts".into()))];
        checks.push(match self.all_on_call().await {
            Ok(rows) => check("on call", ServiceFinding::Well(format!("{} people", rows.len()))),
            Err(fault) => {
                let hint = fault.hint.clone().unwrap_or_default();
                check("on call", ServiceFinding::Loss(format!("who is on call cannot be read: {fault}"), hint))
            }
        });
        checks.extend(rate_and_clock(&answer, "period"));
        let end = "Atlassian ends Opsgenie on 5 April 2027".to_owned();
        let hint = "move to Jira Service Management or another paging service before".to_owned();
        checks.push(check("end of service", ServiceFinding::Loss(end, hint)));
        checks
    }
}
