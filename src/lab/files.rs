//! The files by which others find the lab: a kubeconfig, a configuration of opsdeck, and tokens of the servers.

use std::fmt::Write as _;
use std::path::Path;

use super::{pagerduty, slack, unleash};

/// One of those who may do less.
pub(super) struct Guest {
    /// The name of the context, and of the user in the kubeconfig.
    context: &'static str,
    /// The name that the server knows.
    pub user: &'static str,
    /// The token by which it knows it.
    pub token: &'static str,
}

/// May look at everything but secrets.
pub(super) const VIEWER: Guest = Guest { context: "lab-viewer", user: "viewer", token: "lab-viewer-only" };
/// May do everything in the namespace `shop`.
pub(super) const EDITOR: Guest =
    Guest { context: "lab-shop-editor", user: "shop-editor", token: "lab-shop-editor-only" };

/// A kubeconfig whose current context `lab` leads to `url`.
pub(super) fn kubeconfig(url: &str, user: &str) -> String {
    let guests = [VIEWER, EDITOR];
    let (mut clusters, mut contexts, mut users) = (String::new(), String::new(), String::new());
    for Guest { context, token, .. } in guests {
        // Writing into a string cannot fail.
        let _ = write!(clusters, "- name: {context}\n  cluster:\n    server: {url}/as/{token}\n");
        let _ = write!(
            contexts,
            "- name: {context}\n  context:\n    cluster: {context}\n    namespace: shop\n    user: {context}\n"
        );
        let _ = write!(users, "- name: {context}\n  user:\n    token: {token}\n");
    }
    format!(
        "\
apiVersion: v1
kind: Config
clusters:
- name: eu-west-1
  cluster:
    server: {url}
{clusters}contexts:
- name: lab
  context:
    cluster: eu-west-1
    namespace: shop
    user: {user}
{contexts}current-context: lab
preferences: {{}}
users:
- name: {user}
  user:
    token: lab-only
{users}"
    )
}

/// Files of tokens of the flag server, each with the context that goes by it: whoever may only look in one place may only
/// look in the other.
pub(super) const TOKENS: [(&str, &str, &str); 3] = [
    ("lab", "unleash.token", unleash::OWNER_TOKEN),
    (EDITOR.context, "unleash-editor.token", unleash::EDITOR_TOKEN),
    (VIEWER.context, "unleash-viewer.token", unleash::VIEWER_TOKEN),
];

/// Files of what the chat and the paging service go by, each with how the configuration names it.
const SLACK_TOKEN: &str = "slack.token";
const PAGERDUTY_TOKEN: &str = "pagerduty.token";
const PAGERDUTY_KEY: &str = "pagerduty-routing.key";
/// The service of the paging service that our own changes are recorded at.
const PAGED_SERVICE: &str = "payment";

/// All files of secrets with what is in them.
pub(super) fn secrets() -> Vec<(&'static str, String)> {
    let flags = TOKENS.iter().map(|(_, file, token)| (*file, (*token).to_owned()));
    flags
        .chain([
            (SLACK_TOKEN, slack::BOT_TOKEN.to_owned()),
            (PAGERDUTY_TOKEN, pagerduty::USER_TOKEN.to_owned()),
            (PAGERDUTY_KEY, pagerduty::routing_key(PAGED_SERVICE)),
        ])
        .collect()
}

/// Where the servers are.
pub(super) struct Servers<'a> {
    pub prometheus: &'a str,
    pub alertmanager: &'a str,
    pub unleash: &'a str,
    pub slack: &'a str,
    pub pagerduty: &'a str,
}

/// Chat and paging.
fn incidents(servers: &Servers<'_>, directory: &Path) -> String {
    let file = |name: &str| format!("{:?}", directory.join(name).display().to_string());
    let (slack, pagerduty, team) = (servers.slack, servers.pagerduty, slack::TEAM);
    let (slack_token, token, key) = (file(SLACK_TOKEN), file(PAGERDUTY_TOKEN), file(PAGERDUTY_KEY));
    format!(
        "
[[chat]]
name = \"lab-chat\"
provider = \"slack\"
url = \"{slack}\"
team = \"{team}\"
token = {{ file = {slack_token} }}

[[paging]]
name = \"lab-pager\"
provider = \"pagerduty\"
url = \"{pagerduty}\"
events-url = \"{pagerduty}\"
from = \"oncall@shop.example\"
token = {{ file = {token} }}
routing-key = {{ file = {key} }}
"
    )
}

/// The flag server, once for each context.
fn flags(url: &str, directory: &Path) -> String {
    let mut text = String::new();
    for (context, file, _) in TOKENS {
        let name = file.trim_end_matches(".token");
        let file = directory.join(file).display().to_string();
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "
[[flags]]
name = \"{name}\"
provider = \"unleash\"
url = \"{url}\"
token = {{ file = {file:?} }}
environments = {{ \"{context}\" = [\"production\"] }}
workloads = {{ \"verbose-tracing\" = [\"shop/*\"] }}
"
        );
    }
    text
}

/// A configuration of opsdeck for the lab: what it guards, where it measures, what it promises. The files of tokens are in
/// `directory`.
pub(super) fn configuration(servers: &Servers<'_>, directory: &Path) -> String {
    let (flags, incidents) = (flags(servers.unleash, directory), incidents(servers, directory));
    let Servers { prometheus, alertmanager, .. } = servers;
    format!(
        "\
# The lab as opsdeck sees it. Written by `opsdeck lab serve`; overwritten each time.

[contexts.lab]
production = true
label = \"PROD eu-west-1\"
colour = \"red\"

[prometheus]
url = \"{prometheus}\"

[alertmanager]
urls = [\"{alertmanager}\"]

[[slo]]
name = \"payment availability\"
namespace = \"shop\"
service = \"payment\"
target = 99.9
window = \"30d\"
errors = '''sum(rate(http_requests_total{{namespace=\"shop\",service=\"payment\",code=~\"5..\"}}[$window]))'''
total = '''sum(rate(http_requests_total{{namespace=\"shop\",service=\"payment\"}}[$window]))'''

[[slo]]
name = \"frontend latency\"
namespace = \"shop\"
service = \"frontend\"
target = 99.0
window = \"30d\"
errors = '''sum(rate(http_request_duration_seconds_count{{namespace=\"shop\",service=\"frontend\"}}[$window])) - sum(rate(http_request_duration_seconds_bucket{{namespace=\"shop\",service=\"frontend\",le=\"0.3\"}}[$window]))'''
total = '''sum(rate(http_request_duration_seconds_count{{namespace=\"shop\",service=\"frontend\"}}[$window]))'''
{flags}{incidents}"
    )
}
