//! `Cleared`: the pass that services ask for before they send anything, and that only an incident's outbox can issue; and
//! [`MayShare`], which a read-only console does not get.
//!
//! Architecture invariant: nothing outside `incident` can construct a [`Cleared`]. The outbox issues it only for a delivery
//! that a person confirmed, in a console that may alter something, and after its `sending` entry is on disk.
//!
//! ```compile_fail
//! use opsdeck::incident::clearance::MayShare;
//! let forged = MayShare { _inner: () };
//! ```

use crate::domain::incident::IncidentId;
use crate::domain::incident::delivery::{Delivery, Receipt};
use crate::domain::incident::entry::Entry;
use crate::domain::time::Instant;
use crate::ports::Future;
use crate::ports::feed::Fault;
use crate::ports::incident::DeliveryError;

/// A delivery that may be sent now, once.
#[derive(Debug, PartialEq, Eq)]
pub struct Cleared {
    incident: IncidentId,
    delivery: Delivery,
    channel: Option<String>,
    message: Option<String>,
    doubt: bool,
    first: Option<Instant>,
    insisted: bool,
}

/// Where a delivery goes, from the receipts of those before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aim {
    /// The channel's id at the service; for a status page the published incident's.
    pub channel: Option<String>,
    /// The message's id (of a pin).
    pub message: Option<String>,
}

impl Cleared {
    /// Issues the pass; `doubt` when an earlier attempt may have arrived.
    pub(in crate::incident) fn issue(incident: IncidentId, delivery: Delivery, aim: Aim, doubt: bool) -> Self {
        Self { incident, delivery, channel: aim.channel, message: aim.message, doubt, first: None, insisted: false }
    }

    /// With its past: when the first attempt began, and whether a person wants it sent although it may have arrived.
    pub(in crate::incident) fn with_past(self, first: Option<Instant>, insisted: bool) -> Self {
        Self { first, insisted, ..self }
    }

    /// Issues one without an outbox, for the tests of the services.
    #[cfg(test)]
    #[must_use]
    pub fn forged(incident: IncidentId, delivery: Delivery, aim: Aim, doubt: bool) -> Self {
        Self::issue(incident, delivery, aim, doubt)
    }

    /// A forged one with a past.
    #[cfg(test)]
    #[must_use]
    pub fn forged_past(self, first: Option<Instant>, insisted: bool) -> Self {
        self.with_past(first, insisted)
    }

    /// Of which incident.
    pub const fn incident(&self) -> &IncidentId {
        &self.incident
    }

    /// What is sent.
    pub const fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// The channel that it goes to; for a status page the incident there that it updates.
    pub fn channel(&self) -> Option<&str> {
        self.channel.as_deref()
    }

    /// The message that it is about.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// May an earlier attempt have arrived? Then look before sending.
    pub const fn doubt(&self) -> bool {
        self.doubt
    }

    /// When the first attempt began, by this console's clock, which may be some way off the service's: nothing that is
    /// older came of this delivery. `None` where no entry says.
    pub const fn first_attempt(&self) -> Option<Instant> {
        self.first
    }

    /// Did a person read that it may have arrived, and want it sent again? What cannot be looked for is sent then.
    pub const fn insisted(&self) -> bool {
        self.insisted
    }

    /// What makes it known again at the service: the same at every attempt, another for every delivery
    /// (`20261121-1432-payment-x7k2/update:…`).
    pub fn mark(&self) -> String {
        format!("{}/{}", self.incident, self.delivery.key)
    }
}

/// Sends. Implementations never retry.
pub trait Courier: Send + Sync {
    /// Sends it, once, and reports what came of it. When there is doubt, it looks first, and answers with what it found.
    fn deliver<'a>(&'a self, cleared: &'a Cleared) -> Future<'a, Result<Receipt, DeliveryError>>;
}

/// This console may write to the shared journal.
#[derive(Clone, Copy, Debug)]
pub struct MayShare {
    _inner: (),
}

impl MayShare {
    /// Issues the pass, unless the console is read-only.
    pub const fn unless(read_only: bool) -> Option<Self> {
        if read_only { None } else { Some(Self { _inner: () }) }
    }
}

/// Writes to the journal that responders share.
pub trait SharedWriter: Send + Sync {
    /// Adds entries. The same entry may be added any number of times; it is there once. All of `entries` are of one writer.
    fn append<'a>(
        &'a self,
        pass: MayShare,
        incident: &'a IncidentId,
        entries: &'a [Entry],
    ) -> Future<'a, Result<(), Fault>>;
}
