//! What is billed next to tokens, provider by provider: each kind in a response of its own, against a bill worked out by
//! hand from the providers' price lists.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use spanledger::semconv::attribute;
use spanledger::{Billing, PriceQuery, PriceTable, Usage, UsageSource};

mod kinds;

use crate::support::replay::{self, Exchange, RecordedRequest, RecordedResponse, Replay};

const ANTHROPIC: &str = "https://api.anthropic.com/v1/messages";
const OPENAI: &str = "https://api.openai.com/v1/responses";
const GEMINI: &str =
    "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent";
const OPENROUTER: &str = "https://openrouter.ai/api/v1/chat/completions";

/// A response to a call, and what its span must have.
struct Case {
    name: &'static str,
    url: &'static str,
    model: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: String,
    usd: Option<f64>,
    status: &'static str,
    /// Each is an attribute of the span.
    has: Vec<(&'static str, Value)>,
}

impl Case {
    fn new(name: &'static str, url: &'static str, model: &'static str, body: &Value) -> Self {
        let (headers, has) = (&[][..], Vec::new());
        Self { name, url, model, headers, body: body.to_string(), usd: None, status: "exact", has }
    }

    fn costs(self, usd: f64) -> Self {
        Self { usd: Some(usd), ..self }
    }

    fn is(self, status: &'static str) -> Self {
        Self { status, ..self }
    }

    fn header(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
    }

    fn has(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.has.push((name, value.into()));
        self
    }

    fn factors(self, factors: &[&str]) -> Self {
        self.has(attribute::COST_FACTORS, factors)
    }

    fn streams(self, events: &[Value]) -> Self {
        Self { body: events.iter().map(|event| format!("data: {event}\n\n")).collect(), ..self }
    }

    fn exchange(&self) -> Exchange {
        let stream = self.body.starts_with("event:") || self.body.starts_with("data:");
        let content_type = if stream { "text/event-stream" } else { "application/json" };
        let mut headers: HashMap<String, Value> =
            self.headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        headers.insert("content-type".to_owned(), json!(content_type));
        let request = json!({"model": self.model, "stream": stream, "messages": [{"role": "user", "content": "Which bird is it?"}],
            "input": "Which bird is it?", "contents": [{"parts": [{"text": "Which bird is it?"}]}]});
        Exchange {
            id: self.name.to_owned(),
            request: RecordedRequest {
                method: "POST".to_owned(),
                url: self.url.to_owned(),
                headers: HashMap::new(),
                body: Some(request.to_string()),
                body_base64: None,
            },
            response: RecordedResponse {
                status: 200,
                headers,
                body: Some(self.body.clone()),
                body_base64: None,
            },
        }
    }
}

fn message(model: &str, usage: &Value) -> Value {
    json!({"id": "msg_b1", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "A wren."}], "usage": usage})
}

/// The same as a stream whose last event has the whole usage, as Anthropic sends it.
fn streamed(model: &str, usage: &Value) -> String {
    let start = json!({"type": "message_start", "message": {"id": "msg_b1", "type": "message", "role": "assistant",
        "model": model, "content": [], "usage": {"input_tokens": usage["input_tokens"], "output_tokens": 1}}});
    let text = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "A wren."}});
    let delta = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage});
    let stop = json!({"type": "message_stop"});
    [start, text, delta, stop]
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()))
        .concat()
}

fn chat(model: &str, usage: &Value) -> Value {
    json!({"id": "chat-b1", "object": "chat.completion", "model": model, "usage": usage,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "A wren."}}]})
}

fn response(model: &str, output: &Value, usage: &Value) -> Value {
    json!({"id": "resp_b1", "object": "response", "status": "completed", "model": model, "service_tier": "default",
        "output": output, "usage": usage})
}

fn gemini(model: &str, usage: &Value) -> Value {
    json!({"responseId": "g1", "modelVersion": model, "usageMetadata": usage,
        "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [{"text": "A wren."}]}}]})
}

fn converse(usage: &Value) -> Value {
    json!({"output": {"message": {"role": "assistant", "content": [{"text": "A wren."}]}}, "stopReason": "end_turn", "usage": usage})
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    value[name] = member;
    value
}

/// US dollars for tokens at prices per million.
fn per_million<const N: usize>(tokens_and_prices: [(f64, f64); N]) -> f64 {
    tokens_and_prices.iter().map(|(tokens, price)| tokens * price / 1e6).sum()
}

/// Claude Opus 5: input 5, output 25, cache writes 6.25 and 10, cache reads 0.5.
fn cache_lifetimes() -> Vec<Case> {
    let usage = json!({"input_tokens": 40, "cache_creation_input_tokens": 5000, "cache_read_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 4000}, "output_tokens": 60});
    let bill = per_million([(40.0, 5.0), (1000.0, 6.25), (4000.0, 10.0), (300.0, 0.5), (60.0, 25.0)]);
    let factors = &["cache_write_1h=4000"][..];
    let mut stream = Case::new("an hour of cache, streamed", ANTHROPIC, "claude-opus-5", &Value::Null);
    stream.body = streamed("claude-opus-5", &usage);
    let details = json!({"inputTokens": 40, "outputTokens": 60, "totalTokens": 5400, "cacheReadInputTokens": 300,
        "cacheWriteInputTokens": 5000, "cacheDetails": [{"ttl": "1h", "inputTokens": 4000}, {"ttl": "5m", "inputTokens": 1000}]});
    vec![
        Case::new("an hour of cache", ANTHROPIC, "claude-opus-5", &message("claude-opus-5", &usage))
            .costs(bill)
            .factors(factors),
        stream.costs(bill).factors(factors),
        Case::new(
            "an hour of cache on Bedrock's invoke",
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/global.anthropic.claude-opus-5/invoke",
            "",
            &message("claude-opus-5", &usage),
        )
        .costs(bill)
        .factors(factors),
        Case::new(
            "an hour of cache on Converse, in a region",
            "https://bedrock-runtime.eu-west-1.amazonaws.com/model/eu.anthropic.claude-opus-5/converse",
            "",
            &converse(&details),
        )
        .costs(bill * 1.1)
        .factors(factors),
        Case::new(
            "a lifetime that no one knows",
            "https://bedrock-runtime.eu-west-1.amazonaws.com/model/eu.anthropic.claude-opus-5/converse",
            "",
            &converse(&with(details, "cacheDetails", json!([{"ttl": "24h", "inputTokens": 5000}]))),
        )
        .is("estimated")
        .has(attribute::USAGE_UNPARSED, json!(["usage.cacheDetails"])),
    ]
}

fn passes() -> Vec<Case> {
    let compaction = json!({"input_tokens": 8000, "output_tokens": 500, "iterations": [
        {"type": "compaction", "input_tokens": 90_000, "output_tokens": 2000, "cache_read_input_tokens": 10_000},
        {"type": "message", "input_tokens": 8000, "output_tokens": 500}]});
    let advice = json!({"input_tokens": 3000, "output_tokens": 90, "iterations": [
        {"type": "message", "input_tokens": 1000, "output_tokens": 40},
        {"type": "advisor_message", "model": "claude-opus-5", "input_tokens": 2500, "output_tokens": 300},
        {"type": "message", "input_tokens": 2000, "output_tokens": 50}]});
    let fallback = json!({"input_tokens": 700, "output_tokens": 30, "iterations": [
        {"type": "message", "input_tokens": 700, "output_tokens": 0},
        {"type": "fallback_message", "model": "claude-opus-4-8", "input_tokens": 700, "output_tokens": 30}]});
    vec![
        Case::new("a compaction before the message", ANTHROPIC, "claude-opus-5", &message("claude-opus-5", &compaction))
            .costs(per_million([(90_000.0, 5.0), (10_000.0, 0.5), (2000.0, 25.0), (8000.0, 5.0), (500.0, 25.0)]))
            .has(attribute::USAGE_INPUT_TOKENS, 108_000)
            .has(attribute::USAGE_OUTPUT_TOKENS, 2500),
        // The tokens of another model are in the cost, and in no count of this one.
        Case::new("an advisor of another model", ANTHROPIC, "claude-sonnet-5", &message("claude-sonnet-5", &advice))
            .costs(per_million([(3000.0, 2.0), (90.0, 10.0), (2500.0, 5.0), (300.0, 25.0)]))
            .has(attribute::USAGE_INPUT_TOKENS, 3000)
            .factors(&[
                "pass=advisor_message,model=claude-opus-5,input=2500,output=300",
                "pass=message,input=1000,output=40",
                "pass=message,input=2000,output=50",
            ]),
        Case::new("a pass that declined is not billed", ANTHROPIC, "claude-fable-5", &message("claude-opus-4-8", &fallback))
            .costs(per_million([(700.0, 5.0), (30.0, 25.0)])),
        Case::new(
            "a pass of a kind that no one knows",
            ANTHROPIC,
            "claude-opus-5",
            &message("claude-opus-5", &json!({"input_tokens": 5, "output_tokens": 5, "iterations": [{"type": "dream", "input_tokens": 5}]})),
        )
        .is("estimated")
        .has(attribute::USAGE_UNPARSED, json!(["usage.iterations"])),
    ]
}

fn speed_and_region() -> Vec<Case> {
    let fast =
        json!({"input_tokens": 300, "output_tokens": 80, "cache_read_input_tokens": 1000, "speed": "fast"});
    let bill = per_million([(300.0, 5.0), (80.0, 25.0), (1000.0, 0.5)]);
    let plain = json!({"input_tokens": 300, "output_tokens": 80, "inference_geo": "us"});
    let openai = json!({"input_tokens": 400, "output_tokens": 50, "total_tokens": 450});
    vec![
        Case::new("fast, with what is cached", ANTHROPIC, "claude-opus-5", &message("claude-opus-5", &fast))
            .costs(2.0 * bill)
            .factors(&["speed=fast"]),
        Case::new(
            "fast on a model without a fast price",
            ANTHROPIC,
            "claude-sonnet-5",
            &message("claude-sonnet-5", &fast),
        )
        .is("estimated"),
        Case::new("inference in the US", ANTHROPIC, "claude-opus-4-8", &message("claude-opus-4-8", &plain))
            .costs(1.1 * per_million([(300.0, 5.0), (80.0, 25.0)]))
            .factors(&["region=us"]),
        Case::new(
            "inference in a region without a price",
            ANTHROPIC,
            "claude-opus-5",
            &message("claude-opus-5", &with(plain, "inference_geo", json!("mars"))),
        )
        .is("estimated"),
        Case::new(
            "a host that keeps data in Europe",
            "https://eu.api.openai.com/v1/responses",
            "gpt-5.5",
            &response("gpt-5.5", &json!([]), &openai),
        )
        .costs(1.1 * per_million([(400.0, 5.0), (50.0, 30.0)])),
        Case::new(
            "a regional profile of Bedrock",
            "https://bedrock-runtime.us-east-2.amazonaws.com/model/us.anthropic.claude-opus-5/converse",
            "",
            &converse(&json!({"inputTokens": 100, "outputTokens": 20, "totalTokens": 120})),
        )
        .costs(per_million([(100.0, 5.5), (20.0, 27.5)])),
    ]
}

fn tools() -> Vec<Case> {
    let searches = json!({"input_tokens": 6000, "output_tokens": 70, "server_tool_use": {"web_search_requests": 4, "web_fetch_requests": 2}});
    let usage = json!({"input_tokens": 500, "output_tokens": 40, "total_tokens": 540});
    let output = json!([{"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "wren"}},
        {"type": "web_search_call", "status": "completed", "action": {"type": "open_page", "url": "https://birds.example"}},
        {"type": "file_search_call", "status": "completed"},
        {"type": "message", "content": [{"type": "output_text", "text": "A wren."}]}]);
    let code = json!([{"type": "code_interpreter_call", "code": "1+1"}, {"type": "message", "content": [{"type": "output_text", "text": "2"}]}]);
    let mut grounded = gemini(
        "gemini-3.5-flash",
        &json!({"promptTokenCount": 20, "candidatesTokenCount": 9, "totalTokenCount": 29}),
    );
    grounded["candidates"][0]["groundingMetadata"] = json!({"webSearchQueries": ["wren", "wren song", ""]});
    let grounded_in = |chunk: Value| {
        let mut grounded = gemini(
            "gemini-2.5-flash",
            &json!({"promptTokenCount": 20, "candidatesTokenCount": 9, "totalTokenCount": 29}),
        );
        grounded["candidates"][0]["groundingMetadata"] = json!({"groundingChunks": [chunk]});
        grounded
    };
    let item = |kind: &str| json!([{"type": kind, "id": "i_1", "status": "completed"}]);
    let searched = |model: &str, tool: &str| {
        let searched = response(model, &item("web_search_call"), &usage);
        with(searched, "tools", json!([{"type": tool}]))
    };
    let mut images = response("gpt-5.5", &json!([]), &usage);
    images["tool_usage"] =
        json!({"image_gen": {"input_tokens": 12, "output_tokens": 900, "total_tokens": 912}});
    vec![
        Case::new(
            "Anthropic's web searches",
            ANTHROPIC,
            "claude-opus-5",
            &message("claude-opus-5", &searches),
        )
        .costs(per_million([(6000.0, 5.0), (70.0, 25.0)]) + 0.04)
        .factors(&["web_search=4"]),
        Case::new(
            "OpenAI's searches, by the items that search",
            OPENAI,
            "gpt-5.5",
            &response("gpt-5.5", &output, &usage),
        )
        .costs(per_million([(500.0, 5.0), (40.0, 30.0)]) + 0.01 + 0.0025)
        .factors(&["file_search=1", "web_search=1"]),
        Case::new("containers are billed by time", OPENAI, "gpt-5.5", &response("gpt-5.5", &code, &usage))
            .is("estimated"),
        Case::new("images of a model that is not named", OPENAI, "gpt-5.5", &images).is("estimated"),
        Case::new(
            "an image of which the response reports no tokens",
            OPENAI,
            "gpt-5.5",
            &response("gpt-5.5", &item("image_generation_call"), &usage),
        )
        .is("estimated")
        .has(attribute::USAGE_UNPARSED, ["output.image_generation_call"]),
        Case::new(
            "a tool that is not known",
            OPENAI,
            "gpt-5.5",
            &response("gpt-5.5", &item("browser_use_call"), &usage),
        )
        .is("estimated")
        .has(attribute::USAGE_UNPARSED, ["output.browser_use_call"]),
        Case::new(
            "a tool that is not known, streamed",
            OPENAI,
            "gpt-5.5",
            &Value::Null,
        )
        .streams(&[
            json!({"type": "response.output_item.done", "output_index": 0, "item": item("browser_use_call")[0]}),
            json!({"type": "response.completed", "response": response("gpt-5.5", &json!([]), &usage)}),
        ])
        .is("estimated"),
        Case::new(
            "servers of others cost tokens alone",
            OPENAI,
            "gpt-5.5",
            &response("gpt-5.5", &item("mcp_call"), &usage),
        )
        .costs(per_million([(500.0, 5.0), (40.0, 30.0)])),
        Case::new(
            "the preview's searches, which cost more with GPT-4.1",
            OPENAI,
            "gpt-4.1",
            &searched("gpt-4.1-2025-04-14", "web_search_preview"),
        )
        .is("estimated"),
        Case::new(
            "searches of small models, which are billed a fixed block of tokens",
            OPENAI,
            "gpt-4.1-mini",
            &searched("gpt-4.1-mini-2025-04-14", "web_search"),
        )
        .is("estimated"),
        Case::new("searches with GPT-4.1", OPENAI, "gpt-4.1", &searched("gpt-4.1-2025-04-14", "web_search"))
            .costs(per_million([(500.0, 2.0), (40.0, 8.0)]) + 0.01),
        Case::new("Google's maps", GEMINI, "", &grounded_in(json!({"maps": {"uri": "https://maps.example"}})))
            .is("estimated")
            .has(attribute::USAGE_UNPARSED, ["groundingChunks.maps"]),
        Case::new(
            "a store of Vertex AI Search",
            GEMINI,
            "",
            &grounded_in(json!({"retrievedContext": {"uri": "gs://wrens/1"}})),
        )
        .is("estimated"),
        Case::new(
            "a store of files, which costs tokens alone",
            GEMINI,
            "",
            &grounded_in(json!({"retrievedContext": {"fileSearchStore": "fileSearchStores/wrens"}})),
        )
        .costs(per_million([(20.0, 0.3), (9.0, 2.5)])),
        Case::new(
            "sound of a model of which the table has the price of text",
            "https://api.openai.com/v1/chat/completions",
            "gpt-4o-audio-preview",
            &chat(
                "gpt-4o-audio-preview",
                &json!({"prompt_tokens": 100, "completion_tokens": 90, "total_tokens": 190,
                    "prompt_tokens_details": {"audio_tokens": 60}, "completion_tokens_details": {"audio_tokens": 80}}),
            ),
        )
        .is("estimated"),
        // Google gives some searches away.
        Case::new(
            "Google's searches",
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-3.5-flash:generateContent",
            "",
            &grounded,
        )
        .costs(per_million([(20.0, 1.5), (9.0, 9.0)]) + 0.028)
        .is("estimated")
        .factors(&["web_search=2"]),
        Case::new(
            "a model that searches with every request",
            "https://api.openai.com/v1/chat/completions",
            "gpt-4o-search-preview",
            &chat(
                "gpt-4o-search-preview-2025-03-11",
                &json!({"prompt_tokens": 8, "completion_tokens": 90, "total_tokens": 98}),
            ),
        )
        .costs(per_million([(8.0, 2.5), (90.0, 10.0)]) + 0.025),
    ]
}

fn charges() -> Vec<Case> {
    let tokens = json!({"prompt_tokens": 700, "completion_tokens": 90, "total_tokens": 790});
    let charged = |member: &str, value: Value| chat("birdlabs/wren-1", &with(tokens.clone(), member, value));
    let own_key = with(
        with(with(tokens.clone(), "cost", json!(0.0001)), "is_byok", json!(true)),
        "cost_details",
        json!({"upstream_inference_cost": 0.002}),
    );
    let metered = json!({"input_tokens": 700, "output_tokens": 90, "total_tokens": 790, "cost_in_usd_ticks": 33_000_000});
    let mut vercel = chat("birdlabs/wren-1", &tokens);
    vercel["choices"][0]["message"]["provider_metadata"] =
        json!({"gateway": {"cost": "0.0033", "generationId": "gen_1"}});
    let provider = |case: Case| case.costs(0.0033).has(attribute::COST_PRICE_SOURCE, "provider");
    vec![
        provider(Case::new(
            "OpenRouter's charge for an unknown model",
            OPENROUTER,
            "birdlabs/wren-1",
            &charged("cost", json!(0.0033)),
        )),
        provider(Case::new(
            "DeepInfra's charge",
            "https://api.deepinfra.com/v1/openai/chat/completions",
            "birdlabs/wren-1",
            &charged("estimated_cost", json!(0.0033)),
        )),
        provider(Case::new(
            "Perplexity's charge with its fee",
            "https://api.perplexity.ai/chat/completions",
            "sonar",
            &chat(
                "sonar",
                &with(
                    with(tokens.clone(), "search_context_size", json!("low")),
                    "cost",
                    json!({"input_tokens_cost": 0.0001, "output_tokens_cost": 0.0002, "request_cost": 0.003, "total_cost": 0.0033}),
                ),
            ),
        )),
        provider(Case::new(
            "xAI's ticks",
            "https://api.x.ai/v1/responses",
            "grok-4.5",
            &response("grok-4.5", &json!([]), &metered),
        )),
        provider(Case::new(
            "GitHub Copilot's credits",
            "https://api.githubcopilot.com/chat/completions",
            "birdlabs/wren-1",
            &with(
                chat("birdlabs/wren-1", &tokens),
                "copilot_usage",
                json!({"total_nano_aiu": 330_000_000, "token_details": []}),
            ),
        )),
        provider(Case::new(
            "Venice's charge next to the usage",
            "https://api.venice.ai/api/v1/chat/completions",
            "wren-1",
            &with(chat("wren-1", &tokens), "cost", json!({"usd": 0.0033, "diem": 0})),
        )),
        provider(Case::new(
            "LLM Gateway's charge",
            "https://api.llmgateway.io/v1/chat/completions",
            "birdlabs/wren-1",
            &chat(
                "birdlabs/wren-1",
                &with(with(tokens.clone(), "cost_usd_total", json!(0.0033)), "cost_usd_input", json!(0.001)),
            ),
        )),
        provider(Case::new(
            "Vercel's charge, a text within the message",
            "https://ai-gateway.vercel.sh/v1/chat/completions",
            "birdlabs/wren-1",
            &vercel,
        )),
        provider(
            Case::new(
                "LiteLLM's charge in a header",
                "http://10.1.2.3:4000/v1/chat/completions",
                "birdlabs/wren-1",
                &chat("birdlabs/wren-1", &tokens),
            )
            .header(&[("x-litellm-response-cost", "0.0033")]),
        ),
        Case::new(
            "a key of the caller's own is not free",
            OPENROUTER,
            "birdlabs/wren-1",
            &chat("birdlabs/wren-1", &own_key),
        )
        .costs(0.0021)
        .has(attribute::COST_PRICE_SOURCE, "provider"),
        Case::new(
            "a key of the caller's own, at a price that is not reported",
            OPENROUTER,
            "openai/gpt-4o",
            &chat("openai/gpt-4o", &with(with(tokens.clone(), "cost", json!(0)), "is_byok", json!(true))),
        )
        .costs(per_million([(700.0, 2.5), (90.0, 10.0)]))
        .is("estimated"),
        Case::new(
            "a gateway's zero is no price",
            "https://api.openai.com/v1/chat/completions",
            "gpt-4o",
            &chat("gpt-4o", &tokens),
        )
        .header(&[("x-litellm-response-cost", "0.0")])
        .costs(per_million([(700.0, 2.5), (90.0, 10.0)]))
        .is("estimated"),
        Case::new(
            "the computed cost is kept next to the charge",
            OPENROUTER,
            "openai/gpt-4o",
            &chat("openai/gpt-4o", &with(tokens.clone(), "cost", json!(0.5))),
        )
        .costs(0.5)
        .has(attribute::COST_COMPUTED, per_million([(700.0, 2.5), (90.0, 10.0)])),
        Case::new(
            "a charge in a unit that no one knows",
            OPENROUTER,
            "openai/gpt-4o",
            &chat("openai/gpt-4o", &with(tokens.clone(), "cost_in_shells", json!(12))),
        )
        .is("estimated")
        .has(attribute::USAGE_UNPARSED, json!(["usage.cost_in_shells"])),
        Case::new(
            "a header of cost that no one knows",
            "https://api.openai.com/v1/chat/completions",
            "gpt-4o",
            &chat("gpt-4o", &tokens),
        )
        .header(&[("x-acme-request-cost", "12")])
        .is("estimated")
        .has(attribute::USAGE_UNPARSED, json!(["header:x-acme-request-cost"])),
    ]
}

fn tiers() -> Vec<Case> {
    let usage = json!({"promptTokenCount": 900, "candidatesTokenCount": 30, "totalTokenCount": 930});
    let bill = per_million([(900.0, 1.5), (30.0, 9.0)]);
    let vertex = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/gemini-3.5-flash:generateContent";
    let of = |traffic: &str| gemini("gemini-3.5-flash", &with(usage.clone(), "trafficType", json!(traffic)));
    let nova = json!({"inputTokens": 1000, "outputTokens": 100, "totalTokens": 1100});
    let nova_url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-lite-v1:0/converse";
    let nova_bill = per_million([(1000.0, 0.06), (100.0, 0.24)]);
    vec![
        Case::new("Vertex AI's flex", vertex, "", &of("ON_DEMAND_FLEX")).costs(bill / 2.0),
        Case::new("Vertex AI on demand", vertex, "", &of("ON_DEMAND")).costs(bill),
        Case::new("reserved capacity has another bill", vertex, "", &of("PROVISIONED_THROUGHPUT"))
            .is("estimated"),
        Case::new(
            "the tier in a header",
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-3.5-flash:generateContent",
            "",
            &gemini("gemini-3.5-flash", &usage),
        )
        .header(&[("x-gemini-service-tier", "flex")])
        .costs(bill / 2.0)
        .factors(&["tier_source=header"]),
        Case::new(
            "Bedrock's tier in the body",
            nova_url,
            "",
            &with(converse(&nova), "serviceTier", json!({"type": "flex"})),
        )
        .costs(nova_bill / 2.0),
        Case::new("Bedrock's tier in a header", nova_url, "", &converse(&nova))
            .header(&[("x-amzn-bedrock-service-tier", "priority")])
            .costs(nova_bill * 1.75),
    ]
}

fn names_and_totals() -> Vec<Case> {
    let tokens = json!({"prompt_tokens": 600, "completion_tokens": 20, "total_tokens": 620});
    let pro = per_million([(600.0, 1.25), (20.0, 10.0)]);
    vec![
        Case::new("the maker in front of the model", "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi/chat/completions",
            "google/gemini-2.5-pro", &chat("google/gemini-2.5-pro", &tokens)).costs(pro),
        Case::new("the provider behind the model", "https://router.huggingface.co/v1/chat/completions", "openai/gpt-oss-120b:groq",
            &chat("openai/gpt-oss-120b", &tokens)).header(&[("x-inference-provider", "groq")])
            .costs(per_million([(600.0, 0.15), (20.0, 0.75)])),
        Case::new("what a router gives away", OPENROUTER, "birdlabs/wren-1:free", &chat("birdlabs/wren-1:free", &tokens)).costs(0.0).is("free"),
        Case::new("a model server of one's own", "http://10.1.2.3:8000/v1/chat/completions", "gpt-4o", &chat("gpt-4o", &tokens)).is("unpriced"),
        Case::new("reasoning that only the total has", "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", "gemini-2.5-pro",
            &chat("gemini-2.5-pro", &with(tokens.clone(), "total_tokens", json!(1620))))
            .costs(per_million([(600.0, 1.25), (1020.0, 10.0)]))
            .has(attribute::USAGE_OUTPUT_TOKENS, 1020),
        Case::new("a total that is not the total of the parts", "https://api.openai.com/v1/chat/completions", "gpt-4o",
            &chat("gpt-4o", &with(tokens.clone(), "total_tokens", json!(700))))
            .is("estimated")
            .has(attribute::USAGE_UNPARSED, json!(["usage.total_tokens"])),
        Case::new("both names of cache writes, and the total", ANTHROPIC, "claude-opus-5",
            &message("claude-opus-5", &json!({"input_tokens": 1, "cache_creation_input_tokens": 2, "output_tokens": 3})))
            .has(attribute::USAGE_CACHE_WRITE_TOKENS, 2)
            .has(attribute::USAGE_CACHE_CREATION_TOKENS, 2)
            .has(attribute::USAGE_TOTAL_TOKENS, 6),
    ]
}

/// Counts that contradict each other, and what costs something without a count.
fn contradictions() -> Vec<Case> {
    let bedrock =
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/global.anthropic.claude-opus-5/converse";
    let invoke =
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/global.anthropic.claude-opus-5/invoke";
    let tokens = json!({"inputTokens": 40, "outputTokens": 60, "totalTokens": 100});
    let usage = json!({"input_tokens": 40, "output_tokens": 60});
    let whole = per_million([(40.0, 5.0), (60.0, 25.0)]);
    let hidden = |case: Case, path: &str| case.is("estimated").has(attribute::USAGE_UNPARSED, json!([path]));
    let lifetimes = json!({"input_tokens": 40, "cache_creation_input_tokens": 5000, "output_tokens": 60,
        "cache_creation": {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 3000}});
    let hits = json!({"prompt_tokens": 600, "completion_tokens": 20, "total_tokens": 620,
        "prompt_cache_hit_tokens": 100, "prompt_cache_miss_tokens": 400});
    let embeddings = json!({"object": "list", "model": "text-embedding-3-small", "data": [],
        "usage": {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 9}});
    let metered = json!({"inputTokenCount": 40, "outputTokenCount": 50, "invocationLatency": 9});
    vec![
        Case::new("counts that agree", bedrock, "", &converse(&tokens)).costs(whole),
        Case::new(
            "an answer of the usual speed",
            bedrock,
            "",
            &with(converse(&tokens), "performanceConfig", json!({"latency": "standard"})),
        )
        .costs(whole),
        hidden(
            Case::new(
                "a faster answer",
                bedrock,
                "",
                &with(converse(&tokens), "performanceConfig", json!({"latency": "optimized"})),
            ),
            "performanceConfig.latency",
        ),
        hidden(
            Case::new("a faster answer by its header", invoke, "", &message("claude-opus-5", &usage))
                .header(&[("x-amzn-bedrock-performanceconfig-latency", "optimized")]),
            "header:x-amzn-bedrock-performanceconfig-latency",
        ),
        hidden(
            Case::new(
                "a guardrail that intervened",
                bedrock,
                "",
                &with(converse(&tokens), "stopReason", json!("guardrail_intervened")),
            ),
            "guardrail",
        ),
        hidden(
            Case::new(
                "a guardrail of the account's",
                invoke,
                "",
                &with(message("claude-opus-5", &usage), "amazon-bedrock-guardrailAction", json!("NONE")),
            ),
            "guardrail",
        ),
        hidden(
            Case::new(
                "what Bedrock meters",
                invoke,
                "",
                &with(message("claude-opus-5", &usage), "amazon-bedrock-invocationMetrics", metered),
            ),
            "amazon-bedrock-invocationMetrics",
        ),
        hidden(
            Case::new(
                "lifetimes that are not all cache writes",
                ANTHROPIC,
                "claude-opus-5",
                &message("claude-opus-5", &lifetimes),
            ),
            "usage.cache",
        ),
        hidden(
            Case::new(
                "hits and misses that are not the prompt",
                "https://api.deepseek.com/chat/completions",
                "deepseek-chat",
                &chat("deepseek-chat", &hits),
            ),
            "usage.cache",
        ),
        hidden(
            Case::new(
                "an embedding with output",
                "https://api.openai.com/v1/embeddings",
                "text-embedding-3-small",
                &embeddings,
            ),
            "usage.completion_tokens",
        ),
        Case::new(
            "a count of Ollama's that no one knows",
            "https://ollama.com/api/chat",
            "wren-1",
            &json!({"model": "wren-1", "message": {"role": "assistant", "content": "A wren."}, "done": true,
                "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 4, "search_count": 2}),
        )
        .is("unpriced")
        .has(attribute::USAGE_UNPARSED, json!(["response.search_count"])),
    ]
}

fn endings() -> Vec<Case> {
    let minimax = "https://api.minimax.io/v1/chat/completions";
    let mut cut = Case::new("a stream that ends after its finish reason", minimax, "wren-1", &Value::Null);
    cut.body = ["{\"content\": \"A wren.\"}", "{}"]
        .iter()
        .zip([Value::Null, json!("stop")])
        .map(|(delta, reason)| format!("data: {{\"id\": \"s\", \"model\": \"wren-1\", \"choices\": [{{\"index\": 0, \"delta\": {delta}, \"finish_reason\": {reason}}}]}}\n\n"))
        .collect();
    let refused = json!({"id": "x", "choices": null, "model": "wren-1", "usage": {"total_tokens": 0},
        "base_resp": {"status_code": 1002, "status_msg": "rate limit"}});
    let queued = json!({"id": "resp_b2", "object": "response", "status": "queued", "model": "gpt-5.5", "output": [], "usage": null, "error": null});
    let outcome = |case: Case, outcome: &str| case.is("no_usage").has(attribute::OUTCOME, outcome);
    vec![
        outcome(cut, "completed"),
        Case::new("an error within a success", minimax, "wren-1", &refused)
            .is("no_usage")
            .has(attribute::OUTCOME, "failed")
            .has(attribute::ERROR_TYPE, "1002"),
        outcome(Case::new("a response that comes later", OPENAI, "gpt-5.5", &queued), "pending"),
        outcome(
            Case::new(
                "a deferred completion",
                "https://api.x.ai/v1/chat/completions",
                "grok-4.5",
                &json!({"request_id": "r1"}),
            ),
            "pending",
        ),
    ]
}

/// In what a span differs from its case.
fn differences(case: &Case, span: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    let usd = span.get(attribute::USAGE_COST).and_then(Value::as_f64);
    let same =
        |usd: Option<f64>, wanted: f64| usd.is_some_and(|usd| (usd - wanted).abs() <= 1e-9 + 1e-6 * wanted);
    if case.usd.is_some_and(|wanted| !same(usd, wanted)) {
        found.push(format!("costs {usd:?}, not {:?}", case.usd));
    }
    if span[attribute::COST_STATUS] != case.status {
        found.push(format!("is {}, not {}", span[attribute::COST_STATUS], case.status));
    }
    for (name, wanted) in &case.has {
        let value = span.get(*name).cloned().unwrap_or_default();
        let equal = value == *wanted || wanted.as_f64().is_some_and(|wanted| same(value.as_f64(), wanted));
        if !equal {
            found.push(format!("{name} is {value}, not {wanted}"));
        }
    }
    found
}

/// A cost that is computed again from what the span has.
fn computed_again(span: &Map<String, Value>) -> Option<f64> {
    let text = |name: &str| span.get(name).and_then(Value::as_str);
    let count = |name: &str| span.get(name).and_then(Value::as_u64);
    let factors = span.get(attribute::COST_FACTORS).and_then(Value::as_array).cloned().unwrap_or_default();
    let usage = Usage {
        input_tokens: count(attribute::USAGE_INPUT_TOKENS),
        output_tokens: count(attribute::USAGE_OUTPUT_TOKENS),
        cache_read_tokens: count(attribute::USAGE_CACHE_READ_TOKENS),
        cache_write_tokens: count(attribute::USAGE_CACHE_WRITE_TOKENS),
        ..Usage::default()
    };
    let tier = text(attribute::SERVICE_TIER).or_else(|| text(attribute::OPENAI_RESPONSE_SERVICE_TIER));
    let query = PriceQuery {
        provider: text(attribute::PROVIDER_NAME)?,
        server_address: text(attribute::SERVER_ADDRESS),
        response_model: text(attribute::RESPONSE_MODEL),
        request_model: text(attribute::REQUEST_MODEL),
        service_tier: tier,
        requested_service_tier: None,
        usage: &usage,
        usage_source: UsageSource::Provider,
        billing: &Billing::parse(factors.iter().filter_map(Value::as_str)),
        at: std::time::SystemTime::now(),
    };
    let bill = PriceTable::bundled().bill(&query);
    let lines: f64 = bill.lines.iter().map(|line| line.usd).sum();
    assert!((lines - bill.cost.usd.unwrap_or(0.0)).abs() < 1e-12, "{bill:?}");
    assert!(bill.lines.iter().all(|line| line.item != "other"), "{bill:?}");
    bill.cost.usd
}

#[tokio::test]
async fn bills_what_the_provider_bills() {
    let replay = Replay::start(1).await.unwrap();
    let cases = [
        cache_lifetimes(),
        passes(),
        speed_and_region(),
        tools(),
        charges(),
        tiers(),
        names_and_totals(),
        contradictions(),
        endings(),
    ];
    let mut wrong = Vec::new();
    for case in cases.iter().flatten() {
        let replayed = replay.run(&case.exchange()).await.unwrap();
        let span = replay::attributes(&replayed.spans[0]);
        let mut found = differences(case, &span);
        // The span alone is enough to compute the bill again.
        let cost = |name: &str| span.get(name).and_then(Value::as_f64);
        let computed = cost(attribute::COST_COMPUTED).or_else(|| cost(attribute::USAGE_COST));
        let reported = span.get(attribute::COST_PRICE_SOURCE).is_some_and(|source| source == "provider");
        if let (Some(computed), false) = (computed, reported && cost(attribute::COST_COMPUTED).is_none())
            && !computed_again(&span).is_some_and(|again| (again - computed).abs() < 1e-9)
        {
            found.push(format!("{computed} is not {:?}, which the span alone gives", computed_again(&span)));
        }
        wrong.extend((!found.is_empty()).then(|| format!("{}: {}", case.name, found.join("; "))));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_is_not_known_is_counted_by_provider_and_reason_and_never_by_its_path() {
    let replay = Replay::start(1).await.unwrap();
    let tokens =
        json!({"prompt_tokens": 6, "completion_tokens": 2, "total_tokens": 80, "feathers": 3, "beaks": 1});
    let case =
        Case::new("three", "https://api.openai.com/v1/chat/completions", "gpt-4o", &chat("gpt-4o", &tokens));
    replay.run(&case.exchange()).await.unwrap();
    let points = replay.points();
    let counted: Vec<_> =
        points.iter().filter(|(name, ..)| name == "spanledger.client.usage.unparsed").collect();
    let labels: Vec<Vec<&str>> =
        counted.iter().map(|(_, labels, _)| labels.values().map(String::as_str).collect()).collect();
    assert_eq!(labels.len(), 2, "{counted:?}");
    assert!(labels.iter().all(|labels| labels.len() == 2 && labels.contains(&"openai")), "{labels:?}");
    assert!(
        labels.iter().any(|labels| labels.contains(&"member"))
            && labels.iter().any(|labels| labels.contains(&"total"))
    );
    assert!(counted.iter().all(|(.., count)| (*count - 1.0).abs() < 1e-9), "{counted:?}");
}

#[test]
fn images_and_seconds_of_video_without_a_price_make_the_cost_of_tokens_an_estimate() {
    let usage = Usage { input_tokens: Some(20), output_tokens: Some(1_000), ..Usage::default() };
    let status = |provider: &str, model: &str, factor: &str| {
        let query = PriceQuery {
            provider,
            server_address: None,
            response_model: Some(model),
            request_model: Some(model),
            service_tier: None,
            requested_service_tier: None,
            usage: &usage,
            usage_source: UsageSource::Provider,
            billing: &Billing::parse([factor]),
            at: std::time::SystemTime::now(),
        };
        PriceTable::bundled().price(&query).status.as_str()
    };
    assert_eq!(status("gcp.gemini", "gemini-2.5-flash", "output_images=2"), "estimated");
    assert_eq!(status("gcp.gemini", "gemini-2.5-flash", "output_video_seconds=8"), "estimated");
    assert_eq!(status("openai", "gpt-image-1", "output_images=2"), "exact", "OpenAI bills images by tokens");
}
