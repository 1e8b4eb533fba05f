//! What integration tests share: the binary with files of its own, and the console in a real pseudo-terminal. `lab` is a
//! lab in another process, `road` carries HTTP, `killed` kills runs on it, `keyring` brings a
//! Secret Service, `walk` answers a runbook's questions.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

pub mod keyring;
pub mod killed;
pub mod lab;
pub mod road;
pub mod walk;

use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tempfile::TempDir;

/// How long something may take before a test gives up; generous, because machines are shared.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A home of its own: no configuration, no kubeconfig, no records.
pub fn home() -> TempDir {
    tempfile::Builder::new().prefix("opsdeck-test").tempdir().unwrap()
}

/// The binary with that home.
pub fn opsdeck(home: &Path) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::cargo_bin("opsdeck").unwrap();
    command.env_clear().timeout(PATIENCE);
    for (name, value) in environment(home) {
        command.env(name, value);
    }
    command
}

/// The same, for who talks with it while it runs.
pub fn process(home: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("opsdeck"));
    command.env_clear().envs(environment(home));
    command
}

fn environment(home: &Path) -> Vec<(&'static str, String)> {
    let path = |folder: &str| home.join(folder).display().to_string();
    vec![
        ("HOME", home.display().to_string()),
        ("XDG_CONFIG_HOME", path("config")),
        ("XDG_STATE_HOME", path("state")),
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        ("TERM", "xterm-256color".to_owned()),
    ]
}

/// The console in a pseudo-terminal, with what its screen shows.
pub struct Console {
    child: Box<dyn Child + Send + Sync>,
    output: Receiver<Vec<u8>>,
    input: Box<dyn Write + Send>,
    pub screen: vt100::Parser,
    /// What was shown and when, for a recording.
    film: Vec<(Duration, Vec<u8>)>,
    began: Instant,
    size: (u16, u16),
    _pty: Box<dyn MasterPty + Send>,
}

impl Console {
    pub fn start(home: &Path, arguments: &[&str], size: (u16, u16)) -> Self {
        Self::start_with(home, arguments, &[], size)
    }

    /// The same with variables of its own.
    pub fn start_with(
        home: &Path,
        arguments: &[&str],
        variables: &[(String, String)],
        (columns, rows): (u16, u16),
    ) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pty = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(assert_cmd::cargo::cargo_bin("opsdeck"));
        command.args(arguments);
        command.env_clear();
        for (name, value) in environment(home) {
            command.env(name, value);
        }
        for (name, value) in variables {
            command.env(name, value);
        }
        let child = pty.slave.spawn_command(command).unwrap();
        drop(pty.slave);
        let mut reader = pty.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let input = pty.master.take_writer().unwrap();
        let screen = vt100::Parser::new(nonzero(rows), nonzero(columns), 0);
        let (film, began, size) = (Vec::new(), Instant::now(), (columns, rows));
        Self { child, output, input, screen, film, began, size, _pty: pty.master }
    }

    fn show(&mut self, bytes: Vec<u8>) {
        self.screen.process(&bytes);
        self.film.push((self.began.elapsed(), bytes));
    }

    /// What was shown so far, as a recording that terminal players show (asciicast v2: a line of JSON for the header, then
    /// one for each piece of output).
    pub fn asciicast(&self, title: &str) -> String {
        let (width, height) = self.size;
        let header = serde_json::json!({"version": 2, "width": width, "height": height, "title": title});
        let mut lines = vec![header.to_string()];
        let mut rest = Vec::new();
        for (at, bytes) in &self.film {
            // A piece may end in the middle of a character.
            rest.extend_from_slice(bytes);
            let whole = match std::str::from_utf8(&rest) {
                Ok(text) => text.len(),
                Err(error) => error.valid_up_to(),
            };
            let piece: Vec<u8> = rest.drain(..whole).collect();
            let text = String::from_utf8(piece).unwrap();
            lines.push(serde_json::json!([at.as_secs_f64(), "o", text]).to_string());
        }
        lines.join("\n") + "\n"
    }

    /// Types.
    pub fn send(&mut self, keys: &str) {
        self.input.write_all(keys.as_bytes()).unwrap();
        self.input.flush().unwrap();
    }

    /// Declares what is proposed. Where more has just come to be sent (a page, a runbook), the key is asked for once more.
    pub fn declare(&mut self) {
        const ONCE_MORE: &str = "press the key once more";
        loop {
            self.send("y");
            self.wait_until("declared", |screen| !screen.contains("Declare an incident") || screen.contains(ONCE_MORE));
            if !self.screen.screen().contents().contains(ONCE_MORE) {
                return;
            }
            // Any key takes the remark away, so that the next one is seen.
            self.send("\u{1b}[B");
            self.wait_until("the remark gone", |screen| !screen.contains(ONCE_MORE));
        }
    }

    /// Reads until the screen holds what is asked for.
    pub fn wait_for(&mut self, what: &str) {
        self.wait_until(what, |screen| screen.contains(what));
    }

    /// Reads until `done` says so of the screen's text; panics with the screen when it takes too long.
    pub fn wait_until(&mut self, what: &str, done: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(&self.screen.screen().contents()) {
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.show(bytes),
                Err(RecvTimeoutError::Timeout) => panic!("no {what:?} on screen:\n{}", self.screen.screen().contents()),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("the console ended before {what:?}:\n{}", self.screen.screen().contents())
                }
            }
        }
    }

    /// Types the name that a plan asks for, and says yes as soon as that is what enter means.
    pub fn confirm_by_name(&mut self, name: &str) {
        self.wait_for("type the name");
        self.send(name);
        self.wait_until("the key that confirms", |screen| {
            screen.lines().any(|line| line.contains("type the name") && line.contains("enter "))
        });
        self.send("\r");
    }

    /// Waits until the process has ended; its exit code.
    pub fn end(self) -> u32 {
        self.rest().1
    }

    /// Reads all remaining output and returns it with the exit code.
    pub fn rest(mut self) -> (Vec<u8>, u32) {
        let deadline = Instant::now() + PATIENCE;
        let mut all = Vec::new();
        // Drain, so that the child never blocks on a full terminal.
        loop {
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => {
                    self.screen.process(&bytes);
                    all.extend(bytes);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end:\n{}", self.screen.screen().contents()),
            }
        }
        (all, self.child.wait().unwrap().exit_code())
    }

    /// The child's process id.
    pub fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// Lines of a JSON-lines file.
pub fn json_lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn nonzero(size: u16) -> std::num::NonZeroU16 {
    std::num::NonZeroU16::new(size).expect("a terminal has a size")
}
