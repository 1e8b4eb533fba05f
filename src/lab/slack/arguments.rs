//! Arguments of a method, as they came: in the query, in a form, or as JSON.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Map, Value};

use super::answers::Refusal;

/// Arguments by name.
#[derive(Debug, Default)]
pub(super) struct Arguments(Map<String, Value>);

impl Arguments {
    /// Reads them. JSON counts only where `json` allows it.
    pub(super) fn read(query: Option<&str>, headers: &HeaderMap, body: &[u8], json: bool) -> Result<Self, Refusal> {
        let mut named = Map::new();
        let mut add = |text: &[u8]| {
            for (name, value) in form_urlencoded::parse(text) {
                named.insert(name.into_owned(), Value::String(value.into_owned()));
            }
        };
        add(query.unwrap_or_default().as_bytes());
        let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/x-www-form-urlencoded" => add(body),
            "application/json" if json => match serde_json::from_slice(body) {
                Ok(Value::Object(given)) => named.extend(given),
                Ok(_) => return Err("json_not_object".into()),
                Err(_) => return Err("invalid_json".into()),
            },
            _ => {}
        }
        Ok(Self(named))
    }

    /// The token: of the header, or of a form.
    pub(super) fn token<'a>(&'a self, headers: &'a HeaderMap) -> Option<&'a str> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        header.and_then(|value| value.strip_prefix("Bearer ")).or_else(|| self.0.get("token").and_then(Value::as_str))
    }

    /// A text; one that is empty was not given.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A text that has to be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| Refusal::arguments(&format!("missing required field: {name}")))
    }

    /// Yes or no; no, unless it says yes.
    pub(super) fn flag(&self, name: &str) -> bool {
        match self.0.get(name) {
            Some(Value::Bool(yes)) => *yes,
            Some(Value::String(text)) => text == "true" || text == "1",
            Some(Value::Number(number)) => number.as_i64() == Some(1),
            _ => false,
        }
    }

    /// How many rows a page has.
    pub(super) fn limit(&self, usual: usize, most: usize) -> Result<usize, Refusal> {
        let given = match self.0.get("limit") {
            None => return Ok(usual),
            Some(Value::String(text)) if text.is_empty() => return Ok(usual),
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_u64().and_then(|number| usize::try_from(number).ok()),
        };
        given.filter(|limit| (1..=most).contains(limit)).ok_or_else(|| "invalid_limit".into())
    }

    /// Something with a structure: JSON itself, or as text, which it is in a form. `None` for text that is no JSON.
    pub(super) fn structured(&self, name: &str) -> Option<Value> {
        match self.0.get(name) {
            None => Some(Value::Null),
            Some(Value::String(text)) if text.is_empty() => Some(Value::Null),
            Some(Value::String(text)) => serde_json::from_str(text).ok(),
            Some(value) => Some(value.clone()),
        }
    }
}
