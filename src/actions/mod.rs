//! The door: the one way from a wish to a change in the world.

pub mod approval;
