//! Watching: one connection that tells every change of a selection, as lines of JSON.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use chrono::{DateTime, Utc};
use futures::stream;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::read::Selection;
use super::request::{Form, Request};
use super::status::{ApiError, Cause};
use super::{ApiState, convert};
use crate::lab::store::{Change, Store, Watch, WatchEvent};

/// How often an idle watch says which version it has reached.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// How long a watch lives when the client does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Answers a watch; the stream also ends when `stop` is called off.
pub fn watch(state: &ApiState, request: &Request, stop: CancellationToken) -> Result<Response, ApiError> {
    let selection = Selection::of(request)?;
    let form = request.form()?;
    let store = &state.store;
    let asked = request.number::<u64>("resourceVersion")?;
    let bookmarks = request.flag("allowWatchBookmarks");
    let send_initial = match request.param("sendInitialEvents") {
        // Without a version (or with 0) a watch begins with what there is, as it always did.
        None => asked.is_none_or(|version| version == 0),
        Some(text) => {
            if request.param("resourceVersionMatch") != Some("NotOlderThan") {
                let detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
                return Err(ApiError::invalid_options(
                    "ListOptions",
                    &[Cause::forbidden("resourceVersionMatch", detail)],
                ));
            }
            text == "true"
        }
    };
    if request.param("sendInitialEvents").is_none() && request.param("resourceVersionMatch").is_some() {
        let detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
        return Err(ApiError::invalid_options("ListOptions", &[Cause::forbidden("resourceVersionMatch", detail)]));
    }
    let current = store.version();
    if let Some(asked) = asked.filter(|asked| *asked > current) {
        return Err(ApiError::too_new(asked, current));
    }
    let include = request.param("includeObject").unwrap_or("Metadata").to_owned();
    let timeout =
        request.number::<u64>("timeoutSeconds")?.filter(|s| *s > 0).map_or(DEFAULT_TIMEOUT, Duration::from_secs);
    let mut feed = Feed {
        selection,
        form,
        include,
        store: store.clone(),
        changes: None,
        pending: VecDeque::new(),
        bookmarks,
        columns_sent: false,
        until: Instant::now() + timeout,
        next_bookmark: Instant::now() + BOOKMARK_EVERY,
        stop,
    };
    feed.begin(asked, send_initial, request.flag("sendInitialEvents"));
    let body = Body::from_stream(stream::unfold(feed, |mut feed| async move {
        let line = feed.next().await?;
        Some((Ok::<Bytes, Infallible>(line), feed))
    }));
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

struct Feed {
    selection: Selection,
    form: Form,
    include: String,
    store: Store,
    /// None once the stream is at its end.
    changes: Option<Watch>,
    pending: VecDeque<Bytes>,
    bookmarks: bool,
    /// A table tells its columns once.
    columns_sent: bool,
    until: Instant,
    next_bookmark: Instant,
    stop: CancellationToken,
}

impl Feed {
    fn begin(&mut self, asked: Option<u64>, send_initial: bool, streaming_list: bool) {
        let resource = self.selection.resource;
        let since = if send_initial {
            let (objects, version) = self.store.list(resource, self.selection.namespace.as_deref());
            let now = self.store.now();
            for object in objects {
                if self.selection.holds(&object) {
                    self.push(Change::Added.as_str(), &object, now);
                }
            }
            if streaming_list && self.bookmarks {
                self.push_bookmark(version, true);
            }
            Some(version)
        } else {
            asked.filter(|version| *version > 0)
        };
        match self.store.watch(resource, since) {
            Ok(changes) => self.changes = Some(changes),
            Err(expired) => self.push_error(&ApiError::expired(expired)),
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.pending.pop_front() {
                return Some(line);
            }
            let changes = self.changes.as_mut()?;
            let outcome = tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                outcome = changes.next() => outcome,
                () = tokio::time::sleep_until(self.until) => {
                    let position = changes.position();
                    self.changes = None;
                    if self.bookmarks {
                        self.push_bookmark(position, false);
                    }
                    continue;
                }
                () = tokio::time::sleep_until(self.next_bookmark) => {
                    let position = changes.position();
                    self.next_bookmark += BOOKMARK_EVERY;
                    if self.bookmarks {
                        self.push_bookmark(position, false);
                    }
                    continue;
                }
            };
            match outcome {
                Ok(events) => {
                    let now = self.store.now();
                    for event in events {
                        self.tell(&event, now);
                    }
                }
                Err(expired) => {
                    self.changes = None;
                    self.push_error(&ApiError::expired(expired));
                }
            }
        }
    }

    /// A change as it looks through the selection: objects come into it and leave it.
    fn tell(&mut self, event: &WatchEvent, now: DateTime<Utc>) {
        let was = event.previous.as_ref().is_some_and(|previous| self.selection.holds(previous));
        let is = event.change != Change::Deleted && self.selection.holds(&event.object);
        match (was, is) {
            (false, true) => self.push(Change::Added.as_str(), &event.object, now),
            (true, true) => self.push(Change::Modified.as_str(), &event.object, now),
            (true, false) if event.change == Change::Deleted => self.push(Change::Deleted.as_str(), &event.object, now),
            (true, false) => {
                let mut gone = event.previous.as_deref().cloned().unwrap_or_default();
                gone["metadata"]["resourceVersion"] = json!(event.version.to_string());
                self.push(Change::Deleted.as_str(), &gone, now);
            }
            (false, false) => {}
        }
    }

    fn push(&mut self, word: &str, object: &Value, now: DateTime<Utc>) {
        let object =
            convert::single(self.selection.resource, object, self.form, &self.include, now, !self.columns_sent);
        self.columns_sent = true;
        self.push_line(word, &object);
    }

    fn push_bookmark(&mut self, version: u64, initial_events_end: bool) {
        let resource = self.selection.resource;
        let mut meta = json!({"resourceVersion": version.to_string(), "creationTimestamp": null});
        if initial_events_end {
            meta["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = match self.form {
            Form::Table => {
                json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version.to_string()},
                "columnDefinitions": null, "rows": [{"cells": [], "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": meta}}]})
            }
            Form::Metadata => {
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": meta})
            }
            Form::Object => json!({"kind": resource.kind, "apiVersion": resource.api_version(), "metadata": meta}),
        };
        self.push_line("BOOKMARK", &object);
    }

    fn push_error(&mut self, error: &ApiError) {
        self.push_line("ERROR", &error.status());
    }

    fn push_line(&mut self, word: &str, object: &Value) {
        self.pending.push_back(Bytes::from(format!("{{\"type\":\"{word}\",\"object\":{object}}}\n")));
    }
}
