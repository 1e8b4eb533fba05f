//! LaunchDarkly. The server's answers have the shapes of the REST API's specification (version 20240415).

mod door;
mod reads;

use std::collections::BTreeMap;
use std::sync::Arc;

use opsdeck::config::settings::FlagProduct;
use opsdeck::domain::flag::FlagRef;
use opsdeck::integrations::flags::launchdarkly::LaunchDarkly;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::world::{self, Server, ok, source, status};

const TOKEN: &str = "api-7c1a2b3c-secret";
const YES: &str = "e432f62b-55f6-49dd-a02f-eb24acf39d05";
const NO: &str = "a00bf58d-d252-476c-b915-15a74becacb4";

/// The flag of the API's own documentation.
fn documented() -> Value {
    serde_json::from_str(include_str!("examples/launchdarkly-flag.json")).unwrap()
}

/// A boolean flag without targets: everybody gets it while it is on.
fn flag(key: &str, on: bool) -> Value {
    let mut flag = documented();
    flag["key"] = json!(key);
    let environment = &mut flag["environments"]["production"];
    environment["on"] = json!(on);
    environment["fallthrough"] = json!({"variation": 0});
    for list in ["targets", "contextTargets", "rules"] {
        environment[list] = json!([]);
    }
    flag
}

/// Three colours.
fn colours(key: &str) -> Value {
    let mut flag = flag(key, true);
    flag["kind"] = json!("multivariate");
    flag["temporary"] = json!(false);
    flag["variations"] = json!([{"_id": "v-red", "value": "#f00", "name": "red"},
        {"_id": "v-blue", "value": "#00f", "name": "blue"}, {"_id": "v-other", "value": {"css": "x"}}]);
    flag["environments"]["production"]["offVariation"] = Value::Null;
    flag
}

/// What the account holds.
struct Account {
    flags: BTreeMap<String, Value>,
    /// Of `production`.
    settings: Value,
    requests: Vec<Value>,
    log: Vec<Value>,
    statuses: Value,
    role: Value,
    /// Asked for a page the so-manieth time, the list loses its first flag.
    shrinks_at: Vec<usize>,
    pages: usize,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            flags: BTreeMap::new(),
            settings: json!({"_links": {}, "_id": "57be1db38b75bf0772d11384", "key": "production", "name": "Production",
                "apiKey": "sdk-secret", "mobileKey": "mob-secret", "color": "F5A623", "defaultTtl": 5, "secureMode": true,
                "defaultTrackEvents": false, "requireComments": false, "confirmChanges": false, "tags": ["ops"],
                "critical": true}),
            requests: Vec::new(),
            log: Vec::new(),
            statuses: json!([]),
            role: json!({"role": "writer", "customRoleIds": [], "name": "opsdeck"}),
            shrinks_at: Vec::new(),
            pages: 0,
        }
    }
}

fn page(all: &[Value], query: &BTreeMap<String, Vec<String>>) -> ResponseTemplate {
    let number = |name: &str, other: usize| query.get(name).map_or(other, |value| value[0].parse().unwrap());
    // Twenty at a time unless asked for more, and never more than a hundred.
    let (limit, offset) = (number("limit", 20).min(100), number("offset", 0));
    let items: Vec<&Value> = all.iter().skip(offset).take(limit).collect();
    let mut links = json!({"self": {"href": "/api/v2/x", "type": "application/json"}});
    if offset + items.len() < all.len() {
        links["next"] = json!({"href": format!("/api/v2/x?offset={}", offset + limit), "type": "application/json"});
    }
    ok(&json!({"items": items, "totalCount": all.len(), "_links": links}))
}

fn not_found(what: &str) -> ResponseTemplate {
    status(404, &json!({"code": "not_found", "message": format!("Invalid {what}")}))
}

impl Account {
    fn patch(&mut self, key: &str, body: &Value, dry: bool) -> ResponseTemplate {
        let approvals = &self.settings["approvalSettings"];
        if approvals["required"] == true {
            return status(405, &json!({"code": "method_not_allowed", "message": "approval is required"}));
        }
        let Some(flag) = self.flags.get_mut(key) else { return not_found("flag key") };
        let mut changed = flag.clone();
        let environment = &mut changed["environments"][body["environmentKey"].as_str().unwrap()];
        for instruction in body["instructions"].as_array().unwrap() {
            match instruction["kind"].as_str().unwrap() {
                "turnFlagOn" => environment["on"] = json!(true),
                "turnFlagOff" => environment["on"] = json!(false),
                "updateFallthroughVariationOrRollout" => {
                    let ids = flag["variations"].as_array().unwrap().iter().map(|one| one["_id"].as_str().unwrap());
                    let index: BTreeMap<&str, usize> = ids.enumerate().map(|(index, id)| (id, index)).collect();
                    environment["fallthrough"] = if let Some(weights) = instruction["rolloutWeights"].as_object() {
                        let shares: Vec<Value> = weights
                            .iter()
                            .map(|(id, weight)| json!({"variation": index[id.as_str()], "weight": weight}))
                            .collect();
                        json!({"rollout": {"variations": shares, "bucketBy": instruction["rolloutBucketBy"],
                            "contextKind": instruction["rolloutContextKind"]}})
                    } else {
                        json!({"variation": index[instruction["variationId"].as_str().unwrap()]})
                    };
                }
                other => {
                    return status(400, &json!({"code": "invalid_request", "message": format!("Unknown {other}")}));
                }
            }
        }
        environment["version"] = json!(environment["version"].as_u64().unwrap() + 1);
        if !dry {
            *flag = changed.clone();
        }
        ok(&changed)
    }
}

impl world::World for Account {
    fn answer(
        &mut self,
        method: &str,
        path: &[&str],
        query: &BTreeMap<String, Vec<String>>,
        body: &Value,
    ) -> ResponseTemplate {
        let keys = |keys: &[&str]| keys.iter().map(|key| json!({"key": key, "name": key})).collect::<Vec<_>>();
        match (method, &path[2..]) {
            ("GET", ["caller-identity"]) => ok(&json!({"accountId": "1", "authKind": "token", "tokenKind": "auth",
                "tokenName": "opsdeck", "tokenId": "61a", "memberId": "569", "serviceToken": true})),
            ("GET", ["tokens", "61a"]) => ok(&self.role),
            ("GET", ["projects"]) => page(&keys(&["default", "mobile"]), query),
            ("GET", ["projects", "default", "environments"]) => page(&keys(&["production", "test"]), query),
            ("GET", ["projects", "default", "environments", "production"]) => ok(&self.settings),
            ("GET", ["flags", "default"]) => {
                self.pages += 1;
                if self.shrinks_at.contains(&self.pages) {
                    self.flags.pop_first();
                }
                assert_eq!(query["summary"], ["0"], "else rules are left out");
                let all: Vec<Value> = self.flags.values().cloned().collect();
                page(&all, query)
            }
            ("GET", ["flags", "default", key]) => match self.flags.get(*key) {
                Some(flag) => ok(flag),
                None => not_found("flag key"),
            },
            ("GET", ["flags", ..]) => not_found("project key"),
            ("PATCH", ["flags", "default", key]) => self.patch(key, body, query.contains_key("dryRun")),
            ("GET", ["projects", "default", "flags", _, "environments", "production", "approval-requests"]) => {
                ok(&json!({"items": self.requests, "_links": {}}))
            }
            ("POST", ["projects", "default", "flags", _, "environments", "production", "approval-requests"]) => {
                let request = json!({"_id": "62a", "_version": 1, "creationDate": 1_772_634_120_000_i64,
                    "serviceKind": "launchdarkly", "requestorId": "569", "description": body["description"],
                    "reviewStatus": "pending", "allReviews": [], "notifyMemberIds": [], "status": "pending",
                    "instructions": body["instructions"], "conflicts": [], "_links": {}});
                self.requests.push(request.clone());
                status(201, &request)
            }
            ("GET", ["flag-statuses", "default", "production"]) => ok(&json!({"items": self.statuses, "_links": {}})),
            ("GET", ["auditlog"]) => {
                let after: i64 = query.get("after").map_or(0, |after| after[0].parse().unwrap());
                let spec = &query["spec"][0];
                let key = spec.rsplit("flag/").next().unwrap();
                let named =
                    |entry: &&Value| key == "*" || entry["target"]["resources"][0].as_str().unwrap().contains(key);
                let new: Vec<&Value> =
                    self.log.iter().filter(|entry| entry["date"].as_i64().unwrap() > after).filter(named).collect();
                ok(&json!({"items": new, "_links": {}}))
            }
            _ => not_found("resource"),
        }
    }

    fn stranger(&self) -> ResponseTemplate {
        status(401, &json!({"code": "unauthorized", "message": "Invalid access token"}))
    }
}

/// An account with these flags, and its client for the project `default`.
async fn start(flags: impl IntoIterator<Item = Value>) -> (Server<Account>, Arc<LaunchDarkly>) {
    let server = Server::<Account>::start(TOKEN).await;
    server.change(|account| {
        account.flags = flags.into_iter().map(|flag| (flag["key"].as_str().unwrap().to_owned(), flag)).collect();
    });
    let client = client_for(&server, &["default"]);
    (server, client)
}

fn client_for(server: &Server<Account>, projects: &[&str]) -> Arc<LaunchDarkly> {
    let mut settings = source(FlagProduct::LaunchDarkly, &server.uri, TOKEN);
    settings.projects = (!projects.is_empty()).then(|| projects.iter().map(|key| (*key).to_owned()).collect());
    Arc::new(LaunchDarkly::new(&settings))
}

fn id(key: &str) -> FlagRef {
    FlagRef::new("svc", "default", "production", key)
}
