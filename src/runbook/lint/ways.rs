//! Which step leads to which, as a graph.

use std::collections::{HashMap, HashSet};

use super::super::Runbook;
use super::super::step::{OnFailure, StepKind, Target};

/// What takes a look at each step from each other is left out above so many: nobody walks that, and it would take minutes.
pub(super) const MOST_STEPS: usize = 2_000;

/// The ways through a runbook.
pub(super) struct Ways<'a> {
    book: &'a Runbook,
    places: HashMap<&'a str, usize>,
    /// The step after each in the order of the document, past those that only take others back.
    following: Vec<Option<usize>>,
}

impl<'a> Ways<'a> {
    pub(super) fn of(book: &'a Runbook) -> Self {
        let mut places = HashMap::new();
        for (place, step) in book.steps.iter().enumerate() {
            places.entry(step.name.as_str()).or_insert(place);
        }
        let back: HashSet<&str> = book.steps.iter().filter_map(|step| step.rollback.as_deref()).collect();
        let mut next = None;
        let mut following = vec![None; book.steps.len()];
        for (place, step) in book.steps.iter().enumerate().rev() {
            following[place] = next;
            if !back.contains(step.name.as_str()) {
                next = Some(place);
            }
        }
        Self { book, places, following }
    }

    /// The step of a name.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    fn find(&self, target: &Target) -> Option<usize> {
        match target {
            Target::Step(name) => self.place(name),
            Target::End => None,
        }
    }

    /// The steps to which one can lead by itself.
    pub(super) fn onward(&self, place: usize, without_people: bool) -> Vec<usize> {
        let Some(step) = self.book.steps.get(place) else { return Vec::new() };
        let next = || step.next.as_ref().map_or(self.following[place], |target| self.find(target));
        let led = |target: &Option<Target>| target.as_ref().map_or_else(next, |target| self.find(target));
        let mut to = Vec::new();
        match &step.kind {
            StepKind::Branch(branch) => {
                to.extend(branch.cases.iter().filter_map(|(_, target)| self.find(target)));
                to.extend(led(&branch.otherwise));
            }
            StepKind::Choice(choice) => {
                if !without_people {
                    to.extend(choice.options.iter().filter_map(|option| led(&option.goto)));
                }
            }
            kind if kind.asks() && without_people => {}
            _ => to.extend(next()),
        }
        // A condition that is false passes over a step, whatever it would have done.
        if step.when.is_some() {
            to.extend(next());
        }
        if let OnFailure::Goto(name) = &step.on_failure {
            to.extend(self.place(name));
        }
        let offered = [&step.verify, &step.rollback];
        to.extend(offered.into_iter().flatten().filter_map(|name| self.place(name)));
        to
    }

    /// Which steps a run can come to that stands at one of these.
    pub(super) fn reached(&self, from: impl IntoIterator<Item = usize>) -> Vec<bool> {
        let mut seen = vec![false; self.book.steps.len()];
        let mut open: Vec<usize> = from.into_iter().collect();
        while let Some(place) = open.pop() {
            if let Some(is_seen) = seen.get_mut(place).filter(|is_seen| !**is_seen) {
                *is_seen = true;
                open.extend(self.onward(place, false));
            }
        }
        seen
    }
}
