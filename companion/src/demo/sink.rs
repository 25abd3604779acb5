//! The webhook of the demo: what reaches it would reach a person.

use std::net::SocketAddr;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// The most notices that wait; beyond them the webhook responds 503, and the notifier tries again.
const WAITING: usize = 64;

/// What the demo reads of a notice.
#[derive(Debug, Deserialize)]
pub(super) struct Notice {
    pub(super) status: String,
    pub(super) alerts: Vec<Alert>,
}

/// One alert of a notice.
#[derive(Debug, Deserialize)]
pub(super) struct Alert {
    pub(super) labels: Labels,
    pub(super) annotations: Annotations,
}

#[derive(Debug, Deserialize)]
pub(super) struct Labels {
    pub(super) alertname: String,
    pub(super) severity: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Annotations {
    pub(super) summary: String,
}

/// The webhook's routes, and what arrives at them.
pub(super) fn router() -> (Router, mpsc::Receiver<Notice>) {
    let (arrive, arrived) = mpsc::channel(WAITING);
    (Router::new().route("/alerts", post(take)).with_state(arrive), arrived)
}

async fn take(
    State(arrive): State<mpsc::Sender<Notice>>,
    Json(notice): Json<Notice>,
) -> Result<(), StatusCode> {
    match arrive.try_send(notice) {
        // The demo reads up to those that it waits for, and stays open: later ones arrive all the same.
        Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
        Err(TrySendError::Full(_)) => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// Serves `routes` on a free loopback port until the runtime ends.
pub(super) async fn serve(routes: Router) -> std::io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    #[expect(clippy::disallowed_methods, reason = "a server of the demo, which ends with its runtime")]
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "a loopback server of the demo ended");
        }
    });
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn takes_notices_that_are_not_read_any_more() {
        let notice = || Json(Notice { status: "firing".to_owned(), alerts: Vec::new() });
        let (arrive, arrived) = mpsc::channel(1);
        assert_eq!(take(State(arrive.clone()), notice()).await, Ok(()));
        assert_eq!(take(State(arrive.clone()), notice()).await, Err(StatusCode::SERVICE_UNAVAILABLE));
        drop(arrived);
        assert_eq!(take(State(arrive), notice()).await, Ok(()));
    }
}
