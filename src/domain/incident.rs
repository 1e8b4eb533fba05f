//! The words of an incident: severity, status, roles, and what it is told by ([`entry`]) and sends out ([`delivery`]).
//!
//! An incident is the fold of its entries; nothing else is kept of it.

pub mod delivery;
pub mod entry;

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Text;

/// The longest id: it is a label's value in the cluster.
pub const LONGEST_ID: usize = 63;

/// The name of an incident, unique over all consoles: `20261121-1432-payment-x7k2`. Lower-case letters, digits and
/// dashes, at most [`LONGEST_ID`], so that it may be a file's name, a label and a part of an object's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IncidentId(Text);

impl IncidentId {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An id out of any text: what may not stand in one becomes a dash, what is too long is cut off.
    #[must_use]
    pub fn made_of(text: &str) -> Self {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let dashed: String = text.chars().take(LONGEST_ID).map(|c| if fits(c) { c } else { '-' }).collect();
        let name = dashed.trim_matches('-');
        Self(if name.is_empty() { "incident".into() } else { name.into() })
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A word that is none of those that are known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no {what}: {accepts}")]
pub struct UnknownWord {
    /// What was written.
    pub word: String,
    /// What it should have been (`severity`).
    pub what: &'static str,
    /// What there is.
    pub accepts: &'static str,
}

impl FromStr for IncidentId {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let edges = !text.starts_with('-') && !text.ends_with('-');
        if !text.is_empty() && text.len() <= LONGEST_ID && edges && text.chars().all(fits) {
            return Ok(Self(text.into()));
        }
        let accepts = "lower-case letters, digits and dashes, at most 63; see `opsdeck incident list`";
        Err(UnknownWord { word: text.to_owned(), what: "incident", accepts })
    }
}

impl TryFrom<String> for IncidentId {
    type Error = UnknownWord;

    fn try_from(text: String) -> Result<Self, UnknownWord> {
        text.parse()
    }
}

impl From<IncidentId> for String {
    fn from(id: IncidentId) -> Self {
        id.as_str().to_owned()
    }
}

/// How bad it is; [`Severity::Sev1`] is the worst and the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Severity {
    /// Users cannot do what they came for.
    #[serde(rename = "SEV1")]
    Sev1,
    /// Many users are hindered, or the budget burns away within hours.
    #[serde(rename = "SEV2")]
    Sev2,
    /// Some users are hindered.
    #[serde(rename = "SEV3")]
    Sev3,
    /// Nobody notices yet.
    #[serde(rename = "SEV4")]
    Sev4,
}

impl Severity {
    /// All, the worst first.
    pub const ALL: [Self; 4] = [Self::Sev1, Self::Sev2, Self::Sev3, Self::Sev4];

    /// `SEV1`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sev1 => "SEV1",
            Self::Sev2 => "SEV2",
            Self::Sev3 => "SEV3",
            Self::Sev4 => "SEV4",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// `SEV2`, `sev2` or `2`.
impl FromStr for Severity {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let upper = text.trim().to_ascii_uppercase();
        let found = Self::ALL.into_iter().find(|severity| upper == severity.word() || upper == severity.word()[3..]);
        found.ok_or_else(|| UnknownWord {
            word: text.to_owned(),
            what: "severity",
            accepts: "SEV1, SEV2, SEV3 or SEV4",
        })
    }
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Finding out what it is.
    Triage,
    /// Doing something about it.
    Mitigating,
    /// Users are served again; is it so for good?
    Monitoring,
    /// Over.
    Resolved,
}

impl Status {
    /// All, in their order.
    pub const ALL: [Self; 4] = [Self::Triage, Self::Mitigating, Self::Monitoring, Self::Resolved];

    /// `triage`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Triage => "triage",
            Self::Mitigating => "mitigating",
            Self::Monitoring => "monitoring",
            Self::Resolved => "resolved",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Status {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|status| text.trim().eq_ignore_ascii_case(status.word()));
        let accepts = "triage, mitigating, monitoring or resolved";
        found.ok_or_else(|| UnknownWord { word: text.to_owned(), what: "status", accepts })
    }
}

/// Who does what in an incident (Google SRE Workbook, chapter 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Leads and decides.
    Commander,
    /// Tells everyone else.
    Communications,
    /// Changes the system; nobody else does.
    Operations,
    /// Writes down what happens.
    Scribe,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Commander, Self::Communications, Self::Operations, Self::Scribe];

    /// `commander`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Commander => "commander",
            Self::Communications => "communications",
            Self::Operations => "operations",
            Self::Scribe => "scribe",
        }
    }

    /// `Incident Commander`.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Commander => "Incident Commander",
            Self::Communications => "Communications",
            Self::Operations => "Operations",
            Self::Scribe => "Scribe",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Role {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let wanted = text.trim();
        let is = |role: &Self| wanted.eq_ignore_ascii_case(role.word()) || wanted.eq_ignore_ascii_case(role.title());
        let accepts = "commander, communications, operations or scribe";
        Self::ALL.into_iter().find(is).ok_or_else(|| UnknownWord { word: text.to_owned(), what: "role", accepts })
    }
}

/// Who may see the channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Visibility {
    /// Everyone of the workspace.
    #[default]
    Public,
    /// Who was invited.
    Private,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for severity in Severity::ALL {
            assert_eq!(severity.word().parse(), Ok(severity));
            assert_eq!(severity.word()[3..].parse(), Ok(severity));
        }
        for status in Status::ALL {
            assert_eq!(status.word().parse(), Ok(status));
        }
        for role in Role::ALL {
            assert_eq!((role.word().parse(), role.title().parse()), (Ok(role), Ok(role)));
        }
        assert!("SEV5".parse::<Severity>().unwrap_err().to_string().contains("SEV1, SEV2"));
    }

    #[test]
    fn an_id_may_be_the_name_of_a_file_and_an_object() {
        assert!("20261121-1432-payment-x7k2".parse::<IncidentId>().is_ok());
        for bad in ["", "-a", "a-", "../x", "A", "a.b", "a/b", &"a".repeat(64)] {
            assert!(bad.parse::<IncidentId>().is_err(), "{bad}");
        }
        for any in ["", "--", "../Ä x", &"a-".repeat(50)] {
            let made = IncidentId::made_of(any);
            assert_eq!(made.as_str().parse(), Ok(made.clone()), "{any}");
        }
        let read: Result<IncidentId, _> = serde_json::from_str("\"../../etc\"");
        assert!(read.is_err());
    }
}
