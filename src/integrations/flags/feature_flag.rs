//! `FeatureFlag` objects of the OpenFeature operator (`core.openfeature.dev/v1beta1`), which flagd serves.
//!
//! `state: DISABLED` is not "off": flagd then answers nothing, and whoever asks gets the default of their own code. The
//! variant that is served where no rule says otherwise is `defaultVariant`; both can be set from here, `targeting` stays.

mod targeting;

use serde_json::{Value, json};

use super::kept::{Form, Found, Part};
use crate::domain::flag::{FlagChange, FlagFacts, FlagKind, FlagKnob, written};
use crate::domain::text::clean;
use crate::integrations::kubernetes::paths::Shelf;
use crate::ports::cluster::ClusterError;

const SHELF: Shelf =
    Shelf { group: "core.openfeature.dev", version: "v1beta1", plural: "featureflags", namespaced: true };
/// Where the flags are in an object.
const FLAGS: [&str; 3] = ["spec", "flagSpec", "flags"];
const ENABLED: &str = "ENABLED";
const DISABLED: &str = "DISABLED";

/// FeatureFlag objects.
pub(super) struct FeatureFlag;

/// What a flag says.
fn flag<'a>(object: &'a Value, key: &str) -> Option<&'a Value> {
    object.pointer("/spec/flagSpec/flags")?.as_object()?.get(key)
}

fn facts(flag: &Value) -> FlagFacts {
    let state = flag["state"].as_str().unwrap_or_default();
    let variants: Vec<&String> = flag["variants"].as_object().into_iter().flat_map(|all| all.keys()).collect();
    let default = flag["defaultVariant"].as_str();
    let rules = targeting::rules(&flag["targeting"]);
    let serves = |name: &str| match flag["variants"].get(name) {
        Some(value) => format!("variant {} ({})", written(name), targeting::value(value)),
        None => format!("variant {}, which does not exist", written(name)),
    };
    let default_words = default.map_or_else(|| "the default of the code that asks".to_owned(), serves);
    let mut warnings = Vec::new();
    if default.is_some_and(|name| !variants.iter().any(|known| *known == name)) {
        warnings.push("its default variant does not exist: flagd answers with an error".into());
    }
    if !matches!(state, ENABLED | DISABLED) {
        warnings.push(format!("its state is neither ENABLED nor DISABLED but `{}`", clean(state)));
    }
    let mut takes = vec![FlagKnob::Enabled];
    // One that is not there would have to be made up.
    takes.extend(default.filter(|_| !variants.is_empty()).map(|_| FlagKnob::Variant));
    let meta = |name: &str| flag["metadata"][name].as_str().map(|text| clean(text).into_owned());
    FlagFacts {
        enabled: state == ENABLED,
        variant: default.map(written),
        percentage: None,
        when_on: if rules.is_empty() { default_words } else { format!("by targeting, else {default_words}") },
        when_off: "the default of the code that asks (DISABLED is not `off`)".into(),
        strategies: rules,
        variants: variants.into_iter().map(|name| written(name)).collect(),
        kind: kind(flag["metadata"]["kind"].as_str().or(flag["metadata"]["type"].as_str())),
        description: meta("description"),
        takes,
        warnings,
        ..FlagFacts::default()
    }
}

/// What the flag's own metadata calls it.
fn kind(word: Option<&str>) -> FlagKind {
    match word.unwrap_or_default().to_lowercase().replace([' ', '_'], "-").as_str() {
        "release" => FlagKind::Release,
        "experiment" => FlagKind::Experiment,
        "kill-switch" | "killswitch" => FlagKind::KillSwitch,
        "operational" | "ops" => FlagKind::Operational,
        "permission" => FlagKind::Permission,
        _ => FlagKind::Other,
    }
}

/// A key as a JSON pointer writes it.
pub(super) fn pointer(path: &[&str]) -> String {
    path.iter().fold(String::new(), |text, part| text + "/" + &part.replace('~', "~0").replace('/', "~1"))
}

/// One value exchanged for another, if it still is what it was.
pub(super) fn replace(path: &[&str], from: &Value, to: &Value) -> Vec<Value> {
    let path = pointer(path);
    vec![json!({"op": "test", "path": path, "value": from}), json!({"op": "replace", "path": path, "value": to})]
}

impl Form for FeatureFlag {
    fn product(&self) -> &'static str {
        "OpenFeature operator"
    }

    fn shelf(&self) -> Shelf {
        SHELF
    }

    fn kind(&self) -> &'static str {
        "FeatureFlag"
    }

    fn read(&self, object: &Value) -> Vec<Part> {
        let flags = object.pointer("/spec/flagSpec/flags").and_then(Value::as_object);
        let found = flags.into_iter().flatten().map(|(key, flag)| Found {
            key: key.clone(),
            facts: facts(flag),
            // Rules of the object that a flag's targeting may refer to are part of what it does.
            says: if flag["targeting"].to_string().contains("$ref") {
                format!("{flag} {}", object["spec"]["flagSpec"]["$evaluators"])
            } else {
                flag.to_string()
            },
        });
        vec![Part { name: String::new(), flags: Ok(found.collect()) }]
    }

    fn patch(&self, object: &Value, _part: &str, key: &str, set: &FlagChange) -> Result<Vec<Value>, ClusterError> {
        let gone = || ClusterError::Conflict(format!("flag {} is not there any more", clean(key)));
        let flag = flag(object, key).ok_or_else(gone)?;
        let (field, to) = match set {
            FlagChange::Enabled(enabled) => ("state", if *enabled { ENABLED.to_owned() } else { DISABLED.to_owned() }),
            FlagChange::Variant(name) => {
                let known = flag["variants"].as_object().into_iter().flat_map(|all| all.keys());
                let found = known.into_iter().find(|known| written(known) == *name);
                let missing = || ClusterError::Rejected(format!("flag {} has no variant {name}", clean(key)));
                ("defaultVariant", found.ok_or_else(missing)?.clone())
            }
            FlagChange::Percentage(_) => {
                let why = "the shares of a FeatureFlag stand in its targeting, which is not changed from here";
                return Err(ClusterError::Rejected(why.into()));
            }
        };
        let [spec, flag_spec, flags] = FLAGS;
        Ok(replace(&[spec, flag_spec, flags, key, field], &flag[field], &json!(to)))
    }

    fn field(&self, _part: &str, key: &str) -> Vec<String> {
        FLAGS.iter().copied().chain([key]).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn object() -> Value {
        json!({"metadata": {"namespace": "shop", "name": "checkout"}, "spec": {"flagSpec": {"flags": {
            "new/pricing~2": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
                "targeting": {"if": [{"==": [{"var": "plan"}, "gold"]}, "on", null]}},
            "banner": {"state": "DISABLED", "variants": {"red": "#f00", "blue": {"r": 0}}, "defaultVariant": "gone"},
        }}}})
    }

    #[test]
    fn disabled_is_the_default_of_the_code_and_not_off() {
        let mut parts = FeatureFlag.read(&object());
        let flags = parts.remove(0).flags.unwrap_or_default();
        let banner = &flags[0].facts;
        assert!(!banner.enabled && banner.serves().contains("default of the code"), "{}", banner.serves());
        assert!(banner.warnings[0].contains("does not exist"));
        let pricing = &flags[1].facts;
        assert_eq!(pricing.serves(), "by targeting, else variant off (false)");
        assert_eq!(pricing.strategies, ["if plan is gold: on; else the default variant"]);
        assert_eq!(pricing.takes, [FlagKnob::Enabled, FlagKnob::Variant]);
    }

    #[test]
    fn a_change_names_one_value_and_what_it_was() {
        let patch = FeatureFlag.patch(&object(), "", "new/pricing~2", &FlagChange::Enabled(false)).unwrap();
        let path = "/spec/flagSpec/flags/new~1pricing~02/state";
        assert_eq!(patch[0], json!({"op": "test", "path": path, "value": "ENABLED"}));
        assert_eq!(patch[1], json!({"op": "replace", "path": path, "value": "DISABLED"}));
        let unknown = FeatureFlag.patch(&object(), "", "banner", &FlagChange::Variant("green".into())).unwrap_err();
        assert!(matches!(unknown, ClusterError::Rejected(_)));
        assert!(matches!(
            FeatureFlag.patch(&object(), "", "x", &FlagChange::Enabled(true)),
            Err(ClusterError::Conflict(_))
        ));
    }
}
