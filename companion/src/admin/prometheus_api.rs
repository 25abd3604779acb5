//! A part of Prometheus' HTTP API, for the data source of that name in Grafana: queries in a part of PromQL over what the
//! ledger counted and over the companion's own series, and its rules and alerts, which Grafana lists next to its own.

mod parameters;
pub(super) mod rules;
pub(super) mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};

use self::parameters::Parameters;
use super::query::LONGEST;
use super::{AdminState, query};
use crate::clock;
use crate::promql::{self, Labels, Question, Refusal, Row, Value};
use crate::record::Timestamp;

/// Bytes of a request's form.
const LARGEST: usize = 64 << 10;
/// Series of one list.
const LISTED: usize = 10_000;

/// A refusal, as Prometheus writes it.
#[derive(Debug)]
pub(super) struct Refused(Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, kind, error) = match self.0 {
            Refusal::Query(error) => (StatusCode::BAD_REQUEST, "bad_data", error),
            Refusal::Limit(error) => (StatusCode::UNPROCESSABLE_ENTITY, "execution", error),
            Refusal::Ledger(error) => (StatusCode::SERVICE_UNAVAILABLE, "internal", error),
        };
        (status, axum::Json(json!({"status": "error", "errorType": kind, "error": error}))).into_response()
    }
}

type Answer = Result<Response, Refused>;

#[derive(Serialize)]
struct Success<T> {
    status: &'static str,
    data: T,
}

#[expect(clippy::unnecessary_wraps, reason = "it ends functions that may refuse")]
fn success(data: impl Serialize) -> Answer {
    Ok(axum::Json(Success { status: "success", data }).into_response())
}

/// The result of a range: as it is written, since JSON in memory takes ten times as much.
#[derive(Serialize)]
struct Matrix {
    #[serde(rename = "resultType")]
    kind: &'static str,
    result: Vec<MatrixRow>,
}

#[derive(Serialize)]
struct MatrixRow {
    metric: Labels,
    values: Vec<(f64, Written)>,
}

/// A number as Prometheus writes it in JSON: as text.
#[derive(Debug, Clone, Copy)]
struct Written(f64);

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            number if number.is_infinite() => {
                serializer.serialize_str(if number > 0.0 { "+Inf" } else { "-Inf" })
            }
            number => serializer.collect_str(&number),
        }
    }
}

/// The routes below `/api/v1`. Prometheus takes parameters in the address and, by POST, as a form.
pub(super) fn router(state: Arc<AdminState>) -> Router {
    Router::new()
        .route("/api/v1/query", get(instant).post(instant))
        .route("/api/v1/query_range", get(range).post(range))
        .route("/api/v1/query_exemplars", get(exemplars).post(exemplars))
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

async fn instant(State(state): State<Arc<AdminState>>, RawQuery(query): RawQuery, form: Bytes) -> Answer {
    let parameters = Parameters::of(query.as_deref(), &form)?;
    let text = parameters.wanted("query")?.to_owned();
    let time = parameters.time("time")?.unwrap_or_else(clock::now);
    let seconds = seconds(time);
    evaluated(state, text, vec![time], move |value| match value {
        Value::Scalar(numbers) => {
            let number = numbers.first().copied().map(Written);
            success(json!({"resultType": "scalar", "result": [seconds, number]}))
        }
        Value::Text(text) => success(json!({"resultType": "string", "result": [seconds, text]})),
        Value::Vector(rows) => {
            let present = |row: Row| {
                let value = Written((*row.values.first()?)?);
                Some(json!({"metric": row.labels, "value": [seconds, value]}))
            };
            let result: Vec<Json> = rows.into_iter().filter_map(present).collect();
            success(json!({"resultType": "vector", "result": result}))
        }
    })
    .await
}

async fn range(State(state): State<Arc<AdminState>>, RawQuery(query): RawQuery, form: Bytes) -> Answer {
    let parameters = Parameters::of(query.as_deref(), &form)?;
    let text = parameters.wanted("query")?.to_owned();
    let times = parameters.times()?;
    let at: Vec<f64> = times.iter().map(|time| seconds(*time)).collect();
    evaluated(state, text, times, move |value| {
        let rows = match value {
            Value::Vector(rows) => rows,
            Value::Scalar(numbers) => {
                vec![Row { labels: Labels::new(), values: numbers.into_iter().map(Some).collect() }]
            }
            Value::Text(_) => return Err(Refusal::Query("a string has no range".to_owned()).into()),
        };
        let series = rows.into_iter().map(|row| {
            let points = at.iter().zip(row.values).filter_map(|(at, value)| Some((*at, Written(value?))));
            MatrixRow { values: points.collect(), metric: row.labels }
        });
        success(Matrix { kind: "matrix", result: series.collect() })
    })
    .await
}

async fn series(State(state): State<Arc<AdminState>>, RawQuery(query): RawQuery, form: Bytes) -> Answer {
    let parameters = Parameters::of(query.as_deref(), &form)?;
    if parameters.selectors()?.is_empty() {
        return Err(Refusal::Query("no match[] parameter provided".to_owned()).into());
    }
    let limit = parameters.limit(LISTED)?;
    let first = move |found: &mut BTreeSet<Labels>, labels| {
        found.insert(labels);
        if found.len() > limit {
            found.pop_last();
        }
    };
    chosen(state, parameters, limit, first).await
}

async fn labels(State(state): State<Arc<AdminState>>, RawQuery(query): RawQuery, form: Bytes) -> Answer {
    let parameters = Parameters::of(query.as_deref(), &form)?;
    let limit = parameters.limit(LISTED)?;
    let names = |found: &mut BTreeSet<String>, labels: Labels| found.extend(labels.into_keys());
    chosen(state, parameters, limit, names).await
}

async fn values(
    State(state): State<Arc<AdminState>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let parameters = Parameters::of(query.as_deref(), &[])?;
    let limit = parameters.limit(LISTED)?;
    let of_name = move |found: &mut BTreeSet<String>, mut labels: Labels| found.extend(labels.remove(&name));
    chosen(state, parameters, limit, of_name).await
}

async fn metadata(State(state): State<Arc<AdminState>>) -> Answer {
    let own = samples::families(&state.exposition()).into_iter();
    let counted = promql::FAMILIES.into_iter().flatten().map(|family| {
        // Prometheus names the metadata of a histogram without the ending of its series.
        let ending =
            ["_bucket", "_sum", "_count"].into_iter().find_map(|ending| family.name.strip_suffix(ending));
        let name = ending.filter(|_| family.kind == "histogram").unwrap_or(family.name);
        (name.to_owned(), family.kind.to_owned(), family.help.to_owned())
    });
    let listed = own
        .chain(counted)
        .map(|(name, kind, help)| (name, json!([{"type": kind, "help": help, "unit": ""}])));
    success(listed.collect::<BTreeMap<_, _>>())
}

async fn listed_rules(State(state): State<Arc<AdminState>>) -> Answer {
    let rules = Arc::clone(&state.rules.borrow());
    success(rules::groups(&rules, state.interval, clock::now()))
}

async fn alerts(State(state): State<Arc<AdminState>>) -> Answer {
    let rules = Arc::clone(&state.rules.borrow());
    success(json!({"alerts": rules.iter().flat_map(rules::alerts).collect::<Vec<_>>()}))
}

/// Without `features` Grafana takes the source for a plain Prometheus.
/// The ledger keeps none. Grafana asks for them with each panel that shows some, and reports a refusal.
async fn exemplars() -> Answer {
    success(Vec::<Json>::new())
}

async fn build() -> Answer {
    success(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": "",
    }))
}

/// Evaluates and writes what `answer` makes of the value on a thread of its own, a few queries at a time.
async fn evaluated(
    state: Arc<AdminState>,
    text: String,
    times: Vec<Timestamp>,
    answer: impl FnOnce(Value) -> Answer + Send + 'static,
) -> Answer {
    query::run(state, failed, move |state| {
        let seen = state.seen(clock::now());
        let question = Question { text: &text, times: &times, deadline: clock::instant() + LONGEST };
        answer(promql::evaluate(&question, state.querier.as_ref(), &seen)?)
    })
    .await
}

fn failed(reason: String) -> Refused {
    Refused(Refusal::Ledger(reason))
}

/// Lists the first `limit` of what `note` takes of the labels of each series that the parameters choose. The labels of all
/// series together may be many.
async fn chosen<T: Ord + Serialize>(
    state: Arc<AdminState>,
    parameters: Parameters,
    limit: usize,
    mut note: impl FnMut(&mut BTreeSet<T>, Labels) + Send + 'static,
) -> Answer {
    let selectors = parameters.selectors()?;
    let from = parameters.time("start")?.unwrap_or(Timestamp(0));
    let to = parameters.time("end")?.unwrap_or_else(clock::now);
    query::run(state, failed, move |state| {
        let seen = state.seen(clock::now());
        let deadline = clock::instant() + LONGEST;
        let mut found = BTreeSet::new();
        let note = |labels| note(&mut found, labels);
        promql::labels(&selectors, [from, to], state.querier.as_ref(), &seen, deadline, note)?;
        success(found.into_iter().take(limit).collect::<Vec<_>>())
    })
    .await
}

/// To the millisecond, as Prometheus writes times.
#[expect(clippy::cast_precision_loss, reason = "times in milliseconds are far below 2^53")]
fn seconds(time: Timestamp) -> f64 {
    (time.0 / 1_000_000) as f64 / 1e3
}
