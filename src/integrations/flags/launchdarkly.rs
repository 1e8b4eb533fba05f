//! LaunchDarkly, by its REST API (version 20240415), with a personal access token or a service's.
//!
//! Changes are semantic patches of one environment. They carry no precondition, so that a change is based on
//! [`FlagFacts::version`]: the environment's own version with a digest of what it does, read again right before the
//! write; what comes in between even then the server answers with 409. Its dry run is asked before.

mod approvals;
mod doctor;
mod list;
mod wire;
mod words;
mod write;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::list::Memory;
use self::wire::{Entry, Environment, Flag, Keyed, Page, Problem};
use super::digest::digest;
use super::road::{Road, body, those};
use super::segment;
use crate::config::FlagSource;
use crate::config::context::matches;
use crate::config::secret::HeaderValue;
use crate::domain::flag::{FlagDetail, FlagEvent, FlagFacts, FlagKnob, FlagRef, RawFlag};
use crate::domain::mutation::Mutation;
use crate::domain::text::clean;
use crate::integrations::http::{self, HttpAnswer, HttpSettings, Pairs, Product, Transport};
use crate::ports::Future;
use crate::ports::cluster::{ClusterError, DryRun, Permission};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::flags::{FlagCheck, FlagList, FlagProvider};

/// Where it is unless the settings say otherwise (the European and the federal instance have addresses of their own).
const ADDRESS: &str = "https://app.launchdarkly.com";
/// The version of the API that this file is written for.
const VERSION: &str = "20240415";
/// The largest page of projects, environments and flags.
const PAGE: usize = 100;
/// Events of a flag that details show; the audit log gives no more at once.
const HISTORY: &str = "20";
/// So many prerequisites of a flag are looked at.
const PREREQUISITES: usize = 5;

/// One account of LaunchDarkly.
pub struct LaunchDarkly {
    road: Road,
    settings: FlagSource,
    memory: Mutex<Memory>,
    /// Projects and environments that answered a write with 405: they want approvals, whatever their settings show.
    demanding: Mutex<BTreeSet<(String, String)>>,
}

impl LaunchDarkly {
    /// As configured; sends nothing.
    pub fn new(settings: &FlagSource) -> Self {
        let mut http = settings.http.clone();
        if !http.headers.keys().any(|name| name.eq_ignore_ascii_case("LD-API-Version")) {
            http.headers.insert("LD-API-Version".into(), HeaderValue::Plain(VERSION.into()));
        }
        let url = settings.url.as_deref().unwrap_or(ADDRESS);
        Self::over(http::connect(&HttpSettings::new(Product::LaunchDarkly, url, http)), settings)
    }

    /// Over a road.
    pub fn over(transport: Arc<dyn Transport>, settings: &FlagSource) -> Self {
        Self {
            road: Road::new(transport),
            settings: settings.clone(),
            memory: Mutex::default(),
            demanding: Mutex::default(),
        }
    }

    /// An unwelcome answer in words; LaunchDarkly's own where it gives them.
    fn fault(&self, answer: &HttpAnswer) -> Fault {
        let whose = self.road.whose();
        match (answer.status, said(answer)) {
            (429, _) => self.road.limited(answer),
            (401, _) => Fault::new(FaultKind::Unauthorized, format!("{whose} does not accept the token (401)")).hint(
                "flags.token has to be an access token (api-…), not an SDK key; it may have been reset or expired",
            ),
            (403, Some(said)) => Fault::new(FaultKind::Forbidden, format!("{whose} does not allow it: {said}"))
                .hint("the role of flags.token lacks an action on this project, environment or flag"),
            (400 | 404 | 405 | 409, Some(said)) => {
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

    /// All keys of a paged list of projects or environments.
    async fn keys(&self, path: &str) -> Result<Vec<String>, Fault> {
        let mut keys = Vec::new();
        loop {
            let (offset, limit) = (keys.len().to_string(), PAGE.to_string());
            let page: Page<Keyed> = self.fetch(path, &[("limit", &limit), ("offset", &offset)]).await?;
            let last = page.items.is_empty() || page.links.next.is_none();
            keys.extend(page.items.into_iter().map(|one| one.key));
            if last || page.total_count.is_some_and(|total| keys.len() >= total) {
                return Ok(keys);
            }
        }
    }

    async fn projects(&self) -> Result<Vec<String>, Fault> {
        self.keys("/api/v2/projects").await
    }

    async fn environments(&self, project: &str) -> Result<Vec<String>, Fault> {
        self.keys(&format!("/api/v2/projects/{}/environments", segment(project))).await
    }

    /// The configured projects, globs resolved; all that the token may see without any.
    async fn chosen_projects(&self) -> Result<Vec<String>, Fault> {
        let Some(wanted) = &self.settings.projects else { return self.projects().await };
        // Plain keys need no question: a wrong one is found when it is read.
        if !wanted.iter().any(|pattern| pattern.contains(['*', '?'])) {
            return Ok(wanted.clone());
        }
        let known = self.projects().await?;
        if let Some(missing) = wanted.iter().find(|pattern| !known.iter().any(|key| matches(pattern, key))) {
            return Err(self.road.no_such("project", missing, &known, "flags.projects"));
        }
        Ok(known.into_iter().filter(|key| wanted.iter().any(|pattern| matches(pattern, key))).collect())
    }

    /// Why something of a project was not found: the project, or an environment of it. `None`: both are there.
    async fn missing(&self, project: &str, environments: &[String]) -> Result<Option<Fault>, Fault> {
        let projects = self.projects().await?;
        if !projects.iter().any(|key| key == project) {
            return Ok(Some(self.road.no_such("project", project, &projects, "flags.projects")));
        }
        let known = self.environments(project).await?;
        let missing = environments.iter().find(|key| !known.contains(key));
        Ok(missing.map(|key| self.road.no_such("environment", key, &known, "flags.environments")))
    }

    /// The flag itself, with its configuration in one environment.
    async fn flag(&self, raw: &RawFlag) -> Result<Flag, ClusterError> {
        let answer = self.road.ask(&flag_path(raw)?, &[("env", &raw.environment)]).await?;
        if answer.status == 404 && !answer.is_html() {
            let environments = std::slice::from_ref(&raw.environment);
            let missing = match self.missing(&raw.project, environments).await {
                Ok(Some(fault)) => fault.message,
                _ => format!("flag {} of project {}", clean(&raw.key), clean(&raw.project)),
            };
            return Err(ClusterError::NotFound(missing));
        }
        let flag: Flag = self.parsed(&answer)?;
        if flag.environments.contains_key(&raw.environment) {
            return Ok(flag);
        }
        let known = self.environments(&raw.project).await.unwrap_or_default();
        let (name, those) = (clean(&raw.environment), those(&known));
        Err(ClusterError::NotFound(format!("environment `{name}` of project {} ({those})", clean(&raw.project))))
    }

    /// What the flag does, as far as its own JSON tells.
    fn told(&self, flag: &Flag, environment: &Environment, key: &str) -> FlagFacts {
        let default = environment.fallthrough.as_ref();
        let percentage = default.and_then(|default| words::percentage(flag, default));
        let mut takes = vec![FlagKnob::Enabled];
        if default.is_some_and(|default| default.variation.is_some()) {
            takes.push(FlagKnob::Variant);
        }
        let mut warnings = Vec::new();
        if default.is_some_and(words::is_experiment) {
            warnings.push("an experiment divides its users: changing it spoils the experiment's result".into());
        } else if percentage.is_some() {
            takes.push(FlagKnob::Percentage);
        }
        FlagFacts {
            enabled: environment.on,
            variant: default.and_then(|default| default.variation).map(|index| words::label(flag, index)),
            percentage,
            when_on: words::when_on(flag, environment),
            when_off: words::when_off(flag, environment),
            strategies: words::strategies(flag, environment),
            variants: (0..flag.variations.len()).map(|index| words::label(flag, index)).collect(),
            kind: words::kind(flag),
            description: description(flag),
            stale: flag.deprecated,
            archived: flag.archived || environment.archived,
            takes,
            rehearses: true,
            approval: None,
            warnings,
            workloads: self.workloads(key, &flag.tags),
            version: version(flag, environment),
        }
    }

    /// The flag read anew: with its approvals and with the flags that it depends on.
    async fn read(&self, flag: &FlagRef) -> Result<(Flag, FlagFacts), ClusterError> {
        let raw = flag.raw();
        let read = self.flag(&raw).await?;
        let Some(environment) = read.environments.get(&raw.environment) else {
            return Err(ClusterError::NotFound(flag.to_string()));
        };
        let mut facts = self.told(&read, environment, &raw.key);
        for needed in environment.prerequisites.iter().flatten().take(PREREQUISITES) {
            facts.warnings.extend(self.prerequisite(&raw, needed).await);
        }
        let (approval, comments) = self.approval(&raw, &read).await?;
        if comments {
            facts.warnings.push(format!("changes in {} need a comment", clean(&raw.environment).to_uppercase()));
        }
        // A request for approval is tried by nobody.
        facts.rehearses = approval.is_none();
        facts.approval = approval;
        Ok((read, facts))
    }

    /// What to be careful about because of another flag that has to let this one.
    async fn prerequisite(&self, raw: &RawFlag, needed: &wire::Prerequisite) -> Option<String> {
        let key = clean(&needed.key).into_owned();
        let other = RawFlag { key: needed.key.clone(), ..raw.clone() };
        let Ok(other) = self.flag(&other).await else {
            return Some(format!("users get it only where flag {key} lets them, and that one cannot be read"));
        };
        let environment = other.environments.get(&raw.environment)?;
        let wanted = words::label(&other, needed.variation);
        if environment.on || environment.off_variation == Some(needed.variation) {
            return Some(format!("users get it only where flag {key} serves {wanted}"));
        }
        Some(format!("flag {key}, on which it depends, is off: nobody gets this one, on or off"))
    }

    /// The workloads that a flag is about: what the configuration and its tags say.
    fn workloads(&self, key: &str, tags: &[String]) -> Vec<String> {
        let configured = self.settings.workloads_of(key).map(str::to_owned);
        let tagged = tags.iter().filter_map(|tag| tag.strip_prefix("workload:")).filter(|name| !name.is_empty());
        configured.chain(tagged.map(|name| clean(name).into_owned())).collect()
    }

    /// The last changes of a flag in its environment, newest first.
    async fn history(&self, raw: &RawFlag) -> Result<Vec<FlagEvent>, Fault> {
        let entries: Page<Entry> =
            self.fetch("/api/v2/auditlog", &[("spec", &resource(raw)), ("limit", HISTORY)]).await?;
        Ok(entries.items.iter().filter_map(list::event).collect())
    }

    async fn detail(&self, flag: &FlagRef) -> Result<FlagDetail, ClusterError> {
        let (read, facts) = self.read(flag).await?;
        let raw = flag.raw();
        let mut gaps = Vec::new();
        let history = self.history(&raw).await.unwrap_or_else(|fault| {
            gaps.push(format!("its history: {fault}").into());
            Vec::new()
        });
        let environments = read.environments.iter().map(|(key, one)| (clean(key).into(), one.on)).collect();
        Ok(FlagDetail { facts, environments, history, gaps })
    }

    fn demands(&self, raw: &RawFlag) -> bool {
        let demanding = self.demanding.lock().unwrap_or_else(PoisonError::into_inner);
        demanding.contains(&(raw.project.clone(), raw.environment.clone()))
    }
}

/// What an error's body says; cleaned.
fn said(answer: &HttpAnswer) -> Option<String> {
    let problem: Problem = serde_json::from_slice(&answer.body).ok()?;
    let said = problem.message.filter(|text| !text.trim().is_empty()).unwrap_or(problem.code);
    (!said.is_empty()).then(|| clean(said.trim()).into_owned())
}

fn description(flag: &Flag) -> Option<String> {
    flag.description.as_deref().filter(|text| !text.is_empty()).map(|text| clean(text).into_owned())
}

/// `/api/v2/flags/default/new-pricing`.
fn flag_path(raw: &RawFlag) -> Result<String, ClusterError> {
    // A path would take them for a direction, encoded or not.
    if [&raw.project, &raw.key].iter().any(|name| matches!(name.as_str(), "" | "." | "..")) {
        return Err(ClusterError::Rejected(format!("`{}` is no name of a flag", clean(&raw.key))));
    }
    Ok(format!("/api/v2/flags/{}/{}", segment(&raw.project), segment(&raw.key)))
}

/// `proj/default:env/production:flag/new-pricing`, as LaunchDarkly names things in roles and in its audit log.
fn resource(raw: &RawFlag) -> String {
    format!("proj/{}:env/{}:flag/{}", raw.project, raw.environment, raw.key)
}

/// The environment's own version, and a digest of all that decides what users get there.
fn version(flag: &Flag, environment: &Environment) -> String {
    let targets = |targets: &Option<Vec<wire::Target>>| -> Vec<Value> {
        let all = targets.iter().flatten();
        all.map(|one| json!([one.variation, one.context_kind, one.values])).collect()
    };
    let rules: Vec<Value> = environment
        .rules
        .iter()
        .flatten()
        .map(|rule| {
            let clauses = rule.clauses.iter();
            let clauses: Vec<_> =
                clauses.map(|one| json!([one.context_kind, one.attribute, one.op, one.values, one.negate])).collect();
            json!([clauses, given(&rule.serves)])
        })
        .collect();
    let needs = environment.prerequisites.iter().flatten();
    let needs: Vec<_> = needs.map(|one| json!([one.key, one.variation])).collect();
    let variations: Vec<_> = flag.variations.iter().map(|one| json!([one.id, one.value])).collect();
    let all = json!({
        "on": environment.on, "off": environment.off_variation, "default": environment.fallthrough.as_ref().map(given),
        "rules": rules, "targets": targets(&environment.targets), "contexts": targets(&environment.context_targets),
        "needs": needs, "variations": variations, "archived": flag.archived || environment.archived,
    });
    format!("{}.{}", environment.version, digest(&all))
}

fn given(outcome: &wire::Outcome) -> Value {
    let rollout = outcome.rollout.as_ref().map(|rollout| {
        let shares: Vec<_> = rollout.variations.iter().map(|share| json!([share.variation, share.weight])).collect();
        json!([shares, rollout.bucket_by, rollout.context_kind, rollout.experiment_allocation])
    });
    json!([outcome.variation, rollout])
}

impl FlagProvider for LaunchDarkly {
    fn source(&self) -> &str {
        &self.settings.name
    }

    fn product(&self) -> &'static str {
        Product::LaunchDarkly.name()
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
        Box::pin(self.may(mutation))
    }

    fn dry_run<'a>(&'a self, mutation: &'a Mutation) -> Future<'a, Result<DryRun, ClusterError>> {
        Box::pin(self.preview(mutation))
    }

    fn check(&self) -> Future<'_, Vec<FlagCheck>> {
        Box::pin(self.checks())
    }
}
