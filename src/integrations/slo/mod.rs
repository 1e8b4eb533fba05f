//! Error budgets: those that Prometheus records by rules ([`recorded`]), then the declared ones that no rule records, from
//! instant queries.
//!
//! Every reading is evaluated at one instant of the server's clock. The burn of 1 h comes from the same two queries as
//! the counts. Long windows move slowly and cost the server most, so an answer is kept for a 120th of its window (at
//! most a minute): a burn over 6 h is asked for once a minute, one over 5 m at every poll.

mod queries;
mod recorded;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Semaphore;

use self::queries::{Pair, duration, events_factor};
use self::recorded::{Recorded, is_same};
use super::poll::{self, Poll};
use super::prometheus::PrometheusClient;
use super::prometheus::wire::{Point, QueryResult};
use crate::domain::Text;
use crate::domain::alert::Labels;
use crate::domain::slo::{Objective, SloReading, WINDOWS};
use crate::domain::time::Instant;
use crate::ports::Future;
use crate::ports::feed::{Fault, FaultKind, Feed, SourceId, Update, UpdateStream};

/// Queries on their way at the same time. Prometheus itself runs 20, and it has other users.
const CONCURRENT: usize = 6;

/// Points of the history: one hour, one a minute.
const HISTORY: u64 = 60;

/// Seconds between two points of the history.
const STEP: u64 = 60;

/// Place of the 1 h window in [`WINDOWS`].
const HOUR: usize = 2;

/// The objectives' readings as a feed.
pub struct SloFeed {
    client: PrometheusClient,
    interval: Duration,
    objectives: Vec<Arc<Objective>>,
}

impl SloFeed {
    /// A feed that reads all objectives every `interval`.
    pub fn new(client: PrometheusClient, interval: Duration, objectives: Vec<Arc<Objective>>) -> Self {
        Self { client, interval, objectives }
    }
}

impl Feed for SloFeed {
    fn id(&self) -> SourceId {
        SourceId::Slos
    }

    fn open(&self) -> UpdateStream {
        let server = Server { client: self.client.clone(), permits: Arc::new(Semaphore::new(CONCURRENT)) };
        let tracks = self.objectives.iter().cloned().map(Track::new).collect();
        poll::every(self.interval, Poller { server, tracks, recorded: Recorded::new() })
    }

    fn patience(&self) -> u64 {
        // A round has several answers to wait for.
        poll::patience(self.interval) + 20
    }
}

/// The burn of one objective over a window such as `5m`, at the server's now; `None` without traffic.
pub async fn burn_now(client: &PrometheusClient, objective: &Objective, window: &str) -> Result<Option<f64>, Fault> {
    let pair = Pair::at(objective, window).ok_or_else(|| no_window(objective))?;
    let ratio = client.query(&pair.ratio(), None).await?.data.number();
    Ok(ratio.and_then(|ratio| burn(objective, ratio)))
}

/// The fastest burn over 5 m that is recorded for a service's objectives; `None` where no rule does.
pub async fn recorded_burn(client: &PrometheusClient, service: &str) -> Result<Option<f64>, Fault> {
    let service = service.replace(['\\', '"'], "");
    let promql = format!("max(slo:current_burn_rate:ratio{{sloth_service=\"{service}\"}})");
    Ok(client.query(&promql, None).await?.data.number().filter(|burn| burn.is_finite()))
}

/// How many objectives are recorded by rules.
pub async fn recorded(client: &PrometheusClient) -> Result<usize, Fault> {
    let count = client.query("count(count by (sloth_id) (slo:sli_error:ratio_rate5m{sloth_id!=\"\"}))", None).await?;
    Ok(count.data.number().unwrap_or_default() as usize)
}

fn no_window(objective: &Objective) -> Fault {
    Fault::new(FaultKind::NotConfigured, format!("the queries of \"{}\" have no $window", objective.name))
        .hint("write the range as [$window] in errors and in total")
}

/// Error ratio ÷ budget. Ratios that are not finite (no traffic) and budgets of nothing have no burn.
fn burn(objective: &Objective, ratio: f64) -> Option<f64> {
    let budget = objective.budget();
    (ratio.is_finite() && budget > f64::EPSILON).then(|| ratio / budget)
}

/// The client, with a bound on queries at the same time.
struct Server {
    client: PrometheusClient,
    permits: Arc<Semaphore>,
}

/// What queries gave, and the warnings on the way.
type Asked<T> = Result<(T, Vec<String>), Fault>;

impl Server {
    async fn number(&self, promql: &str, at: Instant) -> Asked<Option<f64>> {
        let _permit = self.permits.acquire().await;
        let answer = self.client.query(promql, Some(at)).await?;
        Ok((answer.data.number(), answer.warnings))
    }

    /// Bad and total over an hour, as the expressions give them.
    async fn hour(&self, pair: &Pair, at: Instant) -> Asked<(Option<f64>, Option<f64>)> {
        let (errors, total) = futures::join!(self.number(&pair.errors, at), self.number(&pair.total, at));
        let ((errors, mut warnings), (total, more)) = (errors?, total?);
        warnings.extend(more);
        Ok(((errors, total), warnings))
    }

    /// The ratio in even steps up to `at`, oldest first; NaN where the server has no point.
    async fn history(&self, promql: &str, at: Instant) -> Asked<Vec<f64>> {
        let (histories, warnings) = self.ranges(promql, at).await?;
        let first = histories.into_iter().next().map(|(_, history)| history);
        Ok((first.unwrap_or_else(|| vec![f64::NAN; HISTORY as usize]), warnings))
    }

    /// The same of many recorded series, by their `sloth_id`.
    async fn histories(&self, promql: &str, at: Instant) -> Asked<BTreeMap<Text, Vec<f64>>> {
        let (histories, warnings) = self.ranges(promql, at).await?;
        let named =
            histories.into_iter().filter_map(|(labels, history)| Some((labels.get("sloth_id")?.clone(), history)));
        Ok((named.collect(), warnings))
    }

    async fn ranges(&self, promql: &str, at: Instant) -> Asked<Vec<(Labels, Vec<f64>)>> {
        let _permit = self.permits.acquire().await;
        let start = at - chrono::TimeDelta::seconds((STEP * (HISTORY - 1)).cast_signed());
        let answer = self.client.query_range(promql, start, at, STEP).await?;
        let first = start.timestamp_millis() as f64 / 1000.0;
        let even = |points: Vec<Point>| {
            let mut history = vec![f64::NAN; HISTORY as usize];
            for point in points {
                let place = ((point.at - first) / STEP as f64).round();
                if let Some(slot) = (place >= 0.0).then(|| history.get_mut(place as usize)).flatten() {
                    *slot = if point.value.is_finite() { point.value } else { f64::NAN };
                }
            }
            history
        };
        let series = match answer.data {
            QueryResult::Matrix(series) => series,
            _ => Vec::new(),
        };
        Ok((series.into_iter().map(|(labels, points)| (labels, even(points))).collect(), answer.warnings))
    }
}

/// An answer that is kept for a while.
struct Kept<T>(Option<(Instant, T)>);

impl<T: Clone> Kept<T> {
    /// The kept value while it is younger than a 120th of `window` seconds (at most a minute), else a new one. A fault
    /// is not kept.
    async fn get(&mut self, at: Instant, window: u64, ask: impl std::future::Future<Output = Asked<T>>) -> Asked<T> {
        let fresh = (window / 120).min(60).cast_signed();
        if let Some((from, value)) = &self.0
            && (0..fresh).contains(&(at - *from).num_seconds())
        {
            return Ok((value.clone(), Vec::new()));
        }
        self.0 = None;
        let (value, warnings) = ask.await?;
        self.0 = Some((at, value.clone()));
        Ok((value, warnings))
    }
}

/// One objective, its queries, and what is known of it.
struct Track {
    objective: Arc<Objective>,
    queries: Option<Queries>,
    short: Kept<Option<f64>>,
    half: Kept<Option<f64>>,
    long: Kept<Option<f64>>,
    period: Kept<Option<f64>>,
    hour: Kept<(Option<f64>, Option<f64>)>,
    history: Kept<Vec<f64>>,
}

/// Everything that is asked for one objective.
struct Queries {
    short: String,
    half: String,
    long: String,
    period: String,
    hour: Pair,
    /// Factors that turn the values of `hour` into events.
    events: Option<(f64, f64)>,
}

impl Queries {
    fn of(objective: &Objective) -> Option<Self> {
        let ratio = |window: &str| Some(Pair::at(objective, window)?.ratio());
        let seconds = WINDOWS[HOUR].1;
        Some(Self {
            short: ratio(WINDOWS[0].0)?,
            half: ratio(WINDOWS[1].0)?,
            long: ratio(WINDOWS[3].0)?,
            period: ratio(&duration(objective.period))?,
            hour: Pair::at(objective, WINDOWS[HOUR].0)?,
            events: events_factor(&objective.errors, seconds).zip(events_factor(&objective.total, seconds)),
        })
    }
}

impl Track {
    fn new(objective: Arc<Objective>) -> Self {
        Self {
            queries: Queries::of(&objective),
            objective,
            short: Kept(None),
            half: Kept(None),
            long: Kept(None),
            period: Kept(None),
            hour: Kept(None),
            history: Kept(None),
        }
    }

    /// Reads the objective at `at`. A query that fails leaves its number unknown and is named in the reading; the
    /// others count. Warnings of the server are added to `warnings`.
    async fn read(&mut self, server: &Server, at: Instant) -> (SloReading, Vec<String>) {
        let objective = self.objective.clone();
        let mut reading = SloReading {
            objective: objective.clone(),
            burn: [None; 4],
            remaining: None,
            events: None,
            history: vec![f64::NAN; HISTORY as usize],
            at,
            error: None,
        };
        let Some(queries) = &self.queries else {
            reading.error = Some(no_window(&objective).message.into());
            return (reading, Vec::new());
        };
        let (short, half, long, period, hour, history) = futures::join!(
            self.short.get(at, WINDOWS[0].1, server.number(&queries.short, at)),
            self.half.get(at, WINDOWS[1].1, server.number(&queries.half, at)),
            self.long.get(at, WINDOWS[3].1, server.number(&queries.long, at)),
            self.period.get(at, objective.period, server.number(&queries.period, at)),
            self.hour.get(at, WINDOWS[HOUR].1, server.hour(&queries.hour, at)),
            self.history.get(at, STEP * HISTORY, server.history(&queries.short, at)),
        );
        let mut notes = Notes { warnings: Vec::new(), error: None };
        let burn_of = |ratio: Option<Option<f64>>| burn(&objective, ratio??);
        reading.burn[0] = burn_of(notes.take(short));
        reading.burn[1] = burn_of(notes.take(half));
        reading.burn[3] = burn_of(notes.take(long));
        reading.remaining = burn_of(notes.take(period)).map(|burn| 1.0 - burn);
        if let Some((Some(errors), Some(total))) = notes.take(hour) {
            reading.burn[HOUR] = burn(&objective, errors / total);
            reading.events = queries.events.map(|(bad, all)| (errors * bad, total * all));
        }
        if let Some(history) = notes.take(history) {
            reading.history = history;
        }
        reading.error = notes.error;
        (reading, notes.warnings)
    }
}

/// What is said beside the numbers of one reading.
struct Notes {
    warnings: Vec<String>,
    error: Option<Text>,
}

impl Notes {
    /// The value of an answer; of several faults the first is kept, they mostly say the same.
    fn take<T>(&mut self, asked: Asked<T>) -> Option<T> {
        match asked {
            Ok((value, warnings)) => {
                self.warnings.extend(warnings);
                Some(value)
            }
            Err(fault) => {
                self.error.get_or_insert_with(|| fault.message.into());
                None
            }
        }
    }
}

struct Poller {
    server: Server,
    tracks: Vec<Track>,
    recorded: Recorded,
}

impl Poll for Poller {
    fn poll(&mut self) -> Future<'_, Result<Vec<Update>, Fault>> {
        Box::pin(async {
            // Also the proof that the server is there: if it is not, that is one fault and not one for every objective.
            let at = self.server.client.now().await?;
            let server = &self.server;
            let mut limits = Vec::new();
            let mut warnings = Vec::new();
            let mut readings = match self.recorded.read(server, at).await {
                Ok((readings, more)) => {
                    warnings.extend(more);
                    readings
                }
                Err(fault) if self.tracks.is_empty() => return Err(fault),
                Err(fault) => {
                    limits.push(Update::Limited(fault));
                    Vec::new()
                }
            };
            let wanted =
                |track: &&mut Track| !readings.iter().any(|reading| is_same(&track.objective, &reading.objective));
            let asked = self.tracks.iter_mut().filter(wanted).map(|track| track.read(server, at));
            let (declared, more): (Vec<_>, Vec<_>) = join_all(asked).await.into_iter().unzip();
            warnings.extend(more.into_iter().flatten());
            readings.extend(declared);
            let mut updates = vec![Update::Slos(readings)];
            if let Some(warning) = warnings.into_iter().next() {
                let message = format!("Prometheus warns: {warning}");
                let fault = Fault::new(FaultKind::Server, message).hint("numbers may rest on part of the data");
                updates.push(Update::Limited(fault));
            }
            updates.extend(limits);
            Ok(updates)
        })
    }
}
