//! JSON with the place of every value. The text is taken apart level by level; `serde_json` says where each value stands
//! by handing out the very piece of the text.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{DEEPEST, Entry, Node, Value, twice};

/// Entries in their order, also those that stand twice.
struct Entries<'a>(Vec<(String, &'a RawValue)>);
/// Items in their order.
struct Items<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Entries<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

impl<'de> Deserialize<'de> for Items<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Items<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_seq(Each)
    }
}

/// Reads a document.
pub(super) fn read(text: &str) -> Result<Node, String> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| words(&error))?;
    node(text, raw.get(), 0)
}

fn words(error: &serde_json::Error) -> String {
    format!("line {}: not valid JSON ({:?} error)", error.line(), error.classify())
}

fn node(text: &str, piece: &str, depth: usize) -> Result<Node, String> {
    if depth > DEEPEST {
        return Err("it is nested too deeply".into());
    }
    // A piece is a part of the text, so that its address tells its place.
    let start = (piece.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    let span = start..start + piece.len();
    let wrong = |error: serde_json::Error| words(&error);
    let value = match piece.as_bytes().first() {
        Some(b'{') => {
            let Entries(found) = serde_json::from_str(piece).map_err(wrong)?;
            let mut entries = Vec::with_capacity(found.len());
            for (key, raw) in found {
                entries.push(Entry { key, place: None, node: node(text, raw.get(), depth + 1)? });
            }
            twice(&mut entries);
            Value::Map(entries)
        }
        Some(b'[') => {
            let Items(found) = serde_json::from_str(piece).map_err(wrong)?;
            Value::List(found.into_iter().map(|raw| node(text, raw.get(), depth + 1)).collect::<Result<_, _>>()?)
        }
        Some(b'"') => Value::Text(serde_json::from_str(piece).map_err(wrong)?, Some('"')),
        Some(b't' | b'f') => Value::Boolean(piece == "true"),
        Some(b'n') => Value::Null,
        _ => Value::Number(piece.to_owned()),
    };
    let fixed = (text.get(span.clone()) != Some(piece)).then_some("its place is not known");
    Ok(Node { value, span, fixed })
}

/// Text as JSON writes it.
pub(super) fn text(to: &str) -> String {
    serde_json::Value::from(to).to_string()
}

/// A new first entry: after the brace, spaced as the one that was the first.
pub(super) fn first(text: &str, parent: &Node, key: &str, value: &str) -> Option<(usize, String)> {
    let inner = parent.span.start + 1;
    let rest = text.get(inner..parent.span.end)?;
    let space = rest.len() - rest.trim_start().len();
    let colon = if rest.contains("\": ") { ": " } else { ":" };
    let new = format!("\"{key}\"{colon}{value},{}", if space == 0 { "" } else { rest.get(..space)? });
    rest.get(space..)?.starts_with('"').then_some((inner + space, new))
}
