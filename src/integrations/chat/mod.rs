//! Chats that incidents speak to. A product is a file here (with a folder) that says how it does what `rooms::Rooms` asks
//! for, and its line in [`provider`]; everything above knows chats only by [`crate::ports::incident::Chat`] and [`Courier`].
//!
//! What every one of them keeps to: each request is sent once; an end without a clear answer is said to be in doubt;
//! where there is doubt, it looks before it sends; text from outside pings nobody and is cleaned where it enters.

mod account;
mod board;
mod discord;
mod matrix;
mod mattermost;
mod road;
mod rooms;
#[cfg(test)]
mod script;
mod slack;
mod webhook;
mod words;

use std::sync::Arc;

use crate::config::incidents::{ChatProduct, ChatSource};
use crate::incident::clearance::Courier;
use crate::ports::incident::Chat;

/// A chat that is read and, with the outbox' pass, written to.
pub trait Provider: Chat + Courier {}

impl<T: Chat + Courier> Provider for T {}

/// The registry: one line for each product. Sends nothing.
pub fn provider(source: &ChatSource) -> Arc<dyn Provider> {
    match source.chat.provider {
        ChatProduct::Slack => Arc::new(slack::Slack::new(source)),
        ChatProduct::Mattermost => Arc::new(mattermost::Mattermost::new(source)),
        ChatProduct::Discord => Arc::new(discord::Discord::new(source)),
        ChatProduct::Matrix => Arc::new(matrix::Matrix::new(source)),
        ChatProduct::Webhook => Arc::new(webhook::Webhook::new(source)),
    }
}
