//! Secrets of the configuration at work: are they there, were they ever accepted, and asking a person for one.
//!
//! A service that takes secrets is added in [`crate::config::credentials`], and how it is asked in [`prove`]; everything
//! else here goes by those two.

pub mod ask;
pub mod ledger;
pub mod prove;

use std::time::Duration;

use futures::future::join_all;
use serde::Serialize;

use self::ledger::{Entry, Proven, Refused};
use crate::config::SecretSource;
use crate::config::credentials::Credential;
use crate::integrations::secret::{self, Secret};
use crate::ports::feed::{Fault, FaultKind};

/// A look at a place ends after this: a helper command that asks somebody takes longer, and is not waited for.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How one secret stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Standing {
    /// What people call the source.
    pub source: String,
    /// Where a file names the place.
    pub setting: String,
    /// The place, in words.
    pub place: String,
    /// Is it there?
    pub there: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// When a service last accepted it, if it did since it was put there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proven: Option<Proven>,
    /// When a service refused it after that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Standing {
    /// Does something have to be done?
    pub const fn is_bad(&self) -> bool {
        !self.there || self.refused.is_some()
    }
}

/// Looks at every place, all at once, each under a limit. `known` is what the ledger says.
pub async fn look(credentials: &[Credential], known: &[Entry]) -> Vec<Standing> {
    join_all(credentials.iter().map(|credential| one(credential, credential.word(credentials), known))).await
}

async fn one(credential: &Credential, word: &str, known: &[Entry]) -> Standing {
    let Credential { source, setting, at, uses } = credential;
    let entry = known.iter().find(|entry| entry.is_of(credential));
    let refused = entry.and_then(|entry| entry.refused.clone());
    let proven = entry.and_then(|entry| entry.proven.clone());
    let found = look_at(at, setting).await;
    let next = match &found {
        Err(fault) => Some(next(word, at, fault)),
        Ok(_) if refused.is_some() => Some(renew(word, at)),
        Ok(_) if uses.is_empty() => Some("no address is configured that it would be sent to".to_owned()),
        Ok(_) if proven.is_none() => Some("opsdeck doctor asks the service whether it accepts it".to_owned()),
        Ok(_) => None,
    };
    Standing {
        source: source.clone(),
        setting: setting.clone(),
        place: at.to_string(),
        there: found.is_ok(),
        why: found.err().map(|fault| fault.message),
        proven,
        refused,
        next,
    }
}

/// Reads a secret as its user does, and gives up after a while.
pub async fn look_at(at: &SecretSource, setting: &str) -> Result<Secret, Fault> {
    tokio::time::timeout(PATIENCE, secret::resolve(at, setting)).await.unwrap_or_else(|_| {
        let why = format!("{setting}: {at} gave nothing within {} s", PATIENCE.as_secs());
        Err(Fault::new(FaultKind::Timeout, why).hint("run it once by hand: it may wait for a passphrase"))
    })
}

fn next(word: &str, at: &SecretSource, fault: &Fault) -> String {
    match (at, &fault.hint) {
        // What can be filled is; but a file that others can read is mended, and a keyring that is not there replaced.
        (SecretSource::Keyring(_) | SecretSource::Keyutils(_), Some(hint)) if !hint.contains("opsdeck auth login") => {
            hint.clone()
        }
        (SecretSource::Keyring(_) | SecretSource::Keyutils(_), _) | (_, None) => renew(word, at),
        (_, Some(hint)) => hint.clone(),
    }
}

/// How a secret gets there; `word` is what the one that is meant is called.
pub fn renew(word: &str, at: &SecretSource) -> String {
    match at {
        SecretSource::Env(name) => format!("export {name}, or {name}_FILE with the name of a file (mode 0600)"),
        SecretSource::Command(words) => {
            format!("put it where `{}` takes it from", words.first().map_or("the command", String::as_str))
        }
        SecretSource::Keyring(_) | SecretSource::Keyutils(_) | SecretSource::File(_) => {
            format!("opsdeck auth login {}", shell_words::quote(word))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn credential(at: SecretSource) -> Credential {
        Credential { source: "unleash".into(), setting: "flags.unleash.token".into(), at, uses: Vec::new() }
    }

    #[tokio::test]
    async fn each_place_says_whether_it_has_it_and_what_to_do() {
        let home = tempfile::tempdir().unwrap();
        let here = SecretSource::Command(vec!["printf".into(), "s3cret".into()]);
        let places = [
            credential(here),
            credential(SecretSource::Env("OPSDECK_NO_SUCH_VARIABLE".into())),
            credential(SecretSource::File(home.path().join("none"))),
            credential(SecretSource::Command(vec!["false".into()])),
        ];
        let mut found = Vec::new();
        for place in places {
            found.extend(look(&[place], &[]).await);
        }
        assert!(!format!("{found:?}").contains("s3cret\""), "{found:?}");
        let there: Vec<bool> = found.iter().map(|one| one.there).collect();
        assert_eq!(there, [true, false, false, false]);
        assert!(found[1].next.as_ref().unwrap().starts_with("export OPSDECK_NO_SUCH_VARIABLE"), "{found:#?}");
        assert_eq!(found[2].next.as_deref(), Some("opsdeck auth login unleash"));
        assert_eq!(found[3].next.as_deref(), Some("put it where `false` takes it from"));
    }

    #[tokio::test]
    async fn a_place_that_hangs_does_not_hold_the_others() {
        let slow = credential(SecretSource::Command(vec!["sleep".into(), "60".into()]));
        tokio::time::pause();
        let found = look(&[slow], &[]).await;
        assert!(found[0].why.as_ref().unwrap().contains("gave nothing within 5 s"), "{found:?}");
    }
}
