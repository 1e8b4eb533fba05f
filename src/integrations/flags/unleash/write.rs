//! Writes to Unleash: with the door's pass, after a last look that nothing has changed since the plan.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::wire::{ChangeRequest, Problem};
use super::{Unleash, feature_path, words};
use crate::actions::approval::{Approved, Mutator, Receipt};
use crate::domain::flag::{FlagChange, FlagRef, FlagWrite, RawFlag};
use crate::domain::mutation::{Change, Mutation};
use crate::domain::text::clean;
use crate::integrations::flags::road::Request;
use crate::integrations::flags::segment;
use crate::integrations::http::{HttpAnswer, JSON};
use crate::ports::Future;
use crate::ports::cluster::ClusterError;
use crate::ports::flags::FlagProvider as _;

/// What switching a flag needs.
pub(super) const TOGGLE: &str = "UPDATE_FEATURE_ENVIRONMENT";

/// The error's name when what is to be changed was archived (`ArchivedFeatureError`, answered with 400).
const ARCHIVED: &str = "ArchivedFeatureError";

/// The permission that a change needs.
pub(super) const fn needs(change: &FlagChange) -> &'static str {
    match change {
        FlagChange::Enabled(_) => TOGGLE,
        FlagChange::Variant(_) => "UPDATE_FEATURE_ENVIRONMENT_VARIANTS",
        FlagChange::Percentage(_) => "UPDATE_FEATURE_STRATEGY",
    }
}

impl Mutator for Unleash {
    fn execute(&self, approved: Approved<Mutation>) -> Future<'_, Result<Receipt, ClusterError>> {
        Box::pin(async move {
            let mutation = approved.get();
            let (Change::Flag(write), Some(flag)) = (&mutation.change, FlagRef::of_object(&mutation.target)) else {
                return Err(ClusterError::Rejected(format!("{}: that is no flag", mutation.target)));
            };
            let raw = flag.raw();
            self.road.ready()?;
            let request = self.last_look(&flag, &raw, write).await?;
            let answer = self.road.send(&approved, &request).await?;
            self.judge(&answer)?;
            if write.as_request {
                self.put_to_review(&approved, &raw, &answer).await?;
            }
            Ok(Receipt { resource_version: String::new(), generation: 0, warnings: Vec::new() })
        })
    }
}

impl Unleash {
    /// Reads the flag again; as long as it is as it was planned on, the request that changes it.
    async fn last_look(&self, flag: &FlagRef, raw: &RawFlag, write: &FlagWrite) -> Result<Request, ClusterError> {
        let conflict = |why: String| ClusterError::Conflict(format!("flag {flag} {why}"));
        let (feature, facts) = match self.read(flag).await {
            Err(ClusterError::NotFound(_)) => return Err(conflict("was deleted or archived".into())),
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
        let environment = segment(&raw.environment);
        let of_flag = format!("{}/environments/{environment}", feature_path(raw)?);
        if write.as_request {
            let FlagChange::Enabled(enabled) = write.set else {
                return Err(ClusterError::Rejected("change requests are filed from here for on and off alone".into()));
            };
            return Ok(Request {
                method: "POST",
                path: format!(
                    "/api/admin/projects/{}/environments/{environment}/change-requests",
                    segment(&raw.project)
                ),
                content_type: JSON,
                body: json!({"feature": raw.key, "action": "updateEnabled", "payload": {"enabled": enabled}}),
            });
        }
        match &write.set {
            FlagChange::Enabled(enabled) => {
                let word = if *enabled { "on" } else { "off" };
                Ok(Request { method: "POST", path: format!("{of_flag}/{word}"), content_type: JSON, body: Value::Null })
            }
            FlagChange::Percentage(percent) => {
                let strategies = feature.environment(&raw.environment).map(words::strategies).unwrap_or_default();
                let id = words::rollout(&strategies).map(|(strategy, _)| strategy.id.as_str());
                let id = id.filter(|id| !id.is_empty()).ok_or_else(|| conflict("has no roll-out any more".into()))?;
                Ok(Request {
                    method: "PATCH",
                    path: format!("{of_flag}/strategies/{}", segment(id)),
                    content_type: JSON,
                    body: json!([{"op": "replace", "path": "/parameters/rollout", "value": percent.to_string()}]),
                })
            }
            FlagChange::Variant(_) => {
                Err(ClusterError::Rejected("Unleash has no default variant: it chooses by weights".into()))
            }
        }
    }

    /// What an answer to a write says.
    fn judge(&self, answer: &HttpAnswer) -> Result<(), ClusterError> {
        let problem: Option<Problem> = serde_json::from_slice(&answer.body).ok();
        let said = || {
            let said = problem.as_ref().and_then(Problem::words).map(|text| clean(text).into_owned());
            said.unwrap_or_else(|| self.fault(answer).message)
        };
        match answer.status {
            200..300 if !answer.is_html() => Ok(()),
            // It went somewhere that is not the API; what that did is not known.
            200..300 => Err(ClusterError::Unknown(self.fault(answer).message)),
            // It was there a moment ago: archiving it came between the last look and the write.
            400 if problem.as_ref().is_some_and(|problem| problem.name == ARCHIVED) => {
                Err(ClusterError::Conflict(said()))
            }
            400 | 422 => Err(ClusterError::Rejected(said())),
            403 => {
                // Change requests may have been demanded since.
                self.without_requests.store(false, Ordering::Relaxed);
                Err(ClusterError::Forbidden(self.fault(answer).message))
            }
            // It was there a moment ago.
            404 | 409 if !answer.is_html() => Err(ClusterError::Conflict(said())),
            500 | 502 | 504 => Err(ClusterError::Unknown(said())),
            _ => Err(self.fault(answer).into()),
        }
    }

    /// A change request begins as a draft that nobody sees: it is put to its reviewers.
    async fn put_to_review(
        &self,
        pass: &Approved<Mutation>,
        raw: &RawFlag,
        filed: &HttpAnswer,
    ) -> Result<(), ClusterError> {
        let filed: Option<ChangeRequest> = serde_json::from_slice(&filed.body).ok();
        let Some(filed) = filed.filter(|filed| filed.id > 0) else {
            let why = format!("{} did not tell the number of the change request", self.origin());
            return Err(ClusterError::Unknown(why));
        };
        let request = Request {
            method: "PUT",
            path: format!("/api/admin/projects/{}/change-requests/{}/state", segment(&raw.project), filed.id),
            content_type: JSON,
            body: json!({"state": "In review"}),
        };
        let answer = self.road.send(pass, &request).await;
        let judged = answer.and_then(|answer| self.judge(&answer));
        judged.map_err(|error| {
            ClusterError::Unknown(format!("change request #{} is a draft and not in review: {error}", filed.id))
        })
    }
}
