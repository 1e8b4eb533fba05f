//! The registry of actions: what each has to say about itself, and the list of them.

use serde::{Deserialize, Serialize};

use super::abort::{Abort, Retry};
use super::cordon::{Cordon, Uncordon};
use super::delete_pod::DeletePod;
use super::drain::Drain;
use super::evict_pod::EvictPod;
use super::flag::SetFlag;
use super::outcome::Refusal;
use super::pause::{Pause, Resume};
use super::plan::Plan;
use super::promote::Promote;
use super::restart::Restart;
use super::rollback::Rollback;
use super::scale::Scale;
use super::scale_bounds::ScaleBounds;
use super::set_image::SetImage;
use super::silence::SilenceAlerts;
use super::silence_change::{ExpireSilence, ExtendSilence};
use super::suspend::Suspend;
use super::trigger::Trigger;
use crate::domain::object::ObjectRef;
use crate::domain::time::Instant;
use crate::ports::cluster::{Facts, Needs, Part};

/// What a plan may know beside the facts.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// The time, for what carries one (a restart's annotation, a Job's name).
    pub now: Instant,
    /// Who asks: the user of the operating system.
    pub user: &'a str,
    /// Who that is to the API server, when known.
    pub identity: Option<&'a str>,
    /// Why, when it was said.
    pub reason: Option<&'a str>,
    /// It takes a recorded action back: what was there is restored as it was.
    pub undoes: bool,
}

/// One kind of action, as asked for: what its own file implements.
pub trait Action {
    /// The word in audit records, commands, arguments and guardrails (`rollback`, `drain`).
    fn word(&self) -> &'static str;

    /// What it does, as on a key (`roll back`).
    fn verb(&self) -> &'static str;

    /// What it acts on.
    fn target(&self) -> ObjectRef;

    /// The title of its box: `Roll back deployment/payment`.
    fn title(&self) -> String {
        let mut verb = self.verb().to_owned();
        if let Some(first) = verb.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        format!("{verb} {}", self.target())
    }

    /// What has to be read for its plan, beside the target itself.
    fn needs(&self) -> &'static [Part];

    /// Refuses what makes no sense whatever the cluster says (a negative number, a kind that cannot). Nothing was read.
    fn admit(&self) -> Result<(), Refusal> {
        Ok(())
    }

    /// Makes the plan, or says why there is none.
    fn plan(&self, facts: &Facts, ground: &Ground<'_>) -> Result<Plan, Refusal>;

    /// The same action for another revision; `None` for actions that know no revisions.
    fn with_revision(&self, revision: u64) -> Option<ActionKind> {
        let _ = revision;
        None
    }
}

/// Every action there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "action")]
pub enum ActionKind {
    /// Back to an earlier revision's pod template.
    Rollback(Rollback),
    /// Another number of pods.
    Scale(Scale),
    /// Other bounds for an autoscaler.
    ScaleBounds(ScaleBounds),
    /// New pods of the same kind.
    Restart(Restart),
    /// Stop a rollout where it is.
    Pause(Pause),
    /// Let a paused rollout go on.
    Resume(Resume),
    /// Another image for one container.
    SetImage(SetImage),
    /// One pod less, for good or until its controller makes a new one.
    DeletePod(DeletePod),
    /// The same, as far as budgets allow.
    EvictPod(EvictPod),
    /// No new pods on a node.
    Cordon(Cordon),
    /// New pods on a node again.
    Uncordon(Uncordon),
    /// No pods on a node.
    Drain(Drain),
    /// No runs of a CronJob, or runs again.
    Suspend(Suspend),
    /// A run of a CronJob now.
    Trigger(Trigger),
    /// The newest revision of an Argo Rollout given up.
    Abort(Abort),
    /// The same revision again.
    Retry(Retry),
    /// The newest revision goes on, by a step or fully.
    Promote(Promote),
    /// Keep alerts quiet.
    Silence(SilenceAlerts),
    /// Another end for a silence.
    ExtendSilence(ExtendSilence),
    /// The end of a silence.
    ExpireSilence(ExpireSilence),
    /// Another state of a feature flag.
    Flag(SetFlag),
}

impl ActionKind {
    fn action(&self) -> &dyn Action {
        match self {
            Self::Rollback(action) => action,
            Self::Scale(action) => action,
            Self::ScaleBounds(action) => action,
            Self::Restart(action) => action,
            Self::Pause(action) => action,
            Self::Resume(action) => action,
            Self::SetImage(action) => action,
            Self::DeletePod(action) => action,
            Self::EvictPod(action) => action,
            Self::Cordon(action) => action,
            Self::Uncordon(action) => action,
            Self::Drain(action) => action,
            Self::Suspend(action) => action,
            Self::Trigger(action) => action,
            Self::Abort(action) => action,
            Self::Retry(action) => action,
            Self::Promote(action) => action,
            Self::Silence(action) => action,
            Self::ExtendSilence(action) => action,
            Self::ExpireSilence(action) => action,
            Self::Flag(action) => action,
        }
    }

    /// [`Action::word`].
    pub fn word(&self) -> &'static str {
        self.action().word()
    }

    /// [`Action::verb`].
    pub fn verb(&self) -> &'static str {
        self.action().verb()
    }

    /// [`Action::target`].
    pub fn target(&self) -> ObjectRef {
        self.action().target()
    }

    /// [`Action::title`].
    pub fn title(&self) -> String {
        self.action().title()
    }

    /// What to read for it.
    pub fn needs(&self) -> Needs {
        Needs { target: self.target(), parts: self.action().needs().to_vec() }
    }

    /// [`Action::admit`].
    pub fn admit(&self) -> Result<(), Refusal> {
        self.action().admit()
    }

    /// [`Action::plan`].
    pub fn plan(&self, facts: &Facts, ground: &Ground<'_>) -> Result<Plan, Refusal> {
        self.action().plan(facts, ground)
    }

    /// [`Action::with_revision`].
    pub fn with_revision(&self, revision: u64) -> Option<Self> {
        self.action().with_revision(revision)
    }
}
