//! opsdeck: one screen for the person who was just paged.
//!
//! The modules in layer order; each may name only those above it (`tests/architecture.rs` enforces it, `CONTRIBUTING.md`
//! draws the map). `domain` to `app` are pure: they neither wait, nor read a clock, nor touch the outside.

pub mod domain;
pub mod ports;

pub mod config;

pub mod actions;
pub mod incident;
pub mod runbook;
pub mod state;
pub mod ui;

pub mod panes;

pub mod app;

pub mod integrations;
pub mod runtime;

pub mod lab;

pub mod cli;
