//! `opsdeck status`: what the first screen says, in text, for scripts, cron and chat.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::output::{Failure, json, line};
use super::{Global, start};
use crate::domain::alert::{Alert, Severity};
use crate::domain::pod::PodRow;
use crate::domain::rollout::RolloutPhase;
use crate::domain::slo::{BurnAlarm, SloReading, WINDOWS};
use crate::domain::time::{Instant, age, span_fine};
use crate::domain::workload::WorkloadRow;
use crate::ports::feed::{FaultKind, SourceGroup, SourceId};
use crate::runtime::headless::Headless;
use crate::state::rows::Suspect;
use crate::state::source::Status as Health;
use crate::state::table::Row;
use crate::state::world::World;

/// Options of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// How long to wait for the sources, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    wait: u64,
}

/// What the first screen says.
#[derive(Debug, Serialize)]
struct Status<'a> {
    context: &'a str,
    namespace: &'a str,
    demo: bool,
    at: Instant,
    /// Nothing fires, nothing burns, nothing is unhealthy, no source failed.
    calm: bool,
    alerts: Vec<&'a Alert>,
    slos: Vec<Slo<'a>>,
    rollouts: Vec<Rollout<'a>>,
    pods: Vec<&'a PodRow>,
    sources: Vec<Source>,
}

#[derive(Debug, Serialize)]
struct Slo<'a> {
    name: &'a str,
    service: &'a str,
    alarm: BurnAlarm,
    /// Seconds until the budget is gone at the pace of the last hour.
    exhaustion: Option<i64>,
    #[serde(flatten)]
    reading: &'a SloReading,
}

#[derive(Debug, Serialize)]
struct Rollout<'a> {
    #[serde(flatten)]
    row: &'a WorkloadRow,
    suspect: Option<&'a Suspect>,
}

#[derive(Debug, Serialize)]
struct Source {
    name: String,
    health: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// Runs it: exit code 0 calm, 1 something is firing or unhealthy, 2 a source failed.
pub fn run(global: &Global, args: &StatusArgs) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let start = start::start(global).await?;
        // The size only has to be one that the console accepts; nothing is drawn.
        let mut headless = Headless::start(
            start.launch.clone(),
            start.app(),
            start.context.clone(),
            start.namespace.clone(),
            (120, 40),
        );
        headless.settle(Duration::from_secs(args.wait)).await;
        let (world, context) = (headless.app.world(), headless.app.context());
        let now = start.launch.clock.now();
        let mut sources = sources(world, now);
        if sources.is_empty() {
            // Nothing was asked, so nothing is known: that is not calm.
            sources.push(Source {
                name: "kubernetes".to_owned(),
                health: "failed",
                why: Some(format!("no connection was made within {} s", args.wait)),
                hint: Some("try again with a longer --wait; `opsdeck doctor` says what is slow".to_owned()),
            });
        }
        let failed = sources.iter().any(|source| source.health == "failed");
        let alerts: Vec<&Alert> = world
            .alerts
            .worst()
            .filter(|row| row.wants_attention())
            .flat_map(|row| &row.all)
            .map(|alert| &**alert)
            .collect();
        let rollouts: Vec<Rollout<'_>> = world
            .rollouts
            .shown()
            .filter(|row| row.suspect.is_some() || row.row.rollout.phase != RolloutPhase::Complete)
            .map(|row| Rollout { row: &row.row, suspect: row.suspect.as_ref() })
            .collect();
        let pods: Vec<&PodRow> = world.pods.worst().collect();
        let slos: Vec<Slo<'_>> = world
            .slos
            .shown()
            .map(|row| Slo {
                name: &row.reading.objective.name,
                service: &row.reading.objective.service,
                alarm: row.reading.alarm(),
                exhaustion: row.reading.exhaustion(),
                reading: &row.reading,
            })
            .collect();
        let burning = slos.iter().any(|slo| slo.alarm != BurnAlarm::Calm);
        let troubled = world.rollouts.attention() > 0;
        let calm = alerts.is_empty() && !burning && pods.is_empty() && !troubled && !failed;
        let status = Status {
            context: &context.name,
            namespace: context.namespace.label(),
            demo: context.demo,
            at: now,
            calm,
            alerts,
            slos,
            rollouts,
            pods,
            sources,
        };
        if args.json {
            json(&status)?;
        } else {
            print(&status, now);
        }
        Ok(ExitCode::from(if failed { 2 } else { u8::from(!calm) }))
    })
}

fn sources(world: &World, now: Instant) -> Vec<Source> {
    world
        .sources
        .iter()
        .map(|(id, source)| {
            let (health, fault) = match source.status(now) {
                Health::Idle => ("idle", None),
                // It had all the time that was given to it.
                Health::Connecting => ("failed", None),
                // A namespace that is not there is not calm, it is mistyped.
                Health::Live { .. } if source.limited().is_some_and(|fault| fault.kind == FaultKind::NotServed) => {
                    ("failed", source.limited())
                }
                Health::Live { .. } => ("live", source.limited()),
                Health::Stale { fault, .. } => ("stale", fault),
                // What one may not read beside what one may (nodes, for the editor of a namespace) is no failure.
                refused @ Health::Failed(fault) if refused.is_refused() && !group_is_refused(world, id, now) => {
                    ("forbidden", Some(fault))
                }
                Health::Failed(fault) => ("failed", Some(fault)),
                // Without a cluster there is nothing to be calm about.
                Health::NotConfigured(fault) if id.group() == SourceGroup::Kubernetes => ("failed", Some(fault)),
                Health::NotConfigured(fault) => ("not-configured", Some(fault)),
            };
            Source {
                name: id.to_string(),
                health,
                why: fault.map(|fault| fault.message.clone()),
                hint: fault.and_then(|fault| fault.hint.clone()),
            }
        })
        .collect()
}

/// May nothing of the source's group be read?
fn group_is_refused(world: &World, id: &SourceId, now: Instant) -> bool {
    world.sources.group(id.group(), now).is_refused()
}

fn print(status: &Status<'_>, now: Instant) {
    let demo = if status.demo { "DEMO  " } else { "" };
    line(&format!("{demo}{}  {}  {}", status.context, status.namespace, now.format("%Y-%m-%d %H:%M:%SZ")));
    if status.calm {
        line("calm: nothing fires, nothing burns, nothing is unhealthy");
    }
    for alert in &status.alerts {
        let word = match alert.severity {
            Severity::Critical => "CRIT",
            Severity::Warning => "WARN",
            Severity::Info => "info",
        };
        line(&format!("{word}     {}  {}  {}", alert.name, age(alert.since, now), alert.summary()));
    }
    for slo in status.slos.iter().filter(|slo| slo.alarm != BurnAlarm::Calm) {
        let burns: Vec<String> = WINDOWS
            .iter()
            .zip(slo.reading.burn)
            .filter_map(|((window, _), burn)| Some(format!("{window} ×{:.1}", burn?)))
            .collect();
        let left = slo.reading.remaining.map_or_else(String::new, |left| format!("  left {:.1} %", left * 100.0));
        let gone = slo.exhaustion.map_or_else(String::new, |seconds| format!("  gone in {}", span_fine(seconds)));
        line(&format!("BURN     {}  {}{left}{gone}", slo.name, burns.join("  ")));
    }
    for rollout in &status.rollouts {
        let (row, state) = (rollout.row, &rollout.row.rollout);
        let revision = row.revision.map_or_else(String::new, |revision| format!("  rev {revision}"));
        let suspect = rollout.suspect.map_or_else(String::new, |suspect| {
            format!("  suspect: {} before {}", span_fine(suspect.seconds_before), suspect.alert)
        });
        line(&format!(
            "ROLLOUT  {}/{}  {}{revision}  {}/{} available{suspect}",
            row.id.namespace,
            row.id.short(),
            row.images.join(", "),
            state.available,
            state.desired
        ));
    }
    for pod in &status.pods {
        let reason = pod.reason.as_ref().map_or_else(String::new, |reason| format!("  {reason}"));
        line(&format!(
            "POD      {}/{}  {}{reason}  restarts {}",
            pod.id.namespace, pod.id.name, pod.status, pod.restarts
        ));
    }
    // What one cause took down is told once.
    let mut causes: Vec<(&Source, Vec<&str>)> = Vec::new();
    for source in status.sources.iter().filter(|source| source.why.is_some() || source.health == "failed") {
        let same = |first: &Source| first.why == source.why || (first.hint.is_some() && first.hint == source.hint);
        match causes.iter_mut().find(|(first, _)| same(first)) {
            Some((_, names)) => names.push(&source.name),
            None => causes.push((source, vec![&source.name])),
        }
    }
    for (source, names) in causes {
        let why = source.why.as_deref().unwrap_or("no answer in time");
        line(&format!("SOURCE   {}: {why} ({})", source.health, names.join(", ")));
        if let Some(hint) = &source.hint {
            line(&format!("         → {hint}"));
        }
    }
}
