//! Series selection: matchers, `offset`, `@`, instant look-back and range windows.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use promql_parser::label::{MatchOp, Matcher, Matchers};
use promql_parser::parser::{AtModifier, MatrixSelector, Offset, VectorSelector};

use super::{Evaluator, LOOKBACK_MS, QueryError, Range, Sample, Window, millis};
use crate::lab::telemetry::{Labels, METRIC_NAME, Series};

/// Whether `labels` satisfy a selector. Absent labels match as empty strings.
pub fn matches(selector: &VectorSelector, labels: &Labels) -> bool {
    selector.name.as_ref().is_none_or(|name| name == labels.name()) && all_match(&selector.matchers, labels)
}

fn all_match(matchers: &Matchers, labels: &Labels) -> bool {
    let every = |list: &[Matcher]| list.iter().all(|m| m.is_match(labels.get(&m.name)));
    if matchers.or_matchers.is_empty() {
        return every(&matchers.matchers);
    }
    every(&matchers.matchers) && matchers.or_matchers.iter().any(|list| every(list))
}

/// The metric a selector is confined to, if it names one.
fn metric(selector: &VectorSelector) -> Option<&str> {
    let exact = || selector.matchers.matchers.iter().find(|m| m.name == METRIC_NAME && matches!(m.op, MatchOp::Equal));
    selector.name.as_deref().or_else(|| exact().map(|m| m.value.as_str()))
}

/// The labels that `absent` gives its answer: those the selector pins with a single `=`.
pub(super) fn pinned_labels(selector: &VectorSelector) -> Labels {
    let list = &selector.matchers.matchers;
    let pinned = list.iter().filter(|m| {
        let alone = list.iter().filter(|other| other.name == m.name).count() == 1;
        matches!(m.op, MatchOp::Equal) && m.name != METRIC_NAME && alone
    });
    Labels::from_pairs(pinned.map(|m| (m.name.as_str(), m.value.as_str())))
}

impl Evaluator<'_> {
    /// The series a selector chooses, looked up once per query.
    pub(super) fn choose(&self, selector: &VectorSelector) -> Rc<Vec<Arc<Series>>> {
        let key = std::ptr::from_ref(selector).addr();
        if let Some(known) = self.chosen.borrow().get(&key) {
            return Rc::clone(known);
        }
        let found = Rc::new(self.telemetry.select(metric(selector), |labels| matches(selector, labels)));
        self.chosen.borrow_mut().insert(key, Rc::clone(&found));
        found
    }

    /// The moment a selector speaks of when evaluated at `at`.
    pub(super) fn moment(&self, fixed: Option<&AtModifier>, offset: Option<&Offset>, at: i64) -> i64 {
        let moment = match fixed {
            None => at,
            Some(AtModifier::Start) => self.start,
            Some(AtModifier::End) => self.end,
            Some(AtModifier::At(time)) => epoch_millis(*time),
        };
        match offset {
            None => moment,
            Some(Offset::Pos(by)) => moment - millis(*by),
            Some(Offset::Neg(by)) => moment + millis(*by),
        }
    }

    pub(super) fn select_instant(&self, selector: &VectorSelector, at: i64) -> Result<Vec<Sample>, QueryError> {
        let moment = self.moment(selector.at.as_ref(), selector.offset.as_ref(), at);
        let series = self.choose(selector);
        self.spend(series.len())?;
        let found = series.iter().filter_map(|s| {
            let (at, value) = s.latest(self.grid, moment, LOOKBACK_MS)?;
            Some(Sample { labels: s.labels().clone(), at, value })
        });
        Ok(found.collect())
    }

    pub(super) fn window(&self, selector: &MatrixSelector, at: i64) -> Window {
        let to = self.moment(selector.vs.at.as_ref(), selector.vs.offset.as_ref(), at);
        Window { from: to - millis(selector.range), to }
    }

    pub(super) fn select_range(&self, selector: &MatrixSelector, at: i64) -> Result<(Vec<Range>, Window), QueryError> {
        let window = self.window(selector, at);
        let mut ranges = Vec::new();
        for series in self.choose(&selector.vs).iter() {
            let points = series.samples(self.grid, window.from, window.to);
            self.spend(points.len())?;
            if !points.is_empty() {
                ranges.push(Range { labels: series.labels().clone(), points });
            }
        }
        Ok((ranges, window))
    }
}

fn epoch_millis(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => millis(since),
        Err(before) => -millis(before.duration()),
    }
}
