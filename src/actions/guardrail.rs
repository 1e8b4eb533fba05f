//! Rules of a context: what is refused before anything is sent, and how hard a confirmation has to be.

use serde::Serialize;

use super::outcome::Refusal;

/// How a person confirms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfirmLevel {
    /// Not at all, as long as the plan carries no warning; with one it is [`ConfirmLevel::Yes`].
    None,
    /// Say yes.
    Yes,
    /// Type the workload's name.
    Name,
}

/// What the door has to know about where it stands. Made by the runtime from the configuration, the arguments and the
/// session; the door keeps a copy, so that a context switch cannot change the rules of an action under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardContext {
    /// Kubeconfig context.
    pub context: String,
    /// Namespace of the session, when it has one (the action's own namespace is its target's).
    pub namespace: Option<String>,
    /// Who we are to the API server, when known.
    pub identity: Option<String>,
    /// Nothing may be altered, and why (`--read-only`, `contexts."prod-*".read-only in …/config.toml`).
    pub read_only: Option<String>,
    /// Marked as production.
    pub production: bool,
    /// Confirmation that the context asks for.
    pub confirm: ConfirmLevel,
    /// How long verification waits for proof, in seconds.
    pub verification_timeout: u32,
    /// Operating system user, for the audit log.
    pub user: String,
    /// `SSH_CLIENT`'s address, for the audit log.
    pub ssh_client: Option<String>,
}

impl GuardContext {
    /// Refuses what this context forbids. Asked before anything is sent, a dry run included.
    pub fn admit(&self) -> Result<(), Refusal> {
        match &self.read_only {
            Some(why) => Err(Refusal::ReadOnly { why: why.clone() }),
            None => Ok(()),
        }
    }

    /// Are actions offered at all (keys in the footer, commands in the palette)?
    pub const fn offers_actions(&self) -> bool {
        self.read_only.is_none()
    }
}
