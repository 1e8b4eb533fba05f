//! What is generated, between markers that carry a digest of it. A part that is as it was generated is made anew; one that
//! somebody changed is theirs: its text stays, without markers, and what is known now follows in a part of its own.
//! Everything outside of parts is theirs in any case, and is not touched by a byte.

use sha2::{Digest as _, Sha256};

use super::sections;
use crate::incident::fold::Incident;

const BEGIN: &str = "<!-- opsdeck:begin ";
const END: &str = "<!-- opsdeck:end ";
const CLOSE: &str = " -->";

/// Says why there are two texts.
const BESIDE: &str = "*The text above was edited and is kept. What is on record now:*\n\n";

/// One section.
pub(super) struct Section {
    /// Its name in the markers.
    pub(super) name: &'static str,
    /// Its heading.
    pub(super) title: &'static str,
    /// What is generated, ending with a line break.
    pub(super) body: String,
    /// What people are asked to write.
    pub(super) prompt: &'static str,
}

impl Section {
    /// The part, with its markers.
    pub(super) fn written(&self) -> String {
        part(self.name, &self.body)
    }
}

fn digest(body: &str) -> String {
    let digest = Sha256::digest(body.replace("\r\n", "\n").as_bytes());
    let mut number = [0; 8];
    number.copy_from_slice(&digest[..8]);
    format!("{:016x}", u64::from_be_bytes(number))
}

fn part(name: &str, body: &str) -> String {
    format!("{BEGIN}{name} {}{CLOSE}\n{body}{END}{name}{CLOSE}\n", digest(body))
}

/// A piece of a file.
enum Piece<'a> {
    /// Of people.
    Theirs(&'a str),
    /// Between markers: name, digest of what was generated, what stands there now, and all of it with its markers.
    Part { name: &'a str, digest: &'a str, body: &'a str, whole: &'a str },
}

/// A marker has its line to itself, exactly: anything else on it was written by somebody.
fn begin(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let inner = line.strip_suffix('\r').unwrap_or(line).strip_prefix(BEGIN)?.strip_suffix(CLOSE)?;
    let (name, digest) = inner.split_once(' ')?;
    let fits = digest.len() == 16 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    (fits && !name.is_empty()).then_some((name, digest))
}

fn is_end(line: &str, name: &str) -> bool {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    line.strip_prefix(END).and_then(|rest| rest.strip_suffix(CLOSE)) == Some(name)
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut lines = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        lines.push((at, line));
        at += line.len();
    }
    let mut pieces = Vec::new();
    let (mut from, mut index) = (0, 0);
    while index < lines.len() {
        let (start, line) = lines[index];
        let found = begin(line).and_then(|(name, digest)| {
            let rest = lines.iter().enumerate().skip(index + 1);
            // A part does not reach over the beginning of another: then its end is missing, and it is theirs.
            let mut rest = rest.take_while(|(_, (_, line))| begin(line).is_none());
            let (end, (end_at, end_line)) = rest.find(|(_, (_, line))| is_end(line, name))?;
            Some((name, digest, end, *end_at, end_at + end_line.len()))
        });
        let Some((name, digest, end, body_end, whole_end)) = found else {
            index += 1;
            continue;
        };
        pieces.push(Piece::Theirs(&text[from..start]));
        let body = &text[start + line.len()..body_end];
        pieces.push(Piece::Part { name, digest, body, whole: &text[start..whole_end] });
        from = whole_end;
        index = end + 1;
    }
    pieces.push(Piece::Theirs(&text[from..]));
    pieces
}

/// The draft made anew, from the one on disk. All that people wrote is in it: outside of the parts byte by byte, and in a
/// part that they changed the whole of it. A section that they took out stays out.
pub fn regenerate(old: &str, incident: &Incident) -> String {
    if old.trim().is_empty() {
        return super::draft(incident);
    }
    let sections = sections(incident);
    let mut text = String::with_capacity(old.len());
    for piece in pieces(old) {
        let (name, known, body, whole) = match piece {
            Piece::Theirs(theirs) => {
                text.push_str(theirs);
                continue;
            }
            Piece::Part { name, digest, body, whole } => (name, digest, body, whole),
        };
        let Some(section) = sections.iter().find(|section| section.name == name) else {
            // Of another version.
            text.push_str(whole);
            continue;
        };
        let changed = digest(body) != known;
        let beside = format!("{BESIDE}{}", section.body);
        if !changed {
            let is_beside = body.replace("\r\n", "\n").starts_with(BESIDE);
            text.push_str(&part(name, if is_beside { &beside } else { &section.body }));
        } else if known == digest(&section.body) || known == digest(&beside) {
            // Nothing is new since they wrote.
            text.push_str(whole);
        } else {
            text.push_str(body);
            if !body.ends_with('\n') && !body.is_empty() {
                text.push('\n');
            }
            text.push('\n');
            text.push_str(&part(name, &beside));
        }
    }
    text
}
