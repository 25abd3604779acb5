use axum::body::Body;
use axum::extract::Request;
use http::header::ACCEPT;
use http_body_util::BodyExt as _;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use tower::ServiceExt as _;

use super::*;
use crate::admin::tests::state_over;
use crate::store::Appender as _;
use crate::store::memory::MemoryStore;

const ID: &str = "0000000000000000000000000000abcd";

/// A trace of two calls at two services, of which one fails.
fn ledger() -> MemoryStore {
    let id: [u8; 16] = parse_hex(ID).unwrap().try_into().unwrap();
    let at = |second: i64| Timestamp(1_790_000_000 * Timestamp::SECOND).plus_seconds(second);
    let one = CallRecord { trace_id: id, duration_ns: Timestamp::SECOND, ..CallRecord::default() };
    let first = CallRecord { span_id: [1; 8], start: at(0), service: "shop".to_owned(), ..one.clone() };
    let second = CallRecord {
        span_id: [9; 8],
        parent_span_id: Some([7; 8]),
        start: at(1),
        service: "blog".to_owned(),
        outcome: spanledger::Outcome::Failed,
        error_message: Some("no".to_owned()),
        ..one
    };
    let mut store = MemoryStore::default();
    store.append(&[first, second]).unwrap();
    store
}

async fn asked(path: &str, accept: &str) -> (StatusCode, Vec<u8>) {
    let (state, _statuses) = state_over(ledger());
    let request = Request::get(path).header(ACCEPT, accept).body(Body::empty()).unwrap();
    let response = router(state).oneshot(request).await.unwrap();
    let status = response.status();
    (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

async fn json_of(path: &str) -> Json {
    let (status, body) = asked(path, "application/json").await;
    assert_eq!(status, StatusCode::OK, "{path}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn gives_a_trace_as_protobuf_and_as_json() {
    for (path, second) in [("/api/traces/abcd", false), ("/api/v2/traces/abcd", true)] {
        let (status, body) = asked(path, "application/protobuf").await;
        assert_eq!(status, StatusCode::OK);
        let found = match second {
            true => trace::Found::decode(body.as_slice()).unwrap().trace.unwrap(),
            false => TracesData::decode(body.as_slice()).unwrap(),
        };
        let spans: Vec<_> =
            found.resource_spans.iter().flat_map(|of| &of.scope_spans).flat_map(|of| &of.spans).collect();
        assert_eq!(spans.len(), 2);
        assert_eq!(
            spans.iter().filter(|span| span.status.as_ref().is_some_and(|status| status.code == 2)).count(),
            1
        );
        assert!(spans.iter().all(|span| hex(&span.trace_id) == ID && span.end_time_unix_nano >= span.start_time_unix_nano));

        let json = json_of(path).await;
        let of_services = if second { &json["trace"]["resourceSpans"] } else { &json["batches"] };
        let services: Vec<&str> = of_services
            .as_array()
            .unwrap()
            .iter()
            .map(|of| of["resource"]["attributes"][0]["value"]["stringValue"].as_str().unwrap())
            .collect();
        assert_eq!(services, ["blog", "shop"]);
        assert_eq!(of_services[0]["scopeSpans"][0]["spans"][0]["status"]["message"], "no");
        assert_eq!(of_services[1]["scopeSpans"][0]["spans"][0]["traceId"], "AAAAAAAAAAAAAAAAAACrzQ==");
    }
    assert_eq!(asked("/api/traces/1234", "").await.0, StatusCode::NOT_FOUND);
    assert_eq!(asked("/api/v2/traces/xyz", "").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn searches_and_lists_as_tempo_does() {
    assert_eq!(asked("/api/echo", "").await, (StatusCode::OK, b"echo".to_vec()));
    let found = json_of("/api/search?q=%7Bstatus%3Derror%7D&limit=5").await;
    let first = &found["traces"][0];
    assert_eq!((&first["traceID"], &first["spanSets"][0]["matched"]), (&json!(ID), &json!(1)));
    assert_eq!(first["rootServiceName"], "shop");
    // Numbers of 64 bits are strings.
    assert!(
        first["startTimeUnixNano"].is_string()
            && first["spanSets"][0]["spans"][0]["durationNanos"].is_string()
    );
    assert_eq!(
        json_of("/api/v2/search/tags?scope=resource").await["scopes"],
        json!([{"name": "resource", "tags": ["service.name", "deployment.environment.name"]}])
    );
    assert_eq!(json_of("/api/v2/search/tags?scope=intrinsic").await["scopes"][0]["name"], "intrinsic");
    let values = json_of("/api/v2/search/tag/resource.service.name/values?q=%7Bstatus%3Derror%7D").await;
    assert_eq!(values["tagValues"], json!([{"type": "string", "value": "blog"}]));
    assert_eq!(json_of("/api/search/tag/service.name/values").await["tagValues"], json!(["blog", "shop"]));
    let metric = json_of("/api/metrics/query?q=%7B%7D%7Ccount_over_time()&start=1&end=4000000000").await;
    assert_eq!(metric["series"][0]["value"], 2.0);
    let (status, reason) = asked("/api/search?q=%7B%7D%3E%3E%7B%7D", "").await;
    assert!(status == StatusCode::BAD_REQUEST && String::from_utf8_lossy(&reason).contains("supported are"));
}
