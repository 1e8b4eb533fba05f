//! Printing: the one place of the library that writes to standard output and error, and the debug log's set-up.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Why a command did not do its work, and the exit code that says so.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Bad arguments or configuration: exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into(), hint: None }
    }

    /// The rules say no, or nobody confirmed it: exit code 3.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { code: 3, message: message.into(), hint: None }
    }

    /// Something did not work: exit code 5.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { code: 5, message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Prints it and gives its exit code.
    pub fn report(self) -> ExitCode {
        error_line(&format!("error: {}", self.message.trim_end()));
        if let Some(hint) = self.hint {
            error_line(&format!("  hint: {hint}"));
        }
        ExitCode::from(self.code)
    }
}

/// What went wrong, and what to do about it, in one line.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message.trim_end())?;
        self.hint.iter().try_for_each(|hint| write!(f, " ({hint})"))
    }
}

impl From<crate::ports::feed::Fault> for Failure {
    fn from(fault: crate::ports::feed::Fault) -> Self {
        Self { code: 5, message: fault.message, hint: fault.hint }
    }
}

/// Writes to standard output. A reader that went away (`| head`) is no error.
pub fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// Writes a line to standard output.
pub fn line(text: &str) {
    print(&format!("{text}\n"));
}

/// Writes a line to standard error.
pub fn error_line(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes a value as indented JSON.
pub fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| Failure::failed(format!("cannot write JSON: {error}")))?;
    line(&text);
    Ok(())
}

/// Sends the debug log to a file, readable by its owner only. Without a file there is no log: the screen belongs to the
/// console. `RUST_LOG` chooses what is written [default: opsdeck=debug].
pub fn start_log(path: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options
        .open(path)
        .map_err(|error| Failure::usage(format!("cannot write the debug log {}: {error}", path.display())))?;
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("opsdeck=debug"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::sync::Mutex::new(file)).init();
    Ok(())
}
