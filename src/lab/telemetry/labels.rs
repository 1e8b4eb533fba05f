//! Label sets: what names a series.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The label that carries the metric's name.
pub const METRIC_NAME: &str = "__name__";
/// A set of labels, sorted by name, cheap to clone. An empty value is the same as an absent label.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Labels(Arc<[(Arc<str>, Arc<str>)]>);

impl Labels {
    /// The series `name{pairs…}`.
    pub fn new(name: &str, pairs: &[(&str, &str)]) -> Self {
        Self::from_pairs(std::iter::once((METRIC_NAME, name)).chain(pairs.iter().copied()))
    }

    /// Labels from any pairs; later pairs win over earlier ones of the same name.
    pub fn from_pairs<N: Into<Arc<str>>, V: Into<Arc<str>>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let map: BTreeMap<Arc<str>, Arc<str>> = pairs.into_iter().map(|(n, v)| (n.into(), v.into())).collect();
        Self(map.into_iter().filter(|(_, v)| !v.is_empty()).collect())
    }

    /// The value of `name`; empty when absent, as in PromQL.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| &**n == name).map_or("", |(_, v)| v)
    }

    /// The metric's name; empty when dropped.
    pub fn name(&self) -> &str {
        self.get(METRIC_NAME)
    }

    /// Name and value pairs in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (&**n, &**v))
    }

    /// Whether there is no label at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Only the labels that `keep` accepts by name.
    #[must_use]
    pub fn retain(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(n, _)| keep(n)).cloned().collect())
    }

    /// Everything but the metric's name.
    #[must_use]
    pub fn without_name(&self) -> Self {
        if self.name().is_empty() { self.clone() } else { self.retain(|n| n != METRIC_NAME) }
    }

    /// The same labels with `name` set to `value` (removed when `value` is empty).
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut pairs: Vec<(Arc<str>, Arc<str>)> = self.0.iter().filter(|(n, _)| &**n != name).cloned().collect();
        if !value.is_empty() {
            let at = pairs.partition_point(|(n, _)| &**n < name);
            pairs.insert(at, (name.into(), value.into()));
        }
        Self(pairs.into())
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let mut separator = "{";
        for (name, value) in self.iter().filter(|(n, _)| *n != METRIC_NAME) {
            write!(f, "{separator}{name}={value:?}")?;
            separator = ", ";
        }
        match separator {
            "{" if self.name().is_empty() => f.write_str("{}"),
            "{" => Ok(()),
            _ => f.write_str("}"),
        }
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
