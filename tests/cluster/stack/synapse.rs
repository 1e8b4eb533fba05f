//! A Matrix homeserver: Synapse from PyPI (`../synapse/build`) on a database file, with two people who have a token each.
//!
//! It stands alone ([`Synapse::alone`], in a moment: nothing of Kubernetes is needed) or beside a whole stack. Its data
//! stays as long as its folder, so that what is stopped or killed comes back as it was.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{Ports, Process, StartError};
use super::{Site, answers, require, unleash, write};

/// The name of the server, which addresses of people and rooms end with. It is no host.
pub const SERVER_NAME: &str = "opsdeck.test";
/// What the people sign in with.
pub const PASSWORD: &str = "synapse4all";
/// Those who are registered.
pub const PEOPLE: [&str; 2] = ["oncall", "payments-lead"];
/// What lets the suite register people.
const REGISTRATION: &str = "opsdeck-test-registration";

/// How much one may ask for in how short a time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Limits {
    /// Synapse's own: a burst of ten messages and then one in five seconds, five sign-ins.
    Usual,
    /// So many that no case meets them.
    Wide,
}

/// A homeserver.
pub struct Synapse {
    /// The server.
    pub server: Process,
    /// Where it is: the base of `/_matrix/client/v3/…`.
    pub url: String,
    /// Name and access token.
    tokens: Vec<(&'static str, String)>,
    /// Its own folder, unless it lives in that of a stack. After the server, so that it goes last.
    _directory: Option<TempDir>,
}

impl Synapse {
    /// One of its own in a folder of its own.
    pub fn alone(limits: Limits) -> Result<Self, StartError> {
        for (program, package) in super::CHAT {
            require(program, package)?;
        }
        let directory = tempfile::Builder::new()
            .prefix("opsdeck-synapse")
            .tempdir()
            .map_err(|error| StartError(format!("no directory for synapse: {error}")))?;
        let port = Ports::free().take("synapse")?;
        let path = directory.path().to_owned();
        Self::begin(&path, Some(directory), port, limits)?.ready()
    }

    /// Starts one of a stack without waiting until it answers: [`Synapse::ready`] does.
    pub(super) fn launch(site: &mut Site<'_>, limits: Limits) -> Result<Self, StartError> {
        let port = site.ports.take("synapse")?;
        Self::begin(site.directory, None, port, limits)
    }

    fn begin(directory: &Path, own: Option<TempDir>, port: u16, limits: Limits) -> Result<Self, StartError> {
        let python = installed()?.join("bin/python");
        let home = directory.join("synapse");
        std::fs::create_dir(&home).map_err(|error| StartError(format!("cannot make {}: {error}", home.display())))?;
        let (settings, log) = (home.join("homeserver.yaml"), home.join("log.yaml"));
        write(&log, LOG)?;
        write(&settings, &configuration(&home, port, limits))?;
        // Isolated: neither the environment nor the working directory has a say in what it runs.
        let arguments = ["-I", "-m", "synapse.app.homeserver", "-c"].map(str::to_owned).into_iter();
        let arguments = arguments.chain([settings.display().to_string()]).collect();
        let server = Process::start("synapse", &python, arguments, directory)?;
        Ok(Self { server, url: format!("http://127.0.0.1:{port}"), tokens: Vec::new(), _directory: own })
    }

    /// Waits until it answers, and registers its people.
    pub(super) fn ready(mut self) -> Result<Self, StartError> {
        self.answers_again()?;
        for name in PEOPLE {
            let token = self.register(name)?;
            self.tokens.push((name, token));
        }
        Ok(self)
    }

    fn answers_again(&mut self) -> Result<(), StartError> {
        let health = format!("{}/health", self.url);
        self.server.until(|| answers(&health))
    }

    /// Asks it to end (`SIGTERM`) and waits until it has.
    pub fn stop(&mut self) {
        self.server.end("TERM");
    }

    /// Kills it (`SIGKILL`), in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again on the same data and port, and waits until it answers.
    pub fn start_again(&mut self) -> Result<(), StartError> {
        self.server.restart()?;
        self.answers_again()
    }

    /// The access token of one of [`PEOPLE`].
    pub fn token(&self, name: &str) -> &str {
        self.tokens.iter().find(|(known, _)| *known == name).map_or("", |(_, token)| token)
    }

    /// The whole address of somebody, who need not exist.
    pub fn user_id(name: &str) -> String {
        format!("@{name}:{SERVER_NAME}")
    }

    /// Asks its API in the name of somebody: the status and the body, `null` where there is none. The path begins with
    /// `/_matrix`.
    pub fn ask(&self, name: &str, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<(u16, Value)> {
        unleash::ask(&self.url, method, path, &format!("Bearer {}", self.token(name)), body)
    }

    /// Registers somebody who is no administrator (limits do not hold for some of those), and gives their token.
    fn register(&self, name: &str) -> Result<String, StartError> {
        let path = "/_synapse/admin/v1/register";
        let failed = |why: String| StartError(format!("synapse: {name} is not registered: {why}"));
        let ask = |method: &str, body: Option<&Value>| {
            unleash::ask(&self.url, method, path, "", body).map_err(|error| failed(error.to_string()))
        };
        let (_, once) = ask("GET", None)?;
        let nonce = once["nonce"].as_str().ok_or_else(|| failed(once.to_string()))?;
        let proof = signed(&format!("{nonce}\0{name}\0{PASSWORD}\0notadmin")).map_err(failed)?;
        let person = json!({"nonce": nonce, "username": name, "password": PASSWORD, "admin": false, "mac": proof, "displayname": name});
        let (_, made) = ask("POST", Some(&person))?;
        made["access_token"].as_str().map(str::to_owned).ok_or_else(|| failed(made.to_string()))
    }
}

/// HMAC-SHA1 by the registration's secret, which Synapse wants, in hexadecimal.
fn signed(text: &str) -> Result<String, String> {
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha1", "-hmac", REGISTRATION, "-r"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("openssl: {error}"))?;
    if let Some(mut input) = openssl.stdin.take() {
        input.write_all(text.as_bytes()).map_err(|error| format!("openssl: {error}"))?;
    }
    let output = openssl.wait_with_output().map_err(|error| format!("openssl: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    said.split_whitespace().next().map(str::to_owned).ok_or_else(|| "openssl says nothing".to_owned())
}

/// The folder that `synapse/build` prints; it installs what is missing.
fn installed() -> Result<PathBuf, StartError> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/synapse/build");
    let output =
        Command::new(&script).output().map_err(|error| StartError(format!("{}: {error}", script.display())))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().into());
    }
    Err(StartError(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// The log goes where the output goes.
const LOG: &str = "\
version: 1
formatters: {plain: {format: '%(asctime)s %(levelname)s %(name)s %(message)s'}}
handlers: {out: {class: logging.StreamHandler, formatter: plain}}
root: {level: WARNING, handlers: [out]}
disable_existing_loggers: false
";

/// It asks nobody outside, and knows no other homeserver.
fn configuration(home: &Path, port: u16, limits: Limits) -> String {
    let home = home.display();
    let base = format!(
        "\
server_name: {SERVER_NAME}
public_baseurl: http://127.0.0.1:{port}/
listeners:
- {{port: {port}, type: http, tls: false, bind_addresses: ['127.0.0.1'], resources: [{{names: [client], compress: false}}]}}
database: {{name: sqlite3, args: {{database: '{home}/homeserver.db'}}}}
log_config: '{home}/log.yaml'
media_store_path: '{home}/media'
signing_key_path: '{home}/signing.key'
pid_file: '{home}/synapse.pid'
registration_shared_secret: {REGISTRATION}
report_stats: false
trusted_key_servers: []
federation_domain_whitelist: []
"
    );
    match limits {
        Limits::Usual => base,
        Limits::Wide => format!("{base}{WIDE}"),
    }
}

/// Every limit that a client of the API can meet.
const WIDE: &str = "\
rc_message: &wide {per_second: 10000, burst_count: 10000}
rc_room_creation: *wide
rc_joins: {local: *wide, remote: *wide}
rc_joins_per_room: *wide
rc_invites: {per_room: *wide, per_user: *wide, per_issuer: *wide}
rc_login: {address: *wide, account: *wide, failed_attempts: *wide}
";
