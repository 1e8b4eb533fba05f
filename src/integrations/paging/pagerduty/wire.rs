//! What PagerDuty's REST API says, as far as it is read. Text is cleaned by whoever shows it.

use serde::Deserialize;
use serde_json::Value;

use crate::integrations::outgoing::{brief, line};

/// An error: `{"error": {"message", "code", "errors": […]}}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    error: Value,
}

impl Problem {
    /// What it says, cleaned; `None` when it is no such error.
    pub fn words(&self) -> Option<String> {
        let message = self.error.get("message").and_then(Value::as_str).or_else(|| self.error.as_str())?;
        let more: Vec<&str> = match self.error.get("errors") {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) => vec![one],
            _ => Vec::new(),
        };
        let text = if more.is_empty() { message.to_owned() } else { format!("{message}: {}", more.join("; ")) };
        Some(brief(&text))
    }

    /// Its number.
    pub fn code(&self) -> Option<i64> {
        self.error.get("code").and_then(Value::as_i64)
    }
}

/// A reference to something: id and what it is called.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reference {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub summary: Option<String>,
}

impl Reference {
    /// What people call it, cleaned; its id when it has no name.
    pub fn named(&self) -> String {
        self.summary.as_deref().map(line).filter(|text| !text.is_empty()).unwrap_or_else(|| line(&self.id))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Assignment {
    pub assignee: Reference,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Acknowledgement {
    pub at: String,
    pub acknowledger: Reference,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Responder {
    pub user: Reference,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResponderRequest {
    pub responder_request_targets: Vec<ResponderTarget>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResponderTarget {
    pub responder_request_target: Reference,
}

/// What people call a page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Incident {
    pub id: String,
    pub title: Option<String>,
    pub summary: Option<String>,
    pub status: String,
    pub created_at: String,
    pub html_url: Option<String>,
    pub service: Reference,
    pub escalation_policy: Reference,
    pub teams: Vec<Reference>,
    pub assignments: Vec<Assignment>,
    pub acknowledgements: Vec<Acknowledgement>,
    pub last_status_change_at: Option<String>,
    pub last_status_change_by: Option<Reference>,
    pub incidents_responders: Vec<Responder>,
    pub responder_requests: Vec<ResponderRequest>,
}

impl Incident {
    /// What it says, cleaned.
    pub fn named(&self) -> String {
        line(self.title.as_deref().or(self.summary.as_deref()).unwrap_or(&self.id))
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Incidents {
    pub incidents: Vec<Incident>,
    #[serde(default)]
    pub more: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct IncidentBody {
    pub incident: Incident,
}

#[derive(Debug, Deserialize)]
pub(super) struct Alerts {
    pub alerts: Vec<Alert>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Alert {
    pub summary: Option<String>,
    pub status: String,
    pub body: Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct OnCalls {
    pub oncalls: Vec<OnCallEntry>,
    #[serde(default)]
    pub more: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OnCallEntry {
    pub user: Reference,
    pub escalation_policy: Reference,
    pub escalation_level: u32,
    pub schedule: Option<Reference>,
    pub end: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct User {
    pub id: String,
    pub name: String,
    pub email: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Users {
    pub users: Vec<User>,
}

#[derive(Debug, Deserialize)]
pub(super) struct UserBody {
    pub user: User,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Policy {
    pub id: String,
    pub name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Policies {
    pub escalation_policies: Vec<Policy>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PolicyBody {
    pub escalation_policy: Policy,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ServiceEntry {
    pub id: String,
    pub name: String,
    pub escalation_policy: Reference,
}

#[derive(Debug, Deserialize)]
pub(super) struct ServiceBody {
    pub service: ServiceEntry,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Team {
    pub id: String,
    pub name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct TeamBody {
    pub team: Team,
}

#[derive(Debug, Deserialize)]
pub(super) struct Notes {
    pub notes: Vec<Note>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NoteBody {
    pub note: Note,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Note {
    pub id: String,
    pub content: String,
    pub created_at: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct LogEntries {
    pub log_entries: Vec<LogEntry>,
    #[serde(default)]
    pub more: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LogEntry {
    #[serde(rename = "type")]
    pub kind: String,
    pub created_at: String,
    pub agent: Reference,
}

#[derive(Debug, Deserialize)]
pub(super) struct Abilities {
    pub abilities: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ChangeEvents {
    pub change_events: Vec<ChangeEvent>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ChangeEvent {
    pub id: Option<String>,
    pub html_url: Option<String>,
    pub custom_details: Value,
}
