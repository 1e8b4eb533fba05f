//! A server that refuses may say back what it was told, headers and all. What is secret of that is taken out of its answer
//! before anybody reads it: messages, logs and records are made of answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::{AUTHORIZATION, HeaderMap};

use super::{HttpAnswer, HttpTransport};
use crate::config::secret::HeaderValue as Configured;

/// A shorter secret is none, and would be found in anything.
const SHORTEST: usize = 6;
/// An answer that is fine and longer than this is data; nothing of it becomes a message.
const MESSAGE: usize = 64 * 1024;
const MASK: &[u8] = b"(secret)";

impl HttpTransport {
    /// Takes the secrets that were sent out of an answer.
    pub(super) fn mask(&self, headers: &HeaderMap, answer: &mut HttpAnswer) {
        let secrets = self.secrets_of(headers);
        for text in [&mut answer.location, &mut answer.scopes].into_iter().flatten() {
            let mut bytes = std::mem::take(text).into_bytes();
            for secret in &secrets {
                take_out(secret, &mut bytes);
            }
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
        if answer.status >= 400 || answer.body.len() <= MESSAGE {
            for secret in &secrets {
                take_out(secret, &mut answer.body);
            }
        }
    }

    /// What is secret of the headers, in every form in which a server may say it back.
    fn secrets_of(&self, headers: &HeaderMap) -> Vec<Vec<u8>> {
        let mut secrets = Vec::new();
        for (name, value) in headers {
            let configured = self.http.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_str()));
            if name != AUTHORIZATION && !matches!(configured, Some((_, Configured::Secret(_)))) {
                continue;
            }
            // The word before it (`Bearer`) is none.
            let secret = value.as_bytes().rsplit(|byte| *byte == b' ').next().unwrap_or_default();
            secrets.push(secret.to_owned());
            // In `Token token=…` and the like the last part has a name.
            let bare =
                secret.split(|byte| *byte == b'=').find(|part| part.len() >= SHORTEST && part.len() * 2 > secret.len());
            secrets.extend(bare.map(<[u8]>::to_owned));
            // A server knows the password itself.
            if value.as_bytes().starts_with(b"Basic ") {
                let pair = BASE64.decode(secret).unwrap_or_default();
                secrets.extend(pair.splitn(2, |byte| *byte == b':').nth(1).map(<[u8]>::to_owned));
            }
        }
        secrets
    }
}

fn take_out(secret: &[u8], body: &mut Vec<u8>) {
    if secret.len() < SHORTEST {
        return;
    }
    // What was put in is not looked at again: a secret may be a part of the words that replace it.
    let mut from = 0;
    while let Some(found) = body[from..].windows(secret.len()).position(|window| window == secret) {
        let at = from + found;
        body.splice(at..at + secret.len(), MASK.iter().copied());
        from = at + MASK.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_a_part_of_its_mask_is_taken_out_once() {
        let mut body = b"the secret is secret".to_vec();
        take_out(b"secret", &mut body);
        assert_eq!(body, b"the (secret) is (secret)");
    }
}
