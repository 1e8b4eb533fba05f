//! From the guardrails of the configuration to the rules that the door enforces.
//!
//! The door takes rules one by one and, of several confirmations, the last; the configuration promises the strictest. So
//! they are handed over in the order of their confirmations.

use chrono::TimeDelta;

use crate::actions::guardrail::{ConfirmLevel, Freeze, Rules};
use crate::config::guardrail::Guardrail;
use crate::config::{Config, Confirm, ContextSettings};
use crate::domain::time::Instant;

/// Freeze windows are told in advance for so many days: longer than any console stays connected.
const DAYS: i64 = 366;

/// The rules of a context, for the door.
pub fn rules(config: &Config, context: &ContextSettings, now: Instant) -> Vec<Rules> {
    let said = context.confirm_is_said.then(|| Rules { confirm: Some(level(context.confirm)), ..Rules::default() });
    let mut rules: Vec<Rules> = said.into_iter().collect();
    for (guardrail, place) in config.guardrails_in(&context.name) {
        let rule = rule(guardrail, place, now);
        match &guardrail.namespaces {
            None => rules.push(rule),
            Some(patterns) => rules.extend(patterns.iter().map(|pattern| Rules {
                // To the door a single star means what is in no namespace, too; who names namespaces means those.
                namespaces: if pattern == "*" { "?*".into() } else { pattern.clone() },
                ..rule.clone()
            })),
        }
    }
    rules.sort_by_key(|rule| rule.confirm);
    rules
}

fn rule(guardrail: &Guardrail, place: &str, now: Instant) -> Rules {
    let why = || guardrail.why.clone().unwrap_or_else(|| "a guardrail says so".to_owned());
    let says = |flag: Option<bool>| flag == Some(true);
    let words =
        |actions: &Vec<_>| actions.iter().map(|action: &crate::config::ActionName| action.word().into()).collect();
    Rules {
        namespaces: "*".into(),
        actions: guardrail.actions.as_ref().map(words).unwrap_or_default(),
        source: guardrail.name.as_ref().map_or_else(|| place.to_owned(), |name| format!("{name}, {place}")),
        read_only: says(guardrail.read_only).then(why),
        deny: says(guardrail.deny).then(why),
        confirm: guardrail.confirm.map(level),
        max_objects: guardrail.max_objects,
        max_share_percent: guardrail.max_percent,
        require_reason: says(guardrail.require_reason),
        require_incident: says(guardrail.require_incident),
        freezes: freezes(guardrail, now),
    }
}

fn freezes(guardrail: &Guardrail, now: Instant) -> Vec<Freeze> {
    let end = now + TimeDelta::days(DAYS);
    let windows = guardrail.freeze.iter().flatten();
    windows
        .flat_map(|window| {
            let why = &window.why;
            window.periods(now, end).into_iter().map(|(from, until)| Freeze { from, until, why: why.clone() })
        })
        .collect()
}

/// The configuration's level as the door knows it.
pub const fn level(confirm: Confirm) -> ConfirmLevel {
    match confirm {
        Confirm::None => ConfirmLevel::None,
        Confirm::Yes => ConfirmLevel::Yes,
        Confirm::Name => ConfirmLevel::Name,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::{Dirs, LoadOptions, load};

    #[test]
    fn the_door_gets_what_the_configuration_says_the_strictest_last() {
        use ConfirmLevel::{Name, None, Yes};
        let dir = tempfile::tempdir().unwrap();
        let text = r#"
            [contexts."prod-us"]
            confirm = "yes"
            [[guardrail]]
            name = "shop"
            contexts = ["prod-*"]
            namespaces = ["shop", "*"]
            actions = ["scale", "delete-pod"]
            deny = true
            confirm = "name"
            why = "ask the shop team"
            freeze = [{ days = ["wed"], hours = "11:00-13:00", why = "lunch" }]
            [[guardrail]]
            contexts = ["prod-us"]
            confirm = "none"
            max-objects = 3
            max-percent = 30
            require-reason = true
            [[guardrail]]
            contexts = ["dev"]
            read-only = true
        "#;
        std::fs::write(dir.path().join("config.toml"), text).unwrap();
        let dirs = Dirs { config: Some(dir.path().to_owned()), ..Dirs::default() };
        let config = load(&LoadOptions { dirs, ..LoadOptions::default() }).unwrap().config;
        let noon = chrono::DateTime::parse_from_rfc3339("2026-03-04T12:00:00Z").unwrap().to_utc();
        let of = |context: &str| rules(&config, &config.context(context), noon);

        let us = of("prod-us");
        let confirms: Vec<_> = us.iter().map(|rule| rule.confirm).collect();
        assert_eq!(confirms, [Some(None), Some(Yes), Some(Name), Some(Name)]);
        assert_eq!((us[0].max_objects, us[0].max_share_percent, us[0].require_reason), (Some(3), Some(30), true));
        assert_eq!(us[1], Rules { confirm: Some(Yes), ..Rules::default() });
        assert_eq!((us[2].namespaces.as_str(), us[3].namespaces.as_str()), ("shop", "?*"));
        assert_eq!(us[2].actions, ["scale", "delete-pod"]);
        assert!(us[2].source.starts_with("shop, ") && us[2].source.ends_with("config.toml line 4"), "{}", us[2].source);
        assert_eq!(us[2].deny.as_deref(), Some("ask the shop team"));
        let first = &us[2].freezes[0];
        assert_eq!((first.from, first.until), (noon, noon + TimeDelta::hours(1)), "the one that holds now");
        assert_eq!(us[2].freezes.len(), 53);
        assert_eq!(us[2].freezes[52].from.to_rfc3339(), "2027-03-03T11:00:00+00:00");

        assert_eq!(of("prod-eu").len(), 2, "no confirmation was said for the context itself");
        assert_eq!(of("dev")[0].read_only.as_deref(), Some("a guardrail says so"));
        assert!(of("elsewhere").is_empty());
    }
}
