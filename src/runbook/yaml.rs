//! YAML with the place of every key and value, for front matter and bodies. Anchors and aliases are refused: nothing here
//! needs them, and what unfolds is not looked at.

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::diagnostic::{Diagnostic, Spot, did_you_mean};

/// How deep values may be nested.
const DEEPEST: usize = 32;
/// How many values there may be.
const MOST: usize = 20_000;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it begins.
    pub spot: Spot,
    /// What it is.
    pub value: Yaml,
}

/// Kinds of value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Yaml {
    /// A scalar, as text; `null`, `~` and nothing are empty.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in order.
    Map(Vec<Entry>),
}

/// One entry of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Where the key stands.
    pub spot: Spot,
    /// Its value.
    pub node: Node,
}

impl Node {
    /// The text of a scalar.
    pub fn scalar(&self) -> Option<&str> {
        match &self.value {
            Yaml::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The entries of a map; an empty scalar is an empty map.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Yaml::Map(entries) => Some(entries),
            Yaml::Scalar(text) if text.is_empty() => Some(&[]),
            _ => None,
        }
    }

    /// A list; one scalar is a list of one.
    pub fn list(&self) -> Vec<&Node> {
        match &self.value {
            Yaml::List(list) => list.iter().collect(),
            Yaml::Scalar(text) if text.is_empty() => Vec::new(),
            _ => vec![self],
        }
    }
}

/// Reads one document; `base` is the place of its first character.
pub fn read(text: &str, base: Spot) -> Result<Node, Diagnostic> {
    let mut reader = Reader { parser: Parser::new_from_str(text), base, left: MOST };
    let mut root = None;
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd | Event::Comment(..) => {}
            event if root.is_none() => root = Some(reader.node(event, span, 0)?),
            _ => return Err(Diagnostic::error(reader.spot(span), "a second YAML document begins here")),
        }
    }
    Ok(root.unwrap_or(Node { spot: base, value: Yaml::Scalar(String::new()) }))
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    base: Spot,
    left: usize,
}

impl<'a> Reader<'a> {
    fn at(&self, line: usize, column: usize) -> Spot {
        Spot::new(self.base.line + line.saturating_sub(1), self.base.column.max(1) + column)
    }

    fn spot(&self, span: Span) -> Spot {
        self.at(span.start.line(), span.start.col())
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Diagnostic> {
        match self.parser.next_event() {
            None => Ok((Event::StreamEnd, Span::default())),
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let spot = self.at(error.marker().line(), error.marker().col());
                Err(Diagnostic::error(spot, format!("not valid YAML: {}", error.info())))
            }
        }
    }

    fn event(&mut self) -> Result<(Event<'a>, Span), Diagnostic> {
        loop {
            match self.next()? {
                (Event::Comment(..), _) => {}
                (Event::StreamEnd, span) => return Err(Diagnostic::error(self.spot(span), "it ends too early")),
                found => return Ok(found),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Diagnostic> {
        let spot = self.spot(span);
        self.left = self.left.saturating_sub(1);
        if depth > DEEPEST || self.left == 0 {
            return Err(Diagnostic::error(spot, "it is nested too deeply, or has too many values"));
        }
        let value = match event {
            Event::Scalar(text, style, ..) => {
                let null = style == ScalarStyle::Plain && matches!(&*text, "~" | "null" | "Null" | "NULL");
                Yaml::Scalar(if null { String::new() } else { text.into_owned() })
            }
            Event::SequenceStart(..) => {
                let mut list = Vec::new();
                loop {
                    match self.event()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => list.push(self.node(event, span, depth + 1)?),
                    }
                }
                Yaml::List(list)
            }
            Event::MappingStart(..) => {
                let mut entries: Vec<Entry> = Vec::new();
                loop {
                    let (event, span) = self.event()?;
                    if matches!(event, Event::MappingEnd) {
                        break;
                    }
                    let key = self.node(event, span, depth + 1)?;
                    let spot = key.spot;
                    let Some(key) = key.scalar().map(str::to_owned) else {
                        let wrong = Diagnostic::error(spot, "a key has to be a word");
                        return Err(wrong.hint("quote a value that begins with {{"));
                    };
                    if entries.iter().any(|entry| entry.key == key) {
                        return Err(Diagnostic::error(spot, format!("`{key}` stands here twice")));
                    }
                    let (event, span) = self.event()?;
                    entries.push(Entry { key, spot, node: self.node(event, span, depth + 1)? });
                }
                Yaml::Map(entries)
            }
            Event::Alias(..) => return Err(Diagnostic::error(spot, "aliases are not followed here: write it out")),
            _ => return Err(Diagnostic::error(spot, "this YAML is not understood")),
        };
        Ok(Node { spot, value })
    }
}

/// The entries of a map whose keys are known; the others are told, with what was probably meant.
pub struct Fields<'a> {
    entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    /// A map with these keys; what is wrong with it is added to `found`.
    pub fn new(node: &'a Node, what: &str, known: &[&str], found: &mut Vec<Diagnostic>) -> Self {
        let Some(entries) = node.entries() else {
            found.push(Diagnostic::error(node.spot, format!("{what} is a map, with keys and values")));
            return Self { entries: &[] };
        };
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let mut diagnostic = Diagnostic::error(entry.spot, format!("{what} has no key `{}`", entry.key));
            let all = || Some(format!("it may have {}", known.join(", ")));
            diagnostic.hint = did_you_mean(&entry.key, known.iter().copied()).or_else(all);
            found.push(diagnostic);
        }
        Self { entries }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The text of a key; that it is no text is added to `found`.
    pub fn text(&self, key: &str, found: &mut Vec<Diagnostic>) -> Option<(&'a str, Spot)> {
        let node = self.get(key)?;
        if let Some(text) = node.scalar() {
            Some((text, node.spot))
        } else {
            found.push(Diagnostic::error(node.spot, format!("`{key}` is one value")));
            None
        }
    }

    /// A list of texts.
    pub fn texts(&self, key: &str, found: &mut Vec<Diagnostic>) -> Vec<String> {
        let mut texts = Vec::new();
        for node in self.get(key).map(Node::list).unwrap_or_default() {
            match node.scalar() {
                Some(text) => texts.push(text.to_owned()),
                None => found.push(Diagnostic::error(node.spot, format!("`{key}` is a list of words"))),
            }
        }
        texts
    }
}
