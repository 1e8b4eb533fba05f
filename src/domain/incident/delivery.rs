//! What an incident sends out, and what came of it: to a chat, a paging service, a status page.

use serde::{Deserialize, Serialize};

use crate::domain::Text;

/// The key of a delivery, unique in its incident and the same at every attempt: `channel`, `invite:alice`,
/// `update:20261121T143207123Z-0000-w7f3`.
pub type DeliveryKey = Text;

/// One thing to send to one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its key.
    pub key: DeliveryKey,
    /// The configured name of the service.
    pub service: Text,
    /// What is sent.
    pub what: What,
    /// Deliveries that have to be sent before; when one of them was dropped, this one cannot be sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<DeliveryKey>,
}

/// What is sent. Texts are Markdown of the simplest kind (`*emphasis*`, `` `code` ``, `[words](url)`, lists, lines);
/// a service writes it in its own manner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "send", rename_all = "kebab-case")]
pub enum What {
    /// Opens the incident's channel. A name that is taken by something else is made unique by the service.
    OpenChannel {
        /// The wanted name.
        name: String,
        /// Only for those who are invited?
        private: bool,
        /// What it is for, where a channel can say so.
        purpose: String,
    },
    /// Sets the channel's topic.
    Topic {
        /// The text.
        topic: String,
    },
    /// Invites one person, by the name, address or id that the service knows them by.
    Invite {
        /// Who.
        who: String,
    },
    /// Posts a message; of one over the service's limit several are made.
    Post {
        /// The text.
        text: String,
    },
    /// Pins the message that another delivery posted.
    Pin {
        /// The key of that delivery.
        message: DeliveryKey,
    },
    /// Puts a link at the channel's head.
    Link {
        /// Its words.
        title: String,
        /// Where it leads.
        url: String,
    },
    /// Closes the channel for new messages.
    Archive,
    /// Acknowledges a page.
    Acknowledge {
        /// The service's id of the page.
        page: String,
    },
    /// Sends a page on to the next level.
    Escalate {
        /// The page.
        page: String,
        /// The level, from 1; the next one when not said.
        level: Option<u32>,
    },
    /// Asks people to join.
    AddResponders {
        /// The page.
        page: String,
        /// Users, teams or escalation policies, as the service knows them.
        who: Vec<String>,
        /// Why.
        message: String,
    },
    /// Writes a note on a page.
    PageNote {
        /// The page.
        page: String,
        /// The text.
        text: String,
    },
    /// Resolves a page.
    ResolvePage {
        /// The page.
        page: String,
    },
    /// Pages somebody.
    Page {
        /// What it is about.
        summary: String,
        /// Where it comes from (the workload).
        source: String,
        /// The severity's word of the alert (`critical`).
        severity: String,
    },
    /// Records a change that we made; pages nobody.
    Change {
        /// What was changed.
        summary: String,
        /// Where.
        source: String,
        /// More of it: names and values.
        #[serde(default)]
        details: std::collections::BTreeMap<String, String>,
    },
    /// Publishes an incident on the status page, or the next update of the one that was published. Everyone can read it.
    Publish {
        /// Its name, to customers.
        title: String,
        /// `investigating`, `identified`, `monitoring` or `resolved`.
        status: String,
        /// The text.
        body: String,
        /// Components and their state (`major_outage`), as the page's configuration names them.
        #[serde(default)]
        components: std::collections::BTreeMap<String, String>,
    },
}

impl What {
    /// Does everyone see it? Such a delivery has a confirmation of its own.
    pub const fn is_public(&self) -> bool {
        matches!(self, Self::Publish { .. })
    }
}

/// What the service said to a delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its id there: of the channel, the message, the page, the published incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name there, which may be another than the wanted one (of a channel).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where a person can look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What a person should know: shortened, split, was there already, another name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// When it may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "again", content = "seconds")]
pub enum Again {
    /// It certainly was not done; by itself, in so many seconds (a limit of the service, a server that is down).
    In(u64),
    /// It certainly was not done, and the same attempt would fail again: a person has to change something.
    Ask,
    /// It was sent, and no answer came. The next attempt looks first.
    Doubtful,
}
