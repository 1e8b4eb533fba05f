//! Palette and pickers: what there is to choose from, fuzzy matching, and what a choice does.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::{App, commands, offers};
use crate::actions::rollback::Rollback;
use crate::actions::{ActionKind, ActionRequest, Origin};
use crate::config::keymap::Scope;
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::domain::target::WorkloadRef;
use crate::state::context::NamespaceScope;
use crate::state::effect::Effect;
use crate::state::input::Input;
use crate::state::session::{Focused, Overlay, PickItem, Picker, PickerKind};

/// Workloads offered after an action or `focus`.
const MOST: usize = 2_000;

impl App {
    pub(super) fn open_picker(&mut self, kind: PickerKind) -> Vec<Effect> {
        let picker = Picker {
            kind,
            input: Input::default(),
            items: Vec::new(),
            matches: Vec::new(),
            selected: 0,
            loading: kind == PickerKind::Context && self.session.contexts.is_empty(),
        };
        self.session.overlays.push(Overlay::Picker(picker));
        self.rematch();
        // The kubeconfig may have changed since it was read.
        let asks = matches!(kind, PickerKind::Context | PickerKind::Palette);
        if asks { vec![Effect::ListContexts] } else { Vec::new() }
    }

    /// Fills an open picker anew.
    pub(super) fn refill(&mut self, kind: PickerKind) {
        if let Some(Overlay::Picker(picker)) = self.session.overlays.last_mut()
            && (picker.kind == kind || picker.kind == PickerKind::Palette)
        {
            picker.loading = false;
            let chosen = picker.matches.get(picker.selected).and_then(|(at, _)| picker.items.get(*at));
            let chosen = chosen.map(|item| item.value.clone());
            self.rematch();
            // What was chosen stays chosen, wherever it stands by now.
            if let Some(Overlay::Picker(picker)) = self.session.overlays.last_mut()
                && let Some(at) = picker.matches.iter().position(|(at, _)| {
                    let value = picker.items.get(*at).map(|item| &item.value);
                    value.is_some() && value == chosen.as_ref()
                })
            {
                picker.selected = at;
            }
        }
    }

    /// Matches the items against the text. The palette offers arguments once a verb is typed.
    pub(super) fn rematch(&mut self) {
        let Some(Overlay::Picker(picker)) = self.session.overlays.last() else { return };
        let (kind, text) = (picker.kind, picker.input.text().to_owned());
        let items = self.items(kind, &text);
        let first = if text.trim().is_empty() { self.preferred(kind, &items) } else { 0 };
        let Some(Overlay::Picker(picker)) = self.session.overlays.last_mut() else { return };
        picker.matches = matches(&items, &text);
        picker.items = items;
        picker.selected = first;
    }

    fn items(&self, kind: PickerKind, text: &str) -> Vec<PickItem> {
        match kind {
            PickerKind::Context => self.contexts(""),
            PickerKind::Namespace => self.namespaces(""),
            PickerKind::Runbook => self.runbooks(),
            PickerKind::Status
            | PickerKind::Severity
            | PickerKind::Role
            | PickerKind::Incident
            | PickerKind::Merge
            | PickerKind::StatusPage
            | PickerKind::Page
            | PickerKind::JoinPage
            | PickerKind::NotePage
            | PickerKind::Unsent => self.incident_items(kind),
            PickerKind::Palette => match text.split_once(' ').map(|(verb, _)| verb) {
                Some("ctx" | "context") => self.contexts("ctx "),
                Some("ns" | "namespace") => self.namespaces("ns "),
                Some("focus") => self.workloads("focus"),
                Some(verb) if offers::find(verb).is_some() => self.objects(verb),
                _ => self.offered_commands(),
            },
        }
    }

    fn offered_commands(&self) -> Vec<PickItem> {
        let scopes = [crate::panes::pane(self.session.active).scope, Scope::Global];
        commands()
            .iter()
            .filter(|command| {
                !matches!(command.scope, Scope::Dialog | Scope::Runbook | Scope::Incident) && command.id != "palette"
            })
            .filter(|command| self.why_not(command.id).is_none())
            .map(|command| PickItem {
                value: command.id.to_owned(),
                note: command.doc.to_owned(),
                key: self.keymap.keys_for(command.id, &scopes).first().map(|keys| crate::config::keymap::spell(keys)),
                production: false,
            })
            .collect()
    }

    fn contexts(&self, verb: &str) -> Vec<PickItem> {
        self.session
            .contexts
            .iter()
            .map(|context| {
                let mut note = context.label.clone().unwrap_or_default();
                if context.read_only {
                    note.push_str("  read-only");
                }
                if context.name == self.context.name {
                    note.push_str("  (here)");
                }
                PickItem { value: format!("{verb}{}", context.name), note, key: None, production: context.production }
            })
            .collect()
    }

    fn namespaces(&self, verb: &str) -> Vec<PickItem> {
        let item = |name: &str, note: &str| PickItem {
            value: format!("{verb}{name}"),
            note: note.to_owned(),
            key: None,
            production: false,
        };
        let mut items = vec![item("all", "all namespaces")];
        items.extend(self.world.namespaces().iter().map(|name| {
            let here = self.context.namespace == NamespaceScope::One(name.clone());
            item(name, if here { "(here)" } else { "" })
        }));
        items
    }

    fn workloads(&self, verb: &str) -> Vec<PickItem> {
        let rows = self.world.rollouts.iter().take(MOST);
        rows.map(|row| named(verb, &row.row.id.short(), &row.row.id.namespace)).collect()
    }

    /// What an action takes, of everything that is known.
    fn objects(&self, verb: &str) -> Vec<PickItem> {
        let Some(offer) = offers::find(verb) else { return Vec::new() };
        let fits = |object: &ObjectRef| (offer.make)(object, None).is_some_and(|action| action.admit().is_ok());
        let workloads = self.world.rollouts.iter().map(|row| &row.row.id);
        let workloads = workloads.filter(|id| fits(&ObjectRef::from(*id)));
        let nodes = self.world.nodes.table.iter().map(|row| &row.node.name);
        let nodes = nodes.filter(|name| fits(&ObjectRef::global(ObjectKind::Node, (*name).clone())));
        let pods = self.world.pods.iter().map(|row| &row.id).filter(|id| fits(&ObjectRef::from(*id)));
        let items = workloads
            .map(|id| named(verb, &id.short(), &id.namespace))
            .chain(nodes.map(|name| named(verb, &format!("node/{name}"), "")))
            .chain(pods.map(|id| named(verb, &format!("pod/{}", id.name), &id.namespace)));
        items.take(MOST).collect()
    }

    /// A command while a picker has the keys.
    pub(super) fn picker_command(&mut self, id: &str) -> Vec<Effect> {
        let Some(Overlay::Picker(picker)) = self.session.overlays.last_mut() else { return Vec::new() };
        let last = picker.matches.len().saturating_sub(1);
        match id {
            "down" => picker.selected = if picker.selected >= last { 0 } else { picker.selected + 1 },
            "up" => picker.selected = if picker.selected == 0 { last } else { picker.selected - 1 },
            "page-down" => picker.selected = (picker.selected + 10).min(last),
            "page-up" => picker.selected = picker.selected.saturating_sub(10),
            "cancel" => {
                self.session.overlays.pop();
            }
            "confirm" => return self.choose(),
            _ => {}
        }
        Vec::new()
    }

    /// Takes the selected item, or the text where nothing matches; about an incident, only what the list holds.
    pub(super) fn choose(&mut self) -> Vec<Effect> {
        if let Some(Overlay::Picker(picker)) = self.session.overlays.last()
            && picker.kind.is_of_incident()
            && picker.matches.is_empty()
        {
            let pages = picker.items.is_empty() && picker.kind.holds_pages();
            self.notice(if pages {
                "no page is open: nobody was paged, or the paging service does not answer"
            } else {
                "nothing in the list matches"
            });
            return Vec::new();
        }
        let Some(Overlay::Picker(picker)) = self.session.overlays.pop() else { return Vec::new() };
        let typed = picker.input.text().trim().to_owned();
        let item = picker.matches.get(picker.selected).and_then(|(at, _)| picker.items.get(*at)).cloned();
        let value = item.map_or_else(|| typed.clone(), |item| item.value);
        match picker.kind {
            PickerKind::Context if !value.is_empty() => self.switch_context(&value),
            PickerKind::Namespace if !value.is_empty() => self.switch_namespace(namespace_of(&value)),
            PickerKind::Runbook => self.choose_runbook(&value),
            PickerKind::Context | PickerKind::Namespace => Vec::new(),
            // What is typed in full is meant in full (`rollback deploy/payment to 41`, `q`).
            PickerKind::Palette if is_whole(&typed) => self.say(&typed),
            PickerKind::Palette => self.say(&value),
            kind => self.chosen_of_incident(kind, &value),
        }
    }

    /// Does what a line in the palette says.
    fn say(&mut self, line: &str) -> Vec<Effect> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [] => Vec::new(),
            ["q" | "quit"] => self.quit(false),
            ["ctx" | "context", name] => self.switch_context(name),
            ["ns" | "namespace", name] => self.switch_namespace(namespace_of(name)),
            ["focus", what] => match self.workload_named(what) {
                Some(workload) => {
                    let focus = crate::domain::target::Focus::Workload(workload);
                    self.focus(Some(Focused { focus, via: None }))
                }
                None => self.unknown(what),
            },
            ["rollback", what, ref rest @ ..] => {
                if let Some(why) = &self.guard.read_only {
                    let why = format!("read-only: {why}");
                    self.notice(why);
                    return Vec::new();
                }
                let to = match rest {
                    [] => None,
                    ["to", revision] | [revision] => {
                        let Ok(revision) = revision.parse() else {
                            self.notice(format!("`{revision}` is no revision: a number"));
                            return Vec::new();
                        };
                        Some(revision)
                    }
                    _ => {
                        self.notice("rollback deploy/NAME [to REVISION]");
                        return Vec::new();
                    }
                };
                match self.workload_named(what) {
                    Some(target) => {
                        let action = ActionKind::Rollback(Rollback { target, to });
                        self.ask_door(ActionRequest::new(action, Origin::Command))
                    }
                    None => self.unknown(what),
                }
            }
            [id, what, ref rest @ ..] if offers::find(id).is_some() => self.act_in_words(id, what, rest),
            [id] if is_spoken(id) => self.run(id),
            [first, ..] => {
                let known: Vec<&str> = commands().iter().map(|command| command.id).collect();
                let near = known
                    .into_iter()
                    .max_by(|a, b| strsim::jaro_winkler(a, first).total_cmp(&strsim::jaro_winkler(b, first)));
                self.notice(format!("no command `{first}`; did you mean `{}`?", near.unwrap_or_default()));
                Vec::new()
            }
        }
    }

    /// The object of that name that an action takes: a workload, a node, or the one pod of that name.
    pub(super) fn object_named(&self, offer: &offers::Offer, text: &str) -> Option<ObjectRef> {
        let bare = |kind: &str| text.strip_prefix(kind).and_then(|rest| rest.strip_prefix('/')).unwrap_or(text);
        let mut named = self.world.pods.iter().filter(|pod| *pod.id.name == *bare("pod"));
        let pod = named.next().filter(|_| named.next().is_none());
        [
            self.workload_named(text).map(|workload| ObjectRef::from(&workload)),
            self.world.node(bare("node")).map(|node| ObjectRef::global(ObjectKind::Node, node.name.clone())),
            pod.map(|pod| ObjectRef::from(&pod.id)),
        ]
        .into_iter()
        .flatten()
        .find(|object| (offer.make)(object, None).is_some())
    }

    fn workload_named(&self, text: &str) -> Option<WorkloadRef> {
        let namespace = match &self.context.namespace {
            NamespaceScope::One(name) => Some(&**name),
            NamespaceScope::All => None,
        };
        self.world.find_workload(namespace, text)
    }

    fn unknown(&mut self, what: &str) -> Vec<Effect> {
        self.notice(format!("no workload `{what}` here, or several namespaces have one"));
        Vec::new()
    }

    fn switch_context(&mut self, name: &str) -> Vec<Effect> {
        if self.refuses_switch() {
            return Vec::new();
        }
        self.notice(format!("switching to context {name}{}", self.glyphs.cut));
        vec![Effect::SwitchContext(name.to_owned())]
    }

    pub(super) fn switch_namespace(&mut self, scope: NamespaceScope) -> Vec<Effect> {
        if self.refuses_switch() {
            return Vec::new();
        }
        let unknown = match &scope {
            NamespaceScope::One(name) => self.world.unknown_namespace(name),
            NamespaceScope::All => None,
        };
        // Told, but done: it may have been made since the cluster was asked.
        let remark = match unknown {
            None => String::new(),
            Some(None) => "; the cluster lists no such namespace".to_owned(),
            Some(Some(near)) => format!("; the cluster lists no such namespace, did you mean {near}?"),
        };
        self.notice(format!("switching to {}{}{remark}", scope.label(), self.glyphs.cut));
        vec![Effect::SwitchNamespace(scope)]
    }

    /// An action that is under way belongs to this context: its end is waited for here.
    fn refuses_switch(&mut self) -> bool {
        let busy = self.door_is_busy();
        if busy {
            self.notice("an action is under way here: wait for its end, or cancel it");
        }
        busy
    }
}

/// Is it a command that can be typed? Those of a box or a runbook need what is open there.
fn is_spoken(id: &str) -> bool {
    commands()
        .iter()
        .any(|command| command.id == id && !matches!(command.scope, Scope::Dialog | Scope::Runbook | Scope::Incident))
}

fn named(verb: &str, what: &str, note: &str) -> PickItem {
    PickItem { value: format!("{verb} {what}"), note: note.to_owned(), key: None, production: false }
}

fn namespace_of(name: &str) -> NamespaceScope {
    if matches!(name, "all" | "*") { NamespaceScope::All } else { NamespaceScope::One(name.into()) }
}

/// Is a typed line a command of its own, whatever the list offers?
fn is_whole(typed: &str) -> bool {
    let words: Vec<&str> = typed.split_whitespace().collect();
    match words[..] {
        ["q"] => true,
        [id, _, _, ..] => offers::find(id).is_some(),
        [id] => commands().iter().any(|command| command.id == id),
        _ => false,
    }
}

/// Indices of the items that match, best first, with the characters that did.
fn matches(items: &[PickItem], text: &str) -> Vec<(usize, Vec<u32>)> {
    if text.trim().is_empty() {
        return (0..items.len()).map(|at| (at, Vec::new())).collect();
    }
    let pattern = Pattern::parse(text, CaseMatching::Smart, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let mut scored: Vec<(u32, usize, Vec<u32>)> = items
        .iter()
        .enumerate()
        .filter_map(|(at, item)| {
            let mut places = Vec::new();
            let score = pattern.indices(Utf32Str::new(&item.value, &mut buffer), &mut matcher, &mut places)?;
            Some((score, at, places))
        })
        .collect();
    scored.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.into_iter().map(|(_, at, places)| (at, places)).collect()
}
