//! Google's embeddings: `embedContent` and `batchEmbedContents`, and Vertex AI's older `predict`.

#[cfg(test)]
mod tests;

use serde::Deserialize;

use super::generate;
use super::tokens::{self, UsageMetadata};
use crate::call::{Operation, RequestFacts};
use crate::content::InputContent;
use crate::json::Json;
use crate::provider::format::{Event, Framing, Reading, Recognised, WireFormat};
use crate::provider::read::document::document;
use crate::provider::read::error::{self, Fault};
use crate::provider::read::lenient::{Count, List, Object};
use crate::provider::read::usage::Tallied;
use crate::provider::read::{field, part};
use crate::provider::target::Target;
use crate::usage::Usage;

#[derive(Debug)]
struct GeminiEmbeddings;

/// The response without its vectors.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Response<'a> {
    #[serde(borrow)]
    usage_metadata: Tallied<'a, UsageMetadata>,
    /// Of `predict`.
    predictions: List<Object<Prediction>>,
    #[serde(borrow)]
    error: Fault<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Prediction {
    embeddings: Object<Embedding>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Embedding {
    statistics: Object<Statistics>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Statistics {
    token_count: Count,
}

/// `.../models/MODEL:embedContent` and its like. `predict` serves models of every kind; those that embed have
/// it in their names.
pub(super) fn recognise(target: &Target<'_>) -> Option<Recognised> {
    let (model, action) = generate::model_action(target)?;
    match action {
        "embedContent" | "batchEmbedContents" => {}
        "predict" if model.contains("embedding") => {}
        _ => return None,
    }
    let recognised = Recognised::new(&GeminiEmbeddings, Operation::Embeddings);
    Some(recognised.provider(Some(generate::provider_of(target))).model(Some(model)).distinct())
}

/// Each thing to embed with its own options.
fn requests<'v, 'j>(body: &'v Json<'j>) -> &'v [Json<'j>] {
    let batch = match field::list(body, "requests") {
        [] => field::list(body, "instances"),
        batch => batch,
    };
    if batch.is_empty() { std::slice::from_ref(body) } else { batch }
}

impl WireFormat for GeminiEmbeddings {
    fn stream_framing(&self) -> Framing {
        Framing::Whole
    }

    fn read_request(&self, body: &Json<'_>, facts: &mut RequestFacts) {
        facts.sound =
            requests(body).iter().filter_map(|request| request.get("content")).any(generate::holds_sound);
        let places = [requests(body).first(), body.get("parameters"), body.get("embedContentConfig")];
        facts.dimensions = places.into_iter().flatten().find_map(|place| {
            field::int(place, "outputDimensionality").or_else(|| field::int(place, "output_dimensionality"))
        });
    }

    fn fields_not_hashed(&self) -> &'static [&'static str] {
        &["labels"]
    }

    fn read_input(&self, body: &Json<'_>) -> InputContent {
        let messages = requests(body).iter().filter_map(|request| match request.get("content")? {
            Json::String(text) => Some(part::message("user", vec![field::text_part(text.decoded())])),
            content => Some(generate::message(content)),
        });
        InputContent { messages: messages.collect(), ..InputContent::default() }
    }

    fn read_body(&self, body: &[u8], reading: &mut Reading) {
        let Ok(answer) = document::<Response<'_>>(body, reading) else { return };
        let facts = &mut reading.facts;
        let Some(answer) = answer else {
            return facts.note_error(error::read(body));
        };
        if let Some(tally) = answer.usage_metadata.as_ref() {
            tokens::note(tally, facts);
        }
        let predictions = answer.predictions.0.iter().filter_map(|prediction| prediction.0.as_ref());
        let counts = predictions
            .filter_map(|prediction| prediction.embeddings.0.as_ref()?.statistics.0.as_ref()?.token_count.0);
        let input_tokens =
            counts.fold(None, |sum: Option<u64>, count| Some(sum.unwrap_or(0).saturating_add(count)));
        facts.count(Usage { input_tokens, ..Usage::default() });
        facts.note_error(answer.error.facts());
        facts.ended = true;
    }

    fn read_event(&self, event: Event<'_>, reading: &mut Reading) {
        self.read_body(event.data, reading);
    }
}
