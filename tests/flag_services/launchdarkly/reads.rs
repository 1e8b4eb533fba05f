//! Lists, single flags in words, and what can come instead of them.

use opsdeck::domain::flag::{FlagKind, FlagKnob};
use opsdeck::integrations::flags::launchdarkly::LaunchDarkly;
use opsdeck::ports::cluster::ClusterError;
use opsdeck::ports::feed::FaultKind;
use opsdeck::ports::flags::{FlagFinding, FlagProvider as _};

use super::*;
use crate::world::{fault, strange_answers};

fn audit() -> Value {
    serde_json::from_str(include_str!("../examples/launchdarkly-auditlog.json")).unwrap()
}

#[tokio::test]
async fn a_list_is_whole_over_all_its_pages_and_says_who_changed_what() {
    let many = (0..349).map(|number| flag(&format!("flag-{number:03}"), number % 2 == 0));
    let (server, client) = start(many.chain([flag("new-pricing", true)])).await;
    server.change(|account| {
        account.flags.get_mut("new-pricing").unwrap()["environments"]["production"]["lastModified"] =
            json!(1_772_634_119_000_i64);
        account.log = vec![audit()];
        account.statuses = json!([
            {"name": "active", "lastRequested": "2026-03-04T14:00:00.000Z", "default": false,
             "_links": {"parent": {"href": "/api/v2/flags/default/new-pricing", "type": "application/json"},
                        "self": {"href": "/api/v2/flag-statuses/default/production/new-pricing"}}},
            {"name": "inactive", "lastRequested": null,
             "_links": {"parent": {"href": "/api/v2/flags/default/flag-001", "type": "application/json"}}}]);
    });
    let list = client.list().await.unwrap();
    assert_eq!((list.rows.len(), list.limited), (350, None));
    let asked = server.asked();
    let pages: Vec<&str> =
        asked.iter().map(|one| one.line.as_str()).filter(|line| line.starts_with("GET /api/v2/flags/")).collect();
    let page =
        |offset: u32| format!("GET /api/v2/flags/default?limit=100&offset={offset}&summary=0&sort=key&env=production");
    assert_eq!(pages, [page(0), page(100), page(200), page(300)]);
    for one in &asked {
        assert_eq!(one.headers["authorization"], TOKEN, "without a scheme");
        assert_eq!(one.headers["ld-api-version"], "20240415");
    }
    let row = |key: &str| list.rows.iter().find(|row| &*row.id.key == key).unwrap();
    let pricing = row("new-pricing");
    let changed = pricing.changed.as_ref().unwrap();
    assert_eq!((&*changed.by, &*changed.what), ("Ariel Flores", "turned on (canary looked fine)"));
    assert_eq!(changed.at.timestamp_millis(), 1_772_634_120_000);
    assert_eq!(pricing.last_seen.unwrap().to_rfc3339(), "2026-03-04T14:00:00+00:00");
    assert_eq!((&*pricing.serves, pricing.kind, pricing.stale), ("everybody", FlagKind::Release, false));
    assert_eq!(pricing.workloads.iter().map(|one| &**one).collect::<Vec<_>>(), ["shop/checkout", "shop/payment"]);
    let unused = row("flag-001");
    assert_eq!((&*unused.serves, unused.enabled, unused.stale), ("nobody", false, true));
    // The audit log does not know it: its own time is all there is.
    let changed = unused.changed.as_ref().unwrap();
    assert_eq!((&*changed.by, changed.at.timestamp_millis()), ("?", 1_469_326_565_348));

    // The next round asks for news only, and for statuses not at all.
    assert_eq!(client.list().await.unwrap().rows, list.rows);
    let lines: Vec<String> = server.asked().into_iter().map(|one| one.line).collect();
    assert!(lines.iter().any(|line| line.contains("after=1772634120000")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("flag-statuses")), "{lines:?}");
}

#[tokio::test]
async fn a_list_that_changes_while_it_is_read_is_read_anew_and_never_shown_with_a_gap() {
    let many = || (0..250).map(|number| flag(&format!("flag-{number:03}"), true));
    let (server, client) = start(many()).await;
    server.change(|account| account.shrinks_at = vec![2]);
    assert_eq!(client.list().await.unwrap().rows.len(), 249);
    let (server, client) = start(many()).await;
    server.change(|account| account.shrinks_at = (2..100).collect());
    let error = client.list().await.unwrap_err();
    assert!(error.message.contains("changes faster than it can be read"), "{error}");
}

#[tokio::test]
async fn an_unknown_project_or_environment_is_told_with_those_that_there_are() {
    let (server, _) = start([flag("a", true)]).await;
    let error = client_for(&server, &["shop"]).list().await.unwrap_err();
    assert_eq!(error.kind, FaultKind::NotConfigured);
    assert!(error.message.contains("no project `shop`; there are: default, mobile"), "{error}");
    let error = client_for(&server, &["shop-*"]).list().await.unwrap_err();
    assert!(error.message.contains("no project `shop-*`; there are: default, mobile"), "{error}");
    let mut settings = source(FlagProduct::LaunchDarkly, &server.uri, TOKEN);
    settings.projects = Some(vec!["def*".into()]);
    settings.environments = vec!["prod".into()];
    let error = LaunchDarkly::new(&settings).list().await.unwrap_err();
    assert!(error.message.contains("no environment `prod`; there are: production, test"), "{error}");
    let elsewhere = FlagRef::new("svc", "shop", "production", "a");
    let error = client_for(&server, &[]).facts(&elsewhere).await.unwrap_err();
    assert!(error.to_string().contains("there are: default, mobile"), "{error}");
    let error = client_for(&server, &[]).facts(&FlagRef::new("svc", "default", "prod", "a")).await.unwrap_err();
    assert!(error.to_string().contains("environment `prod`"), "{error}");
    assert!(error.to_string().contains("there are: production, test"), "{error}");
    let error = client_for(&server, &[]).facts(&id("b")).await.unwrap_err();
    assert!(matches!(&error, ClusterError::NotFound(what) if what == "flag b of project default"), "{error}");
}

#[tokio::test]
async fn what_is_no_answer_of_the_api_is_a_fault_in_words_and_the_token_goes_nowhere_else() {
    let other = Server::<Account>::start(TOKEN).await;
    let (server, client) = start([flag("a", true)]).await;
    for (answer, kind, words) in strange_answers(&format!("{}/login", other.uri)) {
        server.instead("GET /api/v2/flags/", answer);
        let error = client.list().await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(words), "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    assert_eq!(other.asked().len(), 0, "another host was asked");

    let denied = json!({"code": "forbidden", "message": "Forbidden. Access to the requested resource was denied"});
    server.instead("GET /api/v2/flags/", status(403, &denied));
    let error = client.list().await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Forbidden);
    assert!(error.message.ends_with("does not allow it: Forbidden. Access to the requested resource was denied"));
    // Another token than the server knows.
    let stranger = LaunchDarkly::new(&source(FlagProduct::LaunchDarkly, &server.uri, "sdk-1"));
    let error = stranger.list().await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Unauthorized);
    assert!(error.hint.unwrap().contains("not an SDK key"));
    // It goes on as soon as the server does.
    assert_eq!(client.list().await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn lost_side_information_is_a_loss_and_not_an_end() {
    let (server, client) = start([flag("a", true)]).await;
    server.instead("GET /api/v2/auditlog", status(403, &json!({"code": "forbidden", "message": "no auditlog"})));
    let list = client.list().await.unwrap();
    assert_eq!(list.rows.len(), 1);
    let limited = list.limited.unwrap();
    assert!(limited.message.contains("who changed flags is not known"), "{limited}");
    let detail = {
        server.instead("GET /api/v2/auditlog", status(403, &json!({"code": "forbidden", "message": "no auditlog"})));
        client.detail(&id("a")).await.unwrap()
    };
    assert!(detail.gaps[0].contains("no auditlog"), "{:?}", detail.gaps);
}

#[tokio::test]
async fn after_too_many_requests_it_is_left_alone_until_the_time_that_it_says() {
    let (server, client) = start([flag("a", true)]).await;
    let limited = json!({"code": "rate_limited", "message": "You've exceeded the API rate limit. Try again later."});
    let soon = chrono::Utc::now().timestamp_millis() + 90_500;
    let answer = status(429, &limited)
        .insert_header("x-ratelimit-reset", soon.to_string().as_str())
        .insert_header("date", chrono::Utc::now().to_rfc2822().replace("+0000", "GMT").as_str());
    server.instead("GET /api/v2/flags/", answer);
    let error = client.list().await.unwrap_err();
    let said: u64 = error.message.split(" for ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!((88..=92).contains(&said), "{error}");
    server.asked();
    assert!(client.list().await.unwrap_err().message.contains("is left alone"));
    assert!(matches!(client.facts(&id("a")).await.unwrap_err(), ClusterError::Fault(_)));
    assert_eq!(server.asked().len(), 0, "it was asked all the same");
    // Its other header, in seconds.
    let fresh = client_for(&server, &["default"]);
    server.instead("GET /api/v2/flags/", status(429, &limited).insert_header("retry-after", "7"));
    assert!(fresh.list().await.unwrap_err().message.contains("for 7 s"));
}

#[tokio::test]
async fn the_documented_flag_in_words() {
    let (_server, client) = start([documented(), colours("theme")]).await;
    let facts = client.facts(&id("flag-key-123abc")).await.unwrap();
    assert_eq!(facts.when_on, "3 named targets and 1 rule first, then 60 % of users");
    assert_eq!((facts.when_off.as_str(), facts.percentage, facts.variant), ("nobody", Some(60), None));
    assert_eq!(
        facts.strategies,
        [
            "user user-key-123abc, user-key-456def: True",
            "device device-key-123abc: False",
            "rule 1: where groups is Top Customers and not: email ends with gmail.com: True",
            "all others: 60 % of users"
        ]
    );
    assert_eq!(facts.takes, [FlagKnob::Enabled, FlagKnob::Percentage]);
    assert!(facts.version.starts_with("61.") && facts.rehearses && facts.approval.is_none());
    assert_eq!(facts.description.as_deref(), Some("This flag controls the example widgets"));

    let facts = client.facts(&id("theme")).await.unwrap();
    assert_eq!((facts.when_on.as_str(), facts.variant.as_deref()), ("everybody gets red", Some("red")));
    assert_eq!(facts.when_off, "what the code has as its default: it has no off variation");
    assert_eq!(facts.variants, ["red", "blue", r#"{"css":"x"}"#]);
    assert_eq!(facts.takes, [FlagKnob::Enabled, FlagKnob::Variant]);
}

#[tokio::test]
async fn experiments_and_prerequisites_are_warned_of() {
    let mut child = flag("child", true);
    child["environments"]["production"]["prerequisites"] = json!([{"key": "parent", "variation": 0}]);
    child["environments"]["production"]["fallthrough"] = json!({"rollout": {
        "variations": [{"variation": 0, "weight": 33_300}, {"variation": 1, "weight": 66_700}],
        "contextKind": "organization", "bucketBy": "key", "experimentAllocation": {"defaultVariation": 1}}});
    let (server, client) = start([child, flag("parent", false)]).await;
    let facts = client.facts(&id("child")).await.unwrap();
    assert_eq!(facts.when_on, "33.3 % of contexts of kind organization (an experiment); only where parent lets them");
    assert_eq!((facts.percentage, facts.takes), (None, vec![FlagKnob::Enabled]));
    assert!(facts.warnings[0].contains("an experiment divides its users"), "{:?}", facts.warnings);
    assert!(facts.warnings[1].contains("parent, on which it depends, is off: nobody gets"), "{:?}", facts.warnings);
    server.change(|account| account.flags.insert("parent".into(), flag("parent", true)));
    let facts = client.facts(&id("child")).await.unwrap();
    assert!(facts.warnings[1].contains("only where flag parent serves True"), "{:?}", facts.warnings);
    server.change(|account| account.flags.remove("parent"));
    let facts = client.facts(&id("child")).await.unwrap();
    assert!(facts.warnings[1].contains("cannot be read"), "{:?}", facts.warnings);
}

#[tokio::test]
async fn names_that_mean_something_to_a_path_or_a_terminal_reach_the_server_as_they_are() {
    let long = "x".repeat(200);
    let keys = ["team/new pricing", "a\u{1b}[2Jb?c#d&e", "100%25", "ünï", long.as_str()];
    let (server, client) = start(keys.map(|key| flag(key, true))).await;
    for key in keys {
        let facts = client.facts(&id(key)).await.unwrap();
        assert!(facts.enabled, "{key:?}");
    }
    let rows = client.list().await.unwrap().rows;
    assert!(rows.iter().all(|row| !row.id.key.contains('\u{1b}')));
    let mut raw: Vec<String> = rows.iter().map(|row| row.id.raw().key).collect();
    raw.sort();
    let mut wanted = keys.map(str::to_owned);
    wanted.sort();
    assert_eq!(raw, wanted);
    server.asked();
    for bad in ["", ".", ".."] {
        assert!(matches!(client.facts(&id(bad)).await.unwrap_err(), ClusterError::Rejected(_)), "{bad:?}");
    }
    assert_eq!(server.asked().len(), 0);
    let html = ResponseTemplate::new(200).set_body_raw("<html>", "text/html");
    server.instead("GET /api/v2/flags/default/100", html);
    let error = client.facts(&id("100%25")).await.unwrap_err();
    assert_eq!(fault(&error).kind, FaultKind::Malformed);
}

#[tokio::test]
async fn doctor_learns_whose_token_it_is_what_it_may_and_what_is_missing() {
    let (server, client) = start([flag("a", true)]).await;
    let told = |checks: Vec<opsdeck::ports::flags::FlagCheck>| {
        checks.into_iter().map(|check| (check.name, check.result)).collect::<BTreeMap<_, _>>()
    };
    let checks = told(client.check().await);
    assert_eq!(checks["token"], FlagFinding::Well(format!("{}, as service token opsdeck", server.uri)));
    assert_eq!(checks["project"], FlagFinding::Well("default, production".into()));
    assert_eq!(checks["permission"], FlagFinding::Well("updateOn on proj/default:env/production:flag/*".into()));
    server.change(|account| account.role = json!({"role": "reader", "customRoleIds": []}));
    let FlagFinding::Loss(what, advice) = &told(client.check().await)["permission"] else { panic!() };
    assert!(what.contains("updateOn") && what.contains("role reader") && advice.contains("read-only"), "{what}");
    server.change(|account| account.role = json!({"role": "reader", "customRoleIds": ["62b"]}));
    let FlagFinding::Loss(what, advice) = &told(client.check().await)["permission"] else { panic!() };
    assert!(what.contains("a role of its own") && advice.contains("dry run"), "{what}");
    let FlagFinding::Failed(fault) = &told(client_for(&server, &["shop"]).check().await)["project"] else { panic!() };
    assert!(fault.message.contains("there are: default, mobile"), "{fault}");
    let stranger = LaunchDarkly::new(&source(FlagProduct::LaunchDarkly, &server.uri, "api-other"));
    let checks = told(stranger.check().await);
    assert!(matches!(&checks["token"], FlagFinding::Failed(fault) if fault.kind == FaultKind::Unauthorized));
    assert!(!checks.contains_key("project"));
}
