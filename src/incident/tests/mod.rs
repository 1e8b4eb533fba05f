//! Tests of incidents, one file for each part.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
