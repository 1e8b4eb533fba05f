//! Leaving a provider alone for as long as it wants after "too many requests" (429; Statuspage says 420 as well).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::integrations::http::HttpAnswer;

/// So long, in seconds, where it does not say for how long.
const PATIENCE: u64 = 30;
/// No server may silence a source for longer than this, in seconds.
const LONGEST: u64 = 15 * 60;

/// Until when nothing is asked.
#[derive(Debug, Default)]
pub(in crate::integrations) struct Patience(Mutex<Option<Instant>>);

impl Patience {
    /// The seconds that are left, while it wants to be left alone.
    pub fn left(&self) -> Option<u64> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until?.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        Some(u64::try_from(left.as_millis().div_ceil(1_000)).unwrap_or(LONGEST))
    }

    /// Takes to heart what an answer asks for.
    pub fn heed(&self, answer: &HttpAnswer) {
        if matches!(answer.status, 420 | 429) {
            let until = Instant::now() + Duration::from_secs(wait(answer));
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        }
    }
}

/// The seconds that a 429 asks for.
pub(in crate::integrations) fn wait(answer: &HttpAnswer) -> u64 {
    answer.retry_after.unwrap_or(PATIENCE).clamp(1, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<u64>) -> HttpAnswer {
        HttpAnswer { status, retry_after, ..HttpAnswer::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_left_alone_for_as_long_as_it_says_and_no_longer() {
        let patience = Patience::default();
        patience.heed(&answer(503, Some(40)));
        assert_eq!(patience.left(), None, "only 429 counts");
        for (said, seconds) in [(Some(7), 7), (None, PATIENCE), (Some(1_000_000), LONGEST), (Some(0), 1)] {
            patience.heed(&answer(429, said));
            tokio::time::advance(Duration::from_millis(seconds * 1_000 - 1)).await;
            assert_eq!(patience.left(), Some(1), "{said:?}");
            tokio::time::advance(Duration::from_millis(1)).await;
            assert_eq!(patience.left(), None, "{said:?}");
        }
    }
}
