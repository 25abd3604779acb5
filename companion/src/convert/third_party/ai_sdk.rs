//! The Vercel AI SDK: 5 and 6, and 7 with its older names; and 7 with its newer ones, which are the conventions'.
//!
//! Version 5 counts as the provider's API does and has cache writes in the provider's metadata only; from 6 on the
//! input has the cache in it, which the details of the input tokens show.

use super::json::{BILLING, Json};
use super::{Cached, Dialect, Fact, Field, Input};

pub(super) const OLDER: Dialect = Dialect {
    name: "Vercel AI SDK",
    scopes: &[("ai", Cached::Unknown)],
    fields: &[
        ("ai.operationId", Field::SpanKind),
        ("ai.model.provider", Field::System),
        ("ai.model.id", Field::RequestModel),
        ("ai.response.model", Field::ResponseModel),
        ("ai.response.id", Field::ResponseId),
        ("ai.response.finishReason", Field::FinishReasons),
        ("ai.response.msToFirstChunk", Field::More(Fact::FirstChunkMs)),
        ("ai.stream.msToFirstChunk", Field::More(Fact::FirstChunkMs)),
        ("ai.response.providerMetadata", Field::Json(&METADATA)),
        ("ai.usage.inputTokens", Field::InputTokens),
        ("ai.usage.outputTokens", Field::OutputTokens),
        ("ai.usage.promptTokens", Field::InputTokens),
        ("ai.usage.completionTokens", Field::OutputTokens),
        ("ai.usage.totalTokens", Field::More(Fact::TotalTokens)),
        // Of embeddings.
        ("ai.usage.tokens", Field::InputTokens),
        ("ai.usage.cachedInputTokens", Field::CacheRead),
        ("ai.usage.reasoningTokens", Field::Reasoning),
        ("ai.usage.inputTokenDetails.noCacheTokens", Field::More(Fact::InputHasCache)),
        ("ai.usage.inputTokenDetails.cacheReadTokens", Field::CacheRead),
        ("ai.usage.inputTokenDetails.cacheWriteTokens", Field::CacheWrite),
        ("ai.usage.outputTokenDetails.reasoningTokens", Field::Reasoning),
        ("ai.telemetry.metadata.userId", Field::User),
        ("ai.telemetry.metadata.user_id", Field::User),
        ("ai.telemetry.metadata.user", Field::User),
        ("ai.telemetry.metadata.sessionId", Field::Conversation),
        ("ai.telemetry.metadata.session_id", Field::Conversation),
    ],
    input: Input::AsTheApi,
    ..Dialect::EMPTY
};

pub(super) const NEWER: Dialect = Dialect {
    name: "Vercel AI SDK",
    scopes: &[("gen_ai", Cached::Unknown), ("@ai-sdk/", Cached::Unknown)],
    names_responses: true,
    ..Dialect::EMPTY
};

const METADATA: Json = Json::of(&[
    ("/anthropic/cacheCreationInputTokens", Field::CacheWrite),
    ("/anthropic/usage/cache_creation_input_tokens", Field::CacheWrite),
    ("/anthropic/usage/cache_read_input_tokens", Field::CacheRead),
    ("/anthropic/usage", Field::Json(&BILLING)),
    ("/bedrock/usage/cacheWriteInputTokens", Field::CacheWrite),
    ("/bedrock/usage/cacheReadInputTokens", Field::CacheRead),
    ("/openai/serviceTier", Field::ServiceTier),
    ("/azure/serviceTier", Field::ServiceTier),
    ("/gateway/cost", Field::Cost),
    ("/openrouter/usage/cost", Field::Cost),
]);
