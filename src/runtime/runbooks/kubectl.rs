//! Reads that a runbook writes as kubectl would, answered without kubectl.

use serde_json::Value;

use super::logs::{self, Wanted};
use super::perform::Tools;
use super::table::{bare, columns, event_time, get, outline};
use crate::domain::object::ObjectRef;
use crate::domain::quantity::quantity;
use crate::domain::rollout::RolloutPhase;
use crate::domain::target::{PodRef, WorkloadKind, WorkloadRef};
use crate::domain::text::clean;
use crate::integrations::kubernetes::question::{NODE_METRICS, POD_METRICS, SORTS, Sort};
use crate::ports::cluster::{Look, Needs, Part};
use crate::runbook::action::{Read, Scope};
use crate::runbook::run::judge::judge_count;
use crate::runbook::run::work::{LogsOf, Outcome, Output};

/// Objects that one description is about at most.
const MOST_DESCRIBED: usize = 5;
/// Events shown below one object.
const MOST_EVENTS: usize = 12;

/// Answers a read.
pub async fn read(read: &Read, tools: &Tools) -> Outcome {
    let answered = match read {
        Read::Get { resource, names, scope, output } => objects(resource, names, scope, output.as_deref(), tools).await,
        Read::Describe { resource, names, scope } => describe(resource, names, scope, tools).await,
        Read::Logs { target, scope, container, since, tail, previous } => {
            let wanted = Wanted {
                of: match logs_of(target, scope, tools) {
                    Ok(of) => of,
                    Err(why) => return Outcome::failed(why),
                },
                selector: scope.selector.clone(),
                container: container.clone(),
                contains: None,
                since: *since,
                lines: *tail,
                previous: *previous,
            };
            return match logs::read(&wanted, tools).await {
                Ok(found) => judge_count(None, found.count, found.text),
                Err(why) => Outcome::failed(why),
            };
        }
        Read::RolloutStatus { target, scope } => return rollout_status(target, scope, tools).await,
        Read::RolloutHistory { target, scope, revision } => rollout_history(target, scope, *revision, tools).await,
        Read::Top { resource, name, scope } => top(resource, name.as_deref(), scope, tools).await,
    };
    match answered {
        Ok(text) => {
            let count = text.lines().count().saturating_sub(1);
            let detail = match (read, count) {
                (Read::Get { output: None, .. } | Read::Top { .. }, 0) => "nothing found".to_owned(),
                (Read::Get { .. } | Read::Top { .. }, 1) => "1 line".to_owned(),
                (Read::Get { .. } | Read::Top { .. }, many) => format!("{many} lines"),
                _ => "read".to_owned(),
            };
            Outcome::Passed { detail, output: Output { text, value: None } }
        }
        Err(why) => Outcome::failed(why),
    }
}

fn namespace_of<'a>(scope: &'a Scope, tools: &'a Tools) -> &'a str {
    scope.namespace.as_deref().unwrap_or(&tools.namespace)
}

fn sort_of(word: &str) -> Result<&'static Sort, String> {
    Sort::named(word).ok_or_else(|| {
        let known: Vec<&str> = SORTS.iter().map(|sort| sort.plural).collect();
        let near = crate::config::diagnostic::did_you_mean(word, &known);
        let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        format!("`{word}` is no resource that is read here{near}")
    })
}

/// `all`, and lists such as `deploy,pods`.
fn sorts_of(word: &str) -> Result<Vec<&'static Sort>, String> {
    if word == "all" {
        let usual =
            ["pods", "services", "daemonsets", "deployments", "replicasets", "statefulsets", "jobs", "cronjobs"];
        return Ok(usual.iter().filter_map(|name| Sort::named(name)).collect());
    }
    word.split(',').map(sort_of).collect()
}

async fn fetch(sort: &Sort, names: &[String], scope: &Scope, tools: &Tools) -> Result<Vec<Value>, String> {
    let namespace = namespace_of(scope, tools);
    if names.is_empty() {
        let place = (!scope.all_namespaces).then_some(namespace);
        let (labels, fields) = (scope.selector.as_deref(), scope.fields.as_deref());
        return tools.kubernetes.all_of(sort, place, labels, fields).await.map_err(|error| error.to_string());
    }
    let mut found = Vec::new();
    for name in names {
        found.push(tools.kubernetes.one_of(sort, namespace, name).await.map_err(|error| error.to_string())?);
    }
    Ok(found)
}

async fn objects(
    resource: &str,
    names: &[String],
    scope: &Scope,
    output: Option<&str>,
    tools: &Tools,
) -> Result<String, String> {
    let sorts = sorts_of(resource)?;
    let mut texts = Vec::new();
    for sort in &sorts {
        let mut objects = fetch(sort, names, scope, tools).await?;
        if sort.kind == "Event" {
            objects.sort_by_key(event_time);
        }
        if objects.is_empty() {
            continue;
        }
        let bared = || objects.iter().map(bare).collect::<Vec<_>>();
        texts.push(match output {
            None => get(sort, &objects, scope.all_namespaces, false, tools.clock.now()),
            Some("wide") => get(sort, &objects, scope.all_namespaces, true, tools.clock.now()),
            Some("name") => {
                let name = |object: &Value| clean(object["metadata"]["name"].as_str().unwrap_or_default()).into_owned();
                let kind = sort.kind.to_lowercase();
                objects.iter().map(|object| format!("{kind}/{}", name(object))).collect::<Vec<_>>().join("\n")
            }
            Some("json") => bared()
                .iter()
                .map(|object| serde_json::to_string_pretty(object).unwrap_or_default())
                .collect::<Vec<_>>()
                .join("\n"),
            Some("yaml") => bared().iter().map(outline).collect::<Vec<_>>().join("\n---\n"),
            Some(other) => {
                return Err(format!("-o {other} is not answered here: leave it out, or use wide, name, yaml or json"));
            }
        });
    }
    Ok(texts.join("\n\n"))
}

async fn describe(resource: &str, names: &[String], scope: &Scope, tools: &Tools) -> Result<String, String> {
    let sort = sort_of(resource)?;
    let objects = fetch(sort, names, scope, tools).await?;
    if objects.is_empty() {
        return Err(format!("no {} found", sort.plural));
    }
    let events = Sort::named("events");
    let mut texts = Vec::new();
    for object in objects.iter().take(MOST_DESCRIBED) {
        let mut text = outline(&bare(object));
        let metadata = &object["metadata"];
        let name = metadata["name"].as_str().unwrap_or_default();
        let namespace = metadata["namespace"].as_str();
        if let Some(events) = events {
            // Names are DNS names: nothing in them ends a selector.
            let fields = format!("involvedObject.name={name},involvedObject.kind={}", sort.kind);
            let read = tools.kubernetes.all_of(events, namespace, None, Some(&fields)).await;
            text.push_str("\nevents:\n");
            match read {
                Ok(mut found) => {
                    found.sort_by_key(event_time);
                    let from = found.len().saturating_sub(MOST_EVENTS);
                    let shown = get(events, &found[from..], false, false, tools.clock.now());
                    text.push_str(if found.is_empty() { "none" } else { &shown });
                }
                Err(error) => text.extend(["not read: ", &error.to_string()]),
            }
        }
        texts.push(text);
    }
    if objects.len() > MOST_DESCRIBED {
        texts.push(format!("… and {} more", objects.len() - MOST_DESCRIBED));
    }
    Ok(texts.join("\n\n"))
}

/// `NAME`, `pod/NAME`, `deploy/NAME`, or a selector.
fn logs_of(target: &str, scope: &Scope, tools: &Tools) -> Result<LogsOf, String> {
    let namespace = namespace_of(scope, tools).to_owned();
    match target.split_once('/') {
        Some(("pod" | "pods" | "po", name)) => Ok(LogsOf::Pod { namespace: Some(namespace), name: name.to_owned() }),
        Some((kind, name)) => {
            let kind = WorkloadKind::parse(kind).ok_or_else(|| format!("`{kind}` has no logs"))?;
            Ok(LogsOf::Workload(WorkloadRef::new(kind, namespace, name)))
        }
        None => Ok(LogsOf::Pod { namespace: Some(namespace), name: target.to_owned() }),
    }
}

fn workload_of(target: &str, scope: &Scope, tools: &Tools) -> Result<WorkloadRef, String> {
    let namespace = namespace_of(scope, tools);
    let (kind, name) = target.split_once('/').ok_or_else(|| format!("`{target}`: write deployment/{target}"))?;
    let kind = WorkloadKind::parse(kind).ok_or_else(|| format!("`{kind}` is no kind of workload"))?;
    Ok(WorkloadRef::new(kind, namespace, name))
}

async fn rollout_status(target: &str, scope: &Scope, tools: &Tools) -> Outcome {
    let workload = match workload_of(target, scope, tools) {
        Ok(workload) => workload,
        Err(why) => return Outcome::failed(why),
    };
    let look = Look { object: ObjectRef::from(&workload), pods: false, signals: None };
    let seen = tools.services.look(&look).await;
    match (seen.object, seen.rollout) {
        (Err(error), _) => Outcome::failed(error.to_string()),
        (Ok(_), None) => Outcome::failed(format!("{workload} has no rollout")),
        (Ok(_), Some(rollout)) => {
            let detail = format!(
                "{}: {} of {} updated, {} ready",
                phase_words(&rollout.phase),
                rollout.updated,
                rollout.desired,
                rollout.ready
            );
            if rollout.phase.is_unhealthy() { Outcome::failed(detail) } else { Outcome::passed(detail) }
        }
    }
}

fn phase_words(phase: &RolloutPhase) -> String {
    match phase {
        RolloutPhase::Complete => "complete".into(),
        RolloutPhase::Unobserved => "the controller has not seen it yet".into(),
        RolloutPhase::Progressing { waiting_for } => format!("under way, waiting for {waiting_for}"),
        RolloutPhase::Paused => "paused".into(),
        RolloutPhase::Stuck { why } => format!("stuck, {why}"),
        RolloutPhase::Degraded { why } => format!("degraded, {why}"),
        RolloutPhase::Held { why } => format!("held, {why}"),
    }
}

async fn rollout_history(target: &str, scope: &Scope, only: Option<u64>, tools: &Tools) -> Result<String, String> {
    let workload = workload_of(target, scope, tools)?;
    let needs = Needs { target: ObjectRef::from(&workload), parts: vec![Part::Revisions] };
    let facts = tools.services.facts(&needs).await.map_err(|error| error.to_string())?;
    let mut found: Vec<(u64, Vec<String>)> = Vec::new();
    for object in facts.revisions.unwrap_or_default() {
        let annotation = &object["metadata"]["annotations"]["deployment.kubernetes.io/revision"];
        let argo = &object["metadata"]["annotations"]["rollout.argoproj.io/revision"];
        let number = annotation.as_str().or(argo.as_str()).and_then(|text| text.parse().ok());
        let Some(number) = number.or_else(|| object["revision"].as_u64()) else { continue };
        if only.is_some_and(|only| only != number) {
            continue;
        }
        let places = ["/spec/template/spec/containers", "/data/spec/template/spec/containers"];
        let containers = places.iter().find_map(|place| object.pointer(place)).and_then(Value::as_array);
        let images = containers.into_iter().flatten().filter_map(|container| container["image"].as_str());
        let images: Vec<String> = images.map(|image| clean(image).into_owned()).collect();
        let created = object["metadata"]["creationTimestamp"].as_str().unwrap_or("-");
        found.push((number, vec![number.to_string(), clean(created).into_owned(), images.join(" ")]));
    }
    found.sort_by_key(|(number, _)| *number);
    let mut rows = vec![vec!["REVISION".to_owned(), "CREATED".to_owned(), "IMAGES".to_owned()]];
    rows.extend(found.into_iter().map(|(_, row)| row));
    Ok(columns(&rows))
}

async fn top(resource: &str, name: Option<&str>, scope: &Scope, tools: &Tools) -> Result<String, String> {
    let is_nodes = resource.starts_with("no");
    let sort = if is_nodes { NODE_METRICS } else { POD_METRICS };
    let names: Vec<String> = name.map(str::to_owned).into_iter().collect();
    let objects = fetch(&sort, &names, scope, tools).await?;
    let used = |usage: &Value| {
        let of = |key: &str| usage[key].as_str().unwrap_or("0");
        (quantity(of("cpu"), 1_000), quantity(of("memory"), 1))
    };
    let mut rows: Vec<(u64, Vec<String>)> = objects
        .iter()
        .map(|object| {
            let (cpu, memory) = if is_nodes {
                used(&object["usage"])
            } else {
                let containers = object["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
                containers.iter().map(|one| used(&one["usage"])).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
            };
            let name = clean(object["metadata"]["name"].as_str().unwrap_or_default()).into_owned();
            (cpu, vec![name, format!("{cpu}m"), format!("{}Mi", memory / (1 << 20))])
        })
        .collect();
    rows.sort_by_key(|(cpu, _)| std::cmp::Reverse(*cpu));
    let head = vec!["NAME".to_owned(), "CPU".to_owned(), "MEMORY".to_owned()];
    Ok(columns(&std::iter::once(head).chain(rows.into_iter().map(|(_, row)| row)).collect::<Vec<_>>()))
}

/// The pods of a workload, or those that a selector finds.
pub async fn pods(of: &LogsOf, selector: Option<&str>, tools: &Tools) -> Result<Vec<Value>, String> {
    let sort = sort_of("pods")?;
    let failed = |error: crate::ports::cluster::ClusterError| error.to_string();
    match of {
        LogsOf::Workload(workload) => {
            let needs = Needs { target: ObjectRef::from(workload), parts: vec![Part::Pods] };
            let facts = tools.services.facts(&needs).await.map_err(failed)?;
            facts.pods.ok_or_else(|| format!("the pods of {workload} may not be listed"))
        }
        LogsOf::Pod { namespace, name } => {
            let namespace = namespace.as_deref().unwrap_or(&tools.namespace);
            match selector.filter(|_| name.is_empty()) {
                Some(selector) => {
                    tools.kubernetes.all_of(sort, Some(namespace), Some(selector), None).await.map_err(failed)
                }
                None => tools.kubernetes.one_of(sort, namespace, name).await.map(|pod| vec![pod]).map_err(failed),
            }
        }
    }
}

/// Which pod an object is.
pub fn pod_ref(pod: &Value) -> Option<PodRef> {
    let of = |key: &str| pod["metadata"][key].as_str().map(Into::into);
    Some(PodRef { namespace: of("namespace")?, name: of("name")? })
}
