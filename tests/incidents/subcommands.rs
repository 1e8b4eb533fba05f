//! An incident by subcommands: from its declaration to its post-mortem, and by many processes at once.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{self, PATIENCE};
use crate::world::{World, declare, is_whole};

#[test]
fn an_incident_from_its_declaration_to_its_post_mortem_by_subcommands() {
    let world = World::start();
    // Until the alert fires there is nothing to say.
    let deadline = Instant::now() + PATIENCE;
    while !world.done(&["status", "--json"], 1).contains("HighErrorRate") {
        assert!(Instant::now() < deadline, "nothing fires");
        std::thread::sleep(Duration::from_millis(200));
    }
    let alert = ["incident", "declare", "--alert", "HighErrorRate"];
    let preview = world.done(&[&alert[..], &["--dry-run"]].concat(), 0);
    assert!(preview.contains("open channel inc-") && preview.contains("│"), "{preview}");
    let own = ["--role", "scribe=bob", "--topic", "Checkout fails", "--message", "Look here first", "--dry-run"];
    let own = world.done(&[&alert[..], &own].concat(), 0);
    for part in ["scribe=bob", "commander=", "set the topic: Checkout fails", "│ Look here first"] {
        assert!(own.contains(part), "{part}:\n{own}");
    }
    world.done(&[&alert[..], &["--role", "boss=bob", "--dry-run"]].concat(), 2);
    assert!(world.ids().is_empty() && world.channels().is_empty(), "a preview sends nothing");
    world.done(&alert, 3);
    world.done(&[&alert[..], &["--yes", "--read-only"]].concat(), 3);
    assert!(world.ids().is_empty(), "nobody confirmed it, or nobody may");
    world.done(&["incident", "note", "x"], 2);
    // A guardrail wants an open incident; then it is found by itself.
    let restart = ["restart", "deployment/payment", "-n", "shop", "--dry-run"];
    world.done(&restart, 3);

    let said = world.done(&[&alert[..], &["--yes", "--severity", "2"]].concat(), 0);
    let id = world.ids().pop_first().unwrap();
    assert!(said.contains(&format!("incident {id}")) && said.contains("✓ open channel"), "{said}");
    is_whole(&world, &id, "declared");
    let [(channel, _)] = &world.channels()[..] else { panic!("one channel") };
    world.done(&restart, 0);
    world.done(&["incident", "note", "looked at the graphs"], 0);
    world.done(&["incident", "role", "scribe", "bob"], 0);
    world.done(&["incident", "status", "mitigating", "--reason", "rolling back"], 0);
    world.done(&["incident", "status", "mitigating"], 3);
    let draft = world.done(&["incident", "update", "--draft"], 0);
    assert!(draft.contains("Conditions") && draft.contains("SEV2"), "{draft}");
    assert!(draft.contains("times as fast as it may"), "the same facts as on the screen: {draft}");
    world.done(&["incident", "update", "We roll payment back", "--next", "30"], 0);
    // What is done to its workload belongs to it by itself.
    world.done(&["rollback", "deployment/payment", "-n", "shop", "--yes"], 0);
    world.done(&["incident", "severity", "SEV3"], 0);
    world.done(&["incident", "status", "monitoring"], 0);
    world.done(&["incident", "hand-over", "bob", "--yes"], 0);
    world.done(&["incident", "publish", "We are looking", "--yes"], 2);
    world.done(&["incident", "status", "resolved"], 0);
    let posted = world.posted(channel).join("\n---\n");
    for text in ["We roll payment back", "Status is now", "Handed over to bob", "resolved"] {
        assert_eq!(posted.matches(text).count().min(1), 1, "{text} in {posted}");
    }

    let shown = world.json(&["incident", "show", "last", "--json"]);
    let actions: Vec<&Value> =
        shown["entries"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "action").collect();
    assert_eq!(actions.len(), 2, "begun and ended: {actions:#?}");
    assert_eq!(actions[1]["end"], "done");
    let audit = support::json_lines(&world.directory.path().join("state/opsdeck/audit/audit.jsonl"));
    assert_eq!(audit[0]["incident"], id.as_str());
    let timeline = world.done(&["incident", "show", &id, "--timeline"], 0);
    for text in
        ["declared SEV2", "looked at the graphs", "rollback of deployment/payment done", "status is now resolved"]
    {
        assert!(timeline.contains(text), "{text} in {timeline}");
    }
    let list = world.json(&["incident", "list", "--all", "--json"]);
    let seconds = &list["incidents"][0]["seconds"];
    assert!(seconds["acknowledge"].is_i64() && seconds["mitigate"].is_i64() && seconds["resolve"].is_i64(), "{list:#}");
    assert_eq!(list["medians"]["by_severity"]["SEV3"]["to_resolve"], seconds["resolve"]);
    assert_eq!(world.json(&["incident", "list", "--json"])["incidents"].as_array().unwrap().len(), 0);
    let toil = world.json(&["incident", "toil", "--json"]);
    let of_alert = toil.as_array().unwrap().iter().find(|row| row["alert"] == "HighErrorRate").unwrap();
    assert_eq!((&of_alert["action"], &of_alert["times"]), (&"rollback".into(), &1.into()), "{toil:#}");

    let path = world.done(&["incident", "post-mortem", "last"], 0);
    let path = Path::new(path.lines().last().unwrap().trim()).to_owned();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("# Post-mortem") && text.contains("We roll payment back"), "{text}");
    std::fs::write(&path, text + "\nWhat we learnt: test the pricing table.\n").unwrap();
    world.done(&["incident", "reopen", "last", "--reason", "it is back"], 0);
    world.done(&["incident", "note", "the second wave"], 0);
    world.done(&["incident", "post-mortem"], 0);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("What we learnt") && text.contains("the second wave"), "{text}");
    let bundle = world.directory.path().join("bundle.json");
    world.done(&["incident", "export", "--out", bundle.to_str().unwrap()], 0);
    let opened = world.done(&["incident", "open", bundle.to_str().unwrap()], 0);
    assert!(opened.contains("the second wave"), "{opened}");
}

#[test]
fn processes_that_write_at_once_lose_nothing_and_agree_on_one_order() {
    let world = World::start();
    world.done(&declare(&["--no-channel", "--no-page", "--yes"]), 0);
    let id = world.ids().pop_first().unwrap();
    let children: Vec<Child> = (0..16)
        .map(|n| {
            let text = format!("note {n}");
            let mut command = world.command(&["incident", "note", &text]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let shown = world.json(&["incident", "show", &id, "--json"]);
    let entries = shown["entries"].as_array().unwrap();
    let notes: BTreeSet<&str> = entries.iter().filter_map(|entry| entry["text"].as_str()).collect();
    assert_eq!(notes.len(), 16, "{notes:?}");
    let stamps: Vec<&str> = entries.iter().map(|entry| entry["stamp"].as_str().unwrap()).collect();
    assert!(stamps.is_sorted_by(|one, other| one < other));
    let writers: BTreeSet<&str> = stamps.iter().map(|stamp| stamp.rsplit('-').next().unwrap()).collect();
    assert_eq!(writers.len(), 17);
    // The file is in that order too: each stood after everything that it had seen.
    let text = std::fs::read_to_string(world.incidents().join(&id).join("journal.jsonl")).unwrap();
    let on_disk: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["stamp"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(on_disk, stamps);
}

#[test]
fn customers_are_told_with_a_declaration_only_when_that_is_said_by_itself() {
    let world = World::start();
    // Nobody listens there: what is to become public waits.
    let server = "http://127.0.0.1:9";
    let place = world.directory.path();
    let token = place.join("page.token");
    std::fs::write(&token, "page-token\n").unwrap();
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let config = place.join("road.toml");
    let known = std::fs::read_to_string(&config).unwrap();
    let page = format!(
        "\n[[status-page]]\nname = \"customers\"\nprovider = \"statuspage\"\nurl = \"{server}\"\npage = \"abc\"\ntoken = {{ file = {token:?} }}\ncomponents = {{ Checkout = [\"pay*\"] }}\n"
    );
    std::fs::write(&config, known + &page).unwrap();
    let words = ["--publish", "customers", "--publish-text", "Payments may fail."];
    let with = |more: &[&'static str]| declare(&[&words, more].concat());
    let shown = world.done(&with(&["--dry-run"]), 0);
    for part in ["PUBLIC", "everyone, customers too", "Payments may fail.", "Checkout: "] {
        assert!(shown.contains(part), "{part}:\n{shown}");
    }
    world.done(&with(&["--yes"]), 3);
    world.done(&declare(&["--publish", "elsewhere", "--public", "--yes"]), 2);
    world.done(&declare(&["--publish", "customers", "--publish-text", " ", "--public", "--yes"]), 2);
    assert!(world.ids().is_empty(), "nothing is declared by that");
    let planned = |id: &str| -> Vec<Value> {
        let shown = world.json(&["incident", "show", id, "--json"]);
        let entries = shown["entries"].as_array().unwrap().iter();
        entries.filter(|entry| entry["kind"] == "planned").cloned().collect()
    };
    // Said: once, after the rest. The page cannot be reached, so it waits.
    world.done(&with(&["--public", "--yes"]), 6);
    let id = world.ids().first().unwrap().clone();
    let all = planned(&id);
    let keys: Vec<&str> = all.iter().map(|entry| entry["key"].as_str().unwrap()).collect();
    assert_eq!(keys.iter().filter(|key| key.starts_with("publish")).count(), 1, "{keys:?}");
    assert_eq!(keys.last(), Some(&"publish:1"));
    assert!(all.last().unwrap().to_string().contains("Payments may fail."), "{all:#?}");
    world.done(&["incident", "status", "resolved", "--incident", &id], 6);
    // Not said: nothing public.
    world.done(&declare(&["--yes"]), 0);
    let other = world.ids().into_iter().find(|other| *other != id).unwrap();
    assert!(planned(&other).iter().all(|entry| !entry["key"].as_str().unwrap().starts_with("publish")));
}
