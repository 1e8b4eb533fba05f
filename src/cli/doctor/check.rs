//! One check: what, state, why, what to do next. And what several of them say together about clocks.

use serde::Serialize;

use crate::domain::time::Instant;
use crate::integrations::tls;
use crate::ports::feed::{Fault, FaultKind};

/// Clocks further apart than this make ages and alert times misleading.
const SKEW_WARNING: i64 = 30;
/// Clocks so far apart make tokens and certificates be refused.
const SKEW_FAILURE: i64 = 5 * 60;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// Well.
    Ok,
    /// Works, with a loss that is named; or not configured.
    Warning,
    /// Does not work.
    Failed,
}

/// One check.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    /// Of which source.
    pub source: &'static str,
    /// What was checked.
    pub name: String,
    /// State.
    pub verdict: Verdict,
    /// Why.
    pub detail: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Seconds that the server's clock is ahead of ours, in checks of clocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skew_seconds: Option<i64>,
    /// What kind of failure it is.
    #[serde(skip)]
    pub kind: Option<FaultKind>,
}

impl Check {
    fn new(source: &'static str, name: impl Into<String>, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { source, name: name.into(), verdict, detail: detail.into(), hint: None, skew_seconds: None, kind: None }
    }

    /// Well.
    pub fn ok(source: &'static str, name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(source, name, Verdict::Ok, detail)
    }

    /// Works, but.
    pub fn warning(source: &'static str, name: impl Into<String>, detail: impl Into<String>, hint: &str) -> Self {
        Self { hint: Some(hint.to_owned()), ..Self::new(source, name, Verdict::Warning, detail) }
    }

    /// Does not work.
    pub fn failed(source: &'static str, name: impl Into<String>, fault: Fault) -> Self {
        Self { hint: fault.hint, kind: Some(fault.kind), ..Self::new(source, name, Verdict::Failed, fault.message) }
    }

    /// Does not work, or is not configured, which is a choice.
    pub fn fault(source: &'static str, name: impl Into<String>, fault: Fault) -> Self {
        let choice = fault.kind == FaultKind::NotConfigured;
        let check = Self::failed(source, name, fault);
        if choice { Self { verdict: Verdict::Warning, ..check } } else { check }
    }

    /// The server's clock against ours.
    pub fn clock(source: &'static str, server: &str, here: Instant, there: Instant) -> Self {
        let seconds = (there - here).num_seconds();
        let (verdict, detail) = match seconds.abs() {
            ..=SKEW_WARNING => (Verdict::Ok, "in step with ours".to_owned()),
            off => {
                let word = if seconds > 0 { "ahead of" } else { "behind" };
                let verdict = if off > SKEW_FAILURE { Verdict::Failed } else { Verdict::Warning };
                (verdict, format!("the clock of {server} is {off} s {word} ours"))
            }
        };
        let hint = (verdict != Verdict::Ok).then(|| {
            "ages on screen are off by as much, tokens and certificates may be refused; check NTP on both machines"
                .to_owned()
        });
        Self { hint, skew_seconds: Some(seconds), ..Self::new(source, "clock", verdict, detail) }
    }

    /// Adds to a failure of TLS what was trusted and what the server showed instead.
    pub async fn with_certificate(mut self, kind: FaultKind, url: &str, trust: &str, here: Instant) -> Self {
        if kind != FaultKind::Tls {
            return self;
        }
        let Some(shown) = tls::shown(url).await else { return self };
        let (from, until) = shown.valid;
        let validity = if here < from {
            format!(", not valid before {}", from.format("%Y-%m-%d %H:%M UTC"))
        } else if here > until {
            format!(", expired {}", until.format("%Y-%m-%d %H:%M UTC"))
        } else {
            String::new()
        };
        self.detail = format!(
            "{}; the server showed a certificate for {} issued by {}{validity}; trusted is {trust}",
            self.detail, shown.subject, shown.issuer
        );
        self
    }
}

/// Several servers that agree with each other and not with us: then it is our clock.
pub(super) fn blame_clock(checks: &mut [Check]) {
    let skews: Vec<i64> = checks.iter().filter_map(|check| check.skew_seconds).collect();
    let (Some(least), Some(most)) = (skews.iter().min(), skews.iter().max()) else { return };
    let ours = skews.len() > 1 && most - least <= SKEW_WARNING && (*least > SKEW_WARNING || *most < -SKEW_WARNING);
    if ours {
        for check in checks.iter_mut().filter(|check| check.skew_seconds.is_some()) {
            check.hint =
                Some("all servers agree with each other: this machine's clock is wrong, check its NTP".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn clocks_are_judged_and_the_odd_one_is_named() {
        let here: Instant = "2026-01-01T00:00:00Z".parse().unwrap();
        let clock = |seconds| Check::clock("Kubernetes", "k", here, here + chrono::TimeDelta::seconds(seconds));
        for (seconds, verdict) in [
            (0, Verdict::Ok),
            (-30, Verdict::Ok),
            (31, Verdict::Warning),
            (-300, Verdict::Warning),
            (301, Verdict::Failed),
        ] {
            assert_eq!(clock(seconds).verdict, verdict, "{seconds}");
        }
        assert_eq!(clock(-90).detail, "the clock of k is 90 s behind ours");
        let hints = |skews: &[i64]| {
            let mut checks: Vec<Check> = skews.iter().map(|skew| clock(*skew)).collect();
            blame_clock(&mut checks);
            checks
                .iter()
                .filter(|check| check.hint.as_ref().is_some_and(|hint| hint.contains("this machine's")))
                .count()
        };
        assert_eq!(hints(&[400, 401, 399]), 3);
        assert_eq!(hints(&[400, 0, 1]), 0, "one server is off");
        assert_eq!(hints(&[400]), 0, "one server alone proves nothing");
    }
}
