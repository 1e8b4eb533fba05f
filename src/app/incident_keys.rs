//! The open incident's keys: what each means, how it is scrolled, and what is refused before anything is asked.

use super::App;
use crate::domain::incident::IncidentId;
use crate::domain::incident::delivery::DeliveryKey;
use crate::incident::command::Command;
use crate::incident::outbox::Standing;
use crate::state::effect::Effect;
use crate::state::incident::IncidentEffect;
use crate::state::incident::room::Purpose;
use crate::state::session::{Overlay, PickerKind};
use crate::ui::incident::{extent, side_extent};

type Effects = Vec<Effect>;

/// Lines that the column beside the timeline moves by.
const SIDEWAYS: usize = 3;

impl App {
    /// A command while the incident has the keys.
    pub(super) fn incident_command(&mut self, id: &str) -> Effects {
        let view = &mut self.session.incidents.view;
        if view.writing.is_some() {
            return self.writing_command(id);
        }
        if view.prompt.is_some() {
            return self.line_command(id);
        }
        if view.channel.is_some() {
            if matches!(id, "cancel" | "incident-channel" | "back") {
                view.channel = None;
            }
            return Vec::new();
        }
        match id {
            "cancel" | "back" | "widen" | "incident" => self.hide_incident(),
            "down" | "up" | "page-down" | "page-up" | "top" | "bottom" => self.scroll_timeline(id),
            "right" | "left" => self.scroll_side(id),
            "help" => self.session.overlays.push(Overlay::Help { scroll: 0 }),
            "copy" => return self.copy_incident(),
            "audit" => return self.open_audit(),
            "runbook" => {
                self.hide_incident();
                return self.open_runbook();
            }
            "incident-other" => return self.choose_incident(PickerKind::Incident),
            "incident-post-mortem" => {
                return self.of_incident(|id| IncidentEffect::PostMortem(id.clone()));
            }
            "incident-export" => {
                return self.of_incident(|id| IncidentEffect::Export { id: id.clone(), file: None });
            }
            "incident-channel" => return self.show_channel(),
            id => return self.change_incident(id),
        }
        Vec::new()
    }

    fn of_incident(&self, effect: impl Fn(&IncidentId) -> IncidentEffect) -> Effects {
        let incident = self.session.incidents.incident();
        incident.map(|incident| Effect::Incident(effect(incident.id()))).into_iter().collect()
    }

    pub(super) fn hide_incident(&mut self) {
        self.session.overlays.retain(|overlay| !matches!(overlay, Overlay::Incident));
    }

    fn scroll_timeline(&mut self, id: &str) {
        let Some(layout) = self.layout() else { return };
        let (lines, rows, first) = extent(&self.eyes(&|_| None), layout.body);
        let last = lines.saturating_sub(rows);
        let page = rows.saturating_sub(1).max(1);
        let to = match id {
            "down" => first + 1,
            "up" => first.saturating_sub(1),
            "page-down" => first + page,
            "page-up" => first.saturating_sub(page),
            "top" => 0,
            _ => last,
        };
        // At the end it follows what comes.
        self.session.incidents.view.scroll = (to < last).then_some(to);
    }

    fn scroll_side(&mut self, id: &str) {
        let Some(layout) = self.layout() else { return };
        let (lines, rows) = side_extent(&self.eyes(&|_| None), layout.body);
        let last = lines.saturating_sub(rows);
        let view = &mut self.session.incidents.view;
        let first = view.side.min(last);
        view.side = if id == "right" { (first + SIDEWAYS).min(last) } else { first.saturating_sub(SIDEWAYS) };
    }

    fn show_channel(&mut self) -> Effects {
        let Some(incident) = self.session.incidents.incident() else { return Vec::new() };
        if incident.channel().is_none() {
            let why = if incident.chat().is_some() {
                "its channel is not open yet"
            } else {
                "it has no channel: no chat is configured here"
            };
            self.notice(why);
            return Vec::new();
        }
        self.session.incidents.view.channel = Some(None);
        self.of_incident(|id| IncidentEffect::ViewChannel(id.clone()))
    }

    /// Why something is not done to the incident: said before anything is typed for it.
    pub(super) fn why_not_change(&self, id: &str) -> Option<String> {
        if let Some(why) = &self.guard.read_only {
            return Some(format!("read-only: {why}"));
        }
        let incident = self.session.incidents.incident()?;
        let of_outbox = matches!(id, "incident-retry" | "incident-drop" | "incident-take-over");
        if let Some(into) = incident.merged_into().filter(|_| !of_outbox) {
            return Some(format!("it was merged into {into}: go on there"));
        }
        let while_open = ["incident-severity", "incident-role", "incident-hand-over", "incident-escalate"];
        (!incident.is_open() && while_open.contains(&id)).then(|| {
            let key = self.hint("incident-status").unwrap_or_else(|| "status".into());
            format!("it is resolved; {key} opens it again")
        })
    }

    /// What alters the incident: not where nothing may be altered, and not all of it when it is over.
    fn change_incident(&mut self, id: &str) -> Effects {
        if id.starts_with("incident-")
            && let Some(why) = self.why_not_change(id)
        {
            self.notice(why);
            return Vec::new();
        }
        match id {
            "incident-note" => self.ask_line("note, with the time of now:", "", Purpose::Note),
            "incident-task" => self.ask_line("to do afterwards:", "", Purpose::Task),
            "incident-title" => {
                let title = self.session.incidents.incident().map(|incident| incident.title().to_owned());
                self.ask_line("title:", &title.unwrap_or_default(), Purpose::Title);
            }
            "incident-hand-over" => self.ask_line("hand over to:", "", Purpose::HandOver),
            "incident-status" => return self.choose_incident(PickerKind::Status),
            "incident-severity" => return self.choose_incident(PickerKind::Severity),
            "incident-role" => return self.choose_incident(PickerKind::Role),
            "incident-merge" => return self.choose_incident(PickerKind::Merge),
            "incident-publish" => return self.choose_incident(PickerKind::StatusPage),
            "incident-escalate" => return self.choose_incident(PickerKind::Page),
            "incident-page" => return self.choose_incident(PickerKind::NotePage),
            "incident-join" => return self.ask_to_join(),
            "incident-update" => self.write_update(),
            "incident-retry" => return self.retry_deliveries(),
            "incident-drop" => return self.leave_unsent(),
            "incident-take-over" => self.ask_to_take_over(),
            _ => {}
        }
        Vec::new()
    }

    /// What was not sent and needs a person.
    pub(super) fn waiting_for_somebody(&self) -> Vec<DeliveryKey> {
        let unsent = self.unsent().into_iter().filter(|(.., standing)| standing.needs_somebody());
        unsent.map(|(key, ..)| key).collect()
    }

    /// Is something left that another console has to send?
    pub(super) fn waits_elsewhere(&self) -> bool {
        self.unsent().iter().any(|(.., standing)| matches!(standing, Standing::Elsewhere(_)))
    }

    fn retry_deliveries(&mut self) -> Effects {
        let waiting = self.waiting_for_somebody();
        if waiting.is_empty() {
            self.notice("nothing waits for you: what can be sent is sent by itself");
            return Vec::new();
        }
        let mut effects = Vec::new();
        for key in waiting {
            match self.perform(&Command::Retry(key)) {
                Ok(more) => effects.extend(more),
                Err(why) => self.notice(why),
            }
        }
        effects
    }

    fn copy_incident(&mut self) -> Effects {
        let Some(incident) = self.session.incidents.incident() else { return Vec::new() };
        let rows = incident.timeline().iter().map(|row| format!("{} {} {}", row.time(), row.by, row.text));
        let text = rows.collect::<Vec<_>>().join("\n");
        self.notice("copied the timeline");
        vec![Effect::Copy(text)]
    }
}
