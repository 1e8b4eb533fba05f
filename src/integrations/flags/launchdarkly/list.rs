//! The list of all flags, page after page until it is whole, with who changed them and when they were asked for last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant as Monotonic;

use super::wire::{Entry, Environment, Flag, Page, Status};
use super::{HISTORY, LaunchDarkly, PAGE, description, words};
use crate::domain::flag::{FlagEvent, FlagRef, FlagRow, RawFlag};
use crate::domain::text::clean;
use crate::domain::time::Instant;
use crate::integrations::flags::interned::Interned;
use crate::integrations::flags::segment;
use crate::ports::feed::Fault;
use crate::ports::flags::FlagList;

/// A list that changes while it is read is read anew, so often.
const ATTEMPTS: usize = 3;
/// Environments that one question may name.
const ENVIRONMENTS: usize = 3;
/// Pages of the audit log that are read at once.
const LOGS: usize = 5;
/// Statuses change over days.
const STATUS_AGE: Duration = Duration::from_secs(5 * 60);
/// A flag's own time of change and its entry in the audit log are written one after the other, so many milliseconds apart.
const APART: i64 = 5_000;

/// A project with one of its environments.
type Place = (String, String);

/// Name of the status and time of the last request, by the flag's key.
type Statuses = BTreeMap<String, (String, Option<Instant>)>;

/// What is kept between two lists.
#[derive(Default)]
pub(super) struct Memory {
    /// The last change that the audit log tells of, by place and key.
    changes: BTreeMap<Place, BTreeMap<String, FlagEvent>>,
    /// Up to when the audit log of a place is known, in milliseconds.
    known: BTreeMap<Place, i64>,
    /// What was seen asked for, by place, and when that was read.
    statuses: BTreeMap<Place, (Monotonic, Statuses)>,
}

/// An entry of the audit log for people; `None` without a time.
pub(super) fn event(entry: &Entry) -> Option<FlagEvent> {
    let at = chrono::DateTime::from_timestamp_millis(entry.date).filter(|_| entry.date > 0)?;
    Some(FlagEvent { at, by: words::who(entry).into(), what: words::what(entry).into() })
}

/// The keys of the flags that an entry is about.
fn about(entry: &Entry) -> impl Iterator<Item = &str> {
    let targets = entry.target.iter().flat_map(|target| &target.resources).map(String::as_str);
    let resources = targets.chain(entry.accesses.iter().map(|access| access.resource.as_str()));
    resources.filter_map(|resource| {
        let key = resource.split(':').find_map(|part| part.strip_prefix("flag/"))?;
        // Tags may follow.
        key.split(';').next()
    })
}

impl LaunchDarkly {
    /// Everything that the source is configured for.
    pub(super) async fn all(&self) -> Result<FlagList, Fault> {
        let (mut rows, mut limited) = (Vec::new(), None);
        let mut interned = Interned::default();
        for project in self.chosen_projects().await? {
            for environments in self.settings.environments.chunks(ENVIRONMENTS) {
                let flags = self.flags(&project, environments).await?;
                for environment in environments {
                    let place = (project.clone(), environment.clone());
                    let lacks = |what: &str, fault: Fault| Fault {
                        message: format!("{what} is not known: {}", fault.message),
                        ..fault
                    };
                    if let Err(fault) = self.learn(&place).await {
                        limited.get_or_insert_with(|| lacks("who changed flags", fault));
                    }
                    if let Err(fault) = self.statuses(&place).await {
                        limited.get_or_insert_with(|| lacks("whether flags are asked for", fault));
                    }
                    let found = flags.iter().filter_map(|flag| Some((flag, flag.environments.get(environment)?)));
                    let new = found.map(|(flag, one)| self.row(flag, one, &place, &mut interned));
                    rows.extend(new.collect::<Vec<_>>());
                }
            }
        }
        rows.sort_by(|one: &FlagRow, other| one.id.cmp(&other.id));
        Ok(FlagList { rows, limited })
    }

    /// All flags of a project. A list that changed in between is read anew: a page may then have skipped a flag.
    async fn flags(&self, project: &str, environments: &[String]) -> Result<Vec<Flag>, Fault> {
        for _ in 0..ATTEMPTS {
            let Some(flags) = self.pages(project, environments).await? else { continue };
            // A wrong environment is left out without a word.
            let absent = |name: &String| flags.iter().all(|flag| !flag.environments.contains_key(name));
            if environments.iter().any(absent)
                && let Some(fault) = self.missing(project, environments).await?
            {
                return Err(fault);
            }
            return Ok(flags);
        }
        Err(self.road.restless())
    }

    /// All pages of one reading; `None` when they do not make a whole.
    async fn pages(&self, project: &str, environments: &[String]) -> Result<Option<Vec<Flag>>, Fault> {
        let path = format!("/api/v2/flags/{}", segment(project));
        let limit = PAGE.to_string();
        let mut flags: Vec<Flag> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut total = None;
        loop {
            let offset = flags.len().to_string();
            // Without `summary=0` a list leaves out targets, rules and prerequisites.
            let mut query = vec![("limit", limit.as_str()), ("offset", &offset), ("summary", "0"), ("sort", "key")];
            query.extend(environments.iter().map(|key| ("env", key.as_str())));
            let answer = self.road.ask(&path, &query).await?;
            if matches!(answer.status, 400 | 404)
                && !answer.is_html()
                && let Ok(Some(fault)) = self.missing(project, environments).await
            {
                return Err(fault);
            }
            let page: Page<Flag> = self.parsed(&answer)?;
            if total.is_some_and(|total| total != page.total_count) {
                return Ok(None);
            }
            total = Some(page.total_count);
            let empty = page.items.is_empty();
            for flag in page.items {
                // The same one twice: something moved, and another one was skipped.
                if !seen.insert(flag.key.clone()) {
                    return Ok(None);
                }
                flags.push(flag);
            }
            match page.total_count {
                Some(total) if flags.len() >= total => return Ok(Some(flags)),
                Some(_) if empty => return Ok(None),
                None if empty || page.links.next.is_none() => return Ok(Some(flags)),
                _ => {}
            }
        }
    }

    /// Reads who changed what since the last time; at first, the newest changes.
    async fn learn(&self, place: &Place) -> Result<(), Fault> {
        let (project, environment) = place.clone();
        let spec = super::resource(&RawFlag { project, environment, key: "*".into() });
        let known = self.memory.lock().unwrap_or_else(PoisonError::into_inner).known.get(place).copied();
        let after = known.map(|known| known.to_string());
        let mut before: Option<i64> = None;
        let mut newest = known;
        for _ in 0..LOGS {
            let until = before.map(|before| before.to_string());
            let mut query = vec![("spec", spec.as_str()), ("limit", HISTORY)];
            query.extend(after.as_deref().map(|after| ("after", after)));
            query.extend(until.as_deref().map(|until| ("before", until)));
            let page: Page<Entry> = self.fetch("/api/v2/auditlog", &query).await?;
            let oldest = page.items.iter().map(|entry| entry.date).min();
            newest = newest.max(page.items.iter().map(|entry| entry.date).max());
            let full = page.items.len().to_string() == HISTORY;
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            let changes = memory.changes.entry(place.clone()).or_default();
            for entry in &page.items {
                let Some(told) = event(entry) else { continue };
                for key in about(entry) {
                    let last = changes.entry(key.to_owned()).or_insert_with(|| told.clone());
                    if last.at < told.at {
                        *last = told.clone();
                    }
                }
            }
            drop(memory);
            if !full || oldest == before || oldest <= known {
                break;
            }
            before = oldest;
        }
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.known.extend(newest.map(|newest| (place.clone(), newest)));
        Ok(())
    }

    /// Reads when flags were asked for, unless that is known well enough.
    async fn statuses(&self, place: &Place) -> Result<(), Fault> {
        let read = self.memory.lock().unwrap_or_else(PoisonError::into_inner).statuses.get(place).map(|known| known.0);
        if read.is_some_and(|read| read.elapsed() < STATUS_AGE) {
            return Ok(());
        }
        let path = format!("/api/v2/flag-statuses/{}/{}", segment(&place.0), segment(&place.1));
        let page: Page<Status> = self.fetch(&path, &[]).await?;
        let named = page.items.into_iter().filter_map(|status| {
            let link = status.links.parent.as_ref().or(status.links.own.as_ref())?;
            let key = link.href.rsplit('/').next().filter(|key| !key.is_empty())?.to_owned();
            Some((key, (status.name, status.last_requested)))
        });
        let named = named.collect();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.statuses.insert(place.clone(), (Monotonic::now(), named));
        Ok(())
    }

    fn row(&self, flag: &Flag, environment: &Environment, place: &Place, interned: &mut Interned) -> FlagRow {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let logged = memory.changes.get(place).and_then(|known| known.get(&flag.key));
        let modified = environment.last_modified.filter(|at| *at > 0);
        let current = |event: &&FlagEvent| modified.is_none_or(|at| event.at.timestamp_millis() + APART >= at);
        let unlogged = || {
            let at = chrono::DateTime::from_timestamp_millis(modified?)?;
            Some(FlagEvent { at, by: "?".into(), what: "changed".into() })
        };
        let changed = logged.filter(current).cloned().or_else(unlogged);
        let status = memory.statuses.get(place).and_then(|(_, known)| known.get(&flag.key));
        let unused = status.is_some_and(|(name, _)| matches!(name.as_str(), "inactive" | "launched"));
        let serves =
            if environment.on { words::when_on(flag, environment) } else { words::when_off(flag, environment) };
        let id = FlagRef::new(&self.settings.name, &place.0, &place.1, &flag.key);
        FlagRow {
            id: interned.flag(id),
            enabled: environment.on,
            serves: interned.of(&serves),
            kind: words::kind(flag),
            description: description(flag).map(Into::into),
            changed,
            seen: None,
            last_seen: status.and_then(|(_, at)| *at),
            // A temporary flag that nobody asks for, or that serves all the same for a week, has outlived its purpose.
            stale: flag.deprecated || (flag.temporary == Some(true) && unused),
            archived: flag.archived || environment.archived,
            tags: flag.tags.iter().map(|tag| interned.of(&clean(tag))).collect(),
            workloads: self.workloads(&flag.key, &flag.tags).iter().map(|pattern| interned.of(pattern)).collect(),
        }
    }
}
