//! Logs and metrics: what of them is kept, over both protocols and in both encodings.

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum};
use prost::Message;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use spanledger::semconv::{attribute, metric};
use spanledger_companion::bench::now;

use super::process::{Server, pair, text};

fn record(name: &str, request: &str, attributes: &[(&str, &str)]) -> LogRecord {
    let usage = [("event.name", name), ("request_id", request), ("model", "claude-sonnet-4-5")];
    LogRecord {
        time_unix_nano: now().0.cast_unsigned(),
        body: Some(AnyValue { value: Some(text("claude_code")) }),
        attributes: usage.iter().chain(attributes).map(|(key, value)| pair(key, text(value))).collect(),
        ..LogRecord::default()
    }
}

fn logs(log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope =
        InstrumentationScope { name: "com.anthropic.claude_code.events".into(), ..Default::default() };
    let scope_logs = vec![ScopeLogs { scope: Some(scope), log_records, ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }
}

async fn post(server: &Server, path: &str, kind: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
    let url = format!("http://{}{path}", server.http);
    let response =
        reqwest::Client::new().post(url).header(CONTENT_TYPE, kind).body(body).send().await.unwrap();
    (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn calls_are_read_from_logs_and_other_records_are_counted() {
    let server = Server::start(&[]);
    let usage = [("input_tokens", "10"), ("output_tokens", "5")];
    let first = logs(vec![record("api_request", "req_1", &usage), record("user_prompt", "", &[])]);
    for _ in 0..2 {
        let sent = post(&server, "/v1/logs", "application/x-protobuf", first.encode_to_vec()).await;
        assert_eq!(sent, (200, Vec::new()));
    }
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let second = json!({"resourceLogs": [{"scopeLogs": [{
        "scope": {"name": "com.anthropic.claude_code.events"},
        "logRecords": [{
            "timeUnixNano": now().0.to_string(),
            "attributes": [
                attribute("event.name", "api_error"), attribute("status_code", "529"), attribute("model", "claude-opus-4-5"),
            ],
        }, 7],
    }]}]});
    let (status, body) = post(&server, "/v1/logs", "application/json", second.to_string().into_bytes()).await;
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &body["partialSuccess"]["rejectedLogRecords"]), (200, &json!("1")));

    let mut client = LogsServiceClient::connect(format!("http://{}", server.grpc)).await.unwrap();
    let third = logs(vec![record("api_request", "req_3", &usage)]);
    let response = client.export(third).await.unwrap().into_inner();
    assert_eq!(response, ExportLogsServiceResponse::default());
    assert_eq!(post(&server, "/v1/logs", "application/json", b"[]".to_vec()).await.0, 400);

    let calls = server.calls();
    let found: Vec<_> = calls.iter().map(|call| (&call["response_id"], &call["status_code"])).collect();
    assert_eq!(calls.len(), 3, "{calls:#?}");
    for expected in [(json!("req_1"), json!(null)), (json!(null), json!(529)), (json!("req_3"), json!(null))]
    {
        assert!(found.contains(&(&expected.0, &expected.1)), "{found:?}");
    }
    let count = |result: &str| {
        server.metric(&format!("spanledger_receiver_log_records_total{{result=\"{result}\"}}"))
    };
    let counts = ["accepted", "duplicate", "ignored", "refused"].map(count);
    assert_eq!(counts, [Some(3.0), Some(1.0), Some(2.0), Some(1.0)]);
}

#[tokio::test]
async fn requests_that_the_library_did_not_recognise_are_in_the_report() {
    let server = Server::start(&[]);
    let point = |value| NumberDataPoint {
        attributes: vec![
            pair(attribute::PROVIDER_NAME, text("openai")),
            pair(attribute::PATH_SHAPE, text("/v1/dreams")),
        ],
        start_time_unix_nano: now().0.cast_unsigned() + 1_000_000_000,
        value: Some(Value::AsInt(value)),
        ..NumberDataPoint::default()
    };
    let request = |point| {
        let sum = Sum { data_points: vec![point], aggregation_temporality: 2, is_monotonic: true };
        let counter =
            Metric { name: metric::UNRECOGNISED.to_owned(), data: Some(Data::Sum(sum)), ..Metric::default() };
        let scope_metrics = vec![ScopeMetrics { metrics: vec![counter], ..ScopeMetrics::default() }];
        let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
        ExportMetricsServiceRequest { resource_metrics }
    };
    let first = point(2);
    let later = NumberDataPoint { value: Some(Value::AsInt(5)), ..first.clone() };
    let sent = post(&server, "/v1/metrics", "application/x-protobuf", request(first).encode_to_vec()).await;
    assert_eq!(sent, (200, Vec::new()));
    let mut client = MetricsServiceClient::connect(format!("http://{}", server.grpc)).await.unwrap();
    let response = client.export(request(later)).await.unwrap().into_inner();
    assert_eq!(response, ExportMetricsServiceResponse::default());
    // Metrics that cannot be read are discarded like others.
    assert_eq!(post(&server, "/v1/metrics", "application/json", b"{\"a\"".to_vec()).await.0, 200);

    let (_, report) = server.get("/report.json");
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let skipped = &report["skipped"][0];
    assert_eq!(
        [&skipped["scope"], &skipped["reason"], &skipped["spans"], &skipped["may_be_calls"]],
        [&json!("openai /v1/dreams"), &json!("unrecognised_request"), &json!(5), &json!(true)]
    );
    assert!(server.get("/").1.contains("5 requests to known providers that no format takes"));
    let series = "spanledger_receiver_skipped_spans_total{scope=\"openai /v1/dreams\",reason=\"unrecognised_request\"}";
    assert_eq!(server.metric(series), Some(5.0));
    assert_eq!(
        server.metric("spanledger_receiver_unsupported_requests_total{signal=\"metrics\"}"),
        Some(3.0)
    );
}
