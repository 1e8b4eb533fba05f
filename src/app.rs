//! The console as a pure machine: `update` takes a message and gives effects, `render` draws what is known. The runtime
//! owns the loop around it.

mod actions;
mod aims;
mod ask;
mod audit;
mod commands;
mod desk;
mod draw;
mod flags;
mod help;
mod hints;
mod incident;
mod incident_declare;
mod incident_keys;
mod incident_lines;
mod incident_lists;
mod incident_watch;
mod keys;
mod marks;
mod menu;
mod mouse;
mod narrow;
mod offers;
mod outside;
mod pick;
mod registry;
mod runbook;
mod runbook_keys;
#[cfg(test)]
mod tests;
mod undo;

use ratatui::Frame;

pub use registry::{command_ids, commands};

use crate::actions::door::Door;
use crate::actions::guardrail::GuardContext;
use crate::config::keymap::Keymap;
use crate::config::theme::Theme;
use crate::domain::time::Instant;
use crate::ports::feed::{LogTarget, SourceId, Update};
use crate::state::context::ContextInfo;
use crate::state::effect::Effect;
use crate::state::incident::IncidentEffect;
use crate::state::message::{FeedItem, Message};
use crate::state::pane::PaneId;
use crate::state::runbook::DeskEffect;
use crate::state::session::{Overlay, PickerKind, Session};
use crate::state::world::World;
use crate::ui::glyphs::{ASCII, Glyphs, UNICODE};
use crate::ui::incident::Timelines;
use crate::ui::runbook::Sheets;

/// Seconds that a remark stays.
const NOTICE_SECONDS: i64 = 8;

/// What an app is made from.
#[derive(Clone, Debug)]
pub struct AppSettings {
    /// Keys; loaded against [`command_ids`].
    pub keymap: Keymap,
    /// Styles.
    pub theme: Theme,
    /// Draw with ASCII only.
    pub ascii: bool,
    /// Log entries to keep.
    pub log_lines: usize,
    /// Where it looks first.
    pub context: ContextInfo,
    /// What may be done there.
    pub guard: GuardContext,
}

/// The console.
#[derive(Debug)]
pub struct App {
    keymap: Keymap,
    theme: Theme,
    glyphs: &'static Glyphs,
    log_lines: usize,
    context: ContextInfo,
    guard: GuardContext,
    world: World,
    session: Session,
    sheets: Sheets,
    timelines: Timelines,
    door: Option<Door>,
    /// What was done last and can be taken back.
    last: Option<undo::Undoable>,
    size: (u16, u16),
    now: Instant,
    /// The second of the last tick.
    second: i64,
    dirty: bool,
    following: Option<LogTarget>,
    followed_at: Instant,
    /// The logs are told from their beginning again: what is there goes when the first of them comes.
    logs_anew: bool,
    /// A first `quit` (or `back` at the top) asked for a second one.
    quitting: Option<Instant>,
}

impl App {
    /// An app that knows nothing yet. Nothing is followed before the first message.
    pub fn new(settings: AppSettings, now: Instant) -> Self {
        let AppSettings { keymap, theme, ascii, log_lines, context, guard } = settings;
        let mut app = Self {
            keymap,
            theme,
            glyphs: if ascii { &ASCII } else { &UNICODE },
            log_lines,
            context,
            guard,
            world: World::new(log_lines),
            session: Session::default(),
            sheets: Sheets::default(),
            timelines: Timelines::default(),
            door: None,
            last: None,
            size: (80, 24),
            now,
            second: now.timestamp(),
            dirty: true,
            following: None,
            followed_at: now,
            logs_anew: false,
            quitting: None,
        };
        app.look(PaneId::Logs);
        app
    }

    /// Takes a message in and gives what must happen outside.
    pub fn update(&mut self, message: Message, now: Instant) -> Vec<Effect> {
        self.now = now;
        // The first tick of a second, whatever sources have told in it before: some tell a thousand times.
        let new_second = matches!(message, Message::Tick) && now.timestamp() != self.second;
        if new_second {
            self.second = now.timestamp();
        }
        let may_remind = new_second || !matches!(message, Message::Feed { .. } | Message::Tick);
        let mut effects = self.take(message, new_second);
        effects.extend(self.watch_door());
        if may_remind {
            self.session.incidents.remind(self.now);
        }
        effects
    }

    fn take(&mut self, message: Message, new_second: bool) -> Vec<Effect> {
        match message {
            Message::Key(key) => {
                self.dirty = true;
                self.key(key)
            }
            Message::Paste(text) => {
                self.dirty = true;
                self.paste(&text)
            }
            Message::Mouse(mouse) => {
                self.dirty = true;
                self.mouse(mouse)
            }
            Message::Resize(width, height) => {
                self.size = (width, height);
                self.dirty = true;
                Vec::new()
            }
            Message::Tick => {
                self.dirty |= new_second;
                self.tick(new_second)
            }
            Message::Feed { epoch, .. } if epoch != self.context.epoch => Vec::new(),
            Message::Feed { source, item, .. } => self.feed(&source, item),
            Message::Door(input) => {
                self.dirty = true;
                self.door_input(input)
            }
            Message::Contexts(contexts) => {
                self.session.contexts = contexts;
                self.refill(PickerKind::Context);
                self.dirty = true;
                Vec::new()
            }
            Message::Identity { epoch, name } => {
                if epoch == self.context.epoch {
                    self.guard.identity = Some(name.clone());
                    self.context.identity = Some(name);
                    self.dirty = true;
                }
                Vec::new()
            }
            Message::Switched(context, guard) => self.switched(context, guard),
            Message::Unreachable { fault, .. } => {
                self.unreachable(&fault);
                Vec::new()
            }
            Message::Audit(reading) => {
                self.audit_read(reading);
                Vec::new()
            }
            Message::Flag(flag, detail) => {
                self.flag_read(flag, detail);
                Vec::new()
            }
            Message::Settled(told) => {
                self.settled_after_a_crash(&told);
                Vec::new()
            }
            Message::Desk(news) => self.desk_news(news),
            Message::Incident(news) => self.incident_news(news),
            Message::Notice(text) => {
                self.notice(text);
                Vec::new()
            }
        }
    }

    fn feed(&mut self, source: &SourceId, item: FeedItem) -> Vec<Effect> {
        // A bookmark changes no more than an age, which ticks anyway.
        self.dirty |= !matches!(item, FeedItem::Update(Update::Alive));
        match item {
            FeedItem::Connecting { patience } => self.world.sources.entry(source).connecting(patience),
            FeedItem::Fault(fault, retry_in) => self.world.sources.entry(source).failed(fault, retry_in, self.now),
            FeedItem::Update(update) => {
                let pods = matches!(update, Update::Pods(_));
                if matches!(update, Update::Logs(_)) && std::mem::take(&mut self.logs_anew) {
                    self.world.logs.clear();
                    self.session.cursors.logs = None;
                }
                let before = matches!(update, Update::Alerts(_)).then(|| self.firing());
                self.world.apply(source, update, self.now);
                if let Some(before) = before {
                    self.remember_cleared(before);
                }
                if pods && self.following.is_none() {
                    return self.follow_worst();
                }
            }
        }
        Vec::new()
    }

    fn tick(&mut self, new_second: bool) -> Vec<Effect> {
        let old = |at: Instant, now: Instant| (now - at).num_seconds() >= NOTICE_SECONDS;
        if self.session.notice.as_ref().is_some_and(|(_, at)| old(*at, self.now)) {
            self.session.notice = None;
            self.dirty = true;
        }
        self.keep_marks();
        let mut effects = self.follow_worst();
        effects.extend(self.narrow_anew());
        if self.door.is_some() {
            effects.extend(self.door_input(crate::actions::exchange::DoorInput::Tick));
        }
        effects.extend(self.tick_desk());
        if new_second {
            effects.extend(self.watch_incidents());
        }
        effects
    }

    /// Another context or namespace: what was known is void; an action under way goes on under its own rules. The same
    /// one again (a refresh): rows and focus stay until the new lists replace them.
    fn switched(&mut self, mut context: ContextInfo, mut guard: GuardContext) -> Vec<Effect> {
        if context.name == self.context.name && context.namespace == self.context.namespace {
            context.identity = context.identity.or(self.context.identity.take());
            guard.identity = guard.identity.or(self.guard.identity.take());
            self.context = context;
            self.guard = guard;
            self.logs_anew = self.following.is_some();
            self.dirty = true;
            return vec![Effect::FollowLogs(self.following.clone())];
        }
        self.logs_anew = false;
        let first = self.context.epoch == 0;
        self.context = context;
        self.guard = guard;
        self.world = World::new(self.log_lines);
        self.following = None;
        self.dirty = true;
        if first {
            // Nothing was there before: what was typed while the connection was being made was meant for it.
            for pane in PaneId::ALL {
                self.look(pane);
            }
            return vec![
                Effect::FollowLogs(None),
                Effect::Desk(DeskEffect::LookForRuns),
                Effect::Incident(IncidentEffect::Look),
            ];
        }
        let left = self.leave_desk();
        let door = self.session.overlays.extract_if(.., |overlay| matches!(overlay, Overlay::Door(_))).collect();
        self.session = Session {
            active: self.session.active,
            wrap: self.session.wrap,
            contexts: std::mem::take(&mut self.session.contexts),
            overlays: door,
            ..Session::default()
        };
        self.look(PaneId::Logs);
        let mut effects = left;
        effects.extend([
            Effect::FollowLogs(None),
            Effect::Desk(DeskEffect::LookForRuns),
            Effect::Incident(IncidentEffect::Look),
        ]);
        effects
    }

    /// Says something, for a while.
    fn notice(&mut self, text: impl Into<String>) {
        self.session.notice = Some((text.into(), self.now));
        self.dirty = true;
    }

    /// Draws everything.
    pub fn render(&self, frame: &mut Frame<'_>) {
        let area = frame.area();
        self.draw(area, frame.buffer_mut());
    }

    /// Has anything visible changed since the last [`App::drawn`]?
    pub const fn dirty(&self) -> bool {
        self.dirty
    }

    /// It was drawn.
    pub const fn drawn(&mut self) {
        self.dirty = false;
    }

    /// Where it looks.
    pub const fn context(&self) -> &ContextInfo {
        &self.context
    }

    /// What it knows.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// What the person does.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Must quitting wait for an action (a record being written, an execution)?
    pub fn holds_quit(&self) -> bool {
        self.session.desk.unwritten > 0
            || self.session.incidents.unwritten > 0
            || self.door.as_ref().is_some_and(|door| door.view().stage.holds_quit())
    }
}
