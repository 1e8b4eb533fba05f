//! Writing: create, update, patch and delete of objects and of their `status`.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::read::Selection;
use super::request::{Form, Request};
use super::resources::{NAMESPACES, PODS, Resource};
use super::status::{ApiError, Cause, json_response};
use super::{ApiState, convert, deletion, patch, quota, validate};
use crate::lab::store::Store;

/// How often a patch without a version of its own is tried again over a change in between.
const PATCH_ATTEMPTS: usize = 5;

/// The store that a request writes to: the real one, or a rehearsal.
pub fn store_for(state: &ApiState, request: &Request) -> Result<Store, ApiError> {
    Ok(if request.dry_run()? { state.store.dry_run() } else { state.store.clone() })
}

/// `POST` of an object to its collection.
pub fn create(state: &ApiState, request: &Request) -> Result<Response, ApiError> {
    let store = store_for(state, request)?;
    let created = insert(&store, request, request.value()?)?;
    Ok(answer(state, request, StatusCode::CREATED, &created))
}

/// Checks and adds an object that a client made.
fn insert(store: &Store, request: &Request, mut object: Value) -> Result<Arc<Value>, ApiError> {
    let target = &request.target;
    let resource = target.resource;
    check_kind(resource, &object)?;
    check_namespace(request, &mut object)?;
    if resource.namespaced && store.get(&NAMESPACES, "", target.ns()).is_none() {
        return Err(ApiError::not_found(&NAMESPACES, target.ns()));
    }
    if let Some(meta) = object["metadata"].as_object_mut() {
        if meta.get("resourceVersion").and_then(Value::as_str).is_some_and(|version| !version.is_empty()) {
            return Err(ApiError::bad_request("resourceVersion should not be set on objects to be created"));
        }
        for field in [
            "uid",
            "creationTimestamp",
            "resourceVersion",
            "generation",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "selfLink",
        ] {
            meta.remove(field);
        }
    }
    if resource.has("status") {
        object["status"] = if resource.kind == "Pod" { json!({"phase": "Pending"}) } else { json!({}) };
    }
    let mut object = convert::incoming(resource, object);
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    if !name.is_empty() || object["metadata"]["generateName"].is_null() {
        validate::check(resource, &name, &object, None)?;
    }
    if resource.namespaced && object["metadata"]["namespace"].is_null() {
        object["metadata"]["namespace"] = json!(target.ns());
    }
    if resource.kind == PODS.kind
        && let Err(why) = quota::admit(store, &object)
    {
        return Err(ApiError::refused(resource, &name, &why));
    }
    store.create(resource, object).map_err(|error| ApiError::from_store(&error, resource, &name))
}

/// `PUT` of an object or of its status.
pub fn update(state: &ApiState, request: &Request) -> Result<Response, ApiError> {
    let (store, target) = (store_for(state, request)?, &request.target);
    let mut object = request.value()?;
    check_kind(target.resource, &object)?;
    check_namespace(request, &mut object)?;
    check_name(request, &object)?;
    let old = current(&store, request)?;
    let object = convert::incoming(target.resource, object);
    let updated = replace(&store, request, &old, object)?;
    Ok(answer(state, request, StatusCode::OK, &updated))
}

/// `PATCH` of an object or of its status, in any of the four kinds.
pub fn patch(state: &ApiState, request: &Request) -> Result<Response, ApiError> {
    let (store, target) = (store_for(state, request)?, &request.target);
    let kind = patch::Kind::of(request)?;
    if kind == patch::Kind::Apply
        && store.get(target.resource, target.ns(), target.object()).is_none()
        && target.subresource().is_empty()
    {
        let applied = patch::applied_afresh(request, &store)?;
        let created = insert(&store, request, applied)?;
        return Ok(answer(state, request, StatusCode::CREATED, &created));
    }
    for attempt in 1.. {
        let old = current(&store, request)?;
        let seen = convert::outgoing(target.resource, &old).into_owned();
        let mut object = patch::run(kind, request, &seen, &store)?;
        check_kind(target.resource, &object)?;
        check_namespace(request, &mut object)?;
        check_name(request, &object)?;
        let object = convert::incoming(target.resource, object);
        // A patch that names a version insists on it; any other goes on top of whatever there is.
        let insists = object["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"];
        match replace(&store, request, &old, object) {
            Err(error) if error.is_conflict() && !insists && attempt < PATCH_ATTEMPTS => {}
            result => {
                let patched = result?;
                return Ok(answer(state, request, StatusCode::OK, &patched));
            }
        }
    }
    Err(ApiError::unprocessable_patch())
}

/// `DELETE` of one object.
pub fn delete(state: &ApiState, request: &Request) -> Result<Response, ApiError> {
    let (store, target) = (store_for(state, request)?, &request.target);
    let options = deletion::Options::of(request)?;
    let store = if options.dry_run { store.dry_run() } else { store };
    let old = current(&store, request)?;
    let outcome = deletion::delete(&store, target.resource, &old, &options)?;
    if let deletion::Outcome::Going(object) = &outcome {
        return Ok(answer(state, request, StatusCode::OK, object));
    }
    if target.resource.kind == "Pod" {
        // Pods come back whole, even when they are gone at once.
        return Ok(answer(state, request, StatusCode::OK, &old));
    }
    let mut details = json!({"name": target.object(), "kind": target.resource.plural, "uid": old["metadata"]["uid"]});
    if !target.resource.group.is_empty() {
        details["group"] = json!(target.resource.group);
    }
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
    Ok(json_response(StatusCode::OK, &status))
}

/// `DELETE` of what a selection holds.
pub fn delete_collection(state: &ApiState, request: &Request) -> Result<Response, ApiError> {
    let store = store_for(state, request)?;
    let (selection, options) = (Selection::of(request)?, deletion::Options::of(request)?);
    let store = if options.dry_run { store.dry_run() } else { store };
    let (objects, version) = store.list(selection.resource, selection.namespace.as_deref());
    let chosen: Vec<_> = objects.into_iter().filter(|object| selection.holds(object)).collect();
    for object in &chosen {
        deletion::delete(&store, selection.resource, object, &options)?;
    }
    let meta = json!({"resourceVersion": version.to_string()});
    let items = chosen.iter().map(|object| &**object);
    Ok(json_response(
        StatusCode::OK,
        &convert::collection(selection.resource, items, &meta, request.form()?, "Metadata", store.now()),
    ))
}

fn current(store: &Store, request: &Request) -> Result<Arc<Value>, ApiError> {
    let target = &request.target;
    store
        .get(target.resource, target.ns(), target.object())
        .ok_or_else(|| ApiError::not_found(target.resource, target.object()))
}

/// Checks and writes `object` over `old`.
fn replace(store: &Store, request: &Request, old: &Value, object: Value) -> Result<Arc<Value>, ApiError> {
    let target = &request.target;
    let resource = target.resource;
    let result = if target.subresource() == "status" {
        store.update_status(resource, object)
    } else {
        validate::check(resource, target.object(), &object, Some(old))?;
        store.update(resource, object)
    };
    result.map_err(|error| ApiError::from_store(&error, resource, target.object()))
}

fn answer(state: &ApiState, request: &Request, code: StatusCode, object: &Value) -> Response {
    let form = request.form().unwrap_or(Form::Object);
    let include = request.param("includeObject").unwrap_or("Metadata");
    json_response(code, &convert::single(request.target.resource, object, form, include, state.store.now(), true))
}

fn check_kind(resource: &Resource, object: &Value) -> Result<(), ApiError> {
    let (version, kind) =
        (object["apiVersion"].as_str().unwrap_or_default(), object["kind"].as_str().unwrap_or_default());
    if !object.is_object() || kind != resource.kind || version != resource.api_version() {
        return Err(ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): no kind \"{kind}\" is registered for version \"{version}\"",
            resource.kind
        )));
    }
    Ok(())
}

fn check_namespace(request: &Request, object: &mut Value) -> Result<(), ApiError> {
    let target = &request.target;
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    if !target.resource.namespaced {
        return Ok(());
    }
    let given = object["metadata"]["namespace"].as_str().unwrap_or_default();
    if given.is_empty() {
        object["metadata"]["namespace"] = json!(target.ns());
    } else if given != target.ns() {
        return Err(ApiError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}

fn check_name(request: &Request, object: &Value) -> Result<(), ApiError> {
    let (given, expected) = (object["metadata"]["name"].as_str().unwrap_or_default(), request.target.object());
    if given.is_empty() {
        return Err(ApiError::invalid(
            request.target.resource,
            "",
            &[Cause::required("metadata.name", "name must be provided")],
        ));
    }
    if given != expected {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({expected})"
        )));
    }
    Ok(())
}
