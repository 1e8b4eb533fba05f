//! Providers of feature flags that are services of others, over servers that answer as their specifications say: whole
//! lists, every end of the door, and everything that can come back instead of an answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod flagsmith;
mod launchdarkly;
mod rehearsal;
mod walk;
mod world;
