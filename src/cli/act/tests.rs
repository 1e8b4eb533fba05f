//! Every action has its subcommand, and what is typed is what is asked for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use clap::Parser;
use serde_json::{Value, json};

use super::{ActCommand, Here};
use crate::actions::ActionKind;
use crate::actions::examples;
use crate::cli::{Cli, Command};
use crate::domain::mutation::Mutation;
use crate::domain::time::Instant;
use crate::ports::Future;
use crate::ports::cluster::{Cluster, ClusterError, DryRun, Facts, Look, Needs, Permission, Seen};

/// A cluster in which `frontend` is owned by an autoscaler.
struct Shop;

impl Cluster for Shop {
    fn facts<'a>(&'a self, _: &'a Needs) -> Future<'a, Result<Facts, ClusterError>> {
        let hpa = json!({"metadata": {"name": "web"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "frontend"}}});
        Box::pin(async { Ok(Facts { autoscalers: Some(vec![hpa]), ..Facts::default() }) })
    }
    fn permission<'a>(&'a self, _: &'a Mutation) -> Future<'a, Result<Permission, ClusterError>> {
        unreachable!()
    }
    fn dry_run<'a>(&'a self, _: &'a Mutation) -> Future<'a, Result<DryRun, ClusterError>> {
        unreachable!()
    }
    fn look<'a>(&'a self, _: &'a Look) -> Future<'a, Seen> {
        unreachable!()
    }
    fn identity(&self) -> Future<'_, Result<String, ClusterError>> {
        unreachable!()
    }
}

fn parse(words: &str) -> Result<ActCommand, String> {
    let words = std::iter::once("opsdeck").chain(words.split(' '));
    match Cli::try_parse_from(words).map_err(|error| error.to_string())?.command {
        Some(Command::Act(command)) => Ok(command),
        other => panic!("{other:?}"),
    }
}

fn asked(words: &str) -> Result<Vec<ActionKind>, String> {
    let now: Instant = "2026-03-04T14:32:07Z".parse().unwrap();
    let namespace = "shop".into();
    let command = parse(words)?;
    let asked = command.asked(Here { namespace: &namespace, cluster: &Shop, now });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(asked).map(|(actions, _)| actions).map_err(|failure| format!("{failure:?}"))
}

#[test]
fn every_action_has_a_subcommand() {
    let one = |words: &str, expected: Value| {
        let actions = asked(words).unwrap_or_else(|why| panic!("{words}: {why}"));
        let [action] = actions.as_slice() else { panic!("{words}: {actions:?}") };
        let mut found = serde_json::to_value(action).unwrap();
        // Where it is, is the same for all.
        let inner = ["target", "pod"].into_iter().find(|key| found[key].is_object());
        let place = match inner {
            Some(key) => &mut found[key],
            None => &mut found,
        };
        assert!(place.get("namespace").is_none_or(|namespace| namespace == "shop"), "{words}");
        place.as_object_mut().unwrap().remove("namespace");
        assert_eq!(found, expected, "{words}");
        action.word().to_owned()
    };
    let of = |kind: &str| json!({"kind": kind, "name": "x"});
    let silence = |until: Value| {
        let matchers = json!([
            {"name": "service", "value": "pay.*", "regex": true, "equal": true},
            {"name": "zone", "value": "a", "regex": false, "equal": false}]);
        json!({"action": "silence", "matchers": matchers, "until": until, "comment": "c"})
    };
    let cases = [
        ("rollback x --to-revision 41", json!({"action": "rollback", "target": of("Deployment"), "to": 41})),
        ("scale sts/x --by -2", json!({"action": "scale", "target": of("StatefulSet"), "replicas": {"by": -2}})),
        ("autoscale frontend --max 9", json!({"action": "scale-bounds", "hpa": "web", "min": null, "max": 9})),
        ("scale-bounds hpa/x --min 2", json!({"action": "scale-bounds", "hpa": "x", "min": 2, "max": null})),
        ("restart ds/x", json!({"action": "restart", "target": of("DaemonSet")})),
        ("pause x", json!({"action": "pause", "target": of("Deployment")})),
        ("resume rollout/x", json!({"action": "resume", "target": of("Rollout")})),
        (
            "set-image x app=i:2",
            json!({"action": "set-image", "target": of("Deployment"), "container": "app", "image": "i:2"}),
        ),
        ("abort x", json!({"action": "abort", "target": of("Rollout")})),
        ("retry rollout/x", json!({"action": "retry", "target": of("Rollout")})),
        ("promote ro/x", json!({"action": "promote", "target": of("Rollout"), "full": false})),
        ("promote x --full", json!({"action": "promote", "target": of("Rollout"), "full": true})),
        ("delete-pod x", json!({"action": "delete-pod", "pod": {"name": "x"}, "force": false})),
        ("delete-pod pod/x --force", json!({"action": "delete-pod", "pod": {"name": "x"}, "force": true})),
        ("evict pod/x", json!({"action": "evict-pod", "pod": {"name": "x"}})),
        ("cordon x", json!({"action": "cordon", "node": "x"})),
        ("uncordon node/x", json!({"action": "uncordon", "node": "x"})),
        ("drain x --force", json!({"action": "drain", "node": "x", "force": true})),
        ("suspend x", json!({"action": "suspend", "target": of("CronJob"), "suspended": true})),
        ("suspend x --off", json!({"action": "suspend", "target": of("CronJob"), "suspended": false})),
        ("unsuspend cj/x", json!({"action": "suspend", "target": of("CronJob"), "suspended": false})),
        ("trigger cronjob/x", json!({"action": "trigger", "target": of("CronJob")})),
        ("silence add service=~pay.* zone!=a --for 90m --comment c", silence(json!({"for": 5400}))),
        (
            "silence add service=~pay.* zone!=a --until 2026-03-04T18:00:00Z --comment c",
            silence(json!({"at": "2026-03-04T18:00:00Z"})),
        ),
        ("silence ack service=~pay.* zone!=a --comment c", silence(json!({"for": 900}))),
        ("silence extend x --for 1h", json!({"action": "extend-silence", "id": "x", "until": {"for": 3600}})),
        ("silence expire silence/x", json!({"action": "expire-silence", "id": "x"})),
    ];
    let mut reached: BTreeSet<String> = cases.into_iter().map(|(words, expected)| one(words, expected)).collect();
    // `opsdeck flag on|off|set` looks the flag up first: tests/cluster/flags.rs.
    reached.insert("flag".into());
    let all: BTreeSet<String> = examples::all().iter().map(|example| example.action.word().to_owned()).collect();
    assert_eq!(reached, all, "an action without a subcommand cannot be scripted");
}

#[test]
fn several_targets_are_several_actions_of_one_request() {
    for words in ["evict a b", "drain a b", "abort a b", "suspend a b", "silence expire a b", "cordon a node/b"] {
        assert_eq!(asked(words).unwrap().len(), 2, "{words}");
    }
}

#[test]
fn words_that_name_nothing_are_told() {
    for (words, said) in [
        ("abort deployment/x", "is no rollout"),
        ("suspend sandwich/x", "no kind of workload"),
        ("trigger job/x", "is no cronjob"),
        ("delete-pod node/x", "is no pod"),
        ("drain pod/x", "is no node"),
        ("cordon a/b/c", "is no node"),
        ("evict pod/", "names nothing"),
        ("silence add service --for 1h --comment c", "is no matcher"),
        ("silence add a=b --for soon --comment c", "is no duration"),
        ("silence add a=b --for -1h --comment c", "unexpected argument"),
        ("silence add a=b --until 2026-03-04T14:00:00Z --comment c", "is over"),
        ("silence add a=b --for 1h", "--comment"),
        ("silence add a=b --comment c", "--for"),
        ("silence add a=b --for 1h --until 2027-01-01T00:00:00Z --comment c", "cannot be used with"),
        ("silence add --for 1h --comment c", "MATCHER"),
        ("silence extend x", "--for"),
        ("drain", "NODE"),
    ] {
        let why = asked(words).expect_err(words);
        assert!(why.contains(said), "{words}: {why}");
    }
}

#[test]
fn help_shows_how_it_is_written_and_how_it_ends() {
    use clap::CommandFactory;
    let mut cli = Cli::command();
    cli.build();
    let mut seen = 0;
    let mut stack: Vec<clap::Command> = cli.get_subcommands().cloned().collect();
    while let Some(mut command) = stack.pop() {
        stack.extend(command.get_subcommands().cloned());
        // What alters the world takes --break-glass.
        if command.get_arguments().any(|argument| argument.get_id() == "break_glass") && !command.has_subcommands() {
            let help = command.render_help().to_string();
            if command.get_name() == "undo" {
                continue;
            }
            for expected in ["Examples:", "Exit codes: 0 done and verified", "--dry-run", "--yes", "--json", "--reason"]
            {
                assert!(help.contains(expected), "{}: {expected}", command.get_name());
            }
            seen += 1;
        }
    }
    assert!(seen >= 22, "{seen}");
}
