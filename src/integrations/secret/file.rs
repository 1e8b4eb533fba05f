//! Secrets in files that only their owner may read (mode 0600 or less), as ssh has it with keys.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::store::Removed;
use super::{PATIENCE, missing, waiting};
use crate::config::secret::FORBIDDEN_MODE;
use crate::ports::feed::Fault;

/// Directories that the platform mounts secrets into. Their modes are not the user's to choose.
const MOUNTED: [&str; 2] = ["/run/secrets", "/var/run/secrets"];

fn is_mounted(path: &Path) -> bool {
    MOUNTED.iter().any(|directory| path.starts_with(directory))
}

/// More than any token or key needs; the rest of a file that was named by mistake is not read.
const LONGEST: u64 = 64 * 1024;

/// Its content, `None` where there is no such file; `setting` is the key that faults name.
pub(super) async fn read(path: &Path, setting: &str) -> Result<Option<String>, Fault> {
    let target = path.to_owned();
    at_disk(path, setting, move || get(&target)).await
}

/// Why there is nothing to read.
pub(super) fn absent(path: &Path, setting: &str) -> Fault {
    missing(setting, format!("{} does not exist", path.display()))
}

/// Writes it, whole or not at all, readable by its owner only.
pub(super) async fn write(path: &Path, value: String, setting: &str) -> Result<(), Fault> {
    let target = path.to_owned();
    at_disk(path, setting, move || put(&target, &value)).await
}

/// Removes it, where it is ours and nobody else could read it.
pub(super) async fn remove(path: &Path, setting: &str) -> Result<Removed, Fault> {
    let target = path.to_owned();
    at_disk(path, setting, move || take(&target)).await
}

async fn at_disk<T: Send + 'static>(
    path: &Path,
    setting: &str,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Fault> {
    let shown = path.display();
    match waiting(PATIENCE, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(Refusal { why, hint })) => {
            let fault = missing(setting, format!("{shown} {why}"));
            Err(if let Some(hint) = hint { fault.hint(hint) } else { fault })
        }
        Err(_) => Err(missing(setting, format!("the disk of {shown} does not answer"))),
    }
}

/// Why a file is left as it is.
#[derive(Debug)]
struct Refusal {
    why: String,
    hint: Option<String>,
}

impl Refusal {
    fn new(why: impl Into<String>, hint: &str) -> Self {
        Self { why: why.into(), hint: (!hint.is_empty()).then(|| hint.to_owned()) }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::new(format!("cannot be written: {error}"), "")
    }
}

fn get(path: &Path) -> Result<Option<String>, Refusal> {
    let unreadable = |error: io::Error| Refusal::new(format!("cannot be read: {error}"), "");
    // A pipe that nobody writes to does not hold this up; and what is looked at is what is read.
    let open = fs::OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path);
    let file = match open {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(unreadable)?,
    };
    let found = file.metadata().map_err(unreadable)?;
    if !found.is_file() {
        return Err(Refusal::new("is no plain file", "name a file, or a command that prints the secret"));
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & FORBIDDEN_MODE != 0 && !is_mounted(path) {
        let why = format!("is open to other users (mode {mode:04o}) and therefore not used");
        return Err(Refusal::new(why, &format!("chmod 600 {}", path.display())));
    }
    let mut text = String::new();
    file.take(LONGEST + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LONGEST {
        return Err(Refusal::new("is longer than any secret", "name the file that holds the secret alone"));
    }
    Ok(Some(text))
}

fn ours(found: &fs::Metadata) -> Result<(), Refusal> {
    if !found.is_file() {
        return Err(Refusal::new("is no plain file", "name another file"));
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(Refusal::new("belongs to another user and is left as it is", "name a file of your own"));
    }
    Ok(())
}

fn put(path: &Path, value: &str) -> Result<(), Refusal> {
    if is_mounted(path) {
        return Err(Refusal::new("is mounted by the platform", "change the secret there"));
    }
    // A link (of someone's dotfiles, say) stays one: what it leads to is replaced.
    let path = match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => fs::canonicalize(path)?,
        _ => path.to_owned(),
    };
    if let Ok(found) = fs::metadata(&path) {
        ours(&found)?;
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
    // Made with mode 0600, and never seen half written.
    let mut new = tempfile::NamedTempFile::new_in(&directory)?;
    new.write_all(value.as_bytes())?;
    new.write_all(b"\n")?;
    new.as_file().set_permissions(fs::Permissions::from_mode(0o600))?;
    new.as_file().sync_all()?;
    new.persist(&path).map_err(|error| error.error)?;
    fs::File::open(&directory).and_then(|directory| directory.sync_all())?;
    Ok(())
}

fn take(path: &Path) -> Result<Removed, Refusal> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Removed::Nothing),
        found => found?,
    };
    if is_mounted(path) {
        return Err(Refusal::new("is mounted by the platform", "remove the secret there"));
    }
    ours(&found)?;
    let mode = found.permissions().mode() & 0o777;
    if mode & FORBIDDEN_MODE != 0 {
        let why = format!("is open to other users (mode {mode:04o}): it may serve somebody else and is left as it is");
        return Err(Refusal::new(why, "look at it, and remove it by hand"));
    }
    fs::remove_file(path)?;
    Ok(Removed::Gone)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn a_file_is_replaced_whole_and_becomes_private() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("secrets/unleash");
        write(&path, "first".into(), "flags.token").await.unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let link = home.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write(&link, "second".into(), "flags.token").await.unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!((mode(&path), read(&path, "x").await.unwrap().as_deref()), (0o600, Some("second\n")));
        let left = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(left, 1, "nothing half written stays");
        let fault = write(home.path(), "third".into(), "flags.token").await.unwrap_err();
        assert!(fault.message.contains("is no plain file") && !fault.message.contains("third"), "{fault}");
    }

    #[tokio::test]
    async fn only_a_plain_file_of_a_sensible_size_is_read() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("token");
        assert_eq!(read(&path, "x").await.unwrap(), None);
        let fault = read(home.path(), "flags.token").await.unwrap_err();
        assert!(fault.message.starts_with("flags.token: ") && fault.message.contains("is no plain file"), "{fault}");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        let fault = read(&path, "flags.token").await.unwrap_err();
        assert!(fault.message.contains("is no plain file"), "a pipe without a writer: {fault}");
        fs::remove_file(&path).unwrap();
        write(&path, "x".repeat(70_000), "x").await.unwrap();
        assert!(read(&path, "x").await.unwrap_err().message.contains("longer than any secret"));
    }

    #[tokio::test]
    async fn only_a_private_file_of_ours_is_removed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("token");
        assert_eq!(remove(&path, "x").await.unwrap(), Removed::Nothing);
        fs::write(&path, "s3cret").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let fault = remove(&path, "flags.token").await.unwrap_err();
        assert!(fault.message.contains("open to other users (mode 0640)") && path.exists(), "{fault}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let link = home.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(remove(&link, "x").await.unwrap_err().message.contains("is no plain file"));
        assert_eq!(remove(&path, "x").await.unwrap(), Removed::Gone);
        assert!(!path.exists());
        let fault = remove(Path::new("/run/secrets"), "x").await;
        assert!(matches!(fault, Err(_) | Ok(Removed::Nothing)));
    }
}
