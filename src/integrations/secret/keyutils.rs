//! Secrets in the Linux kernel's key service (keyrings(7)): in memory that is never written to a disk, for one user,
//! until the machine restarts. It needs no session bus, so it is there over ssh.
//!
//! A key of ours is of type `user`, called `opsdeck:NAME`, and linked into two keyrings: the user's, which every process
//! of the user finds at once, and the user's persistent one, which outlives the last logout (by days, as the machine's
//! `kernel.keys.persistent_keyring_expiry` says; each use begins them anew). `keyctl padd user opsdeck:NAME @u` makes
//! the same key.
//!
//! The kernel lets a process read a key that it *possesses*: one that its own keyrings lead to, and these do not lead to
//! the user's keyring in every session (services and cron jobs). So the thread that asks links both into the keyring of
//! its own, which is gone with the thread.

use crate::integrations::secret::store::Removed;
use crate::ports::feed::Fault;

#[cfg(target_os = "linux")]
pub(super) use self::kernel::{absent, read, remove, write};
#[cfg(not(target_os = "linux"))]
pub(super) use self::none::{absent, read, remove, write};

#[cfg(target_os = "linux")]
mod kernel {
    use linux_keyutils::{Key, KeyError, KeyRing, KeyRingIdentifier};

    use super::{Fault, Removed};
    use crate::integrations::secret::{PATIENCE, missing, waiting};

    /// `ENOSYS`: the kernel was built without it, or a container hides it.
    const NO_SUCH_CALL: i32 = 38;

    /// The value of the key `name`, `None` where there is no such key; `setting` is the key of the configuration that
    /// faults name.
    pub(crate) async fn read(name: &str, setting: &str) -> Result<Option<String>, Fault> {
        let asked = described(name);
        let take = move || match Rings::open()?.find(&asked).and_then(|key| key.read_to_vec()) {
            Err(error) if is_gone(error) => Ok(None),
            found => found.map(Some),
        };
        let bytes = asking(name, setting, take).await?;
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|_| missing(setting, format!("the kernel's key `{name}` is not text")))
    }

    /// Why there is nothing to read.
    pub(crate) fn absent(name: &str, setting: &str) -> Fault {
        explained(KeyError::KeyDoesNotExist, name, setting)
    }

    /// Makes the key, or gives it this value.
    pub(crate) async fn write(name: &str, value: String, setting: &str) -> Result<(), Fault> {
        let asked = described(name);
        asking(name, setting, move || {
            let rings = Rings::open()?;
            let key = rings.user.add_key(&asked, &value)?;
            // Without it the key lives as long as some process of the user does, which is no failure.
            rings.persistent.map_or(Ok(()), |ring| ring.link_key(key))
        })
        .await
    }

    /// Takes the key away, for everyone who has it.
    pub(crate) async fn remove(name: &str, setting: &str) -> Result<Removed, Fault> {
        let asked = described(name);
        asking(name, setting, move || {
            let rings = Rings::open()?;
            let mut removed = Removed::Nothing;
            // One in each keyring, if others put them there. What is gone may be found for a moment longer.
            for _ in 0..4 {
                let key = match rings.find(&asked) {
                    Ok(key) => key,
                    Err(error) if is_gone(error) => break,
                    Err(error) => return Err(error),
                };
                match key.invalidate() {
                    Ok(()) => removed = Removed::Gone,
                    Err(error) if is_gone(error) => {}
                    Err(error) => return Err(error),
                }
                rings.forget(key);
            }
            Ok(removed)
        })
        .await
    }

    /// What the key is called in the kernel.
    fn described(name: &str) -> String {
        format!("opsdeck:{name}")
    }

    const fn is_gone(error: KeyError) -> bool {
        matches!(error, KeyError::KeyDoesNotExist | KeyError::KeyRevoked | KeyError::KeyExpired)
    }

    /// The keyrings, as this thread has them.
    struct Rings {
        own: KeyRing,
        user: KeyRing,
        persistent: Option<KeyRing>,
    }

    impl Rings {
        fn open() -> Result<Self, KeyError> {
            let own = KeyRing::from_special_id(KeyRingIdentifier::Thread, true)?;
            let user = KeyRing::from_special_id(KeyRingIdentifier::User, true)?;
            own.link_keyring(user)?;
            // Not every kernel has it.
            let persistent = KeyRing::get_persistent(KeyRingIdentifier::Thread).ok();
            Ok(Self { own, user, persistent })
        }

        fn find(&self, description: &str) -> Result<Key, KeyError> {
            self.own.search(description)
        }

        /// No keyring leads to it any more; one that did not is as well.
        fn forget(&self, key: Key) {
            let _ = self.user.unlink_key(key);
            let _ = self.persistent.map(|ring| ring.unlink_key(key));
        }
    }

    async fn asking<T: Send + 'static>(
        name: &str,
        setting: &str,
        ask: impl FnOnce() -> Result<T, KeyError> + Send + 'static,
    ) -> Result<T, Fault> {
        match waiting(PATIENCE, ask).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(explained(error, name, setting)),
            Err(_) => Err(missing(setting, "the kernel's key service did not answer within 3s")),
        }
    }

    fn explained(error: KeyError, name: &str, setting: &str) -> Fault {
        let other = format!("let {setting} name a file (mode 0600), a keyring entry or a command instead");
        match error {
            error if is_gone(error) => missing(setting, format!("the kernel holds no key `{name}` of opsdeck for you"))
                .hint("keys are gone after a restart; `opsdeck auth login` puts it there again"),
            KeyError::Unknown(NO_SUCH_CALL) | KeyError::OperationNotSupported => {
                missing(setting, "this kernel has no key service, or the container hides it").hint(other)
            }
            KeyError::PermissionDenied | KeyError::AccessDenied => {
                let why = "the kernel's key service is forbidden here: containers often forbid it (seccomp)";
                missing(setting, why).hint(other)
            }
            KeyError::QuotaExceeded => missing(setting, "your quota of the kernel's key service is used up")
                .hint("/proc/key-users shows it; the limit is kernel.keys.maxbytes"),
            error => missing(setting, format!("the kernel's key service refused `{name}`: {error}")).hint(other),
        }
    }

    #[cfg(test)]
    mod tests {
        #![allow(clippy::unwrap_used, clippy::panic)]
        use super::*;

        #[test]
        fn what_containers_forbid_is_told_with_what_else_there_is() {
            for (error, said) in [
                (KeyError::Unknown(NO_SUCH_CALL), "no key service"),
                (KeyError::PermissionDenied, "seccomp"),
                (KeyError::QuotaExceeded, "quota"),
                (KeyError::KeyDoesNotExist, "no key `unleash`"),
                (KeyError::Unknown(5), "refused `unleash`"),
            ] {
                let fault = explained(error, "unleash", "flags.token");
                assert!(fault.message.starts_with("flags.token: ") && fault.message.contains(said), "{fault}");
                assert!(fault.hint.is_some(), "{fault}");
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod none {
    use super::{Fault, Removed};
    use crate::integrations::secret::missing;

    fn nowhere(setting: &str) -> Fault {
        missing(setting, "only Linux has a key service").hint(format!("let {setting} name a keyring entry instead"))
    }

    /// Only Linux has it.
    pub(crate) async fn read(_: &str, setting: &str) -> Result<Option<String>, Fault> {
        Err(nowhere(setting))
    }

    /// Only Linux has it.
    pub(crate) fn absent(_: &str, setting: &str) -> Fault {
        nowhere(setting)
    }

    /// Only Linux has it.
    pub(crate) async fn write(_: &str, _: String, setting: &str) -> Result<(), Fault> {
        Err(nowhere(setting))
    }

    /// Only Linux has it.
    pub(crate) async fn remove(_: &str, setting: &str) -> Result<Removed, Fault> {
        Err(nowhere(setting))
    }
}
