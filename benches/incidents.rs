//! What a long incident costs, as ratios against a short one of the same run: a frame and an entry that arrives must not grow
//! with the entries that are there, what walks all of them may cost no more per entry; and looking through past incidents at
//! the start, as a ratio to reading their lines as JSON alone. `cargo bench --bench incidents`; with `-- --test` everything
//! runs a few times.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use criterion::{BatchSize, BenchmarkId, Criterion};
use opsdeck::actions::guardrail::{ConfirmLevel, GuardContext};
use opsdeck::app::{App, AppSettings, command_ids};
use opsdeck::config::Config;
use opsdeck::config::keymap::{Key, Keymap};
use opsdeck::config::theme::{ColourDepth, Theme};
use opsdeck::domain::Text;
use opsdeck::domain::incident::delivery::{Delivery, Receipt, What};
use opsdeck::domain::incident::entry::{Declared, Deed, Entry, NewEntry, Stamp};
use opsdeck::domain::incident::{IncidentId, Severity, Status, Visibility};
use opsdeck::incident::Incident;
use opsdeck::incident::post_mortem;
use opsdeck::runtime::clock::Clock;
use opsdeck::runtime::incidents::office::{Ground, Office};
use opsdeck::runtime::incidents::services::IncidentServices;
use opsdeck::runtime::incidents::store::IncidentStore;
use opsdeck::state::context::{ContextInfo, NamespaceScope};
use opsdeck::state::incident::IncidentNews;
use opsdeck::state::message::Message;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// Entries of the short incident, which is the baseline, and of the long one.
const SIZES: [usize; 2] = [50, 5_000];
/// Past incidents on disk, and entries of each.
const PAST: usize = 200;
const ENTRIES: usize = 100;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_770_000_000, 0).unwrap()
}

fn id(number: usize) -> IncidentId {
    format!("20260202-0240-payment-{number:04}").parse().unwrap()
}

fn declared(number: usize) -> Deed {
    Deed::Declared(Box::new(Declared {
        id: id(number),
        title: "payment answers with 5xx".into(),
        severity: Severity::Sev2,
        service: "payment".into(),
        workload: None,
        context: "bench".into(),
        visibility: Visibility::Public,
        detected: None,
        alerts: vec!["Alert1".into()],
        burn: None,
        suspect: None,
        runbook: None,
        proposed: None,
        update_every: 3_600,
        update_fixed: false,
        demo: false,
    }))
}

/// What a night is made of: notes most of all, alerts that come and go, actions, messages that are sent.
fn deed(number: usize) -> Deed {
    let key = |number: usize| Text::from(format!("post:{number}"));
    match number % 10 {
        0 => Deed::Alert {
            alert: format!("Alert{}", number / 10 % 20),
            subject: "payment".into(),
            firing: (number / 200).is_multiple_of(2),
        },
        1 => {
            let what = What::Post { text: format!("update {number}") };
            Deed::Planned(Delivery { key: key(number), service: "chat".into(), what, after: Vec::new() })
        }
        2 => Deed::Sending { key: key(number - 1), attempt: 1 },
        3 => Deed::Sent { key: key(number - 2), receipt: Receipt::default() },
        4 => Deed::Action {
            id: format!("a{number}"),
            action: "restart".into(),
            target: "shop/deployment/payment".into(),
            what: String::new(),
            end: None,
            detail: None,
        },
        _ => Deed::Note {
            text: format!("note {number}: customers in the EU see an empty basket, support has the words"),
        },
    }
}

/// One entry every ten seconds.
fn entries(number: usize, count: usize) -> Vec<Entry> {
    let (writer, mut last): (Text, Option<Stamp>) = ("w1".into(), None);
    let entry = |n: usize| {
        let at = now() + TimeDelta::seconds(10 * i64::try_from(n).unwrap());
        let stamp = Stamp::next(at, &writer, last.as_ref());
        last = Some(stamp.clone());
        let deed = if n == 0 { declared(number) } else { deed(n) };
        Entry { stamp, at, by: "alice".into(), deed }
    };
    (0..count).map(entry).collect()
}

/// An entry after all that are there.
fn newest(incident: &Incident) -> Entry {
    let (writer, last) = ("w1".into(), incident.last());
    let at = last.unwrap().at() + TimeDelta::seconds(1);
    Entry {
        stamp: Stamp::next(at, &writer, last),
        at,
        by: "alice".into(),
        deed: Deed::Note { text: "one more".into() },
    }
}

/// A console with the incident open, and its screen.
struct Room {
    app: App,
    screen: Terminal<TestBackend>,
}

impl Room {
    fn new(size: usize) -> Self {
        let settings = AppSettings {
            keymap: Keymap::built_in(&command_ids()).unwrap(),
            theme: Theme::built_in("dark", ColourDepth::True).unwrap(),
            ascii: false,
            log_lines: 1_000,
            context: ContextInfo {
                epoch: 0,
                name: "bench".into(),
                label: "bench".into(),
                production: false,
                colour: None,
                demo: false,
                identity: None,
                namespace: NamespaceScope::All,
            },
            guard: GuardContext {
                rules: vec![],
                context: "bench".into(),
                namespace: None,
                identity: None,
                read_only: None,
                production: false,
                confirm: ConfirmLevel::Yes,
                verification_timeout: 300,
                user: "bench".into(),
                ssh_client: None,
            },
        };
        let mut app = App::new(settings, now());
        app.update(Message::Resize(120, 40), now());
        let mut room = Self { app, screen: Terminal::new(TestBackend::new(120, 40)).unwrap() };
        room.tell(entries(0, size));
        room.app.update(Message::Incident(IncidentNews::Looked), now());
        room.press("I");
        room.draw();
        let shown: String =
            room.screen.backend().buffer().content().iter().map(ratatui::buffer::Cell::symbol).collect();
        assert!(shown.contains("Times (UTC)"), "the incident is not open");
        room
    }

    fn tell(&mut self, entries: Vec<Entry>) {
        self.app.update(Message::Incident(IncidentNews::Entries { id: id(0), entries }), now());
    }

    fn press(&mut self, key: &str) {
        self.app.update(Message::Key(Key::parse(key).unwrap()), now());
    }

    fn draw(&mut self) {
        let Self { app, screen } = self;
        screen.draw(|frame| app.render(frame)).unwrap();
    }
}

/// What is measured: a name, and what is done in every turn (told its number, so that turns can alternate).
struct Case {
    name: &'static str,
    turn: fn(&mut Room, usize),
}

const CASES: [Case; 4] = [
    Case { name: "a frame", turn: |room, _| room.draw() },
    Case {
        name: "a page up or down, and its frame",
        turn: |room, turn| {
            room.press(if turn.is_multiple_of(2) { "pageup" } else { "pagedown" });
            room.draw();
        },
    },
    Case {
        name: "a second passes, and its frame",
        turn: |room, turn| {
            let later = now() + TimeDelta::seconds(i64::try_from(turn).unwrap() % 1_000 + 1);
            room.app.update(Message::Tick, later);
            room.draw();
        },
    },
    Case {
        name: "an entry arrives, and its frame",
        turn: |room, _| {
            let entry = newest(room.app.session().incidents.incident().unwrap());
            room.tell(vec![entry]);
            room.draw();
        },
    },
];

fn fold(entries: &[Entry]) -> usize {
    Incident::of(entries.iter().cloned()).unwrap().len()
}

/// Past incidents, all of them over, but for one.
fn past() -> (tempfile::TempDir, usize) {
    let home = tempfile::tempdir().unwrap();
    let store = IncidentStore::new(home.path().to_owned());
    let mut bytes = 0;
    for number in 0..PAST {
        let journal = store.create(&id(number)).unwrap();
        let all = entries(number, ENTRIES).into_iter().map(|Entry { at, by, deed, .. }| NewEntry { at, by, deed });
        let mut all: Vec<NewEntry> = all.collect();
        if number > 0 {
            let deed = Deed::Status { to: Status::Resolved, reason: None, from: None };
            all.push(NewEntry { at: now() + TimeDelta::hours(1), by: "alice".into(), deed });
        }
        journal.append(now(), all).unwrap();
        bytes += std::fs::metadata(journal.path()).unwrap().len() as usize;
    }
    (home, bytes)
}

/// What a console does after it has connected; how many incidents it goes on with.
async fn look(home: &std::path::Path) -> usize {
    let config = Config::built_in().unwrap().settings.incidents;
    let (mut office, _news) = Office::new(IncidentStore::new(home.to_owned()), Clock::System, "alice".into());
    let services = IncidentServices::default();
    office.adopt(Ground { context: "bench".into(), config, services, read_only: None });
    office.look().await.unwrap();
    office.ids().len()
}

/// The same lines as JSON of any kind.
fn json_alone(home: &std::path::Path) -> usize {
    let store = IncidentStore::new(home.to_owned());
    let journals = store.ids().into_iter().map(|id| std::fs::read_to_string(store.journal(&id).path()).unwrap());
    let lines = |text: String| {
        let values = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        values.filter(serde_json::Value::is_object).count()
    };
    journals.map(lines).sum()
}

fn measured(c: &mut Criterion) {
    for case in &CASES {
        let mut group = c.benchmark_group(case.name);
        for size in SIZES {
            let (mut room, mut turn) = (Room::new(size), 0);
            group.bench_function(BenchmarkId::from_parameter(size), |b| {
                b.iter(|| {
                    turn += 1;
                    (case.turn)(&mut room, turn);
                });
            });
        }
        group.finish();
    }
    let mut group = c.benchmark_group("long incident");
    group.sample_size(10);
    let all = entries(0, SIZES[1]);
    let incident = Incident::of(all.clone()).unwrap();
    group.bench_function("the newest entry", |b| {
        b.iter_batched_ref(
            || (incident.clone(), Some(newest(&incident))),
            |(incident, entry)| incident.insert(entry.take().unwrap()),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("all entries", |b| b.iter(|| fold(&all)));
    group.bench_function("its post-mortem", |b| b.iter(|| post_mortem::draft(&incident).len()));
    group.finish();
}

/// The medians of several things that take turns, so that a busy machine slows all of them.
fn medians<const N: usize>(rounds: usize, mut run: impl FnMut(usize) -> Duration) -> [Duration; N] {
    let mut times: [Vec<Duration>; N] = std::array::from_fn(|_| Vec::new());
    for _ in 0..rounds {
        for (which, times) in times.iter_mut().enumerate() {
            times.push(run(which));
        }
    }
    times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    })
}

fn timed<T>(run: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(run());
    start.elapsed()
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

/// What grows with the entries costs a hundred times as much with a hundred times the entries; what is looked at row by row
/// only to see that it is the same, or is found in a tree, costs a little more. The bound lies far from both.
const GROWS: f64 = 10.0;
/// One more entry is to be cheaper than all of them again by at least this.
const ONE_OF_ALL: f64 = 50.0;
/// A hundred times the entries: the post-mortem may take that, and twice that for what no longer fits into the caches.
const POST_MORTEM: f64 = 200.0;
/// Entries checked, put in order and folded, in times of their lines read as JSON alone.
const PAST_MOST: f64 = 12.0;

/// The ratios that must hold.
fn hold(once: bool) -> bool {
    let (rounds, turns) = if once { (5, 5) } else { (41, 20) };
    println!("\n{:<40}{:>12}{:>14}{:>8}{:>9}", "median of a turn", "50 entries", "5,000 entries", "ratio", "at most");
    let mut good = true;
    let mut line = |name: &str, small: Duration, large: Duration, most: f64| {
        let ratio = ratio(large, small);
        println!("{name:<40}{small:>12.1?}{large:>14.1?}{ratio:>8.2}{most:>9}");
        good &= ratio <= most;
    };
    for case in &CASES {
        let mut rooms = SIZES.map(Room::new);
        let [small, large] = medians(rounds, |which| {
            let room = black_box(&mut rooms[which]);
            timed(|| (0..turns).for_each(|turn| (case.turn)(room, turn))) / u32::try_from(turns).unwrap()
        });
        line(case.name, small, large, GROWS);
    }
    let incidents = SIZES.map(|size| Incident::of(entries(0, size)).unwrap());
    let [small, large] = medians(rounds, |which| timed(|| post_mortem::draft(&incidents[which]).len()));
    line("a post-mortem", small, large, POST_MORTEM);

    let all = entries(0, SIZES[1]);
    let long = &incidents[1];
    // Late: after all but the last hundred, as another console's are that was not heard for a while.
    let before = &all[SIZES[1] - 100].stamp;
    let writer = "w0".into();
    let late = Entry { stamp: Stamp::next(before.at(), &writer, Some(before)), ..newest(long) };
    let [one, late, whole] = medians(rounds, |which| match which {
        2 => timed(|| fold(&all)),
        which => {
            let mut incident = long.clone();
            let entry = if which == 0 { newest(long) } else { late.clone() };
            timed(|| incident.insert(entry))
        }
    });
    let cheaper = ratio(whole, one);
    println!(
        "\nof 5,000 entries: the newest is taken in in {one:.1?}, a late one in {late:.1?}, all of them in {whole:.1?}"
    );
    println!("all of them cost {cheaper:.0} times as much as the newest (at least {ONE_OF_ALL})");
    good &= cheaper >= ONE_OF_ALL;

    let (home, bytes) = past();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rounds = if once { 1 } else { 7 };
    let mut held = 0;
    let [json, looked] = medians(rounds, |which| match which {
        0 => timed(|| json_alone(home.path())),
        _ => timed(|| held = runtime.block_on(look(home.path()))),
    });
    let times = ratio(looked, json);
    println!(
        "{PAST} past incidents of {ENTRIES} entries ({} kB) are looked through, aside, in {looked:.0?}: {times:.1} times their JSON \
         alone ({json:.0?}; at most {PAST_MOST}); {held} goes on and is kept",
        bytes / 1024
    );
    good && times <= PAST_MOST && held == 1
}

fn main() -> ExitCode {
    let once = std::env::args().any(|argument| argument == "--test");
    // In a test criterion runs everything once by itself.
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args()
        .without_plots();
    measured(&mut criterion);
    criterion.final_summary();
    if hold(once) {
        return ExitCode::SUCCESS;
    }
    println!("something costs more than it may");
    ExitCode::FAILURE
}
