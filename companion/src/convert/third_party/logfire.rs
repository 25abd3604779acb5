//! Logfire and Pydantic AI.
//!
//! Logfire writes its log lines as spans. The one that ends a stream carries what the call's own span could not
//! know yet: tokens, response id and finish reasons. See `Field::More(Fact::SpanType)`.

use super::json::{self, Json};
use super::{Cached, Dialect, Fact, Field};

pub(super) const LOGFIRE: Dialect = Dialect {
    name: "Logfire",
    scopes: &[("logfire", Cached::Since(&[5, 4]))],
    fields: &[
        ("logfire.span_type", Field::More(Fact::SpanType)),
        ("gen_ai.usage.raw", Field::Json(&json::USAGE)),
        ("operation.cost", Field::Cost),
    ],
    logs_stream_ends: true,
    own_fields: &[("duration", Field::More(Fact::LogDuration)), ("request_data", Field::Json(&REQUEST))],
    ..Dialect::EMPTY
};

const REQUEST: Json = Json::of(&[("/model", Field::RequestModel), ("/stream", Field::Stream)]);

pub(super) const PYDANTIC_AI: Dialect = Dialect {
    name: "Pydantic AI",
    scopes: &[("pydantic-ai", Cached::Since(&[2, 68])), ("pydantic_ai", Cached::Since(&[2, 68]))],
    names_ends: true,
    ..Dialect::EMPTY
};
