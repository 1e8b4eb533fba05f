//! Tests of command.

use std::time::Duration;

use super::{Pen, at, begun, config, declared};
use crate::domain::incident::delivery::{Delivery, What};
use crate::domain::incident::entry::{Deed, Moment};
use crate::domain::incident::{IncidentId, Role, Severity, Status};
use crate::incident::Incident;
use crate::incident::command::{Circumstances, Command, Refusal, merge, perform};
use crate::incident::plan;
use crate::incident::publication::Publication;

struct Desk {
    incident: Incident,
    pen: Pen,
    now: i64,
}

impl Desk {
    fn new(has_channel: bool) -> Self {
        let (mut incident, mut pen) = begun();
        let what = What::OpenChannel { name: "inc".into(), private: false, purpose: String::new() };
        if has_channel {
            incident.insert(pen.entry(at(0), plan::planned(plan::CHANNEL, &"chat".into(), what, Vec::new())));
            let topic = "SEV2 payment answers with 5xx | commander nobody".to_owned();
            let after = vec![plan::CHANNEL.into()];
            incident.insert(pen.entry(at(0), plan::planned("topic", &"chat".into(), What::Topic { topic }, after)));
        }
        Self { incident, pen, now: 1 }
    }

    fn act(&mut self, command: &Command) -> Result<Vec<Deed>, Refusal> {
        self.now += 10;
        let (config, stamp) = (config(), self.pen.stamp(at(self.now)));
        let around = Circumstances { config: &config, now: at(self.now), stamp: &stamp, writer: &self.pen.writer };
        let deeds = perform(&self.incident, command, around)?;
        for deed in &deeds {
            self.incident.insert(self.pen.entry(at(self.now), deed.clone()));
        }
        Ok(deeds)
    }

    fn refused(&mut self, command: &Command) -> String {
        let before = self.incident.len();
        let why = self.act(command).unwrap_err().to_string();
        assert_eq!(self.incident.len(), before);
        why
    }
}

fn status(to: Status) -> Command {
    Command::Status { to, reason: None }
}

#[test]
fn refusals_say_why() {
    let mut desk = Desk::new(false);
    assert_eq!(desk.refused(&status(Status::Triage)), "status is triage already");
    assert_eq!(desk.refused(&Command::Severity { to: Severity::Sev2, reason: None }), "severity is SEV2 already");
    assert!(desk.refused(&Command::Note("  \n".into())).contains("needs some words"));
    assert!(desk.refused(&Command::Retitle("x".repeat(201))).contains("200"));
    assert!(desk.refused(&Command::Reopen { reason: None }).contains("open"));
    assert!(desk.refused(&Command::Role { role: Role::Scribe, who: None }).contains("nobody is Scribe"));
    assert!(desk.refused(&Command::Retry("x".into())).contains("no delivery"));
    assert!(desk.refused(&Command::TakeOver { writer: "w1".into() }).contains("this console"));
    assert!(desk.refused(&Command::TakeOver { writer: "w9".into() }).contains("nothing left"));
    let time = |which, seconds| Command::Time { which, to: at(seconds) };
    assert!(desk.refused(&time(Moment::Resolved, 1)).contains("not resolved"));
    assert!(desk.refused(&time(Moment::Detected, 9_999)).contains("not over yet"));
    assert!(desk.refused(&time(Moment::Detected, 5)).contains("before it was acknowledged"));
    desk.act(&time(Moment::Detected, -30)).unwrap();
    desk.act(&status(Status::Resolved)).unwrap();
    assert!(desk.refused(&status(Status::Triage)).contains("reopen"));
    desk.act(&Command::Update { text: "It is over, and stays so.".into(), next: None }).unwrap();
    desk.act(&Command::Note("afterwards".into())).unwrap();
    desk.act(&Command::Reopen { reason: Some("5xx again".into()) }).unwrap();
    assert_eq!(desk.incident.status(), Status::Mitigating);
}

#[test]
fn what_everyone_is_told_goes_to_the_channel_once_each() {
    let mut desk = Desk::new(true);
    let update = |text: &str| Command::Update { text: text.to_owned(), next: Some(Duration::from_secs(900)) };
    let (first, second) = (desk.act(&update("one")).unwrap(), desk.act(&update("two")).unwrap());
    let posted = |deeds: &[Deed]| match &deeds[1] {
        Deed::Planned(Delivery { key, what: What::Post { text }, after, .. }) => {
            assert_eq!(after, &[plan::CHANNEL.into()]);
            (key.clone(), text.clone())
        }
        other => panic!("{other:?}"),
    };
    assert_ne!(posted(&first).0, posted(&second).0);
    assert_eq!(posted(&second).1, "two");
    assert_eq!(desk.incident.last_update().unwrap().next, Some(900));
    let deeds = desk.act(&Command::HandOver { to: "bob".into(), summary: "s `x`".into() }).unwrap();
    let topic = deeds.iter().find_map(|deed| match deed {
        Deed::Planned(Delivery { what: What::Topic { topic }, .. }) => Some(topic.as_str()),
        _ => None,
    });
    assert_eq!(topic, Some("SEV2 payment answers with 5xx | commander bob"));
    assert_eq!(desk.incident.roles()[&Role::Commander], "bob");
    // A chat that only takes messages: nothing waits for a channel. None at all: nothing is sent.
    assert_eq!(Desk::new(false).act(&update("one")).unwrap().len(), 1);
}

#[test]
fn tasks_are_noted_and_ticked() {
    let mut desk = Desk::new(false);
    let task =
        |id: Option<&str>, done| Command::Task { id: id.map(str::to_owned), text: "t".into(), owner: None, done };
    desk.act(&task(None, false)).unwrap();
    let id = desk.incident.tasks()[0].id.clone();
    desk.act(&task(Some(&id), true)).unwrap();
    assert_eq!(desk.incident.tasks().len(), 1);
    assert!(desk.incident.tasks()[0].done);
    assert!(desk.refused(&task(Some("nope"), true)).contains("no task"));
}

#[test]
fn a_duplicate_is_merged_and_closed() {
    let (mut from, mut pen) = begun();
    let mut other = declared();
    other.id = IncidentId::made_of("20261121-1355-payment-else");
    let mut theirs = Pen::new("w2", "bob");
    let mut into = Incident::of([theirs.entry(at(0), Deed::Declared(Box::new(other)))]).unwrap();
    let stamps = (pen.stamp(at(5)), theirs.stamp(at(5)));
    assert!(merge(&from, &from, (&stamps.0, &stamps.1)).is_err());
    let merged = merge(&from, &into, (&stamps.0, &stamps.1)).unwrap();
    from.extend(merged.from.into_iter().map(|deed| pen.entry(at(5), deed)));
    into.extend(merged.into.into_iter().map(|deed| theirs.entry(at(5), deed)));
    assert_eq!(from.merged_into(), Some(into.id()));
    assert_eq!(into.absorbed()[0].0, *from.id());
    assert!(!from.is_open() && into.is_open());
    let mut desk = Desk { incident: from, pen, now: 10 };
    assert!(desk.refused(&Command::Note("x".into())).contains("go on there"));
    assert!(merge(&into, &desk.incident, (&stamps.0, &stamps.1)).unwrap_err().to_string().contains("merged into"));
}

#[test]
fn a_topic_of_a_persons_own_words_only_follows() {
    let mut desk = Desk::new(true);
    let topics = |desk: &Desk| -> Vec<String> {
        let all = desk.incident.parcels().iter();
        all.filter_map(
            |parcel| if let What::Topic { topic } = &parcel.delivery.what { Some(topic.clone()) } else { None },
        )
        .collect()
    };
    let own = What::Topic { topic: "SEV2: we are on it, ask in #help".into() };
    desk.act(&Command::Send { service: "chat".into(), what: own, confirmed: false }).unwrap();
    desk.act(&Command::Severity { to: Severity::Sev1, reason: None }).unwrap();
    assert_eq!(topics(&desk).last().unwrap(), "SEV1: we are on it, ask in #help");
    let before = topics(&desk).len();
    desk.act(&Command::Retitle("checkout fails".into())).unwrap();
    assert_eq!(topics(&desk).len(), before, "the title is not in it");
}

#[test]
fn what_is_public_is_confirmed_by_itself_and_follows_what_was_published() {
    let mut desk = Desk::new(true);
    let publish = |confirmed, status: &str| Command::Send {
        service: "page".into(),
        what: What::Publish {
            title: "t".into(),
            status: status.to_owned(),
            body: "b".into(),
            components: std::collections::BTreeMap::new(),
        },
        confirmed,
    };
    assert!(desk.refused(&publish(false, "investigating")).contains("confirmation of its own"));
    let first = desk.act(&publish(true, "investigating")).unwrap();
    let second = desk.act(&publish(true, "resolved")).unwrap();
    let of = |deeds: &[Deed]| match &deeds[0] {
        Deed::Planned(delivery) => (delivery.key.clone(), delivery.after.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(of(&second).1, [of(&first).0]);
}

#[test]
fn a_dropped_channel_takes_what_waits_for_it_along_and_may_be_taken_up_again() {
    let mut desk = Desk::new(true);
    let update = |text: &str| Command::Update { text: text.to_owned(), next: None };
    desk.act(&update("one")).unwrap();
    let drop = Command::Drop { key: plan::CHANNEL.into(), reason: Some("no chat".into()) };
    assert_eq!(desk.act(&drop).unwrap().len(), 3, "the channel, its topic, the post");
    assert_eq!(desk.incident.waiting().count(), 0);
    assert_eq!(desk.incident.chat(), None);
    assert_eq!(desk.act(&update("two")).unwrap().len(), 1, "nothing more is planned for it");
    assert!(desk.refused(&drop).contains("left already"));
    // After a restart it is another writer: what was left belongs to who wants it.
    desk.pen = Pen::new("w2", "bob");
    let again = Command::Retry(plan::CHANNEL.into());
    assert_eq!(desk.act(&again).unwrap().len(), 3);
    assert!(desk.incident.waiting().all(|parcel| *parcel.owner == *"w2"));
    assert_eq!(desk.incident.waiting().count(), 3);
    desk.act(&drop).unwrap();
    let what = What::OpenChannel { name: "other".into(), private: false, purpose: String::new() };
    desk.act(&Command::Send { service: "chat".into(), what, confirmed: false }).unwrap();
    assert!(desk.incident.chat().unwrap().channel.unwrap().starts_with("channel:"));
    assert!(desk.refused(&again).contains("another channel"));
}

#[test]
fn a_newer_topic_takes_the_place_of_one_that_waits() {
    let mut desk = Desk::new(true);
    let severity = |to| Command::Severity { to, reason: None };
    desk.act(&severity(Severity::Sev1)).unwrap();
    let topics = desk.incident.waiting().filter(|parcel| matches!(parcel.delivery.what, What::Topic { .. }));
    assert_eq!(topics.count(), 1);
    assert!(desk.refused(&Command::Retry("topic".into())).contains("newer topic"));
    assert!(desk.incident.timeline().iter().all(|row| !row.text.contains("left unsent")));
}

#[test]
fn what_the_public_was_told_to_be_broken_is_told_to_be_well() {
    let mut desk = Desk::new(true);
    let publish = |components: &[(&str, &str)]| What::Publish {
        title: "Checkout fails".into(),
        status: "investigating".into(),
        body: "b".into(),
        components: components.iter().map(|(name, state)| ((*name).to_owned(), (*state).to_owned())).collect(),
    };
    for what in [publish(&[("Checkout", "major_outage"), ("Api", "major_outage")]), publish(&[("Api", "operational")])]
    {
        desk.act(&Command::Send { service: "page".into(), what, confirmed: true }).unwrap();
    }
    desk.act(&status(Status::Resolved)).unwrap();
    let Publication { title, components, .. } = Publication::next(&desk.incident, "b".into(), ["Web".to_owned()]);
    assert_eq!(title, "Checkout fails");
    let told: Vec<_> = components.iter().map(|(name, state)| (name.as_str(), state.as_str())).collect();
    assert_eq!(told, [("Checkout", "operational"), ("Web", "operational")]);
}

#[test]
fn pages_of_an_incident_are_remembered() {
    let mut desk = Desk::new(false);
    let note = What::PageNote { page: "P1".into(), text: "t".into() };
    for what in [note, What::Escalate { page: "P1".into(), level: None }] {
        desk.act(&Command::Send { service: "pager".into(), what, confirmed: false }).unwrap();
    }
    assert_eq!(desk.incident.pages(), [(&"pager".into(), "P1")]);
}
