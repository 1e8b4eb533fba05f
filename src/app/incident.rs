//! Incidents in the console: opened by one key, told of by the runtime, changed by commands whose entries go to the journal
//! first; what the world shows is written into the timeline by itself.

use std::sync::Arc;

use super::App;
use super::incident_lines::in_short;
use crate::domain::Text;
use crate::domain::alert::Alert;
use crate::domain::incident::IncidentId;
use crate::domain::incident::entry::{Deed, Entry, Stamp};
use crate::domain::time::Instant;
use crate::incident::command::{self, Circumstances, Command};
use crate::incident::declare::Field;
use crate::incident::{Incident, watch};
use crate::runbook::run::work::Question;
use crate::runbook::run::{Phase, RunInput};
use crate::runbook::step::IncidentWord;
use crate::state::effect::Effect;
use crate::state::incident::room::Purpose;
use crate::state::incident::{Brief, IncidentEffect, IncidentNews};
use crate::state::pane::PaneId;
use crate::state::session::{Overlay, PickerKind, Subject};

type Effects = Vec<Effect>;

/// Hours for which an incident that is over is offered beside a new one.
const LATELY: i64 = 24;

impl App {
    /// `I`: the incident that is open and that the selected alert belongs to. Where there is none of both, a new one; where it
    /// is not clear, a list: of those that are open, a new one, and those that are over.
    pub(super) fn open_incident(&mut self) -> Effects {
        self.settle_incident();
        let selected = self.selected_alerts();
        let room = &self.session.incidents;
        if room.open().next().is_none() {
            let is_late = |ended: Instant| (self.now - ended).num_hours() < LATELY;
            let was = room.all.values().filter_map(Brief::of).map(|brief| brief.ended);
            let was = was.chain(room.lately.iter().map(|brief| brief.ended)).any(is_late);
            return if was { self.choose_incident(PickerKind::Incident) } else { self.declare() };
        }
        let is_its = |incident: &&Incident| selected.iter().any(|alert| watch::concerns(incident, alert));
        let current = room.incident().filter(|incident| incident.is_open());
        let current = current.filter(|incident| selected.is_empty() || is_its(incident));
        let its: Vec<&Incident> = room.open().filter(is_its).collect();
        let only = if let [only] = its[..] { Some(only) } else { None };
        match current.or(only).map(|incident| incident.id().clone()) {
            Some(id) => {
                self.session.incidents.go_to(&id);
                self.show_incident();
                Vec::new()
            }
            None => self.choose_incident(PickerKind::Incident),
        }
    }

    /// What fires of the row that is selected among the alerts.
    fn selected_alerts(&self) -> Vec<Arc<Alert>> {
        let row = match self.subject_in_hand() {
            Some(Subject::Alert(key)) if self.session.active == PaneId::Alerts => self.world.alerts.get(&key),
            _ => None,
        };
        row.filter(|row| row.is_firing()).map(|row| row.all.clone()).unwrap_or_default()
    }

    /// One key, one line: into the open incident.
    pub(super) fn note_incident(&mut self) -> Effects {
        self.settle_incident();
        let was_open = self.session.overlays.iter().any(|overlay| matches!(overlay, Overlay::Incident));
        let room = &self.session.incidents;
        let Some(incident) = room.incident().filter(|incident| incident.is_open()) else {
            let key = self.hint("incident").unwrap_or_else(|| ":incident".into());
            self.notice(format!("no incident is open; {key} declares one"));
            return Vec::new();
        };
        let ask = if room.open().count() > 1 {
            format!("note, into {}:", incident.title())
        } else {
            "note, with the time of now:".to_owned()
        };
        if let Some(why) = self.why_not_change("incident-note") {
            self.notice(why);
            return Vec::new();
        }
        self.ask_line(ask, "", Purpose::Note);
        self.session.incidents.view.only_line = !was_open;
        Vec::new()
    }

    /// Is something being chosen for an incident? Then keys stay about it.
    fn is_choosing(&self) -> bool {
        matches!(self.session.overlays.last(), Some(Overlay::Picker(picker)) if picker.kind.is_of_incident())
    }

    /// Which incident keys are about, after something changed.
    pub(super) fn settle_incident(&mut self) {
        if !self.is_choosing() {
            let looked_at = self.session.overlays.iter().any(|overlay| matches!(overlay, Overlay::Incident));
            self.session.incidents.settle(looked_at);
        }
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
                self.settle_incident();
                if let Some(incident) = self.session.incidents.going_on() {
                    let title = incident.title().to_owned();
                    let key = self.hint("incident").unwrap_or_else(|| ":incident".into());
                    self.notice(format!("an incident is open: {title}; {key} shows it"));
                }
                return vec![Effect::Incident(IncidentEffect::Lately)];
            }
            IncidentNews::Lately(lately) => {
                room.lately = lately;
                self.refill(PickerKind::Incident);
            }
            IncidentNews::Entries { id, entries } => return self.entries(&id, entries),
            IncidentNews::Refused { id, why } => self.refused(&id, why),
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
                for kind in [PickerKind::Page, PickerKind::JoinPage, PickerKind::NotePage] {
                    self.refill(kind);
                }
            }
            IncidentNews::Runbook(found) => self.runbook_is_known(found.map(|found| *found)),
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
        let (is_choosing, mut effects) = (self.is_choosing(), Vec::new());
        let room = &mut self.session.incidents;
        room.unwritten = room.unwritten.saturating_sub(1);
        room.drafts_are_written(id, &entries);
        if let Some(incident) = room.all.get_mut(id) {
            let (was_open, was_merged) = (incident.is_open(), incident.merged_into().is_some());
            incident.extend(entries);
            let ended = was_open && !incident.is_open();
            let into = incident.merged_into().filter(|_| !was_merged).cloned();
            // Who looks at it while it is merged goes on where it goes on.
            if room.current.as_ref() == Some(id)
                && let Some(into) = into.filter(|into| room.all.contains_key(into))
                && !is_choosing
                && !room.is_written()
            {
                room.go_to(&into);
            }
            if ended {
                effects.extend(self.last_impact(id));
            }
        } else {
            let mut all = room.early.remove(id).unwrap_or_default();
            all.extend(entries);
            if all.iter().any(|entry| matches!(entry.deed, Deed::Declared(_))) {
                if let Some(incident) = Incident::of(all) {
                    effects.extend(self.first_heard(incident));
                }
            } else {
                room.early.insert(id.clone(), all);
            }
        }
        self.settle_incident();
        effects
    }

    /// An incident is known from now on. What was just declared here, or asked for, is what it is about.
    fn first_heard(&mut self, incident: Incident) -> Effects {
        let (id, mut effects) = (incident.id().clone(), Vec::new());
        let room = &mut self.session.incidents;
        room.all.insert(id.clone(), incident);
        let begun = room.begun.take_if(|begun| *begun == id).is_some();
        let wanted = room.wanted.take_if(|wanted| *wanted == id).is_some();
        if !begun && !wanted {
            return effects;
        }
        self.session.notice = None;
        // A text for another one is not taken away under somebody's fingers.
        if self.session.incidents.is_written() || self.is_choosing() {
            self.notice(format!("{id} is on disk"));
        } else {
            self.session.incidents.go_to(&id);
            self.show_incident();
        }
        if begun {
            // Who mitigated first has done something already.
            effects.push(Effect::Incident(IncidentEffect::TakeInActions));
            effects.extend(self.ended_steps(&id));
            if self.session.incidents.begun_from.take().is_some_and(|declaring| declaring.of_step) {
                effects.extend(self.step_is_declared());
            }
        }
        effects
    }

    /// The step that asked for it passes, if it still asks.
    fn step_is_declared(&mut self) -> Effects {
        let asks = self
            .session
            .desk
            .run()
            .is_some_and(|run| matches!(run.phase(), Phase::Asking(Question::Incident(IncidentWord::Declare, _))));
        if asks { self.tell_run(RunInput::Approve) } else { Vec::new() }
    }

    /// It was not written. What was proposed for a new one is there again as it was.
    fn refused(&mut self, id: &IncidentId, why: String) {
        let room = &mut self.session.incidents;
        room.unwritten = room.unwritten.saturating_sub(1);
        room.wanted.take_if(|wanted| *wanted == *id);
        if room.begun.take_if(|begun| *begun == *id).is_some()
            && let Some(declaring) = room.begun_from.take()
        {
            room.declaring = Some(declaring);
            // Under what was opened meanwhile.
            self.session.overlays.insert(0, Overlay::Declare);
        }
        self.notice(why);
    }

    /// Does what a person wants done with the incident. The rules are asked here, so that the person is told at once, and
    /// again where it is written, over everything that is known by then.
    pub(super) fn perform(&mut self, command: &Command) -> Result<Effects, String> {
        let id = self.session.incidents.current.clone().ok_or("no incident is open")?;
        self.perform_on(&id, command)
    }

    /// Likewise, with the incident that was meant when its text was begun.
    pub(super) fn perform_on(&mut self, id: &IncidentId, command: &Command) -> Result<Effects, String> {
        if let Some(why) = &self.guard.read_only {
            return Err(format!("read-only: {why}"));
        }
        let room = &mut self.session.incidents;
        let (Some(incident), Some(here)) = (room.all.get(id), &room.here) else {
            return Err("that incident is not known here".into());
        };
        let writer: Text = "x".into();
        let stamp = Stamp::next(self.now, &writer, incident.last());
        let around = Circumstances { config: &here.config, now: self.now, stamp: &stamp, writer: &writer };
        // Whose delivery it is, only the one who writes knows.
        if !matches!(command, Command::Retry(_) | Command::TakeOver { .. }) {
            command::perform(incident, command, around).map_err(|refusal| refusal.to_string())?;
        }
        room.unwritten += 1;
        room.view.scroll = None;
        Ok(vec![Effect::Incident(IncidentEffect::Do { id: id.clone(), command: command.clone() })])
    }

    /// Enter on a step of a runbook that is for the incident. It passes when what it says is on its way to the journal.
    pub(super) fn step_for_incident(&mut self, word: IncidentWord, text: &str) -> Effects {
        let command = match word {
            IncidentWord::Declare => {
                let facts = self.declare_facts();
                let unknown = facts.workload.is_none() && facts.alerts.is_empty();
                let same = |incident: &&Incident| {
                    let workload = &incident.declared().workload;
                    unknown
                        || (workload.is_some() && *workload == facts.workload)
                        || facts.alerts.iter().any(|alert| watch::concerns(incident, alert))
                };
                let room = &self.session.incidents;
                let open = room.open().rev().find(same).map(|known| (known.id().clone(), in_short(known)));
                if let Some((id, known)) = open {
                    self.session.incidents.go_to(&id);
                    self.notice(format!("it is open already: {known}"));
                    return self.tell_run(RunInput::Approve);
                }
                let other = room.going_on().map(in_short);
                let effects = self.declare();
                if let Some(other) = other {
                    self.notice(format!("what is open is about something else ({other}): this is a new one"));
                }
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
        self.settle_incident();
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
