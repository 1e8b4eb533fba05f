//! All runbooks that there are, parsed; of those with one id the last place counts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::find::{self, Collection, Found, Place, Unread};
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::facts::Facts;
use crate::runbook::lint;
use crate::runbook::matching::{self, Summary, rank};
use crate::runbook::{Origin, Parsed, Runbook, Shelf, parse};

/// The tag of runbooks that help with any alert.
pub const GENERIC: &str = "generic";

/// A runbook with what is wrong with it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The runbook.
    pub book: Arc<Runbook>,
    /// What the parser says.
    pub diagnostics: Vec<Diagnostic>,
    /// Places with the same id that do not count.
    pub overrides: Vec<String>,
}

/// A file that is no runbook at all.
#[derive(Clone, Debug)]
pub struct Broken {
    /// The file.
    pub place: String,
    /// What the parser says.
    pub diagnostics: Vec<Diagnostic>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Library {
    entries: BTreeMap<String, Entry>,
    /// Files that are none.
    pub broken: Vec<Broken>,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

/// Parses a text that was found.
pub fn parsed(found: &Found) -> Parsed {
    let shelf = match found.place {
        Place::Shipped => Shelf::Shipped,
        Place::System(_) => Shelf::System,
        Place::User(_) => Shelf::User,
        Place::Configured(_) => Shelf::Directory,
    };
    parse(&found.text, Origin { place: found.path.display().to_string(), shelf, modified: found.modified })
}

impl Library {
    /// Reads and parses everything. Takes as long as the disk likes.
    pub fn load(places: &[Place]) -> Self {
        let Collection { found, unread } = find::collect(places);
        let mut library = Self { unread, ..Self::default() };
        for found in &found {
            library.put(parsed(found), &found.path.display().to_string());
        }
        library
    }

    /// Adds one; it counts over those of the same id before it.
    pub fn put(&mut self, parsed: Parsed, place: &str) {
        let Parsed { runbook, diagnostics } = parsed;
        let Some(book) = runbook else {
            self.broken.push(Broken { place: place.to_owned(), diagnostics });
            return;
        };
        let before = self.entries.remove(&book.id);
        let mut overrides = Vec::new();
        if let Some(before) = before {
            overrides.clone_from(&before.overrides);
            overrides.push(before.book.origin.place.clone());
        }
        let entry = Entry { book: Arc::new(book), diagnostics, overrides };
        self.entries.insert(entry.book.id.clone(), entry);
    }

    /// All of them, by id.
    pub fn all(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The one of this id.
    pub fn get(&self, id: &str) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// Those that are meant for this, the best first, each with why.
    pub fn fitting(&self, facts: &Facts) -> Vec<(Arc<Runbook>, String)> {
        let summaries: Vec<Summary> = self.all().map(|entry| Summary::of(&entry.book)).collect();
        let meant = rank(&summaries, facts).into_iter().filter(|found| found.score > matching::GENERIC);
        meant.filter_map(|found| Some((self.get(&found.id)?.book.clone(), found.why))).collect()
    }

    /// The one of this id, or the one in this file.
    pub fn named(&self, name: &str) -> Result<Entry, String> {
        if let Some(entry) = self.get(name) {
            return Ok(entry.clone());
        }
        let path = Path::new(name);
        let is_file = name.contains('/') || path.extension().is_some_and(|ending| ending == "md");
        if is_file {
            return from_file(path);
        }
        let known: Vec<&str> = self.entries.keys().map(String::as_str).collect();
        let near = crate::config::diagnostic::did_you_mean(name, &known);
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        Err(format!("there is no runbook `{name}`{near}"))
    }

    /// Those that help with any alert.
    pub fn generic(&self) -> Vec<Arc<Runbook>> {
        let is_generic = |book: &Runbook| book.meta.tags.iter().any(|tag| tag == GENERIC);
        self.all().map(|entry| entry.book.clone()).filter(|book| is_generic(book)).collect()
    }
}

/// A runbook that is named by its file.
pub fn from_file(path: &Path) -> Result<Entry, String> {
    let (text, modified) = find::read(path).map_err(|why| format!("{}: {why}", path.display()))?;
    // What a link leads to is what is trusted or not.
    let place = std::fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
    let found = Found { place: Place::Configured(PathBuf::new()), path: place, text, modified };
    let Parsed { runbook, diagnostics } = parsed(&found);
    if let Some(book) = runbook {
        return Ok(Entry { book: Arc::new(book), diagnostics, overrides: Vec::new() });
    }
    let why: Vec<String> = diagnostics.iter().map(|one| format!("{}:{one}", path.display())).collect();
    Err(why.join("\n"))
}

impl lint::Library for Library {
    fn find(&self, id: &str) -> Option<&Runbook> {
        self.get(id).map(|entry| &*entry.book)
    }

    fn ids(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }
}

/// Everything that is wrong with a runbook: what the parser says, and what shows only in the whole and beside others.
pub fn findings(book: &Runbook, parser: &[Diagnostic], library: &Library) -> Vec<Diagnostic> {
    let mut all = parser.to_vec();
    all.extend(lint::lint(book, library));
    all.sort_by_key(|one| one.spot);
    all
}
