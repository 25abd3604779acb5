//! Who served a call, in the conventions' names: senders write their own, the name of a framework, or none.

use std::borrow::Cow;

use spanledger::semconv::provider;

/// The conventions' name for `name`; `None` where it is no provider: empty, a framework, or `unknown`.
///
/// Some senders add the API after a full stop (`openai.responses`, `google.vertex.chat`).
pub(in super::super) fn named(name: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let lower = name.trim().to_ascii_lowercase().replace('_', "-");
    if lower.is_empty() || FRAMEWORKS.contains(&lower.as_str()) {
        return None;
    }
    Some(known(&lower).map_or(name, Cow::Borrowed))
}

/// The provider that `name` certainly is.
pub(in super::super) fn known(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase().replace('_', "-");
    let named = |(known, _): &&(&str, &str)| {
        lower.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '/', ':']))
    };
    PROVIDERS.iter().find(named).map(|(_, provider)| *provider)
}

/// Whose client library the class of an exception is of: `openai.AuthenticationError`.
pub(in super::super) fn of_class(class: &str) -> Option<&'static str> {
    let (module, _) = class.split_once('.')?;
    PROVIDERS.iter().find(|(name, _)| *name == module).map(|(_, provider)| *provider)
}

/// Who serves at `host`, where only one provider does.
pub(in super::super) fn at_host(host: &str) -> Option<&'static str> {
    let host = host.trim().to_ascii_lowercase();
    let host = host.rsplit("://").next().unwrap_or_default().split(['/', ':']).next().unwrap_or_default();
    HOSTS
        .iter()
        .find(|(end, _)| {
            host.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with(['.', '-']))
        })
        .map(|(_, provider)| *provider)
}

/// Whose model it is by its name. A gateway's prefix (`openai/gpt-4o`) names the provider, a region's
/// (`us.anthropic.claude-…`) Bedrock.
pub(in super::super) fn of_model(model: &str) -> Option<&'static str> {
    let lower = model.to_ascii_lowercase();
    if let Some((prefix, _)) = lower.split_once('/')
        && let Some((_, provider)) = PROVIDERS.iter().find(|(name, _)| *name == prefix.replace('_', "-"))
    {
        return Some(provider);
    }
    let bare = lower.rsplit('/').next().unwrap_or_default();
    let bedrock = bare.contains(':') && BEDROCK.iter().any(|maker| bare.contains(maker));
    if bedrock || BEDROCK.iter().any(|maker| bare.starts_with(maker)) {
        return Some(provider::AWS_BEDROCK);
    }
    MODELS.iter().find(|(start, _)| bare.starts_with(start)).map(|(_, provider)| *provider)
}

/// Whether the API of `provider` counts cached input apart from its input tokens.
pub(in super::super) fn counts_cache_apart(provider: &str) -> bool {
    matches!(provider, provider::ANTHROPIC | provider::AWS_BEDROCK)
}

/// Whether the API of `provider` counts thoughts apart from its output tokens.
pub(in super::super) fn counts_thoughts_apart(provider: &str) -> bool {
    matches!(provider, provider::GCP_GEMINI | provider::GCP_VERTEX_AI)
}

/// Names in lower case with hyphens; the longer of two that begin alike first.
const PROVIDERS: &[(&str, &str)] = &[
    ("azure-ai-inference", provider::AZURE_AI_INFERENCE),
    ("az.ai.inference", provider::AZURE_AI_INFERENCE),
    ("azure.ai.inference", provider::AZURE_AI_INFERENCE),
    ("azure-ai", provider::AZURE_AI_INFERENCE),
    ("az.ai.openai", provider::AZURE_AI_OPENAI),
    ("azure.ai.openai", provider::AZURE_AI_OPENAI),
    ("azure-openai", provider::AZURE_AI_OPENAI),
    ("azure", provider::AZURE_AI_OPENAI),
    ("openai", provider::OPENAI),
    ("text-completion-openai", provider::OPENAI),
    ("chatgpt", provider::OPENAI),
    ("vertex.anthropic", provider::GCP_VERTEX_AI),
    ("googlevertex.anthropic", provider::GCP_VERTEX_AI),
    ("anthropic", provider::ANTHROPIC),
    ("claude", provider::ANTHROPIC),
    ("aws.bedrock", provider::AWS_BEDROCK),
    ("aws-bedrock", provider::AWS_BEDROCK),
    ("amazon-bedrock", provider::AWS_BEDROCK),
    ("bedrock-converse", provider::AWS_BEDROCK),
    ("bedrock", provider::AWS_BEDROCK),
    ("aws", provider::AWS_BEDROCK),
    ("gcp.vertex-ai", provider::GCP_VERTEX_AI),
    ("google.vertex", provider::GCP_VERTEX_AI),
    ("google-vertex", provider::GCP_VERTEX_AI),
    ("vertex-ai-beta", provider::GCP_VERTEX_AI),
    ("vertex-ai", provider::GCP_VERTEX_AI),
    ("vertexai", provider::GCP_VERTEX_AI),
    ("vertex", provider::GCP_VERTEX_AI),
    ("gcp.gemini", provider::GCP_GEMINI),
    ("google.generative-ai", provider::GCP_GEMINI),
    ("google-generativeai", provider::GCP_GEMINI),
    ("google-ai-studio", provider::GCP_GEMINI),
    ("google-genai", provider::GCP_GEMINI),
    ("google-gla", provider::GCP_GEMINI),
    ("google", provider::GCP_GEMINI),
    ("gemini", provider::GCP_GEMINI),
    ("cohere-chat", provider::COHERE),
    ("cohere", provider::COHERE),
    ("deepseek", provider::DEEPSEEK),
    ("groq", provider::GROQ),
    ("mistral-ai", provider::MISTRAL_AI),
    ("mistralai", provider::MISTRAL_AI),
    ("mistral", provider::MISTRAL_AI),
    ("moonshotai", provider::MOONSHOT_AI),
    ("moonshot-ai", provider::MOONSHOT_AI),
    ("moonshot", provider::MOONSHOT_AI),
    ("perplexity", provider::PERPLEXITY),
    ("ibm.watsonx.ai", provider::IBM_WATSONX_AI),
    ("ibm.watson.ai", provider::IBM_WATSONX_AI),
    ("watsonx", provider::IBM_WATSONX_AI),
    ("x-ai", provider::X_AI),
    ("xai", provider::X_AI),
];

/// Names that senders write for a provider and that are none. `gcp.gen_ai`, a value of the older conventions, is
/// either of two: the host or the model decides.
const FRAMEWORKS: &[&str] = &[
    "ag2",
    "agent-framework",
    "agno",
    "autogen",
    "claude-agent-sdk",
    "crewai",
    "custom",
    "dspy",
    "gcp.gen-ai",
    "gen-ai",
    "google-adk",
    "haystack",
    "langchain",
    "langgraph",
    "litellm",
    "litellm-proxy",
    "llama-index",
    "llamaindex",
    "microsoft.agents.ai",
    "none",
    "openai-agents",
    "other",
    "-other",
    "pydantic-ai",
    "semantic-kernel",
    "smolagents",
    "spring-ai",
    "strands",
    "strands-agents",
    "unknown",
];

/// Ends of hosts.
const HOSTS: &[(&str, &str)] = &[
    ("api.openai.com", provider::OPENAI),
    ("openai.azure.com", provider::AZURE_AI_OPENAI),
    ("cognitiveservices.azure.com", provider::AZURE_AI_OPENAI),
    ("services.ai.azure.com", provider::AZURE_AI_INFERENCE),
    ("api.anthropic.com", provider::ANTHROPIC),
    ("generativelanguage.googleapis.com", provider::GCP_GEMINI),
    ("aiplatform.googleapis.com", provider::GCP_VERTEX_AI),
    ("amazonaws.com", provider::AWS_BEDROCK),
    ("api.mistral.ai", provider::MISTRAL_AI),
    ("api.groq.com", provider::GROQ),
    ("api.deepseek.com", provider::DEEPSEEK),
    ("api.x.ai", provider::X_AI),
    ("api.cohere.com", provider::COHERE),
    ("api.cohere.ai", provider::COHERE),
    ("api.perplexity.ai", provider::PERPLEXITY),
    ("api.moonshot.ai", provider::MOONSHOT_AI),
    ("openrouter.ai", provider::OPENROUTER),
];

/// How Bedrock's model ids name the maker.
const BEDROCK: &[&str] = &[
    "anthropic.claude",
    "amazon.nova",
    "amazon.titan",
    "meta.llama",
    "cohere.embed",
    "cohere.command",
    "mistral.mi",
];

/// Beginnings of the names of models that only their maker sells under them: no one else can serve them.
const MODELS: &[(&str, &str)] = &[
    ("gpt-3", provider::OPENAI),
    ("gpt-4", provider::OPENAI),
    ("gpt-5", provider::OPENAI),
    ("gpt-6", provider::OPENAI),
    ("chatgpt-", provider::OPENAI),
    ("codex-", provider::OPENAI),
    ("o1", provider::OPENAI),
    ("o3", provider::OPENAI),
    ("o4", provider::OPENAI),
    ("text-embedding-3", provider::OPENAI),
    ("text-embedding-ada", provider::OPENAI),
    ("claude-", provider::ANTHROPIC),
    ("gemini-", provider::GCP_GEMINI),
    ("grok-", provider::X_AI),
    ("sonar", provider::PERPLEXITY),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_a_provider_as_the_conventions_do() {
        for (name, expected) in [
            ("OpenAI", "openai"),
            ("openai.chat", "openai"),
            ("openai.responses", "openai"),
            ("anthropic.messages", "anthropic"),
            ("google.generative-ai", "gcp.gemini"),
            ("google.vertex.chat", "gcp.vertex_ai"),
            ("vertex.anthropic.messages", "gcp.vertex_ai"),
            ("vertex_ai", "gcp.vertex_ai"),
            ("gemini", "gcp.gemini"),
            ("google-gla", "gcp.gemini"),
            ("amazon-bedrock", "aws.bedrock"),
            ("azure-openai.chat", "azure.ai.openai"),
            ("az.ai.inference", "azure.ai.inference"),
            ("mistral_ai", "mistral_ai"),
            ("xai.chat", "x_ai"),
            ("openrouter", "openrouter"),
            ("openaiish", "openaiish"),
        ] {
            assert_eq!(named(Cow::Borrowed(name)).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn takes_no_framework_for_a_provider() {
        for name in [
            "",
            " ",
            "strands-agents",
            "langchain",
            "gcp.gen_ai",
            "LiteLLM",
            "pydantic_ai",
            "unknown",
            "_OTHER",
        ] {
            assert_eq!(named(Cow::Borrowed(name)), None, "{name}");
        }
    }

    #[test]
    fn finds_the_provider_by_its_host() {
        for (host, expected) in [
            ("api.openai.com", Some("openai")),
            ("https://eu.api.openai.com:443/v1", Some("openai")),
            ("my.openai.azure.com", Some("azure.ai.openai")),
            ("europe-west1-aiplatform.googleapis.com", Some("gcp.vertex_ai")),
            ("bedrock-runtime.eu-west-1.amazonaws.com", Some("aws.bedrock")),
            ("notapi.openai.com.example", None),
            ("fakeapi.openai.com", None),
            ("localhost", None),
            ("", None),
        ] {
            assert_eq!(at_host(host), expected, "{host}");
        }
    }

    #[test]
    fn finds_the_provider_by_a_model_that_only_one_sells() {
        for (model, expected) in [
            ("gpt-4o-mini", Some("openai")),
            ("openai/gpt-4o-mini", Some("openai")),
            ("vertex_ai/gemini-2.5-flash", Some("gcp.vertex_ai")),
            ("models/gemini-2.5-flash", Some("gcp.gemini")),
            ("o3-mini", Some("openai")),
            ("claude-sonnet-4-5", Some("anthropic")),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", Some("aws.bedrock")),
            ("anthropic.claude-3-haiku-20240307-v1:0", Some("aws.bedrock")),
            ("gpt-oss-120b", None),
            ("deepseek-r1:8b", None),
            ("llama3.2", None),
            ("", None),
        ] {
            assert_eq!(of_model(model), expected, "{model}");
        }
    }
}
