//! The end of a log: what the next record continues, found without reading all of it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde_json::Value;

use super::GENESIS;
use super::files::Files;
use crate::actions::record::sha256_hex;

/// What the next record continues.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// Number of the last record; 0 when there is none.
    pub seq: u64,
    /// Hash of its line.
    pub hash: String,
    /// Hashes of the lines after it that are no records: a crash cut them off.
    pub torn: Vec<String>,
    /// The active file ends with a whole record.
    pub is_ended: bool,
    /// Bytes in the active file.
    pub active_length: u64,
}

/// Reads the end, in older files too where the active one holds no record yet.
pub(super) fn read(files: &Files) -> io::Result<Tail> {
    let mut tail = Tail { seq: 0, hash: GENESIS.into(), torn: Vec::new(), is_ended: false, active_length: 0 };
    let paths = match files.all() {
        Ok(paths) => paths,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(tail),
        Err(error) => return Err(error),
    };
    for path in paths.iter().rev() {
        let end = end_of(path)?;
        if path == files.active() {
            tail.active_length = end.length;
            tail.is_ended = end.is_ended && end.torn.is_empty();
        }
        // Fragments of an older file stand before those of a newer one.
        tail.torn.splice(0..0, end.torn);
        if let Some((seq, hash)) = end.last {
            (tail.seq, tail.hash) = (seq, hash);
            break;
        }
    }
    Ok(tail)
}

/// The end of one file.
struct End {
    last: Option<(u64, String)>,
    torn: Vec<String>,
    is_ended: bool,
    length: u64,
}

/// Reads the last lines, back to the last record.
fn end_of(path: &Path) -> io::Result<End> {
    let mut file = File::open(path)?;
    let length = file.seek(SeekFrom::End(0))?;
    let mut window = 8 * 1024;
    loop {
        let start = length.saturating_sub(window);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        Read::by_ref(&mut file).take(length - start).read_to_end(&mut bytes)?;
        let is_ended = bytes.last().is_none_or(|byte| *byte == b'\n');
        let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        if is_ended {
            lines.pop();
        }
        if start > 0 && !lines.is_empty() {
            // The first piece of the window may be the end of a longer line.
            lines.remove(0);
        }
        let last = lines.iter().rposition(|line| sequence(line).is_some());
        if last.is_none() && start > 0 {
            window *= 4;
            continue;
        }
        let torn = lines.iter().skip(last.map_or(0, |at| at + 1)).map(|line| sha256_hex(line)).collect();
        let last = last.and_then(|at| Some((sequence(lines[at])?, sha256_hex(lines[at]))));
        return Ok(End { last, torn, is_ended, length });
    }
}

/// The number of a record; `None` when the line is none.
pub(super) fn sequence(line: &[u8]) -> Option<u64> {
    serde_json::from_slice::<Value>(line).ok()?.as_object()?.get("seq")?.as_u64()
}

/// Does the file end with the end of a line?
pub(super) fn ends(file: &mut File, length: u64) -> io::Result<bool> {
    if length == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(length - 1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
