//! One request, read: what it is about (path), what it asks for (query), and in which form it wants the answer.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, header};
use serde_json::Value;

use super::protobuf;
use super::resources::{self, Resource};
use super::status::ApiError;

/// What a path points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The resource.
    pub resource: &'static Resource,
    /// Namespace in the path.
    pub namespace: Option<String>,
    /// Name in the path.
    pub name: Option<String>,
    /// What follows the name: a subresource and, for `proxy`, the path behind it.
    pub rest: Vec<String>,
}

impl Target {
    /// Reads the decoded segments after the version.
    pub fn parse(group: &str, version: &str, segments: &[&str]) -> Option<Self> {
        let find = |plural: &str| resources::find(group, version, plural);
        let own = |s: &str| Some(s.to_owned());
        let tail = |s: &[&str]| s.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let target = match *segments {
            // `/namespaces/NAME/status` is about the namespace, `/namespaces/NAME/pods` about what is in it.
            ["namespaces", name, ref rest @ ..] if rest.first().is_none_or(|r| matches!(*r, "status" | "finalize")) => {
                Self { resource: find("namespaces")?, namespace: None, name: own(name), rest: tail(rest) }
            }
            ["namespaces", namespace, plural] => {
                Self { resource: find(plural)?, namespace: own(namespace), name: None, rest: Vec::new() }
            }
            ["namespaces", namespace, plural, name, ref rest @ ..] => {
                Self { resource: find(plural)?, namespace: own(namespace), name: own(name), rest: tail(rest) }
            }
            [plural] => Self { resource: find(plural)?, namespace: None, name: None, rest: Vec::new() },
            [plural, name, ref rest @ ..] => {
                Self { resource: find(plural)?, namespace: None, name: own(name), rest: tail(rest) }
            }
            [] => return None,
        };
        // Only lists and watches may leave the namespace of a namespaced resource out.
        let misplaced = if target.resource.namespaced {
            target.namespace.is_none() && target.name.is_some()
        } else {
            target.namespace.is_some()
        };
        (!misplaced).then_some(target)
    }

    /// The namespace, empty for cluster-wide objects.
    pub fn ns(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }

    /// The name, empty for collections.
    pub fn object(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// The subresource, empty for the object itself.
    pub fn subresource(&self) -> &str {
        self.rest.first().map_or("", String::as_str)
    }
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Whole objects.
    Object,
    /// Rows and columns, as `kubectl get` shows them.
    Table,
    /// Only the metadata of objects.
    Metadata,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// What it is about.
    pub target: Target,
    /// Query parameters in order.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Request {
    /// A query parameter that is there and not empty.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Whether a query parameter says yes.
    pub fn flag(&self, name: &str) -> bool {
        self.query.iter().any(|(key, value)| key == name && matches!(value.as_str(), "true" | "1" | "True"))
    }

    /// A number in the query.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        let refuse =
            |text: &str| ApiError::bad_request(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"));
        self.param(name).map(|text| text.parse().map_err(|_| refuse(text))).transpose()
    }

    /// Whether the request is a rehearsal.
    pub fn dry_run(&self) -> Result<bool, ApiError> {
        match self.param("dryRun") {
            None => Ok(false),
            Some("All") => Ok(true),
            Some(other) => {
                Err(ApiError::bad_request(format!("Invalid value: [\"{other}\"]: supported values: \"All\"")))
            }
        }
    }

    /// The form that the client asks for first and that is spoken here.
    pub fn form(&self) -> Result<Form, ApiError> {
        let accept = self.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if accept.is_empty() {
            return Ok(Form::Object);
        }
        for clause in accept.split(',').map(str::trim) {
            let mut parts = clause.split(';').map(str::trim);
            if !matches!(parts.next(), Some("application/json" | "*/*" | "application/*" | "application/yaml")) {
                continue;
            }
            let shape = parts.find_map(|part| part.strip_prefix("as="));
            return Ok(match shape {
                Some("Table") => Form::Table,
                Some("PartialObjectMetadata" | "PartialObjectMetadataList") => Form::Metadata,
                _ => Form::Object,
            });
        }
        Err(ApiError::not_acceptable())
    }

    /// The media type of the body, without parameters.
    pub fn media_type(&self) -> &str {
        let value =
            self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/json");
        value.split(';').next().unwrap_or_default().trim()
    }

    /// The body as a value, `{}` when there is none; JSON unless its media type is protobuf.
    pub fn options(&self) -> Result<Value, ApiError> {
        match self.media_type() {
            _ if self.body.is_empty() => Ok(serde_json::json!({})),
            protobuf::MEDIA_TYPE => self.value(),
            _ => parse_json(&self.body),
        }
    }

    /// The body as a value; JSON, YAML or protobuf by its media type.
    pub fn value(&self) -> Result<Value, ApiError> {
        match self.media_type() {
            "application/json" | "*/*" | "" => parse_json(&self.body),
            "application/yaml" | "application/apply-patch+yaml" => parse_yaml(&self.body),
            protobuf::MEDIA_TYPE => protobuf::object(&self.body)
                .ok_or_else(|| ApiError::unsupported_media_type(&["application/json", "application/yaml"])),
            _ => Err(ApiError::unsupported_media_type(&["application/json", "application/yaml"])),
        }
    }
}

/// JSON out of a body.
pub fn parse_json(body: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::bad_request(format!("couldn't get version/kind; json parse error: {error}")))
}

/// YAML out of a body; JSON is YAML too.
pub fn parse_yaml(body: &[u8]) -> Result<Value, ApiError> {
    let text =
        std::str::from_utf8(body).map_err(|error| ApiError::bad_request(format!("error decoding YAML: {error}")))?;
    serde_saphyr::from_str(text).map_err(|error| ApiError::bad_request(format!("error decoding YAML: {error}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn paths_point_at_objects_collections_and_subresources() {
        let pod = Target::parse("", "v1", &["namespaces", "shop", "pods", "a", "log"]).unwrap();
        assert_eq!((pod.resource.kind, pod.ns(), pod.object(), pod.subresource()), ("Pod", "shop", "a", "log"));
        let namespace = Target::parse("", "v1", &["namespaces", "shop"]).unwrap();
        assert_eq!((namespace.resource.kind, namespace.object(), namespace.ns()), ("Namespace", "shop", ""));
        let status = Target::parse("", "v1", &["namespaces", "shop", "status"]).unwrap();
        assert_eq!((status.resource.kind, status.subresource()), ("Namespace", "status"));
        assert!(
            Target::parse("apps", "v1", &["deployments", "a"]).is_none(),
            "a namespaced object without its namespace"
        );
        assert!(
            Target::parse("", "v1", &["namespaces", "shop", "nodes"]).is_none(),
            "a cluster-wide object in a namespace"
        );
        assert!(Target::parse("apps", "v2", &["deployments"]).is_none());
    }
}
