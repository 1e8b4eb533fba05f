//! The flag `new-pricing` was switched on in production seven minutes ago: quotes ask a pricing table that is slow and
//! lacks regions.
//!
//! No release went out and every pod is well; what changed is in the flag server only. Switching the flag off there
//! heals it, and so, in part, does a smaller share of users.

use chrono::{DateTime, TimeDelta, Utc};

use super::WARM_UP;
use crate::lab::world::World;
use crate::lab::world::traffic::switches::PRICING;

/// How long before the start it was switched on.
const SWITCHED: TimeDelta = TimeDelta::minutes(7);

/// Switches it on and lives through what follows. The flag server tells the same story: it begins with these switches.
pub(super) fn play(world: &mut World, origin: DateTime<Utc>) {
    let switched = origin - SWITCHED;
    world.live_through(origin - WARM_UP, switched);
    world.traffic().switches().set(PRICING, switched, 1.0);
    world.live_through(switched, origin);
}
