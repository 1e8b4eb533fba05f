//! Error budgets: every number equals what the recording rules give, to four digits, whoever computes it.

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{console, get, monitoring, status};
use crate::backend::until;
use crate::stack::Stack;
use crate::support::home;

/// The windows on screen, and how old an answer may be that is shown for each (seconds): a window moves slowly, so the
/// console keeps its answer for a 120th of it, at most a minute. Rules are evaluated every second, which is one more.
const WINDOWS: [(&str, i64); 4] = [("5m", 4), ("30m", 17), ("1h", 32), ("6h", 62)];
/// The period that the rules record, likewise.
const PERIOD: (&str, i64) = ("30d", 62);

/// What the rules give, at an instant.
#[derive(Clone, Copy, Debug)]
struct Truth {
    burn: [f64; 4],
    remaining: f64,
    /// Seconds.
    exhaustion: f64,
}

/// The value of an expression at an instant.
fn value(stack: &Stack, promql: &str, at: DateTime<Utc>) -> f64 {
    let at = format!("{}.{:03}", at.timestamp(), at.timestamp_subsec_millis());
    let url = format!("{}/api/v1/query", monitoring(stack).prometheus_url);
    let answer = get(&url, &[("query", promql), ("time", &at)]);
    let text = answer["data"]["result"][0]["value"][1].as_str().unwrap_or_else(|| panic!("{promql}: {answer}"));
    text.parse().unwrap()
}

/// What a recorded series holds.
fn series(stack: &Stack, name: &str, at: DateTime<Utc>) -> f64 {
    value(stack, &format!("{name}{{sloth_id=\"checkout-availability\"}}"), at)
}

/// The expression of a recording rule, as the server has loaded it.
fn rule(stack: &Stack, name: &str) -> String {
    let rules = get(&format!("{}/api/v1/rules", monitoring(stack).prometheus_url), &[("type", "record")]);
    let groups = rules["data"]["groups"].as_array().unwrap();
    let mut all = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    let rule = all.find(|rule| rule["name"] == *name).unwrap_or_else(|| panic!("no rule {name}"));
    rule["query"].as_str().unwrap().to_owned()
}

/// From the ratios over the windows to all numbers, with the objective as recorded.
fn follow(stack: &Stack, ratio: impl Fn(&str) -> f64) -> Truth {
    // The objective itself never changes, but was not recorded before the stack was there.
    let now = Utc::now();
    let budget = series(stack, "slo:error_budget:ratio", now);
    let burn = WINDOWS.map(|(window, _)| ratio(window) / budget);
    let remaining = 1.0 - ratio(PERIOD.0) / budget;
    let period = series(stack, "slo:time_period:days", now) * 86_400.0;
    Truth { burn, remaining, exhaustion: remaining * period / burn[2] }
}

/// What was recorded by the instant.
fn recorded_at(stack: &Stack, at: DateTime<Utc>) -> Truth {
    let truth = follow(stack, |window| series(stack, &format!("slo:sli_error:ratio_rate{window}"), at));
    // Two of the numbers are recorded as such; the others follow from recorded ones.
    let burn = [series(stack, "slo:current_burn_rate:ratio", at), truth.burn[1], truth.burn[2], truth.burn[3]];
    Truth { burn, remaining: series(stack, "slo:period_error_budget_remaining:ratio", at), ..truth }
}

/// What the rules' own expressions give at the instant.
fn evaluated_at(stack: &Stack, at: DateTime<Utc>) -> Truth {
    follow(stack, |window| value(stack, &rule(stack, &format!("slo:sli_error:ratio_rate{window}")), at))
}

/// Is `shown` what the rules give, to four digits, at some instant from `early` to `late`? The ratios of the history
/// change in one direction only.
fn equals(what: &str, shown: f64, early: f64, late: f64, least: f64) {
    // Half of the last of four digits.
    let room = (0.5 * 10_f64.powf(late.abs().log10().floor() - 3.0)).max(least);
    let (low, high) = (early.min(late) - room, early.max(late) + room);
    assert!((low..=high).contains(&shown), "{what}: shown {shown}, the rules give {early} to {late}");
}

/// Compares the objectives of a status with the truth.
fn compare(shown: &Value, truth: impl Fn(DateTime<Utc>) -> Truth, kept: bool) {
    let slos: Vec<&Value> =
        shown["slos"].as_array().unwrap().iter().filter(|slo| slo["service"] == "checkout").collect();
    let [slo] = slos[..] else { panic!("one objective of checkout, not {slos:#?}") };
    assert_eq!(slo["error"], Value::Null, "{slo:#}");
    let at: DateTime<Utc> = slo["at"].as_str().unwrap().parse().unwrap();
    let late = truth(at);
    // A rule that is being evaluated writes its result with the time at which it began.
    let early_by = |seconds: i64| truth(at - TimeDelta::seconds(if kept { seconds } else { 2 }));
    for (index, (window, seconds)) in WINDOWS.into_iter().enumerate() {
        let number = slo["burn"][index].as_f64().unwrap_or_else(|| panic!("no burn over {window}: {slo:#}"));
        equals(window, number, early_by(seconds).burn[index], late.burn[index], 0.0);
    }
    let early = early_by(PERIOD.1);
    equals("left", slo["remaining"].as_f64().unwrap(), early.remaining, late.remaining, 0.0);
    // Whole seconds.
    equals("exhaustion", slo["exhaustion"].as_f64().unwrap(), early.exhaustion, late.exhaustion, 1.0);
    println!("{}: {late:?}", slo["name"]);
}

/// Compares the pane and the details with the truth.
fn compare_screen(stack: &Stack, configuration: &std::path::Path, name: &str) {
    let home = home();
    let began = Utc::now();
    let mut console = console(stack, configuration, home.path(), "2");
    // Three lines, because it burns: its name, the burn over each window, what is left.
    console.wait_until("the objective", |screen| screen.contains(name) && screen.contains("gone in "));
    let pane = console.screen.screen().contents();
    console.send("d");
    console.wait_until("its details", |screen| screen.contains("burn 6h") && screen.contains("at the pace of"));
    let details = console.screen.screen().contents();
    // A minute before the console began nothing was kept yet.
    let (early, late) = (recorded_at(stack, began - TimeDelta::seconds(2)), recorded_at(stack, Utc::now()));

    let burns = pane.lines().find(|line| line.contains("burn  5m ")).unwrap();
    for (index, (window, _)) in WINDOWS.into_iter().enumerate() {
        let times = |text: &str| text.trim_start().strip_prefix('×')?.split_whitespace().next()?.parse::<f64>().ok();
        let shown = burns.split_once(&format!("{window} ")).and_then(|(_, rest)| times(rest)).unwrap();
        equals(&format!("pane, {window}"), shown, early.burn[index], late.burn[index], 0.05);
        let label = format!("burn {window}");
        let shown = details.lines().find_map(|line| times(line.split_once(&label)?.1)).unwrap();
        equals(&format!("details, {window}"), shown, early.burn[index], late.burn[index], 0.0);
    }
    let percent = |text: &str, label: &str| {
        let rest = text.lines().find_map(|line| Some(line.split_once(label)?.1))?;
        rest.trim_start_matches(|letter: char| !letter.is_ascii_digit()).split_whitespace().next()?.parse::<f64>().ok()
    };
    let left = percent(&pane, "  left  ").unwrap();
    equals("pane, left", left, early.remaining * 100.0, late.remaining * 100.0, 0.05);
    let left = percent(&details, "left          ").unwrap();
    equals("details, left", left, early.remaining * 100.0, late.remaining * 100.0, 0.0);
    for (place, text, label) in [("pane", &pane, "gone in "), ("details", &details, "  in ")] {
        let words = text
            .lines()
            .filter(|line| line.contains("gone "))
            .find_map(|line| Some(line.split_once(label)?.1))
            .unwrap();
        // `5d 17h`: the hour is the last digit.
        let (days, rest) = words.trim_start().split_once("d ").unwrap();
        let hours = rest.split_once('h').unwrap().0;
        let seconds = days.trim().parse::<f64>().unwrap() * 86_400.0 + hours.parse::<f64>().unwrap() * 3_600.0;
        equals(&format!("{place}, gone in"), seconds + 1_800.0, early.exhaustion, late.exhaustion, 1_800.0);
    }
}

/// The stack's configuration with other objectives.
fn configuration(stack: &Stack, name: &str, objectives: &str) -> PathBuf {
    let text = monitoring(stack).configuration();
    let servers = text.split("[[slo]]").next().unwrap();
    let path = stack.directory().join(format!("{name}.toml"));
    std::fs::write(&path, format!("{servers}{objectives}")).unwrap();
    path
}

/// Rules that look back over weeks take a few evaluations until each has its inputs.
pub fn until_recorded(stack: &Stack) {
    until("the rules have recorded", || {
        let name = "slo:period_error_budget_remaining:ratio offset 5s";
        let answer = get(&format!("{}/api/v1/query", monitoring(stack).prometheus_url), &[("query", name)]);
        answer["data"]["result"].as_array().is_some_and(|result| !result.is_empty())
    });
}

/// Declared and recorded: one objective, and its numbers are those of the rules.
pub fn recorded(stack: &Stack) {
    until_recorded(stack);
    let configuration = stack.configuration();
    compare(&status(stack, &configuration), |at| recorded_at(stack, at), false);
    compare_screen(stack, &configuration, "checkout availability");
}

/// Nothing declared: what the rules record is found.
pub fn discovered(stack: &Stack) {
    until_recorded(stack);
    let configuration = configuration(stack, "no-objectives", "");
    let shown = status(stack, &configuration);
    assert_eq!(shown["slos"][0]["name"], "checkout availability", "{shown:#}");
    assert_eq!(shown["slos"][0]["objective"]["target"], 0.999, "{shown:#}");
    compare(&shown, |at| recorded_at(stack, at), false);
    compare_screen(stack, &configuration, "checkout availability");
}

/// Declared under a name that no rule has, so that the console computes: what the rules' expressions give. The rules
/// that Sloth generates make another objective of it, which is not this one.
pub fn computed(stack: &Stack) {
    let objective = "[[slo]]\nname = \"requests that work\"\nnamespace = \"shop\"\nservice = \"checkout\"\ntarget = 99.9\n\
         window = \"30d\"\nerrors = '''sum(rate(http_requests_total{service=\"checkout\",code=~\"5..\"}[$window]))'''\n\
         total = '''sum(rate(http_requests_total{service=\"checkout\"}[$window]))'''\n";
    let configuration = configuration(stack, "computed", objective);
    let mut shown = status(stack, &configuration);
    shown["slos"].as_array_mut().unwrap().retain(|slo| slo["name"] == "requests that work");
    compare(&shown, |at| evaluated_at(stack, at), true);
    // What is computed and what is recorded are one number.
    let (here, at) = (&shown["slos"][0], shown["slos"][0]["at"].as_str().unwrap().parse().unwrap());
    let truth = recorded_at(stack, at);
    equals("5m", here["burn"][0].as_f64().unwrap(), truth.burn[0], truth.burn[0], 0.0);
    equals("left", here["remaining"].as_f64().unwrap(), truth.remaining, truth.remaining, 0.0);
}

/// Objectives whose queries a server refuses, cannot execute, or does not finish, beside one that is well.
pub fn broken_queries(stack: &Stack) {
    let total = "total = '''sum(rate(http_requests_total{service=\"checkout\"}[$window]))'''";
    let objective = |name: &str, errors: &str| {
        format!("[[slo]]\nname = \"{name}\"\nservice = \"{name}\"\ntarget = 99\nerrors = '''{errors}'''\n{total}\n")
    };
    let good = objective("good", "sum(rate(http_requests_total{service=\"checkout\",code=\"500\"}[$window]))");
    let unparsed = objective("unparsed", "sum(rate(http_requests_total{code=~\"5..\"}[$window])");
    let rate = "rate(http_requests_total[$window])";
    let unmatched = objective("unmatched", &format!("{rate} * on (namespace) {rate}"));
    let wrong = configuration(stack, "wrong-queries", &format!("{good}{unparsed}{unmatched}"));
    // In the server's own words, as it says them to anybody.
    let said = |promql: &str| {
        let url = format!("{}/api/v1/query", monitoring(stack).prometheus_url);
        let answer = get(&url, &[("query", promql)]);
        (answer["errorType"].as_str().unwrap().to_owned(), answer["error"].as_str().unwrap().to_owned())
    };
    let (kind, words) =
        said(&format!("sum({})", rate.replace("$window", "5m") + " * on (namespace) rate(http_requests_total[5m])"));
    assert_eq!(kind, "execution", "a 422: {words}");
    assert_eq!(said("sum(").0, "bad_data", "a 400");
    let head = words.split(':').next().unwrap().to_owned();

    let shown = status(stack, &wrong);
    let of = |name: &str| {
        let slos = shown["slos"].as_array().unwrap();
        slos.iter().find(|slo| slo["name"] == *name).unwrap_or_else(|| panic!("no {name}: {shown:#}"))
    };
    let error = |name: &str| of(name)["error"].as_str().unwrap_or_default().to_owned();
    assert!(
        error("unparsed").contains("Prometheus refuses the query:") && error("unparsed").contains("parse error"),
        "{}",
        error("unparsed")
    );
    assert!(
        error("unmatched").contains("Prometheus (execution):") && error("unmatched").contains(&head),
        "{}",
        error("unmatched")
    );
    assert_eq!(of("good")["error"], Value::Null);
    assert!(of("good")["burn"][0].is_f64() && of("good")["remaining"].is_f64(), "{shown:#}");

    let home = home();
    let mut screen = console(stack, &wrong, home.path(), "2");
    screen.wait_until("both in the server's words, and the good one", |screen| {
        screen.contains("parse error") && screen.contains(&head) && screen.contains("good") && screen.contains("×0.3")
    });
    drop(screen);

    // Millions of steps: more than the time that is given.
    let slow = objective("slow", "max_over_time((vector(1))[$window:1ms])");
    let slow = configuration(stack, "slow-queries", &format!("{good}{slow}"));
    let text = std::fs::read_to_string(&slow).unwrap();
    let text = text.replace("interval = \"1s\"", "interval = \"5s\"\ntimeout = \"1s\"");
    std::fs::write(&slow, text).unwrap();
    let mut screen = console(stack, &slow, home.path(), "2");
    screen.wait_until("the slow one is given up, the good one is there", |screen| {
        screen.contains("did not answer within 1s") && screen.contains("×0.3") && !screen.contains("stale")
    });
}
