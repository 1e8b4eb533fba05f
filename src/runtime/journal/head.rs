//! `audit.head`: number and hash of the last record. A chain alone cannot tell that its end was cut off; with this it can.
//!
//! It is replaced as a whole after each record, so it is never half written. A crash between record and head leaves the
//! head one record behind, which is no contradiction.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};

use serde_json::Value;

use super::files::Files;

/// What the head says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// There is none.
    Missing,
    /// It does not read as this program writes it.
    Unreadable,
    /// The record with this number was the last, and its line had this hash.
    At {
        /// Number.
        seq: u64,
        /// sha256 of the line.
        hash: String,
    },
}

fn text(seq: u64, hash: &str) -> String {
    format!("{{\"seq\":{seq},\"hash\":\"{hash}\"}}\n")
}

/// Reads it.
pub(super) fn read(files: &Files) -> io::Result<Head> {
    let bytes = match fs::read(files.head()) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Head::Missing),
        Err(error) => return Err(error),
    };
    let parsed: Option<(u64, String)> = serde_json::from_slice::<Value>(&bytes)
        .ok()
        .and_then(|value| Some((value.get("seq")?.as_u64()?, value.get("hash")?.as_str()?.to_owned())));
    Ok(match parsed {
        // No record has the number 0, so nothing could ever contradict it.
        Some((seq, hash)) if seq > 0 && text(seq, &hash).as_bytes() == bytes => Head::At { seq, hash },
        _ => Head::Unreadable,
    })
}

/// Replaces it; on disk when this returns.
pub(super) fn write(files: &Files, seq: u64, hash: &str) -> io::Result<()> {
    let path = files.head();
    let fresh = path.with_extension("head.new");
    // Left over from a crash, perhaps another user's.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = files.create(&fresh, OpenOptions::new().write(true).create_new(true))?;
    file.write_all(text(seq, hash).as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, &path)?;
    files.sync_directory()
}
