//! Claude Code. Its attributes have bare names; its input tokens leave the cache out.
//!
//! It does not report how long cache writes live, which have two prices.

use super::{Cached, Dialect, Fact, Field, Input};

pub(super) const DIALECT: Dialect = Dialect {
    name: "Claude Code",
    scopes: &[
        ("com.anthropic.claude_code", Cached::WithoutLifetime),
        ("claude_code", Cached::WithoutLifetime),
    ],
    own_fields: &[
        ("span.type", Field::SpanKind),
        ("model", Field::RequestModel),
        ("input_tokens", Field::InputTokens),
        ("output_tokens", Field::OutputTokens),
        ("cache_read_tokens", Field::CacheRead),
        ("cache_creation_tokens", Field::CacheWrite),
        ("ttft_ms", Field::More(Fact::FirstChunkMs)),
        ("stop_reason", Field::FinishReasons),
        ("status_code", Field::StatusCode),
        ("error", Field::ErrorMessage),
        ("error_class", Field::ErrorType),
        ("success", Field::More(Fact::Success)),
        ("speed", Field::More(Fact::BilledBy("speed"))),
    ],
    input: Input::AsTheApi,
    ..Dialect::EMPTY
};
