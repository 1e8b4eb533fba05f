//! What is typed and written in an open incident: lines with what each becomes, texts that are kept until they are on disk,
//! and the words that are asked for before somebody is woken, customers read something, or an incident ends.

use super::App;
use crate::domain::Text;
use crate::domain::incident::IncidentId;
use crate::domain::incident::delivery::What;
use crate::incident::command::Command;
use crate::incident::plan::{Now, page_note};
use crate::incident::publication::Publication;
use crate::incident::{Incident, hand_over, update};
use crate::state::editor::Editor;
use crate::state::effect::Effect;
use crate::state::incident::room::{PageOf, Piece, Prompt, Purpose, Writing};
use crate::state::incident::{IncidentEffect, burn_of};
use crate::state::input::Input;

type Effects = Vec<Effect>;

/// The word that makes a text public.
const PUBLISH: &str = "publish";
/// Another word was typed.
const NOT_PUBLIC: &str = "nothing was published";

/// Asks for the word that makes a text public on a status page, for an incident; the error says why there is nothing to ask.
pub(super) fn ask_public(of: IncidentId, page: &Text, body: &str) -> Result<Prompt, String> {
    if body.trim().is_empty() {
        return Err("there is no text to publish".to_owned());
    }
    let ask = format!("public on {page}: type {PUBLISH}");
    let purpose = Purpose::Publish { page: page.clone(), body: body.to_owned() };
    Ok(Prompt { of, ask, input: Input::default(), purpose, notice: None })
}

/// Was that word typed? The error says what is asked for.
pub(super) fn makes_public(prompt: &Prompt) -> Result<(), String> {
    is_word(prompt, PUBLISH, NOT_PUBLIC)
}

fn is_word(prompt: &Prompt, word: &str, nothing: &str) -> Result<(), String> {
    if prompt.input.text().trim() == word { Ok(()) } else { Err(format!("{nothing}; type {word}, or close this")) }
}

impl App {
    /// Asks for a line, about the incident that keys are about now.
    pub(super) fn ask_line(&mut self, ask: impl Into<String>, text: &str, purpose: Purpose) {
        let room = &mut self.session.incidents;
        let Some(of) = room.current.clone() else { return };
        room.view.prompt = Some(Prompt { of, ask: ask.into(), input: Input::with(text), purpose, notice: None });
        self.show_incident();
    }

    pub(super) fn line_command(&mut self, id: &str) -> Effects {
        let mut effects = Vec::new();
        match id {
            "cancel" => {
                if let Some(prompt) = self.session.incidents.view.prompt.take()
                    && let Purpose::Publish { page, body } = prompt.purpose
                {
                    self.session.incidents.keep_draft(&prompt.of, &Piece::Publish(page), &body);
                    self.notice("nothing was published; the text is kept, and is there again the next time");
                }
            }
            "confirm" => effects = self.take_line(),
            _ => {}
        }
        self.close_after_line();
        effects
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
        match self.line_taken(&prompt) {
            Ok(effects) => effects,
            Err(why) => {
                self.session.incidents.view.prompt = Some(Prompt { notice: Some(why), ..prompt });
                Vec::new()
            }
        }
    }

    /// What follows from a line; or why it is not taken.
    fn line_taken(&mut self, prompt: &Prompt) -> Result<Effects, String> {
        let text = prompt.input.text().trim().to_owned();
        let said = Some(text.clone()).filter(|text| !text.is_empty());
        let send = |service: &Text, what, confirmed| Command::Send { service: service.clone(), what, confirmed };
        let command = match &prompt.purpose {
            Purpose::Note | Purpose::HandOver | Purpose::JoinPage(_) if text.is_empty() => return Ok(Vec::new()),
            Purpose::Note => Command::Note(text),
            Purpose::Title => Command::Retitle(text),
            Purpose::Task => Command::Task { id: None, text, owner: None, done: false },
            Purpose::Role(role) => Command::Role { role: *role, who: said },
            Purpose::Status(to) => Command::Status { to: *to, reason: said },
            Purpose::Severity(to) => Command::Severity { to: *to, reason: said },
            Purpose::Reopen => Command::Reopen { reason: said },
            Purpose::Drop(key) => Command::Drop { key: key.clone(), reason: said },
            Purpose::JoinPage(PageOf { service, page }) => {
                let message = self.session.incidents.all.get(&prompt.of).map(|incident| incident.title().to_owned());
                let who = text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
                let message = message.unwrap_or_default();
                send(service, What::AddResponders { page: page.clone(), who, message }, false)
            }
            Purpose::Escalate(PageOf { service, page }) => {
                is_word(prompt, "page", "nobody was paged")?;
                send(service, What::Escalate { page: page.clone(), level: None }, false)
            }
            Purpose::Page { page: PageOf { service, page }, acknowledge } => {
                let mut effects = Vec::new();
                if *acknowledge {
                    let what = What::Acknowledge { page: page.clone() };
                    effects.extend(self.perform_on(&prompt.of, &send(service, what, false))?);
                }
                if !text.is_empty() {
                    let what = What::PageNote { page: page.clone(), text };
                    effects.extend(self.perform_on(&prompt.of, &send(service, what, false))?);
                }
                return Ok(effects);
            }
            Purpose::Merge(into) => {
                is_word(prompt, "merge", "nothing was merged")?;
                return self.merge(&prompt.of, into);
            }
            Purpose::TakeOver(writer) => {
                is_word(prompt, "take", "nothing was taken over")?;
                Command::TakeOver { writer: writer.clone() }
            }
            Purpose::Publish { page, body } => {
                makes_public(prompt)?;
                let room = &self.session.incidents;
                let incident = room.all.get(&prompt.of).ok_or("that incident is not known")?;
                let said = Publication::next(incident, body.clone(), room.components_of(page, incident));
                let command = send(page, said.into(), true);
                // Until it is on disk it is kept.
                self.session.incidents.keep_draft(&prompt.of, &Piece::Publish(page.clone()), body);
                command
            }
            Purpose::HandOver => {
                let summary = self.session.incidents.all.get(&prompt.of).map(|it| hand_over::summary(it, self.now));
                self.begin_writing(prompt.of.clone(), Piece::HandOver(text), summary.unwrap_or_default());
                return Ok(Vec::new());
            }
        };
        self.perform_on(&prompt.of, &command)
    }

    /// The incident is the same as another: it ends, and goes on there.
    fn merge(&mut self, from: &IncidentId, into: &IncidentId) -> Result<Effects, String> {
        if let Some(why) = &self.guard.read_only {
            return Err(format!("read-only: {why}"));
        }
        if !self.session.incidents.all.contains_key(into) {
            return Err(format!("there is no incident {into}"));
        }
        self.session.incidents.unwritten += 1;
        Ok(vec![Effect::Incident(IncidentEffect::Merge { from: from.clone(), into: into.clone() })])
    }

    /// What the page is told of this incident, to be altered.
    pub(super) fn ask_page_note(&mut self, page: PageOf, acknowledge: bool) {
        let Some(incident) = self.session.incidents.incident() else { return };
        let note = page_note(incident.declared(), &Now::of(incident), incident.declared_at());
        let ask = if acknowledge { "acknowledge it, with this note:" } else { "note on it:" };
        self.ask_line(format!("{}: {ask}", page.page), &note, Purpose::Page { page, acknowledge });
    }

    /// Begins to write a text, or goes on with the one that was begun.
    fn begin_writing(&mut self, of: IncidentId, purpose: Piece, proposed: String) {
        let room = &mut self.session.incidents;
        let kept = room.draft(&of, &purpose).map(str::to_owned);
        let notice = kept.is_some().then(|| "as you left it: look whether the facts are still true".to_owned());
        let editor = Editor::with(kept.as_deref().unwrap_or(&proposed));
        room.view.writing = Some(Writing { of, proposed, editor, purpose, notice });
    }

    pub(super) fn write_update(&mut self) {
        let Some(incident) = self.session.incidents.incident() else { return };
        let burn = burn_of(self.world.slos.iter().map(|row| &row.reading), &incident.declared().service);
        let draft = update::draft(incident, &burn, self.now);
        self.begin_writing(incident.id().clone(), Piece::Update, draft);
    }

    /// What customers are to read is written.
    pub(super) fn write_publication(&mut self, page: &str) {
        let Some(incident) = self.session.incidents.incident() else { return };
        self.begin_writing(incident.id().clone(), Piece::Publish(page.into()), Publication::draft(incident));
    }

    pub(super) fn writing_command(&mut self, id: &str) -> Effects {
        let Some(writing) = self.session.incidents.view.writing.take() else { return Vec::new() };
        match id {
            "cancel" => self.put_aside(&writing),
            "confirm" => match self.text_taken(&writing) {
                Ok(effects) => return effects,
                Err(why) => self.session.incidents.view.writing = Some(Writing { notice: Some(why), ..writing }),
            },
            _ => self.session.incidents.view.writing = Some(writing),
        }
        Vec::new()
    }

    /// Closed and not sent: what somebody wrote at three in the morning is not thrown away by one key.
    fn put_aside(&mut self, writing: &Writing) {
        let text = writing.editor.text();
        if text.trim() != writing.proposed.trim() {
            self.session.incidents.keep_draft(&writing.of, &writing.purpose, &text);
            if !text.trim().is_empty() {
                self.notice("not sent, and kept: it is there again the next time");
            }
        }
    }

    fn text_taken(&mut self, writing: &Writing) -> Result<Effects, String> {
        let text = writing.editor.text();
        let command = match &writing.purpose {
            Piece::Update => Command::Update { next: update::promised(&text, self.now), text: text.clone() },
            Piece::HandOver(to) => Command::HandOver { to: to.clone(), summary: text.clone() },
            // Whether it becomes public is asked by itself.
            Piece::Publish(page) => {
                let prompt = ask_public(writing.of.clone(), page, &text)?;
                self.session.incidents.view.prompt = Some(prompt);
                return Ok(Vec::new());
            }
        };
        let effects = self.perform_on(&writing.of, &command)?;
        self.session.incidents.keep_draft(&writing.of, &writing.purpose, &text);
        Ok(effects)
    }
}

/// In a list, a line or a notice: `SEV2 mitigating: payment fails`.
pub(super) fn in_short(incident: &Incident) -> String {
    format!("{} {}: {}", incident.severity(), incident.status(), incident.title())
}
