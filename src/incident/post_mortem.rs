//! The draft of a post-mortem: Markdown, filled in with what is known. It blames nobody: people are called by their role
//! wherever it speaks of what happened, and what changed is a possible factor, never a culprit.
//!
//! What is generated stands between markers (`parts`), so that it can be made anew while people write around it, and in
//! it: what they wrote is kept.

mod escape;
mod parts;

use std::fmt::{self, Write as _};

use chrono::TimeDelta;

pub use escape::escape;
pub use parts::regenerate;

use self::parts::Section;
use super::fold::Incident;
use super::timeline::{Row, RowKind, utc, utc_minute};
use super::{SELF, parcel::ParcelState, timeline};
use crate::domain::incident::Status;
use crate::domain::incident::entry::{Deed, Moment};
use crate::domain::time::{Instant, span_fine};

/// Who is named where nobody has a role.
const SOMEBODY: &str = "the on-call engineer";

/// The whole draft.
pub fn draft(incident: &Incident) -> String {
    let title = escape(incident.title());
    let mut text = format!("# Post-mortem: {title}\n\n");
    text.push_str(
        "> What stands between the `opsdeck` comments is generated. Write anywhere: when the draft is made again, \
         your words stay, and what is new is put beside them.\n",
    );
    for section in sections(incident) {
        put(&mut text, format_args!("\n## {}\n\n", section.title));
        text.push_str(&section.written());
        if !section.prompt.is_empty() {
            put(&mut text, format_args!("\n{}\n", section.prompt));
        }
    }
    text
}

fn put(text: &mut String, words: fmt::Arguments<'_>) {
    // Writing into memory cannot fail.
    let _ = text.write_fmt(words);
}

/// The name of the draft's file.
pub fn file_name(incident: &Incident) -> String {
    format!("{}.post-mortem.md", incident.id())
}

fn sections(incident: &Incident) -> Vec<Section> {
    let section = |name, title, body: String, prompt| Section { name, title, body, prompt };
    vec![
        section("overview", "Overview", overview(incident), ""),
        section("what-happened", "What happened", what_happened(incident), ""),
        section(
            "contributing-factors",
            "Contributing factors",
            factors(incident),
            "Which conditions made this possible? Ask what, not who.",
        ),
        section("resolution", "Resolution", resolution(incident), ""),
        section("impact", "Impact", impact(incident), "What did users notice?"),
        section("responders", "Responders", responders(incident), ""),
        section("timeline", "Timeline", table(incident), ""),
        section("went-well", "What went well", went_well(incident), ""),
        section("went-not-well", "What did not go well", went_not_well(incident), ""),
        section("action-items", "Action items", action_items(incident), "Each with an owner and a date."),
    ]
}

fn lasted(from: Option<Instant>, to: Option<Instant>) -> String {
    match (from, to) {
        (Some(from), Some(to)) => span_fine((to - from).max(TimeDelta::zero()).num_seconds()),
        _ => "open".to_owned(),
    }
}

fn overview(incident: &Incident) -> String {
    let declared = incident.declared();
    let place = declared.workload.as_ref().map_or_else(
        || escape(&declared.context),
        |workload| format!("{workload} in {}, {}", escape(&workload.namespace), escape(&declared.context)),
    );
    let mut text = String::from("| | |\n|---|---|\n");
    let mut row = |name: &str, value: String| put(&mut text, format_args!("| {name} | {value} |\n"));
    row("Incident", format!("`{}`", incident.id()));
    row("Severity", incident.severity().to_string());
    row("Status", incident.status().to_string());
    row("Service", escape(&declared.service));
    row("Where", place);
    for moment in Moment::ALL {
        let by_hand = if incident.is_by_hand(moment) { " (set by hand)" } else { "" };
        let at = incident.time(moment).map_or_else(|| "open".to_owned(), |at| utc(at) + by_hand);
        row(capital(moment.word()).as_str(), at);
    }
    let detected = incident.time(Moment::Detected);
    row("Time to acknowledge", lasted(detected, incident.time(Moment::Acknowledged)));
    row("Time to mitigate", lasted(detected, incident.time(Moment::Mitigated)));
    row("Time to resolve", lasted(detected, incident.time(Moment::Resolved)));
    if let Some(channel) = incident.channel() {
        let name = escape(channel.name);
        row("Channel", channel.link.map_or_else(|| name.clone(), |link| format!("{name} ({})", escape(link))));
    }
    for (id, title) in incident.absorbed() {
        row("Same as", format!("`{id}` ({})", escape(title)));
    }
    if let Some(into) = incident.merged_into() {
        row("Goes on as", format!("`{into}`"));
    }
    text
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn what_happened(incident: &Incident) -> String {
    let declared = incident.declared();
    let detected = incident.time(Moment::Detected).unwrap_or(incident.declared_at());
    let mut text = format!("The first sign was at {}", utc_minute(detected));
    let names: Vec<String> = incident.alert_names().map(escape).collect();
    if !names.is_empty() {
        put(&mut text, format_args!(" ({})", names.join(", ")));
    }
    put(
        &mut text,
        format_args!(". The incident was declared as {} at {}.", declared.severity, utc_minute(incident.declared_at())),
    );
    if let Some(burn) = declared.burn {
        put(&mut text, format_args!(" The error budget burned {burn:.1} times as fast as it may."));
    }
    if let Some(at) = incident.time(Moment::Mitigated) {
        put(&mut text, format_args!(" Users were served again at {}.", utc_minute(at)));
    }
    match incident.time(Moment::Resolved) {
        Some(at) => put(&mut text, format_args!(" It was resolved at {}.", utc_minute(at))),
        None => text.push_str(" It is not resolved yet."),
    }
    text.push('\n');
    let updates = incident.timeline().iter().filter(|row| row.kind == RowKind::Update);
    for update in updates {
        put(
            &mut text,
            format_args!("\nAt {}, everyone was told: {}\n", update.at.format("%H:%M UTC"), escape(&update.text)),
        );
    }
    text
}

fn factors(incident: &Incident) -> String {
    let suspects = incident.suspects();
    if suspects.is_empty() {
        return "Nothing that changed shortly before is known.\n".to_owned();
    }
    let mut text = String::from("What changed shortly before it, and may have contributed:\n\n");
    for suspect in suspects {
        put(&mut text, format_args!("- {}\n", escape(&suspect)));
    }
    text
}

fn resolution(incident: &Incident) -> String {
    let mut text = String::new();
    for entry in incident.entries() {
        match &entry.deed {
            Deed::Action { action, target, end: Some(end), detail, .. } => {
                let detail = detail.as_ref().map_or_else(String::new, |detail| format!(": {}", escape(detail)));
                let (action, target, end) = (escape(action), escape(target), escape(end));
                put(
                    &mut text,
                    format_args!("- {} {action} of {target}, {end}{detail}\n", entry.at.format("%H:%M UTC")),
                );
            }
            Deed::Status { to, reason: Some(reason), .. } if *to >= Status::Monitoring => {
                put(&mut text, format_args!("- {} {to}: {}\n", entry.at.format("%H:%M UTC"), escape(reason)));
            }
            _ => {}
        }
    }
    if text.is_empty() { "No action of ours is on record.\n".to_owned() } else { text }
}

fn impact(incident: &Incident) -> String {
    let detected = incident.time(Moment::Detected);
    let mut text = match incident.time(Moment::Mitigated) {
        Some(at) => format!("Users were affected for {}.\n", lasted(detected, Some(at))),
        None => "Users are still affected.\n".to_owned(),
    };
    let mut rows = incident.impacts().peekable();
    if rows.peek().is_none() {
        text.push_str("\nNo reading of an SLO is on record.\n");
        return text;
    }
    text.push_str("\n| SLO | budget spent (estimate) | budget left | bad events (estimate) | all events (estimate) |\n|---|---|---|---|---|\n");
    let percent = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |value| format!("{:.1} %", value * 100.0));
    let count = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |value| format!("{value:.0}"));
    for (_, impact) in rows {
        put(
            &mut text,
            format_args!(
                "| {} | {} | {} | {} | {} |\n",
                escape(&impact.slo),
                percent(impact.spent),
                percent(impact.left),
                count(impact.bad),
                count(impact.total)
            ),
        );
    }
    text
}

fn responders(incident: &Incident) -> String {
    let mut text = String::new();
    for (role, who) in incident.roles() {
        put(&mut text, format_args!("- {}: {}\n", role.title(), escape(who)));
    }
    let others = incident.people().filter(|who| incident.roles().values().all(|known| **known != ***who));
    for who in others {
        put(&mut text, format_args!("- {}\n", escape(who)));
    }
    text
}

/// Who did it, by role.
fn role_of(incident: &Incident, row: &Row) -> String {
    if &*row.by == SELF {
        return SELF.to_owned();
    }
    let role = incident.roles().iter().find(|(_, who)| **who == *row.by);
    role.map_or_else(|| SOMEBODY.to_owned(), |(role, _)| role.title().to_owned())
}

/// Of failures only what still stands: not those that an attempt later mended.
fn is_final(incident: &Incident, row: &Row) -> bool {
    let Some(Deed::Unsent { key, why, .. }) = incident.entry(&row.stamp).map(|entry| &entry.deed) else { return true };
    let state = incident.parcels().get(key).map(|parcel| &parcel.state);
    matches!(state, Some(ParcelState::Unsent { why: last, .. }) if last == why)
}

fn table(incident: &Incident) -> String {
    let mut text = String::from("| time (UTC) | what | by |\n|---|---|---|\n");
    for row in incident.timeline().iter().filter(|row| is_final(incident, row)) {
        let at = row.at.format("%Y-%m-%d %H:%M:%S");
        put(&mut text, format_args!("| {at} | {} | {} |\n", escape(&row.text), role_of(incident, row)));
    }
    text
}

fn went_well(incident: &Incident) -> String {
    let mut text = String::new();
    let detected = incident.time(Moment::Detected);
    if let Some(at) = incident.time(Moment::Acknowledged) {
        put(&mut text, format_args!("- Somebody took it on {} after the first sign.\n", lasted(detected, Some(at))));
    }
    if let Some(runbook) = &incident.declared().runbook {
        put(&mut text, format_args!("- There was a runbook: {}.\n", escape(runbook)));
    }
    let verified = incident.timeline().iter().filter(|row| row.kind == RowKind::Action);
    let verified = verified.filter(|row| row.text.contains(" done")).count();
    if verified > 0 {
        put(&mut text, format_args!("- {verified} actions were done and verified.\n"));
    }
    if text.is_empty() { "- \n".to_owned() } else { text }
}

fn went_not_well(incident: &Incident) -> String {
    let mut text = String::new();
    for row in incident.timeline().iter().filter(|row| row.kind == RowKind::ActionFailed) {
        let what = escape(&row.text);
        put(
            &mut text,
            format_args!("- {} {what}. What would have made this visible before?\n", row.at.format("%H:%M UTC")),
        );
    }
    if incident.reopened() > 0 {
        put(&mut text, format_args!("- It was opened again {} times.\n", incident.reopened()));
    }
    for parcel in incident.parcels() {
        let what = escape(&timeline::describe(&parcel.delivery.what));
        match &parcel.state {
            ParcelState::Unsent { why, .. } => put(&mut text, format_args!("- Not sent: {what}: {}.\n", escape(why))),
            ParcelState::Dropped { with: Some(_), .. } => {}
            ParcelState::Dropped { .. } => put(&mut text, format_args!("- Left unsent: {what}.\n")),
            ParcelState::Sent { .. } if parcel.attempts > 1 => {
                put(&mut text, format_args!("- Sent at attempt {}: {what}.\n", parcel.attempts));
            }
            _ => {}
        }
    }
    if text.is_empty() { "- \n".to_owned() } else { text }
}

fn action_items(incident: &Incident) -> String {
    let mut text = String::new();
    for task in incident.tasks() {
        let mark = if task.done { 'x' } else { ' ' };
        let owner = task.owner.as_ref().map_or_else(String::new, |owner| format!(" ({})", escape(owner)));
        put(&mut text, format_args!("- [{mark}] {}{owner}\n", escape(&task.text)));
    }
    if text.is_empty() { "- [ ] \n".to_owned() } else { text }
}
