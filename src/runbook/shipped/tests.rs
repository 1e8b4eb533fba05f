//! Every shipped runbook parses without a word, is complete, and all of its steps can be resolved.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ALL;
use crate::domain::time::Instant;
use crate::runbook::facts::Facts;
use crate::runbook::lint::{Library, lint};
use crate::runbook::matching::{GENERIC, Summary, rank};
use crate::runbook::parameter::{Type, Value, Values};
use crate::runbook::run::record::Verdict;
use crate::runbook::run::work::{Outcome, Output, Question, Work};
use crate::runbook::run::{Begin, Phase, Run, RunEffect, RunInput};
use crate::runbook::step::StepKind;
use crate::runbook::{Origin, Parsed, Purpose, Runbook, Shelf, parse};

fn parsed(name: &str, text: &str) -> Parsed {
    parse(text, Origin { place: name.to_owned(), shelf: Shelf::Shipped, modified: None })
}

struct Books(BTreeMap<String, Runbook>);

impl Library for Books {
    fn find(&self, id: &str) -> Option<&Runbook> {
        self.0.get(id)
    }

    fn ids(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

fn books() -> Books {
    let read = |(name, text): &(&str, &str)| {
        let book = parsed(name, text).runbook.unwrap_or_else(|| panic!("{name} is no runbook"));
        (book.id.clone(), book)
    };
    Books(ALL.iter().map(read).collect())
}

#[test]
fn every_runbook_of_the_repository_is_in_the_program_and_in_the_index() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
    let mut files: Vec<String> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| std::path::Path::new(name).extension().is_some_and(|end| end == "md") && name != "README.md")
        .collect();
    files.sort();
    let embedded: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
    assert_eq!(embedded, files, "src/runbook/shipped.rs lists what runbooks/ holds, by name");
    let index = std::fs::read_to_string(directory.join("README.md")).unwrap();
    for (name, text) in ALL {
        let book = parsed(name, text).runbook.unwrap();
        let row = format!("| [{id}]({name}) | {} |", book.meta.description.unwrap(), id = book.id);
        assert!(index.contains(&row), "runbooks/README.md lacks the line\n{row}");
    }
}

#[test]
fn every_runbook_parses_without_a_word_and_is_complete() {
    for (name, text) in ALL {
        let Parsed { runbook, diagnostics } = parsed(name, text);
        assert!(diagnostics.is_empty(), "{name}: {diagnostics:#?}");
        let book = runbook.unwrap();
        assert!(book.native, "{name} is in our format");
        assert_eq!(format!("{}.md", book.id), *name, "a runbook is found by its id");
        let purposes: Vec<Purpose> =
            book.sections.iter().map(|section| section.purpose).filter(|purpose| *purpose != Purpose::Other).collect();
        assert_eq!(purposes, Purpose::KNOWN, "{name}: sections from Meaning to Escalation, in that order");
        let within = |purpose: Purpose| {
            let sections = &book.sections;
            book.steps.iter().filter(move |step| sections[step.section].purpose == purpose)
        };
        let check = within(Purpose::Verification).find(|step| matches!(step.kind, StepKind::Check(..)));
        assert!(check.is_some(), "{name}: nothing proves that it is over");
        assert!(within(Purpose::Diagnosis).all(|step| !step.kind.writes()), "{name}: diagnosis only reads");
        assert!(book.steps.iter().all(|step| step.kind != StepKind::Note), "{name}: a step does something");
        assert!(!book.meta.escalation.is_empty() && book.meta.owner.is_some(), "{name}: whom to call");
        assert!(within(Purpose::Escalation).any(|step| step.name == "hand-over"), "{name}: what to hand over");
        // Whoever is tired reads the risk and the way back beside the action.
        for step in book.steps.iter().filter(|step| step.kind.writes()) {
            let prose: Vec<&str> = book.source.lines().skip(step.lines.start - 1).take(step.lines.len()).collect();
            let prose = prose.join(" ");
            assert!(prose.contains("Risk:"), "{name}: {} does not name its risk", step.name);
            assert!(prose.contains("Way back:"), "{name}: {} does not name the way back", step.name);
        }
    }
}

/// What somebody types who is asked for a value of this type.
fn typed(kind: Type) -> &'static str {
    match kind {
        Type::String => "value-of-x",
        Type::Integer => "12",
        Type::Number => "0.5",
        Type::Boolean => "true",
        Type::Duration => "3m",
        Type::Workload => "shop/deployment/other",
        Type::Namespace => "shop",
        Type::Pod => "payment-7d9c8f6b5-x2xkq",
        Type::Node => "worker-b2",
        Type::Url => "https://example.com",
    }
}

/// Begins a run in which every parameter without a default has a value.
fn begun(book: &Runbook) -> Run {
    let lacking = book.parameters.iter().filter(|parameter| parameter.default.is_none());
    let values: Values =
        lacking.map(|parameter| (parameter.name.clone(), parameter.read(typed(parameter.kind)).unwrap())).collect();
    let begin = Begin {
        id: "run-1".into(),
        who: "tester".into(),
        now: Instant::UNIX_EPOCH,
        values,
        unattended: false,
        stack: Vec::new(),
    };
    Run::begin(Arc::new(book.clone()), begin).unwrap_or_else(|error| panic!("{}: {error}", book.id)).0
}

/// Does every step in the order of the text, whatever its conditions lead to, and gives what it was resolved to.
fn resolved(book: &Runbook) -> Vec<Work> {
    let now = Instant::UNIX_EPOCH;
    let mut run = begun(book);
    let mut all = Vec::new();
    for (place, step) in book.steps.iter().enumerate() {
        let before = run.clone();
        run.feed(RunInput::Jump(place), now);
        let mut effects = run.feed(RunInput::Start, now);
        if let Phase::Asking(question) = run.phase().clone() {
            effects = match question {
                Question::Input { kind, .. } => run.feed(RunInput::Answer(typed(kind).into()), now),
                Question::Choice { .. } => run.feed(RunInput::Choose(0), now),
                Question::Manual(_) | Question::Approve(_) | Question::Incident(..) | Question::Confirm(_) => {
                    run.feed(RunInput::Approve, now)
                }
            };
        }
        let done = effects.into_iter().find_map(|effect| match effect {
            RunEffect::Perform { ticket, work, .. } => Some((ticket, work)),
            _ => None,
        });
        if let Some((ticket, work)) = done {
            all.push(*work);
            let output = Output { text: String::new(), value: Some(Value::Number(8.0)) };
            run.feed(RunInput::Done { ticket, outcome: Outcome::Passed { detail: String::new(), output } }, now);
        }
        let visit = &run.visits()[place];
        let verdict = visit.verdict.unwrap_or_else(|| panic!("{}: {} did not end", book.id, step.name));
        assert_ne!(verdict, Verdict::Failed, "{}: {}: {}", book.id, step.name, visit.detail);
        if matches!(run.phase(), Phase::Ended(_)) {
            run = before;
        }
    }
    all
}

#[test]
fn every_step_can_be_resolved() {
    for book in books().0.values() {
        assert!(!resolved(book).is_empty(), "{} does nothing", book.id);
    }
}

#[test]
fn what_calls_another_runbook_gives_it_all_that_it_needs() {
    let books = books();
    let mut called = 0;
    for book in books.0.values() {
        for work in resolved(book) {
            let Work::Runbook { id, with, .. } = work else { continue };
            let other = books.find(&id).unwrap_or_else(|| panic!("{} calls {id}, which is not there", book.id));
            for (name, value) in &with {
                let parameter = other.parameter(name).unwrap_or_else(|| panic!("{id} has no parameter {name}"));
                parameter.read(value).unwrap_or_else(|why| panic!("{} → {id}: {why}", book.id));
            }
            let missing = other.parameters.iter().find(|known| known.required && !with.contains_key(&known.name));
            assert!(missing.is_none(), "{} does not give {id} its {}", book.id, missing.unwrap().name);
            called += 1;
        }
    }
    assert!(called > 10, "{called} calls");
}

#[test]
fn lint_has_nothing_to_say() {
    let books = books();
    for book in books.0.values() {
        let found = lint(book, &books);
        assert!(found.is_empty(), "{}: {found:#?}", book.id);
    }
}

/// An alert's name, its labels, and the id of a runbook.
type Expected = (&'static str, &'static [(&'static str, &'static str)], &'static str);

/// Alerts of the lab and of the usual rule sets, with the labels that they have, and the runbook that has to come first.
const ALERTS: [Expected; 24] = [
    (
        "HighErrorRate",
        &[("service", "payment"), ("deployment", "payment"), ("severity", "critical")],
        "high-error-rate",
    ),
    ("HighErrorRate", &[("service", "auth"), ("rollout", "auth"), ("severity", "critical")], "bad-canary"),
    ("HighLatency", &[("service", "payment"), ("severity", "warning")], "high-latency"),
    ("PodCrashLooping", &[("pod", "payment-x"), ("severity", "warning")], "crash-loop"),
    ("KubeHpaMaxedOut", &[("horizontalpodautoscaler", "frontend"), ("severity", "warning")], "hpa-at-maximum"),
    ("KubeStatefulSetUpdateStuck", &[("statefulset", "mysql"), ("severity", "critical")], "stuck-rollout"),
    ("NodeFilesystemReadOnly", &[("node", "worker-b2"), ("severity", "critical")], "node-not-ready"),
    ("ErrorBudgetBurn", &[("slo", "payment"), ("severity", "critical"), ("long", "1h")], "error-budget-burn-fast"),
    ("ErrorBudgetBurn", &[("slo", "payment"), ("severity", "warning"), ("long", "1d")], "error-budget-burn-slow"),
    ("CheckoutSLO", &[("sloth_severity", "page")], "error-budget-burn-fast"),
    ("KubePodCrashLooping", &[("reason", "CrashLoopBackOff")], "crash-loop"),
    ("KubeContainerWaiting", &[("reason", "ImagePullBackOff")], "image-pull-failure"),
    ("KubeContainerWaiting", &[("reason", "CreateContainerConfigError")], "pod-pending"),
    ("KubePodNotReady", &[], "pod-pending"),
    ("KubeDeploymentRolloutStuck", &[], "stuck-rollout"),
    ("KubeNodeNotReady", &[("node", "a")], "node-not-ready"),
    ("KubeNodePressure", &[("condition", "DiskPressure")], "disk-pressure"),
    ("NodeFilesystemAlmostOutOfSpace", &[], "disk-pressure"),
    ("KubePersistentVolumeFillingUp", &[], "volume-full"),
    ("KubeClientCertificateExpiration", &[], "certificate-expiry"),
    ("CertManagerCertExpirySoon", &[], "certificate-expiry"),
    ("CoreDNSDown", &[], "dns-failing"),
    ("ContainerOOMKilled", &[], "oom-kills"),
    ("SomethingNobodyKnows", &[], "generic-triage"),
];

#[test]
fn alerts_of_the_lab_and_of_the_usual_rules_lead_to_their_runbook() {
    let summaries: Vec<Summary> = books().0.values().map(Summary::of).collect();
    for (alert, labels, wanted) in ALERTS {
        let labels: BTreeMap<String, String> =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let severity = labels.get("severity").cloned();
        let facts = Facts { alert: Some(alert.to_owned()), labels, severity, ..Facts::default() };
        let found = rank(&summaries, &facts);
        assert_eq!(found[0].id, wanted, "{alert}: {found:#?}");
        let generic = found.iter().filter(|one| one.score == GENERIC).map(|one| one.id.as_str());
        assert_eq!(generic.collect::<Vec<_>>(), ["generic-triage", "service"], "{alert}: always offered, last");
    }
}
