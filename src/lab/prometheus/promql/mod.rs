//! PromQL, evaluated for real over promql-parser's syntax tree.
//!
//! One evaluator answers one query: it walks the tree once per instant, remembering which series each selector
//! chose. Answers follow Prometheus 2.x (closed range windows, its extrapolation, its matching rules); the table in
//! `tests.rs` was checked against the real server.

mod aggregate;
mod binary;
mod calendar;
mod functions;
mod histogram;
mod relabel;
mod select;
#[cfg(test)]
mod tests;
mod windows;

pub use self::relabel::is_label_name;
pub use self::select::matches;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use promql_parser::parser::value::ValueType;
use promql_parser::parser::{Expr, SubqueryExpr};

use crate::lab::telemetry::{Grid, Labels, Series, Telemetry};

/// How far an instant selector looks back for a sample, milliseconds.
pub const LOOKBACK_MS: i64 = 300_000;
/// Step of a subquery that names none (Prometheus' global evaluation interval), milliseconds.
pub const SUBQUERY_STEP_MS: i64 = 60_000;
/// Points a range query may return per series.
pub const MAX_POINTS: i64 = 11_000;
/// Samples one query may read before it is refused.
const MAX_SAMPLES: usize = 20_000_000;

/// Why a query has no answer; the variants are Prometheus' error types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The request does not make sense (HTTP 400, `bad_data`).
    #[error("{0}")]
    BadData(String),
    /// The query is well formed and cannot be executed (HTTP 422, `execution`).
    #[error("{0}")]
    Execution(String),
}

/// One value of one series at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The series' labels, with its name unless an operation dropped it.
    pub labels: Labels,
    /// When it was scraped, milliseconds; the evaluation time for computed values.
    pub at: i64,
    /// The value.
    pub value: f64,
}

/// Several values of one series, ascending in time.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    /// The series' labels.
    pub labels: Labels,
    /// Milliseconds and value.
    pub points: Vec<(i64, f64)>,
}

/// What an expression evaluates to.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Scalar(f64),
    /// A string literal.
    Text(String),
    /// Many series at one instant.
    Vector(Vec<Sample>),
    /// Many series over a window.
    Matrix(Vec<Range>),
}

/// Parses a query; the error reads like Prometheus' own.
pub fn parse(query: &str) -> Result<Expr, QueryError> {
    if query.trim().is_empty() {
        return Err(QueryError::BadData("unknown position: parse error: no expression found in input".to_owned()));
    }
    promql_parser::parser::parse(query).map_err(|why| QueryError::BadData(format!("parse error: {why}")))
}

/// The value of `expr` at one instant, milliseconds.
pub fn instant(telemetry: &Telemetry, expr: &Expr, at: i64) -> Result<Value, QueryError> {
    let evaluator = Evaluator::new(telemetry, at, at);
    let mut value = evaluator.eval(expr, at)?;
    if let Value::Vector(samples) = &mut value {
        refuse_duplicates(samples)?;
        if !keeps_order(expr) {
            samples.sort_by(|a, b| a.labels.cmp(&b.labels));
        }
        for sample in samples {
            sample.at = at;
        }
    }
    Ok(value)
}

/// The values of `expr` from `start` to `end`, one every `step`, all milliseconds. `step` must be positive.
pub fn range(telemetry: &Telemetry, expr: &Expr, start: i64, end: i64, step: i64) -> Result<Vec<Range>, QueryError> {
    if !matches!(expr.value_type(), ValueType::Scalar | ValueType::Vector) {
        let kind = if expr.value_type() == ValueType::Matrix { "range vector" } else { "string" };
        return Err(QueryError::BadData(format!(
            "invalid expression type \"{kind}\" for range query, must be Scalar or instant Vector"
        )));
    }
    let evaluator = Evaluator::new(telemetry, start, end);
    evaluator.sweep(expr, start, end, step)
}

/// `sort`, `sort_desc`, `topk` and `bottomk` decide the order of an instant answer.
fn keeps_order(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(inner) => keeps_order(&inner.expr),
        Expr::Call(call) => call.func.name.starts_with("sort"),
        Expr::Aggregate(aggregate) => aggregate::is_ranking(aggregate.op.id()),
        _ => false,
    }
}

/// Names are dropped by most operations; two series must not become one.
fn refuse_duplicates(samples: &[Sample]) -> Result<(), QueryError> {
    let mut seen = HashSet::with_capacity(samples.len());
    if samples.iter().all(|s| seen.insert(&s.labels)) {
        return Ok(());
    }
    Err(QueryError::Execution("vector cannot contain metrics with the same labelset".to_owned()))
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// One query being answered.
struct Evaluator<'a> {
    telemetry: &'a Telemetry,
    grid: Grid,
    /// Of the whole query, for `@ start()` and `@ end()`.
    start: i64,
    end: i64,
    /// Which series each selector chose, by the selector's address in the tree.
    chosen: RefCell<HashMap<usize, Rc<Vec<Arc<Series>>>>>,
    samples: Cell<usize>,
}

impl<'a> Evaluator<'a> {
    fn new(telemetry: &'a Telemetry, start: i64, end: i64) -> Self {
        let grid = telemetry.grid();
        Self { telemetry, grid, start, end, chosen: RefCell::default(), samples: Cell::new(0) }
    }

    /// Counts samples read, so that a careless subquery fails rather than stalls the lab.
    fn spend(&self, samples: usize) -> Result<(), QueryError> {
        self.samples.set(self.samples.get().saturating_add(samples));
        if self.samples.get() > MAX_SAMPLES {
            let why = "query processing would load too many samples into memory in query execution";
            return Err(QueryError::Execution(why.to_owned()));
        }
        Ok(())
    }

    fn eval(&self, expr: &Expr, at: i64) -> Result<Value, QueryError> {
        match expr {
            Expr::NumberLiteral(number) => Ok(Value::Scalar(number.val)),
            Expr::StringLiteral(text) => Ok(Value::Text(text.val.clone())),
            Expr::Paren(inner) => self.eval(&inner.expr, at),
            Expr::VectorSelector(selector) => self.select_instant(selector, at).map(Value::Vector),
            Expr::MatrixSelector(selector) => {
                let (ranges, _) = self.select_range(selector, at)?;
                Ok(Value::Matrix(ranges))
            }
            Expr::Subquery(subquery) => self.subquery(subquery, at).map(|(ranges, _)| Value::Matrix(ranges)),
            Expr::Unary(unary) => match self.eval(&unary.expr, at)? {
                Value::Scalar(value) => Ok(Value::Scalar(-value)),
                other => {
                    let mut samples = vector(other)?;
                    for sample in &mut samples {
                        sample.labels = sample.labels.without_name();
                        sample.value = -sample.value;
                    }
                    refuse_duplicates(&samples)?;
                    Ok(Value::Vector(samples))
                }
            },
            Expr::Binary(binary) => self.binary(binary, at),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, at).map(Value::Vector),
            Expr::Call(call) => self.call(call, at),
            Expr::Extension(_) => Err(QueryError::Execution("unhandled expression of type extension".to_owned())),
        }
    }

    fn vector(&self, expr: &Expr, at: i64) -> Result<Vec<Sample>, QueryError> {
        vector(self.eval(expr, at)?)
    }

    fn scalar(&self, expr: &Expr, at: i64) -> Result<f64, QueryError> {
        match self.eval(expr, at)? {
            Value::Scalar(value) => Ok(value),
            _ => Err(QueryError::BadData("expected a scalar".to_owned())),
        }
    }

    fn text(&self, expr: &Expr, at: i64) -> Result<String, QueryError> {
        match self.eval(expr, at)? {
            Value::Text(text) => Ok(text),
            _ => Err(QueryError::BadData("expected a string".to_owned())),
        }
    }

    /// Evaluates `expr` at every step and gathers the values by series.
    fn sweep(&self, expr: &Expr, start: i64, end: i64, step: i64) -> Result<Vec<Range>, QueryError> {
        let mut gathered: BTreeMap<Labels, Vec<(i64, f64)>> = BTreeMap::new();
        let mut at = start;
        while at <= end {
            match self.eval(expr, at)? {
                Value::Scalar(value) => gathered.entry(Labels::default()).or_default().push((at, value)),
                Value::Vector(samples) => {
                    self.spend(samples.len() + 1)?;
                    for sample in samples {
                        let points = gathered.entry(sample.labels).or_default();
                        if points.last().is_some_and(|(last, _)| *last == at) {
                            let why = "vector cannot contain metrics with the same labelset";
                            return Err(QueryError::Execution(why.to_owned()));
                        }
                        points.push((at, sample.value));
                    }
                }
                Value::Matrix(_) | Value::Text(_) => {
                    return Err(QueryError::BadData("expected a scalar or an instant vector".to_owned()));
                }
            }
            at += step;
        }
        Ok(gathered.into_iter().map(|(labels, points)| Range { labels, points }).collect())
    }

    /// A subquery's values, and the window they fill. Steps are aligned to multiples of the step, independent of
    /// the time of evaluation, as Prometheus does.
    fn subquery(&self, subquery: &SubqueryExpr, at: i64) -> Result<(Vec<Range>, Window), QueryError> {
        let to = self.moment(subquery.at.as_ref(), subquery.offset.as_ref(), at);
        let window = Window { from: to - millis(subquery.range), to };
        let step = subquery.step.map_or(SUBQUERY_STEP_MS, millis).max(1);
        let first = window.from.div_euclid(step) * step;
        let first = if first < window.from { first + step } else { first };
        Ok((self.sweep(&subquery.expr, first, to, step)?, window))
    }
}

/// The window of a range vector, milliseconds, both ends included.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: i64,
    to: i64,
}

fn vector(value: Value) -> Result<Vec<Sample>, QueryError> {
    match value {
        Value::Vector(samples) => Ok(samples),
        _ => Err(QueryError::BadData("expected an instant vector".to_owned())),
    }
}
