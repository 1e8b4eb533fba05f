//! Putting a secret where the configuration says that it lies, and taking it away again. Nothing is put elsewhere: where
//! it cannot be done, that is said, with what else there is.

use super::{Secret, file, keyring, keyutils, missing};
use crate::config::secret::SecretSource;
use crate::ports::feed::Fault;

/// What came of taking a secret away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It was there, and is gone.
    Gone,
    /// There was none.
    Nothing,
}

/// Stores it; `setting` is the key that faults name. Environment variables and commands cannot be written.
pub async fn store(source: &SecretSource, secret: &Secret, setting: &str) -> Result<(), Fault> {
    let value = secret.expose().to_owned();
    match source {
        SecretSource::Keyring(name) => keyring::write(name, value, setting).await,
        SecretSource::Keyutils(name) => keyutils::write(name, value, setting).await,
        SecretSource::File(path) => file::write(path, value, setting).await,
        SecretSource::Env(_) | SecretSource::Command(_) => Err(not_ours(source, setting)),
    }
}

/// Takes it away; `setting` is the key that faults name.
pub async fn remove(source: &SecretSource, setting: &str) -> Result<Removed, Fault> {
    match source {
        SecretSource::Keyring(name) => keyring::remove(name, setting).await,
        SecretSource::Keyutils(name) => keyutils::remove(name, setting).await,
        SecretSource::File(path) => file::remove(path, setting).await,
        SecretSource::Env(_) | SecretSource::Command(_) => Err(not_ours(source, setting)),
    }
}

fn not_ours(source: &SecretSource, setting: &str) -> Fault {
    missing(setting, format!("{source} is read, and cannot be written by opsdeck"))
}
