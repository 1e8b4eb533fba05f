//! A form: what an action still has to be told before it can be planned, and what is said of why it is done.

use super::input::Input;
use crate::actions::ActionRequest;
use crate::config::keymap::{CommandId, Key};
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
}

/// What a filled-in form becomes.
#[derive(Debug)]
pub enum Purpose {
    /// This action on these objects.
    Action(CommandId, Vec<ObjectRef>),
    /// This request, with what was said of it.
    Request(Box<ActionRequest>),
}

/// What a line of a form is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A number of pods, or a step (`+2`).
    Replicas,
    /// The name of a container.
    Container,
    /// An image.
    Image,
    /// Why, for the audit log.
    Reason,
    /// The incident that it belongs to.
    Incident,
    /// Why the guardrails are overridden.
    BreakGlass,
}

impl Topic {
    /// The word beside the line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Replicas => "replicas",
            Self::Container => "container",
            Self::Image => "image",
            Self::Reason => "reason",
            Self::Incident => "incident",
            Self::BreakGlass => "break-glass",
        }
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
}

impl Field {
    /// An empty line.
    pub fn new(topic: Topic, hint: impl Into<String>, required: bool) -> Self {
        Self { topic, input: Input::default(), hint: hint.into(), required, offered: false }
    }

    /// With text in it.
    #[must_use]
    pub fn offering(mut self, text: &str) -> Self {
        self.input = Input::with(text);
        self.offered = self.topic == Topic::Replicas && !text.is_empty();
        self
    }

    /// What was written, without spaces around it; `None` for nothing.
    pub fn text(&self) -> Option<&str> {
        Some(self.input.text().trim()).filter(|text| !text.is_empty())
    }

    fn key(&mut self, key: Key) {
        if self.topic == Topic::Replicas
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
        Self { title, fields, at: 0, notice: None, purpose }
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
        if let Some(field) = self.fields.get_mut(self.at).filter(|field| field.topic == Topic::Replicas) {
            field.fold(double);
        }
    }

    /// What was written about a topic.
    pub fn text(&self, topic: Topic) -> Option<&str> {
        self.fields.iter().find(|field| field.topic == topic)?.text()
    }

    /// Goes to the first line that may not stay empty and is; is there none?
    pub fn is_complete(&mut self) -> bool {
        let Some(at) = self.fields.iter().position(|field| field.required && field.text().is_none()) else {
            return true;
        };
        self.at = at;
        self.notice = Some(format!("{} is needed", self.fields[at].topic.word()));
        false
    }

    /// What was said of why, in a request.
    pub fn explain(&self, mut request: ActionRequest) -> ActionRequest {
        for field in &self.fields {
            let text = field.text().map(str::to_owned);
            match field.topic {
                Topic::Reason => request.reason = text,
                Topic::Incident => request.incident = text,
                Topic::BreakGlass => request.break_glass = text,
                Topic::Replicas | Topic::Container | Topic::Image => {}
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
