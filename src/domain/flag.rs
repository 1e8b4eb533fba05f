//! Feature flags, whatever product keeps them: which one is meant, what users get of it, what may be changed about it,
//! and what a change is based on.
//!
//! Names of flags, projects and environments come from outside and go back there unchanged, so they cannot be cleaned.
//! [`FlagRef`] holds them written out ([`written`]): what a terminal must not see is percent-encoded, and [`FlagRef::raw`]
//! gives back the very name.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Text;
use super::object::{ObjectKind, ObjectRef};
use super::text::clean;
use super::time::Instant;

/// One flag in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FlagRef {
    /// The configured source (`[[flags]] name`).
    pub source: Text,
    /// Project, or whatever the product keeps flags in (a namespace with an object); written out.
    pub project: Text,
    /// Environment; written out, empty where the product has none.
    pub environment: Text,
    /// The flag's own key; written out.
    pub key: Text,
}

/// A name that people may see: control characters and what else [`clean`] takes away are percent-encoded, and so is a
/// `%` that looks like such a code.
pub fn written(raw: &str) -> String {
    let bytes = raw.as_bytes();
    let mut out = String::with_capacity(raw.len());
    let mut buffer = [0; 4];
    for (at, c) in raw.char_indices() {
        let text: &str = c.encode_utf8(&mut buffer);
        let is_code = c == '%' && bytes.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        if is_code || clean(text) != text {
            encode(text, &mut out);
        } else {
            out.push(c);
        }
    }
    out
}

fn encode(text: &str, out: &mut String) {
    use fmt::Write as _;
    for byte in text.bytes() {
        // Writing to a string cannot fail.
        let _ = write!(out, "%{byte:02X}");
    }
}

/// The name that [`written`] wrote.
fn read(written: &str) -> String {
    let bytes = written.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = (*byte == b'%').then(|| written.get(at + 1..at + 3)).flatten();
        if let Some(decoded) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            out.push(decoded);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The parts of a reference as the product itself names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFlag {
    /// Project.
    pub project: String,
    /// Environment.
    pub environment: String,
    /// Key.
    pub key: String,
}

impl FlagRef {
    /// From the names as the product gives them.
    pub fn new(source: &str, project: &str, environment: &str, key: &str) -> Self {
        let part = |text: &str| Text::from(written(text));
        Self { source: part(source), project: part(project), environment: part(environment), key: part(key) }
    }

    /// The names as the product gives them.
    pub fn raw(&self) -> RawFlag {
        RawFlag { project: read(&self.project), environment: read(&self.environment), key: read(&self.key) }
    }

    /// As the object of an action: all parts in its name, the key last, because keys may hold slashes.
    pub fn object(&self) -> ObjectRef {
        // A `/` or `%` of the first parts is written so that parting the name again is exact.
        let part = |text: &str| text.replace('%', "%25").replace('/', "%2F");
        let (source, project, environment) = (part(&self.source), part(&self.project), part(&self.environment));
        ObjectRef::global(ObjectKind::Flag, format!("{source}/{project}/{environment}/{}", self.key))
    }

    /// The flag that an action acts on; `None` for other objects.
    pub fn of_object(object: &ObjectRef) -> Option<Self> {
        if object.kind != ObjectKind::Flag {
            return None;
        }
        let mut parts = object.name.splitn(4, '/');
        let mut part = || Some(Text::from(parts.next()?.replace("%2F", "/").replace("%25", "%")));
        let (source, project, environment) = (part()?, part()?, part()?);
        Some(Self { source, project, environment, key: parts.next()?.into() })
    }

    /// ` in PRODUCTION`: where a change happens is never said quietly. Empty where the product knows no environments.
    pub fn place(&self) -> String {
        if self.environment.is_empty() { String::new() } else { format!(" in {}", self.environment.to_uppercase()) }
    }
}

/// `new-pricing in PRODUCTION`.
impl fmt::Display for FlagRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.key, self.place())
    }
}

/// What a flag is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlagKind {
    /// Brings out something new; goes away when that is done.
    Release,
    /// Measures which variant does better.
    Experiment,
    /// Turns something off when it must be.
    KillSwitch,
    /// Runs the system: limits, back-ends.
    Operational,
    /// Who may do what; stays for ever.
    Permission,
    /// The product does not say.
    #[default]
    Other,
}

impl FlagKind {
    /// On screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Experiment => "experiment",
            Self::KillSwitch => "kill switch",
            Self::Operational => "operational",
            Self::Permission => "permission",
            Self::Other => "",
        }
    }
}

/// A change of a flag, as its product tells of it. Cleaned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlagEvent {
    /// When.
    pub at: Instant,
    /// Who.
    pub by: Text,
    /// What, in words (`switched on in production`).
    pub what: Text,
}

/// How often the flag was asked for lately, as its clients report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluations {
    /// Answered with yes.
    pub yes: u64,
    /// Answered with no.
    pub no: u64,
    /// In the last so many seconds.
    pub seconds: u32,
}

/// One flag in one environment, as a list gives it. Text is cleaned and shared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlagRow {
    /// Which.
    pub id: FlagRef,
    /// Switched on?
    pub enabled: bool,
    /// What users get because of it (`everybody`, `25 % of users`, `nobody`).
    pub serves: Text,
    /// What it is for.
    pub kind: FlagKind,
    /// What it is, in its owners' words.
    pub description: Option<Text>,
    /// The last change of it in this environment.
    pub changed: Option<FlagEvent>,
    /// Whether anyone asks for it; `None` when the product does not tell.
    pub seen: Option<Evaluations>,
    /// When it was asked for last, where the product tells no more than that.
    pub last_seen: Option<Instant>,
    /// Its owners call it stale, or it has outlived its kind.
    pub stale: bool,
    /// Archived: nobody gets it, and it cannot be switched.
    pub archived: bool,
    /// Tags, as `type:value` or alone.
    pub tags: std::sync::Arc<[Text]>,
    /// The workloads that it is about: `NAMESPACE/NAME` or `NAME`, each may be a glob. From configuration and tags.
    pub workloads: std::sync::Arc<[Text]>,
}

/// All there is to know about one flag. Cleaned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlagDetail {
    /// As the fresh read gave it.
    pub facts: FlagFacts,
    /// The environments that the flag exists in, and whether it is on there.
    pub environments: Vec<(Text, bool)>,
    /// The last changes, newest first.
    pub history: Vec<FlagEvent>,
    /// What could not be read of it, and why.
    pub gaps: Vec<Text>,
}

/// What may be changed about a flag in an environment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlagChange {
    /// On or off. Nothing else of it changes.
    Enabled(bool),
    /// Which variant is served where no rule says otherwise.
    Variant(String),
    /// Which share of users the roll-out reaches, in percent.
    Percentage(u8),
}

/// The sorts of [`FlagChange`], for what a product has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlagKnob {
    /// [`FlagChange::Enabled`].
    Enabled,
    /// [`FlagChange::Variant`].
    Variant,
    /// [`FlagChange::Percentage`].
    Percentage,
}

impl FlagChange {
    /// Its sort.
    pub const fn knob(&self) -> FlagKnob {
        match self {
            Self::Enabled(_) => FlagKnob::Enabled,
            Self::Variant(_) => FlagKnob::Variant,
            Self::Percentage(_) => FlagKnob::Percentage,
        }
    }
}

/// What one write to a flag carries, beside its target. It is a part of the mutation that is approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlagWrite {
    /// What is set.
    pub set: FlagChange,
    /// [`FlagFacts::version`] of the plan: another one right before the write is a conflict, and nothing is written.
    pub version: String,
    /// The product demands an approval: what is sent is the request for it, not the change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub as_request: bool,
    /// Why, for the product's own history where it takes a comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// One flag read fresh, as plans and proofs use it: [`crate::ports::cluster::Facts::object`] holds this as JSON.
/// Words are cleaned; names of variants are written out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct FlagFacts {
    /// Switched on?
    pub enabled: bool,
    /// The variant that is served where no rule says otherwise, where the product has one.
    pub variant: Option<String>,
    /// The share that the roll-out reaches, where there is exactly one.
    pub percentage: Option<u8>,
    /// What users get while it is on, in words.
    pub when_on: String,
    /// What users get while it is off, in words.
    pub when_off: String,
    /// Strategies, rules or targeting in words, in the order in which they count.
    pub strategies: Vec<String>,
    /// Names of the variants that there are.
    pub variants: Vec<String>,
    /// What it is for.
    #[serde(default)]
    pub kind: FlagKind,
    /// What it is, in its owners' words.
    #[serde(default)]
    pub description: Option<String>,
    /// Its owners call it stale.
    pub stale: bool,
    /// Archived.
    pub archived: bool,
    /// What may be changed about it.
    pub takes: Vec<FlagKnob>,
    /// Has the product a dry run for it?
    #[serde(default)]
    pub rehearses: bool,
    /// The approval that the product demands for a change.
    #[serde(default)]
    pub approval: Option<FlagApproval>,
    /// What to be careful about, in the product's own terms (a prerequisite that is off).
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The workloads that it is about; see [`FlagRow::workloads`].
    #[serde(default)]
    pub workloads: Vec<String>,
    /// Stands for everything that a change would touch (state, strategies): as long as it is the same, so are they.
    pub version: String,
}

/// An approval that a product wants before a flag changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlagApproval {
    /// In words (`changes in production need 2 approvals`).
    pub why: String,
    /// Can the request for it be filed from here?
    pub files: bool,
    /// The request that is open for this flag, and how it stands (`#12, in review`).
    pub open: Option<String>,
    /// What the open request would set, as far as it speaks of this flag.
    #[serde(default)]
    pub wants: Option<FlagChange>,
}

impl FlagFacts {
    /// What users get now.
    pub fn serves(&self) -> &str {
        match (self.archived, self.enabled) {
            (true, _) => "nobody: it is archived",
            (false, true) => &self.when_on,
            (false, false) => &self.when_off,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_all_sorts_come_back_as_they_were_and_show_nothing_that_a_terminal_obeys() {
        let long = "x".repeat(200);
        for key in ["new-pricing", "team/a/b", "with space", "a\u{1b}[2Jb", "100%-off", "100%25", "ünïcode", "", &long]
        {
            let flag = FlagRef::new("un/leash", "de%2Ffault", "pro d", key);
            let object = flag.object();
            assert_eq!(clean(&object.name), &*object.name, "{key:?}");
            assert_eq!(FlagRef::of_object(&object).unwrap(), flag);
            let raw = flag.raw();
            assert_eq!(
                (raw.project.as_str(), raw.environment.as_str(), raw.key.as_str()),
                ("de%2Ffault", "pro d", key)
            );
        }
        let flag = FlagRef::new("unleash", "default", "production", "team/new-pricing");
        assert_eq!(&*flag.object().name, "unleash/default/production/team/new-pricing");
        assert_eq!(flag.to_string(), "team/new-pricing in PRODUCTION");
        assert!(FlagRef::of_object(&ObjectRef::global(ObjectKind::Node, "a/b/c/d")).is_none());
        assert!(FlagRef::of_object(&ObjectRef::global(ObjectKind::Flag, "a/b")).is_none());
    }

    proptest! {
        #[test]
        fn any_name_is_lossless(parts in prop::array::uniform4(".{0,12}")) {
            let [source, project, environment, key] = &parts;
            let flag = FlagRef::new(source, project, environment, key);
            let back = FlagRef::of_object(&flag.object()).unwrap();
            prop_assert_eq!(&back, &flag);
            let raw = back.raw();
            prop_assert_eq!((&raw.project, &raw.environment, &raw.key), (project, environment, key));
        }
    }
}
