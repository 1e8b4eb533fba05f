//! Who writes entries: each process has a name of its own, so that the stamps of two never meet, and a locked file by
//! which the others see whether it still runs.
//!
//! The file is `writer-NAME` beside the incidents, empty, and locked as long as the process lives; the system takes the
//! lock away however it ends. It stays behind: a file that can be locked is that of a process that is gone, and what it
//! had planned to send may be taken over. Without a file, the writer is on another machine or another person, and its
//! plans are left alone.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::domain::Text;
use crate::runtime::journal::files::Files;

const PREFIX: &str = "writer-";

/// The writers of one store, this process among them.
#[derive(Debug)]
pub struct Writers {
    files: Files,
    own: Mutex<Option<(Text, File)>>,
}

impl Writers {
    /// Of the store in this directory. Nothing is made before the first entry.
    pub(super) fn new(root: &std::path::Path) -> Self {
        // Only its lock is used: no file of entries is here.
        Self { files: Files::new(root.join("incidents.jsonl")), own: Mutex::new(None) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.directory().join(format!("{PREFIX}{name}"))
    }

    /// The name of this process, whose file is made and locked when it is asked for first.
    pub fn own(&self) -> io::Result<Text> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((name, _)) = &*own {
            return Ok(name.clone());
        }
        self.files.create_directory()?;
        // A sweep must not come between making the file and locking it.
        let _lock = self.files.lock_to_write()?;
        loop {
            let name = random_name();
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.path(&name)) {
                Ok(file) => {
                    file.lock()?;
                    *own = Some((name.clone(), file));
                    return Ok(name);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Is it this process?
    pub fn is_own(&self, writer: &str) -> bool {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.as_ref().is_some_and(|(name, _)| **name == *writer)
    }

    /// Is it a process of this user on this store, whether it runs or not? What those wrote is on disk here before anybody
    /// else can know of it.
    pub fn belongs_here(&self, writer: &str) -> bool {
        self.is_own(writer) || (is_name(writer) && self.path(writer).is_file())
    }

    /// Was it a process of this user on this store, and is it gone? In doubt it is not: what is sent twice is worse than
    /// what is sent late.
    pub fn is_gone(&self, writer: &str) -> bool {
        if !is_name(writer) || self.is_own(writer) {
            return false;
        }
        File::open(self.path(writer)).is_ok_and(|file| file.try_lock_shared().is_ok())
    }

    /// The processes that are gone and whose files are there.
    pub fn gone(&self) -> io::Result<BTreeSet<Text>> {
        // One that has made its file and not locked it yet would look as if it were gone.
        let _lock = self.files.lock_to_write()?;
        let files = fs::read_dir(self.files.directory())?.flatten().map(|entry| entry.file_name());
        let names = files.filter_map(|file| file.to_str()?.strip_prefix(PREFIX).map(Text::from));
        Ok(names.filter(|name| self.is_gone(name)).collect())
    }

    /// Removes the files of processes that are gone and of which nobody needs to know any more; how many there were.
    pub(super) fn sweep(&self, gone: &BTreeSet<Text>) -> io::Result<usize> {
        let _lock = self.files.lock_to_write()?;
        // It does no harm where one cannot be removed.
        Ok(gone.iter().filter(|name| self.is_gone(name) && fs::remove_file(self.path(name)).is_ok()).count())
    }
}

/// Could it be a writer's name? An entry could name any file.
fn is_name(writer: &str) -> bool {
    writer.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// A random number, from the random keys that the system gives to every process for its hash tables.
pub fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Ten letters and digits.
fn random_name() -> Text {
    const LETTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut number = random();
    let mut name = String::from("w");
    for _ in 0..9 {
        name.push(char::from(LETTERS[(number % 36) as usize]));
        number /= 36;
    }
    name.into()
}
