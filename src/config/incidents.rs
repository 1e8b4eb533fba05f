//! `[incidents]`, `[[chat]]`, `[[paging]]` and `[[status-page]]`: what incidents propose, where they are kept, and the services
//! that they speak to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::context::{Http, http, matches};
use super::secret::SecretSource;
use super::settings::{HttpSection, Settings};
use super::values;
use crate::domain::incident::{Role, Severity, Visibility};

/// Incidents. Templates know `id`, `title`, `severity`, `service`, `workload`, `namespace`, `context`, `date`
/// (`2026-11-21`), `time` (`1432`), `alerts`, `burn`, `suspect`, `runbook`, `commander`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Incidents {
    /// Where they are kept. Default: `incidents` in the state directory.
    #[schemars(extend("x-check" = "path"))]
    pub directory: Option<PathBuf>,
    /// Where drafts of post-mortems are written. Default: the incident's own directory.
    #[schemars(extend("x-check" = "path"))]
    pub post_mortems: Option<PathBuf>,
    /// Whether responders share them: `no`, or `cluster`: in ConfigMaps of the context's cluster.
    pub share: Share,
    /// The namespace of those ConfigMaps; it has to be there.
    #[schemars(length(min = 1))]
    pub namespace: String,
    /// How often everyone is told how it stands; SEV1 and SEV2 twice as often as the others.
    #[serde(deserialize_with = "values::duration")]
    #[schemars(with = "values::DurationText")]
    pub update_every: Duration,
    /// The channel's name, a template.
    pub channel: String,
    /// Its topic, a template.
    pub topic: String,
    /// The first message, a template. Default: alerts, burn, what probably caused it, runbook and links.
    pub first_message: Option<String>,
    /// Who may see the channel.
    pub visibility: Visibility,
    /// Whom to invite: as the chat knows them (user name, e-mail address or id).
    pub invite: Vec<String>,
    /// Who has which role from the start: `{ communications = "support" }`. The one who declares is commander.
    #[serde(default)]
    pub roles: BTreeMap<Role, String>,
    /// Links of the first message: `{ "Dashboard" = "https://…/{{ service }}" }`, templates.
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    /// Which severity is proposed, one `[[incidents.rule]]` each; the first that fits.
    #[serde(default)]
    pub rule: Vec<SeverityRule>,
    /// The reaction that marks a message of the channel for the timeline, as pins do.
    pub marker: String,
}

/// Whether responders share incidents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Share {
    /// Each console has its own.
    No,
    /// In ConfigMaps of the cluster.
    Cluster,
}

/// When an incident is how bad; all that is said has to hold.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct SeverityRule {
    /// The severity that is proposed.
    pub severity: Severity,
    /// Globs over the names of the alerts that fire: one of them.
    #[schemars(extend("x-check" = "pattern"))]
    pub alerts: Option<Vec<String>>,
    /// The alert's severity, as `[severity]` sorts it: `critical`, `warning` or `info`.
    pub alert_severity: Option<String>,
    /// The fastest burn over five minutes is at least this multiple of what the SLO allows.
    pub burn: Option<f64>,
    /// The context is production.
    pub production: Option<bool>,
    /// Globs over workloads, NAMESPACE/NAME or NAME: one of them.
    #[schemars(extend("x-check" = "pattern"))]
    pub workloads: Option<Vec<String>>,
}

/// A chat.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Chat {
    /// Name, unique among all services.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The product.
    pub provider: ChatProduct,
    /// Base address. Slack and Discord have one without it; for `webhook` the address that messages are posted to, without
    /// what is secret in it (see `token`).
    #[schemars(extend("x-check" = "url"))]
    pub url: Option<String>,
    /// Slack: the workspace that the token has to belong to (its id or domain). Mattermost: the team. Discord: the server
    /// (guild) id. Matrix: the server name for invitees and aliases.
    pub team: Option<String>,
    /// Discord: the category that channels are put under. Matrix: the space.
    pub parent: Option<String>,
    /// kubeconfig contexts, as globs. Default: all.
    #[schemars(extend("x-check" = "pattern"))]
    pub contexts: Option<Vec<String>>,
    /// How to reach it. For `webhook` the token is the whole address where that is secret.
    #[serde(flatten)]
    pub http: HttpSection,
}

/// Chats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChatProduct {
    /// Slack, by its Web API; the token is a bot's (`xoxb-…`).
    Slack,
    /// Mattermost, by its API v4; the token is a personal access token or a bot's.
    Mattermost,
    /// Discord, by its API v10; the token is a bot's.
    Discord,
    /// Matrix, by the client-server API v3; the token is an access token.
    Matrix,
    /// Anything that takes `{"text": …}` by POST: opens no channel.
    Webhook,
}

/// A paging service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Paging {
    /// Name, unique among all services.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The product.
    pub provider: PagingProduct,
    /// Base address of its REST API. Default: the product's own (`https://api.eu.opsgenie.com` for Opsgenie in Europe).
    #[schemars(extend("x-check" = "url"))]
    pub url: Option<String>,
    /// PagerDuty: base address of its Events API. Default: `https://events.pagerduty.com`.
    #[schemars(extend("x-check" = "url"))]
    pub events_url: Option<String>,
    /// PagerDuty: in whose name it is written, the e-mail address of a user there.
    pub from: Option<String>,
    /// PagerDuty: the integration key of its Events API v2, for change events of our actions and for paging.
    pub routing_key: Option<SecretSource>,
    /// Services, escalation policies or teams to look at, by id. Default: all.
    pub services: Option<Vec<String>>,
    /// kubeconfig contexts, as globs. Default: all.
    #[schemars(extend("x-check" = "pattern"))]
    pub contexts: Option<Vec<String>>,
    /// How to reach it.
    #[serde(flatten)]
    pub http: HttpSection,
}

/// Paging services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PagingProduct {
    /// PagerDuty, by its REST API v2 and Events API v2.
    #[serde(rename = "pagerduty")]
    PagerDuty,
    /// Opsgenie, by its Alert API v2.
    Opsgenie,
}

/// A status page.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StatusPage {
    /// Name, unique among all services.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The product.
    pub provider: StatusPageProduct,
    /// Base address. Default: `https://api.statuspage.io`.
    #[schemars(extend("x-check" = "url"))]
    pub url: Option<String>,
    /// The page's id.
    #[schemars(length(min = 1))]
    pub page: String,
    /// Which components show which services: `{ "Checkout" = ["payment", "cart*"] }`, globs over services.
    #[serde(default)]
    pub components: BTreeMap<String, Vec<String>>,
    /// kubeconfig contexts, as globs. Default: all.
    #[schemars(extend("x-check" = "pattern"))]
    pub contexts: Option<Vec<String>>,
    /// How to reach it.
    #[serde(flatten)]
    pub http: HttpSection,
}

/// Status pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StatusPageProduct {
    /// Statuspage, by its API v1; the token is an API key of a user.
    Statuspage,
}

/// A chat, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatSource {
    /// As configured, its reachability apart.
    pub chat: Chat,
    /// The reaction that marks a message.
    pub marker: String,
    /// How to reach it.
    pub http: Http,
}

/// A paging service, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagingSource {
    /// As configured, its reachability apart.
    pub paging: Paging,
    /// How to reach it.
    pub http: Http,
}

/// A status page, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusPageSource {
    /// As configured, its reachability apart.
    pub page: StatusPage,
    /// How to reach it.
    pub http: Http,
}

/// The services of a context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// Chats, the first one is taken.
    pub chats: Vec<ChatSource>,
    /// Paging services.
    pub pagings: Vec<PagingSource>,
    /// Status pages.
    pub status_pages: Vec<StatusPageSource>,
}

fn is_of(contexts: Option<&Vec<String>>, context: &str) -> bool {
    contexts.is_none_or(|patterns| patterns.iter().any(|pattern| matches(pattern, context)))
}

/// What is configured for a context.
pub(super) fn services(settings: &Settings, context: &str) -> Services {
    let marker = &settings.incidents.marker;
    let chats = settings.chat.iter().filter(|chat| is_of(chat.contexts.as_ref(), context));
    let pagings = settings.paging.iter().filter(|paging| is_of(paging.contexts.as_ref(), context));
    let pages = settings.status_page.iter().filter(|page| is_of(page.contexts.as_ref(), context));
    Services {
        chats: chats
            .map(|chat| ChatSource { chat: chat.clone(), marker: marker.clone(), http: http(chat.http.clone()) })
            .collect(),
        pagings: pagings
            .map(|paging| PagingSource { paging: paging.clone(), http: http(paging.http.clone()) })
            .collect(),
        status_pages: pages
            .map(|page| StatusPageSource { page: page.clone(), http: http(page.http.clone()) })
            .collect(),
    }
}
