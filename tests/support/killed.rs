//! Runs that are killed on their way: at one of the requests that they send, or when somebody who watches says so.
// What is waited for is another process: real time passes.
#![allow(clippy::disallowed_methods)]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::PATIENCE;
use super::road::{forward, request};

/// Where a run is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The server never sees the request.
    Before,
    /// The server has answered, and nobody hears it.
    After,
}

/// What the road between a run and its servers knows.
#[derive(Default)]
pub struct Road {
    victim: Option<Child>,
    /// Kill at this request, counted from 1.
    at: Option<(usize, Cut)>,
    /// First lines of the requests of this run.
    pub seen: Vec<String>,
}

impl Road {
    /// Kills the run with `SIGKILL`.
    pub fn kill(&mut self) {
        if let Some(victim) = &mut self.victim {
            let _ = victim.kill();
        }
    }

    /// A request comes by; says whether it is the one at which the run is killed, and kills where the server is not to see
    /// it.
    pub fn passes(&mut self, asked: &[u8]) -> Option<Cut> {
        self.seen.push(String::from_utf8_lossy(asked).lines().next().unwrap_or_default().to_owned());
        let cut = self.at.filter(|(at, _)| *at == self.seen.len()).map(|(_, cut)| cut);
        if cut == Some(Cut::Before) {
            self.kill();
        }
        cut
    }
}

/// Carries requests to a server, one to a connection, and kills where it was told to. Gives its own address.
pub fn road_to(server: &str, road: &Arc<Mutex<Road>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (server, road) = (server.trim_start_matches("http://").to_owned(), road.clone());
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let (server, road) = (server.clone(), road.clone());
            std::thread::spawn(move || {
                let Some(asked) = request(&mut client) else { return };
                let cut = road.lock().unwrap().passes(&asked);
                if cut == Some(Cut::Before) {
                    return;
                }
                let answer = forward(&asked, &server);
                if cut.is_some() {
                    return road.lock().unwrap().kill();
                }
                let _ = std::io::Write::write_all(&mut client, &answer);
            });
        }
    });
    address
}

/// Starts a run with `at` on the road, and waits until it ended or was killed; `watch` looks at it meanwhile. Gives the
/// requests that it sent.
pub fn run(
    mut command: Command,
    road: &Mutex<Road>,
    at: Option<(usize, Cut)>,
    watch: impl Fn(&mut Road),
) -> Vec<String> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    *road.lock().unwrap() = Road { victim: Some(command.spawn().unwrap()), at, seen: Vec::new() };
    let deadline = Instant::now() + PATIENCE;
    loop {
        {
            let mut road = road.lock().unwrap();
            if road.victim.as_mut().unwrap().try_wait().unwrap().is_some() {
                return std::mem::take(&mut road.seen);
            }
            watch(&mut road);
            assert!(Instant::now() < deadline, "it does not end: {:?}", road.seen);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
