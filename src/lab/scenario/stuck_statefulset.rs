//! The database got a release that cannot open its files, six minutes ago.
//!
//! Its pods are replaced from the last to the first; the last one fails and the rest wait. Mending
//! the template alone heals nothing: the controller waits for the broken pod to become ready
//! before it replaces it (kubernetes/kubernetes#67250). Somebody has to delete that pod.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{WARM_UP, shop};
use crate::lab::kubernetes::resources::STATEFULSETS;
use crate::lab::world::World;
use crate::lab::world::object::{CHANGE_CAUSE, annotate};

/// How long before the start the release went out.
const SHIPPED: TimeDelta = TimeDelta::minutes(6);

/// Ships the release and lives through what follows.
pub(super) fn play(world: &mut World, origin: DateTime<Utc>) {
    let shipped = origin - SHIPPED;
    world.live_through(origin - WARM_UP, shipped);
    world.time().pin(Some(shipped));
    // The base made this StatefulSet; without it there is nothing to ship.
    let _ = world.store().modify(&STATEFULSETS, "shop", "mysql", |mysql| {
        annotate(mysql, CHANGE_CAUSE, "mysql 9.1.0");
        mysql["spec"]["template"]["spec"]["containers"][0]["image"] = json!(shop::mysql_image("9.1.0"));
    });
    world.live_through(shipped, origin);
}
