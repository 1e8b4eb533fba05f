//! The audit view: what it asks for, what it shows, and where its keys lead.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::fixture::{ago, app, incident, now, press, screen, write};
use crate::app::App;
use crate::ports::journal::{Chain, JournalError, Reading};
use crate::state::audit::MOST;
use crate::state::effect::Effect;
use crate::state::message::Message;
use crate::state::session::Overlay;

fn records() -> Vec<Value> {
    let mut records = Vec::new();
    let mut action = |action: &str,
                      target: &str,
                      seconds: i64,
                      user: &str,
                      reason: Option<&str>,
                      end: Option<(&str, &str, u64)>| {
        let id = format!("{seconds:016x}");
        let head = |kind: &str, seq: usize| {
            json!({
                "seq": seq, "v": 1, "kind": kind, "id": id, "user": user, "context": "prod-eu-west-1",
                "namespace": if target.starts_with("node/") { "" } else { "shop" }, "action": action, "target": target,
                "at": ago(seconds).to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            })
        };
        let mut intent = head("intent", records.len() + 1);
        intent["reason"] = json!(reason);
        intent["diff_digest"] = json!("5f3c9a".repeat(10));
        intent["warnings"] = json!(["a HorizontalPodAutoscaler owns the replicas"]);
        if reason.is_some() {
            intent["dry_run_result"] = json!({"state": "yes", "text": "accepted by the server"});
            intent["changes"] = json!([{"path": "image", "before": "payment:2.4.0", "after": null}]);
            intent["incident"] = json!("INC-12");
            intent["ssh_client"] = json!("10.0.0.7");
        }
        records.push(intent);
        if let Some((word, detail, duration)) = end {
            let mut outcome = head("outcome", records.len() + 1);
            outcome["end"] = json!(word);
            outcome["detail"] = json!(detail);
            outcome["duration_ms"] = json!(duration);
            outcome["checks"] = json!([
                {"id": "rollout", "state": "passed", "text": "rollout 6/6"},
                {"id": "burn", "state": "not-checked", "text": "burn: no Prometheus"},
            ]);
            records.push(outcome);
        }
    };
    action("scale", "deployment/frontend", 86_400 * 70, "bob", None, Some(("done", "8 replicas are ready", 21_000)));
    action(
        "drain",
        "node/ip-10-0-3-17.eu-west-1.compute.internal",
        7_300,
        "carol",
        Some("kernel panics"),
        Some(("failed", "pod search-0 cannot be evicted: it would break its disruption budget", 600_000)),
    );
    action(
        "rollback",
        "deployment/payment",
        300,
        "alice",
        Some("5xx since 2.4.0"),
        Some(("done", "revision 41 runs", 52_000)),
    );
    action("restart", "deployment/search", 12, "alice", None, None);
    records
}

fn whole() -> Chain {
    Chain::Whole { records: 7, torn: 1, remarks: Vec::new() }
}

fn read(app: &mut App, records: Vec<Value>, chain: Chain) {
    let reading =
        Reading { path: "/home/oncall/.local/state/opsdeck/audit/audit.jsonl".into(), older: 0, records, chain };
    app.update(Message::Audit(Ok(reading)), now());
}

fn opened() -> App {
    let mut app = app();
    incident(&mut app);
    assert_eq!(press(&mut app, "A"), [Effect::ReadAudit { most: MOST }]);
    read(&mut app, records(), whole());
    app
}

fn chosen(app: &App) -> String {
    match app.session().overlays.last() {
        Some(Overlay::Audit(view)) => view.chosen().map(|entry| entry.action.clone()).unwrap_or_default(),
        _ => "closed".into(),
    }
}

#[test]
fn the_newest_action_stands_first_and_one_can_be_read_whole() {
    let mut app = opened();
    assert_snapshot!("audit-80x24", screen(&mut app, 80, 24));
    assert_snapshot!("audit-120x40", screen(&mut app, 120, 40));
    press(&mut app, "j enter");
    assert_snapshot!("audit-whole-80x24", screen(&mut app, 80, 24));
    assert_snapshot!("audit-whole-120x40", screen(&mut app, 120, 40));
    press(&mut app, "esc");
    assert_eq!(chosen(&app), "rollback");
    press(&mut app, "esc");
    assert_eq!(chosen(&app), "closed");
}

#[test]
fn a_broken_chain_cannot_be_overlooked_and_nothing_done_is_said() {
    let mut app = opened();
    let why = "audit-0002.jsonl line 1: records 3 to 4 are missing: audit-0001.jsonl is gone";
    read(&mut app, records(), Chain::Broken(why.into()));
    assert_snapshot!("audit-broken-80x24", screen(&mut app, 80, 24));
    read(&mut app, Vec::new(), Chain::Whole { records: 0, torn: 0, remarks: Vec::new() });
    assert!(screen(&mut app, 80, 24).contains("Nothing was done yet"));
    let error = JournalError { path: "/x/audit.jsonl".into(), why: "Permission denied".into() };
    app.update(Message::Audit(Err(error)), now());
    assert!(screen(&mut app, 80, 24).contains("cannot read /x/audit.jsonl: Permission denied"));
}

#[test]
fn the_filter_narrows_and_esc_takes_it_back_before_it_closes() {
    let mut app = opened();
    press(&mut app, "/");
    write(&mut app, "inc-12");
    let shown = screen(&mut app, 80, 24);
    assert!(shown.contains("2 of 4") && !shown.contains("restart "), "{shown}");
    press(&mut app, "enter j");
    assert_eq!(chosen(&app), "drain");
    press(&mut app, "/");
    write(&mut app, "nothing like it");
    assert!(screen(&mut app, 80, 24).contains("None of 4 actions matches the filter"));
    press(&mut app, "esc");
    assert_eq!(chosen(&app), "rollback", "the text before is back");
    press(&mut app, "esc");
    assert_eq!(chosen(&app), "restart");
    press(&mut app, "q");
    assert_eq!(chosen(&app), "closed");
}

#[test]
fn reading_again_keeps_what_is_chosen_and_no_key_waits_for_it() {
    let mut app = opened();
    press(&mut app, "j j");
    assert_eq!(chosen(&app), "drain");
    assert_eq!(press(&mut app, "ctrl-r"), [Effect::ReadAudit { most: MOST }]);
    press(&mut app, "enter");
    let mut more = records();
    more.push(json!({"seq": 8, "kind": "intent", "id": "new", "action": "cordon", "target": "node/a"}));
    read(&mut app, more, whole());
    assert_eq!(chosen(&app), "drain");
    assert!(
        matches!(&press(&mut app, "c")[..], [Effect::Copy(text)] if text.lines().count() == 2 && text.contains("kernel panics"))
    );
    press(&mut app, "esc g g");
    assert_eq!(chosen(&app), "cordon");
    press(&mut app, "G j j k");
    assert_eq!(chosen(&app), "drain");
    // What comes after the view was closed is dropped.
    press(&mut app, "esc");
    read(&mut app, records(), whole());
    assert_eq!(chosen(&app), "closed");
    // Scrolling stops at the end, so that the way back is as long as the way there.
    press(&mut app, "A");
    read(&mut app, records(), whole());
    screen(&mut app, 80, 24);
    press(&mut app, "enter G");
    let end = screen(&mut app, 80, 24);
    press(&mut app, "j j j k");
    assert_ne!(screen(&mut app, 80, 24), end);
}

#[test]
fn what_a_crash_left_open_is_told_when_the_console_starts() {
    let mut app = app();
    incident(&mut app);
    app.update(Message::Settled(Vec::new()), now());
    assert!(!screen(&mut app, 80, 24).contains("A shows"), "nothing was open");
    let sentence = "rollback deployment/payment (alice, 2026-03-04 14:30:07Z): it happened".to_owned();
    app.update(Message::Settled(vec![sentence.clone()]), now());
    let shown = screen(&mut app, 80, 24);
    assert!(shown.lines().last().unwrap().contains("A shows an action that a crash cut off: rollback depl"), "{shown}");
    app.update(Message::Settled(vec![sentence.clone(), sentence]), now());
    assert!(screen(&mut app, 120, 40).contains("A shows 2 actions that a crash cut off"));
    // The key that it names leads there.
    assert_eq!(press(&mut app, "A").len(), 1);
    assert!(matches!(app.session().overlays.last(), Some(Overlay::Audit(_))));
}
