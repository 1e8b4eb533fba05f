//! `tests/cluster/up`: the stack for people.

use std::path::PathBuf;
use std::process::ExitCode;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::stack::process::Ports;
use crate::stack::synapse::{PEOPLE, Synapse};
use crate::stack::{Parts, Stack};

/// The first of the fixed ports.
const FIRST_PORT: u16 = 21_000;

/// Brings everything up, says how to reach it and stays until ctrl-c.
pub fn run(arguments: &[String]) -> ExitCode {
    let first = match arguments {
        [] => FIRST_PORT,
        [option, port] if option == "--ports-from" => match port.parse() {
            Ok(port) => port,
            Err(_) => return usage(&format!("{port:?} is not a port")),
        },
        _ => return usage(&format!("unknown: {}", arguments.join(" "))),
    };
    let Some(parts) = std::env::var_os("OPSDECK_TEST_PARTS") else {
        return usage("the counterparts are not built; tests/cluster/up does that");
    };
    // Before anything is there to be taken down: a signal that comes early waits until it can be done in order.
    let signals = Signals::listen();
    let stack = match Stack::start(&PathBuf::from(parts), Parts::ALL, Ports::from(first)) {
        Ok(stack) => stack,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let configuration = stack.configuration();
    println!("Kubernetes    {}", stack.control_plane.url);
    if let Some(monitoring) = &stack.monitoring {
        println!("Prometheus    {}", monitoring.prometheus_url);
        println!("Alertmanager  {}", monitoring.alertmanager_urls.join("  "));
    }
    if let Some(flags) = &stack.flags {
        println!("Unleash       {}", flags.url);
        for user in ["owner", "editor", "viewer"] {
            println!("              Authorization: {}   # {user}", flags.token(user));
        }
    }
    if let Some(chat) = &stack.chat {
        println!("Matrix        {}", chat.url);
        for user in PEOPLE {
            println!("              Authorization: Bearer {}   # {}", chat.token(user), Synapse::user_id(user));
        }
    }
    for user in ["admin", "editor", "viewer"] {
        println!(
            "opsdeck --kubeconfig {} --config {}   # as {user}",
            stack.kubeconfig(user).display(),
            configuration.display()
        );
    }
    println!("ctrl-c takes it down");
    signals.wait();
    drop(stack);
    ExitCode::SUCCESS
}

/// Ctrl-c and a plain `kill`.
struct Signals {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let entered = runtime.enter();
        let interrupt = signal(SignalKind::interrupt()).expect("a handler for SIGINT");
        let terminate = signal(SignalKind::terminate()).expect("a handler for SIGTERM");
        drop(entered);
        Self { runtime, interrupt, terminate }
    }

    /// Until one of them.
    fn wait(mut self) {
        self.runtime.block_on(async {
            tokio::select! { _ = self.interrupt.recv() => {}, _ = self.terminate.recv() => {} }
        });
    }
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("{problem}\nusage: tests/cluster/up [--ports-from N]");
    ExitCode::from(2)
}
