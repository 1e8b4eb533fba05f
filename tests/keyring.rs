//! Secrets from a real Secret Service (gnome-keyring on a bus of its own), stored by its own client. Skipped where they
//! are not installed, except where they are required.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod support;

use opsdeck::config::SecretSource;
use opsdeck::integrations::secret::{Removed, Secret, remove, resolve, store};
use support::keyring;

#[test]
fn an_entry_of_a_real_keyring_is_read_and_a_missing_one_is_told() {
    if keyring::is_inside() {
        return inside();
    }
    let home = tempfile::tempdir().unwrap();
    let test = "an_entry_of_a_real_keyring_is_read_and_a_missing_one_is_told";
    let first = "printf s3cret | secret-tool store --label=test service opsdeck username unleash";
    let Some(output) = keyring::again(test, first, home.path()) else { return };
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("the keyring was asked"), "{said}");
}

#[tokio::main]
async fn inside() {
    let secret = resolve(&SecretSource::Keyring("unleash".into()), "flags.token").await.unwrap();
    assert_eq!(secret.expose(), "s3cret");
    let fault = resolve(&SecretSource::Keyring("nobody".into()), "flags.token").await.unwrap_err();
    assert!(fault.message.contains("the keyring has no entry `nobody`"), "{fault}");
    let (at, secret) = (SecretSource::Keyring("slack".into()), Secret::of("xoxb-s3cret").unwrap());
    store(&at, &secret, "chat.token").await.unwrap();
    assert_eq!(resolve(&at, "chat.token").await.unwrap(), secret);
    assert_eq!(remove(&at, "chat.token").await.unwrap(), Removed::Gone);
    assert_eq!(remove(&at, "chat.token").await.unwrap(), Removed::Nothing);
    println!("the keyring was asked");
}
