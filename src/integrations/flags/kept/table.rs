//! The watch: objects come and go, and each time all flags of the source are told anew.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, StreamExt};
use serde_json::Value;

use super::object::{Content, ObjectKey, key_of};
use super::{Form, Known, Reader};
use crate::domain::cluster::NamespaceScope;
use crate::domain::time::Instant;
use crate::integrations::kubernetes::objects::Objects;
use crate::integrations::kubernetes::rows::Table;
use crate::ports::feed::{Delta, Update, UpdateStream};

type Shared = Arc<Mutex<Known>>;

/// The objects of one scope. What all scopes know is shared: an update holds the flags of all of them.
struct ObjectTable<F> {
    reader: Arc<Reader<F>>,
    known: Shared,
    own: BTreeSet<ObjectKey>,
}

/// An object's place and what is in it.
struct Row(ObjectKey, Content);

impl<F: Form> Table for ObjectTable<F> {
    type Object = Value;
    type Row = Row;
    type Key = ObjectKey;

    fn key(&mut self, object: &Value) -> ObjectKey {
        key_of(object).unwrap_or_default()
    }

    fn row(&mut self, object: Value, now: Instant) -> Option<Row> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // One that was not there before is new only once all were listed; before that nothing is known of its past.
        let before = key_of(&object).and_then(|key| known.objects.get(&key));
        let (key, content) = self.reader.content(&object, before, now)?;
        Some(Row(key, content))
    }

    fn update(delta: Delta<Row, ObjectKey>) -> Update {
        let rows = delta.upserts.into_iter().flat_map(|Row(_, content)| content.flags);
        Update::Flags(rows.map(|flag| flag.row).collect())
    }

    fn pack(&mut self, delta: Delta<Row, ObjectKey>) -> Update {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if delta.reset {
            known.narrowed = None;
            for key in std::mem::take(&mut self.own) {
                known.objects.remove(&key);
            }
        }
        for key in delta.removes {
            self.own.remove(&key);
            known.objects.remove(&key);
        }
        for Row(key, content) in delta.upserts {
            self.own.insert(key.clone());
            known.objects.insert(key, content);
        }
        Update::Flags(known.rows())
    }
}

/// One watch for each scope; together they tell of all flags.
pub(super) fn watch<F: Form>(reader: &Arc<Reader<F>>, objects: &Objects) -> UpdateStream {
    let known = Shared::default();
    let each = reader.scopes().into_iter().map(|scope: NamespaceScope| {
        let table = ObjectTable { reader: Arc::clone(reader), known: Arc::clone(&known), own: BTreeSet::new() };
        objects.watch(table, scope, reader.selector())
    });
    let reader = Arc::clone(reader);
    stream::select_all(each)
        .flat_map(move |item| {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            let items = match item {
                // What is lacking is said after each whole list, which would make it forgotten.
                Ok(Update::Flags(rows)) => {
                    let limited = known.limited(&reader).map(|fault| Ok(Update::Limited(fault)));
                    std::iter::once(Ok(Update::Flags(rows))).chain(limited).collect()
                }
                Ok(Update::Limited(fault)) => {
                    known.narrowed = Some(fault.clone());
                    vec![Ok(Update::Limited(fault))]
                }
                other => vec![other],
            };
            stream::iter(items)
        })
        .boxed()
}
