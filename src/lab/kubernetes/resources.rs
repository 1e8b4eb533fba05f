//! The resources that the lab's API server serves: what discovery says, and where the store keeps them.

/// One served resource, in one group and version.
#[derive(Debug, PartialEq, Eq)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// API version, such as `v1`.
    pub version: &'static str,
    /// Plural name, as in the path.
    pub plural: &'static str,
    /// Singular name.
    pub singular: &'static str,
    /// Kind of its objects.
    pub kind: &'static str,
    /// Short names that kubectl accepts.
    pub short_names: &'static [&'static str],
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Verbs that it answers.
    pub verbs: &'static [&'static str],
    /// Subresources besides the object itself, such as `status`.
    pub subresources: &'static [&'static str],
    /// Categories, such as `all`.
    pub categories: &'static [&'static str],
    /// Shelf of the store that holds its objects: versions of one resource share it, and metrics follow what they measure.
    pub shelf: &'static str,
}

impl Resource {
    /// `group/version`, or `version` in the core group: what objects carry as `apiVersion`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `plural.group`, as error messages name it.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Whether it has this subresource.
    pub fn has(&self, subresource: &str) -> bool {
        self.subresources.contains(&subresource)
    }
}

const ALL_VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const READ: &[&str] = &["get", "list"];
const CREATE: &[&str] = &["create"];

/// What most resources share; each entry below changes what differs.
const BASE: Resource = Resource {
    group: "",
    version: "v1",
    plural: "",
    singular: "",
    kind: "",
    short_names: &[],
    namespaced: true,
    verbs: ALL_VERBS,
    subresources: &[],
    categories: &[],
    shelf: "",
};

macro_rules! resources {
    ($($(#[$doc:meta])* $name:ident = $plural:literal, $singular:literal, $kind:literal { $($field:ident : $value:expr),* $(,)? })*) => {
        $($(#[$doc])* pub static $name: Resource = Resource {
            plural: $plural, singular: $singular, kind: $kind, shelf: $plural, $($field: $value,)* ..BASE
        };)*
        /// Every served resource, in discovery order.
        pub static ALL: &[&Resource] = &[$(&$name),*];
    };
}

resources! {
    /// Configuration maps.
    CONFIGMAPS = "configmaps", "configmap", "ConfigMap" { short_names: &["cm"] }
    /// Endpoints of services.
    ENDPOINTS = "endpoints", "endpoints", "Endpoints" { short_names: &["ep"] }
    /// Events, in the core group.
    EVENTS = "events", "event", "Event" { short_names: &["ev"] }
    /// Limit ranges.
    LIMITRANGES = "limitranges", "limitrange", "LimitRange" { short_names: &["limits"] }
    /// Namespaces.
    NAMESPACES = "namespaces", "namespace", "Namespace" { short_names: &["ns"], namespaced: false, subresources: &["status"] }
    /// Nodes.
    NODES = "nodes", "node", "Node" { short_names: &["no"], namespaced: false, subresources: &["status"] }
    /// Claims of storage.
    PERSISTENTVOLUMECLAIMS = "persistentvolumeclaims", "persistentvolumeclaim", "PersistentVolumeClaim" { short_names: &["pvc"], subresources: &["status"] }
    /// Pods.
    PODS = "pods", "pod", "Pod" { short_names: &["po"], categories: &["all"], subresources: &["status", "log", "eviction"] }
    /// Resource quotas.
    RESOURCEQUOTAS = "resourcequotas", "resourcequota", "ResourceQuota" { short_names: &["quota"], subresources: &["status"] }
    /// Secrets.
    SECRETS = "secrets", "secret", "Secret" {}
    /// Service accounts.
    SERVICEACCOUNTS = "serviceaccounts", "serviceaccount", "ServiceAccount" { short_names: &["sa"] }
    /// Services.
    SERVICES = "services", "service", "Service" { short_names: &["svc"], categories: &["all"], subresources: &["status", "proxy"] }
    /// Revisions of StatefulSets and DaemonSets.
    CONTROLLERREVISIONS = "controllerrevisions", "controllerrevision", "ControllerRevision" { group: "apps" }
    /// DaemonSets.
    DAEMONSETS = "daemonsets", "daemonset", "DaemonSet" { group: "apps", short_names: &["ds"], categories: &["all"], subresources: &["status"] }
    /// Deployments.
    DEPLOYMENTS = "deployments", "deployment", "Deployment" { group: "apps", short_names: &["deploy"], categories: &["all"], subresources: &["status", "scale"] }
    /// ReplicaSets.
    REPLICASETS = "replicasets", "replicaset", "ReplicaSet" { group: "apps", short_names: &["rs"], categories: &["all"], subresources: &["status", "scale"] }
    /// StatefulSets.
    STATEFULSETS = "statefulsets", "statefulset", "StatefulSet" { group: "apps", short_names: &["sts"], categories: &["all"], subresources: &["status", "scale"] }
    /// Events, in their own group: the same objects, told differently.
    EVENTS_V1 = "events", "event", "Event" { group: "events.k8s.io", short_names: &["ev"] }
    /// Argo Rollouts: Deployments with canaries.
    ROLLOUTS = "rollouts", "rollout", "Rollout" { group: "argoproj.io", version: "v1alpha1", short_names: &["ro"], subresources: &["status", "scale"] }
    /// Reviews of who is asking.
    SELFSUBJECTREVIEWS = "selfsubjectreviews", "selfsubjectreview", "SelfSubjectReview" { group: "authentication.k8s.io", namespaced: false, verbs: CREATE }
    /// Reviews of whether the asker may do something.
    SELFSUBJECTACCESSREVIEWS = "selfsubjectaccessreviews", "selfsubjectaccessreview", "SelfSubjectAccessReview" { group: "authorization.k8s.io", namespaced: false, verbs: CREATE }
    /// Reviews of all that the asker may do in a namespace.
    SELFSUBJECTRULESREVIEWS = "selfsubjectrulesreviews", "selfsubjectrulesreview", "SelfSubjectRulesReview" { group: "authorization.k8s.io", namespaced: false, verbs: CREATE }
    /// Horizontal pod autoscalers.
    HORIZONTALPODAUTOSCALERS = "horizontalpodautoscalers", "horizontalpodautoscaler", "HorizontalPodAutoscaler" { group: "autoscaling", version: "v2", short_names: &["hpa"], categories: &["all"], subresources: &["status"] }
    /// Horizontal pod autoscalers, in their old version.
    HORIZONTALPODAUTOSCALERS_V1 = "horizontalpodautoscalers", "horizontalpodautoscaler", "HorizontalPodAutoscaler" { group: "autoscaling", short_names: &["hpa"], categories: &["all"], subresources: &["status"] }
    /// Cron jobs.
    CRONJOBS = "cronjobs", "cronjob", "CronJob" { group: "batch", short_names: &["cj"], categories: &["all"], subresources: &["status"] }
    /// Jobs.
    JOBS = "jobs", "job", "Job" { group: "batch", categories: &["all"], subresources: &["status"] }
    /// Flags of the OpenFeature operator.
    FEATUREFLAGS = "featureflags", "featureflag", "FeatureFlag" { group: "core.openfeature.dev", version: "v1beta1", short_names: &["ff"], subresources: &["status"] }
    /// Leases.
    LEASES = "leases", "lease", "Lease" { group: "coordination.k8s.io" }
    /// Slices of endpoints.
    ENDPOINTSLICES = "endpointslices", "endpointslice", "EndpointSlice" { group: "discovery.k8s.io" }
    /// Ingresses.
    INGRESSES = "ingresses", "ingress", "Ingress" { group: "networking.k8s.io", short_names: &["ing"], subresources: &["status"] }
    /// Pod disruption budgets.
    PODDISRUPTIONBUDGETS = "poddisruptionbudgets", "poddisruptionbudget", "PodDisruptionBudget" { group: "policy", short_names: &["pdb"], subresources: &["status"] }
    /// Classes of storage.
    STORAGECLASSES = "storageclasses", "storageclass", "StorageClass" { group: "storage.k8s.io", short_names: &["sc"], namespaced: false }
    /// What nodes use.
    NODE_METRICS = "nodes", "", "NodeMetrics" { group: "metrics.k8s.io", version: "v1beta1", namespaced: false, verbs: READ }
    /// What pods use.
    POD_METRICS = "pods", "", "PodMetrics" { group: "metrics.k8s.io", version: "v1beta1", verbs: READ }
}

/// The resource of this group, version and plural name.
pub fn find(group: &str, version: &str, plural: &str) -> Option<&'static Resource> {
    ALL.iter().copied().find(|r| r.group == group && r.version == version && r.plural == plural)
}

/// The resource that an object of this `apiVersion` and kind belongs to.
pub fn of_kind(api_version: &str, kind: &str) -> Option<&'static Resource> {
    ALL.iter().copied().find(|r| r.kind == kind && r.api_version() == api_version)
}

/// Groups (without the core group) in discovery order, each with its versions, the preferred one first.
pub fn groups() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut groups: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
    for resource in ALL.iter().filter(|r| !r.group.is_empty()) {
        match groups.iter_mut().find(|(group, _)| *group == resource.group) {
            Some((_, versions)) if versions.contains(&resource.version) => {}
            Some((_, versions)) => versions.push(resource.version),
            None => groups.push((resource.group, vec![resource.version])),
        }
    }
    groups
}
