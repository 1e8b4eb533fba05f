//! Container logs: which containers to follow, their lines, levels and readable text.

mod container;
mod follow;
mod level;
mod line;
mod pods;
mod render;
#[cfg(test)]
mod tests;

use crate::domain::time::Instant;
use crate::integrations::kubernetes::transport::Transport;
use crate::ports::Now;
use crate::ports::feed::{Feed, LogSource, LogTarget, SourceId, UpdateStream};

/// Follows logs through the API server.
pub struct KubernetesLogs {
    transport: Transport,
    now: Now,
}

impl KubernetesLogs {
    /// Wraps the transport.
    pub(in crate::integrations) fn new(transport: Transport, now: Now) -> Self {
        Self { transport, now }
    }
}

impl LogSource for KubernetesLogs {
    fn follow(&self, target: LogTarget, since: Option<Instant>) -> Box<dyn Feed> {
        Box::new(LogFeed { transport: self.transport.clone(), now: self.now.clone(), target, since })
    }
}

/// The logs of one target.
struct LogFeed {
    transport: Transport,
    now: Now,
    target: LogTarget,
    since: Option<Instant>,
}

impl Feed for LogFeed {
    fn id(&self) -> SourceId {
        SourceId::Logs
    }

    fn open(&self) -> UpdateStream {
        follow::follow(self.transport.clone(), self.target.clone(), self.since, self.now.clone())
    }

    fn patience(&self) -> u64 {
        follow::PATIENCE_SECONDS
    }
}
