//! What Prometheus scrapes: series that a test sets, so that it knows the right answers.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::process::StartError;

/// A counter or gauge as a straight line through time.
#[derive(Clone, Copy)]
struct Line {
    since: Instant,
    at_since: f64,
    per_second: f64,
}

impl Line {
    fn now(self) -> f64 {
        self.at_since + self.per_second * self.since.elapsed().as_secs_f64()
    }
}

/// An endpoint with `/metrics` in the text format of Prometheus. It lives as long as the process.
#[derive(Clone)]
pub struct Exporter {
    series: Arc<Mutex<BTreeMap<String, Line>>>,
    /// Where it listens.
    pub port: u16,
}

impl Exporter {
    /// Serves nothing yet.
    pub fn start() -> Result<Self, StartError> {
        let cannot = |error: std::io::Error| StartError(format!("no port for the metrics of the tests: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(cannot)?;
        let port = listener.local_addr().map_err(cannot)?.port();
        let exporter = Self { series: Arc::default(), port };
        let served = exporter.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                // One request a connection; its head fits one read, and what it asks for is always the same.
                let _ = stream.read(&mut [0; 4096]);
                let body = served.text();
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n";
                let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
            }
        });
        Ok(exporter)
    }

    /// `series` (`name{label="value"}`) grows by so much a second from what it is now.
    pub fn rate(&self, series: &str, per_second: f64) {
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let at_since = all.get(series).map_or(0.0, |line| line.now());
        all.insert(series.to_owned(), Line { since: Instant::now(), at_since, per_second });
    }

    /// `series` is this from now on.
    pub fn gauge(&self, series: &str, value: f64) {
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(series.to_owned(), Line { since: Instant::now(), at_since: value, per_second: 0.0 });
    }

    fn text(&self) -> String {
        let all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<String> = all.iter().map(|(series, line)| format!("{series} {}\n", line.now())).collect();
        lines.concat()
    }
}
