//! Gateways that name in the path whom they pass a call on to, and where: that decides its price. Source:
//! developers.cloudflare.com, "AI Gateway: Providers", 2026-11.

use super::target::Target;
use crate::call::RequestFacts;
use crate::semconv::provider;

/// Words of Cloudflare's paths that are not the provider's own name.
const NAMES: [(&str, &str); 8] = [
    ("aws-bedrock", provider::AWS_BEDROCK),
    ("azure-openai", provider::AZURE_AI_OPENAI),
    ("cerebras-ai", provider::CEREBRAS),
    ("google-ai-studio", provider::GCP_GEMINI),
    ("google-vertex-ai", provider::GCP_VERTEX_AI),
    ("grok", provider::X_AI),
    ("mistral", provider::MISTRAL_AI),
    ("perplexity-ai", provider::PERPLEXITY),
];

/// The others, whose names are the words.
const OWN_NAMES: [&str; 8] = [
    provider::ANTHROPIC,
    provider::CEREBRAS,
    provider::COHERE,
    provider::DEEPSEEK,
    provider::GROQ,
    provider::OPENAI,
    provider::OPENROUTER,
    provider::PERPLEXITY,
];

/// Notes who serves the model, and where it runs if that is not everywhere: `/v1/ACCOUNT/GATEWAY/PROVIDER/...`.
pub(super) fn read_path(target: &Target<'_>, request: &mut RequestFacts) {
    if target.host != "gateway.ai.cloudflare.com" {
        return;
    }
    let Some(word) = target.segments.get(3).map(AsRef::as_ref) else { return };
    let named = NAMES.iter().find(|(known, _)| *known == word).map(|(_, name)| *name);
    let Some(name) = named.or_else(|| OWN_NAMES.into_iter().find(|name| *name == word)) else { return };
    request.route = Some(name.to_owned());
    let location = target.after("locations").filter(|_| name == provider::GCP_VERTEX_AI);
    request.region = location.filter(|location| *location != "global").map(str::to_owned);
}

#[cfg(test)]
mod tests {
    use crate::provider::testing::recognised;

    fn read(path: &str) -> (Option<String>, Option<String>) {
        let request =
            recognised(&format!("https://gateway.ai.cloudflare.com/v1/a/g/{path}")).unwrap().request;
        (request.route, request.region)
    }

    #[test]
    fn the_path_names_who_serves_the_model_and_where() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("groq/chat/completions"), (some("groq"), None));
        assert_eq!(read("openai/chat/completions"), (some("openai"), None));
        assert_eq!(read("grok/v1/chat/completions"), (some("x_ai"), None));
        assert_eq!(read("compat/chat/completions"), (None, None));
        let vertex = |location: &str| {
            read(&format!(
                "google-vertex-ai/v1/projects/p/locations/{location}/publishers/google/models/m:generateContent"
            ))
        };
        assert_eq!(vertex("us-east5"), (some("gcp.vertex_ai"), some("us-east5")));
        assert_eq!(vertex("global"), (some("gcp.vertex_ai"), None));
        let elsewhere = recognised("https://llm.example.com/v1/a/g/groq/chat/completions").unwrap();
        assert_eq!(elsewhere.request.route, None);
    }
}
