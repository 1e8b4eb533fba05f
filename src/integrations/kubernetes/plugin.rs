//! Credential plugins (`exec` of a user entry): runs one under a time limit and reads its `ExecCredential`.
//!
//! kube can run them too, but without a limit, inside the request that needs the token, and with the plugin's output in
//! its errors. Here a plugin that hangs, fails or prints garbage is named, and nothing of its standard output is told.

use std::fmt::Write as _;
use std::process::{Output, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kube::config::{AuthInfo, ExecConfig};
use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;

use super::fault::short;
use crate::domain::text::clean;
use crate::domain::time::Instant;
use crate::ports::feed::{Fault, FaultKind};

/// A plugin may fetch a token from far away; it must not hang for ever.
pub(super) const LIMIT: Duration = Duration::from_secs(30);
/// Words of this length on standard error, of letters and digits mixed, may be a token.
const LONG_WORD: usize = 24;

/// What a plugin gave.
pub(super) struct Credential {
    token: Option<String>,
    certificate: Option<(String, String)>,
    /// When it expires, if it said so.
    pub until: Option<Instant>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential {
    kind: Option<String>,
    api_version: Option<String>,
    status: Option<ExecStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecStatus {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

impl Credential {
    /// The user entry as if it had held the credential itself.
    pub fn put_into(self, user: &mut AuthInfo) -> Result<(), Fault> {
        let mut fields = serde_json::Map::new();
        if let Some(token) = self.token {
            fields.insert("token".to_owned(), token.into());
        }
        if let Some((certificate, key)) = self.certificate {
            fields.insert("client-certificate-data".to_owned(), BASE64.encode(certificate).into());
            fields.insert("client-key-data".to_owned(), BASE64.encode(key).into());
        }
        // kube's type for secrets is not ours to name; its own reader makes one.
        let held: AuthInfo = serde_json::from_value(fields.into())
            .map_err(|_| Fault::new(FaultKind::Unauthorized, "the credential of the plugin cannot be used"))?;
        user.token = held.token;
        user.client_certificate_data = held.client_certificate_data;
        user.client_key_data = held.client_key_data;
        user.exec = None;
        Ok(())
    }
}

/// Runs the plugin. Faults name it, its exit and the last line of its complaint.
pub(super) async fn run(exec: &ExecConfig, limit: Duration) -> Result<Credential, Fault> {
    let Some(program) = exec.command.as_deref().filter(|program| !program.is_empty()) else {
        return Err(refused("the user entry of this context names no command under `exec`"));
    };
    let name = clean(program).into_owned();
    let spec = json!({
        "apiVersion": exec.api_version,
        "kind": "ExecCredential",
        "spec": {"interactive": false, "cluster": if exec.provide_cluster_info { json!(exec.cluster) } else { json!(null) }},
    });
    let mut command = Command::new(program);
    command
        .args(exec.args.iter().flatten())
        .envs(exec.env.iter().flatten().filter_map(|pair| Some((pair.get("name")?, pair.get("value")?))))
        .env("KUBERNETES_EXEC_INFO", spec.to_string())
        // The terminal is the console's: a plugin that wants to ask must do so elsewhere.
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for variable in exec.drop_env.iter().flatten() {
        command.env_remove(variable);
    }
    match tokio::time::timeout(limit, command.output()).await {
        Err(_) => Err(refused(&format!("credential plugin {name} did not finish within {} s", limit.as_secs())).hint(
            "it may wait for a login: run it by hand in another terminal (try `kubectl get ns`); opsdeck tries again",
        )),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            let hint = exec.install_hint.as_deref().map(short).filter(|hint| !hint.is_empty());
            Err(refused(&format!("credential plugin {name} is not installed: {error}")).hint(hint.unwrap_or_else(
                || {
                    "install the command that the user entry of the kubeconfig names under `exec`, or correct PATH"
                        .to_owned()
                },
            )))
        }
        Ok(Err(error)) => Err(refused(&format!("credential plugin {name} cannot be started: {error}"))
            .hint("check the command that the user entry of the kubeconfig names under `exec`")),
        Ok(Ok(output)) if !output.status.success() => Err(complaint(&name, &output)),
        Ok(Ok(output)) => read(&name, exec.api_version.as_deref(), &output.stdout),
    }
}

fn refused(message: &str) -> Fault {
    Fault::new(FaultKind::Unauthorized, short(message))
}

fn complaint(name: &str, output: &Output) -> Fault {
    let mut message = format!("credential plugin {name} failed ({})", output.status);
    // Only what it complained about: its standard output may hold a credential.
    let stderr = String::from_utf8_lossy(&output.stderr);
    if let Some(line) = stderr.lines().rev().find(|line| !line.trim().is_empty()) {
        // Writing into a String cannot fail.
        let _ = write!(message, ": {}", redact(line.trim()));
    }
    refused(&message)
        .hint("log in again with the plugin's own login command (try `kubectl get ns` in another terminal)")
}

/// Without words that may be tokens. Paths and addresses stay.
fn redact(line: &str) -> String {
    let secret = |word: &str| {
        word.len() >= LONG_WORD
            && !word.contains('/')
            && word.bytes().any(|byte| byte.is_ascii_digit())
            && word.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    let shown = |word| if secret(word) { "(hidden)" } else { word };
    line.split(' ').map(shown).collect::<Vec<_>>().join(" ")
}

fn read(name: &str, version: Option<&str>, printed: &[u8]) -> Result<Credential, Fault> {
    let garbage = |why: &str| {
        refused(&format!("credential plugin {name} printed {why}"))
            .hint("its output must be an ExecCredential with a status; run it by hand to see what it prints")
    };
    // The reader's own words may quote what it read, which may be a token.
    let credential: ExecCredential = std::str::from_utf8(printed)
        .ok()
        .and_then(|text| serde_saphyr::from_str(text).ok())
        .ok_or_else(|| garbage("something that is no ExecCredential"))?;
    if credential.kind.as_deref() != Some("ExecCredential") {
        return Err(garbage("something that is no ExecCredential"));
    }
    if let (Some(wanted), Some(given)) = (version, credential.api_version.as_deref())
        && wanted != given
    {
        return Err(garbage(&format!("an ExecCredential of {}, not of {wanted}", clean(given))));
    }
    let status = credential.status.ok_or_else(|| garbage("an ExecCredential without a status"))?;
    let until = match status.expiration_timestamp.as_deref() {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| garbage("an expirationTimestamp that is no time"))?),
    };
    let token = status.token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
    let certificate = status.client_certificate_data.zip(status.client_key_data);
    if token.is_none() && certificate.is_none() {
        return Err(garbage("neither a token nor a certificate with its key"));
    }
    Ok(Credential { token, certificate, until })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn plugin(script: &str) -> ExecConfig {
        serde_json::from_value(json!({"apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
            "args": ["-c", script], "env": [{"name": "GREETING", "value": "hello"}]}))
        .unwrap()
    }

    async fn fault(script: &str) -> Fault {
        run(&plugin(script), Duration::from_secs(20)).await.err().expect("a fault")
    }

    #[tokio::test]
    async fn a_token_comes_with_its_end_and_replaces_the_plugin() {
        let script = r#"printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",
            "status":{"token":"%s-x","expirationTimestamp":"2026-01-01T00:00:00Z"}}' "$GREETING"
            test -n "$KUBERNETES_EXEC_INFO""#;
        let credential = run(&plugin(script), LIMIT).await.unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(credential.until.unwrap().to_rfc3339(), "2026-01-01T00:00:00+00:00");
        let mut user = AuthInfo { exec: Some(plugin(script)), ..AuthInfo::default() };
        credential.put_into(&mut user).unwrap();
        assert!(user.exec.is_none());
        assert_eq!(serde_json::to_value(&user).unwrap()["token"], "hello-x");
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_plugin_is_said_without_its_output() {
        let missing: ExecConfig = serde_json::from_value(
            json!({"command": "opsdeck-no-such-plugin", "installHint": "brew install no-such-plugin"}),
        )
        .unwrap();
        let missing = run(&missing, LIMIT).await.err().expect("a fault");
        assert!(missing.message.contains("opsdeck-no-such-plugin is not installed"), "{missing}");
        assert_eq!(missing.hint.as_deref(), Some("brew install no-such-plugin"));
        let failed =
            fault("echo s3cret; echo 'expired: eyJhbGciOiJSUzI1NiIsImtpZCI6 in /home/x/0123456789/cache' >&2; exit 3");
        let failed = failed.await;
        assert!(failed.message.contains("sh failed (exit status: 3): expired: (hidden) in /home/x"), "{failed}");
        for (script, why) in [
            ("echo Please log in: s3cret", "no ExecCredential"),
            (r#"echo '{"kind":"ExecCredential","status":"s3cret"}'"#, "no ExecCredential"),
            (r#"echo '{"kind":"ExecCredential","status":{}}'"#, "neither a token"),
            (
                r#"echo '{"kind":"ExecCredential","status":{"token":"s3cret","expirationTimestamp":"s3cret"}}'"#,
                "no time",
            ),
            (r#"echo '{"kind":"ExecCredential","apiVersion":"v0","status":{"token":"s3cret"}}'"#, "of v0"),
        ] {
            let fault = fault(script).await;
            assert!(fault.message.contains(why) && fault.message.contains("plugin sh"), "{fault}");
            assert!(!format!("{fault:?}").contains("s3cret"), "{fault:?}");
        }
        let slow = run(&plugin("sleep 30"), Duration::from_millis(30)).await.err().expect("a fault");
        assert!(slow.message.contains("plugin sh did not finish"), "{slow}");
    }
}
