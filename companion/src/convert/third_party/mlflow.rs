//! MLflow. Every value is JSON, also a string; the request's parameters are attributes under their own names.
//!
//! With its GenAI names turned on it writes the response's model as the requested one, and cached tokens only in the
//! chunks of a stream, which are events.

use super::json::{self, BILLING, Json};
use super::{Cached, Chunks, Dialect, Fact, Field};

pub(super) const DIALECT: Dialect = Dialect {
    name: "MLflow",
    scopes: &[("mlflow", Cached::Unknown)],
    fields: &[
        ("mlflow.spanType", Field::SpanKind),
        ("mlflow.llm.model", Field::More(Fact::Model)),
        ("mlflow.llm.provider", Field::Provider),
        ("mlflow.chat.tokenUsage", Field::Json(&json::USAGE)),
        ("mlflow.llm.cost", Field::Json(&COST)),
        ("mlflow.trace.user", Field::User),
        ("mlflow.trace.session", Field::Conversation),
    ],
    own_fields: &[
        ("model", Field::More(Fact::AskedModel)),
        ("stream", Field::Stream),
        ("user", Field::User),
        ("service_tier", Field::RequestServiceTier),
        ("mlflow.spanOutputs", Field::Json(&RESPONSE)),
    ],
    first_chunk_events: &["mlflow.chunk.item.0"],
    chunks: Some(Chunks {
        events: "mlflow.chunk.item.",
        attribute: "mlflow.chunk.value",
        first: &CHUNK,
        usage: &CHUNK_USAGE,
    }),
    ..Dialect::EMPTY
};

/// The first chunk of a stream, which also one that breaks has.
const CHUNK: Json = Json::of(&[
    ("/id", Field::ResponseId),
    ("/model", Field::ResponseModel),
    ("/response/id", Field::ResponseId),
    ("/response/model", Field::ResponseModel),
]);

/// A chunk with usage: what the GenAI names leave out. The APIs of OpenAI alone count cached tokens within the input.
const CHUNK_USAGE: Json = Json::of(&[
    ("/service_tier", Field::ServiceTier),
    ("/usage/prompt_tokens_details/cached_tokens", Field::CacheRead),
    ("/usage/prompt_tokens_details/cache_write_tokens", Field::CacheWrite),
    ("/usage/completion_tokens_details/reasoning_tokens", Field::Reasoning),
    ("/usage", Field::Json(&BILLING)),
    ("/response/service_tier", Field::ServiceTier),
    ("/response/usage/input_tokens_details/cached_tokens", Field::CacheRead),
    ("/response/usage/input_tokens_details/cache_write_tokens", Field::CacheWrite),
    ("/response/usage/output_tokens_details/reasoning_tokens", Field::Reasoning),
    ("/response/usage", Field::Json(&BILLING)),
]);

const COST: Json = Json::of(&[("/total_cost", Field::Cost)]);

const RESPONSE: Json = Json::of(&[
    ("/id", Field::ResponseId),
    ("/model", Field::ResponseModel),
    ("/service_tier", Field::ServiceTier),
    ("/stop_reason", Field::FinishReasons),
    ("/choices/0/finish_reason", Field::FinishReasons),
    ("/usage/completion_tokens_details/reasoning_tokens", Field::Reasoning),
    ("/usage/output_tokens_details/reasoning_tokens", Field::Reasoning),
    ("/usage", Field::Json(&BILLING)),
]);
