//! Codex CLI, as spans and as log records. The span of a response's last event carries its tokens, and no span of a
//! response names its model; the log record of that event has both. Every response is a stream.
//!
//! Source: github.com/openai/codex, `codex-rs/otel/src/events/session_telemetry.rs`.

use super::{Cached, Dialect, Event, Fact, Field};

pub(super) const DIALECT: Dialect = Dialect {
    name: "Codex",
    scopes: &[("codex", Cached::Unknown)],
    fields: &[
        ("codex.usage.total_tokens", Field::More(Fact::CodexResponse)),
        ("codex.usage.reasoning_output_tokens", Field::Reasoning),
    ],
    own_fields: &[
        ("model", Field::RequestModel),
        ("slug", Field::RequestModel),
        ("conversation.id", Field::Conversation),
        ("input_token_count", Field::InputTokens),
        ("output_token_count", Field::OutputTokens),
        ("cached_token_count", Field::CacheRead),
        ("cache_write_token_count", Field::CacheWrite),
        ("reasoning_token_count", Field::Reasoning),
        ("response.id", Field::ResponseId),
        ("service_tier", Field::ServiceTier),
        ("duration_ms", Field::More(Fact::DurationMs)),
        ("success", Field::More(Fact::Success)),
        ("user.email", Field::More(Fact::Account)),
        ("user.account_id", Field::User),
    ],
    // The tokens are on a record of their own: the other records of the stream's events have neither tokens nor errors.
    events: &[
        ("sse_event", Event::Step),
        ("websocket_event", Event::Step),
        ("api_request", Event::Request),
        ("websocket_request", Event::Request),
    ],
    always_streams: true,
    provider: Some(spanledger::semconv::provider::OPENAI),
    ..Dialect::EMPTY
};
