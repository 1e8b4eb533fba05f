//! What incidents ask of the outside: services that they speak to, and the journal that responders share. What is sent
//! to a service is not here: it goes through [`crate::incident::clearance::Courier`], which takes nothing but what was
//! cleared.
//!
//! What a service has to keep to:
//! - A check, a read or a look alters nothing.
//! - Text is cleaned where it enters.
//! - Limits of rate are told as such, with the time that the service wants to be left alone.

use super::Future;
use super::feed::Fault;
use crate::domain::Text;
use crate::domain::incident::IncidentId;
use crate::domain::incident::delivery::Again;
use crate::domain::incident::entry::Entry;
use crate::domain::time::Instant;

/// Why something did not arrive, or may not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct DeliveryError {
    /// What happened, why, and what to do about it.
    pub fault: Fault,
    /// When it may be tried again.
    pub again: Again,
}

/// What `doctor` asked of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceCheck {
    /// What was checked (`token`, `scope chat:write`).
    pub name: String,
    /// How it came out.
    pub result: ServiceFinding,
}

/// How a check came out.
#[derive(Clone, Debug, PartialEq)]
pub enum ServiceFinding {
    /// Well, in words.
    Well(String),
    /// Works, with a loss: what, and what to do about it.
    Loss(String, String),
    /// Does not.
    Failed(Fault),
    /// The server's clock when asked.
    Clock(Instant),
}

/// One configured service.
pub trait Service: Send + Sync {
    /// Its configured name.
    fn name(&self) -> &str;
    /// The product, as people call it (`Slack`).
    fn product(&self) -> &'static str;
    /// Where it is, without secrets.
    fn origin(&self) -> &str;
    /// What `doctor` wants to know: token, scopes, workspace, clock. Never fails as a whole.
    fn check(&self) -> Future<'_, Vec<ServiceCheck>>;
}

/// What a chat can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatLimits {
    /// The longest name of a channel, in characters.
    pub name: usize,
    /// The longest topic.
    pub topic: usize,
    /// The longest message.
    pub message: usize,
}

/// A message of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    /// Its id.
    pub id: String,
    /// When it was written.
    pub at: Instant,
    /// Who wrote it, as people see them.
    pub author: String,
    /// What it says, several lines perhaps.
    pub text: String,
    /// Is it pinned, or marked by the reaction that says so?
    pub marked: bool,
    /// Where a person can look at it.
    pub link: Option<String>,
}

/// What a channel shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelView {
    /// Its name.
    pub name: String,
    /// Its topic.
    pub topic: String,
    /// Who is in it, as people see them.
    pub members: Vec<String>,
    /// Its last messages, oldest first.
    pub messages: Vec<ChatMessage>,
}

/// A chat.
pub trait Chat: Service {
    /// What it can hold.
    fn limits(&self) -> ChatLimits;
    /// Can it open channels, or does it only take messages (a webhook)?
    fn has_channels(&self) -> bool;
    /// What the service would make of a wanted name; an error when no such name can be made.
    fn channel_name(&self, wanted: &str) -> Result<String, String>;
    /// The last messages of a channel, by its id, with topic and members.
    fn view<'a>(&'a self, channel: &'a str) -> Future<'a, Result<ChannelView, Fault>>;
}

/// A page: what the paging service woke somebody with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its id.
    pub id: String,
    /// What it says.
    pub title: String,
    /// The service that it is about.
    pub service: String,
    /// `triggered`, `acknowledged`, `resolved`.
    pub status: String,
    /// Names of the alerts behind it, as far as the service knows them.
    pub alerts: Vec<String>,
    /// Who is asked to look.
    pub assigned: Vec<String>,
    /// Since when.
    pub since: Instant,
    /// Where a person can look at it.
    pub link: Option<String>,
}

/// Somebody who is on call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnCall {
    /// Who.
    pub who: String,
    /// Of which schedule or policy.
    pub of: String,
    /// The level of escalation, from 1.
    pub level: u32,
    /// Until when.
    pub until: Option<Instant>,
}

/// A paging service.
pub trait Paging: Service {
    /// Pages that are not resolved.
    fn pages(&self) -> Future<'_, Result<Vec<Page>, Fault>>;
    /// Who is on call.
    fn on_call(&self) -> Future<'_, Result<Vec<OnCall>, Fault>>;
}

/// A status page.
pub trait StatusPage: Service {
    /// Its components: names, and their state now.
    fn components(&self) -> Future<'_, Result<Vec<(String, String)>, Fault>>;
}

/// What another responder's console wrote, or what is known of the shared journal.
#[derive(Clone, Debug, PartialEq)]
pub enum SharedUpdate {
    /// The journal can be read and is being watched; entries that were there come before this, and so does whether it may
    /// be written.
    Live,
    /// Entries of an incident, in any order; some may be known already.
    Entries(IncidentId, Vec<Entry>),
    /// It works, with a loss. [`FaultKind::Forbidden`](super::feed::FaultKind::Forbidden): it may not be written.
    Limited(Fault),
}

/// A stream of what others write.
pub type SharedStream = std::pin::Pin<Box<dyn futures::Stream<Item = Result<SharedUpdate, Fault>> + Send>>;

/// The journal that responders share. Writing is not here, but [`crate::incident::clearance::SharedWriter`].
pub trait SharedJournal: Send + Sync {
    /// Everything that is there and everything that comes. Ends when the connection does; it is opened again then.
    fn watch(&self) -> SharedStream;
    /// All incidents that are there, with how many entries each has.
    fn list(&self) -> Future<'_, Result<Vec<(IncidentId, usize)>, Fault>>;
    /// All entries of one.
    fn read<'a>(&'a self, id: &'a IncidentId) -> Future<'a, Result<Vec<Entry>, Fault>>;
    /// May this identity read and write it? In words, for `doctor` and for the preview of a declare.
    fn check(&self) -> Future<'_, Vec<ServiceCheck>>;
    /// Where it is (`ConfigMaps of namespace opsdeck`).
    fn place(&self) -> Text;
}
