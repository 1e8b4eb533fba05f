//! What comes in: keys, the terminal, the sources, answers to effects. The runtime stamps each with the time.

use crate::actions::exchange::DoorInput;
use crate::config::keymap::Key;
use crate::domain::flag::{FlagDetail, FlagRef};
use crate::ports::feed::{Fault, SourceId, Update};
use crate::ports::journal::{JournalError, Reading};

use super::context::{ContextEntry, ContextInfo};

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted; never read as commands.
    Paste(String),
    /// The mouse did something.
    Mouse(Mouse),
    /// The terminal has this size now.
    Resize(u16, u16),
    /// About once a second: ages and clocks move.
    Tick,
    /// A source said something.
    Feed {
        /// Epoch of the context that it belongs to; others are dropped.
        epoch: u64,
        /// Which source.
        source: SourceId,
        /// What.
        item: FeedItem,
    },
    /// An answer for the door (inputs of a person are made inside the app).
    Door(DoorInput),
    /// Answer to [`super::effect::Effect::ListContexts`].
    Contexts(Vec<ContextEntry>),
    /// Who we are to the API server.
    Identity {
        /// Epoch of the context.
        epoch: u64,
        /// The name.
        name: String,
    },
    /// The console looks at another context or namespace now. Data of the old one is dropped.
    Switched(ContextInfo, crate::actions::guardrail::GuardContext),
    /// The context of this epoch cannot be reached at all: no kubeconfig, no credentials.
    Unreachable {
        /// Its epoch.
        epoch: u64,
        /// Why, and what to do.
        fault: Fault,
    },
    /// Answer to [`super::effect::Effect::ReadAudit`].
    Audit(Result<Reading, JournalError>),
    /// Answer to [`super::effect::Effect::ReadFlag`]: the flag, or why it could not be read.
    Flag(FlagRef, Result<Box<FlagDetail>, String>),
    /// What a crash had left open was settled at the start: one sentence for each, and the audit log holds more.
    Settled(Vec<String>),
    /// An answer to [`super::effect::Effect::Desk`].
    Desk(super::runbook::DeskNews),
    /// An answer to [`super::effect::Effect::Incident`], and what other responders wrote.
    Incident(super::incident::IncidentNews),
    /// Something to tell the person, once (a switch that failed, text copied).
    Notice(String),
}

/// What a source said.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedItem {
    /// It is being opened.
    Connecting {
        /// The longest healthy silence in seconds ([`crate::ports::feed::Feed::patience`]).
        patience: u64,
    },
    /// Data.
    Update(Update),
    /// It failed, and is tried again after so many seconds.
    Fault(Fault, u64),
}

/// A mouse event, in cells from the top left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mouse {
    /// What.
    pub kind: MouseKind,
    /// Column.
    pub column: u16,
    /// Row.
    pub row: u16,
}

/// What the mouse did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MouseKind {
    /// Left button pressed.
    Press,
    /// Left button pressed a second time within a short while.
    DoublePress,
    /// Wheel up.
    WheelUp,
    /// Wheel down.
    WheelDown,
}
