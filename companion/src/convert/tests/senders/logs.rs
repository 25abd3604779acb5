//! Claude Code and Codex as log records.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};

use super::*;
use crate::otlp::{Encoded, Logs};
use crate::record::Timestamp;
use crate::store::memory::MemoryStore;
use crate::store::{Appender, Filter, Page, Querier};

const CLAUDE: &str = "com.anthropic.claude_code.events";
const CODEX: &str = "codex_otel.log_only";

/// A record that was written at [`NOW`], within span `within` of trace 7 if any.
fn record(body: &str, within: Option<u8>, attributes: &Json) -> LogRecord {
    LogRecord {
        time_unix_nano: NOW.0.cast_unsigned(),
        body: Some(AnyValue { value: Some(Value::StringValue(body.to_owned())) }),
        attributes: pairs(attributes),
        trace_id: within.map_or_else(Vec::new, |_| vec![7; 16]),
        span_id: within.map_or_else(Vec::new, |span| vec![span; 8]),
        ..LogRecord::default()
    }
}

fn request(scope: &str, log_records: Vec<LogRecord>) -> Vec<u8> {
    let scope = InstrumentationScope { name: scope.to_owned(), ..InstrumentationScope::default() };
    let resource = Resource { attributes: pairs(&json!({ "service.name": "shop" })), ..Resource::default() };
    let scope_logs = vec![ScopeLogs { scope: Some(scope), log_records, ..ScopeLogs::default() }];
    let resource_logs =
        vec![ResourceLogs { resource: Some(resource), scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

fn converted_logs(request: Encoded<&[u8]>) -> Converted {
    converter().parts::<Logs>(request, NOW, usize::MAX, |_, _, _| {}).unwrap()
}

fn logged(scope: &str, records: Vec<LogRecord>) -> Converted {
    converted_logs(Encoded::Protobuf(&request(scope, records)))
}

fn one(scope: &str, body: &str, attributes: &Json) -> CallRecord {
    let mut converted = logged(scope, vec![record(body, None, attributes)]);
    assert_eq!((converted.records.len(), converted.ignored), (1, 0), "{body}");
    converted.records.remove(0)
}

fn claude(more: Json) -> Json {
    let mut attributes = json!({
        "event.name": "api_request", "event.timestamp": "2026-11-23T12:00:00Z", "event.sequence": 4,
        "session.id": "s1", "user.id": "5f2c", "user.email": "ann@example.com", "user.account_uuid": "a-1",
        "model": "claude-sonnet-4-5-20250929", "input_tokens": 50, "output_tokens": 70, "cache_read_tokens": 1000,
        "cache_creation_tokens": 300, "cost_usd": 0.003, "duration_ms": 1500, "request_id": "req_1",
        "speed": "normal", "query_source": "main",
    });
    merge(&mut attributes, more);
    attributes
}

#[test]
fn claude_codes_request_is_a_call() {
    let call = one(CLAUDE, "claude_code.api_request", &claude(json!({})));
    let found = facts(&call);
    for (name, value) in [
        ("provider", json!("anthropic")),
        ("operation", json!("chat")),
        ("request", json!("claude-sonnet-4-5-20250929")),
        ("id", json!("req_1")),
        ("input", json!(1350)),
        ("output", json!(70)),
        ("read", json!(1000)),
        ("write", json!(300)),
        ("cost", json!(3000)),
        ("price_source", json!("sender")),
        // Its own estimate, next to what the tables give.
        ("cost_status", json!("estimated")),
        ("outcome", json!("completed")),
        ("user", json!("ann@example.com")),
        ("conversation", json!("s1")),
    ] {
        assert_eq!(found[name], value, "{name} of {call:#?}");
    }
    assert_eq!(call.computed_cost.map(|cost| cost.0), Some(2_625_000));
    assert_eq!((call.service.as_str(), call.duration_ns), ("shop", 1_500_000_000));
    assert_eq!(call.start.0 + call.duration_ns, NOW.0);
}

#[test]
fn older_versions_write_numbers_as_texts_and_name_the_event_in_the_body_or_the_field() {
    let texts = json!({
        "session.id": "s1", "user.account_uuid": "a-1", "model": "claude-sonnet-4-5", "input_tokens": "50",
        "output_tokens": "70", "cache_read_tokens": "1000", "cache_creation_tokens": "300", "cost_usd": "0.003",
        "duration_ms": "1500",
    });
    let by_body = one(CLAUDE, "claude_code.api_request", &texts);
    assert_eq!((by_body.input_tokens, by_body.cost.map(|cost| cost.0)), (Some(1350), Some(3_000_000)));
    assert_eq!(by_body.user.as_deref(), Some("a-1"));
    let named = LogRecord { event_name: "claude_code.api_request".to_owned(), ..record("", None, &texts) };
    assert_eq!(logged(CLAUDE, vec![named]).records[0].input_tokens, Some(1350));
    // A Collector dropped the scope: the name of the event has the sender's.
    assert_eq!(one("", "claude_code.api_request", &texts).input_tokens, Some(1350));
    // A fast response costs more, and Bedrock's name of the model has the cache apart as well.
    let fast = one(CLAUDE, "claude_code.api_request", &claude(json!({ "speed": "fast" })));
    assert_eq!(fast.price_factors, ["speed=fast"]);
    let bedrock = json!({ "model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0" });
    assert_eq!(one(CLAUDE, "claude_code.api_request", &claude(bedrock)).input_tokens, Some(1350));
}

#[test]
fn claude_codes_error_is_a_failed_call() {
    let error = json!({
        "event.name": "api_error", "model": "claude-sonnet-4-5", "error": "429 {\"type\":\"rate_limit_error\"}",
        "status_code": "429", "duration_ms": 900, "attempt": 3, "session.id": "s1",
    });
    let call = one(CLAUDE, "claude_code.api_error", &error);
    let found = facts(&call);
    assert_eq!(
        [&found["outcome"], &found["status"], &found["kind"]],
        [&json!("failed"), &json!(429), &json!("rate_limited")]
    );
    let unknown = json!({ "event.name": "api_error", "model": "m", "error": "Connection error.", "status_code": "undefined" });
    assert_eq!(facts(&one(CLAUDE, "claude_code.api_error", &unknown))["kind"], json!("connection"));
}

fn codex(name: &str, more: Json) -> Json {
    let mut attributes = json!({
        "event.name": name, "event.timestamp": "2026-11-23T12:00:00.000Z", "conversation.id": "c1",
        "app.version": "0.128.0", "user.account_id": "acc-1", "user.email": "ann@example.com",
        "terminal.type": "xterm", "model": "gpt-5", "slug": "gpt-5",
    });
    merge(&mut attributes, more);
    attributes
}

#[test]
fn codexs_completed_event_is_a_call_and_its_other_events_are_none() {
    let usage = json!({
        "event.kind": "response.completed", "input_token_count": "1200", "output_token_count": "80",
        "cached_token_count": 1024, "reasoning_token_count": 32, "tool_token_count": "1280",
    });
    let call = one(CODEX, "", &codex("codex.sse_event", usage));
    let found = facts(&call);
    for (name, value) in [
        ("provider", json!("openai")),
        ("request", json!("gpt-5")),
        ("stream", json!(true)),
        ("input", json!(1200)),
        ("output", json!(80)),
        ("read", json!(1024)),
        ("reasoning", json!(32)),
        ("cost_status", json!("exact")),
        ("user", json!("ann@example.com")),
        ("conversation", json!("c1")),
    ] {
        assert_eq!(found[name], value, "{name} of {call:#?}");
    }
    let others = [
        codex("codex.sse_event", json!({ "event.kind": "response.completed", "duration_ms": "12" })),
        codex("codex.sse_event", json!({ "event.kind": "response.output_text.delta", "duration_ms": "1" })),
        codex(
            "codex.api_request",
            json!({ "duration_ms": "300", "http.response.status_code": 200, "attempt": 0 }),
        ),
        codex("codex.websocket_request", json!({ "duration_ms": "300", "success": "true" })),
        codex("codex.tool_result", json!({ "success": "false", "output": "no", "duration_ms": "4" })),
        codex("codex.user_prompt", json!({ "prompt_length": "4" })),
    ];
    let records = others.iter().map(|attributes| record("", None, attributes)).collect();
    let converted = logged(CODEX, records);
    assert_eq!((converted.records.len(), converted.ignored), (0, 6));
}

#[test]
fn codexs_failures_are_failed_calls() {
    for (attributes, status, kind) in [
        (
            codex(
                "codex.api_request",
                json!({ "http.response.status_code": 401, "error.message": "http 401 Unauthorized", "duration_ms": "90" }),
            ),
            json!(401),
            "unauthenticated",
        ),
        (
            codex("codex.api_request", json!({ "error.message": "connection refused" })),
            Json::Null,
            "connection",
        ),
        (
            codex(
                "codex.sse_event",
                json!({ "event.kind": "response.failed", "error.message": "rate limit reached", "duration_ms": "5" }),
            ),
            json!(429),
            "rate_limited",
        ),
        (
            codex("codex.sse_event", json!({ "error.message": "idle timeout waiting for SSE" })),
            Json::Null,
            "timeout",
        ),
        (
            codex("codex.websocket_request", json!({ "success": "false", "error.message": "timed out" })),
            Json::Null,
            "timeout",
        ),
    ] {
        let call = one(CODEX, "", &attributes);
        let found = facts(&call);
        assert_eq!((&found["status"], &found["kind"]), (&status, &json!(kind)), "{attributes}");
        assert!(call.failed(), "{call:?}");
    }
}

#[test]
fn records_of_others_are_counted_and_left() {
    let claude_prompt = claude(json!({ "event.name": "user_prompt" }));
    let other = json!({ "model": "gpt-4o", "input_tokens": 5, "gen_ai.usage.input_tokens": 5 });
    let records = vec![
        record("claude_code.user_prompt", None, &claude_prompt),
        record("hello", None, &json!({})),
        record("api_request", None, &other),
    ];
    let converted = logged("app", records);
    assert_eq!((converted.records.len(), converted.ignored, converted.malformed), (0, 3, 0));
    assert!(converted.skipped.is_empty());
}

#[test]
fn json_says_the_same_as_protobuf() {
    let json = json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeLogs": [{"scope": {"name": CLAUDE, "version": "2.1.0"}, "logRecords": [{
            "timeUnixNano": "0", "observedTimeUnixNano": NOW.0.to_string(), "severityNumber": 9,
            "body": {"stringValue": "claude_code.api_request"}, "traceId": "", "spanId": "",
            "attributes": [
                {"key": "event.name", "value": {"stringValue": "api_request"}},
                {"key": "model", "value": {"stringValue": "claude-sonnet-4-5"}},
                {"key": "input_tokens", "value": {"intValue": "50"}},
                {"key": "output_tokens", "value": {"intValue": 70}},
                {"key": "duration_ms", "value": {"doubleValue": 1500.0}},
            ],
        }]}],
    }]});
    let attributes = json!({
        "event.name": "api_request", "model": "claude-sonnet-4-5", "input_tokens": 50, "output_tokens": 70,
        "duration_ms": 1500.0,
    });
    let protobuf = one(CLAUDE, "claude_code.api_request", &attributes);
    let converted = converted_logs(Encoded::Json(json.to_string().as_bytes()));
    assert_eq!(converted.records, [protobuf]);
    assert!(converter().parts::<Logs>(Encoded::Json(b"{\"resourceLogs\":[}"), NOW, 9, |_, _, _| {}).is_err());
    let broken = converted_logs(Encoded::Json(
        br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":7}, {}]}]}]}"#,
    ));
    assert_eq!((broken.malformed, broken.ignored), (1, 1));
}

/// The ledger that counts `calls`, one by one in this order.
fn counted(calls: &[CallRecord]) -> Vec<CallRecord> {
    let mut store = MemoryStore::new();
    for call in calls {
        store.append(std::slice::from_ref(call)).unwrap();
    }
    let all = crate::record::Window { from: Timestamp(0), to: Timestamp(i64::MAX) };
    store.calls(all, &Filter::default(), Page { limit: 10, after: None }).unwrap().calls
}

#[test]
fn a_record_and_a_span_of_one_call_are_counted_once_in_either_order() {
    let span = |more: Json| {
        let mut attributes = json!({
            "span.type": "llm_request", "model": "claude-sonnet-4-5", "input_tokens": 50, "output_tokens": 70,
            "cache_read_tokens": 1000, "cache_creation_tokens": 300, "success": true, "ttft_ms": 200,
        });
        merge(&mut attributes, more);
        Sent { scope: "com.anthropic.claude_code.tracing", attributes, ..Sent::default() }.call()
    };
    let with_id = span(json!({ "request_id": "req_1" }));
    let log = |within| {
        let sent = record("claude_code.api_request", within, &claude(json!({})));
        logged(CLAUDE, vec![sent]).records.remove(0)
    };
    // By the id of the request, by the span during which the record was written, and by tokens and time.
    for (span, log) in [(&with_id, log(None)), (&span(json!({})), log(Some(1)))] {
        for order in [[span.clone(), log.clone()], [log.clone(), span.clone()]] {
            let calls = counted(&order);
            assert_eq!(calls.len(), 1, "{calls:#?}");
            assert_eq!(calls[0].user.as_deref(), Some("ann@example.com"));
            assert_eq!(calls[0].first_chunk_ns, Some(200_000_000));
        }
    }
    // A record that is sent again is the same account; two records are two calls.
    let second = record("claude_code.api_request", None, &claude(json!({ "request_id": "req_2" })));
    let second = logged(CLAUDE, vec![second]).records.remove(0);
    assert_eq!(counted(&[log(None), log(None), second]).len(), 2);
}
