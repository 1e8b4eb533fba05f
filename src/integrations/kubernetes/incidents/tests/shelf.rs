//! A small API server of ConfigMaps, in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use futures::stream;
use serde_json::{Value, json};

use super::super::super::connect::Connection;
use super::super::super::mock::{Asked, Log, list, ok, refuse, server};
use super::super::ClusterJournal;

/// ConfigMaps of one namespace, as an API server keeps them.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "a list of what can be the matter with it")]
pub(super) struct Shelf {
    pub objects: BTreeMap<String, Value>,
    pub history: Vec<(&'static str, Value)>,
    /// Is the namespace not there?
    pub missing: bool,
    /// May nobody write?
    pub viewer: bool,
    /// Is it away? Watches end then too.
    pub away: bool,
    /// The next write is done, and not answered.
    pub mute: bool,
    /// Does a policy of the cluster only let keys be added?
    pub append_only: bool,
}

#[derive(Clone, Default)]
pub(super) struct Cluster(Arc<Mutex<Shelf>>);

impl Cluster {
    pub fn with<T>(&self, look: impl FnOnce(&mut Shelf) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    pub fn journal(&self) -> (Arc<ClusterJournal>, Log) {
        let cluster = self.clone();
        let (transport, log) = server(move |_, asked| cluster.answer(asked));
        (Connection::for_test(transport).incidents("opsdeck"), log)
    }

    pub fn write(shelf: &mut Shelf, event: &'static str, mut object: Value) -> Value {
        object["metadata"]["resourceVersion"] = json!((shelf.history.len() + 1).to_string());
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        shelf.history.push((event, object.clone()));
        if event == "DELETED" {
            shelf.objects.remove(&name)
        } else {
            shelf.objects.insert(name, object.clone())
        };
        object
    }

    /// Somebody with kubectl.
    pub fn edit(&self, name: &str, key: &str, value: &str) {
        self.with(|shelf| {
            let mut object = shelf.objects[name].clone();
            object["data"][key] = json!(value);
            Self::write(shelf, "MODIFIED", object);
        });
    }

    fn answer(&self, asked: &Asked) -> Response {
        let mut shelf = self.0.lock().unwrap();
        if shelf.away {
            return refuse(503, "ServiceUnavailable", "apiserver is shutting down");
        }
        if asked.path.ends_with("/selfsubjectaccessreviews") {
            let review: Value = serde_json::from_str(&asked.body).unwrap();
            let verb = review["spec"]["resourceAttributes"]["verb"].as_str().unwrap();
            return ok(&json!({"status": {"allowed": !shelf.viewer || ["get", "list", "watch"].contains(&verb)}}));
        }
        if asked.path == "/api/v1/namespaces/opsdeck" {
            let gone = refuse(404, "NotFound", "namespaces \"opsdeck\" not found");
            return if shelf.missing { gone } else { ok(&json!({})) };
        }
        let root = "/api/v1/namespaces/opsdeck/configmaps";
        let name = asked.path.strip_prefix(root).unwrap().trim_start_matches('/').to_owned();
        if asked.method == "GET" {
            return if asked.is_watch() { self.watch(asked) } else { Self::list(&shelf, asked) };
        }
        if shelf.viewer {
            return refuse(403, "Forbidden", "configmaps is forbidden: User \"viewer\" cannot patch resource");
        }
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        let written = match (asked.method.as_str(), shelf.objects.get(&name)) {
            ("POST", _) if shelf.missing => return refuse(404, "NotFound", "namespaces \"opsdeck\" not found"),
            ("POST", _) if shelf.objects.contains_key(body["metadata"]["name"].as_str().unwrap()) => {
                return refuse(409, "AlreadyExists", "configmaps already exists");
            }
            ("POST", _) => Self::write(&mut shelf, "ADDED", body),
            ("PATCH", Some(old)) if old["immutable"] == true => {
                return refuse(422, "Invalid", "data: Forbidden: field is immutable when `immutable` is set");
            }
            ("PATCH", Some(old)) => {
                assert_eq!(asked.content_type, "application/merge-patch+json");
                let mut object = old.clone();
                json_patch::merge(&mut object, &body);
                let before = old["data"].as_object().unwrap();
                if shelf.append_only && before.iter().any(|(key, value)| object["data"][key] != *value) {
                    return refuse(422, "Invalid", "ValidatingAdmissionPolicy 'append-only': entries stay as they are");
                }
                Self::write(&mut shelf, "MODIFIED", object)
            }
            ("PATCH", None) => return refuse(404, "NotFound", "configmaps not found"),
            (other, _) => panic!("a journal never sends {other}"),
        };
        if std::mem::take(&mut shelf.mute) { refuse(504, "Timeout", "request timed out") } else { ok(&written) }
    }

    fn list(shelf: &Shelf, asked: &Asked) -> Response {
        let holds = |object: &&Value| {
            asked.parameter("labelSelector").split(',').all(|part| {
                let (key, value) = part.split_once('=').unwrap_or((part, ""));
                let label = object["metadata"]["labels"][key].as_str();
                if value.is_empty() { label.is_some() } else { label == Some(value) }
            })
        };
        let items: Vec<Value> = shelf.objects.values().filter(holds).cloned().collect();
        ok(&list(&shelf.history.len().to_string(), "", &items))
    }

    /// Events since a version, for as long as the server is there.
    fn watch(&self, asked: &Asked) -> Response {
        let since: usize = asked.parameter("resourceVersion").parse().unwrap();
        let events = stream::unfold((self.clone(), since), async |(cluster, since)| {
            loop {
                let next =
                    cluster.with(|shelf| if shelf.away { Err(()) } else { Ok(shelf.history.get(since).cloned()) });
                match next.ok()? {
                    Some((kind, object)) => {
                        let line = json!({"type": kind, "object": object}).to_string() + "\n";
                        return Some((Ok::<_, std::io::Error>(line), (cluster, since + 1)));
                    }
                    None => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        });
        Response::new(Body::from_stream(events))
    }

    /// Every key that is there, with the object that it is in.
    pub fn keys(&self) -> Vec<(String, String)> {
        self.with(|shelf| {
            let of = |(name, object): (&String, &Value)| {
                let keys = object["data"].as_object().unwrap().keys();
                keys.map(|key| (key.clone(), name.clone())).collect::<Vec<_>>()
            };
            shelf.objects.iter().flat_map(of).collect()
        })
    }
}
