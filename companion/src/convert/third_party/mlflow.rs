//! MLflow. Every value is JSON, also a string; the request's parameters are attributes under their own names.
//!
//! With its GenAI names turned on it writes the response's model as the requested one, and no cached tokens.

use super::json::{self, BILLING, Json};
use super::{Cached, Dialect, Fact, Field};

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
    chunk: Some(("mlflow.chunk.value", &CHUNK)),
    ..Dialect::EMPTY
};

/// The first chunk of a stream, which also one that breaks has.
const CHUNK: Json = Json::of(&[("/id", Field::ResponseId), ("/model", Field::ResponseModel)]);

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
