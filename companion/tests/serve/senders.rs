//! Real OpenTelemetry SDKs as senders.

use std::process::Command;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, Status, Tracer, TracerProvider};
use opentelemetry_otlp::{Compression, Protocol, SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prost::Message;
use serde_json::json;
use spanledger::semconv::attribute;

use super::process::{Server, call, pair, request, text};

fn send(exporter: SpanExporter, service: &'static str) {
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder_empty().with_service_name(service).build())
        .build();
    let tracer = provider.tracer("my scope");
    for number in 0..20 {
        let mut builder = tracer.span_builder("chat gpt-4o-mini").with_kind(SpanKind::Client);
        builder.attributes = Some(vec![
            KeyValue::new(attribute::OPERATION_NAME, "chat"),
            KeyValue::new(attribute::PROVIDER_NAME, "openai"),
            KeyValue::new(attribute::REQUEST_MODEL, "gpt-4o-mini"),
            KeyValue::new(attribute::OUTCOME, "completed"),
            KeyValue::new(attribute::USAGE_INPUT_TOKENS, 1000 + number),
            KeyValue::new(attribute::USAGE_OUTPUT_TOKENS, 100),
        ]);
        let mut span = builder.start(&tracer);
        if number == 19 {
            opentelemetry::trace::Span::set_status(&mut span, Status::error("it broke"));
        }
    }
    provider.force_flush().unwrap();
    provider.shutdown().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn takes_the_rust_sdk_over_grpc_and_http() {
    let server = Server::start(&[]);
    let grpc = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(format!("http://{}", server.grpc))
        .with_compression(Compression::Gzip)
        .build()
        .unwrap();
    send(grpc, "by grpc");
    let http = server.traces_url();
    // The blocking HTTP client must not be made within the runtime.
    tokio::task::spawn_blocking(move || {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(http)
            .with_protocol(Protocol::HttpBinary)
            .build()
            .unwrap();
        send(exporter, "by http");
    })
    .await
    .unwrap();
    let calls = server.calls();
    for service in ["by grpc", "by http"] {
        assert_eq!(calls.iter().filter(|call| call["service"] == service).count(), 20, "{service}");
    }
    assert!(
        calls.iter().all(|call| call["cost_usd"].as_f64().is_some_and(|usd| usd > 0.0)),
        "{:?}",
        calls[0]
    );
}

#[test]
fn takes_the_python_sdk_over_grpc_and_http() {
    let python = std::env::var("SPANLEDGER_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let installed = Command::new(&python)
        .args(["-c", "import opentelemetry.sdk, opentelemetry.exporter.otlp.proto.grpc, opentelemetry.exporter.otlp.proto.http"])
        .output();
    if !installed.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "the Python OpenTelemetry SDK is needed");
        eprintln!("skipped: {python} has no OpenTelemetry SDK");
        return;
    }
    let server = Server::start(&[]);
    let output = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/senders/sender.py"))
        .arg(format!("http://{}", server.grpc))
        .arg(server.traces_url())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calls = server.calls();
    // Ten calls by each protocol; the framework's spans around them are not counted.
    assert_eq!(calls.len(), 20, "{calls:#?}");
    for provider in ["anthropic", "openai"] {
        assert_eq!(calls.iter().filter(|call| call["provider"] == provider).count(), 10, "{provider}");
    }
    assert_eq!(server.metric("spanledger_receiver_spans_total{result=\"other_account\"}"), Some(10.0));
    assert_eq!(server.metric("spanledger_receiver_spans_total{result=\"ignored\"}"), Some(20.0));
}

#[tokio::test]
async fn shows_the_spans_that_are_no_calls_with_their_reason() {
    let server = Server::start(&[]);
    let span = |number: u64, operation: &str| {
        let operation = pair(attribute::OPERATION_NAME, text(operation));
        Span { attributes: vec![operation], ..call(number) }
    };
    let body = request(vec![span(1, "invoke_agent"), span(2, "dream"), span(3, "dream")]).encode_to_vec();
    let sent = reqwest::Client::new()
        .post(server.traces_url())
        .header("content-type", "application/x-protobuf")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), 200);

    let (_, report) = server.get("/report.json");
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let found: Vec<_> =
        report["skipped"].as_array().unwrap().iter().map(|s| (&s["reason"], &s["spans"])).collect();
    assert_eq!(found, [(&json!("unknown"), &json!(2)), (&json!("agent"), &json!(1))]);
    assert!(server.get("/").1.contains("3 spans about work with a model, of which 2 may be calls"));
    let series = "spanledger_receiver_skipped_spans_total{scope=\"(none)\",reason=\"unknown\"}";
    assert_eq!(server.metric(series), Some(2.0));
}
