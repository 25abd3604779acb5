//! The Langfuse SDK. Generations and embeddings are calls; usage and cost are JSON.
//!
//! The model is one name: the request's until a response came, then the response's.

use super::json::{self, Json};
use super::{Cached, Dialect, Fact, Field};

pub(super) const DIALECT: Dialect = Dialect {
    name: "Langfuse",
    scopes: &[("langfuse-sdk", Cached::Since(&[5])), ("langfuse", Cached::Since(&[5]))],
    fields: &[
        ("langfuse.observation.type", Field::SpanKind),
        ("langfuse.observation.model.name", Field::More(Fact::Model)),
        ("langfuse.observation.model.parameters", Field::Json(&PARAMETERS)),
        ("langfuse.observation.usage_details", Field::Json(&json::USAGE)),
        ("langfuse.observation.cost_details", Field::Json(&COST)),
        ("langfuse.observation.completion_start_time", Field::More(Fact::FirstChunkAt)),
        ("langfuse.observation.level", Field::More(Fact::Level)),
        ("langfuse.observation.status_message", Field::ErrorMessage),
        ("langfuse.observation.metadata.finish_reason", Field::FinishReasons),
        ("langfuse.observation.metadata.stop_reason", Field::FinishReasons),
        ("langfuse.user.id", Field::User),
        ("langfuse.session.id", Field::Conversation),
    ],
    ..Dialect::EMPTY
};

/// Of the response where there is one.
const PARAMETERS: Json = Json::of(&[("/service_tier", Field::ServiceTier), ("/stream", Field::Stream)]);

const COST: Json = Json::of(&[("/total", Field::Cost)]);
