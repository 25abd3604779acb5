//! Both protocols, all encodings, and the responses to senders.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST};
use tonic::codec::CompressionEncoding;

use super::process::{Server, call, pair, request, text};

const PROTOBUF: &str = "application/x-protobuf";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn post(server: &Server, kind: &str, body: Vec<u8>) -> (StatusCode, String, Vec<u8>) {
    let answer = reqwest::Client::new()
        .post(server.traces_url())
        .header(CONTENT_TYPE, kind)
        .body(body)
        .send()
        .await
        .unwrap();
    let kind = answer.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
    (answer.status(), kind, answer.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn takes_protobuf_json_and_gzip_and_grpc_and_counts_each_call_once() {
    let server = Server::start(&[]);
    let body = request(vec![call(1), call(2)]).encode_to_vec();
    let (status, kind, answer) = post(&server, PROTOBUF, body.clone()).await;
    assert_eq!((status, kind.as_str(), answer.len()), (StatusCode::OK, PROTOBUF, 0));

    let zipped = reqwest::Client::new()
        .post(server.traces_url())
        .header(CONTENT_TYPE, PROTOBUF)
        .header(CONTENT_ENCODING, "X-GZIP")
        .body(gzip(&body));
    assert_eq!(zipped.send().await.unwrap().status(), StatusCode::OK);

    let mut client = TraceServiceClient::connect(format!("http://{}", server.grpc))
        .await
        .unwrap()
        .send_compressed(CompressionEncoding::Gzip);
    let answer = client.export(request(vec![call(2), call(3)])).await.unwrap().into_inner();
    assert_eq!(answer, ExportTraceServiceResponse::default());

    assert_eq!(server.calls().len(), 3);
    assert_eq!(server.metric("spanledger_receiver_spans_total{result=\"accepted\"}"), Some(3.0));
    assert_eq!(server.metric("spanledger_receiver_spans_total{result=\"duplicate\"}"), Some(3.0));
}

#[tokio::test]
async fn takes_json_as_the_specification_writes_it() {
    let server = Server::start(&[]);
    let now = spanledger_companion::bench::now().0;
    // 64-bit integers as text and as numbers, an enumeration as a name, unknown fields at every level, nulls.
    let body = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"json","new":1}}}}],
        "droppedAttributesCount":0}},"scopeSpans":[{{"scope":{{"name":"x","version":"1","attributes":null}},
        "spans":[{{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","parentSpanId":"",
        "name":"chat m","kind":"SPAN_KIND_CLIENT","flags":256,"startTimeUnixNano":"{}","endTimeUnixNano":{now},
        "attributes":[{{"key":"gen_ai.operation.name","value":{{"stringValue":"chat"}}}},
        {{"key":"gen_ai.request.model","value":{{"futureValue":{{"a":[1]}},"stringValue":"m"}}}},
        {{"key":"gen_ai.usage.input_tokens","value":{{"intValue":"12"}}}},
        {{"key":"gen_ai.usage.output_tokens","value":{{"intValue":3}}}},
        {{"key":"k","value":{{"kvlistValue":{{"values":[]}}}}}},{{"key":"n","value":null}},
        {{"key":"d","value":{{"doubleValue":"NaN"}}}},
        {{"key":"gen_ai.response.finish_reasons","value":{{"arrayValue":{{"values":[{{"stringValue":"stop"}}]}}}}}}],
        "events":[],"links":[],"status":{{"code":"STATUS_CODE_ERROR","message":"no"}},"futureField":{{"x":[1,2]}}}}]}}],
        "schemaUrl":""}}],"futureField":true}}"#,
        now - 2_000_000_000
    );
    let (status, kind, answer) = post(&server, "application/json; charset=utf-8", body.into_bytes()).await;
    assert_eq!(String::from_utf8(answer).unwrap(), "{}");
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "application/json"));
    let calls = server.calls();
    assert_eq!(calls.len(), 1);
    let shown = calls[0].to_string();
    for part in ["5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174", "\"json\"", "\"failed\"", "stop"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[tokio::test]
async fn says_what_it_refused_and_keeps_the_rest() {
    let server = Server::start(&[]);
    let mut nameless = call(2);
    nameless.trace_id.clear();
    let mut client = TraceServiceClient::connect(format!("http://{}", server.grpc)).await.unwrap();
    let answer = client.export(request(vec![call(1), nameless.clone()])).await.unwrap().into_inner();
    let partial = answer.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    assert!(partial.error_message.contains("trace id or span id"), "{}", partial.error_message);

    let (status, _, answer) = post(&server, PROTOBUF, request(vec![nameless]).encode_to_vec()).await;
    assert_eq!(status, StatusCode::OK);
    let answer = ExportTraceServiceResponse::decode(&answer[..]).unwrap();
    assert_eq!(answer.partial_success.unwrap().rejected_spans, 1);
    assert_eq!(server.calls().len(), 1);
    assert_eq!(server.metric("spanledger_receiver_spans_total{result=\"refused\"}"), Some(2.0));
}

#[tokio::test]
async fn counts_spans_that_are_no_calls_and_leaves_them() {
    let server = Server::start(&[]);
    let mut other = call(1);
    other.attributes = vec![pair("http.request.method", text("GET"))];
    let (status, ..) = post(&server, PROTOBUF, request(vec![other]).encode_to_vec()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(server.calls().len(), 0);
    assert_eq!(server.metric("spanledger_receiver_spans_total{result=\"ignored\"}"), Some(1.0));
}

#[tokio::test]
async fn answers_bad_requests_in_their_own_form_and_for_good() {
    let server = Server::start(&[]);
    for (kind, body, status, answer_kind) in [
        (PROTOBUF, b"\xff\xff\xff".to_vec(), StatusCode::BAD_REQUEST, PROTOBUF),
        ("application/json", b"{\"resourceSpans\": 5}".to_vec(), StatusCode::BAD_REQUEST, "application/json"),
        ("application/json", b"[".repeat(100_000), StatusCode::BAD_REQUEST, "application/json"),
        ("text/plain", b"hello".to_vec(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "application/json"),
    ] {
        let (answered, kind, body) = post(&server, kind, body).await;
        assert_eq!((answered, kind.as_str()), (status, answer_kind));
        if kind == PROTOBUF {
            let status = tonic_types::Status::decode(&body[..]).unwrap();
            assert_eq!(status.code, 3);
            assert!(status.message.contains("not a valid OTLP request"), "{}", status.message);
        } else {
            let status: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert!(status["code"].is_i64() && status["message"].is_string(), "{status}");
        }
    }
    let client = reqwest::Client::new();
    let answer = client.post(format!("http://{}/v1/profiles", server.http)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let answer = client.get(server.traces_url()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(server.metric("spanledger_receiver_request_errors_total{error=\"malformed\"}"), Some(6.0));
}

#[tokio::test]
async fn shows_metrics_health_and_the_report_page() {
    let server = Server::start(&[]);
    let (status, ..) = post(&server, PROTOBUF, request(vec![call(1)]).encode_to_vec()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(server.get("/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(server.get("/readyz"), (200, "ok\n".to_owned()));
    let (status, page) = server.get("/");
    assert!(status == 200 && page.contains("<!DOCTYPE html>"), "{status}");
    let (_, metrics) = server.get("/metrics");
    for series in [
        "spanledger_build_info{version=\"",
        "spanledger_ledger_append_duration_seconds_count 1",
        "spanledger_ledger_appended_calls_total 1",
        "# TYPE spanledger_ledger_calls gauge",
        "# TYPE spanledger_rule_state gauge",
        "# TYPE spanledger_notifications_total counter",
    ] {
        assert!(metrics.contains(series), "{series} in {metrics}");
    }
}

#[tokio::test]
async fn hides_the_page_from_a_name_that_someone_else_lets_point_to_loopback() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("spanledger.toml");
    std::fs::write(&config, "[admin]\nhosts = [\"companion\"]\n").unwrap();
    // As in the compose file, where no token is required.
    let server = Server::start_in(folder, &["--config", config.to_str().unwrap(), "--listen-without-token"]);
    let get = async |path: &str, host: &str| {
        let url = format!("http://{}{path}", server.admin);
        let answer = reqwest::Client::new().get(url).header(HOST, host).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    for path in ["/", "/calls", "/report.json", "/metrics"] {
        let (status, text) = get(path, "rebound.example:4319").await;
        assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{path}");
        assert!(text.contains("use one of them, or set admin.token_file"), "{text}");
        for host in ["localhost:4319", "companion:4319"] {
            assert_eq!(get(path, host).await.0, StatusCode::OK, "{path} {host}");
        }
    }
    assert_eq!(get("/healthz", "rebound.example").await.0, StatusCode::OK);
}
