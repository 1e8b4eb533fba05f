//! Paths and queries of the API server. The versions are those that every supported server (1.27 and later) serves.

use std::fmt::Write as _;

use crate::domain::cluster::{NamespaceScope, Resource};
use crate::domain::mutation::Subresource;
use crate::domain::object::{Api, ObjectKind, ObjectRef};
use crate::domain::target::WorkloadRef;

/// Where the API server keeps a sort of objects: one of the console's own resources, or another one that a provider reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// API group, empty for core.
    pub group: &'static str,
    /// Version.
    pub version: &'static str,
    /// Plural name, as in paths.
    pub plural: &'static str,
    /// Do its objects belong to namespaces?
    pub namespaced: bool,
}

impl From<Resource> for Shelf {
    fn from(resource: Resource) -> Self {
        Self {
            group: resource.group(),
            version: resource.version(),
            plural: resource.plural(),
            namespaced: resource.is_namespaced(),
        }
    }
}

impl Shelf {
    /// Path of one object.
    pub fn object(&self, namespace: &str, name: &str) -> String {
        format!("{}/{}", collection(*self, &NamespaceScope::One(namespace.into())), escape(name))
    }
}

/// `/api/v1` or `/apis/apps/v1`, with the namespace when the scope is one and the resource has any.
pub fn collection(shelf: impl Into<Shelf>, scope: &NamespaceScope) -> String {
    let shelf = shelf.into();
    let root = version(shelf);
    match scope {
        NamespaceScope::One(namespace) if shelf.namespaced => {
            format!("{root}/namespaces/{}/{}", escape(namespace), shelf.plural)
        }
        _ => format!("{root}/{}", shelf.plural),
    }
}

/// Path of the version that serves a resource; reading it says whether the server has it.
pub fn version(shelf: impl Into<Shelf>) -> String {
    let Shelf { group, version, .. } = shelf.into();
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

/// Path of the collection that an object belongs to; `None` for what is not in the cluster.
pub fn collection_of(kind: ObjectKind, namespace: Option<&str>) -> Option<String> {
    let Api { group, version, plural } = kind.api()?;
    let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    Some(match namespace {
        Some(namespace) => format!("{root}/namespaces/{}/{plural}", escape(namespace)),
        None => format!("{root}/{plural}"),
    })
}

/// Path of one object, or of a part of it; `None` for what is not in the cluster.
pub fn object(target: &ObjectRef, subresource: Option<Subresource>) -> Option<String> {
    let mut path = collection_of(target.kind, target.namespace.as_deref())?;
    path.push('/');
    path.push_str(&escape(&target.name));
    if let Some(subresource) = subresource {
        path.push('/');
        path.push_str(subresource.word());
    }
    Some(path)
}

/// Path of one workload.
pub fn workload(target: &WorkloadRef) -> String {
    object(&target.into(), None).unwrap_or_default()
}

/// Path of a namespace itself.
pub fn namespace(name: &str) -> String {
    format!("/api/v1/namespaces/{}", escape(name))
}

/// Path of one pod.
pub fn pod(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{}/pods/{}", escape(namespace), escape(name))
}

/// Adds query parameters, escaped.
pub fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let mut out = path.to_owned();
    for (index, (name, value)) in query.iter().enumerate() {
        out.push(if index == 0 { '?' } else { '&' });
        out.push_str(name);
        out.push('=');
        out.push_str(&escape(value));
    }
    out
}

/// Percent-encodes everything but RFC 3986's unreserved characters: names come from arguments and must not reach into
/// another path or parameter.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_scope_and_never_leave_it() {
        let shop = NamespaceScope::One("shop".into());
        assert_eq!(collection(Resource::Pods, &shop), "/api/v1/namespaces/shop/pods");
        assert_eq!(collection(Resource::Pods, &NamespaceScope::All), "/api/v1/pods");
        assert_eq!(collection(Resource::Nodes, &shop), "/api/v1/nodes");
        assert_eq!(collection(Resource::Hpas, &shop), "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers");
        assert_eq!(collection(Resource::Rollouts, &shop), "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts");
        assert_eq!(collection(Resource::NodeMetrics, &shop), "/apis/metrics.k8s.io/v1beta1/nodes");
        assert_eq!(pod("a/../b", "x?y"), "/api/v1/namespaces/a%2F..%2Fb/pods/x%3Fy");
        assert_eq!(with_query("/p", &[("labelSelector", "app in (a,b)")]), "/p?labelSelector=app%20in%20%28a%2Cb%29");
    }
}
