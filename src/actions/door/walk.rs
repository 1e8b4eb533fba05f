//! A door in tests, with its clock and its open work: what every test of an action walks with.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unnecessary_wraps)]

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::*;
use crate::actions::Origin;
use crate::actions::approval::Receipt;
use crate::actions::exchange::Work;
use crate::actions::outcome::End;
use crate::domain::mutation::Mutation;
use crate::domain::rollout::RolloutPhase;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::ports::cluster::{DryRun, Permission, Seen, Signals};
use crate::ports::feed::{Fault, FaultKind};

pub(in crate::actions) fn start() -> Instant {
    chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

pub(in crate::actions) fn guard(confirm: ConfirmLevel) -> GuardContext {
    GuardContext {
        context: "prod-eu".into(),
        namespace: None,
        identity: Some("oncall".into()),
        read_only: None,
        production: true,
        confirm,
        rules: vec![],
        verification_timeout: 60,
        user: "alice".into(),
        ssh_client: None,
    }
}

pub(in crate::actions) fn payment() -> WorkloadRef {
    WorkloadRef::new(WorkloadKind::Deployment, "shop", "payment")
}

pub(in crate::actions) fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "payment"}}, "spec": {"containers": [{"name": "payment", "image": image}]}})
}

pub(in crate::actions) fn replica_set(revision: u64, image: &str) -> Value {
    let mut template = template(image);
    template["metadata"]["labels"]["pod-template-hash"] = json!(format!("h{revision}"));
    json!({"metadata": {"name": format!("payment-h{revision}"), "annotations": {"deployment.kubernetes.io/revision": revision.to_string()}},
        "spec": {"template": template}})
}

pub(in crate::actions) fn facts() -> Facts {
    let status = json!({"observedGeneration": 7, "replicas": 6, "updatedReplicas": 6, "availableReplicas": 6});
    Facts {
        object: json!({"metadata": {"name": "payment", "uid": "u", "generation": 7, "resourceVersion": "100",
                "annotations": {"deployment.kubernetes.io/revision": "42"}},
            "spec": {"replicas": 6, "template": template("payment:2.4.0")}, "status": status}),
        revisions: Some(vec![
            replica_set(40, "payment:2.3.6"),
            replica_set(42, "payment:2.4.0"),
            replica_set(41, "payment:2.3.7"),
        ]),
        autoscalers: Some(vec![]),
        ..Facts::default()
    }
}

pub(in crate::actions) fn allowed() -> Answer {
    Answer::Permission(Ok(Permission { allowed: true, what: "patch deployments.apps".into(), reason: None }))
}

pub(in crate::actions) fn rolled_back() -> Facts {
    let mut facts = facts();
    facts.object["spec"]["template"] = template("payment:2.3.7");
    facts
}

pub(in crate::actions) fn accepted() -> Answer {
    Answer::DryRun(Ok(DryRun { object: rolled_back().object, warnings: vec![] }))
}

pub(in crate::actions) fn gathered(facts: Facts) -> Answer {
    Answer::Gathered(Ok(facts))
}

pub(in crate::actions) fn receipt() -> Answer {
    Answer::Executed(Ok(Receipt { resource_version: "101".into(), generation: 8, warnings: vec![] }))
}

pub(in crate::actions) fn observed(updated: u32, signals: Result<Signals, Fault>) -> Answer {
    seen(&rolled_back(), updated, signals)
}

pub(in crate::actions) fn seen(facts: &Facts, updated: u32, signals: Result<Signals, Fault>) -> Answer {
    let phase = if updated == 6 {
        RolloutPhase::Complete
    } else {
        RolloutPhase::Progressing { waiting_for: "new pods".into() }
    };
    let rollout =
        RolloutStatus { desired: 6, total: 6, updated, ready: updated, available: updated, phase, since: None };
    Answer::Observed(vec![Seen {
        object: Ok(facts.object.clone()),
        rollout: Some(rollout),
        pods: None,
        signals: Some(signals),
    }])
}

pub(in crate::actions) fn healthy() -> Result<Signals, Fault> {
    Ok(Signals { firing: Some(vec![]), burn_alerts: Some(vec![]), burn: Some(0.4) })
}

pub(in crate::actions) fn to(plan: Option<&Plan>) -> u64 {
    plan.unwrap().revisions.as_ref().unwrap().to.revision
}

pub(in crate::actions) fn fault() -> Fault {
    Fault::new(FaultKind::NotConfigured, "no Prometheus")
}

/// A door with its clock and its open work.
pub(in crate::actions) struct Walk {
    pub door: Door,
    pub work: Vec<DoorEffect>,
    pub now: Instant,
    pub records: Vec<Value>,
    pub executed: usize,
    pub announced: Vec<Mutation>,
}

impl Walk {
    pub(in crate::actions) fn begin(request: ActionRequest, guard: &GuardContext) -> Self {
        let (door, work) = Door::request(request, guard, start());
        Self { door, work, now: start(), records: vec![], executed: 0, announced: vec![] }
    }

    pub(in crate::actions) fn rollback(confirm: ConfirmLevel) -> Self {
        Self::begin(ActionRequest::rollback(payment(), None, Origin::Key), &guard(confirm))
    }

    pub(in crate::actions) fn input(&mut self, input: DoorInput) -> &mut Self {
        for effect in self.door.handle(input, self.now) {
            match effect.work {
                // Word of what was done; nothing waits for its answer.
                Work::Announce(event) => self.announced.push(event.get().clone()),
                _ => self.work.push(effect),
            }
        }
        self
    }

    /// Answers the oldest open work that this answer fits.
    pub(in crate::actions) fn answer(&mut self, answer: Answer) -> &mut Self {
        let fits = |effect: &DoorEffect| Awaits::of(&effect.work).fits(&answer);
        let at =
            self.work.iter().position(fits).unwrap_or_else(|| panic!("nobody asked for {answer:?}: {:?}", self.work));
        let effect = self.work.remove(at);
        match &effect.work {
            Work::Record(record) => self.records.push(record.clone()),
            Work::Execute(_) => self.executed += 1,
            _ => {}
        }
        self.input(DoorInput::Answer(effect.ticket, answer))
    }

    pub(in crate::actions) fn later(&mut self, seconds: i64) -> &mut Self {
        self.now += TimeDelta::seconds(seconds);
        self
    }

    pub(in crate::actions) fn reviewed(confirm: ConfirmLevel) -> Self {
        let mut walk = Self::rollback(confirm);
        walk.answer(gathered(facts())).answer(allowed()).answer(accepted());
        walk
    }

    pub(in crate::actions) fn executing() -> Self {
        let mut walk = Self::reviewed(ConfirmLevel::Yes);
        walk.input(DoorInput::Confirm).answer(Answer::Recorded(Ok(())));
        assert_eq!(walk.door.view().stage, Stage::Executing);
        walk
    }

    pub(in crate::actions) fn verifying() -> Self {
        let mut walk = Self::executing();
        walk.answer(receipt());
        walk
    }

    pub(in crate::actions) fn end(&self) -> (End, String) {
        let view = self.door.view();
        assert_eq!(view.stage, Stage::Ended, "{:?}", self.work);
        assert!(self.work.is_empty(), "{:?}", self.work);
        let outcome = view.outcome.unwrap();
        (outcome.end, outcome.detail.clone())
    }

    /// Ends refused, which is recorded, and nothing else is.
    pub(in crate::actions) fn refused(&mut self, words: &str) {
        self.work.retain(|effect| matches!(effect.work, Work::Record(_)));
        self.answer(Answer::Recorded(Ok(())));
        self.assert_end(End::Refused, words);
        let [record] = &self.records[..] else { panic!("{:?}", self.records) };
        assert_eq!((&record["kind"], &record["end"]), (&json!("refusal"), &json!("refused")));
        assert_eq!(self.executed, 0);
    }

    pub(in crate::actions) fn assert_end(&self, end: End, words: &str) {
        let (found, detail) = self.end();
        assert_eq!(found, end, "{detail}");
        assert!(detail.contains(words), "{detail:?} lacks {words:?}");
    }
}
