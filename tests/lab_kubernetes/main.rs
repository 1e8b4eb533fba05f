//! The lab's API server from outside: requests over a socket, answers as a real server gives them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cluster;
mod incidents;
mod reads;
mod rights;
mod writes;
