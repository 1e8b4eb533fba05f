//! Our texts in a service's own writing. What comes in is Markdown of the simplest kind; [`Manner`] says how a service
//! writes each part of it. What could ping everyone is broken here, for every service alike.

use crate::domain::text::clean_lines;

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// As it is.
    Text(String),
    /// `**strong**`, and headings.
    Strong(String),
    /// `*emphasis*`.
    Emphasis(String),
    /// `` `code` ``.
    Code(String),
    /// `[words](url)`: words, address.
    Link(String, String),
    /// An address by itself.
    Url(String),
}

/// How a service writes a part.
pub(super) type Manner = fn(&Span) -> String;

/// Words that call everyone, after an `@`, in one service or another.
const EVERYONE: [&str; 6] = ["channel", "here", "all", "everyone", "room", "group"];

/// A text in a service's writing.
pub(super) fn written(text: &str, manner: Manner) -> String {
    let text = clean_lines(text);
    let lines: Vec<String> = text.trim_end().lines().map(|line| written_line(line.trim_end(), manner)).collect();
    lines.join("\n")
}

/// A text without any marks of writing.
pub(super) fn plain(text: &str) -> String {
    written(text, plainly)
}

/// Cuts a text at its line ends into pieces that are no longer than `limit` (in UTF-16 units, as the strictest count)
/// once they are written. Only a line that is too long by itself is cut within. Nothing for a blank text.
pub(super) fn pieces(text: &str, limit: usize, manner: Manner) -> Vec<String> {
    let length = |line: &str| written(line, manner).encode_utf16().count();
    let fits = |line: &str| length(line) <= limit;
    let mut parts: Vec<String> = Vec::new();
    let mut open = String::new();
    let mut filled = 0;
    for line in clean_lines(text).trim().lines().flat_map(|line| cut_line(line, limit, &fits)) {
        // What a line becomes does not depend on the others.
        let more = length(&line);
        if filled + 1 + more <= limit && !open.is_empty() {
            open.push('\n');
            open.push_str(&line);
            filled += 1 + more;
        } else {
            parts.push(std::mem::replace(&mut open, line));
            filled = more;
        }
    }
    parts.push(open);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// A line, cut at spaces where it is too long for a message of its own.
fn cut_line(line: &str, limit: usize, fits: &impl Fn(&str) -> bool) -> Vec<String> {
    if fits(line) {
        return vec![line.to_owned()];
    }
    let mut rest: Vec<char> = line.chars().collect();
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let mut length = rest.len().min(limit);
        let mut part: String = rest[..length].iter().collect();
        while length > 1 && !fits(&part) {
            length = (length * 3 / 4).max(1);
            part = rest[..length].iter().collect();
        }
        if length < rest.len()
            && let Some(space) = rest[..length].iter().rposition(|c| *c == ' ').filter(|at| *at > length / 2)
        {
            // What is shorter is not shorter once it is written, where the cut parts the two ends of a code span.
            let shorter: String = rest[..=space].iter().collect();
            if fits(shorter.trim_end()) {
                (length, part) = (space + 1, shorter);
            }
        }
        parts.push(part.trim_end().to_owned());
        rest.drain(..length);
    }
    parts
}

fn written_line(line: &str, manner: Manner) -> String {
    let indent = line.len() - line.trim_start().len();
    let (start, rest) = line.split_at(indent);
    if let Some(item) = rest.strip_prefix("- ").or_else(|| rest.strip_prefix("* ")) {
        return format!("{start}• {}", spans_written(item, manner));
    }
    let heading = rest.trim_start_matches('#');
    let marks = rest.len() - heading.len();
    if (1..=6).contains(&marks) && heading.starts_with(' ') {
        return manner(&Span::Strong(calm(&unescaped(heading.trim()))));
    }
    format!("{start}{}", spans_written(rest, manner))
}

fn spans_written(line: &str, manner: Manner) -> String {
    spans(line).iter().map(|span| manner(&calmed(span))).collect()
}

/// The parts of a line.
pub(super) fn spans(line: &str) -> Vec<Span> {
    let mut out = Vec::new();
    let mut plain = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if c == '\\'
            && let Some(next) = rest[1..].chars().next().filter(char::is_ascii_punctuation)
        {
            plain.push(next);
            rest = &rest[2..];
            continue;
        }
        // An emphasis begins a word: `a*b*c` is a product.
        let inside = plain.chars().next_back().is_some_and(char::is_alphanumeric);
        if let Some((span, length)) = special(rest).filter(|(span, _)| !inside || matches!(span, Span::Code(_))) {
            if !plain.is_empty() {
                out.push(Span::Text(std::mem::take(&mut plain)));
            }
            out.push(span);
            rest = &rest[length..];
            continue;
        }
        plain.push(c);
        rest = &rest[c.len_utf8()..];
    }
    if !plain.is_empty() {
        out.push(Span::Text(plain));
    }
    out
}

/// What begins here, and how many bytes it takes.
fn special(rest: &str) -> Option<(Span, usize)> {
    if let Some(code) = rest.strip_prefix('`') {
        let end = code.find('`').filter(|end| *end > 0)?;
        return Some((Span::Code(code[..end].to_owned()), end + 2));
    }
    if let Some(strong) = rest.strip_prefix("**") {
        let end = strong.find("**").filter(|end| is_phrase(&strong[..*end]))?;
        return Some((Span::Strong(unescaped(&strong[..end])), end + 4));
    }
    if let Some(emphasis) = rest.strip_prefix('*') {
        let end = emphasis.find('*').filter(|end| is_phrase(&emphasis[..*end]))?;
        return Some((Span::Emphasis(unescaped(&emphasis[..end])), end + 2));
    }
    if let Some(link) = rest.strip_prefix('[') {
        let words = link.find("](").filter(|end| *end > 0)?;
        let address = &link[words + 2..];
        let end = address.find(')')?;
        let url = &address[..end];
        let fine = is_address(url) && !url.contains(char::is_whitespace);
        return fine.then(|| (Span::Link(unescaped(&link[..words]), url.to_owned()), words + end + 4));
    }
    if rest.starts_with("https://") || rest.starts_with("http://") {
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`')).unwrap_or(rest.len());
        let url = rest[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '*', '\'']);
        return (url.len() > "https://".len()).then(|| (Span::Url(url.to_owned()), url.len()));
    }
    None
}

fn is_phrase(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(char::is_whitespace) && !text.ends_with(char::is_whitespace)
}

/// Only such addresses become links: no `javascript:`.
fn is_address(url: &str) -> bool {
    ["https://", "http://", "mailto:"].iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme))
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.next_if(|next| c == '\\' && next.is_ascii_punctuation()) {
            Some(next) => out.push(next),
            None => out.push(c),
        }
    }
    out
}

fn calmed(span: &Span) -> Span {
    match span {
        Span::Text(text) => Span::Text(calm(text)),
        Span::Strong(text) => Span::Strong(calm(text)),
        Span::Emphasis(text) => Span::Emphasis(calm(text)),
        Span::Code(text) => Span::Code(calm(text)),
        Span::Link(words, url) => Span::Link(calm(words), url.clone()),
        Span::Url(url) => Span::Url(url.clone()),
    }
}

/// A text that calls nobody: an `@` before a word that means everyone is parted from it by a space of no width. It reads
/// the same.
pub(super) fn calm(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        out.push(c);
        let calls = |word: &&str| text[at + 1..].get(..word.len()).is_some_and(|next| next.eq_ignore_ascii_case(word));
        if c == '@' && EVERYONE.iter().any(calls) {
            out.push('\u{200b}');
        }
    }
    out
}

/// A text that calls nobody, whoever reads it: `<!channel>` and `<@U123>` of Slack and Mattermost, `<users/all>` of Google
/// Chat and `@name` are parted by a space of no width. It reads the same.
pub(super) fn quiet(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        out.push(c);
        let rest = &text[at + c.len_utf8()..];
        let calls = match c {
            '<' => rest.starts_with(['!', '@', '#']) || rest.starts_with("users/"),
            '@' => !before.is_alphanumeric() && rest.starts_with(|next: char| next.is_alphanumeric()),
            _ => false,
        };
        if calls {
            out.push('\u{200b}');
        }
        before = c;
    }
    out
}

fn plainly(span: &Span) -> String {
    match span {
        Span::Text(text) | Span::Strong(text) | Span::Emphasis(text) => text.clone(),
        Span::Code(code) => format!("`{code}`"),
        Span::Url(url) => url.clone(),
        Span::Link(words, url) if words == url => url.clone(),
        Span::Link(words, url) => format!("{words} ({url})"),
    }
}

/// As Mattermost and Discord write it: Markdown, with whatever text holds of it made harmless.
pub(super) fn markdown(span: &Span) -> String {
    match span {
        Span::Text(text) => escaped(text),
        Span::Strong(text) => format!("**{}**", escaped(text)),
        Span::Emphasis(text) => format!("*{}*", escaped(text)),
        Span::Code(code) => format!("`{code}`"),
        Span::Url(url) => url.clone(),
        Span::Link(words, url) => format!("[{}]({url})", escaped(words)),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '*' | '_' | '~' | '`' | '|' | '[' | ']' | '<' | '>' | '#') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A text for HTML and for attributes in double quotes.
pub(super) fn html_escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The reaction that marks a message, as services that know only the character see it.
pub(super) fn emoji(marker: &str) -> &str {
    match marker.trim_matches(':') {
        "pushpin" => "📌",
        "round_pushpin" => "📍",
        "memo" | "pencil" => "📝",
        "star" => "⭐",
        "bookmark" => "🔖",
        "eyes" => "👀",
        "white_check_mark" => "✅",
        "fire" => "🔥",
        "rotating_light" => "🚨",
        "warning" => "⚠️",
        "clipboard" => "📋",
        "+1" | "thumbsup" => "👍",
        other => other,
    }
}

/// Is this reaction the one that marks a message? Names and characters are told apart by no service alike, nor the
/// variation that a character may carry.
pub(super) fn is_marker(reaction: &str, marker: &str) -> bool {
    let bare = |text: &str| text.trim_end_matches('\u{fe0f}').to_owned();
    let reaction = reaction.trim_matches(':');
    let marker = marker.trim_matches(':');
    !marker.is_empty() && (reaction == marker || bare(reaction) == bare(emoji(marker)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_part_is_found_and_nothing_else() {
        let text = |text: &str| Span::Text(text.into());
        for (line, expected) in [
            ("plain, 2 * 3 * 4 and a*b*c", vec![text("plain, 2 * 3 * 4 and a*b*c")]),
            ("*so* **it** is", vec![Span::Emphasis("so".into()), text(" "), Span::Strong("it".into()), text(" is")]),
            ("run `a*b` now", vec![text("run "), Span::Code("a*b".into()), text(" now")]),
            (
                "see [the \\[board\\]](https://g/d?x=1_2).",
                vec![text("see "), Span::Link("the [board]".into(), "https://g/d?x=1_2".into()), text(".")],
            ),
            ("(https://g/a_b_c).", vec![text("("), Span::Url("https://g/a_b_c".into()), text(").")]),
            ("[x](javascript:alert)", vec![text("[x](javascript:alert)")]),
            ("\\*not\\* \\", vec![text("*not* \\")]),
            ("`open and *open", vec![text("`open and *open")]),
        ] {
            assert_eq!(spans(line), expected, "{line}");
        }
    }

    #[test]
    fn nobody_is_called() {
        assert_eq!(
            calm("@channel @HERE x@everyone @alice @"),
            "@\u{200b}channel @\u{200b}HERE x@\u{200b}everyone @alice @"
        );
        assert!(!written("**@room** `@all` [@here](https://x)", plainly).contains("@room"));
    }

    #[test]
    fn markdown_is_written_so_that_text_stays_text() {
        let text = "# Payment\n- *p99* of `pay_api` is a_b_c\n[runbook](https://r/x_y) https://g/p_q_r <@&1>";
        let expected =
            "**Payment**\n• *p99* of `pay_api` is a\\_b\\_c\n[runbook](https://r/x_y) https://g/p_q_r \\<@&1\\>";
        assert_eq!(written(text, markdown), expected);
        assert_eq!(plain(text), "Payment\n• p99 of `pay_api` is a_b_c\nrunbook (https://r/x_y) https://g/p_q_r <@&1>");
    }

    #[test]
    fn long_texts_are_cut_at_their_line_ends() {
        assert_eq!(pieces("one\ntwo\nthree", 7, plainly), ["one\ntwo", "three"]);
        assert_eq!(pieces("a long line here", 9, plainly), ["a long", "line here"]);
        assert_eq!(pieces("\n \n", 9, plainly), Vec::<String>::new());
        assert_eq!(pieces("\u{1b}[31mred\u{1b}[0m", 9, plainly), ["red"]);
    }

    #[test]
    fn a_marker_is_known_by_its_name_and_by_its_character() {
        assert!(is_marker("pushpin", ":pushpin:") && is_marker("📌", "pushpin") && is_marker("⚠", "warning"));
        assert!(!is_marker("fire", "pushpin") && !is_marker("", ""));
    }

    proptest! {
        #[test]
        fn no_piece_is_over_the_limit_and_no_word_is_lost(text in "[ a-z*_`<&\\n]{0,400}", limit in 20_usize..60) {
            let parts = pieces(&text, limit, markdown);
            for part in &parts {
                prop_assert!(written(part, markdown).encode_utf16().count() <= limit, "{part:?}");
            }
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&parts.join("\n")), letters(&text));
        }
    }
}
