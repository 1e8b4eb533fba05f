//! Secrets in the operating system's keyring: Secret Service, Keychain or Credential Manager.
//!
//! Over ssh there often is no session bus to ask, or one whose keyring waits for a password that nobody is asked for:
//! the library then fails at once, or never comes back. It is asked on a thread of its own, under a limit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyring::v1::{Entry, Error};

use super::store::Removed;
use super::{PATIENCE, missing, waiting};
use crate::ports::feed::Fault;

/// What entries of ours are filed under (the attribute `service` of a Secret Service).
pub(super) const SERVICE: &str = "opsdeck";

/// A thread that asked is still there, because the keyring did not answer. Until it ends nobody else asks: sources are tried
/// again and again, and each would leave one more.
static STUCK: AtomicBool = AtomicBool::new(false);

/// The password of the entry `name`, `None` where there is no such entry; `setting` is the key that faults name.
pub(super) async fn read(name: &str, setting: &str) -> Result<Option<String>, Fault> {
    let asked = name.to_owned();
    let take = move || match Entry::new(SERVICE, &asked)?.get_password() {
        Err(Error::NoEntry) => Ok(None),
        found => found.map(Some),
    };
    asking(name, setting, (PATIENCE, &STUCK), take).await
}

/// Why there is nothing to read.
pub(super) fn absent(name: &str, setting: &str) -> Fault {
    let hint = format!(
        "opsdeck auth login puts it there; so does secret-tool store --label='{SERVICE} {name}' service {SERVICE} \
         username {name}"
    );
    missing(setting, format!("the keyring has no entry `{name}` of {SERVICE}")).hint(hint)
}

/// Makes the entry, or gives it this password.
pub(super) async fn write(name: &str, value: String, setting: &str) -> Result<(), Fault> {
    let asked = name.to_owned();
    asking(name, setting, (PATIENCE, &STUCK), move || Entry::new(SERVICE, &asked)?.set_password(&value)).await
}

/// Takes the entry away.
pub(super) async fn remove(name: &str, setting: &str) -> Result<Removed, Fault> {
    let asked = name.to_owned();
    let take = move || match Entry::new(SERVICE, &asked)?.delete_credential() {
        Ok(()) => Ok(Removed::Gone),
        Err(Error::NoEntry) => Ok(Removed::Nothing),
        Err(error) => Err(error),
    };
    asking(name, setting, (PATIENCE, &STUCK), take).await
}

async fn asking<T: Send + 'static>(
    name: &str,
    setting: &str,
    (patience, stuck): (Duration, &'static AtomicBool),
    ask: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Fault> {
    let other = || {
        format!(
            "over ssh there is often none: let {setting} name a key of the kernel ({{ keyutils = \"{name}\" }}), a file \
             (mode 0600) or a command instead"
        )
    };
    if stuck.load(Ordering::Acquire) {
        return Err(missing(setting, "the keyring has not answered since it was last asked").hint(other()));
    }
    // Whoever comes second, the end of the thread or the end of patience, knows of the other.
    let over = Arc::new(Mutex::new(false));
    let ended = Arc::clone(&over);
    let work = move || {
        let answer = ask();
        *ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        stuck.store(false, Ordering::Release);
        answer
    };
    let answer = waiting(patience, work).await;
    if matches!(answer, Err(true)) {
        let over = over.lock().unwrap_or_else(PoisonError::into_inner);
        if !*over {
            stuck.store(true, Ordering::Release);
        }
    }
    match answer {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Error::NoEntry)) => Err(absent(name, setting)),
        Ok(Err(Error::NoDefaultStore)) => {
            let why = match Entry::store_status() {
                Err(error) => error.to_string(),
                Ok(()) => "it does not answer".to_owned(),
            };
            Err(missing(setting, format!("no keyring can be reached: {why}")).hint(other()))
        }
        // The library's words name the place, never the value.
        Ok(Err(error)) => Err(missing(setting, format!("the keyring refused `{name}`: {error}")).hint(other())),
        Err(false) => Err(missing(setting, "asking the keyring failed").hint(other())),
        Err(true) => {
            let why = format!("the keyring did not answer within {}", humantime::format_duration(patience));
            Err(missing(setting, why).hint(format!("it may be locked; {}", other())))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]
    use super::*;

    async fn end(ask: impl FnOnce() -> Result<String, Error> + Send + 'static) -> Result<String, Fault> {
        static NEVER: AtomicBool = AtomicBool::new(false);
        asking("unleash", "flags.token", (Duration::from_secs(60), &NEVER), ask).await
    }

    #[tokio::test]
    async fn what_the_keyring_says_is_told_with_what_to_do() {
        assert_eq!(end(|| Ok("s3cret".into())).await.unwrap(), "s3cret");
        let fault = end(|| Err(Error::NoEntry)).await.unwrap_err();
        assert!(fault.message.starts_with("flags.token: the keyring has no entry `unleash`"), "{fault}");
        assert!(fault.hint.unwrap().ends_with("service opsdeck username unleash"));
        let fault = end(|| Err(Error::BadEncoding(b"s3cret".to_vec()))).await.unwrap_err();
        assert!(!format!("{fault:?}").contains("s3cret"), "{fault:?}");
    }

    #[tokio::test]
    async fn one_that_hangs_is_given_up_and_left_alone_until_it_answers() {
        static STUCK: AtomicBool = AtomicBool::new(false);
        let short = (Duration::from_millis(50), &STUCK);
        let (release, held) = std::sync::mpsc::channel::<()>();
        let hangs = move || {
            let _ = held.recv();
            Ok(())
        };
        let fault = asking("unleash", "flags.token", short, hangs).await.unwrap_err();
        assert!(fault.message.contains("did not answer within 50ms"), "{fault}");
        assert!(fault.hint.unwrap().contains("over ssh"));
        let asked = || -> Result<(), Error> { panic!("no second thread asks") };
        let fault = asking("unleash", "flags.token", short, asked).await.unwrap_err();
        assert!(fault.message.contains("has not answered since"), "{fault}");
        drop(release);
        // The thread ends when it can.
        while STUCK.load(Ordering::Acquire) {
            tokio::task::yield_now().await;
        }
        asking("unleash", "flags.token", (Duration::from_secs(60), &STUCK), || Ok(())).await.unwrap();
    }
}
