//! Matrix' provider against a homeserver as the specification has it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;

use super::super::script::{Answer, Fail, Server, declare, deliver, nothing_twice, open, outbox, post, source};
use super::server::{BOT, Homeserver};
use super::*;
use crate::config::incidents::ChatProduct;
use crate::domain::incident::delivery::{Again, What};
use crate::ports::incident::{Chat as _, Service as _, ServiceFinding};

fn matrix(url: &str) -> Matrix {
    Matrix::new(&source(ChatProduct::Matrix, url, Some("shop.example")))
}

#[tokio::test]
async fn a_declare_arrives_whole() {
    let server = Server::start(Homeserver::default()).await;
    let invitees = ["ada", "@bob:shop.example", BOT, "@eve:away.example"];
    let (receipts, errors) = outbox(&matrix(&server.url), &declare(&invitees)).await;
    assert!(errors.is_empty(), "{errors:?}");
    let room = server.world().ours().clone();
    let state = &room["state"];
    assert_eq!(state["m.room.create|"][MARK], "20261121-1432-payment-x7k2/channel");
    assert_eq!(state["m.room.name|"]["name"], "inc-payment");
    assert_eq!(state["m.room.topic|"]["topic"], "SEV2 · triage · payment is slow");
    assert_eq!(state["preset"], "public_chat");
    for user in ["@ada:shop.example", "@bob:shop.example", "@eve:away.example"] {
        assert_eq!(state[format!("m.room.member|{user}")]["membership"], "invite", "{user}");
    }
    assert!(receipts[&format!("invite:{BOT}")].remarks[0].contains("already"));
    let said: Vec<_> =
        room["events"].as_array().unwrap().iter().filter(|event| event["type"] == "m.room.message").collect();
    assert_eq!(said[0]["content"]["formatted_body"], "<em>SEV2</em> payment answers slowly");
    assert_eq!(state["m.room.pinned_events|"]["pinned"], json!([said[0]["event_id"], said[1]["event_id"]]));
    assert_eq!(said[1]["content"]["body"], "The board (https://grafana/d/1)");
    assert!(receipts["update:1"].remarks[0].contains("too long for one message"));
    let alias = server.world().aliases.keys().next().unwrap().clone();
    assert!(
        alias.starts_with("#inc-payment-") && receipts["channel"].link.as_deref().unwrap().contains("inc-payment-")
    );
}

#[tokio::test]
async fn whatever_happens_on_the_way_nothing_is_there_twice() {
    // Also where the server has forgotten its transactions.
    let world = || Homeserver { forgets: true, ..Homeserver::default() };
    nothing_twice(world, matrix, &declare(&["ada"]), Homeserver::seen).await;
}

#[tokio::test]
async fn a_room_for_all_is_not_for_the_whole_federation() {
    for (private, federates) in [(true, json!(null)), (false, json!(false))] {
        let server = Server::start(Homeserver::default()).await;
        deliver(&matrix(&server.url), "channel", open(private), (None, None), false).await.unwrap();
        let created = server.world().ours()["state"]["m.room.create|"]["m.federate"].clone();
        assert_eq!(created, federates, "private: {private}");
    }
}

#[tokio::test]
async fn a_message_sent_again_carries_the_same_transaction() {
    let server = Server::start(Homeserver { page: 1, ..Homeserver::default() }).await;
    let chat = matrix(&server.url);
    let room = deliver(&chat, "channel", open(true), (None, None), false).await.unwrap();
    let aim = (room.id.as_deref(), None);
    let first = deliver(&chat, "update:1", post("x"), aim, false).await.unwrap();
    assert_eq!(deliver(&chat, "update:1", post("x"), aim, false).await.unwrap().id, first.id);
    let other = deliver(&chat, "update:2", post("x"), aim, false).await.unwrap();
    assert_ne!(other.id, first.id);
    server.world().forgets = true;
    let found = deliver(&chat, "update:1", post("x"), aim, true).await.unwrap();
    assert_eq!((found.id, found.remarks.as_slice()), (first.id, &["it had arrived already".to_owned()][..]));
    assert_eq!(server.world().ours()["events"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_alias_that_a_stranger_has_gets_a_number_and_a_half_made_room_its_name() {
    let server = Server::start(Homeserver::default()).await;
    let alias = format!("inc-payment-{}", super::super::board::short("20261121-1432-payment-x7k2/channel", 4));
    server.world().strange(&alias);
    let chat = matrix(&server.url);
    let room = deliver(&chat, "channel", open(true), (None, None), false).await.unwrap();
    assert!(server.world().aliases.contains_key(&format!("#{alias}-2:shop.example")));
    // As Synapse leaves a room when it is killed in the middle of making it.
    for kind in ["name", "power_levels", "join_rules", "history_visibility", "canonical_alias"] {
        server.world().ours()["state"].as_object_mut().unwrap().remove(&format!("m.room.{kind}|"));
    }
    for (doubt, remarks) in [(true, 2), (false, 1)] {
        let again = deliver(&chat, "channel", open(true), (None, None), doubt).await.unwrap();
        assert_eq!((again.id, again.remarks.len()), (room.id.clone(), remarks), "{:?}", again.remarks);
    }
    let state = server.world().ours()["state"].clone();
    assert_eq!(state["m.room.name|"]["name"], "inc-payment");
    assert_eq!(state["m.room.join_rules|"]["join_rule"], "invite");
    assert_eq!(state["m.room.power_levels|"]["users"], json!({BOT: 100}));
    assert_eq!(state["m.room.canonical_alias|"]["alias"], format!("#{alias}-2:shop.example"));
}

#[tokio::test]
async fn refusals_say_what_to_do_and_when_it_is_tried_again() {
    let server = Server::start(Homeserver::default()).await;
    let chat = matrix(&server.url);
    let room = deliver(&chat, "channel", open(true), (None, None), false).await.unwrap();
    let aim = (room.id.as_deref(), None);
    let refused =
        |status: u16, code: &str| Fail::Instead(Answer::Json(status, json!({"errcode": code, "error": "no\u{1b}[1m"})));
    let limited = json!({"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": 2_100});
    for (fail, again, words) in [
        (refused(403, "M_FORBIDDEN"), Again::Ask, "may not"),
        (refused(413, "M_TOO_LARGE"), Again::Ask, "shorter"),
        (refused(403, "M_USER_DEACTIVATED"), Again::Ask, "any more"),
        (Fail::After(Answer::Json(504, json!({}))), Again::Doubtful, "504"),
        (Fail::Instead(Answer::Json(429, limited)), Again::In(3), "3 s"),
    ] {
        server.fail("/send/", fail);
        let refusal = deliver(&chat, "update", post("x"), aim, false).await.unwrap_err();
        let told = format!("{} {}", refusal.fault, refusal.fault.hint.clone().unwrap_or_default());
        assert!(refusal.again == again && told.contains(words) && !told.contains('\u{1b}'), "{told}");
    }
    let unknown =
        Fail::Instead(Answer::Json(401, json!({"errcode": "M_UNKNOWN_TOKEN", "error": "no", "soft_logout": false})));
    server.fail("whoami", unknown);
    let refusal = deliver(&matrix(&server.url), "update", post("x"), aim, true).await.unwrap_err();
    assert!(refusal.again == Again::Ask && refusal.fault.hint.unwrap().contains("log in again"));
}

#[tokio::test]
async fn who_is_not_known_and_whose_token_it_is_is_said() {
    let server = Server::start(Homeserver::default()).await;
    let chat = matrix(&server.url);
    let room = deliver(&chat, "channel", open(true), (None, None), false).await.unwrap();
    for who in ["eve", "@eve:shop.example", "eve@shop.example", "@"] {
        let what = What::Invite { who: who.into() };
        let error = deliver(&chat, "invite", what, (room.id.as_deref(), None), false).await.unwrap_err();
        assert!(error.again == Again::Ask && error.fault.message.contains(&format!("`{who}`")), "{error}");
    }
    assert_eq!(server.world().ours()["events"], json!([]), "nobody was invited");
    let other = Matrix::new(&source(ChatProduct::Matrix, &server.url, Some("sales.example")));
    server.calls();
    let error = deliver(&other, "channel:2", open(true), (None, None), false).await.unwrap_err();
    assert!(error.fault.message.contains("another homeserver"), "{error}");
    assert_eq!(server.calls().len(), 1);
    assert!(matches!(other.check().await[1].result, ServiceFinding::Failed(_)));
}

#[tokio::test]
async fn a_closed_room_keeps_all_its_other_levels() {
    let server = Server::start(Homeserver::default()).await;
    let chat = matrix(&server.url);
    let room = deliver(&chat, "channel", open(true), (None, None), false).await.unwrap();
    for remark in ["the room stays", "it was closed already"] {
        let receipt = deliver(&chat, "archive", What::Archive, (room.id.as_deref(), None), true).await.unwrap();
        assert!(receipt.remarks[0].starts_with(remark), "{receipt:?}");
    }
    let levels = server.world().ours()["state"]["m.room.power_levels|"].clone();
    assert_eq!(levels, json!({"events_default": 50, "users": {BOT: 100}}));
}

#[tokio::test]
async fn a_look_shows_what_people_see() {
    let server = Server::start(Homeserver::default()).await;
    let chat = matrix(&server.url);
    let (receipts, _) = outbox(&chat, &declare(&["ada"])).await;
    {
        let mut world = server.world();
        let events = world.ours()["events"].as_array_mut().unwrap();
        let of = |id: &str, kind: &str, content: Value| json!({"type": kind, "event_id": id, "sender": "@ada:shop.example", "origin_server_ts": 1_795_000_100_000_i64, "content": content});
        let edit = json!({"body": "* rolled", "m.relates_to": {"rel_type": "m.replace", "event_id": "$x"}});
        let mark = json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": "$x", "key": "📌\u{fe0f}"}});
        events.push(of("$x", "m.room.message", json!({"body": "rolled\nback\u{1b}]0;x\u{7}"})));
        events.push(of("$y", "m.room.message", edit));
        events.push(of("$z", "m.reaction", mark));
    }
    let view = chat.view(receipts["channel"].id.as_deref().unwrap()).await.unwrap();
    assert_eq!((view.name.as_str(), view.topic.as_str()), ("inc-payment", "SEV2 · triage · payment is slow"));
    assert_eq!(view.members, ["@ada:shop.example", "Opsdeck"]);
    let last = view.messages.last().unwrap();
    assert_eq!((last.author.as_str(), last.text.as_str(), last.marked), ("@ada:shop.example", "rolled\nback", true));
    assert!(view.messages[0].marked && view.messages[0].text == "SEV2 payment answers slowly");
    assert!(chat.view("!none:shop.example").await.is_err());
}
