//! The families with shapes of their own: Titan, Llama, Mistral's and Anthropic's completions, AI21's Jurassic.
//! No two of them share a member but where it means the same.

use serde::Deserialize;

use crate::provider::format::Reading;
use crate::provider::read::document::document;
use crate::provider::read::lenient::{Count, List, Object, Text};
use crate::usage::Usage;

/// A whole answer, or one chunk.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Response<'a> {
    /// Titan, whole and in chunks; its embeddings have the first of these only.
    #[serde(rename = "inputTextTokenCount")]
    titan_input: Count,
    #[serde(borrow)]
    results: List<Object<TitanResult<'a>>>,
    #[serde(borrow, rename = "outputText")]
    titan_text: Text<'a>,
    #[serde(rename = "totalOutputTextTokenCount")]
    titan_output: Count,
    #[serde(borrow, rename = "completionReason")]
    titan_reason: Text<'a>,
    /// Llama.
    #[serde(borrow)]
    generation: Text<'a>,
    prompt_token_count: Count,
    generation_token_count: Count,
    /// Mistral's completions.
    #[serde(borrow)]
    outputs: List<Object<Output<'a>>>,
    /// Anthropic's completions.
    #[serde(borrow)]
    completion: Text<'a>,
    /// Llama, and Anthropic's completions.
    #[serde(borrow)]
    stop_reason: Text<'a>,
    /// Jurassic.
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    completions: List<Object<Completion<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TitanResult<'a> {
    token_count: Count,
    #[serde(borrow)]
    output_text: Text<'a>,
    #[serde(borrow)]
    completion_reason: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Output<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Completion<'a> {
    #[serde(borrow)]
    data: Object<Output<'a>>,
    #[serde(borrow)]
    finish_reason: Object<Reason<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reason<'a> {
    #[serde(borrow)]
    reason: Text<'a>,
}

/// Reads what is known of `data`; `false` when nothing is.
pub(super) fn read(data: &[u8], reading: &mut Reading) -> bool {
    let Ok(Some(answer)) = document::<Response<'_>>(data, reading) else { return false };
    let facts = &mut reading.facts;
    let results = || answer.results.0.iter().filter_map(|result| result.0.as_ref());
    let counted = results().filter_map(|result| result.token_count.0).reduce(u64::saturating_add);
    facts.count(Usage {
        input_tokens: answer.titan_input.0.or(answer.prompt_token_count.0),
        output_tokens: answer.titan_output.0.or(counted).or(answer.generation_token_count.0),
        ..Usage::default()
    });
    let none = Text::default();
    let mut known = answer.titan_input.0.is_some();
    for text in [&answer.titan_text, &answer.generation, &answer.completion] {
        if text.0.is_some() {
            let reason =
                if answer.titan_reason.0.is_some() { &answer.titan_reason } else { &answer.stop_reason };
            choice(0, text, reason, reading);
            known = true;
        }
    }
    for (index, result) in results().enumerate() {
        choice(index, &result.output_text, &result.completion_reason, reading);
        known = true;
    }
    for (index, output) in answer.outputs.0.iter().filter_map(|output| output.0.as_ref()).enumerate() {
        choice(index, &output.text, &output.stop_reason, reading);
        known = true;
    }
    for (index, completion) in answer.completions.0.iter().enumerate() {
        let Some(completion) = &completion.0 else { continue };
        let text = completion.data.0.as_ref().map_or(&none, |data| &data.text);
        let reason = completion.finish_reason.0.as_ref().map_or(&none, |reason| &reason.reason);
        answer.id.note(&mut reading.facts.id);
        choice(index, text, reason, reading);
        known = true;
    }
    known
}

fn choice(index: usize, text: &Text<'_>, reason: &Text<'_>, reading: &mut Reading) {
    let index = index as u64;
    reading.facts.choice(index);
    reading.text(index, text.some());
    reading.facts.finish(index, reason.some().unwrap_or_default());
}
