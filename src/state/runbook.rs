//! The runbook on the desk: the one that is looked at before it begins, the run that is walked, and how both are looked
//! at. The rules of walking are [`crate::runbook::run`]'s.

use std::sync::Arc;

use super::input::Input;
use crate::actions::ActionRequest;
use crate::domain::time::Instant;
use crate::runbook::Runbook;
use crate::runbook::facts::Facts;
use crate::runbook::parameter::{Values, prefill};
use crate::runbook::run::record::{Place, Record};
use crate::runbook::run::work::Outcome;
use crate::runbook::run::{Run, RunEffect};

/// Everything about runbooks that the console has open.
#[derive(Debug, Default)]
pub struct Desk {
    /// Runs that are walked: the outermost first, those within it after it.
    pub runs: Vec<Walked>,
    /// The runbook that is looked at and has not begun.
    pub page: Option<Page>,
    /// What fits the alert that was asked about, best first, and runs to take up again.
    pub offers: Vec<Offer>,
    /// What the offers are about.
    pub facts: Facts,
    /// Runs of this context that are not over.
    pub unfinished: Vec<Unfinished>,
    /// The action of a step is at the door.
    pub acting: Option<Acting>,
    /// Records that are not known to be on disk yet.
    pub unwritten: usize,
    /// How it is looked at.
    pub view: View,
    /// Something is being read or made; in words.
    pub busy: Option<String>,
}

/// A run, and who asked for it.
#[derive(Debug)]
pub struct Walked {
    /// The run.
    pub run: Run,
    /// Of a run within another: the ticket of the step that it is.
    pub parent: Option<u64>,
    /// The file was edited after it began.
    pub edited: bool,
    /// Whether the fate of a step that was cut off has been looked up already.
    pub looked_up: bool,
    /// Why it cannot go on: its log could not be written.
    pub broken: Option<String>,
}

/// A runbook before it begins.
#[derive(Debug)]
pub struct Page {
    /// The runbook.
    pub book: Arc<Runbook>,
    /// Why it was chosen.
    pub why: String,
    /// The alert.
    pub alert: Option<String>,
    /// Values of its parameters so far.
    pub values: Values,
    /// What of the alert was not taken, and why.
    pub remarks: Vec<String>,
}

impl Page {
    /// A runbook with what an alert says filled in.
    pub fn new(book: Arc<Runbook>, why: String, facts: &Facts) -> Self {
        let (values, problems) = prefill(&book.parameters, facts);
        let remarks = problems.into_iter().map(|problem| problem.why).collect();
        Self { why, alert: facts.alert.clone(), values, remarks, book }
    }

    /// Fills in what has no value yet.
    pub fn fill(&mut self, facts: &Facts) {
        for (name, value) in prefill(&self.book.parameters, facts).0 {
            self.values.entry(name).or_insert(value);
        }
    }

    /// The first parameter that still needs a value.
    pub fn missing(&self) -> Option<&crate::runbook::parameter::Parameter> {
        let lacks = |name: &str| !self.values.contains_key(name);
        self.book.parameters.iter().find(|parameter| parameter.required && lacks(&parameter.name))
    }
}

/// Something to choose from after `b`.
#[derive(Clone, Debug)]
pub enum Offer {
    /// Begin this runbook.
    Book {
        /// It.
        book: Arc<Runbook>,
        /// Why it fits.
        why: String,
    },
    /// Take this run up again.
    Resume(Unfinished),
}

/// A run that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Its id.
    pub id: String,
    /// Title of its runbook.
    pub title: String,
    /// Where it stands.
    pub step: Option<String>,
    /// When it began.
    pub began: Instant,
    /// Who began it.
    pub who: String,
    /// Another process walks it.
    pub elsewhere: bool,
}

/// The action of a step, at the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acting {
    /// The run.
    pub run: String,
    /// Of which step.
    pub ticket: u64,
    /// The mark of its request.
    pub mark: String,
}

/// How the desk is looked at.
#[derive(Debug, Default)]
pub struct View {
    /// First line of the document; `None` follows the step.
    pub document: Option<usize>,
    /// First line of the step's side.
    pub side: usize,
    /// What is being typed.
    pub prompt: Option<Prompt>,
}

/// A line that is typed for the runbook.
#[derive(Debug)]
pub struct Prompt {
    /// What is asked.
    pub ask: String,
    /// What is typed.
    pub input: Input,
    /// What it becomes.
    pub purpose: Purpose,
    /// Why it was not taken.
    pub notice: Option<String>,
}

/// What a typed line becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Why a step is skipped.
    Skip,
    /// Why the run is given up.
    Abort,
    /// A remark.
    Note,
    /// The number of a step to go to.
    Jump,
    /// An answer to the question of a step.
    Answer {
        /// It does not show.
        secret: bool,
    },
    /// Why a manual step cannot be done.
    Decline,
    /// What was seen of a step whose end nobody knows.
    MarkDone,
    /// A secret that was lost with the process.
    Secret(String),
    /// The value of a parameter, before it begins.
    Parameter {
        /// Its name.
        name: String,
        /// It does not show.
        secret: bool,
    },
}

impl Purpose {
    /// Is what is typed hidden?
    pub const fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_) | Self::Answer { secret: true } | Self::Parameter { secret: true, .. })
    }
}

impl Desk {
    /// The run that has the keys: the innermost.
    pub fn run(&self) -> Option<&Run> {
        self.runs.last().map(|walked| &walked.run)
    }

    /// The runbook on the desk.
    pub fn book(&self) -> Option<&Arc<Runbook>> {
        self.run().map(Run::book).or_else(|| self.page.as_ref().map(|page| &page.book))
    }

    /// What its text is told with: values of the run, else those that it would begin with. Secrets do not show.
    pub fn values(&self) -> Values {
        match (self.run(), &self.page) {
            (Some(run), _) => run.values(),
            (None, Some(page)) => page.book.without_secrets(page.values.clone()),
            (None, None) => Values::new(),
        }
    }

    /// Is there a run that is not over?
    pub fn is_open(&self) -> bool {
        self.runs.first().is_some_and(|walked| walked.run.end().is_none())
    }

    /// The run of this id.
    pub fn walked(&mut self, id: &str) -> Option<&mut Walked> {
        self.runs.iter_mut().find(|walked| walked.run.id() == id)
    }

    /// Forgets what is over.
    pub fn clear(&mut self) {
        let unfinished = std::mem::take(&mut self.unfinished);
        *self = Self { unfinished, unwritten: self.unwritten, ..Self::default() };
    }
}

/// What the runtime is asked for about runbooks. All of it is done one after the other, in this order.
#[derive(Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "few are alive at once, and one is as large as the record that it brings"
)]
pub enum DeskEffect {
    /// Which runbooks fit? → [`DeskNews::Found`].
    Find(Box<Facts>),
    /// Which runs are not over? → [`DeskNews::Unfinished`].
    LookForRuns,
    /// Make a place for a run of this → [`DeskNews::Begun`].
    Begin {
        /// The runbook.
        book: Keep<Arc<Runbook>>,
        /// The alert that it begins with.
        alert: Option<String>,
    },
    /// Take this run up → [`DeskNews::Taken`].
    Take(String),
    /// The machine's own effects, in order: a record has to be on disk before what follows it is done.
    Run {
        /// Which run.
        id: String,
        /// What.
        effect: RunEffect,
    },
    /// What does the audit log know of the action of this step? → [`DeskNews::Fate`].
    LookUp {
        /// Which run.
        id: String,
        /// Of which step.
        ticket: u64,
    },
    /// Let go of a run: another terminal may take it.
    Leave {
        /// Which.
        id: String,
    },
}

/// Compared by what it is about, not by what it holds: effects are compared in tests.
#[derive(Clone, Debug)]
pub struct Keep<T>(pub T);

impl PartialEq for Keep<Arc<Runbook>> {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest == other.0.digest
    }
}

/// What comes back.
#[derive(Clone, Debug, PartialEq)]
pub enum DeskNews {
    /// Runbooks that fit, best first, with why; then those that help with anything; and what went wrong on the way.
    Found {
        /// About what.
        facts: Box<Facts>,
        /// Those that fit.
        fitting: Vec<(Keep<Arc<Runbook>>, String)>,
        /// Those that help with anything.
        generic: Vec<Keep<Arc<Runbook>>>,
        /// What went wrong.
        remarks: Vec<String>,
    },
    /// Runs of this context that are not over.
    Unfinished(Vec<Unfinished>),
    /// There is a place for a run.
    Begun {
        /// Its id.
        id: String,
        /// The runbook.
        book: Keep<Arc<Runbook>>,
    },
    /// A run was taken up.
    Taken {
        /// Its runbook, in the version with which it began.
        book: Keep<Arc<Runbook>>,
        /// Its records.
        records: Vec<Record>,
        /// The file was edited since.
        edited: bool,
    },
    /// It could not be begun or taken, and why.
    Refused(String),
    /// A record is on disk.
    Written,
    /// A record could not be written: the run must not go on.
    Broken {
        /// Which run.
        id: String,
        /// Why.
        why: String,
    },
    /// Work has ended.
    Done {
        /// Which run.
        id: String,
        /// Of which step.
        ticket: u64,
        /// How.
        outcome: Outcome,
    },
    /// The action of a step, for the door.
    Act {
        /// Which run.
        id: String,
        /// Of which step.
        ticket: u64,
        /// What is asked for.
        request: Box<ActionRequest>,
    },
    /// A runbook within another has a place.
    Within {
        /// The run around it.
        parent: String,
        /// Of which step.
        ticket: u64,
        /// Its id.
        id: String,
        /// The runbook.
        book: Keep<Arc<Runbook>>,
        /// Its values.
        values: Values,
        /// The runbooks around it.
        stack: Vec<String>,
        /// Its records, when it had begun already.
        records: Vec<Record>,
    },
    /// What the audit log knows of an action that was cut off.
    Fate {
        /// Which run.
        id: String,
        /// Of which step.
        ticket: u64,
        /// `Some(true)`: it happened; `Some(false)`: it did not; `None`: nobody can say.
        happened: Option<bool>,
        /// In words.
        why: String,
    },
}

/// Where a step stands in the strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Not come to.
    Ahead,
    /// Here.
    Here,
    /// As wanted.
    Passed,
    /// Not as wanted.
    Failed,
    /// Passed over.
    Skipped,
}

/// Where each step of a run stands.
pub fn marks(run: &Run) -> Vec<Mark> {
    use crate::runbook::run::record::Verdict;
    let here: Option<Place> = run.end().is_none().then(|| run.place());
    run.visits()
        .iter()
        .enumerate()
        .map(|(place, visit)| match visit.verdict {
            _ if Some(place) == here => Mark::Here,
            Some(Verdict::Passed) => Mark::Passed,
            Some(Verdict::Failed) => Mark::Failed,
            Some(Verdict::Skipped) => Mark::Skipped,
            None => Mark::Ahead,
        })
        .collect()
}
