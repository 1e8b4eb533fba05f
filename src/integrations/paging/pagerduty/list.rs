//! Pages that are open, and who is on call, of everything or of the configured services, policies and teams.

use futures::StreamExt as _;
use serde_json::Value;

use super::PagerDuty;
use super::wire::{
    Alert, Alerts, Incident, Incidents, OnCallEntry, OnCalls, Policies, PolicyBody, ServiceBody, TeamBody,
};
use crate::integrations::flags::segment;
use crate::integrations::http::Pairs;
use crate::integrations::outgoing::{instant, line};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::{OnCall, Page};

/// The most that one answer holds.
const LIMIT: usize = 100;
/// The API lists no more than this, by any offset.
const FARTHEST: usize = 10_000;
/// Alerts are read for so many of the newest pages: one request each.
const WITH_ALERTS: usize = 25;

/// What the configured ids are.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// Everything, when nothing is configured.
    all: bool,
    /// Services.
    services: Vec<String>,
    /// Escalation policies, also those of the services and teams.
    policies: Vec<String>,
    /// Policies that were named themselves.
    own_policies: Vec<String>,
    /// Teams.
    teams: Vec<String>,
    /// What they are called, for `doctor`.
    pub names: Vec<String>,
}

impl Scope {
    fn has(&self, page: &Incident) -> bool {
        self.all
            || self.services.contains(&page.service.id)
            || self.own_policies.contains(&page.escalation_policy.id)
            || page.teams.iter().any(|team| self.teams.contains(&team.id))
    }
}

impl PagerDuty {
    /// What the configured ids are; a fault that names the one that is nothing.
    pub(super) async fn scope(&self) -> Result<&Scope, Fault> {
        self.scope.get_or_try_init(|| self.find_scope()).await
    }

    async fn find_scope(&self) -> Result<Scope, Fault> {
        let Some(ids) = &self.source.paging.services else { return Ok(Scope { all: true, ..Scope::default() }) };
        let mut scope = Scope::default();
        for id in ids {
            let known = |path: &str| format!("{path}/{}", segment(id));
            if let Some(ServiceBody { service }) = self.rest.find(&known("/services"), &[]).await? {
                scope.names.push(line(&service.name));
                scope.policies.push(service.escalation_policy.id);
                scope.services.push(service.id);
                continue;
            }
            if let Some(PolicyBody { escalation_policy: policy }) =
                self.rest.find(&known("/escalation_policies"), &[]).await?
            {
                scope.names.push(line(&policy.name));
                scope.policies.push(policy.id.clone());
                scope.own_policies.push(policy.id);
                continue;
            }
            let Some(TeamBody { team }) = self.rest.find(&known("/teams"), &[]).await? else {
                let message = format!("{} has no service, escalation policy or team {}", self.rest.whose(), line(id));
                return Err(Fault::new(FaultKind::NotConfigured, message)
                    .hint("correct paging.services: ids are in the address of their pages (PIJ90N7)"));
            };
            let query = [("team_ids[]", team.id.as_str()), ("limit", "100")];
            let policies: Policies = self.rest.fetch("/escalation_policies", &query).await?;
            scope.names.push(line(&team.name));
            scope.policies.extend(policies.escalation_policies.into_iter().map(|policy| policy.id));
            scope.teams.push(team.id);
        }
        Ok(scope)
    }

    /// All pages that are not resolved, the newest first.
    pub(super) async fn open_pages(&self) -> Result<Vec<Page>, Fault> {
        let scope = self.scope().await?;
        let mut found: Vec<Incident> = Vec::new();
        let mut offset = 0;
        while offset + LIMIT <= FARTHEST {
            let (from, limit) = (offset.to_string(), LIMIT.to_string());
            let mut query = vec![
                ("statuses[]", "triggered"),
                ("statuses[]", "acknowledged"),
                ("sort_by", "created_at:desc"),
                // Else only those of the last month.
                ("date_range", "all"),
                ("limit", limit.as_str()),
                ("offset", from.as_str()),
            ];
            // The API combines its filters by "and": it can serve only lists of one kind.
            let only = |other: &[String], more: &[String]| other.is_empty() && more.is_empty();
            if only(&scope.teams, &scope.own_policies) {
                query.extend(scope.services.iter().map(|id| ("service_ids[]", id.as_str())));
            } else if only(&scope.services, &scope.own_policies) {
                query.extend(scope.teams.iter().map(|id| ("team_ids[]", id.as_str())));
            }
            let read: Incidents = self.rest.fetch("/incidents", &query).await?;
            let more = read.more && !read.incidents.is_empty();
            // A page that came meanwhile shifts those before it into the next answer.
            let new = |page: &Incident, found: &[Incident]| !found.iter().any(|known| known.id == page.id);
            for page in read.incidents {
                if scope.has(&page) && new(&page, &found) {
                    found.push(page);
                }
            }
            if !more {
                break;
            }
            offset += LIMIT;
        }
        let newest: Vec<String> = found.iter().take(WITH_ALERTS).map(|page| page.id.clone()).collect();
        let alerts = futures::stream::iter(newest).map(|id| async move { self.alerts_of(&id).await });
        let mut alerts = alerts.buffered(4).collect::<Vec<_>>().await.into_iter();
        // Without an instant a page could not be sorted among the others.
        let pages = found.iter().filter_map(|page| shown(page, alerts.next().unwrap_or_default()));
        Ok(pages.collect())
    }

    /// Names of the alerts behind a page. They are a help: without the right to read them the page is shown without.
    async fn alerts_of(&self, page: &str) -> Vec<String> {
        let path = format!("/incidents/{}/alerts", segment(page));
        let read: Result<Alerts, Fault> = self.rest.fetch(&path, &[("limit", "100")]).await;
        let mut names: Vec<String> = Vec::new();
        for alert in read.map(|read| read.alerts).unwrap_or_default() {
            for name in names_of(&alert) {
                if !name.is_empty() && !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    async fn oncalls(&self, filter: Pairs<'_>) -> Result<Vec<OnCallEntry>, Fault> {
        let mut found = Vec::new();
        let mut offset = 0;
        while offset + LIMIT <= FARTHEST {
            let (from, limit) = (offset.to_string(), LIMIT.to_string());
            let mut query = vec![("earliest", "true"), ("limit", limit.as_str()), ("offset", from.as_str())];
            query.extend(filter);
            let read: OnCalls = self.rest.fetch("/oncalls", &query).await?;
            let more = read.more && !read.oncalls.is_empty();
            found.extend(read.oncalls);
            if !more {
                break;
            }
            offset += LIMIT;
        }
        Ok(found)
    }

    /// Who is on call for one escalation policy.
    pub(super) async fn on_call_of(&self, policy: &str) -> Result<Vec<OnCallEntry>, Fault> {
        self.oncalls(&[("escalation_policy_ids[]", policy)]).await
    }

    /// Everyone who is on call, by policy and level.
    pub(super) async fn all_on_call(&self) -> Result<Vec<OnCall>, Fault> {
        let scope = self.scope().await?;
        let filter: Vec<(&str, &str)> =
            scope.policies.iter().map(|id| ("escalation_policy_ids[]", id.as_str())).collect();
        let found = self.oncalls(&filter).await?;
        let mut rows: Vec<OnCall> = found
            .iter()
            .map(|entry| OnCall {
                who: entry.user.named(),
                of: match &entry.schedule {
                    Some(schedule) => format!("{} ({})", entry.escalation_policy.named(), schedule.named()),
                    None => entry.escalation_policy.named(),
                },
                level: entry.escalation_level.max(1),
                until: entry.end.as_deref().and_then(instant),
            })
            .collect();
        rows.sort_by(|one, other| (&one.of, one.level, &one.who).cmp(&(&other.of, other.level, &other.who)));
        rows.dedup();
        rows.sort_by_key(|row| row.level);
        Ok(rows)
    }
}

/// The names that an alert carries: `alertname` of what Prometheus sent along, else its own words.
fn names_of(alert: &Alert) -> Vec<String> {
    let mut found = Vec::new();
    collect_names(&alert.body, &mut found);
    if found.is_empty() {
        found.extend(alert.summary.as_deref().map(line));
    }
    found
}

/// Alertmanager writes its labels as text: ` - alertname = HighErrorRate` in one line each.
fn collect_names(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields.get("alertname").and_then(Value::as_str) {
                found.push(line(name));
            }
            fields.values().for_each(|field| collect_names(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, found)),
        Value::String(text) => {
            let named = text.lines().filter_map(|one| one.trim().strip_prefix("- alertname = "));
            found.extend(named.map(line));
        }
        _ => {}
    }
}

fn shown(page: &Incident, alerts: Vec<String>) -> Option<Page> {
    Some(Page {
        id: line(&page.id),
        title: page.named(),
        service: page.service.named(),
        status: line(&page.status),
        alerts,
        assigned: page.assignments.iter().map(|one| one.assignee.named()).collect(),
        since: instant(&page.created_at)?,
        link: page.html_url.as_deref().map(line),
    })
}
