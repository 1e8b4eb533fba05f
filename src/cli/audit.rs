//! `opsdeck audit`: read the record of every action, or check that nothing in it was altered.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::drive::{Manner, drive};
use super::output::{Failure, error_line, line};
use super::{Global, start};
use crate::actions::outcome::End;
use crate::actions::{Origin, undo};
use crate::domain::audit::{Entry, Query, entries};
use crate::domain::time::Instant;
use crate::ports::journal::{AuditLog, Chain};
use crate::runtime::clock::Clock;
use crate::runtime::journal::{self, FileJournal};

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Print the actions, oldest first. --context and --namespace narrow them too. Times are UTC
    Show(ShowArgs),
    /// Take a recorded action back: plan, confirm, execute, verify, record, in the context where it was done
    Undo {
        /// Its id: the last word of its line in `opsdeck audit show`; printed after the action too
        id: String,
        #[command(flatten)]
        manner: Manner,
    },
    /// Check the hash chain over all files: name the first record that was altered, removed or put in
    Verify {
        /// Also check that the record with this hash (printed by an earlier verify) is still there
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// Which actions.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Begun since then: an instant (2026-03-04T14:30:00Z), a day (2026-03-04), or a time ago (2h, 3d)
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Begun before then, said in the same ways
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only this action (rollback)
    #[arg(long, value_name = "NAME")]
    action: Option<String>,
    /// Only targets with this text in them (deployment/payment)
    #[arg(long, value_name = "TEXT")]
    target: Option<String>,
    /// Only what ended so
    #[arg(long, value_name = "END", value_parser = ends())]
    end: Option<String>,
    /// Only users, or identities in the cluster, with this text in them
    #[arg(long, value_name = "TEXT")]
    user: Option<String>,
    /// Only this incident
    #[arg(long, value_name = "ID")]
    incident: Option<String>,
    /// Only intents without an outcome: under way, or cut off by a crash
    #[arg(long, conflicts_with = "end")]
    open: bool,
    /// Only the last N of them
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    /// The records as written, one JSON object per line
    #[arg(long)]
    json: bool,
}

fn ends() -> clap::builder::PossibleValuesParser {
    let words = [End::Done, End::Refused, End::Cancelled, End::Conflict, End::Failed, End::Unverified].map(End::word);
    clap::builder::PossibleValuesParser::new(words.into_iter().chain(["open"]))
}

/// Runs it.
pub fn run(global: &Global, command: &AuditCommand) -> Result<ExitCode, Failure> {
    let config = start::load_config(global)?.config;
    let path = start::audit_path(&config, &start::dirs(global));
    match command {
        AuditCommand::Undo { id, manner } => take_back(global, &path, id, manner),
        AuditCommand::Verify { head, json } => verify(&path, head.as_deref(), *json),
        AuditCommand::Show(args) => {
            let query = query(global, args, global.demo_at.unwrap_or_else(|| Clock::System.now()))?;
            show(&FileJournal::new(path), &query, args)
        }
    }
}

/// The context of the record is the one to act in; another one on the command line is a mistake.
fn take_back(global: &Global, path: &std::path::Path, id: &str, manner: &Manner) -> Result<ExitCode, Failure> {
    let reading = FileJournal::new(path)
        .read_last(usize::MAX)
        .map_err(|error| Failure::failed(format!("cannot read the audit log {}: {}", error.path, error.why)))?;
    if let Chain::Broken(why) = reading.chain {
        return Err(Failure::failed(format!("the audit log is not intact, and what it says is not acted on: {why}")));
    }
    let log = entries(reading.records);
    let request = undo::of_log(&log, id, Origin::Headless).map_err(Failure::usage)?;
    let context = log.iter().find(|entry| entry.id == id).map(|entry| entry.context.clone()).unwrap_or_default();
    if global.context.as_ref().is_some_and(|named| *named != context) {
        return Err(Failure::usage(format!("{id} was done in context {context}")).hint("leave --context away"));
    }
    start::block_on(async {
        let start = start::start(global).await?;
        let connected =
            start.launch.connect(Some(context), start.namespace.clone(), 1).await.map_err(start::unusable)?;
        start.settle(&connected).await;
        drive(&start.launch, &connected, manner.apply(request), manner).await
    })
}

fn verify(path: &std::path::Path, head: Option<&str>, json: bool) -> Result<ExitCode, Failure> {
    let shown = path.display();
    let is_hash = |hash: &str| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(head) = head.filter(|head| !is_hash(head)) {
        return Err(Failure::usage(format!(
            "`{head}` is no hash: 64 hex digits, as printed by `opsdeck audit verify`"
        )));
    }
    if head.is_none() && FileJournal::new(path).read_last(0).is_ok_and(|reading| is_empty(&reading.chain)) {
        line(&format!("no audit log yet ({shown}): nothing was done"));
        return Ok(ExitCode::SUCCESS);
    }
    let head = head.map(str::to_lowercase);
    let summary = match journal::verify_against(path, head.as_deref()) {
        Ok(summary) => summary,
        Err(broken) => {
            if json {
                super::output::json(&serde_json::json!({"intact": false, "first": broken}))?;
            }
            return Err(Failure::failed(format!("the audit log in {shown} is not intact: {broken}"))
                .hint("the records before that place are intact; `opsdeck audit show` prints what can be read"));
        }
    };
    if json {
        super::output::json(&serde_json::json!({"intact": true, "log": summary}))?;
        return Ok(ExitCode::SUCCESS);
    }
    let plural = |n: usize, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") };
    let records = plural(summary.records as usize, "record");
    line(&format!("{shown}: {records} in {}, the chain is intact", plural(summary.files, "file")));
    for torn in &summary.torn {
        line(&format!("torn by a crash while being written: {} line {}", torn.file, torn.line));
    }
    for remark in &summary.remarks {
        line(&format!("careful: {remark}"));
    }
    line(&format!("head {}", summary.head));
    Ok(ExitCode::SUCCESS)
}

const fn is_empty(chain: &Chain) -> bool {
    matches!(chain, Chain::Whole { records: 0, torn: 0, .. })
}

fn query(global: &Global, args: &ShowArgs, now: Instant) -> Result<Query, Failure> {
    let when = |argument: &str, text: &Option<String>| {
        let read = |text: &String| {
            instant(text, now).ok_or_else(|| {
                Failure::usage(format!("{argument}: `{text}` is no instant and no time ago"))
                    .hint("write 2026-03-04T14:30:00Z, 2026-03-04, 2h or 30m")
            })
        };
        text.as_ref().map(read).transpose()
    };
    let (since, until) = (when("--since", &args.since)?, when("--until", &args.until)?);
    if let (Some(from), Some(to)) = (since, until)
        && from >= to
    {
        return Err(Failure::usage(format!("--since {from} is not before --until {to}: nothing lies between them")));
    }
    Ok(Query {
        since,
        until,
        action: args.action.clone(),
        target: args.target.clone(),
        end: args.end.clone(),
        user: args.user.clone(),
        context: global.context.clone(),
        namespace: global.namespace.clone(),
        incident: args.incident.clone(),
        open: args.open,
    })
}

/// An instant, the beginning of a day (UTC), or a time ago.
fn instant(text: &str, now: Instant) -> Option<Instant> {
    let text = text.trim();
    if let Ok(at) = chrono::DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    if let Ok(day) = text.parse::<chrono::NaiveDate>() {
        return Some(day.and_time(chrono::NaiveTime::MIN).and_utc());
    }
    let ago = humantime::parse_duration(text.strip_suffix(" ago").unwrap_or(text)).ok()?;
    now.checked_sub_signed(chrono::TimeDelta::from_std(ago).ok()?)
}

fn show(log: &FileJournal, query: &Query, args: &ShowArgs) -> Result<ExitCode, Failure> {
    let reading = log
        .read_last(usize::MAX)
        .map_err(|error| Failure::failed(format!("cannot read the audit log {}: {}", error.path, error.why)))?;
    if is_empty(&reading.chain) {
        if !args.json {
            line(&format!("no audit log yet ({}): nothing was done", reading.path));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let all = entries(reading.records);
    let mut chosen: Vec<&Entry> = all.iter().filter(|entry| query.accepts(entry)).collect();
    chosen.drain(..args.last.map_or(0, |last| chosen.len().saturating_sub(last)));
    if args.json {
        let mut records: Vec<_> = chosen.iter().flat_map(|entry| &entry.records).collect();
        records.sort_by_key(|record| record.get("seq").and_then(serde_json::Value::as_u64));
        for record in records {
            line(&record.to_string());
        }
    } else if chosen.is_empty() {
        line(&format!("none of {} in {} is what was asked for", count(all.len()), reading.path));
    } else {
        for text in table(&chosen) {
            line(&text);
        }
    }
    if let Chain::Broken(why) = reading.chain {
        error_line(&format!("careful: this log is not intact: {why}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn count(actions: usize) -> String {
    if actions == 1 { "1 action".to_owned() } else { format!("{actions} actions") }
}

/// One line for each action; below it, indented, why it was done and what became of it where that is not simply done.
fn table(entries: &[&Entry]) -> Vec<String> {
    let widest = |text: &dyn Fn(&Entry) -> String| {
        entries.iter().map(|entry| text(entry).chars().count()).max().unwrap_or_default().min(48)
    };
    let (end, action) = (widest(&|entry| entry.end_word().to_owned()), widest(&|entry| entry.action.clone()));
    let (target, place) = (widest(&Entry::targets), widest(&Entry::place));
    let mut lines = Vec::new();
    for entry in entries {
        let at = entry.at.map_or_else(|| "?".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%SZ").to_string());
        // What needs a look is loud.
        let word = if entry.end_word() == "done" { "done".to_owned() } else { entry.end_word().to_uppercase() };
        let took = entry.took();
        let head = format!(
            "{at:20}  {word:end$}  {:action$}  {:target$}  {:place$}  {took:>7}  {}  {}",
            entry.action,
            entry.targets(),
            entry.place(),
            entry.who(),
            entry.id
        );
        lines.push(head.trim_end().to_owned());
        let mut below = |name: &str, text: &Option<String>| {
            lines.extend(text.as_ref().map(|text| format!("{:22}{name} {text}", "")));
        };
        below("why:", &entry.reason);
        below("incident:", &entry.incident);
        match &entry.end {
            None => below("open:", &Some("no outcome is recorded; it is under way, or a crash cut it off".to_owned())),
            Some(ended) if ended.word != "done" => below("what:", &ended.detail),
            Some(_) => {}
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn instants_are_read_in_all_three_ways() {
        let now = instant("2026-03-04T14:30:00+01:00", Instant::default()).unwrap();
        assert_eq!(now.to_rfc3339(), "2026-03-04T13:30:00+00:00");
        assert_eq!(instant("2h", now).unwrap().to_rfc3339(), "2026-03-04T11:30:00+00:00");
        assert_eq!(instant("1d 30m ago", now).unwrap().to_rfc3339(), "2026-03-03T13:00:00+00:00");
        assert_eq!(instant("2026-03-04", now).unwrap().to_rfc3339(), "2026-03-04T00:00:00+00:00");
        for wrong in ["", "yesterday", "5", "2026-13-01", "99999999999999999999s", "-2h", "9999999999999999s"] {
            assert_eq!(instant(wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn the_text_is_readable_at_three_in_the_morning() {
        let log = entries([
            json!({"seq": 1, "kind": "intent", "id": "a", "at": "2026-03-04T02:58:07.123Z", "user": "alice", "ssh_client": "10.0.0.7",
                "context": "prod-eu", "namespace": "shop", "action": "rollback", "target": "deployment/payment",
                "reason": "5xx since 2.4.0", "incident": "INC-12"}),
            json!({"seq": 2, "kind": "outcome", "id": "a", "end": "done", "detail": "revision 41 runs", "duration_ms": 52_400}),
            json!({"seq": 3, "kind": "intent", "id": "b", "at": "2026-03-04T03:01:00Z", "user": "bob",
                "context": "prod-eu", "namespace": "", "action": "cordon", "target": "node/n-1"}),
            json!({"seq": 4, "kind": "outcome", "id": "b", "end": "failed", "detail": "the server said no", "duration_ms": 900}),
            json!({"seq": 5, "kind": "intent", "id": "c", "at": "2026-03-04T03:02:00Z", "user": "bob",
                "context": "prod-eu", "namespace": "shop", "action": "scale", "target": "deployment/frontend"}),
        ]);
        let chosen: Vec<&Entry> = log.iter().collect();
        insta::assert_snapshot!(table(&chosen).join("\n"), @"
        2026-03-04 02:58:07Z  done    rollback  deployment/payment   prod-eu/shop      52s  alice from 10.0.0.7  a
                              why: 5xx since 2.4.0
                              incident: INC-12
        2026-03-04 03:01:00Z  FAILED  cordon    node/n-1             prod-eu          0.9s  bob  b
                              what: the server said no
        2026-03-04 03:02:00Z  OPEN    scale     deployment/frontend  prod-eu/shop           bob  c
                              open: no outcome is recorded; it is under way, or a crash cut it off
        ");
    }
}
