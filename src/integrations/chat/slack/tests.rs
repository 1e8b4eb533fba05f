//! Slack's provider against Slack as it is documented.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;

use super::server::Workspace;
use super::*;
use crate::config::incidents::ChatProduct;
use crate::domain::incident::delivery::{Again, What};
use crate::incident::clearance::{Aim, Courier as _};
use crate::integrations::chat::script::{
    Answer, Fail, Server, declare, deliver, nothing_twice, open, outbox, pass, pass_time, post, source,
};
use crate::ports::incident::{Chat as _, Service as _, ServiceFinding};

fn slack(url: &str) -> Slack {
    Slack::new(&source(ChatProduct::Slack, url, Some("shop")))
}

fn refused(error: &str) -> Fail {
    Fail::Instead(Answer::Json(200, json!({"ok": false, "error": error})))
}

const INVITEES: [&str; 4] = ["ada", "bob@shop.example", "@U0BOT0000", "Ada Lovelace"];

#[tokio::test]
async fn a_declare_arrives_whole() {
    let server = Server::start(Workspace::default()).await;
    let (receipts, errors) = outbox(&slack(&server.url), &declare(&INVITEES)).await;
    assert!(errors.is_empty(), "{errors:?}");
    let mut world = server.world();
    let channel = world.named("inc-payment").clone();
    assert_eq!(channel["topic"]["value"], "SEV2 · triage · payment is slow");
    assert_eq!(channel["purpose"]["value"], "SEV2: payment answers slowly [20261121-1432-payment-x7k2/channel]");
    assert_eq!(channel["members"], json!(["U0BOT0000", "U0ADA0000", "U0BOB0000"]));
    assert!(receipts["invite:Ada Lovelace"].remarks[0].contains("already"), "{receipts:?}");
    let said: Vec<_> =
        channel["messages"].as_array().unwrap().iter().filter(|message| message["metadata"].is_object()).collect();
    assert_eq!(said[0]["text"], "_SEV2_ payment answers slowly");
    assert_eq!(said[0]["pinned_to"], json!([channel["id"]]));
    let mark = |at: usize| said[at]["metadata"]["event_payload"]["mark"].as_str().unwrap();
    assert_eq!(mark(1), "20261121-1432-payment-x7k2/update:1/1");
    assert_eq!(mark(said.len() - 1), "20261121-1432-payment-x7k2/update:2");
    assert_eq!(
        receipts["update:1"].remarks,
        [format!("it was too long for one message and became {}", said.len() - 2)]
    );
    let ts = receipts["summary"].id.clone().unwrap().replace('.', "");
    let link = format!("https://shop.slack.com/archives/{}/p{ts}", channel["id"].as_str().unwrap());
    assert_eq!(receipts["summary"].link, Some(link));
    assert_eq!(channel["bookmarks"][0]["link"], "https://grafana/d/1");
}

#[tokio::test]
async fn whatever_happens_on_the_way_nothing_is_there_twice() {
    nothing_twice(Workspace::default, slack, &declare(&["ada"]), Workspace::seen).await;
}

#[tokio::test]
async fn a_name_that_somebody_took_gets_a_number_and_our_own_is_found_again() {
    let server = Server::start(Workspace::default()).await;
    server.world().make("inc-payment", "U0ADA0000", "lunch [20261121-1432-payment-x7k2/channel-2]");
    let chat = slack(&server.url);
    let first = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap();
    assert_eq!(first.name.as_deref(), Some("inc-payment-2"));
    assert_eq!(first.remarks, ["the channel is named inc-payment-2, not inc-payment"]);
    for doubt in [false, true] {
        let again = deliver(&chat, "channel", open(false), (None, None), doubt).await.unwrap();
        assert_eq!((again.id, again.name), (first.id.clone(), first.name.clone()), "{doubt}");
        assert!(again.remarks[0].contains("earlier attempt"));
    }
    for number in 3..=9 {
        server.world().make(&format!("inc-payment-{number}"), "U0ADA0000", "");
    }
    let other = deliver(&chat, "channel:b", open(false), (None, None), false).await.unwrap_err();
    assert_eq!(other.again, Again::Ask);
    assert!(other.fault.message.contains("inc-payment to inc-payment-9"), "{other}");
}

#[tokio::test]
async fn an_attempt_that_arrives_between_the_look_and_the_next_is_found() {
    let server = Server::start(Workspace::default()).await;
    let chat = slack(&server.url);
    let made = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap();
    // The look comes too early to see it.
    let nothing = json!({"ok": true, "channels": []});
    server.fail("conversations.list", Fail::Instead(Answer::Json(200, nothing)));
    let again = deliver(&chat, "channel", open(false), (None, None), true).await.unwrap();
    assert_eq!((again.id, again.name), (made.id, made.name));
}

#[tokio::test]
async fn a_token_that_was_refused_is_read_and_asked_about_again() {
    let server = Server::start(Workspace::default()).await;
    let chat = slack(&server.url);
    let made = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap();
    server.fail("chat.postMessage", refused("token_revoked"));
    deliver(&chat, "update", post("x"), (made.id.as_deref(), None), false).await.unwrap_err();
    server.calls();
    deliver(&chat, "update", post("x"), (made.id.as_deref(), None), false).await.unwrap();
    assert!(server.calls()[0].line.ends_with("auth.test"), "the new token may be for another workspace");
}

#[tokio::test]
async fn a_channel_that_was_only_half_made_is_completed() {
    let server = Server::start(Workspace::default()).await;
    server.fail("conversations.create", Fail::After(Answer::Cut));
    let chat = slack(&server.url);
    let cut = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap_err();
    assert_eq!(cut.again, Again::Doubtful);
    let found = deliver(&chat, "channel", open(false), (None, None), true).await.unwrap();
    assert_eq!(found.name.as_deref(), Some("inc-payment"));
    let purpose = server.world().named("inc-payment")["purpose"]["value"].clone();
    assert_eq!(purpose, "slow [20261121-1432-payment-x7k2/channel]");
    // A purpose that cannot be written hinders nothing.
    server.fail("setPurpose", refused("missing_scope"));
    let other = deliver(&chat, "channel:b", open(false), (None, None), false).await.unwrap();
    assert!(other.remarks[1].contains("purpose was not set"), "{other:?}");
}

#[tokio::test]
async fn a_look_that_does_not_reach_far_enough_is_a_persons_to_judge() {
    let server = Server::start(Workspace { page: 1, ..Workspace::default() }).await;
    let chat = slack(&server.url);
    let made = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap();
    let aim = Aim { channel: made.id, message: None };
    for number in 0..12 {
        let one = pass(&format!("update:{number}"), post("x"), aim.clone(), false);
        chat.deliver(&one).await.unwrap();
    }
    let doubt = || pass("late", post("late"), aim.clone(), true);
    let unclear = chat.deliver(&doubt()).await.unwrap_err();
    assert!(unclear.again == Again::Ask && unclear.fault.message.contains("may have arrived"), "{unclear}");
    // All that it sees is older than the first attempt.
    let first = "2027-01-01T00:00:00Z".parse().ok();
    chat.deliver(&doubt().forged_past(first, false)).await.unwrap();
    let other = pass("later", post("later"), aim.clone(), true);
    chat.deliver(&other.forged_past(None, true)).await.unwrap();
    let posted = server.calls().iter().filter(|call| call.line.ends_with("chat.postMessage")).count();
    assert_eq!(posted, 14);
}

#[tokio::test]
async fn a_list_of_people_that_is_refused_holds_no_message_back() {
    let server = Server::start(Workspace::default()).await;
    let chat = slack(&server.url);
    let made = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap();
    let aim = (made.id.as_deref(), None);
    server.fail("users.list", Fail::Instead(Answer::Raw(429, vec![("retry-after", "60".into())], String::new())));
    let refusal = deliver(&chat, "invite", What::Invite { who: "ada".into() }, aim, false).await.unwrap_err();
    assert_eq!(refusal.again, Again::In(60));
    deliver(&chat, "update", post("x"), aim, false).await.unwrap();
}

#[tokio::test]
async fn refusals_say_what_to_do_and_when_it_is_tried_again() {
    let server = Server::start(Workspace::default()).await;
    let chat = slack(&server.url);
    let made = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap();
    let aim = (made.id.as_deref(), None);
    for (error, again, words) in [
        ("is_archived", Again::Ask, "archived"),
        ("not_in_channel", Again::Ask, "invite it there"),
        ("channel_not_found", Again::Ask, "no such channel"),
        ("token_revoked", Again::Ask, "revoked"),
        ("invalid_auth", Again::Ask, "xoxb-"),
        ("account_inactive", Again::Ask, "deactivated"),
        ("internal_error", Again::Doubtful, "may have been done"),
        ("service_unavailable", Again::Doubtful, "looked for"),
        ("accesslimited", Again::Ask, "network"),
        ("ratelimited", Again::In(30), "too many"),
        ("\u{1b}]0;owned\u{7}new_error", Again::Ask, "new_error"),
    ] {
        server.fail("chat.postMessage", refused(error));
        let refusal = deliver(&chat, "update", post("x"), aim, false).await.unwrap_err();
        let told = format!("{} {}", refusal.fault, refusal.fault.hint.clone().unwrap());
        assert_eq!(refusal.again, again, "{told}");
        assert!(told.contains(words) && !told.contains('\u{1b}'), "{told}");
    }
    let missing = json!({"ok": false, "error": "missing_scope", "needed": "chat:write", "provided": "pins:write"});
    server.fail("chat.postMessage", Fail::Instead(Answer::Json(200, missing)));
    let refusal = deliver(&chat, "update", post("x"), aim, false).await.unwrap_err();
    assert!(refusal.fault.message.contains("lacks the scope chat:write; it has pins:write"), "{refusal}");
    assert!(refusal.fault.hint.unwrap().starts_with("add chat:write"));
    assert_eq!(server.world().named("inc-payment")["messages"], json!([]), "none of them was posted");
}

#[tokio::test]
async fn a_revoked_token_is_read_again_for_the_next_attempt() {
    let server = Server::start(Workspace::default()).await;
    let chat = slack(&server.url);
    let made = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap();
    server.calls();
    server.fail("chat.postMessage", refused("token_revoked"));
    for expected in [1, 2] {
        let _ = deliver(&chat, "update", post("x"), (made.id.as_deref(), None), false).await;
        let calls = server.calls();
        assert_eq!(calls.len(), expected, "the second asks whose token it is: {calls:?}");
    }
}

#[tokio::test]
async fn it_is_left_alone_exactly_as_long_as_it_says() {
    let server = Server::start(Workspace::default()).await;
    let chat = slack(&server.url);
    let made = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap();
    let aim = (made.id.as_deref(), None);
    server.fail("chat.postMessage", Fail::Instead(Answer::Raw(429, vec![("retry-after", "17".into())], String::new())));
    assert_eq!(deliver(&chat, "update", post("x"), aim, false).await.unwrap_err().again, Again::In(17));
    server.calls();
    let early = deliver(&chat, "update", post("x"), aim, false).await.unwrap_err();
    assert!(matches!(early.again, Again::In(1..=17)), "{early:?}");
    assert!(server.calls().is_empty(), "it was asked all the same");
    // Only that method wants to wait: it is looked for, and then not sent.
    let looked = deliver(&chat, "update", post("x"), aim, true).await.unwrap_err();
    assert!(matches!(looked.again, Again::In(1..=17)), "{looked:?}");
    assert!(server.calls().iter().all(|call| call.line.ends_with("conversations.history")));
    pass_time(17).await;
    deliver(&chat, "update", post("x"), aim, false).await.unwrap();
}

#[tokio::test]
async fn a_token_for_another_workspace_sends_nothing() {
    let server = Server::start(Workspace::default()).await;
    let chat = Slack::new(&source(ChatProduct::Slack, &server.url, Some("T0OTHER")));
    let error = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap_err();
    assert!(error.fault.message.contains("another workspace: Shop (T0SHOP), not T0OTHER"), "{error}");
    assert_eq!(error.again, Again::Ask);
    assert!(server.calls().iter().all(|call| call.line.ends_with("auth.test")));
    let checks = chat.check().await;
    assert!(matches!(&checks[1].result, ServiceFinding::Failed(fault) if fault.message.contains("another workspace")));
}

#[tokio::test]
async fn who_is_not_known_is_said_and_nobody_else_is_invited() {
    let server = Server::start(Workspace::default()).await;
    let chat = slack(&server.url);
    let made = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap();
    for who in ["eve", "eve@shop.example", "U0EVE0000", "@"] {
        let what = What::Invite { who: who.into() };
        let error = deliver(&chat, "invite", what, (made.id.as_deref(), None), false).await.unwrap_err();
        assert_eq!(error.again, Again::Ask);
        assert!(error.fault.message.contains(&format!("`{who}`")) && error.fault.hint.is_some(), "{error}");
    }
    assert_eq!(server.world().named("inc-payment")["members"], json!(["U0BOT0000"]));
}

#[tokio::test]
async fn long_and_wild_texts_fit_and_call_nobody() {
    let server = Server::start(Workspace::default()).await;
    let chat = slack(&server.url);
    let made = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap();
    let aim = (made.id.as_deref(), None);
    let topic = What::Topic { topic: "<&> ".repeat(200) };
    let receipt = deliver(&chat, "topic", topic, aim, false).await.unwrap();
    assert_eq!(receipt.remarks, ["the topic was longer than 250 characters and was shortened"]);
    deliver(&chat, "update", post("<!channel> <!here|x> @channel \u{1b}[2J"), aim, false).await.unwrap();
    deliver(&chat, "update:2", post(&"<".repeat(9_000)), aim, false).await.unwrap();
    let channel = server.world().named("inc-payment").clone();
    let said = channel["messages"].as_array().unwrap();
    assert_eq!(said[1]["text"], "&lt;!channel&gt; &lt;!here|x&gt; @\u{200b}channel");
    let lengths: usize =
        said[2..].iter().map(|message| message["text"].as_str().unwrap().matches("&lt;").count()).sum();
    assert_eq!(lengths, 9_000);
    let empty = deliver(&chat, "update:3", post(" \n"), aim, false).await.unwrap_err();
    assert!(empty.fault.message.contains("empty"));
}

#[tokio::test]
async fn a_message_far_back_is_found_over_pages() {
    let server = Server::start(Workspace { page: 2, ..Workspace::default() }).await;
    let chat = slack(&server.url);
    let made = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap();
    let aim = (made.id.as_deref(), None);
    let first = deliver(&chat, "update:0", post("x"), aim, false).await.unwrap();
    for number in 1..6 {
        deliver(&chat, &format!("update:{number}"), post("x"), aim, false).await.unwrap();
    }
    let again = deliver(&chat, "update:0", post("x"), aim, true).await.unwrap();
    assert_eq!(again.id, first.id);
    assert_eq!(server.world().named("inc-payment")["messages"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn a_look_shows_what_people_see() {
    let server = Server::start(Workspace::default()).await;
    let chat = slack(&server.url);
    let (receipts, _) = outbox(&chat, &declare(&["ada"])).await;
    {
        let mut world = server.world();
        let channel = world.named("inc-payment");
        let messages = channel["messages"].as_array_mut().unwrap();
        messages.push(json!({"type": "message", "ts": "1795000900.000200", "user": "U0ADA0000",
            "text": "rolled back, see <https://x|\u{1b}[31mthe pull> &amp; <@U0BOB0000>", "reactions": [{"name": "pushpin"}]}));
        messages.push(json!({"type": "message", "ts": "1795000901.000200", "user": "U0ADA0000", "text": "ok",
            "reactions": [{"name": "eyes"}]}));
    }
    let view = chat.view(receipts["channel"].id.as_deref().unwrap()).await.unwrap();
    assert_eq!((view.name.as_str(), view.topic.as_str()), ("inc-payment", "SEV2 · triage · payment is slow"));
    assert_eq!(view.members, ["opsdeck", "ada"]);
    let last = &view.messages[view.messages.len() - 2];
    assert_eq!((last.author.as_str(), last.marked), ("ada", true));
    assert_eq!(last.text, "rolled back, see the pull (https://x) & @U0BOB0000");
    assert_eq!(last.at.to_rfc3339(), "2026-11-18T11:21:40.000200+00:00");
    assert!(!view.messages.last().unwrap().marked);
    assert!(view.messages[0].marked && view.messages[0].text == "_SEV2_ payment answers slowly");
    assert!(chat.view("C0NONE").await.unwrap_err().message.contains("no such channel"));
}

#[tokio::test]
async fn doctor_hears_of_every_missing_scope() {
    let server = Server::start(Workspace::default()).await;
    let checks = slack(&server.url).check().await;
    let names: Vec<&str> = checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(checks[0].result, ServiceFinding::Well("bot opsdeck of Shop".into()));
    assert!(names.contains(&"scope groups:write") && names.contains(&"scope users:read.email"), "{names:?}");
    assert!(!names.contains(&"scope chat:write"));
    assert!(matches!(checks.last().unwrap().result, ServiceFinding::Clock(_)));
    server.fail("auth.test", refused("account_inactive"));
    let failed = slack(&server.url).check().await;
    assert!(matches!(&failed[0].result, ServiceFinding::Failed(fault) if fault.message.contains("deactivated")));
    let gone = Slack::new(&source(ChatProduct::Slack, "http://127.0.0.1:1", None)).check().await;
    assert!(matches!(&gone[0].result, ServiceFinding::Failed(_)));
}

#[tokio::test]
async fn an_archived_channel_takes_nothing_more() {
    let server = Server::start(Workspace::default()).await;
    let chat = slack(&server.url);
    let made = deliver(&chat, "channel", open(false), (None, None), false).await.unwrap();
    let aim = (made.id.as_deref(), None);
    deliver(&chat, "archive", What::Archive, aim, false).await.unwrap();
    let again = deliver(&chat, "archive", What::Archive, aim, true).await.unwrap();
    assert_eq!(again.remarks, ["it was archived already"]);
    for what in [post("x"), What::Topic { topic: "x".into() }] {
        let error = deliver(&chat, "late", what, aim, false).await.unwrap_err();
        assert!(error.fault.message.contains("archived") && error.again == Again::Ask);
    }
    let homeless = deliver(&chat, "update", post("x"), (None, None), false).await.unwrap_err();
    assert!(homeless.fault.message.contains("no channel yet"));
}
