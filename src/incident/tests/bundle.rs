//! Tests of bundle.

use super::{at, begun, night};
use crate::domain::incident::entry::Deed;
use crate::incident::Incident;
use crate::incident::hand_over::{bundle, open, summary};
use crate::incident::redact::{is_whole, redact};

#[test]
fn secrets_do_not_pass_and_names_do() {
    assert!(is_whole());
    let secrets = [
        ("curl -H 'Authorization: Bearer abcdefgh12345678'", "abcdefgh12345678"),
        ("GenieKey 01234567-89ab-cdef-0123", "01234567-89ab"),
        ("Token token=y_NbAkKc66ryYTWUXYEu", "y_NbAkKc66ryYTWUXYEu"),
        ("xoxb-123456789012-abcdef", "xoxb-1234"),
        ("https://alice:hunter2@git.example/x", "hunter2"),
        ("https://hooks.slack.com/services/T0/B0/abcdef", "T0/B0"),
        ("https://discord.com/api/webhooks/12/abc-def", "abc-def"),
        ("https://chat.example/hooks/xyzzyxyzzyxyzzy", "xyzzy"),
        ("password=hunter2", "hunter2"),
        ("\"api_key\": \"hunter2 with spaces\"", "hunter2"),
        ("https://x.example/?access_token=hunter2&a=1", "hunter2"),
        ("DB_PASSWORD: hunter2", "hunter2"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "eyJ"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIA"),
        ("d41d8cd98f00b204e9800998ecf8427e", "d41d8"),
        ("kJ8sd7Fh3kLm9Qw2Er5Ty7Ui1Op4As6D==", "kJ8sd7"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE"),
        ("syt_YWxpY2U_abcdefgh", "syt_YW"),
        ("Authorization: Token s3cret", "s3cret"),
        ("Authorization: Splunk 11111111-2222-3333-4444-555555555555", "11111111"),
        ("curl -u admin:hunter22 https://x.example", "hunter22"),
        ("mysql --password hunter2", "hunter2"),
        ("the password is hunter2", "hunter2"),
        ("amqp://u:pa/ss@h", "ss@h"),
        ("password=ab,cd", "cd"),
        ("Password=P@ss;w0rd", "w0rd"),
        ("password: [abc", "abc"),
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "K7MDENG"),
    ];
    for (text, secret) in secrets {
        let redacted = redact(text);
        assert!(!redacted.contains(secret), "{text} became {redacted}");
        assert!(redacted.contains("[redacted]"), "{text} became {redacted}");
        assert_eq!(redact(&redacted), redacted, "again alters nothing");
    }
    for text in [
        "alice@example.com rolled deployment/payment-frontend-canary back to revision 41",
        "payment@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "https://shop.slack.com/archives/C0123456789/p1700000000000000",
        "the token bucket was empty",
        "a basic understanding of it",
        "https://grafana.example:3000/d/abc?who=alice@example.com",
        "20261121-1400-payment-test",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn a_bundle_tells_the_same_incident_without_its_secrets() {
    let (mut incident, mut pen) = night::whole();
    incident.insert(pen.entry(at(5_000), Deed::Note { text: "token=hunter2 \u{1b}[31mred".into() }));
    let text = bundle(&incident, at(6_000)).unwrap();
    assert!(!text.contains("hunter2"));
    let opened = open(&text).unwrap();
    assert_eq!(opened.id, *incident.id());
    assert_eq!(opened.entries.len(), incident.len());
    let again = Incident::of(opened.entries).unwrap();
    for (ours, theirs) in incident.timeline().iter().zip(again.timeline()) {
        assert_eq!((ours.at, ours.kind, &ours.by), (theirs.at, theirs.kind, &theirs.by));
    }
    let last = again.entries().last().unwrap();
    assert!(matches!(&last.deed, Deed::Note { text } if text == "token=[redacted] red"), "{last:?}");
    assert_eq!(again.channel().map(|channel| channel.id), incident.channel().map(|channel| channel.id));
    assert!(opened.summary.contains("payment"));
}

#[test]
fn a_bundle_that_is_none_says_why() {
    let (incident, _) = begun();
    let good: serde_json::Value = serde_json::from_str(&bundle(&incident, at(1)).unwrap()).unwrap();
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = good.clone();
        change(&mut value);
        open(&value.to_string()).unwrap_err().to_string()
    };
    assert!(open("{").unwrap_err().to_string().starts_with("this is no bundle"));
    assert!(with(&|value| value["format"] = "x".into()).contains("`format`"));
    assert!(with(&|value| value["version"] = 9.into()).contains("version 9"));
    assert!(with(&|value| value["entries"][0]["stamp"] = "x".into()).contains("entry 1"));
    assert!(with(&|value| value["entries"] = serde_json::json!([])).contains("declares"));
    assert!(with(&|value| value["incident"] = "20261121-1400-other-aaaa".into()).contains("those of"));
    let two = with(&|value| {
        let mut copy = value["entries"][0].clone();
        copy["title"] = "another".into();
        value["entries"].as_array_mut().unwrap().push(copy);
    });
    assert!(two.contains("two different entries"), "{two}");
}

#[test]
fn the_summary_says_where_it_stands() {
    let (incident, _) = night::whole();
    let text = summary(&incident, at(9_000));
    for part in [
        "SEV1 payment",
        "Status resolved",
        "Suspect: rollout of deployment/payment to revision 42",
        "Channel: inc-payment",
        "write a test",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn what_is_not_known_of_alerts_is_not_said() {
    let (mut incident, mut pen) = begun();
    let text = summary(&incident, at(9));
    assert!(text.contains("Declared for `HighErrorRate`; whether that still fires is not known."), "{text}");
    let fires = |firing| Deed::Alert { alert: "HighErrorRate".into(), subject: "payment".into(), firing };
    incident.insert(pen.entry(at(10), fires(true)));
    assert!(summary(&incident, at(11)).contains("Firing: `HighErrorRate`."));
    incident.insert(pen.entry(at(12), fires(false)));
    assert!(summary(&incident, at(13)).contains("No alert of it fires."));
    // After a quoted header the rest of the line stays.
    assert!(
        redact("curl -H 'Authorization: Bearer abcdefgh12' https://x.example/y").ends_with("' https://x.example/y")
    );
}
