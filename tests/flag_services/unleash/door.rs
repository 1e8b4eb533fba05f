//! The door's ends on one flag: off and on again, a share, conflicts, refusals, approvals.

use super::*;

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
