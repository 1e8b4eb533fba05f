//! Discord's provider against Discord as it is documented.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;

use super::super::script::{
    Answer, Fail, Server, declare, deliver, nothing_twice, open, outbox, pass_time, post, source,
};
use super::server::{ADA, GUILD, Guild};
use super::*;
use crate::config::incidents::ChatProduct;
use crate::domain::incident::delivery::{Again, What};
use crate::ports::incident::{Chat as _, Service as _, ServiceFinding};

fn discord(url: &str) -> Discord {
    Discord::new(&source(ChatProduct::Discord, url, Some(GUILD)))
}

#[tokio::test]
async fn a_declare_arrives_whole() {
    let server = Server::start(Guild::default()).await;
    let (receipts, errors) = outbox(&discord(&server.url), &declare(&["ada", "200000000000000003"])).await;
    assert!(errors.is_empty(), "{errors:?}");
    let channel = server.world().named("inc-payment").clone();
    assert_eq!(channel["topic"], "SEV2 · triage · payment is slow [20261121-1432-payment-x7k2/channel]");
    assert_eq!(channel["permission_overwrites"], json!([]));
    let said: Vec<_> = channel["messages"].as_array().unwrap().iter().filter(|message| message["type"] == 0).collect();
    assert!(said[0]["content"].as_str().unwrap().starts_with(&format!("<@{ADA}>, you are asked to join.")));
    assert_eq!(said[0]["allowed_mentions"], json!({"parse": [], "users": [ADA]}));
    assert!(said[2]["content"].as_str().unwrap().starts_with("*SEV2* payment answers slowly\n-# opsdeck "));
    assert_eq!((&said[2]["pinned"], &said[2]["allowed_mentions"]["users"]), (&json!(true), &json!([])));
    assert!(said[3]["content"].as_str().unwrap().starts_with("[The board](https://grafana/d/1)\n"));
    assert_eq!(said[3]["pinned"], true);
    assert!(receipts["update:1"].remarks[0].contains("too long for one message"));
    let id = receipts["channel"].id.clone().unwrap();
    assert_eq!(receipts["channel"].link, Some(format!("https://discord.com/channels/{GUILD}/{id}")));
}

#[tokio::test]
async fn whatever_happens_on_the_way_nothing_is_there_twice() {
    nothing_twice(Guild::default, discord, &declare(&["ada"]), Guild::seen).await;
}

#[tokio::test]
async fn in_a_private_channel_people_are_let_in_once() {
    let steps = [("channel".to_owned(), open(true)), ("invite".to_owned(), What::Invite { who: "ada".into() })];
    nothing_twice(Guild::default, discord, &steps, Guild::seen).await;
    let server = Server::start(Guild::default()).await;
    let chat = discord(&server.url);
    let (receipts, _) = outbox(&chat, &steps).await;
    let overwrites = server.world().named("inc-payment")["permission_overwrites"].clone();
    assert_eq!(overwrites[0], json!({"id": GUILD, "type": 0, "allow": "0", "deny": "1024"}));
    assert_eq!((&overwrites[2]["id"], &overwrites[2]["allow"]), (&json!(ADA), &json!("68608")));
    let view = chat.view(receipts["channel"].id.as_deref().unwrap()).await.unwrap();
    assert_eq!(view.members, ["Opsdeck", "Ada Lovelace"]);
    let aim = (receipts["channel"].id.as_deref(), None);
    for remark in ["the channel stays", "it was closed already"] {
        let receipt = deliver(&chat, "archive", What::Archive, aim, true).await.unwrap();
        assert!(receipt.remarks[0].starts_with(remark), "{receipt:?}");
    }
    let overwrites = server.world().named("inc-payment")["permission_overwrites"].clone();
    assert_eq!(overwrites[2], json!({"id": GUILD, "type": 0, "allow": "0", "deny": "3072"}), "still private");
}

#[tokio::test]
async fn a_nonce_holds_for_minutes_and_the_last_line_for_good() {
    let server = Server::start(Guild { remembers: true, ..Guild::default() }).await;
    let chat = discord(&server.url);
    let made = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap();
    let aim = (made.id.as_deref(), None);
    let first = deliver(&chat, "update:1", post("x"), aim, false).await.unwrap();
    assert_eq!(deliver(&chat, "update:1", post("x"), aim, false).await.unwrap().id, first.id);
    server.world().remembers = false;
    for number in 0..120 {
        deliver(&chat, &format!("filler:{number}"), post("x"), aim, false).await.unwrap();
    }
    let found = deliver(&chat, "update:1", post("x"), aim, true).await.unwrap();
    assert_eq!(found.id, first.id, "on the second page");
    // A channel of the same name is no hindrance; the mark tells them apart.
    let again = deliver(&chat, "channel", open(false), (None, None), true).await.unwrap();
    assert_eq!(again.id, made.id);
    let other = deliver(&chat, "channel:b", open(false), (None, None), true).await.unwrap();
    assert_ne!(other.id, made.id);
}

#[tokio::test]
async fn a_topic_that_was_set_too_often_holds_no_message_back() {
    let server = Server::start(Guild::default()).await;
    let chat = discord(&server.url);
    let made = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap();
    let aim = (made.id.as_deref(), None);
    let limited = |global: bool| {
        let body = json!({"message": "You are being rate limited.", "retry_after": 600, "global": global});
        Fail::Instead(Answer::Json(429, body))
    };
    server.fail("PATCH", limited(false));
    let topic = || What::Topic { topic: "SEV1".into() };
    for _ in 0..2 {
        let refusal = deliver(&chat, "topic", topic(), aim, false).await.unwrap_err();
        assert!(matches!(refusal.again, Again::In(599..=600)), "{refusal}");
    }
    deliver(&chat, "update:1", post("x"), aim, false).await.unwrap();
    server.fail("/messages", limited(true));
    deliver(&chat, "update:2", post("x"), aim, false).await.unwrap_err();
    server.calls();
    let refusal =
        deliver(&chat, "pin", What::Pin { message: "x".into() }, (aim.0, Some("1")), false).await.unwrap_err();
    assert!(matches!(refusal.again, Again::In(599..=600)) && server.calls().is_empty(), "all of it: {refusal}");
}

#[tokio::test]
async fn refusals_say_what_to_do_and_when_it_is_tried_again() {
    let server = Server::start(Guild::default()).await;
    let chat = discord(&server.url);
    let made = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap();
    let aim = (made.id.as_deref(), None);
    let refused =
        |status: u16, code: u64| Fail::Instead(Answer::Json(status, json!({"code": code, "message": "no\u{1b}[1m"})));
    let limited = json!({"message": "You are being rate limited.", "retry_after": 64.57, "global": false});
    for (fail, again, words) in [
        (refused(403, 50013), Again::Ask, "Pin Messages"),
        (refused(403, 50001), Again::Ask, "may not see"),
        (refused(404, 10003), Again::Ask, "deleted"),
        (refused(400, 50083), Again::Ask, "archived"),
        (Fail::After(Answer::Json(500, json!({"code": 0, "message": "500"}))), Again::Doubtful, "500"),
        (Fail::Instead(Answer::Json(429, limited)), Again::In(65), "65 s"),
    ] {
        server.fail("/messages", fail);
        let refusal = deliver(&chat, "update", post("x"), aim, false).await.unwrap_err();
        let told = format!("{} {}", refusal.fault, refusal.fault.hint.clone().unwrap_or_default());
        assert!(refusal.again == again && told.contains(words) && !told.contains('\u{1b}'), "{told}");
    }
    pass_time(65).await;
    server.fail("@me", refused(401, 0));
    let refusal = deliver(&discord(&server.url), "update", post("x"), aim, false).await.unwrap_err();
    assert!(refusal.again == Again::Ask && refusal.fault.hint.unwrap().contains("reset"));
    let other = Discord::new(&source(ChatProduct::Discord, &server.url, Some("100000000000000009")));
    server.calls();
    let error = deliver(&other, "channel", open(false), (None, None), false).await.unwrap_err();
    assert!(
        error.fault.message.contains(&format!("not in the server 100000000000000009; it is in {GUILD} (Shop)")),
        "{error}"
    );
    assert!(server.calls().iter().all(|call| call.line.starts_with("GET")));
}

#[tokio::test]
async fn who_is_not_known_or_not_the_only_one_is_said() {
    let server = Server::start(Guild::default()).await;
    let chat = discord(&server.url);
    let made = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap();
    for (who, words) in [
        ("eve", "does not know"),
        ("eve@shop.example", "does not know"),
        ("200000000000000009", "does not know"),
        ("ad", "does not know"),
    ] {
        let what = What::Invite { who: who.into() };
        let error = deliver(&chat, "invite", what, (made.id.as_deref(), None), false).await.unwrap_err();
        assert!(
            error.again == Again::Ask && error.fault.message.contains(words) && error.fault.message.contains(who),
            "{error}"
        );
    }
    // A user name decides before the names that several may have.
    for (who, id) in [("@bob", "200000000000000003"), ("Ada Lovelace", ADA), ("robert", "200000000000000004")] {
        let what = What::Invite { who: who.into() };
        let key = format!("invite:{who}");
        let receipt = deliver(&chat, &key, what, (made.id.as_deref(), None), false).await.unwrap();
        assert_eq!(receipt.id.as_deref(), Some(id));
    }
}

#[tokio::test]
async fn long_and_wild_texts_fit_and_call_nobody() {
    let server = Server::start(Guild::default()).await;
    let chat = discord(&server.url);
    let made = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap();
    let aim = (made.id.as_deref(), None);
    deliver(&chat, "update:1", post("@everyone <@&7> pay_api https://g/a_b"), aim, false).await.unwrap();
    deliver(&chat, "update:2", post(&"𝄞".repeat(2_500)), aim, false).await.unwrap();
    let topic = What::Topic { topic: "t".repeat(2_000) };
    assert!(deliver(&chat, "topic", topic.clone(), aim, false).await.unwrap().remarks[0].contains("shortened"));
    let again = deliver(&chat, "topic", topic, aim, false).await.unwrap();
    assert!(again.remarks[1].contains("already"), "two changes in ten minutes are all that Discord allows");
    let channel = server.world().named("inc-payment").clone();
    assert!(channel["topic"].as_str().unwrap().chars().count() <= 1_024);
    assert!(channel["topic"].as_str().unwrap().ends_with("… [20261121-1432-payment-x7k2/channel]"));
    let first = channel["messages"][0]["content"].as_str().unwrap();
    assert!(first.starts_with("@\u{200b}everyone \\<@&7\\> pay\\_api https://g/a_b\n-# "), "{first}");
    assert_eq!(channel["messages"][0]["allowed_mentions"], json!({"parse": [], "users": []}));
}

#[tokio::test]
async fn a_look_shows_what_people_see_and_doctor_what_is_missing() {
    let server = Server::start(Guild::default()).await;
    let chat = discord(&server.url);
    let (receipts, _) = outbox(&chat, &declare(&["ada"])).await;
    server.world().named("inc-payment")["messages"].as_array_mut().unwrap().push(json!({
        "id": "499", "type": 0, "timestamp": "2026-11-21T15:00:00+01:00", "author": {"id": ADA, "username": "ada"},
        "content": format!("rolled\nback\u{1b}]0;x\u{7} <@{ADA}>"), "mentions": [{"id": ADA, "username": "ada"}],
        "reactions": [{"emoji": {"id": null, "name": "📌"}}]}));
    let view = chat.view(receipts["channel"].id.as_deref().unwrap()).await.unwrap();
    assert_eq!((view.name.as_str(), view.topic.as_str()), ("inc-payment", "SEV2 · triage · payment is slow"));
    let last = view.messages.last().unwrap();
    assert_eq!((last.author.as_str(), last.text.as_str(), last.marked), ("ada", "rolled\nback @ada", true));
    assert_eq!(last.at.to_rfc3339(), "2026-11-21T14:00:00+00:00");
    assert!(view.messages[1].marked && view.messages[1].text == "*SEV2* payment answers slowly");
    let checks = chat.check().await;
    let names: Vec<&str> = checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(
        names,
        ["token", "server", "permission Manage Roles", "permission Pin Messages", "message content", "clock"]
    );
    assert!(matches!(checks[0].result, ServiceFinding::Well(_)));
}
