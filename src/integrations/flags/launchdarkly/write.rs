//! Writes to LaunchDarkly: with the door's pass, after a last look that nothing has changed since the plan; and the same
//! patches as its dry run takes them.

use std::sync::PoisonError;

use serde_json::{Value, json};

use super::wire::{Flag, Outcome};
use super::{LaunchDarkly, approvals, flag_path, resource, said, words};
use crate::actions::approval::{Approved, Mutator, Receipt};
use crate::domain::flag::{FlagChange, FlagRef, FlagWrite, RawFlag};
use crate::domain::mutation::{Change, Mutation};
use crate::domain::text::clean;
use crate::integrations::flags::road::{Request, body};
use crate::integrations::http::{HttpAnswer, JSON};
use crate::ports::Future;
use crate::ports::cluster::{ClusterError, DryRun};

/// What makes a patch a list of instructions.
const SEMANTIC: &str = "application/json; domain-model=launchdarkly.semanticpatch";

/// The action that a role has to allow for a change.
pub(super) const fn needs(write: &FlagWrite) -> &'static str {
    match write.set {
        _ if write.as_request => "createApprovalRequest",
        FlagChange::Enabled(_) => "updateOn",
        FlagChange::Variant(_) | FlagChange::Percentage(_) => "updateFallthrough",
    }
}

/// The parts of a mutation that is one of ours.
pub(super) fn parts(mutation: &Mutation) -> Result<(FlagRef, &FlagWrite), ClusterError> {
    match (&mutation.change, FlagRef::of_object(&mutation.target)) {
        (Change::Flag(write), Some(flag)) => Ok((flag, write)),
        _ => Err(ClusterError::Rejected(format!("{}: that is no flag", mutation.target))),
    }
}

impl Mutator for LaunchDarkly {
    fn execute(&self, approved: Approved<Mutation>) -> Future<'_, Result<Receipt, ClusterError>> {
        Box::pin(async move {
            let (flag, write) = parts(approved.get())?;
            let raw = flag.raw();
            self.road.ready()?;
            let read = self.last_look(&flag, write).await?;
            let request = request(&read, &raw, write)?;
            let answer = self.road.send(&approved, &request).await?;
            self.judge(&answer, &raw, write)?;
            Ok(Receipt { resource_version: String::new(), generation: 0, warnings: Vec::new() })
        })
    }
}

impl LaunchDarkly {
    /// Reads the flag again: it has to be as it was planned on.
    async fn last_look(&self, flag: &FlagRef, write: &FlagWrite) -> Result<Flag, ClusterError> {
        let conflict = |why: String| ClusterError::Conflict(format!("flag {flag} {why}"));
        let (read, facts) = match self.read(flag).await {
            Err(ClusterError::NotFound(_)) => return Err(conflict("was deleted".into())),
            read => read?,
        };
        if facts.archived {
            return Err(conflict("was archived".into()));
        }
        if facts.version != write.version {
            let state = if facts.enabled { "on" } else { "off" };
            return Err(conflict(format!("was changed: it is {state} now, for {}", facts.serves())));
        }
        if facts.approval.is_some() != write.as_request {
            let now = if facts.approval.is_some() { "now needs an approval" } else { "needs no approval any more" };
            return Err(conflict(now.into()));
        }
        Ok(read)
    }

    /// What LaunchDarkly says the flag would be.
    pub(super) async fn preview(&self, mutation: &Mutation) -> Result<DryRun, ClusterError> {
        let (flag, write) = parts(mutation)?;
        let raw = flag.raw();
        let read = self.flag(&raw).await?;
        let request = request(&read, &raw, write)?;
        let answer = self.road.rehearse(&request).await?;
        self.judge(&answer, &raw, write)?;
        let preview: Option<Flag> = body(&answer);
        let shown = preview.as_ref().and_then(|flag| Some((flag, flag.environments.get(&raw.environment)?)));
        let Some((preview, environment)) = shown else {
            let warnings = vec!["its preview does not show this environment".to_owned()];
            return Ok(DryRun { object: Value::Null, warnings });
        };
        let facts = self.told(preview, environment, &raw.key);
        let comes_true = match &write.set {
            FlagChange::Enabled(enabled) => facts.enabled == *enabled,
            FlagChange::Variant(name) => facts.variant.as_ref() == Some(name),
            FlagChange::Percentage(percent) => facts.percentage == Some(*percent),
        };
        let warnings =
            if comes_true { Vec::new() } else { vec![format!("its preview shows something else: {}", facts.serves())] };
        Ok(DryRun { object: serde_json::to_value(facts).unwrap_or_default(), warnings })
    }

    /// What an answer to a write, or to its preview, says.
    fn judge(&self, answer: &HttpAnswer, raw: &RawFlag, write: &FlagWrite) -> Result<(), ClusterError> {
        let place = clean(&raw.environment).to_uppercase();
        let words = || said(answer).unwrap_or_else(|| self.fault(answer).message);
        match answer.status {
            200 | 201 if !answer.is_html() && serde_json::from_slice::<Value>(&answer.body).is_ok() => Ok(()),
            // It went somewhere that is not the API; what that did is not known.
            200..300 => Err(ClusterError::Unknown(self.road.fault(answer).message)),
            400 if !answer.is_html() => Err(ClusterError::Rejected(format!(
                "LaunchDarkly refuses it: {}; a change that is scheduled or waits for an approval may stand in the way",
                words()
            ))),
            403 => Err(ClusterError::Forbidden(format!(
                "{}; the action is {} on {}",
                self.fault(answer).message,
                needs(write),
                clean(&resource(raw))
            ))),
            // It was there a moment ago.
            404 if !answer.is_html() => Err(ClusterError::Conflict(format!("the flag is gone: {}", words()))),
            405 if !answer.is_html() => {
                let mut demanding = self.demanding.lock().unwrap_or_else(PoisonError::into_inner);
                demanding.insert((raw.project.clone(), raw.environment.clone()));
                Err(ClusterError::Rejected(format!(
                    "changes in {place} need an approval ({}): plan it again, and the request for it is filed",
                    words()
                )))
            }
            409 => Err(ClusterError::Conflict(format!("somebody else changed the flag just now: {}", words()))),
            422 => Err(ClusterError::Rejected(words())),
            500 | 502 | 504 => Err(ClusterError::Unknown(words())),
            _ => Err(self.fault(answer).into()),
        }
    }
}

/// The patch, or the request for an approval of it.
fn request(flag: &Flag, raw: &RawFlag, write: &FlagWrite) -> Result<Request, ClusterError> {
    let instruction = instruction(flag, raw, write)?;
    let comment = write.comment.as_deref().map(str::trim).filter(|text| !text.is_empty());
    if write.as_request {
        let mut body = json!({
            "description": comment.unwrap_or("asked for from opsdeck"),
            "instructions": [instruction],
        });
        if let Some(comment) = comment {
            body["comment"] = json!(comment);
        }
        return Ok(Request { method: "POST", path: approvals::path(raw), content_type: JSON, body });
    }
    let mut body = json!({"environmentKey": raw.environment, "instructions": [instruction]});
    if let Some(comment) = comment {
        body["comment"] = json!(comment);
    }
    Ok(Request { method: "PATCH", path: flag_path(raw)?, content_type: SEMANTIC, body })
}

fn instruction(flag: &Flag, raw: &RawFlag, write: &FlagWrite) -> Result<Value, ClusterError> {
    const DEFAULT: &str = "updateFallthroughVariationOrRollout";
    let rejected = |why: String| ClusterError::Rejected(format!("flag {}: {why}", clean(&raw.key)));
    let id = |index: usize| flag.variations.get(index).map(|variation| variation.id.as_str());
    match &write.set {
        FlagChange::Enabled(true) => Ok(json!({"kind": "turnFlagOn"})),
        FlagChange::Enabled(false) => Ok(json!({"kind": "turnFlagOff"})),
        FlagChange::Variant(name) => {
            let id = words::variation(flag, name).and_then(id);
            let id = id.ok_or_else(|| rejected(format!("it has no variation `{}`", clean(name))))?;
            Ok(json!({"kind": DEFAULT, "variationId": id}))
        }
        FlagChange::Percentage(percent) => {
            let yes = words::yes(flag).ok_or_else(|| rejected("only a boolean flag has a share of users".into()))?;
            let (Some(on), Some(off)) = (id(yes), id(1 - yes)) else {
                return Err(rejected("its variations have no ids".into()));
            };
            let environment = flag.environments.get(&raw.environment);
            let default = environment.and_then(|environment| environment.fallthrough.as_ref());
            let special = default.is_some_and(divides_specially);
            // All or nobody is a plain variation again, unless that would forget by what users are divided. A request
            // keeps to weights, so that it shows what it wants.
            if matches!(percent, 0 | 100) && !special && !write.as_request {
                return Ok(json!({"kind": DEFAULT, "variationId": if *percent == 100 { on } else { off }}));
            }
            let weight = u32::from(*percent) * 1_000;
            let mut instruction =
                json!({"kind": DEFAULT, "rolloutWeights": {on: weight, off: words::WHOLE.saturating_sub(weight)}});
            if let Some(rollout) = default.and_then(|default| default.rollout.as_ref()) {
                let kept = [("rolloutBucketBy", &rollout.bucket_by), ("rolloutContextKind", &rollout.context_kind)];
                for (name, value) in kept {
                    if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
                        instruction[name] = json!(value);
                    }
                }
            }
            Ok(instruction)
        }
    }
}

/// Are users divided by something else than their own key?
fn divides_specially(outcome: &Outcome) -> bool {
    outcome.rollout.as_ref().is_some_and(|rollout| {
        !matches!(rollout.bucket_by.as_deref(), None | Some("" | "key"))
            || !matches!(rollout.context_kind.as_deref(), None | Some("" | "user"))
    })
}
