//! The life of one container: creating, running, ready, ended, waiting to be restarted.
//!
//! Each step is a function of the status that the store holds, the behaviour of the image and the
//! time; nothing is remembered elsewhere. So a scenario can put a container into the middle of
//! its life, and it lives on from there.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::behaviour::{Behaviour, Ending, PullError};
use super::naming;
use super::object::{instant, int, int_or, name, namespace, stamp, text, uid};

/// Longest wait between two restarts or two pulls.
const LONGEST_BACKOFF: i64 = 300;
/// A container that ran this long starts its back-off anew.
const FORGIVEN_AFTER: i64 = 600;

/// What one step of one container sees.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The pod.
    pub pod: &'a Value,
    /// The container in its spec.
    pub container: &'a Value,
    /// What the image does, or why it cannot be pulled.
    pub behaviour: &'a Result<Behaviour, PullError>,
    /// When the kubelet took the pod on.
    pub started: DateTime<Utc>,
    /// Whether the node has the image.
    pub present: bool,
    /// Lab time.
    pub now: DateTime<Utc>,
}

/// Something to tell about the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// `Warning` rather than `Normal`.
    pub warning: bool,
    /// One word.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
    /// How often.
    pub count: i64,
}

/// What a step led to.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The container's status from now on.
    pub status: Value,
    /// What happened, in order.
    pub told: Vec<Told>,
    /// When the next step is due.
    pub wake: Option<DateTime<Utc>>,
}

/// The wait before restart number `restarts` + 1: none at first, then 10 s, doubling up to 5 min.
pub fn backoff_seconds(restarts: i64) -> i64 {
    match restarts {
        ..=0 => 0,
        1..=5 => 10 << (restarts - 1),
        _ => LONGEST_BACKOFF,
    }
}

impl Scene<'_> {
    /// The next step from `old`, the status so far.
    pub fn step(&self, old: Option<&Value>) -> Step {
        let Some(old) = old else { return self.create() };
        let state = &old["state"];
        if state.get("running").is_some() {
            return self.run(old);
        }
        if state.get("terminated").is_some() {
            return self.after_end(old);
        }
        match text(state, "/waiting/reason") {
            "CrashLoopBackOff" => self.wait_for_restart(old),
            "ErrImagePull" | "ImagePullBackOff" => self.wait_for_image(old),
            _ => self.pull(old),
        }
    }

    fn image(&self) -> &str {
        text(self.container, "/image")
    }

    fn container_name(&self) -> &str {
        text(self.container, "/name")
    }

    /// Seconds that making the container takes, with the pull if it needs one.
    fn creation_seconds(&self) -> i64 {
        let cached = self.present && self.container["imagePullPolicy"] != "Always";
        let pull = naming::digest(&[self.image(), text(self.pod, "/spec/nodeName")]) % 3;
        if cached { 1 } else { 2 + pull.cast_signed() }
    }

    fn create(&self) -> Step {
        let status = json!({
            "name": self.container_name(),
            "image": self.image(),
            "imageID": "",
            "ready": false,
            "started": false,
            "restartCount": 0,
            "state": {"waiting": {"reason": "ContainerCreating"}},
            "lastState": {},
        });
        let told = if self.present {
            Vec::new()
        } else {
            vec![tell("Pulling", format!("Pulling image \"{}\"", self.image()))]
        };
        Step { status, told, wake: Some(self.started + TimeDelta::seconds(self.creation_seconds())) }
    }

    fn pull(&self, old: &Value) -> Step {
        let seconds = self.creation_seconds();
        let due = self.started + TimeDelta::seconds(seconds);
        if self.now < due {
            return same(old, Some(due));
        }
        match self.behaviour {
            Ok(_) => {
                let pulled = if self.present {
                    format!("Container image \"{}\" already present on machine", self.image())
                } else {
                    let took = format!("{}.{}s", seconds - 1, naming::digest(&[self.image(), uid(self.pod)]) % 1000);
                    format!(
                        "Successfully pulled image \"{}\" in {took} ({took} including waiting). Image size: {} bytes.",
                        self.image(),
                        self.image_bytes()
                    )
                };
                self.start(old, 0, pulled)
            }
            Err(error) => self.pull_failed(old, error),
        }
    }

    fn image_bytes(&self) -> u64 {
        38_000_000 + naming::digest(&[self.image()]) % 90_000_000
    }

    fn pull_failed(&self, old: &Value, error: &PullError) -> Step {
        let message = format!("Failed to pull image \"{}\": {}", self.image(), error.0);
        let mut status = old.clone();
        status["state"] = json!({"waiting": {"reason": "ErrImagePull", "message": error.0}});
        let told = vec![warn("Failed", message), warn("Failed", "Error: ErrImagePull".to_owned())];
        Step { status, told, wake: Some(self.now + TimeDelta::seconds(2)) }
    }

    /// Pulls are tried again 10, 20, 40 … 300 seconds after each failure: when, follows from the
    /// pod's start alone.
    fn wait_for_image(&self, old: &Value) -> Step {
        if self.behaviour.is_ok() {
            let pulled = format!(
                "Successfully pulled image \"{}\" in 1.2s (1.2s including waiting). Image size: {} bytes.",
                self.image(),
                self.image_bytes()
            );
            return self.start(old, int(old, "/restartCount"), pulled);
        }
        let mut tried = self.started + TimeDelta::seconds(self.creation_seconds());
        let mut wait = 10;
        while tried + TimeDelta::seconds(wait) <= self.now {
            tried += TimeDelta::seconds(wait);
            wait = (wait * 2).min(LONGEST_BACKOFF);
        }
        let next = tried + TimeDelta::seconds(wait);
        let failing = text(old, "/state/waiting/reason") == "ErrImagePull";
        let just_tried = self.now < tried + TimeDelta::seconds(2);
        match (failing, just_tried, self.behaviour) {
            (true, true, _) => same(old, Some(tried + TimeDelta::seconds(2))),
            (true, false, _) => {
                let mut status = old.clone();
                let message = format!("Back-off pulling image \"{}\"", self.image());
                status["state"] = json!({"waiting": {"reason": "ImagePullBackOff", "message": message}});
                let told = vec![tell("BackOff", message), warn("Failed", "Error: ImagePullBackOff".to_owned())];
                Step { status, told, wake: Some(next) }
            }
            (false, true, Err(error)) => {
                let mut step = self.pull_failed(old, error);
                step.told.insert(0, tell("Pulling", format!("Pulling image \"{}\"", self.image())));
                step
            }
            (false, _, _) => same(old, Some(next)),
        }
    }

    fn start(&self, old: &Value, restarts: i64, pulled: String) -> Step {
        let container = self.container_name();
        let mut status = old.clone();
        let id = naming::hex(&[uid(self.pod), container, &restarts.to_string()], 64);
        status["containerID"] = json!(format!("containerd://{id}"));
        status["imageID"] = json!(format!(
            "{}@sha256:{}",
            self.image().rsplit_once(':').map_or(self.image(), |(path, _)| path),
            naming::hex(&[self.image()], 64)
        ));
        status["restartCount"] = json!(restarts);
        status["started"] = json!(true);
        status["ready"] = json!(false);
        status["state"] = json!({"running": {"startedAt": stamp(self.now)}});
        let told = vec![
            tell("Pulled", pulled),
            tell("Created", format!("Created container {container}")),
            tell("Started", format!("Started container {container}")),
        ];
        let mut step = self.run(&status);
        step.told.splice(0..0, told);
        step
    }

    fn run(&self, old: &Value) -> Step {
        let Ok(behaviour) = self.behaviour else { return same(old, None) };
        let Some(since) = instant(old, "/state/running/startedAt") else { return same(old, None) };
        if let Some(ending) = behaviour.ending {
            let end = since + TimeDelta::from_std(ending.after).unwrap_or_default();
            if end <= self.now {
                return self.end(old, since, end, ending, behaviour);
            }
        }
        let probed = self.container.get("readinessProbe").is_some();
        let ready_at = match behaviour.ready_after {
            Some(after) if probed => Some(since + TimeDelta::from_std(after).unwrap_or_default()),
            Some(_) => Some(since),
            None => None,
        };
        let ready = ready_at.is_some_and(|at| at <= self.now);
        let mut status = old.clone();
        status["ready"] = json!(ready);
        let end = behaviour.ending.map(|ending| since + TimeDelta::from_std(ending.after).unwrap_or_default());
        let wake = [ready_at.filter(|_| !ready), end].into_iter().flatten().min();
        Step { status, told: Vec::new(), wake }
    }

    fn end(
        &self,
        old: &Value,
        since: DateTime<Utc>,
        end: DateTime<Utc>,
        ending: Ending,
        behaviour: &Behaviour,
    ) -> Step {
        let mut status = old.clone();
        status["ready"] = json!(false);
        status["started"] = json!(false);
        status["state"] = json!({"terminated": {
            "containerID": old["containerID"],
            "exitCode": ending.code,
            "reason": ending.reason,
            "startedAt": stamp(since),
            "finishedAt": stamp(end),
        }});
        let mut told = Vec::new();
        if behaviour.ready_after.is_none() && self.container.get("readinessProbe").is_some() {
            let period = int_or(self.container, "/readinessProbe/periodSeconds", 10).max(1);
            let count = ((end - since).num_seconds() / period).max(1);
            let message = "Readiness probe failed: HTTP probe failed with statuscode: 503".to_owned();
            told.push(Told { count, ..warn("Unhealthy", message) });
        }
        Step { status, told, wake: Some(self.now + TimeDelta::seconds(1)) }
    }

    /// Whether an end with this exit code is followed by a restart.
    fn restarts_after(&self, code: i64) -> bool {
        match text(self.pod, "/spec/restartPolicy") {
            "Never" => false,
            "OnFailure" => code != 0,
            _ => true,
        }
    }

    fn after_end(&self, old: &Value) -> Step {
        let ended = &old["state"]["terminated"];
        if !self.restarts_after(int(ended, "/exitCode")) {
            return same(old, None);
        }
        let finished = instant(ended, "/finishedAt").unwrap_or(self.now);
        if self.now < finished + TimeDelta::seconds(1) {
            return same(old, Some(finished + TimeDelta::seconds(1)));
        }
        let wait = wait_after(ended, int(old, "/restartCount"));
        let mut status = old.clone();
        status["lastState"] = json!({"terminated": ended});
        if wait == 0 {
            return self.restart(&status);
        }
        let (pod, space, id) = (name(self.pod), namespace(self.pod), uid(self.pod));
        let container = self.container_name();
        let span = span(wait);
        status["state"] = json!({"waiting": {
            "reason": "CrashLoopBackOff",
            "message": format!("back-off {span} restarting failed container={container} pod={pod}_{space}({id})"),
        }});
        let message = format!("Back-off restarting failed container {container} in pod {pod}_{space}({id})");
        Step { status, told: vec![warn("BackOff", message)], wake: Some(finished + TimeDelta::seconds(wait)) }
    }

    fn wait_for_restart(&self, old: &Value) -> Step {
        let ended = &old["lastState"]["terminated"];
        let wait = wait_after(ended, int(old, "/restartCount"));
        let due = instant(ended, "/finishedAt").unwrap_or(self.now) + TimeDelta::seconds(wait);
        if self.now < due {
            return same(old, Some(due));
        }
        let mut step = self.restart(old);
        let (pod, space, id) = (name(self.pod), namespace(self.pod), uid(self.pod));
        let message =
            format!("Back-off restarting failed container {} in pod {pod}_{space}({id})", self.container_name());
        // The kubelet looked about every 12 seconds and found it still backing off.
        step.told.insert(0, Told { count: (wait / 12).max(1), ..warn("BackOff", message) });
        step
    }

    fn restart(&self, old: &Value) -> Step {
        let pulled = format!("Container image \"{}\" already present on machine", self.image());
        self.start(old, int(old, "/restartCount") + 1, pulled)
    }
}

/// Seconds between the end of a run and the next one.
fn wait_after(ended: &Value, restarts: i64) -> i64 {
    let ran = match (instant(ended, "/startedAt"), instant(ended, "/finishedAt")) {
        (Some(from), Some(to)) => (to - from).num_seconds(),
        _ => 0,
    };
    if ran >= FORGIVEN_AFTER { 0 } else { backoff_seconds(restarts) }
}

fn tell(reason: &'static str, message: String) -> Told {
    Told { warning: false, reason, message, count: 1 }
}

fn warn(reason: &'static str, message: String) -> Told {
    Told { warning: true, ..tell(reason, message) }
}

fn same(old: &Value, wake: Option<DateTime<Utc>>) -> Step {
    Step { status: old.clone(), told: Vec::new(), wake }
}

/// A span as Go prints it: `40s`, `2m40s`, `5m0s`.
fn span(seconds: i64) -> String {
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{}s", seconds / 60, seconds % 60) }
}
