//! `auth` is an Argo Rollout here, and the canary of its next release rejects older sessions.
//!
//! The canary got a quarter of the pods six minutes ago and waits for somebody to promote it. It
//! looks healthy to its probes, but fails a good part of what it gets; aborting takes it away.

use chrono::{DateTime, TimeDelta, Utc};

use super::{WARM_UP, shop};
use crate::lab::kubernetes::resources::ROLLOUTS;
use crate::lab::world::World;
use crate::lab::world::object::{CHANGE_CAUSE, annotate};

/// The Deployments of the shop that are Argo Rollouts in this scenario.
pub(super) const ROLLOUTS_OF_SHOP: &[&str] = &["auth"];
/// How long before the start the canary went out.
const SHIPPED: TimeDelta = TimeDelta::minutes(6);

/// Ships the canary and lives through what follows.
pub(super) fn play(world: &mut World, origin: DateTime<Utc>) {
    let shipped = origin - SHIPPED;
    world.live_through(origin - WARM_UP, shipped);
    world.time().pin(Some(shipped));
    // The base made this Rollout; without it there is nothing to ship.
    let _ = world.store().modify(&ROLLOUTS, "shop", "auth", |auth| {
        annotate(auth, CHANGE_CAUSE, "auth 1.9.1: session keys v2 (build 2207)");
        auth["spec"]["template"] = shop::auth_template("1.9.1", &[("SESSION_KEYS", "v2")]);
    });
    world.live_through(shipped, origin);
}
