//! The app without a terminal: load the world, press keys, take what it shows. `status` and `snapshot` are this.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::console::CHANNEL;
use super::executor::Executor;
use super::wiring::Launch;
use crate::app::App;
use crate::config::keymap::Key;
use crate::domain::cluster::NamespaceScope;
use crate::state::effect::Effect;
use crate::state::message::Message;

/// Everything has arrived when every source has answered and nothing came for this long.
const QUIET: Duration = Duration::from_millis(300);

/// An app with its tasks, but no terminal.
#[derive(Debug)]
pub struct Headless {
    /// The app.
    pub app: App,
    launch: Arc<Launch>,
    executor: Executor,
    messages: mpsc::Receiver<Message>,
}

impl Headless {
    /// Starts to connect, at a size in columns and rows.
    pub fn start(
        launch: Arc<Launch>,
        app: App,
        context: Option<String>,
        namespace: Option<NamespaceScope>,
        (width, height): (u16, u16),
    ) -> Self {
        let (sender, messages) = mpsc::channel(CHANNEL);
        let mut executor = Executor::new(launch.clone(), sender);
        executor.connect(context, namespace);
        let mut headless = Self { app, launch, executor, messages };
        headless.tell(Message::Resize(width, height));
        headless
    }

    /// Gives the app a message and runs its effects.
    pub fn tell(&mut self, message: Message) {
        let effects = self.app.update(message, self.launch.clock.now());
        self.run(effects);
    }

    /// Runs effects; leaving and copying mean nothing here.
    pub fn run(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.executor.run(effect);
        }
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &[Key]) {
        for key in keys {
            self.tell(Message::Key(*key));
        }
    }

    /// Takes messages until every source has answered or failed and it is quiet, at most for `patience`.
    pub async fn settle(&mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            let settled = self.app.settled();
            let until = if settled { deadline.min(Instant::now() + QUIET) } else { deadline };
            let message = tokio::select! {
                connected = self.executor.connected() => self.executor.adopt(connected),
                message = self.messages.recv() => message,
                () = sleep_until(until) => return,
            };
            if let Some(message) = message {
                self.tell(message);
            }
        }
    }

    /// Takes messages until `done` says so, at most for `patience`; tells whether it did.
    pub async fn wait(&mut self, patience: Duration, done: impl Fn(&App) -> bool) -> bool {
        timeout(patience, async {
            while !done(&self.app) {
                let message = tokio::select! {
                    connected = self.executor.connected() => self.executor.adopt(connected),
                    message = self.messages.recv() => message,
                };
                if let Some(message) = message {
                    self.tell(message);
                }
            }
        })
        .await
        .is_ok()
    }
}
