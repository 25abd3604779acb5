use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource as OtlpResource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Event};
use prost::Message;
use spanledger::semconv::{attribute, provider};
use spanledger::{CostStatus, Modality, Outcome, PriceQuery, PriceTable, Usage, UsageSource};

use super::{Converted, Converter};
use crate::otlp::oracle::Style;
use crate::otlp::{Encoded, Malformed};
use crate::record::{CallRecord, ModalityTokens, NanoUsd, Origin, Parts, ProcessEnd, Timestamp};

mod hostile;
mod json;
mod nesting;
mod recomputed;
mod senders;
mod tags;
mod unrecognised;
mod wire;

/// 2026-11-23 12:00:00 UTC.
pub(super) const NOW: Timestamp = Timestamp(1_795_435_200 * Timestamp::SECOND);
const TABLE: &str = "[[price]]\nmodel = \"test-model\"\ninput = 2.0\noutput = 10.0\n";

pub(super) fn converter() -> Converter {
    Converter::new(Arc::new(PriceTable::from_toml(TABLE).unwrap()))
}

pub(super) fn text(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}

pub(super) fn int(value: i64) -> Value {
    Value::IntValue(value)
}

pub(super) fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// A span of trace 7 that took two seconds and ended at [`NOW`].
pub(super) fn span(id: u8, parent: Option<u8>, attributes: Vec<KeyValue>) -> Span {
    let end = u64::try_from(NOW.0).unwrap();
    Span {
        trace_id: vec![7; 16],
        span_id: vec![id; 8],
        parent_span_id: parent.map_or_else(Vec::new, |parent| vec![parent; 8]),
        start_time_unix_nano: end - 2_000_000_000,
        end_time_unix_nano: end,
        attributes,
        ..Span::default()
    }
}

/// An export request.
pub(super) fn batch(scope: &str, spans: Vec<Span>) -> Vec<u8> {
    let resource_spans = vec![ResourceSpans {
        resource: Some(OtlpResource {
            attributes: vec![pair(attribute::SERVICE_NAME, text("checkout"))],
            ..OtlpResource::default()
        }),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope { name: scope.to_owned(), ..InstrumentationScope::default() }),
            spans,
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

pub(super) fn convert(scope: &str, spans: Vec<Span>) -> Converted {
    converted(&batch(scope, spans)).unwrap()
}

/// What a fresh converter makes of a request in protobuf; in JSON of any style it must be the same.
pub(super) fn converted(request: &[u8]) -> Result<Converted, Malformed> {
    let from_protobuf = converter().convert(Encoded::Protobuf(request), NOW)?;
    if let Ok(request) = ExportTraceServiceRequest::decode(request) {
        for style in Style::all() {
            let json = style.write(&request);
            let from_json = converter().convert(Encoded::Json(json.as_bytes()), NOW).unwrap();
            assert_eq!(format!("{from_json:?}"), format!("{from_protobuf:?}"), "{style:?}: {json}");
        }
    }
    Ok(from_protobuf)
}

fn one(scope: &str, attributes: Vec<KeyValue>) -> CallRecord {
    let mut converted = convert(scope, vec![span(1, None, attributes)]);
    assert_eq!(converted.records.len(), 1, "{converted:?}");
    converted.records.remove(0)
}

pub(super) fn own() -> Vec<KeyValue> {
    vec![
        pair(attribute::OPERATION_NAME, text("chat")),
        pair(attribute::PROVIDER_NAME, text(provider::OPENAI)),
        pair(attribute::REQUEST_MODEL, text("test-model")),
        pair(attribute::OUTCOME, text("completed")),
        pair(attribute::USAGE_SOURCE, text("provider")),
        pair(attribute::USAGE_INPUT_TOKENS, int(1000)),
        pair(attribute::USAGE_OUTPUT_TOKENS, int(100)),
    ]
}

#[test]
fn the_report_of_a_journal_on_its_process_is_no_call() {
    let attributes = vec![
        pair(attribute::INSTANCE, text("i1")),
        pair(attribute::PROCESS_LAST_SEQUENCE, int(7)),
        pair(attribute::PROCESS_END, text("died")),
    ];
    let converted = convert("spanledger", vec![span(1, None, attributes)]);
    assert_eq!((converted.records.len(), converted.ignored, converted.refused), (0, 1, 0));
    let [report] = &converted.processes[..] else { panic!("{:?}", converted.processes) };
    assert_eq!((&*report.instance, report.last_sequence, report.end), ("i1", 7, Some(ProcessEnd::Died)));
    assert!(report.lost.is_empty() && report.lost_between.is_none());
    assert_eq!((report.lost_calls, report.skipped), (0, 0));
}

#[test]
fn a_report_counts_more_dropped_calls_than_it_names() {
    let ranges = ["7", "9-12"].map(|range| AnyValue { value: Some(text(range)) });
    let attributes = vec![
        pair(attribute::INSTANCE, text("i1")),
        pair(attribute::PROCESS_LAST_SEQUENCE, int(900)),
        pair(attribute::PROCESS_LOST, Value::ArrayValue(ArrayValue { values: ranges.to_vec() })),
        pair(attribute::PROCESS_LOST_CALLS, int(105)),
        pair(attribute::PROCESS_SKIPPED, int(2)),
    ];
    let converted = convert("spanledger", vec![span(1, None, attributes)]);
    let [report] = &converted.processes[..] else { panic!("{:?}", converted.processes) };
    assert_eq!((&report.lost[..], report.lost_calls), (&[(7, 7), (9, 12)][..], 105));
    assert_eq!((report.lost_unnamed(), report.skipped), (100, 2));
}

#[test]
fn an_interrupted_call_is_a_call_that_did_not_fail() {
    let mut attributes = own();
    attributes.retain(|pair| pair.key != attribute::OUTCOME);
    attributes.push(pair(attribute::OUTCOME, text("interrupted")));
    let record = one("spanledger", attributes);
    assert_eq!(record.outcome, Outcome::Interrupted);
    assert!(!record.outcome.is_error() && !record.succeeded());
}

#[test]
fn reads_our_span_whatever_its_scope_is_named() {
    let mut attributes = own();
    attributes.extend([
        pair(attribute::RESPONSE_MODEL, text("test-model-2")),
        pair(attribute::RESPONSE_ID, text("r1")),
        pair(attribute::REQUEST_STREAM, Value::BoolValue(true)),
        pair(attribute::RESPONSE_TIME_TO_FIRST_CHUNK, Value::DoubleValue(0.25)),
        pair(
            attribute::RESPONSE_FINISH_REASONS,
            Value::ArrayValue(ArrayValue { values: vec![AnyValue { value: Some(text("stop")) }] }),
        ),
        pair(attribute::USAGE_CACHE_READ_TOKENS, int(400)),
        pair(attribute::USAGE_CACHE_WRITE_TOKENS, int(30)),
        pair(attribute::USAGE_REASONING_TOKENS, int(20)),
        pair(attribute::USAGE_COST, Value::DoubleValue(0.003)),
        pair(attribute::COST_STATUS, text("exact")),
        pair(attribute::COST_PRICE_SOURCE, text("own 3")),
        pair(attribute::SERVICE_TIER, text("priority")),
        pair(attribute::SERVER_ADDRESS, text("api.example.com")),
        pair(attribute::USAGE_AUDIO_OUTPUT_TOKENS, int(60)),
        pair(attribute::HTTP_RESPONSE_STATUS_CODE, int(200)),
        pair(attribute::COST_COMPUTED, Value::DoubleValue(0.002)),
        pair(attribute::USER_ID, text("ann")),
        pair(attribute::CLIENT_ADDRESS, text("192.0.2.1")),
        pair(attribute::CONVERSATION_ID, text("c1")),
        pair(attribute::REQUEST_HASH, text("abc")),
        pair(attribute::INSTANCE, text("i1")),
        pair(attribute::SEQUENCE, int(7)),
        pair(attribute::RESPONSE_PREVIEW, text("hello")),
    ]);
    let record = one("passed on by a collector", attributes);
    let expected = CallRecord {
        trace_id: [7; 16],
        span_id: [1; 8],
        origin: Origin::Spanledger,
        start: NOW.plus_seconds(-2),
        duration_ns: 2_000_000_000,
        first_chunk_ns: Some(250_000_000),
        service: "checkout".to_owned(),
        provider: "openai".to_owned(),
        operation: "chat".to_owned(),
        request_model: Some("test-model".to_owned()),
        response_model: Some("test-model-2".to_owned()),
        response_id: Some("r1".to_owned()),
        stream: true,
        status_code: Some(200),
        finish_reasons: vec!["stop".to_owned()],
        input_tokens: Some(1000),
        output_tokens: Some(100),
        cache_read_tokens: Some(400),
        cache_write_tokens: Some(30),
        reasoning_tokens: Some(20),
        usage_source: UsageSource::Provider,
        cost: Some(NanoUsd(3_000_000)),
        cost_status: CostStatus::Exact,
        price_source: Some("own 3".to_owned()),
        service_tier: Some("priority".to_owned()),
        server_address: Some("api.example.com".to_owned()),
        modality_tokens: Some(Box::new(ModalityTokens {
            output: Parts { audio: Some(60), ..Parts::default() },
            ..ModalityTokens::default()
        })),
        computed_cost: Some(NanoUsd(2_000_000)),
        user: Some("ann".to_owned()),
        client_address: Some("192.0.2.1".to_owned()),
        conversation_id: Some("c1".to_owned()),
        request_hash: Some("abc".to_owned()),
        instance: Some("i1".to_owned()),
        sequence: Some(7),
        response_preview: Some("hello".to_owned()),
        ..CallRecord::default()
    };
    assert_eq!(record, expected);
}

#[test]
fn prices_a_call_without_a_cost_and_says_so() {
    let record = one("spanledger", own());
    // 1000 tokens at $2 and 100 at $10 a million.
    assert_eq!(record.cost, Some(NanoUsd(3_000_000)));
    assert_eq!(record.cost_status, CostStatus::Exact);
    assert!(record.price_source.unwrap().starts_with("companion/"));
}

#[test]
fn prices_sound_as_the_library_does() {
    let mut attributes = own();
    attributes[1] = pair(attribute::PROVIDER_NAME, text("gcp.gemini"));
    attributes[2] = pair(attribute::REQUEST_MODEL, text("gemini-2.5-flash"));
    attributes.extend([
        pair(attribute::USAGE_CACHE_READ_TOKENS, int(200)),
        pair(attribute::USAGE_TEXT_INPUT_TOKENS, int(400)),
        pair(attribute::USAGE_IMAGE_INPUT_TOKENS, int(50)),
        pair(attribute::USAGE_AUDIO_INPUT_TOKENS, int(550)),
        pair(attribute::USAGE_TEXT_CACHE_READ_TOKENS, int(20)),
        pair(attribute::USAGE_IMAGE_CACHE_READ_TOKENS, int(30)),
        pair(attribute::USAGE_AUDIO_CACHE_READ_TOKENS, int(150)),
        pair(attribute::USAGE_TEXT_OUTPUT_TOKENS, int(90)),
        pair(attribute::USAGE_IMAGE_OUTPUT_TOKENS, int(4)),
        pair(attribute::USAGE_AUDIO_OUTPUT_TOKENS, int(6)),
    ]);
    let of = |text, image, audio| Modality { text: Some(text), image: Some(image), audio: Some(audio) };
    let total = Usage {
        input_tokens: Some(1000),
        output_tokens: Some(100),
        cache_read_tokens: Some(200),
        ..Usage::default()
    };
    let parts = Usage {
        input_modality: of(400, 50, 550),
        cache_read_modality: of(20, 30, 150),
        output_modality: of(90, 4, 6),
        ..total
    };
    let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(NOW.plus_seconds(-2).0.cast_unsigned());
    let priced = |usage| {
        let query = PriceQuery {
            provider: "gcp.gemini",
            server_address: None,
            response_model: None,
            request_model: Some("gemini-2.5-flash"),
            service_tier: None,
            requested_service_tier: None,
            usage,
            usage_source: UsageSource::Provider,
            billing: spanledger::Billing::NONE,
            at,
        };
        PriceTable::bundled().price(&query).usd.and_then(NanoUsd::from_usd)
    };
    assert_ne!(priced(&parts), priced(&total));
    assert_eq!(one("spanledger", attributes).cost, priced(&parts));
}

#[test]
fn keeps_the_tier_of_the_answer_before_the_one_asked_for() {
    let tier = |names: &[(&str, &str)]| {
        let tiers = names.iter().map(|(name, tier)| pair(name, text(tier)));
        one("spanledger", own().into_iter().chain(tiers).collect()).service_tier
    };
    let (asked, answered) = (attribute::OPENAI_REQUEST_SERVICE_TIER, attribute::OPENAI_RESPONSE_SERVICE_TIER);
    assert_eq!(tier(&[]), None);
    assert_eq!(tier(&[(asked, "flex")]).unwrap(), "flex");
    assert_eq!(tier(&[(answered, "default"), (asked, "flex")]).unwrap(), "default");
}

#[test]
fn leaves_a_call_of_an_unknown_model_unpriced() {
    let mut attributes = own();
    attributes[2] = pair(attribute::REQUEST_MODEL, text("nobody-knows-this"));
    let record = one("spanledger", attributes);
    assert_eq!((record.cost, record.cost_status), (None, CostStatus::Unpriced));
}

#[test]
fn keeps_absent_apart_from_zero() {
    let mut attributes = own();
    attributes.retain(|pair| !pair.key.starts_with("gen_ai.usage."));
    attributes.push(pair(attribute::USAGE_OUTPUT_TOKENS, int(0)));
    let record = one("spanledger", attributes);
    assert_eq!((record.input_tokens, record.output_tokens), (None, Some(0)));
}

#[test]
fn reads_the_older_names_of_the_conventions() {
    let record = one(
        "opentelemetry.instrumentation.openai_v2",
        vec![
            pair("gen_ai.system", text("az.ai.openai")),
            pair("gen_ai.request.model", text("test-model")),
            pair("gen_ai.usage.prompt_tokens", int(1000)),
            pair("gen_ai.usage.completion_tokens", int(100)),
            pair("gen_ai.usage.cache_creation.input_tokens", int(5)),
            pair("error.type", text("429")),
        ],
    );
    assert_eq!(record.origin, Origin::ThirdParty);
    assert_eq!((record.provider.as_str(), record.operation.as_str()), ("azure.ai.openai", "chat"));
    assert_eq!((record.input_tokens, record.cache_write_tokens), (Some(1000), Some(5)));
    assert_eq!((record.outcome, record.status_code), (Outcome::Failed, Some(429)));
    assert_eq!(record.usage_source, UsageSource::Partial);
}

#[test]
fn reads_openllmetry() {
    let record = one(
        "opentelemetry.instrumentation.anthropic",
        vec![
            pair("llm.request.type", text("chat")),
            pair("gen_ai.system", text("Anthropic")),
            pair("gen_ai.request.model", text("test-model")),
            pair("gen_ai.response.model", text("test-model")),
            // OpenLLMetry adds the cached tokens itself.
            pair("gen_ai.usage.input_tokens", int(1000)),
            pair("gen_ai.usage.output_tokens", int(100)),
            pair("gen_ai.usage.cache_read_input_tokens", int(900)),
            pair("llm.usage.total_tokens", int(1100)),
            pair("llm.response.finish_reason", text("end_turn")),
            pair("traceloop.association.properties.user_id", text("ann")),
        ],
    );
    assert_eq!((record.provider.as_str(), record.operation.as_str()), ("anthropic", "chat"));
    assert_eq!((record.input_tokens, record.cache_read_tokens), (Some(1000), Some(900)));
    assert_eq!((record.user.as_deref(), record.finish_reasons), (Some("ann"), vec!["end_turn".to_owned()]));
    assert_eq!(record.cost_status, CostStatus::Exact);
}

/// Attributes as `opentelemetry-util-genai` 1.3b0 sets them, by which OpenTelemetry's own Python instrumentations record.
#[test]
fn reads_util_genai() {
    let names = |names: &[&str]| {
        let values = names.iter().map(|name| AnyValue { value: Some(text(name)) }).collect();
        Value::ArrayValue(ArrayValue { values })
    };
    let mut answered = span(
        1,
        None,
        vec![
            pair("gen_ai.operation.name", text("chat")),
            pair("gen_ai.provider.name", text("anthropic")),
            pair("gen_ai.request.model", text("test-model")),
            pair("server.address", text("api.anthropic.com")),
            pair("server.port", int(443)),
            pair("gen_ai.conversation.id", text("c1")),
            pair("gen_ai.request.stream", Value::BoolValue(true)),
            pair("gen_ai.response.finish_reasons", names(&["end_turn"])),
            pair("gen_ai.response.model", text("test-model")),
            pair("gen_ai.response.id", text("msg_1")),
            pair("gen_ai.usage.input_tokens", int(1000)),
            pair("gen_ai.usage.output_tokens", int(100)),
            pair("gen_ai.usage.cache_write.input_tokens", int(30)),
            pair("gen_ai.usage.cache_read.input_tokens", int(300)),
            pair("gen_ai.usage.reasoning.output_tokens", int(40)),
            pair("gen_ai.response.time_to_first_chunk", Value::DoubleValue(0.25)),
        ],
    );
    answered.name = "chat test-model".to_owned();
    let mut failed = span(
        2,
        None,
        vec![
            pair("gen_ai.operation.name", text("embeddings")),
            pair("gen_ai.provider.name", text("openai")),
            pair("gen_ai.request.model", text("test-model")),
            pair("error.type", text("ValueError")),
        ],
    );
    failed.name = "embeddings test-model".to_owned();
    failed.status = Some(Status { code: 2, message: "boom".to_owned() });
    let agent = span(
        3,
        None,
        vec![
            pair("gen_ai.operation.name", text("invoke_agent")),
            pair("gen_ai.request.model", text("test-model")),
            pair("gen_ai.usage.input_tokens", int(1000)),
        ],
    );
    let converted = convert("opentelemetry.util.genai.handler", vec![answered, failed, agent]);
    assert_eq!((converted.records.len(), converted.ignored, converted.clamped), (2, 1, 0));
    let [answered, failed] = &converted.records[..] else { panic!("{converted:?}") };
    assert_eq!((answered.origin, answered.provider.as_str()), (Origin::ThirdParty, "anthropic"));
    assert_eq!((answered.operation.as_str(), answered.stream), ("chat", true));
    assert_eq!((answered.input_tokens, answered.output_tokens), (Some(1000), Some(100)));
    assert_eq!((answered.cache_read_tokens, answered.cache_write_tokens), (Some(300), Some(30)));
    assert_eq!((answered.reasoning_tokens, answered.first_chunk_ns), (Some(40), Some(250_000_000)));
    assert_eq!(
        (&answered.finish_reasons, answered.outcome),
        (&vec!["end_turn".to_owned()], Outcome::Completed)
    );
    assert_eq!(
        (answered.conversation_id.as_deref(), answered.response_id.as_deref()),
        (Some("c1"), Some("msg_1"))
    );
    assert_eq!(answered.cost_status, CostStatus::Exact);
    assert_eq!((failed.operation.as_str(), failed.outcome), ("embeddings", Outcome::Failed));
    assert_eq!(
        (failed.error_type.as_deref(), failed.error_message.as_deref()),
        (Some("ValueError"), Some("boom"))
    );
}

#[test]
fn reads_openlit_with_its_cost_and_its_uncached_input() {
    let record = one(
        "openlit.otel.tracing",
        vec![
            pair("gen_ai.operation.name", text("chat")),
            pair("gen_ai.system", text("anthropic")),
            pair("gen_ai.request.model", text("test-model")),
            pair("gen_ai.usage.input_tokens", int(1000)),
            pair("gen_ai.usage.output_tokens", int(100)),
            pair("gen_ai.usage.cache_read.input_tokens", int(400)),
            pair("gen_ai.usage.cost", Value::DoubleValue(0.5)),
            pair("gen_ai.server.time_to_first_token", Value::DoubleValue(0.1)),
            pair("gen_ai.request.is_stream", Value::BoolValue(true)),
        ],
    );
    assert_eq!((record.input_tokens, record.cost), (Some(1400), Some(NanoUsd(500_000_000))));
    assert_eq!(record.price_source.as_deref(), Some("sender/OpenLIT"));
    assert_eq!((record.stream, record.first_chunk_ns), (true, Some(100_000_000)));
}

#[test]
fn does_not_believe_a_third_party_cost_of_zero_for_a_call_with_tokens() {
    let record = one(
        "openlit",
        vec![
            pair("gen_ai.operation.name", text("chat")),
            pair("gen_ai.request.model", text("nobody-knows-this")),
            pair("gen_ai.usage.input_tokens", int(1000)),
            pair("gen_ai.usage.cost", Value::DoubleValue(0.0)),
        ],
    );
    assert_eq!((record.cost, record.cost_status), (None, CostStatus::Unpriced));
}

#[test]
fn reads_openinference() {
    let mut call = span(
        1,
        None,
        vec![
            pair("openinference.span.kind", text("LLM")),
            pair("llm.provider", text("openai")),
            pair("llm.system", text("something else")),
            pair("llm.model_name", text("test-model")),
            pair("llm.token_count.prompt", int(1000)),
            pair("llm.token_count.completion", int(100)),
            pair("llm.token_count.prompt_details.cache_read", int(300)),
            pair("llm.token_count.completion_details.reasoning", int(40)),
            pair("llm.cost.total", Value::DoubleValue(0.25)),
            pair("session.id", text("s1")),
        ],
    );
    call.status = Some(Status { code: 2, message: String::new() });
    call.events = vec![Event {
        name: "exception".to_owned(),
        attributes: vec![
            pair("exception.type", text("openai.APITimeoutError")),
            pair("exception.message", text("it took too long")),
        ],
        ..Event::default()
    }];
    let record = convert("openinference.instrumentation.openai", vec![call]).records.remove(0);
    assert_eq!((record.provider.as_str(), record.operation.as_str()), ("openai", "chat"));
    assert_eq!((record.input_tokens, record.reasoning_tokens), (Some(1000), Some(40)));
    assert_eq!((record.outcome, record.cost_status), (Outcome::TimedOut, CostStatus::Estimated));
    assert_eq!(record.error_message.as_deref(), Some("it took too long"));
    assert_eq!(record.conversation_id.as_deref(), Some("s1"));
}

#[test]
fn adds_the_cache_to_an_input_that_cannot_include_it() {
    let record = one(
        "somebody",
        vec![
            pair("gen_ai.operation.name", text("chat")),
            pair("gen_ai.usage.input_tokens", int(3)),
            pair("gen_ai.usage.cache_read.input_tokens", int(2000)),
        ],
    );
    assert_eq!(record.input_tokens, Some(2003));
}

#[test]
fn counts_and_leaves_spans_that_are_no_llm_calls() {
    let attributes = [
        vec![],
        vec![pair("http.request.method", text("POST")), pair("server.address", text("api.openai.com"))],
        vec![pair("gen_ai.operation.name", text("execute_tool")), pair("gen_ai.request.model", text("m"))],
        vec![pair("gen_ai.operation.name", text("fetch_response"))],
        vec![pair("openinference.span.kind", text("CHAIN")), pair("llm.model_name", text("m"))],
        vec![pair("traceloop.span.kind", text("workflow"))],
    ];
    let spans = attributes.into_iter().enumerate();
    let spans = spans.map(|(id, attributes)| span(u8::try_from(id).unwrap() + 1, None, attributes)).collect();
    let converted = convert("app", spans);
    assert_eq!((converted.records.len(), converted.ignored, converted.refused), (0, 6, 0));
}

/// One failure as six senders report it.
#[test]
fn names_one_failure_alike_for_all_senders() {
    let call = || vec![pair("gen_ai.operation.name", text("chat")), pair("gen_ai.system", text("openai"))];
    let failed = |id, attributes: Vec<KeyValue>, message: &str| Span {
        status: Some(Status { code: 2, message: message.to_owned() }),
        ..span(id, None, call().into_iter().chain(attributes).collect())
    };
    let exception = |class: &str| Event {
        name: "exception".to_owned(),
        attributes: vec![
            pair("exception.type", text(class)),
            pair("exception.message", text("Error code: 429 - no")),
        ],
        ..Event::default()
    };
    let mut own = own();
    own[3] = pair(attribute::OUTCOME, text("failed"));
    own.push(pair(attribute::HTTP_RESPONSE_STATUS_CODE, int(429)));
    own.push(pair(attribute::ERROR_TYPE, text("rate_limit_exceeded")));
    let mut event = failed(5, vec![], "");
    event.events.push(exception("a.b.OpenAIRateLimitError"));
    let spans = vec![
        span(1, None, own),
        failed(2, vec![pair("error.type", text("RateLimitError"))], ""),
        failed(3, vec![pair("error.type", text("429"))], ""),
        failed(4, vec![], "ModelHTTPError: status_code: 429, model_name: m"),
        event,
        failed(6, vec![], "429 slow down"),
    ];
    let records = convert("app", spans).records;
    assert_eq!(records.len(), 6);
    for record in &records {
        assert_eq!(record.error_kind.as_deref(), Some("rate_limited"), "{record:?}");
        assert_eq!((record.status_code, record.outcome), (Some(429), Outcome::Failed), "{record:?}");
    }
    let own: Vec<_> = records.iter().map(|record| record.error_type.as_deref().unwrap()).collect();
    assert_eq!(
        own,
        ["rate_limit_exceeded", "RateLimitError", "429", "ModelHTTPError", "a.b.OpenAIRateLimitError", "429"]
    );
}

#[test]
fn tells_a_cut_stream_from_a_connection_that_never_was() {
    let failed = |id, attributes: Vec<KeyValue>| {
        let mut attributes = attributes;
        attributes.push(pair("gen_ai.operation.name", text("chat")));
        attributes.push(pair("error.type", text("openai.APIConnectionError")));
        span(id, None, attributes)
    };
    let spans = vec![
        failed(1, vec![]),
        failed(2, vec![pair("gen_ai.response.id", text("r1"))]),
        failed(3, vec![pair("http.response.status_code", int(200))]),
    ];
    let found: Vec<_> = convert("app", spans)
        .records
        .into_iter()
        .map(|record| (record.outcome, record.error_kind.unwrap(), record.status_code))
        .collect();
    assert_eq!(
        found,
        [
            (Outcome::Failed, "connection".to_owned(), None),
            (Outcome::Truncated, "truncated".to_owned(), None),
            (Outcome::Truncated, "truncated".to_owned(), Some(200)),
        ]
    );
}
