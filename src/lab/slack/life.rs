//! What the people of the workspace do by themselves: in the channel of an incident somebody comes in, says what they know of
//! the scenario, and marks what matters with a pushpin, each at its time on the lab's clock.
//!
//! Nobody waits for anything: what is due is done when somebody looks, with the time at which it was due. Two runs that open
//! a channel at the same time of the lab see the same.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::Held;
use super::channel::{Channel, Message};
use super::people::Person;
use crate::lab::ScenarioName;

/// With what people mark a message.
const MARK: &str = "pushpin";
/// What the name of an incident's channel begins with.
const INCIDENT: &str = "inc";

/// Something that somebody does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Beat {
    /// Seconds after the channel was opened.
    after: i64,
    /// Their handle.
    who: &'static str,
    deed: Deed,
}

#[derive(Debug, PartialEq, Eq)]
enum Deed {
    /// Comes in, unless they are there, or the channel is private: into that one has to be asked.
    Join,
    /// Writes, if they are in.
    Say(&'static str),
    /// Puts a pushpin on what they wrote last.
    Mark,
}

const fn beat(after: i64, who: &'static str, deed: Deed) -> Beat {
    Beat { after, who, deed }
}

static BAD_DEPLOY: [Beat; 6] = [
    beat(20, "payments-lead", Deed::Join),
    beat(35, "payments-lead", Deed::Say("I have the page too. payment 2.4.0 is the only release of tonight.")),
    beat(
        60,
        "payments-lead",
        Deed::Say(
            "The pods of 2.4.0 cannot load pricing table v2. Nothing needs v2 yet: going back to the release before is fine for us.",
        ),
    ),
    beat(65, "payments-lead", Deed::Mark),
    beat(90, "support", Deed::Join),
    beat(
        110,
        "support",
        Deed::Say("First tickets: \"payment failed\" at checkout. We ask customers to try again later."),
    ),
];
static TRAFFIC_SPIKE: [Beat; 6] = [
    beat(20, "sre-lead", Deed::Join),
    beat(35, "sre-lead", Deed::Say("No release and no flag today. These are more visitors, not slower pods.")),
    beat(
        60,
        "sre-lead",
        Deed::Say("The campaign runs until midnight. There is room on the nodes for twice the frontends."),
    ),
    beat(65, "sre-lead", Deed::Mark),
    beat(90, "support", Deed::Join),
    beat(110, "support", Deed::Say("Customers see error pages at the front, a reload helps some of them.")),
];
static STUCK_STATEFULSET: [Beat; 4] = [
    beat(20, "sre-lead", Deed::Join),
    beat(35, "sre-lead", Deed::Say("Two of three database pods still serve the old version.")),
    beat(
        60,
        "sre-lead",
        Deed::Say(
            "mysql 9.1.0 brings nothing that we need tonight. Going back is fine; the broken pod may be deleted.",
        ),
    ),
    beat(65, "sre-lead", Deed::Mark),
];
static BAD_CANARY: [Beat; 6] = [
    beat(20, "sre-lead", Deed::Join),
    beat(35, "sre-lead", Deed::Say("Only what the canary of auth answers fails; the stable pods are clean.")),
    beat(
        60,
        "sre-lead",
        Deed::Say("1.9.1 signs sessions with new keys and rejects those signed before. Abort it, nobody is lost."),
    ),
    beat(65, "sre-lead", Deed::Mark),
    beat(90, "support", Deed::Join),
    beat(110, "support", Deed::Say("Customers are signed out again and again.")),
];
static BAD_NODE: [Beat; 4] = [
    beat(20, "sre-lead", Deed::Join),
    beat(35, "sre-lead", Deed::Say("What restarts has one thing in common: it runs on worker-b2.")),
    beat(
        60,
        "sre-lead",
        Deed::Say(
            "The kernel of worker-b2 took its disk read-only. Nothing there has to stay: the other nodes have room.",
        ),
    ),
    beat(65, "sre-lead", Deed::Mark),
];
static BAD_FLAG: [Beat; 6] = [
    beat(20, "payments-lead", Deed::Join),
    beat(35, "payments-lead", Deed::Say("No release of ours since yesterday, and the pods are well.")),
    beat(
        60,
        "payments-lead",
        Deed::Say(
            "new-pricing was switched on for everybody. The old prices are still there: switching it off is safe.",
        ),
    ),
    beat(65, "payments-lead", Deed::Mark),
    beat(90, "support", Deed::Join),
    beat(110, "support", Deed::Say("Checkout hangs for customers, some get an error after half a minute.")),
];
static CALM: [Beat; 3] = [
    beat(20, "support", Deed::Join),
    beat(35, "support", Deed::Say("No tickets on our side.")),
    beat(40, "support", Deed::Mark),
];

/// What people do in a channel with this name; nothing, if it is no incident's.
pub(super) fn plan(scenario: ScenarioName, channel: &str) -> Vec<&'static Beat> {
    if !channel.starts_with(INCIDENT) {
        return Vec::new();
    }
    let beats: &'static [Beat] = match scenario {
        ScenarioName::BadDeploy => &BAD_DEPLOY,
        ScenarioName::TrafficSpike => &TRAFFIC_SPIKE,
        ScenarioName::StuckStatefulset => &STUCK_STATEFULSET,
        ScenarioName::BadCanary => &BAD_CANARY,
        ScenarioName::BadNode => &BAD_NODE,
        ScenarioName::BadFlag => &BAD_FLAG,
        ScenarioName::Calm => &CALM,
    };
    beats.iter().collect()
}

/// Does everything that is due at `now`, the earliest first.
pub(super) fn live(held: &mut Held, now: DateTime<Utc>) {
    let due = |channel: &Channel| Some(channel.opened + TimeDelta::seconds(channel.plan.first()?.after));
    loop {
        let waiting = held.channels.iter().enumerate().filter_map(|(place, channel)| Some((due(channel)?, place)));
        let Some((at, place)) = waiting.min().filter(|(at, _)| *at <= now) else { return };
        let ts = held.stamp(at);
        let channel = &mut held.channels[place];
        let beat = channel.plan.remove(0);
        if !channel.archived {
            play(channel, beat, ts);
        }
    }
}

fn play(channel: &mut Channel, beat: &Beat, ts: String) {
    let Some(person) = Person::named(beat.who) else { return };
    let inside = channel.has(person.id);
    match beat.deed {
        Deed::Join if !inside && !channel.private => channel.enter(person.id, ts),
        Deed::Say(text) if inside => {
            // The mark of the lab: nobody wrote this.
            let metadata = json!({"event_type": "lab_life", "event_payload": {"of": "the lab"}});
            channel.messages.push(Message { metadata, ..Message::said(ts, person.id, text) });
        }
        Deed::Mark if inside => {
            let own = |message: &&mut Message| message.user == person.id && message.subtype.is_none();
            if let Some(message) = channel.messages.iter_mut().rfind(own) {
                // They may have done it before.
                let _ = message.react(MARK, person.id);
            }
        }
        _ => {}
    }
}
