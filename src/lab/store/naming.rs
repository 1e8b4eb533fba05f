//! Identifiers and names out of a seeded generator: the same seed makes the same ones.

/// Letters of generated names: no vowels and nothing that looks like another, as in a real cluster.
const NAME_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The next number of a `SplitMix64` generator: small, and the same on every machine.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// `length` letters for the end of a name.
pub(super) fn suffix(state: &mut u64, length: usize) -> String {
    (0..length).map(|_| char::from(NAME_LETTERS[(random(state) % NAME_LETTERS.len() as u64) as usize])).collect()
}

/// A UUID of the fourth version.
pub(super) fn uid(state: &mut u64) -> String {
    let (high, low) = (random(state), random(state));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 48) & 0x3fff,
        low & 0xffff_ffff_ffff
    )
}
