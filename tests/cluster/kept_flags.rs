//! Flags that the cluster keeps, through the door: only the intended bytes change, objects and documents compared before
//! and after, and whoever edits the same flag in between is not overwritten.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use opsdeck::actions::door::Door;
use opsdeck::actions::exchange::{DoorInput, Work};
use opsdeck::actions::flag::SetFlag;
use opsdeck::actions::outcome::{End, Outcome, Stage};
use opsdeck::actions::{ActionKind, ActionRequest, Origin};
use opsdeck::config::{Dirs, LoadOptions};
use opsdeck::domain::cluster::NamespaceScope;
use opsdeck::domain::flag::{FlagChange, FlagRef};
use opsdeck::runtime::clock::Clock;
use opsdeck::runtime::executor::answer;
use opsdeck::runtime::journal::FileJournal;
use opsdeck::runtime::wiring::{Launch, Place as Where};
use serde_json::{Value, json};

use crate::backend::{Backend, Place};
use crate::stack::Stack;
use crate::support::opsdeck;
use crate::{Body, Case};

pub const CASES: &[Case] = &[
    Case::new("a_feature_flag_changes_in_one_value", Body::Kubernetes(feature_flag)),
    Case::new("a_value_in_a_config_map_changes_in_its_bytes", Body::Kubernetes(config_map)),
    Case::new("who_edits_a_flag_in_between_is_not_overwritten", Body::Kubernetes(in_between)),
    Case::new("a_viewer_of_kept_flags_is_told_what_is_missing", Body::Stack(viewer)),
];

const FEATURE_FLAG: &str = r##"apiVersion: core.openfeature.dev/v1beta1
kind: FeatureFlag
metadata: {name: checkout, labels: {team: shop}}
spec:
  flagSpec:
    flags:
      new-pricing:
        state: ENABLED
        variants: {"on": true, "off": false}
        defaultVariant: "on"
        targeting: {if: [{ends_with: [{var: email}, "@example.com"]}, "on", null]}
      team/banner~2:
        state: ENABLED
        variants: {red: "#f00", blue: {code: "#00f", weight: 3}}
        defaultVariant: red
"##;

const YAML: &str = "# owned by team shop: ünïcode\nserver: {port: 8080}   # not a flag\nfeatures:\n  # since monday\n  \
                    new-pricing:   yes # was: no\n  mode:  'blue'\n\n  old: {enabled: True, description: \"kept\"}\n";
const JSON: &str = "{\n\t\"features\" : { \"json-flag\" :true , \"n\": 1.50 },\n\t\"é\": \"\\u00e9\"\n}\n";
const TOML: &str = "# c\n[features] # d\ntoml-flag = true   # was false\nat = 2026-01-01\n";
const PROPERTIES: &str = "! c\nfeatures.line = on\nfeatures.other: a\\\n   b\n";
const GOFF: &str = "goff-flag:   # mine\n  variations: {a: true, b: false}\n  defaultRule:\n    percentage: { a: 25, b: 75 } # shares\n";

fn manifest() -> String {
    let data = json!({"flags.yaml": YAML, "flags.json": JSON, "flags.toml": TOML, "flags.properties": PROPERTIES,
        "goff.yaml": GOFF, "notes.txt": "features: none"});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "features"}, "data": data}).to_string()
}

/// A configuration with a source of each product, for one namespace.
fn configuration(place: &Place) -> PathBuf {
    let path = place.home.path().join("flags.toml");
    let namespaces = format!("namespaces = [\"{}\"]", place.namespace);
    let text = format!(
        "[[flags]]\nname = \"operator\"\nprovider = \"feature-flag\"\n{namespaces}\nenvironments = {{ \"*\" = [\"production\"] }}\n\n\
         [[flags]]\nname = \"plain\"\nprovider = \"config-map\"\n{namespaces}\nobject = \"features\"\nkey = \"flags.*\"\n\
         path = [\"features\"]\n\n\
         [[flags]]\nname = \"goff\"\nprovider = \"go-feature-flag\"\n{namespaces}\nobject = \"features\"\nkey = \"goff.yaml\"\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// Takes a change through the door, agreeing to everything; `meanwhile` happens between the confirmation and the write.
fn act(backend: &Backend, place: &Place, flag: FlagRef, set: FlagChange, meanwhile: impl Fn()) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let home = place.home.path();
        let options = LoadOptions {
            explicit_file: Some(configuration(place)),
            dirs: Dirs { system: None, config: None, state: Some(home.to_owned()) },
            env: [].into(),
            overrides: vec![],
        };
        let launch = Launch {
            config: opsdeck::config::load(&options).unwrap().config,
            place: Where::Kubeconfig(Some(backend.kubeconfig.clone())),
            read_only: None,
            clock: Clock::System,
            journal: Arc::new(FileJournal::new(Path::new(home).join("audit.jsonl"))),
            runbooks: opsdeck::runtime::runbooks::RunbookHome::default(),
            incidents: opsdeck::runtime::incidents::IncidentHome::default(),
            user: "test".into(),
            ssh_client: None,
        };
        let scope = NamespaceScope::One(place.namespace.as_str().into());
        let connected = launch.connect(None, Some(scope), 1).await.unwrap();
        let action = ActionKind::Flag(SetFlag { flag, set, about: None });
        let request = ActionRequest::new(action, Origin::Headless);
        let (mut door, mut effects) = Door::request(request, &connected.guard, launch.clock.now());
        loop {
            while let Some(effect) = effects.pop() {
                if matches!(effect.work, Work::Execute(_)) {
                    meanwhile();
                }
                let said = answer(effect.work, &connected.services, launch.journal.clone()).await;
                effects.extend(door.handle(DoorInput::Answer(effect.ticket, said), launch.clock.now()));
                effects.extend(door.handle(DoorInput::Tick, launch.clock.now()));
            }
            let view = door.view();
            if view.stage == Stage::Ended {
                return view.outcome.unwrap().clone();
            }
            assert_eq!(view.stage, Stage::Review);
            let name = view.plan.unwrap().confirm_word();
            effects = door.handle(DoorInput::Type(name), launch.clock.now());
            effects.extend(door.handle(DoorInput::Confirm, launch.clock.now()));
        }
    })
}

fn done(backend: &Backend, place: &Place, flag: &FlagRef, set: FlagChange) {
    let outcome = act(backend, place, flag.clone(), set, || ());
    assert_eq!(outcome.end, End::Done, "{flag}: {outcome:?}");
}

/// An object without what every write changes.
fn told(mut object: Value) -> Value {
    for field in ["resourceVersion", "generation", "managedFields"] {
        object["metadata"].as_object_mut().unwrap().remove(field);
    }
    object
}

fn checkout(place: &Place, key: &str) -> FlagRef {
    FlagRef::new("operator", &format!("{}/checkout", place.namespace), "production", key)
}

fn feature_flag(backend: &Backend) {
    let place = backend.place("kept");
    if place.kubectl("api-resources --api-group=core.openfeature.dev -o name").trim().is_empty() {
        // Some other cluster: there the operator is not everywhere.
        return;
    }
    place.apply(FEATURE_FLAG);
    let mut wanted = told(place.get("featureflag checkout"));
    let flags = "/spec/flagSpec/flags";
    for (key, set, path, value) in [
        ("new-pricing", FlagChange::Enabled(false), "new-pricing/state", "DISABLED"),
        ("team/banner~2", FlagChange::Variant("blue".into()), "team~1banner~02/defaultVariant", "blue"),
        ("new-pricing", FlagChange::Enabled(true), "new-pricing/state", "ENABLED"),
    ] {
        done(backend, &place, &checkout(&place, key), set);
        *wanted.pointer_mut(&format!("{flags}/{path}")).unwrap() = json!(value);
        assert_eq!(told(place.get("featureflag checkout")), wanted, "{path}");
    }
    let unknown = act(backend, &place, checkout(&place, "gone"), FlagChange::Enabled(false), || ());
    assert_eq!(unknown.end, End::Refused, "{unknown:?}");
    // The same without the screen: what it says, and the exit code.
    let configuration = configuration(&place);
    let arguments = ["--kubeconfig", backend.kubeconfig.to_str().unwrap(), "--config", configuration.to_str().unwrap()];
    let run = |more: &[&str]| opsdeck(place.home.path()).args(arguments).args(more).output().unwrap();
    let off = run(&["flag", "off", "new-pricing", "--yes"]);
    assert_eq!(off.status.code(), Some(0), "{off:?}");
    *wanted.pointer_mut("/spec/flagSpec/flags/new-pricing/state").unwrap() = json!("DISABLED");
    assert_eq!(told(place.get("featureflag checkout")), wanted);
    let show = run(&["flag", "show", "new-pricing"]);
    assert!(String::from_utf8_lossy(&show.stdout).contains("default of the code that asks"), "{show:?}");
}

fn config_map(backend: &Backend) {
    let place = backend.place("kept");
    place.apply(&manifest());
    let mut wanted = told(place.get("configmap features"));
    let object = format!("{}/features", place.namespace);
    let plain = |document: &str, key: &str| FlagRef::new("plain", &format!("{object}/{document}"), "", key);
    let goff = FlagRef::new("goff", &format!("{object}/goff.yaml"), "", "goff-flag");
    let off = FlagChange::Enabled(false);
    for (flag, set, document, from, to) in [
        (plain("flags.yaml", "new-pricing"), off.clone(), "flags.yaml", "yes #", "no #"),
        (plain("flags.yaml", "old"), off.clone(), "flags.yaml", "enabled: True", "enabled: False"),
        (plain("flags.yaml", "mode"), FlagChange::Variant("it's red".into()), "flags.yaml", "'blue'", "'it''s red'"),
        (plain("flags.json", "json-flag"), off.clone(), "flags.json", ":true ", ":false "),
        (plain("flags.toml", "toml-flag"), off.clone(), "flags.toml", "= true ", "= false "),
        (plain("flags.properties", "line"), off.clone(), "flags.properties", "= on", "= off"),
        (goff.clone(), FlagChange::Percentage(5), "goff.yaml", "a: 25, b: 75", "a: 5, b: 95"),
        (goff, off, "goff.yaml", "  variations:", "  disable: true\n  variations:"),
    ] {
        done(backend, &place, &flag, set);
        let text = wanted["data"][document].as_str().unwrap().replacen(from, to, 1);
        assert_ne!(wanted["data"][document], text, "{from} stands in {document}");
        wanted["data"][document] = json!(text);
        assert_eq!(told(place.get("configmap features")), wanted, "{document}: {from} → {to}");
    }
}

fn in_between(backend: &Backend) {
    let place = backend.place("kept");
    place.apply(&manifest());
    let object = format!("{}/features", place.namespace);
    let flag = FlagRef::new("plain", &format!("{object}/flags.yaml"), "", "new-pricing");
    let write = |text: &str| {
        let patch = json!({"data": {"flags.yaml": text}}).to_string();
        let file = place.home.path().join("patch.json");
        std::fs::write(&file, patch).unwrap();
        place.kubectl(&format!("patch configmap features --type=merge --patch-file {}", file.display()));
    };
    let now = || place.get("configmap features")["data"]["flags.yaml"].as_str().unwrap().to_owned();
    let off = FlagChange::Enabled(false);

    // Somebody else has switched this very flag: that is a conflict, and theirs stays.
    let theirs = YAML.replacen("yes # was: no", "'off' # by someone", 1);
    let outcome = act(backend, &place, flag.clone(), off.clone(), || write(&theirs));
    assert_eq!((outcome.end, now()), (End::Conflict, theirs), "{outcome:?}");

    // Somebody else has edited another part of the same document: both changes are there.
    write(YAML);
    let theirs = YAML.replacen("'blue'", "'green'", 1).replacen("8080", "9090", 1);
    let outcome = act(backend, &place, flag.clone(), off.clone(), || write(&theirs));
    assert_eq!((outcome.end, now()), (End::Done, theirs.replacen("yes #", "no #", 1)), "{outcome:?}");

    // The object was deleted, or deleted and made anew.
    write(YAML);
    let outcome = act(backend, &place, flag.clone(), off.clone(), || {
        place.kubectl("delete configmap features");
    });
    assert_eq!(outcome.end, End::Conflict, "{outcome:?}");
    place.apply(&manifest());
    let outcome = act(backend, &place, flag, off, || {
        place.kubectl("delete configmap features");
        place.apply(&manifest());
    });
    assert_eq!((outcome.end, now()), (End::Conflict, YAML.to_owned()), "{outcome:?}");
}

fn viewer(stack: &Stack) {
    let place = Place::of(stack, "viewer", "kept");
    place.apply(&manifest());
    let configuration = configuration(&place);
    let kubeconfig = place.home.path().join("kubeconfig");
    let run = |more: &[&str]| {
        let arguments = ["--kubeconfig", kubeconfig.to_str().unwrap(), "--config", configuration.to_str().unwrap()];
        opsdeck(place.home.path()).args(arguments).args(more).output().unwrap()
    };
    let off = run(&["flag", "off", "new-pricing", "--provider", "plain", "--yes"]);
    assert_eq!(off.status.code(), Some(3), "{off:?}");
    assert!(String::from_utf8_lossy(&off.stderr).contains("patch configmaps"), "{off:?}");
    assert_eq!(place.get("configmap features")["data"]["flags.yaml"], YAML);
    let doctor = run(&["doctor"]);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("it may look and not switch: patch configmaps"), "{doctor}");
}
