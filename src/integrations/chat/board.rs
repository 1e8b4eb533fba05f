//! What all chats do alike: a text as one or several messages, each once; names that are taken made unique; the face of
//! a mark where a service takes no more than a short one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::Future;

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::road::Trouble;
use super::words::{Manner, pieces};
use crate::domain::incident::delivery::Receipt;
use crate::domain::time::Instant;
use crate::incident::clearance::Cleared;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::incident::ChatLimits;

/// What is said of what a look found.
pub(super) const ARRIVED: &str = "it had arrived already";
/// Names with a number at their end that are tried before a person is asked.
pub(super) const NAMES: usize = 9;

/// Where messages are put and found again.
pub(super) trait Board: Sync {
    /// What it holds.
    const LIMITS: ChatLimits;
    /// The writing in which a message is measured.
    const MANNER: Manner;

    /// Which of these marks messages of the channel carry, and their ids. It looks as far back as the first attempt; an
    /// error ([`unfinished`]) where it cannot look that far.
    fn find(
        &self,
        cleared: &Cleared,
        channel: &str,
        marks: &[String],
    ) -> impl Future<Output = Result<BTreeMap<String, String>, Trouble>> + Send;

    /// Posts one message, and answers with its id. The text is in the simple writing.
    fn put(
        &self,
        cleared: &Cleared,
        channel: &str,
        mark: &str,
        text: &str,
    ) -> impl Future<Output = Result<String, Trouble>> + Send;
}

/// What a look finds where an earlier attempt may have arrived; `None`, and nothing is asked, where none may have. As long
/// as the look fails, the doubt stays.
pub(super) async fn in_doubt<T>(
    cleared: &Cleared,
    look: impl Future<Output = Result<T, Trouble>>,
) -> Result<Option<T>, Trouble> {
    if !cleared.doubt() {
        return Ok(None);
    }
    look.await.map(Some).map_err(|trouble| trouble.unseen(cleared))
}

/// Clocks may differ by so much, in seconds, before a look ends too early.
const CLOCKS: i64 = 600;

/// Is something so old that it came of no attempt of this delivery?
pub(super) fn is_before(cleared: &Cleared, at: Option<Instant>) -> bool {
    let first = cleared.first_attempt().and_then(|first| first.checked_sub_signed(TimeDelta::seconds(CLOCKS)));
    at.zip(first).is_some_and(|(at, first)| at < first)
}

/// A look that came to an end before it reached the time of the first attempt: nobody knows whether it arrived, unless a
/// person who was asked wants it sent.
pub(super) fn unfinished(cleared: &Cleared, looked: usize) -> Result<(), Trouble> {
    if cleared.insisted() {
        return Ok(());
    }
    let message = format!("it may have arrived: it is not among the last {looked} messages, and there are older ones");
    let hint = "look into the channel: drop it if it is there; retrying sends what was not found";
    Err(Trouble::ask(Fault::new(FaultKind::Timeout, message).hint(hint)))
}

/// Posts the parts of a text in their order, each once. The receipt names the first.
pub(super) async fn post<B: Board>(
    board: &B,
    cleared: &Cleared,
    channel: &str,
    text: &str,
) -> Result<Receipt, Trouble> {
    let parts = pieces(text, B::LIMITS.message, B::MANNER);
    if parts.is_empty() {
        let fault = Fault::new(FaultKind::NotConfigured, "the message is empty");
        return Err(Trouble::ask(fault.hint("write something, or drop this delivery")));
    }
    let marks = marks(&cleared.mark(), parts.len());
    let mut known = in_doubt(cleared, board.find(cleared, channel, &marks)).await?.unwrap_or_default();
    let mut remarks = Vec::new();
    if !known.is_empty() {
        remarks.push(match (known.len(), parts.len()) {
            (_, 1) => ARRIVED.to_owned(),
            (found, of) => format!("{found} of its {of} messages had arrived already"),
        });
    }
    let mut first = None;
    for (at, (mark, text)) in marks.iter().zip(&parts).enumerate() {
        let id = match known.remove(mark) {
            Some(id) => id,
            None => board.put(cleared, channel, mark, text).await.map_err(|trouble| {
                if at == 0 {
                    trouble
                } else {
                    trouble.after_a_part(&format!("{at} of {} messages arrived", parts.len()))
                }
            })?,
        };
        first.get_or_insert(id);
    }
    if parts.len() > 1 {
        remarks.push(format!("it was too long for one message and became {}", parts.len()));
    }
    Ok(Receipt { id: first, remarks, ..Receipt::default() })
}

/// The marks of the parts: the delivery's own for a single one, else numbered.
fn marks(mark: &str, parts: usize) -> Vec<String> {
    match parts {
        1 => vec![mark.to_owned()],
        parts => (1..=parts).map(|part| format!("{mark}/{part}")).collect(),
    }
}

/// The mark as hexadecimal digits, two for a byte of the digest.
pub(super) fn short(mark: &str, bytes: usize) -> String {
    Sha256::digest(mark.as_bytes()).iter().take(bytes).fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The first name is the wanted one, the second ends in `-2`, and so on; never longer than `limit`.
pub(super) fn nth(name: &str, number: usize, limit: usize) -> String {
    if number <= 1 {
        return name.to_owned();
    }
    let end = format!("-{number}");
    let kept: String = name.chars().take(limit.saturating_sub(end.len())).collect();
    format!("{}{end}", kept.trim_end_matches(['-', '_']))
}

/// A name of lower-case letters, digits, `-` and `_`, as chats want it; an error where nothing remains of the wanted one.
pub(super) fn plain_name(wanted: &str, limit: usize) -> Result<String, String> {
    let mut name = String::new();
    for c in wanted.trim().trim_start_matches('#').chars().flat_map(char::to_lowercase) {
        let kept = if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' { c } else { '-' };
        // What cannot be written in it becomes one dash, however much of it there is.
        if kept != '-' || !name.ends_with('-') {
            name.push(kept);
        }
    }
    let name: String = name.trim_matches(['-', '_']).chars().take(limit).collect();
    let name = name.trim_end_matches(['-', '_']);
    if name.is_empty() {
        let why = "a channel's name has to hold at least one of the letters a to z or a digit";
        return Err(format!("`{}`: {why}", crate::domain::text::clean(wanted)));
    }
    Ok(name.to_owned())
}

/// What a channel is for, with the mark at its end by which it is known again, within a limit in characters.
pub(super) fn marked_purpose(purpose: &str, mark: &str, limit: usize) -> String {
    let end = format!("[{mark}]");
    let room = limit.saturating_sub(end.chars().count() + 1);
    let (purpose, _) = shortened(purpose, room);
    if purpose.is_empty() { end } else { format!("{purpose} {end}") }
}

/// Does a channel's text hold the mark?
pub(super) fn holds(text: &str, mark: &str) -> bool {
    text.contains(&format!("[{mark}]"))
}

/// One line of at most so many characters, and whether anything was cut off.
pub(super) fn shortened(text: &str, limit: usize) -> (String, bool) {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= limit {
        return (line, false);
    }
    let kept: String = line.chars().take(limit.saturating_sub(1)).collect();
    (format!("{}…", kept.trim_end()), true)
}

/// What a receipt says of a text that was cut.
pub(super) fn cut(what: &str, limit: usize) -> String {
    format!("the {what} was longer than {limit} characters and was shortened")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_those_that_a_service_takes() {
        for (wanted, name) in [
            ("inc-20261121-1432-payment", "inc-20261121-1432-payment"),
            ("#Inc: Payment / Checkout!", "inc-payment-checkout"),
            ("__-x-__", "x"),
            ("Käse\u{1b}[31m", "k-se-31m"),
        ] {
            assert_eq!(plain_name(wanted, 80).unwrap(), name);
        }
        assert_eq!(plain_name(&"ab-".repeat(40), 5).unwrap(), "ab-ab");
        assert_eq!(plain_name("ab-ab", 3).unwrap(), "ab", "no dash is left at the cut");
        for nothing in ["", "--", "障害", "#"] {
            assert!(plain_name(nothing, 80).unwrap_err().contains("a to z"), "{nothing}");
        }
        assert_eq!(nth("payment", 1, 80), "payment");
        assert_eq!(nth("payment", 2, 80), "payment-2");
        assert_eq!(nth("pay-ment", 3, 6), "pay-3");
    }

    #[test]
    fn a_mark_stays_whole_however_long_the_purpose() {
        let purpose = marked_purpose(&"long ".repeat(100), "inc/channel", 60);
        assert!(purpose.chars().count() <= 60 && holds(&purpose, "inc/channel"), "{purpose}");
        assert!(!holds("a purpose [inc/channel-2]", "inc/channel"), "another's mark is not taken for it");
        assert_eq!(marked_purpose("", "inc/channel", 60), "[inc/channel]");
        assert_eq!(shortened("one\ntwo  three", 20), ("one two three".into(), false));
        assert_eq!(shortened("one two three", 8), ("one two…".into(), true));
        assert_ne!(short("a/1", 12), short("a/2", 12));
        assert_eq!(short("a/1", 12).len(), 24);
    }
}
