//! Cursor, focus and filter: where a person stands and what all panes narrow to.

use std::collections::BTreeSet;

use super::App;
use crate::domain::target::{Focus, WorkloadKind, WorkloadRef};
use crate::panes::details::text_of;
use crate::ports::feed::{LogTarget, SourceId};
use crate::state::effect::Effect;
use crate::state::filter::Filter;
use crate::state::logs::LogLens;
use crate::state::pane::PaneId;
use crate::state::rows::About;
use crate::state::session::{Cursors, Focused, Overlay, Subject};
use crate::state::table::{Lens, Row, Scope};
use crate::state::world::World;

/// Pods that are followed when nothing is in focus.
const WORST: usize = 6;
/// Seconds for which such a choice stands, however the pods change places.
const SETTLED: i64 = 15;

impl App {
    /// Rows of the active pane that are on screen.
    pub(super) fn page(&self) -> i64 {
        let rows = self.layout().and_then(|layout| layout.rows(self.session.active)).map_or(10, |area| area.height);
        i64::from(rows.saturating_sub(1).max(1))
    }

    /// Moves the cursor of the active pane.
    pub(super) fn step(&mut self, steps: i64) {
        let height = usize::try_from(self.page()).unwrap_or(0);
        let (world, session) = (&self.world, &mut self.session);
        let pane = session.active;
        let cursors = &mut session.cursors;
        match pane {
            PaneId::Alerts => cursors.alerts = world.alerts.step(cursors.alerts.as_ref(), steps),
            PaneId::Slo => cursors.slos = world.slos.step(cursors.slos.as_ref(), steps),
            PaneId::Rollouts => cursors.rollouts = world.rollouts.step(cursors.rollouts.as_ref(), steps),
            PaneId::Pods => cursors.pods = world.pods.step(cursors.pods.as_ref(), steps),
            PaneId::Logs => cursors.logs = world.logs.step(cursors.logs, steps),
            PaneId::Nodes => cursors.nodes = world.nodes.table.step(cursors.nodes.as_ref(), steps),
            PaneId::Flags => cursors.flags = world.flags.step(cursors.flags.as_ref(), steps),
        }
        let view = session.view_mut(pane);
        let moved = i64::try_from(view.above).unwrap_or(0).saturating_add(steps);
        view.above = usize::try_from(moved.max(0)).unwrap_or(0).min(height);
    }

    /// What the selected row of the active pane is.
    pub(super) fn selected(&self) -> Option<Subject> {
        let (world, cursors) = (&self.world, &self.session.cursors);
        Some(match self.session.active {
            PaneId::Alerts => Subject::Alert(Row::key(world.alerts.selected(cursors.alerts.as_ref())?)),
            PaneId::Slo => Subject::Slo(world.slos.selected(cursors.slos.as_ref())?.reading.objective.name.clone()),
            PaneId::Rollouts => Subject::Workload(world.rollouts.selected(cursors.rollouts.as_ref())?.row.id.clone()),
            PaneId::Pods => Subject::Pod(world.pods.selected(cursors.pods.as_ref())?.id.clone()),
            PaneId::Flags => Subject::Flag(world.flags.selected(cursors.flags.as_ref())?.id.clone()),
            PaneId::Nodes => Subject::Node(world.nodes.table.selected(cursors.nodes.as_ref())?.node.name.clone()),
            PaneId::Logs => {
                Subject::Log(cursors.logs.or_else(|| world.logs.window(None, 1, |_| 1).rows.last().map(|(at, _)| *at))?)
            }
        })
    }

    pub(super) fn has_row(&self) -> bool {
        self.selected().is_some()
    }

    /// The focus that a row leads to, and the alert through which.
    pub(super) fn leads_to(&self, subject: &Subject) -> Option<Focused> {
        let plain = |focus| Some(Focused { focus, via: None });
        match subject {
            Subject::Alert(key) => {
                let row = self.world.alerts.get(key)?;
                Some(Focused { focus: row.about.clone()?, via: Some(row.alert.name.to_string()) })
            }
            Subject::Slo(name) => {
                let row = self.world.slos.get(name)?;
                plain(match &row.about {
                    About::Workload(workload) => Focus::Workload(workload.clone()),
                    About::Pod(pod) => Focus::Pod { pod: pod.clone(), owner: None },
                    About::Node(name) => Focus::Node(name.clone()),
                    About::Service(name) => {
                        Focus::Service { namespace: row.reading.objective.namespace.clone(), name: name.clone() }
                    }
                })
            }
            Subject::Workload(workload) => plain(Focus::Workload(workload.clone())),
            Subject::Pod(pod) => {
                let owner = self.world.pods.get(pod).and_then(|row| row.owner.clone());
                plain(Focus::Pod { pod: pod.clone(), owner })
            }
            Subject::Node(name) => plain(Focus::Node(name.clone())),
            Subject::Flag(flag) => plain(self.flag_leads_to(flag)?),
            Subject::Log(_) => None,
        }
    }

    /// Enter: narrows to the selected row; on a row that is in focus already, its details.
    pub(super) fn focus_selected(&mut self) -> Vec<Effect> {
        let Some(subject) = self.selected() else { return Vec::new() };
        match self.leads_to(&subject) {
            Some(focused) if self.session.focus.as_ref().is_some_and(|now| now.focus == focused.focus) => {
                self.open_details()
            }
            Some(focused) => self.focus(Some(focused)),
            None => {
                // An alert that names no workload, or a log line: all that can be shown is the thing itself.
                self.open_details()
            }
        }
    }

    /// Narrows all panes, or widens them.
    pub(super) fn focus(&mut self, focused: Option<Focused>) -> Vec<Effect> {
        self.session.focus = focused;
        // The row that was entered stays selected; where it is not shown, the cursor falls to its place.
        let before = std::mem::take(&mut self.session.cursors);
        self.session.cursors = match self.session.active {
            PaneId::Alerts => Cursors { alerts: before.alerts, ..Cursors::default() },
            PaneId::Slo => Cursors { slos: before.slos, ..Cursors::default() },
            PaneId::Rollouts => Cursors { rollouts: before.rollouts, ..Cursors::default() },
            PaneId::Pods => Cursors { pods: before.pods, ..Cursors::default() },
            PaneId::Nodes => Cursors { nodes: before.nodes, ..Cursors::default() },
            PaneId::Flags => Cursors { flags: before.flags, ..Cursors::default() },
            PaneId::Logs => Cursors::default(),
        };
        self.session.reset_log_lens();
        for pane in PaneId::ALL {
            self.session.view_mut(pane).above = 0;
            self.look(pane);
        }
        let target = self.log_target();
        self.follow(target)
    }

    /// What the logs are of.
    fn log_target(&self) -> Option<LogTarget> {
        match self.session.focus.as_ref().map(|focused| &focused.focus) {
            // A CronJob selects no pods, and neither does a node: the worst, else the first, of those that are theirs.
            Some(Focus::Workload(WorkloadRef { kind: WorkloadKind::CronJob, .. }) | Focus::Node(_)) => {
                let mut pods: Vec<_> = self.world.pods.shown().take(WORST).map(|row| row.id.clone()).collect();
                pods.sort();
                (!pods.is_empty()).then(|| LogTarget::Pods(pods.into()))
            }
            Some(Focus::Workload(workload)) => Some(LogTarget::Workload(workload.clone())),
            Some(Focus::Pod { pod, .. }) => Some(LogTarget::Pod(pod.clone())),
            Some(Focus::Service { .. }) => None,
            None => self.worst_pods(),
        }
    }

    /// What a focus shows in panes that know it only through pods moves as the pods do.
    pub(super) fn narrow_anew(&mut self) -> Vec<Effect> {
        let Some(focused) = &self.session.focus else { return Vec::new() };
        let is_workload = matches!(focused.focus, Focus::Workload(_));
        match &focused.focus {
            Focus::Node(_) => self.look(PaneId::Rollouts),
            Focus::Workload(workload) if workload.kind == WorkloadKind::CronJob => self.look(PaneId::Pods),
            _ if is_workload && self.session.shared != PaneId::Rollouts => {
                self.look(self.session.shared);
                return Vec::new();
            }
            _ => return Vec::new(),
        }
        if self.following.is_some() {
            return Vec::new();
        }
        let target = self.log_target();
        self.follow(target)
    }

    /// Takes the last narrowing back.
    pub(super) fn widen(&mut self) -> Vec<Effect> {
        let pane = self.session.active;
        if self.session.marks.count(pane) > 0 {
            self.session.marks.clear();
            return Vec::new();
        }
        let view = self.session.view_mut(pane);
        if !view.filter.is_empty() || view.faults_only {
            view.filter.clear();
            view.faults_only = false;
            view.around = false;
            self.look(pane);
        } else if self.session.zoom {
            self.session.zoom = false;
        } else if self.session.focus.is_some() {
            return self.focus(None);
        }
        Vec::new()
    }

    /// Puts the lens of a pane in place, after focus, filter or fault switch changed.
    pub(super) fn look(&mut self, pane: PaneId) {
        let view = self.session.view(pane).clone();
        let filter = Filter::parse(&view.filter);
        let faults_only = view.faults_only;
        let focus = self.session.focus.as_ref().map(|focused| &focused.focus);
        let about = focus.map_or(Scope::All, |focus| Scope::Group(About::of(focus)));
        match pane {
            PaneId::Alerts => self.world.alerts.look(Lens { scope: about, filter, faults_only }),
            PaneId::Slo => {
                let scope = focus.map_or(Scope::All, |focus| Scope::Group(About::of(focus)));
                self.world.slos.look(Lens { scope, filter, faults_only });
            }
            PaneId::Rollouts => {
                let scope = match focus {
                    None => Scope::All,
                    Some(Focus::Node(name)) => Scope::Groups(running_on(&self.world, name)),
                    Some(focus) => match focus.workload() {
                        // A Job of a CronJob stands in that one's group.
                        Some(job) if job.kind == WorkloadKind::Job => Scope::One(job.clone()),
                        Some(workload) => Scope::Group(workload.clone()),
                        None => Scope::Nothing,
                    },
                };
                self.world.rollouts.look(Lens { scope, filter, faults_only });
            }
            PaneId::Pods => {
                let scope = match focus {
                    None => Scope::All,
                    Some(Focus::Workload(cron_job)) if cron_job.kind == WorkloadKind::CronJob => {
                        Scope::Groups(self.world.rollouts.group(cron_job).map(|row| row.row.id.clone()).collect())
                    }
                    Some(Focus::Workload(workload)) => Scope::Group(workload.clone()),
                    Some(Focus::Pod { pod, .. }) => Scope::One(pod.clone()),
                    Some(Focus::Node(name)) => Scope::At(name.clone()),
                    Some(Focus::Service { .. }) => Scope::Nothing,
                };
                self.world.pods.look(Lens { scope, filter, faults_only });
            }
            PaneId::Nodes => {
                let scope = match focus {
                    None => Scope::All,
                    Some(Focus::Node(name)) => Scope::One(name.clone()),
                    Some(Focus::Workload(workload)) => {
                        let pods = self.world.pods.group(workload).filter(|pod| !pod.node.is_empty());
                        Scope::Groups(pods.map(|pod| pod.node.clone()).collect())
                    }
                    Some(Focus::Pod { pod, .. }) => {
                        self.world.pods.get(pod).map_or(Scope::Nothing, |pod| Scope::One(pod.node.clone()))
                    }
                    Some(Focus::Service { .. }) => Scope::Nothing,
                };
                self.world.nodes.table.look(Lens { scope, filter, faults_only });
            }
            PaneId::Flags => {
                let scope = match focus.map(Focus::workload) {
                    None => Scope::All,
                    Some(Some(workload)) => Scope::Groups(self.world.flags_about(workload)),
                    Some(None) => Scope::Nothing,
                };
                self.world.flags.look(Lens { scope, filter, faults_only });
            }
            PaneId::Logs => {
                let filter = filter.filter(|_| !view.around);
                let faults_only = faults_only && !view.around;
                self.world.logs.look(LogLens { filter, faults_only });
            }
        }
    }

    /// The worst pods, in the order of their names, so that places changed among them change nothing.
    fn worst_pods(&self) -> Option<LogTarget> {
        let mut pods: Vec<_> = self.world.pods.worst().take(WORST).map(|row| row.id.clone()).collect();
        pods.sort();
        (!pods.is_empty()).then(|| LogTarget::Pods(pods.into()))
    }

    /// With nothing in focus the logs are those of the worst pods.
    pub(super) fn follow_worst(&mut self) -> Vec<Effect> {
        if self.session.focus.is_some() {
            return Vec::new();
        }
        let settled = (self.now - self.followed_at).num_seconds() >= SETTLED;
        if self.following.is_some() && (!settled || !self.session.follows()) {
            return Vec::new();
        }
        let target = self.worst_pods();
        self.follow(target)
    }

    fn follow(&mut self, target: Option<LogTarget>) -> Vec<Effect> {
        if target == self.following {
            return Vec::new();
        }
        self.following.clone_from(&target);
        self.followed_at = self.now;
        self.world.logs.clear();
        self.world.sources.forget(&SourceId::Logs);
        self.session.cursors.logs = None;
        self.dirty = true;
        vec![Effect::FollowLogs(target)]
    }

    pub(super) fn open_details(&mut self) -> Vec<Effect> {
        let Some(subject) = self.selected() else { return Vec::new() };
        let effects = self.read_details(&subject);
        self.session.overlays.push(Overlay::Details { subject, scroll: 0 });
        effects
    }

    /// Copies the selected row, or what is open over it.
    pub(super) fn copy(&mut self) -> Vec<Effect> {
        let subject = match self.session.overlays.last() {
            Some(Overlay::Details { subject, .. }) => Some(subject.clone()),
            _ => self.selected(),
        };
        let Some(text) = subject.and_then(|subject| text_of(&self.world, &subject)) else { return Vec::new() };
        self.notice(format!(
            "copied {}",
            crate::ui::text::cut(text.lines().next().unwrap_or_default(), 50, self.glyphs.cut)
        ));
        vec![Effect::Copy(text)]
    }
}

/// Groups of the workloads that have pods on a node.
fn running_on(world: &World, node: &str) -> BTreeSet<WorkloadRef> {
    let owners: BTreeSet<&WorkloadRef> =
        world.pods.iter().filter(|pod| pod.is_on(node)).filter_map(|pod| pod.owner.as_ref()).collect();
    owners.into_iter().map(|id| world.rollouts.get(id).and_then(Row::group).unwrap_or_else(|| id.clone())).collect()
}
