//! No secret in any file, log, screen, process list or error of a run over all services: each has a canary, in every kind
//! of place that a secret may lie in, and every service does the worst that it can do with what it is told.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opsdeck::config::SecretSource;
use opsdeck::integrations::secret::{Secret, remove, store};

use crate::support::road::request;
use crate::support::{self, Console, keyring};
use crate::world::World;

/// A secret for each service.
const CANARIES: [(&str, &str); 13] = [
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
    ("basic", "canary-kilo-1212-word"),
    ("launchdarkly", "api-canary-lima-1313"),
    ("flagsmith", "ser.canary-mike-1414"),
];
/// `monitor` and the canary of `basic`, as they are sent.
const BASIC: &str = "bW9uaXRvcjpjYW5hcnkta2lsby0xMjEyLXdvcmQ=";
/// Those that lie in variables: who is started gets them.
const VARIABLES: [&str; 2] = ["slack", "launchdarkly"];

fn canary(name: &str) -> &'static str {
    CANARIES.iter().find(|(known, _)| *known == name).unwrap().1
}

/// What a service does with a request.
#[derive(Clone, Copy, Debug)]
enum Mood {
    /// 401, and all that it was told as JSON.
    Refuses,
    /// 403, and all that it was told as text.
    Forbids,
    /// 500, the same.
    Fails,
    /// Sends elsewhere, with what it was told in the address.
    SendsAway,
    /// Says nothing.
    HangsUp,
}

/// A server that says back all that it was told: the worst that a service can do with a secret.
struct Parrot {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
    mood: Arc<Mutex<Mood>>,
}

impl Parrot {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (heard, mood) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Mood::Refuses)));
        let (ears, mouth) = (heard.clone(), mood.clone());
        std::thread::spawn(move || {
            for mut client in listener.incoming().map_while(Result::ok) {
                let (ears, mood) = (ears.clone(), *mouth.lock().unwrap());
                std::thread::spawn(move || {
                    let Some(asked) = request(&mut client) else { return };
                    let asked = String::from_utf8_lossy(&asked).into_owned();
                    ears.lock().unwrap().push(asked.clone());
                    let _ = client.write_all(answer(&asked, mood).as_bytes());
                });
            }
        });
        Self { url, heard, mood }
    }
}

fn answer(asked: &str, mood: Mood) -> String {
    // It knows the password, too.
    let told = if asked.contains(BASIC) { format!("{asked} {}", canary("basic")) } else { asked.to_owned() };
    let token = asked.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default();
    let token = token.rsplit([' ', '=']).next().unwrap_or_default();
    let json = serde_json::json!({"ok": false, "error": "invalid_auth", "message": told, "errcode": "M_UNKNOWN_TOKEN"});
    let (status, sort, body) = match mood {
        Mood::Refuses => ("401 Unauthorized", "application/json", json.to_string()),
        Mood::Forbids => ("403 Forbidden", "text/plain", told),
        Mood::Fails => ("500 Internal Server Error", "text/plain", told),
        Mood::SendsAway => ("302 Found", "text/html", String::new()),
        Mood::HangsUp => return String::new(),
    };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {sort}\r\nX-OAuth-Scopes: {token}\r\n\
         Location: http://elsewhere.example/{token}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A key of the kernel, which goes with the test.
struct KernelKey(SecretSource);

impl KernelKey {
    /// `None` where the kernel gives the tests no key service: containers often forbid it.
    fn keep(value: &str) -> Option<Self> {
        let at = SecretSource::Keyutils(format!("canary-{}", std::process::id()));
        match wait(store(&at, &Secret::of(value).unwrap(), "chat.token")) {
            Ok(()) => Some(Self(at)),
            Err(fault) => {
                eprintln!("SKIPPED: no key service to test with: {fault}");
                None
            }
        }
    }
}

impl Drop for KernelKey {
    fn drop(&mut self) {
        let _ = wait(remove(&self.0, "chat.token"));
    }
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
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

/// A configuration for each chat, with everything else in all of them.
struct Plot {
    place: PathBuf,
    parrot: Parrot,
    kernel: Option<KernelKey>,
}

impl Plot {
    /// In a file of its own; gives its path.
    fn secret(&self, name: &str) -> String {
        let path = self.place.join(format!("secret-{name}"));
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path).unwrap();
        // The secret of a webhook is its address.
        let before = if name == "webhook" { format!("{}/", self.parrot.url) } else { String::new() };
        writeln!(file, "{before}{}", canary(name)).unwrap();
        path.display().to_string()
    }

    fn file(&self, name: &str) -> String {
        format!("{{ file = {:?} }}", self.secret(name))
    }

    /// From a helper that takes its time: whoever looks sees it.
    fn helper(&self, name: &str) -> String {
        format!("{{ command = [\"sh\", \"-c\", \"sleep 0.05; cat {}\"] }}", self.secret(name))
    }

    fn variable(name: &str) -> String {
        format!("{{ env = \"CANARY_{}\" }}", name.to_uppercase())
    }

    /// From the kernel, where it keeps any.
    fn of_kernel(&self, name: &str) -> String {
        match &self.kernel {
            Some(KernelKey(SecretSource::Keyutils(key))) => format!("{{ keyutils = {key:?} }}"),
            _ => self.file(name),
        }
    }

    /// From the keyring of the bus, where the test runs on one.
    fn of_keyring(&self, name: &str) -> String {
        if !keyring::is_inside() {
            return self.file(name);
        }
        wait(store(&SecretSource::Keyring(name.into()), &Secret::of(canary(name)).unwrap(), "paging.token")).unwrap();
        format!("{{ keyring = {name:?} }}")
    }

    /// Everything but the chat; `base` is the lab's configuration.
    fn services(&self, base: &str) -> String {
        let server = &self.parrot.url;
        // The variable names no secret, but its file: `CANARY_HEADER_FILE`.
        self.secret("header");
        let base = base.split_once("[[chat]]").unwrap().0;
        let (before, prometheus) = base.split_once("[prometheus]\nurl = ").unwrap();
        let after = prometheus.split_once('\n').unwrap().1;
        format!(
            "{before}[prometheus]\nurl = \"{server}\"\nbasic = {{ username = \"monitor\", password = {} }}\n{after}\
             \n[[flags]]\nname = \"ld\"\nprovider = \"launchdarkly\"\nurl = \"{server}\"\ntoken = {}\nenvironments = {{ \"*\" = [\"production\"] }}\n\
             \n[[flags]]\nname = \"fs\"\nprovider = \"flagsmith\"\nurl = \"{server}\"\ntoken = {}\nenvironments = {{ \"*\" = [\"production\"] }}\n\
             \n[[paging]]\nname = \"pd\"\nprovider = \"pagerduty\"\nurl = \"{server}\"\nevents-url = \"{server}\"\nfrom = \"a@b.example\"\ntoken = {}\nrouting-key = {}\n\
             \n[[paging]]\nname = \"og\"\nprovider = \"opsgenie\"\nurl = \"{server}\"\ntoken = {}\nheaders = {{ X-Canary = {} }}\n\
             \n[[status-page]]\nname = \"sp\"\nprovider = \"statuspage\"\nurl = \"{server}\"\npage = \"abc\"\ntoken = {}\n",
            self.file("basic"),
            Self::variable("launchdarkly"),
            self.file("flagsmith"),
            self.helper("pagerduty"),
            self.file("routing"),
            self.of_keyring("opsgenie"),
            Self::variable("header"),
            self.helper("page"),
        )
    }

    fn chats(&self) -> [(&'static str, String, &'static str); 5] {
        [
            ("slack", Self::variable("slack"), ""),
            ("mattermost", self.file("mattermost"), "team = \"ops\"\n"),
            ("discord", self.helper("discord"), "team = \"1234567890\"\n"),
            ("matrix", self.of_kernel("matrix"), "team = \"example.org\"\n"),
            ("webhook", self.file("webhook"), ""),
        ]
    }

    fn environment(&self) -> Vec<(String, String)> {
        let mut all: Vec<_> =
            VARIABLES.iter().map(|name| (format!("CANARY_{}", name.to_uppercase()), canary(name).to_owned())).collect();
        all.push(("CANARY_HEADER_FILE".into(), self.place.join("secret-header").display().to_string()));
        all.extend(std::env::var("DBUS_SESSION_BUS_ADDRESS").map(|bus| ("DBUS_SESSION_BUS_ADDRESS".into(), bus)));
        all
    }

    /// The binary with that configuration.
    fn opsdeck(&self, config: &Path, log: &Path, words: &[&str]) -> Command {
        let mut process = support::process(&self.place);
        process.arg("--kubeconfig").arg(self.place.join("kubeconfig")).arg("--config").arg(config);
        process.arg("--log").arg(log).args(words);
        process.envs(self.environment()).env("RUST_LOG", "trace").stdin(Stdio::null());
        process
    }
}

/// What was seen of processes while they ran.
#[derive(Default)]
struct Seen {
    /// Names of canaries, with where they stood.
    leaks: BTreeSet<(&'static str, &'static str)>,
    /// Was a helper among them?
    helper: bool,
}

impl Seen {
    fn look(&mut self) {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            for (file, spared) in [("cmdline", &[][..]), ("environ", &VARIABLES[..])] {
                let Ok(bytes) = std::fs::read(entry.path().join(file)) else { continue };
                let text = String::from_utf8_lossy(&bytes);
                self.helper |= file == "cmdline" && text.contains("/secret-") && text.contains("sleep");
                let leaks = CANARIES.iter().filter(|(name, secret)| !spared.contains(name) && text.contains(secret));
                self.leaks.extend(leaks.map(|(name, _)| (*name, file)));
            }
        }
    }
}

/// Runs it to its end and looks at all processes meanwhile; all that it says.
fn watched(mut command: Command, seen: &mut Seen) -> String {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let streams: [Box<dyn Read + Send>; 2] =
        [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
    let readers = streams.map(|mut stream| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    });
    while child.try_wait().unwrap().is_none() {
        seen.look();
        std::thread::sleep(Duration::from_millis(5));
    }
    readers.map(|reader| reader.join().unwrap()).concat()
}

/// Who is told of a canary, and what else is said and shown.
fn run_over_everything(plot: &Plot, base: &str) -> (String, Seen) {
    let (services, mut said, mut seen) = (plot.services(base), String::new(), Seen::default());
    for (name, token, more) in plot.chats() {
        let chat = format!(
            "\n[[chat]]\nname = \"chat-{name}\"\nprovider = \"{name}\"\nurl = \"{}\"\n{more}token = {token}\n",
            plot.parrot.url
        );
        let (config, log) = (plot.place.join(format!("{name}.toml")), plot.place.join(format!("{name}.log")));
        std::fs::write(&config, format!("{services}{chat}")).unwrap();
        let bundle = plot.place.join(format!("{name}.bundle")).display().to_string();
        let runs: [(Mood, &[&str]); 19] = [
            (Mood::Refuses, &["doctor"]),
            (Mood::Forbids, &["doctor"]),
            (Mood::Fails, &["doctor"]),
            (Mood::SendsAway, &["doctor"]),
            (Mood::HangsUp, &["doctor"]),
            (
                Mood::Refuses,
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
            ),
            (Mood::Refuses, &["incident", "update", "all is well", "--incident", "last"]),
            (Mood::Forbids, &["incident", "retry", "--incident", "last"]),
            (Mood::Refuses, &["incident", "publish", "We look", "--public", "--yes", "--incident", "last"]),
            (Mood::Forbids, &["incident", "hand-over", "bob", "--yes", "--incident", "last"]),
            (Mood::Refuses, &["incident", "escalate", "--incident", "last"]),
            (Mood::Refuses, &["oncall"]),
            (Mood::Forbids, &["page", "list"]),
            (Mood::Refuses, &["flag", "list"]),
            (Mood::Refuses, &["auth", "status"]),
            (Mood::Refuses, &["incident", "export", "last", "--out", &bundle]),
            (Mood::Refuses, &["incident", "open", &bundle]),
            (Mood::Refuses, &["incident", "post-mortem", "last"]),
            (Mood::Forbids, &["snapshot", "--wait", "2", "--keys", "I"]),
        ];
        for (mood, words) in runs {
            *plot.parrot.mood.lock().unwrap() = mood;
            let told = watched(plot.opsdeck(&config, &log, words), &mut seen);
            assert!(!told.contains("error: unrecognized") && !told.contains("Usage:"), "{words:?}: {told}");
            said.push_str(&told);
        }
        assert!(Path::new(&bundle).exists(), "{said}");
        // The console itself.
        *plot.parrot.mood.lock().unwrap() = Mood::Refuses;
        let words = [
            "--kubeconfig",
            &plot.place.join("kubeconfig").display().to_string(),
            "--config",
            &config.display().to_string(),
            "--log",
            &log.display().to_string(),
        ]
        .map(str::to_owned);
        let mut console =
            Console::start_with(&plot.place, &words.each_ref().map(String::as_str), &plot.environment(), (120, 40));
        // The header names the incident as soon as it is known; then the key shows it.
        console.wait_for("SEV3 triage");
        console.send("I");
        console.wait_for("messages and steps arrived");
        seen.look();
        console.send("\u{3}");
        said.push_str(&console.screen.screen().contents());
        said.push_str(&String::from_utf8_lossy(&console.rest().0));
        // One incident at a time: the key is to show it.
        said.push_str(&watched(
            plot.opsdeck(&config, &log, &["incident", "status", "resolved", "--incident", "last"]),
            &mut seen,
        ));
    }
    (said, seen)
}

#[test]
fn no_secret_of_any_service_is_found_in_files_output_screens_or_process_lists() {
    if !keyring::is_inside() {
        let home = support::home();
        let test = "canaries::no_secret_of_any_service_is_found_in_files_output_screens_or_process_lists";
        if let Some(output) = keyring::again(test, "true", home.path()) {
            let said = [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat();
            assert!(output.status.success() && said.contains("1 passed"), "{said}");
            return;
        }
    }
    let world = World::start();
    let place = world.directory.path().to_owned();
    let plot = Plot { place, parrot: Parrot::start(), kernel: KernelKey::keep(canary("matrix")) };
    let base = std::fs::read_to_string(plot.place.join("opsdeck.toml")).unwrap();
    let (said, seen) = run_over_everything(&plot, &base);
    let heard = plot.parrot.heard.lock().unwrap().join("\n");
    for (name, secret) in CANARIES {
        // The search can find something: the services were told. (The key of events goes out with actions only.)
        let told = heard.contains(if name == "basic" { BASIC } else { secret });
        assert!(told || name == "routing", "{name} was never used");
        let at = said.find(secret).map(|at| String::from_utf8_lossy(&said.as_bytes()[at.saturating_sub(400)..at + 60]));
        assert!(at.is_none(), "{name} was shown:\n{}", at.unwrap());
    }
    assert!(!said.contains(BASIC) && seen.helper, "the helpers were seen while they ran");
    assert_eq!(seen.leaks, BTreeSet::new(), "in a process list");
    let logs = files(&plot.place).into_iter().filter(|path| path.extension().is_some_and(|end| end == "log"));
    assert!(logs.map(|path| path.metadata().unwrap().len()).all(|length| length > 10_000), "there are debug logs");
    for path in files(&plot.place) {
        if path.file_name().unwrap().to_string_lossy().starts_with("secret-") {
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        for (secret_of, secret) in CANARIES.into_iter().chain([("basic", BASIC)]) {
            let at =
                text.find(secret).map(|at| String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(400)..at + 60]));
            assert!(at.is_none(), "{secret_of} stands in {}:\n{}", path.display(), at.unwrap());
        }
    }
}
