//! Claude Code, as spans and as log records. Its attributes have bare names; its input tokens leave the cache out.
//!
//! It does not report how long cache writes live, which have two prices, and the cost that it reports is its own estimate.
//! Source: code.claude.com/docs/en/monitoring-usage. A response is known by the id of its request.

use super::{Cached, Dialect, Event, Fact, Field, Input};

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
        ("cost_usd", Field::Cost),
        ("duration_ms", Field::More(Fact::DurationMs)),
        ("ttft_ms", Field::More(Fact::FirstChunkMs)),
        ("stop_reason", Field::FinishReasons),
        ("request_id", Field::ResponseId),
        ("status_code", Field::StatusCode),
        ("error", Field::ErrorMessage),
        ("error_class", Field::ErrorType),
        ("success", Field::More(Fact::Success)),
        ("speed", Field::More(Fact::BilledBy("speed"))),
        ("user.email", Field::More(Fact::Account)),
        ("user.account_uuid", Field::User),
    ],
    events: &[("api_request", Event::Call), ("api_error", Event::Failure)],
    input: Input::WithoutCache,
    estimates_cost: true,
    ..Dialect::EMPTY
};
