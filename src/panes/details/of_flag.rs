//! All there is to know about a flag: what the list told, and what was read of it when its details were opened.

use super::Sheet;
use crate::config::theme::Role;
use crate::domain::flag::{FlagDetail, FlagRef, FlagRow};
use crate::domain::time::age;
use crate::panes::flags;

pub(super) fn flag(sheet: &mut Sheet<'_, '_>, id: &FlagRef) -> String {
    let look = sheet.look;
    let title = format!("flag {id}");
    let Some(row) = look.world.flags.get(id) else { return title };
    listed(sheet, row);
    match look.session.flag.as_ref().filter(|(read, _)| read == id).map(|(_, detail)| detail) {
        None => sheet.row("", &format!("reading the rest{}", look.glyphs.cut), Role::Pending),
        Some(Err(why)) => sheet.row("not read", why, Role::Failed),
        Some(Ok(detail)) => read(sheet, detail),
    }
    title
}

fn listed(sheet: &mut Sheet<'_, '_>, row: &FlagRow) {
    let look = sheet.look;
    let (_, word, role) = flags::state(look, row);
    sheet.row("state", &format!("{word}{}", row.id.place()), role);
    sheet.row("users", &row.serves, Role::Text);
    if let Some(description) = &row.description {
        sheet.row("what", description, Role::Text);
    }
    let kind = row.kind.word();
    if !kind.is_empty() {
        sheet.row("kind", kind, Role::Text);
    }
    if row.stale {
        sheet.row("stale", "its owners call it stale", Role::Warning);
    }
    if let Some(event) = &row.changed {
        sheet.row(
            "last change",
            &format!("{} ago by {}: {}", age(event.at, look.now), event.by, event.what),
            Role::Text,
        );
    }
    if let Some(seen) = &row.seen {
        let said = format!("{} yes, {} no in the last {} min", seen.yes, seen.no, seen.seconds / 60);
        sheet.row("asked for", &said, Role::Text);
    }
    if let Some(at) = row.last_seen {
        sheet.row("last asked", &format!("{} ago", age(at, look.now)), Role::Text);
    }
    for (label, texts) in [("tags", &row.tags), ("workloads", &row.workloads)] {
        if !texts.is_empty() {
            sheet.row(label, &texts.join(", "), Role::Text);
        }
    }
    sheet.row("kept in", &format!("{}, project {}", row.id.source, row.id.project), Role::Dim);
}

fn read(sheet: &mut Sheet<'_, '_>, detail: &FlagDetail) {
    let look = sheet.look;
    let facts = &detail.facts;
    if let Some(approval) = &facts.approval {
        let open = approval.open.as_ref().map_or_else(String::new, |open| format!("; open: {open}"));
        sheet.row("approval", &format!("{}{open}", approval.why), Role::Warning);
    }
    for warning in &facts.warnings {
        sheet.row("careful", warning, Role::Warning);
    }
    sheet.head("Who gets it while it is on");
    if facts.strategies.is_empty() {
        sheet.row("", &facts.when_on, Role::Text);
    }
    for (index, strategy) in facts.strategies.iter().enumerate() {
        sheet.row(&format!("strategy {}", index + 1), strategy, Role::Text);
    }
    if !facts.variants.is_empty() {
        sheet.row("variants", &facts.variants.join(", "), Role::Text);
    }
    if !detail.environments.is_empty() {
        sheet.head("Environments");
        for (name, enabled) in &detail.environments {
            let (word, role) = if *enabled { ("on", Role::Ok) } else { ("off", Role::Dim) };
            sheet.row(name, word, role);
        }
    }
    sheet.head("History");
    for event in &detail.history {
        sheet.row(&format!("{} ago", age(event.at, look.now)), &format!("{}: {}", event.by, event.what), Role::Text);
    }
    if detail.history.is_empty() {
        sheet.row("", "nothing is told", Role::Dim);
    }
    for gap in &detail.gaps {
        sheet.row("not read", gap, Role::Stale);
    }
}
