//! Whole objects of a sort that no action names by itself, but in which a provider keeps something (feature flags):
//! read, watched, and patched with the door's pass.

use serde_json::{Value, json};

use super::access::{Asked, ClusterAccess};
use super::connect::Connection;
use super::fault::fault;
use super::intern::Interner;
use super::lean::{List, Meta};
use super::mutate::LONGEST;
use super::paths::{Shelf, collection, with_query};
use super::rows::{Table, managed_by};
use super::transport::{Answer, Failure, request};
use super::watch::{PAGE, PATIENCE_SECONDS, Query, watch};
use crate::actions::approval::{Approved, Receipt};
use crate::domain::Text;
use crate::domain::cluster::NamespaceScope;
use crate::domain::mutation::{Change, FIELD_MANAGER, Mutation};
use crate::ports::Now;
use crate::ports::cluster::{ClusterError, DryRun, Permission};
use crate::ports::feed::{Fault, FaultKind, UpdateStream};

/// `labelSelector` or `fieldSelector`, and its value.
pub type Selector = Option<(&'static str, String)>;

/// The longest healthy silence of a watch, in seconds.
pub const PATIENCE: u64 = PATIENCE_SECONDS;

/// Objects of one sort.
pub struct Objects {
    access: ClusterAccess,
    shelf: Shelf,
    fallback: Text,
    now: Now,
}

/// The place of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot<'a> {
    /// Namespace.
    pub namespace: &'a str,
    /// Name.
    pub name: &'a str,
}

impl Connection {
    /// Objects of another sort than the console's own.
    pub fn objects(&self, shelf: Shelf) -> Objects {
        Objects {
            access: ClusterAccess::new(self.transport.clone(), self.user().clone()),
            shelf,
            fallback: self.namespace().clone(),
            now: self.clock(),
        }
    }
}

impl Objects {
    /// The API server.
    pub fn server(&self) -> &str {
        self.access.transport.server()
    }

    /// The clock.
    pub fn now(&self) -> crate::domain::time::Instant {
        (self.now)()
    }

    /// `featureflags.core.openfeature.dev`.
    pub fn sort(&self) -> String {
        let Shelf { group, plural, .. } = self.shelf;
        if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
    }

    fn words(&self, spot: Spot<'_>) -> String {
        format!("{} {} in namespace {}", self.sort(), spot.name, spot.namespace)
    }

    /// One of them, whole.
    pub async fn get(&self, spot: Spot<'_>) -> Result<Value, ClusterError> {
        let path = self.shelf.object(spot.namespace, spot.name);
        let read = self.access.transport.get_json(&path).await;
        read.map_err(|failure| self.access.error(&failure, &self.words(spot)))
    }

    /// All of them in a scope. Where the whole cluster may not be read, those of the context's namespace, and that said.
    pub async fn list(
        &self,
        scope: &NamespaceScope,
        selector: &Selector,
    ) -> Result<(Vec<Value>, Option<Fault>), Fault> {
        match self.pages(scope, selector).await {
            Ok(items) => Ok((items, None)),
            Err(Failure::Status(status)) if status.code == 403 && *scope == NamespaceScope::All => {
                let namespace = &self.fallback;
                let narrowed = self.pages(&NamespaceScope::One(namespace.clone()), selector).await;
                let items = narrowed.map_err(|failure| self.fault(&failure, "list"))?;
                let message =
                    format!("only namespace {namespace}: listing {} in all namespaces is forbidden", self.sort());
                let fault = Fault::new(FaultKind::Forbidden, message);
                Ok((items, Some(fault.hint("name the namespaces in flags.namespaces, or ask for a ClusterRole"))))
            }
            Err(failure) => Err(self.fault(&failure, "list")),
        }
    }

    async fn pages(&self, scope: &NamespaceScope, selector: &Selector) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let mut token = String::new();
        loop {
            let mut query = vec![("limit", "500")];
            query.extend(selector.as_ref().map(|(name, value)| (*name, value.as_str())));
            if !token.is_empty() {
                query.push(("continue", &token));
            }
            let path = with_query(&collection(self.shelf, scope), &query);
            let page: List<Value> = self.access.transport.get_json(&path).await?;
            items.extend(page.items);
            token = page.metadata.next;
            if token.is_empty() {
                return Ok(items);
            }
        }
    }

    fn fault(&self, failure: &Failure, verb: &str) -> Fault {
        fault(failure, &format!("{verb} {}", self.sort()), self.server())
    }

    /// May we? Of one object, or of all in a namespace, or of all.
    pub async fn may(
        &self,
        verb: &str,
        namespace: Option<&str>,
        name: Option<&str>,
    ) -> Result<Permission, ClusterError> {
        let Shelf { group, plural, .. } = self.shelf;
        self.access.may(&Asked { namespace, verb, group, resource: plural, subresource: None, name }).await
    }

    /// Sends a JSON Patch, once.
    pub async fn patch(
        &self,
        pass: &Approved<Mutation>,
        spot: Spot<'_>,
        patch: Value,
    ) -> Result<Receipt, ClusterError> {
        let answer = self.send(pass.get(), spot, patch, false).await?;
        let unreadable = |_| ClusterError::Unknown("the server accepted, but its answer was unreadable".to_owned());
        let object: Value = answer.json().map_err(unreadable)?;
        Ok(Receipt {
            resource_version: object["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned(),
            generation: object["metadata"]["generation"].as_i64().unwrap_or_default(),
            warnings: answer.warnings,
        })
    }

    /// The same with `dryRun=All`: the server goes all the way, admission included, and writes nothing. Gives the object
    /// as it would be.
    pub async fn rehearse(&self, mutation: &Mutation, spot: Spot<'_>, patch: Value) -> Result<DryRun, ClusterError> {
        let answer = self.send(mutation, spot, patch, true).await?;
        let object = answer.json().map_err(|failure| self.access.error(&failure, "read the dry run's answer"))?;
        Ok(DryRun { object, warnings: answer.warnings })
    }

    async fn send(&self, mutation: &Mutation, spot: Spot<'_>, patch: Value, dry: bool) -> Result<Answer, ClusterError> {
        let what = format!("patch {}", self.words(spot));
        let mut query = vec![("fieldManager", FIELD_MANAGER)];
        if dry {
            query.push(("dryRun", "All"));
        }
        let path = with_query(&self.shelf.object(spot.namespace, spot.name), &query);
        let body = patch.to_string().into_bytes();
        let request = request("PATCH", &path, Some("application/json-patch+json"), body)
            .map_err(|failure| self.access.error(&failure, &what))?;
        match tokio::time::timeout(LONGEST, self.access.transport.send(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(failure)) => {
                // What was sent, for the judgement of the answer.
                let sent = Mutation::new(mutation.target.clone(), Change::JsonPatch(patch));
                Err(self.access.judge(&failure, &sent, &what, dry))
            }
            Err(_) if dry => Err(Fault::new(FaultKind::Timeout, format!("{what}: no answer to the dry run")).into()),
            Err(_) => Err(ClusterError::Unknown(format!("{what}: no answer within {} s", LONGEST.as_secs()))),
        }
    }

    /// Lists, then watches. Where the whole cluster is forbidden it is content with the context's namespace.
    pub fn watch<T: Table>(&self, table: T, scope: NamespaceScope, selector: Selector) -> UpdateStream {
        let query = Query { resource: self.shelf, scope, fallback: Some(self.fallback.clone()), selector, page: PAGE };
        watch(self.access.transport.clone(), table, query, self.now.clone())
    }
}

/// `test` that the object is the one that was read: whoever wrote it since, wins.
pub fn unchanged(object: &Value) -> Value {
    json!({"op": "test", "path": "/metadata/resourceVersion", "value": object["metadata"]["resourceVersion"]})
}

/// What puts an object back after a change by hand, and how, in words: one warning each.
pub fn other_writers(object: &Value) -> Vec<String> {
    let meta: Meta = serde_json::from_value(object["metadata"].clone()).unwrap_or_default();
    let mut warnings = Vec::new();
    match managed_by(&mut Interner::default(), &meta).as_deref() {
        Some(tool @ ("argocd" | "flux")) => {
            let name = if tool == "flux" { "Flux" } else { "Argo CD" };
            warnings.push(format!(
                "{name} manages the object and puts its own version back at its next sync, unless it is paused or the \
                 source is changed too"
            ));
        }
        Some("helm") => {
            warnings.push("Helm manages the object and puts its own version back with its next upgrade".to_owned());
        }
        Some(other) => warnings.push(format!("{other} manages the object and may put its own version back")),
        None => {}
    }
    if meta.annotations.contains_key("kubectl.kubernetes.io/last-applied-configuration") {
        let text = "it was last changed with kubectl apply: applying the same files again reverts this";
        warnings.push(text.to_owned());
    }
    warnings
}
