//! The outbox: which deliveries may be sent now, and the passes to send them. A pass is issued after the entry that says
//! so is on disk, and never twice; what happened to it is an entry again. So a console that dies at any moment leaves
//! behind what the next one needs to go on.
//!
//! 1. [`Outbox::next`] names what is due.
//! 2. [`Outbox::begin`] makes the `sending` entry; the caller puts it on disk and into the incident.
//! 3. [`Outbox::recorded`] looks for that entry, and issues the pass.
//! 4. [`Outbox::came_back`] makes the entry of what came of it; the caller puts that on disk and into the incident.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem::{Discriminant, discriminant};

use chrono::TimeDelta;

use super::clearance::{Aim, Cleared};
use super::fold::Incident;
use super::parcel::{Parcel, ParcelState};
use super::timeline::describe;
use crate::domain::Text;
use crate::domain::incident::delivery::{Again, Delivery, DeliveryKey, Receipt, What};
use crate::domain::incident::entry::Deed;
use crate::domain::time::{Instant, span_fine};
use crate::ports::incident::DeliveryError;

/// Attempts that are made without asking anyone: with [`LONGEST`] between them, some hours of an outage.
pub const AUTOMATIC: u32 = 60;
/// The longest time between two attempts, unless the service wants to be left alone for longer, in seconds.
pub const LONGEST: u64 = 300;

/// The outbox of one incident, in one console.
#[derive(Clone, Debug)]
pub struct Outbox {
    writer: Text,
    read_only: bool,
    under_way: BTreeMap<DeliveryKey, UnderWay>,
}

#[derive(Clone, Debug)]
struct UnderWay {
    service: Text,
    attempt: u32,
    doubt: bool,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The entry that says so is being written.
    Begun,
    /// It is sent.
    Cleared,
    /// What came of it is being written.
    Back,
}

/// Where a delivery stands, and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It arrived.
    Sent,
    /// It was left.
    Dropped,
    /// It is under way.
    UnderWay,
    /// It is sent next.
    Ready,
    /// It waits for its turn: the service takes one after the other.
    Behind,
    /// It is tried again then.
    Later(Instant),
    /// It waits for another delivery, in words.
    After(String),
    /// It cannot be sent, because another was dropped, in words.
    Stranded(String),
    /// A person has to do something, or to say that it is tried again: why, and what to do.
    Asks(String, Option<String>),
    /// Another console sends it.
    Elsewhere(Text),
    /// This console sends nothing.
    ReadOnly,
}

impl Standing {
    /// In words.
    pub fn words(&self, now: Instant) -> String {
        match self {
            Self::Sent => "sent".to_owned(),
            Self::Dropped => "left unsent".to_owned(),
            Self::UnderWay => "is being sent".to_owned(),
            Self::Ready => "is sent next".to_owned(),
            Self::Behind => "waits for its turn".to_owned(),
            Self::Later(at) => format!("is tried again in {}", span_fine((*at - now).num_seconds())),
            Self::After(what) => format!("waits: {what}"),
            Self::Stranded(what) => format!("cannot be sent: {what}"),
            Self::Asks(why, Some(hint)) => format!("{why}; {hint}; retry or drop it"),
            Self::Asks(why, None) => format!("{why}; retry or drop it"),
            Self::Elsewhere(writer) => format!("console {writer} sends it"),
            Self::ReadOnly => "this console is read-only".to_owned(),
        }
    }

    /// Does it need a person?
    pub const fn needs_somebody(&self) -> bool {
        matches!(self, Self::Asks(..) | Self::Stranded(_))
    }
}

/// Deliveries that must not overtake each other at one service: an older text must never replace a newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Words,
    Topic,
    Page,
    Publication,
}

const fn lane(what: &What) -> Option<Lane> {
    match what {
        What::Post { .. } | What::Archive => Some(Lane::Words),
        What::Topic { .. } => Some(Lane::Topic),
        What::Acknowledge { .. }
        | What::Escalate { .. }
        | What::AddResponders { .. }
        | What::PageNote { .. }
        | What::ResolvePage { .. } => Some(Lane::Page),
        What::Publish { .. } => Some(Lane::Publication),
        What::OpenChannel { .. }
        | What::Invite { .. }
        | What::Pin { .. }
        | What::Link { .. }
        | What::Page { .. }
        | What::Change { .. } => None,
    }
}

/// Seconds after the attempt with this number since a person had a say: 2, 4, 8 … [`LONGEST`].
const fn back_off(tries: u32) -> u64 {
    let tries = if tries == 0 { 1 } else { tries };
    if tries >= 9 { LONGEST } else { 1 << tries }
}

/// `at` and so many seconds; a failure that lies in the future (the clock went back) holds nothing up.
fn due(at: Instant, seconds: u64, now: Instant) -> Option<Instant> {
    let wait = TimeDelta::try_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))?;
    at.checked_add_signed(wait).filter(|due| at <= now && *due > now)
}

impl Outbox {
    /// The outbox of the console that writes as `writer`. One that is read-only never sends anything.
    pub const fn new(writer: Text, read_only: bool) -> Self {
        Self { writer, read_only, under_way: BTreeMap::new() }
    }

    /// Where each delivery stands, in the order in which they were planned.
    pub fn standings<'a>(&self, incident: &'a Incident, now: Instant) -> Vec<(&'a Parcel, Standing)> {
        let held = self.under_way.iter().filter(|(key, under_way)| self.holds(incident, key, under_way));
        let mut busy: BTreeSet<&Text> = held.map(|(_, under_way)| &under_way.service).collect();
        let mut lanes: BTreeSet<(&Text, Lane)> = BTreeSet::new();
        let rests = self.rests(incident, now);
        let mut all = Vec::new();
        for parcel in incident.parcels() {
            let mut standing = self.alone(incident, parcel, now);
            let service = &parcel.delivery.service;
            let lane = lane(&parcel.delivery.what).map(|lane| (service, lane));
            if standing == Standing::Ready {
                if let Some(at) = rests
                    .get(&resting(&parcel.delivery))
                    .filter(|_| !matches!(parcel.state, ParcelState::Sending { .. }))
                {
                    standing = Standing::Later(*at);
                } else if lane.is_some_and(|lane| lanes.contains(&lane)) || !busy.insert(service) {
                    standing = Standing::Behind;
                }
            }
            let goes_on = matches!(
                standing,
                Standing::Ready | Standing::UnderWay | Standing::Behind | Standing::Later(_) | Standing::After(_)
            );
            lanes.extend(lane.filter(|_| goes_on));
            all.push((parcel, standing));
        }
        all
    }

    /// Until when services want to be left alone with deliveries of a kind, as the last failure of each says. Services
    /// count what they are asked by its kind: a topic that was set too often holds no message back. Where one wants to be
    /// left alone altogether, the road to it knows.
    fn rests<'a>(&self, incident: &'a Incident, now: Instant) -> HashMap<Resting<'a>, Instant> {
        let mut rests = HashMap::new();
        for parcel in incident.parcels().iter().filter(|parcel| parcel.owner == self.writer) {
            if let ParcelState::Unsent { at, again: Again::In(seconds), .. } = &parcel.state
                && let Some(until) = due(*at, *seconds, now)
            {
                let known = rests.entry(resting(&parcel.delivery)).or_insert(until);
                *known = (*known).max(until);
            }
        }
        rests
    }

    /// Where it stands, whatever the others do that it does not depend on.
    fn alone(&self, incident: &Incident, parcel: &Parcel, now: Instant) -> Standing {
        match &parcel.state {
            ParcelState::Sent { .. } => return Standing::Sent,
            ParcelState::Dropped { .. } => return Standing::Dropped,
            _ if self.is_under_way(incident, &parcel.delivery.key) => return Standing::UnderWay,
            _ if parcel.owner != self.writer => return Standing::Elsewhere(parcel.owner.clone()),
            _ if self.read_only => return Standing::ReadOnly,
            _ => {}
        }
        for key in &parcel.delivery.after {
            let Some(before) = incident.parcels().get(key) else {
                return Standing::Stranded(format!("`{key}`, which has to come before, is not planned"));
            };
            let what = describe(&before.delivery.what);
            match &before.state {
                ParcelState::Sent { .. } => {}
                ParcelState::Dropped { .. } => return Standing::Stranded(format!("{what}: was left unsent")),
                ParcelState::Unsent { why, .. } => return Standing::After(format!("{what}: {why}")),
                ParcelState::Planned | ParcelState::Sending { .. } => {
                    return Standing::After(format!("{what}: not done yet"));
                }
            }
        }
        match &parcel.state {
            ParcelState::Unsent { why, hint, again: Again::Ask, .. } => Standing::Asks(why.clone(), hint.clone()),
            ParcelState::Unsent { why, hint, .. } if parcel.tries >= AUTOMATIC => {
                Standing::Asks(format!("tried {} times: {why}", parcel.tries), hint.clone())
            }
            ParcelState::Unsent { at, again, .. } => {
                let wanted = if let Again::In(seconds) = again { *seconds } else { 0 };
                due(*at, wanted.max(back_off(parcel.tries)), now).map_or(Standing::Ready, Standing::Later)
            }
            _ if parcel.tries >= AUTOMATIC => {
                Standing::Asks(format!("tried {} times, and no attempt came to an end", parcel.tries), None)
            }
            _ => Standing::Ready,
        }
    }

    /// What may be sent now: at most one for each service that is not busy.
    pub fn next(&mut self, incident: &Incident, now: Instant) -> Vec<DeliveryKey> {
        self.forget_ended(incident);
        if self.read_only {
            return Vec::new();
        }
        let standings = self.standings(incident, now).into_iter();
        let ready = standings.filter(|(_, standing)| *standing == Standing::Ready);
        ready.map(|(parcel, _)| parcel.delivery.key.clone()).collect()
    }

    /// When something becomes due by itself, if nothing happens until then.
    pub fn wakes(&self, incident: &Incident, now: Instant) -> Option<Instant> {
        let standings = self.standings(incident, now).into_iter();
        let due = standings.filter_map(|(_, standing)| match standing {
            Standing::Later(at) => Some(at),
            _ => None,
        });
        due.min()
    }

    /// The entry that has to be on disk before it is sent; `None` when it is not due (any more).
    pub fn begin(&mut self, incident: &Incident, key: &DeliveryKey, now: Instant) -> Option<Deed> {
        if !self.next(incident, now).contains(key) {
            return None;
        }
        let parcel = incident.parcels().get(key)?;
        let attempt = parcel.attempts + 1;
        let (service, doubt) = (parcel.delivery.service.clone(), parcel.in_doubt());
        self.under_way.insert(key.clone(), UnderWay { service, attempt, doubt, phase: Phase::Begun });
        Some(Deed::Sending { key: key.clone(), attempt })
    }

    /// The pass, once: after the entry of [`Self::begin`] is on disk and in the incident.
    pub fn recorded(&mut self, incident: &Incident, key: &DeliveryKey) -> Option<Cleared> {
        let under_way = self.under_way.get_mut(key).filter(|under_way| under_way.phase == Phase::Begun)?;
        let parcel = incident.parcels().get(key)?;
        let is_there = matches!(&parcel.state, ParcelState::Sending { attempt, writer }
            if *attempt == under_way.attempt && *writer == self.writer);
        if !is_there || parcel.owner != self.writer {
            // Dropped, asked for again or taken over in between: this attempt is none.
            self.under_way.remove(key);
            return None;
        }
        under_way.phase = Phase::Cleared;
        let aim = aim(incident, parcel);
        let doubt = under_way.doubt || parcel.doubtful;
        let cleared = Cleared::issue(incident.id().clone(), parcel.delivery.clone(), aim, doubt);
        Some(cleared.with_past(parcel.first, parcel.insisted))
    }

    /// The entry of [`Self::begin`] could not be written: nothing is sent. `false` when a pass was issued already.
    pub fn not_recorded(&mut self, key: &DeliveryKey) -> bool {
        let begun = self.under_way.get(key).is_some_and(|under_way| under_way.phase == Phase::Begun);
        begun && self.under_way.remove(key).is_some()
    }

    /// What came of it, as the entry to record. The delivery stays under way until the incident has that entry, so that
    /// nothing is sent again because a disk was full.
    pub fn came_back(&mut self, key: &DeliveryKey, result: Result<Receipt, DeliveryError>) -> Option<Deed> {
        let under_way = self.under_way.get_mut(key).filter(|under_way| under_way.phase == Phase::Cleared)?;
        under_way.phase = Phase::Back;
        let key = key.clone();
        Some(match result {
            Ok(receipt) => Deed::Sent { key, receipt },
            Err(DeliveryError { fault, again }) => Deed::Unsent { key, why: fault.message, hint: fault.hint, again },
        })
    }

    /// Is anything under way?
    pub fn is_busy(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// Is it still under way? Until it came back nothing can have ended; then, until the incident has the entry of its end.
    fn holds(&self, incident: &Incident, key: &DeliveryKey, under_way: &UnderWay) -> bool {
        under_way.phase != Phase::Back
            || incident.parcels().get(key).is_some_and(|parcel| {
                matches!(&parcel.state, ParcelState::Sending { attempt, writer }
                    if *attempt == under_way.attempt && *writer == self.writer)
            })
    }

    fn is_under_way(&self, incident: &Incident, key: &DeliveryKey) -> bool {
        self.under_way.get(key).is_some_and(|under_way| self.holds(incident, key, under_way))
    }

    fn forget_ended(&mut self, incident: &Incident) {
        let ended: Vec<DeliveryKey> =
            self.under_way.keys().filter(|key| !self.is_under_way(incident, key)).cloned().collect();
        for key in ended {
            self.under_way.remove(&key);
        }
    }
}

/// What rests together: a service's deliveries of one kind.
type Resting<'a> = (&'a Text, Discriminant<What>);

fn resting(delivery: &Delivery) -> Resting<'_> {
    (&delivery.service, discriminant(&delivery.what))
}

/// Where it goes, from the receipts of those before it.
fn aim(incident: &Incident, parcel: &Parcel) -> Aim {
    let service = &parcel.delivery.service;
    let receipt_of = |is: fn(&What) -> bool| {
        let mut same = incident.parcels().iter().filter(|known| known.delivery.service == *service);
        let found = same.find_map(|known| known.receipt().filter(|_| is(&known.delivery.what)));
        found.and_then(|receipt| receipt.id.clone())
    };
    // Of several channels (one was left, and taken up again) it is the one that it waited for.
    let before = parcel.delivery.after.iter().filter_map(|key| incident.parcels().get(key));
    let mut channels = before.filter(|known| matches!(known.delivery.what, What::OpenChannel { .. }));
    let own_channel = channels.find_map(|known| known.receipt()?.id.clone());
    let channel = match &parcel.delivery.what {
        What::Publish { .. } => receipt_of(|what| matches!(what, What::Publish { .. })),
        _ => own_channel.or_else(|| receipt_of(|what| matches!(what, What::OpenChannel { .. }))),
    };
    let message = match &parcel.delivery.what {
        What::Pin { message } => {
            let pinned = incident.parcels().get(message).and_then(Parcel::receipt);
            pinned.and_then(|receipt| receipt.id.clone())
        }
        _ => None,
    };
    Aim { channel, message }
}

/// Consoles, other than `writer`, that still have something to send: what [`Deed::Taken`] may name.
pub fn others(incident: &Incident, writer: &Text) -> Vec<Text> {
    let owners: BTreeSet<&Text> =
        incident.waiting().map(|parcel| &parcel.owner).filter(|owner| *owner != writer).collect();
    owners.into_iter().cloned().collect()
}
