//! The files by which others find the lab: a kubeconfig, a configuration of opsdeck, and tokens of the flag server.

use std::fmt::Write as _;
use std::path::Path;

use super::unleash;

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
pub(super) fn configuration(prometheus: &str, alertmanager: &str, unleash: &str, directory: &Path) -> String {
    let flags = flags(unleash, directory);
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
{flags}"
    )
}
