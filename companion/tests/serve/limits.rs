//! Sizes, bombs, tokens and capacity.

use std::io::{Read, Write};
use std::net::TcpStream;

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue};
use prost::Message;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, RETRY_AFTER, WWW_AUTHENTICATE};
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};
use tonic_types::StatusExt;

use super::process::{Server, call, pair, request, spanledger, text};

const PROTOBUF: &str = "application/x-protobuf";

pub(crate) fn start_with(config: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spanledger.toml");
    std::fs::write(&path, config).unwrap();
    let path = path.to_str().unwrap().to_owned();
    Server::start_in(folder, &["--config", &path])
}

/// A gzip stream of `megabytes` zeros.
fn bomb(megabytes: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..megabytes {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    encoder.finish().unwrap()
}

/// The most memory the server has had.
pub(crate) fn peak_kilobytes(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
    peak.trim_end_matches(" kB").parse().unwrap()
}

async fn post(
    server: &Server,
    body: Vec<u8>,
    headers: &[(reqwest::header::HeaderName, &str)],
) -> reqwest::Response {
    let mut post = reqwest::Client::new().post(server.traces_url()).header(CONTENT_TYPE, PROTOBUF).body(body);
    for (name, value) in headers {
        post = post.header(name, *value);
    }
    post.send().await.unwrap()
}

#[tokio::test]
async fn refuses_a_gzip_bomb_before_it_goes_off() {
    let server = start_with("[receiver.limits]\nmessage = \"1MiB\"\n");
    assert_eq!(post(&server, request(vec![call(1)]).encode_to_vec(), &[]).await.status(), StatusCode::OK);
    let before = peak_kilobytes(&server);
    let bomb = bomb(64);
    assert!(bomb.len() < 1 << 17);
    let answer = post(&server, bomb.clone(), &[(CONTENT_ENCODING, "gzip")]).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);

    // The same by gRPC: one compressed frame.
    let mut frame = vec![1];
    frame.extend(u32::try_from(bomb.len()).unwrap().to_be_bytes());
    frame.extend(bomb);
    let answer = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap()
        .post(format!("http://{}/opentelemetry.proto.collector.trace.v1.TraceService/Export", server.grpc))
        .header(CONTENT_TYPE, "application/grpc")
        .header("grpc-encoding", "gzip")
        .body(frame)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["grpc-status"], (Code::InvalidArgument as i32).to_string());

    let grown = peak_kilobytes(&server) - before;
    assert!(grown < 24 * 1024, "the peak of memory grew by {grown} kB");
    assert_eq!(post(&server, request(vec![call(1)]).encode_to_vec(), &[]).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn takes_a_call_however_deep_its_values_nest() {
    let server = Server::start(&[]);
    let mut deep = text("x");
    for _ in 0..200 {
        let values = vec![AnyValue { value: Some(deep) }];
        deep = Value::ArrayValue(ArrayValue { values });
    }
    let nested = |number| {
        let mut nested = call(number);
        nested.attributes.push(pair("deep", deep.clone()));
        request(vec![nested])
    };
    let answer = post(&server, nested(1).encode_to_vec(), &[]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let mut client = TraceServiceClient::connect(format!("http://{}", server.grpc)).await.unwrap();
    assert_eq!(client.export(nested(2)).await.unwrap().into_inner().partial_success, None);
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn a_bad_span_costs_that_span_alone_and_the_response_says_so() {
    let server = Server::start(&[]);
    // The name of a span that is no call, which is not UTF-8, and a number that is no number.
    let mut plain = call(3);
    plain.attributes.clear();
    plain.name = "NAME".to_owned();
    let mut body = request(vec![call(1), plain, call(2)]).encode_to_vec();
    let at = body.windows(4).position(|bytes| bytes == b"NAME").unwrap();
    body[at] = 0xff;
    let response = post(&server, body.clone(), &[]).await;
    assert_eq!((response.status(), response.bytes().await.unwrap().len()), (StatusCode::OK, 0));
    assert_eq!(server.calls().len(), 2);
    // The field of the name is one of eight bytes now, and they are the next field's.
    body[at - 2] = 0x39;
    let response = post(&server, body, &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    let response = ExportTraceServiceResponse::decode(response.bytes().await.unwrap()).unwrap();
    let partial = response.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    assert!(partial.error_message.starts_with("1 span refused: malformed, in the first "), "{partial:?}");
    assert_eq!(server.metric("spanledger_receiver_spans_total{result=\"refused\"}"), Some(1.0));
}

#[tokio::test]
async fn a_span_from_the_future_is_kept_at_its_receipt_and_the_sender_is_warned() {
    let server = Server::start(&[]);
    let day = 86_400_000_000_000;
    let ahead = |number| {
        let mut span = call(number);
        span.start_time_unix_nano += day;
        span.end_time_unix_nano += day;
        span
    };
    let response = post(&server, request(vec![ahead(1), call(2), ahead(3)]).encode_to_vec(), &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    let response = ExportTraceServiceResponse::decode(response.bytes().await.unwrap()).unwrap();
    let partial = response.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 0);
    assert!(partial.error_message.starts_with("2 spans kept with the time of receipt: "), "{partial:?}");
    assert_eq!(server.calls().len(), 3);
    assert_eq!(server.metric("spanledger_receiver_ahead_calls_total"), Some(2.0));

    let mut unset = call(4);
    (unset.start_time_unix_nano, unset.end_time_unix_nano) = (0, 0);
    let mut without_end = call(5);
    without_end.end_time_unix_nano += day;
    let response = post(&server, request(vec![unset, without_end]).encode_to_vec(), &[]).await;
    let response = ExportTraceServiceResponse::decode(response.bytes().await.unwrap()).unwrap();
    let partial = response.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 0);
    for warning in ["1 span kept with the time of receipt: ", "1 span kept with the time of the start: "] {
        assert!(partial.error_message.contains(warning), "{partial:?}");
    }
    for (to, calls) in [("receipt", 3.0), ("start", 1.0)] {
        let series = format!("spanledger_receiver_moved_calls_total{{to=\"{to}\"}}");
        assert_eq!(server.metric(&series), Some(calls), "{to}");
    }
}

/// Twelve bodies of which almost all is there take half of the room at most, and are given up when no more comes.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_one_peer_leave_room_to_others() {
    use tokio::io::AsyncWriteExt;

    const BODY: usize = 1 << 20;
    let server = start_with("[receiver.limits]\nmessage = \"1MiB\"\nrequests = 32\n");
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: {PROTOBUF}\r\ncontent-length: {BODY}\r\n\r\n"
    );
    let almost = [head.into_bytes(), vec![0; BODY - 40]].concat();
    let mut held = Vec::new();
    for _ in 0..12 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let mut stream = socket.connect(server.http).await.unwrap();
        // Those beyond the share are refused and closed while they are sent.
        let _refused = stream.write_all(&almost).await;
        held.push(stream);
    }
    // Until some of them are refused.
    while server.metric("spanledger_receiver_request_errors_total{error=\"retryable\"}") < Some(4.0) {
        tokio::task::yield_now().await;
    }
    let body = request((0..2_000).map(call).collect()).encode_to_vec();
    assert!(body.len() > BODY / 4, "{}", body.len());
    assert_eq!(post(&server, body, &[]).await.status(), StatusCode::OK);
    drop(held);
}

#[tokio::test]
async fn takes_http_on_loopback_from_this_machine_only_unless_a_token_guards_it() {
    const FORGED: &[u8] = br#"{"resourceSpans":[]}"#;
    let post = async |server: &Server, host: &'static str, token: &'static str| {
        let headers = [(HOST, host), (CONTENT_TYPE, "application/json"), (AUTHORIZATION, token)];
        let post = reqwest::Client::new().post(server.traces_url()).body(FORGED);
        headers.into_iter().fold(post, |post, (name, value)| post.header(name, value)).send().await.unwrap()
    };
    let server = Server::start(&[]);
    let refused = post(&server, "rebound.example:4318", "").await;
    assert_eq!(refused.status(), StatusCode::MISDIRECTED_REQUEST);
    assert!(refused.headers().get(RETRY_AFTER).is_none());
    for host in ["localhost:4318", "127.0.0.1", "[::1]:4318"] {
        assert_eq!(post(&server, host, "").await.status(), StatusCode::OK, "{host}");
    }
    let server = start_with("[receiver]\ntoken = \"s3cret\"\n");
    assert_eq!(post(&server, "companion:4318", "Bearer s3cret").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn refuses_what_is_larger_than_the_limit_for_good() {
    let server = start_with("[receiver.limits]\nmessage = \"64KiB\"\n");
    let mut large = call(1);
    large.attributes.push(pair("x", text(&"x".repeat(100_000))));
    let answer = post(&server, request(vec![large.clone()]).encode_to_vec(), &[]).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.headers().get(RETRY_AFTER).is_none());
    let mut client = TraceServiceClient::connect(format!("http://{}", server.grpc)).await.unwrap();
    // OTLP has senders repeat what is out of range.
    let refused = client.export(request(vec![large])).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("larger than 65536 bytes, send smaller batches"), "{refused}");
    assert!(refused.get_details_retry_info().is_none());
    assert_eq!(post(&server, request(vec![call(1)]).encode_to_vec(), &[]).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn asks_for_the_token_on_every_listener() {
    let server = start_with("[receiver]\ntoken = \"s3cret\"\n[admin]\ntoken = \"an0ther\"\n");
    let body = request(vec![call(1)]).encode_to_vec();
    for wrong in [None, Some("Bearer wrong"), Some("Bearer s3cret2"), Some("s3cret"), Some("Basic s3cret")] {
        let headers: Vec<_> = wrong.map(|value| (AUTHORIZATION, value)).into_iter().collect();
        let answer = post(&server, body.clone(), &headers).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{wrong:?}");
        assert_eq!(answer.headers()[WWW_AUTHENTICATE], "Bearer");
    }
    let answer = post(&server, body, &[(AUTHORIZATION, "Bearer s3cret")]).await;
    assert_eq!(answer.status(), StatusCode::OK);

    let mut client = TraceServiceClient::connect(format!("http://{}", server.grpc)).await.unwrap();
    let refused = client.export(request(vec![call(2)])).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let mut allowed = Request::new(request(vec![call(2)]));
    allowed.metadata_mut().insert("authorization", MetadataValue::from_static("Bearer s3cret"));
    client.export(allowed).await.unwrap();
    assert_eq!(server.calls().len(), 2);

    assert_eq!(server.get("/healthz").0, 200);
    assert_eq!((server.get("/metrics").0, server.get("/").0), (401, 401));
    let metrics =
        reqwest::Client::new().get(format!("http://{}/metrics", server.admin)).bearer_auth("an0ther");
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("\nspanledger_wrong_tokens_total 4\n"), "{metrics}");
    let page =
        reqwest::Client::new().get(format!("http://{}/", server.admin)).basic_auth("", Some("an0ther"));
    assert_eq!(page.send().await.unwrap().status(), StatusCode::OK);
    assert!(!server.log().contains("s3cret") && !server.log().contains("an0ther"));
}

#[tokio::test]
async fn slow_uploads_hold_no_place() {
    let server = start_with("[receiver.limits]\nrequests = 1\n");
    let slow: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut slow = TcpStream::connect(server.http).unwrap();
            write!(
                slow,
                "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: {PROTOBUF}\r\ncontent-length: 10\r\n\r\nabc"
            )
            .unwrap();
            slow
        })
        .collect();
    let mut client = TraceServiceClient::connect(format!("http://{}", server.grpc)).await.unwrap();
    for number in 0..20 {
        client.export(request(vec![call(2 * number)])).await.unwrap();
        let body = request(vec![call(2 * number + 1)]).encode_to_vec();
        assert_eq!(post(&server, body, &[]).await.status(), StatusCode::OK);
    }
    // They are asked to retry when nothing more comes.
    for mut slow in slow {
        let mut answer = [0; 12];
        slow.read_exact(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 503"), "{answer:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_floods_leaves_places_to_others() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let server = start_with("[receiver.limits]\nrequests = 2\n");
    let body = request((0..3_000).map(call).collect()).encode_to_vec();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: {PROTOBUF}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let flood = std::sync::Arc::new([head.into_bytes(), body].concat());
    let address = server.http;
    let flooding: Vec<_> = (0..60)
        .map(|_| {
            let flood = std::sync::Arc::clone(&flood);
            tokio::spawn(async move {
                let socket = tokio::net::TcpSocket::new_v4().unwrap();
                socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
                let mut stream = socket.connect(address).await.unwrap();
                let mut response = [0; 4096];
                while stream.write_all(&flood).await.is_ok() {
                    if stream.read(&mut response).await.is_ok_and(|read| read == 0) {
                        break;
                    }
                }
            })
        })
        .collect();
    // Until some of them are refused.
    while server.metric("spanledger_receiver_request_errors_total{error=\"retryable\"}") < Some(5.0) {
        tokio::task::yield_now().await;
    }
    for number in 0..10 {
        let body = request(vec![call(10_000 + number)]).encode_to_vec();
        assert_eq!(post(&server, body, &[]).await.status(), StatusCode::OK, "{number}");
    }
    flooding.into_iter().for_each(|task| task.abort());
}

#[tokio::test]
async fn silent_connections_leave_room_at_every_listener() {
    let server = start_with("[receiver.limits]\nconnections = 16\n");
    let connect = |address| (0..50).map(move |_| TcpStream::connect(address).unwrap());
    let _silent: Vec<TcpStream> =
        [server.http, server.grpc, server.admin].into_iter().flat_map(connect).collect();
    assert_eq!(post(&server, request(vec![call(1)]).encode_to_vec(), &[]).await.status(), StatusCode::OK);
    let mut client = TraceServiceClient::connect(format!("http://{}", server.grpc)).await.unwrap();
    client.export(request(vec![call(2)])).await.unwrap();
    assert_eq!((server.get("/healthz").0, server.get("/metrics").0), (200, 200));
}

#[test]
fn refuses_to_listen_to_others_without_a_token_unless_configured_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.db");
    let serve = |args: &[&str]| {
        spanledger()
            .args(["serve", "--otlp-grpc", "0.0.0.0:0", "--ledger"])
            .arg(&ledger)
            .args(args)
            .output()
            .unwrap()
    };
    let refused = serve(&[]);
    let message = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        message.contains("flag --otlp-grpc: receiver.grpc: 0.0.0.0:0 can be reached from other machines"),
        "{message}"
    );
    assert!(!ledger.exists());
}
