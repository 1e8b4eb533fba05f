//! Prometheus with thirty days of history and live series, and two Alertmanagers that gossip.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use super::exporter::Exporter;
use super::process::{Process, StartError};
use super::{Site, answers, require, write};

/// The same files that the lab's own servers run on.
const LAB_RULES: &str = include_str!("../../../src/lab/prometheus/rules/lab.rules.yml");
const LAB_AVAILABILITY: &str = include_str!("../../../src/lab/prometheus/rules/availability.rules.yml");
const LAB_ROUTING: &str = include_str!("../../../src/lab/alertmanager/lab.alertmanager.yml");
/// SLO recording rules as Sloth writes them.
const SLO_RULES: &str = include_str!("slo.rules.yml");
/// Alerts for tests that cannot wait for the lab's.
const TEST_RULES: &str = include_str!("test.rules.yml");

/// The history: this far back, one sample every two minutes.
const DAYS: u64 = 30;
const STEP: u64 = 120;
/// Requests a second of the service `checkout`, of which this share failed all the time…
const REQUESTS: f64 = 50.0;
const FAILING: f64 = 0.0004;
/// …but for the last two hours, when this share did.
const FAILING_LATELY: f64 = 0.0031;
const LATELY: u64 = 2 * 3600;

/// What watches the services.
pub struct Monitoring {
    /// Prometheus.
    pub prometheus: Process,
    /// Where it is.
    pub prometheus_url: String,
    /// The pair.
    pub alertmanagers: [Process; 2],
    /// Where they are.
    pub alertmanager_urls: [String; 2],
    /// The live series.
    pub exporter: Exporter,
}

impl Monitoring {
    pub(super) fn start(site: &mut Site<'_>) -> Result<Self, StartError> {
        let exporter = Exporter::start()?;
        live(&exporter);
        let (alertmanagers, alertmanager_urls) = pair(site)?;
        let (prometheus, prometheus_url) = prometheus(site, &exporter, &alertmanager_urls)?;
        Ok(Self { prometheus, prometheus_url, alertmanagers, alertmanager_urls, exporter })
    }

    /// What the console has to be told: the servers, and the objective that `slo.rules.yml` records.
    pub fn configuration(&self) -> String {
        format!(
            "[prometheus]\nurl = \"{}\"\ninterval = \"1s\"\n\n[alertmanager]\nurls = [\"{}\", \"{}\"]\n\n\
             [[slo]]\nname = \"checkout availability\"\nnamespace = \"shop\"\nservice = \"checkout\"\n\
             target = 99.9\nwindow = \"30d\"\n\
             errors = '''sum(rate(http_requests_total{{service=\"checkout\",code=~\"5..\"}}[$window]))'''\n\
             total = '''sum(rate(http_requests_total{{service=\"checkout\"}}[$window]))'''\n",
            self.prometheus_url, self.alertmanager_urls[0], self.alertmanager_urls[1]
        )
    }
}

/// The live half of the series.
fn live(exporter: &Exporter) {
    requests(exporter, "checkout", REQUESTS, FAILING_LATELY);
    requests(exporter, "payment", REQUESTS, 0.0);
}

/// From now on `service` gets so many requests a second, of which this share fails.
pub fn requests(exporter: &Exporter, service: &str, per_second: f64, failing: f64) {
    let series =
        |code: &str| format!("http_requests_total{{namespace=\"shop\",service=\"{service}\",code=\"{code}\"}}");
    exporter.rate(&series("200"), per_second * (1.0 - failing));
    exporter.rate(&series("500"), per_second * failing);
}

/// Thirty days of `checkout` in the OpenMetrics format.
fn history() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let start = (now - DAYS * 86_400) / STEP * STEP;
    let mut text = String::from("# TYPE http_requests counter\n");
    for code in ["200", "500"] {
        let mut value = 0.0;
        for at in (start..now).step_by(usize::try_from(STEP).unwrap_or(1)) {
            let failing = if now - at <= LATELY { FAILING_LATELY } else { FAILING };
            let share = if code == "500" { failing } else { 1.0 - failing };
            value += REQUESTS * share * STEP as f64;
            let labels = format!("namespace=\"shop\",service=\"checkout\",code=\"{code}\",job=\"history\"");
            let _ = writeln!(text, "http_requests_total{{{labels}}} {value} {at}");
        }
    }
    text.push_str("# EOF\n");
    text
}

fn prometheus(
    site: &mut Site<'_>,
    exporter: &Exporter,
    alertmanagers: &[String; 2],
) -> Result<(Process, String), StartError> {
    let program = require("prometheus", "prometheus")?;
    let promtool = require("promtool", "prometheus")?;
    let file = |name: &str| site.directory.join(name);
    let (series, data) = (file("history.om"), file("prometheus"));
    write(&series, &history())?;
    let made = Command::new(promtool)
        .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
        .args([&series, &data])
        .output()
        .map_err(|error| StartError(format!("promtool: {error}")))?;
    if !made.status.success() {
        let why = String::from_utf8_lossy(&made.stderr);
        return Err(StartError(format!("promtool tsdb create-blocks-from openmetrics: {}", why.trim())));
    }
    let files = [("lab", LAB_RULES), ("availability", LAB_AVAILABILITY), ("slo", SLO_RULES), ("test", TEST_RULES)];
    for (name, rules) in files {
        write(&file(&format!("{name}.rules.yml")), rules)?;
    }
    let targets: Vec<&str> = alertmanagers.iter().map(|url| url.trim_start_matches("http://")).collect();
    write(
        &file("prometheus.yml"),
        &format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{}/*.rules.yml']\n\
             scrape_configs: [{{job_name: services, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]\n\
             alerting: {{alertmanagers: [{{static_configs: [{{targets: {targets:?}}}]}}]}}\n",
            site.directory.display(),
            exporter.port
        ),
    )?;
    let port = site.ports.take("prometheus")?;
    let url = format!("http://127.0.0.1:{port}");
    let arguments = vec![
        format!("--config.file={}", file("prometheus.yml").display()),
        format!("--storage.tsdb.path={}", data.display()),
        "--storage.tsdb.retention.time=60d".into(),
        "--storage.tsdb.allow-overlapping-blocks".into(),
        format!("--web.listen-address=127.0.0.1:{port}"),
    ];
    let mut process = Process::start("prometheus", &program, arguments, site.directory)?;
    let ready = format!("{url}/-/ready");
    process.until(|| answers(&ready))?;
    Ok((process, url))
}

fn pair(site: &mut Site<'_>) -> Result<([Process; 2], [String; 2]), StartError> {
    let program = require("prometheus-alertmanager", "prometheus-alertmanager")?;
    let routing = site.directory.join("alertmanager.yml");
    write(&routing, LAB_ROUTING)?;
    let gossip = [site.ports.take("alertmanager's gossip")?, site.ports.take("the other alertmanager's gossip")?];
    let (first, first_url) = alertmanager(site, "alertmanager-0", &program, &routing, gossip)?;
    let (second, second_url) = alertmanager(site, "alertmanager-1", &program, &routing, [gossip[1], gossip[0]])?;
    Ok(([first, second], [first_url, second_url]))
}

fn alertmanager(
    site: &mut Site<'_>,
    name: &'static str,
    program: &Path,
    routing: &Path,
    [own, other]: [u16; 2],
) -> Result<(Process, String), StartError> {
    let port = site.ports.take(name)?;
    let url = format!("http://127.0.0.1:{port}");
    let arguments = vec![
        format!("--config.file={}", routing.display()),
        format!("--storage.path={}", site.directory.join(name).display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
        format!("--cluster.listen-address=127.0.0.1:{own}"),
        format!("--cluster.peer=127.0.0.1:{other}"),
        "--cluster.settle-timeout=1s".into(),
    ];
    let mut process = Process::start(name, program, arguments, site.directory)?;
    let ready = format!("{url}/-/ready");
    process.until(|| answers(&ready))?;
    Ok((process, url))
}
