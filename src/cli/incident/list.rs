//! `opsdeck incident list` and `toil`: looking back.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::desk::{all, take_in_shared};
use crate::cli::output::{Failure, json as print_json, line};
use crate::cli::{Global, start};
use crate::domain::text::clean;
use crate::domain::time::span_fine;
use crate::incident::statistics::{ListRow, Medians, Statistics, toil as toil_of};
use crate::runtime::incidents::store::IncidentStore;
use crate::runtime::runbooks::table::columns;

/// Arguments of `incident list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Past ones too, and medians of how long things took
    #[arg(long)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `incident toil`.
#[derive(Debug, Args)]
pub struct ToilArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The store; nothing in it needs the network.
pub fn store(global: &Global) -> Result<IncidentStore, Failure> {
    let config = start::load_config(global)?.config;
    Ok(start::incident_home(&config, &start::dirs(global), global.demo.is_some()).store)
}

fn took(seconds: Option<i64>) -> String {
    seconds.map_or_else(|| "-".to_owned(), span_fine)
}

pub fn run(global: &Global, args: &ListArgs) -> Result<ExitCode, Failure> {
    take_in_shared(global)?;
    let known = all(&store(global)?, global.context.as_deref());
    let rows: Vec<ListRow> = known.iter().map(|known| ListRow::of(&known.incident)).collect();
    let statistics = Statistics::of(&rows);
    let open: Vec<bool> = known.iter().map(|known| known.incident.is_open()).collect();
    let shown: Vec<(&ListRow, &super::desk::Known)> =
        rows.iter().zip(&known).zip(&open).filter(|(_, open)| args.all || **open).map(|(both, _)| both).collect();
    if args.json {
        let incidents: Vec<_> = shown
            .iter()
            .map(|(row, known)| {
                json!({
                    "context": known.context,
                    "incident": row,
                    "seconds": {"acknowledge": row.to_acknowledge(), "mitigate": row.to_mitigate(), "resolve": row.to_resolve()},
                    "waiting": known.incident.waiting().count(),
                    "channel": known.incident.channel().map(|channel| channel.name.to_owned()),
                })
            })
            .collect();
        print_json(&json!({"incidents": incidents, "medians": statistics}))?;
        return Ok(ExitCode::SUCCESS);
    }
    if shown.is_empty() {
        line(if args.all {
            "no incident was ever declared here"
        } else {
            "no incident is open; --all lists past ones"
        });
        return Ok(ExitCode::SUCCESS);
    }
    let head = ["ID", "SEV", "STATUS", "SERVICE", "DETECTED (UTC)", "ACK", "MITIGATED", "RESOLVED", "TITLE"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    table.extend(shown.iter().map(|(row, known)| {
        let status = match (&row.merged_into, known.incident.waiting().count()) {
            (Some(into), _) => format!("merged into {into}"),
            (None, 0) => row.status.to_string(),
            (None, waiting) => format!("{} ({waiting} unsent)", row.status),
        };
        vec![
            row.id.to_string(),
            row.severity.to_string(),
            status,
            clean(&row.service).into_owned(),
            row.detected.map_or_else(|| "-".to_owned(), |at| at.format("%Y-%m-%d %H:%M").to_string()),
            took(row.to_acknowledge()),
            took(row.to_mitigate()),
            took(row.to_resolve()),
            clean(&row.title).into_owned(),
        ]
    }));
    line(&columns(&table));
    if args.all {
        line("");
        line(&columns(&medians(&statistics)));
    }
    Ok(ExitCode::SUCCESS)
}

fn medians(statistics: &Statistics) -> Vec<Vec<String>> {
    let row = |name: String, of: &Medians| {
        vec![name, of.incidents.to_string(), took(of.to_acknowledge), took(of.to_mitigate), took(of.to_resolve)]
    };
    let mut table = vec![["MEDIAN OF", "INCIDENTS", "ACK", "MITIGATED", "RESOLVED"].map(str::to_owned).to_vec()];
    table.push(row("all".to_owned(), &statistics.all));
    table.extend(statistics.by_severity.iter().map(|(severity, of)| row(severity.to_string(), of)));
    table.extend(statistics.by_service.iter().map(|(service, of)| row(clean(service).into_owned(), of)));
    table
}

pub fn toil(global: &Global, args: &ToilArgs) -> Result<ExitCode, Failure> {
    let known = all(&store(global)?, None);
    let found = toil_of(known.iter().map(|known| &known.incident));
    if args.json {
        print_json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    if found.is_empty() {
        line("no action was done in an incident yet");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table =
        vec![["TIMES", "ACTION", "ALERT", "INCIDENTS", "LAST (UTC)", "TARGETS"].map(str::to_owned).to_vec()];
    table.extend(found.iter().map(|toil| {
        vec![
            toil.times.to_string(),
            toil.action.clone(),
            if toil.alert.is_empty() { "-".to_owned() } else { clean(&toil.alert).into_owned() },
            toil.incidents.to_string(),
            toil.last.format("%Y-%m-%d %H:%M").to_string(),
            clean(&toil.targets.join(", ")).into_owned(),
        ]
    }));
    line(&columns(&table));
    Ok(ExitCode::SUCCESS)
}
