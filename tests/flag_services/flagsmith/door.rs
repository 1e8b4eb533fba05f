//! Every end of the door.

use opsdeck::actions::outcome::End;
use opsdeck::domain::flag::FlagChange;

use super::*;
use crate::walk::{set, walk};

fn off(key: &str) -> opsdeck::actions::ActionKind {
    set(&id(key), FlagChange::Enabled(false))
}

#[tokio::test]
async fn a_flag_is_switched_proved_and_switched_back_and_nothing_else_of_it_changes() {
    let (server, client) = start([feature(4, "new-pricing-2", true), feature(5, "new-pricing", true)]).await;
    let before = server.change(|organisation| organisation.features.clone());
    let done = walk(&client, off("new-pricing"), || ()).await;
    assert_eq!(done.outcome.end, End::Done, "{:?}", done.outcome);
    assert!(done.permission.starts_with("Yes"), "{}", done.permission);
    let written = server.written();
    assert_eq!(written.len(), 1);
    assert_eq!(written[0].line, format!("PATCH /api/v1/environments/{KEY}/featurestates/50/"));
    assert_eq!(
        (&written[0].body, written[0].headers["content-type"].as_str()),
        (&json!({"enabled": false}), "application/json")
    );
    let undone = walk(&client, done.undo.unwrap(), || ()).await;
    assert_eq!(undone.outcome.end, End::Done, "{:?}", undone.outcome);
    assert_eq!(server.change(|organisation| organisation.features.clone()), before);
}

#[tokio::test]
async fn environments_with_feature_versioning_are_written_by_the_endpoint_for_them() {
    let (server, client) = start([feature(5, "a", true)]).await;
    server.change(|organisation| organisation.versioned = true);
    let done = walk(&client, off("a"), || ()).await;
    assert_eq!(done.outcome.end, End::Done, "{:?}", done.outcome);
    let written = server.written();
    assert_eq!(written.len(), 1);
    assert_eq!(written[0].line, format!("PATCH /api/__future__/environments/{KEY}/features/5/"));
    assert_eq!(written[0].body, json!({"environment_default": {"enabled": false}}));
    // A server that does not know it yet publishes a version, with all that the state held.
    server.change(|organisation| organisation.modern = false);
    let undone = walk(&client, done.undo.unwrap(), || ()).await;
    assert_eq!(undone.outcome.end, End::Done, "{:?}", undone.outcome);
    let written = server.written();
    assert_eq!(written[1].line, "POST /api/v1/environments/44250/features/5/versions/");
    assert_eq!(written[1].body["feature_states_to_update"][0]["feature_state_value"]["string_value"], "Welcome!");
}

#[tokio::test]
async fn versioning_that_was_turned_on_between_plan_and_write_is_taken_up() {
    let (server, client) = start([feature(5, "a", true)]).await;
    let refused =
        json!(["Cannot update feature states directly in an environment with feature versioning v2 enabled."]);
    server.instead("PATCH /api/v1/environments/", status(400, &refused));
    let done = walk(&client, off("a"), || ()).await;
    assert_eq!(done.outcome.end, End::Done, "{:?}", done.outcome);
    let lines: Vec<String> = server.written().into_iter().map(|one| one.line).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[1].contains("/api/__future__/"), "{lines:?}");
}

#[tokio::test]
async fn values_for_parts_of_users_are_set_in_both_sorts_of_environments() {
    for versioned in [false, true] {
        let (server, client) = start([
            multivariate(6, "theme", &[(61, "red", 0.0), (62, "blue", 0.0)]),
            multivariate(7, "half", &[(71, "on", 25.0)]),
        ])
        .await;
        server.change(|organisation| organisation.versioned = versioned);
        let done = walk(&client, set(&id("theme"), FlagChange::Variant("blue".into())), || ()).await;
        assert_eq!(done.outcome.end, End::Done, "{:?}", done.outcome);
        let written = server.written();
        if versioned {
            let variants = json!([{"id": 61, "weight": 0}, {"id": 62, "weight": 100}]);
            assert_eq!(written[0].body, json!({"environment_default": {"variants": variants}}));
        } else {
            assert_eq!(written[0].line, format!("PUT /api/v1/environments/{KEY}/featurestates/60/"));
            assert_eq!(
                written[0].body["multivariate_feature_state_values"],
                json!([{"id": 1061, "multivariate_feature_option": 61, "percentage_allocation": 0},
                    {"id": 1062, "multivariate_feature_option": 62, "percentage_allocation": 100}])
            );
        }
        // Back to what it was: the flag's own value for all.
        let undone = walk(&client, done.undo.unwrap(), || ()).await;
        assert_eq!(undone.outcome.end, End::Done, "{:?}", undone.outcome);
        let done = walk(&client, set(&id("half"), FlagChange::Percentage(50)), || ()).await;
        assert_eq!(done.outcome.end, End::Done, "{:?}", done.outcome);
        let refused = walk(&client, set(&id("theme"), FlagChange::Variant("green".into())), || ()).await;
        assert!(refused.outcome.detail.contains("there are: control, red, blue"), "{:?}", refused.outcome);
    }
}

#[tokio::test]
async fn whatever_changes_between_plan_and_write_is_a_conflict_and_nothing_is_written() {
    type Change = fn(&mut Organisation);
    let cases: [(Change, &str); 6] = [
        (|organisation| organisation.features[0].1[0]["enabled"] = json!(false), "was changed: it is off now"),
        (
            |organisation| organisation.features[0].1[0]["feature_state_value"]["string_value"] = json!("other"),
            "was changed: it is on now, for everybody gets \"other\"",
        ),
        (
            |organisation| {
                let mut new = organisation.features[0].1[0].clone();
                new["id"] = json!(99);
                new["feature_segment"] = json!(3);
                organisation.features[0].1.push(new);
            },
            "was changed",
        ),
        (|organisation| organisation.features[0].0["is_archived"] = json!(true), "was archived"),
        (|organisation| organisation.features.clear(), "was deleted"),
        (|organisation| organisation.approvals = Some(0), "now needs a change request"),
    ];
    for (change, words) in cases {
        let (server, client) = start([feature(5, "a", true)]).await;
        let end = walk(&client, off("a"), || server.change(change)).await;
        assert_eq!(end.outcome.end, End::Conflict, "{words}: {:?}", end.outcome);
        assert!(end.outcome.detail.contains(words), "{words}: {:?}", end.outcome);
        assert_eq!(server.written().len(), 0, "{words}");
    }
}

#[tokio::test]
async fn where_change_requests_are_on_it_is_explained_and_nothing_is_sent() {
    let (server, client) = start([feature(5, "a", true)]).await;
    server.change(|organisation| organisation.approvals = Some(2));
    let end = walk(&client, off("a"), || ()).await;
    assert_eq!(end.outcome.end, End::Refused, "{:?}", end.outcome);
    assert!(end.outcome.detail.contains("changes in PRODUCTION go through change requests (2 approvals)"));
    assert!(end.outcome.detail.contains("in the product itself"), "{:?}", end.outcome);
    assert_eq!(server.written().len(), 0);
}

#[tokio::test]
async fn a_token_without_the_permission_is_refused_with_its_name() {
    let (server, client) = start([feature(5, "a", true)]).await;
    server.change(|organisation| {
        organisation.permissions = Some(json!({"permissions": ["VIEW_ENVIRONMENT"], "admin": false}));
    });
    let end = walk(&client, off("a"), || ()).await;
    assert_eq!(end.outcome.end, End::Refused, "{:?}", end.outcome);
    assert!(end.outcome.detail.contains("UPDATE_FEATURE_STATE in project Shop"), "{:?}", end.outcome);
    assert_eq!(server.written().len(), 0);
    // Where it does not tell beforehand, the plan says so and the write decides.
    server.change(|organisation| organisation.permissions = None);
    let end = walk(&client, off("a"), || ()).await;
    assert_eq!(end.outcome.end, End::Done, "{:?}", end.outcome);
    assert!(end.permission.contains("does not tell beforehand"), "{}", end.permission);
}

#[tokio::test]
async fn what_the_server_answers_to_the_write_is_the_end_that_it_means() {
    let detail = |text: &str| json!({"detail": text});
    let cases = [
        (
            status(400, &json!({"enabled": ["Must be a valid boolean."]})),
            End::Failed,
            "enabled: Must be a valid boolean.",
        ),
        (status(401, &detail("Valid Master API Key not found.")), End::Failed, "does not accept the token"),
        (
            status(403, &detail("You do not have permission")),
            End::Failed,
            "the permission is UPDATE_FEATURE_STATE in PRODUCTION",
        ),
        (status(404, &detail("Not found.")), End::Conflict, "the flag is gone"),
        (
            status(409, &json!({"detail": "Cannot update flags", "code": "change_requests_enabled"})),
            End::Failed,
            "go through change requests, which are filed in Flagsmith itself: Cannot update flags",
        ),
        (status(409, &detail("busy")), End::Conflict, "somebody else changed the flag"),
        (status(429, &detail("throttled")).insert_header("retry-after", "3"), End::Failed, "left alone for 3 s"),
        (ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/login"), End::Failed, "not followed"),
    ];
    for (answer, wanted, words) in cases {
        let (server, client) = start([feature(5, "a", true)]).await;
        // After a 401 the token is read anew and sent once more: both times the same.
        for _ in 0..2 {
            server.instead("PATCH /api/v1/environments/", answer.clone());
        }
        let end = walk(&client, off("a"), || ()).await;
        assert_eq!(end.outcome.end, wanted, "{words}: {:?}", end.outcome);
        assert!(end.outcome.detail.contains(words), "{words}: {:?}", end.outcome);
        assert!(!format!("{:?}", end.outcome).contains("secret"));
    }
    for answer in [
        ResponseTemplate::new(502).set_body_string("bad gateway"),
        ResponseTemplate::new(200).set_body_raw("<title>Sign in</title>", "text/html"),
        ResponseTemplate::new(200).set_body_string("{\"id\": 5, "),
    ] {
        let (server, client) = start([feature(5, "a", true)]).await;
        server.instead("PATCH /api/v1/environments/", answer);
        let end = walk(&client, off("a"), || ()).await;
        assert_ne!(end.outcome.end, End::Done, "{:?}", end.outcome);
    }
}
