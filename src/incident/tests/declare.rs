//! Tests of declare.

use std::collections::BTreeMap;

use super::{alert, at, chat, config, facts};
use crate::domain::incident::delivery::{Delivery, What};
use crate::domain::incident::entry::Deed;
use crate::domain::incident::{IncidentId, LONGEST_ID, Role, Severity};
use crate::incident::Incident;
use crate::incident::declare::{Burn, Facts, Field, PageFact, Proposal, RunbookFacts, StatusPageFacts};
use crate::incident::severity::{Signs, propose, to_review};
use crate::incident::template::{Values, render, slug};
use crate::ports::incident::Page;

fn page(id: &str, alerts: &[&str], status: &str) -> PageFact {
    PageFact {
        service: "pager".into(),
        page: Page {
            id: id.into(),
            title: "something".into(),
            service: "other".into(),
            status: status.into(),
            alerts: alerts.iter().map(ToString::to_string).collect(),
            assigned: Vec::new(),
            since: at(-60),
            link: None,
        },
    }
}

fn propose_it(facts: Facts) -> Proposal {
    Proposal::new(facts, &config(), at(127), 7)
}

fn planned(proposal: &Proposal) -> Vec<Delivery> {
    let (_, deeds) = proposal.declare();
    deeds
        .into_iter()
        .filter_map(|deed| if let Deed::Planned(delivery) = deed { Some(delivery) } else { None })
        .collect()
}

#[test]
fn everything_is_filled_in_and_the_preview_is_what_is_sent() {
    let mut facts = facts();
    facts.burn = vec![Burn { slo: "payment availability".into(), fast: Some(32.0), left: Some(0.41) }];
    facts.suspect = Some("rollout 42: payment:2.3.7 → payment:2.4.0".into());
    facts.pages = vec![page("P1", &["HighErrorRate"], "triggered"), page("P2", &["Other"], "triggered")];
    let proposal = propose_it(facts);
    assert_eq!(proposal.id().as_str().rsplit_once('-').unwrap().0, "20261121-1402-payment");
    assert_eq!(proposal.severity(), Severity::Sev2);
    assert!(proposal.why().contains("HighErrorRate is critical"), "{}", proposal.why());
    assert_eq!(proposal.get(Field::Channel), "inc-2026-11-21-1402-payment");
    assert_eq!(proposal.get(Field::Roles), "commander=alice@bastion");
    assert_eq!(proposal.get(Field::Pages), "P1");
    let message = proposal.get(Field::FirstMessage);
    for part in ["SEV2 payment: payment answers with 5xx", "HighErrorRate", "32.0 times", "41 %", "rollout 42"] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    let sent = planned(&proposal);
    let keys: Vec<&str> = sent.iter().map(|delivery| &*delivery.key).collect();
    assert_eq!(
        keys,
        [
            "acknowledge:P1",
            "page-note:P1",
            "channel",
            "topic",
            "invite:alice",
            "invite:bob@example.com",
            "first-message",
            "pin",
            "link:1"
        ]
    );
    let preview: Vec<_> = proposal.preview().into_iter().map(|line| line.key).collect();
    assert_eq!(preview, sent.iter().map(|delivery| delivery.key.clone()).collect::<Vec<_>>());
    assert!(sent[7].after.contains(&"first-message".into()));
    assert!(sent[0].after.is_empty(), "a chat that is down does not keep a page from being acknowledged");
    assert!(proposal.check().iter().all(|finding| !finding.blocks));
}

#[test]
fn fields_follow_until_somebody_touches_them() {
    let mut proposal = propose_it(facts());
    proposal.set(Field::Title, "checkout   fails").unwrap();
    assert!(proposal.get(Field::Topic).contains("checkout fails"));
    proposal.set(Field::Topic, "mine").unwrap();
    proposal.set(Field::Severity, "sev1").unwrap();
    assert_eq!(proposal.get(Field::Topic), "mine");
    assert!(proposal.get(Field::FirstMessage).starts_with("*SEV1 payment: checkout fails*"));
    proposal.reset(Field::Topic);
    assert!(proposal.get(Field::Topic).starts_with("SEV1 checkout fails"));
    assert!(proposal.set(Field::Severity, "SEV9").unwrap_err().contains("SEV1, SEV2"));
    assert!(proposal.set(Field::Roles, "boss=x").unwrap_err().contains("commander"));
    assert!(proposal.set(Field::Pages, "P9").unwrap_err().contains("no page"));
    proposal.set(Field::Channel, "!!!").unwrap();
    assert!(
        proposal.check().iter().any(|finding| finding.field == Field::Channel && finding.text.contains("no letter"))
    );
    assert!(proposal.get(Field::Channel).starts_with("inc-20261121"), "{}", proposal.get(Field::Channel));
    proposal.set(Field::Title, " ").unwrap();
    assert!(proposal.check().iter().any(|finding| finding.blocks && finding.field == Field::Title));
}

#[test]
fn bad_templates_are_said_and_stand_in_nobodys_way() {
    let mut config = config();
    config.channel = "inc-{{ servce }}".into();
    config.topic = "{{ title".into();
    config.first_message =
        Some("{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}".into());
    let proposal = Proposal::new(facts(), &config, at(0), 1);
    assert_eq!(proposal.get(Field::Channel), "inc-2026-11-21-1400-payment");
    assert_eq!(proposal.get(Field::Topic), "SEV2 payment answers with 5xx");
    let of = |field| proposal.check().into_iter().find(|finding| finding.field == field).unwrap().text;
    assert!(of(Field::Channel).contains("did you mean `service`?"), "{}", of(Field::Channel));
    assert!(of(Field::Topic).contains("cannot be filled in"), "{}", of(Field::Topic));
    assert!(of(Field::FirstMessage).contains("cannot be filled in"), "{}", of(Field::FirstMessage));
    assert!(planned(&proposal).iter().any(|delivery| &*delivery.key == "first-message"));
    let (_, deeds) = proposal.declare();
    assert!(deeds.iter().any(|deed| matches!(deed, Deed::Remark { text } if text.contains("servce"))));
}

#[test]
fn the_runbook_and_its_parameters_are_heard() {
    let mut facts = facts();
    facts.runbook = Some(RunbookFacts {
        id: "node-not-ready".into(),
        title: "Node not ready".into(),
        link: Some("https://runbooks.example/node".into()),
        channel: Some("inc-{{ node }}".into()),
        topic: Some("{{ node }} is not well".into()),
        severity: Some("SEV1".into()),
        roles: BTreeMap::from([(Role::Scribe, "dora".to_owned())]),
        invite: vec!["carol".into(), "alice".into()],
        first_message: Some("Looking at {{ node }}.".into()),
        update_every: Some(900),
        values: BTreeMap::from([("node".to_owned(), "node-7".to_owned())]),
        component: None,
    });
    let proposal = propose_it(facts);
    assert_eq!(proposal.get(Field::Channel), "inc-node-7");
    assert_eq!(proposal.get(Field::Topic), "node-7 is not well");
    assert_eq!((proposal.severity(), proposal.declared().update_every), (Severity::Sev1, 900));
    let mut pen = super::Pen::new("w1", "alice");
    let (_, deeds) = proposal.declare();
    let incident = Incident::of(deeds.into_iter().map(|deed| pen.entry(at(0), deed))).unwrap();
    assert_eq!(incident.update_every().as_secs(), 900, "what the runbook says is not halved");
    assert_eq!(proposal.get(Field::Invite), "alice, bob@example.com, carol");
    assert!(proposal.get(Field::FirstMessage).contains("Looking at node-7.\n"));
    assert!(proposal.get(Field::Links).contains("https://runbooks.example/node"));
    assert_eq!(proposal.get(Field::Roles), "commander=alice@bastion, scribe=dora");
}

#[test]
fn a_runbook_that_is_found_later_fills_in_what_nobody_set() {
    let mut proposal = propose_it(facts());
    proposal.set(Field::Severity, "SEV3").unwrap();
    proposal.set(Field::Topic, "mine").unwrap();
    proposal.learn_runbook(RunbookFacts {
        id: "errors".into(),
        title: "Errors".into(),
        severity: Some("SEV1".into()),
        channel: Some("inc-errors".into()),
        topic: Some("theirs".into()),
        roles: BTreeMap::from([(Role::Commander, "erin".to_owned()), (Role::Scribe, "dora".to_owned())]),
        invite: vec!["carol".into()],
        ..RunbookFacts::default()
    });
    assert_eq!((proposal.severity(), proposal.get(Field::Topic)), (Severity::Sev3, "mine".into()), "set by hand");
    assert_eq!(proposal.get(Field::Channel), "inc-errors");
    assert_eq!(proposal.get(Field::Roles), "commander=erin, scribe=dora");
    assert_eq!(proposal.get(Field::Invite), "alice, bob@example.com, carol");
    assert!(proposal.get(Field::FirstMessage).contains("Incident Commander: erin"));
    assert_eq!(proposal.declared().runbook.as_deref(), Some("errors"));
}

#[test]
fn nothing_is_public_before_it_is_confirmed() {
    let mut facts = facts();
    let components = BTreeMap::from([
        ("Checkout".to_owned(), vec!["pay*".to_owned()]),
        ("Login".to_owned(), vec!["auth".to_owned()]),
    ]);
    facts.status_page = Some(StatusPageFacts { name: "page".into(), product: "Statuspage", components });
    let mut proposal = propose_it(facts);
    proposal.set(Field::StatusPage, "We are looking into it.").unwrap();
    assert!(planned(&proposal).iter().all(|delivery| !delivery.what.is_public()));
    let draft = proposal.status_draft().unwrap();
    proposal.publish(Some(draft));
    let sent = planned(&proposal);
    let published = sent.iter().find(|delivery| delivery.what.is_public()).unwrap();
    assert!(matches!(&published.what, What::Publish { body, components, .. }
        if body == "We are looking into it." && components["Checkout"] == "partial_outage"));
    // A text that changes after it was confirmed is confirmed again.
    // So is anything else of it: what was confirmed is what is sent, or nothing.
    let is_public = |proposal: &Proposal| planned(proposal).iter().any(|delivery| delivery.what.is_public());
    for (field, text) in [
        (Field::StatusPage, "Other words."),
        (Field::Severity, "SEV1"),
        (Field::Service, "auth"),
        (Field::StatusPage, ""),
    ] {
        proposal.set(field, text).unwrap();
        assert!(!is_public(&proposal), "{field:?}");
        let said = proposal.check().into_iter().find(|finding| finding.field == Field::StatusPage).unwrap();
        assert!(said.text.contains("changed after it was confirmed") && !said.blocks, "{said:?}");
        let draft = proposal.status_draft();
        proposal.publish(draft);
        assert_eq!(is_public(&proposal), !text.is_empty(), "{field:?}");
    }
    let Some(Delivery { what: What::Publish { components, .. }, .. }) = ({
        proposal.set(Field::StatusPage, "Now.").unwrap();
        let draft = proposal.status_draft();
        proposal.publish(draft);
        planned(&proposal).pop()
    }) else {
        panic!("it is the last")
    };
    assert_eq!(
        components,
        BTreeMap::from([("Login".to_owned(), "major_outage".to_owned())]),
        "of the service as it is now"
    );
    proposal.publish(None);
    assert!(!is_public(&proposal) && proposal.check().iter().all(|finding| finding.field != Field::StatusPage));
}

#[test]
fn a_chat_without_channels_takes_the_message_and_no_chat_takes_nothing() {
    let mut facts = facts();
    facts.chat = Some(chat(false));
    let sent = planned(&propose_it(facts.clone()));
    assert_eq!(sent.len(), 1);
    assert!(sent[0].after.is_empty());
    facts.chat = None;
    facts.alerts.clear();
    facts.workload = None;
    facts.user = String::new();
    let proposal = propose_it(facts);
    assert!(planned(&proposal).is_empty());
    assert_eq!(proposal.get(Field::Title), "Trouble");
    assert!(proposal.check().iter().all(|finding| !finding.blocks));
    let mut pen = super::Pen::new("w1", "alice");
    let (id, deeds) = proposal.declare();
    let incident = Incident::of(deeds.into_iter().map(|deed| pen.entry(at(0), deed))).unwrap();
    assert_eq!((incident.id(), incident.roles().contains_key(&Role::Commander)), (&id, true));
}

#[test]
fn ids_and_names_are_plain_whatever_the_service_is_called() {
    for service in ["", "Zahlung/Käse ☃", &"x".repeat(300), "a--b..c"] {
        let mut proposal = propose_it(facts());
        proposal.set(Field::Service, service).unwrap();
        let id = proposal.id();
        assert_eq!(id.as_str().parse::<IncidentId>().as_ref(), Ok(&id));
        assert!(id.as_str().len() <= LONGEST_ID && id.as_str().starts_with("20261121-1402-"), "{id}");
    }
    let ids: std::collections::BTreeSet<_> =
        (0..100).map(|random| Proposal::new(facts(), &config(), at(0), random).id()).collect();
    assert_eq!(ids.len(), 100);
    assert_eq!(
        (slug("A b__C", 80), slug("☃", 80), slug("abc-def", 4)),
        ("a-b-c".into(), "incident".into(), "abc".into())
    );
}

#[test]
fn the_first_rule_that_fits_says_how_bad_it_is() {
    let rules = config().rule;
    let alerts = [alert("HighErrorRate", alert::Severity::Critical, at(0))];
    let signs = Signs { alerts: &[&alerts[0]], burn: Some(60.0), production: true, workload: None };
    let (severity, why) = propose(&rules, signs);
    assert_eq!(severity, Severity::Sev1);
    assert!(why.contains("60.0 times") && why.contains("production"), "{why}");
    assert_eq!(propose(&rules, Signs { production: false, ..signs }).0, Severity::Sev2);
    assert_eq!(propose(&rules, Signs::default()).0, Severity::Sev3);
    assert_eq!(propose(&[], Signs::default()).0, Severity::Sev3);
    assert_eq!(to_review(Severity::Sev2, &rules, signs).unwrap().0, Severity::Sev1);
    assert!(to_review(Severity::Sev1, &rules, signs).is_none());
}

#[test]
fn a_template_is_bounded() {
    let values = Values::from([("title".to_owned(), "{{ 7 * 7 }}`x`".to_owned())]);
    assert_eq!(render("{{ title }}", &values).unwrap(), "{{ 7 * 7 }}`x`", "a value is no template");
    let long = render("{% for a in range(1000) %}{{ 'x' * 1000 }}{% endfor %}", &values).unwrap_err();
    assert!(!long.is_empty());
    assert!(render("{{ nope }}", &values).unwrap_err().contains("there are title"));
    assert!(render("{% include 'x' %}", &values).is_err());
}

#[test]
fn the_first_sign_is_that_of_the_worst_alerts() {
    let mut facts = facts();
    facts.alerts.push(alert("CertificateExpires", alert::Severity::Info, at(-3 * 86_400)));
    facts.alerts.push(alert("Slow", alert::Severity::Critical, at(-300)));
    assert_eq!(propose_it(facts).declared().detected, Some(at(-300)));
}

#[test]
fn pages_that_come_late_or_were_acknowledged() {
    let mut facts = facts();
    facts.pages = vec![page("P1", &["HighErrorRate"], "acknowledged")];
    let mut proposal = propose_it(facts);
    let keys = |proposal: &Proposal| -> Vec<String> {
        let all = planned(proposal).into_iter().map(|delivery| delivery.key.to_string());
        all.filter(|key| key.contains(":P")).collect()
    };
    assert_eq!(keys(&proposal), ["page-note:P1"], "somebody has it already: only the note");
    assert!(proposal.learn_pages(&[page("P2", &["HighErrorRate"], "triggered")]), "more is sent than was read");
    proposal.set(Field::Pages, "P1").unwrap();
    assert!(!proposal.learn_pages(&[page("P3", &["HighErrorRate"], "triggered")]), "a person chose");
    assert_eq!(proposal.get(Field::Pages), "P1");
}

#[test]
fn a_private_channel_without_guests_is_said() {
    let mut proposal = propose_it(facts());
    proposal.set(Field::Visibility, "private").unwrap();
    let alone = |proposal: &Proposal| proposal.check().iter().any(|finding| finding.text.contains("only the bot"));
    assert!(!alone(&proposal));
    proposal.set(Field::Invite, "").unwrap();
    assert!(alone(&proposal));
}

#[test]
fn one_alert_meets_all_that_a_rule_says_of_alerts() {
    let mut rule = config().rule.remove(1);
    rule.alerts = Some(vec!["Slow*".into()]);
    let alerts =
        [alert("HighErrorRate", alert::Severity::Critical, at(0)), alert("SlowQueries", alert::Severity::Info, at(0))];
    let signs = |alerts| Signs { alerts, ..Signs::default() };
    let alerts: Vec<_> = alerts.iter().collect();
    assert_eq!(propose(std::slice::from_ref(&rule), signs(&alerts)).1, "no rule fits");
    let both = alert("SlowQueries", alert::Severity::Critical, at(0));
    assert_eq!(propose(&[rule], signs(&[&both])).0, Severity::Sev2);
}
