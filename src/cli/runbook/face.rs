//! Who walks a runbook on the command line: a person at standard input, or nobody.

use std::io::{BufRead, IsTerminal, Write};

use crate::cli::output::{Failure, error_line, line};
use crate::domain::text::clean_lines;
use crate::runbook::run::record::{Event, Record, Verdict};
use crate::runbook::run::work::{Question, Work};
use crate::runbook::run::{Phase, Run, RunInput};
use crate::runbook::step::StepKind;

/// Lines of an output that are printed.
const SHOWN: usize = 40;

/// How it talks.
#[derive(Clone, Copy, Debug)]
pub struct Face {
    /// Records as JSON lines on standard output, and nothing else there.
    pub json: bool,
    /// Nobody answers.
    pub unattended: bool,
    /// Every plan is approved.
    pub yes: bool,
}

impl Face {
    fn say(self, text: &str) {
        let text = clean_lines(text);
        if self.json { error_line(&text) } else { line(&text) }
    }

    /// Something that concerns only who stands here.
    pub fn remark(text: &str) {
        error_line(&clean_lines(text));
    }

    /// What was written down, as it happens.
    pub fn recorded(self, run: &Run, record: &Record) -> Result<(), Failure> {
        if self.json {
            let text = serde_json::to_string(record).map_err(|error| Failure::failed(error.to_string()))?;
            line(&text);
            return Ok(());
        }
        let indent = "  ";
        match &record.event {
            Event::StepEnded { verdict, detail, output, .. } => {
                let lines: Vec<&str> = output.text.lines().collect();
                for text in lines.iter().take(SHOWN) {
                    self.say(&format!("{indent}│ {text}"));
                }
                if lines.len() > SHOWN {
                    self.say(&format!("{indent}│ … {} lines more", lines.len() - SHOWN));
                }
                let mark = match verdict {
                    Verdict::Passed => "✓",
                    Verdict::Failed => "✗",
                    Verdict::Skipped => "-",
                };
                self.say(format!("{indent}{mark} {detail}").trim_end());
            }
            Event::Skipped { name, reason, .. } => self.say(&format!("{indent}- {name}: skipped, {reason}")),
            Event::Finished(end) => self.say(&format!("{}: {}", run.id(), end)),
            _ => {}
        }
        Ok(())
    }

    /// A step is about to be walked.
    pub fn arrived(self, run: &Run) {
        if self.json {
            return;
        }
        let Some(step) = run.step() else { return };
        let number = format!("{}/{}", run.place() + 1, run.book().steps.len());
        self.say(&format!("{number}  {}  [{}]", run.told(&step.title), step.kind.word()));
        if matches!(step.kind, StepKind::Note) {
            let prose: Vec<&str> =
                run.book().source.lines().skip(step.lines.start).take(step.lines.len().saturating_sub(1)).collect();
            for text in prose.iter().filter(|text| !text.trim().is_empty()) {
                self.say(&format!("  {}", run.told(text)));
            }
        }
    }

    /// What is going to be done, with every value in its place.
    pub fn begins(self, run: &Run, work: &Work) {
        if self.json {
            return;
        }
        for text in work.describe() {
            self.say(&format!("  > {}", run.masked(&text)));
        }
    }

    /// What comes next, as long as the run is not over. `None` leaves it open.
    pub fn next(self, run: &Run) -> Option<RunInput> {
        match run.phase() {
            Phase::Ready if self.unattended || by_itself(run) => Some(RunInput::Start),
            Phase::Ready => {
                if let Some(Ok(work)) = run.preview() {
                    self.begins(run, &work);
                }
                // What changes something is confirmed by the plan itself.
                Self::choose("run it", &[('s', "skip"), ('a', "abort")], |key| match key {
                    's' => skip(),
                    'a' => abort(),
                    _ => Some(RunInput::Start),
                })
            }
            Phase::Asking(question) => self.answer(run, question),
            Phase::Halted { why, rollback } => {
                if self.unattended {
                    return Some(RunInput::Abort { reason: why.clone() });
                }
                let mut keys = vec![('r', "retry"), ('s', "skip"), ('a', "abort")];
                if rollback.is_some() {
                    keys.push(('t', "take it back"));
                }
                let rollback = *rollback;
                Self::choose("leave the run open", &keys, |key| match key {
                    'r' => Some(RunInput::Retry),
                    's' => skip(),
                    'a' => abort(),
                    't' => rollback.map(RunInput::Jump),
                    _ => None,
                })
            }
            Phase::Unknown { work, .. } => {
                Self::remark("nobody knows how this step ended; the audit log may: opsdeck audit show");
                for text in work {
                    Self::remark(&format!("  > {text}"));
                }
                if self.unattended {
                    return None;
                }
                let keys = [('r', "do it again"), ('d', "it was done"), ('s', "skip"), ('a', "abort")];
                Self::choose("leave the run open", &keys, |key| match key {
                    'r' => Some(RunInput::Retry),
                    'd' => Some(RunInput::MarkDone { detail: ask("what did you see? ")? }),
                    's' => skip(),
                    'a' => abort(),
                    _ => None,
                })
            }
            Phase::Running { .. } | Phase::Ended(_) => None,
        }
    }

    fn answer(self, run: &Run, question: &Question) -> Option<RunInput> {
        match question {
            Question::Manual(text) => {
                self.say(&format!("  {}", run.masked(text)));
                Self::choose(
                    "it is done",
                    &[('n', "it cannot be done"), ('s', "skip"), ('a', "abort")],
                    |key| match key {
                        'n' => Some(RunInput::Decline { reason: ask("why? ")? }),
                        's' => skip(),
                        'a' => abort(),
                        _ => Some(RunInput::Approve),
                    },
                )
            }
            Question::Incident(word, text) => {
                self.say(&format!("  {}", word.does()));
                if !text.trim().is_empty() {
                    self.say(&format!("  > {}", run.masked(text)));
                }
                // A declare asks by itself, unless it was said beforehand; the other two say only what is written here.
                if self.unattended || self.yes {
                    return Some(RunInput::Approve);
                }
                Self::choose("do it", &[('n', "it cannot be done"), ('s', "skip"), ('a', "abort")], |key| match key {
                    'n' => Some(RunInput::Decline { reason: ask("why? ")? }),
                    's' => skip(),
                    'a' => abort(),
                    _ => Some(RunInput::Approve),
                })
            }
            Question::Approve(text) => {
                self.say(&format!("  {}", run.masked(text)));
                yes_or_no("approve?")
            }
            Question::Confirm(work) => {
                self.begins(run, work);
                if self.yes {
                    return Some(RunInput::Approve);
                }
                yes_or_no("do it?")
            }
            Question::Input { ask: text, default, .. } => {
                let default = default.as_ref().map_or_else(String::new, |default| format!(" [{default}]"));
                ask(&format!("{}{default}: ", run.masked(text))).map(RunInput::Answer)
            }
            Question::Choice { ask: text, options } => {
                self.say(&format!("  {}", run.masked(text)));
                for (at, option) in options.iter().enumerate() {
                    self.say(&format!("  {}. {option}", at + 1));
                }
                loop {
                    let typed = ask("number: ")?;
                    match typed.trim().parse::<usize>() {
                        Ok(number @ 1..) if number <= options.len() => return Some(RunInput::Choose(number - 1)),
                        _ => Self::remark(&format!("a number from 1 to {}", options.len())),
                    }
                }
            }
        }
    }

    /// One key and enter; enter alone is the first.
    fn choose(first: &str, keys: &[(char, &str)], take: impl Fn(char) -> Option<RunInput>) -> Option<RunInput> {
        let words: Vec<String> = keys.iter().map(|(key, word)| format!("{key} {word}")).collect();
        let typed = ask(&format!("  enter {first}, {}: ", words.join(", ")))?;
        take(typed.trim().chars().next().unwrap_or('\n'))
    }
}

/// Text is printed, questions are asked, and reads of our format run; in plain Markdown nothing runs without being asked
/// for.
fn by_itself(run: &Run) -> bool {
    let only_text = run.step().is_some_and(|step| matches!(step.kind, StepKind::Note) || step.kind.asks());
    only_text || (run.book().native && run.may_start_by_itself())
}

fn skip() -> Option<RunInput> {
    loop {
        let reason = ask("why is it skipped? ")?;
        if !reason.trim().is_empty() {
            return Some(RunInput::Skip { reason });
        }
    }
}

fn abort() -> Option<RunInput> {
    ask("why is the run given up? ").map(|reason| RunInput::Abort { reason })
}

fn yes_or_no(question: &str) -> Option<RunInput> {
    let typed = ask(&format!("  {question} y/n: "))?;
    Some(match typed.trim() {
        "y" | "yes" => RunInput::Approve,
        other => RunInput::Decline { reason: if other == "n" { String::new() } else { other.to_owned() } },
    })
}

/// A line of standard input; `None` at its end.
fn ask(question: &str) -> Option<String> {
    let _ = write!(std::io::stderr(), "{}", clean_lines(question));
    let mut typed = String::new();
    let count = std::io::stdin().lock().read_line(&mut typed).ok()?;
    if !std::io::stdin().is_terminal() {
        error_line("");
    }
    (count > 0).then(|| typed.trim_end_matches(['\n', '\r']).to_owned())
}

/// A secret that was lost with the process, or that a parameter needs.
pub fn secret(name: &str) -> Option<String> {
    ask(&format!("{name} (secret, it shows while you type): "))
}

/// A value that a parameter needs.
pub fn line_of(name: &str) -> Option<String> {
    ask(&format!("{name}: "))
}
