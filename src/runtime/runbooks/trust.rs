//! May a runbook run commands? Only from a directory that the configuration trusts, and only if nobody else could have
//! written there: the file, every directory down to it and every one above belong to us or to root, and neither group nor
//! others may write them.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Group and others may write.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// In such a directory nobody replaces what is another's (`/tmp`).
const STICKY: u32 = 0o1000;

/// Why commands of the runbook at `path` may not run; `Ok` when they may.
pub fn check(path: &Path, trusted: &[PathBuf]) -> Result<(), String> {
    let file = real(path)?;
    // A link out of a trusted directory leads to where it leads: the real place counts.
    let roots: Vec<PathBuf> = trusted.iter().filter_map(|root| fs::canonicalize(root).ok()).collect();
    let Some(root) = roots.iter().find(|root| file.starts_with(root)) else {
        let directory = file.parent().unwrap_or(&file).display();
        return Err(format!(
            "commands are off: {directory} is not among the directories in [runbooks] trusted of the configuration"
        ));
    };
    for place in file.ancestors() {
        let metadata = fs::metadata(place).map_err(|error| format!("cannot check {}: {error}", place.display()))?;
        let ours = place.starts_with(root);
        let sticky = !ours && metadata.mode() & STICKY != 0;
        if metadata.mode() & WRITABLE_BY_OTHERS != 0 && !sticky {
            let place = place.display();
            return Err(format!("commands are off: others may write {place}; take that from them: chmod go-w {place}"));
        }
        if !is_trustworthy(&metadata) {
            return Err(format!("commands are off: {} belongs to another user", place.display()));
        }
    }
    Ok(())
}

fn real(path: &Path) -> Result<PathBuf, String> {
    fs::canonicalize(path).map_err(|error| format!("cannot check {}: {error}", path.display()))
}

fn is_trustworthy(metadata: &Metadata) -> bool {
    metadata.uid() == 0 || metadata.uid() == rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn only_what_nobody_else_can_write_in_a_trusted_directory_is_trusted() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("books");
        let inner = root.join("shop");
        fs::create_dir_all(&inner).unwrap();
        let file = inner.join("a.md");
        fs::write(&file, "x").unwrap();
        for place in [home.path(), &root, &inner] {
            mode(place, 0o755);
        }
        mode(&file, 0o644);
        let trusted = [root.clone()];
        assert_eq!(check(&file, &trusted), Ok(()));
        assert!(check(&file, &[]).unwrap_err().contains("[runbooks] trusted"));
        assert!(check(&file, &[home.path().join("other")]).is_err());
        for (place, bad, good) in [(&file, 0o664, 0o644), (&inner, 0o777, 0o755), (&root, 0o775, 0o755)] {
            mode(place, bad);
            assert!(check(&file, &trusted).unwrap_err().contains("chmod go-w"), "{}", place.display());
            mode(place, good);
        }
        // A sticky directory above is fine, one within is not.
        mode(home.path(), 0o1777);
        assert_eq!(check(&file, &trusted), Ok(()));
        mode(home.path(), 0o777);
        assert!(check(&file, &trusted).is_err());
        mode(home.path(), 0o755);
        mode(&inner, 0o1777);
        assert!(check(&file, &trusted).is_err());
        mode(&inner, 0o755);
        // A link in a trusted directory to a file elsewhere.
        let outside = home.path().join("outside.md");
        fs::write(&outside, "x").unwrap();
        symlink(&outside, inner.join("link.md")).unwrap();
        assert!(check(&inner.join("link.md"), &trusted).is_err());
    }
}
