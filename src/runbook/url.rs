//! Values in addresses and in the bodies of requests. A value is one piece of a path or one value of a query: it is
//! percent-encoded, and never decides where a request goes.

use std::fmt::Write as _;

use super::splice::{self, Piece};
use super::step::Template;

/// Everything but what RFC 3986 calls unreserved.
pub fn encode(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// What is wrong with an address as written, before any value is known.
pub fn check(text: &str) -> Result<(), String> {
    let pieces = splice::pieces(text).map_err(|error| error.why)?;
    let begin = match pieces.first() {
        Some(Piece::Literal(begin)) => *begin,
        _ => return Err("an address begins with its scheme and host as they are: a value may not decide them".into()),
    };
    let rest = begin.strip_prefix("https://").or_else(|| begin.strip_prefix("http://"));
    let rest = rest.ok_or_else(|| format!("`{begin}` is no address: it begins with http:// or https://"))?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.len() == rest.len() && pieces.len() > 1 {
        return Err("a value may not be a part of the host or port: write a `/` before it".into());
    }
    if host.is_empty() || host.contains('@') {
        return Err("an address needs a host, and no user name or password".into());
    }
    Ok(())
}

/// An address with values in it; the error is a sentence.
pub fn fill(template: &Template, context: &minijinja::Value) -> Result<String, String> {
    let told = |why: String| format!("line {}: {why}", template.spot.line);
    check(&template.text).map_err(told)?;
    let url = splice::splice(&template.text, context, |_, value| Ok(encode(value))).map_err(|error| told(error.why))?;
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(told("an address has no spaces".into()));
    }
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let literal = |dots: &str| template.text.split('/').any(|part| part == dots);
    for dots in [".", ".."] {
        // A client would walk up the path with it.
        if path.split('/').any(|part| part == dots) && !literal(dots) {
            return Err(told(format!("`{dots}` is no piece of a path")));
        }
    }
    Ok(url)
}

/// A body. In a form values are percent-encoded; where it is JSON as written, values become JSON: inside quotes as a piece of text, outside as a number, true or
/// false. In any other body they stand as they are.
pub fn body(template: &Template, is_form: bool, context: &minijinja::Value) -> Result<String, String> {
    let told = |why: String| format!("line {}: {why}", template.spot.line);
    if is_form {
        let filled = splice::splice(&template.text, context, |_, value| Ok(encode(value)));
        return filled.map_err(|error| told(error.why));
    }
    if !template.text.trim_start().starts_with(['{', '[']) {
        return splice::plain(&template.text, context).map_err(|error| told(error.why));
    }
    let filled = splice::splice(&template.text, context, |before, value| {
        if in_string(before) {
            let quoted = serde_json::Value::from(value).to_string();
            return Ok(quoted[1..quoted.len() - 1].to_owned());
        }
        match serde_json::from_str::<serde_json::Value>(value) {
            Ok(serde_json::Value::Number(_) | serde_json::Value::Bool(_) | serde_json::Value::Null) => {
                Ok(value.trim().to_owned())
            }
            _ => Ok(serde_json::Value::from(value).to_string()),
        }
    });
    let filled = filled.map_err(|error| told(error.why))?;
    serde_json::from_str::<serde::de::IgnoredAny>(&filled)
        .map_err(|why| told(format!("the body is not JSON: {why}")))?;
    Ok(filled)
}

fn in_string(text: &str) -> bool {
    let (mut inside, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            _ => {}
        }
    }
    inside
}
