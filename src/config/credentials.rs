//! Every place of a secret that a configuration names, with the services that it is for: what `opsdeck auth` shows, fills
//! and proves.
//!
//! A section that names secrets is listed once, in [`Config::credentials`]; everything else follows from what it says
//! through [`Secrets`].

use std::collections::BTreeSet;

use super::secret::{SecretSource, Secrets};
use super::{Alertmanager, Config, FlagSource, Prometheus};

/// A place of a secret, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// What people call the source: `prometheus`, `alertmanager`, or the name of its `[[flags]]`.
    pub source: String,
    /// Where a file says so: `prometheus.token`, `contexts."prod-*".prometheus.token`, `flags.unleash.token`.
    pub setting: String,
    /// The place.
    pub at: SecretSource,
    /// The services that are asked with it, each once. Empty: it is named, and used nowhere.
    pub uses: Vec<Service>,
}

/// A service that is asked with secrets, as the configuration describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// Prometheus at an address.
    Prometheus(Prometheus),
    /// Alertmanager at its addresses.
    Alertmanager(Alertmanager),
    /// A source of feature flags.
    Flags(FlagSource),
}

impl Secrets for Service {
    fn each_secret(&mut self, visit: &mut dyn FnMut(&str, &mut SecretSource)) {
        match self {
            Self::Prometheus(settings) => settings.http.each_secret(visit),
            Self::Alertmanager(settings) => settings.http.each_secret(visit),
            Self::Flags(settings) => settings.http.each_secret(visit),
        }
    }
}

impl Service {
    /// The same service, with one secret taken from another place.
    #[must_use]
    pub fn with(mut self, from: &SecretSource, to: &SecretSource) -> Self {
        self.each_secret(&mut |_, at| {
            if at == from {
                to.clone_into(at);
            }
        });
        self
    }
}

impl Credential {
    /// Does someone who says `word` mean it? By its source, by its setting, or by both (`unleash.token`).
    pub fn is_called(&self, word: &str) -> bool {
        word == self.source || word == self.setting || self.setting.strip_prefix("flags.") == Some(word)
    }
}

impl Config {
    /// Every place of a secret that the configuration names, in the order of its sections. Two settings of one source
    /// that name the same place are one, called by the first of them.
    pub fn credentials(&self) -> Vec<Credential> {
        let mut found = Found::default();
        let settings = &self.settings;
        found.named("prometheus", "prometheus", &settings.prometheus.http);
        for (pattern, context) in &settings.contexts {
            found.named("prometheus", &format!("contexts.\"{pattern}\".prometheus"), &context.prometheus.http);
        }
        found.named("alertmanager", "alertmanager", &settings.alertmanager.http);
        for (pattern, context) in &settings.contexts {
            found.named("alertmanager", &format!("contexts.\"{pattern}\".alertmanager"), &context.alertmanager.http);
        }
        for flags in &settings.flags {
            found.named(&flags.name, &format!("flags.{}", flags.name), &flags.http);
        }
        self.uses(&mut found);
        found.0
    }

    /// A pattern is a name that it matches itself, so the patterns stand for the contexts, whatever those are called.
    fn uses(&self, found: &mut Found) {
        let settings = &self.settings;
        let of_flags = settings.flags.iter().flat_map(|flags| flags.environments.keys());
        let mut contexts: BTreeSet<&str> = settings.contexts.keys().chain(of_flags).map(String::as_str).collect();
        contexts.insert("");
        let mut flags = BTreeSet::new();
        for name in contexts {
            let context = self.context(name);
            // Without an address they are reached through the API server, which has credentials of its own.
            if context.prometheus.url.is_some() {
                found.used("prometheus", &Service::Prometheus(context.prometheus));
            }
            if !context.alertmanager.urls.is_empty() {
                found.used("alertmanager", &Service::Alertmanager(context.alertmanager));
            }
            for source in context.flags {
                // The same token and address in each of its environments.
                if flags.insert(source.name.clone()) {
                    found.used(&source.name.clone(), &Service::Flags(source));
                }
            }
        }
    }
}

#[derive(Default)]
struct Found(Vec<Credential>);

impl Found {
    fn named(&mut self, source: &str, section: &str, settings: &(impl Secrets + Clone)) {
        for (key, at) in settings.secrets() {
            if !self.0.iter().any(|one| one.source == source && one.at == at) {
                let setting = format!("{section}.{key}");
                self.0.push(Credential { source: source.to_owned(), setting, at, uses: Vec::new() });
            }
        }
    }

    fn used(&mut self, source: &str, service: &Service) {
        for (_, at) in service.secrets() {
            let credential = self.0.iter_mut().find(|one| one.source == source && one.at == at);
            if let Some(credential) = credential.filter(|one| !one.uses.contains(service)) {
                credential.uses.push(service.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::config::{LoadOptions, load};

    fn configured(text: &str) -> Config {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        load(&LoadOptions { explicit_file: Some(file.path().to_owned()), ..LoadOptions::default() }).unwrap().config
    }

    const FILE: &str = r#"
        [prometheus]
        token = { env = "PROM_TOKEN" }
        [contexts."prod-*".prometheus]
        url = "https://prod.example.com"
        [contexts."prod-eu".prometheus]
        url = "https://eu.example.com"
        basic = { username = "x", password = { keyring = "eu" } }
        headers = { X-Api-Key = { keyutils = "eu-key" }, X-Scope-OrgID = "7" }
        [alertmanager]
        token = { env = "PROM_TOKEN" }
        [[flags]]
        name = "unleash"
        provider = "unleash"
        url = "https://flags.example.com"
        token = { keyring = "unleash" }
        environments = { "prod-*" = ["production"], "*" = ["development"] }
    "#;

    #[test]
    fn every_place_is_listed_once_with_the_services_that_it_is_for() {
        let found = configured(FILE).credentials();
        let listed: Vec<(&str, usize)> = found.iter().map(|one| (one.setting.as_str(), one.uses.len())).collect();
        let expected = [
            ("prometheus.token", 1),
            ("contexts.\"prod-eu\".prometheus.basic.password", 1),
            ("contexts.\"prod-eu\".prometheus.headers.X-Api-Key", 1),
            ("alertmanager.token", 0),
            ("flags.unleash.token", 1),
        ];
        assert_eq!(listed, expected);
        // What a more specific context replaces is not asked with the general one's token.
        let [Service::Prometheus(general)] = &found[0].uses[..] else { panic!("{found:#?}") };
        assert_eq!(general.url.as_deref(), Some("https://prod.example.com"));
        assert!(found[4].is_called("unleash") && found[4].is_called("unleash.token") && !found[4].is_called("flags"));
    }

    #[test]
    fn one_secret_is_put_elsewhere_and_the_others_stay() {
        let found = configured(FILE).credentials();
        let to = SecretSource::Keyutils("moved".into());
        let moved = found[1].uses[0].clone().with(&found[1].at, &to).secrets();
        assert_eq!(moved[0], ("basic.password".to_owned(), to));
        assert_eq!(moved[1].1, found[2].at);
    }
}
