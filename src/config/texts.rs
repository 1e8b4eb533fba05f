//! Checks of texts that have a form: addresses, colours, paths, queries. Each answers what is wrong and what to do.

/// What is wrong, and what to do about it.
type Finding = Option<(String, Option<&'static str>)>;

/// How durations are written.
pub(super) const DURATION: &str = "a number with its unit, or several: \"10s\", \"5m\", \"1h 30m\", \"30d\"";

/// How sizes are written.
pub(super) const SIZE: &str = "a number and its unit: \"500kB\", \"10MB\", \"64MiB\"";

/// How hours of a day are written.
pub(super) const HOURS: &str = "from and to on a clock of 24 hours: \"09:00-17:30\", over midnight \"22:00-06:00\", to the end of the day \"16:00-24:00\"";

/// How instants are written.
const INSTANT: &str = "an instant with its zone, in quotes: \"2026-12-20T00:00:00Z\", \"2026-12-20T00:00:00+01:00\"";

/// How a text of this form is written, for who wrote no text at all.
pub(super) fn form(check: &str) -> Option<&'static str> {
    Some(match check {
        "duration" => "write a duration with its unit: \"10s\", \"5m\", \"30d\"",
        "size" => SIZE,
        "instant" => INSTANT,
        "hours" => HOURS,
        _ => return None,
    })
}

/// An instant.
pub(super) fn instant(text: &str) -> Finding {
    let error = chrono::DateTime::parse_from_rfc3339(text).err()?;
    Some((format!("not an instant: {error}"), Some(INSTANT)))
}

/// A name or a glob.
pub(super) fn pattern(text: &str) -> Finding {
    text.trim()
        .is_empty()
        .then(|| ("an empty name matches nothing".to_owned(), Some("leave the setting out to mean all")))
}

/// An absolute address without user, query and fragment.
pub(super) fn url(text: &str, schemes: &[&str]) -> Finding {
    if has_user_info(text) {
        return Some((
            "an address does not hold a user or a password".to_owned(),
            Some("use `basic = { username = \"…\", password = { env = \"…\" } }`"),
        ));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Some((format!("not an address: it begins with {}", list(schemes)), None));
    };
    if !schemes.contains(&scheme) {
        return Some((format!("`{scheme}` is not spoken here: {}", list(schemes)), None));
    }
    if rest.contains(['?', '#']) {
        return Some(("an address ends before `?` and `#`".to_owned(), None));
    }
    match text.parse::<http::Uri>() {
        Ok(uri) if uri.host().is_some_and(|host| !host.is_empty()) => None,
        Ok(_) => Some(("the address names no host".to_owned(), None)),
        Err(error) => Some((format!("not an address: {error}"), None)),
    }
}

fn list(schemes: &[&str]) -> String {
    schemes.iter().map(|scheme| format!("{scheme}://")).collect::<Vec<_>>().join(", ")
}

/// Does an address carry `user:password@`? Such a text is never shown.
pub(super) fn has_user_info(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(_, rest)| rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains('@')))
}

/// A colour by number or `#rrggbb`; names may be a theme's own, so any word passes.
pub(super) fn colour(text: &str) -> Finding {
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    (!word && text.parse::<ratatui::style::Color>().is_err()).then(|| {
        (format!("`{text}` is no colour"), Some("a colour of the theme's palette, a name (red), 0–255, or \"#rrggbb\""))
    })
}

/// A path that does not depend on where the program was started.
pub(super) fn path(text: &str) -> Finding {
    (!(text.starts_with('/') || text.starts_with("~/") || std::path::Path::new(text).is_absolute())).then(|| {
        (
            "a relative path would depend on where the program is started".to_owned(),
            Some("write it from the root, or from your home directory: ~/…"),
        )
    })
}

/// PromQL with a place for the range. Its syntax is the server's to judge.
pub(super) fn query(text: &str) -> Finding {
    (!text.contains("$window")).then(|| {
        (
            "the query has no `$window`: burn could not be computed over several windows".to_owned(),
            Some("write the range as [$window], as in sum(rate(http_requests_total[$window]))"),
        )
    })
}
