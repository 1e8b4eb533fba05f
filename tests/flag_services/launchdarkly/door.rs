//! Every end of the door.

use opsdeck::actions::outcome::End;
use opsdeck::domain::flag::FlagChange;

use super::*;
use crate::walk::{set, walk};

#[tokio::test]
async fn a_flag_is_tried_switched_proved_and_switched_back_and_nothing_else_of_it_changes() {
    let (server, client) = start([documented()]).await;
    let before = server.change(|account| account.flags["flag-key-123abc"].clone());
    let flag = id("flag-key-123abc");
    let done = walk(&client, set(&flag, FlagChange::Enabled(false)), || ()).await;
    assert_eq!(done.outcome.end, End::Done, "{:?}", done.outcome);
    assert!(done.dry_run.contains("accepted"), "{}", done.dry_run);
    assert!(done.permission.starts_with("Yes"), "{}", done.permission);
    let asked = server.asked();
    let patches: Vec<_> = asked.iter().filter(|one| one.line.starts_with("PATCH")).collect();
    let lines: Vec<&str> = patches.iter().map(|one| one.line.as_str()).collect();
    let path = "PATCH /api/v2/flags/default/flag-key-123abc";
    assert_eq!(lines, [format!("{path}?dryRun=true").as_str(), path]);
    for patch in patches {
        assert_eq!(patch.headers["content-type"], "application/json; domain-model=launchdarkly.semanticpatch");
        assert_eq!(
            patch.body,
            json!({"environmentKey": "production", "comment": "p99 is high", "instructions": [{"kind": "turnFlagOff"}]})
        );
    }
    let undone = walk(&client, done.undo.unwrap(), || ()).await;
    assert_eq!(undone.outcome.end, End::Done, "{:?}", undone.outcome);
    let mut after = server.change(|account| account.flags["flag-key-123abc"].clone());
    assert_eq!(after["environments"]["production"]["version"], 63);
    after["environments"]["production"]["version"] = json!(61);
    assert_eq!(after, before);
}

#[tokio::test]
async fn default_variation_and_share_of_users_are_set_by_their_instructions() {
    let mut special = flag("by-company", true);
    special["environments"]["production"]["fallthrough"] = json!({"rollout": {"bucketBy": "company",
        "contextKind": "organization", "variations": [{"variation": 0, "weight": 60_000}, {"variation": 1, "weight": 40_000}]}});
    let (server, client) = start([colours("theme"), flag("half", true), special]).await;
    let kind = "updateFallthroughVariationOrRollout";
    let cases = [
        ("theme", FlagChange::Variant("blue".into()), json!({"kind": kind, "variationId": "v-blue"})),
        ("half", FlagChange::Percentage(20), json!({"kind": kind, "rolloutWeights": {YES: 20_000, NO: 80_000}})),
        // Everybody is the plain variation again, as it was.
        ("half", FlagChange::Percentage(100), json!({"kind": kind, "variationId": YES})),
        // Users stay divided by what they were divided by.
        (
            "by-company",
            FlagChange::Percentage(0),
            json!({"kind": kind, "rolloutWeights": {YES: 0, NO: 100_000}, "rolloutBucketBy": "company",
                "rolloutContextKind": "organization"}),
        ),
    ];
    for (key, change, instruction) in cases {
        server.asked();
        let done = walk(&client, set(&id(key), change.clone()), || ()).await;
        assert_eq!(done.outcome.end, End::Done, "{change:?}: {:?}", done.outcome);
        let written = server.written();
        assert_eq!(written.len(), 1);
        assert_eq!(written[0].body["instructions"], json!([instruction]), "{change:?}");
        assert!(done.undo.is_some());
    }
    let refused = walk(&client, set(&id("theme"), FlagChange::Variant("green".into())), || ()).await;
    assert_eq!(refused.outcome.end, End::Refused);
    assert!(refused.outcome.detail.contains("there are: red, blue"), "{:?}", refused.outcome);
    assert_eq!(server.written().len(), 0);
}

#[tokio::test]
async fn whatever_changes_between_plan_and_write_is_a_conflict_and_nothing_is_written() {
    type Change = fn(&mut Account);
    let cases: [(Change, &str); 6] = [
        (|account| account.flags.get_mut("a").unwrap()["environments"]["production"]["version"] = json!(62), "changed"),
        (
            |account| {
                account.flags.get_mut("a").unwrap()["environments"]["production"]["rules"] =
                    documented()["environments"]["production"]["rules"].clone();
            },
            "was changed: it is on now, for 1 rule first",
        ),
        (|account| account.flags.get_mut("a").unwrap()["archived"] = json!(true), "was archived"),
        (|account| account.flags.clear(), "was deleted"),
        (|account| account.settings["approvalSettings"] = json!({"required": true}), "now needs an approval"),
        (
            |account| {
                account.flags.get_mut("a").unwrap()["environments"] = json!({"test": {"on": true}});
            },
            "was deleted",
        ),
    ];
    for (change, words) in cases {
        let (server, client) = start([flag("a", true)]).await;
        let end = walk(&client, set(&id("a"), FlagChange::Enabled(false)), || server.change(change)).await;
        assert_eq!(end.outcome.end, End::Conflict, "{words}: {:?}", end.outcome);
        assert!(end.outcome.detail.contains(words), "{words}: {:?}", end.outcome);
        assert_eq!(server.written().len(), 0, "{words}");
    }
}

#[tokio::test]
async fn what_the_server_answers_to_the_write_is_the_end_that_it_means() {
    let problem = |code: &str, message: &str| json!({"code": code, "message": message});
    let page = "<title>Sign in</title>";
    let cases = [
        (
            status(400, &problem("invalid_request", "Conflicts with pending changes")),
            End::Failed,
            "Conflicts with pending changes; a change that is scheduled",
        ),
        (
            status(403, &problem("forbidden", "Forbidden")),
            End::Failed,
            "the action is updateOn on proj/default:env/production:flag/a",
        ),
        (status(404, &problem("not_found", "Invalid resource identifier")), End::Conflict, "the flag is gone"),
        (status(405, &problem("method_not_allowed", "approval is required")), End::Failed, "need an approval"),
        (
            status(409, &problem("optimistic_locking_error", "Conflict. Optimistic lock error")),
            End::Conflict,
            "somebody else changed the flag just now: Conflict. Optimistic lock error",
        ),
        (status(401, &problem("unauthorized", "Invalid access token")), End::Failed, "does not accept the token"),
        (
            status(429, &problem("rate_limited", "too many")).insert_header("retry-after", "3"),
            End::Failed,
            "left alone for 3 s",
        ),
        (ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/login"), End::Failed, "not followed"),
    ];
    for (answer, wanted, words) in cases {
        let (server, client) = start([flag("a", true)]).await;
        server.instead("PATCH /api/v2/flags/default/a?dryRun", ok(&flag("a", false)));
        // After a 401 the token is read anew and sent once more: both times the same.
        for _ in 0..2 {
            server.instead("PATCH /api/v2/flags/default/a", answer.clone());
        }
        let end = walk(&client, set(&id("a"), FlagChange::Enabled(false)), || ()).await;
        assert_eq!(end.outcome.end, wanted, "{words}: {:?}", end.outcome);
        assert!(end.outcome.detail.contains(words), "{words}: {:?}", end.outcome);
        assert!(!format!("{:?}", end.outcome).contains("secret"));
    }
    // Sent, and what came back says nothing: the door looks itself, and sees that it did not happen.
    for answer in [
        ResponseTemplate::new(502).set_body_string("bad gateway"),
        ResponseTemplate::new(200).set_body_raw(page, "text/html"),
        ResponseTemplate::new(200).set_body_string("{\"key\": \"a\", "),
    ] {
        let (server, client) = start([flag("a", true)]).await;
        server.instead("PATCH /api/v2/flags/default/a?dryRun", ok(&flag("a", false)));
        server.instead("PATCH /api/v2/flags/default/a", answer);
        let end = walk(&client, set(&id("a"), FlagChange::Enabled(false)), || ()).await;
        assert_ne!(end.outcome.end, End::Done, "{:?}", end.outcome);
    }
}

#[tokio::test]
async fn the_dry_run_stops_what_the_server_would_not_take() {
    let (server, client) = start([flag("a", true)]).await;
    let conflict = json!({"code": "invalid_request", "message": "would break a scheduled change"});
    server.instead("PATCH /api/v2/flags/default/a?dryRun", status(400, &conflict));
    let end = walk(&client, set(&id("a"), FlagChange::Enabled(false)), || ()).await;
    assert_eq!(end.outcome.end, End::Refused, "{:?}", end.outcome);
    assert!(end.outcome.detail.contains("would break a scheduled change"), "{:?}", end.outcome);
    assert_eq!(server.written().len(), 0);
    // A preview that shows something else is said.
    server.instead("PATCH /api/v2/flags/default/a?dryRun", ok(&flag("a", true)));
    let end = walk(&client, set(&id("a"), FlagChange::Enabled(false)), || ()).await;
    assert!(end.warnings.iter().any(|text| text.contains("shows something else")), "{:?}", end.warnings);
}

#[tokio::test]
async fn a_token_without_the_permission_is_refused_with_its_name() {
    let (server, client) = start([flag("a", true)]).await;
    server.change(|account| account.role = json!({"role": "reader"}));
    let end = walk(&client, set(&id("a"), FlagChange::Enabled(false)), || ()).await;
    assert_eq!(end.outcome.end, End::Refused, "{:?}", end.outcome);
    assert!(end.outcome.detail.contains("updateOn on proj/default:env/production:flag/a"), "{:?}", end.outcome);
    // The flag itself knows better than a role's name.
    server.change(|account| {
        account.role = json!({"role": "writer"});
        account.flags.get_mut("a").unwrap()["environments"]["production"]["_access"] = json!({"allowed": [],
            "denied": [{"action": "updateOn", "reason": {"resources": ["proj/*:env/production:flag/*"],
                "actions": ["updateOn"], "effect": "deny", "role_name": "no-prod"}}]});
    });
    let end = walk(&client, set(&id("a"), FlagChange::Enabled(false)), || ()).await;
    assert_eq!(end.outcome.end, End::Refused, "{:?}", end.outcome);
    assert!(format!("{}{:?}", end.permission, end.outcome).contains("the role no-prod denies it"), "{:?}", end.outcome);
    assert_eq!(server.written().len(), 0);
}

#[tokio::test]
async fn where_approvals_are_required_the_request_is_filed_and_followed() {
    let (server, client) = start([flag("a", true)]).await;
    server.change(|account| {
        account.settings["approvalSettings"] = json!({"required": true, "bypassApprovalsForPendingChanges": false,
            "minNumApprovals": 2, "canReviewOwnRequest": false, "canApplyDeclinedChanges": false,
            "serviceKind": "launchdarkly", "serviceConfig": {}, "requiredApprovalTags": []});
    });
    let wish = set(&id("a"), FlagChange::Enabled(false));
    let end = walk(&client, wish.clone(), || ()).await;
    assert_eq!(end.outcome.end, End::Done, "{:?}", end.outcome);
    let written = server.written();
    assert_eq!(written.len(), 1);
    assert_eq!(written[0].line, "POST /api/v2/projects/default/flags/a/environments/production/approval-requests");
    assert_eq!(
        written[0].body,
        json!({"description": "p99 is high", "comment": "p99 is high", "instructions": [{"kind": "turnFlagOff"}]})
    );
    assert_eq!(server.change(|account| account.flags["a"]["environments"]["production"]["on"].clone()), true);
    assert!(end.warnings.iter().any(|text| text.contains("changes in PRODUCTION need 2 approvals")));
    // The same again: there is one already, and how it stands is told.
    server.change(|account| account.requests[0]["allReviews"] = json!([{"kind": "approve"}, {"kind": "comment"}]));
    let again = walk(&client, wish, || ()).await;
    assert_eq!(again.outcome.end, End::Refused);
    assert!(again.outcome.detail.contains("#62a, in review, 1 of 2 approvals"), "{:?}", again.outcome);
    server.change(|account| account.requests[0]["reviewStatus"] = json!("approved"));
    let facts = client_facts(&client).await;
    assert!(facts.open.unwrap().contains("approved and not applied yet: apply it in LaunchDarkly"));
    server.change(|account| account.requests[0]["status"] = json!("completed"));
    assert_eq!(client_facts(&client).await.open, None);
}

async fn client_facts(client: &LaunchDarkly) -> opsdeck::domain::flag::FlagApproval {
    use opsdeck::ports::flags::FlagProvider as _;
    client.facts(&id("a")).await.unwrap().approval.unwrap()
}

#[tokio::test]
async fn approvals_may_be_for_some_tags_and_may_be_decided_elsewhere() {
    let (server, client) = start([flag("a", true)]).await;
    let required = |tags: Value, service: &str| {
        json!({"flag": {"required": true, "minNumApprovals": 1, "serviceKind": service, "requiredApprovalTags": tags,
            "resourceKind": "flag"}, "segment": {"required": true}})
    };
    let wish = || set(&id("a"), FlagChange::Percentage(5));
    server
        .change(|account| account.settings["resourceApprovalSettings"] = required(json!(["payments"]), "launchdarkly"));
    let end = walk(&client, wish(), || ()).await;
    assert_eq!(end.outcome.end, End::Done, "{:?}", end.outcome);
    assert!(server.written()[0].line.starts_with("PATCH"));
    server.change(|account| account.settings["resourceApprovalSettings"] = required(json!([]), "servicenow"));
    let end = walk(&client, set(&id("a"), FlagChange::Enabled(false)), || ()).await;
    assert_eq!(end.outcome.end, End::Refused);
    assert!(end.outcome.detail.contains("need an approval by servicenow"), "{:?}", end.outcome);
    assert_eq!(server.written().len(), 0);
}

#[tokio::test]
async fn settings_that_cannot_be_read_are_made_up_for_by_the_first_405() {
    let (server, client) = start([flag("a", true)]).await;
    let hidden = || status(403, &json!({"code": "forbidden", "message": "hidden"}));
    let settings = "GET /api/v2/projects/default/environments/production";
    server.change(|account| account.settings["approvalSettings"] = json!({"required": true}));
    for _ in 0..20 {
        server.instead(settings, hidden());
    }
    let wish = || set(&id("a"), FlagChange::Enabled(false));
    let end = walk(&client, wish(), || ()).await;
    assert_eq!(end.outcome.end, End::Refused, "{:?}", end.outcome);
    assert!(end.outcome.detail.contains("need an approval"), "{:?}", end.outcome);
    let end = walk(&client, wish(), || ()).await;
    assert_eq!(end.outcome.end, End::Done, "{:?}", end.outcome);
    let written = server.written();
    assert_eq!(written.len(), 1);
    assert!(written[0].line.ends_with("/approval-requests"), "{written:?}");
}
