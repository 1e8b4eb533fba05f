//! The lines themselves: each program writes in its own format, about the traffic and trouble of
//! the moment.

use chrono::{DateTime, SecondsFormat, Utc};

use super::Writer;
use crate::lab::world::behaviour::Voice;
use crate::lab::world::naming::{mix, unit};
use crate::lab::world::plight::Plight;
use crate::lab::world::traffic::switches::PRICING;

mod plights;

/// Seconds between two times that a container says what its pod declares.
const SAID_EVERY: i64 = 10;

/// Dice for the lines of one second.
struct Dice {
    seed: u64,
    thrown: u64,
}

impl Dice {
    fn throw(&mut self) -> u64 {
        self.thrown += 1;
        mix(self.seed ^ mix(self.thrown))
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.throw() % limit.max(1)
    }

    fn share(&mut self) -> f64 {
        unit(self.throw())
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        let index = self.below(from.len() as u64) as usize;
        from.get(index).copied().unwrap_or_default()
    }

    fn id(&mut self) -> String {
        format!("{:08x}", self.throw() >> 32)
    }

    /// Milliseconds that a request took: mostly few.
    fn latency(&mut self) -> u64 {
        let share = self.share();
        8 + (90.0 * share * share) as u64 + if share > 0.985 { self.below(900) } else { 0 }
    }
}

/// The lines of a writer in one second: milliseconds and text.
pub(super) fn lines(writer: &Writer, second: i64) -> Vec<(u32, String)> {
    let mut dice = Dice { seed: writer.seed ^ mix(second as u64), thrown: 0 };
    let mut lines = startup(writer, second);
    let started = second - writer.run.from.timestamp();
    if !writer.says.is_empty() && started >= 0 && started % SAID_EVERY == 0 {
        lines.push((900, writer.says.clone()));
    }
    match writer.plight {
        Some(Plight::Pricing) => {
            plights::pricing(writer, second, started, &mut dice, &mut lines);
            return lines;
        }
        Some(Plight::Upgrade) => {
            plights::upgrade(writer, second, started, &mut lines);
            return lines;
        }
        Some(Plight::Disk) => plights::disk(writer, second, &mut dice, &mut lines),
        Some(Plight::Keys) | None => {}
    }
    if started < 3 {
        return lines;
    }
    let rate = per_second(writer.voice);
    let count = rate.floor() as u64 + u64::from(dice.share() < rate.fract());
    for _ in 0..count {
        let milli = dice.below(1000) as u32;
        let Some(at) = DateTime::from_timestamp(second, milli * 1_000_000) else { continue };
        lines.push((milli, line(writer, at, &mut dice)));
    }
    lines
}

/// Lines per second of one container.
fn per_second(voice: Voice) -> f64 {
    match voice {
        Voice::Frontend => 5.0,
        Voice::Payment => 4.0,
        Voice::Auth | Voice::User | Voice::Inventory => 1.6,
        Voice::Proxy => 0.03,
        Voice::Platform => 0.12,
        Voice::Klog => 0.04,
        Voice::Mysql => 0.015,
        Voice::Plain => 0.02,
    }
}

fn startup(writer: &Writer, second: i64) -> Vec<(u32, String)> {
    let from = writer.run.from;
    let since = second - from.timestamp();
    let at = |milli: u32| DateTime::from_timestamp(second, milli * 1_000_000).unwrap_or(from);
    let words: &[(i64, u32, &str)] = match writer.voice {
        Voice::Payment if writer.plight == Some(Plight::Pricing) => &[
            (0, 12, "INFO  payment 2.4.0 starting, config v2"),
            (0, 148, "INFO  connected to mysql.shop.svc:3306, pool 16"),
            (0, 203, "INFO  listening on 0.0.0.0:8080"),
        ],
        Voice::Payment => &[
            (0, 12, "INFO  payment starting, config v1"),
            (0, 151, "INFO  connected to mysql.shop.svc:3306, pool 16"),
            (0, 240, "INFO  pricing table loaded: 31 regions"),
            (0, 244, "INFO  listening on 0.0.0.0:8080"),
        ],
        Voice::User => &[
            (0, 20, "INFO  user service starting"),
            (0, 190, "INFO  connected to mysql.shop.svc:3306, pool 12"),
            (0, 196, "INFO  listening on 0.0.0.0:8080"),
        ],
        Voice::Frontend => &[(0, 30, "frontend: 18 routes, assets 5f0c2e"), (0, 410, "frontend: ready on :8080")],
        // It says itself how far it gets.
        Voice::Mysql if writer.plight == Some(Plight::Upgrade) => &[],
        Voice::Mysql => &[
            (0, 100, "[System] [MY-010116] [Server] /usr/sbin/mysqld (mysqld 8.4.3) starting as process 1"),
            (1, 300, "[System] [MY-013576] [InnoDB] InnoDB initialization has started."),
            (2, 500, "[System] [MY-013577] [InnoDB] InnoDB initialization has ended."),
            (
                2,
                900,
                "[System] [MY-010931] [Server] /usr/sbin/mysqld: ready for connections. Version: '8.4.3'  socket: '/var/run/mysqld/mysqld.sock'  port: 3306  MySQL Community Server - GPL.",
            ),
        ],
        Voice::Auth | Voice::Inventory => &[(0, 25, "starting"), (0, 350, "listening on :8080")],
        Voice::Proxy => &[
            (0, 8, "[info] initializing, 4 listeners, 11 clusters"),
            (0, 90, "[info] all dependencies initialized. starting workers"),
        ],
        Voice::Platform | Voice::Klog | Voice::Plain => &[(0, 15, "starting"), (0, 800, "ready")],
    };
    words
        .iter()
        .filter(|(after, _, _)| *after == since)
        .map(|(_, milli, text)| (*milli, dress(writer.voice, at(*milli), text)))
        .collect()
}

/// Puts a plain sentence into the format of a voice.
fn dress(voice: Voice, at: DateTime<Utc>, text: &str) -> String {
    let rfc = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    match voice {
        Voice::Auth | Voice::Inventory => format!(r#"{{"time":"{rfc}","level":"info","msg":"{text}"}}"#),
        Voice::Mysql => format!("{} 0 {text}", at.to_rfc3339_opts(SecondsFormat::Micros, true)),
        Voice::Platform => format!("ts={rfc} level=info msg=\"{text}\""),
        Voice::Klog => format!("I{} 1 main.go:61] {text}", at.format("%m%d %H:%M:%S%.6f")),
        _ => text.to_owned(),
    }
}

fn line(writer: &Writer, at: DateTime<Utc>, dice: &mut Dice) -> String {
    let trouble = writer.troubles.at("payment", at);
    match writer.voice {
        Voice::Frontend => frontend(at, dice, trouble, writer.troubles.at("frontend", at)),
        Voice::Payment if flagged(writer, at, dice) => plights::flagged(dice),
        Voice::Payment => payment(dice, trouble),
        Voice::User => user(dice, trouble),
        Voice::Auth if writer.plight == Some(Plight::Keys) && dice.share() < 0.36 => plights::keys(at, dice),
        Voice::Auth => auth(at, dice),
        Voice::Inventory => inventory(at, dice),
        Voice::Proxy => proxy(dice, trouble, &writer.app),
        Voice::Platform => platform(at, dice),
        Voice::Klog => {
            let (file, text) = (
                dice.pick(&["reflector.go:368", "leaderelection.go:284", "controller.go:210"]),
                dice.pick(&["Watch close, 0 items received", "successfully renewed lease", "sync finished"]),
            );
            format!("I{} 1 {file}] {text}", at.format("%m%d %H:%M:%S%.6f"))
        }
        Voice::Mysql => format!(
            "{} {} [Note] [MY-010914] [Server] Aborted connection {} to db: 'shop' user: 'app' host: '10.244.{}.{}' (Got timeout reading communication packets).",
            at.to_rfc3339_opts(SecondsFormat::Micros, true),
            dice.below(900),
            dice.below(90_000),
            dice.below(6),
            dice.below(250)
        ),
        Voice::Plain => format!("{} [notice] ok", at.format("%Y/%m/%d %H:%M:%S")),
    }
}

/// Is this line about the flag? Nothing is thrown while it is off, so that other lines stay what they are.
fn flagged(writer: &Writer, at: DateTime<Utc>, dice: &mut Dice) -> bool {
    let share = writer.switches.known_at(PRICING, at);
    share > 0.0 && dice.share() < 0.55 * share
}

fn frontend(at: DateTime<Utc>, dice: &mut Dice, trouble: f64, own: f64) -> String {
    if own > 0.05 && dice.share() < own {
        let waited = 1000 + dice.below(900);
        return format!("ERROR 503 worker queue full (512), waited {waited} ms request_id={}", dice.id());
    }
    if trouble > 0.01 && dice.share() < trouble * 1.4 {
        let attempt = 1 + dice.below(3);
        return format!("WARN  upstream 503 from payment, retry {attempt}/3 request_id={}", dice.id());
    }
    let path = dice.pick(&[
        "/",
        "/p/linen-shirt",
        "/p/desk-lamp",
        "/cart",
        "/checkout",
        "/search?q=lamp",
        "/account",
        "/api/cart",
        "/api/session",
    ]);
    let (method, status) = if path.starts_with("/api") { ("POST", 201) } else { ("GET", 200) };
    let bytes = 900 + dice.below(42_000);
    format!(
        "10.0.{}.{} - - [{}] \"{method} {path} HTTP/1.1\" {status} {bytes} {}ms",
        dice.below(6),
        dice.below(250),
        at.format("%d/%b/%Y:%H:%M:%S +0000"),
        dice.latency()
    )
}

fn payment(dice: &mut Dice, trouble: f64) -> String {
    if trouble > 0.01 && dice.share() < 0.25 {
        let attempt = 1 + dice.below(3);
        return format!("WARN  peer payment unavailable (503), retry {attempt}/3 request_id={}", dice.id());
    }
    let path = dice.pick(&["/v3/payments", "/v3/payments", "/v3/quotes", "/v3/refunds"]);
    let (status, id) = (if path == "/v3/quotes" { 200 } else { 201 }, dice.id());
    match dice.below(40) {
        0 => format!("WARN  issuer slow, {} ms request_id={id}", 700 + dice.below(600)),
        1..=12 => format!("INFO  authorized {}.{:02} EUR request_id={id}", 5 + dice.below(220), dice.below(100)),
        _ => format!("INFO  POST {path} {status} {} ms request_id={id}", dice.latency()),
    }
}

fn user(dice: &mut Dice, trouble: f64) -> String {
    let id = dice.id();
    if trouble > 0.01 && dice.share() < trouble * 0.5 {
        return format!("WARN  upstream 503 from payment, retry {}/3 request_id={id}", 1 + dice.below(3));
    }
    match dice.below(30) {
        0 => format!("WARN  profile cache miss ratio {} %", 4 + dice.below(9)),
        _ => format!("INFO  GET /v1/users/{} 200 {} ms request_id={id}", 10_000 + dice.below(80_000), dice.latency()),
    }
}

fn auth(at: DateTime<Utc>, dice: &mut Dice) -> String {
    let time = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let (id, user) = (dice.id(), 10_000 + dice.below(80_000));
    match dice.below(25) {
        0 => format!(
            r#"{{"time":"{time}","level":"warn","msg":"login failed","reason":"bad password","user":{user},"trace":"{id}"}}"#
        ),
        1..=9 => format!(
            r#"{{"time":"{time}","level":"info","msg":"session issued","user":{user},"ttl":"30m","trace":"{id}"}}"#
        ),
        _ => format!(
            r#"{{"time":"{time}","level":"info","msg":"token verified","user":{user},"ms":{},"trace":"{id}"}}"#,
            dice.latency() / 4
        ),
    }
}

fn inventory(at: DateTime<Utc>, dice: &mut Dice) -> String {
    let time = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let sku = format!("SKU-{:05}", dice.below(99_999));
    match dice.below(30) {
        0 => format!(r#"{{"time":"{time}","level":"warn","msg":"stock low","sku":"{sku}","left":{}}}"#, dice.below(4)),
        1..=8 => format!(
            r#"{{"time":"{time}","level":"info","msg":"reserved","sku":"{sku}","count":{}}}"#,
            1 + dice.below(3)
        ),
        _ => format!(
            r#"{{"time":"{time}","level":"info","msg":"stock read","sku":"{sku}","ms":{}}}"#,
            dice.latency() / 3
        ),
    }
}

fn proxy(dice: &mut Dice, trouble: f64, app: &str) -> String {
    if app == "frontend" && trouble > 0.01 && dice.share() < 0.3 {
        return "[warning] outlier detection: payment.shop.svc: 5xx from upstream host, not ejected (panic threshold)"
            .to_owned();
    }
    dice.pick(&[
        "[info] cds: add 0 cluster(s), remove 0 cluster(s)",
        "[info] lds: lb listeners unchanged",
        "[info] eds: updated endpoints",
    ])
    .to_owned()
}

fn platform(at: DateTime<Utc>, dice: &mut Dice) -> String {
    let time = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let (component, text) = match dice.below(4) {
        0 => ("tsdb", "compact blocks: nothing to do"),
        1 => ("scrape", "scrape pool reloaded"),
        2 => ("notifier", "notifications sent"),
        _ => ("agent", "flushed metrics"),
    };
    format!("ts={time} level=info component={component} msg=\"{text}\" took={}ms", 1 + dice.below(40))
}
