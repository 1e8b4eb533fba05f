//! Who is called, and for what: users, services and escalation policies.

use serde_json::{Value, json};

/// Somebody, by their role.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct User {
    pub id: &'static str,
    pub name: &'static str,
    pub email: &'static str,
}

/// Everybody.
pub(super) static USERS: [User; 4] = [
    User { id: "PLABONC", name: "oncall", email: "oncall@shop.example" },
    User { id: "PLABPAY", name: "payments-lead", email: "payments-lead@shop.example" },
    User { id: "PLABSRE", name: "sre-lead", email: "sre-lead@shop.example" },
    User { id: "PLABSUP", name: "support", email: "support@shop.example" },
];

/// Who is called, one after the other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub id: &'static str,
    pub name: &'static str,
    /// Handles, by level.
    levels: [&'static str; 3],
    /// The schedule of the first level.
    schedule: (&'static str, &'static str),
}

/// All policies.
pub(super) static POLICIES: [Policy; 2] = [
    Policy {
        id: "PLABSHP",
        name: "Shop (lab)",
        levels: ["oncall", "payments-lead", "sre-lead"],
        schedule: ("PLABSC1", "Shop on call"),
    },
    Policy {
        id: "PLABPLT",
        name: "Platform (lab)",
        levels: ["oncall", "sre-lead", "sre-lead"],
        schedule: ("PLABSC2", "Platform on call"),
    },
];

/// What may fail.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub id: &'static str,
    pub name: &'static str,
    /// Which policy is called.
    policy: usize,
}

/// All services. The last one is for whatever belongs to none of the others.
pub(super) static SERVICES: [Service; 5] = [
    Service { id: "PLABSV1", name: "payment", policy: 0 },
    Service { id: "PLABSV2", name: "frontend", policy: 0 },
    Service { id: "PLABSV3", name: "auth", policy: 0 },
    Service { id: "PLABSV4", name: "mysql", policy: 1 },
    Service { id: "PLABSV5", name: "platform", policy: 1 },
];

/// The integration key of a service for the Events API: 32 characters, as all have.
pub fn routing_key(service: &str) -> String {
    format!("labonly{service:0>25}")
}

impl User {
    /// The one with this handle.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        USERS.iter().find(|user| user.name == name)
    }

    /// The one with this address.
    pub(super) fn of_email(email: &str) -> Option<&'static Self> {
        USERS.iter().find(|user| user.email.eq_ignore_ascii_case(email))
    }

    /// The one with this id.
    pub(super) fn of(id: &str) -> Option<&'static Self> {
        USERS.iter().find(|user| user.id == id)
    }

    pub(super) fn reference(&self, url: &str) -> Value {
        reference(url, "user", "users", self.id, self.name)
    }

    pub(super) fn json(&self, url: &str) -> Value {
        let mut told = self.reference(url);
        for (name, value) in [
            ("type", json!("user")),
            ("name", json!(self.name)),
            ("email", json!(self.email)),
            ("time_zone", json!("Etc/UTC")),
            ("role", json!(if self.name == "oncall" { "owner" } else { "user" })),
            ("job_title", json!("played by the lab")),
            ("teams", json!([])),
        ] {
            told[name] = value;
        }
        told
    }
}

impl Policy {
    /// The one with this id.
    pub(super) fn of(id: &str) -> Option<&'static Self> {
        POLICIES.iter().find(|policy| policy.id == id)
    }

    /// Who is called at a level, from 1.
    pub(super) fn at(&self, level: usize) -> Option<&'static User> {
        User::named(self.levels.get(level.checked_sub(1)?)?)
    }

    /// Levels and who is called there.
    pub(super) fn levels(&self) -> impl Iterator<Item = (usize, &'static User)> {
        (1..).zip(self.levels).filter_map(|(level, name)| Some((level, User::named(name)?)))
    }

    pub(super) fn reference(&self, url: &str) -> Value {
        reference(url, "escalation_policy", "escalation_policies", self.id, self.name)
    }

    /// The schedule that a level goes by, if any.
    pub(super) fn schedule(&self, url: &str, level: usize) -> Value {
        let (id, name) = self.schedule;
        if level == 1 { reference(url, "schedule", "schedules", id, name) } else { Value::Null }
    }

    pub(super) fn json(&self, url: &str) -> Value {
        let rules: Vec<Value> = self
            .levels()
            .map(|(level, user)| {
                json!({
                    "id": format!("{}{level}", self.id), "escalation_delay_in_minutes": 30,
                    "targets": [user.reference(url)],
                })
            })
            .collect();
        let services = SERVICES.iter().filter(|service| service.policy() == self);
        let mut told = self.reference(url);
        for (name, value) in [
            ("type", json!("escalation_policy")),
            ("name", json!(self.name)),
            ("description", json!("Who is called, one after the other")),
            ("num_loops", json!(0)),
            ("on_call_handoff_notifications", json!("if_has_services")),
            ("escalation_rules", json!(rules)),
            ("services", services.map(|service| service.reference(url)).collect()),
            ("teams", json!([])),
        ] {
            told[name] = value;
        }
        told
    }
}

impl Service {
    /// The one that a name belongs to; the last one, when none does.
    pub(super) fn for_name(name: Option<&str>) -> &'static Self {
        let [.., rest] = &SERVICES;
        SERVICES.iter().find(|service| Some(service.name) == name).unwrap_or(rest)
    }

    /// The one with this integration key.
    pub(super) fn of_key(key: &str) -> Option<&'static Self> {
        SERVICES.iter().find(|service| routing_key(service.name) == key)
    }

    pub(super) fn policy(&self) -> &'static Policy {
        &POLICIES[self.policy]
    }

    pub(super) fn reference(&self, url: &str) -> Value {
        reference(url, "service", "services", self.id, self.name)
    }

    /// `status` is that of its worst incident.
    pub(super) fn json(&self, url: &str, status: &str) -> Value {
        let mut told = self.reference(url);
        for (name, value) in [
            ("type", json!("service")),
            ("name", json!(self.name)),
            ("description", json!("of the lab's shop")),
            ("status", json!(status)),
            ("escalation_policy", self.policy().reference(url)),
            ("alert_creation", json!("create_alerts_and_incidents")),
            ("acknowledgement_timeout", Value::Null),
            ("auto_resolve_timeout", Value::Null),
            ("teams", json!([])),
            (
                "integrations",
                json!([{"id": format!("{}I", self.id), "type": "events_api_v2_inbound_integration_reference"}]),
            ),
        ] {
            told[name] = value;
        }
        told
    }
}

/// How one thing names another.
pub(super) fn reference(url: &str, kind: &str, path: &str, id: &str, summary: &str) -> Value {
    json!({
        "id": id, "type": format!("{kind}_reference"), "summary": summary, "self": format!("{url}/{path}/{id}"),
        "html_url": format!("{url}/web/{path}/{id}"),
    })
}
