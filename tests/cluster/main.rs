//! The console against real counterparts, and against the lab wherever both can: one test body, two backends.
//!
//! `tests/cluster/check` builds the counterparts and runs everything; `tests/cluster/up` brings them up to be used by
//! hand. Plain `cargo test` runs what the lab can do and reports the rest as ignored. `OPSDECK_TEST_KUBECONFIG` names
//! any other cluster (kind, k3d): the cases that need no more than Kubernetes run there too, each in a namespace of its
//! own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]
// What is waited for here happens in other processes: real time passes.
#![allow(clippy::disallowed_methods)]

mod actions;
mod argo;
mod backend;
mod between;
mod consoles;
mod credentials;
mod doctor;
mod flags;
mod harness;
mod incident_rooms;
mod kept_flags;
mod monitoring;
mod outages;
mod rights;
mod rollback;
mod rows;
mod runbooks;
mod screen;
mod shared;
mod stack;
#[path = "../support/mod.rs"]
mod support;
mod synapse;
mod undo;
mod up;
mod usage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use self::backend::Backend;
use self::stack::process::Ports;
use self::stack::{Parts, Stack};

/// What a case runs on.
#[derive(Clone, Copy)]
pub enum Body {
    /// The lab, the real cluster, and any cluster that was given.
    Kubernetes(fn(&Backend)),
    /// The real stack, shared with other cases: nothing of it may be broken.
    Stack(fn(&Stack)),
    /// A stack of its own, which it may break. It gets the binaries.
    Own(fn(&std::path::Path)),
}

/// One thing that must hold.
pub struct Case {
    name: &'static str,
    body: Body,
}

impl Case {
    /// Names it.
    pub const fn new(name: &'static str, body: Body) -> Self {
        Self { name, body }
    }
}

/// Every case; a chapter is a file.
fn cases() -> Vec<&'static Case> {
    [
        rows::CASES,
        rollback::CASES,
        actions::CASES,
        undo::CASES,
        runbooks::CASES,
        rights::CASES,
        argo::CASES,
        monitoring::CASES,
        outages::CASES,
        credentials::CASES,
        doctor::CASES,
        flags::CASES,
        usage::CASES,
        kept_flags::CASES,
        synapse::CASES,
        incident_rooms::CASES,
        shared::CASES,
        consoles::CASES,
        harness::CASES,
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if given.first().is_some_and(|first| first == "up") {
        return up::run(&given[1..]);
    }
    let mut arguments = Arguments::from_args();
    // Most of the time they wait for other processes.
    arguments.test_threads.get_or_insert(4);
    let binaries = std::env::var_os("OPSDECK_TEST_PARTS").map(PathBuf::from);
    let stack = match &binaries {
        // Started by this thread, so that the servers live as long as the process.
        Some(binaries) if !arguments.list => match Stack::start(binaries, Parts::ALL, Ports::free()) {
            Ok(stack) => Some(Arc::new(stack)),
            Err(error) => {
                eprintln!("the counterparts do not come up: {error}");
                return ExitCode::FAILURE;
            }
        },
        _ => None,
    };
    let trials = cases().into_iter().flat_map(|case| trials(case, stack.as_ref(), binaries.as_ref())).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(stack);
    conclusion.exit_code()
}

/// The trials of a case: one a backend. What is not there is ignored, visibly.
fn trials(case: &'static Case, stack: Option<&Arc<Stack>>, binaries: Option<&PathBuf>) -> Vec<Trial> {
    let trial = |on: &str, run: Option<Box<dyn FnOnce() + Send>>| {
        let (absent, run) = (run.is_none(), run.unwrap_or_else(|| Box::new(|| panic!("its backend is not there"))));
        Trial::test(format!("{on}::{}", case.name), move || {
            run();
            Ok(())
        })
        .with_ignored_flag(absent)
    };
    match case.body {
        Body::Kubernetes(body) => {
            let real = stack.cloned();
            let elsewhere = std::env::var_os("OPSDECK_TEST_KUBECONFIG");
            let mut trials = vec![
                trial(
                    "lab",
                    (binaries.is_some() && backend::kubectl_is_there())
                        .then(|| -> Box<dyn FnOnce() + Send> { Box::new(move || body(&Backend::lab())) }),
                ),
                trial(
                    "real",
                    real.map(|stack| -> Box<dyn FnOnce() + Send> { Box::new(move || body(&Backend::real(&stack))) }),
                ),
            ];
            if let Some(kubeconfig) = elsewhere {
                trials.push(trial("given", Some(Box::new(move || body(&Backend::given(kubeconfig.into()))))));
            }
            trials
        }
        Body::Stack(body) => {
            let stack = stack.cloned();
            vec![trial("real", stack.map(|stack| -> Box<dyn FnOnce() + Send> { Box::new(move || body(&stack)) }))]
        }
        Body::Own(body) => {
            let binaries = binaries.cloned();
            vec![trial("real", binaries.map(|path| -> Box<dyn FnOnce() + Send> { Box::new(move || body(&path)) }))]
        }
    }
}
