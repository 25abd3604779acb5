use std::sync::mpsc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use spanledger::PriceTable;
use spanledger::semconv::attribute;

use super::refusal::Protocol;
use super::*;
use crate::record::CallRecord;
use crate::store::sqlite::{Ledger, Options};
use crate::store::writer::{Writer, WriterOptions};

fn intake(folder: &std::path::Path) -> Intake {
    let appender = Ledger::open_writer(&folder.join("ledger.db"), &Options::default()).unwrap();
    let clock = appender.clock();
    let writer = Writer::start(appender, WriterOptions::new(clock::now)).unwrap();
    Intake::new(Arc::new(converter()), writer, Arc::default(), clock)
}

fn converter() -> Converter {
    Converter::new(Arc::new(PriceTable::bundled()))
}

#[tokio::test]
async fn large_requests_leave_the_threads_that_answer_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let intake = intake(folder.path());
    let (answered, wait) = mpsc::channel();
    // The request is read only once another task of this one thread had its turn.
    let large = intake.accept::<Spans>(offload::LARGE + 1, move || {
        wait.recv_timeout(Duration::from_secs(10)).expect("the thread is taken");
        Ok(Encoded::Protobuf(Bytes::new()))
    });
    let health = async { answered.send(()).unwrap() };
    let (accepted, ()) = tokio::join!(large, health);
    assert_eq!(accepted, Ok(ExportResponse::default()));
}

#[tokio::test]
async fn a_request_that_brings_out_a_fault_is_refused_for_good_and_the_next_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let intake = intake(folder.path());
    for bytes in [1, offload::LARGE + 1] {
        let failed = intake.accept::<Spans>(bytes, || panic!("a fault"));
        let refused = failed.await.unwrap_err();
        assert_eq!(refused, Refusal::Failed);
        let response = refused.response(Protocol::Http, None);
        assert_eq!(response.status(), ::http::StatusCode::INTERNAL_SERVER_ERROR);
        assert!(response.headers().get(::http::header::RETRY_AFTER).is_none());
        assert_eq!(refused.status().code(), tonic::Code::Internal);
        let next = intake.accept::<Spans>(bytes, || Ok(Encoded::Protobuf(Bytes::new())));
        assert_eq!(next.await, Ok(ExportResponse::default()));
    }
}

/// The promise of [`Limits`](limits::Limits), for the shortest spans that are calls and the longest name they share.
#[test]
fn calls_take_at_most_64_bytes_for_each_of_their_request() {
    let pair = |key: &str, value: &str| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) }),
        ..KeyValue::default()
    };
    // One more than a power of two: the list of calls has just grown.
    let spans = (1..=1025_u64).map(|number| Span {
        trace_id: vec![1; 16],
        span_id: number.to_be_bytes().to_vec(),
        attributes: vec![pair(attribute::OUTCOME, "")],
        ..Span::default()
    });
    let resource = Resource {
        attributes: vec![pair(attribute::SERVICE_NAME, &"s".repeat(1 << 10))],
        ..Resource::default()
    };
    let resource_spans = vec![ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }];
    let request = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    let records = converter().convert(Encoded::Protobuf(&request), clock::now()).unwrap().records;
    assert_eq!(records.len(), 1025);
    let texts: usize = records.iter().map(|call| call.service.capacity() + call.operation.capacity()).sum();
    let bytes = records.capacity() * size_of::<CallRecord>() + texts;
    assert!(bytes < 64 * request.len(), "{bytes} bytes of {}", request.len());
}

#[tokio::test(start_paused = true)]
async fn asks_to_retry_when_every_place_is_taken() {
    let limits = admission::Limits {
        message_bytes: 1 << 20,
        requests: 1,
        deadline: Duration::from_secs(30),
        senders: sender::Senders::default(),
        http_is_local: false,
    };
    let admission = admission::Admission::new(limits, Arc::default());
    let ask = |protocol| {
        let router = axum::Router::new().route("/", axum::routing::post(std::future::pending::<()>));
        let request = ::http::Request::post("/").body(axum::body::Body::empty()).unwrap();
        tower::ServiceExt::oneshot(admission.guard(router, protocol), request)
    };
    let at_work = tokio::spawn(ask(refusal::Protocol::Http));
    tokio::task::yield_now().await;
    let response = ask(refusal::Protocol::Http).await.unwrap();
    assert_eq!(response.status(), ::http::StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()[::http::header::RETRY_AFTER], "1");
    let response = ask(refusal::Protocol::Grpc).await.unwrap();
    let status = tonic::Status::from_header_map(response.headers()).unwrap();
    assert_eq!(status.code(), tonic::Code::Unavailable);
    let retry = tonic_types::StatusExt::get_details_retry_info(&status).unwrap().retry_delay.unwrap();
    assert!(!retry.is_zero());
    drop(at_work);
}

/// A counter that is cumulative brings a count once. Where the ledger does not take it, the sender is asked to retry, and
/// the count is still there.
#[tokio::test]
async fn counts_of_metrics_that_the_ledger_does_not_take_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let intake = intake(folder.path());
    let text = |key: &str, value: &str| serde_json::json!({"key": key, "value": {"stringValue": value}});
    let request = |count: u64| {
        let start = i64::MAX.to_string();
        let point = serde_json::json!({"startTimeUnixNano": start, "timeUnixNano": start, "asInt": count.to_string(),
            "attributes": [text(attribute::PROVIDER_NAME, "openai"), text(attribute::PATH_SHAPE, "/v1/dreams")]});
        let metric = serde_json::json!({"name": spanledger::semconv::metric::UNRECOGNISED,
            "sum": {"dataPoints": [point], "aggregationTemporality": 2, "isMonotonic": true}});
        let resource = serde_json::json!({"attributes": [text("service.name", "shop"), text("service.instance.id", "a")]});
        Bytes::from(
            serde_json::json!({"resourceMetrics": [{"resource": resource,
            "scopeMetrics": [{"scope": {"name": "spanledger"}, "metrics": [metric]}]}]})
            .to_string(),
        )
    };
    let send = |count| {
        let request = request(count);
        intake.accept_metrics(request.len(), move || Ok(Encoded::Json(request)))
    };
    let waiting = || {
        let waiting = intake.dropped().clone();
        waiting
            .iter()
            .flat_map(|(_, skipped)| skipped.iter())
            .filter(|(.., reason, _)| *reason == SkipReason::Unrecognised)
            .map(|(.., requests)| requests)
            .sum::<u64>()
    };
    let chat = sender::Sender {
        name: "chat".to_owned(),
        token: crate::net::token::Token::new("of-chat").unwrap(),
        services: vec!["chat".to_owned()],
    };
    let of_another = sender::Scope::Of(Arc::new([chat]), 0).over(send(1_000)).await.unwrap();
    let refused = of_another.partial_success.unwrap();
    assert_eq!(
        (refused.rejected, refused.error_message.as_str()),
        (1, r#"1 data point refused: the token of sender "chat" may not write their service"#)
    );
    assert_eq!(send(3).await, Ok(ExportResponse::default()));
    assert_eq!(waiting(), 0, "the ledger has them");
    intake.close().await;
    assert_eq!(send(5).await, Err(Refusal::Unavailable));
    assert_eq!(waiting(), 2);
    assert_eq!(send(5).await, Err(Refusal::Unavailable), "a retry");
    assert_eq!(waiting(), 2);
}
