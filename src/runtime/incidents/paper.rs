//! What an incident leaves on paper: the post-mortem, made anew without losing what people wrote in it, and the redacted
//! bundle that another person opens. Files appear as a whole.

use std::fs;
use std::io::{self, Write};
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
    /// The file of a post-mortem: the one that it was written to before, as long as it is there. Entries of others say
    /// where it lies with them: whoever writes such an entry does not say what is written over here.
    pub fn file_of(&self, office: &Office, incident: &Incident) -> PathBuf {
        let writers = office.store().writers();
        let written = incident.entries().filter_map(|entry| match &entry.deed {
            Deed::PostMortem { path } if writers.belongs_here(entry.stamp.writer()) => Some(PathBuf::from(path)),
            _ => None,
        });
        let known = written.last().filter(|path| path.is_file());
        known.unwrap_or_else(|| match &self.post_mortems {
            Some(directory) => directory.join(post_mortem::file_name(incident)),
            None => office.store().directory(incident.id()).join("post-mortem.md"),
        })
    }

    /// Writes the post-mortem of an incident that is looked after, and that it was written. Gives the file, and what a
    /// person should know.
    pub async fn post_mortem(&self, office: &mut Office, id: &IncidentId) -> Result<(PathBuf, Vec<String>), String> {
        let incident = known(office, id).await?;
        let path = self.file_of(office, &incident);
        let (file, told) = (path.clone(), incident.clone());
        let written = tokio::task::spawn_blocking(move || write_post_mortem(&file, &told)).await;
        let mut remarks = written.map_err(|error| error.to_string())??;
        let said = path.display().to_string();
        // Making it anew is no news.
        if incident.post_mortem() != Some(&said) {
            office.reach(id).await.map_err(|error| error.to_string())?;
            let deed = Deed::PostMortem { path: said };
            // The file is there either way: a console that may not write the incident says so, and is no failure.
            if let Err(why) = office.put_down(id, vec![Noticed { at: office.now(), by: SELF.into(), deed }]).await {
                remarks.push(format!("written, and not recorded in the incident: {why}"));
            }
        }
        Ok((path, remarks))
    }

    /// Writes the bundle.
    pub async fn export(&self, office: &mut Office, id: &IncidentId, file: Option<PathBuf>) -> Result<PathBuf, String> {
        let incident = known(office, id).await?;
        let path = file.unwrap_or_else(|| office.store().directory(id).join(hand_over::file_name(&incident)));
        let (target, now) = (path.clone(), office.now());
        let written = tokio::task::spawn_blocking(move || write_bundle(&target, &incident, now)).await;
        written.map_err(|error| error.to_string())??;
        Ok(path)
    }
}

/// An incident that is asked for; one that is over is looked after again.
async fn known(office: &mut Office, id: &IncidentId) -> Result<Incident, String> {
    office.reach(id).await.map_err(|error| error.to_string())?;
    office.incident(id).ok_or_else(|| "nothing is known of this incident here".to_owned())
}

/// The draft over what is there: what people wrote stays.
pub fn write_post_mortem(path: &Path, incident: &Incident) -> Result<Vec<String>, String> {
    let before = read(path)?;
    let text = post_mortem::regenerate(before.as_deref().unwrap_or_default(), incident);
    let remarks = match &before {
        Some(before) if *before == text => vec!["nothing in it has changed".to_owned()],
        Some(_) => vec!["made anew; what people wrote in it was kept".to_owned()],
        None => Vec::new(),
    };
    if before.as_ref() != Some(&text) {
        replace(path, before.as_deref(), &text)?;
    }
    Ok(remarks)
}

/// What is there; nothing where there is no file.
fn read(path: &Path) -> Result<Option<String>, String> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot("look at", path, error)),
        Ok(metadata) if metadata.len() > LONGEST => {
            Err(cannot("read", path, "it is larger than 8 MiB; move it away first"))
        }
        Ok(_) => fs::read_to_string(path).map(Some).map_err(|error| cannot("read", path, error)),
    }
}

/// Puts a new text in the place of the one that was read: where a link leads, with the rights that the file has, and only
/// as long as nobody saved another text meanwhile.
fn replace(path: &Path, before: Option<&str>, text: &str) -> Result<(), String> {
    if before.is_none() {
        return write_whole(path, text).map_err(|error| cannot("write", path, error));
    }
    let write = || -> io::Result<bool> {
        let path = fs::canonicalize(path)?;
        let directory = path.parent().unwrap_or_else(|| Path::new("."));
        let mut new = tempfile::NamedTempFile::new_in(directory)?;
        new.write_all(text.as_bytes())?;
        new.as_file().set_permissions(fs::metadata(&path)?.permissions())?;
        new.as_file().sync_all()?;
        if fs::read_to_string(&path).ok().as_deref() != before {
            return Ok(false);
        }
        new.persist(&path)?;
        fs::File::open(directory)?.sync_all()?;
        Ok(true)
    };
    match write() {
        Ok(true) => Ok(()),
        Ok(false) => {
            Err(cannot("write", path, "somebody saved it at the same moment; what they wrote stays: try again"))
        }
        Err(error) => Err(cannot("write", path, error)),
    }
}

/// The bundle as a file.
pub fn write_bundle(path: &Path, incident: &Incident, now: Instant) -> Result<(), String> {
    let text = hand_over::bundle(incident, now).map_err(|error| error.to_string())?;
    write_whole(path, &text).map_err(|error| cannot("write", path, error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_an_editor_saved_meanwhile_is_not_written_over() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("post-mortem.md");
        fs::write(&path, "saved").unwrap();
        let refused = replace(&path, Some("read before"), "new").unwrap_err();
        assert!(refused.contains("saved it at the same moment"), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "saved");
        replace(&path, Some("saved"), "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }
}
