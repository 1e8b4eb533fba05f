//! Unleash, by its admin API (5.x and later), with a personal token or a service account's.
//!
//! It knows no preconditions: a change is based on [`FlagFacts::version`], a digest of what the flag does in its
//! environment, which is read again right before the write. Names of flags are unique over all projects.

mod list;
mod wire;
mod words;
mod write;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant as Monotonic;

use self::list::Memory;
use self::wire::{ChangeRequest, ChangeRequestConfig, Environments, Events, Feature, Me, Problem, Projects, Tags};
use super::segment;
use crate::config::FlagSource;
use crate::config::context::matches;
use crate::domain::Text;
use crate::domain::flag::{
    FlagApproval, FlagChange, FlagDetail, FlagEvent, FlagFacts, FlagKnob, FlagRef, RawFlag, written,
};
use crate::domain::mutation::{Change, Mutation};
use crate::domain::text::clean;
use crate::integrations::http::{self, HttpAnswer, HttpSettings, Pairs, Product, Transport, fault};
use crate::ports::Future;
use crate::ports::cluster::{ClusterError, DryRun, Permission};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::flags::{FlagCheck, FlagFinding, FlagList, FlagProvider};

/// So long it is left alone when it says "too many requests" and not for how long.
const PATIENCE: u64 = 30;
/// No server may silence a source for longer than this.
const LONGEST: u64 = 15 * 60;
/// Events of a flag that details show.
const HISTORY: &str = "30";

/// One Unleash.
pub struct Unleash {
    road: Arc<dyn Transport>,
    settings: FlagSource,
    memory: Mutex<Memory>,
    /// It asked to be left alone until then.
    hold: Mutex<Option<Monotonic>>,
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
    pub fn over(road: Arc<dyn Transport>, settings: &FlagSource) -> Self {
        Self {
            road,
            settings: settings.clone(),
            memory: Mutex::default(),
            hold: Mutex::default(),
            without_requests: AtomicBool::default(),
        }
    }

    /// Asks, unless it wants to be left alone. Any status is an answer.
    async fn ask(&self, path: &str, query: Pairs<'_>) -> Result<HttpAnswer, Fault> {
        self.held()?;
        let answer = self.road.get(path, query).await?;
        self.heed(&answer);
        Ok(answer)
    }

    /// It may want to be left alone for now.
    fn held(&self) -> Result<(), Fault> {
        let until = *self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until.and_then(|until| until.checked_duration_since(Monotonic::now()));
        match left.filter(|left| !left.is_zero()) {
            Some(left) => Err(self.too_many(left.as_secs() + 1)),
            None => Ok(()),
        }
    }

    fn heed(&self, answer: &HttpAnswer) {
        if answer.status == 429 {
            let seconds = answer.retry_after.unwrap_or(PATIENCE).clamp(1, LONGEST);
            *self.hold.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Monotonic::now() + Duration::from_secs(seconds));
        }
    }

    fn too_many(&self, seconds: u64) -> Fault {
        let message = format!("Unleash at {} had too many requests and is left alone for {seconds} s", self.origin());
        Fault::new(FaultKind::Server, message).hint("a longer flags.interval asks less often")
    }

    /// An unwelcome answer in words; Unleash's own where it gives them.
    fn fault(&self, answer: &HttpAnswer) -> Fault {
        let problem: Option<Problem> = serde_json::from_slice(&answer.body).ok();
        let said = problem.as_ref().and_then(Problem::words).map(|text| clean(text).into_owned());
        match (answer.status, said) {
            (429, _) => self.too_many(answer.retry_after.unwrap_or(PATIENCE).clamp(1, LONGEST)),
            (403, Some(said)) => {
                Fault::new(FaultKind::Forbidden, format!("Unleash at {} does not allow it: {said}", self.origin()))
                    .hint("the user of flags.token needs a role with that permission, in this project and environment")
            }
            (401, _) => Fault::new(
                FaultKind::Unauthorized,
                format!("Unleash at {} does not accept the token (401)", self.origin()),
            )
            .hint("flags.token has to be a personal access token or a service account's; it may have expired"),
            _ => fault::of_answer(answer, Product::Unleash, self.origin()),
        }
    }

    fn parsed<T: DeserializeOwned>(&self, answer: &HttpAnswer) -> Result<T, Fault> {
        let fine = answer.status == 200 && !answer.is_html();
        fine.then(|| serde_json::from_slice(&answer.body).ok()).flatten().ok_or_else(|| self.fault(answer))
    }

    async fn fetch<T: DeserializeOwned>(&self, path: &str, query: Pairs<'_>) -> Result<T, Fault> {
        self.parsed(&self.ask(path, query).await?)
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
            return Err(self.no_such("project", missing, &known, "flags.projects"));
        }
        Ok(Some(known.into_iter().filter(|id| wanted.iter().any(|pattern| matches(pattern, id))).collect()))
    }

    /// Are the configured environments there? A fault that lists those there are when one is not among them.
    async fn check_environments(&self) -> Result<(), Fault> {
        let known: Environments = self.fetch("/api/admin/environments", &[]).await?;
        let known: Vec<String> = known.environments.into_iter().map(|environment| environment.name).collect();
        match self.settings.environments.iter().find(|name| !known.contains(name)) {
            Some(missing) => Err(self.no_such("environment", missing, &known, "flags.environments")),
            None => Ok(()),
        }
    }

    fn no_such(&self, what: &str, name: &str, known: &[String], setting: &str) -> Fault {
        let message = format!("Unleash at {} has no {what} `{}`; {}", self.origin(), clean(name), those(known));
        Fault::new(FaultKind::NotConfigured, message).hint(format!("correct {setting}"))
    }

    /// The flag itself.
    async fn feature(&self, raw: &RawFlag) -> Result<Feature, ClusterError> {
        let path = feature_path(raw)?;
        let answer = self.ask(&path, &[("variantEnvironments", "true")]).await?;
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
        let answer = self.ask(&format!("{base}/config"), &[]).await?;
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

    /// May the token's user do it? Roles that cannot be read are an error.
    async fn may(&self, permission: &str, raw: &RawFlag) -> Result<Permission, Fault> {
        let me: Me = self.fetch("/api/admin/user", &[]).await?;
        let named =
            |wanted: &str, given: Option<&str>| given.is_none_or(|given| matches!(given, "" | "*") || given == wanted);
        let allowed = me.permissions.iter().any(|granted| {
            granted.permission == "ADMIN"
                || (granted.permission == permission
                    && named(&raw.project, granted.project.as_deref())
                    && named(&raw.environment, granted.environment.as_deref()))
        });
        let what = format!("{permission} in project {}, environment {}", clean(&raw.project), clean(&raw.environment));
        let reason = (!allowed).then(|| format!("no role of {} grants it in Unleash", user(&me)));
        Ok(Permission { allowed, what, reason })
    }

    async fn checks(&self) -> Vec<FlagCheck> {
        let mut checks = Vec::new();
        let mut add = |name: &str, result| checks.push(FlagCheck { name: name.to_owned(), result });
        let me = match self.ask("/api/admin/user", &[]).await {
            Ok(answer) => {
                if let Some(date) = answer.date {
                    add("clock", FlagFinding::Clock(date));
                }
                self.parsed::<Me>(&answer)
            }
            Err(fault) => Err(fault),
        };
        let me = match me {
            Ok(me) => {
                add("token", FlagFinding::Well(format!("{}, as {}", self.origin(), user(&me))));
                Some(me)
            }
            // Nothing else will work either.
            Err(fault) if fault.kind != FaultKind::NotServed => {
                add("token", FlagFinding::Failed(fault));
                return checks;
            }
            Err(_) => None,
        };
        add(
            "project",
            match self.chosen_projects().await {
                Ok(Some(projects)) => FlagFinding::Well(format!("reads {}", those(&projects))),
                Ok(None) => FlagFinding::Well("reads all that the token may see".into()),
                Err(fault) => FlagFinding::Failed(fault),
            },
        );
        add(
            "environment",
            match self.check_environments().await {
                Ok(()) => FlagFinding::Well(clean(&self.settings.environments.join(", ")).into_owned()),
                Err(fault) => FlagFinding::Failed(fault),
            },
        );
        if me.is_some() {
            let projects = self.settings.projects.clone().filter(|names| names.iter().all(|name| !name.contains('*')));
            let project = projects.and_then(|names| names.into_iter().next()).unwrap_or_else(|| "default".into());
            for environment in &self.settings.environments {
                let raw = RawFlag { project: project.clone(), environment: environment.clone(), key: String::new() };
                add(
                    "permission",
                    match self.may(write::TOGGLE, &raw).await {
                        Ok(Permission { allowed: true, what, .. }) => FlagFinding::Well(what),
                        Ok(Permission { what, reason, .. }) => FlagFinding::Loss(
                            format!("it may look and not switch: {what} is missing; {}", reason.unwrap_or_default()),
                            "give its user a role with that permission, or use read-only = true and mean it".into(),
                        ),
                        Err(fault) => FlagFinding::Failed(fault),
                    },
                );
            }
        }
        checks
    }
}

/// Who the token belongs to.
fn user(me: &Me) -> String {
    let name = |key: &str| me.user.get(key).and_then(Value::as_str).filter(|name| !name.is_empty());
    clean(name("username").or_else(|| name("name")).or_else(|| name("email")).unwrap_or("the token")).into_owned()
}

/// `there are: a, b`.
fn those(known: &[String]) -> String {
    if known.is_empty() {
        return "there are none that the token may see".into();
    }
    let named: Vec<_> = known.iter().take(20).map(|name| clean(name)).collect();
    let more = known.len().saturating_sub(named.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("there are: {}{more}", named.join(", "))
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
    let all = json!([environment.enabled, environment.strategies, environment.variants]);
    let mut digest = Sha256::new();
    digest.update(canonical(&all).to_string().as_bytes());
    digest.finalize().iter().take(16).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Keys in order, `null` and absent the same.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let sorted: std::collections::BTreeMap<_, _> = object
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key, canonical(value)))
                .collect();
            sorted.into_iter().map(|(key, value)| (key.clone(), value)).collect()
        }
        Value::Array(items) => items.iter().map(canonical).collect(),
        value => value.clone(),
    }
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
