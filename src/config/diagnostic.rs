//! What is wrong with a file, and where: the line, a caret under it, what would be accepted, what was probably meant.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use regex::{Captures, Regex};

/// Where a value was said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// In an embedded file, by its name.
    BuiltIn(&'static str),
    /// In a file.
    File(PathBuf),
    /// In an environment variable, by its name.
    Environment(String),
    /// In an argument, as the user knows it (`--theme`).
    Argument(String),
}

impl Origin {
    /// The file, when it is one of the user's.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            _ => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(name) => write!(f, "built-in {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Argument(name) => write!(f, "argument {name}"),
        }
    }
}

/// A text that is read, with where it comes from.
#[derive(Debug)]
pub(super) struct Source {
    pub origin: Origin,
    pub text: String,
}

/// A place in a source: byte offsets.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub source: Arc<Source>,
    pub span: Range<usize>,
}

impl Place {
    /// 1-based line and column (in characters).
    pub fn position(&self) -> (usize, usize) {
        let before = self.source.text.get(..self.span.start).unwrap_or(&self.source.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The line that it begins in.
    pub fn line(&self) -> &str {
        let text = &self.source.text;
        let start = self.span.start.min(text.len());
        let line_start = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let line_end = text.get(start..).and_then(|after| after.find('\n')).map_or(text.len(), |at| start + at);
        text.get(line_start..line_end).unwrap_or_default().trim_end_matches('\r')
    }

    fn excerpt(&self) -> Excerpt {
        let text = &self.source.text;
        let line = self.line();
        let (_, column) = self.position();
        let start = self.span.start.min(text.len());
        let line_end = start + text.get(start..).and_then(|after| after.find('\n')).unwrap_or(text.len() - start);
        let end = self.span.end.clamp(start, line_end);
        let width = text.get(start..end).map_or(1, |marked| marked.chars().count()).max(1);
        let caret = column - 1;
        let line = hide_secrets(&line.replace('\t', " "), caret);
        let width = width.min(line.chars().count().saturating_sub(caret)).max(1);
        Excerpt { line, caret, width }
    }
}

/// What is called like a secret and holds something else than a table or a list: also what is misspelt, and what is not
/// closed.
static SECRETS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let name = r#"["']?[\w-]*(?:tok|pas|secret|auth|cookie|api-?key|basic|headers|credential)[\w-]*["']?"#;
    Regex::new(&format!(r#"(?i)({name}\s*=\s*)("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s{{\["'][^,}}]*)"#)).ok()
});

/// The line without the values of what is called like a secret. Before the caret they keep their width.
fn hide_secrets(line: &str, caret: usize) -> String {
    let Some(secrets) = SECRETS.as_ref() else { return "…".to_owned() };
    let hide = |found: &Captures<'_>| {
        let (Some(all), Some(value)) = (found.get(0), found.get(2)) else { return "…".to_owned() };
        let before = line[..all.end()].chars().count() <= caret;
        let width = if before { value.as_str().chars().count() } else { 1 };
        format!("{}{}", &found[1], "…".repeat(width))
    };
    secrets.replace_all(line, hide).into_owned()
}

/// The line in question and the part of it that is meant, in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line; tabs are single spaces.
    pub line: String,
    /// Characters before the caret.
    pub caret: usize,
    /// How many characters it underlines.
    pub width: usize,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where it was said.
    pub origin: Origin,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The setting, with its tables (`prometheus.timeout`); empty for syntax.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What would be accepted, when that is a short list.
    pub accepted: Vec<String>,
    /// What was probably meant.
    pub suggestion: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The line, marked.
    pub excerpt: Excerpt,
    /// Does it stop nothing? Then it is said where the configuration is checked, and nowhere else.
    pub is_remark: bool,
}

impl Diagnostic {
    pub(super) fn new(place: &Place, key: impl Into<String>, message: impl Into<String>) -> Self {
        let (line, column) = place.position();
        Self {
            origin: place.source.origin.clone(),
            line,
            column,
            key: key.into(),
            message: message.into(),
            accepted: Vec::new(),
            suggestion: None,
            hint: None,
            excerpt: place.excerpt(),
            is_remark: false,
        }
    }

    /// It stops nothing.
    pub(super) fn remark(mut self) -> Self {
        self.is_remark = true;
        self
    }

    /// Lists what would be accepted and guesses which of it was meant.
    pub(super) fn accepts<S: AsRef<str>>(mut self, found: &str, names: &[S]) -> Self {
        self.suggestion = did_you_mean(found, names).map(str::to_owned);
        self.accepted = names.iter().map(|name| name.as_ref().to_owned()).collect();
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Blanks what follows the marked key, up to the end of the line: nobody knows what an unknown setting holds.
    pub(super) fn masked_value(mut self) -> Self {
        let end = self.excerpt.caret + self.excerpt.width;
        let rest: String = self.excerpt.line.chars().skip(end).collect();
        if rest.contains('=') {
            let kept: String = self.excerpt.line.chars().take(end).collect();
            self.excerpt.line = kept + " = …";
        }
        self
    }

    /// Blanks everything between the marked beginning and the end of the line: it may be a secret.
    pub(super) fn masked(mut self) -> Self {
        let kept: String = self.excerpt.line.chars().take(self.excerpt.caret).collect();
        self.excerpt.line = kept + "…";
        self.excerpt.width = 1;
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.key.is_empty() { String::new() } else { format!("{}: ", self.key) };
        let gutter = " ".repeat(self.line.to_string().len());
        let word = if self.is_remark { "careful" } else { "error" };
        writeln!(f, "{word}: {key}{}", self.message)?;
        writeln!(f, "{gutter}--> {}:{}:{}", self.origin, self.line, self.column)?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{} | {}", self.line, self.excerpt.line)?;
        write!(f, "{gutter} | {}{}", " ".repeat(self.excerpt.caret), "^".repeat(self.excerpt.width))?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, " did you mean `{suggestion}`?")?;
        }
        if !self.accepted.is_empty() {
            write!(f, "\n{gutter} = accepted: {}", self.accepted.join(", "))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n{gutter} = help: {hint}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with what was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
}

impl ConfigError {
    /// An error without a line: a file that cannot be read.
    pub(super) fn file(origin: Origin, message: impl Into<String>) -> Self {
        let source = Source { origin, text: String::new() };
        Diagnostic::new(&Place { source: Arc::new(source), span: 0..0 }, "", message).into()
    }

    /// `Ok` when nothing is wrong.
    pub(super) fn check(mut diagnostics: Vec<Diagnostic>) -> Result<(), Self> {
        if diagnostics.is_empty() {
            return Ok(());
        }
        diagnostics.sort_by(|a, b| (&a.origin, a.line, a.column).cmp(&(&b.origin, b.line, b.column)));
        Err(Self { diagnostics })
    }
}

impl From<Diagnostic> for ConfigError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { diagnostics: vec![diagnostic] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// The nearest of `names`, when it is near enough to have been meant.
pub fn did_you_mean<'a, S: AsRef<str>>(found: &str, names: &'a [S]) -> Option<&'a str> {
    let found = found.to_lowercase();
    names
        .iter()
        .map(AsRef::as_ref)
        .map(|name| (strsim::jaro_winkler(&found, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
