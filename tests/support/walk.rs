//! A runbook walked on the command line by somebody who answers what is asked.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// What is asked on the way, and what is answered.
pub struct Walk<'a> {
    /// A part of a question, with a part of the option that is chosen, or the text that is typed. Plans are approved, and
    /// what only a person can do is called done.
    pub answers: &'a [(&'a str, &'a str)],
    /// What the person sees on the way.
    pub seen: &'a [&'a str],
}

impl Walk<'_> {
    /// Walks to the end of the runbook, which has to come without anybody being called.
    pub fn to_its_end(&self, mut command: Command) {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // What is told and what is asked come by two roads, in no order.
        let (sender, said) = mpsc::channel();
        let roads: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for (road, mut stream) in roads.into_iter().enumerate() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut bytes) {
                    let _ = sender.send((road, String::from_utf8_lossy(&bytes[..count]).into_owned()));
                }
            });
        }
        drop(sender);
        let (mut text, mut asked, mut taken, mut silence) = (String::new(), String::new(), 0, 0);
        loop {
            match said.recv_timeout(Duration::from_millis(200)) {
                Ok((road, more)) => {
                    if road == 0 { &mut text } else { &mut asked }.push_str(&more);
                    silence = 0;
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => silence += 1,
            }
            assert!(silence < 600, "nothing more is said, after:\n{text}\nasked:\n{asked}");
            // A question is what stands without an end of its line once nothing more comes.
            if silence == 1 && asked.ends_with(": ") {
                let answer = self.answer(&text[taken..], asked.lines().last().unwrap_or_default().trim());
                taken = text.len();
                asked.push('\n');
                writeln!(stdin, "{answer}").unwrap();
            }
        }
        child.wait().unwrap();
        let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        let (_, end) = last.rsplit_once(": ").unwrap_or_else(|| panic!("{text}\n{asked}"));
        assert!(end.starts_with("done"), "{text}");
        for wanted in self.seen {
            assert!(text.contains(wanted), "`{wanted}` was not seen:\n{text}");
        }
        assert!(!text.contains("Hand over"), "somebody had to be called:\n{text}");
    }

    /// What is answered to a question, after what was told.
    fn answer(&self, text: &str, question: &str) -> String {
        if question.starts_with("enter ") {
            assert!(!question.contains("leave the run open"), "the run stopped:\n{text}");
            return String::new();
        }
        let wanted = self
            .answers
            .iter()
            .filter(|(part, _)| text.contains(part) || question.contains(part))
            .map(|(_, answer)| *answer);
        if question == "number:" {
            let option = wanted.filter_map(|answer| text.lines().rfind(|line| line.contains(answer))).next_back();
            let option = option.unwrap_or_else(|| panic!("no answer to:\n{text}"));
            return option.trim().split('.').next().unwrap_or_default().to_owned();
        }
        if question.ends_with("y/n:") {
            return "y".to_owned();
        }
        let wanted = wanted.collect::<Vec<_>>();
        assert!(!wanted.is_empty() || question.contains("]:"), "no answer to:\n{text}");
        wanted.last().copied().unwrap_or_default().to_owned()
    }
}
