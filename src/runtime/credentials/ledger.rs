//! When a service last accepted each secret: `credentials.json` in the state directory. It holds names, places, times and
//! what was said, and nothing of the secrets themselves, not even a digest.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::prove::Proof;
use crate::config::Dirs;
use crate::config::credentials::Credential;
use crate::domain::time::Instant;
use crate::runtime::journal::files::Files;

/// Others hold the lock for as long as a small file takes to write.
const PATIENCE: Duration = Duration::from_secs(3);

/// That a service accepted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// When.
    pub at: Instant,
    /// What asked, and whom (`auth login: Unleash at https://…`).
    pub by: String,
}

/// That a service did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// When.
    pub at: Instant,
    /// What it said.
    pub why: String,
}

/// What is known of one secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What people call its source.
    pub source: String,
    /// Where a file names its place.
    pub setting: String,
    /// The place, in words. In another place it is another secret.
    pub place: String,
    /// When it was last accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<Proven>,
    /// When it was refused after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
}

impl Entry {
    fn new(credential: &Credential) -> Self {
        Self {
            source: credential.source.clone(),
            setting: credential.setting.clone(),
            place: credential.at.to_string(),
            proven: None,
            refused: None,
        }
    }

    fn is_named(&self, credential: &Credential) -> bool {
        self.source == credential.source && self.setting == credential.setting
    }

    /// Is it of this secret, in the place where it is now?
    pub fn is_of(&self, credential: &Credential) -> bool {
        self.is_named(credential) && self.place == credential.at.to_string()
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Book {
    #[serde(default)]
    secrets: Vec<Entry>,
}

/// The file. Several consoles of one user may write it: each holds its lock while it does.
#[derive(Clone, Debug)]
pub struct Ledger {
    file: PathBuf,
}

impl Ledger {
    /// The ledger in the state directory; nothing is made before something is written.
    pub fn new(dirs: &Dirs) -> Self {
        Self { file: dirs.state.clone().unwrap_or_else(|| PathBuf::from(".opsdeck")).join("credentials.json") }
    }

    /// What is known. A file that cannot be understood is as none: all that it holds can be found out again.
    pub fn entries(&self) -> Vec<Entry> {
        self.book().secrets
    }

    fn book(&self) -> Book {
        fs::read(&self.file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Writes down what came of asking a service. `by` says what asked (`doctor`). That nobody answered says nothing about
    /// a secret and changes nothing.
    pub fn record(&self, credential: &Credential, proof: &Proof, by: &str, now: Instant) -> io::Result<()> {
        self.change(credential, |entry| match proof {
            Proof::Valid(whom) => {
                entry.proven = Some(Proven { at: now, by: format!("{by}: {whom}") });
                entry.refused = None;
            }
            Proof::Refused(fault) => entry.refused = Some(Refused { at: now, why: fault.message.clone() }),
            Proof::Unknown(_) => {}
        })
    }

    /// Forgets what was known: there is a new secret there, or none.
    pub fn forget(&self, credential: &Credential) -> io::Result<()> {
        self.change(credential, |entry| {
            entry.proven = None;
            entry.refused = None;
        })
    }

    fn change(&self, credential: &Credential, alter: impl FnOnce(&mut Entry)) -> io::Result<()> {
        let directory = self.file.parent().unwrap_or_else(|| Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        // Somebody who was stopped while he held it is not waited for without end.
        let _lock = Files::new(self.file.clone()).patient(PATIENCE).lock_to_write()?;
        let mut book = self.book();
        let known = book.secrets.iter().position(|entry| entry.is_named(credential));
        let mut entry = match known.map(|at| book.secrets.remove(at)) {
            Some(entry) if entry.is_of(credential) => entry,
            _ => Entry::new(credential),
        };
        alter(&mut entry);
        if entry.proven.is_some() || entry.refused.is_some() {
            book.secrets.push(entry);
        }
        book.secrets.sort_by(|one, other| (&one.source, &one.setting).cmp(&(&other.source, &other.setting)));
        let mut new = tempfile::NamedTempFile::new_in(directory)?;
        new.write_all(&serde_json::to_vec_pretty(&book)?)?;
        new.as_file().sync_all()?;
        new.persist(&self.file).map_err(|error| error.error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::config::SecretSource;
    use crate::ports::feed::{Fault, FaultKind};

    fn credential(at: SecretSource) -> Credential {
        Credential { source: "unleash".into(), setting: "flags.unleash.token".into(), at, uses: Vec::new() }
    }

    #[test]
    fn what_was_proven_holds_until_it_is_refused_replaced_or_moved() {
        let home = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(&Dirs { state: Some(home.path().join("state")), ..Dirs::default() });
        let kept = credential(SecretSource::Keyring("unleash".into()));
        let at = |text: &str| text.parse::<Instant>().unwrap();
        let (first, second) = (at("2026-03-14T14:32:07Z"), at("2026-03-14T15:00:00Z"));
        assert!(ledger.entries().is_empty());
        ledger.record(&kept, &Proof::Valid("Unleash at u".into()), "doctor", first).unwrap();
        let known = ledger.entries();
        assert_eq!(known[0].proven, Some(Proven { at: first, by: "doctor: Unleash at u".into() }));
        assert!(known[0].is_of(&kept) && !known[0].is_of(&credential(SecretSource::Keyutils("unleash".into()))));
        let fault = |kind| Fault::new(kind, "Unleash says no");
        ledger.record(&kept, &Proof::Unknown(fault(FaultKind::Timeout)), "doctor", second).unwrap();
        assert_eq!(ledger.entries(), known, "nobody answered");
        ledger.record(&kept, &Proof::Refused(fault(FaultKind::Unauthorized)), "doctor", second).unwrap();
        let entry = ledger.entries().remove(0);
        assert_eq!((entry.proven.unwrap().at, entry.refused.unwrap().at), (first, second));
        ledger.record(&kept, &Proof::Valid("Unleash at u".into()), "doctor", second).unwrap();
        assert_eq!(ledger.entries()[0].refused, None);
        ledger.forget(&kept).unwrap();
        assert!(ledger.entries().is_empty());
        fs::write(home.path().join("state/credentials.json"), "{ torn").unwrap();
        ledger.record(&kept, &Proof::Valid("Unleash at u".into()), "doctor", first).unwrap();
        assert_eq!(ledger.entries().len(), 1);
    }
}
