//! Failed requests and unwelcome answers in words: what, why, and which setting to change.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::{HttpAnswer, Product};
use crate::domain::text::clean;
use crate::ports::feed::{Fault, FaultKind};

/// The innermost cause of an error, cleaned. Outer ones of reqwest and hyper only say that something went wrong.
pub fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    clean(&cause.to_string()).into_owned()
}

/// Finds the first cause of a type, also inside of `io::Error`, whose `source` skips what it wraps.
fn find<T: Error + 'static>(error: &reqwest::Error) -> Option<&T> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(this) = cause {
        if let Some(found) = this.downcast_ref::<T>() {
            return Some(found);
        }
        let wrapped = this.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|inner| inner.downcast_ref::<T>()) {
            return Some(found);
        }
        cause = wrapped.map_or_else(|| this.source(), |inner| Some(inner as &(dyn Error + 'static)));
    }
    None
}

/// A request without an answer.
pub(super) fn of_request(error: reqwest::Error, product: Product, origin: &str, timeout: Duration) -> Fault {
    // The URL may carry userinfo.
    let error = error.without_url();
    let (name, section, setting) = (product.name(), product.section(), product.url_setting());
    if error.is_timeout() {
        return Fault::new(
            FaultKind::Timeout,
            format!("{name} at {origin} did not answer within {}", humantime::format_duration(timeout)),
        )
        .hint(format!("it may be overloaded, or a firewall drops the packets; {section}.timeout is the limit"));
    }
    if let Some(tls) = find::<rustls::Error>(&error) {
        return of_tls(tls, product, origin);
    }
    let cause = root_cause(&error);
    if error.is_connect() {
        let refused = find::<io::Error>(&error).is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused);
        let hint = if refused {
            format!("check {setting}, and that it (or the port-forward to it) runs")
        } else if cause.contains("lookup") || cause.contains("resolve") {
            format!("check the host name in {setting}; names inside a cluster resolve only there")
        } else {
            format!("check {setting}; {section}.proxy-url if it is behind a proxy")
        };
        return Fault::new(FaultKind::Unreachable, format!("cannot connect to {name} at {origin}: {cause}")).hint(hint);
    }
    if error.is_decode() {
        return Fault::new(FaultKind::Malformed, format!("{name} at {origin} sent a broken body: {cause}"));
    }
    Fault::new(FaultKind::Unreachable, format!("the connection to {name} at {origin} broke off: {cause}"))
        .hint(format!("if it repeats, check {setting} (http or https, port)"))
}

fn of_tls(error: &rustls::Error, product: Product, origin: &str) -> Fault {
    use rustls::CertificateError as C;
    let section = product.section();
    let hint = match error {
        rustls::Error::InvalidCertificate(C::UnknownIssuer) => {
            format!("set {section}.ca-file to the bundle of the authority that signed it")
        }
        rustls::Error::InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. }) => {
            format!("the certificate is for another name: use that name in {}", product.url_setting())
        }
        rustls::Error::InvalidCertificate(
            C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. },
        ) => "the certificate is not valid now: check this machine's clock, or have it renewed".to_owned(),
        rustls::Error::InvalidMessage(_) => {
            format!("the port seems to speak plain HTTP: try http:// in {}", product.url_setting())
        }
        _ => format!("check {section}.ca-file, or that the port of {} is the TLS one", product.url_setting()),
    };
    let message = format!("TLS with {} at {origin} failed: {}", product.name(), clean(&error.to_string()));
    Fault::new(FaultKind::Tls, message).hint(hint)
}

/// An answer that is not what an API call expects: sorts it by status and shape.
pub fn of_answer(answer: &HttpAnswer, product: Product, origin: &str) -> Fault {
    let (name, section, setting) = (product.name(), product.section(), product.url_setting());
    let status = status_text(answer.status);
    let said = answer.excerpt();
    let told = if said.is_empty() { String::new() } else { format!(": {said}") };
    match answer.status {
        300..400 => {
            let to = answer.location.as_deref().unwrap_or("somewhere else");
            Fault::new(FaultKind::Malformed, format!("{name} at {origin} redirects to {to}, which is not followed"))
                .hint(if to.starts_with("https:") && origin.starts_with("http:") {
                    format!("set {setting} to https:// if that is the same server")
                } else {
                    format!("probably a login page: set {section}.token, or an address that needs none")
                })
        }
        401 => Fault::new(FaultKind::Unauthorized, format!("{name} at {origin} wants credentials ({status}{told})"))
            .hint(format!("set {section}.token or {section}.basic, or renew what they point at")),
        403 => Fault::new(FaultKind::Forbidden, format!("{name} at {origin} does not allow it ({status}{told})"))
            .hint(format!("the credentials under {section} are known but not allowed; a tenant header may be missing")),
        407 => Fault::new(FaultKind::Unauthorized, format!("the proxy before {name} wants credentials ({status})"))
            .hint(format!("check {section}.proxy-url")),
        _ if answer.is_html() && matches!(answer.status, 200..300 | 404) => {
            Fault::new(FaultKind::Malformed, format!("{name} at {origin} answered with a web page, not with its API"))
                .hint(format!("{setting} may lead to a login page or lack the route prefix"))
        }
        404 | 405 => Fault::new(
            FaultKind::NotServed,
            format!("{origin} does not serve this part of {name}'s API ({status}{told})"),
        )
        .hint(format!("check the path in {setting} (route prefix); another product there may lack this part")),
        400 if said.contains("HTTP request to an HTTPS server") => {
            Fault::new(FaultKind::Tls, format!("{name} at {origin} speaks TLS on this port"))
                .hint(format!("set {setting} to https://"))
        }
        200..300 => {
            Fault::new(FaultKind::Malformed, format!("{name} at {origin} answered something else than its API does"))
                .hint(format!("check that {setting} leads to {name}"))
        }
        _ => Fault::new(FaultKind::Server, format!("{name} at {origin} answered {status}{told}")),
    }
}

/// `502 Bad Gateway`.
fn status_text(status: u16) -> String {
    let reason = reqwest::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| status.to_string(), |reason| format!("{status} {reason}"))
}
