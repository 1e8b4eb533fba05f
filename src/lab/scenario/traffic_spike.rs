//! A campaign brings the front three times its usual visitors, and its autoscaler may not follow.
//!
//! The autoscaler went to its maximum within the first minute. The pods that there are turn away
//! what is beyond them; with a higher maximum it scales on, and all are served.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::WARM_UP;
use crate::lab::kubernetes::resources::HORIZONTALPODAUTOSCALERS;
use crate::lab::world::World;
use crate::lab::world::traffic::demand::ordinary;

/// How long before the start the visitors came.
const CAME: TimeDelta = TimeDelta::minutes(7);
/// The most pods that the autoscaler may make.
const MOST: i64 = 8;
/// The demand of the campaign, as a multiple of that at noon of an ordinary day. It does not
/// follow the hour of the day: the scenario must hold at night as well.
const DEMAND: f64 = 2.6;

/// Lets them come and lives through what follows.
pub(super) fn play(world: &mut World, origin: DateTime<Utc>) {
    let came = origin - CAME;
    world.time().pin(Some(origin - WARM_UP));
    // The base made this autoscaler.
    let _ = world.store().modify(&HORIZONTALPODAUTOSCALERS, "shop", "frontend", |autoscaler| {
        autoscaler["spec"]["maxReplicas"] = json!(MOST);
    });
    world.live_through(origin - WARM_UP, came);
    world.traffic().demand().surge("frontend", came, DEMAND / ordinary("frontend", came));
    world.live_through(came, origin);
}
