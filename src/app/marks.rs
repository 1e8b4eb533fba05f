//! Marking rows, so that one action is about several.

use super::App;
use crate::domain::flag::FlagRef;
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::domain::target::PodRef;
use crate::state::pane::PaneId;
use crate::state::session::Subject;

impl App {
    /// Marks the selected row, or takes its mark away, and goes to the next one.
    pub(super) fn mark(&mut self) {
        let object = self.selected().and_then(|subject| match subject {
            Subject::Workload(workload) => Some(ObjectRef::from(&workload)),
            Subject::Pod(pod) => Some(ObjectRef::from(&pod)),
            Subject::Node(name) => Some(ObjectRef::global(ObjectKind::Node, name)),
            Subject::Flag(flag) => Some(flag.object()),
            _ => None,
        });
        match object {
            Some(object) => {
                self.session.marks.toggle(self.session.active, object);
                self.step(1);
            }
            None => self.notice("pods, rollouts and nodes can be marked"),
        }
    }

    /// Can rows of this pane be marked?
    pub(super) const fn marks_in(pane: PaneId) -> bool {
        matches!(pane, PaneId::Pods | PaneId::Rollouts | PaneId::Nodes | PaneId::Flags)
    }

    /// Forgets marks of rows that went.
    pub(super) fn keep_marks(&mut self) {
        let world = &self.world;
        self.session.marks.keep(|object| match (object.kind, object.workload(), &object.namespace) {
            (ObjectKind::Flag, ..) => FlagRef::of_object(object).is_some_and(|flag| world.flags.get(&flag).is_some()),
            (ObjectKind::Node, ..) => world.node(&object.name).is_some(),
            (ObjectKind::Pod, _, Some(namespace)) => {
                let pod = PodRef { namespace: namespace.clone(), name: object.name.clone() };
                world.pods.get(&pod).is_some()
            }
            (_, Some(workload), _) => world.rollouts.get(&workload).is_some(),
            _ => false,
        });
    }
}
