//! Tests of post-mortem.

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};

use super::{Pen, at, begun, night};
use crate::domain::incident::entry::Deed;
use crate::incident::Incident;
use crate::incident::post_mortem::{draft, escape, regenerate};

fn grow(incident: &mut Incident, pen: &mut Pen, seconds: i64, text: &str) {
    incident.insert(pen.entry(at(seconds), Deed::Note { text: text.to_owned() }));
    incident
        .insert(pen.entry(at(seconds), Deed::Task { id: text.into(), text: text.into(), owner: None, done: false }));
}

#[test]
fn untouched_it_is_as_if_made_anew() {
    let (mut incident, mut pen) = begun();
    let first = draft(&incident);
    assert_eq!(regenerate(&first, &incident), first);
    grow(&mut incident, &mut pen, 60, "later");
    assert_eq!(regenerate(&first, &incident), draft(&incident));
    assert_eq!(
        regenerate(&first.replace('\n', "\r\n"), &incident).matches("later").count(),
        3,
        "an editor's line ends"
    );
    assert_eq!(regenerate("", &incident), draft(&incident));
}

#[test]
fn what_goes_on_is_not_told_as_over() {
    let (incident, _) = begun();
    let text = draft(&incident);
    assert!(text.contains("Users are still affected.") && !text.contains("affected for open"), "{text}");
}

#[test]
fn what_was_edited_is_kept_and_what_is_new_stands_beside_it() {
    let (mut incident, mut pen) = begun();
    let edited = draft(&incident)
        .replace("Nothing that changed shortly before is known.", "A flag was turned on.")
        .replace("Ask what, not who.", "Ask what, not who.\n\nThe flag had no guard.")
        .replace("- [ ] \n", "- [ ] \n- [ ] guard flags\n");
    // Nothing new: nothing moves.
    assert_eq!(regenerate(&edited, &incident), edited);
    grow(&mut incident, &mut pen, 60, "later");
    let made = regenerate(&edited, &incident);
    for theirs in ["A flag was turned on.", "The flag had no guard.", "- [ ] guard flags"] {
        assert_eq!(made.matches(theirs).count(), 1, "{theirs}:\n{made}");
    }
    let place = |text: &str| made.find(text).unwrap_or_else(|| panic!("{text} is not in\n{made}"));
    assert!(place("guard flags") < place("*The text above was edited"));
    assert!(place("*The text above was edited") < place("- [ ] later"));
    // Once more: the new part is replaced, not repeated.
    grow(&mut incident, &mut pen, 70, "latest");
    let again = regenerate(&made, &incident);
    assert_eq!(again.matches("The text above was edited").count(), 1);
    assert!(again.contains("- [ ] latest") && again.matches("guard flags").count() == 1);
    // What they took out stays out.
    let from = again.find("## Responders").unwrap();
    let to = again.find("## Timeline").unwrap();
    let shorter = format!("{}{}", &again[..from], &again[to..]);
    assert!(!regenerate(&shorter, &incident).contains("Responders"));
}

#[test]
fn a_marker_that_was_damaged_loses_nothing() {
    let (mut incident, mut pen) = begun();
    let first = draft(&incident);
    grow(&mut incident, &mut pen, 60, "later");
    let no_end = first.replace("<!-- opsdeck:end impact -->\n", "my words\n");
    let made = regenerate(&no_end, &incident);
    assert!(made.contains("my words") && made.contains("| later |"), "{made}");
    let on_the_marker = first.replace("<!-- opsdeck:end impact -->", "<!-- opsdeck:end impact --> my words");
    assert!(regenerate(&on_the_marker, &incident).contains("my words"));
}

#[test]
fn facts_are_never_markup() {
    for text in
        ["a | b", "`x`", "<!-- opsdeck:end timeline -->", "*a*", "[x](y)", "<b>", "a\n\n# h", "~~x~~", "&lt;", "\\"]
    {
        let escaped = escape(text);
        assert!(!escaped.contains('\n'));
        let shown: String = Parser::new_ext(
            &format!("x {escaped} x"),
            Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS,
        )
        .map(|event| match event {
            Event::Text(text) => text.into_string(),
            Event::Start(Tag::Paragraph) | Event::End(_) => String::new(),
            other => panic!("{text} became {other:?}"),
        })
        .collect();
        assert_eq!(shown, format!("x {} x", text.split_whitespace().collect::<Vec<_>>().join(" ")));
    }
    assert_eq!(escape("pod_name_x"), "pod_name_x");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    /// People insert lines anywhere, take lines out anywhere; facts come; it is made anew, several times.
    #[test]
    fn nothing_that_a_person_wrote_is_lost(
        rounds in proptest::collection::vec(
            (proptest::collection::vec((any::<prop::sample::Index>(), 0u8..5), 0..6), any::<bool>()), 1..5),
    ) {
        let (mut incident, mut pen) = night::whole();
        let mut text = draft(&incident);
        let mut theirs: Vec<String> = Vec::new();
        for (round, (edits, facts)) in (0i64..).zip(rounds) {
            let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
            for (place, kind) in edits {
                let at = place.index(lines.len());
                let words = format!("human-{}-{}", round, theirs.len());
                // A line of theirs is not taken out again, and not merged into another one of theirs.
                if lines[at].contains("human-") && kind > 0 {
                    continue;
                }
                match kind {
                    0 | 1 => lines.insert(at, words.clone()),
                    2 => lines[at].extend([" ", words.as_str()]),
                    3 => lines[at] = words.clone(),
                    _ => {
                        lines.remove(at);
                        continue;
                    }
                }
                theirs.push(words);
            }
            text = lines.join("\n");
            if facts {
                grow(&mut incident, &mut pen, 3_000 + round, &format!("fact-{round}"));
            }
            text = regenerate(&text, &incident);
            for words in &theirs {
                prop_assert!(text.lines().any(|line| line.ends_with(words.as_str())), "{} is lost:\n{}", words, text);
            }
            prop_assert_eq!(&regenerate(&text, &incident), &text, "made again, nothing moves");
        }
    }
}
