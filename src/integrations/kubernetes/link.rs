//! The client of the moment, and how the next one is had: credentials expire, tokens rotate, kubeconfigs are rewritten by
//! a login. Whoever is refused with 401 asks for a newer client than the one that was refused; the first to ask makes
//! it, the others wait for it. Nothing else of the console notices.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use kube::Client;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::ports::Future;
use crate::ports::feed::Fault;

/// A failed attempt, and one whose client was never accepted, stands for this long: nine feeds must not start a plugin
/// nine times.
const BETWEEN: Duration = Duration::from_secs(5);

/// Makes a client with fresh credentials.
pub(super) trait Way: Send + Sync {
    /// Reads kubeconfig, token files and plugins anew.
    fn client(&self) -> Future<'_, Result<Fresh, Fault>>;
}

/// A client, and how long its credentials last, where that is known.
pub(super) struct Fresh {
    /// The client.
    pub client: Client,
    /// From now on.
    pub lasts: Option<Duration>,
}

/// One client after the other.
pub(super) struct Link {
    way: Option<Box<dyn Way>>,
    current: RwLock<Option<Held>>,
    /// Held while a client is made; remembers the last attempt.
    attempt: Mutex<Option<(Instant, Option<Fault>)>>,
}

/// A client in use.
#[derive(Clone)]
pub(super) struct Held {
    /// The client.
    pub client: Client,
    /// Goes up with every new one.
    generation: u64,
    /// Was anything answered but 401?
    accepted: Arc<AtomicBool>,
    /// When to look for the next one, and when this one is worth nothing.
    ends: Option<(Instant, Instant)>,
}

impl Held {
    /// The server took its credentials.
    pub fn accept(&self) {
        self.accepted.store(true, Ordering::Relaxed);
    }

    fn was_accepted(&self) -> bool {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Link {
    /// A client that stays.
    #[cfg(test)]
    pub fn fixed(client: Client) -> Self {
        let held = Held { client, generation: 1, accepted: Arc::default(), ends: None };
        Self { way: None, current: RwLock::new(Some(held)), attempt: Mutex::default() }
    }

    /// No client yet: the first request makes one.
    pub fn through(way: Box<dyn Way>) -> Self {
        Self { way: Some(way), current: RwLock::new(None), attempt: Mutex::default() }
    }

    fn held(&self) -> Option<Held> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The client to use now. One that is about to expire is replaced in time.
    pub async fn client(&self) -> Result<Held, Fault> {
        let held = self.held();
        let due = held.as_ref().is_none_or(|held| held.ends.is_some_and(|(renew, _)| Instant::now() >= renew));
        let held = match held {
            Some(held) if !due => return Ok(held),
            held => held,
        };
        match (self.newer(held.as_ref()).await, held) {
            (Ok(Some(newer)), _) => Ok(newer),
            // It is not over yet: another attempt follows with the next request.
            (Err(_), Some(held)) if held.ends.is_none_or(|(_, end)| Instant::now() < end) => Ok(held),
            (Ok(None), Some(held)) => Ok(held),
            (Err(fault), _) => Err(fault),
            (Ok(None), None) => Err(Fault::new(
                crate::ports::feed::FaultKind::Unauthorized,
                "there are no credentials for this context",
            )),
        }
    }

    /// A newer client than the one that was refused; `None` when there is no other.
    pub async fn newer(&self, refused: Option<&Held>) -> Result<Option<Held>, Fault> {
        let Some(way) = &self.way else { return Ok(None) };
        let mut attempt = self.attempt.lock().await;
        let generation = refused.map_or(0, |held| held.generation);
        if let Some(held) = self.held()
            && held.generation > generation
        {
            return Ok(Some(held));
        }
        match &*attempt {
            Some((at, Some(fault))) if at.elapsed() < BETWEEN => return Err(fault.clone()),
            // Refused from the start: that is not its age.
            Some((at, None)) if at.elapsed() < BETWEEN && !refused.is_none_or(Held::was_accepted) => return Ok(None),
            _ => {}
        }
        let made = way.client().await;
        let now = Instant::now();
        match made {
            Err(fault) => {
                tracing::warn!(%fault, "no credentials");
                *attempt = Some((now, Some(fault.clone())));
                Err(fault)
            }
            Ok(Fresh { client, lasts }) => {
                *attempt = Some((now, None));
                // A tenth of its life before its end, but not more than a minute.
                let ends = lasts
                    .map(|lasts| (now + lasts.saturating_sub((lasts / 10).min(Duration::from_secs(60))), now + lasts));
                let held = Held { client, generation: generation + 1, accepted: Arc::default(), ends };
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(held.clone());
                tracing::debug!(generation = held.generation, "a client with fresh credentials");
                Ok(Some(held))
            }
        }
    }
}
