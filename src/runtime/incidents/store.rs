//! All incidents of one user on disk, a directory each.
//!
//! | place | what it is |
//! |---|---|
//! | `ID/journal.jsonl` | its entries, one a line |
//! | `ID/journal.lock` | empty; locked by whoever appends (exclusive) or reads (shared) |
//! | `ID/post-mortem.md` | the draft, unless `[incidents] post-mortems` says another place |
//! | `ID/context` | other kubeconfig contexts in which it is seen here, a line each, beside the one it was declared in |
//! | `writer-NAME` | empty; locked by a process that writes entries, as long as it runs |
//! | `incidents.lock` | empty; locked while such a file is made or removed |

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::journal::{FILE, IncidentJournal, KeepError, Told};
use super::writers::Writers;
use crate::domain::Text;
use crate::domain::incident::IncidentId;
use crate::incident::Incident;
use crate::incident::outbox::others;
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

/// Writes a file as a whole, readable for its owner only: there is the old one, or the new one.
pub fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    private(directory)?;
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(text.as_bytes())?;
    new.as_file().sync_all()?;
    new.persist(path)?;
    File::open(directory)?.sync_all()
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
            .or_else(|error| if self.was_given_up(id) { Ok(()) } else { Err(error) })
            .and_then(|()| File::open(&self.root)?.sync_all());
        match made {
            Ok(()) => Ok(self.journal(id)),
            Err(error) => Err(KeepError {
                path: self.directory(id).display().to_string(),
                why: why(&error, "[incidents] directory"),
            }),
        }
    }

    /// Was its place made, and then nothing written there (a full disk)? It may be begun again.
    fn was_given_up(&self, id: &IncidentId) -> bool {
        let journal = fs::metadata(self.directory(id).join(FILE));
        self.directory(id).is_dir()
            && journal.map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |it| it.len() == 0)
    }

    /// Is there anything of it?
    pub fn contains(&self, id: &IncidentId) -> bool {
        self.directory(id).join(FILE).is_file()
    }

    /// All incidents, the newest first, with the length of their journals. A directory without entries is none: it was
    /// given up at once.
    pub fn sizes(&self) -> Vec<(IncidentId, u64)> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let mut found: Vec<(IncidentId, u64)> = entries
            .filter_map(|entry| {
                let id: IncidentId = entry.file_name().to_str()?.parse().ok()?;
                let journal = fs::metadata(self.directory(&id).join(FILE)).ok()?;
                journal.is_file().then_some((id, journal.len()))
            })
            .collect();
        found.sort_by(|one, other| other.cmp(one));
        found
    }

    /// The ids of all incidents, the newest first.
    pub fn ids(&self) -> Vec<IncidentId> {
        self.sizes().into_iter().map(|(id, _)| id).collect()
    }

    /// The newest incident that is open in a context.
    pub fn newest_open(&self, context: &str) -> Option<IncidentId> {
        let open = self.ids().into_iter().filter_map(|id| {
            let incident = Incident::of(self.read(&id).ok()?.entries)?;
            (incident.is_open() && self.is_seen_in(&incident, context)).then(|| (incident.declared_at(), id))
        });
        open.max().map(|(_, id)| id)
    }

    /// Removes the files of writers that are gone, once there are so `many`: but for those that left something to send, which
    /// may be taken over as long as their files are there. How many were removed.
    pub fn sweep(&self, many: usize) -> io::Result<usize> {
        if !self.root.is_dir() {
            return Ok(0);
        }
        // Who is gone writes nothing any more: journals that are read after that say all that these have left.
        let mut gone = self.writers.gone()?;
        if gone.len() < many {
            return Ok(0);
        }
        for id in self.ids() {
            // A journal that cannot be read could need any of them.
            let entries = self.read(&id)?.entries;
            let writers: BTreeSet<Text> = entries.iter().map(|entry| entry.stamp.writer().clone()).collect();
            let nobody: Text = "".into();
            // What nobody has declared yet may be declared by what comes from others.
            let needed = Incident::of(entries).map_or(writers, |one| others(&one, &nobody).into_iter().collect());
            gone.retain(|writer| !needed.contains(writer));
        }
        self.writers.sweep(&gone)
    }

    /// The name of this process, as the writer of its entries.
    pub fn own_writer(&self) -> Result<Text, KeepError> {
        self.writers.own().map_err(|error| Self::failed(&self.root, &error))
    }

    fn failed(path: &Path, error: &io::Error) -> KeepError {
        KeepError { path: path.display().to_string(), why: why(error, "[incidents] directory") }
    }

    /// Other contexts than the one that an incident was declared in, in which it is seen here: a cluster may have several
    /// names.
    fn other_contexts(&self, id: &IncidentId) -> Vec<String> {
        let text = fs::read_to_string(self.directory(id).join("context")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The context in which an incident was seen here last, when it is not the one that it was declared in.
    pub fn context_of(&self, id: &IncidentId) -> Option<String> {
        self.other_contexts(id).pop()
    }

    /// Is an incident one of this context? It always is of the one that it was declared in.
    pub fn is_seen_in(&self, incident: &Incident, context: &str) -> bool {
        incident.declared().context == context || self.other_contexts(incident.id()).iter().any(|one| one == context)
    }

    /// Remembers that it is seen in this context as well.
    pub fn set_context(&self, id: &IncidentId, context: &str) -> io::Result<()> {
        let mut known = self.other_contexts(id);
        // A name over several lines would be several names.
        if context.contains(['\n', '\r']) || known.iter().any(|one| one == context) {
            return Ok(());
        }
        known.push(context.to_owned());
        write_whole(&self.directory(id).join("context"), &known.join("\n"))
    }

    /// All that is known of one.
    pub fn read(&self, id: &IncidentId) -> io::Result<Told> {
        if !self.contains(id) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.journal(id).told()
    }
}
