//! The audit view: the actions of the log, newest first, and where a person stands among them.

use super::filter::Filter;
use super::input::Input;
use crate::domain::audit::{Entry, entries};
use crate::domain::time::Instant;
use crate::ports::journal::{Chain, JournalError, Reading};

/// Records that are read for the view; older ones are counted, and printed by `opsdeck audit show`.
pub const MOST: usize = 5_000;

/// The view.
#[derive(Debug, Default)]
pub struct AuditView {
    /// What was read; `None` while it is being read for the first time.
    pub log: Option<Result<Log, String>>,
    /// It is being read, again perhaps.
    pub reading: bool,
    /// What narrows the list.
    pub filter: Input,
    /// The filter is being typed; the text before, to go back to.
    pub typing: Option<String>,
    /// Which of the actions shown.
    selected: usize,
    /// One action is shown whole, from this line on.
    pub open: Option<usize>,
}

/// What was read.
#[derive(Debug)]
pub struct Log {
    /// Where the newest records are.
    pub path: String,
    /// The actions, newest first.
    pub entries: Vec<Entry>,
    /// Records that are older than these.
    pub older: usize,
    /// Is the chain whole?
    pub chain: Chain,
    /// When it was read.
    pub at: Instant,
}

impl AuditView {
    /// A view that is being read for the first time.
    pub fn opened() -> Self {
        Self { reading: true, ..Self::default() }
    }

    /// Takes over what was read. The same action stays chosen, also when newer ones came.
    pub fn read(&mut self, reading: Result<Reading, JournalError>, now: Instant) {
        let chosen = self.chosen().map(|entry| entry.id.clone());
        self.reading = false;
        self.log = Some(match reading {
            Ok(Reading { path, records, older, chain }) => {
                let mut entries = entries(records);
                entries.reverse();
                Ok(Log { path, entries, older, chain, at: now })
            }
            Err(error) => Err(format!("cannot read {}: {}", error.path, error.why)),
        });
        // With nothing moved yet the newest stays chosen.
        let place = chosen
            .filter(|_| self.selected > 0 || self.open.is_some())
            .and_then(|id| self.shown().iter().position(|entry| entry.id == id));
        self.selected = place.unwrap_or(0);
    }

    /// The actions that the filter lets through, newest first.
    pub fn shown(&self) -> Vec<&Entry> {
        let Some(Ok(log)) = &self.log else { return Vec::new() };
        let filter = Filter::parse(self.filter.text());
        log.entries.iter().filter(|entry| filter.as_ref().is_none_or(|filter| filter.accepts(&hay(entry)))).collect()
    }

    /// The chosen one's place among those shown.
    pub const fn selected(&self) -> usize {
        self.selected
    }

    /// The chosen action: what `enter` shows whole, and what an undo would be about.
    pub fn chosen(&self) -> Option<&Entry> {
        self.shown().get(self.selected).copied()
    }

    /// Moves the choice, as far as there is something.
    pub fn step(&mut self, steps: isize) {
        let last = self.shown().len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(steps).min(last);
    }

    /// The list became another one.
    pub const fn narrowed(&mut self) {
        self.selected = 0;
    }
}

/// What the filter looks at.
fn hay(entry: &Entry) -> String {
    let at = entry.at.map(|at| at.format("%Y-%m-%d %H:%M:%SZ").to_string()).unwrap_or_default();
    let (place, who) = (entry.place(), entry.who());
    let optional = [&entry.reason, &entry.incident].map(|text| text.as_deref().unwrap_or_default());
    let targets = [&entry.target].into_iter().chain(&entry.more).cloned().collect::<Vec<_>>().join("  ");
    [&*at, entry.end_word(), &entry.action, &targets, &place, &who, optional[0], optional[1]].join("  ")
}
