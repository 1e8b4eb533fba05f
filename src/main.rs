//! opsdeck.
fn main() {}
