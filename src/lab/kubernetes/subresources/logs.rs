//! `pods/NAME/log`: what a container wrote, as plain text, and what it writes from now on.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use chrono::{DateTime, SecondsFormat, Utc};
use futures::{StreamExt, stream};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::super::request::Request;
use super::super::resources::PODS;
use super::super::status::ApiError;
use super::super::{ApiState, LogLine, LogQuery};

/// Answers a request for logs; a followed log also ends when `stop` is called off.
pub fn read(state: &ApiState, request: &Request, stop: CancellationToken) -> Result<Response, ApiError> {
    let target = &request.target;
    let pod = state
        .store
        .get(&PODS, target.ns(), target.object())
        .ok_or_else(|| ApiError::not_found(&PODS, target.object()))?;
    let container = container(&pod, request.param("container"))?;
    let query = LogQuery {
        since: since(state, request)?,
        tail: request.number("tailLines")?,
        previous: request.flag("previous"),
    };
    let follow = request.flag("follow") && !query.previous;
    let stamps = request.flag("timestamps");
    let mut limit = request.number::<usize>("limitBytes")?.unwrap_or(usize::MAX);
    check_started(&pod, &container, query.previous)?;
    // Following begins before the past is read, so that no line falls between the two.
    let future = follow.then(|| state.logs.follow(&pod, &container));
    let lines = state.logs.lines(&pod, &container, &query).map_err(ApiError::bad_request)?;
    let last = lines.last().map(|line| line.at);
    let mut past = Vec::new();
    for line in &lines {
        let text = render(line, stamps);
        let taken = text.len().min(limit);
        past.extend_from_slice(&text.as_bytes()[..taken]);
        limit -= taken;
        if limit == 0 {
            break;
        }
    }
    let body = match future {
        Some(future) if limit > 0 => {
            let fresh = future.filter(move |line| futures::future::ready(last.is_none_or(|last| line.at > last)));
            let text = fresh.map(move |line| Bytes::from(render(&line, stamps)));
            let all = stream::once(futures::future::ready(Bytes::from(past)))
                .filter(|b| futures::future::ready(!b.is_empty()))
                .chain(text);
            Body::from_stream(all.take_until(stop.cancelled_owned()).map(Ok::<Bytes, Infallible>))
        }
        _ => Body::from(past),
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}

fn render(line: &LogLine, stamps: bool) -> String {
    if stamps {
        format!("{} {}\n", line.at.to_rfc3339_opts(SecondsFormat::Nanos, true), line.text)
    } else {
        format!("{}\n", line.text)
    }
}

fn since(state: &ApiState, request: &Request) -> Result<Option<DateTime<Utc>>, ApiError> {
    if let Some(text) = request.param("sinceTime") {
        let at = DateTime::parse_from_rfc3339(text)
            .map_err(|_| ApiError::bad_request(format!("parsing time \"{text}\" as RFC3339 failed")))?;
        return Ok(Some(at.to_utc()));
    }
    let seconds = request.number::<i64>("sinceSeconds")?;
    Ok(seconds.map(|seconds| state.store.now() - chrono::Duration::seconds(seconds)))
}

/// The container that is meant: the one that is named, or the only one.
fn container(pod: &Value, named: Option<&str>) -> Result<String, ApiError> {
    let names = |list: &str| -> Vec<String> {
        pod["spec"][list]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|c| c["name"].as_str().map(str::to_owned))
            .collect()
    };
    let (containers, init) = (names("containers"), names("initContainers"));
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    match named {
        Some(name) if containers.iter().chain(&init).any(|c| c == name) => Ok(name.to_owned()),
        Some(name) => Err(ApiError::bad_request(format!("container {name} is not valid for pod {pod_name}"))),
        None if containers.len() == 1 && init.is_empty() => Ok(containers[0].clone()),
        None => {
            let choices = containers.join(" ");
            let init = if init.is_empty() {
                String::new()
            } else {
                format!(" or one of the init containers: [{}]", init.join(" "))
            };
            Err(ApiError::bad_request(format!(
                "a container name must be specified for pod {pod_name}, choose one of: [{choices}]{init}"
            )))
        }
    }
}

/// What the kubelet says about a container that has not run yet.
fn check_started(pod: &Value, container: &str, previous: bool) -> Result<(), ApiError> {
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let status = ["containerStatuses", "initContainerStatuses"]
        .iter()
        .flat_map(|list| pod["status"][list].as_array().into_iter().flatten())
        .find(|status| status["name"] == container);
    let has_run = |status: &Value| !status["lastState"]["terminated"].is_null();
    if previous {
        return match status.filter(|status| has_run(status)) {
            Some(_) => Ok(()),
            None => Err(ApiError::bad_request(format!(
                "previous terminated container \"{container}\" in pod \"{pod_name}\" not found"
            ))),
        };
    }
    let waiting = match status {
        None if pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty) => {
            return Err(ApiError::bad_request(format!("pod {pod_name} does not have a host assigned")));
        }
        None => "ContainerCreating",
        Some(status) if has_run(status) => return Ok(()),
        Some(status) => match status["state"]["waiting"]["reason"].as_str() {
            Some(reason) => reason,
            None => return Ok(()),
        },
    };
    Err(ApiError::bad_request(match waiting {
        "ImagePullBackOff" | "ErrImagePull" => {
            format!(
                "container \"{container}\" in pod \"{pod_name}\" is waiting to start: trying and failing to pull image"
            )
        }
        other => format!("container \"{container}\" in pod \"{pod_name}\" is waiting to start: {other}"),
    }))
}
