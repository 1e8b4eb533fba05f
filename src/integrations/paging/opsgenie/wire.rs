//! What Opsgenie's API says, as far as it is read. Text is cleaned by whoever shows it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::integrations::outgoing::brief;

/// An error: `{"message", "errors": {"field": "why"}, "took", "requestId"}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    message: String,
    errors: BTreeMap<String, String>,
}

impl Problem {
    /// What it says, cleaned; `None` when it is no such error.
    pub fn words(&self) -> Option<String> {
        let more: Vec<String> = self.errors.iter().map(|(field, why)| format!("{field}: {why}")).collect();
        let text =
            if more.is_empty() { self.message.clone() } else { format!("{} ({})", self.message, more.join("; ")) };
        (!self.message.is_empty()).then(|| brief(&text))
    }
}

/// Most answers: the entity under `data`.
#[derive(Debug, Deserialize)]
pub(super) struct Data<T> {
    pub data: T,
}

/// A list of which more may follow.
#[derive(Debug, Deserialize)]
pub(super) struct Listed<T> {
    pub data: Vec<T>,
    #[serde(default)]
    pub paging: Paging,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Paging {
    /// The address of what follows.
    pub next: Option<String>,
}

/// A request that was taken and will be carried out.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Taken {
    pub request_id: String,
}

/// What came of such a request.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Outcome {
    pub is_success: bool,
    pub status: String,
    pub alert_id: String,
}

/// A team, a user, an escalation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reference {
    pub id: String,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub username: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Report {
    pub acknowledged_by: Option<String>,
    pub closed_by: Option<String>,
}

/// An alert, which is what people are paged with.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Alert {
    pub id: String,
    pub tiny_id: String,
    pub message: String,
    /// `open` or `closed`.
    pub status: String,
    pub acknowledged: bool,
    pub created_at: String,
    pub updated_at: String,
    pub source: String,
    pub entity: String,
    pub owner: String,
    pub responders: Vec<Reference>,
    pub teams: Vec<Reference>,
    pub integration: Reference,
    pub report: Report,
    /// Only in the answer for one alert.
    pub details: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Note {
    #[serde(rename = "note")]
    pub text: String,
    pub owner: String,
    pub created_at: String,
}

/// An escalation policy.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Escalation {
    pub id: String,
    pub name: String,
    pub owner_team: Reference,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct OnCalls {
    #[serde(rename = "_parent")]
    pub parent: Reference,
    pub on_call_recipients: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct User {
    pub id: String,
    pub username: String,
    pub full_name: String,
}
