//! Incidents by the binary itself, on the lab's chat and pager: from the declaration to the post-mortem; killed at every
//! record and at every request of a declaration, and taken up again; written by several processes at once; and with
//! secrets that must not be found anywhere afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// What is waited for is another process: real time passes.
#![allow(clippy::disallowed_methods)]

mod support;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::road::{forward, request};
use support::{Lab, PATIENCE, home};
use tempfile::TempDir;

/// Where a run is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// The server never sees the request.
    Before,
    /// The server has answered, and nobody hears it.
    After,
}

/// What the road between a run and the services knows.
#[derive(Default)]
struct Road {
    victim: Option<Child>,
    /// Kill at this request, counted from 1.
    at: Option<(usize, Cut)>,
    /// First lines of the requests of this run.
    seen: Vec<String>,
}

impl Road {
    fn kill(&mut self) {
        if let Some(victim) = &mut self.victim {
            let _ = victim.kill();
        }
    }
}

/// Carries requests to a server, and kills where it was told to. Gives its own address.
fn road_to(server: &str, road: &Arc<Mutex<Road>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (server, road) = (server.trim_start_matches("http://").to_owned(), road.clone());
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let (server, road) = (server.clone(), road.clone());
            std::thread::spawn(move || {
                let Some(asked) = request(&mut client) else { return };
                let cut = {
                    let mut road = road.lock().unwrap();
                    let line = String::from_utf8_lossy(&asked).lines().next().unwrap_or_default().to_owned();
                    road.seen.push(line);
                    let count = road.seen.len();
                    let cut = road.at.filter(|(at, _)| *at == count).map(|(_, cut)| cut);
                    if cut == Some(Cut::Before) {
                        road.kill();
                        return;
                    }
                    cut
                };
                let answer = forward(&asked, &server);
                if cut.is_some() {
                    return road.lock().unwrap().kill();
                }
                let _ = client.write_all(&answer);
            });
        }
    });
    address
}

/// The lab, with a road to its chat and its pager.
struct World {
    _lab: Lab,
    directory: TempDir,
    chat: String,
    road: Arc<Mutex<Road>>,
    /// Channels of incidents before ours.
    old: BTreeSet<String>,
}

impl World {
    fn start() -> Self {
        let directory = home();
        let lab = Lab::serve("--demo=bad-deploy", directory.path());
        let path = directory.path().join("opsdeck.toml");
        let mut text = std::fs::read_to_string(&path).unwrap();
        let road = Arc::new(Mutex::new(Road::default()));
        let url_of = |text: &str, section: &str| {
            let rest = text.split_once(section).unwrap_or_else(|| panic!("{section} in {text}")).1;
            let line = rest.lines().find(|line| line.starts_with("url = ")).unwrap();
            line.trim_start_matches("url = ").trim_matches('"').to_owned()
        };
        let (chat, pager) = (url_of(&text, "[[chat]]"), url_of(&text, "[[paging]]"));
        for server in [&chat, &pager] {
            text = text.replace(server.as_str(), &road_to(server, &road));
        }
        text.push_str(
            "\n[incidents]\nchannel = \"inc-{{ id }}\"\ninvite = [\"payments-lead\"]\nlinks = { Dashboard = \"https://grafana.example/{{ service }}\" }\n",
        );
        text.push_str("\n[[guardrail]]\nactions = [\"restart\"]\nrequire-incident = true\n");
        std::fs::write(directory.path().join("road.toml"), text).unwrap();
        let mut world = Self { _lab: lab, directory, chat, road, old: BTreeSet::new() };
        world.old = world.channels().into_iter().map(|(id, _)| id).collect();
        world
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = support::process(self.directory.path());
        command.arg("--kubeconfig").arg(self.directory.path().join("kubeconfig"));
        command.arg("--config").arg(self.directory.path().join("road.toml"));
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    fn run(&self, arguments: &[&str]) -> Output {
        *self.road.lock().unwrap() = Road::default();
        self.command(arguments).output().unwrap()
    }

    /// Runs it, and wants this exit code.
    fn done(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}\n{said}\n{errors}\n{:?}",
            self.road.lock().unwrap().seen
        );
        said
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(arguments, 0)).unwrap()
    }

    /// Starts it with `at` on the road, and waits until it ended or was killed. Gives the requests that it sent.
    fn killed(&self, arguments: &[&str], at: Option<(usize, Cut)>, watch: impl Fn(&mut Road)) -> Vec<String> {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        *self.road.lock().unwrap() = Road { victim: Some(command.spawn().unwrap()), at, seen: Vec::new() };
        let deadline = Instant::now() + PATIENCE;
        loop {
            {
                let mut road = self.road.lock().unwrap();
                if road.victim.as_mut().unwrap().try_wait().unwrap().is_some() {
                    return std::mem::take(&mut road.seen);
                }
                watch(&mut road);
                assert!(Instant::now() < deadline, "it does not end: {:?}", road.seen);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn incidents(&self) -> PathBuf {
        self.directory.path().join("state/opsdeck/incidents")
    }

    /// The ids of the incidents that have a journal.
    fn ids(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.incidents()).into_iter().flatten().flatten();
        let entries = entries.filter(|entry| entry.path().join("journal.jsonl").is_file());
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
    }

    /// Asks the lab's chat itself.
    fn ask(&self, method: &str) -> Value {
        let token = std::fs::read_to_string(self.directory.path().join("slack.token")).unwrap();
        let host = self.chat.trim_start_matches("http://");
        let token = token.trim();
        let asked = format!("GET /api/{method} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n");
        let answer = String::from_utf8(forward(asked.as_bytes(), host)).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(!head.to_ascii_lowercase().contains("chunked"), "{head}");
        let value: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
        assert_eq!(value["ok"], true, "{method}: {value}");
        value
    }

    /// Channels of our incidents: id and name.
    fn channels(&self) -> Vec<(String, String)> {
        let all = self.ask("conversations.list?limit=1000&types=public_channel,private_channel");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let all =
            all["channels"].as_array().unwrap().iter().map(|channel| (text(&channel["id"]), text(&channel["name"])));
        all.filter(|(id, name)| name.starts_with("inc-") && !self.old.contains(id)).collect()
    }

    /// What was posted into a channel by us, oldest first.
    fn posted(&self, channel: &str) -> Vec<String> {
        let history = self.ask(&format!("conversations.history?channel={channel}&limit=200"));
        let messages = history["messages"].as_array().unwrap();
        let ours = messages.iter().rev().filter(|message| message["subtype"].is_null() && !message["bot_id"].is_null());
        ours.map(|message| message["text"].as_str().unwrap().to_owned()).collect()
    }
}

const DECLARE: [&str; 8] = ["incident", "declare", "--title", "Payments fail", "--service", "payment", "--wait", "0"];

fn declare<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&DECLARE, more].concat()
}

/// What an incident came to, whatever happened on the way: one channel, and each message once.
fn is_whole(world: &World, id: &str, what: &str) {
    let shown = world.json(&["incident", "show", id, "--json"]);
    let entries = shown["entries"].as_array().unwrap();
    let of = |kind: &str| entries.iter().filter(|entry| entry["kind"] == kind).collect::<Vec<_>>();
    let sent: BTreeSet<&str> = of("sent").iter().map(|entry| entry["key"].as_str().unwrap()).collect();
    let planned: BTreeSet<&str> = of("planned").iter().map(|entry| entry["key"].as_str().unwrap()).collect();
    assert_eq!(sent, planned, "{what}");
    assert!(sent.contains("channel") && sent.contains("first-message") && sent.contains("pin"), "{what}: {sent:?}");
    assert_eq!(of("declared").len(), 1, "{what}");
    let channel = of("sent").into_iter().find(|entry| entry["key"] == "channel").unwrap()["receipt"]["id"].clone();
    let posted = world.posted(channel.as_str().unwrap());
    let first = posted.iter().filter(|text| text.contains(&format!("`{id}`"))).count();
    assert_eq!(first, 1, "{what}: the first message is there once: {posted:#?}");
    let stamps: Vec<&str> = entries.iter().map(|entry| entry["stamp"].as_str().unwrap()).collect();
    assert!(stamps.is_sorted_by(|one, other| one < other), "{what}: one order, each once");
}

/// Takes up what was left; it has to come to its end.
fn take_up(world: &World, before: &BTreeSet<String>, what: &str) {
    let now = world.ids();
    let new: Vec<&String> = now.difference(before).collect();
    let [id] = new[..] else {
        assert!(new.is_empty(), "{what}: {new:?}");
        return;
    };
    let output = world.run(&["incident", "retry", "--incident", id]);
    assert_eq!(output.status.code(), Some(0), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    is_whole(world, id, what);
    // It is over: the next one is the only one that is open.
    world.done(&["incident", "status", "resolved", "--incident", id], 0);
}

#[test]
fn a_declaration_killed_at_any_request_and_any_record_is_taken_up_with_one_channel_and_each_message_once() {
    let world = World::start();
    // How many there are of both, undisturbed.
    let before = world.ids();
    let requests = world.killed(&declare(&["--yes"]), None, |_| {});
    let id = world.ids().difference(&before).next().unwrap().clone();
    is_whole(&world, &id, "undisturbed");
    let journal = std::fs::read_to_string(world.incidents().join(&id).join("journal.jsonl")).unwrap();
    let records = journal.lines().count();
    assert!(requests.len() > 6 && records > 12, "{requests:?}\n{journal}");
    world.done(&["incident", "status", "resolved"], 0);
    let mut channels = world.channels().len();
    assert_eq!(channels, 1);
    let mut one_more = |what: &str, before: &BTreeSet<String>| {
        channels += world.ids().len() - before.len();
        assert_eq!(world.channels().len(), channels, "{what}: one channel for each incident");
    };
    for at in 1..=requests.len() {
        for cut in [Cut::Before, Cut::After] {
            let (before, what) = (world.ids(), format!("request {at}, {cut:?}"));
            world.killed(&declare(&["--yes"]), Some((at, cut)), |_| {});
            take_up(&world, &before, &what);
            one_more(&what, &before);
        }
    }
    for at in 1..=records {
        let (before, what) = (world.ids(), format!("record {at}"));
        let lines = |world: &World| -> usize {
            let new = world.ids().difference(&before).next().cloned();
            let text =
                new.and_then(|id| std::fs::read_to_string(world.incidents().join(id).join("journal.jsonl")).ok());
            text.map_or(0, |text| text.matches('\n').count())
        };
        world.killed(&declare(&["--yes"]), None, |road| {
            if lines(&world) >= at {
                road.kill();
            }
        });
        take_up(&world, &before, &what);
        one_more(&what, &before);
    }
}

#[test]
fn an_incident_from_its_declaration_to_its_post_mortem_by_subcommands() {
    let world = World::start();
    // Until the alert fires there is nothing to say.
    let deadline = Instant::now() + PATIENCE;
    while !world.done(&["status", "--json"], 1).contains("HighErrorRate") {
        assert!(Instant::now() < deadline, "nothing fires");
        std::thread::sleep(Duration::from_millis(200));
    }
    let alert = ["incident", "declare", "--alert", "HighErrorRate"];
    let preview = world.done(&[&alert[..], &["--dry-run"]].concat(), 0);
    assert!(preview.contains("open channel inc-") && preview.contains("│"), "{preview}");
    assert!(world.ids().is_empty() && world.channels().is_empty(), "a preview sends nothing");
    world.done(&alert, 3);
    world.done(&[&alert[..], &["--yes", "--read-only"]].concat(), 3);
    assert!(world.ids().is_empty(), "nobody confirmed it, or nobody may");
    world.done(&["incident", "note", "x"], 2);
    // A guardrail wants an open incident; then it is found by itself.
    let restart = ["restart", "deployment/payment", "-n", "shop", "--dry-run"];
    world.done(&restart, 3);

    let said = world.done(&[&alert[..], &["--yes", "--severity", "2"]].concat(), 0);
    let id = world.ids().pop_first().unwrap();
    assert!(said.contains(&format!("incident {id}")) && said.contains("✓ open channel"), "{said}");
    is_whole(&world, &id, "declared");
    let [(channel, _)] = &world.channels()[..] else { panic!("one channel") };
    world.done(&restart, 0);
    world.done(&["incident", "note", "looked at the graphs"], 0);
    world.done(&["incident", "role", "scribe", "bob"], 0);
    world.done(&["incident", "status", "mitigating", "--reason", "rolling back"], 0);
    world.done(&["incident", "status", "mitigating"], 3);
    let draft = world.done(&["incident", "update", "--draft"], 0);
    assert!(draft.contains("Conditions") && draft.contains("SEV2"), "{draft}");
    world.done(&["incident", "update", "We roll payment back", "--next", "30"], 0);
    // What is done to its workload belongs to it by itself.
    world.done(&["rollback", "deployment/payment", "-n", "shop", "--yes"], 0);
    world.done(&["incident", "severity", "SEV3"], 0);
    world.done(&["incident", "status", "monitoring"], 0);
    world.done(&["incident", "hand-over", "bob", "--yes"], 0);
    world.done(&["incident", "publish", "We are looking", "--yes"], 2);
    world.done(&["incident", "status", "resolved"], 0);
    let posted = world.posted(channel).join("\n---\n");
    for text in ["We roll payment back", "Status is now", "Handed over to bob", "resolved"] {
        assert_eq!(posted.matches(text).count().min(1), 1, "{text} in {posted}");
    }

    let shown = world.json(&["incident", "show", "last", "--json"]);
    let actions: Vec<&Value> =
        shown["entries"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "action").collect();
    assert_eq!(actions.len(), 2, "begun and ended: {actions:#?}");
    assert_eq!(actions[1]["end"], "done");
    let audit = support::json_lines(&world.directory.path().join("state/opsdeck/audit/audit.jsonl"));
    assert_eq!(audit[0]["incident"], id.as_str());
    let timeline = world.done(&["incident", "show", &id, "--timeline"], 0);
    for text in
        ["declared SEV2", "looked at the graphs", "rollback of deployment/payment done", "status is now resolved"]
    {
        assert!(timeline.contains(text), "{text} in {timeline}");
    }
    let list = world.json(&["incident", "list", "--all", "--json"]);
    let seconds = &list["incidents"][0]["seconds"];
    assert!(seconds["acknowledge"].is_i64() && seconds["mitigate"].is_i64() && seconds["resolve"].is_i64(), "{list:#}");
    assert_eq!(list["medians"]["by_severity"]["SEV3"]["to_resolve"], seconds["resolve"]);
    assert_eq!(world.json(&["incident", "list", "--json"])["incidents"].as_array().unwrap().len(), 0);
    let toil = world.json(&["incident", "toil", "--json"]);
    let of_alert = toil.as_array().unwrap().iter().find(|row| row["alert"] == "HighErrorRate").unwrap();
    assert_eq!((&of_alert["action"], &of_alert["times"]), (&"rollback".into(), &1.into()), "{toil:#}");

    let path = world.done(&["incident", "post-mortem", "last"], 0);
    let path = Path::new(path.lines().last().unwrap().trim()).to_owned();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("# Post-mortem") && text.contains("We roll payment back"), "{text}");
    std::fs::write(&path, text + "\nWhat we learnt: test the pricing table.\n").unwrap();
    world.done(&["incident", "reopen", "last", "--reason", "it is back"], 0);
    world.done(&["incident", "note", "the second wave"], 0);
    world.done(&["incident", "post-mortem"], 0);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("What we learnt") && text.contains("the second wave"), "{text}");
    let bundle = world.directory.path().join("bundle.json");
    world.done(&["incident", "export", "--out", bundle.to_str().unwrap()], 0);
    let opened = world.done(&["incident", "open", bundle.to_str().unwrap()], 0);
    assert!(opened.contains("the second wave"), "{opened}");
}

#[test]
fn processes_that_write_at_once_lose_nothing_and_agree_on_one_order() {
    let world = World::start();
    world.done(&declare(&["--no-channel", "--no-page", "--yes"]), 0);
    let id = world.ids().pop_first().unwrap();
    let children: Vec<Child> = (0..16)
        .map(|n| {
            let text = format!("note {n}");
            let mut command = world.command(&["incident", "note", &text]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let shown = world.json(&["incident", "show", &id, "--json"]);
    let entries = shown["entries"].as_array().unwrap();
    let notes: BTreeSet<&str> = entries.iter().filter_map(|entry| entry["text"].as_str()).collect();
    assert_eq!(notes.len(), 16, "{notes:?}");
    let stamps: Vec<&str> = entries.iter().map(|entry| entry["stamp"].as_str().unwrap()).collect();
    assert!(stamps.is_sorted_by(|one, other| one < other));
    let writers: BTreeSet<&str> = stamps.iter().map(|stamp| stamp.rsplit('-').next().unwrap()).collect();
    assert_eq!(writers.len(), 17);
    // The file is in that order too: each stood after everything that it had seen.
    let text = std::fs::read_to_string(world.incidents().join(&id).join("journal.jsonl")).unwrap();
    let on_disk: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["stamp"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(on_disk, stamps);
}

/// A server that refuses everything, and says back all that it was told: the worst that a service can do with a secret.
fn parrot() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = heard.clone();
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let ears = ears.clone();
            std::thread::spawn(move || {
                let Some(asked) = request(&mut client) else { return };
                let asked = String::from_utf8_lossy(&asked).into_owned();
                let said = serde_json::json!({"ok": false, "error": "invalid_auth", "message": asked, "errcode": "M_UNKNOWN_TOKEN"});
                ears.lock().unwrap().push(asked);
                let body = said.to_string();
                let head = "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nConnection: close";
                let _ = write!(client, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            });
        }
    });
    (address, heard)
}

/// A secret for each service, in each kind of place.
const CANARIES: [(&str, &str); 10] = [
    ("slack", "xoxb-canary-alpha-1111"),
    ("mattermost", "canary-bravo-2222-token"),
    ("discord", "canary-charlie-3333.token"),
    ("matrix", "syt_canary_delta_4444"),
    ("webhook", "canary-echo-5555-path"),
    ("pagerduty", "canary-foxtrot-6666"),
    ("routing", "canarygolf77777777777777777777777"),
    ("opsgenie", "canary-hotel-8888-0000"),
    ("header", "canary-india-9999"),
    ("page", "canary-juliett-1010"),
];

fn canary(name: &str) -> &'static str {
    CANARIES.iter().find(|(known, _)| *known == name).unwrap().1
}

/// All that is in a directory, by file, links not followed.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}

#[test]
fn no_secret_of_any_service_is_found_in_files_output_or_process_lists() {
    let world = World::start();
    let place = world.directory.path();
    let (server, heard) = parrot();
    let secret = |name: &str| {
        use std::os::unix::fs::OpenOptionsExt;
        let path = place.join(format!("secret-{name}"));
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path).unwrap();
        // The secret of a webhook is its address.
        let before = if name == "webhook" { format!("{server}/") } else { String::new() };
        writeln!(file, "{before}{}", canary(name)).unwrap();
        path.display().to_string()
    };
    let file = |name: &str| format!("{{ file = {:?} }}", secret(name));
    let command = |name: &str| format!("{{ command = [\"cat\", {:?}] }}", secret(name));
    let env = |name: &str| format!("{{ env = \"CANARY_{}\" }}", name.to_uppercase());
    let chats = [
        ("slack", env("slack"), ""),
        ("mattermost", file("mattermost"), "team = \"ops\"\n"),
        ("discord", command("discord"), "team = \"1234567890\"\n"),
        ("matrix", env("matrix"), "team = \"example.org\"\n"),
        ("webhook", file("webhook"), ""),
    ];
    let base = std::fs::read_to_string(place.join("opsdeck.toml")).unwrap();
    let base = base.split_once("[[chat]]").unwrap().0.to_owned();
    let paging = format!(
        "\n[[paging]]\nname = \"pd\"\nprovider = \"pagerduty\"\nurl = \"{server}\"\nevents-url = \"{server}\"\nfrom = \"a@b.example\"\ntoken = {}\nrouting-key = {}\n\
         \n[[paging]]\nname = \"og\"\nprovider = \"opsgenie\"\nurl = \"{server}\"\ntoken = {}\nheaders = {{ X-Canary = {} }}\n\
         \n[[status-page]]\nname = \"sp\"\nprovider = \"statuspage\"\nurl = \"{server}\"\npage = \"abc\"\ntoken = {}\n",
        command("pagerduty"),
        file("routing"),
        env("opsgenie"),
        file("header"),
        command("page"),
    );
    let mut said = String::new();
    let mut seen_in_lists = BTreeSet::new();
    for (name, token, more) in &chats {
        let chat = format!(
            "\n[[chat]]\nname = \"chat-{name}\"\nprovider = \"{name}\"\nurl = \"{server}\"\n{more}token = {token}\n"
        );
        let config = place.join(format!("{name}.toml"));
        std::fs::write(&config, format!("{base}{chat}{paging}")).unwrap();
        let log = place.join(format!("{name}.log"));
        let runs: [&[&str]; 7] = [
            &["doctor"],
            &[
                "incident",
                "declare",
                "--title",
                "Canaries",
                "--service",
                "payment",
                "--wait",
                "0",
                "--invite",
                "bob",
                "--yes",
            ],
            &["incident", "update", "all is well", "--incident", "LAST"],
            &["incident", "retry", "--incident", "LAST"],
            &["incident", "publish", "We look", "--public", "--yes", "--incident", "LAST"],
            &["incident", "export", "last", "--out", "OUT"],
            &["incident", "show", "last"],
        ];
        for run in runs {
            let out = place.join(format!("{name}.bundle")).display().to_string();
            let words = run.iter().map(|word| match *word {
                "LAST" => "last",
                "OUT" => out.as_str(),
                word => word,
            });
            let mut process = support::process(place);
            process
                .arg("--kubeconfig")
                .arg(place.join("kubeconfig"))
                .arg("--config")
                .arg(&config)
                .arg("--log")
                .arg(&log);
            process.args(words).env("RUST_LOG", "opsdeck=trace").stdin(Stdio::null());
            for known in ["slack", "matrix", "opsgenie"] {
                process.env(format!("CANARY_{}", known.to_uppercase()), canary(known));
            }
            let mut child = process.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let (mut out, mut errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
            let reader = std::thread::spawn(move || {
                let mut text = String::new();
                let _ = out.read_to_string(&mut text);
                text
            });
            let also = std::thread::spawn(move || {
                let mut text = String::new();
                let _ = errors.read_to_string(&mut text);
                text
            });
            while child.try_wait().unwrap().is_none() {
                for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                    if let Ok(line) = std::fs::read(entry.path().join("cmdline")) {
                        let line = String::from_utf8_lossy(&line).into_owned();
                        seen_in_lists
                            .extend(CANARIES.iter().filter(|(_, secret)| line.contains(secret)).map(|(name, _)| *name));
                    }
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            said.push_str(&reader.join().unwrap());
            said.push_str(&also.join().unwrap());
        }
    }
    let heard = heard.lock().unwrap().join("\n");
    for (name, secret) in CANARIES {
        // The search can find something: the services were told.
        if name != "routing" {
            assert!(heard.contains(secret), "{name} was never used");
        }
        assert!(!said.contains(secret), "{name} was printed:\n{said}");
        assert!(!seen_in_lists.contains(name), "{name} stood in a process list");
    }
    for path in files(place) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("secret-") {
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        for (secret_of, secret) in CANARIES {
            assert!(!text.contains(secret), "{secret_of} stands in {}", path.display());
        }
    }
    assert!(files(place).iter().any(|path| path.ends_with("slack.log")), "there is a debug log");
}
