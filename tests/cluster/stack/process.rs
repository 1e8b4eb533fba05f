//! One server of the stack as a process: started, awaited, paused, killed, started again, and never left behind.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a server may take until it answers; generous, because machines are shared.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at whether it answers.
const LOOK: Duration = Duration::from_millis(100);

/// A server. Dropping it kills it.
pub struct Process {
    /// What it is called in messages.
    pub name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    child: Child,
}

/// Why something of the stack did not come up: one line that says what and what to do.
#[derive(Debug)]
pub struct StartError(pub String);

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Process {
    /// Starts it; its output goes to `<directory>/<name>.log`.
    pub fn start(
        name: &'static str,
        program: &Path,
        arguments: Vec<String>,
        directory: &Path,
    ) -> Result<Self, StartError> {
        let log = directory.join(format!("{name}.log"));
        let child = spawn(program, &arguments, &log)?;
        Ok(Self { name, program: program.to_owned(), arguments, log, child })
    }

    /// Waits until `answers` says yes; an early end is told with the last lines of its log.
    pub fn until(&mut self, answers: impl Fn() -> bool) -> Result<(), StartError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(StartError(format!("{} ended ({status}): {}", self.name, self.last_words())));
            }
            if answers() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(StartError(format!("{} does not answer: {}", self.name, self.last_words())));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Stops it where it stands (`SIGSTOP`): connections stay open, nothing answers.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// Kills it; [`Process::restart`] brings it back.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end by a signal, and waits until it has.
    pub fn end(&mut self, signal: &str) {
        self.signal(signal);
        let _ = self.child.wait();
    }

    /// Starts it again with the arguments it had.
    pub fn restart(&mut self) -> Result<(), StartError> {
        self.kill();
        self.child = spawn(&self.program, &self.arguments, &self.log)?;
        Ok(())
    }

    /// The last lines of its log, without the noise of flags and stacks.
    fn last_words(&self) -> String {
        let Ok(file) = File::open(&self.log) else { return format!("see {}", self.log.display()) };
        let lines: Vec<String> = BufReader::new(file).lines().map_while(Result::ok).collect();
        let telling = lines.iter().rev().find(|line| {
            let line = line.to_lowercase();
            ["error", "fatal", "panic", "in use", "failed"].iter().any(|word| line.contains(word))
        });
        let last = telling.or(lines.last()).cloned().unwrap_or_default();
        format!("{last} (all of it in {})", self.log.display())
    }

    fn signal(&self, signal: &str) {
        let _ = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A stopped process dies of SIGKILL too.
        self.kill();
    }
}

/// Runs a program under `setpriv --pdeathsig` where there is one (Linux), so that it also ends when the suite is killed.
fn spawn(program: &Path, arguments: &[String], log: &Path) -> Result<Child, StartError> {
    let cannot = |what: &Path, error: std::io::Error| StartError(format!("cannot start {}: {error}", what.display()));
    let output = File::options().create(true).append(true).open(log).map_err(|error| cannot(log, error))?;
    let errors = output.try_clone().map_err(|error| cannot(log, error))?;
    let mut command = if has("setpriv") {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.args(arguments).stdin(Stdio::null()).stdout(output).stderr(errors);
    command.spawn().map_err(|error| cannot(program, error))
}

/// Is a program on the search path?
pub fn has(program: &str) -> bool {
    find(program).is_some()
}

/// Where a program is on the search path.
pub fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Hands out ports: free ones, or a row of fixed ones that have to be free.
///
/// Free ones are not of the system's choice: it gives the same ones to outgoing connections, and one of those may have it
/// before the server does. These lie below its range, and no two are the same in one process.
pub struct Ports {
    next: Option<u16>,
}

/// Where free ones are looked for.
const FREE: std::ops::Range<u16> = 11_000..21_000;

impl Ports {
    /// Whatever is free.
    pub const fn free() -> Self {
        Self { next: None }
    }

    /// This one and those after it.
    pub const fn from(first: u16) -> Self {
        Self { next: Some(first) }
    }

    /// The port for `server`.
    pub fn take(&mut self, server: &str) -> Result<u16, StartError> {
        let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        let Some(next) = &mut self.next else {
            let free = std::iter::repeat_with(another).take(FREE.len()).find(|port| is_free(*port));
            return free.ok_or_else(|| StartError(format!("no port for {server}: all of {FREE:?} are in use")));
        };
        let wanted = *next;
        *next += 1;
        if is_free(wanted) {
            return Ok(wanted);
        }
        Err(StartError(format!(
            "port {wanted} for {server} is in use: stop what listens there, or choose others with --ports-from"
        )))
    }
}

/// A port that this process has not tried before. Processes begin at different ones.
fn another() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let at = std::process::id() % 100 * 100 + TRIED.fetch_add(1, Ordering::Relaxed);
    FREE.start + u16::try_from(at % u32::from(FREE.end - FREE.start)).unwrap_or(0)
}
