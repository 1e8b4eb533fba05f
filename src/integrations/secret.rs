//! Reading a secret from where the configuration says that it lies: an environment variable, a file that nobody else
//! can read, the system's keyring, the kernel's key service, or a helper command; and putting it there, where that is
//! possible ([`store`], [`remove`]). The value never appears in a message, a log or `Debug`.

mod file;
mod keyring;
mod keyutils;
mod store;

pub use store::{Removed, remove, store};

use std::fmt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::config::secret::SecretSource;
use crate::domain::text::clean;
use crate::ports::feed::{Fault, FaultKind};

/// A helper may ask a hardware key or a password manager, but must not hang for ever.
const HELPER_TIMEOUT: Duration = Duration::from_secs(30);

/// Keyrings that are unlocked, the kernel and a disk answer within milliseconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// A secret value.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// What someone typed or piped: one line, without the white space around it. `None`: it is empty, or more than that.
    pub fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty() && !text.contains(char::is_control)).then(|| Self(text.to_owned()))
    }

    /// The value, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Reads it; `setting` is the key that faults name (`prometheus.token`). White space around the value is dropped.
pub async fn resolve(source: &SecretSource, setting: &str) -> Result<Secret, Fault> {
    find(source, setting).await?.ok_or_else(|| match source {
        SecretSource::Keyring(name) => keyring::absent(name, setting),
        SecretSource::Keyutils(name) => keyutils::absent(name, setting),
        SecretSource::File(path) => file::absent(path, setting),
        SecretSource::Env(_) | SecretSource::Command(_) => missing(setting, "what it names is empty"),
    })
}

/// The same, and `None` where it is certain that nothing is there. What cannot be looked at is a fault: it may be anything.
pub async fn find(source: &SecretSource, setting: &str) -> Result<Option<Secret>, Fault> {
    let value = match source {
        SecretSource::Env(name) => of_environment(name, setting, |name| std::env::var(name).ok()).await.map(Some),
        SecretSource::Keyring(name) => keyring::read(name, setting).await,
        SecretSource::Keyutils(name) => keyutils::read(name, setting).await,
        SecretSource::File(path) => file::read(path, setting).await,
        SecretSource::Command(argv) => run(argv, setting, HELPER_TIMEOUT).await.map(Some),
    };
    match value?.as_deref().map(str::trim) {
        Some("") => Err(missing(setting, "what it names is empty")),
        value => Ok(value.map(|value| Secret(value.to_owned()))),
    }
}

fn missing(setting: &str, why: impl fmt::Display) -> Fault {
    Fault::new(FaultKind::Unauthorized, format!("{setting}: {why}"))
}

/// Does work that may hang, on a thread of its own and under a limit; `Err(true)` when it did not end in time.
async fn waiting<T: Send + 'static>(patience: Duration, work: impl FnOnce() -> T + Send + 'static) -> Result<T, bool> {
    match tokio::time::timeout(patience, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err(false),
        Err(_) => Err(true),
    }
}

async fn of_environment(name: &str, setting: &str, get: impl Fn(&str) -> Option<String>) -> Result<String, Fault> {
    match (get(name), get(&format!("{name}_FILE"))) {
        (Some(value), _) => Ok(value),
        (None, Some(path)) => {
            let path = Path::new(&path);
            file::read(path, setting).await?.ok_or_else(|| file::absent(path, setting))
        }
        (None, None) => {
            let why = format!("neither of the environment variables {name} and {name}_FILE is set");
            Err(missing(setting, why).hint(format!("export {name}, or change {setting}")))
        }
    }
}

async fn run(argv: &[String], setting: &str, limit: Duration) -> Result<String, Fault> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(missing(setting, "its command is empty"));
    };
    let child = tokio::process::Command::new(program)
        .args(arguments)
        // The terminal is the console's: a helper that wants to ask must use its own agent.
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let name = clean(program).into_owned();
    let output = match tokio::time::timeout(limit, child).await {
        Err(_) => {
            let why = format!("{name} did not finish within {}", humantime::format_duration(limit));
            return Err(missing(setting, why).hint("run it once by hand: it may wait for a passphrase"));
        }
        Ok(Err(error)) => return Err(missing(setting, format!("cannot run {name}: {error}"))),
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let line: String = clean(stderr.lines().next().unwrap_or_default()).chars().take(200).collect();
        return Err(missing(setting, format!("{name} failed ({}): {line}", output.status)));
    }
    // Only the first line, as `pass` and git's helpers have it: what follows is notes.
    let text = String::from_utf8(output.stdout)
        .map_err(|_| missing(setting, format!("{name} printed something that is not text")))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn words(argv: &[&str]) -> Vec<String> {
        argv.iter().map(|word| (*word).to_owned()).collect()
    }

    #[tokio::test]
    #[cfg(unix)]
    async fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "s3cret\n").unwrap();
        for (mode, fine) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = resolve(&SecretSource::File(path.clone()), "prometheus.token").await;
            assert_eq!(read.is_ok(), fine, "{mode:o}");
            match read {
                Ok(secret) => assert_eq!(secret.expose(), "s3cret"),
                Err(fault) => {
                    assert!(fault.message.starts_with("prometheus.token: "), "{fault}");
                    assert!(fault.hint.unwrap().starts_with("chmod 600 "));
                }
            }
        }
    }

    #[tokio::test]
    #[cfg(unix)]
    async fn a_variable_holds_it_or_one_more_names_its_file() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "of the file").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let named = |name: &str| (name == "TOKEN_FILE").then(|| path.display().to_string());
        assert_eq!(of_environment("TOKEN", "x", named).await.unwrap(), "of the file");
        let both = |name: &str| named(name).or_else(|| Some("itself".into()));
        assert_eq!(of_environment("TOKEN", "x", both).await.unwrap(), "itself");
        let fault = of_environment("TOKEN", "flags.token", |_| None).await.unwrap_err();
        assert!(fault.message.contains("TOKEN and TOKEN_FILE"), "{fault}");
    }

    #[tokio::test]
    async fn a_helper_gives_its_first_line_or_says_why_not() {
        let source = SecretSource::Command(words(&["printf", "s3cret\\nlogin: someone\\n"]));
        assert_eq!(resolve(&source, "x").await.unwrap().expose(), "s3cret");
        let source = SecretSource::Command(words(&["sh", "-c", "printf 'no \\033[31mentry' >&2; exit 3"]));
        let fault = resolve(&source, "prometheus.token").await.unwrap_err();
        assert_eq!(fault.message, "prometheus.token: sh failed (exit status: 3): no entry");
        let fault = run(&words(&["sleep", "60"]), "x", Duration::from_millis(30)).await.unwrap_err();
        assert!(fault.message.contains("did not finish within 30ms"), "{fault}");
        assert!(resolve(&SecretSource::Command(vec![]), "x").await.is_err());
        assert!(resolve(&SecretSource::Env("OPSDECK_NO_SUCH_VARIABLE".into()), "x").await.is_err());
    }

    #[tokio::test]
    async fn nothing_prints_a_secret() {
        let secret = resolve(&SecretSource::Command(words(&["echo", "s3cret"])), "x").await.unwrap();
        assert!(!format!("{secret:?}").contains("s3cret"));
    }
}
