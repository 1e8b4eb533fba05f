//! One text for all rows of a list that say the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::Text;
use crate::domain::flag::FlagRef;

/// The texts of one list.
#[derive(Default)]
pub(super) struct Interned(BTreeSet<Text>);

impl Interned {
    /// This text, shared with those before.
    pub fn of(&mut self, text: &str) -> Text {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let new: Text = Arc::from(text);
        self.0.insert(new.clone());
        new
    }

    /// A flag's name, of which all but the key repeats.
    pub fn flag(&mut self, id: FlagRef) -> FlagRef {
        FlagRef {
            source: self.of(&id.source),
            project: self.of(&id.project),
            environment: self.of(&id.environment),
            key: id.key,
        }
    }
}
