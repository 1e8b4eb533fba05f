//! YAML with the place of every value, by the events of a parser that knows them. Aliases and merge keys are followed for
//! reading; what they bring is not theirs to change, so it is fixed, and so is what others may refer to.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::{DEEPEST, Entry, Node, Value, twice};

/// More values than this are not a document of flags but one that unfolds without end.
const MOST: usize = 100_000;

const ALIAS: &str = "it comes from an anchor elsewhere in the document";
const ANCHOR: &str = "other parts of the document may refer to it (it has an anchor)";

/// Reads a document. An empty one is an empty map.
pub(super) fn read(text: &str) -> Result<Node, String> {
    let mut reader = Reader { text, parser: Parser::new_from_str(text), anchors: HashMap::new(), left: MOST };
    let mut root = None;
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd | Event::Comment(..) => {}
            event => {
                if root.is_some() {
                    return Err(format!("line {}: a second document begins; one is read", span.start.line()));
                }
                root = Some(reader.node(event, span, 0)?);
            }
        }
    }
    let empty = || Node { value: Value::Map(Vec::new()), span: 0..0, fixed: Some("the document is empty") };
    Ok(root.filter(|root| !matches!(root.value, Value::Null)).unwrap_or_else(empty))
}

struct Reader<'a> {
    text: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    /// How many values may still be made.
    left: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), String> {
        match self.parser.next_event() {
            None => Ok((Event::StreamEnd, Span::default())),
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(format!("line {}: not valid YAML ({})", error.marker().line(), error.info())),
        }
    }

    /// The next event that is no comment.
    fn event(&mut self) -> Result<(Event<'a>, Span), String> {
        loop {
            match self.next()? {
                (Event::Comment(..), _) => {}
                (Event::StreamEnd, _) => return Err("it ends too early".into()),
                found => return Ok(found),
            }
        }
    }

    fn count(&mut self, nodes: usize) -> Result<(), String> {
        self.left = self.left.checked_sub(nodes).ok_or("it unfolds to more values than a document of flags has")?;
        Ok(())
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, String> {
        if depth > DEEPEST {
            return Err("it is nested too deeply".into());
        }
        self.count(1)?;
        let place = span.byte_range().unwrap_or(0..0);
        let (mut node, anchor, tagged) = match event {
            Event::Alias(id) => {
                let known = self.anchors.get(&id).cloned();
                let mut node = known.ok_or_else(|| format!("line {}: an unknown alias", span.start.line()))?;
                self.count(size(&node))?;
                node.fixed = None;
                node.fix(ALIAS);
                return Ok(node);
            }
            Event::Scalar(value, style, anchor, tag) => {
                let tag = tag.map(|tag| tag.suffix().to_owned());
                (self.scalar(&value, style, tag.as_deref(), place), anchor, tag.is_some())
            }
            Event::SequenceStart(_, anchor, tag) => {
                let mut items = Vec::new();
                loop {
                    match self.event()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
                (Node { value: Value::List(items), span: place, fixed: None }, anchor, tag.is_some())
            }
            Event::MappingStart(_, anchor, tag) => {
                let entries = self.entries(depth)?;
                (Node { value: Value::Map(entries), span: place, fixed: None }, anchor, tag.is_some())
            }
            _ => return Err(format!("line {}: not understood", span.start.line())),
        };
        if tagged {
            node.fix("it has a tag of its own");
        }
        if anchor != 0 {
            node.fix(ANCHOR);
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<Entry>, String> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.event()?;
            if event == Event::MappingEnd {
                break;
            }
            let place = span.byte_range().map(|range| range.start);
            let plain = matches!(&event, Event::Scalar(_, ScalarStyle::Plain, ..));
            let key = self.node(event, span, depth + 1)?;
            let key = match key.value {
                Value::Text(text, _) | Value::Number(text) => text,
                // `True: …` is a key of that very spelling to those who read it as text.
                Value::Boolean(_) | Value::Null => self.text.get(key.span).unwrap_or_default().to_owned(),
                Value::List(_) | Value::Map(_) => return Err(format!("line {}: a key is no text", span.start.line())),
            };
            let (event, span) = self.event()?;
            let node = self.node(event, span, depth + 1)?;
            if plain && key == "<<" {
                match node.value {
                    Value::List(items) => merged.extend(items.into_iter().map(|item| item.value)),
                    value => merged.push(value),
                }
            } else {
                entries.push(Entry { key, place, node });
            }
        }
        twice(&mut entries);
        for value in merged {
            let Value::Map(more) = value else { continue };
            for mut entry in more {
                if !entries.iter().any(|own| own.key == entry.key) {
                    entry.node.fix(ALIAS);
                    // It stands elsewhere.
                    entry.place = None;
                    entries.push(entry);
                }
            }
        }
        Ok(entries)
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&str>, span: Range<usize>) -> Node {
        let piece = self.text.get(span.clone()).unwrap_or_default();
        let mut fixed = None;
        let value = match style {
            ScalarStyle::Plain => {
                if piece != text {
                    fixed = Some("it is written over several lines");
                }
                if tag == Some("str") { Value::Text(text.to_owned(), None) } else { plain(text) }
            }
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                let quote = if style == ScalarStyle::SingleQuoted { '\'' } else { '"' };
                if piece.len() < 2 || !piece.starts_with(quote) || !piece.ends_with(quote) || piece.contains('\n') {
                    fixed = Some("it is written over several lines");
                }
                Value::Text(text.to_owned(), Some(quote))
            }
            ScalarStyle::Literal | ScalarStyle::Folded => {
                fixed = Some("it is a block of text");
                Value::Text(text.to_owned(), None)
            }
        };
        Node { value, span, fixed }
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|entry| size(&entry.node)).sum(),
        _ => 0,
    }
}

/// A plain scalar by YAML's core schema.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Boolean(true),
        "false" | "False" | "FALSE" => Value::Boolean(false),
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::Text(text.to_owned(), None),
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']);
    let numeric =
        digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && digits.contains(|c: char| c.is_ascii_digit());
    let based =
        |prefix: &str, radix| digits.strip_prefix(prefix).is_some_and(|rest| u64::from_str_radix(rest, radix).is_ok());
    (numeric && text.parse::<f64>().is_ok())
        || based("0x", 16)
        || based("0o", 8)
        || matches!(digits, ".inf" | ".Inf" | ".INF")
        || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// Text as YAML writes it: in the quotes that it stood in; without any, where it stays text without them, and where what
/// it replaces is such a word too: `yes` stays `no`, whatever its readers take it for.
pub(super) fn text(to: &str, quote: Option<char>, old: &str) -> String {
    let odd = to.chars().any(char::is_control);
    match quote {
        Some('\'') if !odd => format!("'{}'", to.replace('\'', "''")),
        None if is_plain_text(to) || (is_word(to) && is_word(old)) => to.to_owned(),
        // JSON's strings are YAML's.
        _ => super::json::text(to),
    }
}

/// Does it say true or false to readers of YAML 1.1?
fn is_word(text: &str) -> bool {
    matches!(text.to_lowercase().as_str(), "yes" | "no" | "on" | "off" | "y" | "n")
}

/// Would it be read as the same text without quotes, wherever it stands? Rather too strict than too lax.
fn is_plain_text(text: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+' | '@');
    text.chars().all(inside)
        && text.starts_with(|c: char| c.is_alphanumeric())
        && !is_word(text)
        && matches!(plain(text), Value::Text(..))
}
