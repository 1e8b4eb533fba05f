//! The runbooks in the program itself: every file of `runbooks/`.

/// Name and text of each; a test finds those that are missing here.
pub const ALL: &[(&str, &str)] = &[];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::ALL;

    #[test]
    fn every_runbook_of_the_repository_is_in_the_program() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
        let mut files: Vec<String> = std::fs::read_dir(directory)
            .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
            .unwrap_or_default();
        files.retain(|name| name.ends_with(".md") && name != "README.md");
        files.sort();
        let embedded: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
        assert_eq!(embedded, files, "src/runtime/runbooks/shipped.rs lists what runbooks/ holds, by name");
    }
}
