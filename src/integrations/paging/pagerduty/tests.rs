//! PagerDuty against an account that answers as documented: nothing twice, nothing lost, and everything said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod account;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use self::account::{Account, account, page, server};
use super::*;
use crate::config::incidents::{Paging as Settings, PagingProduct};
use crate::config::secret::SecretSource;
use crate::domain::incident::delivery::{Again, What};
use crate::integrations::http::script::plain;
use crate::integrations::outgoing::ending;
use crate::integrations::outgoing::server::{Server, Trouble, cleared, survives};
use crate::ports::incident::ServiceFinding;

const PAGE: &str = "PT4KHLK";

fn said(word: &str) -> SecretSource {
    SecretSource::Command(vec!["echo".into(), word.into()])
}

/// In a file, because a helper command cannot run in time that stands still.
fn routing_key() -> SecretSource {
    use std::io::Write as _;
    use std::sync::OnceLock;
    static FILE: OnceLock<tempfile::NamedTempFile> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"R0UT1NGK3Y\n").unwrap();
        file
    });
    SecretSource::File(file.path().to_owned())
}

fn source() -> PagingSource {
    let text = r#"{"name": "pd", "provider": "pagerduty", "from": "ada@shop.example"}"#;
    let paging = Settings { routing_key: Some(routing_key()), ..serde_json::from_str(text).unwrap() };
    assert_eq!(paging.provider, PagingProduct::PagerDuty);
    let mut http = plain();
    http.token = Some(said("t0k3n"));
    PagingSource { paging, http }
}

fn at(server: &Arc<Server<Account>>, source: &PagingSource) -> PagerDuty {
    let events = Events::over(server.road(Product::PagerDutyEvents), source);
    PagerDuty::over(server.road(Product::PagerDuty), events, source)
}

fn pagerduty(server: &Arc<Server<Account>>) -> PagerDuty {
    at(server, &source())
}

fn deliveries() -> Vec<What> {
    let page = || PAGE.to_owned();
    vec![
        What::Acknowledge { page: page() },
        What::ResolvePage { page: page() },
        What::Escalate { page: page(), level: None },
        What::Escalate { page: page(), level: Some(2) },
        What::AddResponders {
            page: page(),
            who: vec!["bob@shop.example".into()],
            message: "please look at the database".into(),
        },
        What::PageNote { page: page(), text: "rolled back".into() },
        What::Page { summary: "payment fails".into(), source: "shop/payment".into(), severity: "critical".into() },
    ]
}

/// Everything that was done.
fn effects(account: &mut Account) -> usize {
    account.done.len() + account.notes.len() + account.events.len()
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_everything_arrives_once() {
    for what in deliveries() {
        let clear = |doubt| cleared("step", what.clone(), doubt);
        survives(|| server(account()), pagerduty, clear, effects).await;
    }
}

#[tokio::test]
async fn what_is_sent_says_what_came_of_it() {
    let server = server(account());
    let pagerduty = pagerduty(&server);
    let send = async |what: What| pagerduty.deliver(&cleared("step", what, false)).await.unwrap();
    let acknowledged = send(deliveries().remove(0)).await;
    assert_eq!(acknowledged.id.as_deref(), Some(PAGE));
    assert_eq!(acknowledged.name.as_deref(), Some("HighErrorRate on payment"));
    assert_eq!(acknowledged.link.as_deref(), Some("https://shop.pagerduty.com/incidents/PT4KHLK"));
    assert_eq!(acknowledged.remarks, Vec::<String>::new());
    let again = send(deliveries().remove(0)).await;
    assert_eq!(again.remarks, ["it was acknowledged already by Ada at 14:33 UTC on 2026-11-21"]);
    assert_eq!(send(What::Escalate { page: PAGE.into(), level: None }).await.remarks, ["to level 2 of Checkout"]);
    let note = send(What::PageNote { page: PAGE.into(), text: "rolled\u{1b}[2J back\nto v1".into() }).await;
    assert_eq!(note.id.as_deref(), Some("PWL7QXS"));
    let mark = "20261121-1432-payment-x7k2/step";
    let text = server.state(|account| account.notes[0].1.clone());
    assert_eq!(text, format!("rolled back\nto v1\n[opsdeck {mark}]"));
    let paged = send(What::Page { summary: "x".into(), source: String::new(), severity: "page".into() }).await;
    assert_eq!((paged.id.as_deref(), paged.name.as_deref()), (Some("PNEW001"), Some(mark)));
    assert_eq!(paged.remarks, ["PagerDuty knows no severity `page`: it was sent as error"]);
    assert_eq!(send(What::ResolvePage { page: PAGE.into() }).await.remarks, Vec::<String>::new());
    let late = send(What::Acknowledge { page: PAGE.into() }).await;
    assert_eq!(late.remarks, ["it was resolved already by Ada at 14:33 UTC on 2026-11-21"]);
    let expected = ["acknowledged", "level 2", "resolved"];
    assert_eq!(server.state(|account| account.done.clone()), expected);
}

#[tokio::test]
async fn a_page_that_is_resolved_meanwhile_is_no_error() {
    let server = server(Account { race: true, ..account() });
    for what in deliveries().drain(..3) {
        server.state(|account| account.incidents = vec![page(PAGE, "triggered", "PADA001")]);
        let receipt = pagerduty(&server).deliver(&cleared("step", what.clone(), false)).await.unwrap();
        assert!(receipt.remarks[0].contains("resolved"), "{what:?}: {receipt:?}");
    }
    assert_eq!(server.state(|account| account.done.len()), 0);
}

#[tokio::test]
async fn people_are_found_by_address_name_or_id_and_asked_once() {
    let server = server(account());
    let pagerduty = pagerduty(&server);
    let ask = |who: &[&str]| {
        let who = who.iter().map(|one| (*one).to_owned()).collect();
        cleared("step", What::AddResponders { page: PAGE.into(), who, message: "x".repeat(2_000) }, false)
    };
    let names = ["BOB@shop.example", "PBOB001", "Checkout", "nobody@shop.example", "Eve", "Shop"];
    let receipt = pagerduty.deliver(&ask(&names)).await.unwrap();
    let remarks = receipt.remarks.join("\n");
    for part in [
        "asked: Bob, Checkout",
        "there is no user nobody@shop.example",
        "Eve may be any of eve@shop.example, eve2@shop.example: nobody was asked",
        "Shop is neither",
        "the message was shortened from 2000 to 1024",
    ] {
        assert!(remarks.contains(part), "{part}: {remarks}");
    }
    let receipt = pagerduty.deliver(&ask(&["bob", "PPOL001"])).await.unwrap();
    assert_eq!(receipt.remarks, ["Bob is asked already", "Checkout is asked already"]);
    let error = pagerduty.deliver(&ask(&["nobody@shop.example"])).await.unwrap_err();
    assert_eq!(error.again, Again::Ask);
    let asked = ["asked user_reference PBOB001", "asked escalation_policy_reference PPOL001"];
    assert_eq!(server.state(|account| account.done.clone()), asked);
}

#[tokio::test]
async fn a_level_that_there_is_not_is_refused_with_those_that_there_are() {
    let server = server(account());
    let escalate = |level| cleared("step", What::Escalate { page: PAGE.into(), level }, false);
    let error = pagerduty(&server).deliver(&escalate(Some(4))).await.unwrap_err();
    assert_eq!(error.fault.message, "Checkout has 3 level(s): there is no level 4");
    let there = pagerduty(&server).deliver(&escalate(Some(1))).await.unwrap();
    assert_eq!(there.remarks, ["it is at level 1 of Checkout already"]);
    server.state(|account| account.incidents[0]["assignments"] = json!([]));
    let error = pagerduty(&server).deliver(&escalate(None)).await.unwrap_err();
    assert_eq!(error.fault.hint.as_deref(), Some("say which level, 1 to 3"));
}

#[tokio::test(start_paused = true)]
async fn a_change_is_looked_for_and_never_sent_blindly_twice() {
    let what = What::Change {
        summary: "y".repeat(1_030),
        source: "shop/payment".into(),
        details: [("revision".to_owned(), "41".to_owned())].into(),
    };
    let clear = |doubt| cleared("change:rollback", what.clone(), doubt);
    for trouble in [Trouble::Lost, Trouble::Cut, Trouble::Status(502)] {
        let server = server(account());
        let pagerduty = pagerduty(&server);
        server.trouble(0, trouble);
        let error = pagerduty.deliver(&clear(false)).await.unwrap_err();
        assert_eq!(error.again, Again::Doubtful, "{trouble:?}");
        let arrived = server.state(|account| account.changes.len());
        let looked = pagerduty.deliver(&clear(true)).await;
        assert_eq!(server.state(|account| account.changes.len()), arrived, "{trouble:?}: it was sent in doubt");
        if arrived == 1 {
            assert_eq!(looked.unwrap().remarks, ["it was there already"]);
        } else {
            let error = looked.unwrap_err();
            assert_eq!(error.again, Again::Ask);
            assert!(error.fault.message.contains("may have arrived"), "{error}");
        }
    }
    let server = server(account());
    let receipt = pagerduty(&server).deliver(&clear(false)).await.unwrap();
    assert!(receipt.remarks[0].contains("from 1030 to 1024"), "{receipt:?}");
    let details = server.state(|account| account.changes[0]["custom_details"].clone());
    assert_eq!(details, json!({"revision": "41", "opsdeck": "20261121-1432-payment-x7k2/change:rollback"}));
}

#[tokio::test]
async fn texts_are_kept_within_their_limits_with_their_mark() {
    let server = server(account());
    let what = What::PageNote { page: PAGE.into(), text: "é".repeat(30_000) };
    let receipt = pagerduty(&server).deliver(&cleared("step", what, false)).await.unwrap();
    assert!(receipt.remarks[0].starts_with("the note was shortened from 30000 to 249"), "{receipt:?}");
    let text = server.state(|account| account.notes[0].1.clone());
    assert_eq!(text.chars().count(), 25_000);
    assert!(text.ends_with(&format!("…{}", ending("20261121-1432-payment-x7k2/step"))));
}

#[tokio::test]
async fn only_an_escalation_since_the_first_attempt_is_taken_for_it() {
    // The log's are of 14:35, by Ada: for Bob's token somebody else's, as the service's own are.
    let mut bobs = source();
    bobs.paging.from = Some("bob@shop.example".into());
    for (first, level) in [("2026-11-21T14:34:30Z", 2), ("2026-11-21T14:50:00Z", 3)] {
        let server = server(account());
        server.state(|account| {
            account.done.push("level 2".into());
            account.incidents = vec![page(PAGE, "triggered", "PBOB001")];
        });
        let clear = cleared("step", What::Escalate { page: PAGE.into(), level: None }, true);
        let clear = clear.forged_past(Some(first.parse().unwrap()), false);
        let receipt = at(&server, &bobs).deliver(&clear).await.unwrap();
        let last = server.state(|account| account.done.last().cloned().unwrap());
        assert_eq!(last, format!("level {level}"), "{first}: {receipt:?}");
    }
}

#[tokio::test]
async fn somebody_on_call_at_two_levels_says_not_where_the_page_is() {
    let server = server(Account { also_third: Some(0), ..account() });
    let escalate = |level| cleared("step", What::Escalate { page: PAGE.into(), level }, false);
    let error = pagerduty(&server).deliver(&escalate(None)).await.unwrap_err();
    assert!(error.again == Again::Ask && error.fault.hint.unwrap().contains("which level"));
    pagerduty(&server).deliver(&escalate(Some(2))).await.unwrap();
    assert_eq!(server.state(|account| account.done.clone()), ["level 2"]);
}

#[tokio::test]
async fn what_was_paged_and_is_over_does_not_page_again() {
    let server = server(Account { paged_is_over: true, ..account() });
    let clear = |doubt| cleared("step", deliveries().remove(6), doubt);
    pagerduty(&server).deliver(&clear(false)).await.unwrap();
    let again = pagerduty(&server).deliver(&clear(true)).await.unwrap();
    assert_eq!(again.remarks, ["it was there already, and is resolved"]);
    assert_eq!(server.state(|account| account.events.len()), 1);
}

#[tokio::test]
async fn a_change_in_doubt_is_sent_when_a_person_wants_it() {
    let server = server(account());
    let what = || What::Change { summary: "x".into(), source: "s".into(), details: BTreeMap::new() };
    let clear = |insisted| cleared("change", what(), true).forged_past(None, insisted);
    assert_eq!(pagerduty(&server).deliver(&clear(false)).await.unwrap_err().again, Again::Ask);
    pagerduty(&server).deliver(&clear(true)).await.unwrap();
    pagerduty(&server).deliver(&clear(true)).await.unwrap();
    assert_eq!(server.state(|account| account.changes.len()), 1, "it is looked for all the same");
}

#[tokio::test]
async fn documented_errors_say_what_to_do() {
    let problem = |message: &str, code: i64| json!({"error": {"message": message, "code": code, "errors": []}});
    let cases = [
        (401, problem("Account Not Found", 2006), FaultKind::Unauthorized, "paging.token was revoked"),
        (402, problem("Payment Required", 2012), FaultKind::Forbidden, "plan"),
        (403, problem("Access Denied", 2010), FaultKind::Forbidden, "read-only"),
        (404, problem("Not Found", 2100), FaultKind::NotServed, "deleted"),
        (400, problem("Requester User Not Found", 1008), FaultKind::NotConfigured, "paging.from"),
        (
            400,
            problem("You must specify a user's email address in the \"From\" header", 2016),
            FaultKind::NotConfigured,
            "paging.from",
        ),
        (400, json!({"error": {"message": "Invalid\u{1b}[31m Input", "errors": "x"}}), FaultKind::Server, ""),
    ];
    for (status, body, kind, hint) in cases {
        let server = server(Account { refusal: Some((status, body.clone())), ..account() });
        let error = pagerduty(&server).deliver(&cleared("step", deliveries().remove(0), false)).await.unwrap_err();
        assert_eq!((error.fault.kind, error.again), (kind, Again::Ask), "{body}: {error:?}");
        assert!(error.fault.hint.clone().unwrap_or_default().contains(hint), "{body}: {error:?}");
        assert!(!error.fault.message.contains('\u{1b}'), "{error:?}");
    }
    // The page is gone.
    let server = server(account());
    let what = What::Acknowledge { page: "PGONE01".into() };
    let error = pagerduty(&server).deliver(&cleared("step", what, true)).await.unwrap_err();
    assert_eq!((error.fault.kind, error.again), (FaultKind::NotServed, Again::Ask));
    let what = What::Acknowledge { page: "..".into() };
    assert_eq!(pagerduty(&server).deliver(&cleared("step", what, false)).await.unwrap_err().again, Again::Ask);
    let chat = What::Archive;
    assert_eq!(pagerduty(&server).deliver(&cleared("step", chat, false)).await.unwrap_err().again, Again::Ask);
}

#[tokio::test(start_paused = true)]
async fn in_doubt_a_look_that_fails_keeps_the_doubt_and_sends_nothing() {
    for what in deliveries().into_iter().filter(|what| !matches!(what, What::Page { .. })) {
        for trouble in [Trouble::Status(401), Trouble::Status(500), Trouble::Limited(9), Trouble::LoginPage] {
            let server = server(account());
            server.trouble(0, trouble);
            let error = pagerduty(&server).deliver(&cleared("step", what.clone(), true)).await.unwrap_err();
            assert_eq!(error.again, Again::Doubtful, "{what:?}: {trouble:?}");
            assert_eq!(server.state(effects), 0, "{what:?}: {trouble:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_left_alone_for_as_long_as_it_says() {
    let server = server(account());
    let pagerduty = pagerduty(&server);
    server.trouble(0, Trouble::Limited(7));
    assert!(pagerduty.pages().await.unwrap_err().message.contains("left alone for 7 s"));
    let error = pagerduty.deliver(&cleared("step", deliveries().remove(0), false)).await.unwrap_err();
    assert_eq!(error.again, Again::In(7));
    assert_eq!(server.asked().len(), 1, "it was asked although it wants to be left alone");
    tokio::time::advance(Duration::from_secs(7)).await;
    assert_eq!(pagerduty.pages().await.unwrap().len(), 1);
}

#[tokio::test]
async fn pages_and_people_are_listed_whole() {
    let server = server(account());
    server.state(|account| {
        let more = (0..250).map(|n| page(&format!("PX{n:05}"), "acknowledged", "PADA001"));
        account.incidents.extend(more);
        account.incidents.push(page("PDONE01", "resolved", "PADA001"));
        // One that is open since the spring.
        account.incidents[200]["created_at"] = json!("2026-04-01T10:00:00Z");
        account.incidents[0]["title"] = json!("High\u{1b}]0;x\u{7} load");
        account.people_on_call = 230;
    });
    let pages = pagerduty(&server).pages().await.unwrap();
    assert_eq!(pages.len(), 251);
    let first = &pages[0];
    assert_eq!(
        (first.title.as_str(), first.status.as_str(), first.service.as_str()),
        ("High load", "triggered", "Payment")
    );
    assert_eq!(first.alerts, ["HighErrorRate", "Disk full"]);
    assert_eq!(first.assigned, ["Ada"]);
    assert_eq!(first.since.to_rfc3339(), "2026-11-21T14:31:42+00:00");
    let people = pagerduty(&server).on_call().await.unwrap();
    assert_eq!(people.len(), 230);
    assert_eq!((people[0].who.as_str(), people[0].of.as_str(), people[0].level), ("Ada", "Checkout (Primary)", 1));
    assert_eq!(people[0].until.unwrap().to_rfc3339(), "2026-11-22T08:00:00+00:00");
}

#[tokio::test]
async fn only_the_configured_services_policies_and_teams_are_looked_at() {
    let here = server(account());
    here.state(|account| {
        let mut other = page("POTHER1", "triggered", "PADA001");
        other["service"]["id"] = json!("PELSE01");
        other["escalation_policy"]["id"] = json!("PELSE02");
        other["teams"] = json!([]);
        account.incidents.push(other);
    });
    for ids in [vec!["PIJ90N7"], vec!["PPOL001"], vec!["PTEAM01"], vec!["PIJ90N7", "PTEAM01"]] {
        let mut source = source();
        source.paging.services = Some(ids.iter().map(|id| (*id).to_owned()).collect());
        let pagerduty = at(&here, &source);
        let pages = pagerduty.pages().await.unwrap();
        assert_eq!(pages.iter().map(|page| page.id.as_str()).collect::<Vec<_>>(), [PAGE], "{ids:?}");
        pagerduty.on_call().await.unwrap();
        let asked = here.asked().pop().unwrap();
        assert!(asked.values("escalation_policy_ids[]").contains(&"PPOL001"), "{ids:?}: {asked:?}");
    }
    let mut source = source();
    source.paging.services = Some(vec!["PN0NE".into()]);
    let fault = at(&here, &source).pages().await.unwrap_err();
    assert!(fault.message.ends_with("has no service, escalation policy or team PN0NE"), "{fault}");
}

#[tokio::test]
async fn doctor_hears_of_token_writer_plan_key_limits_and_clock() {
    let server = server(account());
    let names = |checks: &[ServiceCheck]| checks.iter().map(|check| check.name.clone()).collect::<Vec<_>>();
    let well = |check: &ServiceCheck| matches!(check.result, ServiceFinding::Well(_) | ServiceFinding::Clock(_));
    let checks = pagerduty(&server).check().await;
    assert_eq!(names(&checks), ["token", "from", "services", "events", "rate", "clock"]);
    assert!(checks.iter().all(well), "{checks:?}");
    server.state(|account| account.abilities.clear());
    let mut source = source();
    source.paging.from = Some("nobody@shop.example".into());
    source.paging.routing_key = None;
    source.paging.services = Some(vec!["PN0NE".into()]);
    let checks = at(&server, &source).check().await;
    let bad: Vec<_> = checks.into_iter().filter(|check| !well(check)).collect();
    assert_eq!(names(&bad), ["from", "services", "responders", "events"]);
    server.trouble(0, Trouble::Status(401));
    let checks = at(&server, &source).check().await;
    assert!(
        matches!(&checks[..], [ServiceCheck { result: ServiceFinding::Failed(fault), .. }] if fault.kind == FaultKind::Unauthorized)
    );
}

#[tokio::test]
async fn on_the_wire_each_host_gets_its_own_credentials_and_no_error_has_any() {
    let rest = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/incidents/PT4KHLK"))
        .and(header("authorization", "Token token=t0k3n"))
        .and(header("accept", VERSION))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"incident": page(PAGE, "triggered", "PADA001")})))
        .mount(&rest)
        .await;
    Mock::given(method("PUT"))
        .and(path("/incidents/PT4KHLK"))
        .and(header("authorization", "Token token=t0k3n"))
        .and(header("from", "ada@shop.example"))
        .and(header("content-type", "application/json"))
        .respond_with(ResponseTemplate::new(429).insert_header("ratelimit-reset", "12").set_body_json(json!({})))
        .mount(&rest)
        .await;
    let events = MockServer::start().await;
    Mock::given(path("/v2/enqueue"))
        .respond_with(|request: &Request| {
            let credentials = ["authorization", "from"].into_iter().find(|name| request.headers.contains_key(*name));
            assert_eq!(credentials, None, "they are the other host's");
            let key = serde_json::from_slice::<serde_json::Value>(&request.body).unwrap()["routing_key"].clone();
            let error = format!("'{}' is no key", key.as_str().unwrap());
            ResponseTemplate::new(400).set_body_json(json!({"status": "invalid event", "errors": [error]}))
        })
        .up_to_n_times(1)
        .mount(&events)
        .await;
    Mock::given(path("/v2/enqueue"))
        .respond_with(|request: &Request| {
            ResponseTemplate::new(500).set_body_string(String::from_utf8_lossy(&request.body))
        })
        .expect(1)
        .mount(&events)
        .await;
    let mut source = source();
    source.paging.url = Some(rest.uri());
    source.paging.events_url = Some(events.uri());
    let pagerduty = PagerDuty::new(&source);
    let error = pagerduty.deliver(&cleared("step", deliveries().remove(0), false)).await.unwrap_err();
    assert_eq!(error.again, Again::In(12), "{error:?}");
    for part in ["'…' is no key", "\"routing_key\":\"…\""] {
        let error = pagerduty.deliver(&cleared("step", deliveries().remove(6), false)).await.unwrap_err();
        assert!(error.fault.message.contains(part), "{part}: {error}");
        let text = format!("{error:?}");
        assert!(!text.contains("R0UT1NGK3Y") && !text.contains("t0k3n"), "{text}");
    }
}
