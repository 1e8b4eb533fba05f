//! Credentials that end while the console runs: plugins are asked again, files are read again, and a plugin that fails
//! or hangs is named.
//!
//! The tokens are those of service accounts, signed here with the stack's own key. The API server grants a token a minute
//! beyond its `exp`; so they are made to have expired almost a minute ago, and live for [`LIFE`] seconds.

use std::cell::Cell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::backend::{Backend, Place, deployment, until};
use crate::screen::{SIZE, is_live, kubectl_pods, pods, selected, stale_for, wait_for_truth, zoom_pods};
use crate::stack::control_plane::ISSUER;
use crate::stack::process::Ports;
use crate::stack::{Parts, Stack};
use crate::support::Console;
use crate::{Body, Case};

pub const CASES: &[Case] = &[
    Case::new("expiring_tokens_are_renewed_by_their_plugin", Body::Own(renewed)),
    Case::new("a_rotated_token_file_is_read_again", Body::Own(rotated)),
    Case::new("a_plugin_that_fails_or_hangs_is_named", Body::Own(failing)),
];

/// Seconds that the API server takes a token for.
const LIFE: u32 = 10;
/// Beyond its `exp`, as the API server's JWT library has it.
const GRACE: u32 = 60;
/// How often the token in a file is exchanged: before it ends.
const ROTATION: Duration = Duration::from_secs(4);
/// Tokens that have to be seen in use, one after the other.
const LIVES: usize = 3;

/// Makes a token for a service account that lives for `$1` seconds and is called `$2` in the audit log.
const MINT: &str = r#"mint() {
  now=$(date +%s)
  part() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
  head=$(printf '{"alg":"RS256","typ":"JWT"}' | part)
  body=$(printf '{"iss":"@ISSUER@","aud":["@ISSUER@"],"sub":"system:serviceaccount:@NAMESPACE@:@NAME@","iat":%d,"nbf":%d,"exp":%d,"jti":"%s","kubernetes.io":{"namespace":"@NAMESPACE@","serviceaccount":{"name":"@NAME@","uid":"@UID@"}}}' $((now - 100)) $((now - 100)) $((now + $1 - @GRACE@)) "$2" | part)
  printf '%s.%s.%s' "$head" "$body" "$(printf '%s.%s' "$head" "$body" | openssl dgst -sha256 -sign '@KEY@' -binary | part)"
}
"#;

/// A service account that may see everything, in a namespace of its own, and what its credentials are made with.
struct Account<'a> {
    stack: &'a Stack,
    place: Place,
    name: String,
    mint: String,
}

impl<'a> Account<'a> {
    fn new(stack: &'a Stack, name: &str) -> Self {
        let place = Backend::given(stack.kubeconfig("admin")).place(name);
        place.apply(&deployment("web", "busybox:1.36", 3));
        place.apply(&deployment("api", "busybox:1.36", 1));
        place.kubectl(&format!("create serviceaccount {name}"));
        for role in ["view", "node-viewer"] {
            let account = format!("--serviceaccount={}:{name}", place.namespace);
            place.kubectl(&format!("create clusterrolebinding {name}-{role} --clusterrole={role} {account}"));
        }
        place.kubectl("rollout status deployment/web --timeout=120s");
        place.kubectl("rollout status deployment/api --timeout=120s");
        let uid = place.get(&format!("serviceaccount {name}"))["metadata"]["uid"].as_str().unwrap().to_owned();
        let mint = MINT
            .replace("@ISSUER@", ISSUER)
            .replace("@NAMESPACE@", &place.namespace)
            .replace("@NAME@", name)
            .replace("@UID@", &uid)
            .replace("@GRACE@", &GRACE.to_string())
            .replace("@KEY@", stack.control_plane.certificates.accounts.to_str().unwrap());
        Self { stack, place, name: name.to_owned(), mint }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.place.home.path().join(name)
    }

    /// A token made now.
    fn token(&self, life: u32, called: &str) -> String {
        let script = format!("{}mint {life} {called}", self.mint);
        let output = Command::new("sh").args(["-eu", "-c", &script]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A credential plugin that does what the file `mode` says: `fail`, `hang`, or else give a token; it keeps count in
    /// `runs`.
    fn plugin(&self, says_when_it_expires: bool) -> PathBuf {
        let (path, runs, mode) = (self.file("login-plugin"), self.file("runs"), self.file("mode"));
        let expiry = if says_when_it_expires {
            r#",\"expirationTimestamp\":\"$(date -u -d "+@LIFE@ seconds" +%Y-%m-%dT%H:%M:%SZ)\""#
        } else {
            ""
        };
        let mut script = format!("#!/bin/sh\nset -eu\n{}", self.mint);
        write!(
            script,
            "echo run >> '{runs}'\n\
             case $(cat '{mode}' 2>/dev/null || true) in\n\
             fail) echo 'the session has expired: run shop-login' >&2; exit 3 ;;\n\
             hang) exec sleep 600 ;;\n\
             esac\n\
             token=$(mint {LIFE} life-$(wc -l < '{runs}'))\n\
             echo \"{{\\\"apiVersion\\\":\\\"client.authentication.k8s.io/v1\\\",\\\"kind\\\":\\\"ExecCredential\\\",\
             \\\"status\\\":{{\\\"token\\\":\\\"$token\\\"{}}}}}\"\n",
            expiry.replace("@LIFE@", &LIFE.to_string()),
            runs = runs.display(),
            mode = mode.display(),
        )
        .unwrap();
        std::fs::write(&path, script).unwrap();
        let mut permissions = std::fs::metadata(&path).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o700);
        std::fs::set_permissions(&path, permissions).unwrap();
        path
    }

    fn mode(&self, mode: &str) {
        std::fs::write(self.file("mode"), mode).unwrap();
    }

    /// The console as this account.
    fn console(&self, credentials: &str) -> Console {
        let kubeconfig = self.file("kubeconfig");
        let authority = &self.stack.control_plane.certificates.authority;
        let text = self.stack.control_plane.kubeconfig_with(authority, &self.name, credentials);
        std::fs::write(&kubeconfig, text).unwrap();
        let arguments = ["--kubeconfig", kubeconfig.to_str().unwrap(), "-n", &self.place.namespace];
        Console::start(self.place.home.path(), &arguments, SIZE)
    }

    fn console_with_plugin(&self, says_when_it_expires: bool) -> Console {
        let plugin = self.plugin(says_when_it_expires);
        self.console(&format!(
            "exec: {{apiVersion: client.authentication.k8s.io/v1, command: {}, interactiveMode: Never}}",
            plugin.display()
        ))
    }

    /// What the API server noted of requests in the account's namespace that it refused as coming from nobody.
    fn refusals(&self) -> usize {
        let inside = format!("/namespaces/{}/", self.place.namespace);
        let refused = |entry: &&serde_json::Value| {
            entry["responseStatus"]["code"] == 401
                && entry["requestURI"].as_str().is_some_and(|uri| uri.contains(&inside))
        };
        self.stack.control_plane.audit().iter().filter(refused).count()
    }

    /// The tokens with which the account has opened watches of pods, in their order.
    fn lives(&self) -> Vec<String> {
        let user = format!("system:serviceaccount:{}:{}", self.place.namespace, self.name);
        let mut lives: Vec<String> = Vec::new();
        for entry in self.stack.control_plane.audit() {
            let opened = entry["verb"] == "watch"
                && entry["stage"] == "ResponseStarted"
                && entry["objectRef"]["resource"] == "pods";
            if !opened || entry["user"]["username"] != user.as_str() {
                continue;
            }
            let token = entry["user"]["extra"]["authentication.kubernetes.io/credential-id"][0].as_str();
            let token = token.unwrap_or_else(|| panic!("no name of the token: {entry}")).to_owned();
            if lives.last() != Some(&token) {
                lives.push(token);
            }
        }
        lives
    }

    /// The API server takes a token for its life and no longer: or else nothing here would be tried.
    fn tokens_expire(&self) {
        let token = self.token(LIFE, "tried");
        let url = format!("{}/api/v1/namespaces/{}/pods", self.stack.control_plane.url, self.place.namespace);
        let code = || {
            let header = format!("Authorization: Bearer {token}");
            let arguments = ["-sk", "-m", "20", "-o", "/dev/null", "-w", "%{http_code}", "-H", &header, &url];
            let output = Command::new("curl").args(arguments).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(code(), "200");
        until("the API server refuses an expired token", || code() == "401");
    }
}

fn start(binaries: &Path) -> Stack {
    Stack::start(binaries, Parts::CLUSTER, Ports::free()).unwrap()
}

/// A console with a workload in focus and its second pod selected.
struct Watcher<'a> {
    account: &'a Account<'a>,
    console: Console,
    selected: String,
    /// Was it ever anything but live, since then?
    was_stale: Cell<bool>,
}

impl<'a> Watcher<'a> {
    fn new(account: &'a Account<'a>, mut console: Console) -> Self {
        console.wait_until("the workloads", |screen| screen.contains("web") && screen.contains("api"));
        // Into the rollouts, to the last of them, into focus.
        console.send("3");
        console.send("G");
        console.send("\r");
        console.wait_until("the focus", |screen| focus(screen).is_some());
        zoom_pods(&mut console);
        console.wait_until("its pods", |screen| is_live(screen) && !pods(screen).is_empty());
        let first = selected(&console.screen.screen().contents());
        let several = pods(&console.screen.screen().contents()).len() > 1;
        if several {
            console.send("j");
            console.wait_until("another selection", |screen| selected(screen) != first);
        }
        let selected = selected(&console.screen.screen().contents()).expect("a selected pod");
        Self { account, console, selected, was_stale: Cell::new(false) }
    }

    /// Reads the screen until the account has used so many tokens.
    fn live(&mut self, lives: usize) {
        let account = self.account;
        let was_stale = &self.was_stale;
        self.console.wait_until(&format!("{lives} tokens in use"), |screen| {
            if !is_live(screen) {
                println!("{}: stale for {:?}", account.name, stale_for(screen));
                was_stale.set(true);
            }
            account.lives().len() >= lives
        });
    }

    /// Focus and selection are where they were, and the data is alive: what changes now is seen.
    fn still_there(&mut self) {
        let contents = self.console.screen.screen().contents();
        assert!(focus(&contents).is_some(), "the focus is lost:\n{contents}");
        assert_eq!(selected(&contents).as_deref(), Some(self.selected.as_str()), "{contents}");
        assert!(!self.was_stale.get(), "{}: nothing of it may be seen", self.account.name);
        let place = &self.account.place;
        let focus = focus(&contents).unwrap();
        place.kubectl(&format!("scale deployment {focus} --replicas=5"));
        // Asked together: what was read of the screen so far may end in the middle of a frame.
        self.console.wait_until("five pods, and the same one selected", |screen| {
            pods(screen).len() == 5 && selected(screen).as_deref() == Some(self.selected.as_str())
        });
        self.console.wait_until("what kubectl says after renewals", |screen| {
            let mut truth = kubectl_pods(place);
            truth.retain(|(name, ..)| name.starts_with(&focus));
            is_live(screen) && pods(screen) == truth
        });
    }
}

/// The Deployment that the header calls the focus.
fn focus(contents: &str) -> Option<String> {
    let (_, focus) = contents.lines().next()?.split_once("focus ")?;
    focus
        .split_whitespace()
        .find_map(|word| ["web", "api"].into_iter().find(|name| word.ends_with(name)))
        .map(str::to_owned)
}

fn renewed(binaries: &Path) {
    let stack = start(binaries);
    let (telling, silent) = (Account::new(&stack, "telling"), Account::new(&stack, "silent"));
    telling.tokens_expire();
    let mut tells = Watcher::new(&telling, telling.console_with_plugin(true));
    let mut is_silent = Watcher::new(&silent, silent.console_with_plugin(false));
    for lives in 1..=LIVES {
        let since = Instant::now();
        tells.live(lives);
        is_silent.live(lives);
        println!("life {lives} of both in use after {:?}", since.elapsed());
    }
    // Who knows when a token ends renews it before; who does not, when it is refused.
    assert_eq!(telling.refusals(), 1, "only that of the trial: {:?}", telling.lives());
    assert!(silent.refusals() >= LIVES - 1, "{} refusals, {:?}", silent.refusals(), silent.lives());
    tells.still_there();
    is_silent.still_there();
}

fn rotated(binaries: &Path) {
    let stack = start(binaries);
    let account = Account::new(&stack, "rotated");
    let token = account.file("token");
    let rotate = |number: u32| {
        // As a kubelet does it: the whole file at once.
        let next = account.file("token.next");
        std::fs::write(&next, account.token(LIFE, &format!("life-{number}"))).unwrap();
        std::fs::rename(&next, &token).unwrap();
    };
    rotate(0);
    std::thread::scope(|scope| {
        // Also when the case fails: with `_end` the thread ends.
        let (_end, ended) = channel::<()>();
        scope.spawn(move || {
            let mut number = 0;
            while ended.recv_timeout(ROTATION) == Err(RecvTimeoutError::Timeout) {
                number += 1;
                rotate(number);
            }
        });
        let mut watcher = Watcher::new(&account, account.console(&format!("tokenFile: {}", token.display())));
        for lives in 1..=LIVES {
            let since = Instant::now();
            watcher.live(lives);
            println!("life {lives} in use after {:?}", since.elapsed());
        }
        watcher.still_there();
    });
}

fn failing(binaries: &Path) {
    let stack = start(binaries);
    let account = Account::new(&stack, "failing");
    account.mode("fail");
    let mut console = account.console_with_plugin(true);
    zoom_pods(&mut console);
    let named = |screen: &str, what: &str| {
        // A long path may have been broken into lines.
        let text: String = screen.replace(['│', '\n'], "").split_whitespace().collect();
        text.contains("login-plugin") && text.contains(&what.replace(' ', ""))
    };
    console.wait_until("the plugin that fails", |screen| {
        named(screen, "failed (exit status: 3)") && named(screen, "the session has expired: run shop-login")
    });
    console.wait_for("log in");
    account.mode("give");
    wait_for_truth(&mut console, &account.place, "once the plugin works");

    // In the middle of a session.
    for (mode, complaint) in [("hang", "did not finish within"), ("fail", "failed (exit status: 3)")] {
        account.mode(mode);
        let since = Instant::now();
        console.wait_until("stale pods and the plugin", |screen| {
            stale_for(screen).is_some() && screen.contains("◐ k8s") && named(screen, complaint)
        });
        println!("{mode}: on screen after {:?}", since.elapsed());
        console.send("?");
        console.wait_until("help, at once", |screen| !screen.contains("4 Pods") || screen.contains("Help"));
        console.send("\x1b");
        account.mode("give");
        let since = Instant::now();
        wait_for_truth(&mut console, &account.place, "once the plugin works again");
        println!("{mode}: live again after {:?}", since.elapsed());
    }
}
