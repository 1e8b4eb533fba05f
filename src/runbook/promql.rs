//! Values in PromQL. Inside quotes a value is escaped (twice where the quotes hold a regular expression); outside of them
//! only a name, a number or a duration may stand, and it may not become a keyword.

use super::parameter;
use super::splice;
use super::step::Template;

/// The longest query that is looked at, in bytes; with its values none may be longer either.
const LONGEST: usize = 64 * 1024;

/// Words that mean something to the parser.
const KEYWORDS: [&str; 27] = [
    "and",
    "or",
    "unless",
    "atan2",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "bool",
    "offset",
    "start",
    "end",
    "sum",
    "avg",
    "count",
    "min",
    "max",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "count_values",
    "quantile",
    "fill",
];

/// Where the text so far ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Between tokens.
    Code,
    /// In quotes; `true`: they hold a regular expression.
    Quoted(char, bool),
    /// After `#`.
    Comment,
}

#[allow(clippy::match_same_arms)] // the order of the arms is the grammar
fn scan(text: &str) -> At {
    let mut at = At::Code;
    let mut escaped = false;
    let mut before = String::new();
    for c in text.chars() {
        match at {
            At::Quoted(..) if escaped => escaped = false,
            At::Quoted(quote, _) if c == '\\' && quote != '`' => escaped = true,
            At::Quoted(quote, _) if c == quote => at = At::Code,
            At::Quoted(..) => {}
            At::Comment if c == '\n' => at = At::Code,
            At::Comment => {}
            At::Code if matches!(c, '"' | '\'' | '`') => at = At::Quoted(c, before.ends_with('~')),
            At::Code if c == '#' => at = At::Comment,
            At::Code if c.is_whitespace() => {}
            At::Code => {
                before.clear();
                before.push(c);
            }
        }
    }
    at
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.')
}

fn put(before: &str, value: &str) -> Result<String, String> {
    match scan(before) {
        At::Quoted('`', _) if value.contains('`') => Err("a value with ` in it cannot stand between ` `".into()),
        At::Quoted(quote, regex) => {
            let value = if regex { regex::escape(value) } else { value.to_owned() };
            if quote == '`' {
                return Ok(value);
            }
            let mut out = String::with_capacity(value.len());
            for c in value.chars() {
                match c {
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    '\0' => out.push_str("\\x00"),
                    c if c == quote => {
                        out.push('\\');
                        out.push(c);
                    }
                    c => out.push(c),
                }
            }
            Ok(out)
        }
        At::Comment => Ok(value.replace(['\n', '\r'], " ")),
        At::Code => bare(before, value),
    }
}

fn bare(before: &str, value: &str) -> Result<String, String> {
    let wrong = || {
        let shown: String = value.chars().take(40).collect();
        format!("`{shown}` stands outside of quotes: there only a name, a number or a duration may")
    };
    let name = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'));
    let unsigned = value.strip_prefix('-').unwrap_or(value);
    let number = unsigned.starts_with(|c: char| c.is_ascii_digit())
        && unsigned.chars().all(|c| c.is_ascii_digit() || c == '.')
        && unsigned.parse::<f64>().is_ok_and(f64::is_finite);
    let duration = parameter::seconds(value).is_some();
    if value.starts_with('-') {
        // Only where a sign cannot become a subtraction.
        let previous = before.trim_end().chars().last();
        let signed = previous.is_none_or(|c| matches!(c, '(' | ',' | '<' | '>' | '=' | '+' | '*' | '/' | '%' | '^'));
        return if number && signed { Ok(value.to_owned()) } else { Err(wrong()) };
    }
    if name || number || duration { Ok(value.to_owned()) } else { Err(wrong()) }
}

/// PromQL with values in it; the error is a sentence.
pub fn fill(template: &Template, context: &minijinja::Value) -> Result<String, String> {
    let mut bare: Vec<usize> = Vec::new();
    let text = splice::splice(&template.text, context, |before, value| {
        if scan(before) == At::Code {
            bare.push(before.len());
        }
        put(before, value)
    });
    let text = text.map_err(|error| format!("line {}: {}", template.spot.line, error.why))?;
    for at in bare {
        // A value may have grown together with what stands around it.
        let begin = text[..at].rfind(|c| !is_word(c)).map_or(0, |found| found + 1);
        let begin = if text.is_char_boundary(begin) { begin } else { at };
        let word: String = text[begin..].chars().take_while(|c| is_word(*c)).collect();
        if KEYWORDS.contains(&word.to_ascii_lowercase().as_str()) {
            return Err(format!("line {}: `{word}` would be a word of the language here", template.spot.line));
        }
    }
    promql_parser::parser::parse(&text).map_err(|why| format!("line {}: not PromQL: {why}", template.spot.line))?;
    Ok(text)
}

/// Does the query parse with something harmless in the place of every value? The error is the parser's.
pub fn shape(template: &Template) -> Result<(), String> {
    if template.text.len() > LONGEST {
        return Err(format!("it is longer than {} kB", LONGEST / 1024));
    }
    let mut last = String::new();
    // Outside of quotes a value may be a name, a number or a duration: one of them has to fit everywhere.
    for stand_in in ["x", "1", "5m"] {
        let mut text = String::new();
        for piece in splice::pieces(&template.text).map_err(|error| error.why)? {
            text.push_str(match piece {
                splice::Piece::Literal(text) => text,
                splice::Piece::Expression(..) if matches!(scan(&text), At::Code) => stand_in,
                // Digits are good in any string, and in a regular expression.
                splice::Piece::Expression(..) => "1",
            });
        }
        match promql_parser::parser::parse(&text) {
            Ok(_) => return Ok(()),
            Err(why) => last = why,
        }
    }
    let mut text = String::new();
    let mut bare = 0;
    for piece in splice::pieces(&template.text).map_err(|error| error.why)? {
        match piece {
            splice::Piece::Literal(literal) => text.push_str(literal),
            splice::Piece::Expression(..) => {
                bare += usize::from(scan(&text) == At::Code);
                text.push('1');
            }
        }
    }
    // Several values of different kinds: whether it parses is known when they are.
    if bare > 1 { Ok(()) } else { Err(last) }
}
