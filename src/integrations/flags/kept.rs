//! Flags that are kept in objects of the cluster, in whatever [`Form`]: FeatureFlag objects, documents in ConfigMaps.
//!
//! A flag's project is `NAMESPACE/OBJECT`, and `NAMESPACE/OBJECT/KEY` in a key of a ConfigMap; its environment is what the
//! configuration calls the context, or nothing. Objects are watched. A plan is based on the definition of its one flag
//! ([`FlagFacts::version`]); the write is made from the object as it is then, so that changes of others stay, and tests
//! its resourceVersion, so that whoever writes in the same moment is a conflict and is not overwritten.

mod check;
mod object;
mod table;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use self::object::{Content, ObjectKey};
use crate::config::FlagSource;
use crate::config::context::matches;
use crate::domain::Text;
use crate::domain::cluster::NamespaceScope;
use crate::domain::flag::{FlagChange, FlagDetail, FlagFacts, FlagRef, FlagRow};
use crate::domain::mutation::Mutation;
use crate::domain::text::clean;
use crate::integrations::kubernetes::objects::{Objects, PATIENCE, Selector, Spot};
use crate::integrations::kubernetes::paths::Shelf;
use crate::ports::Future;
use crate::ports::cluster::{ClusterError, DryRun, Permission};
use crate::ports::feed::{Fault, FaultKind, UpdateStream};
use crate::ports::flags::{FlagCheck, FlagList, FlagProvider};

/// How flags are written down in an object.
pub(super) trait Form: Send + Sync + 'static {
    /// The product, as people call it.
    fn product(&self) -> &'static str;
    /// Which objects.
    fn shelf(&self) -> Shelf;
    /// `ConfigMap`.
    fn kind(&self) -> &'static str;
    /// The parts of an object that hold flags, each with its flags or why it cannot be read.
    fn read(&self, object: &Value) -> Vec<Part>;
    /// The operations of a JSON Patch that change one flag and nothing else.
    fn patch(&self, object: &Value, part: &str, key: &str, set: &FlagChange) -> Result<Vec<Value>, ClusterError>;
    /// Where a flag stands in the object, for what its managed fields say of it.
    fn field(&self, part: &str, key: &str) -> Vec<String>;
}

/// A part of an object that holds flags; its name is empty where the object is the part.
pub(super) struct Part {
    /// Name.
    pub name: String,
    /// Its flags, or why it cannot be read.
    pub flags: Result<Vec<Found>, String>,
}

/// One flag as its form tells of it.
pub(super) struct Found {
    /// Its key, as it stands there.
    pub key: String,
    /// All but what the object as a whole decides (version, workloads, warnings of who else writes it).
    pub facts: FlagFacts,
    /// Everything that its definition says: as long as that is the same, so is the flag.
    pub says: String,
}

/// One source of flags in the cluster.
pub struct Kept<F> {
    reader: Arc<Reader<F>>,
    objects: Objects,
}

/// What turns objects into flags.
struct Reader<F> {
    form: F,
    settings: FlagSource,
}

/// The parts of a project's name.
struct Place<'a> {
    spot: Spot<'a>,
    part: &'a str,
}

impl<F: Form> Reader<F> {
    fn environment(&self) -> &str {
        self.settings.environments.first().map_or("", String::as_str)
    }

    /// Is it among those that are configured?
    fn takes(&self, namespace: &str, name: &str) -> bool {
        let kept = &self.settings.kept;
        kept.namespaces.as_ref().is_none_or(|names| names.iter().any(|one| one == namespace))
            && kept.object.as_ref().is_none_or(|pattern| matches(pattern, name))
    }

    fn scopes(&self) -> Vec<NamespaceScope> {
        match &self.settings.kept.namespaces {
            None => vec![NamespaceScope::All],
            Some(names) => names.iter().map(|name| NamespaceScope::One(name.as_str().into())).collect(),
        }
    }

    /// What the API server can narrow down itself: one selector.
    fn selector(&self) -> Selector {
        let kept = &self.settings.kept;
        if let Some(labels) = &kept.selector {
            return Some(("labelSelector", labels.clone()));
        }
        let name = kept.object.as_ref().filter(|name| !name.contains(['*', '?']))?;
        Some(("fieldSelector", format!("metadata.name={name}")))
    }

    /// `FeatureFlag shop/checkout`.
    fn words(&self, spot: Spot<'_>) -> String {
        format!("{} {}/{}", self.form.kind(), clean(spot.namespace), clean(spot.name))
    }

    fn project(spot: Spot<'_>, part: &str) -> String {
        let Spot { namespace, name } = spot;
        if part.is_empty() { format!("{namespace}/{name}") } else { format!("{namespace}/{name}/{part}") }
    }

    fn flag(&self, spot: Spot<'_>, part: &str, key: &str) -> FlagRef {
        FlagRef::new(&self.settings.name, &Self::project(spot, part), self.environment(), key)
    }

    /// Nothing was found where the configuration names one object: that is no empty list.
    fn nothing(&self) -> Option<Fault> {
        let kept = &self.settings.kept;
        let wanted = match (&kept.object, &kept.selector) {
            (Some(name), _) => format!("called `{name}`"),
            (None, Some(selector)) => format!("with labels {selector}"),
            (None, None) => return None,
        };
        let place = kept.namespaces.as_ref().map_or_else(String::new, |names| format!(" in {}", names.join(", ")));
        let message = format!("there is no {} {wanted}{place}", self.form.kind());
        Some(
            Fault::new(FaultKind::NotConfigured, message)
                .hint("correct flags.object, flags.selector or flags.namespaces"),
        )
    }
}

/// What is known of all objects of a source.
#[derive(Default)]
struct Known {
    objects: BTreeMap<ObjectKey, Content>,
    /// Only a part of the cluster may be read.
    narrowed: Option<Fault>,
}

impl Known {
    fn rows(&self) -> Vec<FlagRow> {
        let mut rows: Vec<FlagRow> =
            self.objects.values().flat_map(|content| content.flags.iter().map(|flag| flag.row.clone())).collect();
        rows.sort_by(|one, other| one.id.cmp(&other.id));
        rows
    }

    /// What the rows lack.
    fn limited<F: Form>(&self, reader: &Reader<F>) -> Option<Fault> {
        if let Some(fault) = &self.narrowed {
            return Some(fault.clone());
        }
        if self.objects.is_empty() {
            return reader.nothing();
        }
        let mut problems = self.objects.values().flat_map(|content| &content.problems);
        let first = problems.next()?;
        let more = problems.count();
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        let fault = Fault::new(FaultKind::Malformed, format!("{first}{more}"));
        Some(fault.hint("correct it there, or flags.key, flags.format and flags.path"))
    }
}

impl<F: Form> Kept<F> {
    /// As configured, over the connection of a context. Sends nothing.
    pub(super) fn new(form: F, objects: Objects, settings: &FlagSource) -> Self {
        Self { reader: Arc::new(Reader { form, settings: settings.clone() }), objects }
    }

    /// Lists every object once.
    async fn all(&self) -> Result<Known, Fault> {
        let mut known = Known::default();
        let selector = self.reader.selector();
        for scope in self.reader.scopes() {
            let (items, narrowed) =
                self.objects.list(&scope, &selector).await.map_err(|fault| self.explained(fault))?;
            known.narrowed = known.narrowed.or(narrowed);
            for object in &items {
                if let Some((key, content)) = self.reader.content(object, None, self.objects.now()) {
                    known.objects.insert(key, content);
                }
            }
        }
        Ok(known)
    }

    /// A cluster without the definition says 404.
    fn explained(&self, fault: Fault) -> Fault {
        if fault.kind != FaultKind::NotServed {
            return fault;
        }
        let message = format!("the cluster does not know {}: {} is not installed", self.objects.sort(), self.product());
        Fault::new(FaultKind::NotServed, message).hint("install it, or take this [[flags]] out for this context")
    }

    /// The flag in its object, both as they are now.
    async fn read(&self, flag: &FlagRef) -> Result<(Value, FlagFacts), ClusterError> {
        let raw = flag.raw();
        let here = self.reader.environment();
        if raw.environment != here {
            let why = format!("environment `{}` of source {} (there is: {here})", clean(&raw.environment), flag.source);
            return Err(ClusterError::NotFound(why));
        }
        let place = place(&raw.project)?;
        if !self.reader.takes(place.spot.namespace, place.spot.name) {
            return Err(ClusterError::NotFound(format!("{} is not read by source {}", flag.project, flag.source)));
        }
        let object = self.objects.get(place.spot).await?;
        let facts = self.reader.facts(&object, place.part, &raw.key)?;
        Ok((object, facts))
    }
}

/// Takes a project's name apart. None of the parts but the last may hold a slash.
fn place(project: &str) -> Result<Place<'_>, ClusterError> {
    let mut parts = project.splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        // What a path would take for a direction is no name.
        (Some(namespace), Some(name), part)
            if ![namespace, name].iter().any(|name| matches!(*name, "" | "." | "..")) =>
        {
            Ok(Place { spot: Spot { namespace, name }, part: part.unwrap_or_default() })
        }
        _ => Err(ClusterError::NotFound(format!("project `{}` (it is NAMESPACE/OBJECT)", clean(project)))),
    }
}

impl<F: Form> FlagProvider for Kept<F> {
    fn source(&self) -> &str {
        &self.reader.settings.name
    }

    fn product(&self) -> &'static str {
        self.reader.form.product()
    }

    fn origin(&self) -> &str {
        self.objects.server()
    }

    fn list(&self) -> Future<'_, Result<FlagList, Fault>> {
        Box::pin(async {
            let known = self.all().await?;
            Ok(FlagList { rows: known.rows(), limited: known.limited(&self.reader) })
        })
    }

    fn watch(&self) -> Option<UpdateStream> {
        Some(table::watch(&self.reader, &self.objects))
    }

    fn patience(&self) -> u64 {
        PATIENCE
    }

    fn facts<'a>(&'a self, flag: &'a FlagRef) -> Future<'a, Result<FlagFacts, ClusterError>> {
        Box::pin(async move { self.read(flag).await.map(|(_, facts)| facts) })
    }

    fn detail<'a>(&'a self, flag: &'a FlagRef) -> Future<'a, Result<FlagDetail, ClusterError>> {
        Box::pin(async move {
            let (object, facts) = self.read(flag).await?;
            let raw = flag.raw();
            let field = self.reader.form.field(place(&raw.project)?.part, &raw.key);
            let environments = if flag.environment.is_empty() {
                Vec::new()
            } else {
                vec![(Text::from(clean(&raw.environment)), facts.enabled)]
            };
            let gaps = vec!["the cluster keeps no history of objects: who wrote what before is not known".into()];
            Ok(FlagDetail { facts, environments, history: object::writers(&object, &field), gaps })
        })
    }

    fn permission<'a>(&'a self, mutation: &'a Mutation) -> Future<'a, Result<Permission, ClusterError>> {
        Box::pin(self.allowed(mutation))
    }

    fn dry_run<'a>(&'a self, mutation: &'a Mutation) -> Future<'a, Result<DryRun, ClusterError>> {
        Box::pin(self.rehearsed(mutation))
    }

    fn check(&self) -> Future<'_, Vec<FlagCheck>> {
        Box::pin(self.checks())
    }
}
