//! The list of all flags, page after page until it is whole, with what happened to each lately.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use super::wire::{Event, Events, Feature, FeatureEnvironment, Page};
use super::{Unleash, words};
use crate::domain::Text;
use crate::domain::flag::{Evaluations, FlagEvent, FlagRef, FlagRow, RawFlag};
use crate::domain::text::clean;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::flags::FlagList;

/// The largest page that it gives; asked for more, it gives fifty.
const PAGE: &str = "100";
/// A list that changes while it is read is read anew, so often.
const ATTEMPTS: usize = 3;
/// Projects that one question may name; of more, all are read and most left out.
const MOST_PROJECTS: usize = 50;
/// Events that are read at first, and later ones.
const FIRST_EVENTS: &str = "1000";
const LATER_EVENTS: &str = "100";
/// Flags whose strategies are read in one round, so that a long list costs no storm of questions.
const LOOKS: usize = 20;
/// `yes` and `no` of a list are those of the last hour.
const HOUR: u32 = 3600;

/// What is kept between two lists.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The newest event that was read.
    newest: u64,
    /// The last change of a flag in an environment; environment "" is all of them.
    changes: BTreeMap<String, BTreeMap<String, (u64, FlagEvent)>>,
    /// What users get of a flag while it is on, by environment; void once the flag has changed.
    serves: BTreeMap<String, BTreeMap<String, Text>>,
}

impl Memory {
    fn learn(&mut self, events: &[Event]) {
        for one in events.iter().filter(|one| words::counts(one)) {
            let (Some(flag), Some(told)) = (&one.feature_name, event(one)) else { continue };
            let place = one.environment.clone().unwrap_or_default();
            let known = self.changes.entry(flag.clone()).or_default().entry(place);
            let known = known.or_insert_with(|| (one.id, told.clone()));
            if known.0 < one.id {
                *known = (one.id, told);
            }
            if one.id > self.newest {
                self.serves.remove(flag);
            }
        }
        self.newest = self.newest.max(events.iter().map(|one| one.id).max().unwrap_or(0));
    }

    fn changed(&self, flag: &str, environment: &str) -> Option<FlagEvent> {
        let known = self.changes.get(flag)?;
        let of_both = [known.get(environment), known.get("")];
        of_both.into_iter().flatten().max_by_key(|(id, _)| *id).map(|(_, event)| event.clone())
    }

    fn last(&self, flag: &str) -> u64 {
        let known = self.changes.get(flag).into_iter().flat_map(BTreeMap::values);
        known.map(|(id, _)| *id).max().unwrap_or(0)
    }
}

/// An event for people; `None` without a time.
pub(super) fn event(event: &Event) -> Option<FlagEvent> {
    Some(FlagEvent {
        at: event.created_at?,
        by: clean(event.created_by.as_deref().unwrap_or("?")).into(),
        what: words::event(event).into(),
    })
}

impl Unleash {
    /// Everything that the source is configured for.
    pub(super) async fn all(&self) -> Result<FlagList, Fault> {
        let projects = self.chosen_projects().await?;
        self.check_environments().await?;
        let mut features = self.features(projects.as_deref()).await?;
        if let Some(projects) = &projects {
            features.retain(|feature| projects.contains(&feature.project));
        }
        let limited = self.learn().await.err().map(|fault| {
            let message = format!("who changed flags, and when, is not known: {}", fault.message);
            Fault { message, ..fault }
        });
        self.look_closer(&features).await;
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut interned = Interned::default();
        let mut rows = Vec::new();
        for feature in &features {
            for name in &self.settings.environments {
                if let Some(environment) = feature.environment(name) {
                    rows.push(self.row(feature, environment, &memory, &mut interned));
                }
            }
        }
        rows.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(FlagList { rows, limited })
    }

    /// All pages. A list that changed in between is read anew: a page may then have skipped a flag.
    async fn features(&self, projects: Option<&[String]>) -> Result<Vec<Feature>, Fault> {
        let chosen = projects.filter(|projects| !projects.is_empty() && projects.len() <= MOST_PROJECTS);
        let filter = chosen.map(|projects| match projects {
            [one] => format!("IS:{one}"),
            several => format!("IS_ANY_OF:{}", several.join(",")),
        });
        for _ in 0..ATTEMPTS {
            if let Some(features) = self.pages(filter.as_deref()).await? {
                return Ok(features);
            }
        }
        let message =
            format!("the list of flags of Unleash at {} changes faster than it can be read", self.road.origin());
        Err(Fault::new(FaultKind::Malformed, message).hint("it is tried again; flags.projects would make it shorter"))
    }

    /// All pages of one reading; `None` when they do not make a whole.
    async fn pages(&self, filter: Option<&str>) -> Result<Option<Vec<Feature>>, Fault> {
        let mut features: Vec<Feature> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut total = None;
        loop {
            let offset = features.len().to_string();
            let mut query =
                vec![("offset", offset.as_str()), ("limit", PAGE), ("sortBy", "name"), ("sortOrder", "asc")];
            query.extend(filter.map(|filter| ("project", filter)));
            let page: Page = self.fetch("/api/admin/search/features", &query).await?;
            if page.features.is_empty() {
                return Ok((total.unwrap_or(0) == features.len()).then_some(features));
            }
            if total.is_some_and(|total| total != page.total) {
                return Ok(None);
            }
            total = Some(page.total);
            for feature in page.features {
                // The same one twice: something moved, and another one was skipped.
                if !seen.insert(feature.name.clone()) {
                    return Ok(None);
                }
                features.push(feature);
            }
            if features.len() >= page.total {
                return Ok(Some(features));
            }
        }
    }

    /// Reads what happened since the last time.
    async fn learn(&self) -> Result<(), Fault> {
        let newest = self.memory.lock().unwrap_or_else(PoisonError::into_inner).newest;
        let mut limit = if newest == 0 { FIRST_EVENTS } else { LATER_EVENTS };
        loop {
            let events: Events = self.fetch("/api/admin/search/events", &[("limit", limit)]).await?;
            let oldest = events.events.iter().map(|event| event.id).min().unwrap_or(0);
            // More happened than fits: once more, and more of it.
            if limit == LATER_EVENTS && oldest > newest + 1 && events.events.len() >= 100 {
                limit = FIRST_EVENTS;
                continue;
            }
            self.memory.lock().unwrap_or_else(PoisonError::into_inner).learn(&events.events);
            return Ok(());
        }
    }

    /// A list does not tell strategies: those of the flags that are on are read beside it, a few in each round, the last
    /// changed ones first.
    async fn look_closer(&self, features: &[Feature]) {
        let unknown: Vec<RawFlag> = {
            let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            let is_on = |feature: &&Feature| {
                self.settings.environments.iter().any(|name| {
                    feature.environment(name).is_some_and(|one| one.enabled && one.has_strategies != Some(false))
                })
            };
            let mut unknown: Vec<&Feature> =
                features.iter().filter(is_on).filter(|feature| !memory.serves.contains_key(&feature.name)).collect();
            unknown.sort_by_key(|feature| std::cmp::Reverse(memory.last(&feature.name)));
            let raw = |feature: &Feature| RawFlag {
                project: feature.project.clone(),
                environment: String::new(),
                key: feature.name.clone(),
            };
            unknown.into_iter().take(LOOKS).map(raw).collect()
        };
        for raw in unknown {
            // What cannot be read is said as far as the list tells it.
            let Ok(feature) = self.feature(&raw).await else { return };
            let told = feature
                .environments
                .iter()
                .map(|environment| (environment.name.clone(), words::when_on(&words::strategies(environment)).into()));
            let told = told.collect();
            self.memory.lock().unwrap_or_else(PoisonError::into_inner).serves.insert(raw.key, told);
        }
    }

    fn row(
        &self,
        feature: &Feature,
        environment: &FeatureEnvironment,
        memory: &Memory,
        interned: &mut Interned,
    ) -> FlagRow {
        let id = FlagRef::new(&self.settings.name, &feature.project, &environment.name, &feature.name);
        let known = memory.serves.get(&feature.name).and_then(|known| known.get(&environment.name));
        let serves: Text = match (environment.enabled, known) {
            (false, _) => interned.of("nobody"),
            (true, Some(known)) => interned.of(known),
            (true, None) if environment.has_strategies == Some(false) => interned.of("everybody: it has no strategy"),
            (true, None) if environment.has_enabled_strategies == Some(false) => {
                interned.of("nobody: all of its strategies are disabled")
            }
            (true, None) => interned.of("whom its strategies let in"),
        };
        let tags: Vec<Text> = feature
            .tags
            .iter()
            .flatten()
            .map(|tag| interned.of(&clean(&format!("{}:{}", tag.kind, tag.value))))
            .collect();
        let workloads = self.workloads(&feature.name, feature.tags.as_deref().unwrap_or_default());
        FlagRow {
            id: FlagRef {
                source: interned.of(&id.source),
                project: interned.of(&id.project),
                environment: interned.of(&id.environment),
                key: id.key,
            },
            enabled: environment.enabled,
            serves,
            kind: words::kind(feature),
            description: feature.description.as_deref().filter(|text| !text.is_empty()).map(|text| clean(text).into()),
            changed: memory.changed(&feature.name, &environment.name),
            seen: environment.yes.zip(environment.no).map(|(yes, no)| Evaluations { yes, no, seconds: HOUR }),
            last_seen: environment.last_seen_at,
            stale: feature.stale == Some(true),
            archived: feature.is_archived(),
            tags: tags.into(),
            workloads: workloads.iter().map(|pattern| interned.of(pattern)).collect(),
        }
    }
}

/// One text for all rows that say the same.
#[derive(Default)]
struct Interned(BTreeSet<Text>);

impl Interned {
    fn of(&mut self, text: &str) -> Text {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let new: Text = Arc::from(text);
        self.0.insert(new.clone());
        new
    }
}
