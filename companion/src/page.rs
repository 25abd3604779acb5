//! The pages: what `report --format html` prints, for a time that the reader chooses, with the newest calls; the days, one
//! call, the rules, and the silences, which alone can be changed. They run no script: a page that refreshes itself does so
//! by a header of the document.

mod call;
mod calls;
mod daily;
mod navigation;
mod parameters;
mod rules;
mod runbook;
mod silences;
mod time_range;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use maud::{Markup, html};
use spanledger::PriceTable;
use tokio::sync::Semaphore;

use self::parameters::{FILTERS, Parameters};
pub(crate) use self::silences::Silences;
#[cfg(any(fuzzing, test))]
pub(crate) use self::silences::silence_draft;
use crate::evaluate::history::History;
use crate::explain::{Found, find};
use crate::record::{Timestamp, Window};
use crate::report::html::{POLICY, document, footer, masthead, refreshing, sections};
use crate::report::{self, Report, RuleState};
use crate::rule::budget::Budgets;
use crate::store::{Filter, Page, Querier, StoreError};

/// Pages made at the same time; each of them keeps a thread and a core busy. One more is refused as retryable.
const AT_ONCE: usize = 4;
/// Calls below the report.
const NEWEST: usize = 20;
/// Calls of a page of their own.
const CALLS: usize = 100;

/// Where the page gets what it shows.
#[derive(Clone)]
pub(crate) struct PageState {
    /// The ledger.
    pub querier: Arc<dyn Querier>,
    /// The current states of the rules.
    pub rules: Arc<dyn Fn() -> Vec<RuleState> + Send + Sync>,
    /// The values of the rules over time.
    pub history: Arc<History>,
    /// The budgets.
    pub budgets: Arc<Budgets>,
    /// The silences.
    pub silences: Silences,
    /// What bills are computed by.
    pub prices: Arc<PriceTable>,
    /// A line at the top of every page; none where it is empty.
    pub note: String,
    /// The current time.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl fmt::Debug for PageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageState").finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Shared {
    sources: PageState,
    permits: Arc<Semaphore>,
}

/// `GET /` (the report), `/daily`, `/calls`, `/call/ID`, `/rules`, `/silences`, `/runbook`, and for programs `/report.json`,
/// `/live.json`, `/call.json` and `/silences.json`. Answers carry a strict content security policy and are
/// not stored by anyone.
pub(crate) fn router(state: PageState) -> Router {
    Router::new()
        .route("/", get(overview))
        .route("/calls", get(calls_page))
        .route("/call/{id}", get(call_page))
        .route("/daily", get(daily_page))
        .route("/rules", get(rules_page))
        .route("/report.json", get(json))
        .route("/live.json", get(live_json))
        .route("/call.json", get(call_json))
        .route("/runbook", get(runbook_page))
        .merge(silences::routes())
        .with_state(Shared { sources: state, permits: Arc::new(Semaphore::new(AT_ONCE)) })
}

async fn overview(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    answer(shared, query, |sources, asked| {
        let now = (sources.clock)();
        let (window, filter) = (asked.window(now)?, asked.filter()?);
        let report = report(sources, window, now)?;
        let page = Page { limit: NEWEST, after: asked.after()? };
        let newest = sources.querier.calls(window, &filter, page)?;
        // Rules look at the present, whatever time the reader looks at.
        let past = window.to < now.plus_seconds(-60);
        let note = if past { "as they stand now, not at the end of the chosen time" } else { "" };
        let links = navigation::links(&asked);
        let body = html! {
            (navigation::bar("/", &asked, &sources.note))
            (masthead("Report", window, None, &time_range::controls("/", &asked, window)))
            main id="main" tabindex="-1" {
                (sections(&report, note, &links))
                (calls::section("Newest calls", &asked, &newest))
            }
            (footer(now))
        };
        page_again("Spanledger", &asked, &body)
    })
    .await
}

async fn calls_page(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    answer(shared, query, |sources, asked| {
        let now = (sources.clock)();
        let (window, filter) = (asked.window(now)?, asked.filter()?);
        let found = sources.querier.calls(window, &filter, Page { limit: CALLS, after: asked.after()? })?;
        let title = title_of(&filter);
        let others = FILTERS.into_iter().chain(["after"]).map(|name| (name, None));
        let home = asked.link("/", &others.collect::<Vec<_>>());
        let body = html! {
            (navigation::bar("/calls", &asked, &sources.note))
            (masthead("Calls", window, Some(&home), &time_range::controls("/calls", &asked, window)))
            main id="main" tabindex="-1" { (calls::section(title, &asked, &found)) }
            (footer(now))
        };
        page_again("Calls, Spanledger", &asked, &body)
    })
    .await
}

async fn daily_page(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    answer(shared, query, |sources, asked| {
        let now = (sources.clock)();
        let usage = daily::usage(&*sources.querier, &asked, now)?;
        let window = daily::window(&usage, now);
        let body = html! {
            (navigation::bar("/daily", &asked, &sources.note))
            (masthead("Days", window, Some("/"), &daily::controls(&asked)))
            main id="main" tabindex="-1" { (daily::section(&usage, &asked)) }
            (footer(now))
        };
        page_again("Days, Spanledger", &asked, &body)
    })
    .await
}

async fn rules_page(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    answer(shared, query, |sources, asked| {
        let now = (sources.clock)();
        let states = (sources.rules)();
        let body = html! {
            (navigation::bar("/rules", &asked, &sources.note))
            header.top { div { h1 { "Rules" } p.period { "As they were last evaluated, with their values of up to a day" } } }
            main id="main" tabindex="-1" { (rules::sections(&states, &sources.history, &asked, now)) }
            (footer(now))
        };
        page_again("Rules, Spanledger", &asked, &body)
    })
    .await
}

async fn call_page(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    answer(shared, query, move |sources, asked| {
        let now = (sources.clock)();
        let (title, section) = match find(&*sources.querier, &sources.prices, &id, now)? {
            Found::One(call) => ("Call", call::section(&call, &asked)),
            Found::Several(calls, more) => ("Calls", call::candidates(&calls, more)),
            Found::Nothing => return Err(Refusal::not_found()),
        };
        let body = html! {
            (navigation::bar("/call", &asked, &sources.note))
            header.top { h1 { (title) } }
            main id="main" tabindex="-1" { (section) }
            (footer(now))
        };
        page_again("Call, Spanledger", &asked, &body)
    })
    .await
}

async fn call_json(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    answer(shared, query, |sources, asked| {
        let id = asked.get("id").unwrap_or_default();
        match find(&*sources.querier, &sources.prices, id, (sources.clock)())? {
            Found::One(call) => as_json(&*call),
            _ => Err(Refusal::not_found()),
        }
    })
    .await
}

async fn live_json(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    answer(shared, query, |sources, asked| {
        let now = (sources.clock)();
        as_json(&crate::live::read(&*sources.querier, &(sources.rules)(), &asked.filter()?, now)?)
    })
    .await
}

/// The report of a time, with the budgets of its end.
fn report(sources: &PageState, window: Window, now: Timestamp) -> Result<Report, StoreError> {
    let budgets = sources.budgets.standings(&*sources.querier, window.to.min(now))?;
    Ok(report::build(&*sources.querier, window, &(sources.rules)(), now)?.with_budgets(budgets))
}

fn as_json(value: &impl serde::Serialize) -> Result<Response, Refusal> {
    let text = serde_json::to_string(value).map_err(|error| Refusal::failed(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

fn title_of(filter: &Filter) -> &'static str {
    if *filter == Filter::default() { "All calls, newest first" } else { "Calls that match, newest first" }
}

async fn runbook_page(State(shared): State<Shared>) -> Response {
    let body = html! {
        (navigation::bar("/runbook", &Parameters::default(), &shared.sources.note))
        main id="main" tabindex="-1" { (runbook::text()) }
    };
    let mut response = page_of("Runbook, Spanledger", &body);
    guard(response.headers_mut());
    response
}

async fn json(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    answer(shared, query, |sources, asked| {
        let now = (sources.clock)();
        let window: Window = asked.window(now)?;
        let report = report(sources, window, now)?;
        let text = report::to_json(&report).map_err(|error| Refusal::failed(error.to_string()))?;
        Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
    })
    .await
}

/// Why there is no page.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    text: String,
}

impl Refusal {
    fn not_found() -> Self {
        let text = "no call in the ledger has an id that begins so; retention may have deleted it";
        Self { status: StatusCode::NOT_FOUND, text: text.to_owned() }
    }

    const fn failed(text: String) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, text }
    }
}

impl From<parameters::Wrong> for Refusal {
    fn from(wrong: parameters::Wrong) -> Self {
        Self { status: StatusCode::BAD_REQUEST, text: wrong.0 }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let status = match error {
            StoreError::Busy { .. }
            | StoreError::Held { .. }
            | StoreError::Gone { .. }
            | StoreError::Unreachable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, text: error.to_string() }
    }
}

/// Makes a page on a thread that may block.
async fn answer(
    shared: Shared,
    query: Option<String>,
    make: impl FnOnce(&PageState, Parameters) -> Result<Response, Refusal> + Send + 'static,
) -> Response {
    let made = match shared.permits.clone().try_acquire_owned() {
        Err(_) => Err(Refusal {
            status: StatusCode::SERVICE_UNAVAILABLE,
            text: "too many reports are being generated; try again in a few seconds".to_owned(),
        }),
        Ok(permit) => tokio::task::spawn_blocking(move || {
            let _permit = permit;
            make(&shared.sources, Parameters::parse(query.as_deref().unwrap_or_default())?)
        })
        .await
        .unwrap_or_else(|_| Err(Refusal::failed("the page could not be generated".to_owned()))),
    };
    let mut response = made.unwrap_or_else(refuse);
    guard(response.headers_mut());
    response
}

fn refuse(refusal: Refusal) -> Response {
    if refusal.status.is_server_error() {
        tracing::warn!(status = refusal.status.as_u16(), reason = refusal.text, "the report page failed");
    }
    let reason = refusal.status.canonical_reason().unwrap_or("No page");
    let body = html! {
        main id="main" tabindex="-1" {
            section.card.empty {
                h1 { (refusal.status.as_u16()) " " (reason) }
                p { (report::html::untrusted(&refusal.text)) }
                p { a href="/" { "Show the last 24 hours" } }
            }
        }
    };
    let mut response = page_of(reason, &body);
    *response.status_mut() = refusal.status;
    if refusal.status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// A page that asks for itself again where the reader wants that.
fn page_again(title: &str, asked: &Parameters, body: &Markup) -> Result<Response, Refusal> {
    let text = refreshing(title, asked.refresh()?, body).into_string();
    Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response())
}

fn page_of(title: &str, body: &Markup) -> Response {
    let text = document(title, body).into_string();
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
}

/// What every answer says about itself.
fn guard(headers: &mut HeaderMap) {
    let policy = format!("{}; frame-ancestors 'none'", *POLICY);
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
}
