//! Who wrote an intent, and does it still run? Several consoles share a log: an intent without an outcome may be another's
//! that is under way, or what a crash left.
//!
//! A process that writes an intent makes an empty file `audit.writer-…` beside the log and keeps it locked. The system
//! takes the lock away when the process ends, however it ends, on whatever machine; so a file that can be locked, or that
//! is gone, belongs to nobody who runs.

use std::fs::{self, File};
use std::io;

use tempfile::NamedTempFile;

use super::files::Files;

/// The file of this process. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Writer {
    file: NamedTempFile,
    prefix: String,
}

impl Writer {
    /// Makes and locks it. Only while the log's own lock is held: [`sweep`] must not come between.
    pub(super) fn new(files: &Files) -> io::Result<Self> {
        let prefix = files.writer_prefix();
        let file = tempfile::Builder::new().prefix(&prefix).tempfile_in(files.directory())?;
        files.share(file.as_file())?;
        file.as_file().lock()?;
        Ok(Self { file, prefix })
    }

    /// What the intent says of it.
    pub(super) fn id(&self) -> String {
        let name = self.file.path().file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix(&self.prefix).unwrap_or(&name).to_owned()
    }
}

/// Does the process that wrote this still run?
pub(super) fn runs(files: &Files, id: &str) -> bool {
    let name = format!("{}{id}", files.writer_prefix());
    // A record could name any file: only one beside the log is meant.
    if !id.chars().all(|c| c.is_ascii_alphanumeric()) {
        return false;
    }
    match File::open(files.directory().join(name)) {
        // In doubt it runs: taking a living action for a dead one would be worse than leaving it open.
        Ok(file) => file.try_lock_shared().is_err(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Removes the files of processes that ended without doing so. Only while the log's own lock is held.
pub(super) fn sweep(files: &Files) -> io::Result<()> {
    let prefix = files.writer_prefix();
    for entry in fs::read_dir(files.directory())? {
        let entry = entry?;
        let name = entry.file_name();
        if let Some(id) = name.to_str().and_then(|name| name.strip_prefix(&prefix))
            && !runs(files, id)
        {
            // Another user's, perhaps; it does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}
