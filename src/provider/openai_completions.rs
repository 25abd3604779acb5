//! OpenAI legacy completions: a prompt, and choices with `text`.

use serde_json::{Value, json};

use super::recognise::Target;
use super::{Event, Framing, Reading, Recognised, WireFormat, field, openai_chat, openai_chunk};
use crate::call::{Operation, RequestFacts};
use crate::content::InputContent;
use crate::json::Json;

/// OpenAI legacy completions.
#[derive(Debug)]
struct OpenAiCompletions {
    /// Whether a stream may be asked for its usage.
    asks: bool,
}

static ASKING: OpenAiCompletions = OpenAiCompletions { asks: true };
static SILENT: OpenAiCompletions = OpenAiCompletions { asks: false };

/// `.../completions` that is not `.../chat/completions`.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    if !target.ends_with(&["completions"])
        || !openai_chat::is_api_path(target) && deployment(target).is_none()
    {
        return None;
    }
    Some(Recognised {
        format: if openai_chat::takes_options(target) { &ASKING } else { &SILENT },
        operation: Operation::TextCompletion,
        api_type: None,
        provider: openai_chat::provider_of(target),
        request: RequestFacts { model: deployment(target), ..RequestFacts::default() },
    })
}

/// Azure's deployment, or the engine of OpenAI's oldest paths: `/v1/engines/{engine}/completions`.
fn deployment(target: &Target<'_>) -> Option<String> {
    openai_chat::deployment(target).or_else(|| target.after("engines").map(str::to_owned))
}

impl WireFormat for OpenAiCompletions {
    fn stream_framing(&self) -> Framing {
        Framing::Sse
    }

    fn is_openai(&self) -> bool {
        true
    }

    fn read_request(&self, body: &Json<'_>, facts: &mut RequestFacts) {
        openai_chat::read_request(body, facts);
    }

    fn undeciding(&self) -> &'static [&'static str] {
        openai_chat::UNDECIDING
    }

    fn read_input(&self, body: &Value) -> InputContent {
        InputContent { messages: prompts(body, "prompt"), ..InputContent::default() }
    }

    fn read_body(&self, body: &[u8], reading: &mut Reading) {
        openai_chunk::read_body(body, reading);
    }

    fn read_event(&self, event: Event<'_>, reading: &mut Reading) {
        openai_chunk::read_event(event, reading);
    }

    fn ask_for_usage(&self, body: &mut Value) -> bool {
        self.asks && openai_chat::ask_for_usage(body)
    }
}

/// Each prompt as a user message; prompts of token numbers have no text to show.
pub(super) fn prompts(body: &Value, name: &str) -> Vec<Value> {
    let message = |text: &String| json!({"role": "user", "parts": [field::text_part(text)]});
    field::strings(body, name).iter().map(message).collect()
}

#[cfg(test)]
mod tests;
