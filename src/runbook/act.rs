//! `action` bodies: which words there are, which arguments each takes, and the request that comes of one. Arguments are
//! typed after their templates are filled in, so a value is never anything but that argument.

use super::action::{Act, Argument, Deed, Given};
use super::diagnostic::{Diagnostic, did_you_mean};
use super::parameter::{self, Type};
use super::run::resolve::{text, workload};
use super::step::{IncidentWord, Template};
use crate::actions::abort::{Abort, Retry};
use crate::actions::cordon::{Cordon, Uncordon};
use crate::actions::delete_pod::DeletePod;
use crate::actions::drain::Drain;
use crate::actions::evict_pod::EvictPod;
use crate::actions::pause::{Pause, Resume};
use crate::actions::promote::Promote;
use crate::actions::restart::Restart;
use crate::actions::rollback::Rollback;
use crate::actions::scale::{Replicas, Scale};
use crate::actions::scale_bounds::ScaleBounds;
use crate::actions::set_image::SetImage;
use crate::actions::silence::{SilenceAlerts, Until};
use crate::actions::silence_change::{ExpireSilence, ExtendSilence};
use crate::actions::suspend::Suspend;
use crate::actions::trigger::Trigger;
use crate::actions::{ActionKind, ActionRequest, Origin};
use crate::domain::flag::FlagChange;
use crate::domain::mutation::Matcher;
use crate::domain::target::{PodRef, WorkloadKind, WorkloadRef};

/// One word of `do:`.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// The word.
    pub word: &'static str,
    /// Arguments that it needs.
    pub needs: &'static [&'static str],
    /// Arguments that it may have; all may have `reason`.
    pub takes: &'static [&'static str],
}

const fn word(word: &'static str, needs: &'static [&'static str], takes: &'static [&'static str]) -> Word {
    Word { word, needs, takes }
}

/// Every word that goes to the door.
pub const WORDS: [Word; 21] = [
    word("rollback", &["workload"], &["to-revision"]),
    word("scale", &["workload", "replicas"], &[]),
    word("scale-bounds", &[], &["workload", "hpa", "namespace", "min", "max"]),
    word("restart", &["workload"], &[]),
    word("pause", &["workload"], &[]),
    word("resume", &["workload"], &[]),
    word("set-image", &["workload", "image"], &["container"]),
    word("delete-pod", &["pod"], &["namespace", "force"]),
    word("evict-pod", &["pod"], &["namespace"]),
    word("cordon", &["node"], &[]),
    word("uncordon", &["node"], &[]),
    word("drain", &["node"], &["force"]),
    word("suspend", &["cronjob"], &["namespace", "off"]),
    word("trigger", &["cronjob"], &["namespace"]),
    word("abort", &["workload"], &[]),
    word("retry", &["workload"], &[]),
    word("promote", &["workload"], &["full"]),
    word("silence", &["matchers", "duration", "comment"], &[]),
    word("extend-silence", &["silence", "duration"], &[]),
    word("expire-silence", &["silence"], &[]),
    word("flag", &["flag", "set"], &["provider", "project", "env", "workload"]),
];

/// What is wrong with a body, before any value is known.
pub fn check(deed: &Deed) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let Some(known) = WORDS.iter().find(|known| known.word == deed.word) else {
        let mut diagnostic = Diagnostic::error(deed.spot, format!("there is no action `{}`", deed.word));
        diagnostic.hint = did_you_mean(
            &deed.word,
            WORDS.iter().map(|known| known.word).chain(IncidentWord::ALL.map(IncidentWord::word)),
        );
        return vec![diagnostic];
    };
    for argument in &deed.arguments {
        let name = argument.name.as_str();
        if !known.needs.contains(&name) && !known.takes.contains(&name) && name != "reason" {
            let message = format!("`{}` takes no argument `{name}`", known.word);
            let mut diagnostic = Diagnostic::error(argument.spot, message);
            diagnostic.hint = did_you_mean(name, known.needs.iter().chain(known.takes).copied());
            found.push(diagnostic);
        }
    }
    for name in known.needs {
        if !deed.arguments.iter().any(|argument| argument.name == *name) {
            found.push(Diagnostic::error(deed.spot, format!("`{}` needs the argument `{name}`", known.word)));
        }
    }
    let has = |name: &str| deed.arguments.iter().any(|argument| argument.name == name);
    if known.word == "scale-bounds" {
        if has("workload") == has("hpa") {
            found.push(Diagnostic::error(deed.spot, "`scale-bounds` needs either `workload` or `hpa`"));
        }
        if !has("min") && !has("max") {
            found.push(Diagnostic::error(deed.spot, "`scale-bounds` needs `min`, `max` or both"));
        }
    }
    // Values without templates can be read now.
    if found.is_empty() && templates(deed).all(|template| !template.text.contains("{{")) {
        found.extend(act(deed, &minijinja::Value::default()).err().map(|why| Diagnostic::error(deed.spot, why)));
    }
    found
}

/// All texts of a body.
pub fn templates(deed: &Deed) -> impl Iterator<Item = &Template> {
    deed.arguments.iter().flat_map(|argument| match &argument.value {
        Given::One(one) => vec![one],
        Given::List(list) => list.iter().collect(),
        Given::Map(map) => map.iter().map(|(_, one)| one).collect(),
    })
}

/// The arguments of one body, filled in.
struct Arguments<'a> {
    deed: &'a Deed,
    context: &'a minijinja::Value,
}

impl Arguments<'_> {
    fn given(&self, name: &str) -> Option<&Argument> {
        self.deed.arguments.iter().find(|argument| argument.name == name)
    }

    fn template(&self, name: &str) -> Result<Option<&Template>, String> {
        match self.given(name).map(|argument| &argument.value) {
            None => Ok(None),
            Some(Given::One(one)) => Ok(Some(one)),
            Some(_) => Err(format!("`{name}` is one value")),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>, String> {
        self.template(name)?.map(|template| text(template, self.context)).transpose()
    }

    fn needed(&self, name: &str) -> Result<String, String> {
        let value = self.text(name)?.ok_or_else(|| format!("`{}` needs `{name}`", self.deed.word))?;
        if value.trim().is_empty() { Err(format!("`{name}` is empty")) } else { Ok(value) }
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        let text = self.text(name)?;
        text.map(|text| text.parse().map_err(|_| format!("{name}: `{text}` is no whole number"))).transpose()
    }

    fn flag(&self, name: &str) -> Result<bool, String> {
        match self.text(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(format!("{name}: `{other}` is neither true nor false")),
        }
    }

    fn workload(&self) -> Result<WorkloadRef, String> {
        let template = self.template("workload")?.ok_or("`workload` is missing")?;
        workload(template, self.context, None)
    }

    fn namespace(&self) -> Result<Option<String>, String> {
        let namespace = self.text("namespace")?;
        namespace.map(|name| parameter::read(Type::Namespace, &name).map(|name| name.to_string())).transpose()
    }

    /// `NAMESPACE/NAME`, or a name and `namespace`.
    fn scoped(&self, name: &str) -> Result<(String, String), String> {
        let named = self.needed(name)?;
        let (namespace, object) = if let Some((namespace, object)) = named.split_once('/') {
            (namespace.to_owned(), object.to_owned())
        } else {
            let missing = || format!("`{named}` is in no namespace: write NAMESPACE/NAME, or add `namespace`");
            (self.namespace()?.ok_or_else(missing)?, named)
        };
        parameter::read(Type::Namespace, &namespace)?;
        parameter::read(Type::Pod, &object).map_err(|_| format!("`{object}` is no name"))?;
        Ok((namespace, object))
    }

    fn cron_job(&self) -> Result<WorkloadRef, String> {
        let template = self.template("cronjob")?.ok_or("`cronjob` is missing")?;
        let found = if let Ok(found) = workload(template, self.context, None) {
            found
        } else {
            let (namespace, name) = self.scoped("cronjob")?;
            WorkloadRef::new(WorkloadKind::CronJob, namespace, name)
        };
        if found.kind == WorkloadKind::CronJob { Ok(found) } else { Err(format!("{found} is no cronjob")) }
    }

    fn pod(&self) -> Result<PodRef, String> {
        let (namespace, name) = self.scoped("pod")?;
        Ok(PodRef { namespace: namespace.into(), name: name.into() })
    }

    fn node(&self) -> Result<crate::domain::Text, String> {
        let node = self.needed("node")?;
        parameter::read(Type::Node, &node)?;
        Ok(node.into())
    }

    fn until(&self) -> Result<Until, String> {
        Until::parse(&self.needed("duration")?)
    }

    /// A list of `name="value"` as written (a value fills in one value), or a map of names to values.
    fn matchers(&self) -> Result<Vec<Matcher>, String> {
        match self.given("matchers").map(|argument| &argument.value) {
            Some(Given::Map(map)) => {
                map.iter().map(|(name, value)| Ok(Matcher::is(name.clone(), text(value, self.context)?))).collect()
            }
            Some(Given::List(list)) => list.iter().map(|one| self.matcher(one)).collect(),
            Some(Given::One(one)) => Ok(vec![self.matcher(one)?]),
            None => Err("`matchers` is missing".into()),
        }
    }

    /// Parsed as written; the value is filled in afterwards, and means itself even in a regular expression.
    fn matcher(&self, template: &Template) -> Result<Matcher, String> {
        let held = super::splice::Held::new(&template.text).map_err(|error| error.why)?;
        let mut matcher = Matcher::parse(held.text())?;
        if held.is_in(&matcher.name) {
            return Err("a value may not be the name of a label".into());
        }
        matcher.value = held.fill(&matcher.value, self.context, |value| {
            Ok(if matcher.regex { regex::escape(value) } else { value.to_owned() })
        })?;
        Ok(matcher)
    }
}

/// `on`, `off`, `25%`, `variant:NAME`.
fn change(text: &str) -> Result<FlagChange, String> {
    let text = text.trim();
    match text {
        "on" | "true" => return Ok(FlagChange::Enabled(true)),
        "off" | "false" => return Ok(FlagChange::Enabled(false)),
        _ => {}
    }
    if let Some(percent) = text.strip_suffix('%') {
        let percent = percent.trim().parse().ok().filter(|percent| *percent <= 100);
        return percent.map(FlagChange::Percentage).ok_or_else(|| format!("set: `{text}` is no percentage"));
    }
    match text.strip_prefix("variant:") {
        Some(name) if !name.is_empty() => Ok(FlagChange::Variant(name.into())),
        _ => Err(format!("set: `{text}` is none of on, off, 25% and variant:NAME")),
    }
}

/// The request of a body; the error is a sentence.
pub fn act(deed: &Deed, context: &minijinja::Value) -> Result<Act, String> {
    let given = Arguments { deed, context };
    let reason = given.text("reason")?;
    let kind = match deed.word.as_str() {
        "rollback" => ActionKind::Rollback(Rollback { target: given.workload()?, to: given.number("to-revision")? }),
        "scale" => {
            let replicas = given.needed("replicas")?;
            let replicas = Replicas::parse(&replicas).ok_or_else(|| format!("replicas: `{replicas}` is no number"))?;
            ActionKind::Scale(Scale { target: given.workload()?, replicas })
        }
        "scale-bounds" => {
            let (min, max) = (given.number("min")?, given.number("max")?);
            if given.given("workload").is_some() {
                return Ok(Act::Bounds { workload: given.workload()?, min, max, reason, by: None });
            }
            let (namespace, hpa) = given.scoped("hpa")?;
            ActionKind::ScaleBounds(ScaleBounds { namespace: namespace.into(), hpa: hpa.into(), min, max })
        }
        "restart" => ActionKind::Restart(Restart { target: given.workload()? }),
        "pause" => ActionKind::Pause(Pause { target: given.workload()? }),
        "resume" => ActionKind::Resume(Resume { target: given.workload()? }),
        "set-image" => ActionKind::SetImage(SetImage {
            target: given.workload()?,
            container: given.text("container")?.unwrap_or_default(),
            image: given.needed("image")?,
        }),
        "delete-pod" => ActionKind::DeletePod(DeletePod { pod: given.pod()?, force: given.flag("force")? }),
        "evict-pod" => ActionKind::EvictPod(EvictPod { pod: given.pod()? }),
        "cordon" => ActionKind::Cordon(Cordon { node: given.node()? }),
        "uncordon" => ActionKind::Uncordon(Uncordon { node: given.node()? }),
        "drain" => ActionKind::Drain(Drain { node: given.node()?, force: given.flag("force")? }),
        "suspend" => ActionKind::Suspend(Suspend { target: given.cron_job()?, suspended: !given.flag("off")? }),
        "trigger" => ActionKind::Trigger(Trigger { target: given.cron_job()? }),
        "abort" => ActionKind::Abort(Abort { target: given.workload()? }),
        "retry" => ActionKind::Retry(Retry { target: given.workload()? }),
        "promote" => ActionKind::Promote(Promote { target: given.workload()?, full: given.flag("full")? }),
        "silence" => ActionKind::Silence(SilenceAlerts {
            matchers: given.matchers()?,
            until: given.until()?,
            comment: given.needed("comment")?,
            chosen: None,
        }),
        "extend-silence" => {
            ActionKind::ExtendSilence(ExtendSilence { id: given.needed("silence")?, until: given.until()? })
        }
        "expire-silence" => ActionKind::ExpireSilence(ExpireSilence { id: given.needed("silence")? }),
        "flag" => {
            return Ok(Act::Flag {
                key: given.needed("flag")?,
                provider: given.text("provider")?,
                project: given.text("project")?,
                environment: given.text("env")?,
                set: change(&given.needed("set")?)?,
                about: given.given("workload").map(|_| given.workload()).transpose()?,
                reason,
                by: None,
            });
        }
        other => return Err(format!("there is no action `{other}`")),
    };
    let mut request = ActionRequest::new(kind, Origin::Runbook);
    request.reason = reason;
    Ok(Act::Request(request))
}

impl Act {
    /// What it does, in one line.
    pub fn title(&self) -> String {
        match self {
            Self::Request(request) => {
                let target = request.action.target();
                let place = target.namespace.as_ref().map_or_else(String::new, |namespace| format!(" in {namespace}"));
                let why = request.reason.as_ref().map_or_else(String::new, |reason| format!(" — {reason}"));
                format!("{}{}{place}{why}", request.action.title(), detail(&request.action))
            }
            Self::Flag { key, environment, set, .. } => {
                let to = match set {
                    FlagChange::Enabled(true) => "on".to_owned(),
                    FlagChange::Enabled(false) => "off".to_owned(),
                    FlagChange::Variant(name) => format!("to variant {name}"),
                    FlagChange::Percentage(percent) => format!("to {percent} %"),
                };
                let place = environment.as_ref().map_or_else(String::new, |place| format!(" in {place}"));
                format!("Set flag {key} {to}{place}")
            }
            Self::Bounds { workload, min, max, .. } => {
                let bound = |bound: &Option<i64>| bound.map_or_else(|| "as is".to_owned(), |bound| bound.to_string());
                format!("Set bounds of the autoscaler of {workload}: min {}, max {}", bound(min), bound(max))
            }
        }
    }
}

/// What the title of an action leaves out.
fn detail(action: &ActionKind) -> String {
    match action {
        ActionKind::Rollback(Rollback { to: Some(revision), .. }) => format!(" to revision {revision}"),
        ActionKind::Scale(Scale { replicas: Replicas::To(number), .. }) => format!(" to {number}"),
        ActionKind::Scale(Scale { replicas: Replicas::By(number), .. }) => format!(" by {number:+}"),
        ActionKind::SetImage(set) => format!(": {} {}", set.container, set.image),
        ActionKind::Silence(silence) => {
            let matchers: Vec<String> = silence.matchers.iter().map(ToString::to_string).collect();
            format!(": {}", matchers.join(", "))
        }
        _ => String::new(),
    }
}
