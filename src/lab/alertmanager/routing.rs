//! The configuration: routes, receivers and inhibition rules, in Alertmanager's own file format.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::matchers::{Matcher, all_match};

/// The configuration every lab starts with.
pub const LAB_CONFIG: &str = include_str!("lab.alertmanager.yml");

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("alert manager configuration: {0}")]
pub struct ConfigError(String);

// Notification timing is accepted and plays no role: the lab notifies nobody.
#[derive(Deserialize)]
struct FileText {
    route: RouteText,
    #[serde(default)]
    inhibit_rules: Vec<InhibitText>,
    #[serde(default)]
    receivers: Vec<ReceiverText>,
}

#[derive(Deserialize)]
struct ReceiverText {
    name: String,
}

#[derive(Deserialize)]
struct RouteText {
    receiver: Option<String>,
    group_by: Option<Vec<String>>,
    #[serde(default)]
    matchers: Vec<String>,
    #[serde(default, rename = "continue")]
    goes_on: bool,
    #[serde(default)]
    routes: Vec<RouteText>,
}

#[derive(Deserialize)]
struct InhibitText {
    #[serde(default)]
    source_matchers: Vec<String>,
    #[serde(default)]
    target_matchers: Vec<String>,
    #[serde(default)]
    equal: Vec<String>,
}

/// A node of the routing tree, with what it inherits filled in.
#[derive(Debug)]
pub struct Route {
    /// Who is told.
    pub receiver: String,
    /// Labels that make a group.
    pub group_by: Vec<String>,
    matchers: Vec<Matcher>,
    goes_on: bool,
    routes: Vec<Route>,
}

/// Alerts matching `target` are muted while one matching `source` fires with the same `equal` labels.
#[derive(Debug)]
pub struct InhibitRule {
    source: Vec<Matcher>,
    target: Vec<Matcher>,
    equal: Vec<String>,
}

/// A parsed configuration.
#[derive(Debug)]
pub struct Config {
    /// The file as given.
    pub original: String,
    /// The root of the routing tree.
    pub route: Route,
    /// The receivers' names, in file order.
    pub receivers: Vec<String>,
    /// The inhibition rules.
    pub inhibit_rules: Vec<InhibitRule>,
}

impl Config {
    /// Parses a configuration file.
    pub fn parse(yaml: &str) -> Result<Self, ConfigError> {
        let file: FileText = serde_saphyr::from_str(yaml).map_err(|why| ConfigError(why.to_string()))?;
        let route = Route::build(file.route, None)?;
        let inhibit_rules = file.inhibit_rules.into_iter().map(|rule| {
            let (source, target) = (compile(&rule.source_matchers)?, compile(&rule.target_matchers)?);
            Ok(InhibitRule { source, target, equal: rule.equal })
        });
        Ok(Self {
            original: yaml.to_owned(),
            route,
            receivers: file.receivers.into_iter().map(|r| r.name).collect(),
            inhibit_rules: inhibit_rules.collect::<Result<_, _>>()?,
        })
    }
}

impl Route {
    fn build(text: RouteText, parent: Option<&Route>) -> Result<Self, ConfigError> {
        let receiver = text.receiver.or_else(|| parent.map(|p| p.receiver.clone()));
        let group_by = text.group_by.or_else(|| parent.map(|p| p.group_by.clone()));
        let mut route = Self {
            receiver: receiver.ok_or_else(|| ConfigError("root route must specify a default receiver".to_owned()))?,
            group_by: group_by.unwrap_or_default(),
            matchers: compile(&text.matchers)?,
            goes_on: text.goes_on,
            routes: Vec::new(),
        };
        let routes = text.routes.into_iter().map(|child| Self::build(child, Some(&route))).collect::<Result<_, _>>()?;
        route.routes = routes;
        Ok(route)
    }

    /// The routes an alert takes: the deepest match, and the next siblings while `continue` says so.
    pub fn of(&self, labels: &BTreeMap<String, String>) -> Vec<&Route> {
        if !all_match(&self.matchers, labels) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for child in &self.routes {
            let deeper = child.of(labels);
            let stop = !deeper.is_empty() && !child.goes_on;
            found.extend(deeper);
            if stop {
                break;
            }
        }
        if found.is_empty() { vec![self] } else { found }
    }
}

impl InhibitRule {
    /// Whether a firing alert `source` mutes `target`.
    pub fn mutes(&self, source: &BTreeMap<String, String>, target: &BTreeMap<String, String>) -> bool {
        // An alert that is both cannot mute its like: neither would ever be heard.
        let source_is_target = all_match(&self.target, source);
        let target_is_source = all_match(&self.source, target);
        all_match(&self.source, source)
            && all_match(&self.target, target)
            && !(source_is_target && target_is_source)
            && self.equal.iter().all(|name| source.get(name) == target.get(name))
    }
}

fn compile(sources: &[String]) -> Result<Vec<Matcher>, ConfigError> {
    sources.iter().map(|s| Matcher::parse(s).map_err(ConfigError)).collect()
}
