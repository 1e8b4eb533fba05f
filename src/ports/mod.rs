//! What the core asks of the outside world, as traits and plain messages: feeds that stream, reads that a plan needs,
//! and the journal. The one trait that alters something lives with the door, in [`crate::actions::approval`].

use std::sync::Arc;

use crate::domain::time::Instant;

pub mod cluster;
pub mod feed;
pub mod flags;
pub mod incident;
pub mod journal;

/// A boxed future, so that ports stay object-safe.
pub type Future<'a, T> = std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;

/// The clock, given to whoever needs the time and may not read it: the lab's time is not the system's.
pub type Now = Arc<dyn Fn() -> Instant + Send + Sync>;
