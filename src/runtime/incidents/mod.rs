//! Incidents, as far as they touch the outside: their journals on disk, and the services that they speak to. What an
//! incident means and what comes next is [`crate::incident`]'s.

pub mod held;
pub mod journal;
pub mod office;
mod pull;
pub mod services;
mod shared;
pub mod store;
pub mod writers;

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod tests;
