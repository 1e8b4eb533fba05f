//! A release of `payment` that cannot load its new pricing table went out six minutes ago.
//!
//! The rolling update may take half of the pods at once and stops there: three old pods serve,
//! three new ones crash, and what reaches them fails.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{WARM_UP, shop};
use crate::lab::kubernetes::resources::DEPLOYMENTS;
use crate::lab::world::World;
use crate::lab::world::object::{CHANGE_CAUSE, annotate};

/// How long before the start the release went out.
const SHIPPED: TimeDelta = TimeDelta::minutes(6);

/// Ships the release and lives through what follows.
pub(super) fn play(world: &mut World, origin: DateTime<Utc>) {
    let shipped = origin - SHIPPED;
    world.live_through(origin - WARM_UP, shipped);
    world.time().pin(Some(shipped));
    // The base made this Deployment; without it there is nothing to ship.
    let _ = world.store().modify(&DEPLOYMENTS, "shop", "payment", |payment| {
        annotate(payment, CHANGE_CAUSE, "payment 2.4.0: prices from pricing table v2 (build 4211)");
        payment["spec"]["template"] = shop::payment_template("2.4.0", &[("PRICING_TABLE", "v2")]);
        payment["metadata"]["labels"]["app.kubernetes.io/version"] = json!("2.4.0");
    });
    world.live_through(shipped, origin);
}
