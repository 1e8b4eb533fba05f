//! A value never becomes syntax: nasty values into each kind of text, and the shape of what comes of it.

use std::mem::discriminant;

use promql_parser::parser::Expr;
use proptest::prelude::*;

use super::book;
use crate::actions::ActionKind;
use crate::runbook::action::{Act, Read};
use crate::runbook::diagnostic::Spot;
use crate::runbook::parameter::{Value, Values};
use crate::runbook::run::resolve::context;
use crate::runbook::run::work::Work;
use crate::runbook::run::{Begin, Run};
use crate::runbook::step::Template;
use crate::runbook::{promql, splice, url};

const NASTY: [&str; 26] = [
    "\"} or vector(1) #",
    "x\"} or up{a=\"",
    "\\",
    "\\\"",
    "'",
    "`",
    "a\nb: c",
    "x\n  reason: other",
    "{{ 7 * 7 }}",
    "{a: b}",
    "[1, 2]",
    "--all-namespaces",
    "-n kube-system",
    "x -n kube-system",
    "x,y=z",
    "x; rm -rf /",
    "$(id)",
    "../../admin",
    "..",
    "?a=b&c=d#e",
    "@evil.example",
    ".evil.example",
    "or",
    "sum",
    "\u{0}",
    ".*",
];

fn values(value: &str) -> Values {
    [("x".to_owned(), Value::Text(value.to_owned()))].into()
}

/// The preview of the only step of a runbook with this block.
fn resolve(block: &str, value: &str) -> Result<Work, String> {
    let text = format!(
        "---\napiVersion: opsdeck.dev/v1\nid: a\nparameters:\n  x: {{type: string}}\n---\n## D\n### S\n{block}\n"
    );
    let now = chrono::DateTime::UNIX_EPOCH;
    let begin =
        Begin { id: "r".into(), who: "ada".into(), now, values: values(value), unattended: false, stack: Vec::new() };
    Run::begin(book(&text), begin).unwrap().0.preview().unwrap()
}

/// A query's tree without its names and texts.
fn shape(expression: &Expr) -> String {
    match expression {
        Expr::VectorSelector(selector) => format!(
            "v({})",
            selector
                .matchers
                .matchers
                .iter()
                .map(|one| format!("{}{:?}", one.name, discriminant(&one.op)))
                .collect::<Vec<_>>()
                .join(",")
        ),
        Expr::MatrixSelector(selector) => format!("m[{:?}]", shape(&Expr::VectorSelector(selector.vs.clone()))),
        Expr::Call(call) => {
            format!("{}({})", call.func.name, call.args.args.iter().map(|one| shape(one)).collect::<Vec<_>>().join(","))
        }
        Expr::Aggregate(one) => format!("{}({})", one.op, shape(&one.expr)),
        Expr::Binary(one) => format!("({} {} {})", shape(&one.lhs), one.op, shape(&one.rhs)),
        Expr::Paren(one) => format!("[{}]", shape(&one.expr)),
        Expr::NumberLiteral(_) => "n".into(),
        other => format!("{:?}", discriminant(other)),
    }
}

fn query(template: &str, value: &str) -> Option<String> {
    let filled = promql::fill(&Template::new(template, Spot::default()), &context(&values(value))).ok()?;
    Some(shape(&promql_parser::parser::parse(&filled).unwrap()))
}

const QUERIES: [&str; 6] = [
    "rate(a{b=\"{{ x }}\",c=~\"p{{ x }}-.*\"}[5m])",
    "sum(a{b='{{ x }}'}) > 1",
    "a{b=`{{ x }}`}",
    "a > {{ x }}",
    "a{b=\"\\\\{{ x }}\"} or b",
    "sum by (l) (a) # \"{{ x }}\n > 1",
];

#[test]
fn no_value_changes_a_query() {
    for template in QUERIES {
        let wanted = query(template, "1").unwrap();
        for value in NASTY {
            if let Some(found) = query(template, value) {
                // Outside of quotes a name may stand for a number: that is a selector, and no other operator.
                let found = found.replace("v()", "n");
                assert_eq!(found, wanted.replace("v()", "n"), "{template} with {value:?}");
            }
        }
    }
    for value in ["or", "and", "unless", "sum", "BY", "5 or up", "-1 or up", "a{", "a b"] {
        assert_eq!(query("a > {{ x }}", value), None, "{value}");
    }
    assert!(query("a > {{ x }}", "-0.5").is_some());
    // Two halves of a word.
    assert_eq!(query("a {{ x }}r b", "o"), None);
    // A value in a regular expression means itself.
    let filled =
        promql::fill(&Template::new("a{b=~\"{{ x }}.*\"}", Spot::default()), &context(&values("p.y"))).unwrap();
    assert_eq!(filled, r#"a{b=~"p\\.y.*"}"#);
}

#[test]
fn no_value_changes_an_action() {
    let block = "```action\ndo: silence\nmatchers: {alertname: \"{{ x }}\"}\nduration: 1h\ncomment: {{ x }}\n```";
    for value in NASTY {
        let Ok(Work::Act(act)) = resolve(block, value) else { panic!("{value:?}") };
        let Act::Request(request) = *act else { panic!() };
        let ActionKind::Silence(silence) = request.action else { panic!() };
        assert_eq!(silence.matchers.len(), 1);
        assert_eq!((silence.matchers[0].value.as_str(), silence.comment.as_str()), (value, value));
        assert_eq!((silence.matchers[0].name.as_str(), silence.matchers[0].regex), ("alertname", false));
        assert_eq!(request.reason, None);
    }
    let block = "```action\ndo: silence\nmatchers: ['pod=~\"{{ x }}-.*\"']\nduration: 1h\ncomment: c\n```";
    let Ok(Work::Act(act)) = resolve(block, "a|.*") else { panic!() };
    assert!(act.title().contains(r#"pod=~"a\\|\\.\\*-.*""#) || act.title().contains(r"a\|\.\*-.*"), "{}", act.title());
    for (block, value) in [
        ("```action\ndo: restart\nworkload: \"shop/deployment/{{ x }}\"\n```", "a/b"),
        ("```action\ndo: restart\nworkload: \"{{ x }}\"\n```", "payment"),
        ("```action\ndo: scale\nworkload: shop/deployment/a\nreplicas: {{ x }}\n```", "3\nreason: x"),
        ("```action\ndo: delete-pod\npod: {{ x }}\nnamespace: shop\n```", "kube-system/Etcd"),
        ("```action\ndo: cordon\nnode: {{ x }}\n```", "-n"),
        ("```action\ndo: drain\nnode: n1\nforce: {{ x }}\n```", "yes"),
    ] {
        assert!(resolve(block, value).is_err(), "{block} with {value:?}");
    }
}

#[test]
fn no_value_changes_a_line_of_kubectl() {
    let block = "```kubectl\nkubectl get pods {{ x }} -n shop -l app={{ x }}\n```";
    for value in NASTY {
        if let Ok(Work::Kubectl(read)) = resolve(block, value) {
            let Read::Get { resource, names, scope, output } = read else { panic!("{value:?}") };
            assert_eq!((resource.as_str(), names), ("pods", vec![value.to_owned()]));
            assert_eq!((scope.namespace.as_deref(), scope.all_namespaces, output), (Some("shop"), false, None));
            assert_eq!(scope.selector, Some(format!("app={value}")));
        }
    }
    assert!(resolve(block, "payment-1").is_ok());
    for value in ["--all-namespaces", "-A", "x,y=z", "a b", "", "x=y"] {
        assert!(resolve(block, value).is_err(), "{value:?}");
    }
}

#[test]
fn no_value_changes_an_address_or_a_body() {
    let template = Template::new("https://api.example.com:8443/v1/{{ x }}/state?of={{ x }}", Spot::default());
    for value in NASTY {
        let Ok(filled) = url::fill(&template, &context(&values(value))) else {
            assert_eq!(value, "..", "only that is refused");
            continue;
        };
        let rest = filled.strip_prefix("https://api.example.com:8443/v1/").unwrap();
        assert_eq!(rest.matches('/').count(), 1, "{filled}");
        assert_eq!((rest.matches('?').count(), rest.matches('&').count(), rest.matches('#').count()), (1, 0, 0));
        assert!(rest.contains("/state?of="), "{filled}");
    }
    for text in ["{{ x }}/a", "https://{{ x }}/a", "https://a{{ x }}/b", "https://a:{{ x }}/b", "{{ x }}://a/b"] {
        assert!(url::check(text).is_err(), "{text}");
    }
    let body = Template::new("{\"a\": \"<{{ x }}>\", \"b\": {{ x }}}", Spot::default());
    for value in NASTY {
        let filled = url::body(&body, false, &context(&values(value))).unwrap();
        let json: serde_json::Value = serde_json::from_str(&filled).unwrap();
        assert_eq!(json, serde_json::json!({"a": format!("<{value}>"), "b": value}));
    }
    let form = Template::new("a={{ x }}&b=1", Spot::default());
    assert_eq!(url::body(&form, true, &context(&values("1&c=d"))).unwrap(), "a=1%26c%3Dd&b=1");
    assert!(resolve("```http\nurl: https://a/\nheaders: {h: \"{{ x }}\"}\n```", "a\r\nb: c").is_err());
}

#[test]
fn a_script_is_never_altered() {
    for value in NASTY.iter().filter(|value| !value.contains('\0')) {
        let Ok(Work::Command { script, environment, .. }) = resolve("```sh\necho \"$x\"\n```", value) else { panic!() };
        assert_eq!(script, "echo \"$x\"\n");
        assert_eq!(environment.get("x").map(String::as_str), Some(*value));
    }
}

#[test]
fn bombs_do_not_go_off() {
    let context = context(&values("x"));
    for text in [
        "{{ \"a\" * 100000000 }}",
        "{{ range(100000000)|list }}",
        "{{ range(9999)|join(\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\") }}",
        "{% for a in range(10) %}",
        "{{ x",
    ] {
        let filled = splice::plain(text, &context);
        assert!(filled.as_ref().map_or(true, |text| text.len() < 70_000), "{text}");
        assert!(text.starts_with("{%") || filled.is_err(), "{text}");
    }
    assert!(splice::plain(&"{{ x }}".repeat(70_000), &context).is_err());
}

proptest! {
    #[test]
    fn any_value_stays_a_value(value in "\\PC{0,24}|[\\n\\r\\t\"'`\\\\{}$#|;&, -]{0,12}") {
        for template in &QUERIES[..5] {
            if let Some(found) = query(template, &value) {
                prop_assert_eq!(found.replace("v()", "n"), query(template, "1").unwrap().replace("v()", "n"), "{}", template);
            }
        }
        if let Ok(Work::Kubectl(Read::Get { names, scope, .. })) = resolve("```kubectl\nkubectl get pods {{ x }} -n shop\n```", &value) {
            prop_assert_eq!(names, vec![value.clone()]);
            prop_assert_eq!(scope.namespace.as_deref(), Some("shop"));
        }
    }
}
