//! Plain Markdown in the manner of public collections: sensible steps, nothing that runs by itself, nothing lost.

use proptest::prelude::*;

use super::{book, origin};
use crate::runbook::parameter::Value;
use crate::runbook::run::record::Verdict;
use crate::runbook::run::work::Question;
use crate::runbook::run::{Begin, Phase, Run, RunInput};
use crate::runbook::step::StepKind;
use crate::runbook::{BlockKind, Runbook, parse};

fn steps(book: &Runbook) -> Vec<(String, &'static str)> {
    book.steps.iter().map(|step| (step.title.clone(), step.kind.word())).collect()
}

fn pairs(wanted: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    wanted.iter().map(|(title, kind)| ((*title).to_owned(), *kind)).collect()
}

#[test]
fn hugo_with_tables_and_kubectl() {
    let text = r#"---
title: Kube Pod Crash Looping
weight: 20
tags: [pods, kubernetes]
---

# KubePodCrashLooping

## Meaning

Pod is in CrashLoop, see `kube_pod_container_status_waiting_reason{reason="CrashLoopBackOff"}`.

## Diagnosis

| Cause | Sign |
|-------|------|
| OOM   | 137  |

- Check template via `kubectl -n $NAMESPACE get pod $POD`.
- Nested
  - deeper

```shell
kubectl logs <pod-name> -n <namespace> --previous
kubectl describe pod <pod-name> -n <namespace>
```

## Mitigation

```bash
kubectl rollout undo deployment/$DEPLOYMENT -n $NAMESPACE
```

```bash
for pod in $(kubectl get pods -o name); do
  kubectl delete $pod
done
```

```yaml
a: b
```
"#;
    let book = book(text);
    assert_eq!((book.title.as_str(), book.native), ("Kube Pod Crash Looping", false));
    assert_eq!(book.meta.tags, ["pods", "kubernetes"]);
    assert_eq!(
        steps(&book),
        pairs(&[
            ("Meaning", "query"),
            ("Diagnosis", "kubectl"),
            ("Diagnosis (2)", "kubectl"),
            ("Diagnosis (3)", "kubectl"),
            ("Mitigation", "action"),
            ("Mitigation (2)", "command"),
        ])
    );
    let names: Vec<_> = book.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    assert_eq!(names, ["deployment", "namespace", "pod", "pod_name"]);
    assert!(book.blocks.iter().any(|block| matches!(&block.kind, BlockKind::Table(rows) if rows.len() == 2)));
    assert!(book.blocks.iter().any(|block| block.depth == 2));
}

#[test]
fn only_what_follows_a_prompt_is_a_command() {
    let text = "# T\n\n## Look\n\n```console\n$ kubectl get pods -n shop\nNAME  READY\nrm -rf /  output\n$ cat <<EOF > /tmp/x\n> rm is text\nEOF\n$ curl -s \\\n>   localhost\n{\"ok\": true}\n```\n";
    let book = book(text);
    let kinds: Vec<_> = book.steps.iter().map(|step| step.kind.word()).collect();
    assert_eq!(kinds, ["kubectl", "command", "command"]);
    let scripts: Vec<_> = book
        .steps
        .iter()
        .filter_map(|step| match &step.kind {
            StepKind::Command(command) => Some(command.script.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(scripts, ["cat <<EOF > /tmp/x\nrm is text\nEOF", "curl -s \\\n  localhost"]);
    assert!(book.steps.iter().filter(|step| step.kind.writes()).all(|step| step.confirm), "asked for twice");
}

#[test]
fn placeholders_of_scripts_are_variables() {
    let text = "# T\n\n## Do\n\n```bash\nREGION=eu\naws ec2 reboot --id <instance-id> --region $REGION --note 'on <instance-id>' \"$OWNER <who>\" $HOME $LD_PRELOAD\n```\n\n```sh\ncat <<EOF\n<name>\nEOF\n```\n";
    let book = book(text);
    let StepKind::Command(command) = &book.steps[0].kind else { panic!() };
    assert_eq!(
        command.script,
        "REGION=eu\naws ec2 reboot --id \"${instance_id}\" --region $REGION --note 'on '\"${instance_id}\"'' \"$OWNER ${who}\" $HOME $LD_PRELOAD\n"
    );
    let environment: Vec<_> = command.environment.iter().map(|(variable, name)| format!("{variable}={name}")).collect();
    assert_eq!(environment, ["OWNER=owner", "instance_id=instance_id", "who=who"]);
    let StepKind::Command(command) = &book.steps[1].kind else { panic!() };
    assert!(command.only_to_copy.is_some());
}

#[test]
fn other_tools() {
    let jekyll = "---\nlayout: default\ntitle: Disk\ncategories: storage, disk\n---\n{% raw %}\n## Do\n1. First\n2. Second\n\n   ```sh\n   df -h\n   ```\n";
    let jekyll = book(jekyll);
    assert_eq!((jekyll.title.as_str(), jekyll.meta.tags.len()), ("Disk", 2));
    assert_eq!(steps(&jekyll), pairs(&[("First", "note"), ("Second", "command")]));

    let toml = book("+++\ntitle = \"Hugo\"\ntags = [\"a\"]\n+++\n# x\n");
    assert_eq!((toml.title.as_str(), toml.meta.tags.len()), ("Hugo", 1));

    let mkdocs = book(
        "# T\n\n!!! warning \"Careful\"\n    Think first.\n\n    ```sh\n    uptime\n    ```\n\nAfter.\n\n- [ ] call them\n",
    );
    assert_eq!(steps(&mkdocs), pairs(&[("T", "command"), ("call them", "manual")]));
    assert!(mkdocs.blocks.iter().any(|block| block.quotes == 1 && matches!(block.kind, BlockKind::Code { .. })));

    let templated = book(
        "# T\n\n## A\n```bash\nkubectl get pods -n {{ .Namespace }}\nkubectl get pods -o go-template='{{range .items}}{{.x}}{{end}}'\n```\n",
    );
    assert_eq!(steps(&templated), pairs(&[("A", "command")]));

    for (place, text) in [
        ("/b/a.adoc", "= Title\n"),
        ("/b/a.md", "= Title\n\n== Section\n"),
        ("https://x/a", "<!DOCTYPE html><html>"),
        ("/b/a.rst", "Title\n=====\n"),
    ] {
        let parsed = parse(text, origin(place));
        assert!(parsed.runbook.is_none() && parsed.has_errors(), "{place}");
    }
    // Broken front matter of somebody else stays readable.
    let broken = parse("---\ntitle: [\n---\n# Still here\n", origin("/b/a.md"));
    assert!(!broken.has_errors() && broken.runbook.unwrap().title == "Still here");
}

#[test]
fn what_the_door_does_not_do_is_there_to_copy() {
    let text = "# T\n\n## Do\n\n```sh\nkubectl -n shop annotate deploy/payment note=<why> --overwrite\nkubectl get pods -n shop\nkubectl label \\\n  node <node> drained=true\n```\n\n```sh\nkubectl annotate pod/a x=y -n shop | tee /tmp/x\n```\n\n```sh\nkubectl get pods -l annotate -n label\n```\n";
    let book = book(text);
    let copied: Vec<_> = book
        .steps
        .iter()
        .map(|step| match &step.kind {
            StepKind::Command(command) => command.only_to_copy.as_deref().unwrap_or("runs"),
            kind => kind.word(),
        })
        .collect();
    let (annotate, label) = ("`kubectl annotate` is none of our actions", "`kubectl label` is none of our actions");
    assert_eq!(copied, [annotate, "kubectl", label, annotate, "kubectl"]);
    // Nobody runs it: a person copies it and says so, and with nobody there it is a failure that says why.
    let begin = |unattended| {
        let now = chrono::DateTime::UNIX_EPOCH;
        let (id, who, values) = ("r".into(), "ada".into(), [("why".to_owned(), Value::Text("x".into()))].into());
        let begin = Begin { id, who, now, values, unattended, stack: Vec::new() };
        let (mut run, _) = Run::begin(std::sync::Arc::clone(&book), begin).unwrap();
        assert!(!run.may_start_by_itself());
        run.feed(RunInput::Start, now);
        run
    };
    let run = begin(false);
    let Phase::Asking(Question::Manual(asked)) = run.phase() else { panic!("{:?}", run.phase()) };
    assert!(asked.contains(annotate) && asked.contains("deploy/payment note=\"${why}\" --overwrite"), "{asked}");
    let run = begin(true);
    assert!(run.visits()[0].verdict == Some(Verdict::Failed) && run.visits()[0].detail.contains(annotate));
}

/// Lines that are in no block.
fn lost(text: &str, book: &Runbook) -> Vec<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut covered = vec![false; text.lines().count() + 2];
    for block in &book.blocks {
        for line in block.lines.clone() {
            if let Some(line) = covered.get_mut(line) {
                *line = true;
            }
        }
    }
    let lines = text.lines().enumerate().filter(|(number, line)| !line.trim().is_empty() && !covered[number + 1]);
    lines.map(|(number, line)| format!("{}: {line}", number + 1)).collect()
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("# T\n".to_owned()),
        Just("## Diagnosis\n".to_owned()),
        Just("### Step\n".to_owned()),
        Just("---\n".to_owned()),
        Just("+++\n".to_owned()),
        Just("apiVersion: opsdeck.dev/v1\nid: a\n".to_owned()),
        Just("parameters: {a: {type: strin}}\n".to_owned()),
        Just("```promql {assert=\"value < 1\"}\n".to_owned()),
        Just("```action\n".to_owned()),
        Just("```\n".to_owned()),
        Just("~~~ sh\n".to_owned()),
        Just("do: rollback\nworkload: \"{{ w }}\"\n".to_owned()),
        Just("    indented\n".to_owned()),
        Just("1. one\n".to_owned()),
        Just("- [ ] task\n".to_owned()),
        Just("  - nested\n\n    text\n".to_owned()),
        Just("> quote\n".to_owned()),
        Just("| a | b |\n|---|---|\n| c |\n".to_owned()),
        Just("[ref]: https://example.com\n".to_owned()),
        Just("<div>\n\n</div>\n".to_owned()),
        Just("!!! note\n    body\n".to_owned()),
        Just("$ kubectl get pods <x> | grep {{ y }}\n".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        "\\PC{0,30}\n",
        "[#`~>|*_<>{}$\\[\\]()!-]{1,8}\n",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_panics_and_no_line_is_lost(pieces in prop::collection::vec(piece(), 0..24)) {
        let text = pieces.concat();
        let parsed = parse(&text, origin("/b/any.md"));
        if let Some(book) = &parsed.runbook {
            let missing = lost(&text, book);
            prop_assert!(missing.is_empty(), "{:?}\n{}", missing, text);
            for step in &book.steps {
                prop_assert!(step.lines.start >= 1 && step.section < book.sections.len());
            }
            crate::runbook::lint::lint(book, &crate::runbook::lint::Alone);
        }
    }

    #[test]
    fn any_text_at_all(text in any::<String>()) {
        let parsed = parse(&text, origin("/b/any.md"));
        if let Some(book) = &parsed.runbook {
            prop_assert!(lost(&text, book).is_empty());
        }
    }
}
