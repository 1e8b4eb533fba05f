//! What the token may do, and what `doctor` wants to know.

use super::wire::{Granted, List, Project};
use super::{Flagsmith, Place, TOGGLE};
use crate::domain::text::clean;
use crate::integrations::flags::road::body;
use crate::integrations::flags::segment;
use crate::ports::cluster::Permission;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::flags::{FlagCheck, FlagFinding};

impl Flagsmith {
    /// May the token's owner do it? An organisation's key that is nobody's is not told.
    pub(super) async fn may(&self, place: &Place) -> Result<Permission, Fault> {
        let path = format!("/api/v1/environments/{}/my-permissions/", segment(&place.environment.api_key));
        let answer = self.road.ask(&path, &[]).await?;
        let Some(granted) = body::<Granted>(&answer) else {
            let why = "Flagsmith does not tell beforehand what an organisation's API key may do";
            return Err(Fault::new(FaultKind::NotServed, why));
        };
        let allowed = granted.admin || granted.permissions.iter().any(|one| one == TOGGLE);
        let what =
            format!("{TOGGLE} in project {}, environment {}", clean(&place.label), clean(&place.environment.name));
        let reason = (!allowed).then(|| "no role of the token grants it in Flagsmith".to_owned());
        Ok(Permission { allowed, what, reason })
    }

    pub(super) async fn checks(&self) -> Vec<FlagCheck> {
        let mut checks = Vec::new();
        let mut add = |name: &str, result| checks.push(FlagCheck { name: name.to_owned(), result });
        let answer = match self.road.ask("/api/v1/projects/", &[]).await {
            Ok(answer) => answer,
            Err(fault) => {
                add("token", FlagFinding::Failed(fault));
                return checks;
            }
        };
        if let Some(date) = answer.date {
            add("clock", FlagFinding::Clock(date));
        }
        if let Err(fault) = self.parsed::<List<Project>>(&answer) {
            add("token", FlagFinding::Failed(fault));
            return checks;
        }
        add("token", FlagFinding::Well(format!("{} accepts it", self.road.origin())));
        let places = match self.places().await {
            Ok(places) => places,
            Err(fault) => {
                add("project", FlagFinding::Failed(fault));
                return checks;
            }
        };
        for place in &places {
            let name = format!("{}, {}", clean(&place.label), clean(&place.environment.name));
            add("project", FlagFinding::Well(name.clone()));
            let finding = match self.may(place).await {
                Ok(Permission { allowed: true, what, .. }) => FlagFinding::Well(what),
                Ok(Permission { what, reason, .. }) => FlagFinding::Loss(
                    format!("it may look and not switch: {what} is missing; {}", reason.unwrap_or_default()),
                    "give the token a role with that permission, or use read-only = true and mean it".into(),
                ),
                Err(fault) => FlagFinding::Loss(
                    format!("whether it may switch flags of {name} is not known: {}", fault.message),
                    "the first write shows it".into(),
                ),
            };
            add("permission", finding);
        }
        if places.is_empty() {
            let why = format!("no project has an environment {}", clean(&self.settings.environments.join(" or ")));
            add("project", FlagFinding::Loss(why, "correct flags.environments".into()));
        }
        checks
    }
}
