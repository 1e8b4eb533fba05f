//! `opsdeck auth login`: asks for a secret, puts it where the configuration keeps it, and proves it against its service.
//!
//! Nothing falls back: where a place does not take it, that is said, with the places that may and how to choose them. A
//! secret that its service refuses is not kept: what was there before is put back.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{LoginArgs, To, choose};
use crate::cli::output::{Failure, error_line, line};
use crate::cli::{Global, start};
use crate::config::SecretSource;
use crate::config::credentials::Credential;
use crate::integrations::secret::{self, Secret};
use crate::ports::feed::{Fault, FaultKind};
use crate::runtime::credentials::PATIENCE;
use crate::runtime::credentials::ask::{AskError, ask};
use crate::runtime::credentials::ledger::Ledger;
use crate::runtime::credentials::prove::{Proof, prove};

/// Stored, but nobody knows whether it is right.
const UNPROVEN: u8 = 6;

/// Runs it.
pub(super) async fn run(global: &Global, args: &LoginArgs) -> Result<ExitCode, Failure> {
    let start = start::start(global).await?;
    let all = start.launch.configuration().await?.credentials();
    let credential = choose(all.clone(), args.source.as_deref())?;
    let word = credential.word(&all);
    let command = format!("opsdeck auth login {}", shell_words::quote(word));
    let name = entry(&credential, word);
    let to = target(global, args, &credential, &name, &command)?;
    let prompt = format!("Secret of {} (not shown; goes to {to}): ", credential.source);
    let secret = tokio::select! {
        // Polled first: who interrupts while the question appears gets the terminal's echo back too.
        biased;
        () = start::interrupted() => return Err(Failure::failed("nothing was stored")),
        asked = ask(&prompt) => asked.map_err(|error| unasked(&error))?,
    };
    // What cannot be looked at may be anything, and could not be put back.
    let before = look_before(&to, &credential.setting).await.map_err(|fault| refused(fault, &command, &to))?;
    secret::store(&to, &secret, &credential.setting).await.map_err(|fault| refused(fault, &command, &to))?;
    line(&format!("the secret of {} is in {}", credential.source, described(&to)));

    let proof = tokio::select! {
        biased;
        () = start::interrupted() => {
            let fault = Fault::new(FaultKind::Timeout, "interrupted before the service had answered");
            return Err(put_back(fault, before, &credential, &to).await);
        }
        proof = proven(&credential, &to) => proof,
    };
    if let Some(Proof::Refused(fault)) = proof {
        return Err(put_back(fault, before, &credential, &to).await);
    }
    // It is told of the place where it is now, once the configuration names that.
    let stored = Credential { at: to.clone(), ..credential.clone() };
    let ledger = Ledger::new(&start::dirs(global));
    let written = ledger.forget(&stored).and_then(|()| {
        proof.iter().try_for_each(|proof| ledger.record(&stored, proof, "auth login", start.launch.clock.now()))
    });
    if let Err(error) = written {
        error_line(&format!("what came of it cannot be written down for `auth status`: {error}"));
    }
    let code = match proof {
        None | Some(Proof::Refused(_)) => {
            line("  not proven: no address is configured that it would be sent to");
            ExitCode::SUCCESS
        }
        Some(Proof::Valid(whom)) => {
            line(&format!("  proven: {whom} accepts it"));
            ExitCode::SUCCESS
        }
        Some(Proof::Unknown(fault)) => {
            line(&format!("  not proven: {}", fault.message));
            fault.hint.iter().for_each(|hint| line(&format!("  → {hint}")));
            ExitCode::from(UNPROVEN)
        }
    };
    if to != credential.at {
        line(&format!("  the configuration still takes it from {}; write in its place:", credential.at));
        line(&format!("  {}", sentence(&credential, &to)));
        if !matches!(credential.at, SecretSource::Env(_) | SecretSource::Command(_)) {
            line(&format!("  what is in {} stays there", credential.at));
        }
    }
    Ok(code)
}

fn unasked(error: &AskError) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error {
        AskError::Nothing => failure.hint("type it, or pipe it in: pass show ops/token | opsdeck auth login …"),
        AskError::NotOneLine => failure.hint("print one line: … | head -n 1"),
        AskError::Input(_) => failure,
    }
}

/// What is there now, under the limit of a look.
async fn look_before(at: &SecretSource, setting: &str) -> Result<Option<Secret>, Fault> {
    tokio::time::timeout(PATIENCE, secret::find(at, setting)).await.unwrap_or_else(|_| {
        Err(Fault::new(FaultKind::Timeout, format!("{setting}: {at} did not say in time what is there now")))
    })
}

/// Where it goes: what was asked for, else what the configuration says.
fn target(
    global: &Global,
    args: &LoginArgs,
    credential: &Credential,
    name: &str,
    command: &str,
) -> Result<SecretSource, Failure> {
    match (args.to, &args.file) {
        (Some(To::Keyring), None) => Ok(SecretSource::Keyring(name.to_owned())),
        (Some(To::Keyutils), None) => Ok(SecretSource::Keyutils(name.to_owned())),
        (Some(To::File) | None, Some(path)) => std::path::absolute(path)
            .map(SecretSource::File)
            .map_err(|error| Failure::usage(format!("cannot use {}: {error}", path.display()))),
        (Some(To::File), None) => match &credential.at {
            SecretSource::File(_) => Ok(credential.at.clone()),
            _ => default_file(global, name).map(SecretSource::File),
        },
        (Some(To::Keyring | To::Keyutils), Some(_)) => Err(Failure::usage("--file goes with --to file")),
        (None, None) => match &credential.at {
            at @ (SecretSource::Env(_) | SecretSource::Command(_)) => Err(unwritable(at, credential, name, command)),
            at => Ok(at.clone()),
        },
    }
}

/// Environment and commands: opsdeck reads them and cannot write them.
fn unwritable(at: &SecretSource, credential: &Credential, name: &str, command: &str) -> Failure {
    let setting = &credential.setting;
    let here = match at {
        SecretSource::Env(name) => {
            format!("set it where this program is started: export {name}=…, or {name}_FILE=PATH of a file (mode 0600)")
        }
        _ => "put it where the command takes it from".to_owned(),
    };
    Failure::usage(format!("{setting} is taken from {at}, where opsdeck cannot store it")).hint(format!(
        "{here}; or store it elsewhere: {command} --to keyring, and write {}",
        sentence(credential, &SecretSource::Keyring(name.to_owned()))
    ))
}

/// What an entry of it is called: as the configuration calls one already, else by the word that means it alone. Two secrets
/// in one entry would be one.
fn entry(credential: &Credential, word: &str) -> String {
    if let SecretSource::Keyring(name) | SecretSource::Keyutils(name) = &credential.at {
        return name.clone();
    }
    let plain = |one: char| if one.is_ascii_alphanumeric() || "-_.".contains(one) { one } else { '-' };
    let word = if credential.setting.starts_with("contexts.") || credential.setting.contains(".headers.") {
        &credential.setting
    } else {
        word
    };
    word.replace(['"', '*'], "").chars().map(plain).take(64).collect()
}

fn default_file(global: &Global, name: &str) -> Result<PathBuf, Failure> {
    let directory = start::dirs(global).config;
    let directory = directory.ok_or_else(|| Failure::usage("there is no home directory: name the file with --file"))?;
    Ok(directory.join("secrets").join(name))
}

/// The line of the configuration that names the place.
fn sentence(credential: &Credential, to: &SecretSource) -> String {
    let Credential { source, setting, .. } = credential;
    let section = setting.split('.').next().unwrap_or_default();
    let named = setting.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')).unwrap_or_default();
    let list = ["flags", "chat", "paging", "status-page"].contains(&section);
    let (table, key) = match named.strip_prefix(source).and_then(|rest| rest.strip_prefix('.')) {
        Some(key) if list => (format!("[[{section}]] `{source}`"), key.to_owned()),
        _ => ("the configuration".to_owned(), setting.clone()),
    };
    format!("{key} = {} (in {table})", to.written())
}

/// A place in words that say how safe it is there.
fn described(at: &SecretSource) -> String {
    match at {
        SecretSource::Keyring(name) => format!("the system's keyring, entry {name} of opsdeck"),
        SecretSource::Keyutils(name) => {
            format!("the kernel's memory, key opsdeck:{name}, until this machine restarts")
        }
        SecretSource::File(path) => format!("{}, in plain text, readable by you alone (mode 0600)", path.display()),
        SecretSource::Env(_) | SecretSource::Command(_) => at.to_string(),
    }
}

/// The place did not take it. What else there is, each to be chosen.
fn refused(fault: Fault, command: &str, to: &SecretSource) -> Failure {
    let keyutils = format!("{command} --to keyutils (the kernel's memory, until it restarts)");
    let file = format!("{command} --to file (plain text, mode 0600)");
    let hint = match to {
        SecretSource::Keyring(_) => format!("{keyutils}, or {file}"),
        SecretSource::Keyutils(_) => format!("{command} --to keyring, or {file}"),
        _ => fault.hint.unwrap_or(keyutils),
    };
    Failure::failed(format!("not stored: {}", fault.message)).hint(hint)
}

/// Asks every service that it is for, as if the configuration named the new place; `None` when there is none. A refusal
/// counts before silence, and silence before consent.
async fn proven(credential: &Credential, to: &SecretSource) -> Option<Proof> {
    let mut worst = None;
    if !credential.uses.is_empty() && !credential.is_provable() {
        let why = "nothing can be asked with this key: it only sends, and sending pages somebody";
        return Some(Proof::Unknown(Fault::new(FaultKind::NotServed, why)));
    }
    for service in &credential.uses {
        let proof = prove(&service.clone().with(&credential.at, to)).await;
        worst = match (worst, proof) {
            (_, refused @ Proof::Refused(_)) => return Some(refused),
            (Some(unknown @ Proof::Unknown(_)), _) => Some(unknown),
            (_, proof) => Some(proof),
        };
    }
    worst
}

async fn put_back(fault: Fault, before: Option<Secret>, credential: &Credential, to: &SecretSource) -> Failure {
    let setting = &credential.setting;
    let (done, after) = match before {
        Some(before) => (secret::store(to, &before, setting).await, "what was there before is back"),
        None => (secret::remove(to, setting).await.map(drop), "it was taken away again"),
    };
    if let Err(stuck) = done {
        error_line(&format!("the refused secret is still in {to}: {}", stuck.message));
        return Failure::failed(format!("refused: {}", fault.message));
    }
    let failure = Failure::failed(format!("refused: {}; {after}", fault.message));
    match fault.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn credential(source: &str, setting: &str, at: SecretSource) -> Credential {
        Credential { source: source.into(), setting: setting.into(), at, uses: Vec::new() }
    }

    #[test]
    fn the_line_to_write_is_one_that_the_configuration_takes() {
        let env = || SecretSource::Env("X".into());
        for (one, said) in [
            (
                credential("unleash", "flags.unleash.token", env()),
                "token = { keyring = \"unleash\" } (in [[flags]] `unleash`)",
            ),
            (
                credential("prometheus", "contexts.\"prod-*\".prometheus.token", env()),
                "contexts.\"prod-*\".prometheus.token = { keyring = \"contexts.prod-.prometheus.token\" } (in the configuration)",
            ),
        ] {
            assert_eq!(sentence(&one, &SecretSource::Keyring(entry(&one, &one.source))), said);
        }
        let kept = credential("unleash", "flags.unleash.token", SecretSource::Keyring("ops/unleash".into()));
        assert_eq!(entry(&kept, "unleash"), "ops/unleash");
        let (token, key) =
            (credential("pd", "paging.pd.token", env()), credential("pd", "paging.pd.routing-key", env()));
        let all = [token.clone(), key.clone()];
        assert_eq!(entry(&token, token.word(&all)), "paging.pd.token", "one source, two secrets, two entries");
        assert_eq!(entry(&key, key.word(&all)), "paging.pd.routing-key");
    }

    #[test]
    fn where_nothing_can_be_stored_the_way_out_is_named() {
        let one = credential("unleash", "flags.unleash.token", SecretSource::Env("UNLEASH".into()));
        let said = format!("{:?}", unwritable(&one.at, &one, "unleash", "opsdeck auth login unleash"));
        assert!(said.contains("export UNLEASH=") && said.contains("--to keyring"), "{said}");
        let fault = Fault::new(FaultKind::Unauthorized, "no keyring can be reached");
        let said =
            format!("{:?}", refused(fault, "opsdeck auth login unleash", &SecretSource::Keyring("unleash".into())));
        assert!(said.contains("--to keyutils") && said.contains("--to file (plain text"), "{said}");
    }
}
