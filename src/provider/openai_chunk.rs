//! The answer shape that chat completions and legacy completions share, whole or as chunks of a stream: choices
//! whose `message`, `delta` or `text` carries what was generated.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::{self, Fault};
use super::lenient::{Count, List, Object, Text};
use super::openai_usage::WireUsage;
use super::{Event, Reading};
use crate::call::{ErrorFacts, ResponseFacts};
use crate::content::OutputContent;

/// A whole answer or one chunk.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow)]
    service_tier: Text<'a>,
    #[serde(borrow)]
    system_fingerprint: Text<'a>,
    #[serde(borrow)]
    choices: List<Object<Choice<'a>>>,
    usage: Object<WireUsage>,
    /// Groq's first and last chunks.
    #[serde(borrow)]
    x_groq: Object<Groq<'a>>,
    /// Writer's legacy completions stream.
    #[serde(borrow)]
    value: Text<'a>,
    #[serde(borrow)]
    error: Fault<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Groq<'a> {
    usage: Object<WireUsage>,
    #[serde(borrow)]
    error: Fault<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Choice<'a> {
    index: Count,
    #[serde(borrow)]
    delta: Object<Message<'a>>,
    #[serde(borrow)]
    message: Object<Message<'a>>,
    /// Legacy completions; Together's chat chunks repeat their delta here.
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    finish_reason: Text<'a>,
    /// Moonshot's streams.
    usage: Object<WireUsage>,
    /// OpenRouter: the upstream provider failed.
    #[serde(borrow)]
    error: Fault<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    content: Content<'a>,
    /// DeepSeek, vLLM and others.
    #[serde(borrow)]
    reasoning_content: Text<'a>,
    /// OpenRouter, Groq and others; some send both, with the same text.
    #[serde(borrow)]
    reasoning: Text<'a>,
    /// OpenRouter: encrypted reasoning stands nowhere else.
    #[serde(borrow)]
    reasoning_details: List<Object<ReasoningDetail<'a>>>,
    #[serde(borrow)]
    refusal: Text<'a>,
    #[serde(borrow)]
    tool_calls: List<Object<ToolCall<'a>>>,
    #[serde(borrow)]
    function_call: Object<Function<'a>>,
    #[serde(borrow)]
    audio: Object<Audio<'a>>,
    /// OpenRouter: generated images.
    images: List<IgnoredAny>,
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

/// A message's content: a text, or parts (Mistral's reasoning models).
#[derive(Debug, Default)]
enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(List<Object<Part<'a>>>),
    #[default]
    None,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    thinking: List<Object<Thought<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Thought<'a> {
    #[serde(borrow)]
    text: Text<'a>,
}

/// Reads an answer that is one document.
pub(super) fn read_body(body: &[u8], reading: &mut Reading) {
    match serde_json::from_slice::<Object<Chunk<'_>>>(body) {
        Ok(Object(Some(answer))) if !answer.is_bare() => answer.read(reading),
        _ => reading.facts.error = error::read(body).or_else(|| reading.facts.error.take()),
    }
}

/// Reads one server-sent event.
pub(super) fn read_event(event: Event<'_>, reading: &mut Reading) {
    if event.data.trim_ascii() == b"[DONE]" {
        reading.facts.ended = true;
        return;
    }
    let named_error = event.exception || event.name == Some("error");
    match serde_json::from_slice::<Object<Chunk<'_>>>(event.data) {
        Ok(Object(Some(chunk))) if !named_error && !chunk.is_bare() => chunk.read(reading),
        _ => {
            let error = error::read(event.data);
            note_error(&mut reading.facts, error.or_else(|| named_error.then(ErrorFacts::default)));
        }
    }
}

/// The first error counts, and none after the end of the answer.
pub(super) fn note_error(facts: &mut ResponseFacts, error: Option<ErrorFacts>) {
    if facts.error.is_none() && !facts.ended {
        facts.error = error;
    }
}

/// Sets `old` to what the wire says, unless that is nothing or nothing new: chunks repeat themselves.
pub(super) fn note(old: &mut Option<String>, new: &Text<'_>) {
    if let Some(new) = new.some()
        && old.as_deref() != Some(new)
    {
        *old = Some(new.to_owned());
    }
}

impl Chunk<'_> {
    /// Whether nothing of an answer is here, so that the document may be an error of another shape.
    fn is_bare(&self) -> bool {
        self.choices.0.is_empty()
            && self.usage.0.is_none()
            && self.value.0.is_none()
            && (self.id.0.is_none() || self.model.0.is_none())
    }

    fn read(&self, reading: &mut Reading) {
        let facts = &mut reading.facts;
        if facts.id.is_none() {
            note(&mut facts.id, &self.id);
        }
        note(&mut facts.model, &self.model);
        note(&mut facts.service_tier, &self.service_tier);
        note(&mut facts.system_fingerprint, &self.system_fingerprint);
        let groq = self.x_groq.0.as_ref();
        for usage in
            [groq.and_then(|groq| groq.usage.0.as_ref()), self.usage.0.as_ref()].into_iter().flatten()
        {
            facts.usage.merge(usage.read());
        }
        note_error(facts, self.error.facts().or_else(|| groq?.error.facts()));
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
        if let Some(usage) = &self.usage.0 {
            reading.facts.usage.merge(usage.read());
        }
        note_error(&mut reading.facts, self.error.facts());
        if let Some(text) = self.text.some() {
            generated(Channel::Text, index, text, reading);
        } else if let Some(message) = self.delta.0.as_ref().or(self.message.0.as_ref()) {
            message.read(index, reading);
        }
    }
}

impl Message<'_> {
    fn read(&self, choice: u64, reading: &mut Reading) {
        match self.reasoning_content.some().or_else(|| self.reasoning.some()) {
            Some(text) => generated(Channel::Reasoning, choice, text, reading),
            None => self.read_reasoning_details(choice, reading),
        }
        match &self.content {
            Content::Text(text) => generated(Channel::Text, choice, text, reading),
            Content::Parts(parts) => {
                for part in parts.0.iter().filter_map(|part| part.0.as_ref()) {
                    for thought in part.thinking.0.iter().filter_map(|thought| thought.0.as_ref()) {
                        generated(Channel::Reasoning, choice, thought.text.some().unwrap_or(""), reading);
                    }
                    generated(Channel::Text, choice, part.text.some().unwrap_or(""), reading);
                }
            }
            Content::None => {}
        }
        generated(Channel::Text, choice, self.refusal.some().unwrap_or(""), reading);
        for (position, call) in self.tool_calls.0.iter().enumerate() {
            if let Some(call) = &call.0 {
                let index = call.index.0.unwrap_or(position as u64);
                let function = call.function.0.as_ref().or(call.custom.0.as_ref());
                tool_call(choice, index, call.id.some(), function, reading);
            }
        }
        if let Some(function) = &self.function_call.0 {
            tool_call(choice, 0, None, Some(function), reading);
        }
        if let Some(audio) = &self.audio.0 {
            reading.facts.generated(audio.data.some().map_or(0, str::len));
            generated(Channel::Text, choice, audio.transcript.some().unwrap_or(""), reading);
        }
        reading.facts.output |= !self.images.0.is_empty();
    }

    fn read_reasoning_details(&self, choice: u64, reading: &mut Reading) {
        for detail in self.reasoning_details.0.iter().filter_map(|detail| detail.0.as_ref()) {
            let text = detail.text.some().or_else(|| detail.summary.some());
            generated(Channel::Reasoning, choice, text.unwrap_or(""), reading);
            reading.facts.generated(detail.data.some().map_or(0, str::len));
        }
    }
}

#[derive(Clone, Copy)]
enum Channel {
    Text,
    Reasoning,
}

fn generated(channel: Channel, choice: u64, text: &str, reading: &mut Reading) {
    reading.facts.generated(text.len());
    if let (Some(content), false) = (&mut reading.content, text.is_empty()) {
        match channel {
            Channel::Text => OutputContent::text(content, choice, text),
            Channel::Reasoning => OutputContent::reasoning(content, choice, text),
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
    let arguments = function.and_then(|function| function.arguments.some().or_else(|| function.input.some()));
    let arguments = arguments.unwrap_or("");
    reading.facts.generated(name.map_or(0, str::len) + arguments.len());
    if let Some(content) = &mut reading.content {
        content.tool_call(choice, index, id, name, arguments);
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = Content<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or parts")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Content::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Content::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                List::deserialize(SeqAccessDeserializer::new(seq)).map(Content::Parts)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Content::None)
            }
            fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Content::None)
            }
            fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Content::None)
            }
            fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Content::None)
            }
            fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Content::None)
            }
            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Content::None)
            }
        }
        deserializer.deserialize_any(Shape)
    }
}

#[cfg(test)]
mod tests;
