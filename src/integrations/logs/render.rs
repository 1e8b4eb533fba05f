//! JSON log lines as people read them: message first, then the fields as `name=value`.

use serde_json::{Map, Value};

use super::level;
use crate::domain::log::LogLevel;

/// Names of the level, first found wins.
const LEVEL: [&str; 7] = ["level", "severity", "lvl", "loglevel", "log.level", "levelname", "@l"];
/// Names of the message.
const MESSAGE: [&str; 6] = ["msg", "message", "event", "@m", "@mt", "text"];
/// Said elsewhere on screen, or noise: time stamps (the container runtime's stands beside the line), schema versions.
const SILENT: [&str; 13] = [
    "ts",
    "time",
    "timestamp",
    "@timestamp",
    "@t",
    "datetime",
    "asctime",
    "t",
    "pid",
    "hostname",
    "v",
    "ecs.version",
    "@version",
];

/// A JSON object as level and text; `None` when the line is no JSON object.
pub fn json(text: &str) -> Option<(Option<LogLevel>, String)> {
    let trimmed = text.trim();
    if !trimmed.starts_with('{') || !trimmed.ends_with('}') {
        return None;
    }
    let object: Map<String, Value> = serde_json::from_str(trimmed).ok()?;
    let named = |names: &[&str]| {
        names.iter().find_map(|name| object.get_key_value(*name)).map(|(name, value)| (name.clone(), value.clone()))
    };
    let nested = object.get("log").and_then(|log| log.get("level")).cloned().map(|level| ("log".to_owned(), level));
    let level = named(&LEVEL).or(nested);
    let message = named(&MESSAGE).filter(|(_, value)| value.is_string());
    let mut out = message.as_ref().and_then(|(_, value)| value.as_str()).unwrap_or_default().to_owned();
    for (name, value) in &object {
        let said = [&level, &message].into_iter().flatten().any(|(said, _)| said == name);
        if said || SILENT.contains(&name.as_str()) || is_empty(value) {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(name);
        out.push('=');
        out.push_str(&shown(value));
    }
    let level = level.and_then(|(_, value)| match value {
        Value::String(word) => level::from_word(&word),
        Value::Number(number) => level::from_word(&number.to_string()),
        _ => None,
    });
    Some((level, out))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// Quoted only where the eye would lose its way.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.contains([' ', '"', '=']) => format!("{text:?}").replace("\\n", " ⏎ "),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn objects_are_read_message_first() {
        let (level, text) =
            json(r#"{"level":"error","ts":1.5,"msg":"no price","sku":"a-1","err":"not found","n":3,"x":null}"#)
                .unwrap();
        assert_eq!(level, Some(LogLevel::Error));
        assert_eq!(text, r#"no price err="not found" n=3 sku=a-1"#);
        assert_eq!(json(r#"{"level":40,"msg":"slow"}"#).unwrap(), (Some(LogLevel::Warn), "slow".to_owned()));
        assert_eq!(json(r#"{"log":{"level":"debug"},"message":"m"}"#).unwrap().0, Some(LogLevel::Debug));
        assert!(json("{broken").is_none());
        assert!(json("[1]").is_none());
    }
}
