//! Templates of channel names, topics and messages: strict, bounded, and never in the way. What cannot be filled in is
//! said, and a plain text stands in its place.

use std::collections::BTreeMap;
use std::io::{Error, Write};
use std::sync::LazyLock;

use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};

/// Bytes that one text may come to.
const MOST: usize = 64 * 1024;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(50_000));
    environment
});

/// What templates know, by name; what is not known of this incident is empty.
pub type Values = BTreeMap<String, String>;

struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        if self.0.len() + bytes.len() > MOST {
            return Err(Error::other("it comes to more than 64 kB"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// Fills a template in. The error is a sentence, with the field that was probably meant.
pub fn render(text: &str, values: &Values) -> Result<String, String> {
    let template = ENVIRONMENT.template_from_str(text).map_err(|error| told(&error))?;
    let mut unknown: Vec<String> =
        template.undeclared_variables(false).into_iter().filter(|name| !values.contains_key(name)).collect();
    unknown.sort();
    let mut out = Bounded(Vec::new());
    match template.render_captured_to(
        Value::from_pairs(values.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
        &mut out,
    ) {
        Ok(_) => Ok(String::from_utf8_lossy(&out.0).into_owned()),
        Err(error) => Err(match unknown.first() {
            Some(name) if error.kind() == ErrorKind::UndefinedError => nobody_knows(name, values),
            _ => told(&error),
        }),
    }
}

fn nobody_knows(name: &str, values: &Values) -> String {
    let near = values.keys().map(|known| (strsim::jaro_winkler(known, name), known));
    let near = near.filter(|(likeness, _)| *likeness > 0.75).max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((_, known)) = near {
        return format!("`{name}` is no field of an incident; did you mean `{known}`?");
    }
    let all: Vec<&str> = values.keys().map(String::as_str).collect();
    format!("`{name}` is no field of an incident; there are {}", all.join(", "))
}

fn told(error: &minijinja::Error) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string);
    match error.detail().map(str::to_owned).or(source) {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// A value on one line, and without what would make a link, code or a comment of it among other words.
pub fn flat(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace('`', "'").replace("](", "] (").replace("<!", "< !").replace("-->", "-- >")
}

/// A name of lower-case letters, digits and single dashes, of at most `most` characters; `incident` when nothing is left.
pub fn slug(text: &str, most: usize) -> String {
    let mut out = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        if out.len() >= most {
            break;
        }
    }
    let out = out.trim_end_matches('-');
    if out.is_empty() { "incident".chars().take(most).collect() } else { out.to_owned() }
}

/// At most so many characters, with `…` where something was cut off.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    kept.trim_end().to_owned() + "…"
}
