//! Events as rows.

use super::Table;
use crate::domain::Text;
use crate::domain::cluster::EventRow;
use crate::domain::time::Instant;
use crate::integrations::kubernetes::intern::Interner;
use crate::integrations::kubernetes::lean::event::LeanEvent;
use crate::ports::feed::{Delta, Update};

/// The Events' table.
#[derive(Default)]
pub struct Events {
    pool: Interner,
}

impl Table for Events {
    type Object = LeanEvent;
    type Row = EventRow;
    type Key = Text;

    fn key(&mut self, event: &LeanEvent) -> Text {
        let key = format!("{}/{}", event.metadata.namespace, event.metadata.name);
        crate::domain::text::clean(&key).into()
    }

    fn row(&mut self, event: LeanEvent, _now: Instant) -> Option<EventRow> {
        let series = event.series.as_ref();
        // Newest first of what the two styles of Event offer.
        let last_seen = series
            .and_then(|series| series.last_observed_time)
            .or(event.last_timestamp)
            .or(event.event_time)
            .or(event.first_timestamp)
            .unwrap_or_else(|| event.metadata.created());
        Some(EventRow {
            key: self.key(&event),
            namespace: self.pool.text(&event.metadata.namespace),
            warning: event.kind == "Warning",
            reason: self.pool.text(&event.reason),
            message: self.pool.text(&event.message),
            kind: self.pool.text(&event.involved_object.kind),
            name: self.pool.text(&event.involved_object.name),
            count: series.map(|series| series.count).or(event.count).unwrap_or(1).max(1),
            last_seen,
        })
    }

    fn update(delta: Delta<EventRow, Text>) -> Update {
        Update::Events(delta)
    }
}
