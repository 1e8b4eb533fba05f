//! Feature flags on the lab's Unleash and on the real one: the whole list, switching and reading back, conflicts,
//! permissions, and a server that goes and comes back.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use crate::backend::{Backend, until};
use crate::stack::process::Ports;
use crate::stack::unleash::{Unleash, ask};
use crate::stack::{Parts, Stack};
use crate::support::{Console, home, opsdeck};
use crate::{Body, Case};

pub mod server;
use server::{FEATURES, FlagServer};

pub const CASES: &[Case] = &[
    Case::new("two_thousand_flags_are_listed_and_each_of_them_once", Body::Kubernetes(long_list)),
    Case::new("a_flag_is_switched_and_its_server_says_so_too", Body::Kubernetes(switched)),
    Case::new("a_flag_that_is_archived_behind_the_plan_is_a_conflict", Body::Kubernetes(archived)),
    Case::new("a_flag_that_was_switched_behind_the_plan_is_a_conflict", Body::Kubernetes(overtaken)),
    Case::new("who_may_only_look_is_told_which_permission_is_missing", Body::Kubernetes(viewer)),
    Case::new("a_flag_server_that_restarts_is_back_by_itself", Body::Own(restarted)),
    Case::new("unleash_knows_its_people_and_what_they_may", Body::Kubernetes(people)),
];

/// Somebody at the command line whose configuration knows the flag server and nothing else.
struct Hands {
    home: tempfile::TempDir,
    kubeconfig: PathBuf,
    configuration: PathBuf,
}

impl Hands {
    fn of(kubeconfig: &Path, server: &FlagServer<'_>, user: &str) -> Self {
        let home = home();
        let configuration = server.configuration(home.path(), user);
        Self { home, kubeconfig: kubeconfig.to_owned(), configuration }
    }

    fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let files = [("--kubeconfig", &self.kubeconfig), ("--config", &self.configuration)];
        files.iter().flat_map(|(name, path)| [*name, path.to_str().unwrap()]).chain(more.iter().copied()).collect()
    }

    fn run(&self, more: &[&str]) -> Output {
        opsdeck(self.home.path()).args(self.arguments(more)).output().unwrap()
    }

    /// It has to end with this code; what it said, on both streams.
    fn ends(&self, code: i32, more: &[&str]) -> String {
        let output = self.run(more);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{more:?}\n{said}");
        said
    }

    /// The plan is on screen, something happens, and then somebody agrees to the plan: what is said then, and the code.
    fn agrees_too_late(&self, more: &[&str], meanwhile: impl FnOnce()) -> (String, u32) {
        let mut console = Console::start(self.home.path(), &self.arguments(more), (160, 60));
        console.wait_for("to confirm:");
        meanwhile();
        console.send("yes\r");
        let (said, code) = console.rest();
        (String::from_utf8_lossy(&said).into_owned(), code)
    }
}

fn long_list(backend: &Backend) {
    let Some(server) = backend.flags() else { return };
    server.make_many("crowd", 2_000);
    let output = Hands::of(&backend.kubeconfig, &server, "viewer").run(&["flag", "list", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let keys: Vec<&str> = rows.iter().map(|row| row["id"]["key"].as_str().unwrap_or_else(|| panic!("{row}"))).collect();
    let mut crowd: Vec<&str> = keys.into_iter().filter(|key| key.starts_with("crowd-")).collect();
    crowd.sort_unstable();
    let expected: Vec<String> = (1..=2_000).map(|number| format!("crowd-{number:04}")).collect();
    assert_eq!(crowd, expected);
}

fn switched(backend: &Backend) {
    let Some(server) = backend.flags() else { return };
    server.make("switched");
    let hands = Hands::of(&backend.kubeconfig, &server, "editor");
    let plan = hands.ends(0, &["flag", "on", "switched", "--dry-run"]);
    assert!(plan.contains("PRODUCTION"), "{plan}");
    assert!(!server.is_on("switched"), "a plan switches nothing");
    hands.ends(0, &["flag", "on", "switched", "--yes", "--reason", "its case"]);
    assert!(server.is_on("switched"));
    let editor = if server.is_real() { "editor" } else { "shop-editor" };
    assert_eq!(server.events("switched")[0], ("feature-environment-enabled".to_owned(), editor.to_owned()));
    hands.ends(0, &["flag", "off", "switched", "--yes"]);
    assert!(!server.is_on("switched"));
    let kinds: Vec<String> = server.events("switched").into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds[..2], ["feature-environment-disabled", "feature-environment-enabled"], "each once: {kinds:?}");
    // The share of users is a knob of its own, and the rest of the strategy stays as it is.
    let place = format!("{FEATURES}/switched/environments/production");
    let strategies = || server.ask("GET", &place, None).1["strategies"].clone();
    let before = strategies();
    hands.ends(0, &["flag", "set", "switched", "--percent", "25", "--yes"]);
    let mut expected = before;
    expected[0]["parameters"]["rollout"] = json!("25");
    assert_eq!(strategies(), expected);
}

fn archived(backend: &Backend) {
    let Some(server) = backend.flags() else { return };
    server.make("archived");
    let hands = Hands::of(&backend.kubeconfig, &server, "owner");
    let (said, code) = hands.agrees_too_late(&["flag", "on", "archived"], || {
        assert_eq!(server.ask("DELETE", &format!("{FEATURES}/archived"), None).0, 202);
    });
    assert_eq!(code, 4, "a conflict:\n{said}");
    assert!(said.contains("archived"), "{said}");
    // It is gone from the list, and nobody switched it.
    assert!(hands.ends(2, &["flag", "on", "archived", "--yes"]).contains("no flag `archived`"));
    assert!(server.events("archived").iter().all(|(kind, _)| kind != "feature-environment-enabled"));
}

fn overtaken(backend: &Backend) {
    let Some(server) = backend.flags() else { return };
    server.make("overtaken");
    let place = format!("{FEATURES}/overtaken/environments/production");
    assert_eq!(server.ask("POST", &format!("{place}/on"), None).0, 200);
    let hands = Hands::of(&backend.kubeconfig, &server, "owner");
    let narrow = json!({"name": "flexibleRollout", "parameters": {"rollout": "5", "stickiness": "default", "groupId": "overtaken"}});
    let (said, code) = hands.agrees_too_late(&["flag", "off", "overtaken"], || {
        assert_eq!(server.ask("POST", &format!("{place}/strategies"), Some(&narrow)).0, 200);
    });
    assert_eq!(code, 4, "a conflict:\n{said}");
    assert!(server.is_on("overtaken"), "what somebody else did is not written over");
}

fn viewer(backend: &Backend) {
    let Some(server) = backend.flags() else { return };
    server.make("looked-at");
    let hands = Hands::of(&backend.kubeconfig, &server, "viewer");
    assert!(hands.ends(0, &["flag", "show", "looked-at"]).contains("looked-at"));
    let refused = hands.ends(3, &["flag", "on", "looked-at", "--yes"]);
    assert!(refused.contains("UPDATE_FEATURE_ENVIRONMENT"), "{refused}");
    assert!(!server.is_on("looked-at"));
}

/// What the API itself says of who may what: the console goes by these words.
fn people(backend: &Backend) {
    let Some(server) = backend.flags() else { return };
    let flag = json!({"name": "people", "type": "release"});
    let by = |token: &str, path: &str, body: Option<&Value>| ask(&server.url, "POST", path, token, body).unwrap();
    let (refused, why) = by(server.token("viewer"), FEATURES, Some(&flag));
    assert_eq!((refused, &why["permissions"]), (403, &json!(["CREATE_FEATURE"])));
    assert_eq!(by(server.token("editor"), FEATURES, Some(&flag)).0, 201);
    let on = format!("{FEATURES}/people/environments/production/on");
    let (refused, why) = by(server.token("viewer"), &on, None);
    assert_eq!((refused, &why["permissions"]), (403, &json!(["UPDATE_FEATURE_ENVIRONMENT"])));
    for token in [server.token("editor"), server.token("owner"), server.admin_token()] {
        assert_eq!(by(token, &on, None).0, 200);
    }
}

fn restarted(binaries: &Path) {
    let parts = Parts { flags: true, ..Parts::CLUSTER };
    let mut stack = Stack::start(binaries, parts, Ports::free()).unwrap();
    let kubeconfig = stack.kubeconfig("admin");
    let made = |stack: &Stack, name: &str| FlagServer::real(stack.flags.as_ref().unwrap()).make(name);
    made(&stack, "early");
    let hands = Hands::of(&kubeconfig, &FlagServer::real(stack.flags.as_ref().unwrap()), "owner");
    let mut console = Console::start(hands.home.path(), &hands.arguments(&[]), (160, 48));
    console.wait_for("flags");
    console.send("7");
    console.wait_for("early");
    let down = |unleash: &mut Unleash| unleash.server.kill();
    down(stack.flags.as_mut().unwrap());
    // Asked while it is away, it says so and changes nothing; the console stays.
    let failed = hands.run(&["flag", "on", "early", "--yes"]);
    assert!(!failed.status.success());
    console.wait_until("the flags have failed", |screen| {
        screen.contains("stale") || screen.contains("✗") || screen.contains("retry")
    });
    let unleash = stack.flags.as_mut().unwrap();
    unleash.server.restart().unwrap();
    unleash.answers_again().unwrap();
    made(&stack, "late");
    console.wait_for("late");
    let server = FlagServer::real(stack.flags.as_ref().unwrap());
    assert!(!server.is_on("early"));
    hands.ends(0, &["flag", "on", "early", "--yes"]);
    until("it is on again", || server.is_on("early"));
}
