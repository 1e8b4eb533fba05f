//! Keys and certificates of the control plane, made by openssl: one authority, one serving certificate for loopback,
//! the administrator's client certificate, and the key that signs service account tokens.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::StartError;

/// Where they are.
pub struct Certificates {
    /// The authority that signed the others.
    pub authority: PathBuf,
    /// Of every server here; valid for 127.0.0.1 and localhost.
    pub serving: (PathBuf, PathBuf),
    /// Client certificate and key of an administrator (`system:masters`).
    pub admin: (PathBuf, PathBuf),
    /// RSA key that signs service account tokens.
    pub accounts: PathBuf,
}

impl Certificates {
    /// Makes them all in `directory`.
    pub fn make(directory: &Path) -> Result<Self, StartError> {
        let file = |name: &str| directory.join(name);
        let authority = (file("ca.crt"), file("ca.key"));
        self_signed(&authority, "opsdeck-test-ca")?;
        let serving = (file("serving.crt"), file("serving.key"));
        signed(&authority, &serving, "/CN=kube-apiserver", Some("subjectAltName=IP:127.0.0.1,DNS:localhost"))?;
        let admin = (file("admin.crt"), file("admin.key"));
        signed(&authority, &admin, "/O=system:masters/CN=admin", None)?;
        let accounts = file("accounts.key");
        openssl(&["genrsa", "-out", &text(&accounts), "2048"])?;
        Ok(Self { authority: authority.0, serving, admin, accounts })
    }
}

/// Another authority, that signed nothing here.
pub fn stranger(directory: &Path) -> Result<PathBuf, StartError> {
    let stranger = (directory.join("stranger.crt"), directory.join("stranger.key"));
    self_signed(&stranger, "stranger-ca")?;
    Ok(stranger.0)
}

fn self_signed((certificate, key): &(PathBuf, PathBuf), name: &str) -> Result<(), StartError> {
    let subject = format!("/CN={name}");
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        &subject,
        "-addext",
        "keyUsage=critical,keyCertSign,digitalSignature",
        "-keyout",
        &text(key),
        "-out",
        &text(certificate),
    ])
}

fn signed(
    (authority, authority_key): &(PathBuf, PathBuf),
    (certificate, key): &(PathBuf, PathBuf),
    subject: &str,
    extension: Option<&str>,
) -> Result<(), StartError> {
    let (authority, authority_key) = (text(authority), text(authority_key));
    let (certificate, key) = (text(certificate), text(key));
    let mut arguments = vec![
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        subject,
        "-CA",
        &authority,
        "-CAkey",
        &authority_key,
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-keyout",
        &key,
        "-out",
        &certificate,
    ];
    if let Some(extension) = extension {
        arguments.extend(["-addext", extension]);
    }
    openssl(&arguments)
}

fn openssl(arguments: &[&str]) -> Result<(), StartError> {
    let output = Command::new("openssl").args(arguments).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            Err(StartError(format!("openssl {}: {}", arguments[0], String::from_utf8_lossy(&output.stderr).trim())))
        }
        Err(error) => Err(StartError(format!("openssl: {error}"))),
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
