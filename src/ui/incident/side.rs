//! How the incident stands: clock and times, who does what, what it waits for, what was not sent, what is left to do.

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

struct Page<'a> {
    look: &'a Look<'a>,
    width: usize,
    lines: Vec<Line<'static>>,
}

impl Page<'_> {
    fn head(&mut self, words: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        self.lines.push(Line::styled(words.to_owned(), self.look.style(Role::Title)));
    }

    /// A word and what it is; wrapped under itself.
    fn row(&mut self, label: &str, value: &str, role: Role) {
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
        let wrapped = text::wrap(words, self.width.saturating_sub(2).max(8));
        for (at, line) in wrapped.into_iter().enumerate() {
            let mark = if at == 0 { format!("{mark} ") } else { "  ".to_owned() };
            self.lines.push(Line::styled(mark + &line, self.look.style(role)));
        }
    }
}

/// All lines, the most urgent first.
pub(super) fn lines(look: &Look<'_>, incident: &Incident, width: usize) -> Vec<Line<'static>> {
    let mut page = Page { look, width, lines: Vec::new() };
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
    for nudge in look.session.incidents.nudges(incident, look.now) {
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
    for (key, standing) in look.session.incidents.standings.get(incident.id()).into_iter().flatten() {
        let Some(parcel) = incident.parcels().get(key).filter(|parcel| !parcel.is_over()) else { continue };
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
        }
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
    let alerts: Vec<(String, bool)> =
        incident.alerts().map(|(name, _, alert)| (name.to_owned(), alert.firing)).collect();
    for (name, firing) in alerts {
        if firing {
            page.words(glyphs.dot, &format!("{name} fires"), Role::Critical);
        } else {
            page.words(glyphs.ok, &format!("{name} cleared"), Role::Ok);
        }
    }
    let impacts: Vec<String> = incident
        .impacts()
        .filter_map(|(_, impact)| impact.spent.map(|spent| format!("{}: {:.1} % spent", impact.slo, spent * 100.0)))
        .collect();
    for impact in impacts {
        page.row("budget", &impact, Role::Warning);
    }
    let tasks: Vec<(String, bool)> = incident.tasks().iter().map(|task| (task.text.clone(), task.done)).collect();
    for (task, done) in tasks {
        page.words(if done { glyphs.ok } else { glyphs.ring }, &task, if done { Role::Dim } else { Role::Text });
    }
}
