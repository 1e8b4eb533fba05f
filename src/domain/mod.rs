//! Plain values and arithmetic of the field: what the console talks about.
//!
//! Nothing here waits, draws, reads a clock or knows a wire format. Strings are shared (`Text`), because the same
//! namespace, node or image stands in thousands of rows.

pub mod alert;
pub mod audit;
pub mod cluster;
pub mod flag;
pub mod incident;
pub mod log;
pub mod mutation;
pub mod object;
pub mod pod;
pub mod quantity;
pub mod rollout;
pub mod silence;
pub mod slo;
pub mod target;
pub mod text;
pub mod time;
pub mod workload;

/// A shared, immutable string. Cloning counts a reference, it copies no text.
pub type Text = std::sync::Arc<str>;
