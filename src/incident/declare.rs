//! Declaring: from what is known at a glance to a proposal that a person edits field by field, to the list of all that
//! will be sent, to the entries of a new incident. Nothing that is wrong with a template, a name or a service keeps an
//! incident from being declared.

mod check;
mod facts;
mod fields;
mod send;

use std::collections::{BTreeMap, BTreeSet};

pub use check::Finding;
pub use facts::{Burn, ChatFacts, Facts, PageFact, RunbookFacts, StatusPageFacts};
pub use fields::Field;
pub use send::{Line, StatusDraft};

use super::plan::Now;
use super::severity::{self, Signs};
use super::template::{self, Values, flat, slug};
use super::timeline::utc_minute;
use crate::config::incidents::Incidents;
use crate::domain::Text;
use crate::domain::incident::entry::Declared;
use crate::domain::incident::{IncidentId, LONGEST_ID, Role, Severity, Visibility};
use crate::domain::time::Instant;

/// A page, and whether it is acknowledged with the declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageChoice {
    /// The configured name of the paging service.
    pub service: Text,
    /// The service's id of the page.
    pub id: String,
    /// What it says.
    pub title: String,
    /// Acknowledge it, and note the incident on it?
    pub chosen: bool,
    /// Did somebody acknowledge it already? Then only the note is sent.
    pub acknowledged: bool,
}

/// What is proposed. A field that nobody touched follows the others: a new title is in the topic as well.
#[derive(Clone, Debug)]
pub struct Proposal {
    facts: Facts,
    config: Incidents,
    at: Instant,
    random: u32,
    touched: BTreeSet<Field>,
    troubles: Vec<Finding>,
    /// One line.
    title: String,
    /// How bad.
    severity: Severity,
    /// How bad it was proposed to be.
    proposed: Severity,
    /// Why that is proposed.
    why: String,
    /// The service.
    service: String,
    /// Who has which role.
    roles: BTreeMap<Role, String>,
    /// Who may see the channel.
    visibility: Visibility,
    /// The channel's name, as the chat would write it.
    channel: String,
    /// Its topic.
    topic: String,
    /// Whom to invite.
    invite: Vec<String>,
    /// The first message.
    first_message: String,
    /// Links at the channel's head.
    links: Vec<(String, String)>,
    /// Pages.
    pages: Vec<PageChoice>,
    /// Why the chat does not take the name that was wanted.
    renamed: Option<String>,
    /// What a person wrote for the status page.
    public_words: Option<String>,
    /// What a person confirmed for the status page, whole.
    confirmed: Option<StatusDraft>,
}

impl Proposal {
    /// Proposes an incident. `random` tells apart two that begin in the same minute.
    pub fn new(facts: Facts, config: &Incidents, at: Instant, random: u32) -> Self {
        let mut proposal = Self {
            title: facts.title(),
            service: facts.service(),
            pages: facts.pages.iter().map(|page| page.choice(&facts)).collect(),
            renamed: None,
            visibility: config.visibility,
            config: config.clone(),
            at,
            random,
            touched: BTreeSet::new(),
            troubles: Vec::new(),
            severity: Severity::Sev4,
            proposed: Severity::Sev4,
            why: String::new(),
            roles: BTreeMap::new(),
            channel: String::new(),
            topic: String::new(),
            invite: Vec::new(),
            first_message: String::new(),
            links: Vec::new(),
            public_words: None,
            confirmed: None,
            facts,
        };
        proposal.hear_runbook();
        proposal.refresh();
        proposal
    }

    /// Severity, roles and invitees by the rules, the configuration and the runbook; not those that somebody set.
    fn hear_runbook(&mut self) {
        let (facts, config) = (&self.facts, &self.config);
        let book = facts.runbook.clone().unwrap_or_default();
        let burn = facts.fastest_burn();
        let alerts: Vec<_> = facts.alerts.iter().collect();
        let signs = Signs { alerts: &alerts, burn, production: facts.production, workload: facts.workload.as_ref() };
        let (mut severity, mut why) = severity::propose(&config.rule, signs);
        if let Some(wanted) = book.severity.as_deref().and_then(|word| word.parse::<Severity>().ok())
            && wanted < severity
        {
            (severity, why) = (wanted, format!("runbook {} says so", book.id));
        }
        self.proposed = severity;
        if !self.touched.contains(&Field::Severity) {
            (self.severity, self.why) = (severity, why);
        }
        if !self.touched.contains(&Field::Roles) {
            let mut roles = config.roles.clone();
            roles.insert(Role::Commander, facts.user.clone());
            // It is written for this trouble: it knows better than what is configured for all of them.
            roles.extend(book.roles.clone());
            self.roles = roles;
        }
        if !self.touched.contains(&Field::Invite) {
            let mut invite: Vec<String> = Vec::new();
            for who in config.invite.iter().chain(&book.invite).map(|who| who.trim().to_owned()) {
                if !who.is_empty() && !invite.contains(&who) {
                    invite.push(who);
                }
            }
            self.invite = invite;
        }
    }

    /// What it was made from.
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Pages that became known after the proposal was made; what was chosen stays so, and where a person chose, nothing is
    /// chosen for them. `true` when what is sent is more than before: who read the preview has to look again.
    pub fn learn_pages(&mut self, pages: &[PageFact]) -> bool {
        let mut more = false;
        for page in pages {
            let known = self.pages.iter().any(|known| known.service == page.service && known.id == page.page.id);
            if !known {
                let mut choice = page.choice(&self.facts);
                choice.chosen &= !self.touched.contains(&Field::Pages);
                more |= choice.chosen;
                self.pages.push(choice);
            }
        }
        more
    }

    /// The runbook that fits became known after the proposal was made. What somebody set stays so.
    pub fn learn_runbook(&mut self, book: RunbookFacts) {
        self.facts.runbook = Some(book);
        self.hear_runbook();
        self.refresh();
    }

    /// `20261121-1432-payment-x7k2`.
    pub fn id(&self) -> IncidentId {
        const DIGITS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
        let tail: String = (0..4).map(|at| char::from(DIGITS[(self.random >> (5 * at)) as usize & 31])).collect();
        let at = self.at.format("%Y%m%d-%H%M");
        let service = slug(&self.service, LONGEST_ID - "YYYYMMDD-HHMM--xxxx".len());
        IncidentId::made_of(&format!("{at}-{service}-{tail}"))
    }

    /// What is known when it begins.
    pub fn declared(&self) -> Declared {
        let facts = &self.facts;
        let every = facts.runbook.as_ref().and_then(|book| book.update_every);
        Declared {
            id: self.id(),
            title: if self.title.trim().is_empty() { facts.title() } else { self.title.trim().to_owned() },
            severity: self.severity,
            service: self.service.trim().to_owned(),
            workload: facts.workload.clone(),
            context: facts.context.clone(),
            visibility: self.visibility,
            detected: facts.detected(),
            alerts: facts.alert_names(),
            burn: facts.fastest_burn(),
            suspect: facts.suspect.clone(),
            runbook: facts.runbook.as_ref().map(|book| book.id.clone()),
            proposed: Some(self.proposed),
            update_every: every.unwrap_or(self.config.update_every.as_secs()),
            update_fixed: every.is_some(),
            demo: facts.demo,
        }
    }

    /// What templates know: the fields of the incident, and the parameters of the runbook beside them.
    pub fn values(&self) -> Values {
        let declared = self.declared();
        let now = Now {
            title: &declared.title,
            severity: self.severity.word(),
            commander: self.roles.get(&Role::Commander).map_or("nobody", String::as_str),
        };
        let mut values = now.values(&declared, self.at);
        for (name, value) in self.facts.runbook.iter().flat_map(|book| &book.values) {
            values.entry(name.clone()).or_insert_with(|| flat(value));
        }
        values
    }

    /// Makes the texts anew that nobody touched.
    fn refresh(&mut self) {
        let values = self.values();
        let book = self.facts.runbook.clone().unwrap_or_default();
        self.troubles.clear();
        if !self.touched.contains(&Field::Channel) {
            let template = book.channel.as_ref().unwrap_or(&self.config.channel).clone();
            let wanted = self.fill(Field::Channel, &template, &values, |values| {
                let of = |name: &str| values.get(name).map_or("", String::as_str);
                format!("inc-{}-{}-{}", of("date"), of("time"), of("service"))
            });
            self.channel = self.named(&wanted);
            if let Some((product, Err(why))) =
                self.facts.chat.as_ref().map(|chat| (&chat.product, chat.name_of(&wanted)))
            {
                let text = format!("{product} takes no such name: {why}; it is `{}` instead", self.channel);
                self.troubles.push(Finding::remark(Field::Channel, text));
            }
        }
        if !self.touched.contains(&Field::Topic) {
            let template = book.topic.as_ref().unwrap_or(&self.config.topic).clone();
            let topic = self.fill(Field::Topic, &template, &values, super::plan::plain_topic);
            self.topic = flat(&topic);
        }
        if !self.touched.contains(&Field::Links) {
            let links = self.config.links.clone();
            self.links = links
                .iter()
                .map(|(title, url)| (title.clone(), self.fill(Field::Links, url, &values, |_| String::new())))
                .filter(|(_, url)| !url.trim().is_empty())
                .collect();
            self.links.extend(book.link.clone().map(|link| (format!("Runbook: {}", flat(&book.title)), link)));
        }
        if !self.touched.contains(&Field::FirstMessage) {
            let lead = book.first_message.as_ref().or(self.config.first_message.as_ref()).cloned();
            let lead = lead.map(|text| self.fill(Field::FirstMessage, &text, &values, |_| String::new()));
            self.first_message = self.summary(lead.as_deref().filter(|text| !text.trim().is_empty()));
        }
    }

    /// The template's text; a plain one, and a finding, where it cannot be filled in.
    fn fill(&mut self, field: Field, template: &str, values: &Values, plain: impl Fn(&Values) -> String) -> String {
        match template::render(template, values) {
            Ok(text) => text,
            Err(why) => {
                self.troubles.push(Finding::remark(field, format!("the template cannot be filled in: {why}")));
                plain(values)
            }
        }
    }

    /// The name as the chat would write it; one made from the id where it takes no such name.
    fn named(&self, wanted: &str) -> String {
        let Some(chat) = &self.facts.chat else { return slug(wanted, 80) };
        let made = chat.name_of(wanted).or_else(|_| chat.name_of(&format!("inc-{}", self.id())));
        made.unwrap_or_else(|_| slug(wanted, 80))
    }

    /// The first message: what was written for it, and then the facts.
    fn summary(&self, lead: Option<&str>) -> String {
        let facts = &self.facts;
        let declared = self.declared();
        let mut lines = vec![format!("*{} {}: {}*", self.severity, flat(&self.service), flat(&declared.title))];
        lines.extend(lead.map(str::to_owned));
        let commander = self.roles.get(&Role::Commander).map_or("nobody", String::as_str);
        let mut place = flat(&facts.context);
        if let Some(workload) = &facts.workload {
            place = format!("{place}, {workload} in {}", workload.namespace);
        }
        lines.push(format!("{place} | Incident Commander: {}", flat(commander)));
        if let Some(detected) = declared.detected {
            lines.push(format!("First sign: {}", utc_minute(detected)));
        }
        for alert in facts.firing() {
            let since = utc_minute(alert.since);
            lines.push(format!("- alert `{}` since {since}: {}", flat(&alert.name), flat(alert.summary())));
        }
        // Many pods with one trouble are one line.
        lines.dedup();
        lines.extend(facts.burn.iter().filter_map(Burn::words).map(|words| format!("- {words}")));
        lines.extend(facts.suspect.as_ref().map(|suspect| format!("- suspect: {}", flat(suspect))));
        if let Some(book) = &facts.runbook {
            lines.push(match &book.link {
                Some(link) => format!("- runbook: [{}]({link})", flat(&book.title)),
                None => format!("- runbook: {} (`opsdeck runbook show {}`)", flat(&book.title), book.id),
            });
        }
        lines.extend(
            self.links
                .iter()
                .filter(|(_, url)| Some(url) != facts.runbook.as_ref().and_then(|book| book.link.as_ref()))
                .map(|(title, url)| format!("- [{}]({url})", flat(title))),
        );
        lines.push(format!("Incident `{}`", declared.id));
        lines.join("\n")
    }
}
