//! Walking the chain from the first record to the last, over all files.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::GENESIS;
use super::files::Files;
use super::head::{self, Head};
use super::tail::sequence;
use crate::actions::record::sha256_hex;

/// A log whose chain is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Records.
    pub records: u64,
    /// Files that hold them.
    pub files: usize,
    /// Lines that a crash left unfinished.
    pub torn: Vec<Torn>,
    /// What is no break, but should be known.
    pub remarks: Vec<String>,
    /// sha256 of the last record's line: keep it elsewhere to notice when all files were made anew.
    pub head: String,
}

/// A line that a crash left unfinished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Torn {
    /// Name of the file.
    pub file: String,
    /// Line number from 1.
    pub line: u64,
}

/// Where and how a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Broken {
    /// Name of the file.
    pub file: String,
    /// Line number from 1; 0 when the file as a whole is meant.
    pub line: u64,
    /// Why.
    pub why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.why),
            line => write!(f, "{} line {line}: {}", self.file, self.why),
        }
    }
}

/// Checks the whole chain.
pub fn verify(path: &Path) -> Result<Summary, Broken> {
    verify_against(path, None)
}

/// Checks the whole chain, and that the record whose line has this hash (a [`Summary::head`] kept from before) is in it.
pub fn verify_against(path: &Path, known: Option<&str>) -> Result<Summary, Broken> {
    walk(&Files::new(path.to_owned()), known, drop)
        .unwrap_or_else(|error| Err(Broken { file: name(path), line: 0, why: error.to_string() }))
}

/// Reads all records in order and checks the chain on the way. A break does not end the reading; the first is told.
/// The outer error means that a file could not be read.
pub(super) fn walk(
    files: &Files,
    known: Option<&str>,
    mut each: impl FnMut(Value),
) -> io::Result<Result<Summary, Broken>> {
    let _lock = files.lock_to_read()?;
    let paths = files.all()?;
    let mut walk = Walk::new(files, head::read(files)?);
    let mut seen = known.is_none_or(|known| known == GENESIS);
    for path in &paths {
        walk.enter(path);
        for line in BufReader::new(File::open(path)?).split(b'\n') {
            let line = line?;
            walk.line += 1;
            let record = sequence(&line).and_then(|seq| Some((seq, serde_json::from_slice::<Value>(&line).ok()?)));
            match record {
                Some((seq, record)) => {
                    walk.record(seq, &record, &line);
                    seen = seen || known == Some(&*walk.hash);
                    each(record);
                }
                None => walk.torn(&line),
            }
        }
    }
    if !seen {
        walk.breaks(0, "the record that was last when it was checked before is gone".into());
    }
    Ok(walk.end(paths.len()))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Where the walk stands.
struct Walk<'a> {
    files: &'a Files,
    head: Head,
    file: PathBuf,
    line: u64,
    seq: u64,
    hash: String,
    records: u64,
    /// Fragments that no record has vouched for yet.
    pending: Vec<(Torn, String)>,
    torn: Vec<Torn>,
    remarks: Vec<String>,
    broken: Option<Broken>,
}

impl<'a> Walk<'a> {
    fn new(files: &'a Files, head: Head) -> Self {
        Self {
            files,
            head,
            file: files.active().to_owned(),
            line: 0,
            seq: 0,
            hash: GENESIS.into(),
            records: 0,
            pending: Vec::new(),
            torn: Vec::new(),
            remarks: Vec::new(),
            broken: None,
        }
    }

    fn enter(&mut self, path: &Path) {
        path.clone_into(&mut self.file);
        self.line = 0;
    }

    /// Notes the first break.
    fn breaks(&mut self, line: u64, why: String) {
        let file = name(&self.file);
        self.broken.get_or_insert(Broken { file, line, why });
    }

    fn record(&mut self, seq: u64, record: &Value, line: &[u8]) {
        let prev = record.get("prev").and_then(Value::as_str).unwrap_or_default();
        let vouched: Vec<&str> = record
            .get("after_torn")
            .and_then(Value::as_array)
            .map(|hashes| hashes.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        // The records in between are gone, not altered.
        if seq > self.seq.saturating_add(1) {
            let why = self.missing(self.seq + 1, seq - 1);
            self.breaks(self.line, why);
        } else if seq != self.seq.saturating_add(1) {
            self.breaks(self.line, format!("record {seq}, where record {} was expected", self.seq.saturating_add(1)));
        } else if let Some((torn, _)) = self.unvouched(&vouched) {
            let why = "it is no record, and the next record knows nothing of it: it was altered or put in";
            self.broken.get_or_insert(Broken { file: torn.file, line: torn.line, why: why.into() });
        } else if vouched.len() != self.pending.len() {
            self.breaks(self.line, "the unfinished line before it is gone".into());
        } else if prev != self.hash {
            let why = "it does not continue the record before: one of both was altered, removed or put in";
            self.breaks(self.line, why.into());
        }
        self.torn.extend(self.pending.drain(..).map(|(torn, _)| torn));
        if record.get("head_missing") == Some(&Value::Bool(true)) {
            self.remarks.push(format!(
                "{} was missing or unreadable when record {seq} was written: had records been cut off before, nothing could tell",
                name(&self.files.head())
            ));
        }
        self.seq = seq;
        self.hash = sha256_hex(line);
        self.records += 1;
        if let Head::At { seq: last, hash } = &self.head
            && *last == seq
            && *hash != self.hash
        {
            let why = format!("record {seq} is not the one that {} knows: it was altered", name(&self.files.head()));
            self.breaks(self.line, why);
        }
    }

    fn unvouched(&self, vouched: &[&str]) -> Option<(Torn, String)> {
        let known: BTreeSet<&str> = vouched.iter().copied().collect();
        self.pending.iter().find(|(_, hash)| !known.contains(hash.as_str())).cloned()
    }

    fn torn(&mut self, line: &[u8]) {
        let torn = Torn { file: name(&self.file), line: self.line };
        self.pending.push((torn, sha256_hex(line)));
    }

    /// `records 3 to 7 are missing`, and the file that held them where its name tells.
    fn missing(&self, first: u64, last: u64) -> String {
        let what = if first == last {
            format!("record {first} is missing")
        } else {
            format!("records {first} to {last} are missing")
        };
        let numbers: Vec<u64> =
            self.files.all_rotated().unwrap_or_default().into_iter().map(|(number, _)| number).collect();
        let gap = (1..).zip(&numbers).find(|(expected, number)| expected != *number).map(|(expected, _)| expected);
        match gap {
            Some(number) => format!("{what}: {} is gone", name(&self.files.rotated(number))),
            None => what,
        }
    }

    fn end(mut self, files: usize) -> Result<Summary, Broken> {
        let head_name = name(&self.files.head());
        match self.head.clone() {
            Head::At { seq, .. } if seq > self.seq => {
                let why = format!("{}: {head_name} says that there were {seq}", self.missing(self.seq + 1, seq));
                let line = self.line + 1;
                self.breaks(line, why);
            }
            Head::Unreadable => {
                let why = "it does not read as it was written: it was altered".to_owned();
                self.broken.get_or_insert(Broken { file: head_name, line: 0, why });
            }
            // A crash right after the very first record leaves no head; nothing else does.
            Head::Missing if self.records > 1 => {
                let why = "it is gone: whether the end of the log was cut off cannot be told".to_owned();
                self.broken.get_or_insert(Broken { file: head_name, line: 0, why });
            }
            _ => {}
        }
        // Nothing was written since: the next record will vouch for them.
        self.torn.extend(self.pending.drain(..).map(|(torn, _)| torn));
        match self.broken {
            Some(broken) => Err(broken),
            None => {
                Ok(Summary { records: self.records, files, torn: self.torn, remarks: self.remarks, head: self.hash })
            }
        }
    }
}
