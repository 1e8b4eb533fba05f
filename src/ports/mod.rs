//! What the core asks of the outside world, as traits and plain messages: feeds that stream, reads that a plan needs,
//! and the journal. The one trait that alters something lives with the door, in [`crate::actions::approval`].

pub mod cluster;
pub mod feed;
pub mod journal;

/// A boxed future, so that ports stay object-safe.
pub type Future<'a, T> = std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;
