//! Request parameters: query string or form, times and durations, with Prometheus' complaints.

use axum::Form;
use axum::extract::{FromRequest, Query, Request};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use chrono::DateTime;

use super::http::failure;
use super::promql::QueryError;

/// Parameters of a GET or a form POST, in order.
#[derive(Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let query = Query::<Vec<(String, String)>>::try_from_uri(request.uri());
        let Query(in_query) = query.map_err(|why| failure(&QueryError::BadData(why.to_string())))?;
        let mut pairs = Vec::new();
        if request.method() == Method::POST {
            let form = Form::<Vec<(String, String)>>::from_request(request, state).await;
            pairs = form.map_err(IntoResponse::into_response)?.0;
        }
        pairs.extend(in_query);
        Ok(Self(pairs))
    }
}

impl Params {
    /// The first value of `name`, unless it is empty.
    pub fn get<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next().filter(|v| !v.is_empty())
    }

    /// Every value of `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// A moment in milliseconds, or `otherwise` when absent.
    pub fn time(&self, name: &str, otherwise: i64) -> Result<i64, QueryError> {
        self.get(name).map_or(Ok(otherwise), |text| {
            let why = || format!("Invalid time value for '{name}': cannot parse {text:?} to a valid timestamp");
            moment(text).ok_or_else(|| invalid(name, &why()))
        })
    }

    /// A moment in milliseconds that must be given.
    pub fn required_time(&self, name: &str) -> Result<i64, QueryError> {
        let text = self.all(name).next().unwrap_or_default();
        moment(text).ok_or_else(|| invalid(name, &format!("cannot parse {text:?} to a valid timestamp")))
    }

    /// A duration in milliseconds that must be given.
    pub fn required_duration(&self, name: &str) -> Result<i64, QueryError> {
        let text = self.all(name).next().unwrap_or_default();
        let seconds = text.parse::<f64>().ok().filter(|s| s.is_finite()).map(|s| (s * 1000.0).round() as i64);
        let spelled = || {
            let parsed = promql_parser::util::parse_duration(text).ok()?;
            i64::try_from(parsed.as_millis()).ok()
        };
        let wrong = || invalid(name, &format!("cannot parse {text:?} to a valid duration"));
        seconds.or_else(spelled).ok_or_else(wrong)
    }
}

fn moment(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return seconds.is_finite().then(|| (seconds * 1000.0).round() as i64);
    }
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis())
}

/// Prometheus' complaint about a parameter.
pub(super) fn invalid(name: &str, why: &str) -> QueryError {
    QueryError::BadData(format!("invalid parameter {name:?}: {why}"))
}
