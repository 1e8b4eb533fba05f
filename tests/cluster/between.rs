//! A way in between the console and the API server that a test can hold up and cut, and that remembers what passed.
//!
//! It ends at `kubectl proxy`, which speaks plain HTTP: so what passed can be read.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use crate::stack::process::{Ports, Process, find};
use crate::support::PATIENCE;

/// The way in.
pub struct Between {
    /// Where the console has to go.
    pub url: String,
    ways: Arc<Ways>,
    _proxy: Process,
}

#[derive(Default)]
struct Ways {
    held_up: Mutex<bool>,
    let_go: Condvar,
    /// Connections of the console that are open, and what passed on each that ever was.
    open: Mutex<Vec<TcpStream>>,
    said: Mutex<Vec<Transcript>>,
}

type Transcript = Arc<Mutex<Vec<u8>>>;

impl Between {
    /// A way to the API server as whoever `kubeconfig` is.
    pub fn start(kubeconfig: &Path, directory: &Path) -> Self {
        let port = Ports::free().take("kubectl proxy").unwrap();
        let arguments = vec![
            "proxy".to_owned(),
            format!("--kubeconfig={}", kubeconfig.display()),
            "--address=127.0.0.1".to_owned(),
            format!("--port={port}"),
        ];
        let mut proxy = Process::start("kubectl-proxy", &find("kubectl").unwrap(), arguments, directory).unwrap();
        proxy.until(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ways: Arc<Ways> = Arc::default();
        let accepting = ways.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
                connect(&accepting, &client, &server);
            }
        });
        Self { url, ways, _proxy: proxy }
    }

    /// A kubeconfig that leads through here.
    pub fn kubeconfig(&self) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters: [{{name: test, cluster: {{server: '{}'}}}}]\nusers: [{{name: someone, user: {{}}}}]\n\
             contexts: [{{name: test, context: {{cluster: test, user: someone, namespace: default}}}}]\n",
            self.url
        )
    }

    /// Nothing more reaches the console, but its connections stay open, whatever becomes of the server.
    pub fn hold_up(&self) {
        *self.ways.held_up.lock().unwrap() = true;
    }

    /// Cuts every connection of the console in the middle of what it was told; new ones pass.
    pub fn cut(&self) {
        for client in self.ways.open.lock().unwrap().drain(..) {
            let _ = client.shutdown(Shutdown::Both);
        }
        *self.ways.held_up.lock().unwrap() = false;
        self.ways.let_go.notify_all();
    }

    /// The requests (their first lines) to which something with `words` was answered.
    pub fn answered_with(&self, words: &str) -> Vec<String> {
        let said = self.ways.said.lock().unwrap();
        let mut requests = Vec::new();
        for transcript in said.iter() {
            let text = String::from_utf8_lossy(&transcript.lock().unwrap()).into_owned();
            for (at, _) in text.match_indices(words) {
                requests.extend(request_before(&text[..at]));
            }
        }
        requests
    }

    /// How many requests have been sent whose first line holds all of `words`.
    pub fn asked(&self, words: &[&str]) -> usize {
        let said = self.ways.said.lock().unwrap();
        let asked = |transcript: &Transcript| {
            let text = String::from_utf8_lossy(&transcript.lock().unwrap()).into_owned();
            text.lines()
                .filter(|line| line.starts_with("GET /") && words.iter().all(|word| line.contains(word)))
                .count()
        };
        said.iter().map(asked).sum()
    }
}

fn request_before(text: &str) -> Option<String> {
    let at = text.rfind("GET /")?;
    Some(text[at..].lines().next()?.to_owned())
}

fn connect(ways: &Arc<Ways>, client: &TcpStream, server: &TcpStream) {
    let transcript: Transcript = Arc::default();
    ways.said.lock().unwrap().push(transcript.clone());
    ways.open.lock().unwrap().push(client.try_clone().unwrap());
    let (up, down) = ((client.try_clone().unwrap(), server.try_clone().unwrap()), transcript.clone());
    std::thread::spawn(move || {
        let ((mut client, mut server), transcript) = (up, down);
        pass(&mut client, &mut server, &transcript, || {});
    });
    let (mut client, mut server, ways) = (client.try_clone().unwrap(), server.try_clone().unwrap(), ways.clone());
    std::thread::spawn(move || {
        pass(&mut server, &mut client, &transcript, || {
            let held_up = ways.held_up.lock().unwrap();
            // Poisoned or out of patience: the case has failed anyway.
            drop(ways.let_go.wait_timeout_while(held_up, PATIENCE, |held_up| *held_up));
        });
    });
}

/// Passes on what is said until one of the two hangs up; the other then learns of it.
fn pass(from: &mut TcpStream, to: &mut TcpStream, transcript: &Transcript, wait: impl Fn()) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).unwrap_or(0);
        wait();
        if count == 0 || to.write_all(&buffer[..count]).is_err() {
            break;
        }
        transcript.lock().unwrap().extend_from_slice(&buffer[..count]);
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
