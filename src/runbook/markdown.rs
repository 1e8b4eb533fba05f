//! Markdown to a flat list of blocks, each with its lines. What the parser gives no event for (link definitions, comments
//! between things) is kept as it was written: no line that is not blank is without a block.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::{Block, BlockKind, Span, Style};

/// Where lines begin.
pub(super) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1));
        Self { starts }
    }

    /// The line of a byte, from 0.
    fn at(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte).saturating_sub(1)
    }
}

/// The blocks of a text whose first line has the number `first`.
pub(super) fn blocks(text: &str, first: usize) -> Vec<Block> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_STRIKETHROUGH;
    let lines = Lines::of(text);
    let mut reader = Reader { text, lines: &lines, first, ..Reader::empty(text, &lines) };
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        reader.event(event, &range);
    }
    reader.flush();
    let mut blocks = reader.blocks;
    blocks.sort_by_key(|block| block.lines.start);
    fill_gaps(text, first, blocks)
}

/// Lines without a block get one.
fn fill_gaps(text: &str, first: usize, blocks: Vec<Block>) -> Vec<Block> {
    let mut out = Vec::with_capacity(blocks.len());
    let mut source = text.lines().enumerate().map(|(at, line)| (at + first, line)).peekable();
    let mut covered = first;
    let mut raw = |out: &mut Vec<Block>, until: usize, covered: usize| {
        let mut kept: Vec<(usize, &str)> = Vec::new();
        while let Some((at, line)) = source.next_if(|(at, _)| *at < until) {
            if at >= covered && !line.trim().is_empty() {
                kept.push((at, line));
            } else if at >= covered && !kept.is_empty() {
                push_raw(out, &kept);
                kept.clear();
            }
        }
        push_raw(out, &kept);
    };
    for block in blocks {
        raw(&mut out, block.lines.start, covered);
        covered = covered.max(block.lines.end);
        out.push(block);
    }
    raw(&mut out, usize::MAX, covered);
    out
}

fn push_raw(out: &mut Vec<Block>, kept: &[(usize, &str)]) {
    if let (Some((begin, _)), Some((end, _))) = (kept.first(), kept.last()) {
        let text = kept.iter().map(|(_, line)| *line).collect::<Vec<_>>().join("\n");
        out.push(Block { lines: *begin..*end + 1, depth: 0, quotes: 0, kind: BlockKind::Raw(text) });
    }
}

/// Rows of cells.
type Rows = Vec<Vec<Vec<Span>>>;

/// The item that has begun and has no block yet.
struct Pending {
    at: usize,
    number: Option<u64>,
    task: Option<bool>,
}

struct Reader<'a> {
    text: &'a str,
    lines: &'a Lines,
    first: usize,
    blocks: Vec<Block>,
    /// The next number of each open list.
    lists: Vec<Option<u64>>,
    quotes: u8,
    pending: Option<Pending>,
    spans: Vec<Span>,
    styles: Vec<Style>,
    /// What the inline text that is being gathered covers.
    covered: Option<Range<usize>>,
    heading: Option<u8>,
    code: Option<(String, String, Range<usize>)>,
    table: Option<(Rows, Range<usize>)>,
}

const fn level(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

impl<'a> Reader<'a> {
    const fn empty(text: &'a str, lines: &'a Lines) -> Self {
        Self {
            text,
            lines,
            first: 1,
            blocks: Vec::new(),
            lists: Vec::new(),
            quotes: 0,
            pending: None,
            spans: Vec::new(),
            styles: Vec::new(),
            covered: None,
            heading: None,
            code: None,
            table: None,
        }
    }

    fn range(&self, bytes: &Range<usize>) -> Range<usize> {
        let end = self.text.get(bytes.clone()).map_or(bytes.end, |text| bytes.start + text.trim_end().len());
        let begin = self.lines.at(bytes.start);
        begin + self.first..self.lines.at(end.saturating_sub(1).max(bytes.start)) + 1 + self.first
    }

    fn push(&mut self, bytes: &Range<usize>, kind: BlockKind) {
        let depth = u8::try_from(self.lists.len()).unwrap_or(u8::MAX);
        let lines = self.range(bytes);
        self.blocks.push(Block { lines, depth, quotes: self.quotes, kind });
    }

    /// Ends the inline text that was gathered.
    fn flush(&mut self) {
        let spans = std::mem::take(&mut self.spans);
        let covered = self.covered.take();
        if let Some(level) = self.heading.take() {
            self.push(&covered.unwrap_or(0..0), BlockKind::Heading { level, text: spans });
            return;
        }
        if let Some(item) = self.pending.take() {
            let begin = covered.as_ref().map_or(item.at, |range| range.start.min(item.at));
            let bytes = begin..covered.map_or(item.at + 1, |range| range.end);
            self.push(&bytes, BlockKind::Item { number: item.number, task: item.task, text: spans });
        } else if let Some(covered) = covered {
            self.push(&covered, BlockKind::Paragraph(spans));
        }
    }

    fn cover(&mut self, range: &Range<usize>) {
        let covered = self.covered.get_or_insert(range.clone());
        covered.start = covered.start.min(range.start);
        covered.end = covered.end.max(range.end);
    }

    fn say(&mut self, text: &str, style: Option<&Style>, range: &Range<usize>) {
        self.cover(range);
        let style = style.or(self.styles.last()).unwrap_or(&Style::Plain);
        match self.spans.last_mut() {
            Some(last) if last.style == *style => last.text.push_str(text),
            _ => self.spans.push(Span { text: text.to_owned(), style: style.clone() }),
        }
    }

    fn event(&mut self, event: Event<'_>, range: &Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some((_, code, _)) => code.push_str(&text),
                None => self.say(&text, None, range),
            },
            Event::Code(text) => self.say(&text, Some(&Style::Code), range),
            Event::SoftBreak => self.say(" ", None, range),
            Event::HardBreak => self.say("\n", None, range),
            Event::InlineHtml(html) => self.say(&html, None, range),
            Event::Html(html) => match &mut self.code {
                Some((_, code, _)) => code.push_str(&html),
                None => self.say(&html, None, range),
            },
            Event::Rule => {
                self.flush();
                self.push(range, BlockKind::Rule);
            }
            Event::TaskListMarker(done) => {
                if let Some(item) = &mut self.pending {
                    item.task = Some(done);
                }
            }
            Event::FootnoteReference(name) => self.say(&format!("[^{name}]"), None, range),
            Event::InlineMath(text) | Event::DisplayMath(text) => self.say(&text, None, range),
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: &Range<usize>) {
        match tag {
            Tag::Emphasis => self.styles.push(Style::Emphasis),
            Tag::Strong => self.styles.push(Style::Strong),
            Tag::Strikethrough => self.styles.push(Style::Struck),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.styles.push(Style::Link(dest_url.to_string()));
            }
            Tag::TableRow | Tag::TableHead => {
                if let Some((rows, _)) = &mut self.table {
                    rows.push(Vec::new());
                }
            }
            Tag::TableCell => self.spans.clear(),
            Tag::Paragraph => {
                // The first paragraph of an item is the item's own text.
                if self.pending.is_none() || !self.spans.is_empty() {
                    self.flush();
                }
                self.cover(range);
            }
            other => {
                self.flush();
                self.block(other, range);
            }
        }
    }

    fn block(&mut self, tag: Tag<'_>, range: &Range<usize>) {
        match tag {
            Tag::Heading { level: of, .. } => {
                self.heading = Some(level(of));
                self.covered = Some(range.clone());
            }
            Tag::BlockQuote(_) => self.quotes = self.quotes.saturating_add(1),
            Tag::CodeBlock(kind) => {
                let info = match kind {
                    CodeBlockKind::Fenced(info) => info.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((info, String::new(), range.clone()));
            }
            Tag::HtmlBlock => self.code = Some(("\0html".into(), String::new(), range.clone())),
            Tag::List(first) => self.lists.push(first),
            Tag::Item => {
                let number = self.lists.last().copied().flatten();
                if let Some(Some(next)) = self.lists.last_mut() {
                    *next += 1;
                }
                self.pending = Some(Pending { at: range.start, number, task: None });
            }
            Tag::Table(_) => self.table = Some((Vec::new(), range.clone())),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image => {
                self.styles.pop();
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.spans);
                self.covered = None;
                if let Some(row) = self.table.as_mut().and_then(|(rows, _)| rows.last_mut()) {
                    row.push(cell);
                }
            }
            TagEnd::Table => {
                if let Some((rows, range)) = self.table.take() {
                    self.covered = None;
                    self.push(&range, BlockKind::Table(rows));
                }
            }
            TagEnd::CodeBlock | TagEnd::HtmlBlock => {
                if let Some((info, text, range)) = self.code.take() {
                    if info == "\0html" {
                        self.push(&range, BlockKind::Raw(text));
                    } else {
                        let begin = self.lines.at(range.start) + self.first;
                        let fenced = self.text.get(range.clone()).is_some_and(|code| {
                            let code = code.trim_start();
                            code.starts_with("```") || code.starts_with("~~~")
                        });
                        let first = if fenced { begin + 1 } else { begin };
                        self.push(&range, BlockKind::Code { info, text, first });
                    }
                }
            }
            TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item => self.flush(),
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.quotes = self.quotes.saturating_sub(1);
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
            }
            _ => {}
        }
    }
}
