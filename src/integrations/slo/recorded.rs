//! Error budgets that Prometheus records itself, by the rules that Sloth generates (`slo:sli_error:ratio_rate5m`,
//! `slo:current_burn_rate:ratio`, `slo:period_error_budget_remaining:ratio`, `sloth_slo_info`).
//!
//! Where such rules exist, what they recorded is shown and nothing is computed again: the period's number in particular
//! is an average of ratios there and a ratio of sums here, and two numbers for one thing help nobody. All of it is one
//! query at one instant, and one more for the sparklines.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Asked, HISTORY, Kept, STEP, Server};
use crate::domain::Text;
use crate::domain::alert::Labels;
use crate::domain::slo::{Objective, SloReading, WINDOWS};
use crate::domain::time::Instant;
use crate::integrations::prometheus::wire::QueryResult;

/// Everything of every objective. The windows are those of [`WINDOWS`].
const ALL: &str = "{__name__=~\"sloth_slo_info|slo:objective:ratio|slo:error_budget:ratio|slo:time_period:days|\
                   slo:current_burn_rate:ratio|slo:period_error_budget_remaining:ratio|\
                   slo:sli_error:ratio_rate(5m|30m|1h|6h)\",sloth_id!=\"\"}";

/// The ratios of the sparklines.
const RATIOS: &str = "slo:sli_error:ratio_rate5m{sloth_id!=\"\"}";

/// Where there were none, it is asked for them again after so many seconds.
const LOOK_AGAIN: i64 = 60;

/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// The period where no rule tells it: Sloth's default.
const PERIOD: f64 = 30.0;

/// Reads what is recorded.
pub(super) struct Recorded {
    /// When the server was last found to have no such rules.
    none: Option<Instant>,
    history: Kept<BTreeMap<Text, Vec<f64>>>,
}

/// The series of one objective, by metric.
#[derive(Default)]
struct Series {
    labels: Labels,
    values: BTreeMap<Text, f64>,
}

impl Recorded {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self { none: None, history: Kept(None) }
    }

    /// All recorded objectives at `at`, in the order of their ids; none where there are no such rules.
    pub async fn read(&mut self, server: &Server, at: Instant) -> Asked<Vec<SloReading>> {
        if self.none.is_some_and(|none| (0..LOOK_AGAIN).contains(&(at - none).num_seconds())) {
            return Ok((Vec::new(), Vec::new()));
        }
        self.none = None;
        let answer = {
            let _permit = server.permits.acquire().await;
            server.client.query(ALL, Some(at)).await?
        };
        let QueryResult::Vector(samples) = answer.data else { return Ok((Vec::new(), answer.warnings)) };
        let mut by_id: BTreeMap<Text, Series> = BTreeMap::new();
        for (labels, point) in samples {
            let (Some(id), Some(metric)) = (labels.get("sloth_id"), labels.get("__name__").cloned()) else { continue };
            let series = by_id.entry(id.clone()).or_default();
            if &*metric == "sloth_slo_info" || series.labels.is_empty() {
                series.labels = labels;
            }
            if point.value.is_finite() {
                series.values.entry(metric).or_insert(point.value);
            }
        }
        if by_id.is_empty() {
            self.none = Some(at);
            return Ok((Vec::new(), answer.warnings));
        }
        let mut warnings = answer.warnings;
        let (history, error) = match self.history.get(at, STEP * HISTORY, server.histories(RATIOS, at)).await {
            Ok((history, more)) => {
                warnings.extend(more);
                (history, None)
            }
            Err(fault) => (BTreeMap::new(), Some(fault)),
        };
        warnings.extend(error.map(|fault| format!("history of the budgets: {}", fault.message)));
        let reading = |(id, series): (Text, Series)| {
            let history = history.get(&id).cloned().unwrap_or_else(|| vec![f64::NAN; HISTORY as usize]);
            series.reading(&id, at, history)
        };
        Ok((by_id.into_iter().filter_map(reading).collect(), warnings))
    }
}

impl Series {
    fn value(&self, metric: &str) -> Option<f64> {
        self.values.get(metric).copied()
    }

    /// `None` where not even the target is known.
    fn reading(&self, id: &Text, at: Instant, history: Vec<f64>) -> Option<SloReading> {
        let label = |name: &str| self.labels.get(name).cloned();
        let declared = label("sloth_objective").and_then(|percent| percent.parse::<f64>().ok());
        let target = self
            .value("slo:objective:ratio")
            .or(declared.map(|percent| percent / 100.0))
            .or(self.value("slo:error_budget:ratio").map(|budget| 1.0 - budget))?;
        let budget = self.value("slo:error_budget:ratio").unwrap_or(1.0 - target);
        let mut burn = WINDOWS.map(|(window, _)| {
            let ratio = self.value(&format!("slo:sli_error:ratio_rate{window}"))?;
            (budget > f64::EPSILON).then(|| ratio / budget)
        });
        burn[0] = self.value("slo:current_burn_rate:ratio").or(burn[0]);
        let service = label("sloth_service").unwrap_or_else(|| id.clone());
        let name = label("sloth_slo").map_or_else(
            || id.clone(),
            |slo| if slo.starts_with(&*service) { slo } else { format!("{service} {slo}").into() },
        );
        let ratios = format!("slo:sli_error:ratio_rate$window{{sloth_id=\"{id}\"}}");
        let objective = Objective {
            name,
            service,
            namespace: label("namespace"),
            target,
            period: (self.value("slo:time_period:days").unwrap_or(PERIOD) * DAY) as u64,
            errors: ratios.into(),
            // The ratio is recorded: it is over all of it.
            total: "vector(1)".into(),
        };
        Some(SloReading {
            objective: Arc::new(objective),
            burn,
            remaining: self.value("slo:period_error_budget_remaining:ratio"),
            events: None,
            history,
            at,
            error: None,
        })
    }
}

/// Is a declared objective the same as a recorded one (its name with or without the service, however it is joined)?
pub(super) fn is_same(declared: &Objective, recorded: &Objective) -> bool {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', ' ', '.'], "");
    let full = plain(&format!("{}{}", declared.service, declared.name));
    declared.service == recorded.service
        && (plain(&declared.name) == plain(&recorded.name) || full == plain(&recorded.name))
}
