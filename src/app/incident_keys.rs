//! The open incident's keys: what each means, the lines that are typed, the texts that are written, the lists to choose from.

use super::App;
use crate::domain::incident::delivery::{DeliveryKey, What};
use crate::domain::incident::{Role, Severity, Status};
use crate::incident::command::Command;
use crate::incident::declare::Burn;
use crate::incident::plan::publication;
use crate::incident::timeline::describe;
use crate::incident::{hand_over, update};
use crate::state::editor::Editor;
use crate::state::effect::Effect;
use crate::state::incident::IncidentEffect;
use crate::state::incident::room::{Piece, Prompt, Purpose, Writing};
use crate::state::input::Input;
use crate::state::session::{Overlay, PickItem, PickerKind};
use crate::ui::incident::extent;

type Effects = Vec<Effect>;

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

    fn of_incident(&self, effect: impl Fn(&crate::domain::incident::IncidentId) -> IncidentEffect) -> Effects {
        let incident = self.session.incidents.incident();
        incident.map(|incident| Effect::Incident(effect(incident.id()))).into_iter().collect()
    }

    fn hide_incident(&mut self) {
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

    /// What alters the incident: not where nothing may be altered, and not when it is over, but for opening it again.
    fn change_incident(&mut self, id: &str) -> Effects {
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
            "incident-escalate" => {
                let mut effects = self.choose_incident(PickerKind::Page);
                effects.push(Effect::Incident(IncidentEffect::AskPaging));
                return effects;
            }
            "incident-join" => self.ask_line("who is asked to join?", "", Purpose::Join),
            "incident-update" => self.write_update(),
            "incident-retry" => return self.retry_deliveries(),
            "incident-drop" => match self.waiting_for_somebody().first() {
                Some((key, what)) => {
                    let ask = format!("leave unsent: {what}; why?");
                    let purpose = Purpose::Drop(key.clone());
                    self.ask_line(&ask, "", purpose);
                }
                None => self.notice("nothing waits for you"),
            },
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn ask_line(&mut self, ask: &str, text: &str, purpose: Purpose) {
        let prompt = Prompt { ask: ask.to_owned(), input: Input::with(text), purpose, notice: None };
        self.session.incidents.view.prompt = Some(prompt);
        self.show_incident();
    }

    fn line_command(&mut self, id: &str) -> Effects {
        match id {
            "cancel" => self.session.incidents.view.prompt = None,
            "confirm" => {
                let effects = self.take_line();
                self.close_after_line();
                return effects;
            }
            _ => {}
        }
        self.close_after_line();
        Vec::new()
    }

    /// Who wrote a note from a pane goes on there.
    fn close_after_line(&mut self) {
        let view = &mut self.session.incidents.view;
        if view.only_line && view.prompt.is_none() {
            view.only_line = false;
            self.hide_incident();
        }
    }

    fn take_line(&mut self) -> Effects {
        let Some(prompt) = self.session.incidents.view.prompt.take() else { return Vec::new() };
        let text = prompt.input.text().trim().to_owned();
        let said = Some(text.clone()).filter(|text| !text.is_empty());
        let command = match prompt.purpose.clone() {
            Purpose::Note | Purpose::HandOver | Purpose::Join if text.is_empty() => return Vec::new(),
            Purpose::Note => Command::Note(text),
            Purpose::Title => Command::Retitle(text),
            Purpose::Task => Command::Task { id: None, text, owner: None, done: false },
            Purpose::Role(role) => Command::Role { role, who: said },
            Purpose::Join => match self.joining(&text) {
                Ok(command) => command,
                Err(why) => {
                    self.session.incidents.view.prompt = Some(Prompt { notice: Some(why), ..prompt });
                    return Vec::new();
                }
            },
            Purpose::Drop(key) => Command::Drop { key, reason: said },
            Purpose::Publish { page, body } if text == "publish" => {
                let components = self.components_of(&page);
                let Some(incident) = self.session.incidents.incident() else { return Vec::new() };
                let what = publication(incident, body, &components);
                Command::Send { service: page, what, confirmed: true }
            }
            Purpose::Publish { .. } => {
                self.session.incidents.view.prompt =
                    Some(Prompt { notice: Some("nothing was published".into()), ..prompt });
                return Vec::new();
            }
            Purpose::HandOver => {
                let summary = self.session.incidents.incident().map(|incident| hand_over::summary(incident, self.now));
                let editor = Editor::with(&summary.unwrap_or_default());
                self.session.incidents.view.writing =
                    Some(Writing { editor, purpose: Piece::HandOver(text), notice: None });
                return Vec::new();
            }
        };
        match self.perform(&command) {
            Ok(effects) => effects,
            Err(why) => {
                self.session.incidents.view.prompt = Some(Prompt { notice: Some(why), ..prompt });
                Vec::new()
            }
        }
    }

    /// People are asked to join through the page that the incident acknowledged.
    fn joining(&self, names: &str) -> Result<Command, String> {
        let incident = self.session.incidents.incident().ok_or("no incident is open")?;
        let page = incident.parcels().iter().find_map(|parcel| match &parcel.delivery.what {
            What::Acknowledge { page } => Some((parcel.delivery.service.clone(), page.clone())),
            _ => None,
        });
        let (service, page) = page.ok_or("this incident acknowledged no page")?;
        let who = names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let what = What::AddResponders { page, who, message: incident.title().to_owned() };
        Ok(Command::Send { service, what, confirmed: false })
    }

    fn write_update(&mut self) {
        let Some(incident) = self.session.incidents.incident() else { return };
        let service = &*incident.declared().service;
        let readings = self.world.slos.iter().map(|row| &row.reading);
        let burn: Vec<Burn> =
            readings.filter(|reading| *reading.objective.service == *service).map(Burn::from).collect();
        let draft = update::draft(incident, &burn, self.now);
        let editor = Editor::with(&draft);
        self.session.incidents.view.writing = Some(Writing { editor, purpose: Piece::Update, notice: None });
    }

    fn writing_command(&mut self, id: &str) -> Effects {
        match id {
            "cancel" => self.session.incidents.view.writing = None,
            "confirm" => {
                let Some(writing) = self.session.incidents.view.writing.take() else { return Vec::new() };
                let text = writing.editor.text();
                let command = match writing.purpose.clone() {
                    Piece::Update => Command::Update { text, next: None },
                    Piece::HandOver(to) => Command::HandOver { to, summary: text },
                    Piece::Publish(page) => return self.publish(page, text, writing),
                };
                match self.perform(&command) {
                    Ok(effects) => return effects,
                    Err(why) => self.session.incidents.view.writing = Some(Writing { notice: Some(why), ..writing }),
                }
            }
            _ => {}
        }
        Vec::new()
    }

    /// What was not sent and needs a person, by key and in words.
    fn waiting_for_somebody(&self) -> Vec<(DeliveryKey, String)> {
        let room = &self.session.incidents;
        let Some(incident) = room.incident() else { return Vec::new() };
        let standings = room.standings.get(incident.id()).into_iter().flatten();
        let waiting = standings.filter(|(_, standing)| standing.needs_somebody());
        waiting
            .filter_map(|(key, _)| Some((key.clone(), describe(&incident.parcels().get(key)?.delivery.what))))
            .collect()
    }

    fn retry_deliveries(&mut self) -> Effects {
        let waiting = self.waiting_for_somebody();
        if waiting.is_empty() {
            self.notice("nothing waits for you: what can be sent is sent by itself");
            return Vec::new();
        }
        let mut effects = Vec::new();
        for (key, _) in waiting {
            match self.perform(&Command::Retry(key)) {
                Ok(more) => effects.extend(more),
                Err(why) => self.notice(why),
            }
        }
        effects
    }

    /// A list to choose from, over the incident.
    pub(super) fn choose_incident(&mut self, kind: PickerKind) -> Effects {
        let effects = self.open_picker(kind);
        let empty = matches!(self.session.overlays.last(), Some(Overlay::Picker(picker)) if picker.items.is_empty());
        if empty && kind != PickerKind::Page {
            self.session.overlays.pop();
            self.notice(match kind {
                PickerKind::StatusPage => "no status page is configured here",
                PickerKind::Merge => "there is no other open incident",
                _ => "there is nothing to choose from",
            });
        }
        effects
    }

    /// What such a list holds.
    pub(super) fn incident_items(&self, kind: PickerKind) -> Vec<PickItem> {
        let item = |value: String, note: String| PickItem { value, note, key: None, production: false };
        let room = &self.session.incidents;
        let Some(incident) = room.incident() else {
            return Vec::new();
        };
        match kind {
            PickerKind::Status => Status::ALL
                .into_iter()
                .map(|status| {
                    let here = if status == incident.status() { "now" } else { meaning(status) };
                    item(status.to_string(), here.to_owned())
                })
                .collect(),
            PickerKind::Severity => Severity::ALL
                .into_iter()
                .map(|severity| {
                    let here = if severity == incident.severity() { "now" } else { "" };
                    item(severity.to_string(), here.to_owned())
                })
                .collect(),
            PickerKind::Role => Role::ALL
                .into_iter()
                .map(|role| {
                    let who = incident.roles().get(&role).cloned();
                    item(role.to_string(), who.unwrap_or_else(|| "nobody".into()))
                })
                .collect(),
            PickerKind::Incident => {
                let others = room.all.values().rev().filter(|other| other.id() != incident.id());
                let others = others.map(|other| {
                    item(other.id().to_string(), format!("{} {} {}", other.severity(), other.status(), other.title()))
                });
                std::iter::once(item("new".into(), "declare another incident".into())).chain(others).collect()
            }
            PickerKind::Merge => {
                let others = room.open().filter(|other| other.id() != incident.id());
                others.map(|other| item(other.id().to_string(), other.title().to_owned())).collect()
            }
            PickerKind::StatusPage => {
                let page = room.here.iter().filter_map(|here| here.services.status_page.as_ref());
                page.map(|page| item(page.name.to_string(), page.product.to_owned())).collect()
            }
            PickerKind::Page => {
                let pages = room.paging.iter().flat_map(|(service, said)| {
                    let pages = said.iter().flat_map(|(pages, _)| pages);
                    pages.map(move |page| {
                        let assigned = page.assigned.join(", ");
                        item(format!("{service} {}", page.id), format!("{} ({}) {assigned}", page.title, page.status))
                    })
                });
                pages.collect()
            }
            _ => Vec::new(),
        }
    }

    /// Something was chosen from such a list.
    pub(super) fn chosen_of_incident(&mut self, kind: PickerKind, value: &str) -> Effects {
        let reason = None;
        let command = match kind {
            PickerKind::Status => match value.parse::<Status>() {
                Ok(to) => {
                    let over = self.session.incidents.incident().is_some_and(|incident| !incident.is_open());
                    // Resolved once more is said to be so already, and opens nothing.
                    if over && to != Status::Resolved {
                        Command::Reopen { reason }
                    } else {
                        Command::Status { to, reason }
                    }
                }
                Err(error) => return self.refuse(error.to_string()),
            },
            PickerKind::Severity => match value.parse::<Severity>() {
                Ok(to) => Command::Severity { to, reason },
                Err(error) => return self.refuse(error.to_string()),
            },
            PickerKind::Role => {
                match value.parse::<Role>() {
                    Ok(role) => {
                        let ask = format!("who is {}? (empty: nobody)", role.title());
                        let me = self.context.identity.clone().unwrap_or_default();
                        self.ask_line(&ask, &me, Purpose::Role(role));
                    }
                    Err(error) => return self.refuse(error.to_string()),
                }
                return Vec::new();
            }
            PickerKind::Incident if value == "new" => return self.declare(),
            PickerKind::Incident => {
                match value.parse() {
                    Ok(id) => {
                        self.session.incidents.current = Some(id);
                        self.session.incidents.view = crate::state::incident::room::View::default();
                    }
                    Err(error) => return self.refuse(format!("{error}")),
                }
                return Vec::new();
            }
            PickerKind::Merge => return self.merge_into(value),
            PickerKind::StatusPage => return self.write_publication(value),
            PickerKind::Page => return self.escalate(value),
            _ => return Vec::new(),
        };
        match self.perform(&command) {
            Ok(effects) => effects,
            Err(why) => self.refuse(why),
        }
    }

    fn refuse(&mut self, why: String) -> Effects {
        self.notice(why);
        Vec::new()
    }

    fn copy_incident(&mut self) -> Effects {
        let Some(incident) = self.session.incidents.incident() else { return Vec::new() };
        let rows = incident.timeline().iter().map(|row| format!("{} {} {}", row.time(), row.by, row.text));
        let text = rows.collect::<Vec<_>>().join("\n");
        self.notice("copied the timeline");
        vec![Effect::Copy(text)]
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
