//! Lines of kubectl: reads that are answered natively, writes that are our actions, and what is neither. A line is parted
//! into arguments with placeholders in the place of templates, so a value is always one argument, or a part of one.

use super::action::{Argument, Deed, Given, Kubectl, Read, Scope};
use super::diagnostic::Spot;
use super::parameter;
use super::splice::{self, Held};
use super::step::Template;
use crate::domain::target::WorkloadKind;

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A read or an action.
    Known(Kubectl),
    /// Something else; why it is not done.
    Unknown(String),
}

/// Options with a value, and their short forms.
const VALUED: [(&str, &str); 16] = [
    ("namespace", "n"),
    ("selector", "l"),
    ("output", "o"),
    ("container", "c"),
    ("field-selector", ""),
    ("since", ""),
    ("tail", ""),
    ("replicas", ""),
    ("revision", ""),
    ("to-revision", ""),
    ("min", ""),
    ("max", ""),
    ("from", ""),
    ("sort-by", ""),
    ("timeout", ""),
    ("grace-period", ""),
];

/// Options without one. They are read, not all mean something here.
const PLAIN: [(&str, &str); 22] = [
    ("all-namespaces", "A"),
    ("previous", "p"),
    ("follow", "f"),
    ("watch", "w"),
    ("force", ""),
    ("ignore-daemonsets", ""),
    ("delete-emptydir-data", ""),
    ("delete-local-data", ""),
    ("timestamps", ""),
    ("all-containers", ""),
    ("prefix", ""),
    ("show-labels", ""),
    ("no-headers", ""),
    ("containers", ""),
    ("now", ""),
    ("wide", ""),
    ("full", ""),
    ("record", ""),
    ("all", ""),
    ("show-events", ""),
    ("ignore-not-found", ""),
    ("recursive", "R"),
];

#[derive(Debug, Default)]
struct Words {
    plain: Vec<String>,
    options: Vec<(&'static str, String)>,
}

impl Words {
    fn read(arguments: &[String]) -> Result<Self, String> {
        let mut words = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if argument == "--" {
                return Err("what stands after `--` runs in the cluster: that is no read".into());
            }
            let (name, value, long) = match (argument.strip_prefix("--"), argument.strip_prefix('-')) {
                (Some(name), _) => match name.split_once('=') {
                    Some((name, value)) => (name.to_owned(), Some(value.to_owned()), true),
                    None => (name.to_owned(), None, true),
                },
                (None, Some(name)) if !name.is_empty() => {
                    let first: String = name.chars().take(1).collect();
                    let value = &name[first.len()..];
                    let value = value.strip_prefix('=').unwrap_or(value);
                    (first, Some(value.to_owned()).filter(|value| !value.is_empty()), false)
                }
                _ => {
                    words.plain.push(argument.clone());
                    continue;
                }
            };
            let named =
                |(full, short): &&(&'static str, &'static str)| if long { *full == name } else { *short == name };
            if let Some((full, _)) = VALUED.iter().find(named) {
                let value = match value {
                    Some(value) => value,
                    None => rest.next().cloned().ok_or_else(|| format!("`{argument}` has no value"))?,
                };
                words.options.push((full, value));
            } else if let Some((full, _)) = PLAIN.iter().find(named) {
                words.options.push((full, value.unwrap_or_else(|| "true".into())));
            } else {
                return Err(format!("the option `{argument}` is not known here"));
            }
        }
        Ok(words)
    }

    fn option(&self, name: &str) -> Option<String> {
        self.options.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }

    fn is(&self, name: &str) -> bool {
        self.option(name).is_some_and(|value| value != "false")
    }

    fn scope(&self) -> Scope {
        Scope {
            namespace: self.option("namespace"),
            all_namespaces: self.is("all-namespaces"),
            selector: self.option("selector"),
            fields: self.option("field-selector"),
        }
    }
}

/// A number, or zero in the place of a template that is not filled in yet.
fn number(text: Option<String>) -> Result<Option<u64>, String> {
    match text {
        None => Ok(None),
        Some(text) if text.contains("{{") => Ok(Some(0)),
        Some(text) if text == "-1" => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| format!("`{text}` is no number")),
    }
}

fn span(text: Option<String>) -> Result<Option<u64>, String> {
    match text {
        None => Ok(None),
        Some(text) if text.contains("{{") => Ok(Some(0)),
        Some(text) => parameter::seconds(&text).map(Some).ok_or_else(|| format!("`{text}` is no duration")),
    }
}

/// `kind/name`, or a kind and a name, or only a name when it is a whole template.
fn target(words: &[String]) -> Result<String, String> {
    match words {
        [one] if one.contains('/') || one.starts_with("{{") => Ok(one.clone()),
        [kind, name] if !kind.contains('/') && !name.contains('/') => Ok(format!("{kind}/{name}")),
        [] => Err("it names no object".into()),
        [one] => Err(format!("`{one}` is of no kind: write KIND/NAME")),
        _ => Err("it names several objects: write one line for each".into()),
    }
}

fn read(words: &Words) -> Option<Result<Read, String>> {
    let plain: Vec<&str> = words.plain.iter().map(String::as_str).collect();
    let listed = |rest: &[&str]| -> Result<(String, Vec<String>), String> {
        match rest {
            [] => Err("it names no kind".into()),
            [one] if one.contains('/') => {
                let (kind, name) = one.split_once('/').unwrap_or((one, ""));
                Ok((kind.to_lowercase(), vec![name.to_owned()]))
            }
            [kind, names @ ..] if names.iter().all(|name| !name.contains('/')) => {
                let kind = if kind.contains("{{") { (*kind).to_owned() } else { kind.to_lowercase() };
                Ok((kind, names.iter().map(|name| (*name).to_owned()).collect()))
            }
            _ => Err("several kinds with names: write one line for each".into()),
        }
    };
    let owned = |rest: &[&str]| -> Vec<String> { rest.iter().map(|word| (*word).to_owned()).collect() };
    let scope = words.scope();
    Some(match plain.as_slice() {
        ["get", rest @ ..] => {
            listed(rest).map(|(resource, names)| Read::Get { resource, names, scope, output: words.option("output") })
        }
        ["describe", rest @ ..] => listed(rest).map(|(resource, names)| Read::Describe { resource, names, scope }),
        ["logs" | "log", rest @ ..] => (|| {
            let target = match rest {
                [one] => (*one).to_owned(),
                [] if scope.selector.is_some() => String::new(),
                [] => return Err("it names no pod".to_owned()),
                [pod, container] if words.option("container").is_none() => {
                    let container = Some((*container).to_owned());
                    let (since, tail) = (span(words.option("since"))?, number(words.option("tail"))?);
                    let previous = words.is("previous");
                    return Ok(Read::Logs { target: (*pod).to_owned(), scope, container, since, tail, previous });
                }
                _ => return Err("it names several pods: write one line for each".to_owned()),
            };
            Ok(Read::Logs {
                target,
                scope,
                container: words.option("container"),
                since: span(words.option("since"))?,
                tail: number(words.option("tail"))?,
                previous: words.is("previous"),
            })
        })(),
        ["rollout", "status", rest @ ..] => target(&owned(rest)).map(|target| Read::RolloutStatus { target, scope }),
        ["rollout", "history", rest @ ..] => target(&owned(rest))
            .and_then(|target| Ok(Read::RolloutHistory { target, scope, revision: number(words.option("revision"))? })),
        ["top", kind, rest @ ..] => match (*kind, rest) {
            ("pod" | "pods" | "po", []) => Ok(Read::Top { resource: "pods".into(), name: None, scope }),
            ("node" | "nodes" | "no", []) => Ok(Read::Top { resource: "nodes".into(), name: None, scope }),
            ("pod" | "pods" | "po", [name]) => {
                Ok(Read::Top { resource: "pods".into(), name: Some((*name).to_owned()), scope })
            }
            ("node" | "nodes" | "no", [name]) => {
                Ok(Read::Top { resource: "nodes".into(), name: Some((*name).to_owned()), scope })
            }
            _ => Err("`top` is of pods or nodes".into()),
        },
        _ => return None,
    })
}

/// An action as written: its word, and its arguments as text with templates.
type Written = (&'static str, Vec<(&'static str, String)>);

/// The action that a line is, if it is one.
fn write(words: &Words) -> Option<Result<Written, String>> {
    let plain: Vec<&str> = words.plain.iter().map(String::as_str).collect();
    let owned = |rest: &[&str]| -> Vec<String> { rest.iter().map(|word| (*word).to_owned()).collect() };
    let workload = |rest: &[&str]| -> Result<String, String> {
        let found = target(&owned(rest))?;
        if found.starts_with("{{") && !found.contains('/') {
            return Ok(found);
        }
        let (kind, name) = found.split_once('/').unwrap_or_default();
        let known = WorkloadKind::parse(kind).map(WorkloadKind::word);
        let kind = if kind.contains("{{") { kind } else { known.ok_or_else(|| format!("`{kind}` is no workload"))? };
        let namespace = words.option("namespace").ok_or("it names no namespace: add `-n NAMESPACE`")?;
        Ok(format!("{namespace}/{kind}/{name}"))
    };
    let of = |word: &'static str, rest: &[&str], more: &[(&'static str, &str)]| {
        workload(rest).map(|workload| {
            let mut arguments = vec![("workload", workload)];
            let options = more.iter().filter_map(|(name, option)| Some((*name, words.option(option)?)));
            arguments.extend(options);
            (word, arguments)
        })
    };
    let node = |word: &'static str, rest: &[&str]| match rest {
        [node] => Ok((word, vec![("node", (*node).trim_start_matches("node/").to_owned())])),
        _ => Err("it is for one node".to_owned()),
    };
    Some(match plain.as_slice() {
        ["rollout", "undo", rest @ ..] => of("rollback", rest, &[("to-revision", "to-revision")]),
        ["rollout", "restart", rest @ ..] => of("restart", rest, &[]),
        ["rollout", "pause", rest @ ..] => of("pause", rest, &[]),
        ["rollout", "resume", rest @ ..] => of("resume", rest, &[]),
        ["scale", ..] if words.option("replicas").is_none() => Err("`--replicas` is missing".into()),
        ["scale", rest @ ..] => of("scale", rest, &[("replicas", "replicas")]),
        ["autoscale", rest @ ..] => of("scale-bounds", rest, &[("min", "min"), ("max", "max")]),
        ["argo", "rollouts", verb @ ("abort" | "retry" | "promote" | "undo"), rest @ ..] => {
            let rest = if rest.first() == Some(&"rollout") { &rest[1..] } else { rest };
            let word = match *verb {
                "abort" => "abort",
                "retry" => "retry",
                "promote" => "promote",
                _ => "rollback",
            };
            match rest {
                [name] => {
                    let target = format!("rollout/{name}");
                    of(word, &[target.as_str()], &[("full", "full")])
                }
                _ => Err("it is for one rollout".into()),
            }
        }
        ["set", "image", rest @ .., image] => {
            let (container, image) = image.split_once('=').unwrap_or(("", image));
            let (container, image) = (container.to_owned(), image.to_owned());
            of("set-image", rest, &[]).map(|(word, mut arguments)| {
                arguments.push(("container", container));
                arguments.push(("image", image));
                (word, arguments)
            })
        }
        ["delete", rest @ ..] => (|| {
            let pod = match rest {
                ["pod" | "pods" | "po", pod] => (*pod).to_owned(),
                [one] => one
                    .strip_prefix("pod/")
                    .or_else(|| one.strip_prefix("pods/"))
                    .ok_or("only pods are deleted here")?
                    .to_owned(),
                ["pod" | "pods" | "po", ..] => return Err("it is for one pod: write one line for each".to_owned()),
                _ => return Err("only pods are deleted here".to_owned()),
            };
            let namespace = words.option("namespace").ok_or("it names no namespace: add `-n NAMESPACE`")?;
            let mut arguments = vec![("pod", pod), ("namespace", namespace)];
            if words.is("force") {
                arguments.push(("force", "true".into()));
            }
            Ok(("delete-pod", arguments))
        })(),
        ["cordon", rest @ ..] => node("cordon", rest),
        ["uncordon", rest @ ..] => node("uncordon", rest),
        ["drain", rest @ ..] => node("drain", rest).map(|(word, mut arguments)| {
            if words.is("force") {
                arguments.push(("force", "true".into()));
            }
            (word, arguments)
        }),
        ["create", "job", ..] if words.option("from").is_some_and(|from| from.starts_with("cronjob/")) => {
            let name = words.option("from").unwrap_or_default().trim_start_matches("cronjob/").to_owned();
            match words.option("namespace") {
                Some(namespace) => Ok(("trigger", vec![("cronjob", name), ("namespace", namespace)])),
                None => Err("it names no namespace: add `-n NAMESPACE`".into()),
            }
        }
        _ => return None,
    })
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
    if let Some(read) = read(&words) {
        return match read {
            Ok(_) => {
                let arguments = arguments.into_iter().map(|text| Template::new(text, spot)).collect();
                Line::Known(Kubectl::Read(arguments))
            }
            Err(why) => Line::Unknown(why),
        };
    }
    match write(&words) {
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

/// Why a line that writes is only there to copy: annotations and labels are none of our actions, so the door could not show
/// them, prove them or take them back.
pub fn only_to_copy(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().skip_while(|word| matches!(*word, "kubectl" | "k" | "oc"));
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix('-') else {
            let known = ["annotate", "label"].contains(&word);
            return known.then(|| format!("`kubectl {word}` is none of our actions"));
        };
        // The value of an option is not the verb.
        let (name, is_long) = option.strip_prefix('-').map_or((option, false), |name| (name, true));
        if VALUED.iter().any(|(full, short)| if is_long { *full == name } else { *short == name }) {
            words.next();
        }
    }
    None
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

/// Arguments of a read with values in them. A value never begins an option and never parts a list.
pub fn fill(arguments: &[Template], context: &minijinja::Value) -> Result<Read, String> {
    let filled = arguments.iter().map(|template| {
        splice::splice(&template.text, context, |before, value| {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | ':' | '@' | '-');
            if value.is_empty() || (before.is_empty() && value.starts_with('-')) || !value.chars().all(fits) {
                let shown: String = value.chars().take(40).collect();
                return Err(format!("`{shown}` cannot stand in an argument of kubectl"));
            }
            Ok(value.to_owned())
        })
        .map_err(|error| format!("line {}: {}", template.spot.line, error.why))
    });
    let filled = filled.collect::<Result<Vec<String>, String>>()?;
    let words = Words::read(&filled)?;
    read(&words).unwrap_or_else(|| Err("it is no read".into()))
}

impl Scope {
    fn words(&self) -> String {
        let mut words = String::new();
        if self.all_namespaces {
            words.push_str(" -A");
        }
        let options = [("-n", &self.namespace), ("-l", &self.selector), ("--field-selector", &self.fields)];
        for (name, value) in options {
            if let Some(value) = value {
                words.extend([" ", name, " ", value]);
            }
        }
        words
    }
}

impl Read {
    /// The line of kubectl that it is.
    pub fn line(&self) -> String {
        let optional =
            |name: &str, value: Option<String>| value.map_or_else(String::new, |value| format!(" {name}{value}"));
        let named = |names: &[String]| names.iter().flat_map(|name| [" ", name]).collect::<String>();
        let line = match self {
            Self::Get { resource, names, scope, output } => {
                format!("get {resource}{}{}{}", named(names), scope.words(), optional("-o ", output.clone()))
            }
            Self::Describe { resource, names, scope } => {
                format!("describe {resource}{}{}", named(names), scope.words())
            }
            Self::Logs { target, scope, container, since, tail, previous } => format!(
                "logs {target}{}{}{}{}{}",
                scope.words(),
                optional("-c ", container.clone()),
                optional("--since=", since.map(|since| format!("{since}s"))),
                optional("--tail=", tail.map(|tail| tail.to_string())),
                if *previous { " --previous" } else { "" }
            ),
            Self::RolloutStatus { target, scope } => format!("rollout status {target}{}", scope.words()),
            Self::RolloutHistory { target, scope, revision } => format!(
                "rollout history {target}{}{}",
                scope.words(),
                optional("--revision=", revision.map(|revision| revision.to_string()))
            ),
            Self::Top { resource, name, scope } => {
                format!("top {resource}{}{}", optional("", name.clone()), scope.words())
            }
        };
        format!("kubectl {line}")
    }
}
