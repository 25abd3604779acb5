//! The response shape that chat completions and legacy completions share, whole or as chunks of a stream: choices
//! whose `message`, `delta` or `text` carries what was generated.

mod content;

use serde::Deserialize;
use serde::de::IgnoredAny;

use self::content::Content;
use super::usage::{self, Breakdown, Cost, GatewayMetadata, OpenAi};
use crate::call::ErrorFacts;
use crate::coverage::Reason;
use crate::provider::format::{Event, Reading};
use crate::provider::read::document::document;
use crate::provider::read::error::{self, Fault};
use crate::provider::read::lenient::{Count, List, Object, Text};
use crate::provider::read::usage::Tallied;
use crate::provider::read::usage::copilot::Copilot;
use crate::provider::repeated::Repetition;

/// In what chunks differ, next to their text: times, padding, and details of each token. Some count as they go.
pub(super) const REPETITION: Repetition = Repetition {
    texts: &[
        "arguments",
        "content",
        "data",
        "input",
        "reasoning",
        "reasoning_content",
        "refusal",
        "summary",
        "text",
        "transcript",
    ],
    ignored: &[
        &["created"],
        &["obfuscation"],
        // Mistral's padding.
        &["p"],
        &["choices", "content_filter_results"],
        &["choices", "logprobs"],
        &["choices", "token_ids"],
    ],
    counts: &["completion_tokens", "output_tokens", "reasoning_tokens", "total_tokens"],
};

/// A whole answer or one chunk.
#[derive(Debug, Default, Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    model: Text<'a>,
    #[serde(borrow, default)]
    service_tier: Text<'a>,
    #[serde(borrow, default)]
    system_fingerprint: Text<'a>,
    #[serde(borrow, default)]
    choices: List<Object<Choice<'a>>>,
    #[serde(borrow, default)]
    usage: Tallied<'a, OpenAi>,
    #[serde(borrow, default)]
    copilot_usage: Tallied<'a, Copilot>,
    /// Venice, next to the usage.
    #[serde(borrow, default)]
    cost: Tallied<'a, Cost>,
    /// Groq's systems of several models.
    #[serde(borrow, default)]
    usage_breakdown: Tallied<'a, Breakdown>,
    /// Groq's first and last chunks.
    #[serde(borrow, default)]
    x_groq: Object<Groq<'a>>,
    /// Perplexity, xAI and others: the pages that a search brought.
    #[serde(default)]
    citations: List<IgnoredAny>,
    /// Z.ai: the results of its searches, which are billed by the use.
    #[serde(default)]
    web_search: List<IgnoredAny>,
    /// Writer's legacy completions stream.
    #[serde(borrow, default)]
    value: Text<'a>,
    /// MiniMax: a status next to HTTP's.
    #[serde(borrow, default)]
    base_resp: Fault<'a>,
    #[serde(borrow, default)]
    error: Fault<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Groq<'a> {
    #[serde(borrow)]
    usage: Tallied<'a, OpenAi>,
    #[serde(borrow)]
    error: Fault<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: Count,
    #[serde(borrow, default)]
    delta: Object<Message<'a>>,
    #[serde(borrow, default)]
    message: Object<Message<'a>>,
    /// Legacy completions; Together's chat chunks repeat their delta here.
    #[serde(borrow, default)]
    text: Text<'a>,
    #[serde(borrow, default)]
    finish_reason: Text<'a>,
    /// Moonshot's streams.
    #[serde(borrow, default)]
    usage: Tallied<'a, OpenAi>,
    /// OpenRouter: the upstream provider failed.
    #[serde(borrow, default)]
    error: Fault<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Content<'a>,
    /// DeepSeek, vLLM and others.
    #[serde(borrow, default)]
    reasoning_content: Text<'a>,
    /// OpenRouter, Groq and others; some send both, with the same text.
    #[serde(borrow, default)]
    reasoning: Text<'a>,
    /// OpenRouter: encrypted reasoning is nowhere else.
    #[serde(borrow, default)]
    reasoning_details: List<Object<ReasoningDetail<'a>>>,
    #[serde(borrow, default)]
    refusal: Text<'a>,
    #[serde(borrow, default)]
    tool_calls: List<Object<ToolCall<'a>>>,
    #[serde(borrow, default)]
    function_call: Object<Function<'a>>,
    #[serde(borrow, default)]
    audio: Object<Audio<'a>>,
    /// Vercel: what its gateway charges.
    #[serde(borrow, default)]
    provider_metadata: Tallied<'a, GatewayMetadata>,
    /// Groq's systems of several models: searches and code, at prices of their own.
    #[serde(default)]
    executed_tools: List<IgnoredAny>,
    /// OpenRouter: generated images.
    #[serde(default)]
    images: List<IgnoredAny>,
    /// What the text refers to.
    #[serde(borrow, default)]
    annotations: List<Object<Annotation<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Annotation<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

impl Annotation<'_> {
    /// Whether it refers to a page of the web.
    fn is_page(&self) -> bool {
        self.kind.some() == Some("url_citation")
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReasoningDetail<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    summary: Text<'a>,
    #[serde(borrow)]
    data: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToolCall<'a> {
    index: Count,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    function: Object<Function<'a>>,
    #[serde(borrow)]
    custom: Object<Function<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Function<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    arguments: Text<'a>,
    /// Custom tools.
    #[serde(borrow)]
    input: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Audio<'a> {
    #[serde(borrow)]
    data: Text<'a>,
    #[serde(borrow)]
    transcript: Text<'a>,
}

/// Reads a response that is one document.
pub(in crate::provider) fn read_body(body: &[u8], reading: &mut Reading) {
    let Ok(answer) = document::<Chunk<'_>>(body, reading) else { return };
    match answer {
        Some(answer) if !answer.is_bare() => answer.read(reading),
        _ => reading.facts.note_error(error::read(body)),
    }
}

/// Reads one server-sent event.
pub(in crate::provider) fn read_event(event: Event<'_>, reading: &mut Reading) {
    if event.data.trim_ascii() == b"[DONE]" {
        reading.facts.ended = true;
        return;
    }
    let named_error = event.exception || event.name == Some("error");
    let Ok(chunk) = document::<Chunk<'_>>(event.data, reading) else { return };
    match chunk {
        Some(chunk) if !named_error && !chunk.is_bare() => chunk.read(reading),
        _ => {
            let error = error::read(event.data);
            reading.facts.note_error(error.or_else(|| named_error.then(ErrorFacts::default)));
        }
    }
}

impl Chunk<'_> {
    /// Whether nothing of a response is here, so that the document may be an error of another shape.
    fn is_bare(&self) -> bool {
        self.choices.0.is_empty()
            && !self.usage.is_some()
            && self.value.0.is_none()
            && (self.id.0.is_none() || self.model.0.is_none())
    }

    fn read(&self, reading: &mut Reading) {
        let facts = &mut reading.facts;
        if facts.id.is_none() {
            self.id.note(&mut facts.id);
        }
        self.model.note(&mut facts.model);
        self.service_tier.note(&mut facts.service_tier);
        self.system_fingerprint.note(&mut facts.system_fingerprint);
        let groq = self.x_groq.0.as_ref();
        for tally in [groq.and_then(|groq| groq.usage.as_ref()), self.usage.as_ref()].into_iter().flatten() {
            usage::note(tally, facts);
        }
        for tally in [self.copilot_usage.as_ref(), self.cost.as_ref(), self.usage_breakdown.as_ref()]
            .into_iter()
            .flatten()
        {
            tally.note(facts);
        }
        facts.cited |= !self.citations.0.is_empty();
        if !self.web_search.0.is_empty() {
            facts.unpriced.note(Reason::Member, "response.web_search".to_owned());
        }
        let error = self.error.facts().or_else(|| groq?.error.facts());
        facts.note_error(error.or_else(|| self.base_resp.failure()));
        if let Some(text) = self.value.some() {
            facts.generated(text.len());
        }
        for (position, choice) in self.choices.0.iter().enumerate() {
            if let Some(choice) = &choice.0 {
                choice.read(position as u64, reading);
            }
        }
    }
}

impl Choice<'_> {
    fn read(&self, position: u64, reading: &mut Reading) {
        let index = self.index.0.unwrap_or(position);
        reading.facts.choice(index);
        if let Some(reason) = self.finish_reason.some() {
            reading.facts.finish(index, reason);
        }
        if let Some(tally) = self.usage.as_ref() {
            usage::note(tally, &mut reading.facts);
            // Whether the counts of several choices are of each or of all is not known.
            if index > 0 {
                reading.facts.unpriced.note(Reason::Total, "choices.usage".to_owned());
            }
        }
        reading.facts.note_error(self.error.facts());
        if let Some(text) = self.text.some() {
            reading.text(index, Some(text));
        } else if let Some(message) = self.delta.0.as_ref().or(self.message.0.as_ref()) {
            message.read(index, reading);
        }
    }
}

impl Message<'_> {
    fn read(&self, choice: u64, reading: &mut Reading) {
        if let Some(tally) = self.provider_metadata.as_ref() {
            tally.note(&mut reading.facts);
        }
        if !self.executed_tools.0.is_empty() {
            reading.facts.unpriced.note(Reason::Member, "message.executed_tools".to_owned());
        }
        reading.facts.cited |= self
            .annotations
            .0
            .iter()
            .filter_map(|annotation| annotation.0.as_ref())
            .any(|annotation| annotation.is_page());
        match self.reasoning_content.some().or_else(|| self.reasoning.some()) {
            Some(text) => reading.reasoning(choice, Some(text)),
            None => self.read_reasoning_details(choice, reading),
        }
        match &self.content {
            Content::Text(text) => reading.text(choice, Some(text)),
            Content::Parts(parts) => {
                for part in parts.0.iter().filter_map(|part| part.0.as_ref()) {
                    for thought in part.thinking.0.iter().filter_map(|thought| thought.0.as_ref()) {
                        reading.reasoning(choice, thought.text.some());
                    }
                    reading.text(choice, part.text.some());
                }
            }
            Content::None => {}
        }
        reading.text(choice, self.refusal.some());
        for (position, call) in self.tool_calls.0.iter().enumerate() {
            if let Some(call) = &call.0 {
                let index = call.index.0.unwrap_or(position as u64);
                let function = call.function.0.as_deref().or(call.custom.0.as_deref());
                tool_call(choice, index, call.id.some(), function, reading);
            }
        }
        if let Some(function) = &self.function_call.0 {
            tool_call(choice, 0, None, Some(function), reading);
        }
        if let Some(audio) = &self.audio.0 {
            reading.facts.generated(audio.data.some().map_or(0, str::len));
            reading.text(choice, audio.transcript.some());
        }
        reading.facts.images |= !self.images.0.is_empty();
        reading.facts.output |= !self.images.0.is_empty();
    }

    fn read_reasoning_details(&self, choice: u64, reading: &mut Reading) {
        for detail in self.reasoning_details.0.iter().filter_map(|detail| detail.0.as_ref()) {
            let text = detail.text.some().or_else(|| detail.summary.some());
            reading.reasoning(choice, text);
            reading.facts.generated(detail.data.some().map_or(0, str::len));
        }
    }
}

fn tool_call(
    choice: u64,
    index: u64,
    id: Option<&str>,
    function: Option<&Function<'_>>,
    reading: &mut Reading,
) {
    let name = function.and_then(|function| function.name.some());
    // Moonshot's own tools, such as `$web_search`, are billed by the call.
    if name.is_some_and(|name| name.starts_with('$')) {
        reading.facts.unpriced.note(Reason::Member, "message.tool_calls".to_owned());
    }
    let arguments = function.and_then(|function| function.arguments.some().or_else(|| function.input.some()));
    reading.tool_call(choice, index, id, name, arguments);
}

#[cfg(test)]
mod tests;
