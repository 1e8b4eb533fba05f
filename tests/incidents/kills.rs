//! A declaration killed at any point: taken up again there is one channel, and each message once.

use std::collections::BTreeSet;

use crate::support::killed::Cut;
use crate::world::{World, declare, is_whole};

/// Takes up what was left; it has to come to its end.
fn take_up(world: &World, before: &BTreeSet<String>, what: &str) {
    let now = world.ids();
    let new: Vec<&String> = now.difference(before).collect();
    let [id] = new[..] else {
        assert!(new.is_empty(), "{what}: {new:?}");
        return;
    };
    let output = world.run(&["incident", "retry", "--incident", id]);
    assert_eq!(output.status.code(), Some(0), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    is_whole(world, id, what);
    // It is over: the next one is the only one that is open.
    world.done(&["incident", "status", "resolved", "--incident", id], 0);
}

#[test]
fn a_declaration_killed_at_any_request_and_any_record_is_taken_up_with_one_channel_and_each_message_once() {
    let world = World::start();
    // How many there are of both, undisturbed.
    let before = world.ids();
    let requests = world.killed(&declare(&["--yes"]), None, |_| {});
    let id = world.ids().difference(&before).next().unwrap().clone();
    is_whole(&world, &id, "undisturbed");
    let journal = std::fs::read_to_string(world.incidents().join(&id).join("journal.jsonl")).unwrap();
    let records = journal.lines().count();
    assert!(requests.len() > 6 && records > 12, "{requests:?}\n{journal}");
    world.done(&["incident", "status", "resolved"], 0);
    let mut channels = world.channels().len();
    assert_eq!(channels, 1);
    let mut one_more = |what: &str, before: &BTreeSet<String>| {
        channels += world.ids().len() - before.len();
        assert_eq!(world.channels().len(), channels, "{what}: one channel for each incident");
    };
    for at in 1..=requests.len() {
        for cut in [Cut::Before, Cut::After] {
            let (before, what) = (world.ids(), format!("request {at}, {cut:?}"));
            world.killed(&declare(&["--yes"]), Some((at, cut)), |_| {});
            take_up(&world, &before, &what);
            one_more(&what, &before);
        }
    }
    for at in 1..=records {
        let (before, what) = (world.ids(), format!("record {at}"));
        let lines = |world: &World| -> usize {
            let new = world.ids().difference(&before).next().cloned();
            let text =
                new.and_then(|id| std::fs::read_to_string(world.incidents().join(id).join("journal.jsonl")).ok());
            text.map_or(0, |text| text.matches('\n').count())
        };
        world.killed(&declare(&["--yes"]), None, |road| {
            if lines(&world) >= at {
                road.kill();
            }
        });
        take_up(&world, &before, &what);
        one_more(&what, &before);
    }
}
