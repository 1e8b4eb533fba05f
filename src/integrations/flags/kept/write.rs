//! Writes: with the door's pass, made from the object as it is then, and only while the flag is as it was planned on.

use serde_json::Value;

use super::{Form, Kept, Place, place};
use crate::actions::approval::{Approved, Mutator, Receipt};
use crate::domain::flag::{FlagKnob, FlagRef, FlagWrite};
use crate::domain::mutation::{Change, Mutation};
use crate::integrations::kubernetes::objects::unchanged;
use crate::ports::Future;
use crate::ports::cluster::{ClusterError, DryRun, Permission};

impl<F: Form> Mutator for Kept<F> {
    fn execute(&self, approved: Approved<Mutation>) -> Future<'_, Result<Receipt, ClusterError>> {
        Box::pin(async move {
            let (flag, write) = parts(approved.get())?;
            let raw = flag.raw();
            let patch = self.prepared(&flag, write).await?;
            let Place { spot, .. } = place(&raw.project)?;
            self.objects.patch(&approved, spot, patch).await
        })
    }
}

fn parts(mutation: &Mutation) -> Result<(FlagRef, &FlagWrite), ClusterError> {
    match (&mutation.change, FlagRef::of_object(&mutation.target)) {
        (Change::Flag(write), Some(flag)) => Ok((flag, write)),
        _ => Err(ClusterError::Rejected(format!("{}: that is no flag", mutation.target))),
    }
}

impl<F: Form> Kept<F> {
    /// Looks at the flag once more; as long as it is as it was planned on, the patch that changes it and nothing else.
    async fn prepared(&self, flag: &FlagRef, write: &FlagWrite) -> Result<Value, ClusterError> {
        let conflict = |why: String| ClusterError::Conflict(format!("flag {flag} {why}"));
        let (object, facts) = match self.read(flag).await {
            Err(ClusterError::NotFound(_)) => {
                return Err(conflict("was deleted, or the object that it was kept in".into()));
            }
            read => read?,
        };
        if facts.version != write.version {
            let state = if facts.enabled { "on" } else { "off" };
            return Err(conflict(format!("was changed: it is {state} now, users get: {}", facts.serves())));
        }
        let knob = write.set.knob();
        if write.as_request || !facts.takes.contains(&knob) {
            let what = match knob {
                FlagKnob::Enabled => "switched",
                FlagKnob::Variant => "given another variant",
                FlagKnob::Percentage => "given another percentage",
            };
            return Err(ClusterError::Rejected(format!("flag {flag} cannot be {what} from here")));
        }
        let raw = flag.raw();
        let mut patch = vec![unchanged(&object)];
        patch.extend(self.reader.form.patch(&object, place(&raw.project)?.part, &raw.key, &write.set)?);
        Ok(Value::Array(patch))
    }

    /// May we patch this very object?
    pub(super) async fn allowed(&self, mutation: &Mutation) -> Result<Permission, ClusterError> {
        let (flag, _) = parts(mutation)?;
        let raw = flag.raw();
        let Place { spot, .. } = place(&raw.project)?;
        self.objects.may("patch", Some(spot.namespace), Some(spot.name)).await
    }

    /// The same patch with `dryRun=All`; gives the flag as it would be.
    pub(super) async fn rehearsed(&self, mutation: &Mutation) -> Result<DryRun, ClusterError> {
        let (flag, write) = parts(mutation)?;
        let raw = flag.raw();
        let patch = self.prepared(&flag, write).await?;
        let Place { spot, part } = place(&raw.project)?;
        let DryRun { object, warnings } = self.objects.rehearse(mutation, spot, patch).await?;
        let facts = self.reader.facts(&object, part, &raw.key)?;
        let object = serde_json::to_value(facts).map_err(|error| ClusterError::Rejected(error.to_string()))?;
        Ok(DryRun { object, warnings })
    }
}
