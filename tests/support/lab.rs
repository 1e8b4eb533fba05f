//! A lab in a process of its own, and what it has to say of itself.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::road::{forward, json_body};

/// A lab in a process of its own: for tests that start many programs on one world, each within a second.
pub struct Lab {
    server: Child,
    directory: PathBuf,
}

impl Lab {
    /// Serves a scenario; its files go into `directory`.
    pub fn serve(scenario: &str, directory: &Path) -> Self {
        let mut server = Command::new(assert_cmd::cargo::cargo_bin("opsdeck"))
            .args([scenario, "lab", "serve", "--dir"])
            .arg(directory)
            .env_clear()
            .env("HOME", directory)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(server.stdout.take().unwrap()).lines();
        // The last thing that it says; then everything listens.
        lines.map_while(Result::ok).find(|line| line.starts_with("try")).expect("the lab says how it is reached");
        Self { server, directory: directory.to_owned() }
    }

    /// The binary, on this lab.
    pub fn opsdeck(&self) -> assert_cmd::Command {
        let mut command = super::opsdeck(&self.directory);
        command.arg("--kubeconfig").arg(self.directory.join("kubeconfig"));
        command.arg("--config").arg(self.directory.join("opsdeck.toml"));
        command
    }

    /// What the kubeconfig says of this.
    fn said(&self, key: &str) -> String {
        let text = std::fs::read_to_string(self.directory.join("kubeconfig")).unwrap();
        let found = text.lines().find_map(|line| line.trim().strip_prefix(key).map(|rest| rest.trim().to_owned()));
        found.unwrap_or_default()
    }

    /// Address of its API server.
    pub fn kubernetes(&self) -> String {
        self.said("server:")
    }

    /// An object as the API server has it.
    pub fn object(&self, path: &str) -> Value {
        let (server, token) = (self.kubernetes(), self.said("token:"));
        let asked = format!("GET {path} HTTP/1.1\r\nHost: lab\r\nAuthorization: Bearer {token}\r\n\r\n");
        json_body(&forward(asked.as_bytes(), server.trim_start_matches("http://")))
    }

    /// The Deployment that is broken.
    pub fn payment(&self) -> Value {
        self.object("/apis/apps/v1/namespaces/shop/deployments/payment")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
