//! A short stand-in for everything that a change is based on: the same as long as all of it is the same.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// 32 hexadecimal digits. The order of keys does not count, and `null` is the same as absent.
pub(super) fn digest(all: &Value) -> String {
    let mut digest = Sha256::new();
    digest.update(canonical(all).to_string().as_bytes());
    digest.finalize().iter().take(16).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let sorted: BTreeMap<_, _> = object
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.clone(), canonical(value)))
                .collect();
            sorted.into_iter().collect()
        }
        Value::Array(items) => items.iter().map(canonical).collect(),
        value => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_changes_with_the_content_and_not_with_the_form() {
        let one = digest(&json!({"on": true, "rules": [{"a": 1, "b": null}]}));
        assert_eq!(one, digest(&json!({"rules": [{"a": 1}], "on": true, "off": null})));
        for other in [json!({"on": false, "rules": [{"a": 1}]}), json!({"on": true, "rules": [{"a": 1}, {}]})] {
            assert_ne!(one, digest(&other));
        }
        assert_eq!(one.len(), 32);
    }
}
