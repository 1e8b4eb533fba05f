//! Where a secret comes from. A configuration file names the place, it never holds the secret.
//!
//! Resolving is the business of whoever sends it: the environment variable is read when it is needed, a command's
//! output is taken without its last line break, and a file is refused when others may read it (any of the mode bits
//! `0077`), as ssh does with keys. What was read is held only as long as it is needed and never printed.

use std::collections::BTreeMap;
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
    /// A key of the Linux kernel's key service, by name (its description is `opsdeck:` and the name): in memory only, for
    /// this user, until the machine restarts. For machines without a keyring, over ssh.
    Keyutils(String),
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
            Self::Keyutils(name) => write!(f, "kernel key {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Command(words) => write!(f, "command `{}`", words.join(" ")),
        }
    }
}

impl SecretSource {
    /// As a configuration file says it: `{ keyring = "unleash" }`.
    pub fn written(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        match self {
            Self::Env(name) => format!("{{ env = {} }}", quoted(name)),
            Self::Keyring(name) => format!("{{ keyring = {} }}", quoted(name)),
            Self::Keyutils(name) => format!("{{ keyutils = {} }}", quoted(name)),
            Self::File(path) => format!("{{ file = {} }}", quoted(&path.display().to_string())),
            Self::Command(words) => {
                let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
                format!("{{ command = [{}] }}", words.join(", "))
            }
        }
    }
}

/// Settings that name places of secrets.
pub trait Secrets {
    /// Shows each place, under the key that it has within these settings (`token`, `basic.password`,
    /// `headers.X-Api-Key`); it may be put elsewhere.
    fn each_secret(&mut self, visit: &mut dyn FnMut(&str, &mut SecretSource));

    /// All of them, by their keys.
    fn secrets(&self) -> Vec<(String, SecretSource)>
    where
        Self: Clone,
    {
        let mut found = Vec::new();
        self.clone().each_secret(&mut |key, at| found.push((key.to_owned(), at.clone())));
        found
    }
}

/// What the three ways to say it have in common.
pub(super) fn each_of_http(
    token: Option<&mut SecretSource>,
    basic: Option<&mut Basic>,
    headers: Option<&mut BTreeMap<String, HeaderValue>>,
    visit: &mut dyn FnMut(&str, &mut SecretSource),
) {
    if let Some(token) = token {
        visit("token", token);
    }
    if let Some(basic) = basic {
        visit("basic.password", &mut basic.password);
    }
    for (name, value) in headers.into_iter().flatten() {
        if let HeaderValue::Secret(at) = value {
            visit(&format!("headers.{name}"), at);
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
    /// Where the password comes from: `{ env = "…" }`, `{ file = "…" }`, `{ keyring = "…" }`, `{ keyutils = "…" }` or
    /// `{ command = ["…"] }`.
    pub password: SecretSource,
}
