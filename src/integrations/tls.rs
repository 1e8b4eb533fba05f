//! What certificate a server shows, for diagnosis: who it is for, who signed it, until when. Nothing is sent to the server
//! and nothing it shows is trusted: the handshake is given up as soon as the certificate is there.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::domain::text::clean;
use crate::domain::time::Instant;

/// The whole look takes no longer than this for each step.
const LIMIT: Duration = Duration::from_secs(5);

/// A certificate as it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Whom it is for (`CN=kube-apiserver`).
    pub subject: String,
    /// Who signed it (`CN=kubernetes`).
    pub issuer: String,
    /// Valid from and until.
    pub valid: (Instant, Instant),
}

/// The certificate of the server at an `https://` address; `None` when it shows none within a few seconds.
pub async fn shown(url: &str) -> Option<Shown> {
    let url = Url::parse(url).ok().filter(|url| url.scheme() == "https")?;
    let (host, port) = (url.host_str()?.trim_matches(['[', ']']).to_owned(), url.port_or_known_default()?);
    // The handshake is a few packets over a blocking socket with time limits.
    tokio::task::spawn_blocking(move || look(&host, port)).await.ok()?
}

fn look(host: &str, port: u16) -> Option<Shown> {
    let seen = Arc::new(Mutex::new(None));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Onlooker(seen.clone())))
        .with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(config), ServerName::try_from(host.to_owned()).ok()?).ok()?;
    let address = (host, port).to_socket_addrs().ok()?.next()?;
    let mut socket = TcpStream::connect_timeout(&address, LIMIT).ok()?;
    socket.set_read_timeout(Some(LIMIT)).ok()?;
    socket.set_write_timeout(Some(LIMIT)).ok()?;
    // Ends with the onlooker's refusal.
    let _ = handshake(&mut connection, &mut socket);
    let der = seen.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    read(&der)
}

fn handshake(connection: &mut ClientConnection, socket: &mut (impl Read + Write)) -> std::io::Result<()> {
    while connection.is_handshaking() {
        connection.complete_io(socket)?;
    }
    Ok(())
}

fn read(der: &[u8]) -> Option<Shown> {
    let certificate = Certificate::from_der(der).ok()?.tbs_certificate;
    let time =
        |time: x509_cert::time::Time| Instant::from_timestamp(time.to_unix_duration().as_secs().cast_signed(), 0);
    Some(Shown {
        subject: clean(&certificate.subject.to_string()).into_owned(),
        issuer: clean(&certificate.issuer.to_string()).into_owned(),
        valid: (time(certificate.validity.not_before)?, time(certificate.validity.not_after)?),
    })
}

/// Keeps the certificate and refuses it.
#[derive(Debug)]
struct Onlooker(Arc<Mutex<Option<Vec<u8>>>>);

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(end_entity.to_vec());
        Err(rustls::Error::General("only looking".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("only looking".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("only looking".to_owned()))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rustls::pki_types::pem::PemObject;

    use super::*;

    /// Made with `openssl req -x509 -newkey ec -subj "/O=Lab/CN=lab-ca" -days 36500`.
    const CERTIFICATE: &str = include_str!("tls_test.pem");

    #[test]
    fn issuer_and_subject_are_read() {
        let der = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
        let shown = read(&der).unwrap();
        assert_eq!((&*shown.issuer, &*shown.subject), ("CN=lab-ca,O=Lab", "CN=lab-ca,O=Lab"));
        assert!(shown.valid.0 < shown.valid.1);
        assert_eq!(read(b"no certificate"), None);
    }

    #[tokio::test]
    async fn a_server_that_speaks_no_tls_shows_nothing() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answering = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        });
        assert_eq!(shown(&format!("https://{address}")).await, None);
        answering.join().unwrap();
    }
}
