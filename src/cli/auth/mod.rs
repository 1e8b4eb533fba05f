//! `opsdeck auth`: the secrets of the configured services. It knows no service by name: what there is follows from the
//! configuration ([`crate::config::credentials`]), and how one is asked from [`crate::runtime::credentials::prove`].

mod login;
mod logout;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use super::output::Failure;
use super::{Global, start};
use crate::config::credentials::Credential;
use crate::config::diagnostic::did_you_mean;

/// What to do with secrets.
#[derive(Debug, Subcommand)]
pub enum AuthCommand {
    /// Ask for a secret, put it where the configuration keeps it, and prove it against its service
    #[command(after_help = LOGIN_EXAMPLES)]
    Login(LoginArgs),
    /// Say where each secret lives, whether it is there, and when it was last proven valid. Exit code: 0 all is well,
    /// 1 something is missing or was refused
    Status {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a secret away from where the configuration keeps it
    Logout {
        /// The source (`unleash`), or the setting (`prometheus.token`)
        #[arg(value_name = "SOURCE")]
        source: String,
    },
}

const LOGIN_EXAMPLES: &str = "\
The secret is asked for at the terminal, without echo, or taken from standard input; it is never an argument.

Examples:
  opsdeck auth login unleash                 where the configuration says
  vault read -field=token ops/slack | opsdeck auth login slack
  opsdeck auth login slack --to keyutils     in the kernel's memory, until the machine restarts
  opsdeck auth login slack --to file         in a file that only you can read

Exit codes: 0 stored, and accepted by its service where it has an address; 2 bad arguments, or a place that cannot be
written; 5 not stored, or refused by the service (then what was there before is put back); 6 stored, but the service
could not be asked.";

/// Options of `auth login`.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// The source (`unleash`), or the setting (`prometheus.token`) [default: the only one that there is]
    #[arg(value_name = "SOURCE")]
    source: Option<String>,
    /// Put it elsewhere than the configuration says; the line to write there is printed
    #[arg(long, value_name = "PLACE")]
    to: Option<To>,
    /// With --to file: which one [default: secrets/SOURCE in the configuration directory]
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
}

/// Places that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum To {
    /// The system's keyring
    Keyring,
    /// The Linux kernel's key service: in memory, until the machine restarts
    Keyutils,
    /// A file that only its owner can read (mode 0600), in plain text
    File,
}

/// Runs it.
pub fn run(global: &Global, command: &AuthCommand) -> Result<ExitCode, Failure> {
    start::block_on(async {
        match command {
            AuthCommand::Login(args) => Box::pin(login::run(global, args)).await,
            AuthCommand::Status { json } => status::run(global, *json).await,
            AuthCommand::Logout { source } => logout::run(global, source).await,
        }
    })
}

/// The one that is meant.
fn choose(all: Vec<Credential>, word: Option<&str>) -> Result<Credential, Failure> {
    let listed = |some: &[Credential]| some.iter().map(|one| one.setting.as_str()).collect::<Vec<_>>().join(", ");
    if all.is_empty() {
        return Err(Failure::usage("the configuration names no secret")
            .hint("name its place first, for example token = { keyring = \"unleash\" } in [[flags]]"));
    }
    let Some(word) = word else {
        return if all.len() == 1 { only(all) } else { Err(Failure::usage("which secret?").hint(listed(&all))) };
    };
    let (meant, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.is_called(word));
    match meant.len() {
        0 => {
            let names: Vec<&str> = others.iter().flat_map(|one| [one.source.as_str(), &one.setting]).collect();
            let near = did_you_mean(word, &names).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let message = format!("the configuration names no secret of `{word}`{near}");
            Err(Failure::usage(message).hint(format!("secrets: {}", listed(&others))))
        }
        1 => only(meant),
        _ => Err(Failure::usage(format!("`{word}` has several secrets: which?")).hint(listed(&meant))),
    }
}

fn only(some: Vec<Credential>) -> Result<Credential, Failure> {
    some.into_iter().next().ok_or_else(|| Failure::usage("the configuration names no secret"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::config::SecretSource;

    fn credential(source: &str, setting: &str) -> Credential {
        Credential {
            source: source.into(),
            setting: setting.into(),
            at: SecretSource::Env("X".into()),
            uses: Vec::new(),
        }
    }

    #[test]
    fn a_secret_is_meant_by_its_source_or_its_setting() {
        let all = || {
            vec![
                credential("prometheus", "prometheus.token"),
                credential("prometheus", "contexts.\"prod-*\".prometheus.token"),
                credential("unleash", "flags.unleash.token"),
            ]
        };
        let chosen = |word| choose(all(), word).map(|one| one.setting).map_err(|failure| format!("{failure:?}"));
        assert_eq!(chosen(Some("unleash")).unwrap(), "flags.unleash.token");
        assert_eq!(chosen(Some("prometheus.token")).unwrap(), "prometheus.token");
        assert!(chosen(Some("prometheus")).unwrap_err().contains("several"));
        assert!(chosen(Some("unleesh")).unwrap_err().contains("did you mean `unleash`"));
        assert!(chosen(None).unwrap_err().contains("which secret"));
        assert_eq!(choose(all().split_off(2), None).unwrap().source, "unleash");
        assert!(choose(Vec::new(), None).is_err());
    }
}
