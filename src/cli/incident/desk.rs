//! What every subcommand of incidents begins and ends with: which incident, its context, an office that has it; and at the
//! end what was sent and what still waits.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::cli::Global;
use crate::cli::output::{Failure, error_line, json as print_json, line};
use crate::cli::start::{self, Start};
use crate::domain::incident::IncidentId;
use crate::domain::incident::entry::{Deed, Entry};
use crate::domain::text::clean_lines;
use crate::incident::Incident;
use crate::incident::outbox::Standing;
use crate::incident::timeline::describe;
use crate::runtime::incidents::office::{Ground, Office, OfficeError};
use crate::runtime::incidents::paper::Papers;
use crate::runtime::incidents::store::IncidentStore;
use crate::runtime::wiring::Launch;
use crate::state::incident::IncidentNews;

/// What is sent gets this long before the rest is left in the outbox.
const SENDING: Duration = Duration::from_secs(60);
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

/// An office on the command line.
pub struct Desk {
    pub launch: Arc<Launch>,
    pub office: Office,
    pub papers: Papers,
    pub ground: Ground,
    /// Is the context production?
    pub production: bool,
    news: UnboundedReceiver<IncidentNews>,
    json: bool,
}

/// An incident on disk, with its context.
pub struct Known {
    pub incident: Incident,
    pub context: String,
}

/// All incidents on disk, the newest first; journals that cannot be read are told.
pub fn all(store: &IncidentStore) -> Vec<Known> {
    let mut found = Vec::new();
    for id in store.ids() {
        match store.read(&id) {
            Ok(told) => {
                for flaw in &told.flaws {
                    error_line(&format!("{id}: {flaw}"));
                }
                if let Some(incident) = Incident::of(told.entries) {
                    let context = store.context_of(&id).unwrap_or_else(|| incident.declared().context.clone());
                    found.push(Known { incident, context });
                }
            }
            Err(error) => error_line(&format!("{id}: {error}")),
        }
    }
    // Ids of one minute are in no order.
    found.sort_by_key(|known| std::cmp::Reverse(known.incident.declared_at()));
    found
}

/// The open incidents of a context, or of all.
fn open_ones(store: &IncidentStore, context: Option<&str>) -> Vec<Known> {
    let mut known = all(store);
    known.retain(|one| one.incident.is_open() && context.is_none_or(|context| one.context == context));
    known
}

/// The one that is meant, among those on disk: an id, `last`, or the open one.
pub fn choose(store: &IncidentStore, wanted: Option<&str>, context: Option<&str>) -> Result<Option<Known>, Failure> {
    match wanted {
        Some("last") => Ok(all(store).into_iter().next()),
        Some(id) => {
            let id: IncidentId =
                id.parse().map_err(|error: crate::domain::incident::UnknownWord| Failure::usage(error.to_string()))?;
            Ok(all(store).into_iter().find(|known| *known.incident.id() == id))
        }
        None => {
            let mut open = open_ones(store, context);
            if open.len() > 1 {
                let names: Vec<String> =
                    open.iter().map(|one| format!("{} ({})", one.incident.id(), one.incident.title())).collect();
                return Err(Failure::usage("several incidents are open: say which with --incident")
                    .hint(clean_lines(&names.join(", "))));
            }
            Ok(open.pop())
        }
    }
}

fn nothing(wanted: Option<&str>) -> Failure {
    match wanted {
        Some(id) => Failure::usage(format!("there is no incident `{id}`")).hint("opsdeck incident list --all"),
        None => Failure::usage("no incident is open").hint("opsdeck incident declare, or list --all for past ones"),
    }
}

impl Desk {
    /// In the context that is asked for, without an incident yet.
    pub async fn at(start: &Start, context: Option<String>, json: bool) -> Result<Self, Failure> {
        let launch = start.launch.clone();
        let (ground, production) = match launch.connect(context.clone(), start.namespace.clone(), 1).await {
            Ok(connected) => (connected.incidents, connected.info.production),
            // The cluster is not needed to tell people about it.
            Err(fault) => match &context {
                Some(context) => {
                    error_line(&format!("going on without the cluster: {fault}"));
                    (launch.incident_ground(context).await?, launch.config.context(context).production)
                }
                None => return Err(start::unusable(fault)),
            },
        };
        let home = launch.incidents.clone();
        let (mut office, news) = Office::new(home.store, launch.clock, launch.person());
        office.adopt(ground.clone());
        if !office.catch_up(SHARED).await {
            error_line("what others share is not known: the cluster has not answered in time");
        }
        Ok(Self { launch, office, papers: Papers { post_mortems: home.post_mortems }, ground, production, news, json })
    }

    /// With the incident that is meant: on disk, or shared in the cluster.
    pub async fn open(global: &Global, wanted: Option<&str>, json: bool) -> Result<(Self, IncidentId), Failure> {
        let start = start::start(global).await?;
        let store = start.launch.incidents.store.clone();
        let known = choose(&store, wanted, start.context.as_deref())?;
        let context = start.context.clone().or_else(|| known.as_ref().map(|known| known.context.clone()));
        let mut desk = Self::at(&start, context, json).await?;
        let known = match known {
            Some(known) => known,
            None => choose(&store, wanted, Some(&desk.ground.context))?.ok_or_else(|| nothing(wanted))?,
        };
        let id = known.incident.id().clone();
        if known.context != desk.ground.context {
            let message = format!("incident {id} belongs to context {}, not {}", known.context, desk.ground.context);
            return Err(Failure::usage(message).hint(format!("--context {}", known.context)));
        }
        desk.office.open(&id).await?;
        desk.forget();
        Ok((desk, id))
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

    /// Sends what can be sent, says what came of it and what waits, and gives the exit code.
    pub async fn finish(mut self, id: &IncidentId) -> Result<ExitCode, Failure> {
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
        let incident = self.incident(id)?;
        let now = self.launch.clock.now();
        let standings = self.office.standings(id);
        let waits: Vec<_> = standings
            .iter()
            .filter(|(_, standing)| !matches!(standing, Standing::Sent | Standing::Dropped | Standing::Elsewhere(_)))
            .collect();
        if self.json {
            let waiting: Vec<_> = waits
                .iter()
                .map(|(key, standing)| {
                    let what = incident.parcels().get(key).map(|parcel| describe(&parcel.delivery.what));
                    json!({"key": key, "what": what, "standing": standing.words(now)})
                })
                .collect();
            print_json(&json!({
                "incident": id,
                "status": incident.status(),
                "severity": incident.severity(),
                "entries": written,
                "waiting": waiting,
                "shared": self.office.is_shared(),
            }))?;
        } else {
            for entry in &written {
                report(&incident, entry);
            }
            for (key, standing) in &waits {
                let what =
                    incident.parcels().get(key).map(|parcel| describe(&parcel.delivery.what)).unwrap_or_default();
                error_line(&clean_lines(&format!("waits: {what} [{key}]: {}", standing.words(now))));
            }
            if !waits.is_empty() {
                error_line("an open console sends what can be sent later; `opsdeck incident retry` tries it now");
            }
        }
        let unsent = !waits.is_empty();
        self.office.close(Duration::from_secs(2)).await;
        Ok(ExitCode::from(if unsent { 6 } else { 0 }))
    }
}

/// What came of a delivery, and what was written, a line each.
fn report(incident: &Incident, entry: &Entry) {
    let what = |key: &str| incident.parcels().get(key).map(|parcel| describe(&parcel.delivery.what));
    match &entry.deed {
        Deed::Sent { key, receipt } => {
            let mut text = format!("✓ {}", what(key).unwrap_or_else(|| key.to_string()));
            let name = receipt.name.iter().map(|name| format!("as {name}"));
            for more in name.chain(receipt.link.clone()).chain(receipt.remarks.clone()) {
                text = format!("{text}  {more}");
            }
            line(&clean_lines(&text));
        }
        Deed::Unsent { key, why, hint, .. } => {
            let what = what(key).unwrap_or_else(|| key.to_string());
            let hint = hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
            error_line(&clean_lines(&format!("✗ {what}: {why}{hint}")));
        }
        Deed::Planned(_) | Deed::Sending { .. } => {}
        _ => {
            if let Some(row) = incident.timeline().iter().find(|row| row.stamp == entry.stamp) {
                line(&clean_lines(&format!("{} {}", row.time(), row.text)));
            }
        }
    }
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
