//! Incidents in the console: opened by one key, told of by the runtime, changed by commands whose entries go to the journal
//! first; what the world shows is written into the timeline by itself.

use super::App;
use crate::domain::Text;
use crate::domain::incident::IncidentId;
use crate::domain::incident::delivery::What;
use crate::domain::incident::entry::{Entry, Stamp};
use crate::incident::Incident;
use crate::incident::command::{self, Circumstances, Command};
use crate::incident::declare::Field;
use crate::runbook::run::RunInput;
use crate::runbook::step::IncidentWord;
use crate::state::effect::Effect;
use crate::state::incident::room::{Piece, Prompt, Purpose, View, Writing};
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
        let was_open = self.session.overlays.iter().any(|overlay| matches!(overlay, Overlay::Incident));
        if self.session.incidents.incident().is_some_and(Incident::is_open) {
            self.ask_line("note, with the time of now:", "", Purpose::Note);
            self.session.incidents.view.only_line = !was_open;
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
            IncidentNews::Looked => {
                room.known = true;
                room.settle();
                if let Some(incident) = room.incident().filter(|incident| incident.is_open()) {
                    let title = incident.title().to_owned();
                    let key = self.hint("incident").unwrap_or_else(|| ":incident".into());
                    self.notice(format!("an incident is open: {title}; {key} shows it"));
                }
            }
            IncidentNews::Entries { id, entries } => return self.entries(&id, entries),
            IncidentNews::Refused { why, .. } => {
                room.unwritten = room.unwritten.saturating_sub(1);
                self.notice(why);
            }
            IncidentNews::Standings { id, standings } => {
                room.standings.insert(id, standings);
            }
            IncidentNews::Channel { view, .. } => {
                if let Some(shown) = &mut room.view.channel {
                    *shown = Some(view);
                }
            }
            IncidentNews::Paging(paging) => {
                room.paging = paging;
                self.pages_are_known();
                self.refill(PickerKind::Page);
            }
            IncidentNews::PostMortem { written: Ok((path, remarks)), .. } => {
                let remarks = remarks.iter().fold(String::new(), |all, remark| format!("{all}; {remark}"));
                self.notice(format!("post-mortem written: {}{remarks}", path.display()));
            }
            IncidentNews::Exported { written: Ok(path), .. } => {
                self.notice(format!("bundle written: {}", path.display()));
            }
            IncidentNews::PostMortem { written: Err(why), .. } | IncidentNews::Exported { written: Err(why), .. } => {
                self.notice(why);
            }
            IncidentNews::Shared(fault) => room.shared_fault = fault.map(|fault| fault.to_string()),
            IncidentNews::Remark(text) => self.notice(text),
        }
        Vec::new()
    }

    fn entries(&mut self, id: &IncidentId, entries: Vec<Entry>) -> Effects {
        let mut effects = Vec::new();
        let room = &mut self.session.incidents;
        room.unwritten = room.unwritten.saturating_sub(1);
        if let Some(incident) = room.all.get_mut(id) {
            incident.extend(entries);
        } else if let Some(incident) = Incident::of(entries) {
            // What was just declared here is what it is about.
            if room.begun.as_ref() == Some(id) {
                room.begun = None;
                self.session.notice = None;
                // Who mitigated first has done something already.
                effects.push(Effect::Incident(IncidentEffect::TakeInActions));
                room.current = Some(id.clone());
                room.view = View::default();
                self.show_incident();
            }
            self.session.incidents.all.insert(id.clone(), incident);
        }
        self.session.incidents.settle();
        effects
    }

    /// Does what a person wants done with the incident. The rules are asked here, so that the person is told at once, and
    /// again where it is written, over everything that is known by then.
    pub(super) fn perform(&mut self, command: &Command) -> Result<Effects, String> {
        if let Some(why) = &self.guard.read_only {
            return Err(format!("read-only: {why}"));
        }
        let room = &mut self.session.incidents;
        let (Some(incident), Some(here)) = (room.current.as_ref().and_then(|id| room.all.get(id)), &room.here) else {
            return Err("no incident is open".into());
        };
        let writer: Text = "x".into();
        let stamp = Stamp::next(self.now, &writer, incident.last());
        let around = Circumstances { config: &here.config, now: self.now, stamp: &stamp, writer: &writer };
        // Whose delivery it is, only the one who writes knows.
        if !matches!(command, Command::Retry(_) | Command::TakeOver { .. }) {
            command::perform(incident, command, around).map_err(|refusal| refusal.to_string())?;
        }
        let id = incident.id().clone();
        room.unwritten += 1;
        room.view.scroll = None;
        Ok(vec![Effect::Incident(IncidentEffect::Do { id, command: command.clone() })])
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
        let room = &mut self.session.incidents;
        let other = into.parse::<IncidentId>().ok().filter(|id| room.all.contains_key(id));
        let (Some(from), Some(into)) = (room.current.clone(), other) else {
            self.notice(format!("there is no incident {into}"));
            return Vec::new();
        };
        vec![Effect::Incident(IncidentEffect::Merge { from, into })]
    }

    /// A page goes to the next level; `chosen` is `SERVICE PAGE`.
    pub(super) fn escalate(&mut self, chosen: &str) -> Effects {
        let Some((service, page)) = chosen.split_once(' ') else {
            self.notice("no page is open: nobody was paged, or the paging service does not answer");
            return Vec::new();
        };
        let what = What::Escalate { page: page.to_owned(), level: None };
        self.obey(&Command::Send { service: service.into(), what, confirmed: false })
    }

    /// What customers are to read is written.
    pub(super) fn write_publication(&mut self, page: &str) -> Effects {
        let Some(incident) = self.session.incidents.incident() else { return Vec::new() };
        let text = crate::incident::plan::publication_draft(incident);
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

    /// Enter on a step of a runbook that is for the incident. It passes when what it says is on its way to the journal.
    pub(super) fn step_for_incident(&mut self, word: IncidentWord, text: &str) -> Effects {
        let command = match word {
            IncidentWord::Declare if self.session.incidents.open().next().is_some() => {
                self.notice("an incident is open already");
                return self.tell_run(RunInput::Approve);
            }
            IncidentWord::Declare => {
                let effects = self.declare();
                if let Some(declaring) = &mut self.session.incidents.declaring {
                    declaring.of_step = true;
                    if !text.trim().is_empty() {
                        // A title is never refused.
                        let _ = declaring.proposal.set(Field::Title, text);
                    }
                }
                return effects;
            }
            IncidentWord::Notify => Command::Update { text: text.to_owned(), next: None },
            IncidentWord::Note => Command::Note(text.to_owned()),
        };
        self.session.incidents.settle();
        match self.perform(&command) {
            Ok(mut effects) => {
                effects.extend(self.tell_run(RunInput::Approve));
                effects
            }
            Err(why) => {
                self.notice(why);
                Vec::new()
            }
        }
    }
}
