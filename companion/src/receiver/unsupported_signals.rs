//! Metrics and logs: senders export them to the same address as spans, and the ledger does not support them. They are
//! accepted, counted and discarded, so that no exporter reports an error or retries.

use std::sync::Arc;

use super::refusal::{JSON, PROTOBUF};
use crate::metrics::{Metrics, Signal};
use crate::otlp::export::{self, ExportResponse};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::BodyExt;

/// The HTTP routes `/v1/metrics` and `/v1/logs`.
pub(super) fn routes(metrics: Arc<Metrics>) -> Router {
    let route = |signal| {
        let metrics = Arc::clone(&metrics);
        post(take).with_state((metrics, signal))
    };
    Router::new().route("/v1/metrics", route(Signal::Metrics)).route("/v1/logs", route(Signal::Logs))
}

/// Reads the body away, so that the connection can be used again, and answers with the empty message.
async fn take(
    State((metrics, signal)): State<(Arc<Metrics>, Signal)>,
    headers: HeaderMap,
    mut body: Body,
) -> Result<Response<Body>, StatusCode> {
    while let Some(frame) = body.frame().await {
        frame.map_err(|_| StatusCode::BAD_REQUEST)?;
    }
    metrics.count_unsupported(signal);
    let is_json =
        headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(JSON.as_bytes()));
    let (kind, message) = if is_json { (JSON, "{}") } else { (PROTOBUF, "") };
    Response::builder()
        .header(header::CONTENT_TYPE, kind)
        .body(Body::from(message))
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

/// Adds the export methods of metrics and logs over gRPC.
pub(super) fn grpc(router: Router, most: usize, metrics: Arc<Metrics>) -> Router {
    let methods = [(export::METRICS, Signal::Metrics), (export::LOGS, Signal::Logs)];
    methods.into_iter().fold(router, |router, (method, signal)| {
        let metrics = Arc::clone(&metrics);
        export::route(router, method, most, move |_| {
            metrics.count_unsupported(signal);
            async { Ok(ExportResponse::default()) }
        })
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn takes_metrics_and_logs_in_the_senders_form_and_counts_them() {
        let metrics = Arc::new(Metrics::default());
        for (path, kind, answer) in
            [("/v1/metrics", PROTOBUF, ""), ("/v1/logs", JSON, "{}"), ("/v1/logs", PROTOBUF, "")]
        {
            let request =
                http::Request::post(path).header(header::CONTENT_TYPE, kind).body(Body::from("x")).unwrap();
            let response = routes(Arc::clone(&metrics)).oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()[header::CONTENT_TYPE], kind);
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), answer);
        }
        let mut text = crate::metrics::text::Text::default();
        metrics.write(&mut text);
        let text = text.finish();
        assert!(
            text.contains("spanledger_receiver_unsupported_requests_total{signal=\"metrics\"} 1\n"),
            "{text}"
        );
        assert!(
            text.contains("spanledger_receiver_unsupported_requests_total{signal=\"logs\"} 2\n"),
            "{text}"
        );
    }
}
