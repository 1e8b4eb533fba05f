//! Incidents in the console: opened by one key, told of by the runtime, changed by commands whose entries go to the journal
//! first; what the world shows is written into the timeline by itself.

use super::App;
use crate::domain::Text;
use crate::domain::incident::IncidentId;
use crate::domain::incident::delivery::What;
use crate::domain::incident::entry::Stamp;
use crate::incident::Incident;
use crate::incident::command::{self, Circumstances, Command};
use crate::state::effect::Effect;
use crate::state::incident::room::{OnDuty, Piece, Prompt, Purpose, View, Writing};
use crate::state::incident::{IncidentEffect, IncidentNews};
use crate::state::session::{Overlay, PickerKind};

type Effects = Vec<Effect>;

impl App {
    /// `I`: the incident that is open, else a new one from what is selected.
    pub(super) fn open_incident(&mut self) -> Effects {
        self.session.incidents.settle();
        if self.session.incidents.incident().is_some_and(Incident::is_open) {
            self.show_incident();
            return Vec::new();
        }
        self.declare()
    }

    /// One key, one line: into the open incident.
    pub(super) fn note_incident(&mut self) -> Effects {
        self.session.incidents.settle();
        if self.session.incidents.incident().is_some_and(Incident::is_open) {
            self.ask_line("note, with the time of now:", "", Purpose::Note);
        } else {
            let key = self.hint("incident").unwrap_or_else(|| ":incident".into());
            self.notice(format!("no incident is open; {key} declares one"));
        }
        Vec::new()
    }

    pub(super) fn show_incident(&mut self) {
        self.session.overlays.retain(|overlay| !matches!(overlay, Overlay::Incident));
        // Under the door's box: what it asks comes first.
        let door = self.session.overlays.iter().position(|overlay| matches!(overlay, Overlay::Door(_)));
        let at = door.unwrap_or(self.session.overlays.len());
        self.session.overlays.insert(at, Overlay::Incident);
        self.dirty = true;
    }

    /// The incident that an action belongs to when nobody says otherwise.
    pub(super) fn incident_here(&self) -> Option<String> {
        let room = &self.session.incidents;
        let chosen = room.incident().filter(|incident| incident.is_open());
        let only = || room.open().next_back().filter(|_| room.open().count() == 1);
        chosen.or_else(only).map(|incident| incident.id().to_string())
    }

    /// The runtime tells.
    pub(super) fn incident_news(&mut self, news: IncidentNews) -> Effects {
        self.dirty = true;
        let room = &mut self.session.incidents;
        match news {
            IncidentNews::Services(here) => room.here = Some(*here),
            IncidentNews::Known => {
                room.known = true;
                room.settle();
                if let Some(incident) = room.incident().filter(|incident| incident.is_open()) {
                    let title = incident.title().to_owned();
                    let key = self.hint("incident").unwrap_or_else(|| ":incident".into());
                    self.notice(format!("an incident is open: {title}; {key} shows it"));
                }
            }
            IncidentNews::Entries(id, entries) => return self.entries(&id, entries),
            IncidentNews::Refused { why, .. } => {
                room.unwritten = room.unwritten.saturating_sub(1);
                self.notice(why);
            }
            IncidentNews::Channel(_, view) => {
                if let Some(shown) = &mut room.view.channel {
                    *shown = Some(view);
                }
            }
            IncidentNews::Paging { service, pages, on_call } => {
                let mut duty = OnDuty::default();
                let mut take = |fault: String| duty.faults.push(fault);
                let pages = pages.unwrap_or_else(|fault| {
                    take(fault);
                    Vec::new()
                });
                let on_call = on_call.unwrap_or_else(|fault| {
                    take(fault);
                    Vec::new()
                });
                (duty.pages, duty.on_call) = (pages, on_call);
                room.paging.insert(service, duty);
                self.pages_are_known();
                self.refill(PickerKind::Page);
            }
            IncidentNews::PostMortem(_, Ok(path)) => self.notice(format!("post-mortem written: {path}")),
            IncidentNews::PostMortem(_, Err(why)) => self.notice(why),
            IncidentNews::Shared(fault) => room.shared_fault = fault,
        }
        Vec::new()
    }

    fn entries(&mut self, id: &IncidentId, entries: Vec<crate::domain::incident::entry::Entry>) -> Effects {
        let room = &mut self.session.incidents;
        let own = room.here.as_ref().is_some_and(|here| entries.iter().any(|entry| entry.stamp.writer() == &here.writer));
        if own {
            room.unwritten = room.unwritten.saturating_sub(1);
        }
        match room.all.get_mut(id) {
            Some(incident) => {
                incident.extend(entries);
            }
            None => {
                let Some(incident) = Incident::of(entries) else { return Vec::new() };
                // What this console has just declared is what it is about.
                if own && room.known && incident.is_open() {
                    room.current = Some(id.clone());
                    room.view = View::default();
                }
                room.all.insert(id.clone(), incident);
            }
        }
        room.settle();
        Vec::new()
    }

    /// Does what a person wants done with the incident: the entries go to the runtime. The error is said to the person.
    pub(super) fn perform(&mut self, command: &Command) -> Result<Effects, String> {
        if let Some(why) = &self.guard.read_only {
            return Err(format!("read-only: {why}"));
        }
        let room = &mut self.session.incidents;
        let (Some(incident), Some(here)) = (room.current.as_ref().and_then(|id| room.all.get(id)), &room.here) else {
            return Err("no incident is open".into());
        };
        let stamp = Stamp::next(self.now, &here.writer, incident.last());
        let around = Circumstances { config: &here.config, now: self.now, stamp: &stamp, writer: &here.writer };
        let deeds = command::perform(incident, command, around).map_err(|refusal| refusal.to_string())?;
        let id = incident.id().clone();
        room.unwritten += 1;
        room.view.scroll = None;
        Ok(vec![Effect::Incident(IncidentEffect::Append { id, noticed: false, deeds })])
    }

    fn obey(&mut self, command: &Command) -> Effects {
        self.perform(command).unwrap_or_else(|why| {
            self.notice(why);
            Vec::new()
        })
    }

    /// The incident is the same as another: it ends, and goes on there.
    pub(super) fn merge_into(&mut self, into: &str) -> Effects {
        if let Some(why) = &self.guard.read_only {
            let why = format!("read-only: {why}");
            self.notice(why);
            return Vec::new();
        }
        let room = &self.session.incidents;
        let other = into.parse::<IncidentId>().ok().and_then(|id| room.all.get(&id));
        let (Some(from), Some(other), Some(here)) = (room.incident(), other, &room.here) else {
            self.notice(format!("there is no incident {into}"));
            return Vec::new();
        };
        let stamp = |incident: &Incident| Stamp::next(self.now, &here.writer, incident.last());
        match command::merge(from, other, (&stamp(from), &stamp(other))) {
            Ok(merge) => {
                let (from, into) = (from.id().clone(), other.id().clone());
                let append = |id, deeds| Effect::Incident(IncidentEffect::Append { id, noticed: false, deeds });
                let effects = vec![append(into.clone(), merge.into), append(from, merge.from)];
                let room = &mut self.session.incidents;
                room.unwritten += 2;
                room.current = Some(into);
                room.view = View::default();
                effects
            }
            Err(refusal) => {
                self.notice(refusal.to_string());
                Vec::new()
            }
        }
    }

    /// A page goes to the next level; `chosen` is `SERVICE PAGE`.
    pub(super) fn escalate(&mut self, chosen: &str) -> Effects {
        let Some((service, page)) = chosen.split_once(' ') else {
            self.notice("no page is open: nobody was paged, or the paging service does not answer");
            return Vec::new();
        };
        let what = What::Escalate { page: page.to_owned(), level: None };
        self.obey(&Command::Send { service: service.into(), what })
    }

    /// What customers are to read is written.
    pub(super) fn write_publication(&mut self, page: &str) -> Effects {
        let Some(incident) = self.session.incidents.incident() else { return Vec::new() };
        let text = crate::incident::update::public(incident);
        let editor = crate::state::editor::Editor::with(&text);
        let writing = Writing { editor, purpose: Piece::Publish(page.into()), notice: None };
        self.session.incidents.view.writing = Some(writing);
        Vec::new()
    }

    /// It was written: whether it becomes public is asked by itself.
    pub(super) fn publish(&mut self, page: Text, body: String, writing: Writing) -> Effects {
        let view = &mut self.session.incidents.view;
        if body.trim().is_empty() {
            view.writing = Some(Writing { notice: Some("there is no text to publish".into()), ..writing });
            return Vec::new();
        }
        let ask = format!("every customer can read this on {page}. Type publish:");
        let purpose = Purpose::Publish { page, body };
        view.prompt = Some(Prompt { ask, input: crate::state::input::Input::default(), purpose, notice: None });
        Vec::new()
    }
}
