//! A runbook walked on the lab: by keys only in a real pseudo-terminal, from the alert to the closed run; and without the
//! screen, killed after each record that is written, and taken up again each time: nothing lost, nothing done twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// What is waited for is another process: real time passes.
#![allow(clippy::disallowed_methods)]

mod support;

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::lab::Lab;
use support::{Console, PATIENCE, home, json_lines, opsdeck};

const BOOK: &str = r#"---
apiVersion: opsdeck.dev/v1
id: high-error-rate
title: Errors in a service
match:
  - alert: HighErrorRate
parameters:
  workload: {type: workload, from: workload, required: true}
---
# Errors in a service

## Meaning
Requests to {{ workload }} fail.

## Diagnosis

### How many requests fail?
```promql {assert="value < 0.01", name="errors"}
(sum(rate(http_requests_total{namespace="{{ workload.namespace }}", service="{{ workload.name }}", code=~"5.."}[30s])) or vector(0))
  / sum(rate(http_requests_total{namespace="{{ workload.namespace }}", service="{{ workload.name }}"}[30s]))
```

### Which pods run?
```kubectl
get pods -n {{ workload.namespace }} -l app={{ workload.name }}
```

## Mitigation

### Roll it back
```action
do: rollback
workload: "{{ workload }}"
reason: errors since the rollout
```

## Verification

### It is well again
```wait
until: errors
at-most: 4m
```
"#;

/// The book in the directory where a user's own are.
fn shelve(home: &Path) -> PathBuf {
    let file = home.join("config/opsdeck/runbooks/errors.md");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, BOOK).unwrap();
    file
}

/// The records of the only run.
fn records(state: &Path) -> Vec<Value> {
    let run = std::fs::read_dir(state.join("runbooks/runs")).ok().and_then(|mut runs| runs.next());
    let Some(run) = run else { return Vec::new() };
    let text = std::fs::read_to_string(run.unwrap().path().join("run.jsonl")).unwrap_or_default();
    // What is being written has no end yet.
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Waits until such a record is on disk: on screen it may be before, and what is on disk is not lost.
fn written(state: &Path, kind: &str) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let all = records(state);
        if all.iter().any(|record| record["kind"] == kind) {
            return all;
        }
        assert!(Instant::now() < deadline, "no {kind}: {all:#?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn run_id(state: &Path) -> Option<String> {
    let run = std::fs::read_dir(state.join("runbooks/runs")).ok()?.next()?;
    run.ok()?.file_name().into_string().ok()
}

fn ended(records: &[Value]) -> Vec<(&str, &str)> {
    let ended = records.iter().filter(|record| record["kind"] == "step-ended");
    ended.map(|record| (record["name"].as_str().unwrap(), record["verdict"].as_str().unwrap())).collect()
}

#[test]
fn from_the_alert_to_the_closed_run_by_keys_only() {
    let home = home();
    shelve(home.path());
    let mut console = Console::start(home.path(), &["--demo", "--demo-speed", "4"], (120, 40));
    console.wait_for("HighErrorRate");
    // An alert leads to its workload once the workloads are there.
    console.wait_for("CrashLoopBackOff");
    console.send("b");
    console.wait_for("Runbook: Errors in a service");
    console.wait_for("enter begins");
    console.wait_for("deployment/payment");
    console.send("\r");
    // The reads run by themselves, and the check fails with its number.
    console.wait_for("wanted value < 0.01");
    console.wait_for("nothing is sent before you agree");
    assert!(console.screen.screen().contents().contains("high-error-rate 3/4"), "the header shows the run");
    // Put away, and back at the same step.
    console.send("\u{1b}");
    console.wait_for("comes back to it");
    console.wait_for("high-error-rate 3/4");
    console.send("b");
    console.wait_for("nothing is sent before you agree");
    console.send("\r");
    console.confirm_by_name("payment");
    console.wait_for("Done in");
    console.send("\u{1b}");
    console.wait_for("Run closed");
    let state = home.path().join("state/opsdeck/demo");
    let all = written(&state, "finished");
    let steps = ended(&all);
    let wanted = [
        ("errors", "failed"),
        ("which-pods-run", "passed"),
        ("roll-it-back", "passed"),
        ("it-is-well-again", "passed"),
    ];
    assert_eq!(steps, wanted);
    assert_eq!(all.last().unwrap()["kind"], "finished");
    // The audit log names the step, and the run's log the record.
    let audit = json_lines(&state.join("audit/audit.jsonl"));
    let acted = all.iter().find(|record| record["name"] == "roll-it-back" && record["kind"] == "step-ended").unwrap();
    assert_eq!(acted["audit"], audit[0]["id"]);
    assert!(audit[0]["step"].as_str().unwrap().starts_with(&run_id(&state).unwrap()), "{}", audit[0]);
    console.send("\r");
    console.wait_until("the desk is clear", |screen| !screen.contains("Run closed"));
    console.send("\u{3}");
    assert_eq!(console.end(), 0);
    // Nothing is left open.
    let open = opsdeck(home.path()).args(["--demo", "runbook", "list", "--open"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&open.stdout), "no run is open\n");
}

#[test]
fn a_run_that_was_cut_off_is_offered_and_taken_up_at_its_step() {
    let home = home();
    shelve(home.path());
    let mut console = Console::start(home.path(), &["--demo"], (80, 24));
    console.wait_for("CrashLoopBackOff");
    console.send("b");
    console.wait_for("enter begins");
    console.send("\r");
    console.wait_for("nothing is sent before");
    console.send("n");
    console.wait_for("remark");
    console.send("the release at nine\r");
    console.wait_for(": the release at nine");
    written(&home.path().join("state/opsdeck/demo"), "noted");
    let pid = console.pid().to_string();
    Command::new("kill").args(["-KILL", &pid]).status().unwrap();
    console.rest();
    let mut console = Console::start(home.path(), &["--demo"], (120, 40));
    console.wait_for("a runbook is not over: Errors in a service, at Roll it back");
    console.wait_for("CrashLoopBackOff");
    console.send("b");
    console.wait_for("resume ");
    console.send("\r");
    console.wait_for("nothing is sent before you agree");
    console.wait_for("the release at nine");
    console.send("x");
    console.wait_for("why is the run given up?");
    console.send("only looking\r");
    console.wait_for("Run closed: given up, only looking");
    console.send("\u{3}");
    assert_eq!(console.end(), 0);
    let kinds: Vec<String> =
        records(&home.path().join("state/opsdeck/demo")).iter().map(|record| record["kind"].to_string()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "\"resumed\"").count(), 1, "{kinds:?}");
    assert_eq!(kinds.last().unwrap(), "\"finished\"");
}

/// What tells how far a run has come, without what every resuming repeats.
fn progress(record: &Value) -> Option<String> {
    let kind = record["kind"].as_str()?;
    (!matches!(kind, "ground" | "resumed")).then(|| format!("{kind} {}", record["name"]))
}

/// The generation of the lab's object: one more with each change of its spec.
fn generation(lab: &Lab) -> i64 {
    lab.payment()["metadata"]["generation"].as_i64().unwrap()
}

#[test]
fn killed_after_each_record_and_taken_up_each_time_nothing_is_done_twice() {
    let directory = home();
    let lab = Lab::serve("--demo=bad-deploy", directory.path());
    shelve(directory.path());
    let state = directory.path().join("state/opsdeck");
    let audit = state.join("audit/audit.jsonl");
    let before = generation(&lab);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut kills = 0;
    let code = loop {
        let mut command = support::process(directory.path());
        command.arg("--kubeconfig").arg(directory.path().join("kubeconfig"));
        command.arg("--config").arg(directory.path().join("opsdeck.toml"));
        command.args(["runbook", "run", "--non-interactive", "--yes"]);
        match run_id(&state) {
            Some(id) => command.args(["--resume", &id]),
            None => command.args(["high-error-rate", "--alert", "HighErrorRate"]),
        };
        let mut run = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let deadline = Instant::now() + 3 * PATIENCE;
        let ended = loop {
            if let Some(status) = run.try_wait().unwrap() {
                break Some(status);
            }
            let mut marks: Vec<String> = records(&state).iter().filter_map(progress).collect();
            let log = std::fs::read_to_string(&audit).unwrap_or_default();
            // The door's own records too: right after the intent nobody knows whether it was sent.
            marks.extend(
                ["\"kind\":\"intent\"", "\"kind\":\"outcome\""]
                    .into_iter()
                    .filter(|kind| log.contains(kind))
                    .map(str::to_owned),
            );
            if let Some(new) = marks.into_iter().find(|mark| !seen.contains(mark)) {
                // Killed right after this one; the next to come is another.
                run.kill().unwrap();
                run.wait().unwrap();
                seen.insert(new);
                kills += 1;
                break None;
            }
            assert!(Instant::now() < deadline, "it goes no further: {:#?}", records(&state));
            std::thread::sleep(Duration::from_millis(2));
        };
        if let Some(status) = ended {
            let mut said = String::new();
            run.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            let is_over = records(&state).iter().any(|record| record["kind"] == "finished");
            assert!(is_over || status.code() == Some(0), "{status:?}: {said}\n{:#?}", records(&state));
            break status.code();
        }
        if records(&state).iter().any(|record| record["kind"] == "finished") {
            break None;
        }
        assert!(kills < 60, "{seen:?}");
    };
    let all = records(&state);
    assert!(kills >= 9, "killed {kills} times: {seen:?} ({code:?})");
    // Every step came to its end once, in their order; nothing was lost on the way.
    let steps: Vec<&str> = ended(&all).iter().map(|(name, _)| *name).collect();
    assert_eq!(steps, ["errors", "which-pods-run", "roll-it-back", "it-is-well-again"], "{all:#?}");
    assert_eq!(all.iter().filter(|record| record["kind"] == "finished").count(), 1);
    // One change of the world, whatever was killed around it.
    assert_eq!(generation(&lab), before + 1, "{:#?}", json_lines(&audit));
}

const INCIDENT: &str = r#"---
apiVersion: opsdeck.dev/v1
id: failing-payments
title: Payments fail
parameters:
  workload: {type: workload, required: true}
incident:
  channel: "inc-{{ service }}-book"
  roles: {scribe: dora}
---
# Payments fail

## Mitigation

### Declare it
```action
do: declare
text: "{{ workload.name }} fails"
```

### Tell everyone
```action
do: notify
text: Taking it back.
```

### Write it down
```action
do: note
text: "{{ workload.name }} was taken back"
```
"#;

#[test]
fn steps_for_the_incident_are_done_from_the_command_line_and_not_twice_after_a_crash() {
    let directory = home();
    let lab = Lab::serve("--demo=bad-deploy", directory.path());
    let file = directory.path().join("book.md");
    std::fs::write(&file, INCIDENT).unwrap();
    let state = directory.path().join("state/opsdeck");
    let run = |arguments: &[&str], code: i32| {
        let output = lab.opsdeck().args(["runbook", "run"]).args(arguments).output().unwrap();
        let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{said}\n{errors}");
        (said.into_owned(), errors.into_owned())
    };
    let begin = [file.to_str().unwrap(), "--param", "workload=shop/deployment/payment", "--non-interactive", "--json"];
    // What is sent is looked at by somebody, or said beforehand.
    run(&begin, 5);
    let first = run_id(&state).unwrap();
    assert!(records(&state).last().unwrap().to_string().contains("--yes declares it"), "{:#?}", records(&state));
    std::fs::remove_dir_all(state.join("runbooks/runs").join(&first)).unwrap();
    assert!(!state.join("incidents").exists() || journal(&state).is_empty());

    let (said, errors) = run(&[&begin[..], &["--yes"]].concat(), 0);
    assert!(said.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "only records: {said}");
    assert!(errors.contains("open channel inc-payment-book"), "{errors}");
    assert_eq!(
        ended(&records(&state)),
        [("declare-it", "passed"), ("tell-everyone", "passed"), ("write-it-down", "passed")]
    );
    let of = |kind: &str| journal(&state).into_iter().filter(|entry| entry["kind"] == kind).collect::<Vec<_>>();
    let [declared, update, note] = ["declared", "update", "note"].map(|kind| of(kind).remove(0));
    assert_eq!((&declared["title"], &declared["runbook"]), (&"payment fails".into(), &"failing-payments".into()));
    assert_eq!((&update["text"], &note["text"]), (&"Taking it back.".into(), &"payment was taken back".into()));
    assert!(of("role").iter().any(|role| role["role"] == "scribe" && role["who"] == "dora"));
    assert!(of("sent").iter().any(|sent| sent["key"].as_str().unwrap().starts_with("update")), "posted");

    // Cut off between what a step did and its record: it is not done again.
    let id = run_id(&state).unwrap();
    let log = state.join("runbooks/runs").join(&id).join("run.jsonl");
    for step in ["write-it-down", "tell-everyone", "declare-it"] {
        let text = std::fs::read_to_string(&log).unwrap();
        let ends = |line: &str| line.contains("\"step-ended\"") && line.contains(&format!("\"{step}\""));
        let kept: String = text.split_inclusive('\n').take_while(|line| !ends(line)).collect();
        assert!(kept.len() < text.len());
        std::fs::write(&log, kept).unwrap();
        let before = (of("declared").len(), of("update").len(), of("note").len());
        run(&["--resume", &id, "--non-interactive", "--yes"], 0);
        let after = (of("declared").len(), of("update").len(), of("note").len());
        // What comes after the step had not been come to by then: that is done.
        let more = |steps: &[&str]| usize::from(steps.contains(&step));
        let wanted = (before.0, before.1 + more(&["declare-it"]), before.2 + more(&["declare-it", "tell-everyone"]));
        assert_eq!(after, wanted, "{step}");
    }
}

/// The entries of the only incident.
fn journal(state: &Path) -> Vec<Value> {
    let incidents = std::fs::read_dir(state.join("incidents")).into_iter().flatten().flatten();
    let journals: Vec<PathBuf> =
        incidents.map(|entry| entry.path().join("journal.jsonl")).filter(|path| path.is_file()).collect();
    assert!(journals.len() < 2, "{journals:?}");
    journals.first().map(|path| json_lines(path)).unwrap_or_default()
}
