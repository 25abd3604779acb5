//! What other instrumentations call the facts of a call. None of these names is ever written here; they are the
//! words of those projects, read only where the conventions' own name is absent.
//!
//! Input tokens include cached ones in the conventions, in OpenLLMetry and in OpenInference. OpenLIT passes on
//! what the provider's API counts, which excludes them for providers that report the cache beside the input: see
//! [`excludes_cache`]. Whichever sender it is, an input smaller than its cached part cannot include it, and the
//! cached part is added (see `Draft::finish`).

use std::borrow::Cow;

use spanledger::semconv::{attribute, operation, provider};

use super::attributes::{Field, Part};
use super::kind::Kind;

/// The resource attribute that names the sending SDK.
pub(super) const SDK_NAME: &str = "telemetry.sdk.name";

/// The conventions before their present names (1.26 to 1.41).
const OLDER: &[(&str, Field)] = &[
    (attribute::SYSTEM, Field::System),
    (attribute::USAGE_CACHE_CREATION_TOKENS, Field::CacheWrite),
    ("gen_ai.usage.prompt_tokens", Field::InputTokens),
    ("gen_ai.usage.completion_tokens", Field::OutputTokens),
    ("gen_ai.response.finish_reason", Field::FinishReasons),
    ("gen_ai.request.is_stream", Field::Stream),
    ("gen_ai.openai.response.service_tier", Field::ServiceTier),
    ("gen_ai.openai.request.service_tier", Field::RequestServiceTier),
    ("gen_ai.user.id", Field::User),
    ("gen_ai.session.id", Field::Conversation),
    ("http.status_code", Field::StatusCode),
    ("enduser.id", Field::User),
    ("session.id", Field::Conversation),
    ("exception.message", Field::ErrorMessage),
];

/// OpenLLMetry and the `traceloop` SDK, with the `llm.*` names that the conventions had before `gen_ai.*`.
const OPENLLMETRY: &[(&str, Field)] = &[
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
    ("gen_ai.usage.cache_read_input_tokens", Field::CacheRead),
    ("gen_ai.usage.cache_creation_input_tokens", Field::CacheWrite),
    ("llm.usage.cache_read_input_tokens", Field::CacheRead),
    ("llm.usage.cache_creation_input_tokens", Field::CacheWrite),
    ("llm.usage.reasoning_tokens", Field::Reasoning),
    ("gen_ai.usage.reasoning_tokens", Field::Reasoning),
    ("llm.user", Field::User),
    ("traceloop.association.properties.user_id", Field::User),
    ("traceloop.association.properties.session_id", Field::Conversation),
    ("traceloop.span.kind", Field::SpanKind),
];

/// OpenLIT. Its cost has the name that we use as well.
const OPENLIT: &[(&str, Field)] = &[
    ("gen_ai.usage.cache_read_tokens", Field::CacheRead),
    ("gen_ai.usage.cache_creation_tokens", Field::CacheWrite),
    ("gen_ai.server.time_to_first_token", Field::FirstChunk),
    ("gen_ai.request.user", Field::User),
    ("gen_ai.usage.details.cache_read_tokens", Field::CacheRead),
    ("gen_ai.usage.details.cache_write_tokens", Field::CacheWrite),
    ("gen_ai.usage.details.reasoning_tokens", Field::Reasoning),
];

/// OpenInference (Phoenix, Arize).
const OPENINFERENCE: &[(&str, Field)] = &[
    ("openinference.span.kind", Field::SpanKind),
    ("llm.provider", Field::Provider),
    ("llm.system", Field::System),
    ("llm.model_name", Field::RequestModel),
    ("llm.request.model_name", Field::RequestModel),
    ("llm.response.model_name", Field::ResponseModel),
    ("embedding.model_name", Field::RequestModel),
    ("llm.finish_reason", Field::FinishReasons),
    ("llm.token_count.prompt", Field::InputTokens),
    ("llm.token_count.completion", Field::OutputTokens),
    ("llm.token_count.prompt_details.cache_read", Field::CacheRead),
    ("llm.token_count.prompt_details.cache_write", Field::CacheWrite),
    ("llm.token_count.prompt_details.audio", Field::InputOf(Part::Audio)),
    ("llm.token_count.completion_details.reasoning", Field::Reasoning),
    ("llm.token_count.completion_details.audio", Field::OutputOf(Part::Audio)),
    ("llm.cost.total", Field::Cost),
];

/// The fact that another instrumentation's name `key` states.
pub(super) fn field(key: &str) -> Option<Field> {
    [OLDER, OPENLLMETRY, OPENLIT, OPENINFERENCE]
        .into_iter()
        .flatten()
        .find_map(|(name, field)| (*name == key).then_some(*field))
}

/// What a third-party operation or span kind says the span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// An LLM call, with the conventions' name for the operation.
    Call(Kind, &'static str),
    /// An agent, a tool or a workflow: calls below it are no repetition of anything above it.
    Boundary,
    /// Neither.
    Other,
}

/// What the operation, span kind or request type `name` means.
pub(super) fn meaning(name: &str) -> Meaning {
    match name.to_ascii_lowercase().as_str() {
        operation::CHAT
        | "chat_completion"
        | "chat_completions"
        | "chat.completions"
        | "responses"
        | "message"
        | "messages"
        | "llm" => Meaning::Call(Kind::Generation, operation::CHAT),
        operation::TEXT_COMPLETION | "completion" | "completions" => {
            Meaning::Call(Kind::Generation, operation::TEXT_COMPLETION)
        }
        operation::GENERATE_CONTENT | "generate" => {
            Meaning::Call(Kind::Generation, operation::GENERATE_CONTENT)
        }
        operation::EMBEDDINGS | "embedding" | "embed" => {
            Meaning::Call(Kind::Embeddings, operation::EMBEDDINGS)
        }
        "invoke_agent" | "create_agent" | "invoke_workflow" | "execute_tool" | "plan" | "agent" | "tool"
        | "workflow" | "chain" => Meaning::Boundary,
        _ => Meaning::Other,
    }
}

/// The conventions' name for a provider that another instrumentation names its own way.
pub(super) fn provider_name(name: Cow<'_, str>) -> Cow<'_, str> {
    let known = match name.to_ascii_lowercase().as_str() {
        "openai" => provider::OPENAI,
        "anthropic" => provider::ANTHROPIC,
        "az.ai.openai" | "azure" | "azure_openai" => provider::AZURE_AI_OPENAI,
        "az.ai.inference" => provider::AZURE_AI_INFERENCE,
        "aws" | "bedrock" | "amazon_bedrock" | "aws_bedrock" => provider::AWS_BEDROCK,
        "gemini" | "google" | "google_genai" => provider::GCP_GEMINI,
        "vertex_ai" | "vertexai" => provider::GCP_VERTEX_AI,
        "cohere" => provider::COHERE,
        "deepseek" => provider::DEEPSEEK,
        "groq" => provider::GROQ,
        "mistral" | "mistralai" => provider::MISTRAL_AI,
        "moonshot" | "moonshotai" => provider::MOONSHOT_AI,
        "perplexity" => provider::PERPLEXITY,
        "watsonx" => provider::IBM_WATSONX_AI,
        "xai" => provider::X_AI,
        _ => return name,
    };
    Cow::Borrowed(known)
}

/// Whether the instrumentation named `sender` (a scope or an SDK) reports input tokens as the provider's API
/// counts them. That differs from the conventions only where the API counts cached input apart.
pub(super) fn excludes_cache(sender: &str) -> bool {
    sender.starts_with("openlit")
}

/// Whether the API of `provider` counts cached input apart from its input tokens.
pub(super) fn counts_cache_apart(provider: &str) -> bool {
    matches!(provider, provider::ANTHROPIC | provider::AWS_BEDROCK)
}
