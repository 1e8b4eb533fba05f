//! Silences through the door, on the lab's Alertmanager: an alert falls silent, stays so for longer, and is heard again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use opsdeck::actions::approval::Mutator;
use opsdeck::actions::door::Door;
use opsdeck::actions::exchange::{Answer, DoorInput, Work};
use opsdeck::actions::guardrail::{ConfirmLevel, GuardContext};
use opsdeck::actions::outcome::{End, Outcome, Stage};
use opsdeck::actions::silence::{SilenceAlerts, Until};
use opsdeck::actions::silence_change::ExtendSilence;
use opsdeck::actions::{ActionKind, ActionRequest, Origin};
use opsdeck::config::Http;
use opsdeck::domain::alert::{Alert, AlertState, Severity};
use opsdeck::domain::object::{ObjectKind, ObjectRef};
use opsdeck::integrations::alertmanager::AlertmanagerClient;
use opsdeck::integrations::http::{self, HttpSettings, Product};
use opsdeck::lab::clock::LabClock;
use opsdeck::lab::scenario::ScenarioName;
use opsdeck::lab::{self, LabOptions};
use opsdeck::ports::cluster::{Seen, Silences};
use serde_json::Value;

fn guard() -> GuardContext {
    GuardContext {
        context: "lab".into(),
        namespace: None,
        identity: Some("oncall@example.com".into()),
        read_only: None,
        production: true,
        confirm: ConfirmLevel::Yes,
        rules: vec![],
        verification_timeout: 60,
        user: "alice".into(),
        ssh_client: None,
    }
}

/// Walks an action to its end; its outcome and records, and the action that takes it back.
async fn act(client: &AlertmanagerClient, action: ActionKind) -> (Outcome, Vec<Value>, Option<ActionKind>) {
    let mut now: DateTime<Utc> = Utc::now();
    let (mut door, effects) = Door::request(ActionRequest::new(action, Origin::Headless), &guard(), now);
    let (mut work, mut records) = (VecDeque::from(effects), Vec::new());
    loop {
        let Some(effect) = work.pop_front() else {
            let view = door.view();
            if view.stage == Stage::Ended {
                let undo = view.plan.and_then(|plan| plan.undo.actions.first().cloned());
                return (view.outcome.unwrap().clone(), records, undo);
            }
            assert_eq!(view.stage, Stage::Review);
            work.extend(door.handle(DoorInput::Confirm, now));
            continue;
        };
        let answer = match effect.work {
            Work::Gather(needs) => Answer::Gathered(client.facts(&needs).await),
            Work::Execute(approved) => Answer::Executed(client.execute(approved).await),
            Work::Record(record) => {
                records.push(record);
                Answer::Recorded(Ok(()))
            }
            Work::Observe(looks) => {
                // The verification's time, not the world's.
                now += chrono::TimeDelta::seconds(3);
                let object = client.look(&looks[0].object).await;
                Answer::Observed(vec![Seen { object, rollout: None, pods: None, signals: None }])
            }
            other => panic!("{other:?} is not for Alertmanager"),
        };
        work.extend(door.handle(DoorInput::Answer(effect.ticket, answer), now));
    }
}

async fn find(client: &AlertmanagerClient, state: AlertState) -> Alert {
    let severity: opsdeck::integrations::alerts::SeverityOf = Arc::new(|_| Severity::Info);
    for _ in 0..600 {
        let view = client.alerts(&severity).await.unwrap();
        let found = view.alerts.into_iter().find(|alert| &*alert.name == "HighErrorRate" && alert.state == state);
        if let Some(alert) = found {
            return alert;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no HighErrorRate is {state:?}")
}

#[tokio::test]
async fn an_alert_falls_silent_for_longer_and_is_heard_again() {
    let clock = LabClock::new(Utc::now(), 1.0);
    let lab = lab::start(LabOptions::new(ScenarioName::BadDeploy, clock)).await.unwrap();
    let plain = Http {
        timeout: Duration::from_secs(10),
        headers: BTreeMap::new(),
        token: None,
        basic: None,
        ca_file: None,
        insecure_skip_tls_verify: false,
        proxy_url: None,
    };
    let road = |url: &str| http::connect(&HttpSettings::new(Product::Alertmanager, url, plain.clone()));
    // The first replica is down: one that answers is written to, and read back from.
    let client = AlertmanagerClient::new(vec![road("http://127.0.0.1:1"), road(&lab.alertmanager_url)]);

    let alert = find(&client, AlertState::Firing).await;
    let silence = SilenceAlerts::acknowledge(&alert.labels, "on it \"quoted\"");
    let (outcome, records, undo) = act(&client, ActionKind::Silence(silence)).await;
    assert_eq!(outcome.end, End::Done, "{outcome:?}");
    assert_eq!(records.len(), 2);
    let silent = find(&client, AlertState::Suppressed).await;
    let by = silent.suppressed_by.unwrap();
    assert!(by.contains("silenced by oncall@example.com") && by.contains("on it \"quoted\""), "{by}");

    let Some(ActionKind::ExpireSilence(expire)) = undo else { panic!("{undo:?}") };
    let of = |id: &str| ObjectRef::global(ObjectKind::Silence, id);
    let first = client.look(&of(&expire.id)).await.unwrap();
    let extend = ExtendSilence { id: expire.id.clone(), until: Until::For(3600) };
    let (outcome, _, undo) = act(&client, ActionKind::ExtendSilence(extend)).await;
    assert_eq!(outcome.end, End::Done, "{outcome:?}");
    let id = first["id"].as_str().unwrap();
    let longer = client.look(&of(id)).await.unwrap();
    assert_ne!(longer["silence"]["ends"], first["silence"]["ends"]);
    let (outcome, ..) = act(&client, undo.unwrap()).await;
    assert_eq!(outcome.end, End::Done, "{outcome:?}");
    assert_eq!(client.look(&of(id)).await.unwrap(), first, "field by field as it was");

    let (outcome, ..) = act(&client, ActionKind::ExpireSilence(expire)).await;
    assert_eq!(outcome.end, End::Done, "{outcome:?}");
    find(&client, AlertState::Firing).await;
}
