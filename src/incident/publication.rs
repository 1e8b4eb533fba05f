//! What customers are told on the status page. A declare, the open incident and the command line say it with the same words,
//! the same status and the same state of the components.

use std::collections::BTreeMap;

use super::fold::Incident;
use super::template::flat;
use crate::domain::incident::delivery::What;
use crate::domain::incident::{Severity, Status};

/// The state of a component that is well.
const OPERATIONAL: &str = "operational";

/// One message on a status page, with all that becomes public by it. What a person confirms is exactly this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Its name, to customers.
    pub title: String,
    /// `investigating`, `identified`, `monitoring` or `resolved`.
    pub status: String,
    /// The text.
    pub body: String,
    /// Components of the page, and the state that they are shown in.
    pub components: BTreeMap<String, String>,
}

impl Publication {
    /// The first one about a service, with a draft for its text.
    pub fn first(service: &str, severity: Severity, components: impl IntoIterator<Item = String>) -> Self {
        Self {
            title: title(service),
            status: word(Status::Triage).to_owned(),
            body: draft(service, Status::Triage),
            components: shown(Status::Triage, severity, components),
        }
    }

    /// The next one of an incident: its status and the components follow the incident's, its title stays what it was.
    pub fn next(incident: &Incident, body: String, components: impl IntoIterator<Item = String>) -> Self {
        let (mut before, mut told) = (None, BTreeMap::new());
        for parcel in incident.parcels().iter().filter(|parcel| !parcel.is_dropped()) {
            if let What::Publish { title, components, .. } = &parcel.delivery.what {
                before = Some(title.clone());
                told.extend(components.clone());
            }
        }
        // Whatever the public was told to be broken follows, wherever it came from (a runbook, a person): nothing stays so
        // after the end.
        let broken = told.into_iter().filter(|(_, state)| state != OPERATIONAL).map(|(name, _)| name);
        Self {
            title: before.unwrap_or_else(|| title(&incident.declared().service)),
            status: word(incident.status()).to_owned(),
            body,
            components: shown(incident.status(), incident.severity(), components.into_iter().chain(broken)),
        }
    }

    /// A draft of the text of the next one: it says no more than everyone can see anyway.
    pub fn draft(incident: &Incident) -> String {
        draft(&incident.declared().service, incident.status())
    }

    /// All that becomes public, line by line: title and status, the text, the components.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} [{}]", self.title, self.status)];
        lines.extend(self.body.lines().map(str::to_owned));
        lines.extend(self.components.iter().map(|(name, state)| format!("{name}: {state}")));
        lines
    }
}

impl From<Publication> for What {
    fn from(said: Publication) -> Self {
        let Publication { title, status, body, components } = said;
        Self::Publish { title, status, body, components }
    }
}

fn title(service: &str) -> String {
    format!("Problems with {}", flat(service))
}

fn draft(service: &str, status: Status) -> String {
    let service = flat(service);
    match status {
        Status::Triage => format!("We are looking into problems with {service}. More follows here."),
        Status::Mitigating => format!("We know what causes the problems with {service} and are working on it."),
        Status::Monitoring => {
            format!("The problems with {service} should be over. We are watching whether they stay away.")
        }
        Status::Resolved => format!("The problems with {service} are over."),
    }
}

const fn word(status: Status) -> &'static str {
    match status {
        Status::Triage => "investigating",
        Status::Mitigating => "identified",
        Status::Monitoring => "monitoring",
        Status::Resolved => "resolved",
    }
}

fn shown(status: Status, severity: Severity, components: impl IntoIterator<Item = String>) -> BTreeMap<String, String> {
    let state = match (status, severity) {
        (Status::Resolved, _) => OPERATIONAL,
        (_, Severity::Sev1) => "major_outage",
        (_, Severity::Sev2) => "partial_outage",
        (_, Severity::Sev3 | Severity::Sev4) => "degraded_performance",
    };
    components.into_iter().map(|component| (component, state.to_owned())).collect()
}
