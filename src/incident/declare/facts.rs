//! What is known at the moment of declaring. Plain values: who gathers them is not asked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::PageChoice;
use crate::config::context::matches;
use crate::domain::Text;
use crate::domain::alert::{Alert, AlertState};
use crate::domain::incident::Role;
use crate::domain::slo::SloReading;
use crate::domain::target::WorkloadRef;
use crate::domain::time::Instant;
use crate::incident::template::flat;
use crate::ports::incident::{ChatLimits, Page};

/// What is known.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// kubeconfig context.
    pub context: String,
    /// Is it production?
    pub production: bool,
    /// Who declares, as their entries say (`oncall@bastion`).
    pub user: String,
    /// The workload that is looked at.
    pub workload: Option<WorkloadRef>,
    /// Its alerts; the worst is named in the title.
    pub alerts: Vec<Alert>,
    /// How its budgets burn.
    pub burn: Vec<Burn>,
    /// What probably caused it, in words.
    pub suspect: Option<String>,
    /// The runbook that was opened, or that matches.
    pub runbook: Option<RunbookFacts>,
    /// Pages that are not resolved.
    pub pages: Vec<PageFact>,
    /// The chat, where one is configured.
    pub chat: Option<ChatFacts>,
    /// The status page, where one is configured.
    pub status_page: Option<StatusPageFacts>,
    /// Is it of the lab?
    pub demo: bool,
}

/// How a budget burns.
#[derive(Clone, Debug, PartialEq)]
pub struct Burn {
    /// The SLO's name.
    pub slo: String,
    /// Over five minutes, as a multiple of what the SLO allows.
    pub fast: Option<f64>,
    /// The part of the budget that is left.
    pub left: Option<f64>,
}

impl Burn {
    /// `payment availability burns 32.0 times as fast as it may, 41 % of the budget left`.
    pub fn words(&self) -> Option<String> {
        let fast = self.fast.map(|fast| format!("burns {fast:.1} times as fast as it may"));
        let left = self.left.map(|left| format!("{:.0} % of the budget left", left * 100.0));
        let parts: Vec<String> = fast.into_iter().chain(left).collect();
        (!parts.is_empty()).then(|| format!("{} {}", flat(&self.slo), parts.join(", ")))
    }
}

impl From<&SloReading> for Burn {
    fn from(reading: &SloReading) -> Self {
        Self { slo: reading.objective.name.to_string(), fast: reading.burn[0], left: reading.remaining }
    }
}

/// The runbook, and what its front matter says under `incident`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunbookFacts {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Where a person can read it.
    pub link: Option<String>,
    /// Name of the channel, a template.
    pub channel: Option<String>,
    /// Its topic, a template.
    pub topic: Option<String>,
    /// Severity.
    pub severity: Option<String>,
    /// Who has which role.
    pub roles: BTreeMap<Role, String>,
    /// Whom to invite.
    pub invite: Vec<String>,
    /// First message, a template.
    pub first_message: Option<String>,
    /// Seconds between updates.
    pub update_every: Option<u64>,
    /// The component of the status page.
    pub component: Option<String>,
    /// Its parameters, as they were filled in: its templates name them (`node`, `slo`).
    pub values: BTreeMap<String, String>,
}

/// A page, and the service that it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageFact {
    /// The configured name of the paging service.
    pub service: Text,
    /// The page.
    pub page: Page,
}

impl PageFact {
    /// Is it about the same? Then it is proposed to acknowledge it, unless somebody did, and to note the incident on it.
    pub(super) fn choice(&self, facts: &Facts) -> PageChoice {
        let page = &self.page;
        let names = facts.alert_names();
        let same_alert = page.alerts.iter().any(|alert| names.contains(alert))
            || names.iter().any(|name| !name.is_empty() && page.title.contains(name.as_str()));
        let service = facts.service();
        let is_open = matches!(page.status.as_str(), "triggered" | "acknowledged");
        let same_service = !service.is_empty() && page.service.eq_ignore_ascii_case(&service);
        PageChoice {
            service: self.service.clone(),
            id: page.id.clone(),
            title: page.title.clone(),
            chosen: is_open && (same_alert || (page.alerts.is_empty() && same_service)),
            acknowledged: page.status == "acknowledged",
        }
    }
}

/// How the chat writes a wanted name; an error says why it takes no such name.
pub type Namer = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// The chat.
#[derive(Clone)]
pub struct ChatFacts {
    /// Its configured name.
    pub name: Text,
    /// The product.
    pub product: &'static str,
    /// What it can hold.
    pub limits: ChatLimits,
    /// Does it open channels?
    pub has_channels: bool,
    /// How it writes a wanted name.
    pub namer: Namer,
}

impl ChatFacts {
    /// How it writes a wanted name.
    pub fn name_of(&self, wanted: &str) -> Result<String, String> {
        (self.namer)(wanted)
    }
}

impl fmt::Debug for ChatFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatFacts").field("name", &self.name).field("product", &self.product).finish_non_exhaustive()
    }
}

/// The status page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusPageFacts {
    /// Its configured name.
    pub name: Text,
    /// The product.
    pub product: &'static str,
    /// Its components, and which services each shows, as configured: globs.
    pub components: BTreeMap<String, Vec<String>>,
}

impl StatusPageFacts {
    /// The components that show this service.
    pub fn showing<'a>(&'a self, service: &'a str) -> impl Iterator<Item = String> + 'a {
        let shows = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, service));
        self.components.iter().filter(move |(_, patterns)| shows(patterns)).map(|(name, _)| name.clone())
    }
}

impl Facts {
    /// The alerts that fire, the worst and oldest first.
    pub fn firing(&self) -> Vec<&Alert> {
        let mut firing: Vec<&Alert> = self.alerts.iter().filter(|alert| alert.state != AlertState::Pending).collect();
        firing.sort_by(|a, b| (a.severity, a.since, &a.key).cmp(&(b.severity, b.since, &b.key)));
        firing
    }

    /// Their names, each once.
    pub fn alert_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for alert in self.firing() {
            if names.iter().all(|known| *known != *alert.name) {
                names.push(alert.name.to_string());
            }
        }
        names
    }

    /// The fastest burn over five minutes.
    pub fn fastest_burn(&self) -> Option<f64> {
        let fast = self.burn.iter().filter_map(|burn| burn.fast).filter(|burn| burn.is_finite());
        fast.max_by(f64::total_cmp)
    }

    /// When the oldest of the worst alerts began to fire: what has been so for days is another matter.
    pub fn detected(&self) -> Option<Instant> {
        self.firing().first().map(|alert| alert.since)
    }

    /// The service: as the worst alert calls it, else the workload's name.
    pub fn service(&self) -> String {
        let firing = self.firing();
        let labelled = firing.iter().find_map(|alert| {
            ["service", "sloth_service"].iter().find_map(|label| alert.label(label)).map(ToString::to_string)
        });
        let workload = self.workload.as_ref().map(|workload| workload.name.to_string());
        labelled.or(workload).unwrap_or_default()
    }

    /// A title from the worst alert, else from the workload.
    pub fn title(&self) -> String {
        let alert = self.firing().first().map(|alert| {
            let summary = alert.summary().split_whitespace().collect::<Vec<_>>().join(" ");
            crate::incident::template::shortened(&summary, crate::incident::command::LONGEST_TITLE)
        });
        let workload = self.workload.as_ref().map(|workload| format!("Trouble with {}", workload.name));
        alert.filter(|title| !title.is_empty()).or(workload).unwrap_or_else(|| "Trouble".to_owned())
    }
}
