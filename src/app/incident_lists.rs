//! What is chosen from lists in an open incident: the likely comes first or is marked, only what a list holds is taken, and
//! nothing that is chosen happens before one more line.

use super::App;
use super::incident_lines::in_short;
use crate::domain::incident::delivery::{DeliveryKey, What};
use crate::domain::incident::{IncidentId, Role, Severity, Status};
use crate::incident::Incident;
use crate::incident::outbox::Standing;
use crate::incident::timeline::describe;
use crate::ports::incident::Page;
use crate::state::effect::Effect;
use crate::state::incident::room::{PageOf, Purpose};
use crate::state::incident::{Brief, IncidentEffect};
use crate::state::session::{Overlay, PickItem, PickerKind};

type Effects = Vec<Effect>;

/// What opens a resolved incident again, in the list of statuses.
const REOPEN: &str = "reopen";
/// What declares another incident, in the list of incidents.
const NEW: &str = "new";
/// Incidents that are over in that list.
const MOST_OVER: usize = 20;

fn item(value: impl Into<String>, note: impl Into<String>) -> PickItem {
    PickItem { value: value.into(), note: note.into(), key: None, production: false }
}

impl App {
    /// A list to choose from, over the incident.
    pub(super) fn choose_incident(&mut self, kind: PickerKind) -> Effects {
        let mut effects = self.open_picker(kind);
        if kind.holds_pages() {
            // What was answered before may be old.
            effects.push(Effect::Incident(IncidentEffect::AskPaging));
        }
        if kind == PickerKind::Incident {
            effects.push(Effect::Incident(IncidentEffect::Lately));
        }
        if let Some(Overlay::Picker(picker)) = self.session.overlays.last_mut()
            && picker.items.is_empty()
        {
            if kind.holds_pages() {
                picker.loading = true;
                return effects;
            }
            self.session.overlays.pop();
            self.notice(match kind {
                PickerKind::StatusPage => "no status page is configured here",
                PickerKind::Merge => "there is no other open incident",
                PickerKind::Unsent => "nothing waits to be sent",
                _ => "there is nothing to choose from",
            });
        }
        effects
    }

    /// What such a list holds.
    pub(super) fn incident_items(&self, kind: PickerKind) -> Vec<PickItem> {
        if kind == PickerKind::Incident {
            return self.all_incidents();
        }
        let room = &self.session.incidents;
        let Some(incident) = room.incident() else {
            return Vec::new();
        };
        match kind {
            PickerKind::Status if !incident.is_open() => {
                let again = item(REOPEN, "users are affected again: mitigating");
                vec![item(Status::Resolved.to_string(), "now"), again]
            }
            PickerKind::Status => {
                let note = |status| if status == incident.status() { "now" } else { meaning(status) };
                Status::ALL.into_iter().map(|status| item(status.to_string(), note(status))).collect()
            }
            PickerKind::Severity => {
                let note = |severity| if severity == incident.severity() { "now" } else { "" };
                Severity::ALL.into_iter().map(|severity| item(severity.to_string(), note(severity))).collect()
            }
            PickerKind::Role => {
                let who = |role| incident.roles().get(&role).cloned().unwrap_or_else(|| "nobody".into());
                Role::ALL.into_iter().map(|role| item(role.to_string(), who(role))).collect()
            }
            PickerKind::Merge => {
                let others = room.open().filter(|other| other.id() != incident.id());
                others.map(|other| item(other.id().to_string(), other.title())).collect()
            }
            PickerKind::StatusPage => {
                let page = room.here.iter().filter_map(|here| here.services.status_page.as_ref());
                page.map(|page| item(page.name.to_string(), page.product)).collect()
            }
            PickerKind::Page | PickerKind::JoinPage | PickerKind::NotePage => {
                let note = |rank: u8, page: &Page| {
                    let whose = ["of this incident", "same alert", "another one"][usize::from(rank.min(2))];
                    format!("{whose}: {} ({}) {}", page.title, page.status, page.assigned.join(", "))
                };
                let pages = self.pages_for(incident).into_iter();
                pages.map(|(rank, of, page)| item(format!("{} {}", of.service, of.page), note(rank, page))).collect()
            }
            PickerKind::Unsent => {
                let unsent = self.unsent().into_iter();
                unsent.map(|(_, what, standing)| item(what, standing.words(self.now))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The item that a list begins at: the next status, the severity as it is.
    pub(super) fn preferred(&self, kind: PickerKind, items: &[PickItem]) -> usize {
        let Some(incident) = self.session.incidents.incident() else { return 0 };
        let value = match kind {
            PickerKind::Status => next(incident.status()).to_string(),
            PickerKind::Severity => incident.severity().to_string(),
            _ => return 0,
        };
        items.iter().position(|item| item.value == value).unwrap_or(0)
    }

    /// Open incidents but the one that is looked at, a new one, and those that are over.
    fn all_incidents(&self) -> Vec<PickItem> {
        let room = &self.session.incidents;
        let looked_at = self.session.overlays.iter().any(|overlay| matches!(overlay, Overlay::Incident));
        let shown = room.current.as_ref().filter(|_| looked_at);
        let others = room.all.values().filter(|other| Some(other.id()) != shown);
        let mut items: Vec<PickItem> = room
            .open()
            .rev()
            .filter(|other| Some(other.id()) != shown)
            .map(|other| item(other.id().as_str(), in_short(other)))
            .collect();
        items.push(item(NEW, "declare another incident, from what is selected"));
        let mut over: Vec<Brief> = others.filter_map(Brief::of).collect();
        let unknown = room.lately.iter().filter(|brief| !room.all.contains_key(&brief.id));
        over.extend(unknown.cloned());
        over.sort_by_key(|brief| std::cmp::Reverse(brief.ended));
        items.extend(over.into_iter().take(MOST_OVER).map(|brief| {
            let ended = brief.ended.format("%Y-%m-%d %H:%M");
            item(brief.id.as_str(), format!("{}, over since {ended}: {}", brief.severity, brief.title))
        }));
        items
    }

    /// Open pages: first those that the incident has to do with already, then those of the same alerts, then all others.
    fn pages_for(&self, incident: &Incident) -> Vec<(u8, PageOf, &Page)> {
        let own = own_pages(incident);
        let mut pages: Vec<(u8, PageOf, &Page)> = Vec::new();
        for (service, said) in &self.session.incidents.paging {
            for page in said.iter().flat_map(|(pages, _)| pages) {
                let of = PageOf { service: service.clone(), page: page.id.clone() };
                let same = || page.alerts.iter().any(|alert| incident.declared().alerts.contains(alert));
                let rank = if own.contains(&of) { 0 } else { 1 + u8::from(!same()) };
                pages.push((rank, of, page));
            }
        }
        pages.sort_by_key(|(rank, ..)| *rank);
        pages
    }

    /// What is not sent yet and could be left: key, words that nothing else in the list has, and what it waits for. What
    /// waits for a person comes first.
    pub(super) fn unsent(&self) -> Vec<(DeliveryKey, String, &Standing)> {
        let room = &self.session.incidents;
        let Some(incident) = room.incident() else { return Vec::new() };
        let standings = room.standings.get(incident.id()).into_iter().flatten();
        let mut found: Vec<(DeliveryKey, String, &Standing)> = Vec::new();
        for (key, standing) in standings.filter(|(_, standing)| *standing != Standing::UnderWay) {
            let Some(parcel) = incident.parcels().get(key).filter(|parcel| !parcel.is_over()) else { continue };
            let what = describe(&parcel.delivery.what);
            let alike = found.iter().filter(|(_, known, _)| known.starts_with(&what)).count();
            let what = if alike > 0 { format!("{what} ({})", alike + 1) } else { what };
            found.push((key.clone(), what, standing));
        }
        found.sort_by_key(|(.., standing)| !standing.needs_somebody());
        found
    }

    /// `x`: the one thing that is not sent yet, or a list of them.
    pub(super) fn leave_unsent(&mut self) -> Effects {
        let unsent: Vec<_> = self.unsent().into_iter().map(|(key, what, _)| (key, what)).collect();
        match &unsent[..] {
            [(key, what)] => {
                self.ask_line(format!("leave unsent: {what}; why?"), "", Purpose::Drop(key.clone()));
                Vec::new()
            }
            _ => self.choose_incident(PickerKind::Unsent),
        }
    }

    /// `a`: through the page that the incident has to do with; else which one?
    pub(super) fn ask_to_join(&mut self) -> Effects {
        let own = self.session.incidents.incident().map(own_pages).unwrap_or_default();
        match &own[..] {
            [page] => {
                self.ask_line("who is asked to join?", "", Purpose::JoinPage(page.clone()));
                Vec::new()
            }
            _ => self.choose_incident(PickerKind::JoinPage),
        }
    }

    /// `O`: what another console had planned is sent from here, once that is said by a word.
    pub(super) fn ask_to_take_over(&mut self) {
        let room = &self.session.incidents;
        let standings = room.current.as_ref().and_then(|id| room.standings.get(id)).into_iter().flatten();
        let mut elsewhere = standings.filter_map(|(_, standing)| match standing {
            Standing::Elsewhere(writer) => Some(writer.clone()),
            _ => None,
        });
        let Some(writer) = elsewhere.next() else {
            self.notice("no other console has anything left to send");
            return;
        };
        let left = 1 + elsewhere.filter(|other| *other == writer).count();
        // Two consoles that send the same ask the service first, and yet a page cannot be taken back.
        let ask = format!("type take if console {writer} is gone: its {left} unsent are sent from here");
        self.ask_line(ask, "", Purpose::TakeOver(writer));
    }

    /// Something was chosen from such a list.
    pub(super) fn chosen_of_incident(&mut self, kind: PickerKind, value: &str) -> Effects {
        match kind {
            PickerKind::Incident if value == NEW => return self.declare(),
            PickerKind::Incident => return self.chosen_incident(value),
            PickerKind::StatusPage => self.write_publication(value),
            PickerKind::Status => self.chosen_status(value),
            PickerKind::Severity => match (value.parse::<Severity>(), self.session.incidents.incident()) {
                (Ok(to), Some(incident)) if to == incident.severity() => {
                    self.notice(format!("severity is {to} already"));
                }
                (Ok(to), _) => self.ask_line(format!("{to}: why? (enter: no reason)"), "", Purpose::Severity(to)),
                (Err(error), _) => self.notice(error.to_string()),
            },
            PickerKind::Role => match value.parse::<Role>() {
                Ok(role) => {
                    let me = self.session.incidents.here.as_ref().map(|here| here.who.to_string());
                    let ask = format!("who is {}? (empty: nobody)", role.title());
                    self.ask_line(ask, &me.unwrap_or_default(), Purpose::Role(role));
                }
                Err(error) => self.notice(error.to_string()),
            },
            PickerKind::Merge => {
                let into = value.parse::<IncidentId>().ok();
                let other = into.and_then(|id| self.session.incidents.all.get(&id));
                if let Some((id, title)) = other.map(|other| (other.id().clone(), other.title().to_owned())) {
                    self.ask_line(format!("type merge to end this: goes on in {title}"), "", Purpose::Merge(id));
                }
            }
            PickerKind::Unsent => {
                let key = self.unsent().into_iter().find(|(_, what, _)| what == value).map(|(key, ..)| key);
                match key {
                    Some(key) => self.ask_line(format!("leave unsent: {value}; why?"), "", Purpose::Drop(key)),
                    None => self.notice("that was sent meanwhile"),
                }
            }
            PickerKind::Page | PickerKind::JoinPage | PickerKind::NotePage => self.chosen_page(kind, value),
            _ => {}
        }
        Vec::new()
    }

    fn chosen_status(&mut self, value: &str) {
        let Some(incident) = self.session.incidents.incident() else { return };
        let now = incident.status();
        let (ask, purpose) = match value.parse::<Status>() {
            _ if value == REOPEN => ("opened again: why?".to_owned(), Purpose::Reopen),
            Ok(to) if to == now => return self.notice(format!("status is {to} already")),
            Ok(to @ Status::Resolved) => (format!("{to}: what ended it?"), Purpose::Status(to)),
            Ok(to) if to < now => (format!("back to {to}: why?"), Purpose::Status(to)),
            Ok(to) => (format!("{to}: why?"), Purpose::Status(to)),
            Err(error) => return self.notice(error.to_string()),
        };
        self.ask_line(ask + " (enter: no reason)", "", purpose);
    }

    fn chosen_page(&mut self, kind: PickerKind, value: &str) {
        let Some((service, page)) = value.split_once(' ') else { return };
        let of = PageOf { service: service.into(), page: page.to_owned() };
        match kind {
            PickerKind::Page => {
                let ask = format!("type page to wake the next level of {page}");
                self.ask_line(ask, "", Purpose::Escalate(of));
            }
            PickerKind::JoinPage => self.ask_line("who is asked to join?", "", Purpose::JoinPage(of)),
            _ => {
                let mut said = self.session.incidents.paging.iter().filter(|(known, _)| *known == of.service);
                let pages = said.find_map(|(_, said)| said.as_ref().ok()).map(|(pages, _)| pages);
                let known = pages.and_then(|pages| pages.iter().find(|known| known.id == of.page));
                let triggered = known.is_some_and(|known| known.status == "triggered");
                self.ask_page_note(of, triggered);
            }
        }
    }

    fn chosen_incident(&mut self, value: &str) -> Effects {
        let id: IncidentId = match value.parse() {
            Ok(id) => id,
            Err(error) => {
                self.notice(format!("{error}"));
                return Vec::new();
            }
        };
        let room = &mut self.session.incidents;
        let is_open = room.all.get(&id).map(Incident::is_open);
        if is_open.is_some() {
            room.go_to(&id);
            self.show_incident();
        } else {
            room.wanted = Some(id.clone());
        }
        if is_open == Some(true) {
            return Vec::new();
        }
        // The runtime has put away what is over: it has to look after it again before anything is written there.
        self.session.incidents.unwritten += 1;
        vec![Effect::Incident(IncidentEffect::Open(id))]
    }
}

/// Pages that the incident acknowledged, noted itself on, or asked people through.
fn own_pages(incident: &Incident) -> Vec<PageOf> {
    let mut own: Vec<PageOf> = Vec::new();
    for parcel in incident.parcels() {
        let page = match &parcel.delivery.what {
            What::Acknowledge { page }
            | What::PageNote { page, .. }
            | What::Escalate { page, .. }
            | What::AddResponders { page, .. } => page.clone(),
            _ => continue,
        };
        let page = PageOf { service: parcel.delivery.service.clone(), page };
        if !own.contains(&page) {
            own.push(page);
        }
    }
    own
}

/// The status that usually comes next.
const fn next(status: Status) -> Status {
    match status {
        Status::Triage => Status::Mitigating,
        Status::Mitigating => Status::Monitoring,
        Status::Monitoring | Status::Resolved => Status::Resolved,
    }
}

const fn meaning(status: Status) -> &'static str {
    match status {
        Status::Triage => "finding out what it is",
        Status::Mitigating => "doing something about it",
        Status::Monitoring => "users are served again; is it so for good?",
        Status::Resolved => "over",
    }
}
