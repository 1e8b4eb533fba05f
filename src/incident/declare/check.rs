//! What is wrong with a proposal, field by field. Only a missing title keeps it from being declared.

use super::{Field, Proposal};
use crate::domain::incident::{Role, Visibility};
use crate::incident::command::LONGEST_TITLE;

/// Something to know about a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The field.
    pub field: Field,
    /// In one sentence.
    pub text: String,
    /// Does it have to be put right first?
    pub blocks: bool,
}

impl Finding {
    pub(super) fn remark(field: Field, text: impl Into<String>) -> Self {
        Self { field, text: text.into(), blocks: false }
    }
}

impl Proposal {
    /// What is to be known about the fields; empty when all is well.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = self.troubles.clone();
        let mut say = |field, text: String| found.push(Finding::remark(field, text));
        let length = self.title.chars().count();
        if length > LONGEST_TITLE {
            say(Field::Title, format!("{length} characters; it is cut off at {LONGEST_TITLE}"));
        }
        if self.service.trim().is_empty() {
            say(Field::Service, "nobody will know what it is about".to_owned());
        }
        if !self.roles.contains_key(&Role::Commander) {
            say(Field::Roles, "nobody is Incident Commander".to_owned());
        }
        if let Some(chat) = &self.facts.chat {
            if chat.has_channels && !self.channel.is_empty() {
                if let Some(why) = &self.renamed {
                    say(Field::Channel, format!("{why}; `{}` is used instead", self.channel));
                }
                if self.visibility == Visibility::Private && self.invite.is_empty() {
                    let text = "the channel is private, and nobody is invited: only the bot would be in it";
                    say(Field::Invite, text.to_owned());
                }
                if let Err(why) = chat.name_of(&self.channel) {
                    say(Field::Channel, format!("{} takes no such name: {why}", chat.product));
                }
                let topic = self.topic.chars().count();
                if topic > chat.limits.topic {
                    let most = chat.limits.topic;
                    say(
                        Field::Topic,
                        format!("{topic} characters; it is cut off at {most}, as {} wants", chat.product),
                    );
                }
            }
            if !chat.has_channels {
                say(Field::Channel, format!("{} opens no channels: messages go where it is configured to", chat.name));
                if !self.invite.is_empty() {
                    say(Field::Invite, format!("{} invites nobody", chat.name));
                }
            }
            let message = self.first_message.chars().count();
            if message > chat.limits.message {
                let most = chat.limits.message;
                say(
                    Field::FirstMessage,
                    format!("{message} characters; {} takes {most}: it becomes several messages", chat.product),
                );
            }
        } else {
            say(Field::Channel, "no chat is configured: the incident is kept here".to_owned());
        }
        for who in self.invite.iter().filter(|who| who.contains(char::is_whitespace)) {
            say(Field::Invite, format!("`{who}` has a space in it; a user name, an address or an id has none"));
        }
        for (title, url) in &self.links {
            if !url.starts_with("https://") && !url.starts_with("http://") {
                say(Field::Links, format!("`{title}` leads nowhere: {url}"));
            }
        }
        if self.confirmed.is_some() && self.public().is_none() {
            let why = "what everyone would read changed after it was confirmed: nothing is published";
            say(Field::StatusPage, why.to_owned());
        }
        if self.title.trim().is_empty() {
            found.push(Finding { field: Field::Title, text: "what is wrong, in one line?".to_owned(), blocks: true });
        }
        found.sort_by_key(|finding| finding.field);
        found
    }
}
