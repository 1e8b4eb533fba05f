//! The lab's Kubernetes API server, over the lab's store.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use serde_json::Value;

use crate::lab::store::Store;

mod age;
mod apply;
mod convert;
pub mod defaults;
mod deletion;
mod discovery;
mod openapi;
mod patch;
mod protobuf;
mod proxy;
pub mod quota;
mod read;
mod request;
pub mod resources;
pub mod selector;
mod server;
mod status;
mod strategic;
mod subresources;
mod table;
mod validate;
mod watching;
mod write;

pub use server::serve;
pub use table::status_text;

/// One line that a container wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written.
    pub at: DateTime<Utc>,
    /// The line, without its newline.
    pub text: String,
}

/// Which lines of a container are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Only lines written at or after this.
    pub since: Option<DateTime<Utc>>,
    /// Only this many of the last lines.
    pub tail: Option<usize>,
    /// The lines of the instance before the last restart.
    pub previous: bool,
}

/// Where the logs of pods come from.
pub trait PodLogs: Send + Sync {
    /// Lines of `container` of `pod` (a whole pod object), oldest first. The error is the reason that the kubelet
    /// gives when there is nothing to read, such as `previous terminated container "app" in pod "x" not found`.
    fn lines(&self, pod: &Value, container: &str, query: &LogQuery) -> Result<Vec<LogLine>, String>;

    /// Lines written from now on, until the container ends.
    fn follow(&self, pod: &Value, container: &str) -> BoxStream<'static, LogLine>;
}

/// What something uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Thousandths of a core.
    pub cpu_millicores: u64,
    /// Bytes of the working set.
    pub memory_bytes: u64,
}

/// Where the metrics API gets its numbers.
pub trait Usage: Send + Sync {
    /// What each container of this running pod uses; empty when nothing is measured yet.
    fn pod(&self, pod: &Value) -> Vec<(String, Used)>;

    /// What this node uses.
    fn node(&self, node: &Value) -> Option<Used>;
}

/// Who every request is made by, and what that one user may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// User name.
    pub user: String,
    /// Groups of the user.
    pub groups: Vec<String>,
    /// What the user may do; whatever no rule allows is forbidden.
    pub rules: Vec<Rule>,
}

impl Identity {
    /// A user who may do everything.
    pub fn admin(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            groups: vec!["system:masters".to_owned(), "system:authenticated".to_owned()],
            rules: vec![Rule::new(&["*"], &["*"], &["*"], None)],
        }
    }

    /// A user who may look at everything but secrets, and change nothing.
    pub fn viewer(user: &str) -> Self {
        let looked_at = resources::ALL.iter().map(|r| r.plural).filter(|plural| *plural != "secrets");
        let mut seen: Vec<&str> = looked_at.chain(["pods/log", "services/proxy"]).collect();
        seen.dedup();
        Self {
            user: user.to_owned(),
            groups: vec!["system:authenticated".to_owned()],
            rules: vec![Rule::new(&["get", "list", "watch"], &["*"], &seen, None)],
        }
    }

    /// A user who may do everything in one namespace, and nothing outside it.
    pub fn editor(user: &str, namespace: &str) -> Self {
        Self {
            user: user.to_owned(),
            groups: vec!["system:authenticated".to_owned()],
            rules: vec![Rule::new(&["*"], &["*"], &["*"], Some(namespace))],
        }
    }

    /// Whether a rule allows this.
    pub fn may(&self, verb: &str, group: &str, resource: &str, namespace: Option<&str>) -> bool {
        self.rules.iter().any(|rule| rule.allows(verb, group, resource, namespace))
    }
}

/// One rule of what a user may do, as in RBAC; `*` stands for any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Verbs, such as `get`.
    pub verbs: Vec<String>,
    /// API groups.
    pub groups: Vec<String>,
    /// Plural names, with `/subresource` where one is meant.
    pub resources: Vec<String>,
    /// The one namespace that the rule holds in; everywhere without.
    pub namespace: Option<String>,
}

impl Rule {
    /// A rule.
    pub fn new(verbs: &[&str], groups: &[&str], resources: &[&str], namespace: Option<&str>) -> Self {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            verbs: owned(verbs),
            groups: owned(groups),
            resources: owned(resources),
            namespace: namespace.map(str::to_owned),
        }
    }

    fn allows(&self, verb: &str, group: &str, resource: &str, namespace: Option<&str>) -> bool {
        let any = |words: &[String], word: &str| words.iter().any(|w| w == "*" || w == word);
        any(&self.verbs, verb)
            && any(&self.groups, group)
            && any(&self.resources, resource)
            && (self.namespace.is_none() || self.namespace.as_deref() == namespace)
    }
}

/// A service whose `proxy` subresource leads somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Namespace of the service.
    pub namespace: String,
    /// Name of the service.
    pub service: String,
    /// Where requests go, such as `http://127.0.0.1:9090`.
    pub url: String,
}

impl ApiState {
    /// The state for a request with this token.
    #[must_use]
    pub fn for_token(&self, token: &str) -> Self {
        let known = self.others.iter().find(|(known, _)| known == token);
        let identity = known.map_or(&self.identity, |(_, identity)| identity).clone();
        Self { identity, ..self.clone() }
    }
}

/// What the API server stands on.
#[derive(Clone)]
pub struct ApiState {
    /// The objects.
    pub store: Store,
    /// The logs of pods.
    pub logs: Arc<dyn PodLogs>,
    /// What pods and nodes use.
    pub usage: Arc<dyn Usage>,
    /// Who is asking; in the state that a server starts with, whoever brings no token of [`Self::others`].
    pub identity: Identity,
    /// Who asks with which token: a bearer token, or the path's prefix `/as/TOKEN`.
    pub others: Vec<(String, Identity)>,
    /// Services that can be reached through the API server.
    pub backends: Vec<Backend>,
}
