//! From a failed request to a [`Fault`] or a [`ClusterError`]: what happened, why, and what to do about it.

use std::error::Error;
use std::io;

use super::transport::{Failure, Status};
use crate::domain::text::clean;
use crate::ports::cluster::ClusterError;
use crate::ports::feed::{Fault, FaultKind};

/// Longest message kept of a foreign error.
const LONGEST: usize = 400;

/// Sorts a failure by what a person can do about it. `what` says what was tried (`list pods`).
pub fn fault(failure: &Failure, what: &str, server: &str) -> Fault {
    match failure {
        Failure::Status(status) => status_fault(status, what),
        Failure::Transport(error) => transport_fault(error, what, server),
        Failure::Credentials(fault) => fault.clone(),
        Failure::Malformed(why) => Fault::new(FaultKind::Malformed, short(&format!("{what}: {server} sent {why}")))
            .hint(
                "check that the server of this context is a Kubernetes API server and not a proxy that wants a login",
            ),
    }
}

/// For reads of a plan.
pub fn cluster_error(failure: &Failure, what: &str, server: &str) -> ClusterError {
    match failure {
        Failure::Status(status) => match status.code {
            404 => ClusterError::NotFound(what.to_owned()),
            403 if !is_admission(status) => ClusterError::Forbidden(short(&status.message)),
            400 | 403 | 422 => ClusterError::Rejected(short(&status.message)),
            409 => ClusterError::Conflict(short(&status.message)),
            _ => ClusterError::Fault(status_fault(status, what)),
        },
        other => ClusterError::Fault(fault(other, what, server)),
    }
}

/// A webhook or a policy said no, not RBAC. RBAC answers read `... is forbidden: User "x" cannot patch resource ...`.
pub fn is_admission(status: &Status) -> bool {
    let text = &status.message;
    text.contains("admission webhook")
        || text.contains("ValidatingAdmissionPolicy")
        || text.contains("exceeded quota")
        || text.contains("violates PodSecurity")
}

fn status_fault(status: &Status, what: &str) -> Fault {
    let words = if status.message.is_empty() { status.reason.as_str() } else { status.message.as_str() };
    let message = short(&format!("{what}: {words}"));
    match status.code {
        401 => Fault::new(FaultKind::Unauthorized, message)
            .hint("the credentials of this context are missing or expired: log in again, then retry"),
        403 => Fault::new(FaultKind::Forbidden, message).hint(format!("ask for the right to {what}")),
        404 => Fault::new(FaultKind::NotServed, message),
        408 | 504 => Fault::new(FaultKind::Timeout, message),
        code => {
            let fault = Fault::new(FaultKind::Server, message);
            if code == 429 { fault.hint("the API server is busy; opsdeck tries again by itself") } else { fault }
        }
    }
}

fn transport_fault(error: &kube::Error, what: &str, server: &str) -> Fault {
    if let kube::Error::Auth(error) = error {
        return auth_fault(error);
    }
    if let kube::Error::SerdeError(error) = error {
        return Fault::new(FaultKind::Malformed, short(&format!("{what}: unreadable answer: {error}")));
    }
    let mut kind = FaultKind::Unreachable;
    let mut hint = None;
    let mut root = String::new();
    walk(error, &mut |cause| {
        if let Some(auth) = cause.downcast_ref::<kube::client::AuthError>() {
            let fault = auth_fault(auth);
            (kind, hint, root) = (fault.kind, fault.hint, fault.message);
            return true;
        }
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            kind = FaultKind::Tls;
            hint = Some(tls_hint(tls));
            root = tls.to_string();
            return true;
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            match io.kind() {
                io::ErrorKind::TimedOut => {
                    kind = FaultKind::Timeout;
                    hint = Some("no answer: check VPN, proxy and firewall".to_owned());
                }
                io::ErrorKind::ConnectionRefused => {
                    hint = Some("nothing listens there: is the API server or the tunnel to it up?".to_owned());
                }
                _ => {}
            }
        }
        cause.to_string().clone_into(&mut root);
        false
    });
    if root.contains("lookup address") || root.contains("dns error") {
        hint = Some("the name does not resolve: check the context's server, DNS and VPN".to_owned());
    }
    // The words of a timer inside of kube.
    if kind == FaultKind::Timeout && root.contains("deadline has elapsed") {
        "no answer in time".clone_into(&mut root);
    }
    let message = match kind {
        FaultKind::Unauthorized => short(&root),
        _ => short(&format!("{what}: {server}: {root}")),
    };
    Fault { kind, message, hint }
}

/// Visits an error and everything inside it, also what `io::Error` wraps but does not name as its source, until the
/// visitor says that it knows enough.
fn walk(error: &(dyn Error + 'static), visit: &mut dyn FnMut(&(dyn Error + 'static)) -> bool) -> bool {
    if visit(error) {
        return true;
    }
    if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        return walk(inner, visit);
    }
    error.source().is_some_and(|inner| walk(inner, visit))
}

/// Was a connection cut in the middle of a chunk? So do many proxies end a long answer.
pub fn is_torn(error: &io::Error) -> bool {
    walk(error, &mut |cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof)
            || cause.to_string().contains("unexpected EOF")
    })
}

/// Was the request certainly never sent (no connection, no credentials)? Everything else leaves it open.
pub fn never_sent(error: &kube::Error) -> bool {
    if matches!(error, kube::Error::Auth(_) | kube::Error::HttpError(_) | kube::Error::BuildRequest(_)) {
        return true;
    }
    let mut sent = true;
    walk(error, &mut |cause| {
        // hyper-util's client names the phase only in its text.
        let connecting = cause.to_string() == "client error (Connect)";
        if connecting || cause.downcast_ref::<kube::client::AuthError>().is_some() {
            sent = false;
        }
        !sent
    });
    !sent
}

/// Credentials that could not be had. Exec plugins have [`super::plugin`].
pub fn auth_fault(error: &kube::client::AuthError) -> Fault {
    use kube::client::AuthError;
    let unauthorized = |message: &str| Fault::new(FaultKind::Unauthorized, short(message));
    match error {
        AuthError::AuthExec(why) if why.contains("azure") => {
            unauthorized("the `azure` auth-provider of this user entry was removed from Kubernetes clients in 1.26")
                .hint("run `kubelogin convert-kubeconfig` (https://github.com/Azure/kubelogin)")
        }
        AuthError::AuthExec(why) => unauthorized(why),
        // These may quote what an old auth-provider's command printed.
        AuthError::AuthExecRun { .. } | AuthError::AuthExecParse(_) | AuthError::ParseTokenKey(_) => {
            unauthorized("the auth-provider's command of this context failed")
                .hint("log in again (try `kubectl get ns` in another terminal), or use an `exec` credential plugin")
        }
        other => unauthorized(&other.to_string()),
    }
}

fn tls_hint(error: &rustls::Error) -> String {
    use rustls::CertificateError as Bad;
    match error {
        rustls::Error::InvalidCertificate(Bad::UnknownIssuer) => {
            "set `certificate-authority` of this cluster in the kubeconfig to the CA that signed the server"
        }
        rustls::Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            "the server's certificate has expired (or this machine's clock is wrong)"
        }
        rustls::Error::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. }) => {
            "the server's certificate is not valid yet: this machine's clock is probably behind, check its NTP"
        }
        rustls::Error::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "the certificate is for another name: set `tls-server-name` in the kubeconfig, or use the right server name"
        }
        rustls::Error::AlertReceived(_) => "the server refused the handshake: the client certificate may have expired",
        _ => "check the server's certificate and what stands between",
    }
    .to_owned()
}

/// Cleaned, on one line, bounded.
pub fn short(text: &str) -> String {
    let text = clean(text);
    let text = text.trim();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn wrapped(error: impl Error + Send + Sync + 'static) -> Failure {
        Failure::Transport(kube::Error::Service(Box::new(io::Error::other(error))))
    }

    #[test]
    fn causes_decide_the_kind_however_deep_they_lie() {
        let tls = wrapped(io::Error::other(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)));
        let fault_of = |failure: &Failure| fault(failure, "list pods", "https://k");
        assert_eq!(fault_of(&tls).kind, FaultKind::Tls);
        assert!(fault_of(&tls).hint.unwrap().contains("certificate-authority"));
        let timeout = wrapped(io::Error::new(io::ErrorKind::TimedOut, "deadline"));
        assert_eq!(fault_of(&timeout).kind, FaultKind::Timeout);
        let refused = fault_of(&wrapped(io::Error::from(io::ErrorKind::ConnectionRefused)));
        assert_eq!(refused.kind, FaultKind::Unreachable);
        assert!(refused.message.contains("https://k"), "{refused:?}");
    }

    #[test]
    fn codes_become_kinds_and_plan_errors() {
        let answer =
            |code, message: &str| Failure::Status(Status { code, message: message.to_owned(), ..Status::default() });
        for (code, kind) in [
            (401, FaultKind::Unauthorized),
            (403, FaultKind::Forbidden),
            (404, FaultKind::NotServed),
            (504, FaultKind::Timeout),
            (500, FaultKind::Server),
        ] {
            assert_eq!(fault(&answer(code, "x"), "list pods", "s").kind, kind, "{code}");
        }
        let rbac = answer(403, "deployments.apps \"x\" is forbidden: User \"u\" cannot patch resource");
        let hook = answer(403, "admission webhook \"policy\" denied the request: no");
        assert!(matches!(cluster_error(&rbac, "x", "s"), ClusterError::Forbidden(_)));
        assert!(matches!(cluster_error(&hook, "x", "s"), ClusterError::Rejected(_)));
        assert!(matches!(cluster_error(&answer(409, "changed"), "x", "s"), ClusterError::Conflict(_)));
    }
}
