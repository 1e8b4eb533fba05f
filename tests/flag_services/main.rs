//! Providers of feature flags that are services of others, over servers that answer as their specifications say: whole
//! lists, every end of the door, and everything that can come back instead of an answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// The servers' time, not the console's.
#![allow(clippy::disallowed_methods)]

mod flagsmith;
mod launchdarkly;
mod rehearsal;
mod unleash;
mod walk;
mod world;
