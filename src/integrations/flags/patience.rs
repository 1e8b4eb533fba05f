//! Leaving a provider alone for as long as it wants after "too many requests" (429; Statuspage says 420 as well).

use std::collections::BTreeMap;
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

/// Waits of a server that counts its parts by themselves (a method, a route, a channel), and those of all of it.
#[derive(Debug, Default)]
pub(in crate::integrations) struct Patiences(Mutex<BTreeMap<Option<String>, Instant>>);

impl Patiences {
    /// The seconds that are left for a part.
    pub fn left(&self, part: Option<&str>) -> Option<u64> {
        let now = Instant::now();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, until| *until > now);
        let until = [all.get(&None), all.get(&part.map(str::to_owned))].into_iter().flatten().max()?;
        let left = until.duration_since(now).as_millis().div_ceil(1_000);
        Some(u64::try_from(left).unwrap_or(LONGEST))
    }

    /// Leaves a part alone for so many seconds; with `None` the whole server.
    pub fn rest(&self, part: Option<&str>, seconds: u64) {
        let until = Instant::now() + Duration::from_secs(seconds.clamp(1, LONGEST));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(part.map(str::to_owned), until);
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
    async fn a_part_that_has_to_wait_holds_up_no_other() {
        let patiences = Patiences::default();
        patiences.rest(Some("topic"), 600);
        assert_eq!((patiences.left(Some("topic")), patiences.left(Some("message"))), (Some(600), None));
        patiences.rest(None, 5);
        assert_eq!((patiences.left(Some("topic")), patiences.left(Some("message"))), (Some(600), Some(5)));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!((patiences.left(Some("message")), patiences.left(None)), (None, None));
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
