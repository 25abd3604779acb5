//! Amazon Bedrock's Converse and `ConverseStream`. Nova's invoke speaks the same shapes. Source: the Bedrock
//! Runtime API reference, `ConverseResponse` and `ConverseStreamOutput`.

mod block;
mod input;
#[cfg(test)]
mod tests;

use http::HeaderMap;
use serde::Deserialize;

use self::block::Block;
use super::headers;
use crate::call::{ErrorFacts, Operation, RequestFacts};
use crate::content::InputContent;
use crate::json::Json;
use crate::provider::format::{Event, Framing, Reading, Recognised, WireFormat};
use crate::provider::read::document::document;
use crate::provider::read::lenient::{Count, List, Object, Text};
use crate::provider::read::usage::common::CHARGES;
use crate::provider::read::usage::{Dialect, Member, Name, Slot, Table, Tallied, Tally};
use crate::provider::read::{error, field};
use crate::provider::target::Target;
use crate::semconv::{output_type, provider};
use crate::usage::Usage;

#[derive(Debug)]
struct BedrockConverse;

/// A whole answer, or the payload of any event of a stream: their members do not collide.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Response<'a> {
    #[serde(borrow)]
    output: Object<Output<'a>>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
    #[serde(borrow)]
    usage: Tallied<'a, Converse>,
    #[serde(borrow)]
    service_tier: Object<ServiceTier<'a>>,
    #[serde(borrow)]
    performance_config: Tallied<'a, Performance>,
    #[serde(borrow)]
    trace: Object<Trace<'a>>,
    #[serde(borrow)]
    role: Text<'a>,
    content_block_index: Count,
    #[serde(borrow)]
    start: Object<Block<'a>>,
    #[serde(borrow)]
    delta: Object<Block<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Output<'a> {
    #[serde(borrow)]
    message: Object<Message<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    content: List<Object<Block<'a>>>,
}

/// Faster answers have prices of their own, which no table knows.
#[derive(Debug)]
struct Performance;

impl Dialect for Performance {
    const NAME: &'static str = "performanceConfig";
    const MEMBER: Member = Member::Object(&[&[("latency", Member::Standard(&["standard"]))]]);
}

/// `inputTokens` leaves the two cache counts out; Nova's invoke has longer names for them.
#[derive(Debug)]
struct Converse;

impl Dialect for Converse {
    const NAME: &'static str = "usage";
    const MEMBER: Member = Member::Object(&[TOKENS, CHARGES]);
}

const TOKENS: Table = &[
    ("inputTokens", Member::Count(Slot::Uncached)),
    ("outputTokens", Member::Count(Slot::Output)),
    ("totalTokens", Member::Count(Slot::Total)),
    ("cacheReadInputTokens", Member::Count(Slot::CacheRead)),
    ("cacheWriteInputTokens", Member::Count(Slot::CacheWrite)),
    ("cacheReadInputTokenCount", Member::Count(Slot::CacheRead)),
    ("cacheWriteInputTokenCount", Member::Count(Slot::CacheWrite)),
    ("cacheDetails", Member::Each(CACHE_DETAIL, cache_detail)),
];

/// What a guardrail assessed, which is billed by the text unit, not by the token: only a trace shows it.
#[derive(Debug)]
struct Guardrail;

impl Dialect for Guardrail {
    const NAME: &'static str = "guardrail";
    const MEMBER: Member = Member::Within(&[&[
        ("inputAssessment", Member::Every(&ASSESSMENT)),
        ("outputAssessments", Member::Every(&ASSESSMENT)),
    ]]);
}

pub(super) const ASSESSMENT: Member =
    Member::Within(&[&[("invocationMetrics", Member::Within(&[&[("usage", Member::Object(&[UNITS]))]]))]]);

const UNITS: Table = &[
    ("topicPolicyUnits", Member::Unpriced),
    ("contentPolicyUnits", Member::Unpriced),
    ("contentPolicyImageUnits", Member::Unpriced),
    ("sensitiveInformationPolicyUnits", Member::Unpriced),
    ("contextualGroundingPolicyUnits", Member::Unpriced),
    ("automatedReasoningPolicyUnits", Member::Unpriced),
    ("automatedReasoningPolicies", Member::Unpriced),
    ("wordPolicyUnits", Member::Free),
    ("sensitiveInformationPolicyFreeUnits", Member::Free),
];

/// Cache writes of one lifetime.
const CACHE_DETAIL: Table =
    &[("ttl", Member::Text(Name::Kind)), ("inputTokens", Member::Count(Slot::Element))];

/// Adds the cache writes of one lifetime.
fn cache_detail(element: &Tally<'_>, tally: &mut Tally<'_>) -> bool {
    let tokens = element.get(Slot::Element).unwrap_or(0);
    match element.name(Name::Kind) {
        Some("1h") => tally.add(Slot::CacheWrite1h, tokens),
        Some("5m") => tally.add(Slot::CacheWrite5m, tokens),
        _ => return tokens == 0,
    }
    true
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ServiceTier<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Trace<'a> {
    #[serde(borrow)]
    prompt_router: Object<PromptRouter<'a>>,
    #[serde(borrow)]
    guardrail: Tallied<'a, Guardrail>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PromptRouter<'a> {
    #[serde(borrow)]
    invoked_model_id: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NovaEvent<'a> {
    #[serde(borrow)]
    message_start: Object<Response<'a>>,
    #[serde(borrow)]
    content_block_start: Object<Response<'a>>,
    #[serde(borrow)]
    content_block_delta: Object<Response<'a>>,
    #[serde(borrow)]
    message_stop: Object<Response<'a>>,
    #[serde(borrow)]
    metadata: Object<Response<'a>>,
}

/// `/model/MODEL/converse` and `/model/MODEL/converse-stream`.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let (model, operation) = headers::model_operation(target)?;
    let stream = match operation {
        "converse" => false,
        "converse-stream" => true,
        _ => return None,
    };
    let recognised = Recognised::new(&BedrockConverse, Operation::Chat).model(Some(model)).stream(stream);
    Some(
        recognised
            .provider(target.provider.or(Some(provider::AWS_BEDROCK)))
            .carrying(&["messages"])
            .distinct(),
    )
}

impl WireFormat for BedrockConverse {
    fn stream_framing(&self) -> Framing {
        Framing::EventStream
    }

    fn read_request(&self, body: &Json<'_>, facts: &mut RequestFacts) {
        read_request(body, facts);
    }

    fn fields_not_hashed(&self) -> &'static [&'static str] {
        &["requestMetadata", "performanceConfig", "serviceTier"]
    }

    fn read_input(&self, body: &Json<'_>) -> InputContent {
        input::read(body)
    }

    fn read_body(&self, body: &[u8], reading: &mut Reading) {
        read_body(body, reading)
    }

    fn read_event(&self, event: Event<'_>, reading: &mut Reading) {
        read_event(event, reading);
    }

    fn read_headers(&self, headers: &HeaderMap, reading: &mut Reading) {
        headers::read_headers(headers, reading);
    }
}

/// Reads the parameters of a request.
pub(super) fn read_request(body: &Json<'_>, facts: &mut RequestFacts) {
    let null = &Json::Null;
    let config = body.get("inferenceConfig").unwrap_or(null);
    // Nova's invoke spells some of them otherwise.
    facts.max_tokens = field::int(config, "maxTokens").or_else(|| field::int(config, "max_new_tokens"));
    facts.temperature = field::float(config, "temperature");
    facts.top_p = field::float(config, "topP").or_else(|| field::float(config, "top_p"));
    facts.stop_sequences = field::strings(config, "stopSequences");
    // What a model takes beyond the common parameters, by the model's own names.
    let more = body.get("additionalModelRequestFields").unwrap_or(null);
    let nested = more.get("inferenceConfig").unwrap_or(null);
    facts.top_k = [config, more, nested]
        .into_iter()
        .find_map(|place| field::int(place, "topK").or_else(|| field::int(place, "top_k")));
    let effort = |object: &str, name: &str| more.get(object).and_then(|object| field::string(object, name));
    facts.reasoning_level = effort("output_config", "effort")
        .or_else(|| effort("reasoningConfig", "maxReasoningEffort"))
        .or_else(|| field::string(more, "reasoning_effort"));
    facts.guardrail_id =
        body.get("guardrailConfig").and_then(|guardrail| field::string(guardrail, "guardrailIdentifier"));
    facts.service_tier = body.get("serviceTier").and_then(|tier| field::string(tier, "type"));
    let format = body.get("outputConfig").and_then(|output| output.get("textFormat"));
    if format.is_some_and(|format| field::is(format, "type", "json_schema")) {
        facts.output_type = Some(output_type::JSON);
    }
}

/// Reads the messages of a request.
pub(super) fn read_input(body: &Json<'_>) -> InputContent {
    input::read(body)
}

/// Reads a whole answer.
pub(super) fn read_body(body: &[u8], reading: &mut Reading) {
    let Ok(answer) = document::<Response<'_>>(body, reading) else { return };
    match answer {
        Some(answer) if answer.output.0.is_some() || answer.usage.is_some() => {
            reading.facts.choice(0);
            answer.read(reading);
            reading.facts.ended = true;
        }
        _ => headers::note_error(reading, error::read(body)),
    }
}

/// Reads one event of a stream.
pub(super) fn read_event(event: Event<'_>, reading: &mut Reading) {
    if event.exception {
        let said = error::read(event.data).unwrap_or_default();
        let code = event.name.map(str::to_owned).or(said.code);
        return headers::note_error(reading, Some(ErrorFacts { code, message: said.message }));
    }
    let Ok(Some(answer)) = document::<Response<'_>>(event.data, reading) else { return };
    answer.read(reading);
    // Usage follows the stop reason and ends the stream.
    reading.facts.ended |= event.name == Some("metadata");
}

/// Reads an event of Nova's invoke, which is a payload under its own name.
pub(super) fn read_nova_event(data: &[u8], reading: &mut Reading) {
    let Ok(Some(event)) = document::<NovaEvent<'_>>(data, reading) else { return };
    let NovaEvent { message_start, content_block_start, content_block_delta, message_stop, metadata } =
        *event;
    let payloads = [message_start, content_block_start, content_block_delta, message_stop, metadata];
    for payload in payloads.iter().filter_map(|payload| payload.0.as_ref()) {
        payload.read(reading);
    }
}

impl Response<'_> {
    fn read(&self, reading: &mut Reading) {
        let facts = &mut reading.facts;
        if self.role.0.is_some() || self.stop_reason.0.is_some() {
            facts.choice(0);
        }
        if let Some(reason) = self.stop_reason.some() {
            facts.finish(0, reason);
        }
        if let Some(tally) = self.usage.as_ref() {
            tally.note(facts);
            let (read, write) = (tally.get(Slot::CacheRead), tally.get(Slot::CacheWrite));
            facts.usage.merge_uncached(tally.get(Slot::Uncached), read, write);
            facts.count(Usage { output_tokens: tally.get(Slot::Output), ..Usage::default() });
        }
        if let Some(tally) = self.performance_config.as_ref() {
            tally.note(facts);
        }
        if let Some(tier) = &self.service_tier.0 {
            tier.kind.note(&mut facts.service_tier);
        }
        if let Some(tally) = self.trace.0.as_ref().and_then(|trace| trace.guardrail.as_ref()) {
            tally.note(facts);
        }
        if let Some(router) = self.trace.0.as_ref().and_then(|trace| trace.prompt_router.0.as_ref()) {
            router.invoked_model_id.note(&mut facts.model);
        }
        let content = self.output.0.as_ref().and_then(|output| output.message.0.as_ref());
        for (index, block) in content.into_iter().flat_map(|message| &message.content.0).enumerate() {
            if let Some(block) = &block.0 {
                block.read(index as u64, reading);
            }
        }
        let index = self.content_block_index.0.unwrap_or(0);
        for block in [&self.start.0, &self.delta.0].into_iter().flatten() {
            block.read(index, reading);
        }
    }
}
