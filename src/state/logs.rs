//! The log ring: bounded, its losses counted, stack frames and repetitions folded, errors counted over time.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Bound;

use super::filter::Filter;
use crate::domain::Text;
use crate::domain::log::{LogBatch, LogLevel, LogLine};
use crate::domain::time::Instant;

/// Entries kept when the settings say nothing.
pub const CAPACITY: usize = 5_000;
/// Lines of one shape within this many seconds are one entry.
const FOLD_SECONDS: i64 = 10;
/// Frames kept of one stack trace.
const FRAMES: usize = 400;
/// Seconds of one bucket of the error sparkline.
const BUCKET: i64 = 10;
/// Buckets kept.
const BUCKETS: usize = 60;

/// Place of an entry: its time, and a number that tells lines of one instant apart.
pub type LogPlace = (Instant, u64);

/// A line with what was folded into it.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// The line (of repetitions: the newest).
    pub line: LogLine,
    /// Continuation lines.
    pub frames: Vec<Text>,
    /// How often it came.
    pub count: u32,
    /// Time of the newest repetition.
    pub last: Instant,
}

/// What the pane shows of the ring.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogLens {
    /// Filter.
    pub filter: Option<Filter>,
    /// Only errors and warnings.
    pub faults_only: bool,
}

impl LogLens {
    fn shows(&self, entry: &LogEntry) -> bool {
        (!self.faults_only || entry.line.level <= LogLevel::Warn)
            && self.filter.as_ref().is_none_or(|filter| {
                filter.accepts(&format!("{} {}", entry.line.pod, entry.line.text))
                    || (!filter.text().starts_with('!') && entry.frames.iter().any(|frame| filter.accepts(frame)))
            })
    }
}

/// The part of the ring that fits.
#[derive(Debug)]
pub struct LogWindow<'a> {
    /// Entries, oldest first.
    pub rows: Vec<(LogPlace, &'a LogEntry)>,
    /// Index of the selected one; `None` while following.
    pub selected: Option<usize>,
    /// Newer entries below?
    pub below: bool,
}

/// The ring.
#[derive(Debug)]
pub struct LogRing {
    entries: BTreeMap<LogPlace, LogEntry>,
    shown: BTreeSet<LogPlace>,
    lens: LogLens,
    capacity: usize,
    next: u64,
    /// Newest entry of each container, for continuation lines.
    heads: HashMap<(Text, Text), LogPlace>,
    /// Newest entry of each shape, for repetitions.
    shapes: HashMap<u64, LogPlace>,
    errors: BTreeMap<i64, u32>,
    arrivals: VecDeque<(i64, u32)>,
    lost: u64,
    streams: u32,
    failed: Vec<(Text, Text)>,
}

impl Default for LogRing {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            shown: BTreeSet::new(),
            lens: LogLens::default(),
            capacity: CAPACITY,
            next: 0,
            heads: HashMap::new(),
            shapes: HashMap::new(),
            errors: BTreeMap::new(),
            arrivals: VecDeque::new(),
            lost: 0,
            streams: 0,
            failed: Vec::new(),
        }
    }
}

/// The shape of a line: its text with every run of digits as one.
fn shape(line: &LogLine) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.level.hash(&mut hasher);
    line.container.hash(&mut hasher);
    let mut in_digits = false;
    for byte in line.text.bytes() {
        let digit = byte.is_ascii_digit();
        if !(digit && in_digits) {
            hasher.write_u8(if digit { b'0' } else { byte });
        }
        in_digits = digit;
    }
    hasher.finish()
}

impl LogRing {
    /// A ring of this many entries.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), ..Self::default() }
    }

    /// Forgets all lines (another target), keeps the lens.
    pub fn clear(&mut self) {
        *self = Self { lens: self.lens.clone(), next: self.next, ..Self::with_capacity(self.capacity) };
    }

    /// Takes in lines that arrived at `now`.
    pub fn push(&mut self, batch: LogBatch, now: Instant) {
        self.lost += batch.lost;
        self.streams = batch.streams;
        self.failed = batch.failed;
        let arrived = u32::try_from(batch.lines.len()).unwrap_or(u32::MAX);
        self.arrivals.push_back((now.timestamp(), arrived));
        while self.arrivals.front().is_some_and(|(at, _)| now.timestamp() - at >= 10) || self.arrivals.len() > 1_000 {
            self.arrivals.pop_front();
        }
        for line in batch.lines {
            self.line(line);
        }
        while self.entries.len() > self.capacity {
            let Some((place, _)) = self.entries.pop_first() else { break };
            self.shown.remove(&place);
        }
        if self.heads.len() > 4 * self.capacity || self.shapes.len() > 4 * self.capacity {
            self.heads.retain(|_, place| self.entries.contains_key(place));
            self.shapes.retain(|_, place| self.entries.contains_key(place));
        }
    }

    fn line(&mut self, line: LogLine) {
        if line.level <= LogLevel::Error && !line.continuation {
            *self.errors.entry(line.at.timestamp().div_euclid(BUCKET)).or_default() += 1;
            while self.errors.len() > BUCKETS {
                self.errors.pop_first();
            }
        }
        let stream = (line.pod.clone(), line.container.clone());
        if line.continuation
            && let Some(place) = self.heads.get(&stream).copied()
            && let Some(entry) = self.entries.get_mut(&place)
        {
            // Frames of a repetition are the frames that are there already.
            if entry.count == 1 && entry.frames.len() < FRAMES {
                entry.frames.push(line.text);
                self.show(place);
            }
            return;
        }
        let shape = shape(&line);
        if let Some(place) = self.shapes.get(&shape).copied()
            && (line.at - place.0).num_seconds().abs() < FOLD_SECONDS
            && let Some(entry) = self.entries.get_mut(&place)
        {
            entry.count += 1;
            if line.at >= entry.last {
                entry.last = line.at;
                entry.line = LogLine { at: entry.line.at, ..line };
            }
            self.heads.insert(stream, place);
            self.show(place);
            return;
        }
        let place = (line.at, self.next);
        self.next += 1;
        self.heads.insert(stream, place);
        self.shapes.insert(shape, place);
        let last = line.at;
        self.entries.insert(place, LogEntry { line, frames: Vec::new(), count: 1, last });
        self.show(place);
    }

    fn show(&mut self, place: LogPlace) {
        if self.entries.get(&place).is_some_and(|entry| self.lens.shows(entry)) {
            self.shown.insert(place);
        } else {
            self.shown.remove(&place);
        }
    }

    /// Looks through another lens; walks all entries.
    pub fn look(&mut self, lens: LogLens) {
        if lens != self.lens {
            self.lens = lens;
            self.shown =
                self.entries.iter().filter(|(_, entry)| self.lens.shows(entry)).map(|(place, _)| *place).collect();
        }
    }

    /// One entry.
    pub fn get(&self, place: &LogPlace) -> Option<&LogEntry> {
        self.entries.get(place)
    }

    /// How many entries are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// None kept?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many are shown.
    pub fn shown_len(&self) -> usize {
        self.shown.len()
    }

    /// Lines known to be lost since the target was chosen.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Containers followed.
    pub const fn streams(&self) -> u32 {
        self.streams
    }

    /// Streams that failed: pod/container and why.
    pub fn failed(&self) -> &[(Text, Text)] {
        &self.failed
    }

    /// Lines per second over the last ten seconds.
    pub fn rate(&self, now: Instant) -> f64 {
        let recent = self.arrivals.iter().filter(|(at, _)| now.timestamp() - at < 10);
        recent.map(|(_, count)| f64::from(*count)).fold(0.0, |sum, count| sum + count) / 10.0
    }

    /// Errors per ten seconds, oldest first, the last bucket holding `now`.
    pub fn errors(&self, now: Instant, buckets: usize) -> Vec<u32> {
        let last = now.timestamp().div_euclid(BUCKET);
        let first = last - i64::try_from(buckets).unwrap_or(0) + 1;
        (first..=last).map(|bucket| self.errors.get(&bucket).copied().unwrap_or(0)).collect()
    }

    /// The cursor moved by `steps` entries; `None` is the end, which follows what comes.
    pub fn step(&self, cursor: Option<LogPlace>, steps: i64) -> Option<LogPlace> {
        let last = *self.shown.last()?;
        let from = cursor.unwrap_or(last);
        let count = usize::try_from(steps.unsigned_abs()).unwrap_or(usize::MAX);
        let to = if steps >= 0 {
            self.shown.range(from..).take(count.saturating_add(1)).last()
        } else {
            self.shown.range(..=from).rev().take(count.saturating_add(1)).last()
        };
        to.copied().or_else(|| self.shown.first().copied()).filter(|place| *place != last || steps < 0)
    }

    /// The oldest entry shown.
    pub fn top(&self) -> Option<LogPlace> {
        self.shown.first().copied()
    }

    /// The next (or previous) entry that `wanted` accepts, from the cursor; walks at most the ring, on a key press only.
    pub fn find(
        &self,
        cursor: Option<LogPlace>,
        forward: bool,
        wanted: impl Fn(&LogEntry) -> bool,
    ) -> Option<LogPlace> {
        let wanted = |place: &&LogPlace| self.entries.get(*place).is_some_and(&wanted);
        match (cursor, forward) {
            (Some(from), true) => self.shown.range((Bound::Excluded(from), Bound::Unbounded)).find(wanted).copied(),
            (Some(from), false) => self.shown.range(..from).rev().find(wanted).copied(),
            (None, true) => None,
            (None, false) => self.shown.iter().rev().find(wanted).copied(),
        }
    }

    /// The entries that fit into `height` lines around the cursor, or the newest while following.
    pub fn window(&self, cursor: Option<LogPlace>, height: usize, lines: impl Fn(&LogEntry) -> usize) -> LogWindow<'_> {
        let entry = |place: &LogPlace| self.entries.get(place).map(|entry| (*place, entry));
        let mut used = 0;
        let mut rows = Vec::new();
        let anchor = cursor.and_then(|from| self.shown.range(from..).next().or_else(|| self.shown.last()).copied());
        // A third of the height stays below the cursor: what followed an error explains it.
        let mut after = Vec::new();
        if let Some(anchor) = anchor {
            for row in self.shown.range((Bound::Excluded(anchor), Bound::Unbounded)).filter_map(entry) {
                let take = lines(row.1);
                if used + take > height / 3 {
                    break;
                }
                used += take;
                after.push(row);
            }
        }
        let end = anchor.map_or(Bound::Unbounded, Bound::Included);
        for row in self.shown.range((Bound::Unbounded, end)).rev().filter_map(entry) {
            let take = lines(row.1);
            if used + take > height && !rows.is_empty() {
                break;
            }
            used += take;
            rows.push(row);
            if used >= height {
                break;
            }
        }
        rows.reverse();
        let selected = anchor.map(|_| rows.len().saturating_sub(1));
        rows.append(&mut after);
        let newest = self.shown.last();
        while let Some(next) = rows.last().map(|(place, _)| *place)
            && used < height
            && let Some(row) = self.shown.range((Bound::Excluded(next), Bound::Unbounded)).next().and_then(entry)
        {
            used += lines(row.1);
            rows.push(row);
        }
        let below = rows.last().is_some_and(|(place, _)| Some(place) != newest);
        LogWindow { rows, selected, below }
    }
}

/// What tells a pod from its siblings: the last part of its name, or the last two where that is a mere number.
pub fn short_pod(name: &str) -> &str {
    let tail = |from: &str| from.rfind('-').map(|at| at + 1);
    match tail(name) {
        Some(at) if name[at..].bytes().all(|b| b.is_ascii_digit()) => {
            tail(&name[..at.saturating_sub(1)]).map_or(name, |before| &name[before..])
        }
        Some(at) => &name[at..],
        None => name,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use chrono::TimeDelta;

    fn at(millis: i64) -> Instant {
        chrono::DateTime::from_timestamp(1_000_000, 0).unwrap() + TimeDelta::milliseconds(millis)
    }

    fn line(millis: i64, pod: &str, level: LogLevel, text: &str) -> LogLine {
        LogLine {
            at: at(millis),
            pod: pod.into(),
            container: "app".into(),
            level,
            continuation: text.starts_with(' '),
            text: text.into(),
        }
    }

    fn push(ring: &mut LogRing, lines: Vec<LogLine>) {
        let now = lines.last().map_or(at(0), |line| line.at);
        ring.push(LogBatch { lines, lost: 0, streams: 1, failed: Vec::new() }, now);
    }

    #[test]
    fn late_lines_find_their_place_and_frames_their_head() {
        let mut ring = LogRing::default();
        push(
            &mut ring,
            vec![
                line(10, "p-a", LogLevel::Error, "could not load"),
                line(11, "p-b", LogLevel::Info, "hello"),
                line(10, "p-a", LogLevel::Error, "  at load (x.rs:1)"),
                line(5, "p-b", LogLevel::Info, "earlier"),
            ],
        );
        let window = ring.window(None, 10, |_| 1);
        let texts: Vec<&str> = window.rows.iter().map(|(_, e)| &*e.line.text).collect();
        assert_eq!(texts, ["earlier", "could not load", "hello"]);
        assert_eq!(window.rows[1].1.frames.len(), 1);
        assert_eq!(ring.errors(at(0), 3), [0, 0, 1], "a frame is not an error of its own");
    }

    #[test]
    fn repetitions_are_counted_and_the_ring_is_bounded() {
        let mut ring = LogRing::with_capacity(3);
        let mut lines: Vec<LogLine> =
            (0..38).map(|n| line(n * 100, "p-a", LogLevel::Warn, &format!("retry {n}/50"))).collect();
        push(&mut ring, std::mem::take(&mut lines));
        assert_eq!(ring.len(), 1);
        assert_eq!(ring.window(None, 5, |_| 1).rows[0].1.count, 38);
        for word in ["a", "b", "c", "d"] {
            push(&mut ring, vec![line(20_000, "p-a", LogLevel::Info, word)]);
        }
        assert_eq!((ring.len(), ring.shown_len()), (3, 3));
    }

    #[test]
    fn the_cursor_stays_while_lines_come_and_the_end_follows() {
        let mut ring = LogRing::default();
        let words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"];
        push(&mut ring, words.iter().zip(0..).map(|(w, n)| line(n, "p-a", LogLevel::Info, w)).collect());
        let cursor = ring.step(None, -3);
        let text = |window: &LogWindow<'_>| {
            window.rows.iter().map(|(_, e)| e.line.text.to_string()).collect::<Vec<_>>().join(" ")
        };
        let window = ring.window(cursor, 3, |_| 1);
        assert_eq!((text(&window).as_str(), window.selected, window.below), ("beta gamma delta", Some(1), true));
        assert_eq!(text(&ring.window(None, 2, |_| 1)), "epsilon zeta");
        assert_eq!(ring.step(cursor, 50), None, "at the end it follows again");
        ring.look(LogLens { filter: Filter::parse("eta"), faults_only: false });
        assert_eq!(text(&ring.window(None, 9, |_| 1)), "beta zeta");
    }

    #[test]
    fn short_names_tell_pods_apart() {
        assert_eq!(short_pod("payment-7d9c8-x2x"), "x2x");
        assert_eq!(short_pod("postgres-0"), "postgres-0");
        assert_eq!(short_pod("a-b-3"), "b-3");
        assert_eq!(short_pod("single"), "single");
    }
}
