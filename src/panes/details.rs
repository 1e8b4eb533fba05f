//! All there is to know about one row, as lines for a box and as text for the clipboard.

mod of_batch;
mod of_flag;
mod of_node;

use ratatui::text::{Line, Span};

use crate::config::theme::Role;
use crate::domain::time::{age, span_fine};
use crate::state::logs::LogPlace;
use crate::state::rows::AlertKey;
use crate::state::session::Subject;
use crate::state::world::World;
use crate::ui::{Look, text};

/// Collects lines of one width.
struct Sheet<'a, 'b> {
    look: &'a Look<'b>,
    width: usize,
    lines: Vec<Line<'static>>,
}

/// Columns of the words at the left.
const LABEL: usize = 14;

impl Sheet<'_, '_> {
    fn head(&mut self, head: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        self.lines.push(Line::styled(head.to_owned(), self.look.style(Role::Title)));
    }

    fn row(&mut self, label: &str, content: &str, role: Role) {
        // A long label (of a Kubernetes label) takes what it needs and no more than half.
        let label_width = text::width(label).saturating_add(2).clamp(LABEL, self.width / 2);
        for (line, content) in text::wrap(content, self.width.saturating_sub(label_width)).into_iter().enumerate() {
            let label = if line == 0 { label } else { "" };
            self.lines.push(Line::from(vec![
                Span::styled(text::left(label, label_width, self.look.glyphs.cut), self.look.style(Role::Dim)),
                Span::styled(content, self.look.style(role)),
            ]));
        }
    }

    fn events(&mut self, namespace: &crate::domain::Text, kind: &str, name: &crate::domain::Text) {
        let events = self.look.world.events_of(namespace, kind, name);
        if events.is_empty() {
            return;
        }
        self.head("Events");
        for event in events.into_iter().take(20) {
            let role = if event.warning { Role::Warning } else { Role::Text };
            let times =
                if event.count > 1 { format!(" {}{}", self.look.glyphs.times, event.count) } else { String::new() };
            let label = format!("{} ago{times}", age(event.last_seen, self.look.now));
            self.row(&label, &format!("{}: {}", event.reason, event.message), role);
        }
    }
}

/// A number with four digits that count: `3.100`, `0.4075`, `171.2`.
fn four_digits(number: f64) -> String {
    let decimals = match number.abs() {
        1000.0.. => 0,
        100.0.. => 1,
        10.0.. => 2,
        1.0.. => 3,
        _ => 4,
    };
    format!("{number:.decimals$}")
}

/// Title and lines of a subject.
pub fn lines(look: &Look<'_>, subject: &Subject, width: usize) -> (String, Vec<Line<'static>>) {
    let mut sheet = Sheet { look, width, lines: Vec::new() };
    let title = match subject {
        Subject::Alert(key) => alert(&mut sheet, key),
        Subject::Slo(name) => slo(&mut sheet, name),
        Subject::Workload(id) => workload(&mut sheet, id),
        Subject::Pod(id) => pod(&mut sheet, id),
        Subject::Log(place) => log(&mut sheet, *place),
        Subject::Node(name) => of_node::node(&mut sheet, name),
        Subject::Flag(flag) => of_flag::flag(&mut sheet, flag),
    };
    if sheet.lines.is_empty() {
        sheet.row("", "it is gone", Role::Dim);
    }
    (title, sheet.lines)
}

fn alert(sheet: &mut Sheet<'_, '_>, key: &AlertKey) -> String {
    let look = sheet.look;
    let Some(row) = look.world.alerts.get(key) else { return key.0.to_string() };
    let (_, word, role) = super::alerts::severity(look, row);
    sheet.row("state", &format!("{word} for {}", age(row.since(), look.now)), role);
    if let Some(why) = &row.alert.suppressed_by {
        sheet.row("silent", why, Role::Muted);
    }
    if let Some(about) = &row.about {
        sheet.row("about", &about.to_string(), Role::FocusLabel);
    }
    if let Some(value) = row.alert.value {
        sheet.row("value", &format!("{value:.4}"), Role::Text);
    }
    for (name, value) in &row.alert.annotations {
        sheet.row(name, value, Role::Text);
    }
    for (index, one) in row.all.iter().enumerate().take(20) {
        let many = row.all.len() > 1;
        let head = if many { format!("Labels, {} of {}", index + 1, row.all.len()) } else { "Labels".into() };
        sheet.head(&head);
        for (name, value) in &one.labels {
            sheet.row(name, value, Role::Text);
        }
    }
    row.alert.name.to_string()
}

fn slo(sheet: &mut Sheet<'_, '_>, name: &crate::domain::Text) -> String {
    let look = sheet.look;
    let Some(row) = look.world.slos.get(name) else { return name.to_string() };
    let (reading, objective) = (&row.reading, &row.reading.objective);
    let (word, role) = super::slo::alarm(reading);
    sheet.row("state", word, role);
    sheet.row("service", &objective.service, Role::Text);
    sheet.row(
        "target",
        &format!("{} over {}d", super::slo::percent(objective.target), objective.period / 86_400),
        Role::Text,
    );
    if let Some(left) = reading.remaining {
        sheet.row("left", &format!("{:.2} %", left * 100.0), Role::Text);
    }
    for ((window, _), burn) in crate::domain::slo::WINDOWS.iter().zip(reading.burn) {
        let digits = |burn| format!("{}{}", look.glyphs.times, four_digits(burn));
        let burn = burn.map_or_else(|| look.glyphs.none.to_owned(), digits);
        sheet.row(&format!("burn {window}"), &burn, Role::Text);
    }
    if let Some(seconds) = reading.exhaustion() {
        let gone = if seconds == 0 { "now".into() } else { format!("in {}", span_fine(seconds)) };
        sheet.row("gone", &format!("{gone}, at the pace of the last hour"), Role::Text);
    }
    if let Some((bad, total)) = reading.events {
        sheet.row("events in 1h", &format!("{bad:.0} bad of {total:.0}"), Role::Text);
    }
    if let Some(error) = &reading.error {
        sheet.row("error", error, Role::Failed);
    }
    sheet.row("measured", &format!("{} ago", age(reading.at, look.now)), Role::Dim);
    sheet.head("Queries");
    sheet.row("errors", &objective.errors, Role::Text);
    sheet.row("total", &objective.total, Role::Text);
    name.to_string()
}

fn workload(sheet: &mut Sheet<'_, '_>, id: &crate::domain::target::WorkloadRef) -> String {
    let look = sheet.look;
    let title = format!("{} in {}", id.short(), id.namespace);
    let Some(row) = look.world.rollouts.get(id) else { return title };
    let rollout = &row.row.rollout;
    let (_, role) = super::rollouts::phase(look, row);
    let words = super::rollouts::words(look, row);
    let well = match id.kind {
        crate::domain::target::WorkloadKind::CronJob => "runs by its schedule",
        crate::domain::target::WorkloadKind::Job => "succeeded",
        _ => "complete",
    };
    sheet.row("state", if words.is_empty() { well } else { &words }, role);
    if let Some(suspect) = &row.suspect {
        let before = crate::domain::time::span(suspect.seconds_before);
        sheet.row("suspect", &format!("went out {before} before {}", suspect.alert), Role::Suspect);
    }
    if id.kind == crate::domain::target::WorkloadKind::CronJob {
        of_batch::schedule(sheet, row);
        sheet.events(&id.namespace, id.kind.kind(), &id.name);
        return title;
    }
    if let Some(progressive) = row.row.progressive() {
        of_batch::progressive(sheet, progressive);
    }
    if let Some(batch) = row.row.batch() {
        of_batch::job(sheet, batch);
        sheet.events(&id.namespace, id.kind.kind(), &id.name);
        return title;
    }
    let counts = format!(
        "{} wanted, {} ready, {} available, {} of the newest revision, {} in all",
        rollout.desired, rollout.ready, rollout.available, rollout.updated, rollout.total
    );
    sheet.row("pods", &counts, Role::Text);
    sheet.row("went out", &format!("{} ago", age(row.since(), look.now)), Role::Text);
    for image in row.row.images.iter() {
        sheet.row("image", image, Role::Text);
    }
    if let Some(cause) = &row.row.change_cause {
        sheet.row("cause", cause, Role::Text);
    }
    if let Some(by) = &row.row.managed_by {
        sheet.row("managed by", by, Role::Warning);
    }
    if let Some(hpa) = look.world.autoscaler(id) {
        sheet.row(
            "autoscaler",
            &format!("{}: {} to {} pods, {} now", hpa.name, hpa.min, hpa.max, hpa.current),
            Role::Text,
        );
    }
    let history: Vec<_> = look.world.history(id).take(20).collect();
    if !history.is_empty() {
        sheet.head("Revisions");
        for revision in history {
            let current = Some(revision.revision) == row.row.revision;
            let hash = |of: &str| revision.hash.as_deref() == Some(of);
            let role = row.row.progressive().and_then(|progressive| match () {
                () if hash(&progressive.stable) => Some("  stable"),
                () if hash(&progressive.current) => Some("  canary"),
                () => None,
            });
            let mut said = format!("{}  {} old", revision.images.join(", "), age(revision.created, look.now));
            if revision.replicas > 0 {
                said = format!("{said}  {}/{} ready", revision.ready, revision.replicas);
            }
            said.push_str(role.unwrap_or_default());
            if let Some(cause) = &revision.change_cause {
                said = format!("{said}  {cause}");
            }
            let label = format!("rev {}{}", revision.revision, if current { " (now)" } else { "" });
            sheet.row(&label, &said, if current { Role::Title } else { Role::Text });
        }
    }
    sheet.events(&id.namespace, id.kind.kind(), &id.name);
    title
}

fn pod(sheet: &mut Sheet<'_, '_>, id: &crate::domain::target::PodRef) -> String {
    let look = sheet.look;
    let title = format!("pod/{} in {}", id.name, id.namespace);
    let Some(row) = look.world.pods.get(id) else { return title };
    let (_, role) = super::pods::health(look, row);
    sheet.row("status", &row.status, role);
    if let Some(reason) = &row.reason {
        sheet.row("reason", reason, role);
    }
    sheet.row("ready", &format!("{} of {} containers", row.ready, row.containers), Role::Text);
    let restarts = match row.last_restart {
        Some(at) => format!("{}, the last {} ago", row.restarts, age(at, look.now)),
        None => row.restarts.to_string(),
    };
    sheet.row("restarts", &restarts, Role::Text);
    sheet.row("age", &age(row.created, look.now), Role::Text);
    if let Some(owner) = &row.owner {
        sheet.row("owner", &owner.to_string(), Role::FocusLabel);
    }
    if row.node.is_empty() {
        sheet.row("node", "none yet", Role::Dim);
    } else {
        let node = look.world.node(&row.node);
        let state = node.map_or(String::new(), |node| match (&node.problem, node.ready, node.cordoned) {
            (Some(problem), ..) => format!("  {problem}"),
            (None, false, _) => "  not ready".into(),
            (None, true, true) => "  cordoned".into(),
            (None, true, false) => String::new(),
        });
        let role = if state.is_empty() { Role::Text } else { Role::Warning };
        sheet.row("node", &format!("{}{state}", row.node), role);
    }
    if let Some([cpu, memory]) = look.world.usage(id).map(crate::domain::pod::PodUsage::words) {
        sheet.row("uses", &format!("{cpu} of CPU, {memory} of memory"), Role::Text);
    }
    sheet.row("containers", &row.container_names.join(", "), Role::Text);
    sheet.events(&id.namespace, "Pod", &id.name);
    title
}

fn log(sheet: &mut Sheet<'_, '_>, place: LogPlace) -> String {
    let look = sheet.look;
    let Some(entry) = look.world.logs.get(&place) else { return "Log line".into() };
    sheet.row("at", &entry.line.at.format("%Y-%m-%d %H:%M:%S%.3fZ").to_string(), Role::Text);
    sheet.row("pod", &entry.line.pod, Role::Text);
    sheet.row("container", &entry.line.container, Role::Text);
    if entry.count > 1 {
        sheet.row(
            "repeated",
            &format!("{} times until {}", entry.count, entry.last.format("%H:%M:%S%.3fZ")),
            Role::Text,
        );
    }
    sheet.lines.push(Line::default());
    let lines = text::wrap(&entry.line.text, sheet.width);
    sheet.lines.extend(lines.into_iter().map(|line| Line::styled(line, look.style(Role::Text))));
    for frame in &entry.frames {
        let lines = text::wrap(frame, sheet.width);
        sheet.lines.extend(lines.into_iter().map(|line| Line::styled(line, look.style(Role::Dim))));
    }
    "Log line".into()
}

/// A subject as text for the clipboard; `None` when it is gone.
pub fn text_of(world: &World, subject: &Subject) -> Option<String> {
    Some(match subject {
        Subject::Alert(key) => {
            let row = world.alerts.get(key)?;
            let labels: Vec<String> = row.alert.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{}: {} ({})", row.alert.name, row.alert.summary(), labels.join(", "))
        }
        Subject::Slo(name) => name.to_string(),
        Subject::Workload(id) => format!("{id} -n {}", id.namespace),
        Subject::Pod(id) => format!("pod/{} -n {}", id.name, id.namespace),
        Subject::Node(name) => format!("node/{name}"),
        Subject::Flag(flag) => flag.to_string(),
        Subject::Log(place) => {
            let entry = world.logs.get(place)?;
            let head = format!("{} {} {}", entry.line.at.to_rfc3339(), entry.line.pod, entry.line.text);
            std::iter::once(head).chain(entry.frames.iter().map(ToString::to_string)).collect::<Vec<_>>().join("\n")
        }
    })
}
