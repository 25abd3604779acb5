//! The conventions before their present names (1.26 to 1.41), and words that many hand-written spans use for them.

use spanledger::semconv::attribute;

use super::{Dialect, Fact, Field};

pub(super) const DIALECT: Dialect = Dialect {
    name: "OpenTelemetry GenAI conventions",
    fields: &[
        (attribute::SYSTEM, Field::System),
        (attribute::USAGE_CACHE_CREATION_TOKENS, Field::CacheWrite),
        ("gen_ai.usage.prompt_tokens", Field::InputTokens),
        ("gen_ai.usage.completion_tokens", Field::OutputTokens),
        ("gen_ai.usage.total_tokens", Field::More(Fact::TotalTokens)),
        // Semantic Kernel.
        ("gen_ai.response.prompt_tokens", Field::InputTokens),
        ("gen_ai.response.completion_tokens", Field::OutputTokens),
        // The first versions of Microsoft.Extensions.AI.
        ("gen_ai.response.input_tokens", Field::InputTokens),
        ("gen_ai.response.output_tokens", Field::OutputTokens),
        (
            "gen_ai.usage.cache_creation.ephemeral_1h_input_tokens",
            Field::More(Fact::Billed("cache_write_1h")),
        ),
        ("gen_ai.usage.details.ephemeral_1h_input_tokens", Field::More(Fact::Billed("cache_write_1h"))),
        ("gen_ai.usage.cached_tokens", Field::CacheRead),
        ("gen_ai.usage.cached_input_tokens", Field::CacheRead),
        ("gen_ai.usage.reasoning_tokens", Field::Reasoning),
        ("gen_ai.usage.thoughts_tokens", Field::Reasoning),
        ("gen_ai.response.finish_reason", Field::FinishReasons),
        ("gen_ai.response.stop_reason", Field::FinishReasons),
        ("gen_ai.request.is_stream", Field::Stream),
        ("gen_ai.is_streaming", Field::Stream),
        ("gen_ai.client.operation.time_to_first_chunk", Field::FirstChunk),
        ("gen_ai.client.inference.time_to_first_chunk", Field::FirstChunk),
        ("gen_ai.openai.response.service_tier", Field::ServiceTier),
        ("gen_ai.openai.request.service_tier", Field::RequestServiceTier),
        ("anthropic.response.service_tier", Field::ServiceTier),
        ("anthropic.request.service_tier", Field::RequestServiceTier),
        ("gen_ai.user", Field::User),
        ("gen_ai.user.id", Field::User),
        ("gen_ai.request.user", Field::User),
        ("enduser.id", Field::User),
        ("gen_ai.session.id", Field::Conversation),
        ("session.id", Field::Conversation),
        ("http.status_code", Field::StatusCode),
        ("error.message", Field::ErrorMessage),
        ("exception.message", Field::ErrorMessage),
    ],
    ..Dialect::EMPTY
};
