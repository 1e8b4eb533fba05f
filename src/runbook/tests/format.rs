//! Our format, and what is said about what is wrong with it.

use super::{GOOD, book, told};
use crate::domain::incident::Role;
use crate::runbook::step::{StepKind, Target};
use crate::runbook::{BlockKind, Purpose};

#[test]
fn a_whole_runbook() {
    let book = book(GOOD);
    assert_eq!((book.id.as_str(), book.title.as_str(), book.native), ("high-error-rate", "High error rate", true));
    let steps: Vec<_> = book.steps.iter().map(|step| (step.name.as_str(), step.kind.word(), step.spot.line)).collect();
    assert_eq!(
        steps,
        [
            ("ratio", "check", 23),
            ("which-pods", "kubectl", 28),
            ("roll-it-back", "action", 35),
            ("undo", "action", 42),
            ("tell-the-others", "manual", 49),
        ]
    );
    let purposes: Vec<_> = book.sections.iter().map(|section| section.purpose).collect();
    assert_eq!(
        purposes,
        [Purpose::Other, Purpose::Meaning, Purpose::Diagnosis, Purpose::Mitigation, Purpose::Verification]
    );
    let StepKind::Check(_, assertion) = &book.steps[0].kind else { panic!() };
    assert_eq!((assertion.test.text.as_str(), assertion.hold), ("value < 0.01", Some(120)));
    assert_eq!(book.steps[2].verify.as_deref(), Some("ratio"));
    assert!(matches!(&book.blocks[0].kind, BlockKind::FrontMatter(_)));
}

fn with(block: &str) -> String {
    format!("---\napiVersion: opsdeck.dev/v1\nid: a\n---\n# A\n\n## Diagnosis\n### S\n{block}\n")
}

#[test]
fn what_is_wrong_has_a_place_and_a_hint() {
    let cases = [
        (
            "```promq {assert=\"value < 1\"}\nup\n```",
            "9:4: error: there is no kind of step `promq` (did you mean `promql`?)",
        ),
        (
            "```promql {asert=\"value < 1\"}\nup\n```",
            "9:12: error: there is no attribute `asert` (did you mean `assert`?)",
        ),
        ("```promql {assert=\"value\n```", "9:12: error: the value of `assert` has no closing quote"),
        ("```action\ndo: rolback\n```", "10:5: error: there is no action `rolback` (did you mean `rollback`?)"),
        (
            "```action\ndo: rollback\nworkloda: a/deployment/b\n```",
            "11:1: error: `rollback` takes no argument `workloda` (did you mean `workload`?)",
        ),
        (
            "```action\ndo: rollback\nworkload: payment\n```",
            "10:5: error: `payment` is no workload: write namespace/kind/name, for example shop/deployment/payment",
        ),
        ("```action\ndo: [\n```", "not valid YAML"),
        (
            "```sh\necho {{ name }}\n```",
            "10:6: error: no templates in a script: a value would become shell text (values are environment variables: write \"$name\")",
        ),
        ("```kubectl\nkubectl apply -f x.yaml\n```", "10:1: error: the option `-f` is not known"),
        ("```kubectl\nkubectl get pods | grep x\n```", "it is more than one command"),
        ("```http\nurl: https://{{ host }}/x\n```", "a value may not be a part of the host"),
        ("```wait\nuntil: x\n```", "`wait` needs `at-most`"),
        ("```action {attempts=3}\ndo: cordon\nnode: n1\n```", "9:12: error: only reads are tried again"),
        ("```manual {on-failure=stop}\n```", "on-failure is abort, continue or goto:NAME"),
    ];
    for (block, wanted) in cases {
        let found = told(&with(block));
        let fits = |line: &String| {
            let wanted = wanted.strip_prefix("10:1: error: the option `-f`").map_or(wanted, |_| "10:1: error:");
            line.contains(wanted)
        };
        assert!(found.iter().any(fits), "{block}\nwanted {wanted}\nfound {found:#?}");
    }
}

#[test]
fn front_matter_is_read_strictly() {
    let matter = |lines: &str| told(&format!("---\napiVersion: opsdeck.dev/v1\nid: a\n{lines}\n---\n# A\n"));
    let cases = [
        ("titel: x", "4:1: error: the front matter has no key `titel` (did you mean `title`?)"),
        ("parameters:\n  a: {type: strin}", "5:13: error: there is no type `strin` (did you mean `string`?)"),
        ("parameters:\n  a: {from: lable.x}", "no alert gives `lable.x`"),
        ("parameters:\n  PATH: {type: string}", "`PATH` is no name"),
        ("parameters:\n  a: {type: integer, default: 9, max: 5}", "a: 9 is over 5"),
        ("match:\n  - alrt: X", "5:5: error: an entry of `match` has no key `alrt` (did you mean `alert`?)"),
        ("match:\n  - {}", "needs alert, labels, workload or slo"),
        ("parameters:\n  a: {secret: true, default: x}", "a secret has no default"),
        ("title: [", "error: not valid YAML"),
        ("title: &a x\nowner: *a", "aliases are not followed"),
    ];
    for (lines, wanted) in cases {
        let found = matter(lines);
        assert!(found.iter().any(|line| line.contains(wanted)), "{lines}\nwanted {wanted}\nfound {found:#?}");
    }
    assert_eq!(
        told("---\napiVersion: opsdeck.dev/v2\nid: a\n---\n"),
        ["2:13: error: apiVersion `opsdeck.dev/v2` is not known (write opsdeck.dev/v1)"]
    );
}

#[test]
fn steps_lead_where_they_say() {
    let text = with(
        "```choice {name=pick, capture=picked}\nask: Which?\noptions:\n  - {label: One, goto: end}\n  - Two\n```\n\n```branch\ncases:\n  - {when: \"{{ picked == 'Two' }}\", goto: pick}\nelse: end\n```",
    );
    let book = book(&text);
    let StepKind::Choice(choice) = &book.steps[0].kind else { panic!() };
    assert_eq!(choice.options[0].goto, Some(Target::End));
    assert_eq!(choice.options[1].label.text, "Two");
    let StepKind::Branch(branch) = &book.steps[1].kind else { panic!() };
    assert_eq!(branch.cases[0].0.text, "picked == 'Two'");
    assert_eq!(book.steps[1].title, "S (2)");
}

#[test]
fn roles_of_an_incident_are_given_to_names() {
    let matter = |roles: &str| {
        format!(
            "---\napiVersion: opsdeck.dev/v1\nid: a\nincident:\n  roles: {roles}\n---\n# A\n\n## Diagnosis\n### S\n```manual\nlook\n```\n"
        )
    };
    let good = book(&matter("{communications: support, scribe: \" bob \", operations: \"\"}"));
    let roles = good.meta.incident.clone().unwrap().roles;
    let wanted = [(Role::Communications, "support".to_owned()), (Role::Scribe, "bob".to_owned())];
    assert_eq!(roles.into_iter().collect::<Vec<_>>(), wanted);
    let wrong = [
        (
            "{comunications: support}",
            "5:11: error: `roles` has no key `comunications` (did you mean `communications`?)",
        ),
        ("{scribe: \"{{ who }}\"}", "5:19: error: who has a role is a name: templates are not filled in here"),
        // As it was written before roles meant anything: it stays valid.
        (
            "[incident lead, scribe]",
            "5:10: warning: `roles` does not say who has which: it is passed over (write {ROLE: NAME}; roles are commander, communications, operations, scribe)",
        ),
    ];
    for (roles, said) in wrong {
        assert_eq!(told(&matter(roles)), [said], "{roles}");
    }
}
