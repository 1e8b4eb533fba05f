//! How many colours there are, and what becomes of a colour when there are fewer.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the user wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ColourChoice {
    /// As many as the terminal says that it has.
    #[default]
    Auto,
    /// The sixteen of the terminal's own scheme.
    #[serde(rename = "16")]
    Sixteen,
    /// The 256 of xterm.
    #[serde(rename = "256")]
    Indexed,
    /// 24 bits.
    True,
    /// None.
    Never,
}

/// How many colours there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColourDepth {
    /// None: bold, underline and reverse only.
    None,
    /// The sixteen of the terminal's scheme.
    Sixteen,
    /// xterm's 256.
    Indexed,
    /// 24 bits.
    True,
}

impl ColourDepth {
    /// What holds for a choice in an environment. `NO_COLOR` (any text) and `TERM=dumb` switch colours off where the
    /// user did not choose; `COLORTERM` and `TERM` tell how many there are.
    pub fn detect(choice: ColourChoice, env: &BTreeMap<String, String>) -> Self {
        let var = |name: &str| env.get(name).map(String::as_str).unwrap_or_default();
        let term = var("TERM");
        match choice {
            ColourChoice::Never => Self::None,
            ColourChoice::Indexed => Self::Indexed,
            ColourChoice::True => Self::True,
            ColourChoice::Auto if !var("NO_COLOR").is_empty() || term == "dumb" => Self::None,
            ColourChoice::Auto if matches!(var("COLORTERM"), "truecolor" | "24bit") || term.ends_with("-direct") => {
                Self::True
            }
            ColourChoice::Auto if term.contains("256color") => Self::Indexed,
            ColourChoice::Sixteen | ColourChoice::Auto => Self::Sixteen,
        }
    }

    /// The nearest colour that there is.
    pub fn colour(self, colour: Color) -> Option<Color> {
        match (self, colour) {
            (Self::None, _) => None,
            (_, Color::Reset) => Some(Color::Reset),
            (Self::Indexed, Color::Rgb(r, g, b)) => Some(Color::Indexed(nearest_indexed([r, g, b]))),
            (Self::Sixteen, Color::Rgb(r, g, b)) => Some(nearest_sixteen([r, g, b])),
            (Self::Sixteen, Color::Indexed(index)) => {
                Some(SIXTEEN.get(usize::from(index)).map_or_else(|| nearest_sixteen(rgb(index)), |(colour, _)| *colour))
            }
            (_, colour) => Some(colour),
        }
    }

    /// The style with the colours that there are. A ground that is lost becomes reverse, so that the selected row and
    /// the production label stand out without colours too.
    pub fn style(self, style: Style) -> Style {
        let mut reduced = style;
        reduced.fg = style.fg.and_then(|colour| self.colour(colour));
        reduced.bg = style.bg.and_then(|colour| self.colour(colour));
        let filled = |colour: Option<Color>| colour.is_some_and(|colour| colour != Color::Reset);
        let lost = self == Self::None || (self == Self::Sixteen && reduced.bg == Some(Color::Black));
        if filled(style.bg) && style.bg != Some(Color::Black) && lost {
            reduced.bg = None;
            reduced.fg = None;
            reduced = reduced.add_modifier(Modifier::REVERSED);
        }
        reduced
    }
}

/// The sixteen with what xterm makes of them.
const SIXTEEN: [(Color, [u8; 3]); 16] = [
    (Color::Black, [0, 0, 0]),
    (Color::Red, [205, 0, 0]),
    (Color::Green, [0, 205, 0]),
    (Color::Yellow, [205, 205, 0]),
    (Color::Blue, [0, 0, 238]),
    (Color::Magenta, [205, 0, 205]),
    (Color::Cyan, [0, 205, 205]),
    (Color::Gray, [229, 229, 229]),
    (Color::DarkGray, [127, 127, 127]),
    (Color::LightRed, [255, 0, 0]),
    (Color::LightGreen, [0, 255, 0]),
    (Color::LightYellow, [255, 255, 0]),
    (Color::LightBlue, [92, 92, 255]),
    (Color::LightMagenta, [255, 0, 255]),
    (Color::LightCyan, [0, 255, 255]),
    (Color::White, [255, 255, 255]),
];

/// Levels of the 6×6×6 cube.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// What xterm makes of an index.
fn rgb(index: u8) -> [u8; 3] {
    match index {
        0..16 => SIXTEEN[usize::from(index)].1,
        16..232 => {
            let cube = usize::from(index - 16);
            [LEVELS[cube / 36], LEVELS[cube / 6 % 6], LEVELS[cube % 6]]
        }
        grey => [8 + (grey - 232) * 10; 3],
    }
}

/// Distance as eyes see it, roughly ("redmean", <https://www.compuphase.com/cmetric.htm>).
fn distance(a: [u8; 3], b: [u8; 3]) -> i64 {
    let mean = i64::midpoint(i64::from(a[0]), i64::from(b[0]));
    let [r, g, b] = [0, 1, 2].map(|i| i64::from(a[i]) - i64::from(b[i]));
    (((512 + mean) * r * r) >> 8) + 4 * g * g + (((767 - mean) * b * b) >> 8)
}

/// The cube and the greys only: the first sixteen are the user's own scheme, nobody knows what they look like.
fn nearest_indexed(colour: [u8; 3]) -> u8 {
    (16..=255).min_by_key(|index| distance(rgb(*index), colour)).unwrap_or(7)
}

/// By hue first: a pastel red must stay red, not become grey. What has hardly any hue goes by its lightness.
fn nearest_sixteen([r, g, b]: [u8; 3]) -> Color {
    let max = r.max(g).max(b);
    let min = r.min(g).min(b);
    if u16::from(max - min) * 3 < u16::from(max) || max < 48 {
        return match max {
            0..48 => Color::Black,
            48..140 => Color::DarkGray,
            140..230 => Color::Gray,
            _ => Color::White,
        };
    }
    // Which of the three are on: above the middle between the least and the most.
    let middle = min + (max - min) / 2;
    let bright = max > 205;
    match (r > middle, g > middle, b > middle, bright) {
        (true, false, false, false) => Color::Red,
        (true, false, false, true) => Color::LightRed,
        (false, true, false, false) => Color::Green,
        (false, true, false, true) => Color::LightGreen,
        (true, true, false, false) => Color::Yellow,
        (true, true, false, true) => Color::LightYellow,
        (false, false, true, false) => Color::Blue,
        (false, false, true, true) => Color::LightBlue,
        (true, false, true, false) => Color::Magenta,
        (true, false, true, true) => Color::LightMagenta,
        (false, true, true, false) => Color::Cyan,
        (false, true, true, true) => Color::LightCyan,
        _ => Color::Gray,
    }
}
