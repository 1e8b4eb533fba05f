//! What containers have written: lines as a function of the container's life and the time.
//!
//! Nothing is kept. A line of a given moment is the same whenever it is asked for, so an endless
//! log costs no memory and two readers see the same.

use chrono::{DateTime, TimeDelta, Utc};
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::Value;
use std::time::Duration;

use super::WorldTime;
use super::behaviour::{Behaviour, Voice};
use super::declared;
use super::naming;
use super::object::{instant, items, name, namespace, text, uid};
use super::plight::{self, Plight};
use super::traffic::Troubles;
use super::traffic::switches::Switches;
use crate::lab::clock::LabClock;
use crate::lab::kubernetes::resources::{NODES, PODS};
use crate::lab::kubernetes::{LogLine, LogQuery, PodLogs};
use crate::lab::store::Store;

mod voices;

/// Most lines that one reading gives.
const MOST_LINES: usize = 5_000;
/// Furthest that a reading goes back: the kubelet has rotated what is older.
const ROTATED_AFTER: TimeDelta = TimeDelta::hours(24);
/// Lab time between two looks of a follower.
const FOLLOW_EVERY: Duration = Duration::from_millis(250);

/// The logs of all pods.
#[derive(Debug, Clone)]
pub struct Journal {
    store: Store,
    time: WorldTime,
    clock: LabClock,
    troubles: Troubles,
    switches: Switches,
}

/// One run of a container's process.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Run {
    from: DateTime<Utc>,
    /// When it ended, or will end by itself.
    until: Option<DateTime<Utc>>,
    /// Whether it ended.
    over: bool,
}

/// Everything that decides what one run of a container writes.
#[derive(Debug, Clone)]
struct Writer {
    seed: u64,
    voice: Voice,
    plight: Option<Plight>,
    /// A line that the pod asks for.
    says: String,
    app: String,
    run: Run,
    troubles: Troubles,
    switches: Switches,
}

impl Journal {
    /// The logs of the pods in `store`.
    pub fn new(store: Store, time: WorldTime, clock: LabClock, troubles: Troubles, switches: Switches) -> Self {
        Self { store, time, clock, troubles, switches }
    }

    fn writer(&self, pod: &Value, container: &str, previous: bool) -> Result<Writer, String> {
        let pod_name = name(pod);
        let spec = items(pod, "/spec/containers").iter().find(|spec| spec["name"] == container);
        let status = items(pod, "/status/containerStatuses").iter().find(|status| status["name"] == container);
        let waiting =
            |reason: &str| format!("container \"{container}\" in pod \"{pod_name}\" is waiting to start: {reason}");
        let (Some(spec), Some(status)) = (spec, status) else {
            return Err(waiting("ContainerCreating"));
        };
        let node = self.store.get(&NODES, "", text(pod, "/spec/nodeName"));
        let behaviour = plight::of_container(pod, spec, node.as_deref()).ok();
        let run = match (previous, run_of(&status["state"], behaviour), run_of(&status["lastState"], None)) {
            (false, Some(run), _) | (false, None, Some(run)) | (true, _, Some(run)) => run,
            (true, _, None) => {
                return Err(format!("previous terminated container \"{container}\" in pod \"{pod_name}\" not found"));
            }
            (false, None, None) => {
                let reason = match text(status, "/state/waiting/reason") {
                    "ErrImagePull" => "image can't be pulled",
                    "ImagePullBackOff" => "trying and failing to pull image",
                    _ => "ContainerCreating",
                };
                return Err(waiting(reason));
            }
        };
        Ok(Writer {
            seed: naming::digest(&[uid(pod), container]),
            voice: behaviour.map_or(Voice::Plain, |behaviour| behaviour.voice),
            plight: behaviour.and_then(|behaviour| behaviour.plight),
            says: declared::log(pod).to_owned(),
            app: super::object::label(pod, "app").to_owned(),
            run,
            troubles: self.troubles.clone(),
            switches: self.switches.clone(),
        })
    }
}

/// The run that a container's state tells of.
fn run_of(state: &Value, behaviour: Option<Behaviour>) -> Option<Run> {
    if let Some(from) = instant(state, "/running/startedAt") {
        let after =
            behaviour.and_then(|behaviour| behaviour.ending).and_then(|ending| TimeDelta::from_std(ending.after).ok());
        return Some(Run { from, until: after.map(|after| from + after), over: false });
    }
    let from = instant(state, "/terminated/startedAt")?;
    Some(Run { from, until: instant(state, "/terminated/finishedAt"), over: true })
}

impl Writer {
    /// The lines written in `from..to`, oldest first.
    fn between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<LogLine> {
        let from = from.max(self.run.from);
        let to = self.run.until.map_or(to, |until| to.min(until + TimeDelta::milliseconds(1)));
        let mut lines = Vec::new();
        let mut second = from.timestamp();
        while second <= to.timestamp() && from < to {
            lines.extend(self.in_second(second).into_iter().filter(|line| line.at >= from && line.at < to));
            second += 1;
        }
        lines
    }

    /// The last lines before `to` and not before `from`, at most `count`.
    fn last(&self, from: DateTime<Utc>, to: DateTime<Utc>, count: usize) -> Vec<LogLine> {
        let from = from.max(self.run.from);
        let mut chunks: Vec<Vec<LogLine>> = Vec::new();
        let (mut have, mut end, mut span) =
            (0, self.run.until.map_or(to, |until| to.min(until + TimeDelta::milliseconds(1))), 60);
        while have < count && end > from {
            let begin = (end - TimeDelta::seconds(span)).max(from);
            let chunk = self.between(begin, end);
            have += chunk.len();
            chunks.push(chunk);
            end = begin;
            span *= 2;
        }
        let mut lines: Vec<LogLine> = chunks.into_iter().rev().flatten().collect();
        lines.drain(..lines.len().saturating_sub(count));
        lines
    }

    fn in_second(&self, second: i64) -> Vec<LogLine> {
        let mut lines = voices::lines(self, second);
        lines.sort_by_key(|(milli, _)| *milli);
        lines
            .into_iter()
            .filter_map(|(milli, text)| {
                let at = DateTime::from_timestamp(second, milli.min(999) * 1_000_000)?;
                Some(LogLine { at, text })
            })
            .collect()
    }
}

impl PodLogs for Journal {
    fn lines(&self, pod: &Value, container: &str, query: &LogQuery) -> Result<Vec<LogLine>, String> {
        let now = self.time.now();
        let writer = self.writer(pod, container, query.previous)?;
        let from = query.since.unwrap_or(writer.run.from).max(now - ROTATED_AFTER);
        Ok(writer.last(from, now, query.tail.unwrap_or(MOST_LINES).min(MOST_LINES)))
    }

    fn follow(&self, pod: &Value, container: &str) -> BoxStream<'static, LogLine> {
        let Ok(writer) = self.writer(pod, container, false) else { return stream::empty().boxed() };
        if writer.run.over {
            return stream::empty().boxed();
        }
        let follower = Follower {
            store: self.store.clone(),
            clock: self.clock.clone(),
            place: (namespace(pod).to_owned(), name(pod).to_owned(), uid(pod).to_owned(), container.to_owned()),
            seen: self.time.now(),
            writer,
            over: false,
        };
        stream::unfold(follower, |mut follower| async move {
            let lines = follower.more().await?;
            Some((stream::iter(lines), follower))
        })
        .flatten()
        .boxed()
    }
}

struct Follower {
    store: Store,
    clock: LabClock,
    /// Namespace, pod, uid, container.
    place: (String, String, String, String),
    writer: Writer,
    seen: DateTime<Utc>,
    over: bool,
}

impl Follower {
    /// Waits for the next lines; none once the container has ended.
    async fn more(&mut self) -> Option<Vec<LogLine>> {
        if self.over {
            return None;
        }
        self.clock.sleep(FOLLOW_EVERY).await;
        let now = self.clock.now();
        self.over = !self.still_runs();
        let lines = self.writer.between(self.seen, now);
        self.seen = now;
        Some(lines)
    }

    fn still_runs(&self) -> bool {
        let (space, pod, id, container) = &self.place;
        let Some(pod) = self.store.get(&PODS, space, pod).filter(|pod| uid(pod) == id) else { return false };
        items(&pod, "/status/containerStatuses")
            .iter()
            .find(|status| status["name"] == container.as_str())
            .and_then(|status| instant(status, "/state/running/startedAt"))
            == Some(self.writer.run.from)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn noon() -> DateTime<Utc> {
        DateTime::from_timestamp(1_773_489_600, 0).unwrap()
    }

    fn pod(state: &Value, last: &Value) -> Value {
        json!({
            "metadata": {"name": "payment-1", "namespace": "shop", "uid": "u", "labels": {"app": "payment"}},
            "spec": {"containers": [{
                "name": "payment",
                "image": "registry.example.com/shop/payment:2.4.0",
                "env": [{"name": "PRICING_TABLE", "value": "v2"}],
            }]},
            "status": {"containerStatuses": [{"name": "payment", "state": state, "lastState": last}]},
        })
    }

    fn journal(clock: &LabClock) -> Journal {
        let time = WorldTime::new(clock.clone());
        Journal::new(Store::new(1, noon), time, clock.clone(), Troubles::default(), Switches::default())
    }

    #[tokio::test(start_paused = true)]
    async fn a_crashed_container_shows_its_last_words_and_the_same_ones_twice() {
        let ended = json!({"terminated": {"startedAt": "2026-03-14T11:59:00Z", "finishedAt": "2026-03-14T11:59:08Z"}});
        let pod = pod(&json!({"waiting": {"reason": "CrashLoopBackOff"}}), &ended);
        let journal = journal(&LabClock::frozen(noon()));
        let all = journal.lines(&pod, "payment", &LogQuery::default()).unwrap();
        assert_eq!(all, journal.lines(&pod, "payment", &LogQuery::default()).unwrap());
        assert!(all.iter().any(|line| line.text.contains("missing key \"eu_vat\" (config v2)")));
        assert!(all.iter().any(|line| line.text.trim_start().starts_with("at pricing::load (pricing.rs:88)")));
        assert!(all.windows(2).all(|pair| pair[0].at <= pair[1].at));
        let tail = journal.lines(&pod, "payment", &LogQuery { tail: Some(3), ..LogQuery::default() }).unwrap();
        assert_eq!(tail, all[all.len() - 3..]);
    }

    #[tokio::test(start_paused = true)]
    async fn following_gives_what_reading_gives_later() {
        let clock = LabClock::new(noon(), 1.0);
        let journal = journal(&clock);
        let mut healthy = pod(&json!({"running": {"startedAt": "2026-03-14T11:00:00Z"}}), &json!({}));
        healthy["spec"]["containers"][0]["image"] = json!("registry.example.com/shop/payment:2.3.7");
        journal.store.create(&PODS, healthy.clone()).unwrap();
        let followed: Vec<_> = journal.follow(&healthy, "payment").take(20).collect().await;
        let since = Some(noon());
        let read = journal.lines(&healthy, "payment", &LogQuery { since, ..LogQuery::default() }).unwrap();
        assert_eq!(followed, read[..20]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_there_is_said_as_the_kubelet_says_it() {
        let journal = journal(&LabClock::frozen(noon()));
        let waiting = pod(&json!({"waiting": {"reason": "ImagePullBackOff"}}), &json!({}));
        let error = journal.lines(&waiting, "payment", &LogQuery::default()).unwrap_err();
        assert!(error.ends_with("is waiting to start: trying and failing to pull image"));
        let previous = LogQuery { previous: true, ..LogQuery::default() };
        assert!(journal.lines(&waiting, "payment", &previous).unwrap_err().ends_with("not found"));
    }
}
