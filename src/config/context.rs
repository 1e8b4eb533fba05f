//! What holds in one kubeconfig context: guardrails, look, and the sources to ask.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::incidents::{self, Services};
use super::secret::{Basic, HeaderValue, SecretSource};
use super::settings::{AlertmanagerSection, Context, FlagProduct, HttpSection, KeptFlags, PrometheusSection, Settings};

/// How an action is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confirm {
    /// Not at all.
    None,
    /// One key.
    Yes,
    /// The workload's name, typed.
    Name,
}

/// What holds in one context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextSettings {
    /// The kubeconfig context.
    pub name: String,
    /// What the header calls it.
    pub label: String,
    /// Production?
    pub production: bool,
    /// Refuse every action?
    pub read_only: bool,
    /// The label's colour, for [`super::theme::Theme::colour`].
    pub colour: Option<String>,
    /// Namespace to start with, when the configuration says one (the context's own entry, else `[defaults]`).
    pub namespace: Option<String>,
    /// How an action is confirmed, where no guardrail speaks of it.
    pub confirm: Confirm,
    /// Was that said, not taken by default? Then guardrails can only make it stricter.
    pub confirm_is_said: bool,
    /// Prometheus.
    pub prometheus: Prometheus,
    /// Alertmanager.
    pub alertmanager: Alertmanager,
    /// Sources of feature flags that know an environment for this context.
    pub flags: Vec<FlagSource>,
    /// Services that incidents speak to.
    pub services: Services,
}

/// One source of feature flags, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagSource {
    /// Its name.
    pub name: String,
    /// The product.
    pub provider: FlagProduct,
    /// Base address.
    pub url: Option<String>,
    /// Projects; `None` for all.
    pub projects: Option<Vec<String>>,
    /// Environments of this context; never empty.
    pub environments: Vec<String>,
    /// Globs of flags, each with the globs of the workloads that they are about.
    pub workloads: BTreeMap<String, Vec<String>>,
    /// How often to ask.
    pub interval: Duration,
    /// In which objects of the cluster they are kept.
    pub kept: KeptFlags,
    /// How to reach it.
    pub http: Http,
}

impl FlagSource {
    /// The workloads that a flag of this name is about, as globs over `NAMESPACE/NAME` or `NAME`.
    pub fn workloads_of<'a>(&'a self, flag: &'a str) -> impl Iterator<Item = &'a str> {
        let about = self.workloads.iter().filter(move |(pattern, _)| matches(pattern, flag));
        about.flat_map(|(_, workloads)| workloads.iter().map(String::as_str))
    }
}

/// Prometheus, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prometheus {
    /// Base address.
    pub url: Option<String>,
    /// Look for it in the cluster when there is no address.
    pub discover: bool,
    /// How often to ask.
    pub interval: Duration,
    /// How to reach it.
    pub http: Http,
}

/// Alertmanager, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alertmanager {
    /// Base addresses.
    pub urls: Vec<String>,
    /// Look for it in the cluster when there is no address.
    pub discover: bool,
    /// How often to ask.
    pub interval: Duration,
    /// How to reach it.
    pub http: Http,
}

/// How to reach an HTTP source, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// How long to wait for an answer.
    pub timeout: Duration,
    /// Headers to send along.
    pub headers: BTreeMap<String, HeaderValue>,
    /// Bearer token. Never together with `basic`.
    pub token: Option<SecretSource>,
    /// User name and password.
    pub basic: Option<Basic>,
    /// Certificates to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Accept any certificate.
    pub insecure_skip_tls_verify: bool,
    /// Proxy; the environment's when `None`.
    pub proxy_url: Option<String>,
}

/// Merges what matches `name` over the top-level sections.
pub(super) fn resolve(settings: &Settings, guesses: &BTreeSet<String>, name: &str) -> ContextSettings {
    let mut merged = Context {
        namespace: settings.defaults.namespace.clone(),
        prometheus: settings.prometheus.clone(),
        alertmanager: settings.alertmanager.clone(),
        ..Context::default()
    };
    let mut matching: Vec<_> = settings.contexts.iter().filter(|(pattern, _)| matches(pattern, name)).collect();
    // A guess never outdoes what someone wrote, however specific it is: `*-prod` must hold for `us-pre-prod`.
    matching.sort_by_key(|(pattern, _)| (!guesses.contains(*pattern), specificity(pattern)));
    for (_, context) in matching {
        lay_over(&mut merged, context);
    }
    let production = merged.production.unwrap_or(false);
    ContextSettings {
        name: name.to_owned(),
        label: merged.label.unwrap_or_else(|| name.to_owned()),
        production,
        read_only: merged.read_only.unwrap_or(false),
        colour: merged.colour,
        namespace: merged.namespace,
        confirm_is_said: merged.confirm.is_some(),
        confirm: merged.confirm.unwrap_or(if production { Confirm::Name } else { Confirm::Yes }),
        prometheus: prometheus(merged.prometheus),
        alertmanager: alertmanager(merged.alertmanager),
        flags: flags(settings, name),
        services: incidents::services(settings, name),
    }
}

/// How often flags are asked for: they change by hand, and lists are long.
const FLAGS_INTERVAL: Duration = Duration::from_secs(15);

/// The same for services that count the requests of all their customers.
const SERVICE_INTERVAL: Duration = Duration::from_secs(60);

const fn interval(product: FlagProduct) -> Duration {
    match product {
        FlagProduct::LaunchDarkly | FlagProduct::Flagsmith => SERVICE_INTERVAL,
        _ => FLAGS_INTERVAL,
    }
}

fn flags(settings: &Settings, context: &str) -> Vec<FlagSource> {
    let of_context = |environments: &BTreeMap<String, Vec<String>>| {
        let matching = environments.iter().filter(|(pattern, _)| matches(pattern, context));
        matching.max_by_key(|(pattern, _)| specificity(pattern)).map(|(_, names)| names.clone())
    };
    let sources = settings.flags.iter().filter_map(|flags| {
        // What is kept in the cluster is there for its context, whatever that is called.
        let nameless = flags.provider.is_in_cluster() && flags.environments.is_empty();
        let environments = if nameless { Some(vec![String::new()]) } else { of_context(&flags.environments) };
        let environments = environments.filter(|names| !names.is_empty())?;
        Some(FlagSource {
            name: flags.name.clone(),
            provider: flags.provider,
            url: flags.url.clone(),
            projects: flags.projects.clone(),
            environments,
            workloads: flags.workloads.clone(),
            interval: flags.interval.unwrap_or_else(|| interval(flags.provider)),
            kept: flags.kept.clone(),
            http: http(flags.http.clone()),
        })
    });
    sources.collect()
}

/// Does a glob match? `*` stands for any text, `?` for one character, all else for itself.
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where to go back to: the last star, and how much it had swallowed.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, swallowed)) => {
                    star = Some((at, swallowed + 1));
                    p = at + 1;
                    n = swallowed + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Is it a glob, not a plain name?
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Sorts patterns from the least specific: exact names last, then by how many characters they fix, then by how few
/// stars they need.
fn specificity(pattern: &str) -> (bool, usize, Reverse<usize>) {
    let wild = pattern.chars().filter(|c| matches!(c, '*' | '?')).count();
    (wild == 0, pattern.chars().count() - wild, Reverse(wild))
}

fn set<T: Clone>(into: &mut Option<T>, from: Option<&T>) {
    if let Some(value) = from {
        *into = Some(value.clone());
    }
}

fn lay_over(base: &mut Context, over: &Context) {
    set(&mut base.production, over.production.as_ref());
    set(&mut base.read_only, over.read_only.as_ref());
    set(&mut base.label, over.label.as_ref());
    set(&mut base.colour, over.colour.as_ref());
    set(&mut base.namespace, over.namespace.as_ref());
    set(&mut base.confirm, over.confirm.as_ref());
    set(&mut base.prometheus.url, over.prometheus.url.as_ref());
    set(&mut base.prometheus.discover, over.prometheus.discover.as_ref());
    set(&mut base.prometheus.interval, over.prometheus.interval.as_ref());
    lay_over_http(&mut base.prometheus.http, &over.prometheus.http);
    set(&mut base.alertmanager.urls, over.alertmanager.urls.as_ref());
    set(&mut base.alertmanager.discover, over.alertmanager.discover.as_ref());
    set(&mut base.alertmanager.interval, over.alertmanager.interval.as_ref());
    lay_over_http(&mut base.alertmanager.http, &over.alertmanager.http);
}

fn lay_over_http(base: &mut HttpSection, over: &HttpSection) {
    set(&mut base.timeout, over.timeout.as_ref());
    if let Some(headers) = &over.headers {
        base.headers.get_or_insert_default().extend(headers.clone());
    }
    // One way of authentication replaces the other: a token for staging must not travel with production's password.
    if over.token.is_some() || over.basic.is_some() {
        base.token.clone_from(&over.token);
        base.basic.clone_from(&over.basic);
    }
    set(&mut base.ca_file, over.ca_file.as_ref());
    set(&mut base.insecure_skip_tls_verify, over.insecure_skip_tls_verify.as_ref());
    set(&mut base.proxy_url, over.proxy_url.as_ref());
}

/// `defaults.toml` sets both; these hold only for settings that were made without it.
const TIMEOUT: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_secs(5);

fn prometheus(section: PrometheusSection) -> Prometheus {
    Prometheus {
        url: section.url,
        discover: section.discover.unwrap_or(true),
        interval: section.interval.unwrap_or(INTERVAL),
        http: http(section.http),
    }
}

fn alertmanager(section: AlertmanagerSection) -> Alertmanager {
    Alertmanager {
        urls: section.urls.unwrap_or_default(),
        discover: section.discover.unwrap_or(true),
        interval: section.interval.unwrap_or(INTERVAL),
        http: http(section.http),
    }
}

pub(super) fn http(section: HttpSection) -> Http {
    Http {
        timeout: section.timeout.unwrap_or(TIMEOUT),
        headers: section.headers.unwrap_or_default(),
        token: section.token,
        basic: section.basic,
        ca_file: section.ca_file,
        insecure_skip_tls_verify: section.insecure_skip_tls_verify.unwrap_or(false),
        proxy_url: section.proxy_url,
    }
}
