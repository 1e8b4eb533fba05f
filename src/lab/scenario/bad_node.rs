//! The disk of one node has taken no writes for six minutes.
//!
//! The node itself says that it is ready, so nothing moves away by itself: its pods fail at their
//! first write, start again and fail again. Several workloads lose a pod each. Draining the node
//! moves them to others.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::WARM_UP;
use crate::lab::kubernetes::resources::NODES;
use crate::lab::world::World;
use crate::lab::world::events::Happening;
use crate::lab::world::object::{set_condition, stamp};
use crate::lab::world::plight::READ_ONLY;

/// The node.
const NODE: &str = "worker-b2";
/// How long before the start its disk failed.
const FAILED: TimeDelta = TimeDelta::minutes(6);
const WHAT: &str = "EXT4-fs (nvme0n1p1): Remounting filesystem read-only";

/// Breaks the disk and lives through what follows.
pub(super) fn play(world: &mut World, origin: DateTime<Utc>) {
    let failed = origin - FAILED;
    world.live_through(origin - WARM_UP, failed);
    world.time().pin(Some(failed));
    let condition = json!({
        "type": READ_ONLY, "status": "True", "reason": "FilesystemIsReadOnly", "message": WHAT,
        "lastHeartbeatTime": stamp(failed),
    });
    // The base made this node.
    if let Ok(node) = world.store().modify(&NODES, "", NODE, |node| set_condition(node, condition, failed)) {
        let told = Happening::warning("kernel-monitor", "FilesystemIsReadOnly", WHAT).on(NODE, "");
        world.events().record(world.store(), &node, &told, failed);
    }
    world.live_through(failed, origin);
}
