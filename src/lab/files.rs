//! The files by which others find the lab: a kubeconfig, and a configuration of opsdeck.

/// A kubeconfig whose current context `lab` leads to `url`.
pub(super) fn kubeconfig(url: &str, user: &str) -> String {
    format!(
        "\
apiVersion: v1
kind: Config
clusters:
- name: eu-west-1
  cluster:
    server: {url}
contexts:
- name: lab
  context:
    cluster: eu-west-1
    namespace: shop
    user: {user}
current-context: lab
preferences: {{}}
users:
- name: {user}
  user:
    token: lab-only
"
    )
}

/// A configuration of opsdeck for the lab: what it guards, where it measures, what it promises.
pub(super) fn configuration(prometheus: &str, alertmanager: &str) -> String {
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
"
    )
}
