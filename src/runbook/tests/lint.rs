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
fn what_is_only_shown_is_looked_at_too() {
    let told = found(
        "### Look at {{ pod_nam }}\nThe pod is `{{ pod_name }}`,\nits node {{ nod }}.\n\n| a |\n|---|\n| {{ b.c }} |\n\n```promql\nup{pod=\"{{ pod_name }}\"}\n```\n```yaml\nname: {{ .Values.x }}\n```",
    );
    assert_eq!(
        told,
        [
            "8:16: error: nothing gives `pod_nam` a value (did you mean `pod_name`?)",
            "10:13: warning: nothing gives `nod` a value (declare it under `parameters`, or `capture` it)",
            "14:6: warning: nothing gives `b` a value (declare it under `parameters`, or `capture` it)",
        ]
    );
    let incident = with("### S\n```manual\n```").replace(
        "---\n## D",
        "incident: {channel: \"inc-{{ pod_name }}\", topic: \"{{ pod_name.kind }} {{ team }}\"}\n---\n## D",
    );
    let told: Vec<String> = lint(&book(&incident), &Alone).iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("6:50: error: `pod_name` is no workload"), "{told:?}");
    assert!(told[1].starts_with("6:70: error: nothing gives `team` a value"), "{told:?}");
}

#[test]
fn captures_come_before_their_use() {
    let early = |told: Vec<String>| -> Vec<String> {
        told.into_iter().filter(|line| line.contains("has no value yet")).collect()
    };
    let make = |more: &str| format!("### Make\n```promql {{capture=n{more}}}\nup\n```\n");
    let ask = "### Use\n```approve\nreally {{ n }}?\n```\n";
    assert!(early(found(&format!("{}{ask}", make("")))).is_empty());
    let told = early(found(&format!("{ask}{}", make(""))));
    assert_eq!(
        told,
        ["10:8: warning: `n` has no value yet: no way here leads past the step that captures it (`make` captures it)"]
    );
    // A way that leads back, and one that may be taken, are ways.
    assert!(early(found(&format!("{ask}{}", make(", next=use")))).is_empty());
    let around = "### Turn\n```branch\ncases: [{when: \"true\", goto: use}]\n```\n";
    assert!(early(found(&format!("{around}{}{ask}", make("")))).is_empty(), "one way is enough");
    let past = "### Turn\n```manual {next=use}\n```\n";
    assert_eq!(early(found(&format!("{past}{}{ask}", make("")))).len(), 1, "it is always jumped over");
    // Its own value is not there while the step is done; scripts count as well.
    assert_eq!(early(found("### S\n```sh {timeout=1m, capture=n}\necho \"${n}\" \"$nn\"\n```")).len(), 1);
    assert!(early(found("### S\n```sh {timeout=1m, capture=n}\necho \"$nn\"\n```")).is_empty());
}

#[test]
fn what_is_never_let_through() {
    let never = |deed: &str| -> Vec<String> {
        let text = with(&format!("### S\n```action\n{deed}\n```\n")).replace(
            "pod_name: {type: pod}",
            "w: {type: workload}\n  n: {type: integer}\n  mode: {allowed: [\"0\", \"1000000\"]}",
        );
        let told = lint(&book(&text), &Alone).into_iter().map(|one| one.to_string());
        told.filter(|line| line.contains("never let through")).collect()
    };
    for deed in [
        "do: restart\nworkload: shop/cronjob/x",
        "do: restart\nworkload: shop/cronjob/x\nreason: \"for {{ n }}\"",
        "do: scale\nworkload: shop/daemonset/x\nreplicas: 3",
        "do: scale\nworkload: \"{{ w }}\"\nreplicas: 1000000",
        "do: scale-bounds\nworkload: \"{{ w }}\"\nmax: 0",
        "do: silence\nmatchers: {alertname: \"\"}\nduration: 1h\ncomment: quiet",
    ] {
        assert_eq!(never(deed).len(), 1, "{deed}");
    }
    for deed in [
        "do: restart\nworkload: \"{{ w }}\"",
        "do: scale\nworkload: \"{{ w }}\"\nreplicas: \"{{ mode }}\"",
        "do: scale\nworkload: shop/deployment/x\nreplicas: \"{{ n }}\"",
        "do: scale-bounds\nworkload: \"{{ w }}\"\nmax: 1",
    ] {
        assert_eq!(never(deed), Vec::<String>::new(), "{deed}");
    }
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
