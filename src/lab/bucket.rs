//! How services limit those who ask: a burst at once, and then so many a second of real time.

use std::time::Duration;

use tokio::time::Instant;

/// A token bucket. It is full at first.
#[derive(Debug, Clone)]
pub struct Bucket {
    burst: f64,
    /// Tokens a second.
    rate: f64,
    left: f64,
    seen: Instant,
}

impl Bucket {
    /// `burst` at once, and `rate` a second after it, which has to be more than zero.
    pub fn new(burst: u32, rate: f64) -> Self {
        Self { burst: burst.into(), rate, left: burst.into(), seen: Instant::now() }
    }

    /// Takes one, or says how long it takes until there is one.
    pub fn take(&mut self) -> Result<(), Duration> {
        let now = Instant::now();
        self.left = (self.left + (now - self.seen).as_secs_f64() * self.rate).min(self.burst);
        self.seen = now;
        if self.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - self.left) / self.rate));
        }
        self.left -= 1.0;
        Ok(())
    }

    /// How many were left at the last look.
    pub fn left(&self) -> u32 {
        self.left as u32
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_one_at_a_time() {
        let mut bucket = Bucket::new(2, 0.5);
        assert!(bucket.take().is_ok() && bucket.take().is_ok());
        assert_eq!(bucket.take(), Err(Duration::from_secs(2)));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(bucket.take().is_ok());
        assert!(bucket.take().is_err());
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(bucket.take().is_ok() && bucket.take().is_ok() && bucket.take().is_err(), "no more than the burst");
    }
}
