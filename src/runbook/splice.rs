//! Templates: `{{ expression }}` and nothing else, strict, bounded, and spliced so that a value cannot become syntax.

use std::sync::LazyLock;

use minijinja::{Environment, UndefinedBehavior};

/// Characters that one text may come to.
const MOST: usize = 64 * 1024;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(50_000));
    environment
});

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// As it stands.
    Literal(&'a str),
    /// An expression, and where it begins (byte).
    Expression(&'a str, usize),
}

/// A template that cannot be read or filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct SpliceError {
    /// What is wrong, as a sentence.
    pub why: String,
    /// Byte in the text where it begins.
    pub at: usize,
}

impl SpliceError {
    fn new(at: usize, why: impl Into<String>) -> Self {
        Self { why: why.into(), at }
    }
}

/// Parts a text at its `{{ }}`.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, SpliceError> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find("{{").map(|open| at + open) {
        if open > at {
            found.push(Piece::Literal(&text[at..open]));
        }
        let inner = open + 2;
        let close = end_of(&text[inner..]).map(|close| inner + close);
        let close = close.ok_or_else(|| SpliceError::new(open, "`{{` has no `}}`"))?;
        found.push(Piece::Expression(text[inner..close].trim(), open));
        at = close + 2;
    }
    if at < text.len() {
        found.push(Piece::Literal(&text[at..]));
    }
    Ok(found)
}

/// Where the expression ends: at the first `}}` outside of a string.
#[allow(clippy::match_same_arms)] // the order of the arms is the grammar
fn end_of(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if text[at..].starts_with("}}") => return Some(at),
            None => {}
        }
    }
    None
}

/// What an expression comes to, as text.
pub fn evaluate(expression: &str, values: &minijinja::Value) -> Result<minijinja::Value, String> {
    let compiled = ENVIRONMENT.compile_expression(expression).map_err(|error| told(&error))?;
    let value = compiled.eval(values).map_err(|error| told(&error))?;
    if value.is_undefined() {
        return Err(format!("`{expression}` is not known here"));
    }
    Ok(value)
}

fn told(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()))
}

/// The variables that an expression names.
pub fn variables(expression: &str) -> Result<Vec<String>, String> {
    let compiled = ENVIRONMENT.compile_expression(expression).map_err(|error| told(&error))?;
    let mut names: Vec<String> = compiled.undeclared_variables(false).into_iter().collect();
    names.sort();
    Ok(names)
}

/// The same with the fields that are asked of them (`workload.name`).
pub fn names(expression: &str) -> Result<Vec<String>, String> {
    let compiled = ENVIRONMENT.compile_expression(expression).map_err(|error| told(&error))?;
    let mut names: Vec<String> = compiled.undeclared_variables(true).into_iter().collect();
    names.sort();
    Ok(names)
}

/// The text with each value as `put` writes it; `put` is told what was written before it.
pub fn splice(
    text: &str,
    values: &minijinja::Value,
    mut put: impl FnMut(&str, &str) -> Result<String, String>,
) -> Result<String, SpliceError> {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text)? {
        match piece {
            Piece::Literal(text) => out.push_str(text),
            Piece::Expression(expression, at) => {
                let value = evaluate(expression, values).map_err(|why| SpliceError::new(at, why))?.to_string();
                if value.len() > MOST {
                    return Err(SpliceError::new(at, format!("`{expression}` comes to more than 64 kB")));
                }
                out.push_str(&put(&out, &value).map_err(|why| SpliceError::new(at, why))?);
            }
        }
        if out.len() > MOST {
            return Err(SpliceError::new(0, "it comes to more than 64 kB"));
        }
    }
    Ok(out)
}

/// The text with values as they are: for what people read, and for single values that are typed afterwards.
pub fn plain(text: &str, values: &minijinja::Value) -> Result<String, SpliceError> {
    splice(text, values, |_, value| Ok(value.to_owned()))
}

/// Is the condition true?
pub fn holds(expression: &str, values: &minijinja::Value) -> Result<bool, String> {
    evaluate(expression, values).map(|value| value.is_true())
}

/// A text with a placeholder in the place of each `{{ }}`, so that it can be read as whatever it is (YAML, arguments, a
/// matcher) before any value is in it. The values are put into what was read.
#[derive(Clone, Debug)]
pub struct Held {
    text: String,
    expressions: Vec<String>,
}

/// Private characters around a placeholder's number; a source with one of them in it is refused.
const OPEN: char = '\u{f8f0}';
const CLOSE: char = '\u{f8f1}';

impl Held {
    /// Takes the templates out of a text.
    pub fn new(text: &str) -> Result<Self, SpliceError> {
        if let Some(at) = text.find([OPEN, CLOSE]) {
            return Err(SpliceError::new(at, "a private character stands where nobody can see it"));
        }
        let mut held = Self { text: String::with_capacity(text.len()), expressions: Vec::new() };
        for piece in pieces(text)? {
            match piece {
                Piece::Literal(text) => held.text.push_str(text),
                Piece::Expression(expression, _) => {
                    held.text.push(OPEN);
                    held.text.push_str(&held.expressions.len().to_string());
                    held.text.push(CLOSE);
                    held.expressions.push(expression.to_owned());
                }
            }
        }
        Ok(held)
    }

    /// The text with placeholders.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Does a placeholder stand in this piece of what was read?
    pub fn is_in(&self, piece: &str) -> bool {
        piece.contains([OPEN, CLOSE])
    }

    /// A piece with its templates as they were written.
    pub fn restore(&self, piece: &str) -> String {
        let parts = self.parts(piece).into_iter();
        parts.map(|part| part.map_or_else(ToOwned::to_owned, |one| format!("{{{{ {one} }}}}"))).collect()
    }

    /// A piece with its values, each as `put` writes it.
    pub fn fill(
        &self,
        piece: &str,
        values: &minijinja::Value,
        put: impl Fn(&str) -> Result<String, String>,
    ) -> Result<String, String> {
        let mut out = String::with_capacity(piece.len());
        for part in self.parts(piece) {
            match part {
                Err(text) => out.push_str(text),
                Ok(expression) => out.push_str(&put(&evaluate(expression, values)?.to_string())?),
            }
            if out.len() > MOST {
                return Err("it comes to more than 64 kB".into());
            }
        }
        Ok(out)
    }

    fn parts<'a>(&'a self, piece: &'a str) -> Vec<Result<&'a str, &'a str>> {
        let mut parts = Vec::new();
        let mut rest = piece;
        while let Some((before, after)) = rest.split_once(OPEN) {
            if !before.is_empty() {
                parts.push(Err(before));
            }
            let Some((number, after)) = after.split_once(CLOSE) else { break };
            parts
                .extend(number.parse().ok().and_then(|at: usize| self.expressions.get(at)).map(|one| Ok(one.as_str())));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Err(rest));
        }
        parts
    }
}
