//! Columns of a table: which fit, how wide each is, and a line made of cells.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::glyphs::Glyphs;
use super::text;

/// Columns between two columns.
pub const GAP: usize = 2;

/// A column's wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Narrowest that still says something.
    pub min: usize,
    /// As wide as its content.
    pub want: usize,
    /// 0 is always shown; of the others the highest goes first.
    pub order: u8,
}

impl Column {
    /// Always as wide as this.
    pub const fn fixed(width: usize, order: u8) -> Self {
        Self { min: width, want: width, order }
    }

    /// Between a minimum and its content.
    pub fn flexible(min: usize, want: usize, order: u8) -> Self {
        Self { min: min.min(want), want, order }
    }
}

/// Widths for `columns` within `width`; 0 for those that do not fit. What is left over goes to the columns in their
/// order until each has what it wants.
pub fn share(width: usize, columns: &[Column]) -> Vec<usize> {
    let mut kept: Vec<bool> = columns.iter().map(|column| column.want > 0).collect();
    let needed = |kept: &[bool]| {
        let chosen = || columns.iter().zip(kept).filter(|(_, kept)| **kept).map(|(column, _)| column.min);
        chosen().sum::<usize>() + GAP * chosen().count().saturating_sub(1)
    };
    while needed(&kept) > width {
        let last =
            (0..columns.len()).filter(|at| kept[*at] && columns[*at].order > 0).max_by_key(|at| columns[*at].order);
        let Some(last) = last else { break };
        kept[last] = false;
    }
    let mut spare = width.saturating_sub(needed(&kept));
    let mut widths: Vec<usize> =
        columns.iter().zip(&kept).map(|(column, kept)| if *kept { column.min } else { 0 }).collect();
    let mut by_order: Vec<usize> = (0..columns.len()).filter(|at| kept[*at]).collect();
    by_order.sort_by_key(|at| columns[*at].order);
    for at in by_order {
        let more = (columns[at].want - columns[at].min).min(spare);
        widths[at] += more;
        spare -= more;
    }
    widths
}

/// A line of cells.
#[derive(Debug)]
pub struct Cells<'a> {
    glyphs: &'a Glyphs,
    spans: Vec<Span<'static>>,
    used: usize,
    gap: bool,
}

impl<'a> Cells<'a> {
    /// An empty line.
    pub const fn new(glyphs: &'a Glyphs) -> Self {
        Self { glyphs, spans: Vec::new(), used: 0, gap: false }
    }

    fn cell(&mut self, text: String, style: Style) {
        if self.gap {
            self.spans.push(Span::raw(" ".repeat(GAP)));
            self.used += GAP;
        }
        self.used += text::width(&text);
        self.spans.push(Span::styled(text, style));
        self.gap = true;
    }

    /// A cell flush left; nothing when `width` is 0.
    pub fn left(&mut self, content: &str, width: usize, style: Style) -> &mut Self {
        if width > 0 {
            self.cell(text::left(content, width, self.glyphs.cut), style);
        }
        self
    }

    /// A cell flush right.
    pub fn right(&mut self, content: &str, width: usize, style: Style) -> &mut Self {
        if width > 0 {
            self.cell(text::right(content, width, self.glyphs.cut), style);
        }
        self
    }

    /// A cell whose text is cut in the middle.
    pub fn middle(&mut self, content: &str, width: usize, style: Style) -> &mut Self {
        if width > 0 {
            let cut = text::cut_middle(content, width, self.glyphs.cut);
            self.cell(text::left(&cut, width, self.glyphs.cut), style);
        }
        self
    }

    /// Text right here, without a gap before or after it.
    pub fn raw(&mut self, content: impl Into<String>, style: Style) -> &mut Self {
        let content = content.into();
        self.used += text::width(&content);
        self.spans.push(Span::styled(content, style));
        self.gap = false;
        self
    }

    /// Columns used so far.
    pub const fn used(&self) -> usize {
        self.used
    }

    /// The line.
    pub fn line(self) -> Line<'static> {
        Line::from(self.spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_least_goes_first_and_the_rest_is_shared() {
        let columns = [Column::fixed(4, 0), Column::flexible(5, 20, 1), Column::flexible(4, 10, 2)];
        assert_eq!(share(60, &columns), [4, 20, 10]);
        assert_eq!(share(20, &columns), [4, 8, 4]);
        assert_eq!(share(16, &columns), [4, 10, 0]);
        assert_eq!(share(10, &columns), [4, 0, 0]);
    }
}
