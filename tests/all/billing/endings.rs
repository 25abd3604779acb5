//! How a response ends, and what comes later.

use serde_json::{Value, json};
use spanledger::semconv::attribute;

use super::{Case, OPENAI};

pub(super) fn endings() -> Vec<Case> {
    let minimax = "https://api.minimax.io/v1/chat/completions";
    let mut cut = Case::new("a stream that ends after its finish reason", minimax, "wren-1", &Value::Null);
    cut.body = ["{\"content\": \"A wren.\"}", "{}"]
        .iter()
        .zip([Value::Null, json!("stop")])
        .map(|(delta, reason)| format!("data: {{\"id\": \"s\", \"model\": \"wren-1\", \"choices\": [{{\"index\": 0, \"delta\": {delta}, \"finish_reason\": {reason}}}]}}\n\n"))
        .collect();
    let refused = json!({"id": "x", "choices": null, "model": "wren-1", "usage": {"total_tokens": 0},
        "base_resp": {"status_code": 1002, "status_msg": "rate limit"}});
    let queued = json!({"id": "resp_b2", "object": "response", "status": "queued", "model": "gpt-5.5", "output": [], "usage": null, "error": null});
    let outcome = |case: Case, outcome: &str| case.is("no_usage").has(attribute::OUTCOME, outcome);
    vec![
        outcome(cut, "completed"),
        Case::new("an error within a success", minimax, "wren-1", &refused)
            .is("no_usage")
            .has(attribute::OUTCOME, "failed")
            .has(attribute::ERROR_TYPE, "1002"),
        outcome(Case::new("a response that comes later", OPENAI, "gpt-5.5", &queued), "pending"),
        outcome(
            Case::new(
                "a deferred completion",
                "https://api.x.ai/v1/chat/completions",
                "grok-4.5",
                &json!({"request_id": "r1"}),
            ),
            "pending",
        ),
    ]
}
