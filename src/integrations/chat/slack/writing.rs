//! Slack's own writing (mrkdwn: <https://docs.slack.dev/messaging/formatting-message-text>), there and back.

use super::super::words::Span;
use crate::domain::text::clean_lines;

/// How Slack writes a part.
pub(super) fn mrkdwn(span: &Span) -> String {
    match span {
        Span::Text(text) => escaped(text),
        Span::Strong(text) => format!("*{}*", escaped(text)),
        Span::Emphasis(text) => format!("_{}_", escaped(text)),
        Span::Code(code) => format!("`{}`", escaped(code)),
        Span::Url(url) => format!("<{}>", address(url)),
        Span::Link(words, url) => format!("<{}|{}>", address(url), escaped(words).replace('|', "¦")),
    }
}

/// The three characters that mean something in Slack: without them there is no `<!channel>`.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The three characters as they were.
pub(super) fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// An address within `<…|…>`.
fn address(url: &str) -> String {
    url.replace('&', "&amp;").replace('<', "%3C").replace('>', "%3E").replace('|', "%7C")
}

/// A text of Slack's for people: links as words and address, ids of people through `name`.
pub(super) fn readable(text: &str, name: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        let inner = &rest[at + 1..];
        let Some(end) = inner.find('>') else {
            out.push_str(&rest[at..]);
            rest = "";
            break;
        };
        let (target, words) = inner[..end].split_once('|').map_or((&inner[..end], None), |(t, w)| (t, Some(w)));
        match target.chars().next() {
            Some('@') => {
                out.push('@');
                out.push_str(&words.map_or_else(|| name(&target[1..]), str::to_owned));
            }
            Some('#') => {
                out.push('#');
                out.push_str(words.filter(|words| !words.is_empty()).unwrap_or(&target[1..]));
            }
            Some('!') => {
                out.push('@');
                out.push_str(words.unwrap_or(&target[1..]).trim_start_matches('@'));
            }
            _ => match words.filter(|words| *words != target) {
                Some(words) => {
                    out.push_str(words);
                    out.push_str(" (");
                    out.push_str(target);
                    out.push(')');
                }
                None => out.push_str(target),
            },
        }
        rest = &inner[end + 1..];
    }
    out.push_str(rest);
    clean_lines(&unescaped(&out)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::super::words::{pieces, written};
    use super::*;

    #[test]
    fn text_calls_nobody_and_breaks_no_link() {
        let text = "**SEV2** *p99* `a<b` & <!channel> <@U1> [a|b](https://g/?x=1&y=<z|) @here";
        let expected =
            "*SEV2* _p99_ `a&lt;b` &amp; &lt;!channel&gt; &lt;@U1&gt; <https://g/?x=1&amp;y=%3Cz%7C|a¦b> @\u{200b}here";
        assert_eq!(written(text, mrkdwn), expected);
        // An escaped character counts for as many as it takes.
        assert_eq!(pieces("&&&&&&", 10, mrkdwn).len(), 3);
    }

    #[test]
    fn what_people_wrote_is_read_as_they_see_it() {
        let name = |id: &str| if id == "U1" { "ada".to_owned() } else { id.to_owned() };
        let text =
            "<@U1> in <#C1|ops>: <https://x|the board> <https://y> <!here> a &lt; b &amp;&amp; c <open\u{1b}[31m";
        assert_eq!(readable(text, name), "@ada in #ops: the board (https://x) https://y @here a < b && c <open");
    }
}
