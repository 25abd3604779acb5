//! Claude Code and Codex.

use super::*;

#[test]
fn claude_code_requests() {
    let request = |more: Json| {
        let mut attributes = json!({
            "span.type": "llm_request", "model": "claude-sonnet-4-5", "gen_ai.system": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5", "session.id": "s1", "user.id": "ann", "input_tokens": 5000,
            "output_tokens": 70, "cache_read_tokens": 1000, "cache_creation_tokens": 0, "ttft_ms": 250,
            "success": true, "stop_reason": "tool_use", "gen_ai.response.id": "m1", "speed": "normal",
        });
        merge(&mut attributes, more);
        Sent {
            scope: "com.anthropic.claude_code.tracing",
            name: "claude_code.llm_request",
            attributes,
            ..Sent::default()
        }
    };
    request(json!({})).is(&json!({
        "provider": "anthropic", "operation": "chat", "request": "claude-sonnet-4-5", "id": "m1", "stream": true,
        "first_chunk_ms": 250, "input": 6000, "output": 70, "read": 1000, "finish": ["tool_use"], "user": "ann",
        "conversation": "s1", "outcome": "completed", "cost_status": "exact",
    }));
    // How long writes live decides their price and is not reported; nor is what speed costs.
    request(json!({ "cache_creation_tokens": 300 }))
        .is(&json!({ "input": 6300, "cost_status": "estimated" }));
    request(json!({ "speed": "fast" })).is(&json!({ "cost_status": "estimated" }));
    let failed = request(
        json!({ "success": false, "status_code": "529", "error": "529 {\"type\":\"overloaded_error\"}" }),
    );
    failed.is(&json!({ "outcome": "failed", "status": 529, "kind": "overloaded" }));
    for kind in ["interaction", "tool", "tool.execution", "tool.blocked_on_user", "hook"] {
        assert_eq!(
            request(json!({ "span.type": kind, "gen_ai.system": "" })).convert().records,
            [],
            "{kind}"
        );
    }
}

#[test]
fn codex_responses() {
    let response = json!({
        "gen_ai.usage.input_tokens": 500, "gen_ai.usage.cache_read.input_tokens": 300, "gen_ai.usage.output_tokens": 40,
        "codex.usage.reasoning_output_tokens": 7, "codex.usage.total_tokens": 540, "from": "completed",
    });
    Sent { scope: "codex_cli_rs", name: "completed", attributes: response, ..Sent::default() }.is(&json!({
        "provider": "openai", "operation": "chat", "request": null, "input": 500, "output": 40, "read": 300,
        "reasoning": 7, "cost_status": "unpriced",
    }));
    let event = json!({ "codex.request.reasoning_effort": "low", "from": "output_item_done" });
    let converted =
        Sent { scope: "codex_cli_rs", name: "handle_responses", attributes: event, ..Sent::default() }
            .convert();
    assert_eq!((converted.records.len(), converted.ignored), (0, 1));
}
