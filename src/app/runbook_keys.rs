//! The desk's keys: what each means where the runbook has not begun, where a step waits, and where a line is typed.

use super::App;
use crate::runbook::run::work::Question;
use crate::runbook::run::{Phase, RunInput};
use crate::state::effect::Effect;
use crate::state::input::Input;
use crate::state::runbook::{Prompt, Purpose};
use crate::state::session::Overlay;

type Effects = Vec<Effect>;

impl App {
    pub(super) fn prompt(&mut self, ask: &str, text: &str, purpose: Purpose) {
        let prompt = Prompt { ask: ask.to_owned(), input: Input::with(text), purpose, notice: None };
        self.session.desk.view.prompt = Some(prompt);
        self.show_desk();
    }

    /// A command while the desk has the keys.
    pub(super) fn desk_command(&mut self, id: &str) -> Effects {
        if self.session.desk.view.prompt.is_some() {
            return self.prompt_command(id);
        }
        match id {
            "cancel" | "back" | "widen" | "runbook" => return self.hide_desk(),
            "down" | "up" | "page-down" | "page-up" | "top" | "bottom" | "right" | "left" => self.scroll_desk(id),
            "help" => {
                self.session.overlays.push(Overlay::Help { scroll: 0 });
                return Vec::new();
            }
            "copy" => return self.copy_step(),
            "audit" => return self.open_audit(),
            _ => return self.walk_command(id),
        }
        Vec::new()
    }

    fn hide_desk(&mut self) -> Effects {
        self.session.overlays.retain(|overlay| !matches!(overlay, Overlay::Desk));
        if self.session.desk.is_open() {
            let remark = format!("the run stays open; {} comes back to it", self.runbook_key());
            self.notice(remark);
        } else {
            self.session.desk.clear();
        }
        Vec::new()
    }

    fn walk_command(&mut self, id: &str) -> Effects {
        if self.session.desk.page.is_some() {
            return match id {
                "step-run" | "confirm" | "focus" => self.begin_page(),
                "step-goto" | "step-note" => {
                    self.notice("it has not begun yet: enter begins it");
                    Vec::new()
                }
                _ => Vec::new(),
            };
        }
        let Some(run) = self.session.desk.run() else { return Vec::new() };
        if run.end().is_some() {
            return if matches!(id, "step-run" | "confirm" | "focus") { self.hide_desk() } else { Vec::new() };
        }
        let phase = run.phase().clone();
        match id {
            "step-run" | "confirm" | "focus" => self.run_or_answer(&phase),
            "step-skip" => {
                self.prompt("why is it skipped?", "", Purpose::Skip);
                Vec::new()
            }
            "step-back" => self.tell_run(RunInput::Back),
            "step-goto" => {
                let count = run.book().steps.len();
                self.prompt(&format!("to which step? 1 to {count}"), "", Purpose::Jump);
                Vec::new()
            }
            "step-note" => {
                self.prompt("remark, for the run's log", "", Purpose::Note);
                Vec::new()
            }
            "step-retry" => self.tell_run(RunInput::Retry),
            "step-undo" => {
                if let Phase::Halted { rollback: Some(place), .. } = phase {
                    return self.tell_run(RunInput::Jump(place));
                }
                self.notice("no step takes this one back");
                Vec::new()
            }
            "step-done" => match phase {
                Phase::Unknown { .. } => {
                    self.prompt("what did you see of it?", "", Purpose::MarkDone);
                    Vec::new()
                }
                Phase::Asking(Question::Manual(_) | Question::Approve(_)) => self.tell_run(RunInput::Approve),
                _ => {
                    self.notice("it is known how this step stands");
                    Vec::new()
                }
            },
            "step-decline" => match phase {
                Phase::Asking(Question::Manual(_) | Question::Approve(_) | Question::Incident(..)) => {
                    self.prompt("why not?", "", Purpose::Decline);
                    Vec::new()
                }
                Phase::Asking(_) => self.tell_run(RunInput::Decline { reason: String::new() }),
                _ => Vec::new(),
            },
            "step-abort" => {
                self.prompt("why is the run given up?", "", Purpose::Abort);
                Vec::new()
            }
            id => match (id.strip_prefix("choice-").and_then(|number| number.parse::<usize>().ok()), phase) {
                (Some(number @ 1..), Phase::Asking(Question::Choice { .. })) => {
                    self.tell_run(RunInput::Choose(number - 1))
                }
                _ => Vec::new(),
            },
        }
    }

    /// Enter: what the step waits for.
    fn run_or_answer(&mut self, phase: &Phase) -> Effects {
        match phase {
            Phase::Ready => self.tell_run(RunInput::Start),
            Phase::Asking(Question::Manual(_) | Question::Approve(_) | Question::Confirm(_)) => {
                self.tell_run(RunInput::Approve)
            }
            Phase::Asking(Question::Incident(word, text)) => self.step_for_incident(*word, text),
            Phase::Asking(Question::Choice { .. }) => {
                self.notice("choose by its number");
                Vec::new()
            }
            Phase::Asking(Question::Input { ask, default, secret, .. }) => {
                self.prompt(ask, default.as_deref().unwrap_or_default(), Purpose::Answer { secret: *secret });
                Vec::new()
            }
            Phase::Halted { .. } => {
                self.notice("the step failed: retry it, skip it, or go elsewhere");
                Vec::new()
            }
            Phase::Running { .. } => {
                if self.session.desk.acting.is_some() && self.door.is_some() {
                    self.show_door();
                }
                Vec::new()
            }
            Phase::Unknown { .. } => {
                self.notice("nobody knows how it ended: look at the audit log, then retry, mark it done, or skip it");
                Vec::new()
            }
            Phase::Ended(_) => Vec::new(),
        }
    }

    fn prompt_command(&mut self, id: &str) -> Effects {
        match id {
            "cancel" => {
                self.session.desk.view.prompt = None;
                Vec::new()
            }
            "confirm" => self.take_prompt(),
            _ => Vec::new(),
        }
    }

    fn take_prompt(&mut self) -> Effects {
        let Some(prompt) = self.session.desk.view.prompt.take() else { return Vec::new() };
        let text = prompt.input.text().trim().to_owned();
        let again = |app: &mut Self, why: String| {
            app.session.desk.view.prompt = Some(Prompt { notice: Some(why), ..prompt_of(&prompt) });
            Vec::new()
        };
        match &prompt.purpose {
            Purpose::Skip if text.is_empty() => again(self, "say why: it is recorded".into()),
            Purpose::Skip => self.tell_run(RunInput::Skip { reason: text }),
            Purpose::Abort => self.tell_run(RunInput::Abort { reason: text }),
            Purpose::Note if text.is_empty() => Vec::new(),
            Purpose::Note => self.tell_run(RunInput::Note(text)),
            Purpose::Jump => match text.parse::<usize>() {
                Ok(number @ 1..) => self.tell_run(RunInput::Jump(number - 1)),
                _ => again(self, "that is no number of a step".into()),
            },
            Purpose::Answer { .. } => self.tell_run(RunInput::Answer(text)),
            Purpose::Decline => self.tell_run(RunInput::Decline { reason: text }),
            Purpose::MarkDone if text.is_empty() => again(self, "say what you saw: it is recorded".into()),
            Purpose::MarkDone => self.tell_run(RunInput::MarkDone { detail: text }),
            Purpose::Secret(name) => self.tell_run(RunInput::Secret { name: name.clone(), value: text }),
            Purpose::Parameter { name, .. } => {
                let Some(page) = &mut self.session.desk.page else { return Vec::new() };
                let read = page.book.parameter(name).map(|parameter| parameter.read(&text));
                match read {
                    Some(Ok(value)) => {
                        page.values.insert(name.clone(), value);
                        self.begin_page()
                    }
                    Some(Err(why)) => again(self, why),
                    None => Vec::new(),
                }
            }
        }
    }

    fn copy_step(&mut self) -> Effects {
        let Some(run) = self.session.desk.run() else { return Vec::new() };
        let text = match run.preview() {
            Some(Ok(work)) => work.describe().iter().map(|line| run.masked(line)).collect::<Vec<_>>().join("\n"),
            _ => run.visits().get(run.place()).map(|visit| visit.output.text.clone()).unwrap_or_default(),
        };
        if text.is_empty() {
            self.notice("this step has nothing to copy");
            return Vec::new();
        }
        self.notice("copied what the step does");
        vec![Effect::Copy(text)]
    }
}

fn prompt_of(prompt: &Prompt) -> Prompt {
    let (ask, purpose) = (prompt.ask.clone(), prompt.purpose.clone());
    Prompt { ask, input: prompt.input.clone(), purpose, notice: None }
}
