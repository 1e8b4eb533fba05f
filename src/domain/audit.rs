//! What the audit log tells: its records joined into actions, an intent with the outcome that belongs to it.
//!
//! Records are read as loosely as possible: a log outlives the program that wrote it, and an entry that lacks a field is
//! still worth showing. All text is cleaned here, because others may write the files.

use std::collections::HashMap;

use serde_json::Value;

use super::text::clean;
use super::time::Instant;

/// One action as the log knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What joins its records.
    pub id: String,
    /// Number of its first record.
    pub seq: u64,
    /// When it was begun, where the record says so.
    pub at: Option<Instant>,
    /// Operating system user.
    pub user: String,
    /// Where that user came from.
    pub ssh_client: Option<String>,
    /// Who that was to the API server.
    pub identity: Option<String>,
    /// Kubeconfig context.
    pub context: String,
    /// Namespace; empty when the object is in none.
    pub namespace: String,
    /// What was done (`rollback`).
    pub action: String,
    /// To what (`deployment/payment`), the first of several.
    pub target: String,
    /// To what else, when it was one action on several.
    pub more: Vec<String>,
    /// Why, in the person's words.
    pub reason: Option<String>,
    /// The incident that it belongs to.
    pub incident: Option<String>,
    /// How it ended; `None` while no record says so.
    pub end: Option<Ended>,
    /// The records as written, cleaned.
    pub records: Vec<Value>,
}

/// How an action ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// One word (`done`, `failed`).
    pub word: String,
    /// What happened, in a sentence.
    pub detail: Option<String>,
    /// From intent to outcome, in milliseconds.
    pub duration_ms: Option<u64>,
    /// It was found out after a crash, by looking at the cluster.
    pub settled: bool,
}

/// Joins records (oldest first) into actions, in the order in which they were begun.
pub fn entries(records: impl IntoIterator<Item = Value>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for mut record in records {
        clean_all(&mut record);
        let known = text(&record, "id").and_then(|id| places.get(&id).copied());
        let at = if let Some(at) = known {
            at
        } else {
            let entry = Entry::begun(&record);
            places.insert(entry.id.clone(), entries.len());
            entries.push(entry);
            entries.len() - 1
        };
        entries[at].take(record);
    }
    entries
}

/// The intents (as written, oldest first) that no later record ends. An intent to only try something leaves nothing open.
pub fn open_intents(records: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let mut open: Vec<(String, Value)> = Vec::new();
    for record in records {
        let Some(id) = text(&record, "id") else { continue };
        let is_real = record.get("dry_run").is_none_or(|dry_run| *dry_run != Value::Bool(true));
        if record.get("end").is_some() {
            open.retain(|(known, _)| *known != id);
        } else if record.get("kind").is_some_and(|kind| kind == "intent") && is_real {
            open.push((id, record));
        }
    }
    open.into_iter().map(|(_, intent)| intent).collect()
}

fn text(record: &Value, key: &str) -> Option<String> {
    record.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn clean_all(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let std::borrow::Cow::Owned(cleaned) = clean(text) {
                *text = cleaned;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(clean_all),
        Value::Object(fields) => fields.values_mut().for_each(clean_all),
        _ => {}
    }
}

impl Entry {
    fn begun(record: &Value) -> Self {
        let seq = record.get("seq").and_then(Value::as_u64).unwrap_or_default();
        let or_empty = |key| text(record, key).unwrap_or_default();
        Self {
            id: text(record, "id").unwrap_or_else(|| format!("record {seq}")),
            seq,
            at: record
                .get("at")
                .and_then(Value::as_str)
                .and_then(|at| chrono::DateTime::parse_from_rfc3339(at).ok())
                .map(|at| at.to_utc()),
            user: or_empty("user"),
            ssh_client: text(record, "ssh_client"),
            identity: text(record, "identity"),
            context: or_empty("context"),
            namespace: or_empty("namespace"),
            action: or_empty("action"),
            target: or_empty("target"),
            more: record
                .get("targets")
                .and_then(Value::as_array)
                .map(|targets| targets.iter().skip(1).filter_map(Value::as_str).map(str::to_owned).collect())
                .unwrap_or_default(),
            reason: None,
            incident: None,
            end: None,
            records: Vec::new(),
        }
    }

    fn take(&mut self, record: Value) {
        for (field, key) in [(&mut self.reason, "reason"), (&mut self.incident, "incident")] {
            if field.is_none() {
                *field = text(&record, key);
            }
        }
        // Who we are to the API server may be known only later.
        if self.identity.is_none() {
            self.identity = text(&record, "identity");
        }
        if let Some(word) = text(&record, "end") {
            self.end = Some(Ended {
                word,
                detail: text(&record, "detail"),
                duration_ms: record.get("duration_ms").and_then(Value::as_u64).filter(|ms| *ms > 0),
                settled: record
                    .get("settled")
                    .is_some_and(|settled| !matches!(settled, Value::Null | Value::Bool(false))),
            });
        }
        self.records.push(record);
    }

    /// An intent whose outcome nobody wrote: it is under way, or whoever did it crashed.
    pub const fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// The intent's own record.
    pub fn intent(&self) -> Option<&Value> {
        self.records.iter().find(|record| record.get("kind").is_some_and(|kind| kind == "intent"))
    }

    /// How it ended in one word; `open` when it did not.
    pub fn end_word(&self) -> &str {
        self.end.as_ref().map_or("open", |end| &end.word)
    }

    /// `52s`, from intent to outcome; empty where it is not known.
    pub fn took(&self) -> String {
        match self.end.as_ref().and_then(|end| end.duration_ms) {
            None => String::new(),
            Some(ms @ 0..10_000) => format!("{}.{}s", ms / 1000, ms % 1000 / 100),
            Some(ms) => super::time::span_fine(i64::try_from(ms / 1000).unwrap_or(i64::MAX)),
        }
    }

    /// `alice from 10.0.0.7 as oncall@example.com`.
    pub fn who(&self) -> String {
        let mut who = self.user.clone();
        if let Some(client) = &self.ssh_client {
            who = format!("{who} from {client}");
        }
        match &self.identity {
            Some(identity) if *identity != self.user => format!("{who} as {identity}"),
            _ => who,
        }
    }

    /// `deployment/payment`, `deployment/payment +2`.
    pub fn targets(&self) -> String {
        if self.more.is_empty() { self.target.clone() } else { format!("{} +{}", self.target, self.more.len()) }
    }

    /// `prod-eu/shop`, or the context alone.
    pub fn place(&self) -> String {
        if self.namespace.is_empty() { self.context.clone() } else { format!("{}/{}", self.context, self.namespace) }
    }
}

/// Which actions to show. What is `None` takes all. Users and targets match by a part of them, the rest as a whole;
/// letter case never matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Begun at this instant or later.
    pub since: Option<Instant>,
    /// Begun before this instant.
    pub until: Option<Instant>,
    /// What was done.
    pub action: Option<String>,
    /// Part of the target.
    pub target: Option<String>,
    /// How it ended (`open` for those that did not).
    pub end: Option<String>,
    /// Part of the user, or of who that was to the API server.
    pub user: Option<String>,
    /// Context.
    pub context: Option<String>,
    /// Namespace.
    pub namespace: Option<String>,
    /// Incident.
    pub incident: Option<String>,
    /// Only intents without an outcome.
    pub open: bool,
}

impl Query {
    /// Is this one of them?
    pub fn accepts(&self, entry: &Entry) -> bool {
        let same = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.to_lowercase() == found.to_lowercase())
        };
        let within = |wanted: &Option<String>, found: &[&str]| {
            wanted
                .as_ref()
                .is_none_or(|wanted| found.iter().any(|found| found.to_lowercase().contains(&wanted.to_lowercase())))
        };
        // What does not say when it was is never hidden by a question about time: it would be lost from view.
        self.since.is_none_or(|since| entry.at.is_none_or(|at| at >= since))
            && self.until.is_none_or(|until| entry.at.is_none_or(|at| at < until))
            && same(&self.action, &entry.action)
            && within(&self.target, &entry.more.iter().chain([&entry.target]).map(String::as_str).collect::<Vec<_>>())
            && same(&self.end, entry.end_word())
            && within(&self.user, &[&entry.user, entry.identity.as_deref().unwrap_or_default()])
            && same(&self.context, &entry.context)
            && same(&self.namespace, &entry.namespace)
            && same(&self.incident, entry.incident.as_deref().unwrap_or_default())
            && (!self.open || entry.is_open())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn log() -> Vec<Entry> {
        let intent = |seq: u64, id: &str, at: &str, user: &str| {
            json!({
                "seq": seq, "kind": "intent", "id": id, "at": at, "user": user, "context": "prod-eu", "namespace": "shop",
                "action": "rollback", "target": "deployment/payment", "reason": "5xx\u{1b}[2J since 2.4.0",
            })
        };
        entries([
            intent(1, "a", "2026-03-04T14:00:00Z", "alice"),
            intent(2, "b", "2026-03-04T15:00:00Z", "bob"),
            json!({"seq": 3, "kind": "outcome", "id": "a", "end": "done", "detail": "ok", "duration_ms": 52_000, "identity": "oncall@example.com"}),
            json!({"seq": 4, "kind": "note"}),
            json!({"seq": 5, "kind": "refusal", "id": "c", "end": "refused", "namespace": "", "incident": "INC-12",
                "target": "pod/a", "targets": ["pod/a", "pod/b"]}),
        ])
    }

    #[test]
    fn outcomes_find_their_intents_and_what_is_alone_is_kept() {
        let log = log();
        let shown: Vec<_> = log.iter().map(|entry| (&*entry.id, entry.end_word(), entry.took())).collect();
        assert_eq!(
            shown,
            [
                ("a", "done", "52s".to_owned()),
                ("b", "open", String::new()),
                ("record 4", "open", String::new()),
                ("c", "refused", String::new())
            ]
        );
        assert_eq!(log[0].who(), "alice as oncall@example.com");
        assert_eq!(log[0].reason.as_deref(), Some("5xx since 2.4.0"), "no escape sequence reaches the screen");
        assert_eq!(log[0].records.len(), 2);
        assert!(!log[0].records[0].to_string().contains("\\u001b"));
    }

    #[test]
    fn each_question_takes_what_it_asks_for() {
        let log = log();
        let at = |text: &str| Some(chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc());
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(log[3].targets(), "pod/a +1");
        let cases: [(Query, &[u64]); 11] = [
            (Query { target: text("pod/b"), ..Query::default() }, &[5]),
            (Query::default(), &[1, 2, 4, 5]),
            (Query { since: at("2026-03-04T15:00:00Z"), ..Query::default() }, &[2, 4, 5]),
            (Query { until: at("2026-03-04T15:00:00Z"), ..Query::default() }, &[1, 4, 5]),
            (Query { user: text("ALI"), ..Query::default() }, &[1]),
            (Query { user: text("oncall@"), ..Query::default() }, &[1]),
            (Query { target: text("payment"), end: text("open"), ..Query::default() }, &[2]),
            (Query { incident: text("inc-12"), ..Query::default() }, &[5]),
            (Query { action: text("rollback"), open: true, ..Query::default() }, &[2]),
            (Query { namespace: text("shop"), context: text("prod-eu"), ..Query::default() }, &[1, 2]),
            (Query { action: text("roll"), ..Query::default() }, &[]),
        ];
        for (query, wanted) in cases {
            let found: Vec<u64> = log.iter().filter(|entry| query.accepts(entry)).map(|entry| entry.seq).collect();
            assert_eq!(found, wanted, "{query:?}");
        }
    }
}
