//! A panic restores the terminal and leaves a report. In a file of its own: the hook is the process's.
#![allow(clippy::unwrap_used, clippy::panic)]

#[test]
fn a_panic_leaves_a_report() {
    let directory = tempfile::tempdir().unwrap();
    opsdeck::runtime::terminal::report_panics(directory.path().join("reports"));
    let result = std::thread::spawn(|| panic!("the example panic")).join();
    assert!(result.is_err());
    let report = directory.path().join(format!("reports/panic-{}.txt", std::process::id()));
    let text = std::fs::read_to_string(report).unwrap();
    assert!(text.contains("the example panic"), "{text}");
    assert!(text.contains(env!("CARGO_PKG_VERSION")), "{text}");
}
