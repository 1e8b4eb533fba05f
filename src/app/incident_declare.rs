//! Declaring: what is selected and what is known of it becomes a proposal; it is shown with all that it will send, edited
//! where that is needed, and declared by one more key.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use super::App;
use crate::domain::alert::Alert;
use crate::domain::target::WorkloadRef;
use crate::incident::declare::{Facts, Field, PageFact, Proposal, RunbookFacts};
use crate::runbook::Runbook;
use crate::runbook::run::RunInput;
use crate::state::editor::Editor;
use crate::state::effect::Effect;
use crate::state::form::{self, Form, Topic};
use crate::state::incident::room::Declaring;
use crate::state::incident::{IncidentEffect, facts};
use crate::state::session::{Overlay, Subject};
use crate::ui::incident::declare_length;

type Effects = Vec<Effect>;

/// The fields of the form: what takes one line.
const LINES: [Field; 9] = [
    Field::Title,
    Field::Severity,
    Field::Service,
    Field::Roles,
    Field::Channel,
    Field::Topic,
    Field::Invite,
    Field::Visibility,
    Field::Pages,
];

impl App {
    /// Proposes an incident from what is selected.
    pub(super) fn declare(&mut self) -> Effects {
        if let Some(why) = &self.guard.read_only {
            let why = format!("read-only: {why}");
            self.notice(why);
            return Vec::new();
        }
        let Some(here) = self.session.incidents.here.clone() else {
            self.notice("not connected yet: it is not known who would be told");
            return Vec::new();
        };
        let facts = self.declare_facts();
        // Two consoles of one person declare in the same minute, but not at the same instant.
        let seed = (self.now.timestamp_nanos_opt(), &here.who);
        let random = BuildHasherDefault::<DefaultHasher>::default().hash_one(seed) as u32;
        let proposal = Proposal::new(facts, &here.config, self.now, random);
        self.session.incidents.declaring =
            Some(Declaring { proposal: Box::new(proposal), scroll: 0, of_step: false, writing: None });
        self.session.overlays.retain(|overlay| !matches!(overlay, Overlay::Declare | Overlay::Incident));
        self.session.overlays.push(Overlay::Declare);
        vec![Effect::Incident(IncidentEffect::AskPaging)]
    }

    /// What is known of what is selected, or in focus.
    fn declare_facts(&self) -> Facts {
        let subject = self.subject_in_hand();
        let row = match &subject {
            Some(Subject::Alert(key)) => self.world.alerts.get(key),
            _ => None,
        };
        let about = row.and_then(|row| row.about.as_ref()).and_then(|focus| focus.workload().cloned());
        let workload = about.or_else(|| self.rows_in_hand().into_iter().flatten().find_map(|object| object.workload()));
        // Without a workload it is about the alert; without an alert about whatever is worst.
        let alert = row.filter(|_| workload.is_none()).map(|row| &*row.alert.name);
        let mut found = facts(&self.world, alert, workload.as_ref()).unwrap_or_default();
        if found.alerts.is_empty() {
            found.alerts = self.cleared_of(found.workload.as_ref());
        }
        let suspect = found.workload.as_ref().and_then(|workload| self.suspicion(workload));
        let room = &self.session.incidents;
        let here = room.here.as_ref();
        found.context.clone_from(&self.context.name);
        found.production = self.context.production;
        found.demo = self.context.demo;
        found.user = here.map(|here| here.who.to_string()).unwrap_or_default();
        found.suspect = suspect.or(found.suspect);
        found.runbook = self.runbook_here().map(|(book, values)| book_facts(book, values));
        found.chat = here.and_then(|here| here.services.chat.clone());
        found.pages = self.known_pages();
        let page = here.and_then(|here| here.services.status_page.as_ref());
        found.status_page = page.map(|page| page.facts(&found.service()));
        found
    }

    /// What fired for a workload until it was mitigated: the incident was about that.
    pub(super) fn cleared_of(&self, workload: Option<&WorkloadRef>) -> Vec<Alert> {
        let Some(workload) = workload else { return Vec::new() };
        let cleared = self.session.incidents.cleared.iter().map(|(alert, _)| alert);
        cleared.filter(|alert| alert.concerns(workload)).map(|alert| (**alert).clone()).collect()
    }

    /// `rollout of deployment/payment to revision 42, 40s before HighErrorRate: payment:2.3.7 → payment:2.4.0`.
    fn suspicion(&self, workload: &WorkloadRef) -> Option<String> {
        let row = self.world.rollouts.get(workload)?;
        let suspect = row.suspect.as_ref()?;
        let span = crate::domain::time::span(suspect.seconds_before);
        let change = self.change_of(&row.row);
        let change = if change.is_empty() { change } else { format!(": {change}") };
        let revision = row.row.revision.map_or_else(String::new, |revision| format!(" to revision {revision}"));
        Some(format!("rollout of {workload}{revision}, {span} before {}{change}", suspect.alert))
    }

    fn runbook_here(&self) -> Option<(&Runbook, crate::runbook::parameter::Values)> {
        let desk = &self.session.desk;
        Some((desk.book()?, desk.values()))
    }

    fn known_pages(&self) -> Vec<PageFact> {
        let said = self.session.incidents.paging.iter();
        let known = said.filter_map(|(service, said)| Some((service, said.as_ref().ok()?)));
        known
            .flat_map(|(service, (pages, _))| {
                pages.iter().map(|page| PageFact { service: service.clone(), page: page.clone() })
            })
            .collect()
    }

    /// The components of a status page that show the service of the incident, or of the one that is declared.
    pub(super) fn components_of(&self, page: &str) -> Vec<String> {
        let room = &self.session.incidents;
        let service = match (&room.declaring, room.incident()) {
            (Some(declaring), _) => declaring.proposal.get(Field::Service),
            (None, Some(incident)) => incident.declared().service.clone(),
            (None, None) => String::new(),
        };
        let known = room.here.as_ref().and_then(|here| here.services.status_page.as_ref());
        known.filter(|known| *known.name == *page).map(|known| known.facts(&service).components).unwrap_or_default()
    }

    /// The paging services have answered while a declare is looked at.
    pub(super) fn pages_are_known(&mut self) {
        let pages = self.known_pages();
        if let Some(declaring) = &mut self.session.incidents.declaring {
            declaring.proposal.learn_pages(&pages);
        }
    }

    /// A command while the proposal has the keys.
    pub(super) fn declare_command(&mut self, id: &str) -> Effects {
        let Some(declaring) = &mut self.session.incidents.declaring else {
            self.session.overlays.pop();
            return Vec::new();
        };
        if let Some(editor) = &declaring.writing {
            let text = editor.text();
            match id {
                "confirm" => {
                    declaring.writing = None;
                    if let Err(why) = declaring.proposal.set(Field::FirstMessage, &text) {
                        self.notice(why);
                    }
                }
                "cancel" => declaring.writing = None,
                _ => {}
            }
            return Vec::new();
        }
        match id {
            "cancel" | "back" => {
                self.session.incidents.declaring = None;
                self.session.overlays.pop();
            }
            "reason" => {
                let form = form_of(&declaring.proposal);
                self.session.overlays.push(Overlay::Form(Box::new(form)));
            }
            "toggle-diff" => declaring.writing = Some(Editor::with(&declaring.proposal.get(Field::FirstMessage))),
            "confirm" => return self.declare_now(),
            "down" => self.scroll_declare(1),
            "up" => self.scroll_declare(-1),
            "page-down" => self.scroll_declare(10),
            "page-up" => self.scroll_declare(-10),
            "help" => self.session.overlays.push(Overlay::Help { scroll: 0 }),
            _ => {}
        }
        Vec::new()
    }

    fn scroll_declare(&mut self, by: isize) {
        let Some(layout) = self.layout() else { return };
        let Some(declaring) = &self.session.incidents.declaring else { return };
        let (lines, rows) = declare_length(&self.eyes(&|_| None), declaring, layout.body);
        if let Some(declaring) = &mut self.session.incidents.declaring {
            declaring.scroll = declaring.scroll.saturating_add_signed(by).min(lines.saturating_sub(rows));
        }
    }

    fn declare_now(&mut self) -> Effects {
        let Some(declaring) = &self.session.incidents.declaring else { return Vec::new() };
        if let Some(wrong) = declaring.proposal.check().into_iter().find(|finding| finding.blocks) {
            self.notice(format!("{}: {}", wrong.field.word(), wrong.text));
            return Vec::new();
        }
        let of_step = declaring.of_step;
        let (id, deeds) = declaring.proposal.declare();
        let room = &mut self.session.incidents;
        room.declaring = None;
        room.begun = Some(id.clone());
        room.unwritten += 1;
        self.session.overlays.retain(|overlay| !matches!(overlay, Overlay::Declare));
        self.notice(format!("declaring {id}{}", self.glyphs.cut));
        let mut effects = vec![Effect::Incident(IncidentEffect::Begin { id, deeds })];
        if of_step {
            effects.extend(self.tell_run(RunInput::Approve));
        }
        effects
    }

    /// The form was filled in: the proposal takes what it says; what it does not take is said beside the line.
    pub(super) fn take_proposal(&mut self) -> Effects {
        let Some(Overlay::Form(form)) = self.session.overlays.last_mut() else { return Vec::new() };
        let Some(declaring) = &mut self.session.incidents.declaring else { return Vec::new() };
        for (at, line) in form.fields.iter().enumerate() {
            let Topic::Declare(field) = line.topic else { continue };
            if !line.is_altered() {
                continue;
            }
            if let Err(why) = declaring.proposal.set(field, line.text().unwrap_or_default()) {
                form.notice = Some(why);
                form.at = at;
                return Vec::new();
            }
        }
        self.session.overlays.pop();
        Vec::new()
    }
}

fn form_of(proposal: &Proposal) -> Form {
    let hint = |field: Field| match field {
        Field::Severity => "SEV1 to SEV4",
        Field::Roles => "commander=NAME, communications=NAME, operations=NAME, scribe=NAME",
        Field::Channel => "empty: no channel, no messages",
        Field::Invite => "as the chat knows them: user names, addresses or ids, with commas between",
        Field::Visibility => "public or private",
        Field::Pages => "ids of the pages to acknowledge, with commas between",
        _ => "",
    };
    let line = |field: Field| {
        form::Field::new(Topic::Declare(field), hint(field), field == Field::Title).offering(&proposal.get(field))
    };
    Form::new("Declare an incident".into(), LINES.into_iter().map(line).collect(), form::Purpose::Declare)
}

fn book_facts(book: &Runbook, values: crate::runbook::parameter::Values) -> RunbookFacts {
    let said = book.meta.incident.clone().unwrap_or_default();
    RunbookFacts {
        id: book.id.clone(),
        title: book.title.clone(),
        link: None,
        channel: said.channel,
        topic: said.topic,
        severity: said.severity,
        invite: said.invite,
        first_message: said.first_message,
        update_every: said.update_every,
        component: said.component,
        values: values.into_iter().map(|(name, value)| (name, value.to_string())).collect(),
    }
}
