//! What OpenAI's formats share: whom a path belongs to, and the parameters.

use std::borrow::Cow;

use serde_json::Value;

use crate::call::RequestFacts;
use crate::json::Json;
use crate::provider::read::{field, part};
use crate::provider::target::Target;
use crate::semconv::{output_type, provider};

/// Members of chat and legacy completion requests that decide nothing of the response.
pub(super) const FIELDS_NOT_HASHED: &[&str] = &[
    "stream",
    "stream_options",
    "user",
    "user_id",
    "metadata",
    "store",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    // OpenRouter: a cache breakpoint at the end of the prompt.
    "cache_control",
    // vLLM.
    "cache_salt",
    "priority",
    "service_tier",
    "request_id",
    "session_id",
    // OpenRouter: what its own observers file with the call, and asking for usage.
    "trace",
    "usage",
];

/// Whether the provider takes `stream_options`. Mistral tells the usage of every stream, and refuses a request that
/// asks for it.
pub(super) fn takes_options(target: &Target<'_>) -> bool {
    target.provider != Some(provider::MISTRAL_AI)
}

/// The model an Azure path names: `/openai/deployments/{deployment}/...`.
pub(super) fn deployment(target: &Target<'_>) -> Option<String> {
    target.after("deployments").map(str::to_owned)
}

/// By the host; Azure's own path tells it behind any host, and which of its two APIs answers.
pub(super) fn provider_of(target: &Target<'_>) -> Option<&'static str> {
    let by_host = target.provider;
    let azure = by_host.is_none_or(|name| name == provider::AZURE_AI_INFERENCE);
    let openai_path = target.after("openai").is_some_and(|next| next == "deployments" || by_host.is_some());
    if azure && openai_path { Some(provider::AZURE_AI_OPENAI) } else { by_host }
}

/// Whether an OpenAI-style path that is an everyday word elsewhere (`/responses`) is one here: on a host of the
/// table, alone, or behind a version or `openai`.
pub(super) fn is_api_path(target: &Target<'_>) -> bool {
    is_api(target, &target.segments)
}

/// As [`is_api_path`], of a part of the path.
pub(super) fn is_api(target: &Target<'_>, path: &[Cow<'_, str>]) -> bool {
    let is_version = |text: &str| {
        text.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    match path {
        [] => false,
        [_] => true,
        [.., before, _] => before == "openai" || is_version(before) || provider_of(target).is_some(),
    }
}

/// Reads the parameters that chat and legacy completions share.
pub(super) fn read_request(body: &Json<'_>, facts: &mut RequestFacts) {
    if let Some(model) = field::string(body, "model") {
        facts.model = Some(model);
    }
    facts.stream |= field::is_true(body, "stream");
    facts.max_tokens = field::int(body, "max_completion_tokens").or_else(|| field::int(body, "max_tokens"));
    facts.temperature = field::float(body, "temperature");
    facts.top_p = field::float(body, "top_p");
    facts.top_k = field::int(body, "top_k");
    facts.frequency_penalty = field::float(body, "frequency_penalty");
    facts.presence_penalty = field::float(body, "presence_penalty");
    facts.stop_sequences = field::strings(body, "stop");
    facts.seed = field::int(body, "seed").or_else(|| field::int(body, "random_seed"));
    facts.choice_count = field::int(body, "n");
    facts.output_type = body.get("response_format").and_then(output_format).or_else(|| modality(body));
    facts.reasoning_level = field::string(body, "reasoning_effort")
        .or_else(|| body.get("reasoning").and_then(|reasoning| field::string(reasoning, "effort")));
    facts.service_tier = field::string(body, "service_tier");
    facts.provider_tools = asks_for_tools(body, facts.model.as_deref().unwrap_or_default());
    facts.sound = facts.model.as_deref().is_some_and(|model| model.contains("gemini")) && holds_sound(body);
}

/// Whether the provider is asked to run tools of its own: by a tool, as Z.ai, MiniMax and Groq have, or by a parameter, as
/// xAI, OpenAI, Alibaba and Baidu have, or as OpenRouter has: by a plugin, or by `:online` after the model. Moonshot's own
/// tools are calls in the response.
fn asks_for_tools(body: &Json<'_>, model: &str) -> bool {
    let own = |tool: &Json<'_>| {
        let kind = tool.get("type").and_then(Json::as_str);
        kind.is_some_and(|kind| {
            // What most of them are.
            kind != "function" && PROVIDER_TOOLS.iter().any(|word| kind.contains(word))
        })
    };
    field::list(body, "tools").iter().any(own)
        || asks_for_plugins(body, model)
        || field::is_true(body, "enable_search")
        || matches!(body.get("web_search_options"), Some(Json::Object(_)))
        || ["on", "auto"]
            .iter()
            .any(|mode| body.get("search_parameters").is_some_and(|search| field::is(search, "mode", mode)))
        || body.get("web_search").is_some_and(|search| field::is_true(search, "enable"))
}

/// Whether OpenRouter is asked to search, or to read files.
pub(super) fn asks_for_plugins(body: &Json<'_>, model: &str) -> bool {
    model.ends_with(":online") || field::list(body, "plugins").iter().any(is_billed)
}

/// Whether a plugin is billed: searches are, and files unless they are read by an engine that costs nothing. Source:
/// openrouter.ai/docs, "Web search" and "PDF inputs", 2026-11.
fn is_billed(plugin: &Json<'_>) -> bool {
    let free = |pdf: &Json<'_>| {
        ["pdf-text", "cloudflare-ai", "native"].iter().any(|engine| field::is(pdf, "engine", engine))
    };
    field::is(plugin, "id", "web")
        || field::is(plugin, "id", "file-parser") && !plugin.get("pdf").is_some_and(free)
}

/// Words in the types of tools that providers run and bill.
const PROVIDER_TOOLS: [&str; 6] =
    ["search", "interpreter", "code_execution", "retrieval", "browser", "image_generation"];

/// Parts of a message that are sound, or that may hold it.
const SOUNDS: [&str; 5] = ["input_audio", "audio_url", "video_url", "input_video", "file"];

/// Whether a message of the request holds sound. Clients send it as an image as well, which Google and gateways to it take by
/// its MIME type (googleapis/python-genai, BerriAI/litellm: `data:audio/wav;base64,` in `image_url`).
fn holds_sound(body: &Json<'_>) -> bool {
    let parts = field::list(body, "messages").iter().flat_map(|message| field::list(message, "content"));
    let image = |part: &Json<'_>| {
        let url = part.get("image_url").and_then(|image| image.get("url").unwrap_or(image).as_str());
        url.is_some_and(|url| url.strip_prefix("data:").is_some_and(part::is_sound))
    };
    parts.into_iter().any(|part| SOUNDS.iter().any(|kind| field::is(part, "type", kind)) || image(part))
}

/// `gen_ai.output.type` of a `response_format`, or of the Responses API's `text.format`.
pub(super) fn output_format(format: &Json<'_>) -> Option<&'static str> {
    match field::string(format, "type")?.as_str() {
        "text" => Some(output_type::TEXT),
        "json_object" | "json_schema" | "json" => Some(output_type::JSON),
        _ => None,
    }
}

/// A modality asked for in addition to text.
fn modality(body: &Json<'_>) -> Option<&'static str> {
    field::list(body, "modalities").iter().find_map(|modality| match modality.as_str().as_deref() {
        Some("audio") => Some(output_type::SPEECH),
        Some("image") => Some(output_type::IMAGE),
        _ => None,
    })
}

/// Each prompt as a user message; prompts of token numbers have no text to show.
pub(in crate::provider) fn prompts(body: &Json<'_>, name: &str) -> Vec<Value> {
    let message = |text: String| part::message("user", vec![field::text_part(text)]);
    field::strings(body, name).into_iter().map(message).collect()
}
