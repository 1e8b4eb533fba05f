//! What the token may do, and what `doctor` wants to know.

use serde_json::Value;

use super::wire::Me;
use super::{Unleash, those, write};
use crate::domain::flag::RawFlag;
use crate::domain::text::clean;
use crate::ports::cluster::Permission;
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::flags::{FlagCheck, FlagFinding, FlagProvider as _};

impl Unleash {
    /// May the token's user do it? Roles that cannot be read are an error.
    pub(super) async fn may(&self, permission: &str, raw: &RawFlag) -> Result<Permission, Fault> {
        let me: Me = self.fetch("/api/admin/user", &[]).await?;
        let named =
            |wanted: &str, given: Option<&str>| given.is_none_or(|given| matches!(given, "" | "*") || given == wanted);
        let allowed = me.permissions.iter().any(|granted| {
            granted.permission == "ADMIN"
                || (granted.permission == permission
                    && named(&raw.project, granted.project.as_deref())
                    && named(&raw.environment, granted.environment.as_deref()))
        });
        let what = format!("{permission} in project {}, environment {}", clean(&raw.project), clean(&raw.environment));
        let reason = (!allowed).then(|| format!("no role of {} grants it in Unleash", user(&me)));
        Ok(Permission { allowed, what, reason })
    }

    pub(super) async fn checks(&self) -> Vec<FlagCheck> {
        let mut checks = Vec::new();
        let mut add = |name: &str, result| checks.push(FlagCheck { name: name.to_owned(), result });
        let me = match self.road.ask("/api/admin/user", &[]).await {
            Ok(answer) => {
                if let Some(date) = answer.date {
                    add("clock", FlagFinding::Clock(date));
                }
                self.parsed::<Me>(&answer)
            }
            Err(fault) => Err(fault),
        };
        let me = match me {
            Ok(me) => {
                add("token", FlagFinding::Well(format!("{}, as {}", self.origin(), user(&me))));
                Some(me)
            }
            // Nothing else will work either.
            Err(fault) if fault.kind != FaultKind::NotServed => {
                add("token", FlagFinding::Failed(fault));
                return checks;
            }
            Err(_) => None,
        };
        add(
            "project",
            match self.chosen_projects().await {
                Ok(Some(projects)) => FlagFinding::Well(format!("reads {}", those(&projects))),
                Ok(None) => FlagFinding::Well("reads all that the token may see".into()),
                Err(fault) => FlagFinding::Failed(fault),
            },
        );
        add(
            "environment",
            match self.check_environments().await {
                Ok(()) => FlagFinding::Well(clean(&self.settings.environments.join(", ")).into_owned()),
                Err(fault) => FlagFinding::Failed(fault),
            },
        );
        if me.is_some() {
            let projects = self.settings.projects.clone().filter(|names| names.iter().all(|name| !name.contains('*')));
            let project = projects.and_then(|names| names.into_iter().next()).unwrap_or_else(|| "default".into());
            for environment in &self.settings.environments {
                let raw = RawFlag { project: project.clone(), environment: environment.clone(), key: String::new() };
                add(
                    "permission",
                    match self.may(write::TOGGLE, &raw).await {
                        Ok(Permission { allowed: true, what, .. }) => FlagFinding::Well(what),
                        Ok(Permission { what, reason, .. }) => FlagFinding::Loss(
                            format!("it may look and not switch: {what} is missing; {}", reason.unwrap_or_default()),
                            "give its user a role with that permission, or use read-only = true and mean it".into(),
                        ),
                        Err(fault) => FlagFinding::Failed(fault),
                    },
                );
            }
        }
        checks
    }
}

/// Who the token belongs to.
fn user(me: &Me) -> String {
    let name = |key: &str| me.user.get(key).and_then(Value::as_str).filter(|name| !name.is_empty());
    clean(name("username").or_else(|| name("name")).or_else(|| name("email")).unwrap_or("the token")).into_owned()
}
