//! Each rule, what breaks it, what break-glass overrides, and bad input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chrono::TimeDelta;

use super::*;
use crate::actions::door::walk::{guard, start};
use crate::actions::scale::{Replicas, Scale};
use crate::actions::{ActionKind, Origin, rehearsal};
use crate::domain::target::{WorkloadKind, WorkloadRef};

fn scale(namespace: &str, to: i64) -> ActionRequest {
    let target = WorkloadRef::new(WorkloadKind::Deployment, namespace, "payment");
    ActionRequest::new(ActionKind::Scale(Scale { target, replicas: Replicas::To(to) }), Origin::Key)
}

fn with(rules: Rules) -> GuardContext {
    GuardContext { rules: vec![rules], ..guard(ConfirmLevel::Yes) }
}

fn freeze(from: i64, until: i64) -> Vec<Freeze> {
    let at = |seconds| start() + TimeDelta::seconds(seconds);
    vec![Freeze { from: at(from), until: at(until), why: "sale".into() }]
}

#[test]
fn every_rule_refuses_in_its_words_and_break_glass_overrides_all_but_read_only() {
    let base = || Rules { source: "guardrails[0]".into(), ..Rules::default() };
    let cases = [
        (
            Rules { deny: Some("ask the owners".into()), ..base() },
            "scale is denied here: ask the owners (guardrails[0])",
        ),
        (Rules { freezes: freeze(-1, 1), ..base() }, "frozen until Sep 21 14:13 UTC: sale"),
        (Rules { require_reason: true, ..base() }, "a reason is required"),
        (Rules { require_incident: true, ..base() }, "an open incident is required"),
    ];
    for (rules, words) in cases {
        let guard = with(rules);
        let refusal = guard.admit(&scale("shop", 1), start()).unwrap_err().to_string();
        assert!(refusal.contains(words), "{refusal}");
        let forced = ActionRequest { break_glass: Some("all is on fire".into()), ..scale("shop", 1) };
        let admitted = guard.admit(&forced, start()).unwrap();
        assert!(admitted.overridden[0].contains(words), "{admitted:?}");
        let fine = ActionRequest { reason: Some("5xx".into()), incident: Some("INC-1".into()), ..scale("shop", 1) };
        let denied = words.contains("denied") || words.contains("frozen");
        assert_eq!(guard.admit(&fine, start()).is_err(), denied);
    }
    let read_only = with(Rules { read_only: Some("archive".into()), ..base() });
    let forced = ActionRequest { break_glass: Some("fire".into()), ..scale("shop", 1) };
    assert!(matches!(read_only.admit(&forced, start()), Err(Refusal::ReadOnly { .. })));
}

#[test]
fn rules_hold_for_their_namespaces_actions_and_times() {
    let deny = |namespaces: &str, actions: &[&str]| {
        let actions = actions.iter().map(|action| (*action).to_owned()).collect();
        with(Rules { namespaces: namespaces.into(), actions, deny: Some("no".into()), ..Rules::default() })
    };
    let cases = [
        (deny("prod-*", &[]), "prod-eu", false),
        (deny("prod-*", &[]), "shop", true),
        (deny("*", &["rollback"]), "shop", true),
        (deny("*", &["sc*"]), "shop", false),
        (with(Rules { freezes: freeze(1, 2), ..Rules::default() }), "shop", true),
        (with(Rules { freezes: freeze(-2, 0), ..Rules::default() }), "shop", true),
    ];
    for (guard, namespace, admitted) in cases {
        assert_eq!(guard.admit(&scale(namespace, 1), start()).is_ok(), admitted, "{namespace} {:?}", guard.rules);
    }
}

#[test]
fn limits_bound_what_ends_at_once_and_confirmations_are_raised() {
    let limited = |rules: Rules, request: &ActionRequest| {
        let mut plan = rehearsal::plan(&request.action, &rehearsal::facts()).unwrap();
        let said = with(rules).limit(request, &mut plan, start());
        (said.map_err(|refusal| refusal.to_string()), plan.confirm)
    };
    let share = || Rules { max_share_percent: Some(50), ..Rules::default() };
    let (said, _) = limited(share(), &scale("shop", 1));
    assert!(said.unwrap_err().contains("it takes 2 of 3 pods (67 %), and at most 50 % are allowed at once"));
    assert!(limited(share(), &scale("shop", 2)).0.is_ok());
    assert!(limited(share(), &scale("shop", 30)).0.is_ok(), "more pods take none away");
    let (said, _) = limited(Rules { max_objects: Some(0), ..Rules::default() }, &scale("shop", 2));
    assert!(said.unwrap_err().contains("it touches 1 objects, and at most 0"));
    let forced = ActionRequest { break_glass: Some("fire".into()), ..scale("shop", 1) };
    let (said, confirm) = limited(share(), &forced);
    assert_eq!((said.unwrap().len(), confirm), (1, ConfirmLevel::Name));
    let loose = || Rules { confirm: Some(ConfirmLevel::None), ..Rules::default() };
    assert_eq!(limited(loose(), &scale("shop", 2)).1, ConfirmLevel::None);
    assert_eq!(
        limited(loose(), &scale("shop", 0)).1,
        ConfirmLevel::Name,
        "to zero is destructive whatever a rule says"
    );
}

#[test]
fn what_is_in_no_namespace_is_bound_by_those_in_which_it_does_something() {
    let examples = crate::actions::examples::all();
    let example = examples.iter().find(|example| example.action.word() == "drain").unwrap();
    let request = ActionRequest::new(example.action.clone(), Origin::Key);
    let limited = |rules: Rules, request: &ActionRequest| {
        let guard = with(rules);
        assert!(guard.admit(request, start()).is_ok(), "the node itself is in no namespace");
        let mut plan = rehearsal::plan(&example.action, &example.facts).unwrap();
        let evicted = plan.steps.iter().filter(|step| step.mutation.target.namespace.is_some()).count();
        assert!(evicted > 0 && evicted < plan.steps.len());
        let said = guard.limit(request, &mut plan, start()).map_err(|refusal| refusal.to_string());
        (said, plan.confirm, evicted)
    };
    let rule = |namespaces: &str| Rules { namespaces: namespaces.into(), ..Rules::default() };
    let denied = |namespaces: &str| Rules { deny: Some("payday".into()), ..rule(namespaces) };
    assert!(limited(denied("shop"), &request).0.unwrap_err().contains("drain is denied here: payday"));
    assert!(limited(denied("other"), &request).0.is_ok());
    let other = Rules { actions: vec!["scale".into()], ..denied("shop") };
    assert!(limited(other, &request).0.is_ok());
    let frozen = Rules { freezes: freeze(-1, 1), ..rule("sh*") };
    assert!(limited(frozen, &request).0.unwrap_err().contains("frozen until"));
    let reason = || Rules { require_reason: true, ..rule("shop") };
    assert!(limited(reason(), &request).0.unwrap_err().contains("a reason is required"));
    let said = ActionRequest { reason: Some("disk errors".into()), ..request.clone() };
    assert!(limited(reason(), &said).0.is_ok());
    let read_only = Rules { read_only: Some("archive".into()), ..rule("shop") };
    let forced = ActionRequest { break_glass: Some("fire".into()), ..request.clone() };
    assert!(limited(read_only, &forced).0.unwrap_err().contains("archive"), "break-glass or not");
    assert_eq!(limited(denied("shop"), &forced).0.unwrap().len(), 1, "overridden, and told");
    let named = Rules { confirm: Some(ConfirmLevel::Name), ..rule("shop") };
    assert_eq!(limited(named, &request).1, ConfirmLevel::Name);
    // The node itself does not count among the objects of the namespace.
    let (_, _, evicted) = limited(rule("shop"), &request);
    let most = |most: usize| Rules { max_objects: Some(u32::try_from(most).unwrap()), ..rule("shop") };
    assert!(limited(most(evicted), &request).0.is_ok());
    assert!(limited(most(evicted - 1), &request).0.is_err());
}

#[test]
fn bad_input_is_refused_before_anything_is_read() {
    let long = "x".repeat(1 << 20);
    let reason = |text: &str| ActionRequest { reason: Some(text.into()), ..scale("shop", 1) };
    let named = |name: &str| {
        let target = WorkloadRef::new(WorkloadKind::Deployment, "shop", name);
        ActionRequest::new(ActionKind::Scale(Scale { target, replicas: Replicas::To(1) }), Origin::Key)
    };
    let cases = [
        (reason(&long), "1048576 bytes long; at most 4096"),
        (reason("a\nb"), "control character (U+000A)"),
        (reason("\u{1b}[31m"), "control character (U+001B)"),
        (reason("\u{202e}x"), "(U+202E)"),
        (ActionRequest { break_glass: Some(" ".into()), ..scale("shop", 1) }, "break-glass needs a reason"),
        (scale("shop", -1), "-1 is below 0"),
        (scale("shop", 1_000_000_000), "over the limit of 10000"),
        (named("p\u{430}yment"), "no name has (U+0430)"),
        (named("pay\u{7}ment"), "no name has (U+0007)"),
        (named(&long), "names nothing"),
    ];
    for (request, words) in cases {
        let refusal = guard(ConfirmLevel::Yes).admit(&request, start()).unwrap_err().to_string();
        assert!(refusal.contains(words), "{refusal:.200}");
        assert!(refusal.len() < 500, "a refusal does not repeat what was too long");
    }
    assert!(!is_recordable(&long) && is_recordable("ünïcode – fine"));
}
