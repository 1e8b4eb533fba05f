//! Flags in the console: which of them what is in hand is about, what switching one means now, and their details.

use super::App;
use crate::actions::ActionKind;
use crate::actions::flag::SetFlag;
use crate::domain::flag::{FlagChange, FlagDetail, FlagRef, FlagRow};
use crate::domain::object::ObjectRef;
use crate::domain::target::{Focus, WorkloadRef};
use crate::state::effect::Effect;
use crate::state::session::Subject;
use crate::state::table::Row as _;

impl App {
    /// The flags that objects are about: they themselves, or those of a workload, the newest change first.
    pub(super) fn flags_of(&self, objects: &[ObjectRef]) -> Vec<ObjectRef> {
        let own: Vec<ObjectRef> =
            objects.iter().filter(|object| FlagRef::of_object(object).is_some()).cloned().collect();
        if !own.is_empty() {
            return own;
        }
        let Some(workload) = objects.iter().find_map(ObjectRef::workload) else { return Vec::new() };
        let ids = self.world.flags_about(&workload);
        let mut rows: Vec<&FlagRow> = ids.iter().filter_map(|id| self.world.flags.get(id)).collect();
        rows.retain(|row| !row.archived);
        rows.sort_by_key(|row| (row.rank(), row.id.clone()));
        rows.into_iter().map(|row| row.id.object()).collect()
    }

    /// A switch means the other state than the one on screen; what has to get well by it is what is in focus, else the
    /// one workload that the flag is about.
    pub(super) fn fitted(&self, action: ActionKind) -> ActionKind {
        let ActionKind::Flag(SetFlag { flag, set, .. }) = action else { return action };
        let row = self.world.flags.get(&flag);
        let set = match (set, row) {
            (FlagChange::Enabled(_), Some(row)) => FlagChange::Enabled(!row.enabled),
            (set, _) => set,
        };
        let focus = self.session.focus.as_ref().and_then(|focused| focused.focus.workload().cloned());
        let focus = focus.filter(|workload| self.world.flags_about(workload).contains(&flag));
        let about = focus.or_else(|| self.workload_of(&flag)).filter(|workload| workload.kind.rolls_out());
        ActionKind::Flag(SetFlag { flag, set, about })
    }

    /// The workload that a flag is about, when it is exactly one.
    fn workload_of(&self, flag: &FlagRef) -> Option<WorkloadRef> {
        let row = self.world.flags.get(flag)?;
        let mut found = self.world.workloads_of(row);
        let one = found.next()?.clone();
        found.next().is_none().then_some(one)
    }

    /// The focus that a flag leads to.
    pub(super) fn flag_leads_to(&self, flag: &FlagRef) -> Option<Focus> {
        self.workload_of(flag).map(Focus::Workload)
    }

    /// What is read anew when details are opened.
    pub(super) fn read_details(&mut self, subject: &Subject) -> Vec<Effect> {
        let Subject::Flag(flag) = subject else { return Vec::new() };
        self.session.flag = None;
        vec![Effect::ReadFlag(flag.clone())]
    }

    /// They were read.
    pub(super) fn flag_read(&mut self, flag: FlagRef, detail: Result<Box<FlagDetail>, String>) {
        self.session.flag = Some((flag, detail.map(|detail| *detail)));
        self.dirty = true;
    }
}
