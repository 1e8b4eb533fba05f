//! The runbooks in the program itself: every file of `runbooks/`.

/// Name and text of each; a test finds those that are missing here.
pub const ALL: &[(&str, &str)] = &[
    ("bad-canary.md", include_str!("../../../runbooks/bad-canary.md")),
    ("bad-flag.md", include_str!("../../../runbooks/bad-flag.md")),
    ("certificate-expiry.md", include_str!("../../../runbooks/certificate-expiry.md")),
    ("crash-loop.md", include_str!("../../../runbooks/crash-loop.md")),
    ("dependency-down.md", include_str!("../../../runbooks/dependency-down.md")),
    ("disk-pressure.md", include_str!("../../../runbooks/disk-pressure.md")),
    ("dns-failing.md", include_str!("../../../runbooks/dns-failing.md")),
    ("error-budget-burn-fast.md", include_str!("../../../runbooks/error-budget-burn-fast.md")),
    ("error-budget-burn-slow.md", include_str!("../../../runbooks/error-budget-burn-slow.md")),
    ("generic-triage.md", include_str!("../../../runbooks/generic-triage.md")),
    ("high-error-rate.md", include_str!("../../../runbooks/high-error-rate.md")),
    ("high-latency.md", include_str!("../../../runbooks/high-latency.md")),
    ("hpa-at-maximum.md", include_str!("../../../runbooks/hpa-at-maximum.md")),
    ("image-pull-failure.md", include_str!("../../../runbooks/image-pull-failure.md")),
    ("node-not-ready.md", include_str!("../../../runbooks/node-not-ready.md")),
    ("oom-kills.md", include_str!("../../../runbooks/oom-kills.md")),
    ("pod-pending.md", include_str!("../../../runbooks/pod-pending.md")),
    ("service.md", include_str!("../../../runbooks/service.md")),
    ("stuck-rollout.md", include_str!("../../../runbooks/stuck-rollout.md")),
    ("traffic-spike.md", include_str!("../../../runbooks/traffic-spike.md")),
    ("volume-full.md", include_str!("../../../runbooks/volume-full.md")),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::ALL;

    #[test]
    fn every_runbook_of_the_repository_is_in_the_program() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
        let mut files: Vec<String> = std::fs::read_dir(directory)
            .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
            .unwrap_or_default();
        files.retain(|name| name.ends_with(".md") && name != "README.md");
        files.sort();
        let embedded: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
        assert_eq!(embedded, files, "src/runtime/runbooks/shipped.rs lists what runbooks/ holds, by name");
    }
}
