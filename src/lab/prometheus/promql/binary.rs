//! Binary operators: arithmetic, comparisons, set operators, and vector matching with `on`, `ignoring`, `group_*`.

use std::collections::{HashMap, HashSet};

use promql_parser::parser::token::{
    T_ADD, T_ATAN2, T_DIV, T_EQLC, T_GTE, T_GTR, T_LAND, T_LOR, T_LSS, T_LTE, T_LUNLESS, T_MOD, T_MUL, T_NEQ, T_POW,
    T_SUB, TokenId,
};
use promql_parser::parser::{BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality};

use super::{Evaluator, QueryError, Sample, Value, refuse_duplicates};
use crate::lab::telemetry::{Labels, METRIC_NAME};

impl Evaluator<'_> {
    pub(super) fn binary(&self, binary: &BinaryExpr, at: i64) -> Result<Value, QueryError> {
        let op = binary.op.id();
        let returns_bool = binary.return_bool();
        let lhs = self.eval(&binary.lhs, at)?;
        let rhs = self.eval(&binary.rhs, at)?;
        match (lhs, rhs) {
            (Value::Scalar(l), Value::Scalar(r)) => Ok(Value::Scalar(apply(op, l, r).as_number())),
            (Value::Vector(samples), Value::Scalar(scalar)) => {
                with_scalar(samples, op, returns_bool, at, |v| (v, scalar)).map(Value::Vector)
            }
            (Value::Scalar(scalar), Value::Vector(samples)) => {
                with_scalar(samples, op, returns_bool, at, |v| (scalar, v)).map(Value::Vector)
            }
            (Value::Vector(left), Value::Vector(right)) => {
                let default = BinModifier::default();
                let modifier = binary.modifier.as_ref().unwrap_or(&default);
                if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
                    return Err(QueryError::BadData("fill modifiers are not enabled".to_owned()));
                }
                let key = MatchKey::of(modifier);
                let samples = match op {
                    T_LAND | T_LUNLESS => {
                        let known: HashSet<Labels> = right.iter().map(|s| key.of_labels(&s.labels)).collect();
                        let wanted = op == T_LAND;
                        left.into_iter().filter(|s| known.contains(&key.of_labels(&s.labels)) == wanted).collect()
                    }
                    T_LOR => {
                        let known: HashSet<Labels> = left.iter().map(|s| key.of_labels(&s.labels)).collect();
                        let others = right.into_iter().filter(|s| !known.contains(&key.of_labels(&s.labels)));
                        left.into_iter().chain(others).collect()
                    }
                    _ => match_vectors(left, right, op, modifier, &key, at)?,
                };
                Ok(Value::Vector(samples))
            }
            _ => Err(QueryError::BadData(
                "binary expression must contain only scalar and instant vector types".to_owned(),
            )),
        }
    }
}

/// What an operator makes of two numbers.
enum Outcome {
    /// Arithmetic.
    Number(f64),
    /// A comparison.
    Holds(bool),
}

impl Outcome {
    fn as_number(&self) -> f64 {
        match self {
            Self::Number(value) => *value,
            Self::Holds(holds) => f64::from(u8::from(*holds)),
        }
    }
}

#[allow(clippy::float_cmp)] // PromQL's == is exact
fn apply(op: TokenId, l: f64, r: f64) -> Outcome {
    match op {
        T_ADD => Outcome::Number(l + r),
        T_SUB => Outcome::Number(l - r),
        T_MUL => Outcome::Number(l * r),
        T_DIV => Outcome::Number(l / r),
        T_MOD => Outcome::Number(l % r),
        T_POW => Outcome::Number(l.powf(r)),
        T_ATAN2 => Outcome::Number(l.atan2(r)),
        T_EQLC => Outcome::Holds(l == r),
        T_NEQ => Outcome::Holds(l != r),
        T_GTR => Outcome::Holds(l > r),
        T_LSS => Outcome::Holds(l < r),
        T_GTE => Outcome::Holds(l >= r),
        T_LTE => Outcome::Holds(l <= r),
        // The parser admits no other operator here.
        _ => Outcome::Number(f64::NAN),
    }
}

fn is_arithmetic(op: TokenId) -> bool {
    matches!(op, T_ADD | T_SUB | T_MUL | T_DIV | T_MOD | T_POW | T_ATAN2)
}

fn with_scalar(
    samples: Vec<Sample>,
    op: TokenId,
    returns_bool: bool,
    at: i64,
    sides: impl Fn(f64) -> (f64, f64),
) -> Result<Vec<Sample>, QueryError> {
    let mut out = Vec::with_capacity(samples.len());
    for Sample { labels, value, .. } in samples {
        let (l, r) = sides(value);
        let outcome = apply(op, l, r);
        match outcome {
            Outcome::Holds(false) if !returns_bool => {}
            // A filter keeps the sample as it is, even when the scalar stands on the left.
            Outcome::Holds(true) if !returns_bool => out.push(Sample { labels, at, value }),
            _ => out.push(Sample { labels: labels.without_name(), at, value: outcome.as_number() }),
        }
    }
    refuse_duplicates(&out)?;
    Ok(out)
}

/// Which labels two samples must share to be matched.
struct MatchKey<'a> {
    labels: &'a [String],
    on: bool,
}

impl<'a> MatchKey<'a> {
    fn of(modifier: &'a BinModifier) -> Self {
        match &modifier.matching {
            Some(LabelModifier::Include(on)) => Self { labels: &on.labels, on: true },
            Some(LabelModifier::Exclude(ignored)) => Self { labels: &ignored.labels, on: false },
            None => Self { labels: &[], on: false },
        }
    }

    fn lists(&self, name: &str) -> bool {
        self.labels.iter().any(|l| l == name)
    }

    fn of_labels(&self, labels: &Labels) -> Labels {
        if self.on { labels.retain(|n| self.lists(n)) } else { labels.retain(|n| n != METRIC_NAME && !self.lists(n)) }
    }
}

fn match_vectors(
    left: Vec<Sample>,
    right: Vec<Sample>,
    op: TokenId,
    modifier: &BinModifier,
    key: &MatchKey<'_>,
    at: i64,
) -> Result<Vec<Sample>, QueryError> {
    // From here on "one" is the side that may match many; group_right swaps the roles.
    let swapped = matches!(modifier.card, VectorMatchCardinality::OneToMany(_));
    let one_to_one = matches!(modifier.card, VectorMatchCardinality::OneToOne);
    let (many, one) = if swapped { (right, left) } else { (left, right) };
    let mut ones: HashMap<Labels, &Sample> = HashMap::with_capacity(one.len());
    for sample in &one {
        let signature = key.of_labels(&sample.labels);
        if let Some(other) = ones.get(&signature) {
            let side = if swapped { "left" } else { "right" };
            return Err(QueryError::Execution(format!(
                "found duplicate series for the match group {} on the {side} hand-side of the operation: \
                 [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
                braces(&signature),
                braces(&sample.labels),
                braces(&other.labels),
            )));
        }
        ones.insert(signature, sample);
    }
    let mut matched: HashSet<Labels> = HashSet::new();
    let mut grouped: HashSet<(Labels, Labels)> = HashSet::new();
    let mut out = Vec::new();
    for sample in many {
        let signature = key.of_labels(&sample.labels);
        let Some(partner) = ones.get(&signature) else { continue };
        let (l, r) = if swapped { (partner.value, sample.value) } else { (sample.value, partner.value) };
        let outcome = apply(op, l, r);
        let value = match outcome {
            Outcome::Number(value) => value,
            Outcome::Holds(_) if modifier.return_bool => outcome.as_number(),
            Outcome::Holds(true) => l,
            Outcome::Holds(false) => continue,
        };
        let mut labels = result_labels(&sample.labels, &partner.labels, op, modifier, key);
        if modifier.return_bool {
            labels = labels.without_name();
        }
        if one_to_one {
            if !matched.insert(signature) {
                let why = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
                return Err(QueryError::Execution(why.to_owned()));
            }
        } else if !grouped.insert((signature, labels.clone())) {
            let why = "multiple matches for labels: grouping labels must ensure unique matches";
            return Err(QueryError::Execution(why.to_owned()));
        }
        out.push(Sample { labels, at, value });
    }
    Ok(out)
}

fn result_labels(many: &Labels, one: &Labels, op: TokenId, modifier: &BinModifier, key: &MatchKey<'_>) -> Labels {
    let mut labels = if is_arithmetic(op) { many.without_name() } else { many.clone() };
    match modifier.card.labels() {
        // Included labels come from the "one" side.
        Some(included) => {
            for name in &included.labels {
                labels = labels.with(name, one.get(name));
            }
        }
        None if key.on => labels = labels.retain(|n| key.lists(n)),
        None => labels = labels.retain(|n| !key.lists(n)),
    }
    labels
}

/// Labels the way Prometheus' errors print them: the name is a label like any other.
fn braces(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(n, v)| format!("{n}={v:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}
