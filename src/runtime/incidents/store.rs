//! All incidents of one user on disk, a directory each.
//!
//! | place | what it is |
//! |---|---|
//! | `ID/journal.jsonl` | its entries, one a line |
//! | `ID/journal.lock` | empty; locked by whoever appends (exclusive) or reads (shared) |
//! | `ID/post-mortem.md` | the draft, unless `[incidents] post-mortems` says another place |
//! | `writer-NAME` | empty; locked by a process that writes entries, as long as it runs |
//! | `incidents.lock` | empty; locked while such a file is made or removed |

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::journal::{FILE, IncidentJournal, KeepError, Told};
use super::writers::Writers;
use crate::domain::incident::IncidentId;
use crate::runtime::journal::why;

/// Where incidents are kept.
#[derive(Clone, Debug)]
pub struct IncidentStore {
    root: PathBuf,
    writers: Arc<Writers>,
}

fn private(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

impl IncidentStore {
    /// A store in this directory; nothing is made before the first incident.
    pub fn new(root: PathBuf) -> Self {
        Self { writers: Arc::new(Writers::new(&root)), root }
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The processes that write here.
    pub fn writers(&self) -> &Writers {
        &self.writers
    }

    /// The directory of an incident.
    pub fn directory(&self, id: &IncidentId) -> PathBuf {
        self.root.join(id.as_str())
    }

    /// The journal of an incident; made with its first entry where it is not there.
    pub fn journal(&self, id: &IncidentId) -> IncidentJournal {
        IncidentJournal::new(id.clone(), &self.directory(id), self.writers.clone())
    }

    /// Makes the place of a new incident, whose id nobody has yet.
    pub fn create(&self, id: &IncidentId) -> Result<IncidentJournal, KeepError> {
        let made = private(&self.root)
            .and_then(|()| DirBuilder::new().mode(0o700).create(self.directory(id)))
            .and_then(|()| File::open(&self.root)?.sync_all());
        match made {
            Ok(()) => Ok(self.journal(id)),
            Err(error) => Err(KeepError {
                path: self.directory(id).display().to_string(),
                why: why(&error, "[incidents] directory"),
            }),
        }
    }

    /// Is there anything of it?
    pub fn contains(&self, id: &IncidentId) -> bool {
        self.directory(id).join(FILE).is_file()
    }

    /// The ids of all incidents, the newest first. A directory without entries is none: it was given up at once.
    pub fn ids(&self) -> Vec<IncidentId> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let mut ids: Vec<IncidentId> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        ids.retain(|id| self.contains(id));
        ids.sort_by(|one, other| other.cmp(one));
        ids
    }

    /// All that is known of one.
    pub fn read(&self, id: &IncidentId) -> io::Result<Told> {
        if !self.contains(id) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.journal(id).told()
    }
}
