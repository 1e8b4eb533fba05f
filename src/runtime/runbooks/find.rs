//! Where runbooks are: shipped with the program, in `/etc/opsdeck/runbooks`, in the user's `runbooks`, in the configured
//! directories. Of those with one id the last place counts; that is decided where they are parsed ([`super::library`]).

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::config::Dirs;
use crate::config::settings::Runbooks;
use crate::domain::time::Instant;
use crate::runbook::facts::Facts;
use crate::runbook::shipped;

/// A runbook that is larger is not read.
pub const LARGEST: u64 = crate::runbook::LARGEST as u64;
/// So many files are looked at; a directory with more is not one of runbooks.
const MOST: usize = 20_000;
/// So deep directories are looked into.
const DEEPEST: usize = 12;
/// Files of a repository that are no runbooks, and a site's own pages.
const NOT_RUNBOOKS: [&str; 10] = [
    "readme",
    "changelog",
    "contributing",
    "license",
    "code_of_conduct",
    "security",
    "summary",
    "_index",
    "index",
    "_sidebar",
];

/// A place where runbooks are kept, the least binding first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the program.
    Shipped,
    /// The machine's directory.
    System(PathBuf),
    /// The user's directory.
    User(PathBuf),
    /// A directory of the configuration.
    Configured(PathBuf),
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it was found.
    pub place: Place,
    /// The file; of a shipped one its name.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// When it was changed last.
    pub modified: Option<Instant>,
}

/// A file or directory that could not be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Unread {
    /// Which.
    pub path: PathBuf,
    /// Why, and what to do.
    pub why: String,
}

/// Everything that was found.
#[derive(Clone, Debug, Default)]
pub struct Collection {
    /// The files, in the order of places and paths.
    pub found: Vec<Found>,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

/// All places, the least binding first.
pub fn places(dirs: &Dirs, settings: &Runbooks) -> Vec<Place> {
    let own = |dir: &Option<PathBuf>| dir.as_ref().map(|dir| dir.join("runbooks"));
    let system = own(&dirs.system).map(Place::System);
    let user = own(&dirs.config).map(Place::User);
    std::iter::once(Place::Shipped)
        .chain(system)
        .chain(user)
        .chain(settings.directories.iter().cloned().map(Place::Configured))
        .collect()
}

/// Reads everything. Takes as long as the disk likes.
pub fn collect(places: &[Place]) -> Collection {
    let mut collection = Collection::default();
    for place in places {
        match place {
            Place::Shipped => collection.found.extend(shipped::ALL.iter().map(|(name, text)| Found {
                place: Place::Shipped,
                path: PathBuf::from(name),
                text: (*text).to_owned(),
                modified: None,
            })),
            Place::System(directory) | Place::User(directory) => walk(place, directory, true, &mut collection),
            // One that was named and is not there is a mistake.
            Place::Configured(directory) => walk(place, directory, false, &mut collection),
        }
    }
    collection
}

fn walk(place: &Place, directory: &Path, may_lack: bool, into: &mut Collection) {
    let mut open = vec![(directory.to_owned(), 0)];
    let mut files = Vec::new();
    while let Some((directory, depth)) = open.pop() {
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if may_lack && depth == 0 && error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => {
                into.unread.push(Unread { path: directory, why: error.to_string() });
                continue;
            }
        };
        for entry in entries.flatten() {
            let (name, path) = (entry.file_name(), entry.path());
            let hidden = name.to_string_lossy().starts_with('.') || name == "node_modules";
            // A link to a directory may lead round in a circle; one to a file leads to a file.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !hidden && depth < DEEPEST => open.push((path, depth + 1)),
                Ok(kind) if !kind.is_dir() && !hidden => files.push(path),
                _ => {}
            }
        }
        if files.len() > MOST {
            let why = format!("more than {MOST} files: name a directory that holds runbooks");
            into.unread.push(Unread { path: directory, why });
            break;
        }
    }
    files.sort();
    for path in files {
        match kind_of(&path) {
            Kind::Markdown => match read(&path) {
                Ok((text, modified)) => into.found.push(Found { place: place.clone(), path, text, modified }),
                Err(why) => into.unread.push(Unread { path, why }),
            },
            Kind::AsciiDoc => {
                let why = "AsciiDoc is not read: convert it, `pandoc -f asciidoc -t gfm`, or `downdoc`".to_owned();
                into.unread.push(Unread { path, why });
            }
            Kind::Other => {}
        }
    }
}

enum Kind {
    Markdown,
    AsciiDoc,
    Other,
}

fn kind_of(path: &Path) -> Kind {
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if NOT_RUNBOOKS.contains(&part(path.file_stem()).as_str()) {
        return Kind::Other;
    }
    match part(path.extension()).as_str() {
        "md" | "markdown" | "mdx" => Kind::Markdown,
        "adoc" | "asciidoc" => Kind::AsciiDoc,
        _ => Kind::Other,
    }
}

/// Reads one file: its text, and when it was changed last.
pub fn read(path: &Path) -> Result<(String, Option<Instant>), String> {
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("no file".to_owned());
    }
    if metadata.len() > LARGEST {
        return Err(format!("larger than {} MB", LARGEST >> 20));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("larger than {} MB", LARGEST >> 20));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        format!("not UTF-8 in line {}", before.split(|byte| *byte == b'\n').count())
    })?;
    Ok((text, metadata.modified().ok().map(Instant::from)))
}

/// The file that holds the page at `url`, by the configured beginnings of addresses, the longest first. Sites write
/// names in lower case and without an ending; the files behind them are found all the same.
pub fn page(url: &str, settings: &Runbooks) -> Option<PathBuf> {
    let bare = url.split(['#', '?']).next().unwrap_or(url).trim_end_matches('/');
    let mut prefixes: Vec<_> = settings.pages.iter().collect();
    prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
    prefixes.into_iter().find_map(|(prefix, directory)| {
        let rest = bare.strip_prefix(prefix.trim_end_matches('/'))?.strip_prefix('/')?;
        beneath(directory, rest)
    })
}

/// Adds the files behind the addresses to which an alert leads.
pub fn add_pages(facts: &mut Facts, settings: &Runbooks) {
    let files: Vec<String> =
        facts.places.iter().filter_map(|url| page(url, settings)).map(|path| path.display().to_string()).collect();
    facts.places.extend(files);
}

/// Goes down from `directory` along the parts of a path, whatever their case.
fn beneath(directory: &Path, path: &str) -> Option<PathBuf> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.iter().any(|part| matches!(*part, "." | "..")) {
        return None;
    }
    let (last, above) = parts.split_last()?;
    let mut at = directory.to_owned();
    for part in above {
        at = entry(&at, |name, path| name.eq_ignore_ascii_case(part) && path.is_dir())?;
    }
    let stem = last.strip_suffix(".html").unwrap_or(last);
    let is_page = |name: &str, path: &Path| {
        let bare = [".md", ".markdown", ".mdx"].iter().find_map(|ending| name.strip_suffix(ending));
        (name.eq_ignore_ascii_case(last) || bare.is_some_and(|bare| bare.eq_ignore_ascii_case(stem)))
            && matches!(kind_of(path), Kind::Markdown)
            && path.is_file()
    };
    entry(&at, is_page)
}

fn entry(directory: &Path, wanted: impl Fn(&str, &Path) -> bool) -> Option<PathBuf> {
    let mut fits: Vec<PathBuf> = fs::read_dir(directory)
        .ok()?
        .flatten()
        .filter(|entry| wanted(&entry.file_name().to_string_lossy(), &entry.path()))
        .map(|entry| entry.path())
        .collect();
    fits.sort();
    fits.into_iter().next()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn settings(directories: &[&Path]) -> Runbooks {
        Runbooks {
            directories: directories.iter().map(|path| path.to_path_buf()).collect(),
            trusted: Vec::new(),
            pages: std::collections::BTreeMap::new(),
            fetch: true,
            timeout: std::time::Duration::from_secs(1),
        }
    }

    #[test]
    fn places_are_read_in_order_and_what_cannot_be_read_is_said() {
        let home = tempfile::tempdir().unwrap();
        let (user, team) = (home.path().join("config/runbooks"), home.path().join("team"));
        for (path, text) in [
            (user.join("own.md"), "# Own"),
            (team.join("shop/pay.md"), "# Pay"),
            (team.join("README.md"), "# Not one"),
            (team.join(".git/x.md"), "# Not one"),
            (team.join("old.adoc"), "= Old"),
            (team.join("notes.txt"), "x"),
        ] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::write(team.join("latin.md"), b"# a\nb \xe9").unwrap();
        let dirs = Dirs { system: None, config: Some(home.path().join("config")), state: None };
        let missing = home.path().join("missing");
        let places = places(&dirs, &settings(&[&team, &missing]));
        let collection = collect(&places);
        let names: Vec<_> = collection.found.iter().filter(|found| found.place != Place::Shipped).collect();
        assert_eq!(names.iter().map(|found| &*found.text).collect::<Vec<_>>(), ["# Own", "# Pay"]);
        assert!(names[1].modified.is_some());
        let why: Vec<&str> = collection.unread.iter().map(|unread| unread.why.as_str()).collect();
        assert!(why[0].contains("not UTF-8 in line 2") && why[1].contains("AsciiDoc"), "{why:?}");
        assert_eq!(collection.unread.len(), 3, "a configured directory that is not there is told: {why:?}");
    }

    #[test]
    fn pages_are_found_as_sites_write_them_and_never_outside() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("books/Kubernetes/KubePodCrashLooping.md");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "# x").unwrap();
        fs::write(home.path().join("secret.md"), "# x").unwrap();
        let mut settings = settings(&[]);
        settings.pages.insert("https://wiki.example.com/runbooks/".into(), home.path().join("books"));
        for url in [
            "https://wiki.example.com/runbooks/kubernetes/kubepodcrashlooping",
            "https://wiki.example.com/runbooks/kubernetes/kubepodcrashlooping/#meaning",
            "https://wiki.example.com/runbooks/Kubernetes/KubePodCrashLooping.md",
            "https://wiki.example.com/runbooks/kubernetes/kubepodcrashlooping.html?x=1",
        ] {
            assert_eq!(page(url, &settings).as_deref(), Some(&*file), "{url}");
        }
        for url in [
            "https://wiki.example.com/runbooks/../secret",
            "https://wiki.example.com/runbooksother/kubernetes/kubepodcrashlooping",
            "https://wiki.example.com/runbooks/kubernetes",
            "https://wiki.example.com/runbooks/",
        ] {
            assert_eq!(page(url, &settings), None, "{url}");
        }
    }
}
