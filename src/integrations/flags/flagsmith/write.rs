//! Writes to Flagsmith: with the door's pass, after a last look that nothing has changed since the plan.

use serde_json::{Value, json};

use super::{Flagsmith, Read, default_of, said, words};
use crate::actions::approval::{Approved, Mutator, Receipt};
use crate::domain::flag::{FlagChange, FlagRef, FlagWrite};
use crate::domain::mutation::{Change, Mutation};
use crate::domain::text::clean;
use crate::integrations::flags::road::Request;
use crate::integrations::flags::segment;
use crate::integrations::http::{HttpAnswer, JSON};
use crate::ports::Future;
use crate::ports::cluster::ClusterError;

impl Mutator for Flagsmith {
    fn execute(&self, approved: Approved<Mutation>) -> Future<'_, Result<Receipt, ClusterError>> {
        Box::pin(async move {
            let mutation = approved.get();
            let (Change::Flag(write), Some(flag)) = (&mutation.change, FlagRef::of_object(&mutation.target)) else {
                return Err(ClusterError::Rejected(format!("{}: that is no flag", mutation.target)));
            };
            self.road.ready()?;
            let read = self.last_look(&flag, write).await?;
            let request = request(&read, &write.set)?;
            let mut answer = self.road.send(&approved, &request).await?;
            let newer = read.place.environment.use_v2_feature_versioning || is_versioned(&answer);
            if answer.status == 400 && newer && !read.place.environment.use_v2_feature_versioning {
                // Feature versioning was turned on in between: nothing was written, and there is another way.
                answer = self.road.send(&approved, &future(&read, &write.set)?).await?;
            }
            if answer.status == 404 && newer && !answer.is_html() {
                // An older server has versions and not yet the way that hides them.
                answer = self.road.send(&approved, &published(&read, &write.set)?).await?;
            }
            self.judge(&answer, &read)?;
            Ok(Receipt { resource_version: String::new(), generation: 0, warnings: Vec::new() })
        })
    }
}

impl Flagsmith {
    /// Reads the flag again: it has to be as it was planned on.
    async fn last_look(&self, flag: &FlagRef, write: &FlagWrite) -> Result<Read, ClusterError> {
        let conflict = |why: String| ClusterError::Conflict(format!("flag {flag} {why}"));
        let read = match self.read(flag).await {
            Err(ClusterError::NotFound(_)) => return Err(conflict("was deleted".into())),
            read => read?,
        };
        if read.facts.archived {
            return Err(conflict("was archived".into()));
        }
        if read.facts.version != write.version {
            let state = if read.facts.enabled { "on" } else { "off" };
            return Err(conflict(format!("was changed: it is {state} now, for {}", read.facts.serves())));
        }
        if read.facts.approval.is_some() {
            return Err(conflict("now needs a change request, which is filed in Flagsmith itself".into()));
        }
        Ok(read)
    }

    /// What an answer to a write says.
    fn judge(&self, answer: &HttpAnswer, read: &Read) -> Result<(), ClusterError> {
        let place = clean(&read.place.environment.name).to_uppercase();
        let words = || said(answer).unwrap_or_else(|| self.fault(answer).message);
        match answer.status {
            204 => Ok(()),
            200 | 201 if !answer.is_html() && serde_json::from_slice::<Value>(&answer.body).is_ok() => Ok(()),
            // It went somewhere that is not the API; what that did is not known.
            200..300 => Err(ClusterError::Unknown(self.road.fault(answer).message)),
            400 | 422 if !answer.is_html() => Err(ClusterError::Rejected(format!("Flagsmith refuses it: {}", words()))),
            403 => Err(ClusterError::Forbidden(format!(
                "{}; the permission is {} in {place}",
                self.fault(answer).message,
                super::TOGGLE
            ))),
            // It was there a moment ago.
            404 if !answer.is_html() => Err(ClusterError::Conflict(format!("the flag is gone: {}", words()))),
            409 if code(answer).as_deref() == Some("change_requests_enabled") => Err(ClusterError::Rejected(format!(
                "changes in {place} go through change requests, which are filed in Flagsmith itself: {}",
                words()
            ))),
            409 => Err(ClusterError::Conflict(format!("somebody else changed the flag just now: {}", words()))),
            500 | 502 | 504 => Err(ClusterError::Unknown(words())),
            _ => Err(self.fault(answer).into()),
        }
    }
}

fn code(answer: &HttpAnswer) -> Option<String> {
    let problem: Value = serde_json::from_slice(&answer.body).ok()?;
    problem.get("code").and_then(Value::as_str).map(str::to_owned)
}

/// Does a refusal say that the environment has feature versioning?
fn is_versioned(answer: &HttpAnswer) -> bool {
    answer.status == 400 && said(answer).is_some_and(|said| said.to_lowercase().contains("version"))
}

fn request(read: &Read, set: &FlagChange) -> Result<Request, ClusterError> {
    if read.place.environment.use_v2_feature_versioning { future(read, set) } else { state(read, set) }
}

/// The share of each option after a change, by id; empty when shares stay as they are.
fn shares(read: &Read, set: &FlagChange) -> Result<Vec<(u64, u8)>, ClusterError> {
    let options = &read.feature.multivariate_options;
    let rejected = |why: String| ClusterError::Rejected(format!("flag {}: {why}", clean(&read.feature.name)));
    match set {
        FlagChange::Enabled(_) => Ok(Vec::new()),
        FlagChange::Percentage(percent) => match options.as_slice() {
            [one] => Ok(vec![(one.id, *percent)]),
            _ => Err(rejected("a share is set here only where there is exactly one value beside its own".into())),
        },
        FlagChange::Variant(name) => {
            let labels: Vec<String> = options.iter().map(|option| words::label(options, option)).collect();
            if name != words::CONTROL && !labels.contains(name) {
                return Err(rejected(format!("it has no value `{}`", clean(name))));
            }
            let share = |label: &String| if label == name { 100 } else { 0 };
            Ok(options.iter().zip(&labels).map(|(option, label)| (option.id, share(label))).collect())
        }
    }
}

/// A feature state, as environments without feature versioning have it.
fn state(read: &Read, set: &FlagChange) -> Result<Request, ClusterError> {
    let default = default_of(&read.states).ok_or_else(|| ClusterError::NotFound("its state".into()))?;
    let path =
        format!("/api/v1/environments/{}/featurestates/{}/", segment(&read.place.environment.api_key), default.id);
    if let FlagChange::Enabled(enabled) = set {
        return Ok(Request { method: "PATCH", path, content_type: JSON, body: json!({"enabled": enabled}) });
    }
    // PATCH leaves shares out; PUT changes no more than what it is given.
    let body = json!({"multivariate_feature_state_values": states_of(read, set)?});
    Ok(Request { method: "PUT", path, content_type: JSON, body })
}

/// Shares as a feature state holds them: all of them, as those that are left out would be deleted.
fn states_of(read: &Read, set: &FlagChange) -> Result<Vec<Value>, ClusterError> {
    let known = default_of(&read.states).map(|state| state.multivariate_feature_state_values.as_slice());
    let known = known.unwrap_or_default();
    let one = |(option, percent): &(u64, u8)| {
        let mut value = json!({"multivariate_feature_option": option, "percentage_allocation": percent});
        if let Some(share) = known.iter().find(|share| share.multivariate_feature_option == *option) {
            value["id"] = json!(share.id);
        }
        value
    };
    Ok(shares(read, set)?.iter().map(one).collect())
}

/// The endpoint that changes what it is given, and publishes a version where there are versions.
fn future(read: &Read, set: &FlagChange) -> Result<Request, ClusterError> {
    let (key, id) = (segment(&read.place.environment.api_key), read.feature.id);
    let default = if let FlagChange::Enabled(enabled) = set {
        json!({"enabled": enabled})
    } else {
        let variants = shares(read, set)?;
        let variants: Vec<_> = variants.iter().map(|(id, weight)| json!({"id": id, "weight": weight})).collect();
        json!({"variants": variants})
    };
    Ok(Request {
        method: "PATCH",
        path: format!("/api/__future__/environments/{key}/features/{id}/"),
        content_type: JSON,
        body: json!({"environment_default": default}),
    })
}

/// A version with the changed state, published at once.
fn published(read: &Read, set: &FlagChange) -> Result<Request, ClusterError> {
    let default = default_of(&read.states).ok_or_else(|| ClusterError::NotFound("its state".into()))?;
    let enabled = if let FlagChange::Enabled(enabled) = set { *enabled } else { default.enabled };
    let shares = match set {
        FlagChange::Enabled(_) => {
            let kept = default.multivariate_feature_state_values.iter();
            kept.map(|share| {
                json!({"multivariate_feature_option": share.multivariate_feature_option,
                    "percentage_allocation": share.percentage_allocation})
            })
            .collect()
        }
        _ => states_of(read, set)?,
    };
    let changed = json!({
        "feature_segment": null, "enabled": enabled, "feature_state_value": default.feature_state_value,
        "multivariate_feature_state_values": shares,
    });
    Ok(Request {
        method: "POST",
        path: format!("/api/v1/environments/{}/features/{}/versions/", read.place.environment.id, read.feature.id),
        content_type: JSON,
        body: json!({"publish_immediately": true, "feature_states_to_update": [changed]}),
    })
}
