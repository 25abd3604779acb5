//! What is billed next to tokens, provider by provider: each kind in a response of its own, against a bill worked out by
//! hand from the providers' price lists.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use spanledger::semconv::attribute;
use spanledger::{Billing, Modality, PriceQuery, PriceTable, Usage, UsageSource};

mod asked;
mod cache;
mod charges;
mod contradictions;
mod endings;
mod kinds;
mod names;
mod parts;
mod payment;
mod served;
mod tools;

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
    /// Of the request.
    asked: &'static [(&'static str, &'static str)],
    /// Members that the request has as well.
    request: Value,
    body: String,
    usd: Option<f64>,
    status: &'static str,
    /// Each is an attribute of the span.
    has: Vec<(&'static str, Value)>,
}

impl Case {
    fn new(name: &'static str, url: &'static str, model: &'static str, body: &Value) -> Self {
        let (headers, has) = (&[][..], Vec::new());
        Self {
            name,
            url,
            model,
            headers,
            asked: &[],
            request: json!({}),
            body: body.to_string(),
            usd: None,
            status: "exact",
            has,
        }
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

    fn asks(self, asked: &'static [(&'static str, &'static str)]) -> Self {
        Self { asked, ..self }
    }

    fn with_request(self, request: Value) -> Self {
        Self { request, ..self }
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
        let mut request = json!({"model": self.model, "stream": stream, "messages": [{"role": "user", "content": "Which bird is it?"}],
            "input": "Which bird is it?", "contents": [{"parts": [{"text": "Which bird is it?"}]}]});
        request.as_object_mut().unwrap().extend(self.request.as_object().unwrap().clone());
        Exchange {
            id: self.name.to_owned(),
            request: RecordedRequest {
                method: "POST".to_owned(),
                url: self.url.to_owned(),
                headers: self.asked.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect(),
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

/// In what a span differs from its case.
fn differences(case: &Case, span: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    let usd = span.get(attribute::USAGE_COST).and_then(Value::as_f64);
    let same =
        |usd: Option<f64>, wanted: f64| usd.is_some_and(|usd| (usd - wanted).abs() <= 1e-9 + 1e-6 * wanted);
    if case.usd.is_some_and(|wanted| !same(usd, wanted)) {
        found.push(format!("costs {usd:?}, not {:?}", case.usd));
    }
    // An empty status is any but a certain one.
    let status = span[attribute::COST_STATUS].as_str().unwrap_or_default();
    if case.status.is_empty() && !["exact", "free"].contains(&status) {
        return found;
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
    let modality =
        |image: &str, audio: &str| Modality { text: None, image: count(image), audio: count(audio) };
    let usage = Usage {
        input_modality: modality(attribute::USAGE_IMAGE_INPUT_TOKENS, attribute::USAGE_AUDIO_INPUT_TOKENS),
        output_modality: modality(attribute::USAGE_IMAGE_OUTPUT_TOKENS, attribute::USAGE_AUDIO_OUTPUT_TOKENS),
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
        cache::cache_lifetimes(),
        cache::passes(),
        served::speed_and_region(),
        tools::tools(),
        charges::charges(),
        served::tiers(),
        names::names_and_totals(),
        names::gateways(),
        names::stops(),
        contradictions::contradictions(),
        endings::endings(),
        payment::otherwise(),
        parts::cached(),
        parts::modalities(),
        parts::lengths(),
        parts::searches(),
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

/// Gemini in OpenAI's format counts no sound apart, which costs more than text: only the request shows it.
#[tokio::test]
async fn sound_that_only_the_request_has_makes_the_cost_an_estimate() {
    let replay = Replay::start(1).await.unwrap();
    let url = "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions";
    let vertex =
        "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi/chat/completions";
    let tokens = json!({"prompt_tokens": 900, "completion_tokens": 20, "total_tokens": 920});
    for (url, model, part, status) in [
        (url, "gemini-2.5-flash", "input_audio", "estimated"),
        (url, "gemini-2.5-flash", "video_url", "estimated"),
        (url, "gemini-2.5-flash", "image_url", "exact"),
        (vertex, "google/gemini-2.5-flash", "input_audio", "estimated"),
    ] {
        let mut exchange = Case::new("sound", url, model, &chat(model, &tokens)).exchange();
        let request = json!({"model": model, "messages": [{"role": "user", "content": [{"type": part}]}]});
        exchange.request.body = Some(request.to_string());
        let span = replay::attributes(&replay.run(&exchange).await.unwrap().spans[0]);
        assert_eq!(span[attribute::COST_STATUS], status, "{url} {part}: {span:?}");
    }
}

#[test]
fn images_and_seconds_of_video_without_a_price_make_the_cost_of_tokens_an_estimate() {
    let input_modality = Modality { text: Some(20), ..Modality::default() };
    let usage =
        Usage { input_tokens: Some(20), output_tokens: Some(1_000), input_modality, ..Usage::default() };
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
