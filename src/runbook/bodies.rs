//! The body of each kind of block, from text to [`StepKind`]. YAML is read with placeholders in the place of templates.

use super::act;
use super::action::{Argument, Deed, Given, Kubectl};
use super::attributes::Info;
use super::diagnostic::{Diagnostic, Spot, did_you_mean};
use super::kubectl;
use super::outline::condition;
use super::parameter::Type;
use super::splice::{self, Held};
use super::step::{
    Assertion, Branch, Choice, ChoiceOption, Command, Http, IncidentWord, Input, LogSource, Logs, Query, Shell,
    StepKind, SubRunbook, Target, Template, Wait,
};
use super::url;
use super::yaml::{self, Fields, Node, Yaml};

/// A block as written.
pub(super) struct Body<'a> {
    pub info: &'a Info,
    pub text: &'a str,
    /// The place of the first character of the text.
    pub spot: Spot,
    /// Where the fence is.
    pub fence: Spot,
    /// The step's title.
    pub title: &'a str,
}

/// What a block does; `None` with a diagnostic when it cannot be read.
pub(super) fn kind(body: &Body<'_>, found: &mut Vec<Diagnostic>) -> Option<StepKind> {
    let text = || Template::new(body.text.trim_end(), body.spot);
    match body.info.word.as_str() {
        "promql" => {
            if body.text.trim().is_empty() {
                found.push(Diagnostic::error(body.fence, "there is no query in it"));
            }
            let query = Query { expression: text() };
            Some(match assertion(body.info, found) {
                Some(assertion) => StepKind::Check(query, assertion),
                None => StepKind::Query(query),
            })
        }
        "sh" | "bash" => Some(StepKind::Command(command(body, found))),
        "manual" => Some(StepKind::Manual(or_title(body))),
        "approve" => Some(StepKind::Approve(or_title(body))),
        "kubectl" => line(body, found),
        _ => {
            let held = match Held::new(body.text) {
                Ok(held) => held,
                Err(error) => {
                    let line = body.text[..error.at.min(body.text.len())].matches('\n').count();
                    found.push(Diagnostic::error(Spot::new(body.spot.line + line, body.spot.column), error.why));
                    return None;
                }
            };
            let node = yaml::read(held.text(), body.spot).map_err(|diagnostic| found.push(diagnostic)).ok()?;
            let reader = Reader { body, held: &held };
            reader.kind(&node, found)
        }
    }
}

fn or_title(body: &Body<'_>) -> Template {
    let text = body.text.trim_end();
    if text.is_empty() { Template::new(body.title, body.fence) } else { Template::new(text, body.spot) }
}

fn line(body: &Body<'_>, found: &mut Vec<Diagnostic>) -> Option<StepKind> {
    let joined = body.text.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    if lines != 1 {
        let message = format!("a kubectl block has one command; here are {lines}");
        found.push(Diagnostic::error(body.fence, message).hint("write a block for each"));
        return None;
    }
    let text: Vec<&str> = body.text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    match kubectl::parse(text.join("\n").trim(), body.spot) {
        kubectl::Line::Known(known) => {
            if let Kubectl::Act(deed) = &known {
                found.extend(act::check(deed));
            }
            Some(StepKind::Kubectl(known))
        }
        kubectl::Line::Unknown(why) => {
            found.push(Diagnostic::error(body.spot, why));
            None
        }
    }
}

fn command(body: &Body<'_>, found: &mut Vec<Diagnostic>) -> Command {
    for (number, line) in body.text.lines().enumerate() {
        if let Some(at) = line.find("{{") {
            let name = splice::pieces(&line[at..]).ok().and_then(|pieces| match pieces.first() {
                Some(splice::Piece::Expression(name, _)) => Some((*name).to_owned()),
                _ => None,
            });
            let name = name.filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
            let hint = format!("values are environment variables: write \"${}\"", name.as_deref().unwrap_or("name"));
            let spot = Spot::new(body.spot.line + number, body.spot.column + line[..at].chars().count());
            found.push(Diagnostic::error(spot, "no templates in a script: a value would become shell text").hint(hint));
        }
    }
    let shell = if body.info.word == "bash" { Shell::Bash } else { Shell::Sh };
    Command { shell, script: body.text.to_owned(), environment: [].into(), only_to_copy: None, spot: body.spot }
}

fn assertion(info: &Info, found: &mut Vec<Diagnostic>) -> Option<Assertion> {
    let hold = info.get("for").and_then(|(text, spot)| {
        let seconds = super::parameter::seconds(text);
        if seconds.is_none() {
            found.push(Diagnostic::error(spot, format!("for: `{text}` is no duration")));
        }
        seconds
    });
    let empty_passes = match info.get("empty") {
        None | Some(("fail", _)) => false,
        Some(("pass", _)) => true,
        Some((other, spot)) => {
            found.push(Diagnostic::error(spot, format!("empty is pass or fail, not `{other}`")));
            false
        }
    };
    if let Some((test, spot)) = info.get("assert") {
        Some(Assertion { test: Template::new(condition(test), spot), hold, empty_passes })
    } else {
        for name in ["for", "empty"] {
            if let Some((_, spot)) = info.get(name) {
                found.push(Diagnostic::error(spot, format!("`{name}` goes with `assert`")));
            }
        }
        None
    }
}

/// Where a name leads.
pub(super) fn target(name: &str) -> Target {
    if name == "end" { Target::End } else { Target::Step(name.to_owned()) }
}

struct Reader<'a> {
    body: &'a Body<'a>,
    held: &'a Held,
}

impl Reader<'_> {
    fn template(&self, text: &str, spot: Spot) -> Template {
        Template::new(self.held.restore(text), spot)
    }

    fn get(&self, fields: &Fields<'_>, key: &str, found: &mut Vec<Diagnostic>) -> Option<Template> {
        fields.text(key, found).map(|(text, spot)| self.template(text, spot))
    }

    fn needed(&self, fields: &Fields<'_>, key: &str, found: &mut Vec<Diagnostic>) -> Option<Template> {
        let value = self.get(fields, key, found);
        if value.is_none() {
            let message = format!("`{}` needs `{key}`", self.body.info.word);
            found.push(Diagnostic::error(self.body.fence, message));
        }
        value
    }

    /// A word that no value may be.
    fn fixed(&self, text: &str, spot: Spot, what: &str, found: &mut Vec<Diagnostic>) -> String {
        if self.held.is_in(text) {
            found.push(Diagnostic::error(spot, format!("{what} cannot come from a value")));
        }
        text.to_owned()
    }

    fn kind(&self, node: &Node, found: &mut Vec<Diagnostic>) -> Option<StepKind> {
        match self.body.info.word.as_str() {
            "action" => self.action(node, found),
            "logs" => self.logs(node, found),
            "http" => self.http(node, found),
            "input" => self.input(node, found),
            "choice" => self.choice(node, found),
            "wait" => self.wait(node, found),
            "branch" => self.branch(node, found),
            "runbook" => self.runbook(node, found),
            _ => None,
        }
    }

    fn action(&self, node: &Node, found: &mut Vec<Diagnostic>) -> Option<StepKind> {
        let Some(entries) = node.entries() else {
            found.push(Diagnostic::error(node.spot, "an action is a map: `do: rollback` and its arguments"));
            return None;
        };
        let Some(word) = entries.iter().find(|entry| entry.key == "do") else {
            let wrong = Diagnostic::error(self.body.fence, "an action says what it does: `do: rollback`");
            let near = entries.iter().find_map(|entry| did_you_mean(&entry.key, ["do"]));
            found.push(Diagnostic { hint: near, ..wrong });
            return None;
        };
        let name = self.fixed(word.node.scalar().unwrap_or_default(), word.node.spot, "what is done", found);
        if let Some(incident) = IncidentWord::ALL.into_iter().find(|known| known.word() == name) {
            return self.incident(incident, entries, found);
        }
        let mut arguments = Vec::new();
        for entry in entries.iter().filter(|entry| entry.key != "do") {
            self.fixed(&entry.key, entry.spot, "the name of an argument", found);
            let value = self.given(&entry.node, found)?;
            arguments.push(Argument { name: entry.key.clone(), spot: entry.spot, value });
        }
        let deed = Deed { word: name, spot: word.node.spot, arguments, from_kubectl: false };
        found.extend(act::check(&deed));
        Some(StepKind::Action(deed))
    }

    /// `do: note`, `do: notify` and their `text`; `do: declare`, which may have one: the title.
    fn incident(&self, word: IncidentWord, entries: &[yaml::Entry], found: &mut Vec<Diagnostic>) -> Option<StepKind> {
        let mut text = None;
        for entry in entries.iter().filter(|entry| entry.key != "do") {
            match (entry.key.as_str(), entry.node.scalar()) {
                ("text", Some(written)) => text = Some(self.template(written, entry.node.spot)),
                ("text", None) => found.push(Diagnostic::error(entry.node.spot, "`text` is a text")),
                (name, _) => {
                    let mut wrong =
                        Diagnostic::error(entry.spot, format!("`{}` takes no argument `{name}`", word.word()));
                    wrong.hint = did_you_mean(name, ["text"]);
                    found.push(wrong);
                }
            }
        }
        if text.is_none() && word != IncidentWord::Declare {
            found.push(Diagnostic::error(self.body.fence, format!("`{}` needs the argument `text`", word.word())));
            return None;
        }
        let text = text.unwrap_or_else(|| Template::new(String::new(), self.body.spot));
        Some(StepKind::Incident(word, text))
    }

    fn given(&self, node: &Node, found: &mut Vec<Diagnostic>) -> Option<Given> {
        let deep = || Diagnostic::error(node.spot, "this is nested too deeply for an argument");
        let one = |node: &Node| node.scalar().map(|text| self.template(text, node.spot));
        let given = match &node.value {
            Yaml::Scalar(text) => Some(Given::One(self.template(text, node.spot))),
            Yaml::List(list) => list.iter().map(one).collect::<Option<_>>().map(Given::List),
            Yaml::Map(entries) => {
                for entry in entries {
                    self.fixed(&entry.key, entry.spot, "a key", found);
                }
                let map = entries.iter().map(|entry| Some((entry.key.clone(), one(&entry.node)?)));
                map.collect::<Option<_>>().map(Given::Map)
            }
        };
        if given.is_none() {
            found.push(deep());
        }
        given
    }

    fn logs(&self, node: &Node, found: &mut Vec<Diagnostic>) -> Option<StepKind> {
        let keys = ["workload", "pod", "container", "contains", "since", "lines"];
        let fields = Fields::new(node, "`logs`", &keys, found);
        let source = match (self.get(&fields, "workload", found), self.get(&fields, "pod", found)) {
            (Some(workload), None) => LogSource::Workload(workload),
            (None, Some(pod)) => LogSource::Pod(pod),
            _ => {
                found.push(Diagnostic::error(self.body.fence, "`logs` needs either `workload` or `pod`"));
                return None;
            }
        };
        let logs = Logs {
            source,
            container: self.get(&fields, "container", found),
            contains: self.get(&fields, "contains", found),
            since: self.get(&fields, "since", found),
            lines: self.get(&fields, "lines", found),
        };
        Some(StepKind::Logs(logs, assertion(self.body.info, found)))
    }

    fn http(&self, node: &Node, found: &mut Vec<Diagnostic>) -> Option<StepKind> {
        let fields = Fields::new(node, "`http`", &["url", "method", "headers", "body", "expect"], found);
        let url = self.needed(&fields, "url", found)?;
        found.extend(url::check(&url.text).err().map(|why| Diagnostic::error(url.spot, why)));
        let method = match fields.text("method", found) {
            None => "GET".to_owned(),
            Some((text, spot)) => {
                let method = self.fixed(text, spot, "the method", found).to_ascii_uppercase();
                if !["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(&method.as_str()) {
                    found.push(Diagnostic::error(spot, format!("there is no method `{text}`")));
                }
                method
            }
        };
        let mut headers = Vec::new();
        for entry in fields.get("headers").and_then(Node::entries).unwrap_or_default() {
            let name = self.fixed(&entry.key, entry.spot, "the name of a header", found);
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if name.is_empty() || !name.chars().all(fits) {
                found.push(Diagnostic::error(entry.spot, format!("`{name}` is no name of a header")));
            }
            let text = entry.node.scalar().unwrap_or_default();
            headers.push((name, self.template(text, entry.node.spot)));
        }
        let mut expect = Vec::new();
        for node in fields.get("expect").map(Node::list).unwrap_or_default() {
            match node.scalar().and_then(|text| text.parse().ok()).filter(|code| (100..600).contains(code)) {
                Some(code) => expect.push(code),
                None => found.push(Diagnostic::error(node.spot, "`expect` is a status, or a list of them: 200")),
            }
        }
        let body = self.get(&fields, "body", found);
        Some(StepKind::Http(Http { url, method, headers, body, expect }))
    }

    fn input(&self, node: &Node, found: &mut Vec<Diagnostic>) -> Option<StepKind> {
        if let Yaml::Scalar(text) = &node.value {
            let text = if text.is_empty() { self.body.title.to_owned() } else { text.clone() };
            let ask = self.template(&text, node.spot);
            return Some(StepKind::Input(Input { ask, kind: Type::String, default: None, secret: false }));
        }
        let fields = Fields::new(node, "`input`", &["ask", "type", "default", "secret"], found);
        let kind = match fields.text("type", found) {
            None => Type::String,
            Some((word, spot)) => Type::parse(word).unwrap_or_else(|| {
                let mut diagnostic = Diagnostic::error(spot, format!("there is no type `{word}`"));
                diagnostic.hint = did_you_mean(word, Type::ALL.iter().map(|kind| kind.word()));
                found.push(diagnostic);
                Type::String
            }),
        };
        let secret = fields.text("secret", found).is_some_and(|(text, _)| text == "true");
        let ask = self.needed(&fields, "ask", found)?;
        Some(StepKind::Input(Input { ask, kind, default: self.get(&fields, "default", found), secret }))
    }

    fn choice(&self, node: &Node, found: &mut Vec<Diagnostic>) -> Option<StepKind> {
        let fields = Fields::new(node, "`choice`", &["ask", "options"], found);
        let ask = self.get(&fields, "ask", found);
        let ask = ask.unwrap_or_else(|| Template::new(self.body.title, self.body.fence));
        let mut options = Vec::new();
        for node in fields.get("options").map(Node::list).unwrap_or_default() {
            if let Some(text) = node.scalar() {
                options.push(ChoiceOption { label: self.template(text, node.spot), goto: None, value: None });
                continue;
            }
            let fields = Fields::new(node, "an option", &["label", "goto", "value"], found);
            if let Some(label) = self.needed(&fields, "label", found) {
                let goto = fields.text("goto", found).map(|(text, _)| target(text));
                options.push(ChoiceOption { label, goto, value: self.get(&fields, "value", found) });
            }
        }
        if options.is_empty() {
            found.push(Diagnostic::error(self.body.fence, "a choice needs `options`"));
            return None;
        }
        Some(StepKind::Choice(Choice { ask, options }))
    }

    fn wait(&self, node: &Node, found: &mut Vec<Diagnostic>) -> Option<StepKind> {
        if let Some(text) = node.scalar().filter(|text| !text.is_empty()) {
            return Some(StepKind::Wait(Wait::For(self.template(text.trim(), node.spot))));
        }
        let fields = Fields::new(node, "`wait`", &["for", "until", "at-most"], found);
        match (self.get(&fields, "for", found), fields.text("until", found)) {
            (Some(span), None) => Some(StepKind::Wait(Wait::For(span))),
            (None, Some((check, spot))) => {
                let check = self.fixed(check, spot, "a check's name", found);
                let at_most = self.needed(&fields, "at-most", found)?;
                Some(StepKind::Wait(Wait::Until { check, at_most }))
            }
            _ => {
                found.push(Diagnostic::error(self.body.fence, "`wait` needs either `for`, or `until` and `at-most`"));
                None
            }
        }
    }

    fn branch(&self, node: &Node, found: &mut Vec<Diagnostic>) -> Option<StepKind> {
        let fields = Fields::new(node, "`branch`", &["cases", "else"], found);
        let mut cases = Vec::new();
        for node in fields.get("cases").map(Node::list).unwrap_or_default() {
            let fields = Fields::new(node, "a case", &["when", "goto"], found);
            let when = self.needed(&fields, "when", found);
            let goto = fields.text("goto", found);
            match (when, goto) {
                (Some(when), Some((goto, _))) => {
                    cases.push((Template::new(condition(&when.text), when.spot), target(goto)));
                }
                _ => found.push(Diagnostic::error(node.spot, "a case needs `when` and `goto`")),
            }
        }
        let otherwise = fields.text("else", found).map(|(text, _)| target(text));
        if cases.is_empty() {
            found.push(Diagnostic::error(self.body.fence, "a branch needs `cases`"));
            return None;
        }
        Some(StepKind::Branch(Branch { cases, otherwise }))
    }

    fn runbook(&self, node: &Node, found: &mut Vec<Diagnostic>) -> Option<StepKind> {
        if let Some(id) = node.scalar().filter(|id| !id.is_empty()) {
            let id = self.fixed(id, node.spot, "a runbook's id", found);
            return Some(StepKind::Runbook(SubRunbook { id, with: Vec::new(), spot: node.spot }));
        }
        let fields = Fields::new(node, "`runbook`", &["id", "with"], found);
        let Some((id, spot)) = fields.text("id", found) else {
            found.push(Diagnostic::error(self.body.fence, "`runbook` needs `id`"));
            return None;
        };
        let id = self.fixed(id, spot, "a runbook's id", found);
        let with = fields.get("with").and_then(Node::entries).unwrap_or_default().iter();
        let with = with.map(|entry| {
            let text = entry.node.scalar().unwrap_or_default();
            (entry.key.clone(), self.template(text, entry.node.spot))
        });
        Some(StepKind::Runbook(SubRunbook { id, with: with.collect(), spot }))
    }
}
