//! What people and configurations get wrong: it is said to them in words, and the incident goes on without it.

use serde_json::{Value, json};

use crate::world::{World, declare, is_whole};

/// A lab whose configuration has `after` in the place of `before`.
fn world_with(before: &str, after: &str) -> World {
    World::with(|text| {
        assert!(text.contains(before), "{before} in {text}");
        text.replace(before, after)
    })
}

/// Declares; gives the incident and what was said. Whatever is wrong, there is an incident, and notes are taken.
fn declared(world: &World, more: &[&str]) -> (String, String) {
    let (_, said) = world.told(&declare(&[more, &["--yes"]].concat()));
    let id = world.ids().pop_first().unwrap_or_else(|| panic!("no incident: {said}"));
    // With 6 it says that something waits.
    let (code, noted) = world.told(&["incident", "note", "it goes on"]);
    assert!([0, 6].contains(&code) && noted.contains("it goes on"), "{code} {noted}");
    (id, said)
}

fn entries(world: &World, id: &str) -> Vec<Value> {
    world.json(&["incident", "show", id, "--json"])["entries"].as_array().unwrap().clone()
}

/// Keys of what was sent.
fn sent(world: &World, id: &str) -> Vec<String> {
    let entries = entries(world, id);
    let sent = entries.iter().filter(|entry| entry["kind"] == "sent");
    sent.map(|entry| entry["key"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_channel_name_that_no_service_accepts_gives_way_to_one_that_it_does() {
    let world = world_with("channel = \"inc-{{ id }}\"", "channel = \"\u{1f525}\u{1f525}\"");
    // Typed by somebody, another stands in its place, and that is said.
    let (code, said) = world.told(&declare(&["--channel", "!!!", "--dry-run"]));
    assert!(code == 0 && said.contains("careful: channel") && said.contains("!!!"), "{code} {said}");
    assert!(world.ids().is_empty() && world.channels().is_empty());
    // So it is where the configuration made it.
    let (id, said) = declared(&world, &[]);
    assert!(said.contains("careful: channel: Slack takes no such name"), "{said}");
    is_whole(&world, &id, "by another name");
    let [(_, name)] = &world.channels()[..] else { panic!("one channel") };
    assert!(name.contains(&id) && said.contains(name.as_str()), "{name}: {said}");
}

#[test]
fn an_invitee_who_does_not_exist_keeps_nobody_out() {
    let world = World::start();
    let (id, said) = declared(&world, &["--invite", "nobody-here", "--invite", "sre-lead"]);
    assert!(said.contains("nobody-here") && said.contains("does not know"), "{said}");
    let all = sent(&world, &id);
    for key in ["channel", "invite:payments-lead", "invite:sre-lead", "first-message", "pin"] {
        assert!(all.iter().any(|sent| sent == key), "no {key}: {all:?}\n{said}");
    }
    assert!(!all.iter().any(|key| key == "invite:nobody-here"), "{all:?}");
    // Given up by a person, nothing waits any more.
    world.done(&["incident", "drop", "invite:nobody-here", "--reason", "left"], 0);
    world.done(&["incident", "status", "resolved"], 0);
}

#[test]
fn a_message_over_the_length_limit_arrives_whole_in_several_and_it_is_said() {
    let world = World::start();
    let (id, _) = declared(&world, &[]);
    let [(channel, _)] = &world.channels()[..] else { panic!("one channel") };
    let words: Vec<String> = (0..1_500).map(|number| format!("word{number}")).collect();
    let (code, said) = world.told(&["incident", "update", &words.join(" ")]);
    assert!(code == 0 && said.contains("too long for one message"), "{code} {said}");
    let posted = world.posted(channel);
    assert!(posted.iter().filter(|text| text.contains("word")).count() > 2, "{posted:#?}");
    let all = posted.join(" ");
    let missing: Vec<&String> =
        words.iter().filter(|word| !all.split(|c: char| !c.is_alphanumeric()).any(|said| said == **word)).collect();
    assert_eq!(missing, Vec::<&String>::new());
    // Sent once: asked again there is nothing left to send.
    world.done(&["incident", "retry"], 0);
    assert_eq!(world.posted(channel), posted, "{id}");
}

#[test]
fn a_template_that_names_an_unknown_field_stands_in_nobodys_way() {
    let world = world_with("channel = \"inc-{{ id }}\"", "channel = \"inc-{{ servce }}\"\ntopic = \"{{ titel }}\"");
    let (id, said) = declared(&world, &[]);
    for meant in ["`servce` is no field of an incident; did you mean `service`?", "did you mean `title`?"] {
        assert!(said.contains(meant), "{said}");
    }
    is_whole(&world, &id, "with plain words");
    let remarks: Vec<Value> = entries(&world, &id).into_iter().filter(|entry| entry["kind"] == "remark").collect();
    assert!(remarks.iter().any(|entry| entry["text"].as_str().unwrap().contains("servce")), "{remarks:#?}");
}

#[test]
fn a_token_for_another_workspace_sends_nothing_there_and_all_of_it_once_it_is_right() {
    let world = world_with("team = \"", "team = \"not-");
    let (id, said) = declared(&world, &[]);
    assert!(said.contains("the token is for another workspace: Shop (lab)"), "{said}");
    assert!(said.contains("nothing was sent there"), "{said}");
    assert_eq!(world.channels(), []);
    let file = world.directory.path().join("road.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("team = \"not-", "team = \"");
    std::fs::write(&file, text).unwrap();
    world.done(&["incident", "retry"], 0);
    is_whole(&world, &id, "with the right token");
    assert_eq!(world.channels().len(), 1);
}

#[test]
fn a_clock_that_jumps_back_is_told_of_and_the_order_stays() {
    let world = World::start();
    let (id, _) = declared(&world, &["--no-channel", "--no-page"]);
    // What was written while the clock was two hours ahead.
    let journal = world.incidents().join(&id).join("journal.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let at: chrono::DateTime<chrono::Utc> = last["at"].as_str().unwrap().parse().unwrap();
    let ahead = at + chrono::TimeDelta::hours(2);
    let stamp = format!("{}-0000-wahead", ahead.format("%Y%m%dT%H%M%S%3fZ"));
    let note = json!({"stamp": stamp, "at": ahead, "by": "oncall", "kind": "note", "text": "two hours ahead"});
    std::fs::write(&journal, format!("{text}{note}\n")).unwrap();

    let (code, said) = world.told(&["incident", "note", "back again"]);
    assert!(code == 0 && said.contains("the clock here is") && said.contains("behind"), "{code} {said}");
    world.done(&["incident", "status", "mitigating"], 0);
    world.done(&["incident", "status", "resolved"], 0);
    let entries = entries(&world, &id);
    let place =
        |wanted: &str| entries.iter().position(|entry| entry["text"].as_str().is_some_and(|text| text == wanted));
    assert!(place("two hours ahead").unwrap() < place("back again").unwrap(), "{entries:#?}");
    let stamps: Vec<&str> = entries.iter().map(|entry| entry["stamp"].as_str().unwrap()).collect();
    assert!(stamps.is_sorted_by(|one, other| one < other), "{stamps:#?}");
    let list = world.json(&["incident", "list", "--all", "--json"]);
    assert!(list["incidents"][0]["incident"]["resolved"].is_string(), "{list:#}");
}
