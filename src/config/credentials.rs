//! Every place of a secret that a configuration names, with the services that it is for: what `opsdeck auth` shows, fills
//! and proves.
//!
//! A section that names secrets is listed once, in [`Config::credentials`]; everything else follows from what it says
//! through [`Secrets`].

use std::collections::BTreeSet;

use super::incidents::{ChatSource, Paging, PagingSource, StatusPageSource};
use super::secret::{SecretSource, Secrets};
use super::{Alertmanager, Config, FlagSource, Prometheus};

/// A place of a secret, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// What people call the source: `prometheus`, `alertmanager`, or the name of its `[[flags]]`, `[[chat]]`,
    /// `[[paging]]` or `[[status-page]]`.
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
    /// A chat.
    Chat(ChatSource),
    /// A paging service.
    Paging(PagingSource),
    /// A status page.
    StatusPage(StatusPageSource),
}

impl Secrets for Service {
    fn each_secret(&mut self, visit: &mut dyn FnMut(&str, &mut SecretSource)) {
        match self {
            Self::Prometheus(settings) => settings.http.each_secret(visit),
            Self::Alertmanager(settings) => settings.http.each_secret(visit),
            Self::Flags(settings) => settings.http.each_secret(visit),
            Self::Chat(settings) => settings.http.each_secret(visit),
            Self::Paging(settings) => {
                settings.http.each_secret(visit);
                of_paging(&mut settings.paging, visit);
            }
            Self::StatusPage(settings) => settings.http.each_secret(visit),
        }
    }
}

/// What a paging service takes beside what every HTTP source does.
fn of_paging(paging: &mut Paging, visit: &mut dyn FnMut(&str, &mut SecretSource)) {
    if let Some(at) = &mut paging.routing_key {
        visit("routing-key", at);
    }
}

impl Secrets for Paging {
    fn each_secret(&mut self, visit: &mut dyn FnMut(&str, &mut SecretSource)) {
        self.http.each_secret(visit);
        of_paging(self, visit);
    }
}

impl Service {
    /// What people call its source, as in [`Credential::source`].
    pub fn source(&self) -> &str {
        match self {
            Self::Prometheus(_) => "prometheus",
            Self::Alertmanager(_) => "alertmanager",
            Self::Flags(settings) => &settings.name,
            Self::Chat(settings) => &settings.chat.name,
            Self::Paging(settings) => &settings.paging.name,
            Self::StatusPage(settings) => &settings.page.name,
        }
    }

    /// Its section of the configuration.
    pub const fn section(&self) -> &'static str {
        match self {
            Self::Prometheus(_) => "prometheus",
            Self::Alertmanager(_) => "alertmanager",
            Self::Flags(_) => "flags",
            Self::Chat(_) => "chat",
            Self::Paging(_) => "paging",
            Self::StatusPage(_) => "status-page",
        }
    }

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
        let short = self.setting.split_once('.').map_or("", |(_, rest)| rest);
        word == self.source || word == self.setting || (word == short && short.starts_with(&self.source))
    }

    /// Can its service be asked whether it is right? A key of events only sends, and sending pages somebody.
    pub fn is_provable(&self) -> bool {
        !self.setting.ends_with(".routing-key")
    }

    /// The shortest word that means it and none of the others.
    pub fn word<'a>(&'a self, all: &[Self]) -> &'a str {
        let alone = all.iter().filter(|one| one.is_called(&self.source)).count() < 2;
        if alone { &self.source } else { &self.setting }
    }
}

impl Config {
    /// Every place of a secret that the configuration names, in the order of its sections, whatever the context. Two
    /// settings of one source that name the same place are one, called by the first of them.
    pub fn credentials(&self) -> Vec<Credential> {
        let mut found = self.places();
        // A pattern is a name that it matches itself, so the patterns stand for the contexts, whatever those are called.
        let settings = &self.settings;
        let of_flags = settings.flags.iter().flat_map(|flags| flags.environments.keys());
        let contexts = [
            settings.chat.iter().map(|chat| &chat.contexts).collect::<Vec<_>>(),
            settings.paging.iter().map(|paging| &paging.contexts).collect(),
            settings.status_page.iter().map(|page| &page.contexts).collect(),
        ];
        let of_services = contexts.iter().flatten().filter_map(|patterns| patterns.as_ref()).flatten();
        let mut names: BTreeSet<&str> =
            settings.contexts.keys().chain(of_flags).chain(of_services).map(String::as_str).collect();
        names.insert("");
        for name in names {
            self.uses(&mut found, name);
        }
        found.0
    }

    /// Those that are used in this context, with the services that they are for there.
    pub fn credentials_in(&self, context: &str) -> Vec<Credential> {
        let mut found = self.places();
        self.uses(&mut found, context);
        found.0.retain(|credential| !credential.uses.is_empty());
        found.0
    }

    fn places(&self) -> Found {
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
        for chat in &settings.chat {
            found.named(&chat.name, &format!("chat.{}", chat.name), &chat.http);
        }
        for paging in &settings.paging {
            found.named(&paging.name, &format!("paging.{}", paging.name), paging);
        }
        for page in &settings.status_page {
            found.named(&page.name, &format!("status-page.{}", page.name), &page.http);
        }
        found
    }

    fn uses(&self, found: &mut Found, name: &str) {
        let context = self.context(name);
        // Without an address they are reached through the API server, which has credentials of its own.
        if context.prometheus.url.is_some() {
            found.used(&Service::Prometheus(context.prometheus));
        }
        if !context.alertmanager.urls.is_empty() {
            found.used(&Service::Alertmanager(context.alertmanager));
        }
        let services = context.services;
        let named = context.flags.into_iter().map(Service::Flags);
        let named = named.chain(services.chats.into_iter().map(Service::Chat));
        let named = named.chain(services.pagings.into_iter().map(Service::Paging));
        for service in named.chain(services.status_pages.into_iter().map(Service::StatusPage)) {
            found.used(&service);
        }
    }
}

#[derive(Default)]
struct Found(Vec<Credential>);

impl Found {
    fn named(&mut self, source: &str, section: &str, settings: &(impl Secrets + Clone)) {
        for (key, at) in settings.secrets() {
            // Names are unique within flags, and among the services of incidents; between the two they may meet.
            let same = |one: &Credential| {
                one.source == source && one.at == at && section_of(&one.setting) == section_of(section)
            };
            if !self.0.iter().any(same) {
                let setting = format!("{section}.{key}");
                self.0.push(Credential { source: source.to_owned(), setting, at, uses: Vec::new() });
            }
        }
    }

    fn used(&mut self, service: &Service) {
        // What has a name has one address, whatever the context.
        let by_name = !matches!(service, Service::Prometheus(_) | Service::Alertmanager(_));
        for (_, at) in service.secrets() {
            let credential = self.0.iter_mut().find(|one| {
                one.source == service.source() && one.at == at && section_of(&one.setting) == service.section()
            });
            if let Some(credential) = credential
                && !credential.uses.contains(service)
                && (!by_name || credential.uses.is_empty())
            {
                credential.uses.push(service.clone());
            }
        }
    }
}

/// `prometheus` of `contexts."prod-*".prometheus.token`.
fn section_of(setting: &str) -> &str {
    let setting = match setting.strip_prefix("contexts.\"") {
        Some(rest) => rest.split_once("\".").map_or(rest, |(_, rest)| rest),
        None => setting,
    };
    setting.split('.').next().unwrap_or_default()
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
        [[chat]]
        name = "unleash"
        provider = "mattermost"
        url = "https://chat.example.com"
        team = "ops"
        contexts = ["prod-*"]
        token = { keyring = "unleash" }
        [[paging]]
        name = "pager"
        provider = "pagerduty"
        from = "oncall@example.com"
        token = { env = "PD" }
        routing-key = { keyring = "routing" }
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
            ("chat.unleash.token", 1),
            ("paging.pager.token", 1),
            ("paging.pager.routing-key", 1),
        ];
        assert_eq!(listed, expected);
        // What a more specific context replaces is not asked with the general one's token.
        let [Service::Prometheus(general)] = &found[0].uses[..] else { panic!("{found:#?}") };
        assert_eq!(general.url.as_deref(), Some("https://prod.example.com"));
        assert!(found[4].is_called("unleash") && found[4].is_called("unleash.token") && !found[4].is_called("flags"));
        assert!(!found[0].is_called("token"));
        assert_eq!((found[0].word(&found), found[3].word(&found)), ("prometheus.token", "alertmanager"));
    }

    #[test]
    fn a_context_uses_what_holds_there() {
        let settings = |context| -> Vec<String> {
            configured(FILE).credentials_in(context).into_iter().map(|one| one.setting).collect()
        };
        assert_eq!(settings("dev"), ["flags.unleash.token", "paging.pager.token", "paging.pager.routing-key"]);
        assert_eq!(settings("prod-us")[..3], ["prometheus.token", "flags.unleash.token", "chat.unleash.token"]);
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
