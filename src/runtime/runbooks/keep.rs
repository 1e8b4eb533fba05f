//! A run between the disk and the machine that walks it: begun, written down, taken up again, listed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::store::{HeldRun, RunStore};
use crate::domain::time::Instant;
use crate::ports::journal::{Journal, JournalError};
use crate::runbook::run::Run;
use crate::runbook::run::record::{Event, Record};
use crate::runbook::{Origin, Runbook, Shelf, parse};
use crate::runtime::journal::FileJournal;

/// Runs that are looked through for open ones, the newest first.
const MOST: usize = 300;
/// The kind of the record that says where a run belongs.
const GROUND: &str = "ground";

/// Where a run belongs; written before its first record. Walking it in another context would change another world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    kind: String,
    /// Kubeconfig context.
    pub context: String,
    /// The alert that it began with.
    pub alert: Option<String>,
    /// The runbook's file or address.
    pub place: String,
    /// Kind of that place: only some may run commands.
    pub shelf: Shelf,
    /// When that file was changed last.
    pub modified: Option<Instant>,
}

impl Ground {
    /// The ground of a run of this runbook.
    pub fn new(context: &str, alert: Option<String>, origin: &Origin) -> Self {
        let Origin { place, shelf, modified } = origin.clone();
        Self { kind: GROUND.into(), context: context.to_owned(), alert, place, shelf, modified }
    }

    fn origin(&self) -> Origin {
        Origin { place: self.place.clone(), shelf: self.shelf, modified: self.modified }
    }
}

/// A run that this process walks, with its log.
#[derive(Clone, Debug)]
pub struct Kept {
    held: Arc<HeldRun>,
    journal: Arc<FileJournal>,
}

impl Kept {
    fn new(held: HeldRun) -> Self {
        let journal = Arc::new(held.journal());
        Self { held: Arc::new(held), journal }
    }

    /// The run's id.
    pub fn id(&self) -> &str {
        self.held.id()
    }

    /// Writes a record; it is on disk when this returns.
    pub async fn append(&self, record: &Record) -> Result<(), JournalError> {
        let failed = |why: String| JournalError { path: "the run's log".into(), why };
        let value = serde_json::to_value(record).map_err(|error| failed(error.to_string()))?;
        let journal = self.journal.clone();
        let written = tokio::task::spawn_blocking(move || journal.append(value)).await;
        written.unwrap_or_else(|error| Err(failed(error.to_string())))
    }
}

/// A run with all that is known of it.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Its log.
    pub kept: Kept,
    /// Where it belongs.
    pub ground: Ground,
    /// Its runbook, in the version with which it began.
    pub book: Arc<Runbook>,
    /// Its records, oldest first.
    pub records: Vec<Record>,
    /// The file holds something else by now.
    pub edited: bool,
}

/// `20260314-143207-high-error-rate`.
pub fn id_of(book: &Runbook, now: Instant) -> String {
    let name: String = book.id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(60).collect();
    format!("{}-{name}", now.format("%Y%m%d-%H%M%S"))
}

/// Makes a run's place on disk; with the runbook's text in it, because the file may be edited while the run lasts.
pub fn begin(store: &RunStore, book: &Runbook, ground: &Ground, now: Instant) -> Result<Kept, String> {
    let held = store.begin(&id_of(book, now)).map_err(|error| error.to_string())?;
    ground_it(store, book, ground, held)
}

fn ground_it(store: &RunStore, book: &Runbook, ground: &Ground, held: HeldRun) -> Result<Kept, String> {
    store.keep_text(&book.source).map_err(|error| format!("cannot keep the runbook's text: {error}"))?;
    let kept = Kept::new(held);
    let record = serde_json::to_value(ground).map_err(|error| error.to_string())?;
    kept.journal.append(record).map_err(|error| error.to_string())?;
    Ok(kept)
}

/// The same for a runbook within another, whose run has an id already: begun, or taken up where it stands.
pub fn begin_within(
    store: &RunStore,
    id: &str,
    book: &Runbook,
    ground: &Ground,
) -> Result<Result<Kept, Taken>, String> {
    let held = store.begin_or_hold(id).map_err(|error| error.to_string())?;
    match read(store, held) {
        Ok(taken) => Ok(Err(taken)),
        Err((Some(held), _)) => ground_it(store, book, ground, held).map(Ok),
        Err((None, why)) => Err(why),
    }
}

/// Takes a run up again.
pub fn take(store: &RunStore, id: &str) -> Result<Taken, String> {
    let held = store.hold(id).map_err(|error| error.to_string())?;
    read(store, held).map_err(|(_, why)| why)
}

/// What a run's log says; of one in which nothing was begun yet, the run is given back.
fn read(store: &RunStore, held: HeldRun) -> Result<Taken, (Option<HeldRun>, String)> {
    let values = match store.read(held.id()) {
        Ok(values) => values,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err((Some(held), "nothing was written down of it".into()));
        }
        Err(error) => return Err((None, format!("its records cannot be read: {error}"))),
    };
    let (ground, records) = parted(values);
    let Some((ground, digest)) = ground.zip(digest_of(&records)) else {
        return Err((Some(held), "it was given up before it began".into()));
    };
    let Some(text) = store.text(&digest) else {
        let why = "the text of its runbook is not there any more: begin anew".to_owned();
        return Err((None, why));
    };
    let Some(book) = parse(&text, ground.origin()).runbook else {
        return Err((None, "the text of its runbook is none that this version reads".into()));
    };
    let edited = matches!(ground.shelf, Shelf::System | Shelf::User | Shelf::Directory)
        && super::find::read(std::path::Path::new(&ground.place)).is_ok_and(|(now, _)| now != text);
    Ok(Taken { kept: Kept::new(held), ground, book: Arc::new(book), records, edited })
}

fn parted(values: Vec<Value>) -> (Option<Ground>, Vec<Record>) {
    let mut ground = None;
    let mut records = Vec::new();
    for value in values {
        if value.get("kind").is_some_and(|kind| kind == GROUND) {
            ground = ground.or(serde_json::from_value(value).ok());
        } else if let Ok(record) = serde_json::from_value(value) {
            records.push(record);
        }
    }
    (ground, records)
}

fn digest_of(records: &[Record]) -> Option<String> {
    match &records.first()?.event {
        Event::Began { digest, .. } => Some(digest.clone()),
        _ => None,
    }
}

/// A run that is not over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OpenRun {
    /// Its id.
    pub id: String,
    /// The runbook's id.
    pub runbook: String,
    /// Its title.
    pub title: String,
    /// The context in which it belongs.
    pub context: String,
    /// The alert that it began with.
    pub alert: Option<String>,
    /// Who began it.
    pub who: String,
    /// When.
    pub began: Instant,
    /// The last thing that was written down.
    pub last: Instant,
    /// The step at which it stands.
    pub step: Option<String>,
    /// Another process walks it.
    pub elsewhere: bool,
}

/// The runs that are not over, the newest first; those within others are part of these.
pub fn open_runs(store: &RunStore) -> Vec<OpenRun> {
    store.ids().into_iter().take(MOST).filter_map(|id| open_run(store, id)).collect()
}

fn open_run(store: &RunStore, id: String) -> Option<OpenRun> {
    let (ground, records) = parted(store.read(&id).ok()?);
    let (first, last) = (records.first()?, records.last()?);
    let Event::Began { runbook, title, digest, stack, .. } = &first.event else { return None };
    if !stack.is_empty() || records.iter().any(|record| matches!(record.event, Event::Finished(_))) {
        return None;
    }
    let ground = ground?;
    let book = parse(&store.text(digest)?, ground.origin()).runbook?;
    let run = Run::replay(Arc::new(book), &records).ok()?;
    Some(OpenRun {
        runbook: runbook.clone(),
        title: title.clone(),
        context: ground.context,
        alert: ground.alert,
        who: first.who.clone(),
        began: first.at,
        last: last.at,
        step: run.step().map(|step| step.title.clone()),
        elsewhere: store.is_held(&id),
        id,
    })
}
