//! A frame as an SVG picture, for the README and for incident documents.
//!
//! Each run of equal style is one `text` element with its own `textLength`, so that columns stay aligned in any
//! monospace font. Block and bar characters are text too: the picture needs no font of its own.

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

use super::ansi::sixteen;
use super::text::row;
use crate::config::theme::Theme;

/// Width and height of a cell, in pixels; the proportions of common monospace fonts.
const CELL: (f32, f32) = (8.4, 17.0);
/// Space around the screen, in pixels.
const MARGIN: f32 = 10.0;
/// Colours of cells that set none: those of the terminal that a theme is made for.
#[derive(Debug)]
pub struct Ground {
    ink: String,
    paper: String,
}

impl Ground {
    /// The theme's `ink` and `paper`.
    pub fn of(theme: &Theme) -> Self {
        let colour = |name, otherwise: &str| theme.colour(name).and_then(hex).unwrap_or_else(|| otherwise.to_owned());
        Self { ink: colour("ink", "#d8dee9"), paper: colour("paper", "#14171c") }
    }
}

/// Renders the frame.
pub fn render(buffer: &Buffer, ground: &Ground) -> String {
    let (width, height) = (f32::from(buffer.area.width) * CELL.0, f32::from(buffer.area.height) * CELL.1);
    let (outer_width, outer_height) = (width + 2.0 * MARGIN, height + 2.0 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{outer_width:.0}\" height=\"{outer_height:.0}\" \
         viewBox=\"0 0 {outer_width:.1} {outer_height:.1}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{}\"/>\n\
         <g font-family=\"ui-monospace,'JetBrains Mono','DejaVu Sans Mono',Menlo,Consolas,monospace\" \
         font-size=\"14\" xml:space=\"preserve\">\n",
        ground.paper
    );
    for y in 0..buffer.area.height {
        for run in runs(buffer, y) {
            draw(&mut out, &run, y, ground);
        }
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// Neighbouring cells of one style.
struct Run<'a> {
    x: u16,
    columns: u16,
    text: String,
    cell: &'a Cell,
}

fn runs(buffer: &Buffer, y: u16) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for (symbol, x) in row(buffer, y) {
        let cell = &buffer[(x, y)];
        let columns = symbol.width().max(1) as u16;
        match runs.last_mut() {
            Some(run) if same_style(run.cell, cell) => {
                run.text.push_str(symbol);
                run.columns += columns;
            }
            _ => runs.push(Run { x, columns, text: symbol.to_owned(), cell }),
        }
    }
    runs
}

fn same_style(a: &Cell, b: &Cell) -> bool {
    (a.fg, a.bg, a.modifier) == (b.fg, b.bg, b.modifier)
}

fn draw(out: &mut String, run: &Run<'_>, y: u16, ground: &Ground) {
    let modifier = run.cell.modifier;
    let (mut ink, mut paper) = (hex(run.cell.fg), hex(run.cell.bg));
    if modifier.contains(Modifier::REVERSED) {
        (ink, paper) = (paper.or_else(|| Some(ground.paper.clone())), ink.or_else(|| Some(ground.ink.clone())));
    }
    let (left, top) = (MARGIN + f32::from(run.x) * CELL.0, MARGIN + f32::from(y) * CELL.1);
    let width = f32::from(run.columns) * CELL.0;
    if let Some(paper) = paper {
        let _ = writeln!(
            out,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{paper}\"/>",
            CELL.1
        );
    }
    let blank = run.text.trim_start();
    if blank.trim_end().is_empty() {
        return;
    }
    // Leading and trailing blanks are left out, so that renderers that fold them cannot shift the text.
    let skipped = (run.text.len() - blank.len()) as f32;
    let text = blank.trim_end();
    let (left, width) = (left + skipped * CELL.0, text.width() as f32 * CELL.0);
    let mut style = String::new();
    if modifier.contains(Modifier::BOLD) {
        style.push_str(" font-weight=\"bold\"");
    }
    if modifier.contains(Modifier::DIM) {
        style.push_str(" opacity=\"0.65\"");
    }
    if modifier.contains(Modifier::UNDERLINED) {
        style.push_str(" text-decoration=\"underline\"");
    }
    let _ = writeln!(
        out,
        "<text x=\"{left:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"{style}>{}</text>",
        top + CELL.1 * 0.76,
        ink.as_deref().unwrap_or(&ground.ink),
        escape(text)
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A colour as `#rrggbb`; `None` for the default.
fn hex(colour: Color) -> Option<String> {
    const SIXTEEN: [&str; 16] = [
        "#1d2127", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#c8ccd4", "#5c6370", "#ff7b86",
        "#b5e890", "#ffd68a", "#7cc3ff", "#de8cf2", "#6fd6e3", "#ffffff",
    ];
    match colour {
        Color::Reset => None,
        Color::Rgb(r, g, b) => Some(format!("#{r:02x}{g:02x}{b:02x}")),
        Color::Indexed(index @ 0..16) => Some(SIXTEEN[usize::from(index)].to_owned()),
        // xterm's 6×6×6 cube and 24 greys.
        Color::Indexed(index @ 16..232) => {
            let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
            let cube = index - 16;
            Some(format!("#{:02x}{:02x}{:02x}", level(cube / 36), level(cube / 6 % 6), level(cube % 6)))
        }
        Color::Indexed(index) => {
            let grey = 8 + 10 * (index - 232);
            Some(format!("#{grey:02x}{grey:02x}{grey:02x}"))
        }
        named => Some(SIXTEEN[usize::from(sixteen(named))].to_owned()),
    }
}
