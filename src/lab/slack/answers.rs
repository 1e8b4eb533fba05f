//! Answers: what was asked for, or an error as Slack tells it.

use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// What a method gives: an object, to which `ok` is added.
pub(super) type Answer = Result<Value, Refusal>;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The word of the error, and what else is told of it.
    Error(&'static str, Value),
    /// Too fast: how long to wait.
    Slower(Duration),
}

impl From<&'static str> for Refusal {
    fn from(word: &'static str) -> Self {
        Self::Error(word, json!({}))
    }
}

impl Refusal {
    /// An argument is missing or not what it has to be.
    pub(super) fn arguments(why: &str) -> Self {
        Self::Error("invalid_arguments", json!({"response_metadata": {"messages": [format!("[ERROR] {why}")]}}))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Error(word, mut told) => {
                told["ok"] = json!(false);
                told["error"] = json!(word);
                Json(told).into_response()
            }
            Self::Slower(wait) => {
                // Whole seconds, and enough of them.
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                let headers = [(header::RETRY_AFTER, seconds.max(1).to_string())];
                (StatusCode::TOO_MANY_REQUESTS, headers, Json(json!({"ok": false, "error": "ratelimited"})))
                    .into_response()
            }
        }
    }
}

/// A page of some rows, and the cursor of the next one; empty at the end.
pub(super) fn page<'r, T>(rows: &'r [T], cursor: Option<&str>, limit: usize) -> Result<(&'r [T], String), Refusal> {
    let first = match cursor {
        None | Some("") => 0,
        Some(cursor) => opened(cursor).filter(|first| *first <= rows.len()).ok_or("invalid_cursor")?,
    };
    let end = rows.len().min(first + limit);
    Ok((&rows[first..end], if end < rows.len() { sealed(end) } else { String::new() }))
}

/// A cursor looks like base64, and has to be encoded in a query.
fn sealed(position: usize) -> String {
    format!("dXNlcjp{position:x}=")
}

fn opened(cursor: &str) -> Option<usize> {
    usize::from_str_radix(cursor.strip_prefix("dXNlcjp")?.strip_suffix('=')?, 16).ok()
}
