//! Error budgets: burn, what is left, and when it is gone.
//!
//! Formulas: Google SRE Workbook, chapter 5. budget = 1 − target; burn = error ratio ÷ budget; remaining =
//! 1 − (error ratio over the period ÷ budget); time to exhaustion = remaining · period ÷ burn.

use serde::Serialize;

use super::Text;
use super::time::Instant;

/// The windows whose burn is shown, shortest first, in seconds: 5 m, 30 m, 1 h, 6 h.
pub const WINDOWS: [(&str, u64); 4] = [("5m", 300), ("30m", 1_800), ("1h", 3_600), ("6h", 21_600)];

/// An objective as declared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Objective {
    /// Name, unique in the configuration (`payment availability`).
    pub name: Text,
    /// The service that it measures.
    pub service: Text,
    /// Its namespace, when it has one.
    pub namespace: Option<Text>,
    /// Target as a ratio in (0, 1): 0.999.
    pub target: f64,
    /// Period in seconds (30 d = 2 592 000).
    pub period: u64,
    /// PromQL of the bad events' rate or count, `$window` standing for the range.
    pub errors: Text,
    /// PromQL of all events, likewise.
    pub total: Text,
}

impl Objective {
    /// The share of events that may be bad.
    pub fn budget(&self) -> f64 {
        1.0 - self.target
    }
}

/// How urgent a burn is, by the multi-window rules of table 5-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BurnAlarm {
    /// 5 m and 1 h both ≥ 14.4, or 30 m and 6 h both ≥ 6.
    Page,
    /// 1 h or 6 h above 1: faster than the budget allows.
    Burning,
    /// Within the budget.
    Calm,
}

/// One reading of an objective.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SloReading {
    /// The objective.
    pub objective: std::sync::Arc<Objective>,
    /// Burn over each of [`WINDOWS`]; `None` where there was no traffic or no data.
    pub burn: [Option<f64>; 4],
    /// Budget left over the period, 1 = untouched, negative = overspent.
    pub remaining: Option<f64>,
    /// Bad and total events over 1 h, for low traffic.
    pub events: Option<(f64, f64)>,
    /// Error ratio over the last hour in even steps, oldest first, for a sparkline; NaN where no data.
    pub history: Vec<f64>,
    /// When it was evaluated.
    pub at: Instant,
    /// A query that failed, in the server's words; the numbers beside it are then absent.
    pub error: Option<Text>,
}

/// Fewer events than this in an hour make every ratio meaningless: show counts.
const LOW_TRAFFIC: f64 = 100.0;

impl SloReading {
    /// Burn over the window at `index` of [`WINDOWS`], 0 when unknown.
    fn at_least(&self, index: usize, factor: f64) -> bool {
        self.burn[index].is_some_and(|burn| burn >= factor)
    }

    /// How urgent it is.
    pub fn alarm(&self) -> BurnAlarm {
        let fast = self.at_least(0, 14.4) && self.at_least(2, 14.4);
        let slow = self.at_least(1, 6.0) && self.at_least(3, 6.0);
        if fast || slow {
            BurnAlarm::Page
        } else if self.at_least(0, 1.0) && (self.at_least(2, 1.0) || self.at_least(3, 1.0)) {
            BurnAlarm::Burning
        } else {
            BurnAlarm::Calm
        }
    }

    /// Seconds until the budget is gone at the pace of the last hour; `None` when it does not shrink or is unknown,
    /// 0 when it is gone.
    pub fn exhaustion(&self) -> Option<i64> {
        let remaining = self.remaining?;
        if remaining <= 0.0 {
            return Some(0);
        }
        let burn = self.burn[2].filter(|burn| *burn > 0.0)?;
        Some((remaining * self.objective.period as f64 / burn) as i64)
    }

    /// Too few events for a ratio to mean much.
    pub fn is_low_traffic(&self) -> bool {
        self.events.is_some_and(|(_, total)| total < LOW_TRAFFIC)
    }
}
