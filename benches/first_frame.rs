//! From the command to the first frame in a real pseudo-terminal, whatever the API server does, against
//! `opsdeck --version` in the same run; and the CPU time of a console that has nothing to draw.
//! `cargo bench --bench first_frame`; with `-- --test` each start once, and without the idle measurement.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
// Watching another process takes waiting.
#![allow(clippy::disallowed_methods)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use support::{Console, home};

/// A frame later than this after the command is a delay that a person notices.
const TARGET: Duration = Duration::from_millis(50);
/// For how long an idle console is watched.
const IDLE: Duration = Duration::from_secs(10);

/// An API server that accepts connections and never answers.
fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept() {
            held.push(connection);
        }
    });
    format!("http://{address}")
}

/// An address where nobody listens.
fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn kubeconfig(home: &Path, name: &str, server: &str) -> PathBuf {
    let path = home.join(name);
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: bench\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n\
         contexts: [{{name: bench, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{token: t}}}}]\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// From the spawn to the screen's first row saying its name; `--version` says it too.
fn named_after(home: &Path, arguments: &[&str]) -> Duration {
    let start = Instant::now();
    let mut console = Console::start(home, arguments, (120, 40));
    console.wait_until("name in the first row", |screen| {
        screen.lines().next().is_some_and(|row| row.trim_start().starts_with("opsdeck"))
    });
    start.elapsed()
}

/// CPU time of a process so far, all threads, those that ended included. The kernel takes the sum from its scheduler and
/// rounds it down to ticks of 10 ms (`USER_HZ` is 100 on every Linux).
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Fields are counted from the end of the name, which may hold anything.
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// CPU time that the console takes while it is watched.
fn idle(home: &Path, name: &str, arguments: &[&str], settled: &str) {
    let mut console = Console::start(home, arguments, (120, 40));
    console.wait_for(settled);
    std::thread::sleep(Duration::from_secs(5));
    let (start, before) = (Instant::now(), cpu(console.pid()));
    std::thread::sleep(IDLE);
    let (wall, spent) = (start.elapsed(), cpu(console.pid()).checked_sub(before).unwrap());
    // It still is what it was: neither ended nor fallen over.
    console.send("?");
    console.wait_for("esc closes");
    let share = spent.as_secs_f64() / wall.as_secs_f64() * 100.0;
    println!("idle: {name:<36}{spent:>8.0?} CPU (to 10 ms) in {wall:.1?} ({share:.1} % of one core)");
}

fn main() -> ExitCode {
    let once = std::env::args().any(|argument| argument == "--test");
    let rounds = if once { 1 } else { 21 };
    let home = home();
    let file = |name: &str, server: &str| kubeconfig(home.path(), name, server).display().to_string();
    let (silent, refusing) = (file("silent", &silent()), file("refusing", &refusing()));
    let cases: [(&str, &[&str]); 4] = [
        ("opsdeck --version", &["--version"]),
        ("first frame, the server never answers", &["--kubeconfig", &silent]),
        ("first frame, the server refuses", &["--kubeconfig", &refusing]),
        ("first frame, --demo", &["--demo"]),
    ];
    // Cases take turns, so that a busy machine slows all of them.
    let mut times = cases.map(|_| Vec::new());
    for _ in 0..rounds {
        for ((_, arguments), times) in cases.iter().zip(&mut times) {
            times.push(named_after(home.path(), arguments));
        }
    }
    let mut baseline = None;
    let mut late = false;
    for ((name, _), times) in cases.iter().zip(&mut times) {
        times.sort();
        let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
        let baseline = *baseline.get_or_insert(median);
        let ratio = median.as_secs_f64() / baseline.as_secs_f64();
        println!("{name:<40}{median:>10.1?} median  {worst:>10.1?} worst {ratio:>8.2} x --version");
        late |= median > TARGET && !name.contains("--demo");
    }
    if once {
        return ExitCode::SUCCESS;
    }
    idle(home.path(), "console with its calm lab", &["--demo=calm"], "✓ calm");
    idle(home.path(), "console, the server never answers", &["--kubeconfig", &silent], "opsdeck");
    if late {
        println!("the first frame comes later than {TARGET:?}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
