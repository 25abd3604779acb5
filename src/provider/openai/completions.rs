//! OpenAI legacy completions: a prompt, and choices with `text`.

use super::{chunk, common, usage_request};
use crate::call::{Operation, RequestFacts};
use crate::content::InputContent;
use crate::json::Json;
use crate::provider::format::{Event, Framing, Reading, Recognised, WireFormat};
use crate::provider::repeated::Repetition;
use crate::provider::target::Target;

/// OpenAI legacy completions.
#[derive(Debug)]
struct OpenAiCompletions {
    /// Whether a stream may be asked for its usage.
    asks: bool,
}

static WITH_USAGE_REQUEST: OpenAiCompletions = OpenAiCompletions { asks: true };
static WITHOUT_USAGE_REQUEST: OpenAiCompletions = OpenAiCompletions { asks: false };

/// `.../completions` that is not `.../chat/completions`.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    if !target.ends_with(&["completions"]) || !common::is_api_path(target) && deployment(target).is_none() {
        return None;
    }
    let format = if common::takes_options(target) { &WITH_USAGE_REQUEST } else { &WITHOUT_USAGE_REQUEST };
    let recognised = Recognised::new(format, Operation::TextCompletion).model(deployment(target));
    Some(recognised.provider(common::provider_of(target)).carrying(&["prompt"]))
}

/// Azure's deployment, or the engine of OpenAI's oldest paths: `/v1/engines/{engine}/completions`.
fn deployment(target: &Target<'_>) -> Option<String> {
    common::deployment(target).or_else(|| target.after("engines").map(str::to_owned))
}

impl WireFormat for OpenAiCompletions {
    fn stream_framing(&self) -> Framing {
        Framing::Sse
    }

    fn is_openai(&self) -> bool {
        true
    }

    fn repetition(&self) -> Option<&'static Repetition> {
        Some(&chunk::REPETITION)
    }

    fn read_request(&self, body: &Json<'_>, facts: &mut RequestFacts) {
        common::read_request(body, facts);
    }

    fn fields_not_hashed(&self) -> &'static [&'static str] {
        common::FIELDS_NOT_HASHED
    }

    fn read_input(&self, body: &Json<'_>) -> InputContent {
        InputContent { messages: common::prompts(body, "prompt"), ..InputContent::default() }
    }

    fn read_body(&self, body: &[u8], reading: &mut Reading) {
        chunk::read_body(body, reading)
    }

    fn read_event(&self, event: Event<'_>, reading: &mut Reading) {
        chunk::read_event(event, reading);
    }

    fn ask_for_usage(&self, text: &[u8], body: &Json<'_>) -> Option<Vec<u8>> {
        self.asks.then(|| usage_request::ask(text, body)).flatten()
    }
}

#[cfg(test)]
mod tests;
