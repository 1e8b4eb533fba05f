//! Where files are looked for and kept: the XDG directories, with this program's name.

use std::path::PathBuf;

/// The directories of one user on one machine. Tests make their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dirs {
    /// The machine's configuration (`/etc/opsdeck`); `None` reads none.
    pub system: Option<PathBuf>,
    /// The user's configuration (`~/.config/opsdeck`); `None` reads none.
    pub config: Option<PathBuf>,
    /// What the program keeps: the audit log, the debug log (`~/.local/state/opsdeck`).
    pub state: Option<PathBuf>,
}

impl Dirs {
    /// The real ones. Without a home directory, only the machine's.
    pub fn find() -> Self {
        let project = directories::ProjectDirs::from("", "", "opsdeck");
        Self {
            system: Some(PathBuf::from("/etc/opsdeck")),
            config: project.as_ref().map(|dirs| dirs.config_dir().to_owned()),
            state: project.as_ref().map(|dirs| dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_owned()),
        }
    }

    /// `config.toml` of the machine.
    pub fn system_file(&self) -> Option<PathBuf> {
        self.system.as_ref().map(|dir| dir.join("config.toml"))
    }

    /// `config.toml` of the user.
    pub fn user_file(&self) -> Option<PathBuf> {
        self.config.as_ref().map(|dir| dir.join("config.toml"))
    }

    /// The candidates for a named file of a kind (`themes`, `keymaps`), the user's first.
    pub(super) fn named(&self, kind: &str, name: &str) -> Vec<PathBuf> {
        [&self.config, &self.system]
            .into_iter()
            .flatten()
            .map(|dir| dir.join(kind).join(format!("{name}.toml")))
            .collect()
    }

    /// The names of all files of a kind, sorted.
    pub(super) fn names(&self, kind: &str) -> Vec<String> {
        let mut names: Vec<String> = [&self.config, &self.system]
            .into_iter()
            .flatten()
            .filter_map(|dir| std::fs::read_dir(dir.join(kind)).ok())
            .flatten()
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let name = path.file_stem()?.to_str()?.to_owned();
                (path.extension()? == "toml").then_some(name)
            })
            .collect();
        names.sort();
        names.dedup();
        names
    }
}
