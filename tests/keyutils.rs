//! Secrets in the key service of the kernel that runs the tests. Where it has none, or forbids it (containers do), the test
//! says so loudly and ends.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

use std::process::Command;

use opsdeck::config::SecretSource;
use opsdeck::integrations::secret::{Removed, Secret, remove, resolve, store};

/// The variable that tells the test's own copy which key another process made.
const INSIDE: &str = "OPSDECK_TEST_KEYUTILS_NAME";

#[tokio::test]
async fn a_key_of_the_kernel_is_kept_found_by_another_process_and_taken_away() {
    if let Ok(name) = std::env::var(INSIDE) {
        let secret = resolve(&SecretSource::Keyutils(name), "flags.token").await.unwrap();
        println!("read {} bytes", secret.expose().len());
        return;
    }
    let name = format!("test-{}", std::process::id());
    let at = SecretSource::Keyutils(name.clone());
    let first = Secret::of("s3cret").unwrap();
    if let Err(fault) = store(&at, &first, "flags.token").await {
        eprintln!("SKIPPED: no key service to test with: {fault}");
        assert!(fault.hint.is_some(), "it is said what to do instead: {fault:?}");
        return;
    }
    assert_eq!(resolve(&at, "flags.token").await.unwrap(), first);
    // Longer than any buffer that one would take without asking.
    let second = Secret::of(&"x".repeat(9_000)).unwrap();
    store(&at, &second, "flags.token").await.unwrap();
    assert_eq!(resolve(&at, "flags.token").await.unwrap(), second);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "a_key_of_the_kernel_is_kept_found_by_another_process_and_taken_away"])
        .env(INSIDE, &name)
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("read 9000 bytes"), "{said}");
    assert_eq!(remove(&at, "flags.token").await.unwrap(), Removed::Gone);
    assert_eq!(remove(&at, "flags.token").await.unwrap(), Removed::Nothing);
    let fault = resolve(&at, "flags.token").await.unwrap_err();
    assert!(fault.message.contains("holds no key"), "{fault}");
}
