//! `opsdeck incident show`: one incident, as it is on disk after what others share was taken in. Nothing is sent.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::desk::{choose, take_in_shared};
use super::list::store;
use crate::cli::Global;
use crate::cli::output::{Failure, json as print_json, line};
use crate::domain::incident::Role;
use crate::domain::incident::entry::Moment;
use crate::domain::text::{clean, clean_lines};
use crate::domain::time::span_fine;
use crate::incident::Incident;
use crate::incident::outbox::{Outbox, Standing};
use crate::incident::timeline::{describe, utc};
use crate::incident::{nudge, statistics::ListRow};
use crate::runtime::clock::Clock;
use crate::runtime::incidents::store::IncidentStore;

/// Arguments of `incident show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Its id, or `last` [default: the open one]
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Only the timeline
    #[arg(long)]
    timeline: bool,
    /// Print its entries and what they make, as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(global: &Global, args: &ShowArgs) -> Result<ExitCode, Failure> {
    take_in_shared(global)?;
    let store = store(global)?;
    let known = choose(&store, args.id.as_deref(), global.context.as_deref())?;
    let known = known.ok_or_else(|| {
        Failure::usage(match &args.id {
            Some(id) => format!("there is no incident `{id}`"),
            None => "no incident is open".to_owned(),
        })
        .hint("opsdeck incident list --all")
    })?;
    let incident = &known.incident;
    if args.json {
        print_json(&json!({
            "context": known.context,
            "incident": ListRow::of(incident),
            "roles": incident.roles(),
            "entries": incident.entries().collect::<Vec<_>>(),
        }))?;
    } else if args.timeline {
        timeline(incident);
    } else {
        whole(incident, &known.context, Some(&store));
    }
    Ok(ExitCode::SUCCESS)
}

/// The timeline, a row each.
pub fn timeline(incident: &Incident) {
    for row in incident.timeline() {
        let mut lines = row.text.lines();
        let first = lines.next().unwrap_or_default();
        line(&clean(&format!("{}  {:<16}  {first}", utc(row.at), row.by)));
        for more in lines {
            line(&clean(&format!("{:22}{:<16}  {more}", "", "")));
        }
    }
}

/// Everything about it.
pub fn whole(incident: &Incident, context: &str, store: Option<&IncidentStore>) {
    let now = Clock::System.now();
    let say = |text: String| line(&clean_lines(&text));
    say(format!("{}  {}  {}", incident.id(), incident.severity(), incident.status()));
    say(incident.title().to_owned());
    let declared = incident.declared();
    say(format!("service {}  context {context}  clock {}", declared.service, nudge::clock(incident, now)));
    for moment in Moment::ALL {
        if let Some(at) = incident.time(moment) {
            let by_hand = if incident.is_by_hand(moment) { "  (set by hand)" } else { "" };
            say(format!("  {:<13}{}{by_hand}", moment.word(), utc(at)));
        }
    }
    for role in Role::ALL {
        let who = incident.roles().get(&role).map_or("-", String::as_str);
        say(format!("  {:<20}{who}", role.title()));
    }
    if let Some(channel) = incident.channel() {
        say(format!("channel {} in {}  {}", channel.name, channel.service, channel.link.unwrap_or_default()));
    }
    if let Some(into) = incident.merged_into() {
        say(format!("merged into {into}"));
    }
    for task in incident.tasks() {
        let owner = task.owner.as_deref().map(|owner| format!(" ({owner})")).unwrap_or_default();
        say(format!("[{}] {}{owner}", if task.done { 'x' } else { ' ' }, task.text));
    }
    if let Some(path) = incident.post_mortem() {
        say(format!("post-mortem {path}"));
    }
    // Of nobody: it only looks.
    let outbox = Outbox::new("".into(), false);
    for (parcel, standing) in outbox.standings(incident, now) {
        if !parcel.is_over() {
            let age = span_fine((now - parcel.planned).num_seconds().max(0));
            let what = describe(&parcel.delivery.what);
            let standing = match (&standing, store) {
                (Standing::Elsewhere(writer), Some(store)) if store.writers().is_gone(writer) => {
                    "left by a console that ended; `opsdeck incident retry` sends it".to_owned()
                }
                _ => standing.words(now),
            };
            say(format!("unsent: {what} [{}], planned {age} ago: {standing}", parcel.delivery.key));
        }
    }
    line("");
    timeline(incident);
}
