//! Whole lists, single flags in words, and everything that can come back instead of an answer.

use super::*;

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
