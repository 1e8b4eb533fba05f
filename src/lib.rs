//! opsdeck: one screen for the person who was just paged.
pub mod actions;
pub mod config;
pub mod domain;
pub mod integrations;
pub mod ports;
