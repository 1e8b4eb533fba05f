//! Keys to effects, and screens as snapshots, over one made-up incident.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audit;
mod door;
mod fixture;
mod flags;
mod incident_screen;
mod incidents;
mod incidents_late;
mod keys;
mod kinds;
mod offers;
mod runbook;
mod screens;
mod surface;
