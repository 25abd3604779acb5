//! The admin listener: metrics, health, and the report page.

mod ledger;

pub use ledger::LedgerTotals;

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};

use crate::metrics::Metrics;
use crate::metrics::text::{CONTENT_TYPE, Text};
use crate::receiver::auth::Token;

/// What the admin listener shows, kept up to date by the other parts.
#[derive(Debug, Default)]
pub struct Board {
    metrics: Arc<Metrics>,
    unready: Mutex<Option<&'static str>>,
    ledger: Mutex<LedgerTotals>,
    rules: Mutex<String>,
}

impl Board {
    /// A board that is not ready, since the process is starting.
    #[must_use]
    pub fn starting(metrics: Arc<Metrics>) -> Self {
        Self { metrics, unready: Mutex::new(Some("starting")), ..Self::default() }
    }

    /// Says that requests are served from now on, or with a reason, that none should be sent.
    pub fn set_unready(&self, reason: Option<&'static str>) {
        *lock(&self.unready) = reason;
    }

    /// Replaces the ledger's sums.
    pub fn set_ledger(&self, totals: LedgerTotals) {
        *lock(&self.ledger) = totals;
    }

    /// Replaces the state of rules and notifications, as exposition text.
    pub fn set_rules(&self, text: Text) {
        *lock(&self.rules) = text.finish();
    }

    fn exposition(&self) -> String {
        let mut out = Text::default();
        self.metrics.write(&mut out);
        lock(&self.ledger).write(&mut out);
        let mut text = out.finish();
        text.push_str(&lock(&self.rules));
        text
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The admin listener's routes, with `page` at `/`. With a token only the health checks are open.
pub fn router(board: Arc<Board>, page: Router, token: Option<Token>) -> Router {
    let mut guarded = Router::new().route("/metrics", get(metrics)).with_state(board.clone()).merge(page);
    if let Some(token) = token {
        guarded = guarded.layer(middleware::from_fn_with_state(token, guard));
    }
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(board)
        .merge(guarded)
}

async fn metrics(State(board): State<Arc<Board>>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], board.exposition()).into_response()
}

async fn ready(State(board): State<Arc<Board>>) -> Response {
    match *lock(&board.unready) {
        None => "ok\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn guard(State(token): State<Token>, request: Request, next: Next) -> Response {
    if token.admits(request.headers()) {
        return next.run(request).await;
    }
    // `Basic` makes a browser ask; the token is the password.
    let challenge = HeaderValue::from_static("Basic realm=\"spanledger\"");
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)], "a valid token is required\n")
        .into_response()
}
