//! An action walked through the door to its end.

use std::collections::VecDeque;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use opsdeck::actions::door::Door;
use opsdeck::actions::exchange::{Answer, DoorInput, Work};
use opsdeck::actions::flag::SetFlag;
use opsdeck::actions::guardrail::{ConfirmLevel, GuardContext};
use opsdeck::actions::outcome::{Outcome, Stage};
use opsdeck::actions::{ActionKind, ActionRequest, Origin};
use opsdeck::domain::flag::{FlagChange, FlagRef};
use opsdeck::integrations::flags::{Flags, Provider};
use opsdeck::ports::cluster::{Facts, Seen};
use serde_json::Value;

/// How it ended.
pub struct Walk {
    pub outcome: Outcome,
    /// What went to the audit log.
    pub records: Vec<Value>,
    /// Whether the door came to a review, with the warnings of the plan.
    pub warnings: Vec<String>,
    pub permission: String,
    pub dry_run: String,
    pub undo: Option<ActionKind>,
}

fn guard() -> GuardContext {
    GuardContext {
        context: "prod-eu".into(),
        namespace: None,
        identity: None,
        read_only: None,
        production: true,
        confirm: ConfirmLevel::Yes,
        rules: vec![],
        verification_timeout: 60,
        user: "alice".into(),
        ssh_client: None,
    }
}

pub fn set(flag: &FlagRef, set: FlagChange) -> ActionKind {
    ActionKind::Flag(SetFlag { flag: flag.clone(), set, about: None })
}

/// Walks; `meanwhile` happens between the confirmation and the write.
pub async fn walk<P: Provider + 'static>(provider: &Arc<P>, action: ActionKind, meanwhile: impl Fn()) -> Walk {
    let flags = Flags::of(vec![provider.clone() as Arc<dyn Provider>]);
    let mut now: DateTime<Utc> = Utc::now();
    let request = ActionRequest { reason: Some("p99 is high".into()), ..ActionRequest::new(action, Origin::Headless) };
    let (mut door, effects) = Door::request(request, &guard(), now);
    let (mut work, mut records) = (VecDeque::from(effects), Vec::new());
    let read = async |object: &_| flags.facts(object).await.map(|facts| serde_json::to_value(facts).unwrap());
    loop {
        let Some(effect) = work.pop_front() else {
            let view = door.view();
            if view.stage == Stage::Ended {
                let plan = view.plan;
                let step = plan.and_then(|plan| plan.steps.first());
                return Walk {
                    outcome: view.outcome.unwrap().clone(),
                    records,
                    warnings: plan.iter().flat_map(|plan| &plan.warnings).map(|warning| warning.text.clone()).collect(),
                    permission: step.map_or_else(String::new, |step| format!("{:?}", step.permission)),
                    dry_run: step.map_or_else(String::new, |step| format!("{:?}", step.dry_run)),
                    undo: plan.and_then(|plan| plan.undo.actions.first().cloned()),
                };
            }
            assert_eq!(view.stage, Stage::Review);
            work.extend(door.handle(DoorInput::Confirm, now));
            continue;
        };
        let answer = match effect.work {
            Work::Gather(needs) => {
                let object: Result<Value, _> = read(&needs.target).await;
                Answer::Gathered(object.map(|object| Facts { object, ..Facts::default() }))
            }
            Work::CheckPermission(mutation) => Answer::Permission(flags.permission(&mutation).await),
            Work::DryRun(mutation) => Answer::DryRun(flags.dry_run(&mutation).await),
            Work::Execute(approved) => {
                meanwhile();
                Answer::Executed(flags.execute(approved).await)
            }
            Work::Record(record) => {
                records.push(record);
                Answer::Recorded(Ok(()))
            }
            Work::Observe(looks) => {
                // The verification's time, not the world's.
                now += chrono::TimeDelta::seconds(3);
                let object = read(&looks[0].object).await;
                Answer::Observed(vec![Seen { object, rollout: None, pods: None, signals: None }])
            }
            other => panic!("{other:?} is not for flags"),
        };
        work.extend(door.handle(DoorInput::Answer(effect.ticket, answer), now));
    }
}
