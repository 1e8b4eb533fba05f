//! What other tools write: formats that are not read, and admonitions that become quotes.

/// Why a text is no Markdown, if it is of another format that runbooks are written in.
pub(super) fn other_format(text: &str, place: &str) -> Option<String> {
    let place = place.split(['?', '#']).next().unwrap_or_default().to_lowercase();
    let asciidoc = [".adoc", ".asciidoc", ".asc"].iter().any(|end| place.ends_with(end));
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let looks = first.starts_with("= ") && text.lines().any(|line| line.starts_with("== ") || line == "----");
    if asciidoc || looks {
        return Some("this is AsciiDoc, which is not read here".into());
    }
    let html = text.trim_start().get(..15).unwrap_or(text.trim_start()).to_lowercase();
    if html.starts_with("<!doctype html") || html.starts_with("<html") {
        return Some("this is a web page, not Markdown".into());
    }
    if [".rst"].iter().any(|end| place.ends_with(end)) {
        return Some("this is reStructuredText, which is not read here".into());
    }
    None
}

/// MkDocs' admonitions (`!!! note "Title"`, with what is indented below) as quotes, line for line.
pub(super) fn admonitions(text: &str) -> Option<String> {
    let begins = |line: &str| ["!!! ", "??? ", "???+ "].iter().any(|head| line.starts_with(head));
    if !text.lines().any(begins) {
        return None;
    }
    let mut out = String::with_capacity(text.len() + 64);
    let (mut inside, mut fenced) = (false, false);
    for line in text.split_inclusive('\n') {
        if !inside && line.starts_with("```") {
            fenced = !fenced;
        }
        if !fenced && begins(line) {
            inside = true;
            out.push_str("> ");
            out.push_str(line);
            continue;
        }
        if inside && line.trim().is_empty() {
            out.push('>');
            out.push_str(line);
            continue;
        }
        if let Some(body) = line.strip_prefix("    ").or_else(|| line.strip_prefix('\t')).filter(|_| inside) {
            out.push_str("> ");
            out.push_str(body);
        } else {
            inside = false;
            out.push_str(line);
        }
    }
    Some(out)
}
