//! Amazon Bedrock's `InvokeModel` and `InvokeModelWithResponseStream`: each model family's own shapes, distinguished
//! by their members, since the path may name a profile instead of a model. Source: the Bedrock user guide,
//! "Inference request parameters and response fields for foundation models".

mod flat;
mod request;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{converse, headers};
use crate::call::{Operation, RequestFacts, Unparsed};
use crate::content::InputContent;
use crate::coverage::Reason;
use crate::json::Json;
use crate::provider::format::{Event, Framing, Reading, Recognised, WireFormat};
use crate::provider::read::document::{document, leniently};
use crate::provider::read::error;
use crate::provider::read::lenient::{Count, List, Object, Text};
use crate::provider::read::usage::{Dialect, Member, Slot, Tallied};
use crate::provider::target::Target;
use crate::provider::{anthropic, cohere, openai};
use crate::semconv::provider;

#[derive(Debug)]
struct BedrockInvoke;

/// Models that response with something else than text or vectors, by a part of their names.
const OTHER_MODELS: [&str; 7] =
    ["stability.", "luma.", "titan-image", "nova-canvas", "nova-reel", "nova-sonic", "rerank"];

/// What holds the prompt in the families' requests.
const PROMPTS: &[&str] = &["messages", "prompt", "inputText", "texts"];

/// The payload of a `chunk` event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    #[serde(borrow)]
    bytes: Text<'a>,
}

/// What tells the families apart, and the counts that Bedrock puts into the last chunk of each.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Response<'a> {
    /// Anthropic.
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    /// Anthropic's completions, which have a type as well.
    completion: Option<IgnoredAny>,
    /// OpenAI's shape, as Mistral, AI21, `DeepSeek`, Qwen and others use it.
    #[serde(borrow)]
    choices: Option<List<Object<Choice<'a>>>>,
    /// Nova: a whole answer, or an event named by its one member.
    output: Option<IgnoredAny>,
    message_start: Option<IgnoredAny>,
    content_block_start: Option<IgnoredAny>,
    content_block_delta: Option<IgnoredAny>,
    content_block_stop: Option<IgnoredAny>,
    message_stop: Option<IgnoredAny>,
    metadata: Option<IgnoredAny>,
    stop_reason: Option<IgnoredAny>,
    /// Cohere.
    #[serde(rename = "response_id")]
    response_id: Option<IgnoredAny>,
    #[serde(rename = "generation_id")]
    generation_id: Option<IgnoredAny>,
    #[serde(rename = "response_type")]
    response_type: Option<IgnoredAny>,
    generations: Option<IgnoredAny>,
    #[serde(rename = "event_type")]
    event_type: Option<IgnoredAny>,
    #[serde(rename = "is_finished")]
    is_finished: Option<IgnoredAny>,
    usage: Object<Spelling>,
    #[serde(borrow, rename = "amazon-bedrock-invocationMetrics")]
    metrics: Tallied<'a, Metrics>,
    #[serde(borrow, rename = "amazon-bedrock-trace")]
    trace: Tallied<'a, Trace>,
    /// A guardrail was at work, maybe one that the account prescribes.
    #[serde(rename = "amazon-bedrock-guardrailAction")]
    guardrail_action: Option<IgnoredAny>,
}

/// How a family spells its input tokens.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spelling {
    #[serde(rename = "input_tokens")]
    anthropic: Option<IgnoredAny>,
    #[serde(rename = "prompt_tokens")]
    openai: Option<IgnoredAny>,
    #[serde(rename = "inputTokens")]
    nova: Option<IgnoredAny>,
}

/// Mistral and `DeepSeek` write the reason where OpenAI has another name.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Choice<'a> {
    index: Count,
    #[serde(borrow)]
    stop_reason: Text<'a>,
}

/// What a guardrail assessed, as Converse reports it.
#[derive(Debug)]
struct Trace;

impl Dialect for Trace {
    const NAME: &'static str = "amazon-bedrock-trace";
    const MEMBER: Member = Member::Within(&[&[(
        "guardrail",
        Member::Within(&[&[
            ("input", Member::Every(&converse::ASSESSMENT)),
            ("outputs", Member::Every(&converse::ASSESSMENT)),
        ]]),
    )]]);
}

/// Bedrock's own counts, in the last chunk.
#[derive(Debug)]
struct Metrics;

impl Dialect for Metrics {
    const NAME: &'static str = "amazon-bedrock-invocationMetrics";
    const MEMBER: Member = Member::Object(&[&[
        ("inputTokenCount", Member::Count(Slot::Uncached)),
        ("outputTokenCount", Member::Count(Slot::Output)),
        ("cacheReadInputTokenCount", Member::Count(Slot::CacheRead)),
        ("cacheWriteInputTokenCount", Member::Count(Slot::CacheWrite)),
        ("firstByteLatency", Member::Free),
        ("invocationLatency", Member::Free),
    ]]);
}

/// `/model/MODEL/invoke` and `/model/MODEL/invoke-with-response-stream`.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let (model, operation) = headers::model_operation(target)?;
    let stream = match operation {
        "invoke" => false,
        "invoke-with-response-stream" => true,
        _ => return None,
    };
    if OTHER_MODELS.iter().any(|other| model.contains(other)) {
        return None;
    }
    let operation = if model.contains("embed") { Operation::Embeddings } else { Operation::Chat };
    let recognised =
        Recognised::new(&BedrockInvoke, operation).model(Some(model)).stream(stream).carrying(PROMPTS);
    Some(recognised.provider(target.provider.or(Some(provider::AWS_BEDROCK))))
}

impl WireFormat for BedrockInvoke {
    fn stream_framing(&self) -> Framing {
        Framing::EventStream
    }

    fn read_request(&self, body: &Json<'_>, facts: &mut RequestFacts) {
        request::read(body, facts);
    }

    fn read_request_headers(&self, headers: &HeaderMap, facts: &mut RequestFacts) {
        let guardrail = headers.get("x-amzn-bedrock-guardrailidentifier");
        facts.guardrail_id = guardrail.and_then(|id| id.to_str().ok()).map(str::to_owned);
    }

    fn fields_not_hashed(&self) -> &'static [&'static str] {
        &["stream", "metadata", "service_tier", "cache_control"]
    }

    fn read_input(&self, body: &Json<'_>) -> InputContent {
        request::read_input(body)
    }

    fn read_body(&self, body: &[u8], reading: &mut Reading) {
        read(body, false, reading);
    }

    fn read_event(&self, event: Event<'_>, reading: &mut Reading) {
        if event.exception {
            return converse::read_event(event, reading);
        }
        let Ok(chunk) = document::<Chunk<'_>>(event.data, reading) else { return };
        match chunk.as_ref().and_then(|chunk| chunk.bytes.some()).map(|bytes| STANDARD.decode(bytes)) {
            Some(Ok(bytes)) => {
                leniently(&bytes, false, reading, |data, reading| read(data, true, reading));
            }
            Some(Err(_)) => reading.facts.unparsed = Some(Unparsed::Malformed),
            None => {}
        }
    }

    fn read_headers(&self, headers: &HeaderMap, reading: &mut Reading) {
        headers::read_headers(headers, reading);
    }
}

/// Reads a whole response, or what one chunk holds: once for what tells the families apart, then as the family does.
fn read(data: &[u8], chunk: bool, reading: &mut Reading) {
    let Ok(answer) = document::<Response<'_>>(data, reading) else { return };
    let Some(answer) = answer else {
        return headers::note_error(reading, error::read(data));
    };
    match answer.family() {
        Family::Anthropic if chunk => {
            anthropic::messages::read_event(Event { name: None, exception: false, data }, reading);
        }
        Family::Anthropic => {
            anthropic::messages::read_body(data, reading);
        }
        Family::OpenAi => {
            openai::chunk::read_body(data, reading);
            let choices = answer.choices.iter().flat_map(|choices| &choices.0);
            for choice in choices.filter_map(|choice| choice.0.as_ref()) {
                reading
                    .facts
                    .finish(choice.index.0.unwrap_or(0), choice.stop_reason.some().unwrap_or_default());
            }
        }
        Family::Nova if chunk => converse::read_nova_event(data, reading),
        Family::Nova => {
            converse::read_body(data, reading);
        }
        Family::Cohere => {
            cohere::v1::read(data, reading);
        }
        Family::Flat => {
            if !flat::read(data, reading) && !answer.metrics.is_some() && !reading.unreadable {
                headers::note_error(reading, error::read(data));
            }
        }
    }
    if reading.unreadable {
        return;
    }
    reading.facts.guarded |= answer.guardrail_action.is_some();
    // Bedrock adds these to the last chunk, whatever the family calls its end.
    if let Some(tally) = answer.trace.as_ref() {
        tally.note(&mut reading.facts);
    }
    if let Some(tally) = answer.metrics.as_ref() {
        tally.note(&mut reading.facts);
        let [uncached, read, write, output] =
            [Slot::Uncached, Slot::CacheRead, Slot::CacheWrite, Slot::Output].map(|slot| tally.get(slot));
        let known = (reading.facts.usage.input_tokens, reading.facts.usage.output_tokens);
        let metered = headers::metered(uncached, read, write, output);
        let differs = |known: Option<u64>, metered: Option<u64>| {
            known.zip(metered).is_some_and(|(known, metered)| known != metered)
        };
        if differs(known.0, metered.input_tokens) || differs(known.1, metered.output_tokens) {
            reading.facts.coverage.note(Reason::Total, Metrics::NAME.to_owned());
        }
        headers::fill_usage(reading, uncached, read, write, output);
        reading.facts.ended = true;
    }
}

enum Family {
    Anthropic,
    OpenAi,
    Nova,
    Cohere,
    /// The small ones, whose members are all different.
    Flat,
}

impl Response<'_> {
    /// By any of a family's members, so that one of a strange shape does not hide the rest.
    fn family(&self) -> Family {
        let spells = |family: fn(&Spelling) -> bool| self.usage.0.as_deref().is_some_and(family);
        let nova = [
            &self.output,
            &self.message_start,
            &self.content_block_start,
            &self.content_block_delta,
            &self.content_block_stop,
            &self.message_stop,
            &self.metadata,
            &self.stop_reason,
        ];
        let cohere = [
            &self.response_id,
            &self.generation_id,
            &self.response_type,
            &self.generations,
            &self.event_type,
            &self.is_finished,
        ];
        if self.choices.is_some() || spells(|usage| usage.openai.is_some()) {
            Family::OpenAi
        } else if (self.kind.0.is_some() || spells(|usage| usage.anthropic.is_some()))
            && self.completion.is_none()
        {
            Family::Anthropic
        } else if nova.into_iter().any(Option::is_some) || spells(|usage| usage.nova.is_some()) {
            Family::Nova
        } else if cohere.into_iter().any(Option::is_some) {
            Family::Cohere
        } else {
            Family::Flat
        }
    }
}
