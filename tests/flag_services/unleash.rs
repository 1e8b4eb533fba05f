//! Unleash by its admin API, over a server that answers as the product does: whole lists, the door's ends on one flag,
//! and everything that can come back instead of an answer.

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

#[tokio::test]
async fn two_thousand_flags_are_read_page_by_page_with_who_changed_them() {
    let names: Vec<String> =
        (0..2000).map(|number| format!("flag-{number:04}")).chain(["new-pricing".into()]).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (_server, fake, unleash) = start(&names).await;
    fake.0.lock().unwrap().events = vec![
        json!({"id": 8, "type": "feature-environment-enabled", "createdBy": "mira\u{1b}[31m", "featureName": "new-pricing",
            "environment": "production", "project": "default", "createdAt": "2026-03-04T14:22:00.000Z"}),
        json!({"id": 7, "type": "feature-tagged", "createdBy": "bot", "featureName": "new-pricing",
            "createdAt": "2026-03-04T14:23:00.000Z"}),
    ];
    let list = unleash.list().await.unwrap();
    assert_eq!((list.rows.len(), list.limited), (2001, None));
    let row = row(&list.rows, "new-pricing");
    let changed = row.changed.as_ref().unwrap();
    assert_eq!((&*changed.by, &*changed.what), ("mira", "switched on in production"));
    assert_eq!(&*row.serves, "25 % of users where country is one of de, fr", "the newest change is looked at closely");
    assert_eq!(row.description.as_deref(), Some("what it does"));
    assert_eq!(row.seen.map(|seen| (seen.yes, seen.no)), Some((812, 4)));
    assert_eq!(row.workloads.iter().map(|text| &**text).collect::<Vec<_>>(), ["shop/checkout", "shop/payment"]);
    assert_eq!(&*self::row(&list.rows, "flag-1999").serves, "whom its strategies let in", "not all at once");
    // The next round reads others, and nothing twice.
    fake.0.lock().unwrap().asked.clear();
    unleash.list().await.unwrap();
    let world = fake.0.lock().unwrap();
    let looks = world.asked.iter().filter(|(path, _)| path.contains("/features/flag-")).count();
    assert_eq!(looks, 20);
    assert!(!world.asked.iter().any(|(path, _)| path.contains("/features/new-pricing")));
}

#[tokio::test]
async fn a_list_that_changes_while_it_is_read_is_read_anew() {
    let names: Vec<String> = (0..120).map(|number| format!("flag-{number:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (_server, fake, unleash) = start(&names).await;
    // One goes between the first page and the second: what stood on the border would be skipped.
    fake.0.lock().unwrap().shrinks_at = Some(2);
    let list = unleash.list().await.unwrap();
    assert_eq!(list.rows.len(), 119);
    assert_eq!(&*list.rows[0].id.key, "flag-0001");
    assert!(list.rows.iter().any(|row| &*row.id.key == "flag-0050"));
}

#[tokio::test]
async fn a_flag_goes_off_read_back_and_on_again() {
    for name in ["new-pricing", "team/new pricing", "a\u{1b}[2Jb", &"x".repeat(200)] {
        let (_server, fake, unleash) = start(&[name]).await;
        let (outcome, records, undo) = act(&unleash, off(name), || ()).await;
        assert_eq!(outcome.end, End::Done, "{name:?}: {}", outcome.detail);
        assert!(outcome.detail.contains("who gets it: nobody"), "{}", outcome.detail);
        assert_eq!(records.len(), 2);
        assert!(!records[0].to_string().contains("\\u001b"), "{}", records[0]);
        assert_eq!(fake.0.lock().unwrap().flags[name]["environments"][1]["enabled"], false);
        let (outcome, ..) = act(&unleash, undo.unwrap(), || ()).await;
        assert_eq!(outcome.end, End::Done, "{}", outcome.detail);
        let world = fake.0.lock().unwrap();
        assert_eq!(world.flags[name], flag(name, true), "nothing else of it changed");
        assert!(world.asked.iter().all(|(_, token)| token.as_deref() == Some(TOKEN)));
    }
}

#[tokio::test]
async fn a_share_is_set_and_nothing_else_of_the_strategy() {
    let (_server, fake, unleash) = start(&["new-pricing"]).await;
    let action =
        ActionKind::Flag(SetFlag { flag: pricing("new-pricing"), set: FlagChange::Percentage(5), about: None });
    let (outcome, _, undo) = act(&unleash, action, || ()).await;
    assert_eq!(outcome.end, End::Done, "{}", outcome.detail);
    let strategies = fake.0.lock().unwrap().flags["new-pricing"]["environments"][1]["strategies"].clone();
    assert_eq!(strategies, json!([strategy(5)]));
    assert!(matches!(undo, Some(ActionKind::Flag(SetFlag { set: FlagChange::Percentage(25), .. }))));
    let variant = SetFlag { flag: pricing("new-pricing"), set: FlagChange::Variant("b".into()), about: None };
    let (outcome, ..) = act(&unleash, ActionKind::Flag(variant), || ()).await;
    assert!(outcome.end == End::Refused && outcome.detail.contains("no default variant"), "{}", outcome.detail);
}

#[tokio::test]
async fn what_changed_since_the_plan_is_a_conflict_and_nothing_is_written() {
    type Change = fn(&mut World);
    let changes: [(Change, &str); 4] = [
        (|world| world.flags.get_mut("new-pricing").unwrap()["archived"] = json!(true), "was archived"),
        (|world| drop(world.flags.remove("new-pricing")), "deleted or archived"),
        (
            |world| {
                world.flags.get_mut("new-pricing").unwrap()["environments"][1]["strategies"] = json!([strategy(50)]);
            },
            "50 % of users",
        ),
        (
            |world| world.flags.get_mut("new-pricing").unwrap()["environments"][1]["enabled"] = json!(false),
            "it is off now",
        ),
    ];
    for (change, words) in changes {
        let (_server, fake, unleash) = start(&["new-pricing"]).await;
        let world = fake.0.clone();
        let (outcome, ..) = act(&unleash, off("new-pricing"), move || change(&mut world.lock().unwrap())).await;
        assert_eq!(outcome.end, End::Conflict, "{}", outcome.detail);
        assert!(outcome.detail.contains(words), "{}", outcome.detail);
        let asked = &fake.0.lock().unwrap().asked;
        assert!(asked.iter().all(|(line, _)| line.starts_with("GET ")), "{asked:?}");
    }
    // What does not concern this environment is none.
    let (_server, fake, unleash) = start(&["new-pricing"]).await;
    let world = fake.0.clone();
    let elsewhere = move || {
        world.lock().unwrap().flags.get_mut("new-pricing").unwrap()["environments"][0]["enabled"] = json!(false);
    };
    assert_eq!(act(&unleash, off("new-pricing"), elsewhere).await.0.end, End::Done);
}

#[tokio::test]
async fn what_the_server_answers_to_the_write_is_the_end_that_it_means() {
    let status = |status: u16, name: &str, message: &str| problem(status, name, message);
    let cases = [
        // Archived after the last look.
        (status(400, "ArchivedFeatureError", "Cannot perform this on archived features"), End::Conflict, "archived"),
        (status(404, "NotFoundError", "Could not find feature"), End::Conflict, "Could not find feature"),
        (status(409, "ConflictError", "busy"), End::Conflict, "busy"),
        (status(400, "BadDataError", "enabled must be boolean"), End::Failed, "enabled must be boolean"),
        (status(401, "AuthenticationRequired", "You must log in"), End::Failed, "does not accept the token"),
        (status(403, "PermissionError", "You need the permission UPDATE_X"), End::Failed, "UPDATE_X"),
        (status(429, "TooMany", "slow down").insert_header("retry-after", "3"), End::Failed, "left alone for 3 s"),
        (ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/login"), End::Failed, "not followed"),
    ];
    for (answer, wanted, words) in cases {
        let (_server, fake, unleash) = start(&["new-pricing"]).await;
        fake.0.lock().unwrap().at_switch = Some(answer);
        let (outcome, records, _) = act(&unleash, off("new-pricing"), || ()).await;
        assert_eq!(outcome.end, wanted, "{words}: {}", outcome.detail);
        assert!(outcome.detail.contains(words), "{words}: {}", outcome.detail);
        assert!(!format!("{outcome:?} {records:?}").contains(TOKEN));
    }
    // What may have been done is never called done, nor sent again.
    for answer in [
        status(502, "BadGateway", "upstream"),
        ResponseTemplate::new(200).set_body_raw("<title>Sign in</title>", "text/html"),
    ] {
        let (_server, fake, unleash) = start(&["new-pricing"]).await;
        fake.0.lock().unwrap().at_switch = Some(answer);
        let (outcome, ..) = act(&unleash, off("new-pricing"), || ()).await;
        assert_eq!(outcome.end, End::Unverified, "{}", outcome.detail);
        let asked = &fake.0.lock().unwrap().asked;
        assert_eq!(asked.iter().filter(|(line, _)| line.starts_with("POST ")).count(), 1, "{asked:?}");
    }
}

#[tokio::test]
async fn a_viewer_is_refused_with_the_permission_named_before_and_after() {
    let (_server, fake, unleash) = start(&["new-pricing"]).await;
    fake.0.lock().unwrap().permissions =
        vec![json!({"permission": "UPDATE_FEATURE_ENVIRONMENT", "project": "default", "environment": "development"})];
    let (outcome, ..) = act(&unleash, off("new-pricing"), || ()).await;
    assert_eq!(outcome.end, End::Refused);
    let wanted = "UPDATE_FEATURE_ENVIRONMENT in project default, environment production";
    assert!(outcome.detail.contains(wanted) && outcome.detail.contains("vera"), "{}", outcome.detail);
    // A right that went away after it was asked for.
    fake.0.lock().unwrap().permissions = vec![json!({"permission": "ADMIN"})];
    let world = fake.0.clone();
    let (outcome, ..) = act(&unleash, off("new-pricing"), move || world.lock().unwrap().permissions.clear()).await;
    assert_eq!(outcome.end, End::Failed);
    assert!(outcome.detail.contains("UPDATE_FEATURE_ENVIRONMENT"), "{}", outcome.detail);
}

#[tokio::test]
async fn where_approvals_are_demanded_the_request_is_filed_put_to_review_and_followed() {
    let (_server, fake, unleash) = start(&["new-pricing"]).await;
    fake.0.lock().unwrap().approvals =
        vec![json!({"environment": "production", "changeRequestEnabled": true, "requiredApprovals": 2})];
    let (outcome, _, undo) = act(&unleash, off("new-pricing"), || ()).await;
    assert_eq!((outcome.end, undo), (End::Done, None), "{}", outcome.detail);
    assert!(outcome.detail.contains("is requested"), "{}", outcome.detail);
    assert_eq!(fake.0.lock().unwrap().flags["new-pricing"]["environments"][1]["enabled"], true, "nothing was switched");
    let facts = unleash.facts(&pricing("new-pricing")).await.unwrap();
    let approval = facts.approval.unwrap();
    assert_eq!(approval.open.as_deref(), Some("#12, in review, 0 of 2 approvals"));
    // Asked for once more: it is open already.
    let (outcome, ..) = act(&unleash, off("new-pricing"), || ()).await;
    assert!(outcome.end == End::Refused && outcome.detail.contains("#12, in review"), "{}", outcome.detail);
}

#[tokio::test]
async fn what_is_not_there_is_answered_with_what_is() {
    let (server, _fake, unleash) = start(&["new-pricing"]).await;
    let read = |project: &str, environment: &str, key: &str| {
        let (flag, unleash) = (FlagRef::new("unleash", project, environment, key), unleash.clone());
        async move { unleash.facts(&flag).await.unwrap_err().to_string() }
    };
    assert!(read("nowhere", "production", "x").await.contains("there are: default, checkout"));
    assert!(read("default", "prod", "new-pricing").await.contains("there are: development, production"));
    assert!(read("default", "production", "new").await.contains("flag new of project default does not exist"));
    assert!(read("default", "production", "..").await.contains("no name of a flag"));
    let with = |change: fn(&mut FlagSource)| {
        let mut settings = settings(&server.uri());
        change(&mut settings);
        Unleash::new(&settings)
    };
    let fault = with(|source| source.projects = Some(vec!["chekout".into()])).list().await.unwrap_err();
    assert!(fault.message.contains("no project `chekout`; there are: default, checkout"), "{fault}");
    let fault = with(|source| source.environments = vec!["prod".into()]).list().await.unwrap_err();
    assert!(fault.message.contains("no environment `prod`; there are: development, production"), "{fault}");
    let fault = with(|source| source.http.token = Some(SecretSource::Command(vec!["printf".into(), "old".into()])));
    let fault = fault.list().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unauthorized);
    assert!(!format!("{fault:?}").contains("old"), "{fault:?}");
}

#[tokio::test]
async fn what_comes_instead_of_an_answer_is_told_for_what_it_is() {
    let (_server, fake, unleash) = start(&["new-pricing"]).await;
    let page = ResponseTemplate::new(200).set_body_raw("<!DOCTYPE html><title>Sign in</title>", "text/html");
    let cases = [
        (page.clone(), FaultKind::Malformed, "web page"),
        (
            ResponseTemplate::new(302).insert_header("location", "https://elsewhere.example/login"),
            FaultKind::Malformed,
            "elsewhere",
        ),
        (ResponseTemplate::new(200).set_body_string("{\"environments\": [{"), FaultKind::Malformed, "something else"),
        (ResponseTemplate::new(500), FaultKind::Server, "500"),
        (
            problem(403, "NoAccessError", "you need the \"READ_PROJECT\" permission"),
            FaultKind::Forbidden,
            "READ_PROJECT",
        ),
    ];
    for (answer, kind, words) in cases {
        fake.0.lock().unwrap().instead.push_back(answer);
        let fault = unleash.list().await.unwrap_err();
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.message.contains(words), "{fault}");
    }
    // A server that was away is asked again by the next list, and all is well.
    assert_eq!(unleash.list().await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn too_many_requests_and_it_is_left_alone_for_as_long_as_it_says() {
    let (_server, fake, unleash) = start(&["new-pricing"]).await;
    fake.0.lock().unwrap().instead.push_back(ResponseTemplate::new(429).insert_header("retry-after", "40"));
    assert!(unleash.list().await.unwrap_err().message.contains("40 s"));
    let asked = fake.0.lock().unwrap().asked.len();
    let fault = unleash.list().await.unwrap_err();
    assert!(fault.message.contains("left alone"), "{fault}");
    let (outcome, ..) = act(&unleash, off("new-pricing"), || ()).await;
    assert!(outcome.end == End::Failed && outcome.detail.contains("left alone"), "{}", outcome.detail);
    assert_eq!(fake.0.lock().unwrap().asked.len(), asked, "nothing was sent meanwhile");
}

#[tokio::test]
async fn a_token_never_follows_a_redirect_to_another_host() {
    let (_server, fake, unleash) = start(&["new-pricing"]).await;
    let (other, elsewhere, _) = start(&["new-pricing"]).await;
    let to = format!("{}/api/admin/environments", other.uri());
    fake.0.lock().unwrap().instead.push_back(ResponseTemplate::new(307).insert_header("location", to.as_str()));
    assert!(unleash.list().await.is_err());
    assert!(elsewhere.0.lock().unwrap().asked.is_empty());
}

#[tokio::test]
async fn doctor_is_told_token_project_environment_and_the_missing_permission() {
    let (_server, fake, unleash) = start(&["new-pricing"]).await;
    fake.0.lock().unwrap().permissions.clear();
    let checks = unleash.check().await;
    let of = |name: &str| &checks.iter().find(|check| check.name == name).unwrap().result;
    assert!(matches!(of("token"), FlagFinding::Well(text) if text.contains("as vera")));
    assert!(matches!(of("environment"), FlagFinding::Well(text) if text == "production"));
    assert!(matches!(of("permission"), FlagFinding::Loss(text, _) if text.contains("UPDATE_FEATURE_ENVIRONMENT")));
    fake.0.lock().unwrap().instead.push_back(problem(401, "AuthenticationRequired", "log in"));
    fake.0.lock().unwrap().instead.push_back(problem(401, "AuthenticationRequired", "log in"));
    let checks = unleash.check().await;
    assert!(
        matches!(&checks.last().unwrap().result, FlagFinding::Failed(fault) if fault.kind == FaultKind::Unauthorized)
    );
}

#[tokio::test]
async fn details_tell_strategies_in_words_and_the_history() {
    let (_server, fake, unleash) = start(&["new-pricing"]).await;
    fake.0.lock().unwrap().events = vec![
        json!({"id": 8, "type": "feature-environment-disabled", "createdBy": "mira", "featureName": "new-pricing",
            "environment": "production", "createdAt": "2026-03-04T14:22:00.000Z"}),
        json!({"id": 3, "type": "feature-created", "createdBy": "bob", "featureName": "new-pricing",
            "createdAt": "2026-03-01T14:22:00.000Z"}),
        json!({"id": 2, "type": "feature-created", "createdBy": "bob", "featureName": "other",
            "createdAt": "2026-03-01T14:21:00.000Z"}),
    ];
    let detail = unleash.detail(&pricing("new-pricing")).await.unwrap();
    let history: Vec<_> = detail.history.iter().map(|event| format!("{}: {}", event.by, event.what)).collect();
    assert_eq!(history, ["mira: switched off in production", "bob: created"]);
    assert_eq!(detail.facts.strategies, ["25 % of users where country is one of de, fr"]);
    let environments: Vec<_> = detail.environments.iter().map(|(name, on)| (&**name, *on)).collect();
    assert_eq!(environments, [("development", true), ("production", true)]);
    assert!(detail.gaps.is_empty(), "{:?}", detail.gaps);
}
