//! Which runbook an alert leads to: by `match`, by its `runbook_url`, by its name; the best first, each with why.

use super::facts::Facts;
use super::meta::MatchRule;
use super::{BlockKind, Origin, Runbook, text_of};

/// What is kept of a runbook to list and match it, without its text.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// One line.
    pub description: Option<String>,
    /// Who keeps it.
    pub owner: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The severity that it is written for.
    pub severity: Option<String>,
    /// The alerts that it is written for.
    pub matches: Vec<MatchRule>,
    /// Headings, and the file's name, as words without case and punctuation.
    pub names: Vec<String>,
    /// Which file.
    pub origin: Origin,
    /// How many steps.
    pub steps: usize,
    /// Is it in our format?
    pub native: bool,
}

/// A runbook that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Its id.
    pub id: String,
    /// Why, in words.
    pub why: String,
    /// The higher the better; above [`GENERIC`] it is meant for this alert.
    pub score: u32,
}

/// The score of runbooks that fit anything (tag `generic`).
pub const GENERIC: u32 = 1;

/// Letters and digits only, lower case: `KubePodCrashLooping` and `kube-pod-crash-looping` are the same.
fn bare(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Summary {
    /// Of a runbook.
    pub fn of(book: &Runbook) -> Self {
        let mut names = vec![bare(book.origin.stem()), bare(&book.id), bare(&book.title)];
        names.extend(book.blocks.iter().filter_map(|block| match &block.kind {
            BlockKind::Heading { level: 1..=3, text } => Some(bare(&text_of(text))),
            _ => None,
        }));
        names.retain(|name| !name.is_empty());
        names.dedup();
        Self {
            id: book.id.clone(),
            title: book.title.clone(),
            description: book.meta.description.clone(),
            owner: book.meta.owner.clone(),
            tags: book.meta.tags.clone(),
            severity: book.meta.severity.clone(),
            matches: book.meta.matches.clone(),
            names,
            origin: book.origin.clone(),
            steps: book.steps.len(),
            native: book.native,
        }
    }
}

/// Does a glob (`*`, `?`) match the whole text?
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                // The last star takes one more.
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// How well an entry of `match` fits, and why; `None` when a field of it does not.
fn fits(rule: &MatchRule, facts: &Facts) -> Option<(u32, String)> {
    let mut score = 0;
    let mut why = Vec::new();
    if let Some(pattern) = &rule.alert {
        let alert = facts.alert.as_deref()?;
        if !glob(pattern, alert) {
            return None;
        }
        let exact = pattern == alert;
        score += if exact { 400 } else { 300 + u32::try_from(pattern.len().min(40)).unwrap_or(0) };
        why.push(if exact { format!("alert {alert}") } else { format!("alert {pattern}") });
    }
    for (name, regex) in &rule.labels {
        let value = facts.labels.get(name).map_or("", String::as_str);
        if !regex.is_match(value) {
            return None;
        }
        score += 60;
        why.push(format!("{name}={value}"));
    }
    if let Some(pattern) = &rule.workload {
        let workload = facts.workload.as_ref()?;
        let named = format!("{}/{}", workload.namespace, workload.name);
        if !glob(pattern, &named) {
            return None;
        }
        score += if *pattern == named { 220 } else { 120 };
        why.push(format!("workload {named}"));
    }
    if let Some(pattern) = &rule.slo {
        let slo = facts.slo.as_deref()?;
        if !glob(pattern, slo) {
            return None;
        }
        score += if pattern == slo { 220 } else { 120 };
        why.push(format!("slo {slo}"));
    }
    Some((score, why.join(", ")))
}

fn places(summary: &Summary, facts: &Facts) -> Option<(u32, String)> {
    let own = summary.origin.place.trim_end_matches('/');
    for place in &facts.places {
        let bare_place = place.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        if place == own || bare_place == own || bare_place.trim_end_matches(".md") == own.trim_end_matches(".md") {
            return Some((1_000, "the alert's runbook_url".into()));
        }
        // `…/runbooks/kube/KubePodNotReady.md#x` and our copy of it under another root.
        let stem = Origin { place: place.clone(), ..summary.origin.clone() }.stem().to_owned();
        let anchor = place.split_once('#').map(|(_, anchor)| anchor).unwrap_or_default();
        let known = [bare(&stem), bare(anchor)];
        let own = [bare(summary.origin.stem()), bare(&summary.id)];
        if known.iter().any(|name| !name.is_empty() && own.contains(name)) {
            return Some((
                800,
                format!("the alert's runbook_url ends in {}", if anchor.is_empty() { stem } else { anchor.to_owned() }),
            ));
        }
    }
    None
}

fn named(summary: &Summary, facts: &Facts) -> Option<(u32, String)> {
    let alert = facts.alert.as_deref()?;
    let wanted = bare(alert);
    if wanted.is_empty() {
        return None;
    }
    let at = summary.names.iter().position(|name| *name == wanted)?;
    Some(if at == 0 { (260, format!("its file is named {alert}")) } else { (200, format!("its heading is {alert}")) })
}

/// The runbooks for an alert, best first. Those with the tag `generic` come last, and always.
pub fn rank(summaries: &[Summary], facts: &Facts) -> Vec<Match> {
    let mut found: Vec<Match> = summaries
        .iter()
        .filter_map(|summary| {
            let rules = summary.matches.iter().filter_map(|rule| fits(rule, facts));
            let best = rules.chain(places(summary, facts)).chain(named(summary, facts)).max_by_key(|(score, _)| *score);
            let generic =
                || summary.tags.iter().any(|tag| tag == "generic").then(|| (GENERIC, "fits any alert".into()));
            let is_meant = best.is_some();
            let (mut score, why) = best.or_else(generic)?;
            let same = summary.severity.is_some() && summary.severity == facts.severity;
            if is_meant && same {
                score += 20;
            }
            Some((score, why, summary))
        })
        .map(|(score, why, summary)| Match { id: summary.id.clone(), why, score })
        .collect();
    found.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
    found
}
