//! Incidents by keys: declared in two, changed, told of, published only when that is said by itself; with the runtime's
//! answers made here.

use std::sync::Arc;

use chrono::TimeDelta;
use insta::assert_snapshot;

use super::fixture::*;
use crate::actions::exchange::DoorEffect;
use crate::app::App;
use crate::config::Config;
use crate::domain::Text;
use crate::domain::incident::delivery::{Again, Delivery, Receipt, What};
use crate::domain::incident::entry::{Deed, Entry, Stamp};
use crate::domain::incident::{IncidentId, Role, Severity, Status};
use crate::incident::command::Command;
use crate::incident::declare::{ChatFacts, RunbookFacts, StatusPageFacts};
use crate::incident::outbox::Standing;
use crate::ports::feed::{SourceId, Update};
use crate::ports::incident::{ChatLimits, Page};
use crate::state::effect::Effect;
use crate::state::incident::{Here, IncidentEffect, IncidentNews, ServicesInfo};
use crate::state::message::Message;

pub(super) fn news(app: &mut App, news: IncidentNews) -> Vec<Effect> {
    app.update(Message::Incident(news), now())
}

pub(super) fn services() -> Here {
    let chat = ChatFacts {
        name: "slack".into(),
        product: "Slack",
        limits: ChatLimits { name: 80, topic: 250, message: 4_000 },
        has_channels: true,
        namer: Arc::new(|wanted| Ok(wanted.to_lowercase().replace(' ', "-"))),
    };
    let page = StatusPageFacts {
        name: "customers".into(),
        product: "Statuspage",
        components: [("Checkout".to_owned(), vec!["pay*".to_owned()])].into(),
    };
    let paging = vec![("pager".into(), "PagerDuty")];
    let services = ServicesInfo { chat: Some(chat), paging, status_page: Some(page), shared: None };
    let config = Config::built_in().unwrap().settings.incidents;
    Here { services, config, who: "oncall@bastion".into() }
}

/// The world with its broken rollout, connected to services.
pub(super) fn connected() -> App {
    let mut app = app();
    incident(&mut app);
    news(&mut app, IncidentNews::Services(Box::new(services())));
    news(&mut app, IncidentNews::Looked);
    app
}

/// Entries as the runtime would make them.
pub(super) fn entries(deeds: Vec<Deed>, last: &mut Option<Stamp>) -> Vec<Entry> {
    let writer: Text = "w1".into();
    let entry = |deed| {
        let stamp = Stamp::next(now(), &writer, last.as_ref());
        *last = Some(stamp.clone());
        Entry { stamp, at: now(), by: "oncall@bastion".into(), deed }
    };
    deeds.into_iter().map(entry).collect()
}

fn begun(effects: &[Effect]) -> (IncidentId, Vec<Deed>) {
    let begin = effects.iter().find_map(|effect| match effect {
        Effect::Incident(IncidentEffect::Begin { id, deeds }) => Some((id.clone(), deeds.clone())),
        _ => None,
    });
    begin.unwrap_or_else(|| panic!("nothing was declared: {effects:?}"))
}

/// An incident, declared by two keys and on disk.
pub(super) fn declared() -> (App, IncidentId, Option<Stamp>) {
    let mut app = connected();
    press(&mut app, "I");
    let (id, deeds) = begun(&press(&mut app, "y"));
    let mut last = None;
    let entries = entries(deeds, &mut last);
    news(&mut app, IncidentNews::Entries { id: id.clone(), entries });
    (app, id, last)
}

pub(super) fn done(effects: &[Effect]) -> Option<Command> {
    effects.iter().find_map(|effect| match effect {
        Effect::Incident(IncidentEffect::Do { command, .. }) => Some(command.clone()),
        _ => None,
    })
}

#[test]
fn two_keys_declare_and_the_first_shows_all_that_the_second_sends() {
    let mut app = connected();
    let effects = press(&mut app, "I");
    let [Effect::Incident(IncidentEffect::AskPaging), Effect::Incident(IncidentEffect::FindRunbook(asked))] = &*effects
    else {
        panic!("nothing is sent yet: {effects:?}")
    };
    assert_eq!(asked[0].alert.as_deref(), Some("HighErrorRate"), "the worst first");
    let page = Page {
        id: "PT4KHLK".into(),
        title: "[FIRING:1] HighErrorRate payment".into(),
        service: "payment".into(),
        status: "triggered".into(),
        alerts: vec!["HighErrorRate".into()],
        assigned: vec!["oncall".into()],
        since: ago(300),
        link: None,
    };
    news(&mut app, IncidentNews::Paging(vec![("pager".into(), Ok((vec![page], Vec::new())))]));
    assert_snapshot!("declare-120x40", screen(&mut app, 120, 40));
    assert_snapshot!("declare-80x24", screen(&mut app, 80, 24));
    // A page came while the key was on its way.
    assert_eq!(press(&mut app, "y"), []);
    assert!(screen(&mut app, 120, 40).contains("has just changed"));
    let (id, deeds) = begun(&press(&mut app, "y"));
    let Deed::Declared(declared) = &deeds[0] else { panic!("{deeds:?}") };
    assert_eq!((&declared.id, declared.severity), (&id, Severity::Sev1));
    assert_eq!(declared.detected, Some(ago(360)), "the oldest alert is the first sign");
    assert!(declared.suspect.as_ref().unwrap().contains("payment:2.3.7 → payment:2.4.0"), "{declared:?}");
    let planned = |wanted: fn(&What) -> bool| {
        deeds.iter().any(|deed| matches!(deed, Deed::Planned(delivery) if wanted(&delivery.what)))
    };
    assert!(planned(|what| matches!(what, What::OpenChannel { .. })));
    assert!(planned(|what| matches!(what, What::Acknowledge { page } if page == "PT4KHLK")));
    assert!(!planned(What::is_public), "the status page asks by itself");
}

fn public(deeds: &[Deed]) -> Vec<Delivery> {
    let planned = deeds.iter().filter_map(|deed| match deed {
        Deed::Planned(delivery) if delivery.what.is_public() => Some(delivery.clone()),
        _ => None,
    });
    planned.collect()
}

#[test]
fn the_status_page_is_declared_with_the_rest_by_its_own_key_and_word() {
    let mut app = connected();
    press(&mut app, "I P");
    assert_snapshot!("declare-public-words-120x40", screen(&mut app, 120, 40));
    press(&mut app, "end");
    write(&mut app, " Sorry.");
    press(&mut app, "ctrl-s");
    // Asked by itself, with all that becomes public; nothing else is the word.
    assert_snapshot!("declare-public-asked-120x40", screen(&mut app, 120, 40));
    let shown = screen(&mut app, 80, 24);
    for part in ["PUBLIC, once you say so", "[investigating]", "Checkout: major_outage", "type publish"] {
        assert!(shown.contains(part), "{part} is not seen at 80x24:\n{shown}");
    }
    write(&mut app, "y");
    press(&mut app, "enter");
    assert!(screen(&mut app, 80, 24).contains("nothing was published"));
    press(&mut app, "backspace");
    write(&mut app, "publish");
    assert!(press(&mut app, "enter").is_empty(), "it leaves with the rest");
    let shown = screen(&mut app, 80, 24);
    for part in ["PUBLIC: publish Problems with payment", "to everyone, customers too", "P keep back"] {
        assert!(shown.contains(part), "{part} is not seen at 80x24:\n{shown}");
    }
    let (_, deeds) = begun(&press(&mut app, "y"));
    let told = public(&deeds);
    assert_eq!(told.len(), 1);
    assert!(matches!(deeds.last(), Some(Deed::Planned(delivery)) if *delivery == told[0]), "after the rest");
    let What::Publish { body, components, status, .. } = &told[0].what else { panic!("{told:?}") };
    assert_eq!(body, "We are looking into problems with payment. More follows here. Sorry.");
    assert_eq!(
        (&*components["Checkout"], &**status, &*told[0].service),
        ("major_outage", "investigating", "customers")
    );
}

#[test]
fn what_was_confirmed_for_customers_is_withheld_when_it_changes_or_is_taken_back() {
    let mut app = connected();
    let confirm = |app: &mut App| {
        press(app, "P ctrl-s");
        write(app, "publish");
        press(app, "enter");
    };
    press(&mut app, "I");
    confirm(&mut app);
    press(&mut app, "P");
    assert!(screen(&mut app, 120, 60).contains("PUBLIC: not sent"), "{}", screen(&mut app, 120, 60));
    confirm(&mut app);
    press(&mut app, "e down");
    for _ in 0..4 {
        press(&mut app, "backspace");
    }
    write(&mut app, "sev3");
    press(&mut app, "enter");
    assert!(screen(&mut app, 120, 60).contains("changed after it was confirmed"), "{}", screen(&mut app, 120, 60));
    // Left at the word: nothing is confirmed by that.
    press(&mut app, "P ctrl-s esc");
    let (_, deeds) = begun(&press(&mut app, "y"));
    assert_eq!(public(&deeds), []);
}

#[test]
fn the_runbook_that_is_meant_fills_in_a_declare_while_it_is_looked_at() {
    let mut app = connected();
    press(&mut app, "I");
    assert!(screen(&mut app, 120, 40).contains("looking for one"));
    let book = RunbookFacts {
        id: "errors".into(),
        title: "Errors in a service".into(),
        channel: Some("inc-{{ service }}-errors".into()),
        roles: [(Role::Scribe, "dora".to_owned())].into(),
        invite: vec!["payments-lead".into()],
        ..RunbookFacts::default()
    };
    let found = || IncidentNews::Runbook(Some(Box::new(book.clone())));
    news(&mut app, found());
    let shown = screen(&mut app, 120, 40);
    for part in ["Errors in a service (errors)", "inc-payment-errors", "scribe=dora", "payments-lead"] {
        assert!(shown.contains(part), "{part}:\n{shown}");
    }
    assert_eq!(press(&mut app, "y"), [], "what is sent has just changed");
    let (_, deeds) = begun(&press(&mut app, "y"));
    assert!(matches!(&deeds[0], Deed::Declared(declared) if declared.runbook.as_deref() == Some("errors")));
    assert!(deeds.contains(&Deed::Role { role: Role::Scribe, who: Some("dora".into()) }));
    // One that comes too late, or that nobody asked for, is not heard.
    press(&mut app, "I");
    news(&mut app, IncidentNews::Runbook(None));
    news(&mut app, found());
    assert!(!screen(&mut app, 120, 40).contains("inc-payment-errors"));
}

#[test]
fn fields_are_edited_in_a_form_and_what_is_wrong_is_said_there() {
    let mut app = connected();
    press(&mut app, "I e");
    press(&mut app, "down");
    for _ in 0..4 {
        press(&mut app, "backspace");
    }
    write(&mut app, "SEV9");
    press(&mut app, "enter");
    assert!(screen(&mut app, 120, 40).contains("SEV1, SEV2, SEV3 or SEV4"));
    for _ in 0..4 {
        press(&mut app, "backspace");
    }
    write(&mut app, "sev3");
    press(&mut app, "enter");
    assert!(screen(&mut app, 120, 40).contains("SEV3 (set by hand)"));
    press(&mut app, "esc");
    assert!(press(&mut app, "y").is_empty(), "closed: nothing is declared");
}

#[test]
fn the_room_shows_how_it_stands_and_what_it_waits_for() {
    let (mut app, id, mut last) = declared();
    let sent = |key: &str, receipt| Deed::Sent { key: key.into(), receipt };
    let sending = |key: &str| Deed::Sending { key: key.into(), attempt: 1 };
    let channel = Receipt { id: Some("C1".into()), name: Some("inc-payment".into()), ..Receipt::default() };
    let fault = Deed::Unsent {
        key: "topic".into(),
        why: "Slack: missing_scope".into(),
        hint: Some("give the app channels:manage".into()),
        again: Again::Ask,
    };
    let deeds = vec![
        sending("channel"),
        sent("channel", channel),
        sending("topic"),
        fault,
        Deed::Alert { alert: "HighErrorRate".into(), subject: "payment".into(), firing: true },
        Deed::Note { text: "customers in the EU see an empty basket".into() },
        Deed::Role { role: Role::Communications, who: Some("support".into()) },
    ];
    let entries = entries(deeds, &mut last);
    news(&mut app, IncidentNews::Entries { id: id.clone(), entries });
    let why = Standing::Asks("Slack: missing_scope".into(), Some("give the app channels:manage".into()));
    news(&mut app, IncidentNews::Standings { id, standings: vec![("topic".into(), why)] });
    assert_snapshot!("incident-120x40", screen(&mut app, 120, 40));
    assert_snapshot!("incident-80x24", screen(&mut app, 80, 24));
    let keys = screen(&mut app, 80, 24).lines().last().unwrap().to_owned();
    assert!(keys.starts_with(" R send again  x leave unsent"), "{keys}");
    assert_eq!(done(&press(&mut app, "R")), Some(Command::Retry("topic".into())));
    press(&mut app, "x");
    write(&mut app, "nobody reads it");
    // Another one fails meanwhile: it is the one that was asked about that is left.
    let why = || Standing::Asks("Slack: missing_scope".into(), None);
    let standings = vec![("pin".into(), why()), ("topic".into(), why())];
    let id = app.session().incidents.current.clone().unwrap();
    news(&mut app, IncidentNews::Standings { id, standings });
    let drop = Command::Drop { key: "topic".into(), reason: Some("nobody reads it".into()) };
    assert_eq!(done(&press(&mut app, "enter")), Some(drop));
}

#[test]
fn help_begins_with_the_keys_of_the_place_where_it_was_asked_for() {
    let (mut app, ..) = declared();
    press(&mut app, "?");
    let shown = screen(&mut app, 120, 40);
    let (own, global) = (shown.find("Tell everyone how it stands"), shown.find("Plan to roll the selected"));
    assert!(own.is_some() && global.is_none_or(|global| own < Some(global)), "{shown}");
    press(&mut app, "esc");
    let keys = screen(&mut app, 80, 24).lines().last().unwrap().to_owned();
    assert!(keys.contains("esc back") && keys.contains("? help"), "{keys}");
    assert!(!keys.contains("send again"), "nothing waits for somebody: {keys}");
}

#[test]
fn one_key_and_a_line_write_something_down_from_any_pane() {
    let (mut app, ..) = declared();
    press(&mut app, "esc");
    assert!(!screen(&mut app, 120, 40).contains("Times (UTC)"));
    press(&mut app, "i");
    write(&mut app, "restarted the cache, too");
    assert_eq!(done(&press(&mut app, "enter")), Some(Command::Note("restarted the cache, too".into())));
    assert!(!screen(&mut app, 120, 40).contains("Times (UTC)"), "back to the panes");
}

#[test]
fn an_update_begins_with_the_facts_and_is_sent_by_its_own_key() {
    let (mut app, ..) = declared();
    press(&mut app, "u");
    assert_snapshot!("incident-update-120x40", screen(&mut app, 120, 40));
    write(&mut app, "We are on it.");
    press(&mut app, "enter");
    let Some(Command::Update { text, .. }) = done(&press(&mut app, "ctrl-s")) else { panic!("no update") };
    assert!(text.starts_with("We are on it.\n*SEV1"), "a draft is read, and written into, from its beginning: {text}");
}

#[test]
fn status_and_severity_are_chosen_from_lists() {
    let (mut app, ..) = declared();
    let status = Command::Status { to: Status::Mitigating, reason: None };
    assert_eq!(done(&press(&mut app, "s enter")), None, "the next one is chosen; one line more is asked for");
    assert_eq!(done(&press(&mut app, "enter")), Some(status));
    assert_eq!(done(&press(&mut app, "v enter")), None);
    assert!(screen(&mut app, 120, 40).contains("severity is SEV1 already"));
    press(&mut app, "v");
    write(&mut app, "4");
    press(&mut app, "enter");
    assert_eq!(done(&press(&mut app, "enter")), Some(Command::Severity { to: Severity::Sev4, reason: None }));
}

#[test]
fn resolved_once_more_opens_nothing() {
    let (mut app, id, mut last) = declared();
    let entries = entries(vec![Deed::Status { to: Status::Resolved, from: None, reason: None }], &mut last);
    news(&mut app, IncidentNews::Entries { id, entries });
    assert_eq!(done(&press(&mut app, "s enter")), None);
    assert!(screen(&mut app, 120, 40).contains("status is resolved already"));
    press(&mut app, "s down enter");
    write(&mut app, "5xx again");
    assert_eq!(done(&press(&mut app, "enter")), Some(Command::Reopen { reason: Some("5xx again".into()) }));
}

#[test]
fn customers_are_told_only_after_a_word_of_its_own() {
    let (mut app, ..) = declared();
    press(&mut app, "P enter");
    assert!(screen(&mut app, 120, 40).contains("every customer can read it"));
    assert_eq!(done(&press(&mut app, "ctrl-s")), None, "written, not published");
    write(&mut app, "yes");
    assert_eq!(done(&press(&mut app, "enter")), None);
    for _ in 0..3 {
        press(&mut app, "backspace");
    }
    write(&mut app, "publish");
    let Some(Command::Send { service, what, confirmed }) = done(&press(&mut app, "enter")) else { panic!("nothing") };
    let What::Publish { components, status, .. } = what else { panic!("{what:?}") };
    assert_eq!((&*service, status.as_str(), confirmed), ("customers", "investigating", true));
    assert_eq!(components["Checkout"], "major_outage");
}

#[test]
fn people_are_asked_to_join_through_the_page_and_a_bundle_is_one_key() {
    let (mut app, id, mut last) = declared();
    let bundle = Effect::Incident(IncidentEffect::Export { id: id.clone(), file: None });
    assert_eq!(press(&mut app, "B"), [bundle]);
    press(&mut app, "a");
    assert_eq!(done(&press(&mut app, "enter")), None, "which page?");
    assert!(screen(&mut app, 120, 40).contains("no page is open"));
    press(&mut app, "esc");
    let acknowledge = Delivery {
        key: "acknowledge:P1".into(),
        service: "pager".into(),
        what: What::Acknowledge { page: "P1".into() },
        after: Vec::new(),
    };
    let entries = entries(vec![Deed::Planned(acknowledge)], &mut last);
    news(&mut app, IncidentNews::Entries { id, entries });
    press(&mut app, "a");
    write(&mut app, "ada, bo");
    let Some(Command::Send { service, what, confirmed: false }) = done(&press(&mut app, "enter")) else { panic!() };
    let What::AddResponders { page, who, .. } = what else { panic!("{what:?}") };
    assert_eq!((&*service, page.as_str(), who), ("pager", "P1", vec!["ada".to_owned(), "bo".to_owned()]));
}

#[test]
fn what_is_done_meanwhile_belongs_to_the_incident() {
    let (mut app, id, _) = declared();
    press(&mut app, "esc");
    let effects = press(&mut app, "R");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Door(DoorEffect { .. }))), "{effects:?}");
    let door = app.door.as_ref().unwrap();
    assert_eq!(door.view().request.incident.as_deref(), Some(id.as_str()));
}

#[test]
fn alerts_that_fire_and_clear_are_written_down_once() {
    let (mut app, id, mut last) = declared();
    let noticed = |effects: &[Effect]| -> Vec<Deed> {
        let of = |effect: &Effect| match effect {
            Effect::Incident(IncidentEffect::Notice { noticed, .. }) => {
                noticed.iter().map(|one| one.deed.clone()).collect()
            }
            _ => Vec::new(),
        };
        effects.iter().flat_map(of).filter(|deed| matches!(deed, Deed::Alert { .. })).collect()
    };
    let first = noticed(&app.update(Message::Tick, now() + TimeDelta::seconds(1)));
    assert!(
        first.iter().any(|deed| matches!(deed, Deed::Alert { alert, firing: true, .. } if alert == "HighErrorRate"))
    );
    let again = noticed(&app.update(Message::Tick, now() + TimeDelta::seconds(2)));
    assert!(again.is_empty(), "on its way: {again:?}");
    let entries = entries(first, &mut last);
    news(&mut app, IncidentNews::Entries { id, entries });
    tell(&mut app, SourceId::Alertmanager, Update::Alerts(Vec::new()));
    tell(&mut app, SourceId::PrometheusAlerts, Update::Alerts(Vec::new()));
    let cleared = noticed(&app.update(Message::Tick, now() + TimeDelta::seconds(3)));
    assert!(cleared.iter().all(|deed| matches!(deed, Deed::Alert { firing: false, .. })) && !cleared.is_empty());
}

#[test]
fn a_read_only_console_declares_nothing() {
    let mut app = app_with(true, false);
    incident(&mut app);
    news(&mut app, IncidentNews::Services(Box::new(services())));
    news(&mut app, IncidentNews::Looked);
    assert!(press(&mut app, "I").is_empty());
    assert!(screen(&mut app, 120, 40).contains("read-only: --read-only was given"));
}

#[test]
fn what_could_not_be_written_is_said_and_quitting_waits_for_what_is_being_written() {
    let mut app = connected();
    press(&mut app, "I");
    let (id, _) = begun(&press(&mut app, "y"));
    assert!(app.holds_quit());
    let why = "cannot write /x: no space left; free some".to_owned();
    news(&mut app, IncidentNews::Refused { id, why });
    assert!(!app.holds_quit());
    assert!(screen(&mut app, 120, 40).contains("no space left"));
    assert!(screen(&mut app, 120, 40).contains("This is sent, in this order"), "what was proposed is there again");
    begun(&press(&mut app, "y"));
}
