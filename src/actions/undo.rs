//! Taking a recorded action back: the request that does it, from the audit log alone.
//!
//! It goes through the door like any other: what was done may have been overtaken meanwhile, and then the plan says so.

use super::kind::ActionKind;
use super::{ActionRequest, OnFailure, Origin};
use crate::domain::audit::Entry;

/// The actions that an intent says take it back; none when it cannot be taken back.
pub fn actions(entry: &Entry) -> Vec<ActionKind> {
    let recorded = entry.records.iter().find_map(|record| record.pointer("/undo/actions"));
    recorded.and_then(|actions| serde_json::from_value(actions.clone()).ok()).unwrap_or_default()
}

/// A request that takes back `actions` of the intent `of`; `None` when there are none.
///
/// Of several, those that are not there to be taken back are left out, and one that fails does not keep the others.
pub fn request(actions: Vec<ActionKind>, of: &str, origin: Origin) -> Option<ActionRequest> {
    let request = ActionRequest::bulk(actions, origin)?;
    Some(ActionRequest { undo_of: Some(of.to_owned()), on_failure: OnFailure::GoOn, ..request })
}

/// The request that takes back the action `id` of a log, or why there is none.
pub fn of_log(entries: &[Entry], id: &str, origin: Origin) -> Result<ActionRequest, String> {
    let entry =
        entries.iter().find(|entry| entry.id == id).ok_or_else(|| format!("the audit log holds no action {id}"))?;
    match entry.end.as_ref().map(|end| &*end.word) {
        None => return Err("no outcome of it is recorded yet: what would be undone is not known".into()),
        Some(end @ ("refused" | "cancelled" | "conflict")) => {
            return Err(format!("it ended {end}: nothing was changed, and nothing is there to undo"));
        }
        Some(_) => {}
    }
    let undone = |other: &&Entry| {
        other.end_word() == "done"
            && other.records.iter().any(|record| record.get("undo_of").is_some_and(|of| of == id))
    };
    if let Some(other) = entries.iter().find(undone) {
        return Err(format!("it was undone already, by {} (action {})", other.who(), other.id));
    }
    request(actions(entry), id, origin).ok_or_else(|| {
        let words = entry.records.iter().find_map(|record| record.pointer("/undo/words")?.as_str());
        format!("it cannot be undone: {}", words.unwrap_or("its record does not say how"))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::audit::entries;

    fn log(end: &str, more: &[Value]) -> Vec<Entry> {
        let undo = json!({"words": "scale it back to 6", "actions": [{"action": "scale",
            "target": {"namespace": "shop", "kind": "Deployment", "name": "payment"}, "replicas": {"to": 6}}]});
        let first = json!({"kind": "intent", "id": "a", "action": "scale", "user": "alice", "undo": undo});
        let mut records = vec![first, json!({"kind": "outcome", "id": "a", "end": end})];
        records.extend(more.iter().cloned());
        entries(records)
    }

    #[test]
    fn what_was_done_is_taken_back_once() {
        let request = of_log(&log("done", &[]), "a", Origin::Headless).unwrap();
        assert_eq!((request.action.word(), request.undo_of.as_deref()), ("scale", Some("a")));
        assert!(of_log(&log("unverified", &[]), "a", Origin::Key).is_ok(), "it was sent");
        let why = |log: &[Entry], id| of_log(log, id, Origin::Key).unwrap_err();
        assert!(why(&log("conflict", &[]), "a").contains("nothing was changed"));
        assert!(why(&log("done", &[]), "b").contains("no action b"));
        let undone = [
            json!({"kind": "intent", "id": "b", "user": "bob", "undo_of": "a"}),
            json!({"kind": "outcome", "id": "b", "end": "done"}),
        ];
        assert!(why(&log("done", &undone), "a").contains("undone already, by bob"));
        assert!(why(&log("done", &undone), "b").contains("cannot be undone"));
        let open = [json!({"kind": "intent", "id": "c", "undo": {"actions": []}})];
        assert!(why(&log("done", &open), "c").contains("no outcome"));
    }
}
