//! One frame from what is known.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{App, commands};
use crate::actions::outcome::Stage;
use crate::config::keymap::{Key, KeyCode, Scope, spell};
use crate::config::theme::Role;
use crate::panes;
use crate::state::session::Overlay;
use crate::ui::footer::Hint;
use crate::ui::layout::{Layout, SMALLEST, arrange};
use crate::ui::{Look, audit, footer, form, frame, header, incident, menu, overlay, picker, plan, runbook, text};

impl App {
    pub(super) fn layout(&self) -> Option<Layout> {
        arrange(self.size.0, self.size.1, &self.session, self.world.slos.len())
    }

    /// The key of a command where the keys go now, as written on screen.
    pub(super) fn hint(&self, id: &str) -> Option<String> {
        let scopes = match self.session.overlays.last() {
            // What panes say is said about panes, whatever is open over them.
            Some(Overlay::Door(_) | Overlay::Form(_) | Overlay::Menu(_)) => self.scopes(),
            // What a step waits for is said of the step, also while a line is typed.
            Some(Overlay::Desk) => vec![Scope::Runbook],
            Some(Overlay::Incident) if self.session.incidents.view.writing.is_some() => vec![Scope::Text],
            Some(Overlay::Incident) => vec![Scope::Incident],
            Some(Overlay::Declare) => vec![self.session.incidents.declare_scope()],
            _ => vec![panes::pane(self.session.active).scope, Scope::Global],
        };
        self.key_in(id, &scopes).or_else(|| self.key_in(id, &[Scope::Global]))
    }

    /// The first key of a command; of those that close, escape, because it closes everything. Where text is typed, keys
    /// that type text lead nowhere else.
    pub(super) fn key_in(&self, id: &str, scopes: &[Scope]) -> Option<String> {
        let typing = scopes.contains(&Scope::Input);
        let mut keys = self.keymap.keys_for(id, scopes);
        keys.retain(|keys| !typing || keys.first().is_some_and(|key| key.typed().is_none()));
        let escape = [Key::plain(KeyCode::Esc)];
        if id == "cancel" && keys.contains(&&escape[..]) {
            return Some(spell(&escape));
        }
        keys.first().map(|keys| spell(keys))
    }

    pub(super) fn eyes<'a>(&'a self, key: &'a dyn Fn(&str) -> Option<String>) -> Look<'a> {
        Look {
            world: &self.world,
            session: &self.session,
            context: &self.context,
            theme: &self.theme,
            glyphs: self.glyphs,
            sheets: &self.sheets,
            timelines: &self.timelines,
            now: self.now,
            offers_actions: self.guard.offers_actions(),
            key,
        }
    }

    pub(super) fn draw(&self, area: Rect, buffer: &mut Buffer) {
        let hint = |id: &str| self.hint(id);
        let look = self.eyes(&hint);
        buffer.set_style(area, look.style(Role::Text));
        let Some(layout) = arrange(area.width, area.height, &self.session, self.world.slos.len()) else {
            let (width, height) = SMALLEST;
            let needs = format!("terminal too small: needs {width}x{height}, has {}x{}", area.width, area.height);
            for (row, line) in text::wrap(&needs, area.width.into()).iter().enumerate() {
                frame::put(buffer, area.x, area.y + row as u16, line, look.style(Role::Warning));
            }
            return;
        };
        header::render(&look, layout.header, buffer);
        for (id, place) in &layout.panes {
            let pane = panes::pane(*id);
            let title = (pane.title)(&look);
            let rows = frame::pane(&look, *id, &title, *place, layout.boxed, buffer);
            (pane.render)(&look, rows, buffer);
        }
        self.footer(&look, layout.footer, buffer);
        for open in &self.session.overlays {
            self.overlay(&look, open, layout.body, buffer);
        }
    }

    fn overlay(&self, look: &Look<'_>, open: &Overlay, body: Rect, buffer: &mut Buffer) {
        match open {
            Overlay::Filter { .. } => {}
            Overlay::Picker(list) => picker::render(look, list, body, buffer),
            Overlay::Help { scroll } => {
                let width = body.width.saturating_sub(4).min(112);
                let lines = self.help_lines(width.into());
                let height = (lines.len() as u16 + 2).min(body.height);
                let inner = overlay::open(look, body, (width, height), "Help", "esc closes", buffer);
                overlay::scrolled(look, &lines, *scroll, shrunk(inner), buffer);
            }
            Overlay::Details { subject, scroll } => {
                let width = body.width.saturating_sub(4).min(112);
                let (title, lines) = panes::details::lines(look, subject, usize::from(width).saturating_sub(4));
                let height = (lines.len() as u16 + 2).min(body.height);
                let inner = overlay::open(look, body, (width, height), &title, "esc closes", buffer);
                overlay::scrolled(look, &lines, *scroll, shrunk(inner), buffer);
            }
            Overlay::Audit(view) => audit::render(look, view, body, buffer),
            Overlay::Menu(list) => menu::render(look, list, body, buffer),
            Overlay::Desk => runbook::render(look, body, buffer),
            Overlay::Incident => incident::render(look, body, buffer),
            Overlay::Declare => {
                if let Some(declaring) = &look.session.incidents.declaring {
                    incident::render_declare(look, declaring, body, buffer);
                }
            }
            Overlay::Form(lines) => form::render(look, lines, body, buffer),
            Overlay::Door(door) => {
                if let Some(action) = &self.door {
                    plan::render(look, &action.view(), door, body, buffer);
                }
            }
        }
    }

    /// Scrolling stops at the end of what there is.
    pub(super) fn clamp_scroll(&mut self) {
        let Some(layout) = self.layout() else { return };
        let height = usize::from(layout.body.height).saturating_sub(2);
        let width = usize::from(layout.body.width.saturating_sub(4).min(112)).saturating_sub(4);
        let lines = match self.session.overlays.last() {
            Some(Overlay::Help { .. }) => self.help_lines(width).len(),
            Some(Overlay::Details { subject, .. }) => {
                panes::details::lines(&self.eyes(&|_| None), subject, width).1.len()
            }
            Some(Overlay::Door(_)) => {
                self.door.as_ref().map_or(0, |door| plan::length(&self.eyes(&|_| None), &door.view(), layout.body))
            }
            Some(Overlay::Audit(view)) => {
                let width = usize::from(layout.body.width).saturating_sub(4);
                view.chosen().map_or(0, |entry| audit::whole(&self.eyes(&|_| None), entry, width).len())
            }
            _ => return,
        };
        let (most, scroll) = match self.session.overlays.last_mut() {
            Some(Overlay::Help { scroll } | Overlay::Details { scroll, .. }) => (lines.saturating_sub(height), scroll),
            Some(Overlay::Door(door)) => (lines.saturating_sub(height.saturating_sub(3)), &mut door.scroll),
            Some(Overlay::Audit(view)) => match &mut view.open {
                Some(scroll) => (lines.saturating_sub(height), scroll),
                None => return,
            },
            _ => return,
        };
        *scroll = (*scroll).min(most);
    }

    fn footer(&self, look: &Look<'_>, area: Rect, buffer: &mut Buffer) {
        if let Some(Overlay::Filter { input, .. }) = self.session.overlays.last() {
            let literal = crate::state::filter::Filter::parse(input.text()).is_some_and(|filter| filter.is_literal());
            let (shown, all) = self.shown();
            let word = if literal { "word for word  " } else { "" };
            return footer::input(
                look,
                "/",
                input,
                &format!("{word}{shown} of {all}  enter keeps  esc back"),
                area,
                buffer,
            );
        }
        if let Some(Overlay::Audit(view)) = self.session.overlays.last()
            && view.typing.is_some()
        {
            let all = view.log.as_ref().and_then(|log| log.as_ref().ok()).map_or(0, |log| log.entries.len());
            let right = format!("{} of {all}  enter keeps  esc back", view.shown().len());
            return footer::input(look, "/", &view.filter, &right, area, buffer);
        }
        if let Some((notice, _)) = &self.session.notice {
            return footer::notice(look, notice, area, buffer);
        }
        if !self.session.pending.is_empty() {
            let scopes = self.scopes();
            let hints: Vec<Hint> = self
                .keymap
                .continuations(&scopes, &self.session.pending)
                .into_iter()
                .map(|(rest, id)| Hint {
                    key: format!("{} {}", spell(&self.session.pending), spell(rest)),
                    label: commands()
                        .iter()
                        .find(|command| command.id == id)
                        .map_or(id, |command| command.label)
                        .to_owned(),
                })
                .collect();
            return footer::keys(look, &hints, area, buffer);
        }
        let mut hints = self.hints();
        if let Some(door) = &self.door
            && !self.session.overlays.iter().any(|overlay| matches!(overlay, Overlay::Door(_)))
            && door.view().stage != Stage::Ended
            && let Some(hint) = hints.iter_mut().find(|hint| hint.label == "actions")
        {
            hint.label = format!("{}: {}", door.view().request.action.word(), stage_word(door.view().stage));
        }
        footer::keys(look, &hints, area, buffer);
    }

    /// Rows shown and all rows of the active pane.
    fn shown(&self) -> (usize, usize) {
        use crate::state::pane::PaneId;
        let world = &self.world;
        match self.session.active {
            PaneId::Alerts => (world.alerts.shown_len(), world.alerts.len()),
            PaneId::Slo => (world.slos.shown_len(), world.slos.len()),
            PaneId::Rollouts => (world.rollouts.shown_len(), world.rollouts.len()),
            PaneId::Pods => (world.pods.shown_len(), world.pods.len()),
            PaneId::Logs => (world.logs.shown_len(), world.logs.len()),
            PaneId::Nodes => (world.nodes.table.shown_len(), world.nodes.table.len()),
            PaneId::Flags => (world.flags.shown_len(), world.flags.len()),
        }
    }
}

fn shrunk(area: Rect) -> Rect {
    Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area }
}

const fn stage_word(stage: Stage) -> &'static str {
    match stage {
        Stage::Preflight => "planning",
        Stage::Review => "waits for you",
        Stage::RecordingIntent | Stage::Executing => "executing",
        Stage::Verifying => "verifying",
        Stage::RecordingOutcome | Stage::Ended => "ending",
    }
}
