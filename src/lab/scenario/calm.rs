//! An ordinary day: the world of the base, with nothing wrong in it.

use chrono::{DateTime, Utc};

use super::WARM_UP;
use crate::lab::world::World;

/// Lives through the last minutes before the start.
pub(super) fn play(world: &mut World, origin: DateTime<Utc>) {
    world.live_through(origin - WARM_UP, origin);
}
