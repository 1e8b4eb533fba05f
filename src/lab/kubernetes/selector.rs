//! Label and field selectors: the strings of `labelSelector` and `fieldSelector`, and what they match.

use serde_json::Value;

use super::status::ApiError;

/// A parsed label selector: all requirements must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Labels {
    /// Reads a selector such as `app=a,tier!=b,env in (x,y),track notin (z),beta,!alpha`.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let refuse = |part: &str| {
            ApiError::bad_request(format!(
                "unable to parse requirement: found '{part}', expected: identifier, '!', ',' or end of string"
            ))
        };
        let mut requirements = Vec::new();
        for part in split_outside_brackets(text) {
            let part = part.trim();
            if part.is_empty() {
                continue;
            }
            let requirement = if let Some(key) = part.strip_prefix('!') {
                Requirement::Absent(key.trim().to_owned())
            } else if let Some((key, value)) = part.split_once("!=") {
                Requirement::NotIn(key.trim().to_owned(), vec![value.trim().to_owned()])
            } else if let Some((key, value)) = part.split_once('=') {
                Requirement::In(key.trim().to_owned(), vec![value.trim_start_matches('=').trim().to_owned()])
            } else if let Some((head, values)) = part.split_once('(') {
                let values = values
                    .strip_suffix(')')
                    .ok_or_else(|| refuse(part))?
                    .split(',')
                    .map(|v| v.trim().to_owned())
                    .collect();
                match head.split_whitespace().collect::<Vec<_>>()[..] {
                    [key, "in"] => Requirement::In(key.to_owned(), values),
                    [key, "notin"] => Requirement::NotIn(key.to_owned(), values),
                    _ => return Err(refuse(part)),
                }
            } else {
                Requirement::Exists(part.to_owned())
            };
            let (Requirement::In(key, _)
            | Requirement::NotIn(key, _)
            | Requirement::Exists(key)
            | Requirement::Absent(key)) = &requirement;
            if key.is_empty() || key.contains(char::is_whitespace) {
                return Err(refuse(part));
            }
            requirements.push(requirement);
        }
        Ok(Self(requirements))
    }

    /// The selector of a workload: `spec.selector` with `matchLabels` and `matchExpressions`.
    pub fn of_object(selector: &Value) -> Self {
        let words = |values: &Value| {
            values.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
        };
        let mut requirements: Vec<Requirement> = selector["matchLabels"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| Requirement::In(key.clone(), vec![value.as_str().unwrap_or_default().to_owned()]))
            .collect();
        for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
            let key = expression["key"].as_str().unwrap_or_default().to_owned();
            requirements.push(match expression["operator"].as_str() {
                Some("NotIn") => Requirement::NotIn(key, words(&expression["values"])),
                Some("Exists") => Requirement::Exists(key),
                Some("DoesNotExist") => Requirement::Absent(key),
                _ => Requirement::In(key, words(&expression["values"])),
            });
        }
        Self(requirements)
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a map of labels satisfies it.
    pub fn matches(&self, labels: &Value) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => labels[key].as_str().is_some_and(|value| values.iter().any(|v| v == value)),
            // An absent label satisfies both `!=` and `notin`.
            Requirement::NotIn(key, values) => {
                labels[key].as_str().is_none_or(|value| values.iter().all(|v| v != value))
            }
            Requirement::Exists(key) => labels.get(key).is_some(),
            Requirement::Absent(key) => labels.get(key).is_none(),
        })
    }
}

impl std::fmt::Display for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self
            .0
            .iter()
            .map(|requirement| match requirement {
                Requirement::In(key, values) if values.len() == 1 => format!("{key}={}", values[0]),
                Requirement::In(key, values) => format!("{key} in ({})", values.join(",")),
                Requirement::NotIn(key, values) if values.len() == 1 => format!("{key}!={}", values[0]),
                Requirement::NotIn(key, values) => format!("{key} notin ({})", values.join(",")),
                Requirement::Exists(key) => key.clone(),
                Requirement::Absent(key) => format!("!{key}"),
            })
            .collect();
        f.write_str(&parts.join(","))
    }
}

/// A parsed field selector: all terms must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, bool, String)>);

impl Fields {
    /// Reads a selector such as `metadata.name=a,status.phase!=Running`, with the fields that `kind` can be asked for.
    pub fn parse(text: &str, kind: &str) -> Result<Self, ApiError> {
        let mut terms = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (field, equal, value) = if let Some((field, value)) = part.split_once("!=") {
                (field, false, value)
            } else if let Some((field, value)) = part.split_once('=') {
                (field, true, value.trim_start_matches('='))
            } else {
                return Err(ApiError::bad_request(format!("invalid selector: '{text}'; can't understand '{part}'")));
            };
            if !selectable(kind, field) {
                return Err(ApiError::bad_request(format!("field label not supported: {field}")));
            }
            terms.push((field.to_owned(), equal, value.to_owned()));
        }
        Ok(Self(terms))
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an object satisfies it.
    pub fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|(field, equal, wanted)| (field_text(object, field) == *wanted) == *equal)
    }
}

/// The fields that real servers index, kind by kind.
fn selectable(kind: &str, field: &str) -> bool {
    let more: &[&str] = match kind {
        "Pod" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        "Event" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "reportingController",
        ],
        "Node" => &["spec.unschedulable"],
        "Namespace" => &["status.phase"],
        "Secret" => &["type"],
        "ReplicaSet" => &["status.replicas"],
        "Job" => &["status.successful"],
        _ => &[],
    };
    matches!(field, "metadata.name" | "metadata.namespace") || more.contains(&field)
}

fn field_text(object: &Value, field: &str) -> String {
    // Events of the newer API group name the same things differently.
    let field = match field.strip_prefix("regarding.") {
        Some(rest) => format!("involvedObject.{rest}"),
        None => match field {
            "source" => "source.component".to_owned(),
            "reportingController" => "reportingComponent".to_owned(),
            "status.successful" => "status.succeeded".to_owned(),
            other => other.to_owned(),
        },
    };
    let value = field.split('.').fold(object, |value, part| &value[part]);
    match value {
        Value::String(text) => text.clone(),
        Value::Null if field == "spec.unschedulable" => "false".to_owned(),
        Value::Null if field.starts_with("status.repl") || field == "status.succeeded" => "0".to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Parts between commas that are not inside brackets.
fn split_outside_brackets(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn label_selectors_match_as_kubectl_users_expect() {
        let labels = json!({"app": "pay", "tier": "back"});
        for (selector, expected) in [
            ("app=pay", true),
            ("app==pay,tier=back", true),
            ("app!=pay", false),
            ("zone!=a", true),
            ("app in (pay, auth)", true),
            ("app notin (pay,auth),tier=back", false),
            ("zone notin (a)", true),
            ("tier", true),
            ("!tier", false),
            ("!zone", true),
            ("", true),
        ] {
            let parsed = Labels::parse(selector).unwrap();
            assert_eq!(parsed.matches(&labels), expected, "{selector}");
            assert_eq!(Labels::parse(&parsed.to_string()).unwrap(), parsed, "{selector} survives being printed");
        }
        assert!(Labels::parse("app in pay").is_err());
        assert!(Labels::parse("app in (pay").is_err());
    }

    #[test]
    fn field_selectors_know_the_fields_of_a_kind() {
        let pod = json!({"metadata": {"name": "a"}, "spec": {"nodeName": "n1"}, "status": {"phase": "Running"}});
        assert!(Fields::parse("spec.nodeName=n1,status.phase!=Failed", "Pod").unwrap().matches(&pod));
        assert!(!Fields::parse("metadata.name!=a", "Pod").unwrap().matches(&pod));
        assert!(Fields::parse("spec.nodeName=n1", "Deployment").is_err());
    }
}
