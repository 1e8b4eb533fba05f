//! The fields of a proposal as text: read and set by the console's form and the command line alike.

use std::collections::BTreeMap;

use super::{PageChoice, Proposal};
use crate::domain::incident::{Role, Severity, Visibility};

/// A field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// One line.
    Title,
    /// `SEV2`.
    Severity,
    /// The service.
    Service,
    /// `commander=alice, scribe=bob`.
    Roles,
    /// `public` or `private`.
    Visibility,
    /// The channel's name.
    Channel,
    /// Its topic.
    Topic,
    /// Whom to invite, parted by commas.
    Invite,
    /// The first message.
    FirstMessage,
    /// Links, `TITLE=URL`, one a line.
    Links,
    /// Ids of the pages that are acknowledged, parted by commas.
    Pages,
    /// The text of the status page.
    StatusPage,
}

impl Field {
    /// All, in the order of the form.
    pub const ALL: [Self; 12] = [
        Self::Title,
        Self::Severity,
        Self::Service,
        Self::Roles,
        Self::Visibility,
        Self::Channel,
        Self::Topic,
        Self::Invite,
        Self::FirstMessage,
        Self::Links,
        Self::Pages,
        Self::StatusPage,
    ];

    /// Its name in a form.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Severity => "severity",
            Self::Service => "service",
            Self::Roles => "roles",
            Self::Visibility => "visibility",
            Self::Channel => "channel",
            Self::Topic => "topic",
            Self::Invite => "invite",
            Self::FirstMessage => "first message",
            Self::Links => "links",
            Self::Pages => "pages",
            Self::StatusPage => "status page",
        }
    }

    /// Does it take several lines?
    pub const fn is_long(self) -> bool {
        matches!(self, Self::FirstMessage | Self::Links | Self::StatusPage)
    }
}

fn listed(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for one in text.split([',', '\n']).map(str::trim).filter(|one| !one.is_empty()) {
        if all.iter().all(|known| known != one) {
            all.push(one.to_owned());
        }
    }
    all
}

impl Proposal {
    /// The severity.
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// Why that severity was proposed.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Pages, and which of them are acknowledged.
    pub fn pages(&self) -> &[PageChoice] {
        &self.pages
    }

    /// Acknowledge a page, or do not.
    pub fn choose_page(&mut self, id: &str, chosen: bool) {
        for page in self.pages.iter_mut().filter(|page| page.id == id) {
            page.chosen = chosen;
        }
    }

    /// A field, as it is written.
    pub fn get(&self, field: Field) -> String {
        match field {
            Field::Title => self.title.clone(),
            Field::Severity => self.severity.to_string(),
            Field::Service => self.service.clone(),
            Field::Roles => {
                let roles = self.roles.iter().map(|(role, who)| format!("{role}={who}"));
                roles.collect::<Vec<_>>().join(", ")
            }
            Field::Visibility => match self.visibility {
                Visibility::Public => "public".to_owned(),
                Visibility::Private => "private".to_owned(),
            },
            Field::Channel => self.channel.clone(),
            Field::Topic => self.topic.clone(),
            Field::Invite => self.invite.join(", "),
            Field::FirstMessage => self.first_message.clone(),
            Field::Links => {
                let links = self.links.iter().map(|(title, url)| format!("{title}={url}"));
                links.collect::<Vec<_>>().join("\n")
            }
            Field::Pages => {
                let chosen = self.pages.iter().filter(|page| page.chosen).map(|page| page.id.as_str());
                chosen.collect::<Vec<_>>().join(", ")
            }
            Field::StatusPage => self.status_draft().map(|draft| draft.said.body).unwrap_or_default(),
        }
    }

    /// Sets a field. The error says what it takes; the field then stays as it was. Fields that nobody touched follow.
    pub fn set(&mut self, field: Field, text: &str) -> Result<(), String> {
        match field {
            Field::Title => self.title = text.split_whitespace().collect::<Vec<_>>().join(" "),
            Field::Severity => {
                self.severity = text.parse::<Severity>().map_err(|error| error.to_string())?;
                "set by hand".clone_into(&mut self.why);
            }
            Field::Service => text.trim().clone_into(&mut self.service),
            Field::Roles => {
                let mut roles = BTreeMap::new();
                for one in listed(text) {
                    let (role, who) = one.split_once('=').ok_or_else(|| format!("`{one}` is not ROLE=WHO"))?;
                    let role = role.parse::<Role>().map_err(|error| error.to_string())?;
                    if !who.trim().is_empty() {
                        roles.insert(role, who.trim().to_owned());
                    }
                }
                self.roles = roles;
            }
            Field::Visibility => {
                self.visibility = match text.trim().to_ascii_lowercase().as_str() {
                    "public" => Visibility::Public,
                    "private" => Visibility::Private,
                    other => return Err(format!("`{other}` is no visibility: public or private")),
                }
            }
            Field::Channel => {
                let wanted = text.trim();
                self.channel = if wanted.is_empty() { String::new() } else { self.named(wanted) };
                let taken = self.facts.chat.as_ref().filter(|_| !wanted.is_empty()).map(|chat| chat.name_of(wanted));
                // Not refused: the rest of the form counts all the same, and the finding says what is used instead.
                self.renamed = taken.and_then(Result::err);
            }
            Field::Topic => self.topic = text.split_whitespace().collect::<Vec<_>>().join(" "),
            Field::Invite => self.invite = listed(text),
            Field::FirstMessage => text.trim().clone_into(&mut self.first_message),
            Field::Links => {
                let mut links = Vec::new();
                for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
                    let (title, url) = line.split_once('=').ok_or_else(|| format!("`{line}` is not TITLE=URL"))?;
                    links.push((title.trim().to_owned(), url.trim().to_owned()));
                }
                self.links = links;
            }
            Field::Pages => {
                let wanted = listed(text);
                if let Some(unknown) = wanted.iter().find(|id| self.pages.iter().all(|page| page.id != **id)) {
                    return Err(format!("there is no page `{unknown}`"));
                }
                for page in &mut self.pages {
                    page.chosen = wanted.contains(&page.id);
                }
            }
            Field::StatusPage => {
                if self.facts.status_page.is_none() {
                    return Err("no status page is configured".to_owned());
                }
                self.public_words = Some(text.trim().to_owned());
            }
        }
        self.touched.insert(field);
        self.refresh();
        Ok(())
    }

    /// Gives a field back to what is proposed for it.
    pub fn reset(&mut self, field: Field) {
        self.touched.remove(&field);
        if field == Field::Channel {
            self.renamed = None;
        }
        self.refresh();
    }
}
