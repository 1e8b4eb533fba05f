//! How the incident stands: clock and times, who does what, what it waits for, what was not sent, what is left to do.

use std::collections::BTreeMap;

use ratatui::text::{Line, Span};

use crate::config::theme::Role;
use crate::domain::incident::Role as Part;
use crate::domain::incident::entry::Moment;
use crate::domain::time::{span, span_fine};
use crate::incident::Incident;
use crate::incident::outbox::Standing;
use crate::incident::timeline::describe;
use crate::ui::{Look, text};

/// Columns of the words at the left.
const LABEL: usize = 16;

/// Deliveries that wait and are shown one by one.
const WAITING: usize = 3;

struct Page<'a> {
    look: &'a Look<'a>,
    width: usize,
    /// Rows down to the last that is shown; what lies below is not looked at.
    rows: usize,
    lines: Vec<Line<'static>>,
}

impl Page<'_> {
    /// Is there more than is shown?
    const fn is_full(&self) -> bool {
        self.lines.len() > self.rows
    }

    fn head(&mut self, words: &str) {
        if self.is_full() {
            return;
        }
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        self.lines.push(Line::styled(words.to_owned(), self.look.style(Role::Title)));
    }

    /// A word and what it is; wrapped under itself.
    fn row(&mut self, label: &str, value: &str, role: Role) {
        if self.is_full() {
            return;
        }
        let wrapped = text::wrap(value, self.width.saturating_sub(LABEL).max(8));
        for (at, line) in wrapped.into_iter().enumerate() {
            let label = text::left(if at == 0 { label } else { "" }, LABEL, self.look.glyphs.cut);
            self.lines.push(Line::from(vec![
                Span::styled(label, self.look.style(Role::Dim)),
                Span::styled(line, self.look.style(role)),
            ]));
        }
    }

    fn words(&mut self, mark: &str, words: &str, role: Role) {
        if self.is_full() {
            return;
        }
        let wrapped = text::wrap(words, self.width.saturating_sub(2).max(8));
        for (at, line) in wrapped.into_iter().enumerate() {
            let mark = if at == 0 { format!("{mark} ") } else { "  ".to_owned() };
            self.lines.push(Line::styled(mark + &line, self.look.style(role)));
        }
    }
}

/// The lines, the most urgent first: all of them, or more than there are rows.
pub(super) fn lines(look: &Look<'_>, incident: &Incident, width: usize, rows: usize) -> Vec<Line<'static>> {
    let mut page = Page { look, width, rows, lines: Vec::new() };
    standing(&mut page, incident);
    waiting(&mut page, incident);
    people(&mut page, incident);
    times(&mut page, incident);
    facts(&mut page, incident);
    page.lines
}

fn standing(page: &mut Page<'_>, incident: &Incident) {
    let look = page.look;
    let since = span((look.now - incident.status_since()).num_seconds());
    let role = if incident.is_open() { Role::TitleFocused } else { Role::Ok };
    page.row("status", &format!("{} for {since}", incident.status()), role);
    page.row("clock", &span_fine(incident.clock(look.now).num_seconds()), Role::Text);
    if let Some(into) = incident.merged_into() {
        page.row("goes on in", into.as_str(), Role::Warning);
    }
    for nudge in &look.session.incidents.nudges {
        let role = if nudge.urgent { Role::Warning } else { Role::Pending };
        page.words(look.glyphs.careful, &nudge.text, role);
    }
    if let Some(why) = &look.session.incidents.shared_fault {
        page.words(look.glyphs.bad, &format!("not shared now: {why}"), Role::Failed);
    }
}

/// What was not sent, and why.
fn waiting(page: &mut Page<'_>, incident: &Incident) {
    let look = page.look;
    let sent = incident.parcels().iter().filter(|parcel| parcel.receipt().is_some()).count();
    if incident.parcels().iter().next().is_none() {
        return;
    }
    page.head("Sent");
    let all = text::count(sent, "message or step arrived", "messages and steps arrived");
    page.words(look.glyphs.ok, &all, Role::Ok);
    let standings = look.session.incidents.standings.get(incident.id()).into_iter().flatten();
    let mut unsent: Vec<_> = standings
        .filter_map(|(key, standing)| Some((incident.parcels().get(key).filter(|parcel| !parcel.is_over())?, standing)))
        .collect();
    // What waits for a person is never folded away.
    unsent.sort_by_key(|(_, standing)| !standing.needs_somebody());
    let asks = unsent.iter().filter(|(_, standing)| standing.needs_somebody()).count();
    let shown = if unsent.len() > asks.max(WAITING) + 1 { asks.max(WAITING) } else { unsent.len() };
    for (parcel, standing) in &unsent[..shown] {
        let (mark, role) = match standing {
            Standing::Asks(..) | Standing::Stranded(_) => (look.glyphs.bad, Role::Failed),
            Standing::Later(_) => (look.glyphs.wait, Role::Warning),
            _ => (look.glyphs.wait, Role::Pending),
        };
        let what = describe(&parcel.delivery.what);
        let words = format!("{what} ({}): {}", parcel.delivery.service, standing.words(look.now));
        page.words(mark, &words, role);
        if standing.needs_somebody() {
            let keys =
                format!("{} sends it again, {} leaves it", look.key_of("incident-retry"), look.key_of("incident-drop"));
            page.words(" ", &keys, Role::Dim);
        } else if matches!(standing, Standing::Elsewhere(_)) {
            let keys = format!("{} sends it from here, if that console is gone", look.key_of("incident-take-over"));
            page.words(" ", &keys, Role::Dim);
        }
    }
    if shown < unsent.len() {
        let more = format!("and {} more wait; {} lists them", unsent.len() - shown, look.key_of("incident-drop"));
        page.words(look.glyphs.wait, &more, Role::Pending);
    }
}

fn people(page: &mut Page<'_>, incident: &Incident) {
    page.head("Roles");
    for part in Part::ALL {
        let who = incident.roles().get(&part);
        let role = if who.is_some() { Role::FocusLabel } else { Role::Placeholder };
        page.row(part.word(), who.map_or("nobody", String::as_str), role);
    }
    if let Some(channel) = incident.channel() {
        page.row("channel", channel.name, Role::Text);
        if let Some(link) = channel.link {
            page.row("", link, Role::Dim);
        }
    }
}

fn times(page: &mut Page<'_>, incident: &Incident) {
    page.head("Times (UTC)");
    let detected = incident.time(Moment::Detected);
    for moment in Moment::ALL {
        let words = incident.time(moment).map_or_else(
            || page.look.glyphs.none.to_owned(),
            |at| {
                let after = detected.filter(|detected| *detected < at);
                let after = after.map(|detected| format!("  +{}", span_fine((at - detected).num_seconds())));
                let hand = if incident.is_by_hand(moment) { "  set by hand" } else { "" };
                format!("{}{}{hand}", at.format("%H:%M:%S"), after.unwrap_or_default())
            },
        );
        page.row(moment.word(), &words, Role::Text);
    }
}

fn facts(page: &mut Page<'_>, incident: &Incident) {
    let glyphs = page.look.glyphs;
    page.head("Facts");
    page.row("service", &incident.declared().service, Role::Text);
    for suspect in incident.suspects().iter().take(2) {
        page.row("suspect", suspect, Role::Suspect);
    }
    for ((name, firing), count) in alerts(incident) {
        if page.is_full() {
            return;
        }
        let times = if count > 1 { format!(" ×{count}") } else { String::new() };
        if firing {
            page.words(glyphs.dot, &format!("{name}{times} fires"), Role::Critical);
        } else {
            page.words(glyphs.ok, &format!("{name}{times} cleared"), Role::Ok);
        }
    }
    for (_, impact) in incident.impacts() {
        if let Some(spent) = impact.spent {
            page.row("budget", &format!("{}: {:.1} % spent", impact.slo, spent * 100.0), Role::Warning);
        }
    }
    for task in incident.tasks() {
        let (mark, role) = if task.done { (glyphs.ok, Role::Dim) } else { (glyphs.ring, Role::Text) };
        page.words(mark, &task.text, role);
    }
}

/// How many alerts of one name fire, and how many cleared.
fn alerts(incident: &Incident) -> BTreeMap<(&str, bool), usize> {
    let mut counts = BTreeMap::new();
    for (name, _, alert) in incident.alerts() {
        *counts.entry((name, alert.firing)).or_default() += 1;
    }
    counts
}
