//! OpenAI chat completions, the wire format of most gateways; Azure OpenAI in both path styles; Writer's
//! `/v1/chat`; Mistral and AI21 on Vertex AI.

mod input;

use super::{chunk, common, usage_request};
use crate::call::{Operation, RequestFacts};
use crate::content::InputContent;
use crate::json::Json;
use crate::provider::format::{Event, Framing, Reading, Recognised, WireFormat};
use crate::provider::repeated::Repetition;
use crate::provider::target::Target;
use crate::semconv::{openai_api_type, provider};

pub(in crate::provider) use input::read as read_messages;
pub(super) use input::{file, tool};

/// OpenAI chat completions.
#[derive(Debug)]
pub(in crate::provider) struct OpenAiChat {
    /// Whether a stream may be asked for its usage.
    asks: bool,
}

pub(super) static WITH_USAGE_REQUEST: OpenAiChat = OpenAiChat { asks: true };
pub(in crate::provider) static WITHOUT_USAGE_REQUEST: OpenAiChat = OpenAiChat { asks: false };

const WRITER_HOST: &str = "api.writer.com";

/// `.../chat/completions` on any host, and what some providers call it otherwise.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    if let Some((model, stream)) = vertex(target) {
        let recognised = chat(&WITHOUT_USAGE_REQUEST).model(Some(model)).stream(stream);
        return Some(recognised.provider(target.provider.or(Some(provider::GCP_VERTEX_AI))));
    }
    let writer = target.host == WRITER_HOST && target.segments == ["v1", "chat"];
    let mistral_agent =
        target.provider == Some(provider::MISTRAL_AI) && target.ends_with(&["agents", "completions"]);
    let sonar = target.is_of(provider::PERPLEXITY) && target.ends_with(&["sonar"]);
    if !writer && !mistral_agent && !sonar && !target.ends_with(&["chat", "completions"]) {
        return None;
    }
    let format = if common::takes_options(target) { &WITH_USAGE_REQUEST } else { &WITHOUT_USAGE_REQUEST };
    let mut recognised = chat(format).provider(common::provider_of(target)).model(common::deployment(target));
    recognised.request.route = route(target).map(str::to_owned);
    Some(recognised)
}

/// Who serves a model behind Hugging Face's router: `/together/v1/chat/completions`.
fn route<'t>(target: &'t Target<'_>) -> Option<&'t str> {
    let first = target.segments.first().map(AsRef::as_ref).filter(|first| *first != "v1")?;
    target.is_of(provider::HUGGINGFACE).then_some(first)
}

fn chat(format: &'static OpenAiChat) -> Recognised {
    Recognised::new(format, Operation::Chat)
        .api_type(openai_api_type::CHAT_COMPLETIONS)
        .carrying(&["messages"])
        .distinct()
}

/// Model and streaming of the publishers on Vertex AI that speak this format. Mistral's document reader does not.
fn vertex<'t>(target: &'t Target<'_>) -> Option<(&'t str, bool)> {
    let (publisher, model, stream) = target.raw_prediction()?;
    let chat = matches!(publisher, "mistralai" | "ai21") && !model.contains("ocr");
    chat.then_some((model, stream))
}

impl WireFormat for OpenAiChat {
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
        input::read(body)
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
