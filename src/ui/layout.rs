//! Where things stand, from the size of the terminal and the session alone: data that comes and goes moves nothing.

use ratatui::layout::{Position, Rect};

use crate::state::pane::PaneId;
use crate::state::session::Session;

/// Below this nothing useful fits.
pub const SMALLEST: (u16, u16) = (60, 16);
/// From this size on there are two columns and boxes.
const WIDE: (u16, u16) = (110, 30);

/// The places on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Header.
    pub header: Rect,
    /// Panes on screen, in order.
    pub panes: Vec<(PaneId, Rect)>,
    /// Footer.
    pub footer: Rect,
    /// Panes have a box, not only a title line.
    pub boxed: bool,
    /// Everything between header and footer: where boxes over the panes go.
    pub body: Rect,
}

/// Lays out the screen; `None` when the terminal is too small.
pub fn arrange(width: u16, height: u16, session: &Session, budgets: usize) -> Option<Layout> {
    if width < SMALLEST.0 || height < SMALLEST.1 {
        return None;
    }
    let wide = width >= WIDE.0 && height >= WIDE.1;
    let head = if wide { 2 } else { 1 };
    let header = Rect::new(0, 0, width, head);
    let footer = Rect::new(0, height - 1, width, 1);
    let body = Rect::new(0, head, width, height - head - 1);
    let panes = if session.zoom {
        vec![(session.active, body)]
    } else {
        let mut panes = if wide { two_columns(body) } else { stack(body, budgets) };
        panes.iter_mut().filter(|(pane, _)| pane.shares()).for_each(|(pane, _)| *pane = session.shared);
        panes
    };
    Some(Layout { header, panes, footer, boxed: wide, body })
}

/// Alerts beside budgets, rollouts beside pods, logs over the whole width below.
fn two_columns(body: Rect) -> Vec<(PaneId, Rect)> {
    let share = |percent: u16, low: u16, high: u16| (body.height * percent / 100).clamp(low, high);
    let top = share(25, 7, 15);
    let middle = share(30, 8, 20);
    let left = body.width / 2;
    let right = body.width - left;
    let (x, y) = (body.x, body.y);
    vec![
        (PaneId::Alerts, Rect::new(x, y, left, top)),
        (PaneId::Slo, Rect::new(x + left, y, right, top)),
        (PaneId::Rollouts, Rect::new(x, y + top, left, middle)),
        (PaneId::Pods, Rect::new(x + left, y + top, right, middle)),
        (PaneId::Logs, Rect::new(x, y + top + middle, body.width, body.height - top - middle)),
    ]
}

/// One under the other, each with a title line and no box. Rows beyond the minimum go where they help most: pods and
/// alerts before rollouts, the rest to logs.
fn stack(body: Rect, budgets: usize) -> Vec<(PaneId, Rect)> {
    let titles = STACKED.len() as u16;
    let mut rows: [u16; 5] = [2, 1, 2, 2, 2];
    let most: [u16; 5] = [6, u16::try_from(budgets).unwrap_or(3).clamp(2, 4), 6, 8, u16::MAX];
    let order = [0, 3, 1, 2, 4, 3, 4, 0, 2];
    let mut spare = body.height.saturating_sub(titles + rows.iter().sum::<u16>());
    let mut turn = 0;
    while spare > 0 {
        let pane = order[turn % order.len()];
        turn += 1;
        if rows[pane] < most[pane] {
            rows[pane] += 1;
            spare -= 1;
        }
    }
    let mut y = body.y;
    let mut place = |(pane, rows): (PaneId, u16)| {
        let area = Rect::new(body.x, y, body.width, rows + 1);
        y += rows + 1;
        (pane, area)
    };
    STACKED.into_iter().zip(rows).map(&mut place).collect()
}

/// Panes that are on screen together.
const STACKED: [PaneId; 5] = [PaneId::Alerts, PaneId::Slo, PaneId::Rollouts, PaneId::Pods, PaneId::Logs];

impl Layout {
    /// The pane at a cell.
    pub fn pane_at(&self, column: u16, row: u16) -> Option<(PaneId, Rect)> {
        self.panes.iter().copied().find(|(_, area)| area.contains(Position::new(column, row)))
    }

    /// The rows of a pane, without title and box.
    pub fn rows(&self, pane: PaneId) -> Option<Rect> {
        let (_, area) = self.panes.iter().find(|(id, _)| *id == pane)?;
        Some(if self.boxed {
            Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height.saturating_sub(2) }
        } else {
            Rect { y: area.y + 1, height: area.height - 1, ..*area }
        })
    }
}

/// A box of this size in the middle of an area, as large as fits.
pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect::new(area.x + (area.width - width) / 2, area.y + (area.height - height) / 2, width, height)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_size_is_filled_without_overlap() {
        let session = Session::default();
        for (width, height) in [(60, 16), (80, 24), (100, 50), (110, 30), (120, 40), (200, 60), (300, 80)] {
            let layout = arrange(width, height, &session, 2).unwrap();
            let covered: u32 = layout.panes.iter().map(|(_, area)| area.area()).sum();
            assert_eq!(covered, layout.body.area(), "{width}×{height}");
            for (pane, area) in &layout.panes {
                assert_eq!(area.intersection(layout.body), *area, "{width}×{height} {pane:?}");
                assert!(layout.rows(*pane).unwrap().height >= 1);
            }
        }
        assert!(arrange(59, 24, &session, 2).is_none());
    }
}
