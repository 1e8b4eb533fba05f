//! Does what a step asks for, but for what only the door may do and for runbooks within runbooks.
//!
//! Dropping the future stops it: a process group is killed, a request is given up.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::{sleep, timeout};

use super::logs::Wanted;
use super::{command, kubectl, logs, request, trust};
use crate::config::settings::Runbooks;
use crate::domain::Text;
use crate::domain::alert::Labels;
use crate::domain::cluster::NamespaceScope;
use crate::integrations::kubernetes::connect::Connection;
use crate::integrations::prometheus::PrometheusClient;
use crate::integrations::prometheus::wire::QueryResult;
use crate::runbook::parameter::Value;
use crate::runbook::run::judge::{Series, judge, judge_count};
use crate::runbook::run::work::{Outcome, Output, Test, Work};
use crate::runbook::step::Shell;
use crate::runbook::{Origin, Shelf};
use crate::runtime::clock::Clock;
use crate::runtime::wiring::{Connected, Services};

/// A check that is waited for is asked again after this.
const ASK_AGAIN: Duration = Duration::from_secs(3);
/// A wait looks at the clock this often: the lab's may run faster.
const LOOK: Duration = Duration::from_millis(200);
/// Points of a range query.
const POINTS: u64 = 120;
/// Where nothing says how long a command may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What reads are done with, in one context.
#[derive(Clone)]
pub struct Tools {
    /// The API server.
    pub kubernetes: Connection,
    /// Prometheus, where there is one.
    pub prometheus: Option<PrometheusClient>,
    /// Everything else of the context.
    pub services: Services,
    /// The namespace of names without one.
    pub namespace: Text,
    /// The context's name.
    pub context: String,
    /// Why nothing may be changed, if so: what does not go through the door is bound by it too.
    pub read_only: Option<String>,
    /// The clock.
    pub clock: Clock,
    /// `[runbooks]`.
    pub settings: Runbooks,
}

impl std::fmt::Debug for Tools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tools").field("context", &self.context).finish_non_exhaustive()
    }
}

impl Tools {
    /// Those of a connection.
    pub fn of(connected: &Connected, clock: Clock, settings: &Runbooks) -> Self {
        let namespace = match &connected.info.namespace {
            NamespaceScope::One(name) => name.clone(),
            NamespaceScope::All => connected.clients.kubernetes.namespace().clone(),
        };
        Self {
            kubernetes: connected.clients.kubernetes.clone(),
            prometheus: connected.clients.prometheus.clone(),
            services: connected.services.clone(),
            namespace,
            context: connected.info.name.clone(),
            read_only: connected.guard.read_only.clone(),
            clock,
            settings: settings.clone(),
        }
    }
}

/// Does a piece of work. `origin` is the runbook's: only some may run commands.
pub async fn perform(work: &Work, patience: Option<u64>, origin: &Origin, tools: &Tools) -> Outcome {
    let limit = patience.map(Duration::from_secs);
    if let (Some(why), true) = (&tools.read_only, may_change(work)) {
        return Outcome::Skipped { reason: format!("read-only: {why}") };
    }
    // These know their limit themselves and say more when it is over.
    if let Work::Command { shell, script, environment } = work {
        return run(*shell, script, environment, limit.unwrap_or(PATIENCE), origin, tools).await;
    }
    let done = once(work, limit, tools);
    match limit {
        Some(limit) => timeout(limit, done)
            .await
            .unwrap_or_else(|_| Outcome::failed(format!("no answer within {}", humantime::format_duration(limit)))),
        None => done.await,
    }
}

/// May it change the world without passing the door?
fn may_change(work: &Work) -> bool {
    match work {
        Work::Command { .. } => true,
        Work::Http { method, .. } => !matches!(method.as_str(), "GET" | "HEAD"),
        _ => false,
    }
}

async fn once(work: &Work, limit: Option<Duration>, tools: &Tools) -> Outcome {
    match work {
        Work::Promql { query, test } => promql(query, test.as_ref(), tools).await,
        Work::Kubectl(read) => kubectl::read(read, tools).await,
        Work::Logs { of, container, contains, since, lines, test } => {
            let wanted = Wanted {
                of: of.clone(),
                selector: None,
                container: container.clone(),
                contains: contains.clone(),
                since: *since,
                lines: *lines,
                previous: false,
            };
            match logs::read(&wanted, tools).await {
                Ok(found) => judge_count(test.as_ref(), found.count, found.text),
                Err(why) => Outcome::failed(why),
            }
        }
        Work::Http { url, method, headers, body, expect } => {
            let request = request::Request { url, method, headers, body: body.as_deref(), expect };
            request::send(request, limit.unwrap_or(tools.settings.timeout)).await
        }
        Work::Wait { seconds } => {
            pause(*seconds, tools).await;
            Outcome::passed("waited")
        }
        Work::WaitUntil { check, at_most } => {
            let began = tools.clock.now();
            loop {
                let outcome = Box::pin(once(check, limit, tools)).await;
                let over = (tools.clock.now() - began).num_seconds();
                match outcome {
                    Outcome::Passed { detail, output } => {
                        return Outcome::Passed { detail: format!("{detail} after {over}s"), output };
                    }
                    Outcome::Failed { detail, output } if over >= i64::try_from(*at_most).unwrap_or(i64::MAX) => {
                        return Outcome::Failed { detail: format!("{detail}, still after {over}s"), output };
                    }
                    Outcome::Failed { .. } => sleep(ASK_AGAIN).await,
                    other => return other,
                }
            }
        }
        Work::Command { .. } | Work::Act(_) | Work::Runbook { .. } => {
            Outcome::failed("this is not done here; it was not done at all")
        }
    }
}

/// Until so many seconds have passed on our clock, or on the system's where ours stands still.
async fn pause(seconds: u64, tools: &Tools) {
    let until = tools.clock.now() + TimeDelta::seconds(i64::try_from(seconds).unwrap_or(0));
    let end = tokio::time::Instant::now() + Duration::from_secs(seconds);
    while tools.clock.now() < until && tokio::time::Instant::now() < end {
        sleep(LOOK).await;
    }
}

async fn promql(query: &str, test: Option<&Test>, tools: &Tools) -> Outcome {
    let Some(prometheus) = &tools.prometheus else {
        return Outcome::failed("there is no Prometheus in this context: set prometheus.url");
    };
    let answer = match test.and_then(|test| test.hold) {
        None => prometheus.query(query, None).await,
        Some(hold) => match prometheus.now().await {
            Ok(now) => {
                let start = now - TimeDelta::seconds(i64::try_from(hold).unwrap_or(0));
                prometheus.query_range(query, start, now, (hold / POINTS).max(5)).await
            }
            Err(fault) => Err(fault),
        },
    };
    match answer {
        Ok(answer) => {
            let outcome = judge(test, &series(&answer.data));
            if answer.warnings.is_empty() {
                return outcome;
            }
            let told = |mut output: Output| {
                output.text = format!("{}\ncareful: {}", output.text, answer.warnings.join("; "));
                output
            };
            match outcome {
                Outcome::Passed { detail, output } => Outcome::Passed { detail, output: told(output) },
                Outcome::Failed { detail, output } => Outcome::Failed { detail, output: told(output) },
                other => other,
            }
        }
        Err(fault) => Outcome::failed(fault.to_string()),
    }
}

fn series(result: &QueryResult) -> Vec<Series> {
    let one = |labels: &Labels, samples: Vec<f64>| Series { labels: written(labels), samples };
    match result {
        QueryResult::Vector(samples) => samples.iter().map(|(labels, point)| one(labels, vec![point.value])).collect(),
        QueryResult::Matrix(series) => series
            .iter()
            .map(|(labels, points)| one(labels, points.iter().map(|point| point.value).collect()))
            .collect(),
        QueryResult::Scalar(point) => vec![Series { labels: String::new(), samples: vec![point.value] }],
        QueryResult::String => Vec::new(),
    }
}

/// `{pod="a", …}` without what every series has.
fn written(labels: &Labels) -> String {
    let shown = labels.iter().filter(|(name, _)| &***name != "__name__");
    shown.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

async fn run(
    shell: Shell,
    script: &str,
    environment: &std::collections::BTreeMap<String, String>,
    limit: Duration,
    origin: &Origin,
    tools: &Tools,
) -> Outcome {
    if let Err(reason) = trusted(origin, &tools.settings.trusted) {
        return Outcome::Skipped { reason };
    }
    let directory = Path::new(&origin.place).parent().map_or_else(|| PathBuf::from("/"), Path::to_owned);
    let mut values = environment.clone();
    values.insert("OPSDECK_CONTEXT".into(), tools.context.clone());
    values.insert("OPSDECK_NAMESPACE".into(), tools.namespace.to_string());
    let shell = match shell {
        Shell::Bash => "bash",
        Shell::Sh => "sh",
        Shell::Other => return Outcome::Skipped { reason: "no shell for it here".into() },
    };
    let spec = command::Spec { shell: shell.into(), script: script.to_owned(), values, directory, timeout: limit };
    let ran = command::run(&spec).await;
    let detail = ran.end.words(limit);
    let value = Value::Text(ran.output.trim().to_owned());
    let text = [ran.output.trim_end(), ran.errors.trim_end()];
    let text = text.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
    let output = Output { text, value: Some(value) };
    match ran.end {
        command::End::Exited(0) => Outcome::Passed { detail, output },
        _ => Outcome::Failed { detail, output },
    }
}

/// Why commands of a runbook may not run.
pub fn trusted(origin: &Origin, directories: &[PathBuf]) -> Result<(), String> {
    match origin.shelf {
        Shelf::Shipped => {
            Err("commands are off: a shipped runbook runs none; copy it into a directory of yours".into())
        }
        Shelf::Fetched => Err("commands are off: this runbook was fetched".into()),
        Shelf::System | Shelf::User | Shelf::Directory => trust::check(Path::new(&origin.place), directories),
    }
}
