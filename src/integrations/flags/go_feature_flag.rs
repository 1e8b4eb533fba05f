//! GO Feature Flag's file (YAML, JSON or TOML) in a key of a ConfigMap, as its relay proxy reads it from Kubernetes.
//!
//! `disable: true` means that whoever asks gets the default of their own code. Set from here: `disable`, the variation of
//! `defaultRule`, and its `percentage` where it is split between one variation that is true and one that is false.
//! `targeting`, schedules and experiments stay, and are said.

mod words;

use super::config_map::Language;
use super::document::{Document, Edit, Node, Scalar, Value};
use super::kept::Found;
use crate::domain::flag::{FlagChange, FlagFacts, FlagKind, FlagKnob, written};
use crate::domain::text::clean;

/// Its file.
pub(super) struct GoFeatureFlag;

const RULE: &str = "defaultRule";

/// Does an entry define a flag? Files hold other things too, for anchors.
fn is_flag(node: &Node) -> bool {
    node.get("variations").is_some_and(|variations| matches!(variations.value, Value::Map(_)))
}

/// The format before 1.0 is not read by present releases either.
fn is_old(node: &Node) -> bool {
    !is_flag(node) && node.get("true").is_some() && node.get("default").is_some()
}

/// The two shares of a default rule that is split between yes and no: `yes`, `no`, and the percentage of `yes`.
fn split<'a>(flag: &'a Node, rule: &'a Node) -> Option<(&'a str, &'a str, u8)> {
    let [one, other] = rule.get("percentage")?.entries() else { return None };
    let is = |name: &str| flag.at(&["variations", name])?.boolean();
    let (yes, no) = match (is(&one.key)?, is(&other.key)?) {
        (true, false) => (one, other),
        (false, true) => (other, one),
        _ => return None,
    };
    let (share, rest) = (yes.node.number()?, no.node.number()?);
    let whole = share.fract() == 0.0 && (0.0..=100.0).contains(&share) && (share + rest - 100.0).abs() < 1e-9;
    (whole && yes.node.fixed().is_none() && no.node.fixed().is_none()).then_some((
        yes.key.as_str(),
        no.key.as_str(),
        share as u8,
    ))
}

fn facts(flag: &Node) -> FlagFacts {
    let disabled = flag.get("disable").and_then(Node::boolean).unwrap_or(false);
    let rule = flag.get(RULE);
    let variation = rule.and_then(|rule| rule.get("variation"));
    let variant = variation.and_then(Node::text);
    let mut takes = Vec::new();
    let mut warnings = words::warnings(flag);
    // A switch that is not there yet is added; one that cannot be changed in place is none.
    match flag.get("disable").unwrap_or(flag).fixed() {
        None => takes.push(FlagKnob::Enabled),
        Some(why) => warnings.push(format!("it cannot be switched in place: {why}")),
    }
    if variant.is_some() && variation.is_some_and(|node| node.fixed().is_none()) {
        takes.push(FlagKnob::Variant);
    }
    let percentage = rule.and_then(|rule| split(flag, rule)).map(|(_, _, share)| share);
    takes.extend(percentage.map(|_| FlagKnob::Percentage));
    let variations = flag.get("variations").map_or(&[][..], Node::entries);
    if let Some(name) = variant.filter(|name| !variations.iter().any(|known| known.key == **name)) {
        warnings.push(format!("its default rule names variation {}, which does not exist", clean(name)));
    }
    let rules = words::rules(flag);
    let served = rule.map_or_else(|| "an error: it has no defaultRule".into(), |rule| words::served(flag, rule));
    FlagFacts {
        enabled: !disabled,
        variant: variant.map(written),
        percentage,
        when_on: if rules.is_empty() { served } else { format!("by {} rule(s), else {served}", rules.len()) },
        when_off: "the default of the code that asks".into(),
        strategies: rules,
        variants: variations.iter().map(|entry| written(&entry.key)).collect(),
        kind: if flag.get("experimentation").is_some() { FlagKind::Experiment } else { FlagKind::Other },
        description: flag.at(&["metadata", "description"]).and_then(Node::text).map(|text| clean(text).into_owned()),
        takes,
        warnings,
        ..FlagFacts::default()
    }
}

impl Language for GoFeatureFlag {
    fn product(&self) -> &'static str {
        "GO Feature Flag"
    }

    fn flags(&self, document: &Document<'_>) -> Result<Vec<Found>, String> {
        let Value::Map(entries) = &document.root.value else { return Err("it is no table of flags".into()) };
        if let Some(old) = entries.iter().find(|entry| is_old(&entry.node)) {
            return Err(format!("flag {} is written in the format before 1.0, which is not read", clean(&old.key)));
        }
        let flags = entries.iter().filter(|entry| is_flag(&entry.node));
        let found = |node: &Node| (facts(node), node.says());
        Ok(flags
            .map(|entry| {
                let (facts, says) = found(&entry.node);
                Found { key: entry.key.clone(), facts, says }
            })
            .collect())
    }

    fn edits(&self, document: &Document<'_>, key: &str, set: &FlagChange) -> Result<Vec<Edit>, String> {
        let missing = || format!("there is no flag `{}`", clean(key));
        let flag = document.root.get(key).filter(|node| is_flag(node)).ok_or_else(missing)?;
        let edit = |path: &[&str], to: Scalar| Edit {
            path: std::iter::once(key).chain(path.iter().copied()).map(str::to_owned).collect(),
            to,
        };
        match set {
            FlagChange::Enabled(enabled) => Ok(vec![edit(&["disable"], Scalar::Boolean(!enabled))]),
            FlagChange::Variant(name) => {
                let known = flag.get("variations").map_or(&[][..], Node::entries);
                let found = known.iter().find(|entry| written(&entry.key) == *name);
                let found = found.ok_or_else(|| format!("it has no variation {name}"))?;
                Ok(vec![edit(&[RULE, "variation"], Scalar::Text(found.key.clone()))])
            }
            FlagChange::Percentage(share) => {
                let split = flag.get(RULE).and_then(|rule| split(flag, rule));
                let (yes, no, _) = split.ok_or("it is not split between yes and no")?;
                let number = |share: u8| Scalar::Number(share.to_string());
                let rest = 100_u8.checked_sub(*share).ok_or("that is more than everybody")?;
                Ok(vec![
                    edit(&[RULE, "percentage", yes], number(*share)),
                    edit(&[RULE, "percentage", no], number(rest)),
                ])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::settings::FlagFormat;

    const FILE: &str = r##"# owned by team shop
x-rule: &gold
  query: plan eq "gold"
  variation: "on"

new-pricing:   # the suspect
  variations: { "on": true, "off": false }
  targeting:
    - *gold
    - name: everybody else in Austria
      query: country eq "AT"
      percentage: {on: 10, off: 90}
      disable: true
  defaultRule:
    percentage:
      "on": 25.0
      'off': 75
  scheduledRollout:
    - date: 2026-12-01T00:00:00Z
      defaultRule: {variation: "on"}

banner:
  disable: True
  variations:
    red: "#f00"
    blue: "#00f"
  defaultRule:
    variation: red   # since spring
"##;

    fn read(text: &str) -> Document<'_> {
        Document::read(text, FlagFormat::Yaml).unwrap()
    }

    #[test]
    fn what_users_get_is_said_and_what_may_put_it_back() {
        let document = read(FILE);
        let flags = GoFeatureFlag.flags(&document).unwrap();
        assert_eq!(flags.iter().map(|flag| flag.key.as_str()).collect::<Vec<_>>(), ["new-pricing", "banner"]);
        let pricing = &flags[0].facts;
        assert!(pricing.enabled);
        assert_eq!(pricing.serves(), "by 2 rule(s), else 25 % on (true), 75 % off (false)");
        assert_eq!(pricing.strategies[0], "plan eq \"gold\": on (true)");
        assert!(pricing.strategies[1].starts_with("off: everybody else in Austria"), "{:?}", pricing.strategies);
        assert_eq!(pricing.takes, [FlagKnob::Enabled, FlagKnob::Percentage]);
        assert_eq!(pricing.percentage, Some(25));
        assert!(pricing.warnings[0].contains("2026-12-01"), "{:?}", pricing.warnings);
        let banner = &flags[1].facts;
        assert_eq!((banner.enabled, banner.serves()), (false, "the default of the code that asks"));
        assert_eq!(banner.when_on, "red (#f00)");
        assert_eq!(banner.takes, [FlagKnob::Enabled, FlagKnob::Variant]);
    }

    #[test]
    fn only_the_intended_bytes_change() {
        let change = |key: &str, set: FlagChange| {
            let document = read(FILE);
            document.change(&GoFeatureFlag.edits(&document, key, &set).unwrap()).unwrap()
        };
        let cases = [
            ("banner", FlagChange::Enabled(true), "disable: True", "disable: False"),
            ("banner", FlagChange::Variant("blue".into()), "variation: red ", "variation: blue "),
            // It has no `disable` yet.
            (
                "new-pricing",
                FlagChange::Enabled(false),
                "  variations: { \"on\"",
                "  disable: true\n  variations: { \"on\"",
            ),
            ("new-pricing", FlagChange::Percentage(5), "\"on\": 25.0\n      'off': 75", "\"on\": 5\n      'off': 95"),
        ];
        for (key, set, from, to) in cases {
            assert_eq!(change(key, set.clone()), FILE.replacen(from, to, 1), "{key} {set:?}");
        }
        let document = read(FILE);
        assert!(GoFeatureFlag.edits(&document, "banner", &FlagChange::Variant("green".into())).is_err());
        assert!(GoFeatureFlag.edits(&document, "banner", &FlagChange::Percentage(5)).is_err());
        assert!(GoFeatureFlag.edits(&document, "x-rule", &FlagChange::Enabled(false)).is_err());
    }

    #[test]
    fn toml_and_json_are_its_formats_too() {
        let toml = "[flag] # mine\nvariations = { a = true, b = false }\n\n[flag.defaultRule]\nvariation = 'a'\n";
        let json = "{\n  \"flag\": {\n    \"variations\": {\"a\": true, \"b\": false},\n    \"defaultRule\": {\"variation\": \"a\"}\n  }\n}\n";
        let off = FlagChange::Enabled(false);
        let document = Document::read(toml, FlagFormat::Toml).unwrap();
        let changed = document.change(&GoFeatureFlag.edits(&document, "flag", &off).unwrap()).unwrap();
        assert_eq!(changed, toml.replacen("variations", "disable = true\nvariations", 1));
        let document = Document::read(json, FlagFormat::Json).unwrap();
        let changed = document.change(&GoFeatureFlag.edits(&document, "flag", &off).unwrap()).unwrap();
        assert_eq!(changed, json.replacen("\"variations\"", "\"disable\": true,\n    \"variations\"", 1));
    }

    #[test]
    fn the_old_format_is_named() {
        let text = "old:\n  true: true\n  false: false\n  default: false\n  percentage: 10\n";
        assert!(
            GoFeatureFlag.flags(&read(text)).err().unwrap().contains("flag old is written in the format before 1.0")
        );
    }
}
