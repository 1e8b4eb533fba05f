//! Kubernetes' protobuf encoding, as far as clients send it: kubectl creates, evicts and deletes in
//! it, and asks its reviews (`auth can-i`) in it.
//!
//! Only requests are read; answers are JSON, which the same clients accept.

use chrono::DateTime;
use serde_json::{Map, Value, json};

use crate::lab::store::timestamp;

mod schema;

use schema::Field;

/// Media type of the encoding.
pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";
/// What every message begins with.
const MAGIC: &[u8] = b"k8s\0";

/// What a field holds. Values that Go leaves out of JSON when they are empty are left out here,
/// but for those whose shape says that empty means something.
enum Shape {
    Text,
    Int,
    /// A number that means something even as zero.
    OptionalInt,
    Bool,
    /// A yes or no that means something even as no.
    OptionalBool,
    Time,
    IntOrString,
    Quantity,
    Message(&'static [Field]),
    /// A message that means something even when it is empty.
    Kept(&'static [Field]),
    /// A message whose fields stand in the one around it.
    Inline(&'static [Field]),
    List(&'static Shape),
    /// Text by text.
    Map,
    /// Quantities by text.
    Quantities,
}

/// A field as it is on the wire.
#[derive(Clone, Copy)]
enum Raw<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The object that a body holds, as JSON; `None` when it is none, or of a kind that is not read.
pub fn object(body: &[u8]) -> Option<Value> {
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for (number, field) in fields(body.strip_prefix(MAGIC)?)? {
        match (number, field) {
            (1, Raw::Bytes(bytes)) => {
                for (number, field) in fields(bytes)? {
                    match number {
                        1 => text(field)?.clone_into(&mut api_version),
                        2 => text(field)?.clone_into(&mut kind),
                        _ => {}
                    }
                }
            }
            (2, Raw::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let mut object = Map::new();
    object.insert("apiVersion".into(), json!(api_version));
    object.insert("kind".into(), json!(kind));
    read(raw, schema::of(&api_version, &kind)?, &mut object)?;
    Some(Value::Object(object))
}

/// Reads the known fields of a message into `map`.
fn read(bytes: &[u8], known: &'static [Field], map: &mut Map<String, Value>) -> Option<()> {
    for (number, raw) in fields(bytes)? {
        let Some((_, name, shape)) = known.iter().find(|field| field.0 == number) else { continue };
        match shape {
            Shape::Inline(inner) => read(content(raw)?, inner, map)?,
            Shape::List(of) => {
                // An item stands in its list even when it is empty.
                let item = match value(raw, of)? {
                    Value::Null if matches!(of, Shape::Text) => json!(""),
                    Value::Null => json!({}),
                    item => item,
                };
                if let Some(list) = map.entry(*name).or_insert_with(|| json!([])).as_array_mut() {
                    list.push(item);
                }
            }
            Shape::Map | Shape::Quantities => {
                let (key, item) = pair(content(raw)?, shape)?;
                if let Some(pairs) = map.entry(*name).or_insert_with(|| json!({})).as_object_mut() {
                    pairs.insert(key, item);
                }
            }
            _ => {
                let value = value(raw, shape)?;
                if !value.is_null() {
                    map.insert((*name).to_owned(), value);
                }
            }
        }
    }
    Some(())
}

/// The value of a field, null when it is one that JSON leaves out.
fn value(raw: Raw<'_>, shape: &Shape) -> Option<Value> {
    let number = || match raw {
        Raw::Number(number) => Some(number.cast_signed()),
        Raw::Bytes(_) => None,
    };
    Some(match shape {
        Shape::Text => Some(text(raw)?).filter(|text| !text.is_empty()).map_or(Value::Null, |text| json!(text)),
        Shape::Int => Some(number()?).filter(|number| *number != 0).map_or(Value::Null, |number| json!(number)),
        Shape::OptionalInt => json!(number()?),
        Shape::Bool => Some(json!(true)).filter(|_| number().is_some_and(|number| number != 0)).unwrap_or_default(),
        Shape::OptionalBool => json!(number()? != 0),
        Shape::Time => {
            let seconds = fields(content(raw)?)?.into_iter().find_map(|field| match field {
                (1, Raw::Number(seconds)) => Some(seconds.cast_signed()),
                _ => None,
            });
            let at = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
            at.map_or(Value::Null, |at| json!(timestamp(at)))
        }
        Shape::IntOrString => int_or_string(content(raw)?)?,
        Shape::Quantity => json!(quantity(content(raw)?)?),
        Shape::Message(inner) | Shape::Kept(inner) => {
            let mut map = Map::new();
            read(content(raw)?, inner, &mut map)?;
            if map.is_empty() && matches!(shape, Shape::Message(_)) { Value::Null } else { Value::Object(map) }
        }
        Shape::Inline(_) | Shape::List(_) | Shape::Map | Shape::Quantities => Value::Null,
    })
}

/// An entry of a map: itself a message of key and value.
fn pair(bytes: &[u8], shape: &Shape) -> Option<(String, Value)> {
    let (mut key, mut item) = (String::new(), json!(""));
    for (number, raw) in fields(bytes)? {
        match (number, shape) {
            (1, _) => text(raw)?.clone_into(&mut key),
            (2, Shape::Quantities) => item = json!(quantity(content(raw)?)?),
            (2, _) => item = json!(text(raw)?),
            _ => {}
        }
    }
    Some((key, item))
}

fn int_or_string(bytes: &[u8]) -> Option<Value> {
    let (mut is_text, mut number, mut written) = (false, 0, "");
    for (field, raw) in fields(bytes)? {
        match (field, raw) {
            (1, Raw::Number(kind)) => is_text = kind == 1,
            (2, Raw::Number(value)) => number = value.cast_signed(),
            (3, raw) => written = text(raw)?,
            _ => {}
        }
    }
    Some(if is_text { json!(written) } else { json!(number) })
}

fn quantity(bytes: &[u8]) -> Option<&str> {
    fields(bytes)?.into_iter().find(|(number, _)| *number == 1).map_or(Some("0"), |(_, raw)| text(raw))
}

fn content(raw: Raw<'_>) -> Option<&[u8]> {
    match raw {
        Raw::Bytes(bytes) => Some(bytes),
        Raw::Number(_) => None,
    }
}

fn text(raw: Raw<'_>) -> Option<&str> {
    std::str::from_utf8(content(raw)?).ok()
}

/// The fields of a message in order; fixed-width numbers, which no known message has, are skipped.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Raw<'_>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let length = match tag & 7 {
            0 => {
                found.push((tag >> 3, Raw::Number(varint(&mut bytes)?)));
                continue;
            }
            1 => 8,
            5 => 4,
            2 => usize::try_from(varint(&mut bytes)?).ok()?,
            _ => return None,
        };
        let (content, rest) = bytes.split_at_checked(length)?;
        if tag & 7 == 2 {
            found.push((tag >> 3, Raw::Bytes(content)));
        }
        bytes = rest;
    }
    Some(found)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
    }

    fn body(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
        let kind = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
        [MAGIC, &field(1, &kind), &field(2, raw)].concat()
    }

    #[test]
    fn a_review_is_read_and_rubbish_is_not() {
        let attributes = [field(1, b"shop"), field(2, b"patch"), field(5, b"deployments")].concat();
        let review = [field(1, &[]), field(2, &field(1, &attributes))].concat();
        let review = body("authorization.k8s.io/v1", "SelfSubjectAccessReview", &review);
        let read = object(&review).unwrap();
        assert_eq!(
            read["spec"]["resourceAttributes"],
            json!({"namespace": "shop", "verb": "patch", "resource": "deployments"})
        );
        assert_eq!(read["apiVersion"], "authorization.k8s.io/v1");
        assert!(object(&review[..review.len() - 1]).is_none(), "cut short");
        assert!(object(b"{}").is_none());
        assert!(object(&body("v1", "Unheard", &[])).is_none());
    }

    #[test]
    fn lists_maps_numbers_and_what_go_leaves_out_come_as_json_has_them() {
        let label = field(11, &[field(1, b"app"), field(2, b"x")].concat());
        let container = [field(1, b"nginx"), field(2, b"nginx:1.27"), field(5, b""), vec![0x80, 1, 0]].concat();
        let template = [field(1, &label), field(2, &field(2, &container))].concat();
        // Zero replicas mean something, zero seconds do not.
        let spec = [vec![1 << 3, 0], field(3, &template), vec![5 << 3, 0]].concat();
        let deployment = [field(1, &field(1, b"x")), field(2, &spec)].concat();
        assert_eq!(
            object(&body("apps/v1", "Deployment", &deployment)).unwrap(),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": {
                "replicas": 0,
                "template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "nginx", "image": "nginx:1.27"}]}},
            }})
        );
    }
}
