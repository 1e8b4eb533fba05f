//! What goes wrong late at night: an incident that is over is found again, texts survive, and nobody is woken, nothing is
//! merged or taken over by two quick keys.

use super::fixture::*;
use super::incidents::{connected, declared, done, entries, news};
use crate::app::App;
use crate::domain::incident::delivery::{Delivery, What};
use crate::domain::incident::entry::{Deed, Entry, Stamp};
use crate::domain::incident::{IncidentId, Severity, Status};
use crate::incident::command::Command;
use crate::incident::outbox::Standing;
use crate::ports::incident::Page;
use crate::state::effect::Effect;
use crate::state::incident::{Brief, IncidentEffect, IncidentNews};

fn write_down(app: &mut App, id: &IncidentId, deeds: Vec<Deed>, last: &mut Option<Stamp>) {
    let entries = entries(deeds, last);
    news(app, IncidentNews::Entries { id: id.clone(), entries });
}

/// What another incident begins with: about a workload that is not the first one's.
fn another(app: &App, id: &str) -> (IncidentId, Vec<Entry>) {
    let first = app.session().incidents.incident().unwrap();
    let mut other = first.declared().clone();
    other.id = id.parse().unwrap();
    other.title = "the other one".into();
    other.workload = Some(workload("cart"));
    other.service = "cart".into();
    other.alerts = vec!["CartFull".into()];
    (other.id.clone(), entries(vec![Deed::Declared(Box::new(other))], &mut None))
}

fn page(id: &str, alert: &str) -> Page {
    Page {
        id: id.into(),
        title: format!("[FIRING:1] {alert}"),
        service: "payment".into(),
        status: "triggered".into(),
        alerts: vec![alert.into()],
        assigned: vec!["oncall".into()],
        since: ago(300),
        link: None,
    }
}

fn paging(app: &mut App, pages: Vec<Page>) {
    news(app, IncidentNews::Paging(vec![("pager".into(), Ok((pages, Vec::new())))]));
}

#[test]
fn one_that_is_over_is_found_again_and_another_that_goes_on_is_not_lost() {
    let (mut app, id, mut last) = declared();
    write_down(&mut app, &id, vec![Deed::Status { to: Status::Resolved, reason: None, from: None }], &mut last);
    press(&mut app, "esc");
    press(&mut app, "I");
    assert!(screen(&mut app, 120, 40).contains("over since"), "a list, not a second declare");
    let effects = press(&mut app, "down enter");
    assert!(effects.contains(&Effect::Incident(IncidentEffect::Open(id.clone()))), "{effects:?}");
    assert!(screen(&mut app, 120, 40).contains("Times (UTC)"));
    let post_mortem = Effect::Incident(IncidentEffect::PostMortem(id));
    assert_eq!(press(&mut app, "p"), [post_mortem]);
    // Another is open: keys and header are about that, once this one is closed.
    let (other, entries) = another(&app, "inc-20261121-090000-0c0c");
    news(&mut app, IncidentNews::Entries { id: other.clone(), entries });
    assert!(screen(&mut app, 120, 40).contains("Times (UTC)"), "what is looked at is not taken away");
    press(&mut app, "esc");
    press(&mut app, "i");
    write(&mut app, "seen");
    let effects = press(&mut app, "enter");
    assert!(
        effects.iter().any(|effect| matches!(effect, Effect::Incident(IncidentEffect::Do { id, .. }) if *id == other)),
        "{effects:?}"
    );
}

#[test]
fn one_of_an_earlier_night_is_asked_for_and_shown_when_it_comes() {
    let mut app = connected();
    let id: IncidentId = "inc-20261121-090000-0c0c".parse().unwrap();
    let brief = Brief { id: id.clone(), title: "before".into(), severity: Severity::Sev2, ended: ago(3_600) };
    news(&mut app, IncidentNews::Lately(vec![brief]));
    press(&mut app, "I");
    assert_eq!(press(&mut app, "down enter"), [Effect::Incident(IncidentEffect::Open(id))]);
}

#[test]
fn nobody_is_woken_by_two_keys_and_the_chosen_page_stays_chosen() {
    let (mut app, ..) = declared();
    paging(&mut app, vec![page("OTHER", "DiskFull"), page("OURS", "HighErrorRate")]);
    press(&mut app, "e");
    let shown = screen(&mut app, 120, 40);
    assert!(shown.find("pager OURS") < shown.find("pager OTHER"), "its own first: {shown}");
    // Another of the same alert comes before it.
    paging(&mut app, vec![page("NEWER", "HighErrorRate"), page("OURS", "HighErrorRate")]);
    assert_eq!(done(&press(&mut app, "enter")), None);
    assert_eq!(done(&press(&mut app, "enter")), None, "enter alone wakes nobody");
    write(&mut app, "page");
    let Some(Command::Send { what: What::Escalate { page, .. }, .. }) = done(&press(&mut app, "enter")) else {
        panic!()
    };
    assert_eq!(page, "OURS");
    press(&mut app, "e");
    write(&mut app, "pager NOBODY");
    assert_eq!(done(&press(&mut app, "enter")), None);
    assert!(screen(&mut app, 120, 40).contains("nothing in the list matches"));
}

#[test]
fn a_page_is_acknowledged_later_and_people_join_through_it() {
    let (mut app, ..) = declared();
    paging(&mut app, vec![page("OURS", "HighErrorRate")]);
    press(&mut app, "l enter");
    let effects = press(&mut app, "enter");
    let sent = |wanted: fn(&What) -> bool| {
        effects.iter().any(|effect| {
            matches!(effect, Effect::Incident(IncidentEffect::Do { command: Command::Send { what, .. }, .. }) if wanted(what))
        })
    };
    assert!(sent(|what| matches!(what, What::Acknowledge { page } if page == "OURS")), "{effects:?}");
    assert!(sent(|what| matches!(what, What::PageNote { page, .. } if page == "OURS")), "{effects:?}");
}

#[test]
fn what_was_written_is_kept_until_it_is_on_disk() {
    let (mut app, id, mut last) = declared();
    press(&mut app, "u");
    write(&mut app, "We know why. ");
    press(&mut app, "esc");
    press(&mut app, "u");
    assert!(screen(&mut app, 120, 40).contains("We know why."), "escape throws nothing away");
    let Some(Command::Update { text, next }) = done(&press(&mut app, "ctrl-s")) else { panic!() };
    assert!(next.is_some(), "when the next one comes is what people read");
    news(&mut app, IncidentNews::Refused { id: id.clone(), why: "no space left".into() });
    press(&mut app, "u");
    assert!(screen(&mut app, 120, 40).contains("We know why."), "it was not written");
    press(&mut app, "esc");
    write_down(&mut app, &id, vec![Deed::Update { text, next: None }], &mut last);
    press(&mut app, "u");
    assert!(!screen(&mut app, 120, 40).contains("as you left it"));
}

#[test]
fn a_text_goes_to_the_incident_that_it_was_begun_for() {
    let (mut app, id, mut last) = declared();
    let (other, entries) = another(&app, "inc-20261121-090000-0c0c");
    press(&mut app, "n");
    write(&mut app, "for the first");
    news(&mut app, IncidentNews::Entries { id: other.clone(), entries });
    write_down(&mut app, &id, vec![Deed::Merged { into: other }], &mut last);
    assert_eq!(app.session().incidents.current.as_ref(), Some(&id));
}

#[test]
fn merging_and_taking_over_ask_for_a_word() {
    let (mut app, id, mut last) = declared();
    let (other, entries) = another(&app, "inc-20261121-090000-0c0c");
    news(&mut app, IncidentNews::Entries { id: other.clone(), entries });
    let merges = |effects: Vec<Effect>| {
        effects.contains(&Effect::Incident(IncidentEffect::Merge { from: id.clone(), into: other.clone() }))
    };
    assert!(!merges(press(&mut app, "m enter enter")));
    write(&mut app, "merge");
    assert!(merges(press(&mut app, "enter")));
    let post = Delivery {
        key: "post".into(),
        service: "slack".into(),
        what: What::Post { text: "hello".into() },
        after: Vec::new(),
    };
    write_down(&mut app, &id, vec![Deed::Planned(post)], &mut last);
    let standings = vec![("post".into(), Standing::Elsewhere("w9".into()))];
    news(&mut app, IncidentNews::Standings { id: id.clone(), standings });
    assert_eq!(done(&press(&mut app, "O enter")), None);
    write(&mut app, "take");
    assert_eq!(done(&press(&mut app, "enter")), Some(Command::TakeOver { writer: "w9".into() }));
}

#[test]
fn entries_that_come_before_the_first_one_are_not_lost() {
    let (mut app, ..) = declared();
    let (other, first) = another(&app, "inc-20261121-090000-0c0c");
    let mut last = Some(first[0].stamp.clone());
    let later = entries(vec![Deed::Note { text: "came first".into() }], &mut last);
    news(&mut app, IncidentNews::Entries { id: other.clone(), entries: later });
    news(&mut app, IncidentNews::Entries { id: other.clone(), entries: first });
    assert_eq!(app.session().incidents.all[&other].len(), 2);
}
