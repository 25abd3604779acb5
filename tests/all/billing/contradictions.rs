//! Counts that contradict each other, and what costs something without a count.

use serde_json::json;
use spanledger::semconv::attribute;

use super::{ANTHROPIC, Case, chat, converse, message, per_million, with};

pub(super) fn contradictions() -> Vec<Case> {
    let bedrock =
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/global.anthropic.claude-opus-5/converse";
    let invoke =
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/global.anthropic.claude-opus-5/invoke";
    let tokens = json!({"inputTokens": 40, "outputTokens": 60, "totalTokens": 100});
    let usage = json!({"input_tokens": 40, "output_tokens": 60});
    let whole = per_million([(40.0, 5.0), (60.0, 25.0)]);
    let hidden = |case: Case, path: &str| case.is("estimated").has(attribute::USAGE_UNPARSED, json!([path]));
    let lifetimes = json!({"input_tokens": 40, "cache_creation_input_tokens": 5000, "output_tokens": 60,
        "cache_creation": {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 3000}});
    let hits = json!({"prompt_tokens": 600, "completion_tokens": 20, "total_tokens": 620,
        "prompt_cache_hit_tokens": 100, "prompt_cache_miss_tokens": 400});
    let embeddings = json!({"object": "list", "model": "text-embedding-3-small", "data": [],
        "usage": {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 9}});
    let metered = json!({"inputTokenCount": 40, "outputTokenCount": 50, "invocationLatency": 9});
    vec![
        hidden(
            Case::new(
                "what the model wrote is not counted",
                "https://api.openai.com/v1/chat/completions",
                "gpt-4.1",
                &chat("gpt-4.1", &json!({"prompt_tokens": 40})),
            ),
            "usage.output_tokens",
        ),
        Case::new("counts that agree", bedrock, "", &converse(&tokens)).costs(whole),
        Case::new(
            "an answer of the usual speed",
            bedrock,
            "",
            &with(converse(&tokens), "performanceConfig", json!({"latency": "standard"})),
        )
        .costs(whole),
        hidden(
            Case::new(
                "a faster answer",
                bedrock,
                "",
                &with(converse(&tokens), "performanceConfig", json!({"latency": "optimized"})),
            ),
            "performanceConfig.latency",
        ),
        hidden(
            Case::new("a faster answer by its header", invoke, "", &message("claude-opus-5", &usage))
                .header(&[("x-amzn-bedrock-performanceconfig-latency", "optimized")]),
            "header:x-amzn-bedrock-performanceconfig-latency",
        ),
        hidden(
            Case::new(
                "a guardrail that intervened",
                bedrock,
                "",
                &with(converse(&tokens), "stopReason", json!("guardrail_intervened")),
            ),
            "guardrail",
        ),
        hidden(
            Case::new(
                "a guardrail of the account's",
                invoke,
                "",
                &with(message("claude-opus-5", &usage), "amazon-bedrock-guardrailAction", json!("NONE")),
            ),
            "guardrail",
        ),
        hidden(
            Case::new(
                "what Bedrock meters",
                invoke,
                "",
                &with(message("claude-opus-5", &usage), "amazon-bedrock-invocationMetrics", metered),
            ),
            "amazon-bedrock-invocationMetrics",
        ),
        hidden(
            Case::new(
                "lifetimes that are not all cache writes",
                ANTHROPIC,
                "claude-opus-5",
                &message("claude-opus-5", &lifetimes),
            ),
            "usage.cache",
        ),
        hidden(
            Case::new(
                "hits and misses that are not the prompt",
                "https://api.deepseek.com/chat/completions",
                "deepseek-chat",
                &chat("deepseek-chat", &hits),
            ),
            "usage.cache",
        ),
        hidden(
            Case::new(
                "an embedding with output",
                "https://api.openai.com/v1/embeddings",
                "text-embedding-3-small",
                &embeddings,
            ),
            "usage.completion_tokens",
        ),
        Case::new(
            "a count of Ollama's that no one knows",
            "https://ollama.com/api/chat",
            "wren-1",
            &json!({"model": "wren-1", "message": {"role": "assistant", "content": "A wren."}, "done": true,
                "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 4, "search_count": 2}),
        )
        .is("unpriced")
        .has(attribute::USAGE_UNPARSED, json!(["response.search_count"])),
    ]
}
