//! Flagsmith. The server's answers have the shapes of its Admin API (OpenAPI document and serializers of version 2).

mod door;
mod reads;

use std::collections::BTreeMap;
use std::sync::Arc;

use opsdeck::config::settings::FlagProduct;
use opsdeck::domain::flag::FlagRef;
use opsdeck::integrations::flags::flagsmith::Flagsmith;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::world::{self, Server, ok, source, status};

const TOKEN: &str = "ser.K3y-secret";
const AUTHORIZATION: &str = "Api-Key ser.K3y-secret";
const SHOP: u64 = 16945;
const PRODUCTION: u64 = 44250;
const KEY: &str = "V1Dp8NBzmTvYsqcaTGKbPd";

/// A feature with its state, as the API shows them.
fn feature(id: u64, name: &str, enabled: bool) -> (Value, Vec<Value>) {
    let mut feature: Value = serde_json::from_str(include_str!("examples/flagsmith-feature.json")).unwrap();
    let mut state: Value = serde_json::from_str(include_str!("examples/flagsmith-state.json")).unwrap();
    feature["id"] = json!(id);
    feature["name"] = json!(name);
    feature["environment_feature_state"]["enabled"] = json!(enabled);
    feature["environment_feature_state"]["id"] = json!(id * 10);
    state["id"] = json!(id * 10);
    state["feature"] = json!(id);
    state["enabled"] = json!(enabled);
    (feature, vec![state])
}

/// With values that parts of users get, and the parts in percent.
fn multivariate(id: u64, name: &str, options: &[(u64, &str, f64)]) -> (Value, Vec<Value>) {
    let (mut feature, mut states) = feature(id, name, true);
    feature["type"] = json!("MULTIVARIATE");
    let one = |(id, value, _): &(u64, &str, f64)| {
        json!({"id": id, "uuid": "14578d41-501f-4473-92f5-c1dfd9d63464", "type": "unicode", "integer_value": null,
            "string_value": value, "boolean_value": null, "default_percentage_allocation": 0.0})
    };
    feature["multivariate_options"] = options.iter().map(one).collect();
    let share = |(id, _, share): &(u64, &str, f64)| json!({"id": id + 1000, "multivariate_feature_option": id, "percentage_allocation": share});
    states[0]["multivariate_feature_state_values"] = options.iter().map(share).collect();
    (feature, states)
}

/// What the organisation holds: one project that matters.
struct Organisation {
    features: Vec<(Value, Vec<Value>)>,
    segments: Vec<Value>,
    audit: Vec<Value>,
    approvals: Option<u32>,
    versioned: bool,
    /// Does it serve the endpoint that hides versions?
    modern: bool,
    permissions: Option<Value>,
    /// Asked for a page the so-manieth time, the list loses its first flag.
    shrinks_at: Vec<usize>,
    pages: usize,
}

impl Default for Organisation {
    fn default() -> Self {
        Self {
            features: Vec::new(),
            segments: Vec::new(),
            audit: Vec::new(),
            approvals: None,
            versioned: false,
            modern: true,
            permissions: Some(json!({"permissions": ["VIEW_ENVIRONMENT", "UPDATE_FEATURE_STATE"], "admin": false,
                "tag_based_permissions": []})),
            shrinks_at: Vec::new(),
            pages: 0,
        }
    }
}

fn page(all: &[Value], query: &BTreeMap<String, Vec<String>>, otherwise: usize) -> ResponseTemplate {
    let number = |name: &str, other: usize| query.get(name).map_or(other, |value| value[0].parse().unwrap());
    let (number, size) = (number("page", 1), number("page_size", otherwise).min(999));
    let start = (number - 1) * size;
    if start > 0 && start >= all.len() {
        return status(404, &json!({"detail": "Invalid page."}));
    }
    let results: Vec<&Value> = all.iter().skip(start).take(size).collect();
    let more = start + results.len() < all.len();
    let next = more.then(|| format!("http://internal:8000/?page={}", number + 1));
    ok(&json!({"count": all.len(), "next": next, "previous": null, "results": results}))
}

fn not_found() -> ResponseTemplate {
    status(404, &json!({"detail": "Not found."}))
}

impl Organisation {
    fn environment(&self) -> Value {
        json!({"id": PRODUCTION, "uuid": "b5f1", "name": "Production", "api_key": KEY, "description": null, "project": SHOP,
            "minimum_change_request_approvals": self.approvals, "allow_client_traits": true, "banner_text": null,
            "banner_colour": null, "hide_disabled_flags": null, "use_mv_v2_evaluation": true,
            "use_identity_composite_key_for_hashing": true, "hide_sensitive_data": false,
            "use_v2_feature_versioning": self.versioned, "use_identity_overrides_in_local_eval": true,
            "is_creating": false, "metadata": []})
    }

    /// The state of a feature by a test on both.
    fn state(&mut self, which: impl Fn(&Value, &Value) -> bool) -> Option<(&mut Value, &mut Value)> {
        self.features.iter_mut().find_map(|(feature, states)| {
            let index = states.iter().position(|state| state["feature_segment"].is_null() && which(feature, state))?;
            Some((feature, &mut states[index]))
        })
    }

    fn write(&mut self, which: impl Fn(&Value, &Value) -> bool, body: &Value) -> ResponseTemplate {
        let Some((feature, state)) = self.state(which) else { return not_found() };
        if let Some(enabled) = body.get("enabled") {
            state["enabled"] = enabled.clone();
            feature["environment_feature_state"]["enabled"] = enabled.clone();
        }
        if let Some(shares) = body.get("multivariate_feature_state_values") {
            state["multivariate_feature_state_values"] = shares.clone();
        }
        for variant in body["variants"].as_array().into_iter().flatten() {
            for share in state["multivariate_feature_state_values"].as_array_mut().unwrap() {
                if share["multivariate_feature_option"] == variant["id"] {
                    share["percentage_allocation"] = variant["weight"].clone();
                }
            }
        }
        ok(state)
    }
}

impl world::World for Organisation {
    fn answer(
        &mut self,
        method: &str,
        path: &[&str],
        query: &BTreeMap<String, Vec<String>>,
        body: &Value,
    ) -> ResponseTemplate {
        let id = SHOP.to_string();
        let number = |text: &str| text.parse::<u64>().unwrap();
        match (method, &path[1..]) {
            ("GET", ["v1", "projects"]) => ok(&json!([
                {"id": SHOP, "uuid": "x", "name": "Shop", "organisation": 1, "stale_flags_limit_days": 30},
                {"id": 7, "uuid": "y", "name": "Mobile", "organisation": 1}])),
            ("GET", ["v1", "environments"]) if query["project"][0] == id => {
                let staging = json!({"id": 44251, "name": "Staging", "api_key": "abc", "project": SHOP});
                page(&[self.environment(), staging], query, 10)
            }
            ("GET", ["v1", "environments"]) => page(&[], query, 10),
            ("GET", ["v1", "environments", KEY, "my-permissions"]) => match &self.permissions {
                Some(permissions) => ok(permissions),
                None => status(403, &json!({"detail": "You do not have permission to perform this action."})),
            },
            ("GET", ["v1", "projects", project, "tags"]) if *project == id => page(
                &[
                    json!({"id": 9589, "label": "workload:shop/payment", "color": "#3d4db6", "project": SHOP, "type": "NONE"}),
                    json!({"id": 9590, "label": "stale", "color": "#fff", "project": SHOP, "type": "STALE"}),
                    json!({"id": 9591, "label": "Kill Switch", "color": "#fff", "project": SHOP, "type": "NONE"}),
                ],
                query,
                10,
            ),
            ("GET", ["v1", "projects", project, "features"]) if *project == id => {
                assert_eq!(query["environment"], [PRODUCTION.to_string()]);
                self.pages += 1;
                if self.shrinks_at.contains(&self.pages) {
                    self.features.remove(0);
                }
                let mut all = self.features.iter().map(|(feature, _)| feature.clone()).collect::<Vec<_>>();
                if let Some(search) = query.get("search") {
                    let wanted = search[0].to_lowercase();
                    all.retain(|one| one["name"].as_str().unwrap().to_lowercase().contains(&wanted));
                }
                page(&all, query, 999)
            }
            ("GET", ["v1", "features", "featurestates"]) => {
                let wanted = number(&query["feature"][0]);
                let states: Vec<Value> = self.features.iter().flat_map(|(_, states)| states).cloned().collect();
                let states: Vec<Value> = states.into_iter().filter(|state| state["feature"] == wanted).collect();
                page(&states, query, 10)
            }
            ("GET", ["v1", "features", "feature-segments"]) => page(&self.segments, query, 10),
            ("GET", ["v1", "audit"]) => {
                let search = query.get("search").map_or("", |text| text[0].as_str());
                let found: Vec<Value> = self
                    .audit
                    .iter()
                    .filter(|entry| entry["log"].as_str().unwrap().contains(search))
                    .cloned()
                    .collect();
                page(&found, query, 10)
            }
            ("PATCH", ["v1", "environments", KEY, "featurestates", _]) if self.versioned => status(
                400,
                &json!(["Cannot update feature states directly in an environment with feature versioning v2 enabled."]),
            ),
            // As the product does: PATCH knows `enabled` alone.
            ("PATCH", ["v1", "environments", KEY, "featurestates", state]) => {
                let state = number(state);
                self.write(|_, one| one["id"] == state, &json!({"enabled": body["enabled"]}))
            }
            ("PUT", ["v1", "environments", KEY, "featurestates", state]) => {
                let state = number(state);
                self.write(|_, one| one["id"] == state, body)
            }
            ("PATCH", ["__future__", "environments", KEY, "features", feature]) if self.modern => {
                if self.approvals.is_some() {
                    return status(
                        409,
                        &json!({"detail": "Cannot update flags in an environment with change requests enabled.",
                            "code": "change_requests_enabled"}),
                    );
                }
                let feature = number(feature);
                self.write(|one, _| one["id"] == feature, &body["environment_default"])
            }
            ("POST", ["v1", "environments", environment, "features", feature, "versions"]) => {
                assert_eq!((*environment, &body["publish_immediately"]), ("44250", &json!(true)));
                let feature = number(feature);
                let changed = &body["feature_states_to_update"][0];
                assert!(changed["feature_segment"].is_null() && changed["feature_state_value"].is_object());
                self.write(|one, _| one["id"] == feature, changed);
                status(201, &json!({"uuid": "f2b9", "is_live": true, "published": true}))
            }
            _ => not_found(),
        }
    }

    fn stranger(&self) -> ResponseTemplate {
        status(401, &json!({"detail": "Valid Master API Key not found."}))
    }
}

/// A Flagsmith with these flags, and its client for `Production` of `Shop`.
async fn start(features: impl IntoIterator<Item = (Value, Vec<Value>)>) -> (Server<Organisation>, Arc<Flagsmith>) {
    let server = Server::<Organisation>::start(AUTHORIZATION).await;
    server.change(|organisation| organisation.features = features.into_iter().collect());
    let client = client_for(&server, Some("Shop"), "Production");
    (server, client)
}

fn client_for(server: &Server<Organisation>, project: Option<&str>, environment: &str) -> Arc<Flagsmith> {
    let mut settings = source(FlagProduct::Flagsmith, &server.uri, TOKEN);
    settings.projects = project.map(|project| vec![project.to_owned()]);
    settings.environments = vec![environment.into()];
    Arc::new(Flagsmith::new(&settings))
}

fn id(key: &str) -> FlagRef {
    FlagRef::new("svc", "Shop", "Production", key)
}
