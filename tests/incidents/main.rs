//! Incidents by the binary itself, on the lab's chat and pager: from the declaration to the post-mortem; killed at every
//! record and at every request of a declaration, and taken up again; with bad input of every kind; and with secrets that
//! must not be found anywhere afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]
// What is waited for is another process: real time passes.
#![allow(clippy::disallowed_methods)]

mod bad_input;
mod canaries;
mod kills;
mod subcommands;
#[path = "../support/mod.rs"]
mod support;
mod world;
