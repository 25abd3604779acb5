//! A part of Tempo's HTTP API over the calls of the ledger, for the data source of that name in Grafana.

mod parameters;
#[cfg(test)]
mod tests;
mod trace;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};
use prost::Message as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json, json};

use self::parameters::Parameters;
use super::query::LONGEST;
use super::{AdminState, query};
use crate::clock;
use crate::record::ids::{hex, parse_hex};
use crate::record::{CallRecord, Timestamp, Window};
use crate::store::{Filter, Page};
use crate::traceql::{
    FoundTrace, MetricsQuestion, Refusal, Samples, Scope, SearchQuestion, Value, attribute, fields, metrics,
    parse, search, values,
};

/// Traces of one result, and spans of each.
const TRACES: usize = 1_000;
const SPANS: usize = 100;
/// Values of one attribute.
const VALUES: usize = 1_000;
/// Calls of one trace.
const CALLS: usize = 2_000;
const PROTOBUF: &str = "application/protobuf";

#[derive(Debug)]
struct Refused(Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

/// As in Tempo, an error is one line of text.
impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, reason) = match self.0 {
            Refusal::Query(reason) => (StatusCode::BAD_REQUEST, reason),
            Refusal::Limit(reason) => (StatusCode::UNPROCESSABLE_ENTITY, reason),
            Refusal::Ledger(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason),
        };
        (status, format!("{reason}\n")).into_response()
    }
}

type Answer = Result<axum::Json<Json>, Refused>;

/// The routes.
pub(super) fn router(state: Arc<AdminState>) -> Router {
    Router::new()
        .route("/api/echo", get(|| async { "echo" }))
        .route("/api/search", get(searched))
        .route("/api/search/tags", get(tags))
        .route("/api/v2/search/tags", get(scoped_tags))
        .route("/api/search/tag/{name}/values", get(plain_values))
        .route("/api/v2/search/tag/{name}/values", get(typed_values))
        .route("/api/traces/{id}", get(trace_v1))
        .route("/api/v2/traces/{id}", get(trace_v2))
        .route("/api/metrics/query_range", get(over_time))
        .route("/api/metrics/query", get(at_once))
        .route("/api/status/buildinfo", get(build))
        .with_state(state)
}

async fn build() -> axum::Json<Json> {
    axum::Json(json!({
        "version": env!("CARGO_PKG_VERSION"), "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": "",
    }))
}

async fn searched(
    State(state): State<Arc<AdminState>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let parameters = Parameters::of(query.as_deref())?;
    let query = parse(parameters.query())?;
    let window = parameters.window()?;
    let (limit, spans) = (parameters.number("limit", 20, TRACES)?, parameters.number("spss", 3, SPANS)?);
    query::run(state, failed, move |state| {
        let deadline = clock::instant() + LONGEST;
        let question = SearchQuestion { query: &query, window, limit, spans, deadline };
        let found = search(&question, state.querier.as_ref())?;
        let metrics = json!({
            "inspectedTraces": found.traces.len(), "inspectedSpans": found.read.to_string(),
            "completedJobs": 1, "totalJobs": 1,
        });
        let traces = found.traces.iter().map(listed).collect();
        Ok(axum::Json(Traces { traces, metrics }).into_response())
    })
    .await
}

fn failed(reason: String) -> Refused {
    Refused(Refusal::Ledger(reason))
}

#[derive(Serialize)]
struct Traces {
    traces: Vec<Json>,
    metrics: Json,
}

/// One trace of a search. Numbers of 64 bits are strings, as protobuf writes them in JSON.
fn listed(trace: &FoundTrace) -> Json {
    let spans: Vec<Json> = trace
        .spans
        .iter()
        .map(|span| {
            let attributes =
                span.attributes.iter().map(|(name, value)| json!({"key": name, "value": any(value)}));
            json!({
                "spanID": hex(&span.id),
                "name": span.name,
                "startTimeUnixNano": span.start.0.to_string(),
                "durationNanos": span.duration_ns.to_string(),
                "attributes": attributes.collect::<Vec<_>>(),
            })
        })
        .collect();
    let services: Map<String, Json> = trace
        .services
        .iter()
        .map(|(service, (calls, failed))| {
            (service.clone(), json!({"spanCount": calls, "errorCount": failed}))
        })
        .collect();
    let set = json!({"spans": spans, "matched": trace.matched});
    json!({
        "traceID": hex(&trace.id),
        "rootServiceName": trace.service,
        "rootTraceName": trace.name,
        "startTimeUnixNano": trace.start.0.to_string(),
        "durationMs": trace.end.saturating_sub(trace.start.0).max(0) / 1_000_000,
        "spanSet": set,
        "spanSets": [set],
        "serviceStats": services,
    })
}

/// A value as OpenTelemetry writes it in JSON.
fn any(value: &Value) -> Json {
    match value {
        Value::Integer(number) => json!({"intValue": number.to_string()}),
        Value::Number(number) => json!({"doubleValue": number}),
        Value::Flag(flag) => json!({"boolValue": flag}),
        Value::Text(_) | Value::Duration(_) | Value::Word(_) => json!({"stringValue": value.text()}),
    }
}

fn names(scope: Scope) -> Vec<&'static str> {
    fields().iter().filter(|field| field.scope == scope).map(|field| field.name).collect()
}

async fn tags() -> axum::Json<Json> {
    let names: Vec<_> = [Scope::Resource, Scope::Span].into_iter().flat_map(names).collect();
    axum::Json(json!({"tagNames": names, "metrics": {}}))
}

async fn scoped_tags(RawQuery(query): RawQuery) -> Answer {
    let parameters = Parameters::of(query.as_deref())?;
    let wanted = parameters.get("scope").filter(|scope| !matches!(*scope, "" | "none" | "all"));
    let scopes = Scope::ALL.into_iter().filter(|scope| wanted.is_none_or(|wanted| wanted == scope.as_str()));
    let scopes: Vec<Json> =
        scopes.map(|scope| json!({"name": scope.as_str(), "tags": names(scope)})).collect();
    Ok(axum::Json(json!({"scopes": scopes, "metrics": {}})))
}

async fn typed_values(
    state: State<Arc<AdminState>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let found = values_of(state, &name, query.as_deref()).await?;
    let values: Vec<Json> =
        found.into_iter().map(|(kind, value)| json!({"type": kind, "value": value})).collect();
    Ok(axum::Json(json!({"tagValues": values, "metrics": {}})))
}

async fn plain_values(
    state: State<Arc<AdminState>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let found = values_of(state, &format!(".{name}"), query.as_deref()).await?;
    let values: Vec<String> = found.into_iter().map(|(_, value)| value).collect();
    Ok(axum::Json(json!({"tagValues": values, "metrics": {}})))
}

async fn values_of(
    State(state): State<Arc<AdminState>>,
    name: &str,
    query: Option<&str>,
) -> Result<Vec<(&'static str, String)>, Refused> {
    let parameters = Parameters::of(query)?;
    let wanted = || {
        Refusal::Query(format!("{name:?} is no attribute; it is like span.user.id or resource.service.name"))
    };
    let attribute = attribute(name).ok_or_else(wanted)?;
    let (query, window) = (parse(parameters.query())?, parameters.window()?);
    let limit = parameters.number("limit", VALUES, VALUES)?;
    let found = query::run(state, Refusal::Ledger, move |state| {
        values(&query, attribute, window, limit, state.querier.as_ref(), clock::instant() + LONGEST)
    });
    Ok(found.await?.into_iter().collect())
}

async fn trace_v1(
    state: State<Arc<AdminState>>,
    id: Path<String>,
    query: RawQuery,
    headers: HeaderMap,
) -> Response {
    traced(state, id, query, &headers, false).await.unwrap_or_else(Refused::into_response)
}

async fn trace_v2(
    state: State<Arc<AdminState>>,
    id: Path<String>,
    query: RawQuery,
    headers: HeaderMap,
) -> Response {
    traced(state, id, query, &headers, true).await.unwrap_or_else(Refused::into_response)
}

async fn traced(
    State(state): State<Arc<AdminState>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: &HeaderMap,
    second: bool,
) -> Result<Response, Refused> {
    let window = Parameters::of(query.as_deref())?.window()?;
    // As Tempo, it takes ids without their leading zeros.
    let id: Option<[u8; 16]> = (id.len() <= 32)
        .then(|| parse_hex(&format!("{id:0>32}")))
        .flatten()
        .and_then(|id| id.try_into().ok());
    let id = id.ok_or_else(|| Refusal::Query("a trace id has up to 32 hex digits".to_owned()))?;
    let calls: Vec<CallRecord> = query::run(state, Refusal::Ledger, move |state| {
        let filter = Filter { trace_id: Some(id), ..Filter::default() };
        let found = state.querier.calls(window, &filter, Page { limit: CALLS, after: None });
        found.map(|page| page.calls).map_err(|error| Refusal::Ledger(error.to_string()))
    })
    .await?;
    if calls.is_empty() {
        return Ok((StatusCode::NOT_FOUND, "trace not found\n").into_response());
    }
    let trace = trace::of(&calls);
    let accepted =
        headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    if accepted.contains(PROTOBUF) {
        let bytes =
            if second { trace::Found { trace: Some(trace) }.encode_to_vec() } else { trace.encode_to_vec() };
        return Ok(([(header::CONTENT_TYPE, PROTOBUF)], bytes).into_response());
    }
    let spans = trace::json(&calls);
    let body = if second { json!({"trace": {"resourceSpans": spans}}) } else { json!({"batches": spans}) };
    Ok(axum::Json(body).into_response())
}

async fn over_time(
    State(state): State<Arc<AdminState>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let parameters = Parameters::of(query.as_deref())?;
    let window = parameters.window_or_last_hour()?;
    let step = parameters.step(window)?;
    measured(state, &parameters, window, step, |series, read| {
        let series = series
            .iter()
            .map(|series| {
                let sample =
                    |(at, value): &(Timestamp, f64)| Sample { at: Digits(at.0 / 1_000_000), value: *value };
                Sampled { labels: labels(series), samples: series.values.iter().map(sample).collect() }
            })
            .collect();
        let metrics = json!({"inspectedSpans": read.to_string(), "completedJobs": 1, "totalJobs": 1});
        axum::Json(OverTime { series, metrics }).into_response()
    })
    .await
}

/// The result of a metric: as it is written, since JSON in memory takes ten times as much.
#[derive(Serialize)]
struct OverTime {
    series: Vec<Sampled>,
    metrics: Json,
}

#[derive(Serialize)]
struct Sampled {
    labels: Vec<Json>,
    samples: Vec<Sample>,
}

#[derive(Serialize)]
struct Sample {
    #[serde(rename = "timestampMs")]
    at: Digits,
    value: f64,
}

/// A number of 64 bits, which JSON has as a string.
struct Digits(i64);

impl Serialize for Digits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

async fn at_once(
    State(state): State<Arc<AdminState>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let parameters = Parameters::of(query.as_deref())?;
    let window = parameters.window_or_last_hour()?;
    let step = window.to.0.saturating_sub(window.from.0);
    measured(state, &parameters, window, step, |series, read| {
        let series: Vec<Json> = series
            .iter()
            .filter_map(|series| Some(json!({"labels": labels(series), "value": series.values.first()?.1})))
            .collect();
        let metrics = json!({"inspectedSpans": read.to_string(), "completedJobs": 1, "totalJobs": 1});
        axum::Json(json!({"series": series, "metrics": metrics})).into_response()
    })
    .await
}

async fn measured(
    state: Arc<AdminState>,
    parameters: &Parameters,
    window: Window,
    step: i64,
    answer: impl FnOnce(Vec<Samples>, usize) -> Response + Send + 'static,
) -> Result<Response, Refused> {
    let query = parse(parameters.query())?;
    query::run(state, failed, move |state| {
        let Window { from, to } = window;
        let question =
            MetricsQuestion { query: &query, from, to, step, deadline: clock::instant() + LONGEST };
        let found = metrics(&question, state.querier.as_ref())?;
        Ok(answer(found.series, found.read))
    })
    .await
}

fn labels(series: &Samples) -> Vec<Json> {
    series.labels.iter().map(|(name, value)| json!({"key": name, "value": any(value)})).collect()
}

/// When a window begins and ends where nothing else is asked.
const EVER: Window = Window { from: Timestamp(0), to: Timestamp(i64::MAX) };
