//! Attributes about usage that no table has: each may be something that costs.

use crate::convert::value;
use crate::otlp::Value;

/// How the names of counts of usage begin.
const USAGE: [&str; 4] = ["gen_ai.usage.", "llm.token_count.", "llm.usage.", "ai.usage."];

/// Counts without a price of their own: parts of other counts, and those of the provider's API that the conventions' names
/// give as well. Amounts of money are none of them.
const FREE: [&str; 24] = [
    "gen_ai.usage.cache_creation.ephemeral_5m_input_tokens",
    "gen_ai.usage.details.accepted_prediction_tokens",
    "gen_ai.usage.details.cache_creation_input_tokens",
    "gen_ai.usage.details.cache_read_input_tokens",
    "gen_ai.usage.details.cached_content_tokens",
    "gen_ai.usage.details.cached_tokens",
    "gen_ai.usage.details.completion_tokens",
    "gen_ai.usage.details.ephemeral_5m_input_tokens",
    "gen_ai.usage.details.input_text_tokens",
    "gen_ai.usage.details.input_tokens",
    "gen_ai.usage.details.output_text_tokens",
    "gen_ai.usage.details.output_tokens",
    "gen_ai.usage.details.prompt_tokens",
    "gen_ai.usage.details.rejected_prediction_tokens",
    "gen_ai.usage.details.text_cache_tokens",
    "gen_ai.usage.details.text_candidates_tokens",
    "gen_ai.usage.details.text_prompt_tokens",
    "gen_ai.usage.details.text_tokens",
    "gen_ai.usage.details.total_tokens",
    "gen_ai.usage.text.cache_creation.input_tokens",
    "gen_ai.usage.text.cache_write.input_tokens",
    "ai.usage.outputTokenDetails.textTokens",
    "llm.token_count.completion_details.text",
    "llm.token_count.prompt_details.text",
];

/// Whether an attribute that no table has counts something that may cost.
pub(in super::super) fn may_cost(key: &str, value: Value<'_>) -> bool {
    USAGE.iter().any(|start| key.starts_with(start))
        && !key.contains("cost")
        && !FREE.contains(&key)
        && value::number(value).is_some_and(|number| number != 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_no_table_has_may_cost_something() {
        for (key, value, costs) in [
            ("gen_ai.usage.details.web_search_requests", Value::Int(2), true),
            ("gen_ai.usage.details.tool_use_prompt_tokens", Value::Int(40), true),
            ("gen_ai.usage.video.input_tokens", Value::Int(900), true),
            ("llm.token_count.prompt_details.video", Value::Double(3.0), true),
            ("gen_ai.usage.video.input_tokens", Value::Int(0), false),
            ("gen_ai.usage.details.text_tokens", Value::Int(900), false),
            ("gen_ai.usage.input_cost", Value::Double(0.1), false),
            ("gen_ai.request.max_tokens", Value::Int(900), false),
        ] {
            assert_eq!(may_cost(key, value), costs, "{key}");
        }
    }
}
