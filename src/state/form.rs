//! A form: what an action still has to be told before it can be planned, and what is said of why it is done.

use std::collections::BTreeMap;

use super::input::Input;
use crate::actions::ActionRequest;
use crate::actions::scale::Replicas;
use crate::actions::silence::Until;
use crate::config::keymap::{CommandId, Key};
use crate::domain::flag::{FlagChange, written};
use crate::domain::mutation::Matcher;
use crate::domain::object::ObjectRef;

/// A form over the panes.
#[derive(Debug)]
pub struct Form {
    /// What it is for: `Scale deployment/payment`.
    pub title: String,
    /// The lines to fill in; never empty.
    pub fields: Vec<Field>,
    /// Which of them is being typed.
    pub at: usize,
    /// Why it was not taken.
    pub notice: Option<String>,
    /// What it becomes.
    pub purpose: Purpose,
    /// The labels of the one alert that it is about.
    pub alert: Option<BTreeMap<String, String>>,
}

/// What a filled-in form becomes.
#[derive(Debug)]
pub enum Purpose {
    /// This action on these objects.
    Action(CommandId, Vec<ObjectRef>),
    /// This request, with what was said of it.
    Request(Box<ActionRequest>),
    /// The incident that is being declared.
    Declare,
}

/// What a line of a form is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A number of pods, or a step (`+2`).
    Replicas,
    /// The most pods that an autoscaler runs.
    Maximum,
    /// The fewest pods that an autoscaler runs.
    Minimum,
    /// The name of a container.
    Container,
    /// An image.
    Image,
    /// What a flag serves while it is on: a share of users (`25 %`), or the name of a variant.
    Serves,
    /// Why alerts are quiet.
    Comment,
    /// For how long.
    Span,
    /// Which alerts: one matcher. The one topic of which a form has several lines.
    Matcher,
    /// Why, for the audit log.
    Reason,
    /// The incident that it belongs to.
    Incident,
    /// Why the guardrails are overridden.
    BreakGlass,
    /// A field of an incident that is declared.
    Declare(crate::incident::declare::Field),
}

impl Topic {
    /// The word beside the line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Replicas => "replicas",
            Self::Maximum => "maximum",
            Self::Minimum => "minimum",
            Self::Container => "container",
            Self::Image => "image",
            Self::Serves => "serves",
            Self::Comment => "comment",
            Self::Span => "for",
            Self::Matcher => "matcher",
            Self::Reason => "reason",
            Self::Incident => "incident",
            Self::BreakGlass => "break-glass",
            Self::Declare(field) => field.word(),
        }
    }

    /// Is it a number that steps and folds?
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Replicas | Self::Maximum | Self::Minimum)
    }
}

/// What a flag is to serve, as it is written: `25 %` or `25` is a share of users, anything else a variant's name.
pub fn served(text: &str) -> Result<FlagChange, String> {
    let number = text.trim_end_matches('%').trim_end();
    match number.parse::<u32>() {
        Ok(share @ 0..=100) => Ok(FlagChange::Percentage(share as u8)),
        Ok(_) => Err("a share of users is 0 % to 100 %".into()),
        Err(_) if text.ends_with('%') => Err("that is no share: write 25 %".into()),
        Err(_) => Ok(FlagChange::Variant(written(text))),
    }
}

/// One line of a form.
#[derive(Debug)]
pub struct Field {
    /// What it is about.
    pub topic: Topic,
    /// The text.
    pub input: Input,
    /// What may be written there.
    pub hint: String,
    /// It may not stay empty.
    pub required: bool,
    /// What stands there was not typed: the first digit takes its place.
    offered: bool,
    /// What stood there at first.
    given: String,
}

impl Field {
    /// An empty line.
    pub fn new(topic: Topic, hint: impl Into<String>, required: bool) -> Self {
        Self { topic, input: Input::default(), hint: hint.into(), required, offered: false, given: String::new() }
    }

    /// With text in it.
    #[must_use]
    pub fn offering(mut self, text: &str) -> Self {
        self.input = Input::with(text);
        self.offered = self.topic.is_number() && !text.is_empty();
        text.clone_into(&mut self.given);
        self
    }

    /// Is something else written there than at first?
    pub fn is_altered(&self) -> bool {
        self.text().unwrap_or_default() != self.given
    }

    /// Why what is written cannot be meant.
    fn fault(&self) -> Option<String> {
        let text = self.text()?;
        match self.topic {
            Topic::Replicas if Replicas::parse(text).is_none() => Some("that is no number: write 6, +2 or -1".into()),
            Topic::Maximum | Topic::Minimum if text.parse::<i64>().is_err() => Some("that is no number".into()),
            Topic::Serves => served(text).err(),
            Topic::Span => Until::parse(text).err(),
            Topic::Matcher => Matcher::parse(text).err(),
            _ => None,
        }
    }

    /// What was written, without spaces around it; `None` for nothing.
    pub fn text(&self) -> Option<&str> {
        Some(self.input.text().trim()).filter(|text| !text.is_empty())
    }

    fn key(&mut self, key: Key) {
        if self.topic.is_number()
            && let Some(typed) = key.typed()
        {
            let number = self.text().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            match (typed, number.and_then(|text| text.parse::<u32>().ok())) {
                // In an empty line they begin a step.
                ('+', Some(number)) => return self.set(number.saturating_add(1)),
                ('-', Some(number)) => return self.set(number.saturating_sub(1)),
                _ if self.offered => self.input = Input::default(),
                _ => {}
            }
        }
        self.offered = false;
        self.input.key(key);
    }

    fn set(&mut self, number: u32) {
        self.input = Input::with(&number.to_string());
        self.offered = false;
    }

    /// Twice the number, or half of it.
    fn fold(&mut self, double: bool) {
        if let Some(number) = self.text().and_then(|text| text.parse::<u32>().ok()).filter(|number| *number > 0) {
            self.set(if double { number.saturating_mul(2) } else { number.div_ceil(2) });
        }
    }
}

impl Form {
    /// A form with the cursor in its first line that waits for something.
    pub fn new(title: String, fields: Vec<Field>, purpose: Purpose) -> Self {
        Self { title, fields, at: 0, notice: None, purpose, alert: None }
    }

    /// Takes a key into the line being typed.
    pub fn key(&mut self, key: Key) {
        self.notice = None;
        if let Some(field) = self.fields.get_mut(self.at) {
            field.key(key);
        }
    }

    /// Takes pasted text, as one line.
    pub fn paste(&mut self, text: &str) {
        self.notice = None;
        if let Some(field) = self.fields.get_mut(self.at) {
            if std::mem::take(&mut field.offered) {
                field.input = Input::default();
            }
            field.input.paste(text);
        }
    }

    /// Goes to the line after (`true`) or before.
    pub fn go(&mut self, forward: bool) {
        let count = self.fields.len().max(1);
        self.at = if forward { (self.at + 1) % count } else { (self.at + count - 1) % count };
    }

    /// Doubles or halves the number being typed.
    pub fn fold(&mut self, double: bool) {
        if let Some(field) = self.fields.get_mut(self.at).filter(|field| field.topic.is_number()) {
            field.fold(double);
        }
    }

    /// What was written about a topic.
    pub fn text(&self, topic: Topic) -> Option<&str> {
        self.field(topic)?.text()
    }

    /// The first line about a topic.
    pub fn field(&self, topic: Topic) -> Option<&Field> {
        self.fields.iter().find(|field| field.topic == topic)
    }

    /// What was written in each line about a topic.
    pub fn texts(&self, topic: Topic) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |field| field.topic == topic).filter_map(Field::text)
    }

    /// Goes to the first line that may not stay empty and is, or that cannot be meant; is there none?
    pub fn is_complete(&mut self) -> bool {
        let wrong = self.fields.iter().enumerate().find_map(|(at, field)| match field.text() {
            None if field.required => Some((at, format!("{} is needed", field.topic.word()))),
            _ => field.fault().map(|why| (at, why)),
        });
        let Some((at, why)) = wrong else { return true };
        self.at = at;
        self.notice = Some(why);
        false
    }

    /// Is it about the request of this step of a run?
    pub fn asks_for_step(&self, mark: &str) -> bool {
        matches!(&self.purpose, Purpose::Request(request) if request.step.as_deref() == Some(mark))
    }

    /// What was said of why, in a request.
    pub fn explain(&self, mut request: ActionRequest) -> ActionRequest {
        for field in &self.fields {
            let text = field.text().map(str::to_owned);
            match field.topic {
                Topic::Reason => request.reason = text,
                Topic::Incident => request.incident = text,
                Topic::BreakGlass => request.break_glass = text,
                _ => {}
            }
        }
        request
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::keymap::KeyCode;

    fn form() -> Form {
        let fields = vec![Field::new(Topic::Replicas, "", true).offering("8"), Field::new(Topic::Reason, "", true)];
        Form::new("Scale".into(), fields, Purpose::Action("scale", Vec::new()))
    }

    fn typed(keys: &str) -> String {
        let mut form = form();
        for c in keys.chars() {
            form.key(Key::char(c));
        }
        form.text(Topic::Replicas).unwrap_or_default().to_owned()
    }

    #[test]
    fn the_number_offered_gives_way_to_a_typed_one_and_steps() {
        for (keys, number) in [("12", "12"), ("+", "9"), ("++", "10"), ("--", "6"), ("", "8"), ("1+", "2")] {
            assert_eq!(typed(keys), number, "{keys}");
        }
        let mut form = form();
        form.fold(true);
        assert_eq!(form.text(Topic::Replicas), Some("16"));
        form.key(Key::plain(KeyCode::Backspace));
        form.key(Key::plain(KeyCode::Backspace));
        form.key(Key::char('+'));
        form.key(Key::char('3'));
        assert_eq!(form.text(Topic::Replicas), Some("+3"), "a step");
        assert!(!form.is_complete());
        assert_eq!((form.at, form.notice.as_deref()), (1, Some("reason is needed")));
    }
}
