//! A flag server that a case is about, the lab's or the real one: both speak the same API.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use opsdeck::lab::unleash::{ADMIN_TOKEN, EDITOR_TOKEN, OWNER_TOKEN, VIEWER_TOKEN};
use serde_json::{Value, json};

use crate::stack::Unleash;
use crate::stack::unleash::ask;

/// The project that every edition has.
pub const FEATURES: &str = "/api/admin/projects/default/features";

/// Where it is, and who may what.
pub struct FlagServer<'a> {
    /// Its address.
    pub url: String,
    real: Option<&'a Unleash>,
}

impl<'a> FlagServer<'a> {
    /// The real one of a stack.
    pub fn real(server: &'a Unleash) -> Self {
        Self { url: server.url.clone(), real: Some(server) }
    }

    /// That of a lab which wrote its files into `directory`.
    pub fn of_lab(directory: &Path) -> Self {
        let text = std::fs::read_to_string(directory.join("opsdeck.toml")).unwrap();
        let configuration: toml::Table = text.parse().unwrap();
        Self { url: configuration["flags"][0]["url"].as_str().unwrap().to_owned(), real: None }
    }

    /// The token of `owner`, `editor` or `viewer`.
    pub fn token(&self, name: &str) -> &str {
        match (self.real, name) {
            (Some(real), _) => real.token(name),
            (None, "viewer") => VIEWER_TOKEN,
            (None, "editor") => EDITOR_TOKEN,
            (None, _) => OWNER_TOKEN,
        }
    }

    /// The token that belongs to nobody.
    pub fn admin_token(&self) -> &'static str {
        if self.real.is_some() { Unleash::admin_token() } else { ADMIN_TOKEN }
    }

    /// Is it the real one?
    pub fn is_real(&self) -> bool {
        self.real.is_some()
    }

    /// Asks as the owner.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        ask(&self.url, method, path, self.token("owner"), body).unwrap()
    }

    /// Makes a flag that is off.
    pub fn make(&self, name: &str) {
        let (status, said) = self.ask("POST", FEATURES, Some(&json!({"name": name, "type": "release"})));
        assert_eq!(status, 201, "{name}: {said}");
    }

    /// Is a flag on in production, by its own account?
    pub fn is_on(&self, name: &str) -> bool {
        let (status, said) = self.ask("GET", &format!("{FEATURES}/{name}/environments/production"), None);
        assert_eq!(status, 200, "{name}: {said}");
        said["enabled"].as_bool().unwrap()
    }

    /// The newest events of a flag: what happened, and who did it.
    pub fn events(&self, name: &str) -> Vec<(String, String)> {
        let (_, said) = self.ask("GET", &format!("/api/admin/search/events?feature=IS:{name}"), None);
        let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
        said["events"].as_array().unwrap().iter().map(|event| (text(event, "type"), text(event, "createdBy"))).collect()
    }

    /// Makes a crowd of flags, `<prefix>-0001` …, in one go.
    pub fn make_many(&self, prefix: &str, count: u32) {
        if let Some(real) = self.real {
            let names = format!("'{prefix}-' || lpad(i::text, 4, '0') from generate_series(1, {count}) i");
            let output = real
                .sql(&format!(
                    "insert into features (name, type, project, created_at, created_by_user_id) select n, 'release', \
                     'default', now(), 1 from (select {names}) as all_names(n);\n\
                     insert into feature_environments (environment, feature_name, enabled) select e, n, false \
                     from (select {names}) as all_names(n), unnest(array['development', 'production']) e;\n"
                ))
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            return;
        }
        let mut requests = String::new();
        for number in 1..=count {
            let body = json!({"name": format!("{prefix}-{number:04}")}).to_string().replace('"', "\\\"");
            let _ = writeln!(requests, "url = \"{}{FEATURES}\"\ndata = \"{body}\"", self.url);
            let _ = writeln!(
                requests,
                "header = \"Authorization: {}\"\noutput = /dev/null\nfail\nnext",
                self.token("owner")
            );
        }
        let script = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(script.path(), requests.trim_end_matches("next\n")).unwrap();
        let output = Command::new("curl").arg("-sSK").arg(script.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// A configuration of the console that knows no more than this server, in the hands of `user`.
    pub fn configuration(&self, home: &Path, user: &str) -> PathBuf {
        let (token, path) = (home.join("flags.token"), home.join("flags.toml"));
        std::fs::write(&token, self.token(user)).unwrap();
        std::fs::set_permissions(&token, Permissions::from_mode(0o600)).unwrap();
        let text = format!(
            "[[flags]]\nname = \"flags\"\nprovider = \"unleash\"\nurl = \"{}\"\ninterval = \"1s\"\n\
             token = {{ file = \"{}\" }}\nprojects = [\"default\"]\nenvironments = {{ \"*\" = [\"production\"] }}\n",
            self.url,
            token.display()
        );
        std::fs::write(&path, text).unwrap();
        path
    }
}
