//! Tokens, whose they are, and what they may.

use super::people::User;

/// The token of the user `oncall`.
pub const USER_TOKEN: &str = "lab-only-u-oncall";
/// A token of the account, which belongs to nobody: writes have to say in whose name.
pub const ACCOUNT_TOKEN: &str = "lab-only-account";
/// A token of the account that may only look.
pub const READ_TOKEN: &str = "lab-only-read";

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    /// The user whose token it is; none for a token of the account.
    pub user: Option<&'static User>,
    /// May they write?
    pub writes: bool,
}

impl Caller {
    /// Whom the value of an `Authorization` header stands for.
    pub(super) fn of(header: &str) -> Option<Self> {
        let token = header.strip_prefix("Token token=").or_else(|| header.strip_prefix("Bearer "))?;
        match token.trim_matches('"') {
            USER_TOKEN => Some(Self { user: User::named("oncall"), writes: true }),
            ACCOUNT_TOKEN => Some(Self { user: None, writes: true }),
            READ_TOKEN => Some(Self { user: None, writes: false }),
            _ => None,
        }
    }
}
