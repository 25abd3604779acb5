//! OpenInference (Phoenix, Arize), also that of smolagents, LangChain and the Vercel AI SDK.
//!
//! `llm.model_name` is the response's model once a response came; the request is JSON in
//! `llm.invocation_parameters`. The response id is in the response alone, which is JSON in `output.value`.

use super::json::{BILLING, Json};
use super::{Cached, Dialect, Fact, Field, Part};

pub(super) const DIALECT: Dialect = Dialect {
    name: "OpenInference",
    scopes: &[
        ("openinference.instrumentation.smolagents", Cached::Unknown),
        ("openinference.instrumentation.openai_agents", Cached::Unknown),
        ("openinference.instrumentation.openai", Cached::Since(&[0, 1, 66])),
        ("openinference.instrumentation.anthropic", Cached::Since(&[3, 1])),
        ("openinference.instrumentation.google_genai", Cached::Since(&[1, 4])),
        ("openinference.instrumentation.langchain", Cached::Since(&[0, 1, 80])),
        ("openinference.instrumentation.", Cached::Unknown),
        ("@arizeai/openinference-instrumentation-openai", Cached::Since(&[4, 2])),
        ("@arizeai/openinference-instrumentation-anthropic", Cached::Since(&[0, 2, 8])),
        ("@arizeai/openinference-", Cached::Unknown),
    ],
    fields: &[
        ("openinference.span.kind", Field::SpanKind),
        ("llm.provider", Field::Provider),
        ("llm.system", Field::System),
        ("llm.model_name", Field::More(Fact::Model)),
        ("llm.request.model_name", Field::RequestModel),
        ("llm.response.model_name", Field::ResponseModel),
        ("embedding.model_name", Field::More(Fact::Model)),
        ("llm.invocation_parameters", Field::Json(&PARAMETERS)),
        ("embedding.invocation_parameters", Field::Json(&PARAMETERS)),
        ("llm.finish_reason", Field::FinishReasons),
        ("llm.token_count.prompt", Field::InputTokens),
        ("llm.token_count.completion", Field::OutputTokens),
        ("llm.token_count.total", Field::More(Fact::TotalTokens)),
        ("llm.token_count.prompt_details.cache_read", Field::CacheRead),
        ("llm.token_count.prompt_details.cache_input", Field::CacheRead),
        ("llm.token_count.prompt_details.cache_write", Field::CacheWrite),
        ("llm.token_count.prompt_details.audio", Field::InputOf(Part::Audio)),
        ("llm.token_count.completion_details.reasoning", Field::Reasoning),
        ("llm.token_count.completion_details.audio", Field::OutputOf(Part::Audio)),
        ("llm.cost.total", Field::Cost),
    ],
    own_fields: &[("output.value", Field::Json(&RESPONSE))],
    first_chunk_events: &["First Token Stream Event"],
    reports_broken_streams: true,
    ..Dialect::EMPTY
};

/// The request without its messages.
const PARAMETERS: Json = Json::of(&[
    ("/model", Field::RequestModel),
    ("/model_name", Field::RequestModel),
    ("/model_id", Field::RequestModel),
    ("/stream", Field::Stream),
    ("/user", Field::User),
    ("/service_tier", Field::RequestServiceTier),
]);

/// The response of the OpenAI and Anthropic APIs, or LangChain's result around it.
const RESPONSE: Json = Json::of(&[
    ("/id", Field::ResponseId),
    ("/service_tier", Field::ServiceTier),
    ("/usage", Field::Json(&BILLING)),
    ("/llm_output/id", Field::ResponseId),
    ("/llm_output/service_tier", Field::ServiceTier),
    ("/generations/0/0/message/kwargs/response_metadata/id", Field::ResponseId),
    ("/generations/0/0/generation_info/model_name", Field::ResponseModel),
    ("/generations/0/0/message/kwargs/response_metadata/model_name", Field::ResponseModel),
    ("/generations/0/0/generation_info/service_tier", Field::ServiceTier),
    ("/generations/0/0/type", Field::More(Fact::GenerationType)),
    ("/generations/0/0/message/kwargs/response_metadata/service_tier", Field::ServiceTier),
    ("/raw", Field::Json(&RAW)),
]);

/// The response of a client library as smolagents keeps it: a Python object in the form in which Python prints it.
const RAW: Json = Json::of(&[
    ("/id", Field::ResponseId),
    ("/model", Field::ResponseModel),
    ("/service_tier", Field::ServiceTier),
    ("/usage/prompt_tokens_details/cached_tokens", Field::CacheRead),
    ("/usage/prompt_tokens_details/cache_write_tokens", Field::CacheWrite),
    ("/usage/completion_tokens_details/reasoning_tokens", Field::Reasoning),
    ("/usage", Field::Json(&BILLING)),
])
.in_python();
