//! What of a table is shown: a scope, a filter, and only what wants attention.

use std::collections::BTreeSet;

use super::Row;
use crate::domain::Text;
use crate::state::filter::Filter;

/// Which rows a table shows.
#[derive(Clone, Debug)]
pub enum Scope<R: Row> {
    /// All.
    All,
    /// One group.
    Group(R::Group),
    /// Several groups.
    Groups(BTreeSet<R::Group>),
    /// What is at a place.
    At(Text),
    /// One row.
    One(R::Key),
    /// None: the focus is on something that this table knows nothing of.
    Nothing,
}

/// Scope, filter and fault switch together.
#[derive(Clone, Debug)]
pub struct Lens<R: Row> {
    /// Scope.
    pub scope: Scope<R>,
    /// Filter.
    pub filter: Option<Filter>,
    /// Only rows that want attention.
    pub faults_only: bool,
}

impl<R: Row> Default for Lens<R> {
    fn default() -> Self {
        Self { scope: Scope::All, filter: None, faults_only: false }
    }
}

// Written out, because a derive would ask the row to be comparable and not its key and group.
impl<R: Row> PartialEq for Scope<R> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, Self::All) | (Self::Nothing, Self::Nothing) => true,
            (Self::Group(a), Self::Group(b)) => a == b,
            (Self::Groups(a), Self::Groups(b)) => a == b,
            (Self::At(a), Self::At(b)) => a == b,
            (Self::One(a), Self::One(b)) => a == b,
            _ => false,
        }
    }
}

impl<R: Row> PartialEq for Lens<R> {
    fn eq(&self, other: &Self) -> bool {
        self.scope == other.scope && self.filter == other.filter && self.faults_only == other.faults_only
    }
}

impl<R: Row> Lens<R> {
    pub(super) fn shows(&self, row: &R) -> bool {
        (match &self.scope {
            Scope::All => self.filter.is_some() || !row.is_quiet(),
            Scope::Group(group) => row.group().as_ref() == Some(group),
            Scope::Groups(groups) => row.group().is_some_and(|group| groups.contains(&group)),
            Scope::At(place) => row.is_on(place),
            Scope::One(key) => row.key() == *key,
            Scope::Nothing => false,
        }) && (!self.faults_only || row.wants_attention())
            && self.filter.as_ref().is_none_or(|filter| filter.accepts(&row.haystack()))
    }
}
