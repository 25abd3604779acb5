//! Token counts as OpenAI-style APIs write them. The names of the subsets differ from gateway to gateway.

use serde::Deserialize;

use crate::provider::read::lenient::{Count, Object};
use crate::usage::{Modality, Usage};

/// A `usage` object of chat completions (`prompt_tokens`) or Responses (`input_tokens`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct WireUsage {
    prompt_tokens: Count,
    completion_tokens: Count,
    total_tokens: Count,
    input_tokens: Count,
    output_tokens: Count,
    prompt_tokens_details: Object<Details>,
    completion_tokens_details: Object<Details>,
    input_tokens_details: Object<Details>,
    output_tokens_details: Object<Details>,
    /// Mistral and Writer.
    prompt_token_details: Object<Details>,
    /// Writer.
    completion_token_details: Object<Details>,
    /// Together, Moonshot.
    cached_tokens: Count,
    /// Mistral.
    num_cached_tokens: Count,
    /// `DeepSeek`.
    prompt_cache_hit_tokens: Count,
    /// Gateways in front of Anthropic.
    cache_read_input_tokens: Count,
    /// Gateways in front of Anthropic.
    cache_creation_input_tokens: Count,
    /// Perplexity.
    reasoning_tokens: Count,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Count,
    cache_write_tokens: Count,
    /// `LiteLLM`.
    cache_creation_tokens: Count,
    /// Alibaba Cloud.
    cache_creation_input_tokens: Count,
    reasoning_tokens: Count,
    text_tokens: Count,
    image_tokens: Count,
    audio_tokens: Count,
    cached_tokens_details: Object<CachedDetails>,
}

/// OpenAI's audio models.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct CachedDetails {
    text_tokens: Count,
    image_tokens: Count,
    audio_tokens: Count,
}

impl WireUsage {
    /// The counts of an embedding, which has no output; some providers give the total alone.
    pub(super) fn read_input_alone(&self) -> Usage {
        let usage = self.read();
        Usage { input_tokens: usage.input_tokens.or(self.total_tokens.0), output_tokens: None, ..usage }
    }

    /// The counts as OpenTelemetry totals.
    pub(super) fn read(&self) -> Usage {
        let none = Details::default();
        let of = |objects: [&'_ Object<Details>; 3]| {
            objects.into_iter().find_map(|object| object.0.as_deref().cloned())
        };
        let input = of([&self.prompt_tokens_details, &self.input_tokens_details, &self.prompt_token_details])
            .unwrap_or_else(|| none.clone());
        let output = of([
            &self.completion_tokens_details,
            &self.output_tokens_details,
            &self.completion_token_details,
        ])
        .unwrap_or(none);
        let cached = input.cached_tokens_details.0.clone().unwrap_or_default();

        let input_tokens = self.prompt_tokens.0.or(self.input_tokens.0);
        let reasoning_tokens = output.reasoning_tokens.0.or(self.reasoning_tokens.0);
        Usage {
            input_tokens,
            output_tokens: with_reasoning(
                self.completion_tokens.0.or(self.output_tokens.0),
                reasoning_tokens,
                input_tokens,
                self.total_tokens.0,
            ),
            cache_read_tokens: input
                .cached_tokens
                .0
                .or(self.cached_tokens.0)
                .or(self.prompt_cache_hit_tokens.0)
                .or(self.cache_read_input_tokens.0)
                .or(self.num_cached_tokens.0),
            cache_write_tokens: input
                .cache_write_tokens
                .0
                .or(input.cache_creation_tokens.0)
                .or(input.cache_creation_input_tokens.0)
                .or(self.cache_creation_input_tokens.0),
            reasoning_tokens,
            input_modality: modality(input.text_tokens, input.image_tokens, input.audio_tokens),
            output_modality: modality(output.text_tokens, output.image_tokens, output.audio_tokens),
            cache_read_modality: modality(cached.text_tokens, cached.image_tokens, cached.audio_tokens),
        }
    }
}

/// Most providers count reasoning within the output. Some (xAI's Grok 3 mini) count it beside, which only their
/// total tells.
fn with_reasoning(
    output: Option<u64>,
    reasoning: Option<u64>,
    input: Option<u64>,
    total: Option<u64>,
) -> Option<u64> {
    let (Some(out), Some(reasoning), Some(input), Some(total)) = (output, reasoning, input, total) else {
        return output;
    };
    let beside = out.saturating_add(reasoning);
    if reasoning > 0 && total == input.saturating_add(beside) { Some(beside) } else { output }
}

fn modality(text: Count, image: Count, audio: Count) -> Modality {
    Modality { text: text.0, image: image.0, audio: audio.0 }
}

#[cfg(test)]
mod tests;
