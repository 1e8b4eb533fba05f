//! The terminal: taken over on entry, given back on every way out (return, error, panic, signal).

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::path::PathBuf;

use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

/// The buffer holds a whole large frame, so that a frame is one write even on a slow link.
const FRAME_BYTES: usize = 64 * 1024;

type Backend = CrosstermBackend<BufWriter<Stdout>>;

/// The screen while opsdeck owns it. Dropping it gives the terminal back.
#[derive(Debug)]
pub struct Screen {
    terminal: Terminal<Backend>,
}

impl Screen {
    /// Takes over the terminal.
    ///
    /// # Errors
    /// When standard input or output is no terminal, or the terminal refuses.
    pub fn enter(mouse: bool) -> io::Result<Self> {
        if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "standard input and output must be a terminal; for scripts use `opsdeck status` or `opsdeck snapshot`",
            ));
        }
        enable_raw_mode()?;
        let mut out = BufWriter::with_capacity(FRAME_BYTES, io::stdout());
        execute!(out, EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
        if mouse {
            execute!(out, EnableMouseCapture)?;
        }
        Ok(Self { terminal: Terminal::new(CrosstermBackend::new(out))? })
    }

    /// Draws a frame; the terminal shows it at once or not at all (synchronized update, ignored where unknown).
    pub fn draw(&mut self, render: impl FnOnce(&mut ratatui::Frame<'_>)) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(render)?;
        queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        Write::flush(self.terminal.backend_mut())
    }

    /// Copies text to the user's clipboard through the terminal (OSC 52), which works over ssh. Longer texts than
    /// terminals take are refused.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(self.terminal.backend_mut(), crossterm::clipboard::CopyToClipboard::to_clipboard_from(text))
    }

    /// Forgets what the terminal shows: the next frame is drawn whole.
    pub fn clear(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back. Harmless when called twice; errors are ignored because there is nobody left to tell.
pub fn restore() {
    let mut out = io::stdout();
    let _ = execute!(
        out,
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    );
    let _ = disable_raw_mode();
}

/// Installs a panic hook that restores the terminal and leaves a report in `directory`, then says where it is.
pub fn report_panics(directory: PathBuf) {
    std::panic::set_hook(Box::new(move |panic| {
        restore();
        let trace = std::backtrace::Backtrace::force_capture();
        let report = format!("opsdeck {}\n{panic}\n\n{trace}\n", env!("CARGO_PKG_VERSION"));
        let path = directory.join(format!("panic-{}.txt", std::process::id()));
        let written = std::fs::create_dir_all(&directory).and_then(|()| std::fs::write(&path, &report));
        let place = match written {
            Ok(()) => format!("a report is in {}", path.display()),
            Err(error) => format!("no report could be written to {}: {error}", path.display()),
        };
        let _ = writeln!(io::stderr(), "opsdeck failed: {panic}\n{place}; please attach it to an issue");
    }));
}
