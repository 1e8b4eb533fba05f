//! What is a section, and what may be a step: headings, numbered items, tasks, and what stands loose between them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use super::{Block, BlockKind, Purpose, Section, text_of};

/// A step before its blocks are looked at.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub title: String,
    pub section: usize,
    /// Its blocks, by number.
    pub blocks: Range<usize>,
    /// A task of a list: done by hand.
    pub task: bool,
}

/// Sections, and what may be steps in them.
pub(super) fn drafts(blocks: &[Block], native: bool, title: &str) -> (Vec<Section>, Vec<Draft>) {
    let end = blocks.last().map_or(1, |block| block.lines.end);
    let level = |block: &Block| match block.kind {
        BlockKind::Heading { level, .. } if block.depth == 0 && block.quotes == 0 => Some(level),
        _ => None,
    };
    // Plain files may use one level more or less for the same thing.
    let levels: BTreeSet<u8> = blocks.iter().filter_map(level).collect();
    let of_section =
        if native || levels.contains(&2) { 2 } else { levels.iter().copied().find(|level| *level > 1).unwrap_or(1) };
    let of_step = of_section + 1;
    let starts: Vec<usize> = blocks
        .iter()
        .enumerate()
        .filter(|(_, block)| level(block).is_some_and(|of| of <= of_section && (of > 1 || of_section == 1)))
        .map(|(at, _)| at)
        .collect();
    let mut ranges: Vec<(String, Range<usize>)> = Vec::new();
    let begin = starts.first().copied().unwrap_or(blocks.len());
    if begin > 0 {
        ranges.push((String::new(), 0..begin));
    }
    for (number, start) in starts.iter().enumerate() {
        let until = starts.get(number + 1).copied().unwrap_or(blocks.len());
        let text = match &blocks[*start].kind {
            BlockKind::Heading { text, .. } => text_of(text),
            _ => String::new(),
        };
        ranges.push((text, *start..until));
    }
    let mut sections = Vec::new();
    let mut drafts = Vec::new();
    for (number, (heading, range)) in ranges.into_iter().enumerate() {
        let line = |at: usize| blocks.get(at).map_or(end, |block| block.lines.start);
        let purpose = Purpose::of(&heading);
        sections.push(Section { title: heading.clone(), purpose, lines: line(range.start)..line(range.end) });
        let name = short(if heading.is_empty() { title } else { &heading }).into_owned();
        section(blocks, range, number, &name, of_step, native, &mut drafts);
    }
    (sections, drafts)
}

/// A title that many steps share, without more of it than one can read at once.
pub(super) fn short(title: &str) -> Cow<'_, str> {
    match title.char_indices().nth(200) {
        Some((end, _)) => Cow::Owned(format!("{}…", &title[..end])),
        None => Cow::Borrowed(title),
    }
}

fn section(
    blocks: &[Block],
    range: Range<usize>,
    number: usize,
    name: &str,
    of_step: u8,
    native: bool,
    drafts: &mut Vec<Draft>,
) {
    let heads: Vec<usize> = range
        .clone()
        .filter(|at| {
            let block = &blocks[*at];
            matches!(&block.kind, BlockKind::Heading { level, .. } if *level == of_step)
                && block.depth == 0
                && block.quotes == 0
        })
        .collect();
    let draft = |title: String, blocks: Range<usize>, task| Draft { title, section: number, blocks, task };
    let first = heads.first().copied().unwrap_or(range.end);
    let part = Part { section: number, name, all: heads.is_empty(), native };
    items(blocks, range.start..first, &part, drafts);
    for (at, head) in heads.iter().enumerate() {
        let until = heads.get(at + 1).copied().unwrap_or(range.end);
        let title = match &blocks[*head].kind {
            BlockKind::Heading { text, .. } => text_of(text),
            _ => String::new(),
        };
        let tasks: Vec<usize> = (*head..until).filter(|at| is_task(&blocks[*at])).collect();
        let does = (*head..until).any(|at| matches!(blocks[at].kind, BlockKind::Code { .. }));
        if does || tasks.is_empty() {
            drafts.push(draft(title, *head..until, false));
        }
        for task in tasks {
            drafts.push(draft(item_text(&blocks[task]), task..task + 1, true));
        }
    }
}

fn is_task(block: &Block) -> bool {
    matches!(block.kind, BlockKind::Item { task: Some(_), .. }) && block.depth == 1
}

fn item_text(block: &Block) -> String {
    match &block.kind {
        BlockKind::Item { text, .. } => text_of(text),
        _ => String::new(),
    }
}

/// A section, as far as its items are concerned.
struct Part<'a> {
    section: usize,
    name: &'a str,
    /// Numbered items are steps, too.
    all: bool,
    native: bool,
}

/// Items that are steps, and what stands loose between them.
fn items(blocks: &[Block], range: Range<usize>, part: &Part<'_>, drafts: &mut Vec<Draft>) {
    let section = part.section;
    let mut at = range.start;
    let mut loose = range.start;
    let push_loose = |from: usize, until: usize, drafts: &mut Vec<Draft>| {
        // Code inside of an item that is no step belongs to the section, too.
        let code = blocks[from..until].iter().any(|block| matches!(block.kind, BlockKind::Code { .. }));
        // In a plain file what a section says is a step as well; in ours it is written as one.
        let says = |block: &Block| !matches!(block.kind, BlockKind::Heading { .. } | BlockKind::FrontMatter(_));
        if code || (!part.native && blocks[from..until].iter().any(says)) {
            drafts.push(Draft { title: part.name.to_owned(), section, blocks: from..until, task: false });
        }
    };
    while at < range.end {
        let block = &blocks[at];
        let ordered = part.all && matches!(block.kind, BlockKind::Item { number: Some(_), .. });
        if block.depth == 1 && block.quotes == 0 && (ordered || is_task(block)) {
            push_loose(loose, at, drafts);
            let mut until = at + 1;
            while until < range.end
                && blocks[until].depth >= 1
                && !(blocks[until].depth == 1 && matches!(blocks[until].kind, BlockKind::Item { .. }))
            {
                until += 1;
            }
            drafts.push(Draft { title: item_text(block), section, blocks: at..until, task: is_task(block) });
            at = until;
            loose = until;
        } else {
            at += 1;
        }
    }
    push_loose(loose, range.end, drafts);
}
