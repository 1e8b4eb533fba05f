//! Reads that somebody asks for by name (a runbook's `kubectl get`, `kubectl logs`): any resource that this knows, whole,
//! and the text of a container's log.

use serde_json::Value;

use super::access::ClusterAccess;
use super::connect::Connection;
use super::lean::List;
use super::paths::{escape, with_query};
use crate::domain::target::PodRef;
use crate::ports::cluster::ClusterError;

/// So many objects are read at most: more is nothing that a person looks through.
const MOST: usize = 5_000;

/// A sort of objects, by the names that kubectl knows it under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// API group, empty for core.
    pub group: &'static str,
    /// Version.
    pub version: &'static str,
    /// Plural, as in paths.
    pub plural: &'static str,
    /// `Pod`.
    pub kind: &'static str,
    /// Short names.
    pub short: &'static [&'static str],
    /// Do its objects belong to namespaces?
    pub namespaced: bool,
}

macro_rules! sorts {
    ($(($group:literal, $version:literal, $plural:literal, $kind:literal, [$($short:literal),*], $namespaced:literal)),* $(,)?) => {
        &[$(Sort {
            group: $group, version: $version, plural: $plural, kind: $kind, short: &[$($short),*], namespaced: $namespaced,
        }),*]
    };
}

/// What can be read.
pub const SORTS: &[Sort] = sorts![
    ("", "v1", "pods", "Pod", ["po"], true),
    ("", "v1", "nodes", "Node", ["no"], false),
    ("", "v1", "events", "Event", ["ev"], true),
    ("", "v1", "services", "Service", ["svc"], true),
    ("", "v1", "endpoints", "Endpoints", ["ep"], true),
    ("", "v1", "configmaps", "ConfigMap", ["cm"], true),
    ("", "v1", "secrets", "Secret", [], true),
    ("", "v1", "namespaces", "Namespace", ["ns"], false),
    ("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", ["pvc"], true),
    ("", "v1", "persistentvolumes", "PersistentVolume", ["pv"], false),
    ("", "v1", "resourcequotas", "ResourceQuota", ["quota"], true),
    ("", "v1", "limitranges", "LimitRange", ["limits"], true),
    ("", "v1", "serviceaccounts", "ServiceAccount", ["sa"], true),
    ("", "v1", "replicationcontrollers", "ReplicationController", ["rc"], true),
    ("apps", "v1", "deployments", "Deployment", ["deploy"], true),
    ("apps", "v1", "statefulsets", "StatefulSet", ["sts"], true),
    ("apps", "v1", "daemonsets", "DaemonSet", ["ds"], true),
    ("apps", "v1", "replicasets", "ReplicaSet", ["rs"], true),
    ("apps", "v1", "controllerrevisions", "ControllerRevision", [], true),
    ("batch", "v1", "jobs", "Job", [], true),
    ("batch", "v1", "cronjobs", "CronJob", ["cj"], true),
    ("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", ["hpa"], true),
    ("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", ["pdb"], true),
    ("networking.k8s.io", "v1", "ingresses", "Ingress", ["ing"], true),
    ("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", ["netpol"], true),
    ("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", [], true),
    ("storage.k8s.io", "v1", "storageclasses", "StorageClass", ["sc"], false),
    ("coordination.k8s.io", "v1", "leases", "Lease", [], true),
    ("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", ["pc"], false),
    ("certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest", ["csr"], false),
    (
        "admissionregistration.k8s.io",
        "v1",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        [],
        false
    ),
    ("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", [], false),
    ("apiregistration.k8s.io", "v1", "apiservices", "APIService", [], false),
    ("argoproj.io", "v1alpha1", "rollouts", "Rollout", ["ro"], true),
    ("cert-manager.io", "v1", "certificates", "Certificate", ["cert", "certs"], true),
    ("cert-manager.io", "v1", "certificaterequests", "CertificateRequest", ["cr"], true),
    ("cert-manager.io", "v1", "clusterissuers", "ClusterIssuer", [], false),
    ("cert-manager.io", "v1", "issuers", "Issuer", [], true),
];

/// Usage, as the metrics server measures it.
pub const POD_METRICS: Sort = Sort {
    group: "metrics.k8s.io",
    version: "v1beta1",
    plural: "pods",
    kind: "PodMetrics",
    short: &[],
    namespaced: true,
};
/// The same of nodes.
pub const NODE_METRICS: Sort = Sort { plural: "nodes", kind: "NodeMetrics", namespaced: false, ..POD_METRICS };

impl Sort {
    /// By plural, singular, short name or kind, with or without the group (`deployments.apps`).
    pub fn named(word: &str) -> Option<&'static Self> {
        let word = word.to_ascii_lowercase();
        let (name, group) = word.split_once('.').map_or((&*word, None), |(name, group)| (name, Some(group)));
        SORTS.iter().find(|sort| {
            let singular = sort.kind.to_ascii_lowercase();
            (name == sort.plural || name == singular || sort.short.contains(&name))
                && group.is_none_or(|group| group == sort.group || group.starts_with(sort.version))
        })
    }

    fn path(&self, namespace: Option<&str>) -> String {
        let Self { group, version, plural, .. } = self;
        let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{root}/namespaces/{}/{plural}", escape(namespace)),
            None => format!("{root}/{plural}"),
        }
    }
}

/// What is wanted of a container's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogAsk {
    /// Which container; the server chooses where a pod has one.
    pub container: Option<String>,
    /// Seconds back.
    pub since: Option<u64>,
    /// The last lines.
    pub tail: Option<u64>,
    /// Of the container's life before.
    pub previous: bool,
    /// Bytes at most.
    pub most: u64,
}

impl Connection {
    fn asking(&self) -> ClusterAccess {
        ClusterAccess::new(self.transport.clone(), self.user().clone())
    }

    /// One object, whole.
    pub async fn one_of(&self, sort: &Sort, namespace: &str, name: &str) -> Result<Value, ClusterError> {
        let path = format!("{}/{}", sort.path(Some(namespace)), escape(name));
        let what = format!("{}/{name}", sort.plural);
        self.transport.get_json(&path).await.map_err(|failure| self.asking().error(&failure, &what))
    }

    /// All objects of a namespace (`None`: of all), narrowed by a label and a field selector.
    pub async fn all_of(
        &self,
        sort: &Sort,
        namespace: Option<&str>,
        labels: Option<&str>,
        fields: Option<&str>,
    ) -> Result<Vec<Value>, ClusterError> {
        let what = format!("list {}", sort.plural);
        let (mut items, mut token) = (Vec::new(), String::new());
        loop {
            let mut query = vec![("limit", "500")];
            query.extend(labels.map(|labels| ("labelSelector", labels)));
            query.extend(fields.map(|fields| ("fieldSelector", fields)));
            if !token.is_empty() {
                query.push(("continue", &token));
            }
            let path = with_query(&sort.path(namespace), &query);
            let page: List<Value> =
                self.transport.get_json(&path).await.map_err(|failure| self.asking().error(&failure, &what))?;
            items.extend(page.items);
            token = page.metadata.next;
            if token.is_empty() || items.len() >= MOST {
                return Ok(items);
            }
        }
    }

    /// The log of a container as it is now, each line with its time in front. Not cleaned.
    pub async fn log_of(&self, pod: &PodRef, ask: &LogAsk) -> Result<String, ClusterError> {
        let (since, tail) = (ask.since.map(|since| since.to_string()), ask.tail.map(|tail| tail.to_string()));
        let most = ask.most.to_string();
        let mut query = vec![("timestamps", "true"), ("limitBytes", most.as_str())];
        query.extend(ask.container.as_deref().map(|container| ("container", container)));
        query.extend(since.as_deref().map(|since| ("sinceSeconds", since)));
        query.extend(tail.as_deref().map(|tail| ("tailLines", tail)));
        if ask.previous {
            query.push(("previous", "true"));
        }
        let path = with_query(&format!("{}/log", super::paths::pod(&pod.namespace, &pod.name)), &query);
        let what = format!("read the log of pod/{}", pod.name);
        let answer = self.transport.get(&path).await.map_err(|failure| self.asking().error(&failure, &what))?;
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sorts_are_known_by_every_name_that_kubectl_takes() {
        for (word, plural) in [
            ("po", "pods"),
            ("Pod", "pods"),
            ("deployments.apps", "deployments"),
            ("deploy", "deployments"),
            ("hpa", "horizontalpodautoscalers"),
            ("ingress", "ingresses"),
            ("certificates.cert-manager.io", "certificates"),
        ] {
            assert_eq!(Sort::named(word).map(|sort| sort.plural), Some(plural), "{word}");
        }
        assert_eq!(Sort::named("widgets"), None);
        assert_eq!(Sort::named("pods.apps"), None);
        let pods = Sort::named("pods").unwrap();
        assert_eq!(pods.path(Some("a/../b")), "/api/v1/namespaces/a%2F..%2Fb/pods");
        assert_eq!(Sort::named("nodes").unwrap().path(Some("shop")), "/api/v1/nodes");
    }
}
