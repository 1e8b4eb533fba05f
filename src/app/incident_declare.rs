//! Declaring: what is selected and what is known of it becomes a proposal; it is shown with all that it will send, edited
//! where that is needed, and declared by one more key.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use super::App;
use super::incident_lines::{ask_public, makes_public};
use crate::domain::alert::Alert;
use crate::domain::target::WorkloadRef;
use crate::incident::declare::{Facts, Field, PageFact, Proposal, RunbookFacts};
use crate::state::editor::Editor;
use crate::state::effect::Effect;
use crate::state::form::{self, Form, Topic};
use crate::state::incident::room::{Declaring, Prompt, Publishing};
use crate::state::incident::{IncidentEffect, book_facts, facts, runbook};
use crate::state::session::{Overlay, Subject};
use crate::ui::incident::declare_length;

type Effects = Vec<Effect>;

/// Milliseconds after which somebody may have read what came to be sent by itself.
const JUST_NOW: i64 = 700;

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
        if self.session.incidents.begun.is_some() {
            self.notice("one is being declared: it is not on disk yet");
            return Vec::new();
        }
        let Some(here) = self.session.incidents.here.clone() else {
            self.notice("not connected yet: it is not known who would be told");
            return Vec::new();
        };
        let facts = self.declare_facts();
        // The one that is open is meant. Else it is looked for, and heard as long as nothing is declared.
        let asked = if facts.runbook.is_some() { Vec::new() } else { book_facts(&facts) };
        // Two consoles of one person declare in the same minute, but not at the same instant.
        let seed = (self.now.timestamp_nanos_opt(), &here.who);
        let random = BuildHasherDefault::<DefaultHasher>::default().hash_one(seed) as u32;
        let proposal = Proposal::new(facts, &here.config, self.now, random);
        let looking = !asked.is_empty();
        self.session.incidents.declaring = Some(Declaring::new(proposal, looking));
        self.session.overlays.retain(|overlay| !matches!(overlay, Overlay::Declare | Overlay::Incident));
        self.session.overlays.push(Overlay::Declare);
        let find = looking.then_some(IncidentEffect::FindRunbook(asked));
        std::iter::once(IncidentEffect::AskPaging).chain(find).map(Effect::Incident).collect()
    }

    /// What is known of what is selected, or in focus.
    pub(super) fn declare_facts(&self) -> Facts {
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
        let room = &self.session.incidents;
        let here = room.here.as_ref();
        found.context.clone_from(&self.context.name);
        found.production = self.context.production;
        found.demo = self.context.demo;
        found.user = here.map(|here| here.who.to_string()).unwrap_or_default();
        found.runbook = self.runbook_here(&found);
        found.chat = here.and_then(|here| here.services.chat.clone());
        found.pages = self.known_pages();
        found.status_page = here.and_then(|here| here.services.status_page.clone());
        found
    }

    /// What fired for a workload until it was mitigated: the incident was about that.
    pub(super) fn cleared_of(&self, workload: Option<&WorkloadRef>) -> Vec<Alert> {
        let Some(workload) = workload else { return Vec::new() };
        let cleared = self.session.incidents.cleared.iter().map(|(alert, _)| alert);
        cleared.filter(|alert| alert.concerns(workload)).map(|alert| (**alert).clone()).collect()
    }

    /// The runbook that is open, with its values.
    fn runbook_here(&self, facts: &Facts) -> Option<RunbookFacts> {
        let desk = &self.session.desk;
        let firing = facts.firing();
        Some(runbook(desk.book()?, desk.values(), firing.iter().filter_map(|alert| alert.runbook_url())))
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

    /// A runbook was looked for while a declare is looked at.
    pub(super) fn runbook_is_known(&mut self, found: Option<RunbookFacts>) {
        let Some(declaring) = self.session.incidents.declaring.as_mut().filter(|declaring| declaring.looking) else {
            return;
        };
        declaring.looking = false;
        if let Some(found) = found {
            declaring.proposal.learn_runbook(found);
            declaring.altered = Some(self.now);
        }
    }

    /// The paging services have answered while a declare is looked at.
    pub(super) fn pages_are_known(&mut self) {
        let pages = self.known_pages();
        if let Some(declaring) = &mut self.session.incidents.declaring
            && declaring.proposal.learn_pages(&pages)
        {
            declaring.altered = Some(self.now);
        }
    }

    /// A command while the proposal has the keys.
    pub(super) fn declare_command(&mut self, id: &str) -> Effects {
        let Some(declaring) = &mut self.session.incidents.declaring else {
            self.session.overlays.pop();
            return Vec::new();
        };
        if let Some(editor) = &declaring.message {
            let text = editor.text();
            match id {
                "confirm" => {
                    declaring.message = None;
                    if let Err(why) = declaring.proposal.set(Field::FirstMessage, &text) {
                        self.notice(why);
                    }
                }
                "cancel" => declaring.message = None,
                _ => {}
            }
            return Vec::new();
        }
        if declaring.publishing.is_some() {
            self.publishing_command(id);
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
            "toggle-diff" => declaring.message = Some(Editor::with(&declaring.proposal.get(Field::FirstMessage))),
            "publish-too" => self.begin_publishing(),
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

    /// The status page is told, too: what it says is written first. When it is to be told already, it is not.
    fn begin_publishing(&mut self) {
        let Some(declaring) = &mut self.session.incidents.declaring else { return };
        if declaring.proposal.public().is_some() {
            declaring.proposal.publish(None);
        } else if let Some(draft) = declaring.proposal.status_draft() {
            declaring.publishing = Some(Publishing::Words { editor: Editor::with(&draft.said.body), notice: None });
        } else {
            self.notice("no status page is configured here");
        }
    }

    /// A command while the public text is written, or the word is typed that makes it public. Nothing leaves before the
    /// incident is declared.
    fn publishing_command(&mut self, id: &str) {
        let Some(declaring) = &mut self.session.incidents.declaring else { return };
        let Some(publishing) = declaring.publishing.take() else { return };
        declaring.publishing = match (id, publishing) {
            ("cancel", _) => None,
            ("confirm", Publishing::Words { editor, .. }) => {
                let text = editor.text();
                // There is a page: else nothing was written for it.
                let _ = declaring.proposal.set(Field::StatusPage, &text);
                match declaring.proposal.status_draft() {
                    None => None,
                    Some(draft) => Some(match ask_public(declaring.proposal.id(), &draft.page, &draft.said.body) {
                        Ok(prompt) => Publishing::Word { draft, prompt },
                        Err(why) => Publishing::Words { editor, notice: Some(why) },
                    }),
                }
            }
            ("confirm", Publishing::Word { draft, prompt }) => match makes_public(&prompt) {
                Ok(()) => {
                    declaring.proposal.publish(Some(draft));
                    None
                }
                Err(why) => Some(Publishing::Word { draft, prompt: Prompt { notice: Some(why), ..prompt } }),
            },
            (_, publishing) => Some(publishing),
        };
        // What becomes public is at the end.
        self.scroll_declare(isize::MAX);
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
        let Some(declaring) = &mut self.session.incidents.declaring else { return Vec::new() };
        if let Some(wrong) = declaring.proposal.check().into_iter().find(|finding| finding.blocks) {
            self.notice(format!("{}: {}", wrong.field.word(), wrong.text));
            return Vec::new();
        }
        // A key that was on its way when more came to be sent was not about that.
        if declaring.altered.take().is_some_and(|at| (self.now - at).num_milliseconds() < JUST_NOW) {
            self.notice("what is sent has just changed: look at it, and press the key once more");
            return Vec::new();
        }
        let (id, deeds) = declaring.proposal.declare();
        let room = &mut self.session.incidents;
        // Until it is on disk, what was proposed is kept, and the step that asked for it goes on asking.
        room.begun_from = room.declaring.take();
        room.begun = Some(id.clone());
        room.unwritten += 1;
        self.session.overlays.retain(|overlay| !matches!(overlay, Overlay::Declare));
        self.notice(format!("declaring {id}{}", self.glyphs.cut));
        vec![Effect::Incident(IncidentEffect::Begin { id, deeds })]
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
