//! Reading: `get` and `list`, with selectors, pages and the versions that a client insists on.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::request::{Request, Target};
use super::resources::Resource;
use super::selector::{Fields, Labels};
use super::status::{ApiError, Cause, json_response};
use super::{ApiState, convert};

/// Which objects of a resource a request is about.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The resource.
    pub resource: &'static Resource,
    /// Only this namespace.
    pub namespace: Option<String>,
    labels: Labels,
    fields: Fields,
}

impl Selection {
    /// Reads the path and the selectors of a request.
    pub fn of(request: &Request) -> Result<Self, ApiError> {
        let Target { resource, namespace, name, .. } = &request.target;
        let mut fields = request.param("fieldSelector").unwrap_or_default().to_owned();
        if let Some(name) = name {
            // A watch of one object.
            fields = if fields.is_empty() {
                format!("metadata.name={name}")
            } else {
                format!("{fields},metadata.name={name}")
            };
        }
        Ok(Self {
            resource,
            namespace: namespace.clone(),
            labels: Labels::parse(request.param("labelSelector").unwrap_or_default())?,
            fields: Fields::parse(&fields, resource.kind)?,
        })
    }

    /// Whether an object is among them.
    pub fn holds(&self, object: &Value) -> bool {
        let meta = &object["metadata"];
        self.namespace.as_ref().is_none_or(|namespace| meta["namespace"] == **namespace)
            && self.labels.matches(&meta["labels"])
            && self.fields.matches(object)
    }

    fn is_filtered(&self) -> bool {
        !self.labels.is_empty() || !self.fields.is_empty()
    }
}

/// `GET` of one object.
pub fn get(state: &ApiState, request: &Request) -> Result<Response, ApiError> {
    let target = &request.target;
    let object = state
        .store
        .get(target.resource, target.ns(), target.object())
        .ok_or_else(|| ApiError::not_found(target.resource, target.object()))?;
    let include = request.param("includeObject").unwrap_or("Metadata");
    Ok(json_response(
        StatusCode::OK,
        &convert::single(target.resource, &object, request.form()?, include, state.store.now(), true),
    ))
}

/// `GET` of a collection.
pub fn list(state: &ApiState, request: &Request) -> Result<Response, ApiError> {
    let selection = Selection::of(request)?;
    let page = page(state, request, &selection)?;
    let mut meta = json!({"resourceVersion": page.version.to_string()});
    if let Some(next) = page.next {
        meta["continue"] = json!(next);
        if !selection.is_filtered() {
            meta["remainingItemCount"] = json!(page.remaining);
        }
    }
    let include = request.param("includeObject").unwrap_or("Metadata");
    let objects = page.objects.iter().map(|object| &**object);
    let body = convert::collection(selection.resource, objects, &meta, request.form()?, include, state.store.now());
    Ok(json_response(StatusCode::OK, &body))
}

struct Page {
    objects: Vec<Arc<Value>>,
    version: u64,
    /// Token of the next page.
    next: Option<String>,
    remaining: usize,
}

fn page(state: &ApiState, request: &Request, selection: &Selection) -> Result<Page, ApiError> {
    let namespace = selection.namespace.as_deref();
    let version = request.number::<u64>("resourceVersion")?;
    let limit = request.number::<usize>("limit")?.filter(|limit| *limit > 0);
    let token = request.param("continue");
    let exact = match request.param("resourceVersionMatch") {
        None | Some("NotOlderThan") => false,
        Some("Exact") => true,
        Some(other) => {
            return Err(invalid_match(Cause::unsupported("resourceVersionMatch", other, &["NotOlderThan", "Exact"])));
        }
    };
    if request.param("resourceVersionMatch").is_some() && version.is_none() {
        return Err(invalid_match(Cause::forbidden(
            "resourceVersionMatch",
            "resourceVersionMatch is forbidden unless resourceVersion is provided",
        )));
    }
    let (objects, version, after) = if let Some(token) = token {
        let (version, key) =
            parse_token(token).ok_or_else(|| ApiError::bad_request("continue key is not valid: malformed token"))?;
        let objects =
            state.store.list_at(selection.resource, namespace, version).map_err(|_| ApiError::continue_expired())?;
        (objects, version, Some(key))
    } else if exact {
        let version = version.filter(|version| *version > 0).ok_or_else(|| {
            invalid_match(Cause::forbidden(
                "resourceVersionMatch",
                "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
            ))
        })?;
        let objects = state.store.list_at(selection.resource, namespace, version).map_err(ApiError::expired)?;
        (objects, version, None)
    } else {
        let (objects, current) = state.store.list(selection.resource, namespace);
        if let Some(asked) = version.filter(|asked| *asked > current) {
            return Err(ApiError::too_new(asked, current));
        }
        (objects, current, None)
    };
    let mut objects: Vec<Arc<Value>> = objects
        .into_iter()
        .filter(|object| selection.holds(object) && after.as_ref().is_none_or(|after| key(object) > *after))
        .collect();
    // As a real server: any version will do for `resourceVersion=0`, and its cache does not page.
    let limit = limit.filter(|_| token.is_some() || exact || request.param("resourceVersion") != Some("0"));
    let mut page = Page { objects: Vec::new(), version, next: None, remaining: 0 };
    if let Some(limit) = limit.filter(|limit| objects.len() > *limit) {
        page.remaining = objects.len() - limit;
        objects.truncate(limit);
        page.next = objects.last().map(|last| {
            let (namespace, name) = key(last);
            format!("{version}/{namespace}/{name}")
        });
    }
    page.objects = objects;
    Ok(page)
}

fn invalid_match(cause: Cause) -> ApiError {
    ApiError::invalid_options("ListOptions", &[cause])
}

fn key(object: &Value) -> (String, String) {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

/// A token is the version of the first page and the last object that was given.
fn parse_token(token: &str) -> Option<(u64, (String, String))> {
    let mut parts = token.splitn(3, '/');
    let version = parts.next()?.parse().ok()?;
    Some((version, (parts.next()?.to_owned(), parts.next()?.to_owned())))
}
