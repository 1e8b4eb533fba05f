//! The transport against scripted servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use wiremock::matchers::{body_string, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::config::SecretSource;

fn settings(url: String) -> HttpSettings {
    HttpSettings::new(Product::Prometheus, url, script::plain())
}

async fn get(settings: &HttpSettings) -> Result<HttpAnswer, Fault> {
    HttpTransport::new(settings)?.get("/api/v1/query", &[("query", "up{a=\"b&c\"}")]).await
}

#[tokio::test]
async fn requests_carry_prefix_query_headers_and_credentials() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/prom/api/v1/query"))
        .and(query_param("query", "up{a=\"b&c\"}"))
        .and(header("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="))
        .and(header("x-scope-orgid", "shop"))
        .and(header("x-api-key", "k3y"))
        .and(header("user-agent", concat!("opsdeck/", env!("CARGO_PKG_VERSION"))))
        .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(body_string("query=a%2Bb"))
        .respond_with(ResponseTemplate::new(202))
        .expect(1)
        .mount(&server)
        .await;
    let mut settings = settings(format!("{}/prom/", server.uri()));
    let source = |word: &str| SecretSource::Command(vec!["echo".into(), word.into()]);
    settings.http.headers.insert("X-Scope-OrgID".into(), Configured::Plain("shop".into()));
    settings.http.headers.insert("X-Api-Key".into(), Configured::Secret(source("k3y")));
    // RFC 7617's own example.
    settings.http.basic = Some(Basic { username: "Aladdin".into(), password: source("open sesame") });
    assert_eq!(get(&settings).await.unwrap().status, 200);
    let transport = HttpTransport::new(&settings).unwrap();
    assert_eq!(transport.post_form("/x", &[("query", "a+b")]).await.unwrap().status, 202);
}

#[tokio::test]
async fn a_rotated_token_is_read_again_within_the_same_request() {
    let server = MockServer::start().await;
    let bearer = |token: &str| Mock::given(header("authorization", format!("Bearer {token}").as_str()));
    bearer("old").respond_with(ResponseTemplate::new(200)).up_to_n_times(1).mount(&server).await;
    bearer("new").respond_with(ResponseTemplate::new(200)).up_to_n_times(1).mount(&server).await;
    bearer("old").respond_with(ResponseTemplate::new(401)).expect(1).mount(&server).await;
    bearer("new").respond_with(ResponseTemplate::new(401)).expect(2).mount(&server).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    let write = |token: &str| {
        std::fs::write(&file, token).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    write("old");
    let mut settings = settings(server.uri());
    settings.http.token = Some(SecretSource::File(file.clone()));
    let transport = HttpTransport::new(&settings).unwrap();
    assert_eq!(transport.get("/a", &[]).await.unwrap().status, 200);
    write("new");
    assert_eq!(transport.get("/a", &[]).await.unwrap().status, 200);
    // Refused for good: the 401 is the answer, after one more try and not for ever.
    assert_eq!(transport.get("/a", &[]).await.unwrap().status, 401);
}

#[tokio::test]
async fn redirects_leave_neither_the_host_nor_a_secret() {
    let elsewhere = MockServer::start().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200)).expect(0).mount(&elsewhere).await;
    let server = MockServer::start().await;
    let to_login = format!("http://user:pw@{}/login?token=abc", elsewhere.address());
    Mock::given(path("/api/v1/query"))
        .respond_with(ResponseTemplate::new(302).insert_header("location", to_login.as_str()))
        .mount(&server)
        .await;
    Mock::given(path("/inside"))
        .respond_with(ResponseTemplate::new(301).insert_header("location", "/moved"))
        .mount(&server)
        .await;
    Mock::given(path("/moved")).respond_with(ResponseTemplate::new(200)).expect(1).mount(&server).await;
    let settings = settings(server.uri());
    let answer = get(&settings).await.unwrap();
    assert_eq!((answer.status, answer.location.clone()), (302, Some(format!("http://{}/login", elsewhere.address()))));
    let fault = fault::of_answer(&answer, Product::Prometheus, &server.uri());
    assert_eq!(fault.kind, FaultKind::Malformed);
    assert!(fault.hint.unwrap().contains("prometheus.token"));
    assert_eq!(HttpTransport::new(&settings).unwrap().get("/inside", &[]).await.unwrap().status, 200);
}

#[tokio::test]
async fn no_answer_is_told_by_kind_and_without_credentials() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(30)))
        .mount(&server)
        .await;
    let mut slow = settings(format!("http://me:s3cret@{}", server.address()));
    slow.http.timeout = Duration::from_millis(40);
    let fault = get(&slow).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Timeout);
    assert_eq!(fault.message, format!("Prometheus at http://{} did not answer within 40ms", server.address()));

    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let fault = get(&settings(format!("http://me:s3cret@{free}/x"))).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unreachable);
    assert!(fault.message.starts_with(&format!("cannot connect to Prometheus at http://{free}/x: ")), "{fault}");
    assert!(!format!("{fault:?}").contains("s3cret"));
    assert!(fault.hint.unwrap().contains("prometheus.url"));

    // TLS towards a server that speaks plain HTTP.
    let mut plain = settings(format!("https://{}", server.address()));
    plain.http.insecure_skip_tls_verify = true;
    let fault = get(&plain).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Tls, "{fault}");
    assert!(fault.hint.unwrap().contains("http://"), "{}", fault.message);
}

#[tokio::test]
async fn bodies_are_bounded() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_bytes(vec![b' '; BODY_LIMIT + 1]))
        .mount(&server)
        .await;
    let fault = get(&settings(server.uri())).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Malformed);
    assert!(fault.message.contains("more than 32 MiB"), "{fault}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_told_by_every_request() {
    for url in ["", "prometheus:9090", "localhost:9090", "ftp://x", "http://"] {
        let fault = connect(&settings(url.into())).get("/x", &[]).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::NotConfigured, "{url}");
    }
    let mut no_ca = settings("https://x".into());
    no_ca.http.ca_file = Some("/nonexistent/ca.pem".into());
    assert!(connect(&no_ca).get("/x", &[]).await.unwrap_err().message.contains("/nonexistent/ca.pem"));
    let mut bad_header = settings("http://x".into());
    bad_header.http.headers.insert("a\nb".into(), Configured::Plain("s3cret".into()));
    let fault = get(&bad_header).await.unwrap_err();
    assert!(!fault.message.contains("s3cret") && !fault.message.contains('\n'), "{fault}");
}

#[test]
fn answers_are_sorted_by_what_one_can_do() {
    let answer = |status, content_type: &str, body: &str| HttpAnswer {
        status,
        content_type: content_type.into(),
        location: None,
        date: None,
        retry_after: None,
        remaining: None,
        scopes: None,
        body: body.into(),
    };
    let cases = [
        (answer(401, "text/plain", "no org id"), FaultKind::Unauthorized, "no org id"),
        (answer(401, "text/html", "<h1>Login</h1>"), FaultKind::Unauthorized, "401 Unauthorized)"),
        (answer(403, "text/plain", "\u{1b}[31mforbidden"), FaultKind::Forbidden, ": forbidden)"),
        (answer(404, "text/plain", "404 page not found"), FaultKind::NotServed, "404 page not found"),
        (answer(200, "", "\n <!DOCTYPE html>"), FaultKind::Malformed, "a web page"),
        (answer(200, "text/plain", "ok"), FaultKind::Malformed, "something else"),
        (answer(502, "text/html", "<h1>Bad</h1>"), FaultKind::Server, "answered 502 Bad Gateway"),
        (answer(400, "", "Client sent an HTTP request to an HTTPS server.\n"), FaultKind::Tls, "speaks TLS"),
    ];
    for (answer, kind, part) in cases {
        let fault = fault::of_answer(&answer, Product::Alertmanager, "http://am:9093");
        assert_eq!(fault.kind, kind, "{answer:?}");
        assert!(fault.message.contains(part) && !fault.message.contains('\u{1b}'), "{fault}");
    }
}
