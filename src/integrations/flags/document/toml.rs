//! TOML with the place of every value.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{DEEPEST, Entry, Node, Value};

/// Reads a document.
pub(super) fn read(text: &str) -> Result<Node, String> {
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        format!("line {line}: not valid TOML ({})", error.message())
    })?;
    Ok(Node { value: Value::Map(entries(text, table.get_ref(), 0)?), span: table.span(), fixed: None })
}

fn entries(text: &str, table: &DeTable<'_>, depth: usize) -> Result<Vec<Entry>, String> {
    if depth > DEEPEST {
        return Err("it is nested too deeply".into());
    }
    let each = table.iter().map(|(key, value)| {
        let node = node(text, value, depth)?;
        Ok(Entry { key: key.get_ref().to_string(), place: Some(key.span().start), node })
    });
    each.collect()
}

fn node(text: &str, spanned: &Spanned<DeValue<'_>>, depth: usize) -> Result<Node, String> {
    let span = spanned.span();
    let piece = text.get(span.clone()).unwrap_or_default();
    let mut fixed = None;
    let value = match spanned.get_ref() {
        DeValue::String(string) => {
            let quote = piece.chars().next();
            if piece.starts_with("\"\"\"") || piece.starts_with("'''") {
                fixed = Some("it is text over several lines");
            }
            Value::Text(string.to_string(), quote)
        }
        DeValue::Integer(_) | DeValue::Float(_) => Value::Number(piece.to_owned()),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(_) => {
            fixed = Some("it is a date");
            Value::Text(piece.to_owned(), None)
        }
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| node(text, item, depth + 1)).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => Value::Map(entries(text, table, depth + 1)?),
    };
    Ok(Node { value, span, fixed })
}

/// Text as TOML writes it: in the quotes that it stood in, where it can.
pub(super) fn text(to: &str, quote: Option<char>) -> String {
    if quote == Some('\'') && !to.contains('\'') && !to.chars().any(char::is_control) {
        return format!("'{to}'");
    }
    // JSON's escapes are among those of TOML's basic strings; what they leave as it is and TOML forbids is caught when
    // the document is read again.
    super::json::text(to)
}
