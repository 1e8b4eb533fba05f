//! What a person says to a question.

use super::record::Verdict;
use super::work::{Output, Question};
use super::{Phase, Run, RunEffect, SECRET};
use crate::domain::time::Instant;
use crate::runbook::parameter::{self, Type, Value};
use crate::runbook::splice;
use crate::runbook::step::IncidentWord;
use crate::runbook::step::StepKind;

type Effects = Vec<RunEffect>;

impl Run {
    pub(super) fn answer(&mut self, effects: &mut Effects, now: Instant, text: &str) {
        let Phase::Asking(Question::Input { kind, default, secret, .. }) = self.phase.clone() else {
            effects.push(RunEffect::Say("nothing was asked".into()));
            return;
        };
        let text = if text.is_empty() { default.unwrap_or_default() } else { text.to_owned() };
        if text.is_empty() && kind != Type::String {
            effects.push(RunEffect::Say("it needs an answer".into()));
            return;
        }
        match parameter::read(kind, &text) {
            Err(why) => effects.push(RunEffect::Say(if secret { "that is no such value".into() } else { why })),
            Ok(value) => {
                if secret && let Some(name) = self.current().and_then(|step| step.capture) {
                    self.secrets.insert(name);
                }
                let detail = if secret { SECRET.to_owned() } else { value.to_string() };
                let output = Output { text: String::new(), value: Some(value) };
                self.passed(effects, now, detail, output, None);
            }
        }
    }

    pub(super) fn choose(&mut self, effects: &mut Effects, now: Instant, option: usize) {
        let chosen = match (self.current().map(|step| step.kind), &self.phase) {
            (Some(StepKind::Choice(choice)), Phase::Asking(_)) => choice.options.get(option).cloned(),
            _ => None,
        };
        let Some(chosen) = chosen else {
            effects.push(RunEffect::Say("there is no such choice".into()));
            return;
        };
        let context = self.context();
        let label = splice::plain(&chosen.label.text, &context).unwrap_or_else(|_| chosen.label.text.clone());
        let value = match &chosen.value {
            Some(value) => match splice::plain(&value.text, &context) {
                Ok(value) => value,
                Err(error) => return self.failed(effects, now, error.why, Output::default(), None),
            },
            None => label.clone(),
        };
        let to = chosen.goto.as_ref().map(|target| self.place_of(target));
        let output = Output { text: String::new(), value: Some(Value::Text(value)) };
        self.ended(effects, now, Verdict::Passed, label, output, None, to);
    }

    pub(super) fn approve(&mut self, effects: &mut Effects, now: Instant) {
        match self.phase.clone() {
            Phase::Asking(Question::Confirm(work)) => self.perform(effects, now, *work, 1),
            Phase::Asking(Question::Manual(_)) => {
                self.passed(effects, now, "done by hand".into(), Output::default(), None);
            }
            Phase::Asking(Question::Approve(_)) => {
                self.passed(effects, now, "approved".into(), Output::default(), None);
            }
            Phase::Asking(Question::Incident(word, _)) => {
                let detail = match word {
                    IncidentWord::Declare => "declared",
                    IncidentWord::Notify => "told everyone",
                    IncidentWord::Note => "written down",
                };
                self.passed(effects, now, detail.into(), Output::default(), None);
            }
            _ => effects.push(RunEffect::Say("nothing waits for a yes".into())),
        }
    }

    pub(super) fn decline(&mut self, effects: &mut Effects, now: Instant, reason: &str) {
        match self.phase.clone() {
            Phase::Asking(Question::Manual(_) | Question::Approve(_) | Question::Incident(..)) => {
                let detail = if reason.is_empty() { "declined".to_owned() } else { format!("declined: {reason}") };
                self.failed(effects, now, detail, Output::default(), None);
            }
            Phase::Asking(_) => self.phase = Phase::Ready,
            _ => effects.push(RunEffect::Say("nothing waits for an answer".into())),
        }
    }

    pub(super) fn secret(&mut self, effects: &mut Effects, name: &str, value: &str) {
        if !self.missing.contains(name) {
            effects.push(RunEffect::Say(format!("{name} is not asked for")));
            return;
        }
        let read = match self.book.parameter(name) {
            Some(parameter) => parameter.read(value),
            None => Ok(Value::Text(value.to_owned())),
        };
        match read {
            Err(why) => effects.push(RunEffect::Say(why)),
            Ok(value) => {
                self.missing.remove(name);
                let captured = self.captures.contains_key(name);
                let values = if captured { &mut self.captures } else { &mut self.values };
                values.insert(name.to_owned(), value);
            }
        }
    }
}
