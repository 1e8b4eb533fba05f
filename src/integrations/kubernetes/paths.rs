//! Paths and queries of the API server. The versions are those that every supported server (1.27 and later) serves.

use std::fmt::Write as _;

use crate::domain::cluster::{NamespaceScope, Resource};
use crate::domain::target::WorkloadKind;

/// `/api/v1` or `/apis/apps/v1`, with the namespace when the scope is one and the resource has any.
pub fn collection(resource: Resource, scope: &NamespaceScope) -> String {
    let root = match resource.group() {
        "" => "/api/v1".to_owned(),
        "autoscaling" => "/apis/autoscaling/v2".to_owned(),
        group => format!("/apis/{group}/v1"),
    };
    match scope {
        NamespaceScope::One(namespace) if resource != Resource::Nodes => {
            format!("{root}/namespaces/{}/{}", escape(namespace), resource.plural())
        }
        _ => format!("{root}/{}", resource.plural()),
    }
}

/// API group, version and plural of a workload kind.
pub const fn kind(kind: WorkloadKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        WorkloadKind::Deployment => ("apps", "v1", "deployments"),
        WorkloadKind::StatefulSet => ("apps", "v1", "statefulsets"),
        WorkloadKind::DaemonSet => ("apps", "v1", "daemonsets"),
        WorkloadKind::ReplicaSet => ("apps", "v1", "replicasets"),
        WorkloadKind::Job => ("batch", "v1", "jobs"),
    }
}

/// Path of one workload.
pub fn workload(target: &crate::domain::target::WorkloadRef) -> String {
    let (group, version, plural) = kind(target.kind);
    format!("/apis/{group}/{version}/namespaces/{}/{plural}/{}", escape(&target.namespace), escape(&target.name))
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
        assert_eq!(pod("a/../b", "x?y"), "/api/v1/namespaces/a%2F..%2Fb/pods/x%3Fy");
        assert_eq!(with_query("/p", &[("labelSelector", "app in (a,b)")]), "/p?labelSelector=app%20in%20%28a%2Cb%29");
    }
}
