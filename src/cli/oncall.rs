//! `opsdeck oncall` and `opsdeck page list`: who is on call and what people are paged with, of all paging services of this
//! context. They read, and alter nothing.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use futures::future::join_all;
use serde_json::{Value, json};

use super::output::{self, Failure, error_line, line};
use super::start::Start;
use super::{Global, start};
use crate::domain::time::{Instant, age};
use crate::ports::Future;
use crate::ports::feed::Fault;
use crate::ports::incident::{OnCall, Page, Paging};
use crate::runtime::incidents::office::Ground;

/// Options of `oncall`.
#[derive(Debug, Args)]
pub struct OnCallArgs {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Pages: read.
#[derive(Debug, Subcommand)]
pub enum PageCommand {
    /// List the pages that are not resolved, the newest first
    List(PageListArgs),
}

/// Options of `page list`.
#[derive(Debug, Args)]
pub struct PageListArgs {
    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

/// Who is on call.
pub fn oncall(global: &Global, args: &OnCallArgs) -> Result<ExitCode, Failure> {
    let ask = |service: Arc<dyn Paging>| -> Future<'static, Result<Vec<OnCall>, Fault>> {
        Box::pin(async move { service.on_call().await })
    };
    run(global, args.json, ("nobody is on call", ask), on_call_json, on_call_line)
}

/// Pages.
pub fn page(global: &Global, command: &PageCommand) -> Result<ExitCode, Failure> {
    let PageCommand::List(args) = command;
    let ask = |service: Arc<dyn Paging>| -> Future<'static, Result<Vec<Page>, Fault>> {
        Box::pin(async move { service.pages().await })
    };
    run(global, args.json, ("no page is open", ask), page_json, page_lines)
}

/// Asks every paging service at once. One that fails is told, and hides nothing of the others: exit code 5. What it means
/// that there is nothing is said.
fn run<T: Send>(
    global: &Global,
    as_json: bool,
    (none, ask): (&str, impl Fn(Arc<dyn Paging>) -> Future<'static, Result<Vec<T>, Fault>>),
    to_json: impl Fn(&str, &T) -> Value,
    to_text: impl Fn(&str, &T, Instant) -> String,
) -> Result<ExitCode, Failure> {
    start::block_on(async {
        let start = start::start(global).await?;
        let ground = ground(&start).await?;
        let now = start.launch.clock.now();
        let services = services(&ground)?;
        let answers = join_all(services.iter().map(|service| ask(service.clone()))).await;
        let (mut code, mut values) = (ExitCode::SUCCESS, Vec::new());
        if !as_json && answers.iter().all(|answer| answer.as_ref().is_ok_and(Vec::is_empty)) {
            line(none);
        }
        for (service, answer) in services.iter().zip(answers) {
            match answer {
                Ok(rows) if as_json => values.extend(rows.iter().map(|row| to_json(service.name(), row))),
                Ok(rows) => rows.iter().for_each(|row| line(&to_text(service.name(), row, now))),
                Err(fault) => {
                    error_line(&format!("{}: {fault}", service.name()));
                    if let Some(hint) = fault.hint {
                        error_line(&format!("  hint: {hint}"));
                    }
                    code = ExitCode::from(5);
                }
            }
        }
        if as_json {
            output::json(&values)?;
        }
        Ok(code)
    })
}

/// The services of a context. No cluster is needed to ask them; only to know which context it is, when none is named.
async fn ground(start: &Start) -> Result<Ground, Failure> {
    let launch = &start.launch;
    match (launch.connect(start.context.clone(), start.namespace.clone(), 1).await, &start.context) {
        (Ok(connected), _) => Ok(connected.incidents),
        (Err(_), Some(context)) => Ok(launch.incident_ground(context).await?),
        (Err(fault), None) => match launch.current_context().await {
            Some(context) => Ok(launch.incident_ground(&context).await?),
            None => Err(start::unusable(fault)),
        },
    }
}

fn services(ground: &Ground) -> Result<&[Arc<dyn Paging>], Failure> {
    let services = &ground.services.pagings;
    if services.is_empty() {
        let message = format!("no paging service is configured for context {}", ground.context);
        return Err(Failure::usage(message).hint("name one: [[paging]] in the configuration"));
    }
    Ok(services)
}

fn on_call_json(service: &str, row: &OnCall) -> Value {
    json!({"service": service, "who": row.who, "of": row.of, "level": row.level, "until": row.until})
}

/// `1  Ada  Checkout (Primary)  until 2026-11-22 08:00 UTC  pd`.
fn on_call_line(service: &str, row: &OnCall, _: Instant) -> String {
    let until = row.until.map_or_else(|| "always".to_owned(), |at| at.format("until %Y-%m-%d %H:%M UTC").to_string());
    format!("{}  {:24}  {:32}  {until:26}  {service}", row.level, row.who, row.of).trim_end().to_owned()
}

fn page_json(service: &str, row: &Page) -> Value {
    json!({
        "paging": service, "id": row.id, "title": row.title, "service": row.service, "status": row.status,
        "alerts": row.alerts, "assigned": row.assigned, "since": row.since, "link": row.link,
    })
}

/// Two lines: what it is and since when, and who has it.
fn page_lines(service: &str, row: &Page, now: Instant) -> String {
    let with = if row.assigned.is_empty() { "nobody".to_owned() } else { row.assigned.join(", ") };
    let alerts = if row.alerts.is_empty() { String::new() } else { format!("; alerts: {}", row.alerts.join(", ")) };
    let head = format!(
        "{}  {:12}  {:>4}  {}  ({}, {service})",
        row.id,
        row.status,
        age(row.since, now),
        row.title,
        row.service
    );
    format!("{head}\n    with {with}{alerts}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn rows_read_as_people_want_them() {
        let row = OnCall {
            who: "Ada".into(),
            of: "Checkout (Primary)".into(),
            level: 1,
            until: Some(at("2026-11-22T08:00:00Z")),
        };
        let now = at("2026-11-21T15:00:00Z");
        let words: Vec<_> = on_call_line("pd", &row, now).split_whitespace().map(str::to_owned).collect();
        assert_eq!(words.join(" "), "1 Ada Checkout (Primary) until 2026-11-22 08:00 UTC pd");
        assert_eq!(on_call_json("pd", &row)["until"], "2026-11-22T08:00:00Z");
        let page = Page {
            id: "PT4KHLK".into(),
            title: "HighErrorRate on payment".into(),
            service: "Payment".into(),
            status: "triggered".into(),
            alerts: vec!["HighErrorRate".into()],
            assigned: Vec::new(),
            since: at("2026-11-21T14:31:00Z"),
            link: None,
        };
        let text = page_lines("pd", &page, now);
        assert!(text.starts_with("PT4KHLK  triggered      29m  HighErrorRate on payment  (Payment, pd)"), "{text}");
        assert!(text.ends_with("with nobody; alerts: HighErrorRate"), "{text}");
        assert_eq!(page_json("pd", &page)["alerts"][0], "HighErrorRate");
    }
}
