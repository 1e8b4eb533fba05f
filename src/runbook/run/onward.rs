//! Where a run goes from a step.

use super::record::{Event, Place, RunEnd, Verdict};
use super::{Phase, Run, RunEffect};
use crate::domain::time::Instant;
use crate::runbook::step::Target;

type Effects = Vec<RunEffect>;

impl Run {
    /// At a new place: passes over what is only there for a failure, and ends at the end.
    pub(super) fn arrive(&mut self, now: Instant) -> Effects {
        let mut effects = Effects::new();
        if self.phase == Phase::Ready && self.place >= self.book.steps.len() {
            let failed = self.visits.iter().filter(|visit| visit.verdict == Some(Verdict::Failed)).count();
            self.finish(&mut effects, now, RunEnd::Done { failed });
        }
        effects
    }

    /// The place after a step, in the order of the document. Steps that only take others back are not in that order.
    pub(super) fn following(&self, step: Place) -> Place {
        let only_back = |place: Place| {
            let name = self.book.steps.get(place).map(|step| step.name.as_str());
            name.is_some_and(|name| self.book.steps.iter().any(|step| step.rollback.as_deref() == Some(name)))
        };
        let mut next = step + 1;
        while only_back(next) {
            next += 1;
        }
        next
    }

    pub(super) fn place_of(&self, target: &Target) -> Place {
        match target {
            Target::End => self.book.steps.len(),
            Target::Step(name) => self.book.step(name).unwrap_or(self.book.steps.len()),
        }
    }

    /// Where a step leads when it went well, or was passed over.
    pub(super) fn after(&self, place: Place) -> Place {
        if let Some(then) = self.then {
            return then;
        }
        match self.book.steps.get(place).and_then(|step| step.next.as_ref()) {
            Some(target) => self.place_of(target),
            None => self.following(place),
        }
    }

    pub(super) fn finish(&mut self, effects: &mut Effects, now: Instant, end: RunEnd) {
        self.write(effects, now, Event::Finished(end.clone()));
        effects.push(RunEffect::Finished(end));
    }

    pub(super) fn jump(&mut self, effects: &mut Effects, now: Instant, to: Place) {
        self.write(effects, now, Event::Jumped { from: self.place, to });
        effects.extend(self.arrive(now));
    }
}
