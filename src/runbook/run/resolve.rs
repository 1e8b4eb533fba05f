//! From a step as written and the values of a run to work that can be done. Each kind of text takes values in its own
//! way, so that none of them can become syntax.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr};

use super::Run;
use super::work::{LogsOf, Question, Test, Work};
use crate::actions::RunbookStep;
use crate::domain::target::WorkloadRef;
use crate::runbook::action::Kubectl;
use crate::runbook::parameter::{self, Value, Values};
use crate::runbook::splice;
use crate::runbook::step::{
    Assertion, Command, Http, LogSource, Logs, Shell, Step, StepKind, SubRunbook, Template, Wait,
};
use crate::runbook::{act, kubectl, promql, url};

/// A workload in a template: prints as `kind/name`, and has `name`, `namespace`, `kind`, `path`.
#[derive(Debug)]
struct Workload(WorkloadRef);

impl Object for Workload {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &minijinja::Value) -> Option<minijinja::Value> {
        Some(match key.as_str()? {
            "name" => minijinja::Value::from(&*self.0.name),
            "namespace" => minijinja::Value::from(&*self.0.namespace),
            "kind" => minijinja::Value::from(self.0.kind.word()),
            "path" => minijinja::Value::from(parameter::path(&self.0)),
            _ => return None,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["kind", "name", "namespace", "path"])
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Values as templates see them.
pub fn context(values: &Values) -> minijinja::Value {
    let seen = values.iter().map(|(name, value)| {
        let value = match value {
            Value::Text(text) => minijinja::Value::from(text.as_str()),
            Value::Integer(number) => minijinja::Value::from(*number),
            Value::Number(number) => minijinja::Value::from(*number),
            Value::Boolean(yes) => minijinja::Value::from(*yes),
            Value::Workload(workload) => minijinja::Value::from_object(Workload(workload.clone())),
        };
        (name.clone(), value)
    });
    minijinja::Value::from(seen.collect::<BTreeMap<String, minijinja::Value>>())
}

/// A template as text, with its place when it cannot be filled in.
pub fn text(template: &Template, context: &minijinja::Value) -> Result<String, String> {
    splice::plain(&template.text, context).map_err(|error| format!("line {}: {}", template.spot.line, error.why))
}

/// A workload as a template names it: the parameter itself, or `namespace/kind/name`, or `kind/name` and a namespace.
pub fn workload(
    template: &Template,
    context: &minijinja::Value,
    namespace: Option<&str>,
) -> Result<WorkloadRef, String> {
    let pieces = splice::pieces(&template.text).map_err(|error| error.why)?;
    if let [splice::Piece::Expression(expression, _)] = pieces.as_slice() {
        let value = splice::evaluate(expression, context)?;
        if let Some(workload) = value.downcast_object_ref::<Workload>() {
            return Ok(workload.0.clone());
        }
    }
    let text = text(template, context)?;
    match (text.matches('/').count(), namespace) {
        (1, Some(namespace)) => parameter::read_workload(&format!("{namespace}/{text}")),
        _ => parameter::read_workload(&text),
    }
}

/// A duration, in seconds.
fn span(template: &Template, context: &minijinja::Value) -> Result<u64, String> {
    let text = text(template, context)?;
    parameter::seconds(&text).ok_or_else(|| format!("`{text}` is no duration: write 30s, 5m or 1h30m"))
}

/// A text for people (titles, prose, remarks) with values in it; where one is missing it stays as written.
pub fn told(text: &str, values: &Values) -> String {
    let pieces = match splice::pieces(text) {
        Ok(pieces) if text.contains("{{") => pieces,
        _ => return text.to_owned(),
    };
    let context = context(values);
    let told = pieces.iter().map(|piece| match piece {
        splice::Piece::Literal(text) => (*text).to_owned(),
        splice::Piece::Expression(expression, _) => splice::evaluate(expression, &context)
            .map_or_else(|_| format!("{{{{ {expression} }}}}"), |value| value.to_string()),
    });
    told.collect()
}

impl Run {
    /// Values as templates see them now.
    pub(super) fn context(&self) -> minijinja::Value {
        let mut values = self.values.clone();
        values.extend(self.captures.clone());
        context(&values)
    }

    /// A text for people with the values of this run in it; secrets do not show.
    pub fn told(&self, text: &str) -> String {
        told(text, &self.values())
    }

    /// Who asks the door when this step acts: the audit log says so.
    pub fn asker(&self, step: &Step) -> RunbookStep {
        RunbookStep { id: self.book.id.clone(), step: step.name.clone() }
    }

    pub(super) fn question(&self, step: &Step) -> Result<Question, String> {
        let context = self.context();
        Ok(match &step.kind {
            StepKind::Manual(template) => Question::Manual(text(template, &context)?),
            StepKind::Approve(template) => Question::Approve(text(template, &context)?),
            StepKind::Incident(word, template) => Question::Incident(*word, text(template, &context)?),
            StepKind::Input(input) => Question::Input {
                ask: text(&input.ask, &context)?,
                kind: input.kind,
                default: input.default.as_ref().map(|default| text(default, &context)).transpose()?,
                secret: input.secret,
            },
            StepKind::Choice(choice) => Question::Choice {
                ask: text(&choice.ask, &context)?,
                options: choice.options.iter().map(|option| text(&option.label, &context)).collect::<Result<_, _>>()?,
            },
            _ => return Err("nothing is asked here".into()),
        })
    }

    pub(super) fn resolve(&self, step: &Step) -> Result<Work, String> {
        let context = self.context();
        Ok(match &step.kind {
            StepKind::Check(query, assertion) => {
                Work::Promql { query: promql::fill(&query.expression, &context)?, test: Some(self.test(assertion)) }
            }
            StepKind::Query(query) => Work::Promql { query: promql::fill(&query.expression, &context)?, test: None },
            StepKind::Logs(logs, assertion) => self.logs(logs, assertion.as_ref())?,
            StepKind::Wait(Wait::For(template)) => Work::Wait { seconds: span(template, &context)? },
            StepKind::Wait(Wait::Until { check, at_most }) => {
                let found = self.book.step(check).and_then(|place| self.book.steps.get(place));
                let found = found.filter(|step| matches!(step.kind, StepKind::Check(..) | StepKind::Logs(_, Some(_))));
                let found = found.ok_or_else(|| format!("`{check}` is no check to wait for"))?;
                Work::WaitUntil { check: Box::new(self.resolve(found)?), at_most: span(at_most, &context)? }
            }
            StepKind::Action(deed) | StepKind::Kubectl(Kubectl::Act(deed)) => {
                Work::Act(Box::new(act::act(deed, &context)?.asked_by(self.asker(step))))
            }
            StepKind::Kubectl(Kubectl::Read(arguments)) => Work::Kubectl(kubectl::fill(arguments, &context)?),
            StepKind::Http(http) => self.http(http)?,
            StepKind::Command(command) => self.command(command)?,
            StepKind::Runbook(sub) => self.sub(sub)?,
            _ => return Err("this step does nothing by itself".into()),
        })
    }

    fn test(&self, assertion: &Assertion) -> Test {
        let mut values = self.values.clone();
        values.extend(self.captures.clone());
        let names = splice::variables(&assertion.test.text).unwrap_or_default();
        let named = |name: &str| names.iter().any(|known| known.split('.').next() == Some(name));
        Test {
            expression: assertion.test.text.clone(),
            values: super::work::written(&values).into_iter().filter(|(name, _)| named(name)).collect(),
            hold: assertion.hold,
            empty_passes: assertion.empty_passes,
        }
    }

    fn logs(&self, logs: &Logs, assertion: Option<&Assertion>) -> Result<Work, String> {
        let context = self.context();
        let of = match &logs.source {
            LogSource::Workload(template) => LogsOf::Workload(workload(template, &context, None)?),
            LogSource::Pod(template) => {
                let named = text(template, &context)?;
                let (namespace, name) = match named.split_once('/') {
                    Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
                    None => (None, named),
                };
                parameter::read(parameter::Type::Pod, &name)?;
                LogsOf::Pod { namespace, name }
            }
        };
        let optional = |template: &Option<Template>| template.as_ref().map(|one| text(one, &context)).transpose();
        let lines = optional(&logs.lines)?;
        let lines =
            lines.map(|text| text.parse().map_err(|_| format!("`{text}` is no number of lines"))).transpose()?;
        Ok(Work::Logs {
            of,
            container: optional(&logs.container)?,
            contains: optional(&logs.contains)?,
            since: logs.since.as_ref().map(|since| span(since, &context)).transpose()?,
            lines,
            test: assertion.map(|assertion| self.test(assertion)),
        })
    }

    fn http(&self, http: &Http) -> Result<Work, String> {
        let context = self.context();
        let headers = http.headers.iter().map(|(name, value)| {
            let value = text(value, &context)?;
            if value.chars().any(char::is_control) {
                Err(format!("the header {name} would break its line"))
            } else {
                Ok((name.clone(), value))
            }
        });
        let is_form = http.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("content-type") && value.text.contains("x-www-form-urlencoded")
        });
        Ok(Work::Http {
            url: url::fill(&http.url, &context)?,
            method: http.method.clone(),
            headers: headers.collect::<Result<_, _>>()?,
            body: http.body.as_ref().map(|body| url::body(body, is_form, &context)).transpose()?,
            expect: http.expect.clone(),
        })
    }

    fn command(&self, command: &Command) -> Result<Work, String> {
        if let Some(why) = &command.only_to_copy {
            return Err(format!("it is only there to copy: {why}"));
        }
        if command.shell == Shell::Other {
            return Err("it is for another shell than sh and bash: it is only there to copy".into());
        }
        let mut environment = BTreeMap::new();
        for (variable, name) in command.environment.iter() {
            if let Some(value) = self.captures.get(name).or_else(|| self.values.get(name)) {
                let value = value.to_string();
                if value.contains('\0') {
                    return Err(format!("the value of {name} has a NUL in it"));
                }
                environment.insert(variable.clone(), value);
            }
        }
        Ok(Work::Command { shell: command.shell, script: command.script.clone(), environment })
    }

    fn sub(&self, sub: &SubRunbook) -> Result<Work, String> {
        let context = self.context();
        let mut stack = self.stack.clone();
        stack.push(self.book.id.clone());
        if stack.contains(&sub.id) {
            return Err(format!("{} → {}: a runbook cannot run inside of itself", stack.join(" → "), sub.id));
        }
        if stack.len() >= super::DEEPEST {
            return Err(format!("runbooks are nested more than {} deep", super::DEEPEST));
        }
        let value = |template: &Template| match workload(template, &context, None) {
            Ok(workload) => Ok(parameter::path(&workload)),
            Err(_) => text(template, &context),
        };
        let with = sub.with.iter().map(|(name, template)| Ok::<_, String>((name.clone(), value(template)?)));
        let times = self.visits.get(self.place).map_or(0, |visit| visit.times);
        Ok(Work::Runbook {
            id: sub.id.clone(),
            with: with.collect::<Result<_, _>>()?,
            run: format!("{}.{}-{}", self.id, self.place + 1, times + 1),
            stack,
        })
    }
}
