//! The runbooks in the program itself: every file of `runbooks/`.

/// File name and text of each.
pub const ALL: &[(&str, &str)] = &[
    ("bad-canary.md", include_str!("../../runbooks/bad-canary.md")),
    ("bad-flag.md", include_str!("../../runbooks/bad-flag.md")),
    ("certificate-expiry.md", include_str!("../../runbooks/certificate-expiry.md")),
    ("crash-loop.md", include_str!("../../runbooks/crash-loop.md")),
    ("dependency-down.md", include_str!("../../runbooks/dependency-down.md")),
    ("disk-pressure.md", include_str!("../../runbooks/disk-pressure.md")),
    ("dns-failing.md", include_str!("../../runbooks/dns-failing.md")),
    ("error-budget-burn-fast.md", include_str!("../../runbooks/error-budget-burn-fast.md")),
    ("error-budget-burn-slow.md", include_str!("../../runbooks/error-budget-burn-slow.md")),
    ("generic-triage.md", include_str!("../../runbooks/generic-triage.md")),
    ("high-error-rate.md", include_str!("../../runbooks/high-error-rate.md")),
    ("high-latency.md", include_str!("../../runbooks/high-latency.md")),
    ("hpa-at-maximum.md", include_str!("../../runbooks/hpa-at-maximum.md")),
    ("image-pull-failure.md", include_str!("../../runbooks/image-pull-failure.md")),
    ("node-not-ready.md", include_str!("../../runbooks/node-not-ready.md")),
    ("oom-kills.md", include_str!("../../runbooks/oom-kills.md")),
    ("pod-pending.md", include_str!("../../runbooks/pod-pending.md")),
    ("service.md", include_str!("../../runbooks/service.md")),
    ("stuck-rollout.md", include_str!("../../runbooks/stuck-rollout.md")),
    ("traffic-spike.md", include_str!("../../runbooks/traffic-spike.md")),
    ("volume-full.md", include_str!("../../runbooks/volume-full.md")),
];

#[cfg(test)]
mod tests;
