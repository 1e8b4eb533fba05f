//! Who else writes a workload: GitOps controllers, Helm, `kubectl apply`, autoscalers. Each may undo a mitigation.

use serde_json::Value;

use super::manifest::{LAST_APPLIED, annotation, at, count, items, label, name, raw};
use super::plan::{Warning, WarningKind};
use crate::domain::target::WorkloadRef;
use crate::domain::text::clean;

/// What manages the object, in words, and what that means for a change by hand.
pub struct Manager {
    /// `Argo CD app shop`.
    pub name: String,
    /// What it will do.
    pub consequence: &'static str,
}

const REVERTS: &str = "puts its own version back at its next sync, unless it is paused or the source is changed too";

/// Reads it from labels, annotations and field managers.
pub fn manager(workload: &Value) -> Option<Manager> {
    let named = |what: &str, name: &str, consequence| {
        let name = if name.is_empty() { what.to_owned() } else { format!("{what} {}", clean(name)) };
        Some(Manager { name, consequence })
    };
    if let Some(tracking) = annotation(workload, "argocd.argoproj.io/tracking-id") {
        // APP:GROUP/KIND:NAMESPACE/NAME
        return named("Argo CD app", tracking.split(':').next().unwrap_or_default(), REVERTS);
    }
    if let Some(app) = label(workload, "argocd.argoproj.io/instance") {
        return named("Argo CD app", app, REVERTS);
    }
    if let Some(release) = label(workload, "kustomize.toolkit.fluxcd.io/name") {
        return named("Flux Kustomization", release, REVERTS);
    }
    if let Some(release) = label(workload, "helm.toolkit.fluxcd.io/name") {
        return named("Flux HelmRelease", release, REVERTS);
    }
    let writers =
        || items(workload, &["metadata", "managedFields"]).iter().filter_map(|entry| raw(entry, &["manager"]));
    if writers().any(|writer| writer.starts_with("argocd-")) {
        // With label tracking the app's name stands in a label that others use too.
        return named("Argo CD app", label(workload, "app.kubernetes.io/instance").unwrap_or_default(), REVERTS);
    }
    if writers().any(|writer| matches!(writer, "kustomize-controller" | "helm-controller")) {
        return named("Flux", "", REVERTS);
    }
    if let Some(release) = annotation(workload, "meta.helm.sh/release-name") {
        return named("Helm release", release, "puts its own version back with its next upgrade");
    }
    if label(workload, "app.kubernetes.io/managed-by") == Some("Helm") {
        return named("Helm", "", "puts its own version back with its next upgrade");
    }
    None
}

/// Warnings about everything else that writes an object, autoscalers apart.
pub fn warnings_but_autoscalers(workload: &Value) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let Some(manager) = manager(workload) {
        let text = format!("{} manages it and {}", manager.name, manager.consequence);
        warnings.push(Warning::new(WarningKind::Managed, text));
    }
    if annotation(workload, LAST_APPLIED).is_some() {
        let text = "it was last changed with kubectl apply: applying the same files again reverts this";
        warnings.push(Warning::new(WarningKind::LastApplied, text));
    }
    warnings
}

/// The autoscalers that own the number of pods of a workload.
pub fn autoscalers_of<'a>(
    autoscalers: Option<&'a [Value]>,
    target: &'a WorkloadRef,
) -> impl Iterator<Item = &'a Value> {
    autoscalers.unwrap_or_default().iter().filter(|hpa| scales(hpa, target))
}

/// Warnings about everything else that writes the workload.
pub fn warnings(workload: &Value, target: &WorkloadRef, autoscalers: Option<&[Value]>) -> Vec<Warning> {
    let mut warnings = warnings_but_autoscalers(workload);
    match autoscalers {
        None => {
            let text = "autoscalers of the namespace may not be read: one may own the number of pods";
            warnings.push(Warning::new(WarningKind::Autoscaler, text));
        }
        Some(autoscalers) => warnings.extend(autoscalers.iter().filter(|hpa| scales(hpa, target)).map(|hpa| {
            let text = format!(
                "HPA {} owns the number of pods ({}–{}): it stays as the HPA says",
                name(hpa),
                count(hpa, &["spec", "minReplicas"]).unwrap_or(1),
                count(hpa, &["spec", "maxReplicas"]).map_or_else(|| "?".into(), |max| max.to_string()),
            );
            Warning::new(WarningKind::Autoscaler, text)
        })),
    }
    warnings
}

fn scales(hpa: &Value, target: &WorkloadRef) -> bool {
    at(hpa, &["spec", "scaleTargetRef"]).is_some_and(|reference| {
        raw(reference, &["kind"]) == Some(target.kind.kind()) && raw(reference, &["name"]) == Some(&*target.name)
    })
}
