//! Flagsmith, in its cloud or hosted by oneself, by its Admin API with the organisation's API key.
//!
//! It knows no preconditions: a change is based on [`FlagFacts::version`], a digest of what the flag does in its
//! environment with all of its overrides, which is read again right before the write. Environments with feature
//! versioning are written by the endpoint that publishes a version; change requests can only be filed in Flagsmith itself.

mod doctor;
mod list;
mod wire;
mod words;
mod write;

use std::sync::{Arc, Mutex};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::list::Memory;
use self::wire::{Entry, Environment, Feature, FeatureSegment, List, Project, State, Tag};
use super::digest::digest;
use super::road::{Road, body, those};
use crate::config::FlagSource;
use crate::config::context::matches;
use crate::domain::flag::{FlagApproval, FlagDetail, FlagEvent, FlagFacts, FlagKnob, FlagRef, RawFlag};
use crate::domain::mutation::Mutation;
use crate::domain::text::clean;
use crate::integrations::http::{self, HttpAnswer, HttpSettings, Pairs, Product, Transport};
use crate::ports::Future;
use crate::ports::cluster::{ClusterError, DryRun, Permission};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::flags::{FlagCheck, FlagList, FlagProvider};

/// Its cloud; self-hosted ones have addresses of their own.
const ADDRESS: &str = "https://api.flagsmith.com";
/// Flags of a page; it would give 999.
const PAGE: &str = "100";
/// The permission that every change here needs.
const TOGGLE: &str = "UPDATE_FEATURE_STATE";
/// Events of a flag that details show.
const HISTORY: usize = 30;

/// One Flagsmith.
pub struct Flagsmith {
    road: Road,
    settings: FlagSource,
    memory: Mutex<Memory>,
}

/// A project as it is called here: by its name, or by its number where another one has that name too.
#[derive(Clone, Debug)]
struct Place {
    project: Project,
    label: String,
    environment: Environment,
}

/// A flag read with everything that it does in an environment.
struct Read {
    place: Place,
    feature: Feature,
    /// The environment's default, and overrides.
    states: Vec<State>,
    facts: FlagFacts,
}

/// The state of all whom no override names.
fn default_of(states: &[State]) -> Option<&State> {
    let null = |value: &Option<Value>| value.as_ref().is_none_or(Value::is_null);
    states.iter().find(|state| null(&state.feature_segment) && null(&state.identity))
}

impl Flagsmith {
    /// As configured; sends nothing.
    pub fn new(settings: &FlagSource) -> Self {
        let url = settings.url.as_deref().unwrap_or(ADDRESS);
        Self::over(http::connect(&HttpSettings::new(Product::Flagsmith, url, settings.http.clone())), settings)
    }

    /// Over a road.
    pub fn over(transport: Arc<dyn Transport>, settings: &FlagSource) -> Self {
        Self { road: Road::new(transport), settings: settings.clone(), memory: Mutex::default() }
    }

    /// An unwelcome answer in words; Flagsmith's own where it gives them.
    fn fault(&self, answer: &HttpAnswer) -> Fault {
        let whose = self.road.whose();
        match (answer.status, said(answer)) {
            (429, _) => self.road.limited(answer),
            (401, said) => {
                let said = said.map_or_else(String::new, |said| format!(": {said}"));
                Fault::new(FaultKind::Unauthorized, format!("{whose} does not accept the token (401){said}"))
                    .hint("flags.token has to be an API key of the organisation, not an environment's key")
            }
            (403, Some(said)) => Fault::new(FaultKind::Forbidden, format!("{whose} does not allow it: {said}"))
                .hint("the role of the API key lacks a permission in this project or environment"),
            (400 | 404 | 409, Some(said)) => {
                Fault::new(FaultKind::Server, format!("{whose} answered {}: {said}", answer.status))
            }
            _ => self.road.fault(answer),
        }
    }

    fn parsed<T: DeserializeOwned>(&self, answer: &HttpAnswer) -> Result<T, Fault> {
        body(answer).ok_or_else(|| self.fault(answer))
    }

    async fn fetch<T: DeserializeOwned>(&self, path: &str, query: Pairs<'_>) -> Result<T, Fault> {
        self.parsed(&self.road.ask(path, query).await?)
    }

    /// All pages of a list.
    async fn all_of<T: DeserializeOwned>(&self, path: &str, query: Pairs<'_>) -> Result<Vec<T>, Fault> {
        let mut all = Vec::new();
        for page in 1.. {
            let number = usize::to_string(&page);
            let mut asked = query.to_vec();
            if page > 1 {
                asked.push(("page", &number));
            }
            match self.fetch::<List<T>>(path, &asked).await? {
                List::All(items) => return Ok(items),
                List::Page(page) => {
                    let last = page.next.is_none() || page.results.is_empty();
                    all.extend(page.results);
                    if last {
                        break;
                    }
                }
            }
        }
        Ok(all)
    }

    async fn projects(&self) -> Result<Vec<(String, Project)>, Fault> {
        let all: Vec<Project> = self.all_of("/api/v1/projects/", &[]).await?;
        let label = |project: &Project| {
            let only = all.iter().filter(|other| other.name == project.name).count() == 1;
            if only { project.name.clone() } else { project.id.to_string() }
        };
        Ok(all.iter().map(|project| (label(project), project.clone())).collect())
    }

    async fn environments(&self, project: &Project) -> Result<Vec<Environment>, Fault> {
        let id = project.id.to_string();
        self.all_of("/api/v1/environments/", &[("project", &id)]).await
    }

    /// The projects and environments that the source is configured for; a fault that lists those there are when one is
    /// not among them. Projects go by id or name, environments by key or name.
    async fn places(&self) -> Result<Vec<Place>, Fault> {
        let known = self.projects().await?;
        let is = |pattern: &str, (label, project): &(String, Project)| {
            matches(pattern, label) || matches(pattern, &project.name) || pattern == project.id.to_string()
        };
        if let Some(wanted) = &self.settings.projects
            && let Some(missing) = wanted.iter().find(|pattern| !known.iter().any(|one| is(pattern, one)))
        {
            let labels: Vec<String> = known.into_iter().map(|(label, _)| label).collect();
            return Err(self.road.no_such("project", missing, &labels, "flags.projects"));
        }
        let wanted = |one: &(String, Project)| {
            self.settings.projects.as_ref().is_none_or(|wanted| wanted.iter().any(|pattern| is(pattern, one)))
        };
        let mut places = Vec::new();
        for (label, project) in known.iter().filter(|one| wanted(one)) {
            let environments = self.environments(project).await?;
            for name in &self.settings.environments {
                let place =
                    |environment: Environment| Place { project: project.clone(), label: label.clone(), environment };
                match environments.iter().find(|one| one.api_key == *name || one.name == *name) {
                    Some(environment) => places.push(place(environment.clone())),
                    // Without a choice of projects, each may have environments of its own.
                    None if self.settings.projects.is_none() => {}
                    None => {
                        let names: Vec<String> = environments.into_iter().map(|one| one.name).collect();
                        return Err(self.road.no_such("environment", name, &names, "flags.environments"));
                    }
                }
            }
        }
        Ok(places)
    }

    /// Where a flag is.
    async fn place(&self, raw: &RawFlag) -> Result<Place, ClusterError> {
        let known = self.projects().await?;
        let Some((label, project)) = known.iter().find(|(label, _)| *label == raw.project) else {
            let labels: Vec<String> = known.into_iter().map(|(label, _)| label).collect();
            return Err(ClusterError::NotFound(format!("project `{}` ({})", clean(&raw.project), those(&labels))));
        };
        let environments = self.environments(project).await?;
        let Some(environment) = environments.iter().find(|one| one.name == raw.environment) else {
            let names: Vec<String> = environments.into_iter().map(|one| one.name).collect();
            let (name, those) = (clean(&raw.environment), those(&names));
            return Err(ClusterError::NotFound(format!("environment `{name}` of project {} ({those})", clean(label))));
        };
        Ok(Place { project: project.clone(), label: label.clone(), environment: environment.clone() })
    }

    /// The flag of this very name.
    async fn feature(&self, place: &Place, raw: &RawFlag) -> Result<Feature, ClusterError> {
        let path = format!("/api/v1/projects/{}/features/", place.project.id);
        let environment = place.environment.id.to_string();
        let query = [("environment", environment.as_str()), ("search", &raw.key), ("page_size", PAGE)];
        let found: Vec<Feature> = self.all_of(&path, &query).await?;
        let feature = found.into_iter().find(|feature| feature.name == raw.key);
        feature.ok_or_else(|| {
            ClusterError::NotFound(format!("flag {} of project {}", clean(&raw.key), clean(&raw.project)))
        })
    }

    async fn read(&self, flag: &FlagRef) -> Result<Read, ClusterError> {
        let raw = flag.raw();
        let place = self.place(&raw).await?;
        let feature = self.feature(&place, &raw).await?;
        let (environment, id) = (place.environment.id.to_string(), feature.id.to_string());
        let query = [("environment", environment.as_str()), ("feature", id.as_str())];
        let mut states: Vec<State> = self.all_of("/api/v1/features/featurestates/", &query).await?;
        // Older servers do not know the filter.
        states.retain(|state| state.feature == feature.id);
        let overridden = states.iter().any(|state| state.feature_segment.as_ref().is_some_and(|one| !one.is_null()));
        let segments: Vec<FeatureSegment> =
            if overridden { self.all_of("/api/v1/features/feature-segments/", &query).await? } else { Vec::new() };
        let tags = self.tags(&place.project).await.unwrap_or_default();
        let facts = self.told(&place, &feature, &states, &segments, &tags).ok_or_else(|| {
            ClusterError::NotFound(format!("a state of flag {} in {}", clean(&raw.key), clean(&raw.environment)))
        })?;
        Ok(Read { place, feature, states, facts })
    }

    /// What the flag does; `None` without a state here.
    fn told(
        &self,
        place: &Place,
        feature: &Feature,
        states: &[State],
        segments: &[FeatureSegment],
        tags: &[Tag],
    ) -> Option<FlagFacts> {
        let default = default_of(states)?;
        let (options, shares) = (&feature.multivariate_options, &default.multivariate_feature_state_values);
        let gets = words::gets(options, shares, &words::bare(&default.feature_state_value));
        let when_on = words::first(feature).map_or_else(|| gets.clone(), |first| format!("{first} first, then {gets}"));
        let mut warnings = Vec::new();
        if let Some(first) = words::first(feature) {
            warnings.push(format!("{first} stay as they are: those users do not notice"));
        }
        let variant = words::variant(options, shares);
        let percentage = match options.as_slice() {
            [one] => {
                Some(words::share(shares, one)).filter(|share| share.fract() == 0.0 && (0.0..=100.0).contains(share))
            }
            _ => None,
        };
        let mut takes = vec![FlagKnob::Enabled];
        takes.extend(variant.as_ref().map(|_| FlagKnob::Variant));
        takes.extend(percentage.map(|_| FlagKnob::Percentage));
        let named = labels(feature, tags);
        let mut variants: Vec<String> = options.iter().map(|option| words::label(options, option)).collect();
        if !variants.is_empty() {
            variants.insert(0, words::CONTROL.into());
        }
        let approvals = place.environment.minimum_change_request_approvals;
        Some(FlagFacts {
            enabled: default.enabled,
            variant,
            percentage: percentage.map(|share| share as u8),
            when_on,
            when_off: words::first(feature)
                .map_or_else(|| "nobody".into(), |first| format!("nobody but whom {first} let in")),
            strategies: words::strategies(feature, states, segments),
            variants,
            kind: words::kind(&named),
            description: description(feature),
            stale: is_stale(feature, tags),
            archived: feature.is_archived,
            takes,
            rehearses: false,
            approval: approvals.map(|count| FlagApproval {
                why: format!(
                    "changes in {} go through change requests ({count} approvals)",
                    clean(&place.environment.name).to_uppercase()
                ),
                ..FlagApproval::default()
            }),
            warnings,
            workloads: self.workloads(&feature.name, &named),
            version: version(feature, states),
        })
    }

    /// The workloads that a flag is about: what the configuration and its tags say.
    fn workloads(&self, key: &str, tags: &[String]) -> Vec<String> {
        let configured = self.settings.workloads_of(key).map(str::to_owned);
        let tagged = tags.iter().filter_map(|tag| tag.strip_prefix("workload:")).filter(|name| !name.is_empty());
        configured.chain(tagged.map(str::to_owned)).collect()
    }

    async fn detail(&self, flag: &FlagRef) -> Result<FlagDetail, ClusterError> {
        let Read { place, feature, facts, .. } = self.read(flag).await?;
        let mut gaps = Vec::new();
        let history = self.history(&place, &feature).await.unwrap_or_else(|fault| {
            gaps.push(format!("its history: {fault}").into());
            Vec::new()
        });
        let environments = vec![(clean(&place.environment.name).into(), facts.enabled)];
        Ok(FlagDetail { facts, environments, history, gaps })
    }

    async fn history(&self, place: &Place, feature: &Feature) -> Result<Vec<FlagEvent>, Fault> {
        let entries = self.log(&place.project, Some(&feature.name)).await?;
        let here = |entry: &&Entry| {
            let named = words::about(&entry.log) == Some(&feature.name) || list::names(entry, feature);
            named && entry.environment.as_ref().is_none_or(|one| one.id == place.environment.id)
        };
        Ok(entries.iter().filter(here).take(HISTORY).map(words::event).collect())
    }
}

/// What an error's body says; cleaned.
fn said(answer: &HttpAnswer) -> Option<String> {
    if answer.is_html() {
        return None;
    }
    let problem: Value = serde_json::from_slice(&answer.body).ok()?;
    let words = |value: &Value| -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Array(items) => items.first().and_then(Value::as_str).map(str::to_owned),
            _ => None,
        }
    };
    let said = match &problem {
        Value::Object(fields) => fields.get("detail").and_then(words).or_else(|| {
            let named = fields.iter().filter_map(|(name, value)| Some(format!("{name}: {}", words(value)?)));
            Some(named.collect::<Vec<_>>().join(", "))
        }),
        other => words(other),
    };
    said.filter(|text| !text.is_empty()).map(|text| clean(&text).into_owned())
}

fn description(feature: &Feature) -> Option<String> {
    feature.description.as_deref().filter(|text| !text.is_empty()).map(|text| clean(text).into_owned())
}

/// A flag's tags by name, and its owners. Cleaned.
fn labels(feature: &Feature, tags: &[Tag]) -> Vec<String> {
    let named = tags.iter().filter(|tag| feature.tags.contains(&tag.id)).map(|tag| clean(&tag.label).into_owned());
    let owners = feature.owners.iter().map(|owner| format!("owner:{}", words::person(owner)));
    named.chain(owners).collect()
}

/// Flagsmith itself tags a flag that has not changed for long.
fn is_stale(feature: &Feature, tags: &[Tag]) -> bool {
    tags.iter().any(|tag| tag.kind.as_deref() == Some("STALE") && feature.tags.contains(&tag.id))
}

/// A digest of all that decides what users get in an environment.
fn version(feature: &Feature, states: &[State]) -> String {
    let mut all: Vec<(u64, Value)> = states
        .iter()
        .map(|state| {
            let shares = state.multivariate_feature_state_values.iter();
            let mut shares: Vec<_> =
                shares.map(|one| (one.multivariate_feature_option, one.percentage_allocation)).collect();
            shares.sort_by_key(|share| share.0);
            let what = json!([
                state.enabled,
                words::bare(&state.feature_state_value),
                shares,
                state.feature_segment,
                state.identity
            ]);
            (state.id, what)
        })
        .collect();
    all.sort_by_key(|(id, _)| *id);
    let options: Vec<u64> = feature.multivariate_options.iter().map(|option| option.id).collect();
    digest(&json!([feature.id, feature.is_archived, options, all]))
}

impl FlagProvider for Flagsmith {
    fn source(&self) -> &str {
        &self.settings.name
    }

    fn product(&self) -> &'static str {
        Product::Flagsmith.name()
    }

    fn origin(&self) -> &str {
        self.road.origin()
    }

    fn list(&self) -> Future<'_, Result<FlagList, Fault>> {
        Box::pin(self.all())
    }

    fn facts<'a>(&'a self, flag: &'a FlagRef) -> Future<'a, Result<FlagFacts, ClusterError>> {
        Box::pin(async move { Ok(self.read(flag).await?.facts) })
    }

    fn detail<'a>(&'a self, flag: &'a FlagRef) -> Future<'a, Result<FlagDetail, ClusterError>> {
        Box::pin(self.detail(flag))
    }

    fn permission<'a>(&'a self, mutation: &'a Mutation) -> Future<'a, Result<Permission, ClusterError>> {
        Box::pin(async move {
            let Some(flag) = FlagRef::of_object(&mutation.target) else {
                return Err(ClusterError::Rejected(format!("{}: that is no flag", mutation.target)));
            };
            let place = self.place(&flag.raw()).await?;
            Ok(self.may(&place).await?)
        })
    }

    fn dry_run<'a>(&'a self, _: &'a Mutation) -> Future<'a, Result<DryRun, ClusterError>> {
        let fault = Fault::new(FaultKind::NotServed, "Flagsmith has no dry run");
        Box::pin(std::future::ready(Err(fault.into())))
    }

    fn check(&self) -> Future<'_, Vec<FlagCheck>> {
        Box::pin(self.checks())
    }
}
