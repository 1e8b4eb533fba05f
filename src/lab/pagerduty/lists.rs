//! Parameters of lists: pages and filters.

use serde_json::{Value, json};

use super::http::Refusal;

/// Rows of a page, unless told otherwise, and at most.
const USUAL: usize = 25;
const MOST: usize = 100;

/// Parameters as they came.
pub(super) struct Params(pub Vec<(String, String)>);

impl Params {
    /// The first value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Is a value among those of a list (`statuses[]`)? Every one is, when none is given.
    pub(super) fn accepts(&self, name: &str, value: &str) -> bool {
        let mut given = self.0.iter().filter(|(known, _)| known.strip_suffix("[]") == Some(name)).peekable();
        given.peek().is_none() || given.any(|(_, wanted)| wanted == value)
    }

    /// The page of some rows under a name.
    pub(super) fn page(&self, name: &str, rows: &[Value]) -> Result<Value, Refusal> {
        let number = |name: &str, usual: usize| match self.get(name) {
            None => Ok(usual),
            Some(text) => text.parse().map_err(|_| Refusal::invalid(&format!("{name} must be a number"))),
        };
        let (offset, limit) = (number("offset", 0)?, number("limit", USUAL)?);
        if !(1..=MOST).contains(&limit) {
            return Err(Refusal::invalid(&format!("Limit must be between 1 and {MOST}")));
        }
        let page: Vec<&Value> = rows.iter().skip(offset).take(limit).collect();
        let total = if self.get("total") == Some("true") { json!(rows.len()) } else { Value::Null };
        let mut told =
            json!({"offset": offset, "limit": limit, "more": offset + page.len() < rows.len(), "total": total});
        told[name] = json!(page);
        Ok(told)
    }
}
