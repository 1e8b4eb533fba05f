//! What a configuration file may say: one struct per section. Their doc comments are the schema's descriptions and
//! the reference's text, so they speak to the user. Defaults stand in `defaults.toml`, not here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::context::Confirm;
use super::guardrail::Guardrail;
use super::incidents::{Chat, Incidents, Paging, StatusPage};
use super::secret::{Basic, HeaderValue, SecretSource};
use super::theme::ColourChoice;
use super::values;

/// Configuration of opsdeck. Every section and every key is optional.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Settings {
    /// How the console looks and is operated.
    pub ui: Ui,
    /// What it starts with.
    pub defaults: Defaults,
    /// Guardrails, look and sources per kubeconfig context. The key is a name or a glob (`prod-*`) over context names;
    /// all that match apply, the most specific last.
    #[serde(default)]
    pub contexts: BTreeMap<String, Context>,
    /// Rules over actions, one `[[guardrail]]` each. All that match apply, and of what they say the strictest holds,
    /// wherever it stands; a file adds rules to those of the layers below it and takes none away. What is refused is
    /// refused before anything is sent.
    #[serde(default)]
    pub guardrail: Vec<Guardrail>,
    /// Prometheus: SLO burn, and alerts that are pending.
    pub prometheus: PrometheusSection,
    /// Alertmanager: alerts with their silences.
    pub alertmanager: AlertmanagerSection,
    /// Which values of an alert's `severity` label mean what. Values that no list names count as info.
    pub severity: SeverityLists,
    /// Service level objectives to watch, one `[[slo]]` each.
    #[serde(default)]
    pub slo: Vec<Slo>,
    /// Where feature flags are kept, one `[[flags]]` each.
    #[serde(default)]
    pub flags: Vec<Flags>,
    /// Runbooks: where they are kept, and which of them may run commands.
    pub runbooks: Runbooks,
    /// Incidents: what a declare proposes, where they are kept, and whether responders share them.
    pub incidents: Incidents,
    /// Chats in which incidents have their channels, one `[[chat]]` each; the first that fits the context is taken.
    #[serde(default)]
    pub chat: Vec<Chat>,
    /// Paging services, one `[[paging]]` each.
    #[serde(default)]
    pub paging: Vec<Paging>,
    /// Status pages, one `[[status-page]]` each. What is published there, everyone can read: it is asked for each time.
    #[serde(default)]
    pub status_page: Vec<StatusPage>,
    /// The check after an action.
    pub verification: Verification,
    /// The record of every action.
    pub audit: Audit,
}

/// How the console looks and is operated.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Ui {
    /// Theme: `dark`, `light`, `sixteen`, or the name of a file `themes/NAME.toml` in the configuration directory.
    pub theme: String,
    /// Keymap: `default`, or the name of a file `keymaps/NAME.toml` in the configuration directory; it is laid over
    /// the default.
    pub keymap: String,
    /// Draw with ASCII characters only.
    pub ascii: bool,
    /// Take mouse events (hold shift to select text with the terminal's own selection).
    pub mouse: bool,
    /// How many colours to use. `auto` looks at `NO_COLOR`, `COLORTERM` and `TERM`.
    pub colour: ColourChoice,
}

/// What the console starts with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Defaults {
    /// Namespace, when neither an argument nor the kubeconfig context names one. `*` means all.
    pub namespace: Option<String>,
    /// Log lines to keep. Older ones are dropped.
    #[schemars(range(min = 100, max = 1_000_000))]
    pub log_lines: u32,
    /// How far back logs begin (`10m`).
    #[serde(deserialize_with = "values::duration")]
    #[schemars(with = "values::DurationText")]
    pub log_since: Duration,
}

/// Guardrails, look and sources of the contexts that the key matches. What is not said is taken from a less specific
/// match, then from the top-level sections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct Context {
    /// Production: shown as such, and actions ask for the name by default.
    pub production: Option<bool>,
    /// Refuse every action.
    pub read_only: Option<bool>,
    /// Name in the header, instead of the context's own.
    pub label: Option<String>,
    /// Colour of the label: one of the theme's palette, a colour's name, 0–255, or `#rrggbb`.
    #[schemars(extend("x-check" = "colour"))]
    pub colour: Option<String>,
    /// Namespace to start with.
    pub namespace: Option<String>,
    /// How an action is confirmed. Default: `name` in production, `yes` elsewhere.
    pub confirm: Option<Confirm>,
    /// Prometheus of these contexts, over `[prometheus]`.
    pub prometheus: PrometheusSection,
    /// Alertmanager of these contexts, over `[alertmanager]`.
    pub alertmanager: AlertmanagerSection,
}

/// Prometheus, or what speaks its HTTP API (Thanos, Mimir, VictoriaMetrics).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct PrometheusSection {
    /// Base address, with the route prefix if there is one.
    #[schemars(extend("x-check" = "url"))]
    pub url: Option<String>,
    /// Without `url`: look for a well-known Service in the cluster and go through the API server's proxy.
    pub discover: Option<bool>,
    /// How often to ask.
    #[serde(deserialize_with = "values::optional_duration")]
    #[schemars(with = "Option<values::DurationText>")]
    pub interval: Option<Duration>,
    /// How to reach it.
    #[serde(flatten)]
    pub http: HttpSection,
}

/// Alertmanager.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct AlertmanagerSection {
    /// Base addresses of all replicas; alerts are merged by fingerprint.
    #[schemars(extend("x-check" = "url"))]
    pub urls: Option<Vec<String>>,
    /// Without `urls`: look for a well-known Service in the cluster and go through the API server's proxy.
    pub discover: Option<bool>,
    /// How often to ask.
    #[serde(deserialize_with = "values::optional_duration")]
    #[schemars(with = "Option<values::DurationText>")]
    pub interval: Option<Duration>,
    /// How to reach it.
    #[serde(flatten)]
    pub http: HttpSection,
}

/// How to reach an HTTP source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct HttpSection {
    /// How long to wait for an answer.
    #[serde(deserialize_with = "values::optional_duration")]
    #[schemars(with = "Option<values::DurationText>")]
    pub timeout: Option<Duration>,
    /// Headers to send along: text, or a secret's place.
    pub headers: Option<BTreeMap<String, HeaderValue>>,
    /// Bearer token: `{ env = "…" }`, `{ file = "…" }`, `{ keyring = "…" }` or `{ command = ["…"] }`, never the token itself.
    pub token: Option<SecretSource>,
    /// User name and password.
    pub basic: Option<Basic>,
    /// Certificates (PEM) to trust beside the system's.
    #[schemars(extend("x-check" = "path"))]
    pub ca_file: Option<PathBuf>,
    /// Accept any certificate. Tests only.
    pub insecure_skip_tls_verify: Option<bool>,
    /// Proxy to go through (`http://`, `https://`, `socks5://`). Default: the environment's.
    #[schemars(extend("x-check" = "proxy"))]
    pub proxy_url: Option<String>,
}

/// Which values of an alert's `severity` label mean what.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct SeverityLists {
    /// Wake someone.
    pub critical: Vec<String>,
    /// Look at it soon.
    pub warning: Vec<String>,
    /// Good to know.
    pub info: Vec<String>,
}

/// One service level objective.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Slo {
    /// Name, unique (`payment availability`).
    #[schemars(length(min = 1))]
    pub name: String,
    /// The service that it measures, as the workload or its `app` label is called.
    #[schemars(length(min = 1))]
    pub service: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Target in percent, above 0 and below 100 (`99.9`).
    #[schemars(extend("x-check" = "percent"))]
    pub target: f64,
    /// Period of the budget. Default: `30d`.
    #[serde(default = "values::thirty_days", deserialize_with = "values::duration")]
    #[schemars(with = "values::DurationText")]
    pub window: Duration,
    /// PromQL of the bad events; `$window` stands for the range.
    #[schemars(extend("x-check" = "query"))]
    pub errors: String,
    /// PromQL of all events; `$window` stands for the range.
    #[schemars(extend("x-check" = "query"))]
    pub total: String,
}

/// One source of feature flags.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Flags {
    /// Name, unique; what the pane, `--provider` and the audit log call it.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The product.
    pub provider: FlagProduct,
    /// Base address of its API, with the path before `/api` if there is one. LaunchDarkly and Flagsmith have one without it.
    #[schemars(extend("x-check" = "url"))]
    pub url: Option<String>,
    /// Projects to read. Default: all that the token may see.
    #[schemars(extend("x-check" = "pattern"))]
    pub projects: Option<Vec<String>>,
    /// Which environments belong to which kubeconfig contexts: `{ "prod-*" = ["production"], "*" = ["development"] }`.
    /// Of the patterns that match a context the most specific counts; where none matches, the source is not asked.
    /// Flags that are kept in the cluster belong to its context: for them it may be left out, and one name is enough.
    #[serde(default)]
    pub environments: BTreeMap<String, Vec<String>>,
    /// Which flags are about which workloads: `{ "*pricing*" = ["shop/payment"] }`. Globs on both sides; a workload is
    /// NAME or NAMESPACE/NAME. A flag's tag `workload:NAME` says it too, and so does the annotation `opsdeck.dev/flags`
    /// of a workload (a list of globs).
    #[serde(default)]
    pub workloads: BTreeMap<String, Vec<String>>,
    /// How often to ask. Default: `15s`; `60s` of LaunchDarkly and Flagsmith, which count requests.
    #[serde(default, deserialize_with = "values::optional_duration")]
    #[schemars(with = "Option<values::DurationText>")]
    pub interval: Option<Duration>,
    /// In which objects of the cluster they are kept.
    #[serde(flatten)]
    pub kept: KeptFlags,
    /// How to reach it.
    #[serde(flatten)]
    pub http: HttpSection,
}

/// In which objects of the cluster flags are kept; for `feature-flag`, `go-feature-flag` and `config-map`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct KeptFlags {
    /// Namespaces to read. Default: all, and where that is forbidden the context's own.
    pub namespaces: Option<Vec<String>>,
    /// Label selector of the objects (`app=shop,flags`).
    pub selector: Option<String>,
    /// Name of the objects, may be a glob.
    #[schemars(extend("x-check" = "pattern"))]
    pub object: Option<String>,
    /// The ConfigMap's key that holds the document, may be a glob. Without it every key of the ConfigMap is a flag.
    #[schemars(extend("x-check" = "pattern"))]
    pub key: Option<String>,
    /// How the document is written. Default: what the key's ending says, else YAML.
    pub format: Option<FlagFormat>,
    /// Where in the document the flags are: `["features"]`. Default: at its top.
    #[serde(default)]
    pub path: Vec<String>,
}

/// How a document of flags is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FlagFormat {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
    /// TOML.
    Toml,
    /// Java's properties, and lines of NAME=VALUE.
    Properties,
}

/// Products that keep feature flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FlagProduct {
    /// Unleash, by its admin API; the token is a personal or a service account's.
    Unleash,
    /// LaunchDarkly, by its REST API; the token is an access token (`api-…`), not an SDK key. Without `url`:
    /// `https://app.launchdarkly.com`.
    #[serde(rename = "launchdarkly")]
    LaunchDarkly,
    /// Flagsmith, by its Admin API; the token is an API key of the organisation. Without `url`: its cloud,
    /// `https://api.flagsmith.com`. Projects go by name or number, environments by name or key.
    Flagsmith,
    /// `FeatureFlag` objects of the OpenFeature operator (flagd), in the cluster itself.
    FeatureFlag,
    /// GO Feature Flag's file in a ConfigMap.
    GoFeatureFlag,
    /// Flags in a ConfigMap: in a document under one of its keys, or its keys themselves.
    ConfigMap,
}

impl FlagProduct {
    /// Are the flags in the cluster, not at an address?
    pub const fn is_in_cluster(self) -> bool {
        matches!(self, Self::FeatureFlag | Self::GoFeatureFlag | Self::ConfigMap)
    }
}

/// Runbooks: where they are kept, and which of them may run commands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Runbooks {
    /// Directories with Markdown runbooks (a git checkout, say). They come after the shipped ones, those in
    /// `/etc/opsdeck/runbooks` and those in `runbooks` beside the user's configuration; of runbooks with one id the last
    /// one counts.
    #[schemars(extend("x-check" = "path"))]
    pub directories: Vec<PathBuf>,
    /// Directories whose runbooks may run commands. They, the runbooks in them and the directories above them have to
    /// belong to you or to root, and nobody else may be able to write them.
    #[schemars(extend("x-check" = "path"))]
    pub trusted: Vec<PathBuf>,
    /// Where the pages that alerts name in `runbook_url` are kept as files, by the beginning of their addresses:
    /// `{ "https://wiki.example.com/runbooks/" = "~/git/runbooks" }`.
    #[serde(default)]
    pub pages: BTreeMap<String, PathBuf>,
    /// Fetch what `runbook_url` names over HTTPS when it is asked for, and keep it for the night when the wiki is down.
    pub fetch: bool,
    /// How long fetching a page, or a request of a runbook's `http` step, may take.
    #[serde(deserialize_with = "values::duration")]
    #[schemars(with = "values::DurationText")]
    pub timeout: Duration,
}

/// The check after an action.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Verification {
    /// How long an action may take until it must have come true; after that it is called unverified.
    #[serde(deserialize_with = "values::duration")]
    #[schemars(with = "values::DurationText")]
    pub timeout: Duration,
}

/// The record of every action.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Audit {
    /// Directory of the audit log. Default: `audit` in the state directory (`~/.local/state/opsdeck`).
    #[schemars(extend("x-check" = "path"))]
    pub directory: Option<PathBuf>,
    /// A file of the log that has reached this size is moved aside (`audit-0001.jsonl`…) and a new one begun (`10MB`,
    /// `512KiB`). Nothing is ever deleted.
    #[serde(deserialize_with = "values::size")]
    #[schemars(with = "values::SizeText")]
    pub rotate_at: u64,
}
