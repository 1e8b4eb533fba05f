//! Rows in order, with an index by group and a lens on what is shown. Deltas cost `log n` per row; only a new lens walks
//! the rows it may show. Drawing asks for a window and touches no more rows than fit on the screen.

mod lens;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

pub use self::lens::{Lens, Scope};

/// What a table holds.
pub trait Row: Sized {
    /// Identity: the selection sticks to it.
    type Key: Ord + Clone + std::fmt::Debug;
    /// Place in the order, worst first; ties fall to the key.
    type Rank: Ord + Clone + std::fmt::Debug;
    /// What rows are grouped by (the owner).
    type Group: Ord + Clone + std::fmt::Debug;
    /// Identity.
    fn key(&self) -> Self::Key;
    /// Place.
    fn rank(&self) -> Self::Rank;
    /// Group.
    fn group(&self) -> Option<Self::Group>;
    /// Does someone have to look at it?
    fn wants_attention(&self) -> bool;
    /// The text that a filter sees.
    fn haystack(&self) -> String;
    /// Is it shown only when someone asks, by a filter or a narrower scope?
    fn is_quiet(&self) -> bool {
        false
    }
    /// Is it at this place (a pod on a node)?
    fn is_on(&self, place: &str) -> bool {
        let _ = place;
        false
    }
}

type Place<R> = (<R as Row>::Rank, <R as Row>::Key);

/// A place to stand on: the row, and where it stood in case it goes.
#[derive(Debug)]
pub struct Cursor<R: Row> {
    rank: R::Rank,
    key: R::Key,
}

impl<R: Row> Clone for Cursor<R> {
    fn clone(&self) -> Self {
        Self { rank: self.rank.clone(), key: self.key.clone() }
    }
}

impl<R: Row> PartialEq for Cursor<R> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<R: Row> Cursor<R> {
    /// The row's key.
    pub const fn key(&self) -> &R::Key {
        &self.key
    }
}

/// The part of a table that fits on the screen.
#[derive(Debug)]
pub struct Window<'a, R> {
    /// Rows, in order.
    pub rows: Vec<&'a R>,
    /// Index of the selected one.
    pub selected: Option<usize>,
    /// Are there rows before the first?
    pub above: bool,
    /// Are there rows after the last?
    pub below: bool,
}

/// The rows.
#[derive(Debug)]
pub struct Table<R: Row> {
    rows: BTreeMap<R::Key, R>,
    groups: BTreeMap<R::Group, BTreeSet<R::Key>>,
    shown: BTreeSet<Place<R>>,
    lens: Lens<R>,
    worst: BTreeSet<Place<R>>,
    shown_attention: usize,
}

impl<R: Row> Default for Table<R> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            groups: BTreeMap::new(),
            shown: BTreeSet::new(),
            lens: Lens::default(),
            worst: BTreeSet::new(),
            shown_attention: 0,
        }
    }
}

impl<R: Row> Table<R> {
    /// Adds or replaces a row.
    pub fn upsert(&mut self, row: R) {
        let key = row.key();
        self.remove(&key);
        if let Some(group) = row.group() {
            self.groups.entry(group).or_default().insert(key.clone());
        }
        if row.wants_attention() {
            self.worst.insert((row.rank(), key.clone()));
        }
        if self.lens.shows(&row) {
            self.shown_attention += usize::from(row.wants_attention());
            self.shown.insert((row.rank(), key.clone()));
        }
        self.rows.insert(key, row);
    }

    /// Takes a row out.
    pub fn remove(&mut self, key: &R::Key) -> Option<R> {
        let row = self.rows.remove(key)?;
        if let Some(group) = row.group()
            && let Some(keys) = self.groups.get_mut(&group)
        {
            keys.remove(key);
            if keys.is_empty() {
                self.groups.remove(&group);
            }
        }
        let place = (row.rank(), key.clone());
        self.worst.remove(&place);
        if self.shown.remove(&place) {
            self.shown_attention -= usize::from(row.wants_attention());
        }
        Some(row)
    }

    /// Takes out all rows that `gone` names (a fresh list voids the old one).
    pub fn remove_where(&mut self, gone: impl Fn(&R) -> bool) {
        let keys: Vec<R::Key> = self.rows.iter().filter(|(_, row)| gone(row)).map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.remove(&key);
        }
    }

    /// Looks through another lens. Walks the group where there is one, else all rows.
    pub fn look(&mut self, lens: Lens<R>) {
        if lens == self.lens {
            return;
        }
        self.lens = lens;
        let candidates: Box<dyn Iterator<Item = (&R::Key, &R)>> = match &self.lens.scope {
            Scope::Group(group) => {
                Box::new(self.groups.get(group).into_iter().flatten().filter_map(|key| self.rows.get_key_value(key)))
            }
            Scope::Groups(groups) => {
                let keys = groups.iter().filter_map(|group| self.groups.get(group)).flatten();
                Box::new(keys.filter_map(|key| self.rows.get_key_value(key)))
            }
            Scope::One(key) => Box::new(self.rows.get_key_value(key).into_iter()),
            Scope::Nothing => Box::new(std::iter::empty()),
            Scope::All | Scope::At(_) => Box::new(self.rows.iter()),
        };
        let lens = &self.lens;
        let mut attention = 0;
        self.shown = candidates
            .filter(|(_, row)| lens.shows(row))
            .inspect(|(_, row)| attention += usize::from(row.wants_attention()))
            .map(|(key, row)| (row.rank(), key.clone()))
            .collect();
        self.shown_attention = attention;
    }

    /// One row.
    pub fn get(&self, key: &R::Key) -> Option<&R> {
        self.rows.get(key)
    }

    /// All rows, by key.
    pub fn iter(&self) -> impl Iterator<Item = &R> {
        self.rows.values()
    }

    /// The rows that the lens shows, in order. Take only as many as needed.
    pub fn shown(&self) -> impl Iterator<Item = &R> {
        self.shown.iter().filter_map(|(_, key)| self.rows.get(key))
    }

    /// The rows of one group.
    pub fn group(&self, group: &R::Group) -> impl Iterator<Item = &R> {
        self.groups.get(group).into_iter().flatten().filter_map(|key| self.rows.get(key))
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many the lens shows.
    pub fn shown_len(&self) -> usize {
        self.shown.len()
    }

    /// How many of all want attention.
    pub fn attention(&self) -> usize {
        self.worst.len()
    }

    /// Those that want attention, worst first, whatever the lens shows.
    pub fn worst(&self) -> impl Iterator<Item = &R> {
        self.worst.iter().filter_map(|(_, key)| self.rows.get(key))
    }

    /// How many of those shown want attention.
    pub const fn shown_attention(&self) -> usize {
        self.shown_attention
    }

    /// Forgets all rows, keeps the lens.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.groups.clear();
        self.shown.clear();
        self.worst.clear();
        self.shown_attention = 0;
    }

    /// Where a cursor stands now: on its row, or on the row that took its place, or on the last one. `None` in, or an
    /// empty table: the first row, if any.
    fn place(&self, cursor: Option<&Cursor<R>>) -> Option<&Place<R>> {
        let Some(cursor) = cursor else { return self.shown.first() };
        let rank = self.rows.get(&cursor.key).map_or_else(|| cursor.rank.clone(), Row::rank);
        let wanted = (rank, cursor.key.clone());
        self.shown.range(&wanted..).next().or_else(|| self.shown.last())
    }

    /// The selected row.
    pub fn selected(&self, cursor: Option<&Cursor<R>>) -> Option<&R> {
        self.place(cursor).and_then(|(_, key)| self.rows.get(key))
    }

    /// A cursor on the row with this key.
    pub fn cursor(&self, key: &R::Key) -> Option<Cursor<R>> {
        self.rows.get(key).map(|row| Cursor { rank: row.rank(), key: key.clone() })
    }

    /// The cursor moved by `steps` rows, stopping at either end. `None` means the first row and stays with whatever is
    /// first, so that an untouched cursor rests on the worst.
    pub fn step(&self, cursor: Option<&Cursor<R>>, steps: i64) -> Option<Cursor<R>> {
        let from = self.place(cursor)?;
        let count = usize::try_from(steps.unsigned_abs()).unwrap_or(usize::MAX);
        let to = if steps >= 0 {
            self.shown.range(from..).take(count.saturating_add(1)).last()
        } else {
            self.shown.range(..=from).rev().take(count.saturating_add(1)).last()
        }?;
        if Some(to) == self.shown.first() {
            return None;
        }
        Some(Cursor { rank: to.0.clone(), key: to.1.clone() })
    }

    /// The last row.
    pub fn bottom(&self) -> Option<Cursor<R>> {
        let last = self.shown.last()?;
        (self.shown.len() > 1).then(|| Cursor { rank: last.0.clone(), key: last.1.clone() })
    }

    /// The rows around the cursor that fit into `height` lines, each row as many as `lines` says, with about `above`
    /// lines of rows over the selected one. What stands before the cursor is shown from the top whenever that fits, so
    /// that a new worst row is never hidden without need.
    pub fn window(
        &self,
        cursor: Option<&Cursor<R>>,
        above: usize,
        height: usize,
        lines: impl Fn(&R) -> usize,
    ) -> Window<'_, R> {
        let nothing = Window { rows: Vec::new(), selected: None, above: false, below: false };
        let Some(place) = self.place(cursor) else { return nothing };
        let row = |place: &Place<R>| self.rows.get(&place.1);
        let Some(selected) = row(place) else { return nothing };
        if height == 0 {
            return nothing;
        }
        let room = height.saturating_sub(lines(selected));
        let mut before: Vec<&R> = Vec::new();
        let mut used = 0;
        let mut reached_top = true;
        for candidate in self.shown.range((Bound::Unbounded, Bound::Excluded(place))).rev().filter_map(row) {
            if used + lines(candidate) > room {
                reached_top = false;
                break;
            }
            used += lines(candidate);
            before.push(candidate);
        }
        // Not all of it fits: then only what the viewport held there, and the rest goes to what follows.
        let mut spare = Vec::new();
        while !reached_top && used > above.min(room) {
            let Some(dropped) = before.pop() else { break };
            used -= lines(dropped);
            spare.push(dropped);
        }
        used += lines(selected);
        let mut after = Vec::new();
        let mut below = false;
        for candidate in self.shown.range((Bound::Excluded(place), Bound::Unbounded)).filter_map(row) {
            if used + lines(candidate) > height {
                below = true;
                break;
            }
            used += lines(candidate);
            after.push(candidate);
        }
        // At the end of the list nothing follows: fill up from above rather than leave lines empty.
        while !below && let Some(candidate) = spare.pop() {
            if used + lines(candidate) > height {
                break;
            }
            used += lines(candidate);
            before.push(candidate);
        }
        before.reverse();
        let at = before.len();
        let mut rows = before;
        rows.push(selected);
        rows.append(&mut after);
        Window { rows, selected: Some(at), above: !reached_top, below }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::state::filter::Filter;
    use proptest::prelude::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Item {
        id: u32,
        rank: u32,
        group: u32,
    }

    impl Row for Item {
        type Key = u32;
        type Rank = u32;
        type Group = u32;
        fn key(&self) -> u32 {
            self.id
        }
        fn rank(&self) -> u32 {
            self.rank
        }
        fn group(&self) -> Option<u32> {
            Some(self.group)
        }
        fn wants_attention(&self) -> bool {
            self.rank == 0
        }
        fn haystack(&self) -> String {
            format!("item-{}", self.id)
        }
    }

    fn table(count: u32) -> Table<Item> {
        let mut table = Table::default();
        for id in 0..count {
            table.upsert(Item { id, rank: u32::from(id >= 2), group: id % 3 });
        }
        table
    }

    fn ids(window: &Window<'_, Item>) -> Vec<u32> {
        window.rows.iter().map(|row| row.id).collect()
    }

    #[test]
    fn an_untouched_cursor_rests_on_the_worst_and_a_moved_one_on_its_row() {
        let mut table = table(10);
        assert_eq!(table.selected(None).unwrap().id, 0);
        let cursor = table.step(None, 3);
        assert_eq!(table.selected(cursor.as_ref()).unwrap().id, 3);
        table.upsert(Item { id: 100, rank: 0, group: 0 });
        assert_eq!(table.selected(cursor.as_ref()).unwrap().id, 3, "sticks to its key");
        table.remove(&3);
        assert_eq!(table.selected(cursor.as_ref()).unwrap().id, 4, "falls to the row that took its place");
        assert!(table.step(cursor.as_ref(), -100).is_none(), "at the top it is untouched again");
    }

    #[test]
    fn a_window_hides_nothing_that_fits_and_fills_its_height() {
        let table = table(10);
        let at = |steps: i64, above: usize, height: usize| {
            let cursor = table.step(None, steps);
            let window = table.window(cursor.as_ref(), above, height, |_| 1);
            (ids(&window), window.selected.unwrap(), window.above, window.below)
        };
        assert_eq!(at(0, 0, 4), (vec![0, 1, 2, 3], 0, false, true));
        assert_eq!(at(2, 0, 4), (vec![0, 1, 2, 3], 2, false, true), "rows above are shown while they fit");
        assert_eq!(at(6, 1, 4), (vec![5, 6, 7, 8], 1, true, true));
        assert_eq!(at(9, 1, 4), (vec![6, 7, 8, 9], 3, true, false), "no empty lines at the end");
        let tall = table.window(None, 0, 4, |row| if row.id == 1 { 2 } else { 1 });
        assert_eq!(ids(&tall), [0, 1, 2]);
        assert!(table.window(None, 0, 0, |_| 1).rows.is_empty());
    }

    proptest! {
        #[test]
        fn what_deltas_keep_is_what_a_fresh_look_would_find(
            steps in prop::collection::vec((0u32..40, 0u32..3, 0u32..3, any::<bool>()), 1..120),
            group in prop::option::of(0u32..3),
            filter in prop::option::of("[0-9]"),
            faults_only in any::<bool>(),
        ) {
            let scope = group.map_or(Scope::All, Scope::Group);
            let lens = Lens { scope, filter: filter.as_deref().and_then(Filter::parse), faults_only };
            let mut live = Table::default();
            let mut plain = Table::default();
            live.look(lens.clone());
            for (id, rank, group, keep) in steps {
                if keep {
                    live.upsert(Item { id, rank, group });
                    plain.upsert(Item { id, rank, group });
                } else {
                    live.remove(&id);
                    plain.remove(&id);
                }
            }
            plain.look(lens);
            prop_assert_eq!(&live.shown, &plain.shown);
            prop_assert_eq!(live.shown_attention(), plain.shown_attention());
            prop_assert_eq!(live.attention(), live.iter().filter(|row| row.wants_attention()).count());
        }
    }
}
