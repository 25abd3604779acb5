//! OpenLLMetry and the `traceloop` SDK, with the `llm.*` names that the conventions had before `gen_ai.*`.

use super::{Cached, Dialect, Fact, Field};

pub(super) const DIALECT: Dialect = Dialect {
    name: "OpenLLMetry",
    // Its scopes are named as OpenTelemetry's own are; these are the ones that only it has.
    scopes: &[
        ("opentelemetry.instrumentation.openai.v1", Cached::Since(&[0, 62])),
        ("opentelemetry.instrumentation.openai.v0", Cached::Never),
        ("opentelemetry.instrumentation.anthropic", Cached::Since(&[0, 62])),
        ("opentelemetry.instrumentation.bedrock", Cached::Since(&[0, 62])),
        ("opentelemetry.instrumentation.langchain", Cached::Since(&[0, 62])),
        ("opentelemetry.instrumentation.google_generativeai", Cached::Since(&[0, 62])),
        ("opentelemetry.instrumentation.vertexai", Cached::Since(&[0, 62])),
        ("traceloop.", Cached::Unknown),
        ("@traceloop/", Cached::Unknown),
    ],
    fields: &[
        ("llm.request.type", Field::Operation),
        ("llm.vendor", Field::System),
        ("llm.request.model", Field::RequestModel),
        ("llm.response.model", Field::ResponseModel),
        ("llm.response.id", Field::ResponseId),
        ("llm.is_streaming", Field::Stream),
        ("llm.stream", Field::Stream),
        ("llm.response.finish_reason", Field::FinishReasons),
        ("llm.response.stop_reason", Field::FinishReasons),
        ("gen_ai.completion.0.finish_reason", Field::FinishReasons),
        ("llm.usage.prompt_tokens", Field::InputTokens),
        ("llm.usage.completion_tokens", Field::OutputTokens),
        ("llm.usage.total_tokens", Field::More(Fact::TotalTokens)),
        ("gen_ai.usage.cache_read_input_tokens", Field::CacheRead),
        ("gen_ai.usage.cache_creation_input_tokens", Field::CacheWrite),
        ("llm.usage.cache_read_input_tokens", Field::CacheRead),
        ("llm.usage.cache_creation_input_tokens", Field::CacheWrite),
        ("llm.usage.reasoning_tokens", Field::Reasoning),
        ("llm.user", Field::User),
        ("traceloop.association.properties.user_id", Field::User),
        ("traceloop.association.properties.session_id", Field::Conversation),
        ("traceloop.span.kind", Field::SpanKind),
    ],
    names_ends: true,
    // It writes one event for each chunk.
    first_chunk_events: &["gen_ai.content.completion.chunk", "llm.content.completion.chunk"],
    ..Dialect::EMPTY
};
