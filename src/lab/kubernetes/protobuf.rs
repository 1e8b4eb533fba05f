//! The little of Kubernetes' protobuf encoding that is needed: kubectl asks its reviews (`auth can-i`) in it.
//!
//! Only requests are read; answers are JSON, which the same clients accept.

use serde_json::{Map, Value, json};

/// Media type of the encoding.
pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";
/// What every message begins with.
const MAGIC: &[u8] = b"k8s\0";

/// A field of a message: its number, its name in JSON, and the fields of the message it holds (none for a string).
struct Field(u64, &'static str, &'static [Field]);

const ACCESS: &[Field] = &[Field(
    2,
    "spec",
    &[
        Field(
            1,
            "resourceAttributes",
            &[
                Field(1, "namespace", &[]),
                Field(2, "verb", &[]),
                Field(3, "group", &[]),
                Field(4, "version", &[]),
                Field(5, "resource", &[]),
                Field(6, "subresource", &[]),
                Field(7, "name", &[]),
            ],
        ),
        Field(2, "nonResourceAttributes", &[Field(1, "path", &[]), Field(2, "verb", &[])]),
    ],
)];
const RULES: &[Field] = &[Field(2, "spec", &[Field(1, "namespace", &[])])];
const TYPE: &[Field] = &[Field(1, "apiVersion", &[]), Field(2, "kind", &[])];

/// The review that a body holds, as JSON; `None` when it is not one.
pub fn review(body: &[u8]) -> Option<Value> {
    let mut object = json!({});
    let mut raw: &[u8] = &[];
    for (number, bytes) in fields(body.strip_prefix(MAGIC)?)? {
        match number {
            1 => object = message(bytes, TYPE)?,
            2 => raw = bytes,
            _ => {}
        }
    }
    let known = match object["kind"].as_str()? {
        "SelfSubjectAccessReview" => ACCESS,
        "SelfSubjectRulesReview" => RULES,
        "SelfSubjectReview" => &[],
        _ => return None,
    };
    for (field, value) in message(raw, known)?.as_object()? {
        object[field] = value.clone();
    }
    Some(object)
}

fn message(bytes: &[u8], known: &[Field]) -> Option<Value> {
    let mut map = Map::new();
    for (number, bytes) in fields(bytes)? {
        let Some(Field(_, name, inner)) = known.iter().find(|field| field.0 == number) else { continue };
        let value = if inner.is_empty() { json!(std::str::from_utf8(bytes).ok()?) } else { message(bytes, inner)? };
        map.insert((*name).to_owned(), value);
    }
    Some(Value::Object(map))
}

/// The length-delimited fields of a message; numbers are skipped.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let length = match tag & 7 {
            0 => {
                varint(&mut bytes)?;
                continue;
            }
            1 => 8,
            5 => 4,
            2 => usize::try_from(varint(&mut bytes)?).ok()?,
            _ => return None,
        };
        let (content, rest) = bytes.split_at_checked(length)?;
        if tag & 7 == 2 {
            found.push((tag >> 3, content));
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

    #[test]
    fn a_review_is_read_and_rubbish_is_not() {
        let attributes = [field(1, b"shop"), field(2, b"patch"), field(5, b"deployments")].concat();
        let review_body = [field(1, &[]), field(2, &field(1, &attributes))].concat();
        let kind = [field(1, b"authorization.k8s.io/v1"), field(2, b"SelfSubjectAccessReview")].concat();
        let body = [MAGIC, &field(1, &kind), &field(2, &review_body)].concat();
        let read = review(&body).unwrap();
        assert_eq!(
            read["spec"]["resourceAttributes"],
            json!({"namespace": "shop", "verb": "patch", "resource": "deployments"})
        );
        assert_eq!(read["apiVersion"], "authorization.k8s.io/v1");
        assert!(review(&body[..body.len() - 1]).is_none(), "cut short");
        assert!(review(b"{}").is_none());
    }
}
