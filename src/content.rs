//! Message content in the conventions' JSON form: collected only where the application opted in, and cut
//! before it reaches a span.

use opentelemetry::KeyValue;
use serde_json::Value;

/// A request's content, in the conventions' schemas.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct InputContent {
    /// `gen_ai.system_instructions`: text parts, for APIs with a separate system field.
    pub(crate) system: Vec<Value>,
    /// `gen_ai.input.messages`.
    pub(crate) messages: Vec<Value>,
    /// `gen_ai.tool.definitions`: type and name only.
    pub(crate) tools: Vec<Value>,
}

/// An answer's content, collected choice by choice and channel by channel.
#[derive(Debug, Default)]
pub(crate) struct OutputContent {}

impl OutputContent {
    /// Appends generated text of one choice.
    pub(crate) fn text(&mut self, _choice: u64, _text: &str) {}

    /// Appends reasoning text of one choice.
    pub(crate) fn reasoning(&mut self, _choice: u64, _text: &str) {}

    /// Appends to the `index`-th tool call of one choice; `arguments` may come in fragments.
    pub(crate) fn tool_call(
        &mut self,
        _choice: u64,
        _index: u64,
        _id: Option<&str>,
        _name: Option<&str>,
        _arguments: &str,
    ) {
    }
}

/// What of the messages is recorded.
#[derive(Debug, Clone, Default)]
pub struct Capture {}

impl Capture {
    pub(crate) fn from_env() -> Self {
        Self {}
    }

    pub(crate) fn output(&self) -> Option<OutputContent> {
        None
    }

    pub(crate) fn question(&self, _read: impl FnOnce() -> InputContent) -> Vec<KeyValue> {
        Vec::new()
    }

    pub(crate) fn answer(&self, _content: OutputContent) -> Vec<KeyValue> {
        Vec::new()
    }
}
