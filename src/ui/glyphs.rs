//! The characters beyond letters, and what stands for them where only ASCII can be drawn.

use ratatui::symbols::border;

/// A set of characters. All are one column wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// The bar of the selected row in the active pane.
    pub bar: &'static str,
    /// The same in another pane.
    pub bar_dim: &'static str,
    /// A marked row.
    pub mark: &'static str,
    /// Well.
    pub ok: &'static str,
    /// Not well.
    pub bad: &'static str,
    /// A filled dot: firing, live.
    pub dot: &'static str,
    /// A half dot: stale.
    pub half: &'static str,
    /// An empty dot: idle, info.
    pub ring: &'static str,
    /// Under way.
    pub wait: &'static str,
    /// Restarts.
    pub restarts: &'static str,
    /// Came from.
    pub from: &'static str,
    /// Becomes.
    pub to: &'static str,
    /// Times.
    pub times: &'static str,
    /// Between things of one line.
    pub mid: &'static str,
    /// What was cut off.
    pub cut: &'static str,
    /// Full cell of a progress bar.
    pub full: &'static str,
    /// Empty cell of a progress bar.
    pub empty: &'static str,
    /// Something to be careful about.
    pub careful: &'static str,
    /// More above.
    pub up: &'static str,
    /// More below.
    pub down: &'static str,
    /// A cursor in a line of text.
    pub cursor: &'static str,
    /// Separates parts of the header.
    pub part: &'static str,
    /// Levels of a sparkline, lowest first.
    pub spark: [&'static str; 8],
    /// Line of a border or a title.
    pub line: &'static str,
    /// Corners and sides.
    pub border: border::Set<'static>,
    /// No value.
    pub none: &'static str,
}

/// For terminals that draw Unicode.
pub const UNICODE: Glyphs = Glyphs {
    bar: "▌",
    bar_dim: "▏",
    mark: "◆",
    ok: "✓",
    bad: "✗",
    dot: "●",
    half: "◐",
    ring: "○",
    wait: "◌",
    restarts: "↻",
    from: "←",
    to: "→",
    times: "×",
    mid: "·",
    cut: "…",
    full: "▇",
    empty: "░",
    careful: "!",
    up: "▲",
    down: "▼",
    cursor: "▏",
    part: "▏",
    spark: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    line: "─",
    border: border::ROUNDED,
    none: "–",
};

/// For the rest.
pub const ASCII: Glyphs = Glyphs {
    bar: ">",
    bar_dim: "|",
    mark: "#",
    ok: "+",
    bad: "x",
    dot: "*",
    half: "~",
    ring: "o",
    wait: ".",
    restarts: "r",
    from: "<",
    to: ">",
    times: "x",
    mid: "|",
    cut: "~",
    full: "#",
    empty: ".",
    careful: "!",
    up: "^",
    down: "v",
    cursor: "_",
    part: "|",
    spark: ["_", ".", ".", "-", "-", "=", "=", "#"],
    line: "-",
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
    none: "-",
};
