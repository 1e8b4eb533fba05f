//! One configured account of a chat: what it is called, the road there, and whose token it is, which is asked once.

use std::sync::{Arc, Mutex, PoisonError};

use super::road::{Refusal, Road};
use crate::config::incidents::ChatSource;
use crate::integrations::http::{HttpSettings, Product, connect};

/// See the module. `I` is what a product says about whose token it is.
pub(super) struct Account<I> {
    /// The configured name.
    pub name: String,
    /// The configured workspace, team, server or homeserver: nothing is sent to another.
    pub team: Option<String>,
    /// What channels are put under: a category, a space.
    pub parent: Option<String>,
    /// The reaction that marks a message.
    pub marker: String,
    /// The road there.
    pub road: Road,
    /// And with which reading of the credentials it was asked.
    whose: Mutex<Option<(u64, Arc<I>)>>,
}

impl<I> Account<I> {
    /// Of the configuration; sends nothing. `origin` is where the product is when no address is configured, `prefix` what
    /// every path of its API begins with.
    pub fn new(source: &ChatSource, product: Product, origin: &str, prefix: &'static str, refusal: Refusal) -> Self {
        let url = source.chat.url.clone().unwrap_or_else(|| origin.to_owned());
        let transport = connect(&HttpSettings::new(product, url, source.http.clone()));
        Self {
            name: source.chat.name.clone(),
            team: source.chat.team.clone(),
            parent: source.chat.parent.clone(),
            marker: source.marker.clone(),
            road: Road::new(transport, prefix, refusal),
            whose: Mutex::default(),
        }
    }

    /// Whose token it is, as far as that was asked since it was read.
    pub fn whose(&self) -> Option<Arc<I>> {
        let whose = self.whose.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, whose) = whose.as_ref()?;
        (*read == self.road.credentials()).then(|| Arc::clone(whose))
    }

    /// Remembers whose token it is; with `None` it is asked again.
    pub fn remember(&self, whose: Option<Arc<I>>) {
        *self.whose.lock().unwrap_or_else(PoisonError::into_inner) =
            whose.map(|whose| (self.road.credentials(), whose));
    }
}
