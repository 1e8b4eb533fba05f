//! What became of each delivery, from the entries alone. Whether it may be sent now is for [`super::outbox`] to say.

use std::collections::{BTreeSet, HashMap};

use crate::domain::Text;
use crate::domain::incident::delivery::{Again, Delivery, DeliveryKey, Receipt};
use crate::domain::incident::entry::{Deed, Entry, Stamp};
use crate::domain::time::Instant;

/// A delivery and its story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// What is to be sent, and where.
    pub delivery: Delivery,
    /// The entry that planned it.
    pub stamp: Stamp,
    /// When it was planned.
    pub planned: Instant,
    /// Who planned it.
    pub by: Text,
    /// The console that sends it.
    pub owner: Text,
    /// Attempts so far.
    pub attempts: u32,
    /// Attempts since a person last had a say in it.
    pub tries: u32,
    /// An attempt was made of which nobody knows whether it arrived. Stays: only looking at the service helps.
    pub doubtful: bool,
    /// When the first attempt began.
    pub first: Option<Instant>,
    /// A person was asked, and said: again. Over with the next attempt of which nobody knows whether it arrived.
    pub insisted: bool,
    /// Where it stands.
    pub state: ParcelState,
}

/// Where a delivery stands, as far as entries tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParcelState {
    /// Not sent yet; also when a person asked for it again.
    Planned,
    /// An attempt began, and nothing says how it ended.
    Sending {
        /// Which attempt.
        attempt: u32,
        /// The console that makes it.
        writer: Text,
    },
    /// The last attempt failed, or may have.
    Unsent {
        /// When.
        at: Instant,
        /// Why.
        why: String,
        /// What to do about it.
        hint: Option<String>,
        /// When it may be tried again.
        again: Again,
    },
    /// It arrived.
    Sent {
        /// When.
        at: Instant,
        /// What the service said.
        receipt: Receipt,
    },
    /// A person said: leave it.
    Dropped {
        /// Why.
        reason: Option<String>,
        /// Left because of this one.
        with: Option<DeliveryKey>,
    },
}

impl Parcel {
    /// Has it come to an end?
    pub const fn is_over(&self) -> bool {
        matches!(self.state, ParcelState::Sent { .. }) || self.is_dropped()
    }

    /// Did a person say: leave it?
    pub const fn is_dropped(&self) -> bool {
        matches!(self.state, ParcelState::Dropped { .. })
    }

    /// What the service said, once it was sent.
    pub const fn receipt(&self) -> Option<&Receipt> {
        match &self.state {
            ParcelState::Sent { receipt, .. } => Some(receipt),
            _ => None,
        }
    }

    /// Does the next attempt have to look first?
    pub const fn in_doubt(&self) -> bool {
        self.doubtful || matches!(self.state, ParcelState::Sending { .. })
    }

    fn leave_open(&mut self) {
        self.doubtful |= matches!(self.state, ParcelState::Sending { .. });
    }

    fn take(&mut self, entry: &Entry) {
        match &entry.deed {
            Deed::Sending { attempt, .. } if !self.is_over() => {
                self.leave_open();
                self.insisted &= !matches!(self.state, ParcelState::Sending { .. });
                self.first.get_or_insert(entry.at);
                self.attempts = self.attempts.max(*attempt);
                self.tries += 1;
                self.state = ParcelState::Sending { attempt: *attempt, writer: entry.stamp.writer().clone() };
            }
            Deed::Sent { receipt, .. } if self.receipt().is_none() => {
                self.state = ParcelState::Sent { at: entry.at, receipt: receipt.clone() };
            }
            Deed::Unsent { why, hint, again, .. } => {
                self.doubtful |= *again == Again::Doubtful;
                self.insisted &= *again != Again::Doubtful;
                // Of another console's attempt, which somebody took over, it says nothing about this one.
                let is_its_end = matches!(&self.state, ParcelState::Sending { writer, .. }
                    if writer == entry.stamp.writer());
                if is_its_end {
                    let (why, hint) = (why.clone(), hint.clone());
                    self.state = ParcelState::Unsent { at: entry.at, why, hint, again: *again };
                }
            }
            Deed::Retried { .. } if self.receipt().is_none() => {
                // Nobody sends what was left: it belongs to who wants it again.
                if matches!(self.state, ParcelState::Dropped { .. }) {
                    self.owner = entry.stamp.writer().clone();
                }
                self.leave_open();
                self.insisted |= matches!(self.state, ParcelState::Unsent { again: Again::Ask, .. });
                self.tries = 0;
                self.state = ParcelState::Planned;
            }
            Deed::Dropped { reason, with, .. } if !self.is_over() => {
                self.leave_open();
                self.state = ParcelState::Dropped { reason: reason.clone(), with: with.clone() };
            }
            _ => {}
        }
    }
}

/// All deliveries of an incident, in the order in which they were planned.
#[derive(Clone, Debug, Default)]
pub struct Parcels {
    all: Vec<Parcel>,
    places: HashMap<DeliveryKey, usize>,
}

impl Parcels {
    /// In the order in which they were planned.
    pub fn iter(&self) -> std::slice::Iter<'_, Parcel> {
        self.all.iter()
    }

    /// One of them.
    pub fn get(&self, key: &str) -> Option<&Parcel> {
        self.places.get(key).map(|at| &self.all[*at])
    }

    /// Those that are not over and cannot be sent without this one, directly or through others, in their order.
    pub fn waiting_for(&self, key: &DeliveryKey) -> Vec<&Parcel> {
        let mut keys = BTreeSet::from([key]);
        let mut found = Vec::new();
        // What waits was planned after what it waits for.
        for parcel in self.all.iter().filter(|parcel| !parcel.is_over()) {
            if parcel.delivery.after.iter().any(|before| keys.contains(before)) && keys.insert(&parcel.delivery.key) {
                found.push(parcel);
            }
        }
        found
    }

    /// Takes what an entry says about deliveries; entries come in their order.
    pub(super) fn take(&mut self, entry: &Entry) {
        let key = match &entry.deed {
            Deed::Planned(delivery) => {
                if !self.places.contains_key(&delivery.key) {
                    self.places.insert(delivery.key.clone(), self.all.len());
                    self.all.push(Parcel {
                        delivery: delivery.clone(),
                        stamp: entry.stamp.clone(),
                        planned: entry.at,
                        by: entry.by.clone(),
                        owner: entry.stamp.writer().clone(),
                        attempts: 0,
                        tries: 0,
                        doubtful: false,
                        first: None,
                        insisted: false,
                        state: ParcelState::Planned,
                    });
                }
                return;
            }
            Deed::Taken { writer } => {
                for parcel in self.all.iter_mut().filter(|parcel| parcel.owner == *writer && !parcel.is_over()) {
                    parcel.owner = entry.stamp.writer().clone();
                    parcel.tries = 0;
                }
                return;
            }
            Deed::Sending { key, .. }
            | Deed::Sent { key, .. }
            | Deed::Unsent { key, .. }
            | Deed::Retried { key }
            | Deed::Dropped { key, .. } => key,
            _ => return,
        };
        if let Some(at) = self.places.get(key) {
            self.all[*at].take(entry);
        }
    }
}

impl<'a> IntoIterator for &'a Parcels {
    type Item = &'a Parcel;
    type IntoIter = std::slice::Iter<'a, Parcel>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
