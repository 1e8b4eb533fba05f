//! From text to sections and steps.

use sha2::{Digest, Sha256};

use super::meta::Meta;
use super::{Origin, Parsed, Runbook};

/// The digest of a text, in hex.
fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn parse(text: &str, origin: Origin) -> Parsed {
    let title = text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(origin.stem()).to_owned();
    let runbook = Runbook {
        id: origin.stem().to_lowercase(),
        title,
        digest: digest(text),
        source: text.into(),
        native: false,
        meta: Meta::default(),
        parameters: Vec::new(),
        sections: Vec::new(),
        steps: Vec::new(),
        blocks: Vec::new(),
        origin,
    };
    Parsed { runbook: Some(runbook), diagnostics: Vec::new() }
}
