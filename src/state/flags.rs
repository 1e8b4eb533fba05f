//! Feature flags of all sources: where each stands in its table, and which of them a focus is about.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::table::{Row, Table};
use crate::config::context::matches;
use crate::domain::flag::{FlagRef, FlagRow};
use crate::domain::time::Instant;
use crate::domain::workload::WorkloadRow;

impl Row for FlagRow {
    type Key = FlagRef;
    /// The newest change first: it is the suspect. What is archived comes last.
    type Rank = (bool, Reverse<Option<Instant>>);
    /// Itself: a focus names those that it is about.
    type Group = FlagRef;

    fn key(&self) -> FlagRef {
        self.id.clone()
    }
    fn rank(&self) -> Self::Rank {
        (self.archived, Reverse(self.changed.as_ref().map(|event| event.at)))
    }
    fn group(&self) -> Option<FlagRef> {
        Some(self.id.clone())
    }
    /// Nobody has to act on a flag at night because of what the flag is; that it is stale is worth a look.
    fn wants_attention(&self) -> bool {
        self.stale
    }
    fn haystack(&self) -> String {
        let state = match (self.archived, self.enabled) {
            (true, _) => "archived",
            (false, true) => "on",
            (false, false) => "off",
        };
        let stale = if self.stale { "stale" } else { "" };
        let (by, what) = self.changed.as_ref().map_or(("", ""), |event| (&*event.by, &*event.what));
        let FlagRef { source, project, environment, key } = &self.id;
        format!(
            "{key} {state} {stale} {} {} {source} {project} {environment} {} {by} {what}",
            self.kind.word(),
            self.serves,
            self.tags.join(" ")
        )
    }
}

/// A list replaces what its source gave before.
pub(super) fn replace(table: &mut Table<FlagRow>, source: &str, rows: Vec<FlagRow>) {
    let named: BTreeSet<&FlagRef> = rows.iter().map(|row| &row.id).collect();
    table.remove_where(|row| &*row.id.source == source && !named.contains(&row.id));
    for row in rows {
        // Most lists change a row or two.
        if table.get(&row.id) != Some(&row) {
            table.upsert(row);
        }
    }
}

/// Is a flag about a workload? Configuration and tags say so of the flag, the annotation `opsdeck.dev/flags` of the
/// workload.
pub(super) fn concerns(flag: &FlagRow, workload: &WorkloadRow) -> bool {
    let id = &workload.id;
    let names = |pattern: &str| match pattern.split_once('/') {
        Some((namespace, name)) => matches(namespace, &id.namespace) && matches(name, &id.name),
        None => matches(pattern, &id.name),
    };
    let annotated = workload.flags.iter().flat_map(|globs| globs.split([',', ' ']));
    flag.workloads.iter().any(|pattern| names(pattern))
        || annotated.filter(|glob| !glob.is_empty()).any(|glob| matches(glob, &flag.id.key))
}
