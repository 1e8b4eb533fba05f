//! What people write into documents, one case each: read as its readers do, and not touched where a change would reach
//! further than one value.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;

use super::*;

fn set(text: &str, format: FlagFormat, path: &[&str], to: Scalar) -> Result<String, String> {
    let edit = Edit { path: path.iter().map(|key| (*key).to_owned()).collect(), to };
    Document::read(text, format)?.change(&[edit])
}

#[test]
fn what_others_may_refer_to_is_not_changed_in_place() {
    let text = "base: &base\n  on: true\na:\n  <<: *base\n  own: true\nb: *base\nc: &c true\nd: *c\ntwice: true\ntwice: false\n\
                block: |\n  true\ntagged: !!str true\nlong: one\n  two\n";
    let document = Document::read(text, FlagFormat::Yaml).unwrap();
    assert_eq!(document.root.at(&["a", "on"]).unwrap().boolean(), Some(true), "merged for reading");
    assert_eq!(document.root.at(&["b", "on"]).unwrap().boolean(), Some(true));
    assert_eq!(document.root.get("tagged").unwrap().text(), Some("true"));
    for (path, to) in [
        (&["base", "on"][..], Scalar::Boolean(false)),
        (&["a", "on"], Scalar::Boolean(false)),
        (&["b", "on"], Scalar::Boolean(false)),
        (&["c"], Scalar::Boolean(false)),
        (&["d"], Scalar::Boolean(false)),
        (&["twice"], Scalar::Boolean(true)),
        (&["block"], Scalar::Text("false".into())),
        (&["tagged"], Scalar::Text("false".into())),
        (&["long"], Scalar::Text("three".into())),
        // Another type than it is.
        (&["a", "own"], Scalar::Text("false".into())),
    ] {
        assert!(set(text, FlagFormat::Yaml, path, to).is_err(), "{path:?}");
    }
    let changed = set(text, FlagFormat::Yaml, &["a", "own"], Scalar::Boolean(false)).unwrap();
    assert_eq!(changed, text.replacen("own: true", "own: false", 1));
}

#[test]
fn what_is_no_document_is_named_with_its_line() {
    use FlagFormat::{Json, Properties, Toml, Yaml};
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let above = format!("*a{}", level - 1);
        let _ = writeln!(laughs, "a{level}: &a{level} [{}]", vec![above; 10].join(", "));
    }
    let deep = "[".repeat(5000) + &"]".repeat(5000);
    for (text, format, words) in [
        ("a: [1\nb: 2\n", Yaml, "line "),
        ("a: 1\n---\nb: 2\n", Yaml, "second document"),
        (laughs.as_str(), Yaml, "unfolds"),
        (deep.as_str(), Yaml, ""),
        (deep.as_str(), Json, "nested"),
        ("{\"a\": }", Json, "line 1"),
        ("<html>", Json, "not valid JSON"),
        ("a = 1\nb = \n", Toml, "line 2"),
    ] {
        let why = Document::read(text, format).err().unwrap();
        assert!(why.contains(words), "{why}");
    }
    assert!(Document::read("", Yaml).unwrap().root.entries().is_empty());
    assert!(Document::read("# nothing\n", Properties).unwrap().root.entries().is_empty());
}

#[test]
fn a_value_that_is_missing_is_added_where_its_siblings_stand_or_not_at_all() {
    use FlagFormat::{Json, Toml, Yaml};
    let on = || Scalar::Boolean(true);
    for (text, format, wanted) in [
        ("f:\n    # first\n    b: 1\n", Yaml, "f:\n    # first\n    a: true\n    b: 1\n"),
        ("f: { b: 1 } # x\n", Yaml, "f: { a: true, b: 1 } # x\n"),
        ("f:\r\n  b: 1\r\n", Yaml, "f:\r\n  a: true\r\n  b: 1\r\n"),
        ("{\"f\":{\"b\":1}}", Json, "{\"f\":{\"a\":true,\"b\":1}}"),
        ("[f]\n  b = 1\n", Toml, "[f]\n  a = true\n  b = 1\n"),
        ("f = { b = 1 }\n", Toml, "f = { a = true, b = 1 }\n"),
    ] {
        assert_eq!(set(text, format, &["f", "a"], on()).unwrap(), wanted);
    }
    for (text, format) in
        [("f: {}\n", Yaml), ("f: &x\n  b: 1\n", Yaml), ("[f.b]\nc = 1\n", Toml), ("f.b.c = 1\n", Toml)]
    {
        assert!(set(text, format, &["f", "a"], on()).is_err(), "{text}");
    }
}

#[test]
fn properties_are_read_as_java_does() {
    let text =
        "# c\n! d\na=1\nb : two words\nc\\ d\\=e three\n  f = x\\\n     y\\u0041\nempty=\nslash=a\\\\\ng=true \n";
    let document = Document::read(text, FlagFormat::Properties).unwrap();
    let read: Vec<_> =
        document.root.entries().iter().map(|entry| (entry.key.as_str(), entry.node.text().unwrap())).collect();
    let wanted = [
        ("a", "1"),
        ("b", "two words"),
        ("c d=e", "three"),
        ("f", "xyA"),
        ("empty", ""),
        ("slash", "a\\"),
        ("g", "true"),
    ];
    assert_eq!(read, wanted);
    assert!(set(text, FlagFormat::Properties, &["f"], Scalar::Text("z".into())).is_err(), "several lines");
    let changed = set(text, FlagFormat::Properties, &["b"], Scalar::Text(" x\n".into())).unwrap();
    assert_eq!(changed, text.replacen("two words", "\\ x\\n", 1));
}
