//! A Secret Service for a test that needs one: gnome-keyring on a bus of its own, and the test once more, on that bus.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Set for the test that runs on the bus.
const INSIDE: &str = "OPSDECK_TEST_ON_A_BUS";

/// Is this the one that runs on the bus?
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs `test` of this binary once more, with a keyring in `home` that is unlocked, after `first`, a line of shell. `None`
/// where the programs are not installed, except where they are required.
pub fn again(test: &str, first: &str, home: &Path) -> Option<Output> {
    for tool in ["dbus-run-session", "gnome-keyring-daemon", "secret-tool"] {
        if Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            assert!(std::env::var_os("OPSDECK_REQUIRE_CLIENTS").is_none(), "{tool} is not installed");
            eprintln!("SKIPPED: no keyring to test with: {tool} is not installed");
            return None;
        }
    }
    // The bus ends with the script, and the keyring with the bus.
    let script = format!(
        "gnome-keyring-daemon --unlock --components=secrets >/dev/null && {first} && exec \"$0\" --exact --nocapture \"$1\""
    );
    let mut session = Command::new("dbus-run-session")
        .args(["--", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(INSIDE, "yes")
        .env("HOME", home)
        .env("XDG_DATA_HOME", home.join("data"))
        .env("XDG_RUNTIME_DIR", home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The password of the new keyring.
    session.stdin.take().unwrap().write_all(b"unlock").unwrap();
    Some(session.wait_with_output().unwrap())
}
