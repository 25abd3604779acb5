//! The admin listener: metrics, health, and the report page.

mod access;
mod budgets;
mod ledger;
mod prometheus_api;
mod query;
pub(crate) mod recent;
pub(crate) mod rules;
mod tempo_api;
#[cfg(test)]
mod tests;
mod writer;

use prometheus_api::samples::{self, Sample};
use recent::Recent;

pub(crate) use access::AccessPolicy;
pub(crate) use ledger::LedgerTotals;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use tokio::sync::{Semaphore, watch};

use crate::evaluate::evaluator::RuleStatus;
use crate::evaluate::history::History;
use crate::metrics::Metrics;
use crate::metrics::text::{CONTENT_TYPE, Text};
use crate::net::outgoing::{self, Outgoing};
use crate::notify::task::NotifierCounts;
use crate::promql::{Series, is_counted};
use crate::record::Timestamp;
use crate::store::Querier;
use crate::store::archival::Archival;
use crate::store::writer::WriterHandle;

/// What the admin listener shows.
pub(crate) struct AdminState {
    /// Counters of the receivers.
    pub metrics: Arc<Metrics>,
    /// The ledger's writer.
    pub writer: WriterHandle,
    /// What is archived before it is deleted, where that is asked for.
    pub archival: Option<Archival>,
    /// The rules, as they were last evaluated.
    pub rules: watch::Receiver<Arc<Vec<RuleStatus>>>,
    /// The notifiers.
    pub notifiers: Vec<NotifierCounts>,
    /// The ledger's totals, when they were last read.
    pub ledger: Mutex<LedgerTotals>,
    /// Why no requests should be sent; `None` when they should.
    pub unready: Mutex<Option<&'static str>>,
    /// The ledger.
    pub querier: Arc<dyn Querier>,
    /// How often the rules are evaluated.
    pub interval: Duration,
    /// What the series of `/metrics` were.
    pub recent: Recent,
    /// The values of the rules over time.
    pub history: Arc<History>,
    /// How many queries may read the ledger together; the others wait.
    pub queries: Arc<Semaphore>,
}

impl AdminState {
    /// Sets why no requests should be sent; with `None`, requests are served from now on.
    pub(crate) fn set_unready(&self, reason: Option<&'static str>) {
        *lock(&self.unready) = reason;
    }

    /// Replaces the ledger's totals.
    pub(crate) fn set_ledger(&self, totals: LedgerTotals) {
        *lock(&self.ledger) = totals;
    }

    /// Why no requests should be sent, from any source.
    fn reason(&self) -> Option<&'static str> {
        let set = *lock(&self.unready);
        let writer = || self.writer.has_ended().then_some("the ledger's writer has ended");
        let trouble = || self.writer.trouble();
        let rules = || self.rules.has_changed().is_err().then_some("the rules are not evaluated any more");
        set.or_else(writer).or_else(trouble).or_else(rules)
    }

    /// Remembers the series of `/metrics`, for queries of a past time.
    pub(crate) fn remember(&self, now: Timestamp) {
        self.recent.remember(now, self.own_samples());
    }

    /// The companion's own series, and what they were.
    fn seen(&self, now: Timestamp) -> Vec<Series> {
        self.recent.series(now, self.own_samples(), &self.history)
    }

    /// Samples of `/metrics` and of the alerts, but for those whose past the ledger has.
    fn own_samples(&self) -> Vec<Sample> {
        let mut samples = samples::of(&self.exposition());
        samples.retain(|sample| !is_counted(&sample.labels));
        samples.extend(prometheus_api::rules::series(&self.rules.borrow()));
        samples
    }

    fn exposition(&self) -> String {
        let mut out = Text::default();
        self.metrics.write(&mut out);
        writer::write(&mut out, &self.writer.stats());
        if let Some(archival) = &self.archival {
            writer::write_archival(&mut out, &archival.status());
        }
        lock(&self.ledger).write(&mut out);
        rules::write(&mut out, &self.rules.borrow());
        rules::write_notifiers(&mut out, &self.notifiers);
        out.finish()
    }
}

impl fmt::Debug for AdminState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AdminState").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Values are replaced whole, so a poisoned one is sound.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The admin listener's routes, with `page` at `/`. The health checks are open to all.
pub(crate) fn router(state: Arc<AdminState>, page: Router, policy: AccessPolicy) -> Router {
    let guarded = Router::new()
        .route("/metrics", get(metrics))
        .with_state(state.clone())
        .merge(prometheus_api::router(state.clone()))
        .merge(tempo_api::router(state.clone()))
        .merge(page)
        .layer(middleware::from_fn_with_state(policy, access::enforce))
        .layer(middleware::from_fn_with_state(Outgoing::default(), outgoing::hold));
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(state)
        .merge(guarded)
}

async fn metrics(State(state): State<Arc<AdminState>>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], state.exposition()).into_response()
}

async fn ready(State(state): State<Arc<AdminState>>) -> Response {
    match state.reason() {
        None => "ok\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}
