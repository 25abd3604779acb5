//! Kinds of bills that are right, or are not called exact.

use serde_json::{Value, json};
use spanledger::semconv::attribute;

use super::{ANTHROPIC, Case, GEMINI, OPENAI, chat, converse, gemini, message, per_million, response, with};
use crate::support::replay::{self, Replay};

const CHAT: &str = "https://api.openai.com/v1/chat/completions";

fn openai() -> Vec<Case> {
    let t = json!({"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100});
    let r = json!({"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100});
    let audio = json!({"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300,
        "prompt_tokens_details": {"audio_tokens": 600, "cached_tokens": 500, "cached_tokens_details": {"text_tokens": 100, "audio_tokens": 400}},
        "completion_tokens_details": {"audio_tokens": 250, "text_tokens": 50}});
    let audio_nc = json!({"prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300,
        "prompt_tokens_details": {"audio_tokens": 600, "text_tokens": 400, "cached_tokens": 0},
        "completion_tokens_details": {"audio_tokens": 250, "text_tokens": 50}});
    let long = json!({"input_tokens": 300_000, "output_tokens": 1000, "total_tokens": 301_000, "input_tokens_details": {"cached_tokens": 100_000}});
    let tier = |tier: &str, u: &Value| with(response("gpt-5.4", &json!([]), u), "service_tier", json!(tier));
    let cached = json!({"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100, "input_tokens_details": {"cached_tokens": 800}});
    let image = |details: Value| {
        json!({"created": 1, "data": [{"b64_json": "aGk="}], "usage": {"input_tokens": 50, "output_tokens": 1056, "total_tokens": 1106,
            "input_tokens_details": {"text_tokens": 50, "image_tokens": 0}, "output_tokens_details": details}})
    };
    vec![
        Case::new("a model that searches, whose fee is not that of the previews", CHAT, "gpt-5-search-api", &chat("gpt-5-search-api-2025-10-14", &t)).costs(per_million([(1000.0, 1.25), (100.0, 10.0)]) + 0.01),
        Case::new("predicted outputs", CHAT, "gpt-4o", &chat("gpt-4o", &with(t.clone(), "completion_tokens_details", json!({"accepted_prediction_tokens": 30, "rejected_prediction_tokens": 40})))).costs(per_million([(1000.0, 2.5), (100.0, 10.0)])),
        Case::new("cached sound without a price of its own", CHAT, "sound in and out", &chat("sound in and out", &audio)),
        Case::new("gpt-audio", CHAT, "gpt-audio", &chat("gpt-audio", &audio_nc)).costs(per_million([(400.0, 2.5), (600.0, 32.0), (50.0, 10.0), (250.0, 64.0)])),
        Case::new("flex, with what is cached", OPENAI, "gpt-5.4", &tier("flex", &cached)).costs(per_million([(200.0, 1.25), (800.0, 0.13), (100.0, 7.5)])),
        Case::new("flex, a long prompt", OPENAI, "gpt-5.4", &tier("flex", &long)).costs(per_million([(200_000.0, 2.5), (100_000.0, 0.25), (1000.0, 11.25)])),
        Case::new("a priority tier", OPENAI, "gpt-5.4", &tier("a priority tier", &cached)).costs(per_million([(200.0, 5.0), (800.0, 0.5), (100.0, 30.0)])),
        Case::new("a scale tier", OPENAI, "gpt-5.4", &tier("a scale tier", &cached)),
        Case::new("a fine-tuned model", CHAT, "ft:gpt-4o-2024-08-06:birds::abc", &chat("ft:gpt-4o-2024-08-06:birds::abc", &t)).costs(per_million([(1000.0, 3.75), (100.0, 15.0)])),
        Case::new("a hosted shell", OPENAI, "gpt-5.4", &response("gpt-5.4", &json!([{"type": "shell_call", "status": "completed", "environment": {"type": "container_reference"}}]), &r)),
        Case::new("deep research", OPENAI, "o3-deep-research", &response("o3-deep-research-2025-06-26", &json!([{"type": "web_search_call", "action": {"type": "search", "query": "w"}}, {"type": "code_interpreter_call", "code": "1"}]), &r)),
        Case::new("an image and the text next to it", "https://api.openai.com/v1/images/generations", "gpt-image-1.5", &image(json!({"image_tokens": 1000, "text_tokens": 56}))).costs(per_million([(50.0, 5.0), (1000.0, 32.0), (56.0, 10.0)])),
        Case::new("an image or text, which the counts do not tell", "https://api.openai.com/v1/images/generations", "gpt-image-1.5", &image(Value::Null)),
        Case::new("a transcription by tokens", "https://api.openai.com/v1/audio/transcriptions", "a transcription by tokens", &json!({"text": "A wren.", "usage": {"type": "tokens", "input_tokens": 1000, "output_tokens": 20, "total_tokens": 1020, "input_token_details": {"text_tokens": 100, "audio_tokens": 900}}})).costs(per_million([(100.0, 2.5), (900.0, 6.0), (20.0, 10.0)])),
        Case::new("a transcription by duration", "https://api.openai.com/v1/audio/transcriptions", "whisper-1", &json!({"text": "A wren.", "usage": {"type": "duration", "seconds": 90}})).costs(0.009),
        Case::new("a deployment of provisioned throughput", "https://birds.openai.azure.com/openai/deployments/o3-mini/chat/completions?api-version=2025-01-01", "o3-mini", &chat("o3-mini", &t)).header(&[("azure-openai-deployment-utilization", "3.5%")]),
    ]
}

fn anthropic() -> Vec<Case> {
    let long = json!({"input_tokens": 150_000, "cache_creation_input_tokens": 60_000, "cache_read_input_tokens": 10_000,
        "cache_creation": {"ephemeral_5m_input_tokens": 20_000, "ephemeral_1h_input_tokens": 40_000}, "output_tokens": 500});
    let batch = json!({"input_tokens": 1000, "cache_creation_input_tokens": 600, "cache_read_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 400}, "output_tokens": 100, "service_tier": "batch"});
    let plain = json!({"input_tokens": 1000, "output_tokens": 100});
    let hosted = |tool: &str| {
        let mut m = message(
            "claude-opus-5",
            &with(plain.clone(), "server_tool_use", json!({"web_search_requests": 0})),
        );
        m["content"] = json!([{"type": "server_tool_use", "id": "s", "name": tool, "input": {}}, {"type": "text", "text": "2"}]);
        m["container"] = json!({"id": "container_1", "expires_at": "2026-10-01T00:00:00Z"});
        m
    };
    let mut kept = message("claude-opus-5", &plain);
    kept["container"] = json!({"id": "container_1", "expires_at": "2026-10-01T00:00:00Z"});
    vec![
        Case::new("a long prompt, with an hour of cache", ANTHROPIC, "claude-sonnet-4-5", &message("claude-sonnet-4-5-20250929", &long)).costs(per_million([(150_000.0, 6.0), (20_000.0, 7.5), (40_000.0, 12.0), (10_000.0, 0.6), (500.0, 22.5)])),
        Case::new("a batch, with both lifetimes of cache", ANTHROPIC, "claude-opus-5", &message("claude-opus-5", &batch)).costs(per_million([(1000.0, 2.5), (200.0, 3.125), (400.0, 5.0), (300.0, 0.25), (100.0, 12.5)])),
        Case::new("a batch in the US", ANTHROPIC, "claude-opus-5", &message("claude-opus-5", &with(batch.clone(), "inference_geo", json!("us")))).costs(1.1 * per_million([(1000.0, 2.5), (200.0, 3.125), (400.0, 5.0), (300.0, 0.25), (100.0, 12.5)])),
        Case::new("a batch of a model without a batch price", ANTHROPIC, "claude-3-7-sonnet-20250219", &message("claude-3-7-sonnet-20250219", &batch)).costs(per_million([(1000.0, 1.5), (200.0, 1.875), (400.0, 3.0), (300.0, 0.15), (100.0, 7.5)])),
        Case::new("priority", ANTHROPIC, "claude-opus-4-5", &message("claude-opus-4-5-20251101", &with(plain.clone(), "service_tier", json!("priority")))),
        Case::new("a container in which commands ran", ANTHROPIC, "claude-opus-5", &hosted("bash_code_execution")),
        Case::new("a container in which nothing ran", ANTHROPIC, "claude-opus-5", &kept),
        Case::new("a subscription that pays", ANTHROPIC, "claude-opus-5", &message("claude-opus-5", &plain))
            .header(&[("anthropic-ratelimit-unified-status", "allowed")]),
        Case::new("Claude on Azure", "https://birds.services.ai.azure.com/anthropic/v1/messages", "claude-opus-5", &message("claude-opus-5", &plain)).costs(per_million([(1000.0, 5.0), (100.0, 25.0)])),
        Case::new("Claude in a multi-region", "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/publishers/anthropic/models/claude-opus-5:rawPredict", "", &message("claude-opus-5", &plain)).costs(1.1 * per_million([(1000.0, 5.0), (100.0, 25.0)])),
    ]
}

fn google() -> Vec<Case> {
    let url = |model: &str| -> &'static str {
        format!("https://generativelanguage.googleapis.com/v1beta/models/{model}:generateContent").leak()
    };
    let d = |list: &[(&str, u64)]| {
        Value::from_iter(list.iter().map(|(m, n)| json!({"modality": m, "tokenCount": n})))
    };
    let cached_audio = json!({"promptTokenCount": 1100, "candidatesTokenCount": 10, "totalTokenCount": 1110, "cachedContentTokenCount": 700,
        "promptTokensDetails": d(&[("AUDIO", 1000), ("TEXT", 100)]), "cacheTokensDetails": d(&[("AUDIO", 650), ("TEXT", 50)])});
    let mut hidden_audio = cached_audio.clone();
    hidden_audio.as_object_mut().unwrap().remove("cacheTokensDetails");
    let tool = json!({"promptTokenCount": 100, "toolUsePromptTokenCount": 900, "candidatesTokenCount": 10, "thoughtsTokenCount": 40, "totalTokenCount": 1050});
    let image = json!({"promptTokenCount": 20, "candidatesTokenCount": 1340, "thoughtsTokenCount": 60, "totalTokenCount": 1420, "candidatesTokensDetails": d(&[("IMAGE", 1290), ("TEXT", 50)])});
    let image_bare = json!({"promptTokenCount": 20, "candidatesTokenCount": 1290, "totalTokenCount": 1310});
    let mut picture = gemini("gemini-2.5-flash-image", &image_bare);
    picture["candidates"][0]["content"]["parts"] =
        json!([{"inlineData": {"mimeType": "image/png", "data": "aGk="}}]);
    let video = json!({"promptTokenCount": 3100, "candidatesTokenCount": 10, "totalTokenCount": 3110, "promptTokensDetails": d(&[("VIDEO", 2600), ("AUDIO", 400), ("TEXT", 100)])});
    let tts = json!({"promptTokenCount": 10, "candidatesTokenCount": 500, "totalTokenCount": 510, "candidatesTokensDetails": d(&[("AUDIO", 500)])});
    let embed = json!({"embedding": {"values": [0.1]}, "usageMetadata": {"promptTokenCount": 300, "totalTokenCount": 300, "promptTokenDetails": d(&[("IMAGE", 258), ("TEXT", 42)])}});
    let vertex = |at: &str, model: &str| -> &'static str {
        format!("https://{at}aiplatform.googleapis.com/v1/projects/p/locations/x/publishers/google/models/{model}:generateContent").leak()
    };
    let plain = json!({"promptTokenCount": 1000, "candidatesTokenCount": 100, "totalTokenCount": 1100});
    let mut enterprise = gemini("gemini-2.5-flash", &plain);
    enterprise["candidates"][0]["groundingMetadata"] =
        json!({"webSearchQueries": ["wren"], "groundingChunks": [{"web": {"uri": "https://x"}}]});
    vec![
        Case::new("cached sound of Gemini's", GEMINI, "", &gemini("gemini-2.5-flash", &cached_audio))
            .costs(per_million([(350.0, 1.0), (50.0, 0.3), (650.0, 0.1), (50.0, 0.03), (10.0, 2.5)])),
        Case::new("a cache of sound or text", GEMINI, "", &gemini("gemini-2.5-flash", &hidden_audio)),
        Case::new(
            "prompts that tools brought, and thoughts",
            url("gemini-2.5-pro"),
            "",
            &gemini("gemini-2.5-pro", &tool),
        )
        .costs(per_million([(1000.0, 1.25), (50.0, 10.0)])),
        Case::new(
            "an image of Gemini's and the text next to it",
            url("gemini-2.5-flash-image"),
            "",
            &gemini("gemini-2.5-flash-image", &image),
        )
        .costs(per_million([(20.0, 0.3), (1290.0, 30.0), (110.0, 2.5)])),
        Case::new("an image of Gemini's without modalities", url("gemini-2.5-flash-image"), "", &picture)
            .costs(per_million([(20.0, 0.3), (1290.0, 30.0)])),
        Case::new(
            "an image and thoughts",
            url("gemini-3-pro-image-preview"),
            "",
            &gemini("gemini-3-pro-image-preview", &image),
        )
        .costs(per_million([(20.0, 2.0), (1290.0, 120.0), (110.0, 12.0)])),
        Case::new("video with sound", GEMINI, "", &gemini("gemini-2.5-flash", &video)).costs(per_million([
            (2700.0, 0.3),
            (400.0, 1.0),
            (10.0, 2.5),
        ])),
        Case::new(
            "speech",
            url("gemini-2.5-flash-preview-tts"),
            "",
            &gemini("gemini-2.5-flash-preview-tts", &tts),
        )
        .costs(per_million([(10.0, 0.5), (500.0, 10.0)])),
        Case::new(
            "an embedding of an image",
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-2:embedContent",
            "",
            &embed,
        )
        .costs(per_million([(258.0, 0.45), (42.0, 0.2)])),
        Case::new(
            "Gemini 3 in a region",
            vertex("europe-west1-", "gemini-3.1-pro-preview"),
            "",
            &gemini("gemini-3.1-pro-preview", &plain),
        ),
        Case::new(
            "Vertex AI's priority",
            vertex("", "gemini-2.5-flash"),
            "",
            &gemini("gemini-2.5-flash", &with(plain.clone(), "trafficType", json!("ON_DEMAND_PRIORITY"))),
        ),
        Case::new(
            "flex, with sound",
            GEMINI,
            "",
            &gemini("gemini-2.5-flash", &with(video.clone(), "serviceTier", json!("flex"))),
        )
        .costs(0.5 * per_million([(2700.0, 0.3), (400.0, 1.0), (10.0, 2.5)])),
    ]
}

fn bedrock() -> Vec<Case> {
    let url = |region: &str, model: &str, op: &str| -> &'static str {
        format!("https://bedrock-runtime.{region}.amazonaws.com/model/{model}/{op}").leak()
    };
    let t = json!({"inputTokens": 1000, "outputTokens": 100, "totalTokens": 1100});
    let u = json!({"input_tokens": 1000, "output_tokens": 100});
    let arn = |kind: &str| format!("arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3A{kind}%2Fabc123");
    let searched = |tool: &str| {
        json!({"output": {"message": {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": tool, "input": {}, "type": "server_tool_use"}},
            {"toolResult": {"toolUseId": "t", "content": [], "status": "success", "type": "nova_grounding_result"}}, {"text": "A wren."}]}}, "stopReason": "end_turn", "usage": t})
    };
    vec![
        Case::new(
            "provisioned throughput of Bedrock",
            url("us-east-1", &arn("provisioned-model"), "invoke"),
            "",
            &message("claude-opus-4-6", &u),
        ),
        Case::new(
            "a profile that the caller made",
            url("us-east-1", &arn("application-inference-profile"), "invoke"),
            "",
            &message("claude-opus-4-6", &u),
        ),
        Case::new(
            "a model that the caller imported",
            url("us-east-1", &arn("imported-model"), "invoke"),
            "",
            &json!({"generation": "A wren.", "prompt_token_count": 1000, "generation_token_count": 100, "stop_reason": "stop"}),
        ),
        Case::new(
            "Nova's searches",
            url("us-east-1", "us.amazon.nova-2-lite-v1:0", "converse"),
            "",
            &searched("nova_grounding"),
        ),
        Case::new(
            "Nova's code",
            url("us-east-1", "us.amazon.nova-2-lite-v1:0", "converse"),
            "",
            &searched("nova_code_interpreter"),
        ),
        Case::new(
            "Nova in Europe",
            url("eu-central-1", "amazon.nova-lite-v1:0", "converse"),
            "",
            &converse(&t),
        ),
        Case::new(
            "Nova, a profile in Europe",
            url("eu-central-1", "eu.amazon.nova-lite-v1:0", "converse"),
            "",
            &converse(&t),
        ),
        Case::new(
            "Llama in London",
            url("eu-west-2", "meta.llama3-70b-instruct-v1:0", "converse"),
            "",
            &converse(&t),
        ),
        Case::new(
            "Nova in a government region",
            url("us-gov-west-1", "amazon.nova-pro-v1:0", "converse"),
            "",
            &converse(&t),
        ),
    ]
}

fn others() -> Vec<Case> {
    let t = json!({"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100});
    let mut kimi = chat("kimi-k2.5", &t);
    kimi["choices"][0]["message"]["tool_calls"] = json!([{"index": 0, "id": "t", "type": "builtin_function", "function": {"name": "$web_search", "arguments": "{}"}}]);
    let mut tencent = chat("MiniMax-M2.7", &t);
    tencent["choices"][0]["message"]["annotations"] = json!([{"type": "url_citation"}]);
    let pages = json!({"model": "mistral-ocr-2512", "pages": [{"index": 0, "markdown": "A wren."}], "usage_info": {"pages_processed": 3, "doc_size_bytes": 9}});
    let mistral = "https://api.mistral.ai/v1/ocr";
    let conversation = json!({"object": "conversation.response", "conversation_id": "c", "outputs": [{"type": "tool.execution", "name": "web_search", "id": "x"}, {"type": "message.output", "model": "mistral-large-2512", "content": "A wren."}], "usage": t});
    let images = json!({"object": "conversation.response", "conversation_id": "c", "outputs": [{"type": "tool.execution", "name": "image_generation", "id": "x"}, {"type": "message.output", "model": "mistral-large-2512", "content": "A wren."}], "usage": t});
    let pplx = |extra: Value| chat("sonar-deep-research", &extra);
    vec![
        Case::new("Moonshot's searches", "https://api.moonshot.ai/v1/chat/completions", "kimi-k2.5", &kimi),
        Case::new("Z.ai's searches", "https://api.z.ai/api/paas/v4/chat/completions", "GLM-4.7", &with(chat("GLM-4.7", &t), "web_search", json!([{"title": "Wrens", "link": "https://x", "refer": "ref_1"}]))),
        Case::new("pages", mistral, "mistral-ocr-2512", &pages).costs(0.006),
        Case::new("pages with an annotation", mistral, "mistral-ocr-2512", &with(pages.clone(), "document_annotation", json!("{\"bird\": \"wren\"}"))).costs(0.009),
        Case::new("seconds of sound next to tokens", "https://api.mistral.ai/v1/audio/transcriptions", "voxtral-mini-2602", &json!({"model": "voxtral-mini-2602", "text": "A wren.", "usage": {"prompt_audio_seconds": 60, "prompt_tokens": 4, "completion_tokens": 10, "total_tokens": 900}})),
        Case::new("a connector that is not counted", "https://api.mistral.ai/v1/conversations", "mistral-large-2512", &conversation),
        Case::new("a connector that makes images", "https://api.mistral.ai/v1/conversations", "mistral-large-2512", &images),
        Case::new("images next to text", "https://api.cohere.com/v2/embed", "embed-v4.0", &json!({"id": "e", "embeddings": {"float": [[0.1]]}, "meta": {"billed_units": {"input_tokens": 10, "image_tokens": 500}}})).costs(per_million([(10.0, 0.12), (500.0, 0.47)])),
        Case::new("deep research", "https://api.perplexity.ai/chat/completions", "sonar-deep-research", &pplx(json!({"prompt_tokens": 30, "completion_tokens": 1000, "total_tokens": 1030, "citation_tokens": 5000, "num_search_queries": 20, "reasoning_tokens": 40_000})))
            .costs(per_million([(30.0, 2.0), (1000.0, 8.0), (5000.0, 2.0), (40_000.0, 3.0)]) + 0.1),
        Case::new("Perplexity's pro search", "https://api.perplexity.ai/chat/completions", "sonar-pro", &chat("sonar-pro", &with(with(t.clone(), "search_context_size", json!("low")), "search_type", json!("pro")))),
        Case::new("less than the shortest duration that Groq bills", "https://api.groq.com/openai/v1/audio/transcriptions", "whisper-large-v3", &json!({"text": "A wren.", "usage": {"type": "duration", "seconds": 3}})).costs(0.111 / 3600.0 * 10.0),
        Case::new("Groq's flex", "https://api.groq.com/openai/v1/chat/completions", "openai/gpt-oss-120b", &with(chat("openai/gpt-oss-120b", &t), "service_tier", json!("flex"))).costs(per_million([(1000.0, 0.15), (100.0, 0.6)])),
        Case::new("Fireworks' priority", "https://api.fireworks.ai/inference/v1/chat/completions", "accounts/fireworks/models/kimi-k2p6", &with(chat("accounts/fireworks/models/kimi-k2p6", &t), "service_tier", json!("priority"))),
        Case::new("a deployment next to a model", "https://api.fireworks.ai/inference/v1/chat/completions", "accounts/fireworks/models/kimi-k2p6#accounts/birds/deployments/d1", &chat("accounts/fireworks/models/kimi-k2p6#accounts/birds/deployments/d1", &t)),
        Case::new("a deployment of the caller's own", "https://api.fireworks.ai/inference/v1/chat/completions", "accounts/birds/deployments/d1", &chat("accounts/fireworks/models/kimi-k2p6", &t)),
        Case::new("a long prompt of Grok's without ticks", "https://api.x.ai/v1/chat/completions", "grok-4-fast-reasoning", &chat("grok-4-fast-reasoning", &json!({"prompt_tokens": 150_000, "completion_tokens": 100, "total_tokens": 150_100}))).costs(per_million([(150_000.0, 0.4), (100.0, 1.0)])),
        Case::new("sources of Grok's live search", "https://api.x.ai/v1/chat/completions", "grok-4-fast-reasoning", &chat("grok-4-fast-reasoning", &with(t.clone(), "num_sources_used", json!(5)))),
        Case::new("a plan that pays for code", "https://api.kimi.com/coding/v1/chat/completions", "kimi-k2.5", &chat("kimi-k2.5", &t)),
        Case::new("a search of Qwen's", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions", "qwen-plus", &chat("qwen-plus", &with(t.clone(), "plugins", json!({"search": {"count": 1}})))),
    ]
}

/// Whether the cost is right or is not called exact: a case without a cost has none that its response reports.
#[tokio::test]
async fn what_is_called_exact_is_what_the_provider_bills() {
    let replay = Replay::start(1).await.unwrap();
    let mut wrong = Vec::new();
    let mut exact = 0;
    for case in [openai(), anthropic(), google(), bedrock(), others()].iter().flatten() {
        let replayed = replay.run(&case.exchange()).await.unwrap();
        let span = replay::attributes(&replayed.spans[0]);
        let usd = span.get(attribute::USAGE_COST).and_then(Value::as_f64);
        let status = &span[attribute::COST_STATUS];
        if status != "exact" && status != "free" {
            continue;
        }
        exact += 1;
        let right = case.usd.zip(usd).is_some_and(|(wanted, usd)| (usd - wanted).abs() <= 1e-3 * wanted);
        if !right {
            wrong.push(format!("{}: {status} {usd:?}, not {:?}", case.name, case.usd));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(exact >= 15, "only {exact} are exact");
}
