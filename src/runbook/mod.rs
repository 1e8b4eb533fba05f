//! Runbooks: the file format and plain Markdown, parameters and templates, lint, matching, and the run as a pure state
//! machine. Nothing here reads a file or a clock, and nothing is performed here: `runtime` does what a run asks for.
//!
//! ```text
//! text → parse → Runbook ──rank──→ chosen → Run::begin → effects (record, then perform) → inputs → … → finished
//! ```
//!
//! A value (parameter, capture, label of an alert) never becomes syntax: bodies are read with placeholders in the place of
//! templates, and values are put into what was read ([`splice`]).

pub mod act;
pub mod action;
pub mod attributes;
mod bodies;
pub mod diagnostic;
mod drafts;
pub mod facts;
mod foreign;
mod front_matter;
pub mod kubectl;
pub mod lint;
mod markdown;
pub mod matching;
pub mod meta;
mod outline;
pub mod parameter;
pub mod placeholders;
mod plain;
pub mod promql;
pub mod run;
pub mod shipped;
pub mod splice;
pub mod step;
pub mod url;
mod yaml;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use self::diagnostic::Diagnostic;
use self::meta::Meta;
use self::parameter::{Parameter, Values};
use self::step::Step;
use crate::domain::time::Instant;

/// The version that the front matter of our format names.
pub const API_VERSION: &str = "opsdeck.dev/v1";
/// The largest file that is read, in bytes.
pub const LARGEST: usize = 10 * 1024 * 1024;

/// Where a runbook comes from; later ones override earlier ones by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shelf {
    /// Part of the program.
    Shipped,
    /// `/etc/opsdeck/runbooks`.
    System,
    /// The user's own directory.
    User,
    /// A directory named in the configuration.
    Directory,
    /// Fetched from a `runbook_url`.
    Fetched,
}

impl Shelf {
    /// As on screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Shipped => "shipped",
            Self::System => "system",
            Self::User => "user",
            Self::Directory => "directory",
            Self::Fetched => "fetched",
        }
    }
}

/// Which text it is, and how old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Path or URL.
    pub place: String,
    /// Kind of source.
    pub shelf: Shelf,
    /// Last changed, where that is known.
    pub modified: Option<Instant>,
}

impl Origin {
    /// The file's name without directories and extension; for an URL the last part of its path.
    pub fn stem(&self) -> &str {
        let path = self.place.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        match name.rsplit_once('.') {
            Some((stem, _)) if !stem.is_empty() => stem,
            _ => name,
        }
    }
}

/// One runbook, as parsed.
#[derive(Clone, Debug)]
pub struct Runbook {
    /// Identity: from the front matter, else from the file's name.
    pub id: String,
    /// Title.
    pub title: String,
    /// Where it is from.
    pub origin: Origin,
    /// SHA-256 of the source, in hex: a run keeps the version that it began with.
    pub digest: String,
    /// The whole text, as it was read.
    pub source: Arc<str>,
    /// Is it in our format? Otherwise it is plain Markdown, read as well as can be.
    pub native: bool,
    /// Everything else of the front matter.
    pub meta: Meta,
    /// What it needs to know.
    pub parameters: Vec<Parameter>,
    /// The `##` sections, in order. The first may be the text before any of them, without a title.
    pub sections: Vec<Section>,
    /// All steps, in order.
    pub steps: Vec<Step>,
    /// The whole document for display; every line of the source that is not blank is in one of them.
    pub blocks: Vec<Block>,
}

impl Runbook {
    /// The number of the step of this name.
    pub fn step(&self, name: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.name == name)
    }

    /// Values of its parameters from texts. The error names what is no parameter, or no such value.
    pub fn read_values(&self, with: &BTreeMap<String, String>) -> Result<Values, String> {
        let mut values = Values::new();
        for (name, text) in with {
            let parameter = self.parameter(name).ok_or_else(|| {
                let known: Vec<&str> = self.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
                let near = crate::config::diagnostic::did_you_mean(name, &known);
                let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                format!("{} has no parameter `{name}`{near}", self.id)
            })?;
            values.insert(name.clone(), parameter.read(text)?);
        }
        Ok(values)
    }

    /// The parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// Values of its parameters as they may be shown: of secrets only that they are.
    pub fn without_secrets(&self, values: Values) -> Values {
        let secrets = self.parameters.iter().filter(|parameter| parameter.secret);
        parameter::hidden(values, secrets.map(|parameter| &parameter.name))
    }
}

/// What a section is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// What the alert says.
    Meaning,
    /// What users feel.
    Impact,
    /// Find the cause.
    Diagnosis,
    /// Make it stop.
    Mitigation,
    /// See that it stopped.
    Verification,
    /// Whom to call.
    Escalation,
    /// Anything else.
    Other,
}

impl Purpose {
    /// The sections that a complete runbook has.
    pub const KNOWN: [Self; 6] =
        [Self::Meaning, Self::Impact, Self::Diagnosis, Self::Mitigation, Self::Verification, Self::Escalation];

    /// The usual heading.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Meaning => "Meaning",
            Self::Impact => "Impact",
            Self::Diagnosis => "Diagnosis",
            Self::Mitigation => "Mitigation",
            Self::Verification => "Verification",
            Self::Escalation => "Escalation",
            Self::Other => "other",
        }
    }

    /// By a heading's text, whatever its case.
    pub fn of(heading: &str) -> Self {
        let heading = heading.trim().trim_end_matches(':').to_lowercase();
        Self::KNOWN.into_iter().find(|purpose| purpose.word().to_lowercase() == heading).unwrap_or(Self::Other)
    }
}

/// A `##` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Heading; empty for the text before the first.
    pub title: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Lines of the source, counted from 1, end exclusive.
    pub lines: Range<usize>,
}

/// A piece of the document, for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Lines of the source, counted from 1, end exclusive.
    pub lines: Range<usize>,
    /// How many lists it is nested in.
    pub depth: u8,
    /// How many quotes it is nested in.
    pub quotes: u8,
    /// What it is.
    pub kind: BlockKind,
}

/// Kinds of block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// Front matter, as it was written.
    FrontMatter(String),
    /// A heading.
    Heading {
        /// 1 to 6.
        level: u8,
        /// Its text.
        text: Vec<Span>,
    },
    /// A paragraph.
    Paragraph(Vec<Span>),
    /// The begin of a list item, with its first paragraph.
    Item {
        /// Its number in an ordered list.
        number: Option<u64>,
        /// A task, and whether it is ticked off.
        task: Option<bool>,
        /// Its text.
        text: Vec<Span>,
    },
    /// Code, fenced or indented.
    Code {
        /// The fence's info string; empty for none.
        info: String,
        /// The code itself.
        text: String,
        /// The first line of the code (not of the fence).
        first: usize,
    },
    /// A table; the first row is its head.
    Table(Vec<Vec<Vec<Span>>>),
    /// A horizontal rule.
    Rule,
    /// Anything else, as it was written (HTML, link definitions).
    Raw(String),
}

/// A run of text in one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The text.
    pub text: String,
    /// How it looks.
    pub style: Style,
}

/// How text looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Style {
    /// As any text.
    Plain,
    /// Code.
    Code,
    /// Emphasis.
    Emphasis,
    /// Strong.
    Strong,
    /// Struck out.
    Struck,
    /// A link or picture, and where it leads.
    Link(String),
}

/// The text of spans without their looks.
pub fn text_of(spans: &[Span]) -> String {
    spans.iter().map(|span| span.text.as_str()).collect()
}

/// What parsing gave.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The runbook; `None` when the text is none at all (too large, not Markdown, broken front matter).
    pub runbook: Option<Runbook>,
    /// What is wrong with it, in the order of lines.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// Is anything so wrong that it must not run?
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Reads a runbook: our format, or plain Markdown.
pub fn parse(text: &str, origin: Origin) -> Parsed {
    outline::parse(text, origin)
}

#[cfg(test)]
mod tests;
