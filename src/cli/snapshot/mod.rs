//! `opsdeck snapshot`: one frame of the console as text, ANSI or SVG.

mod ansi;
mod svg;
mod text;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::output::{Failure, print};
use super::{Global, start};
use crate::config::keymap::Key;
use crate::runtime::headless::Headless;

/// How a frame is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Plain text.
    Text,
    /// Text with colours.
    Ansi,
    /// A picture.
    Svg,
}

/// Options of `snapshot`.
#[derive(Debug, Args)]
pub struct SnapshotArgs {
    /// Columns × rows
    #[arg(long, value_name = "WxH", default_value = "160x48", value_parser = size)]
    size: (u16, u16),
    /// Zoom one pane: alerts, slo, rollouts, pods, logs
    #[arg(long, value_name = "PANE")]
    view: Option<String>,
    /// Narrow all panes to a workload (`deployment/payment`)
    #[arg(long, value_name = "WORKLOAD")]
    focus: Option<String>,
    /// Press these keys first, separated by spaces (`R`, `/ p a y enter`)
    #[arg(long, value_name = "KEYS")]
    keys: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// How long to wait for the sources, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    wait: u64,
}

/// Reads `120x40`.
fn size(text: &str) -> Result<(u16, u16), String> {
    let parse = |part: &str| part.parse::<u16>().ok().filter(|n| (1..=1_000).contains(n));
    text.split_once(['x', '×'])
        .and_then(|(width, height)| Some((parse(width)?, parse(height)?)))
        .ok_or_else(|| format!("`{text}` is no size; write columns and rows as 120x40"))
}

/// Runs it.
pub fn run(global: &Global, args: &SnapshotArgs) -> Result<ExitCode, Failure> {
    let keys =
        args.keys.as_deref().unwrap_or_default().split_whitespace().map(Key::parse).collect::<Result<Vec<_>, _>>();
    let keys = keys.map_err(|error| Failure::usage(format!("--keys: {error}")))?;
    let mut global = global.clone();
    // A picture has all colours, whatever this terminal has.
    if matches!(args.format, Format::Svg) {
        global.colour.get_or_insert_with(|| "true".to_owned());
    }
    start::block_on(async {
        let start = start::start(&global).await?;
        let patience = Duration::from_secs(args.wait);
        let mut headless = Headless::start(
            start.launch.clone(),
            start.app(),
            start.context.clone(),
            start.namespace.clone(),
            args.size,
        );
        headless.settle(patience).await;
        if let Some(view) = &args.view {
            headless.app.zoom(view).map_err(Failure::usage)?;
        }
        if let Some(focus) = &args.focus {
            let effects = headless.app.focus_on(focus).map_err(Failure::usage)?;
            headless.run(effects);
            headless.settle(patience).await;
        }
        if !keys.is_empty() {
            headless.press(&keys);
            headless.settle(patience).await;
        }
        let (width, height) = args.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height))
            .map_err(|error| Failure::failed(format!("cannot draw: {error}")))?;
        terminal
            .draw(|frame| headless.app.render(frame))
            .map_err(|error| Failure::failed(format!("cannot draw: {error}")))?;
        let buffer = terminal.backend().buffer();
        print(&match args.format {
            Format::Text => text::render(buffer),
            Format::Ansi => ansi::render(buffer),
            Format::Svg => svg::render(buffer, &svg::Ground::of(&start.theme)),
        });
        Ok(ExitCode::SUCCESS)
    })
}
