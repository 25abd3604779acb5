//! What providers bill next to tokens in 2026, and what shows it: a member of the request, of the response, or a header.

use serde_json::{Value, json};
use spanledger::semconv::attribute;

use super::{ANTHROPIC, Case, OPENAI, chat, gemini, message, response, with};
use crate::support::replay::{self, Replay};

/// A call whose cost is exact only where nothing but tokens is billed for it.
struct Asked {
    name: &'static str,
    url: &'static str,
    /// Members of the request.
    request: Value,
    response: Value,
    headers: &'static [(&'static str, &'static str)],
    /// Whether the cost may be called exact.
    exact: bool,
}

fn asked(name: &'static str, url: &'static str, request: Value, response: Value) -> Asked {
    Asked { name, url, request, response, headers: &[], exact: false }
}

impl Asked {
    fn exact(self) -> Self {
        Self { exact: true, ..self }
    }

    fn header(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
    }
}

const CHAT: &str = "https://api.openai.com/v1/chat/completions";
const QWEN: &str = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions";
const QWEN_NATIVE: &str =
    "https://dashscope-intl.aliyuncs.com/api/v1/services/aigc/text-generation/generation";
const ARK: &str = "https://ark.cn-beijing.volces.com/api/v3/bots/chat/completions";
const KIMI: &str = "https://api.moonshot.ai/v1/chat/completions";
const ZAI: &str = "https://api.z.ai/api/paas/v4/chat/completions";
const MINIMAX: &str = "https://api.minimax.io/v1/chat/completions";
const MISTRAL: &str = "https://api.mistral.ai/v1/conversations";
const GROQ: &str = "https://api.groq.com/openai/v1/chat/completions";
const XAI: &str = "https://api.x.ai/v1/chat/completions";
const COHERE: &str = "https://api.cohere.com/v2/chat";
const FLASH: &str =
    "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent";

fn tokens() -> Value {
    json!({"prompt_tokens": 500, "completion_tokens": 40, "total_tokens": 540})
}

fn cases() -> Vec<Asked> {
    let counted = json!({"input_tokens": 500, "output_tokens": 40});
    let counted_with = |name: &str, member: Value| with(counted.clone(), name, member);
    let priced = |model: &str| chat(model, &tokens());
    let parts = |part: Value| {
        let mut usage = json!({"promptTokenCount": 500, "candidatesTokenCount": 40, "totalTokenCount": 540});
        usage.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        gemini("gemini-2.5-flash", &usage)
    };
    let ask = |model: &str, member: &str, value: Value| with(json!({"model": model}), member, value);
    let gpt = |member: &str, value: Value| ask("gpt-4.1", member, value);
    vec![
        asked("nothing but tokens", CHAT, json!({"model": "gpt-4.1"}), priced("gpt-4.1")).exact(),
        asked(
            "a faster Claude, and a gateway that does not pass on whether it was",
            ANTHROPIC,
            ask("claude-opus-5", "speed", json!("fast")),
            message("claude-opus-5", &counted),
        ),
        asked(
            "a faster Claude that was not granted",
            ANTHROPIC,
            ask("claude-opus-5", "speed", json!("fast")),
            message("claude-opus-5", &counted_with("speed", json!("standard"))),
        )
        .exact(),
        asked(
            "Claude in a region, and a gateway that does not pass on where it was",
            ANTHROPIC,
            ask("claude-opus-5", "inference_geo", json!("us")),
            message("claude-opus-5", &counted),
        ),
        asked(
            "Claude anywhere",
            ANTHROPIC,
            ask("claude-opus-5", "inference_geo", json!("global")),
            message("claude-opus-5", &counted),
        )
        .exact(),
        asked(
            "nothing but tokens of Claude",
            ANTHROPIC,
            json!({"model": "claude-opus-5"}),
            message("claude-opus-5", &counted),
        )
        .exact(),
        // Caches of gateways.
        asked("Cloudflare's cache", CHAT, json!({"model": "gpt-4.1"}), priced("gpt-4.1"))
            .header(&[("cf-aig-cache-status", "HIT")]),
        asked("Cloudflare's cache missed", CHAT, json!({"model": "gpt-4.1"}), priced("gpt-4.1"))
            .header(&[("cf-aig-cache-status", "MISS")])
            .exact(),
        asked(
            "Helicone's cache",
            "https://oai.helicone.ai/v1/chat/completions",
            json!({"model": "gpt-4.1"}),
            priced("gpt-4.1"),
        )
        .header(&[("helicone-cache", "HIT")]),
        asked(
            "Portkey's cache",
            "https://api.portkey.ai/v1/chat/completions",
            json!({"model": "gpt-4.1"}),
            priced("gpt-4.1"),
        )
        .header(&[("x-portkey-cache-status", "SEMANTIC HIT")]),
        // Searches.
        asked(
            "a search that only the request of Qwen has",
            QWEN,
            ask("qwen-plus", "enable_search", json!(true)),
            priced("qwen-plus"),
        ),
        asked(
            "a search of Qwen's own interface",
            QWEN_NATIVE,
            json!({"model": "qwen-plus", "parameters": {"enable_search": true}}),
            json!({"request_id": "q1", "output": {"text": "A wren.", "finish_reason": "stop", "search_info": {"search_results": [{"index": 1}]}},
                "usage": {"input_tokens": 500, "output_tokens": 40, "total_tokens": 540, "plugins": {"search": {"count": 1}}}}),
        ),
        asked(
            "a bot of Volcengine",
            ARK,
            json!({"model": "bot-1"}),
            with(
                priced("doubao-seed-1-6"),
                "bot_usage",
                json!({"action_usage": [{"name": "web_search", "count": 2}]}),
            ),
        ),
        asked(
            "Kimi's search, which did not run",
            KIMI,
            ask(
                "kimi-k2.6",
                "tools",
                json!([{"type": "builtin_function", "function": {"name": "$web_search"}}]),
            ),
            priced("kimi-k2.6"),
        )
        .exact(),
        asked(
            "Z.ai's search that the request asks for",
            ZAI,
            ask("glm-4.6", "tools", json!([{"type": "web_search", "web_search": {"enable": true}}])),
            with(priced("glm-4.6"), "web_search", json!([{"title": "wrens"}])),
        ),
        asked(
            "MiniMax' search",
            MINIMAX,
            ask("MiniMax-M2", "tools", json!([{"type": "web_search"}])),
            priced("MiniMax-M2"),
        ),
        asked(
            "Baidu's search",
            "https://qianfan.baidubce.com/v2/chat/completions",
            ask("ernie-4.5-turbo-128k", "web_search", json!({"enable": true})),
            with(priced("ernie-4.5-turbo-128k"), "search_results", json!([{"index": 1}])),
        ),
        asked(
            "Mistral's connectors",
            MISTRAL,
            ask("mistral-medium-latest", "tools", json!([{"type": "web_search"}])),
            json!({"object": "conversation.response", "conversation_id": "c1", "outputs": [{"type": "message.output", "model": "mistral-medium-latest",
                "content": "A wren."}], "usage": {"prompt_tokens": 500, "completion_tokens": 40, "total_tokens": 640, "connector_tokens": 100,
                "connectors": {"web_search": 1}}}),
        ),
        asked("tools that Groq's compound ran", GROQ, json!({"model": "groq/compound"}), {
            let mut ran = priced("groq/compound");
            ran["choices"][0]["message"]["executed_tools"] = json!([{"type": "search", "arguments": "{}"}]);
            ran
        }),
        asked(
            "tools that a model ran on Groq's servers",
            GROQ,
            ask("openai/gpt-oss-120b", "tools", json!([{"type": "browser_search"}])),
            {
                let mut ran = priced("openai/gpt-oss-120b");
                ran["choices"][0]["message"]["executed_tools"] =
                    json!([{"type": "browser.search", "index": 0}]);
                ran
            },
        ),
        asked(
            "xAI's tools",
            XAI,
            json!({"model": "grok-4.6"}),
            chat("grok-4.6", &with(tokens(), "num_server_side_tools_used", json!(3))),
        ),
        asked(
            "xAI's live search",
            XAI,
            ask("grok-4.6", "search_parameters", json!({"mode": "on"})),
            chat("grok-4.6", &with(tokens(), "num_sources_used", json!(5))),
        ),
        asked("searches of OpenAI's chat", CHAT, gpt("web_search_options", json!({})), priced("gpt-4.1")),
        asked(
            "a container of OpenAI",
            OPENAI,
            json!({"model": "gpt-5.5"}),
            response(
                "gpt-5.5",
                &json!([{"type": "shell_call", "environment": {"type": "container_reference"}}]),
                &json!({"input_tokens": 500, "output_tokens": 40, "total_tokens": 540}),
            ),
        ),
        // Tiers and lifetimes.
        asked(
            "Claude's priority tier",
            ANTHROPIC,
            json!({"model": "claude-opus-5"}),
            message("claude-opus-5", &counted_with("service_tier", json!("priority"))),
        ),
        asked(
            "a lifetime of the cache that is not known",
            ANTHROPIC,
            json!({"model": "claude-opus-5"}),
            message(
                "claude-opus-5",
                &with(
                    counted_with("cache_creation_input_tokens", json!(900)),
                    "cache_creation",
                    json!({"ephemeral_24h_input_tokens": 900}),
                ),
            ),
        ),
        asked(
            "thoughts of Claude, which are part of the output",
            ANTHROPIC,
            json!({"model": "claude-opus-5"}),
            message("claude-opus-5", &counted_with("output_tokens_details", json!({"thinking_tokens": 30}))),
        )
        .exact(),
        asked(
            "pages that Claude fetched, which cost nothing more",
            ANTHROPIC,
            json!({"model": "claude-opus-5"}),
            message("claude-opus-5", &counted_with("server_tool_use", json!({"web_fetch_requests": 3}))),
        )
        .exact(),
        asked(
            "code that Claude ran",
            ANTHROPIC,
            json!({"model": "claude-opus-5"}),
            message("claude-opus-5", &counted_with("server_tool_use", json!({"code_execution_requests": 3}))),
        ),
        asked(
            "a server tool of Claude that is not known",
            ANTHROPIC,
            json!({"model": "claude-opus-5"}),
            message("claude-opus-5", &counted_with("server_tool_use", json!({"image_search_requests": 3}))),
        ),
        asked(
            "latency of Bedrock",
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse",
            json!({"performanceConfig": {"latency": "optimized"}}),
            json!({"output": {"message": {"role": "assistant", "content": [{"text": "A wren."}]}}, "stopReason": "end_turn",
                "usage": {"inputTokens": 500, "outputTokens": 40, "totalTokens": 540}, "performanceConfig": {"latency": "optimized"}}),
        ),
        asked(
            "prompts of tools",
            FLASH,
            json!({}),
            parts(json!({"toolUsePromptTokenCount": 90, "totalTokenCount": 630})),
        )
        .exact(),
        asked(
            "a detail of a kind that is not known",
            FLASH,
            json!({}),
            parts(json!({"promptTokensDetails": [{"modality": "HOLOGRAM", "tokenCount": 500}]})),
        ),
        asked(
            "images of Cohere",
            COHERE,
            json!({"model": "command-a-vision-07-2025"}),
            json!({"id": "c1", "finish_reason": "COMPLETE", "message": {"role": "assistant", "content": [{"type": "text", "text": "A wren."}]},
                "usage": {"billed_units": {"input_tokens": 500, "output_tokens": 40, "images": 2}, "tokens": {"input_tokens": 500, "output_tokens": 40}}}),
        ),
        asked(
            "GitHub's models, which have prices of their own",
            "https://models.github.ai/inference/chat/completions",
            json!({"model": "openai/gpt-4.1"}),
            priced("gpt-4.1-2025-04-14"),
        ),
        asked(
            "NVIDIA's endpoints, which have none",
            "https://integrate.api.nvidia.com/v1/chat/completions",
            json!({"model": "openai/gpt-oss-120b"}),
            priced("openai/gpt-oss-120b"),
        ),
        asked(
            "Poe's points",
            "https://api.poe.com/v1/chat/completions",
            json!({"model": "GPT-4.1"}),
            priced("GPT-4.1"),
        ),
    ]
}

#[tokio::test]
async fn what_is_billed_next_to_tokens_is_never_silent() {
    let replay = Replay::start(1).await.unwrap();
    let mut wrong = Vec::new();
    for case in cases() {
        let mut exchange = Case::new(case.name, case.url, "", &case.response).header(case.headers).exchange();
        let mut request: Value = serde_json::from_str(exchange.request.body.as_deref().unwrap()).unwrap();
        request.as_object_mut().unwrap().extend(case.request.as_object().unwrap().clone());
        exchange.request.body = Some(request.to_string());
        let replayed = replay.run(&exchange).await.unwrap();
        let Some(span) = replayed.spans.first().map(replay::attributes) else {
            wrong.push(format!("{}: no span", case.name));
            continue;
        };
        let status = span[attribute::COST_STATUS].as_str().unwrap_or_default();
        let certain = ["exact", "free"].contains(&status);
        if certain != case.exact {
            let facts = [
                attribute::USAGE_COST,
                attribute::USAGE_UNPARSED,
                attribute::COST_FACTORS,
                attribute::COST_PRICE_SOURCE,
            ];
            let facts = facts.map(|name| span.get(name).cloned().unwrap_or_default());
            wrong.push(format!("{}: is {status} {facts:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
