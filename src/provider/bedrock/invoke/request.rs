//! Requests of the model families. Each parameter has one of a few names, at the top or in one object.

use crate::call::RequestFacts;
use crate::content::InputContent;
use crate::json::Json;
use crate::provider::bedrock::converse;
use crate::provider::read::{field, part};
use crate::provider::{anthropic, cohere};

/// Reads the parameters of a request.
pub(super) fn read(body: &Json<'_>, facts: &mut RequestFacts) {
    let places = [Some(body), body.get("inferenceConfig"), body.get("textGenerationConfig")];
    let int = |names: &[&str]| first(&places, names, field::int);
    let float = |names: &[&str]| first(&places, names, field::float);
    let model = facts.model.take();
    // The structured members (output format, effort) of the families that have any are Anthropic's.
    anthropic::messages::read_request(body, facts);
    facts.model = model;
    facts.max_tokens = int(&[
        "max_tokens",
        "max_completion_tokens",
        "max_tokens_to_sample",
        "max_gen_len",
        "maxTokens",
        "maxTokenCount",
        "max_new_tokens",
    ]);
    facts.temperature = float(&["temperature"]);
    facts.top_p = float(&["top_p", "topP", "p"]);
    facts.top_k = int(&["top_k", "topK", "k"]);
    facts.seed = int(&["seed"]);
    facts.frequency_penalty = float(&["frequency_penalty"]);
    facts.presence_penalty = float(&["presence_penalty"]);
    facts.choice_count = int(&["n", "num_generations", "numResults"]);
    facts.dimensions = int(&["dimensions", "output_dimension"]);
    let strings = |names: &[&str]| first(&places, names, some_strings).unwrap_or_default();
    facts.stop_sequences = strings(&["stop_sequences", "stopSequences", "stop"]);
    facts.encoding_formats = strings(&["embedding_types", "embeddingTypes"]);
    if let Some(effort) = field::string(body, "reasoning_effort") {
        facts.reasoning_level = Some(effort);
    }
}

/// Reads the messages of a request.
pub(super) fn read_input(body: &Json<'_>) -> InputContent {
    if body.get("messages").is_some() {
        let converse = body.get("schemaVersion").is_some() || body.get("inferenceConfig").is_some();
        return if converse { converse::read_input(body) } else { anthropic::messages::read_input(body) };
    }
    let mut content = cohere::v1::read_input(body);
    let titan = field::text(body, "inputText");
    // Nova's embeddings.
    let nova = body.get("singleEmbeddingParams").and_then(|single| field::text(single.get("text")?, "value"));
    let texts = titan.into_iter().chain(nova);
    content.messages.extend(texts.map(|text| part::message("user", vec![field::text_part(text)])));
    content
}

/// The value under the first of `names` that is in one of `places`.
fn first<T>(
    places: &[Option<&Json<'_>>],
    names: &[&str],
    read: impl Fn(&Json<'_>, &str) -> Option<T>,
) -> Option<T> {
    places.iter().flatten().find_map(|place| names.iter().find_map(|name| read(place, name)))
}

fn some_strings(object: &Json<'_>, name: &str) -> Option<Vec<String>> {
    Some(field::strings(object, name)).filter(|texts| !texts.is_empty())
}
