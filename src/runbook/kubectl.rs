//! Lines of kubectl: reads that are answered natively, writes that are our actions, and what is neither. A line is parted
//! into arguments with placeholders in the place of templates, so a value is always one argument, or a part of one.

mod read;
mod words;
mod write;

pub use self::read::fill;
use self::words::Words;
pub use self::write::only_to_copy;
use super::action::{Argument, Deed, Given, Kubectl};
use super::diagnostic::Spot;
use super::splice::Held;
use super::step::Template;

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A read or an action.
    Known(Kubectl),
    /// Something else; why it is not done.
    Unknown(String),
}

/// Reads one line, with or without `kubectl` at its head.
pub fn parse(line: &str, spot: Spot) -> Line {
    let joined = line.replace("\\\n", " ");
    let held = match Held::new(joined.trim()) {
        Ok(held) => held,
        Err(error) => return Line::Unknown(error.why),
    };
    if has_shell(held.text()) {
        return Line::Unknown("it is more than one command: pipes, redirections and the like need a shell".into());
    }
    let Ok(arguments) = shell_words::split(held.text()) else {
        return Line::Unknown("its quotes do not match".into());
    };
    let arguments = match arguments.split_first() {
        Some((first, rest)) if matches!(first.as_str(), "kubectl" | "k" | "oc") => rest.to_vec(),
        _ => arguments,
    };
    let arguments: Vec<String> = arguments.iter().map(|argument| held.restore(argument)).collect();
    let words = match Words::read(&arguments) {
        Ok(words) => words,
        Err(why) => return Line::Unknown(why),
    };
    let long = |word: &String| matches!(word.as_str(), "rollout" | "set" | "argo" | "create" | "top");
    let verbs = 1 + usize::from(words.plain.first().is_some_and(long));
    if words.plain.is_empty() {
        return Line::Unknown("it begins with no verb".into());
    }
    if words.plain.iter().take(verbs).any(|word| word.contains("{{")) {
        return Line::Unknown("a value may not be the verb".into());
    }
    if let Some(read) = read::read(&words) {
        return match read {
            Ok(_) => {
                let arguments = arguments.into_iter().map(|text| Template::new(text, spot)).collect();
                Line::Known(Kubectl::Read(arguments))
            }
            Err(why) => Line::Unknown(why),
        };
    }
    match write::write(&words) {
        Some(Ok((word, arguments))) => {
            let argument = |(name, text): (&'static str, String)| Argument {
                name: name.to_owned(),
                spot,
                value: Given::One(Template::new(text, spot)),
            };
            let arguments = arguments.into_iter().map(argument).collect();
            Line::Known(Kubectl::Act(Deed { word: word.to_owned(), spot, arguments, from_kubectl: true }))
        }
        Some(Err(why)) => Line::Unknown(why),
        None => Line::Unknown(format!("`kubectl {}` is neither a read nor one of our actions", words.plain.join(" "))),
    }
}

/// Does a shell have to read it?
#[allow(clippy::match_same_arms)] // the order of the arms is the grammar
pub fn has_shell(line: &str) -> bool {
    let mut quote = None;
    let mut escaped = false;
    for c in line.chars() {
        match quote {
            _ if escaped => escaped = false,
            Some('"') if matches!(c, '$' | '`') => return true,
            Some(open) if c == open => quote = None,
            Some('"') if c == '\\' => escaped = true,
            Some(_) => {}
            None if c == '\\' => escaped = true,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if matches!(c, '|' | '&' | ';' | '<' | '>' | '$' | '`' | '(' | ')' | '\n' | '*' | '?' | '~') => {
                return true;
            }
            None => {}
        }
    }
    false
}
