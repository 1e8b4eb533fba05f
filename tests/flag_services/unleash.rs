//! Unleash by its admin API: a server that answers as the product does.

mod door;
mod reads;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opsdeck::actions::ActionKind;
use opsdeck::actions::flag::SetFlag;
use opsdeck::actions::outcome::{End, Outcome};
use opsdeck::config::settings::{FlagProduct, KeptFlags};
use opsdeck::config::{FlagSource, Http, SecretSource};
use opsdeck::domain::flag::{FlagChange, FlagRef, FlagRow};
use opsdeck::integrations::flags::unleash::Unleash;
use opsdeck::ports::feed::FaultKind;
use opsdeck::ports::flags::{FlagFinding, FlagProvider as _};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::walk::walk;
use crate::world::unescape;

/// What the fake knows.
#[derive(Default)]
struct World {
    flags: BTreeMap<String, Value>,
    permissions: Vec<Value>,
    /// Answers that come first, whatever is asked.
    instead: VecDeque<ResponseTemplate>,
    /// What a switch is answered with instead of switching.
    at_switch: Option<ResponseTemplate>,
    /// Environments that demand approvals.
    approvals: Vec<Value>,
    requests: Vec<Value>,
    events: Vec<Value>,
    /// All that was asked, as `GET /path?query`, and its token.
    asked: Vec<(String, Option<String>)>,
    /// Asked so many times, the list loses a flag in the middle.
    shrinks_at: Option<usize>,
    pages: usize,
}

/// A server that answers as Unleash does.
#[derive(Clone, Default)]
struct Fake(Arc<Mutex<World>>);

const TOKEN: &str = "user:s3cret";

fn strategy(percent: u8) -> Value {
    json!({"id": "s-1", "name": "flexibleRollout", "title": null, "disabled": false, "sortOrder": 1,
        "parameters": {"rollout": percent.to_string(), "stickiness": "default", "groupId": "x"},
        "constraints": [{"contextName": "country", "operator": "IN", "values": ["de", "fr"]}], "segments": [], "variants": []})
}

fn flag(name: &str, enabled: bool) -> Value {
    json!({"name": name, "project": "default", "type": "release", "description": "what \u{1b}[31mit does", "stale": false,
        "archived": false, "archivedAt": null, "createdAt": "2026-01-01T00:00:00.000Z",
        "tags": [{"type": "workload", "value": "shop/payment"}],
        "environments": [
            {"name": "development", "enabled": true, "type": "development", "strategies": [], "hasStrategies": false,
             "hasEnabledStrategies": false, "yes": 0, "no": 0},
            {"name": "production", "enabled": enabled, "type": "production", "strategies": [strategy(25)],
             "hasStrategies": true, "hasEnabledStrategies": true, "yes": 812, "no": 4,
             "lastSeenAt": "2026-01-02T00:00:00.000Z"}]})
}

fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn problem(status: u16, name: &str, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"id": "x", "name": name, "message": message, "details": []}))
}

impl Respond for Fake {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut world = self.0.lock().unwrap();
        let token = request.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let query = request.url.query().map_or_else(String::new, |query| format!("?{query}"));
        world.asked.push((format!("{} {}{query}", request.method, request.url.path()), token.clone()));
        if let Some(answer) = world.instead.pop_front() {
            return answer;
        }
        if token.as_deref() != Some(TOKEN) {
            return problem(401, "AuthenticationRequired", "You must log in to use Unleash.");
        }
        let asked = |name: &str| request.url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned());
        // Segments as they were sent, unescaped one by one.
        let path: Vec<String> = request.url.path().trim_start_matches('/').split('/').map(unescape).collect();
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match (request.method.as_str(), &parts[..]) {
            ("GET", ["api", "admin", "projects"]) => {
                ok(&json!({"version": 1, "projects": [{"id": "default", "name": "Default"}, {"id": "checkout"}]}))
            }
            ("GET", ["api", "admin", "environments"]) => {
                ok(&json!({"version": 1, "environments": [{"name": "development"}, {"name": "production"}]}))
            }
            ("GET", ["api", "admin", "user"]) => {
                ok(&json!({"user": {"username": "vera"}, "permissions": world.permissions, "feedback": []}))
            }
            ("GET", ["api", "admin", "search", "events"]) => {
                let of = asked("feature").map(|feature| feature.trim_start_matches("IS:").to_owned());
                let events: Vec<_> = world
                    .events
                    .iter()
                    .filter(|event| of.as_ref().is_none_or(|of| event["featureName"] == **of))
                    .cloned()
                    .collect();
                ok(&json!({"total": events.len(), "events": events}))
            }
            ("GET", ["api", "admin", "search", "features"]) => {
                world.page(&asked("offset").unwrap(), &asked("limit").unwrap())
            }
            ("GET", ["api", "admin", "projects", "default", "change-requests", "config"])
                if !world.approvals.is_empty() =>
            {
                ok(&json!(world.approvals))
            }
            ("GET", ["api", "admin", "projects", "default", "change-requests", "pending", _]) => {
                ok(&json!(world.requests))
            }
            ("POST", ["api", "admin", "projects", "default", "environments", environment, "change-requests"]) => {
                let request = json!({"id": 12, "environment": environment, "state": "Draft", "minApprovals": 2,
                    "approvals": [], "features": [{"name": body["feature"],
                        "changes": [{"action": body["action"], "payload": body["payload"]}]}]});
                world.requests.push(request.clone());
                ok(&request)
            }
            ("PUT", ["api", "admin", "projects", "default", "change-requests", "12", "state"]) => {
                world.requests[0]["state"] = body["state"].clone();
                ok(&world.requests[0].clone())
            }
            ("GET", ["api", "admin", "projects", "default", "features", name]) => match world.flags.get(*name) {
                Some(flag) => ok(flag),
                None => problem(404, "NotFoundError", "Could not find feature"),
            },
            ("GET", ["api", "admin", "projects", _, "features", _]) => problem(404, "NotFoundError", "no such project"),
            ("POST", ["api", "admin", "projects", "default", "features", name, "environments", environment, word]) => {
                world.at_switch.clone().unwrap_or_else(|| world.switch(name, environment, *word == "on"))
            }
            (
                "PATCH",
                ["api", "admin", "projects", "default", "features", name, "environments", _, "strategies", "s-1"],
            ) => {
                assert_eq!(body[0]["path"], "/parameters/rollout");
                let flag = world.flags.get_mut(*name).unwrap();
                flag["environments"][1]["strategies"][0]["parameters"]["rollout"] = body[0]["value"].clone();
                ok(&flag["environments"][1]["strategies"][0].clone())
            }
            _ => ResponseTemplate::new(404).set_body_json(json!({"name": "NotFoundError"})),
        }
    }
}

impl World {
    /// A page holds at most fifty, whatever was asked for.
    fn page(&mut self, offset: &str, limit: &str) -> ResponseTemplate {
        assert_eq!(limit, "100");
        self.pages += 1;
        if self.shrinks_at == Some(self.pages) {
            self.flags.pop_first();
        }
        let offset: usize = offset.parse().unwrap();
        let page: Vec<&Value> =
            self.flags.values().filter(|flag| flag["archived"] == false).skip(offset).take(50).collect();
        ok(&json!({"features": page, "total": if page.is_empty() { 0 } else { self.flags.len() }}))
    }

    fn switch(&mut self, name: &str, environment: &str, on: bool) -> ResponseTemplate {
        let may = self.permissions.iter().any(|one| {
            one["permission"] == "ADMIN"
                || (one["permission"] == "UPDATE_FEATURE_ENVIRONMENT" && one["environment"] == environment)
        });
        if !may {
            let message = "You don't have the required permissions to perform this operation. To perform this action, you \
                need the \"UPDATE_FEATURE_ENVIRONMENT\" permission in the \"production\" environment.";
            return problem(403, "PermissionError", message);
        }
        self.flags.get_mut(name).unwrap()["environments"][1]["enabled"] = json!(on);
        ResponseTemplate::new(200)
    }
}

fn settings(url: &str) -> FlagSource {
    FlagSource {
        name: "unleash".into(),
        provider: FlagProduct::Unleash,
        url: Some(url.into()),
        projects: None,
        environments: vec!["production".into()],
        workloads: BTreeMap::from([("new-*".to_owned(), vec!["shop/checkout".to_owned()])]),
        interval: Duration::from_secs(15),
        kept: KeptFlags::default(),
        http: Http {
            timeout: Duration::from_secs(10),
            headers: BTreeMap::new(),
            token: Some(SecretSource::Command(vec!["printf".into(), TOKEN.into()])),
            basic: None,
            ca_file: None,
            insecure_skip_tls_verify: false,
            proxy_url: None,
        },
    }
}

async fn start(names: &[&str]) -> (MockServer, Fake, Arc<Unleash>) {
    let fake = Fake::default();
    {
        let mut world = fake.0.lock().unwrap();
        world.flags = names.iter().map(|name| ((*name).to_owned(), flag(name, true))).collect();
        world.permissions = vec![json!({"permission": "ADMIN"})];
    }
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(fake.clone()).mount(&server).await;
    let unleash = Arc::new(Unleash::new(&settings(&server.uri())));
    (server, fake, unleash)
}

fn pricing(name: &str) -> FlagRef {
    FlagRef::new("unleash", "default", "production", name)
}

fn off(name: &str) -> ActionKind {
    ActionKind::Flag(SetFlag { flag: pricing(name), set: FlagChange::Enabled(false), about: None })
}

/// Walks an action to its end; `meanwhile` happens between the confirmation and the write.
async fn act(
    unleash: &Arc<Unleash>,
    action: ActionKind,
    meanwhile: impl Fn(),
) -> (Outcome, Vec<Value>, Option<ActionKind>) {
    let walked = walk(unleash, action, meanwhile).await;
    (walked.outcome, walked.records, walked.undo)
}

fn row<'a>(rows: &'a [FlagRow], key: &str) -> &'a FlagRow {
    rows.iter().find(|row| &*row.id.key == key).unwrap()
}
