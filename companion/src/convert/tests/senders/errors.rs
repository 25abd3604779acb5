//! What senders report of failures: see also `failure`.

use super::*;

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
