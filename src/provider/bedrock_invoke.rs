//! Amazon Bedrock's `InvokeModel` and `InvokeModelWithResponseStream`: each model family's own shapes, told
//! apart by their members, since the path may name a profile instead of a model. Source: the Bedrock user guide,
//! "Inference request parameters and response fields for foundation models".

mod families;
mod request;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::lenient::{Count, Object, Text};
use super::{
    Event, Framing, Reading, Recognised, Target, WireFormat, anthropic_messages, bedrock, bedrock_converse,
    cohere_v1, error, openai_chunk,
};
use crate::call::{Operation, RequestFacts};
use crate::content::InputContent;
use crate::usage::Usage;

#[derive(Debug)]
struct BedrockInvoke;

/// Models that answer with something else than text or vectors, by a part of their names.
const OTHER_MODELS: [&str; 6] = ["stability.", "titan-image", "nova-canvas", "nova-reel", "nova-sonic", "rerank"];

/// The payload of a `chunk` event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    #[serde(borrow)]
    bytes: Text<'a>,
}

/// What tells the families apart, and the counts that Bedrock puts into the last chunk of each.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Family<'a> {
    /// Anthropic's.
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    /// OpenAI's, as Mistral, AI21, `DeepSeek`, Qwen and others use it.
    choices: Option<IgnoredAny>,
    /// Nova's.
    output: Option<IgnoredAny>,
    #[serde(borrow)]
    message_start: Option<&'a serde_json::value::RawValue>,
    metrics: Object<Metrics>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metrics {
    input_token_count: Count,
    output_token_count: Count,
}
