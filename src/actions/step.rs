//! A step: one request to a server, with what was said about it beforehand and what came of it.

use serde::Serialize;

use super::expectation::Field;
use crate::domain::mutation::Mutation;
use crate::domain::object::ObjectRef;

/// One request of a plan. Steps are sent in order, each once.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// `patch deployment/payment`, `evict pod/payment-1`.
    pub title: String,
    /// Which of the plan's targets it is for, by index.
    pub part: usize,
    /// What would be sent.
    pub mutation: Mutation,
    /// What the object has to say afterwards; a dry run that says otherwise is warned of.
    pub leaves: Vec<Field>,
    /// What the server said about our right to do it.
    pub permission: Verdict,
    /// What the server said to the dry run.
    pub dry_run: Verdict,
    /// Where it stands.
    pub state: StepState,
}

impl Step {
    /// A step that nobody was asked about yet.
    pub fn new(title: impl Into<String>, mutation: Mutation) -> Self {
        let asked = if mutation.change.has_dry_run() {
            Verdict::Asking
        } else {
            Verdict::Yes("not asked: Alertmanager knows neither permissions nor dry runs".into())
        };
        Self {
            title: title.into(),
            part: 0,
            mutation,
            leaves: Vec::new(),
            permission: asked.clone(),
            dry_run: asked,
            state: StepState::Waiting,
        }
    }

    /// With what the object has to say afterwards.
    #[must_use]
    pub fn leaving(mut self, fields: Vec<Field>) -> Self {
        self.leaves = fields;
        self
    }

    /// The object that it alters.
    pub const fn target(&self) -> &ObjectRef {
        &self.mutation.target
    }
}

/// What the server said to a question asked beforehand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "text")]
pub enum Verdict {
    /// Asked, no answer yet.
    Asking,
    /// Yes, in words.
    Yes(String),
    /// It could not be asked, and why.
    Unknown(String),
}

/// Where a step stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "text")]
pub enum StepState {
    /// Not sent yet.
    Waiting,
    /// Sent, no answer yet.
    Sending,
    /// The server did it.
    Done,
    /// There was nothing left to do (it was gone already).
    Needless,
    /// A PodDisruptionBudget forbids it for now; it is sent again. Why.
    Blocked(String),
    /// The server did not do it. Why.
    Failed(String),
    /// No answer came: it may or may not have happened. Why.
    Unknown(String),
    /// Not sent, because another one failed.
    Skipped,
}

impl StepState {
    /// Did, or may, it have altered something?
    pub const fn took_effect(&self) -> bool {
        matches!(self, Self::Done | Self::Needless | Self::Unknown(_))
    }

    /// In words, with its reason.
    pub fn words(&self) -> String {
        match self {
            Self::Waiting => "waiting".into(),
            Self::Sending => "sending".into(),
            Self::Done => "done".into(),
            Self::Needless => "was gone already".into(),
            Self::Blocked(why) => format!("blocked for now: {why}"),
            Self::Failed(why) => format!("failed: {why}"),
            Self::Unknown(why) => format!("no answer: {why}"),
            Self::Skipped => "not sent".into(),
        }
    }
}
