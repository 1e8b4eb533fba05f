//! The house rules that a machine can check: who may know whom, headers, and words that must not stand in a layer.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// Layer, and the modules of the crate that it may name. `integrations` may also name the ports that alter something.
const LAYERS: [(&str, &[&str]); 16] = [
    ("domain", &[]),
    ("ports", &["domain"]),
    ("config", &["domain"]),
    ("actions", &["domain", "ports", "config"]),
    ("runbook", &["domain", "ports", "config", "actions"]),
    ("incident", &["domain", "ports", "config", "actions"]),
    ("state", &["domain", "ports", "config", "actions", "runbook", "incident"]),
    ("ui", &["domain", "ports", "config", "actions", "runbook", "incident", "state"]),
    ("panes", &["domain", "ports", "config", "actions", "runbook", "incident", "state", "ui"]),
    ("app", &["domain", "ports", "config", "actions", "runbook", "incident", "state", "ui", "panes"]),
    ("integrations", &["domain", "ports", "config", "actions::approval", "incident::clearance"]),
    (
        "runtime",
        &[
            "domain",
            "ports",
            "config",
            "actions",
            "runbook",
            "incident",
            "state",
            "ui",
            "panes",
            "app",
            "integrations",
            "lab",
        ],
    ),
    ("lab", &[]),
    (
        "cli",
        &[
            "domain",
            "ports",
            "config",
            "actions",
            "runbook",
            "incident",
            "state",
            "ui",
            "panes",
            "app",
            "integrations",
            "runtime",
            "lab",
        ],
    ),
    ("lib", &[]),
    ("main", &[]),
];

/// Crates that the pure layers never mention.
const WAITING: [&str; 4] = ["tokio", "kube", "reqwest", "crossterm"];
/// The layers that neither wait nor touch the outside.
const PURE: [&str; 10] = ["domain", "ports", "config", "actions", "runbook", "incident", "state", "ui", "panes", "app"];

fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let first = path.strip_prefix(&root).unwrap().components().next().unwrap();
                let layer = first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
                let text = fs::read_to_string(&path).unwrap();
                found.push((layer, path, text));
            }
        }
    }
    assert!(found.len() > 50, "the scan found only {} files", found.len());
    found
}

/// The code of a file without comments, and without its tests.
fn code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    text[..end].lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn layers_know_only_the_layers_below() {
    let mut broken = Vec::new();
    for (layer, path, text) in sources() {
        let allowed = LAYERS.iter().find(|(name, _)| *name == layer);
        let Some((_, allowed)) = allowed else { panic!("{} is in no layer; add it to LAYERS", path.display()) };
        for (_, rest) in code(&text).match_indices("crate::").map(|(at, _)| (at, text_after(&code(&text), at))) {
            let own = rest == layer || rest.starts_with(&format!("{layer}::"));
            let fine = allowed.iter().any(|name| rest == *name || rest.starts_with(&format!("{name}::")));
            if !own && !fine {
                broken.push(format!("{}: crate::{rest}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "imports against the direction of the layers:\n{}", broken.join("\n"));
}

/// The path that follows `crate::` at `at`.
fn text_after(code: &str, at: usize) -> String {
    let rest = &code[at + "crate::".len()..];
    rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect()
}

#[test]
fn pure_layers_do_not_wait() {
    for (layer, path, text) in sources().iter().filter(|(layer, ..)| PURE.contains(&layer.as_str())) {
        for word in WAITING {
            let named = code(text).contains(&format!("{word}::"));
            assert!(!named, "{} ({layer}) mentions {word}", path.display());
        }
    }
}

#[test]
fn only_runtime_spawns() {
    for (layer, path, text) in sources() {
        // `spawn_blocking` that is awaited on the spot moves work to another thread; it owns no task.
        let spawns = ["tokio::spawn(", "thread::spawn("].iter().any(|call| code(&text).contains(call));
        // The lab is a world of its own behind HTTP.
        assert!(!spawns || layer == "runtime" || layer == "lab", "{} spawns", path.display());
    }
}

#[test]
fn every_file_says_what_it_owns() {
    for (_, path, text) in sources() {
        assert!(text.starts_with("//! "), "{} has no header", path.display());
    }
}

#[test]
fn no_room_for_everything() {
    for (_, path, _) in sources() {
        for word in ["utils", "helpers", "common", "manager", "misc"] {
            let named = path.file_stem().is_some_and(|stem| stem == word) || path.iter().any(|part| part == word);
            assert!(!named, "{} is named for nothing", path.display());
        }
    }
}

#[test]
fn files_are_one_thing() {
    let mut long = Vec::new();
    for (_, path, text) in sources() {
        let lines = code(&text).lines().filter(|line| !line.trim().is_empty()).count();
        if lines > 450 {
            long.push(format!("{} has {lines} lines of code", path.display()));
        }
    }
    assert!(long.is_empty(), "files that have become two things:\n{}", long.join("\n"));
}
