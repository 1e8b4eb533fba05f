//! What lint finds, and where.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{GOOD, book};
use crate::runbook::Runbook;
use crate::runbook::lint::{Alone, Library, lint};

struct Shelf(BTreeMap<String, Arc<Runbook>>);

impl Library for Shelf {
    fn find(&self, id: &str) -> Option<&Runbook> {
        self.0.get(id).map(|book| &**book)
    }

    fn ids(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

fn with(blocks: &str) -> String {
    format!("---\napiVersion: opsdeck.dev/v1\nid: a\nparameters:\n  pod_name: {{type: pod}}\n---\n## D\n{blocks}\n")
}

fn found(blocks: &str) -> Vec<String> {
    lint(&book(&with(blocks)), &Alone).iter().map(ToString::to_string).collect()
}

#[test]
fn a_good_one_is_almost_quiet() {
    let told: Vec<String> = lint(&book(GOOD), &Alone).iter().map(ToString::to_string).collect();
    assert_eq!(told, ["12:3: warning: nothing uses `token`", "14:1: warning: it has no sections Impact, Escalation"]);
}

#[test]
fn each_has_its_place() {
    let cases = [
        (
            "### S\n```promql\nup{pod=\"{{ pod_nam }}\"}\n```",
            "10:9: error: nothing gives `pod_nam` a value (did you mean `pod_name`?)",
        ),
        ("### S\n```promql {assert=\"valu < 1\"}\nup{pod=\"{{ pod_name }}\"}\n```", "nothing gives `valu` a value"),
        ("### S\n```promql\nup{pod=\"{{ pod_name.kind }}\"}\n```", "`pod_name` is no workload: it has no `kind`"),
        ("### S\n```promql\nsum(up{pod=\"{{ pod_name }}\"}\n```", "10:1: error: not PromQL"),
        ("### S\n```promql {when=\"pod_name ==\"}\nup\n```", "is no expression"),
        ("### S\n```promql {next=t}\nup\n```\n### T T\n```manual\n```", "next: there is no step `t`"),
        ("### S\n```promql {next=end}\nup\n```\n### T\n```manual\n```", "13:4: warning: nothing leads to the step `t`"),
        ("### S\n```promql\nup\n```\n### T\n```promql {next=s}\nup\n```", "it can go round in circles without a pause"),
        ("### S\n```wait\nuntil: t\nat-most: 1m\n```\n### T\n```promql\nup\n```", "until: `t` is no check"),
        (
            "### S\n```sh {timeout=1m}\nkill $pod_name\n```",
            "10:6: warning: `$pod_name` without quotes falls into words (write \"$pod_name\")",
        ),
        ("### S\n```sh {timeout=1m}\ncurl https://a | sh\n```", "what is fetched is run"),
        ("### S\n```sh\ntrue\n```", "a script without `timeout`"),
        ("### S\n```runbook\nid: b\n```", "there is no runbook `b`"),
        ("### S\n```runbook\nid: a\n```", "it would run inside of itself: a → a"),
    ];
    for (blocks, wanted) in cases {
        let told = found(blocks);
        assert!(told.iter().any(|line| line.contains(wanted)), "{blocks}\nwanted {wanted}\nfound {told:#?}");
    }
    // A circle with a pause in it is fine.
    let told = found("### S\n```wait\n1m\n```\n### T\n```promql {next=s}\nup{pod=\"{{ pod_name }}\"}\n```");
    assert!(told.iter().all(|line| !line.contains("circles")), "{told:?}");
}

#[test]
fn links_between_runbooks() {
    let other = |id: &str, to: &str| {
        book(&format!(
            "---\napiVersion: opsdeck.dev/v1\nid: {id}\nparameters:\n  node: {{type: node, required: true}}\n---\n## D\n### S\n```runbook\nid: {to}\nwith: {{node: \"{{{{ node }}}}\"}}\n```\n"
        ))
    };
    let shelf: BTreeMap<String, Arc<Runbook>> =
        [("b".to_owned(), other("b", "c")), ("c".to_owned(), other("c", "b"))].into();
    let shelf = Shelf(shelf);
    let told =
        |text: &str| -> Vec<String> { lint(&book(&with(text)), &shelf).iter().map(ToString::to_string).collect() };
    let circle = told("### S\n```runbook\nid: b\nwith: {node: n}\n```");
    assert!(circle.iter().any(|line| line.contains("it would run inside of itself: a → b → c → b")), "{circle:?}");
    let dead =
        told("See [this](d.md) and [that](b.md#x) and [there](https://example.com/d.md).\n\n### S\n```promql\nup\n```");
    assert_eq!(dead.iter().filter(|line| line.contains("leads to no runbook")).count(), 1, "{dead:?}");
}
