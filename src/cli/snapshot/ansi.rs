//! A frame as text with SGR colour sequences (ECMA-48, section 8.3.117), for `less -R` and terminals.

use std::fmt::Write;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

use super::text::row;

/// Renders the frame; every line ends with a reset.
pub fn render(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut last = None;
        for (symbol, x) in row(buffer, y) {
            let cell = &buffer[(x, y)];
            let style = (cell.fg, cell.bg, cell.modifier);
            if last != Some(style) {
                out.push_str("\u{1b}[0");
                modifiers(&mut out, cell.modifier);
                colour(&mut out, cell.fg, 30);
                colour(&mut out, cell.bg, 40);
                out.push('m');
                last = Some(style);
            }
            out.push_str(symbol);
        }
        out.push_str("\u{1b}[0m\n");
    }
    out
}

fn modifiers(out: &mut String, modifier: Modifier) {
    const CODES: [(Modifier, u8); 6] = [
        (Modifier::BOLD, 1),
        (Modifier::DIM, 2),
        (Modifier::ITALIC, 3),
        (Modifier::UNDERLINED, 4),
        (Modifier::REVERSED, 7),
        (Modifier::CROSSED_OUT, 9),
    ];
    for (_, code) in CODES.into_iter().filter(|(flag, _)| modifier.contains(*flag)) {
        let _ = write!(out, ";{code}");
    }
}

/// `base` is 30 for foreground, 40 for background.
fn colour(out: &mut String, colour: Color, base: u8) {
    let _ = match colour {
        Color::Reset => Ok(()),
        Color::Rgb(r, g, b) => write!(out, ";{};2;{r};{g};{b}", base + 8),
        Color::Indexed(index) => write!(out, ";{};5;{index}", base + 8),
        named => match sixteen(named) {
            index @ 0..8 => write!(out, ";{}", base + index),
            index => write!(out, ";{}", base + 60 + index - 8),
        },
    };
}

/// The index of a named colour among the sixteen.
pub fn sixteen(colour: Color) -> u8 {
    match colour {
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        _ => 15,
    }
}
