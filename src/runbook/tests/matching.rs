//! Which runbook an alert leads to, and how long that takes.

use std::time::{Duration, Instant};

use super::{GOOD, book, origin};
use crate::runbook::facts::Facts;
use crate::runbook::matching::{Summary, glob, rank};
use crate::runbook::parameter::{prefill, read_workload};
use crate::runbook::{LARGEST, parse};

fn summary(place: &str, text: &str) -> Summary {
    Summary::of(&parse(text, origin(place)).runbook.unwrap())
}

fn native(id: &str, more: &str) -> Summary {
    summary(&format!("/b/{id}.md"), &format!("---\napiVersion: opsdeck.dev/v1\nid: {id}\n{more}\n---\n# T\n"))
}

fn facts() -> Facts {
    let labels = [("severity", "critical"), ("namespace", "shop"), ("pod", "payment-1")];
    Facts {
        alert: Some("HighErrorRate".into()),
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        severity: Some("critical".into()),
        workload: Some(read_workload("shop/deployment/payment").unwrap()),
        ..Facts::default()
    }
}

#[test]
fn the_best_comes_first_and_says_why() {
    let all = [
        native("by-glob", "match: [{alert: \"High*\"}]"),
        native("by-name", "match: [{alert: HighErrorRate, labels: {severity: critical}}]"),
        native("by-workload", "match: [{workload: \"shop/*\"}]"),
        native("other", "match: [{alert: HighErrorRate, labels: {severity: warning}}, {slo: \"*\"}]"),
        native("triage", "tags: [generic]"),
        summary("/b/high-error-rate.md", "text"),
        summary("/b/alerts.md", "# Alerts\n## HighErrorRate\nx\n"),
    ];
    let ranked = rank(&all, &facts());
    let told: Vec<_> = ranked.iter().map(|found| (found.id.as_str(), found.why.as_str())).collect();
    assert_eq!(
        told,
        [
            ("by-name", "alert HighErrorRate, severity=critical"),
            ("by-glob", "alert High*"),
            ("high-error-rate", "its file is named HighErrorRate"),
            ("alerts", "its heading is HighErrorRate"),
            ("by-workload", "workload shop/payment"),
            ("triage", "fits any alert"),
        ]
    );
    let mut with_url = facts();
    with_url.places = vec!["https://wiki.example/runbooks/high-error-rate/".into()];
    assert_eq!(rank(&all, &with_url)[0].id, "high-error-rate");
}

#[test]
fn globs() {
    for (pattern, text, fits) in
        [("a*c", "abbc", true), ("*", "", true), ("a?c", "ac", false), ("*a*b*", "xaxbx", true), ("a*", "ba", false)]
    {
        assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
    }
    let start = Instant::now();
    assert!(!glob(&"*a".repeat(200), &"a".repeat(150)));
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn an_alert_fills_parameters_in() {
    let book = book(GOOD);
    let (values, problems) = prefill(&book.parameters, &facts());
    assert!(problems.is_empty());
    assert_eq!(values.get("workload").unwrap().to_string(), "deployment/payment");
    assert_eq!(values.get("replicas").unwrap().to_string(), "4");
}

#[test]
fn a_thousand_are_matched_at_once_and_a_large_one_opens() {
    let all: Vec<Summary> = (0..1_000)
        .map(|number| native(&format!("r{number}"), &format!("match: [{{alert: \"A{number}*\", labels: {{severity: \"critical|warning\"}}}}, {{workload: \"ns{number}/*\"}}]")))
        .collect();
    let start = Instant::now();
    for _ in 0..10 {
        rank(&all, &facts());
    }
    // Ten times, unoptimized, on a busy machine: still far below a second each.
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());

    let section = "## Section\n\nSome text with `code` and a [link](https://example.com).\n\n- a\n  - b\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```bash\nkubectl get pods -n <namespace>\n```\n\n";
    // Ten megabytes of which a tenth is dense; unoptimized, on a busy machine.
    let mut text = section.repeat(LARGEST / 20 / section.len());
    let prose = "A line of prose that says something and nothing to do.\n".repeat(40) + "\n";
    text.push_str(&prose.repeat((LARGEST - text.len()) / prose.len()));
    let start = Instant::now();
    let book = parse(&text, origin("/b/large.md")).runbook.unwrap();
    assert!(book.steps.len() > 1_000);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert!(parse(&"x".repeat(LARGEST + 1), origin("/b/x.md")).runbook.is_none());
}
