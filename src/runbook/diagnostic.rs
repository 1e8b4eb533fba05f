//! What is wrong with a runbook, and where.

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It cannot run like this.
    Error,
    /// It can run, but hardly as meant.
    Warning,
}

/// A place in the source; both counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Spot {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Spot {
    /// A place.
    pub const fn new(line: usize, column: usize) -> Self {
        Self { line, column }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// Where.
    #[serde(flatten)]
    pub spot: Spot,
    /// What.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Diagnostic {
    /// It cannot run like this.
    pub fn error(spot: Spot, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, spot, message: message.into(), hint: None }
    }

    /// It can run, but hardly as meant.
    pub fn warning(spot: Spot, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, spot, message: message.into(), hint: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Is it an error?
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// `12:3: error: …`.
impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = if self.is_error() { "error" } else { "warning" };
        write!(f, "{}:{}: {word}: {}", self.spot.line, self.spot.column, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// The known word that was probably meant, as a hint: ``did you mean `scale`?``.
pub fn did_you_mean<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // Nobody meant a name of that length, and comparing it takes as long as it is long.
    let found = Some(found).filter(|found| found.len() <= 64)?.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&found, &name.to_lowercase()), name))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| format!("did you mean `{name}`?"))
}
