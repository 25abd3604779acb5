//! OpenAI embeddings.

use serde::Deserialize;

use super::common;
use super::usage::{self, OpenAi};
use crate::call::{Operation, RequestFacts};
use crate::content::InputContent;
use crate::json::Json;
use crate::provider::format::{Event, Framing, Reading, Recognised, WireFormat};
use crate::provider::read::document::document;
use crate::provider::read::lenient::Text;
use crate::provider::read::usage::Tallied;
use crate::provider::read::{error, field};
use crate::provider::target::Target;
use crate::semconv::provider;

/// OpenAI embeddings.
#[derive(Debug)]
struct OpenAiEmbeddings;

/// `.../embeddings`.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let deployment = common::deployment(target);
    // Voyage and Perplexity, Volcengine, Nomic and Azure have further names.
    let further = [
        (provider::VOYAGE_AI, &["multimodalembeddings"][..]),
        (provider::VOYAGE_AI, &["contextualizedembeddings"]),
        (provider::PERPLEXITY, &["contextualizedembeddings"]),
        (provider::VOLCENGINE, &["embeddings", "multimodal"]),
        (provider::NOMIC, &["embedding", "text"]),
    ];
    let known = further.iter().any(|(name, tail)| target.is_of(name) && target.ends_with(tail));
    let path = target.ends_with(&["embeddings"]) && (common::is_api_path(target) || deployment.is_some());
    if !known && !path {
        return None;
    }
    let recognised =
        Recognised::new(&OpenAiEmbeddings, Operation::Embeddings).model(deployment).carrying(&["input"]);
    Some(recognised.provider(common::provider_of(target)))
}

/// The response without its vectors.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow)]
    usage: Tallied<'a, OpenAi>,
}

impl WireFormat for OpenAiEmbeddings {
    fn stream_framing(&self) -> Framing {
        Framing::Whole
    }

    fn is_openai(&self) -> bool {
        true
    }

    fn read_request(&self, body: &Json<'_>, facts: &mut RequestFacts) {
        if let Some(model) = field::string(body, "model") {
            facts.model = Some(model);
        }
        facts.encoding_formats = field::strings(body, "encoding_format");
        facts.dimensions = field::int(body, "dimensions").or_else(|| field::int(body, "output_dimension"));
        facts.service_tier = field::string(body, "service_tier");
    }

    fn fields_not_hashed(&self) -> &'static [&'static str] {
        common::FIELDS_NOT_HASHED
    }

    fn read_input(&self, body: &Json<'_>) -> InputContent {
        InputContent { messages: common::prompts(body, "input"), ..InputContent::default() }
    }

    fn read_body(&self, body: &[u8], reading: &mut Reading) {
        let Ok(answer) = document::<Response<'_>>(body, reading) else { return };
        match answer {
            Some(answer) if answer.model.0.is_some() || answer.usage.is_some() => {
                answer.id.note(&mut reading.facts.id);
                answer.model.note(&mut reading.facts.model);
                if let Some(tally) = answer.usage.as_ref() {
                    usage::note_input_alone(tally, &mut reading.facts);
                }
            }
            _ => reading.facts.note_error(error::read(body)),
        }
    }

    fn read_event(&self, event: Event<'_>, reading: &mut Reading) {
        self.read_body(event.data, reading);
    }
}

#[cfg(test)]
mod tests;
