//! `<placeholders>`, `$VARIABLES` and `{{ .templates }}` of plain Markdown: each becomes a parameter, prefilled from the
//! alert by its name, and a value in the place where it stood.

use std::collections::BTreeSet;

use super::diagnostic::Spot;
use super::parameter::{From, Parameter, Type};

/// Variables of a shell itself, or of the person's machine: no inputs.
const SHELLS: [&str; 33] = [
    "HOME",
    "PATH",
    "USER",
    "PWD",
    "OLDPWD",
    "SHELL",
    "HOSTNAME",
    "TMPDIR",
    "EDITOR",
    "TERM",
    "LANG",
    "UID",
    "EUID",
    "RANDOM",
    "SECONDS",
    "LINENO",
    "IFS",
    "PS1",
    "PS2",
    "PS4",
    "ENV",
    "OPTARG",
    "OPTIND",
    "REPLY",
    "PPID",
    "KUBECONFIG",
    "SHLVL",
    "COLUMNS",
    "LINES",
    "DISPLAY",
    "LOGNAME",
    "CDPATH",
    "GLOBIGNORE",
];

/// Heads of variables that decide how programs are run: a value from outside never gets there.
const LOADERS: [&str; 10] = ["LD_", "DYLD_", "BASH", "PYTHON", "PERL", "RUBY", "NODE_", "GIT_", "JAVA_", "LC_"];

/// A placeholder as it stands in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// Its bytes.
    pub at: std::ops::Range<usize>,
    /// The name of the parameter.
    pub name: String,
    /// The variable of a shell, when it is one.
    pub variable: Option<String>,
}

/// A name as parameters have it.
pub fn identifier(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    let out = out.trim_end_matches('_').to_owned();
    if out.starts_with(|c: char| c.is_ascii_digit()) { format!("p_{out}") } else { out }
}

/// `<pod-name>`: words, and nothing that looks like a tag, an address or a comparison.
fn angled(text: &str) -> Option<(usize, String)> {
    let inner = text.strip_prefix('<')?;
    let end = inner.bytes().take(49).position(|byte| byte == b'>').filter(|end| *end >= 1)?;
    let inner = &inner[..end];
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ' ' | '.');
    let begins = inner.starts_with(|c: char| c.is_ascii_alphabetic());
    if !begins || inner.ends_with(' ') || !inner.chars().all(fits) {
        return None;
    }
    Some((end + 2, identifier(inner)))
}

/// `{{ .Namespace }}`, `{{ namespace }}`, `{{ $labels.pod }}`.
fn braced(text: &str) -> Option<(usize, String)> {
    let inner = text.strip_prefix("{{")?;
    let end = inner.as_bytes().windows(2).take(49).position(|pair| pair == b"}}")?;
    let word = inner[..end].trim().trim_start_matches(['-', ' ']).trim_end_matches(['-', ' ']);
    let word = word.trim_start_matches('$').trim_start_matches('.');
    let word = ["Values.", "labels.", "Labels."].iter().find_map(|head| word.strip_prefix(head)).unwrap_or(word);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if word.is_empty() || !word.chars().all(fits) || !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    Some((end + 4, identifier(word)))
}

/// `$NAME` and `${NAME}`, upper case.
fn variable(text: &str) -> Option<(usize, String)> {
    let rest = text.strip_prefix('$')?;
    let (inner, extra) = rest.strip_prefix('{').map_or((rest, 1), |rest| (rest, 2));
    let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let end = inner.find(|c: char| !fits(c)).unwrap_or(inner.len());
    let name = &inner[..end];
    if !name.starts_with(|c: char| c.is_ascii_uppercase()) || (extra == 2 && !inner[end..].starts_with('}')) {
        return None;
    }
    if inner[end..].starts_with(|c: char| c.is_ascii_lowercase()) {
        return None;
    }
    let length = extra + end + usize::from(extra == 2);
    Some((length, name.to_owned()))
}

/// May a variable of this name be an input?
pub fn may_be_input(name: &str) -> bool {
    !SHELLS.contains(&name) && !LOADERS.iter().any(|head| name.starts_with(head))
}

/// Every placeholder of a piece of code. `set` are the variables that the document sets itself.
pub fn find(text: &str, set: &BTreeSet<String>) -> Vec<Placeholder> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut escaped = false;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let one = match c {
            _ if escaped => None,
            '<' => angled(rest).map(|(length, name)| (length, name, None)),
            '{' => braced(rest).map(|(length, name)| (length, name, None)),
            '$' => variable(rest)
                .filter(|(_, name)| may_be_input(name) && !set.contains(name))
                .map(|(length, name)| (length, identifier(&name), Some(name))),
            _ => None,
        };
        escaped = c == '\\' && !escaped;
        match one.filter(|(_, name, _)| !name.is_empty()) {
            Some((length, name, variable)) => {
                found.push(Placeholder { at: at..at + length, name, variable });
                at += length;
            }
            None => at += c.len_utf8(),
        }
    }
    found
}

/// Variables that scripts set themselves (`POD=…`, `for POD in`, `read POD`, `export POD=`).
pub fn set_in(script: &str, set: &mut BTreeSet<String>) {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for line in script.lines() {
        for (at, _) in line.match_indices('=') {
            let begin = line[..at].rfind(|c: char| !word(c)).map_or(0, |found| found + 1);
            let name = line.get(begin..at).unwrap_or_default();
            let before = line.get(..begin).unwrap_or_default().chars().next_back();
            if !name.is_empty() && before.is_none_or(|c| c.is_whitespace() || matches!(c, ';' | '&' | '(' | '$')) {
                set.insert(name.to_owned());
            }
        }
        let words: Vec<&str> = line.split(|c: char| c.is_whitespace() || c == ';').filter(|w| !w.is_empty()).collect();
        for pair in words.windows(2) {
            if let [head @ ("for" | "read" | "export" | "local"), name] = pair {
                let _ = head;
                set.insert(name.split('=').next().unwrap_or_default().to_owned());
            }
        }
    }
}

/// The text with templates in the place of placeholders.
pub fn templated(text: &str, found: &[Placeholder]) -> String {
    replaced(text, found, |placeholder, _| format!("{{{{ {} }}}}", placeholder.name))
}

/// The text with each placeholder as `with` writes it; it is told what stands before.
pub fn replaced(text: &str, found: &[Placeholder], mut with: impl FnMut(&Placeholder, &str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for placeholder in found {
        out.push_str(&text[at..placeholder.at.start]);
        let written = with(placeholder, &out);
        out.push_str(&written);
        at = placeholder.at.end;
    }
    out.push_str(&text[at..]);
    out
}

/// A script in which `<placeholders>` are variables in quotes; `None` when one of them stands where that cannot be done
/// (in a here-document or in a comment's place nobody can tell).
pub fn scripted(text: &str, found: &[Placeholder]) -> Option<String> {
    if found.iter().any(|one| one.variable.is_none()) && text.contains("<<") {
        return None;
    }
    // The quotes are followed as the script is written: looking back from each placeholder would be quadratic.
    let mut quotes = Quotes::default();
    let mut at = 0;
    Some(replaced(text, found, |placeholder, _| {
        quotes.read(&text[at..placeholder.at.start]);
        at = placeholder.at.end;
        if placeholder.variable.is_some() {
            let written = &text[placeholder.at.clone()];
            quotes.read(written);
            return written.to_owned();
        }
        // What is written here leaves the quotes as they were, but for a `\\` before it.
        quotes.escaped = false;
        match quotes.open {
            Some('\'') => format!("'\"${{{}}}\"'", placeholder.name),
            Some(_) => format!("${{{}}}", placeholder.name),
            None => format!("\"${{{}}}\"", placeholder.name),
        }
    }))
}

/// In which quotes a script stands.
#[derive(Debug, Default)]
struct Quotes {
    open: Option<char>,
    escaped: bool,
}

impl Quotes {
    #[allow(clippy::match_same_arms)] // the order of the arms is the grammar
    fn read(&mut self, text: &str) {
        for c in text.chars() {
            match self.open {
                _ if self.escaped => self.escaped = false,
                Some('\'') if c != '\'' => {}
                Some(quote) if c == quote => self.open = None,
                _ if c == '\\' => self.escaped = true,
                Some(_) => {}
                None if matches!(c, '"' | '\'') => self.open = Some(c),
                None => {}
            }
        }
    }
}

/// The parameter of a placeholder: where its name says what it is, an alert fills it in.
pub fn parameter(name: &str, spot: Spot) -> Parameter {
    let has = |word: &str| name.split('_').any(|part| part == word);
    let (kind, from) = match name {
        "namespace" | "ns" | "your_namespace" | "my_namespace" => (Type::Namespace, From::Namespace),
        "alertname" | "alert" | "alert_name" => (Type::String, From::Alert),
        "severity" => (Type::String, From::Severity),
        _ if has("namespace") => (Type::Namespace, From::Namespace),
        _ if has("pod") => (Type::Pod, From::Pod),
        _ if has("node") => (Type::Node, From::Node),
        _ => {
            let labels = [
                "deployment",
                "statefulset",
                "daemonset",
                "cronjob",
                "container",
                "service",
                "app",
                "job",
                "instance",
                "cluster",
            ];
            let label = labels.iter().find(|label| has(label)).map_or(name, |label| label);
            (Type::String, From::Label(label.to_owned()))
        }
    };
    Parameter {
        name: name.to_owned(),
        kind,
        description: None,
        default: None,
        required: false,
        allowed: Vec::new(),
        pattern: None,
        min: None,
        max: None,
        from: Some(from),
        secret: has("password") || has("token") || has("secret"),
        spot,
    }
}
