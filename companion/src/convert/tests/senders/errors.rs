//! What senders report of failures: see also `failure`.

use spanledger::semconv::attribute;

use super::*;
use crate::record::{Timestamp, Window};
use crate::report::tests::fixture::ledger;
use crate::rule::RuleName::{AuthFailures, RateLimited};
use crate::rule::{Labels, tests as rules};

fn failed(status: i32, message: &'static str, more: Json) -> Sent<'static> {
    let mut attributes = json!({
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
    });
    merge(&mut attributes, more);
    Sent { attributes, status: (status, message), ..Sent::default() }
}

#[test]
fn every_way_to_report_a_failure_fails_the_call() {
    for (sent, outcome, kind) in [
        (failed(2, "", json!({})), "failed", "_OTHER"),
        (failed(0, "", json!({ "error.type": "RateLimitError" })), "failed", "rate_limited"),
        (failed(0, "", json!({ "http.response.status_code": 503 })), "failed", "overloaded"),
        (failed(2, "Request timed out.", json!({})), "timed_out", "timeout"),
        (failed(2, "", json!({ "error.type": "openai.APITimeoutError" })), "timed_out", "timeout"),
        (failed(2, "", json!({ "error.type": "504" })), "failed", "timeout"),
        (failed(2, "AI_APICallError: Rate limit reached for m", json!({})), "failed", "rate_limited"),
        (
            failed(2, "peer closed connection", json!({ "gen_ai.response.id": "r1" })),
            "truncated",
            "truncated",
        ),
        (failed(2, "peer closed connection", json!({})), "failed", "connection"),
        (failed(2, "", json!({ "error.type": "ValueError" })), "failed", "ValueError"),
    ] {
        sent.is(&json!({ "outcome": outcome, "kind": kind }));
    }
    failed(2, "", json!({ "error.type": "asyncio.CancelledError" }))
        .is(&json!({ "outcome": "cancelled", "kind": null }));
}

#[test]
fn takes_no_text_for_a_failure_that_did_not_happen() {
    failed(0, "", json!({ "gen_ai.usage.input_tokens": 1 }))
        .is(&json!({ "outcome": "completed", "kind": null }));
    // A status message is only of errors.
    failed(1, "Error code: 429", json!({})).is(&json!({ "outcome": "completed", "status": null }));
}

#[test]
fn a_failed_call_without_a_response_has_no_response_model() {
    failed(2, "", json!({ "error.type": "401", "gen_ai.response.model": "gpt-4o-mini" }))
        .is(&json!({ "response": null, "request": "gpt-4o-mini" }));
    failed(
        2,
        "",
        json!({ "error.type": "x", "gen_ai.response.model": "gpt-4o-mini", "gen_ai.response.id": "r1" }),
    )
    .is(&json!({ "response": "gpt-4o-mini" }));
}

/// A call of this project's library whose response had HTTP status 200 and named an error.
fn refused_in_the_body(provider: &str, code: &str) -> Sent<'static> {
    let attributes = json!({
        (attribute::OPERATION_NAME): "chat", (attribute::PROVIDER_NAME): provider,
        (attribute::REQUEST_MODEL): "m", (attribute::OUTCOME): "failed",
        (attribute::ERROR_TYPE): code, "http.response.status_code": 200,
    });
    Sent { scope: "spanledger", attributes, status: (2, ""), ..Sent::default() }
}

#[test]
fn a_response_with_status_200_that_refuses_the_call_has_the_status_it_means() {
    for (provider, code, status, kind) in [
        ("minimax", "1002", 429, "rate_limited"),
        ("minimax", "1004", 401, "unauthenticated"),
        ("minimax", "1013", 200, "server_error"),
        ("z_ai", "1302", 429, "rate_limited"),
        ("z_ai", "1002", 401, "unauthenticated"),
        ("iflytek", "11202", 429, "rate_limited"),
        ("baidu", "111", 401, "unauthenticated"),
        ("alibaba_cloud", "Throttling.RateQuota", 429, "rate_limited"),
        ("openrouter", "429", 429, "rate_limited"),
        ("openai", "1002", 200, "1002"),
    ] {
        refused_in_the_body(provider, code)
            .is(&json!({ "outcome": "failed", "status": status, "error": code, "kind": kind }));
    }
    // The same from a third-party span.
    let body =
        json!({ "gen_ai.provider.name": "minimax", "error.type": "1002", "http.response.status_code": 200 });
    failed(2, "", body).is(&json!({ "outcome": "failed", "status": 429, "kind": "rate_limited" }));
}

/// The calls of these spans, each in a trace of its own.
fn calls_of(sent: impl IntoIterator<Item = Sent<'static>>) -> Vec<CallRecord> {
    let call = |(id, sent): (u8, Sent<'static>)| {
        let span = Span { trace_id: vec![id; 16], ..sent.span(id, None) };
        converted(&batch(sent.scope, "", vec![span])).unwrap().records.remove(0)
    };
    (1..).zip(sent).map(call).collect()
}

#[test]
fn the_failures_of_third_party_spans_make_rules_fire_and_are_one_line_of_the_report() {
    let limited = [
        "Error code: 429 - slow down",
        "status_code: 429, model_name: m, body: {}",
        "429 RESOURCE_EXHAUSTED. {}",
        "RateLimitError: slow down",
        "Request failed with status code 429",
        "AI_APICallError: Rate limit reached for m",
    ];
    let denied = [
        "Error code: 401 - no such key",
        "AuthenticationError: bad key",
        "HTTP 401 Unauthorized",
        "API key not valid. Please pass a valid API key.",
        "AnthropicError: status code 401",
        "authentication_error: invalid x-api-key",
    ];
    let calls = calls_of(limited.into_iter().chain(denied).map(|text| failed(2, text, json!({}))));
    assert!(calls.iter().all(|call| call.outcome == spanledger::Outcome::Failed), "{calls:#?}");
    let second = (NOW.0 - rules::START.0) / Timestamp::SECOND + 1;
    let status =
        |name, calls: &[CallRecord]| rules::status_of(name, &Labels::new(), rules::FIXED, calls, second);
    rules::assert_fires(&status(RateLimited, &calls), 0.5);
    rules::assert_fires(&status(AuthFailures, &calls), 6.0);

    let window = Window { from: NOW.plus_seconds(-3600), to: NOW.plus_seconds(1) };
    let report = crate::report::build(&ledger(&calls), window, &[], window.to).unwrap();
    let mut lines: Vec<_> =
        report.errors.iter().map(|group| (group.name.as_str(), group.totals.calls)).collect();
    lines.sort_unstable();
    assert_eq!(lines, [("rate_limited", 6), ("unauthenticated", 6)]);

    // Refused in the body of a response with HTTP status 200.
    let calls = calls_of(
        (0..12).map(|number| refused_in_the_body("minimax", if number % 2 == 0 { "1002" } else { "1004" })),
    );
    rules::assert_fires(&status(RateLimited, &calls), 0.5);
    rules::assert_fires(&status(AuthFailures, &calls), 6.0);
}
