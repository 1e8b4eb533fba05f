//! The flags of the lab, with their past: what a shop of some size has, tidy and not.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::flag::{Flag, Strategy};
use super::{Held, PRODUCTION};
use crate::lab::world::traffic::switches::{PRICING, Switches};

/// Whoever works on the flags: teams and their pipelines. Numbers as the server counts its users.
const PRICING_TEAM: (i64, &str) = (11, "pricing-team");
const CHECKOUT_TEAM: (i64, &str) = (12, "checkout-team");
const RELEASES: (i64, &str) = (13, "release-pipeline");
const PLATFORM_TEAM: (i64, &str) = (14, "platform-team");

/// What is to be known of a flag.
struct Spec {
    name: &'static str,
    kind: &'static str,
    project: &'static str,
    description: &'static str,
    by: (i64, &'static str),
    /// The workload of the shop that it belongs to, which is its tag and asks for it; empty for none.
    workload: &'static str,
    /// Days since it was made.
    days: i64,
    /// Hours since each switch in production, the first of which switched it on.
    switched: &'static [i64],
    /// Who gets it in production.
    who: Who,
    /// Evaluations an hour.
    asked: u64,
    stale: bool,
    archived: bool,
}

/// Who gets a flag.
#[derive(Clone, Copy)]
enum Who {
    /// A percentage of all.
    Share(u32),
    /// A percentage of those in some regions.
    Regions(u32),
    /// Two variants, half each.
    Variants,
    /// Named users.
    Staff,
}

const SPEC: Spec = Spec {
    name: "",
    kind: "release",
    project: "default",
    description: "",
    by: CHECKOUT_TEAM,
    workload: "",
    days: 0,
    switched: &[],
    who: Who::Share(100),
    asked: 0,
    stale: false,
    archived: false,
};

static FLAGS: [Spec; 15] = [
    Spec {
        name: "legacy-tax-rounding",
        description: "Rounds tax per line, not per order",
        workload: "payment",
        days: 391,
        switched: &[391 * 24],
        asked: 88_000,
        stale: true,
        ..SPEC
    },
    Spec {
        name: "provider-retry",
        kind: "kill-switch",
        description: "Off: payments are not tried again at the provider",
        workload: "payment",
        days: 300,
        switched: &[299 * 24, 14 * 24 + 2, 14 * 24],
        asked: 88_000,
        ..SPEC
    },
    Spec {
        name: "staff-discount",
        kind: "permission",
        description: "Prices for those who work here",
        workload: "frontend",
        days: 260,
        switched: &[260 * 24],
        who: Who::Staff,
        asked: 12_500,
        ..SPEC
    },
    Spec {
        name: "holiday-theme",
        description: "Snow on every page",
        workload: "frontend",
        days: 210,
        switched: &[200 * 24, 170 * 24],
        archived: true,
        ..SPEC
    },
    Spec {
        name: "maintenance-banner",
        kind: "kill-switch",
        description: "On: the front tells that something is being repaired",
        by: PLATFORM_TEAM,
        workload: "frontend",
        days: 190,
        switched: &[61 * 24 + 1, 61 * 24],
        asked: 430_000,
        ..SPEC
    },
    Spec {
        name: "verbose-tracing",
        kind: "operational",
        project: "platform",
        description: "Every request leaves a trace",
        by: PLATFORM_TEAM,
        days: 150,
        switched: &[44 * 24, 43 * 24],
        asked: 2_400,
        ..SPEC
    },
    Spec {
        name: "reservation-cache",
        kind: "operational",
        description: "Reservations are read from memory first",
        workload: "inventory",
        days: 75,
        switched: &[74 * 24],
        asked: 610_000,
        ..SPEC
    },
    Spec {
        name: "canary-analysis",
        kind: "operational",
        project: "platform",
        description: "Pipelines compare a canary's errors before they go on",
        by: PLATFORM_TEAM,
        days: 66,
        switched: &[60 * 24],
        asked: 350,
        ..SPEC
    },
    Spec {
        name: "session-binding",
        description: "Sessions are bound to the device",
        workload: "auth",
        days: 40,
        switched: &[9 * 24],
        who: Who::Share(75),
        asked: 205_000,
        ..SPEC
    },
    Spec {
        name: "search-suggestions",
        kind: "experiment",
        description: "Suggestions while typing",
        workload: "frontend",
        days: 34,
        switched: &[31 * 24],
        who: Who::Regions(40),
        asked: 210_000,
        ..SPEC
    },
    Spec {
        name: "express-checkout",
        kind: "experiment",
        description: "One page or two to pay",
        workload: "frontend",
        days: 20,
        switched: &[18 * 24],
        who: Who::Variants,
        asked: 97_000,
        ..SPEC
    },
    Spec {
        name: "refund-instalments",
        description: "Refunds in instalments",
        by: PRICING_TEAM,
        workload: "payment",
        days: 17,
        switched: &[16 * 24],
        asked: 3_800,
        ..SPEC
    },
    Spec {
        name: PRICING,
        description: "Prices from pricing table v2",
        by: PRICING_TEAM,
        workload: "payment",
        days: 6,
        asked: 88_000,
        ..SPEC
    },
    Spec {
        name: "address-book",
        description: "More than one address for each customer",
        by: RELEASES,
        workload: "user",
        days: 5,
        switched: &[5 * 24 - 3],
        who: Who::Share(50),
        asked: 144_000,
        ..SPEC
    },
    Spec { name: "gift-cards", description: "Not finished", workload: "payment", days: 2, ..SPEC },
];

/// All flags as of `origin`. What the world already goes by is history too.
pub(super) fn held(origin: DateTime<Utc>, switches: &Switches) -> Held {
    let mut held = Held::default();
    let mut happened: Vec<(DateTime<Utc>, &Spec, Deed)> = Vec::new();
    for spec in &FLAGS {
        let born = origin - TimeDelta::days(spec.days) - TimeDelta::minutes(spec.days * 37 % 600);
        happened.push((born, spec, Deed::Create));
        for (index, hours) in spec.switched.iter().enumerate() {
            let at = origin - TimeDelta::hours(*hours) + TimeDelta::minutes(hours % 53);
            happened.push((at.max(born + TimeDelta::minutes(9)), spec, Deed::Switch(index % 2 == 0)));
        }
        for (at, share) in switches.changes(spec.name) {
            happened.push((at, spec, Deed::Switch(share > 0.0)));
        }
        if spec.stale {
            happened.push((origin - TimeDelta::days(30), spec, Deed::Stale));
        }
        if spec.archived {
            happened.push((origin - TimeDelta::days(120), spec, Deed::Archive));
        }
    }
    happened.sort_by_key(|(at, ..)| *at);
    for (at, spec, deed) in happened {
        let by = (spec.by.0, spec.by.1, at);
        match deed {
            Deed::Create => {
                let flag = flag(&mut held, spec, at);
                held.create(flag, by);
                held.switch(spec.name, "development", true, (by.0, by.1, at + TimeDelta::seconds(40)));
            }
            Deed::Switch(on) => held.switch(spec.name, PRODUCTION, on, by),
            Deed::Stale => held.mark(spec.name, true, by),
            Deed::Archive => held.archive(spec.name, by),
        }
    }
    held
}

/// What happened to a flag.
#[derive(Clone, Copy)]
enum Deed {
    Create,
    Switch(bool),
    Stale,
    Archive,
}

fn flag(held: &mut Held, spec: &Spec, at: DateTime<Utc>) -> Flag {
    let mut flag = Flag::new(spec.name, spec.kind, spec.project, at, spec.by);
    flag.description = Some(spec.description.to_owned());
    flag.asked = spec.asked;
    if !spec.workload.is_empty() {
        flag.tags.push(("workload".to_owned(), format!("shop/{}", spec.workload)));
        if spec.asked > 0 {
            flag.applications.push(spec.workload.to_owned());
        }
    }
    let percentage = match spec.who {
        Who::Share(percentage) | Who::Regions(percentage) => percentage,
        Who::Variants | Who::Staff => 100,
    };
    let mut strategy = Strategy::rollout(held.id(), spec.name, percentage);
    match spec.who {
        Who::Share(_) => {}
        Who::Regions(_) => {
            strategy.title = Some("German shops".to_owned());
            strategy.constraints =
                vec![json!({"contextName": "region", "operator": "IN", "values": ["de", "at", "ch"]})];
        }
        Who::Variants => {
            let variant = |name: &str| -> Value {
                json!({"name": name, "weight": 500, "weightType": "variable", "stickiness": "userId",
                    "payload": {"type": "string", "value": name}})
            };
            strategy.parameters.insert("stickiness".to_owned(), json!("userId"));
            strategy.variants = vec![variant("one-page"), variant("two-pages")];
        }
        Who::Staff => {
            "userWithId".clone_into(&mut strategy.name);
            strategy.parameters = [("userIds".to_owned(), json!("17,42,108"))].into_iter().collect();
        }
    }
    if let Some(setting) = flag.setting_mut(PRODUCTION) {
        setting.strategies.push(strategy);
    }
    flag
}
