//! What must hold for every log: no byte of it can change unnoticed, and no line or file can go.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::io::Write;

use proptest::prelude::*;
use serde_json::json;

use super::tests::rotated;
use super::*;

/// Every file of the log but those that are empty.
fn files(journal: &FileJournal) -> Vec<PathBuf> {
    let directory = journal.path().parent().unwrap();
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl" || extension == "head"));
    paths.sort();
    paths
}

/// Four files, and a fragment that a crash left in one of them.
fn log() -> (tempfile::TempDir, FileJournal) {
    let (keep, journal) = rotated(4);
    fs::OpenOptions::new().append(true).open(journal.path()).unwrap().write_all(b"{\"seq\":5,\"pr").unwrap();
    for n in 0..3 {
        journal.append(json!({"n": n, "text": "ünï"})).unwrap();
    }
    (keep, journal)
}

#[test]
fn every_single_byte_that_changes_is_found() {
    let (_keep, journal) = log();
    let summary = verify(journal.path()).unwrap();
    assert_eq!((summary.records, summary.torn.len()), (7, 1));
    for path in files(&journal) {
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            for other in [whole[at] ^ 1, b'\n', b' ', b'0', b'}'] {
                if other == whole[at] {
                    continue;
                }
                let mut bytes = whole.clone();
                bytes[at] = other;
                fs::write(&path, &bytes).unwrap();
                assert!(verify(journal.path()).is_err(), "{} byte {at} as {other}", path.display());
            }
        }
        fs::write(&path, &whole).unwrap();
    }
    assert!(verify(journal.path()).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_run_of_bytes_can_be_cut_out_or_put_in(
        texts in prop::collection::vec("\\PC{0,60}", 2..8),
        file in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        cut in 0_usize..400,
        put in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let (_keep, journal) = rotated(1);
        for text in texts {
            journal.append(json!({"text": text})).unwrap();
        }
        prop_assert!(verify(journal.path()).is_ok());
        let paths = files(&journal);
        let path = file.get(&paths);
        let whole = fs::read(path).unwrap();
        let at = at.index(whole.len());
        let mut bytes = whole.clone();
        bytes.splice(at..(at + cut).min(whole.len()), put);
        // Only the last line's end carries nothing: the next append would put it back.
        prop_assume!(bytes.strip_suffix(b"\n").unwrap_or(&bytes) != whole.strip_suffix(b"\n").unwrap_or(&whole));
        fs::write(path, &bytes).unwrap();
        let found = verify(journal.path());
        // What is put in after the last record is no part of the chain; it is shown as a fragment, not as a record.
        let appended = bytes.starts_with(&whole) && path == journal.path();
        prop_assert!(found.as_ref().map_or(true, |summary| appended && !summary.torn.is_empty()), "{found:?}");
    }
}
