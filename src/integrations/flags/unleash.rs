//! Unleash, by its admin API (5.x and later), with a personal token or a service account's.
//!
//! It knows no preconditions: a change is based on [`FlagFacts::version`], a digest of what the flag does in its
//! environment, which is read again right before the write. Names of flags are unique over all projects.

mod list;
mod rights;
mod wire;
mod words;
mod write;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::list::Memory;
use self::wire::{ChangeRequest, ChangeRequestConfig, Environments, Events, Feature, Problem, Projects, Tags};
use super::digest::digest;
use super::road::{Road, those};
use super::segment;
use crate::config::FlagSource;
use crate::config::context::matches;
use crate::domain::Text;
use crate::domain::flag::{
    FlagApproval, FlagChange, FlagDetail, FlagEvent, FlagFacts, FlagKnob, FlagRef, RawFlag, written,
};
use crate::domain::mutation::{Change, Mutation};
use crate::domain::text::clean;
use crate::integrations::http::{self, HttpAnswer, HttpSettings, Pairs, Product, Transport};
use crate::ports::Future;
use crate::ports::cluster::{ClusterError, DryRun, Permission};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::flags::{FlagCheck, FlagList, FlagProvider};

/// Events of a flag that details show.
const HISTORY: &str = "30";

/// One Unleash.
pub struct Unleash {
    road: Road,
    settings: FlagSource,
    memory: Mutex<Memory>,
    /// It said once that it knows no change requests: the open-source edition.
    without_requests: AtomicBool,
}

impl Unleash {
    /// As configured; sends nothing.
    pub fn new(settings: &FlagSource) -> Self {
        let url = settings.url.as_deref().unwrap_or_default();
        Self::over(http::connect(&HttpSettings::new(Product::Unleash, url, settings.http.clone())), settings)
    }

    /// Over a road.
    pub fn over(transport: Arc<dyn Transport>, settings: &FlagSource) -> Self {
        Self {
            road: Road::new(transport),
            settings: settings.clone(),
            memory: Mutex::default(),
            without_requests: AtomicBool::default(),
        }
    }

    /// An unwelcome answer in words; Unleash's own where it gives them.
    fn fault(&self, answer: &HttpAnswer) -> Fault {
        let problem: Option<Problem> = serde_json::from_slice(&answer.body).ok();
        let said = problem.as_ref().and_then(Problem::words).map(|text| clean(text).into_owned());
        match (answer.status, said) {
            (429, _) => self.road.limited(answer),
            (403, Some(said)) => {
                Fault::new(FaultKind::Forbidden, format!("Unleash at {} does not allow it: {said}", self.origin()))
                    .hint("the user of flags.token needs a role with that permission, in this project and environment")
            }
            (401, _) => Fault::new(
                FaultKind::Unauthorized,
                format!("Unleash at {} does not accept the token (401)", self.origin()),
            )
            .hint("flags.token has to be a personal access token or a service account's; it may have expired"),
            _ => self.road.fault(answer),
        }
    }

    fn parsed<T: DeserializeOwned>(&self, answer: &HttpAnswer) -> Result<T, Fault> {
        let fine = answer.status == 200 && !answer.is_html();
        fine.then(|| serde_json::from_slice(&answer.body).ok()).flatten().ok_or_else(|| self.fault(answer))
    }

    async fn fetch<T: DeserializeOwned>(&self, path: &str, query: Pairs<'_>) -> Result<T, Fault> {
        self.parsed(&self.road.ask(path, query).await?)
    }

    /// Ids of all projects that the token may see.
    async fn projects(&self) -> Result<Vec<String>, Fault> {
        let found: Projects = self.fetch("/api/admin/projects", &[]).await?;
        Ok(found.projects.into_iter().map(|project| project.id).collect())
    }

    /// The configured projects, globs resolved; a fault that lists those there are when one is not among them.
    async fn chosen_projects(&self) -> Result<Option<Vec<String>>, Fault> {
        let Some(wanted) = &self.settings.projects else { return Ok(None) };
        let known = self.projects().await?;
        if let Some(missing) = wanted.iter().find(|pattern| !known.iter().any(|id| matches(pattern, id))) {
            return Err(self.road.no_such("project", missing, &known, "flags.projects"));
        }
        Ok(Some(known.into_iter().filter(|id| wanted.iter().any(|pattern| matches(pattern, id))).collect()))
    }

    /// Are the configured environments there? A fault that lists those there are when one is not among them.
    async fn check_environments(&self) -> Result<(), Fault> {
        let known: Environments = self.fetch("/api/admin/environments", &[]).await?;
        let known: Vec<String> = known.environments.into_iter().map(|environment| environment.name).collect();
        match self.settings.environments.iter().find(|name| !known.contains(name)) {
            Some(missing) => Err(self.road.no_such("environment", missing, &known, "flags.environments")),
            None => Ok(()),
        }
    }

    /// The flag itself.
    async fn feature(&self, raw: &RawFlag) -> Result<Feature, ClusterError> {
        let path = feature_path(raw)?;
        let answer = self.road.ask(&path, &[("variantEnvironments", "true")]).await?;
        if answer.status == 404 && !answer.is_html() {
            let projects = self.projects().await.unwrap_or_default();
            if !projects.is_empty() && !projects.contains(&raw.project) {
                let (name, those) = (clean(&raw.project), those(&projects));
                return Err(ClusterError::NotFound(format!("project `{name}` ({those})")));
            }
            return Err(ClusterError::NotFound(format!("flag {} of project {}", clean(&raw.key), clean(&raw.project))));
        }
        Ok(self.parsed(&answer)?)
    }

    async fn read(&self, flag: &FlagRef) -> Result<(Feature, FlagFacts), ClusterError> {
        let raw = flag.raw();
        let feature = self.feature(&raw).await?;
        let Some(environment) = feature.environment(&raw.environment).filter(|_| !raw.environment.is_empty()) else {
            let known: Vec<String> = feature.environments.iter().map(|one| one.name.clone()).collect();
            let (name, those) = (clean(&raw.environment), those(&known));
            return Err(ClusterError::NotFound(format!("environment `{name}` of this flag ({those})")));
        };
        let strategies = words::strategies(environment);
        let rollout = words::rollout(&strategies).map(|(_, percent)| percent);
        let variants: Vec<wire::Variant> = environment
            .variants
            .iter()
            .flatten()
            .filter_map(|variant| serde_json::from_value(variant.clone()).ok())
            .collect();
        let mut when_on = words::when_on(&strategies);
        if !variants.is_empty() {
            when_on = format!("{when_on}; variants {}", words::weights(&variants));
        }
        let mut warnings = Vec::new();
        if !environment.enabled && strategies.iter().all(|strategy| strategy.disabled == Some(true)) {
            warnings.push("it has no strategy that counts: Unleash adds its default one, usually for everybody".into());
        }
        for parent in feature.dependencies.iter().flatten() {
            let state = if parent.enabled == Some(false) { "off" } else { "on" };
            warnings.push(format!("users get it only where {} is {state}", clean(&parent.feature)));
        }
        let mut takes = vec![FlagKnob::Enabled];
        takes.extend(rollout.map(|_| FlagKnob::Percentage));
        let mut names: Vec<String> = variants.iter().map(|variant| written(&variant.name)).collect();
        names.extend(strategies.iter().flat_map(|one| one.variants.iter().flatten()).map(|one| written(&one.name)));
        names.dedup();
        let facts = FlagFacts {
            enabled: environment.enabled,
            variant: None,
            percentage: rollout,
            when_on,
            when_off: "nobody".into(),
            strategies: strategies.iter().map(words::line).collect(),
            variants: names,
            kind: words::kind(&feature),
            description: feature.description.as_deref().map(|text| clean(text).into_owned()),
            stale: feature.stale == Some(true),
            archived: feature.is_archived(),
            takes,
            rehearses: false,
            approval: self.approval(&raw).await?,
            warnings,
            workloads: self.workloads(&raw.key, feature.tags.as_deref().unwrap_or_default()),
            version: version(environment),
        };
        Ok((feature, facts))
    }

    /// The workloads that a flag is about: what the configuration and its tags say.
    fn workloads(&self, key: &str, tags: &[wire::Tag]) -> Vec<String> {
        let configured = self.settings.workloads_of(key).map(str::to_owned);
        let tagged = tags.iter().filter(|tag| tag.kind == "workload" && !tag.value.is_empty());
        configured.chain(tagged.map(|tag| clean(&tag.value).into_owned())).collect()
    }

    /// The approval that a change needs in this environment, and the request for one that is open.
    async fn approval(&self, raw: &RawFlag) -> Result<Option<FlagApproval>, Fault> {
        if self.without_requests.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let base = format!("/api/admin/projects/{}/change-requests", segment(&raw.project));
        let answer = self.road.ask(&format!("{base}/config"), &[]).await?;
        if answer.status == 404 {
            self.without_requests.store(true, Ordering::Relaxed);
            return Ok(None);
        }
        // Who may not read the configuration learns of it from the refusal of the write.
        let Ok(configured) = self.parsed::<Vec<ChangeRequestConfig>>(&answer) else { return Ok(None) };
        let here = configured.iter().find(|one| one.environment == raw.environment && one.change_request_enabled);
        let Some(here) = here else { return Ok(None) };
        let needed = here.required_approvals.unwrap_or(1);
        let mut approval = FlagApproval {
            why: format!("changes in {} need {needed} approval(s)", clean(&raw.environment).to_uppercase()),
            files: true,
            ..FlagApproval::default()
        };
        let open: Vec<ChangeRequest> =
            self.fetch(&format!("{base}/pending/{}", segment(&raw.key)), &[]).await.unwrap_or_default();
        let open = open.into_iter().find(|request| request.environment == raw.environment);
        if let Some(request) = open {
            let given = request.approvals.as_ref().map_or(0, Vec::len);
            let needed = request.min_approvals.unwrap_or(needed);
            approval.open = Some(format!(
                "#{}, {}, {given} of {needed} approvals",
                request.id,
                clean(&request.state).to_lowercase()
            ));
            let of_flag = request.features.iter().filter(|feature| feature.name == raw.key);
            let change = of_flag.flat_map(|feature| &feature.changes).find(|change| change.action == "updateEnabled");
            let enabled = change.and_then(|change| change.payload.get("enabled")).and_then(Value::as_bool);
            approval.wants = enabled.map(FlagChange::Enabled);
        }
        Ok(Some(approval))
    }

    /// The last events of a flag, newest first; older versions know another address for them.
    async fn history(&self, raw: &RawFlag) -> Result<Vec<FlagEvent>, Fault> {
        let of_flag = format!("IS:{}", raw.key);
        let query = [("feature", of_flag.as_str()), ("limit", HISTORY)];
        let events: Events = match self.fetch("/api/admin/search/events", &query).await {
            Err(fault) if fault.kind == FaultKind::NotServed => {
                self.fetch(&format!("/api/admin/events/{}", segment(&raw.key)), &[]).await?
            }
            answer => answer?,
        };
        Ok(events.events.iter().filter_map(list::event).collect())
    }

    async fn detail(&self, flag: &FlagRef) -> Result<FlagDetail, ClusterError> {
        let (feature, mut facts) = self.read(flag).await?;
        let raw = flag.raw();
        let mut gaps = Vec::new();
        let history = self.history(&raw).await.unwrap_or_else(|fault| {
            gaps.push(format!("its history: {fault}").into());
            Vec::new()
        });
        if feature.tags.is_none() {
            let path = format!("/api/admin/features/{}/tags", segment(&raw.key));
            match self.fetch::<Tags>(&path, &[]).await {
                Ok(tags) => facts.workloads = self.workloads(&raw.key, &tags.tags),
                Err(fault) => gaps.push(format!("its tags: {fault}").into()),
            }
        }
        let environments = feature.environments.iter().map(|one| (Text::from(clean(&one.name)), one.enabled)).collect();
        Ok(FlagDetail { facts, environments, history, gaps })
    }
}

/// `/api/admin/projects/default/features/new-pricing`.
fn feature_path(raw: &RawFlag) -> Result<String, ClusterError> {
    // A path would take them for a direction, encoded or not.
    if [&raw.project, &raw.key].iter().any(|name| matches!(name.as_str(), "" | "." | "..")) {
        return Err(ClusterError::Rejected(format!("`{}` is no name of a flag", clean(&raw.key))));
    }
    Ok(format!("/api/admin/projects/{}/features/{}", segment(&raw.project), segment(&raw.key)))
}

/// A digest of all that decides what users get in an environment.
fn version(environment: &wire::FeatureEnvironment) -> String {
    digest(&json!([environment.enabled, environment.strategies, environment.variants]))
}

impl FlagProvider for Unleash {
    fn source(&self) -> &str {
        &self.settings.name
    }

    fn product(&self) -> &'static str {
        Product::Unleash.name()
    }

    fn origin(&self) -> &str {
        self.road.origin()
    }

    fn list(&self) -> Future<'_, Result<FlagList, Fault>> {
        Box::pin(self.all())
    }

    fn facts<'a>(&'a self, flag: &'a FlagRef) -> Future<'a, Result<FlagFacts, ClusterError>> {
        Box::pin(async move { Ok(self.read(flag).await?.1) })
    }

    fn detail<'a>(&'a self, flag: &'a FlagRef) -> Future<'a, Result<FlagDetail, ClusterError>> {
        Box::pin(self.detail(flag))
    }

    fn permission<'a>(&'a self, mutation: &'a Mutation) -> Future<'a, Result<Permission, ClusterError>> {
        Box::pin(async move {
            let (Change::Flag(write), Some(flag)) = (&mutation.change, FlagRef::of_object(&mutation.target)) else {
                return Err(ClusterError::Rejected(format!("{}: that is no flag", mutation.target)));
            };
            if write.as_request {
                let why = "Unleash does not tell beforehand who may file a change request";
                return Err(Fault::new(FaultKind::NotServed, why).into());
            }
            Ok(self.may(write::needs(&write.set), &flag.raw()).await?)
        })
    }

    fn dry_run<'a>(&'a self, _: &'a Mutation) -> Future<'a, Result<DryRun, ClusterError>> {
        let fault = Fault::new(FaultKind::NotServed, "Unleash has no dry run");
        Box::pin(std::future::ready(Err(fault.into())))
    }

    fn check(&self) -> Future<'_, Vec<FlagCheck>> {
        Box::pin(self.checks())
    }
}
