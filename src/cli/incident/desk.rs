//! What every subcommand of incidents begins and ends with: which incident, its context, an office that has it; and at the
//! end what was sent and what still waits.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use serde_json::json;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use crate::cli::Global;
use crate::cli::output::{Failure, error_line, json as print_json, line};
use crate::cli::start::{self, Start};
use crate::config::incidents::Share;
use crate::domain::incident::IncidentId;
use crate::domain::incident::delivery::DeliveryKey;
use crate::domain::incident::entry::{Deed, Entry};
use crate::domain::text::clean_lines;
use crate::incident::Incident;
use crate::incident::declare::Burn;
use crate::incident::outbox::Standing;
use crate::incident::timeline::describe;
use crate::ports::feed::{Feed, SourceId, Update};
use crate::runtime::incidents::journal::Flaw;
use crate::runtime::incidents::office::{Ground, Office, OfficeError};
use crate::runtime::incidents::paper::Papers;
use crate::runtime::incidents::store::IncidentStore;
use crate::runtime::wiring::Launch;
use crate::state::incident::{IncidentNews, burn_of};

/// What is sent gets this long before the rest is left in the outbox.
const SENDING: Duration = Duration::from_secs(60);
/// The source of burn rates gets this long.
const BURNING: Duration = Duration::from_secs(10);
/// The shared journal gets this long to say what others wrote.
const SHARED: Duration = Duration::from_secs(5);

impl From<OfficeError> for Failure {
    fn from(error: OfficeError) -> Self {
        match error {
            OfficeError::Refused(why) => Self::refused(why),
            OfficeError::Keep(error) => Self::failed(error.to_string()),
        }
    }
}

/// How it is told what is sent, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// In words, on standard output.
    Words,
    /// As JSON, on standard output, when all is done.
    Json,
    /// In words, on standard error: standard output is for something else.
    Aside,
}

impl Voice {
    /// What `--json` asks for.
    pub const fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Words }
    }

    /// Says something in words, where words are wanted.
    pub fn say(self, text: &str) {
        match self {
            Self::Words => line(&clean_lines(text)),
            Self::Aside => error_line(&clean_lines(text)),
            Self::Json => {}
        }
    }
}

/// An office on the command line.
pub struct Desk {
    pub launch: Arc<Launch>,
    pub office: Office,
    pub papers: Papers,
    pub ground: Ground,
    /// Is the context production?
    pub production: bool,
    /// How budgets burn, where that can be asked.
    slos: Option<Box<dyn Feed>>,
    news: UnboundedReceiver<IncidentNews>,
    voice: Voice,
}

/// What came of what was asked for.
struct Told {
    incident: Incident,
    /// What was written meanwhile.
    written: Vec<Entry>,
    /// What is not sent yet, and why.
    waits: Vec<(DeliveryKey, Standing)>,
}

/// An incident on disk, with its context.
pub struct Known {
    pub incident: Incident,
    pub context: String,
    flaws: Vec<Flaw>,
}

impl Known {
    /// Says which lines of its journal are no entries.
    fn tell_flaws(&self) {
        for flaw in &self.flaws {
            error_line(&format!("{}: {flaw}", self.incident.id()));
        }
    }
}

fn read(store: &IncidentStore, id: &IncidentId) -> Option<Known> {
    match store.read(id) {
        Ok(told) => {
            let incident = Incident::of(told.entries)?;
            let context = store.context_of(id).unwrap_or_else(|| incident.declared().context.clone());
            Some(Known { incident, context, flaws: told.flaws })
        }
        Err(error) => {
            error_line(&format!("{id}: {error}"));
            None
        }
    }
}

/// All incidents on disk, or those of a context, the newest first; journals that cannot be read are told.
fn find(store: &IncidentStore, context: Option<&str>) -> Vec<Known> {
    let ids = store.ids();
    let mut found: Vec<Known> = ids.iter().filter_map(|id| read(store, id)).collect();
    found.retain(|one| context.is_none_or(|context| store.is_seen_in(&one.incident, context)));
    // Ids of one minute are in no order.
    found.sort_by_key(|known| std::cmp::Reverse(known.incident.declared_at()));
    found
}

/// The same, and what is wrong with their journals.
pub fn all(store: &IncidentStore, context: Option<&str>) -> Vec<Known> {
    let found = find(store, context);
    found.iter().for_each(Known::tell_flaws);
    found
}

/// The one that is meant, among those on disk: an id, `last`, or the open one.
pub fn choose(store: &IncidentStore, wanted: Option<&str>, context: Option<&str>) -> Result<Option<Known>, Failure> {
    let known = match wanted {
        Some("last") => find(store, context).into_iter().next(),
        Some(id) => {
            let id: IncidentId =
                id.parse().map_err(|error: crate::domain::incident::UnknownWord| Failure::usage(error.to_string()))?;
            store.contains(&id).then(|| read(store, &id)).flatten()
        }
        None => {
            let mut open = find(store, context);
            open.retain(|known| known.incident.is_open());
            if open.len() > 1 {
                let names: Vec<String> =
                    open.iter().map(|one| format!("{} ({})", one.incident.id(), one.incident.title())).collect();
                return Err(Failure::usage("several incidents are open: say which with --incident")
                    .hint(clean_lines(&names.join(", "))));
            }
            open.pop()
        }
    };
    if let Some(known) = &known {
        known.tell_flaws();
    }
    Ok(known)
}

/// For those that only look: takes in what others share, where that is configured. That it is not known is said.
pub fn take_in_shared(global: &Global) -> Result<(), Failure> {
    if start::load_config(global)?.config.settings.incidents.share == Share::No {
        return Ok(());
    }
    start::block_on(async {
        let start = start::start(global).await?;
        match start.launch.connect(start.context.clone(), start.namespace.clone(), 1).await {
            Ok(connected) => {
                let home = start.launch.incidents.clone();
                let (mut office, mut news) = Office::new(home.store, start.launch.clock, start.launch.person());
                office.adopt(connected.incidents);
                say_unless(office.catch_up(SHARED).await, &office);
                while let Ok(news) = news.try_recv() {
                    if let IncidentNews::Remark(text) = news {
                        error_line(&clean_lines(&text));
                    }
                }
            }
            Err(fault) => error_line(&format!("what others share is not known: {fault}")),
        }
        Ok(ExitCode::SUCCESS)
    })
    .map(drop)
}

/// Says why what others share is not known.
fn say_unless(caught_up: bool, office: &Office) {
    if caught_up {
        return;
    }
    let fault = office.sharing_fault();
    let why = fault.map_or_else(|| "the cluster has not answered in time".to_owned(), ToString::to_string);
    error_line(&format!("what others share is not known: {why}"));
    if let Some(hint) = fault.and_then(|fault| fault.hint.as_ref()) {
        error_line(&format!("  hint: {hint}"));
    }
}

fn nothing(wanted: Option<&str>, elsewhere: Option<&Known>) -> Failure {
    match (wanted, elsewhere) {
        (Some(id), _) => Failure::usage(format!("there is no incident `{id}`")).hint("opsdeck incident list --all"),
        (None, Some(known)) => Failure::usage("no incident is open in this context").hint(clean_lines(&format!(
            "{} is open: --context {}",
            known.incident.id(),
            known.context
        ))),
        (None, None) => {
            Failure::usage("no incident is open").hint("opsdeck incident declare, or list --all for past ones")
        }
    }
}

impl Desk {
    /// In the context that is asked for, without an incident yet.
    pub async fn at(start: &Start, context: Option<String>, json: bool) -> Result<Self, Failure> {
        let launch = start.launch.clone();
        let (ground, production, slos) = match launch.connect(context.clone(), start.namespace.clone(), 1).await {
            Ok(connected) => {
                let slos = connected.feeds.into_iter().find(|feed| feed.id() == SourceId::Slos);
                (connected.incidents, connected.info.production, slos)
            }
            // The cluster is not needed to tell people about it.
            Err(fault) => match &context {
                Some(context) => {
                    error_line(&format!("going on without the cluster: {fault}"));
                    (launch.incident_ground(context).await?, launch.config.context(context).production, None)
                }
                None => return Err(start::unusable(fault)),
            },
        };
        Ok(Self::on(launch, ground, production, slos, Voice::of(json)).await)
    }

    /// In a context that is connected already, without an incident yet. `slos` tells how budgets burn, where it can be asked.
    pub async fn on(
        launch: Arc<Launch>,
        ground: Ground,
        production: bool,
        slos: Option<Box<dyn Feed>>,
        voice: Voice,
    ) -> Self {
        let home = launch.incidents.clone();
        let (mut office, news) = Office::new(home.store, launch.clock, launch.person());
        office.adopt(ground.clone());
        say_unless(office.catch_up(SHARED).await, &office);
        let papers = Papers { post_mortems: home.post_mortems };
        Self { launch, office, papers, ground, production, slos, news, voice }
    }

    /// With the incident that is meant: on disk, or shared in the cluster. Which it is, is known only when the cluster was
    /// asked; and without a context it is one of the kubeconfig's own, unless it is named.
    pub async fn open(global: &Global, wanted: Option<&str>, json: bool) -> Result<(Self, IncidentId), Failure> {
        let start = start::start(global).await?;
        let store = start.launch.incidents.store.clone();
        let context = match start.context.clone() {
            Some(context) => Some(context),
            None => of_itself(&start, &store, wanted).await?,
        };
        let mut desk = Self::at(&start, context, json).await?;
        let id = desk.take(wanted).await?;
        Ok((desk, id))
    }

    /// Takes the incident that is meant, now that the cluster was asked.
    pub async fn take(&mut self, wanted: Option<&str>) -> Result<IncidentId, Failure> {
        let (store, here) = (self.office.store(), &self.ground.context);
        let known = choose(store, wanted, Some(here))?.ok_or_else(|| {
            let mut others = if wanted.is_none() { find(store, None) } else { Vec::new() };
            others.retain(|known| known.incident.is_open());
            nothing(wanted, others.first())
        })?;
        let id = known.incident.id().clone();
        if !store.is_seen_in(&known.incident, here) {
            let message = format!("incident {id} belongs to context {}, not {here}", known.context);
            return Err(Failure::usage(message).hint(format!("--context {}", known.context)));
        }
        self.office.open(&id).await?;
        self.forget();
        Ok(id)
    }

    /// How the budgets of a service burn now. What is not known is said, and hinders nothing.
    pub async fn burn(&self, service: &str) -> Vec<Burn> {
        let Some(slos) = &self.slos else { return Vec::new() };
        let mut updates = slos.open();
        let first = async {
            loop {
                match updates.next().await? {
                    Ok(Update::Slos(readings)) => return Some(Ok(burn_of(&readings, service))),
                    Ok(_) => {}
                    Err(fault) => return Some(Err(fault.to_string())),
                }
            }
        };
        let said = timeout(BURNING, first).await.unwrap_or_else(|_| Some(Err("no answer in time".to_owned())));
        match said {
            Some(Ok(burn)) => burn,
            Some(Err(why)) => {
                error_line(&clean_lines(&format!("how budgets burn is not known: {why}")));
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// What was told so far is no news.
    pub fn forget(&mut self) {
        while let Ok(news) = self.news.try_recv() {
            if let IncidentNews::Remark(text) = news {
                error_line(&clean_lines(&text));
            }
        }
    }

    /// The incident as it is now.
    pub fn incident(&self, id: &IncidentId) -> Result<Incident, Failure> {
        self.office.incident(id).ok_or_else(|| Failure::failed(format!("nothing is known of {id}")))
    }

    /// Sends what can be sent, and looks what came of it.
    async fn settle(&mut self, id: &IncidentId) -> Result<Told, Failure> {
        self.office.settle(SENDING).await;
        let mut written: Vec<Entry> = Vec::new();
        while let Ok(news) = self.news.try_recv() {
            match news {
                IncidentNews::Entries { id: of, entries } if of == *id => written.extend(entries),
                IncidentNews::Remark(text) => error_line(&clean_lines(&text)),
                IncidentNews::Shared(Some(fault)) => error_line(&format!("not shared yet: {fault}")),
                _ => {}
            }
        }
        let mut waits = self.office.standings(id);
        waits.retain(|(_, standing)| !matches!(standing, Standing::Sent | Standing::Dropped | Standing::Elsewhere(_)));
        Ok(Told { incident: self.incident(id)?, written, waits })
    }

    /// Sends what can be sent, says what came of it and what waits, and gives the exit code.
    pub async fn finish(mut self, id: &IncidentId) -> Result<ExitCode, Failure> {
        let told = self.settle(id).await?;
        let now = self.launch.clock.now();
        let what = |key: &str| told.incident.parcels().get(key).map(|parcel| describe(&parcel.delivery.what));
        if self.voice == Voice::Json {
            let waiting: Vec<_> = told
                .waits
                .iter()
                .map(|(key, standing)| json!({"key": key, "what": what(key), "standing": standing.words(now)}))
                .collect();
            print_json(&json!({
                "incident": id,
                "status": told.incident.status(),
                "severity": told.incident.severity(),
                "entries": told.written,
                "waiting": waiting,
                "shared": self.office.is_shared(),
            }))?;
        } else {
            for entry in &told.written {
                report(&told.incident, entry, self.voice);
            }
            for (key, standing) in &told.waits {
                let what = what(key).unwrap_or_default();
                error_line(&clean_lines(&format!("waits: {what} [{key}]: {}", standing.words(now))));
            }
            if !told.waits.is_empty() {
                error_line("an open console sends what can be sent later; `opsdeck incident retry` tries it now");
            }
        }
        self.office.close(Duration::from_secs(2)).await;
        Ok(ExitCode::from(if told.waits.is_empty() { 0 } else { 6 }))
    }
}

/// The context where none is named: the kubeconfig's own, unless the incident is named and of another one. Without a
/// kubeconfig only the incident says it.
async fn of_itself(start: &Start, store: &IncidentStore, wanted: Option<&str>) -> Result<Option<String>, Failure> {
    let named = match wanted {
        Some(id) if id != "last" => choose(store, wanted, None)?,
        _ => None,
    };
    let current = start.launch.current_context().await;
    Ok(match (named, current) {
        (Some(known), Some(current)) if store.is_seen_in(&known.incident, &current) => Some(current),
        (Some(known), _) => Some(known.context),
        (None, Some(current)) => Some(current),
        (None, None) => choose(store, wanted, None)?.map(|known| known.context),
    })
}

/// What came of a delivery, and what was written, a line each.
fn report(incident: &Incident, entry: &Entry, voice: Voice) {
    let what = |key: &str| incident.parcels().get(key).map(|parcel| describe(&parcel.delivery.what));
    match &entry.deed {
        Deed::Sent { key, receipt } => {
            let mut text = format!("✓ {}", what(key).unwrap_or_else(|| key.to_string()));
            let name = receipt.name.iter().map(|name| format!("as {name}"));
            for more in name.chain(receipt.link.clone()).chain(receipt.remarks.clone()) {
                text = format!("{text}  {more}");
            }
            voice.say(&text);
        }
        Deed::Unsent { key, why, hint, .. } => {
            let what = what(key).unwrap_or_else(|| key.to_string());
            let hint = hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
            error_line(&clean_lines(&format!("✗ {what}: {why}{hint}")));
        }
        Deed::Planned(_) | Deed::Sending { .. } => {}
        _ => {
            if let Some(row) = incident.timeline().iter().find(|row| row.stamp == entry.stamp) {
                voice.say(&format!("{} {}", row.time(), row.text));
            }
        }
    }
}

/// What a person is asked about: beside the JSON, not in it.
pub fn preview(text: &str, json: bool) {
    let text = clean_lines(text);
    if json { error_line(&text) } else { line(&text) }
}

/// Asks a person at a terminal; nobody is a no.
pub fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::refused("not confirmed: add --yes"));
    }
    if asked(&format!("{question} type yes to confirm: ")).is_some_and(|typed| matches!(typed.trim(), "y" | "yes")) {
        return Ok(());
    }
    Err(Failure::refused("not confirmed; nothing was written or sent"))
}

/// A line from the terminal.
fn asked(question: &str) -> Option<String> {
    let _ = write!(std::io::stderr(), "{question}");
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed).ok().filter(|count| *count > 0).map(|_| typed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::incident::entry::{Declared, NewEntry};
    use crate::domain::incident::{Severity, Visibility};

    fn declare(store: &IncidentStore, id: &str, context: &str, minute: u32) -> IncidentId {
        let id: IncidentId = id.parse().unwrap();
        let declared = Declared {
            id: id.clone(),
            title: "Payments fail".into(),
            severity: Severity::Sev2,
            service: "payment".into(),
            workload: None,
            context: context.into(),
            visibility: Visibility::Public,
            detected: None,
            alerts: Vec::new(),
            burn: None,
            suspect: None,
            runbook: None,
            proposed: None,
            update_every: 3600,
            update_fixed: false,
            demo: false,
        };
        let at = format!("2026-11-21T14:{minute}:00Z").parse().unwrap();
        let entry = NewEntry { at, by: "oncall".into(), deed: Deed::Declared(Box::new(declared)) };
        store.create(&id).unwrap().append(at, vec![entry]).unwrap();
        id
    }

    #[test]
    fn an_incident_of_another_context_is_never_the_one_that_is_meant_unless_it_is_named() {
        let home = tempfile::tempdir().unwrap();
        let store = IncidentStore::new(home.path().join("incidents"));
        let prod = declare(&store, "20261121-1432-payment-x7k2", "prod", 32);
        let staging = declare(&store, "20261121-1440-cart-b2m9", "staging", 40);
        let chosen =
            |wanted, context| choose(&store, wanted, context).ok().flatten().map(|known| known.incident.id().clone());
        for wanted in [None, Some("last")] {
            assert_eq!(chosen(wanted, Some("prod")), Some(prod.clone()), "{wanted:?}");
            assert_eq!(chosen(wanted, Some("staging")), Some(staging.clone()), "{wanted:?}");
            assert_eq!(chosen(wanted, Some("other")), None, "{wanted:?}");
        }
        assert_eq!(chosen(Some(staging.as_str()), Some("prod")), Some(staging.clone()), "said by the caller");
        // Seen under another name of the cluster as well, it stays one of its own.
        store.set_context(&prod, "prod-admin").unwrap();
        store.set_context(&prod, "prod-eu").unwrap();
        for context in ["prod", "prod-admin", "prod-eu"] {
            assert_eq!(chosen(None, Some(context)), Some(prod.clone()), "{context}");
        }
        assert!(choose(&store, None, None).is_err(), "several are open");
    }
}
