//! A night as a script: what really happened, when, and who did it. Its post-mortem and its times have to be the truth.

use serde_json::json;

use super::watch::reading;
use super::{Pen, alert, at, begun, config, facts, payment};
use crate::domain::audit;
use crate::domain::incident::delivery::Receipt;
use crate::domain::incident::entry::{Deed, Moment};
use crate::domain::incident::{Role, Severity, Status};
use crate::domain::time::Instant;
use crate::incident::command::{Circumstances, Command, perform};
use crate::incident::declare::Proposal;
use crate::incident::outbox::Outbox;
use crate::incident::statistics::{ListRow, Statistics, toil};
use crate::incident::{Incident, post_mortem, watch};

/// The truth, in seconds after 14:00.
const ROLLED_OUT: i64 = -360;
const DETECTED: i64 = -120;
const DECLARED: i64 = 0;
const ROLLED_BACK: i64 = 300;
const CLEARED: i64 = 520;
const MITIGATED: i64 = 600;
const RESOLVED: i64 = 1_500;

fn act(incident: &mut Incident, pen: &mut Pen, now: i64, command: &Command) {
    let (config, stamp, writer) = (config(), pen.stamp(at(now)), pen.writer.clone());
    let around = Circumstances { config: &config, now: at(now), stamp: &stamp, writer: &writer };
    for deed in perform(incident, command, around).unwrap() {
        incident.insert(pen.entry(at(now), deed));
    }
}

/// Everything that is due arrives.
fn send_all(incident: &mut Incident, pen: &mut Pen, now: i64) {
    let mut outbox = Outbox::new(pen.writer.clone(), false);
    loop {
        let due = outbox.next(incident, at(now));
        if due.is_empty() {
            return;
        }
        for key in due {
            let deed = outbox.begin(incident, &key, at(now)).unwrap();
            incident.insert(pen.entry(at(now), deed));
            let cleared = outbox.recorded(incident, &key).unwrap();
            let is_channel = &*cleared.delivery().key == "channel";
            let name = is_channel.then(|| "inc-payment".to_owned());
            let receipt = Receipt { id: Some(format!("id-{key}")), name, ..Receipt::default() };
            let deed = outbox.came_back(&key, Ok(receipt)).unwrap();
            incident.insert(pen.entry(at(now), deed));
        }
    }
}

/// The night, played through proposal, commands, watch and outbox.
pub(super) fn whole() -> (Incident, Pen) {
    let mut pen = Pen::new("w1", "alice");
    let mut facts = facts();
    facts.user = "alice".into();
    let firing = [alert("HighErrorRate", alert::Severity::Critical, at(DETECTED))];
    facts.alerts = firing.to_vec();
    let (_, deeds) = Proposal::new(facts, &config(), at(DECLARED), 3).declare();
    let mut incident = Incident::of(deeds.into_iter().map(|deed| pen.entry(at(DECLARED), deed))).unwrap();
    send_all(&mut incident, &mut pen, 2);
    let notice = |incident: &mut Incident, pen: &mut Pen, now: i64, all: Vec<crate::incident::Noticed>| {
        let entries: Vec<_> = all.into_iter().map(|one| pen.noticed(at(now), one)).collect();
        incident.extend(entries);
    };
    let seen = watch::alerts(&incident, &firing, at(3));
    notice(&mut incident, &mut pen, 3, seen);
    let seen = watch::rollout(&incident, &payment(), 42, "payment:2.3.7 → payment:2.4.0", at(ROLLED_OUT));
    notice(&mut incident, &mut pen, 4, seen.into_iter().collect());
    act(&mut incident, &mut pen, 60, &Command::Note("pods | crash <!-- in `init`\nsince 13:54".into()));
    act(&mut incident, &mut pen, 90, &Command::Status { to: Status::Mitigating, reason: None });
    act(
        &mut incident,
        &mut pen,
        100,
        &Command::Severity { to: Severity::Sev1, reason: Some("checkout is down".into()) },
    );
    let intent = json!({"seq": 1, "kind": "intent", "id": "a1", "user": "alice", "context": "prod-eu", "namespace": "shop",
        "action": "rollback", "target": "deployment/payment", "at": at(ROLLED_BACK), "from": {"revision": 42}, "to": {"revision": 41}});
    let outcome =
        json!({"seq": 2, "kind": "outcome", "id": "a1", "end": "done", "detail": "verified", "duration_ms": 52_000});
    let action = audit::entries([intent, outcome]).remove(0);
    let seen = watch::action(&incident, &action);
    notice(&mut incident, &mut pen, ROLLED_BACK + 52, seen);
    let seen = watch::alerts(&incident, &[], at(CLEARED));
    notice(&mut incident, &mut pen, CLEARED, seen);
    act(
        &mut incident,
        &mut pen,
        MITIGATED,
        &Command::Status { to: Status::Monitoring, reason: Some("5xx are gone".into()) },
    );
    let update = Command::Update { text: "Payments work again.".into(), next: None };
    act(&mut incident, &mut pen, MITIGATED + 30, &update);
    act(&mut incident, &mut pen, RESOLVED, &Command::Status { to: Status::Resolved, reason: None });
    let last = watch::impacts(
        &incident,
        &[reading([0.1, 9.0, 18.0, 3.0], (1_800.0, 72_000.0), 0.62, RESOLVED)],
        at(RESOLVED),
        true,
    );
    notice(&mut incident, &mut pen, RESOLVED, last);
    let task = Command::Task { id: None, text: "write a test".into(), owner: Some("carol".into()), done: false };
    act(&mut incident, &mut pen, RESOLVED + 60, &task);
    send_all(&mut incident, &mut pen, RESOLVED + 61);
    (incident, pen)
}

#[test]
fn times_and_post_mortem_are_the_scripts_truth() {
    let (incident, _) = whole();
    let truth: [(Moment, i64); 4] = [
        (Moment::Detected, DETECTED),
        (Moment::Acknowledged, DECLARED),
        (Moment::Mitigated, MITIGATED),
        (Moment::Resolved, RESOLVED),
    ];
    for (moment, seconds) in truth {
        assert_eq!(incident.time(moment), Some(at(seconds)), "{moment:?}");
    }
    assert_eq!(incident.waiting().count(), 0);
    let text = post_mortem::draft(&incident);
    let headings: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(
        headings,
        [
            "Overview",
            "What happened",
            "Contributing factors",
            "Resolution",
            "Impact",
            "Responders",
            "Timeline",
            "What went well",
            "What did not go well",
            "Action items"
        ]
    );
    let clock = |seconds: i64| at(seconds).format("%Y-%m-%d %H:%M:%S").to_string();
    let rows: Vec<(String, String)> = text
        .lines()
        .filter(|line| line.starts_with("| 2026-"))
        .map(|line| {
            let cells: Vec<&str> = line.split(" | ").collect();
            assert_eq!(cells.len(), 3, "{line}");
            (cells[0].trim_start_matches("| ").to_owned(), format!("{} {}", cells[1], cells[2].trim_end_matches(" |")))
        })
        .collect();
    let commander = "Incident Commander";
    let wanted = [
        (ROLLED_OUT, "rollout of deployment/payment, revision 42: payment:2.3.7 → payment:2.4.0 opsdeck".to_owned()),
        (DETECTED, "alert HighErrorRate (payment) fires opsdeck".to_owned()),
        (DECLARED, format!("declared SEV2 payment: payment answers with 5xx {commander}")),
        (DECLARED, format!("alice is {commander} {commander}")),
        (2, format!("channel inc-payment opened in chat {commander}")),
        (2, format!("alice invited {commander}")),
        (2, format!("bob@example.com invited {commander}")),
        (60, format!("pods \\| crash &lt;!-- in \\`init\\` since 13:54 {commander}")),
        (90, format!("status is now mitigating {commander}")),
        (100, format!("severity is now SEV1: checkout is down {commander}")),
        (ROLLED_BACK, format!("rollback of deployment/payment began: revision 42 → 41 {commander}")),
        (ROLLED_BACK + 52, format!("rollback of deployment/payment done: verified {commander}")),
        (CLEARED, "alert HighErrorRate (payment) cleared opsdeck".to_owned()),
        (MITIGATED, format!("status is now monitoring: 5xx are gone {commander}")),
        (MITIGATED + 30, format!("Payments work again. {commander}")),
        (RESOLVED, format!("status is now resolved {commander}")),
        (RESOLVED + 60, format!("task: write a test (carol) {commander}")),
    ];
    let wanted: Vec<(String, String)> = wanted.into_iter().map(|(seconds, text)| (clock(seconds), text)).collect();
    assert_eq!(rows, wanted);
    for part in [
        "| Detected | 2026-11-21T13:58:00Z |",
        "| Time to acknowledge | 2m 00s |",
        "| Time to mitigate | 12m 00s |",
        "| Time to resolve | 27m 00s |",
        "Users were affected for 12m 00s.",
        // 27 minutes lie within 30: 9 · 1800 / 2592000 = 0.6 %; 1800 of 72000 · 27/60 events.
        "| payment availability | 0.6 % | 62.0 % | 1800 | 32400 |",
        "- [ ] write a test (carol)",
        "- rollout of deployment/payment to revision 42: payment:2.3.7 → payment:2.4.0",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let blaming = ["alice rolled", "alice broke", "fault", "blame"];
    assert!(blaming.iter().all(|word| !text.contains(word)));
}

#[test]
fn lists_medians_and_toil_count_what_happened() {
    let (incident, _) = whole();
    let row = ListRow::of(&incident);
    assert_eq!((row.to_acknowledge(), row.to_mitigate(), row.to_resolve()), (Some(120), Some(720), Some(1_620)));
    let later = |by: i64, service: &str| ListRow {
        service: service.to_owned(),
        resolved: row.resolved.map(|at: Instant| at + chrono::TimeDelta::seconds(by)),
        ..row.clone()
    };
    let open = ListRow { resolved: None, mitigated: None, ..row.clone() };
    let merged = ListRow { merged_into: Some(row.id.clone()), ..later(9_000, "payment") };
    let statistics = Statistics::of(&[later(0, "payment"), later(10, "payment"), later(100, "cart"), open, merged]);
    assert_eq!(statistics.all.incidents, 4);
    assert_eq!(statistics.all.to_resolve, Some(1_630));
    assert_eq!(statistics.by_service["payment"].to_resolve, Some(1_625));
    assert_eq!(statistics.by_service["cart"].to_resolve, Some(1_720));
    assert_eq!(statistics.by_severity[&Severity::Sev1].incidents, 4);
    let found = toil([&incident, &incident]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].alert.as_str(), found[0].action.as_str(), found[0].times), ("HighErrorRate", "rollback", 1));
    assert_eq!((found[0].incidents, found[0].targets.as_slice()), (1, &["deployment/payment".to_owned()][..]));
    assert!(incident.roles().contains_key(&Role::Commander));
}

#[test]
fn a_draft_of_an_update_has_three_parts() {
    let (incident, _) = whole();
    let text = crate::incident::update::draft(&incident, &[], at(1_000));
    let lines: Vec<&str> = text.lines().collect();
    for part in ["*Conditions*", "*Actions*", "*Needs*", "- no alert of it fires any more"] {
        assert!(lines.contains(&part), "{part} is not in\n{text}");
    }
    assert!(!text.contains("Next update"), "it is over");
    assert!(matches!(incident.entries().next().unwrap().deed, Deed::Declared(_)));
}

#[test]
fn alerts_of_one_name_are_one_line_of_an_update() {
    let (mut incident, mut pen) = begun();
    for (pod, since) in [("payment-a", 60), ("payment-b", 20), ("payment-c", 90)] {
        let deed = Deed::Alert { alert: "PodCrashLooping".into(), subject: pod.into(), firing: true };
        incident.insert(pen.entry(at(since), deed));
    }
    let text = crate::incident::update::draft(&incident, &[], at(1_000));
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("PodCrashLooping")).collect();
    assert_eq!(lines, ["- `PodCrashLooping` (×3) fires since 2026-11-21 14:00 UTC"]);
}
