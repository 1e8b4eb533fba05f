//! From what a runbook says is done to a request for the door, where that takes a look at the world; and, after a crash,
//! what the audit log says of a step that began.

use serde_json::Value;

use super::perform::Tools;
use crate::actions::flag::SetFlag;
use crate::actions::scale_bounds::ScaleBounds;
use crate::actions::{ActionKind, ActionRequest, Origin, manifest, ownership};
use crate::domain::Text;
use crate::domain::audit::entries;
use crate::domain::flag::{FlagRow, written};
use crate::domain::object::ObjectRef;
use crate::domain::target::WorkloadRef;
use crate::ports::cluster::{Needs, Part};
use crate::ports::journal::{AuditLog, JournalError};
use crate::runbook::action::Act;

/// Records of the audit log that are looked through for a step.
const MOST: usize = 100_000;

/// The mark that a request of a step carries, and its audit records with it.
pub fn mark(run: &str, ticket: u64) -> String {
    format!("{run}/{ticket}")
}

/// The request that a step asks for. The error is a sentence.
pub async fn request(act: &Act, mark: String, tools: &Tools) -> Result<ActionRequest, String> {
    let request = match act {
        Act::Request(request) => request.clone(),
        Act::Flag { key, provider, project, environment, set, about, reason, by } => {
            let place = [provider.as_deref(), project.as_deref(), environment.as_deref()];
            let flag = flag(key, place, tools).await?.id;
            let action = ActionKind::Flag(SetFlag { flag, set: set.clone(), about: about.clone() });
            let request = ActionRequest::new(action, Origin::Runbook);
            ActionRequest { reason: reason.clone(), runbook: by.clone(), ..request }
        }
        Act::Bounds { workload, min, max, reason, by } => {
            let hpa = autoscaler(workload, tools).await?;
            let namespace = workload.namespace.clone();
            let action = ActionKind::ScaleBounds(ScaleBounds { namespace, hpa, min: *min, max: *max });
            let request = ActionRequest::new(action, Origin::Runbook);
            ActionRequest { reason: reason.clone(), runbook: by.clone(), ..request }
        }
    };
    Ok(ActionRequest { step: Some(mark), ..request })
}

/// The name of the autoscaler that owns the number of pods of a workload.
async fn autoscaler(target: &WorkloadRef, tools: &Tools) -> Result<Text, String> {
    let needs = Needs { target: ObjectRef::from(target), parts: vec![Part::Autoscalers] };
    let facts = tools.services.facts(&needs).await.map_err(|error| format!("{target} could not be read: {error}"))?;
    let autoscalers = facts.autoscalers.ok_or("autoscalers may not be read here")?;
    let hpa = ownership::autoscalers_of(Some(&autoscalers), target).next();
    let hpa = hpa.ok_or_else(|| format!("no autoscaler owns the number of pods of {target}: scale it instead"))?;
    Ok(manifest::name(hpa).into())
}

/// The one flag of a name, in the source, project and environment that are named.
async fn flag(key: &str, place: [Option<&str>; 3], tools: &Tools) -> Result<FlagRow, String> {
    let wanted = written(key);
    let [provider, project, environment] = place;
    let sources = tools.services.flags.sources();
    if sources.is_empty() {
        return Err(format!("no source of flags has an environment for context {}", tools.context));
    }
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| provider.is_none_or(|wanted| wanted == source.source())) {
        found.extend(source.list().await.map_err(|fault| fault.to_string())?.rows);
    }
    let is = |wanted: Option<&str>, text: &str| wanted.is_none_or(|wanted| written(wanted) == text);
    found.retain(|row| is(project, &row.id.project) && is(environment, &row.id.environment));
    let names: Vec<String> = found.iter().map(|row| row.id.key.to_string()).collect();
    found.retain(|row| *row.id.key == *wanted);
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let near = crate::config::diagnostic::did_you_mean(&wanted, &names);
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            Err(format!("there is no flag `{wanted}` here{near}"))
        }
        many => {
            let places: Vec<String> = found
                .iter()
                .map(|row| {
                    format!("provider {}, project {}, env {}", row.id.source, row.id.project, row.id.environment)
                })
                .collect();
            Err(format!("{many} flags are called `{wanted}`: say which: {}", places.join("; or ")))
        }
    }
}

/// What became of an action of a step, as the audit log knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing was altered: no intent was written (and without one nothing is sent), or it ended before it happened.
    /// Doing it again does it for the first time.
    NeverHappened(String),
    /// It happened.
    Happened(String),
    /// Nobody can say, or it failed halfway: a person has to look.
    CannotTell(String),
}

/// Looks the step up. Open intents should be settled before.
pub fn fate(log: &dyn AuditLog, mark: &str) -> Result<Fate, JournalError> {
    let reading = log.read_last(MOST)?;
    let of_step = |record: &Value| record.get("step").and_then(Value::as_str) == Some(mark);
    let found = entries(reading.records).into_iter().rfind(|entry| entry.records.iter().any(of_step));
    let Some(entry) = found else {
        return Ok(Fate::NeverHappened("the audit log holds no intent of it, so nothing was sent".into()));
    };
    let Some(ended) = &entry.end else {
        return Ok(Fate::CannotTell(format!("the audit log holds its intent {} and no outcome", entry.id)));
    };
    let detail = ended.detail.as_deref().unwrap_or(&ended.word);
    let told = format!("audit log, {}: {}, {detail}", entry.id, ended.word);
    let settled = entry.records.iter().rev().find_map(|record| record.get("settled")?.as_str());
    Ok(match (ended.word.as_str(), settled) {
        ("done", _) | (_, Some("happened")) | ("unverified", None) => Fate::Happened(told),
        ("refused" | "cancelled" | "conflict", _) | (_, Some("did-not-happen")) => Fate::NeverHappened(told),
        _ => Fate::CannotTell(told),
    })
}
