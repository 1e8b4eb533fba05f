//! The mouse: a click gives a pane the keys and selects its row, a second one goes into it, the wheel scrolls what is
//! under it.

use super::App;
use crate::panes;
use crate::state::effect::Effect;
use crate::state::message::{Mouse, MouseKind};
use crate::state::session::Overlay;

/// Rows per turn of the wheel.
const WHEEL: i64 = 3;

impl App {
    pub(super) fn mouse(&mut self, mouse: Mouse) -> Vec<Effect> {
        if !self.session.overlays.is_empty() {
            return self.mouse_over(mouse.kind);
        }
        let Some(layout) = self.layout() else { return Vec::new() };
        let Some((pane, _)) = layout.pane_at(mouse.column, mouse.row) else { return Vec::new() };
        self.session.notice = None;
        match mouse.kind {
            MouseKind::WheelUp | MouseKind::WheelDown => {
                let steps = if mouse.kind == MouseKind::WheelUp { -WHEEL } else { WHEEL };
                // The wheel scrolls what it is over, without taking the keys there.
                let active = std::mem::replace(&mut self.session.active, pane);
                self.step(steps);
                self.session.active = active;
            }
            MouseKind::Press | MouseKind::DoublePress => {
                self.session.go(pane);
                let rows = layout.rows(pane).filter(|area| mouse.row >= area.y);
                if let Some(area) = rows
                    && let Some(steps) = (panes::pane(pane).steps_to)(&self.eyes(&|_| None), area, mouse.row - area.y)
                {
                    if steps != 0 {
                        self.step(steps);
                    }
                    self.session.view_mut(pane).above = usize::from(mouse.row - area.y);
                    if mouse.kind == MouseKind::DoublePress {
                        return self.run("focus");
                    }
                }
            }
        }
        Vec::new()
    }

    /// Over the panes only the wheel does something: a click beside a plan must not decide anything.
    fn mouse_over(&mut self, kind: MouseKind) -> Vec<Effect> {
        let id = match kind {
            MouseKind::WheelUp => "up",
            MouseKind::WheelDown => "down",
            MouseKind::Press | MouseKind::DoublePress => return Vec::new(),
        };
        match self.session.overlays.last() {
            Some(Overlay::Filter { .. }) | None => Vec::new(),
            Some(_) => self.command(id),
        }
    }
}
