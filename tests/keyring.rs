//! Secrets from a real Secret Service (gnome-keyring on a bus of its own), stored by its own client. Skipped where they
//! are not installed, except where they are required.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use opsdeck::config::SecretSource;
use opsdeck::integrations::secret::{Removed, Secret, remove, resolve, store};

/// The variable that tells the test's own copy what to look for: it runs on the bus of the keyring.
const INSIDE: &str = "OPSDECK_TEST_KEYRING_ENTRY";

#[test]
fn an_entry_of_a_real_keyring_is_read_and_a_missing_one_is_told() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    for tool in ["dbus-run-session", "gnome-keyring-daemon", "secret-tool"] {
        if Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            assert!(std::env::var_os("OPSDECK_REQUIRE_CLIENTS").is_none(), "{tool} is not installed");
            eprintln!("skipped: {tool} is not installed");
            return;
        }
    }
    let home = tempfile::tempdir().unwrap();
    // The bus ends with the script, and the keyring with the bus.
    let script = "gnome-keyring-daemon --unlock --components=secrets >/dev/null \
        && printf s3cret | secret-tool store --label=test service opsdeck username unleash && exec \"$0\" --exact --nocapture \"$1\"";
    let mut session = Command::new("dbus-run-session")
        .args(["--", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg("an_entry_of_a_real_keyring_is_read_and_a_missing_one_is_told")
        .env(INSIDE, "unleash")
        .env("HOME", home.path())
        .env("XDG_DATA_HOME", home.path().join("data"))
        .env("XDG_RUNTIME_DIR", home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The password of the new keyring.
    session.stdin.take().unwrap().write_all(b"unlock").unwrap();
    let output = session.wait_with_output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("the keyring was asked"), "{said}");
}

#[tokio::main]
async fn inside() {
    let entry = std::env::var(INSIDE).unwrap();
    let secret = resolve(&SecretSource::Keyring(entry), "flags.token").await.unwrap();
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
