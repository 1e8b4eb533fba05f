//! What hangs below objects or is made up on the spot: scale, logs, eviction, usage, reviews.

pub mod eviction;
pub mod logs;
pub mod metrics;
pub mod reviews;
pub mod scale;
