//! A command of a runbook: a process group of its own, a minimal environment, a time limit, bounded and cleaned output,
//! killed as a whole when it is cancelled, too slow, or over.
//!
//! Values come as environment variables, never as text of the script.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures::FutureExt;
use futures::future::FusedFuture;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::domain::text::clean_lines;

/// Of what a command prints, so much of its beginning and so much of its end is kept.
const KEEP: usize = 32 * 1024;
/// Between being asked to end and being ended.
const GRACE: Duration = Duration::from_secs(2);
/// What its children still print after it has ended is waited for so long.
const LINGER: Duration = Duration::from_millis(300);
/// What a command inherits.
const INHERITED: [&str; 10] =
    ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "KUBECONFIG", "SSH_AUTH_SOCK"];
/// Names with which an environment changes what a program is, not what it works on.
const REFUSED: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "IFS",
    "ENV",
    "BASH_ENV",
    "SHELLOPTS",
    "BASHOPTS",
    "PS4",
    "PROMPT_COMMAND",
    "TMPDIR",
];
/// Beginnings of such names.
const REFUSED_PREFIXES: [&str; 4] = ["LD_", "DYLD_", "BASH_FUNC_", "GIT_"];

/// A command, ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// `sh` or `bash`.
    pub shell: String,
    /// The script, word for word as it stands in the runbook.
    pub script: String,
    /// Values: parameters and what earlier steps captured.
    pub values: BTreeMap<String, String>,
    /// Where it runs.
    pub directory: PathBuf,
    /// How long it may take.
    pub timeout: Duration,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Exited(i32),
    /// A signal ended it.
    Signalled(i32),
    /// It took too long and was killed.
    TimedOut,
    /// It did not begin, and why.
    NotStarted(String),
}

impl End {
    /// In words.
    pub fn words(&self, limit: Duration) -> String {
        match self {
            Self::Exited(code) => format!("exit code {code}"),
            Self::Signalled(signal) => format!("ended by signal {signal}"),
            Self::TimedOut => {
                format!("killed: not done within {}", humantime::format_duration(limit))
            }
            Self::NotStarted(why) => format!("did not begin: {why}"),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub end: End,
    /// What it printed on standard output, cleaned; the middle is left out where it was much.
    pub output: String,
    /// The same of standard error.
    pub errors: String,
}

/// Kills the group when it is dropped: a cancelled command leaves nothing behind.
struct Group(Option<Pid>);

impl Group {
    fn kill(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // Nobody left is what was wanted.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill(Signal::KILL);
    }
}

/// Runs it. Dropping the future kills the whole group.
pub async fn run(spec: &Spec) -> Ran {
    let nothing = |why: String| Ran { end: End::NotStarted(why), output: String::new(), errors: String::new() };
    if let Some(name) = spec.values.keys().find(|name| !is_harmless(name)) {
        return nothing(format!("a value called {name} would change what the command is; name it otherwise"));
    }
    let mut child = match start(spec) {
        Ok(child) => child,
        Err(error) => return nothing(format!("{}: {error}", spec.shell)),
    };
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let group = Group(id);
    let (mut output, mut errors) = (Kept::default(), Kept::default());
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let end = {
        let reading = async {
            tokio::join!(drain(out.as_mut(), &mut output), drain(err.as_mut(), &mut errors));
        }
        .fuse();
        tokio::pin!(reading);
        let ended = timeout(spec.timeout, async {
            tokio::select! {
                status = child.wait() => status,
                // Nothing more to read: it has closed its output, or ended.
                () = &mut reading => child.wait().await,
            }
        })
        .await;
        let end = match ended {
            Ok(Ok(status)) => of(status),
            Ok(Err(error)) => End::NotStarted(error.to_string()),
            Err(_) => {
                group.kill(Signal::TERM);
                let _ = timeout(GRACE, child.wait()).await;
                End::TimedOut
            }
        };
        // What it started goes with it.
        if !reading.is_terminated() {
            let _ = timeout(LINGER, &mut reading).await;
        }
        group.kill(Signal::KILL);
        let _ = child.wait().await;
        end
    };
    Ran { end, output: output.text(), errors: errors.text() }
}

fn of(status: ExitStatus) -> End {
    use std::os::unix::process::ExitStatusExt;
    status.code().map_or_else(|| End::Signalled(status.signal().unwrap_or_default()), End::Exited)
}

fn start(spec: &Spec) -> std::io::Result<Child> {
    let mut command = Command::new(&spec.shell);
    command.arg("-c").arg(&spec.script).current_dir(&spec.directory);
    command.env_clear();
    for name in INHERITED {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("TERM", "dumb").envs(&spec.values);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true).spawn()
}

/// May a value have this name in the environment?
fn is_harmless(name: &str) -> bool {
    let mut letters = name.chars();
    let first = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !REFUSED.contains(&name)
        && !REFUSED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Beginning and end of what was printed.
#[derive(Default)]
struct Kept {
    head: Vec<u8>,
    tail: Vec<u8>,
    dropped: u64,
}

impl Kept {
    fn take(&mut self, mut bytes: &[u8]) {
        let room = KEEP - self.head.len();
        let head = bytes.len().min(room);
        self.head.extend_from_slice(&bytes[..head]);
        bytes = &bytes[head..];
        self.tail.extend_from_slice(bytes);
        // Cut rarely, so that a flood is not copied byte by byte.
        if self.tail.len() > 4 * KEEP {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let over = self.tail.len().saturating_sub(KEEP);
        self.tail.drain(..over);
        self.dropped += over as u64;
    }

    fn text(mut self) -> String {
        self.cut();
        let mut bytes = self.head;
        if self.dropped > 0 {
            bytes.extend_from_slice(format!("\n… {} bytes left out …\n", self.dropped).as_bytes());
        }
        bytes.extend_from_slice(&self.tail);
        clean_lines(&String::from_utf8_lossy(&bytes)).into_owned()
    }
}

async fn drain<R: AsyncRead + Unpin>(from: Option<&mut R>, into: &mut Kept) {
    let Some(from) = from else { return };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        into.take(&buffer[..count]);
        // A command that prints without end must not keep the others from their turn.
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn spec_of(script: &str) -> Spec {
        Spec {
            shell: "sh".into(),
            script: script.into(),
            values: BTreeMap::new(),
            directory: std::env::temp_dir(),
            timeout: Duration::from_secs(20),
        }
    }

    #[tokio::test]
    async fn a_value_is_a_value_whatever_it_says() {
        let mut spec = spec_of("printf '%s|' \"$x\"; printf '\\033[31mred\\n' >&2; exit 3");
        spec.values.insert("x".into(), "\"; touch /tmp/pwned; $(id) `id` '".into());
        let ran = run(&spec).await;
        assert_eq!(ran.end, End::Exited(3));
        assert_eq!(ran.output, "\"; touch /tmp/pwned; $(id) `id` '|");
        assert_eq!(ran.errors, "red\n");
        for name in ["PATH", "LD_PRELOAD", "BASH_ENV", "a b", "", "1"] {
            let mut spec = spec_of("true");
            spec.values.insert(name.into(), "x".into());
            assert!(matches!(run(&spec).await.end, End::NotStarted(_)), "{name}");
        }
    }

    #[tokio::test]
    async fn the_environment_is_small() {
        let ran = run(&spec_of("env | cut -d= -f1")).await;
        let known = |name: &str| INHERITED.contains(&name) || ["TERM", "PWD", "OLDPWD", "SHLVL", "_"].contains(&name);
        let others: Vec<&str> = ran.output.lines().filter(|name| !known(name)).collect();
        assert!(others.is_empty(), "{others:?}");
    }

    #[tokio::test]
    async fn one_that_prints_for_ever_is_bounded_and_one_that_never_ends_is_killed() {
        let mut endless = spec_of("echo first; yes; echo never");
        endless.timeout = Duration::from_millis(300);
        let ran = run(&endless).await;
        assert_eq!(ran.end, End::TimedOut);
        assert!(ran.output.starts_with("first\ny\n") && ran.output.contains("bytes left out"));
        assert!(ran.output.len() < 3 * KEEP, "{}", ran.output.len());
    }

    #[tokio::test]
    async fn what_it_started_goes_with_it() {
        // The child of the child holds the output open, and would for a minute.
        let begun = tokio::time::Instant::now();
        let ran = run(&spec_of("sleep 60 & echo $!")).await;
        assert_eq!(ran.end, End::Exited(0));
        assert!(begun.elapsed() < Duration::from_secs(20), "the background process was waited for");
        let pid: i32 = ran.output.trim().parse().unwrap();
        gone(pid).await;
    }

    #[tokio::test]
    async fn a_cancelled_one_leaves_nothing_running() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut spec = spec_of("sleep 60 & echo $! > \"$file\"; wait");
        spec.values.insert("file".into(), file.path().display().to_string());
        let task = tokio::spawn(async move { run(&spec).await });
        let pid = loop {
            if let Ok(pid) = std::fs::read_to_string(file.path()).unwrap().trim().parse::<i32>() {
                break pid;
            }
            tokio::task::yield_now().await;
        };
        task.abort();
        gone(pid).await;
    }

    /// Waits until nothing runs under this id: ended, or a zombie that nobody has collected.
    async fn gone(pid: i32) {
        let is_there = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        let waited = timeout(Duration::from_secs(20), async {
            while is_there() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(waited.await.is_ok(), "{pid} still runs");
    }
}
