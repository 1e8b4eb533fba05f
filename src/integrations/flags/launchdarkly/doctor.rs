//! What the token may do, and what `doctor` wants to know.

use super::wire::{Caller, Granted, Token};
use super::{LaunchDarkly, resource, write};
use crate::domain::flag::{FlagChange, FlagWrite, RawFlag};
use crate::domain::mutation::Mutation;
use crate::domain::text::clean;
use crate::integrations::flags::road::those;
use crate::integrations::flags::segment;
use crate::ports::cluster::{ClusterError, Permission};
use crate::ports::feed::{Fault, FaultKind};
use crate::ports::flags::{FlagCheck, FlagFinding};

impl LaunchDarkly {
    /// May this token do it? The flag itself tells, or the token's role; custom roles tell nothing beforehand.
    pub(super) async fn may(&self, mutation: &Mutation) -> Result<Permission, ClusterError> {
        let (flag, write) = write::parts(mutation)?;
        let raw = flag.raw();
        let action = write::needs(write);
        let read = self.flag(&raw).await?;
        let access = read.environments.get(&raw.environment).and_then(|environment| environment.access.as_ref());
        if let Some(access) = access {
            let find = |granted: &[Granted]| granted.iter().position(|one| one.action == action);
            let what = format!("{action} on {}", clean(&resource(&raw)));
            if let Some(index) = find(&access.denied) {
                let role = access.denied[index].reason.as_ref().and_then(|reason| reason.role_name.as_deref());
                let by = role.map_or_else(|| "its role".into(), |role| format!("the role {}", clean(role)));
                return Ok(Permission {
                    allowed: false,
                    what,
                    reason: Some(format!("{by} denies it in LaunchDarkly")),
                });
            }
            if find(&access.allowed).is_some() {
                return Ok(Permission { allowed: true, what, reason: None });
            }
        }
        Ok(self.by_role(&raw, action).await?)
    }

    /// What the token's role says of an action; an error where it does not.
    async fn by_role(&self, raw: &RawFlag, action: &str) -> Result<Permission, Fault> {
        let caller: Caller = self.fetch("/api/v2/caller-identity", &[]).await?;
        let untold =
            |why: &str| Fault::new(FaultKind::NotServed, format!("LaunchDarkly does not tell beforehand: {why}"));
        let id = caller.token_id.filter(|id| !id.is_empty()).ok_or_else(|| untold("the token has no name there"))?;
        let token: Token = self.fetch(&format!("/api/v2/tokens/{}", segment(&id)), &[]).await?;
        let custom = token.custom_role_ids.as_ref().is_some_and(|ids| !ids.is_empty())
            || token.inline_role.as_ref().is_some_and(|policy| !policy.is_empty());
        let what = format!("{action} on {}", clean(&resource(raw)));
        match token.role.as_deref() {
            _ if custom => Err(untold("the token has a role of its own")),
            Some("writer" | "admin" | "owner") => Ok(Permission { allowed: true, what, reason: None }),
            Some(role @ ("reader" | "no_access")) => {
                let reason = Some(format!("the token has the role {role} in LaunchDarkly"));
                Ok(Permission { allowed: false, what, reason })
            }
            _ => Err(untold("its role is not known")),
        }
    }

    /// Token, projects, environments, permission, clock.
    pub(super) async fn checks(&self) -> Vec<FlagCheck> {
        let mut checks = Vec::new();
        let mut add = |name: &str, result| checks.push(FlagCheck { name: name.to_owned(), result });
        let caller: Result<Caller, Fault> = match self.road.ask("/api/v2/caller-identity", &[]).await {
            Ok(answer) => {
                if let Some(date) = answer.date {
                    add("clock", FlagFinding::Clock(date));
                }
                self.parsed(&answer)
            }
            Err(fault) => Err(fault),
        };
        match caller {
            Ok(caller) => add("token", FlagFinding::Well(format!("{}, as {}", self.road.origin(), name(&caller)))),
            // Nothing else will work either.
            Err(fault) => {
                add("token", FlagFinding::Failed(fault));
                return checks;
            }
        }
        let projects = match self.chosen_projects().await {
            Ok(projects) => projects,
            Err(fault) => {
                add("project", FlagFinding::Failed(fault));
                return checks;
            }
        };
        for project in &projects {
            let finding = match self.missing(project, &self.settings.environments).await {
                Ok(None) => FlagFinding::Well(format!("{}, {}", clean(project), self.settings.environments.join(", "))),
                Ok(Some(fault)) | Err(fault) => FlagFinding::Failed(fault),
            };
            add("project", finding);
        }
        if projects.is_empty() {
            add("project", FlagFinding::Loss(those(&[]), "give the token's role access to a project".into()));
        }
        if let Some((project, environment)) = projects.first().zip(self.settings.environments.first()) {
            let raw = RawFlag { project: project.clone(), environment: environment.clone(), key: "*".into() };
            let toggle = write::needs(&FlagWrite {
                set: FlagChange::Enabled(false),
                version: String::new(),
                as_request: false,
                comment: None,
            });
            let finding = match self.by_role(&raw, toggle).await {
                Ok(Permission { allowed: true, what, .. }) => FlagFinding::Well(what),
                Ok(Permission { what, reason, .. }) => FlagFinding::Loss(
                    format!("it may look and not switch: {what} is missing; {}", reason.unwrap_or_default()),
                    "give the token a role with that action, or use read-only = true and mean it".into(),
                ),
                Err(fault) if fault.kind == FaultKind::Unreachable => FlagFinding::Failed(fault),
                Err(fault) => FlagFinding::Loss(
                    format!("whether it may switch flags is not known: {}", fault.message),
                    "the plan's dry run shows it".into(),
                ),
            };
            add("permission", finding);
        }
        checks
    }
}

/// Whose token it is.
fn name(caller: &Caller) -> String {
    let kind = if caller.service_token { "service token" } else { "token" };
    let name = caller.token_name.as_deref().filter(|name| !name.is_empty());
    match (name, caller.auth_kind.as_deref()) {
        (Some(name), _) => format!("{kind} {}", clean(name)),
        (None, Some(auth)) => clean(auth).into_owned(),
        (None, None) => kind.into(),
    }
}
