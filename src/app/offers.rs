//! The registry of actions that the console offers: one entry each. Command, key, menu, palette, forms, bulk and help
//! derive from it.
//!
//! Adding an action: its entry in [`OFFERS`], and its key in `keymaps/default.toml`. Keys of actions are capital
//! letters and mean the same in every pane.

use crate::actions::ActionKind;
use crate::actions::flag::SetFlag;
use crate::actions::pause::{Pause, Resume};
use crate::actions::restart::Restart;
use crate::actions::rollback::Rollback;
use crate::actions::scale::{Replicas, Scale};
use crate::actions::set_image::SetImage;
use crate::config::keymap::{CommandId, Scope};
use crate::domain::flag::{FlagChange, FlagRef};
use crate::domain::object::ObjectRef;
use crate::domain::target::WorkloadRef;
use crate::state::command::CommandInfo;
use crate::state::form::{Form, Topic};

/// An action that the console offers.
pub(super) struct Offer {
    /// Its command: id, label, what help says.
    pub command: CommandInfo,
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
    asks: &'static [Topic],
    make: fn(&ObjectRef, Option<&Form>) -> Option<ActionKind>,
) -> Offer {
    Offer { command: CommandInfo::new(id, label, Scope::Global, doc).mutating(), asks, of_flags: false, make }
}

/// Every action, in the order of the menu.
pub(super) const OFFERS: &[Offer] = &[
    Offer {
        command: CommandInfo::new(
            "rollback",
            "rollback",
            Scope::Global,
            "Plan to roll the selected workload back; asks before it does",
        )
        .mutating()
        .in_footer(3),
        asks: &[],
        of_flags: false,
        make: |object, _| of_workload(object, |target| ActionKind::Rollback(Rollback { target, to: None })),
    },
    offer(
        "scale",
        "scale",
        "Run another number of pods; where an autoscaler owns it, change its bounds",
        &[Topic::Replicas],
        scale,
    ),
    offer(
        "restart",
        "restart",
        "Replace all pods of the workload, within the bounds of its rollout",
        &[],
        |object, _| of_workload(object, |target| ActionKind::Restart(Restart { target })),
    ),
    offer("pause", "pause", "Stop the rollout where it is", &[], |object, _| {
        of_workload(object, |target| ActionKind::Pause(Pause { target }))
    }),
    offer("resume", "resume", "Let a paused rollout go on", &[], |object, _| {
        of_workload(object, |target| ActionKind::Resume(Resume { target }))
    }),
    Offer {
        command: CommandInfo::new(
            "flag",
            "flag",
            Scope::Global,
            "Switch the selected flag, or the one changed last among those about the workload; asks before it does",
        )
        .mutating()
        .in_footer(4),
        asks: &[],
        of_flags: true,
        // Which state is meant is the console's to say: the other one than on screen.
        make: |object, _| {
            let flag = FlagRef::of_object(object)?;
            Some(ActionKind::Flag(SetFlag { flag, set: FlagChange::Enabled(false), about: None }))
        },
    },
    offer("set-image", "set image", "Run another image in one container", &[Topic::Container, Topic::Image], set_image),
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

fn of_workload(object: &ObjectRef, make: impl FnOnce(WorkloadRef) -> ActionKind) -> Option<ActionKind> {
    object.workload().map(make)
}

/// A number, or a step with its sign.
pub(super) fn replicas(text: &str) -> Option<Replicas> {
    let number = text.parse().ok()?;
    Some(if text.starts_with(['+', '-']) { Replicas::By(number) } else { Replicas::To(number) })
}

fn scale(object: &ObjectRef, form: Option<&Form>) -> Option<ActionKind> {
    let replicas = match form {
        Some(form) => replicas(form.text(Topic::Replicas)?)?,
        None => Replicas::To(1),
    };
    of_workload(object, |target| ActionKind::Scale(Scale { target, replicas }))
}

fn set_image(object: &ObjectRef, form: Option<&Form>) -> Option<ActionKind> {
    let (container, image) = match form {
        Some(form) => (form.text(Topic::Container).unwrap_or_default(), form.text(Topic::Image)?),
        None => ("", "image"),
    };
    let (container, image) = (container.to_owned(), image.to_owned());
    of_workload(object, |target| ActionKind::SetImage(SetImage { target, container, image }))
}
