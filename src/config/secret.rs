//! Where a secret comes from. A configuration file names the place, it never holds the secret.
//!
//! Resolving is the business of whoever sends it: the environment variable is read when it is needed, a command's
//! output is taken without its last line break, and a file is refused when others may read it (any of the mode bits
//! `0077`), as ssh does with keys. What was read is held only as long as it is needed and never printed.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// The mode bits of a secret's file that must not be set: anything for group and others.
pub const FORBIDDEN_MODE: u32 = 0o077;

/// The place of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("x-check" = "secret"))]
pub enum SecretSource {
    /// An environment variable, by name. Where it is not set, the file that the variable with `_FILE` at its end names.
    Env(String),
    /// An entry of the system's keyring, by name: service `opsdeck`, user name as given here.
    Keyring(String),
    /// A file that only its owner may read; trailing line breaks are cut off.
    File(PathBuf),
    /// A program and its arguments, run without a shell; the first line of its output is the secret.
    Command(Vec<String>),
}

/// Names the place, for messages (`environment variable PROM_TOKEN`).
impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::Keyring(name) => write!(f, "keyring entry {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Command(words) => write!(f, "command `{}`", words.join(" ")),
        }
    }
}

/// A header's value: written out, or taken from a secret's place.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(extend("x-check" = "header"))]
pub enum HeaderValue {
    /// Not secret (`X-Scope-OrgID`).
    Plain(String),
    /// Secret.
    Secret(SecretSource),
}

/// Basic authentication.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Basic {
    /// User name.
    pub username: String,
    /// Where the password comes from: `{ env = "…" }`, `{ file = "…" }`, `{ keyring = "…" }` or `{ command = ["…"] }`.
    pub password: SecretSource,
}
