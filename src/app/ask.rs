//! From a key or a command to a request: which objects, what has to be asked first, and what the guardrails want said.

use super::offers::{self, Offer};
use super::{App, aims};
use crate::actions::outcome::Stage;
use crate::actions::{ActionRequest, Origin};
use crate::domain::object::{ObjectKind, ObjectRef};
use crate::domain::rollout::RolloutPhase;
use crate::domain::target::Focus;
use crate::state::effect::Effect;
use crate::state::form::{Field, Form, Purpose, Topic};
use crate::state::pane::PaneId;
use crate::state::rows::AlertRow;
use crate::state::session::{Overlay, Subject};

/// The command that keeps an alert quiet for a quarter of an hour.
const ACKNOWLEDGE: &str = "acknowledge";

impl App {
    /// The objects that a row stands for, the nearest first: a pod, then what owns it.
    fn objects_of(&self, subject: &Subject) -> Vec<ObjectRef> {
        if let Subject::Flag(flag) = subject {
            return vec![flag.object()];
        }
        let mut objects = self.leads_to(subject).map(|focused| Self::objects_in(&focused.focus)).unwrap_or_default();
        objects.extend(self.alert_row(subject).into_iter().flat_map(aims::silences_of));
        objects
    }

    fn objects_in(focus: &Focus) -> Vec<ObjectRef> {
        let mut objects = Vec::new();
        match focus {
            Focus::Pod { pod, .. } => objects.push(ObjectRef::from(pod)),
            Focus::Node(name) => objects.push(ObjectRef::global(ObjectKind::Node, name.clone())),
            Focus::Workload(_) | Focus::Service { .. } => {}
        }
        objects.extend(focus.workload().map(ObjectRef::from));
        objects
    }

    /// The row of an alert.
    fn alert_row(&self, subject: &Subject) -> Option<&AlertRow> {
        match subject {
            Subject::Alert(key) => self.world.alerts.get(key),
            _ => None,
        }
    }

    /// What is open in details, else the selected row.
    pub(super) fn subject_in_hand(&self) -> Option<Subject> {
        let details = self.session.overlays.iter().rev().find_map(|overlay| match overlay {
            Overlay::Details { subject, .. } => Some(subject.clone()),
            _ => None,
        });
        details.or_else(|| self.selected())
    }

    /// The same for a marked row.
    fn with_owner(&self, object: &ObjectRef) -> Vec<ObjectRef> {
        let pod = (object.kind == ObjectKind::Pod).then(|| object.namespace.clone()).flatten().and_then(|namespace| {
            let pod = crate::domain::target::PodRef { namespace, name: object.name.clone() };
            self.world.pods.get(&pod)?.owner.as_ref().map(ObjectRef::from)
        });
        std::iter::once(object.clone()).chain(pod).collect()
    }

    /// What actions would be about: for each row the objects that it stands for. The marked rows of the active pane, else
    /// the selected row, else what is in focus.
    pub(super) fn rows_in_hand(&self) -> Vec<Vec<ObjectRef>> {
        let details = self.session.overlays.iter().any(|overlay| matches!(overlay, Overlay::Details { .. }));
        if !details && self.session.marks.count(self.session.active) > 0 {
            let marked = self.session.marks.of(self.session.active);
            return marked.map(|object| self.with_owner(object)).collect();
        }
        let mut objects = self.subject_in_hand().map(|subject| self.objects_of(&subject)).unwrap_or_default();
        if !objects.iter().any(|object| object.workload().is_some()) {
            let focus = self.session.focus.as_ref().and_then(|focused| focused.focus.workload());
            objects.extend(focus.map(ObjectRef::from));
        }
        if objects.is_empty() { Vec::new() } else { vec![objects] }
    }

    /// The objects that one action would be done to, each once.
    pub(super) fn targets(&self, offer: &Offer) -> Vec<ObjectRef> {
        let mut targets = Vec::new();
        for mut row in self.rows_in_hand() {
            // Only who asks for flags pays for finding them.
            if offer.of_flags {
                row = self.flags_of(&row);
            }
            let target = row.into_iter().find(|object| (offer.make)(object, None).is_some());
            targets.extend(target.filter(|target| !targets.contains(target)));
        }
        targets
    }

    /// Why an action cannot be asked for here and now.
    pub(super) fn why_not_act(&self, offer: &Offer) -> Option<String> {
        if let Some(why) = &self.guard.read_only {
            return Some(format!("read-only: {why}"));
        }
        if self.door_is_busy() {
            return None;
        }
        let targets = self.targets(offer);
        if targets.is_empty() {
            return Some(format!("select {} first", offer.takes));
        }
        // Of several, those that cannot are the plan's to leave out or to refuse.
        let reasons: Vec<String> = targets.iter().filter_map(|target| offer.why_not(target)).collect();
        reasons.into_iter().next().filter(|_| targets.len() == 1)
    }

    /// Is an action worth a place in the footer, as far as the rows tell? Only the plan knows for sure, so its key works
    /// in any case.
    pub(super) fn is_apt(&self, id: &str) -> bool {
        if id == "incident" {
            return self.session.active == PaneId::Alerts || self.session.incidents.open().next().is_some();
        }
        if id == "runbook" {
            return self.session.active == PaneId::Alerts || self.session.desk.is_open();
        }
        let Some(offer) = offers::find(id).filter(|_| matches!(id, "abort" | "cordon" | "uncordon")) else {
            return true;
        };
        self.targets(offer).iter().any(|target| match (target.workload(), target.kind) {
            (Some(workload), _) => {
                let row = self.world.rollouts.get(&workload);
                row.is_some_and(|row| row.row.rollout.phase != RolloutPhase::Complete)
            }
            (None, ObjectKind::Node) => {
                self.world.node(&target.name).is_some_and(|node| node.cordoned == (id == "uncordon"))
            }
            _ => true,
        })
    }

    /// Asks for an action on what is in hand: plans it, or asks first what it has to know.
    pub(super) fn act(&mut self, id: &str) -> Vec<Effect> {
        let Some(offer) = offers::find(id) else { return Vec::new() };
        if self.door_is_busy() {
            // One action at a time: show the one that is under way.
            self.show_door();
            return Vec::new();
        }
        let targets = self.targets(offer);
        self.act_on(offer, targets, Origin::Key)
    }

    /// The same on objects that were named.
    pub(super) fn act_on(&mut self, offer: &Offer, targets: Vec<ObjectRef>, origin: Origin) -> Vec<Effect> {
        if !offer.asks.is_empty() {
            let form = match self.bounds_form(offer, &targets) {
                Some(form) => form,
                None => self.form(offer, targets),
            };
            self.session.overlays.push(Overlay::Form(Box::new(form)));
            return Vec::new();
        }
        let actions = targets.iter().filter_map(|target| (offer.make)(target, None)).map(|action| self.fitted(action));
        if let Some(request) = ActionRequest::bulk(actions, origin) {
            return self.ask_door(request);
        }
        self.notice(format!("select {} first", offer.takes));
        Vec::new()
    }

    /// The form of an action, with what is known filled in.
    fn form(&self, offer: &Offer, targets: Vec<ObjectRef>) -> Form {
        let known = match targets.as_slice() {
            [one] => one.workload().and_then(|workload| self.world.rollouts.get(&workload)),
            _ => None,
        };
        let subject = self.subject_in_hand();
        let alert = subject.as_ref().and_then(|subject| self.alert_row(subject));
        let images = known.map(|row| &*row.row.images).unwrap_or_default();
        let mut fields = Vec::new();
        for topic in offer.asks {
            match topic {
                Topic::Replicas => {
                    let now = known.map(|row| row.row.rollout.desired.to_string()).unwrap_or_default();
                    let hint = "a number, or a step: +2, -1";
                    fields.push(Field::new(Topic::Replicas, hint, true).offering(&now));
                }
                // With one container there is no choice.
                Topic::Container if images.len() == 1 => {}
                Topic::Container => fields.push(Field::new(Topic::Container, "which, where there are several", false)),
                Topic::Image => {
                    let now = if let [one] = images { one.to_string() } else { String::new() };
                    fields.push(Field::new(Topic::Image, "NAME[:TAG][@DIGEST]", true).offering(&now));
                }
                Topic::Serves => {
                    fields.push(Field::new(Topic::Serves, "a share of users: 25 %, or the name of a variant", true));
                }
                Topic::Comment => {
                    let first = if offer.command.id == ACKNOWLEDGE { "on it" } else { "" };
                    let hint = "why it is quiet; Alertmanager shows it to everybody";
                    fields.push(Field::new(Topic::Comment, hint, true).offering(first));
                }
                Topic::Span => {
                    let first = if offer.command.id == ACKNOWLEDGE { "15m" } else { "1h" };
                    fields.push(Field::new(Topic::Span, "30m, 2h, 1d 12h", true).offering(first));
                }
                Topic::Matcher => {
                    let hint = "name=\"value\", or !=, =~, !~; all have to match";
                    let known = alert.map(aims::matchers).unwrap_or_default();
                    let field = |text: String| Field::new(Topic::Matcher, hint, false).offering(&text);
                    fields.extend(known.iter().map(ToString::to_string).chain([String::new()]).map(field));
                }
                other => fields.push(Field::new(*other, "", true)),
            }
        }
        let mut title = offer.command.label.to_owned();
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let about = match (alert, targets.as_slice()) {
            (Some(row), [one]) if one.kind == ObjectKind::Silence => row.alert.name.to_string(),
            _ => named(&targets),
        };
        let mut form = self.complete(offer, format!("{title} {about}"), fields, targets);
        form.alert = alert.and_then(aims::only_alert);
        form
    }

    /// The bounds of the autoscaler that owns the number of pods: a number would be put back at once.
    fn bounds_form(&self, offer: &Offer, targets: &[ObjectRef]) -> Option<Form> {
        let [one] = targets else { return None };
        let hpa = self.world.autoscaler(&one.workload()?).filter(|_| offer.asks == [Topic::Replicas])?;
        let field = |topic, hint: &str, now: u32| Field::new(topic, hint, true).offering(&now.to_string());
        let fields = vec![
            field(Topic::Maximum, "the most pods that it runs", hpa.max),
            field(Topic::Minimum, "the fewest pods that it runs", hpa.min),
        ];
        let target = ObjectRef::new(ObjectKind::HorizontalPodAutoscaler, hpa.namespace.clone(), hpa.name.clone());
        let title = format!("Scale {one}: bounds of {target}, {} run", hpa.current);
        Some(self.complete(offer, title, fields, vec![target]))
    }

    /// Adds what every action may be told.
    fn complete(&self, offer: &Offer, title: String, mut fields: Vec<Field>, targets: Vec<ObjectRef>) -> Form {
        let actions = targets.iter().filter_map(|target| (offer.make)(target, None));
        let wants = ActionRequest::bulk(actions, Origin::Key).map(|request| self.guard.wants(&request));
        let (reason, incident) = wants.unwrap_or_default();
        fields.push(Field::new(Topic::Reason, "why, for the audit log", reason));
        fields.push(Field::new(Topic::Incident, "the incident that it belongs to", incident));
        Form::new(title, fields, Purpose::Action(offer.command.id, targets))
    }

    /// Opens the door, or asks first for what the guardrails want said.
    pub(super) fn ask_door(&mut self, mut request: ActionRequest) -> Vec<Effect> {
        // What is done while an incident is open belongs to it, unless something else is said.
        request.incident = request.incident.or_else(|| self.incident_here());
        // A plan that waits for a word is replaced; what was sent is not.
        if self.door.as_ref().is_some_and(|door| door.view().stage != Stage::Ended && !door.view().stage.can_cancel()) {
            self.show_door();
            return Vec::new();
        }
        let (reason, incident) = self.guard.wants(&request);
        let is_said = |wanted: bool, text: &Option<String>| !wanted || text.is_some();
        if self.guard.read_only.is_some()
            || request.break_glass.is_some()
            || (is_said(reason, &request.reason) && is_said(incident, &request.incident))
        {
            return self.open_door(request);
        }
        self.session.overlays.push(Overlay::Form(Box::new(why_form(request, reason, incident))));
        Vec::new()
    }

    /// A command while a form has the keys.
    pub(super) fn form_command(&mut self, id: &str) -> Vec<Effect> {
        let Some(Overlay::Form(form)) = self.session.overlays.last_mut() else { return Vec::new() };
        match id {
            "down" => form.go(true),
            "up" => form.go(false),
            "page-up" => form.fold(true),
            "page-down" => form.fold(false),
            "cancel" => {
                self.session.overlays.pop();
            }
            "confirm" => return self.submit(),
            _ => {}
        }
        Vec::new()
    }

    fn submit(&mut self) -> Vec<Effect> {
        let Some(Overlay::Form(form)) = self.session.overlays.last_mut() else { return Vec::new() };
        if !form.is_complete() {
            return Vec::new();
        }
        let request = match &form.purpose {
            Purpose::Declare => return self.take_proposal(),
            Purpose::Request(request) => Some((**request).clone()),
            Purpose::Action(id, targets) => offers::find(id).and_then(|offer| {
                let actions = targets.iter().filter_map(|target| (offer.make)(target, Some(&**form)));
                ActionRequest::bulk(actions, Origin::Key)
            }),
        };
        let Some(request) = request else {
            return Vec::new();
        };
        let request = form.explain(request);
        // What makes no sense is said here, where it can be typed again.
        if let Some(refusal) = request.actions().find_map(|action| action.admit().err()) {
            form.notice = Some(refusal.to_string());
            return Vec::new();
        }
        self.session.overlays.pop();
        let request = ActionRequest {
            action: self.fitted(request.action),
            more: request.more.into_iter().map(|action| self.fitted(action)).collect(),
            ..request
        };
        self.ask_door(request)
    }

    /// An action in words: `scale deploy/payment +2`.
    pub(super) fn act_in_words(&mut self, id: &str, what: &str, rest: &[&str]) -> Vec<Effect> {
        let Some(offer) = offers::find(id) else { return Vec::new() };
        let Some(target) = self.object_named(offer, what) else {
            self.notice(format!("`{what}` is not {} here, or several have that name", offer.takes));
            return Vec::new();
        };
        if let Some(why) = &self.guard.read_only {
            let why = format!("read-only: {why}");
            self.notice(why);
            return Vec::new();
        }
        if self.door_is_busy() {
            self.show_door();
            return Vec::new();
        }
        let [_] = rest else { return self.act_on(offer, vec![target], Origin::Command) };
        if offer.asks.is_empty() {
            return self.act_on(offer, vec![target], Origin::Command);
        }
        // What is written out is meant as written: no form for bounds in place of a number.
        let form = self.form(offer, vec![target]);
        self.session.overlays.push(Overlay::Form(Box::new(form)));
        let effects = Vec::new();
        let (Some(Overlay::Form(form)), [word]) = (self.session.overlays.last_mut(), rest) else { return effects };
        let (container, image) = word.split_once('=').unwrap_or(("", word));
        for field in &mut form.fields {
            match field.topic {
                Topic::Container => field.input = crate::state::input::Input::with(container),
                Topic::Image => field.input = crate::state::input::Input::with(image),
                Topic::Replicas | Topic::Serves => field.input = crate::state::input::Input::with(word),
                _ => {}
            }
        }
        self.submit()
    }
}

/// Asks why a request is made.
pub(super) fn why_form(request: ActionRequest, reason: bool, incident: bool) -> Form {
    let line = |topic, hint: &str, needed: bool, text: &Option<String>| {
        let hint = if needed { format!("{hint} (a guardrail wants it)") } else { hint.to_owned() };
        Field::new(topic, hint, needed).offering(text.as_deref().unwrap_or_default())
    };
    let fields = vec![
        line(Topic::Reason, "why, for the audit log", reason, &request.reason),
        line(Topic::Incident, "the incident that it belongs to", incident, &request.incident),
    ];
    let title = format!("Why: {}", lower_first(&request.action.title()));
    let mut form = Form::new(title, fields, Purpose::Request(Box::new(request)));
    if !reason && incident {
        form.at = 1;
    }
    form
}

/// `deployment/payment`, or `3 pods`.
pub(super) fn named(objects: &[ObjectRef]) -> String {
    match objects {
        [one] if *one == aims::new_silence() => "this alert".to_owned(),
        [one] => one.to_string(),
        [first, rest @ ..] if rest.iter().all(|object| object.kind == first.kind) => {
            format!("{} {}s", objects.len(), first.kind.word())
        }
        _ => format!("{} objects", objects.len()),
    }
}

fn lower_first(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    text
}
