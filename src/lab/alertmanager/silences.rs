//! Silences: their life (pending, active, expired) and the rules for creating, changing and ending them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::matchers::{Matcher, all_match};

/// How long an expired silence is remembered.
const RETENTION: TimeDelta = TimeDelta::hours(120);

/// Why a silence cannot be set or ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    /// No such silence.
    #[error("silence not found")]
    NotFound,
    /// It makes no sense.
    #[error("{0}")]
    Invalid(String),
}

/// What a silence should be.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The silence to change; empty for a new one.
    pub id: String,
    /// What it silences: alerts that all of these accept.
    pub matchers: Vec<Matcher>,
    /// When it begins.
    pub starts_at: DateTime<Utc>,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// A silence as held.
#[derive(Debug, Clone)]
pub struct Silence {
    draft: Draft,
    updated_at: DateTime<Utc>,
}

impl Silence {
    /// `pending`, `active` or `expired`.
    pub fn state(&self, now: DateTime<Utc>) -> &'static str {
        if now < self.draft.starts_at {
            "pending"
        } else if now < self.draft.ends_at {
            "active"
        } else {
            "expired"
        }
    }

    /// As the API writes it.
    pub fn json(&self, now: DateTime<Utc>) -> Json {
        let Draft { id, matchers, starts_at, ends_at, created_by, comment } = &self.draft;
        json!({
            "id": id,
            "status": { "state": self.state(now) },
            "updatedAt": time(self.updated_at),
            "comment": comment,
            "createdBy": created_by,
            "startsAt": time(*starts_at),
            "endsAt": time(*ends_at),
            "matchers": matchers.iter().map(Matcher::json).collect::<Vec<_>>(),
        })
    }
}

/// A moment as Alertmanager writes it: milliseconds, UTC.
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// All silences.
#[derive(Debug, Default)]
pub struct Silences {
    all: BTreeMap<String, Silence>,
    made: u64,
}

impl Silences {
    /// The silence `id`.
    pub fn get(&self, id: &str) -> Option<&Silence> {
        self.all.get(id)
    }

    /// Ids of the active silences that match `labels`.
    pub fn silencing(&self, labels: &BTreeMap<String, String>, now: DateTime<Utc>) -> Vec<&str> {
        let active = self.all.iter().filter(|(_, s)| s.state(now) == "active");
        active.filter(|(_, s)| all_match(&s.draft.matchers, labels)).map(|(id, _)| id.as_str()).collect()
    }

    /// All silences that have a matcher on every filtered label with an accepted value, in the API's order: active
    /// by end, pending by start, expired latest first.
    pub fn list(&self, filter: &[Matcher], now: DateTime<Utc>) -> Vec<&Silence> {
        let accepted = |s: &&Silence| {
            filter.iter().all(|f| {
                let json =
                    |m: &Matcher| m.name() == f.name() && m.json()["value"].as_str().is_some_and(|v| f.accepts(v));
                s.draft.matchers.iter().any(json)
            })
        };
        let mut found: Vec<&Silence> = self.all.values().filter(accepted).collect();
        found.sort_by_key(|s| match s.state(now) {
            "active" => (0, s.draft.ends_at.timestamp_millis()),
            "pending" => (1, s.draft.starts_at.timestamp_millis()),
            _ => (2, -s.draft.ends_at.timestamp_millis()),
        });
        found
    }

    /// Creates or changes a silence; the id that holds afterwards. Changing what an active silence matches or when
    /// it began expires it and makes a new one.
    pub fn set(&mut self, mut draft: Draft, now: DateTime<Utc>) -> Result<String, SilenceError> {
        if draft.starts_at >= draft.ends_at {
            let why = "Failed to create silence: start time must be before end time";
            return Err(SilenceError::Invalid(why.to_owned()));
        }
        if draft.ends_at < now {
            let why = "Failed to create silence: end time can't be in the past";
            return Err(SilenceError::Invalid(why.to_owned()));
        }
        if draft.matchers.iter().all(|m| m.accepts("")) {
            let why = "silence invalid: at least one matcher must not match the empty string";
            return Err(SilenceError::Invalid(why.to_owned()));
        }
        self.all.retain(|_, s| s.draft.ends_at + RETENTION > now);
        if !draft.id.is_empty() {
            let known = self.all.get_mut(&draft.id).ok_or(SilenceError::NotFound)?;
            let state = known.state(now);
            let updatable = known.draft.matchers == draft.matchers
                && match state {
                    "active" => draft.starts_at.timestamp() == known.draft.starts_at.timestamp(),
                    "pending" => draft.starts_at >= now,
                    _ => false,
                };
            if updatable {
                let id = draft.id.clone();
                *known = Silence { draft, updated_at: now };
                return Ok(id);
            }
            if state != "expired" {
                known.expire(now);
            }
        }
        draft.starts_at = draft.starts_at.max(now);
        self.made += 1;
        draft.id = identifier(self.made, &draft);
        let id = draft.id.clone();
        self.all.insert(id.clone(), Silence { draft, updated_at: now });
        Ok(id)
    }

    /// Ends a silence now. Ending it twice is no error.
    pub fn expire(&mut self, id: &str, now: DateTime<Utc>) -> Result<(), SilenceError> {
        let silence = self.all.get_mut(id).ok_or(SilenceError::NotFound)?;
        if silence.state(now) != "expired" {
            silence.expire(now);
        }
        Ok(())
    }
}

impl Silence {
    fn expire(&mut self, now: DateTime<Utc>) {
        self.draft.starts_at = self.draft.starts_at.min(now);
        self.draft.ends_at = now;
        self.updated_at = now;
    }
}

/// A UUID from what is known, not from chance: the same lab makes the same silences.
fn identifier(serial: u64, draft: &Draft) -> String {
    let seed = format!("{serial} {} {} {}", draft.created_by, draft.comment, draft.starts_at);
    let mut bytes: Vec<u8> = Sha256::digest(seed.as_bytes()).iter().copied().take(16).collect();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
