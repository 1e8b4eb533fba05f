//! The night that opsdeck is built for, by keys only, in a real pseudo-terminal on the lab: see, focus, roll back,
//! verified, declared, walked through, told of, resolved, recorded.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::{Console, home, json_lines};

#[test]
fn from_the_page_to_a_verified_rollback() {
    let home = home();
    let mut console = Console::start(home.path(), &["--demo", "--demo-speed", "4"], (120, 40));
    console.wait_for("HighErrorRate");
    console.wait_for("CrashLoopBackOff");
    console.send("\r");
    console.wait_for("deploy/payment");
    console.send("R");
    console.wait_for("PRICING_TABLE");
    console.wait_for("type the name");
    console.send("payment");
    console.wait_for("payment");
    console.send("\r");
    console.wait_for("Done in");
    let contents = console.screen.screen().contents();
    assert!(contents.contains("HighErrorRate, PodCrashLooping cleared"), "{contents}");
    console.send("\u{1b}");
    // An escape and a key right after it are alt and that key: wait until it was taken.
    console.wait_until("the closed box", |screen| !screen.contains("Done in"));
    console.wait_until("a healthy rollout", |screen| !screen.contains("CrashLoopBackOff"));
    console.send("\u{3}");
    assert_eq!(console.end(), 0);

    let records = json_lines(&home.path().join("state/opsdeck/demo/audit/audit.jsonl"));
    let kinds: Vec<&str> = records.iter().map(|record| record["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["intent", "outcome"]);
    assert_eq!(records[1]["end"], "done", "{}", records[1]);
    assert_eq!(records[0]["id"], records[1]["id"]);
}

/// The whole night, and its recording: `OPSDECK_CAST=night.cast cargo test --test night the_whole_night` keeps it.
#[test]
fn the_whole_night() {
    let home = home();
    let mut console = Console::start(home.path(), &["--demo", "--demo-speed", "4"], (120, 40));
    console.wait_for("HighErrorRate");
    console.wait_for("CrashLoopBackOff");
    console.send("\r");
    console.wait_for("focus deploy/payment");
    // Mitigate first.
    console.send("R");
    console.confirm_by_name("payment");
    console.wait_for("Done in");
    console.send("\u{1b}");
    console.wait_until("the closed box", |screen| !screen.contains("Done in"));
    // Declared: what is sent is shown first.
    console.send("I");
    console.wait_for("This is sent, in this order");
    // Its runbook says what the channel is called.
    console.wait_for("open channel inc-payment-errors");
    console.declare();
    console.wait_for("opened in lab-chat");
    // Everything, and not only the first of it: what the channel shows is read when the key is pressed.
    console.wait_for("8 messages and steps arrived");
    console.send("w");
    console.wait_for("What the channel shows");
    console.wait_for("pinned");
    console.send("\u{1b}");
    console.wait_until("the closed channel", |screen| !screen.contains("What the channel shows"));
    // The runbook of the alert that was, to its proof.
    console.send("b");
    console.wait_for("Runbook: High error rate");
    console.wait_for("enter begins");
    console.send("\r");
    console.wait_for("What changed just before payment began to fail?");
    let text = std::fs::read_to_string("runbooks/high-error-rate.md").unwrap();
    let steps = text.lines().filter(|line| line.starts_with("### ")).map(|line| &line[4..]);
    let proof = steps.into_iter().position(|title| title == "Wait until requests succeed").unwrap() + 1;
    console.send("g");
    console.wait_for("to which step?");
    console.send(&format!("{proof}\r"));
    console.wait_for("Run closed");
    console.send("\r");
    console.wait_until("the closed runbook", |screen| !screen.contains("Runbook: High error rate"));
    // Told, and over.
    console.send("I");
    console.wait_for("Times (UTC)");
    console.wait_for("runbook high-error-rate");
    console.wait_for("rollback of");
    console.send("u");
    console.wait_for("ctrl-s send it");
    console.send("\rOrders go through again.");
    console.wait_for("Orders go through again.");
    console.send("\u{13}");
    console.wait_until("the update in the timeline", |screen| {
        !screen.contains("ctrl-s send it") && screen.contains("Orders go through again.")
    });
    for status in ["monitoring", "resolved"] {
        console.send("s");
        console.wait_for("how far it has come");
        console.send(status);
        console.wait_for(&format!("▌{status}"));
        console.send("\r");
        console.wait_for("(enter: no reason)");
        console.send("\r");
        console.wait_for(&format!("status is now {status}"));
    }
    console.send("p");
    console.wait_for("post-mortem written");
    console.send("\u{3}");
    let film = console.asciicast("opsdeck: the whole night on the lab");
    assert_eq!(console.end(), 0);

    // What is on disk says the same.
    let incidents = home.path().join("state/opsdeck/demo/incidents");
    let of_incident = |entry: std::io::Result<std::fs::DirEntry>| Some(entry.ok()?.path()).filter(|path| path.is_dir());
    let directory = std::fs::read_dir(&incidents).unwrap().find_map(of_incident).unwrap();
    let entries = json_lines(&directory.join("journal.jsonl"));
    let kinds: Vec<&str> = entries.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    for kind in ["declared", "planned", "sending", "sent", "runbook", "action", "update", "status", "post-mortem"] {
        assert!(kinds.contains(&kind), "no {kind}: {kinds:?}");
    }
    let post_mortem = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "md"))
        .expect("a post-mortem");
    let text = std::fs::read_to_string(post_mortem).unwrap();
    for part in
        ["rollback", "HighErrorRate", "Orders go through again.", "status is now resolved", "Timeline", "Action items"]
    {
        assert!(text.contains(part), "no {part}:\n{text}");
    }
    // The recording shows what was seen.
    let mut player = vt100::Parser::new(40.try_into().unwrap(), 120.try_into().unwrap(), 0);
    let mut seen = Vec::new();
    for line in film.lines().skip(1) {
        let piece: serde_json::Value = serde_json::from_str(line).unwrap();
        player.process(piece[2].as_str().unwrap().as_bytes());
        seen.push(player.screen().contents());
    }
    assert!(seen.iter().any(|screen| screen.contains("This is sent, in this order")));
    assert!(seen.last().unwrap().contains("post-mortem written"));
    if let Ok(file) = std::env::var("OPSDECK_CAST") {
        std::fs::write(file, film).unwrap();
    }
}

/// Presses keys and counts them. The confirmation counts as the one decision that it is, however many letters the name
/// has that it asks for: it is there to be slow.
struct Fingers {
    console: Console,
    pressed: usize,
}

impl Fingers {
    fn press(&mut self, key: &str) {
        self.pressed += 1;
        self.console.send(key);
    }

    /// Says yes in the way that is asked for, and waits until the request is out: the proof is being waited for.
    fn confirm(&mut self, name: &str) {
        self.pressed += 1;
        // Only a plan that the server was asked about has a diff to show and takes a word.
        self.console.wait_until("the question", |screen| screen.contains("full diff") && screen.contains("esc cancel"));
        if self.console.screen.screen().contents().contains("type the name") {
            self.console.confirm_by_name(name);
        } else {
            self.console.send("y");
        }
        self.console.wait_for("waiting for proof");
    }
}

#[test]
fn a_rollback_is_issued_within_five_keys_of_the_start() {
    let home = home();
    let console = Console::start(home.path(), &["--demo"], (120, 40));
    let mut fingers = Fingers { console, pressed: 0 };
    fingers.console.wait_for("CrashLoopBackOff");
    fingers.console.wait_for("R rollback");
    fingers.press("R");
    fingers.confirm("payment");
    assert!(fingers.pressed <= 5, "{}", fingers.pressed);
    let records = json_lines(&home.path().join("state/opsdeck/demo/audit/audit.jsonl"));
    assert_eq!((&records[0]["kind"], &records[0]["action"]), (&"intent".into(), &"rollback".into()));
}

#[test]
fn more_pods_are_issued_within_five_keys_of_the_start() {
    let home = home();
    let console = Console::start(home.path(), &["--demo=traffic-spike"], (120, 40));
    let mut fingers = Fingers { console, pressed: 0 };
    fingers.console.wait_for("frontend  ");
    // The alert leads to its workload.
    fingers.console.wait_for("R rollback");
    fingers.press("S");
    fingers.console.wait_for("Scale deployment/frontend");
    // The autoscaler owns the number of pods. Where the console has seen it, its bounds are asked for; else one key takes
    // them instead of the number.
    let knows = fingers.console.screen.screen().contents().contains("bounds of hpa/frontend");
    // Page up doubles the number that is there.
    fingers.press("\u{1b}[5~");
    fingers.console.wait_for("16");
    fingers.press("\r");
    if !knows {
        fingers.console.wait_for("plan that instead");
        fingers.press("r");
    }
    fingers.confirm("frontend");
    assert!(fingers.pressed <= 5, "{}", fingers.pressed);
    let records = json_lines(&home.path().join("state/opsdeck/demo/audit/audit.jsonl"));
    let intent = records.iter().find(|record| record["kind"] == "intent").unwrap();
    assert_eq!(intent["action"], "scale-bounds");
    assert_eq!(intent["changes"][0]["after"], "16", "{intent}");
}

#[test]
fn an_abort_is_issued_within_five_keys_of_the_start() {
    let home = home();
    let console = Console::start(home.path(), &["--demo=bad-canary"], (120, 40));
    let mut fingers = Fingers { console, pressed: 0 };
    // The alert on the canary is the selected row: the footer says what can be done.
    fingers.console.wait_for("X abort");
    fingers.press("X");
    fingers.console.wait_for("Abort rollout/auth");
    fingers.confirm("auth");
    assert!(fingers.pressed <= 5, "{}", fingers.pressed);
    fingers.console.wait_for("Done in");
    let records = json_lines(&home.path().join("state/opsdeck/demo/audit/audit.jsonl"));
    let intent = records.iter().find(|record| record["kind"] == "intent").unwrap();
    assert_eq!((&intent["action"], &intent["target"]), (&"abort".into(), &"rollout/auth".into()));
}

#[test]
fn a_flag_is_off_within_six_keys_of_the_start_and_the_healing_is_on_record() {
    let home = home();
    let console = Console::start(home.path(), &["--demo=bad-flag", "--demo-speed", "4"], (120, 40));
    let mut fingers = Fingers { console, pressed: 0 };
    fingers.console.wait_for("HighLatency");
    fingers.console.wait_for("F flag");
    fingers.press("F");
    // The newest change to a flag of the workload behind the alert.
    fingers.console.wait_for("new-pricing");
    fingers.confirm("new-pricing");
    assert!(fingers.pressed <= 6, "{}", fingers.pressed);
    fingers.console.wait_for("Done in");
    fingers.console.send("\u{3}");
    assert_eq!(fingers.console.end(), 0);
    let records = json_lines(&home.path().join("state/opsdeck/demo/audit/audit.jsonl"));
    let (intent, outcome) = (&records[0], &records[1]);
    assert_eq!((&intent["kind"], &intent["action"]), (&"intent".into(), &"flag".into()));
    assert_eq!((&outcome["kind"], &outcome["end"]), (&"outcome".into(), &"done".into()), "{outcome}");
    assert!(outcome.to_string().contains("HighLatency"), "{outcome}");
}

#[test]
fn the_next_start_tells_what_was_cut_off() {
    let home = home();
    let mut console = Console::start(home.path(), &["--demo"], (120, 40));
    console.wait_for("CrashLoopBackOff");
    console.wait_for("R rollback");
    console.send("R");
    let mut fingers = Fingers { console, pressed: 0 };
    fingers.confirm("payment");
    let pid = fingers.console.pid().to_string();
    std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap();
    fingers.console.rest();
    let log = home.path().join("state/opsdeck/demo/audit/audit.jsonl");
    assert_eq!(json_lines(&log).len(), 1, "an intent, and nobody who says what became of it");
    let mut console = Console::start(home.path(), &["--demo"], (80, 24));
    console.wait_for("A shows an action that a crash cut off: rollback deployment/payment");
    console.send("A");
    console.wait_for("Audit");
    console.send("\u{3}");
    assert_eq!(console.end(), 0);
    let records = json_lines(&log);
    assert_eq!((records.len(), &records[1]["kind"]), (2, &"outcome".into()), "{records:#?}");
}

#[test]
fn read_only_offers_no_way_to_change_anything() {
    let home = home();
    let mut console = Console::start(home.path(), &["--demo", "--read-only"], (120, 40));
    console.wait_for("HighErrorRate");
    // An alert leads to its workload once the workloads are there.
    console.wait_for("CrashLoopBackOff");
    console.send("\r");
    console.wait_for("deploy/payment");
    console.send("R");
    console.wait_for("read-only");
    assert!(!home.path().join("state/opsdeck/demo/audit/audit.jsonl").exists());
    console.send("\u{3}");
    assert_eq!(console.end(), 0);
}

#[test]
fn a_terminal_that_is_too_small_is_told_the_size_it_needs() {
    let home = home();
    let mut console = Console::start(home.path(), &["--demo"], (40, 10));
    console.wait_for("too small: needs");
    console.send("\u{3}");
    assert_eq!(console.end(), 0);
}

#[test]
fn sigterm_gives_the_terminal_back() {
    let home = home();
    let mut console = Console::start(home.path(), &["--demo"], (120, 40));
    console.wait_for("HighErrorRate");
    let pid = i32::try_from(console.pid()).unwrap();
    std::process::Command::new("kill").args(["-TERM", &pid.to_string()]).status().unwrap();
    let (rest, code) = console.rest();
    let rest = String::from_utf8_lossy(&rest).into_owned();
    assert!(rest.contains("\u{1b}[?1049l"), "leaves the alternate screen: {rest:?}");
    assert_eq!(code, 143, "128 + SIGTERM");
}

#[test]
fn a_signal_while_a_rollback_is_verified_leaves_no_open_intent() {
    let home = home();
    let mut console = Console::start(home.path(), &["--demo"], (120, 40));
    console.wait_for("HighErrorRate");
    console.wait_for("CrashLoopBackOff");
    console.send("\r");
    console.wait_for("deploy/payment");
    console.send("R");
    console.wait_for("type the name");
    console.send("payment\r");
    console.wait_for("still firing");
    std::process::Command::new("kill").args(["-HUP", &console.pid().to_string()]).status().unwrap();
    let (_, code) = console.rest();
    assert_eq!(code, 129, "128 + SIGHUP");
    let records = json_lines(&home.path().join("state/opsdeck/demo/audit/audit.jsonl"));
    let kinds: Vec<&str> = records.iter().map(|record| record["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["intent", "outcome"]);
    assert_eq!(records[1]["end"], "unverified", "nobody waited for the proof: {}", records[1]);
}

#[test]
fn without_a_kubeconfig_the_console_opens_and_says_so() {
    let home = home();
    let mut console = Console::start(home.path(), &[], (120, 40));
    console.wait_for("no kubeconfig");
    console.wait_for("--demo");
    console.send("\u{3}");
    assert_eq!(console.end(), 0);
}
