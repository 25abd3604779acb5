//! Cache writes by how long they live, and passes of several models.

use serde_json::{Value, json};
use spanledger::semconv::attribute;

use super::{ANTHROPIC, Case, converse, message, per_million, streamed, with};

/// Claude Opus 5: input 5, output 25, cache writes 6.25 and 10, cache reads 0.5.
pub(super) fn cache_lifetimes() -> Vec<Case> {
    let usage = json!({"input_tokens": 40, "cache_creation_input_tokens": 5000, "cache_read_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 4000}, "output_tokens": 60});
    let bill = per_million([(40.0, 5.0), (1000.0, 6.25), (4000.0, 10.0), (300.0, 0.5), (60.0, 25.0)]);
    let factors = &["cache_write_1h=4000"][..];
    let mut stream = Case::new("an hour of cache, streamed", ANTHROPIC, "claude-opus-5", &Value::Null);
    stream.body = streamed("claude-opus-5", &usage);
    let details = json!({"inputTokens": 40, "outputTokens": 60, "totalTokens": 5400, "cacheReadInputTokens": 300,
        "cacheWriteInputTokens": 5000, "cacheDetails": [{"ttl": "1h", "inputTokens": 4000}, {"ttl": "5m", "inputTokens": 1000}]});
    vec![
        Case::new("an hour of cache", ANTHROPIC, "claude-opus-5", &message("claude-opus-5", &usage))
            .costs(bill)
            .factors(factors),
        stream.costs(bill).factors(factors),
        Case::new(
            "an hour of cache on Bedrock's invoke",
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/global.anthropic.claude-opus-5/invoke",
            "",
            &message("claude-opus-5", &usage),
        )
        .costs(bill)
        .factors(factors),
        Case::new(
            "an hour of cache on Converse, in a region",
            "https://bedrock-runtime.eu-west-1.amazonaws.com/model/eu.anthropic.claude-opus-5/converse",
            "",
            &converse(&details),
        )
        .costs(bill * 1.1)
        .factors(factors),
        Case::new(
            "a lifetime that no one knows",
            "https://bedrock-runtime.eu-west-1.amazonaws.com/model/eu.anthropic.claude-opus-5/converse",
            "",
            &converse(&with(details, "cacheDetails", json!([{"ttl": "24h", "inputTokens": 5000}]))),
        )
        .is("estimated")
        .has(attribute::USAGE_UNPARSED, json!(["usage.cacheDetails"])),
    ]
}

pub(super) fn passes() -> Vec<Case> {
    let compaction = json!({"input_tokens": 8000, "output_tokens": 500, "iterations": [
        {"type": "compaction", "input_tokens": 90_000, "output_tokens": 2000, "cache_read_input_tokens": 10_000},
        {"type": "message", "input_tokens": 8000, "output_tokens": 500}]});
    let advice = json!({"input_tokens": 3000, "output_tokens": 90, "iterations": [
        {"type": "message", "input_tokens": 1000, "output_tokens": 40},
        {"type": "advisor_message", "model": "claude-opus-5", "input_tokens": 2500, "output_tokens": 300},
        {"type": "message", "input_tokens": 2000, "output_tokens": 50}]});
    let fallback = json!({"input_tokens": 700, "output_tokens": 30, "iterations": [
        {"type": "message", "input_tokens": 700, "output_tokens": 0},
        {"type": "fallback_message", "model": "claude-opus-4-8", "input_tokens": 700, "output_tokens": 30}]});
    vec![
        Case::new("a compaction before the message", ANTHROPIC, "claude-opus-5", &message("claude-opus-5", &compaction))
            .costs(per_million([(90_000.0, 5.0), (10_000.0, 0.5), (2000.0, 25.0), (8000.0, 5.0), (500.0, 25.0)]))
            .has(attribute::USAGE_INPUT_TOKENS, 108_000)
            .has(attribute::USAGE_OUTPUT_TOKENS, 2500),
        // The tokens of another model are in the cost, and in no count of this one.
        Case::new("an advisor of another model", ANTHROPIC, "claude-sonnet-5", &message("claude-sonnet-5", &advice))
            .costs(per_million([(3000.0, 2.0), (90.0, 10.0), (2500.0, 5.0), (300.0, 25.0)]))
            .has(attribute::USAGE_INPUT_TOKENS, 3000)
            .factors(&[
                "pass=advisor_message,model=claude-opus-5,input=2500,output=300",
                "pass=message,input=1000,output=40",
                "pass=message,input=2000,output=50",
            ]),
        Case::new("a pass that declined is not billed", ANTHROPIC, "claude-fable-5", &message("claude-opus-4-8", &fallback))
            .costs(per_million([(700.0, 5.0), (30.0, 25.0)])),
        Case::new(
            "a pass of a kind that no one knows",
            ANTHROPIC,
            "claude-opus-5",
            &message("claude-opus-5", &json!({"input_tokens": 5, "output_tokens": 5, "iterations": [{"type": "dream", "input_tokens": 5}]})),
        )
        .is("estimated")
        .has(attribute::USAGE_UNPARSED, json!(["usage.iterations"])),
    ]
}
