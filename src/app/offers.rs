//! The registry of actions that the console offers: one entry each. Command, key, menu, palette, forms, bulk and help
//! derive from it.
//!
//! Adding an action: its entry in [`OFFERS`], and its key in `keymaps/default.toml`. Keys of actions are capital
//! letters and mean the same in every pane.

use super::aims;
use crate::actions::ActionKind;
use crate::actions::abort::{Abort, Retry};
use crate::actions::cordon::{Cordon, Uncordon};
use crate::actions::delete_pod::DeletePod;
use crate::actions::drain::Drain;
use crate::actions::evict_pod::EvictPod;
use crate::actions::flag::SetFlag;
use crate::actions::pause::{Pause, Resume};
use crate::actions::promote::Promote;
use crate::actions::restart::Restart;
use crate::actions::rollback::Rollback;
use crate::actions::silence_change::ExpireSilence;
use crate::actions::suspend::Suspend;
use crate::actions::trigger::Trigger;
use crate::config::keymap::{CommandId, Scope};
use crate::domain::flag::{FlagChange, FlagRef};
use crate::domain::object::ObjectRef;
use crate::domain::target::{WorkloadKind, WorkloadRef};
use crate::state::command::CommandInfo;
use crate::state::form::{Form, Topic};

/// An action that the console offers.
pub(super) struct Offer {
    /// Its command: id, label, what help says.
    pub command: CommandInfo,
    /// What it is done to, for who has selected nothing of the kind.
    pub takes: &'static str,
    /// What has to be asked first.
    pub asks: &'static [Topic],
    /// Is it done to feature flags? Then those of the workload in hand are meant, the newest change first.
    pub of_flags: bool,
    /// The action on an object, `None` for what it is never done to. What has to be asked comes from the form; without
    /// one it is anything, to see whether the object takes the action at all.
    pub make: fn(&ObjectRef, Option<&Form>) -> Option<ActionKind>,
}

const fn offer(
    id: CommandId,
    label: &'static str,
    doc: &'static str,
    takes: &'static str,
    make: fn(&ObjectRef, Option<&Form>) -> Option<ActionKind>,
) -> Offer {
    Offer {
        command: CommandInfo::new(id, label, Scope::Global, doc).mutating(),
        takes,
        asks: &[],
        of_flags: false,
        make,
    }
}

impl Offer {
    const fn asking(mut self, asks: &'static [Topic]) -> Self {
        self.asks = asks;
        self
    }

    const fn of_flags(mut self) -> Self {
        self.of_flags = true;
        self
    }

    const fn in_footer(mut self, place: u8) -> Self {
        self.command = self.command.in_footer(place);
        self
    }
}

const WORKLOAD: &str = "a workload, or something that names one,";
const ROLLOUT: &str = "an Argo Rollout";
const POD: &str = "a pod";
const NODE: &str = "a node (pane 6)";
const ALERT: &str = "an alert";

/// Every action, in the order of the menu.
pub(super) const OFFERS: &[Offer] = &[
    offer(
        "rollback",
        "rollback",
        "Plan to roll the selected workload back; asks before it does",
        WORKLOAD,
        |object, _| rolling(object, |target| ActionKind::Rollback(Rollback { target, to: None })),
    )
    .in_footer(3),
    offer(
        "abort",
        "abort",
        "Give the new version of an Argo Rollout up: the stable one serves all",
        ROLLOUT,
        |object, _| of_kind(WorkloadKind::Rollout, object, |target| ActionKind::Abort(Abort { target })),
    )
    .in_footer(3),
    offer(
        "scale",
        "scale",
        "Run another number of pods; where an autoscaler owns it, change its bounds",
        WORKLOAD,
        aims::scale,
    )
    .asking(&[Topic::Replicas]),
    offer(
        "restart",
        "restart",
        "Replace all pods of the workload, within the bounds of its rollout",
        WORKLOAD,
        |object, _| rolling(object, |target| ActionKind::Restart(Restart { target })),
    ),
    offer("pause", "pause", "Stop the rollout where it is; suspend a CronJob", WORKLOAD, |object, _| {
        of_kind(WorkloadKind::CronJob, object, |target| ActionKind::Suspend(Suspend { target, suspended: true }))
            .or_else(|| rolling(object, |target| ActionKind::Pause(Pause { target })))
    }),
    offer("resume", "resume", "Let a paused rollout, or a suspended CronJob, go on", WORKLOAD, |object, _| {
        of_kind(WorkloadKind::CronJob, object, |target| ActionKind::Suspend(Suspend { target, suspended: false }))
            .or_else(|| rolling(object, |target| ActionKind::Resume(Resume { target })))
    }),
    offer(
        "flag",
        "flag",
        "Switch the selected flag, or the last changed one about the workload",
        "a flag, or a workload that one is about,",
        // Which state is meant is the console's to say: the other one than on screen.
        |object, _| {
            let flag = FlagRef::of_object(object)?;
            Some(ActionKind::Flag(SetFlag { flag, set: FlagChange::Enabled(false), about: None }))
        },
    )
    .of_flags()
    .in_footer(4),
    offer(
        "set-flag",
        "set flag",
        "Serve a flag to another share of users, or another variant of it",
        "a flag, or a workload that one is about,",
        aims::set_flag,
    )
    .of_flags()
    .asking(&[Topic::Serves]),
    offer("promote", "promote", "Let an Argo Rollout go on past the step at which it waits", ROLLOUT, |object, _| {
        of_kind(WorkloadKind::Rollout, object, |target| ActionKind::Promote(Promote { target, full: false }))
    }),
    offer(
        "promote-full",
        "promote fully",
        "Promote an Argo Rollout past all steps, pauses and analysis",
        ROLLOUT,
        |object, _| {
            of_kind(WorkloadKind::Rollout, object, |target| ActionKind::Promote(Promote { target, full: true }))
        },
    ),
    offer("retry", "retry", "Try the new version of an aborted Argo Rollout again", ROLLOUT, |object, _| {
        of_kind(WorkloadKind::Rollout, object, |target| ActionKind::Retry(Retry { target }))
    }),
    offer("set-image", "set image", "Run another image in one container", WORKLOAD, aims::set_image)
        .asking(&[Topic::Container, Topic::Image]),
    offer("trigger", "trigger", "Run a CronJob's Job now", "a CronJob", |object, _| {
        of_kind(WorkloadKind::CronJob, object, |target| ActionKind::Trigger(Trigger { target }))
    }),
    offer("delete-pod", "delete pod", "Delete the pod; no PodDisruptionBudget is asked", POD, |object, _| {
        object.pod().map(|pod| ActionKind::DeletePod(DeletePod { pod, force: false }))
    }),
    offer("evict-pod", "evict pod", "Delete the pod as far as PodDisruptionBudgets allow", POD, |object, _| {
        object.pod().map(|pod| ActionKind::EvictPod(EvictPod { pod }))
    }),
    offer("drain", "drain", "Cordon the node and evict its pods, one by one", NODE, |object, _| {
        aims::node(object).map(|node| ActionKind::Drain(Drain { node, force: false }))
    })
    .in_footer(3),
    offer("cordon", "cordon", "Keep new pods away from the node", NODE, |object, _| {
        aims::node(object).map(|node| ActionKind::Cordon(Cordon { node }))
    })
    .in_footer(8),
    offer("uncordon", "uncordon", "Let pods onto the node again", NODE, |object, _| {
        aims::node(object).map(|node| ActionKind::Uncordon(Uncordon { node }))
    })
    .in_footer(8),
    offer("acknowledge", "acknowledge", "Keep the alert quiet for 15 minutes: somebody is on it", ALERT, aims::silence)
        .asking(&[Topic::Comment, Topic::Span, Topic::Matcher]),
    offer("silence", "silence", "Keep the alert quiet; which ones, how long and why is asked", ALERT, aims::silence)
        .asking(&[Topic::Comment, Topic::Span, Topic::Matcher])
        .in_footer(8),
    offer(
        "extend-silence",
        "extend silence",
        "Keep a silenced alert quiet for longer",
        "a silenced alert",
        aims::extend,
    )
    .asking(&[Topic::Span]),
    offer(
        "expire-silence",
        "expire silence",
        "Let a silenced alert be heard again",
        "a silenced alert",
        |object, _| aims::known_silence(object).map(|id| ActionKind::ExpireSilence(ExpireSilence { id })),
    ),
];

/// The action of a command.
pub(super) fn find(id: &str) -> Option<&'static Offer> {
    OFFERS.iter().find(|offer| offer.command.id == id)
}

impl Offer {
    /// Why the object does not take the action; `None` when it may.
    pub(super) fn why_not(&self, object: &ObjectRef) -> Option<String> {
        let action = (self.make)(object, None)?;
        action.admit().err().map(|refusal| refusal.to_string())
    }
}

/// What has revisions, or pods that are replaced one by one: a CronJob has neither.
fn rolling(object: &ObjectRef, make: impl FnOnce(WorkloadRef) -> ActionKind) -> Option<ActionKind> {
    object.workload().filter(|target| target.kind != WorkloadKind::CronJob).map(make)
}

fn of_kind(kind: WorkloadKind, object: &ObjectRef, make: impl FnOnce(WorkloadRef) -> ActionKind) -> Option<ActionKind> {
    object.workload().filter(|target| target.kind == kind).map(make)
}
