//! Chats that incidents speak to. A product is a file here (with a folder) and its line in [`provider`]; everything above
//! knows chats only by [`crate::ports::incident::Chat`] and [`Courier`].
//!
//! What every one of them keeps to: each request is sent once; an end without a clear answer is said to be in doubt;
//! where there is doubt, it looks before it sends; text from outside pings nobody and is cleaned where it enters.

mod board;
mod road;
#[cfg(test)]
mod script;
mod slack;
mod words;

use crate::incident::clearance::Courier;
use crate::ports::incident::Chat;

/// A chat that is read and, with the outbox' pass, written to.
pub trait Provider: Chat + Courier {}

impl<T: Chat + Courier> Provider for T {}
