//! What an incident leaves on paper: the post-mortem, made anew without losing what people wrote in it, and the redacted
//! bundle that another person opens. Files appear as a whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::office::Office;
use super::store::write_whole;
use crate::domain::incident::IncidentId;
use crate::domain::incident::entry::Deed;
use crate::domain::time::Instant;
use crate::incident::{Incident, Noticed, SELF, hand_over, post_mortem};

/// A post-mortem that somebody made longer than this is not read.
const LONGEST: u64 = 8 * 1024 * 1024;

/// Where papers are put.
#[derive(Clone, Debug)]
pub struct Papers {
    /// `[incidents] post-mortems`.
    pub post_mortems: Option<PathBuf>,
}

fn cannot(what: &str, path: &Path, why: impl std::fmt::Display) -> String {
    format!("cannot {what} {}: {why}", path.display())
}

impl Papers {
    /// The file of a post-mortem: the one that it was written to before, as long as it is there.
    pub fn file_of(&self, office: &Office, incident: &Incident) -> PathBuf {
        let known = incident.post_mortem().map(PathBuf::from).filter(|path| path.is_file());
        known.unwrap_or_else(|| match &self.post_mortems {
            Some(directory) => directory.join(post_mortem::file_name(incident)),
            None => office.store().directory(incident.id()).join("post-mortem.md"),
        })
    }

    /// Writes the post-mortem of an incident that is looked after, and that it was written. Gives the file, and what a
    /// person should know.
    pub async fn post_mortem(&self, office: &mut Office, id: &IncidentId) -> Result<(PathBuf, Vec<String>), String> {
        let incident = office.incident(id).ok_or("nothing is known of this incident here")?;
        let path = self.file_of(office, &incident);
        let (file, told) = (path.clone(), incident.clone());
        let written = tokio::task::spawn_blocking(move || write_post_mortem(&file, &told)).await;
        let remarks = written.map_err(|error| error.to_string())??;
        let said = path.display().to_string();
        // Making it anew is no news.
        if incident.post_mortem() != Some(&said) {
            let deed = Deed::PostMortem { path: said };
            office
                .put_down(id, vec![Noticed { at: office.now(), by: SELF.into(), deed }])
                .await
                .map_err(|error| error.to_string())?;
        }
        Ok((path, remarks))
    }

    /// Writes the bundle.
    pub async fn export(&self, office: &Office, id: &IncidentId, file: Option<PathBuf>) -> Result<PathBuf, String> {
        let incident = office.incident(id).ok_or("nothing is known of this incident here")?;
        let path = file.unwrap_or_else(|| office.store().directory(id).join(hand_over::file_name(&incident)));
        let (target, now) = (path.clone(), office.now());
        let written = tokio::task::spawn_blocking(move || write_bundle(&target, &incident, now)).await;
        written.map_err(|error| error.to_string())??;
        Ok(path)
    }
}

/// The draft over what is there: what people wrote stays.
pub fn write_post_mortem(path: &Path, incident: &Incident) -> Result<Vec<String>, String> {
    let before = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(cannot("look at", path, error)),
        Ok(metadata) if metadata.len() > LONGEST => {
            return Err(cannot("read", path, "it is larger than 8 MiB; move it away first"));
        }
        Ok(_) => Some(fs::read_to_string(path).map_err(|error| cannot("read", path, error))?),
    };
    let text = post_mortem::regenerate(before.as_deref().unwrap_or_default(), incident);
    let remarks = match &before {
        Some(before) if *before == text => vec!["nothing in it has changed".to_owned()],
        Some(_) => vec!["made anew; what people wrote in it was kept".to_owned()],
        None => Vec::new(),
    };
    if before.as_ref() != Some(&text) {
        write_whole(path, &text).map_err(|error| cannot("write", path, error))?;
    }
    Ok(remarks)
}

/// The bundle as a file.
pub fn write_bundle(path: &Path, incident: &Incident, now: Instant) -> Result<(), String> {
    let text = hand_over::bundle(incident, now).map_err(|error| error.to_string())?;
    write_whole(path, &text).map_err(|error| cannot("write", path, error))
}
