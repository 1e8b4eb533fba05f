//! The only part that waits: event loop, tasks, terminal, clock, files.
//!
//! Architecture invariant: nothing outside this module spawns a task, reads the clock, or touches the terminal.

pub mod audit;
pub mod clock;
pub mod console;
pub mod credentials;
pub mod demo;
pub mod executor;
pub mod feeds;
pub mod guardrails;
pub mod headless;
pub mod incidents;
pub mod input;
pub mod journal;
pub mod proxy;
pub mod runbooks;
pub mod settlement;
pub mod terminal;
pub mod wiring;
