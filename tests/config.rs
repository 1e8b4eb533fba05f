//! The configuration from outside: every mistake has a file under `tests/config/` and a snapshot of what is said
//! about it; the sample and the shipped files load; layers, globs and provenance come out as documented.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "config/look.rs"]
mod look;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use opsdeck::app::command_ids;
use opsdeck::config::keymap::{CommandId, Keymap};
use opsdeck::config::theme::{ColourDepth, Theme};
use opsdeck::config::{
    self, Confirm, Dirs, LoadOptions, Origin, Override, SAMPLE, SecretSource, load, reference, schema,
};

/// Commands as the console registers them.
static COMMANDS: LazyLock<Vec<CommandId>> = LazyLock::new(command_ids);

fn fixtures(kind: &str) -> Vec<(String, PathBuf)> {
    let mut found: Vec<_> = std::fs::read_dir(Path::new("tests/config").join(kind))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

fn snapshot(kind: &str, name: &str, text: &str) {
    assert!(!text.contains("hunter2"), "{kind}/{name} shows a secret:\n{text}");
    insta::with_settings!({ snapshot_path => "config/snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(format!("{kind}-{name}"), text);
    });
}

fn own_dirs() -> Dirs {
    Dirs { config: Some(PathBuf::from("tests/config")), ..Dirs::default() }
}

fn with_text(text: &str) -> (tempfile::TempDir, LoadOptions) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.toml"), text).unwrap();
    let dirs = Dirs { config: Some(dir.path().to_owned()), ..Dirs::default() };
    (dir, LoadOptions { dirs, ..LoadOptions::default() })
}

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn every_mistake_in_settings_is_pointed_at() {
    for (name, path) in fixtures("settings") {
        let error = load(&LoadOptions { explicit_file: Some(path), ..LoadOptions::default() }).expect_err(&name);
        snapshot("settings", &name, &error.to_string());
    }
}

#[test]
fn every_mistake_in_keymaps_is_pointed_at() {
    for (name, _) in fixtures("keymaps") {
        let error = Keymap::load(&name, &own_dirs(), &COMMANDS).expect_err(&name);
        snapshot("keymaps", &name, &error.to_string());
    }
}

#[test]
fn every_mistake_in_themes_is_pointed_at() {
    for (name, _) in fixtures("themes") {
        let error = Theme::load(&name, &own_dirs(), ColourDepth::True).expect_err(&name);
        snapshot("themes", &name, &error.to_string());
    }
}

#[test]
fn mistakes_in_the_environment_and_in_arguments_name_their_source() {
    let options = LoadOptions {
        env: env(&[("OPSDECK_UI_COLOUR", "allways"), ("OPSDECK_DEFAULTS_LOG_LINES", "many")]),
        overrides: vec![Override { key: "ui.theme".into(), value: "drak".into(), argument: "--theme".into() }],
        ..LoadOptions::default()
    };
    snapshot("load", "environment", &load(&options).unwrap_err().to_string());
    let options = LoadOptions { explicit_file: Some("tests/config/none.toml".into()), ..LoadOptions::default() };
    snapshot("load", "no-such-file", &load(&options).unwrap_err().to_string());
}

#[test]
fn the_sample_loads_as_written_and_with_every_example_taken_out_of_its_comment() {
    let (_dir, options) = with_text(SAMPLE);
    let loaded = config::check(&options, &COMMANDS).unwrap();
    let built_in = config::Config::built_in().unwrap();
    assert_eq!(loaded.config.settings, built_in.settings, "the sample changes nothing");

    let is_setting = |line: &str| {
        line.starts_with('[')
            || line
                .split_once(" = ")
                .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || "-.".contains(c)))
    };
    let live: String = SAMPLE
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| is_setting(rest)).unwrap_or(line))
        // The two ways of authentication exclude each other; both are examples.
        .filter(|line| !line.starts_with("basic = "))
        .fold(String::new(), |text, line| text + line + "\n");
    let (_dir, options) = with_text(&live);
    let loaded = load(&options).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.config.objectives.len(), 1);
    assert!((loaded.config.objectives[0].target - 0.999).abs() < 1e-9);
    // Every setting that there is stands in the sample, as a default or as an example.
    for variable in config::environment::variables() {
        let Some((section, key)) = variable.key.split_once('.') else { continue };
        let body =
            live.split(&format!("[{section}]")).nth(1).and_then(|rest| rest.split("\n[").next()).unwrap_or_default();
        // What both sources know is shown once.
        let as_above = section == "alertmanager" && live.contains(&format!("\n{key} = "));
        assert!(as_above || body.contains(&format!("\n{key} = ")), "{} is missing in sample.toml", variable.key);
    }
}

#[test]
fn layers_lie_over_each_other_and_tell_where_from() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name).join("config.toml");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    let system = file(
        "etc",
        "[ui]\ntheme = \"light\"\nmouse = false\n[prometheus]\ntimeout = \"3s\"\ntoken = { env = \"SYSTEM\" }\n",
    );
    let user = file("home", "[ui]\ntheme = \"sixteen\"\n[prometheus]\ntoken = { file = \"~/token\" }\n");
    let explicit = file("other", "[prometheus]\nbasic = { username = \"u\", password = { env = \"P\" } }\n");
    let dirs = Dirs {
        system: Some(dir.path().join("etc")),
        config: Some(dir.path().join("home")),
        state: Some(dir.path().join("state")),
    };
    let mut options = LoadOptions {
        dirs: dirs.clone(),
        env: env(&[
            ("HOME", "/home/u"),
            ("OPSDECK_UI_ASCII", "true"),
            ("OPSDECK_ALERTMANAGER_URLS", "http://a, http://b"),
        ]),
        overrides: vec![Override { key: "ui.mouse".into(), value: "true".into(), argument: "--mouse".into() }],
        ..LoadOptions::default()
    };

    let loaded = load(&options).unwrap();
    let ui = &loaded.config.settings.ui;
    assert_eq!((ui.theme.as_str(), ui.mouse, ui.ascii), ("sixteen", true, true));
    assert_eq!(loaded.files, [system.clone(), user.clone()]);
    let here = loaded.config.context("any");
    assert_eq!(here.prometheus.http.timeout.as_secs(), 3);
    assert_eq!(here.prometheus.http.token, Some(SecretSource::File("/home/u/token".into())));
    assert_eq!(here.alertmanager.urls, ["http://a", "http://b"]);
    let line =
        |key: &str| loaded.said.iter().find(|said| said.key == key).map(|said| (&said.origin, said.line)).unwrap();
    assert_eq!(line("ui.theme"), (&Origin::File(user), 2));
    assert_eq!(line("prometheus.timeout"), (&Origin::File(system.clone()), 5));
    assert_eq!(loaded.origin("ui.mouse"), Some(&Origin::Argument("--mouse".into())));
    assert_eq!(loaded.origin("ui.ascii"), Some(&Origin::Environment("OPSDECK_UI_ASCII".into())));
    assert_eq!(loaded.origin("verification.timeout"), Some(&Origin::BuiltIn("defaults")));
    assert_eq!(loaded.config.audit_directory(&dirs), Some(dir.path().join("state/audit")));

    // A named file replaces the user's, by argument before environment; the machine's stays below it. Its password
    // replaces the machine's token.
    options.env.insert("OPSDECK_CONFIG".into(), "/nowhere".into());
    options.explicit_file = Some(explicit.clone());
    let loaded = load(&options).unwrap();
    assert_eq!(loaded.files, [system, explicit]);
    let http = loaded.config.context("any").prometheus.http;
    assert!(http.token.is_none() && http.basic.is_some());
    assert_eq!(loaded.config.settings.ui.theme, "light");
}

#[test]
fn contexts_match_the_most_specific_last() {
    let (_dir, options) = with_text(
        r#"
        [prometheus]
        url = "http://everywhere"
        token = { env = "EVERYWHERE" }
        headers = { X-Scope-OrgID = "a", X-Kept = "k" }
        [contexts."*"]
        namespace = "shop"
        [contexts."prod-*"]
        label = "PROD"
        prometheus = { url = "http://prod", basic = { username = "u", password = { env = "P" } }, headers = { X-Scope-OrgID = "b" } }
        [contexts."prod-eu"]
        production = false
        label = "practice"
        [contexts."*-prod"]
        production = true
        [contexts."shop?"]
        confirm = "none"
        read-only = true
        "#,
    );
    let config = load(&options).unwrap().config;

    let us = config.context("prod-us");
    assert!(us.production, "the built-in *prod* still holds");
    assert_eq!((us.label.as_str(), us.confirm, us.namespace.as_deref()), ("PROD", Confirm::Name, Some("shop")));
    assert_eq!(us.prometheus.url.as_deref(), Some("http://prod"));
    assert!(us.prometheus.http.token.is_none(), "another context's token must not travel with this one's password");
    assert_eq!(us.prometheus.http.headers.len(), 2);

    let eu = config.context("prod-eu");
    assert_eq!((eu.production, eu.label.as_str(), eu.confirm), (false, "practice", Confirm::Yes));
    let shop = config.context("shop1");
    assert_eq!((shop.confirm, shop.read_only, shop.label.as_str()), (Confirm::None, true, "shop1"));
    assert!(shop.prometheus.http.token.is_some());
    assert_eq!(config.context("shop12").confirm, Confirm::Yes);
    for (name, production) in [
        ("production", true),
        ("gke_x_prod-1", true),
        ("nonprod", false),
        ("eu-preprod", false),
        ("staging", false),
        ("a-pre-prod", true),
        ("prod-pre-live", true),
    ] {
        assert_eq!(config.context(name).production, production, "{name}");
    }
}

#[test]
fn of_all_guardrails_that_match_the_strictest_holds() {
    let at = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc();
    let noon = at("2026-03-04T12:00:00Z");
    let (_dir, options) = with_text(
        r#"
        [contexts."prod-us"]
        confirm = "name"
        [contexts."archive"]
        read-only = true
        [[guardrail]]
        name = "prod"
        contexts = ["prod-*"]
        confirm = "yes"
        max-objects = 5
        require-reason = true
        why = "changes are seen by customers"
        [[guardrail]]
        contexts = ["prod-eu", "prod-us"]
        namespaces = ["shop", "shop-*"]
        actions = ["scale", "drain"]
        deny = true
        max-objects = 3
        max-percent = 30
        [[guardrail]]
        name = "rush hours"
        contexts = ["prod-eu"]
        max-objects = 4
        freeze = [
            { days = ["wed"], hours = "11:00-13:00", why = "lunch orders" },
            { from = "2026-03-04T12:00:00Z", to = "2026-03-05T00:00:00Z", why = "a launch" },
        ]
        [[guardrail]]
        contexts = ["sandbox"]
        confirm = "none"
        require-incident = true
        "#,
    );
    let config = load(&options).unwrap().config;
    let rules = |context: &str, namespace: Option<&str>, action: &str, now| {
        config.guardrails_for(context, namespace, action, now)
    };

    let eu = rules("prod-eu", Some("shop-a"), "scale", noon);
    let place = eu.deny.as_ref().unwrap().to_string();
    assert!(place.ends_with("config.toml line 13"), "a rule without a name is called by its place: {place}");
    let limits = (eu.max_objects.as_ref().map(|limit| limit.value), eu.max_percent.as_ref().map(|limit| limit.value));
    assert_eq!(limits, (Some(3), Some(30)));
    assert_eq!(eu.confirm, Confirm::Yes, "what is said replaces production's default");
    let reason = eu.require_reason.clone().unwrap().to_string();
    assert!(reason.starts_with("prod (") && reason.ends_with("): changes are seen by customers"), "{reason}");
    let frozen = eu.frozen.clone().unwrap();
    assert_eq!((frozen.why.as_str(), frozen.until), ("a launch", Some(at("2026-03-05T00:00:00Z"))), "the longer one");
    assert_eq!(rules("prod-eu", None, "drain", at("2026-03-05T12:00:00Z")).frozen, None);

    let node = rules("prod-eu", None, "drain", noon);
    assert!(node.deny.is_none() && node.max_percent.is_none(), "a rule over namespaces says nothing of nodes");
    assert_eq!(node.max_objects.as_ref().map(|limit| limit.value), Some(4));
    assert!(rules("prod-eu", Some("shop"), "rollback", noon).deny.is_none());
    assert!(rules("prod-eu", Some("workshop"), "scale", noon).deny.is_none());

    assert_eq!(rules("prod-us", Some("x"), "scale", noon).confirm, Confirm::Name, "[contexts] said so");
    assert_eq!(rules("prod-ap", Some("x"), "scale", noon).confirm, Confirm::Yes);
    let sandbox = rules("sandbox", Some("x"), "scale", noon);
    assert_eq!((sandbox.confirm, sandbox.require_incident.is_some()), (Confirm::None, true));
    assert_eq!(rules("elsewhere", Some("x"), "scale", noon).confirm, Confirm::Yes);
    assert_eq!(
        rules("prod-eu", Some("shop"), "scale", noon)
            .sentences()
            .iter()
            .map(|sentence| sentence.split_once(": ").map_or(sentence.as_str(), |(what, _)| what))
            .collect::<Vec<_>>(),
        [
            "refused",
            "refused, frozen until 2026-03-05 00:00Z for a launch",
            "confirmed with one key",
            "at most 3 objects",
            "at most 30 % of the replicas",
            "a reason is required",
        ]
    );
    let archive = rules("archive", None, "cordon", noon).read_only.unwrap().to_string();
    assert_eq!(archive, "[contexts] of archive");

    // An action on several objects keeps to what holds for any of them.
    let both = node.and(eu);
    assert!(both.deny.is_some() && both.max_objects.is_some_and(|limit| limit.value == 3));
}

#[test]
fn guardrails_of_all_layers_add_up() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("etc", "[[guardrail]]\ndeny = true\nname = \"machine\"\n"),
        ("home", "\n[[guardrail]]\nmax-objects = 1\nname = \"user\"\n"),
    ] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
        std::fs::write(dir.path().join(name).join("config.toml"), text).unwrap();
    }
    let dirs = Dirs { system: Some(dir.path().join("etc")), config: Some(dir.path().join("home")), state: None };
    let loaded = load(&LoadOptions { dirs, ..LoadOptions::default() }).unwrap();
    let rules = loaded.config.guardrails_for("any", None, "cordon", chrono::DateTime::default());
    assert_eq!(rules.deny.map(|rule| rule.name).as_deref(), Some("machine"), "a user's file takes nothing away");
    assert!(rules.max_objects.unwrap().rule.place.ends_with("home/config.toml line 2"));
    let said: Vec<_> = loaded.said.iter().filter(|said| said.key.starts_with("guardrail")).collect();
    assert_eq!(said.len(), 2);
    assert!(matches!(&said[1].origin, Origin::File(path) if path.ends_with("home/config.toml")));
}

#[test]
fn severities_take_the_worst_list_and_know_no_case() {
    use opsdeck::domain::alert::{Labels, Severity};
    let (_dir, options) = with_text("[severity]\ncritical = [\"Medium\"]\n");
    let severity = load(&options).unwrap().config.severity;
    let of = |name: &str, value: &str| severity.severity_of(&Labels::from([(name.into(), value.into())]));
    assert_eq!(of("severity", "medium"), Severity::Critical);
    assert_eq!(of("severity", "WARN"), Severity::Warning);
    assert_eq!(of("severity", "page"), Severity::Info, "a list that is said replaces the default one");
    assert_eq!(of("sloth_severity", "ticket"), Severity::Warning);
    assert_eq!(of("team", "medium"), Severity::Info);
}

#[test]
fn reference_and_schema_tell_every_setting() {
    snapshot("generated", "reference", &reference());
    let schema = schema::schema();
    assert_eq!(schema.pointer("/properties/ui/properties/theme/default").unwrap(), "dark");
    assert_eq!(schema.pointer("/properties/ui/additionalProperties").unwrap(), false);
    assert_eq!(schema.pointer("/properties/slo/items/required/0").unwrap(), "name");
    assert!(schema.pointer("/properties/prometheus/required").is_none());
    let mut nothing_described = Vec::new();
    undescribed(schema, "", &mut nothing_described);
    assert_eq!(nothing_described, Vec::<String>::new());
}

fn undescribed(schema: &serde_json::Value, path: &str, found: &mut Vec<String>) {
    for (name, property) in schema.get("properties").and_then(|p| p.as_object()).into_iter().flatten() {
        let path = format!("{path}/{name}");
        if property.get("description").is_none_or(|text| text.as_str().is_none_or(str::is_empty)) {
            found.push(path.clone());
        }
        if property.get("oneOf").is_none() {
            undescribed(property, &path, found);
        }
    }
}

#[test]
fn a_source_of_flags_is_asked_in_the_contexts_that_it_has_an_environment_for() {
    let (_dir, options) = with_text(
        r#"
        [[flags]]
        name = "unleash"
        provider = "unleash"
        url = "https://unleash.example.com"
        token = { file = "~/unleash.token" }
        projects = ["default"]
        environments = { "prod-*" = ["production"], "prod-eu" = ["production", "canary"], "off-*" = [] }
        workloads = { "*pricing*" = ["shop/payment", "cart"], "new-*" = ["checkout"] }
        interval = "1m"
        "#,
    );
    let options = LoadOptions { env: env(&[("HOME", "/home/oncall")]), ..options };
    let config = load(&options).unwrap().config;
    let of = |context: &str| config.context(context).flags;
    assert_eq!(of("prod-us")[0].environments, ["production"]);
    assert_eq!(of("prod-eu")[0].environments, ["production", "canary"], "the most specific counts alone");
    assert!(of("dev").is_empty() && of("off-1").is_empty());
    let source = &of("prod-us")[0];
    assert_eq!(source.http.token, Some(SecretSource::File("/home/oncall/unleash.token".into())));
    assert_eq!(source.interval.as_secs(), 60);
    let about: Vec<&str> = source.workloads_of("new-pricing").collect();
    assert_eq!(about, ["shop/payment", "cart", "checkout"]);
    assert_eq!(source.workloads_of("dark-mode").count(), 0);
}
