//! The event loop: drain what is ready, update, run effects, draw when something visible changed, at most 30 times a
//! second. A key never waits for a source: between reading it and drawing its effect nothing is awaited.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::EventStream;
use futures::StreamExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::executor::{Executor, ForTheLoop};
use super::input::Input;
use super::terminal::Screen;
use super::wiring::Launch;
use crate::actions::exchange::DoorInput;
use crate::app::App;
use crate::domain::cluster::NamespaceScope;
use crate::state::message::Message;

/// At most 30 frames a second.
const FRAME: Duration = Duration::from_millis(33);
/// Messages taken before the screen is looked at again.
const BATCH: usize = 256;
/// What fits between feeds and loop; beyond it feeds wait (and the log feed counts what it drops).
pub const CHANNEL: usize = 1024;

/// How the console ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The user left.
    Quit,
    /// A signal, by its number.
    Signal(i32),
}

/// What a turn of the loop woke up for.
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack of the loop")]
enum Woken {
    Message(Message),
    Connected(Box<super::wiring::Connected>),
    Signal(i32),
    Draw,
    InputClosed,
}

/// Runs the console until the user leaves or a signal ends it.
pub async fn run(
    launch: Arc<Launch>,
    mut app: App,
    context: Option<String>,
    namespace: Option<NamespaceScope>,
) -> io::Result<Ended> {
    let mut screen = Screen::enter(launch.config.settings.ui.mouse)?;
    // The first frame comes before anything that could wait.
    screen.draw(|frame| app.render(frame))?;
    let mut last_draw = Instant::now();

    let (sender, mut messages) = mpsc::channel(CHANNEL);
    let mut executor = Executor::new(launch.clone(), sender).settling();
    executor.connect(context, namespace);

    let mut events = EventStream::new();
    let mut input = Input::default();
    let (mut terminate, mut hangup, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?, signal(SignalKind::interrupt())?);
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut leaving: Option<Ended> = None;

    loop {
        let due = last_draw + FRAME;
        let woken = tokio::select! {
            biased;
            event = events.next() => match event {
                Some(Ok(event)) => match input.translate(event, std::time::Instant::now()) {
                    Some(message) => Woken::Message(message),
                    None => continue,
                },
                Some(Err(error)) => return Err(error),
                None => Woken::InputClosed,
            },
            _ = terminate.recv() => Woken::Signal(15),
            _ = hangup.recv() => Woken::Signal(1),
            _ = interrupt.recv() => Woken::Signal(2),
            () = sleep_until(due), if app.dirty() => Woken::Draw,
            connected = executor.connected() => Woken::Connected(Box::new(connected)),
            Some(message) = messages.recv() => Woken::Message(message),
            _ = tick.tick() => Woken::Message(Message::Tick),
        };
        let mut inbox = Vec::new();
        match woken {
            Woken::Draw => {}
            Woken::Message(message) => inbox.push(message),
            Woken::Connected(connected) => inbox.extend(executor.adopt(*connected)),
            Woken::Signal(number) => leaving = Some(Ended::Signal(number)),
            // The terminal is gone: as if it had hung up.
            Woken::InputClosed => leaving = Some(Ended::Signal(1)),
        }
        while inbox.len() < BATCH
            && let Ok(message) = messages.try_recv()
        {
            inbox.push(message);
        }
        for message in inbox {
            for effect in app.update(message, launch.clock.now()) {
                match executor.run(effect) {
                    None => {}
                    Some(ForTheLoop::Quit) => leaving = Some(leaving.unwrap_or(Ended::Quit)),
                    Some(ForTheLoop::Copy(text)) => screen.copy(&text)?,
                }
            }
        }
        if let Some(ended) = leaving {
            // Leaving does not cancel what was sent; it only stops to wait for proof.
            for effect in app.update(Message::Door(DoorInput::StopVerifying), launch.clock.now()) {
                executor.run(effect);
            }
            if !app.holds_quit() {
                executor.close().await;
                return Ok(ended);
            }
        }
        if app.dirty() && last_draw.elapsed() >= FRAME {
            last_draw = Instant::now();
            // A hung-up terminal cannot be drawn on; what runs is still waited for.
            if let Err(error) = screen.draw(|frame| app.render(frame))
                && leaving.is_none()
            {
                return Err(error);
            }
            app.drawn();
        }
    }
}
