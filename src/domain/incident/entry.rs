//! Entries: what an incident is told by. An entry never changes and is never taken away.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, SubsecRound as _, TimeDelta};
use serde::{Deserialize, Serialize};

use super::delivery::{Again, Delivery, DeliveryKey, Receipt};
use super::{IncidentId, Role, Severity, Status, UnknownWord, Visibility};
use crate::domain::Text;
use crate::domain::target::WorkloadRef;
use crate::domain::time::Instant;

/// The place of an entry in the one order that all consoles agree on: a hybrid logical clock (Kulkarni et al., 2014),
/// and the writer for entries of the same moment. It never goes backward, whatever the system's clock does: an entry
/// stands after all that its writer had seen.
///
/// Its text is sorted as it is: `20261121T143207123Z-0000-w7f3a2c1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Stamp {
    at: Instant,
    count: u16,
    writer: Text,
}

const STAMP_TIME: &str = "%Y%m%dT%H%M%S%3fZ";

impl Stamp {
    /// The stamp of the next entry by `writer` (lower-case letters and digits), at `now`, after the last stamp that it
    /// knows of.
    pub fn next(now: Instant, writer: &Text, last: Option<&Self>) -> Self {
        let at = now.trunc_subsecs(3);
        match last {
            Some(last) if last.at >= at && last.count < 9_999 => {
                Self { at: last.at, count: last.count + 1, writer: writer.clone() }
            }
            Some(last) if last.at >= at => {
                Self { at: last.at + TimeDelta::milliseconds(1), count: 0, writer: writer.clone() }
            }
            _ => Self { at, count: 0, writer: writer.clone() },
        }
    }

    /// The logical time, in milliseconds: the wall clock's unless that went backward.
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// Who wrote it: one console, not a person.
    pub const fn writer(&self) -> &Text {
        &self.writer
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:04}-{}", self.at.format(STAMP_TIME), self.count, self.writer)
    }
}

impl FromStr for Stamp {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let read = || {
            let mut parts = text.splitn(3, '-');
            let time = NaiveDateTime::parse_from_str(parts.next()?, STAMP_TIME).ok()?;
            let count = parts.next().filter(|count| count.len() == 4)?.parse().ok()?;
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            let writer = parts.next().filter(|writer| !writer.is_empty() && writer.chars().all(fits))?;
            Some(Self { at: DateTime::from_naive_utc_and_offset(time, chrono::Utc), count, writer: writer.into() })
        };
        let accepts = "YYYYMMDDTHHMMSSmmmZ-NNNN-WRITER";
        read().ok_or_else(|| UnknownWord { word: text.to_owned(), what: "stamp of an entry", accepts })
    }
}

impl TryFrom<String> for Stamp {
    type Error = UnknownWord;

    fn try_from(text: String) -> Result<Self, UnknownWord> {
        text.parse()
    }
}

impl From<Stamp> for String {
    fn from(stamp: Stamp) -> Self {
        stamp.to_string()
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the order.
    pub stamp: Stamp,
    /// When it was, by the clock of who wrote it, or of the source that tells of it.
    pub at: Instant,
    /// Who: a person (`oncall@bastion`), or `opsdeck` for what it noticed by itself.
    pub by: Text,
    /// What.
    #[serde(flatten)]
    pub deed: Deed,
}

/// Something to write down. Its place in the order comes with the writing, when all that others wrote is known.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEntry {
    /// When it was.
    pub at: Instant,
    /// Who.
    pub by: Text,
    /// What.
    pub deed: Deed,
}

impl NewEntry {
    /// With its place in the order.
    pub fn stamped(self, stamp: Stamp) -> Entry {
        Entry { stamp, at: self.at, by: self.by, deed: self.deed }
    }
}

/// What an entry says. New kinds may come: one that this version does not know is kept and passed on as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Deed {
    /// The incident begins.
    Declared(Box<Declared>),
    /// Its title is another.
    Retitled {
        /// The new one.
        title: String,
    },
    /// Its severity is another.
    Severity {
        /// The new one.
        to: Severity,
        /// Why.
        reason: Option<String>,
    },
    /// Its status is another; also when it is opened again.
    Status {
        /// The new one.
        to: Status,
        /// The one before, as far as its writer knew. Without it (an older version) the entry counts as it stands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Status>,
        /// Why.
        reason: Option<String>,
    },
    /// Someone takes a role, or leaves it.
    Role {
        /// Which.
        role: Role,
        /// Who has it now.
        who: Option<String>,
    },
    /// One of the four times is set by hand.
    Time {
        /// Which.
        which: Moment,
        /// To.
        to: Instant,
    },
    /// An alert began to fire, or cleared.
    Alert {
        /// Its name.
        alert: String,
        /// What it is about (`payment`).
        subject: String,
        /// Does it fire (again)?
        firing: bool,
    },
    /// A rollout was seen.
    Rollout {
        /// The workload.
        workload: WorkloadRef,
        /// What changed, in words (`payment:2.3.7 → payment:2.4.0`).
        change: String,
        /// Revision after it.
        revision: u64,
    },
    /// An action of ours: its intent, or its end.
    Action {
        /// Its id in the audit log.
        id: String,
        /// The action's name (`rollback`).
        action: String,
        /// What it was done to.
        target: String,
        /// In words (`revision 42 → 41`).
        what: String,
        /// How it ended (`done`, `unverified`); `None` when it begins.
        end: Option<String>,
        /// More about the end.
        detail: Option<String>,
    },
    /// A step of a runbook ended.
    Runbook {
        /// The run's id.
        run: String,
        /// The runbook's id.
        runbook: String,
        /// The step's title.
        step: String,
        /// In words (`passed`, `failed: 0.172`).
        result: String,
    },
    /// What everyone is told.
    Update {
        /// The text.
        text: String,
        /// Seconds until the next one is due.
        next: Option<u64>,
    },
    /// What somebody wrote down.
    Note {
        /// The text.
        text: String,
    },
    /// A message of the channel that somebody marked.
    Message {
        /// The service.
        service: Text,
        /// Its id there.
        id: String,
        /// Who wrote it.
        author: String,
        /// What it says.
        text: String,
        /// Where to look at it.
        link: Option<String>,
    },
    /// What is left to do afterwards; the same id again says the newest of it.
    Task {
        /// Its id.
        id: String,
        /// What.
        text: String,
        /// Who.
        owner: Option<String>,
        /// Done?
        done: bool,
    },
    /// What the incident cost so far, of one SLO; the newest counts.
    Impact(Impact),
    /// Something is to be sent.
    Planned(Delivery),
    /// It is sent now; what follows in the file says what came of it. Without that, it may have arrived.
    Sending {
        /// Which delivery.
        key: DeliveryKey,
        /// From 1.
        attempt: u32,
    },
    /// It arrived.
    Sent {
        /// Which delivery.
        key: DeliveryKey,
        /// What the service said.
        receipt: Receipt,
    },
    /// It did not, or nobody knows.
    Unsent {
        /// Which delivery.
        key: DeliveryKey,
        /// Why, in one sentence.
        why: String,
        /// What to do about it.
        hint: Option<String>,
        /// When it may be tried again.
        #[serde(flatten)]
        again: Again,
    },
    /// A person says: try it again now.
    Retried {
        /// Which delivery.
        key: DeliveryKey,
    },
    /// A person says: leave it.
    Dropped {
        /// Which delivery.
        key: DeliveryKey,
        /// Why.
        reason: Option<String>,
        /// Left because of this one: it waits for it, or that one takes its place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        with: Option<DeliveryKey>,
    },
    /// This console sends what another one had planned and not sent.
    Taken {
        /// Whose.
        writer: Text,
    },
    /// This incident is the same as another, where it goes on.
    Merged {
        /// The other.
        into: IncidentId,
    },
    /// Another incident was merged into this one.
    Absorbed {
        /// The other.
        from: IncidentId,
        /// Its title.
        title: String,
        /// The first sign of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detected: Option<Instant>,
        /// The names of its alerts.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        alerts: Vec<String>,
        /// Its workloads.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        workloads: Vec<WorkloadRef>,
    },
    /// Handed over.
    HandedOver {
        /// To whom.
        to: String,
        /// What they were told.
        summary: String,
    },
    /// The draft of the post-mortem was written.
    PostMortem {
        /// The file.
        path: String,
    },
    /// What opsdeck wants known: a clock that jumped, a name that no service takes, an outage of the shared journal.
    Remark {
        /// In one sentence.
        text: String,
    },
    /// Something that a newer version wrote.
    #[serde(untagged)]
    Unknown(serde_json::Map<String, serde_json::Value>),
}

/// What is known when it begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Declared {
    /// Its id.
    pub id: IncidentId,
    /// One line.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// The service, as people call it.
    pub service: String,
    /// The workload behind it.
    pub workload: Option<WorkloadRef>,
    /// kubeconfig context.
    pub context: String,
    /// Who may see its channel.
    #[serde(default)]
    pub visibility: Visibility,
    /// When the first sign of it was: the oldest of its worst alerts.
    pub detected: Option<Instant>,
    /// Names of the alerts that fire.
    #[serde(default)]
    pub alerts: Vec<String>,
    /// The fastest burn over 5 minutes, as a multiple of what the SLO allows.
    pub burn: Option<f64>,
    /// What probably caused it, in words.
    pub suspect: Option<String>,
    /// The runbook's id.
    pub runbook: Option<String>,
    /// The severity that the rules proposed. What they say again later is no news to who chose another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed: Option<Severity>,
    /// Seconds between updates; SEV1 and SEV2 halve them unless `update_fixed`.
    pub update_every: u64,
    /// Did the runbook say how often? Then that holds for every severity.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub update_fixed: bool,
    /// Is it of the lab?
    #[serde(default)]
    pub demo: bool,
}

/// The four times of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// The first sign.
    Detected,
    /// Somebody took it on.
    Acknowledged,
    /// Users were served again.
    Mitigated,
    /// It was over.
    Resolved,
}

impl Moment {
    /// All, in their order.
    pub const ALL: [Self; 4] = [Self::Detected, Self::Acknowledged, Self::Mitigated, Self::Resolved];

    /// `detected`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Detected => "detected",
            Self::Acknowledged => "acknowledged",
            Self::Mitigated => "mitigated",
            Self::Resolved => "resolved",
        }
    }
}

impl FromStr for Moment {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|moment| text.trim().eq_ignore_ascii_case(moment.word()));
        let accepts = "detected, acknowledged, mitigated or resolved";
        found.ok_or_else(|| UnknownWord { word: text.to_owned(), what: "time of an incident", accepts })
    }
}

/// What it cost, of one SLO.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Impact {
    /// The SLO's name.
    pub slo: String,
    /// The part of the whole budget that was spent since the incident was detected (0.05 is 5 %).
    pub spent: Option<f64>,
    /// The part of the budget that is left.
    pub left: Option<f64>,
    /// Bad events since then.
    pub bad: Option<f64>,
    /// All events since then.
    pub total: Option<f64>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn stamps_are_sorted_as_their_text_and_never_go_backward() {
        let writer: Text = "w1".into();
        let mut stamps = vec![Stamp::next(at("2026-11-21T14:32:07.123456Z"), &writer, None)];
        for now in ["2026-11-21T14:32:07.123Z", "2026-11-21T13:00:00Z", "2026-11-21T14:32:08Z"] {
            let next = Stamp::next(at(now), &writer, stamps.last());
            assert!(next > *stamps.last().unwrap(), "{next}");
            assert!(next.to_string() > stamps.last().unwrap().to_string());
            assert_eq!(next.to_string().parse(), Ok(next.clone()));
            stamps.push(next);
        }
        assert_eq!(stamps[0].to_string(), "20261121T143207123Z-0000-w1");
        let full = Stamp { at: stamps[0].at, count: 9_999, writer: writer.clone() };
        let next = Stamp::next(stamps[0].at, &writer, Some(&full));
        assert!(next > full && next.to_string() > full.to_string());
        for bad in ["", "20261121T143207123Z", "20261121T143207123Z-1-w", "20261121T143207123Z-0001-", "x-0001-w"] {
            assert!(bad.parse::<Stamp>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_entry_of_a_newer_version_is_passed_on_as_it_is() {
        let text = r#"{"stamp":"20261121T143207123Z-0000-w1","at":"2026-11-21T14:32:07.123Z","by":"x","kind":"sang","song":[1]}"#;
        let entry: Entry = serde_json::from_str(text).unwrap();
        assert!(matches!(&entry.deed, Deed::Unknown(fields) if fields["song"][0] == 1), "{entry:?}");
        assert_eq!(serde_json::to_value(&entry).unwrap(), serde_json::from_str::<serde_json::Value>(text).unwrap());
    }

    #[test]
    fn what_is_written_is_read() {
        let writer: Text = "w1".into();
        let now = at("2026-11-21T14:32:07.123Z");
        let deeds = [
            Deed::Note { text: "x".into() },
            Deed::Unsent { key: "k".into(), why: "w".into(), hint: None, again: Again::In(3) },
            Deed::Unsent { key: "k".into(), why: "w".into(), hint: None, again: Again::Doubtful },
            Deed::Status { to: Status::Resolved, from: Some(Status::Monitoring), reason: None },
        ];
        for deed in deeds {
            let entry = Entry { stamp: Stamp::next(now, &writer, None), at: now, by: "x".into(), deed };
            let text = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry, "{text}");
        }
    }
}
