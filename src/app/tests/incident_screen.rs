//! The incident's screen over many entries: what it follows, where it stays, and when it reminds.

use chrono::TimeDelta;

use super::fixture::*;
use super::incidents::{declared, entries, news};
use crate::app::App;
use crate::domain::incident::IncidentId;
use crate::domain::incident::entry::{Deed, Stamp};
use crate::incident::outbox::Standing;
use crate::ports::feed::{Fault, FaultKind, SourceId, Update};
use crate::state::effect::Effect;
use crate::state::incident::{IncidentEffect, IncidentNews};
use crate::state::message::{FeedItem, Message};

fn notes(app: &mut App, id: &IncidentId, last: &mut Option<Stamp>, numbers: std::ops::Range<u32>) {
    let deeds = numbers.map(|number| Deed::Note { text: format!("note {number}.") }).collect();
    let entries = entries(deeds, last);
    news(app, IncidentNews::Entries { id: id.clone(), entries });
}

/// The first and the last note in sight.
fn in_sight(app: &mut App) -> (String, String) {
    let shown = screen(app, 120, 40);
    let note = |line: &str| Some(line.split_once("note ")?.1.split_once('.')?.0.to_owned());
    let mut notes = shown.lines().filter_map(note);
    let first = notes.next().unwrap();
    (first.clone(), notes.next_back().unwrap_or(first))
}

#[test]
fn the_timeline_follows_its_end_and_stays_where_it_was_scrolled_to() {
    let (mut app, id, mut last) = declared();
    notes(&mut app, &id, &mut last, 0..500);
    let (_, end) = in_sight(&mut app);
    assert_eq!(end, "499");
    notes(&mut app, &id, &mut last, 500..510);
    assert_eq!(in_sight(&mut app).1, "509", "it follows");
    press(&mut app, "pageup");
    let here = in_sight(&mut app);
    assert_ne!(here.1, "509");
    notes(&mut app, &id, &mut last, 510..600);
    assert_eq!(in_sight(&mut app), here, "it stays");
    // What comes late stands between the others, and moves only what is below it.
    press(&mut app, "g g");
    assert_eq!(in_sight(&mut app).0, "0");
    let early = declared().2;
    let mut late = entries(vec![Deed::Note { text: "note late.".into() }], &mut early.clone());
    late[0].stamp = Stamp::next(now(), &"w0".into(), early.as_ref());
    news(&mut app, IncidentNews::Entries { id: id.clone(), entries: late });
    assert_eq!(in_sight(&mut app).0, "late");
    press(&mut app, "G");
    assert_eq!(in_sight(&mut app).1, "599");
    notes(&mut app, &id, &mut last, 600..601);
    assert_eq!(in_sight(&mut app).1, "600", "at the end it follows again");
    // Another incident is another timeline.
    let narrow = screen(&mut app, 80, 24);
    assert!(narrow.contains("note 600."), "{narrow}");
}

#[test]
fn reminders_are_looked_for_once_a_second_and_after_a_change() {
    let (mut app, id, _) = declared();
    let due = now() + TimeDelta::minutes(27);
    let header = |app: &mut App| screen(app, 120, 40).lines().take(2).collect::<Vec<_>>().join("\n");
    let before = app.session().incidents.nudges.clone();
    assert!(before.iter().all(|nudge| !nudge.text.contains("update due")), "{before:?}");
    // Sources tell many times in a second: they alone change no reminder.
    app.update(Message::Tick, due);
    let nudges = app.session().incidents.nudges.clone();
    assert!(nudges.iter().any(|nudge| nudge.text.contains("update due")), "{nudges:?}");
    app.session.incidents.nudges.clear();
    let item = FeedItem::Update(Update::Alive);
    app.update(Message::Feed { epoch: 1, source: SourceId::Alertmanager, item }, due);
    assert_eq!(app.session().incidents.nudges, [], "a source has told something within the same second");
    let standings = vec![("topic".into(), Standing::Asks("missing_scope".into(), None))];
    news(&mut app, IncidentNews::Standings { id, standings });
    assert!(header(&mut app).contains("1 not sent"), "{}", header(&mut app));
}

#[test]
fn what_is_only_here_is_said_until_it_is_shared() {
    let (mut app, ..) = declared();
    let fault = Fault::new(FaultKind::Forbidden, "2 entries are only here: may not write shared incidents");
    news(&mut app, IncidentNews::Shared(Some(fault)));
    let shown = screen(&mut app, 160, 40);
    assert!(shown.contains("not shared now: 2 entries are only here"), "{shown}");
    news(&mut app, IncidentNews::Shared(None));
    assert!(!screen(&mut app, 160, 40).contains("only here"));
}

#[test]
fn an_incident_is_watched_each_second_however_much_sources_tell() {
    let (mut app, ..) = declared();
    let at = now() + TimeDelta::seconds(1);
    // Almost always it is a source that begins a second.
    let item = FeedItem::Update(Update::Alive);
    app.update(Message::Feed { epoch: 1, source: SourceId::Alertmanager, item }, at);
    let watched = |effects: &[Effect]| {
        effects.iter().any(|effect| matches!(effect, Effect::Incident(IncidentEffect::Notice { .. })))
    };
    assert!(watched(&app.update(Message::Tick, at)));
    let again = app.update(Message::Tick, at + TimeDelta::milliseconds(500));
    assert!(!watched(&again), "once a second");
}
