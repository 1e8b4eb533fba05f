//! A feature flag server with its database: Unleash on `PostgreSQL`, and one token for each of its root roles.
//!
//! The server comes from npm (`../unleash/build`), the database from Debian's packages. It is made anew for every
//! stack: an empty database and all migrations take a few seconds, during which other counterparts come up.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use super::process::{Process, StartError, find};
use super::{Site, answers, require};

/// Where Debian keeps the servers of each major version.
const SERVERS: &str = "/usr/lib/postgresql";
/// The user that runs the database when we are root, which it refuses to be.
const OWNER: &str = "postgres";
/// The token of type admin, which belongs to nobody.
const ADMIN: &str = "*:*.opsdeck-test-admin";
/// What everybody signs in with to get a personal token.
const PASSWORD: &str = "unleash4all";
/// Those who get one, with the number of their root role.
const PEOPLE: [(&str, u8); 3] = [("owner", 1), ("editor", 2), ("viewer", 3)];

/// Unleash, and what it stands on.
pub struct Unleash {
    /// The server.
    pub server: Process,
    /// Where it is.
    pub url: String,
    directory: PathBuf,
    /// Name and personal token.
    tokens: Vec<(&'static str, String)>,
    /// After the server, so that it ends last.
    database: Database,
}

impl Unleash {
    /// Starts it without waiting until it answers: [`Unleash::ready`] does.
    pub(super) fn launch(site: &mut Site<'_>) -> Result<Self, StartError> {
        let node = require("node", "nodejs")?;
        let env = require("env", "coreutils")?;
        let installed = installed()?;
        let database = Database::start(site)?;
        let port = site.ports.take("unleash")?;
        let url = format!("http://127.0.0.1:{port}");
        let set = |name: &str, value: &str| format!("{name}={value}");
        let arguments = vec![
            "-u".into(),
            "DATABASE_URL".into(),
            "-u".into(),
            "DATABASE_URL_FILE".into(),
            set("NODE_ENV", "production"),
            set("DATABASE_HOST", &database.socket.display().to_string()),
            set("DATABASE_NAME", "postgres"),
            set("DATABASE_USERNAME", "unleash"),
            set("DATABASE_PASSWORD", "unused"),
            set("DATABASE_SSL", "false"),
            set("HTTP_HOST", "127.0.0.1"),
            set("HTTP_PORT", &port.to_string()),
            set("UNLEASH_URL", &url),
            set("INIT_ADMIN_API_TOKENS", ADMIN),
            // It asks nobody outside.
            set("CHECK_VERSION", "false"),
            set("SEND_TELEMETRY", "false"),
            // Suites sign in more often than people.
            set("SIMPLE_LOGIN_LIMIT_PER_MINUTE", "1000"),
            set("CREATE_USER_RATE_LIMIT_PER_MINUTE", "1000"),
            node.display().to_string(),
            installed.join("node_modules/unleash-server/dist/server.js").display().to_string(),
        ];
        let server = Process::start("unleash", &env, arguments, site.directory)?;
        Ok(Self { server, url, directory: site.directory.to_owned(), tokens: Vec::new(), database })
    }

    /// Waits until it answers, and makes its users.
    pub(super) fn ready(mut self) -> Result<Self, StartError> {
        self.answers_again()?;
        for (name, role) in PEOPLE {
            let user = json!({"username": name, "password": PASSWORD, "rootRole": role, "sendEmail": false});
            self.made(ADMIN, "/api/admin/user-admin", &user)?;
            let token = self.personal_token(name)?;
            self.tokens.push((name, token));
        }
        Ok(self)
    }

    /// Waits until it answers, at first and after [`Process::restart`].
    pub fn answers_again(&mut self) -> Result<(), StartError> {
        let health = format!("{}/health", self.url);
        self.server.until(|| answers(&health))
    }

    /// The personal token of `owner` (root role Admin), `editor` or `viewer`.
    pub fn token(&self, name: &str) -> &str {
        self.tokens.iter().find(|(known, _)| *known == name).map_or(ADMIN, |(_, token)| token)
    }

    /// The token of type admin, which belongs to nobody.
    pub const fn admin_token() -> &'static str {
        ADMIN
    }

    /// Asks its API: the status and the body, `null` where there is none.
    pub fn ask(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> std::io::Result<(u16, Value)> {
        ask(&self.url, method, path, token, body)
    }

    /// Runs statements in its database, for what takes too long by the API.
    pub fn sql(&self, statements: &str) -> std::io::Result<Output> {
        self.database.psql(statements)
    }

    fn made(&self, token: &str, path: &str, body: &Value) -> Result<Value, StartError> {
        let (status, answer) = self
            .ask("POST", path, token, Some(body))
            .map_err(|error| StartError(format!("unleash: POST {path}: {error}")))?;
        if status != 201 {
            return Err(StartError(format!("unleash: POST {path}: {status} {answer}")));
        }
        Ok(answer)
    }

    /// Signs in, which only a person can, and makes a token in their name.
    fn personal_token(&self, name: &str) -> Result<String, StartError> {
        let jar = self.directory.join(format!("unleash-{name}.cookies"));
        let failed = |what: &str, why: String| StartError(format!("unleash: {what} of {name}: {why}"));
        let mut login = curl("POST", &format!("{}/auth/simple/login", self.url));
        login.arg("--cookie-jar").arg(&jar);
        let (status, said) = answer(login, Some(&json!({"username": name, "password": PASSWORD})))
            .map_err(|error| failed("login", error.to_string()))?;
        if status != 200 {
            return Err(failed("login", format!("{status} {said}")));
        }
        let mut make = curl("POST", &format!("{}/api/admin/user/tokens", self.url));
        make.arg("--cookie").arg(&jar);
        let wanted = json!({"description": "console", "expiresAt": "2099-01-01T00:00:00.000Z"});
        let (_, made) = answer(make, Some(&wanted)).map_err(|error| failed("token", error.to_string()))?;
        made["secret"].as_str().map(str::to_owned).ok_or_else(|| failed("token", made.to_string()))
    }
}

/// Asks the API of a flag server: the status and the body, `null` where there is none.
pub fn ask(url: &str, method: &str, path: &str, token: &str, body: Option<&Value>) -> std::io::Result<(u16, Value)> {
    let mut curl = curl(method, &format!("{url}{path}"));
    curl.arg("-H").arg(format!("Authorization: {token}"));
    answer(curl, body)
}

/// The folder that `unleash/build` prints; it installs what is missing.
fn installed() -> Result<PathBuf, StartError> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/unleash/build");
    let output =
        Command::new(&script).output().map_err(|error| StartError(format!("{}: {error}", script.display())))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().into());
    }
    Err(StartError(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// curl, which says the status after the body.
fn curl(method: &str, url: &str) -> Command {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-m", "30", "-X", method, "-H", "Content-Type: application/json", "-w", "\n%{http_code}"]);
    curl.arg(url);
    curl
}

fn answer(mut curl: Command, body: Option<&Value>) -> std::io::Result<(u16, Value)> {
    if let Some(body) = body {
        curl.args(["--data-binary", &body.to_string()]);
    }
    let output = curl.output()?;
    if !output.status.success() {
        return Err(std::io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let (body, status) = text.trim_end().rsplit_once('\n').unwrap_or(("", text.trim()));
    let status = status.parse().map_err(|_| std::io::Error::other(format!("no status in {text:?}")))?;
    Ok((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

/// A database cluster of its own, reached by a socket in the stack's folder.
struct Database {
    server: Process,
    socket: PathBuf,
}

impl Database {
    fn start(site: &Site<'_>) -> Result<Self, StartError> {
        let home = site.directory.join("postgres");
        let (data, socket) = (home.join("data"), home.join("run"));
        for folder in [&home, &socket] {
            std::fs::create_dir(folder)
                .and_then(|()| std::fs::set_permissions(folder, Permissions::from_mode(0o755)))
                .map_err(|error| StartError(format!("cannot make {}: {error}", folder.display())))?;
        }
        if is_root() {
            // It has to pass through the stack's folder, and may read nothing there.
            let _ = std::fs::set_permissions(site.directory, Permissions::from_mode(0o711));
            run(Command::new("chown").arg("-R").arg(OWNER).arg(&home), "chown")?;
        }
        let (initdb, postgres) = (server("initdb")?, server("postgres")?);
        let mut make = as_owner(&initdb)?;
        make.args(["-U", "unleash", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "-D"]).arg(&data);
        // It changes back to the directory that it is called in.
        run(make.current_dir("/"), "initdb")?;
        let mut command = as_owner(&postgres)?;
        command.arg("-D").arg(&data).arg("-k").arg(&socket);
        for setting in [
            "listen_addresses=",
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            // In the data directory, so that nothing stays when it is killed.
            "dynamic_shared_memory_type=mmap",
        ] {
            command.args(["-c", setting]);
        }
        let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let server = Process::start("postgres", Path::new(command.get_program()), arguments, site.directory)?;
        let mut database = Self { server, socket };
        let socket = database.socket.clone();
        database.server.until(|| psql(&socket, "select 1").is_ok_and(|output| output.status.success()))?;
        Ok(database)
    }

    fn psql(&self, statements: &str) -> std::io::Result<Output> {
        psql(&self.socket, statements)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Killed, it would leave its children to find out by themselves, while the folder goes.
        self.server.end("QUIT");
    }
}

/// Runs statements as the database's owner.
fn psql(socket: &Path, statements: &str) -> std::io::Result<Output> {
    let mut psql = Command::new("psql")
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "unleash", "-d", "postgres", "-h"])
        .arg(socket)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = psql.stdin.take() {
        input.write_all(statements.as_bytes())?;
    }
    psql.wait_with_output()
}

/// A program of the database server: of the newest version that Debian installed, or on the search path.
pub(super) fn server(program: &str) -> Result<PathBuf, StartError> {
    let installed = std::fs::read_dir(SERVERS).into_iter().flatten().flatten();
    let newest = installed
        .filter_map(|folder| Some((folder.file_name().to_str()?.parse::<u32>().ok()?, folder.path())))
        .map(|(version, folder)| (version, folder.join("bin").join(program)))
        .filter(|(_, path)| path.is_file())
        .max();
    let found = newest.map(|(_, path)| path).or_else(|| find(program));
    found.ok_or_else(|| StartError(format!("{program} is not installed: apt-get install postgresql")))
}

/// A command that runs `program` as somebody whom the database accepts as its owner.
fn as_owner(program: &Path) -> Result<Command, StartError> {
    if !is_root() {
        return Ok(Command::new(program));
    }
    let mut command = Command::new(require("setpriv", "util-linux")?);
    let user = format!("--reuid={OWNER}");
    let group = format!("--regid={OWNER}");
    // The signal at the parent's death has to be asked for again after the change of the user.
    command.args([&user, &group, "--init-groups", "--pdeathsig", "KILL", "--"]).arg(program);
    Ok(command)
}

/// Are we root?
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn run(command: &mut Command, what: &str) -> Result<(), StartError> {
    let output = command.output().map_err(|error| StartError(format!("{what}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(StartError(format!("{what}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
