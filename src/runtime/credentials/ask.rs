//! Asking a person for a secret: at the terminal without echo, or on standard input when something is piped into it.

use std::io::{self, IsTerminal as _, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use crate::integrations::secret::Secret;

/// More than any token, less than a file piped in by mistake.
const LIMIT: u64 = 64 * 1024;

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// An empty line, or nothing at all.
    #[error("nothing was given")]
    Nothing,
    /// Several lines, or characters that no secret has.
    #[error("a secret is one line of text, without control characters")]
    NotOneLine,
    /// The terminal or the pipe.
    #[error("cannot read the secret: {0}")]
    Input(#[from] io::Error),
}

/// Asks for it. Dropping the future gives the terminal its echo back.
pub async fn ask(prompt: &str) -> Result<Secret, AskError> {
    if !io::stdin().is_terminal() {
        return understood(&blocking(piped).await?);
    }
    let quiet = Quiet::begin()?;
    io::stderr().write_all(prompt.as_bytes())?;
    let typed = blocking(line).await;
    drop(quiet);
    io::stderr().write_all(b"\n")?;
    understood(&typed?)
}

async fn blocking(read: impl FnOnce() -> io::Result<Vec<u8>> + Send + 'static) -> io::Result<Vec<u8>> {
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
}

fn understood(bytes: &[u8]) -> Result<Secret, AskError> {
    let text = std::str::from_utf8(bytes).map_err(|_| AskError::NotOneLine)?;
    if text.trim().is_empty() {
        return Err(AskError::Nothing);
    }
    Secret::of(text).ok_or(AskError::NotOneLine)
}

fn piped() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(io::Error::other("it is longer than 64 KiB"));
    }
    Ok(bytes)
}

/// A line as it is typed or pasted. The terminal's own line editing stops at 4096 bytes, which tokens exceed.
fn line() -> io::Result<Vec<u8>> {
    let mut typed = Vec::new();
    for byte in io::stdin().lock().take(LIMIT).bytes() {
        if edit(&mut typed, byte?) {
            break;
        }
    }
    Ok(typed)
}

/// Takes a key; does it end the line?
fn edit(typed: &mut Vec<u8>, key: u8) -> bool {
    match key {
        // Return, and ctrl-d.
        b'\n' | b'\r' | 0x04 => return true,
        // Backspace takes a whole character away.
        0x08 | 0x7f => while typed.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
        // ctrl-u
        0x15 => typed.clear(),
        key => typed.push(key),
    }
    false
}

/// The terminal without echo, as long as this value lives.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        // ctrl-z would leave the shell without echo.
        quiet.special_codes[SpecialCodeIndex::VSUSP] = 0;
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_line_is_edited_and_one_line_of_text_is_a_secret() {
        let mut typed = Vec::new();
        assert!(!"wrong\u{15}s3cr\u{e9}x\u{7f}\u{7f}et".bytes().any(|key| edit(&mut typed, key)));
        assert!(edit(&mut typed, b'\r'));
        assert_eq!(understood(&typed).unwrap().expose(), "s3cret");
        assert_eq!(understood(b" s3cret\r\n").unwrap().expose(), "s3cret");
        assert!(matches!(understood(b"\n"), Err(AskError::Nothing)));
        for odd in [&b"one\ntwo"[..], b"\x1b[200~s3cret", b"\xff\xfe"] {
            let error = understood(odd).unwrap_err();
            assert!(matches!(error, AskError::NotOneLine), "{error}");
        }
    }
}
