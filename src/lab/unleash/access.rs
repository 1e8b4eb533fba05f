//! Who asks, and what they may.

use serde_json::{Value, json};

use super::{ENVIRONMENTS, time};
use chrono::{DateTime, Utc};

/// The admin token, which belongs to nobody.
pub const ADMIN_TOKEN: &str = "*:*.lab-only-admin";
/// The personal token of `oncall`, whose root role is Admin.
pub const OWNER_TOKEN: &str = "user:lab-only";
/// The personal token of `shop-editor`.
pub const EDITOR_TOKEN: &str = "user:lab-editor-only";
/// The personal token of `viewer`.
pub const VIEWER_TOKEN: &str = "user:lab-viewer-only";
/// The token of the shop's programs: not for this API.
pub(super) const CLIENT_TOKEN: &str = "*:production.lab-only-client";

/// What may be needed.
pub(super) const CREATE_FEATURE: &str = "CREATE_FEATURE";
pub(super) const UPDATE_FEATURE: &str = "UPDATE_FEATURE";
pub(super) const DELETE_FEATURE: &str = "DELETE_FEATURE";
pub(super) const UPDATE_FEATURE_ENVIRONMENT: &str = "UPDATE_FEATURE_ENVIRONMENT";
pub(super) const CREATE_FEATURE_STRATEGY: &str = "CREATE_FEATURE_STRATEGY";
pub(super) const UPDATE_FEATURE_STRATEGY: &str = "UPDATE_FEATURE_STRATEGY";
pub(super) const DELETE_FEATURE_STRATEGY: &str = "DELETE_FEATURE_STRATEGY";
/// What an Editor may in the project `default`…
const OF_PROJECT: [&str; 3] = [CREATE_FEATURE, UPDATE_FEATURE, DELETE_FEATURE];
/// …and in each of its environments.
const OF_ENVIRONMENT: [&str; 4] =
    [UPDATE_FEATURE_ENVIRONMENT, CREATE_FEATURE_STRATEGY, UPDATE_FEATURE_STRATEGY, DELETE_FEATURE_STRATEGY];

/// How much somebody may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Admin,
    Editor,
    Viewer,
}

/// Somebody whose token is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Caller {
    /// Their number.
    pub id: i64,
    /// Their name.
    pub name: &'static str,
    token: &'static str,
    role: Role,
}

/// All who are known. The first is an admin token, which is no person.
static CALLERS: [Caller; 4] = [
    Caller { id: -42, name: "admin", token: ADMIN_TOKEN, role: Role::Admin },
    Caller { id: 1, name: "oncall", token: OWNER_TOKEN, role: Role::Admin },
    Caller { id: 3, name: "shop-editor", token: EDITOR_TOKEN, role: Role::Editor },
    Caller { id: 2, name: "viewer", token: VIEWER_TOKEN, role: Role::Viewer },
];

impl Caller {
    /// Whom a token belongs to.
    pub(super) fn of(token: &str) -> Option<Self> {
        CALLERS.iter().find(|caller| caller.token == token).copied()
    }

    /// May they do this, there? `environment` is for what is allowed per environment.
    pub(super) fn may(&self, permission: &str, project: &str, environment: Option<&str>) -> bool {
        if self.token == ADMIN_TOKEN {
            return true;
        }
        // A person's rights are looked up by environment, and there are none for one that does not exist.
        let somewhere = environment.is_none_or(|wanted| ENVIRONMENTS.iter().any(|(known, _)| *known == wanted));
        somewhere
            && match self.role {
                Role::Admin => true,
                Role::Editor => {
                    project == "default" && (OF_PROJECT.contains(&permission) || OF_ENVIRONMENT.contains(&permission))
                }
                Role::Viewer => false,
            }
    }

    /// `GET /api/admin/user`.
    pub(super) fn json(&self, now: DateTime<Utc>) -> Value {
        let user = if self.token == ADMIN_TOKEN {
            json!({
                "username": self.name, "permissions": ["ADMIN"], "environment": "*", "type": "admin",
                "secret": self.token, "projects": ["*"], "internalAdminTokenUserId": self.id,
            })
        } else {
            json!({
                "accountType": "User", "id": self.id, "username": self.name, "imageUrl": image(self.name),
                "seenAt": time(now), "loginAttempts": 0, "createdAt": time(now),
            })
        };
        json!({"user": user, "permissions": self.permissions(), "feedback": [], "splash": {}})
    }

    fn permissions(&self) -> Vec<Value> {
        match self.role {
            Role::Admin => vec![json!({"permission": "ADMIN"})],
            Role::Viewer => Vec::new(),
            Role::Editor => {
                let project = OF_PROJECT.iter().map(|name| json!({"project": "default", "permission": name}));
                let environments = ENVIRONMENTS.iter().flat_map(|(environment, _)| {
                    OF_ENVIRONMENT
                        .iter()
                        .map(move |name| json!({"project": "default", "environment": environment, "permission": name}))
                });
                project.chain(environments).collect()
            }
        }
    }

    /// A person as flags name those who made them.
    pub(super) fn brief(id: i64, name: &str) -> Value {
        json!({"id": id, "name": name, "imageUrl": image(name)})
    }
}

fn image(name: &str) -> String {
    format!("https://gravatar.com/avatar/{:016x}?s=42&d=retro&r=g", crate::lab::world::naming::digest(&[name]))
}
