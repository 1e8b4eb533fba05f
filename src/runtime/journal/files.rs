//! The files of a log: their names, their lock, who may read them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// So long an append or a read waits for the lock: longer than any number of consoles needs, and shorter than a person
/// waits for a plan to be sent. Whoever holds it longer is stopped, or on a file system that lost its server.
const PATIENCE: Duration = Duration::from_secs(30);
/// The lock is tried again after this, then after twice as long, up to [`LATER`]: the system's own wait knows no end, and
/// hundreds that try without a pause would take the time of the one that writes.
const SOON: Duration = Duration::from_millis(1);
/// The longest pause.
const LATER: Duration = Duration::from_millis(32);

/// Where the files of one log are.
#[derive(Clone, Debug)]
pub(in crate::runtime) struct Files {
    active: PathBuf,
    patience: Duration,
}

impl Files {
    pub(in crate::runtime) const fn new(active: PathBuf) -> Self {
        Self { active, patience: PATIENCE }
    }

    /// Waits so long for the lock.
    pub(in crate::runtime) const fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The file that is appended to.
    pub(in crate::runtime) fn active(&self) -> &Path {
        &self.active
    }

    pub(in crate::runtime) fn head(&self) -> PathBuf {
        self.active.with_extension("head")
    }

    fn lock(&self) -> PathBuf {
        self.active.with_extension("lock")
    }

    /// `audit.writer-`.
    pub(in crate::runtime) fn writer_prefix(&self) -> String {
        self.active.with_extension("writer-").file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// `audit-` and `.jsonl`.
    fn affixes(&self) -> (String, String) {
        let part = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
        let stem = part(self.active.file_stem()).unwrap_or_default();
        let extension = part(self.active.extension()).map(|extension| format!(".{extension}")).unwrap_or_default();
        (format!("{stem}-"), extension)
    }

    /// The name of the older file with this number, from 1.
    pub(in crate::runtime) fn rotated(&self, number: u64) -> PathBuf {
        let (prefix, suffix) = self.affixes();
        self.active.with_file_name(format!("{prefix}{number:04}{suffix}"))
    }

    /// The older files there are, oldest first, with their numbers.
    pub(in crate::runtime) fn all_rotated(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let (prefix, suffix) = self.affixes();
        let mut found = Vec::new();
        for entry in fs::read_dir(self.directory())? {
            let entry = entry?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(&prefix)?.strip_suffix(&suffix));
            // Exactly as this program writes it: `audit-1.jsonl` or `audit-old.jsonl` is somebody's own copy.
            if let Some(number) = number.and_then(|text| text.parse().ok())
                && self.rotated(number) == self.active.with_file_name(&name)
            {
                found.push((number, entry.path()));
            }
        }
        found.sort();
        Ok(found)
    }

    /// All files that hold records, oldest first. A log that was never written to is an error (`NotFound`).
    pub(in crate::runtime) fn all(&self) -> io::Result<Vec<PathBuf>> {
        let mut paths: Vec<PathBuf> = self.all_rotated()?.into_iter().map(|(_, path)| path).collect();
        if self.active.try_exists()? {
            paths.push(self.active.clone());
        }
        if paths.is_empty() && !self.head().try_exists()? {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(paths)
    }

    /// Moves the active file aside under the next number.
    pub(in crate::runtime) fn rotate(&self) -> io::Result<()> {
        let last = self.all_rotated()?.last().map_or(0, |(number, _)| *number);
        fs::rename(&self.active, self.rotated(last + 1))?;
        self.sync_directory()
    }

    pub(in crate::runtime) fn directory(&self) -> &Path {
        match self.active.parent() {
            Some(directory) if !directory.as_os_str().is_empty() => directory,
            _ => Path::new("."),
        }
    }

    /// Only its owner may look into a directory that is made here.
    pub(in crate::runtime) fn create_directory(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(self.directory())
    }

    pub(in crate::runtime) fn sync_directory(&self) -> io::Result<()> {
        File::open(self.directory())?.sync_all()
    }

    /// The active file, to append to; was it made just now?
    pub(in crate::runtime) fn open_active(&self) -> io::Result<(File, bool)> {
        let mut options = OpenOptions::new();
        options.read(true).append(true);
        match options.open(&self.active) {
            Ok(file) => Ok((file, false)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok((self.create(&self.active, options.create(true))?, true))
            }
            Err(error) => Err(error),
        }
    }

    /// Creates a file that only its owner may read; in a directory that a group shares, the group may too.
    pub(in crate::runtime) fn create(&self, path: &Path, options: &mut OpenOptions) -> io::Result<File> {
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
        let file = options.open(path)?;
        self.share(&file)?;
        Ok(file)
    }

    /// Lets the group in where it shares the directory: several people keep one log there. The umask would take the
    /// group's right to write away.
    #[cfg(unix)]
    pub(in crate::runtime) fn share(&self, file: &File) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        if fs::metadata(self.directory())?.permissions().mode() & 0o020 != 0 {
            file.set_permissions(fs::Permissions::from_mode(0o660))?;
        }
        Ok(())
    }

    #[cfg(not(unix))]
    pub(in crate::runtime) fn share(&self, _: &File) -> io::Result<()> {
        Ok(())
    }

    /// Waits until nobody else appends or reads. Dropping the file gives the lock back, and so does a crash.
    pub(in crate::runtime) fn lock_to_write(&self) -> io::Result<File> {
        let path = self.lock();
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true);
            let file = match options.open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.create(&path, options.create(true).truncate(false))?
                }
                opened => opened?,
            };
            self.wait(|| file.try_lock())?;
            // Somebody may have removed the file while we waited, and another made it anew: then this is no lock.
            if is_still(&file, &path) {
                return Ok(file);
            }
        }
    }

    /// Tries until the lock is there, or patience is over.
    fn wait(&self, lock: impl Fn() -> Result<(), TryLockError>) -> io::Result<()> {
        let begun = Instant::now();
        let mut pause = SOON;
        loop {
            match lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if begun.elapsed() < self.patience => {
                    std::thread::park_timeout(pause);
                    pause = (pause * 2).min(LATER);
                }
                Err(TryLockError::WouldBlock) => {
                    let (path, seconds) = (self.lock(), self.patience.as_secs());
                    let why = format!(
                        "another process has held {} for more than {seconds} s; `fuser -v` on it names that process",
                        path.display()
                    );
                    return Err(io::Error::new(io::ErrorKind::TimedOut, why));
                }
            }
        }
    }

    /// Keeps writers out. A log whose lock cannot be opened is read without it: nobody here may write it.
    pub(in crate::runtime) fn lock_to_read(&self) -> io::Result<Option<File>> {
        match File::open(self.lock()) {
            Ok(file) => self.wait(|| file.try_lock_shared()).map(|()| Some(file)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    matches!((file.metadata().map(id), fs::metadata(path).map(id)), (Ok(held), Ok(there)) if held == there)
}

#[cfg(not(unix))]
fn is_still(_: &File, _: &Path) -> bool {
    true
}
