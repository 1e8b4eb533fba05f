//! Log lines for a step: of all containers of some pods, merged by their times, narrowed to what is looked for.

use futures::future::join_all;
use serde_json::Value;

use super::kubectl::{pod_ref, pods};
use super::perform::Tools;
use crate::domain::target::PodRef;
use crate::domain::text::clean;
use crate::integrations::kubernetes::question::LogAsk;
use crate::runbook::run::work::LogsOf;

/// Pods that are read.
const MOST_PODS: usize = 20;
/// Bytes of one container.
const MOST_BYTES: u64 = 2_000_000;
/// Lines of one container, where nothing says how far back.
const TAIL: u64 = 500;
/// Lines that are shown, where nothing else is said.
const SHOWN: usize = 200;

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Whose logs.
    pub of: LogsOf,
    /// Labels of pods, where no name is given.
    pub selector: Option<String>,
    /// Which container; all that a pod has otherwise.
    pub container: Option<String>,
    /// Only lines with this in them.
    pub contains: Option<String>,
    /// Seconds back.
    pub since: Option<u64>,
    /// At most so many of the last.
    pub lines: Option<u64>,
    /// Of the life before.
    pub previous: bool,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLines {
    /// How many lines, those that are not shown too.
    pub count: usize,
    /// The last of them.
    pub text: String,
}

/// Reads them. The error says why nothing could be read at all.
pub async fn read(wanted: &Wanted, tools: &Tools) -> Result<FoundLines, String> {
    let found = pods(&wanted.of, wanted.selector.as_deref(), tools).await?;
    if found.is_empty() {
        return Err("there are no pods".to_owned());
    }
    let streams: Vec<(PodRef, String, bool)> =
        found.iter().take(MOST_PODS).flat_map(|pod| containers(pod, wanted)).collect();
    if streams.is_empty() {
        return Err(format!("no container `{}` there", wanted.container.as_deref().unwrap_or_default()));
    }
    let reads = streams.iter().map(|(pod, container, previous)| async move {
        let ask = LogAsk {
            container: Some(container.clone()),
            since: wanted.since,
            tail: wanted.since.is_none().then_some(wanted.lines.unwrap_or(TAIL).max(TAIL)),
            previous: *previous,
            most: MOST_BYTES,
        };
        (pod, container, tools.kubernetes.log_of(pod, &ask).await)
    });
    let several = streams.len() > 1;
    let (mut lines, mut failed): (Vec<(String, String)>, Vec<String>) = (Vec::new(), Vec::new());
    for (pod, container, read) in join_all(reads).await {
        match read {
            Ok(text) => {
                for line in text.lines() {
                    let (at, line) = line.split_once(' ').unwrap_or(("", line));
                    if wanted.contains.as_ref().is_some_and(|part| !line.contains(part.as_str())) {
                        continue;
                    }
                    let line = clean(line).into_owned();
                    let shown = if several { format!("{}/{container}  {line}", pod.name) } else { line };
                    lines.push((at.to_owned(), shown));
                }
            }
            Err(error) => failed.push(format!("{}/{container}: {error}", pod.name)),
        }
    }
    if failed.len() == streams.len() {
        return Err(failed.join("; "));
    }
    lines.sort_by(|one, other| one.0.cmp(&other.0));
    let count = lines.len();
    let most = wanted.lines.map_or(SHOWN, |lines| usize::try_from(lines).unwrap_or(SHOWN)).min(2_000);
    let mut shown: Vec<String> = lines.into_iter().skip(count.saturating_sub(most)).map(|(_, line)| line).collect();
    shown.extend(failed.into_iter().map(|why| format!("(not read: {why})")));
    if found.len() > MOST_PODS {
        shown.push(format!("({} more pods were not read)", found.len() - MOST_PODS));
    }
    Ok(FoundLines { count, text: shown.join("\n") })
}

/// The containers of a pod that are read; of one that waits to be started again its life before, which says why.
fn containers(pod: &Value, wanted: &Wanted) -> Vec<(PodRef, String, bool)> {
    let Some(id) = pod_ref(pod) else { return Vec::new() };
    let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
    let crashed = |name: &str| {
        let status = statuses.into_iter().flatten().find(|status| status["name"] == name);
        status.is_some_and(|status| {
            status.pointer("/state/waiting").is_some() && status.pointer("/lastState/terminated").is_some()
        })
    };
    let all = pod.pointer("/spec/containers").and_then(Value::as_array);
    all.into_iter()
        .flatten()
        .filter_map(|container| container["name"].as_str())
        .filter(|name| wanted.container.as_deref().is_none_or(|wanted| wanted == *name))
        .map(|name| (id.clone(), name.to_owned(), wanted.previous || crashed(name)))
        .collect()
}
