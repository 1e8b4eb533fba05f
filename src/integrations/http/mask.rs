//! A server that refuses may say back what it was told, headers and all. What is secret of that is taken out of its answer
//! before anybody reads it: messages, logs and records are made of answers.

use reqwest::header::{AUTHORIZATION, HeaderMap};

use super::HttpTransport;
use crate::config::secret::HeaderValue as Configured;

/// A shorter secret is none, and would be found in anything.
const SHORTEST: usize = 6;
/// An answer that is fine and longer than this is data; nothing of it becomes a message.
const MESSAGE: usize = 64 * 1024;
const MASK: &[u8] = b"(secret)";

impl HttpTransport {
    /// Takes the secrets that were sent out of an answer.
    pub(super) fn mask(&self, headers: &HeaderMap, status: u16, body: &mut Vec<u8>) {
        if status < 400 && body.len() > MESSAGE {
            return;
        }
        for (name, value) in headers {
            let configured = self.http.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_str()));
            let is_secret = name == AUTHORIZATION || matches!(configured, Some((_, Configured::Secret(_))));
            if is_secret {
                // The word before it (`Bearer`) is none.
                let secret = value.as_bytes().rsplit(|byte| *byte == b' ').next().unwrap_or_default();
                // In `Token token=…` and the like the last part has a name.
                let bare = secret
                    .split(|byte| *byte == b'=')
                    .find(|part| part.len() >= SHORTEST && part.len() * 2 > secret.len());
                take_out(secret, body);
                take_out(bare.unwrap_or_default(), body);
            }
        }
    }
}

fn take_out(secret: &[u8], body: &mut Vec<u8>) {
    if secret.len() < SHORTEST {
        return;
    }
    while let Some(at) = body.windows(secret.len()).position(|window| window == secret) {
        body.splice(at..at + secret.len(), MASK.iter().copied());
    }
}
