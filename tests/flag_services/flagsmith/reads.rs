//! Lists, single flags in words, and what can come instead of them.

use opsdeck::domain::flag::{FlagKind, FlagKnob};
use opsdeck::ports::cluster::ClusterError;
use opsdeck::ports::feed::FaultKind;
use opsdeck::ports::flags::{FlagFinding, FlagProvider as _};

use super::*;
use crate::world::strange_answers;

fn entry(date: &str, log: &str, environment: Option<u64>) -> Value {
    json!({"id": 1, "created_date": date, "log": log, "related_object_id": 5, "related_object_type": "FEATURE_STATE",
        "author": {"id": 1, "email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace"},
        "environment": environment.map(|id| json!({"id": id, "name": "x", "api_key": "k", "project": SHOP})),
        "project": {"id": SHOP, "name": "Shop"}, "is_system_event": false})
}

#[tokio::test]
async fn a_list_is_whole_over_all_its_pages_and_says_who_changed_what() {
    let many = (1..350).map(|number| feature(number, &format!("flag-{number:03}"), number % 2 == 0));
    let (server, client) = start(many.chain([feature(900, "new-pricing", true)])).await;
    server.change(|organisation| {
        let last = &mut organisation.features.last_mut().unwrap().0;
        last["num_segment_overrides"] = json!(2);
        last["tags"] = json!([9589, 9590, 9591]);
        organisation.audit = vec![
            entry("2026-03-04T15:00:00Z", "Flag state updated for feature: new-pricing", Some(44251)),
            entry("2026-03-04T14:22:00.123456Z", "Flag state updated for feature: new-pricing", Some(PRODUCTION)),
            entry("2026-03-03T14:22:00Z", "Flag / Remote Config updated: flag-001", None),
        ];
    });
    let list = client.list().await.unwrap();
    assert_eq!((list.rows.len(), list.limited), (350, None));
    let asked = server.asked();
    let pages: Vec<&str> =
        asked.iter().map(|one| one.line.as_str()).filter(|line| line.contains("/features/?")).collect();
    let page = |number: u32| {
        format!(
            "GET /api/v1/projects/16945/features/?environment=44250&page={number}&page_size=100&sort_field=name\
             &sort_direction=ASC"
        )
    };
    assert_eq!(pages, [page(1), page(2), page(3), page(4)]);
    assert!(asked.iter().all(|one| one.headers["authorization"] == AUTHORIZATION));
    let row = |key: &str| list.rows.iter().find(|row| &*row.id.key == key).unwrap();
    let pricing = row("new-pricing");
    let changed = pricing.changed.as_ref().unwrap();
    assert_eq!((&*changed.by, &*changed.what), ("Ada Lovelace", "Flag state updated"));
    assert_eq!(changed.at.to_rfc3339(), "2026-03-04T14:22:00.123456+00:00", "the other environment's does not count");
    assert_eq!(&*pricing.serves, "2 segment overrides first, then everybody gets \"Welcome!\"");
    assert_eq!((pricing.kind, pricing.stale), (FlagKind::KillSwitch, true));
    assert_eq!(pricing.workloads.iter().map(|one| &**one).collect::<Vec<_>>(), ["shop/checkout", "shop/payment"]);
    assert!(pricing.tags.iter().any(|tag| &**tag == "owner:Ada Lovelace"), "{:?}", pricing.tags);
    assert_eq!(pricing.description.as_deref(), Some("The new prices"));
    let other = row("flag-001");
    assert_eq!((&*other.serves, other.enabled), ("nobody", false));
    assert_eq!(&*other.changed.as_ref().unwrap().what, "Flag / Remote Config updated");
    assert_eq!(row("flag-002").changed, None);
}

#[tokio::test]
async fn a_list_that_changes_while_it_is_read_is_read_anew_and_never_shown_with_a_gap() {
    let many = || (1..251).map(|number| feature(number, &format!("flag-{number:03}"), true));
    let (server, client) = start(many()).await;
    server.change(|organisation| organisation.shrinks_at = vec![2]);
    assert_eq!(client.list().await.unwrap().rows.len(), 249);
    let (server, client) = start(many()).await;
    server.change(|organisation| organisation.shrinks_at = (2..100).collect());
    let error = client.list().await.unwrap_err();
    assert!(error.message.contains("changes faster than it can be read"), "{error}");
}

#[tokio::test]
async fn projects_go_by_name_or_number_environments_by_name_or_key_and_wrong_ones_are_told() {
    let (server, _) = start([feature(1, "a", true)]).await;
    for (project, environment) in [(Some("16945"), "Production"), (Some("Sho*"), KEY), (None, "Production")] {
        let rows = client_for(&server, project, environment).list().await.unwrap().rows;
        assert_eq!((rows.len(), &rows[0].id), (1, &id("a")), "{project:?} {environment}");
    }
    let error = client_for(&server, Some("shop"), "Production").list().await.unwrap_err();
    assert_eq!(error.kind, FaultKind::NotConfigured);
    assert!(error.message.contains("no project `shop`; there are: Shop, Mobile"), "{error}");
    let error = client_for(&server, Some("Shop"), "prod").list().await.unwrap_err();
    assert!(error.message.contains("no environment `prod`; there are: Production, Staging"), "{error}");
    let client = client_for(&server, Some("Shop"), "Production");
    let cases = [
        (FlagRef::new("svc", "Shep", "Production", "a"), "project `Shep` (there are: Shop, Mobile)"),
        (
            FlagRef::new("svc", "Shop", "prod", "a"),
            "environment `prod` of project Shop (there are: Production, Staging)",
        ),
        (id("b"), "flag b of project Shop"),
    ];
    for (flag, words) in cases {
        let error = client.facts(&flag).await.unwrap_err();
        assert!(matches!(&error, ClusterError::NotFound(what) if what == words), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_answer_of_the_api_is_a_fault_in_words_and_the_token_goes_nowhere_else() {
    let other = Server::<Organisation>::start(AUTHORIZATION).await;
    let (server, client) = start([feature(1, "a", true)]).await;
    for path in ["GET /api/v1/projects/", "GET /api/v1/projects/16945/features/"] {
        for (answer, kind, words) in strange_answers(&format!("{}/login", other.uri)) {
            server.instead(path, answer);
            let error = client.list().await.unwrap_err();
            assert_eq!(error.kind, kind, "{error}");
            assert!(error.message.contains(words), "{error}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
    assert_eq!(other.asked().len(), 0, "another host was asked");
    let denied = json!({"detail": "You do not have permission to perform this action."});
    server.instead("GET /api/v1/projects/16945/features/", status(403, &denied));
    let error = client.list().await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Forbidden);
    assert!(error.message.ends_with("You do not have permission to perform this action."), "{error}");
    let stranger = Flagsmith::new(&source(FlagProduct::Flagsmith, &server.uri, "ser.other"));
    let error = stranger.list().await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Unauthorized);
    assert!(error.message.contains("Valid Master API Key not found"), "{error}");
    assert_eq!(client.list().await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn after_too_many_requests_it_is_left_alone() {
    let (server, client) = start([feature(1, "a", true)]).await;
    let limited = json!({"detail": "Request was throttled. Expected available in 42 seconds."});
    server.instead("GET /api/v1/projects/", status(429, &limited).insert_header("retry-after", "42"));
    assert!(client.list().await.unwrap_err().message.contains("for 42 s"));
    server.asked();
    assert!(client.list().await.unwrap_err().message.contains("is left alone"));
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn an_audit_log_that_is_not_for_this_token_is_asked_of_the_project_and_else_a_loss() {
    let (server, client) = start([feature(1, "a", true)]).await;
    let denied = || status(403, &json!({"detail": "no audit log on this plan"}));
    let entries = vec![entry("2026-03-04T15:00:00Z", "Flag state updated for feature: a", Some(PRODUCTION))];
    server.instead("GET /api/v1/audit/", denied());
    server.instead("GET /api/v1/projects/16945/audit/", ok(&json!({"count": 1, "next": null, "results": entries})));
    let list = client.list().await.unwrap();
    assert_eq!((list.limited, &*list.rows[0].changed.as_ref().unwrap().by), (None, "Ada Lovelace"));
    server.instead("GET /api/v1/audit/", denied());
    let list = client.list().await.unwrap();
    assert!(list.limited.unwrap().message.contains("who changed flags is not known"));
    assert_eq!(list.rows.len(), 1);
}

#[tokio::test]
async fn overrides_and_shares_in_words() {
    let (mut with_segments, mut states) = feature(5, "new-pricing", true);
    with_segments["num_segment_overrides"] = json!(1);
    with_segments["num_identity_overrides"] = json!(3);
    let mut overridden = states[0].clone();
    overridden["id"] = json!(51);
    overridden["feature_segment"] = json!(77);
    overridden["enabled"] = json!(false);
    states.push(overridden);
    let shares = multivariate(6, "theme", &[(61, "red", 30.0), (62, "blue", 12.5)]);
    let (server, client) = start([(with_segments, states), shares]).await;
    server.change(|organisation| {
        organisation.segments = vec![json!({"id": 77, "uuid": "x", "segment": 9, "priority": 0,
            "environment": PRODUCTION, "segment_name": "beta users", "is_feature_specific": false})];
    });
    let facts = client.facts(&id("new-pricing")).await.unwrap();
    let first = "1 segment override and 3 identity overrides";
    assert_eq!(facts.when_on, format!("{first} first, then everybody gets \"Welcome!\""));
    assert_eq!(facts.when_off, format!("nobody but whom {first} let in"));
    assert_eq!(facts.strategies, ["segment beta users: off", "all others: on, everybody gets \"Welcome!\""]);
    assert_eq!(facts.takes, [FlagKnob::Enabled]);
    let facts = client.facts(&id("theme")).await.unwrap();
    assert_eq!(facts.when_on, "users get red 30 %, blue 12.5 %, control (\"Welcome!\") 57.5 %");
    assert_eq!((facts.variants, facts.variant), (vec!["control".into(), "red".into(), "blue".into()], None));
}

#[tokio::test]
async fn names_that_mean_something_to_a_path_or_a_terminal_reach_the_server_as_they_are() {
    let long = "x".repeat(200);
    let keys = ["team/new pricing", "a\u{1b}[2Jb?c#d&e=f", "100%25", "ünï", long.as_str()];
    let (_server, client) = start((1..).zip(keys).map(|(number, key)| feature(number, key, true))).await;
    for key in keys {
        assert!(client.facts(&id(key)).await.unwrap().enabled, "{key:?}");
    }
    let rows = client.list().await.unwrap().rows;
    assert_eq!(rows.len(), keys.len());
    assert!(rows.iter().all(|row| !row.id.key.contains('\u{1b}') && keys.contains(&row.id.raw().key.as_str())));
}

#[tokio::test]
async fn doctor_learns_whether_the_token_is_accepted_what_it_may_and_what_is_missing() {
    let (server, client) = start([feature(1, "a", true)]).await;
    let told = |checks: Vec<opsdeck::ports::flags::FlagCheck>| {
        checks.into_iter().map(|check| (check.name, check.result)).collect::<BTreeMap<_, _>>()
    };
    let checks = told(client.check().await);
    assert_eq!(checks["project"], FlagFinding::Well("Shop, Production".into()));
    let may = "UPDATE_FEATURE_STATE in project Shop, environment Production";
    assert_eq!(checks["permission"], FlagFinding::Well(may.into()));
    server.change(|organisation| organisation.permissions = Some(json!({"permissions": [], "admin": false})));
    let FlagFinding::Loss(what, _) = &told(client.check().await)["permission"] else { panic!() };
    assert!(what.contains(may), "{what}");
    server.change(|organisation| organisation.permissions = None);
    let FlagFinding::Loss(what, _) = &told(client.check().await)["permission"] else { panic!() };
    assert!(what.contains("does not tell beforehand"), "{what}");
    let checks = told(client_for(&server, Some("Shop"), "prod").check().await);
    let FlagFinding::Failed(fault) = &checks["project"] else { panic!() };
    assert!(fault.message.contains("there are: Production, Staging"), "{fault}");
    let stranger = Flagsmith::new(&source(FlagProduct::Flagsmith, &server.uri, "ser.other"));
    assert!(matches!(&told(stranger.check().await)["token"], FlagFinding::Failed(_)));
}
