//! What subcommands and tests ask of the app beside messages: is everything there, look at this.

use super::App;
use crate::domain::cluster::Resource;
use crate::domain::target::Focus;
use crate::ports::feed::{Fault, SourceId};
use crate::state::effect::Effect;
use crate::state::pane::PaneId;
use crate::state::session::Focused;
use crate::state::source::Status;

/// The panes by the names that `--view` takes.
const VIEWS: [(&str, PaneId); 7] = [
    ("alerts", PaneId::Alerts),
    ("slo", PaneId::Slo),
    ("rollouts", PaneId::Rollouts),
    ("pods", PaneId::Pods),
    ("logs", PaneId::Logs),
    ("nodes", PaneId::Nodes),
    ("flags", PaneId::Flags),
];

impl App {
    /// Has every source answered or failed, and at least one been asked?
    pub fn settled(&self) -> bool {
        let mut sources = self.world.sources.iter().peekable();
        sources.peek().is_some() && sources.all(|(_, source)| !matches!(source.status(self.now), Status::Connecting))
    }

    /// Zooms a pane by its name; the error lists the names.
    pub fn zoom(&mut self, view: &str) -> Result<(), String> {
        let found = VIEWS.iter().find(|(name, _)| *name == view);
        let Some((_, pane)) = found else {
            return Err(format!("there is no pane `{view}`; panes: {}", VIEWS.map(|(name, _)| name).join(", ")));
        };
        self.session.go(*pane);
        self.session.zoom = true;
        Ok(())
    }

    /// Narrows all panes to a workload written as `deployment/payment`, or by name alone, or to `node/NAME`.
    pub fn focus_on(&mut self, text: &str) -> Result<Vec<Effect>, String> {
        if let Some(name) = text.strip_prefix("node/").or_else(|| text.strip_prefix("no/")) {
            let node = self.world.node(name).ok_or_else(|| format!("there is no node `{name}` here"))?.name.clone();
            return Ok(self.focus(Some(Focused { focus: Focus::Node(node), via: None })));
        }
        let workload =
            self.world.find_workload(None, text).ok_or_else(|| format!("there is no workload `{text}` here"))?;
        Ok(self.focus(Some(Focused { focus: Focus::Workload(workload), via: None })))
    }

    /// There is no connection to get data from: every source says so, each in its own pane.
    pub(super) fn unreachable(&mut self, fault: &Fault) {
        let watched = Resource::ALL.map(SourceId::Kubernetes);
        let others = [SourceId::Slos, SourceId::PrometheusAlerts, SourceId::Alertmanager, SourceId::Logs];
        for source in watched.iter().chain(&others) {
            self.world.sources.entry(source).failed(fault.clone(), 0, self.now);
        }
        self.dirty = true;
    }
}
