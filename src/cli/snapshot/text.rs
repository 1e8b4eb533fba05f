//! A frame as plain text: what the cells hold, trailing blanks removed.

use ratatui::buffer::Buffer;
use unicode_width::UnicodeWidthStr;

/// Renders the frame, one line a row.
pub fn render(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        for (symbol, _) in row(buffer, y) {
            line.push_str(symbol);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The cells of a row that start a symbol (the second cell of a wide symbol is skipped), with their column.
pub fn row(buffer: &Buffer, y: u16) -> impl Iterator<Item = (&str, u16)> {
    let mut next = 0;
    (0..buffer.area.width).filter_map(move |x| {
        if x < next {
            return None;
        }
        let symbol = buffer[(x, y)].symbol();
        next = x + symbol.width().max(1) as u16;
        Some((symbol, x))
    })
}
