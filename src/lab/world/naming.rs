//! Names and numbers that look random and are not: template hashes, pod suffixes, addresses and
//! noise, all functions of what they are for, so that two runs make the same world.

use std::fmt::Write as _;

use serde_json::Value;

use super::object::TEMPLATE_HASH;
use super::rollout::HASH;

/// The letters that Kubernetes puts into generated names: no vowels, no look-alikes.
const SAFE: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// FNV-1a over bytes, 32 bits: what the Deployment controller hashes templates with.
fn fnv32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// A well-mixed 64-bit digest of some parts.
pub fn digest(parts: &[&str]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    mix(hash)
}

/// Spreads a number over all 64 bits (the finalizer of splitmix64).
pub fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number in `0.0..1.0` made of a seed.
pub fn unit(seed: u64) -> f64 {
    (mix(seed) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Noise in `-1.0..1.0` that changes smoothly: `position` counts the steps between its knots.
pub fn wobble(seed: u64, position: f64) -> f64 {
    let knot = position.floor();
    let at = |knot: f64| unit(seed ^ mix(knot as i64 as u64)) * 2.0 - 1.0;
    let part = position - knot;
    let eased = part * part * (3.0 - 2.0 * part);
    at(knot) * (1.0 - eased) + at(knot + 1.0) * eased
}

/// The hash that names the ReplicaSet of a pod template, in the style of `pod-template-hash`.
/// The label of that name itself does not count. `collisions` is the Deployment's
/// `status.collisionCount`.
pub fn template_hash(template: &Value, collisions: i64) -> String {
    let mut bytes = without_hash(template).to_string().into_bytes();
    if collisions > 0 {
        bytes.extend(collisions.to_le_bytes());
    }
    encode(&fnv32(&bytes).to_string())
}

/// A pod template without the label that its ReplicaSet adds: what "the same template" compares.
pub fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(TEMPLATE_HASH);
        labels.remove(HASH);
    }
    // A missing, null and empty piece of metadata mean the same.
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|_, value| !value.is_null() && value.as_object().is_none_or(|m| !m.is_empty()));
    }
    template
}

/// Whether two pod templates are the same, whatever ReplicaSet they came from.
pub fn same_template(a: &Value, b: &Value) -> bool {
    let specs = a.get("spec") == b.get("spec");
    let meta = |template: &'_ Value, name: &str| template.pointer("/metadata").and_then(|meta| meta.get(name)).cloned();
    let plain = |map: Option<Value>| -> Option<Value> {
        let mut map = map?;
        for own in [TEMPLATE_HASH, HASH] {
            map.as_object_mut()?.remove(own);
        }
        map.as_object().is_some_and(|map| !map.is_empty()).then_some(map)
    };
    specs && ["labels", "annotations"].iter().all(|name| plain(meta(a, name)) == plain(meta(b, name)))
}

/// Five safe letters made of a seed, as after the last dash of a pod's name.
pub fn suffix(seed: u64) -> String {
    let mut rest = mix(seed);
    let mut letters = String::with_capacity(5);
    for _ in 0..5 {
        letters.push(char::from(SAFE[(rest % 27) as usize]));
        rest /= 27;
    }
    letters
}

/// A hexadecimal identifier of `length` digits made of parts, as in container and image ids.
pub fn hex(parts: &[&str], length: usize) -> String {
    let seed = digest(parts);
    let mut digits = String::with_capacity(length + 16);
    let mut round = 0;
    while digits.len() < length {
        // Writing into a string cannot fail.
        let _ = write!(digits, "{:016x}", mix(seed.wrapping_add(round)));
        round += 1;
    }
    digits.truncate(length);
    digits
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| char::from(SAFE[byte as usize % 27])).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn the_hash_ignores_its_own_label_and_sees_every_other_change() {
        let plain = json!({"metadata": {"labels": {"app": "a"}}, "spec": {"x": 1}});
        let labelled = json!({"metadata": {"creationTimestamp": null, "labels": {"app": "a", "pod-template-hash": "z"}}, "spec": {"x": 1}});
        let other = json!({"metadata": {"labels": {"app": "a"}}, "spec": {"x": 2}});
        assert_eq!(template_hash(&plain, 0), template_hash(&labelled, 0));
        assert_ne!(template_hash(&plain, 0), template_hash(&other, 0));
        assert_ne!(template_hash(&plain, 0), template_hash(&plain, 1));
    }

    #[test]
    fn wobble_is_smooth_and_bounded() {
        let mut last = wobble(7, 0.0);
        for step in 1..1000 {
            let here = wobble(7, f64::from(step) / 50.0);
            assert!((-1.0..=1.0).contains(&here) && (here - last).abs() < 0.1);
            last = here;
        }
    }
}
