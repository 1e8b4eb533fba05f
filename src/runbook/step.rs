//! What a step is: its kind, its body as written (with templates in it), and the attributes that lead from one to another.

use std::ops::Range;
use std::sync::Arc;

use super::action::{Deed, Kubectl};
use super::diagnostic::Spot;
use super::parameter::Type;

/// Text with `{{ }}` in it, and where it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// As written.
    pub text: String,
    /// The place of its first character.
    pub spot: Spot,
}

impl Template {
    /// Text at a place.
    pub fn new(text: impl Into<String>, spot: Spot) -> Self {
        Self { text: text.into(), spot }
    }
}

/// Where a step leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To the step of this name.
    Step(String),
    /// To the end of the run.
    End,
}

/// What a failure does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The run halts there: nothing follows by itself; a person may retry, skip, jump or abort. Unattended it ends.
    Abort,
    /// It goes on with the next step.
    Continue,
    /// It goes on there.
    Goto(String),
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name, unique in the runbook.
    pub name: String,
    /// Its title, without templates filled in.
    pub title: String,
    /// Number of its section.
    pub section: usize,
    /// Lines of the source, counted from 1, end exclusive.
    pub lines: Range<usize>,
    /// Where it is written: its fence, else its heading.
    pub spot: Spot,
    /// What it does.
    pub kind: StepKind,
    /// It is passed over when this expression is false.
    pub when: Option<Template>,
    /// What a failure does.
    pub on_failure: OnFailure,
    /// Where it leads; `None` is the next one.
    pub next: Option<Target>,
    /// Seconds that it may take; `None` is the default of its kind ([`Step::patience`]).
    pub timeout: Option<u64>,
    /// How often a read is tried.
    pub attempts: u32,
    /// It waits for a yes even where it would run by itself.
    pub confirm: bool,
    /// The name under which later steps know what came of it.
    pub capture: Option<String>,
    /// The check that runs right after it.
    pub verify: Option<String>,
    /// The step that is offered when it failed.
    pub rollback: Option<String>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum StepKind {
    /// Only text.
    Note,
    /// A query whose numbers have to fit.
    Check(Query, Assertion),
    /// A query that is shown.
    Query(Query),
    /// Log lines; with an assertion it is a check of their number.
    Logs(Logs, Option<Assertion>),
    /// A person does it, and says so.
    Manual(Template),
    /// A person says a value.
    Input(Input),
    /// A person chooses.
    Choice(Choice),
    /// A person agrees, or not.
    Approve(Template),
    /// Time passes, or a check comes true.
    Wait(Wait),
    /// Goes on where the first condition holds.
    Branch(Branch),
    /// Something for the incident: declare one, tell everyone, write something down.
    Incident(IncidentWord, Template),
    /// Through the door.
    Action(Deed),
    /// A request.
    Http(Http),
    /// A script; off unless the configuration trusts where the file is.
    Command(Command),
    /// A read, answered natively, or an action.
    Kubectl(Kubectl),
    /// Another runbook.
    Runbook(SubRunbook),
}

/// What a step does with the incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentWord {
    /// Declares one; a person sees first what is sent.
    Declare,
    /// Tells everyone.
    Notify,
    /// Writes something down.
    Note,
}

impl IncidentWord {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Declare, Self::Notify, Self::Note];

    /// As it is written: `do: declare`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Declare => "declare",
            Self::Notify => "notify",
            Self::Note => "note",
        }
    }

    /// What it does, in words.
    pub const fn does(self) -> &'static str {
        match self {
            Self::Declare => "declares an incident; all that is sent is shown first",
            Self::Notify => "tells everyone in the incident's channel",
            Self::Note => "writes it into the incident's timeline",
        }
    }
}

impl StepKind {
    /// As on screen and in records.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Check(..) | Self::Logs(_, Some(_)) => "check",
            Self::Query(_) => "query",
            Self::Logs(_, None) => "logs",
            Self::Manual(_) => "manual",
            Self::Input(_) => "input",
            Self::Choice(_) => "choice",
            Self::Approve(_) => "approve",
            Self::Wait(_) => "wait",
            Self::Branch(_) => "branch",
            Self::Incident(word, _) => word.word(),
            Self::Action(_) | Self::Kubectl(Kubectl::Act(_)) => "action",
            Self::Http(_) => "http",
            Self::Command(_) => "command",
            Self::Kubectl(Kubectl::Read(_)) => "kubectl",
            Self::Runbook(_) => "runbook",
        }
    }

    /// May it change the world? Such a step runs only when asked for, and never again by resuming.
    pub fn writes(&self) -> bool {
        match self {
            Self::Action(_) | Self::Command(_) | Self::Kubectl(Kubectl::Act(_)) => true,
            Self::Http(http) => http.writes(),
            _ => false,
        }
    }

    /// Is it a script that nothing here runs?
    pub fn is_only_to_copy(&self) -> bool {
        matches!(self, Self::Command(command) if command.only_to_copy.is_some() || command.shell == Shell::Other)
    }

    /// Does it wait for a person and do nothing by itself?
    pub const fn asks(&self) -> bool {
        matches!(self, Self::Manual(_) | Self::Input(_) | Self::Choice(_) | Self::Approve(_) | Self::Incident(..))
    }
}

impl Step {
    /// Seconds that it may take; `None` for what takes its own time (the door, a person, a wait).
    pub fn patience(&self) -> Option<u64> {
        match self.kind {
            StepKind::Action(_) | StepKind::Kubectl(Kubectl::Act(_)) | StepKind::Wait(_) | StepKind::Runbook(_) => {
                self.timeout
            }
            _ => Some(self.timeout.unwrap_or(30)),
        }
    }
}

/// PromQL.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The expression.
    pub expression: Template,
}

/// What has to be true of what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// An expression over `value`, `values` and `count`.
    pub test: Template,
    /// Seconds over which it has to hold.
    pub hold: Option<u64>,
    /// Nothing read is a pass.
    pub empty_passes: bool,
}

/// Whose logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogSource {
    /// All pods of a workload.
    Workload(Template),
    /// One pod: `NAME` or `NAMESPACE/NAME`.
    Pod(Template),
}

/// Log lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// Whose.
    pub source: LogSource,
    /// Of which container.
    pub container: Option<Template>,
    /// Only lines with this in them.
    pub contains: Option<Template>,
    /// How far back, a duration.
    pub since: Option<Template>,
    /// At most so many lines.
    pub lines: Option<Template>,
}

/// A value from a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The question.
    pub ask: Template,
    /// What it has to be.
    pub kind: Type,
    /// What it is when nothing is typed.
    pub default: Option<Template>,
    /// Never recorded, never shown.
    pub secret: bool,
}

/// A choice by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The question.
    pub ask: Template,
    /// What there is to choose from.
    pub options: Vec<ChoiceOption>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoiceOption {
    /// As shown.
    pub label: Template,
    /// Where it leads.
    pub goto: Option<Target>,
    /// What is captured; the label where there is none.
    pub value: Option<Template>,
}

/// Time passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A duration.
    For(Template),
    /// Until a check comes true.
    Until {
        /// The name of the check.
        check: String,
        /// At most so long, a duration.
        at_most: Template,
    },
}

/// Goes on where the first condition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Conditions in order.
    pub cases: Vec<(Template, Target)>,
    /// Where it goes when none holds; `None` is the next step.
    pub otherwise: Option<Target>,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Where to.
    pub url: Template,
    /// Method, upper case.
    pub method: String,
    /// Headers; values are templates.
    pub headers: Vec<(String, Template)>,
    /// The body.
    pub body: Option<Template>,
    /// The status that is a pass; none is any of 200 to 299.
    pub expect: Vec<u16>,
}

impl Http {
    /// Is it more than a read?
    pub fn writes(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD")
    }
}

/// Which shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shell {
    /// `/bin/sh`.
    Sh,
    /// `bash`.
    Bash,
    /// Another one, which is only offered to copy.
    Other,
}

/// A script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Who reads it.
    pub shell: Shell,
    /// The script, without any templates.
    pub script: String,
    /// Environment variables, and the parameter or capture that each is of.
    pub environment: Arc<[(String, String)]>,
    /// Why it is only there to copy, if so.
    pub only_to_copy: Option<String>,
    /// The first line of the script.
    pub spot: Spot,
}

/// Another runbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubRunbook {
    /// Its id.
    pub id: String,
    /// Its parameters.
    pub with: Vec<(String, Template)>,
    /// Where its id is written.
    pub spot: Spot,
}
