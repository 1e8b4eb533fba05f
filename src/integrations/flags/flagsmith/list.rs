//! The list of all flags, page after page until it is whole, with who changed them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant as Monotonic;

use super::wire::{Entry, Feature, List, Project, Tag};
use super::{Flagsmith, PAGE, Place, description, is_stale, labels, words};
use crate::domain::flag::{FlagEvent, FlagRef, FlagRow};
use crate::integrations::flags::interned::Interned;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::flags::FlagList;

/// A list that changes while it is read is read anew, so often.
const ATTEMPTS: usize = 3;
/// Names of tags change seldom.
const TAGS_AGE: Duration = Duration::from_secs(5 * 60);
/// Entries of the audit log that are read at once.
const LOG: &str = "100";

/// What is kept between two lists.
#[derive(Default)]
pub(super) struct Memory {
    /// Tags by project, and when they were read.
    tags: BTreeMap<u64, (Monotonic, std::sync::Arc<[Tag]>)>,
}

/// Is the entry about this flag by its number?
pub(super) fn names(entry: &Entry, feature: &Feature) -> bool {
    entry.related_object_type.as_deref() == Some("FEATURE") && entry.related_object_id == Some(feature.id)
}

impl Flagsmith {
    /// Everything that the source is configured for.
    pub(super) async fn all(&self) -> Result<FlagList, Fault> {
        let (mut rows, mut limited) = (Vec::new(), None);
        let mut interned = Interned::default();
        let mut logs: BTreeMap<u64, Vec<Entry>> = BTreeMap::new();
        for place in self.places().await? {
            let project = place.project.id;
            let lacks = |what: &str, fault: Fault| Fault {
                message: format!("{what} is not known: {}", fault.message),
                ..fault
            };
            if let std::collections::btree_map::Entry::Vacant(e) = logs.entry(project) {
                let log = self.log(&place.project, None).await.unwrap_or_else(|fault| {
                    limited.get_or_insert_with(|| lacks("who changed flags", fault));
                    Vec::new()
                });
                e.insert(log);
            }
            let tags = match self.tags(&place.project).await {
                Ok(tags) => tags,
                Err(fault) => {
                    limited.get_or_insert_with(|| lacks("what tags flags have", fault));
                    std::sync::Arc::default()
                }
            };
            let features = self.features(&place).await?;
            let log = logs.get(&project).map(Vec::as_slice).unwrap_or_default();
            let changes = changes(log, place.environment.id);
            rows.extend(features.iter().filter_map(|one| self.row(one, &place, &tags, &changes, &mut interned)));
        }
        rows.sort_by(|one: &FlagRow, other| one.id.cmp(&other.id));
        Ok(FlagList { rows, limited })
    }

    /// All flags of a project with their state in an environment. A list that changed in between is read anew.
    async fn features(&self, place: &Place) -> Result<Vec<Feature>, Fault> {
        for _ in 0..ATTEMPTS {
            if let Some(features) = self.pages(place).await? {
                return Ok(features);
            }
        }
        Err(self.road.restless())
    }

    /// All pages of one reading; `None` when they do not make a whole.
    async fn pages(&self, place: &Place) -> Result<Option<Vec<Feature>>, Fault> {
        let path = format!("/api/v1/projects/{}/features/", place.project.id);
        let environment = place.environment.id.to_string();
        let mut features: Vec<Feature> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut total = None;
        for page in 1.. {
            let number = usize::to_string(&page);
            let query = [
                ("environment", environment.as_str()),
                ("page", &number),
                ("page_size", PAGE),
                ("sort_field", "name"),
                ("sort_direction", "ASC"),
            ];
            let answer = self.road.ask(&path, &query).await?;
            // A page that was there when the one before told of it.
            if answer.status == 404 && page > 1 && !answer.is_html() {
                return Ok(None);
            }
            let List::Page(page) = self.parsed::<List<Feature>>(&answer)? else {
                return Err(self.road.fault(&answer));
            };
            if total.is_some_and(|total| total != page.count) {
                return Ok(None);
            }
            total = Some(page.count);
            for feature in page.results {
                // The same one twice: something moved, and another one was skipped.
                if !seen.insert(feature.id) {
                    return Ok(None);
                }
                features.push(feature);
            }
            if page.next.is_none() {
                return Ok((features.len() == page.count).then_some(features));
            }
        }
        Ok(None)
    }

    /// The newest entries of a project's audit log, of those that speak of a flag.
    pub(super) async fn log(&self, project: &Project, flag: Option<&str>) -> Result<Vec<Entry>, Fault> {
        let id = project.id.to_string();
        let mut query = vec![("project", id.as_str()), ("page_size", LOG)];
        query.extend(flag.map(|flag| ("search", flag)));
        let first = match self.fetch::<List<Entry>>("/api/v1/audit/", &query).await {
            // An organisation's key is nobody, and that list is somebody's.
            Err(fault) if matches!(fault.kind, FaultKind::Forbidden | FaultKind::Server | FaultKind::NotServed) => {
                self.fetch(&format!("/api/v1/projects/{id}/audit/"), &query[1..]).await?
            }
            answer => answer?,
        };
        Ok(match first {
            List::Page(page) => page.results,
            List::All(entries) => entries,
        })
    }

    /// The tags of a project.
    pub(super) async fn tags(&self, project: &Project) -> Result<std::sync::Arc<[Tag]>, Fault> {
        let known = self.memory.lock().unwrap_or_else(PoisonError::into_inner).tags.get(&project.id).cloned();
        if let Some((read, tags)) = known.filter(|(read, _)| read.elapsed() < TAGS_AGE) {
            let _ = read;
            return Ok(tags);
        }
        let tags: Vec<Tag> = self.all_of(&format!("/api/v1/projects/{}/tags/", project.id), &[]).await?;
        let tags: std::sync::Arc<[Tag]> = tags.into();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.tags.insert(project.id, (Monotonic::now(), tags.clone()));
        Ok(tags)
    }

    fn row(
        &self,
        feature: &Feature,
        place: &Place,
        tags: &[Tag],
        changes: &Changes,
        interned: &mut Interned,
    ) -> Option<FlagRow> {
        let state = feature.environment_feature_state.as_ref()?;
        let value = words::bare(&state.feature_state_value);
        let options = &feature.multivariate_options;
        // A list does not tell the shares of this environment.
        let gets = match options.len() {
            0 => words::gets(options, &[], &value),
            count => format!("users get one of {} values", count + 1),
        };
        let first = words::first(feature);
        let serves = match (state.enabled, first) {
            (true, Some(first)) => format!("{first} first, then {gets}"),
            (true, None) => gets,
            (false, Some(first)) => format!("nobody but whom {first} let in"),
            (false, None) => "nobody".into(),
        };
        let logged = changes.by_id.get(&feature.id).into_iter().chain(changes.by_name.get(&feature.name));
        let logged = logged.max_by_key(|event| event.at).cloned();
        let modified = feature.last_modified_in_current_environment;
        let changed = match (logged, modified) {
            (Some(event), at) if at.is_none_or(|at| event.at + chrono::TimeDelta::seconds(60) >= at) => Some(event),
            (_, at) => at.map(|at| FlagEvent { at, by: "?".into(), what: "changed".into() }),
        };
        let named = labels(feature, tags);
        let id = FlagRef::new(&self.settings.name, &place.label, &place.environment.name, &feature.name);
        Some(FlagRow {
            id: interned.flag(id),
            enabled: state.enabled,
            serves: interned.of(&serves),
            kind: words::kind(&named),
            description: description(feature).map(Into::into),
            changed,
            seen: None,
            last_seen: None,
            stale: is_stale(feature, tags),
            archived: feature.is_archived,
            workloads: self.workloads(&feature.name, &named).iter().map(|pattern| interned.of(pattern)).collect(),
            tags: named.iter().map(|tag| interned.of(tag)).collect(),
        })
    }
}

/// The last changes by flag.
struct Changes {
    by_id: BTreeMap<u64, FlagEvent>,
    by_name: BTreeMap<String, FlagEvent>,
}

/// Of a log, what counts in an environment. Newest first.
fn changes(log: &[Entry], environment: u64) -> Changes {
    let mut changes = Changes { by_id: BTreeMap::new(), by_name: BTreeMap::new() };
    for entry in log.iter().filter(|entry| entry.environment.as_ref().is_none_or(|one| one.id == environment)) {
        if let Some(name) = words::about(&entry.log) {
            changes.by_name.entry(name.to_owned()).or_insert_with(|| words::event(entry));
        } else if entry.related_object_type.as_deref() == Some("FEATURE")
            && let Some(id) = entry.related_object_id
        {
            changes.by_id.entry(id).or_insert_with(|| words::event(entry));
        }
    }
    changes
}
