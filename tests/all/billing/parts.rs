//! Parts of tokens that have no price, prices of parts that are not counted, and lengths that have a price of their own.

use serde_json::{Value, json};
use spanledger::semconv::attribute;

use super::{Case, chat, converse, gemini, per_million, response, with};

const CHAT: &str = "https://api.openai.com/v1/chat/completions";
const IMAGES: &str = "https://api.openai.com/v1/images/generations";
const GEMINI: &str = "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions";

/// Models whose sellers report cached tokens and of which the table has the price of other input alone.
const CACHED: &[(&str, &str)] = &[
    ("https://api.groq.com/openai/v1/chat/completions", "llama-3.3-70b-versatile"),
    ("https://api.together.xyz/v1/chat/completions", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    ("https://api.fireworks.ai/inference/v1/chat/completions", "accounts/fireworks/models/deepseek-v3-0324"),
    ("https://api.novita.ai/openai/v1/chat/completions", "baidu/ernie-4.5-21B-a3b"),
    ("https://api.mistral.ai/v1/chat/completions", "magistral-medium-latest"),
    (CHAT, "gpt-4-turbo"),
    ("https://oai.endpoints.kepler.ai.cloud.ovh.net/v1/chat/completions", "Mistral-Nemo-Instruct-2407"),
    ("https://router.huggingface.co/v1/chat/completions", "openai/gpt-oss-120b:together"),
];

pub(super) fn cached() -> Vec<Case> {
    let t = json!({"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100, "prompt_tokens_details": {"cached_tokens": 800}});
    let hits = json!({"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100, "prompt_cache_hit_tokens": 800, "prompt_cache_miss_tokens": 200});
    let written = json!({"inputTokens": 1000, "outputTokens": 100, "totalTokens": 1600, "cacheReadInputTokens": 0, "cacheWriteInputTokens": 500});
    let google = json!({"promptTokenCount": 1000, "candidatesTokenCount": 100, "totalTokenCount": 1100, "cachedContentTokenCount": 800});
    let cases = CACHED.iter().map(|(url, model)| Case::new(url, url, model, &chat(model, &t)));
    let mut cases: Vec<Case> = cases
        .chain([
            Case::new("hits of DeepSeek's", "https://api.deepseek.com/chat/completions", "deepseek-v3.2", &chat("deepseek-v3.2", &hits)),
            Case::new("cache writes of Nova's", "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.amazon.nova-pro-v1:0/converse", "", &converse(&written)),
            Case::new("a cache of an image model's", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash-image:generateContent", "",
                &gemini("gemini-2.5-flash-image", &google)),
        ])
        .map(|case| case.is("estimated"))
        .collect();
    // No discount, by its documentation.
    cases.push(
        Case::new(
            "a cache that changes no price",
            "https://api.cerebras.ai/v1/chat/completions",
            "gpt-oss-120b",
            &chat("gpt-oss-120b", &t),
        )
        .costs(per_million([(1000.0, 0.35), (100.0, 0.75)])),
    );
    cases
}

pub(super) fn modalities() -> Vec<Case> {
    let t = json!({"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100});
    let apart = json!({"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100,
        "prompt_tokens_details": {"audio_tokens": 0, "text_tokens": 1000}, "completion_tokens_details": {"audio_tokens": 0, "text_tokens": 100}});
    let image = |input: Value, output: Value| {
        json!({"created": 1, "data": [{"b64_json": "aGk="}], "usage": {"input_tokens": 50, "output_tokens": 1000, "total_tokens": 1050,
            "input_tokens_details": input, "output_tokens_details": output}})
    };
    let text = json!({"text_tokens": 50, "image_tokens": 0});
    let drawn = json!({"text_tokens": 0, "image_tokens": 1000});
    vec![
        Case::new("sound that is not counted apart", CHAT, "gpt-audio", &chat("gpt-audio", &t)).is("estimated"),
        Case::new("text of a model of sound", CHAT, "gpt-audio", &chat("gpt-audio", &apart)).costs(per_million([(1000.0, 2.5), (100.0, 10.0)])),
        Case::new("speech that is not counted apart", "https://api.openai.com/v1/audio/transcriptions", "gpt-4o-transcribe",
            &json!({"text": "A wren.", "usage": {"type": "tokens", "input_tokens": 1000, "output_tokens": 20, "total_tokens": 1020}})).is("estimated"),
        Case::new("images that are not counted apart", "https://api.openai.com/v1/images/edits", "gpt-image-1.5", &image(Value::Null, drawn.clone())).is("estimated"),
        Case::new("images that are", IMAGES, "gpt-image-1.5", &image(text.clone(), drawn.clone())).costs(per_million([(50.0, 5.0), (1000.0, 32.0)])),
        Case::new("an image in OpenAI's format", GEMINI, "gemini-2.5-flash-image", &chat("gemini-2.5-flash-image", &t)).is("estimated"),
        Case::new("an image by the endpoint of images", "https://generativelanguage.googleapis.com/v1beta/openai/images/generations", "gemini-2.5-flash-image",
            &json!({"created": 1, "data": [{"b64_json": "aGk="}], "usage": {"input_tokens": 50, "output_tokens": 1000, "total_tokens": 1050}})).is("estimated"),
        Case::new("an image model in Europe, of an unknown surcharge", "https://eu.api.openai.com/v1/images/generations", "gpt-image-2", &image(text, drawn)).is("estimated"),
        Case::new("a model of sound in Europe", "https://eu.api.openai.com/v1/chat/completions", "gpt-audio-1.5", &chat("gpt-audio-1.5", &apart)).is("estimated"),
        // The request of every case is text.
        Case::new("text for a model that hears, in OpenAI's format", GEMINI, "gemini-2.5-flash", &chat("gemini-2.5-flash", &t)).costs(per_million([(1000.0, 0.3), (100.0, 2.5)])),
    ]
}

pub(super) fn lengths() -> Vec<Case> {
    let long = json!({"inputTokens": 250_000, "outputTokens": 1000, "totalTokens": 251_000});
    let short = json!({"inputTokens": 100_000, "outputTokens": 1000, "totalTokens": 101_000});
    let bedrock = "https://bedrock-runtime.us-east-1.amazonaws.com/model/global.anthropic.claude-sonnet-4-5-20250929-v1:0/converse";
    let usage = json!({"input_tokens": 300_000, "output_tokens": 1000, "total_tokens": 301_000});
    let tier = with(response("gpt-5.5", &json!([]), &usage), "service_tier", json!("priority"));
    vec![
        Case::new("a long prompt of a cloud's, priced at its maker alone", bedrock, "", &converse(&long))
            .is("estimated"),
        Case::new("a short one", bedrock, "", &converse(&short))
            .costs(per_million([(100_000.0, 3.0), (1000.0, 15.0)])),
        Case::new(
            "a long prompt of a model with one price",
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/global.anthropic.claude-opus-5/converse",
            "",
            &converse(&long),
        )
        .costs(per_million([(250_000.0, 5.0), (1000.0, 25.0)])),
        Case::new(
            "a long prompt in a tier that is priced for short ones",
            "https://api.openai.com/v1/responses",
            "gpt-5.5",
            &tier,
        )
        .is("estimated"),
    ]
}

pub(super) fn searches() -> Vec<Case> {
    let t = json!({"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100});
    let cited = |model: &str, kind: &str| {
        let mut cited = chat(model, &t);
        cited["choices"][0]["message"]["annotations"] =
            json!([{"type": kind, "url_citation": {"url": "https://birds.example"}}]);
        cited
    };
    let grok = "https://api.x.ai/v1/chat/completions";
    vec![
        Case::new("pages that no search is counted for", CHAT, "gpt-4o", &cited("gpt-4o", "url_citation")).is("estimated").has(attribute::USAGE_UNPARSED, ["annotations"]),
        Case::new("the same at a gateway", "https://openrouter.ai/api/v1/chat/completions", "openai/gpt-4o", &cited("openai/gpt-4o", "url_citation")).is("estimated"),
        Case::new("files that the text refers to", CHAT, "gpt-4o", &cited("gpt-4o", "file_citation")).costs(per_million([(1000.0, 2.5), (100.0, 10.0)])),
        Case::new("pages next to the choices", grok, "grok-4-fast-reasoning", &with(chat("grok-4-fast-reasoning", &t), "citations", json!(["https://birds.example"]))).is("estimated"),
        Case::new("no pages", grok, "grok-4-fast-reasoning", &with(chat("grok-4-fast-reasoning", &t), "citations", json!([]))).costs(per_million([(1000.0, 0.2), (100.0, 0.5)])),
        Case::new("pages of a search that is counted", CHAT, "gpt-4o-search-preview", &cited("gpt-4o-search-preview-2025-03-11", "url_citation"))
            .costs(per_million([(1000.0, 2.5), (100.0, 10.0)]) + 0.025),
        Case::new("ranks", "https://api.cohere.com/v2/rerank", "rerank-v3.5",
            &json!({"id": "r", "results": [{"index": 0, "relevance_score": 0.9}], "meta": {"billed_units": {"search_units": 2}}}))
            // Final only where tokens are: what is billed by the use alone is never called exact.
            .costs(0.004)
            .is("estimated"),
        Case::new("ranks of a model whose price is not known", "https://api.cohere.com/v2/rerank", "rerank-v9",
            &json!({"id": "r", "results": [{"index": 0, "relevance_score": 0.9}], "meta": {"billed_units": {"search_units": 2}}}))
            .is("unpriced"),
    ]
}
