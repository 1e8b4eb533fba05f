//! Log lines.

use serde::Serialize;

use super::Text;
use super::time::Instant;

/// Level of a line, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// FATAL, PANIC, CRITICAL.
    Fatal,
    /// ERROR.
    Error,
    /// WARN.
    Warn,
    /// INFO, and lines that name no level.
    Info,
    /// DEBUG and TRACE.
    Debug,
}

/// One line, cleaned. `pod` is the full name; screens shorten it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// Time of the line as the container runtime stamped it.
    pub at: Instant,
    /// Pod.
    pub pod: Text,
    /// Container.
    pub container: Text,
    /// Level found in the line; continuation lines (stack frames) carry the level of the line they follow.
    pub level: LogLevel,
    /// Is it the continuation of the line before (a stack frame, an indented line)?
    pub continuation: bool,
    /// The text.
    pub text: Text,
}

/// Lines that arrived together, and what was lost since the last batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogBatch {
    /// Lines, roughly in time order; the ring sorts within its tail.
    pub lines: Vec<LogLine>,
    /// Lines dropped because the console could not keep up, or known to be missing after a reconnect.
    pub lost: u64,
    /// Containers followed at this moment.
    pub streams: u32,
    /// Streams that could not be opened or ended with an error: pod/container and why.
    pub failed: Vec<(Text, Text)>,
}
