//! Incidents: from entries to status, timeline, outbox and post-mortem. Pure: nothing here waits, sends, reads a file or a
//! clock; `runtime` does what is asked for here, and tells what came of it as entries.

pub mod clearance;
