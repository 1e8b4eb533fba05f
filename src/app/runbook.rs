//! The desk: a runbook opened from an alert, begun, walked, put away and taken up again. What a step means is the
//! machine's; what it does to the world is the runtime's and the door's.

use std::sync::Arc;

use super::App;
use crate::actions::door::Door;
use crate::actions::outcome::{End, Stage};
use crate::runbook::Runbook;
use crate::runbook::facts::Facts;
use crate::runbook::run::work::{Outcome, Question};
use crate::runbook::run::{Begin, Phase, Run, RunEffect, RunInput};
use crate::state::effect::Effect;
use crate::state::rows::AlertRow;
use crate::state::runbook::{Acting, DeskEffect, DeskNews, Keep, Offer, Page, Prompt, Purpose, Walked};
use crate::state::session::{Overlay, PickerKind, Subject};

type Effects = Vec<Effect>;

impl App {
    /// `b`: back to what is on the desk, else what fits the selected row.
    pub(super) fn open_runbook(&mut self) -> Effects {
        if self.session.desk.is_open() || self.session.desk.page.is_some() {
            self.show_desk();
            return Vec::new();
        }
        self.session.desk.clear();
        let facts = self.facts_in_hand();
        self.session.desk.busy = Some("looking for runbooks".into());
        self.notice(format!("looking for runbooks{}", self.glyphs.cut));
        vec![Effect::Desk(DeskEffect::LookForRuns), Effect::Desk(DeskEffect::Find(Box::new(facts)))]
    }

    /// What the selected row says: an alert, else the workload in hand.
    fn facts_in_hand(&self) -> Facts {
        let subject = self.subject_in_hand();
        let row: Option<&AlertRow> = match &subject {
            Some(Subject::Alert(key)) => self.world.alerts.get(key),
            _ => None,
        };
        if let Some(row) = row {
            let workload = row.about.as_ref().and_then(|focus| focus.workload());
            return Facts::of(&row.alert, workload);
        }
        let workload = self.rows_in_hand().into_iter().flatten().find_map(|object| object.workload());
        // It was mitigated first: what fired until then still says which runbook is meant.
        if let Some(alert) = self.cleared_of(workload.as_ref()).into_iter().min_by_key(|alert| alert.severity) {
            return Facts::of(&alert, workload.as_ref());
        }
        workload.map_or_else(Facts::default, |workload| Facts::of_workload(&workload))
    }

    pub(super) fn show_desk(&mut self) {
        self.session.overlays.retain(|overlay| !matches!(overlay, Overlay::Desk));
        // Under the door's box: what it asks comes first.
        let door = self.session.overlays.iter().position(|overlay| matches!(overlay, Overlay::Door(_)));
        let at = door.unwrap_or(self.session.overlays.len());
        self.session.overlays.insert(at, Overlay::Desk);
        self.dirty = true;
    }

    /// The runtime answers.
    pub(super) fn desk_news(&mut self, news: DeskNews) -> Effects {
        self.dirty = true;
        match news {
            DeskNews::Found { facts, fitting, generic, remarks } => self.found(*facts, fitting, generic, &remarks),
            DeskNews::Unfinished(runs) => {
                let first = self.session.desk.unfinished.is_empty();
                self.session.desk.unfinished = runs;
                if let (true, Some(run), false) =
                    (first, self.session.desk.unfinished.first(), self.session.desk.busy.is_some())
                {
                    let at = run.step.clone().unwrap_or_else(|| "its end".into());
                    let remark =
                        format!("a runbook is not over: {}, at {at}; {} takes it up", run.title, self.runbook_key());
                    self.notice(remark);
                }
                Vec::new()
            }
            DeskNews::Begun { id, book } => self.begun(id, book.0),
            DeskNews::Taken { book, records, edited } => self.taken(book.0, &records, edited),
            DeskNews::Refused(why) => {
                self.session.desk.busy = None;
                self.notice(why);
                Vec::new()
            }
            DeskNews::Written => {
                self.session.desk.unwritten = self.session.desk.unwritten.saturating_sub(1);
                Vec::new()
            }
            DeskNews::Broken { id, why } => {
                self.session.desk.unwritten = 0;
                if let Some(walked) = self.session.desk.walked(&id) {
                    walked.broken = Some(why);
                }
                Vec::new()
            }
            DeskNews::Done { id, ticket, outcome } => self.feed_run(&id, RunInput::Done { ticket, outcome }),
            DeskNews::Act { id, ticket, request } => {
                let mark = request.step.clone().unwrap_or_default();
                self.session.desk.acting = Some(Acting { run: id, ticket, mark });
                if self.door_is_busy() {
                    let outcome = Outcome::failed("another action is under way: wait for its end");
                    return self.acted(outcome);
                }
                self.ask_door(*request)
            }
            DeskNews::Within { parent, ticket, id, book, values, stack, records } => {
                self.within(&parent, ticket, id, book.0, (values, stack), &records)
            }
            DeskNews::Fate { id, ticket, happened, why } => self.fate(&id, ticket, happened, &why),
        }
    }

    pub(super) fn runbook_key(&self) -> String {
        self.hint("runbook").unwrap_or_else(|| ":runbook".into())
    }

    fn found(
        &mut self,
        facts: Facts,
        fitting: Vec<(Keep<Arc<Runbook>>, String)>,
        generic: Vec<Keep<Arc<Runbook>>>,
        remarks: &[String],
    ) -> Effects {
        let desk = &mut self.session.desk;
        desk.busy = None;
        let resume = desk.unfinished.iter().cloned().map(Offer::Resume);
        let none = fitting.is_empty();
        let fits: Vec<Offer> = fitting.into_iter().map(|(book, why)| Offer::Book { book: book.0, why }).collect();
        let known: Vec<String> = fits.iter().filter_map(|offer| offer.book_id().map(str::to_owned)).collect();
        let rest = generic.into_iter().map(|book| book.0).filter(|book| !known.contains(&book.id));
        let rest = rest.map(|book| Offer::Book { book, why: "helps with any alert".into() });
        desk.offers = resume.chain(fits).chain(rest.filter(|_| none)).collect();
        desk.facts = facts;
        self.session.notice = None;
        let about = self.session.desk.facts.alert.clone();
        if let Some(remark) = remarks.first() {
            self.notice(remark.clone());
        } else if none {
            let about = about.map_or_else(|| "this".to_owned(), |alert| alert.clone());
            self.notice(format!("no runbook is written for {about}; these help with anything"));
        }
        match self.session.desk.offers.as_slice() {
            [] => {
                self.notice("there are no runbooks at all: opsdeck runbook new writes one");
                Vec::new()
            }
            [Offer::Book { book, why }] if !none => {
                let page = Page::new(book.clone(), why.clone(), &self.session.desk.facts);
                self.open_page(page);
                Vec::new()
            }
            _ => {
                let notice = self.session.notice.take();
                let effects = self.open_picker(PickerKind::Runbook);
                self.session.notice = notice;
                effects
            }
        }
    }

    /// One of the offers was chosen.
    pub(super) fn choose_runbook(&mut self, value: &str) -> Effects {
        let chosen = self.session.desk.offers.iter().find(|offer| offer.value() == value).cloned();
        match chosen {
            Some(Offer::Book { book, why }) => {
                let page = Page::new(book, why, &self.session.desk.facts);
                self.open_page(page);
                Vec::new()
            }
            Some(Offer::Resume(run)) => {
                self.session.desk.busy = Some("taking the run up".into());
                vec![Effect::Desk(DeskEffect::Take(run.id))]
            }
            None => Vec::new(),
        }
    }

    fn open_page(&mut self, page: Page) {
        self.session.desk.page = Some(page);
        self.session.desk.view = crate::state::runbook::View::default();
        self.show_desk();
    }

    /// Begins what is on the desk; what it still has to know is asked first.
    pub(super) fn begin_page(&mut self) -> Effects {
        let Some(page) = &self.session.desk.page else { return Vec::new() };
        if self.session.desk.busy.is_some() {
            return Vec::new();
        }
        if page.missing().is_some() {
            // The row knew less when the runbook was opened: what it leads to may have come since.
            let facts = self.facts_in_hand();
            if let Some(page) = self.session.desk.page.as_mut().filter(|page| page.alert == facts.alert) {
                page.fill(&facts);
            }
        }
        let Some(page) = &self.session.desk.page else { return Vec::new() };
        if let Some(parameter) = page.missing() {
            let what = parameter.description.as_ref().map_or_else(String::new, |what| format!(", {what}"));
            let ask = format!("{} ({}{what})", parameter.name, parameter.kind.word());
            let purpose = Purpose::Parameter { name: parameter.name.clone(), secret: parameter.secret };
            self.prompt(&ask, "", purpose);
            return Vec::new();
        }
        let (book, alert) = (page.book.clone(), page.alert.clone());
        // What cannot begin leaves nothing on disk.
        let begin = self.beginning(String::new(), page.values.clone(), Vec::new());
        if let Err(error) = Run::begin(book.clone(), begin) {
            self.notice(error.to_string());
            return Vec::new();
        }
        self.session.desk.busy = Some("beginning".into());
        vec![Effect::Desk(DeskEffect::Begin { book: Keep(book), alert })]
    }

    fn beginning(&self, id: String, values: crate::runbook::parameter::Values, stack: Vec<String>) -> Begin {
        Begin { id, who: self.guard.user.clone(), now: self.now, values, unattended: false, stack }
    }

    fn begun(&mut self, id: String, book: Arc<Runbook>) -> Effects {
        self.session.desk.busy = None;
        let Some(page) = self.session.desk.page.take() else {
            return vec![Effect::Desk(DeskEffect::Leave { id })];
        };
        match Run::begin(book, self.beginning(id.clone(), page.values, Vec::new())) {
            Ok((run, effects)) => self.put(run, None, false, effects),
            Err(error) => {
                self.notice(error.to_string());
                vec![Effect::Desk(DeskEffect::Leave { id })]
            }
        }
    }

    fn taken(&mut self, book: Arc<Runbook>, records: &[crate::runbook::run::record::Record], edited: bool) -> Effects {
        self.session.desk.clear();
        match Run::replay(book, records) {
            Ok(mut run) => {
                let effects = run.resume(&self.guard.user, self.now);
                self.show_desk();
                self.put(run, None, edited, effects)
            }
            Err(error) => {
                self.notice(error.to_string());
                Vec::new()
            }
        }
    }

    /// A run comes onto the desk.
    fn put(&mut self, run: Run, parent: Option<u64>, edited: bool, effects: Vec<RunEffect>) -> Effects {
        let id = run.id().to_owned();
        self.session.desk.runs.push(Walked { run, parent, edited, looked_up: false, broken: None });
        self.session.desk.view = crate::state::runbook::View::default();
        let mut all = self.carry(&id, effects);
        all.extend(self.go_on());
        all
    }

    fn within(
        &mut self,
        parent: &str,
        ticket: u64,
        id: String,
        book: Arc<Runbook>,
        (values, stack): (crate::runbook::parameter::Values, Vec<String>),
        records: &[crate::runbook::run::record::Record],
    ) -> Effects {
        let known = self.session.desk.runs.last().is_some_and(|walked| walked.run.id() == parent);
        if !known {
            return vec![Effect::Desk(DeskEffect::Leave { id })];
        }
        let begun = if records.is_empty() {
            Run::begin(book, self.beginning(id.clone(), values, stack))
        } else {
            Run::replay(book, records).map(|mut run| {
                let effects = run.resume(&self.guard.user, self.now);
                (run, effects)
            })
        };
        match begun {
            Ok((run, effects)) => self.put(run, Some(ticket), false, effects),
            Err(error) => {
                let mut effects = vec![Effect::Desk(DeskEffect::Leave { id })];
                let outcome = Outcome::failed(error.to_string());
                effects.extend(self.feed_run(parent, RunInput::Done { ticket, outcome }));
                effects
            }
        }
    }

    /// Feeds the run that has the keys.
    pub(super) fn tell_run(&mut self, input: RunInput) -> Effects {
        let Some(id) = self.session.desk.run().map(|run| run.id().to_owned()) else { return Vec::new() };
        self.feed_run(&id, input)
    }

    fn feed_run(&mut self, id: &str, input: RunInput) -> Effects {
        let now = self.now;
        let Some(walked) = self.session.desk.walked(id) else { return Vec::new() };
        if let Some(why) = &walked.broken {
            let why = format!("its log cannot be written, so the run does not go on: {why}");
            self.notice(why);
            return Vec::new();
        }
        let place = walked.run.place();
        let effects = walked.run.feed(input, now);
        if walked.run.place() != place {
            self.session.desk.view.document = None;
            self.session.desk.view.side = 0;
        }
        let mut all = self.carry(id, effects);
        all.extend(self.go_on());
        all
    }

    /// The machine's effects, on their way to the runtime.
    fn carry(&mut self, id: &str, effects: Vec<RunEffect>) -> Effects {
        self.dirty = true;
        let mut all = Vec::new();
        for effect in effects {
            match effect {
                RunEffect::Say(text) => self.notice(text),
                RunEffect::Finished(_) => {}
                effect => {
                    if let RunEffect::Record(record) = &effect {
                        self.session.desk.unwritten += 1;
                        all.extend(self.watch_step(id, record));
                    }
                    all.push(Effect::Desk(DeskEffect::Run { id: id.to_owned(), effect }));
                }
            }
        }
        all
    }

    /// What follows by itself: reads of a runbook of our format, the end of a run within another, a look into the audit
    /// log for what was cut off.
    fn go_on(&mut self) -> Effects {
        let Some(walked) = self.session.desk.runs.last_mut() else { return Vec::new() };
        let id = walked.run.id().to_owned();
        if let Some(end) = walked.run.end().cloned() {
            let parent = walked.parent;
            let mut effects = vec![Effect::Desk(DeskEffect::Leave { id: id.clone() })];
            let Some(ticket) = parent else {
                self.session.desk.unfinished.retain(|run| run.id != id);
                return effects;
            };
            self.session.desk.runs.pop();
            let outcome = Outcome::of_run_within(&end);
            effects.extend(self.tell_run(RunInput::Done { ticket, outcome }));
            return effects;
        }
        if let Some(name) = walked.run.missing_secrets().into_iter().next() {
            let typed = matches!(&self.session.desk.view.prompt, Some(Prompt { purpose: Purpose::Secret(_), .. }));
            if !typed {
                self.prompt(
                    &format!("{name} is secret and was not written down: say it again"),
                    "",
                    Purpose::Secret(name),
                );
            }
            return Vec::new();
        }
        if matches!(walked.run.phase(), Phase::Unknown { .. }) && !walked.looked_up {
            walked.looked_up = true;
            let ticket = walked.run.ticket();
            return vec![Effect::Desk(DeskEffect::LookUp { id, ticket })];
        }
        let (is_note, asks) =
            walked.run.step().map_or((false, false), |step| (step.kind.word() == "note", step.kind.asks()));
        let ready = *walked.run.phase() == Phase::Ready;
        let by_itself = (!is_note && walked.run.may_start_by_itself()) || (ready && asks);
        if walked.run.book().native && by_itself {
            return self.tell_run(RunInput::Start);
        }
        if let Phase::Asking(Question::Input { ask, default, secret, .. }) = walked.run.phase() {
            let (ask, default, secret) = (walked.run.masked(ask), default.clone().unwrap_or_default(), *secret);
            if self.session.desk.view.prompt.is_none() {
                self.prompt(&ask, &default, Purpose::Answer { secret });
            }
        }
        Vec::new()
    }

    fn fate(&mut self, id: &str, ticket: u64, happened: Option<bool>, why: &str) -> Effects {
        let Some(walked) = self.session.desk.walked(id) else { return Vec::new() };
        if walked.run.ticket() != ticket || !matches!(walked.run.phase(), Phase::Unknown { .. }) {
            return Vec::new();
        }
        match happened {
            Some(true) => self.feed_run(id, RunInput::MarkDone { detail: why.to_owned() }),
            // It was never sent: the plan is asked for again, and waits for its yes as before.
            Some(false) => self.feed_run(id, RunInput::Retry),
            None => {
                self.notice(why.to_owned());
                Vec::new()
            }
        }
    }

    /// After each message: has the action of a step come to its end, or was it given up?
    pub(super) fn watch_door(&mut self) -> Effects {
        let Some(acting) = &self.session.desk.acting else { return Vec::new() };
        let asked = self.session.overlays.iter().any(|overlay| match overlay {
            Overlay::Form(form) => form.asks_for_step(&acting.mark),
            _ => false,
        });
        let view =
            self.door.as_ref().map(Door::view).filter(|view| view.request.step.as_deref() == Some(&*acting.mark));
        let shown = self.session.overlays.iter().any(|overlay| matches!(overlay, Overlay::Door(_)));
        let outcome = match view.map(|view| (view.stage, view.outcome, view.id)) {
            None if asked => return Vec::new(),
            None => Outcome::Acted { end: End::Cancelled, detail: "nothing was sent".into(), id: None },
            Some((Stage::Ended, Some(outcome), id)) => {
                let sent = matches!(outcome.end, End::Done | End::Failed | End::Unverified);
                // What was refused may be planned again from its box.
                if !sent && (shown || asked) {
                    return Vec::new();
                }
                Outcome::Acted { end: outcome.end, detail: outcome.detail.clone(), id: id.map(str::to_owned) }
            }
            Some(_) => return Vec::new(),
        };
        self.acted(outcome)
    }

    fn acted(&mut self, outcome: Outcome) -> Effects {
        let Some(Acting { run, ticket, .. }) = self.session.desk.acting.take() else { return Vec::new() };
        self.feed_run(&run, RunInput::Done { ticket, outcome })
    }

    pub(super) fn tick_desk(&mut self) -> Effects {
        if self.session.desk.is_open() { self.tell_run(RunInput::Tick) } else { Vec::new() }
    }
}
