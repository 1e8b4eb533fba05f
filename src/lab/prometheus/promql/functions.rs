//! Functions of instant vectors and scalars, and the dispatch of every call.

use promql_parser::parser::{Call, Expr};

use super::aggregate::by_value;
use super::select::pinned_labels;
use super::{Evaluator, QueryError, Sample, Value, calendar, refuse_duplicates};
use crate::lab::telemetry::Labels;

impl Evaluator<'_> {
    pub(super) fn call(&self, call: &Call, at: i64) -> Result<Value, QueryError> {
        let name = call.func.name;
        if call.func.experimental {
            return Err(QueryError::BadData(format!("parse error: function {name:?} is not enabled")));
        }
        if let Some(samples) = self.window_call(call, at)? {
            refuse_duplicates(&samples)?;
            return Ok(Value::Vector(samples));
        }
        let args = &call.args.args;
        let arg = |i: usize| {
            let missing = || QueryError::BadData(format!("argument missing in call to function {name:?}"));
            args.get(i).map(|a| &**a).ok_or_else(missing)
        };
        if let Some(function) = plain(name) {
            return self.map(arg(0)?, at, function);
        }
        if let Some(function) = calendar::function(name) {
            if args.is_empty() {
                let value = function(at.div_euclid(1000));
                return Ok(Value::Vector(vec![Sample { labels: Labels::default(), at, value }]));
            }
            return self.map(arg(0)?, at, |v| if v.is_finite() { function(v as i64) } else { f64::NAN });
        }
        match name {
            "time" => Ok(Value::Scalar(at as f64 / 1000.0)),
            "pi" => Ok(Value::Scalar(std::f64::consts::PI)),
            "vector" => {
                let value = self.scalar(arg(0)?, at)?;
                Ok(Value::Vector(vec![Sample { labels: Labels::default(), at, value }]))
            }
            "scalar" => {
                let samples = self.vector(arg(0)?, at)?;
                let [only] = samples.as_slice() else { return Ok(Value::Scalar(f64::NAN)) };
                Ok(Value::Scalar(only.value))
            }
            "timestamp" => {
                let samples = self.vector(arg(0)?, at)?.into_iter();
                let stamped =
                    samples.map(|s| Sample { labels: s.labels.without_name(), at, value: s.at as f64 / 1000.0 });
                unique(stamped.collect())
            }
            "absent" => {
                let found = !self.vector(arg(0)?, at)?.is_empty();
                Ok(absent(arg(0)?, found, at))
            }
            "absent_over_time" => {
                let found = !self.matrix(arg(0)?, at)?.0.is_empty();
                Ok(absent(arg(0)?, found, at))
            }
            "clamp" => {
                let (low, high) = (self.scalar(arg(1)?, at)?, self.scalar(arg(2)?, at)?);
                if low > high {
                    return Ok(Value::Vector(Vec::new()));
                }
                self.map(arg(0)?, at, |v| clamp(v, low, high))
            }
            "clamp_min" => {
                let low = self.scalar(arg(1)?, at)?;
                self.map(arg(0)?, at, |v| clamp(v, low, f64::INFINITY))
            }
            "clamp_max" => {
                let high = self.scalar(arg(1)?, at)?;
                self.map(arg(0)?, at, |v| clamp(v, f64::NEG_INFINITY, high))
            }
            "round" => {
                let nearest = if args.len() > 1 { self.scalar(arg(1)?, at)? } else { 1.0 };
                // Ties go up, and the inverse avoids float error for 0.1 and the like, as in Prometheus.
                let inverse = 1.0 / nearest;
                self.map(arg(0)?, at, |v| (v * inverse + 0.5).floor() / inverse)
            }
            "sort" | "sort_desc" => {
                let mut samples = self.vector(arg(0)?, at)?;
                let descending = name == "sort_desc";
                samples.sort_by(|a, b| by_value(a.value, b.value, descending).then_with(|| a.labels.cmp(&b.labels)));
                Ok(Value::Vector(samples))
            }
            "histogram_quantile" => {
                let phi = self.scalar(arg(0)?, at)?;
                let buckets = self.vector(arg(1)?, at)?;
                Ok(Value::Vector(super::histogram::quantiles(phi, buckets, at)))
            }
            "label_replace" => {
                let samples = self.vector(arg(0)?, at)?;
                let text = |i: usize| arg(i).and_then(|a| self.text(a, at));
                let (target, replacement, source, pattern) = (text(1)?, text(2)?, text(3)?, text(4)?);
                unique(super::relabel::replace(samples, &target, &replacement, &source, &pattern)?)
            }
            "label_join" => {
                let samples = self.vector(arg(0)?, at)?;
                let mut texts = args[1..].iter().map(|a| self.text(a, at)).collect::<Result<Vec<_>, _>>()?;
                let sources = texts.split_off(2.min(texts.len()));
                let [target, separator] = texts.as_slice() else { return unique(samples) };
                unique(super::relabel::join(samples, target, separator, &sources)?)
            }
            _ => Err(QueryError::Execution(format!("function {name:?} is not supported by this server"))),
        }
    }

    fn map(&self, arg: &Expr, at: i64, function: impl Fn(f64) -> f64) -> Result<Value, QueryError> {
        let samples = self.vector(arg, at)?.into_iter();
        let mapped = samples.map(|s| Sample { labels: s.labels.without_name(), at, value: function(s.value) });
        unique(mapped.collect())
    }
}

fn unique(samples: Vec<Sample>) -> Result<Value, QueryError> {
    refuse_duplicates(&samples)?;
    Ok(Value::Vector(samples))
}

/// One sample of value 1 when nothing was found, labelled with what the selector asked for.
fn absent(arg: &Expr, found: bool, at: i64) -> Value {
    if found {
        return Value::Vector(Vec::new());
    }
    let labels = match arg {
        Expr::VectorSelector(selector) => pinned_labels(selector),
        Expr::MatrixSelector(selector) => pinned_labels(&selector.vs),
        Expr::Paren(inner) => return absent(&inner.expr, found, at),
        _ => Labels::default(),
    };
    Value::Vector(vec![Sample { labels, at, value: 1.0 }])
}

fn clamp(value: f64, low: f64, high: f64) -> f64 {
    if low.is_nan() || high.is_nan() || value.is_nan() { f64::NAN } else { value.min(high).max(low) }
}

/// Functions from one number to another.
fn plain(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "sqrt" => f64::sqrt,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        "deg" => f64::to_degrees,
        "rad" => f64::to_radians,
        "sgn" => |v| {
            if v > 0.0 {
                1.0
            } else if v < 0.0 {
                -1.0
            } else {
                v
            }
        },
        _ => return None,
    })
}
