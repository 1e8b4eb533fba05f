//! What containers in trouble write.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::{Dice, Writer, dress};

/// How the pricing table fails, frame by frame.
const FRAMES: [&str; 14] = [
    "pricing::load (pricing.rs:88)",
    "pricing::Table::for_region (pricing.rs:141)",
    "pricing::Quote::with_tax (quote.rs:57)",
    "checkout::price_basket (checkout.rs:203)",
    "checkout::authorize (checkout.rs:131)",
    "payment::api::v3::create_payment (v3.rs:318)",
    "payment::api::route (mod.rs:74)",
    "tower::util::oneshot (oneshot.rs:97)",
    "tower::timeout::future (future.rs:49)",
    "hyper::proto::h2::server (server.rs:422)",
    "hyper::server::conn (conn.rs:361)",
    "tokio::runtime::task::harness (harness.rs:208)",
    "tokio::runtime::scheduler::worker (worker.rs:591)",
    "std::thread::spawn (mod.rs:566)",
];

/// What the database says before it gives up, with the millisecond after its start.
const UPGRADE: [(i64, &str); 5] = [
    (120, "[System] [MY-010116] [Server] /usr/sbin/mysqld (mysqld 9.1.0) starting as process 1"),
    (1310, "[System] [MY-013576] [InnoDB] InnoDB initialization has started."),
    (
        2480,
        "[ERROR] [MY-014061] [InnoDB] Invalid MySQL server upgrade: Cannot upgrade from 80403 to 90100. Upgrade to next major version is only allowed from the last LTS release.",
    ),
    (2530, "[ERROR] [MY-010334] [Server] Failed to initialize DD Storage Engine"),
    (2610, "[ERROR] [MY-010119] [Server] Aborting"),
];

/// What the flag of the new prices does to a healthy release: it asks a table that is slow and has gaps.
pub(super) fn flagged(dice: &mut Dice) -> String {
    let (id, region) = (dice.id(), dice.pick(&["DE", "FR", "NL", "AT", "ES", "IT"]));
    match dice.below(5) {
        0 | 1 => format!(
            "ERROR POST /v3/quotes 500 {} ms: no price for region={region} in pricing table v2 (flag new-pricing is on) request_id={id}",
            2500 + dice.below(400)
        ),
        2 | 3 => format!("WARN  pricing table v2: lookup took {} ms request_id={id}", 2600 + dice.below(2100)),
        _ => format!("INFO  POST /v3/quotes 200 {} ms flags=[new-pricing=on] request_id={id}", 1900 + dice.below(1400)),
    }
}

/// The bad release: every request needs the table, and the table cannot be loaded.
pub(super) fn pricing(writer: &Writer, second: i64, started: i64, dice: &mut Dice, lines: &mut Vec<(u32, String)>) {
    let last = writer.run.until.map(|until| until.timestamp());
    let failures = if started <= 0 { 1 } else { 2 + dice.below(2) };
    for _ in 0..failures {
        let milli = 260 + dice.below(600) as u32;
        let (path, id, region) =
            (dice.pick(&["/v3/payments", "/v3/quotes"]), dice.id(), dice.pick(&["DE", "FR", "NL", "AT", "ES", "IT"]));
        lines.push((
            milli,
            format!(
                "ERROR could not load pricing table: missing key \"eu_vat\" (config v2) region={region} request_id={id}"
            ),
        ));
        lines.extend(FRAMES.iter().map(|frame| (milli + 1, format!("  at {frame}"))));
        lines.push((milli + 2, format!("ERROR POST {path} 500 {} ms request_id={id}", dice.latency())));
    }
    if last == Some(second) {
        lines.clear();
    }
    if last == Some(second + 1) {
        lines.push((985, "ERROR pricing table unavailable after 3 attempts, giving up".to_owned()));
        lines.push((986, "FATAL payment: cannot serve without a pricing table, exiting with code 1".to_owned()));
    }
}

/// Sessions that were signed before the release.
pub(super) fn keys(at: DateTime<Utc>, dice: &mut Dice) -> String {
    let time = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let (user, id) = (10_000 + dice.below(80_000), dice.id());
    format!(
        r#"{{"time":"{time}","level":"error","msg":"cannot verify session","reason":"unknown key id 2026-01","status":500,"user":{user},"trace":"{id}"}}"#
    )
}

/// A database that will not open the files of another version.
pub(super) fn upgrade(writer: &Writer, second: i64, started: i64, lines: &mut Vec<(u32, String)>) {
    for (after, text) in UPGRADE {
        let at = writer.run.from + TimeDelta::milliseconds(after);
        if at.timestamp() == second && started >= 0 {
            lines.push((at.timestamp_subsec_millis(), dress(writer.voice, at, text)));
        }
    }
}

/// A disk that takes no writes: some are tried, and at last one that matters.
pub(super) fn disk(writer: &Writer, second: i64, dice: &mut Dice, lines: &mut Vec<(u32, String)>) {
    let Some(until) = writer.run.until else { return };
    let left = until.timestamp() - second;
    let mut say = |milli: u32, text: &str| {
        if let Some(at) = DateTime::from_timestamp(second, milli * 1_000_000) {
            let level = if text.starts_with("WARN") { "\"warn\"" } else { "\"error\"" };
            lines.push((milli, dress(writer.voice, at, text).replace("\"info\"", level)));
        }
    };
    if (1..20).contains(&left) && dice.share() < 0.4 {
        say(310, "WARN  cannot write /var/cache/app/spool: Read-only file system (os error 30)");
    }
    if left == 1 {
        say(985, "FATAL cannot write /var/lib/app/state: Read-only file system (os error 30), exiting with code 1");
    }
}
