//! Lines that write: which of our actions each is, and what is none of them.

use super::words::{VALUED, Words, target};
use crate::domain::target::WorkloadKind;

/// An action as written: its word, and its arguments as text with templates.
pub(super) type Written = (&'static str, Vec<(&'static str, String)>);

/// The action that a line is, if it is one.
pub(super) fn write(words: &Words) -> Option<Result<Written, String>> {
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
