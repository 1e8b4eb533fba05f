//! The HTTP API v1: queries, series and labels. Rules, targets and status are in `status.rs`.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use promql_parser::parser::{Expr, VectorSelector};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

use super::params::{Params, invalid};
use super::promql::{self, MAX_POINTS, QueryError};
use super::{PrometheusState, status, wire};
use crate::lab::telemetry::Labels;

/// Serves the API until the task is dropped.
pub async fn serve(listener: TcpListener, state: PrometheusState) -> std::io::Result<()> {
    axum::serve(listener, router(state)).await
}

pub(super) fn router(state: PrometheusState) -> Router {
    let api = Router::new()
        .route("/query", get(query).post(query))
        .route("/query_range", get(query_range).post(query_range))
        .route("/query_exemplars", get(async || success(&json!([]))).post(async || success(&json!([]))))
        .route("/series", get(series).post(series))
        .route("/labels", get(label_names).post(label_names))
        .route("/label/{name}/values", get(label_values))
        .route("/metadata", get(status::metadata))
        .route("/alerts", get(status::alerts))
        .route("/rules", get(status::rules))
        .route("/targets", get(status::targets))
        .route("/alertmanagers", get(status::alertmanagers))
        .route("/status/buildinfo", get(status::build))
        .route("/status/runtimeinfo", get(status::runtime))
        .route("/status/flags", get(status::flags))
        .route("/status/config", get(status::config))
        .with_state(state);
    Router::new()
        .nest("/api/v1", api)
        .route("/-/healthy", get(async || "Prometheus Server is Healthy.\n"))
        .route("/-/ready", get(async || "Prometheus Server is Ready.\n"))
        .fallback(async || (StatusCode::NOT_FOUND, "404 page not found\n"))
}

fn send(status: StatusCode, body: &Json) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// The envelope around an answer.
pub(super) fn success(data: &Json) -> Response {
    send(StatusCode::OK, &json!({ "status": "success", "data": data }))
}

/// The envelope around an error.
pub(super) fn failure(error: &QueryError) -> Response {
    let (status, kind) = match error {
        QueryError::BadData(_) => (StatusCode::BAD_REQUEST, "bad_data"),
        QueryError::Execution(_) => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
    };
    send(status, &json!({ "status": "error", "errorType": kind, "error": error.to_string() }))
}

fn answer(result: Result<Json, QueryError>) -> Response {
    result.map_or_else(|error| failure(&error), |data| success(&data))
}

fn expression(params: &Params) -> Result<Expr, QueryError> {
    let text = params.get("query").unwrap_or_default();
    promql::parse(text).map_err(|why| invalid("query", &why.to_string()))
}

async fn query(State(state): State<PrometheusState>, params: Params) -> Response {
    answer((|| {
        let at = params.time("time", state.telemetry.now_ms())?;
        let value = promql::instant(&state.telemetry, &expression(&params)?, at)?;
        Ok(wire::instant(&value, at))
    })())
}

async fn query_range(State(state): State<PrometheusState>, params: Params) -> Response {
    answer((|| {
        let (start, end) = (params.required_time("start")?, params.required_time("end")?);
        if end < start {
            return Err(invalid("end", "end timestamp must not be before start time"));
        }
        let step = params.required_duration("step")?;
        if step <= 0 {
            let why = "zero or negative query resolution step widths are not accepted. Try a positive integer";
            return Err(invalid("step", why));
        }
        if (end - start) / step > MAX_POINTS {
            let why = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query \
                       resolution (?step=XX)";
            return Err(QueryError::BadData(why.to_owned()));
        }
        let ranges = promql::range(&state.telemetry, &expression(&params)?, start, end, step)?;
        Ok(wire::matrix(&ranges))
    })())
}

/// The label sets of the series that existed in a request's time range and match one of its selectors.
fn matching(state: &PrometheusState, params: &Params) -> Result<Vec<Labels>, QueryError> {
    let start = params.time("start", i64::MIN)?;
    let end = params.time("end", state.telemetry.now_ms())?;
    let mut selectors: Vec<VectorSelector> = Vec::new();
    for text in params.all("match[]") {
        match promql::parse(text).map_err(|why| invalid("match[]", &why.to_string()))? {
            Expr::VectorSelector(selector) => selectors.push(selector),
            _ => return Err(invalid("match[]", &format!("{text:?} is not a series selector"))),
        }
    }
    let wanted = |labels: &Labels| selectors.is_empty() || selectors.iter().any(|s| promql::matches(s, labels));
    let found = state.telemetry.select(None, wanted).into_iter().filter(|s| s.exists_in(start, end));
    Ok(found.map(|s| s.labels().clone()).collect())
}

async fn series(State(state): State<PrometheusState>, params: Params) -> Response {
    if params.all("match[]").next().is_none() {
        return failure(&QueryError::BadData("no match[] parameter provided".to_owned()));
    }
    answer(matching(&state, &params).map(|found| found.iter().map(wire::labels).collect()))
}

async fn label_names(State(state): State<PrometheusState>, params: Params) -> Response {
    answer(matching(&state, &params).map(|found| {
        let names: BTreeSet<&str> = found.iter().flat_map(|labels| labels.iter().map(|(name, _)| name)).collect();
        json!(names)
    }))
}

async fn label_values(State(state): State<PrometheusState>, Path(name): Path<String>, params: Params) -> Response {
    if !promql::is_label_name(&name) {
        return failure(&QueryError::BadData(format!("invalid label name: {name:?}")));
    }
    answer(matching(&state, &params).map(|found| {
        let values: BTreeSet<&str> = found.iter().map(|labels| labels.get(&name)).filter(|v| !v.is_empty()).collect();
        json!(values)
    }))
}
