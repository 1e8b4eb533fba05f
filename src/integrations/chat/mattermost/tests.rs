//! Mattermost's provider against Mattermost as it is documented.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;

use super::super::script::{
    Answer, Fail, Server, declare, deliver, nothing_twice, open, outbox, pass_time, post, source,
};
use super::server::Team;
use super::*;
use crate::config::incidents::ChatProduct;
use crate::domain::incident::delivery::{Again, What};
use crate::ports::incident::{Chat as _, Service as _, ServiceFinding};

fn mattermost(url: &str) -> Mattermost {
    Mattermost::new(&source(ChatProduct::Mattermost, url, Some("shop")))
}

fn refused(status: u16, id: &str) -> Fail {
    Fail::Instead(Answer::Json(status, json!({"id": id, "message": "no", "status_code": status})))
}

#[tokio::test]
async fn a_declare_arrives_whole() {
    let server = Server::start(Team::default()).await;
    let (receipts, errors) = outbox(&mattermost(&server.url), &declare(&["ada", "bob@shop.example", "@opsdeck"])).await;
    assert!(errors.is_empty(), "{errors:?}");
    let channel = server.world().named("inc-payment").clone();
    assert_eq!(channel["header"], "SEV2 · triage · payment is slow");
    assert_eq!(channel["purpose"], "SEV2: payment answers slowly [20261121-1432-payment-x7k2/channel]");
    assert_eq!(channel["members"].as_array().unwrap().len(), 3);
    let said: Vec<_> = channel["posts"].as_array().unwrap().iter().filter(|post| post["props"].is_object()).collect();
    assert_eq!((&said[0]["message"], &said[0]["is_pinned"]), (&json!("*SEV2* payment answers slowly"), &json!(true)));
    assert_eq!(said[0]["props"]["opsdeck_mark"], "20261121-1432-payment-x7k2/summary");
    assert!(said[0]["pending_post_id"].as_str().unwrap().starts_with("aaaaaaaaaaaaaaaaaaaaaaabot:"));
    assert_eq!(receipts["summary"].link, Some(format!("{}/shop/pl/{}", server.url, said[0]["id"].as_str().unwrap())));
    assert_eq!(channel["bookmarks"][0]["link_url"], "https://grafana/d/1");
}

#[tokio::test]
async fn whatever_happens_on_the_way_nothing_is_there_twice() {
    nothing_twice(Team::default, mattermost, &declare(&["ada"]), Team::seen).await;
}

#[tokio::test]
async fn without_bookmarks_a_link_is_posted_and_pinned_once() {
    let world = || Team { bookmarks: false, ..Team::default() };
    let steps = [("channel".to_owned(), open(true)), declare(&[]).remove(4)];
    nothing_twice(world, mattermost, &steps, Team::seen).await;
    let server = Server::start(world()).await;
    let (receipts, _) = outbox(&mattermost(&server.url), &steps).await;
    assert!(receipts["link:board"].remarks[0].contains("posted and pinned"), "{receipts:?}");
    let channel = server.world().named("inc-payment").clone();
    assert_eq!(channel["posts"][0]["message"], "[The board](https://grafana/d/1)");
    assert_eq!(channel["posts"][0]["is_pinned"], true);
}

#[tokio::test]
async fn a_name_that_somebody_took_gets_a_number_and_our_own_is_found_again() {
    let server = Server::start(Team::default()).await;
    server.world().make("inc-payment", "lunch", "O");
    server.world().make("inc-payment-2", "", "hidden");
    let chat = mattermost(&server.url);
    let first = deliver(&chat, "channel", open(true), (None, None), false).await.unwrap();
    assert_eq!(first.name.as_deref(), Some("inc-payment-3"));
    assert_eq!(first.remarks, ["the channel is named inc-payment-3, not inc-payment"]);
    for doubt in [false, true] {
        let again = deliver(&chat, "channel", open(true), (None, None), doubt).await.unwrap();
        assert_eq!(again.id, first.id, "{doubt}");
        assert!(again.remarks[0].contains("earlier attempt"), "{again:?}");
    }
}

#[tokio::test]
async fn refusals_say_what_to_do_and_when_it_is_tried_again() {
    let server = Server::start(Team::default()).await;
    let chat = mattermost(&server.url);
    let made = deliver(&chat, "channel", open(true), (None, None), false).await.unwrap();
    let aim = (made.id.as_deref(), None);
    for (fail, again, words) in [
        (refused(403, "api.context.permissions.app_error"), Again::Ask, "administrator"),
        (refused(500, "api.post.deduplicate_create_post.pending"), Again::Doubtful, "500"),
        (refused(413, "too_large"), Again::Ask, "too_large"),
        (Fail::Instead(Answer::Json(503, json!({}))), Again::Doubtful, "503"),
        (Fail::Instead(Answer::Raw(429, vec![("x-ratelimit-reset", "4".into())], String::new())), Again::In(4), "4 s"),
    ] {
        server.fail("POST /api/v4/posts", fail);
        let refusal = deliver(&chat, "update", post("x"), aim, false).await.unwrap_err();
        let told = format!("{} {}", refusal.fault, refusal.fault.hint.clone().unwrap_or_default());
        assert!(refusal.again == again && told.contains(words), "{told}");
    }
    pass_time(4).await;
    // A token that was good and is refused is read again, and asked about, before anything is sent with it.
    let revoked = || refused(401, "api.context.session_expired.app_error");
    server.fail("POST /api/v4/posts", revoked());
    let refusal = deliver(&chat, "update", post("x"), aim, false).await.unwrap_err();
    assert_eq!(refusal.again, Again::In(1));
    server.calls();
    server.fail("GET /api/v4/users/me", revoked());
    let refusal = deliver(&chat, "update", post("x"), aim, false).await.unwrap_err();
    assert!(refusal.again == Again::Ask && refusal.fault.hint.unwrap().contains("revoked"));
    assert!(server.calls().iter().all(|call| call.line.ends_with("/users/me")));
    deliver(&chat, "archive", What::Archive, aim, false).await.unwrap();
    let twice = deliver(&chat, "archive", What::Archive, aim, true).await.unwrap();
    assert_eq!(twice.remarks, ["it was archived already"]);
    let late = deliver(&chat, "update", post("x"), aim, false).await.unwrap_err();
    assert!(late.fault.hint.unwrap().contains("archived") && !late.fault.message.contains('\u{1b}'));
    assert_eq!(server.world().named("inc-payment")["posts"], json!([]));
}

#[tokio::test]
async fn who_is_not_known_or_not_in_the_team_is_said() {
    let server = Server::start(Team::default()).await;
    let chat = mattermost(&server.url);
    let made = deliver(&chat, "channel", open(true), (None, None), false).await.unwrap();
    for (who, words) in
        [("eve", "does not know"), ("eve@shop.example", "does not know"), ("outsider", "outside of the team")]
    {
        let what = What::Invite { who: who.into() };
        let error = deliver(&chat, "invite", what, (made.id.as_deref(), None), false).await.unwrap_err();
        assert!(error.again == Again::Ask && error.fault.message.contains(words), "{error}");
        assert!(error.fault.message.contains(who) && error.fault.hint.is_some());
    }
    let other = Mattermost::new(&source(ChatProduct::Mattermost, &server.url, Some("sales")));
    server.calls();
    let error = deliver(&other, "channel:2", open(true), (None, None), false).await.unwrap_err();
    assert!(error.fault.message.contains("does not belong to the team sales; its teams: shop"), "{error}");
    assert!(server.calls().iter().all(|call| call.line.starts_with("GET")));
    let checks = other.check().await;
    assert!(matches!(checks[1].result, ServiceFinding::Failed(_)), "{checks:?}");
}

#[tokio::test]
async fn texts_stay_texts_and_are_cut_where_they_are_too_long() {
    let server = Server::start(Team { remembers: true, ..Team::default() }).await;
    let chat = mattermost(&server.url);
    let made = deliver(&chat, "channel", open(true), (None, None), false).await.unwrap();
    let aim = (made.id.as_deref(), None);
    deliver(&chat, "update:1", post("pay_api @channel @all **now**"), aim, false).await.unwrap();
    deliver(&chat, "update:2", post(&"_".repeat(20_000)), aim, false).await.unwrap();
    let topic = What::Topic { topic: "t".repeat(2_000) };
    let receipt = deliver(&chat, "topic", topic, aim, false).await.unwrap();
    assert_eq!(receipt.remarks, ["the topic was longer than 1024 characters and was shortened"]);
    let posts = server.world().named("inc-payment")["posts"].clone();
    assert_eq!(posts[0]["message"], "pay\\_api @\u{200b}channel @\u{200b}all **now**");
    assert_eq!(posts.as_array().unwrap().len(), 1 + 3 + 1);
}

#[tokio::test]
async fn a_look_shows_what_people_see() {
    let server = Server::start(Team::default()).await;
    let chat = mattermost(&server.url);
    let (receipts, _) = outbox(&chat, &declare(&["ada"])).await;
    server.world().named("inc-payment")["posts"].as_array_mut().unwrap().push(json!({
        "id": "p-last", "create_at": 1_795_000_100_000_i64, "user_id": "aaaaaaaaaaaaaaaaaaaaaaabob",
        "message": "rolled\nback\u{1b}]0;x\u{7}", "metadata": {"reactions": [{"emoji_name": "pushpin"}]}}));
    let view = chat.view(receipts["channel"].id.as_deref().unwrap()).await.unwrap();
    assert_eq!((view.name.as_str(), view.topic.as_str()), ("inc-payment", "SEV2 · triage · payment is slow"));
    assert_eq!(view.members, ["opsdeck", "ada"]);
    let last = view.messages.last().unwrap();
    assert_eq!((last.author.as_str(), last.text.as_str(), last.marked), ("bob", "rolled\nback", true));
    assert!(view.messages[0].marked && !view.messages[1].marked);
    let checks = chat.check().await;
    assert_eq!(checks[0].result, ServiceFinding::Well("user opsdeck".into()));
    assert!(matches!(checks.last().unwrap().result, ServiceFinding::Clock(_)));
}
