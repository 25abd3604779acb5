//! Message content in the conventions' JSON form: collected only where the application opted in, and cut
//! before it reaches a span.

mod cut;
mod output;
mod redact;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fmt;

use opentelemetry::KeyValue;
use serde_json::Value;

pub(crate) use self::output::OutputContent;
use self::redact::Redaction;
use crate::semconv::attribute;

/// The variable other instrumentations of the conventions read as well.
const VARIABLE: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";

/// The default of [`Capture::max_bytes`]: a long answer or a page of prompt, and far below the 4 MiB that a
/// batch of spans may have on its way.
const MAX_BYTES: usize = 64 * 1024;

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

/// Which message content is recorded on the span. None by default: prompts and responses are likely to hold what
/// should not be readable in a trace.
///
/// ```
/// use spanledger::{Capture, GenAiMiddleware};
///
/// let middleware = GenAiMiddleware::builder()
///     .capture(Capture::full().max_bytes(16 * 1024).redact(|part| {
///         if let Some(content) = part.get_mut("content") {
///             *content = content.as_str().unwrap_or_default().replace("alice@example.com", "[e-mail]").into();
///         }
///     }))
///     .build();
/// ```
///
/// Where the builder leaves this open, `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` decides: `SPAN_ONLY`,
/// `SPAN_AND_EVENT` and `true` record all messages on the span; `NO_CONTENT`, `false`, `EVENT_ONLY` and
/// whatever else record none. This library emits no events, so `EVENT_ONLY` asks for content where there is
/// no place for it.
#[derive(Clone)]
pub struct Capture {
    mode: Mode,
    max_bytes: usize,
    redaction: Option<Redaction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Off,
    Preview { characters: usize },
    Full,
}

impl Default for Capture {
    fn default() -> Self {
        Self::off()
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture")
            .field("mode", &self.mode)
            .field("max_bytes", &self.max_bytes)
            .field("redacted", &self.redaction.is_some())
            .finish()
    }
}

impl Capture {
    const fn new(mode: Mode) -> Self {
        Self { mode, max_bytes: MAX_BYTES, redaction: None }
    }

    /// Records no content. The default.
    #[must_use]
    pub const fn off() -> Self {
        Self::new(Mode::Off)
    }

    /// Records the first `characters` of the last user message and of the response's text, as
    /// `spanledger.request.preview` and `spanledger.response.preview`.
    #[must_use]
    pub const fn preview(characters: usize) -> Self {
        Self::new(Mode::Preview { characters })
    }

    /// Records system instructions, messages and tool names in the conventions' JSON form, as
    /// `gen_ai.system_instructions`, `gen_ai.input.messages`, `gen_ai.output.messages` and
    /// `gen_ai.tool.definitions`.
    #[must_use]
    pub const fn full() -> Self {
        Self::new(Mode::Full)
    }

    /// The most bytes one attribute may have. Defaults to 64 KiB. Long texts are cut, and what was cut is
    /// counted in their place; the JSON stays whole. When cutting texts is not enough, the oldest messages go.
    #[must_use]
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Hands every message part (`{"type": "text", "content": ...}`, `{"type": "tool_call", "name": ...,
    /// "arguments": ...}` and the others of the conventions' schemas) to `hook` before anything is cut or
    /// recorded, previews included. The hook may change or empty it. A hook that panics leaves the part out.
    /// Without content there is nothing to redact, and the hook is not called. Of a response the hook sees what
    /// fits [`Capture::max_bytes`], so that a secret may be cut in two at that border.
    #[must_use]
    pub fn redact(mut self, hook: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        self.redaction = Some(Redaction::new(hook));
        self
    }

    /// What the environment says.
    #[expect(clippy::disallowed_methods, reason = "the one variable of content")]
    pub(crate) fn from_env() -> Self {
        Self::from_variable(std::env::var_os(VARIABLE).as_deref())
    }

    fn from_variable(value: Option<&OsStr>) -> Self {
        let value = value.and_then(OsStr::to_str).unwrap_or_default().trim();
        let full = ["SPAN_ONLY", "SPAN_AND_EVENT", "true"];
        if full.iter().any(|full| value.eq_ignore_ascii_case(full)) { Self::full() } else { Self::off() }
    }

    /// Where a response's content is collected; `None` when it is not wanted.
    pub(crate) fn output(&self) -> Option<OutputContent> {
        match self.mode {
            Mode::Off => None,
            // A redaction needs to see more than what is shown: a name cut in two is no longer a name.
            Mode::Preview { characters } if self.redaction.is_none() => {
                Some(OutputContent::text_alone(cut::bytes_of(characters).min(self.max_bytes)))
            }
            Mode::Preview { .. } => Some(OutputContent::text_alone(self.max_bytes)),
            Mode::Full => Some(OutputContent::new(self.max_bytes)),
        }
    }

    /// The attributes that show a request. `read` is called only when one is wanted.
    pub(crate) fn request_attributes(&self, read: impl FnOnce() -> InputContent) -> Vec<KeyValue> {
        match self.mode {
            Mode::Off => Vec::new(),
            Mode::Preview { characters } => {
                let mut messages = read().messages;
                let Some(last) = messages.iter_mut().rfind(|message| message["role"] == "user") else {
                    return Vec::new();
                };
                self.redact_parts(last);
                preview(attribute::REQUEST_PREVIEW, &text_of(last), characters)
            }
            Mode::Full => {
                let InputContent { mut system, mut messages, mut tools } = read();
                if let Some(redaction) = &self.redaction {
                    system.iter_mut().chain(&mut tools).for_each(|part| redaction.apply(part));
                }
                messages.iter_mut().for_each(|message| self.redact_parts(message));
                [
                    (attribute::SYSTEM_INSTRUCTIONS, system),
                    (attribute::INPUT_MESSAGES, messages),
                    (attribute::TOOL_DEFINITIONS, tools),
                ]
                .into_iter()
                .filter(|(_, items)| !items.is_empty())
                .map(|(name, items)| KeyValue::new(name, cut::to_json(items, self.max_bytes)))
                .collect()
            }
        }
    }

    /// The attributes that show a response.
    pub(crate) fn response_attributes(&self, content: OutputContent) -> Vec<KeyValue> {
        let mut messages = content.into_messages();
        messages.iter_mut().for_each(|message| self.redact_parts(message));
        match (self.mode, messages.first()) {
            (Mode::Off, _) | (_, None) => Vec::new(),
            (Mode::Preview { characters }, Some(first)) => {
                preview(attribute::RESPONSE_PREVIEW, &text_of(first), characters)
            }
            (Mode::Full, _) => {
                vec![KeyValue::new(attribute::OUTPUT_MESSAGES, cut::to_json(messages, self.max_bytes))]
            }
        }
    }

    fn redact_parts(&self, message: &mut Value) {
        if let (Some(redaction), Some(Value::Array(parts))) = (&self.redaction, message.get_mut("parts")) {
            parts.iter_mut().for_each(|part| redaction.apply(part));
        }
    }
}

/// The text parts of a message, a line each.
fn text_of(message: &Value) -> String {
    let parts = message["parts"].as_array().into_iter().flatten();
    let texts: Vec<&str> =
        parts.filter(|part| part["type"] == "text").filter_map(|part| part["content"].as_str()).collect();
    texts.join("\n")
}

fn preview(name: &'static str, text: &str, characters: usize) -> Vec<KeyValue> {
    let shown = cut::characters(text, characters);
    if shown.is_empty() { Vec::new() } else { vec![KeyValue::new(name, shown.to_owned())] }
}
