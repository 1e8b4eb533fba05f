//! The lab with its chat and its pager, a road to both on which runs are killed, and what there is to see afterwards.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::killed::{self, Cut, Road, road_to};
use crate::support::lab::Lab;
use crate::support::road::{forward, json_body};
use crate::support::{self, home};

/// The lab, with a road to its chat and its pager.
pub struct World {
    _lab: Lab,
    pub directory: TempDir,
    chat: String,
    road: Arc<Mutex<Road>>,
    /// Channels of incidents before ours.
    old: BTreeSet<String>,
}

impl World {
    pub fn start() -> Self {
        Self::with(|text| text)
    }

    /// One whose configuration `change` has gone over.
    pub fn with(change: impl FnOnce(String) -> String) -> Self {
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
        std::fs::write(directory.path().join("road.toml"), change(text)).unwrap();
        let mut world = Self { _lab: lab, directory, chat, road, old: BTreeSet::new() };
        world.old = world.channels().into_iter().map(|(id, _)| id).collect();
        world
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = support::process(self.directory.path());
        command.arg("--kubeconfig").arg(self.directory.path().join("kubeconfig"));
        command.arg("--config").arg(self.directory.path().join("road.toml"));
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        *self.road.lock().unwrap() = Road::default();
        self.command(arguments).output().unwrap()
    }

    /// Runs it, and wants this exit code.
    pub fn done(&self, arguments: &[&str], code: i32) -> String {
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

    /// Runs it: the exit code, and all that it says.
    pub fn told(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        let said = [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat();
        (output.status.code().unwrap(), said)
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(arguments, 0)).unwrap()
    }

    /// Starts it with `at` on the road, and waits until it ended or was killed. Gives the requests that it sent.
    pub fn killed(&self, arguments: &[&str], at: Option<(usize, Cut)>, watch: impl Fn(&mut Road)) -> Vec<String> {
        killed::run(self.command(arguments), &self.road, at, watch)
    }

    pub fn incidents(&self) -> PathBuf {
        self.directory.path().join("state/opsdeck/incidents")
    }

    /// The ids of the incidents that have a journal.
    pub fn ids(&self) -> BTreeSet<String> {
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
        let value = json_body(&forward(asked.as_bytes(), host));
        assert_eq!(value["ok"], true, "{method}: {value}");
        value
    }

    /// Channels of our incidents: id and name.
    pub fn channels(&self) -> Vec<(String, String)> {
        let all = self.ask("conversations.list?limit=1000&types=public_channel,private_channel");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let all =
            all["channels"].as_array().unwrap().iter().map(|channel| (text(&channel["id"]), text(&channel["name"])));
        all.filter(|(id, name)| name.starts_with("inc-") && !self.old.contains(id)).collect()
    }

    /// What was posted into a channel by us, oldest first.
    pub fn posted(&self, channel: &str) -> Vec<String> {
        let history = self.ask(&format!("conversations.history?channel={channel}&limit=200"));
        let messages = history["messages"].as_array().unwrap();
        let ours = messages.iter().rev().filter(|message| message["subtype"].is_null() && !message["bot_id"].is_null());
        ours.map(|message| message["text"].as_str().unwrap().to_owned()).collect()
    }
}

const DECLARE: [&str; 8] = ["incident", "declare", "--title", "Payments fail", "--service", "payment", "--wait", "0"];

pub fn declare<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&DECLARE, more].concat()
}

/// What an incident came to, whatever happened on the way: one channel, and each message once.
pub fn is_whole(world: &World, id: &str, what: &str) {
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
