//! What a step asks to be done, with every value in its place, and what comes back.

use super::record::RunEnd;
use crate::runbook::step::IncidentWord;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::actions::outcome::End;
use crate::domain::target::WorkloadRef;
use crate::runbook::action::{Act, Read};
use crate::runbook::parameter::{Value, Values};
use crate::runbook::step::Shell;

/// Work, fully resolved; it is shown before it is done ([`Work::describe`]).
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// PromQL; with a test it is a check ([`super::judge::judge`]). A test that has to hold needs a range query.
    Promql {
        /// The expression.
        query: String,
        /// What has to be true.
        test: Option<Test>,
    },
    /// A read of the cluster.
    Kubectl(Read),
    /// Log lines; with a test it is a check of their number ([`super::judge::judge_count`]).
    Logs {
        /// Whose.
        of: LogsOf,
        /// Of which container.
        container: Option<String>,
        /// Only lines with this in them.
        contains: Option<String>,
        /// Seconds back.
        since: Option<u64>,
        /// At most so many.
        lines: Option<u64>,
        /// What has to be true.
        test: Option<Test>,
    },
    /// Through the door.
    Act(Box<Act>),
    /// A request.
    Http {
        /// Where to.
        url: String,
        /// Method.
        method: String,
        /// Headers.
        headers: Vec<(String, String)>,
        /// Body.
        body: Option<String>,
        /// Statuses that are a pass; none is any of 200 to 299.
        expect: Vec<u16>,
    },
    /// A script; refused unless its directory is trusted.
    Command {
        /// Who reads it.
        shell: Shell,
        /// The script.
        script: String,
        /// Its values.
        environment: BTreeMap<String, String>,
    },
    /// Nothing for so many seconds; `Tick`s tell the time, or a `Done`.
    Wait {
        /// Seconds.
        seconds: u64,
    },
    /// A check again and again until it passes.
    WaitUntil {
        /// The check.
        check: Box<Self>,
        /// Seconds after which it has failed.
        at_most: u64,
    },
    /// Another runbook, as a run of its own (`run`); when that exists already it is resumed.
    Runbook {
        /// Its id.
        id: String,
        /// Its parameters, as text; [`crate::runbook::parameter::Parameter::read`] reads them.
        with: BTreeMap<String, String>,
        /// The id of its run.
        run: String,
        /// The runbooks around it, outermost first; they may not come again.
        stack: Vec<String>,
    },
}

/// Whose logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogsOf {
    /// All pods of a workload.
    Workload(WorkloadRef),
    /// A pod.
    Pod {
        /// Its namespace; `None` is the one of the session.
        namespace: Option<String>,
        /// Its name.
        name: String,
    },
}

/// What has to be true of what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// An expression over `value`, `values` and `count`; other values are already in it.
    pub expression: String,
    /// What `expression` may name beside them.
    pub values: BTreeMap<String, String>,
    /// Seconds over which every sample has to pass.
    pub hold: Option<u64>,
    /// Nothing read is a pass.
    pub empty_passes: bool,
}

/// What a step gave: shown, recorded (bounded, without secrets), captured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// Lines to show.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What `capture` keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// How work ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// As wanted.
    Passed {
        /// In one line.
        detail: String,
        /// What it gave.
        output: Output,
    },
    /// Not as wanted.
    Failed {
        /// Why, in one line.
        detail: String,
        /// What it gave.
        output: Output,
    },
    /// The door's end.
    Acted {
        /// How.
        end: End,
        /// In one line.
        detail: String,
        /// Id in the audit log.
        id: Option<String>,
    },
    /// It was not done (a script that is not trusted, a write where only reads are allowed). Unattended that is a
    /// failure; otherwise a person is asked to do it by hand, or to pass over it.
    Skipped {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// As wanted, with a line.
    pub fn passed(detail: impl Into<String>) -> Self {
        Self::Passed { detail: detail.into(), output: Output::default() }
    }

    /// Not as wanted, with a line.
    pub fn failed(detail: impl Into<String>) -> Self {
        Self::Failed { detail: detail.into(), output: Output::default() }
    }

    /// What the end of a runbook within another is to the step that began it. Checks that failed on the way are how a
    /// fault is found: what counts is that it came to its end.
    pub fn of_run_within(end: &RunEnd) -> Self {
        match end {
            RunEnd::Done { .. } => Self::passed(end.to_string()),
            end => Self::failed(end.to_string()),
        }
    }
}

/// A question to a person, with every value in its place.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// Do this and say so ([`super::RunInput::Done`] by a person: [`super::RunInput::Approve`]).
    Manual(String),
    /// A value ([`super::RunInput::Answer`]).
    Input {
        /// The question.
        ask: String,
        /// What it has to be.
        kind: crate::runbook::parameter::Type,
        /// What it is when nothing is typed.
        default: Option<String>,
        /// Not to be shown.
        secret: bool,
    },
    /// One of these, by its number from 0 ([`super::RunInput::Choose`]).
    Choice {
        /// The question.
        ask: String,
        /// Labels.
        options: Vec<String>,
    },
    /// Yes or no ([`super::RunInput::Approve`], [`super::RunInput::Decline`]).
    Approve(String),
    /// Something for the incident, with its words. Who does it says [`super::RunInput::Approve`] when it is written.
    Incident(IncidentWord, String),
    /// May this be done? The work is as it will be done.
    Confirm(Box<Work>),
}

impl Work {
    /// What is going to be done, line by line. Secrets are in it: show it through [`super::Run::masked`].
    pub fn describe(&self) -> Vec<String> {
        match self {
            Self::Promql { query, test } => {
                let mut lines: Vec<String> = query.lines().map(str::to_owned).collect();
                lines.extend(test.as_ref().map(|test| format!("assert {}", test.told())));
                lines
            }
            Self::Kubectl(read) => vec![read.line()],
            Self::Logs { of, container, contains, since, lines, test } => {
                let mut line = match of {
                    LogsOf::Workload(workload) => format!("logs of {workload} in {}", workload.namespace),
                    LogsOf::Pod { namespace, name } => {
                        format!(
                            "logs of pod {}{name}",
                            namespace.as_ref().map_or_else(String::new, |n| format!("{n}/"))
                        )
                    }
                };
                let mut add = |word: &str, value: Option<String>| {
                    if let Some(value) = value {
                        line = format!("{line} {word} {value}");
                    }
                };
                add("container", container.clone());
                add("with", contains.as_ref().map(|text| format!("{text:?}")));
                add("of the last", since.map(|seconds| crate::domain::time::span(i64::try_from(seconds).unwrap_or(0))));
                add("at most", lines.map(|lines| format!("{lines} lines")));
                add("assert", test.as_ref().map(Test::told));
                vec![line]
            }
            Self::Act(act) => vec![act.title()],
            Self::Http { url, method, headers, body, expect } => {
                let mut lines = vec![format!("{method} {url}")];
                lines.extend(headers.iter().map(|(name, value)| format!("{name}: {value}")));
                lines.extend(body.iter().flat_map(|body| body.lines().map(str::to_owned)));
                if !expect.is_empty() {
                    let codes: Vec<String> = expect.iter().map(ToString::to_string).collect();
                    lines.push(format!("expect {}", codes.join(", ")));
                }
                lines
            }
            Self::Command { script, environment, .. } => {
                let mut lines: Vec<String> =
                    environment.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
                lines.extend(script.lines().map(str::to_owned));
                lines
            }
            Self::Wait { seconds } => vec![format!("wait {seconds}s")],
            Self::WaitUntil { check, at_most } => {
                let mut lines = vec![format!("wait at most {at_most}s until")];
                lines.extend(check.describe());
                lines
            }
            Self::Runbook { id, with, .. } => {
                let with: Vec<String> = with.iter().map(|(name, value)| format!("{name}={value}")).collect();
                vec![format!("runbook {id} {}", with.join(" ")).trim_end().to_owned()]
            }
        }
    }
}

impl Test {
    /// `value < 0.01 for 120s`.
    pub fn told(&self) -> String {
        let hold = self.hold.map_or_else(String::new, |seconds| format!(" for {seconds}s"));
        format!("{}{hold}", self.expression)
    }
}

/// Values as one text each, for display; secrets are the caller's to leave out.
pub fn written(values: &Values) -> BTreeMap<String, String> {
    values.iter().map(|(name, value)| (name.clone(), value.to_string())).collect()
}
