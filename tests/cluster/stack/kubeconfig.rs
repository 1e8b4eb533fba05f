//! Kubeconfigs for the people of the stack.

use std::path::{Path, PathBuf};

use super::certificates::Certificates;
use super::process::StartError;
use super::write;

/// Users with a static token (`name`, groups); what they may do is in `rbac.yaml`.
pub const PEOPLE: [&str; 2] = ["editor", "viewer"];

/// Where a user's kubeconfig is.
pub fn path(directory: &Path, user: &str) -> PathBuf {
    directory.join(format!("{user}.kubeconfig"))
}

/// The token of one of [`PEOPLE`].
pub fn token(user: &str) -> String {
    format!("{user}-token")
}

/// Writes one for the administrator (client certificate) and one for each of [`PEOPLE`] (token).
pub fn write_all(directory: &Path, server: &str, certificates: &Certificates) -> Result<(), StartError> {
    let (certificate, key) = &certificates.admin;
    let admin = format!("client-certificate: {}, client-key: {}", certificate.display(), key.display());
    let authority = &certificates.authority;
    write(&path(directory, "admin"), &text(server, authority, "admin", "default", &admin))?;
    for user in PEOPLE {
        let token = format!("token: {}", token(user));
        write(&path(directory, user), &text(server, authority, user, "shop", &token))?;
    }
    Ok(())
}

/// A kubeconfig with one context, `test`. `credentials` is the inside of a YAML flow mapping.
pub fn text(server: &str, authority: &Path, user: &str, namespace: &str, credentials: &str) -> String {
    let authority = authority.display();
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
         clusters: [{{name: test, cluster: {{server: '{server}', certificate-authority: {authority}}}}}]\n\
         users: [{{name: {user}, user: {{{credentials}}}}}]\n\
         contexts: [{{name: test, context: {{cluster: test, user: {user}, namespace: {namespace}}}}}]\n"
    )
}
