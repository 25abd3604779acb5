//! A part of Prometheus' HTTP API, for the data source of that name in Grafana: the rules and alerts of the companion, which
//! Grafana then lists next to its own, and the present value of every series of `/metrics`. It has no history: ranges,
//! functions and aggregations are refused with what is supported.

mod query;
mod rules;
mod samples;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::samples::Sample;
use super::AdminState;
use crate::clock;

/// Bytes of a request's form.
const LARGEST: usize = 64 << 10;
/// Samples of one response.
const SAMPLES: usize = 10_000;

/// Why there is no result, as Prometheus writes it.
#[derive(Debug)]
pub(super) struct Refusal(String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"status": "error", "errorType": "bad_data", "error": self.0});
        (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
    }
}

type Answer = Result<axum::Json<Value>, Refusal>;

fn success(data: impl Serialize) -> Answer {
    Ok(axum::Json(json!({"status": "success", "data": data})))
}

/// The routes below `/api/v1`. Prometheus takes parameters in the address and, by POST, as a form.
pub(super) fn router(state: Arc<AdminState>) -> Router {
    Router::new()
        .route("/api/v1/query", get(instant).post(instant))
        .route("/api/v1/query_range", get(range).post(range))
        .route("/api/v1/series", get(series).post(series))
        .route("/api/v1/labels", get(labels).post(labels))
        .route("/api/v1/label/{name}/values", get(values))
        .route("/api/v1/metadata", get(metadata))
        .route("/api/v1/rules", get(listed_rules))
        .route("/api/v1/alerts", get(alerts))
        .route("/api/v1/status/buildinfo", get(build))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(state)
}

/// The parameters of a request.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(query: Option<&str>, form: &[u8]) -> Result<Self, Refusal> {
        let read = |bytes: &[u8]| {
            serde_urlencoded::from_bytes(bytes)
                .map_err(|error| Refusal(format!("invalid parameters: {error}")))
        };
        let mut all: Vec<(String, String)> = read(query.unwrap_or_default().as_bytes())?;
        all.extend(read(form)?);
        Ok(Self(all))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What the `match[]` parameters choose; without one, everything.
    fn chosen<'a>(&self, samples: &'a [Sample]) -> Result<Vec<&'a Sample>, Refusal> {
        let selectors: Vec<_> = self.0.iter().filter(|(key, _)| key == "match[]").collect();
        if selectors.is_empty() {
            return Ok(samples.iter().collect());
        }
        let selectors: Vec<_> =
            selectors.into_iter().map(|(_, text)| query::selector(text)).collect::<Result<_, _>>()?;
        Ok(samples.iter().filter(|sample| selectors.iter().any(|selector| selector.takes(sample))).collect())
    }
}

async fn instant(State(state): State<Arc<AdminState>>, RawQuery(query): RawQuery, form: Bytes) -> Answer {
    let parameters = Parameters::of(query.as_deref(), &form)?;
    let text = parameters.get("query").ok_or_else(|| Refusal("parameter \"query\" is missing".to_owned()))?;
    let now = clock::now();
    query::present(parameters.get("time"), now)?;
    success(query::evaluate(text, &samples::of(&state.exposition()), now)?)
}

async fn range() -> Answer {
    Err(Refusal(
        "query_range: only the present is known here: use query, or a Prometheus that scrapes /metrics"
            .to_owned(),
    ))
}

async fn series(State(state): State<Arc<AdminState>>, RawQuery(query): RawQuery, form: Bytes) -> Answer {
    let samples = samples::of(&state.exposition());
    let chosen = Parameters::of(query.as_deref(), &form)?.chosen(&samples)?;
    success(chosen.into_iter().take(SAMPLES).map(|sample| &sample.labels).collect::<Vec<_>>())
}

async fn labels(State(state): State<Arc<AdminState>>, RawQuery(query): RawQuery, form: Bytes) -> Answer {
    let samples = samples::of(&state.exposition());
    let chosen = Parameters::of(query.as_deref(), &form)?.chosen(&samples)?;
    success(chosen.iter().flat_map(|sample| sample.labels.keys()).collect::<BTreeSet<_>>())
}

async fn values(
    State(state): State<Arc<AdminState>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let samples = samples::of(&state.exposition());
    let chosen = Parameters::of(query.as_deref(), &[])?.chosen(&samples)?;
    success(chosen.iter().filter_map(|sample| sample.labels.get(&name)).collect::<BTreeSet<_>>())
}

async fn metadata(State(state): State<Arc<AdminState>>) -> Answer {
    let families = samples::families(&state.exposition());
    let listed = families
        .into_iter()
        .map(|(name, kind, help)| (name, json!([{"type": kind, "help": help, "unit": ""}])));
    success(listed.collect::<BTreeMap<_, _>>())
}

async fn listed_rules(State(state): State<Arc<AdminState>>) -> Answer {
    let rules = Arc::clone(&state.rules.borrow());
    success(rules::groups(&rules, clock::now()))
}

async fn alerts(State(state): State<Arc<AdminState>>) -> Answer {
    let rules = Arc::clone(&state.rules.borrow());
    success(json!({"alerts": rules.iter().flat_map(rules::alerts).collect::<Vec<_>>()}))
}

/// Without `features` Grafana takes the source for a plain Prometheus.
async fn build() -> Answer {
    success(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": "",
    }))
}
